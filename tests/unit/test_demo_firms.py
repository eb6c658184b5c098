"""Firms and platforms of the city: exact stocks, borders on both sides, files that never change once written."""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import openpyxl
import pytest

from demo import platform_rules, systems
from demo.city import TODAY, City
from demo.firms import HIGH_TECH, SMALL, YI, Figures, Firms, high_tech_share, is_double_five, is_small, scores
from demo.ladder import HIGH_TECH as STOCK
from demo.ladder import SMALL as ENTERED
from demo.ladder import YEARS
from demo.platforms import EFFECTIVE_HOURS, EXTERNAL_HOURS, Platforms, Tenant, months_after
from demo.systems import carriers, enterprises, integrity

SEEDS = (1, 2)
PLAIN = Figures(2025, 100, 40, YI, YI // 10, YI, YI, 0, 20, 50, 12)


@pytest.fixture(scope="module", params=SEEDS)
def city(request) -> City:
    return City(request.param, 1)


def firms_of(city: City) -> list:
    slice_ = city.slice(Firms)
    return [slice_.firm(place) for place in range(slice_.count)]


# -- the ladder -------------------------------------------------------------------------------------------------------


def test_stocks_are_exact_up_to_2022(city):
    firms = firms_of(city)
    for year, stock, entered in zip(YEARS, STOCK, ENTERED, strict=True):
        end = date(year, 12, 31)
        if year <= 2022:
            assert sum(f.holds(HIGH_TECH, end) is not None for f in firms) == round(stock / 10), year
            small = [f for f in firms if any(q.kind == SMALL and q.since <= end for q in f.qualifications)]
            assert len(small) == round(entered / 10), year


def test_nobody_climbs_before_being_founded(city):
    for f in firms_of(city):
        certificates = [q for q in f.qualifications if q.kind == HIGH_TECH]
        assert all(q.since > f.institution.established for q in f.qualifications)
        for one, other in pairwise(certificates):
            assert one.since < other.since and one.to < other.to
        assert all((q.to - q.since).days in (1094, 1095) for q in certificates)


def test_an_entry_of_a_small_firm_is_known_only_when_it_is_made(city):
    f = next(f for f in firms_of(city) if any(len(q.years) > 2 for q in f.qualifications))
    q = next(q for q in f.qualifications if len(q.years) > 2)
    (first, until), (second, _) = q.years[:2]
    assert q.valid_on(first) and q.valid_on(until)
    assert q.to_on(second - timedelta(days=1)) == until
    assert not q.valid_on(until + timedelta(days=1)) or second <= until + timedelta(days=1)
    assert q.to_on(second) > until


@pytest.mark.parametrize(
    ("figures", "found"),
    [
        (replace(PLAIN, revenue=5 * YI, rd=YI), False),  # exactly 5 亿 is not above it
        (replace(PLAIN, revenue=5 * YI + 100, rd=(5 * YI + 100) // 20), False),  # exactly 5 % neither
        (replace(PLAIN, revenue=5 * YI + 100, rd=(5 * YI + 100) // 20 + 1), True),
    ],
)
def test_double_five_is_strict_on_both_sides(figures, found):
    assert is_double_five(figures) is found


@pytest.mark.parametrize(
    ("figures", "found"),
    [
        (replace(PLAIN, staff=500, revenue=2 * YI, assets=2 * YI), True),
        (replace(PLAIN, staff=501), False),
        (replace(PLAIN, revenue=2 * YI + 1), False),
        (replace(PLAIN, assets=2 * YI + 1), False),
        (replace(PLAIN, score_staff=4, score_rd=50, score_results=6), True),
        (replace(PLAIN, score_staff=4, score_rd=50, score_results=0), False),
        (replace(PLAIN, score_staff=0, score_rd=50, score_results=30), False),  # 80 points, none for staff
    ],
)
def test_small_firms_at_their_limits(figures, found):
    assert is_small(figures) is found


def test_thresholds_and_scores_step_at_their_borders():
    assert [high_tech_share(r) for r in (YI // 2, YI // 2 + 1, 2 * YI, 2 * YI + 1)] == [5, 4, 4, 3]
    assert scores(100, 30, YI, YI * 6 // 100, 5) == (20, 50, 30)
    assert scores(100, 29, YI, YI * 6 // 100 - 1, 4) == (16, 40, 24)
    assert scores(100, 9, YI, 0, 0) == (0, 0, 0)


def test_the_borders_themselves_occur(city):
    figures = [f.figures[2025] for f in firms_of(city) if 2025 in f.figures]
    assert sum(x.revenue == 5 * YI for x in figures) >= 2
    assert sum(x.revenue == 2 * YI for x in figures) >= 5
    assert sum(x.assets == 2 * YI for x in figures) >= 5
    assert any(x.staff == 500 for x in figures)
    slice_ = city.slice(Platforms)
    years = [slice_.year(n, 2025) for n in range(slice_.carriers.start)]
    assert any(y.hours == EFFECTIVE_HOURS * 10 for y in years)
    assert any(y.external == EXTERNAL_HOURS * 10 for y in years)


# -- what the rules find ----------------------------------------------------------------------------------------------


def test_every_rule_has_cases_on_both_sides(city):
    found = city.slice(Firms).truth() | {"platforms": city.slice(Platforms).truth()["platforms"]}
    near = found["near_misses"] | city.slice(Platforms).truth()["near_misses"]
    for rule in ("ladder", "unregistered", "near_threshold", "lapsing", "backing", "platforms"):
        assert len(found[rule]) >= 20 and len(near[rule]) >= 20, rule
    for side in (found, near):
        counts = Counter(item["rule"] for item in side["platforms"])
        assert set(counts) == set(platform_rules.RULES) and min(counts.values()) >= 20, counts
        assert min(Counter(item["rung"] for item in side["ladder"]).values()) >= 20


def test_the_evidence_of_every_finding_is_delivered_and_sound(city):
    delivered = set()
    for cls in (*enterprises.REGISTERS, *carriers.REGISTERS):
        register = city.slice(cls)
        refused = {register.record_id(row) for row, reason in register.walk() if reason}
        delivered |= {register.record_id(row) for row in register.rows()} - refused
    for slice_ in (Firms, Platforms):
        lists = dict(city.slice(slice_).truth())
        lists.pop("barred_firms", None)  # their evidence is the integrity system's
        for items in (*lists.pop("near_misses").values(), *lists.values()):
            assert {r for item in items for r in item["records"]} <= delivered


def test_a_barred_firm_is_no_small_firm_and_its_bar_is_delivered(city):
    found = city.slice(Firms).truth()
    barred = found["barred_firms"]
    assert len(barred) >= 10
    delivered = {city.slice(cls).record_id(row) for cls in integrity.REGISTERS for row in city.slice(cls).rows()}
    assert {r for item in barred for r in item["records"]} <= delivered
    firms = {item["firm"] for item in barred}
    for name in ("ladder", "unregistered"):
        assert not [i for i in found[name] if i["rung"] == SMALL and i["firm"] in firms]
    assert [i for i in found["ladder"] if i["rung"] != SMALL and i["firm"] in firms]


def test_a_firm_struck_off_on_its_thirty_six_months_has_lived_them():
    came = date(2022, 2, 28)
    tenant = Tenant(0, 0, None, "示例", "", came, None, None, months_after(came, 36), 1, 1)
    assert tenant.proven == date(2025, 2, 28) == tenant.ended
    assert months_after(date(2022, 11, 30), 3) == date(2023, 2, 28)


# -- the files ---------------------------------------------------------------------------------------------------------


def test_a_month_brings_what_registers_live_through(city):
    before, after = enterprises.FirmRows(city), enterprises.FirmRows(city.at(30))
    old, new = ({row["企业编号"]: row for row in register.rows()} for register in (before, after))
    assert len(old.keys() - new.keys()) >= 3, "firms leave"
    assert len(new.keys() - old.keys()) >= 5, "firms are founded"
    assert any(old[no]["曾用名"] != new[no]["曾用名"] for no in old.keys() & new.keys()), "firms are renamed"
    old, new = ({row["资质编号"]: row for row in enterprises.QualificationRows(c).rows()} for c in (city, city.at(30)))
    lapsed = [no for no in old.keys() & new.keys() if (old[no]["状态"], new[no]["状态"]) == ("有效", "到期")]
    assert len(lapsed) >= 3, "certificates lapse"
    assert old.keys() - new.keys(), "pools are left"


def test_files_never_change_and_later_days_only_add(tmp_path):
    young, old = City(1, 0.1), City(1, 0.1, 20)
    one, other = tmp_path / "one", tmp_path / "other"
    for system in (enterprises, carriers):
        first = system.write(young, one)
        assert first and system.write(young, one) == []
        added = system.write(old, one)
        again = system.write(old, other)
        assert sorted(p.relative_to(one) for p in [*first, *added]) == sorted(p.relative_to(other) for p in again)
        assert all((one / p.relative_to(other)).read_bytes() == p.read_bytes() for p in again)
    names = {p.name for p in one.rglob("firm_2*.zip")}
    assert names == {"firm_20260531.zip", *(f"firm_{TODAY + timedelta(days=d):%Y%m%d}.zip" for d in range(21))}


def test_snapshots_are_gb18030_and_workbooks_made_for_people(tmp_path):
    city = City(1, 0.1)
    systems.write(city, tmp_path)
    with zipfile.ZipFile(tmp_path / "enterprises/firm_20260630.zip") as archive:
        text = archive.read("firm_20260630.csv")
        assert text.decode("gb18030").startswith("企业编号,企业名称,")
        with pytest.raises(UnicodeDecodeError):
            text.decode("utf-8")
    book = openpyxl.load_workbook(max((tmp_path / "carriers/2024").glob("*.xlsx"), key=lambda p: p.stat().st_size))
    assert book.sheetnames == ["表1 科技创新平台", "表2 孵化载体", "表3 在孵和毕业企业"]
    sheet = book.worksheets[0]
    assert sheet["A1"].value.startswith("西安市科技创新平台运行情况统计表")
    assert any(r.min_row == 3 and r.max_col > r.min_col for r in sheet.merged_cells.ranges)
    cells = [str(c) for row in sheet.iter_rows(values_only=True) for c in row if c is not None]
    assert "合　计" in cells
    assert any(c.startswith("注：") for c in cells)


def test_a_correction_gives_the_money_in_its_unit(city):
    day = next(d for d in range(1, 150) if _corrections(city.at(d)))
    late = city.at(day)
    [(_, district), *_] = _corrections(late)
    register = late.slice(carriers.PlatformForms)
    rows = register.corrections(register.slots_of(2025)[district])
    first = {row["平台编号"]: row for row, _ in register.first_deliveries(register.slots_of(2025)[district])}
    assert rows
    for row in rows:
        was, now = (r["经费（千元）/总收入"] for r in (first[row["平台编号"]], row))
        if not isinstance(was, str) and not isinstance(now, str):
            assert now == pytest.approx(10 * was)


def _corrections(city: City) -> list[tuple[date, str]]:
    """Day and district of the corrections of 2025 up to today that hold rows of platforms."""
    register = city.slice(carriers.PlatformForms)
    found = []
    for district, slots in register.slots_of(2025).items():
        day = carriers.corrected(city, district, 2025)
        if day and day <= city.today and register.corrections(slots):
            found.append((day, district))
    return found
