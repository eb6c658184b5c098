"""Checks what Science Brain has kept, or the proof of one record, for somebody who trusts nobody.

    verify_brain.py BUNDLE.zip LEDGER.pub [--head NOTE]...    the proof of one record
    verify_brain.py FOLDER LEDGER.pub [--head NOTE]...        a BRAIN_HOME, or its ledger, landing, raw and quarantine

LEDGER.pub: public keys in hex that sign heads or did once, oldest first. NOTE: a head kept from earlier; without one
nobody can see that all was made anew by who holds the key. Needs Python 3.11, `cryptography`; see docs/formats.md.
Exit codes: 0 as signed, 2 usage, else the highest of 11 altered, 12 reordered, 13 missing, 14 truncated, 15 forked.
"""

import argparse
import base64
import io
import json
import sqlite3
import sys
import zipfile
from functools import reduce
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CODES = {"altered": 11, "reordered": 12, "missing": 13, "truncated": 14, "forked": 15}
ORIGIN = "science-brain/ledger"
NEEDED = ("proof.json", "checkpoint")
SHOWN = {None: 4, "the contract changed since": 3, "the source holds personal data": 0, "left out by the source": 0}
COLUMNS = ("kind", "source", "record", "committed_at", "seq", "body", "leaf")


class Finding(Exception): ...  # (kind, where)


def node(left, right):
    return sha256(b"\1" + left + right).digest()


def prefix_roots(leaves):
    """Roots over the first 0, 1, 2, … leaves (RFC 6962, section 2.1)."""
    stack, roots = [], [sha256().digest()]
    for digest in leaves:
        height = 0
        while stack and stack[-1][0] == height:
            digest, height = node(stack.pop()[1], digest), height + 1
        stack.append((height, digest))
        roots.append(reduce(lambda right, left: node(left[1], right), stack[-2::-1], digest))
    return roots


def climb(digest, index, size, path):
    """The root to which an audit path leads; takes its steps from `path`."""
    if size == 1:
        return digest
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return node(climb(digest, index, half, path), path.pop(0))
    digest = climb(digest, index - half, size - half, path)
    return node(path.pop(0), digest)


def leads(digest, index, size, path, root):
    steps = [bytes.fromhex(h) for h in path]
    if not 0 <= index < size or climb(digest, index, size, steps) != root or steps:
        raise ValueError("a path leads elsewhere")


def grow(first, size, path, root):
    """The roots over `first` and over `size` leaves to which a consistency proof leads; `root`: that over `first`."""
    if first == size:
        return (root, root) if root else (path[0], path.pop(0))
    half = 1 << (size - 1).bit_length() - 1
    if first <= half:
        old, new = grow(first, half, path, root)
        return old, node(new, path.pop(0))
    old, new = grow(first - half, size - half, path, None)
    return node(path[0], old), node(path.pop(0), new)


def reader(pinned, entries):
    """A function that reads heads. A change of the key is an entry, and the head that ends with it bears both."""
    changes = [e for e in entries if e.get("kind") == "key"]
    changes = [(e["seq"], bytes.fromhex(e["replaces"]), bytes.fromhex(e["public_key"])) for e in changes]
    chain = [changes[0][1], *(new for _, _, new in changes)] if changes else pinned[:1]
    if not set(chain) & set(pinned) or any(old != key for (_, old, _), key in zip(changes, chain)):
        raise Finding("altered", "the keys that entries name do not lead to the given one")
    known = {sha256(ORIGIN.encode() + b"\n\1" + key).digest()[:4]: key for key in (*pinned, *chain)}

    def read(note, where, by_rule=True):
        try:
            _, size, root = note.partition("\n\n")[0].split("\n")
            text, signers = f"{ORIGIN}\n{int(size)}\n{root}\n", chain[:1]
            for seq, old, new in changes:
                signers = [old, new] if int(size) == seq else [new] if int(size) > seq else signers
            blobs = [base64.b64decode(line.split(" ")[2]) for line in note.partition("\n\n")[2].splitlines()]
            lines = "".join(f"— {ORIGIN} {base64.b64encode(b).decode()}\n" for b in blobs)
            keys = [known[blob[:4]] for blob in blobs]
            if note != f"{text}\n{lines}" or not keys or (by_rule and keys != signers):
                raise ValueError
            for key, blob in zip(keys, blobs):
                Ed25519PublicKey.from_public_bytes(key).verify(blob[4:], text.encode())
            return int(size), base64.b64decode(root, validate=True)
        except (ValueError, LookupError, InvalidSignature):
            raise Finding("altered", f"{where} is no head that the key signed") from None

    return read


