"""One suite for every storage: a disk, with links and without, and a bucket on a real SeaweedFS."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from aiohttp import web
from botocore.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cartoon_avatar.backend.errors import StorageUnavailable
from cartoon_avatar.backend.flows.job_ends import end_overdue
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.keys import new_keys
from cartoon_avatar.backend.storage.open import open_storage
from cartoon_avatar.backend.storage.protocol import FileMissing, NewFile, Storage
from tests.backend.conftest import FakeAi, Phone, Service, picture, running
from tests.backend.test_jobs import ASYNC, HeldAi, ended
from tests.engines.seaweedfs import (
    BUCKET,
    SeaweedFs,
    refusing,
    running_seaweedfs,
    running_seaweedfs_cluster,
)
from tests.patience import PATIENCE_S

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DATA = bytes(range(256)) * 40
_prefixes = (f"test-{number}" for number in count())


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFs]:
    with running_seaweedfs() as server:
        yield server


def on_bucket(server: SeaweedFs, folder: Path, **changed: Any) -> BackendSettings:
    """Settings for a place of its own in the bucket."""
    given = {
        "data_dir": folder / "data",
        "storage_url": f"s3://{BUCKET}/{next(_prefixes)}",
        **{name.lower(): value for name, value in server.environment().items()},
        **changed,
    }
    return BackendSettings(**given)


@pytest.fixture(params=["disk", "disk without links", "s3"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    if request.param == "s3":
        # Sixteen that want one name keep SeaweedFS busy for most of the usual ten seconds.
        bucket = on_bucket(request.getfixturevalue("seaweedfs"), tmp_path, storage_timeout_s=60)
        return open_storage(bucket)
    if request.param == "disk without links":  # FAT answers so
        monkeypatch.setattr(os, "link", _not_permitted)
    return open_storage(BackendSettings(data_dir=tmp_path))


def _not_permitted(*_: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.fixture
def bucket(seaweedfs: SeaweedFs, tmp_path: Path) -> BackendSettings:
    return on_bucket(seaweedfs, tmp_path)


async def keep(storage: Storage, data: bytes = DATA, owner: str = "phone-1") -> str:
    keys = new_keys("originals", owner, "jpg", NOW)
    (stored,) = await storage.put_new(NewFile(keys, [data], "image/jpeg"))
    return stored.key


async def listed(storage: Storage) -> set[str]:
    return {found.key async for found in storage.every_file()}


async def test_what_is_kept_comes_back(storage: Storage):
    pieces = [DATA[:10], memoryview(DATA)[10:]]
    (stored,) = await storage.put_new(
        NewFile(new_keys("temp", "abc", "png", NOW), pieces, "image/png")
    )

    assert stored.key == f"uploads/temp/{NOW.timestamp() * 1000:.0f}_abc.png"
    assert stored.size_bytes == len(DATA)
    assert stored.sha256 == hashlib.sha256(DATA).hexdigest()
    assert await storage.get(stored.key) == DATA


async def test_a_taken_key_moves_the_timestamp_on(storage: Storage):
    first, second = await keep(storage, b"first"), await keep(storage, b"second")

    assert second == first.replace("00000_", "00001_")
    assert await storage.get(first) == b"first"
    assert await storage.get(second) == b"second"


async def test_files_are_found_by_how_their_name_begins(storage: Storage):
    def named(name: str) -> NewFile:
        return NewFile(iter([f"uploads/exports/{name}"]), [DATA], "image/webp")

    await storage.put_new(*map(named, ("ab_1_x.webp", "abc_1_x.webp", "abc_1_y.webp", "abd.webp")))

    found = await storage.files_under("uploads/exports/abc_1_")

    assert sorted(file.key for file in found) == [
        "uploads/exports/abc_1_x.webp",
        "uploads/exports/abc_1_y.webp",
    ]
    assert {file.size_bytes for file in found} == {len(DATA)}
    assert await storage.files_under("uploads/exports/abc_2") == []


async def test_of_sixteen_who_race_for_a_key_one_wins_and_the_others_move_on(storage: Storage):
    contents = [f"picture {number}".encode() for number in range(16)]

    keys = await asyncio.gather(*(keep(storage, data) for data in contents))

    assert len(set(keys)) == 16
    assert [await storage.get(key) for key in keys] == contents


async def test_when_every_key_is_taken_nothing_is_overwritten(storage: Storage):
    key = await keep(storage, b"first")

    with pytest.raises(FileExistsError):
        await storage.put_new(NewFile(iter([key]), [b"second"], "image/jpeg"))

    assert await storage.get(key) == b"first"
    assert await listed(storage) == {key}


async def test_of_several_files_all_are_kept_or_none(storage: Storage):
    taken = await keep(storage, b"first")

    def names(*keys: str) -> list[NewFile]:
        return [NewFile(iter([key]), [DATA], "image/png", b"small") for key in keys]

    stored = await storage.put_new(
        *names("uploads/originals/1_a.png", "uploads/downloaded/1_b.png")
    )
    with pytest.raises(FileExistsError):
        await storage.put_new(*names("uploads/originals/2_a.png", taken))

    kept = {"uploads/originals/1_a.png", "uploads/downloaded/1_b.png"}
    assert {file.key for file in stored} == kept
    assert await listed(storage) == {
        taken,
        *kept,
        "thumbnails/originals/1_a.png.webp",
        "thumbnails/downloaded/1_b.png.webp",
    }
    assert await storage.get("thumbnails/downloaded/1_b.png.webp") == b"small"


async def test_a_missing_file_is_said_to_be_missing(storage: Storage):
    with pytest.raises(FileMissing):
        await storage.get("uploads/temp/1_nothing.png")
    with pytest.raises(FileMissing):
        await storage.response("uploads/temp/1_nothing.png", "image/png", {}, {"etag": '"a"'})


async def test_deleting_twice_is_fine(storage: Storage):
    key, other = await keep(storage), await keep(storage)

    for _ in range(2):
        await storage.delete([key, "uploads/temp/1_nothing.png"])
    await storage.delete([])

    assert await listed(storage) == {other}


async def test_the_list_names_every_file_with_size_and_time(storage: Storage):
    key = await keep(storage)
    thumbnail = "thumbnails/originals/1_a.jpg.webp"
    await storage.put_new(NewFile(iter([thumbnail]), [b"small"], "image/webp"))

    found = {file.key: file async for file in storage.every_file()}

    assert {key: file.size_bytes for key, file in found.items()} == {key: len(DATA), thumbnail: 5}
    for file in found.values():
        assert abs(file.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_it_says_that_it_answers(storage: Storage):
    await storage.check()


def over_http(storage: Storage, key: str) -> httpx.AsyncClient:
    async def serve(request: Request) -> Response:
        return await storage.response(key, "image/jpeg", dict(request.headers), {"etag": '"a"'})

    app = Starlette(routes=[Route("/", serve)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://files")


@pytest.mark.parametrize(
    ("headers", "status", "first", "end"),
    [
        ({}, 200, 0, len(DATA)),
        ({"range": "bytes=5-9"}, 206, 5, 10),
        ({"range": "bytes=-7"}, 206, len(DATA) - 7, len(DATA)),
        ({"range": f"bytes={len(DATA)}-"}, 416, 0, 0),
        ({"range": "bytes=5-9", "if-range": '"b"'}, 200, 0, len(DATA)),
        ({"if-none-match": '"a"'}, 304, 0, 0),
        ({"if-none-match": '"b"'}, 200, 0, len(DATA)),
    ],
)
async def test_it_serves_what_a_request_asks_for(
    storage: Storage, headers: dict[str, str], status: int, first: int, end: int
):
    async with over_http(storage, await keep(storage)) as http:
        response = await http.get("/", headers=headers)

    assert (response.status_code, response.content) == (status, DATA[first:end])
    if status in (200, 206):
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["content-length"] == str(end - first)
    if status in (206, 416):
        assert response.headers["content-range"].endswith(f"/{len(DATA)}")


async def test_head_sends_no_body(storage: Storage):
    async with over_http(storage, await keep(storage)) as http:
        response = await http.head("/")
    assert (response.content, response.headers["content-length"]) == (b"", str(len(DATA)))


async def test_a_large_file_is_served_whole(storage: Storage):
    data = DATA * 300
    async with over_http(storage, await keep(storage, data)) as http:
        assert (await http.get("/")).content == data


async def test_a_url_of_the_bucket_opens_the_file_with_its_type(bucket: BackendSettings):
    storage = open_storage(bucket)
    key = await keep(storage)

    url = await storage.url_of(key)

    assert url is not None
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        response = await http.get(url)
        unsigned = await http.get(url.partition("?")[0])
        tampered = await http.get(url[:-1] + ("0" if url[-1] != "0" else "1"))
    assert (response.status_code, response.content) == (200, DATA)
    assert response.headers["content-type"] == "image/jpeg"
    assert "immutable" in response.headers["cache-control"]
    assert (unsigned.status_code, tampered.status_code) == (403, 403)


async def test_another_client_agrees_about_what_is_in_the_bucket(
    bucket: BackendSettings, seaweedfs: SeaweedFs
):
    storage = open_storage(bucket)
    key = await keep(storage)
    secret = seaweedfs.environment()
    s3 = boto3.client(
        "s3",
        endpoint_url=seaweedfs.endpoint,
        region_name="us-east-1",
        aws_access_key_id=secret["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )
    prefix = urlsplit(bucket.storage_url or "").path.strip("/")
    other = f"{prefix}/notes.txt"
    s3.put_object(Bucket=BUCKET, Key=other, Body=b"not ours")

    kept = s3.get_object(Bucket=BUCKET, Key=f"{prefix}/{key}")

    assert kept["Body"].read() == DATA
    assert kept["ContentType"] == "image/jpeg"
    assert await listed(storage) == {key}  # what is not ours is not ours to sweep
    await storage.delete([key])
    names = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
    assert names == [other]
    s3.close()


async def test_a_bucket_that_hangs_is_given_up_within_the_deadline(tmp_path: Path):
    with running_seaweedfs() as server:
        storage = open_storage(on_bucket(server, tmp_path, storage_timeout_s=1))
        key = None
        while key is None:  # on a busy machine a second may be too short
            with suppress(StorageUnavailable):
                key = await keep(storage)
        server.process.send_signal(signal.SIGSTOP)
        try:
            for call in (
                keep(storage),
                storage.get(key),
                storage.delete([key]),
                listed(storage),
                storage.check(),
                storage.response(key, "image/jpeg", {}, {"etag": '"a"'}),
            ):
                with pytest.raises(StorageUnavailable):
                    async with asyncio.timeout(PATIENCE_S):
                        await call
        finally:
            server.process.send_signal(signal.SIGCONT)


async def test_with_half_of_the_bucket_down_pictures_open_and_uploads_are_refused_in_time(
    tmp_path: Path,
):
    deadline_s = 5  # well below that of the library, which tries again for minutes
    photo = picture("png")
    with running_seaweedfs_cluster() as (server, volumes):
        settings = on_bucket(server, tmp_path, storage_timeout_s=deadline_s)
        async with running(settings, FakeAi()) as service:
            responses = [await _uploaded(service.phone, photo) for _ in range(5)]
            urls = [response.json()["original"]["imageUrl"] for response in responses]
            volumes[0].kill()

            for url in urls:
                assert (await service.http.get(url)).content == photo
            async with asyncio.timeout(PATIENCE_S):
                response = await service.phone.upload(photo)

            assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
            assert response.headers["retry-after"]
            assert len((await service.phone.get("/api/originals")).json()["items"]) == 5

            volumes[0].start()
            async with asyncio.timeout(PATIENCE_S):
                while (await service.phone.upload(photo)).status_code != 201:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            items = (await service.phone.get("/api/originals")).json()["items"]
            assert len(items) == 6
            for item in items:
                assert (await service.http.get(item["imageUrl"])).content == photo


async def test_a_job_waits_for_a_bucket_that_is_away(tmp_path: Path):
    ai = HeldAi()
    with running_seaweedfs() as server:
        settings = on_bucket(server, tmp_path, storage_timeout_s=1)
        async with running(settings, ai) as service:
            job = (await _uploaded(service.phone, headers=ASYNC)).json()["job"]["id"]
            await ai.has_begun(1)
            server.process.send_signal(signal.SIGSTOP)
            try:
                ai.go.release()  # it is drawn, and cannot be kept
                async with asyncio.timeout(PATIENCE_S):
                    while (await service.phone.get(f"/api/jobs/{job}")).json()["state"] != "queued":
                        pass
            finally:
                server.process.send_signal(signal.SIGCONT)
            for _ in range(1000):  # a busy machine is as good as away
                ai.go.release()
            done = await ended(service.phone, job)
            ((attempts,),) = await service.sql("SELECT attempts FROM jobs")

    assert (done["state"], attempts) == ("succeeded", 1)


async def test_a_photo_that_the_bucket_refuses_for_ever_holds_up_no_other_and_its_job_ends(
    seaweedfs: SeaweedFs, tmp_path: Path
):
    refused: list[str] = []

    def is_refused(request: web.Request) -> bool:
        if request.method != "GET" or "_unlucky." not in request.path:
            return False
        refused.append(request.path)
        return True

    async with (
        refusing(seaweedfs, is_refused) as way,
        running(on_bucket(way, tmp_path), FakeAi()) as service,
    ):
        unlucky = service.another_phone("unlucky")
        job = (await _uploaded(unlucky, headers=ASYNC)).json()["job"]["id"]
        # As if it had been tried for long: its pauses are the longest then.
        await service.sql(f"UPDATE jobs SET started_at = 0 WHERE id = '{job}'")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                ((state, until, attempts),) = await service.sql(
                    f"SELECT state, lease_until, attempts FROM jobs WHERE id = '{job}'"
                )
                if state == "queued" and (until or 0) > (time.time() + 300) * 1000:
                    break
                await asyncio.sleep(0.02)
        before = len(refused)
        for _ in range(3):
            other = (await _uploaded(service.phone, headers=ASYNC)).json()["job"]["id"]
            assert (await ended(service.phone, other))["state"] == "succeeded"
        assert (len(refused), attempts) == (before, 0)

        await service.sql(f"UPDATE jobs SET lease_until = 0 WHERE id = '{job}'")
        async with asyncio.timeout(PATIENCE_S):
            while len(refused) == before:  # noqa: ASYNC110 (the bucket tells nobody)
                await asyncio.sleep(0.02)
            while (await unlucky.get(f"/api/jobs/{job}")).json()["state"] != "queued":
                pass
        await service.sql(f"UPDATE jobs SET created_at = 0 WHERE id = '{job}'")
        await end_overdue(service.state)
        failed = (await unlucky.get(f"/api/jobs/{job}")).json()
        assert (failed["state"], failed["error"]["code"]) == ("failed", "generation_failed")
        assert not any("_unlucky." in name for name in await listed(service.state.storage))


async def _uploaded(phone: Phone, photo: bytes | None = None, **options: Any) -> httpx.Response:
    """Once the bucket has kept the photo within its deadline, too short on a busy machine."""
    async with asyncio.timeout(PATIENCE_S):
        while (response := await phone.upload(photo, **options)).status_code == 503:
            pass
    return response


async def test_a_bucket_that_is_away_is_said_to_be(tmp_path: Path):
    nowhere = BackendSettings(
        data_dir=tmp_path,
        storage_url="s3://avatars",
        aws_endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    async with running(nowhere, FakeAi()) as service:
        response = await service.phone.upload()
        ready = await service.http.get("/readyz")

    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert response.headers["retry-after"]
    assert ready.json()["missing"] == ["storage"]


@pytest.fixture
async def service(bucket: BackendSettings) -> AsyncIterator[Service]:
    async with running(bucket, FakeAi()) as service:
        yield service


async def test_the_main_job_on_a_bucket(service: Service):
    uploaded = (await service.phone.upload()).json()
    original = uploaded["original"]
    again = (await service.phone.post(f"/api/regenerate/{original['id']}")).json()["cartoon"]
    drawn = await service.http.get(again["imageUrl"])
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/jpeg")

    face = (await service.phone.post(f"/api/download/{again['id']}")).json()["face"]

    for url in (original["imageUrl"], original["thumbnailUrl"], face["faceUrl"]):
        assert (await service.http.get(url)).status_code == 200, url
    assert (await service.http.get(again["imageUrl"])).status_code == 404
    kinds = sorted(key.rpartition("/")[0] for key in await listed(service.state.storage))
    assert kinds == [
        *("thumbnails/downloaded", "thumbnails/originals"),
        *("uploads/downloaded", "uploads/originals"),
    ]
    assert service.files() == []  # nothing of it on the disk
    assert (await service.phone.delete("/api/device")).status_code == 204
    assert await listed(service.state.storage) == set()


async def test_files_are_redirected_to_the_bucket_if_so_set(seaweedfs: SeaweedFs, tmp_path: Path):
    photo = picture("png")
    async with running(on_bucket(seaweedfs, tmp_path, file_delivery="redirect"), FakeAi()) as it:
        url = (await it.phone.upload(photo)).json()["original"]["imageUrl"]
        response = await it.http.get(url)
        head = await it.http.head(url)
        refused = await it.http.get(url[:-2] + "xx")

    assert response.status_code == 302
    assert "max-age=240" in response.headers["cache-control"]
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        there = await http.get(response.headers["location"])
    assert (there.content, there.headers["content-type"]) == (photo, "image/png")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(photo)))
    assert refused.status_code == 400


@pytest.mark.parametrize("url", ["https://bucket/x", "s3://", "s3://Big_Bucket", "bucket"])
def test_a_storage_url_that_makes_no_sense_is_refused_at_start(url: str):
    with pytest.raises(ValueError, match="s3://bucket"):
        BackendSettings(storage_url=url)
