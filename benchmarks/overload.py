"""What becomes of the service when more photos come than it can draw?

Photos arrive at random times whatever the answers do (open loop, Poisson), in rounds of one from
each of ten phones.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import statistics
import threading
import time

from measuring import (
    Client,
    Load,
    Service,
    ai_service,
    backend,
    folder,
    form,
    free_url,
    percentile,
    portrait,
    print_table,
    spread,
)

PHONES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12, help="of each load in each run")
    arguments = parser.parse_args()

    body = form(portrait(200_000))
    url = free_url()
    peaks: list[float] = []
    seen: dict[int, list[tuple[float, ...]]] = {2: [], 10: []}
    with (
        folder() as data,
        ai_service(AI_TRUSTED_ORIGINS=url) as ai,
        backend(data, ai.url, url) as service,
    ):
        clients = 2 * (os.cpu_count() or 1)
        Load(clients, clients).run(url, lambda client: client.upload(body))
        for _ in range(arguments.runs):
            load = Load(clients, max(8, round(arguments.seconds)))
            load.run(url, lambda client: client.upload(body))
            assert set(load.statuses) == {201}, load.statuses
            peaks.append(load.per_s)
            for times, results in seen.items():
                results.append(_open_loop(service, body, times * load.per_s, arguments.seconds))

    rows: list[list[object]] = [["closed loop", spread(peaks, 2), *[""] * 5]]
    for times, results in seen.items():
        goodput, refused_ms, worst_ms, waited_s, least, odd = zip(*results, strict=True)
        kept = [good / peak for good, peak in zip(goodput, peaks, strict=True)]
        rows.append(
            [
                f"{times} × capacity", spread(goodput, 2), spread(kept, 2), spread(refused_ms),
                f"{statistics.median(worst_ms):.1f}", spread(waited_s), f"{min(least):.0f}",
            ]
        )  # fmt: skip
        assert sum(odd) == 0, "answers other than 201 and refusals with Retry-After"
    print_table(
        [
            "load", "pictures/s", "÷ peak", "refused within ms, p50", "p99",
            "longest wait s", "fewest for a phone",
        ],
        rows,
    )  # fmt: skip


def _open_loop(
    service: Service, body: bytes, per_s: float, seconds: float
) -> tuple[float, float, float, float, float, float]:
    drawn: list[float] = []
    refused_ms: list[float] = []
    odd: list[int] = []
    phones: collections.Counter[int] = collections.Counter()

    def one(phone: int) -> None:
        started = time.perf_counter()
        with Client(service.url, f"phone-{phone}") as client:
            answer = client.upload(body)
        took_s = time.perf_counter() - started
        if answer.status == 201:
            drawn.append(took_s)
            phones[phone] += 1
        elif answer.status in (429, 503) and int(answer.headers.get("retry-after", 0)) > 0:
            refused_ms.append(1000 * took_s)
        else:
            odd.append(answer.status)

    chance = random.Random(0)
    order: list[int] = []
    threads = []
    started = at = time.perf_counter()
    for _ in range(round(per_s * seconds)):
        at += chance.expovariate(per_s)
        time.sleep(max(0, at - time.perf_counter()))
        order = order or chance.sample(range(PHONES), PHONES)
        threads.append(threading.Thread(target=one, args=(order.pop(),)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - started
    return (
        len(drawn) / took_s,
        percentile(refused_ms or [0], 0.5),
        percentile(refused_ms or [0], 0.99),
        max(drawn, default=0),
        min(phones[phone] for phone in range(PHONES)),
        len(odd),
    )


if __name__ == "__main__":
    main()
