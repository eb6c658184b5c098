"""The stand-in city: the same from the same seed, clearly invented, and dirty exactly where it says so."""

import re
import unicodedata

import pytest

from demo.city import City
from demo.faults import Fault, Faults
from demo.registers import Registers
from ingest import codes

REGISTERS = ("project", "talent", "institution", "platform", "case")


@pytest.fixture(scope="module")
def registers() -> Registers:
    return Registers(City(seed=1, scale=1))


def test_the_same_seed_gives_the_same_city_and_another_seed_another():
    one, same, other = (Registers(City(seed, 0.1)) for seed in (1, 1, 2))
    for register in REGISTERS:
        assert one.rows(register) == same.rows(register)
        assert one.rows(register) != other.rows(register)


def test_a_thing_does_not_depend_on_the_order_in_which_things_are_made():
    forward, backward = City(7, 0.1), City(7, 0.1)
    ahead = [forward.project(n) for n in range(20)]
    assert [backward.project(n) for n in reversed(range(20))] == ahead[::-1]


def test_scale():
    sizes = [sum(len(Registers(City(1, scale)).rows(r)) for r in REGISTERS) for scale in (0.1, 1)]
    assert 400 <= sizes[0] <= 600
    assert 4_000 <= sizes[1] <= 5_000
    with pytest.raises(ValueError, match="above 0"):
        City(1, 0)


def test_people_and_firms_are_invented(registers):
    for row in registers.rows("talent"):
        assert row["name"] is None or row["name"].replace(" ", "").startswith("演示")
        assert row["idNumber"].startswith("999999"), "a region that was never assigned"
        assert re.fullmatch(r"101\d{8}", row["phone"]), "a prefix that was never given out"
        assert row["email"].endswith("@example.com")
    for row in registers.rows("institution"):
        assert row["name"] is None or "演示" in row["name"] or "示范" in row["name"]
        code = row["creditCode"]
        typed = re.sub(r"\s", "", unicodedata.normalize("NFKC", code or ""))
        assert code is None or typed[2:8] == "619900", "a region that was never assigned"


def test_one_person_has_one_id_number(registers):
    city = City(1, 10)
    assert len({city.person(n).id_number for n in range(12_000)}) == 12_000


def test_most_codes_hold_and_some_do_not(registers):
    rows = registers.rows("talent")
    wrong = [r for r in rows if not codes.id_number(r["idNumber"])]
    assert 0 < len(wrong) < len(rows) * 0.03
    assert all(codes.orcid(r["orcid"]) for r in rows if r["orcid"])
    given = [r["creditCode"] for r in registers.rows("institution") if r["creditCode"]]
    wrong = [c for c in given if not codes.uscc(c)]
    assert 0 < len(wrong) < len(given) * 0.1


@pytest.mark.parametrize("register", REGISTERS)
def test_some_rows_are_planted_to_be_refused(registers, register):
    planted = registers.planted(register)
    reasons = {reason for _, reason in planted}
    assert "duplicate_key" in reasons
    assert len(reasons) >= 4
    assert len(planted) < 0.03 * len(registers.rows(register))


def test_projects_and_cases_point_at_people_and_institutions_that_exist(registers):
    talents = {r["talentNo"] for r in registers.rows("talent")}
    leaders = {r["leader"]["talentNo"] for r in registers.rows("project")} - {None}
    assert leaders <= talents
    projects = {r["projectNo"] for r in registers.rows("project")}
    assert {r["project_no"] for r in registers.rows("case")} - {None} <= projects


def test_time_runs_forward(registers):
    for row in registers.rows("project"):
        days = [s["date"] for s in row["stageTimes"]]
        assert days == sorted(days)
        assert days[-1] <= "2026-06-30"
    for row in registers.rows("case"):
        assert not row["barred_to"] or row["barred_from"] < row["barred_to"]


def test_faults_are_read_and_strike_when_they_should():
    assert Fault.parse("429:/pds@3x2") == Fault("429", "/pds", 3, 2)
    assert Fault.parse("truncated-gzip") == Fault("truncated-gzip")
    faults = Faults(["500:/pds@2x2", "slow:/marketx0"])
    assert [faults.strike("/pds/a") for _ in range(4)] == [set(), {"500"}, {"500"}, set()]
    assert [faults.strike("/market") for _ in range(2)] == [{"slow"}, {"slow"}]
    with pytest.raises(ValueError, match="no such fault: 'flood'"):
        Fault.parse("flood")
