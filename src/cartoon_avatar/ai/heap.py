"""What the C library keeps of freed memory, where it is glibc; elsewhere nothing happens."""

from __future__ import annotations

import ctypes
from typing import Any

# Names of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 128 * 2**20


def keep_for_the_next_drawing() -> None:
    """Hold up to 128 MB back from the system.

    A drawing takes and frees some 300 arrays of megabytes. Given back and taken again, each
    page of them costs a fault: a seventh of the time of a drawing.
    """
    if (glibc := _glibc()) is not None:
        glibc.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        glibc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def keep_for_the_next_upload() -> None:
    """Hold up to 8 MB back in the server, whose uploads come in pieces of up to 400 KB.

    Left to itself, what is given back and taken again is a tenth of an upload's time.
    """
    if (glibc := _glibc()) is not None:
        glibc.mallopt(_M_MMAP_THRESHOLD, 2**20)
        glibc.mallopt(_M_TRIM_THRESHOLD, 8 * 2**20)


def give_back() -> None:
    if (glibc := _glibc()) is not None:
        glibc.malloc_trim(0)


def _glibc() -> Any:
    process = ctypes.CDLL(None)
    return process if hasattr(process, "gnu_get_libc_version") else None
