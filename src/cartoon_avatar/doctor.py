"""Looks an installation over and says how to mend what it finds. It changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import numpy as np
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cartoon_avatar.ai.engines import onnx as neural
from cartoon_avatar.ai.engines.registry import remote_configs
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.model_files import REQUIRED, models_folder, state_of
from cartoon_avatar.ai.settings import AiSettings, environment
from cartoon_avatar.backend.db.migrate import alembic_config
from cartoon_avatar.backend.db.session import open_database
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.open import open_storage
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.paths import READYZ
from cartoon_avatar.process.address import listen_fault, reached_at
from cartoon_avatar.process.command_line import command_line, extra

_OLDEST, _TOO_NEW = (3, 11), (3, 15)
_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to; ``mend`` says what to do where something is wrong."""

    check: str
    status: Literal["ok", "wrong"]
    found: str
    mend: str | None = None


def _ok(check: str, found: str) -> Finding:
    return Finding(check, "ok", found)


def _wrong(check: str, found: str, mend: str) -> Finding:
    return Finding(check, "wrong", found, mend)


def examine(backend: BackendSettings, ai: AiSettings, host: str, port: int) -> list[Finding]:
    """Every check in turn; one that goes wrong stops none of the others."""
    checks: list[Callable[[], Finding | list[Finding]]] = [
        _python,
        lambda: _models(ai),
        lambda: _neural_styles(ai),
        lambda: _generators(ai),
        lambda: _data_folder(backend.data_dir),
        lambda: _free_space(backend),
        lambda: _signing_key(backend),
        lambda: asyncio.run(_database(backend)),
        lambda: asyncio.run(_storage(backend)),
        lambda: _ai_service(backend),
        lambda: _port(host, port),
    ]
    found = [check() for check in checks]
    return [one for some in found for one in (some if isinstance(some, list) else [some])]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if _OLDEST <= sys.version_info[:2] < _TOO_NEW:
        return _ok("python", version)
    return _wrong("python", version, "install Python 3.11 to 3.14 and set up again with it")


def _models(ai: AiSettings) -> Finding:
    folder = models_folder(ai.models_dir)
    states = {file.name: state_of(folder, file) for file in REQUIRED}
    lacking = [f"{name} ({state})" for name, state in states.items() if state != "ok"]
    if not lacking:
        return _ok("models", f"{len(states)} files in {folder}")
    return _wrong(
        "models", f"in {folder}: {', '.join(lacking)}", f"run `{command_line('models fetch')}`"
    )


def _neural_styles(ai: AiSettings) -> Finding:
    folder = models_folder(ai.models_dir)
    try:
        models = neural.known(folder)
    except neural.BadManifest as error:
        return _wrong("neural", str(error), "docs/models.md shows how it is written")
    states = {model: neural.state_of(folder, model) for model in models}
    faults = [
        f"{model.file} ({state})"
        for model, state in states.items()
        # One that we know of may be missing; one that neural.toml names should be there.
        if state == "damaged" or (state == "missing" and model not in neural.MANIFEST)
    ]
    if faults:
        return _wrong(
            "neural",
            f"in {folder}: {', '.join(faults)}",
            f"put the file there whose sha256 `{command_line('models list --json')}` shows,"
            " or take its entry out",
        )
    here = [model for model, state in states.items() if state == "ok"]
    if not here:
        return _ok("neural", "none, they are an extra")
    if not neural.runtime_is_installed():
        return _wrong(
            "neural",
            "the networks are here, what runs them is not",
            extra("neural"),
        )
    grey = Picture(np.full((64, 64, 3), 128, np.uint8))
    for model in here:
        try:
            neural.Network(model, folder, threads=1)(grey, 0, 64)
        except neural.NetworkUnusable as error:
            return _wrong(
                "neural",
                f"{model.name} cannot draw: {error}",
                f"compare its input in {folder / neural.OWN_MODELS} with the network",
            )
    return _ok("neural", ", ".join(model.name for model in here))


def _generators(ai: AiSettings) -> list[Finding]:
    """Each external generator, asked for something that costs nothing."""
    if ai.engines is None:
        return []
    # Imported here: it loads a client that nothing else of this needs.
    from cartoon_avatar.ai.engines.remote.trial import try_engines

    configs = remote_configs(ai.engines, models_folder(ai.models_dir), environment())
    return [
        _ok(f"engine {trial.engine}", f"{trial.tried}: {trial.found}")
        if trial.good
        else _wrong(
            f"engine {trial.engine}",
            f"{trial.tried}: {trial.found}",
            f"check its url and key in {ai.engines} and its server (docs/generators.md)",
        )
        for trial in asyncio.run(try_engines(configs, environment()))
    ]


