"""A generator as an engine: attempts, deadline, budget and pauses around its provider."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import structlog
import yarl

from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION, Report
from cartoon_avatar.ai.engines.protocol import EngineFacts, StyleFacts
from cartoon_avatar.ai.engines.remote.config import EngineConfig
from cartoon_avatar.ai.engines.remote.generation import (
    Call,
    Generation,
    GenerationLost,
    Provider,
    Refused,
    key_start,
)
from cartoon_avatar.ai.engines.remote.ledger import Ledger, open_ledger
from cartoon_avatar.ai.engines.remote.under_way import UnderWay
from cartoon_avatar.containers.marks import TRAINED_MEDIA
from cartoon_avatar.contract.errors import EngineRefused, EngineUnavailable

log = structlog.get_logger()

_BACKOFF_S = 1.0
# Polling interval for cancellations.
_CANCELS_S = 0.2

EngineState = Literal["ok", "paused", "over_budget"]


class RemoteEngine:
    """Draws on a provider's server; runs in the event loop, not in a worker."""

    def __init__(
        self,
        config: EngineConfig,
        provider: Provider,
        ledger: Ledger,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.config = config
        self.facts = EngineFacts(
            name=config.name,
            aligned=config.aligned is True,
            deterministic=config.deterministic,
            expected_s=config.expected_s,
            source_type=TRAINED_MEDIA,
            version=_model_of(config),
            places=config.places,
            deadline_s=config.deadline_s,
            leaves_machine=(
                not config.private if config.leaves_machine is None else config.leaves_machine
            ),
            sent_to=yarl.URL(config.url).host or "",
            price=None if config.price is None else f"{config.price:g}",
        )
        self._provider = provider
        self._ledger = ledger
        self._prompts = {style.name: style.prompt for style in config.style}
        self._today = today
        self._day = str(today())
        known = ledger.known(config.name, self._day)
        self.last_error = known.last_error
        self._calls = known.calls
        self._paused_until = 0.0
        # A drawing's file, and how long it took (s).
        self.under_way: UnderWay[tuple[bytes, float]] = UnderWay()
        self._is_stopping = False

    @property
    def calls_today(self) -> int:
        """Those that may have been charged."""
        if self._day != str(self._today()):
            self._day, self._calls = str(self._today()), 0
        return self._calls

    @property
    def most_calls(self) -> int | None:
        return self.config.most_calls

    @property
    def state(self) -> EngineState:
        if self.most_calls is not None and self.calls_today >= self.most_calls:
            return "over_budget"
        return "paused" if time.monotonic() < self._paused_until else "ok"

    def style_named(self, name: str) -> StyleFacts | None:
        return next((style.facts for style in self.config.style if style.name == name), None)

    def styles(self) -> list[StyleFacts]:
        """Empty once the day's budget is used up."""
        if self.state == "over_budget":
            return []
        return [style.facts for style in self.config.style]

    async def require_ready(self, key: str) -> None:
        """Raise ``EngineUnavailable`` where a request could not succeed. The call under ``key``, or
        one whose key begins so, may have been counted before."""
        if self.state == "over_budget" and not await self._is_counted(key):
            raise EngineUnavailable(
                f"{self.config.name} has drawn all that it may today; choose another style.",
                retry_after_s=_until_midnight_s(),
            )
        if self.state == "paused":
            raise EngineUnavailable(
                f"{self.config.name} asked for a pause; choose another style.",
                retry_after_s=math.ceil(self._paused_until - time.monotonic()),
            )

    async def _is_counted(self, key: str) -> bool:
        found_for_s = self.config.found_for_s
        return self.under_way.has(key) or (
            found_for_s > 0
            and await self._ledger.has(self.config.name, key, found_for_s=found_for_s)
        )

    def prompt_of(self, style: str) -> str:
        return self._prompts[style]

    async def draw(self, generation: Generation, report: Report) -> bytes:
        """The drawing's file, as the provider sent it. Raises ``EngineUnavailable`` and
        ``EngineRefused``."""
        until = time.monotonic() + self.config.deadline_s
        key = generation.key
        try:
            async with asyncio.timeout(self.config.deadline_s):
                for attempt in range(self.config.retries + 1):
                    await self.require_ready(key)
                    call = await self._begun(key)
                    try:
                        data = await self._provider.generate(generation, call, report)
                    except GenerationLost as lost:
                        pause_s = lost.retry_after_s or _BACKOFF_S * 2**attempt
                        is_last = not lost.repeatable or attempt == self.config.retries
                        if is_last or time.monotonic() + pause_s >= until:
                            await self.forget(key, charged=lost.charged)
                            raise await self._unavailable(lost) from lost
                        if not lost.charged:
                            await self.forget(key, charged=False)
                        log.warning("engine_retried", engine=self.config.name, reason=str(lost))
                        await asyncio.sleep(pause_s)
                    else:
                        # Kept in the ledger: the client may die before it has stored the drawing.
                        return data
        except Refused as error:
            await self.forget(key, charged=False)
            await self._note_error("refused by its policy")
            raise EngineRefused(
                f"The policy of {self.config.name} is against this picture in this style; please"
                " try another of either."
            ) from error
        except TimeoutError as error:
            raise await self.failed(
                key, f"it took longer than {self.config.deadline_s:g} s"
            ) from error
        raise AssertionError("the last attempt returns or raises")

    async def _begun(self, key: str) -> Call:
        name = self.config.name
        begun = await self._ledger.begin(
            name, key, str(self._today()), found_for_s=self.config.found_for_s
        )
        self._note_calls(begun.calls)
        return Call(
            begun.address,
            begun.earlier_at,
            keep=partial(self._ledger.keep, name, key),
            is_stopping=lambda: self._is_stopping,
        )

    async def forget(self, key: str, *, charged: bool) -> None:
        """Forget a call that failed. A cancelled one is kept: a repeated request may find its
        drawing."""
        day = str(self._today())
        self._note_calls(await self._ledger.forget(self.config.name, key, day, charged=charged))

    async def stop(self) -> None:
        """End what is under way without cancelling at the provider what can be found again."""
        self._is_stopping = self.config.found_for_s > 0
        await self.under_way.end()

    async def cancel(self, request: str) -> None:
        """Cancel what is under way for ``request``, in any process of this machine."""
        self.under_way.cancel(key_start(request))
        await self._ledger.ask_to_cancel(self.config.name, key_start(request))

    def _note_calls(self, calls: int) -> None:
        self._day, self._calls = str(self._today()), calls

    async def _note_error(self, message: str) -> None:
        self.last_error = message
        await self._ledger.note_error(self.config.name, message)

    async def failed(self, key: str, reason: str) -> EngineUnavailable:
        """The error for a call that was charged and is of no use."""
        await self.forget(key, charged=True)
        return await self._unavailable(GenerationLost(reason, charged=True))

    async def _unavailable(self, lost: GenerationLost) -> EngineUnavailable:
        await self._note_error(f"{lost}: {lost.detail}" if lost.detail else str(lost))
        log.warning("engine_failed", engine=self.config.name, reason=self.last_error)
        if lost.retry_after_s is not None:
            self._paused_until = time.monotonic() + lost.retry_after_s
        return EngineUnavailable(
            f"{self.config.name} made no picture: {lost}. Try again later, or another style.",
            retry_after_s=math.ceil(lost.retry_after_s or self.config.expected_s),
        )


def _model_of(config: EngineConfig) -> str:
    match config.kind:
        case "images-edits":
            model = config.model
        case "predictions":
            model = config.model or config.version
        case "comfyui" | "original":
            model = None
    return model or str(ENGINE_VERSION)


def _until_midnight_s() -> int:
    now = datetime.now(UTC)
    return 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)


