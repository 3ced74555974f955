"""The main job: upload, regenerate, download."""

from __future__ import annotations

import hashlib
import re
import stat

import httpx
import pytest

from tests.backend.conftest import FakeAi, Service, Start, picture, problem


async def test_upload_keeps_the_photo_and_answers_with_its_first_cartoon(service: Service):
    response = await service.phone.upload()

    assert response.status_code == 201
    body = response.json()
    original, cartoon = body["original"], body["cartoon"]
    assert original["deviceId"] == cartoon["deviceId"] == "phone-1"
    assert cartoon["originalId"] == original["id"]
    assert (original["width"], original["height"], original["faceCount"]) == (96, 128, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", original["createdAt"])
    assert "filePath" not in original
    assert "filePath" not in cartoon

    stored, drawn = service.files()
    assert re.fullmatch(r"\d{13}_phone-1\.jpg", stored.name)
    assert re.fullmatch(rf"\d{{13}}_{original['id']}\.jpg", drawn.name)
    assert stored.parent.name == "originals"
    assert drawn.parent.name == "temp"
    assert original["filename"] == stored.name
    assert original["fileSize"] == stored.stat().st_size
    assert original["sha256"] == hashlib.sha256(stored.read_bytes()).hexdigest()


def without_thumbnail(response: httpx.Response) -> httpx.Response:
    """As of an AI service that knows the original design alone."""
    names = ("x-thumbnail-bytes", "x-cartoon-thumbnail-bytes")
    small = sum(int(response.headers.pop(name, 0)) for name in names)
    return httpx.Response(200, headers=response.headers, content=response.content[:-small])


async def test_the_thumbnail_comes_with_the_drawing_or_is_asked_for(service: Service):
    together = (await service.phone.upload()).json()["original"]
    assert not service.ai.asked_for("/thumbnail")
    service.ai.handlers["/generate-cartoon"] = lambda request: without_thumbnail(
        FakeAi().generate_cartoon(request)
    )
    apart = (await service.phone.upload()).json()["original"]
    assert len(service.ai.asked_for("/thumbnail")) == 1

    small, same = [
        (await service.http.get(original["thumbnailUrl"])).content for original in (together, apart)
    ]
    assert small == same == picture("webp", (24, 32))


async def test_a_cartoon_has_a_thumbnail_or_stands_for_itself(service: Service):
    uploaded = (await service.phone.upload()).json()
    another = await service.phone.post(f"/api/regenerate/{uploaded['original']['id']}")
    for cartoon in (uploaded["cartoon"], another.json()["cartoon"]):
        small = await service.http.get(cartoon["thumbnailUrl"])
        assert small.headers["content-type"] == "image/webp"
        assert small.content == picture("webp", (12, 16))

    # As of a cartoon from before there were any.
    service.ai.handlers["/generate-cartoon"] = lambda request: without_thumbnail(
        FakeAi().generate_cartoon(request)
    )
    bare = await service.phone.post(f"/api/regenerate/{uploaded['original']['id']}")
    cartoon = bare.json()["cartoon"]
    assert cartoon["thumbnailUrl"] == cartoon["imageUrl"]
    listed = (await service.phone.get(f"/api/originals/{uploaded['original']['id']}")).json()
    assert [one["thumbnailUrl"] for one in listed["cartoons"]][-1] == cartoon["imageUrl"]
    assert (await service.phone.post(f"/api/download/{cartoon['id']}")).status_code == 201
    assert service.files("uploads/temp") == service.files("thumbnails/temp") == []


@pytest.mark.parametrize("comes_along", [True, False])
async def test_the_thumbnail_comes_with_the_head_or_is_asked_for(
    service: Service, comes_along: bool
):
    if not comes_along:
        service.ai.handlers["/process-face-cut"] = lambda request: without_thumbnail(
            FakeAi().process_face_cut(request)
        )
    cartoon = (await service.phone.upload()).json()["cartoon"]["id"]

    face = (await service.phone.post(f"/api/download/{cartoon}")).json()["face"]

    assert len(service.ai.asked_for("/thumbnail")) == (0 if comes_along else 1)
    head = (await service.http.get(face["faceUrl"])).content
    small = (await service.http.get(face["thumbnailUrl"])).content
    assert head == picture("png", (32, 32))
    assert small == picture("webp", (32, 32) if comes_along else (24, 32))


async def test_stored_files_are_read_only_in_folders_closed_to_others(service: Service):
    await service.phone.upload()

    for file in service.files():
        assert not file.stat().st_mode & (stat.S_IWUSR | stat.S_IRWXG | stat.S_IRWXO)
        assert not file.parent.stat().st_mode & stat.S_IRWXO


async def test_regenerating_adds_a_cartoon_and_moves_on_through_the_styles(service: Service):
    original = (await service.phone.upload()).json()["original"]["id"]

    cartoons = [
        (await service.phone.post(f"/api/regenerate/{original}")).json()["cartoon"]
        for _ in range(3)
    ]

    assert [cartoon["style"] for cartoon in cartoons] == ["anime", "soft", "comic"]
    assert len({cartoon["seed"] for cartoon in cartoons}) == 3
    detail = (await service.phone.get(f"/api/originals/{original}")).json()
    assert [one["id"] for one in detail["cartoons"]][1:] == [one["id"] for one in cartoons]
    assert all(one["expiresAt"] > one["createdAt"] for one in detail["cartoons"])


async def test_regenerating_passes_over_styles_of_people_for_a_photo_of_none(service: Service):
    service.ai.faces = 0
    original = (await service.phone.upload()).json()["original"]["id"]

    cartoons = [
        (await service.phone.post(f"/api/regenerate/{original}")).json()["cartoon"]
        for _ in range(3)
    ]

    assert [cartoon["style"] for cartoon in cartoons] == ["soft", "comic", "soft"]


async def test_regenerate_draws_the_style_and_seed_it_is_asked_for(service: Service):
    original = (await service.phone.upload()).json()["original"]["id"]

    for options in (
        {"json": {"style": "soft", "seed": 7}},
        {"data": {"style": "soft", "seed": "7"}},
    ):
        response = await service.phone.post(f"/api/regenerate/{original}", **options)
        cartoon = response.json()["cartoon"]
        assert (response.status_code, cartoon["style"], cartoon["seed"]) == (201, "soft", 7)


async def test_download_keeps_the_face_and_deletes_every_temporary_cartoon(service: Service):
    uploaded = (await service.phone.upload()).json()
    original = uploaded["original"]["id"]
    picked = (await service.phone.post(f"/api/regenerate/{original}")).json()["cartoon"]["id"]

    response = await service.phone.post(f"/api/download/{picked}")

    assert response.status_code == 201
    face = response.json()["face"]
    assert face["sourceCartoonId"] == picked
    assert face["originalId"] == original
    assert {file.parent.name for file in service.files()} == {"originals", "downloaded"}
    assert len(service.files()) == 2
    detail = (await service.phone.get(f"/api/originals/{original}")).json()
    assert detail["cartoons"] == []


async def test_the_ai_service_is_sent_both_pictures_of_a_head(service: Service):
    photo = picture()
    uploaded = (await service.phone.upload(photo)).json()
    cartoon = (await service.http.get(uploaded["cartoon"]["imageUrl"])).content

    await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}")

    sent = service.ai.asked_for("/process-face-cut")[0].content
    for name, data in (("image", cartoon), ("original", photo)):
        assert f'name="{name}"; filename="photo"\r\n'.encode() in sent
        assert data in sent


