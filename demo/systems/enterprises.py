"""The registers of enterprises: every night a full snapshot of each, GB18030 CSV in a zip.

A firm that left the city, was merged or struck off is simply missing from the next one, and so is whoever left a pool.
"""

from __future__ import annotations

import csv
import io
import zipfile
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import ClassVar

from demo import dirt
from demo.anchored import AnchoredRegister
from demo.city import TODAY, City, Institution
from demo.firms import (
    FIRST_FIGURES,
    HIGH_TECH,
    LISTS,
    MOST_QUALIFICATIONS,
    POOL,
    SMALL,
    WAN,
    Firm,
    Firms,
    Qualification,
    firm_no,
    qualification_no,
)
from demo.patents import HALF_YEARS_UNPUBLISHED, INVENTION, MOST_OF_FIRM, MOST_OF_INSTITUTION, Patents, Right
from demo.register import Row, listed, setting

BEFORE = 30  # days before day 0 of which a snapshot is kept
AUTHORITY = {
    SMALL: "陕西省科学技术厅（演示）",
    HIGH_TECH: "陕西省高新技术企业认定管理机构（演示）",
    "专精特新小巨人": "工业和信息化部门（演示）",
    "制造业单项冠军": "工业和信息化部门（演示）",
    "规模以上企业": "统计部门（演示）",
    "上市企业": "证券交易所（演示）",
}
CITY_AUTHORITY = "西安市科学技术局（演示）"
LEVEL = {SMALL: "国家级", HIGH_TECH: "国家级", "专精特新小巨人": "国家级", "制造业单项冠军": "国家级", "上市企业": None}


class SnapshotRegister(AnchoredRegister):
    """A register as it stands on the evening of a day, which need not be the city's."""

    source = "enterprises"

    def __init__(self, city: City, today: date | None = None):
        super().__init__(city)
        self.today = today or city.today
        self.firms = city.slice(Firms)

    def at(self, day: date) -> datetime:
        """The evening of a day: when the system stamps what happened on it."""
        return datetime.combine(day, time(20, 0))

    def _last(self, *days: date | None) -> date:
        """The newest of some days that is not in the future."""
        return max((d for d in days if d is not None and d <= self.today), default=date(2015, 1, 1))

    def _owner(self, rng_slot: int, i: Institution, kind: str) -> tuple[str, str]:
        """Name and code as this register writes them."""
        rng = self.city.rng(f"{kind} form", rng_slot)
        return dirt.spelling(rng, i, self.today, 0), dirt.typed_code(rng, i.credit_code)


