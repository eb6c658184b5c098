"""Label errors of the public sets are found by rules that know nothing of a matcher's answers."""

from __future__ import annotations

import pytest

from bench.labels import Labels, row_code
from bench.matching import ERRORS
from warehouse.resolve.registry import ACRONYM, DISPLAY, Institution, Place

SEOUL = (Place("Seoul", None, "KR", "South Korea"),)
INSTITUTIONS = (
    Institution("korea", (("Korea University", DISPLAY),), SEOUL),
    Institution("new", (("Seoul Robot Academy", DISPLAY),), SEOUL),
    Institution(
        "wur", (("Wageningen University", DISPLAY), ("WUR", ACRONYM)), (Place("Wageningen", None, "NL", "Netherlands"),)
    ),
    Institution("belarus", (("Belarusian State University", DISPLAY),), (Place("Minsk", None, "BY", "Belarus"),)),
    Institution(
        "nih", (("National Institutes of Health", DISPLAY),), (Place("Bethesda", None, "US", "United States"),)
    ),
    Institution("old", (("Xuhui Hospital", DISPLAY),), is_active=False, relations=(("successor", "merged"),)),
    Institution("merged", (("Xuhui Central Hospital", DISPLAY),)),
    Institution("qilu", (("Qilu Hospital", DISPLAY),), relations=(("parent", "shandong"),)),
    Institution("shandong", (("Shandong University", DISPLAY),)),
)
NONE: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def labels() -> Labels:
    return Labels(INSTITUTIONS, {"new": "2024-05-01", "korea": "2018-11-14"})


def test_none_for_a_text_that_is_a_name_overlooks_it(labels):
    verdict = labels.judge("logs", "Korea University", NONE)
    assert (verdict.reasons, verdict.excused, verdict.labels) == (("overlooked",), {"korea"}, NONE)
    assert labels.judge("logs", "School of Korea Studies", NONE).reasons == ()


def test_a_record_made_after_the_set_could_be_no_label(labels):
    verdict = labels.judge("logs", "Seoul Robot Academy, Seoul", NONE)
    assert (verdict.reasons, verdict.excused) == (("late",), NONE)
    assert labels.late("logs", ["new", "korea"]) == {"new"}
    assert labels.late("s2aff", ["new"]) == NONE, "nobody knows when that set was labelled"


@pytest.mark.parametrize("text", ["Farming Systems Ecology", "Alterra - Earth informatics"])
def test_a_label_of_which_nothing_stands_in_the_text_takes_the_row_out(labels, text: str):
    verdict = labels.judge("crossref", text, frozenset({"wur"}))
    assert (verdict.labels, verdict.reasons) == (None, ("elsewhere",))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Plant Research, WUR", "wur"),
        ("P.O. Box 1, Wageningen", "wur"),
        ("DeptWageningenUniv", "wur"),
        ("Belarus State University", "belarus"),
        ("National Eye Institute, National Institutes of Health", "nih"),
    ],
)
def test_a_label_that_is_only_hard_to_see_stays(labels, text: str, label: str):
    assert labels.judge("crossref", text, frozenset({label})).labels == {label}


def test_a_withdrawn_record_stands_for_its_successor(labels):
    verdict = labels.judge("logs", "Xuhui Hospital", frozenset({"old"}))
    assert (verdict.labels, verdict.replaced, verdict.reasons) == ({"merged"}, {"old": "merged"}, ("succeeded",))


def test_kin_count_alike_only_where_both_stand_in_a_text_of_one_label(labels):
    text = "Qilu Hospital, Shandong University, Jinan"
    assert labels.kin_named("crossref", text, frozenset({"qilu"})) == {"shandong": "qilu"}
    assert labels.kin_named("crossref", "Shandong University", frozenset({"shandong"})) == {}
    assert labels.kin_named("s2aff", text, frozenset({"qilu"})) == {}, "that set names both"


def test_the_list_of_errors_has_codes_and_no_texts():
    header, *rows = ERRORS.read_text(encoding="utf-8").splitlines()
    assert header == "set,row,reason"
    assert rows == sorted(set(rows))
    assert {len(row.split(",")[1]) for row in rows} == {len(row_code("logs", "Korea University"))}
    assert {row.split(",")[2] for row in rows} == {"late", "elsewhere", "overlooked", "succeeded"}