def _data_folder(folder: Path) -> Finding:
    if not folder.exists():
        parent = next(above for above in folder.absolute().parents if above.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return _ok("data folder", f"{folder} is made at the first start")
        return _wrong(
            "data folder",
            f"{folder} is not there and {parent} may not be written to",
            "set DATA_DIR (or --data) to a folder of the user who runs the service",
        )
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return _wrong(
            "data folder",
            f"{folder} cannot be written to ({error.strerror})",
            f"give it to the user who runs the service: chown -R USER {folder}",
        )
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        return _wrong(
            "data folder", f"{folder} is open to others (mode {mode:04o})", f"chmod 700 {folder}"
        )
    return _ok("data folder", f"{folder}, closed to others")


def _free_space(backend: BackendSettings) -> Finding:
    folder = backend.data_dir.absolute()
    place = next(at for at in (folder, *folder.parents) if at.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free"
    if free >= backend.min_free_bytes:
        return _ok("free space", found)
    reserve = f"{backend.min_free_bytes / 1e9:g} GB"
    return _wrong(
        "free space",
        f"{found}, less than the reserve of {reserve} (MIN_FREE_BYTES)",
        "make room, or move DATA_DIR to a larger disk; until then uploads are refused (507)",
    )


def _signing_key(backend: BackendSettings) -> Finding:
    if backend.signing_keys:
        return _ok("signing key", f"{len(backend.signing_keys)} in SIGNING_KEYS")
    file = backend.signing_key_file
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        key = file.read_text().strip()
    except FileNotFoundError:
        return _ok("signing key", f"{file} is made at the first start")
    except OSError as error:
        return _wrong(
            "signing key",
            f"{file} cannot be read ({error.strerror})",
            f"give it to the user who runs the service: chown USER {file}",
        )
    if mode & 0o077:
        return _wrong(
            "signing key",
            f"{file} is open to others (mode {mode:04o})",
            f"chmod 600 {file}; if a stranger may have read it, replace it (docs/operations.md)",
        )
    if len(key) < 32:
        return _wrong(
            "signing key",
            f"{file} holds {len(key)} characters; 32 are needed",
            "restore it from a backup, or delete it: a new one is made, and URLs and device"
            " tokens given out so far end",
        )
    return _ok("signing key", f"{file}, mode {mode:04o}")


async def _database(backend: BackendSettings) -> Finding:
    if backend.database_url is None and not (backend.data_dir / "avatars.sqlite").exists():
        return _ok("database", "SQLite, made at the first start")

    def revision(connection: Connection) -> tuple[str, str | None]:
        context = MigrationContext.configure(connection)
        return connection.dialect.name, context.get_current_revision()

    try:
        async with (
            asyncio.timeout(backend.database_timeout_s),
            open_database(backend.database, backend.database_timeout_s) as database,
        ):
            kind, current = await database.read(revision)
    except (SQLAlchemyError, OSError) as error:
        # Without the URL: it may hold a password.
        reason = str(getattr(error, "orig", None) or error) or "no answer"
        return _wrong(
            "database", f"it cannot be opened: {reason}", "check DATABASE_URL and its server"
        )
    except ImportError as error:
        return _wrong("database", str(error), f"install its driver: `{extra('postgres')}`")
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if current == head:
        return _ok("database", f"{kind}, schema {current}")
    if current is not None and current not in _known_revisions():
        return _wrong(
            "database",
            f"{kind}, schema {current}, which this version does not know",
            "it was made by a newer version: install that one, or restore a backup",
        )
    if backend.migrate_on_start:
        return _ok("database", f"{kind}, schema {current}; brought to {head} at the next start")
    return _wrong(
        "database",
        f"{kind}, schema {current} instead of {head}",
        f"run `{command_line('migrate')}`",
    )


def _known_revisions() -> set[str]:
    scripts = ScriptDirectory.from_config(alembic_config())
    return {script.revision for script in scripts.walk_revisions()}


async def _storage(backend: BackendSettings) -> Finding:
    if backend.storage_url is None:
        return _ok("storage", "folders in the data folder")
    try:
        await open_storage(backend).check()
    except ImportError as error:
        return _wrong("storage", str(error), f"install its client: `{extra('s3')}`")
    except (AvatarError, OSError) as error:
        reason = getattr(error, "__cause__", None) or error
        return _wrong(
            "storage",
            f"{backend.storage_url} does not answer: {reason}",
            "check STORAGE_URL, AWS_ENDPOINT_URL and the AWS_… keys",
        )
    return _ok("storage", backend.storage_url)


def _ai_service(backend: BackendSettings) -> Finding:
    if "ai_url" not in backend.model_fields_set:
        return _ok("ai service", "`serve` starts its own (AI_URL is not set)")
    mend = f"start it with `{command_line('ai')}`, or correct AI_URL ({backend.ai_url})"
    try:
        response = httpx.get(f"{backend.ai_url}{READYZ}", timeout=_TIMEOUT_S, trust_env=False)
        state = response.json()
        status = str(state["status"])
        missing = ", ".join(state.get("missing", []))
    except httpx.HTTPError as error:
        return _wrong("ai service", f"no answer: {error}", mend)
    except (ValueError, KeyError, TypeError):
        return _wrong("ai service", f"{backend.ai_url} is not the AI service", mend)
    if status == "starting":
        return _wrong("ai service", "its workers are starting", "wait some seconds and look again")
    if missing:
        return _wrong(
            "ai service",
            f"{status}: {missing} missing",
            f"run `{command_line('models fetch')}` where it runs",
        )
    return _ok("ai service", f"{status} at {backend.ai_url}")


def _port(host: str, port: int) -> Finding:
    reason = listen_fault(host, port)
    if reason is None:
        return _ok("port", f"{host}:{port} is free")
    if _is_ours(host, port):
        return _ok("port", f"cartoon-avatar runs on {host}:{port}")
    return _wrong(
        "port",
        f"{host}:{port} cannot be listened on ({reason})",
        "stop what uses it, or start with another --port",
    )


def _is_ours(host: str, port: int) -> bool:
    try:
        response = httpx.get(
            f"http://{reached_at(host)}:{port}/",
            headers={"Accept": "application/json"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
        return response.json()["name"] == "cartoon-avatar"
    except (httpx.HTTPError, json.JSONDecodeError, KeyError, TypeError, ValueError):
        return False
