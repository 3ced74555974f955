"""The database: migrations, and what happens when several want the same row."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.listen import listen
from cartoon_avatar.backend.db.migrate import alembic_config, migrate
from cartoon_avatar.backend.db.migrations import HEAD
from cartoon_avatar.backend.db.session import (
    Database,
    is_busy,
    is_full,
    only_sweeper,
    open_database,
)
from cartoon_avatar.backend.db.tables import TABLE_OF, metadata
from cartoon_avatar.backend.flows.sweep import Swept, sweep
from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, Service, Start, end_own_sweeps, running
from tests.engines.postgres import Postgres, running_postgres
from tests.patience import PATIENCE_S

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> Any:
    (tmp_path / "data").mkdir()
    async with open_database(database_url, PATIENCE_S) as database:
        yield database


async def tables_of(database: Database) -> set[str]:
    return set(await database.read(lambda connection: inspect(connection).get_table_names()))


async def test_migrations_go_up_without_drift_and_down_again(database: Database):
    def check(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.check(config)

    for _ in range(2):
        await migrate(database)
        assert await tables_of(database) == {*metadata.tables, "alembic_version"}
        await database.read(check)
        await migrate(database, "base")
        assert await tables_of(database) == {"alembic_version"}
    with pytest.raises(CommandError, match="not up to date"):
        await database.read(check)


def test_the_fields_of_a_row_stand_in_the_order_of_its_columns():
    for kind, table in TABLE_OF.items():
        assert [field.name for field in fields(kind)] == table.columns.keys()


@on_postgresql
async def test_what_another_process_notifies_is_heard_again_after_a_lost_connection(
    database: Database,
):
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def notified(payload: str) -> None:
        """Until it is heard: nobody says when a connection has begun to listen."""
        notify = text("SELECT pg_notify('jobs', :payload)").bindparams(payload=payload)
        async with asyncio.timeout(PATIENCE_S):
            while heard.empty() or heard.get_nowait() != payload:
                await database.write(lambda connection: connection.execute(notify))
                await asyncio.sleep(0.05)

    listening = asyncio.create_task(listen(database, "jobs", heard.put_nowait))
    await notified("one")
    ends = text(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'"
    )
    ended = await database.read(lambda connection: list(connection.scalars(ends)))
    assert ended == [True]
    await notified("two")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_backends_that_start_together_migrate_one_by_one(database_url: str, tmp_path: Path):
    (tmp_path / "data").mkdir()
    async with (
        open_database(database_url, PATIENCE_S) as one,
        open_database(database_url, PATIENCE_S) as other,
    ):
        await migrate(one, "base")
        await asyncio.gather(migrate(one), migrate(other))
        assert "originals" in await tables_of(one)


async def test_who_opens_a_new_database_together_waits_for_the_other(tmp_path: Path):
    for number in range(60):
        url = f"sqlite:///{tmp_path}/{number}.sqlite"

        async def look(url: str = url) -> None:
            async with open_database(url, PATIENCE_S) as database:
                assert await database.read(lambda connection: connection.scalar(text("SELECT 1")))

        await asyncio.gather(*(look() for _ in range(4)))


async def test_the_largest_seed_is_kept(service: Service):
    uploaded = await service.phone.upload(data={"seed": str(2**53 - 1)})
    assert uploaded.json()["cartoon"]["seed"] == 2**53 - 1


async def test_two_backends_share_what_a_repeat_is_answered(start: Start):
    headers = {"Idempotency-Key": "shared"}
    async with start() as one, start() as other:
        first = await one.phone.upload(headers=headers)
        again = await other.phone.upload(headers=headers)

    assert (first.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json()["original"] == first.json()["original"]
    assert not other.ai.asked_for("/generate-cartoon")


async def test_of_the_same_request_at_two_backends_one_does_the_work(start: Start):
    headers = {"Idempotency-Key": "raced"}
    async with start() as one, start() as other:
        responses = await asyncio.gather(
            *(backend.phone.upload(headers=headers) for backend in (one, other) * 3)
        )
        originals = (await one.phone.get("/api/originals")).json()["items"]

    assert {response.status_code for response in responses} <= {201, 409}
    assert len(originals) == 1


async def test_two_downloads_at_two_backends_give_one_face(start: Start):
    async with start() as one, start() as other:
        cartoon = (await one.phone.upload()).json()["cartoon"]["id"]
        responses = await asyncio.gather(
            *(backend.phone.post(f"/api/download/{cartoon}") for backend in (one, other) * 3)
        )
        faces = (await other.phone.get("/api/downloaded-faces")).json()["items"]

    assert sorted(response.status_code for response in responses) == [200] * 5 + [201]
    assert {response.json()["face"]["id"] for response in responses} == {faces[0]["id"]}
    assert len(faces) == 1
    assert len(one.files()) == 2


async def test_a_file_kept_by_one_backend_is_served_by_the_other(start: Start):
    async with start() as one, start() as other:
        url = (await one.phone.upload()).json()["original"]["imageUrl"]
        assert (await other.http.get(url)).status_code == 200


async def test_sweeping_at_two_backends_at_once_removes_everything_once(start: Start):
    async with start() as one, start(max_live_cartoons=500) as other:
        await end_own_sweeps()
        original = (await one.phone.upload()).json()["original"]["id"]
        for _ in range(5):
            await one.phone.post(f"/api/regenerate/{original}")
        await one.sql("UPDATE regenerated_cartoons SET created_at = 0")

        swept = await asyncio.gather(
            *(
                sweep(backend.state.database, backend.state.storage, backend.settings)
                for backend in (one, other)
            )
        )

        assert sum(one.expired_cartoons for one in swept) == 6
        assert [file.parent.name for file in one.files()] == ["originals"]


@on_postgresql
async def test_of_all_backends_one_sweeps_at_a_time(start: Start):
    async with start() as one, start() as other:
        await end_own_sweeps()
        await one.phone.upload()
        await one.sql("UPDATE regenerated_cartoons SET created_at = 0")
        rest = other.state.database, other.state.storage, other.settings

        async with only_sweeper(one.state.database) as ours, only_sweeper(rest[0]) as theirs:
            assert (ours, theirs) == (True, False)
            assert await sweep(*rest) == Swept(0, 0)
        assert (await sweep(*rest)).expired_cartoons == 1


async def _while_held(service: Service, statement: str, path: str) -> httpx.Response:
    """POST while another transaction has done ``statement`` and is about to commit."""
    async with service.transaction() as run:
        await run(lambda connection: connection.execute(text(statement)))
        response = asyncio.create_task(service.phone.post(path))
        await asyncio.sleep(0.4)
        assert not response.done()
    return await response


async def test_a_cartoon_of_an_original_that_is_being_deleted_is_not_found(service: Service):
    original = (await service.phone.upload()).json()["original"]["id"]

    response = await _while_held(
        service, "DELETE FROM originals", f"/api/regenerate/{original}?deviceId=phone-1"
    )

    assert response.status_code == 404
    assert len(await service.sql("SELECT id FROM regenerated_cartoons")) == 0


async def test_a_face_of_an_original_that_is_being_deleted_is_not_found(service: Service):
    cartoon = (await service.phone.upload()).json()["cartoon"]["id"]

    response = await _while_held(service, "DELETE FROM originals", f"/api/download/{cartoon}")

    assert response.status_code == 404
    assert len(await service.sql("SELECT id FROM downloaded_faces")) == 0


async def test_deleting_takes_along_what_was_being_added(service: Service):
    uploaded = (await service.phone.upload()).json()
    original = uploaded["original"]["id"]
    async with service.transaction() as run:
        await run(lambda connection: queries.hold_original(connection, "phone-1", original))
        deleting = asyncio.create_task(service.phone.delete(f"/api/originals/{original}"))
        await asyncio.sleep(0.3)
        columns = "id, device_id, original_id, filename, file_path, image_url, file_size,"
        columns += " mime_type, sha256, width, height, style, seed, created_at"
        key = "uploads/temp/1_added.jpg"
        added = text(
            f"INSERT INTO regenerated_cartoons ({columns}) VALUES ('c', 'phone-1', '{original}',"
            f" '1_added.jpg', '{key}', '/x', 1, 'image/jpeg', '', 1, 1, 'comic', 1, 1)"
        )
        await run(lambda connection: connection.execute(added))
        (service.settings.data_dir / key).write_bytes(b"x")

    assert (await deleting).status_code == 204
    assert service.files() == []


async def test_an_upload_during_the_deletion_of_its_device_is_kept(service: Service):
    await service.phone.upload()

    async with service.transaction() as run:
        await run(lambda connection: connection.execute(text("DELETE FROM devices")))
        uploading = asyncio.create_task(service.phone.upload())
        await asyncio.sleep(0.4)
    response = await uploading

    assert response.status_code == 201
    assert "deviceToken" in response.json()
    assert len((await service.phone.get("/api/originals")).json()["items"]) == 1


@on_postgresql
async def test_a_lock_that_is_not_given_back_asks_for_patience(start: Start):
    locking = text("SELECT id FROM regenerated_cartoons FOR UPDATE")
    async with start() as patient, start(database_timeout_s=2) as impatient:
        cartoon = (await patient.phone.upload()).json()["cartoon"]["id"]
        async with patient.transaction() as run:
            await run(lambda connection: connection.execute(locking))
            response = await impatient.phone.post(f"/api/download/{cartoon}")

        assert (response.status_code, response.json()["code"]) == (503, "database_busy")
        assert (await patient.phone.post(f"/api/download/{cartoon}")).status_code == 201


@on_postgresql
async def test_connections_cut_by_the_server_cost_nobody_a_request(service: Service):
    await service.phone.upload()
    await service.sql(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert (await service.phone.get("/api/originals")).status_code == 200


@pytest.fixture
def doomed() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


async def test_a_database_that_is_away_asks_for_patience(doomed: Postgres, tmp_path: Path):
    settings = BackendSettings(data_dir=tmp_path, database_url=doomed.url("postgres"))
    async with running(settings, FakeAi()) as service:
        await service.phone.upload()
        doomed.process.send_signal(signal.SIGINT)
        doomed.process.wait()

        responses = [await service.phone.get("/api/originals") for _ in range(2)]
        ready = await service.http.get("/readyz")

    for response in responses:
        assert (response.status_code, response.json()["code"]) == (503, "database_busy")
        assert response.headers["retry-after"]
    assert "database" in json.loads(ready.content)["missing"]


@pytest.mark.parametrize(
    ("code", "full", "busy"),
    [
        # Of both, full is asked first.
        (sqlite3.SQLITE_FULL, True, False),
        (sqlite3.SQLITE_IOERR_WRITE, True, True),
        (sqlite3.SQLITE_IOERR_SHMSIZE, True, True),
        (sqlite3.SQLITE_IOERR_READ, False, True),
        (sqlite3.SQLITE_IOERR_FSYNC, False, True),
        (sqlite3.SQLITE_READONLY, False, True),
        (sqlite3.SQLITE_CANTOPEN, False, True),
        (sqlite3.SQLITE_CORRUPT, False, False),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, False, False),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, False, True),
    ],
)
def test_a_disk_is_full_only_where_a_write_found_no_room(code: int, full: bool, busy: bool):
    cause = sqlite3.OperationalError("disk I/O error")
    cause.sqlite_errorcode = code
    error = OperationalError("INSERT", {}, cause)
    assert is_full(error) == full
    assert is_busy(error) == busy


async def test_a_full_pool_asks_for_patience(postgres: Postgres):
    async with open_database(postgres.url("postgres"), PATIENCE_S) as database:
        database.engine.pool._max_overflow = 0
        database.engine.pool._timeout = 0.1
        held = [await database.engine.connect() for _ in range(10)]
        with pytest.raises(Exception) as refused:
            await database.engine.connect()
        for connection in held:
            await connection.close()
    assert is_busy(refused.value)


def test_a_start_knows_the_newest_migration():
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD
