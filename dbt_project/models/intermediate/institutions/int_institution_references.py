"""What names mean in the registers of the world, where no register spells them so."""


def model(dbt, session):
    """See warehouse.resolve.references. dbt reads the refs from this text, so they are written out."""
    from warehouse.resolve import references

    dbt.config(materialized="table")
    dbt.ref("int_institution_mentions")
    dbt.ref("stg_moe__institution")
    dbt.source("raw", "ror__organization")
    dbt.source("raw", "ror__organization_reference")
    return references.model(dbt)
