"""The arrival gate: does a batch as a whole look like what its source delivers?

The suite derives from the contract (columns, key, required and coded fields) and adds the rules that need the whole
batch; their thresholds stand in rules/arrival.yml. A batch is compared with earlier committed ones by a small profile
that this module adds to the batch's figures and the ledger keeps; a first batch has nothing to be compared with and
passes those rules as 无历史.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from brain.settings import Settings
from expectations import Check
from expectations.engine import Rule, Session
from expectations.rules import load
from ingest.contract import Field, Record
from ingest.raw import META
from warehouse.connect import literal, quoted

NO_HISTORY = "无历史"
NOT_COMPARED = "新版本过少，未比较"
LONGEST_CODE = 40


@dataclass(frozen=True)
class _Limits:
    """Thresholds of one record type: the common ones with its overrides."""

    rules: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, record: Record) -> _Limits:
        document = load("arrival")
        own = document["overrides"].get(f"{record.source}.{record.name}", {})
        return cls({n: {**v, **own.get(n, {})} for n, v in document.items() if n != "overrides"})

    def __getitem__(self, rule: str) -> dict[str, Any]:
        return self.rules[rule]


def check_batch(
    settings: Settings, record: Record, relation_files: list[Path], stats: dict[str, Any], history: list[dict[str, Any]]
) -> list[Check]:
    """Judge one staged batch.

    `relation_files`: Parquet parts of its new versions, columns as raw. `stats`: received, new, unchanged, withdrawn,
    quarantined (counts) and complete (the delivery claims to hold everything); `profile` is added to it and belongs
    into the batch's ledger entry. `history`: the bodies of earlier committed batches, newest last.
    Returns checks with `batch` None: the batch has no number yet. A failed check with severity hold holds the batch.
    """
    limits = _Limits.of(record)
    setup = [f"create table counts as select {_counts(stats, history)}"]
    folders = {p.parent for p in relation_files}
    if relation_files:
        files = ", ".join(literal(str(p)) for p in relation_files)
        parquet = f"read_parquet([{files}], hive_partitioning = false, union_by_name = true)"
        setup.append(f"create view delivered as select * from {parquet}")
        setup.append("create view batch as select * from delivered where _change = 'upsert'")
    with Session(setup, sorted(folders)) as session:
        checks = _check(session, "counts", _count_rules(record, limits, stats, history), record)
        checks += _without_history(record, stats, history)
        if not relation_files:
            stats["profile"] = {"rows": 0}
            return checks
        profile = _profile(session, record, limits)
        stats["profile"] = profile
        checks += _check(session, "delivered", _shape_rules(record), record)
        if not profile["rows"]:
            return checks
        profile["whole"] = _is_whole(limits, profile, stats)
        rules, unjudged = _value_rules(record, limits, profile, history)
        return checks + _check(session, "batch", rules, record) + unjudged


# -- counts -----------------------------------------------------------------------------------------------------------


def _counts(stats: dict[str, Any], history: list[dict[str, Any]]) -> str:
    """One row: received, quarantine_share, withdrawal_share (of the records of the last whole delivery)."""
    received, refused = stats["received"], stats["quarantined"]
    whole = _whole_deliveries(history)
    known = whole[-1]["received"] - whole[-1]["quarantined"] if whole else 0
    withdrawn = stats["withdrawn"] / known if known else 0.0
    return (
        f"{received}::bigint as received, {refused / received if received else 0.0}::double as quarantine_share, "
        f"{withdrawn}::double as withdrawal_share"
    )


def _whole_deliveries(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The deliveries that held everything, each once: no repeat of a file, no record released from quarantine."""
    return [
        h
        for h in history
        if h["kind"] in ("committed", "replay")
        and h.get("complete")
        and not h.get("same_as")
        and not h.get("released")  # a release derived again under a changed contract
    ]


def _count_rules(record: Record, limits: _Limits, stats: dict[str, Any], history: list[dict[str, Any]]) -> list[Rule]:
    rules = []
    whole = _whole_deliveries(history)
    earlier = [h["received"] for h in whole[-limits["volume"]["deliveries"] :]]
    if earlier and stats["complete"] and record.delivery != "changes":
        usual = median(earlier)
        for severity in ("hold", "warn"):
            low, high = (round(x * usual) for x in limits["volume"][severity])
            rules.append(_max_rule("received", "volume", severity, low, high, f"{low} – {high}"))
    if whole and record.delivery == "snapshot" and stats["complete"]:
        for severity in ("hold", "warn"):
            limit = limits["withdrawal"][severity]
            rules.append(_max_rule("withdrawal_share", "withdrawal", severity, 0, limit, f"≤ {limit:.0%}"))
    if stats["quarantined"] >= limits["quarantine"]["at_least"] or not stats["quarantined"]:
        for severity in ("hold", "warn"):
            limit = limits["quarantine"][severity]
            rules.append(_max_rule("quarantine_share", "quarantine", severity, 0, limit, f"≤ {limit:.0%}"))
    return rules


