"""科技报告: a repository that speaks OAI-PMH 2.0.

Two formats: `gbt7713` with the fields of GB/T 7713.3, and `oai_dc`. Deleted records are persistent, the granularity is
seconds, there are no sets. A resumption token holds everything that the walk needs, so the server keeps none; it is
good for the day of the city on which it was given out.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from array import array
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from xml.sax.saxutils import escape, quoteattr

from demo import dirt
from demo.city import City
from demo.endpoint import Endpoint, Request, Response
from demo.filings import Filing, Filings
from demo.register import Register, Row, listed, setting, stamp_text

PATH = "/reports/oai"
PAGE = 200
AUTHORS = 4  # at most
IDENTIFIER = "oai:reports.xa.example:"
FORMATS = {
    "gbt7713": ("http://reports.xa.example/gbt7713/", "http://reports.xa.example/gbt7713.xsd"),
    "oai_dc": ("http://www.openarchives.org/OAI/2.0/oai_dc/", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd"),
}
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_DC = "http://purl.org/dc/elements/1.1/"
_NUL = "\ue000"  # stands for a reference to the character NUL, which XML forbids
ARGUMENTS = {  # verb → (required, optional) arguments
    "Identify": (set(), set()),
    "ListMetadataFormats": (set(), {"identifier"}),
    "ListSets": (set(), {"resumptionToken"}),
    "GetRecord": ({"identifier", "metadataPrefix"}, set()),
    "ListRecords": ({"metadataPrefix"}, {"from", "until", "set"}),
    "ListIdentifiers": ({"metadataPrefix"}, {"from", "until", "set"}),
}


class Reports(Register):
    """Rows by the names of the format gbt7713; `identifier`, `datestamp` and `status` stand in the header."""

    source, record, key = "reports", "report", ("identifier",)
    breaks = (
        ("type:filed_date", setting("filedDate", value="2025-02-30")),
        ("code:openness", setting("openness", value="内部")),
        ("required:title", setting("title", value=None)),
        ("range:embargo_months", setting("embargoMonths", value=600)),
        ("unknown_field:remark", setting("remark", value="见附件")),
    )

    HEADER: ClassVar[tuple[str, ...]] = ("identifier", "datestamp", "status")

    def __init__(self, city: City):
        super().__init__(city)
        self.filings = city.slice(Filings)

    def size(self) -> int:
        return self.filings.slots

    def filing(self, slot: int) -> Filing:
        filing = self.filings.filing(slot)
        assert filing is not None, f"no report in slot {slot}"
        return filing

    def shows(self, slot: int) -> bool:
        filing = self.filings.filing(slot)
        return filing is not None and filing.shown_on(self.city.today)

    def tombstone(self, slot: int) -> bool:
        withdrawn = self.filing(slot).withdrawn
        return withdrawn is not None and withdrawn <= self.city.today

    def changed(self, slot: int) -> datetime:
        return self.filings.moment(slot, self.filing(slot).changed_on(self.city.today))

    def fault(self, slot: int) -> int | None:
        """Only in reports that nobody asked for: a broken one would look like an obligation that was not met."""
        number, rest = divmod(slot // 2 % 200 - 5, 2)
        planted = rest == 0 and 0 <= number // 4 < len(self.breaks) and self.filings.spare(slot)
        return number // 4 if planted else None

    def copies(self, slot: int) -> int:
        return 1  # a repository holds one record under one identifier

    def links(self, slot: int) -> dict[str, str]:
        project = self.filing(slot).project
        if self.tombstone(slot):
            return {}
        return {**listed("author", "person", project.people[:AUTHORS]), "unit": f"institution:{project.host.number}"}

    def row(self, slot: int) -> Row:
        f = self.filing(slot)
        rng = self.city.rng("report form", slot)
        p, today = f.project, self.city.today
        header = {"identifier": f"{IDENTIFIER}{slot + 1:07d}", "datestamp": stamp_text(self.changed(slot))}
        if self.tombstone(slot):
            return {**header, "status": "deleted"}
        authors = [self.city.person(number) for number in p.people[:AUTHORS]]
        title = f.title
        if f.corrected and f.corrected <= today:
            title = f"{title}（修订）"
        return {
            **header,
            "status": None,
            "reportNo": f.report_no,
            "title": dirt.typed_name(rng, title),
            "reportType": f.kind,
            "author": [dirt.person_form(rng, person, 2) for person in authors],
            "unit": dirt.spelling(rng, p.host, f.filed, 2),
            "unitCode": dirt.typed_code(rng, p.host.credit_code) if rng.random() < 0.8 else None,
            "projectNo": p.project_no if rng.random() < 0.97 else f" {p.project_no} ",
            "obligationNo": f.obligation.obligation_no if f.obligation and rng.random() < 0.85 else None,
            "programme": p.programme,
            "openness": f.openness,
            "embargoMonths": f.embargo_months or None,
            "openDate": f.opens.isoformat(),
            "dueDate": f.obligation.due.isoformat() if f.obligation else None,
            "filedDate": f.filed.isoformat(),
            "keyword": list(f.keywords),
            "abstract": f.abstract,
        }

    def shown(self) -> array[int]:
        """Slots with a record today, in order: what a complete walk lists."""
        if not hasattr(self, "_shown"):
            self._shown = array("q", (slot for slot in range(self.size()) if self.shows(slot)))
        return self._shown

    def walk(self, since: datetime | None = None, start: int = 0) -> Iterator[tuple[Row, str | None]]:
        """Records in order, changed at or after `since`."""
        for slot in list(self.between(since, None))[start:]:
            yield from self.deliveries(slot)

    def between(self, first: datetime | None, last: datetime | None) -> Iterator[int]:
        """Slots changed from one moment to another, both included."""
        for slot in self.shown():
            if first is None and last is None:
                yield slot
            else:
                at = self.changed(slot)
                if (first is None or at >= first) and (last is None or at <= last):
                    yield slot

    def total(self, since: datetime | None = None) -> int:
        return sum(1 for _ in self.between(since, None))


class _ProtocolError(Exception):
    """An error as the protocol names it."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


