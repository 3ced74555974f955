"""Runs an ASGI app."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cartoon_avatar.process.lifetime import exit_with_parent

if TYPE_CHECKING:
    from granian import Granian

# Where Prometheus' client keeps counts that processes share; it is read when that is imported.
SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
# Grace for requests under way when a worker is stopped.
_WORKER_GRACE_S = 15


def run_server(factory: str, host: str, port: int, workers: int, with_parent: int | None) -> None:
    """Serve the ASGI app that ``factory`` ("module:function") makes, until SIGTERM or SIGINT, or
    until the process ``with_parent`` is gone."""
    if with_parent is not None:
        exit_with_parent(with_parent)
    # The garbage collector takes a quarter of the time of the imports and frees nothing; workers
    # turn it on again.
    gc.disable()
    _end_at_once_while_starting()
    with _counted_together(workers):
        _granian(factory, host, port, workers).serve()


def _granian(factory: str, host: str, port: int, workers: int) -> Granian:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    return Granian(
        factory,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        factory=True,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=_WORKER_GRACE_S,
        # Its own lines go where ours do, in our format.
        log_dictconfig={"loggers": {"_granian": {"handlers": [], "propagate": True}}},
    )


def _end_at_once_while_starting() -> None:
    """Let a worker that is told to stop while it loads end at once.

    Forked, it has handlers of its parent's, which would lose the signal. One that comes during
    the fork is held back until the worker has no handlers.
    """
    stops = (signal.SIGTERM, signal.SIGINT)

    def in_worker() -> None:
        for signum in stops:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, stops),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, stops),
        after_in_child=in_worker,
    )


@contextmanager
def _counted_together(workers: int) -> Generator[None]:
    """Have the metrics of several workers kept where each of them can add them up."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="cartoon-avatar-metrics-") as folder:
        os.environ[SHARED_COUNTS] = folder
        yield


def freeze_what_is_loaded() -> None:
    """To be called once everything is imported and built, which then lives to the end.

    Python's collector would walk through all of it again and again: a tenth of a second each
    time, in which no request is served.
    """
    gc.freeze()
    gc.enable()
