"""How fast do pictures leave, against Express' static files and nginx?

All serve the same two photos; ours by the signed URL that a client was given, alone and with
nginx in front that sends what the backend allows (``docs/nginx.conf``). Asked by ``wrk``: a
client in Python would be slower than what it measures. The bare hand-off is a Python server
that judges nothing and lets nginx send all it is asked for: no judgement can be faster.
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
    Service,
    ai_stub,
    asked_by_wrk,
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
OFFERED = HERE.parent / "docs" / "nginx.conf"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each side in each run")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="backend processes")
    arguments = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)]
    if missing:
        sys.exit(f"not on the PATH: {', '.join(missing)} (apt install nginx-light wrk)")

    rows = []
    with ExitStack() as stack:
        data = stack.enter_context(folder())
        # nginx' workers run as another user where it is not root that measures.
        data.chmod(0o755)
        ai = stack.enter_context(ai_stub())
        for name in ("ours", "express", "nginx", "front", "floor", "floor-front"):
            (data / name).mkdir()
        handing_over = {"FILE_DELIVERY": "nginx", "TRUSTED_PROXIES": "127.0.0.1"}
        ours = stack.enter_context(
            backend(data / "ours", ai.url, workers=arguments.workers, **handing_over)
        )
        theirs = stack.enter_context(express(data / "express", ai.url))
        bare = stack.enter_context(bare_nginx(data / "nginx", data / "express" / "uploads"))
        front = stack.enter_context(offered_nginx(data / "front", ours, data / "ours"))
        floor = stack.enter_context(
            backend(data / "floor", ai.url, factory="peers.floor:handing_over")
        )
        floor_front = stack.enter_context(offered_nginx(data / "floor-front", floor, data / "ours"))
        our_files = [_uploaded(ours, size) for size in SIZES]
        their_files = [_uploaded(theirs, size) for size in SIZES]
        # Where it is asked, whose processor time counts, what for.
        sides: dict[str, tuple[str, list[Service], list[str]]] = {
            "ours alone": (ours.url, [ours], our_files),
            "Express static": (theirs.url, [theirs], their_files),
            "ours behind nginx": (front.url, [ours, front], our_files),
            "bare hand-off behind nginx": (floor_front.url, [floor, floor_front], our_files),
            "nginx": (bare.url, [bare], their_files),
        }
        for url, _, files in sides.values():
            for size, file in zip(SIZES, files, strict=True):
                with Client(url) as client:
                    assert len(client.ask("GET", file).data) > 0.8 * size

        for number, size in enumerate(SIZES):
            per_s = {name: [] for name in sides}
            cpu_ms = {name: [] for name in sides}
            for run in range(-1, arguments.runs):
                for name, (url, services, files) in sides.items():
                    before = sum(service.cpu_s() for service in services)
                    done, rate = asked_by_wrk(
                        url + files[number], arguments.clients, arguments.seconds
                    )
                    spent_s = sum(service.cpu_s() for service in services) - before
                    if run >= 0:
                        per_s[name].append(rate)
                        cpu_ms[name].append(1000 * spent_s / done)
            for name in sides:
                ratios = [
                    f"{statistics.median(per_s[name]) / statistics.median(per_s[peer]):.2f}"
                    for peer in ("Express static", "nginx")
                ]
                rows.append(
                    [
                        f"{size / 1e6:g} MB", name, spread(per_s[name], 0), *ratios,
                        spread(cpu_ms[name], 2),
                    ]
                )  # fmt: skip
    print_table(["file", "side", "files/s", "÷ Express", "÷ nginx", "CPU ms a file"], rows)


def _uploaded(service: Service, size_bytes: int) -> str:
    with Client(service.url) as client:
        answer = client.upload(form(portrait(size_bytes)))
        return json.loads(answer.data)["original"]["imageUrl"]


def bare_nginx(place: Path, uploads: Path):
    """Nothing but files."""
    written = (HERE / "peers" / "nginx.conf").read_text()
    return nginx(place, written.replace("UPLOADS", str(uploads)))


def offered_nginx(place: Path, service: Service, data: Path):
    """The configuration that our documents offer, before ``service``."""
    written = OFFERED.read_text()
    written = written.replace("127.0.0.1:8000", service.url.removeprefix("http://"))
    written = written.replace("listen 80;", "listen 127.0.0.1:PORT;")
    written = written.replace("/var/log/nginx/cartoon-avatar.log", str(place / "log"))
    return nginx(place, written.replace("/srv/avatars", str(data)))


@contextmanager
def nginx(place: Path, site: str) -> Iterator[Service]:
    """Debian's, with one worker, which is what the others have too."""
    url = free_url()
    (place / "site.conf").write_text(site.replace("PORT", port_of(url)))
    temporary = "".join(
        f"{kind}_temp_path {place}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(
        f"daemon off; {user} worker_processes 1; pid {place}/pid;\n"
        "events { worker_connections 512; }\n"
        # A load of seconds should not be measured reconnecting.
        f"http {{ keepalive_requests 1000000; {temporary} include {place}/site.conf; }}\n"
    )
    command = ["nginx", "-c", place / "nginx.conf", "-e", place / "log"]
    with running(command, url, ready=None) as service:
        for _ in range(2000):
            try:
                with Client(url) as client:
                    client.ask("GET", "/")
                break
            except OSError:
                continue
        yield service


if __name__ == "__main__":
    main()
