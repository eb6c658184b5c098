"""陕西省科技管理服务一体化云平台: projects and talents."""

from __future__ import annotations

from datetime import date, datetime

from demo import codes, dirt, words
from demo.city import day_between
from demo.endpoint import Bearer, Endpoint
from demo.projects import Projects
from demo.register import Register, Row, setting, stamp_text


def _talent_no(number: int) -> str:
    return f"RC{number + 1:06d}"


class ProjectForms(Register):
    source, record, key = "pds", "project", ("projectNo",)
    breaks = (
        ("type:total_budget_wan_cny", setting("budget", "total", value="一百二十")),
        ("code:stage", setting("stage", value="在办")),
        ("required:title", setting("title", value=None)),
        ("type:approval_date", setting("approvalDate", value="2024-02-30")),
        ("unknown_field:remark", setting("remark", value="见附件")),
        ("range:fiscal_budget_wan_cny", setting("budget", "fiscal", value=-30.0)),
    )
    conflicting = {"title": "另一个同号项目的关键技术研究"}

    def size(self) -> int:
        return self.city.slice(Projects).count

    def changed(self, slot: int) -> datetime:
        return datetime.strptime(self.row(slot)["updatedAt"], "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007

    def row(self, slot: int) -> Row:
        today = self.city.today
        p = self.city.slice(Projects).project(slot)
        rng = self.city.rng("project form", slot)
        host = self.city.institution(p.leader.last_employer(p.stages[0][1]))
        dates = dict(p.stages_on(today))
        members = sorted({_talent_no(rng.randrange(self.city.scaled(1200, 12))) for _ in range(rng.randint(0, 5))})
        return {
            "projectNo": p.project_no,
            "title": p.title,
            "programme": p.programme,
            "stage": p.stage_on(today),
            "stageTimes": [{"stage": s, "date": d.isoformat()} for s, d in p.stages_on(today)],
            "year": p.year,
            "industry": p.leader.industry,
            "discipline": p.leader.discipline,
            "leader": {
                "name": p.leader.name,
                "talentNo": None if p.year < 2021 and rng.random() < 0.2 else _talent_no(p.leader.number),
            },
            "members": [m for m in members if m != _talent_no(p.leader.number)],
            "host": {
                "name": dirt.spelling(rng, host, p.stages[0][1]),
                "creditCode": dirt.typed_code(rng, host.credit_code),
            },
            "districtCode": dirt.typed_digits(rng, host.district),
            "zoneCode": host.zone,
            "budget": {
                "total": p.total_wan,
                "fiscal": p.fiscal_wan,
                "paid": p.paid_on(today),
                "lumpSum": rng.random() < 0.3,
            },
            "applicationDate": dates["申报"].isoformat(),
            "approvalDate": dirt.iso(dates.get("立项")),
            "dueDate": dirt.iso(p.due),
            "acceptanceDate": dirt.iso(dates.get("验收")),
            "updatedAt": stamp_text(dirt.moment(rng, p.stages_on(today)[-1][1])),
        }


class TalentForms(Register):
    source, record, key = "pds", "talent", ("talentNo",)
    breaks = (
        ("code:status", setting("status", value="不详")),
        ("required:name", setting("name", value=None)),
        ("range:birth_year", setting("birthYear", value=1899)),
        ("type:employed_since", setting("employer", "since", value="2019-13-01")),
    )
    conflicting = {"title": "教授", "degree": "无"}

    def size(self) -> int:
        return self.city.scaled(1200, 12)

    def changed(self, slot: int) -> datetime:
        return datetime.strptime(self.row(slot)["updatedAt"], "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007

    def row(self, slot: int) -> Row:
        today = self.city.today
        # one in sixty is a person entered a second time under another slot
        twin = slot % 60 == 59
        p = self.city.person(slot - 30 if twin else slot)
        employer = self.city.institution(p.last_employer(today))
        rng = self.city.rng("talent form", slot)
        home = words.DISTRICTS[rng.choice(list(words.DISTRICTS))][0]
        since = day_between(rng, date(max(1990, p.born.year + 23), 1, 1), date(2025, 12, 31))
        status = "退休" if p.born.year < 1963 else "离市" if rng.random() < 0.06 else "在库"
        return {
            "talentNo": _talent_no(slot),
            "name": f" {p.name[:2]} {p.name[2:]}" if rng.random() < 0.02 else p.name,
            "idNumber": codes.wrong_check(p.id_number) if rng.random() < 0.01 and not twin else p.id_number,
            "phone": f"101{(slot * 7_001 + 13) % 100_000_000:08d}",
            "email": f"demo{slot:06d}@example.com",
            "homeAddress": f"西安市{home}演示路{rng.randint(1, 299)}号{rng.randint(1, 20)}幢{rng.randint(101, 999)}室",
            "gender": p.gender,
            "birthYear": p.born.year,
            "orcid": codes.orcid(p.number) if rng.random() < 0.25 else None,
            "category": rng.choices(("A", "B", "C", "D", "E", None), (1, 3, 8, 15, 20, 53))[0],
            "title": rng.choice(words.TITLES),
            "degree": rng.choices(("博士", "硕士", "学士", "无"), (50, 28, 20, 2))[0],
            "industry": p.industry,
            "discipline": p.discipline,
            "employer": {
                "name": dirt.spelling(rng, employer, today),
                "creditCode": dirt.typed_code(rng, employer.credit_code),
                "since": since.isoformat(),
            },
            "districtCode": dirt.typed_digits(rng, employer.district),
            "status": status,
            "updatedAt": stamp_text(
                dirt.moment(rng, day_between(rng, max(since, date(2020, 1, 1)), date(2026, 6, 30)))
            ),
        }


_ENVELOPE = {"code": 0, "message": "ok"}
REGISTERS = (ProjectForms, TalentForms)
ENDPOINTS = (
    Endpoint("/pds/api/v1/projects", ProjectForms, envelope=_ENVELOPE, auth=Bearer("PDS_TOKEN")),
    Endpoint("/pds/api/v1/talents", TalentForms, envelope=_ENVELOPE, auth=Bearer("PDS_TOKEN")),
)
