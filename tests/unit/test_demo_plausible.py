"""The city looks like a city: shares, skews, growth and unique names within tolerances; the plan's figures exactly."""

from collections import Counter
from datetime import date
from itertools import pairwise
from statistics import quantiles

import pytest

from demo import firms, platforms, words
from demo.city import City
from demo.filings import Filings
from demo.plan import BY_CODE, CITY, Plan
from demo.platforms import Platforms
from demo.projects import Projects
from demo.systems import registers
from demo.trade import Trade

END_OF_2020 = date(2020, 12, 31)
SEEDS = (1, 2)


@pytest.fixture(scope="module", params=SEEDS)
def city(request) -> City:
    return City(request.param, 1)


@pytest.fixture(scope="module")
def planned() -> City:
    """The city of the plan's own numbers."""
    return City(1, 10)


# -- the plan's figures at scale 10 -----------------------------------------------------------------------------------


def test_the_firms_of_2020_are_the_plans(planned):
    """专栏1 (7, 8) and section 1.1, counted on the firms themselves."""
    slice_ = planned.slice(firms.Firms)
    found: Counter[str] = Counter()
    for number in range(len(planned.firms)):
        firm = slice_.firm(number)
        found["高企"] += firm.holds(firms.HIGH_TECH, END_OF_2020) is not None
        held = {q.kind if q.board is None else q.board for q in firm.qualifications if q.since <= END_OF_2020}
        found.update(held & {firms.SMALL, "专精特新小巨人", "制造业单项冠军", "科创板"})
    assert found == {"高企": 5212, firms.SMALL: 6135, "专精特新小巨人": 37, "制造业单项冠军": 3, "科创板": 5}


def test_the_contracts_of_2020_are_the_plans(planned):
    """专栏1 (6): 1,648 亿元, net of cancellations, to the cent."""
    trade = planned.slice(Trade)
    net = sum(trade.contract(n).net(planned.today) for n in trade.contracts_of(2020))
    assert net == 1648 * 10_000 * 100  # 亿元 in 1/100 万元


def test_the_platforms_of_2020_are_the_plans(planned):
    """专栏1 (5), sections 1.1 and 3.2."""
    slice_ = planned.slice(Platforms)
    found: Counter[tuple[str, str]] = Counter()
    for number in range(slice_.count):
        platform = slice_.platform(number)
        if platform.approved <= END_OF_2020 and (platform.closed is None or platform.closed > END_OF_2020):
            found[platform.kind, platform.level] += 1
    of = Counter[str]()
    for (kind, _), count in found.items():
        of[kind] += count
    upper = (platforms.NATIONAL, platforms.PROVINCIAL)
    assert of[platforms.NEW_INSTITUTION] == 5
    assert sum(found[platforms.LABORATORY, level] for level in upper) == 164
    assert sum(found[platforms.CENTRE, level] for level in upper) == 154
    assert sum(found[platforms.COMPANY_CENTRE, level] for level in upper) == 237
    assert found[platforms.MAKERSPACE, platforms.NATIONAL] == 71
    assert found[platforms.INCUBATOR, platforms.NATIONAL] == 24
    assert sum(of[kind] for kind in platforms.CARRIERS) == 285


@pytest.mark.parametrize("scale", [0.1, 1, 10])
def test_the_reported_figures_of_2020_are_the_plans_at_every_scale(scale):
    """专栏1 as printed; 高价值发明专利 has no baseline and gets none."""
    plan = City(1, scale).slice(Plan)
    reported = {
        v.indicator.code: v.value
        for v in plan.values
        if v.year == 2020 and v.dimension == CITY and v.kind == "规划公布值" and v.indicator.code.startswith("I0")
    }
    printed = {"I01": 5.05, "I03": 40.09, "I04": 46.9, "I05": 5, "I06": 1648, "I07": 5212, "I08": 6135, "I09": 71}
    assert reported == printed
    goals = {code: BY_CODE[code].target for code in [*printed, "I02"]}
    assert goals == {
        "I01": 5, "I02": 12, "I03": 50, "I04": 50, "I05": 100, "I06": 2000, "I07": 10000, "I08": 12000, "I09": 90
    }  # fmt: skip


