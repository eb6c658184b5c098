"""The real files: the same marts from the same batches, however often they are built."""

from __future__ import annotations

import json
import shutil

import pytest

from brain.settings import PROFILE_LABELS
from warehouse import connect, content, publish, state
from warehouse.build import build

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

# Marts of registers that only a city keeps: the stand-in city fills them, no public source does.
CITY_ONLY = {
    "fct_achievements",
    "fct_borrower_exposure",
    "fct_carrier_outcomes",
    "fct_carrier_tenants",
    "fct_contract_volumes",
    "fct_contracts",
    "fct_county_services",
    "fct_demand_matches",
    "fct_demands",
    "fct_duplicate_deliverables",
    "fct_enterprise_flows",
    "fct_enterprise_ladder",
    "fct_enterprise_lists",
    "fct_enterprise_qualifications",
    "fct_fiscal_items",
    "fct_fund_leverage",
    "fct_funding_outcomes",
    "fct_indicator_own_counts",
    "fct_integrity_pledges",
    "fct_ip_backing",
    "fct_ip_pledges",
    "fct_ip_rights",
    "fct_loan_risk",
    "fct_outreach_bases",
    "fct_plan_tasks",
    "fct_platform_use",
    "fct_project_calls",
    "fct_project_lateness",
    "fct_project_progress",
    "fct_project_stages",
    "fct_report_obligations",
    "fct_service_institutions",
    "fct_similar_applications",
    "fct_talent_flows",
    "fct_talent_retention",
    "fct_talent_shortages",
    "fct_technologies",
    "fct_veto_counts",
    "fct_vouchers",
}


@pytest.fixture(scope="module")
def rebuilt(release_home, copy_home):
    """A copy of the published house, its warehouse deleted and built again from raw."""
    settings = copy_home(release_home)
    shutil.rmtree(settings.warehouse_dir)
    shutil.rmtree(settings.home / "dbt")
    runs = build(settings)
    return settings, runs


def test_every_mart_that_describes_the_world_has_the_same_content_hash(rebuilt, release_home):
    settings, _ = rebuilt
    released = json.loads((publish.current(release_home).path / "release.json").read_text())
    manifest = content.read_manifest(state.manifest_path(settings))
    again = content.content_hashes(settings.warehouse_dir, manifest)
    assert again == released["marts"]
    assert content.combined(again) == released["content_hash"]
    world = {m.full_name for m in content.marts(manifest) if not m.describes_runs}
    assert {"official.fct_projects", "official.dim_institutions", "audit.dim_people"} <= set(again) == world


def test_every_model_of_the_real_project_succeeds(rebuilt):
    _, runs = rebuilt
    assert {r.status for r in runs} == {"success"}
    rows = {r.name: r.rows for r in runs}
    empty = {name for name, n in rows.items() if n == 0 and name.startswith(("dim_", "fct_"))}
    assert empty <= CITY_ONLY, "with the public sources no other mart of the world is empty"


def test_served_files_hold_plain_tables_that_read_nothing_else(release_home):
    release = publish.current(release_home)
    for name in state.SERVED:
        with connect.read_only(release.path / f"{name}.duckdb") as con:
            tables = [t for (t,) in con.execute("select table_name from duckdb_tables()").fetchall()]
            assert con.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)
            for table in tables:  # a locked connection: anything outside the file would be an error here
                assert con.execute(f'select count(*) from "{table}"').fetchone()
            assert "release_info" in tables
            label = con.execute("select profile_label from release_info").fetchone()
            assert label == (PROFILE_LABELS["open"],)
    assert not list(release.path.glob("*.wal"))


def test_every_rule_of_the_release_gate_judged_something(release_home):
    """A rule over a column of nothing but NULL, or a mart without rows, would pass whatever happened."""
    release = publish.current(release_home)
    with connect.read_only(release.path / "audit.duckdb") as con:
        checks = con.execute(
            "select check_name, record_type, column_name, observed from audit_check_results where gate = 'release'"
        ).fetchall()
    written = [c for c in checks if c[0] in ("value_range", "filled_share", "balanced", "suppressed")]
    assert len(written) >= 10
    # 0 / n (NULL m): at least one value of each column was looked at; platforms have no score in the public files
    for name, mart, column, observed in written:
        if "/" in observed and (mart, column) != ("official.dim_platforms", "assessment_score"):
            total, _, nulls = observed.split("/")[1].strip().partition(" (NULL ")
            assert int(total) > int(nulls.rstrip(")") or 0), f"{name} of {mart}.{column} saw no value"
