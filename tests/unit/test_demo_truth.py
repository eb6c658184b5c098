"""What is planted in the city: enough of it for every rule, real records only, nobody's numbers."""

import json
import re

import pytest
from click.testing import CliRunner

from brain.cli import main
from demo import systems
from demo.city import City
from demo.entities import accepted, split
from demo.truth import LISTS, truth

LEAST = 20
# The firms among the barred: the rule is the veto, whose cases have their twenty.
COUNTED_ELSEWHERE = {"near_misses", "barred_firms"}
# Lists that need no near misses: they say what a reader should find, not what a rule should tell apart.
PLAIN = {"barred_firms", "entities", "duplicates", "dirty", "contract_volumes", "deliveries", "set_aside"}


@pytest.fixture(scope="module", params=[1, 2])
def planted(request):
    city = City(request.param, 1)
    return city, truth(city)


def test_every_rule_has_positives_and_near_misses(planted):
    _, found = planted
    assert set(LISTS) < set(found)
    near = found["near_misses"]
    few = {name: len(things) for name, things in found.items() if name not in COUNTED_ELSEWHERE and len(things) < LEAST}
    assert few == {}
    assert {name: len(things) for name, things in near.items() if len(things) < LEAST} == {}
    rules = set(found) - PLAIN - {"near_misses"}
    assert rules - set(near) == set(), "rules without near misses"


def test_the_rules_of_the_plan_are_all_there(planted):
    _, found = planted
    wanted = {
        "vetoes",
        "conflicts",
        "similar",
        "concentration",
        "ladder",
        "platforms",
        "talent",
        "matches",
        "contracts",
    }
    assert wanted | {"funding", "overdue_reports"} <= set(found), "one list or more for each of the nine rules"


def test_entities_name_records_that_are_delivered_and_accepted(planted):
    city, found = planted
    delivered = {record_id for r in systems.registers(city).values() for record_id, _ in accepted(r)}
    seen = {record["record_id"] for entity in found["entities"] for record in entity["records"]}
    assert len(seen) > 10_000
    assert seen <= delivered
    assert {d for duplicate in found["duplicates"] for d in duplicate["record_ids"]} <= delivered
    for entity in found["entities"]:
        kind, number = split(entity["entity"])
        assert entity["kind"] == ("person" if kind == "person" else city.kind_of(number))
        assert entity["names"][0] in _names(city, kind, number)


def _names(city, kind, number):
    if kind == "person":
        return {city.person(number).name}
    return {name for _, name in city.institution(number).names}


def test_the_same_thing_stands_twice_in_registers_of_people_and_of_institutions(planted):
    _, found = planted
    kinds = [split(d["entity"])[0] for d in found["duplicates"]]
    assert kinds.count("person") >= LEAST
    assert kinds.count("institution") >= LEAST


def test_many_systems_speak_of_the_same_people_and_institutions(planted):
    _, found = planted
    sources = [
        (entity["kind"], len({record["record_id"].split(":")[0] for record in entity["records"]}))
        for entity in found["entities"]
    ]
    for is_person in (True, False):
        many = [n for kind, n in sources if (kind == "person") == is_person and n >= 3]
        assert len(many) >= 100


def test_what_is_refused_is_refused_in_every_system_and_counts_little(planted):
    city, found = planted
    for (source, record), register in systems.registers(city).items():
        reasons = [d["reason"] for d in found["dirty"] if (d["source"], d["record"]) == (source, record)]
        shown = sum(register.shows(slot) for slot in range(register.size()))
        assert len(reasons) <= max(6, 0.1 * shown), record
    by_source = {d["source"] for d in found["dirty"]}
    assert by_source >= {source for source, _ in systems.registers(city)} - {"steward"}


def test_nothing_hangs_on_a_row_that_is_refused(planted):
    """What names one, by id or number, is set aside whole: it is neither to be found nor not to be found."""
    _, found = planted
    keys = {"|".join(map(str, d["key"])) if isinstance(d["key"], list) else d["key"]: d for d in found["dirty"]}
    ids = {f"{d['source']}:{d['record']}:{key}" for key, d in keys.items()}
    lists = {n: things for n, things in found.items() if n not in ("dirty", "set_aside", "near_misses")}
    told = json.dumps([lists, found["near_misses"]], ensure_ascii=False, default=str)
    assert [i for i in ids if json.dumps(i, ensure_ascii=False) in told] == []
    numbers = {key for key, d in keys.items() if d["record"] in ("report_obligation", "review", "application")}
    assert [key for key in numbers if key and f'"{key}"' in told] == []
    assert {"conflicts", "vetoes", "overdue_reports"} <= {aside["list"] for aside in found["set_aside"]}
    assert all(aside["refused"] for aside in found["set_aside"])


def test_no_number_address_or_phone_of_a_person_is_told(planted):
    _, found = planted
    text = json.dumps(found, ensure_ascii=False, default=str)
    assert not re.search(r"999999\d{11}[\dXx]|\b101\d{8}\b|@example|演示路\d", text)


def test_the_command_line_prints_it(tmp_path):
    env = {"BRAIN_HOME": str(tmp_path / "var"), "BRAIN_SECRETS": str(tmp_path / "secrets")}
    run = CliRunner(env=env).invoke(main, ["demo", "truth", "--scale", "0.05", "--day", "3", "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout) == json.loads(json.dumps(truth(City(1, 0.05, 3)), default=str))
    plain = CliRunner(env=env).invoke(main, ["demo", "truth", "--scale", "0.05"])
    assert plain.exit_code == 0
    assert re.search(r"^vetoes +\d+ +\d+$", plain.stdout, re.MULTILINE)
    assert "演示" not in plain.stdout, "counts only"


def test_time_moves_by_the_command_line(tmp_path):
    env = {"BRAIN_HOME": str(tmp_path / "var"), "BRAIN_SECRETS": str(tmp_path / "secrets")}
    steps = [
        CliRunner(env=env).invoke(main, ["demo", "advance", "--days", str(n), "--scale", "0.05", "--json"])
        for n in (0, 2, 1)
    ]
    assert [s.exit_code for s in steps] == [0, 0, 0], steps[0].output
    told = [json.loads(s.stdout) for s in steps]
    assert [t["day"] for t in told] == [0, 2, 3]
    assert told[-1]["today"] == "2026-07-03"
    drop = tmp_path / "var" / "demo" / "drop"
    assert {f for t in told for f in t["files"]} == {p.relative_to(drop).as_posix() for p in drop.rglob("*.*")}
    other = CliRunner(env=env).invoke(main, ["demo", "advance", "--days", "1", "--seed", "2"])
    assert other.exit_code == 1
    assert "holds the city of seed 1" in other.output
    late = CliRunner(env=env).invoke(main, ["demo", "advance", "--days", "9999"])
    assert late.exit_code == 1
    assert "no history after" in late.output
