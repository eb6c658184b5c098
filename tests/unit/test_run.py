"""From a delivery to a committed batch: nothing is lost or counted twice, and what fails leaves the last state."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.errors import BrainError, FetchError, LockedError, PayloadError
from expectations import Check
from ingest import run as run_module
from ingest.fetch import Payload
from ingest.landing import Segment
from ingest.ledger import Ledger
from ingest.run import source_lock, source_of
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


def counts(batch: Any) -> tuple[int, int, int, int, int]:
    """received, new, unchanged, withdrawn, quarantined"""
    return batch.received, batch.new, batch.unchanged, batch.withdrawn, batch.quarantined


def snapshot(house: Any, day: int, *rows: str, header: str = "id,title") -> Any:
    """Deliver one snapshot in place of the one before and ingest it."""
    for old in house.dropped.glob("*.csv"):
        old.unlink()
    house.deliver(f"list_2026-01-{day:02}.csv", "\n".join([header, *rows]) + "\n")
    [batch] = house.ingest()
    return batch


def state(house: Any) -> dict[str, str]:
    return {r["id"]: r["title"] for r in house.current()}


def snapshot_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# -- snapshots ------------------------------------------------------------------------------------------------------


def test_a_snapshot_writes_only_what_is_new_and_withdraws_what_it_leaves_out(house):
    house.contract()
    assert counts(snapshot(house, 1, "1,a", "2,b", "3,c")) == (3, 3, 0, 0, 0)
    assert counts(snapshot(house, 2, "1,a", "2,B", "4,d")) == (3, 2, 1, 1, 0)
    assert state(house) == {"1": "a", "2": "B", "4": "d"}
    rows = house.versions("id, title, _record_id, _change, _batch, _version, _is_current, _is_withdrawn")
    assert [(r["_record_id"][-1], r["_version"], r["_change"], r["title"], r["_batch"]) for r in rows] == [
        ("1", 1, "upsert", "a", 1),
        ("2", 1, "upsert", "b", 1),
        ("2", 2, "upsert", "B", 2),
        ("3", 1, "upsert", "c", 1),
        ("3", 2, "withdrawn", None, 2),
        ("4", 1, "upsert", "d", 2),
    ]
    assert [r["_is_current"] for r in rows] == [True, False, True, False, True, True]


def test_a_withdrawn_record_may_come_back_and_is_withdrawn_once(house):
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    assert counts(snapshot(house, 2, "1,a")) == (1, 0, 1, 1, 0)
    assert counts(snapshot(house, 3, "1,a")) == (1, 0, 1, 0, 0), "known to be gone"
    assert counts(snapshot(house, 4, "1,a", "2,b")) == (2, 1, 1, 0, 0), "the same content is a new version again"
    assert state(house) == {"1": "a", "2": "b"}
    assert [r["_change"] for r in house.versions("_change", where="_record_id = 'toy:thing:2'")] == [
        "upsert",
        "withdrawn",
        "upsert",
    ]


def test_a_refused_row_withdraws_nothing_while_its_key_is_readable(house):
    house.contract([house.field("id", key=1), house.field("title", logicalTypeOptions={"maxLength": 3})])
    snapshot(house, 1, "1,a", "2,b", "3,c")
    assert counts(snapshot(house, 2, "1,a", "2,much too long")) == (2, 0, 1, 1, 1)
    assert state(house) == {"1": "a", "2": "b"}, "the last good version of 2 stays; 3 was left out"


@pytest.mark.parametrize("broken", [",x", "2", "　,x"], ids=["no key", "ragged", "blank key"])
def test_a_row_that_nobody_can_name_prevents_every_withdrawal(house, broken: str):
    """It may be any of the records that seem to be missing."""
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    assert counts(snapshot(house, 2, "1,a", broken)) == (2, 0, 1, 0, 1)
    assert state(house) == {"1": "a", "2": "b"}
    assert house.entries()[-1].data["complete"] is False


def test_an_unreadable_row_prevents_withdrawals_of_every_record_type_it_may_have_held(house):
    fields = [house.field("id", key=1), house.field("title")]
    project = house.record("project", fields[:1], ignoredFields=["title"])
    outcome = house.record("outcome", fields, when={"field": "title", "present": True})
    house.contract(records=[project, outcome])
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n2,b\n")
    assert [counts(b) for b in house.ingest()] == [(2, 2, 0, 0, 0)] * 2
    house.undeliver("list_2026-01-01.csv")
    house.deliver("list_2026-01-02.csv", "id,title\n1,a\n2\n")
    assert [counts(b) for b in house.ingest()] == [(2, 0, 1, 0, 1), (1, 0, 1, 0, 0)]
    assert len(house.current(record="outcome")) == 2


def test_a_delivery_of_changes_withdraws_nothing(house):
    house.contract(delivery="changes")
    snapshot(house, 1, "1,a", "2,b")
    assert counts(snapshot(house, 2, "2,B")) == (1, 1, 0, 0, 0)
    assert state(house) == {"1": "a", "2": "B"}


def test_an_explicit_delete_is_a_new_version_and_withdraws(house):
    fields = [house.field("id", key=1), house.field("title"), house.field("status")]
    deleted = {"field": "status", "values": ["deleted", "注销"]}
    house.contract(fields, delivery="changes", deletedWhen=deleted)
    header = "id,title,status"
    snapshot(house, 1, "1,a,ok", "2,b,ok", header=header)
    assert counts(snapshot(house, 2, "2,b,注销", header=header)) == (1, 1, 0, 1, 0)
    assert state(house) == {"1": "a"}
    assert counts(snapshot(house, 3, "2,b,注销", header=header)) == (1, 0, 1, 0, 0)
    assert counts(snapshot(house, 4, "2,b,ok", header=header)) == (1, 1, 0, 0, 0)
    assert state(house) == {"1": "a", "2": "b"}


def test_an_exact_repeat_is_unchanged_and_two_records_under_one_key_are_both_refused(house):
    house.contract()
    batch = snapshot(house, 1, "1,a", "1,a", "2,b", "2,other", "3,c")
    assert counts(batch) == (5, 2, 1, 0, 2)
    assert state(house) == {"1": "a", "3": "c"}
    assert [(i["reasons"], i["record_id"], i["pointer"]) for i in house.refused()] == [
        (["duplicate_key"], "toy:thing:2", "L4"),
        (["duplicate_key"], "toy:thing:2", "L5"),
    ]


def test_a_conflict_keeps_the_version_that_was_known(house):
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    assert counts(snapshot(house, 2, "1,a", "2,b", "2,other")) == (3, 0, 1, 0, 2)
    assert state(house) == {"1": "a", "2": "b"}


def test_an_older_snapshot_is_held_and_changes_nothing(house):
    house.contract()
    snapshot(house, 5, "1,a")
    before = snapshot_of(house.settings.raw), snapshot_of(house.settings.hashes)
    batch = snapshot(house, 4, "1,old")
    assert batch.held and batch.reasons == ("older_snapshot: as of 2026-01-04, committed is 2026-01-05",)
    assert (snapshot_of(house.settings.raw), snapshot_of(house.settings.hashes)) == before
    assert state(house) == {"1": "a"}
    assert [e.kind for e in house.entries()] == ["committed", "held"]
    landed = snapshot_of(house.settings.landing)
    assert house.ingest() == [], "held once is enough"
    assert snapshot_of(house.settings.landing) == landed


def test_changes_of_an_earlier_date_do_not_have_the_last_word(house):
    house.contract(delivery="changes")
    house.deliver("list_2026-01-01.csv", "id,title\n1,old\n")
    house.deliver("list_2026-02-01.csv", "id,title\n1,corrected\n")
    house.ingest()
    house.deliver("list_2026-01-01.csv", "id,title\n1,old\n2,late\n")
    house.ingest()
    assert state(house) == {"1": "corrected", "2": "late"}
    house.deliver("list_2026-03-01.csv", "id,title\n1,old\n")
    house.ingest()
    assert state(house) == {"1": "old", "2": "late"}, "what is said anew on a later day counts"
    assert sum(b.new for b in house.ingest()) == 0


# -- the same file again --------------------------------------------------------------------------------------------


def test_the_same_file_again_is_unchanged_and_compared_with_nothing(house, monkeypatch: pytest.MonkeyPatch):
    house.contract()
    assert counts(snapshot(house, 1, "1,a", "2,b", "2,c")) == (3, 1, 0, 0, 2)
    landed = snapshot_of(house.settings.landing)
    monkeypatch.setattr(run_module, "Stager", None)
    [batch] = house.ingest()
    assert counts(batch) == (3, 0, 3, 0, 0)
    assert snapshot_of(house.settings.landing) == landed, "no byte is landed twice"
    assert house.entries()[-1].data["same_as"] == 1


def test_older_files_that_stay_in_the_drop_are_not_played_again(house):
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n2,b\n")
    house.deliver("list_2026-01-02.csv", "id,title\n1,A\n")
    assert [counts(b) for b in house.ingest()] == [(2, 2, 0, 0, 0), (1, 1, 0, 1, 0)]
    assert [counts(b) for b in house.ingest()] == [(1, 0, 1, 0, 0)], "the older one is not entered again"
    assert state(house) == {"1": "A"}


def test_a_file_that_returns_to_an_earlier_state_is_read_again(house):
    house.contract(servers=[house.server(asOf=None)])
    for text, new in (("a", 1), ("b", 1), ("a", 1), ("a", 0)):
        house.deliver("latest.csv", f"id,title\n1,{text}\n")
        [batch] = house.ingest()
        assert (batch.new, state(house)) == (new, {"1": text})


def test_a_mended_file_of_the_same_date_is_taken(house):
    house.contract()
    snapshot(house, 1, "1,a")
    assert counts(snapshot(house, 1, "1,mended")) == (1, 1, 0, 0, 0)


def test_the_same_rows_under_another_name_write_nothing(house):
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    before = snapshot_of(house.settings.raw)
    assert counts(snapshot(house, 2, "2,b", "1,a")) == (2, 0, 2, 0, 0)
    assert snapshot_of(house.settings.raw) == before


# -- histories ------------------------------------------------------------------------------------------------------


def history(house: Any) -> None:
    fields = [house.field("id", key=1), house.field("release", required=True), house.field("part", "integer")]
    house.contract([*fields, house.field("title")], delivery="history", versionFields=["release", "part"])


def history_rows(house: Any, *rows: str) -> Any:
    house.deliver(f"h_2026-01-{len(house.entries()) + 1:02}.csv", "\n".join(["id,release,part,title", *rows]) + "\n")
    return house.ingest()[-1]


def test_versions_compare_as_numbers(house):
    history(house)
    history_rows(house, "1,v1.10,1,newest", "1,v1.9,2,older", "1,v1.9,1,oldest", "2,v2.0,1,x", "2,v2.0.1,1,y")
    rows = house.versions("title, _record_id, _version, _is_current")
    assert [(r["title"], r["_version"]) for r in rows] == [
        ("oldest", 1),
        ("older", 2),
        ("newest", 3),
        ("x", 1),
        ("y", 2),
    ]
    assert [r["title"] for r in rows if r["_is_current"]] == ["newest", "y"]


def test_a_late_older_version_does_not_become_current(house):
    history(house)
    history_rows(house, "1,v2,1,two")
    assert counts(history_rows(house, "1,v1,1,one")) == (1, 1, 0, 0, 0), "and nothing is withdrawn"
    assert [r["title"] for r in house.current()] == ["two"]
    assert [r["title"] for r in house.versions("title")] == ["one", "two"]


def test_a_version_known_by_another_date_is_unchanged_and_a_mended_one_wins(house):
    history(house)
    history_rows(house, "1,v1,1,one", "1,v2,1,two")
    assert counts(history_rows(house, "1,v1,1,one", "1,v2,1,mended")) == (2, 1, 1, 0, 0)
    assert [r["title"] for r in house.current()] == ["mended"]


def test_two_contents_of_one_version_are_a_conflict_two_versions_are_not(house):
    history(house)
    assert counts(history_rows(house, "1,v1,1,a", "1,v1,1,b", "1,v2,1,c")) == (3, 1, 0, 0, 2)


# -- the sum, whatever is delivered ---------------------------------------------------------------------------------


@dataclass
class Model:
    """What the rules say, in ten lines of Python: key → title of what is current, None where it was withdrawn."""

    known: dict[str, str | None] = field(default_factory=dict)

    def deliver(self, rows: list[tuple[str, str]]) -> tuple[int, int, int, int, int]:
        new = unchanged = quarantined = 0
        good: dict[str, list[str]] = {}
        for key, title in rows:
            if key and title != "bad":
                good.setdefault(key, []).append(title)
            else:
                quarantined += 1
        before = dict(self.known)
        for key, titles in good.items():
            if len(set(titles)) > 1:
                quarantined += len(titles)
                continue
            fresh = before.get(key) != titles[0]
            new, unchanged = new + fresh, unchanged + len(titles) - fresh
            self.known[key] = titles[0]
        omitted = [k for k, t in before.items() if t is not None and k not in {key for key, _ in rows}]
        if not all(key for key, _ in rows):
            omitted = []
        self.known |= dict.fromkeys(omitted)
        return len(rows), new, unchanged, len(omitted), quarantined


ROWS = st.lists(st.tuples(st.sampled_from(["", "1", "2", "3", "4"]), st.sampled_from(["a", "b", "bad"])), max_size=7)


@settings(max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_received_is_new_and_unchanged_and_quarantined_for_any_deliveries(new_house, deliveries: list[Any]):
    """Random snapshots with repeats, conflicts, broken rows and rows without a key, against the model."""
    house = new_house()
    house.contract([house.field("id", key=1), house.field("title", enum=[{"value": "a"}, {"value": "b"}])])
    model = Model()
    for day, rows in enumerate(deliveries, 1):
        batch = snapshot(house, day, *(f"{k},{t}" for k, t in rows))
        assert counts(batch) == model.deliver(rows)
        assert batch.received == batch.new + batch.unchanged + batch.quarantined
        assert state(house) == {k: t for k, t in model.known.items() if t is not None}
        assert len([i for i in house.refused() if i["batch"] == batch.seq]) == batch.quarantined
    assert verify(house.settings)["problems"] == []


# -- personal data --------------------------------------------------------------------------------------------------

PERSON = {
    "id_number": "610113199001011234",
    "phone": "13812345678",
    "email": "zhang.san@xidian.edu.cn",
    "name": "张三丰先生",
}


def personal(house: Any) -> None:
    def masked(name: str, kind: str) -> dict[str, Any]:
        return house.field(name, classification="personal", props={"mask": kind, "nullValues": ["-"]})

    house.contract(
        [
            house.field("id", key=1),
            masked("id_number", "id_number"),
            masked("phone", "phone"),
            masked("email", "email"),
            house.field("name", classification="personal"),
            house.field("title", logicalTypeOptions={"maxLength": 5}),
        ]
    )


def every_byte(home: Path) -> bytes:
    """All files below home, Parquet read as what it says too."""
    found = []
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        found += [str(path).encode(), path.read_bytes()]
        if path.suffix == ".parquet":
            with duckdb.connect() as con:
                found.append(repr(con.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()).encode())
    return b"\n".join(found)


def test_no_plain_personal_number_is_anywhere_outside_encrypted_landing(house):
    personal(house)
    person = f"{PERSON['id_number']},{PERSON['phone']},{PERSON['email']},{PERSON['name']}"
    rows = [
        f"1,{person},ok",
        f"2,{person},far too long",
        f"3,{person}",
        f",{person},x",
        f"4,{person},a",
        f"4,{person},b",
    ]
    said: list[str] = []
    house.deliver("people_2026-01-01.csv", "\n".join(["id,id_number,phone,email,name,title", *rows]) + "\n")
    [batch] = house.ingest(progress=said.append)
    assert counts(batch) == (6, 1, 0, 0, 5)
    everything = every_byte(house.settings.home)
    assert b"610***********1234" in everything and b"z***@xidian.edu.cn" in everything
    for kind in ("id_number", "phone", "email"):
        assert PERSON[kind].encode() not in everything, kind
        assert hashlib.sha256(PERSON[kind].encode()).hexdigest().encode() not in everything, f"hash of {kind}"
        assert PERSON[kind] not in "".join(said)
    refused = repr(house.refused())
    assert PERSON["name"] not in refused, "a name that is not masked in raw is hidden in quarantine"
    [row] = house.current()
    assert (row["phone"], row["name"]) == ("138****5678", PERSON["name"])


def test_encrypted_landing_gives_the_bytes_back_to_the_key(house):
    personal(house)
    content = b"id,id_number,phone,email,name,title\n1,610113199001011234,-,-,x,y\n"
    house.deliver("people_2026-01-01.csv", content)
    house.ingest()
    landing = house.entries()[0].data["landing"]["segment"]
    assert landing.endswith(".enc")
    segment = Segment(house.settings.home / landing, Ledger(house.settings).keys)
    assert [body for _, body in segment.bodies()] == [content]
    assert house.current()[0]["phone"] is None, "a sentinel is masked to nothing"


def test_the_content_hash_is_taken_after_masking(house):
    """So it says nothing about the number: two people under one mask differ by pseudonym alone."""
    personal(house)
    header = "id,id_number,phone,email,name,title"
    snapshot(house, 1, "1,610113199001011234,-,-,x,y", "2,610113199001021234,-,-,x,y", header=header)
    first, second = house.current()
    assert first["id_number"] == second["id_number"]
    assert first["id_number_pseudonym"] != second["id_number_pseudonym"]


# -- a changed contract ---------------------------------------------------------------------------------------------


def test_a_changed_contract_derives_raw_again_from_landing(house):
    house.contract([house.field("id", key=1), house.field("title")], version="1.0.0")
    snapshot(house, 1, "1,10", "2,b")
    snapshot(house, 2, "1,11", "3,7")
    house.contract([house.field("id", key=1), house.field("title", "integer")], version="2.0.0")
    batches = house.ingest()
    assert [counts(b) for b in batches] == [(2, 0, 2, 0, 0)], "the file itself is the same"
    replays = [e for e in house.entries() if e.kind == "replay"]
    assert [(e.data["replays"], e.data["generation"], e.data["contract_version"]) for e in replays] == [
        (1, 2, "2.0.0"),
        (2, 2, "2.0.0"),
    ]
    assert {r["id"]: r["title"] for r in house.current()} == {"1": 11, "3": 7}
    assert [i["reasons"] for i in house.refused()] == [["type:title"]], "judged again, by the new rule"
    assert verify(house.settings)["problems"] == []


def test_a_record_that_was_refused_is_let_in_by_a_mended_contract(house):
    house.contract([house.field("id", key=1), house.field("title", enum=[{"value": "a"}])])
    assert counts(snapshot(house, 1, "1,a", "2,b")) == (2, 1, 0, 0, 1)
    house.contract([house.field("id", key=1), house.field("title", enum=[{"value": "a"}, {"value": "b"}])])
    house.ingest()
    assert state(house) == {"1": "a", "2": "b"} and house.refused() == []


def test_words_for_people_change_nothing(house):
    house.contract()
    snapshot(house, 1, "1,a")
    house.contract([house.field("id", key=1), house.field("title", description="Better words.")], version="1.0.1")
    house.ingest()
    assert [e.kind for e in house.entries()] == ["committed", "committed"]


def test_a_server_that_landed_bytes_must_stay_in_the_contract(house):
    house.contract()
    snapshot(house, 1, "1,a")
    house.contract([house.field("id", key=1), house.field("title", "integer")], servers=[house.server(name="renamed")])
    with pytest.raises(BrainError, match="server files, which the contract no longer has"):
        house.ingest()


# -- what goes wrong leaves the last state --------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["place_files", "sign"])
def test_a_crash_before_the_commit_leaves_the_last_state(house, monkeypatch: pytest.MonkeyPatch, moment: str):
    """The process dies while the files are already where the ledger would say: it never said so."""
    house.contract()
    snapshot(house, 1, "1,a")
    head = Ledger(house.settings).newest_note()
    place = run_module.place_files

    class PowerCutError(BaseException):
        pass

    def cut(*arguments: Any) -> None:
        place(*arguments)
        raise PowerCutError

    with monkeypatch.context() as m:
        if moment == "place_files":
            m.setattr(run_module, "place_files", cut)
        else:
            m.setattr("ingest.ledger.sign_checkpoint", cut_sign(PowerCutError))
        m.setattr(run_module.SegmentWriter, "discard", lambda self: None)  # who is dead cleans nothing up
        with pytest.raises(PowerCutError):
            snapshot(house, 2, "1,b", "2,c,ragged")
    assert Ledger(house.settings).newest_note() == head and state(house) == {"1": "a"}
    report = verify(house.settings)
    assert report["problems"] == []
    kinds = {Path(p).parts[0] for p in report["uncommitted"]}
    assert kinds == {"landing", "raw", "quarantine", "hashes"}
    [batch] = house.ingest()
    assert (batch.seq, counts(batch)) == (2, (2, 1, 0, 0, 1)) and state(house) == {"1": "b"}
    assert verify(house.settings)["uncommitted"] == []


def cut_sign(error: type[BaseException]) -> Callable[..., str]:
    def sign(*_: Any) -> str:
        raise error

    return sign


def test_an_empty_folder_left_by_a_crash_is_no_obstacle(house):
    house.contract()
    (house.settings.raw / "toy" / "thing" / "batch=000001").mkdir(parents=True)
    assert counts(snapshot(house, 1, "1,a")) == (1, 1, 0, 0, 0)


def test_a_payload_that_cannot_be_read_commits_nothing(house):
    house.contract()
    snapshot(house, 1, "1,a")
    before = snapshot_of(house.settings.home / "raw"), len(house.entries())
    with pytest.raises(PayloadError, match="line 2"):
        snapshot(house, 2, "2,\x00")
    assert (snapshot_of(house.settings.home / "raw"), len(house.entries())) == before
    assert not any(house.settings.work.rglob("*.parquet"))
    assert verify(house.settings)["uncommitted"] == []


def test_a_wrong_sum_is_a_defect_that_stops_the_run(house, monkeypatch: pytest.MonkeyPatch):
    """received = new + unchanged + quarantined is asserted in the code path itself."""
    house.contract()
    monkeypatch.setattr("ingest.raw.Stager._resolve_repeats", lambda self: 1)
    with pytest.raises(AssertionError, match="received 1 != new 1 \\+ unchanged 1"):
        snapshot(house, 1, "1,a")
    assert house.entries() == []


def test_a_lost_hash_file_is_made_again_and_committed_with_the_next_batch(house):
    house.contract()
    snapshot(house, 1, "1,a", "2,b", "3,c")
    snapshot(house, 2, "1,a", "2,B")
    lost = house.settings.home / house.entries()[-1].data["hashes"]["path"]
    lost.unlink()
    assert [p["kind"] for p in verify(house.settings)["problems"]] == ["hash_file"]
    said: list[str] = []
    for old in house.dropped.iterdir():
        old.unlink()
    house.deliver("list_2026-01-03.csv", "id,title\n1,a\n2,B\n")
    [batch] = house.ingest(progress=said.append)
    assert counts(batch) == (2, 0, 2, 0, 0), "what was known, and that 3 is gone, is known again"
    assert any("building it again from raw" in s for s in said)
    assert verify(house.settings)["problems"] == []


def test_a_lost_hash_file_is_made_again_by_the_same_file_too(house):
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    (house.settings.home / house.entries()[-1].data["hashes"]["path"]).unlink()
    [batch] = house.ingest()
    assert batch.unchanged == 2 and verify(house.settings)["problems"] == []


def test_one_home_holds_one_profile(house):
    """Invented and real records never meet in one warehouse."""
    house.contract()
    snapshot(house, 1, "1,a")
    demo = house.server() | {"environment": "demo"}
    house.contract(servers=[house.server(), demo | {"server": "city"}])
    house.settings = replace(house.settings, profile="demo")
    with pytest.raises(BrainError, match="holds profile open, not demo") as e:
        house.ingest()
    assert "BRAIN_HOME" in e.value.hint


def test_only_the_newest_hash_file_is_kept(house):
    """They follow the source, not its history: what is known of older states stands in raw."""
    house.contract()
    for day, rows in ((1, "1,a"), (2, "1,b"), (3, "1,c")):
        snapshot(house, day, rows)
    house.ingest()
    assert [p.name for p in house.settings.hashes.rglob("*.parquet")] == ["000003.parquet"]
    assert verify(house.settings)["problems"] == []


def test_a_changed_hash_file_is_not_believed(house):
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    path = house.settings.home / house.entries()[-1].data["hashes"]["path"]
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT '9' AS ckey, NULL::BLOB AS hash, false AS gone) TO '{path}' (FORMAT parquet)")
    assert counts(snapshot(house, 2, "1,a", "2,c")) == (2, 1, 1, 0, 0)


def test_a_run_while_another_holds_the_source_is_refused(house):
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    with source_lock(house.settings, "toy"):
        with pytest.raises(LockedError, match="another run ingests toy") as e:
            house.ingest()
        with source_lock(house.settings, "another"):
            pass
    assert e.value.exit_code == 75
    assert len(house.ingest()) == 1, "the lock ends with its holder"


def test_an_unknown_source_and_an_empty_drop_say_what_to_do(house):
    house.contract()
    with pytest.raises(BrainError, match="no source 'tyo' in profile open") as e:
        house.ingest("tyo")
    assert "toy" in e.value.hint
    with pytest.raises(FetchError, match="toy: nothing to fetch") as e:
        house.ingest()
    assert "BRAIN_DROP" in e.value.hint


def test_a_drop_that_may_be_empty_is_no_error_and_its_files_count_once_they_lie_there(house):
    house.contract(servers=[house.server(optional=True)])
    assert house.ingest() == []
    assert house.entries() == []
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    [batch] = house.ingest()
    assert (batch.received, batch.new) == (1, 1)


def test_one_server_that_must_deliver_is_enough_for_an_empty_drop_to_be_an_error(house):
    servers = [house.server("notes_*.csv", name="notes", optional=True), house.server("list_*.csv")]
    house.contract(servers=servers)
    with pytest.raises(FetchError, match="toy: nothing to fetch"):
        house.ingest()


# -- gates ----------------------------------------------------------------------------------------------------------


def hold(name: str) -> Check:
    return Check("arrival", "toy.thing", "toy", "thing", None, name, None, False, "hold", "5", "≤ 1")


def test_a_held_batch_is_entered_and_changes_nothing_else(house, monkeypatch: pytest.MonkeyPatch):
    house.contract()
    snapshot(house, 1, "1,a")
    before = {f: snapshot_of(getattr(house.settings, f)) for f in ("raw", "hashes", "quarantine")}
    with monkeypatch.context() as m:
        m.setattr("expectations.arrival.check_batch", lambda *_: [hold("volume")])
        batch = snapshot(house, 2, "1,b", "2,c,ragged")
    assert batch.held and counts(batch) == (2, 1, 0, 0, 1) and batch.reasons == ("volume: 5",)
    assert {f: snapshot_of(getattr(house.settings, f)) for f in before} == before
    assert state(house) == {"1": "a"}
    entry = house.entries()[-1]
    assert (entry.kind, entry.data["raw"], entry.data["hashes"]) == ("held", [], house.entries()[0].data["hashes"])
    assert verify(house.settings)["problems"] == []
    assert counts(snapshot(house, 3, "1,b")) == (1, 1, 0, 0, 0), "a later snapshot supersedes it"


def test_the_gate_sees_the_staged_batch_and_the_history(house, monkeypatch: pytest.MonkeyPatch):
    seen: list[Any] = []

    def check(
        settings: Any, record: Any, files: list[Path], stats: dict[str, Any], past: list[dict[str, Any]]
    ) -> list[Check]:
        with duckdb.connect() as con:
            rows = (
                con.execute(f"SELECT id FROM read_parquet({[str(f) for f in files]}) ORDER BY 1").fetchall()
                if files
                else []
            )
        seen.append((record.name, rows, stats["received"], [p["received"] for p in past]))
        return []

    monkeypatch.setattr("expectations.arrival.check_batch", check)
    house.contract()
    snapshot(house, 1, "1,a", "2,b")
    snapshot(house, 2, "1,a", "2,c")
    assert seen == [("thing", [("1",), ("2",)], 2, []), ("thing", [("2",)], 2, [2])]


# -- deliveries -----------------------------------------------------------------------------------------------------


def test_files_are_taken_in_the_order_of_their_dates(house):
    house.contract()
    house.deliver("b_2026-01-01.csv", "id,title\n1,first\n")
    house.deliver("a_2026-01-10.csv", "id,title\n1,third\n")
    house.deliver("c_2026-01-09.csv", "id,title\n1,second\n")
    house.ingest()
    assert [r["title"] for r in house.versions("title")] == ["first", "second", "third"]
    assert [r["_as_of"] for r in house.versions("_as_of")] == [date(2026, 1, d) for d in (1, 9, 10)]


def test_the_public_address_counts_only_where_the_drop_has_no_file(house, monkeypatch: pytest.MonkeyPatch):
    address = "https://source.test/list_2026-01-01.csv"
    web = house.server(name="web", fallbackFor="files")
    web = {k: v for k, v in web.items() if k not in ("path", "format", "encoding")} | {
        "type": "api",
        "location": address,
    }
    web["customProperties"].append({"property": "format", "value": "csv"})
    house.contract(servers=[house.server(), web])
    asked: list[str] = []

    def fetch(server: Any, ctx: Any) -> Any:
        asked.append(server.location)
        yield Payload(b"id,title\n1,from the web\n", server.location, 200, datetime.now(UTC))

    monkeypatch.setattr(run_module, "fetch", fetch)
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    house.ingest()
    assert asked == []
    house.undeliver("list_2026-01-01.csv")
    house.ingest()
    assert asked == [address] and state(house) == {"1": "from the web"}


def test_a_fetch_that_gives_nothing_is_an_error_not_an_empty_snapshot(house, monkeypatch: pytest.MonkeyPatch):
    house.contract()
    snapshot(house, 1, "1,a")
    monkeypatch.setattr(run_module, "fetch_file", lambda file, server: iter(()))
    with pytest.raises(FetchError, match="nothing came"):
        snapshot(house, 2, "1,a")
    assert state(house) == {"1": "a"}


def test_progress_says_what_became_of_a_delivery(house):
    said: list[str] = []
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n,x\n")
    house.ingest(progress=said.append)
    assert "toy.thing: 2 received = 1 new + 0 unchanged + 1 quarantined; 0 withdrawn" in said


def test_the_ledger_names_every_file_with_its_hash(house):
    house.contract()
    snapshot(house, 1, "1,a", ",x")
    [entry] = house.entries()
    data = entry.data
    for ref in (*data["raw"], data["quarantine"], data["hashes"]):
        path = house.settings.home / ref["path"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == ref["sha256"]
        with duckdb.connect() as con:
            assert con.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchone() == (ref["rows"],)
    assert data["reasons"] == {"required:id": 1}
    assert data["address"] == "drop:list_2026-01-01.csv", "no path of a machine is recorded"
    assert str(house.root) not in entry.body and os.sep + "tmp" not in entry.body


# -- a ledger that is lost or older than what lies beside it ------------------------------------------------------


def kept(house: Any) -> dict[str, bytes]:
    home = house.settings.home
    return {f"{n}/{k}": v for n in ("landing", "raw", "hashes") for k, v in snapshot_of(home / n).items()}


def test_a_lost_ledger_erases_nothing(house):
    house.contract()
    snapshot(house, 1, "1,a")
    before = kept(house)
    shutil.rmtree(house.settings.ledger_path.parent)
    with pytest.raises(BrainError, match=r"ledger .* is missing"):
        house.ingest()
    with pytest.raises(BrainError, match=r"ledger .* is missing"):  # nor does a mere look make an empty one
        verify(house.settings)
    assert kept(house) == before and not house.settings.ledger_path.exists()


def test_no_new_keys_beside_landing_whose_ledger_is_lost_too(house):
    house.contract()
    snapshot(house, 1, "1,a")
    shutil.rmtree(house.settings.ledger_path.parent)
    shutil.rmtree(house.settings.secrets)
    with pytest.raises(BrainError, match="missing"):
        house.ingest()
    assert not list(house.settings.secrets.glob("*.key"))


def restore_older(house: Any) -> None:
    """Put back the ledger of the first batch after three more."""
    snapshot(house, 1, "1,a")
    backup = house.root / "backup"
    shutil.copytree(house.settings.ledger_path.parent, backup)
    for day in (2, 3, 4):
        snapshot(house, day, f"{day},b")
    shutil.rmtree(house.settings.ledger_path.parent)
    shutil.copytree(backup, house.settings.ledger_path.parent)


def test_an_older_ledger_is_told_by_what_was_landed_since(house):
    house.contract()
    restore_older(house)
    before = kept(house)
    with pytest.raises(BrainError, match="landing holds 3 fetches of toy that the ledger does not name"):
        house.ingest()
    assert kept(house) == before


@pytest.mark.parametrize("place", ["warehouse/build.json", "releases/20260101T000000Z/release.json"])
def test_an_older_ledger_is_told_by_what_was_made_from_a_newer_one(house, place: str):
    house.contract()
    snapshot(house, 1, "1,a")
    path = house.settings.home / place
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"ledger_size": 1}))
    snapshot(house, 2, "1,a")
    path.write_text(json.dumps({"ledger_size": 3}))
    before = kept(house)
    with pytest.raises(BrainError, match=r"the ledger holds 2 entries, .* was made from 3"):
        house.ingest()
    assert kept(house) == before


def test_leftovers_are_moved_aside_and_not_erased(house):
    house.contract()
    snapshot(house, 1, "1,a")
    left = house.settings.landing / "toy" / "20260101T000000000000Z-abcdef.zst"
    left.write_bytes(b"half a fetch")
    house.ingest()
    [moved] = (house.settings.home / "leftovers").rglob("*.zst")
    assert moved.read_bytes() == b"half a fetch" and moved.parent.name == "toy" and not left.exists()


# -- how far an incremental source was fetched --------------------------------------------------------------------


@pytest.fixture
def live(house, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """An endpoint that can tell what changed: rows to answer with, and what it was asked for."""
    server = {"server": "live", "type": "api", "environment": "open", "location": "https://source.test/things"}
    given = {"format": "jsonl", "since": {"param": "since", "field": "at"}}
    server["customProperties"] = [{"property": k, "value": v} for k, v in given.items()]
    fields = [house.field("id", key=1), house.field("at", getattr(request, "param", "timestamp"))]
    house.contract(fields, servers=[server], delivery="changes")
    rows: list[str] = []
    asked: list[str | None] = []

    def fetch(server: Any, ctx: Any) -> Any:
        asked.append(ctx.since)
        body = "".join(json.dumps({"id": str(i), "at": at}) + "\n" for i, at in enumerate(rows))
        yield Payload(body.encode(), server.location, 200, datetime.now(UTC))

    monkeypatch.setattr(run_module, "fetch", fetch)
    return rows, asked


def test_a_run_from_a_later_date_leaves_the_watermark_before_the_gap(house, live):
    rows, asked = live
    rows[:] = ["2026-01-05T00:00:00"]
    house.ingest()
    rows[:] = ["2026-03-01T00:00:00"]
    house.ingest(since=date(2026, 2, 1))
    house.ingest()
    house.ingest()
    assert asked == [None, "2026-02-01T00:00:00Z", "2026-01-05T00:00:00Z", "2026-03-01T00:00:00Z"]


def test_a_first_run_from_a_date_is_followed_by_a_full_one(house, live):
    rows, asked = live
    rows[:] = ["2026-03-01T00:00:00"]
    house.ingest(since=date(2026, 2, 1))
    house.ingest()
    assert asked == ["2026-02-01T00:00:00Z", None]


@pytest.mark.parametrize("live", ["date"], indirect=True)
def test_where_changes_have_a_date_a_date_is_asked_for(house, live):
    """A time would be more than the contract declares: 2026-01-05Z is neither."""
    rows, asked = live
    rows[:] = ["2026-01-05"]
    house.ingest()
    house.ingest()
    house.ingest(since=date(2026, 1, 2))
    house.ingest()
    assert asked == [None, "2026-01-05", "2026-01-02", "2026-01-05"]


def test_a_row_from_the_future_does_not_end_the_fetching(house, live):
    rows, asked = live
    rows[:] = ["2999-01-01T00:00:00"]
    house.ingest()
    house.ingest()
    age = datetime.now(UTC) - datetime.fromisoformat(asked[1])
    assert timedelta(0) <= age < timedelta(hours=1)


def test_what_changes_while_the_first_answer_is_made_is_asked_for_again(house, live, monkeypatch):
    rows, asked = live
    answer = run_module.fetch

    def slow(server: Any, ctx: Any) -> Any:
        for payload in answer(server, ctx):
            yield replace(payload, received_at=payload.received_at + timedelta(hours=2))

    monkeypatch.setattr(run_module, "fetch", slow)
    begun = datetime.now(UTC)
    rows[:] = [(begun + timedelta(hours=1)).replace(tzinfo=None).isoformat()]
    house.ingest()
    house.ingest()
    assert timedelta(0) <= datetime.fromisoformat(asked[1]) - begun < timedelta(minutes=5)


def test_a_changed_contract_leaves_the_watermark(house, live):
    rows, asked = live
    rows[:] = ["2026-01-05T00:00:00"]
    house.ingest()
    rows[:] = ["2026-03-01T00:00:00"]
    house.ingest(since=date(2026, 2, 1))
    path = house.sources / "toy.odcs.yaml"
    path.write_text(path.read_text().replace("logicalType: timestamp", "required: true\n    logicalType: timestamp"))
    house.ingest()
    assert house.entries("replay") and asked[-1] == "2026-01-05T00:00:00Z"


# -- neighbours -----------------------------------------------------------------------------------------------------


def two_servers(house: Any) -> None:
    fields = [house.field("id", key=1), house.field("title")]
    house.contract(
        servers=[
            house.server("a_*.csv", name="first", records=["a"]),
            house.server("b_*.csv", name="second", records=["b"]),
        ],
        records=[house.record("a", fields), house.record("b", fields)],
    )


def test_a_failing_delivery_does_not_lose_its_neighbours(house):
    two_servers(house)
    house.deliver("a_2026-01-01.csv", b"id,title\n1,\xff\n")
    house.deliver("b_2026-01-02.csv", "id,title\n1,b\n")
    with pytest.raises(PayloadError, match="line 2") as e:
        house.ingest()
    assert [(b.record, b.new) for b in e.value.batches] == [("b", 1)]
    assert [x.record for x in house.entries("committed")] == ["b"]


def test_after_a_snapshot_that_cannot_be_read_no_later_one_of_its_record_type_is_taken(house):
    two_servers(house)
    house.deliver("a_2026-01-01.csv", b"id,title\n1,\xff\n")
    house.deliver("a_2026-01-03.csv", "id,title\n1,later\n")
    house.deliver("b_2026-01-02.csv", b"id,title\n1,\xff\n")
    with pytest.raises(PayloadError, match=r"first.*; .*second.*left out.*a_2026-01-03\.csv"):
        house.ingest()
    assert house.entries() == []
    house.deliver("a_2026-01-01.csv", "id,title\n1,mended\n")
    house.deliver("b_2026-01-02.csv", "id,title\n1,b\n")
    assert [b.record for b in house.ingest()] == ["a", "b", "a"]
    assert [r["title"] for r in house.current(record="a")] == ["later"]


def test_a_broken_source_file_stops_no_other_source(house):
    house.contract()
    (house.sources / "typo.odcs.yaml").write_text("id: typo\nserverz: []\n")
    assert counts(snapshot(house, 1, "1,a")) == (1, 1, 0, 0, 0)
    assert source_of(house.settings, "toy").name == "toy"
