"""What of a photo a cartoon shows, whose face, and that head cut and JSON follow it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from sqlalchemy import Connection, text

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.migrate import alembic_config, migrate
from cartoon_avatar.backend.db.session import open_database
from cartoon_avatar.contract import headers
from cartoon_avatar.contract.boxes import Box
from tests.backend.conftest import FakeAi, Service, picture
from tests.patience import PATIENCE_S

CROP = {"left": 10, "top": 20, "width": 60, "height": 80}
FACES = [
    {"box": {"left": 20, "top": 30, "width": 25, "height": 30}, "prominence": 0.9},
    {"box": {"left": 60, "top": 30, "width": 9, "height": 10}, "prominence": 0.125},
]
WHOLE = {"left": 0, "top": 0, "width": 96, "height": 128}


def framed(request: httpx.Request, **others: str) -> httpx.Response:
    response = FakeAi().generate_cartoon(request)
    response.headers[headers.CROP_BOX] = "10,20,60,80"
    response.headers[headers.FACES] = "20,30,25,30,0.900;60,30,9,10,0.125"
    response.headers.update(others)
    return response


@pytest.fixture
def framing(service: Service) -> Service:
    service.ai.handlers["/generate-cartoon"] = framed
    return service


async def test_a_cartoon_says_what_of_the_photo_it_shows_and_the_photo_whose_faces(
    framing: Service,
):
    uploaded = (await framing.phone.upload()).json()
    assert uploaded["faces"] == FACES
    assert uploaded["cartoon"]["crop"] == CROP
    assert (uploaded["cartoon"]["framing"], uploaded["cartoon"]["face"]) == ("portrait", 0)

    again = (await framing.phone.get(f"/api/originals/{uploaded['original']['id']}")).json()
    assert again["faces"] == FACES
    assert again["cartoons"] == [uploaded["cartoon"]]


async def test_framing_face_and_size_are_the_ai_services_to_follow(framing: Service):
    wanted = {"framing": "full", "face": "1", "size": "2048"}
    uploaded = (await framing.phone.upload(data=wanted)).json()
    path = f"/api/regenerate/{uploaded['original']['id']}"
    drawn = await framing.phone.post(path, json={"framing": "portrait", "face": 1, "size": 64})

    first, second = framing.ai.asked_for("/generate-cartoon")
    for request, framed_as, size in ((first, "full", 2048), (second, "portrait", 64)):
        for name, value in (("framing", framed_as), ("face", 1), ("size", size)):
            assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in request.content
    assert (uploaded["cartoon"]["framing"], uploaded["cartoon"]["face"]) == ("full", 1)
    assert drawn.json()["cartoon"]["framing"] == "portrait"


async def test_what_nobody_asked_for_is_the_ai_services_choice(framing: Service):
    await framing.phone.upload()
    (request,) = framing.ai.asked_for("/generate-cartoon")
    for name in ("framing", "face", "size"):
        assert f'name="{name}"'.encode() not in request.content


@pytest.mark.parametrize(("asked", "face"), [({}, 1), ({"face": 0}, 0)], ids=["drawn", "named"])
async def test_a_head_is_cut_out_of_what_was_drawn(
    framing: Service, asked: dict[str, int], face: int
):
    cartoon = (await framing.phone.upload(data={"face": "1"})).json()["cartoon"]
    assert (await framing.phone.post(f"/api/download/{cartoon['id']}", json=asked)).is_success
    (request,) = framing.ai.asked_for("/process-face-cut")
    same = [(name, cartoon[name]) for name in ("style", "seed", "framing")]
    for name, value in (("crop", "10,20,60,80"), ("face", face), *same):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in request.content


async def test_an_ai_service_that_says_nothing_of_a_crop_drew_the_whole_photo(service: Service):
    def silent(request: httpx.Request) -> httpx.Response:
        response = FakeAi().generate_cartoon(request)
        del response.headers[headers.CROP_BOX], response.headers[headers.FACES]
        return response

    service.ai.handlers["/generate-cartoon"] = silent
    uploaded = (await service.phone.upload()).json()
    assert uploaded["cartoon"]["crop"] == WHOLE
    assert uploaded["faces"] == []


@pytest.mark.parametrize(
    "garbage",
    [
        {headers.CROP_BOX: "0,0,0,0"},
        {headers.CROP_BOX: "all"},
        {headers.FACES: "1,2,3,4"},
        {headers.FACES: "none"},
    ],
)
async def test_a_crop_that_is_none_is_an_error_and_nothing_is_kept(
    service: Service, garbage: dict[str, str]
):
    service.ai.handlers["/generate-cartoon"] = partial(framed, **garbage)
    response = await service.phone.upload()
    assert (response.status_code, response.json()["code"]) == (500, "generation_failed")
    assert service.files() == []


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ({"framing": "close"}, "invalid_framing"),
        ({"face": -1}, "invalid_face"),
        ({"face": "first"}, "invalid_face"),
        ({"size": 63}, "invalid_size"),
        ({"size": 2049}, "invalid_size"),
    ],
)
async def test_a_wrong_option_is_refused_by_name(
    service: Service, option: dict[str, Any], code: str
):
    original = (await service.phone.upload()).json()["original"]["id"]
    response = await service.phone.post(f"/api/regenerate/{original}", json=option)
    assert (response.status_code, response.json()["code"]) == (400, code)


async def test_a_face_that_is_not_there_is_the_clients_mistake(service: Service):
    problem = {"status": 400, "code": "face_index_out_of_range", "detail": "There is no face 3."}
    kind = {"content-type": "application/problem+json"}
    service.ai.handlers["/generate-cartoon"] = lambda request: httpx.Response(
        400, json=problem, headers=kind
    )
    response = await service.phone.upload(picture(), data={"face": "3"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_face")
    assert response.json()["detail"] == "There is no face 3."


async def test_cartoons_of_before_show_their_whole_photo(database_url: str, tmp_path: Path):
    (tmp_path / "data").mkdir()
    async with open_database(database_url, PATIENCE_S) as database:
        await migrate(database, "base")

        def to_the_first(connection: Connection) -> None:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            picture = "'f', 'p', 1, 'image/jpeg', 's', 300, 400, 1"
            for statement in (
                "INSERT INTO devices VALUES ('d', 1, 1, 's', 'h', FALSE)",
                "INSERT INTO originals (filename, file_path, file_size, mime_type, sha256, width,"
                " height, created_at, id, device_id, image_url, face_count, thumbnail_path,"
                f" last_style) VALUES ({picture}, 'o', 'd', '/o', 1, 't', 'comic')",
                "INSERT INTO regenerated_cartoons (filename, file_path, file_size, mime_type,"
                " sha256, width, height, created_at, id, device_id, original_id, image_url, style,"
                f" seed) VALUES ({picture}, 'c', 'd', 'o', '/c', 'comic', 7)",
            ):
                connection.execute(text(statement))

        await database.write(to_the_first)
        await migrate(database)
        cartoon = await database.read(partial(queries.cartoon_of, device_id="d", cartoon_id="c"))
        original = await database.read(partial(queries.original_of, device_id="d", original_id="o"))
    assert cartoon is not None
    assert (cartoon.crop, cartoon.framing, cartoon.face_index) == (Box(0, 0, 300, 400), "full", 0)
    assert (cartoon.aligned, cartoon.engine, cartoon.stands_in_for) == (True, "", None)
    assert original is not None
    assert original.faces == ""
