"""Wire bytes to content: undo a Content-Encoding without trusting it.

requests would do this silently, and reads a truncated gzip body without length as an empty success; a body of a few
kilobytes may unpack to gigabytes. So landing keeps the wire bytes, and whoever needs the content calls this.
"""

from __future__ import annotations

import zlib

from brain.errors import PayloadError

# Below this size no ratio is suspicious: short, repetitive JSON compresses very well.
FREE_BYTES = 1 << 20

_GZIP, _ZLIB, _DEFLATE = 31, zlib.MAX_WBITS, -zlib.MAX_WBITS
# A zstd block of 4 bytes may stand for 128 KiB, so one slice unpacks to 128 MiB at most before the cap is looked at.
_SLICE = 4096


def decode_body(body: bytes, content_encoding: str | None, max_bytes: int, max_ratio: float) -> bytes:
    """The content of a body as received (RFC 9110, section 8.4.1: gzip, x-gzip, deflate, identity; RFC 8878: zstd).

    `max_bytes`: cap of the content. `max_ratio`: cap of content to wire size, above 1 MiB. Raises PayloadError for an
    unknown coding, a truncated or damaged stream, bytes after its end, and beyond either cap.
    """
    codings = [c.strip().lower() for c in (content_encoding or "").split(",") if c.strip()]
    limit = int(min(max_bytes, max(FREE_BYTES, len(body) * max_ratio)))
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip"):
            body = _inflate(body, _GZIP, limit)
        elif coding == "deflate":
            # Two readings of the standard are in use; the zlib header tells them apart (RFC 1950, section 2.2).
            wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
            body = _inflate(body, _ZLIB if wrapped else _DEFLATE, limit)
        elif coding == "zstd":
            body = _unzstd(body, limit)
        elif coding != "identity":
            raise PayloadError(f"Content-Encoding {coding[:20]!r} is unknown", "gzip, deflate and zstd are read")
    if len(body) > max_bytes:
        raise PayloadError(f"the body holds more than {max_bytes:,} bytes", "raise limits.maxBytes if that is right")
    return body


def _inflate(body: bytes, wbits: int, limit: int) -> bytes:
    """One or more gzip members, or one deflate stream, up to `limit` bytes of content."""
    parts: list[bytes] = []
    room = limit
    rest = body
    while True:
        stream = zlib.decompressobj(wbits)
        try:
            part = stream.decompress(rest, room + 1)
        except zlib.error as e:
            raise _damaged() from e
        if len(part) > room:
            raise _too_large(body, limit)
        if not stream.eof:
            raise _cut_off()
        parts.append(part)
        room -= len(part)
        # gzip allows further members and, as its tools do, zeros as padding.
        rest = stream.unused_data
        if wbits != _GZIP or not rest.strip(b"\0"):
            break
    if wbits != _GZIP and rest:
        raise _damaged()
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    """One or more zstd frames up to `limit` bytes of content, looked at in slices so that no frame unpacks unseen."""
    import zstandard

    view, place, size = memoryview(body), 0, 0
    parts: list[bytes] = []
    while place < len(view):
        stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        while not stream.eof:
            piece = view[place : place + _SLICE]
            if not piece:
                raise _cut_off()
            place += len(piece)
            try:
                part = stream.decompress(piece)
            except zstandard.ZstdError as e:
                raise _damaged() from e
            size += len(part)
            if size > limit:
                raise _too_large(body, limit)
            parts.append(part)
        place -= len(stream.unused_data)
    return b"".join(parts)


def _too_large(body: bytes, limit: int) -> PayloadError:
    return PayloadError(
        f"a body of {len(body):,} bytes unpacks to more than {limit:,}",
        "raise limits.maxBytes or limits.maxRatio if that is right",
    )


def _cut_off() -> PayloadError:
    return PayloadError("the compressed body is cut off", "fetch it again; the source may be broken")


def _damaged() -> PayloadError:
    return PayloadError("the compressed body is damaged", "fetch it again; the source may be broken")
