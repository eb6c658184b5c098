"""The rules about projects, evaluated on what is true: by brute force over the things, never read off their casting.

- Conflict of interest: on the day of a review the expert works at the applicant's unit or the leader's, declared one
  of them, holds shares in one, advised or was advised by somebody of the team, or had a project with somebody of the
  team that was open within the three years before. Units that were merged count as their successor.
- Concentration: on the day of an approval its leader leads more open projects than MOST_OPEN, or somebody of its team
  has more than 100 percent of working time in open projects. A project is open from approval until conclusion or
  termination.
- Similarity: title and abstract of two applications, NFKC, without blanks and punctuation, cut into overlapping pieces
  of three characters; pieces in common by all pieces of both (Jaccard): from 0.6 on a flag, from 0.8 on a hold.
- One deliverable (kind and number) handed in by two projects. Lateness: accepted after the due day, or due and neither
  accepted nor terminated.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np

from demo.people import Expert
from demo.projects import JOINT_YEARS, MOST_OPEN, Application, Project, Projects, Review, years_before

FLAG, HOLD, NEAR = 0.6, 0.8, 0.5
SHINGLE = 3
JUST = timedelta(days=400)  # what ended no longer ago than this was nearly a tie
Item = dict[str, Any]
Tied = tuple[str, str, tuple[str, ...]]  # kind, with whom, record ids


def truth(projects: Projects) -> dict[str, Any]:
    """Lists of the findings, and under `near_misses` what must not be found."""
    rules = Rules(projects)
    conflicts, near_conflicts = rules.conflicts()
    concentration, near_concentration = rules.concentration()
    similar, near_similar = rules.similar()
    claims, near_claims = rules.claims()
    late, near_late = rules.late()
    return {
        "conflicts": conflicts,
        "concentration": concentration,
        "similar": similar,
        "claims": claims,
        "late": late,
        "near_misses": {
            "conflicts": near_conflicts,
            "concentration": near_concentration,
            "similar": near_similar,
            "claims": near_claims,
            "late": near_late,
        },
    }


def shingles(text: str) -> frozenset[str]:
    """Pieces of three characters of a text, NFKC, without blanks, punctuation and control characters."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c)[0] not in "PZC")
    return frozenset(plain[i : i + SHINGLE] for i in range(max(1, len(plain) - SHINGLE + 1)))


