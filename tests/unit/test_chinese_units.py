"""Units under the names that Chinese records give them find their institution, and only theirs."""

from __future__ import annotations

import csv
import doctest
from itertools import permutations
from pathlib import Path

import pytest

from warehouse.resolve import bilingual, chinese
from warehouse.resolve.bilingual import Phrases
from warehouse.resolve.chinese import ChineseUnits, FormerName, Tables, from_moe, loose_key, relatives, unit_key
from warehouse.resolve.registry import ACRONYM, ALIAS, DISPLAY, LABEL, Institution, Place

XIAN, WUHAN, BEIJING, SUZHOU = ((Place(city, None, "CN", "China"),) for city in ("Xi'an", "Wuhan", "Beijing", "Suzhou"))
EDUCATION = frozenset({"education"})


def ror(code: str, english: str, *names: str, places=XIAN, relations=(), active=True, kind=LABEL) -> Institution:
    labels = ((english, DISPLAY), *((n, kind) for n in names))
    return Institution(code, labels, places, EDUCATION, relations, active)


INSTITUTIONS = [
    ror("jiaotong", "Xi'an Jiaotong University", "西安交通大学", relations=(("child", "hospital"),)),
    ror("hospital", "First Affiliated Hospital of Xi'an Jiaotong University", "西安交通大学第一附属医院"),
    ror("liverpool", "Xi'an Jiaotong-Liverpool University", "西交利物浦大学", places=SUZHOU),
    ror("northwest", "Northwest University", "西北大学"),
    ror("nwpu", "Northwestern Polytechnical University", "西北工业大学"),
    ror("tohoku", "Northwest University of Elsewhere", "西北大学", places=(Place("Sendai", None, "JP", "Japan"),)),
    ror("fmmu", "Air Force Medical University", "空军军医大学"),
    ror("changan", "Chang'an University", "长安大学"),
    ror("textile", "Xi'an Polytechnic University", "西安工程大学"),
    ror("tech", "Xi'an Technological University", "西安工业大学"),
    ror("agri", "Shenyang Agricultural University", places=(Place("Shenyang", None, "CN", "China"),)),
    ror("hua-agri", "South China Agricultural University", "华南农业大学"),
    ror("jilin-agri", "Jilin Agricultural University", "吉林农业大学"),
    ror("shenyang-normal", "Shenyang Normal University", "沈阳师范大学"),
    ror("cug-wuhan", "China University of Geosciences", "中国地质大学", "中国地质大学(武汉)", places=WUHAN),
    ror("cug-beijing", "China University of Geosciences (Beijing)", "中国地质大学 (北京)", places=BEIJING),
    ror("ncepu", "North China Electric Power University", "华北电力大学", places=BEIJING),
    ror("cas", "Chinese Academy of Sciences", "中国科学院", places=BEIJING, relations=(("child", "automation"),)),
    ror("automation", "Institute of Automation", "自动化研究所", places=BEIJING),
    ror("gone", "Xi'an Institute of Finance", "西安金融学院", active=False, relations=(("successor", "changan"),)),
]
MOE = [
    {"name": "西安交通大学城市学院", "code": "4161013679", "address": "西安市"},
    {"name": "西安交通大学", "code": "4161010698", "address": "西安市"},
    {"name": "西北政法大学", "code": "4161010726", "address": "西安市"},
    {"name": "沈阳农业大学", "code": "4121010157", "address": "沈阳市"},
    {"name": "沈阳城市学院", "code": "4121013201", "address": "沈阳市"},
    {"name": "中国地质大学（武汉）", "code": "4142010491", "address": "武汉市"},
    {"name": "西安工业大学北方信息工程\n学院", "code": "4161013686", "address": "西安市"},
]
TABLES = Tables(
    (
        FormerName("西安公路交通大学", "长安大学", "2000", "merged", ""),
        FormerName("西安公路学院", "西安公路交通大学", "1995", "renamed", ""),
        FormerName("第四军医大学", "空军军医大学", "2017", "renamed", ""),
        FormerName("某某学院", "无人知晓大学", "2001", "renamed", ""),
    ),
    {"nwpu": ("西工大",)},
    (Institution("unit:陕西省社会科学院", (("陕西省社会科学院", LABEL), ("陕西省社科院", LABEL))),),
)


