"""Who is asking: device ids, tokens, and what belongs to another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.backend.conftest import Phone, Service, Start, picture


@pytest.mark.parametrize("name", ["deviceId", "device_id"])
async def test_the_device_id_may_come_as_header_query_or_field(service: Service, name: str):
    uploaded = await service.http.post(
        "/api/upload", files={"image": ("a", picture(), "image/jpeg")}, data={name: "tablet.1"}
    )
    listed = await service.http.get("/api/originals", params={name: "tablet.1"})
    again = await service.http.post(
        f"/api/regenerate/{uploaded.json()['original']['id']}", json={name: "tablet.1"}
    )

    assert uploaded.json()["original"]["deviceId"] == "tablet.1"
    assert len(listed.json()["items"]) == 1
    assert again.status_code == 201


async def test_the_first_upload_alone_returns_a_token(phone: Phone):
    first, second = (await phone.upload()).json(), (await phone.upload()).json()

    assert len(first["deviceToken"]) >= 32
    assert "deviceToken" not in second


async def test_without_ever_sending_the_token_the_id_alone_is_enough(phone: Phone):
    await phone.upload()
    assert (await phone.get("/api/originals")).status_code == 200


async def test_from_the_first_use_of_the_token_the_id_alone_opens_nothing(service: Service):
    token = (await service.phone.upload()).json()["deviceToken"]
    owner = Phone(service.http, "phone-1", token)
    assert (await owner.get("/api/originals")).status_code == 200

    for phone in (service.phone, Phone(service.http, "phone-1", token[:-1] + "!")):
        for method, path in (
            ("GET", "/api/originals"),
            ("POST", "/api/upload"),
            ("DELETE", "/api/device"),
        ):
            response = await phone.ask(method, path)
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
    assert (await owner.upload()).status_code == 201


async def test_a_wrong_token_opens_nothing_even_before_the_lock(service: Service):
    await service.phone.upload()
    stranger = Phone(service.http, "phone-1", "not-the-token")
    assert (await stranger.get("/api/originals")).status_code == 401


async def test_required_tokens_are_demanded_from_the_start(start: Start):
    async with start(device_auth="required") as service:
        uploaded = await service.phone.upload()
        owner = Phone(service.http, "phone-1", uploaded.json()["deviceToken"])

        assert uploaded.status_code == 201
        assert (await service.phone.get("/api/originals")).status_code == 401
        assert (await service.phone.upload()).status_code == 401
        assert (await service.another_phone().get("/api/originals")).status_code == 401
        assert (await owner.get("/api/originals")).status_code == 200


async def test_a_phone_that_never_got_its_token_gets_it_when_it_repeats_its_upload(
    start: Start,
):
    once = {"Idempotency-Key": "first"}
    async with start(device_auth="required") as service:
        unheard = await service.phone.upload(headers=once)
        for photo, headers in (
            (picture(size=(64, 64)), once),  # whoever repeats it has the photo
            (None, {"Idempotency-Key": "another"}),
            (None, {}),
            (None, once | {"Authorization": "Bearer wrong"}),
        ):
            assert (await service.phone.upload(photo, headers=headers)).status_code == 401
        stranger = await service.another_phone().upload(headers=once)
        assert stranger.json()["deviceToken"] != unheard.json()["deviceToken"]

        again = await service.phone.upload(headers=once)
        assert again.status_code == 201
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == unheard.json()

        owner = Phone(service.http, "phone-1", again.json()["deviceToken"])
        assert len((await owner.get("/api/originals")).json()["items"]) == 1
        # It has heard it, so that from now on nothing else will do.
        assert (await service.phone.upload(headers=once)).status_code == 401
        assert (await owner.upload(headers=once)).status_code == 201


async def test_only_a_hash_of_the_token_is_stored(service: Service):
    headers = {"Idempotency-Key": "first"}
    token = (await service.phone.upload(headers=headers)).json()["deviceToken"]

    for table in ("devices", "jobs"):
        rows = await service.sql(f"SELECT * FROM {table}")
        assert rows
        assert token not in str(rows)


async def test_what_belongs_to_another_answers_like_what_does_not_exist(service: Service):
    uploaded = (await service.phone.upload()).json()
    original, cartoon = uploaded["original"], uploaded["cartoon"]
    second = (await service.phone.upload()).json()
    face = (await service.phone.post(f"/api/download/{second['cartoon']['id']}")).json()["face"]
    stranger = service.another_phone()
    await stranger.upload()

    for method, path, own in (
        ("POST", "/api/regenerate/{}", original["id"]),
        ("POST", "/api/download/{}", cartoon["id"]),
        ("POST", "/api/download/{}", second["cartoon"]["id"]),
        ("GET", "/api/originals/{}", original["id"]),
        ("DELETE", "/api/originals/{}", original["id"]),
        ("DELETE", "/api/downloaded-faces/{}", face["id"]),
        ("GET", "/uploads/originals/{}", original["filename"]),
        ("GET", "/uploads/temp/{}", cartoon["filename"]),
        ("GET", "/uploads/downloaded/{}", face["filename"]),
        ("GET", "/uploads/downloaded/{}?thumbnail=1", face["filename"]),
    ):
        theirs = await stranger.ask(method, path.format(own))
        unknown = await stranger.ask(method, path.format("1_unknown.jpg"))
        assert (theirs.status_code, unknown.status_code) == (404, 404), path
        assert _without_request_id(theirs) == _without_request_id(unknown)
    assert len((await service.phone.get("/api/originals")).json()["items"]) == 2


async def test_activity_is_noted(service: Service):
    await service.phone.upload()
    await service.sql("UPDATE devices SET last_active_at = 0")

    await service.phone.get("/api/originals")

    ((active_at,),) = await service.sql("SELECT last_active_at FROM devices")
    assert active_at > 0


def _without_request_id(response) -> dict:
    return {name: value for name, value in response.json().items() if name != "requestId"}


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_where_tokens_are_required_a_stranger_cannot_tell_who_is_known(
    start: Start, token: str | None
):
    async with start(device_auth="required") as service:
        await service.phone.upload()
        said = []
        for device in ("phone-1", "phone-2"):
            headers = {"X-Device-Id": device}
            headers |= {"Authorization": f"Bearer {token}"} if token else {}
            response = await service.http.get("/api/originals", headers=headers)
            assert response.status_code == 401
            said.append(response.json() | {"requestId": ""})
        assert said[0] == said[1]


@pytest.mark.parametrize("token", ["null", "undefined", "None", "Bearer x", "a" * 42, "ä" * 43])
async def test_what_cannot_be_a_token_is_refused_at_every_door(service: Service, token: str):
    headers = {"Authorization": f"Bearer {token}".encode()}
    doors = [
        service.phone.upload(headers=headers),
        service.phone.get("/api/originals", headers=headers),
        service.phone.post("/api/regenerate/x", headers=headers),
        service.phone.delete("/api/device", headers=headers),
    ]
    for door in doors:
        response = await door
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert "deviceToken" in response.json()["detail"]
    assert service.files() == []


@pytest.mark.parametrize("required", ["optional", "required"])
async def test_a_token_that_opens_nothing_is_refused_with_the_first_upload(
    start: Start, required: str
):
    async with start(device_auth=required) as service:
        token = (await service.phone.upload()).json()["deviceToken"]
        owner = Phone(service.http, "phone-1", token)
        reinstalled = Phone(service.http, "phone-2", token)
        refused = await reinstalled.upload()
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert "carries no token" in refused.json()["detail"]

        assert (await owner.delete("/api/device")).status_code == 204
        assert (await owner.upload()).status_code == 401
        token = (await service.phone.upload()).json()["deviceToken"]
        owner = Phone(service.http, "phone-1", token)
        assert (await owner.get("/api/originals")).status_code == 200


@pytest.mark.parametrize("key", [None, "never-used"])
async def test_a_locked_device_is_refused_before_it_has_sent_its_photo(
    service: Service, key: str | None
):
    token = (await service.phone.upload()).json()["deviceToken"]
    owner = Phone(service.http, "phone-1", token)
    assert (await owner.get("/api/originals")).status_code == 200
    statuses: list[int] = []

    async def photo() -> AsyncIterator[bytes]:
        assert statuses == [401], "the photo was asked for first"
        yield b"x"

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    pieces = photo()

    async def receive() -> Any:
        return {"type": "http.request", "body": await anext(pieces, b""), "more_body": False}

    headers = {"x-device-id": "phone-1", "content-type": "multipart/form-data; boundary=b"}
    headers |= {"content-length": "5000000"} | ({"idempotency-key": key} if key else {})
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/upload",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": None,
    }
    await service.http._transport.app(scope, receive, send)
    assert statuses == [401]
