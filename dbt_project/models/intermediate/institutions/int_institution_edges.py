"""Which mentions mean one institution, and which pairs a steward should look at."""


def model(dbt, session):
    """See warehouse.resolve.institutions: the mentions in, edges between them out."""
    from warehouse.resolve import institutions

    dbt.config(materialized="table")
    mentions = dbt.ref("int_institution_mentions").to_arrow_table()
    return institutions.edges(mentions, dbt.ref("int_institution_references").to_arrow_table())
