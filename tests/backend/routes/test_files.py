"""Files over HTTP: signatures, ranges, caches."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.backend.conftest import Service, Start, picture

PHOTO = picture("png", (64, 64))


@pytest.fixture
async def url(service: Service) -> str:
    return (await service.phone.upload(PHOTO)).json()["original"]["imageUrl"]


async def test_a_signed_url_opens_the_whole_file(service: Service, url: str):
    response = await service.http.get(url)

    assert (response.status_code, response.content) == (200, PHOTO)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-length"] == str(len(PHOTO))
    assert response.headers["accept-ranges"] == "bytes"
    assert "private" in response.headers["cache-control"]
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]


async def test_the_same_picture_keeps_its_url_for_a_while(service: Service, url: str):
    assert (await service.phone.get("/api/originals")).json()["items"][0]["imageUrl"] == url


async def test_an_altered_or_expired_signature_opens_nothing(service: Service, url: str):
    query = parse_qs(urlsplit(url).query)
    expires, signature = query["expires"][0], query["signature"][0]
    path = urlsplit(url).path
    for changed in (
        path,
        f"{path}?expires={expires}&signature={signature[:-2]}xx",
        f"{path}?expires={int(expires) + 1}&signature={signature}",
        f"{path}?expires=1&signature={signature}",
        f"{path}?expires={expires}&signature={signature}&thumbnail=1",
        f"{path.replace('originals', 'temp')}?expires={expires}&signature={signature}",
        f"{path.replace('.png', '.jpg')}?expires={expires}&signature={signature}",
    ):
        response = await service.http.get(changed)
        assert response.status_code == 400, changed
        assert response.json()["code"] == "invalid_device_id"


async def test_without_a_signature_the_owner_gets_it(service: Service, url: str):
    path = urlsplit(url).path
    assert (await service.phone.get(path)).content == PHOTO
    assert (await service.phone.get(f"{path}?thumbnail=1")).headers["content-type"] == "image/webp"
    assert (await service.another_phone().get(path)).status_code == 404


async def test_an_old_key_opens_until_it_is_retired(start: Start):
    old, new = "o" * 32, "n" * 32
    async with start(signing_keys=[old]) as service:
        url = (await service.phone.upload()).json()["original"]["imageUrl"]
    async with start(signing_keys=[new, old]) as service:
        assert (await service.http.get(url)).status_code == 200
        fresh = (await service.phone.get("/api/originals")).json()["items"][0]["imageUrl"]
        assert fresh != url
    async with start(signing_keys=[new]) as service:
        assert (await service.http.get(url)).status_code == 400
        assert (await service.http.get(fresh)).status_code == 200


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=5-5", 5, 6),
        ("bytes=100-", 100, len(PHOTO)),
        ("bytes=-7", len(PHOTO) - 7, len(PHOTO)),
        (f"bytes=10-{10**12}", 10, len(PHOTO)),
        (f"bytes=-{10**12}", 0, len(PHOTO)),
    ],
)
async def test_a_range_is_served(service: Service, url: str, asked: str, first: int, end: int):
    response = await service.http.get(url, headers={"Range": asked})

    assert (response.status_code, response.content) == (206, PHOTO[first:end])
    assert response.headers["content-range"] == f"bytes {first}-{end - 1}/{len(PHOTO)}"


@pytest.mark.parametrize("asked", [f"bytes={len(PHOTO)}-", f"bytes={10**30}-", "bytes=-0"])
async def test_a_range_outside_of_the_file_is_said_to_be(service: Service, url: str, asked: str):
    response = await service.http.get(url, headers={"Range": asked})

    assert (response.status_code, response.content) == (416, b"")
    assert response.headers["content-range"] == f"bytes */{len(PHOTO)}"


@pytest.mark.parametrize(
    "asked", ["bytes=", "bytes=-", "bytes=9-1", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b", "x" * 99]
)
async def test_a_range_that_makes_no_sense_gets_the_whole(service: Service, url: str, asked: str):
    response = await service.http.get(url, headers={"Range": asked})
    assert (response.status_code, response.content) == (200, PHOTO)


async def test_an_unchanged_file_is_not_sent_again(service: Service, url: str):
    etag = (await service.http.get(url)).headers["etag"]

    for tags in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await service.http.get(url, headers={"If-None-Match": tags})
        assert (response.status_code, response.content) == (304, b""), tags
    changed = await service.http.get(url, headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_a_range_of_another_version_gets_the_whole(service: Service, url: str):
    headers = {"Range": "bytes=0-9", "If-Range": '"other"'}
    assert (await service.http.get(url, headers=headers)).status_code == 200


async def test_head_tells_the_size(service: Service, url: str):
    response = await service.http.head(url)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(PHOTO))


async def test_a_body_sent_along_is_counted_like_any_other(start: Start):
    async with start(max_upload_bytes=20_000) as service:
        url = (await service.phone.upload(PHOTO)).json()["original"]["imageUrl"]
        for length, status in ((10_000, 200), (200_000, 413)):
            response = await service.http.request("GET", url, content=b"x" * length)
            assert response.status_code == status


async def test_however_the_query_is_written_it_means_the_same(service: Service, url: str):
    path, _, query = url.partition("?")
    expires, signature = query.split("&")
    small = (await service.phone.get("/api/originals")).json()["items"][0]["thumbnailUrl"]
    for written in (
        f"{path}?{signature}&{expires}",
        f"{path}?{query}&more=1",
        f"{path}?{query.replace('signature', 'sign%61ture')}",
    ):
        assert (await service.http.get(written)).content == PHOTO, written
    assert "thumbnail=1" in small
    written = small.replace("thumbnail=1", "thumbnail=true")
    assert (await service.http.get(written)).headers["content-type"] == "image/webp"


async def test_a_public_url_makes_picture_urls_absolute(start: Start):
    async with start(public_url="https://avatars.example/") as service:
        original = (await service.phone.upload()).json()["original"]
        assert original["imageUrl"].startswith("https://avatars.example/uploads/originals/")


async def test_a_public_url_makes_the_picture_of_a_link_to_the_page_absolute(start: Start):
    async with start(public_url="https://avatars.example/below") as service:
        page = await service.http.get("/", headers={"Accept": "text/html"})
        assert 'content="https://avatars.example/below/page/samples/card.jpg"' in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_a_host_header_never_gets_into_a_url(service: Service):
    response = await service.phone.upload(
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    assert "evil" not in response.text


async def test_a_link_in_the_folder_is_not_followed(service: Service, url: str):
    secret = service.settings.data_dir / "signing.key"
    link = service.settings.data_dir / "uploads/originals/1_link.jpg"
    link.symlink_to(secret)

    signed = service.state.signer.file_url("/uploads/originals/1_link.jpg")
    response: httpx.Response = await service.http.get(signed)

    assert response.status_code == 404


async def test_a_file_that_the_disk_has_to_be_asked_for_is_served_too(service: Service, url: str):
    (file,) = service.files("uploads/originals")
    opened = os.open(file, os.O_RDONLY)
    os.fsync(opened)
    os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(opened)

    assert (await service.http.get(url)).content == PHOTO
