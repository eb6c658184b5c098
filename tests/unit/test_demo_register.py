"""Registers: deliveries at fixed slots, pages by arithmetic, changes since a moment, the same on every way to a day."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from demo.city import City
from demo.firms import Firms, firm_no
from demo.register import Register, setting
from demo.systems import register_types, registers


class Toy(Register):
    source, record, key = "toy", "thing", ("id",)
    breaks = (("required:name", setting("name", value=None)), ("code:in/kind", setting("in", "kind", value="?")))
    conflicting: ClassVar = {"name": "another"}

    def size(self) -> int:
        return 2_000

    def row(self, slot: int) -> dict:
        return {"id": f"T{slot}", "name": f"thing {slot}", "in": {"kind": "a"}}

    def changed(self, slot: int) -> datetime:
        return self.city.now - timedelta(hours=slot % 50)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy(City(1, 0.1))


def test_what_is_planted_stands_at_fixed_slots(toy):
    assert dict(toy.planted()) == {
        "T3": "required:name",
        "T51": "code:in/kind",
        "T800": "required:name",
        "T848": "code:in/kind",
        "T1597": "required:name",
        "T1645": "code:in/kind",
        "T97": "duplicate_key",
        "T1094": "duplicate_key",
    }
    delivered = [row["id"] for row in toy.rows()]
    assert {i for i in delivered if delivered.count(i) > 1} == {"T7", "T408", "T809", "T1210", "T1611", "T97", "T1094"}
    assert [row["name"] for row in toy.rows() if row["id"] == "T97"] == ["thing 97", "another"]
    assert toy.row(51)["in"] == {"kind": "a"}, "a break changes the delivery, not the thing"


@pytest.mark.parametrize("size", [1, 7, 97, 500])
def test_pages_put_together_are_the_whole(toy, size):
    rows = list(toy.rows())
    assert toy.total() == len(rows)
    starts = range(0, len(rows) + size, size)
    assert [row for start in starts for row in toy.page(start, size)] == rows


@pytest.mark.parametrize("hours", [0, 1, 7, 49])
def test_changes_since_a_moment_are_those_and_their_pages_hold_them_all(toy, hours):
    since = toy.city.now - timedelta(hours=hours)
    changed = [row for row in toy.rows() if int(row["id"][1:]) % 50 <= hours]
    assert toy.total(since) == len(changed) > 0
    assert [row for start in range(0, len(changed), 13) for row in toy.page(start, 13, since)] == changed
    assert toy.total(since + timedelta(seconds=0.5)) < len(changed), "half a second later the youngest is not meant"


def test_a_tombstone_is_neither_broken_nor_contradicted():
    class Dead(Toy):
        def tombstone(self, slot: int) -> bool:
            return True

    dead = Dead(City(1, 0.1))
    assert list(dead.planted()) == []
    assert dead.total() == len(list(dead.rows())) == Toy(City(1, 0.1)).total()


@pytest.mark.parametrize("cls", register_types(), ids=lambda c: f"{c.source}.{c.record}")
def test_a_register_counts_what_it_delivers(cls):
    register = cls(City(1, 0.1))
    assert all(register.shows(slot) for slot in range(register.size())) or not _is_paged(cls)
    shown = sum(register.copies(slot) for slot in range(register.size()) if register.shows(slot))
    rows = list(register.rows())
    assert len(rows) == shown > 0
    if _is_paged(cls):
        assert register.total() == len(rows)
        assert register.page(len(rows) // 2, 20) == rows[len(rows) // 2 :][:20]
        assert register.page(len(rows), 20) == []


@pytest.mark.parametrize("cls", register_types(), ids=lambda c: f"{c.source}.{c.record}")
def test_a_key_belongs_to_one_slot_or_in_a_history_with_its_version(cls):
    register = cls(City(1, 0.3))
    keys = [register.version_of(register.row(slot)) for slot in shown(register)]
    assert not [key for key in keys if None in key]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("cls", register_types(), ids=lambda c: f"{c.source}.{c.record}")
def test_rows_do_not_depend_on_order_and_every_change_is_stamped(cls):
    """A row that differs between two days has changed after the first of them, and a slot never changes its key."""
    before, after = cls(City(1, 0.1, 0)), cls(City(1, 0.1, 200))
    assert after.size() >= before.size()
    slots = [slot for slot in shown(before) if after.shows(slot)]
    backwards = {slot: before.row(slot) for slot in reversed(slots)}
    for slot in slots:
        old, new = backwards[slot], after.row(slot)
        assert cls(before.city).row(slot) == old if slot % 17 == 0 else True
        assert before.key_of(old) == after.key_of(new)
        assert before.changed(slot) <= before.city.now
        if old == new:
            assert before.changed(slot) == after.changed(slot), f"slot {slot} is stamped without a change"
        elif _is_stamped(cls):
            assert after.changed(slot) > before.city.now, f"slot {slot} changed without a stamp"


@pytest.mark.parametrize("cls", register_types(), ids=lambda c: f"{c.source}.{c.record}")
def test_links_name_things_of_the_city(cls):
    register = cls(City(2, 0.1))
    for slot in shown(register):
        for role, entity in register.links(slot).items():
            kind, number = entity.split(":")
            assert role
            assert int(number) < register.city.count({"person": "person"}.get(kind, "institution"))


@pytest.mark.parametrize("cls", register_types(), ids=lambda c: f"{c.source}.{c.record}")
def test_everybody_whom_a_row_names_is_linked(cls):
    """By a full name, a code or a number that is nobody else's; who is meant must be among the links."""
    city = City(1, 0.1, 200)
    who = known(city)
    register = cls(city)
    missing = set()
    for slot in shown(register):
        row, reason = register.deliveries(slot)[0]
        named = {who[text] for text in texts(row) if text in who}
        if reason is None and not named <= set(register.links(slot).values()):
            missing.add((slot, *sorted(named - set(register.links(slot).values()))))
    assert missing == set()


