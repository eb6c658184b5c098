"""孵化载体和平台统计表: an Excel workbook per district and year, with three forms for people to read.

Titles, two header rows with merged cells, amounts in 千元, a 合计 row, notes below. A district hands in its year in the
spring after it, some late; some correct single rows months later in a workbook of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from demo import dirt, words
from demo.anchored import AnchoredRegister
from demo.city import TODAY, City
from demo.platforms import FIRST_FORM, MOST_TENANTS, Platforms, Tenant
from demo.register import Delivery, Row, setting
from demo.workbooks import workbook_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

YEARS = 10  # forms of one thing, from FIRST_FORM on
ANCHORED_TENANTS = 16  # of a carrier, the first of which show for sure


def handed_in(city: City, district: str, year: int) -> date:
    """Day on which a district hands in the forms of a year: from 20 March on, one in nine only around 1 July."""
    rng = city.rng(f"forms of {district}", year)
    late = rng.random() < 0.11
    return date(year + 1, 3, 20) + timedelta(days=rng.randint(95, 112) if late else rng.randint(0, 36))


def corrected(city: City, district: str, year: int) -> date | None:
    """Day on which a district corrects rows of a year, when all have handed it in; every second does, from 2025 on.

    A year's workbooks are one delivery: one that came in after a correction would bring the old rows once more.
    """
    rng = city.rng(f"correction of {district}", year)
    if year < TODAY.year - 1 or rng.random() > 0.5:
        return None
    return date(year + 1, 7, 12) + timedelta(days=rng.randint(0, 100))


class FormRegister(AnchoredRegister):
    """Rows of one of the forms; a slot is a thing in a year."""

    source = "carriers"
    sheet: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, city: City):
        super().__init__(city)
        self.platforms = city.slice(Platforms)

    def thing(self, slot: int) -> tuple[int, int]:
        """Number of the thing, and the year."""
        number, place = divmod(slot, YEARS)
        return number, FIRST_FORM + place

    def district(self, number: int) -> str:
        return self.platforms.platform(number).district

    def is_reported(self, number: int, year: int) -> bool:
        """Whether the thing stands in the form of the year."""
        raise NotImplementedError

    def shows(self, slot: int) -> bool:
        number, year = self.thing(slot)
        return self.is_reported(number, year) and self._day(number, year) <= self.city.today

    def _day(self, number: int, year: int) -> date:
        return self._handed_in[self.district(number), year]

    @cached_property
    def _handed_in(self) -> dict[tuple[str, int], date]:
        years = range(FIRST_FORM, FIRST_FORM + YEARS)
        return {(d, y): handed_in(self.city, d, y) for d in words.DISTRICTS for y in years}

    def changed(self, slot: int) -> datetime:
        number, year = self.thing(slot)
        day = self._day(number, year)
        if self.is_wrong(number, year):
            later = corrected(self.city, self.district(number), year)
            day = later if later and later <= self.city.today else day
        return datetime.combine(min(day, self.city.today), time(9, 0))

    def is_wrong(self, number: int, year: int) -> bool:
        """Whether the form first gave the row's money in 万元; known to be so once it is corrected."""
        return False

    def row(self, slot: int) -> Row:
        number, year = self.thing(slot)
        later = corrected(self.city, self.district(number), year) if self.is_wrong(number, year) else None
        return self.form(number, year, wrong=later is not None and later > self.city.today)

    def form(self, number: int, year: int, *, wrong: bool) -> Row:
        """The row as handed in; `wrong`: with money in the wrong unit."""
        raise NotImplementedError

    def columns(self) -> list[str]:
        """Names of the columns, for a form without rows too."""
        return list(self.form(self.thing(0)[0], FIRST_FORM, wrong=False))

    def slots_of(self, year: int) -> dict[str, list[int]]:
        """District → slots of a year that were ever handed in or will be."""
        found: dict[str, list[int]] = {}
        for slot in range(year - FIRST_FORM, self.size(), YEARS):
            number, _ = self.thing(slot)
            if self.is_reported(number, year):
                found.setdefault(self.district(number), []).append(slot)
        return found

    def first_deliveries(self, slots: Sequence[int]) -> list[Delivery]:
        """Rows as first handed in, planted rubbish included."""
        found = []
        for slot in slots:
            number, year = self.thing(slot)
            wrong = self.is_wrong(number, year) and corrected(self.city, self.district(number), year) is not None
            for row, reason in self.deliveries(slot):
                found.append((self.form(number, year, wrong=True) if wrong and not reason else row, reason))
        return found

    def corrections(self, slots: Sequence[int]) -> list[Row]:
        """Rows that the correction of a district's year brings; never one with planted rubbish."""
        things = (self.thing(slot) for slot in slots if self.fault(slot) is None and not self.twin(slot))
        return [self.form(n, y, wrong=False) for n, y in things if self.is_wrong(n, y)]


