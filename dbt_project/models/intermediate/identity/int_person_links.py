"""One row per mention of a person: its entity, and why."""


def model(dbt, session):
    """See warehouse.resolve.links. dbt reads the refs from this text, so they are written out."""
    from warehouse.resolve import links

    dbt.config(materialized="table")
    dbt.ref("stg_resolution__membership")
    dbt.ref("int_entity_decision_pairs")
    return links.model(dbt, "person", dbt.ref("int_person_mentions"), dbt.ref("int_person_edges"))
