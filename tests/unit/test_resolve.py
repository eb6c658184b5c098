"""Names meet in their normal form, and texts find the institutions that may be meant."""

from __future__ import annotations

import csv
import doctest
import random

import numpy as np
import pytest

from brain.errors import BrainError
from warehouse.lists import texts as texts_of
from warehouse.resolve import words
from warehouse.resolve.affiliations import Matcher
from warehouse.resolve.candidates import MOST_CANDIDATES, Table, read
from warehouse.resolve.features import FEATURES, RIVALRY, features
from warehouse.resolve.lexicon import Lexicon
from warehouse.resolve.registry import ACRONYM, ALIAS, DISPLAY, LABEL, SHORT, Institution, Place, from_ror
from warehouse.resolve.trees import Trees

XIAN = (Place("Xi'an", "Shaanxi", "CN", "China"),)
JIAOTONG = Institution(
    "jiaotong",
    (("Xi'an Jiaotong University", DISPLAY), ("西安交通大学", LABEL), ("XJTU", ACRONYM)),
    XIAN,
    frozenset({"education"}),
    (("child", "first"),),
)
HOSPITAL = Institution(
    "first",
    (("First Affiliated Hospital of Xi'an Jiaotong University", DISPLAY), ("西安交通大学第一附属医院", LABEL)),
    XIAN,
    frozenset({"healthcare"}),
    (("parent", "jiaotong"),),
)
LIVERPOOL = Institution(
    "liverpool",
    (("Xi'an Jiaotong-Liverpool University", DISPLAY), ("西交利物浦大学", LABEL)),
    (Place("Suzhou", "Jiangsu", "CN", "China"),),
)
NORTHWEST = Institution("northwest", (("Northwest University", DISPLAY), ("西北大学", LABEL)), XIAN)
POTCHEFSTROOM = Institution(
    "potchefstroom",
    (("North-West University", DISPLAY), ("Noordwes-Universiteit", LABEL)),
    (Place("Potchefstroom", "North West", "ZA", "South Africa"),),
)
LILLE = Institution(
    "lille", (("Université de Lille", DISPLAY), ("Lille Univ", ALIAS)), (Place("Lille", None, "FR", "France"),)
)
YALE = Institution("yale", (("Yale University", DISPLAY),), (Place("New Haven", "Connecticut", "US", "United States"),))
ALL = (JIAOTONG, HOSPITAL, LIVERPOOL, NORTHWEST, POTCHEFSTROOM, LILLE, YALE)


@pytest.fixture(scope="module")
def names() -> Lexicon:
    return Lexicon(ALL)


def found(names: Lexicon, text: str) -> Table:
    return read(names, [text]).candidates


def told(names: Lexicon, text: str) -> dict[str, dict[str, float]]:
    """Features by institution."""
    reading = read(names, [text])
    rows = features(names, reading)
    ids = [names.institutions[n].id for n in reading.candidates["number"]]
    return {i: dict(zip(FEATURES, row, strict=True)) for i, row in zip(ids, rows, strict=True)}


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("Univ. of Lille", "Université de Lille"),
        ("Xi’an Jiaotong Univ", "Xi'an Jiaotong University"),
        ("P. R. China", "PR China"),
        ("Labs &amp; Instituto", "Laboratory and Institute"),
        ("西安交通大学", "西安交通大学 "),
        ("Nvidia (United States)", "NVIDIA"),
    ],
)
def test_spellings_meet_in_the_normal_form(written: str, same: str):
    assert words.name_key(written) == words.name_key(same)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("School of Management, Xi'an Jiaotong University, Xi'an, China", "jiaotong"),
        ("Univ. Lille, F-59000 Lille", "lille"),
        ("Jiaotong University of Xi'an", "jiaotong"),
        ("Department of Physics, XJTU", "jiaotong"),
        ("Xi’anJiaotongUniversity", "jiaotong"),
        ("Xi'an Jiaotong Universtiy", "jiaotong"),
        ("西安交通大学管理学院", "jiaotong"),
        ("陕西省西安市西安交通大学第一附属医院心内科", "first"),
        ("Xi'an Jiaotong-Liverpool Univ., Suzhou", "liverpool"),
        ("Yale School of Medicine", "yale"),
    ],
)
def test_a_text_finds_whom_it_may_mean(names, text: str, means: str):
    c = found(names, text)
    assert names.institutions[c["number"][c["merit"].argmax()]].id == means