def _max_rule(column: str, name: str, severity: str, low: float, high: float, expected: str) -> Rule:
    kwargs = {"column": column, "min_value": low, "max_value": high}
    return Rule("expect_column_max_to_be_between", kwargs, name, severity, expected)


def _without_history(record: Record, stats: dict[str, Any], history: list[dict[str, Any]]) -> list[Check]:
    if record.delivery != "changes" and stats["complete"] and not _whole_deliveries(history):
        return [_passed(record, "volume", None, NO_HISTORY)]
    return []


# -- shape ------------------------------------------------------------------------------------------------------------


def _shape_rules(record: Record) -> list[Rule]:
    """What must hold for every batch: the declared columns, one version per key, filled keys and required fields."""
    columns = [name for name, _ in record.columns] + [name for name, _ in META]
    key = ["_record_id", "_version_order"] if record.version_fields else ["_record_id"]
    rules = [Rule("expect_table_columns_to_match_set", {"column_set": columns}, "columns", "hold", f"{len(columns)}")]
    if len(key) == 1:
        rules.append(Rule("expect_column_values_to_be_unique", {"column": key[0]}, "key_unique", "hold", "0"))
    else:
        # A version with an unknown order would be left out of the comparison, so NULL counts as a value.
        rules.append(
            Rule(
                "expect_compound_columns_to_be_unique",
                {"column_list": key, "ignore_row_if": "never"},
                "key_unique",
                "hold",
                "0",
            )
        )
    rules.append(Rule("expect_column_values_to_not_be_null", {"column": "_record_id"}, "key_filled", "hold", "0"))
    return rules


# -- values -----------------------------------------------------------------------------------------------------------


def _profile(session: Session, record: Record, limits: _Limits) -> dict[str, Any]:
    """What later batches are compared with: rows, share of filled values, medians, and the codes of public coded
    fields.

    Values stand in it for fields classified public only; of others the share of filled values alone.
    """
    fields = [f for f in record.fields if not f.is_nested]
    parts = ["count(*)"] + [f"count({quoted(f.name)})" for f in record.fields]
    numbers = [f for f in fields if _is_measure(f)]
    parts += [f"median({quoted(f.name)})" for f in numbers]
    coded = [f for f in fields if f.type == "string" and f.classification == "public" and f.key_position is None]
    parts += [f"approx_count_distinct({quoted(f.name)})" for f in coded]
    parts += [f"max(length({quoted(f.name)}))" for f in coded]
    row = list(session.query(f"select {', '.join(parts)} from batch")[0])
    rows = row.pop(0)
    filled = {f.name: round(row.pop(0) / rows, 4) for f in record.fields} if rows else {}
    medians = {f.name: row.pop(0) for f in numbers} if rows else {}
    profile: dict[str, Any] = {
        "rows": rows,
        "filled": filled,
        "median": {name: float(value) for name, value in medians.items() if value is not None},
        "codes": {},
    }
    if rows >= limits["values"]["at_least"]:
        few = limits["codes"]["few"]
        distinct, longest = row[: len(coded)], row[len(coded) :]
        for f, n, length in zip(coded, distinct, longest, strict=True):
            if not n or n > 2 * few or length > LONGEST_CODE:  # the count is approximate: look closer at twice as many
                continue
            codes = _codes(session, f.name)
            # used five times each on average; counted among what is filled, or a number that few records bear is a code
            if len(codes) <= few and len(codes) * 5 <= rows * filled[f.name]:
                profile["codes"][f.name] = codes
    return profile


def _is_measure(f: Field) -> bool:
    return f.type in ("integer", "number") and f.classification == "public" and f.key_position is None


def _codes(session: Session, column: str) -> list[str]:
    c = quoted(column)
    return [v for (v,) in session.query(f"select distinct {c} from batch where {c} is not null order by 1")]


def _is_whole(limits: _Limits, profile: dict[str, Any], stats: dict[str, Any]) -> bool:
    """Whether the new versions are enough, and enough of the delivery, to stand for it."""
    accepted = stats["received"] - stats["quarantined"]
    return (
        profile["rows"] >= limits["values"]["at_least"] and profile["rows"] >= limits["values"]["new_share"] * accepted
    )


