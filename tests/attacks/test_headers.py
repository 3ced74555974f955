"""Headers that lie: hosts, proxies, ranges, origins, line breaks."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from tests.attacks.conftest import Start
from tests.backend.conftest import Phone, Service, picture
from tests.faults.conftest import StartBackend
from tests.patience import PATIENCE_S

SPOOFED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "host=evil.example;proto=gopher",
    "X-Original-URL": "/metrics",
    "X-Rewrite-URL": "/metrics",
    "X-HTTP-Method-Override": "DELETE",
}


@pytest.mark.parametrize("proxies", [[], ["127.0.0.1"]])
@pytest.mark.parametrize("public", [None, "https://good.example/base/"])
async def test_no_address_is_made_of_what_a_client_says(
    start: Start, public: str | None, proxies: list[str]
):
    async with start(public_url=public, trusted_proxies=proxies) as service:
        phone = service.phone
        uploaded = await phone.upload(headers=SPOOFED)
        responses = [
            uploaded,
            await phone.get("/api/originals", headers=SPOOFED),
            await phone.get("/api/originals/", headers=SPOOFED),
            await phone.get("/docs/", headers=SPOOFED),
            await phone.get("/page", headers=SPOOFED),
            await phone.get("//evil.example/", headers=SPOOFED),
            await phone.get("/uploads/temp", headers=SPOOFED),
            await service.http.get("/", headers={**SPOOFED, "Accept": "application/json"}),
            await service.http.get("/openapi.json", headers=SPOOFED),
        ]
        for response in responses:
            assert "evil" not in response.text
            assert "evil" not in str(response.headers)
            assert "gopher" not in response.text
        start_of_url = "https://good.example/base/uploads/" if public else "/uploads/"
        assert uploaded.json()["original"]["imageUrl"].startswith(start_of_url)
        detail = await phone.get(f"/api/originals/{uploaded.json()['original']['id']}")
        assert detail.status_code == 200
        for request in service.ai.requests:
            assert b"evil" not in request.content
            assert "evil" not in str(request.headers)


async def test_forwarded_addresses_are_believed_of_trusted_proxies_alone(start: Start):
    """The client of these tests is 127.0.0.1; each new address may ask twice a minute."""

    async def asks(service: Service, *forwarded: str) -> list[int]:
        return [
            (
                await service.phone.post("/api/regenerate/x", headers={"X-Forwarded-For": value})
            ).status_code
            for value in forwarded
        ]

    async with start(address_drawings_per_minute=2) as service:
        assert await asks(service, "1.1.1.1", "2.2.2.2", "3.3.3.3") == [404, 404, 429]
    limits = {"address_drawings_per_minute": 2, "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}
    async with start(**limits) as service:
        # Another address each, behind the proxy; the left of the list is the client's word.
        assert await asks(service, "1.1.1.1", "1.1.1.1", "1.1.1.1") == [404, 404, 429]
        assert await asks(service, "2.2.2.2") == [404]
        assert await asks(service, "6.6.6.6, 3.3.3.3", "7.7.7.7, 3.3.3.3", "3.3.3.3") == [
            404,
            404,
            429,
        ]
        assert await asks(service, "4.4.4.4, 10.1.2.3", "4.4.4.4", "10.9.9.9, 4.4.4.4") == [
            404,
            404,
            429,
        ]
        # One customer's IPv6 network is one address.
        assert await asks(service, "2001:db8::1", "2001:db8::2", "2001:db8::ffff:1") == [
            404,
            404,
            429,
        ]
        assert await asks(service, "2001:db8:0:1::1") == [404]
        # With a port or in brackets, as some proxies write them.
        ported = ["5.5.5.5:4711", "5.5.5.5:4712", "5.5.5.5"]
        assert await asks(service, *ported) == [404, 404, 429]
        bracketed = ["[2001:db8:0:2::1]:4711", '"[2001:db8:0:2::2]"', "[2001:db8:0:2::3]"]
        assert await asks(service, *bracketed) == [404, 404, 429]
        assert await asks(service, "7.7.7.7, [::ffff:10.1.2.3]:80", "7.7.7.7:80") == [404, 404]
        # Nonsense counts as the proxy itself.
        assert await asks(service, "nonsense", "", "<script>") == [404, 404, 429]


def test_a_proxy_that_is_no_address_is_refused(start: Start):
    with pytest.raises(ValueError, match="does not appear to be"):
        start(trusted_proxies=["proxy.example"])


async def test_limits_tell_when_to_come_back(start: Start):
    async with start(device_drawings_per_minute=1, address_drawings_per_minute=3) as service:
        first = await service.phone.upload()
        device = await service.phone.upload()
        for _ in range(2):
            address = await service.another_phone(f"phone-{_}").upload()
        for response in (device, address):
            assert (response.status_code, response.json()["code"]) == (429, "too_many_requests")
            assert 0 < int(response.headers["retry-after"]) <= 60
        assert (await service.phone.get("/api/originals")).status_code == 200
        assert (await service.http.get(first.json()["original"]["imageUrl"])).status_code == 200


async def test_live_cartoons_are_capped_per_device_even_at_once(start: Start):
    async with start(max_live_cartoons=5) as service:
        original = (await service.phone.upload()).json()["original"]["id"]
        for _ in range(4):
            assert (await service.phone.post(f"/api/regenerate/{original}")).status_code == 201
        responses = await asyncio.gather(
            *(service.phone.post(f"/api/regenerate/{original}") for _ in range(5))
        )
        for response in responses:
            assert (response.status_code, response.json()["code"]) == (429, "too_many_cartoons")
            assert int(response.headers["retry-after"]) > 0
        assert (await service.another_phone().upload()).status_code == 201


async def test_other_origins_are_told_nothing_unless_named(start: Start):
    evil = {"Origin": "https://evil.example"}
    preflight = {**evil, "Access-Control-Request-Method": "POST"}
    async with start() as service:
        url = (await service.phone.upload()).json()["original"]["imageUrl"]
        for response in (
            await service.http.options("/api/upload", headers=preflight),
            await service.phone.get("/api/originals", headers=evil),
            await service.http.get(url, headers=evil),
        ):
            assert not [name for name in response.headers if name.startswith("access-control")]
    async with start(cors_origins=["https://good.example"]) as service:
        good = {**preflight, "Origin": "https://good.example"}
        allowed = await service.http.options("/api/upload", headers=good)
        assert allowed.headers["access-control-allow-origin"] == "https://good.example"
        assert "access-control-allow-credentials" not in allowed.headers
        response = await service.http.options("/api/upload", headers=preflight)
        assert "access-control-allow-origin" not in response.headers
        response = await service.phone.get("/api/originals", headers=evil)
        assert "access-control-allow-origin" not in response.headers
        # A page that may ask reads what was wrong, too.
        too_large = {"Origin": good["Origin"], "Content-Length": "99999999"}
        response = await service.phone.post("/api/upload", headers=too_large)
        assert response.status_code == 413
        assert response.headers["access-control-allow-origin"] == good["Origin"]


async def test_files_are_private_and_can_do_nothing_in_a_browser(service: Service):
    body = (await service.phone.upload()).json()
    for url in (
        body["original"]["imageUrl"],
        body["original"]["thumbnailUrl"],
        body["cartoon"]["imageUrl"],
    ):
        for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}):
            response = await service.http.get(url, headers=headers)
            # For its owner's browser alone, and for good: its name is never another's.
            assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert response.headers["referrer-policy"] == "no-referrer"
            assert "set-cookie" not in response.headers
    for path in ("/", "/docs"):
        policy = (await service.http.get(path)).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
    for path in ("/api/originals", f"/api/originals/{body['original']['id']}", "/api/originals/x"):
        response = await service.phone.get(path)
        assert "no-store" in response.headers.get("cache-control", ""), path


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)),
        "bytes=0-" + "9" * 5000,
        "bytes=-" + "9" * 5000,
        "bytes=" + "9" * 5000 + "-",
        "bytes=0-0,0-",
        "bytes=5-2",
        "bytes=--1",
        "bytes=0x1-0x2",
        "bytes=٠-٩",
        "lines=1-2",
        "bytes=",
        "-",
        "bytes=0-18446744073709551616",
        "bytes=9223372036854775808-",
    ],
)
async def test_a_range_that_is_abuse_costs_one_file(service: Service, asked: str):
    url = (await service.phone.upload()).json()["original"]["imageUrl"]
    whole = await service.http.get(url)
    response = await service.http.get(url, headers={"Range": asked.encode()})
    assert response.status_code in (200, 206, 416), response.text
    assert len(response.content) <= len(whole.content)


def test_a_line_break_in_a_name_makes_no_header(start_backend: StartBackend):
    backend = start_backend()
    for path, header in (
        ("/api/originals/a%0d%0aX-Evil:%201", "X-A: b"),
        ("/api/originals?deviceId=a%0d%0aX-Evil:%201", "X-A: b"),
        ("/uploads/originals/1_a.jpg?signature=%0d%0aX-Evil:%201", "X-A: b"),
        ("/", "X-Request-Id: a\x0bX-Evil: 1"),
        ("/", "X-Request-Id: " + "a" * 9000),
        ("/api/originals", "X-Device-Id: a\rX-Evil: 1"),
        ("/api/originals", "Idempotency-Key: a\x00b"),
    ):
        with socket.create_connection(
            ("127.0.0.1", backend.port), timeout=PATIENCE_S
        ) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n\r\n"
            connection.sendall(head.encode("latin-1"))
            response = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := connection.recv(65536):
                    response += chunk
        assert b"\r\nx-evil" not in response.partition(b"\r\n\r\n")[0].lower(), response
        assert response[9:10] in (b"2", b"4", b""), response[:100]


async def test_a_photo_is_served_as_what_it_is_whatever_it_was_called(service: Service):
    phone = Phone(service.http, "phone-1")
    page = b"<script>alert(1)</script>"
    polyglot = picture("gif") + page
    response = await phone.post("/api/upload", files={"image": ("a.html", polyglot, "text/html")})
    opened = await service.http.get(response.json()["original"]["imageUrl"])
    assert opened.headers["content-type"] == "image/gif"
    assert page not in opened.content  # what follows the picture is cut off
