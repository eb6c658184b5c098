"""The release gate over a whole small house: from delivery to release, and what it does not let through."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser

import pytest

from brain.errors import BrainError, HeldError
from warehouse import connect, publish, state

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def failed(checks) -> set[tuple]:
    return {(c.suite, c.name, c.column, c.severity) for c in checks if not c.success}


def rebuild_with(house, model: str, sql: str):
    """Replace a model, build, check."""
    (house.project / "models" / f"{model}.sql").write_text(sql)
    house.build()
    return house.check()


def test_from_delivery_to_release(small_house):
    small_house.deliver("2024-01-01", small_house.labs(30))
    small_house.build()
    checks = small_house.check()
    assert failed(checks) == set()
    names = {(c.suite, c.name, c.column) for c in checks}
    assert ("official.dim_labs", "key_unique", "lab_code") in names, "the key dbt declares"
    assert ("official.dim_labs", "records_proved", None) in names
    assert ("official.dim_labs", "value_range", "budget_cny") in names, "written in rules/release.yml"
    assert ("official.dim_labs", "no_personal_value", None) in names
    assert not [c for c in checks if c.suite.startswith("audit.") and c.name.startswith("no_personal")]

    release = small_house.publish()
    assert small_house.query("select count(*), any_value(release_id) from dim_labs, release_info") == [(30, release.id)]
    run = "run_id = 'run-of-this-test'"
    (count,) = small_house.query(f"select count(*) from audit_check_results where gate = 'release' and {run}", "audit")[
        0
    ]
    assert count == len(checks), "the release holds the checks of its own run"
    models = small_house.query(
        f"select distinct model from audit_model_runs where status = 'success' and {run}", "audit"
    )
    assert ("audit_model_runs",) in models

    # The page has all of it, and nothing from elsewhere.
    page = (release.path / "checks.html").read_text()
    assert "发布关口" in page
    assert "实验室名录：实验室" in page
    links = _Links()
    links.feed(page)
    assert links.found == []

    # A second run over the same files finds nothing new and leaves the release as it is.
    small_house.build()
    small_house.check()
    assert small_house.publish() == release


class _Links(HTMLParser):
    """Everything that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ("src", "href")] + ([tag] if tag in ("script", "link") else [])


