"""fetch → land → read → check → commit, for one source. The only place where a batch comes into being."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import hmac
import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from brain.errors import BrainError, ContractError, FetchError, HeldError, LockedError, PayloadError
from brain.keys import Keys, load_keys
from brain.settings import Settings
from ingest.contract import SUFFIX, Record, Server, Source, load_source, source_files
from ingest.fetch import FetchContext, Payload, fetch
from ingest.fetch.files import DropFile, as_of_date, fetch_file, find_files
from ingest.fetch.paging import OverlapError, SourceMovedError
from ingest.fetch.since import asked_since
from ingest.landing import Segment, SegmentWriter, fsync_folder
from ingest.ledger import Ledger, LedgerEntry, live_entries
from ingest.parts import why_incomplete
from ingest.privacy import Pseudonymiser
from ingest.raw import Staged, Stager, committed_sql, file_ref
from ingest.records import Reader, Shape, content_of

Progress = Callable[[str], None]
INCOMPLETE = "incomplete_group"
RESTORE = "put the newest ledger back from your backup; nothing was changed"


@dataclass(frozen=True)
class Batch:
    """What one ledger entry says. `sha256` is the entry's leaf hash, which commits to everything."""

    seq: int
    source: str
    record: str
    received: int
    new: int
    unchanged: int
    withdrawn: int
    quarantined: int
    held: bool
    sha256: str
    reasons: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Delivery:
    """One thing a source hands over: a file, several that belong together, or one walk through an endpoint."""

    server: Server
    as_of: date | None
    address: str
    files: tuple[DropFile, ...] = ()


def source_of(settings: Settings, name: str, *, any_profile: bool = False) -> Source:
    """The named source of this profile; raises BrainError listing what there is.

    No other file is read: a broken one stops its own source only.
    """
    paths = source_files(settings)
    found = [p for p in paths if p.name == name + SUFFIX]
    if len(found) > 1:
        raise ContractError(f"source {name} is declared twice", " and ".join(map(str, found)))
    source = load_source(found[0]) if found else None
    if source is None or not (any_profile or settings.profile in source.profiles):
        known = ", ".join(p.name.removesuffix(SUFFIX) for p in paths)
        raise BrainError(f"no source {name!r} in profile {settings.profile}", f"source files: {known}")
    return source


def ingest_source(
    settings: Settings,
    name: str,
    *,
    full: bool = False,
    since: date | None = None,
    progress: Progress | None = None,
) -> list[Batch]:
    """Fetch everything a source has to deliver and commit it, one batch per delivery and record type.

    `full`: ask for everything even where the source can tell what changed. `since`: ask from this date on.
    Held batches are in the result with `held`; nothing of them reaches raw. Raises BrainError and its kinds; a delivery
    that fails does not stop the others, and the error's `batches` are what was committed.
    """
    source = source_of(settings, name)
    say = progress or (lambda message: None)
    _claim_home(settings)
    with source_lock(settings, name):
        run = SourceRun(settings, source, full, since, say)
        remove_uncommitted(settings, run.ledger, name)
        run.replay_if_changed()
        deliveries = run.deliveries()
        if not deliveries and run.may_be_silent():
            say(f"{name}: nothing in the drop, and nothing has to be")
            return []
        if not deliveries:
            raise FetchError(
                f"{name}: nothing to fetch in profile {settings.profile}", "set BRAIN_DROP, or look at `servers`"
            )
        return _deliver_all(run, deliveries)


def _deliver_all(run: SourceRun, deliveries: list[Delivery]) -> list[Batch]:
    """Every delivery that can be read. After a file that cannot, no later one of its record types: order matters."""
    batches: list[Batch] = []
    errors: list[BrainError] = []
    stopped: set[str] = set()
    left_out: list[str] = []
    for delivery in deliveries:
        ordered = run.ordered_records(delivery)
        if stopped & ordered:
            left_out.append(delivery.address)
            run.say(f"{run.source.name} ← {delivery.address}: left out, for one before it could not be read")
            continue
        try:
            batches += run.deliver_twice(delivery)
        except (FetchError, PayloadError) as e:
            run.say(f"{run.source.name} ← {delivery.address}: {e}")
            errors.append(e)
            stopped |= ordered
        except BrainError as e:  # not this delivery's fault: the next would meet it too
            e.batches = tuple(batches)
            raise
    if not errors:
        return batches
    error = errors[0]
    if len(errors) > 1 or left_out:
        text = "; ".join(e.message for e in errors)
        text += f"; left out, for they come after it: {', '.join(left_out)}" if left_out else ""
        error = type(error)(text, error.hint)
    error.batches = tuple(batches)
    raise error from errors[0].__cause__