def _value_rules(
    record: Record, limits: _Limits, profile: dict[str, Any], history: list[dict[str, Any]]
) -> tuple[list[Rule], list[Check]]:
    """Rules over the new versions, and checks that pass because there is nothing to compare."""
    rules = [
        Rule("expect_column_values_to_not_be_null", {"column": f.name}, "required_filled", "hold", "0")
        for f in record.fields
        if f.required
    ]
    profiles = [h["profile"] for h in history if h.get("profile")]
    rules += _code_rules(limits, profiles, profile)
    lost = _lost_fields(record, limits, profile, profiles)
    rules += [
        Rule("expect_column_values_to_not_be_null", {"column": n, "mostly": 0.01}, "field_lost", "hold", "> 0")
        for n in lost
    ]
    before = next((p for p in reversed(profiles) if p.get("whole")), None)
    if before is None or not profile["whole"]:
        why = NO_HISTORY if not profiles else NOT_COMPARED
        return rules, [_passed(record, name, None, why) for name in ("completeness", "distribution")]
    for f in record.fields:
        if f.name in before["filled"] and not f.required:
            for severity in ("hold", "warn"):
                low = round(before["filled"][f.name] - limits["completeness"][severity], 4)
                if low > 0:
                    kwargs = {"column": f.name, "min_value": low, "max_value": 1.0}
                    kind = "expect_column_proportion_of_non_null_values_to_be_between"
                    rules.append(Rule(kind, kwargs, "completeness", severity, f"≥ {low:.2%}"))
        usual = before["median"].get(f.name)
        if usual and usual > 0 and f.name in profile["median"]:
            for severity in ("hold", "warn"):
                low, high = (usual * x for x in limits["distribution"][severity])
                kwargs = {"column": f.name, "min_value": low, "max_value": high}
                expected = f"{low:.6g} – {high:.6g}"
                rules.append(Rule("expect_column_median_to_be_between", kwargs, "distribution", severity, expected))
    return rules, []


def _lost_fields(
    record: Record, limits: _Limits, profile: dict[str, Any], profiles: Sequence[dict[str, Any]]
) -> list[str]:
    """Fields that were filled nearly always in every batch so far, and now in not one record.

    Unlike the other comparisons this one needs no sample of the whole: what was always there is there in a few, too.
    """
    least = limits["field_lost"]["at_least"]
    earlier = [p for p in profiles if p["rows"] >= least]
    if not earlier or profile["rows"] < least:
        return []
    always = limits["field_lost"]["always"]
    return [
        f.name
        for f in record.fields
        if not profile["filled"][f.name]
        and sum(p["rows"] for p in earlier) >= limits["values"]["at_least"]
        and all(p["filled"].get(f.name, 0) >= always for p in earlier)
    ]


def _code_rules(limits: _Limits, profiles: Sequence[dict[str, Any]], profile: dict[str, Any]) -> list[Rule]:
    """Fields that held few codes in every whole delivery so far: a new one warns, many records with new ones hold."""
    known: dict[str, set[str]] = {}
    for p in profiles:
        for name, codes in p.get("codes", {}).items():
            known.setdefault(name, set()).update(codes)
    rules = []
    for name, codes in sorted(known.items()):
        if name not in profile["filled"] or not profile["filled"][name]:
            continue
        kwargs = {"column": name, "value_set": sorted(codes)}
        # of a handful of changed records one may well be the first in a state that the contract knows
        handful = (limits["codes"]["at_least"] - 1) / (profile["rows"] * profile["filled"][name])
        share = min(1.0, max(limits["codes"]["hold"], handful))
        rules.append(
            Rule(
                "expect_column_values_to_be_in_set", {**kwargs, "mostly": 1 - share}, "codes", "hold", f"≤ {share:.0%}"
            )
        )
        rules.append(Rule("expect_column_distinct_values_to_be_in_set", kwargs, "codes", "warn", f"{len(codes)}"))
    return rules


# -- checks -----------------------------------------------------------------------------------------------------------


def _check(session: Session, relation: str, rules: list[Rule], record: Record) -> list[Check]:
    return [
        Check(
            "arrival",
            record.table,
            record.source,
            record.name,
            None,
            o.rule.name,
            None if relation == "counts" else o.rule.column,
            o.success,
            o.rule.severity,
            o.observed,
            o.rule.expected,
        )
        for o in session.validate(relation, rules)
    ]


def _passed(record: Record, name: str, column: str | None, why: str) -> Check:
    return Check("arrival", record.table, record.source, record.name, None, name, column, True, "hold", why, "")
