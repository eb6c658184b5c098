"""Each kind of endpoint runs from the text of one contract: other paths, field names and paging, and no Python."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from brain.errors import FetchError
from ingest.fetch import http as http_module
from tests.unit.http_site import Answer, Site, as_json, site

pytestmark = pytest.mark.usefixtures("open_gate", "quick")

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: toy
name: 示例来源
version: 1.0.0
status: active
domain: project
servers:
  - server: there
    type: api
    environment: open
    location: {url}
    customProperties:
{properties}
schema:
  - name: thing
    logicalType: object
    businessName: 事项
    description: One thing.
    customProperties:
      - {{property: class, value: project}}
      - {{property: delivery, value: {delivery}}}
      - {{property: keyNote, value: declared unique}}
      - {{property: deletedWhen, value: {{field: state, values: [gone, deleted]}}}}
    properties:
      - {{name: id, physicalName: "{id}", businessName: 编号, description: Number., logicalType: string,
         classification: public, primaryKey: true, required: true}}
      - {{name: title, physicalName: "{title}", businessName: 名称, description: Name., logicalType: string,
         classification: public}}
      - {{name: changed_at, physicalName: "{changed}", businessName: 时间, description: Last change.,
         logicalType: timestamp, classification: public}}
      - {{name: state, physicalName: "{state}", businessName: 状态, description: State., logicalType: string,
         classification: public}}
slaProperties:
  - {{property: freshness, value: 24, unit: h}}
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between tries."""
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.0)


@pytest.fixture
def ingest(house: Any) -> Callable[..., Any]:
    """Write a contract for an address and ingest it; `ingest.again()` once more. Gives its one batch."""

    def run(url: str, properties: str, delivery: str = "changes", **names: str) -> Any:
        physical = {"id": "nr", "title": "name", "changed": "zeit", "state": "status", **names}
        lines = "\n".join(f"      {line}" for line in properties.strip().splitlines())
        text = CONTRACT.format(url=url, properties=lines, delivery=delivery, **physical)
        house.write(yaml.safe_load(text))
        return run.again()

    def again() -> Any:
        [batch] = house.ingest(progress=run.said.append)
        return batch

    run.again, run.said = again, []
    return run


def secret(house: Any, name: str, value: str) -> None:
    house.settings.secrets.mkdir(parents=True, exist_ok=True)
    (house.settings.secrets / name).write_text(value)


def row(n: int, **more: str) -> dict[str, str]:
    return {"nr": f"S-{n:03}", "name": f"事项{n}", "zeit": f"2026-06-{1 + n % 28:02}T08:00:00Z", "status": "on", **more}


def counts(batch: Any) -> tuple[int, ...]:
    return batch.received, batch.new, batch.unchanged, batch.withdrawn, batch.quarantined


# -- kinds of endpoints -----------------------------------------------------------------------------------------------


def test_pages_behind_a_login(house, ingest):
    rows = [row(n) for n in range(23)]

    def answer(path: str, query: dict, headers: dict) -> Answer:
        if path == "/sso/token":
            return as_json({"ergebnis": {"ausweis": f"{query['kennung']}-{query['wort']}", "gilt": "600"}})
        if headers.get("X-Ausweis") != "amt-geheim":
            return 401, {}, b""
        page, size = int(query["blatt"]), int(query["je"])
        found = [r for r in rows if r["zeit"] >= query.get("seit", "")]
        return as_json({"antwort": {"liste": found[page * size : (page + 1) * size], "summe": len(found)}})

    secret(house, "TOY_USER", "amt")
    secret(house, "TOY_WORD", "geheim")
    with site(answer) as s:
        batch = ingest(
            f"{s.url}/api/liste",
            """
- {property: items, value: /antwort/liste}
- {property: total, value: /antwort/summe}
- {property: paging, value: {kind: page, param: blatt, sizeParam: je, size: 10, start: 0}}
- {property: since, value: {param: seit, field: changed_at, overlapDays: 3, granularity: second}}
- property: auth
  value:
    scheme: login
    address: /sso/token
    body: json
    secrets: {kennung: TOY_USER, wort: TOY_WORD}
    token: /ergebnis/ausweis
    expires: /ergebnis/gilt
    header: X-Ausweis
""",
        )
        assert counts(batch) == (23, 23, 0, 0, 0)
        rows.append(row(50, zeit="2026-06-21T07:00:00Z"))  # delivered late: behind the watermark of 2026-06-23T08:00
        again = ingest.again()
        assert s.asked[-1].query["seit"] == "2026-06-20T08:00:00Z"
        assert counts(again) == (5, 1, 4, 0, 0), "what comes again is unchanged"
    assert len(house.current()) == 24
    assert not any("geheim" in json.dumps(e.data) for e in house.entries())


