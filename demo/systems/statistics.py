"""规划指标与任务分解: figures, targets, mentions and tasks of the plan, as CSV files and workbooks.

The system begins to deliver on day 0: then everything published so far in one file each; later all figures again on
every day of publication, and the tasks as they stand every fortnight. Rubbish is planted in invented rows that no sum
needs: the plan's own figures all arrive, and so do the parts that add up to a figure of the city.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from demo import dirt, plan
from demo.city import TODAY, City
from demo.plan import Plan
from demo.register import Register, Row, setting

FORTNIGHT = timedelta(days=14)


class _Published(Register):
    """A register whose rows all lie in the plan's slice."""

    def __init__(self, city: City):
        super().__init__(city)
        self.plan = city.slice(Plan)


class IndicatorValues(_Published):
    source, record = "statistics", "indicator_value"
    key = ("指标代码", "年度", "分解维度", "责任单位代码", "分母口径代码", "发布单位")
    version = ("版本",)
    breaks = (
        ("type:value", setting("数值", value="约五千")),
        ("code:dimension", setting("分解维度", value="街道")),
        ("required:document", setting("来源文件", value=None)),
        ("range:year", setting("年度", value=1900)),
        ("type:published_date", setting("发布日期", value="2024-02-30")),
        ("code:measure_unit", setting("计量单位", value="千家")),
    )
    conflicting: ClassVar[Row] = {"数值": 1}

    def size(self) -> int:
        return len(self.plan.values)

    @cached_property
    def _spare(self) -> dict[int, int]:
        """Slot → place among the figures that districts report themselves."""
        spare = (s for s, v in enumerate(self.plan.values) if v.publisher == "区县自报")
        return {slot: place for place, slot in enumerate(spare)}

    def fault(self, slot: int) -> int | None:
        number, rest = divmod(self._spare.get(slot, 0) - 2, 5)
        return number if rest == 0 and 0 <= number < len(self.breaks) else None

    def twin(self, slot: int) -> bool:
        return self._spare.get(slot, 0) % 26 == 9

    def changed(self, slot: int) -> datetime:
        return datetime.combine(self.published(slot), time())

    def published(self, slot: int) -> date:
        return self.plan.values[slot].published

    def row(self, slot: int) -> Row:
        v = self.plan.values[slot]
        rng = self.city.rng("indicator value form", slot)
        return {
            "指标代码": v.indicator.code,
            "指标名称": dirt.typed_name(rng, v.indicator.name),
            "年度": v.year,
            "分解维度": v.dimension,
            "责任单位代码": v.unit_code,
            "责任单位": dirt.typed_name(rng, v.unit_name),
            "数值": v.value,
            "计量单位": v.indicator.unit,
            "分母口径代码": v.denominator_code,
            "口径说明": v.definition,
            "分母": v.denominator or None,
            "发布单位": v.publisher,
            "来源文件": v.document,
            "数值性质": v.kind,
            "版本": v.version,
            "发布日期": v.published.isoformat(),
        }


class Targets(_Published):
    source, record = "statistics", "target"
    key = ("指标代码", "目标年", "分解维度", "责任单位代码")
    version = ("版本",)
    breaks = (
        ("type:target_value", setting("目标值", value="若干")),
        ("code:mode", setting("考核方式", value="参考")),
        ("required:document", setting("依据文件", value=None)),
    )

    def size(self) -> int:
        return len(self.plan.targets)

    def fault(self, slot: int) -> int | None:
        spare = [s for s, t in enumerate(self.plan.targets) if t.year == 2023]
        return {spare[2 * k + 1]: k for k in range(len(self.breaks))}.get(slot)

    def changed(self, slot: int) -> datetime:
        return datetime.combine(self.plan.targets[slot].issued, time())

    def row(self, slot: int) -> Row:
        t = self.plan.targets[slot]
        rng = self.city.rng("target form", slot)
        own = t.dimension == plan.CITY
        return {
            "指标代码": t.indicator.code,
            "指标名称": t.indicator.name,
            "考核方式": t.indicator.mode,
            "目标年": t.year,
            "分解维度": t.dimension,
            "责任单位代码": t.unit_code,
            "责任单位": dirt.typed_name(rng, t.unit_name),
            "基期年": 2020 if t.baseline is not None else None,
            "基期值": "—" if t.baseline is None else t.baseline if own else _as_typed(rng.random(), t.baseline),
            "目标值": t.target if own else _as_typed(rng.random(), t.target),
            "计量单位": t.indicator.unit,
            "牵头部门": plan.DEPARTMENTS[t.indicator.department],
            "依据文件": t.document,
            "文号": dirt.typed_name(rng, t.document_number.replace("〔", "[").replace("〕", "]"))
            if rng.random() < 0.1
            else t.document_number,
            "章节": t.section,
            "数值性质": t.kind,
            "版本": t.version,
            "印发日期": t.issued.isoformat(),
        }