class _OwnForms(FormRegister):
    """Forms about a platform or carrier itself, by its host: from its recognition to the year in which that ends."""

    def is_reported(self, number: int, year: int) -> bool:
        p = self.platforms.platform(number)
        return p.approved.year <= year and (p.closed is None or p.closed.year >= year)

    def is_wrong(self, number: int, year: int) -> bool:
        return year >= TODAY.year - 1 and self.city.rng("wrong unit", number * YEARS + year).random() < 0.2

    def links(self, slot: int) -> dict[str, str]:
        return {"host": f"institution:{self.platforms.platform(self.thing(slot)[0]).host}"}


class PlatformForms(_OwnForms):
    record, key = "platform", ("平台编号", "年度")
    sheet, title = "表1 科技创新平台", "西安市科技创新平台运行情况统计表"
    breaks = (
        ("code:level", setting("级别", value="区级")),
        ("range:service_hours", setting("台均机时（小时）/有效工作机时", value=-20.0)),
        ("type:area_m2", setting("场地面积（平方米）", value="约两千")),
        ("required:name", setting("平台名称", value=None)),
    )
    conflicting: ClassVar[Row] = {"人员（人）/总数": 1}

    def size(self) -> int:
        return self.platforms.carriers.start * YEARS

    def anchor(self, slot: int) -> int | None:
        number, year = self.thing(slot)
        return number * (TODAY.year - FIRST_FORM) + year - FIRST_FORM if year < TODAY.year else None

    def form(self, number: int, year: int, *, wrong: bool) -> Row:
        p, y = self.platforms.platform(number), self.platforms.year(number, year)
        host = self.city.institution(p.host)
        rng = self.city.rng("platform form", number * 100 + year - 2000)
        day = date(year, 12, 31)
        money = [v / 10 if wrong else v for v in (y.equipment, y.revenue, y.rd, y.subsidy)]
        return {
            "年度": year,
            "平台编号": p.no,
            "平台名称": dirt.typed_name(rng, p.name),
            "平台类型": p.kind,
            "级别": p.level,
            "依托单位/名称": dirt.spelling(rng, host, day),
            "依托单位/统一社会信用代码": None if rng.random() < 0.05 else dirt.typed_code(rng, host.credit_code),
            "重点产业": p.industry,
            "技术领域": p.field,
            "开发区代码": p.zone,
            "地址": p.address,
            "认定日期": p.approved.isoformat(),
            "场地面积（平方米）": y.area,
            "人员（人）/总数": y.staff,
            "人员（人）/当年引进高层次人才": y.hired,
            "仪器设备/台（套）数": y.instruments,
            "仪器设备/原值（千元）": typed_number(rng, money[0]),
            "台均机时（小时）/有效工作机时": typed_number(rng, y.hours / 10),
            "台均机时（小时）/对外服务机时": typed_number(rng, y.external / 10),
            "经费（千元）/总收入": typed_number(rng, money[1]),
            "经费（千元）/研发支出": typed_number(rng, money[2]),
            "经费（千元）/财政补助": typed_number(rng, money[3]),
            "育孵企业数": y.hatched if p.kind == "新型研发机构" else None,
            "绩效评价得分": y.score,
            "状态": y.status,
            "备注": rng.choice(REMARKS) if rng.random() < 0.08 else None,
        }