def test_a_personal_column_is_caught_by_its_name(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    checks = rebuild_with(
        small_house,
        "fct_visits",
        "select 1 as visit, cast(null as varchar) as head_name, cast(null as varchar) as phone",
    )
    assert failed(checks) == {("release", "personal_names", None, "hold")}
    assert next(c.observed for c in checks if c.name == "personal_names") == "2"
    with pytest.raises(HeldError, match="personal_names"):
        small_house.publish()


def test_a_personal_column_under_another_name_is_caught_by_its_values(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    checks = rebuild_with(
        small_house, "fct_visits", "select lab_code, head_name as motto from {{ ref('stg_labs__lab') }}"
    )
    # The heads are called 王某1 … 王某5, which is no Chinese name; the next delivery has one.
    assert failed(checks) == set()
    labs = small_house.labs(5)
    labs[0] = (*labs[0][:4], "欧阳某某")
    small_house.deliver("2025-01-01", labs)
    small_house.build()
    checks = small_house.check()
    assert failed(checks) == {("official.fct_visits", "no_personal_value", "motto", "hold")}
    assert "欧阳" not in json.dumps([c.observed for c in checks], ensure_ascii=False)
    assert "欧阳" not in (small_house.settings.home / "reports" / "checks.html").read_text()


@pytest.mark.parametrize(
    "text", ["身份证 610103199001011234", "61010319900101123x", "电话13800138000。", "write to zhang.san@example.org"]
)
def test_numbers_and_addresses_of_people_are_caught_by_their_shape(text):
    import re

    from expectations.release import PERSONAL_SHAPE

    assert re.search(PERSONAL_SHAPE, text)


@pytest.mark.parametrize(
    "text",
    [
        "91350200MA2YJ1XR9G",
        "https://ror.org/017zhmm22",
        "10.1000/xyz123",
        "a13800138000b",
        "138****1234",
        "20230101",
        "甲@乙",
    ],
)
def test_codes_that_are_no_persons_pass(text):
    import re

    from expectations.release import PERSONAL_SHAPE

    assert not re.search(PERSONAL_SHAPE, text)


def test_a_contract_classification_reaches_the_official_columns(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    path = small_house.project / "models" / "schema.yml"
    path.write_text(
        path.read_text().replace(
            "      - {name: last_received_at,",
            "      - {name: field, config: {meta: {classification: personal}}}\n      - {name: last_received_at,",
        )
    )
    small_house.build()
    assert failed(small_house.check()) == {("release", "personal_classified", None, "hold")}


def test_rows_without_a_proof_hold(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    checks = rebuild_with(
        small_house, "fct_visits", """select 'V1' as visit, '["labs:lab:L1", "labs:lab:L99"]' as record_ids"""
    )
    assert failed(checks) == {("official.fct_visits", "records_proved", None, "hold")}
    assert next(c.observed for c in checks if c.suite == "official.fct_visits" and c.name == "records_proved") == "1"


def test_a_list_is_no_type_to_serve(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    checks = rebuild_with(small_house, "fct_visits", "select ['a'] as tags, cast(1 as hugeint) as big, uuid() as id")
    assert next(c.observed for c in checks if c.name == "served_types") == "3"
    assert ("release", "served_types", None, "hold") in failed(checks)


def test_a_mart_that_falls_far_below_the_current_release_holds(small_house):
    small_house.release("2024-01-01", small_house.labs(100))
    checks = rebuild_with(
        small_house,
        "dim_labs",
        "select lab_code, budget as budget_cny from {{ ref('stg_labs__lab') }} limit 60",
    )
    assert failed(checks) == {("official.dim_labs", "row_count", None, s) for s in ("hold", "warn")}
    with pytest.raises(HeldError, match="row_count"):
        small_house.publish()
    assert small_house.query("select count(*) from dim_labs") == [(100,)], "the last release keeps serving"


def test_a_mart_that_is_gone_is_told_but_does_not_hold(small_house):
    small_house.release("2024-01-01", small_house.labs(10))
    (small_house.project / "models" / "fct_visits.sql").unlink()
    small_house.build()
    checks = small_house.check()
    assert failed(checks) == {("release", "marts_kept", None, "warn")}
    assert next(c.observed for c in checks if c.name == "marts_kept") == "official.fct_visits"
    assert small_house.publish()


def test_a_build_older_than_the_ledger_is_told(small_house):
    small_house.deliver("2024-01-01", small_house.labs(10))
    small_house.build()
    small_house.deliver("2025-01-01", small_house.labs(10))
    assert failed(small_house.check()) == {("release", "newest_batches", None, "warn")}


def test_a_rule_for_a_mart_that_is_not_built_is_an_error(small_house):
    small_house.deliver("2024-01-01", small_house.labs(10))
    (small_house.project / "models" / "dim_labs.sql").unlink()
    schema = small_house.project / "models" / "schema.yml"
    schema.write_text(
        schema.read_text()
        .replace("- name: dim_labs\n", "- name: fct_visits\n")
        .replace("data_tests: [unique, not_null]", "")
    )
    small_house.build()
    with pytest.raises(BrainError, match=r"release\.yml names official\.dim_labs"):
        small_house.check()
    with pytest.raises(HeldError, match="not been checked"):
        small_house.publish()


def test_without_a_build_there_is_nothing_to_check(small_house):
    with pytest.raises(BrainError, match="no finished build"):
        small_house.check()


def test_the_verdict_is_bound_to_the_build(small_house):
    small_house.deliver("2024-01-01", small_house.labs(10))
    small_house.build()
    small_house.check()
    gate = state.read_gate(small_house.settings)
    assert (gate.build_id, gate.success) == (state.read_build(small_house.settings).build_id, True)
    small_house.build()
    assert state.read_gate(small_house.settings) is None
    with pytest.raises(HeldError, match="not been checked"):
        small_house.publish()


def test_a_deleted_warehouse_leaves_the_release(small_house):
    release = small_house.release("2024-01-01", small_house.labs(10))
    shutil.rmtree(small_house.settings.warehouse_dir)
    assert publish.current(small_house.settings) == release
    with connect.read_only(release.path / "official.duckdb") as con:
        assert con.execute("select count(*) from dim_labs").fetchone() == (10,)
    small_house.build()
    small_house.check()
    assert small_house.publish() == release, "built again from raw: the same content, the same release"


def test_a_house_without_a_batch_is_built_and_held(small_house):
    small_house.build()
    assert failed(small_house.check()) == {("official.dim_labs", "not_empty", None, "hold")}
    with pytest.raises(HeldError, match="not_empty"):
        small_house.publish()
    assert publish.current(small_house.settings) is None
