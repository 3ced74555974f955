from __future__ import annotations

from tests.faults.conftest import ai_url, forks, start_backend

__all__ = ["ai_url", "forks", "start_backend"]
