"""The result cache: a device's equal drawing is copied, everything else is drawn."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cartoon_avatar.contract import paths
from tests.backend.conftest import FakeAi, Phone, Service, Start, picture
from tests.backend.test_jobs import ASYNC, ended

WISH = {"style": "comic", "seed": 7}


def drawings(service: Service) -> int:
    return len(service.ai.asked_for("/generate-cartoon"))


async def drawn(phone: Phone, original_id: str, **options: Any) -> dict[str, Any]:
    response = await phone.post(f"/api/regenerate/{original_id}", json=options)
    assert response.status_code == 201, response.text
    return response.json()["cartoon"]


async def test_an_equal_drawing_is_copied_into_a_cartoon_of_its_own(service: Service):
    phone = service.phone
    uploaded = (await phone.upload()).json()["original"]["id"]

    first = await drawn(phone, uploaded, **WISH)
    before = drawings(service)
    again = await drawn(phone, uploaded, **WISH)

    assert drawings(service) == before
    assert again["id"] != first["id"]
    assert again["filename"] != first["filename"]
    own = ("id", "filename", "imageUrl", "thumbnailUrl", "createdAt", "expiresAt")
    for name in first.keys() - own:
        assert again[name] == first[name], name
    for url in ("imageUrl", "thumbnailUrl"):
        one, other = [(await service.http.get(cartoon[url])).content for cartoon in (first, again)]
        assert one == other
    assert (await service.http.get("/metrics")).text.count("drawings_reused_total 1.0") == 1


async def test_the_photo_sent_again_is_drawn_once_and_kept_twice(service: Service):
    phone, data = service.phone, {"style": "comic", "seed": "7"}
    first = (await phone.upload(data=data)).json()
    again = (await phone.upload(data=data)).json()
    other = (await phone.upload(picture("jpeg", (90, 120)), data=data)).json()

    assert drawings(service) == 2
    assert again["original"]["id"] != first["original"]["id"]
    assert again["faces"] == first["faces"]
    assert again["original"]["faceCount"] == 1
    for one, same in (("original", "thumbnailUrl"), ("cartoon", "imageUrl")):
        urls = [response[one][same] for response in (first, again)]
        contents = [(await service.http.get(url)).content for url in urls]
        assert contents[0] == contents[1]
    assert other["original"]["sha256"] != first["original"]["sha256"]

    # Each is of its own photo: one goes, the other stays.
    await phone.delete(f"/api/originals/{first['original']['id']}")
    for url in (again["cartoon"]["imageUrl"], again["original"]["thumbnailUrl"]):
        assert (await service.http.get(url)).status_code == 200
    await drawn(phone, again["original"]["id"], **WISH)
    assert drawings(service) == 2


async def test_a_job_of_the_queue_copies_too(service: Service):
    phone = service.phone
    original = (await phone.upload(data={"style": "comic", "seed": "7"})).json()["original"]["id"]
    again = await phone.post(f"/api/regenerate/{original}", json=WISH, headers=ASYNC)
    photo = await phone.upload(headers=ASYNC, data={"style": "comic", "seed": "7"})
    for promised in (again, photo):
        done = await ended(phone, promised.json()["job"]["id"])
        assert done["result"]["cartoon"]["seed"] == 7
    assert drawings(service) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 8},
        {"style": "soft"},
        {"framing": "full"},
        {"size": 512},
        {"face": 0, "style": "comic", "seed": 7, "size": 256},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_whatever_shapes_the_picture_has_it_drawn(service: Service, other: dict[str, Any]):
    original = (await service.phone.upload()).json()["original"]["id"]
    await drawn(service.phone, original, **WISH)
    before = drawings(service)

    await drawn(service.phone, original, **{**WISH, **other})
    assert drawings(service) == before + 1

    # What is said and what is the default are the same picture.
    await drawn(service.phone, original, **WISH, size=1024, framing="portrait", face=0)
    assert drawings(service) == before + 1


async def test_another_device_has_it_drawn(service: Service):
    data = {"style": "comic", "seed": "7"}
    await service.phone.upload(data=data)
    await service.another_phone().upload(data=data)
    assert drawings(service) == 2


async def test_what_was_picked_deleted_or_swept_is_drawn_again(service: Service):
    phone = service.phone
    original = (await phone.upload()).json()["original"]["id"]
    cartoon = await drawn(phone, original, **WISH)
    assert (await phone.post(f"/api/download/{cartoon['id']}")).status_code == 201
    before = drawings(service)
    await drawn(phone, original, **WISH)
    assert drawings(service) == before + 1

    # Its row is there, its file is gone: deleted just now.
    for file in service.files("uploads/temp"):
        file.unlink()
    await drawn(phone, original, **WISH)
    assert drawings(service) == before + 2


async def test_another_engine_version_draws_again(start: Start):
    async with start() as service:
        original = (await service.phone.upload()).json()["original"]["id"]
        await drawn(service.phone, original, **WISH)
    async with start(ai=FakeAi(engine_version="2")) as service:
        await drawn(service.phone, original, **WISH)
        await drawn(service.phone, original, **WISH)
        assert drawings(service) == 1


async def test_an_engine_of_chance_draws_every_time(service: Service):
    service.ai.engine_version = ""
    original = (await service.phone.upload()).json()["original"]["id"]
    before = drawings(service)
    for _ in range(3):
        await drawn(service.phone, original, **WISH)
    assert drawings(service) == before + 3


@pytest.mark.parametrize("status", [200, 500, 503])
async def test_without_a_list_of_styles_it_is_drawn(start: Start, status: int):
    ai = FakeAi()
    ai.handlers[paths.STYLES] = lambda request: httpx.Response(status, text="{}")
    async with start(ai=ai) as service:
        for _ in range(2):
            assert (await service.phone.upload(data={"seed": "7"})).status_code == 201
        job = (await service.phone.upload(headers=ASYNC)).json()["job"]
        assert (await ended(service.phone, job["id"]))["state"] == "succeeded"
        assert drawings(service) == 3


async def test_a_copy_counts_among_the_live_cartoons(start: Start):
    async with start(max_live_cartoons=2) as service:
        original = (await service.phone.upload(data={"style": "comic", "seed": "7"})).json()
        original_id = original["original"]["id"]
        await drawn(service.phone, original_id, **WISH)
        full = await service.phone.post(f"/api/regenerate/{original_id}", json=WISH)
        assert (full.status_code, full.json()["code"]) == (429, "too_many_cartoons")
        assert len(service.files("uploads/temp")) == len(service.files("thumbnails/temp")) == 2
