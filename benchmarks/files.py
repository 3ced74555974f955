"""How fast do pictures leave the backend, against Express' static files and nginx?

All serve the same two photos; ours by the signed URL that a client was given.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measuring import (
    HERE,
    Client,
    Load,
    Service,
    ai_stub,
    backend,
    express,
    folder,
    form,
    free_url,
    port_of,
    portrait,
    print_table,
    running,
    spread,
)

SIZES = (200_000, 2_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400, help="of each side in each run")
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()

    rows = []
    with ExitStack() as stack:
        data = stack.enter_context(folder())
        ai = stack.enter_context(ai_stub())
        for name in ("ours", "express"):
            (data / name).mkdir()
        sides: dict[str, tuple[Service, list[str]]] = {}
        ours = stack.enter_context(backend(data / "ours", ai.url))
        theirs = stack.enter_context(express(data / "express", ai.url))
        for name, service in (("ours", ours), ("Express static", theirs)):
            sides[name] = service, [_uploaded(service, size) for size in SIZES]
        if shutil.which("nginx"):
            files = stack.enter_context(nginx(data / "express" / "uploads"))
            sides["nginx"] = files, sides["Express static"][1]
        else:
            print("no nginx on the PATH: its rows are missing", file=sys.stderr)

        for number, size in enumerate(SIZES):
            per_s = {name: [] for name in sides}
            cpu_ms = {name: [] for name in sides}
            for run in range(-1, arguments.runs):
                for name, (service, urls) in sides.items():
                    before = service.cpu_s()
                    load = Load(arguments.clients, arguments.requests)
                    load.run(service.url, lambda client, path=urls[number]: client.ask("GET", path))
                    assert set(load.statuses) == {200}, load.statuses
                    if run >= 0:
                        per_s[name].append(load.per_s)
                        spent_s = service.cpu_s() - before
                        cpu_ms[name].append(1000 * spent_s / arguments.requests)
            for name in sides:
                faster = statistics.median(per_s["ours"]) / statistics.median(per_s[name])
                leaner = statistics.median(cpu_ms[name]) / statistics.median(cpu_ms["ours"])
                rows.append(
                    [
                        f"{size / 1e6:g} MB", name, spread(per_s[name], 0), f"{faster:.2f}",
                        spread(cpu_ms[name], 2), f"{leaner:.2f}",
                    ]
                )  # fmt: skip
    print_table(["file", "side", "files/s", "ours ÷ it", "CPU ms a file", "it ÷ ours"], rows)


def _uploaded(service: Service, size_bytes: int) -> str:
    with Client(service.url) as client:
        answer = client.upload(form(portrait(size_bytes)))
        url = json.loads(answer.data)["original"]["imageUrl"]
        served = client.ask("GET", url)
        assert served.status == 200
        assert len(served.data) > 0.8 * size_bytes
        return url


@contextmanager
def nginx(uploads: Path) -> Iterator[Service]:
    """Debian's, with one worker, which is what the others have too."""
    url = free_url()
    for path in (uploads, *uploads.parents):
        if path.stat().st_uid == os.getuid() and path.name.startswith("bench-"):
            path.chmod(0o755)
    written = (HERE / "peers" / "nginx.conf").read_text()
    written = written.replace("DIR", str(uploads)).replace("PORT", port_of(url))
    if os.geteuid() != 0:
        written = written.replace("user root;\n", "")
    conf = uploads / "nginx.conf"
    conf.write_text(written)
    with running(["nginx", "-c", conf, "-e", uploads / "nginx.log"], url, ready=None) as service:
        with Client(url) as client:
            for _ in range(200):
                try:
                    client.ask("GET", "/")
                    break
                except ConnectionError:
                    continue
        yield service


if __name__ == "__main__":
    main()
