"""An app of the original design, talking to us: its documents' conversation, word for word."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, Service, picture, problem, running

BASE = "https://avatars.example"
DEVICE = "0b5c9d3e-6f1a-4c8e-9d27-5a3e1f7c2b10"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ID = re.compile(r"[0-9a-f]{24}")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings = BackendSettings(
        data_dir=tmp_path / "data", min_free_bytes=0, api_dialect="original", public_url=BASE
    )
    async with running(settings, FakeAi()) as service:
        yield service


async def ask(
    service: Service, method: str, path: str, device: str | None = DEVICE, **request: Any
) -> httpx.Response:
    headers = {} if device is None else {"x-device-id": device.encode()}
    return await service.http.request(method, path, headers=headers, **request)


async def upload(service: Service, device: str = DEVICE) -> dict[str, Any]:
    files = {"image": ("selfie.jpg", picture(), "image/jpeg")}
    return data_of(await ask(service, "POST", "/api/upload", device, files=files), 201)


def data_of(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"success", "data"}
    assert body["success"] is True
    return body["data"]


def assert_failed(response: httpx.Response, status: int, sentence: str = "") -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    assert sentence in body["error"]


def assert_item(item: dict[str, Any], *names: str) -> None:
    assert set(item) == set(names)
    assert ID.fullmatch(item["id"])
    assert TIME.fullmatch(item["createdAt"])
    for name in {"imageUrl", "faceUrl"} & set(names):
        assert re.fullmatch(rf"{BASE}/uploads/(originals|temp|downloaded)/[^/?]+", item[name])
    if "fileSize" in names:
        assert item["fileSize"] > 0


ORIGINAL = ("id", "imageUrl", "fileSize", "createdAt")
CARTOON = ("id", "imageUrl", "createdAt")


async def test_the_conversation_of_its_documents_is_answered_as_they_say(service: Service):
    health = await ask(service, "GET", "/health", None)
    assert set(health.json()) == {"status", "message"}
    assert health.json()["status"] == "ok"

    uploaded = await upload(service)
    assert set(uploaded) == {"original", "cartoon"}
    original, first = uploaded["original"], uploaded["cartoon"]
    assert_item(original, *ORIGINAL)
    assert_item(first, *CARTOON)

    again = data_of(await ask(service, "POST", f"/api/regenerate/{original['id']}"), 201)
    assert set(again) == {"cartoon", "original", "cartoons", "count"}
    assert again["original"] == original
    assert_item(again["cartoon"], *CARTOON)
    assert again["count"] == 2
    for cartoon in again["cartoons"]:
        assert_item(cartoon, *ORIGINAL)
    assert [cartoon["id"] for cartoon in again["cartoons"]] == [again["cartoon"]["id"], first["id"]]

    listed = data_of(
        await ask(service, "GET", "/api/cartoons", params={"originalId": original["id"]})
    )
    assert [cartoon["id"] for cartoon in listed["cartoons"]] == [
        again["cartoon"]["id"],
        first["id"],
    ]
    for cartoon in listed["cartoons"]:
        assert_item(cartoon, *CARTOON, "original")
        assert_item(cartoon["original"], *CARTOON)

    chosen = again["cartoon"]["id"]
    downloaded = data_of(await ask(service, "POST", f"/api/download/{chosen}"), 201)
    face = downloaded["downloadedFace"]
    assert set(downloaded) == {"downloadedFace"}
    assert_item(face, "id", "faceUrl", "originalId", "fileSize", "createdAt")
    assert face["originalId"] == original["id"]
    for cartoon in (chosen, first["id"]):  # the same again, and another of the photo
        refused = await ask(service, "POST", f"/api/download/{cartoon}")
        assert_failed(refused, 400, "already exists")

    originals = data_of(await ask(service, "GET", "/api/originals"))
    assert originals == {"originals": [original], "count": 1}

    query = {"page": 1, "limit": 50}
    listed = data_of(await ask(service, "GET", "/api/downloaded-faces", params=query))
    assert listed["pagination"] == {"page": 1, "limit": 50, "total": 1, "pages": 1}
    (shown,) = listed["downloadedFaces"]
    assert_item(shown, "id", "faceUrl", "fileSize", "original", "createdAt")
    assert_item(shown["original"], *CARTOON)
    assert (shown["id"], shown["original"]["id"]) == (face["id"], original["id"])


async def test_a_picture_opens_by_its_name_alone(service: Service):
    uploaded = await upload(service)
    for url in (uploaded["original"]["imageUrl"], uploaded["cartoon"]["imageUrl"]):
        path = url.removeprefix(BASE)
        response = await ask(service, "GET", path, None)
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/jpeg"
        head = await ask(service, "HEAD", path, None)
        assert (head.status_code, head.content) == (200, b"")
        part = await service.http.get(path, headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, response.content[:4])
    assert_failed(await ask(service, "GET", "/uploads/originals/1_nobody.jpg", None), 404)


async def test_faces_are_listed_by_numbered_pages(service: Service):
    ids = []
    for _ in range(3):
        cartoon = (await upload(service))["cartoon"]["id"]
        made = data_of(await ask(service, "POST", f"/api/download/{cartoon}"), 201)
        ids.insert(0, made["downloadedFace"]["id"])

    async def page(**query: str) -> tuple[list[str], dict[str, int]]:
        data = data_of(await ask(service, "GET", "/api/downloaded-faces", params=query))
        return [face["id"] for face in data["downloadedFaces"]], data["pagination"]

    assert await page(page="1", limit="2") == (
        ids[:2],
        {"page": 1, "limit": 2, "total": 3, "pages": 2},
    )
    assert await page(page="2", limit="2") == (
        ids[2:],
        {"page": 2, "limit": 2, "total": 3, "pages": 2},
    )
    assert (await page(page="9"))[0] == []
    assert (await page(page="x", limit="-1"))[1] == {
        "page": 1,
        "limit": 50,
        "total": 3,
        "pages": 1,
    }


async def test_any_text_is_a_device_and_each_its_own(service: Service):
    mine = await upload(service, "Müllers Handy #1")
    await upload(service, "Müllers Handy #2")
    listed = data_of(await ask(service, "GET", "/api/originals", "Müllers Handy #1"))
    assert [photo["id"] for photo in listed["originals"]] == [mine["original"]["id"]]
    for device in (None, "", "null", "00000000-0000-0000-0000-000000000000"):
        assert_failed(await ask(service, "GET", "/api/originals", device), 400)


async def test_errors_are_in_its_envelope_with_its_statuses(service: Service):
    wrong = {"image": ("a.jpg", b"no picture", "image/jpeg")}
    large = {"image": ("a.jpg", b"\xff\xd8\xff" + b"x" * 11_000_000, "image/jpeg")}
    assert_failed(await ask(service, "POST", "/api/upload", files=wrong), 400, "not an image")
    assert_failed(await ask(service, "POST", "/api/upload", files=large), 400, "10 MB")
    assert_failed(await ask(service, "POST", "/api/upload"), 400)
    assert_failed(await ask(service, "POST", "/api/regenerate/0123456789abcdef01234567"), 404)
    assert_failed(await ask(service, "POST", "/api/download/0123456789abcdef01234567"), 404)
    assert_failed(await ask(service, "GET", "/api/cartoons"), 400, "originalId")
    assert_failed(await ask(service, "GET", "/no-such"), 404)

    photo = {"image": ("a.jpg", picture(), "image/jpeg")}
    for of_the_ai, status in (("no_face", 400), ("ai_busy", 500), ("generation_failed", 500)):
        ours = {"no_face": 422, "ai_busy": 503, "generation_failed": 500}[of_the_ai]
        service.ai.handlers["/generate-cartoon"] = problem(ours, of_the_ai)
        assert_failed(await ask(service, "POST", "/api/upload", files=photo), status)
    service.ai.handlers["/generate-cartoon"] = lambda request: 1 / 0
    assert_failed(await ask(service, "POST", "/api/upload", files=photo), 500)


def test_it_is_refused_where_it_could_not_work(tmp_path: Path):
    with pytest.raises(ValidationError, match="PUBLIC_URL"):
        BackendSettings(data_dir=tmp_path, api_dialect="original")
    with pytest.raises(ValidationError, match="device tokens"):
        BackendSettings(
            data_dir=tmp_path, api_dialect="original", public_url=BASE, device_auth="required"
        )
