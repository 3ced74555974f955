"""The AI service on a Ray cluster: the same app, as many replicas of it as there is work.

Ray queues, places, restarts and multiplies replicas and answers HTTP; what a request means is
the app's alone. Needs the extra ``ray``.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
from contextlib import suppress
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.config import AutoscalingConfig, BackpressureConfig, HTTPOptions
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cartoon_avatar.ai.app import create_app
from cartoon_avatar.ai.pools.ray_proxies import RETRY_AFTER_S
from cartoon_avatar.ai.settings import AiSettings, settings_from_environment
from cartoon_avatar.contract.headers import REQUEST_ID
from cartoon_avatar.process.lifetime import exit_with_parent
from cartoon_avatar.process.logs import configure_logs

APPLICATION = "cartoon-avatar-ai"
_PROXIES = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "cartoon_avatar.ai.pools.ray_proxies:middlewares"
}
# The backend keeps connections for some time; who closes first must not be the server.
_KEEP_ALIVE_S = 120


class _App:
    """Ray runs the app's lifespan but does not put what it yields into requests' state, and gives
    every response a request id of its own, which becomes the app's too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.state = scope["state"]
            await self.app(scope, receive, send)
            return

        async def send_unstamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                del MutableHeaders(scope=message)[REQUEST_ID]
            await send(message)

        await self.app({**scope, "state": dict(self.state)}, receive, send_unstamped)


class Replica:
    """The whole app in a process of Ray's, with worker processes of its own.

    So a picture that crashes its worker costs that picture, here too.
    """

    def __init__(self, settings: AiSettings) -> None:
        configure_logs("ai", settings.log_level, log_format=settings.log_format)
        self.settings = settings
        self.asgi: _App | None = None

    def __serve_build_asgi_app__(self) -> ASGIApp:
        workers = _workers_of(self.settings)
        # The queue is Ray's: a place for whatever it sends here.
        settings = self.settings.model_copy(update={"workers": workers, "queue": 2 * workers})
        self.asgi = _App(create_app(settings, threads=1))
        return self.asgi

    async def check_health(self) -> None:
        """Waits for a warm worker: a new replica gets no requests before, and one whose workers do
        not come back exceeds Ray's deadline and is replaced."""
        while self.asgi is None or not self.asgi.state["ai"].workers.ready:  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.05)


def build(settings: AiSettings | None = None) -> serve.Application:
    """Deployed by ``serve run cartoon_avatar.ai.pools.ray_serve:build``, set by the environment."""
    settings = settings or settings_from_environment()
    workers = _workers_of(settings)
    deployment: Any = serve.deployment(
        serve.ingress()(Replica),
        name="ai",
        ray_actor_options={
            "num_cpus": settings.replica_cpus,
            "num_gpus": settings.replica_gpus,
        },
        # One a worker, and one that is there when the worker is done.
        max_ongoing_requests=workers + 1,
        max_queued_requests=settings.queue,
        backpressure_config=BackpressureConfig(status_code=503, retry_after_s=RETRY_AFTER_S),
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.min_replicas,
            max_replicas=max(settings.min_replicas, settings.max_replicas),
            target_ongoing_requests=workers,
            upscale_delay_s=5,
            downscale_delay_s=300,
        ),
        health_check_period_s=5,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=20,
    )
    return deployment.bind(settings)


def _workers_of(settings: AiSettings) -> int:
    return max(1, int(settings.replica_cpus))


def run_on_ray(settings: AiSettings, host: str, port: int, with_parent: int | None) -> None:
    """Deploy to the cluster that RAY_ADDRESS names, or to one started here, until a signal."""
    if with_parent is not None:
        exit_with_parent(with_parent)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False, runtime_env={"env_vars": _PROXIES})
    else:
        # Or Ray would write a token into the home folder, where every later cluster finds it.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        ray.init("local", include_dashboard=False, runtime_env={"env_vars": _PROXIES})
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # after Ray, which sets its own
        signal.signal(number, lambda *_: stopped.set())
    # Ray gives the proxies a minute, or starts them anew meanwhile: on a busy cluster they come
    # after that, and what is deployed goes on being started.
    with suppress(TimeoutError, RayActorError):
        serve.start(
            proxy_location="HeadOnly" if settings.ray_proxies == "head" else "EveryNode",
            http_options=HTTPOptions(host=host, port=port, keep_alive_timeout_s=_KEEP_ALIVE_S),
        )
    try:
        with suppress(TimeoutError):
            serve.run(build(settings), name=APPLICATION, route_prefix="/")
        stopped.wait()
    finally:
        serve.delete(APPLICATION)
        if not serve.status().applications:  # others may have theirs in the cluster
            serve.shutdown()
        ray.shutdown()
