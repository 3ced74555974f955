"""Logs: one JSON object a line, the libraries' included."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

# Who an original belongs to stands in its file's name, and tracebacks quote names.
_OWNER = re.compile(r"(\d{6,20}_)[A-Za-z0-9._-]+")


def configure_logs(service: str, level: str = "info", to: TextIO | None = None) -> None:
    """Write one JSON object a line, the libraries' logs included, if not told otherwise to
    standard error."""
    to = to or sys.stderr

    def named(logger: object, method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_owners,
        named,
    ]
    # Past the standard library's logging, which takes longer than all the rest of a line.
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer()],
        logger_factory=lambda *names: _Lines(to),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # The first two log every URL they ask for, and ours carry signatures; Pillow logs what
    # EXIF says, and that is where a photo was taken.
    for chatty in ("httpx", "httpcore", "PIL", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _Lines:
    """Where structlog writes."""

    def __init__(self, to: TextIO) -> None:
        self.to = to

    def msg(self, line: str) -> None:
        # Whoever reads the log may be gone, or its disk full: no request fails for that.
        with contextlib.suppress(OSError, ValueError):
            self.to.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def _without_owners(logger: object, method: str, event: EventDict) -> EventDict:
    for part in ("event", "exception", "error"):
        if isinstance(event.get(part), str):
            event[part] = _OWNER.sub(r"\1…", event[part])
    return event