class FirmRows(SnapshotRegister):
    record, key = "firm", ("企业编号",)
    breaks = (
        ("code:status", setting("登记状态", value="不详")),
        ("required:name", setting("企业名称", value=None)),
        ("type:established_date", setting("成立日期", value="2019-13-01")),
        ("range:registered_capital_wan_cny", setting("注册资本（万元）", value="-5")),
    )
    conflicting: ClassVar[Row] = {"注册资本（万元）": "1"}

    def size(self) -> int:
        return self.firms.count

    def shows(self, slot: int) -> bool:
        return self.firms.firm(slot).is_there(self.today)

    def changed(self, slot: int) -> datetime:
        return self.at(self._changed(self.firms.firm(slot)))

    def _changed(self, f: Firm) -> date:
        merged = [day for day, _ in self._merged.get(f.place, ())]
        listed = [q.since for q in f.qualifications if q.board]
        return self._last(*(since for since, _ in f.institution.names), *merged, *listed)

    @cached_property
    def _merged(self) -> dict[int, list[tuple[date, int]]]:
        """Firm → (day, firm merged into it)."""
        found: dict[int, list[tuple[date, int]]] = {}
        firms = self.city.firms
        for place in range(self.size()):
            end = self.city.institution(firms[place]).merged_into
            if end:
                found.setdefault(bisect_left(firms, end[1]), []).append((end[0], place))
        return found

    def row(self, slot: int) -> Row:
        f = self.firms.firm(slot)
        i = f.institution
        rng = self.city.rng("firm form", slot)
        listed = next((q for q in f.qualifications if q.board and q.since <= self.today), None)
        capital = max(10, round(i.staff * rng.uniform(4, 30), -1))
        swallowed = [firm_no(p) for p in self._swallowed(slot)]
        market = (
            "SH"
            if listed and listed.board in ("科创板", "沪市主板")
            else "BJ"
            if listed and listed.board == "北交所"
            else "SZ"
        )
        return {
            "企业编号": f.no,
            "企业名称": dirt.spelling(rng, i, self.today, 0),
            "曾用名": "；".join(i.former_names(self.today)),
            "统一社会信用代码": dirt.typed_code(rng, i.credit_code),
            "重点产业": i.industry,
            "区县代码": dirt.typed_digits(rng, i.district),
            "开发区代码": i.zone,
            "注册地址": i.address,
            "成立日期": "0000-00-00" if rng.random() < 0.005 else i.established.isoformat(),
            "注册资本（万元）": f"{capital:.2f}",
            "企业规模": next(n for n, least in SIZES if i.staff >= least),
            "登记状态": "经营异常" if rng.random() < 0.015 else "存续",
            "吸收合并企业": "；".join(swallowed),
            "上市板块": listed and listed.board,
            "证券代码": listed and f"YS{slot % 10_000:04d}.{market}",
            "上市日期": listed and listed.since.isoformat(),
            "更新日期": self._changed(f).isoformat(),
        }

    def _swallowed(self, slot: int) -> list[int]:
        """Places of the firms merged into this one."""
        return [place for day, place in self._merged.get(slot, ()) if day <= self.today]

    def links(self, slot: int) -> dict[str, str]:
        merged = listed("merged_firm", "institution", (self.city.firms[p] for p in self._swallowed(slot)))
        return {"self": f"institution:{self.firms.firm(slot).institution.number}", **merged}


SIZES = (("大型", 1000), ("中型", 300), ("小型", 20), ("微型", 0))


class QualificationRows(SnapshotRegister):
    record, key = "qualification", ("资质编号",)
    breaks = (
        ("code:kind", setting("资质类别", value="示范标兵企业")),
        ("required:firm_no", setting("企业编号", value=None)),
        ("type:valid_from", setting("认定日期", value="2024-02-30")),
        ("code:status", setting("状态", value="待定")),
    )
    conflicting: ClassVar[Row] = {"证书编号": "GR0"}

    def __init__(self, city: City, today: date | None = None):
        super().__init__(city, today)
        self.patents = city.slice(Patents)

    def size(self) -> int:
        return self.firms.count * MOST_QUALIFICATIONS

    def _of(self, slot: int) -> tuple[Firm, Qualification | None]:
        place, number = divmod(slot, MOST_QUALIFICATIONS)
        f = self.firms.firm(place)
        return f, f.qualifications[number] if number < len(f.qualifications) else None

    def anchor(self, slot: int) -> int | None:
        f, q = self._of(slot)
        lasting = (o for o in f.qualifications if o.kind in (SMALL, HIGH_TECH) and o.since < TODAY - timedelta(days=60))
        return f.place if q is not None and q is next(lasting, None) else None

    def shows(self, slot: int) -> bool:
        _, q = self._of(slot)
        return q is not None and self._shown(q)

    def _shown(self, q: Qualification) -> bool:
        """Lists show who is on them today, registers everybody who ever was."""
        return q.since <= self.today and (q.kind not in (POOL, *LISTS) or q.valid_on(self.today))

    def changed(self, slot: int) -> datetime:
        _, q = self._of(slot)
        return self.at(self._changed(q) if q else date(2015, 1, 1))

    def _changed(self, q: Qualification) -> date:
        after = [to + timedelta(days=1) for _, to in q.years] or [q.to and q.to + timedelta(days=1)]
        # the end of a year's entry is no news when the next has been made
        late = after[-1] if not q.years else q.to_on(self.today) + timedelta(days=1)
        return self._last(q.since, q.end, late, *(day for day, _ in q.years))

    def row(self, slot: int) -> Row:
        f, q = self._of(slot)
        name, code = self._owner(slot, f.institution, "qualification")
        to = q.to_on(self.today)
        years = q.entries_on(self.today)
        if q.ended_on(self.today):
            status = q.end_reason
        elif q.kind in (POOL, *LISTS):
            status = "在库"
        else:
            status = "有效" if q.valid_on(self.today) else "到期"
        backing = self.patents.backing(f, q) if q.kind == HIGH_TECH else ()
        return {
            "资质编号": qualification_no(f.place, q.number),
            "企业编号": f.no,
            "企业名称": name,
            "统一社会信用代码": code,
            "资质类别": q.kind,
            "级别": LEVEL.get(q.kind, "市级"),
            "证书编号": f"{'GR' if q.kind == HIGH_TECH else 'YS'}{q.since.year}99{slot:09d}"
            if q.kind != POOL
            else None,
            "认定日期": q.since.isoformat(),
            "有效期至": dirt.iso(to),
            "最近入库年度": str(years[-1][0].year) if years else None,
            "最近入库日期": years[-1][0].isoformat() if years else None,
            "终止日期": q.end.isoformat() if q.ended_on(self.today) else None,
            "状态": status,
            "知识产权编号": "；".join(r.no for r in backing),
            "认定机构": AUTHORITY.get(q.kind, CITY_AUTHORITY),
            "更新日期": self._changed(q).isoformat(),
        }

    def links(self, slot: int) -> dict[str, str]:
        return {"firm": f"institution:{self._of(slot)[0].institution.number}"}