def test_signed_requests_and_links_with_deletions(house, ingest):
    rows = [row(n) for n in range(7)]

    def answer(path: str, query: dict, headers: dict) -> Answer:
        stamp, once, sent = headers["Authorization"].removeprefix("V1 ").split(":")
        message = f"{stamp}\n{once}\nGET {path}?{s.asked[-1].raw_query}"
        if sent != hmac.new(b"sesam", message.encode(), hashlib.sha512).hexdigest():
            return 403, {}, b""
        start = int(query.get("ab", 0))
        links = {"Link": f'<{path}?ab={start + 3}>; rel="next"'} if start + 3 < len(rows) else {}
        return as_json(rows[start : start + 3], **links)

    secret(house, "TOY_KEY", "sesam")
    with site(answer) as s:
        batch = ingest(
            f"{s.url}/faelle",
            r"""
- {property: paging, value: {kind: link}}
- property: auth
  value:
    scheme: hmac
    secret: TOY_KEY
    algorithm: sha512
    timestamp: millis
    message: "{timestamp}\n{nonce}\n{method} {path}?{query}"
    headers: {Authorization: "V1 {timestamp}:{nonce}:{signature}"}
""",
        )
        assert counts(batch) == (7, 7, 0, 0, 0) and len(s.asked) == 3
        rows[2] = {"nr": "S-002", "status": "gone"}
        assert counts(ingest.again()) == (7, 1, 6, 1, 0)
    assert [r["id"] for r in house.current()] == [f"S-{n:03}" for n in (0, 1, 3, 4, 5, 6)]


def oai_record(n: int, day: str, state: str = "") -> str:
    metadata = f'<metadata><d:dc xmlns:d="urn:dc"><d:title>报告{n}</d:title></d:dc></metadata>' if not state else ""
    header = f"<identifier>oai:t:{n}</identifier><datestamp>{day}</datestamp>"
    return f"<record><header{state}>{header}</header>{metadata}</record>"


OAI = """
- {property: paging, value: {kind: oai}}
- {property: params, value: {metadataPrefix: oai_dc}}
- {property: since, value: {param: from, field: changed_at, overlapDays: 1}}
- {property: namespaces, value: {dc: "urn:dc"}}
"""
OAI_NAMES = {
    "id": "/header/identifier", "title": "/metadata/dc:dc/dc:title", "changed": "/header/datestamp",
    "state": "/header/@status",
}  # fmt: skip


def repository(held: dict[int, tuple[str, str]], strikes: list[str]) -> Callable[..., Answer]:
    """Holds number → (day, attributes of the header); pages of 4. `strikes`: tokens that are not known, once each."""

    def answer(path: str, query: dict, headers: dict) -> Answer:
        token = query.get("resumptionToken", f"0|{query.get('from', '')}")
        start, _, day = token.partition("|")
        if token in strikes:
            strikes.remove(token)
            inner = '<error code="badResumptionToken">expired</error>'
        else:
            found = [(n, *v) for n, v in sorted(held.items()) if v[0] >= day]
            rows = "".join(oai_record(*f) for f in found[int(start) : int(start) + 4])
            rest = f"{int(start) + 4}|{day}" if int(start) + 4 < len(found) else ""
            told = f'<resumptionToken completeListSize="{len(found)}">{rest}</resumptionToken>'
            inner = f"<ListRecords>{rows}{told}</ListRecords>" if rows else '<error code="noRecordsMatch"/>'
        return 200, {}, f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{inner}</OAI-PMH>'.encode()

    return answer


