"""Public money for science and what it moves: fiscal items, funds, loans with risk compensation, pledges, vouchers.

Amounts of vouchers are CNY, all others 万元. Numbers run in the order of time. Every history is whole; whoever shows it
cuts it at a day. Things that registers may spoil (quiet.py) are drawn ordinary, so that no rule's example rests on
them; of the fiscal items the registers spoil only those that pay no project.

Thresholds are stand-ins for dated configuration: the plan names risk compensation, leverage and vouchers (sections 4.8
and 6.2) but no figures.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

from demo import plan, words
from demo.city import HORIZON, City, Institution, day_between
from demo.patents import Patents
from demo.projects import Project, Projects
from demo.quiet import quiet
from demo.timeline import Timeline

YEARS = range(2016, 2031)
FUNDS_A_YEAR, INVESTMENTS_A_YEAR = 11, 46
LOANS_A_YEAR = (50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190)
PLEDGES_A_YEAR = (20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76)
VOUCHERS_A_YEAR = (60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 260, 280, 300, 320, 340)

DEFAULT_DAYS = 90  # a loan is in default from this day after its due day on
EXPOSURE_CAP = 500.0  # 万元 that the pool may be exposed to with one borrower
LEAST_LEVERAGE = 1.0  # private money per public money that a fund must reach
LEAST_PAID, LEAST_OUTCOMES = 30.0, 2.0  # 万元 paid from which a project is judged; outcomes per million CNY
OUTCOME_DAYS = 365  # time after its end by which a project must have brought something

FUND_TYPES = ("母基金", "子基金", "直投基金", "天使基金", "成果转化基金")
BANKS = tuple(f"演示{name}银行西安分行" for name in ("秦风", "渭水", "雁塔", "曲江", "长乐", "金城"))
SUBSIDIES = (
    "研发投入后补助",
    "孵化载体运营补贴",
    "新型研发机构绩效奖励",
    "技术合同交易补助",
    "科技保险补贴",
    "高企认定奖励",
)
SPECIAL_FUNDS = ("科技计划专项资金", "创新平台专项资金", "企业创新专项资金", "成果转化专项资金", "秦创原专项资金")


@dataclass(frozen=True)
class FiscalItem:
    """One line of the science budget. `payments`: (day, 万元); `scored`: day of its performance score."""

    number: int
    item_no: str
    year: int
    level: str
    department: str
    fund: str
    name: str
    mode: str
    district: str | None
    zone: str | None
    recipient: Institution
    project: Project | None
    budgeted: date
    planned: float
    payments: tuple[tuple[date, float], ...]
    scored: date
    score: float
    into_fund: int | None

    def paid_on(self, day: date) -> float:
        return round(sum(amount for at, amount in self.payments if at <= day), 2)


@dataclass(frozen=True)
class Fund:
    """A fund by who put what into it: `public` by the treasury, `private` by everybody else, 万元."""

    number: int
    fund_no: str
    name: str
    type: str
    manager: Institution
    founded: date
    ends: date
    public: float
    private: float
    zone: str | None

    @property
    def leverage(self) -> float:
        return self.private / self.public


@dataclass(frozen=True)
class Investment:
    number: int
    investment_no: str
    fund: int
    firm: Institution
    day: date
    amount: float
    beside: float
    round: str
    left: date | None
    returned: float | None


@dataclass(frozen=True)
class Loan:
    """A loan of which the pool carries `ratio` of a loss. `repaid`: day of full repayment, None for never."""

    number: int
    loan_no: str
    borrower: Institution
    bank: str
    product: str
    amount: float
    rate: float
    ratio: float
    paid_out: date
    due: date
    repaid: date | None

    def outstanding_on(self, day: date) -> float:
        return 0.0 if day < self.paid_out or (self.repaid and self.repaid <= day) else self.amount

    def exposure_on(self, day: date) -> float:
        """What the pool would still have to pay if the borrower failed on that day, 万元."""
        if self.compensated and self.compensated <= day:
            return 0.0
        return round(self.outstanding_on(day) * self.ratio, 2)

    def late_on(self, day: date) -> int:
        """Days past due, up to repayment."""
        end = min(self.repaid or HORIZON, day)
        return max(0, (end - self.due).days)

    @property
    def defaulted(self) -> date | None:
        """First day of default."""
        day = self.due + timedelta(days=DEFAULT_DAYS)
        return day if self.repaid is None or self.repaid >= day else None

    @property
    def compensated(self) -> date | None:
        """Day on which the pool paid its part."""
        return self.defaulted + timedelta(days=60) if self.defaulted and self.repaid is None else None

    def state_on(self, day: date) -> str:
        if self.repaid and self.repaid <= day:
            return "结清"
        if self.compensated and self.compensated <= day:
            return "代偿"
        if self.defaulted and self.defaulted <= day:
            return "不良"
        return "逾期" if self.due < day else "正常"


@dataclass(frozen=True)
class Pledge:
    """Intellectual property pledged for a loan, from registration until before release."""

    number: int
    pledge_no: str
    owner: Institution
    patents: tuple[str, ...]
    bank: str
    amount: float
    registered: date
    released: date


@dataclass(frozen=True)
class Voucher:
    """An innovation voucher, CNY. `redeemed`: (day, CNY), in order."""

    number: int
    voucher_no: str
    holder: Institution
    service: Institution
    kind: str
    issued: date
    valid_to: date
    limit: int
    redeemed: tuple[tuple[date, int], ...]

    def redeemed_on(self, day: date) -> int:
        return sum(amount for at, amount in self.redeemed if at <= day)

    def last_on(self, day: date) -> date | None:
        return max((at for at, _ in self.redeemed if at <= day), default=None)


class Money:
    """Slice of the city: its public money."""

    def __init__(self, city: City):
        self.city = city
        self.projects = city.slice(Projects)
        self.patents = city.slice(Patents)
        start = city if city.day == 0 else city.at(0)
        self._firms, self._services = start.firms, start.services
        self.fiscal_item = lru_cache(maxsize=20_000)(self._fiscal_item)
        self.fund = lru_cache(maxsize=20_000)(self._fund)
        self.loan = lru_cache(maxsize=20_000)(self._loan)
        self.pledge = lru_cache(maxsize=20_000)(self._pledge)

    def _timeline(self, volumes: tuple[int, ...]) -> Timeline:
        scale = self.city.scale
        return Timeline({year: max(2, round(n * scale)) for year, n in zip(YEARS, volumes, strict=True)})

    @cached_property
    def fund_days(self) -> Timeline:
        return self._timeline((FUNDS_A_YEAR,) * len(YEARS))

    @cached_property
    def investment_days(self) -> Timeline:
        return self._timeline((INVESTMENTS_A_YEAR,) * len(YEARS))

    @cached_property
    def loan_days(self) -> Timeline:
        return self._timeline(LOANS_A_YEAR)

    @cached_property
    def pledge_days(self) -> Timeline:
        return self._timeline(PLEDGES_A_YEAR)

    @cached_property
    def voucher_days(self) -> Timeline:
        return self._timeline(VOUCHERS_A_YEAR)

    def _firm(self, rng: random.Random, day: date) -> Institution:
        """A firm that exists on a day; of the base, so that it is the same on every day of the city."""
        for _ in range(60):
            firm = self.city.institution(self._firms[rng.randrange(len(self._firms))])
            if firm.exists_on(day):
                break
        return firm

    def _service(self, rng: random.Random, day: date, kind: str) -> Institution:
        """A service institution of a type, if one is found that exists on the day."""
        found = self.city.institution(self._services[0])
        for _ in range(60):
            found = self.city.institution(self._services[rng.randrange(len(self._services))])
            if found.exists_on(day) and found.service_type == kind:
                break
        return found

    # -- fiscal items ---------------------------------------------------------------------------------------------

    @property
    def fiscal_items(self) -> int:
        """Three lines for projects and one for something else, in turn, as projects are approved."""
        whole, rest = divmod(self.projects.count, 3)
        return whole * 4 + rest

    def item_of(self, project: int) -> int:
        """Number of the line that pays a project."""
        return project // 3 * 4 + project % 3

    def _fiscal_item(self, number: int) -> FiscalItem:
        rng = self.city.rng("fiscal item", number)
        block, place = divmod(number, 4)
        if place < 3:
            return self._project_item(rng, number, self.projects.project(block * 3 + place))
        day = self.projects.project(block * 3 + 2).approved
        recipient = self._firm(rng, day)
        level = rng.choices(("市级", "区县级", "开发区级", "省级", "国家级"), (40, 25, 15, 14, 6))[0]
        mode = rng.choices(("后补助", "奖励", "贴息", "拨改投", "前补助"), (40, 20, 12, 20, 8))[0]
        planned = round(rng.lognormvariate(4.2, 0.8), 1)
        first = day + timedelta(days=rng.randint(15, 120))
        payments: list[tuple[date, float]] = [(first, planned)]
        if rng.random() < 0.4:
            half = round(planned * rng.uniform(0.3, 0.7), 2)
            payments = [(first, half), (first + timedelta(days=rng.randint(60, 250)), round(planned - half, 2))]
        if rng.random() < 0.12:
            payments = payments[:-1]
        district = recipient.district if level in ("市级", "区县级") else None
        funds = self.fund_days.count(day)
        return FiscalItem(
            number=number,
            item_no=f"CZ{day.year}{number + 1:06d}",
            year=day.year,
            level=level,
            department=rng.choices(tuple(plan.DEPARTMENTS), (50, 6, 15, 3, 4, 4, 5, 4, 3, 4, 1, 1))[0],
            fund=rng.choice(SPECIAL_FUNDS),
            name=f"{day.year}年度{rng.choice(SUBSIDIES)}",
            mode=mode,
            district=district,
            zone=recipient.zone if level == "开发区级" else None,
            recipient=recipient,
            project=None,
            budgeted=day,
            planned=planned,
            payments=tuple(payments),
            scored=date(day.year + 1, 4, 1) + timedelta(days=rng.randrange(60)),
            score=round(rng.uniform(52, 98), 1),
            into_fund=rng.randrange(funds) if mode == "拨改投" and funds else None,
        )

    def _project_item(self, rng: random.Random, number: int, p: Project) -> FiscalItem:
        return FiscalItem(
            number=number,
            item_no=f"CZ{p.approved.year}{number + 1:06d}",
            year=p.approved.year,
            level="市级",
            department="D01",
            fund=SPECIAL_FUNDS[0],
            name=f"{p.programme}项目经费",
            mode="前补助" if rng.random() < 0.8 else "后补助",
            district=p.host.district,
            zone=p.host.zone,
            recipient=p.host,
            project=p,
            budgeted=p.approved,
            planned=p.fiscal_wan,
            payments=p.payments,
            scored=max(p.closed, p.approved) + timedelta(days=rng.randint(30, 120)),
            score=p.score,
            into_fund=None,
        )

    # -- funds ----------------------------------------------------------------------------------------------------

    @property
    def funds(self) -> int:
        return self.fund_days.count(self.city.today)

    def _fund(self, number: int) -> Fund:
        rng = self.city.rng("fund", number)
        day = self.fund_days.day(number)
        public = float(rng.randint(2, 60) * 500)
        fate = 0.99 if quiet(number) else rng.random()
        if fate < 0.3:
            private = round(public * rng.uniform(0.3, 0.95), 1)
        elif fate < 0.65:  # at the border, or just above it
            private = public if fate < 0.5 else round(public * rng.uniform(1.01, 1.05), 1)
        else:
            private = round(public * rng.uniform(1.5, 5.0), 1)
        kind = rng.choice(FUND_TYPES)
        return Fund(
            number=number,
            fund_no=f"JJ{number + 1:05d}",
            name=f"西安示范{self.city.mark(number, 5)}{kind}（有限合伙）",
            type=kind,
            manager=self._service(rng, day, "科技金融机构"),
            founded=day,
            ends=day + timedelta(days=365 * rng.choice((7, 8, 10))),
            public=public,
            private=private,
            zone=rng.choice((None, *words.ZONES)),
        )

    @property
    def investments(self) -> int:
        return self.investment_days.count(self.city.today)

    def investment(self, number: int) -> Investment:
        rng = self.city.rng("investment", number)
        day = self.investment_days.day(number)
        amount = float(rng.randint(2, 60) * 50)
        leaves = day + timedelta(days=rng.randint(500, 2600))
        left = leaves if rng.random() < 0.35 else None
        return Investment(
            number=number,
            investment_no=f"TZ{day.year}{number + 1:06d}",
            fund=rng.randrange(max(1, self.fund_days.count(day))),
            firm=self._firm(rng, day),
            day=day,
            amount=amount,
            beside=round(amount * rng.choice((0, 0.5, 1, 2, 3)), 1),
            round=rng.choice(("种子轮", "天使轮", "A轮", "B轮", "C轮")),
            left=left,
            returned=round(amount * rng.uniform(0.2, 4), 1) if left else None,
        )

    # -- loans ----------------------------------------------------------------------------------------------------

    @property
    def loans(self) -> int:
        return self.loan_days.count(self.city.today)

    def _loan(self, number: int) -> Loan:
        """Of ten loans in a row the sixth and the seventh go to one firm and run long: one of two such pairs passes the
        cap of the pool, the other just reaches it."""
        rng = self.city.rng("loan", number)
        day = self.loan_days.day(number)
        first = number - 1 if number % 10 == 6 else number
        paired = number % 10 in (5, 6) and not (quiet(first) or quiet(first + 1))
        ratio = 0.0 if quiet(number) else rng.choice((0.3, 0.5, 0.7))
        amount = float(rng.randint(2, 50) * 10)
        months = rng.choice((6, 12, 12, 24))
        borrower = self._firm(rng, day)
        if paired:
            borrower = self._firm(self.city.rng("loan pair", first), self.loan_days.day(first))
            passes = self.city.rng("loan pair", first).random() < 0.5
            ratio, months = 0.5, 60
            amount = 500.0 if number == first else 530.0 if passes else 500.0
        due = day + timedelta(days=months * 30)
        fate = 0.0 if quiet(number) or paired else rng.random()
        if fate < 0.86:
            repaid: date | None = due - timedelta(days=rng.randint(0, 40) if fate < 0.8 else 0)
        elif fate < 0.91:
            repaid = due + timedelta(days=rng.choice((15, 40, 75, 89, 89)))
        elif fate < 0.95:
            repaid = due + timedelta(days=rng.choice((90, 90, 120, 200)))
        else:
            repaid = None
        return Loan(
            number=number,
            loan_no=f"DK{day.year}{number + 1:06d}",
            borrower=borrower,
            bank=rng.choice(BANKS),
            product=rng.choice(("科技信用贷", "技术交易信用贷", "知识产权质押贷", "科技担保贷")),
            amount=amount,
            rate=round(rng.uniform(2.9, 5.2), 2),
            ratio=ratio,
            paid_out=day,
            due=due,
            repaid=repaid,
        )

    # -- pledges --------------------------------------------------------------------------------------------------

    @property
    def pledges(self) -> int:
        return self.pledge_days.count(self.city.today)

    def _pledge(self, number: int) -> Pledge:
        """Of six pledges the fourth pledges a patent of the third once more: before its release, or on that day."""
        rng = self.city.rng("pledge", number)
        day = self.pledge_days.day(number)
        owner = self._firm(rng, day)
        patents = self._patents(rng, owner, number, day)
        registered = day
        released = registered + timedelta(days=rng.randint(240, 1000))
        if number % 6 == 3 and not quiet(number) and not quiet(number - 1):
            before = self.pledge(number - 1)
            owner, patents = before.owner, (before.patents[0], *patents[1:])
            if self.city.rng("pledge again", number).random() < 0.5:
                released = max(registered, before.registered) + timedelta(days=400)
        elif number % 6 == 2:
            following = self.pledge_days.day(number + 1)
            again = self.city.rng("pledge again", number + 1).random() < 0.5
            released = following + timedelta(days=rng.randint(60, 700)) if again else following
        return Pledge(
            number=number,
            pledge_no=f"ZY{day.year}{number + 1:06d}",
            owner=owner,
            patents=patents,
            bank=rng.choice(BANKS),
            amount=float(rng.randint(5, 200) * 10),
            registered=registered,
            released=released,
        )

    def _patents(self, rng: random.Random, owner: Institution, number: int, day: date) -> tuple[str, ...]:
        """Up to three rights that the owner holds on the day; where there is none, one that no register of the city
        knows."""
        place = self.patents.firms.place_of(owner.number)
        held = [
            right.no
            for right in self.patents.of_firm(place)
            if right.is_effective(day) and right.owner_on(day) == owner.number
        ]
        if quiet(number):
            held = []
        chosen = rng.sample(held, min(len(held), rng.randint(1, 3)))
        return tuple(sorted(chosen)) or (f"ZL98{10_000_000 + number}.{number % 10}",)

    # -- vouchers -------------------------------------------------------------------------------------------------

    @property
    def vouchers(self) -> int:
        return self.voucher_days.count(self.city.today)

    def voucher(self, number: int) -> Voucher:
        rng = self.city.rng("voucher", number)
        issued = self.voucher_days.day(number)
        valid_to = issued + timedelta(days=365)
        limit = rng.choice((5_000, 10_000, 20_000, 50_000, 100_000))
        fate = 0.5 if quiet(number) else rng.random()
        used: list[tuple[date, int]] = []
        if fate < 0.04:  # over its limit, in two parts
            used = [(day_between(rng, issued, valid_to), limit * 4 // 5)] * 2
        elif fate < 0.1:  # exactly its limit, in two parts
            used = [
                (day_between(rng, issued, valid_to), limit * 2 // 5),
                (valid_to - timedelta(days=3), limit * 3 // 5),
            ]
        elif fate < 0.14:  # after its last day
            used = [(valid_to + timedelta(days=rng.choice((1, 1, 5, 30))), limit // 2)]
        elif fate < 0.19:  # on its last day
            used = [(valid_to, limit // 2)]
        elif fate < 0.8:
            used = [(day_between(rng, issued, valid_to - timedelta(days=1)), round(limit * rng.uniform(0.2, 0.95)))]
        kind = rng.choice(words.SERVICE_TYPES)
        return Voucher(
            number=number,
            voucher_no=f"CXQ{issued.year}{number + 1:06d}",
            holder=self._firm(rng, issued),
            service=self._service(rng, issued, kind),
            kind=kind,
            issued=issued,
            valid_to=valid_to,
            limit=limit,
            redeemed=tuple(sorted(used)),
        )

    # -- truth ----------------------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        """`funding` (rule 9, outcomes per million) and `finance` (leverage, exposure, default, double pledges, vouchers
        redeemed over their limit or after their last day), each with what almost met it."""
        funding = [*self._funding()]
        finance = [*self._leverage(), *self._loans(), *self._pledges(), *self._vouchers()]
        return {
            "funding": [found for found, hit in funding if hit],
            "finance": [found for found, hit in finance if hit],
            "near_misses": {
                "funding": [found for found, hit in funding if not hit],
                "finance": [found for found, hit in finance if not hit],
            },
        }

    def _funding(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """Projects with money paid that ended more than a year ago, by what they handed in at acceptance."""
        today = self.city.today
        for number in range(self.projects.count):
            p = self.projects.project(number)
            paid = p.paid_on(today)
            if paid < LEAST_PAID or p.closed > today:
                continue
            ended = (today - p.closed).days
            outcomes = len({d.number for d in p.deliverables}) if p.accepted and p.accepted <= today else 0
            rate = outcomes / (paid / 100)
            here = {
                "project": p.project_no,
                "item": f"CZ{p.approved.year}{self.item_of(number) + 1:06d}",
                "paid_wan": paid,
                "outcomes": outcomes,
                "per_million": round(rate, 4),
                "ended": p.closed.isoformat(),
            }
            if rate < LEAST_OUTCOMES and ended > OUTCOME_DAYS:
                yield {**here, "reason": "none" if not outcomes else "too_few"}, True
            elif rate < LEAST_OUTCOMES:
                yield {**here, "reason": "ended_within_a_year"}, False
            elif rate < LEAST_OUTCOMES * 1.25 and ended > OUTCOME_DAYS:
                yield {**here, "reason": "just_enough"}, False

    def _leverage(self) -> Iterator[tuple[dict[str, Any], bool]]:
        for number in range(self.funds):
            fund = self.fund(number)
            here = {"rule": "low_leverage", "fund": fund.fund_no, "leverage": round(fund.leverage, 4)}
            if fund.leverage < LEAST_LEVERAGE:
                yield here, True
            elif fund.leverage < LEAST_LEVERAGE * 1.1:
                yield here, False

    def _loans(self) -> Iterator[tuple[dict[str, Any], bool]]:
        today = self.city.today
        exposed: dict[int, list[Loan]] = {}
        for number in range(self.loans):
            loan = self.loan(number)
            late = loan.late_on(today)
            here = {"rule": "loan_default", "loan": loan.loan_no, "days": late}
            if late >= DEFAULT_DAYS:
                yield here, True
            elif late:
                yield here, False
            if loan.outstanding_on(today):
                exposed.setdefault(loan.borrower.number, []).append(loan)
        for firm, loans in sorted(exposed.items()):
            exposure = round(sum(loan.exposure_on(today) for loan in loans), 2)
            here = {
                "rule": "exposure_over_cap",
                "institution": f"institution:{firm}",
                "loans": [loan.loan_no for loan in loans],
                "exposure_wan": exposure,
            }
            if exposure > EXPOSURE_CAP:
                yield here, True
            elif exposure >= EXPOSURE_CAP * 0.9:
                yield here, False

    def _pledges(self) -> Iterator[tuple[dict[str, Any], bool]]:
        seen: dict[str, list[Pledge]] = {}
        for number in range(self.pledges):
            pledge = self.pledge(number)
            for patent in pledge.patents:
                for before in seen.get(patent, ()):
                    here = {
                        "rule": "double_pledge",
                        "patent": patent,
                        "pledges": [before.pledge_no, pledge.pledge_no],
                    }
                    yield here, pledge.registered < before.released and before.registered < pledge.released
                seen.setdefault(patent, []).append(pledge)

    def _vouchers(self) -> Iterator[tuple[dict[str, Any], bool]]:
        today = self.city.today
        for number in range(self.vouchers):
            voucher = self.voucher(number)
            redeemed, last = voucher.redeemed_on(today), voucher.last_on(today)
            over = {"rule": "voucher_over_limit", "voucher": voucher.voucher_no, "redeemed_cny": redeemed}
            if redeemed > voucher.limit:
                yield over, True
            elif redeemed == voucher.limit:
                yield over, False
            if last:
                late = {"rule": "voucher_after_its_last_day", "voucher": voucher.voucher_no, "day": last.isoformat()}
                if last > voucher.valid_to:
                    yield late, True
                elif last == voucher.valid_to:
                    yield late, False


SLICE = Money