def test_a_place_in_a_list_is_told_by_the_role():
    city = City(1, 0.1)
    who = known(city)
    project, firm = (registers(city)[name] for name in (("pds", "project"), ("enterprises", "consortium")))
    pairs = [
        (who[number], project.links(slot)[f"member {place}"])
        for slot in shown(project)
        for place, number in enumerate(project.row(slot)["members"], 1)
    ]
    pairs += [
        (who[code], firm.links(slot)[f"member {place}"])
        for slot in shown(firm)
        for place, code in enumerate(firm.row(slot)["成员统一社会信用代码"].split("；"), 1)
    ]
    assert len(pairs) > 100
    assert all(a == b for a, b in pairs)


def known(city: City) -> dict[str, str]:
    """Every text that means one thing of the city only, and that thing."""
    found = {}
    units, people = registers(city)[("pds", "unit")], registers(city)[("pds", "talent")].people
    for number in range(city.count("institution")):
        i, entity = city.institution(number), f"institution:{number}"
        found |= dict.fromkeys((i.credit_code, *(name for _, name in i.names)), entity)
        found[units.unit_no(number)] = entity
        if i.kind == "firm":
            found[firm_no(city.slice(Firms).place_of(number))] = entity
    for number in range(city.count("person")):
        p, entity = city.person(number), f"person:{number}"
        found |= dict.fromkeys((p.id_number, p.phone, p.email, p.orcid, people.talent_no(number)), entity)
        found[people.second_talent_no(number)] = entity
    found |= {f"ZJ{n + 1:06d}": f"person:{people.expert(n).person.number}" for n in range(people.experts)}
    del found[None]
    return found


def texts(value) -> Iterator[str]:
    """Every text of a row; those that hold a list, its parts. Names of tenants are those of others, now and then."""
    if isinstance(value, dict):
        for name, part in value.items():
            if not (name == "企业编号" and "所在载体编号" in value):
                yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield from (re.sub(r"\s", "", unicodedata.normalize("NFKC", part)) for part in re.split("[；;]", value))


def test_every_register_has_a_name_of_its_own():
    assert len(registers(City(1, 0.1))) == len(register_types())


def shown(register: Register) -> list[int]:
    return [slot for slot in range(register.size()) if register.shows(slot)]


def _is_paged(cls: type[Register]) -> bool:
    from demo.systems import endpoints

    return any(e.register is cls and not e.handler for e in endpoints().values())


def _is_stamped(cls: type[Register]) -> bool:
    """Whether somebody asks this register for changes since a moment."""
    from demo.systems import endpoints

    return any(e.register is cls and e.since for e in endpoints().values()) or cls.source in ("reports", "finance")
