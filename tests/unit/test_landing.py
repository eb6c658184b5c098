"""Landing keeps the bytes as received: any payload comes back alone, proven, and plain zstd reads the rest."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import zstandard

from brain.errors import IntegrityError
from brain.keys import Keys
from ingest.fetch import Payload
from ingest.landing import Segment, SegmentWriter

KEYS = Keys(b"l" * 32, b"p" * 32, b"s" * 32)
AT = datetime(2026, 1, 31, 8, 0, tzinfo=timezone(timedelta(hours=8)))
BODIES = [b"first page", b"", bytes(range(256)) * 40, "第三页".encode()]


def payload(i: int, body: bytes) -> Payload:
    return Payload(body, f"https://source.test/page/{i}", 200, AT, {"ETag": f'"{i}"'})


@pytest.fixture(params=["plain", "encrypted"])
def keys(request: pytest.FixtureRequest) -> Keys | None:
    return KEYS if request.param == "encrypted" else None


@pytest.fixture
def segment(tmp_path: Path, keys: Keys | None) -> Segment:
    writer = SegmentWriter(tmp_path / "toy", keys)
    for i, body in enumerate(BODIES):
        writer.write(payload(i, body))
    return writer.close()


def test_every_payload_comes_back_as_received(segment: Segment):
    assert [body for _, body in segment.bodies()] == BODIES
    entries = segment.entries()
    assert [e.payload for e in entries] == [0, 1, 2, 3]
    assert [e.size for e in entries] == [len(b) for b in BODIES]
    assert segment.body(entries[2]) == BODIES[2], "any one by itself"


def test_the_index_says_where_when_and_what(segment: Segment):
    lines = [json.loads(line) for line in segment.index_path.read_text().splitlines()]
    assert [x["url"] for x in lines] == [f"https://source.test/page/{i}" for i in range(4)]
    assert {x["received_at"] for x in lines} == {"2026-01-31T00:00:00.000000+00:00"}, "UTC"
    assert [x["headers"] for x in lines] == [{"ETag": f'"{i}"'} for i in range(4)]
    stored = segment.path.read_bytes()
    for x in lines:
        frame = stored[x["offset"] : x["offset"] + x["length"]]
        assert hashlib.sha256(frame).hexdigest() == x["stored_sha256"]
    assert lines[-1]["offset"] + lines[-1]["length"] == len(stored)


def test_a_plain_segment_is_readable_without_us(tmp_path: Path):
    writer = SegmentWriter(tmp_path, None)
    for i, body in enumerate(BODIES):
        writer.write(payload(i, body))
    segment = writer.close()
    assert segment.path.suffix == ".zst"
    with segment.path.open("rb") as f, zstandard.ZstdDecompressor().stream_reader(f, read_across_frames=True) as r:
        assert r.read() == b"".join(BODIES)
    assert [e.sha256 for e in segment.entries()] == [hashlib.sha256(b).hexdigest() for b in BODIES]


def test_an_encrypted_segment_tells_nothing_without_the_key(tmp_path: Path):
    body = b"610113199001011234 " * 50
    writer = SegmentWriter(tmp_path, KEYS)
    first, second = writer.write(payload(0, body)), writer.write(payload(0, body))
    segment = writer.close()
    everything = segment.path.read_bytes() + segment.index_path.read_bytes()
    assert b"610113" not in everything and b"610113" not in _inflated(segment)
    assert first.sha256 is None and hashlib.sha256(body).hexdigest().encode() not in everything
    assert first.stored_sha256 != second.stored_sha256, "every payload has a key of its own"
    with pytest.raises(IntegrityError, match="encrypted and no key"):
        Segment(segment.path).body(first)
    with pytest.raises(IntegrityError, match="key does not fit"):
        Segment(segment.path, Keys(b"x" * 32, b"p" * 32, b"s" * 32)).body(first)
    assert Segment(segment.path).stored(first), "proving needs no key"


def _inflated(segment: Segment) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(segment.path.read_bytes())
    except zstandard.ZstdError:
        return b""


def test_any_changed_byte_is_found(segment: Segment):
    whole = segment.path.read_bytes()
    for entry in segment.entries():
        for place in {entry.offset, entry.offset + entry.length // 2, entry.offset + entry.length - 1}:
            changed = bytearray(whole)
            changed[place] ^= 1
            segment.path.write_bytes(changed)
            with pytest.raises(IntegrityError, match=f"payload {entry.payload}: bytes were changed"):
                segment.body(entry)
    segment.path.write_bytes(whole)
    assert [body for _, body in segment.bodies()] == BODIES


def test_a_lost_segment_or_index_is_an_error(segment: Segment):
    entry = segment.entries()[0]
    segment.path.unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        segment.stored(entry)
    segment.index_path.write_text('{"payload": 0')
    with pytest.raises(IntegrityError, match=r"index .* cannot be read"):
        segment.entries()


def test_a_failed_fetch_leaves_nothing(tmp_path: Path):
    writer = SegmentWriter(tmp_path, None)
    writer.write(payload(0, b"half"))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_no_two_fetches_share_a_name(tmp_path: Path):
    names = {SegmentWriter(tmp_path, None).close().fetch_id for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith(f"{datetime.now(UTC):%Y}") for name in names)
