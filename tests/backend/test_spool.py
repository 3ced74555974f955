"""Where a photo waits while it comes in makes no difference to what is kept of it."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack

import pytest
from fastapi import Request

from cartoon_avatar.backend import app, spool
from cartoon_avatar.backend.routes import post
from tests.backend.conftest import Start, on_sqlite, picture


def _request(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def _of(size_bytes: int) -> Request:
    return _request(**{"content-length": str(size_bytes)})


def test_who_finds_no_room_in_memory_has_a_little_and_takes_it_from_nobody():
    memory = spool.Memory(1_000_000)
    with ExitStack() as stack:
        assert stack.enter_context(memory.lent(_of(600_000))) == 600_000
        for _ in range(3):
            assert stack.enter_context(memory.lent(_of(600_000))) == spool._LEAST_BYTES
        assert stack.enter_context(memory.lent(_of(400_000))) == 400_000
    with memory.lent(_of(1_000_000)) as lent:
        assert lent == 1_000_000


def test_room_in_memory_is_given_back_by_a_request_that_fails():
    memory = spool.Memory(1_000_000)

    def fail() -> None:
        with memory.lent(_of(1_000_000)) as lent:
            assert lent == 1_000_000
            raise ConnectionResetError

    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            fail()


@pytest.mark.parametrize("declared", [None, "", "0", "-1", "1e3", "²", "9" * 15])
def test_a_length_that_is_none_or_too_large_takes_no_more_than_a_little(declared: str | None):
    headers = {} if declared is None else {"content-length": declared}
    with spool.Memory(1_000_000).lent(_request(**headers)) as lent:
        assert lent == spool._LEAST_BYTES


@on_sqlite
@pytest.mark.parametrize("room_bytes", [0, 16 * 2**20], ids=["on the disk", "in memory"])
async def test_a_photo_is_kept_alike_from_memory_and_from_the_disk(
    start: Start, monkeypatch: pytest.MonkeyPatch, room_bytes: int
):
    on_disk = []

    class Seen(spool.Spool):
        def close(self) -> None:
            on_disk.append(self.is_on_disk)
            super().close()

    monkeypatch.setattr(app, "Memory", lambda: spool.Memory(room_bytes))
    monkeypatch.setattr(post, "Spool", Seen)
    photo = picture("png", (512, 640))
    assert len(photo) > spool._LEAST_BYTES
    async with start() as service:
        uploaded = await service.phone.upload(photo)
        assert uploaded.status_code == 201
        (kept,) = service.files("uploads/originals")
        assert kept.read_bytes() == photo
        assert uploaded.json()["original"]["sha256"] == hashlib.sha256(photo).hexdigest()
        sent = service.ai.asked_for("/generate-cartoon")[0].content
        assert photo in sent
    assert on_disk == [room_bytes == 0]