@asynccontextmanager
async def open_remote_engines(
    configs: list[EngineConfig], environment: Mapping[str, str], folder: Path
) -> AsyncGenerator[list[RemoteEngine]]:
    """Their keys are in the ``environment``, under the names that they give; their ledger is in
    ``folder``. Raises ``BadEngines``."""
    if not configs:
        yield []
        return
    # Imported here: without a generator the client's memory is saved.
    from cartoon_avatar.ai.engines.remote.comfyui import ComfyUi
    from cartoon_avatar.ai.engines.remote.http import ProviderHttp, http_of, open_http
    from cartoon_avatar.ai.engines.remote.images_edits import ImagesEdits
    from cartoon_avatar.ai.engines.remote.original import Original
    from cartoon_avatar.ai.engines.remote.predictions import Predictions

    def provider_of(config: EngineConfig, http: ProviderHttp) -> Provider:
        match config.kind:
            case "images-edits":
                return ImagesEdits(config, http)
            case "predictions":
                return Predictions(config, http)
            case "comfyui":
                return ComfyUi(config, http)
            case "original":
                return Original(config, http)

    with open_ledger(folder) as ledger:
        async with open_http() as (own, public):
            engines = [
                RemoteEngine(
                    config, provider_of(config, http_of(config, environment, own, public)), ledger
                )
                for config in configs
            ]
            cancelling = asyncio.create_task(_cancel_as_asked(engines, ledger))
            try:
                yield engines
            finally:
                cancelling.cancel()
                await asyncio.gather(*(engine.stop() for engine in engines))


async def _cancel_as_asked(engines: list[RemoteEngine], ledger: Ledger) -> None:
    by_name = {engine.config.name: engine for engine in engines}
    while True:
        await asyncio.sleep(_CANCELS_S)
        if not any(engine.under_way for engine in engines):
            continue
        for name, key in await ledger.cancels():
            if name in by_name:
                by_name[name].under_way.cancel(key)
