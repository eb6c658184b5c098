"""Rules 7 and 8 of the plan over what is true in the market: three lists matched, contracts netted and counted once.

The weights of the score are the house's own: the plan names the parts (industry, technology node, readiness gap,
budget, region), not what they weigh.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo.trade import Achievement, Contract, Need, Trade

WEIGHTS = {"industry": 30, "node": 30, "trl": 20, "budget": 15, "region": 5}
TRL_GAP = 4  # levels short of what is asked for at which nothing is left of that part
LEAST_SCORE = 60
TOP = 3
CLOSE = 5  # points behind the third at which a fourth is a near miss
UNMATCHED_DAYS = 90  # an open demand older than this is overdue; on the 90th day it is not


def score(need: Need, offer: Achievement, same_district: bool) -> float:
    """How well an achievement fits a demand, 0 to 100. A price or a budget that nobody says is worth half its part."""
    fits = WEIGHTS["industry"] * (need.industry == offer.industry) + WEIGHTS["node"] * (need.node == offer.node)
    trl = WEIGHTS["trl"] * max(0.0, 1 - max(0, need.trl - offer.trl) / TRL_GAP)
    if need.budget is None or offer.price is None:
        share = 0.5
    elif offer.price <= need.budget:
        share = 1.0
    else:
        share = max(0.0, 1 - (offer.price - need.budget) / need.budget)
    return round(fits + trl + WEIGHTS["budget"] * share + WEIGHTS["region"] * same_district, 4)


def truth(trade: Trade) -> dict[str, Any]:
    """`contracts`, `contract_volumes`, `matches`, `unmatched`, and the near misses of these rules, as of today."""
    contracts, alike, volumes = _contracts(trade)
    matches, close, unmatched, in_time = _demands(trade)
    return {
        "contracts": contracts,
        "contract_volumes": volumes,
        "matches": matches,
        "unmatched": unmatched,
        "near_misses": {"contracts": alike, "matches": close, "unmatched": in_time},
    }


def _contracts(trade: Trade) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Contracts that a plain sum gets wrong, contracts that only look so, and the net volume by year and kind.

    The volume is that of the contracts that the market knows: one of which every registration is refused adds nothing.
    """
    from demo.systems.market import ContractForms  # which needs this module

    today = trade.city.today
    count = trade.contracts.count(today)
    register = trade.city.slice(ContractForms)
    known = {trade.registration(number)[0] for number in filter(register.sound, range(count))}
    found: list[dict[str, Any]] = []
    near: list[dict[str, Any]] = []
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for number in range(count):
        first, side = trade.registration(number)
        contract = trade.contract(first)
        told = _told(trade, contract, number, today)
        if side == "buyer":
            found.append({**told, "kind": "twice", "records": [_record(trade, first), _record(trade, number)]})
            continue
        if number in known:
            net = contract.net(today)
            counted = sums[contract.signed.year, contract.kind]
            counted[0] += net
            counted[1] += net * contract.seller.is_local
            counted[2] += net * contract.buyer.is_local
        if contract.cancelled and contract.cancelled <= today:
            found.append({**told, "kind": "cancelled"})
        elif contract.amended and contract.amended <= today:
            changed = contract.amended_amount != contract.signed_amount
            (found if changed else near).append({**told, "kind": "amended" if changed else "amended_not_in_amount"})
        elif contract.asked and contract.asked <= today:
            near.append({**told, "kind": "cancellation_asked"})
        if contract.alike is not None:
            near.append({**told, "kind": "alike", "records": [_record(trade, contract.alike), _record(trade, number)]})
    volumes = [
        {
            "year": year,
            "kind": kind,
            "total_wan": total / 100,
            "output_wan": output / 100,
            "absorbed_wan": absorbed / 100,
        }
        for (year, kind), (total, output, absorbed) in sorted(sums.items())
    ]
    return found, near, volumes


def _told(trade: Trade, contract: Contract, number: int, today: date) -> dict[str, Any]:
    return {
        "records": [_record(trade, number)],
        "year": contract.signed.year,
        "amount_wan": contract.amount(today) / 100,
        "net_wan": contract.net(today) / 100,
    }


def _record(trade: Trade, registration: int) -> str:
    return f"market:contract:{trade.contract_no(registration)}"


def _demands(
    trade: Trade,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Open demands with the best three offers, fourth offers close behind, demands overdue, demands nearly so.

    An offer that is refused is nobody's: the next best takes its place.
    """
    from demo.systems.market import AchievementForms  # which needs this module

    today = trade.city.today
    register = trade.city.slice(AchievementForms)
    offers: dict[str, list[Achievement]] = defaultdict(list)
    for number in filter(register.sound, range(trade.achievements.count(today))):
        offer = trade.achievement(number)
        if offer.open_on(today):
            offers[offer.industry].append(offer)
    matches, close, unmatched, in_time = [], [], [], []
    for number in range(trade.demands.count(today)):
        demand = trade.demand(number)
        record = f"market:demand:{trade.demand_no(number)}"
        age = (today - demand.need.posted).days
        if not demand.open_on(today):
            if age > UNMATCHED_DAYS:
                in_time.append({"demand": record, "days": age, "kind": demand.closed[1] if demand.closed else None})
            continue
        if age > UNMATCHED_DAYS:
            unmatched.append({"demand": record, "days": age})
        elif age > UNMATCHED_DAYS / 2:
            in_time.append({"demand": record, "days": age, "kind": "young"})
        ranked = []
        # offers of another industry cannot reach the least score: 40 points are left without industry and node
        for offer in offers[demand.need.industry]:
            if offer.owner != demand.need.firm:
                points = score(demand.need, offer, trade.same_district(demand.need.firm, offer.owner))
                if points >= LEAST_SCORE:
                    ranked.append((-points, offer.number))
        ranked.sort()
        best = [
            {"achievement": f"market:achievement:{trade.achievement_no(n)}", "score": -points, "rank": rank}
            for rank, (points, n) in enumerate(ranked[: TOP + 1], 1)
        ]
        if best:
            matches.append({"demand": record, "candidates": best[:TOP]})
        if len(best) > TOP and best[TOP - 1]["score"] - best[TOP]["score"] <= CLOSE:
            close.append({"demand": record, **best[TOP]})
    return matches, close, unmatched, in_time
