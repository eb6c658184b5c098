"""Random damage to everything that is kept, and whether the independent verifier sees it and calls it by its name.

Every turn damages one thing in one way, drawn from a seed, runs tools/verify_brain.py on the whole, compares its exit
code with that of the damage, and puts everything back. `python -m bench.mutations` takes 10,000 turns; the tests 500.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import importlib.util
import io
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brain.keys import load_keys
from brain.settings import ROOT, Settings
from ingest import merkle, note
from ingest.ledger import ORIGIN, Ledger, batches, succession
from warehouse.log.proof import packed, prove

FOLDERS = ("ledger", "landing", "raw", "quarantine")
CODES = {"altered": 11, "reordered": 12, "missing": 13, "truncated": 14, "forked": 15}


def verifier() -> Any:
    """tools/verify_brain.py as a module: a process for each turn would cost more than the check."""
    spec = importlib.util.spec_from_file_location("verify_brain", ROOT / "tools/verify_brain.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(module: Any, *arguments: Any) -> tuple[int, str]:
    """Exit code of the verifier and what it printed."""
    before, said = sys.argv, io.StringIO()
    sys.argv = ["verify_brain.py", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return module.main(), said.getvalue()
    except SystemExit as e:
        return int(e.code or 0), said.getvalue()
    finally:
        sys.argv = before


@dataclass
class Yard:
    """A copy of a home that may be damaged. `seeds`: private keys by public key in hex, oldest first, for forks.

    `record_ids`: of which bundles are made. Their files lie beside the copy.
    """

    settings: Settings
    seeds: dict[str, Ed25519PrivateKey]
    folder: Path
    record_ids: list[str]
    module: Any = field(default_factory=verifier)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        for name in FOLDERS:
            if (self.settings.home / name).exists():
                shutil.copytree(self.settings.home / name, self.home / name)
        self.key = self.folder / "keys.pub"
        self.key.write_text("\n".join(self.seeds))
        self.ledger = self.home / "ledger" / "ledger.sqlite"
        with contextlib.closing(sqlite3.connect(self.ledger)) as db:
            db.execute("PRAGMA journal_mode=DELETE")  # one file, so that it can be put back
        self.heads = Ledger(self.settings).entries_and_heads()[1]
        self.kept = self.folder / "kept.note"
        self.kept.write_text(self.heads[-1][1], encoding="utf-8")
        older = self.heads[len(self.heads) // 2][1]
        self.old = self.folder / "old.note"
        self.old.write_text(older, encoding="utf-8")
        self.lengths = set(_lengths(self.settings))
        self.bundles = []
        for i, record_id in enumerate(self.record_ids):
            path = self.folder / f"{i}.zip"
            prove(self.settings, record_id, path, kept=older)
            self.bundles.append(path)
        self.files = {
            kind: sorted(p for p in self.home.glob(pattern) if p.is_file() and p.stat().st_size)
            for kind, pattern in {
                "segment": "landing/*/*.[ez]*",
                "index": "landing/*/*.jsonl",
                "raw": "raw/**/*.parquet",
                "quarantine": "quarantine/**/*.parquet",
            }.items()
        }

    def check(self, what: Path | None = None, *heads: Path) -> tuple[int, str]:
        """The verifier's verdict on the home, or on a bundle."""
        return run(self.module, what or self.home, self.key, *(a for h in heads or [self.kept] for a in ("--head", h)))


def _lengths(settings: Settings) -> Iterator[str]:
    """The files of which the ledger knows how long they are."""
    for data in (e.data for e in batches(Ledger(settings).entries())):
        yield from (f["path"] for f in [*data["raw"], data["quarantine"]] if f and "bytes" in f)
        if "index_bytes" in data["landing"]:
            yield data["landing"]["segment"].rpartition(".")[0] + ".index.jsonl"


# -- ways to damage bytes -------------------------------------------------------------------------------------------


