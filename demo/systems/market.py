"""西安科技大市场: technology contracts, the three lists, meetings and scenarios; its institutions stand apart."""

from __future__ import annotations

import random
from datetime import date, datetime
from typing import Any, ClassVar

from demo import dirt
from demo.city import City
from demo.endpoint import ApiKey, Endpoint
from demo.projects import Projects
from demo.register import Register, Row, setting, stamp_text
from demo.systems.market_institutions import InstitutionForms
from demo.trade import EXACT, Party, Trade

IMPOSSIBLE = "2024-02-30"


class _Forms(Register):
    """What the lists have in common: slots are the numbers of the things, a row was changed when something happened."""

    source = "market"

    def __init__(self, city: City):
        super().__init__(city)
        self.trade = city.slice(Trade)

    def days(self, slot: int) -> list[date | None]:
        """Days on which the row changes, future ones included."""
        raise NotImplementedError

    def changed(self, slot: int) -> datetime:
        last = max(day for day in self.days(slot) if day is not None and day <= self.city.today)
        return dirt.moment(self.city.rng(f"{self.record} stamp", slot * 10_000 + last.toordinal() % 10_000), last)

    def by_now(self, day: date | None) -> str | None:
        """A day, as soon as it has come."""
        return day.isoformat() if day and day <= self.city.today else None

    def owner(self, rng: random.Random, number: int, day: date) -> dict[str, Any]:
        i = self.city.institution(number)
        return {"name": dirt.spelling(rng, i, day, 0), "creditCode": typed(rng, i.credit_code)}

    def project_no(self, project: int | None) -> str | None:
        return None if project is None else self.city.slice(Projects).project_no(project)


def typed(rng: random.Random, code: str) -> str:
    """A code in full width or with a blank, now and then; its characters are right: parties show their licence."""
    written = dirt.typed_code(rng, code)
    return code if written[:-1] == code[:-1] else written


class ContractForms(_Forms):
    record, key = "contract", ("contractNo",)
    breaks = (
        ("type:amount_wan_cny", setting("amount", "total", value="壹佰万元")),
        ("code:contract_kind", setting("kind", value="技术合作")),
        ("required:seller_name", setting("seller", "name", value=None)),
        ("type:signed_date", setting("signedDate", value=IMPOSSIBLE)),
        ("range:technology_wan_cny", setting("amount", "technology", value=-1.0)),
        ("unknown_field:remark", setting("remark", value="见附件")),
        ("code:status", setting("status", value="不详")),
    )
    conflicting: ClassVar[Row] = {"registeredBy": "buyer", "title": "另一份同号合同"}

    def size(self) -> int:
        return self.trade.contracts.count(self.city.today)

    def fault(self, slot: int) -> int | None:
        """None in the years whose sum must come out to the cent: what is refused adds nothing."""
        return None if self._is_exact(slot) else super().fault(slot)

    def twin(self, slot: int) -> bool:
        return not self._is_exact(slot) and super().twin(slot)

    def _is_exact(self, slot: int) -> bool:
        return self.trade.contracts.place(slot)[0] in EXACT

    def days(self, slot: int) -> list[date | None]:
        c = self.trade.contract(self.trade.registration(slot)[0])
        entered = self.trade.contracts.day(slot)
        return [entered, *(max(d, entered) for d in (c.amended, c.asked, c.cancelled, c.done) if d)]

    def links(self, slot: int) -> dict[str, str]:
        c = self.trade.contract(self.trade.registration(slot)[0])
        sides = {"seller": c.seller.institution, "buyer": c.buyer.institution}
        return {role: f"institution:{n}" for role, n in sides.items() if n is not None}

    def row(self, slot: int) -> Row:
        today = self.city.today
        number, side = self.trade.registration(slot)
        c = self.trade.contract(number)
        rng = self.city.rng("contract form", slot)
        amount = c.amount(today)
        states = (
            (c.cancelled, "已解除"),
            (c.done, "履行完毕"),
            (c.asked, "申请解除"),
            (c.amended, "已变更"),
        )
        return {
            "contractNo": self.trade.contract_no(slot),
            "title": dirt.typed_name(rng, c.title),
            "kind": c.kind,
            "registeredBy": side,
            "seller": self._side(rng, c.seller, c.signed),
            "buyer": self._side(rng, c.buyer, c.signed),
            "industry": c.industry,
            "technologyNode": c.node,
            "signedDate": c.signed.isoformat(),
            "registeredDate": self.trade.contracts.day(slot).isoformat(),
            "amount": {
                "total": amount / 100,
                "technology": int(amount * c.technology_share) / 100,
                "signed": c.signed_amount / 100,
            },
            "status": next((s for day, s in states if day and day <= today), "履行中"),
            "amendedDate": self.by_now(c.amended),
            "cancelledDate": self.by_now(c.cancelled),
            "projectNo": self.project_no(self._project(c.achievement)),
            "achievementNo": None if c.achievement is None else self.trade.achievement_no(c.achievement),
            "updatedAt": stamp_text(self.changed(slot)),
        }

    def _side(self, rng: random.Random, party: Party, day: date) -> dict[str, Any]:
        name = party.name
        if party.institution is not None:
            name = dirt.spelling(rng, self.city.institution(party.institution), day, 0)
        return {
            "name": name,
            "creditCode": typed(rng, party.credit_code),
            "regionCode": dirt.typed_digits(rng, party.region),
        }

    def _project(self, achievement: int | None) -> int | None:
        return None if achievement is None else self.trade.achievement(achievement).project


