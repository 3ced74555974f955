"""Every endpoint against every object of another device: nothing reaches anybody else."""

from __future__ import annotations

import statistics
import time
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Start
from tests.backend.conftest import Phone, Service


async def _everything_of(phone: Phone) -> dict[str, Any]:
    """An original, a live cartoon, a face and spent cartoons of one device."""
    uploaded = (await phone.upload()).json()
    original = uploaded["original"]
    sister = await phone.post(f"/api/regenerate/{original['id']}")
    face = (await phone.post(f"/api/download/{uploaded['cartoon']['id']}")).json()["face"]
    live = (await phone.post(f"/api/regenerate/{original['id']}")).json()["cartoon"]
    return {
        "original": original,
        "cartoon": live,
        "face": face,
        "spent": [uploaded["cartoon"], sister.json()["cartoon"]],
    }


def _asks(theirs: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Method, path, and the path with something that is not there in the object's place."""
    rows = [theirs["original"], theirs["cartoon"], theirs["face"]]
    asks = [
        (method, path + row["id"], path + "0" * 24)
        for row in (*rows, *theirs["spent"])
        for method, path in (
            ("POST", "/api/regenerate/"),
            ("POST", "/api/download/"),
            ("GET", "/api/originals/"),
            ("DELETE", "/api/originals/"),
            ("DELETE", "/api/downloaded-faces/"),
        )
    ]
    return asks + [
        ("GET", f"/uploads/{kind}/{row['filename']}{query}", f"/uploads/{kind}/1_none.jpg{query}")
        for kind in ("originals", "temp", "downloaded")
        for row in rows
        for query in ("", "?thumbnail=1", "?signature=x&expires=9999999999")
    ]


def _said(answer: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {name: value for name, value in answer.json().items() if name != "requestId"}
    own = ("x-request-id", "server-timing", "date")
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, body, headers


@pytest.mark.parametrize("auth", ["optional", "required"])
async def test_what_is_anothers_answers_like_what_is_not_there(start: Start, auth: str):
    async with start(device_auth=auth, device_drawings_per_minute=10_000) as service:
        owner = service.phone
        owner.token = (await owner.upload()).json()["deviceToken"]
        theirs = await _everything_of(owner)
        before = service.files() + service.files("thumbnails")
        stranger = service.another_phone()
        stranger.token = (await stranger.upload()).json()["deviceToken"]
        strangers = [stranger]
        if auth == "optional":
            strangers.append(service.another_phone("never-seen"))
            strangers.append(service.another_phone("without-token"))
            await strangers[-1].upload()

        for one in strangers:
            for method, path, unknown in _asks(theirs):
                answer = await one.ask(method, path)
                assert answer.status_code == 404, (method, path, answer.text)
                assert _said(answer) == _said(await one.ask(method, unknown)), (method, path)

        assert set(before) <= set(service.files() + service.files("thumbnails"))
        kept = await owner.get(f"/api/originals/{theirs['original']['id']}")
        assert [one["id"] for one in kept.json()["cartoons"]] == [theirs["cartoon"]["id"]]


async def test_a_device_whose_token_was_used_opens_to_nothing_else(service: Service):
    owner = service.phone
    owner.token = (await owner.upload()).json()["deviceToken"]
    theirs = await _everything_of(owner)
    other = service.another_phone()
    others_token = (await other.upload()).json()["deviceToken"]
    before = service.files()

    wrong = [None, others_token, owner.token[:-1], owner.token + "a", owner.token.swapcase()]
    for token in (*wrong, "x" * 5000):
        thief = Phone(service.http, "phone-1", token)
        asks = [(method, path) for method, path, _ in _asks(theirs)]
        asks += [
            ("GET", "/api/originals"),
            ("GET", "/api/downloaded-faces"),
            ("GET", "/api/styles"),
            ("DELETE", "/api/device"),
            ("POST", "/api/upload"),
        ]
        for method, path in asks:
            answer = await thief.ask(method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
            assert answer.headers["www-authenticate"] == "Bearer"
    for scheme in (f"Basic {owner.token}", owner.token, f"Bearer{owner.token}", "Bearer"):
        answer = await service.phone.http.get(
            "/api/originals", headers={"X-Device-Id": "phone-1", "Authorization": scheme}
        )
        assert answer.status_code == 401
    assert service.files() == before


async def test_a_strangers_posts_use_up_nothing_of_a_locked_device(start: Start):
    async with start(device_drawings_per_minute=3) as service:
        owner = service.phone
        owner.token = (await owner.upload()).json()["deviceToken"]
        await owner.get("/api/originals")
        for _ in range(5):
            assert (await Phone(service.http, "phone-1").upload()).status_code == 401
        assert (await owner.upload()).status_code == 201


async def test_an_idempotency_key_of_another_device_is_just_a_key(service: Service):
    key = {"Idempotency-Key": "shared"}
    mine = (await service.phone.upload(headers=key)).json()
    theirs = (await service.another_phone().upload(headers=key)).json()

    assert mine["original"]["id"] != theirs["original"]["id"]
    assert theirs["original"]["deviceId"] == "other-phone"
    assert theirs["deviceToken"] != mine["deviceToken"]


async def test_a_cursor_of_another_device_shows_ones_own(service: Service):
    other = service.another_phone()
    for phone in (service.phone, other, service.phone, other, service.phone):
        await phone.upload()
    cursor = (await service.phone.get("/api/originals", params={"limit": 1})).json()["nextCursor"]

    page = (await other.get("/api/originals", params={"cursor": cursor})).json()

    assert {one["deviceId"] for one in page["items"]} == {"other-phone"}


async def test_two_names_in_one_request_are_refused_wherever_they_stand(service: Service):
    await service.phone.upload()
    await service.another_phone().upload()
    http = service.http
    both = [
        await http.get("/api/originals?deviceId=phone-1&deviceId=other-phone"),
        await http.get("/api/originals?deviceId=phone-1&device_id=other-phone"),
        await http.get(
            "/api/originals", headers=[("X-Device-Id", "phone-1"), ("X-Device-Id", "other-phone")]
        ),
        await http.get("/api/originals?device_id=other-phone", headers={"X-Device-Id": "phone-1"}),
        await http.post("/api/regenerate/x", data={"deviceId": ["phone-1", "other-phone"]}),
        await http.post(
            "/api/regenerate/x", json={"deviceId": "phone-1", "device_id": "other-phone"}
        ),
    ]
    for answer in both:
        assert answer.status_code == 400, answer.text


async def test_the_time_of_a_404_tells_nothing(service: Service):
    """Medians over interleaved asks: what exists at another's costs what does not exist."""
    theirs = await _everything_of(service.phone)
    stranger = service.another_phone()
    await stranger.upload()
    paths = {
        "theirs": f"/api/originals/{theirs['original']['id']}",
        "nothing": f"/api/originals/{'0' * 24}",
    }
    took: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(60):
        for name, path in paths.items():
            started = time.perf_counter()
            await stranger.get(path)
            took[name].append(time.perf_counter() - started)
    theirs_s, nothing_s = (statistics.median(took[name]) for name in ("theirs", "nothing"))
    assert theirs_s / nothing_s < 1.5
    assert nothing_s / theirs_s < 1.5
