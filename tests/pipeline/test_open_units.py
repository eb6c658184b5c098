"""The units of NSFC and NSSFC find their institutions in the real registers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench import units
from warehouse.resolve.chinese import ChineseUnits, Link

ROR = "https://ror.org/"
# former names, colleges of their own, campuses, names that ROR has in English only, names that it gives to another
MEANT = {
    "西安交通大学管理学院": ROR + "017zhmm22",
    "西安交通大学城市学院": "4161013677",
    "西交利物浦大学": ROR + "03zmrmn05",
    "西北大学": ROR + "00z3td547",
    "中国地质大学（武汉）": ROR + "04gcegc37",
    "中国地质大学（北京）": ROR + "04q6c7p66",
    "第四军医大学": ROR + "00ms48f15",
    "西安公路交通大学": ROR + "05mxya461",
    "陕西财经学院会计系": ROR + "017zhmm22",
    "沈阳农业大学": ROR + "01n7x9n08",
    "武汉科技学院": ROR + "02jgsf398",  # the textile university, not 武汉科技大学
    "陕西理工学院": ROR + "056m91h77",
    "中国科学院自动化研究所": ROR + "022c3hy66",
    "中国社会科学院数量经济与技术经济研究所": ROR + "02nf1ky18",
    "陕西省委党校": "unit:中共陕西省委党校",
    "西安交通科技大学": None,
    "西安交通大学第三附属医院": None,
    "某某研究所": None,
}


@pytest.fixture(scope="module")
def found(drop: Path) -> units.Registers:
    return units.registers(drop)


@pytest.fixture(scope="module")
def matcher(found: units.Registers) -> ChineseUnits:
    return units.units(found)


@pytest.fixture(scope="module")
def links(drop: Path, matcher: ChineseUnits) -> dict[units.Row, Link | None]:
    rows = list(units.rows(drop))
    return dict(zip(rows, matcher.link([r.unit for r in rows]), strict=True))


def test_named_units_find_what_they_name(matcher):
    links = matcher.link(list(MEANT))
    assert {unit: link and link.id for unit, link in zip(MEANT, links, strict=True)} == MEANT


@pytest.mark.parametrize("source", ["nsfc", "nssfc"])
def test_the_reach_that_was_asked_for(links, source: str):
    mine = [link for row, link in links.items() if row.source == source]
    assert len(mine) == {"nsfc": 17_926, "nssfc": 2_010}[source]
    assert sum(link is not None for link in mine) >= units.GOAL[source] * len(mine)


def test_nsfc_reaches_ids_of_ror(links, found):
    holders = Counter(found.holder(link) for row, link in links.items() if row.source == "nsfc")
    assert sum(n for holder, n in holders.items() if holder.startswith("ror")) >= units.GOAL["nsfc"] * 17_926


def test_every_link_of_the_sample_is_judged_and_the_precision_is_kept(links):
    linked = {row: link for row, link in links.items() if link and row.source == "nsfc"}
    known, drawn = units.verdicts(), units.sample(linked)
    rows = [row for some in drawn.values() for row in some]
    assert len(rows) == len({r.hash for r in rows}) == 300
    assert [r.hash for r in rows if (r.hash, linked[r].id) not in known] == []
    population = Counter(units.stratum(link) for link in linked.values())
    right = {name: sum(known[r.hash, linked[r].id] for r in some) / len(some) for name, some in drawn.items()}
    precision = sum(right[name] * n for name, n in population.items()) / len(linked)
    assert precision >= units.GOAL["precision"]


def test_verdicts_are_keyed_by_hashes_of_rows():
    text = units.VERDICTS.read_text(encoding="utf-8").splitlines()
    assert text[0] == "row,link,verdict,reason"
    assert all(len(line.split(",")[0]) == 64 for line in text[1:])


def test_schools_of_both_registers_are_one(matcher):
    """Two schools of the Ministry's list are never one institution of ROR."""
    same = matcher.same
    assert len(same) > 700
    assert max(Counter(link.id for link in same.values()).values()) == 1


def test_english_names_find_schools_whose_chinese_names_are_hidden(found):
    schools, right, wrong = units.hidden(found)
    assert schools > 100
    assert right >= 0.3 * schools
    assert wrong <= 0.05 * right
