"""Requests a minute, by network address and by device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute

from cartoon_avatar.backend.errors import TooManyRequests
from cartoon_avatar.backend.state import State

Client = IPv4Address | IPv4Network | IPv6Address | IPv6Network


# Wrong recovery codes an hour. A code has a hundred bits, so these limits only bound the cost of
# guessing; the limit for all addresses is high, so that an attacker cannot easily lock others out.
_CODES_OF_ONE, _CODES_OF_ALL = RateLimitItemPerHour(10), RateLimitItemPerHour(2000)
_CODES_WINDOW_S = 3600
# Of one device an hour.
_REPORTS = 20


async def limit_address(request: Request, backend: State) -> None:
    address = client_address(request, backend.settings.trusted_networks)
    if address is not None:
        per_minute = backend.settings.address_drawings_per_minute
        await _count(backend, per_minute, "address", str(address))


async def limit_device(backend: State, device_id: str) -> None:
    """Call it only for an admitted device, or strangers use up the requests of a locked one."""
    await _count(backend, backend.settings.device_drawings_per_minute, "device", device_id)


async def require_code_tries(request: Request, backend: State) -> None:
    """Raise TooManyRequests where an address, or all of them, named too many wrong codes."""
    for limit, *who in _code_tries(request, backend):
        if not await backend.limiter.test(limit, *who):
            raise TooManyRequests.of_codes(retry_after_s=_CODES_WINDOW_S)


async def note_wrong_code(request: Request, backend: State) -> None:
    for limit, *who in _code_tries(request, backend):
        await backend.limiter.hit(limit, *who)


def _code_tries(request: Request, backend: State) -> Iterator[tuple[RateLimitItem, str, str]]:
    address = client_address(request, backend.settings.trusted_networks)
    yield _CODES_OF_ALL, "codes", "all"
    if address is not None:
        yield _CODES_OF_ONE, "codes", str(address)


async def limit_previews(backend: State, device_id: str) -> None:
    """A sheet of all styles costs as much as a few drawings, and is asked for once a photo."""
    per_minute = max(1, backend.settings.device_drawings_per_minute // 4)
    await _count(backend, per_minute, "device", device_id, what="previews")


async def limit_reports(backend: State, device_id: str) -> None:
    if not await backend.limiter.hit(RateLimitItemPerHour(_REPORTS), "reports", device_id):
        raise TooManyRequests.of_reports(_REPORTS)


async def _count(backend: State, per_minute: int, kind: str, who: str, what: str = "") -> None:
    limit = RateLimitItemPerMinute(per_minute)
    if not await backend.limiter.hit(limit, kind + what, who):
        raise TooManyRequests.of(kind, per_minute)


def client_address(request: Request, trusted: Sequence[IPv4Network | IPv6Network]) -> Client | None:
    """The client's network address; for IPv6 its /64, which is what one customer has.

    X-Forwarded-For is read from its end, where the proxy next to us wrote, and only as long
    as each address on the way is of a trusted proxy.
    """
    if request.client is None:
        return None
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    address = _parsed(request.client.host)
    while address is not None and hops and any(address in network for network in trusted):
        forwarded = _parsed(_without_port(hops.pop()))
        if forwarded is None:
            break
        address = forwarded
    if isinstance(address, IPv6Address):
        return IPv6Network((address, 64), strict=False)
    return address


@lru_cache(maxsize=256)  # the same few proxies ask for every picture
def is_proxy(host: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = _parsed(host)
    return address is not None and any(address in network for network in trusted)


def _without_port(hop: str) -> str:
    """Some proxies write `192.0.2.1:4711`, `[2001:db8::1]:4711` or `"[2001:db8::1]"`."""
    hop = hop.strip().strip('"')
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
