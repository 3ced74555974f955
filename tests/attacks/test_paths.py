"""No parameter leads out of the folder it belongs to, nor into another's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from cartoon_avatar.ai.app import create_app as create_ai
from cartoon_avatar.ai.seeing.model_files import REQUIRED, models_folder
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.signing import Signer, load_or_make_key
from cartoon_avatar.contract.paths import GENERATE_CARTOON, PREVIEWS
from tests.ai.conftest import running as running_ai
from tests.ai.conftest import until_ready
from tests.attacks.conftest import Start
from tests.backend.conftest import Phone, Service, picture
from tests.faults.conftest import StartBackend
from tests.patience import PATIENCE_S

# Each as a client would write it into a request line.
CLIMBS = [
    "../../avatars.sqlite",
    "..%2f..%2favatars.sqlite",
    "%2e%2e/%2e%2e/avatars.sqlite",
    "%2e%2e%2f%2e%2e%2favatars.sqlite",
    "%252e%252e%252f%252e%252e%252favatars.sqlite",
    "..%5c..%5cavatars.sqlite",
    "..\\..\\avatars.sqlite",
    "..%c0%af..%c0%afavatars.sqlite",
    "..%e0%80%af..%e0%80%afavatars.sqlite",
    "%c0%ae%c0%ae/avatars.sqlite",
    "..%00/avatars.sqlite",
    "1_a.jpg%00.png",
    "%00",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "....//....//avatars.sqlite",
    "..;/..;/avatars.sqlite",
    ".",
    "..",
    "~root",
    "file:%2f%2f%2fetc%2fpasswd",
    "C:%5cwindows%5cwin.ini",
    "1_a.jpg%0d%0aX-Evil:%201",
    "1_" + "a" * 300 + ".jpg",
    "1_%e2%80%aegpj.jpg",
]


async def test_a_climbing_file_name_is_not_found(service: Service):
    """Signed for, too: even an URL that we had signed opens nothing outside."""
    key = load_or_make_key(service.settings.signing_key_file)
    signer = Signer([key], None)
    await service.phone.upload()
    for climb in CLIMBS:
        for folder in ("originals", "temp", "downloaded", "..", "%2e%2e", "thumbnails", "incoming"):
            path = f"/uploads/{folder}/{climb}"
            # What is signed is the path without its escapes.
            queries = [
                signer.file_url(one, thumbnail=thumbnail).partition("?")[2]
                for one in {path, unquote(path)}
                for thumbnail in (False, True)
            ]
            for query in ("", *queries):
                response = await service.phone.get(f"{path}?{query}")
                if response.request.url.raw_path != f"{path}?{query}".encode():
                    continue  # tidied up by the client; the raw ones come below
                assert response.status_code in (400, 404), (path, response.status_code)
                assert "SQLite" not in response.text
                assert "root:" not in response.text


async def test_a_climbing_id_is_not_found(service: Service):
    for climb in CLIMBS:
        for method, path in (
            ("POST", "/api/regenerate/"),
            ("POST", "/api/download/"),
            ("GET", "/api/originals/"),
            ("DELETE", "/api/originals/"),
            ("DELETE", "/api/downloaded-faces/"),
            ("GET", "/page/"),
        ):
            response = await service.phone.ask(method, path + climb)
            if response.request.url.raw_path != (path + climb).encode():
                continue  # tidied up by the client
            assert response.status_code in (400, 404, 405), (path + climb, response.status_code)
            assert "SQLite" not in response.text
            assert "root:" not in response.text


async def test_a_climbing_device_id_style_cursor_or_file_name_is_refused_or_harmless(
    service: Service,
):
    for climb in ("../x", "..", ".", "a/b", "a\\b", "/etc/passwd", "a%2fb", "a\x00b", "a\nb"):
        for name in ("deviceId", "device_id"):
            response = await service.http.get("/api/originals", params={name: climb})
            assert (response.status_code, response.json()["code"]) == (400, "invalid_device_id")
        response = await service.phone.upload(data={"style": climb})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_style")
        response = await service.phone.get("/api/originals", params={"cursor": climb})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")
    outside = set(service.settings.data_dir.parent.iterdir())
    for name in (
        "../../evil.jpg",
        "/tmp/evil.jpg",
        "..\\evil.jpg",
        "a\x00.jpg",
        "x.php",
        "é" * 300,
    ):
        response = await service.phone.post(
            "/api/upload", files={"image": (name, picture(), "text/html")}
        )
        assert response.status_code == 201
        body = response.json()["original"]
        assert body["filename"].endswith("_phone-1.jpg")
        assert body["mimeType"] == "image/jpeg"
    assert set(service.settings.data_dir.parent.iterdir()) == outside
    assert {file.suffix for file in service.files()} == {".jpg"}


async def test_a_file_of_one_type_is_not_found_as_another(service: Service):
    body = (await service.phone.upload()).json()
    for kind, filename in (
        ("originals", body["cartoon"]["filename"]),
        ("downloaded", body["cartoon"]["filename"]),
        ("temp", body["original"]["filename"]),
        ("downloaded", body["original"]["filename"]),
    ):
        assert (await service.phone.get(f"/uploads/{kind}/{filename}")).status_code == 404
        for url in (body["cartoon"]["imageUrl"], body["original"]["imageUrl"]):
            signed = f"/uploads/{kind}/{filename}?{url.partition('?')[2]}"
            assert (await service.http.get(signed)).status_code in (400, 404)


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
async def test_a_link_in_the_folder_leads_nowhere(service: Service, tmp_path: Path, kind: str):
    secret = tmp_path / "secret.jpg"
    if kind != "dangling":
        secret.write_bytes(b"secret")
    body = (await service.phone.upload()).json()["original"]
    stored = service.settings.data_dir / "uploads/originals" / body["filename"]
    stored.unlink()
    stored.symlink_to(tmp_path if kind == "folder" else secret)

    for response in (
        await service.http.get(body["imageUrl"]),
        await service.phone.get(f"/uploads/originals/{body['filename']}"),
    ):
        assert response.status_code == 404
        assert b"secret" not in response.content


def _parameters(document: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Method, path, where and name of everything a client can say, by the OpenAPI document."""
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            said = [(one["in"], one["name"]) for one in operation.get("parameters", [])]
            said += [("header", "X-Request-Id"), ("header", "X-Device-Id"), ("header", "Accept")]
            for kind, body in operation.get("requestBody", {}).get("content", {}).items():
                schema = body["schema"]
                schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
                where = "json" if kind == "application/json" else "form"
                said += [(where, name) for name in (*schema["properties"], "deviceId", "other")]
            for where, name in dict.fromkeys(said):
                yield method.upper(), path, where, name


