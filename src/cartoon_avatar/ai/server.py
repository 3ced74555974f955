"""Where an ASGI server finds the AI service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cartoon_avatar.ai.pools.forks import start_template

if TYPE_CHECKING:
    from fastapi import FastAPI


def from_environment() -> FastAPI:
    """The factory that an ASGI server is given."""
    start_template()  # which imports OpenCV on one core while we import FastAPI on another
    from cartoon_avatar.ai import app

    return app.from_environment()
