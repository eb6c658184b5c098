"""What public money bought, and where it is at risk, over the built city, against what the city knows to be true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.city import BuiltCity

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

Keys = set[tuple[Any, ...]]
# rule → the rows that it finds, and the fields of the truth that name the same
RULES = {
    "low_leverage": (
        "select fund_no, round(leverage, 4) from fct_fund_leverage where is_low_leverage",
        "fund leverage",
    ),
    "loan_default": ("select loan_no, days_late from fct_loan_risk where is_default", "loan days"),
    "exposure_over_cap": (
        "select loan_nos, cast(exposure_cny / 10000 as double) from fct_borrower_exposure where is_over_cap",
        "loans exposure_wan",
    ),
    "voucher_over_limit": (
        "select voucher_no, cast(redeemed_cny as double) from fct_vouchers where is_over_limit",
        "voucher redeemed_cny",
    ),
    "voucher_after_its_last_day": (
        "select voucher_no, cast(last_redeemed_date as varchar) from fct_vouchers where is_redeemed_late",
        "voucher day",
    ),
}


def plain(value: Any) -> Any:
    """A JSON list as a sorted tuple."""
    value = json.loads(value) if isinstance(value, str) and value.startswith("[") else value
    return tuple(sorted(value)) if isinstance(value, list) else value


def named(things: list[dict[str, Any]], rule: str, fields: str) -> Keys:
    return {tuple(plain(i[name]) for name in fields.split()) for i in things if i["rule"] == rule}


@pytest.mark.parametrize("rule", RULES)
def test_money_at_risk_is_found_and_no_other(city: BuiltCity, rule: str):
    sql, fields = RULES[rule]
    found = {tuple(map(plain, row)) for row in city.query(sql)}
    planted, near = (named(t["finance"], rule, fields) for t in (city.truth, city.truth["near_misses"]))
    assert (found - planted, planted - found) == (set(), set()), "false, missed"
    assert planted | near and not found & near


def test_rights_pledged_twice_are_found_with_both_pledges(city: BuiltCity):
    found = {
        (patent, *sorted((pledge, other)))
        for patent, pledge, others in city.query(
            "select patent_no, pledge_no, other_pledge_nos from fct_ip_pledges where is_pledged_twice"
        )
        for other in json.loads(others)
    }
    planted, near = (
        {(i["patent"], *sorted(i["pledges"])) for i in t["finance"] if i["rule"] == "double_pledge"}
        for t in (city.truth, city.truth["near_misses"])
    )
    assert (found - planted, planted - found) == (set(), set()), "false, missed"
    assert planted and not found & near


def test_what_the_money_bought(city: BuiltCity):
    fields = ["project", "paid_wan", "outcomes", "per_million", "ended"]
    sql = """
        select project_no, cast(paid_cny / 10000 as double), outcome_count, round(outcomes_per_million, 4),
            cast(ended_date as varchar)
        from fct_funding_outcomes where is_poor_return
    """
    found = set(city.query(sql))
    planted = {tuple(i[name] for name in fields) for i in city.truth["funding"]}
    assert (found - planted, planted - found) == (set(), set()), "false, missed"
    near = {i["project"] for i in city.truth["near_misses"]["funding"]}
    assert planted and near and not {row[0] for row in found} & near
    items = dict(city.query("select project_no, item_nos from fct_funding_outcomes"))
    assert all(json.loads(items[i["project"]]) == [i["item"]] for i in city.truth["funding"])


def test_the_exposure_computed_is_the_one_that_the_register_says(city: BuiltCity):
    assert city.query("select count(*) from fct_loan_risk where exposure_cny <> reported_exposure_cny") == [(0,)]
    assert city.query("select count(*) > 0 from fct_loan_risk where exposure_cny > 0") == [(True,)]