@pytest.fixture(scope="module")
def units() -> ChineseUnits:
    return ChineseUnits(INSTITUTIONS, [from_moe(m) for m in MOE], TABLES)


def found(units: ChineseUnits, name: str) -> tuple[str, str] | None:
    (link,) = units.link([name])
    return link and (link.id, link.rule)


@pytest.mark.parametrize("module", [chinese, bilingual])
def test_the_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("name", "institution", "rule"),
    [
        ("西安交通大学", "jiaotong", "name"),
        ("西安交通大学 ", "jiaotong", "name"),
        ("西安交通大学管理学院", "jiaotong", "part"),
        ("西安交通大学/公共政策与管理学院", "jiaotong", "part"),
        ("西安交通大学人文社会科学学院公共管理系", "jiaotong", "part"),
        ("西安交通大学第一附属医院", "hospital", "name"),
        ("西交利物浦大学", "liverpool", "name"),
        ("西北大学", "northwest", "name"),
        ("西北大学经济管理学院", "northwest", "part"),
        ("西北工业大学社科系", "nwpu", "part"),
        ("西工大", "nwpu", "listed"),
        ("中国地质大学（武汉）", "cug-wuhan", "name"),
        ("中国地质大学(北京)", "cug-beijing", "name"),
        ("华北电力大学（保定）", "ncepu", "form"),
        ("第四军医大学", "fmmu", "former"),
        ("中国人民解放军第四军医大学", "fmmu", "former"),
        ("西安公路学院", "changan", "former"),
        ("西安公路学院汽车系", "changan", "former+part"),
        ("西安工业学院", "tech", "upgraded"),
        ("沈阳农业大学", "agri", "translated"),
        ("中国科学院自动化研究所", "automation", "form"),
        ("西安金融学院", "changan", "name"),
        ("陕西省社科院", "unit:陕西省社会科学院", "listed"),
        ("陕西社会科学院", "unit:陕西省社会科学院", "form"),
        ("陕西省社会科学院哲学研究所", "unit:陕西省社会科学院", "listed+part"),
    ],
)
def test_a_unit_finds_its_institution(units, name: str, institution: str, rule: str):
    assert found(units, name) == (institution, rule)


def test_colleges_of_their_own_are_not_their_university(units):
    assert found(units, "西安交通大学城市学院") == ("4161013679", "name")
    assert found(units, "西安工业大学北方信息工程学院") == ("4161013686", "name")


def test_a_college_of_its_own_is_no_part_even_where_no_register_holds_it():
    assert found(ChineseUnits(INSTITUTIONS, (), TABLES), "西安交通大学城市学院") is None


@pytest.mark.parametrize(
    "name",
    [
        "西安交通科技大学",  # no such school, and two are near
        "西安交通大学第二附属医院",  # a hospital is never a part
        "西安交通大学出版社",
        "中国科学院系统科学研究所",  # the academy's institutes are institutions of their own
        "某某学院",  # what followed it is in no register
        "北京大学",
        "西安",
        "管理学院",
        "Xi'an Jiaotong University",
        "",
    ],
)
def test_what_no_register_holds_is_none(units, name: str):
    assert found(units, name) is None


def test_a_research_institute_in_another_city_is_its_own(units):
    assert found(units, "西北工业大学沈阳研究院") is None
    assert found(units, "西北工业大学高等研究院") == ("nwpu", "part")


def test_two_that_bear_a_name_alike_are_neither():
    twins = [ror("a", "Institute A", "同名研究院"), ror("b", "Institute B", "同名研究院")]
    assert found(ChineseUnits(twins, (), Tables()), "同名研究院") is None
    stronger = [twins[0], ror("b", "Institute B", "同名研究院", kind=ALIAS)]
    assert found(ChineseUnits(stronger, (), Tables()), "同名研究院") == ("a", "name")
    short = [ror("a", "Institute A", "同名研究院", kind=ACRONYM)]
    assert found(ChineseUnits(short, (), Tables()), "同名研究院") is None