class Rules:
    """The rules over the projects of one city, as of its today."""

    def __init__(self, projects: Projects):
        self.all = projects
        self.city, self.people, self.today = projects.city, projects.people, projects.city.today
        self.applications = [projects.application(n) for n in range(projects.applications)]
        self.projects = [projects.project(n) for n in range(projects.count)]
        self.by_person: dict[int, list[Project]] = defaultdict(list)
        for project in self.projects:
            for person in project.people:
                self.by_person[person].append(project)

    # -- conflict of interest -------------------------------------------------------------------------------------

    def conflicts(self) -> tuple[list[Item], list[Item]]:
        found, near = [], []
        for application in self.applications:
            for review in self.all.reviews(application.number):
                if review.day > self.today:
                    continue
                expert = self.people.expert(review.expert)
                ties = list(self.ties(expert, application, review.day))
                found += [self._about(review, application, expert, *tie) for tie in ties]
                kinds = {kind for kind, _, _ in ties}
                for tie in self.nearly(expert, application, review.day):
                    if tie[0].partition("/")[0] not in kinds:
                        near.append(self._about(review, application, expert, *tie))
        return found, near

    def unit(self, number: int | None, day: date) -> int | None:
        """The institution that an institution is on a day: itself, or what it was merged into."""
        merged = self.city.institution(number).merged_into if number is not None else None
        return merged[1] if merged and merged[0] <= day else number

    def units(self, application: Application, day: date) -> set[int]:
        """The applicant's unit and where the leader works on a day."""
        places = (application.host.number, application.leader.employer_on(day))
        return {unit for unit in (self.unit(place, day) for place in places) if unit is not None}

    def ties(self, expert: Expert, application: Application, day: date) -> Iterator[Tied]:
        """Kind of conflict on a day, with whom, and the records beside the review's own that show it."""
        person, units = expert.person, self.units(application, day)
        place = self.unit(person.employer_on(day), day)
        if place in units:
            yield "same_employer", f"institution:{place}", ()
        for kind, held in (("declared_unit", expert.declared), ("shareholding", expert.shares)):
            for unit in sorted({self.unit(t.institution, day) for t in held if t.holds_on(day)} & units):
                yield kind, f"institution:{unit}", ()
        border = years_before(day, JOINT_YEARS)
        for other in (application.leader.number, *application.members):
            if self.people.adviser(other) == person.number or self.people.adviser(person.number) == other:
                yield "adviser", f"person:{other}", self._talents(person.number, other)
            together = self._together(person.number, other, application)
            recent = [p for p in together if p.approved <= day and p.closed >= border]
            if recent:
                yield "joint_project", f"person:{other}", tuple(f"pds:project:{p.project_no}" for p in recent)

    def nearly(self, expert: Expert, application: Application, day: date) -> Iterator[Tied]:
        """What was a tie until shortly before, will be one shortly after, or looks like one."""
        person, units = expert.person, self.units(application, day)
        for since, to, place in person.employers:
            unit = self.unit(place, day)
            if unit in units and ((to and to <= day < to + JUST) or since - JUST < day < since):
                yield "same_employer/not_on_the_day", f"institution:{unit}", ()
        for kind, held in (("declared_unit", expert.declared), ("shareholding", expert.shares)):
            for tie in held:
                unit = self.unit(tie.institution, day)
                if unit in units and not tie.holds_on(day) and tie.start <= self.today:
                    yield f"{kind}/not_on_the_day", f"institution:{unit}", ()
        border = years_before(day, JOINT_YEARS)
        for other in (application.leader.number, *application.members):
            adviser = self.people.adviser(other)
            if adviser is not None and self.people.adviser(adviser) == person.number:
                yield "adviser/of_the_adviser", f"person:{other}", self._talents(adviser, other)
            if self.city.person(other).name == person.name and other != person.number:
                yield "same_person/namesake", f"person:{other}", self._talents(person.number, other)
            together = self._together(person.number, other, application)
            before = [p for p in together if border - JUST < p.closed < border]
            if before:
                yield (
                    "joint_project/longer_ago",
                    f"person:{other}",
                    tuple(f"pds:project:{p.project_no}" for p in before),
                )

    def _together(self, one: int, other: int, application: Application) -> list[Project]:
        """Other projects on which both worked."""
        shared = (p for p in self.by_person.get(one, ()) if p.application != application.number)
        return [p for p in shared if other in p.people and one != other]

    def _talents(self, *persons: int) -> tuple[str, ...]:
        return tuple(f"pds:talent:{self.people.talent_no(n)}" for n in persons)

    def _about(
        self,
        review: Review,
        application: Application,
        expert: Expert,
        kind: str,
        other: str,
        evidence: tuple[str, ...],
    ) -> Item:
        return {
            "kind": kind,
            "review": review.review_no,
            "application": application.application_no,
            "expert": f"person:{expert.person.number}",
            "with": other,
            "date": review.day.isoformat(),
            "record_ids": [
                f"pds:review:{review.review_no}",
                f"pds:application:{application.application_no}",
                f"pds:expert:{expert.expert_no}",
                *evidence,
            ],
        }

    # -- concentration --------------------------------------------------------------------------------------------

    def concentration(self) -> tuple[list[Item], list[Item]]:
        found, near = [], []
        for project in self.projects:
            day = project.approved
            leading = [p for p in self.by_person[project.leader.number] if p.leader.number == project.leader.number]
            led = [p for p in leading if p.is_open_on(day)]
            if len(led) >= MOST_OPEN:
                item = self._crowded("leader_limit", project, project.leader.number, len(led), led)
                (found if len(led) > MOST_OPEN else near).append(item)
            for person in project.people:
                busy = [p for p in self.by_person[person] if p.is_open_on(day)]
                percent = sum(share for p in busy for who, share in p.effort if who == person)
                if percent >= 90:
                    item = self._crowded("effort", project, person, percent, busy)
                    (found if percent > 100 else near).append(item)
        return found, near

    @staticmethod
    def _crowded(kind: str, project: Project, person: int, amount: int, projects: list[Project]) -> Item:
        return {
            "kind": kind,
            "person": f"person:{person}",
            "project": project.project_no,
            "date": project.approved.isoformat(),
            "amount": amount,
            "projects": [p.project_no for p in projects],
            "record_ids": [f"pds:project:{p.project_no}" for p in projects],
        }

    # -- similarity -----------------------------------------------------------------------------------------------

    def similar(self) -> tuple[list[Item], list[Item]]:
        """Every pair of applications: pieces in common are counted through lists of who has a piece, exact."""
        sets = [shingles(a.title + a.abstract) for a in self.applications]
        sizes = np.array([len(pieces) for pieces in sets])
        having: dict[str, array[int]] = defaultdict(lambda: array("i"))
        found, near = [], []
        for later, pieces in enumerate(sets):
            holders = [np.frombuffer(having[piece], dtype=np.int32) for piece in pieces if piece in having]
            if holders:
                common = np.bincount(np.concatenate(holders), minlength=later)
                holders.clear()  # an array that is looked at cannot grow
                score = common / (sizes[:later] + sizes[later] - common)
                for earlier in np.flatnonzero(score >= NEAR):
                    item = self._alike(int(earlier), later, sets)
                    (found if item["similarity"] >= FLAG else near).append(item)
            for piece in pieces:
                having[piece].append(later)
        return found, near

    def _alike(self, earlier: int, later: int, sets: list[frozenset[str]]) -> Item:
        common = len(sets[earlier] & sets[later])
        score = common / (len(sets[earlier]) + len(sets[later]) - common)
        numbers = [self.applications[n].application_no for n in (earlier, later)]
        return {
            "applications": numbers,
            "similarity": round(score, 4),
            "level": "hold" if score >= HOLD else "flag" if score >= FLAG else "none",
            "record_ids": [f"pds:application:{n}" for n in numbers],
        }

    # -- deliverables, lateness -----------------------------------------------------------------------------------

    def claims(self) -> tuple[list[Item], list[Item]]:
        by_number: dict[tuple[str, str], list[Project]] = defaultdict(list)
        by_title: dict[str, dict[tuple[str, str], list[Project]]] = defaultdict(lambda: defaultdict(list))
        for project in self.projects:
            if project.accepted and project.accepted <= self.today:
                for d in project.deliverables:
                    by_number[d.kind, d.number].append(project)
                    by_title[d.title][d.kind, d.number].append(project)
        found = [self._claimed(*key, claimed) for key, claimed in by_number.items() if len(claimed) > 1]
        near = [
            {**self._claimed("", "", [p for claimed in numbers.values() for p in claimed]), "title": title}
            for title, numbers in by_title.items()
            if len(numbers) > 1 and len({p.number for claimed in numbers.values() for p in claimed}) > 1
        ]
        return found, near

    @staticmethod
    def _claimed(kind: str, number: str, projects: list[Project]) -> Item:
        numbers = [p.project_no for p in projects]
        return {
            "kind": kind,
            "number": number,
            "projects": numbers,
            "record_ids": [f"pds:acceptance:{acceptance_no(p)}" for p in projects],
        }

    def late(self) -> tuple[list[Item], list[Item]]:
        found, near = [], []
        for p in self.projects:
            done = p.accepted if p.accepted and p.accepted <= self.today else None
            over = p.terminated and p.closed <= self.today
            item = {
                "project": p.project_no,
                "due": p.due.isoformat(),
                "accepted": done.isoformat() if done else None,
                "record_ids": [f"pds:project:{p.project_no}"],
            }
            if (done and done > p.due) or (not done and not over and p.due < self.today):
                found.append(item)
            elif (done and (p.due - done).days <= 10) or (not done and not over and (p.due - self.today).days <= 30):
                near.append(item)
        return found, near


def acceptance_no(project: Project) -> str:
    """Number of a project's acceptance in the platform."""
    return f"YS{project.year}{project.number + 1:06d}"
