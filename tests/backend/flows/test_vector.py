"""A cartoon of shapes as SVG."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.backend.conftest import Service, problem


async def cartoon_of(service: Service, style: str) -> dict:
    data = {"style": style, "seed": "7", "face": "1", "framing": "full"}
    return (await service.phone.upload(data=data)).json()["cartoon"]


async def test_a_cartoon_of_shapes_is_drawn_again_as_svg(service: Service):
    cartoon = await cartoon_of(service, "anime")
    before = service.files()

    response = await service.phone.get(f"/api/cartoons/{cartoon['id']}/svg")

    assert response.status_code == 200
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"
    named = re.fullmatch(
        r'attachment; filename="(.+)\.svg"', response.headers["content-disposition"]
    )
    assert named
    assert named[1] == cartoon["filename"].rpartition(".")[0]
    assert response.text == "<svg >drawn</svg>\n"
    assert service.files() == before
    _, request = service.ai.asked_for("/generate-cartoon")
    asked = {"style": "anime", "seed": 7, "framing": "full", "face": 1, "format": "svg"}
    asked["size"] = max(cartoon["width"], cartoon["height"])
    for name, value in asked.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in request.content


async def test_a_cartoon_of_pixels_has_no_svg(service: Service):
    cartoon = await cartoon_of(service, "comic")

    response = await service.phone.get(f"/api/cartoons/{cartoon['id']}/svg")

    assert (response.status_code, response.json()["code"]) == (422, "no_svg")
    assert "comic" in response.json()["detail"]
    assert len(service.ai.asked_for("/generate-cartoon")) == 1


async def test_another_devices_cartoon_has_no_svg(service: Service):
    cartoon = await cartoon_of(service, "anime")
    path = f"/api/cartoons/{cartoon['id']}/svg"

    stranger = await service.http.get(path, headers={"X-Device-Id": "stranger"})
    nobody = await service.http.get(path)

    assert (stranger.status_code, nobody.status_code) == (404, 400)
    assert (await service.phone.get("/api/cartoons/none/svg")).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<svg >drawn</svg>\n", "text/html"),
        (b"<svg >dra", "image/svg+xml"),
        (b"<html><svg ></svg>\n", "image/svg+xml"),
    ],
)
async def test_what_is_no_whole_svg_is_not_passed_on(service: Service, content: bytes, kind: str):
    cartoon = await cartoon_of(service, "anime")
    service.ai.handlers["/generate-cartoon"] = lambda request: httpx.Response(
        200, content=content, headers={"content-type": kind}
    )

    response = await service.phone.get(f"/api/cartoons/{cartoon['id']}/svg")

    assert (response.status_code, response.json()["code"]) == (500, "generation_failed")


async def test_a_busy_ai_service_is_said_so(service: Service):
    cartoon = await cartoon_of(service, "anime")
    service.ai.handlers["/generate-cartoon"] = problem(503, "ai_busy", **{"retry-after": "3"})

    response = await service.phone.get(f"/api/cartoons/{cartoon['id']}/svg")

    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
