"""Does the backend's memory grow with the requests it has answered?

Uploads, regenerations, downloads, lists, files, deletions and requests that are refused,
mixed as phones would, against an AI service that answers at once.
"""

from __future__ import annotations

import argparse
import json
import random
from functools import partial

import numpy as np
from measuring import (
    Client,
    Load,
    ai_stub,
    backend,
    folder,
    form,
    portrait,
    print_table,
    spread,
)

# The first requests fill caches that are bounded; a leak goes on.
WARM_SHARE = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=10_000, help="in each run")
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()

    photo, broken = form(portrait(50_000)), form(b"no picture")
    slopes, starts, ends = [], [], []
    for run in range(arguments.runs):
        with folder() as data, ai_stub() as ai, backend(data, ai.url) as service:
            chance = random.Random(run)
            step = max(1, arguments.requests // 40)
            done, held_mb = [], []
            while (done[-1] if done else 0) < arguments.requests:
                load = Load(arguments.clients, step)
                load.run(
                    service.url, partial(_something, chance=chance, photo=photo, broken=broken)
                )
                assert not [status for status in load.statuses if status >= 500], load.statuses
                done.append((done[-1] if done else 0) + step)
                held_mb.append(service.memory_bytes() / 1e6)
        warm = [n for n, count in enumerate(done) if count > WARM_SHARE * arguments.requests]
        slope, _ = np.polyfit([done[n] / 1000 for n in warm], [held_mb[n] for n in warm], 1)
        slopes.append(float(slope))
        starts.append(held_mb[warm[0]])
        ends.append(held_mb[-1])
    print_table(
        ["what", "MB"],
        [
            ["warm", spread(starts)],
            [f"after {arguments.requests:,} requests", spread(ends)],
            ["slope for 1,000 requests", spread(slopes, 3)],
        ],
    )


def _something(client: Client, chance: random.Random, photo: bytes, broken: bytes):
    kind = chance.random()
    if kind < 0.25:
        return client.upload(photo)
    if kind < 0.35:
        return client.upload(broken)
    if kind < 0.45:
        return client.ask("GET", "/api/downloaded-faces")
    if kind < 0.5:
        return client.ask("POST", "/api/regenerate/nothing")
    listed = client.ask("GET", "/api/originals?limit=5")
    items = json.loads(listed.data)["items"]
    if not items or kind < 0.6:
        return listed
    one = chance.choice(items)
    if kind < 0.8:
        return client.ask("GET", one["imageUrl"])
    if kind < 0.9:
        return client.ask("POST", f"/api/regenerate/{one['id']}")
    if kind < 0.95:
        detail = json.loads(client.ask("GET", f"/api/originals/{one['id']}").data)
        cartoons = detail.get("cartoons")
        return client.ask("POST", f"/api/download/{cartoons[0]['id']}") if cartoons else listed
    return client.ask("DELETE", f"/api/originals/{one['id']}")


if __name__ == "__main__":
    main()