def test_a_repository_that_is_harvested(house, ingest):
    held = {n: (f"2026-06-{n + 1:02}", "") for n in range(10)}
    with site(repository(held, [])) as s:
        assert counts(ingest(f"{s.url}/oai", OAI, **OAI_NAMES)) == (10, 10, 0, 0, 0)
        held[3] = ("2026-06-11", ' status="deleted"')
        assert counts(ingest.again()) == (3, 1, 2, 1, 0), "the overlap delivers two again, the deletion is new"
        assert s.asked[-1].query == {"verb": "ListRecords", "metadataPrefix": "oai_dc", "from": "2026-06-09"}
        held.clear()
        assert counts(ingest.again()) == (0, 0, 0, 0, 0), "no record matches, which is no error and no withdrawal"
        assert s.asked[-1].query["from"] == "2026-06-10"
    assert [r["title"] for r in house.current()] == [f"报告{n}" for n in range(10) if n != 3]
    assert [r["_pointer"] for r in house.current()][:5] == [
        f"/OAI-PMH/ListRecords/record[{n}]" for n in (1, 2, 3, 1, 2)
    ]


def test_a_harvest_whose_token_expires_is_begun_once_more(house, ingest):
    held = {n: (f"2026-06-{n + 1:02}", "") for n in range(10)}
    with site(repository(held, ["8|"])) as s:
        assert counts(ingest(f"{s.url}/oai", OAI, **OAI_NAMES)) == (10, 10, 0, 0, 0)
        assert len(s.asked) == 6
    [entry] = house.entries()
    assert entry.data["landing"]["payloads"] == 3, "nothing of the first reading is kept"


def test_pages_of_xml_by_cursor(house, ingest):
    rows = [row(n) for n in range(9)]

    def answer(path: str, query: dict, headers: dict) -> Answer:
        start = int(query.get("weiter", "K0")[1:])
        found = "".join(
            f'<fall nr="{r["nr"]}" status="on"><was>{r["name"]}</was><wann>{r["zeit"]}</wann></fall>'
            for r in rows[start : start + 4]
        )
        more = f"<weiter>K{start + 4}</weiter>" if start + 4 < len(rows) else "<weiter/>"
        return 200, {}, f'<antwort anzahl="{len(rows)}"><faelle>{found}</faelle>{more}</antwort>'.encode("gb18030")

    with site(answer) as s:
        batch = ingest(
            f"{s.url}/x",
            """
- {property: format, value: xml}
- {property: encoding, value: gb18030}
- {property: items, value: /antwort/faelle/fall}
- {property: total, value: /antwort/@anzahl}
- {property: paging, value: {kind: cursor, param: weiter, next: /antwort/weiter}}
""",
            "snapshot",
            id="@nr",
            title="was",
            changed="wann",
            state="@status",
        )
        assert counts(batch) == (9, 9, 0, 0, 0)
        del rows[4]
        assert counts(ingest.again()) == (8, 0, 8, 1, 0)
    assert house.entries()[0].data["declared_total"] == 9


# -- rows that move between pages -------------------------------------------------------------------------------------

PAGED = """
- {property: items, value: /rows}
- {property: total, value: /count}
- {property: paging, value: {kind: page, param: page, sizeParam: size, size: 5}}
"""


def pages(rows: list[dict], s: Site, window: Callable[[int, int], slice] | None = None) -> Callable[..., Answer]:
    """Pages of the rows as they stand; `window`: which rows page n of some size holds."""

    def answer(path: str, query: dict, headers: dict) -> Answer:
        page, size = int(query["page"]), int(query["size"])
        at = window(page, size) if window else slice((page - 1) * size, page * size)
        return as_json({"rows": rows[at], "count": len(rows)})

    return answer


