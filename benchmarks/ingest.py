"""How many photos a second does the backend take in, where drawing costs nothing?

Against the original design in Express + multer, as it stands and with the fsync that we do.
"""

from __future__ import annotations

import argparse
import statistics

from measuring import Load, ai_stub, backend, express, folder, form, portrait, print_table, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--uploads", type=int, default=60, help="of each side in each run")
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()

    rows = []
    with folder() as data, ai_stub() as ai:
        for name in ("ours", "literal", "synced"):
            (data / name).mkdir()
        with (
            backend(data / "ours", ai.url) as ours,
            express(data / "literal", ai.url) as literal,
            express(data / "synced", ai.url, FSYNC="1") as synced,
        ):
            sides = {"ours": ours, "Express": literal, "Express + fsync": synced}
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
                for name in sides:
                    faster = statistics.median(per_s["ours"]) / statistics.median(per_s[name])
                    leaner = statistics.median(cpu_ms[name]) / statistics.median(cpu_ms["ours"])
                    rows.append(
                        [
                            f"{size_bytes / 1e6:g} MB", name, spread(per_s[name]), f"{faster:.2f}",
                            spread(cpu_ms[name]), f"{leaner:.2f}",
                        ]
                    )  # fmt: skip
    print_table(["photo", "side", "uploads/s", "ours ÷ it", "CPU ms an upload", "it ÷ ours"], rows)


if __name__ == "__main__":
    main()
