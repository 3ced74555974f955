"""What becomes of the service when more photos come than it can draw?

Photos arrive at random times whatever the answers do (open loop, Poisson), in rounds of one from
each of ten phones, each photo on a connection of its own and sent whole. The peak is a closed
loop's that lasts as long: in a dozen pictures, a second of work, the last is drawn alone, on one
core of all, for so large a part of the time that the peak looks lower than it is.

The client has the same cores as the service, so it is one event loop with its requests prepared,
and what it takes of the processor is in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import os
import random
import re
import time
from typing import NamedTuple
from urllib.parse import urlsplit

import uvloop
from measuring import (
    FORM,
    Load,
    Service,
    ai_service,
    backend,
    folder,
    form,
    free_url,
    percentile,
    port_of,
    portrait,
    print_table,
    spread,
)

PHONES = 10
_REFUSED = re.compile(rb"http/1\.1 (429|503) ")
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *[1-9][0-9]*\r\n")


class Outcome(NamedTuple):
    """Of one open loop. ``backend_ms`` and ``client_ms``: processor time for each request."""

    per_s: float
    refused_ms: list[float]
    longest_s: float
    fewest: int
    backend_ms: float
    client_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12, help="of each load in each run")
    arguments = parser.parse_args()

    body = form(portrait(200_000))
    url = free_url()
    peaks: list[float] = []
    seen: dict[int, list[Outcome]] = {2: [], 10: []}
    with (
        folder() as data,
        ai_service(AI_TRUSTED_ORIGINS=url) as ai,
        backend(data, ai.url, url) as service,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        clients = 2 * (os.cpu_count() or 1)
        per_s = _peak(url, body, clients, 4 * clients)
        for _ in range(arguments.runs):
            per_s = _peak(url, body, clients, max(8, round(per_s * arguments.seconds)))
            peaks.append(per_s)
            for times, outcomes in seen.items():
                load = _open_loop(service, body, times * per_s, arguments.seconds)
                outcomes.append(runner.run(load))

    rows: list[list[object]] = [["closed loop", spread(peaks, 2), *[""] * 7]]
    for times, outcomes in seen.items():
        kept = [outcome.per_s / peak for outcome, peak in zip(outcomes, peaks, strict=True)]
        rows.append(
            [
                f"{times} × capacity",
                spread([outcome.per_s for outcome in outcomes], 2),
                spread(kept, 2),
                spread([percentile(outcome.refused_ms, 0.5) for outcome in outcomes]),
                spread([percentile(outcome.refused_ms, 0.99) for outcome in outcomes]),
                spread([outcome.longest_s for outcome in outcomes]),
                min(outcome.fewest for outcome in outcomes),
                spread([outcome.backend_ms for outcome in outcomes], 2),
                spread([outcome.client_ms for outcome in outcomes], 2),
            ]
        )
    print_table(
        [
            "load", "pictures/s", "÷ peak", "refused within ms, p50", "p99", "longest wait s",
            "fewest for a phone", "backend CPU ms a request", "client CPU ms",
        ],
        rows,
    )  # fmt: skip


def _peak(url: str, body: bytes, clients: int, total: int) -> float:
    load = Load(clients, total)
    load.run(url, lambda client: client.upload(body))
    assert set(load.statuses) == {201}, load.statuses
    return load.per_s


async def _open_loop(service: Service, body: bytes, per_s: float, seconds: float) -> Outcome:
    host, port = urlsplit(service.url).hostname, port_of(service.url)
    requests = [
        f"POST /api/upload HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
        f"X-Device-Id: phone-{phone}\r\nContent-Type: {FORM}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for phone in range(PHONES)
    ]
    drawn_s: list[float] = []
    refused_ms: list[float] = []
    odd: list[bytes] = []
    phones: collections.Counter[int] = collections.Counter()

    async def one(phone: int) -> None:
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(requests[phone])
        answer = await reader.read()  # to the end: the server was told to close
        writer.close()
        took_s = time.perf_counter() - started
        head = answer.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
        if head.startswith(b"http/1.1 201"):
            drawn_s.append(took_s)
            phones[phone] += 1
        elif _REFUSED.match(head) and _RETRY_AFTER.search(head):
            refused_ms.append(1000 * took_s)
        else:
            odd.append(answer)

    chance = random.Random(0)
    order: list[int] = []
    total = round(per_s * seconds)
    cpu_s = service.cpu_s(), time.process_time()
    started = at = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(total):
            at += chance.expovariate(per_s)
            await asyncio.sleep(max(0, at - time.perf_counter()))
            order = order or chance.sample(range(PHONES), PHONES)
            group.create_task(one(order.pop()))
    took_s = time.perf_counter() - started
    assert not odd, f"neither 201 nor a refusal with Retry-After: {odd[0][:500]!r}"
    return Outcome(
        per_s=len(drawn_s) / took_s,
        refused_ms=refused_ms or [0],
        longest_s=max(drawn_s, default=0),
        fewest=min(phones[phone] for phone in range(PHONES)),
        backend_ms=1000 * (service.cpu_s() - cpu_s[0]) / total,
        client_ms=1000 * (time.process_time() - cpu_s[1]) / total,
    )


if __name__ == "__main__":
    main()