async def test_a_repeated_download_gives_the_same_face(service: Service):
    cartoon = (await service.phone.upload()).json()["cartoon"]["id"]
    first = await service.phone.post(f"/api/download/{cartoon}")

    again = await service.phone.post(f"/api/download/{cartoon}")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["face"]["id"] == first.json()["face"]["id"]
    assert len(service.ai.asked_for("/process-face-cut")) == 1


async def test_a_sibling_of_a_downloaded_cartoon_is_a_conflict(service: Service):
    uploaded = (await service.phone.upload()).json()
    sibling = uploaded["cartoon"]["id"]
    again = await service.phone.post(f"/api/regenerate/{uploaded['original']['id']}")
    await service.phone.post(f"/api/download/{again.json()['cartoon']['id']}")

    response = await service.phone.post(f"/api/download/{sibling}")

    assert (response.status_code, response.json()["code"]) == (409, "sibling_downloaded")


async def test_regenerating_after_a_download_starts_anew(service: Service):
    uploaded = (await service.phone.upload()).json()
    original = uploaded["original"]["id"]
    await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}")

    fresh = (await service.phone.post(f"/api/regenerate/{original}")).json()["cartoon"]["id"]

    assert (await service.phone.post(f"/api/download/{fresh}")).status_code == 201
    faces = (await service.phone.get("/api/downloaded-faces")).json()["items"]
    assert len(faces) == 2
    assert faces[0]["sourceCartoonId"] == fresh


async def test_every_returned_url_opens_without_a_header(service: Service):
    uploaded = (await service.phone.upload()).json()
    original, cartoon = uploaded["original"], uploaded["cartoon"]
    cartoon_response = await service.http.get(cartoon["imageUrl"])
    face = (await service.phone.post(f"/api/download/{cartoon['id']}")).json()["face"]

    expected = {
        original["imageUrl"]: "image/jpeg",
        original["thumbnailUrl"]: "image/webp",
        face["faceUrl"]: "image/png",
        face["thumbnailUrl"]: "image/webp",
    }
    for url, mime_type in expected.items():
        response = await service.http.get(url)
        assert (response.status_code, response.headers["content-type"]) == (200, mime_type), url
    assert cartoon_response.status_code == 200
    assert (await service.http.get(cartoon["imageUrl"])).status_code == 404


