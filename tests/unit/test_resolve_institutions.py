"""Which mentions are one institution: the rules at their borders, and that no order of records changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.entities import clusters
from demo.codes import credit_code, wrong_check
from warehouse.resolve import institutions, names, references

SCHEMA = pa.schema(
    [
        ("mention_id", pa.string()),
        ("name", pa.string()),
        ("credit_code", pa.string()),
        ("numbers", pa.list_(pa.string())),
        ("own_names", pa.list_(pa.string())),
        ("other_names", pa.list_(pa.string())),
        ("former_names", pa.list_(pa.string())),
        ("kin_numbers", pa.list_(pa.string())),
        ("district_code", pa.string()),
        ("can_be_linked", pa.bool_()),
        ("is_registered", pa.bool_()),
        ("is_free_text", pa.bool_()),
    ]
)
A, B = credit_code("91", 1), credit_code("91", 2)
LISTS = ("numbers", "own_names", "other_names", "former_names", "kin_numbers")


def named(mention: str, name: str | None = None, code: str | None = None, **more: Any) -> dict[str, Any]:
    """Somebody names an institution."""
    empty = {key: [] for key in LISTS} | {"district_code": None, "can_be_linked": True}
    flags = {"is_registered": False, "is_free_text": False}
    return empty | flags | {"mention_id": mention, "name": name, "credit_code": code} | more


def entry(mention: str, name: str, number: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    """A register's own entry."""
    return named(mention, name, code, numbers=[number], own_names=[name], is_registered=True, **more)


def found(*rows: dict[str, Any], meant: Sequence[tuple] = ()) -> set[frozenset[str]]:
    """The clusters of the rows, as sets of mentions. `meant`: rows of references.SCHEMA."""
    table = pa.Table.from_pylist(list(rows), SCHEMA)
    told = [dict(zip(references.SCHEMA.names, row, strict=True)) for row in meant]
    groups: dict[str, set[str]] = {}
    edges = institutions.edges(table, pa.Table.from_pylist(told, references.SCHEMA))
    for mention, cluster in clusters(table, edges).items():
        groups.setdefault(cluster, set()).add(mention)
    return {frozenset(group) for group in groups.values()}


def doubts(*rows: dict[str, Any]) -> set[tuple[str, str, str]]:
    table = institutions.edges(pa.Table.from_pylist(list(rows), SCHEMA))
    return {(r["mention_a"], r["mention_b"], r["rule"]) for r in table.to_pylist() if r["is_uncertain"]}


def sets(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group.split()) for group in groups}


