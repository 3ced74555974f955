"""`./run audit` tells holes, none, and nobody to ask apart."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.faults.processes import free_port

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def advisories(holes: dict[str, str]) -> Iterator[str]:
    """A server that speaks as OSV does and knows ``holes``, package → id."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            known = [vulnerability(name, holes[name])] if name in holes else []
            body = json.dumps({"vulns": known} if known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def vulnerability(name: str, identifier: str) -> dict[str, object]:
    affected = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
    }
    return {"id": identifier, "summary": "A hole.", "affected": [affected]}


def audited(url: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "run"), "audit", "--osv-url", url]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_audit_passes_only_where_somebody_answered_for_every_package():
    with advisories({}) as url:
        clean = audited(url)
    assert (clean.returncode, clean.stdout) == (0, ""), clean.stderr
    assert "No known vulnerabilities found" in clean.stderr

    with advisories({"pillow": "PYSEC-2099-1"}) as url:
        holed = audited(url)
    assert holed.returncode == 1, holed.stderr
    assert "pillow" in holed.stdout
    assert "PYSEC-2099-1" in holed.stdout

    unheard = audited(f"http://127.0.0.1:{free_port()}/v1/query")
    assert (unheard.returncode, unheard.stdout) == (3, "")
    assert "nothing was judged" in unheard.stderr