# -- shares, skew, growth ---------------------------------------------------------------------------------------------


def test_institutions_lie_where_the_districts_are(city):
    things = [city.institution(n) for n in city.institutions]
    shares = Counter(i.district for i in things)
    for district, (name, percent) in words.DISTRICTS.items():
        assert abs(100 * shares[district] / len(things) - percent) < max(1.5, percent * 0.15), name


def test_zones_overlap_their_districts_and_leave_some_to_nobody(city):
    things = [city.institution(n) for n in city.institutions]
    overlapped = {d for _, places in words.ZONES.values() for d in places}
    possible = [i for i in things if i.district in overlapped]
    none = sum(i.zone is None for i in possible) / len(possible)
    assert abs(none - 0.2) < 0.03
    assert all(i.district in words.ZONES[i.zone][1] for i in things if i.zone)
    assert {i.zone for i in things} == {None, *words.ZONES}


def test_few_firms_are_large(city):
    staff = sorted((city.institution(n).staff for n in city.firms), reverse=True)
    median = staff[len(staff) // 2]
    assert 20 <= median <= 70
    assert 0.4 <= sum(staff[: len(staff) // 10]) / sum(staff) <= 0.6, "a tenth of the firms has about half of the staff"
    assert staff[0] > 20 * median


def test_industries_follow_the_plans_chains(city):
    shares = Counter(city.institution(n).industry for n in city.firms)
    for industry, percent in zip(words.INDUSTRIES, words.INDUSTRY_SHARES, strict=True):
        assert abs(100 * shares[industry] / city.count("firm") - percent) < 2.5, industry


def test_projects_grow_from_year_to_year(city):
    projects = city.slice(Projects)
    years = Counter(projects.project(n).year for n in range(projects.count))
    whole = [y for y in sorted(years) if y < city.today.year]
    assert len(whole) >= 8
    counts = [years[y] for y in whole]
    assert counts[-1] > 1.4 * counts[0]
    for before, after in pairwise(counts):
        assert 0.7 < after / before < 1.6


def test_money_is_skewed_and_fiscal_money_is_a_part(city):
    trade = city.slice(Trade)
    amounts = sorted(trade.contract(n).signed_amount for n in trade.contracts_of(2023))
    assert sum(amounts[-len(amounts) // 10 :]) / sum(amounts) > 0.4, "a tenth of the contracts brings 40 % or more"
    low, middle, high = quantiles(amounts, n=4)
    assert low * 3 < high
    assert middle > 0


def test_ages_and_sexes_are_those_of_working_people(city):
    people = [city.person(n) for n in city.people]
    assert abs(sum(p.gender == "女" for p in people) / len(people) - 0.5) < 0.03
    ages = [city.today.year - p.born.year for p in people]
    assert min(ages) >= 26
    assert max(ages) <= 70
    assert abs(sum(ages) / len(ages) - 48) < 3


def test_where_people_work(city):
    kinds = Counter(
        city.kind_of(employer) for n in city.people if (employer := city.person(n).employer_on(city.today)) is not None
    )
    whole = sum(kinds.values())
    for kind, least, most in (("university", 0.12, 0.3), ("institute", 0.08, 0.25), ("firm", 0.45, 0.75)):
        assert least < kinds[kind] / whole < most, kind


def test_most_reports_are_filed_and_some_are_late(city):
    late = len(city.slice(Filings).truth()["overdue_reports"])
    assert 0.05 < late / registers(city)["pds", "report_obligation"].size() < 0.35


@pytest.mark.parametrize("scale", [1, 10, 100])
def test_names_are_nearly_unique_where_a_city_is_small(scale):
    """As in life, namesakes become common only in large registers."""
    city = City(1, scale)
    numbers = range(0, city.count("person"), max(1, city.count("person") // 30_000))
    names = Counter(city.given_name(n) for n in numbers)
    alone = sum(count == 1 for count in names.values()) / len(numbers)
    assert alone > {1: 0.94, 10: 0.1, 100: 0.1}[scale]
    assert max(names.values()) < 12
