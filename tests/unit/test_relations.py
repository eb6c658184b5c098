"""The page of marts and keys says what dbt's YAML says, and its picture opens without a network."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from warehouse import relations

KNOWN = relations.entities()


def test_the_committed_page_and_picture_are_what_the_metadata_gives() -> None:
    again = "run `python -m warehouse.relations` and commit what it writes"
    assert relations.PAGE.read_text(encoding="utf-8") == relations.page(KNOWN), again
    assert relations.PICTURE.read_text(encoding="utf-8") == relations.picture(KNOWN), again


def test_every_arrow_leads_to_the_key_of_a_mart() -> None:
    arrows = [(e.name, a) for e in KNOWN.values() for a in e.arrows]
    assert len(arrows) >= 30
    assert [a for a in arrows if a[1].mart not in KNOWN or KNOWN[a[1].mart].key != a[1].key] == []


def test_the_page_has_every_mart_once_and_the_picture_every_arrow() -> None:
    assert re.findall(r"^\| `(\w+)`", relations.page(KNOWN), re.M) == [
        e.name for e in sorted(KNOWN.values(), key=lambda e: (e.area, e.name))
    ]
    picture = ElementTree.fromstring(relations.picture(KNOWN))
    curves = [p for p in picture.iter("{http://www.w3.org/2000/svg}path") if "C" in p.get("d", "")]
    assert len(curves) == sum(len(e.arrows) for e in KNOWN.values())
    assert not [n.tag for n in picture.iter() if n.tag.endswith(("}image", "}script", "}use"))]
    # the house's XML namespace is a name, nothing is fetched from it
    assert re.findall(r"https?://[^\"' ]+", relations.picture(KNOWN)) == ["http://www.w3.org/2000/svg"]
