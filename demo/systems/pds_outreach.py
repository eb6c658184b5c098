"""The list of technologies, stations and bases, envoys and their activities, as the platform shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from random import Random
from typing import ClassVar

from demo import dirt
from demo.city import City
from demo.outreach import Outreach
from demo.register import Change, Row, setting
from demo.systems.pds_form import PdsForm

Breaks = tuple[tuple[str, Change], ...]
IMPOSSIBLE = "2024-02-30"


class _Forms(PdsForm):
    def __init__(self, city: City):
        super().__init__(city)
        self.outreach = city.slice(Outreach)


class TechnologyForms(_Forms):
    record, key = "technology", ("technologyNo",)
    breaks: ClassVar[Breaks] = (
        ("code:direction", setting("direction", value="其他")),
        ("required:title", setting("title", value=None)),
        ("type:listed_date", setting("listedDate", value=IMPOSSIBLE)),
    )
    conflicting: ClassVar[Row] = {"title": "另一项同号技术"}

    def size(self) -> int:
        return self.outreach.technologies.count(self.city.today)

    def events(self, slot: int) -> Iterable[date | None]:
        t = self.outreach.technology(slot)
        begun = (n for n in t.projects if n < self.projects.count)
        return (t.listed, t.removed, *(self.projects.project(n).approved for n in begun))

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        t = self.outreach.technology(slot)
        begun = [n for n in t.projects if n < self.projects.count and self.projects.project(n).approved <= day]
        return {
            "technologyNo": t.technology_no,
            "title": dirt.typed_name(rng, t.title),
            "industry": t.industry,
            "technologyNode": t.node,
            "direction": t.direction,
            "listedDate": t.listed.isoformat(),
            "removedDate": dirt.iso(t.removed if t.removed and t.removed <= day else None),
            "projectNos": [self.projects.project(n).project_no for n in begun],
        }


class BaseForms(_Forms):
    record, key = "outreach_base", ("baseNo",)
    breaks: ClassVar[Breaks] = (
        ("code:base_kind", setting("kind", value="其他基地")),
        ("required:name", setting("name", value=None)),
        ("type:approved_date", setting("approvedDate", value=IMPOSSIBLE)),
    )
    conflicting: ClassVar[Row] = {"name": "另一个同号基地"}

    def size(self) -> int:
        return self.outreach.bases.count(self.city.today)

    def events(self, slot: int) -> Iterable[date | None]:
        b = self.outreach.base(slot)
        return (b.approved, b.closed)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        b = self.outreach.base(slot)
        return {
            "baseNo": b.base_no,
            "name": dirt.typed_name(rng, b.name),
            "kind": b.kind,
            "level": b.level,
            "host": self.named(rng, b.host, b.approved, 0),
            "districtCode": dirt.typed_digits(rng, b.district),
            "zoneCode": b.zone,
            "partnerPlace": b.partner,
            "approvedDate": b.approved.isoformat(),
            "closedDate": dirt.iso(b.closed if b.closed and b.closed <= day else None),
        }

    def links(self, slot: int) -> dict[str, str]:
        return {"host": f"institution:{self.outreach.base(slot).host}"}


class EnvoyForms(_Forms):
    record, key = "envoy", ("envoyNo",)
    breaks: ClassVar[Breaks] = (
        ("required:talent_no", setting("talentNo", value=None)),
        ("pattern:talent_no", setting("talentNo", value="另行通知")),
        ("type:from_date", setting("fromDate", value=IMPOSSIBLE)),
    )
    conflicting: ClassVar[Row] = {"served": "另一家合作社"}

    def size(self) -> int:
        return self.outreach.envoys.count(self.city.today)

    def events(self, slot: int) -> Iterable[date | None]:
        return (self.outreach.envoy(slot).since,)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        e = self.outreach.envoy(slot)
        return {
            "envoyNo": e.envoy_no,
            "talentNo": self.people.talent_no(e.person),
            "districtCode": dirt.typed_digits(rng, e.district),
            "served": e.served,
            "field": e.field,
            "fromDate": e.since.isoformat(),
            "toDate": e.until.isoformat(),
        }

    def links(self, slot: int) -> dict[str, str]:
        return {"envoy": f"person:{self.outreach.envoy(slot).person}"}


class ActivityForms(_Forms):
    record, key = "activity", ("activityNo",)
    breaks: ClassVar[Breaks] = (
        ("code:activity_kind", setting("kind", value="沙龙")),
        ("type:held_date", setting("heldDate", value=IMPOSSIBLE)),
        ("range:participant_count", setting("participants", value=-5)),
    )
    conflicting: ClassVar[Row] = {"participants": 1}

    def size(self) -> int:
        return self.outreach.activities.count(self.city.today)

    def events(self, slot: int) -> Iterable[date | None]:
        a = self.outreach.activity(slot)
        return (a.held, max(a.held, a.filed) if a.filed else None)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        a = self.outreach.activity(slot)
        return {
            "activityNo": a.activity_no,
            "kind": a.kind,
            "baseNo": None if a.base is None else self.outreach.base(a.base).base_no,
            "envoyNo": None if a.envoy is None else self.outreach.envoy(a.envoy).envoy_no,
            "heldDate": a.held.isoformat(),
            "filedDate": dirt.iso(a.filed if a.filed and a.filed <= day else None),
            "participants": a.participants,
        }