@pytest.mark.parametrize("text", ["", " , ;", "Unit 31121", "Universidad", "某某有限公司", "\x00\U0001f600"])
def test_a_text_may_mean_nobody(names, text: str):
    assert len(found(names, text)["number"]) == 0


def test_a_child_brings_its_parent(names):
    rows = told(names, "First Affiliated Hospital of Xi'an Jiaotong University")
    assert {"first", "jiaotong"} <= set(rows)
    assert rows["first"]["child_of"] == 2, "its parent's own name is in the text too"


def test_places_tell_namesakes_apart(names):
    rows = told(names, "North-West University, Potchefstroom, South Africa")
    assert rows["potchefstroom"]["country_named"] and rows["potchefstroom"]["city_named"]
    assert all(not row["city_named"] for name, row in rows.items() if name != "potchefstroom")


def test_candidates_do_not_depend_on_the_order_of_the_registry():
    texts = ["Xi'an Jiaotong Univ., Xi'an", "Northwest University", "西安交通大学第一附属医院", "Lille Univ"]
    first = Lexicon(ALL)
    for seed in range(3):
        shuffled = list(ALL)
        random.Random(seed).shuffle(shuffled)
        other = Lexicon(shuffled)
        assert np.array_equal(features(first, read(first, texts)), features(other, read(other, texts)))


def test_a_text_is_read_the_same_alone_and_in_a_batch(names):
    texts = [
        "Yale",
        "",
        "Univ. Lille, F-59000 Lille",
        "西安交通大学第一附属医院",
        "Northwest University",
        "Jiao Tong",
        "XJTU",
    ]
    batch = read(names, texts)
    rows = features(names, batch)
    alone = [features(names, read(names, [t])) for t in texts]
    assert np.array_equal(rows, np.vstack(alone))
    assert batch.candidates["text"].tolist() == [n for n, some in enumerate(alone) for _ in some]


def test_only_the_best_candidates_are_weighed():
    many = [Institution(f"{n:02}", ((f"Jiaotong University {n}", DISPLAY), ("Jiaotong", ALIAS))) for n in range(30)]
    assert len(found(Lexicon(many), "Jiaotong University")["number"]) == MOST_CANDIDATES


def test_a_training_text_does_not_count_itself():
    counted = Lexicon(ALL, {"yale": (3, 4)})
    reading = read(counted, ["Yale University"])
    meant, seen = FEATURES.index("meant"), FEATURES.index("seen")
    (row,) = features(counted, reading)
    assert (row[meant], row[seen]) == pytest.approx((np.log1p(3), np.log1p(4)))
    (row,) = features(counted, reading, np.array([[2.0, 3.0]]))
    assert (row[meant], row[seen]) == pytest.approx((np.log1p(2), np.log1p(3)))


@pytest.mark.parametrize("glued", ["CSICXi'an Jiaotong University", "6311Yale University"])
def test_words_run_together_are_parted(names, glued: str):
    assert {"jiaotong", "yale"} & set(told(names, glued))


def test_words_parted_are_joined_as_another_name_has_them():
    universities = ("Shanghai Jiao Tong University", "Beijing Jiaotong University", "Xi'an Jiaotong University")
    names = Lexicon([Institution(n, ((n, DISPLAY),)) for n in universities])
    for text in (*universities, "Beijing Jiao Tong University", "Shanghai Jiaotong University"):
        rows = told(names, text)
        (best,) = [n for n, row in rows.items() if row["in_order"] and row["rank"] < SHORT]
        assert best.replace("Jiao Tong", "Jiaotong") == text.replace("Jiao Tong", "Jiaotong")


def test_a_text_given_twice_has_one_answer():
    stump = {"feature": [], "threshold": [], "left": [], "right": [], "leaf": [1.0]}
    matcher = Matcher(ALL, {"features": FEATURES + RIVALRY, "alone": [stump], "among": [stump], "experience": {}})
    twice = list(matcher.match(["Yale University"] * 3))
    assert [[m.id for m in found] for found in twice] == [["yale"]] * 3
    twice[0].clear()
    assert list(matcher.match(["Yale University"])) == twice[1:2]