def _claim_home(settings: Settings) -> None:
    """One home, one profile: invented and real records never meet in one warehouse."""
    mark = settings.home / "profile"
    if not mark.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        unfinished = settings.home / f".profile-{secrets.token_hex(4)}"
        unfinished.write_text(settings.profile + "\n")
        with suppress(FileExistsError):  # the first runs start side by side
            mark.hardlink_to(unfinished)
        unfinished.unlink()
    held = mark.read_text().strip()
    if held != settings.profile:
        raise BrainError(
            f"{settings.home} holds profile {held}, not {settings.profile}",
            "give every profile a BRAIN_HOME of its own",
        )


@contextmanager
def source_lock(settings: Settings, name: str) -> Iterator[None]:
    """One run per source at a time; another one gets LockedError (exit code 75)."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with open(settings.run_dir / f"ingest-{name}.lock", "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"another run ingests {name}", "wait until it has ended") from None
        yield


class SourceRun:
    """One run over one source, under its lock."""

    def __init__(self, settings: Settings, source: Source, full: bool, since: date | None, say: Progress):
        self.settings = settings
        self.source = source
        self.full = full
        self.since = since
        self.say = say
        self.keys: Keys = load_keys(settings)
        self.ledger = Ledger(settings, self.keys)
        self.shapes = {r.name: Shape(r, Pseudonymiser(self.keys)) for r in source.records}
        self.folder = settings.landing / source.name

    # -- what there is to deliver -------------------------------------------------------------------------------

    def deliveries(self) -> list[Delivery]:
        """In the order of their as-of dates. A public address counts only where the drop has no such file."""
        found: list[Delivery] = []
        served: set[str] = set()
        servers = [s for s in self.source.servers if s.profile == self.settings.profile]
        for server in servers:
            if server.type == "local":
                files = find_files(server, self.settings)
                if files:
                    served.add(server.name)
                if server.together:
                    for as_of, some in groupby(files, key=lambda f: f.as_of):
                        found.append(Delivery(server, as_of, f"drop:{server.location}", tuple(some)))
                else:
                    found += [Delivery(server, f.as_of, f"drop:{f.address}", (f,)) for f in files]
        for server in servers:
            if server.type == "api" and server.fallback_for not in served:
                name = server.location.rsplit("/", 1)[-1]
                found.append(Delivery(server, as_of_date(server, name), server.location))
            elif server.type == "database":
                from ingest.fetch.database import address_of

                found.append(Delivery(server, None, address_of(server, self.settings)))
        return sorted(found, key=lambda d: d.as_of or date.min)

    def may_be_silent(self) -> bool:
        """Whether every server of the profile reads a drop that may be empty."""
        return all(s.optional for s in self.source.servers if s.profile == self.settings.profile)

    def ordered_records(self, delivery: Delivery) -> set[str]:
        """Record types for which this delivery must not be overtaken by a later one; histories order themselves."""
        if not delivery.files and not delivery.as_of:
            return set()
        return {n for n in delivery.server.records if self.source.record(n).delivery != "history"}

    # -- one delivery -------------------------------------------------------------------------------------------

    def deliver_twice(self, delivery: Delivery) -> list[Batch]:
        """Deliver; once more where the source moved: pages that do not fit are dropped whole, never patched.

        Once more, too, where records came on two pages. What comes on two pages again the source does hold twice.
        """
        twice: frozenset[tuple[str, str]] | None = None
        moved = False
        while True:
            try:
                return self.deliver(delivery, twice)
            except OverlapError as e:
                if twice is not None:
                    raise
                error, twice = e, e.keys
            except SourceMovedError as e:
                if moved:
                    raise
                error, moved = e, True
            self.say(f"{error.message}; reading it once more")

    def deliver(self, delivery: Delivery, twice: frozenset[tuple[str, str]] | None = None) -> list[Batch]:
        """One reading of a delivery. `twice`: what came on two pages of an earlier one; then it is read to its end."""
        server, source = delivery.server, self.source
        records = [source.record(n) for n in server.records]
        history = {r.name: self.ledger.entries(source.name, r.name) for r in records}
        if delivery.files:
            same = self._already_delivered(delivery, records, history)
            if same is not None:
                return same
        since = self._since(server, records, history)
        label = f"{source.name} ← {delivery.address}"
        self.say(f"{label}: fetching" + (f" since {since}" if since else ""))
        writer = SegmentWriter(self.folder, self.keys if source.is_personal else None)
        work = self.settings.work / source.name / writer.fetch_id
        stagers: dict[str, Stager] = {}
        try:
            stagers = {
                r.name: Stager(
                    self.shapes[r.name],
                    work / r.name,
                    *self.hash_file(history[r.name]),
                    delivery.as_of,
                    server.since_field if r.name == server.records[0] else None,
                )
                for r in records
            }
            with _no_cyclic_garbage():
                declared, sha256 = self._read(delivery, since, writer, stagers, label, twice is not None)
                staged = {n: s.finish(complete=since is None) for n, s in stagers.items()}
            _require_apart(source, server, staged, twice)
            segment = writer.close()
            digest = self._digest(delivery, sha256)
            batches = self._commit(delivery, segment, staged, history, since, declared, digest)
        except BaseException:
            for stager in stagers.values():
                stager.abandon()
            shutil.rmtree(work, ignore_errors=True)
            if not self.ledger_refers_to(writer.fetch_id):
                writer.discard()
            raise
        shutil.rmtree(work, ignore_errors=True)
        for n, s in staged.items():
            if s.skipped:
                self.say(f"{source.name}.{n}: {s.skipped} rows left out as sums or remarks")
        for b in batches:
            held = f" — HELD: {'; '.join(b.reasons)}" if b.held else ""
            self.say(
                f"{source.name}.{b.record}: {b.received} received = {b.new} new + {b.unchanged} unchanged"
                f" + {b.quarantined} quarantined; {b.withdrawn} withdrawn{held}"
            )
        return batches

    def ledger_refers_to(self, fetch_id: str) -> bool:
        return any(e.data.get("fetch_id") == fetch_id for e in self.ledger.entries(self.source.name))

    def _read(
        self,
        delivery: Delivery,
        since: str | None,
        writer: SegmentWriter,
        stagers: dict[str, Stager],
        label: str,
        thorough: bool,
    ) -> tuple[int | None, bytes | None]:
        """Land every payload, then read it; the total that the source declared, and the hash of files as landed."""
        server = delivery.server
        reader = Reader(server, [self.shapes[n] for n in server.records], keep_raw=not self.source.is_personal)
        declared = None
        hashes: list[bytes] = []
        rows = 0
        for payload in self._payloads(delivery, since, thorough, reader.row):
            entry = writer.write(payload)
            if delivery.files:
                hashes.append(hashlib.sha256(payload.body).digest())
            declared = payload.declared_total if payload.declared_total is not None else declared
            try:
                content = content_of(server, entry, payload.body)
                for read in reader.read(entry.payload, content, entry.url, payload.rows):
                    stagers[read.record].add(read, payload.received_at)
                    rows += len(read.rows) + len(read.rejected)
            except PayloadError as e:
                if delivery.files:  # of many, which one
                    e.message = f"{entry.url.removeprefix('drop:')}: {e.message}"
                raise
            if entry.payload % 20 == 19:
                self.say(f"{label}: {entry.payload + 1} pages, {rows:,} rows")
        if not writer.entries:
            raise FetchError(f"{label}: nothing came, not even an empty page", "look at the source")
        return declared, _one_hash(delivery, hashes) if hashes else None

    def _payloads(self, delivery: Delivery, since: str | None, thorough: bool, row: Any) -> Iterator[Payload]:
        if delivery.files:
            return chain.from_iterable(fetch_file(f, delivery.server) for f in delivery.files)
        return fetch(delivery.server, FetchContext(self.settings, self.source, since, self.say, thorough, row))

    def _since(self, server: Server, records: list[Record], history: dict[str, list[LedgerEntry]]) -> str | None:
        if not server.since_param or self.full:
            return None
        if self.since:
            day = self.since.isoformat()
            return day if server.since_granularity == "day" else f"{day}T00:00:00Z"
        mark = self._mark(server, history[records[0].name])
        return asked_since(server, mark) if mark else None

    def _mark(self, server: Server, history: list[LedgerEntry]) -> str | None:
        """Up to when everything of a server was fetched, by its own times (UTC, ISO 8601 without zone)."""
        data = [e.data for e in live_entries(history)]
        return max((d["watermark"] for d in data if d["server"] == server.name and d.get("watermark")), default=None)

    def _watermark(
        self, server: Server, found: str | None, since: str | None, segment: Segment, history: list[LedgerEntry]
    ) -> str | None:
        """The mark to enter: never beyond a change that was not asked for, nor beyond the time of asking."""
        mark = self._mark(server, history)
        if since and (mark is None or since.removesuffix("Z") > mark):
            return mark
        if not found:
            return found
        # the fetch's name is the time of its begin; what changed while the first answer was made may not be in it
        begun = datetime.strptime(segment.fetch_id.partition("-")[0], "%Y%m%dT%H%M%S%f%z")
        return min(found, begun.replace(tzinfo=None).isoformat()[: len(found)])

    def hash_file(self, history: list[LedgerEntry]) -> tuple[Path | None, bool]:
        """The hashes of the last committed state, and whether that is the committed file.

        Where it is lost or changed they are built again from raw, in the work folder; the next batch commits them.
        """
        live = live_entries(history)
        if not live:
            return None, True
        ref = live[-1].data["hashes"]
        if not ref:
            return None, True
        path = self.settings.home / ref["path"]
        try:
            with open(path, "rb") as f:
                if hashlib.file_digest(f, "sha256").hexdigest() == ref["sha256"]:
                    return path, True
        except OSError:
            pass
        self.say(f"{self.source.name}: the hash file is lost or changed; building it again from raw")
        record = self.source.record(live[-1].record)
        return rebuild_hashes(self.settings, record, live, self.settings.work / self.source.name), False

    def _already_delivered(
        self, delivery: Delivery, records: list[Record], history: dict[str, list[LedgerEntry]]
    ) -> list[Batch] | None:
        """A file that says what it said when last committed is entered as unchanged and compared with nothing.

        Where a later one is committed it is not entered at all: a drop that keeps its files must not fill the ledger.
        """
        hashes = []
        try:
            for file in delivery.files:
                with open(file.path, "rb") as f:
                    hashes.append(hashlib.file_digest(f, "sha256").digest())
        except OSError:  # reading it will tell
            return None
        digest = self._digest(delivery, _one_hash(delivery, hashes))
        as_of = delivery.as_of.isoformat() if delivery.as_of else None
        found = {}
        for r in records:
            live = [e for e in live_entries(history[r.name]) if e.kind != "accepted"]
            same = [e for e in live if (e.data["address"], e.data["as_of"]) == (delivery.address, as_of)]
            if not same and self._is_held_for_good(history[r.name], digest):
                self.say(f"{self.source.name} ← {delivery.address}: passed over, it is held and nothing has changed")
                return []
            if not same or same[-1].data["delivery"] != digest or _was_overtaken(r, live, same[-1]):
                return None
            found[r.name] = same[-1]
        newest = {r.name: max(e.data["as_of"] or "" for e in live_entries(history[r.name])) for r in records}
        if as_of and all(newest[name] > as_of for name in found):
            return []
        bodies = []
        for name, entry in found.items():
            old = entry.data
            last = live_entries(history[name])[-1].data
            keep = ("fetch_id", "server", "address", "as_of", "landing", "delivery", "declared_total", "complete")
            bodies.append(
                {
                    **self.body("committed", self.source.record(name), last["generation"]),
                    **{k: old[k] for k in keep},
                    "received": old["received"],
                    "new": 0,
                    "unchanged": old["received"],
                    "withdrawn": 0,
                    "quarantined": 0,
                    "reasons": {},
                    "raw": [],
                    "quarantine": None,
                    "hashes": last["hashes"],
                    "watermark": old["watermark"],
                    "same_as": entry.seq,
                }
            )
        self.say(f"{self.source.name} ← {delivery.address}: the same bytes as before")
        rebuilt = {name: path for name in found for path, sound in [self.hash_file(history[name])] if not sound}

        def place(seq: int, body: dict[str, Any]) -> None:
            if body["record"] in rebuilt:
                _place_hashes(self.settings, seq, body, rebuilt[body["record"]])

        return [batch_of(e) for e in self.ledger.commit(bodies, place)]

    def _is_held_for_good(self, history: list[LedgerEntry], digest: str) -> bool:
        """Whether these bytes are held as older than what is committed, or without a part of them: only other bytes
        can change that, or a contract that expects other parts."""
        held = [e.data for e in history if e.kind == "held" and e.data["delivery"] == digest]
        reasons = {h.partition(":")[0] for h in held[-1]["holds"]} if held else set()
        return bool(reasons) and (
            reasons == {"older_snapshot"}
            or (reasons <= {"older_snapshot", INCOMPLETE} and held[-1]["contract_version"] == self.source.version)
        )

    def _digest(self, delivery: Delivery, sha256: bytes | None) -> str:
        """Keyed hash of address, as-of date and payload bytes: tells repeats apart without giving the bytes away."""
        mac = hmac.new(self.keys.pseudonym, f"{delivery.address}\0{delivery.as_of}\0".encode(), hashlib.sha256)
        # a live source may return to an earlier state: never the same
        mac.update(sha256 if sha256 is not None else secrets.token_bytes(16))
        return mac.hexdigest()[:32]

    def body(self, kind: str, record: Record, generation: int) -> dict[str, Any]:
        return {
            "kind": kind,
            "source": self.source.name,
            "record": record.name,
            "contract_version": self.source.version,
            "raw_digest": record.raw_digest,
            "generation": generation,
        }

    def _commit(
        self,
        delivery: Delivery,
        segment: Segment,
        staged: dict[str, Staged],
        history: dict[str, list[LedgerEntry]],
        since: str | None,
        declared: int | None,
        digest: str,
    ) -> list[Batch]:
        from expectations.arrival import check_batch

        bodies, checks = [], []
        for name, s in staged.items():
            record = self.source.record(name)
            live = live_entries(history[name])
            last = live[-1].data if live else None
            stats = s.stats()
            found = check_batch(self.settings, record, s.parts, stats, [e.data for e in live])
            holds = [f"{c.name}{f'({c.column})' if c.column else ''}: {c.observed}" for c in found if c.holds]
            newest = max((e.data["as_of"] for e in live if e.data["as_of"]), default=None)
            if record.delivery == "snapshot" and delivery.as_of and newest and delivery.as_of.isoformat() < newest:
                holds.append(f"older_snapshot: as of {delivery.as_of}, committed is {newest}")
            if record.delivery == "snapshot" and (lacks := self._lacks_parts(delivery, live)):
                holds.append(f"{INCOMPLETE}: {lacks}")
            body = {
                **self.body("held" if holds else "committed", record, last["generation"] if last else 1),
                "fetch_id": segment.fetch_id,
                "server": delivery.server.name,
                "address": delivery.address,
                "as_of": delivery.as_of.isoformat() if delivery.as_of else None,
                "since": since,
                "landing": {
                    "segment": str(segment.path.relative_to(self.settings.home)),
                    "index_sha256": segment.index_sha256,
                    "index_bytes": segment.index_path.stat().st_size,
                    "payloads": len(segment.entries()),
                },
                "delivery": digest,
                "declared_total": declared,
                **stats,
                "watermark": self._watermark(delivery.server, s.watermark, since, segment, history[name]),
                "reasons": s.reasons,
                "raw": [],
                "quarantine": None,
                "hashes": last["hashes"] if last else None,
                "holds": holds,
            }
            bodies.append(body)
            checks.append(found)
        entries = self.ledger.commit(bodies, lambda seq, body: self._place(seq, body, staged[body["record"]]))
        self._journal(entries, checks)
        return [batch_of(e) for e in entries]

    def _lacks_parts(self, delivery: Delivery, live: list[LedgerEntry]) -> str | None:
        """Why the files of a delivery are not all; of another kind of delivery every one is whole."""
        if not delivery.server.together:
            return None
        last = next((e.data for e in reversed(live) if e.data["server"] == delivery.server.name), None)
        had = Segment(self.settings.home / last["landing"]["segment"]).entries() if last else []
        before = date.fromisoformat(last["as_of"]) if last and last["as_of"] else None
        addresses = [f.address for f in delivery.files]
        urls = [e.url.removeprefix("drop:") for e in had]
        return why_incomplete(delivery.server, addresses, delivery.as_of, urls, before)

    def _place(self, seq: int, body: dict[str, Any], staged: Staged) -> None:
        """Move a batch's files to where the ledger says they are, durably; called inside the ledger's transaction."""
        place_files(self.settings, seq, body, staged)

    def _journal(self, entries: list[LedgerEntry], checks: list[list[Any]]) -> None:
        from brain.journal import append
        from expectations import journal_rows

        found = [replace(c, batch=e.seq) for e, some in zip(entries, checks, strict=True) for c in some]
        if found:
            append(self.settings, "checks", journal_rows(found))

    # -- a changed contract -------------------------------------------------------------------------------------

    def replay_if_changed(self) -> None:
        """Derive raw again from landing where type, key or mask changed since the last committed batch."""
        for record in self.source.records:
            live = live_entries(self.ledger.entries(self.source.name, record.name))
            if live and live[-1].data["raw_digest"] != record.raw_digest:
                self._replay(record, live)

    def _replay(self, record: Record, live: list[LedgerEntry]) -> None:
        self.say(f"{self.source.name}.{record.name}: the contract changed; deriving raw again from landing")
        generation = live[-1].data["generation"] + 1
        servers = {s.name: s for s in self.source.servers}
        work = self.settings.work / self.source.name / f"replay-{secrets.token_hex(4)}"
        staged: list[Staged] = []
        bodies: list[dict[str, Any]] = []
        current: Path | None = None
        stager: Stager | None = None
        try:
            for i, entry in enumerate(live):
                old = entry.data
                if old.get("same_as"):
                    continue
                server = servers.get(old["server"])
                if server is None:
                    raise BrainError(
                        f"{self.source.name}: batch {entry.seq} came from server {old['server']}, "
                        "which the contract no longer has",
                        "keep a server's entry as long as batches of it exist",
                    )
                as_of = date.fromisoformat(old["as_of"]) if old["as_of"] else None
                stager = Stager(self.shapes[record.name], work / str(i), current, True, as_of)
                stager.accept = old.get("released") is not None
                for read, at in reread(
                    self.settings, self.keys, self.source, entry, server, [self.shapes[record.name]]
                ):
                    stager.add(read, at)
                done = stager.finish(old["complete"])
                current = done.hashes or current
                staged.append(done)
                keep = ("fetch_id", "server", "address", "as_of", "since", "landing", "delivery", "declared_total")
                bodies.append(
                    {
                        **self.body("replay", record, generation),
                        **{k: old.get(k) for k in keep},
                        **done.stats(),
                        "watermark": old["watermark"],  # how far was fetched, which no contract changes
                        "reasons": done.reasons,
                        "raw": [],
                        "quarantine": None,
                        "hashes": None,
                        "holds": [],
                        "replays": old.get("replays") or entry.seq,
                        "released": old.get("released"),
                    }
                )
            order = iter(staged)
            last: list[dict[str, Any] | None] = [None]

            def place(seq: int, body: dict[str, Any]) -> None:
                body["hashes"] = last[0]
                place_files(self.settings, seq, body, next(order))
                last[0] = body["hashes"]

            self.ledger.commit(bodies, place)
        except BaseException:
            if stager:
                stager.abandon()
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _require_apart(
    source: Source, server: Server, staged: dict[str, Staged], twice: frozenset[tuple[str, str]] | None
) -> None:
    """Raise OverlapError where records came on more than one page, other than `twice`, those of an earlier reading.

    Rows that move between pages while a walk goes on repeat some and leave others out, under an unchanged total.
    """
    if server.paging.kind == "none":
        return
    found = frozenset((name, key) for name, s in staged.items() for key in s.apart)
    if found <= (twice or frozenset()):
        return
    raise OverlapError(
        f"{source.name}/{server.name}: {len(found):,} records came on more than one page, so others may be missing",
        "its rows move while it is read, or stand in no fixed order; ask its keeper for one, or run again",
        found,
    )


def _one_hash(delivery: Delivery, hashes: list[bytes]) -> bytes:
    """The hash of the one file, or of all with their addresses."""
    if not delivery.server.together:
        return hashes[0]
    told = (f.address.encode() + b"\0" + h for f, h in zip(delivery.files, hashes, strict=True))
    return hashlib.sha256(b"".join(told)).digest()


def _was_overtaken(record: Record, live: list[LedgerEntry], entry: LedgerEntry) -> bool:
    """Whether changes of an earlier date were committed after a file: then the file has the last word once more."""
    if record.delivery != "changes" or not entry.data["as_of"]:
        return False
    return any(
        e.seq > entry.seq and not e.data.get("same_as") and (e.data["as_of"] or "9") < entry.data["as_of"] for e in live
    )


def place_files(settings: Settings, seq: int, body: dict[str, Any], staged: Staged) -> None:
    """Move staged files to their committed places and complete the entry's body with their hashes."""
    home = settings.home
    where = f"{body['source']}/{body['record']}"
    if body["kind"] == "held":
        return
    if staged.parts:
        target = settings.raw / where / f"batch={seq:06d}"
        target.mkdir(parents=True, exist_ok=True)  # an empty one may be left of a run that did not end
        for part in staged.parts:
            moved = part.replace(target / part.name)
            body["raw"].append(asdict(file_ref(moved, home, pq.read_metadata(moved).num_rows)))
        fsync_folder(target)
        fsync_folder(target.parent)
    if staged.quarantine:
        target = settings.quarantine / where / f"batch={seq:06d}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.quarantine.replace(target)
        body["quarantine"] = asdict(file_ref(target, home, staged.quarantined))
        fsync_folder(target.parent)
    if staged.hashes:
        _place_hashes(settings, seq, body, staged.hashes)