def bit(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def byte(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([(data[at] + rng.randrange(1, 256)) % 256]) + data[at + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


WAYS: dict[str, tuple[Callable[[bytes, random.Random], bytes], str]] = {
    "bit": (bit, "altered"),
    "byte": (byte, "altered"),
    "truncation": (cut, "truncated"),
}


@contextlib.contextmanager
def as_it_was(*paths: Path) -> Iterator[None]:
    """What these files held is written back afterwards."""
    before = {p: p.read_bytes() for p in paths}
    try:
        yield
    finally:
        for path, data in before.items():
            path.write_bytes(data)


@dataclass(frozen=True)
class Turn:
    """One damage: to what, how, what the verifier should call it, and what it said."""

    target: str
    way: str
    expected: str
    code: int
    said: str

    @property
    def found(self) -> bool:
        return self.code != 0

    @property
    def right(self) -> bool:
        return self.code == CODES[self.expected]


def turn(yard: Yard, rng: random.Random) -> Turn:
    """Damage one thing, look what the verifier says, put it back."""
    targets = {
        **{kind: _file for kind, files in yard.files.items() if files},
        "entry": _entry,
        "head": _head,
        "fork": _fork,
        "bundle": _bundle,
        "kept head": _kept,
    }
    target = rng.choice(list(targets))
    way, expected, (code, said) = targets[target](yard, rng, target)
    return Turn(target, way, expected, code, said)


Verdict = tuple[str, str, tuple[int, str]]


def _file(yard: Yard, rng: random.Random, kind: str) -> Verdict:
    files = yard.files[kind]
    way = rng.choice(["bit", "byte", "truncation", "deletion", "swap"])
    path = rng.choice(files)
    if way in WAYS:
        change, expected = WAYS[way]
        if way == "truncation" and kind != "segment" and str(path.relative_to(yard.home)) not in yard.lengths:
            expected = "altered"  # entered before lengths were
        with as_it_was(path):
            path.write_bytes(change(path.read_bytes(), rng))
            return way, expected, yard.check()
    if way == "deletion":
        with as_it_was(path):
            path.unlink()
            return way, "missing", yard.check()
    if kind == "segment":
        return way, "reordered", _swapped_payloads(yard, rng)
    other = next((p for p in rng.sample(files, len(files)) if p.read_bytes() != path.read_bytes()), None)
    if other is None:  # a single file of its kind: its bytes change places instead
        with as_it_was(path):
            path.write_bytes(path.read_bytes()[::-1])
            return "reversal", "altered", yard.check()
    with as_it_was(path, other):
        one, two = path.read_bytes(), other.read_bytes()
        path.write_bytes(two)
        other.write_bytes(one)
        return way, "reordered", yard.check()


def _swapped_payloads(yard: Yard, rng: random.Random) -> tuple[int, str]:
    """Two payloads of a segment that has several change places."""
    for path in rng.sample(yard.files["segment"], len(yard.files["segment"])):
        index = path.with_name(path.name.rpartition(".")[0] + ".index.jsonl")
        entries = [json.loads(line) for line in index.read_text(encoding="utf-8").splitlines()]
        data = path.read_bytes()
        parts = [data[e["offset"] : e["offset"] + e["length"]] for e in entries]
        if len(set(parts)) < 2:
            continue
        i = rng.randrange(len(parts))
        j = rng.choice([n for n, part in enumerate(parts) if part != parts[i]])
        parts[i], parts[j] = parts[j], parts[i]
        with as_it_was(path):
            path.write_bytes(b"".join(parts))
            return yard.check()
    raise ValueError("no segment has several payloads")


@contextlib.contextmanager
def _ledger(yard: Yard) -> Iterator[sqlite3.Connection]:
    """The ledger opened to be changed, and put back afterwards."""
    with as_it_was(yard.ledger):
        db = sqlite3.connect(yard.ledger, isolation_level=None)
        db.execute("PRAGMA synchronous=OFF")
        try:
            yield db
        finally:
            db.close()


def _changed_text(text: str, rng: random.Random) -> str:
    """A text with one bit or one byte changed that is still UTF-8, as a text of SQLite is."""
    while True:
        data = rng.choice([bit, byte])(text.encode(), rng)
        with contextlib.suppress(UnicodeDecodeError):
            if "\0" not in data.decode():
                return data.decode()


def _entry(yard: Yard, rng: random.Random, _: str) -> Verdict:
    with _ledger(yard) as db:
        db.execute("BEGIN")
        count = db.execute("SELECT count(*) FROM entries").fetchone()[0]
        way = rng.choice(["change", "number", "deletion", "swap", "truncation"])
        seq = rng.randrange(1, count + 1)
        expected = "altered"
        if way == "change":
            column = rng.choice(["kind", "source", "record", "committed_at", "body", "body", "body", "leaf"])
            old = db.execute(f"SELECT {column} FROM entries WHERE seq = ?", [seq]).fetchone()[0]
            db.execute(f"UPDATE entries SET {column} = ? WHERE seq = ?", [_changed_text(old, rng), seq])
        elif way == "number":
            db.execute("UPDATE entries SET seq = ? WHERE seq = ?", [count + rng.randrange(1, 99), seq])
        elif way == "deletion":
            expected = "missing"
            db.execute("DELETE FROM entries WHERE seq = ?", [rng.randrange(1, count)])
        elif way == "truncation":
            expected = "truncated"
            db.execute("DELETE FROM entries WHERE seq > ?", [rng.randrange(count)])
            if rng.random() < 0.5:  # with their heads: only who kept one sees it
                db.execute("DELETE FROM checkpoints WHERE size > (SELECT coalesce(max(seq), 0) FROM entries)")
        else:
            expected = "reordered"
            other = rng.choice([n for n in range(1, count + 1) if n != seq])
            for was, now in ((seq, -1), (other, seq), (-1, other)):
                db.execute("UPDATE entries SET seq = ? WHERE seq = ?", [now, was])
        db.execute("COMMIT")
        return way, expected, yard.check()


def _head(yard: Yard, rng: random.Random, _: str) -> Verdict:
    size, text = rng.choice(yard.heads)
    way = rng.choice(["change", "deletion", "swap"])
    with _ledger(yard) as db:
        expected = {"change": "altered", "deletion": "missing", "swap": "reordered"}[way]
        if way == "change":
            db.execute("UPDATE checkpoints SET note = ? WHERE size = ?", [_changed_text(text, rng), size])
        elif way == "deletion":
            db.execute("DELETE FROM checkpoints WHERE size = ?", [size])
        else:
            other, theirs = rng.choice([h for h in yard.heads if h[0] != size])
            db.execute("UPDATE checkpoints SET note = ? WHERE size = ?", [theirs, size])
            db.execute("UPDATE checkpoints SET note = ? WHERE size = ?", [text, other])
        return way, expected, yard.check()


def fork(db: sqlite3.Connection, yard: Yard, seq: int, *, newest_only: bool = False) -> None:
    """Rewrite an entry, as who holds the keys can: with its leaf, and the heads from there on signed anew."""
    body = json.loads(db.execute("SELECT body FROM entries WHERE seq = ?", [seq]).fetchone()[0])
    body["forged"] = True
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    leaf = merkle.leaf_hash(text.encode()).hex()
    db.execute("UPDATE entries SET body = ?, leaf = ? WHERE seq = ?", [text, leaf, seq])
    leaves = [bytes.fromhex(r[0]) for r in db.execute("SELECT leaf FROM entries ORDER BY seq")]
    changes = [r[0] for r in db.execute("SELECT body FROM entries WHERE kind = 'key' ORDER BY seq")]
    keys = succession(changes, load_keys(yard.settings).public_key)
    for size, _ in yard.heads[-1:] if newest_only else yard.heads:
        if size >= seq:
            text = f"{ORIGIN}\n{size}\n{base64.b64encode(merkle.root(leaves[:size])).decode()}\n"
            signers = [yard.seeds[k.public_bytes_raw().hex()] for k in keys.signers(size)]
            db.execute("UPDATE checkpoints SET note = ? WHERE size = ?", [note.sign(text, ORIGIN, *signers), size])


def _fork(yard: Yard, rng: random.Random, _: str) -> Verdict:
    with _ledger(yard) as db:
        seqs = [r[0] for r in db.execute("SELECT seq FROM entries")]
        seq = rng.choice(seqs)
        newest_only = rng.random() < 0.3 and any(seq <= size for size, _ in yard.heads[:-1])
        fork(db, yard, seq, newest_only=newest_only)
        if not newest_only:
            return "all heads", "forked", yard.check()
        # the older heads contradict it, so that this is seen without a kept one
        return "newest head", "forked", run(yard.module, yard.home, yard.key)


def _bundle(yard: Yard, rng: random.Random, _: str) -> Verdict:
    path = rng.choice(yard.bundles)
    way = rng.choice(["bit", "byte", "truncation", "deletion", "swap", "path", "fork"])
    with as_it_was(path):
        if way in WAYS:
            change, expected = WAYS[way]
            path.write_bytes(change(path.read_bytes(), rng))
            return way, expected, yard.check(path, yard.old)
        if way == "fork":
            return way, "forked", _forked_bundle(yard, rng, path)
        with zipfile.ZipFile(path) as archive:
            files = {i.filename: archive.read(i) for i in archive.infolist()}
        shown = [n for n in files if n not in ("proof.json", "checkpoint")]
        expected = "altered"
        if way == "deletion":
            expected = "missing"
            del files[rng.choice(list(files))]
        elif way == "swap" and len({files[n] for n in shown}) > 1:
            expected = "reordered"
            one, two = rng.sample(shown, 2)
            files[one], files[two] = files[two], files[one]
        else:
            way = "path"
            proof = json.loads(files["proof.json"])
            paths = [p for p in (*_paths(proof),) if len(set(p)) > 1]
            chosen = rng.choice(paths)
            i, j = rng.sample(range(len(chosen)), 2)
            while chosen[i] == chosen[j]:
                i, j = rng.sample(range(len(chosen)), 2)
            chosen[i], chosen[j] = chosen[j], chosen[i]
            files["proof.json"] = json.dumps(proof, ensure_ascii=False, indent=1).encode() + b"\n"
        path.write_bytes(packed(files))
        return way, expected, yard.check(path, yard.old)


def _paths(proof: dict[str, Any]) -> Iterator[list[str]]:
    yield proof["leaf"]["path"]
    yield proof["consistency"]["path"]
    for place in (proof["batch"], proof["roots"], *proof["keys"]):
        yield place["path"]


def _forked_bundle(yard: Yard, rng: random.Random, path: Path) -> tuple[int, str]:
    """The same record, proven under heads that were all made anew: sound by itself, and not what was kept."""
    record_id = yard.record_ids[yard.bundles.index(path)]
    forged = replace(yard.settings, home=yard.home)
    size = int(yard.old.read_text(encoding="utf-8").split("\n")[1])
    with _ledger(yard) as db:
        fork(db, yard, rng.randrange(1, size + 1))
        theirs = db.execute("SELECT note FROM checkpoints WHERE size = ?", [size]).fetchone()[0]
        prove(forged, record_id, path, kept=theirs)
        return yard.check(path, yard.old)


def _kept(yard: Yard, rng: random.Random, _: str) -> Verdict:
    """A kept head that is spoilt is none: altered, also where it was cut."""
    way = rng.choice(list(WAYS))
    with as_it_was(yard.kept):
        data = WAYS[way][0](yard.kept.read_bytes(), rng)
        yard.kept.write_bytes(data)
        return way, "altered", yard.check()


def damage(yard: Yard, seed: int, turns: int) -> list[Turn]:
    """So many turns from a seed. Raises ValueError where the yard is not sound to begin with."""
    for what, heads in ((yard.home, [yard.kept, yard.old]), *((b, [yard.old]) for b in yard.bundles)):
        code, said = yard.check(what, *heads)
        if code:
            raise ValueError(f"{what.name} is not sound: {said}")
    rng = random.Random(seed)
    return [turn(yard, rng) for _ in range(turns)]


def summary(turns: list[Turn]) -> dict[str, Any]:
    """Counts for people, and what was missed."""
    return {
        "turns": len(turns),
        "found": sum(t.found for t in turns),
        "called rightly": sum(t.right for t in turns),
        "by target and way": {
            f"{a}: {b}": n for (a, b), n in sorted(Counter((t.target, t.way) for t in turns).items())
        },
        "missed": [[t.target, t.way, t.expected, t.code, t.said[-300:]] for t in turns if not t.right][:20],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("records", nargs="*", help="damage a copy of BRAIN_HOME, with bundles of these records of it")
    given = parser.parse_args()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if given.records:
            settings, chosen = Settings.from_env(), given.records
            key = load_keys(settings).signing_key
            seeds = {key.public_key().public_bytes_raw().hex(): key}
        else:  # the small house of the tests: every file is damaged often
            import expectations.arrival
            from tests.conftest import House
            from tests.unit.test_verifier import RECORDS, furnished

            expectations.arrival.check_batch = lambda *_: []  # ten records are no batch to judge
            house = House(root / "house")
            settings, chosen, seeds = house.settings, RECORDS, furnished(house)
        told = summary(damage(Yard(settings, seeds, root / "yard", chosen), given.seed, given.turns))
    told["CPU seconds"] = round(time.process_time() - began, 1)
    print(json.dumps(told, ensure_ascii=False, indent=1))
    return int(told["called rightly"] != told["turns"])


if __name__ == "__main__":
    sys.exit(main())
