"""人工处置: what stewards decided about records, as CSV files of a week each.

The first file holds the book as it stood on day 0, every later one what was proposed, approved or revoked since.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

from demo import decisions, dirt
from demo.city import TODAY, City
from demo.decisions import Decisions, Signed
from demo.register import Register, Row, listed, setting
from demo.systems.finance import Loans, Vouchers

WEEK = timedelta(days=7)


class _Book(Register):
    """One kind of decision as it stands on a day: today, or the day of an earlier file."""

    source = "steward"

    def __init__(self, city: City, day: date | None = None):
        super().__init__(city)
        self.day = day or city.today
        self.decisions = city.slice(Decisions)

    def size(self) -> int:
        return self.decisions.books[self.record].count(self.day)

    def signed(self, slot: int) -> Signed:
        return self.decisions.sign(self.record, slot)

    def changed(self, slot: int) -> datetime:
        s = self.signed(slot)
        days = (s.decided, s.approved, s.revoked)
        return datetime.combine(max(d for d in days if d and d <= self.day), time())

    def signatures(self, slot: int) -> Row:
        s = self.signed(slot)
        approved = s.approved <= self.day
        revoked = s.revoked if s.revoked and s.revoked <= self.day else None
        return {
            "提出人": s.proposer,
            "提出日期": s.decided.isoformat(),
            "批准人": s.approver if approved else None,
            "批准日期": s.approved.isoformat() if approved else None,
            "撤销日期": dirt.iso(revoked),
        }


class EntityDecisions(_Book):
    record, key = "entity_decision", ("决定编号",)
    breaks = (
        ("code:decision_kind", setting("决定", value="存疑")),
        ("type:proposed_date", setting("提出日期", value="2025-02-30")),
        ("required:reason", setting("理由", value=None)),
        ("required:record_ids", setting("记录编号", value=None)),
    )

    def links(self, slot: int) -> dict[str, str]:
        """By the numbers of their records: where two are one, the same person twice."""
        d = self.decisions.entity_decision(slot)
        return listed("subject", "person", d.people * (len(d.record_ids) // len(d.people)))

    def row(self, slot: int) -> Row:
        d = self.decisions.entity_decision(slot)
        return {
            "决定编号": decisions.decision_number(self.record, slot),
            "决定": d.kind,
            "实体类型": "人员",
            "记录编号": ";".join(d.record_ids),
            **self.signatures(slot),
            "理由": d.reason,
        }


class Corrections(_Book):
    """Corrections of the borrowers' credit codes in loans of the years before the book begins."""

    record, key = "correction", ("更正编号",)
    breaks = (
        ("type:proposed_date", setting("提出日期", value="2025-13-01")),
        ("required:field_name", setting("字段", value=None)),
        ("required:reason", setting("理由", value=None)),
    )

    @cached_property
    def _wrong(self) -> list[int]:
        """Loans whose borrower's code is missing or not the true one, however it was typed."""
        loans = self.city.slice(Loans)
        found = []
        for slot in range(min(10_000, loans.money.loan_days.first(decisions.YEARS[0]))):
            typed = loans.party(slot, "borrower", (loan := loans.money.loan(slot)).borrower, loan.paid_out)
            if typed["borrower_code"] != loan.borrower.credit_code and loans.fault(slot) is None:
                found.append(slot)
        return found

    def loan(self, slot: int) -> int:
        return self._wrong[slot % len(self._wrong)]

    def links(self, slot: int) -> dict[str, str]:
        return {"subject": self.city.slice(Loans).links(self.loan(slot))["borrower"]}

    def row(self, slot: int) -> Row:
        loans = self.city.slice(Loans)
        number = self.loan(slot)
        loan = loans.money.loan(number)
        return {
            "更正编号": decisions.decision_number(self.record, slot),
            "记录编号": f"finance:loan:{loan.loan_no}",
            "字段": "borrower_credit_code",
            "原值": loans.party(number, "borrower", loan.borrower, loan.paid_out)["borrower_code"],
            "新值": loan.borrower.credit_code,
            **self.signatures(slot),
            "理由": "营业执照核对",
        }


class Releases(_Book):
    """Releases of vouchers that their contract refused, or the decision to keep them refused."""

    record, key = "release", ("放行编号",)
    breaks = (
        ("code:verdict", setting("结论", value="再议")),
        ("required:reason", setting("理由", value=None)),
    )

    @cached_property
    def _refused(self) -> list[tuple[str, str]]:
        """Key and reason of the refused vouchers issued before the book begins."""
        vouchers = Vouchers(self.city)
        found = []
        for slot in range(min(50_000, vouchers.money.voucher_days.first(decisions.YEARS[0]))):
            if vouchers.fault(slot) is not None or vouchers.twin(slot):
                row, reason = vouchers.deliveries(slot)[0]
                found.append((row["voucher_no"], reason or ""))
        return found

    def row(self, slot: int) -> Row:
        number, reason = self._refused[slot % len(self._refused)]
        released = reason == "duplicate_key"
        return {
            "放行编号": decisions.decision_number(self.record, slot),
            "来源": "finance",
            "记录类型": "voucher",
            "记录编号": f"finance:voucher:{number}",
            "隔离原因": reason,
            "结论": "放行" if released else "维持隔离",
            **self.signatures(slot),
            "理由": "经核对为两张券误用同号，以此条为准" if released else "确为错误数据，退回填报单位",
        }


REGISTERS = (EntityDecisions, Corrections, Releases)
NAMES = {"entity_decision": "entity_decisions", "correction": "corrections", "release": "releases"}


def write(city: City, drop: Path) -> list[Path]:
    """Deliver the files that are missing up to today; returns the new ones."""
    folder = drop / "steward"
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for before, day in _weeks(city.today):
        for register in REGISTERS:
            path = folder / f"{NAMES[register.record]}_{day}.csv"
            rows = [] if path.exists() else _rows(register(city, day), before)
            if rows:
                unfinished = path.with_suffix(".unfinished")
                unfinished.write_bytes(_csv(rows))
                unfinished.replace(path)
                found.append(path)
    return found


def _weeks(today: date) -> Iterator[tuple[date | None, date]]:
    """(day of the file before, day of a file), the first without one before."""
    before, day = None, TODAY
    while day <= today:
        yield before, day
        before, day = day, day + WEEK


def _rows(book: _Book, before: date | None) -> list[Row]:
    slots = (s for s in range(book.size()) if before is None or book.changed(s).date() > before)
    return [row for slot in slots for row, _ in book.deliveries(slot)]


def _csv(rows: list[Row]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()
