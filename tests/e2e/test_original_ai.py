"""A backend as a real process in front of a real AI server of the original design."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.e2e.original_ai import OriginalAi, backend, original_ai
from tests.patience import PATIENCE_S


@pytest.fixture
def ai() -> Iterator[OriginalAi]:
    with original_ai() as server:
        yield server


def selfie() -> dict[str, tuple[str, bytes, str]]:
    """Larger than what is sent in one piece."""
    data = io.BytesIO()
    Image.effect_noise((900, 1200), 80).convert("RGB").save(data, "JPEG", quality=95)
    assert len(data.getvalue()) > 300_000
    return {"image": ("selfie.jpg", data.getvalue(), "image/jpeg")}


def assert_opens(url: str, *sizes: tuple[int, int]) -> None:
    """By its URL alone, as ``Image.network`` asks."""
    response = httpx.get(url, timeout=PATIENCE_S)
    assert response.status_code == 200
    assert Image.open(io.BytesIO(response.content)).size in sizes


def test_our_dialect_works_with_it(tmp_path: Path, ai: OriginalAi):
    with backend(tmp_path, ai, "ours") as http:
        page = http.get("/", headers={"Accept": "text/html"})
        styles = http.get("/api/styles").json()["items"]
        uploaded = http.post("/api/upload", files=selfie())
        made = uploaded.json()
        again = http.post(f"/api/regenerate/{made['original']['id']}")
        chosen = again.json()["cartoon"]
        photo = http.get(f"/api/originals/{made['original']['id']}").json()
        previews = http.get(f"/api/originals/{made['original']['id']}/previews")
        for url in (made["cartoon"]["imageUrl"], chosen["imageUrl"]):
            assert_opens(url, (72, 96))
        cut = http.post(f"/api/download/{chosen['id']}")
        sticker = {"preset": "whatsapp"}
        exported = http.post(
            f"/api/downloaded-faces/{cut.json()['face']['id']}/exports", json=sticker
        )
        faces = http.get("/api/downloaded-faces").json()["items"]
        photos = http.get("/api/originals").json()["items"]
        gone = httpx.get(chosen["imageUrl"], timeout=PATIENCE_S)

    assert "<title>" in page.text
    assert [style["name"] for style in styles] == ["cartoon"]
    assert [response.status_code for response in (uploaded, again, cut)] == [201] * 3
    assert len(photo["cartoons"]) == 2
    assert made["original"]["faceCount"] == 1  # so that the page offers to cut it out
    assert (previews.status_code, previews.json()["items"]) == (200, [])
    assert (exported.status_code, exported.json()["code"]) == (500, "generation_failed")
    assert ai.photos == [(900, 1200)] * 2
    assert ai.fetched == [chosen["imageUrl"]]
    face = cut.json()["face"]
    assert [one["id"] for one in faces] == [face["id"]]
    assert (face["width"], face["height"]) == (40, 50)
    assert [one["id"] for one in photos] == [made["original"]["id"]]
    assert gone.status_code == 404


def test_the_dialect_of_the_original_works_with_it(tmp_path: Path, ai: OriginalAi):
    with backend(tmp_path, ai, "original") as http:
        health = http.get("/health")
        uploaded = http.post("/api/upload", files=selfie())
        made = uploaded.json()["data"]
        again = http.post(f"/api/regenerate/{made['original']['id']}")
        chosen = again.json()["data"]["cartoon"]
        cartoons = http.get("/api/cartoons", params={"originalId": made["original"]["id"]})
        assert_opens(made["original"]["imageUrl"], (900, 1200))
        assert_opens(chosen["imageUrl"], (72, 96))
        cut = http.post(f"/api/download/{chosen['id']}")
        repeated = http.post(f"/api/download/{chosen['id']}")
        face = cut.json()["data"]["downloadedFace"]
        assert_opens(face["faceUrl"], (40, 50))
        faces = http.get("/api/downloaded-faces", params={"page": 1, "limit": 50})
        photos = http.get("/api/originals")
        gone = httpx.get(chosen["imageUrl"], timeout=PATIENCE_S)

    assert health.json()["status"] == "ok"
    assert [response.status_code for response in (uploaded, again, cut)] == [201] * 3
    assert [one["id"] for one in cartoons.json()["data"]["cartoons"]] == [
        chosen["id"],
        made["cartoon"]["id"],
    ]
    assert [url.partition("?")[0] for url in ai.fetched] == [chosen["imageUrl"]]
    assert (repeated.status_code, repeated.json()["success"]) == (400, False)
    assert [one["id"] for one in faces.json()["data"]["downloadedFaces"]] == [face["id"]]
    assert photos.json()["data"]["count"] == 1
    assert gone.status_code == 404


def test_only_its_two_endpoints_are_needed(tmp_path: Path, ai: OriginalAi):
    """What else it is asked for it does not know, and a photo that it refuses is not kept."""
    with backend(tmp_path, ai, "ours") as http:
        http.post("/api/upload", files=selfie())
        nothing = {"image": ("a.gif", _gif_cut_short(), "image/gif")}
        refused = http.post("/api/upload", files=nothing)
        photos = http.get("/api/originals").json()["items"]

    assert ai.unknown <= {"/styles", "/readyz", "/thumbnail"}
    assert (refused.status_code, refused.json()["code"]) == (500, "generation_failed")
    assert len(photos) == 1


def _gif_cut_short() -> bytes:
    data = io.BytesIO()
    Image.effect_noise((60, 60), 80).convert("P").save(data, "GIF")
    return data.getvalue()[:800]
