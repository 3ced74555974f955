"""What a server of the original design keeps, taken over and opened by its apps."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.cli import main
from tests.backend.conftest import FakeAi, running

BASE = "https://avatars.example"
DEVICE = "0b5c9d3e-6f1a-4c8e-9d27-5a3e1f7c2b10"
PHOTO, FACE = "677b1f2e9d3c4a5b6c7d8e9f", "677b1f309d3c4a5b6c7d8ea1"


class OldServer:
    """Its project folder, and its collections as mongoexport writes them."""

    def __init__(self, folder: Path) -> None:
        self.root, self.export = folder / "server", folder / "export"
        self.export.mkdir(parents=True)
        for name in ("originals", "downloaded_faces"):
            (self.export / f"{name}.json").touch()

    def add(self, collection: str, row_id: str, path: str, data: bytes, **more: Any) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        row = {
            "_id": {"$oid": row_id},
            "deviceId": DEVICE,
            "filename": file.name,
            "filePath": path,
            "fileSize": len(data),
            "mimeType": "image/jpeg",
            "createdAt": {"$date": "2025-01-06T00:34:16.789Z"},
            "__v": 0,
        }
        with (self.export / f"{collection}.json").open("a") as lines:
            lines.write(json.dumps(row | more) + "\n")


def picture(kind: str, size: tuple[int, int] = (200, 200)) -> bytes:
    data = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).crop((120, 0, 320, 200)).resize(size).save(data, kind)
    return data.getvalue()


@pytest.fixture
def old(tmp_path: Path) -> OldServer:
    old = OldServer(tmp_path)
    old.add("originals", PHOTO, "/uploads/originals/1736123656789_0b5c9d3e.jpg", picture("jpeg"))
    old.add(
        "downloaded_faces",
        FACE,
        f"/uploads/downloaded/1736123756789_{PHOTO}.jpg",
        picture("png", (90, 80)),  # its name lies
        originalId={"$oid": PHOTO},
        sourceCartoonId="677b1f2f9d3c4a5b6c7d8ea0",
        createdAt={"$date": {"$numberLong": "1736123756789"}},
    )
    return old


def take_over(old: OldServer, data: Path) -> Result:
    words = ["import-original", "--data", data, "--root", old.root, old.export]
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def test_its_apps_find_their_library_under_the_same_ids_and_urls(old: OldServer, tmp_path: Path):
    data = tmp_path / "data"
    # Node.js reads the bytes of a header as Latin-1.
    theirs = "Müllers Handy".encode()
    old.add(
        "originals",
        "b" * 24,
        f"/uploads/originals/1736123656790_{'M' * 8}.jpg",
        picture("jpeg"),
        deviceId=theirs.decode("latin-1"),
    )
    first, again = take_over(old, data), take_over(old, data)

    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert "photos: 2 taken over, 0 were here, 0 left\nfaces: 1 taken over" in first.stdout
    assert "photos: 0 taken over, 2 were here" in again.stdout

    async def as_its_app() -> None:
        settings = BackendSettings(
            data_dir=data, min_free_bytes=0, api_dialect="original", public_url=BASE
        )
        async with running(settings, FakeAi()) as service:
            mine = {"x-device-id": DEVICE}
            photos = (await service.http.get("/api/originals", headers=mine)).json()["data"]
            faces = (await service.http.get("/api/downloaded-faces", headers=mine)).json()["data"]
            (photo,), (face,) = photos["originals"], faces["downloadedFaces"]
            assert (photo["id"], photo["createdAt"]) == (PHOTO, "2025-01-06T00:34:16.789Z")
            assert photo["imageUrl"] == f"{BASE}/uploads/originals/1736123656789_0b5c9d3e.jpg"
            assert (face["id"], face["original"]["id"]) == (FACE, PHOTO)
            opened = await service.http.get(face["faceUrl"].removeprefix(BASE))
            assert Image.open(io.BytesIO(opened.content)).size == (90, 80)
            assert face["faceUrl"].endswith(".png")
            assert opened.headers["content-type"] == "image/png"
            other = await service.http.get("/api/originals", headers={"x-device-id": theirs})
            assert [one["id"] for one in other.json()["data"]["originals"]] == ["b" * 24]
            drawn = await service.http.post(f"/api/regenerate/{PHOTO}", headers=mine)
            assert drawn.status_code == 201

    asyncio.run(as_its_app())
    checked = CliRunner().invoke(main, ["check", "--data", str(data)])
    assert checked.exit_code == 0, checked.output


def test_what_cannot_be_taken_over_is_named_and_the_rest_is(old: OldServer, tmp_path: Path):
    jpeg = picture("jpeg")
    places = {
        "broken": ("/uploads/originals/1_a.jpg", {}, jpeg[:500]),
        "outside": ("/../../etc/passwd", {"filePath": "/../export/originals.json"}, b""),
        "gone": ("/uploads/originals/2_a.jpg", {"filePath": "/uploads/originals/3_a.jpg"}, jpeg),
        "shared": ("/uploads/originals/4_a.jpg", {"deviceId": "null"}, jpeg),
    }
    for name, (path, more, data) in places.items():
        where = path if ".." not in path else "/uploads/x.jpg"
        old.add("originals", name, where, data, **more)
    old.add("downloaded_faces", "alone", "/uploads/downloaded/5_b.jpg", jpeg, originalId="broken")

    result = take_over(old, tmp_path / "data")

    assert result.exit_code == 1
    assert "photos: 1 taken over, 0 were here, 4 left\nfaces: 1 taken over" in result.stdout
    for name, reason in {
        "broken": "broken",
        "outside": "not below uploads",
        "gone": "cannot be read",
        "shared": "many phones share",
        "alone": "its photo broken is not here",
    }.items():
        (line,) = (line for line in result.stderr.splitlines() if f" {name}: " in line)
        assert reason in line
    checked = CliRunner().invoke(main, ["check", "--data", str(tmp_path / "data")])
    assert checked.exit_code == 0, checked.output


def test_two_photos_of_one_name_are_both_kept(old: OldServer, tmp_path: Path):
    """Names of that design collide: eight characters of a device id, and a millisecond."""
    taken = old.root / "uploads" / "originals" / "1736123656789_0b5c9d3e.jpg"
    other = "0b5c9d3e-0000-4000-8000-000000000001"
    path = f"/uploads/originals/{taken.name}"
    old.add("originals", "a" * 24, path, picture("jpeg"), deviceId=other)

    result = take_over(old, tmp_path / "data")

    assert "photos: 2 taken over" in result.stdout
    assert len(list((tmp_path / "data" / "uploads" / "originals").iterdir())) == 2


def test_an_export_that_is_none_is_said_to_be(old: OldServer, tmp_path: Path):
    (old.export / "originals.json").write_text('{"_id": {"$oid": "x"}}\n')
    result = take_over(old, tmp_path / "data")
    assert (result.exit_code, "originals.json, line 1" in result.output) == (1, True)
    (old.export / "originals.json").unlink()
    result = take_over(old, tmp_path / "data")
    assert (result.exit_code, "cannot be read" in result.output) == (1, True)