class CarrierForms(_OwnForms):
    record, key = "incubator", ("载体编号", "年度")
    sheet, title = "表2 孵化载体", "西安市科技企业孵化载体统计表"
    breaks = (
        ("code:carrier_type", setting("载体类型", value="咖啡馆")),
        ("range:occupied_area_m2", setting("场地面积（平方米）/在孵企业使用面积", value=-20)),
        ("type:revenue_thousand_cny", setting("经费（千元）/总收入", value="见附表")),
    )
    conflicting: ClassVar[Row] = {"服务人员数": 1}

    def size(self) -> int:
        return len(self.platforms.carriers) * YEARS

    def thing(self, slot: int) -> tuple[int, int]:
        number, year = super().thing(slot)
        return self.platforms.carriers.start + number, year

    def anchor(self, slot: int) -> int | None:
        number, year = self.thing(slot)
        place = (number - self.platforms.carriers.start) * (TODAY.year - FIRST_FORM) + year - FIRST_FORM
        return place if year < TODAY.year else None

    def form(self, number: int, year: int, *, wrong: bool) -> Row:
        p, y = self.platforms.platform(number), self.platforms.carrier_year(number, year)
        host = self.city.institution(p.host)
        rng = self.city.rng("carrier form", number * 100 + year - 2000)
        money = [v / 10 if wrong else v for v in (y.revenue, y.subsidy)]
        return {
            "年度": year,
            "载体编号": p.no,
            "载体名称": dirt.typed_name(rng, p.name),
            "载体类型": p.kind,
            "级别": p.level,
            "运营单位/名称": dirt.spelling(rng, host, date(year, 12, 31)),
            "运营单位/统一社会信用代码": None if rng.random() < 0.05 else dirt.typed_code(rng, host.credit_code),
            "重点产业": p.industry,
            "开发区代码": p.zone,
            "地址": p.address,
            "认定日期": p.approved.isoformat(),
            "场地面积（平方米）/总面积": typed_number(rng, y.area),
            "场地面积（平方米）/孵化面积": typed_number(rng, y.for_tenants),
            "场地面积（平方米）/在孵企业使用面积": typed_number(rng, y.occupied),
            "创业工位数": y.desks,
            "企业数（家）/年末在孵": y.tenants,
            "企业数（家）/当年新增": y.entered,
            "企业数（家）/当年毕业": y.graduated,
            "企业数（家）/累计毕业": y.graduated_ever,
            "服务人员数": y.staff,
            "创业导师数": y.mentors,
            "活动场次": y.events,
            "经费（千元）/总收入": typed_number(rng, money[0]),
            "经费（千元）/财政补助": typed_number(rng, money[1]),
            "绩效评价得分": y.score,
            "状态": y.status,
            "备注": rng.choice(REMARKS) if rng.random() < 0.08 else None,
        }


