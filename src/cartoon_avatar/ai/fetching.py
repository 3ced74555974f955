"""The only code that opens a URL.

A URL is fetched if its origin stands, exactly so, among the trusted ones; then its host is
resolved, every address is judged, and the connection is made to a judged address and no
other, so that a name cannot change its meaning in between. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import httpx

from cartoon_avatar.ai.errors import ImageUnreachable, UrlNotAllowed
from cartoon_avatar.ai.origins import Origin
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of
from cartoon_avatar.contract.errors import FileTooLarge, InvalidImage

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[list[Address]]]

_LONGEST_URL = 8192
# Metadata services of clouds, which hand out credentials; 169.254.169.254 is link-local anyway.
_METADATA = {
    ipaddress.ip_address("100.100.100.200"),
    ipaddress.ip_address("fd00:ec2::254"),
    ipaddress.ip_address("168.63.129.16"),
}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def resolve(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


@dataclass(frozen=True, slots=True)
class Fetcher:
    trusted: frozenset[Origin]
    max_bytes: int
    timeout_s: float
    http: httpx.AsyncClient
    resolver: Resolver = resolve

    def check(self, url: str) -> Origin:
        """Raises ``UrlNotAllowed`` for a URL whose origin is not trusted; opens nothing."""
        try:
            if len(url) > _LONGEST_URL:
                raise ValueError("too long")
            origin = Origin.of(url)
        except ValueError as error:
            raise UrlNotAllowed("The URL is not a plain http(s) URL.") from error
        if origin not in self.trusted:
            raise UrlNotAllowed("Pictures are fetched from trusted origins only.")
        return origin

    async def fetch(self, url: str) -> bytes:
        """The picture file at ``url``."""
        origin = self.check(url)
        try:
            async with asyncio.timeout(self.timeout_s):
                addresses = await self._judged_addresses(origin)
                for address in addresses[:-1]:
                    try:
                        return await self._fetch_from(address, url)
                    except httpx.ConnectError:
                        pass  # "localhost" has two addresses and often one listener
                return await self._fetch_from(addresses[-1], url)
        except TimeoutError as error:
            raise ImageUnreachable(
                f"The picture did not arrive within {self.timeout_s:g} s."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ImageUnreachable("The picture could not be fetched.") from error

    async def _judged_addresses(self, origin: Origin) -> list[Address]:
        try:
            # The operator wrote this very address down: it is what is meant.
            return [ipaddress.ip_address(origin.host)]
        except ValueError:
            pass
        addresses = await self.resolver(origin.host, origin.port)
        if not addresses or any(_is_never_a_backend(address) for address in addresses):
            raise UrlNotAllowed("The URL's host has an address that pictures never come from.")
        return addresses

    async def _fetch_from(self, address: Address, url: str) -> bytes:
        requested = httpx.URL(url)
        request = self.http.build_request(
            "GET",
            requested.copy_with(host=str(address)),
            # A compressed body could unpack to anything: it is neither asked for nor read.
            headers={
                "Host": requested.netloc.decode("ascii"),
                "Accept": "image/*",
                "Accept-Encoding": "identity",
            },
            extensions={"sni_hostname": requested.host},
        )
        response = await self.http.send(request, stream=True)
        try:
            return await self._body_of(response)
        finally:
            await response.aclose()

    async def _body_of(self, response: httpx.Response) -> bytes:
        if response.is_redirect:
            raise UrlNotAllowed("The URL redirects; redirects are not followed.")
        if response.status_code != 200:
            raise ImageUnreachable(
                f"The picture could not be fetched: its server answered {response.status_code}."
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise ImageUnreachable("The picture's server sent it compressed, unasked.")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            raise FileTooLarge(self.max_bytes)

        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > self.max_bytes:
                raise FileTooLarge(self.max_bytes)
            if len(data) >= 16:
                _check_type(data)
        _check_type(data)
        return bytes(data)


def _check_type(data: bytearray) -> None:
    if media_type_of(bytes(data[:HEAD_BYTES])) is None:
        raise InvalidImage("What the URL gave is not an image of an accepted type.")


def _is_never_a_backend(address: Address) -> bool:
    """Addresses that no trusted name may come to mean. Private ones are where backends live."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            # Written so that a check of the outer address says nothing about the inner one.
            return True
    return (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )


@asynccontextmanager
async def open_fetcher(
    trusted_origins: list[str], *, max_bytes: int, timeout_s: float, resolver: Resolver = resolve
) -> AsyncGenerator[Fetcher]:
    async with httpx.AsyncClient(
        follow_redirects=False,
        # No proxies, no .netrc: the connection goes where it was decided to go.
        trust_env=False,
        timeout=timeout_s,
        # Kept connections are filed under the address and might be another name's.
        limits=httpx.Limits(max_keepalive_connections=0),
    ) as http:
        trusted = frozenset(Origin.parse(origin) for origin in trusted_origins)
        yield Fetcher(trusted, max_bytes, timeout_s, http, resolver)
