"""How many photos a second does the backend take in, where drawing costs nothing?

Against the original design in Express + multer: as it stands; with the fsync that we do; and
with the rest of what we do to a photo (thumbnail, checksum, one transaction) besides. Sent by
``wrk``: a client in Python takes a third of what the machine has. The floor is the least that a
Python server can do and still keep what it answers for, by hand and with the libraries that we
use (``peers/floor.py``).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

from measuring import (
    FORM,
    ai_stub,
    asked_by_wrk,
    backend,
    express,
    folder,
    form,
    portrait,
    print_table,
    spread,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each side in each run")
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("not on the PATH: wrk (apt install wrk)")

    rows = []
    with ExitStack() as stack:
        ai = stack.enter_context(ai_stub())

        def started(side, *more, **environment):
            data = stack.enter_context(folder())
            return stack.enter_context(side(data, ai.url, *more, **environment))

        sides = {
            "ours, one process": started(backend),
            "ours, two processes": started(backend, workers=2),
            "floor, one process": started(backend, factory="peers.floor:app"),
            "floor with libraries": started(backend, factory="peers.floor:with_libraries"),
            "Express": started(express),
            "Express + fsync": started(express, FSYNC="1"),
            "Express + fsync + the rest": started(express, FSYNC="1", EXTRAS="1"),
        }
        for size_bytes in (200_000, 2_000_000):
            script = posting(stack.enter_context(folder()), form(portrait(size_bytes)))
            per_s = {name: [] for name in sides}
            cpu_ms = {name: [] for name in sides}
            for run in range(-1, arguments.runs):
                for name, service in sides.items():
                    before = service.cpu_s()
                    done, rate = asked_by_wrk(
                        f"{service.url}/api/upload", arguments.clients, arguments.seconds, script
                    )
                    if run >= 0:  # the first only warms
                        per_s[name].append(rate)
                        cpu_ms[name].append(1000 * (service.cpu_s() - before) / done)
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


def posting(place: Path, body: bytes) -> Path:
    """A script that has ``wrk`` send ``body`` again and again, for four devices in turn."""
    (place / "body").write_bytes(body)
    script = place / "post.lua"
    script.write_text(
        f"""
        local file = io.open("{place}/body", "rb")
        local body = file:read("*a")
        file:close()
        -- Made once: putting two megabytes together each time costs as much as sending them.
        local requests = {{}}
        init = function()
            for phone = 1, 4 do
                local headers = {{["Content-Type"] = "{FORM}", ["X-Device-Id"] = "phone-" .. phone}}
                requests[phone] = wrk.format("POST", nil, headers, body)
            end
        end
        local turn = 0
        request = function()
            turn = turn % 4 + 1
            return requests[turn]
        end
        """
    )
    return script


if __name__ == "__main__":
    main()
