"""The programmes of the city: guides, calls, applications with their reviews, and projects from approval to acceptance.

Numbers run in the order of time: an application has a higher number than one handed in before, and of four
neighbours three are approved, so that how many there are on a day follows by arithmetic. Histories are whole; whoever
shows them cuts them at `city.today`.

Some residues of the application's number are cast on purpose, so that every rule has cases on both sides of its border
(CAST); what is a case is evaluated on the true things in project_rules.py, never read off a plan.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from demo import project_words, words
from demo.city import City, Institution, Person
from demo.people import People

FIRST_YEAR, LAST_YEAR = 2016, 2030
A_YEAR = (70, 90, 110, 140, 170, 200, 230, 260, 290, 320, 345, 370, 395, 420, 445)  # applications at scale 1
ROUNDS = (((1, 10), 140), ((7, 10), 125))  # first day and length of the two windows of a year
PROGRAMMES = tuple(words.PROGRAMMES)
CALL = "揭榜挂帅"
REVIEWED_SINCE = 2022  # reviews are kept since then
REVIEWS = 3
MILESTONES = 2
LUMP_SUMS = (1, 4, 7)  # last digits of the projects whose budget is a lump sum
MOST_OPEN = 2  # projects that one person may lead at a time, as the guides say
JOINT_YEARS = 3
BUSY_LEADER, BUSY_MEMBER = 0.17, 0.05  # how often one of the few who take part again and again does
ASSIGNED, REVIEWED, DECIDED = 20, (28, 55), 95  # days after the application; decisions are announced on Fridays

# residue of the application's number by 32 → how it is cast
CAST = {
    1: "joint",
    2: "joint_near",
    5: "adviser",
    6: "adviser_near",
    9: "shares",
    10: "shares_near",
    13: "employer",
    14: "employer_near",
    17: "declared",
    18: "declared_near",
    21: "copy_all",
    22: "copy_most",
    25: "copy_half",
    26: "claimed",
    30: "claimed",
    29: "claimed_near",
    16: "claimed_near",
}
BASES = {4: "joint", 8: "joint_near"}  # the earlier halves of the pairs
DISTANCE = {  # to the earlier half, in blocks of 32 numbers at scale 1, and what is left over
    "joint": (30, 29),
    "joint_near": (30, 26),
    "copy_all": (6, 1),
    "copy_most": (6, 30),
    "copy_half": (6, 30),
    "claimed": (6, 30),
    "claimed_near": (6, 17),
}


@dataclass(frozen=True)
class Application:
    """`decided`: day of the announcement, whole history; `members`: people beside the leader."""

    number: int
    application_no: str
    programme: str
    year: int
    guide: int
    call: int | None
    title: str
    abstract: str
    leader: Person
    members: tuple[int, ...]
    host: Institution
    industry: str
    discipline: str
    total_wan: float
    fiscal_wan: float
    applied: date
    decided: date
    approved: bool
    project: int | None


@dataclass(frozen=True)
class Review:
    """One expert's review of an application."""

    number: int
    review_no: str
    application: int
    expert: int
    assigned: date
    day: date
    score: float


@dataclass(frozen=True)
class Deliverable:
    kind: str
    number: str
    title: str


@dataclass(frozen=True)
class Milestone:
    sequence: int
    title: str
    due: date
    reached: date | None


@dataclass(frozen=True)
class Obligation:
    """A scientific report that a project owes. `embargo_months`: 0 for an open one."""

    number: int
    obligation_no: str
    project: int
    kind: str
    due: date
    openness: str
    embargo_months: int