def answer(city: City, request: Request) -> Response:
    """What the repository says to one request: always 200, errors stand in the document (OAI-PMH 2.0, section 3.6)."""
    query = dict(request.query)
    try:
        body = _Repository(city, request.active).answer(query)
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in query.items())
    except _ProtocolError as e:
        body = f"<error code={quoteattr(e.code)}>{escape(str(e))}</error>"
        attributes = "" if e.code in ("badVerb", "badArgument") else f" verb={quoteattr(query.get('verb', ''))}"
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="{_XSI}" xsi:schemaLocation='
        '"http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">'
        f"<responseDate>{stamp_text(city.now)}</responseDate>"
        f"<request{attributes}>{escape(request.url + PATH)}</request>{body}</OAI-PMH>"
    )
    return Response(200, document.encode(), {"Content-Type": "text/xml; charset=utf-8"})


class _Repository:
    def __init__(self, city: City, active: frozenset[str] = frozenset()):
        self.city = city
        self.register = city.slice(Reports)
        self.active = active

    def answer(self, query: Mapping[str, str]) -> str:
        verb = query.get("verb", "")
        if verb not in ARGUMENTS:
            raise _ProtocolError("badVerb", "no such verb")
        arguments = {name: value for name, value in query.items() if name != "verb"}
        resumed = verb.startswith("List") and "resumptionToken" in arguments
        required, optional = ({"resumptionToken"}, set()) if resumed else ARGUMENTS[verb]
        if not required <= set(arguments) <= required | optional:
            raise _ProtocolError("badArgument", "an argument is missing, unknown or not allowed beside the others")
        return {
            "Identify": self.identify,
            "ListMetadataFormats": self.formats,
            "ListSets": self.sets,
            "GetRecord": self.get,
            "ListRecords": self.list,
            "ListIdentifiers": self.list,
        }[verb](verb, arguments)

    def identify(self, verb: str, arguments: Mapping[str, str]) -> str:
        return (
            "<Identify><repositoryName>西安市科技报告共享服务系统（演示）</repositoryName>"
            f"<baseURL>http://reports.xa.example{PATH}</baseURL><protocolVersion>2.0</protocolVersion>"
            "<adminEmail>reports@example.com</adminEmail><earliestDatestamp>2016-01-01T00:00:00Z</earliestDatestamp>"
            "<deletedRecord>persistent</deletedRecord><granularity>YYYY-MM-DDThh:mm:ssZ</granularity></Identify>"
        )

    def formats(self, verb: str, arguments: Mapping[str, str]) -> str:
        if "identifier" in arguments:
            self.slot(arguments["identifier"])
        listed = "".join(
            f"<metadataFormat><metadataPrefix>{prefix}</metadataPrefix><schema>{schema}</schema>"
            f"<metadataNamespace>{namespace}</metadataNamespace></metadataFormat>"
            for prefix, (namespace, schema) in FORMATS.items()
        )
        return f"<ListMetadataFormats>{listed}</ListMetadataFormats>"

    def sets(self, verb: str, arguments: Mapping[str, str]) -> str:
        raise _ProtocolError("noSetHierarchy", "this repository has no sets")

    def get(self, verb: str, arguments: Mapping[str, str]) -> str:
        prefix = self.prefix(arguments["metadataPrefix"])
        return f"<GetRecord>{self.record(self.slot(arguments['identifier']), prefix)}</GetRecord>"

    def list(self, verb: str, arguments: Mapping[str, str]) -> str:
        walk = self.resumed(arguments["resumptionToken"]) if "resumptionToken" in arguments else self.begun(arguments)
        if walk["verb"] is None:
            walk["verb"] = verb
        if walk["verb"] != verb:
            raise _ProtocolError("badResumptionToken", "this token belongs to another verb")
        slots = list(self.register.between(_moment(walk["from"]), _moment(walk["until"])))
        if not slots:
            raise _ProtocolError("noRecordsMatch", "nothing was changed in that time")
        start = walk["start"]
        shown = {"same-page": 0, "lost-row": start + 1, "overlap": max(0, start - 5)}
        begin = next((at for kind, at in shown.items() if kind in self.active), start)
        page = slots[begin : begin + PAGE]
        parts = [
            self.record(s, walk["prefix"], number) if verb == "ListRecords" else self.header(s)
            for number, s in enumerate(page)
        ]
        end = min(start + PAGE, len(slots))
        if start or end < len(slots):
            following = start if "same-cursor" in self.active else end
            token = self.seal({**walk, "start": following}) if end < len(slots) else ""
            told = len(slots) + 3 * ("wrong-total" in self.active) + ("moving-total" in self.active)
            size = f'completeListSize="{told}" cursor="{start}"'
            parts.append(f"<resumptionToken {size}>{token}</resumptionToken>")
        return f"<{verb}>{''.join(parts)}</{verb}>"

    def begun(self, arguments: Mapping[str, str]) -> dict[str, Any]:
        prefix = self.prefix(arguments["metadataPrefix"])
        if "set" in arguments:
            raise _ProtocolError("noSetHierarchy", "this repository has no sets")
        given = [arguments[name] for name in ("from", "until") if name in arguments]
        if len({len(text) for text in given}) > 1:
            raise _ProtocolError("badArgument", "from and until differ in granularity")
        first, last = (_bound(arguments.get(name), name == "until") for name in ("from", "until"))
        if first and last and first > last:
            raise _ProtocolError("badArgument", "from is after until")
        return {
            "verb": None,
            "prefix": prefix,
            "from": first and stamp_text(first),
            "until": last and stamp_text(last),
            "start": 0,
            "day": self.city.day,
        }

    def seal(self, walk: Mapping[str, Any]) -> str:
        content = json.dumps(walk, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(hmac.digest(self.key, content, "sha256")[:8] + content).decode()

    def resumed(self, token: str) -> dict[str, Any]:
        if "tokens-dropped" in self.active:
            raise _ProtocolError("badResumptionToken", "this token has expired")
        try:
            opened = base64.urlsafe_b64decode(token.encode())
        except ValueError:
            opened = b""
        content = opened[8:]
        if not hmac.compare_digest(hmac.digest(self.key, content, "sha256")[:8], opened[:8]):
            raise _ProtocolError("badResumptionToken", "this token is none of ours")
        walk = json.loads(content)
        if walk["day"] != self.city.day:
            raise _ProtocolError("badResumptionToken", "this token has expired")
        return walk

    @property
    def key(self) -> bytes:
        return f"{self.city.seed}/{self.city.scale}".encode()

    def prefix(self, text: str) -> str:
        if text not in FORMATS:
            raise _ProtocolError("cannotDisseminateFormat", "no such metadata format")
        return text

    def slot(self, identifier: str) -> int:
        digits = identifier.removeprefix(IDENTIFIER)
        slot = int(digits) - 1 if digits.isascii() and digits.isdigit() and len(digits) >= 7 else -1
        known = identifier.startswith(IDENTIFIER) and 0 <= slot < self.register.size() and self.register.shows(slot)
        if not known:
            raise _ProtocolError("idDoesNotExist", "no such record")
        return slot

    def header(self, slot: int) -> str:
        ((row, _),) = self.register.deliveries(slot)
        return _header(row)

    def record(self, slot: int, prefix: str, number: int = 0) -> str:
        """`number`: place on the page; faults of single rows strike the first."""
        ((row, _),) = self.register.deliveries(slot)
        if row["status"] == "deleted":
            return f"<record>{_header(row)}</record>"
        row = self.spoilt(row, number)
        metadata = _dublin_core(row) if prefix == "oai_dc" else _own(row)
        return f"<record>{_header(row)}<metadata>{metadata}</metadata></record>".replace(_NUL, "&#0;")

    def spoilt(self, row: Row, number: int) -> Row:
        """What spoil.py does to rows of JSON, in XML."""
        if "new-field" in self.active:
            row = {**row, "addition": "待定"}
        if "missing-field" in self.active:
            row = {name: value for name, value in row.items() if name != "abstract"}
        if "new-codes" in self.active:
            row = dict(row)
            next(change for reason, change in self.register.breaks if reason.startswith("code:"))(row)
        first = {
            "nul": {"title": f"{row['title']}\0"},
            "escaped-nul": {"title": f"{row['title']}{_NUL}"},
            "nan": {"embargoMonths": "NaN"},
            "duplicate-key": {"title": [row["title"], "0"]},
        }
        for kind in self.active & set(first) if number == 0 else ():
            row = {**row, **first[kind]}
        return row


def _header(row: Row) -> str:
    status = f" status={quoteattr(row['status'])}" if row["status"] else ""
    name, at = escape(row["identifier"]), escape(row["datestamp"])
    return f"<header{status}><identifier>{name}</identifier><datestamp>{at}</datestamp></header>"


def _own(row: Row) -> str:
    namespace, schema = FORMATS["gbt7713"]
    parts = [_elements(name, value) for name, value in row.items() if name not in Reports.HEADER]
    return (
        f'<report xmlns="{namespace}" xmlns:xsi="{_XSI}" xsi:schemaLocation="{namespace} {schema}">'
        f"{''.join(parts)}</report>"
    )


def _dublin_core(row: Row) -> str:
    """What Dublin Core can say of a report; its own fields have no place there."""
    namespace, schema = FORMATS["oai_dc"]
    pairs = (
        ("title", row["title"]),
        ("creator", row["author"]),
        ("subject", row["keyword"]),
        ("description", row["abstract"]),
        ("publisher", row["unit"]),
        ("date", row["filedDate"]),
        ("type", row["reportType"]),
        ("identifier", [row["reportNo"], row["projectNo"]]),
        ("rights", row["openness"]),
    )
    parts = [_elements(f"dc:{name}", value) for name, value in pairs]
    return (
        f'<oai_dc:dc xmlns:oai_dc="{namespace}" xmlns:dc="{_DC}" xmlns:xsi="{_XSI}" '
        f'xsi:schemaLocation="{namespace} {schema}">{"".join(parts)}</oai_dc:dc>'
    )


def _elements(name: str, value: Any) -> str:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return "".join(f"<{name}>{escape(str(v))}</{name}>" for v in values)


def _bound(text: str | None, is_last: bool) -> datetime | None:
    """A day or a moment of an argument; a day as last one lasts until its end."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = datetime.fromisoformat(text)
            return day + timedelta(days=1, seconds=-1) if is_last else day
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
            raise ValueError(text)
        return datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise _ProtocolError("badArgument", "a day or a moment in UTC is expected") from None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text.removesuffix("Z"))


REGISTERS = (Reports,)
ENDPOINTS = (Endpoint(PATH, Reports, handler=answer),)
