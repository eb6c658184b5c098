"""The rules about firms, evaluated on what is true of them and known to the register today.

- 科技型中小企业 (国科发政〔2017〕115号): at most 500 staff, revenue and assets of at most 2 亿, a score of at least 60
  and some points for staff, and no severe decision in force against the firm. 高新技术企业 (国科发火〔2016〕32号, as
  far as figures tell): R&D of at least 5, 4 or 3 % of revenue up to 0.5, up to 2 and above 2 亿, at least 60 % of
  revenue from high technology. 双五企业 (the plan, footnote 1): revenue above 5 亿 and R&D above 5 % of it. All on the
  newest year that the firm has filed.
- 应评尽评: a firm meets every condition of a rung and holds it not. 差一项达标: it holds it not and fails exactly one.
- Lapsing: a certificate ends within twelve months and no later one has been issued.
- Backing: a right named in the application for a certificate was the firm's and had effect on the day of recognition.

Firms one of whose records is planted rubbish are nobody's example: they stand in neither list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from demo.case_rules import judge
from demo.cases import Cases
from demo.city import City, years_after
from demo.firms import (
    DOUBLE_FIVE,
    HIGH_TECH,
    SMALL,
    YI,
    Figures,
    Firm,
    Firms,
    Qualification,
    high_tech_share,
    qualification_no,
)
from demo.patents import Patents, backs
from demo.quiet import quiet

CLOSE = 0.25  # a failed condition within a quarter of its border is a near miss
RULES = ("ladder", "unregistered", "near_threshold", "lapsing", "backing", "barred_firms")
Item = dict[str, Any]
# Condition: name → whether it holds, and whether it fails only just.
Conditions = dict[str, tuple[bool, bool]]


def _least(value: float, border: float) -> tuple[bool, bool]:
    return value >= border, border * (1 - CLOSE) <= value < border


def _most(value: float, border: float) -> tuple[bool, bool]:
    return value <= border, border < value <= border * (1 + CLOSE)


def _above(value: float, border: float) -> tuple[bool, bool]:
    return value > border, border * (1 - CLOSE) <= value <= border


def small(f: Figures) -> Conditions:
    return {
        "staff": _most(f.staff, 500),
        "revenue": _most(f.revenue, 2 * YI),
        "assets": _most(f.assets, 2 * YI),
        "score": _least(f.score, 60),
        "staff_score": (f.score_staff > 0, f.score_staff == 0),
    }


def high_tech(f: Figures) -> Conditions:
    return {
        "rd_share": _least(f.rd * 100, high_tech_share(f.revenue) * f.revenue),
        "high_tech_share": _least(f.high_tech_revenue * 100, 60 * f.revenue),
    }


def double_five(f: Figures) -> Conditions:
    return {"revenue": _above(f.revenue, 5 * YI), "rd_share": _above(f.rd * 100, 5 * f.revenue)}


RUNGS: dict[str, Callable[[Figures], Conditions]] = {SMALL: small, HIGH_TECH: high_tech, DOUBLE_FIVE: double_five}


def truth(city: City) -> dict[str, Any]:
    """Lists of the findings, and under `near_misses` what must not be found."""
    firms = city.slice(Firms)
    seen = [firms.firm(place) for place in range(firms.count) if not quiet(place)]
    seen = [f for f in seen if f.is_there(city.today)]
    lists: dict[str, list[Item]] = {name: [] for name in RULES}
    near: dict[str, list[Item]] = {name: [] for name in lists if name != "barred_firms"}  # a list, no rule
    barred = _barred(city)
    for f in seen:
        proof = barred.get(f.institution.number)
        if proof:
            lists["barred_firms"].append({"firm": f.no, "entity": _entity(f), "records": proof})
        for rule, found, item in (
            *_figures(f, city.today, is_barred=bool(proof)),
            *_lapsing(f, city.today),
            *_backing(city, f),
        ):
            (lists if found else near)[rule].append(item)
    return {**lists, "near_misses": near}


def _barred(city: City) -> dict[int, list[str]]:
    """Institutions that a severe decision bars today, with the records of decisions and bars."""
    cases = city.slice(Cases)
    found: dict[int, list[str]] = {}
    for number in range(cases.decisions.count(city.today)):
        case = cases.case(number)
        s = case.subject
        if s.kind == "institution" and s.number is not None and judge(case, city.today, city.today) == "blocked":
            place = next(i for i, m in enumerate(case.measures) if m.kind == "bar")
            decision, bar = cases.case_no(number), cases.measure_no(number, place)
            found.setdefault(s.number, []).extend([f"integrity:decision:{decision}", f"integrity:measure:{bar}"])
    return found


def _figures(f: Firm, today: date, *, is_barred: bool) -> Iterator[tuple[str, bool, Item]]:
    report = f.latest(today)
    if report is None:
        return
    x = report.figures
    evidence = [f"enterprises:firm_year:{f.no}|{x.year}"]
    for rung, conditions in RUNGS.items():
        met = conditions(x)
        if rung == SMALL:
            met["integrity"] = (not is_barred, False)
        failed = [name for name, (holds, _) in met.items() if not holds]
        item = {"firm": f.no, "entity": _entity(f), "rung": rung, "year": x.year, "records": evidence}
        just = len(failed) == 1 and met[failed[0]][1]
        if not failed or just:
            yield "ladder", not failed, {**item, "failed": failed}
        if f.holds(rung, today) or (rung == HIGH_TECH and years_after(f.institution.established, 1) > today):
            continue
        if not failed or just:
            yield "unregistered", not failed, {**item, "failed": failed}
        if rung != DOUBLE_FIVE and 1 <= len(failed) <= 2 and failed != ["integrity"]:
            yield "near_threshold", len(failed) == 1, {**item, "failed": failed}


def _lapsing(f: Firm, today: date) -> Iterator[tuple[str, bool, Item]]:
    known = [q for q in f.qualifications if q.kind == HIGH_TECH and q.since <= today]
    until = years_after(today, 1)
    for q in known:
        item = {"firm": f.no, "entity": _entity(f), "valid_to": _iso(q.to), "records": [_record(f, q)]}
        renewed = any(o.to > q.to for o in known)
        if q.valid_on(today) and q.to <= until:
            yield "lapsing", not renewed, {**item, "renewed": renewed}
        elif q.valid_on(today) and q.to <= until + timedelta(days=31):
            yield "lapsing", False, {**item, "renewed": renewed}
        elif not renewed and today - timedelta(days=62) <= q.to < today:
            yield "lapsing", False, {**item, "renewed": False}


def _backing(city: City, f: Firm) -> Iterator[tuple[str, bool, Item]]:
    patents = city.slice(Patents)
    certificates = [q for q in f.qualifications if q.kind == HIGH_TECH and q.since <= city.today]
    for q in certificates:
        for right in patents.backing(f, q):
            if not right.is_public(city.today) or any(r.no == right.no for r in patents.quiet_rights(f.place + 1)):
                continue
            item = {
                "firm": f.no,
                "entity": _entity(f),
                "certificate": qualification_no(f.place, q.number),
                "right": right.no,
            }
            records = [_record(f, q), f"enterprises:ip:{right.no}"]
            yield "backing", backs(right, f.institution.number, q), {**item, "records": records}


def _entity(f: Firm) -> str:
    return f"institution:{f.institution.number}"


def _record(f: Firm, q: Qualification) -> str:
    return f"enterprises:qualification:{qualification_no(f.place, q.number)}"


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