def _place_hashes(settings: Settings, seq: int, body: dict[str, Any], path: Path) -> None:
    target = settings.hashes / body["source"] / body["record"] / f"{seq:06d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    body["hashes"] = asdict(file_ref(target, settings.home, pq.read_metadata(target).num_rows))
    fsync_folder(target.parent)


def reread(
    settings: Settings, keys: Keys, source: Source, entry: LedgerEntry, server: Server, shapes: list[Shape]
) -> Iterator[tuple[Any, datetime]]:
    """Read a committed batch again from its landed bytes: runs of records and the time their payload came."""
    released = entry.data.get("released")
    segment = Segment(settings.home / entry.data["landing"]["segment"], keys)
    wanted = {s.record.name for s in shapes}
    # the first record type of a server answers for rows that cannot be read at all
    all_shapes = [
        next((s for s in shapes if s.record.name == n), None) or Shape(source.record(n), Pseudonymiser(keys))
        for n in server.records
    ]
    reader = Reader(server, all_shapes, keep_raw=not source.is_personal)
    for payload, body in segment.bodies():
        at = datetime.fromisoformat(payload.received_at)
        if released and payload.payload != released["payload"]:
            continue
        for read in reader.read(payload.payload, content_of(server, payload, body), payload.url):
            if read.record in wanted:
                read = read.only(released["pointer"]) if released else read
                if read.rows or read.rejected or read.skipped:
                    yield read, at


