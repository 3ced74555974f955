"""A photo in every style, for a person to choose by their own face."""

from __future__ import annotations

import httpx
import pytest

from tests.backend.conftest import Service, Start


async def test_a_photo_is_shown_in_every_style_and_nothing_is_kept(service: Service):
    original = (await service.phone.upload()).json()["original"]
    before = service.files()

    response = await service.phone.get(f"/api/originals/{original['id']}/previews?face=1")

    assert response.status_code == 200
    assert response.json()["items"] == [
        {"style": "comic", "image": "data:image/webp;base64,UklG"},
        {"style": "soft", "image": "data:image/webp;base64,UklH"},
    ]
    assert response.headers["cache-control"] == "private, max-age=3600"
    assert service.files() == before
    kept = await service.phone.get(f"/api/originals/{original['id']}")
    assert len(kept.json()["cartoons"]) == 1
    asked = service.ai.asked_for("/previews")
    for request, styles in zip(asked, (b"comic", b"anime", b"soft"), strict=True):
        assert b'name="face"\r\n\r\n1\r\n' in request.content
        assert b'name="styles"\r\n\r\n' + styles + b"\r\n" in request.content


async def test_previews_count_as_no_drawings_and_have_a_limit_of_their_own(start: Start):
    async with start(device_drawings_per_minute=4) as service:
        original = (await service.phone.upload()).json()["original"]
        path = f"/api/originals/{original['id']}/previews"
        assert (await service.phone.get(path)).status_code == 200
        again = await service.phone.get(path)
        assert (again.status_code, again.json()["code"]) == (429, "too_many_requests")
        for _ in range(3):
            drawn = await service.phone.post(f"/api/regenerate/{original['id']}")
            assert drawn.status_code == 201


async def test_a_photo_of_nobody_elses_is_shown(service: Service):
    original = (await service.phone.upload()).json()["original"]
    path = f"/api/originals/{original['id']}/previews"
    stranger = await service.http.get(path, headers={"X-Device-Id": "stranger"})
    assert stranger.status_code == 404
    wrong = await service.phone.get(f"{path}?face=-1")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"items": [{"style": "comic", "image": "javascript:alert(1)"}]}']
)
async def test_what_is_no_sheet_of_previews_is_not_passed_on(service: Service, body: bytes):
    original = (await service.phone.upload()).json()["original"]
    service.ai.handlers["/previews"] = lambda request: httpx.Response(200, content=body)
    response = await service.phone.get(f"/api/originals/{original['id']}/previews")
    assert (response.status_code, response.json()["code"]) == (500, "generation_failed")
