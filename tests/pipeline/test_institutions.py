"""Institutions of all registers, as the build joins them, against what is true in the city."""

from __future__ import annotations

from bench.entities import PRECISION, RECALL, pairwise, true_institutions
from tests.city import BuiltCity


def test_what_is_one_institution_is_found_and_nothing_else(city: BuiltCity):
    links = dict(city.query("select mention_id, entity_id from intermediate.int_institution_links", "brain"))
    precision, recall = pairwise(links, true_institutions(city.truth))
    assert precision >= PRECISION, precision
    assert recall >= RECALL, recall


def test_every_place_that_the_truth_knows_is_a_mention(city: BuiltCity):
    mentions = {m for (m,) in city.query("select mention_id from intermediate.int_institution_mentions", "brain")}
    assert true_institutions(city.truth).keys() - mentions == set()


def test_who_is_one_institution_stands_in_the_mart_once(city: BuiltCity):
    """Unit, service institution and firm under one number of entity, with the code that is right."""
    rows = city.query("select institution_id, record_ids, credit_code, origin from dim_institutions")
    assert len({row[0] for row in rows}) == len(rows)
    registered = city.query(
        "select count(distinct institution_id) from intermediate.int_institution_members where is_registered", "brain"
    )
    assert sum(row[3] == "registry" for row in rows) == registered[0][0]


def test_an_institution_that_was_merged_stays_and_points_to_its_successor(city: BuiltCity):
    pairs = city.query(
        "select record_id, institution_id, role from intermediate.int_institution_members"
        " where source = 'enterprises' and (role = 'self' or role like 'merged_firm %')",
        "brain",
    )
    own = {record: institution for record, institution, role in pairs if role == "self"}
    gone = {institution: own[record] for record, institution, role in pairs if role != "self"}
    successors = dict(city.query("select institution_id, successor_institution_id from dim_institutions"))
    assert gone
    for institution, successor in gone.items():
        assert institution != successor
        assert successors[institution] is not None
