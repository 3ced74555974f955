"""Every endpoint against every object of another device: nothing reaches anybody else."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

import httpx
import pytest
import sqlalchemy
import sqlalchemy.event

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings
from tests.attacks.conftest import Start
from tests.backend.conftest import Phone, Service


async def _everything_of(phone: Phone) -> dict[str, Any]:
    """An original, a live cartoon, a face and spent cartoons of one device."""
    uploaded = (await phone.upload()).json()
    original = uploaded["original"]
    sibling = await phone.post(f"/api/regenerate/{original['id']}")
    face = (await phone.post(f"/api/download/{uploaded['cartoon']['id']}")).json()["face"]
    live = (await phone.post(f"/api/regenerate/{original['id']}")).json()["cartoon"]
    return {
        "original": original,
        "cartoon": live,
        "face": face,
        "spent": [uploaded["cartoon"], sibling.json()["cartoon"]],
    }


def _body(path: str) -> dict[str, str] | None:
    return {"preset": "circle"} if path.endswith("/exports") else None


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
            ("GET", "/api/jobs/"),
            ("DELETE", "/api/jobs/"),
            ("PUT", "/api/device/consents/"),
            ("DELETE", "/api/device/consents/"),
        )
    ]
    asks += [
        (
            "POST",
            f"/api/downloaded-faces/{row['id']}/exports",
            f"/api/downloaded-faces/{'0' * 24}/exports",
        )
        for row in (*rows, *theirs["spent"])
    ]
    asks += [
        ("GET", f"/api/cartoons/{row['id']}/svg", f"/api/cartoons/{'0' * 24}/svg")
        for row in (*rows, *theirs["spent"])
    ]
    asks += [
        ("GET", f"/api/originals/{row['id']}/previews", f"/api/originals/{'0' * 24}/previews")
        for row in (*rows, *theirs["spent"])
    ]
    return asks + [
        ("GET", f"/uploads/{kind}/{row['filename']}{query}", f"/uploads/{kind}/1_none.jpg{query}")
        for kind in ("originals", "temp", "downloaded")
        for row in rows
        for query in ("", "?thumbnail=1", "?signature=x&expires=9999999999")
    ]


def _said(response: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {name: value for name, value in response.json().items() if name != "requestId"}
    own = ("x-request-id", "server-timing", "date")
    headers = {name: value for name, value in response.headers.items() if name not in own}
    return response.status_code, body, headers


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
                response = await one.ask(method, path, json=_body(path))
                assert response.status_code == 404, (method, path, response.text)
                assert _said(response) == _said(await one.ask(method, unknown, json=_body(path))), (
                    method,
                    path,
                )

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
            response = await thief.ask(method, path, json=_body(path))
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), path
            assert response.headers["www-authenticate"] == "Bearer"
    for scheme in (f"Basic {owner.token}", owner.token, f"Bearer{owner.token}", "Bearer"):
        response = await service.phone.http.get(
            "/api/originals", headers={"X-Device-Id": "phone-1", "Authorization": scheme}
        )
        assert response.status_code == 401
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
    for phone, first in ((service.another_phone(), theirs), (service.phone, mine)):
        again = await phone.upload(headers=key)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == first

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
    for response in both:
        assert response.status_code == 400, response.text


def test_every_operation_on_an_object_is_in_the_matrix():
    """An endpoint that comes tomorrow has to be asked for another's objects, too."""
    row = {"id": "ID", "filename": "1_a.jpg"}
    asked = {
        (method, re.sub(r"\?.*", "", path))
        for method, path, _ in _asks({"original": row, "cartoon": row, "face": row, "spent": []})
    }
    for path, methods in create_app(BackendSettings()).openapi()["paths"].items():
        if "{" not in path:
            continue
        values = {"type": "temp", "filename": "1_a.jpg"}
        url = re.sub(r"\{(\w+)\}", lambda found, given=values: given.get(found[1], "ID"), path)
        for method in methods:
            assert (method.upper(), url) in asked, (method, path)


async def test_lists_and_deletion_of_a_device_are_its_own(start: Start):
    async with start(device_auth="required") as service:
        owner, stranger = service.phone, service.another_phone()
        for phone in (owner, stranger):
            phone.token = (await phone.upload()).json()["deviceToken"]
        theirs = await _everything_of(owner)
        for path in ("/api/originals", "/api/downloaded-faces"):
            for item in (await stranger.get(path)).json()["items"]:
                assert item["deviceId"] == "other-phone"
        crossed = Phone(service.http, "phone-1", stranger.token)
        without = Phone(service.http, "phone-1")
        for thief in (crossed, without):
            for method, path in (
                ("GET", "/api/originals"),
                ("GET", "/api/downloaded-faces"),
                ("DELETE", "/api/device"),
            ):
                assert (await thief.ask(method, path)).status_code == 401
        assert (await stranger.delete("/api/device")).status_code == 204
        kept = await owner.get(f"/api/originals/{theirs['original']['id']}")
        assert kept.status_code == 200
        assert (await service.http.get(theirs["face"]["faceUrl"])).status_code == 200


def end_what_nobody_asked_for() -> None:
    """Sweeps and looking for jobs, which work beside the requests."""
    for task in asyncio.all_tasks():
        if task.get_coro().__qualname__ in ("_sweep_regularly", "Runner.run", "Watcher.run"):
            task.cancel()


async def test_a_404_does_the_same_work_whether_something_is_there_or_not(start: Start):
    """For every operation and kind of object: the same statements, and the same files opened. So
    that the time it takes tells nothing either."""
    work: list[str] = []
    listening = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event in ("open", "os.listdir", "os.scandir", "os.link", "os.remove"):
            work.append(f"{event} {re.sub('[0-9]+_[^/]*$', 'its file', str(arguments[0]))}")

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
    def _(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        work.append(statement)

    sys.addaudithook(note)
    async with start(device_drawings_per_minute=10**6, address_drawings_per_minute=10**6) as one:
        theirs = await _everything_of(one.phone)
        stranger = one.another_phone()
        await stranger.upload()
        end_what_nobody_asked_for()
        statements = 0
        for method, *both in _asks(theirs):
            done = []
            for path in (both[1], *both):  # once before, for what only the first ask does
                work.clear()
                response = await stranger.ask(method, path, json=_body(path))
                assert response.status_code == 404
                done.append(work[:])
            assert done[1] == done[2], (method, both)
            statements += len(done[1])
    listening = False
    assert statements > len(_asks(theirs))
