"""People of the built city: found where a record names them, and kept apart where they only share a name."""

from __future__ import annotations

import pytest

from bench.people import pairwise, persons
from tests.city import BuiltCity

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # dbt leaves its log file open
    pytest.mark.parametrize("city", [1], indirect=True),
]


@pytest.fixture
def links(city: BuiltCity) -> dict[str, str]:
    """Mention → person."""
    return dict(city.query("select mention_id, entity_id from intermediate.int_person_links", "brain"))


def test_people_are_who_they_are(city: BuiltCity, links: dict[str, str]):
    precision, recall = pairwise(links, persons(city.truth))
    assert precision >= 0.99
    assert recall >= 0.95


def test_namesakes_are_not_one_person(city: BuiltCity, links: dict[str, str]):
    mentions: dict[str, set[str]] = {}
    for mention, person in persons(city.truth).items():
        mentions.setdefault(person, set()).add(mention)
    namesakes = city.truth["near_misses"]["person_entity"]
    assert namesakes
    for pair in namesakes:
        one, other = ({links[m] for m in mentions.get(e, ()) if m in links} for e in pair["entities"][:2])
        assert not one & other


def test_everybody_is_one_row(city: BuiltCity, links: dict[str, str]):
    rows = city.query("select person_id, record_count from dim_people", "audit")
    assert len(rows) == len({person for person, _ in rows}) == len(set(links.values()))
    twice = [d for d in city.truth["duplicates"] if d["register"] == "pds:talent"]
    assert twice
    for talent in twice:
        assert len({links[f"{record}#self"] for record in talent["record_ids"]}) == 1


def test_who_reports_misconduct_is_nobodys_to_find_out(city: BuiltCity, links: dict[str, str]):
    assert not [m for m in links if m.endswith("#reporter")]
    assert [m for m in links if m.startswith("integrity:report:") and m.endswith("#subject")]
