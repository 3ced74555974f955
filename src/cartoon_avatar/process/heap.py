"""What the C library keeps of freed memory, where it is glibc; elsewhere nothing happens."""

from __future__ import annotations

import ctypes
from typing import Any

# Names of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def retain_freed(max_bytes: int, *, largest_bytes: int) -> None:
    """Keep up to ``max_bytes`` of freed memory in this process instead of returning it to the
    system, in blocks of up to ``largest_bytes`` (at most 32 MB).

    Returned and allocated again, each page costs a page fault: a seventh of the time of a
    drawing, which allocates and frees some 300 arrays of megabytes, and as much of an upload's.
    """
    if (glibc := _glibc()) is not None:
        glibc.mallopt(_M_MMAP_THRESHOLD, largest_bytes)
        glibc.mallopt(_M_TRIM_THRESHOLD, max_bytes)


def trim() -> None:
    """Return all freed memory to the system."""
    if (glibc := _glibc()) is not None:
        glibc.malloc_trim(0)


def _glibc() -> Any:
    process = ctypes.CDLL(None)
    return process if hasattr(process, "gnu_get_libc_version") else None
