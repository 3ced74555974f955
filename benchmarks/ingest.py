"""How many photos a second does the backend take in, where drawing costs nothing?

Against the original design in Express + multer: as it stands; with the fsync that we do; and
with the rest of what we do to a photo (thumbnail, checksum, one transaction) besides.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack

from measuring import Load, ai_stub, backend, express, folder, form, portrait, print_table, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--uploads", type=int, default=60, help="of each side in each run")
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()

    rows = []
    with ExitStack() as stack:
        ai = stack.enter_context(ai_stub())

        def started(side, *more, **environment):
            data = stack.enter_context(folder())
            return stack.enter_context(side(data, ai.url, *more, **environment))

        sides = {
            "ours, one process": started(backend),
            "ours, two processes": started(backend, workers=2),
            "Express": started(express),
            "Express + fsync": started(express, FSYNC="1"),
            "Express + fsync + the rest": started(express, FSYNC="1", EXTRAS="1"),
        }
        for size_bytes in (200_000, 2_000_000):
            body = form(portrait(size_bytes))
            per_s = {name: [] for name in sides}
            cpu_ms = {name: [] for name in sides}
            for run in range(-1, arguments.runs):
                for name, service in sides.items():
                    load = Load(arguments.clients, arguments.uploads)
                    before = service.cpu_s()
                    load.run(service.url, lambda client, body=body: client.upload(body))
                    assert set(load.statuses) == {201}, load.statuses
                    if run >= 0:  # the first only warms
                        per_s[name].append(load.per_s)
                        spent_s = service.cpu_s() - before
                        cpu_ms[name].append(1000 * spent_s / arguments.uploads)
            one, two, *peers = (statistics.median(per_s[name]) for name in sides)
            for name, rate in zip(sides, (one, two, *peers), strict=True):
                rows.append(
                    [
                        f"{size_bytes / 1e6:g} MB", name, spread(per_s[name]), spread(cpu_ms[name]),
                        f"{one / rate:.2f}", f"{two / rate:.2f}",
                    ]
                )  # fmt: skip
    columns = ["photo", "side", "uploads/s", "CPU ms an upload", "our one ÷ it", "our two ÷ it"]
    print_table(columns, rows)


if __name__ == "__main__":
    main()
