"""The current time, and whether the wall clock can be trusted."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path

# NTP slewing adds up to less between two sweeps.
_JUMP_S = 300


def utc_now() -> datetime:
    """UTC, in whole milliseconds as the database and the file names hold it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def clock_runs_evenly(mark: Path, hold_s: float) -> bool:
    """Whether ages can be trusted: False from a jump of the wall clock until ``hold_s`` later.

    The file ``mark`` keeps the last wall-clock time, which is compared with the time since boot,
    which cannot be set. After a reboot there is nothing to compare with.
    """
    boot, since_boot_s, now_s = _boot_id(), _since_boot_s(), time.time()
    held_until_s = 0.0
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        seen = json.loads(mark.read_text())
        if seen["boot"] == boot and seen["since_boot_s"] <= since_boot_s:
            held_until_s = seen["held_until_s"]
            passed_s = since_boot_s - seen["since_boot_s"]
            if abs(now_s - seen["now_s"] - passed_s) > _JUMP_S:
                held_until_s = since_boot_s + hold_s
    noted = {"boot": boot, "since_boot_s": since_boot_s, "now_s": now_s}
    aside = mark.with_name(f"{mark.name}.{secrets.token_hex(8)}")
    try:
        aside.write_text(json.dumps(noted | {"held_until_s": held_until_s}))
        os.replace(aside, mark)
    except OSError:  # a full disk must still be swept
        aside.unlink(missing_ok=True)
    return since_boot_s >= held_until_s


def _since_boot_s() -> float:
    # Unlike monotonic() on Linux it counts the time a machine sleeps.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