class FirmYearRows(SnapshotRegister):
    record, key = "firm_year", ("企业编号", "年度")
    breaks = (
        ("type:revenue_wan_cny", setting("营业收入（万元）", value="约五千")),
        ("range:staff_count", setting("从业人员数", value="-5")),
        ("range:rd_score", setting("研发投入得分", value="80")),
        ("type:filed_date", setting("填报日期", value="2025-02-30")),
    )
    conflicting: ClassVar[Row] = {"从业人员数": "1"}
    YEARS = 10

    def size(self) -> int:
        return self.firms.count * self.YEARS

    def _of(self, slot: int) -> tuple[Firm, int]:
        place, number = divmod(slot, self.YEARS)
        return self.firms.firm(place), FIRST_FIGURES + number

    def anchor(self, slot: int) -> int | None:
        f, year = self._of(slot)
        first = next((y for y, r in f.reports.items() if r and r[0].day < TODAY - timedelta(days=60)), None)
        return f.place if year == first else None

    def shows(self, slot: int) -> bool:
        f, year = self._of(slot)
        return f.report_on(year, self.today) is not None

    def changed(self, slot: int) -> datetime:
        f, year = self._of(slot)
        report = f.report_on(year, self.today)
        return self.at(report.day if report else date(2015, 1, 1))

    def row(self, slot: int) -> Row:
        f, year = self._of(slot)
        report = f.report_on(year, self.today)
        x = report.figures
        name, code = self._owner(slot, f.institution, "firm_year")
        return {
            "企业编号": f.no,
            "年度": str(year),
            "企业名称": name,
            "统一社会信用代码": code,
            "从业人员数": str(x.staff),
            "科技人员数": str(x.rd_staff),
            "营业收入（万元）": wan(x.revenue),
            "研发费用（万元）": wan(x.rd),
            "高新技术产品（服务）收入（万元）": wan(x.high_tech_revenue),
            "资产总额（万元）": wan(x.assets),
            "净利润（万元）": wan(x.profit),
            "科技人员得分": str(x.score_staff),
            "研发投入得分": str(x.score_rd),
            "科技成果得分": str(x.score_results),
            "是否更正": "是" if len(f.reports[year]) > 1 and report is f.reports[year][-1] else "否",
            "填报日期": report.day.isoformat(),
        }

    def links(self, slot: int) -> dict[str, str]:
        return {"firm": f"institution:{self._of(slot)[0].institution.number}"}


