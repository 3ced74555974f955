"""The writers of one process: they take turns, and whoever leaves the queue leaves nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from cartoon_avatar.backend.db.session import Sqlite, open_database
from cartoon_avatar.backend.errors import DatabaseBusy
from tests.backend.conftest import Start, on_sqlite
from tests.patience import PATIENCE_S


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Sqlite]:
    async with notes(tmp_path) as database:
        yield database


@asynccontextmanager
async def notes(folder: Path, timeout_s: float = PATIENCE_S) -> AsyncIterator[Sqlite]:
    async with open_database(f"sqlite:///{folder}/notes.sqlite", timeout_s) as database:
        await database.write(executing("CREATE TABLE IF NOT EXISTS notes (said TEXT)"))
        yield database


def executing(statement: str) -> Callable[[Connection], None]:
    def execute(connection: Connection) -> None:
        connection.execute(text(statement))

    return execute


def saying(what: str) -> Callable[[Connection], None]:
    return executing(f"INSERT INTO notes VALUES ('{what}')")


def said(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT said FROM notes ORDER BY rowid")))


class Long:
    """A change that says ``first``, waits until it may go on and says ``last``."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, connection: Connection) -> None:
        saying("first")(connection)
        self.begun.set()
        assert self.may_end.wait(PATIENCE_S)
        saying("last")(connection)


async def under_way(writing: Awaitable[None], change: Long) -> asyncio.Task[None]:
    task = asyncio.ensure_future(writing)
    assert await asyncio.to_thread(change.begun.wait, PATIENCE_S)
    return task


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_writer_whose_turn_does_not_come_gets_an_error_that_the_database_is_busy(
    tmp_path: Path,
):
    async with notes(tmp_path, timeout_s=2) as database:
        long = Long()
        writing = await under_way(database.write(long), long)

        began = time.monotonic()
        with pytest.raises(DatabaseBusy):
            await database.write(saying("too late"))
        assert time.monotonic() - began > 1.9

        # The one that had begun is as late, and is let end.
        long.may_end.set()
        await writing
    async with notes(tmp_path) as database:
        await database.write(saying("next"))
        assert await database.read(said) == ["first", "last", "next"]


@on_sqlite
async def test_an_upload_whose_turn_does_not_come_is_refused_and_leaves_no_file(start: Start):
    begun, may_end = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        assert may_end.wait(PATIENCE_S)

    async with start(database_timeout_s=2) as service:
        writing = asyncio.create_task(service.state.database.write(hold))
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        response = await service.phone.upload()
        files = service.files()
        may_end.set()
        await writing

    assert (response.status_code, response.json()["code"]) == (503, "database_busy")
    assert response.headers["retry-after"]
    assert files == []
    async with start() as service:
        assert (await service.phone.upload()).status_code == 201


async def test_a_cancelled_waiter_gives_up_its_place(database: Sqlite):
    long = Long()
    writing = await under_way(database.write(long), long)
    waiting = [asyncio.create_task(database.write(saying(str(number)))) for number in range(5)]
    await asyncio.sleep(0.1)

    for waiter in waiting[:4]:
        await cancelled(waiter)
    long.may_end.set()
    await asyncio.gather(writing, waiting[4])

    assert await database.read(said) == ["first", "last", "4"]


async def test_what_had_begun_when_it_was_cancelled_ends_before_the_next_begins(database: Sqlite):
    long = Long()
    await cancelled(await under_way(database.write(long), long))

    seen_by_next: list[str] = []
    following = asyncio.create_task(
        database.write(lambda connection: seen_by_next.extend(said(connection)))
    )
    await asyncio.sleep(0.2)
    assert not following.done()
    long.may_end.set()
    await following

    assert seen_by_next == ["first", "last"]


async def test_what_fails_after_it_was_cancelled_is_undone_and_disturbs_nobody(database: Sqlite):
    long = Long()

    def fail(connection: Connection) -> None:
        long(connection)
        raise LookupError

    await cancelled(await under_way(database.write(fail), long))
    long.may_end.set()
    await database.write(saying("next"))

    assert await database.read(said) == ["next"]


async def test_writers_cancelled_at_any_moment_are_carried_out_wholly_or_not_at_all(
    database: Sqlite,
):
    def both(number: int) -> Callable[[Connection], None]:
        def say(connection: Connection) -> None:
            saying(f"{number} first")(connection)
            time.sleep(0.002)
            saying(f"{number} last")(connection)

        return say

    heard: list[str] = []

    async def write(number: int) -> None:
        await database.write(both(number))
        heard.append(str(number))

    for moment in range(20):
        tasks = [asyncio.create_task(write(10 * moment + number)) for number in range(10)]
        await asyncio.sleep(moment / 1000)
        for task in tasks[moment % 3 :: 2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await database.write(executing("SELECT 1"))  # whose turn comes after all of them

    notes = await database.read(said)
    numbers = [note.split()[0] for note in notes[::2]]
    assert notes == [f"{number} {half}" for number in numbers for half in ("first", "last")]
    assert set(heard) <= set(numbers)


async def test_closing_waits_for_the_one_that_has_begun_and_for_no_other(tmp_path: Path):
    long = Long()
    async with notes(tmp_path) as database:
        writing = await under_way(database.write(long), long)
        waiting = [asyncio.create_task(database.write(saying("queued"))) for _ in range(3)]
        await asyncio.sleep(0.1)
        threading.Timer(0.3, long.may_end.set).start()
    await writing
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    async with notes(tmp_path) as database:
        assert await database.read(said) == ["first", "last"]


async def test_each_statement_of_a_reader_sees_what_is_committed(database: Sqlite):
    looked, written = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = said(connection)
        looked.set()
        assert written.wait(PATIENCE_S)
        return before, said(connection)

    reading = asyncio.create_task(database.read(look_twice))
    assert await asyncio.to_thread(looked.wait, PATIENCE_S)
    await database.write(saying("meanwhile"))
    written.set()

    assert await reading == ([], ["meanwhile"])