SPELLINGS = [
    "西安示范宇荒电子科技有限公司",
    "西安示范宇荒 电子科技有限公司",
    "西安（示範）宇荒電子科技有限公司",
    "西安示范宇荒电子科技有限责任公司",
    "示范宇荒电子科技有限公司",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_name_is_the_same_in_each_of_its_forms(spelling: str):
    assert found(entry("a", SPELLINGS[0], "pds:1"), named("b", spelling)) == sets("a b")


def test_apostrophes_and_blanks_of_english_names_do_not_count():
    rows = [
        entry("a", "西安甲大学", "ror:1", other_names=["Xi’an Jia University"]),
        named("b", "XI'AN  JIA University"),
    ]
    assert found(*rows) == sets("a b")


@pytest.mark.parametrize("other", ["西交利物浦大学", "西安交通大学城市学院", "西安交通大学第一附属医院"])
def test_what_only_bears_the_universitys_name_is_not_the_university(other: str):
    """Whether a register knows it or not."""
    university = entry("a", "西安交通大学", "moe:1")
    assert found(university, named("b", other)) == sets("a", "b")
    assert found(university, entry("c", other, "moe:2"), named("b", other)) == sets("a", "b c")


def test_a_school_is_its_university_and_a_college_is_a_question():
    rows = [entry("a", "西安交通大学", "moe:1"), named("b", "西安交通大学管理学院"), named("c", "西安交通大学城市学院")]
    assert found(*rows) == sets("a b", "c")
    assert doubts(*rows) == {("a", "c", "school")}


def test_a_campus_elsewhere_is_no_school():
    rows = [
        entry("a", "哈尔滨工业大学", "moe:1"),
        named("b", "哈尔滨工业大学（威海）经济系"),
        named("c", "哈尔滨工业大学深圳研究生院"),
    ]
    assert found(*rows) == sets("a", "b", "c")


def test_a_name_that_two_bear_links_nobody_and_is_told():
    """西北大学 and Northwest University in Kirkland share their English name."""
    rows = [
        entry("a", "西北大学", "ror:1", other_names=["Northwest University"]),
        entry("b", "Northwest University (Kirkland)", "ror:2", other_names=["Northwest University"]),
        named("c", "Northwest University"),
        named("d", "西北大学"),
    ]
    assert found(*rows) == sets("a d", "b", "c")
    assert {("a", "c", "name"), ("b", "c", "name")} <= doubts(*rows)


def test_one_name_beside_two_right_codes_is_two_institutions():
    rows = [named("a", "示范甲有限公司", A), named("b", "示范甲有限公司", B), named("c", "示范甲有限公司")]
    assert found(*rows) == sets("a", "b", "c")


def test_a_code_wrong_in_its_check_character_is_weak_but_not_worthless():
    """It joins where the name does not speak against it; a name that is another's beats it."""
    first, second = (
        entry("a", "西安示范宇荒电子有限公司", "firm:1", A),
        entry("b", "西安示范辰宿软件有限公司", "firm:2", B),
    )
    assert found(first, second, named("c", "示范宇荒", wrong_check(A))) == sets("a c", "b")
    assert found(first, second, named("c", "西安示范辰宿软件有限公司", wrong_check(A))) == sets("a", "b c")


def test_two_names_under_one_code_are_one_and_teach_each_others_mentions():
    """The short name stands beside the code once, so it is known where it stands alone."""
    rows = [entry("a", "西安示范宇荒电子有限公司", "firm:1", A), named("b", "示范宇荒", A), named("c", "示范宇荒")]
    assert found(*rows) == sets("a b c")


def test_a_former_name_links_unless_somebody_bears_it_today():
    renamed = entry("a", "西安乙学院", "pds:1", A, former_names=["西安甲学院"])
    assert found(renamed, named("b", "西安甲学院")) == sets("a b")
    assert found(renamed, entry("c", "西安甲学院", "pds:2", B), named("b", "西安甲学院")) == sets("a", "b c")


def test_who_was_merged_is_not_the_successor_whatever_its_name():
    merged = entry("a", "西安示范甲中心", "pds:1", kin_numbers=["pds:2"])
    assert found(merged, entry("b", "西安示范甲中心有限公司", "pds:2")) == sets("a", "b")


def test_the_code_that_a_register_gives_of_a_number_beats_another_beside_it():
    rows = [
        entry("a", "示范甲有限公司", "firm:1", A),
        entry("b", "示范乙有限公司", "firm:2", B),
        named("c", "示范甲有限公司", B, numbers=["firm:1"]),
    ]
    assert found(*rows) == sets("a c", "b")


def test_one_register_may_know_an_institution_twice_where_place_and_name_agree():
    here = {"district_code": "610113"}
    twice = [entry("a", "示范甲有限公司", "market:1", **here), entry("b", "示范甲有限责任公司", "market:2", **here)]
    assert found(*twice) == sets("a b")
    assert found(twice[0], twice[1] | {"district_code": "610112"}) == sets("a", "b")


def test_an_affiliation_is_an_institution_only_by_its_whole_name():
    university = entry("a", "Northwest A&F University", "ror:1")
    texts = [named("b", "Northwest A & F University", is_free_text=True), named("c", "Northwest", is_free_text=True)]
    assert found(university, *texts) == sets("a b", "c")


def test_the_electronic_university_of_chengdu_is_not_that_of_xian():
    assert found(entry("a", "西安电子科技大学", "moe:1"), named("b", "电子科技大学")) == sets("a", "b")


def test_a_name_goes_where_the_finders_of_names_lead():
    """To the entry of the number; those led to a number that no entry has are together; an exact entry comes first."""
    university = entry("a", "西安交通大学", "ror:1")
    old, other, strange = named("b", "西安医科大学"), named("c", "甲大学"), named("d", "甲大学经济研究所")
    meant = [
        ("西安医科大学", False, 1, "ror:1", 0.98, "former"),
        ("甲大学", False, 1, "ror:9", 1.0, "name"),
        ("甲大学经济研究所", False, 1, "ror:9", 0.98, "part"),
    ]
    assert found(university, old, other, strange, meant=meant) == sets("a b", "c d")
    own = entry("e", "西安医科大学", "moe:2")
    assert found(university, own, old, meant=meant) == sets("a b", "e")


def test_two_registers_are_joined_where_a_finder_says_so_and_no_number_speaks_against_it():
    ror, school = entry("a", "Jia University", "ror:1"), entry("b", "甲大学", "moe:2")
    same = ("moe:2", False, 1, "ror:1", 0.9, institutions.SAME)
    assert found(ror, school, meant=[same]) == sets("a b")
    assert found(ror, school, entry("c", "甲大学", "ror:5"), meant=[same]) == sets("a", "b c")


def test_the_text_of_an_affiliation_goes_to_a_known_institution_or_nowhere():
    university = entry("a", "Xi'an Jiaotong University", "ror:1")
    text = named("b", "School of A, Xian Jiaotong Univ, and B Institute", is_free_text=True)
    abroad, known = (text["name"], True, 1, "ror:7", 0.9, "name"), (text["name"], True, 2, "ror:1", 0.8, "name")
    assert found(university, text, meant=[abroad, known]) == sets("a b")
    assert found(university, text, meant=[abroad]) == sets("a", "b")


_PARTS = ("甲", "乙", "丙")
_ROW = st.builds(
    lambda part, form, code, number, kind: (part, form, code, number, kind),
    st.sampled_from(_PARTS),
    st.sampled_from(
        ("西安示范{}电子有限公司", "示范{}电子有限责任公司", "示范{}", "西安示范{}大学", "西安示范{}大学管理学院")
    ),
    st.sampled_from((None, A, B, wrong_check(A))),
    st.sampled_from((None, "pds:1", "market:1", "market:2", "ror:1")),
    st.sampled_from(("self", "named", "text")),
)


@settings(max_examples=60)
@given(st.lists(_ROW, min_size=2, max_size=14), st.integers(0, 1000))
def test_no_order_of_the_mentions_changes_an_edge(drawn: list[tuple], seed: int):
    rows = []
    for n, (part, form, code, number, kind) in enumerate(drawn):
        name = form.format(part)
        numbers = [number] if number and kind != "text" else []
        own = [name] if kind == "self" else []
        flags = {"is_registered": kind == "self", "is_free_text": kind == "text"}
        rows.append(named(f"r{n:02d}", name, code, numbers=numbers, own_names=own, **flags))
    shuffled = Random(seed).sample(rows, len(rows))
    in_order, mixed = (institutions.edges(pa.Table.from_pylist(r, SCHEMA)) for r in (rows, shuffled))
    assert in_order.equals(mixed)


def test_the_table_of_characters_is_one_to_one():
    assert len(names.TO_SIMPLIFIED) > 2000
    assert all(
        names.plain(chr(old)) == new or len(new) != 1
        for old, new in ((k, chr(v)) for k, v in names.TO_SIMPLIFIED.items())
    )
