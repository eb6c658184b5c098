"""Wire bytes to content: every coding, and every way in which a compressed body can lie."""

import gzip
import random
import zlib

import pytest
import zstandard

from brain.errors import PayloadError
from ingest.fetch.body import FREE_BYTES, decode_body

TEXT = "围绕产业链部署创新链\n".encode() * 500
MIB = 1 << 20
PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}


def decode(body: bytes, coding: str | None, max_bytes: int = 8 * MIB, max_ratio: float = 200) -> bytes:
    return decode_body(body, coding, max_bytes, max_ratio)


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (None, TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZIP", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
    ],
    ids=lambda part: str(part) if not isinstance(part, bytes) else str(len(part)),
)
def test_codings(coding, body):
    assert decode(body, coding) == TEXT


def test_members_and_frames_follow_each_other():
    assert decode(gzip.compress(TEXT) + gzip.compress(b"end") + bytes(8), "gzip") == TEXT + b"end"
    assert decode(zstandard.compress(TEXT) + zstandard.compress(b"end"), "zstd") == TEXT + b"end"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_cut_off_anywhere(coding):
    # bytes that do not compress, so that the body is longer than one slice of the reader
    data = random.Random(1).randbytes(20_000)
    body = PACK[coding](data)
    for length in (1, 9, len(body) // 2, len(body) - 1):
        with pytest.raises(PayloadError, match=r"cut off|damaged"):
            decode(body[:length], coding)


def test_an_empty_body_is_no_gzip():
    with pytest.raises(PayloadError, match="cut off"):
        decode(b"", "gzip")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_damaged(coding):
    body = bytearray(PACK[coding](TEXT))
    body[len(body) // 2] ^= 0xFF
    with pytest.raises(PayloadError, match=r"damaged|cut off"):
        decode(bytes(body), coding)


@pytest.mark.parametrize(
    ("coding", "body"), [("gzip", gzip.compress(TEXT) + b"<html>"), ("deflate", zlib.compress(TEXT) + b"x")]
)
def test_bytes_after_the_end(coding, body):
    with pytest.raises(PayloadError, match="damaged"):
        decode(body, coding)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_stopped_by_the_ratio(pack):
    coding = "gzip" if pack is gzip.compress else "zstd"
    bomb = pack(bytes(5 * MIB))
    assert len(bomb) * 200 < 5 * MIB
    with pytest.raises(PayloadError, match="unpacks to more than"):
        decode(bomb, coding)
    assert len(decode(bomb, coding, max_ratio=100_000)) == 5 * MIB


def test_small_bodies_have_no_ratio():
    assert decode(gzip.compress(bytes(FREE_BYTES)), "gzip", max_ratio=1) == bytes(FREE_BYTES)
    with pytest.raises(PayloadError, match="unpacks to more than"):
        decode(gzip.compress(bytes(FREE_BYTES + 1)), "gzip", max_ratio=1)


def test_members_share_one_cap():
    two = gzip.compress(bytes(700_000)) * 2
    with pytest.raises(PayloadError, match="unpacks to more than"):
        decode(two, "gzip", max_bytes=MIB)


def test_size_cap_without_coding():
    with pytest.raises(PayloadError, match="more than 10 bytes"):
        decode(b"x" * 11, None, max_bytes=10)


def test_unknown_coding():
    with pytest.raises(PayloadError, match="'br' is unknown"):
        decode(TEXT, "br")
