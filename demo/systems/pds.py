"""陕西省科技管理服务一体化云平台: guides, applications, reviews, projects and what belongs to them.

Its units and people stand in pds_people.py, its stations, bases and envoys in pds_outreach.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import ClassVar

from demo import dirt
from demo.city import Institution
from demo.endpoint import Endpoint, Login
from demo.project_rules import acceptance_no
from demo.projects import LUMP_SUMS, MILESTONES, MOST_OPEN, REVIEWS, Call, Milestone, Obligation, Project, Review
from demo.register import Change, Row, listed, setting
from demo.systems.pds_form import PdsForm, place
from demo.systems.pds_outreach import ActivityForms, BaseForms, EnvoyForms, TechnologyForms
from demo.systems.pds_people import ExpertForms, NeedForms, TalentForms, UnitForms

Breaks = tuple[tuple[str, Change], ...]


class GuideForms(PdsForm):
    record, key = "guide", ("guideNo",)
    breaks: ClassVar[Breaks] = (
        ("type:budget_wan_cny", setting("budget", value="三千万元")),
        ("required:title", setting("title", value=None)),
        ("code:programme", setting("programme", value="其他计划")),
        ("type:closes_date", setting("closesDate", value="2023-02-29")),
    )

    def size(self) -> int:
        return self.projects.guide_count()

    def events(self, slot: int) -> Iterable[date | None]:
        return (self.projects.guide(slot).published,)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        g = self.projects.guide(slot)
        return {
            "guideNo": g.guide_no,
            "title": f"西安市{g.year}年{g.programme}项目申报指南（第{'一二'[g.round - 1]}批）",
            "programme": g.programme,
            "year": g.year,
            "round": g.round,
            "publishedDate": g.published.isoformat(),
            "opensDate": g.opens.isoformat(),
            "closesDate": g.closes.isoformat(),
            "budget": g.budget_wan,
            "cap": g.cap_wan,
            "maxOpenProjects": MOST_OPEN,
        }


class ApplicationForms(PdsForm):
    record, key = "application", ("applicationNo",)
    breaks: ClassVar[Breaks] = (
        ("type:requested_total_wan_cny", setting("budget", "total", value="约两百")),
        ("code:state", setting("state", value="待定")),
        ("required:title", setting("title", value=None)),
        ("type:application_date", setting("applicationDate", value="2023-02-30")),
        ("range:requested_fiscal_wan_cny", setting("budget", "fiscal", value=-12.5)),
        ("unknown_field:attachment", setting("attachment", value="见附件")),
    )
    conflicting: ClassVar[Row] = {"title": "另一份同号申报书的关键技术研究"}

    def size(self) -> int:
        return self.projects.applications

    def events(self, slot: int) -> Iterable[date | None]:
        return (self.projects.applied(slot), self._sent(slot), self.projects.decided(slot))

    def _sent(self, slot: int) -> date:
        """Day on which it goes to the reviewers."""
        return self.projects.applied(slot) + timedelta(days=20)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        a = self.projects.application(slot)
        decided = a.decided <= day
        lost = a.year < 2019 and rng.random() < 0.05  # guides of the programme before this one
        state = ("立项" if a.approved else "不予立项") if decided else "评审" if self._sent(slot) <= day else "受理"
        leader = self.leader(rng, a.leader.number, a.year)
        return {
            "applicationNo": a.application_no,
            "title": a.title,
            "abstract": a.abstract,
            "programme": a.programme,
            "year": a.year,
            "guideNo": f"ZN{a.year - 4}1-99" if lost else self.projects.guide(a.guide).guide_no,
            "callNo": None if a.call is None else self.projects.call_no(a.call),
            "industry": a.industry,
            "discipline": a.discipline,
            "leader": leader,
            "members": [self.people.used_talent_no(rng, m) for m in a.members],
            "host": self.named(rng, a.host.number, a.applied, 2),
            "districtCode": dirt.typed_digits(rng, a.host.district),
            "budget": {"total": round(a.total_wan * 1.1, 1), "fiscal": round(a.fiscal_wan * 1.2, 1)},
            "applicationDate": a.applied.isoformat(),
            "state": state,
            "decisionDate": dirt.iso(a.decided if decided else None),
            "projectNo": self.projects.project_no(a.project) if decided and a.project is not None else None,
        }

    def links(self, slot: int) -> dict[str, str]:
        a = self.projects.application(slot)
        own = {"leader": f"person:{a.leader.number}", "host": f"institution:{a.host.number}"}
        return {**own, **listed("member", "person", a.members)}


class ReviewForms(PdsForm):
    record, key = "review", ("reviewNo",)
    breaks: ClassVar[Breaks] = (
        ("range:score", setting("score", value=108.0)),
        ("code:state", setting("state", value="退回")),
        ("required:expert_no", setting("expertNo", value=None)),
        ("type:assigned_date", setting("assignedDate", value="2024-13-05")),
        ("code:conclusion", setting("conclusion", value="弃权")),
    )
    conflicting: ClassVar[Row] = {"score": 1.0}

    def size(self) -> int:
        return self.projects.review_count()

    def review(self, slot: int) -> Review:
        application, at = divmod(self.projects.first_review() + slot, REVIEWS)
        return self.projects.reviews(application)[at]

    def events(self, slot: int) -> Iterable[date | None]:
        r = self.review(slot)
        return (r.assigned, r.day)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        r = self.review(slot)
        done = r.day <= day
        conclusion = "推荐" if r.score >= 78 else "修改后推荐" if r.score >= 66 else "不推荐"
        return {
            "reviewNo": r.review_no,
            "applicationNo": self.projects.application(r.application).application_no,
            "expertNo": self.people.expert(r.expert).expert_no,
            "assignedDate": r.assigned.isoformat(),
            "reviewDate": dirt.iso(r.day if done else None),
            "score": r.score if done else None,
            "conclusion": conclusion if done else None,
            "state": "已提交" if done else "已分派",
            "conflictDeclared": False,
        }

    def links(self, slot: int) -> dict[str, str]:
        return {"expert": f"person:{self.people.expert(self.review(slot).expert).person.number}"}


class ProjectForms(PdsForm):
    record, key = "project", ("projectNo",)
    breaks: ClassVar[Breaks] = (
        ("type:total_budget_wan_cny", setting("budget", "total", value="一百二十")),
        ("code:stage", setting("stage", value="在办")),
        ("required:title", setting("title", value=None)),
        ("type:approval_date", setting("approvalDate", value="2024-02-30")),
        ("unknown_field:remark", setting("remark", value="见附件")),
        ("range:fiscal_budget_wan_cny", setting("budget", "fiscal", value=-30.0)),
    )
    conflicting: ClassVar[Row] = {"title": "另一个同号项目的关键技术研究"}

    def size(self) -> int:
        return self.projects.count

    def events(self, slot: int) -> Iterable[date | None]:
        p = self.projects.project(slot)
        return (*(day for _, day in p.stages if day >= p.approved), p.due + timedelta(days=1))

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        p = self.projects.project(slot)
        a = self.projects.application(p.application)
        leader = self.leader(rng, p.leader.number, p.year)
        used = {n: self.people.used_talent_no(rng, n) for n in p.people}
        return {
            "projectNo": p.project_no,
            "applicationNo": a.application_no,
            "guideNo": self.projects.guide(a.guide).guide_no,
            "callNo": None if a.call is None else self.projects.call_no(a.call),
            "title": dirt.typed_name(rng, p.title),
            "programme": p.programme,
            "stage": p.stage_on(day),
            "stageTimes": [{"stage": s, "date": d.isoformat()} for s, d in p.stages_on(day)],
            "year": p.year,
            "industry": p.industry,
            "discipline": p.discipline,
            "leader": leader,
            "members": [used[m] for m in p.members],
            "efforts": [{"talentNo": used[n], "percent": share} for n, share in p.effort],
            "host": self.named(rng, p.host.number, p.approved),
            **place(rng, p.host),
            "budget": {
                "total": p.total_wan,
                "fiscal": p.fiscal_wan,
                "paid": p.paid_on(day),
                "payments": [{"date": d.isoformat(), "amount": n} for d, n in p.payments if d <= day],
                "lumpSum": p.is_lump_sum,
            },
            "applicationDate": a.applied.isoformat(),
            "approvalDate": p.approved.isoformat(),
            "dueDate": p.due.isoformat(),
            "acceptanceDate": dirt.iso(p.accepted if p.accepted and p.accepted <= day else None),
        }

    def links(self, slot: int) -> dict[str, str]:
        p = self.projects.project(slot)
        own = {"leader": f"person:{p.leader.number}", "host": f"institution:{p.host.number}"}
        efforts = listed("effort", "person", (who for who, _ in p.effort))
        return {**own, **listed("member", "person", p.members), **efforts}


class CallForms(PdsForm):
    record, key = "call", ("callNo",)
    breaks: ClassVar[Breaks] = (
        ("type:bounty_wan_cny", setting("bounty", value="面议")),
        ("code:stage", setting("stage", value="流标")),
        ("required:title", setting("title", value=None)),
        ("range:year", setting("year", value=1900)),
    )

    def size(self) -> int:
        return self.projects.call_count()

    def events(self, slot: int) -> Iterable[date | None]:
        return (day for _, day in self.projects.call(slot).stages)

    @staticmethod
    def _won(call: Call, day: date) -> bool:
        """Whether somebody has been chosen."""
        return [stage for stage, since in call.stages if since <= day][-1] in ("定帅", "绩效评价")

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        c = self.projects.call(slot)
        a = self.projects.application(c.application)
        stages = [(stage, since) for stage, since in c.stages if since <= day]
        won = self._won(c, day)
        owner, winner = self.named(rng, c.owner.number, c.stages[0][1]), self.named(rng, a.host.number, a.applied)
        return {
            "callNo": c.call_no,
            "title": c.title,
            "owner": owner,
            "industry": c.industry,
            "discipline": c.discipline,
            "bounty": c.bounty_wan,
            "year": c.year,
            "stage": stages[-1][0],
            "stageTimes": [{"stage": s, "date": d.isoformat()} for s, d in stages],
            "winner": {**winner, "applicationNo": a.application_no} if won else None,
            "projectNo": self.projects.project_no(a.project) if won and a.project is not None else None,
        }

    def links(self, slot: int) -> dict[str, str]:
        c = self.projects.call(slot)
        links = {"owner": f"institution:{c.owner.number}"}
        if self._won(c, self.written(slot)):
            links["winner"] = f"institution:{self.projects.application(c.application).host.number}"
        return links


class BudgetForms(PdsForm):
    """Of ten projects seven have two lines each and three, with a lump sum, one."""

    record, key = "budget", ("projectNo", "head")
    breaks: ClassVar[Breaks] = (
        ("type:planned_wan_cny", setting("planned", value="四十五")),
        ("code:head", setting("head", value="其他")),
        ("range:spent_wan_cny", setting("spent", value=-3.2)),
        ("type:approved_date", setting("approvedDate", value="2022-06-31")),
    )
    conflicting: ClassVar[Row] = {"planned": 0.1}
    LINES = tuple(
        (place, head)
        for place in range(10)
        for head in (("包干经费",) if place in LUMP_SUMS else ("直接费用", "间接费用"))
    )

    def size(self) -> int:
        tens, rest = divmod(self.projects.count, 10)
        return tens * len(self.LINES) + sum(place < rest for place, _ in self.LINES)

    def _line(self, slot: int) -> tuple[Project, str]:
        tens, at = divmod(slot, len(self.LINES))
        return self.projects.project(tens * 10 + self.LINES[at][0]), self.LINES[at][1]

    def events(self, slot: int) -> Iterable[date | None]:
        p, _ = self._line(slot)
        return (p.approved, *(day for day, _ in p.payments), p.approved + (p.due - p.approved) // 2, p.closed)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        p, head = self._line(slot)
        share = {"包干经费": 1.0, "直接费用": 0.85, "间接费用": 0.15}[head]
        run = min(1.0, max(0.0, (day - p.approved).days / (p.closed - p.approved).days))
        return {
            "projectNo": p.project_no,
            "head": head,
            "planned": round(p.total_wan * share, 2),
            "fiscal": round(p.fiscal_wan * share, 2),
            "spent": round(p.total_wan * share * run * rng.uniform(0.7, 1.0), 2),
            "approvedDate": p.approved.isoformat(),
        }


class MilestoneForms(PdsForm):
    record, key = "milestone", ("projectNo", "sequence")
    breaks: ClassVar[Breaks] = (
        ("type:due_date", setting("dueDate", value="2024-04-31")),
        ("code:status", setting("status", value="进行中")),
        ("required:title", setting("title", value=None)),
        ("type:reached_date", setting("reachedDate", value="尚未")),
    )
    conflicting: ClassVar[Row] = {"title": "另一个同号里程碑"}

    def size(self) -> int:
        return self.projects.count * MILESTONES

    def _step(self, slot: int) -> tuple[Project, Milestone]:
        number, at = divmod(slot, MILESTONES)
        return self.projects.project(number), self.projects.milestones(number)[at]

    def events(self, slot: int) -> Iterable[date | None]:
        p, m = self._step(slot)
        return (p.approved, m.reached, m.due + timedelta(days=1), p.closed)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        p, m = self._step(slot)
        if m.reached and m.reached <= day:
            status = "按期完成" if m.reached <= m.due else "逾期完成"
        elif p.terminated and p.closed <= day:
            status = "已取消"
        else:
            status = "逾期未完成" if m.due < day else "未到期"
        return {
            "projectNo": p.project_no,
            "sequence": m.sequence,
            "title": m.title,
            "dueDate": m.due.isoformat(),
            "reachedDate": dirt.iso(m.reached if m.reached and m.reached <= day else None),
            "status": status,
        }


class AcceptanceForms(PdsForm):
    record, key = "acceptance", ("acceptanceNo",)
    breaks: ClassVar[Breaks] = (
        ("range:score", setting("score", value=130.0)),
        ("code:state", setting("state", value="验收中")),
        ("pattern:project_no", setting("projectNo", value="见立项通知")),
        ("type:self_raised_wan_cny", setting("selfRaised", value="若干")),
    )
    conflicting: ClassVar[Row] = {"jobs": 9_999}

    def size(self) -> int:
        return self.projects.count

    def events(self, slot: int) -> Iterable[date | None]:
        p = self.projects.project(slot)
        return (p.approved, p.accepted, p.closed if p.terminated else None)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        p = self.projects.project(slot)
        done = p.accepted is not None and p.accepted <= day
        grade = "优秀" if p.score >= 90 else "良好" if p.score >= 75 else "合格" if p.score >= 60 else "不合格"
        claims = {
            "method": rng.choice(("会议验收", "通讯评审", "现场验收")),
            "conclusion": "不通过" if p.score < 60 else "结题" if rng.random() < 0.08 else "通过",
            "score": p.score,
            "grade": grade,
            "deliverables": [{"kind": d.kind, "number": d.number, "title": d.title} for d in p.deliverables],
            "selfRaised": round((p.total_wan - p.fiscal_wan) * rng.uniform(0.6, 1.3), 1),
            "newRevenue": round(rng.lognormvariate(5, 1.2), 1),
            "jobs": rng.randint(0, 60),
        }
        return {
            "acceptanceNo": acceptance_no(p),
            "projectNo": p.project_no,
            "state": "已验收" if done else "已终止" if p.terminated and p.closed <= day else "待验收",
            "plannedDate": p.due.isoformat(),
            "acceptanceDate": dirt.iso(p.accepted if done else None),
            **{name: value if done else None for name, value in claims.items()},
        }


class ObligationForms(PdsForm):
    """Two reports each of three projects out of four, one of the fourth."""

    record, key = "report_obligation", ("obligationNo",)
    breaks: ClassVar[Breaks] = (
        ("type:due_date", setting("dueDate", value="2025-00-10")),
        ("code:openness", setting("openness", value="保密")),
        ("range:embargo_months", setting("embargoMonths", value=72)),
        ("required:unit_name", setting("unit", "name", value=None)),
    )
    conflicting: ClassVar[Row] = {"openness": "延期公开", "embargoMonths": 59}
    PLACES = ((0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1))

    def size(self) -> int:
        fours, rest = divmod(self.projects.count, 4)
        return fours * len(self.PLACES) + sum(place < rest for place, _ in self.PLACES)

    def _owed(self, slot: int) -> tuple[Project, Obligation]:
        fours, at = divmod(slot, len(self.PLACES))
        number = fours * 4 + self.PLACES[at][0]
        return self.projects.project(number), self.projects.planned_obligations(number)[self.PLACES[at][1]]

    def events(self, slot: int) -> Iterable[date | None]:
        p, _ = self._owed(slot)
        return (p.approved, p.closed if p.terminated else None)

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        p, o = self._owed(slot)
        ended = p.terminated and p.closed <= day
        due = p.due + timedelta(days=60) if o.kind == "最终报告" and not ended else o.due
        return {
            "obligationNo": o.obligation_no,
            "projectNo": p.project_no,
            "kind": o.kind,
            "unit": self.named(rng, p.host.number, p.approved),
            "dueDate": due.isoformat(),
            "openness": o.openness,
            "embargoMonths": o.embargo_months,
            "state": "已免除" if ended and o.kind == "中期报告" and o.due >= p.closed else "应呈交",
        }

    def links(self, slot: int) -> dict[str, str]:
        host: Institution = self._owed(slot)[0].host
        return {"unit": f"institution:{host.number}"}


_LOGIN = Login(
    "/pds/auth/token", {"client_id": "PDS_CLIENT_ID", "client_secret": "PDS_CLIENT_SECRET"}, requests=200, seconds=600
)
PATHS: dict[str, type[PdsForm]] = {
    "units": UnitForms,
    "guides": GuideForms,
    "applications": ApplicationForms,
    "reviews": ReviewForms,
    "projects": ProjectForms,
    "calls": CallForms,
    "budgets": BudgetForms,
    "milestones": MilestoneForms,
    "acceptances": AcceptanceForms,
    "talents": TalentForms,
    "talent-needs": NeedForms,
    "experts": ExpertForms,
    "report-obligations": ObligationForms,
    "technologies": TechnologyForms,
    "outreach-bases": BaseForms,
    "envoys": EnvoyForms,
    "activities": ActivityForms,
}
REGISTERS = tuple(PATHS.values())
ENDPOINTS = tuple(
    Endpoint(f"/pds/api/v1/{path}", register, envelope={"code": 0, "message": "ok"}, auth=_LOGIN)
    for path, register in PATHS.items()
)
