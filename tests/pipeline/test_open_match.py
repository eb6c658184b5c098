"""Affiliations find their institutions among the real ones: `brain match`, and the weights on rows kept for scoring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from bench import matching
from brain.cli import main
from brain.settings import Settings
from warehouse.resolve.affiliations import Matcher
from warehouse.resolve.match import registry

ROR = "https://ror.org/"
# what must not be confused: namesakes, a university with half the name of another, a hospital and its university
MEANT = {
    "School of Management, Xi'an Jiaotong University, Xi'an 710049, China": "017zhmm22",
    "Xi’an Jiaotong-Liverpool University, Suzhou": "03zmrmn05",
    "西安交通大学管理学院": "017zhmm22",
    "Northwest University, Xi'an, China": "00z3td547",
    "Department of Physics, Northwestern University, Evanston, IL, USA": "000e0be47",
    "North-West University, Potchefstroom, South Africa": "010f1sq29",
    "西安电子科技大学（综合业务网理论及关键技术国家重点实验室）": "05s92vm98",
    "陕西师范大学国际商学院": "0170z8493",
}
BOTH = {"Inst. of Comput. Technol., Chinese Acad. of Sci., Beijing, China": {"0090r4d87", "034t30j35"}}
NOBODY = ["Unit 31121", "某某有限公司", "Universidad"]


@pytest.fixture(scope="module")
def matched(release_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Rows of `brain match` by input."""
    file = tmp_path_factory.mktemp("match") / "units.csv"
    texts = [*MEANT, *BOTH, *NOBODY, "西安交通大学城市学院"]
    file.write_text("\n".join(["unit", *(f'"{t}"' for t in texts)]), encoding="utf-8")
    command = ["match", str(file), "--column", "unit", "--json"]
    done = CliRunner().invoke(main, command, env=release_home.environ(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(done.stdout)["rows"]:
        found.setdefault(row["input"], []).append(row)
    assert list(found) == texts
    return found


@pytest.mark.parametrize(("text", "code"), MEANT.items())
def test_a_text_finds_the_institution_that_it_names(matched, text: str, code: str):
    assert [r["ror_id"] for r in matched[text]] == [ROR + code]


@pytest.mark.parametrize(("text", "codes"), BOTH.items())
def test_an_institute_and_its_academy_are_both_found(matched, text: str, codes: set[str]):
    assert {r["ror_id"] for r in matched[text]} == {ROR + code for code in codes}


def test_entities_are_those_of_the_release(matched, release_home):
    with duckdb.connect(release_home.current / "official.duckdb", read_only=True) as con:
        known = dict(
            con.execute("select ror_id, institution_id from dim_institutions where ror_id is not null").fetchall()
        )
    for text, code in MEANT.items():
        assert matched[text][0]["entity_id"] == known.get(code), text


@pytest.mark.parametrize("text", NOBODY)
def test_a_text_that_names_nobody_finds_nobody(matched, text: str):
    assert matched[text] == [{"input": text, "entity_id": None, "ror_id": None, "score": None, "rule": None}]


def test_a_college_of_its_own_is_not_the_university_it_is_named_after(matched):
    (row,) = matched["西安交通大学城市学院"]
    assert row["entity_id"] and row["ror_id"] is None


def test_a_missing_column_is_a_clear_error(release_home, tmp_path: Path):
    file = tmp_path / "units.csv"
    file.write_text("unit\nX\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["match", str(file), "--column", "name"], env=release_home.environ())
    assert done.exit_code == 1
    assert "has no column 'name'" in done.output


def test_the_committed_weights_hold_on_rows_they_were_not_trained_on(drop: Path, release_home: Settings):
    """S2AFF's scored half; bench/matching.py prints every set."""
    _, institutions = registry(release_home)
    matcher = Matcher(i for i in institutions if i.id.startswith(ROR))
    known = set(matcher.names.numbers)
    rows = [r for r in matching.gold(drop) if r.set == "s2aff" and r.is_scored and r.labels <= known]
    assert len(rows) > 600
    score = matching.scored(rows, matching.answers(matcher, rows), matching.China(institutions))["s2aff"]
    assert score.f1 >= 0.88 and score.precision >= 0.92, str(score)
