"""OAI-PMH 2.0: what a harvest asks for, and what the pages of its list say (openarchives.org/OAI/openarchivesprotocol).

The walk itself, its tries, deadline and wire bytes are those of every other endpoint; see docs/adr/.
"""

from __future__ import annotations

from brain.errors import FetchError, PayloadError
from ingest import xml
from ingest.contract import Server
from ingest.fetch.paging import Page, SourceMovedError

ROOT = "/OAI-PMH"
ERROR = "/OAI-PMH/error"
TOKEN = "/OAI-PMH/ListRecords/resumptionToken"  # noqa: S105 - a path
SIZE = f"{TOKEN}/@completeListSize"
# Section 3.6 of the protocol; anything else is not quoted, it may be anything.
ERRORS = {
    "badArgument": "the request has a wrong or missing argument: check `params` and `since.granularity`",
    "badVerb": "it knows no ListRecords: is location its base address?",
    "cannotDisseminateFormat": "it has no such metadataPrefix: check `params`",
    "idDoesNotExist": "look at the source",
    "noMetadataFormats": "look at the source",
    "noSetHierarchy": "it has no sets: drop `set` from `params`",
}


def first(params: dict[str, str]) -> dict[str, str]:
    """Parameters of the first request."""
    return {"verb": "ListRecords", **params}


def following(token: str) -> dict[str, str]:
    """Parameters of every later request: the token is exclusive (section 3.5)."""
    return {"verb": "ListRecords", "resumptionToken": token}


class OaiReader:
    """Reads the pages of one harvest."""

    def __init__(self, server: Server, where: str):
        self._server = server
        self._where = where
        self._namespaces = dict(server.namespaces)
        self._pages = 0
        self._size: int | None = None

    def read(self, content: bytes) -> Page:
        """Look at a page. No record at all is an empty page; an expired token is a SourceMovedError.

        Raises PayloadError for what is no answer of the protocol, FetchError for its other errors.
        """
        server = self._server
        wanted = (ERROR, f"{ERROR}/@code", TOKEN, SIZE)
        page = xml.outline(content, server.encoding, server.items, self._namespaces, wanted, ROOT)
        if ERROR in page.texts:
            return self._error(page.texts.get(f"{ERROR}/@code", []))
        tokens = page.texts.get(TOKEN, [])
        if len(tokens) > 1:
            raise PayloadError("the page hands out more than one resumptionToken")
        size = self._list_size(page.texts.get(SIZE, []))
        if not self._pages:
            self._size = size
        self._pages += 1
        # the size may be left out of any page (section 3.5); one that changes is judged by the walk
        total = size if size is not None and self._size is not None else self._size
        return Page(page.items, total, (tokens[0].strip() or None) if tokens else None, page.edges)

    def _list_size(self, texts: list[str]) -> int | None:
        if not texts or self._server.paging.list_size != "exact":
            return None
        if not (texts[0].isascii() and texts[0].isdigit()):
            raise PayloadError("the completeListSize of the page is no number")
        return int(texts[0])

    def _error(self, codes: list[str]) -> Page:
        if codes == ["noRecordsMatch"] and not self._pages:
            self._pages += 1
            return Page(0, None, None, None)
        if self._pages and set(codes) & {"badResumptionToken", "noRecordsMatch"}:
            raise SourceMovedError(
                f"{self._where}: the repository no longer knows its list after page {self._pages}",
                "its resumption token expired or its records changed; run again",
            )
        known = [c for c in codes if c in ERRORS]
        shown = ", ".join(known) or "an error of no known code"
        raise FetchError(f"{self._where}: the repository answers {shown}", ERRORS[known[0]] if known else None)
