"""Admission control for the AI service: refuses what it could not take, and shares what it can."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from cartoon_avatar.backend.errors import AiBusy, AiUnavailable

# More than an AI service can have; the real number is learnt from its 503 responses.
_MOST_PLACES = 10_000.0
# For how long a refused device keeps a share, and for how many devices at most.
_HOPEFUL_S = 10
_MOST_HOPEFUL = 1000


class Admission:
    """Shares the places equally between the devices that have a picture under way or were refused
    lately, so that no device starves beside one that sends more requests."""

    def __init__(self) -> None:
        self._places = _MOST_PLACES
        self._retry_after_s = 1
        # Pictures under way, by device.
        self._at_work: Counter[str] = Counter()
        # When a device was refused, the latest last.
        self._refused: dict[str, float] = {}

    @property
    def places(self) -> int:
        """The number of places as far as it is known, else more than there can be."""
        return int(self._places)

    @property
    def retry_after_s(self) -> int:
        return self._retry_after_s

    def require(self, device_id: str | None) -> None:
        """Raise AiUnavailable where there is no place; None is a device not known yet."""
        # With nothing of ours at work, only a request can show whether the service is still full.
        if not self._at_work:
            return
        now = time.monotonic()
        while self._refused and now - next(iter(self._refused.values())) > _HOPEFUL_S:
            del self._refused[next(iter(self._refused))]
        devices = self._at_work.keys() | self._refused.keys() | {device_id}
        share = max(1, int(self._places) // len(devices))
        if self._at_work.total() < int(self._places) and self._at_work[device_id or ""] < share:
            return
        if device_id:
            self._refused.pop(device_id, None)
            self._refused[device_id] = now
            if len(self._refused) > _MOST_HOPEFUL:
                del self._refused[next(iter(self._refused))]
        raise AiUnavailable(self._retry_after_s)

    @contextmanager
    def taken(self, device_id: str, *, queued: bool = False) -> Generator[None]:
        """Hold a place while the AI service works; its response shows how many places there are.

        A job of the queue was admitted when its turn came, and is not refused here.
        """
        if not queued:
            self.require(device_id)
        self._at_work[device_id] += 1
        try:
            yield
            # Additive increase: the service may have grown, or others may have left it.
            self._places = min(self._places + 1 / self._places, _MOST_PLACES)
        except AiBusy as busy:
            self._places = max(1.0, self._at_work.total() - 1)
            self._retry_after_s = busy.retry_after_s or 1
            raise
        finally:
            self._at_work[device_id] -= 1
            if not self._at_work[device_id]:
                del self._at_work[device_id]