async def test_deleting_an_original_takes_its_cartoons_faces_and_files(service: Service):
    uploaded = (await service.phone.upload()).json()
    original = uploaded["original"]["id"]
    await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}")
    await service.phone.post(f"/api/regenerate/{original}")

    assert (await service.phone.delete(f"/api/originals/{original}")).status_code == 204

    assert service.files() == service.files("thumbnails") == []
    assert (await service.phone.get("/api/downloaded-faces")).json()["items"] == []
    assert (await service.phone.get(f"/api/originals/{original}")).status_code == 404


async def test_deleting_a_face_leaves_its_original(service: Service):
    uploaded = (await service.phone.upload()).json()
    response = await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}")
    face = response.json()["face"]

    gone = await service.phone.delete(f"/api/downloaded-faces/{face['id']}")

    assert (gone.status_code, gone.content) == (204, b"")
    assert [file.parent.name for file in service.files()] == ["originals"]


async def test_deleting_the_device_leaves_nothing_of_it_and_all_of_others(service: Service):
    other = service.another_phone()
    kept = (await other.upload()).json()["original"]["id"]
    await service.phone.upload()
    uploaded = (await service.phone.upload(headers={"Idempotency-Key": "k"})).json()
    await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}")

    assert (await service.phone.delete("/api/device")).status_code == 204

    assert not [file for file in service.files() if "phone-1" in file.name]
    assert [file.parent.name for file in service.files()] == ["originals", "temp"]
    assert (await service.phone.get("/api/originals")).json()["items"] == []
    assert (await other.get(f"/api/originals/{kept}")).status_code == 200
    assert "deviceToken" in (await service.phone.upload()).json()


async def test_styles_are_listed_for_the_app(service: Service):
    styles = (await service.phone.get("/api/styles")).json()

    assert [style["name"] for style in styles["items"]] == ["comic", "anime", "soft"]
    assert [style["needsFace"] for style in styles["items"]] == [False, True, False]
    assert styles["nextCursor"] is None
    assert styles["stickers"] is True


async def test_the_stages_of_the_work_are_timed(service: Service):
    response = await service.phone.upload()

    names = [stage.partition(";")[0] for stage in response.headers["server-timing"].split(", ")]
    assert names == ["draw", "store", "commit"]


async def test_a_large_photo_is_stored_byte_for_byte_once_clean(service: Service):
    photo = picture("png", (1200, 1600))

    response = await service.phone.upload(photo)

    assert response.status_code == 201
    assert service.files()[0].read_bytes() == photo


async def test_pictures_that_the_ai_service_cannot_fetch_are_sent_along(service: Service):
    uploaded = (await service.phone.upload()).json()

    def cut(request: httpx.Request) -> httpx.Response:
        if request.headers["content-type"] == "application/json":
            return problem(400, "image_unreachable")(request)
        return service.ai.process_face_cut(request)

    service.ai.handlers["/process-face-cut"] = cut
    response = await service.phone.post(
        f"/api/download/{uploaded['cartoon']['id']}", json={"format": "webp", "size": 300}
    )

    assert response.status_code == 201
    *_, sent = service.ai.asked_for("/process-face-cut")
    body = sent.content
    photo = await service.http.get(uploaded["original"]["imageUrl"])
    for name, value in (("format", b"webp"), ("size", b"300")):
        assert f'name="{name}"'.encode() + b"\r\n\r\n" + value + b"\r\n" in body
    assert b'name="original"; filename="photo"\r\nContent-Type: image/jpeg\r\n\r\n' in body
    assert photo.content in body
    assert body.startswith(b"--")
    assert body.count(b'name="image"') == 1


@pytest.mark.parametrize("end", ["", "/"])
async def test_the_ai_service_may_be_below_a_path(start: Start, end: str):
    ai = FakeAi()
    ai.handlers = {
        "/drawing/readyz": ai.readyz,
        "/drawing/styles": ai.styles,
        "/drawing/generate-cartoon": ai.generate_cartoon,
        "/drawing/process-face-cut": ai.process_face_cut,
    }
    async with start(ai=ai, ai_url=f"http://gateway/drawing{end}") as service:
        assert (await service.http.get("/readyz")).status_code == 200
        cartoon = (await service.phone.upload()).json()["cartoon"]
        assert (await service.phone.post(f"/api/download/{cartoon['id']}")).status_code == 201
    assert {request.url.path for request in ai.requests} == ai.handlers.keys()
