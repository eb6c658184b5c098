"""A disk that is full, without a disk: the kernel's own limit on the size of files."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def disk_full(after: int) -> Iterator[None]:
    """No file of this process grows beyond `after` bytes: the kernel refuses the write itself, wherever it is made.

    It answers EFBIG where a full disk answers ENOSPC; both end a write in its middle.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