@dataclass(frozen=True)
class Project:
    """An approved application. `stages`: (stage, day), whole history; `payments`: (day, 万元 of public money);
    `effort`: (person, percent of working time) from approval until `closed`; `accepted` and `closed` may lie ahead."""

    number: int
    project_no: str
    application: int
    title: str
    abstract: str
    programme: str
    year: int
    leader: Person
    members: tuple[int, ...]
    host: Institution
    industry: str
    discipline: str
    stages: tuple[tuple[str, date], ...]
    approved: date
    due: date
    accepted: date | None
    closed: date
    terminated: bool
    total_wan: float
    fiscal_wan: float
    is_lump_sum: bool
    payments: tuple[tuple[date, float], ...]
    effort: tuple[tuple[int, int], ...]
    deliverables: tuple[Deliverable, ...]
    score: float

    @property
    def people(self) -> tuple[int, ...]:
        """Leader, then members."""
        return (self.leader.number, *self.members)

    def stages_on(self, day: date) -> tuple[tuple[str, date], ...]:
        """The stages reached until a day."""
        return tuple((stage, since) for stage, since in self.stages if since <= day)

    def stage_on(self, day: date) -> str:
        return self.stages_on(day)[-1][0]

    def paid_on(self, day: date) -> float:
        """Public money paid until a day, 万元."""
        return round(sum(amount for since, amount in self.payments if since <= day), 2)

    def is_open_on(self, day: date) -> bool:
        """Approved and neither concluded nor terminated."""
        return self.approved <= day < self.closed


@dataclass(frozen=True)
class Guide:
    number: int
    guide_no: str
    programme: str
    year: int
    round: int
    published: date
    opens: date
    closes: date
    budget_wan: float
    cap_wan: float


@dataclass(frozen=True)
class Call:
    """A 揭榜挂帅 call. `application`: the winner's; `stages`: whole history."""

    number: int
    call_no: str
    title: str
    owner: Institution
    industry: str
    discipline: str
    bounty_wan: float
    year: int
    stages: tuple[tuple[str, date], ...]
    application: int


@dataclass(frozen=True)
class Cast:
    """Who takes part in an application; `expert` and `review_day` where the first review is chosen with them."""

    leader: int
    host: int
    expert: int | None = None
    review_day: date | None = None


def years_before(day: date, years: int) -> date:
    """The same day of an earlier year; 29 February becomes the 28th."""
    return day.replace(year=day.year - years, day=28 if (day.month, day.day) == (2, 29) else day.day)


