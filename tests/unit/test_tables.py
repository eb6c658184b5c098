"""Forms as offices send them become records from YAML alone; nothing of them vanishes without being counted."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import openpyxl
import pytest

from brain.errors import ContractError, PayloadError
from ingest.contract import load_source
from ingest.run import source_of
from ingest.widths import plain
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


def workbook(sheets: dict[str, list[list[Any]]], merged: dict[str, list[str]] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cells in (merged or {}).get(name, []):
            sheet.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


MERGED = ["A1:F1", "A3:A4", "B3:B4", "C3:D3", "E3:F3"]
HEAD = [
    ["某市图书馆馆藏情况表"],
    ["单位：千册", None, None, None, None, "填报：甲"],
    ["序号", "馆  名", "藏书", None, "经费\n（千元）", None],
    [None, None, "总数", "当年新增", "收入", "支出"],
]


def form(rows: list[list[Any]], head: list[list[Any]] | None = None) -> bytes:
    return workbook({"2025年": (head or HEAD) + rows}, {"2025年": MERGED})


class Library:
    """A yearly form of libraries: titles, a header of two rows, sums and remarks."""

    def __init__(self, house: Any):
        self.house = house
        f = house.field
        self.fields = [
            f("county", key=1, physicalName="县区"),
            f("year", "integer", key=2, physicalName="年度"),
            f("library", key=3, physicalName="馆名"),
            f("books", "integer", physicalName="藏书/总数"),
            f("added", "integer", physicalName="藏书/当年新增"),
            f("income", "number", physicalName="经费（千元）/收入"),
            f("spent", "number", physicalName="经费（千元）/支出"),
            f("unit", physicalName="单位", required=True, enum=[{"value": "千册"}]),
        ]
        self.server: dict[str, Any] = {
            "asOf": r"_(\d{4})\.",
            "sheets": r"^\d{4}年",
            "skipRows": 2,
            "headerRows": 2,
            "headerJoin": "/",
            "sumRows": "^(合计|小计)",
            "footer": "^(注|填表人)",
            "taken": [
                {"name": "县区", "from": "file", "pattern": r"([^/]+[县区])_"},
                {"name": "年度", "from": "sheet", "pattern": r"^(\d{4})年"},
                {"name": "单位", "from": "cell", "cell": "A2", "pattern": r"单位[：:]\s*(\S+)"},
            ],
        }

    def contract(self, fields: list[Any] | None = None, record: dict[str, Any] | None = None, **server: Any) -> Any:
        given = {**self.server, **server}
        path = self.house.contract(
            fields or self.fields,
            name="library",
            servers=[self.house.server("forms/*.xlsx", "xlsx", **given)],
            **({"delivery": "changes", "ignoredFields": ["序号"], "widths": "normalise"} | (record or {})),
        )
        return load_source(path)

    def ingest(self, content: bytes, name: str = "forms/东县_2025.xlsx") -> list[Any]:
        self.house.deliver(name, content)
        return self.house.ingest("library")

    def rows(self, columns: str) -> list[tuple]:
        found = self.house.current(f"{columns}, _pointer", name="library")
        return [tuple(r.values()) for r in sorted(found, key=lambda r: int(r["_pointer"].partition("!")[2]))]

    def reasons(self) -> dict[str, int]:
        """What was refused of the newest batch, and how often."""
        items = [i for i in self.house.refused() if i["batch"] == self.house.entries()[-1].seq]
        return dict(Counter(reason for i in items for reason in i["reasons"]))


@pytest.fixture
def library(house: Any) -> Library:
    return Library(house)


GOOD = [
    [1, "东县一馆", 120, "１２", "1,234.5", 8],
    [2, "东县二馆", "８０　", " 3 ", "１，２３４", "12 345.5"],
    ["小计", None, 200, 15, None, None],
    [3, "东县三馆", 40, None, None, None],
    ["合　计", None, 240, 15, 2468.5, None],
    ["注：1.藏书不含电子书。"],
    [None, "2.经费为当年决算。"],
    ["填表人：乙", None, None, "审核人：丙"],
]


def test_a_form_is_read_from_yaml_alone(library: Library) -> None:
    library.contract()
    [batch] = library.ingest(form(GOOD))
    assert (batch.received, batch.new, batch.quarantined) == (3, 3, 0)
    assert library.rows("county, year, library, books, added, income, spent, unit") == [
        ("东县", 2025, "东县一馆", 120, 12, 1234.5, 8.0, "千册", "2025年!5"),
        ("东县", 2025, "东县二馆", 80, 3, 1234.0, 12345.5, "千册", "2025年!6"),
        ("东县", 2025, "东县三馆", 40, None, None, None, "千册", "2025年!8"),
    ]
    [entry] = library.house.entries()
    assert entry.data["skipped"] == 5, "two sums, and three rows from the first remark on"
    assert entry.data["as_of"] == "2025-12-31"
    assert verify(library.house.settings)["problems"] == []


def test_a_trace_shows_the_cells(library: Library) -> None:
    from warehouse.trace import trace

    library.contract()
    library.ingest(form(GOOD))
    [record] = trace(library.house.settings, "library:thing:东县|2025|东县二馆")["records"]
    [version] = record["versions"]
    assert (version["pointer"], version["verified"]) == ("2025年!6", True)
    assert version["raw"] == ["2", "东县二馆", "８０　", " 3 ", "１，２３４", "12 345.5"]


def test_what_looks_like_a_record_below_the_footer_is_refused_not_lost(library: Library) -> None:
    library.contract()
    [batch] = library.ingest(form([*GOOD, [4, "东县四馆", 1, 1, 1, 1], [None, "续前注", 1]]))
    assert (batch.received, batch.new, batch.quarantined) == (5, 3, 2)
    assert library.reasons() == {"below_footer": 2}


def test_another_unit_is_refused_and_none_is_guessed(library: Library) -> None:
    library.contract()
    other = [HEAD[0], ["单位：万册"], *HEAD[2:]]
    library.ingest(form(GOOD[:1], other))
    assert library.reasons() == {"code:unit": 1}
    library.ingest(form(GOOD[:1], [HEAD[0], [None], *HEAD[2:]]))
    assert library.reasons() == {"required:unit": 1}


@pytest.mark.parametrize(
    "typed", ["120 万元", "120万", "120①", "120²", "1,23", "12 34", "1.2.3", "-", "约120", "1,234 567"]
)
def test_a_number_with_anything_beside_it_is_none(library: Library, typed: str) -> None:
    library.contract()
    library.ingest(form([[1, "东县一馆", 120, 1, typed, 1]]))
    assert library.reasons() == {"type:income": 1}


def test_numbers_are_strict_where_nothing_is_declared(library: Library) -> None:
    library.contract(record={"widths": None})
    library.ingest(form(GOOD[:2]))
    assert library.reasons() == {"type:added": 1, "type:books": 1, "type:income": 2, "type:spent": 1}


def test_the_hash_is_of_what_was_typed(library: Library) -> None:
    """A form that is sent again with other widths is another version with the same values."""
    library.contract()
    library.ingest(form([[1, "东县一馆", "１２０", 1, 1, 1]]))
    [batch] = library.ingest(form([[1, "东县一馆", 120, 1, 1, 1]]))
    assert batch.new == 1
    found = library.house.versions("books, _version", name="library")
    assert [r["books"] for r in found] == [120, 120]


def test_a_key_is_the_same_in_any_width(library: Library) -> None:
    library.fields[1] = library.house.field("year", "integer", key=2, physicalName="序号")
    library.contract(record={"ignoredFields": ["年度"]})
    library.ingest(form([["２０２５", "东县一馆", 1, 1, 1, 1], [2025, "东县一馆", 1, 1, 1, 1]]))
    assert library.reasons() == {"duplicate_key": 2}


def test_every_sheet_has_titles_header_and_footer_of_its_own(library: Library) -> None:
    library.contract()
    other = [["另一标题"], ["单位：千册"], *HEAD[2:]]
    # the columns may stand in another order there
    swapped = [other[0], other[1], ["馆名", "序号", "藏书", None, "经费（千元）", None], other[3]]
    content = workbook(
        {"2024年": HEAD + GOOD, "说明": [["馆名", "随便"]], "2025年（补）": [*swapped, ["东县一馆", 1, 7, 7, 7, 7]]},
        {"2024年": MERGED, "2025年（补）": MERGED},
    )
    [batch] = library.ingest(content)
    assert (batch.received, batch.new) == (4, 4)
    assert {(r[0], r[1]) for r in library.rows("year, books")} == {(2024, 120), (2024, 80), (2024, 40), (2025, 7)}


def test_sheets_of_one_workbook_are_different_records(house: Any) -> None:
    f = house.field
    records = [
        house.record("shelf", [f("no", key=1, physicalName="编号"), f("metres", "number", physicalName="米")]),
        house.record("reader", [f("no", key=1, physicalName="编号"), f("age", "integer", physicalName="年龄")]),
    ]
    server = house.server("*.xlsx", "xlsx", sheets={"shelf": "^架", "reader": "^读者"}, skipRows=1, footer="^注")
    house.contract(records=records, servers=[server])
    house.deliver(
        "list_2026-01-31.xlsx",
        workbook(
            {"架": [["架位"], ["编号", "米"], ["a", 1.5], ["注 甲"]], "读者": [["读者"], ["编号", "年龄"], ["r", 9]]}
        ),
    )
    assert [(b.record, b.received, b.new, b.quarantined) for b in house.ingest()] == [
        ("shelf", 1, 1, 0),
        ("reader", 1, 1, 0),
    ]
    assert [e.data["skipped"] for e in house.entries()] == [1, 0]
    assert house.current("no, age", "reader") == [{"no": "r", "age": 9}]


def test_no_sheet_of_that_name_is_an_error(library: Library) -> None:
    library.contract(sheets="^汇总")
    with pytest.raises(PayloadError, match=r"东县_2025.xlsx: .*no sheet of the declared name; it has 1 sheets"):
        library.ingest(form(GOOD))


def test_merged_cells_of_the_body_are_filled_where_declared(house: Any) -> None:
    f = house.field
    fields = [f("street", physicalName="街道"), f("shop", key=1, physicalName="店")]
    rows = [["街道", "店"], ["北街", "甲"], [None, "乙"], [None, "丙"], ["南街", "丁"]]
    content = workbook({"s": rows}, {"s": ["A2:A3"]})
    for fill, found in ((False, ["北街", None, None, "南街"]), (True, ["北街", "北街", None, "南街"])):
        house.contract(fields, servers=[house.server("*.xlsx", "xlsx", fillMerged=fill)], version=str(fill))
        house.deliver(f"list_2026-01-0{1 + fill}.xlsx", content)
        house.ingest()
        by_shop = {r["shop"]: r["street"] for r in house.current("shop, street")}
        assert [by_shop[s] for s in "甲乙丙丁"] == found
        house.undeliver(f"list_2026-01-0{1 + fill}.xlsx")


def test_a_formula_without_a_value_is_refused_with_its_row(library: Library) -> None:
    library.contract()
    rows = [[1, "东县一馆", 1, 1, "=E6+1", 1], ["=A5+1", "东县二馆", 2, 2, 2, 2], [3, "东县三馆", "#REF!", 1, 1, 1]]
    [batch] = library.ingest(form(rows))
    assert (batch.new, batch.quarantined) == (1, 2)
    assert library.reasons() == {"formula:books": 1, "formula:income": 1}
    assert library.rows("library") == [("东县二馆", "2025年!6")], "a column that nobody takes may hold any formula"


def test_a_formula_comes_with_the_value_that_the_office_saw(library: Library) -> None:
    """As Excel writes it: the formula and its cached value side by side."""
    import zipfile

    library.contract()
    plain_book = form([[1, "东县一馆", 121, 1, 1, 1]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain_book)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            new.writestr(member, old.read(member).replace(b"<v>121</v>", b"<f>SUM(1,120)</f><v>121</v>"))
    assert out.getvalue() != plain_book
    library.ingest(out.getvalue())
    assert library.rows("books") == [(121, "2025年!5")]


def test_an_unknown_column_is_named_with_its_levels(library: Library) -> None:
    library.contract()
    head = [HEAD[0], HEAD[1], HEAD[2], [None, None, "总数", "当年报废", "收入", "支出"]]
    library.ingest(form(GOOD[:1], head))
    assert library.reasons() == {"unknown_field:藏书/当年报废": 1}


def test_a_csv_of_a_form_has_titles_sums_and_remarks_too(house: Any) -> None:
    f = house.field
    fields = [
        f("shop", key=1, physicalName="店"),
        f("sold", "integer", physicalName="销量", props={"widths": "normalise"}),
    ]
    taken = [{"name": "x", "from": "cell", "cell": "B1"}, {"name": "y", "from": "file", "pattern": "(list)"}]
    fields += [f("x"), f("y")]
    server = house.server(skipRows=2, sumRows="^合计", footer="^注", taken=taken)
    house.contract(fields, servers=[server])
    house.deliver("list_2026-01-31.csv", '表一,甲\n\n店 , 销 量\n"a\nb",１２\n,,\n合 计,12\n注,\n,x\n')
    [batch] = house.ingest()
    assert (batch.received, batch.new) == (1, 1)
    assert house.current("shop, sold, x, y, _pointer") == [
        {"shop": "a\nb", "sold": 12, "x": "甲", "y": "list", "_pointer": "L4-5"}
    ]
    assert house.entries()[0].data["skipped"] == 3


@pytest.mark.parametrize(
    ("text", "type_", "found"),
    [
        ("１２，３４５．６", "number", "12345.6"),
        ("－１２", "integer", "-12"),
        ("1 234 567", "integer", "1234567"),
        ("１２３４", "integer", "1234"),
        ("1,2345", "number", "1,2345"),
        (",123", "number", ",123"),
        ("１２％", "number", "12%"),
        ("２０２５ 年 ６ 月", "date", "2025年6月"),
        ("2026-06-30　08:00", "timestamp", "2026-06-30 08:00"),
    ],
)
def test_widths_and_separators(text: str, type_: str, found: str) -> None:
    assert plain(text, type_) == found


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"skipRows": -1}, "is no number of rows"),
        ({"sheet": "2025年"}, "stands beside `sheet`"),
        ({"sheets": "("}, "is no regular expression"),
        ({"sheets": {"thing": "^a", "other": "^b"}}, "does not name the record types"),
        ({"footer": "*"}, "is no regular expression"),
        ({"headerJoin": ""}, "joins nothing"),
        ({"taken": [{"name": "x", "from": "cell", "cell": "A3"}]}, "does not lie above the header"),
        ({"taken": [{"name": "x", "from": "cell"}]}, "write it as A2"),
        ({"taken": [{"name": "x", "from": "sheet", "pattern": "x"}]}, "has no group"),
        ({"taken": [{"name": "x", "from": "file"}]}, "pattern: is missing"),
        ({"taken": [{"name": "x", "from": "heaven"}]}, "'heaven' is unknown"),
    ],
)
def test_a_form_that_cannot_be_is_refused(library: Library, server: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError, match=told):
        library.contract(**server)


def test_forms_are_of_tables_only(house: Any) -> None:
    with pytest.raises(ContractError, match="skipRows: means nothing for json"):
        load_source(house.contract(servers=[house.server("*.json", "json", skipRows=1)]))
    with pytest.raises(ContractError, match="fillMerged: means nothing for csv"):
        load_source(house.contract(servers=[house.server(fillMerged=True)]))
    with pytest.raises(ContractError, match="widths: is not carried out for the type string"):
        load_source(house.contract([house.field("id", key=1, props={"widths": "normalise"})]))


def test_the_source_knows_its_sheets(library: Library) -> None:
    library.contract()
    assert source_of(library.house.settings, "library").servers[0].form.sheets == ((None, r"^\d{4}年"),)
