"""Pairs of applications that are alike from the lowest threshold of any version of the rule on."""


def model(dbt, session):
    """record_a, record_b (in the order of their ids), similarity. See warehouse.rules.similarity."""
    import numpy as np
    import pyarrow as pa

    from warehouse.rules.similarity import similar_pairs

    dbt.config(materialized="table")
    threshold = dbt.ref("similarity_rules").aggregate("min(flag_from)").fetchone()[0]
    rows = dbt.ref("int_application_shingles").order("record_id").fetchnumpy()
    ids, texts = np.unique(rows["record_id"].astype(str), return_inverse=True)
    a, b, similarity = similar_pairs(texts, rows["piece_number"].astype(np.int64), float(threshold or 1))
    return pa.table({"record_a": pa.array(ids[a]), "record_b": pa.array(ids[b]), "similarity": pa.array(similarity)})