class Projects:
    """The programmes of a city."""

    def __init__(self, city: City):
        self.city = city
        self.people = city.slice(People)
        self._a_year = [max(8, round(n * city.scale)) for n in A_YEAR]
        self._firsts = [0]
        for n in self._a_year:
            self._firsts.append(self._firsts[-1] + n)
        self.application = lru_cache(maxsize=20_000)(self._application)
        self.project = lru_cache(maxsize=20_000)(self._project)
        self.cast = lru_cache(maxsize=20_000)(self._cast)
        self.reviews = lru_cache(maxsize=20_000)(self._reviews)

    def truth(self) -> dict[str, Any]:
        """What the rules about projects should find."""
        from demo.project_rules import truth

        return truth(self)

    # -- numbers and days -----------------------------------------------------------------------------------------

    @property
    def applications(self) -> int:
        """Applications handed in until today."""
        return self._first_after(self.city.today)

    @property
    def count(self) -> int:
        """Projects approved until today."""
        decided = self._decided_by(self.city.today)
        return decided // 4 * 3 + min(decided % 4, 3)

    @staticmethod
    def application_of(project: int) -> int:
        return project // 3 * 4 + project % 3

    @staticmethod
    def project_of(application: int) -> int | None:
        """Number of the project that an application becomes; None for a refused one."""
        return None if application % 4 == 3 else application // 4 * 3 + application % 4

    def year_of(self, application: int) -> int:
        return FIRST_YEAR + bisect_right(self._firsts, application) - 1

    def first_of(self, year: int) -> int:
        """Number of the first application of a year."""
        return self._firsts[year - FIRST_YEAR]

    @property
    def end(self) -> int:
        """First number that is no application any more: beyond the horizon."""
        return self._firsts[-1]

    def round_of(self, application: int) -> int:
        year = self.year_of(application)
        return int(application - self.first_of(year) >= (self._a_year[year - FIRST_YEAR] + 1) // 2)

    def applied(self, application: int) -> date:
        """Day of the application; never before that of a lower number."""
        year = self.year_of(application)
        place, count = application - self.first_of(year), self._a_year[year - FIRST_YEAR]
        first_half = (count + 1) // 2
        half = int(place >= first_half)
        (month, day), length = ROUNDS[half]
        place, count = (place - first_half, count - first_half) if half else (place, first_half)
        return date(year, month, day) + timedelta(days=place * length // count)

    def decided(self, application: int) -> date:
        """Day of the announcement: a Friday."""
        day = self.applied(application) + timedelta(days=DECIDED)
        return day + timedelta(days=(4 - day.weekday()) % 7)

    def review_day(self, application: int, place: int) -> date:
        """Day of a review, unless it was cast."""
        rng = self.city.rng("review day", application * REVIEWS + place)
        return self.applied(application) + timedelta(days=rng.randint(*REVIEWED))

    def _first_after(self, day: date) -> int:
        """How many applications were handed in until a day."""
        low, high = 0, self.end
        while low < high:
            middle = (low + high) // 2
            if self.applied(middle) <= day:
                low = middle + 1
            else:
                high = middle
        return low

    def _decided_by(self, day: date) -> int:
        """How many applications were decided until a day."""
        friday = day - timedelta(days=(day.weekday() - 4) % 7)
        return self._first_after(friday - timedelta(days=DECIDED))

    def programme_of(self, application: int) -> str:
        if application % 28 in (6, 7):
            return CALL
        rng = self.city.rng("programme", application)
        shares = [share if name != CALL else 0 for name, (_, share) in words.PROGRAMMES.items()]
        return rng.choices(PROGRAMMES, shares)[0]

    # -- the pairs that are cast ----------------------------------------------------------------------------------

    def distance(self, kind: str) -> int:
        blocks, rest = DISTANCE[kind]
        return 32 * max(1, round(blocks * self.city.scale)) + rest

    def earlier(self, application: int) -> int | None:
        """The earlier half of the pair of which an application is the later one."""
        kind = CAST.get(application % 32)
        if kind not in DISTANCE:
            return None
        found = application - self.distance(kind)
        return found if found >= 0 else None

    def _joint_close(self, application: int) -> date | None:
        """Day on which the earlier half of a joint pair ends: around three years before the review of the later."""
        kind = BASES.get(application % 32)
        later = application + self.distance(kind) if kind else self.end
        if kind is None or later >= self.end:
            return None
        border = years_before(self.review_day(later, 0), JOINT_YEARS)
        rng = self.city.rng("joint close", application)
        close = border + timedelta(
            days=rng.choice((0, 0, 1, 9, 30, 60)) if kind == "joint" else -rng.choice((1, 1, 2, 9, 25))
        )
        return close if close >= self.decided(application) + timedelta(days=200) else None

    def _colleague(self, application: int) -> int:
        """The expert who is a member of the earlier half of a joint pair."""
        rng = self.city.rng("joint colleague", application)
        leader, host = self.cast(application).leader, self.cast(application).host
        for _ in range(60):
            expert = rng.randrange(self.people.experts)
            person = self.people.person_of(expert)
            if person != leader and self.city.employer_on(person, self.applied(application)) not in (None, host):
                break
        return expert

    # -- who takes part -------------------------------------------------------------------------------------------

    def _works(self, person: int, day: date) -> int | None:
        """Where somebody works on a day, if old enough to lead a project."""
        return self.city.employer_on(person, day) if self.city.born(person).year + 26 <= day.year else None

    def _any_leader(self, rng: random.Random, day: date, kinds: tuple[str, ...] = ()) -> tuple[int, int]:
        """A person and where they work. A few lead again and again; `kinds`: of institutions, if found soon."""
        busy = rng.random() < BUSY_LEADER
        person, place = 0, None
        for _ in range(60):
            person = rng.randrange(self.people.base)
            if busy:
                person = min(person // 25 * 25 + 12, self.people.base - 1)
            place = self._works(person, day)
            if place is not None and (not kinds or self.city.kind_of(place) in kinds):
                return person, place
        person = next(p for p in range(self.people.base) if self.city.person(p).employer_on(day) is not None)
        return person, self.city.person(person).employer_on(day) or 0

    def _cast(self, application: int) -> Cast:
        rng = self.city.rng("cast", application)
        day = self.applied(application)
        kind = CAST.get(application % 32, "")
        make = {
            "joint": self._cast_joint,
            "joint_near": self._cast_joint,
            "adviser": self._cast_adviser,
            "adviser_near": self._cast_adviser,
            "shares": self._cast_shares,
            "shares_near": self._cast_shares,
            "employer_near": self._cast_left,
        }.get(kind)
        found = make(rng, application, day, kind) if make and self.year_of(application) >= REVIEWED_SINCE else None
        if found:
            return found
        kinds = ("university", "institute") if kind in ("employer", "declared", "declared_near") else ()
        return Cast(*self._any_leader(rng, day, kinds))

    def _cast_joint(self, rng: random.Random, application: int, day: date, kind: str) -> Cast | None:
        """The leader of an earlier project again, reviewed by a member of that project."""
        before = self.earlier(application)
        if before is None or self._joint_close(before) is None:
            return None
        leader = self.cast(before).leader
        place = self._works(leader, day)
        return None if place is None else Cast(leader, place, self._colleague(before))

    def _cast_adviser(self, rng: random.Random, application: int, day: date, kind: str) -> Cast | None:
        """A leader reviewed by the adviser, or by the adviser's adviser."""
        for _ in range(60):
            leader, place = self._any_leader(rng, day)
            adviser = self.people.adviser(leader)
            if adviser is not None and kind == "adviser_near":
                adviser = self.people.adviser(adviser)
            if adviser is not None and adviser != leader:
                return Cast(leader, place, self.people.expert_of(adviser))
        return None

    def _cast_shares(self, rng: random.Random, application: int, day: date, kind: str) -> Cast | None:
        """A firm reviewed by somebody who holds shares in it, or sold them within the last 400 days."""
        review = self.review_day(application, 0)
        for _ in range(400):
            firm = rng.choice(self.people.base_firms)
            held = self.people.holder(firm)
            if held is None:
                continue
            expert, tie = held
            fits = tie.holds_on(review)
            if kind == "shares_near":
                fits = tie.end is not None and timedelta() <= review - tie.end < timedelta(days=400)
            leader = self.city.institution(firm).legal_representative
            if fits and self._works(leader, day) == firm and self.people.person_of(expert) != leader:
                return Cast(leader, firm, expert)
        return None

    def _cast_left(self, rng: random.Random, application: int, day: date, kind: str) -> Cast | None:
        """An expert who left the applicant's unit a few days before the review."""
        for _ in range(250):
            expert = rng.randrange(self.people.experts)
            person = self.people.person_of(expert)
            for _, to, place in self.city.career(person)[0]:
                wait = (to - day).days if to else 0
                if not ASSIGNED < wait < DECIDED - 12 or self.city.employer_on(person, to) == place:
                    continue
                leader = self._somebody_at(rng, place, day, person)
                if leader is not None:
                    return Cast(leader, place, expert, to + timedelta(days=rng.choice((0, 0, 0, 1, 5))))
        return None

    def _somebody_at(self, rng: random.Random, place: int, day: date, beside: int) -> int | None:
        head = self.city.institution(place).legal_representative
        tried = [head, *(rng.randrange(self.people.base) for _ in range(150))]
        return next((p for p in tried if p != beside and self._works(p, day) == place), None)

    # -- applications ---------------------------------------------------------------------------------------------

    def _application(self, number: int) -> Application:
        rng = self.city.rng("application", number)
        cast = self.cast(number)
        leader = self.city.person(cast.leader)
        day, year, programme = self.applied(number), self.year_of(number), self.programme_of(number)
        title, abstract = self._text(number)
        total = round(rng.lognormvariate(4.9, 0.8), 1)
        return Application(
            number=number,
            application_no=f"SB{year}{number + 1:06d}",
            programme=programme,
            year=year,
            guide=self.guide_of(number),
            call=number // 28 if programme == CALL else None,
            title=title,
            abstract=abstract,
            leader=leader,
            members=self._members(number, cast),
            host=self.city.institution(cast.host),
            industry=leader.industry,
            discipline=leader.discipline,
            total_wan=total,
            fiscal_wan=round(total * rng.uniform(0.15, 0.6), 1),
            applied=day,
            decided=self.decided(number),
            approved=self.project_of(number) is not None,
            project=self.project_of(number),
        )

    def _members(self, number: int, cast: Cast) -> tuple[int, ...]:
        """Up to five people, now and then of the leader's unit, never the expert of the first review."""
        rng = self.city.rng("members", number)
        day = self.applied(number)
        barred = {cast.leader}
        if cast.expert is not None:
            barred.add(self.people.person_of(cast.expert))
        members = set()
        if self._joint_close(number) is not None:
            members.add(self.people.person_of(self._colleague(number)))
        for _ in range(rng.randint(0, 5)):
            tried = [rng.randrange(self.people.base) for _ in range(4)]
            if rng.random() < BUSY_MEMBER:
                tried = [min(p // 25 * 25 + 12, self.people.base - 1) for p in tried]
            found = [p for p in tried if p not in barred and self._works(p, day) is not None]
            near = [p for p in found if self._works(p, day) == cast.host]
            members.update((near or found)[:1])
        return tuple(sorted(members - {cast.leader}))

    def _text(self, number: int) -> tuple[str, str]:
        """Title and abstract; a copy keeps most of an earlier one's sentences."""
        kind = CAST.get(number % 32, "")
        before = self.earlier(number) if kind.startswith("copy") else None
        leader = self.city.person(self.cast(number).leader)
        rng = self.city.rng("text", number)
        if before is None:
            return self._title(rng, number, leader), "".join(self._sentences(rng, leader.discipline))
        title, abstract = self._text(before)
        sentences = [f"{s}。" for s in abstract.split("。") if s]
        own = self._sentences(rng, leader.discipline)
        for place in rng.sample(range(len(own)), {"copy_all": 0, "copy_most": 2, "copy_half": 3}[kind]):
            sentences[place] = own[place]
        if kind == "copy_all" or rng.random() < 0.5:
            title = title.rpartition("（")[0] + f"（{self.city.mark(number, 7)}）"
        else:
            title = self._title(rng, number, leader)
        return title, "".join(sentences)

    def _title(self, rng: random.Random, number: int, leader: Person) -> str:
        text = rng.choice(project_words.TITLE_SUBJECTS).format(
            industry=leader.industry,
            discipline=leader.discipline,
            noun=rng.choice(project_words.NOUNS),
            adjective=rng.choice(project_words.ADJECTIVES),
        )
        return f"{text}（{self.city.mark(number, 7)}）"

    @staticmethod
    def _sentences(rng: random.Random, discipline: str) -> list[str]:
        """Ten sentences, every one about as long as the others."""
        w = project_words
        reasons, methods = rng.sample(w.REASONS, 3), rng.sample(w.METHODS, 3)
        results, nouns = rng.sample(w.RESULTS, 6), rng.sample(w.NOUNS, 9)
        results = [
            r.format(a=rng.randint(3, 90) * 100, b=rng.randint(5, 60), c=rng.randint(2, 12), d=rng.randint(70, 98))
            for r in results
        ]
        adjectives, verbs, endings = rng.sample(w.ADJECTIVES, 9), rng.sample(w.VERBS, 9), rng.sample(w.ENDINGS, 2)
        places = rng.sample(w.PLACES, 2)
        things = [f"{a}{n}" for a, n in zip(adjectives, nouns, strict=True)]
        sentences = [
            f"{discipline}所用的{things[0]}{reasons[0]}，{things[1]}{reasons[1]}",
            f"{methods[0]}，{verbs[0]}{things[2]}",
            f"{verbs[1]}{things[3]}并{verbs[2]}{things[4]}，缓解{reasons[2]}的局面",
            f"{methods[1]}，{verbs[3]}{things[5]}",
            f"{verbs[4]}{things[6]}，{results[0]}",
            f"{methods[2]}，{results[1]}",
            f"{verbs[5]}{things[7]}，{verbs[6]}{things[8]}，{results[2]}",
            f"项目完成时{results[3]}，{results[4]}",
            f"{endings[0].format(place=places[0])}，{results[5]}",
            f"{endings[1].format(place=places[1])}",
        ]
        return [f"{s}。" for s in sentences]

    # -- reviews --------------------------------------------------------------------------------------------------

    def first_review(self) -> int:
        """Number of the first review; three follow for every application from then on."""
        return self.first_of(REVIEWED_SINCE) * REVIEWS

    def review_count(self) -> int:
        """Reviews assigned until today."""
        return max(0, self._first_after(self.city.today - timedelta(days=ASSIGNED)) * REVIEWS - self.first_review())

    def _reviews(self, application: int) -> tuple[Review, ...]:
        """The three reviews of an application; none before they were kept."""
        if self.year_of(application) < REVIEWED_SINCE:
            return ()
        cast = self.cast(application)
        chosen: list[int] = []
        found = []
        for place in range(REVIEWS):
            rng = self.city.rng("review", application * REVIEWS + place)
            day = self.review_day(application, place)
            if place == 0 and cast.expert is not None:
                expert, day = cast.expert, cast.review_day or day
            else:
                expert = self._assign(
                    rng, application, day, CAST.get(application % 32, "") if place == 0 else "", chosen
                )
            chosen.append(expert)
            score = round(min(98.0, max(45.0, rng.gauss(80 if self.project_of(application) is not None else 68, 6))), 1)
            number = application * REVIEWS + place
            found.append(
                Review(
                    number,
                    f"PS{self.year_of(application)}{number + 1:07d}",
                    application,
                    expert,
                    self.applied(application) + timedelta(days=ASSIGNED),
                    day,
                    score,
                )
            )
        return tuple(found)

    def _assign(self, rng: random.Random, application: int, day: date, want: str, chosen: list[int]) -> int:
        """An expert for a review. The office avoids ties it can see, except in one of thirty reviews."""
        a = self.application(application)
        team = {a.leader.number, *a.members}
        careless = rng.random() < 1 / 30
        expert = 0
        for attempt in range(400):
            expert = rng.randrange(self.people.experts)
            e = self.people.expert(expert)
            if expert in chosen or e.person.number in team or e.person.employer_on(day) is None:
                continue
            tied = e.person.employer_on(day) == a.host.number
            declared = [t for t in e.declared if t.institution == a.host.number]
            if want == "employer":
                fits = tied
            elif want == "declared":
                fits = not tied and any(t.holds_on(day) for t in declared)
            elif want == "declared_near":
                fits = not tied and bool(declared) and not any(t.holds_on(day) for t in declared)
            else:
                fits = careless or not (tied or any(t.holds_on(day) for t in declared))
            if fits or (want and attempt > 380 and not tied):
                break
        return expert

    # -- projects -------------------------------------------------------------------------------------------------

    def _project(self, number: int) -> Project:
        a = self.application(self.application_of(number))
        rng = self.city.rng("project", number)
        stages, due, accepted, closed, terminated = self._way(rng, a.number)
        days = dict(stages)
        parts = ((days["立项"], 0.3), (days["实施"], 0.3), (accepted, 0.2), (closed if not terminated else None, 0.2))
        return Project(
            number=number,
            project_no=self.project_no(number),
            application=a.number,
            title=a.title,
            abstract=a.abstract,
            programme=a.programme,
            year=a.year,
            leader=a.leader,
            members=a.members,
            host=a.host,
            industry=a.industry,
            discipline=a.discipline,
            stages=stages,
            approved=days["立项"],
            due=due,
            accepted=accepted,
            closed=closed,
            terminated=terminated,
            total_wan=a.total_wan,
            fiscal_wan=a.fiscal_wan,
            is_lump_sum=number % 10 in LUMP_SUMS,
            payments=tuple((day, round(a.fiscal_wan * part, 2)) for day, part in parts if day),
            effort=(
                (a.leader.number, rng.choice((20, 30, 30, 40, 50))),
                *((m, rng.choice((10, 20, 20, 30))) for m in a.members),
            ),
            deliverables=self.deliverables(number) if accepted else (),
            score=round(rng.uniform(56, 98), 1),
        )

    def project_no(self, number: int) -> str:
        application = self.application_of(number)
        return f"{self.year_of(application)}{words.PROGRAMMES[self.programme_of(application)][0]}-{number + 1:05d}"

    def accepted(self, number: int) -> date | None:
        """Day of a project's acceptance, without making the project."""
        return self._way(self.city.rng("project", number), self.application_of(number))[2]

    def _way(
        self, rng: random.Random, application: int
    ) -> tuple[tuple[tuple[str, date], ...], date, date | None, date, bool]:
        """Stages, due day, acceptance, end, whether it ended early. One in eight is late, one in 25 ends early."""
        applied, decided = self.applied(application), self.decided(application)
        begun = decided + timedelta(days=rng.randint(5, 40))
        stages = [
            ("申报", applied),
            ("评审", applied + timedelta(days=ASSIGNED)),
            ("立项", decided),
            ("实施", begun),
        ]
        close = self._joint_close(application)
        if close is not None:
            accepted = close - timedelta(days=30)
            return (*stages, ("验收", accepted), ("结题", close)), accepted + timedelta(days=5), accepted, close, False
        due = decided + timedelta(days=rng.choice((365, 730, 730, 1095)))
        if rng.random() < 0.04:
            day = begun + timedelta(days=rng.randint(120, 300))
            return (*stages, ("终止", day)), due, None, day, True
        accepted = due + timedelta(days=rng.randint(20, 500) if rng.random() < 0.125 else rng.randint(-120, 0))
        close = accepted + timedelta(days=rng.randint(20, 70))
        return (*stages, ("验收", accepted), ("结题", close)), due, accepted, close, False

    def deliverables(self, number: int) -> tuple[Deliverable, ...]:
        """What a project hands in at acceptance; one in twelve claims what an earlier one handed in already."""
        rng = self.city.rng("deliverables", number)
        application = self.application_of(number)
        thing = rng.choice(project_words.ADJECTIVES) + rng.choice(project_words.NOUNS)
        discipline = self.city.person(self.cast(application).leader).discipline
        found = []
        for place in range(rng.randint(1, 4)):
            kind = rng.choice(("发明专利", "软件著作权", "论文", "新产品", "技术标准"))
            mark = number * 4 + place
            code = {
                "发明专利": f"ZL99{mark + 10_000_000}.{mark % 10}",
                "软件著作权": f"{self.year_of(application) + 2}SR9{mark:06d}",
                "论文": f"10.99999/demo.{mark:06d}",
                "新产品": f"XCP-{mark:06d}",
                "技术标准": f"T/YSCX {mark:05d}-{self.year_of(application) + 2}",
            }[kind]
            found.append(Deliverable(kind, code, f"{discipline}{thing}{('一', '二', '三', '四')[place]}"))
        cast = CAST.get(application % 32, "")
        before = self.earlier(application)
        earlier = self.project_of(before) if before is not None and cast.startswith("claimed") else None
        if earlier is not None:
            first = self.deliverables(earlier)[0]
            if cast == "claimed":
                found[0] = first
            else:  # the same title under a number of its own: a new edition, not the same thing
                found[0] = Deliverable(found[0].kind, found[0].number, first.title)
        return tuple(found)

    def milestones(self, number: int) -> tuple[Milestone, ...]:
        """The steps between the start and the due day; one in eight is reached late."""
        p = self.project(number)
        rng = self.city.rng("milestones", number)
        begun = dict(p.stages)["实施"]
        found = []
        for place in range(MILESTONES):
            due = begun + (p.due - begun) * (place + 1) // (MILESTONES + 1)
            late = rng.randint(5, 150) if rng.random() < 0.125 else -rng.randint(0, 25)
            reached: date | None = max(begun, due + timedelta(days=late))
            if reached and reached >= p.closed:
                reached = None if p.terminated else max(begun, p.closed - timedelta(days=1))
            words_ = (project_words.VERBS, project_words.ADJECTIVES, project_words.NOUNS)
            title = "".join(rng.choice(pool) for pool in words_)
            found.append(Milestone(place + 1, title, due, reached))
        return tuple(found)

    def planned_obligations(self, number: int) -> tuple[Obligation, ...]:
        """Reports that a project owes by its approval: a final one 60 days after it is due, or was ended early, and a
        progress report halfway for three projects of four."""
        p = self.project(number)
        rng = self.city.rng("obligations", number)
        openness = rng.choices(("公开", "延期公开"), (70, 30))[0]
        months = rng.choice((12, 24, 36, 60)) if openness == "延期公开" else 0
        middle = p.approved + (p.due - p.approved) // 2
        dues = [("最终报告", (p.closed if p.terminated else p.due) + timedelta(days=60)), ("中期报告", middle)]
        return tuple(
            Obligation(number * 2 + i, f"BG{p.year}{number * 2 + i + 1:06d}", number, kind, due, openness, months)
            for i, (kind, due) in enumerate(dues[: 1 if number % 4 == 1 else 2])
        )

    def obligations(self, number: int) -> tuple[Obligation, ...]:
        """Reports that a project owes in the end: none halfway if it was over by then."""
        p = self.project(number)
        return tuple(o for o in self.planned_obligations(number) if o.kind == "最终报告" or o.due < p.closed)

    # -- guides and calls -----------------------------------------------------------------------------------------

    def guide_of(self, application: int) -> int:
        place = PROGRAMMES.index(self.programme_of(application))
        return ((self.year_of(application) - FIRST_YEAR) * 2 + self.round_of(application)) * len(PROGRAMMES) + place

    def guide_count(self) -> int:
        """Guides published until today."""
        low, high = 0, (LAST_YEAR - FIRST_YEAR + 1) * 2 * len(PROGRAMMES)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.guide(middle).published <= self.city.today else (low, middle)
        return low

    def guide(self, number: int) -> Guide:
        half, place = divmod(number, len(PROGRAMMES))
        year, half = FIRST_YEAR + half // 2, half % 2
        (month, day), length = ROUNDS[half]
        opens = date(year, month, day)
        rng = self.city.rng("guide", number)
        return Guide(
            number,
            f"ZN{year}{half + 1}-{place + 1:02d}",
            PROGRAMMES[place],
            year,
            half + 1,
            opens - timedelta(days=40 - place),
            opens,
            opens + timedelta(days=length),
            float(rng.randint(20, 400) * 10),
            float(rng.choice((50, 80, 100, 200, 300, 500))),
        )

    def call_count(self) -> int:
        """Calls begun until today."""
        low, high = 0, self.end // 28 - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.call(middle).stages[0][1] <= self.city.today else (low, middle)
        return low

    def call_no(self, number: int) -> str:
        return f"JB{self.year_of(number * 28 + 6)}{number + 1:04d}"

    def call(self, number: int) -> Call:
        """A call with the application that won it."""
        rng = self.city.rng("call", number)
        application = number * 28 + 6
        applied = self.applied(application)
        owner = self.city.institution(self.people.base_firms[0])
        for _ in range(30):
            owner = self.city.institution(rng.choice(self.people.base_firms))
            if owner.exists_on(applied):
                break
        industry = owner.industry or "电子信息"
        discipline = rng.choice(words.INDUSTRIES[industry])
        stages = [
            ("需求征集", applied - timedelta(days=120)),
            ("论证", applied - timedelta(days=80)),
            ("发榜", applied - timedelta(days=40)),
            ("揭榜", applied),
            ("定帅", self.decided(application)),
        ]
        project = self.project(self.project_of(application) or 0)
        if project.accepted:
            stages.append(("绩效评价", project.accepted + timedelta(days=10)))
        return Call(
            number,
            self.call_no(number),
            f"{discipline}{rng.choice(project_words.ADJECTIVES)}{rng.choice(project_words.NOUNS)}技术需求",
            owner,
            industry,
            discipline,
            float(rng.randint(10, 200) * 10),
            self.year_of(application),
            tuple(stages),
            application,
        )


SLICE = Projects
