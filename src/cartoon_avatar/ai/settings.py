"""The one reader of the AI service's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cartoon_avatar.ai.origins import Origin
from cartoon_avatar.ai.signing import BadSigning, Identity, open_signer
from cartoon_avatar.contract.limits import MAX_UPLOAD_BYTES


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class AiSettings(BaseSettings):
    """One environment variable each: ``AI_`` and the field's name in capitals; MARKS, LOG_…."""

    model_config = SettingsConfigDict(env_prefix="AI_", extra="ignore", env_ignore_empty=True)

    workers: int = Field(
        default_factory=_cores,
        ge=1,
        le=256,
        description="Worker processes, so pictures worked on at once; by default one a core.",
    )
    queue: int = Field(
        16, ge=0, le=10_000, description="Requests that wait for a worker; more are refused (503)."
    )
    trusted_origins: Annotated[list[str], NoDecode] = Field(
        ["http://127.0.0.1:8000"],
        description="Origins that pictures may be fetched from, comma-separated,"
        " each `scheme://host[:port]` exactly as it stands in the URLs.",
    )
    max_pixels: int = Field(
        50_000_000, ge=1, description="Most pixels a picture may have, judged before decoding."
    )
    max_upload_bytes: int = Field(
        MAX_UPLOAD_BYTES, ge=1, description="Largest picture file, uploaded or fetched, in bytes."
    )
    task_timeout_s: float = Field(
        30,
        gt=0,
        description="Longest time a worker may take for one picture (a neural style has 120 s),"
        " and a request may wait for a worker, in seconds.",
    )
    body_timeout_s: float = Field(
        30, gt=0, description="Longest time an upload may take to arrive, in seconds."
    )
    fetch_timeout_s: float = Field(
        10, gt=0, description="Longest time the fetching of one URL may take, in seconds."
    )
    models_dir: Path | None = Field(
        None,
        description="Folder of the model files; by default where `models fetch` puts them.",
    )
    engines: Path | None = Field(
        None,
        description="File that names external generators as engines (docs/generators.md); without"
        " it there are none.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get("DATA_DIR") or "data"),
        description="Folder of the generators' ledger: what they were asked for today, and what may"
        " still be found again; by default `DATA_DIR`, or `data`.",
    )
    marks: Literal["on", "off"] = Field(
        "on",
        validation_alias=AliasChoices("MARKS", "marks"),
        description="Whether pictures that are made say so in their metadata (docs/marks.md).",
    )
    c2pa_cert: Path | None = Field(
        None,
        validation_alias=AliasChoices("C2PA_CERT", "c2pa_cert"),
        description="PEM file of your certificate and its chain, by which cartoons and heads are"
        " signed (docs/marks.md); needs the extra `c2pa`. Without it nothing is.",
    )
    c2pa_key: Path | None = Field(
        None,
        validation_alias=AliasChoices("C2PA_KEY", "c2pa_key"),
        description="PEM file of that certificate's private key, without a password.",
    )
    min_replicas: int = Field(
        1, ge=1, le=10_000, description="With `ai --ray`: replicas that are always there."
    )
    max_replicas: int = Field(
        1, ge=1, le=10_000, description="With `ai --ray`: replicas where there is much to do."
    )
    replica_cpus: float = Field(
        1,
        gt=0,
        description="With `ai --ray`: CPUs that a replica takes up, and workers that it has.",
    )
    replica_gpus: float = Field(
        0, ge=0, description="With `ai --ray`: GPUs that a replica takes up; a share is fine."
    )
    ray_proxies: Literal["every", "head"] = Field(
        "every",
        description="With `ai --ray`: which nodes of the cluster answer HTTP, every one that has"
        " a replica or the head alone.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        validation_alias=AliasChoices("LOG_LEVEL", "log_level"),
        description="Least severe level that is logged.",
    )
    log_format: Literal["console", "json"] | None = Field(
        None,
        validation_alias=AliasChoices("LOG_FORMAT", "log_format"),
        description="Logs for a person (`console`) or a program (`json`); by default for a person"
        " where standard error is a terminal.",
    )

    @field_validator("trusted_origins", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("trusted_origins")
    @classmethod
    def _origins(cls, values: list[str]) -> list[str]:
        for value in values:
            Origin.parse(value)
        return values

    @property
    def identity(self) -> Identity | None:
        """What pictures are signed by."""
        if self.c2pa_cert is None or self.c2pa_key is None:
            return None
        return Identity(self.c2pa_cert, self.c2pa_key)

    @property
    def threads(self) -> int:
        """Threads of each worker: the cores that the workers leave over."""
        return max(1, _cores() // self.workers)


# Variables without AI_ before them.
_UNPREFIXED = ("LOG_LEVEL", "LOG_FORMAT", "MARKS", "C2PA_CERT", "C2PA_KEY")


class BadSettings(Exception):
    """The environment holds values that cannot be used; the message names the variables."""


def settings_from_environment() -> AiSettings:
    try:
        settings = AiSettings()
    except ValidationError as error:
        faults = [
            f"{variable_of(str(fault['loc'][0]))}: {fault['msg']}" for fault in error.errors()
        ]
        raise BadSettings("; ".join(faults)) from error
    if settings.engines is not None:
        _judge_engines(settings)
    if settings.c2pa_cert is not None or settings.c2pa_key is not None:
        _judge_identity(settings)
    return settings


def _judge_identity(settings: AiSettings) -> None:
    if settings.identity is None:
        raise BadSettings("C2PA_CERT and C2PA_KEY go together: one of them is not set")
    try:
        open_signer(settings.identity)
    except BadSigning as error:
        raise BadSettings(f"C2PA_CERT, C2PA_KEY: {error}") from error


def _judge_engines(settings: AiSettings) -> None:
    # Imported here: it loads all engines, which would delay every command.
    from cartoon_avatar.ai.engines.registry import remote_configs
    from cartoon_avatar.ai.engines.remote.config import BadEngines
    from cartoon_avatar.ai.seeing.model_files import models_folder

    try:
        remote_configs(settings.engines, models_folder(settings.models_dir), environment())
    except BadEngines as error:
        raise BadSettings(f"AI_ENGINES: {error}") from error


def environment() -> Mapping[str, str]:
    """Where generators' keys are, under the names that engines.toml gives."""
    return os.environ


def variable_of(field: str) -> str:
    """The environment variable that sets ``field``."""
    name = field.upper()
    return name if name in _UNPREFIXED else f"AI_{name}"