def ledger(home, pinned, kept, tell):
    """Entries against each other and their heads; returns those that are sound by themselves."""
    if not (home / "ledger/ledger.sqlite").is_file():
        raise Finding("missing", "ledger/ledger.sqlite")
    db = sqlite3.connect(f"file:{home}/ledger/ledger.sqlite?mode=ro", uri=True)
    db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    rows = [dict(zip(COLUMNS, r)) for r in db.execute(f"select {','.join(COLUMNS)} from entries order by seq")]
    notes = db.execute("select size, note from checkpoints order by size").fetchall()
    db.close()
    for row in rows:
        raw = str(row["body"]).encode("utf-8", "surrogateescape")
        row["hash"], row["data"] = sha256(b"\0" + raw).digest(), {}
        try:
            row["data"] = json.loads(raw)
            row["sound"] = row["leaf"] == row["hash"].hex() and all(row["data"][n] == row[n] for n in COLUMNS[:4])
        except (ValueError, KeyError, TypeError):
            row["sound"] = False
    count, told, seqs, own = len(rows), len(tell), [r["seq"] for r in rows], [r["data"].get("seq") for r in rows]
    if seqs != own and set(seqs) == set(own) == set(range(1, count + 1)):
        tell += [("reordered", f"entry {a} is entry {b}") for a, b in zip(seqs, own) if a != b]
    else:
        tell += [("altered", f"entry {r['seq']}") for r, n in zip(rows, own) if not r["sound"] or r["seq"] != n]
        last = max([0, *(n for r, n in zip(rows, own) if r["sound"] and n in range(10**6))])
        tell += [("missing", f"entry {n}") for n in range(1, last) if n not in seqs and n not in own]
    read, heads = reader(pinned, [r["data"] for r in rows if r["sound"]]), []
    for size, note in notes:
        try:
            heads.append((size, *read(str(note), f"head {size}", size <= count)))
        except Finding as f:
            tell.append(f.args)
    sizes, signed = [h[0] for h in heads], [h[1] for h in heads]
    kind = "reordered" if sorted(sizes) == sorted(signed) else "altered"
    tell += [(kind, f"head {a} is {b}") for a, b in zip(sizes, signed) if a != b]
    roots = prefix_roots([r["hash"] for r in rows])
    if sound := len(tell) == told:  # all is sound by itself: do the entries belong under these heads?
        times = [*(r["committed_at"] for r in rows), None]
        tell += [("missing", f"head {n}") for n in range(1, count + 1) if times[n - 1] != times[n] and n not in signed]
        tell += [("truncated", f"{n} entries were signed, {count} are there") for n in signed if n > count]
        wrong = [size for size, _, root in heads if size <= count and roots[size] != root]
        kind = "forked" if count in signed and count not in wrong else "altered"
        tell += [(kind, f"head {n} is over other entries") for n in wrong]
    for where, note in kept:
        size, root = read(note, where, by_rule=False)
        if sound if size > count else roots[size] != root and len(tell) == told:
            kind = "truncated" if size > count else "forked"
            tell.append((kind, f"{where} is over {size} entries, and not over these {count}"))
    print(f"{count} entries under {len(notes)} heads")
    return [r["data"] for r in rows if r["sound"]]


def judge(home, expected, tell):
    """Files by path: (hash, length or None). One that holds what another should is reordered. Returns the sound."""
    theirs, sound = {digest: path for path, (digest, _) in expected.items()}, []
    for path, (digest, length) in expected.items():
        data = (home / path).read_bytes() if (home / path).is_file() else None
        found = sha256(data or b"").hexdigest()
        if data is not None and found == digest:
            sound.append(path)
            continue
        kind = "truncated" if data is not None and len(data) < (length or 0) else "altered"
        tell.append(("missing" if data is None else "reordered" if found in theirs else kind, path))
    return sound


def segment(home, name, index, tell):
    """Every payload of a fetch against its index."""
    if not (home / name).is_file():
        return tell.append(("missing", name))
    stored, end, bad = (home / name).read_bytes(), 0, []
    for e in index:
        if sha256(stored[end : end + e["length"]]).hexdigest() != e["stored_sha256"] or e["offset"] != end:
            bad.append(e)
        end += e["length"]
    at, left = bad[0]["offset"] if bad else 0, bad[:64]
    while fits := [e for e in left if sha256(stored[at : at + e["length"]]).hexdigest() == e["stored_sha256"]]:
        at += fits[0]["length"]
        left.remove(fits[0])
    if bad or len(stored) != end:
        cut = len(stored) < end and all(e["offset"] + e["length"] > len(stored) for e in bad)
        kind = "truncated" if cut else "altered" if left or len(stored) != end else "reordered"
        tell.append((kind, f"{name}: payloads {[e['payload'] for e in bad][:9]}, {len(stored)} bytes of {end}"))


def whole(home, pinned, kept, tell):
    """A whole BRAIN_HOME."""
    entries = [e for e in ledger(home, pinned, kept, tell) if e["kind"] not in ("roots", "key")]
    landed = {e["landing"]["segment"].rpartition(".")[0] + ".index.jsonl": e["landing"] for e in entries}
    indexes = {path: (d["index_sha256"], d.get("index_bytes")) for path, d in landed.items()}
    payloads = 0
    for path in judge(home, indexes, tell):
        index = [json.loads(line) for line in (home / path).read_bytes().splitlines()]
        payloads += len(index)
        segment(home, landed[path]["segment"], index, tell)
    files = {f["path"]: (f["sha256"], f.get("bytes")) for e in entries for f in [*e["raw"], e["quarantine"]] if f}
    judge(home, files, tell)
    print(f"{payloads} payloads in {len(landed)} segments, {len(files)} files of raw and quarantine")