def test_rows_that_move_under_an_unchanged_total_are_read_once_more(house, ingest):
    """A row of the third page is changed and goes to the front after the first page was read: one row comes twice, the
    changed one not at all, and the total says nothing."""
    rows = [row(n) for n in range(12)]

    def answer(path: str, query: dict, headers: dict) -> Answer:
        if len(s.asked) == 2:
            rows.insert(0, rows.pop(11) | {"name": "geändert"})
        return pages(rows, s)(path, query, headers)

    with site(answer) as s:
        assert counts(ingest(f"{s.url}/x", PAGED, "snapshot")) == (12, 12, 0, 0, 0)
        assert [a.query["page"] for a in s.asked] == [*"123", *"1234"]
    assert next(r for r in house.current() if r["id"] == "S-011")["title"] == "geändert"
    assert any("1 records came on more than one page" in t and "once more" in t for t in ingest.said)


def test_a_refused_record_that_comes_on_two_pages_tells_as_much(house, ingest):
    """The row that is repeated breaks its contract, the one that is left out does not."""
    rows = [row(n) for n in range(12)]
    rows[4]["zeit"] = "no time"

    def answer(path: str, query: dict, headers: dict) -> Answer:
        if len(s.asked) == 2:
            rows.insert(0, rows.pop(11))
        return pages(rows, s)(path, query, headers)

    with site(answer) as s:
        assert counts(ingest(f"{s.url}/x", PAGED, "snapshot")) == (12, 11, 0, 0, 1)
        assert len(s.asked) == 7


@pytest.mark.parametrize("beyond", [200, 404])
def test_a_row_that_the_source_does_hold_twice_is_unchanged(house, ingest, beyond):
    rows = [row(n) for n in range(12)]
    rows.insert(5, rows[4])  # last of the first page, first of the second

    def answer(path: str, query: dict, headers: dict) -> Answer:
        if query["page"] == "4" and beyond == 404:
            return 404, {}, b""
        return pages(rows, s)(path, query, headers)

    with site(answer) as s:
        assert counts(ingest(f"{s.url}/x", PAGED, "snapshot")) == (13, 12, 1, 0, 0)
        assert len(s.asked) == 7


def test_two_records_under_one_key_on_two_pages_are_both_refused(house, ingest):
    rows = [row(n) for n in range(12)]
    rows.insert(5, row(4, name="ein anderer"))
    with site(lambda *a: pages(rows, s)(*a)) as s:
        assert counts(ingest(f"{s.url}/x", PAGED, "snapshot")) == (13, 11, 0, 0, 2)


def test_pages_that_always_overlap_are_an_error(house, ingest):
    """Every page begins with the last row of the one before: the total is reached before the last rows came."""
    rows = [row(n) for n in range(12)]
    window = lambda page, size: slice((page - 1) * (size - 1), (page - 1) * (size - 1) + size)  # noqa: E731
    with site(lambda *a: pages(rows, s, window)(*a)) as s, pytest.raises(FetchError, match="12 records are declared"):
        ingest(f"{s.url}/x", PAGED, "snapshot")
    assert house.entries() == []


def test_rows_in_no_fixed_order_are_an_error(house, ingest):
    rows = [row(n) for n in range(12)]

    def answer(path: str, query: dict, headers: dict) -> Answer:
        answered = pages(rows, s)(path, query, headers)
        rows.insert(0, rows.pop())  # another order for every request
        return answered

    with site(answer) as s, pytest.raises(FetchError, match="records came on more than one page"):
        ingest(f"{s.url}/x", PAGED, "snapshot")
    assert house.entries() == []


def test_a_record_that_changes_while_it_is_harvested_is_not_refused(house, ingest):
    """It comes on two pages with two contents; the second reading has it once."""
    held = {n: (f"2026-06-{n + 1:02}", "") for n in range(10)}
    answer = repository(held, [])

    def moving(path: str, query: dict, headers: dict) -> Answer:
        if len(s.asked) == 2:
            held[10] = held.pop(0)
            found = answer(path, query, headers)
            return found[0], found[1], found[2].replace(b"oai:t:4<", b"oai:t:1<")
        return answer(path, query, headers)

    with site(moving) as s:
        assert counts(ingest(f"{s.url}/oai", OAI, **OAI_NAMES)) == (10, 10, 0, 0, 0)
