"""Which engines there are, and which of them draws a style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cartoon_avatar.ai.engines.catalogue import BuiltIn
from cartoon_avatar.ai.engines.onnx import MANIFEST, BadManifest, NeuralEngine, known
from cartoon_avatar.ai.engines.protocol import Engine, StyleFacts
from cartoon_avatar.ai.engines.remote.config import EngineConfig, read_engines
from cartoon_avatar.ai.errors import UnknownStyle


@dataclass(frozen=True, slots=True)
class Engines:
    """All engines, in walking order; the first style of the first is the default."""

    all: tuple[Engine, ...]

    def styles(self) -> list[tuple[Engine, StyleFacts]]:
        """What can be drawn in now. Reads files that were not seen before from end to end."""
        return [(engine, style) for engine in self.all for style in engine.styles()]

    def of(self, name: str) -> tuple[Engine, StyleFacts]:
        """The style called ``name`` and its engine. Raises ``UnknownStyle``."""
        for engine in self.all:
            for style in engine.styles():
                if style.name == name:
                    return engine, style
        raise UnknownStyle([style.name for _, style in self.styles()])


def open_engines(folder: Path, threads: int, workers: int = 1) -> Engines:
    """The engines that draw in worker processes, of which there are ``workers``."""
    # Half of the workers are kept free for drawings that take a tenth of the time.
    return Engines((BuiltIn(), NeuralEngine(folder, threads, places=max(1, workers // 2))))


def remote_configs(
    file: Path | None, folder: Path, environment: Mapping[str, str]
) -> list[EngineConfig]:
    """The generators that engines.toml names; their styles share no name with those of the engines
    that draw here. Raises ``BadEngines``."""
    if file is None:
        return []
    # Names of neural styles stay reserved while their files are missing.
    try:
        neural = known(folder)
    except BadManifest:  # which the neural engine says for itself
        neural = list(MANIFEST)
    ours = (style for _, style in open_engines(folder, threads=1).styles())
    return read_engines(file, {style.name for style in (*ours, *neural)}, environment)
