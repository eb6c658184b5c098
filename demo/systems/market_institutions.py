"""西安科技大市场, its register of institutions: who serves the market and who trades there."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime
from typing import ClassVar

from demo import dirt, words
from demo.city import TODAY, City, Institution, day_between
from demo.register import Register, Row, setting, stamp_text

TYPES = {"university": "高等院校", "institute": "科研院所", "hospital": "科研院所", "firm": "企业"}
FIRM_EVERY = 4  # one firm in so many trades at the market
TWIN_EVERY = 30  # one slot in so many is an institution that registered a second time
TWIN_BACK = 14
# Of those founded after day 0, numbered from 0, every ninth is a service institution, the others are firms.
_PERIOD = 36
_LATER = [n for n in range(_PERIOD) if n % 9 == 8 or n % FIRM_EVERY == 0]


class InstitutionForms(Register):
    source, record, key = "market", "institution", ("institutionNo",)
    breaks = (
        ("required:name", setting("name", value=None)),
        ("code:institution_type", setting("type", value="其他机构")),
        ("range:staff_count", setting("staff", value=-5)),
        ("type:established_date", setting("established", value="2019-13-01")),
    )
    conflicting: ClassVar[Row] = {"staff": 1}

    def __init__(self, city: City):
        super().__init__(city)
        base = city.at(0)
        self._groups = (base.services, base.universities, base.institutes, base.firms[::FIRM_EVERY])
        self._base = sum(len(g) for g in self._groups)
        self._first = base.count("institution")

    def size(self) -> int:
        founded = self.city.count("institution") - self._first
        entities = self._base + founded // _PERIOD * len(_LATER) + bisect_left(_LATER, founded % _PERIOD)
        return entities + entities // (TWIN_EVERY - 1)

    def entity(self, slot: int) -> tuple[int, bool]:
        """Institution under a slot, and whether it is its second number there."""
        block, place = divmod(slot, TWIN_EVERY)
        twin = place == TWIN_EVERY - 1
        at = block * (TWIN_EVERY - 1) + place - (TWIN_BACK if twin else 0)
        for group in self._groups:
            if at < len(group):
                return group[at], twin
            at -= len(group)
        whole, rest = divmod(at, len(_LATER))
        return self._first + whole * _PERIOD + _LATER[rest], twin

    def number(self, institution: int) -> str | None:
        """The (first) number of an institution of the base in the register."""
        at = 0
        for group in self._groups:
            place = bisect_left(group, institution)
            if place < len(group) and group[place] == institution:
                at += place
                return institution_no(at + at // (TWIN_EVERY - 1))
            at += len(group)
        return None

    def links(self, slot: int) -> dict[str, str]:
        return {"self": f"institution:{self.entity(slot)[0]}"}

    def changed(self, slot: int) -> datetime:
        i = self.city.institution(self.entity(slot)[0])
        return dirt.moment(self.city.rng("institution stamp", slot), self._day(slot, i))

    def _day(self, slot: int, i: Institution) -> date:
        """The last rename, the end, or a day before the city's present on which somebody looked at the entry."""
        rng = self.city.rng("institution day", slot)
        looked = (
            day_between(rng, max(i.established, date(2020, 1, 1)), TODAY) if i.established < TODAY else i.established
        )
        days = [looked, *(since for since, _ in i.names), *([i.ended] if i.ended else [])]
        return max(day for day in days if day <= self.city.today)

    def row(self, slot: int) -> Row:
        today = self.city.today
        number, twin = self.entity(slot)
        i = self.city.institution(number)
        name = i.name_on(today)
        rng = self.city.rng("institution form", slot)
        kind = i.service_type or TYPES[i.kind]
        service = i.kind == "service"
        return {
            "institutionNo": institution_no(slot),
            "name": name.replace("有限公司", "有限责任公司") if twin else dirt.spelling(rng, i, today, 0),
            "shortName": i.short_name if rng.random() < 0.4 else None,
            "formerNames": list(i.former_names(today)),
            "creditCode": None if rng.random() < 0.03 and not twin else dirt.typed_code(rng, i.credit_code),
            "type": kind,
            "industry": i.industry,
            "qualifications": [words.SERVICE_WORDS[kind][1]] if service and rng.random() < 0.7 else [],
            "rating": rng.choices("ABCD", (15, 45, 30, 10))[0] if service else None,
            "districtCode": dirt.typed_digits(rng, i.district),
            "zoneCode": i.zone,
            "address": i.address,
            "established": "0000-00-00" if rng.random() < 0.01 else i.established.isoformat(),
            "staff": i.staff,
            "active": i.exists_on(today),
            "updatedAt": stamp_text(self.changed(slot)),
        }


def institution_no(slot: int) -> str:
    return f"JG{slot + 1:06d}"