def test_weights_of_other_features_are_refused():
    with pytest.raises(ValueError, match="train them again"):
        Matcher(ALL, {"features": FEATURES, "alone": [], "among": [], "experience": {}})


def test_ror_records_of_both_schemas_say_the_same():
    old = {
        "id": "https://ror.org/0x",
        "name": "Xi'an Jiaotong University",
        "aliases": [],
        "labels": [{"label": "西安交通大学", "iso639": "zh"}],
        "acronyms": ["XJTU"],
        "types": ["Education"],
        "status": "active",
        "relationships": [{"type": "Child", "id": "https://ror.org/0y", "label": "…"}],
        "external_ids": {"GRID": {}},
        "country": {"country_code": "CN", "country_name": "China"},
        "addresses": [{"city": "Xi'an", "state": "Shaanxi", "geonames_city": None}],
    }
    new = {
        "id": "https://ror.org/0x",
        "names": [
            {"value": "Xi'an Jiaotong University", "types": ["ror_display", "label"], "lang": "en"},
            {"value": "西安交通大学", "types": ["label"], "lang": "zh"},
            {"value": "XJTU", "types": ["acronym"], "lang": None},
        ],
        "types": ["education"],
        "status": "active",
        "relationships": [{"type": "child", "id": "https://ror.org/0y", "label": "…"}],
        "external_ids": [{"type": "grid"}],
        "locations": [
            {
                "geonames_details": {
                    "name": "Xi'an",
                    "country_subdivision_name": "Shaanxi",
                    "country_code": "CN",
                    "country_name": "China",
                }
            }
        ],
    }
    assert from_ror(old) == from_ror(new)


def test_trees_go_left_up_to_the_threshold():
    stump = {"feature": [1], "threshold": [0.5], "left": [-1], "right": [-2], "leaf": [-2.0, 3.0]}
    deep = {"feature": [0, 1], "threshold": [10.0, 2.0], "left": [1, -1], "right": [-3, -2], "leaf": [0.25, 0.5, 1.0]}
    rows = np.array([[0.0, 0.5], [0.0, 0.6], [0.0, 2.5], [11.0, 0.0]])
    sums = [-2.0 + 0.25, 3.0 + 0.25, 3.0 + 0.5, -2.0 + 1.0]
    assert Trees([stump, deep]).probability(rows) == pytest.approx([1 / (1 + np.exp(-s)) for s in sums])


def test_a_tree_may_be_a_single_leaf_or_have_thirty_two():
    leaf = {"feature": [], "threshold": [], "left": [], "right": [], "leaf": [2.0]}
    assert Trees([leaf]).probability(np.zeros((2, 1))) == pytest.approx([1 / (1 + np.exp(-2.0))] * 2)
    size = 32
    chain = {  # value n for n - 1 < row <= n
        "feature": [0] * (size - 1),
        "threshold": [float(n) for n in range(size - 1)],
        "left": [-n - 1 for n in range(size - 1)],
        "right": [*range(1, size - 1), -size],
        "leaf": [float(n) for n in range(size)],
    }
    rows = np.arange(size, dtype=float).reshape(-1, 1)
    assert Trees([chain]).probability(rows) == pytest.approx(1 / (1 + np.exp(-rows[:, 0])))
    more = {key: values + values[-1:] for key, values in chain.items()} | {"right": [*range(1, size), -size - 1]}
    more |= {"left": [-n - 1 for n in range(size)], "leaf": [0.0] * (size + 1)}
    with pytest.raises(ValueError, match="at most 32"):
        Trees([more])


def test_a_file_that_is_no_csv_is_a_clear_error(tmp_path):
    """A field too long for a field: a quote that nobody closed."""
    limit = csv.field_size_limit(100_000)
    file = tmp_path / "units.csv"
    file.write_text('unit\nX\n"' + "secret" * 30_000, encoding="utf-8")
    try:
        with pytest.raises(BrainError, match=r"units.csv is not a CSV file: line \d+") as raised:
            texts_of(file, "unit")
    finally:
        csv.field_size_limit(limit)
    assert "secret" not in str(raised.value)
