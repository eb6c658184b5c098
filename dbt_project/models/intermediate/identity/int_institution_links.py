"""One row per mention of an institution: its entity, and why."""


def model(dbt, session):
    """See warehouse.resolve.links. dbt reads the refs from this text, so they are written out."""
    from warehouse.resolve import links

    dbt.config(materialized="table")
    dbt.ref("stg_resolution__membership")
    dbt.ref("int_entity_decision_pairs")
    return links.model(dbt, "institution", dbt.ref("int_institution_mentions"), dbt.ref("int_institution_edges"))
