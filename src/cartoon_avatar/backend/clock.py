"""Now, as we keep it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """UTC, in whole milliseconds as the database and the file names hold it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