class AchievementForms(_Forms):
    record, key = "achievement", ("achievementNo",)
    breaks = (
        ("range:trl", setting("trl", value=12)),
        ("required:title", setting("title", value=None)),
        ("type:price_wan_cny", setting("priceWan", value="面议")),
        ("code:form", setting("form", value="其他")),
    )
    conflicting: ClassVar[Row] = {"title": "另一项同号成果", "trl": 1}

    def size(self) -> int:
        return self.trade.achievements.count(self.city.today)

    def days(self, slot: int) -> list[date | None]:
        a = self.trade.achievement(slot)
        return [a.published, a.closed[0] if a.closed else None]

    def links(self, slot: int) -> dict[str, str]:
        return {"owner": f"institution:{self.trade.achievement(slot).owner}"}

    def row(self, slot: int) -> Row:
        a = self.trade.achievement(slot)
        rng = self.city.rng("achievement form", slot)
        return {
            "achievementNo": self.trade.achievement_no(slot),
            "title": dirt.typed_name(rng, a.title),
            "form": a.form,
            "owner": self.owner(rng, a.owner, a.published),
            "districtCode": dirt.typed_digits(rng, self.city.institution(a.owner).district),
            "projectNo": self.project_no(a.project),
            "industry": a.industry,
            "technologyNode": a.node,
            "trl": a.trl,
            "priceWan": None if a.price is None else a.price / 100,
            "transferMode": a.mode,
            "published": a.published.isoformat(),
            "status": a.closed[1] if a.closed and a.closed[0] <= self.city.today else "在库",
            "closedDate": self.by_now(a.closed[0] if a.closed else None),
            "updatedAt": stamp_text(self.changed(slot)),
        }


class DemandForms(_Forms):
    record, key = "demand", ("demandNo",)
    breaks = (
        ("type:posted_date", setting("posted", value=IMPOSSIBLE)),
        ("range:required_trl", setting("requiredTrl", value=0)),
        ("required:owner_name", setting("owner", "name", value=None)),
        ("code:status", setting("status", value="待定")),
    )
    conflicting: ClassVar[Row] = {"title": "另一项同号需求", "requiredTrl": 1}

    def size(self) -> int:
        return self.trade.demands.count(self.city.today)

    def days(self, slot: int) -> list[date | None]:
        d = self.trade.demand(slot)
        return [d.need.posted, d.closed[0] if d.closed else None]

    def links(self, slot: int) -> dict[str, str]:
        return {"owner": f"institution:{self.trade.need(slot).firm}"}

    def row(self, slot: int) -> Row:
        d = self.trade.demand(slot)
        rng = self.city.rng("demand form", slot)
        return {
            "demandNo": self.trade.demand_no(slot),
            "title": dirt.typed_name(rng, d.title),
            "owner": self.owner(rng, d.need.firm, d.need.posted),
            "districtCode": dirt.typed_digits(rng, self.city.institution(d.need.firm).district),
            "industry": d.need.industry,
            "technologyNode": d.need.node,
            "requiredTrl": d.need.trl,
            "budgetWan": None if d.need.budget is None else d.need.budget / 100,
            "posted": d.need.posted.isoformat(),
            "status": d.closed[1] if d.closed and d.closed[0] <= self.city.today else "发布中",
            "closedDate": self.by_now(d.closed[0] if d.closed else None),
            "updatedAt": stamp_text(self.changed(slot)),
        }


class ResourceForms(_Forms):
    record, key = "resource", ("resourceNo",)
    breaks = (
        ("range:open_hours", setting("openHours", value=9000.0)),
        ("code:resource_kind", setting("kind", value="其他资源")),
        ("required:title", setting("title", value="")),
        ("range:hourly_price_cny", setting("hourlyPrice", value=-20.0)),
    )
    conflicting: ClassVar[Row] = {"title": "另一项同号资源"}

    def size(self) -> int:
        return self.trade.resources.count(self.city.today)

    def days(self, slot: int) -> list[date | None]:
        r = self.trade.resource(slot)
        return [r.published, r.closed]

    def links(self, slot: int) -> dict[str, str]:
        return {"owner": f"institution:{self.trade.resource(slot).owner}"}

    def row(self, slot: int) -> Row:
        r = self.trade.resource(slot)
        rng = self.city.rng("resource form", slot)
        i = self.city.institution(r.owner)
        return {
            "resourceNo": f"ZY{slot + 1:06d}",
            "title": dirt.typed_name(rng, r.title),
            "kind": r.kind,
            "owner": {"name": dirt.spelling(rng, i, r.published), "creditCode": dirt.typed_code(rng, i.credit_code)},
            "districtCode": dirt.typed_digits(rng, i.district),
            "industry": r.industry,
            "technologyNode": r.node,
            "hourlyPrice": r.hourly,
            "openHours": r.hours,
            "published": r.published.isoformat(),
            "status": "停用" if r.closed and r.closed <= self.city.today else "开放",
            "updatedAt": stamp_text(self.changed(slot)),
        }