def _request(path: str, where: str, name: str, value: str) -> tuple[str, dict[str, Any]]:
    """A request that is in order but for ``value``."""
    request: dict[str, Any] = {"headers": {"X-Device-Id": "phone-1"}}
    given = {"type": "originals", "filename": "1_phone-1.jpg"}
    given |= {name: value} if where == "path" else {}
    url = re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], "0" * 24), path)
    plain = unquote(unquote(value, errors="replace"), errors="replace")
    if where == "query":
        url += f"?{name}={value}"
    elif where == "header":
        request["headers"][name] = plain.encode()
    elif where == "json":
        request["json"] = {name: plain}
    elif where == "form":
        # What is drawn is drawn small and in one style: there are hundreds of requests.
        small = {GENERATE_CARTOON: {"size": "64"}, PREVIEWS: {"styles": "comic"}}.get(path, {})
        if name in ("image", "original"):
            request["data"] = small
            request["files"] = {name: (plain, picture())}
        else:
            request["data"] = small | {name: plain}
            request["files"] = {"image": picture()}
    return url, request


def _assert_climbed_nowhere(response: httpx.Response) -> None:
    # Without models no head can be cut, which is 503.
    assert response.status_code < 500 or response.json()["code"] == "models_missing", response.text
    for leak in (b"SQLite", b"root:", b"import ", b"Traceback"):
        assert leak not in response.content, response.request.url
    assert "x-evil" not in response.headers