def unpacked(path):
    """The files of a zip, which must be as it was written: stored, without times."""
    data, again = path.read_bytes(), io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {i.filename: archive.read(i) for i in archive.infolist()}
    except Exception:  # whatever a spoilt zip makes zipfile raise
        end = int.from_bytes(data[-10:-6], "little") + int.from_bytes(data[-6:-2], "little") + 22
        cut = data[-22:-18] != b"PK\5\6" and end != len(data)
        raise Finding("truncated" if cut else "altered", f"{path.name} is no whole zip") from None
    with zipfile.ZipFile(again, "w") as archive:
        for name, content in files.items():
            (info := zipfile.ZipInfo(name)).external_attr = 0o644 << 16
            archive.writestr(info, content)
    if again.getvalue() != data:
        raise ValueError("the zip has another form")
    return files


def bundle(path, pinned, kept, tell):
    """The proof of one record."""
    files = unpacked(path)
    tell += [("missing", name) for name in NEEDED if name not in files]
    proof = json.loads(files["proof.json"])
    same = json.dumps(proof, ensure_ascii=False, indent=1).encode() + b"\n" == files["proof.json"]
    if not same or proof["format"] != "science-brain/proof/1":
        raise ValueError("the proof has another form")
    given = {n: sha256(content).hexdigest() for n, content in files.items() if n not in NEEDED}
    for name, digest in proof["files"].items():
        kind = "reordered" if given.get(name) in proof["files"].values() else "altered"
        if given.get(name) != digest:
            tell.append((kind if name in given else "missing", name))
    places = [proof["batch"], proof["roots"], *proof["keys"]]
    batch, roots, *changes = bodies = [json.loads(p["body"]) for p in places]
    read = reader(pinned, changes)
    size, root = read(files["checkpoint"].decode(), "checkpoint")
    for place, body in zip(places, bodies):
        leads(sha256(b"\0" + place["body"].encode()).digest(), body["seq"] - 1, size, place["path"], root)
    told = next(t for t in roots["roots"] if t["seq"] == batch["seq"])
    r, at = proof["record"], proof["leaf"]
    pointer = (r["pointer"] or "").encode()
    text = f"{r['change']} {r['content_hash'] or '-'} {r['stored_sha256'] or '-'} {len(pointer)} ".encode()
    text += pointer + b" " + r["record_id"].encode()
    leads(sha256(b"\0" + text).digest(), at["index"], at["size"], at["path"], bytes.fromhex(told["root"]))
    index = [json.loads(line) for line in files.get("index.jsonl", b"").splitlines()]
    shown = [e for e in index if (e["stored_sha256"], e["sha256"]) == (r["stored_sha256"], given["payload"])]
    if (
        (roots["kind"], at["size"], len(given)) != ("roots", told["records"], SHOWN[proof["withheld"]])
        or not r["record_id"].startswith(f"{batch['source']}:{batch['record']}:")
        or (given and (not shown or given["index.jsonl"] != batch["landing"]["index_sha256"]))
        or given.get("payload.zst", r["stored_sha256"]) != r["stored_sha256"]
        or given.get("record.json", r["content_hash"]) != r["content_hash"]
    ):
        raise ValueError("what is shown is not what is proven")
    known = {size: root}
    if grown := proof.get("consistency"):
        first, (old, *steps) = grown["size"], [bytes.fromhex(h) for h in (grown["root"], *grown["path"])]
        if not 0 < first <= size or grow(first, size, steps, old) != (old, root) or steps:
            raise ValueError("the consistency proof leads elsewhere")
        known[first] = old
    for where, note in kept:
        before, theirs = read(note, where, by_rule=False)
        if before not in known:
            tell.append(("truncated" if before > size else "missing", f"no proof of growth between {where} and {size}"))
        elif known[before] != theirs:
            tell.append(("forked", f"{where} is of another ledger"))
    print(f"{r['record_id']}: {r['change']} at {r['pointer']}, batch {batch['seq']} of {size} entries")
    print(f"received {shown[0]['received_at']} from {shown[0]['url']}" if shown else f"no bytes: {proof['withheld']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--head", type=Path, action="append", default=[])
    given, tell = parser.parse_args(), []
    try:
        pinned = [bytes.fromhex(line) for line in given.key.read_text().split()]
        kept = [(head.name, head.read_bytes().decode("utf-8")) for head in given.head]
        (whole if given.what.is_dir() else bundle)(given.what, pinned, kept, tell)
    except OSError as e:
        parser.error(str(e))
    except Finding as f:
        tell.append(f.args)
    except (LookupError, ValueError, TypeError, AttributeError, StopIteration, sqlite3.Error) as e:
        tell.append(("altered", f"{type(e).__name__}: {e}"))
    print(*(f"{kind.upper()} {where}" for kind, where in tell), sep="\n", end="\n" if tell else "")
    print(f"{len(tell)} problems" if tell else "all is as signed")
    return max((CODES[kind] for kind, _ in tell), default=0)


if __name__ == "__main__":
    sys.exit(main())
