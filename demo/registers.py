"""What the systems of the city deliver: its things in the names and forms of each system, with planted dirt."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from demo import codes, words
from demo.city import TODAY, City, day_between

Row = dict[str, Any]


class Registers:
    """What the systems of a city deliver, in the names and forms of each system, with planted dirt."""

    def __init__(self, city: City):
        self.city = city

    def rows(self, register: str) -> list[Row]:
        """All rows of a register in delivery order: project, talent, institution, platform, case."""
        return [row for row, _ in self._rows(register)]

    def planted(self, register: str) -> list[tuple[str | None, str]]:
        """Key and reason, as the quarantine names it, of every delivered row that a contract must refuse."""
        key = {"project": "projectNo", "talent": "talentNo", "institution": "institutionNo", "platform": "平台编号"}
        return [(row[key.get(register, "case_no")], fault) for row, fault in self._rows(register) if fault]

    def _rows(self, register: str) -> Iterator[tuple[Row, str | None]]:
        make: dict[str, Callable[[int], Row]] = {
            "project": self._project,
            "talent": self._talent,
            "institution": self._institution,
            "platform": self._platform,
            "case": self._case,
        }
        faults = _BREAKS[register]
        for number in range(self.city.counts[register]):
            row = make[register](number)
            # the same few places in every city: 3 + 8k, once in 797 rows, so that every kind occurs from 12 rows on
            kind, rest = divmod(number % 797 - 3, 8)
            fault = faults[kind][0] if rest == 0 and 0 <= kind < len(faults) else None
            if fault:
                faults[kind][1](row)
            conflict = number % 997 == 9 and not fault
            yield row, "duplicate_key" if conflict else fault
            if conflict:
                yield {**row, **_conflicting(register)}, "duplicate_key"
            elif number % 401 == 7:
                yield dict(row), fault  # sent twice, byte for byte

    # -- the systems' own forms -----------------------------------------------------------------------------------

    def _project(self, number: int) -> Row:
        p = self.city.project(number)
        rng = self.city.rng("project form", number)
        host = p.leader.employer
        dates = dict(p.stages)
        members = sorted({_talent_no(rng.randrange(self.city.counts["talent"])) for _ in range(rng.randint(0, 5))})
        return {
            "projectNo": p.project_no,
            "title": p.title,
            "programme": p.programme,
            "stage": p.stages[-1][0],
            "stageTimes": [{"stage": s, "date": d.isoformat()} for s, d in p.stages],
            "year": p.year,
            "industry": p.leader.industry,
            "discipline": p.leader.discipline,
            "leader": {
                "name": p.leader.name,
                "talentNo": None if p.year < 2021 and rng.random() < 0.2 else _talent_no(p.leader.number),
            },
            "members": [m for m in members if m != _talent_no(p.leader.number)],
            "host": {"name": _spelling(rng, host.name), "creditCode": _typed_code(rng, host.credit_code)},
            "districtCode": _typed_digits(rng, host.district),
            "zoneCode": host.zone,
            "budget": {"total": p.total_wan, "fiscal": p.fiscal_wan, "paid": p.paid_wan, "lumpSum": rng.random() < 0.3},
            "applicationDate": dates["申报"].isoformat(),
            "approvalDate": _iso(dates.get("立项")),
            "dueDate": _iso(p.due),
            "acceptanceDate": _iso(dates.get("验收")),
            "updatedAt": _stamp(rng, p.stages[-1][1]),
        }

    def _talent(self, number: int) -> Row:
        # one in sixty is a person entered a second time under another number
        twin = number % 60 == 59
        p = self.city.person(number - 30 if twin else number)
        rng = self.city.rng("talent form", number)
        home = words.DISTRICTS[rng.choice(list(words.DISTRICTS))][0]
        since = day_between(rng, date(max(1990, p.born.year + 23), 1, 1), date(2025, 12, 31))
        status = "退休" if p.born.year < 1963 else "离市" if rng.random() < 0.06 else "在库"
        return {
            "talentNo": _talent_no(number),
            "name": f" {p.name[:2]} {p.name[2:]}" if rng.random() < 0.02 else p.name,
            "idNumber": codes.wrong_check(p.id_number) if rng.random() < 0.01 and not twin else p.id_number,
            "phone": f"101{(number * 7_001 + 13) % 100_000_000:08d}",
            "email": f"demo{number:06d}@example.com",
            "homeAddress": f"西安市{home}演示路{rng.randint(1, 299)}号{rng.randint(1, 20)}幢{rng.randint(101, 999)}室",
            "gender": "男" if p.number % 2 else "女",
            "birthYear": p.born.year,
            "orcid": codes.orcid(p.number) if rng.random() < 0.25 else None,
            "category": rng.choices(("A", "B", "C", "D", "E", None), (1, 3, 8, 15, 20, 53))[0],
            "title": rng.choice(words.TITLES),
            "degree": rng.choices(("博士", "硕士", "学士", "无"), (50, 28, 20, 2))[0],
            "industry": p.industry,
            "discipline": p.discipline,
            "employer": {
                "name": _spelling(rng, p.employer.name),
                "creditCode": _typed_code(rng, p.employer.credit_code),
                "since": since.isoformat(),
            },
            "districtCode": _typed_digits(rng, p.employer.district),
            "status": status,
            "updatedAt": _stamp(rng, day_between(rng, max(since, date(2020, 1, 1)), TODAY)),
        }

    def _institution(self, number: int) -> Row:
        # one in fifty is an institution registered a second time under another number and an older spelling
        twin = number % 50 == 49
        i = self.city.institution(number - 24 if twin else number)
        rng = self.city.rng("institution form", number)
        service = i.type in words.SERVICE_TYPES
        return {
            "institutionNo": f"JG{number + 1:06d}",
            "name": i.name.replace("有限公司", "有限责任公司") if twin else _spelling(rng, i.name),
            "shortName": i.name.removeprefix("西安")[:4] if rng.random() < 0.4 else None,
            "formerNames": [i.name.replace("示范", "示范新")] if rng.random() < 0.05 else [],
            "creditCode": None if rng.random() < 0.03 and not twin else _typed_code(rng, i.credit_code),
            "type": i.type,
            "industry": i.industry,
            "qualifications": [words.SERVICE_WORDS[i.type][1]] if service and rng.random() < 0.7 else [],
            "rating": rng.choices("ABCD", (15, 45, 30, 10))[0] if service else None,
            "districtCode": _typed_digits(rng, i.district),
            "zoneCode": i.zone,
            "address": f"西安市{words.DISTRICTS[i.district][0]}示范大道{rng.randint(1, 999)}号",
            "established": "0000-00-00" if rng.random() < 0.01 else i.established.isoformat(),
            "staff": i.staff,
            "active": rng.random() > 0.02,
            "updatedAt": _stamp(rng, day_between(rng, max(i.established, date(2020, 1, 1)), TODAY)),
        }

    def _platform(self, number: int) -> Row:
        rng = self.city.rng("platform", number)
        kind = rng.choices(list(words.PLATFORM_TYPES), list(words.PLATFORM_TYPES.values()))[0]
        while True:
            host = self.city.institution(rng.randrange(self.city.counts["institution"]))
            if host.type == "企业" or (kind != "企业技术中心" and host.type in ("高等院校", "科研院所")):
                break
        industry = host.industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        discipline = rng.choice(words.INDUSTRIES[industry])
        incubates = kind in ("科技企业孵化器", "众创空间", "加速器")
        hours = 0.0 if incubates else round(rng.uniform(120, 2600), 1)
        level = rng.choices(("国家级", "省级", "市级"), (12, 43, 45))[0]
        return {
            "平台编号": f"PT{number + 1:05d}",
            "平台名称": _spelling(rng, f"示范{discipline}{kind}（{self.city.two_characters(number + 11)}）"),
            "平台类型": kind,
            "级别": level,
            "依托单位": _spelling(rng, host.name),
            "依托单位统一社会信用代码": None if rng.random() < 0.05 else _typed_code(rng, host.credit_code),
            "重点产业": industry,
            "技术领域": discipline,
            "区县代码": _typed_digits(rng, host.district),
            "开发区代码": host.zone,
            "地址": f"西安市{words.DISTRICTS[host.district][0]}示范大道{rng.randint(1, 999)}号",
            "认定日期": day_between(rng, max(host.established, date(2008, 1, 1)), date(2025, 12, 31)).isoformat(),
            "统计年度": 2025,
            "场地面积": round(rng.lognormvariate(7.2, 0.9), 1),
            "有效工作机时": hours,
            "对外服务机时": round(hours * rng.uniform(0, 0.45), 1),
            "仪器设备原值": 0.0 if incubates else round(rng.lognormvariate(8.6, 1.1), 1),
            "总收入": round(rng.lognormvariate(8.2, 1.2), 1),
            "财政补助": round(rng.lognormvariate(6.2, 0.9), 1) if rng.random() < 0.6 else 0.0,
            "人员数": rng.randint(5, 180),
            "在孵企业数": rng.randint(5, 120) if incubates else None,
            "绩效评价得分": round(rng.uniform(52, 98), 1),
            "状态": rng.choices(("运行", "整改", "撤销"), (93, 5, 2))[0],
        }

    def _case(self, number: int) -> Row:
        rng = self.city.rng("case", number)
        project = self.city.project(rng.randrange(self.city.counts["project"]))
        person = project.leader
        is_person = rng.random() < 0.7
        severity = rng.choices(("minor", "serious", "severe"), (35, 40, 25))[0]
        decided = day_between(rng, max(project.stages[0][1], date(2020, 1, 1)), TODAY)
        # duration bands are background knowledge, not the rules' own text
        years = {"minor": 0, "serious": rng.choice((1, 2, 3)), "severe": rng.choice((3, 5, 5, 7, None))}[severity]
        start = decided if years != 0 else None
        end = start.replace(year=start.year + years, day=min(start.day, 28)) if start and years else None
        if rng.random() < 0.03:
            status = "withdrawn"
        elif end and end <= TODAY:
            status = "expired"
        else:
            status = rng.choices(("in_force", "appealed", "repaired"), (80, 12, 8))[0]
        return {
            "case_no": f"CX{decided.year}-{number + 1:05d}",
            "status": status,
            "decision_no": f"演科诚{rng.choice(('〔{}〕', '[{}]')).format(decided.year)}{rng.randint(1, 90)}号",
            "decision_date": decided.isoformat(),
            "authority": rng.choice(("西安市科学技术局（演示）", "陕西省科学技术厅（演示）")),
            "subject_type": "person" if is_person else "institution",
            "subject_name": person.name if is_person else _spelling(rng, person.employer.name),
            "subject_id_number": person.id_number if is_person and rng.random() < 0.9 else None,
            "subject_credit_code": None if is_person else _typed_code(rng, person.employer.credit_code),
            "employer_name": _spelling(rng, person.employer.name) if is_person else None,
            "employer_credit_code": _typed_code(rng, person.employer.credit_code) if is_person else None,
            "behaviour": f"B{rng.choices(range(1, 9), (18, 16, 14, 20, 4, 14, 10, 4))[0]}",
            "culpability": rng.choices(("unintended", "knowing"), (35, 65))[0],
            "severity": severity,
            "measures": list(words.MEASURES[severity]),
            "barred_from": _iso(start),
            "barred_to": _iso(end),
            "project_no": project.project_no if rng.random() < 0.85 else None,
            "rule_version": "国科发监〔2022〕221号" if decided >= date(2022, 9, 1) else "国科发监〔2019〕323号",
            "published": severity == "severe",
            "updated_at": _stamp(rng, decided),
        }


# -- dirt ---------------------------------------------------------------------------------------------------------


def _spelling(rng: random.Random, name: str) -> str:
    """Now and then a name as people type it: a blank inside or behind, brackets of the other width."""
    chance = rng.random()
    if chance < 0.02:
        return f"{name[:4]} {name[4:]}"
    if chance < 0.04:
        return f"{name} "
    if chance < 0.06:
        return name.replace("（", "(").replace("）", ")")
    return name


def _typed_code(rng: random.Random, code: str) -> str:
    """Now and then a credit code in full width, with a blank, or with a wrong check character."""
    chance = rng.random()
    if chance < 0.02:
        return code.translate(words.FULL_WIDTH)
    if chance < 0.035:
        return f"{code[:8]} {code[8:]}"
    if chance < 0.05:
        return codes.wrong_check(code)
    return code


def _typed_digits(rng: random.Random, code: str) -> str:
    chance = rng.random()
    if chance < 0.03:
        return code.translate(words.FULL_WIDTH)
    return f" {code}" if chance < 0.04 else code


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _stamp(rng: random.Random, day: date) -> str:
    """A moment of that day, UTC."""
    moment = datetime(day.year, day.month, day.day) + timedelta(seconds=rng.randrange(86_400))  # noqa: DTZ001
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _talent_no(number: int) -> str:
    return f"RC{number + 1:06d}"


def _set(*path: str, value: Any) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        for name in path[:-1]:
            row = row[name]
        row[path[-1]] = value

    return change


# What breaks a contract: (reason as the quarantine names it, change). None of these is a record anybody could use.
_BREAKS: dict[str, tuple[tuple[str, Callable[[Row], None]], ...]] = {
    "project": (
        ("type:total_budget_wan_cny", _set("budget", "total", value="一百二十")),
        ("code:stage", _set("stage", value="在办")),
        ("required:title", _set("title", value=None)),
        ("type:approval_date", _set("approvalDate", value="2024-02-30")),
        ("unknown_field:remark", _set("remark", value="见附件")),
        ("range:fiscal_budget_wan_cny", _set("budget", "fiscal", value=-30.0)),
    ),
    "talent": (
        ("code:status", _set("status", value="不详")),
        ("required:name", _set("name", value=None)),
        ("range:birth_year", _set("birthYear", value=1899)),
        ("type:employed_since", _set("employer", "since", value="2019-13-01")),
    ),
    "institution": (
        ("required:name", _set("name", value=None)),
        ("code:institution_type", _set("type", value="其他机构")),
        ("range:staff_count", _set("staff", value=-5)),
        ("type:established_date", _set("established", value="2019-13-01")),
    ),
    "platform": (
        ("code:level", _set("级别", value="区级")),
        ("range:service_hours", _set("有效工作机时", value=-20.0)),
        ("type:area_m2", _set("场地面积", value="约两千")),
        ("required:name", _set("平台名称", value=None)),
    ),
    "case": (
        ("code:behaviour_code", _set("behaviour", value="B9")),
        ("type:decision_date", _set("decision_date", value="2024-02-30")),
        ("required:decision_no", _set("decision_no", value=None)),
    ),
}


def _conflicting(register: str) -> Row:
    """What differs in the other record under a number that was given away twice."""
    return {
        "project": {"title": "另一个同号项目的关键技术研究"},
        "talent": {"title": "教授", "degree": "无"},
        "institution": {"staff": 1},
        "platform": {"人员数": 1},
        "case": {"severity": "minor", "barred_from": None, "barred_to": None},
    }[register]