async def test_no_parameter_of_the_backend_climbs(start: Start):
    """Each parameter of each operation, by the OpenAPI document, with each climb."""
    most = {"device_drawings_per_minute": 10**6, "address_drawings_per_minute": 10**6}
    asked = 0
    async with start(**most, max_live_cartoons=10**6) as service:
        await service.phone.upload()
        data = service.settings.data_dir
        outside = sorted(data.parent.iterdir())
        for method, path, where, name in _parameters(create_app(service.settings).openapi()):
            if path == "/api/device":
                continue  # deletes what it should, whatever else is said
            for climb in CLIMBS:
                url, request = _request(path, where, name, climb)
                try:
                    response = await service.http.request(method, url, **request)
                except (ValueError, httpx.InvalidURL, httpx.LocalProtocolError):
                    continue  # no client of ours would send that; the raw ones come below
                asked += 1
                _assert_climbed_nowhere(response)
        assert sorted(data.parent.iterdir()) == outside
        names = [file.name for file in service.files()]
        assert all(re.fullmatch(r"\d+_[A-Za-z0-9._-]+\.(jpg|png|webp)", name) for name in names)
    assert asked > 1000


@pytest.mark.timeout(3600)  # hundreds of pictures are drawn
async def test_no_parameter_of_the_ai_service_climbs(tmp_path: Path):
    for file in REQUIRED:
        (tmp_path / file.name).symlink_to(models_folder() / file.name)
    before = sorted(os.listdir(tmp_path))
    app = create_ai(AiSettings(workers=1, models_dir=tmp_path, log_level="error"))
    asked = 0
    async with running_ai(app) as ai:
        await until_ready(ai)
        for method, path, where, name in _parameters(app.openapi()):
            for climb in CLIMBS:
                url, request = _request(path, where, name, climb)
                try:
                    response = await ai.request(method, url, **request)
                except (ValueError, httpx.InvalidURL):
                    continue
                asked += 1
                _assert_climbed_nowhere(response)
    assert asked > 500
    assert sorted(os.listdir(tmp_path)) == before


def test_a_raw_request_line_climbs_nowhere(start_backend: StartBackend):
    """Clients tidy paths up; an attacker's does not."""
    backend = start_backend()
    for path in [f"/uploads/originals/{climb}" for climb in CLIMBS] + [
        "/uploads/../avatars.sqlite",
        "/../../../../etc/passwd",
        "http://evil/uploads/originals/../../avatars.sqlite",
        "/page/../../../../../etc/passwd",
        "/page/%2e%2e/%2e%2e/app.py",
        "*",
    ]:
        with socket.create_connection(
            ("127.0.0.1", backend.port), timeout=PATIENCE_S
        ) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Device-Id: a\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            response = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := connection.recv(65536):
                    response += chunk
        assert response.split(b" ", 2)[1:2] in ([b"400"], [b"404"], [b"405"], []), (path, response)
        assert b"SQLite" not in response
        assert b"root:" not in response
        assert b"import " not in response


async def test_odd_device_ids_get_files_of_their_own(start: Start):
    async with start() as service:
        responses = await asyncio.gather(
            *(Phone(service.http, name).upload() for name in ("a", "A", "a.", "a..", "-a", "a_a"))
        )
        assert {response.status_code for response in responses} == {201}
        names = {response.json()["original"]["filename"].lower() for response in responses}
        assert len(names) == len(responses) - (0 if len(names) == len(responses) else 1)
        for response in responses:
            assert (
                await service.http.get(response.json()["original"]["imageUrl"])
            ).status_code == 200
