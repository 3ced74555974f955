"""The rules of fetching, each against real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from cartoon_avatar.ai.errors import ImageUnreachable, UrlNotAllowed
from cartoon_avatar.ai.fetching import Fetcher, open_fetcher
from cartoon_avatar.ai.origins import Origin
from cartoon_avatar.contract.errors import AvatarError, FileTooLarge, InvalidImage
from tests.ai.conftest import saved, scene
from tests.engines.ports import free_ports

PNG = saved(scene(), "PNG")
Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A listening socket that remembers who came and what was asked."""

    def __init__(self) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self.port = 0


@asynccontextmanager
async def serving(*parts: bytes | float, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    """Answers every request with ``parts``; a number among them is a pause in seconds."""
    seen = Server()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            seen.heads.append(await reader.readuntil(b"\r\n\r\n"))
            for part in parts:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                else:
                    await asyncio.sleep(part)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(respond, host, 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def fetching(
    origin: str, *addresses: str, max_bytes: int = 100_000, timeout_s: float = 60
) -> AsyncIterator[Fetcher]:
    """A fetcher that trusts ``origin``; with ``addresses`` that is what names resolve to."""

    async def resolver(host: str, port: int) -> list[ipaddress.IPv4Address]:
        return [ipaddress.ip_address(address) for address in addresses]  # type: ignore[misc]

    more = {"resolver": resolver} if addresses else {}
    async with open_fetcher([origin], max_bytes=max_bytes, timeout_s=timeout_s, **more) as fetcher:
        yield fetcher


async def fetched_from(*parts: bytes | float, **limits: float) -> bytes:
    async with (
        serving(*parts) as server,
        fetching(f"http://127.0.0.1:{server.port}", **limits) as fetcher,  # type: ignore[arg-type]
    ):
        return await fetcher.fetch(f"http://127.0.0.1:{server.port}/a.png?sig=1")


async def test_a_picture_of_a_trusted_origin_is_fetched() -> None:
    async with serving(ok(PNG)) as server:
        origin = f"http://127.0.0.1:{server.port}"
        async with fetching(origin) as fetcher:
            assert await fetcher.fetch(f"{origin}/uploads/temp/a.png?exp=1&sig=2") == PNG
    head = server.heads[0].lower()
    assert head.startswith(b"get /uploads/temp/a.png?exp=1&sig=2 http/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in head
    assert b"host: 127.0.0.1:%d\r\n" % server.port in head


# {port} is the trusted server's, {other} another one's.
FORBIDDEN = [
    "http://127.0.0.1:{other}/a.png",
    "http://127.0.0.2:{port}/a.png",
    "http://localhost:{port}/a.png",
    "http://localhost.:{port}/a.png",
    "http://127.0.0.1.:{port}/a.png",
    "http://127.1:{port}/a.png",
    "http://2130706433:{port}/a.png",
    "http://0x7f000001:{port}/a.png",
    "http://0177.0.0.1:{port}/a.png",
    "http://0x7f.0.0.1:{port}/a.png",
    "http://127.000.000.001:{port}/a.png",
    "http://[::1]:{port}/a.png",
    "http://[::ffff:127.0.0.1]:{port}/a.png",
    "http://[::ffff:7f00:1]:{port}/a.png",
    "http://[64:ff9b::7f00:1]:{port}/a.png",
    "http://0.0.0.0:{port}/a.png",
    "http://0:{port}/a.png",
    "http://①②⑦.⓪.⓪.①:{port}/a.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/a.png",
    "http://192.168.0.1/a.png",
    "http://example.org/a.png",
    "https://127.0.0.1:{port}/a.png",
    "ftp://127.0.0.1:{port}/a.png",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "data:image/png;base64,AAAA",
    "HTTP:127.0.0.1:{port}/a.png",
    "//127.0.0.1:{port}/a.png",
    "http://user@127.0.0.1:{port}/a.png",
    "http://127.0.0.1:{port}@evil.test/a.png",
    "http://evil.test@127.0.0.1:{port}/a.png",
    "http://evil.test#@127.0.0.1:{port}/a.png",
    "http://127.0.0.1:{port}\\@evil.test/a.png",
    "http://127.0.0.1:{port}/a.png\r\nX-Injected: 1",
    "http://127.0.0.1:{port}/a.png\n",
    "http://127.0.0.1:{port}/a .png",
    "http://127.0.0.1:{port}/a\0.png",
    "http://127.0.0.1:0/a.png",
    "http://127.0.0.1:99999/a.png",
    "http://127.0.0.1:port/a.png",
    "http:///a.png",
    "http://[::1/a.png",
    "",
    "http://127.0.0.1:{port}/" + "a" * 9000,
    "http://0x7f.1:{port}/a.png",
    "http://127。0。0。1:{port}/a.png",
    "http://[::ffff:0:127.0.0.1]:{port}/a.png",
    "http://[2002:7f00:1::]:{port}/a.png",
    "http://[fe80::1%25lo]:{port}/a.png",
    "http://127.0.0.1%2f@evil.test:{port}/a.png",
    "http://127.0.0.1:{port}\t/a.png",
    "http://127.0.0.1\r\nHost: evil.test:{port}/a.png",
    "jar:http://127.0.0.1:{port}/a.png!/",
    "\0http://127.0.0.1:{port}/a.png",
]


@pytest.mark.parametrize("form", FORBIDDEN)
async def test_any_other_url_is_refused_and_nobody_is_called(form: str) -> None:
    async with serving(ok(PNG)) as server, serving(ok(PNG)) as trap:
        url = form.replace("{port}", str(server.port)).replace("{other}", str(trap.port))
        async with fetching(f"http://127.0.0.1:{server.port}") as fetcher:
            with pytest.raises(UrlNotAllowed):
                await fetcher.fetch(url)
        assert (server.connections, trap.connections) == (0, 0)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "::",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
async def test_a_trusted_name_that_comes_to_mean_a_forbidden_address_is_refused(
    address: str,
) -> None:
    async with (
        serving(ok(PNG), host="0.0.0.0") as trap,
        fetching(f"http://backend:{trap.port}", "127.0.0.1", address) as fetcher,
    ):
        with pytest.raises(UrlNotAllowed):
            await fetcher.fetch(f"http://backend:{trap.port}/a.png")
        assert trap.connections == 0


async def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    responses = [["127.0.0.1"], ["169.254.169.254"]]
    asked = []

    async def rebinding(host: str, port: int) -> list[ipaddress.IPv4Address]:
        asked.append(host)
        return [ipaddress.IPv4Address(address) for address in responses.pop(0)]

    async with serving(ok(PNG)) as server:
        origin = f"http://no-such-name.test:{server.port}"
        async with open_fetcher(
            [origin], max_bytes=100_000, timeout_s=60, resolver=rebinding
        ) as fetcher:
            assert await fetcher.fetch(f"{origin}/a.png") == PNG
            assert asked == ["no-such-name.test"]
            assert b"host: no-such-name.test" in server.heads[0].lower()
            with pytest.raises(UrlNotAllowed):
                await fetcher.fetch(f"{origin}/a.png")
        assert server.connections == 1


async def test_a_trusted_name_with_two_addresses_needs_only_one_that_listens() -> None:
    async with (
        serving(ok(PNG)) as server,
        fetching(f"http://backend:{server.port}", "127.0.0.9", "127.0.0.1") as fetcher,
    ):
        assert await fetcher.fetch(f"http://backend:{server.port}/a.png") == PNG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with serving(ok(PNG)) as trap:
        location = f"Location: http://127.0.0.1:{trap.port}/a.png".encode()
        redirect = b"HTTP/1.1 %d Moved\r\nContent-Length: 0\r\n%s\r\n\r\n" % (status, location)
        with pytest.raises(UrlNotAllowed):
            await fetched_from(redirect)
        assert trap.connections == 0


async def test_a_redirect_to_the_trusted_origin_itself_is_not_followed_either() -> None:
    with pytest.raises(UrlNotAllowed):
        await fetched_from(b"HTTP/1.1 302 Found\r\nLocation: /b.png\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",), ImageUnreachable),
        ((b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",), ImageUnreachable),
        ((b"HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n",), ImageUnreachable),
        ((b"SSH-2.0-OpenSSH\r\n",), ImageUnreachable),
        ((b"",), ImageUnreachable),
        ((ok(b""),), InvalidImage),
        ((ok(b"<!doctype html><title>Log in</title>"),), InvalidImage),
        ((ok(b"just text", b"Content-Type: image/png"),), InvalidImage),
        ((ok(PNG)[:-20],), ImageUnreachable),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n",), FileTooLarge),
        ((b"HTTP/1.1 200 OK\r\n\r\n" + PNG + bytes(100_000),), FileTooLarge),
        ((ENDLESS, *[b"4000\r\n" + PNG[:16] + bytes(16368) + b"\r\n"] * 99), FileTooLarge),
        ((ok(gzip.compress(PNG), b"Content-Encoding: gzip"),), ImageUnreachable),
        ((ok(gzip.compress(bytes(10**7)), b"Content-Encoding: gzip"),), ImageUnreachable),
        ((ok(PNG, b"Content-Encoding: br"),), ImageUnreachable),
        ((b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000,), ImageUnreachable),
    ],
)
async def test_what_is_no_honest_picture_is_refused(
    parts: tuple[bytes, ...], error: type[AvatarError]
) -> None:
    with pytest.raises(error):
        await fetched_from(*parts)


@pytest.mark.parametrize(
    "parts",
    [
        (600.0,),
        (b"HTTP/1.1 200 OK\r\n", *[b"X: 1\r\n", 0.1] * 6000),
        (b"HTTP/1.1 200 OK\r\n\r\n" + PNG[:16], *[b"a", 0.1] * 6000),
        (ENDLESS + b"10\r\n" + PNG[:16] + b"\r\n", *[b"1\r\na\r\n", 0.1] * 6000),
    ],
    ids=["silent", "slow head", "slow body", "endless drops"],
)
async def test_a_slow_server_is_given_up_on(parts: tuple[bytes | float, ...]) -> None:
    with pytest.raises(ImageUnreachable):
        await fetched_from(*parts, timeout_s=0.4)


async def test_nobody_listening_is_an_unreachable_picture() -> None:
    (port,) = free_ports(1)
    async with fetching(f"http://127.0.0.1:{port}") as fetcher:
        with pytest.raises(ImageUnreachable):
            await fetcher.fetch(f"http://127.0.0.1:{port}/a.png")


async def test_a_name_that_does_not_resolve_is_an_unreachable_picture() -> None:
    async with fetching("http://no-such-host.invalid:8000") as fetcher:
        with pytest.raises(ImageUnreachable):
            await fetcher.fetch("http://no-such-host.invalid:8000/a.png")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ok(PNG)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name)
        assert await fetched_from(ok(PNG)) == PNG
        assert proxy.connections == 0


@pytest.mark.parametrize("url", ["http://backend", "http://backend:80", "http://BACKEND:80/"])
def test_an_origin_is_the_same_with_its_port_named_or_not(url: str) -> None:
    assert Origin.of(url) == Origin("http", "backend", 80)