class MatchForms(_Forms):
    record, key = "match_event", ("eventNo",)
    breaks = (
        ("code:result", setting("result", value="成功")),
        ("type:held_date", setting("heldDate", value=IMPOSSIBLE)),
        ("required:demand_no", setting("demandNo", value=None)),
        ("code:activity_kind", setting("activityKind", value="沙龙")),
    )
    conflicting: ClassVar[Row] = {"result": "未达成", "contractNo": None, "activityNo": "HD0000-000"}

    def size(self) -> int:
        return self.trade.meetings.count(self.city.today)

    def days(self, slot: int) -> list[date | None]:
        return [day for day, _ in self.trade.meeting(slot).steps]

    def links(self, slot: int) -> dict[str, str]:
        """A service institution without a number in the market's register is not named."""
        service = self.trade.meeting(slot).service
        known = service is not None and self.city.slice(InstitutionForms).number(service)
        return {"service": f"institution:{service}"} if known else {}

    def row(self, slot: int) -> Row:
        m = self.trade.meeting(slot)
        result = [step for day, step in m.steps if day <= self.city.today][-1]
        signed = result == "签订合同" and m.contract is not None
        service = None if m.service is None else self.city.slice(InstitutionForms).number(m.service)
        return {
            "eventNo": f"DJ{slot + 1:06d}",
            "activityNo": m.activity,
            "activityKind": m.kind,
            "heldDate": m.held.isoformat(),
            "demandNo": self.trade.demand_no(m.demand),
            "achievementNo": self.trade.achievement_no(m.achievement),
            "institutionNo": service,
            "result": result,
            "contractNo": self.trade.contract_no(m.contract) if signed and m.contract is not None else None,
            "updatedAt": stamp_text(self.changed(slot)),
        }


class ScenarioForms(_Forms):
    record, key = "scenario", ("scenarioNo",)
    breaks = (
        ("code:status", setting("status", value="规划中")),
        ("type:closing_date", setting("closing", value=IMPOSSIBLE)),
    )
    conflicting: ClassVar[Row] = {"title": "另一个同号场景"}

    def size(self) -> int:
        return self.trade.scenarios.count(self.city.today)

    def days(self, slot: int) -> list[date | None]:
        return [day for day, _ in self.trade.scenario(slot).steps]

    def links(self, slot: int) -> dict[str, str]:
        return {"owner": f"institution:{self.trade.scenario(slot).owner}"}

    def row(self, slot: int) -> Row:
        s = self.trade.scenario(slot)
        rng = self.city.rng("scenario form", slot)
        i = self.city.institution(s.owner)
        return {
            "scenarioNo": f"CJ{slot + 1:06d}",
            "title": dirt.typed_name(rng, s.title),
            "owner": {"name": dirt.spelling(rng, i, s.published), "creditCode": dirt.typed_code(rng, i.credit_code)},
            "districtCode": dirt.typed_digits(rng, i.district),
            "zoneCode": i.zone,
            "industry": s.industry,
            "technologyNode": s.node,
            "investmentWan": s.investment / 100,
            "published": s.published.isoformat(),
            "closing": s.closing.isoformat(),
            "status": [step for day, step in s.steps if day <= self.city.today][-1],
            "updatedAt": stamp_text(self.changed(slot)),
        }


def _endpoint(name: str, register: type[Register]) -> Endpoint:
    return Endpoint(
        f"/market/{name}",
        register,
        paging="cursor",
        items="items",
        total="page.total",
        next="page.next",
        page_param="cursor",
        size_param="limit",
        since="since",
        auth=ApiKey("MARKET_KEY"),
    )


REGISTERS = (
    ContractForms,
    AchievementForms,
    DemandForms,
    ResourceForms,
    InstitutionForms,
    MatchForms,
    ScenarioForms,
)
ENDPOINTS = (
    _endpoint("contracts", ContractForms),
    _endpoint("achievements", AchievementForms),
    _endpoint("demands", DemandForms),
    _endpoint("resources", ResourceForms),
    _endpoint("institutions", InstitutionForms),
    _endpoint("match-events", MatchForms),
    _endpoint("scenarios", ScenarioForms),
)
