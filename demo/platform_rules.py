"""The rules about platforms and carriers, evaluated on what was handed in until today.

- Idle: fewer than 1599 effective hours per instrument in the year. Closed to others: fewer than 273 hours for others
  (both national averages of 2025).
- Occupancy: firms in incubation use less than 75 % of the incubation area (国科发区〔2018〕300号).

These three judge every year for which a form was handed in while the rule was in force; `newest` says whether it is the
year by which the platform is judged today. The two about firms look back from the newest year:

- Survival: a firm of a carrier was not struck off within 36 months after it came in, judged once they are over.
- Graduation: a firm left its carrier as a graduate, not otherwise.

What stands in a record that is planted rubbish is nobody's example.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from demo.city import City
from demo.platforms import (
    EFFECTIVE_HOURS,
    EXTERNAL_HOURS,
    FIRST_FORM,
    MOST_TENANTS,
    OCCUPIED,
    Platform,
    Platforms,
    Tenant,
)
from demo.systems.carriers import YEARS, CarrierForms, PlatformForms, TenantForms, handed_in

NEAR = 1.1
HOURS_SINCE = date(2025, 1, 1)  # when the rule about hours came into force
JUST = timedelta(days=92)
RULES = ("idle", "closed_to_others", "occupancy", "survival", "graduation")
Item = dict[str, Any]


def truth(city: City) -> dict[str, Any]:
    """`platforms`: what the rules find; under `near_misses` what they must not. Each item names its rule."""
    found: list[Item] = []
    near: list[Item] = []
    platforms = city.slice(Platforms)
    for number in range(platforms.count):
        for positive, item in _of(city, platforms.platform(number)):
            (found if positive else near).append(item)
    return {"platforms": found, "near_misses": {"platforms": near}}


def _of(city: City, p: Platform) -> Iterator[tuple[bool, Item]]:
    """What the years of a platform show: those that its district has handed in, while the platform worked."""
    handed = [y for y in range(FIRST_FORM, city.today.year) if handed_in(city, p.district, y) <= city.today]
    years = [y for y in handed if p.approved.year <= y and not (p.closed and p.closed <= date(y, 12, 31))]
    for year in years:
        newest = year == handed[-1]
        for positive, item in _of_carrier(city, p, year) if p.incubates else _of_platform(city, p, year, newest):
            yield positive, {**item, "newest": newest}
    if p.incubates and years and years[-1] == handed[-1]:
        for t in city.slice(Platforms).tenants(p.number):
            yield from _of_tenant(city, p, t, years[-1])


def _of_platform(city: City, p: Platform, year: int, newest: bool) -> Iterator[tuple[bool, Item]]:
    """The newest forms are judged by today's rule, older ones by that at the end of the year after theirs."""
    judged = city.today if newest else date(year + 1, 12, 31)
    if judged < HOURS_SINCE or not city.slice(PlatformForms).sound(p.number * YEARS + year - FIRST_FORM):
        return
    y = city.slice(Platforms).year(p.number, year)
    item = {"platform": p.no, "year": year, "records": [f"carriers:platform:{p.no}|{year}"]}
    for rule, value, border in (("idle", y.hours, EFFECTIVE_HOURS), ("closed_to_others", y.external, EXTERNAL_HOURS)):
        if value < border * 10 * NEAR:
            yield value < border * 10, {"rule": rule, **item, "hours": value / 10}


def _of_carrier(city: City, p: Platform, year: int) -> Iterator[tuple[bool, Item]]:
    platforms = city.slice(Platforms)
    place = p.number - platforms.carriers.start
    if not city.slice(CarrierForms).sound(place * YEARS + year - FIRST_FORM):
        return
    y = platforms.carrier_year(p.number, year)
    item = {"rule": "occupancy", "platform": p.no, "year": year, "records": [f"carriers:incubator:{p.no}|{year}"]}
    share = 100 * y.occupied
    if share < OCCUPIED * NEAR * y.for_tenants:
        yield share < OCCUPIED * y.for_tenants, {**item, "occupied": y.occupied, "area": y.for_tenants}


def _of_tenant(city: City, p: Platform, t: Tenant, year: int) -> Iterator[tuple[bool, Item]]:
    register, end = city.slice(TenantForms), date(year, 12, 31)
    last = min(year, t.last_reported)
    slot = (t.number - register.platforms.carriers.start * MOST_TENANTS) * YEARS + last - FIRST_FORM
    if t.entered.year > year or last < FIRST_FORM or not register.sound(slot):
        return
    item = {
        "platform": p.no,
        "tenant": t.no,
        "entered": t.entered.isoformat(),
        "records": [f"carriers:tenant:{t.no}|{last}"],
    }
    if t.proven <= end:
        lived = t.ended is None or t.ended >= t.proven
        if lived or t.ended >= t.proven - JUST:
            yield lived, {"rule": "survival", **item}
    elif t.proven <= end + JUST and t.status_on(end) != "注销":
        yield False, {"rule": "survival", **item}
    status = t.status_on(date(last, 12, 31))  # what becomes of it after its last form nobody reports
    if status in ("毕业", "退出"):
        yield status == "毕业", {"rule": "graduation", **item}
