"""One row per pair of mentions that are, or may be, the same person: warehouse.resolve.people."""

from warehouse.resolve.people import edges


def model(dbt, session):
    mentions = dbt.ref("int_person_mentions").to_arrow_table()
    employers = dbt.ref("int_person_employers").to_arrow_table()
    return edges(mentions, employers)
