"""What ``create_app`` builds once, for the AI service's routes to use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.engines.protocol import Engine
from cartoon_avatar.ai.engines.registry import Engines
from cartoon_avatar.ai.engines.remote.engine import RemoteEngine
from cartoon_avatar.ai.fetching import Fetcher
from cartoon_avatar.ai.jobs import Result
from cartoon_avatar.ai.pools.admission import OnPosition, Places
from cartoon_avatar.ai.pools.workers import Workers
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.ai.signing import Sign

T = TypeVar("T")


class Metrics:
    """Metrics beyond the requests that ``RequestLog`` counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.drawing_seconds = Histogram(
            "drawing_seconds", "A worker's time for a cartoon", ["style"], registry=registry
        )
        self.cut_seconds = Histogram(
            "cut_seconds", "A worker's time for a head, by how it was found", ["path"],
            registry=registry,
        )  # fmt: skip
        self.no_face = Counter("no_face", "Heads asked for where no face is", registry=registry)
        self.waiting = Gauge("queue_depth", "Requests waiting for a worker", registry=registry)
        self.oldest = Gauge(
            "queue_oldest_seconds", "Age of the oldest waiting request", registry=registry
        )
        self.taken = Gauge(
            "places_taken", "Requests worked on or waiting for a worker", registry=registry
        )
        self.ready = Gauge("workers_ready", "Workers that are warm", registry=registry)
        self.lost = Gauge("workers_lost", "Workers that ended unexpectedly", registry=registry)
        self.cancelled = Gauge(
            "jobs_cancelled", "Jobs that lost their client once begun", registry=registry
        )

    def watch(self, workers: Workers) -> None:
        self.waiting.set_function(lambda: len(workers.line))
        self.oldest.set_function(workers.line.oldest_s)
        self.taken.set_function(lambda: workers.taken)
        self.ready.set_function(lambda: len(workers.ready))
        self.lost.set_function(lambda: workers.lost)
        self.cancelled.set_function(lambda: workers.cancelled)


@dataclass(frozen=True, slots=True)
class State:
    """What a route may use; one for each app, made by its lifespan. ``places`` has, by name, the
    engines that may not occupy every worker."""

    settings: AiSettings
    workers: Workers
    engines: Engines
    remote: list[RemoteEngine]
    places: dict[str, Places]
    fetcher: Fetcher
    metrics: Metrics
    sign: Sign | None

    async def signed(self, result: Result) -> Result:
        """With the operator's signature, if pictures get one. Here and not in a worker: who opens
        strangers' pictures holds no key."""
        if self.sign is None or result.mark is None:
            return result
        data = await asyncio.to_thread(self.sign, result.data, result.mime_type, result.mark)
        return replace(result, data=data)

    async def run(
        self,
        engine: Engine,
        job: Callable[..., T],
        *args: Any,
        on_position: OnPosition | None = None,
        report: Report | None = None,
    ) -> T:
        """As ``Workers.run``, within ``engine``'s places and its deadline."""
        async with AsyncExitStack() as turn:
            if engine.facts.name in self.places:
                places = self.places[engine.facts.name]
                turn.enter_context(places.place())
                await turn.enter_async_context(places.turn(on_position))
            return await self.workers.run(
                job,
                *args,
                on_position=on_position,
                report=report,
                deadline_s=engine.facts.deadline_s,
            )
