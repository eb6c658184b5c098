"""People: which mentions are one person, as edges between mentions.

Numbers first: whoever bears the same ID number (as keyed pseudonym), talent number, expert number or ORCID, or the same
mail address or phone under the same name, is one person. What is joined so is one node. Then names: nodes whose names
sound alike and that share an employer, a project or a year of birth are compared as wholes, with the weights of
people.json (linkage.py). A node that fits several people equally well is joined to none of them.

docs/adr/0018-people.md says why. Evidence names what agrees, never a value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from math import fsum
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import connect
from warehouse.resolve import linkage
from warehouse.resolve.person_names import person_name

MODEL = Path(__file__).with_name("people.json")
# Of the probability of two nodes. Measured by bench/people.py over the stand-in city, docs/people-matching.md.
JOIN = 0.9
REVIEW = 0.3
FAINT = 0.1  # pairs below are not even weighed against others
SMALL = 0.002  # share of the nodes: colleagues in a smaller place say more than those in a large one
CROWD = 6  # nodes of one sound: up to so many are compared even where they share nothing else
EDGES = pa.schema(
    [
        ("mention_a", pa.string()),
        ("mention_b", pa.string()),
        ("probability", pa.float64()),
        ("rule", pa.string()),
        ("evidence", pa.string()),
        ("is_uncertain", pa.bool_()),
    ]
)
_EDGES = pa.schema([("a", pa.int32()), ("b", pa.int32()), *list(EDGES)[2:]])  # mentions by their number

# kind → column, probability that two bearers are one person, whether the name must sound the same
_NUMBERS = {
    "id_number": ("id_number_pseudonym", 1.0, False),
    "talent_no": ("talent_no", 1.0, False),
    "expert_no": ("expert_no", 1.0, False),
    "orcid": ("orcid", 1.0, False),
    "email": ("email_pseudonym", 0.999, True),
    "phone": ("phone_pseudonym", 0.999, True),
}
# what else of a mention is compared
_TOLD = ("role", "id_number", "birth_year", "gender", "discipline", "project", "activity_year", "is_head")
_UNNAMED_PHONE = 0.95  # somebody who is a phone number only: the phone may have been handed on
_MISSPELT = 0.97  # one number, two names that differ in one character
_TWO_NAMES = 0.5  # one number, two names: one of the records is wrong, and nobody can say which


def edges(mentions: pa.Table, employers: pa.Table) -> pa.Table:
    """Edges between mentions of the same person: EDGES, in the order of the mentions.

    `mentions` has the columns of int_person_mentions, `employers` those of int_person_employers (mention_id,
    employer_id): one row per institution that a mention names as employer. Edges span the people, they are not all
    pairs. `is_uncertain`: too likely to be forgotten, too unlikely to be taken; for stewards.
    """
    with connect.memory(threads=1, limit=linkage.memory(mentions, employers)) as con:
        exact, ids, forms = _exact(con, mentions, employers)
        shares, prior = _frequencies(con)
    found = [exact]
    if forms.num_rows:
        pairs = linkage.score(forms, _model(), prior=prior, shares=shares, least=FAINT, say=_SAYS)
        found.append(_by_names(pairs, forms.filter(forms["is_anchored"])["unique_id"].to_pylist()))
    table = pa.concat_tables(found).sort_by([("a", "ascending"), ("b", "ascending"), ("rule", "ascending")])
    return pa.table([ids.take(table["a"]), ids.take(table["b"]), *table.columns[2:]], schema=EDGES)


def nodes(mentions: pa.Table, employers: pa.Table) -> tuple[pa.Table, pa.Table]:
    """What names are compared of: the nodes as forms for linkage.score, and mention_id → unique_id of its node."""
    with connect.memory(threads=1, limit=linkage.memory(mentions, employers)) as con:
        _, _, forms = _exact(con, mentions, employers)
        return forms, con.execute(
            "select mention_id, unique_id from number join given_nodes using (m)"
        ).to_arrow_table()


def _exact(
    con: duckdb.DuckDBPyConnection, mentions: pa.Table, employers: pa.Table
) -> tuple[pa.Table, pa.Array, pa.Table]:
    """Edges by numbers, the ids of the mentions in their order, and the nodes that the edges make."""
    con.register("given_mentions", mentions)
    con.register("given_employers", employers)
    _prepare(con)
    exact = _by_numbers(con)
    sure = exact.filter(pc.invert(exact["is_uncertain"]))
    ids = con.execute("select mention_id from number order by m").to_arrow_table()["mention_id"].combine_chunks()
    node = components(len(ids), sure["a"].to_numpy(), sure["b"].to_numpy())
    con.register("given_nodes", pa.table({"m": np.arange(len(ids)), "unique_id": node}))
    return exact, ids, _nodes(con)


def components(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest member of the component of each of `count` nodes; `a` and `b` are the ends of the edges.

    >>> components(5, np.array([3, 1]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 1]
    """
    root = np.arange(count)
    while True:
        low = np.minimum(root[a], root[b])
        following = root.copy()
        np.minimum.at(following, root[a], low)
        np.minimum.at(following, root[b], low)
        while not np.array_equal(following, jumped := following[following]):
            following = jumped
        if np.array_equal(following, root):
            return root
        root = following


