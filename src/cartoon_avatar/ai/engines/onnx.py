"""Neural styles: an extra, for those who bring weights. docs/models.md says how.

A neural style is an ONNX image-to-image network and an ``Input`` that says how pixels go in
and come out. It is there to be drawn with where the runtime (the ``neural`` extra) is
installed and its file lies in the models folder with the pinned sha256; the folder is read each
time, so that a file put there or taken away counts at once. Only ``fetch`` downloads, at an
operator's command. The weights known here forbid commercial use or leave it open, so none is
downloaded by default.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cartoon_avatar.ai.engines.catalogue import STYLES
from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.protocol import DrawingOptions, EngineFacts, StyleFacts
from cartoon_avatar.ai.errors import UnknownStyle
from cartoon_avatar.ai.filters.holes import without_holes
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.model_files import FetchFailed, write_whole
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.containers.marks import COMPOSITE_WITH_TRAINED_MEDIA
from cartoon_avatar.process.logs import without_native_lines

log = structlog.get_logger()

# In the models folder, beside the files that it names.
OWN_MODELS = "neural.toml"

# As far as the engine enlarges a photo, so that an app gets the same sizes in every style.
_ENLARGE_AT_MOST = 4.0
# The golden ratio and its like for two dimensions (Roberts 2018): seeds that follow one
# another fall far apart.
_STRIDES = np.array([0.7548776662, 0.5698402910])
_PERIOD = 1_000_003  # seeds go up to 2⁵³, where a float has no fraction left
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 10, 60
# A network at its largest side, on a slow core.
_DEADLINE_S = 120
# Milliseconds; a network is opened once in each worker.
_STAGES_MS = {"open": 5, "network": 1000}


class BadManifest(Exception):
    """neural.toml cannot be used; the message says where it is wrong."""


class NetworkUnusable(Exception):
    """The network cannot be opened, or its ``Input`` does not fit it."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Input(_Entry):
    """How a network wants its picture, and how it gives it back (the same way)."""

    layout: Literal["NCHW", "NHWC"] = "NCHW"
    channels: Literal["RGB", "BGR"] = "RGB"
    low: float = -1.0  # the value of black
    high: float = 1.0  # the value of white
    side_px: int = Field(512, ge=32, le=2048)  # the long side that it was trained for
    multiple_px: int = Field(32, ge=1, le=256)  # height and width must be multiples of this
    square: bool = False  # takes nothing but side_px × side_px

    @model_validator(mode="after")
    def _range(self) -> Input:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class NeuralModel(_Entry):
    """A style whose drawings a network makes. ``sha256`` pins its file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    title: str = Field(min_length=1, max_length=40)
    sentence: str = Field(min_length=1, max_length=200)
    file: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*\.onnx$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(gt=0)
    licence: str = Field(min_length=1)
    needs_acceptance: bool = False  # of its licence, before it is fetched
    url: str | None = Field(None, pattern=r"^https?://")
    input: Input = Input()


# Where sizes and hashes were published: docs/models.md.
MANIFEST = (
    NeuralModel(
        name="animegan2-face",
        title="Painted portrait",
        sentence="A smooth painting by AnimeGANv2, made for one face near the camera.",
        file="face_paint_512_v2_0.onnx",
        sha256="1381b17ed988e14a1f3cf8954d88073c0884ff4b70128ebe599f0d6021bca63e",
        size_bytes=8_594_990,
        licence="MIT for the port (animegan2-pytorch); AnimeGANv2 itself: non-commercial",
        needs_acceptance=True,
        url="https://huggingface.co/akhaliq/AnimeGANv2-ONNX/resolve/"
        "980ee341c8a3b45ae59bb10072a4f0383d96811a/face_paint_512_v2_0.onnx",
        input=Input(square=True),
    ),
    NeuralModel(
        name="animegan2-hayao",
        title="Animated film",
        sentence="Painted scenery by AnimeGANv2; faces keep more of the photo.",
        file="AnimeGANv2_Hayao.onnx",
        sha256="5a84ca468f3c4fd891fe8c883a3a507ed3e463f4f059985735f6449dae7590b5",
        size_bytes=8_649_739,
        licence="non-commercial (AnimeGANv2)",
        needs_acceptance=True,
        url="https://huggingface.co/vumichien/AnimeGANv2_Hayao/resolve/"
        "f84714b47ad2c7e930c5f3d5dff58fe91659be95/AnimeGANv2_Hayao.onnx",
        input=Input(layout="NHWC"),
    ),
)


class _OwnModels(_Entry):
    style: Annotated[list[NeuralModel], Field(min_length=1)]


def known(folder: Path) -> list[NeuralModel]:
    """The models of ``MANIFEST`` and those of neural.toml. Raises ``BadManifest``."""
    return [*MANIFEST, *_own(folder / OWN_MODELS)]


def _own(file: Path) -> list[NeuralModel]:
    try:
        written = tomllib.loads(file.read_text())
        own = _OwnModels.model_validate(written).style
    except FileNotFoundError:
        return []
    except ValidationError as error:
        faults = [
            ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"])
            + f": {fault['msg']}"
            for fault in error.errors()
        ]
        raise BadManifest(f"{file}: {'; '.join(faults)}") from error
    except (OSError, ValueError) as error:
        raise BadManifest(f"{file}: {error}") from error
    taken = {style.name for style in STYLES} | {model.name for model in MANIFEST}
    for model in own:
        if model.name in taken:
            raise BadManifest(f"{file}: there are two styles called {model.name}")
        taken.add(model.name)
    return own


def available(folder: Path) -> list[NeuralModel]:
    """The models that can be drawn with: runtime installed, file whole."""
    if not runtime_is_installed():
        return []
    try:
        models = known(folder)
    except BadManifest as error:
        log.error("neural_manifest_unusable", error=str(error))
        models = list(MANIFEST)
    return [model for model in models if state_of(folder, model) == "ok"]


def runtime_is_installed() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


def state_of(folder: Path, model: NeuralModel) -> str:
    """``"ok"``, ``"missing"`` or ``"damaged"``."""
    path = folder / model.file
    try:
        seen = path.stat()
        digest = _digest(path, seen.st_size, seen.st_mtime_ns, seen.st_ino)
    except OSError:
        return "missing"
    return "ok" if digest == model.sha256 else "damaged"


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, mtime_ns: int, inode: int) -> str:
    # Called by each listing; an unchanged file is not read again.
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(folder: Path, model: NeuralModel) -> None:
    """Download ``model`` into ``folder``: whole and as pinned, or not at all.

    Raises ``FetchFailed``.
    """
    import httpx  # here: the workers, which start often, never fetch

    by_hand = (
        f"It can also be put there by hand: {folder / model.file},"
        f" {model.size_bytes} bytes, sha256 {model.sha256}."
    )
    if model.url is None:
        raise FetchFailed(f"No address is known for {model.name}. {by_hand}")
    data = bytearray()
    try:
        timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        with httpx.stream("GET", model.url, follow_redirects=True, timeout=timeout) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > model.size_bytes:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FetchFailed(f"{model.url} could not be fetched: {reason}. {by_hand}") from error
    digest = hashlib.sha256(data).hexdigest()
    if len(data) != model.size_bytes or digest != model.sha256:
        size = "more than" if len(data) > model.size_bytes else str(len(data))
        raise FetchFailed(
            f"What {model.url} delivers is not the file expected: {size} bytes, sha256 {digest};"
            f" nothing was kept. {by_hand}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / model.file, bytes(data))


def _version_of(model: NeuralModel) -> str:
    drawing = f"{model.sha256} {model.input.model_dump_json()}"
    return hashlib.sha256(drawing.encode()).hexdigest()[:12]


class NeuralEngine:
    """The engine of neural styles; draws in worker processes, networks opened when first asked."""

    def __init__(self, folder: Path, threads: int, places: int) -> None:
        self.facts = EngineFacts(
            name="onnx",
            aligned=True,
            deterministic=True,
            expected_s=3,
            source_type=COMPOSITE_WITH_TRAINED_MEDIA,
            places=places,
            deadline_s=_DEADLINE_S,
        )
        self._folder = folder
        self._threads = threads
        self._networks: dict[NeuralModel, Network] = {}

    def styles(self) -> Sequence[StyleFacts]:
        return [
            StyleFacts(model.name, model.title, model.sentence, version=_version_of(model))
            for model in available(self._folder)
        ]

    def stages(self, style: str) -> Mapping[str, float]:
        return _STAGES_MS

    def draw(self, scene: Scene, options: DrawingOptions, clock: Clock) -> Drawing:
        """Raises ``UnknownStyle`` where the style's file has gone meanwhile."""
        models = {model.name: model for model in available(self._folder)}
        if options.style not in models:
            raise UnknownStyle(list(models))
        network = self._opened(models[options.style])
        clock.done("open")
        picture = network(scene.picture, options.seed, options.long_side)
        clock.done("network")
        return Drawing(picture, len(scene.faces), ink_px=0, stages=clock.stages)

    def _opened(self, model: NeuralModel) -> Network:
        if model not in self._networks:
            self._networks[model] = Network(model, self._folder, self._threads)
        return self._networks[model]


