"""Public money and reports of the city: both sides of every rule, and the database that tells of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from demo.city import City, years_after
from demo.decisions import Decisions
from demo.filings import Filings
from demo.money import Fund, Loan, Money, Voucher
from demo.quiet import quiet
from demo.systems import finance
from demo.systems.reports import Reports


@cache
def made(seed: int) -> City:
    return City(seed, 1)


@cache
def truth_of(seed: int, slice_: type) -> dict[str, Any]:
    return made(seed).slice(slice_).truth()


SEEDS = pytest.mark.parametrize("seed", [1, 2])


@SEEDS
def test_every_rule_has_examples_on_both_sides(seed: int):
    money, filings = truth_of(seed, Money), truth_of(seed, Filings)
    for truth in (money, filings, truth_of(seed, Decisions)):
        near = truth["near_misses"]
        for rule in near:
            assert len(truth[rule]) >= 20, rule
            assert len(near[rule]) >= 20, f"near {rule}"
    for found in (money["finance"], money["near_misses"]["finance"]):
        rules = Counter(f["rule"] for f in found)
        assert set(rules) == {
            "low_leverage",
            "loan_default",
            "exposure_over_cap",
            "double_pledge",
            "voucher_over_limit",
            "voucher_after_its_last_day",
        }
        assert min(rules.values()) >= 20, rules
    overdue = Counter(f["reason"] for f in filings["overdue_reports"])
    assert set(overdue) == {"not_filed", "filed_late", "withdrawn", "deferred_too_long"}
    near = Counter(f["reason"] for f in filings["near_misses"]["overdue_reports"])
    assert {"filed_on_due_day", "deferred_five_years"} <= set(near)
    assert min(overdue.values()) >= 20 and min(near["filed_on_due_day"], near["deferred_five_years"]) >= 20


@SEEDS
def test_reports_are_judged_by_day_and_by_the_fifth_year(seed: int):
    filings = made(seed).slice(Filings)
    by_no = {f.report_no: f for slot in range(filings.slots) if (f := filings.filing(slot))}
    truth = truth_of(seed, Filings)
    for found in truth["overdue_reports"]:
        due = date.fromisoformat(found["due"])
        if found["reason"] == "filed_late":
            assert due < by_no[found["report"]].filed
        elif found["reason"] == "deferred_too_long":
            assert by_no[found["report"]].opens > years_after(by_no[found["report"]].filed, 5)
        else:
            assert due < filings.city.today
    for found in truth["near_misses"]["overdue_reports"]:
        if found["reason"] == "filed_on_due_day":
            assert by_no[found["report"]].filed.isoformat() == found["due"]
        elif found["reason"] == "deferred_five_years":
            assert by_no[found["report"]].opens == years_after(by_no[found["report"]].filed, 5)


def loan(**given: Any) -> Loan:
    firm = City(1, 0.1).institution(0)
    return Loan(
        **{
            "number": 0,
            "loan_no": "DK",
            "borrower": firm,
            "bank": "",
            "product": "",
            "amount": 100.0,
            "rate": 4.0,
            "ratio": 0.5,
            "paid_out": date(2024, 1, 1),
            "due": date(2025, 1, 1),
            "repaid": None,
            **given,
        }
    )


def test_a_loan_is_in_default_from_the_ninetieth_day_on():
    due = date(2025, 1, 1)
    assert loan(repaid=due + timedelta(days=89)).defaulted is None
    assert loan(repaid=due + timedelta(days=90)).defaulted == due + timedelta(days=90)
    never = loan()
    states = [never.state_on(due + timedelta(days=d)) for d in (0, 1, 89, 90, 149, 150)]
    assert states == ["正常", "逾期", "逾期", "不良", "不良", "代偿"]
    assert [never.exposure_on(due + timedelta(days=d)) for d in (-400, 0, 149, 150)] == [0.0, 50.0, 50.0, 0.0]


def test_a_voucher_counts_what_was_redeemed_by_a_day():
    money = made(1).slice(Money)
    voucher = next(v for n in range(money.vouchers) if len((v := money.voucher(n)).redeemed) == 2)
    (first, amount), (last, more) = voucher.redeemed
    assert isinstance(voucher, Voucher)
    assert voucher.redeemed_on(first - timedelta(days=1)) == 0
    assert voucher.redeemed_on(last) == amount + more
    assert voucher.last_on(last) == last


def test_a_fund_at_the_border_is_no_case():
    money = made(1).slice(Money)
    low = {f["fund"] for f in truth_of(1, Money)["finance"] if f["rule"] == "low_leverage"}
    funds: list[Fund] = [money.fund(n) for n in range(money.funds)]
    assert {f.fund_no for f in funds if f.private < f.public} == low
    assert [f for f in funds if f.private == f.public], "some stand exactly at the border"


@SEEDS
def test_no_example_rests_on_a_row_that_is_refused(seed: int):
    """Rubbish is planted where no rule looks, so a platform that refuses it still finds exactly the truth."""
    city = made(seed)
    refused = {key for r in finance.REGISTERS for key, _ in city.slice(r).planted()}
    truth = truth_of(seed, Money)
    examples = [*truth["finance"], *truth["near_misses"]["finance"]]
    named = {str(v) for f in examples for k in ("fund", "loan", "voucher") if (v := f.get(k))}
    named |= {n for f in examples for k in ("loans", "pledges") for n in f.get(k, ())}
    named |= {f["item"] for f in [*truth["funding"], *truth["near_misses"]["funding"]]}
    assert refused and not refused & named
    reports = city.slice(Reports)
    slots = {int(key.rsplit(":", 1)[1]) - 1 for key, _ in reports.planted()}
    assert slots and all(reports.filings.spare(slot) for slot in slots)
    assert any(quiet(slot) for slot in range(20))


# -- the database -----------------------------------------------------------------------------------------------------


def tables(path: Path) -> dict[str, list[tuple]]:
    with sqlite3.connect(path) as con:
        return {
            r.record: con.execute(f"SELECT * FROM {r.record} ORDER BY row_id").fetchall() for r in finance.REGISTERS
        }


def test_the_database_day_by_day_equals_the_database_at_once(tmp_path: Path):
    for day in (0, 1, 7, 30):
        finance.fill(City(1, 0.2, day), f"sqlite:///{tmp_path / 'steps.sqlite'}")
    finance.fill(City(1, 0.2, 30), f"sqlite:///{tmp_path / 'once.sqlite'}")
    steps, once = tables(tmp_path / "steps.sqlite"), tables(tmp_path / "once.sqlite")
    assert steps == once
    assert all(rows for rows in once.values())


def test_a_day_touches_only_the_rows_that_changed(tmp_path: Path):
    path = tmp_path / "finance.sqlite"
    finance.fill(made(1), f"sqlite:///{path}")
    before = tables(path)
    with sqlite3.connect(path) as con:
        con.execute("UPDATE fund SET fund_name = fund_name || ' (untouched)'")
    finance.fill(City(1, 1, 1), f"sqlite:///{path}")
    after = tables(path)
    new = {n: len(set(after[n]) - set(before[n])) for n in before if n != "fund"}
    assert 0 < sum(new.values()) < 100, new
    untouched = [row for row in after["fund"] if str(row[2]).endswith("(untouched)")]
    assert len(untouched) >= len(before["fund"]) - 2
    assert max(row[-1] for row in after["voucher"]) > max(row[-1] for row in before["voucher"])


def test_another_city_or_an_earlier_day_is_written_from_the_beginning(tmp_path: Path):
    path = tmp_path / "finance.sqlite"
    finance.fill(City(1, 0.1, 30), f"sqlite:///{path}")
    finance.fill(City(2, 0.1), f"sqlite:///{path}")
    other = tables(path)
    finance.fill(City(2, 0.1), f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert other == tables(tmp_path / "fresh.sqlite")
