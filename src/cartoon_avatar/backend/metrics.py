"""What the backend counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.ai_seconds = Histogram(
            "ai_seconds",
            "From a request to the AI service to the end of its response",
            ["path"],
            registry=registry,
            buckets=(0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60),
        )
        self.ai_requests_running = Gauge(
            "ai_requests_running",
            "Requests to the AI service under way",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.free_bytes = Gauge(
            "storage_free_bytes",
            "Room left for files",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.swept = Counter("swept", "Things the sweeper removed", ["kind"], registry=registry)
        self.job_attempts = Counter(
            "job_attempts", "Attempts at jobs of the queue", ["engine"], registry=registry
        )
        self.drawings_reused = Counter(
            "drawings_reused", "Cartoons copied of an equal one of the device", registry=registry
        )
        # Read from the database, so each process reports the totals of all processes.
        self.jobs_waiting = Gauge(
            "jobs_waiting",
            "Jobs in the queue",
            ["engine"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.jobs_running = Gauge(
            "jobs_running",
            "Jobs under way",
            ["engine"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.oldest_job_seconds = Gauge(
            "oldest_job_seconds",
            "Since when the oldest job in the queue waits",
            ["engine"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.engines_seen: set[str] = set()
