"""Pictures by way of nginx, run with the very configuration that docs/nginx.conf offers."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.http.problems import Problem
from tests.backend.conftest import picture
from tests.engines.nginx import running_nginx
from tests.engines.ports import free_ports
from tests.faults.conftest import ai_url, forks  # noqa: F401, fixtures
from tests.faults.processes import Backend, Forks
from tests.patience import PATIENCE_S

PHOTO = picture("png", (320, 320))
ORIGIN = "https://app.example"
# What differs from one response to the next, or says which server sent it.
VARYING = {"date", "server", "connection", "x-request-id", "server-timing"}


@dataclass
class Site:
    nginx: httpx.Client
    backend: httpx.Client
    data: Path
    file: str
    thumbnail: str

    def straight(self, headers: dict[str, str]) -> httpx.Response:
        """The photo, asked for past nginx."""
        return self.backend.get(self.file, headers=headers)


@pytest.fixture(scope="module")
def site(
    forks: Forks,  # noqa: F811
    ai_url: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("site") / "data"
    environment = {
        "FILE_DELIVERY": "nginx",
        "TRUSTED_PROXIES": "127.0.0.1",
        "CORS_ORIGINS": ORIGIN,
        "ADDRESS_DRAWINGS_PER_MINUTE": "8",
    }
    backend = Backend(forks, data, ai_url, environment)
    with ExitStack() as stack:
        stack.callback(backend.close)
        backend.start()
        url = stack.enter_context(running_nginx(backend.port, data))
        phone = {"X-Device-Id": "phone"}
        clients = [
            stack.enter_context(httpx.Client(base_url=base, timeout=PATIENCE_S))
            for base in (url, backend.url)
        ]
        uploaded = clients[0].post("/api/upload", headers=phone, files={"image": PHOTO})
        assert uploaded.status_code == 201, uploaded.text
        original = uploaded.json()["original"]
        yield Site(*clients, data, original["imageUrl"], original["thumbnailUrl"])


SIZE = len(PHOTO)
NOT_CHANGED, NOTHING = {"content-type": None, "content-length": None}, {"content-length": "0"}


def part(first: int, end: int) -> dict[str, str]:
    return {
        "content-range": f"bytes {first}-{end - 1}/{SIZE}",
        "content-length": str(end - first),
    }


@pytest.mark.parametrize("way", ["straight", "through nginx"])
@pytest.mark.parametrize(
    ("method", "asked", "status", "body", "headers"),
    [
        ("GET", {}, 200, PHOTO, {}),
        ("HEAD", {}, 200, b"", {}),
        ("GET", {"Range": "bytes=5-9"}, 206, PHOTO[5:10], part(5, 10)),
        ("HEAD", {"Range": "bytes=5-9"}, 206, b"", part(5, 10)),
        ("GET", {"Range": "bytes=-7"}, 206, PHOTO[-7:], part(SIZE - 7, SIZE)),
        ("GET", {"Range": "bytes=0-"}, 206, PHOTO, part(0, SIZE)),
        (
            *("GET", {"Range": f"bytes={SIZE}-"}, 416, b""),
            {**NOTHING, "content-range": f"bytes */{SIZE}"},
        ),
        ("GET", {"Range": "bytes=0-1,4-5"}, 200, PHOTO, {}),
        ("GET", {"Range": "bytes=5-9", "If-Range": '"another"'}, 200, PHOTO, {}),
        ("GET", {"If-None-Match": "*"}, 304, b"", NOT_CHANGED),
        ("GET", {"If-None-Match": '"another"'}, 200, PHOTO, {}),
        ("GET", {"If-Modified-Since": "Fri, 31 Dec 2100 00:00:00 GMT"}, 200, PHOTO, {}),
        ("GET", {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200, PHOTO, {}),
        ("GET", {"If-Match": '"another"'}, 200, PHOTO, {}),
        ("GET", {"Accept-Encoding": "gzip, br"}, 200, PHOTO, {}),
        (
            *("GET", {"Origin": ORIGIN}, 200, PHOTO),
            {
                "access-control-allow-origin": ORIGIN,
                "access-control-expose-headers": "Idempotency-Replayed, Location, "
                "Preference-Applied, Retry-After, X-Request-Id",
            },
        ),
    ],
)
def test_a_picture_is_answered_alike(
    site: Site,
    way: str,
    method: str,
    asked: dict[str, str],
    status: int,
    body: bytes,
    headers: dict[str, str | None],
):
    http = site.backend if way == "straight" else site.nginx
    response = http.request(method, site.file, headers=asked)

    expected = {
        "content-type": "image/png",
        "content-length": str(SIZE),
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=31536000, immutable",
        "etag": f'"{urlsplit(site.file).path.rpartition("/")[2]}"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "cross-origin",
        "content-disposition": "inline",
        "referrer-policy": "no-referrer",
        "vary": "Origin",
        **headers,
    }
    assert (response.status_code, response.content) == (status, body)
    assert {name: value for name, value in response.headers.items() if name not in VARYING} == {
        name: value for name, value in expected.items() if value is not None
    }
    assert re.fullmatch(r"[0-9a-f]{16,32}", response.headers["x-request-id"])


def test_nginx_sends_what_the_backend_only_names(site: Site):
    name = urlsplit(site.file).path
    told = site.straight({"X-Forwarded-For": "203.0.113.9"})
    assert (told.content, told.headers["x-accel-redirect"]) == (b"", f"/stored{name}")
    small = site.nginx.get(site.thumbnail)
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    assert "x-accel-redirect" not in small.headers

    # Who asks past nginx gets the picture: the AI service, and whoever only says to be a proxy.
    assert site.straight({}).content == PHOTO
    away = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(
        base_url=site.backend.base_url, transport=away, timeout=PATIENCE_S
    ) as stranger:
        lied = stranger.get(site.file, headers={"X-Forwarded-For": "127.0.0.1"})
    assert (lied.content, "x-accel-redirect" in lied.headers) == (PHOTO, False)


def test_nobody_is_let_in_whom_the_backend_refuses(site: Site):
    path = urlsplit(site.file).path
    owner, other = {"X-Device-Id": "phone"}, {"X-Device-Id": "another"}
    assert site.nginx.get(path, headers=owner).content == PHOTO
    for response, status in (
        (site.nginx.get(path), 400),
        (site.nginx.get(site.file[:-2] + "xx"), 400),
        (site.nginx.get(path, headers=other), 404),
        (site.nginx.get(path.replace("_", "1_"), headers=owner), 404),
    ):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/stored{file}",
        "//stored{file}",
        "/./stored{file}",
        "/uploads/../stored{file}",
        "/%73tored{file}",
        "/stored/",
        "/stored/uploads/../signing.key",
        "/stored/signing.key",
        "/stored/uploads/originals/",
        "/stored/avatars.sqlite",
    ],
)
def test_what_nginx_holds_is_reached_by_way_of_the_backend_alone(site: Site, path: str):
    asked = path.format(file=urlsplit(site.file).path)
    head = f"GET {asked} HTTP/1.1\r\nHost: a\r\nX-Device-Id: phone\r\n"
    head += f"X-Accel-Redirect: /stored{urlsplit(site.file).path}\r\nConnection: close\r\n\r\n"
    response = b""
    port = site.nginx.base_url.port
    # As written: a client would tidy the path.
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(head.encode())
        while chunk := connection.recv(65536):
            response += chunk
    assert response.startswith(b"HTTP/1.1 404")
    assert PHOTO[:64] not in response


def test_a_head_goes_from_upload_to_download_through_nginx(site: Site):
    """The AI service fetches the cartoon and the photo past nginx."""
    phone = {"X-Device-Id": "cutter"}
    uploaded = site.nginx.post("/api/upload", headers=phone, files={"image": PHOTO}).json()
    cut = site.nginx.post(f"/api/download/{uploaded['cartoon']['id']}", headers=phone)
    assert cut.status_code == 201, cut.text
    head = site.nginx.get(cut.json()["face"]["faceUrl"])
    assert (head.status_code, head.headers["content-type"]) == (200, "image/png")


def test_limits_count_who_stands_before_nginx_and_not_what_they_say(site: Site):
    """Each address may ask for eight drawings a minute; the two above took some of 127.0.0.1."""

    def asks(address: str, forwarded: str) -> int:
        way = httpx.HTTPTransport(local_address=address)
        headers = {"X-Device-Id": "phone", "X-Forwarded-For": forwarded}
        with httpx.Client(
            base_url=site.nginx.base_url, transport=way, timeout=PATIENCE_S
        ) as client:
            return client.post("/api/regenerate/x", headers=headers).status_code

    # An address of its own in every header gains nothing.
    assert [asks("127.0.0.9", f"198.51.100.{n}") for n in range(9)] == [404] * 8 + [429]
    assert asks("127.0.0.10", "127.0.0.9") == 404


def test_probes_are_not_for_the_world(site: Site):
    assert site.nginx.get("/readyz").json()["status"] == "ready"
    way = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=site.nginx.base_url, transport=way, timeout=PATIENCE_S) as stranger:
        assert [stranger.get(path).status_code for path in ("/readyz", "/metrics", "/healthz")] == [
            *(404, 404),
            200,
        ]


def test_a_file_that_is_gone_is_missed_alike(site: Site):
    uploaded = site.nginx.post(
        "/api/upload", headers={"X-Device-Id": "gone"}, files={"image": PHOTO}
    )
    url = uploaded.json()["original"]["imageUrl"]
    (file,) = (site.data / "uploads/originals").glob("*_gone.*")
    file.unlink()
    responses = [http.get(url) for http in (site.backend, site.nginx)]
    # A link is no file of ours, wherever it leads.
    file.symlink_to(site.data / "signing.key")
    responses += [http.get(url) for http in (site.backend, site.nginx)]
    for response in responses:
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["cache-control"] == "no-store"
        assert response.json().pop("requestId") == response.headers["x-request-id"]
    assert (
        len(
            {tuple(sorted((response.json() | {"requestId": ""}).items())) for response in responses}
        )
        == 1
    )


def test_nginx_s_own_responses_look_like_the_backend_s(site: Site):
    phone = {"X-Device-Id": "phone"}
    for size in (10_500_000, 12_000_000):  # refused by the backend, and before it
        response = site.nginx.post("/api/upload", headers=phone, files={"image": bytes(size)})
        problem = response.json()
        assert (response.status_code, problem["code"]) == (413, "file_too_large")
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["requestId"] == response.headers["x-request-id"]
        assert (
            problem.keys()
            == Problem.model_json_schema(by_alias=True, mode="serialization")["properties"].keys()
        )
        assert (problem["success"], problem["error"]) == (False, problem["detail"])
    with running_nginx(free_ports(1)[0], site.data) as lonely:
        response = httpx.get(f"{lonely}/api/originals", timeout=PATIENCE_S)
    assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "5"
    assert response.json()["requestId"] == response.headers["x-request-id"]
    assert (response.json()["success"], response.json()["error"]) == (
        False,
        response.json()["detail"],
    )


@pytest.mark.parametrize(
    "changed", [{"storage_url": "s3://avatars", "trusted_proxies": "127.0.0.1"}, {}]
)
def test_a_hand_off_that_cannot_work_is_refused_at_start(changed: dict[str, str]):
    with pytest.raises(ValueError, match="FILE_DELIVERY=nginx needs"):
        BackendSettings(file_delivery="nginx", **changed)
