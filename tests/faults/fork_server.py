"""Forks backends from a process that has imported them: a real process in milliseconds.

Reads one JSON object of environment variables a line, answers with the new process's id.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys


def run(parent: int | None = None) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from cartoon_avatar.backend.app import create_app
    from cartoon_avatar.backend.settings import settings_from_environment
    from cartoon_avatar.process.lifetime import exit_with_parent
    from cartoon_avatar.process.logs import configure_logs

    if parent is not None:
        exit_with_parent(parent)

    settings = settings_from_environment()
    configure_logs("backend", settings.log_level)
    server = Server(
        create_app(settings),
        port=int(os.environ["PORT"]),
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=1024,  # what the server takes by default where it is not embedded
        log_level="warning",
    )
    asyncio.run(server.serve())


def main() -> None:
    import granian.server.embed  # noqa: F401

    import cartoon_avatar.backend.app  # noqa: F401

    parent = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            os.dup2(2, 1)  # the server's words are not answers of ours
            os.environ.update(json.loads(line))
            try:
                run(parent)
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
