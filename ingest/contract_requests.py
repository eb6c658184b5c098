"""The part of a contract's servers that says how an endpoint is asked: paging, what is new, who asks."""

from __future__ import annotations

import re
from typing import Any

from ingest.contract import (
    ALGORITHMS,
    AUTH,
    ENCODINGS,
    GRANULARITIES,
    LIST_SIZES,
    PAGING,
    SIGNED,
    TIMESTAMPS,
    Auth,
    Login,
    Paging,
    Record,
    Signature,
)
from ingest.contract_check import Checker


class RequestReader(Checker):
    """Reads `paging`, `since`, `auth` and `namespaces`."""

    def pairs(self, value: Any, where: str) -> tuple[tuple[str, str], ...]:
        """A mapping of names to plain values."""
        value = value or {}
        if not isinstance(value, dict) or any(isinstance(v, dict | list) or v is None for v in value.values()):
            raise self.fail(where, "is no mapping of names to values")
        return tuple((str(k), str(v)) for k, v in value.items())

    def paging(self, p: dict[str, Any], where: str) -> Paging:
        where = f"{where}/paging"
        members = {"kind": "none", "param": None, "sizeParam": None, "size": None, "start": 1, "next": None}
        given = self.shape(p.get("paging") or {}, {**members, "listSize": "exact"}, where)
        kind = self.choice(given["kind"], PAGING, f"{where}/kind")
        if kind in ("page", "offset") and not (given["param"] and given["size"]):
            raise self.fail(where, f"{kind} paging needs param and size")
        if kind == "cursor" and not (given["param"] and given["next"]):
            raise self.fail(where, "cursor paging needs param and next")
        idle = (set(members) - {"kind"} if kind == "oai" else {"listSize"}) & set(p.get("paging") or {})
        if idle:
            raise self.fail(where, f"{min(idle)} means nothing for {kind} paging")
        self.choice(given["listSize"], LIST_SIZES, f"{where}/listSize")
        return Paging(*(given[name] for name in members), list_size=given["listSize"])

    def since(
        self, p: dict[str, Any], paging: Paging, chosen: tuple[str, ...], records: tuple[Record, ...], where: str
    ) -> dict[str, Any]:
        """The members of `Server` that say how a source is asked for what is new."""
        where = f"{where}/since"
        members = {"param": None, "field": None, "overlapDays": 0, "granularity": None}
        given = self.shape(p.get("since") or {}, members, where)
        is_date = False
        if p.get("since"):
            fields = {f.name: f for r in records if r.name == chosen[0] for f in r.fields}
            field = fields[self.choice(given["field"], fields, f"{where}/field")]
            if not given["param"]:
                raise self.fail(f"{where}/param", "is missing")
            if len(chosen) != 1:  # how far the others were fetched, nobody would know
                raise self.fail(where, f"is for one record type, this server has {len(chosen)}", "`records`")
            days = given["overlapDays"]
            if type(days) not in (int, float) or not 0 <= days <= 3660:
                raise self.fail(f"{where}/overlapDays", f"{days!r} is no number of days")
            if given["granularity"] is not None:
                self.choice(given["granularity"], GRANULARITIES, f"{where}/granularity")
            if field.type not in ("timestamp", "date"):  # of anything else nobody could say what comes after it
                raise self.fail(f"{where}/field", f"{field.name} is of type {field.type}", "declare it as a timestamp")
            is_date = field.type == "date"  # its source knows no times
            if is_date and given["granularity"] == "second":
                raise self.fail(f"{where}/granularity", f"{field.name} is a date, without seconds", "leave it out")
        return {
            "since_param": given["param"],
            "since_field": given["field"],
            "since_overlap_days": given["overlapDays"],
            # OAI-PMH 2.0, section 3.3.1: every repository understands days, not every one seconds
            "since_granularity": given["granularity"] or ("day" if paging.kind == "oai" or is_date else None),
        }

    def auth(self, value: Any, where: str) -> Auth | Login | Signature:
        """How an endpoint is told who asks."""
        scheme = self.choice(value.get("scheme") if isinstance(value, dict) else value, AUTH, f"{where}/scheme")
        if scheme == "login":
            return self.login(value, where)
        if scheme == "hmac":
            return self.signature(value, where)
        a = self.shape(value, {"scheme": None, "secret": None, "header": "X-Api-Key"}, where)
        return Auth(scheme, self.secret(a["secret"], f"{where}/secret"), self.header(a["header"], where))

    def login(self, value: Any, where: str) -> Login:
        members = {"scheme": None, "address": None, "method": "POST", "body": "form", "fields": None, "secrets": None}
        members |= {"token": "/access_token", "expires": None, "header": "Authorization", "prefix": None}
        a = self.shape(value, members, where)
        if not a["address"]:
            raise self.fail(f"{where}/address", "is missing", "the address that hands out tokens")
        secrets = self.pairs(a["secrets"], f"{where}/secrets")
        if not secrets:
            raise self.fail(f"{where}/secrets", "names none", "write {their_field: OUR_SECRET}")
        for name in ("token", "expires"):
            if a[name] is not None and not str(a[name]).startswith("/"):
                raise self.fail(f"{where}/{name}", f"{a[name]!r} is no JSON pointer", "write it as /data/token")
        header = self.header(a["header"], where)
        prefix = a["prefix"] if a["prefix"] is not None else ("Bearer " if header == "Authorization" else "")
        return Login(
            address=str(a["address"]),
            secrets=tuple((field, self.secret(name, f"{where}/secrets/{field}")) for field, name in secrets),
            fields=self.pairs(a["fields"], f"{where}/fields"),
            method=self.choice(a["method"], ("POST", "GET"), f"{where}/method"),
            body=self.choice(a["body"], ("form", "json"), f"{where}/body"),
            token=str(a["token"]),
            expires=a["expires"],
            header=header,
            prefix=str(prefix),
        )

    def signature(self, value: Any, where: str) -> Signature:
        members = {"scheme": None, "secret": None, "keyId": None, "message": None, "headers": None}
        members |= {"algorithm": "sha256", "encoding": "hex", "timestamp": "seconds"}
        a = self.shape(value, members, where)
        message, headers = str(a["message"] or ""), self.pairs(a["headers"], f"{where}/headers")
        known = set(SIGNED) if a["keyId"] else set(SIGNED) - {"key_id"}
        self.placeholders(message, known, f"{where}/message")
        for name, template in headers:
            self.header(name, where)
            self.placeholders(template, known | {"signature"}, f"{where}/headers/{name}")
        if "{path}" not in message or not any("{signature}" in template for _, template in headers):
            raise self.fail(where, "signs no {path}, or sends no {signature}", "see `message` and `headers`")
        return Signature(
            secret=self.secret(a["secret"], f"{where}/secret"),
            message=message,
            headers=headers,
            key_id=self.secret(a["keyId"], f"{where}/keyId") if a["keyId"] else None,
            algorithm=self.choice(a["algorithm"], ALGORITHMS, f"{where}/algorithm"),
            encoding=self.choice(a["encoding"], ENCODINGS, f"{where}/encoding"),
            timestamp=self.choice(a["timestamp"], TIMESTAMPS, f"{where}/timestamp"),
        )

    def placeholders(self, template: str, known: set[str], where: str) -> None:
        for name in re.findall(r"\{(\w*)\}", template):
            self.choice(name, sorted(known), where)

    def header(self, name: Any, where: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+", str(name)):
            raise self.fail(f"{where}/header", f"{name!r} is no header's name")
        return str(name)

    def namespaces(self, p: dict[str, Any], format_: str, items: str, where: str) -> tuple[tuple[str, str], ...]:
        """Prefixes of XML names; and XML has a list of records, which its root never is."""
        found = self.pairs(p.get("namespaces"), f"{where}/namespaces")
        if found and format_ != "xml":
            raise self.fail(f"{where}/namespaces", f"means nothing for {format_}")
        for prefix, _ in found:
            if not re.fullmatch(r"[A-Za-z_][\w.-]*", prefix):
                raise self.fail(f"{where}/namespaces", f"{prefix!r} is no prefix")
        if format_ == "xml" and items.count("/") < 2:
            raise self.fail(f"{where}/items", "is missing", "the path of a record in XML, written as /list/record")
        return found
