"""AI_URL of a server that speaks the original design's two endpoints and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.backend.conftest import FakeAi, Service, Start, picture
from tests.backend.test_jobs import ASYNC, ended


class OriginalAi(FakeAi):
    """Bare pictures, with a type that lies; what else it is asked for is not there."""

    def __init__(self, kind: str = "jpeg") -> None:
        super().__init__()
        self.kind = kind
        self.fetched: list[str] = []
        for path in ("/styles", "/readyz", "/thumbnail", "/healthz"):
            self.handlers[path] = lambda request: httpx.Response(404, text="Cannot GET that")

    def generate_cartoon(self, request: httpx.Request) -> httpx.Response:
        lie = {"content-type": "application/octet-stream"}
        return httpx.Response(200, content=picture(self.kind, (60, 80)), headers=lie)

    def process_face_cut(self, request: httpx.Request) -> httpx.Response:
        if request.headers["content-type"] != "application/json":
            return httpx.Response(400, json={"error": "image_url is required"})
        self.fetched.append(json.loads(request.content)["image_url"])
        return httpx.Response(200, content=picture("png", (32, 40)))


@pytest.fixture(params=["jpeg", "png", "webp"])
async def service(request: pytest.FixtureRequest, start: Start) -> AsyncIterator[Service]:
    async with start(ai=OriginalAi(request.param), public_url="https://avatars.example") as it:
        yield it


async def test_everything_works_with_what_it_gives(service: Service):
    ready = await service.http.get("/readyz")
    listed = (await service.phone.get("/api/styles")).json()
    uploaded = await service.phone.upload(picture(size=(90, 120)), data={"seed": "5"})
    body = uploaded.json()
    again = await service.phone.post(f"/api/regenerate/{body['original']['id']}")
    cut = await service.phone.post(f"/api/download/{again.json()['cartoon']['id']}")

    assert ready.status_code == 200
    assert [(one["name"], one["aligned"]) for one in listed["items"]] == [("cartoon", False)]
    assert listed["stickers"] is False
    assert [response.status_code for response in (uploaded, again, cut)] == [201] * 3
    assert (body["original"]["width"], body["original"]["height"]) == (90, 120)
    cartoon = body["cartoon"]
    assert (cartoon["width"], cartoon["height"], cartoon["seed"]) == (60, 80, 5)
    assert cartoon["mimeType"] == f"image/{service.ai.kind}"
    assert (cut.json()["face"]["width"], cut.json()["face"]["height"]) == (32, 40)
    path = again.json()["cartoon"]["imageUrl"].removeprefix("https://avatars.example")
    assert service.ai.fetched == [f"https://avatars.example{path}"]
    for url in (body["original"]["thumbnailUrl"], cut.json()["face"]["thumbnailUrl"]):
        small = await service.http.get(url.removeprefix("https://avatars.example"))
        assert small.status_code == 200


async def test_jobs_work_too(service: Service):
    job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
    done = await ended(service.phone, job)
    assert (done["state"], done["result"]["cartoon"]["style"]) == ("succeeded", "cartoon")


async def test_where_it_cannot_fetch_a_cartoon_no_head_is_cut(start: Start):
    async with start(ai=OriginalAi()) as service:
        cartoon = (await service.phone.upload()).json()["cartoon"]["id"]
        response = await service.phone.post(f"/api/download/{cartoon}")
    assert (response.status_code, response.json()["code"]) == (500, "generation_failed")


@pytest.mark.parametrize("body", [b"", b"no picture", picture("png")[:-9], b"\xff\xd8\xff\xd9"])
async def test_what_is_no_whole_picture_is_refused(start: Start, body: bytes):
    ai = OriginalAi()
    ai.handlers["/generate-cartoon"] = lambda request: httpx.Response(200, content=body)
    async with start(ai=ai) as service:
        refused = await service.phone.upload()
        assert (refused.status_code, refused.json()["code"]) == (500, "generation_failed")
        assert service.files() == []