class Mentions(_Published):
    source, record, key = "statistics", "indicator_mention", ("提及编号",)
    breaks = (
        ("code:mention_kind", setting("提及性质", value="其他")),
        ("required:quote", setting("原文", value=None)),
    )

    def size(self) -> int:
        return len(plan.MENTIONS) + len(plan.LATER_MENTIONS)

    def changed(self, slot: int) -> datetime:
        return datetime.combine(plan.ISSUED if slot < len(plan.MENTIONS) else plan.ADJUSTED, time())

    def fault(self, slot: int) -> int | None:
        number, rest = divmod(slot - len(plan.MENTIONS) - 1, 2)
        return number if rest == 0 and 0 <= number < len(self.breaks) else None

    def row(self, slot: int) -> Row:
        own = slot < len(plan.MENTIONS)
        m = (*plan.MENTIONS, *plan.LATER_MENTIONS)[slot]
        name, unit = plan.CONSTANTS.get(m.code) or (plan.BY_CODE[m.code].name, plan.BY_CODE[m.code].unit)
        return {
            "提及编号": f"TJ{slot + 1:03d}",
            "指标代码": m.code,
            "指标名称": name,
            "章节": m.section,
            "提及性质": m.kind,
            "年度": m.year,
            "数值": m.value,
            "计量单位": unit,
            "原文": m.quote,
            "文件": f"{plan.PLAN}（{plan.PLAN_NUMBER}）" if own else f"{plan.ADJUSTING}（{plan.ADJUSTING_NUMBER}）",
        }


class Tasks(_Published):
    """The tasks as they stand on a day: today, or the day of an earlier file."""

    source, record, key = "statistics", "plan_task", ("任务编号",)
    breaks = (
        ("type:due_date", setting("完成时限", value="2025年底")),
        ("code:state", setting("状态", value="推进中")),
        ("range:progress_percent", setting("完成进度", value=120)),
        ("required:title", setting("任务名称", value=None)),
    )
    conflicting: ClassVar[Row] = {"完成进度": 1, "状态": "进行中"}

    def __init__(self, city: City, day: date | None = None):
        super().__init__(city)
        self.day = day or city.today

    def size(self) -> int:
        return len(self.plan.tasks)

    def changed(self, slot: int) -> datetime:
        task = self.plan.tasks[slot]
        happened = [plan.ISSUED, task.start, *(day for day, _ in task.reports)]
        return datetime.combine(max(day for day in happened if day <= self.day), time())

    def row(self, slot: int) -> Row:
        t = self.plan.tasks[slot]
        rng = self.city.rng("plan task form", slot)
        done = t.completed if t.completed and t.completed <= self.day else None
        return {
            "任务编号": plan.task_number(t),
            "任务名称": dirt.typed_name(rng, t.title),
            "规划章节": t.section,
            "牵头部门": plan.DEPARTMENTS[t.department],
            "配合部门": "、".join(plan.DEPARTMENTS[d] for d in t.helpers) or None,
            "区县代码": dirt.typed_digits(rng, t.district) if t.district else None,
            "开发区代码": t.zone,
            "责任机制": t.owner or None,
            "对应指标代码": t.indicator,
            "开始日期": t.start.isoformat(),
            "完成时限": t.due.isoformat(),
            "状态": t.state(self.day),
            "完成进度": t.progress(self.day),
            "完成日期": dirt.iso(done),
            "数据性质": "演示值",
        }


REGISTERS = (IndicatorValues, Targets, Mentions, Tasks)


def write(city: City, drop: Path) -> list[Path]:
    """Deliver the files that are missing up to today; returns the new ones."""
    return [path for path in _Files(city, drop / "statistics").deliver() if path]


class _Files:
    def __init__(self, city: City, folder: Path):
        self.city = city
        self.folder = folder
        self.values = city.slice(IndicatorValues)

    def deliver(self) -> Iterable[Path | None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        for last in (TODAY, *(d for d in self.values.plan.publications() if d > TODAY)):
            yield self.put(f"indicator_values_{last}.csv", lambda last=last: self.figures(last))
        yield self.put(f"targets_{TODAY}.xlsx", self.workbook)
        day = TODAY
        while day <= self.city.today:
            yield self.put(f"plan_tasks_{day}.csv", lambda day=day: self.tasks(day))
            day += FORTNIGHT

    def put(self, name: str, make: Callable[[], bytes]) -> Path | None:
        """Write a file that is not there yet; half a file is never seen under its name."""
        path = self.folder / name
        if path.exists():
            return None
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(make())
        unfinished.replace(path)
        return path

    def figures(self, last: date) -> bytes:
        """Every figure published by a day, revisions beside what they revise."""
        slots = (s for s in range(self.values.size()) if self.values.published(s) <= last)
        return _csv(row for slot in slots for row, _ in self.values.deliveries(slot))

    def tasks(self, day: date) -> bytes:
        return _csv(Tasks(self.city, day).rows())

    def workbook(self) -> bytes:
        """Targets and mentions, each under a title and a line of notes, with a note below."""
        from openpyxl import Workbook

        from demo.workbooks import workbook_bytes

        book = Workbook()
        sheets = (("目标", "科技创新主要指标目标分解表", Targets), ("提及", "规划指标提及清单", Mentions))
        for title, heading, register in sheets:
            sheet = book.create_sheet(title)
            rows = list(self.city.at(0).slice(register).rows())
            sheet.append([heading])
            sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(rows[0]))
            sheet.append(["依据：" + plan.PLAN_NUMBER])
            sheet.append(list(rows[0]))
            for row in rows:
                sheet.append(list(row.values()))
            sheet.append(["注：区县、开发区、部门分解均为演示数据，合计与全市数一致。"])
        del book["Sheet"]
        return workbook_bytes(book)


def _csv(rows: Iterable[Row]) -> bytes:
    """A CSV file with a byte order mark, as the office's software writes it."""
    out = io.StringIO(newline="")
    writer = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(out, list(row))
            writer.writeheader()
        writer.writerow(row)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _as_typed(chance: float, number: float) -> float | str:
    """Now and then a number with separators or in full width: a reader has to normalise widths."""
    if chance < 0.03:
        return f"{number:,}"
    return str(number).translate(dirt.FULL_WIDTH).replace(".", "．") if chance < 0.06 else number