class RightRows(SnapshotRegister):
    record, key = "ip", ("权利编号",)
    breaks = (
        ("code:kind", setting("类别", value="实用发明")),
        ("required:title", setting("名称", value=None)),
        ("type:application_date", setting("申请日", value="2023-02-30")),
        ("code:legal_status", setting("法律状态", value="未知")),
    )
    conflicting: ClassVar[Row] = {"名称": "另一件同号的权利"}

    def __init__(self, city: City, today: date | None = None):
        super().__init__(city, today)
        self.patents = city.slice(Patents)
        self.before = (
            len(self.patents.others) * MOST_OF_INSTITUTION
        )  # slots of institutions come first: they are no more

    def size(self) -> int:
        return self.before + self.firms.count * MOST_OF_FIRM

    def _of(self, slot: int) -> Right | None:
        if slot < self.before:
            place, number = divmod(slot, MOST_OF_INSTITUTION)
            rights = self.patents.of_other(place)
        else:
            place, number = divmod(slot - self.before, MOST_OF_FIRM)
            rights = self.patents.of_firm(place)
        return rights[number] if number < len(rights) else None

    def anchor(self, slot: int) -> int | None:
        place, number = divmod(slot - self.before, MOST_OF_FIRM)
        if slot < self.before or self._of(slot) is None:
            return None
        lasting = (n for n, r in enumerate(self.patents.of_firm(place)) if r.is_public(TODAY - timedelta(days=60)))
        return place if number == next(lasting, None) else None

    def shows(self, slot: int) -> bool:
        right = self._of(slot)
        return right is not None and right.is_public(self.today)

    def changed(self, slot: int) -> datetime:
        right = self._of(slot)
        return self.at(self._changed(right) if right else date(2015, 1, 1))

    def _moved(self, r: Right) -> bool:
        """Whether it has another owner than at first."""
        return len(r.owners) > 1 and r.owners[1][0] <= self.today

    def _changed(self, r: Right) -> date:
        opened = r.applied + timedelta(days=HALF_YEARS_UNPUBLISHED) if r.kind == INVENTION else None
        moved = r.owners[-1][0] if len(r.owners) > 1 else None
        return self._last(opened, r.granted, r.refused, r.ended, moved, r.pledged, r.awarded)

    def row(self, slot: int) -> Row:
        r = self._of(slot)
        owner = self.city.institution(r.owner_on(self.today))
        name, code = self._owner(slot, owner, "ip")
        moved = self._moved(r)
        ended = r.ended if r.ended and r.ended <= self.today else None
        if r.refused and r.refused <= self.today:
            status = "驳回"
        elif r.granted and r.granted <= self.today:
            status = "失效" if ended else "有效"
        else:
            status = "审中"
        marks = dict(zip(CRITERIA, r.criteria(self.today), strict=True)) if r.kind == INVENTION else {}
        return {
            "权利编号": r.no,
            "类别": r.kind,
            "名称": r.title,
            "权利人": name,
            "权利人统一社会信用代码": code,
            "企业编号": firm_no(self.firms.place_of(owner.number)) if owner.kind == "firm" else None,
            "原权利人": self.city.institution(r.owners[0][1]).name_on(r.owners[1][0]) if moved else None,
            "转让日期": r.owners[1][0].isoformat() if moved else None,
            "申请日": r.applied.isoformat(),
            "授权日": r.granted.isoformat() if r.granted and r.granted <= self.today else None,
            "失效日": dirt.iso(ended),
            "法律状态": status,
            **{name: "是" if marks.get(name) else "否" for name in CRITERIA},
            "更新日期": self._changed(r).isoformat(),
        }

    def links(self, slot: int) -> dict[str, str]:
        right = self._of(slot)
        if right is None:
            return {}
        owner = {"owner": f"institution:{right.owner_on(self.today)}"}
        return {**owner, "former_owner": f"institution:{right.owners[0][1]}"} if self._moved(right) else owner


CRITERIA = ("战略性新兴产业", "海外同族专利", "维持超过十年", "质押融资", "国家级奖励")