class TenantForms(FormRegister):
    record, key = "tenant", ("企业编号", "年度")
    sheet, title = "表3 在孵和毕业企业", "西安市孵化载体在孵和毕业企业名单"
    breaks = (
        ("code:status", setting("状态", value="失联")),
        ("required:name", setting("企业名称", value=None)),
        ("type:entered_date", setting("入驻日期", value="2023-02-30")),
        ("range:staff_count", setting("从业人员数", value=-3)),
    )
    conflicting: ClassVar[Row] = {"从业人员数": 1}

    def size(self) -> int:
        return len(self.platforms.carriers) * MOST_TENANTS * YEARS

    def thing(self, slot: int) -> tuple[int, int]:
        number, year = super().thing(slot)
        return self.platforms.carriers.start * MOST_TENANTS + number, year

    def tenant(self, number: int) -> Tenant | None:
        carrier, place = divmod(number, MOST_TENANTS)
        tenants = self.platforms.tenants(carrier)
        return tenants[place] if place < len(tenants) else None

    def district(self, number: int) -> str:
        return self.platforms.platform(number // MOST_TENANTS).district

    def anchor(self, slot: int) -> int | None:
        number, year = self.thing(slot)
        carrier, place = divmod(number - self.platforms.carriers.start * MOST_TENANTS, MOST_TENANTS)
        t = self.tenant(number) if place < ANCHORED_TENANTS else None
        return carrier * ANCHORED_TENANTS + place if t and year == max(t.entered.year, FIRST_FORM) else None

    def is_reported(self, number: int, year: int) -> bool:
        t = self.tenant(number)
        return t is not None and t.entered.year <= year <= t.last_reported

    def form(self, number: int, year: int, *, wrong: bool) -> Row:
        return self._form(self.tenant(number), year)

    def columns(self) -> list[str]:
        day = date(FIRST_FORM, 1, 1)
        carrier = self.platforms.carriers.start
        return list(self._form(Tenant(0, carrier, None, "示例企业", "", day, None, None, None, 1, 1), FIRST_FORM))

    def _form(self, t: Tenant, year: int) -> Row:
        rng = self.city.rng("tenant form", t.number * 100 + year - 2000)
        day = date(year, 12, 31)
        if t.firm is None:
            name = dirt.typed_name(rng, t.name)
        else:
            name = dirt.spelling(rng, self.city.institution(t.firm), day)
        graduated, left, ended = (d.isoformat() if d and d <= day else None for d in (t.graduated, t.left, t.ended))
        out = t.status_on(day) != "在孵"
        return {
            "年度": year,
            "企业编号": t.no,
            "所在载体编号": self.platforms.platform(t.carrier).no,
            "企业名称": name,
            "统一社会信用代码": dirt.typed_code(rng, t.credit_code),
            "入驻日期": t.entered.isoformat(),
            "离开/毕业日期": graduated,
            "离开/退出日期": left,
            "离开/注销日期": ended,
            "从业人员数": None if out else max(1, round(t.staff * rng.uniform(0.8, 1.3))),
            "营业收入（千元）": None if out else typed_number(rng, round(t.revenue * rng.uniform(0.7, 1.6))),
            "状态": t.status_on(day),
        }

    def links(self, slot: int) -> dict[str, str]:
        t = self.tenant(self.thing(slot)[0])
        return {"firm": f"institution:{t.firm}"} if t and t.firm is not None else {}


REGISTERS = (PlatformForms, CarrierForms, TenantForms)
ENDPOINTS = ()
REMARKS = ("数据以年报为准", "含分支机构", "搬迁中", "与上年口径一致", "待复核")


def typed_number(rng: Any, value: float) -> float | str:
    """A number as people type it into a cell: now and then as text, in full width or with separators."""
    value = int(value) if value == int(value) else value
    chance = rng.random()
    if chance < 0.05:
        return f"{value}".translate(_WIDE)
    if chance < 0.08:
        return f"{value:,}"
    return f"{value} " if chance < 0.1 else value


_WIDE = {**dirt.FULL_WIDTH, ord("."): ord("．")}


# -- workbooks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sheet:
    name: str
    title: str
    columns: list[str]
    rows: list[Row]


def write(city: City, drop: Path) -> list[Path]:
    """The workbooks that districts handed in up to today, as far as they are missing; corrections in their own."""
    registers = [city.slice(cls) for cls in REGISTERS]
    written = []
    for year in range(FIRST_FORM, city.today.year):
        slots: list[dict[str, list[int]]] | None = None
        for code, (name, _) in words.DISTRICTS.items():
            folder = drop / "carriers" / str(year)
            later = corrected(city, code, year)
            due = [(folder / f"{code}{name}_{year}.xlsx", handed_in(city, code, year), False)]
            if later:
                due.append((folder / f"{code}{name}_{year}_更正{later:%Y%m%d}.xlsx", later, True))
            for path, day, again in due:
                if day > city.today or path.exists():
                    continue
                slots = slots or [r.slots_of(year) for r in registers]
                sheets = []
                for register, places in zip(registers, slots, strict=True):
                    here = places.get(code, [])
                    rows = register.corrections(here) if again else [r for r, _ in register.first_deliveries(here)]
                    sheets.append(_Sheet(register.sheet, f"{register.title}（{year}年度）", register.columns(), rows))
                if any(s.rows for s in sheets):
                    written.append(_save(path, name, sheets))
    return written


def _save(path: Path, district: str, sheets: list[_Sheet]) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for sheet in sheets:
        _fill(book.create_sheet(sheet.name), district, sheet)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(workbook_bytes(book))
    unfinished.rename(path)
    return path


def _fill(sheet: Worksheet, district: str, form: _Sheet) -> None:
    """Title, place and unit, two header rows, the body, 合计, notes."""
    names = ["序号", *(n for n in form.columns if n != "年度")]
    width = len(names)
    _merged(sheet, 1, 1, 1, width, form.title)
    _merged(sheet, 2, 1, 2, 6, f"填报单位：{district}科学技术主管部门（演示）")
    sheet.cell(2, 8, "金额单位：千元")
    for column, name in enumerate(names, 1):
        top, _, below = name.partition("/")
        before = names[column - 2].partition("/")[0] if column > 1 else None
        if not below:
            _merged(sheet, 3, column, 4, column, _broken(top))
            continue
        sheet.cell(4, column, below)
        if before != top:
            last = max(c for c, n in enumerate(names, 1) if n.partition("/")[0] == top)
            _merged(sheet, 3, column, 3, last, _broken(top))
    rows = sorted(form.rows, key=_kind_of)  # stable: a kind stays in the order of its numbers
    for number, row in enumerate(rows, 1):
        for column, name in enumerate(names, 1):
            value = number if name == "序号" else row[name]
            if value is not None:
                sheet.cell(4 + number, column, value)
    _merge_kinds(sheet, names, rows)
    end = 5 + len(rows)
    _merged(sheet, end, 1, end, 3, "合　计")
    for column, name in enumerate(names, 1):
        if column > 3 and any(word in name for word in ("（千元）", "企业数（家）", "从业人员数")):
            sheet.cell(end, column, round(sum(r[name] for r in rows if isinstance(r[name], int | float)), 1))
    _merged(sheet, end + 1, 1, end + 1, width, "注：金额单位为千元，机时为单台（套）年平均值，面积单位为平方米。")
    sheet.cell(end + 2, 1, "填表人：（演示）")
    sheet.cell(end + 2, 6, "审核人：（演示）")


def _kind_of(row: Row) -> str:
    return next((row[n] for n in ("平台类型", "载体类型", "所在载体编号") if n in row), "")


def _merge_kinds(sheet: Worksheet, names: list[str], rows: list[Row]) -> None:
    """Equal neighbours in the column of the kind become one cell."""
    column = next((c for c, n in enumerate(names, 1) if n in ("平台类型", "载体类型", "所在载体编号")), None)
    first = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or _kind_of(rows[i]) != _kind_of(rows[first]):
            if i - first > 1:
                _merged(sheet, 5 + first, column, 4 + i, column, _kind_of(rows[first]))
            first = i


def _merged(sheet: Worksheet, top: int, left: int, bottom: int, right: int, value: str) -> None:
    sheet.cell(top, left, value)
    if (top, left) != (bottom, right):
        sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)


def _broken(name: str) -> str:
    """A heading with its unit on a line of its own, as in narrow columns."""
    return name.replace("（", "\n（")