@cache
def _model() -> dict[str, Any]:
    return linkage.load(MODEL)


# -- numbers ----------------------------------------------------------------------------------------------------------


def _prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Tables `number` (of each mention, in their order), `mention` (with the normal forms of its name) and `bearer`
    (one row per mention and number of a person).
    """
    written = [n for (n,) in con.execute("select distinct person_name from given_mentions order by 1").fetchall() if n]
    forms = [(n, f) for n in written if (f := person_name(n))]
    names = pa.table(
        {
            "person_name": pa.array([n for n, _ in forms], pa.string()),
            "characters": pa.array([f.characters for _, f in forms], pa.string()),
            "sounds": pa.array([list(f.sounds) for _, f in forms], pa.list_(pa.string())),
        }
    )
    con.register("given_names", names)
    orcids = [o for (o,) in con.execute("select distinct orcid from given_mentions where orcid is not null").fetchall()]
    con.register("right_orcids", pa.table({"orcid": pa.array(filter(has_right_check, sorted(orcids)), pa.string())}))
    columns = ", ".join(f"g.{c}" for c in (*(c for c, _, _ in _NUMBERS.values()), *_TOLD) if c != "orcid")
    con.execute(f"""
        create table number as
        select mention_id, (row_number() over (order by mention_id) - 1)::integer as m from given_mentions;
        create table mention as
        select number.m, {columns}, r.orcid, n.characters, n.sounds, n.sounds[1] as sound
        from given_mentions as g join number using (mention_id)
        left join given_names as n using (person_name) left join right_orcids as r using (orcid)
    """)
    parts = [
        f"select m, role, '{kind}' as kind, {column} as value, sound, sounds, characters from mention "
        f"where {column} is not null"
        for kind, (column, _, _) in _NUMBERS.items()
    ]
    con.execute(f"create table bearer as {' union all '.join(parts)}")


def has_right_check(orcid: str) -> bool:
    """Whether the last character of an ORCID is what ISO 7064 MOD 11-2 wants.

    >>> has_right_check("0000-0002-1825-0097"), has_right_check("0000-0002-1825-0098")
    (True, False)
    """
    digits = orcid.replace("-", "")
    if len(digits) != 16 or not digits[:15].isdigit():
        return False
    total = 0
    for digit in digits[:15]:
        total = (total + int(digit)) * 2
    return digits[15].upper() == "0123456789X"[(12 - total % 11) % 11]


def _by_numbers(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Edges between the bearers of one number: within each name a star around its first mention, between the names of a
    number one edge, and every mention without a name beside the register's own entry.
    """
    strict = ", ".join(f"'{kind}'" for kind, (_, _, named) in _NUMBERS.items() if named)
    sure = " ".join(f"when '{kind}' then {p}" for kind, (_, p, _) in _NUMBERS.items())
    con.execute(
        """
        create table name_of_number as
        select kind, value, sound, min(m) as first, arg_min(sounds, m) as sounds,
            min(characters) as characters, bool_or(role = 'self') as has_own, count(*) as bearers
        from bearer where sound is not null group by kind, value, sound
        """
    )
    con.execute(
        """
        create table owner as
        select kind, value, arg_min(first, (not has_own, -bearers, first)) as first, count(*) as names
        from name_of_number group by kind, value
        """
    )
    return (
        con.execute(f"""
        with within as (
            select n.first as a, b.m as b, b.kind, case b.kind {sure} end as p,
                case when b.kind in ({strict}) then ', name' else '' end as more, false as unsure
            from bearer as b join name_of_number as n using (kind, value, sound)
            where b.m <> n.first
        ),
        unnamed as (
            select coalesce(o.first, min(b.m) over (partition by b.kind, b.value)) as a, b.m as b,
                b.kind, case when b.kind = 'phone' then {_UNNAMED_PHONE} else case b.kind {sure} end end as p,
                '' as more, b.kind in ({strict}) and coalesce(o.names, 1) > 1 as unsure
            from bearer as b left join owner as o using (kind, value)
            where b.sound is null
        ),
        between_names as (
            select o.first as a, n.first as b, n.kind,
                case
                    when list_has_any(n.sounds, w.sounds) then 1.0
                    when levenshtein(n.characters, w.characters) = 1 then {_MISSPELT}
                    when levenshtein(n.sound, w.sound) = 1 then {_MISSPELT}
                    else {_TWO_NAMES}
                end as p
            from name_of_number as n join owner as o using (kind, value)
            join name_of_number as w on w.kind = o.kind and w.value = o.value and w.first = o.first
            where n.first <> o.first
        ),
        found as (
            select * from within
            union all
            select * from unnamed where a <> b
            union all
            select a, b, kind, least(p, case kind {sure} end),
                case p when 1.0 then ', name in another reading' when {_MISSPELT} then ', name but for one character'
                else ', another name' end,
                p = {_TWO_NAMES}
            from between_names
            where p > {_TWO_NAMES} or kind not in ({strict})
        )
        select least(a, b) as a, greatest(a, b) as b, p::double as probability,
            case when unsure then 'number_and_other_name' else kind end as rule,
            replace(kind, '_', ' ') || more as evidence, unsure as is_uncertain
        from found
        order by 1, 2, 4
    """)
        .to_arrow_table()
        .cast(_EDGES)
    )