class ConsortiumRows(SnapshotRegister):
    record, key = "consortium", ("联合体编号",)
    breaks = (
        ("code:status", setting("状态", value="停摆")),
        ("type:founded_date", setting("成立日期", value="2023-02-30")),
    )
    conflicting: ClassVar[Row] = {"成员数": "1"}
    KEPT = timedelta(days=90)  # a dissolved one stays on the list so long

    def __init__(self, city: City, today: date | None = None):
        super().__init__(city, today)
        self.patents = city.slice(Patents)

    def size(self) -> int:
        return self.patents.consortia()

    def shows(self, slot: int) -> bool:
        c = self.patents.consortium(slot)
        return c.founded <= self.today and (c.dissolved is None or self.today < c.dissolved + self.KEPT)

    def changed(self, slot: int) -> datetime:
        c = self.patents.consortium(slot)
        return self.at(self._last(c.founded, c.dissolved, *(d for m in c.members for d in m[1:])))

    def row(self, slot: int) -> Row:
        c = self.patents.consortium(slot)
        rng = self.city.rng("consortium form", slot)
        members = [self.city.institution(n) for n in c.members_on(self.today)]
        names = [dirt.spelling(rng, i, self.today, 1) for i in members]
        codes = [i.credit_code for i in members]
        return {
            "联合体编号": f"LH{slot + 1:05d}",
            "联合体名称": c.name,
            "牵头企业编号": firm_no(self.firms.place_of(members[0].number)),
            "牵头单位": names[0],
            "牵头单位统一社会信用代码": codes[0],
            "产业": c.industry,
            "成立日期": c.founded.isoformat(),
            "成员单位": "；".join(names),
            "成员统一社会信用代码": "；".join(codes),
            "成员数": str(len(members)),
            "状态": "解散" if c.dissolved and c.dissolved <= self.today else "运行",
            "更新日期": self.changed(slot).date().isoformat(),
        }

    def links(self, slot: int) -> dict[str, str]:
        """The first member leads, and stands in both places."""
        members = self.patents.consortium(slot).members_on(self.today)
        return {"lead": f"institution:{members[0]}", **listed("member", "institution", members)}


REGISTERS = (FirmRows, QualificationRows, FirmYearRows, RightRows, ConsortiumRows)
ENDPOINTS = ()


def wan(amount: int) -> str:
    """An amount of 0.01 万元 as the register writes it."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // WAN}.{amount % WAN:02d}"


def write(city: City, drop: Path) -> list[Path]:
    """One snapshot per register and day since day 0, and one of a month before; only those that are missing."""
    days = [TODAY - timedelta(days=BEFORE), *(TODAY + timedelta(days=d) for d in range(city.day + 1))]
    written = []
    for day in days:
        then = None
        for cls in REGISTERS:
            path = drop / "enterprises" / f"{cls.record}_{day:%Y%m%d}.zip"
            if not path.exists():
                then = then or (city if day == city.today else city.at(max(0, (day - TODAY).days)))
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(cls(then, day), path, day)
                written.append(path)
    return written


def _write(register: SnapshotRegister, path: Path, day: date) -> None:
    """The zip appears whole or not at all; its bytes follow from the rows and the day."""
    unfinished = path.with_suffix(".part")
    member = zipfile.ZipInfo(f"{path.stem}.csv", (day.year, day.month, day.day, 20, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(unfinished, "w") as archive, archive.open(member, "w") as f:
        for line in _lines(register):
            f.write(line)
    unfinished.rename(path)


def _lines(register: SnapshotRegister) -> Iterator[bytes]:
    """The CSV in runs of some thousand lines, GB18030."""
    text = io.StringIO()
    out = csv.writer(text)
    rows = register.rows()
    first = next(rows, None)
    out.writerow(register.row(0) if first is None else first)  # the heading of an empty list too
    for number, row in enumerate(chain([first] if first else [], rows)):
        out.writerow(row.values())
        if number % 4096 == 4095:
            yield text.getvalue().encode("gb18030")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode("gb18030")