def rebuild_hashes(settings: Settings, record: Record, live: list[LedgerEntry], folder: Path) -> Path:
    """The hash file that follows the last of `live`, made again from raw in `folder`."""
    files = [settings.home / f["path"] for e in live for f in e.data["raw"]]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"hashes-{record.name}-{secrets.token_hex(4)}.parquet"
    prefix = len(f"{record.source}:{record.name}:")
    key = f"substr(_record_id, {prefix + 1})"
    ckey = f"{key} || '@' || _version_order" if record.version_fields else key
    with duckdb.connect() as con:
        con.execute(f"SET temp_directory='{folder}'")  # what spills are values of records: never elsewhere
        con.execute(
            "COPY (SELECT ckey, last(_hash ORDER BY _batch) AS hash, last(_change <> 'upsert' ORDER BY _batch) AS gone "
            f"FROM (SELECT *, {ckey} AS ckey FROM {committed_sql(files)}) "
            f"GROUP BY ckey ORDER BY 1) TO '{path}' (FORMAT parquet)"
        )
    return path


def uncommitted(settings: Settings, entries: list[LedgerEntry], source: str | None = None) -> list[Path]:
    """Files of landing, raw, quarantine and hashes that no entry names: leftovers of a run that did not end."""
    known: set[Path] = set()
    for e in entries:
        data = e.data
        if data.get("landing"):
            segment = Segment(settings.home / data["landing"]["segment"])
            known |= {segment.path, segment.index_path}
        refs = [*data.get("raw", ()), data.get("quarantine"), data.get("hashes")]
        known |= {settings.home / r["path"] for r in refs if r}
    found = []
    for root in (settings.landing, settings.raw, settings.quarantine, settings.hashes):
        base = root / source if source else root
        found += [p for p in sorted(base.rglob("*")) if p.is_file() and p not in known]
    return found


