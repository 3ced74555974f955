"""What does it cost that a picture survives a power cut?

The same uploads with the data folder on disk and in memory, where fsync does nothing.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from measuring import Load, ai_stub, backend, folder, form, portrait, print_table, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--uploads", type=int, default=40, help="of each side in each run")
    parser.add_argument("--disk", help="folder on the disk to measure; by default the system's")
    parser.add_argument("--memory", default="/dev/shm", help="folder of a tmpfs")
    arguments = parser.parse_args()

    body = form(portrait(2_000_000))
    rows = []
    with (
        folder(arguments.disk) as disk,
        folder(arguments.memory) as memory,
        ai_stub() as ai,
        backend(Path(disk), ai.url) as synced,
        backend(Path(memory), ai.url) as unsynced,
    ):
        for clients in (1, 8):
            p50_ms: dict[str, list[float]] = {"disk": [], "memory": []}
            for run in range(-1, arguments.runs):
                for name, service in (("disk", synced), ("memory", unsynced)):
                    load = Load(clients, arguments.uploads)
                    load.run(service.url, lambda client: client.upload(body))
                    assert set(load.statuses) == {201}, load.statuses
                    if run >= 0:
                        p50_ms[name].append(1000 * statistics.median(load.latencies_s))
            more = [a - b for a, b in zip(p50_ms["disk"], p50_ms["memory"], strict=True)]
            rows.append([clients, *(spread(values) for values in (*p50_ms.values(), more))])
    print_table(["clients", "p50 on disk, ms", "in memory, ms", "the difference, ms"], rows)


if __name__ == "__main__":
    main()
