"""What ``create_app`` builds once, for routes and flows to use."""

from __future__ import annotations

from dataclasses import dataclass

from limits.aio.strategies import FixedWindowRateLimiter

from cartoon_avatar.backend.ai.client import AiClient
from cartoon_avatar.backend.changes import Changes
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.backend.moderation import Moderation
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.signing import Signer
from cartoon_avatar.backend.spool import Memory
from cartoon_avatar.backend.storage.protocol import Storage


@dataclass(frozen=True, slots=True)
class State:
    settings: BackendSettings
    database: Database
    storage: Storage
    ai: AiClient
    signer: Signer
    limiter: FixedWindowRateLimiter
    metrics: Metrics
    memory: Memory
    changes: Changes
    moderation: Moderation
