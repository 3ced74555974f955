"""Trying generators without spending anything: requests that cost nothing, with the key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from cartoon_avatar.ai.engines.remote.config import ComfyUiConfig, EngineConfig, PredictionsConfig
from cartoon_avatar.ai.engines.remote.generation import GenerationLost, Refused
from cartoon_avatar.ai.engines.remote.http import ProviderHttp, http_of, open_http

_WITHIN_S = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """``tried`` is the request, ``found`` its result."""

    engine: str
    tried: str
    found: str
    good: bool


async def try_engines(configs: list[EngineConfig], environment: Mapping[str, str]) -> list[Trial]:
    """Send each engine's server a free request. No picture is sent, nothing is drawn."""
    async with open_http() as (own, public):
        trials = (_tried(one, http_of(one, environment, own, public)) for one in configs)
        return list(await asyncio.gather(*trials))


async def _tried(config: EngineConfig, http: ProviderHttp) -> Trial:
    path, proves_key = _free_request(config)
    url = http.url(path) if path else http.base
    tried = f"GET {url.path}"
    try:
        async with asyncio.timeout(_WITHIN_S):
            body = await http.json("GET", url, idempotent=True)
    except TimeoutError:
        return Trial(config.name, tried, f"no response within {_WITHIN_S} s", good=False)
    except Refused:
        return Trial(config.name, tried, "it refuses by its policy", good=False)
    except GenerationLost as lost:
        # Not every server knows the path; one that does not is reachable all the same.
        is_reached = lost.status in (404, 405) or (lost.status == 200 and not proves_key)
        if is_reached:
            message = f"{lost}: it is reached; no free request there can test the key"
            return Trial(config.name, tried, message, good=True)
        return Trial(config.name, tried, str(lost), good=False)
    if isinstance(config, ComfyUiConfig):
        wanted = {str(node["class_type"]) for node in config.workflow.graph.values()}
        if lacking := sorted(wanted - body.keys()):
            message = f"it lacks nodes of {config.workflow.file.name}: {', '.join(lacking)}"
            return Trial(config.name, tried, message, good=False)
        return Trial(config.name, tried, "it has all nodes of the workflow", good=True)
    message = "it takes the key" if proves_key and config.key is not None else "it answers"
    return Trial(config.name, tried, message, good=True)


def _free_request(config: EngineConfig) -> tuple[str, bool]:
    """The path of a GET that costs nothing, and whether its response shows that the key is
    valid."""
    if isinstance(config, ComfyUiConfig):
        return "object_info", False
    if isinstance(config, PredictionsConfig):
        return ("account", True) if config.server == "replicate" else ("health-check", False)
    # OpenAI lists its models for free; Azure and many servers of one's own have no list.
    return ("models", True) if config.kind == "images-edits" else ("", False)
