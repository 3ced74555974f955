"""What ``create_app`` builds once, for the AI service's routes to use."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cartoon_avatar.ai.fetching import Fetcher
from cartoon_avatar.ai.pools.workers import Workers
from cartoon_avatar.ai.settings import AiSettings


class Metrics:
    """What /metrics tells beyond the requests that ``RequestLog`` counts."""

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
        self.ready = Gauge("workers_ready", "Workers that are warm", registry=registry)
        self.lost = Gauge("workers_lost", "Workers that ended unasked", registry=registry)

    def watch(self, workers: Workers) -> None:
        self.waiting.set_function(lambda: len(workers.waiting_since))
        self.oldest.set_function(workers.oldest_wait_s)
        self.ready.set_function(lambda: len(workers.ready))
        self.lost.set_function(lambda: workers.lost)


@dataclass(frozen=True, slots=True)
class State:
    """What a route may use; one for each app, made by its lifespan."""

    settings: AiSettings
    workers: Workers
    fetcher: Fetcher
    metrics: Metrics