class Network:
    """A model, opened. Not thread-safe: one per worker process."""

    def __init__(self, model: NeuralModel, folder: Path, threads: int) -> None:
        # Imported here: without such a style the runtime's memory is saved.
        with without_native_lines():  # of the devices that it looks for and does not find
            import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # What a picture took is given back after it; the next may not be a network's.
        options.enable_cpu_mem_arena = False
        self._wants = model.input
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / model.file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime has a class for each of its complaints
            raise NetworkUnusable(f"{model.file}: {error}") from error
        self._input = self._session.get_inputs()[0].name

    def __call__(self, photo: Picture, seed: int, long_side: int) -> Picture:
        """``photo`` redrawn in full, pixel-aligned, ``long_side`` long; alpha is kept.

        A network has no seed: with 0 it draws the photo as it is, with any other the light,
        the strength of colours and, where it takes any size, the breadth of its strokes vary
        in what it is shown.
        """
        rgb = photo.rgb if photo.alpha is None else without_holes(photo.rgb, photo.alpha)
        side_px = self._wants.side_px
        if seed:
            light, colour = (0.5 + seed % _PERIOD * _STRIDES) % 1
            rgb = _relit(rgb, gamma=1.4 ** (2 * light - 1), vividness=0.65 + 0.8 * colour)
            if not self._wants.square:
                side_px = round(side_px * (0.8 + 0.4 * light))
        scale = min(long_side / max(photo.width, photo.height), _ENLARGE_AT_MOST)
        size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        drawn = self._square(rgb) if self._wants.square else self._stretched(rgb, side_px)
        alpha = None if photo.alpha is None else _resized(photo.alpha, size)
        return Picture(_resized(drawn, size), alpha)

    def _stretched(self, rgb: np.ndarray, side_px: int) -> np.ndarray:
        """Run on the whole of ``rgb``, sides rounded to what the network divides by."""
        step = self._wants.multiple_px
        scale = side_px / max(rgb.shape[:2]) / step
        height, width = (max(1, round(side * scale)) * step for side in rgb.shape[:2])
        return self._run(_resized(rgb, (width, height)))

    def _square(self, rgb: np.ndarray) -> np.ndarray:
        """Run on ``rgb`` in the middle of a square, its borders continued."""
        side = self._wants.side_px
        scale = side / max(rgb.shape[:2])
        height, width = (max(1, round(length * scale)) for length in rgb.shape[:2])
        top, left = (side - height) // 2, (side - width) // 2
        filled = cv2.copyMakeBorder(
            _resized(rgb, (width, height)),
            top, side - height - top, left, side - width - left, cv2.BORDER_REPLICATE,
        )  # fmt: skip
        drawn = _resized(self._run(filled), (side, side))
        return drawn[top : top + height, left : left + width]

    def _run(self, rgb: np.ndarray) -> np.ndarray:
        wants = self._wants
        span = wants.high - wants.low
        values = self._swapped(rgb.astype(np.float32)) * np.float32(span / 255)
        values += np.float32(wants.low)
        if wants.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        try:
            out = self._session.run(None, {self._input: np.ascontiguousarray(values[None])})[0]
        except Exception as error:  # the runtime has a class for each of its complaints
            raise NetworkUnusable(f"The network does not take its input: {error}") from error
        out = np.asarray(out)
        if out.ndim == 4 and wants.layout == "NCHW":
            out = out.transpose(0, 2, 3, 1)
        if out.ndim != 4 or out.shape[0] != 1 or out.shape[3] != 3:
            raise NetworkUnusable(f"The network's output is no {wants.layout} picture: {out.shape}")
        bytes_ = (self._swapped(out[0]) - wants.low) * (255 / span) + 0.5
        return np.clip(np.nan_to_num(bytes_), 0, 255).astype(np.uint8)

    def _swapped(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[..., ::-1] if self._wants.channels == "BGR" else pixels


def _relit(rgb: np.ndarray, gamma: float, vividness: float) -> np.ndarray:
    """``rgb`` (uint8) in another light, with stronger or weaker colours; hues stay."""
    curve = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    lab = cv2.cvtColor(cv2.LUT(rgb, curve), cv2.COLOR_RGB2LAB)
    chroma = np.clip(128 + (np.arange(256) - 128) * vividness, 0, 255)
    lab[..., 1:] = cv2.LUT(lab[..., 1:], np.rint(chroma).astype(np.uint8))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``pixels`` at ``size``, width first."""
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    smaller = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(pixels, size, interpolation=how)
