"""What was refused is kept with its reasons; a person may look at it, which is noted, and let it in, with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brain.errors import BrainError
from ingest.quarantine import list_items, release, show
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


@pytest.fixture
def refused(house) -> Any:
    """2 has a code that nobody knows, L4 is ragged, L5 has no key, 4 is there twice."""
    house.contract([house.field("id", key=1), house.field("title", enum=[{"value": c} for c in "abc"])])
    rows = ["1,a", "2,z", "3,a,ragged", ",b", "4,a", "4,b"]
    house.deliver("list_2026-01-01.csv", "id,title\n" + "\n".join(rows) + "\n")
    house.ingest()
    return house


def by_pointer(house: Any) -> dict[str, dict[str, Any]]:
    return {i["pointer"]: i for i in list_items(house.settings)}


def test_every_refused_record_is_listed_with_its_reasons(refused):
    items = by_pointer(refused)
    assert {p: i["reasons"] for p, i in items.items()} == {
        "L3": ["code:title"],
        "L4": ["ragged_row:3 of 2 cells"],
        "L5": ["required:id"],
        "L6": ["duplicate_key"],
        "L7": ["duplicate_key"],
    }
    assert items["L3"]["record_id"] == "toy:thing:2" and items["L5"]["record_id"] is None
    assert json.loads(items["L3"]["raw"]) == {"id": "2", "title": "z"}
    assert items["L4"]["raw"] == "3,a,ragged"
    assert len({i["id"] for i in items.values()}) == 5 and not any(i["released"] for i in items.values())


def test_the_newest_batch_comes_first_and_one_source_can_be_asked_for(refused):
    refused.undeliver("list_2026-01-01.csv")
    refused.deliver("list_2026-01-02.csv", "id,title\n1,z\n")
    refused.ingest()
    assert [i["batch"] for i in list_items(refused.settings)] == [2, 1, 1, 1, 1, 1]
    assert list_items(refused.settings, "another") == []


def test_looking_at_the_original_is_noted_before_it_is_shown(refused):
    item = by_pointer(refused)["L4"]
    shown = show(refused.settings, item["id"])
    assert (shown["original"], shown["url"]) == ("3,a,ragged\n", "drop:list_2026-01-01.csv")
    [journal] = (refused.settings.journal / "access").glob("*.jsonl")
    [row] = [json.loads(line) for line in journal.read_text().splitlines()]
    assert (row["action"], row["ref"]) == ("quarantine show", item["id"]) and row["who"]


def test_a_released_record_is_a_record_and_the_ledger_says_why(refused):
    item = by_pointer(refused)["L3"]
    batch = release(refused.settings, item["id"], "the code list is older than the record")
    assert (batch.received, batch.new, batch.quarantined) == (1, 1, 0)
    assert {r["id"]: r["title"] for r in refused.current()} == {"1": "a", "2": "z"}
    entry = refused.entries()[-1]
    assert entry.kind == "accepted"
    assert entry.data["released"]["why"] == "the code list is older than the record" and entry.data["released"]["by"]
    assert by_pointer(refused)["L3"]["released"] is True
    assert verify(refused.settings)["problems"] == []
    with pytest.raises(BrainError, match="released before"):
        release(refused.settings, item["id"], "again")


def test_what_cannot_be_typed_becomes_empty(house):
    house.contract([house.field("id", key=1), house.field("n", "integer")])
    house.deliver("list_2026-01-01.csv", "id,n\n1,many\n")
    house.ingest()
    release(house.settings, "1-1", "the number does not matter")
    assert [(r["id"], r["n"]) for r in house.current()] == [("1", None)]


def test_one_of_two_under_one_key_can_be_chosen(refused):
    release(refused.settings, by_pointer(refused)["L7"]["id"], "the first one is a typing error")
    assert {r["id"]: r["title"] for r in refused.current()}["4"] == "b"


@pytest.mark.parametrize("pointer", ["L4", "L5"], ids=["unreadable", "no key"])
def test_what_is_no_record_at_all_cannot_be_released(refused, pointer: str):
    with pytest.raises(BrainError, match="cannot be read as a record") as e:
        release(refused.settings, by_pointer(refused)[pointer]["id"], "why not")
    assert "source" in e.value.hint
    assert len(refused.entries()) == 1 and {r["id"] for r in refused.current()} == {"1"}


def test_the_same_file_after_a_release_is_still_the_same_file(refused):
    release(refused.settings, by_pointer(refused)["L3"]["id"], "why")
    [batch] = refused.ingest()
    assert (batch.received, batch.unchanged) == (6, 6)
    assert {r["id"] for r in refused.current()} == {"1", "2"}


def test_a_released_record_stays_in_when_the_contract_changes(refused):
    release(refused.settings, by_pointer(refused)["L3"]["id"], "why")
    codes = [{"value": c} for c in "abcd"]
    refused.contract([refused.field("id", key=1), refused.field("title", enum=codes)], version="2.0.0")
    refused.ingest()
    assert {r["id"]: r["title"] for r in refused.current()} == {"1": "a", "2": "z"}
    item = by_pointer(refused)["L3"]
    assert item["released"] is True and item["batch"] > 2, "under the number of the batch that judged it again"
    with pytest.raises(BrainError, match="released before"):
        release(refused.settings, item["id"], "again")
    assert verify(refused.settings)["problems"] == []


def test_an_unknown_id_is_an_error(refused):
    for wrong in ("1-99", "9-1", "x", ""):
        with pytest.raises(BrainError, match="nothing in quarantine is called") as e:
            show(refused.settings, wrong)
        assert "brain quarantine list" in e.value.hint


def test_of_a_personal_source_the_list_is_masked_and_the_original_is_shown_on_request(house):
    phone = house.field("phone", classification="personal", props={"mask": "phone"})
    house.contract([house.field("id", key=1), phone, house.field("title", enum=[{"value": "a"}])])
    house.deliver("list_2026-01-01.csv", "id,phone,title\n1,13812345678,z\n2,13812345678\n")
    house.ingest()
    first, second = list_items(house.settings)
    assert "138****5678" in first["raw"] and "13812345678" not in repr((first, second)) and second["raw"] is None
    assert show(house.settings, first["id"])["original"] == "1,13812345678,z\n"
