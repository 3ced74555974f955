"""POST /predictions, as Replicate and containers built by Cog have it.

Protocols: https://replicate.com/docs/reference/http (created, then polled until it ends) and
https://github.com/replicate/cog/blob/main/docs/http.md (answered when done; the id is ours, so
that it can be cancelled). Once Replicate has returned a prediction's address, nothing is paid
twice: after a broken connection, a crash or a restart the same prediction is asked for again. One
that was made while we died, whose address we never read, is found among the latest by its inputs.
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import yarl

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.engines.remote.config import PredictionsConfig
from cartoon_avatar.ai.engines.remote.generation import (
    Call,
    Generation,
    GenerationLost,
    Refused,
)
from cartoon_avatar.ai.engines.remote.http import ProviderHttp, base64_in

_FIRST_POLL_S, _LONGEST_POLL_S = 0.5, 5.0
_CANCEL_S = 1.0
_CLOCKS_DIFFER_S = 300
# What Replicate takes as a data: URI; larger files are uploaded before.
_MOST_INLINE_BYTES = 256_000
# Messages by which models refuse by their content filter.
_FILTERED = ("nsfw", "flagged as sensitive", "safety", "(e005)")


@dataclass(frozen=True, slots=True)
class Predictions:
    config: PredictionsConfig
    http: ProviderHttp

    async def generate(self, generation: Generation, call: Call, report: Report) -> bytes:
        if self.config.server == "cog":
            prediction = await self._waited_for(generation, call, report)
        else:
            prediction = await self._polled(generation, call, report)
        return await self._output_of(prediction)

    async def _waited_for(
        self, generation: Generation, call: Call, report: Report
    ) -> dict[str, Any]:
        """For a Cog container, which responds only when it is done."""
        report("generating", None)
        url = self.http.url(f"predictions/{generation.key}")
        body = {"input": self._input(generation, _inline(generation.photo))}
        pause_s = _FIRST_POLL_S
        try:
            while True:
                # A repetition costs nothing but time of the operator's own machine.
                prediction = await self.http.json("PUT", url, json_body=body, idempotent=True)
                if prediction.get("status") not in ("starting", "processing"):
                    return prediction
                # Still at the attempt before.
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_POLL_S, 1.5 * pause_s)
        except asyncio.CancelledError:
            if not call.is_stopping():
                await self._cancel(url / "cancel")
            raise

    async def _polled(self, generation: Generation, call: Call, report: Report) -> dict[str, Any]:
        report("starting", None)
        prediction = await self._earlier(generation, call)
        if prediction is None:
            prediction = await self._made(generation)
        address, cancel = self._addresses(prediction)
        pause_s = _FIRST_POLL_S
        try:
            await call.keep(str(address))
            while (state := prediction.get("status")) in ("starting", "processing"):
                report("generating" if state == "processing" else "starting", None)
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_POLL_S, 1.5 * pause_s)
                prediction = await self._again(address, prediction)
        except asyncio.CancelledError:
            if not call.is_stopping():
                await self._cancel(cancel)
            raise
        return prediction

    async def _made(self, generation: Generation) -> dict[str, Any]:
        body: dict[str, Any] = {"input": self._input(generation, await self._sent(generation))}
        url = self.http.url("predictions")
        if self.config.version is not None:
            body["version"] = self.config.version
        elif self.config.model is not None:
            url = self.http.url(f"models/{self.config.model}/predictions")
        return await self.http.json("POST", url, json_body=body)

    async def _earlier(self, generation: Generation, call: Call) -> dict[str, Any] | None:
        """The prediction of an attempt whose end was not seen, if it can still be drawn from."""
        prediction = None
        if call.address is not None:
            try:
                prediction = await self.http.json("GET", yarl.URL(call.address), idempotent=True)
            except GenerationLost as lost:
                if lost.status != 404:
                    raise
        elif call.begun_at is not None and self.config.seed is not None:
            prediction = await self._listed(generation, call.begun_at)
        if prediction is None or prediction.get("status") in ("failed", "canceled"):
            return None
        return prediction

    async def _listed(self, generation: Generation, since: float) -> dict[str, Any] | None:
        """The one of the latest predictions that has our inputs; their random seed among them
        tells it from those of others. The picture is left out, which is told as a link."""
        ours = self._input(generation, "")
        listed = await self.http.json("GET", self.http.url("predictions"), idempotent=True)
        for prediction in listed.get("results", []):
            match prediction:
                case {"input": dict(given), "created_at": str(created)}:
                    is_late = _epoch_s(created) > since - _CLOCKS_DIFFER_S
                    if is_late and {**given, self.config.picture: ""} == ours:
                        return prediction
        return None

    async def _again(self, address: yarl.URL, known: dict[str, Any]) -> dict[str, Any]:
        """The state of the prediction; the ``known`` one where the provider cannot be reached."""
        try:
            return await self.http.json("GET", address, idempotent=True)
        except GenerationLost as lost:
            if not lost.repeatable:
                raise GenerationLost(str(lost), charged=True) from lost
            if lost.retry_after_s is not None:
                await asyncio.sleep(lost.retry_after_s)
            return known

    def _input(self, generation: Generation, picture: str) -> dict[str, Any]:
        names = self.config
        given = {**names.input, names.picture: picture}
        if names.prompt is not None:
            given[names.prompt] = generation.prompt
        if names.seed is not None:
            # As far as models take it.
            given[names.seed] = generation.seed % 2**31
        return given

    async def _sent(self, generation: Generation) -> str:
        """The photo as a model's input: in the request itself, or uploaded."""
        if len(generation.photo) <= _MOST_INLINE_BYTES:
            return _inline(generation.photo)
        form = aiohttp.FormData()
        form.add_field("content", generation.photo, filename="photo.jpg", content_type="image/jpeg")
        async with self.http.ask("POST", self.http.url("files"), data=form) as response:
            match await response.json(content_type=None):
                case {"urls": {"get": str(link)}}:
                    return link
        raise GenerationLost("it took the photo and does not say where it is", charged=False)

    def _addresses(self, prediction: dict[str, Any]) -> tuple[yarl.URL, yarl.URL]:
        """URLs at which the prediction is read and cancelled, with our key."""
        match prediction:
            case {"urls": {"get": str(get), "cancel": str(cancel)}}:
                address, cancelled_at = yarl.URL(get), yarl.URL(cancel)
                if address.origin() == cancelled_at.origin() == self.http.base.origin():
                    return address, cancelled_at
        raise GenerationLost("it does not say where its prediction is", charged=True)

    async def _cancel(self, url: yarl.URL) -> None:
        async def ask() -> None:
            # It may have ended, or never begun: cancelling is best effort.
            with suppress(GenerationLost, TimeoutError):
                async with asyncio.timeout(_CANCEL_S), self.http.ask("POST", url):
                    pass

        await asyncio.shield(asyncio.ensure_future(ask()))

    async def _output_of(self, prediction: dict[str, Any]) -> bytes:
        match prediction:
            case {"status": "succeeded", "output": str(link) | [str(link), *_]}:
                if link.startswith("data:"):
                    return _decoded(link)
                return await self.http.linked(link)
            case {"status": "failed", "error": error}:
                if any(word in str(error).lower() for word in _FILTERED):
                    raise Refused
                raise GenerationLost("its model failed", charged=True)
            case {"status": "canceled"}:
                raise GenerationLost("it was cancelled there", charged=True)
        raise GenerationLost("its response holds no picture", charged=True)


def _epoch_s(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _inline(photo: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(photo).decode()


def _decoded(link: str) -> bytes:
    head, _, text = link.partition(",")
    if not head.endswith(";base64"):
        raise GenerationLost("its picture is no base64", charged=True)
    return base64_in(text)
