"""The repository of reports answers as OAI-PMH 2.0 says: verbs, errors, tokens, deleted records, both formats."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from demo.city import City
from demo.endpoint import Request
from demo.register import stamp_text
from demo.systems.reports import PAGE, Reports, answer

OAI = "{http://www.openarchives.org/OAI/2.0/}"
DC = "{http://purl.org/dc/elements/1.1/}"
GB = "{http://reports.xa.example/gbt7713/}"


@pytest.fixture(scope="module")
def city() -> City:
    return City(1, 0.5)


def ask(city: City, **query: str) -> ET.Element:
    query = {name.rstrip("_"): value for name, value in query.items()}
    response = answer(city, Request("/reports/oai", query, {}, frozenset(), "http://127.0.0.1"))
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    return ET.fromstring(response.body)


def error(city: City, **query: str) -> str | None:
    found = ask(city, **query).find(f"{OAI}error")
    return None if found is None else found.get("code")


def walk(city: City, verb: str = "ListRecords", **query: str) -> list[ET.Element]:
    """All headers of a list, over all its tokens; the sizes that the tokens tell are right."""
    found: list[ET.Element] = []
    sizes = set()
    page = ask(city, verb=verb, **query)
    while True:
        found += page.iter(f"{OAI}header")
        token = page.find(f"{OAI}{verb}/{OAI}resumptionToken")
        if token is None:
            return found
        sizes.add(int(token.get("completeListSize", "-1")))
        if not token.text:
            assert sizes == {len(found)}
            return found
        assert int(token.get("cursor", "-1")) == len(found) - PAGE
        page = ask(city, verb=verb, resumptionToken=token.text)


def name(header: ET.Element) -> str:
    return header.findtext(f"{OAI}identifier", "")


def test_identify_tells_what_a_harvester_must_know(city):
    identify = ask(city, verb="Identify").find(f"{OAI}Identify")
    assert identify.findtext(f"{OAI}deletedRecord") == "persistent"
    assert identify.findtext(f"{OAI}granularity") == "YYYY-MM-DDThh:mm:ssZ"
    assert identify.findtext(f"{OAI}protocolVersion") == "2.0"
    earliest = identify.findtext(f"{OAI}earliestDatestamp")
    assert all(h.findtext(f"{OAI}datestamp") >= earliest for h in walk(city, metadataPrefix="oai_dc"))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "badVerb"),
        ({"verb": "ListAll"}, "badVerb"),
        ({"verb": "Identify", "set": "x"}, "badArgument"),
        ({"verb": "ListRecords"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "marc21"}, "cannotDisseminateFormat"),
        ({"verb": "ListRecords", "metadataPrefix": "gbt7713", "set": "x"}, "noSetHierarchy"),
        ({"verb": "ListSets"}, "noSetHierarchy"),
        ({"verb": "ListRecords", "metadataPrefix": "gbt7713", "from_": "gestern"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "gbt7713", "from_": "2026-02-30"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "gbt7713", "from_": "2026-06-30", "until": "2026-06-29"},
         "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "gbt7713", "from_": "2026-06-30", "until": "2026-06-30T00:00:00Z"},
         "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "gbt7713", "until": "2001-01-01"}, "noRecordsMatch"),
        ({"verb": "ListRecords", "resumptionToken": "bm9uZSBvZiB5b3Vycw=="}, "badResumptionToken"),
        ({"verb": "ListRecords", "resumptionToken": "€"}, "badResumptionToken"),
        ({"verb": "ListRecords", "resumptionToken": "x", "metadataPrefix": "gbt7713"}, "badArgument"),
        ({"verb": "GetRecord", "identifier": "oai:reports.xa.example:0000001"}, "badArgument"),
        ({"verb": "GetRecord", "identifier": "oai:elsewhere:0000001", "metadataPrefix": "oai_dc"}, "idDoesNotExist"),
        ({"verb": "GetRecord", "identifier": "oai:reports.xa.example:9999999", "metadataPrefix": "oai_dc"},
         "idDoesNotExist"),
        ({"verb": "ListMetadataFormats", "identifier": "oai:elsewhere:1"}, "idDoesNotExist"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_errors_are_those_of_the_protocol(city, query, code):
    assert error(city, **query) == code
    echoed = ask(city, **query).find(f"{OAI}request")
    assert code not in ("badVerb", "badArgument") or echoed.attrib == {}, "a bad argument is not echoed"


def test_tokens_walk_through_everything_once_in_both_formats_and_verbs(city):
    shown = sum(Reports(city).shows(slot) for slot in range(Reports(city).size()))
    assert shown > 2 * PAGE
    for verb in ("ListRecords", "ListIdentifiers"):
        for prefix in ("gbt7713", "oai_dc"):
            names = [name(h) for h in walk(city, verb, metadataPrefix=prefix)]
            assert len(names) == len(set(names)) == shown


def test_a_token_is_good_for_its_verb_and_its_day_only(city):
    page = ask(city, verb="ListRecords", metadataPrefix="gbt7713")
    token = page.findtext(f"{OAI}ListRecords/{OAI}resumptionToken")
    assert error(city, verb="ListRecords", resumptionToken=token) is None
    assert error(city, verb="ListIdentifiers", resumptionToken=token) == "badResumptionToken"
    assert error(city, verb="ListRecords", resumptionToken=token[:-4] + "AAAA") == "badResumptionToken"
    assert error(city.at(1), verb="ListRecords", resumptionToken=token) == "badResumptionToken"
    assert error(City(2, 0.5), verb="ListRecords", resumptionToken=token) == "badResumptionToken"


def test_deleted_records_stay_as_headers(city):
    page = ask(city, verb="ListRecords", metadataPrefix="gbt7713")
    deleted = [h for h in walk(city, metadataPrefix="gbt7713") if h.get("status") == "deleted"]
    assert deleted
    for record in page.iter(f"{OAI}record"):
        dead = record.find(f"{OAI}header").get("status") == "deleted"
        assert (record.find(f"{OAI}metadata") is None) == dead
    got = ask(city, verb="GetRecord", identifier=name(deleted[0]), metadataPrefix="oai_dc")
    assert got.find(f"{OAI}GetRecord/{OAI}record/{OAI}header").get("status") == "deleted"


def test_from_and_until_are_inclusive_and_a_day_lasts_until_its_end(city):
    stamps = {name(h): h.findtext(f"{OAI}datestamp") for h in walk(city, metadataPrefix="gbt7713")}
    newest = sorted(stamps.values())[-5]
    since = [name(h) for h in walk(city, metadataPrefix="gbt7713", **{"from": newest})]
    assert sorted(since) == sorted(n for n, at in stamps.items() if at >= newest)
    day = newest[:10]
    within = [name(h) for h in walk(city, metadataPrefix="gbt7713", **{"from": day, "until": day})]
    assert sorted(within) == sorted(n for n, at in stamps.items() if at[:10] == day)


def test_after_a_day_only_what_changed_is_listed(city):
    later = city.at(30)
    since = stamp_text(city.now + timedelta(seconds=1))
    changed = {name(h) for h in walk(later, metadataPrefix="gbt7713", **{"from": since})}
    before = {name(h): h for h in walk(city, metadataPrefix="gbt7713")}
    after = {name(h): h for h in walk(later, metadataPrefix="gbt7713")}
    different = {n for n, h in after.items() if n not in before or ET.tostring(h) != ET.tostring(before[n])}
    assert changed == different
    assert 0 < len(changed) < len(after) / 5
    assert set(before) <= set(after), "nothing vanishes"


def test_a_record_tells_the_fields_of_the_standard_and_dublin_core_what_it_can(city):
    register = Reports(city)
    row = next(row for row, reason in register.walk() if not reason and not row["status"] and row["obligationNo"])
    found = ask(city, verb="GetRecord", identifier=row["identifier"], metadataPrefix="gbt7713")
    report = found.find(f".//{GB}report")
    assert [e.text for e in report.iter(f"{GB}author")] == row["author"]
    for field in ("reportNo", "title", "unit", "projectNo", "openness", "dueDate", "filedDate"):
        assert report.findtext(f"{GB}{field}") == row[field]
    assert [e.text for e in report.iter(f"{GB}keyword")] == row["keyword"]
    core = ask(city, verb="GetRecord", identifier=row["identifier"], metadataPrefix="oai_dc")
    assert core.findtext(f".//{DC}title") == row["title"]
    assert [e.text for e in core.iter(f"{DC}creator")] == row["author"]
