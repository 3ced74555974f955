"""Where a photo waits while it comes in makes no difference to what is kept of it."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import Request

from cartoon_avatar.backend import spool
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
@pytest.mark.parametrize("is_room_taken", [True, False], ids=["on the disk", "in memory"])
async def test_a_photo_is_kept_alike_from_memory_and_from_the_disk(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_room_taken: bool
):
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    on_disk = []

    def draw(request: httpx.Request) -> httpx.Response:
        # It is sent from an unnamed file, or from memory.
        on_disk.append(str(aside) in Path("/proc/self/maps").read_text())
        return service.ai.generate_cartoon(request)

    photo = picture("png", (512, 640))
    assert len(photo) > spool._LEAST_BYTES
    async with start() as service:
        service.ai.handlers["/generate-cartoon"] = draw
        with ExitStack() as others:
            if is_room_taken:
                others.enter_context(service.state.memory.lent(_of(spool._ROOM_BYTES)))
            uploaded = await service.phone.upload(photo)
        assert uploaded.status_code == 201
        (kept,) = service.files("uploads/originals")
        assert kept.read_bytes() == photo
        assert uploaded.json()["original"]["sha256"] == hashlib.sha256(photo).hexdigest()
        sent = service.ai.asked_for("/generate-cartoon")[0].content
        assert photo in sent
    assert on_disk == [is_room_taken]
