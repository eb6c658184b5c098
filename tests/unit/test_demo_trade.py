"""The technology market: contracts that sum up to the plan's figure, demands and the offers that fit them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from demo.city import City
from demo.systems.market import ContractForms, MatchForms
from demo.trade import EXACT, Need, Trade
from demo.trade_rules import UNMATCHED_DAYS, score


@pytest.fixture(scope="module", params=[1, 2], ids=["seed 1", "seed 2"])
def city(request) -> City:
    return City(request.param, 1)


@pytest.fixture(scope="module")
def truth(city) -> dict:
    return city.slice(Trade).truth()


def clean(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()


def yearly(truth: dict, name: str) -> dict[int, Decimal]:
    """Volumes of all kinds of contracts by year, 万元."""
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for v in truth["contract_volumes"]:
        sums[v["year"]] += Decimal(str(v[name]))
    return sums


def identity(row: dict) -> tuple:
    """What two registrations of one contract have in common."""
    return (
        clean(row["seller"]["creditCode"]),
        clean(row["buyer"]["creditCode"]),
        clean(row["title"]),
        row["signedDate"],
        row["amount"]["total"],
    )


@pytest.mark.parametrize(("scale", "wan"), [(10, 16_480_000), (0.37, 609_760)])
def test_contracts_of_2020_sum_up_to_the_plans_figure_to_the_cent(scale, wan):
    trade = City(3, scale).slice(Trade)
    numbers = list(trade.contracts_of(2020))
    amounts = [trade.contract(n).net(trade.city.today) for n in numbers]
    assert sum(amounts) == wan * 100
    assert min(a for a in amounts if a) > 0
    assert max(amounts) < sum(amounts) / 2, "no contract, the one that takes the rest included, makes up the sum"


def test_rows_net_of_cancellations_and_counted_once_say_the_same(city, truth):
    counted: dict[tuple, Decimal] = {}
    for row in city.slice(ContractForms).rows():
        if int(row["signedDate"][:4]) in EXACT and row["status"] != "已解除":
            counted[identity(row)] = Decimal(str(row["amount"]["total"]))
    volumes: dict[int, Decimal] = defaultdict(Decimal)
    for key, amount in counted.items():
        volumes[int(key[3][:4])] += amount
    told = yearly(truth, "total_wan")
    assert volumes == {year: told[year] for year in EXACT}
    assert volumes[2020] == Decimal("1648000")


def test_volume_grows_and_either_side_may_lie_outside(truth):
    total, output, absorbed = (yearly(truth, f"{name}_wan") for name in ("total", "output", "absorbed"))
    assert [total[y] for y in (2021, 2022)] == [2_209_490, 2_881_300]
    assert total[2025] > 4_000_000
    for year in total:
        assert 0 < absorbed[year] < output[year] < total[year] < output[year] + absorbed[year]


def test_sizes_are_skewed(city):
    trade = city.slice(Trade)
    amounts = sorted(trade.contract(n).signed_amount for year in (2019, 2023) for n in trade.contracts_of(year))
    tenth = len(amounts) // 10
    assert 0.5 < sum(amounts[-tenth:]) / sum(amounts) < 0.75
    assert amounts[len(amounts) // 2] < sum(amounts) / len(amounts) / 2


def test_what_is_registered_twice_looks_the_same_and_what_looks_so_differs_in_one_thing(city, truth):
    rows = {f"market:contract:{row['contractNo']}": row for row in city.slice(ContractForms).rows()}
    refused = {f"market:contract:{key}" for key, _ in city.slice(ContractForms).planted()}
    twice = [t["records"] for t in truth["contracts"] if t["kind"] == "twice" and not refused & {*t["records"]}]
    alike = [
        t["records"]
        for t in truth["near_misses"]["contracts"]
        if t["kind"] == "alike" and not refused & {*t["records"]}
    ]
    assert len(twice) >= 20 and len(alike) >= 20
    for one, other in twice:
        assert identity(rows[one]) == identity(rows[other])
        assert {rows[one]["registeredBy"], rows[other]["registeredBy"]} == {"seller", "buyer"}
        assert rows[one]["status"] == rows[other]["status"]
    for one, other in alike:
        differing = sum(a != b for a, b in zip(identity(rows[one]), identity(rows[other]), strict=True))
        assert differing in (1, 2), "two only where the other one's amount was amended later"
        assert identity(rows[one])[:2] == identity(rows[other])[:2]


def test_every_rule_has_cases_on_both_sides_of_its_border(truth):
    found, near = (Counter(t["kind"] for t in part) for part in (truth["contracts"], truth["near_misses"]["contracts"]))
    assert min(found[kind] for kind in ("cancelled", "amended", "twice")) >= 20
    assert min(near[kind] for kind in ("alike", "cancellation_asked", "amended_not_in_amount")) >= 20
    for rule in ("matches", "unmatched"):
        assert len(truth[rule]) >= 20 <= len(truth["near_misses"][rule])


def test_a_demand_finds_its_contract_and_the_contract_its_demand(city):
    trade = city.slice(Trade)
    demands = range(trade.demands.count(city.today))
    met = {d: trade.demand(d).contract for d in demands if trade.demand(d).contract is not None}
    assert len(set(met.values())) == len(met) > 300
    for demand, number in met.items():
        contract = trade.contract(number)
        assert contract.demand == demand
        assert contract.buyer.institution == trade.need(demand).firm
        assert contract.signed > trade.need(demand).posted
        assert contract.cancelled is None
    strangers = [n for n in range(500) if trade.contract(n).demand is not None and n not in met.values()]
    assert not strangers


def test_a_meeting_that_led_to_a_contract_names_it(city):
    rows = [row for row in city.slice(MatchForms).rows() if row["result"] == "签订合同"]
    contracts = {row["contractNo"]: row for row in city.slice(ContractForms).rows()}
    assert len(rows) > 100
    for row in rows:
        assert contracts[row["contractNo"]]["achievementNo"] == row["achievementNo"]


def test_score():
    need = Need(firm=1, industry="新材料", node="石墨烯材料", trl=8, budget=1000, posted=None)
    trade = City(1, 0.1).slice(Trade)
    offer = next(a for a in map(trade.achievement, range(50)) if a.price is not None)

    def points(same_district=False, **changes) -> float:
        given = {"industry": "新材料", "node": "石墨烯材料", "trl": 9, "price": 900, **changes}
        return score(need, offer.__class__(**{**vars(offer), **given}), same_district)

    assert points(same_district=True) == 100
    assert points() == 95
    assert points(trl=8) == 95 and points(trl=7) == 90 and points(trl=4) == points(trl=3) == 75
    assert points(price=1000) == 95 and points(price=1500) == 87.5 and points(price=2000) == points(price=9000) == 80
    assert points(price=None) == 87.5
    assert points(node="稀有金属材料") == 65
    assert points(industry="人工智能", node="智能芯片与系统", same_district=True) == 40, "below the least score"


def test_a_demand_is_overdue_from_the_day_after_the_ninetieth(city):
    trade = city.slice(Trade)
    open_ = [d for d in map(trade.demand, range(trade.demands.count(city.today))) if d.open_on(city.today)]
    number = next(d.number for d in open_ if (city.today - d.need.posted).days <= 20 and not d.closed)
    posted = trade.need(number).posted

    def overdue(days: int) -> bool:
        later = city.at(city.day + (posted + timedelta(days=days) - city.today).days)
        return f"market:demand:{trade.demand_no(number)}" in {
            u["demand"] for u in later.slice(Trade).truth()["unmatched"]
        }

    assert not overdue(UNMATCHED_DAYS)
    assert overdue(UNMATCHED_DAYS + 1)