# -- names ------------------------------------------------------------------------------------------------------------


def _nodes(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """What is known of each node that meets another one: all its names, numbers, employers, projects, years.

    `blocks`: the keys under which nodes meet. `name` and `sound`: the first of each, for their frequency. Lists are
    made of the nodes that meet others only: those of all would take most of the memory.
    """
    con.execute(f"""
        drop table bearer; drop table name_of_number; drop table owner;
        create table part as select g.unique_id, m.* from mention as m join given_nodes as g using (m);
        drop table mention;

        create table node as
        select unique_id, min(characters) as name, min(sound) as sound, min(activity_year) as first_year,
            max(activity_year) as last_year,
            bool_or(coalesce(id_number_pseudonym, talent_no, expert_no, orcid) is not null) as is_anchored
        from part group by unique_id having count(sound) > 0;

        create table workplace as
        select unique_id, employer_id, bool_or(is_head) as is_head
        from given_employers join number using (mention_id) join part using (m)
        where unique_id in (select unique_id from node)
        group by all;

        create table blocked as
        with sounding as (
            select unique_id, sound, count(*) over (partition by sound) as bearers
            from (select distinct unique_id, unnest(sounds) as sound from part)
            qualify bearers > 1
        ),
        keys as (
            select unique_id, hash('e', sound, employer_id) as key from sounding join workplace using (unique_id)
            union all
            select unique_id, hash('p', s.sound, project)
            from sounding as s join (select distinct unique_id, project from part) using (unique_id)
            where project is not null
            union all
            select unique_id, hash('y', s.sound, birth_year)
            from sounding as s join (select distinct unique_id, birth_year from part) using (unique_id)
            where birth_year is not null
            union all
            select unique_id, hash('s', sound) from sounding where bearers <= {CROWD}
        ),
        shared as (select unique_id, key from keys qualify count(*) over (partition by key) > 1)
        select unique_id, list_sort(list_distinct(list(key))) as blocks from shared group by unique_id;
    """)
    several = {
        "characters": "name_forms", "id_number_pseudonym": "ids", "id_number": "masks", "talent_no": "talents",
        "orcid": "orcids", "phone_pseudonym": "phones", "email_pseudonym": "emails", "project": "projects",
        "birth_year": "birth_years", "gender": "genders", "discipline": "disciplines",
    }  # fmt: skip
    forms = con.execute("""
        select node.*, blocks from blocked join node using (unique_id) order by unique_id
    """).to_arrow_table()
    con.execute("""
        create table meeting as select unique_id from blocked;
        drop table blocked;
    """)
    for column, name in several.items():
        values = f"select unique_id, {column} as value from part where {column} is not null"
        forms = _with_list(con, forms, name, values)
    forms = _with_list(con, forms, "sounds", "select unique_id, unnest(sounds) as value from part")
    con.execute("create table size as select employer_id, count(*) as bearers from workplace group by employer_id")
    places = "select unique_id, employer_id as value from workplace"
    small = f"where bearers < {SMALL} * (select count(*) from node)"
    forms = _with_list(con, forms, "employers", places)
    forms = _with_list(con, forms, "small_employers", f"{places} join size using (employer_id) {small}")
    return _with_list(con, forms, "headed", f"{places} where is_head")


def _with_list(con: duckdb.DuckDBPyConnection, forms: pa.Table, name: str, values: str) -> pa.Table:
    """The forms with a column of lists more: the distinct values of each node, sorted; NULL where it has none.

    `values` selects unique_id, value. Joined here, column by column: one join of all would hold every list twice.
    """
    found = con.execute(f"""
        select unique_id, list_sort(list_distinct(list(value))) as {name}
        from ({values}) join meeting using (unique_id) group by unique_id
    """).to_arrow_table()
    places = pc.index_in(forms["unique_id"], value_set=found["unique_id"].combine_chunks())
    return forms.append_column(name, found[name].combine_chunks().take(places.combine_chunks()))


def _frequencies(con: duckdb.DuckDBPyConnection) -> tuple[dict[str, pa.Table], float]:
    """Share of each name among the people, and the probability that two people drawn at random are the same one.

    How many people bear a name is not known before they are told apart. It is taken to be the number of nodes with a
    number of their own, or, where that is more, the number of places at which the others work.
    """
    shares = {}
    con.execute("""
        create table first_employer as
        select unique_id, min(employer_id) as employer_id from workplace group by unique_id
    """)
    for column in ("name", "sound"):
        con.execute(f"""
            create or replace table borne as
            select {column}, greatest(1, count(*) filter (is_anchored),
                count(distinct employer_id) filter (not is_anchored)) as people
            from node left join first_employer using (unique_id) where {column} is not null group by {column}
        """)
        shares[column] = con.execute(
            f"select {column}, people / (select sum(people) from borne) as tf_{column} from borne order by 1"
        ).to_arrow_table()
        people = con.execute("select coalesce(sum(people), 1) from borne").fetchone()
    assert people is not None
    return shares, 1 / max(2, people[0])


_SAYS = {
    "name": {4: "name", 3: "name romanised", 2: "name in another reading", 1: "sound of the name"},
    "id_number": {1: "ID number but for its check digit", 0: "other ID number"},
    "orcid": {0: "other ORCID"},
    "talent_no": {0: "other talent number"},
    "phone": {1: "phone"},
    "email": {1: "e-mail"},
    "birth_year": {1: "year of birth", 0: "other year of birth"},
    "gender": {0: "other gender"},
    "employer": {3: "head of the same employer", 2: "employer", 1: "large employer"},
    "project": {1: "project"},
    "discipline": {1: "discipline"},
    "years": {0: "years far apart"},
}


def _by_names(pairs: pa.Table, anchored: Iterable[int]) -> pa.Table:
    """Edges of the scored pairs of nodes."""
    ends = list(zip(pairs["left"].to_pylist(), pairs["right"].to_pylist(), strict=True))
    probability = dict(zip(ends, pairs["probability"].to_pylist(), strict=True))
    settled = settle(probability, anchored)
    p = pa.array([round(settled.get(pair, probability[pair]), linkage.DECIMALS) for pair in ends], pa.float64())
    columns = [pairs["left"], pairs["right"], p, pa.array(["name"] * len(ends), pa.string()), pairs["said"]]
    table = pa.table([*columns, pc.less(p, JOIN)], names=_EDGES.names).cast(_EDGES)
    return table.filter(pc.greater_equal(table["probability"], REVIEW))


def settle(probability: dict[tuple[int, int], float], anchored: Iterable[int]) -> dict[tuple[int, int], float]:
    """Probabilities of the pairs that compete: a node without a number belongs to one person at most.

    For each such node the people it may be are weighed against each other (odds over one plus the sum of all odds). A
    node that leans on another one is taken to be a candidate for the person whom that one fits best. Pairs that do not
    compete are not in the result.
    """
    known = set(anchored)
    beside: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for (a, b), p in sorted(probability.items()):
        beside[a].append((b, p))
        beside[b].append((a, p))
    loose = sorted(set(beside) - known)

    def weighed(candidates: dict[int, float]) -> dict[int, float]:
        odds = {who: p / max(1 - p, 1e-6) for who, p in candidates.items()}
        total = 1 + fsum(odds.values())
        return {who: o / total for who, o in odds.items()}

    own: dict[int, int] = {}  # loose node → the person it most likely is
    settled: dict[tuple[int, int], float] = {}
    for node in loose:
        fits = weighed({other: p for other, p in beside[node] if other in known})
        for other, p in fits.items():
            settled[min(node, other), max(node, other)] = p
        best = max(fits, key=lambda who: (fits[who], who), default=None)
        if best is not None and fits[best] >= JOIN:
            own[node] = best
    for node in loose:
        people: dict[int, float] = {}
        for other, p in beside[node]:
            if other in own or other in known:
                who = own.get(other, other)
                people[who] = max(people.get(who, 0.0), p)
        fits = weighed(people)
        for other, p in beside[node]:
            if other in own:
                pair = min(node, other), max(node, other)
                settled[pair] = min(settled.get(pair, p), fits[own[other]])
    return settled
