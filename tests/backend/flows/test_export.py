"""Stickers of faces: made on demand, found again, gone with their face."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.flows.check import check
from cartoon_avatar.backend.flows.sweep import sweep
from cartoon_avatar.backend.storage import keys
from tests.backend.conftest import Service, end_own_sweeps, on_sqlite, picture, problem


async def face_of(service: Service, **options: Any) -> dict[str, Any]:
    uploaded = (await service.phone.upload()).json()
    response = await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}", **options)
    return response.json()["face"]


def exports_of(face: dict[str, Any]) -> str:
    return f"/api/downloaded-faces/{face['id']}/exports"


async def test_a_sticker_is_made_of_the_stored_head_and_found_again(service: Service):
    face = await face_of(service)
    asked = {"preset": "whatsapp", "outlineWidth": 12, "outlineColor": "#ffd54a"}

    first = await service.phone.post(exports_of(face), json=asked)
    again = await service.phone.post(exports_of(face), data=asked)

    assert (first.status_code, again.status_code) == (201, 200)
    export = first.json()["export"]
    assert again.json()["export"] == export
    assert export["preset"] == "whatsapp"
    assert (export["outlineWidth"], export["outlineColor"]) == (12, "#FFD54A")
    assert export["background"] == "transparent"
    assert (export["width"], export["height"]) == (51, 48)
    assert export["mimeType"] == "image/webp"
    served = await service.http.get(export["exportUrl"])
    assert (served.status_code, served.headers["content-type"]) == (200, "image/webp")
    assert len(served.content) == export["fileSize"]
    (request,) = service.ai.asked_for("/sticker")
    for name, value in asked.items():
        sent = str(value).upper() if name == "outlineColor" else value
        assert f'name="{name}"\r\n\r\n{sent}\r\n'.encode() in request.content
    assert (await service.http.get(face["faceUrl"])).content in request.content


async def test_other_options_make_another_file_and_the_face_stays_as_it_is(service: Service):
    face = await face_of(service)

    all_options = [{"preset": "square"}, {"preset": "square", "background": "#123456"}]
    urls = {
        (await service.phone.post(exports_of(face), json=options)).json()["export"]["exportUrl"]
        for options in all_options
    }

    assert len(urls) == 2
    (listed,) = (await service.phone.get("/api/downloaded-faces")).json()["items"]
    assert listed == face


async def test_a_download_with_a_preset_brings_head_and_sticker(service: Service):
    uploaded = (await service.phone.upload()).json()
    path = f"/api/download/{uploaded['cartoon']['id']}"
    key = {"Idempotency-Key": "once"}
    options = {"preset": "circle", "background": "#00FF00"}

    response = await service.phone.post(path, json=options, headers=key)
    replayed = await service.phone.post(path, json=options, headers=key)
    repeated = await service.phone.post(path, json=options)

    assert [each.status_code for each in (response, replayed, repeated)] == [201, 201, 200]
    assert replayed.headers["idempotency-replayed"] == "true"
    assert response.json()["export"]["background"] == "#00FF00"
    assert response.json() == replayed.json() == repeated.json()
    (cut,) = service.ai.asked_for("/process-face-cut")
    assert b'name="background"\r\n\r\ntransparent\r\n' in cut.content
    assert len(service.ai.asked_for("/sticker")) == 1


async def test_a_head_is_kept_whatever_becomes_of_its_sticker(service: Service):
    uploaded = (await service.phone.upload()).json()
    path = f"/api/download/{uploaded['cartoon']['id']}"
    service.ai.handlers["/sticker"] = problem(422, "sticker_too_large")

    failed = await service.phone.post(path, json={"preset": "whatsapp"})
    assert (failed.status_code, failed.json()["code"]) == (422, "sticker_too_large")
    assert len((await service.phone.get("/api/downloaded-faces")).json()["items"]) == 1

    del service.ai.handlers["/sticker"]
    assert "export" in (await service.phone.post(path, json={"preset": "whatsapp"})).json()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "invalid_preset"),
        ({"preset": "myspace"}, "invalid_preset"),
        ({"preset": ["whatsapp"]}, "invalid_preset"),
        ({"preset": "whatsapp", "outlineWidth": 33}, "invalid_outline"),
        ({"preset": "whatsapp", "outlineWidth": -1}, "invalid_outline"),
        ({"preset": "whatsapp", "outlineColor": "red"}, "invalid_outline"),
        ({"preset": "whatsapp", "background": "#FFFFFF"}, "invalid_background"),
        ({"preset": "circle", "background": "blue"}, "invalid_background"),
        ({"preset": "circle", "background": "transparent"}, "invalid_background"),
        ({"preset": "whatsapp", "size": 512}, "invalid_request"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_made(
    service: Service, options: dict[str, Any], code: str
):
    face = await face_of(service)

    response = await service.phone.post(exports_of(face), json=options)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not service.ai.asked_for("/sticker")


async def test_a_download_with_a_bad_sticker_cuts_nothing(service: Service):
    uploaded = (await service.phone.upload()).json()
    path = f"/api/download/{uploaded['cartoon']['id']}"

    for options in (
        {"preset": "myspace"},
        {"outlineWidth": 8},
        {"preset": "circle", "format": "png"},
    ):
        assert (await service.phone.post(path, json=options)).status_code == 400

    assert not service.ai.asked_for("/process-face-cut")


@pytest.mark.parametrize("code", ["no_transparency", "sticker_too_large", "picture_unusable"])
async def test_what_the_ai_service_refuses_is_passed_on(service: Service, code: str):
    face = await face_of(service)
    service.ai.handlers["/sticker"] = problem(422, code)

    response = await service.phone.post(exports_of(face), json={"preset": "whatsapp"})

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert not service.files("uploads/exports")


async def test_nobody_exports_a_face_of_another_device_or_one_that_is_gone(service: Service):
    face = await face_of(service)
    stranger = service.another_phone()

    assert (await stranger.post(exports_of(face), json={"preset": "signal"})).status_code == 404
    await service.phone.delete(f"/api/downloaded-faces/{face['id']}")
    assert (
        await service.phone.post(exports_of(face), json={"preset": "signal"})
    ).status_code == 404
    assert not service.files("uploads/exports")


async def test_without_its_signature_an_export_opens_for_its_owner_alone(service: Service):
    face = await face_of(service)
    made = (await service.phone.post(exports_of(face), json={"preset": "signal"})).json()["export"]
    path = made["exportUrl"].partition("?")[0]

    assert (await service.phone.get(path)).status_code == 200
    assert (await service.another_phone().get(path)).status_code == 404


Deletion = Callable[[Service, dict[str, Any]], Awaitable[httpx.Response]]


@pytest.mark.parametrize(
    "delete",
    [
        lambda service, face: service.phone.delete(f"/api/downloaded-faces/{face['id']}"),
        lambda service, face: service.phone.delete(f"/api/originals/{face['originalId']}"),
        lambda service, face: service.phone.delete("/api/device"),
    ],
)
async def test_exports_go_with_their_face_at_once(service: Service, delete: Deletion):
    face, other = await face_of(service), None
    for preset in ("whatsapp", "square"):
        other = await service.phone.post(exports_of(face), json={"preset": preset})
    assert len(service.files("uploads/exports")) == 2

    assert (await delete(service, face)).status_code == 204

    assert not service.files("uploads/exports")
    assert other is not None
    assert (await service.http.get(other.json()["export"]["exportUrl"])).status_code == 404


async def test_a_face_deleted_while_its_sticker_is_made_leaves_none(service: Service):
    face = await face_of(service)

    async def deleted_meanwhile(request: httpx.Request) -> httpx.Response:
        await service.phone.delete(f"/api/downloaded-faces/{face['id']}")
        return service.ai.sticker(request)

    service.ai.handlers["/sticker"] = deleted_meanwhile

    assert (
        await service.phone.post(exports_of(face), json={"preset": "signal"})
    ).status_code == 404
    assert not service.files("uploads/exports")


async def test_of_two_who_ask_for_the_same_both_get_one_file(service: Service):
    face = await face_of(service)
    both = asyncio.Barrier(2)

    async def together(request: httpx.Request) -> httpx.Response:
        await both.wait()
        return service.ai.sticker(request)

    service.ai.handlers["/sticker"] = together
    responses = await asyncio.gather(
        *(service.phone.post(exports_of(face), json={"preset": "signal"}) for _ in range(2))
    )

    assert sorted(response.status_code for response in responses) == [200, 201]
    assert len(service.files("uploads/exports")) == 1


@on_sqlite
async def test_the_sweeper_keeps_exports_for_their_time_and_check_finds_nothing_wrong(
    service: Service,
):
    await end_own_sweeps()
    face = await face_of(service)
    await service.phone.post(exports_of(face), json={"preset": "signal"})
    state = service.state
    settings = service.settings.model_copy(update={"unowned_grace_s": 0})

    assert (await sweep(state.database, state.storage, settings)).unowned_files == 0
    assert not [found async for found in check(state.database, state.storage, settings)]

    now = utc_now()
    name = service.files("uploads/exports")[0].name
    key = f"uploads/exports/{name}"
    assert keys.face_of_export(key, now + timedelta(days=7)) == face["id"]
    assert keys.face_of_export(key, now + timedelta(days=14)) is None

    # Of a face whose row went while nobody looked for its exports.
    await service.sql("DELETE FROM downloaded_faces")
    assert (await sweep(state.database, state.storage, settings)).unowned_files >= 1
    assert not service.files("uploads/exports")


async def test_garbage_from_the_ai_service_is_not_kept(service: Service):
    face = await face_of(service)
    service.ai.handlers["/sticker"] = lambda request: httpx.Response(
        200, content=picture("webp")[:-3], headers={"content-type": "image/webp"}
    )

    response = await service.phone.post(exports_of(face), json={"preset": "signal"})

    assert (response.status_code, response.json()["code"]) == (500, "generation_failed")
    assert not service.files("uploads/exports")
