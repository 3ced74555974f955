"""Logs, the libraries' included: one JSON object a line, or lines for a person at a terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Generator
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

LogFormat = Literal["console", "json"]

# Who an original belongs to stands in its file's name, and tracebacks quote names.
_OWNER = re.compile(r"(\d{6,20}_)[A-Za-z0-9._-]+")
_COLOURS = {"debug": "2", "warning": "33", "error": "31", "critical": "31"}


def configure_logs(
    service: str,
    level: str = "info",
    to: TextIO | None = None,
    log_format: LogFormat | None = None,
) -> None:
    """Write the logs of this process, the libraries' included, if not told otherwise to standard
    error; without a format, for a person where that is a terminal and as JSON elsewhere."""
    to = to or sys.stderr
    for_a_person = (log_format or ("console" if to.isatty() else "json")) == "console"

    def named(logger: object, method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    def lines(*names: object) -> _Lines:
        return _Lines(to)

    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        if for_a_person
        else structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_owners,
        named,
    ]
    render: Processor = (
        _Console(to.isatty()) if for_a_person else structlog.processors.JSONRenderer()
    )
    # Past the standard library's logging, which takes longer than all the rest of a line.
    structlog.configure(
        processors=[*processors, render],
        logger_factory=lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # The first two log every URL they ask for, and ours carry signatures; Pillow logs what
    # EXIF says, and that is where a photo was taken.
    for chatty in ("httpx", "httpcore", "PIL", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextlib.contextmanager
def without_native_lines() -> Generator[None]:
    """Drop what C++ libraries write to standard error meanwhile: LiteRT greets there, and has no
    switch for it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Lines:
    """Where structlog writes."""

    def __init__(self, to: TextIO) -> None:
        self.to = to

    def msg(self, line: str) -> None:
        # Whoever reads the log may be gone, or its disk full: no request fails for that.
        with contextlib.suppress(OSError, ValueError):
            self.to.write(f"{line}\n")

    debug = info = warning = error = critical = msg


class _Console:
    """Renders an event as a line that is read from left to right, with its traceback below."""

    def __init__(self, in_colour: bool) -> None:
        self.in_colour = in_colour

    def __call__(self, logger: object, method: str, event: EventDict) -> str:
        level = event.pop("level", method)
        exception = event.pop("exception", None)
        when, service, what = event.pop("timestamp"), event.pop("service"), event.pop("event")
        if what == "request":
            what = f"{event.pop('method')} {event.pop('route')} {event.pop('status')}"
            event = {"ms": event.pop("ms"), **event}
        named = " ".join(f"{name}={value}" for name, value in event.items())
        level_name = f"{level:7}"
        if self.in_colour and level in _COLOURS:
            level_name = f"\033[{_COLOURS[level]}m{level_name}\033[0m"
        line = f"{when} {service:10} {level_name} {what}  {named}".rstrip()
        return f"{line}\n{exception}" if exception else line


def _without_owners(logger: object, method: str, event: EventDict) -> EventDict:
    for part in ("event", "exception", "error"):
        if isinstance(event.get(part), str):
            event[part] = _OWNER.sub(r"\1…", event[part])
    return event
