"""engines.toml: which external servers draw, and in which styles."""

from __future__ import annotations

import ipaddress
import math
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from typing_extensions import override

from cartoon_avatar.ai.engines.protocol import StyleFacts
from cartoon_avatar.ai.engines.remote.workflow import PROMPT, Workflow, read_workflow

# Engines that engines.toml does not name.
_ENGINES_OF_OURS = ("built-in", "onnx")
DAY_S = 24 * 3600

Value = str | int | float | bool


class BadEngines(Exception):
    """engines.toml cannot be used; the message names file, line and key."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RemoteStyle(_Entry):
    """A style of a generator: what people read, and what the generator does."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    title: str = Field(min_length=1, max_length=40)
    sentence: str = Field(min_length=1, max_length=200)
    prompt: str = Field("", max_length=8000)

    @property
    def facts(self) -> StyleFacts:
        return StyleFacts(self.name, self.title, self.sentence)


class RemoteConfig(_Entry):
    """What every kind of generator has. ``key`` names the variable that holds the secret.

    ``retries`` are made only where nothing was charged, or the same request is not charged
    twice. ``aligned`` says whether drawings show what the photo shows in the same place; None
    compares each. ``price`` is for one drawing, in any currency; ``daily_calls`` and
    ``daily_cost`` bound what a day (UTC) may take. ``private``: the server is in a network of
    one's own.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    url: str
    key: str | None = Field(None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    private: bool = False
    leaves_machine: bool | None = None
    aligned: bool | None = None
    deterministic: bool = False
    expected_s: float = Field(20, gt=0)
    deadline_s: float = Field(120, gt=0)
    places: int = Field(2, ge=1, le=1000)
    queue: int = Field(16, ge=0, le=10_000)
    retries: int = Field(1, ge=0, le=10)
    price: float | None = Field(None, ge=0)
    daily_calls: int | None = Field(None, ge=1)
    daily_cost: float | None = Field(None, gt=0)
    style: Annotated[list[RemoteStyle], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.daily_cost is not None and not self.price:
            raise ValueError("daily_cost needs a price")
        return self

    @property
    def most_calls(self) -> int | None:
        """That a day may take."""
        bounds = [] if self.daily_calls is None else [self.daily_calls]
        if self.daily_cost is not None and self.price:
            bounds.append(math.floor(self.daily_cost / self.price + 1e-9))
        return min(bounds, default=None)

    @property
    def found_for_s(self) -> float:
        """How long a repeated request finds its drawing, which is then not paid twice."""
        return 0


class _Prompted(RemoteConfig):
    @model_validator(mode="after")
    def _prompts(self) -> Self:
        _require_prompts(self)
        return self


def _require_prompts(config: RemoteConfig) -> None:
    for style in config.style:
        if not style.prompt:
            raise ValueError(f"the style {style.name} needs a prompt")


class ImagesEditsConfig(_Prompted):
    """``url`` is what ``/images/edits`` follows. ``form`` are further fields of the request,
    ``query`` what stands in its URL (Azure's api-version). ``idempotency_key``: the server knows
    a request again by its Idempotency-Key, and charges it once."""

    kind: Literal["images-edits"]
    model: str | None = None
    key_header: Literal["authorization", "api-key"] = "authorization"
    stream: bool = False
    form: Mapping[str, Value] = {}
    query: Mapping[str, str] = {}
    idempotency_key: bool = False

    @property
    @override
    def found_for_s(self) -> float:
        return DAY_S if self.idempotency_key else 0


class PredictionsConfig(_Prompted):
    """``url`` is what ``/predictions`` follows. ``picture``, ``prompt`` and ``seed`` are what the
    model calls these inputs, ``input`` are further ones. Of Replicate, ``version`` or ``model``
    (owner/name) says which model draws."""

    kind: Literal["predictions"]
    server: Literal["replicate", "cog"] = "replicate"
    version: str | None = None
    model: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")
    picture: str = "image"
    prompt: str | None = "prompt"
    seed: str | None = None
    input: Mapping[str, Value] = {}

    @property
    @override
    def found_for_s(self) -> float:
        # Replicate deletes what was drawn an hour after it.
        return 3300 if self.server == "replicate" else DAY_S

    @model_validator(mode="after")
    def _which_model(self) -> Self:
        if self.server == "replicate" and (self.version is None) == (self.model is None):
            raise ValueError("needs either a version or a model")
        return self


def _workflow(value: object, info: ValidationInfo) -> Workflow:
    if not isinstance(value, str):
        raise ValueError("must be the name of a file")
    folder: Path = (info.context or {})["folder"]
    return read_workflow(folder / value)


class ComfyUiConfig(RemoteConfig):
    """``workflow`` is a file beside engines.toml, in ComfyUI's API format. ``output`` is the id of
    the node that saves the drawing, by default the first that saves one."""

    kind: Literal["comfyui"]
    workflow: Annotated[Workflow, BeforeValidator(_workflow)]
    output: str | None = None

    @property
    @override
    def found_for_s(self) -> float:
        return DAY_S

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.workflow.has(PROMPT):
            _require_prompts(self)
        elif prompted := next((style.name for style in self.style if style.prompt), None):
            raise ValueError(
                f"the style {prompted} has a prompt, and {self.workflow.file} no place for it,"
                f' "{PROMPT}"'
            )
        if self.output is not None and self.output not in self.workflow.graph:
            raise ValueError(f"{self.workflow.file} has no node {self.output} to be the output")
        return self


class OriginalConfig(RemoteConfig):
    """A server written for the original design: ``url`` is what ``/generate-cartoon`` follows."""

    kind: Literal["original"]


EngineConfig = ImagesEditsConfig | PredictionsConfig | ComfyUiConfig | OriginalConfig


class _File(_Entry):
    engine: list[Annotated[EngineConfig, Field(discriminator="kind")]]


def read_engines(
    file: Path, taken: Collection[str], environment: Mapping[str, str]
) -> list[EngineConfig]:
    """The engines in ``file``, none of whose styles is ``taken`` and whose keys are in the
    ``environment``. Raises ``BadEngines``."""
    try:
        text = file.read_text()
    except OSError as error:
        raise BadEngines(f"{file}: {error.strerror}") from error
    try:
        engines = _File.model_validate(tomllib.loads(text), context={"folder": file.parent}).engine
    except tomllib.TOMLDecodeError as error:
        raise BadEngines(f"{file}: {error}") from error
    except ValidationError as error:
        faults = [_error_text(text, fault["loc"], fault["msg"]) for fault in error.errors()]
        raise BadEngines(f"{file}: {'; '.join(faults)}") from error
    _judge(file, text, engines, taken, environment)
    return engines


def _judge(
    file: Path,
    text: str,
    engines: list[EngineConfig],
    taken: Collection[str],
    environment: Mapping[str, str],
) -> None:
    """What one entry alone cannot say of itself."""
    names, styles = set(_ENGINES_OF_OURS), set(taken)
    faults: list[str] = []
    for at, engine in enumerate(engines):
        if engine.name in names:
            faults.append(
                _error_text(text, ("engine", at, "name"), f"there are two of {engine.name}")
            )
        names.add(engine.name)
        if (wrong := _wrong_url(engine)) is not None:
            faults.append(_error_text(text, ("engine", at, "url"), wrong))
        if engine.key is not None and not environment.get(engine.key):
            faults.append(_error_text(text, ("engine", at, "key"), f"{engine.key} is not set"))
        for number, style in enumerate(engine.style):
            if style.name in styles:
                where = ("engine", at, "style", number, "name")
                faults.append(_error_text(text, where, f"there are two styles called {style.name}"))
            styles.add(style.name)
    if faults:
        raise BadEngines(f"{file}: {'; '.join(faults)}")


def _wrong_url(engine: RemoteConfig) -> str | None:
    try:
        parts = urlsplit(engine.url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query:
        return "must be an http(s) URL without user name and query"
    if engine.private:
        return None
    if is_private(host):
        return "is in a private network; say private = true if that is meant"
    if parts.scheme != "https":
        return "must be https: pictures and a key go there"
    return None


def is_private(host: str) -> bool:
    """Whether ``host``, as it stands, is no host of the public internet."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith((".local", ".internal", ".localhost"))


def _error_text(text: str, where: tuple[int | str, ...], what: str) -> str:
    # Pydantic puts the kind, by which it chose the model, into the path.
    path = (*where[:2], *where[3:]) if len(where) > 2 and _is_kind(where[2]) else where
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path)
    return f"line {_line_of(text, path)}: {key}: {what.removeprefix('Value error, ')}"


def _is_kind(part: int | str) -> bool:
    return part in ("images-edits", "predictions", "comfyui", "original")


def _line_of(text: str, path: tuple[int | str, ...]) -> int:
    """The line of the key at ``path``; where it is missing, of the table that lacks it."""
    found, deepest, engine, style = 1, 0, -1, -1
    here: tuple[int | str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        at = here
        if re.match(r"\s*\[\[\s*engine\s*\]\]", line):
            engine, style = engine + 1, -1
            at = here = ("engine", engine)
        elif re.match(r"\s*\[\[\s*engine\.style\s*\]\]", line):
            style += 1
            at = here = ("engine", engine, "style", style)
        elif table := re.match(r"\s*\[\s*engine\.(\w+)\s*\]", line):
            at = here = ("engine", engine, table[1])
        elif key := re.match(r"\s*([\w-]+)\s*=", line):
            at = (*here, key[1])
        if len(at) > deepest and path[: len(at)] == at:
            found, deepest = number, len(at)
    return found
