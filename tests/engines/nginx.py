"""Debian's nginx in front of a backend, with the configuration that the documents offer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.debian import program
from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

OFFERED = Path(__file__).parents[2] / "docs" / "nginx.conf"
_START_S = 240


@contextmanager
def running_nginx(backend_port: int, data: Path) -> Iterator[str]:
    """The address of an nginx that serves ``data`` for the backend, by ``docs/nginx.conf``."""
    binary = program("nginx", "nginx-light")
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    (port,) = free_ports(1)
    config = OFFERED.read_text()
    # The lines marked as the reader's own, and nothing else.
    for offered, ours in {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{backend_port};",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "error_log /var/log/nginx/cartoon-avatar.log": f"error_log {folder}/log",
        "alias /srv/avatars/uploads/;": f"alias {data}/uploads/;",
        "alias /srv/avatars/thumbnails/;": f"alias {data}/thumbnails/;",
    }.items():
        assert config.count(offered) == 1, offered
        config = config.replace(offered, ours)
    (folder / "site.conf").write_text(config)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} worker_processes 1; pid {folder}/pid;\n"
        f"events {{ worker_connections 256; }}\n"
        f"http {{ {temporary} include {folder}/site.conf; }}\n"
    )
    process = subprocess.Popen(
        [binary, "-c", folder / "nginx.conf", "-e", folder / "log"], stderr=subprocess.PIPE
    )
    try:
        until = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    said = (folder / "log").read_text()
                    raise RuntimeError(f"nginx did not start: {said}") from None
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)
