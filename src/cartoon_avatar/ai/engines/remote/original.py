"""Servers written for the original design: a bare picture in, a bare picture out."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.engines.remote.config import OriginalConfig
from cartoon_avatar.ai.engines.remote.generation import Call, Generation
from cartoon_avatar.ai.engines.remote.http import MOST_PICTURE_BYTES, ProviderHttp, bounded


@dataclass(frozen=True, slots=True)
class Original:
    config: OriginalConfig
    http: ProviderHttp

    async def generate(self, generation: Generation, call: Call, report: Report) -> bytes:
        report("generating", None)
        form = aiohttp.FormData()
        form.add_field("image", generation.photo, filename="photo.jpg", content_type="image/jpeg")
        async with self.http.ask("POST", self.http.url("generate-cartoon"), data=form) as response:
            # The Content-Type may be wrong: the type is read from the bytes.
            return await bounded(response, MOST_PICTURE_BYTES)
