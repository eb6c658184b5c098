"""财政科技投入、基金、科技贷款、知识产权质押、创新券: tables of a relational database with a watermark column.

One writer for every database that SQLAlchemy speaks to. It writes everything once; when the day advances it replaces
the rows that changed since, as a system of records would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from demo import dirt, plan
from demo.city import City, Institution
from demo.money import FiscalItem, Loan, Money
from demo.quiet import LATER_TWIN
from demo.register import CONFLICT_EVERY, Register, Row, setting

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

AT_ONCE = 1000


class _Ledger(Register):
    """A table. `columns`: name → text, number, integer; each has `updated_at` besides."""

    source = "finance"
    columns: ClassVar[dict[str, str]]

    def __init__(self, city: City):
        super().__init__(city)
        self.money = city.slice(Money)

    def days(self, slot: int) -> Iterable[date | None]:
        """Days on which something of the row changed or will change."""
        raise NotImplementedError

    def changed(self, slot: int) -> datetime:
        day = max(d for d in self.days(slot) if d and d <= self.city.today)
        seconds = self.city.rng(f"{self.record} stamp {day}", slot).randrange(86_400)
        return datetime.combine(day, time()) + timedelta(seconds=seconds)

    def twin(self, slot: int) -> bool:
        """Later than elsewhere: two refused rows of a table of twenty would hold its whole delivery."""
        return slot % CONFLICT_EVERY == LATER_TWIN and bool(self.conflicting)

    def party(self, slot: int, role: str, who: Institution, day: date) -> Row:
        """Name and credit code of an institution as typed into the row."""
        rng = self.city.rng(f"{self.record} {role}", slot)
        code = None if rng.random() < 0.03 else dirt.typed_code(rng, who.credit_code)
        return {f"{role}_name": dirt.spelling(rng, who, day, 1), f"{role}_code": code}


class FiscalItems(_Ledger):
    record, key = "fiscal_item", ("item_no",)
    columns: ClassVar[dict[str, str]] = {
        "item_no": "text", "fiscal_year": "integer", "gov_level": "text", "department": "text", "special_fund": "text",
        "item_name": "text", "support_mode": "text", "district_code": "text", "zone_code": "text",
        "recipient_name": "text", "recipient_code": "text", "project_no": "text", "fund_no": "text",
        "budget_date": "text", "planned_wan": "number", "paid_wan": "number", "last_paid": "text",
        "score": "number", "grade": "text", "score_date": "text",
    }  # fmt: skip
    breaks = (
        ("code:support_mode", setting("support_mode", value="其他")),
        ("range:planned_wan_cny", setting("planned_wan", value=-30.0)),
        ("required:item_name", setting("item_name", value=None)),
        ("type:budget_date", setting("budget_date", value="2024-02-30")),
        ("range:score", setting("score", value=180.0)),
    )
    conflicting: ClassVar[Row] = {"planned_wan": 1.0, "paid_wan": 0.0}

    def size(self) -> int:
        return self.money.fiscal_items

    def fault(self, slot: int) -> int | None:
        """Only in lines that pay no project: what a project was paid must arrive."""
        number, rest = divmod(slot // 4 % 200 - 5, 8)
        return number if slot % 4 == 3 and rest == 0 and 0 <= number < len(self.breaks) else None

    def twin(self, slot: int) -> bool:
        return slot % 4 == 3 and slot // 4 % 250 == 9

    def item(self, slot: int) -> FiscalItem:
        return self.money.fiscal_item(slot)

    def days(self, slot: int) -> Iterable[date | None]:
        item = self.item(slot)
        return (item.budgeted, *(day for day, _ in item.payments), item.scored)

    def links(self, slot: int) -> dict[str, str]:
        return {"recipient": f"institution:{self.item(slot).recipient.number}"}

    def row(self, slot: int) -> Row:
        item, today = self.item(slot), self.city.today
        rng = self.city.rng("fiscal item form", slot)
        scored = item.score if item.scored <= today else None
        return {
            "item_no": item.item_no,
            "fiscal_year": item.year,
            "gov_level": item.level,
            "department": plan.DEPARTMENTS[item.department],
            "special_fund": item.fund,
            "item_name": dirt.typed_name(rng, item.name),
            "support_mode": item.mode,
            "district_code": dirt.typed_digits(rng, item.district) if item.district else None,
            "zone_code": item.zone,
            **self.party(slot, "recipient", item.recipient, item.budgeted),
            "project_no": item.project.project_no if item.project else None,
            "fund_no": self.money.fund(item.into_fund).fund_no if item.into_fund is not None else None,
            "budget_date": item.budgeted.isoformat(),
            "planned_wan": item.planned,
            "paid_wan": item.paid_on(today),
            "last_paid": dirt.iso(max((day for day, _ in item.payments if day <= today), default=None)),
            "score": scored,
            "grade": None if scored is None else _grade(scored),
            "score_date": dirt.iso(item.scored) if scored is not None else None,
        }


class Funds(_Ledger):
    record, key = "fund", ("fund_no",)
    columns: ClassVar[dict[str, str]] = {
        "fund_no": "text", "fund_name": "text", "fund_type": "text", "manager_name": "text", "manager_code": "text",
        "zone_code": "text", "founded": "text", "ends": "text", "public_wan": "number", "private_wan": "number",
        "status": "text",
    }  # fmt: skip
    breaks = (
        ("code:fund_type", setting("fund_type", value="基金")),
        ("range:public_wan_cny", setting("public_wan", value=-500.0)),
        ("required:fund_name", setting("fund_name", value=None)),
    )
    conflicting: ClassVar[Row] = {"private_wan": 1.0}

    def size(self) -> int:
        return self.money.funds

    def days(self, slot: int) -> Iterable[date | None]:
        fund = self.money.fund(slot)
        return fund.founded, fund.ends

    def links(self, slot: int) -> dict[str, str]:
        return {"manager": f"institution:{self.money.fund(slot).manager.number}"}

    def row(self, slot: int) -> Row:
        fund = self.money.fund(slot)
        return {
            "fund_no": fund.fund_no,
            "fund_name": fund.name,
            "fund_type": fund.type,
            **self.party(slot, "manager", fund.manager, fund.founded),
            "zone_code": fund.zone,
            "founded": fund.founded.isoformat(),
            "ends": fund.ends.isoformat(),
            "public_wan": fund.public,
            "private_wan": fund.private,
            "status": "到期" if fund.ends <= self.city.today else "存续",
        }


class Investments(_Ledger):
    record, key = "fund_investment", ("investment_no",)
    columns: ClassVar[dict[str, str]] = {
        "investment_no": "text", "fund_no": "text", "firm_name": "text", "firm_code": "text", "invested": "text",
        "round": "text", "amount_wan": "number", "beside_wan": "number", "left_on": "text", "returned_wan": "number",
    }  # fmt: skip
    breaks = (
        ("range:amount_wan_cny", setting("amount_wan", value=-1.0)),
        ("code:round", setting("round", value="Z轮")),
        ("type:invested_date", setting("invested", value="2024-13-01")),
        ("required:fund_no", setting("fund_no", value=None)),
    )
    conflicting: ClassVar[Row] = {"amount_wan": 1.0}

    def size(self) -> int:
        return self.money.investments

    def days(self, slot: int) -> Iterable[date | None]:
        investment = self.money.investment(slot)
        return investment.day, investment.left

    def links(self, slot: int) -> dict[str, str]:
        return {"firm": f"institution:{self.money.investment(slot).firm.number}"}

    def row(self, slot: int) -> Row:
        i = self.money.investment(slot)
        left = i.left if i.left and i.left <= self.city.today else None
        return {
            "investment_no": i.investment_no,
            "fund_no": self.money.fund(i.fund).fund_no,
            **self.party(slot, "firm", i.firm, i.day),
            "invested": i.day.isoformat(),
            "round": i.round,
            "amount_wan": i.amount,
            "beside_wan": i.beside,
            "left_on": dirt.iso(left),
            "returned_wan": i.returned if left else None,
        }


class Loans(_Ledger):
    record, key = "loan", ("loan_no",)
    columns: ClassVar[dict[str, str]] = {
        "loan_no": "text", "borrower_name": "text", "borrower_code": "text", "bank": "text", "product": "text",
        "amount_wan": "number", "rate": "number", "ratio": "number", "paid_out": "text", "due": "text",
        "repaid": "text", "status": "text", "outstanding_wan": "number", "exposure_wan": "number",
        "default_date": "text", "compensated": "text", "compensated_wan": "number",
    }  # fmt: skip
    breaks = (
        ("code:status", setting("status", value="关注")),
        ("range:rate_percent", setting("rate", value=99.0)),
        ("type:due_date", setting("due", value="2025-11-31")),
        ("required:bank", setting("bank", value=None)),
        ("range:compensation_ratio", setting("ratio", value=70.0)),
    )
    conflicting: ClassVar[Row] = {"amount_wan": 1.0, "outstanding_wan": 0.0}

    def size(self) -> int:
        return self.money.loans

    def days(self, slot: int) -> Iterable[date | None]:
        loan = self.money.loan(slot)
        past = loan.due + timedelta(days=1)
        late = loan.repaid is None or loan.repaid >= past
        return loan.paid_out, past if late else None, loan.repaid, loan.defaulted, loan.compensated

    def links(self, slot: int) -> dict[str, str]:
        return {"borrower": f"institution:{self.money.loan(slot).borrower.number}"}

    def row(self, slot: int) -> Row:
        loan: Loan = self.money.loan(slot)
        today = self.city.today
        repaid, defaulted, compensated = (
            day if day and day <= today else None for day in (loan.repaid, loan.defaulted, loan.compensated)
        )
        return {
            "loan_no": loan.loan_no,
            **self.party(slot, "borrower", loan.borrower, loan.paid_out),
            "bank": loan.bank,
            "product": loan.product,
            "amount_wan": loan.amount,
            "rate": loan.rate,
            "ratio": loan.ratio,
            "paid_out": loan.paid_out.isoformat(),
            "due": loan.due.isoformat(),
            "repaid": dirt.iso(repaid),
            "status": loan.state_on(today),
            "outstanding_wan": loan.outstanding_on(today),
            "exposure_wan": loan.exposure_on(today),
            "default_date": dirt.iso(defaulted),
            "compensated": dirt.iso(compensated),
            "compensated_wan": round(loan.amount * loan.ratio, 2) if compensated else None,
        }


class Pledges(_Ledger):
    record, key = "ip_pledge", ("pledge_no",)
    columns: ClassVar[dict[str, str]] = {
        "pledge_no": "text", "owner_name": "text", "owner_code": "text", "patents": "text", "bank": "text",
        "amount_wan": "number", "registered": "text", "released": "text", "status": "text",
    }  # fmt: skip
    breaks = (
        ("code:status", setting("status", value="待定")),
        ("required:patent_numbers", setting("patents", value=None)),
        ("range:amount_wan_cny", setting("amount_wan", value=-10.0)),
        ("type:registered_date", setting("registered", value="2024-04-31")),
    )
    conflicting: ClassVar[Row] = {"amount_wan": 1.0}

    def size(self) -> int:
        return self.money.pledges

    def days(self, slot: int) -> Iterable[date | None]:
        pledge = self.money.pledge(slot)
        return pledge.registered, pledge.released

    def links(self, slot: int) -> dict[str, str]:
        return {"owner": f"institution:{self.money.pledge(slot).owner.number}"}

    def row(self, slot: int) -> Row:
        pledge = self.money.pledge(slot)
        rng = self.city.rng("pledge form", slot)
        released = pledge.released if pledge.released <= self.city.today else None
        return {
            "pledge_no": pledge.pledge_no,
            **self.party(slot, "owner", pledge.owner, pledge.registered),
            "patents": rng.choices((";", "；", "; "), (80, 12, 8))[0].join(pledge.patents),
            "bank": pledge.bank,
            "amount_wan": pledge.amount,
            "registered": pledge.registered.isoformat(),
            "released": dirt.iso(released),
            "status": "注销" if released else "有效",
        }


class Vouchers(_Ledger):
    record, key = "voucher", ("voucher_no",)
    columns: ClassVar[dict[str, str]] = {
        "voucher_no": "text", "holder_name": "text", "holder_code": "text", "service_name": "text",
        "service_code": "text", "service_type": "text", "issued": "text", "valid_to": "text", "limit_yuan": "integer",
        "redeemed_yuan": "integer", "last_redeemed": "text", "status": "text",
    }  # fmt: skip
    breaks = (
        ("code:service_type", setting("service_type", value="综合")),
        ("range:limit_cny", setting("limit_yuan", value=-1)),
        ("required:holder_name", setting("holder_name", value=None)),
        ("type:issued_date", setting("issued", value="2025-06-31")),
    )
    conflicting: ClassVar[Row] = {"limit_yuan": 1, "redeemed_yuan": 0}

    def size(self) -> int:
        return self.money.vouchers

    def days(self, slot: int) -> Iterable[date | None]:
        voucher = self.money.voucher(slot)
        used = [day for day, _ in voucher.redeemed]
        past = None if used and used[0] <= voucher.valid_to else voucher.valid_to + timedelta(days=1)
        return voucher.issued, *used, past

    def links(self, slot: int) -> dict[str, str]:
        voucher = self.money.voucher(slot)
        paid = {"service": f"institution:{voucher.service.number}"} if voucher.last_on(self.city.today) else {}
        return {"holder": f"institution:{voucher.holder.number}", **paid}

    def row(self, slot: int) -> Row:
        voucher, today = self.money.voucher(slot), self.city.today
        redeemed, last = voucher.redeemed_on(today), voucher.last_on(today)
        used = last is not None
        return {
            "voucher_no": voucher.voucher_no,
            **self.party(slot, "holder", voucher.holder, voucher.issued),
            **(self.party(slot, "service", voucher.service, last) if last else dict.fromkeys(_SERVICE)),
            "service_type": voucher.kind,
            "issued": voucher.issued.isoformat(),
            "valid_to": voucher.valid_to.isoformat(),
            "limit_yuan": voucher.limit,
            "redeemed_yuan": redeemed,
            "last_redeemed": dirt.iso(last),
            "status": "已兑付" if used else "过期" if voucher.valid_to < today else "未使用",
        }


_SERVICE = ("service_name", "service_code")
REGISTERS = (FiscalItems, Funds, Investments, Loans, Pledges, Vouchers)


def fill(city: City, database: str) -> None:
    """Let the tables hold what is true today: all rows the first time, then those changed since the last day."""
    from sqlalchemy import Column, Integer, MetaData, Table, create_engine, delete, make_url, select

    if (file := make_url(database).database) and database.startswith("sqlite"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(database)
    metadata = MetaData()
    tables = {register: _table(metadata, register) for register in REGISTERS}
    names = ("seed", "millionths_of_scale", "day")
    state = Table("demo_city", metadata, *(Column(name, Integer) for name in names))
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            mark = (city.seed, round(city.scale * 1_000_000))
            held = connection.execute(select(state)).first()
            since = held.day if held and tuple(held)[:2] == mark and held.day <= city.day else None
            for register, table in tables.items():
                _write(connection, table, city.slice(register), since)
            connection.execute(delete(state))
            connection.execute(state.insert(), dict(zip(names, (*mark, city.day), strict=True)))
    finally:
        engine.dispose()


def _table(metadata: MetaData, register: type[_Ledger]) -> Table:
    from sqlalchemy import BigInteger, Column, DateTime, Integer, Numeric, String, Table

    types: dict[str, Any] = {"text": String, "integer": Integer, "number": Numeric(16, 2, asdecimal=False)}
    columns = [Column(name, types[kind]) for name, kind in register.columns.items()]
    # numbers given away twice and rows entered twice are there, so the database has a number of its own
    own = Column("row_id", BigInteger, primary_key=True, autoincrement=False)
    return Table(register.record, metadata, own, *columns, Column("updated_at", DateTime, index=True))


def _write(connection: Connection, table: Table, register: _Ledger, since: int | None) -> None:
    """Replace the rows of the slots that changed after the city's day `since`; all where it is None."""
    from sqlalchemy import delete

    city = register.city
    last = None if since is None else city.at(since).now
    if last is None:
        connection.execute(delete(table))
    slots = (slot for slot in range(register.size()) if last is None or register.changed(slot) > last)
    for some in _batched(slots, AT_ONCE):
        if last is not None:
            ids = [slot * 2 + place for slot in some for place in (0, 1)]
            connection.execute(delete(table).where(table.c.row_id.in_(ids)))
        rows = [
            {"row_id": slot * 2 + place, **row, "updated_at": register.changed(slot)}
            for slot in some
            for place, (row, _) in enumerate(register.deliveries(slot))
        ]
        connection.execute(table.insert(), rows)


def _batched(slots: Iterable[int], size: int) -> Iterator[list[int]]:
    some: list[int] = []
    for slot in slots:
        some.append(slot)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _grade(score: float) -> str:
    return "优" if score >= 90 else "良" if score >= 80 else "中" if score >= 60 else "差"
