"""Units, talents, experts and scarce talents of the platform."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import ClassVar

from demo import dirt, words
from demo.city import TODAY, Institution
from demo.needs import Needs
from demo.people import TALENT_BLOCK
from demo.register import Change, Row, setting
from demo.systems.pds_form import EARLIEST, PdsForm, place

UNIT_TYPES = {
    "university": "高等院校",
    "institute": "科研院所",
    "hospital": "医疗卫生机构",
    "service": "科技服务机构",
    "firm": "企业",
}
FIRM_EVERY = 3  # one firm of three has registered


class UnitForms(PdsForm):
    """Every institution of the base but firms, and every third firm."""

    record, key = "unit", ("unitNo",)
    breaks: ClassVar[tuple[tuple[str, Change], ...]] = (
        ("required:name", setting("name", value=None)),
        ("code:unit_type", setting("type", value="其他单位")),
        ("range:staff_count", setting("staff", value=-5)),
        ("type:established", setting("established", value="2019-13-01")),
        ("pattern:unit_no", setting("unitNo", value="单位编号")),
    )
    conflicting: ClassVar[Row] = {"staff": 1, "status": "已注销"}

    def size(self) -> int:
        return self.people.base_firms[0] + len(self.people.base_firms[::FIRM_EVERY])

    def institution(self, slot: int) -> Institution:
        others = self.people.base_firms[0]
        return self.city.institution(slot if slot < others else others + (slot - others) * FIRM_EVERY)

    def unit_no(self, number: int | None) -> str | None:
        """Number of an institution in the register, if it is there."""
        others = self.people.base_firms[0]
        if number is None or (
            number >= others and ((number - others) % FIRM_EVERY or number > self.people.base_firms[-1])
        ):
            return None
        return f"DW{(number if number < others else others + (number - others) // FIRM_EVERY) + 1:06d}"

    def registered(self, slot: int) -> date:
        found = self.institution(slot)
        wait = timedelta(days=self.city.rng("unit registered", slot).randrange(500))
        return max(EARLIEST, found.established) + wait if found.established < date(2025, 1, 1) else found.established

    def events(self, slot: int) -> Iterable[date | None]:
        found = self.institution(slot)
        return (
            self.registered(slot),
            found.ended,
            *(since for since, _ in found.names if since > self.registered(slot)),
        )

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        i = self.institution(slot)
        head = self.city.person(i.legal_representative)
        merged = i.merged_into if i.merged_into and i.merged_into[0] <= day else None
        ended = i.ended is not None and i.ended <= day
        return {
            "unitNo": self.unit_no(i.number),
            "name": dirt.spelling(rng, i, day, 0),
            "formerNames": list(i.former_names(day)),
            "shortName": i.short_name if rng.random() < 0.4 else None,
            "englishName": i.english_name if rng.random() < 0.3 else None,
            "creditCode": None if rng.random() < 0.02 else dirt.typed_code(rng, i.credit_code),
            "type": UNIT_TYPES[i.kind],
            "industry": i.industry,
            **place(rng, i),
            "address": i.address,
            "legalRepresentative": {
                "name": dirt.person_form(rng, head, 0),
                "idNumber": None if rng.random() < 0.05 else dirt.typed_id_number(rng, head.id_number),
            },
            "contactPhone": head.phone if rng.random() < 0.5 else None,
            "established": "0000-00-00" if rng.random() < 0.01 else i.established.isoformat(),
            "staff": i.staff,
            "parentUnitNo": self.unit_no(i.parent),
            "status": "已合并" if merged else "已注销" if ended else "正常",
            "successorUnitNo": self.unit_no(merged[1]) if merged else None,
        }

    def links(self, slot: int) -> dict[str, str]:
        i = self.institution(slot)
        links = {"self": f"institution:{i.number}", "legal_representative": f"person:{i.legal_representative}"}
        row = self.row(slot)
        if row["contactPhone"]:
            links["contact"] = f"person:{i.legal_representative}"
        if row["parentUnitNo"]:
            links["parent"] = f"institution:{i.parent}"
        if row["successorUnitNo"] and i.merged_into:
            links["successor"] = f"institution:{i.merged_into[1]}"
        return links


class TalentForms(PdsForm):
    """Everybody once, and one in sixty under a second number."""

    record, key = "talent", ("talentNo",)
    breaks: ClassVar[tuple[tuple[str, Change], ...]] = (
        ("code:status", setting("status", value="不详")),
        ("required:name", setting("name", value=None)),
        ("range:birth_year", setting("birthYear", value=1899)),
        ("type:employed_since", setting("employer", "since", value="2019-13-01")),
    )
    conflicting: ClassVar[Row] = {"title": "教授", "degree": "无"}

    def size(self) -> int:
        return self.people.talent_slots()

    def events(self, slot: int) -> Iterable[date | None]:
        number, twin = self.people.talent_person(slot)
        p = self.city.person(number)
        first = max(EARLIEST, p.employers[0][0]) + timedelta(days=self.city.rng("talent entered", slot).randrange(300))
        first = min(first, TODAY) if p.number < self.people.base else p.employers[0][0]
        closing = (
            slot // TALENT_BLOCK * (TALENT_BLOCK - 1) + TALENT_BLOCK - 2
        )  # a second number comes after this person
        if twin and closing >= self.people.base:
            first = max(first, self.city.person(closing).employers[0][0])
        moves = (since for since, _, _ in p.employers if since > first)
        ends = (to for _, to, _ in p.employers if to and to > first)
        return (first, *moves, *ends, p.left_city, self.people.retired(p))

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        person, twin = self.people.talent_person(slot)
        p = self.city.person(person)
        place_now = p.last_employer(day)
        employer = self.city.institution(place_now)
        adviser = self.people.adviser(person)
        left = p.left_city if p.left_city and p.left_city <= day else None
        status = "离市" if left else "退休" if self.people.retired(p) <= day else "在库"
        since = max(first for first, _, n in p.employers if n == place_now and first <= day)
        named = self.named(rng, place_now, day)
        id_number = p.id_number if twin else dirt.typed_id_number(rng, p.id_number)
        return {
            "talentNo": self.people.slot_no(slot),
            "name": dirt.person_form(rng, p, 1 if twin else 0),
            "idNumber": id_number,
            "phone": p.phone,
            "email": p.email,
            "homeAddress": p.home_address,
            "gender": p.gender,
            "birthYear": p.born.year,
            "orcid": p.orcid,
            "category": self.city.slice(Needs).category(person),
            "title": p.title,
            "degree": p.degree,
            "industry": p.industry,
            "discipline": p.discipline,
            "employer": {**named, "since": since.isoformat()},
            "employers": self.jobs(rng, person, day),
            "adviserTalentNo": self.people.talent_no(adviser) if adviser is not None else None,
            "districtCode": dirt.typed_digits(rng, employer.district),
            "status": status,
            "leftDate": dirt.iso(left),
        }

    def links(self, slot: int) -> dict[str, str]:
        person, _ = self.people.talent_person(slot)
        day = self.written(slot)
        employer, adviser = self.city.person(person).last_employer(day), self.people.adviser(person)
        links = {"self": f"person:{person}", "employer": f"institution:{employer}", **self.job_links(person, day)}
        return links if adviser is None else {**links, "adviser": f"person:{adviser}"}


class ExpertForms(PdsForm):
    """People who review, with employers, declared units and shareholdings."""

    record, key = "expert", ("expertNo",)
    breaks: ClassVar[tuple[tuple[str, Change], ...]] = (
        ("code:status", setting("status", value="已聘")),
        ("required:name", setting("name", value=None)),
        ("type:enrolled_date", setting("enrolledDate", value="2019-02-30")),
        ("range:max_reviews", setting("maxReviews", value=-1)),
    )
    conflicting: ClassVar[Row] = {"maxReviews": 3}

    def size(self) -> int:
        return self.people.experts

    def events(self, slot: int) -> Iterable[date | None]:
        e = self.people.expert(slot)
        days = [e.enrolled, e.paused]
        days += [day for since, to, _ in e.person.employers for day in (since, to)]
        days += [day for tie in (*e.declared, *e.shares) for day in (tie.start, tie.end)]
        return [day for day in days if day is not None and day >= e.enrolled]

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        e = self.people.expert(slot)
        p = e.person
        return {
            "expertNo": e.expert_no,
            "name": dirt.person_form(rng, p, 1),
            "idNumber": p.id_number,
            "phone": p.phone,
            "email": p.email,
            "talentNo": self.people.talent_no(p.number) if rng.random() < 0.7 else None,
            "title": rng.choice(words.TITLES) if rng.random() < 0.05 else p.title,
            "degree": rng.choice(("博士", "硕士")) if rng.random() < 0.04 else p.degree,
            "industry": p.industry,
            "discipline": p.discipline,
            "employer": self.named(rng, p.last_employer(day), day),
            "employers": self.jobs(rng, p.number, day),
            "avoidUnits": self.ties(rng, e.declared, day),
            "shareholdings": self.ties(rng, e.shares, day),
            "maxReviews": e.most_per_year,
            "enrolledDate": e.enrolled.isoformat(),
            "status": "暂停" if e.paused and e.paused <= day else "在库",
        }

    def links(self, slot: int) -> dict[str, str]:
        e = self.people.expert(slot)
        day = self.written(slot)
        return {
            "self": f"person:{e.person.number}",
            "employer": f"institution:{e.person.last_employer(day)}",
            **self.job_links(e.person.number, day),
            **self.tie_links("avoid_unit", e.declared, day),
            **self.tie_links("shareholding", e.shares, day),
        }


class NeedForms(PdsForm):
    """The list of scarce talents, year by year."""

    record, key = "talent_need", ("needNo",)
    breaks: ClassVar[tuple[tuple[str, Change], ...]] = (
        ("type:need_count", setting("need", value="若干")),
        ("code:level", setting("level", value="实习生")),
        ("range:need_count", setting("need", value=-12)),
        ("required:industry", setting("industry", value=None)),
    )

    def size(self) -> int:
        return self.city.slice(Needs).count

    def events(self, slot: int) -> Iterable[date | None]:
        return (self.city.slice(Needs).need(slot).published,)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        n = self.city.slice(Needs).need(slot)
        return {
            "needNo": n.need_no,
            "year": n.year,
            "industry": n.industry,
            "level": n.level,
            "need": n.need,
            "publishedDate": n.published.isoformat(),
        }
