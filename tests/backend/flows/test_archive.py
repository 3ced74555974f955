"""Everything of a device as a ZIP."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from typing import Any

from cartoon_avatar.backend.flows.archive import archive_of
from tests.backend.conftest import Service, Start, on_sqlite, picture
from tests.backend.test_jobs import ASYNC, ended, held

NAMES = ("jobs", "originals", "cartoons", "faces", "consents", "reports")


async def zip_of(service: Service) -> zipfile.ZipFile:
    response = await service.phone.get("/api/device/export")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"].endswith('.zip"')
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    return archive


def rows_in(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return json.loads(archive.read(f"{name}.json"))


async def test_the_zip_has_every_picture_and_a_row_for_each(service: Service):
    first = (await service.phone.upload()).json()
    face = (await service.phone.post(f"/api/download/{first['cartoon']['id']}")).json()["face"]
    second = (await service.phone.upload(picture(size=(100, 90)))).json()
    stranger = service.another_phone()
    await stranger.upload()

    archive = await zip_of(service)

    originals, cartoons, faces = (
        rows_in(archive, name) for name in ("originals", "cartoons", "faces")
    )
    assert [row["id"] for row in originals] == [second["original"]["id"], first["original"]["id"]]
    assert [row["id"] for row in cartoons] == [second["cartoon"]["id"]]
    assert [row["id"] for row in faces] == [face["id"]]
    assert faces[0]["createdAt"] == face["createdAt"]
    for rows, url in ((originals, second["original"]["imageUrl"]), (faces, face["faceUrl"])):
        assert archive.read(rows[0]["file"]) == (await service.http.get(url)).content
    listed = {row["file"] for row in (*originals, *cartoons, *faces)}
    assert set(archive.namelist()) == listed | {f"{name}.json" for name in NAMES}
    text = b"".join(archive.read(f"{name}.json") for name in ("originals", "cartoons", "faces"))
    for ours in (b"uploads/", b"thumbnail", b"signature"):
        assert ours not in text


async def test_what_waits_to_be_drawn_is_in_it_and_what_came_of_the_rest(start: Start):
    async with held(start) as (service, ai):
        ai.go.release()
        done = (await service.phone.upload(headers=ASYNC, data={"style": "soft"})).json()["job"]
        original = (await ended(service.phone, done["id"]))["result"]["original"]["id"]
        photo = picture(size=(100, 90))
        waiting = (await service.phone.upload(photo, headers=ASYNC)).json()["job"]
        await ai.has_begun(2)
        archive = await zip_of(service)

    rows = rows_in(archive, "jobs")
    assert [(row["id"], row["state"]) for row in rows] == [
        (waiting["id"], "running"),
        (done["id"], "succeeded"),
    ]
    assert archive.read(rows[0]["file"]) == photo
    assert ("file" in rows[1], rows[1]["originalId"]) == (False, original)
    assert rows[1]["options"]["style"] == "soft"
    assert not {"key", "fingerprint", "claim", "photoPath"} & rows[0].keys()


async def test_a_device_without_anything_gets_an_empty_one(service: Service):
    archive = await zip_of(service)

    assert set(archive.namelist()) == {f"{name}.json" for name in NAMES}
    assert rows_in(archive, "originals") == []


async def test_what_is_deleted_meanwhile_is_in_neither(service: Service):
    kept, gone = (await service.phone.upload()).json(), (await service.phone.upload()).json()
    pieces = archive_of(service.state, device_id=service.phone.device)
    data = [await anext(pieces)]  # the newest photo has been written
    await service.phone.delete(f"/api/originals/{kept['original']['id']}")

    data += [piece async for piece in pieces]

    archive = zipfile.ZipFile(io.BytesIO(b"".join(data)))
    assert [row["id"] for row in rows_in(archive, "originals")] == [gone["original"]["id"]]
    assert len(archive.namelist()) == 8


async def test_it_can_be_left_after_any_piece(service: Service):
    """As a client does that hangs up: each file of the archive is closed before the archive."""
    await service.phone.upload()
    count = len(
        [piece async for piece in archive_of(service.state, device_id=service.phone.device)]
    )
    for most in range(count + 1):
        pieces = archive_of(service.state, device_id=service.phone.device)
        for _ in range(most):
            await anext(pieces)
        await pieces.aclose()


async def test_a_locked_device_exports_with_its_token_alone(service: Service):
    phone = service.phone
    phone.token = (await phone.upload()).json()["deviceToken"]
    assert (await phone.get("/api/device/export")).status_code == 200

    phone.token = None
    assert (await phone.get("/api/device/export")).status_code == 401


@on_sqlite
async def test_memory_does_not_grow_with_the_library(service: Service):
    await service.phone.upload()
    (row,) = await service.sql("SELECT * FROM originals")
    columns = row._fields
    large = b"\xff\xd8\xff" + bytes(2_000_000)
    photo = service.settings.data_dir / row.file_path
    photo.write_bytes(large)
    for number in range(150):
        (service.settings.data_dir / f"f{number}").hardlink_to(photo)
        values = dict(zip(columns, row, strict=True)) | {
            "id": f"{number:024x}",
            "filename": f"{number}.jpg",
            "file_path": f"f{number}",
            "thumbnail_path": f"t{number}",
        }
        listed = ", ".join(
            str(value) if isinstance(value, int) else f"'{value}'" for value in values.values()
        )
        await service.sql(f"INSERT INTO originals ({', '.join(columns)}) VALUES ({listed})")
    tracemalloc.start()
    size = 0
    async for piece in archive_of(service.state, device_id=service.phone.device):
        size += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 150 * len(large)
    assert peak < 8 * len(large)
