"""国家科技诚信信息系统: cases."""

from __future__ import annotations

from datetime import date, datetime

from demo import dirt, words
from demo.city import day_between
from demo.endpoint import Endpoint
from demo.projects import Projects
from demo.register import Register, Row, setting, stamp_text


class CaseForms(Register):
    source, record, key = "integrity", "case", ("case_no",)
    breaks = (
        ("code:behaviour_code", setting("behaviour", value="B9")),
        ("type:decision_date", setting("decision_date", value="2024-02-30")),
        ("required:decision_no", setting("decision_no", value=None)),
    )
    conflicting = {"severity": "minor", "barred_from": None, "barred_to": None}

    def size(self) -> int:
        return self.city.scaled(240, 12)

    def changed(self, slot: int) -> datetime:
        return datetime.strptime(self.row(slot)["updated_at"], "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007

    def row(self, slot: int) -> Row:
        today = self.city.today
        rng = self.city.rng("case", slot)
        project = self.city.slice(Projects).project(rng.randrange(self.city.slice(Projects).count))
        person = project.leader
        is_person = rng.random() < 0.7
        severity = rng.choices(("minor", "serious", "severe"), (35, 40, 25))[0]
        decided = day_between(rng, max(project.stages[0][1], date(2020, 1, 1)), today)
        # duration bands are background knowledge, not the rules' own text
        years = {"minor": 0, "serious": rng.choice((1, 2, 3)), "severe": rng.choice((3, 5, 5, 7, None))}[severity]
        employer = self.city.institution(person.last_employer(decided))
        start = decided if years != 0 else None
        end = start.replace(year=start.year + years, day=min(start.day, 28)) if start and years else None
        if rng.random() < 0.03:
            status = "withdrawn"
        elif end and end <= today:
            status = "expired"
        else:
            status = rng.choices(("in_force", "appealed", "repaired"), (80, 12, 8))[0]
        return {
            "case_no": f"CX{decided.year}-{slot + 1:05d}",
            "status": status,
            "decision_no": f"演科诚{rng.choice(('〔{}〕', '[{}]')).format(decided.year)}{rng.randint(1, 90)}号",
            "decision_date": decided.isoformat(),
            "authority": rng.choice(("西安市科学技术局（演示）", "陕西省科学技术厅（演示）")),
            "subject_type": "person" if is_person else "institution",
            "subject_name": person.name if is_person else dirt.spelling(rng, employer, decided),
            "subject_id_number": person.id_number if is_person and rng.random() < 0.9 else None,
            "subject_credit_code": None if is_person else dirt.typed_code(rng, employer.credit_code),
            "employer_name": dirt.spelling(rng, employer, decided) if is_person else None,
            "employer_credit_code": dirt.typed_code(rng, employer.credit_code) if is_person else None,
            "behaviour": f"B{rng.choices(range(1, 9), (18, 16, 14, 20, 4, 14, 10, 4))[0]}",
            "culpability": rng.choices(("unintended", "knowing"), (35, 65))[0],
            "severity": severity,
            "measures": list(words.MEASURES[severity]),
            "barred_from": dirt.iso(start),
            "barred_to": dirt.iso(end),
            "project_no": project.project_no if rng.random() < 0.85 else None,
            "rule_version": "国科发监〔2022〕221号" if decided >= date(2022, 9, 1) else "国科发监〔2019〕323号",
            "published": severity == "severe",
            "updated_at": stamp_text(dirt.moment(rng, decided)),
        }


REGISTERS = (CaseForms,)
ENDPOINTS = (
    Endpoint(
        "/integrity/cases",
        CaseForms,
        paging="link",
        items="cases",
        total="total",
        next="links.next",
        size_param="per_page",
        size=50,
    ),
)