def remove_uncommitted(settings: Settings, ledger: Ledger, source: str) -> None:
    """Move one source's leftovers to `leftovers/<time>/`, remove hash files that newer ones replaced.

    Called under the source's lock. Raises BrainError where the ledger cannot be the one that these files belong to.
    """
    entries = ledger.entries(source)
    found = uncommitted(settings, entries, source)
    _require_whole(settings, ledger, source, found)
    newest = {e.record: e.data["hashes"] for e in live_entries(entries)}
    kept = {settings.home / ref["path"] for ref in newest.values() if ref}
    replaced = [p for p in (settings.hashes / source).rglob("*.parquet") if p not in kept]
    aside = settings.home / "leftovers" / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"
    for path in {*found, *replaced}:
        if path in found:
            target = aside / path.relative_to(settings.home)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        else:
            path.unlink()
        if path.parent.name.startswith("batch=") and not any(path.parent.iterdir()):
            path.parent.rmdir()
    shutil.rmtree(settings.work / source, ignore_errors=True)


def _require_whole(settings: Settings, ledger: Ledger, source: str, leftovers: list[Path]) -> None:
    """Raise BrainError where the ledger is older than what was built, released or landed: restored or empty."""
    sizes: dict[Path, int] = {}
    for path in (settings.warehouse_dir / "build.json", *settings.releases.glob("*/release.json")):
        try:
            sizes[path] = int(json.loads(path.read_text(encoding="utf-8"))["ledger_size"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    size = len(ledger.entries())  # read last: other sources commit meanwhile
    for path, known in sizes.items():
        if known > size:
            where = path.relative_to(settings.home)
            raise BrainError(f"the ledger holds {size} entries, {where} was made from {known}", RESTORE)
    # a run that did not end leaves one fetch, and the next run moves it away before it makes another
    landed = {p.name.split(".")[0] for p in leftovers if p.is_relative_to(settings.landing)}
    if len(landed) > 1:
        raise BrainError(f"landing holds {len(landed)} fetches of {source} that the ledger does not name", RESTORE)


@contextmanager
def _no_cyclic_garbage() -> Iterator[None]:
    """Reading makes millions of rows and no cycles: looking for cycles among them took a third of the time (bench/)."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def batch_of(entry: LedgerEntry) -> Batch:
    d = entry.data
    names = ("received", "new", "unchanged", "withdrawn", "quarantined")
    return Batch(
        entry.seq,
        entry.source,
        entry.record,
        *(d[n] for n in names),
        entry.kind == "held",
        entry.leaf,
        tuple(d.get("holds", ())),
    )


def raise_if_held(batches: list[Batch]) -> None:
    """Raise HeldError naming every held batch; the last good state keeps serving."""
    held = [b for b in batches if b.held]
    if held:
        text = "; ".join(f"{b.source}.{b.record} (batch {b.seq}): {', '.join(b.reasons)}" for b in held)
        raise HeldError(f"held at arrival: {text}", "look at the source; a later delivery supersedes it")
