"""The rules about people, evaluated on what is true.

- Shortage: people of a chain and level who work in the city on the day the list was published, everybody once, against
  the need; (need - supply) / need.
- Flow: a change of employer takes one person from one district to another; an arrival or departure counts on one side.
- Retention: a job is kept if it lasts 24 months or longer. A merger of the unit ends no job.
- Somebody under two talent numbers is one person; two people of one name are two.

Supply and flows count everybody whom the register of talents can tell of: not those whose only row is refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

from demo.city import Person, years_after
from demo.needs import LEVELS, TOP, Needs
from demo.people import People

SINCE = 2016  # first year of flows and of jobs looked at
KEPT_YEARS = 2
JUST = timedelta(days=90)
Item = dict[str, Any]


def truth(people: People) -> dict[str, Any]:
    """The list `talent` with a `kind` in every item, and the near misses."""
    persons = [people.city.person(n) for n in people.city.people]
    known = registered(people, persons)
    lost, kept = retention(people, persons)
    short, enough = shortage(people, known)
    twins, namesakes = same_person(people, persons)
    return {
        "talent": [*short, *flows(people, known), *lost, *twins],
        "near_misses": {"talent": [*enough, *kept, *namesakes]},
    }


def registered(people: People, persons: list[Person]) -> list[Person]:
    """Those of whom the register of talents has a row that no contract refuses."""
    from demo.systems.pds_people import TalentForms  # which needs this module

    register = people.city.slice(TalentForms)
    slots = range(register.size())
    sound = {people.talent_person(slot)[0] for slot in slots if register.sound(slot)}
    return [person for person in persons if person.number in sound]


def shortage(people: People, persons: list[Person]) -> tuple[list[Item], list[Item]]:
    """Needs that are not met, and those that are."""
    needs = people.city.slice(Needs)
    found, near = [], []
    supply: dict[date, Counter[tuple[str, str]]] = {}
    for number in range(needs.count):
        need = needs.need(number)
        if need.published not in supply:
            working = (p for p in persons if p.employer_on(need.published) is not None)
            supply[need.published] = Counter((p.industry, level(needs, p)) for p in working)
        have = supply[need.published][need.industry, need.level]
        item = {
            "kind": "shortage",
            "need": need.need_no,
            "year": need.year,
            "industry": need.industry,
            "level": need.level,
            "needed": need.need,
            "supply": have,
            "shortage": round((need.need - have) / need.need, 4),
            "record_ids": [f"pds:talent_need:{need.need_no}"],
        }
        (found if have < need.need else near).append(item)
    return found, near


def level(needs: Needs, person: Person) -> str:
    """Level of the list of scarce talents that a person counts for."""
    return LEVELS[0] if needs.category(person.number) in TOP else LEVELS[1]


def flows(people: People, persons: list[Person]) -> list[Item]:
    """Arrivals and departures by year and district, up to today."""
    city = people.city
    coming: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for person in persons:
        before = None
        for since, to, number in person.employers:
            here = city.institution(number).district
            if since <= city.today and before != here:
                coming[since.year, here][0] += 1
                if before is not None:
                    coming[since.year, before][1] += 1
            before = here
            if to and to == person.left_city and to <= city.today:
                coming[to.year, here][1] += 1
    return [
        {"kind": "flow", "year": year, "district": district, "in": arrived, "out": gone, "net": arrived - gone}
        for (year, district), (arrived, gone) in sorted(coming.items())
        if year >= SINCE
    ]


def retention(people: People, persons: list[Person]) -> tuple[list[Item], list[Item]]:
    """Jobs begun since 2016 and given up within 24 months, and those given up soon after."""
    city = people.city
    found, near = [], []
    for person in persons:
        for since, to, number in jobs(people, person):
            if since.year < SINCE or to is None or to > city.today:
                continue
            border = years_after(since, KEPT_YEARS)
            item = {
                "kind": "not_retained" if to < border else "retained",
                "person": f"person:{person.number}",
                "institution": f"institution:{number}",
                "from": since.isoformat(),
                "to": to.isoformat(),
                "record_ids": [f"pds:talent:{people.talent_no(person.number)}"],
            }
            if to < border:
                found.append(item)
            elif to <= border + JUST:
                near.append(item)
    return found, near


def jobs(people: People, person: Person) -> list[tuple[date, date | None, int]]:
    """Jobs of a person, a merger of the unit ending none."""
    found: list[tuple[date, date | None, int]] = []
    for since, to, number in person.employers:
        merged = people.city.institution(found[-1][2]).merged_into if found else None
        if found and found[-1][1] == since and merged == (since, number):
            found[-1] = (found[-1][0], to, number)
        else:
            found.append((since, to, number))
    return found


def same_person(people: People, persons: list[Person]) -> tuple[list[Item], list[Item]]:
    """People under two talent numbers, and different people of one name."""
    by_name: dict[str, list[int]] = defaultdict(list)
    twins = []
    for person in persons:
        by_name[person.name].append(person.number)
        second = people.second_talent_no(person.number)
        if second is not None:
            numbers = (people.talent_no(person.number), second)
            records = [f"pds:talent:{n}" for n in numbers]
            twins.append({"kind": "two_numbers", "person": f"person:{person.number}", "record_ids": records})
    namesakes = [
        {
            "kind": "namesakes",
            "persons": [f"person:{n}" for n in numbers],
            "record_ids": [f"pds:talent:{people.talent_no(n)}" for n in numbers],
        }
        for numbers in by_name.values()
        if len(numbers) > 1
    ]
    return twins, namesakes