def test_the_schools_that_both_registers_hold(units):
    same = {other: (link.id, link.rule) for other, link in units.same.items()}
    assert same == {
        "4161010698": ("jiaotong", "name"),
        "4142010491": ("cug-wuhan", "name"),
        "4121010157": ("agri", "translated"),
    }


def test_scores_say_how_sure_a_link_is(units):
    names = ["西安交通大学", "西安交通大学管理学院", "第四军医大学", "西安公路学院汽车系", "沈阳农业大学"]
    scores = [link.score for link in units.link(names)]
    assert scores == [1.0, 0.98, 0.98, 0.9604, 0.9]


def test_names_come_back_in_their_order(units):
    links = units.link(["西北大学", "", "西北大学", "西安交通大学"])
    assert [link and link.id for link in links] == ["northwest", None, "northwest", "jiaotong"]


def test_the_order_of_the_registers_changes_nothing(units):
    names = [n for i in INSTITUTIONS for n, _ in i.names] + [m["name"] for m in MOE] + ["西安公路学院汽车系"]
    expected = units.link(names)
    for some in list(permutations(range(4)))[1::7]:
        mixed = [INSTITUTIONS[i::4] for i in some]
        again = ChineseUnits([i for part in mixed for i in part], [from_moe(m) for m in reversed(MOE)], TABLES)
        assert again.link(names) == expected


def test_forms_of_a_name_meet():
    assert unit_key("西安交通大学　会计学院") == unit_key("西安交通大学·会计学院") == "西安交通大学会计学院"
    assert unit_key("西安電子科技大學") == unit_key("西安电子科技大学")
    assert unit_key("中国石油大学（华东）") == unit_key("中国石油大学 (华东)")
    assert loose_key("广西壮族自治区人民医院") == loose_key("广西人民医院")
    assert loose_key("中国人民武装警察部队工程大学") == loose_key("武警工程大学")
    assert loose_key("某某电力集团有限责任公司") == loose_key("某某电力集团股份有限公司")
    assert loose_key("吉林省人民医院") != loose_key("吉林市人民医院")
    assert loose_key("解放军理工大学") == "解放军理工大学"  # not any 理工大学


def test_phrases_are_learned_from_names_in_both_languages():
    phrases = Phrases(INSTITUTIONS)
    assert phrases.score("沈阳农业大学", "Shenyang Agricultural University") > 0.7
    assert phrases.score("沈阳师范大学", "Shenyang Agricultural University") < 0.6
    assert phrases.score("沈阳农业大学", "") == 0


def test_institutions_that_only_a_relation_names():
    record = {"id": "cas", "relationships": [{"id": "new", "label": "Institute of Electronics", "type": "Child"}]}
    (relative,) = relatives([record], INSTITUTIONS)
    assert relative == Institution(
        "new", (("Institute of Electronics", DISPLAY),), BEIJING, relations=(("parent", "cas"),)
    )
    assert relatives([record], [*INSTITUTIONS, relative]) == []


def test_the_committed_tables_hold_together():
    tables = chinese.committed()
    names = [f.name for f in tables.former]
    assert len(names) == len(set(names)) > 250
    assert {f.kind for f in tables.former} == {"renamed", "merged", "written"}
    assert all(f.basis and f.name != f.current and (not f.year or 1950 < int(f.year) < 2027) for f in tables.former)
    following = {unit_key(f.name): unit_key(f.current) for f in tables.former}
    for name in following:
        seen = [name]
        while seen[-1] in following:
            seen.append(following[seen[-1]])
            assert len(seen) <= 6, seen  # no name leads back to itself
    listed = [n for ns in tables.names.values() for n in ns]
    assert len(listed) == len(set(listed))
    with (Path(chinese.__file__).parent / "ror_names.csv").open(encoding="utf-8", newline="") as f:
        assert all(row["ror_id"].startswith("https://ror.org/0") and row["basis"] for row in csv.DictReader(f))
