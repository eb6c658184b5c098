"""A contract is stated once and judged whole: whatever is wrong is a ContractError that names file and place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from brain.errors import ContractError
from brain.settings import ROOT, Settings
from ingest.contract import load_source, load_sources
from ingest.contract_reader import strptime_format

Change = Callable[[dict[str, Any]], object]


def _thing(document: dict[str, Any]) -> dict[str, Any]:
    return document["schema"][0]


def _id(document: dict[str, Any]) -> dict[str, Any]:
    return _thing(document)["properties"][0]


def _title(document: dict[str, Any]) -> dict[str, Any]:
    return _thing(document)["properties"][1]


def _server(document: dict[str, Any]) -> dict[str, Any]:
    return document["servers"][0]


def _add(element: dict[str, Any], name: str, value: Any) -> None:
    element.setdefault("customProperties", []).append({"property": name, "value": value})


def _drop(element: dict[str, Any], name: str) -> None:
    element["customProperties"] = [p for p in element["customProperties"] if p["property"] != name]


def _set(element: dict[str, Any], name: str, value: Any) -> None:
    _drop(element, name)
    _add(element, name, value)


LOGIN = {"scheme": "login", "address": "/token", "secrets": {"user": "USER"}}
HMAC = {"scheme": "hmac", "secret": "KEY", "message": "{path}", "headers": {"X-Mac": "{signature}"}}
WRONG: dict[str, tuple[Change, str]] = {
    # the standard's own schema
    "unknown key": (lambda d: d.update(versoin="1"), "versoin"),
    "unknown key of a field": (lambda d: _title(d).update(nullable=True), "schema/0/properties/1"),
    "unknown logical type": (lambda d: _title(d).update(logicalType="strin"), "schema/0/properties/1/logicalType"),
    "missing version": (lambda d: d.pop("version"), "'version'"),
    "another version of the standard": (lambda d: d.update(apiVersion="v9.9.9"), "apiVersion"),
    # our closed list
    "unknown property of a server": (lambda d: _add(_server(d), "delimeter", ";"), "servers/files"),
    "unknown property of a record": (lambda d: _add(_thing(d), "delivry", "snapshot"), "schema/thing"),
    "unknown property of a field": (lambda d: _add(_title(d), "nullValue", ["-"]), "schema/thing/title"),
    "unknown property at the top": (lambda d: _add(d, "owner", "us"), "top level"),
    "a property twice": (lambda d: _add(_thing(d), "class", "project"), "schema/thing"),
    "unknown class": (lambda d: _set(_thing(d), "class", "projects"), "schema/thing/class"),
    "unknown delivery": (lambda d: _set(_thing(d), "delivery", "daily"), "schema/thing/delivery"),
    "missing keyNote": (lambda d: _drop(_thing(d), "keyNote"), "schema/thing: keyNote"),
    "history without version fields": (lambda d: _set(_thing(d), "delivery", "history"), "schema/thing/versionFields"),
    "version fields without history": (
        lambda d: _add(_thing(d), "versionFields", ["title"]),
        "schema/thing/versionFields",
    ),
    "optional first version field": (
        lambda d: (_set(_thing(d), "delivery", "history"), _add(_thing(d), "versionFields", ["title"])),
        "schema/thing/title",
    ),
    "condition on an unknown field": (lambda d: _add(_thing(d), "when", {"field": "titel"}), "schema/thing"),
    "condition of another form": (lambda d: _add(_thing(d), "when", {"feld": "title"}), "schema/thing/when"),
    "records of a server": (lambda d: _add(_server(d), "records", ["thign"]), "servers/files/records"),
    "unknown profile": (lambda d: _server(d).update(environment="prod"), "servers/files/environment"),
    "unknown encoding": (lambda d: _server(d).update(encoding="utf-9"), "servers/files/encoding"),
    "unknown format": (lambda d: _server(d).update(format="cvs"), "servers/files/format"),
    "fallback for nothing": (lambda d: _add(_server(d), "fallbackFor", "fils"), "servers/files/fallbackFor"),
    "paging of another form": (
        lambda d: _add(_server(d), "paging", {"kind": "page", "par": "p"}),
        "servers/files/paging",
    ),
    "unknown paging": (lambda d: _add(_server(d), "paging", {"kind": "pages"}), "servers/files/paging/kind"),
    "paging without size": (
        lambda d: _add(_server(d), "paging", {"kind": "page", "param": "p"}),
        "servers/files/paging",
    ),
    "paging of OAI-PMH without a prefix": (
        lambda d: _add(_server(d), "paging", {"kind": "oai"}),
        "servers/files/paging",
    ),
    "a parameter beside OAI-PMH": (
        lambda d: _add(_server(d), "paging", {"kind": "oai", "param": "token"}),
        "servers/files/paging: param means nothing",
    ),
    "size of a list beside pages": (
        lambda d: _add(_server(d), "paging", {"kind": "link", "listSize": "exact"}),
        "servers/files/paging: listSize means nothing",
    ),
    "XML without a path": (lambda d: _server(d).update(format="xml"), "servers/files/items"),
    "namespaces of a table": (
        lambda d: _add(_server(d), "namespaces", {"dc": "urn:dc"}),
        "servers/files/namespaces: means nothing",
    ),
    "overlap that is no number": (
        lambda d: _add(_server(d), "since", {"param": "since", "field": "title", "overlapDays": "2"}),
        "servers/files/since/overlapDays",
    ),
    "since of a field that is no time": (
        lambda d: _add(_server(d), "since", {"param": "since", "field": "title"}),
        "servers/files/since/field",
    ),
    "unknown granularity": (
        lambda d: _add(_server(d), "since", {"param": "since", "field": "title", "granularity": "hour"}),
        "servers/files/since/granularity",
    ),
    "unknown scheme": (lambda d: _add(_server(d), "auth", {"scheme": "basic"}), "servers/files/auth/scheme"),
    "a scheme that is no mapping": (lambda d: _add(_server(d), "auth", "bearer"), "servers/files/auth"),
    "login without secrets": (
        lambda d: _add(_server(d), "auth", {"scheme": "login", "address": "/token"}),
        "servers/files/auth/secrets",
    ),
    "login without address": (
        lambda d: _add(_server(d), "auth", {"scheme": "login", "secrets": {"user": "USER"}}),
        "servers/files/auth/address",
    ),
    "a login's secret as value": (
        lambda d: _add(_server(d), "auth", {"scheme": "login", "address": "/t", "secrets": {"user": "s3cr3t-token"}}),
        "servers/files/auth/secrets/user",
    ),
    "a login's pointer": (
        lambda d: _add(_server(d), "auth", LOGIN | {"token": "data.token"}),
        "servers/files/auth/token",
    ),
    "a header that is none": (lambda d: _add(_server(d), "auth", LOGIN | {"header": "X: y"}), "servers/files/auth"),
    "a maybe": (lambda d: _add(_server(d), "optional", "perhaps"), "servers/files/optional"),
    "unknown algorithm": (
        lambda d: _add(_server(d), "auth", HMAC | {"algorithm": "md5"}),
        "servers/files/auth/algorithm",
    ),
    "unknown part of a message": (
        lambda d: _add(_server(d), "auth", HMAC | {"message": "{path}{body}"}),
        "servers/files/auth/message",
    ),
    "a key id that is not declared": (
        lambda d: _add(_server(d), "auth", HMAC | {"message": "{path}{key_id}"}),
        "servers/files/auth/message",
    ),
    "a signature that is not sent": (
        lambda d: _add(_server(d), "auth", HMAC | {"headers": {"X-Time": "{timestamp}"}}),
        "servers/files/auth",
    ),
    "a message without a path": (
        lambda d: _add(_server(d), "auth", HMAC | {"message": "{nonce}"}),
        "servers/files/auth",
    ),
    "a secret's value": (
        lambda d: _add(_server(d), "auth", {"scheme": "bearer", "secret": "s3cr3t-token"}),
        "servers/files/auth/secret",
    ),
    "limit of another form": (
        lambda d: _add(_server(d), "limits", {"retries": "many"}),
        "servers/files/limits/retries",
    ),
    "pattern without a date": (lambda d: _set(_server(d), "asOf", r"\d{8}"), "servers/files/asOf"),
    "broken pattern of a date": (lambda d: _set(_server(d), "asOf", "(["), "servers/files/asOf"),
    "no JSON pointer": (lambda d: _add(_server(d), "items", "data"), "servers/files/items"),
    "delimiter of two characters": (lambda d: _add(_server(d), "delimiter", ";;"), "servers/files/delimiter"),
    "no header row": (lambda d: _add(_server(d), "headerRows", 0), "servers/files/headerRows"),
    "parameters of another form": (lambda d: _add(_server(d), "params", ["a"]), "servers/files/params"),
    "watermark of an unknown field": (
        lambda d: _add(_server(d), "since", {"param": "since", "field": "updated"}),
        "servers/files/since/field",
    ),
    "a watermark for two record types": (
        lambda d: (
            d["schema"].append({**_thing(d), "name": "other"}),
            _add(_server(d), "since", {"param": "since", "field": "title"}),
        ),
        "servers/files/since",
    ),
    "an encoding with other line ends": (lambda d: _server(d).update(encoding="utf-16"), "servers/files/encoding"),
    "a row that may be of no type": (
        lambda d: _add(_thing(d), "when", {"field": "title", "present": True}),
        "servers/files/records",
    ),
    "unknown limit": (lambda d: _add(_server(d), "limits", {"timeout": 3}), "servers/files/limits"),
    "unknown service level": (
        lambda d: d["slaProperties"].append({"property": "schedul", "value": "0 3 * * *"}),
        "slaProperties",
    ),
    "a server twice": (lambda d: d["servers"].append(dict(_server(d))), "servers/files"),
    "no server": (lambda d: d.pop("servers"), "servers"),
    "no record type": (lambda d: d.pop("schema"), "schema"),
    "a field twice": (lambda d: _thing(d)["properties"].append(dict(_title(d))), "schema/thing"),
    "a field's name": (lambda d: _title(d).update(name="Title"), "schema/thing/Title"),
    "a record's name": (lambda d: _thing(d).update(name="a__b"), "schema/a__b"),
    "an id of another name": (lambda d: d.update(id="tow"), "id"),
    # what a field may be
    "no classification": (lambda d: _title(d).pop("classification"), "schema/thing/title/classification"),
    "typo in a classification": (
        lambda d: _title(d).update(classification="personnal"),
        "schema/thing/title/classification",
    ),
    "no label": (lambda d: _title(d).pop("businessName"), "schema/thing/title"),
    "no description": (lambda d: _title(d).pop("description"), "schema/thing/title"),
    "personal key": (lambda d: _id(d).update(classification="personal"), "schema/thing: key field id"),
    "nested key": (lambda d: _id(d).update(logicalType="object"), "schema/thing: key field id"),
    "two keys at one place": (
        lambda d: _title(d).update(primaryKey=True, primaryKeyPosition=1),
        "schema/thing: key positions",
    ),
    "unknown mask": (
        lambda d: (_title(d).update(classification="personal"), _add(_title(d), "mask", "fone")),
        "schema/thing/title/mask",
    ),
    "mask on a public field": (lambda d: _add(_title(d), "mask", "phone"), "schema/thing/title"),
    "pattern on a masked field": (
        lambda d: (
            _title(d).update(classification="personal", logicalTypeOptions={"pattern": "^1"}),
            _add(_title(d), "mask", "phone"),
        ),
        "schema/thing/title",
    ),
    "unknown check digit": (lambda d: _add(_title(d), "checkDigit", "iban"), "schema/thing/title/checkDigit"),
    "option that nobody judges": (
        lambda d: _title(d).update(logicalType="integer", logicalTypeOptions={"multipleOf": 5}),
        "schema/thing/title/logicalTypeOptions/multipleOf",
    ),
    "rule that nobody judges": (lambda d: _title(d).update(unique=True), "schema/thing/title/unique"),
    "date format": (
        lambda d: _title(d).update(logicalType="date", logicalTypeOptions={"format": "YYYY-MM-DD"}),
        "schema/thing/title/logicalTypeOptions/format",
    ),
    "impossible bound": (
        lambda d: _title(d).update(logicalType="date", logicalTypeOptions={"minimum": "2000-13-01"}),
        "schema/thing/title/logicalTypeOptions/minimum",
    ),
    "bound of another type": (
        lambda d: _title(d).update(logicalType="integer", logicalTypeOptions={"minimum": 0.5}),
        "schema/thing/title/logicalTypeOptions/minimum",
    ),
    "name of a pseudonym": (
        lambda d: (
            _title(d).update(classification="personal"),
            _add(_title(d), "mask", "phone"),
            _thing(d)["properties"].append({**_id(d), "name": "title_pseudonym", "primaryKey": False}),
            _thing(d)["properties"][2].pop("primaryKeyPosition"),
        ),
        "schema/thing/title_pseudonym",
    ),
    "broken pattern": (
        lambda d: _title(d).update(logicalTypeOptions={"pattern": "(\\d"}),
        "schema/thing/title/pattern",
    ),
    "pattern that our engine cannot match": (
        lambda d: _title(d).update(logicalTypeOptions={"pattern": "(?<=a)b"}),
        "schema/thing/title/pattern",
    ),
}


@pytest.mark.parametrize(("change", "place"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_file_and_place(house, change: Change, place: str):
    path = house.contract()
    load_source(path)  # right before the change
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    with pytest.raises(ContractError) as e:
        load_source(path)
    assert e.value.message.startswith("toy.odcs.yaml: ")
    assert place in e.value.message


def test_a_secrets_value_is_not_repeated(house):
    server = house.server(auth={"scheme": "bearer", "secret": "s3cr3t-token-of-somebody"})
    with pytest.raises(ContractError) as e:
        load_source(house.contract(servers=[server]))
    assert "A-Z" in e.value.hint and "value never" in e.value.hint


def test_no_yaml(house):
    path = house.contract()
    path.write_text("id: toy\n  name: [unclosed\n")
    with pytest.raises(ContractError, match=r"toy\.odcs\.yaml is not YAML") as e:
        load_source(path)
    assert "line 2" in e.value.hint


def test_yaml_that_is_no_contract(house):
    path = house.contract()
    path.write_text("- a list\n")
    with pytest.raises(ContractError, match=r"toy\.odcs\.yaml holds no contract"):
        load_source(path)


def test_two_sources_of_one_name(house, tmp_path):
    house.contract()
    other = tmp_path / "more"
    other.mkdir()
    (other / "toy.odcs.yaml").write_text((house.sources / "toy.odcs.yaml").read_text())
    both = Settings.from_env({"BRAIN_SOURCES": f"{house.sources}:{other}", "BRAIN_PROFILE": "open"})
    with pytest.raises(ContractError, match="toy is declared twice") as e:
        load_sources(both)
    assert str(other) in e.value.hint and str(house.sources) in e.value.hint


def test_a_folder_without_sources(house):
    with pytest.raises(ContractError, match="no source file") as e:
        load_sources(house.settings)
    assert "BRAIN_SOURCES" in e.value.hint


def test_what_a_contract_says_is_what_is_read(house):
    path = house.contract(
        [
            house.field("code", key=2, physicalName="编号"),
            house.field("kind", key=1),
            house.field("amount", "number", props={"unit": "万元", "aliases": ["金额", "经费"], "nullValues": ["-"]}),
            house.field("day", "date", logicalTypeOptions={"format": "yyyy/M/d"}),
            house.field("phone", classification="personal", props={"mask": "phone"}),
        ],
        ignoredFields=["备注"],
    )
    source = load_source(path)
    record = source.record("thing")
    assert record.key == ("kind", "code")
    assert record.field("code").physical == ("编号",)
    assert record.field("code").required, "a key is always required"
    assert record.field("amount").physical == ("amount", "金额", "经费")
    assert record.field("amount").null_values == ("-",)
    assert record.field("day").date_format == "%Y/%-m/%-d"
    assert [name for name, _ in record.columns] == ["amount", "code", "day", "kind", "phone", "phone_pseudonym"]
    assert record.ignored == ("备注",)
    assert source.is_personal and source.profiles == {"open"} and source.freshness_hours == 24


def test_only_what_decides_raw_changes_its_digest(house):
    def digest(**title: Any) -> str:
        return (
            load_source(house.contract([house.field("id", key=1), house.field("title", **title)]))
            .record("thing")
            .raw_digest
        )

    first = digest()
    assert digest(businessName="另一个说法", description="Other words.") == first
    assert digest(required=True) != first
    assert digest(physicalName="标题") != first
    assert digest(props={"nullValues": ["-"]}) != first


def test_another_mask_of_free_text_makes_raw_anew(house, monkeypatch: pytest.MonkeyPatch):
    """Else what the old one left in the open would stay there."""
    props = {"mask": "text"}
    fields = [house.field("id", key=1), house.field("title", classification="sensitive", props=props)]

    def digests(version: str) -> list[str]:  # what was read once is not read again, so each time another version
        paths = [house.contract(fields, version=version), house.contract(name="plain", version=version)]
        return [load_source(p).record("thing").raw_digest for p in paths]

    first, plain = digests("1.0.0")
    assert digests("1.0.1") == [first, plain]
    monkeypatch.setattr("ingest.contract.TEXT_MASK", 1_000)
    again, still = digests("1.0.2")
    assert again != first and still == plain


@pytest.mark.parametrize(
    ("jdk", "strptime"),
    [
        ("yyyy-MM-dd", "%Y-%m-%d"),
        ("yyyyMMdd", "%Y%m%d"),
        ("M/d/yyyy H:mm", "%-m/%-d/%Y %-H:%M"),
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", "%Y-%m-%dT%H:%M:%SZ"),
        ("yyyy年MM月dd日", "%Y年%m月%d日"),
    ],
)
def test_date_formats_are_those_of_the_standard(jdk: str, strptime: str):
    assert strptime_format(jdk) == strptime


def test_every_committed_contract_loads():
    committed = sorted(p.name.removesuffix(".odcs.yaml") for p in (ROOT / "ingest/sources").glob("*.odcs.yaml"))
    sources = load_sources(Settings.from_env({}), all_profiles=True)
    assert list(sources) == committed and len(committed) >= 12
    demo = load_sources(Settings.from_env({}))
    real = load_sources(Settings.from_env({"BRAIN_PROFILE": "open"}))
    assert set(demo) | set(real) == set(committed)
    assert {"pds", "market", "carriers", "integrity"} <= set(demo)


def test_a_public_address_delivers_what_the_file_it_stands_for_delivers():
    for source in load_sources(Settings.from_env({}), all_profiles=True).values():
        servers = {s.name: s for s in source.servers}
        for server in source.servers:
            if server.fallback_for:
                assert server.records == servers[server.fallback_for].records, f"{source.name}: {server.name}"
