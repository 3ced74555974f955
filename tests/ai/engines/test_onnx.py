from __future__ import annotations

import itertools
import re
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from cartoon_avatar.ai.engines import onnx as neural
from cartoon_avatar.ai.engines.onnx import BadManifest, Input, Network, NetworkUnusable
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.model_files import FetchFailed
from tests.ai.networks import NEGATIVE, manifest, model_of, network, serving


def opened(folder: Path, data: bytes, wants: Input | None = None) -> Network:
    model = model_of(data, wants)
    (folder / model.file).write_bytes(data)
    return Network(model, folder, threads=1)


# --- drawing


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.5, 0.5)])
def test_a_network_is_fed_and_read_as_it_wants(tmp_path, layout, channels, low, high) -> None:
    shape = [1, 3, "h", "w"] if layout == "NCHW" else [1, "h", "w", 3]
    wants = Input(layout=layout, channels=channels, side_px=64, low=low, high=high)
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, :] = (200, 120, 30)
    alpha = np.full((40, 60), 200, np.uint8)

    drawn = opened(tmp_path, network("Neg", *shape), wants)(Picture(rgb, alpha), 0, 60)

    assert drawn.rgb.shape == rgb.shape
    assert np.abs(drawn.rgb.astype(int) - (255 - rgb.astype(int))).max() <= 1
    assert drawn.alpha is not None
    assert np.array_equal(drawn.alpha, alpha)


@pytest.mark.parametrize("size", [(64, 64), (64, 20), (20, 64), (1, 64), (64, 1), (1, 1)])
def test_a_network_of_one_size_gets_that_and_the_picture_keeps_its_shape(tmp_path, size) -> None:
    gradient = np.tile(np.linspace(0, 255, size[0]).astype(np.uint8), (size[1], 1))
    photo = Picture(np.dstack([gradient] * 3))
    draw = opened(tmp_path, network("Neg", 1, 3, 64, 64), Input(side_px=64, square=True))

    drawn = draw(photo, 0, max(size)).rgb

    assert drawn.shape == photo.rgb.shape
    assert np.abs(drawn.astype(int) - (255 - photo.rgb.astype(int))).max() <= 1


@pytest.mark.parametrize(
    ("size", "long_side", "drawn"),
    [((30, 20), 1024, (120, 80)), ((300, 200), 1024, (1024, 683)), ((300, 200), 150, (150, 100))],
)
def test_drawings_have_the_sizes_that_the_engine_gives_them(
    tmp_path, size, long_side, drawn
) -> None:
    photo = Picture(np.full((size[1], size[0], 3), 9, np.uint8), np.full(size[::-1], 9, np.uint8))
    made = opened(tmp_path, NEGATIVE)(photo, 0, long_side)
    assert made.alpha is not None
    assert made.rgb.shape[1::-1] == made.alpha.shape[::-1] == drawn


def test_seeds_of_one_network_differ_and_each_is_repeatable(tmp_path) -> None:
    draw = opened(tmp_path, network("Identity", 1, 3, "h", "w"), Input(side_px=128))
    photo = Picture(cv2.resize(skimage.data.astronaut(), (128, 128)))

    drawn = [draw(photo, seed, 128).rgb for seed in range(9)]

    # With 0 it is the network's own drawing, of the photo as it is.
    assert np.array_equal(drawn[0], photo.rgb)
    assert np.array_equal(draw(photo, 7, 128).rgb, drawn[7])
    assert draw(photo, 2**53 - 1, 128).rgb.shape == photo.rgb.shape
    labs = [cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for rgb in drawn]

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.linalg.norm(one - other, axis=2).mean())

    assert np.mean([apart(*pair) for pair in itertools.combinations(labs, 2)]) > 7
    assert min(apart(*pair) for pair in itertools.pairwise(labs)) > 4


def test_what_lies_under_transparency_draws_no_rim(tmp_path) -> None:
    rgb = np.full((64, 64, 3), 255, np.uint8)
    rgb[:, :32] = (30, 90, 200)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :32] = 255
    drawn = opened(tmp_path, network("Identity", 1, 3, "h", "w"))(Picture(rgb, alpha), 0, 64)
    assert np.abs(drawn.rgb[:, :32].astype(int) - (30, 90, 200)).max() < 25


@pytest.mark.parametrize(
    ("data", "wants", "said"),
    [
        (b"no network", Input(), "negative.onnx"),
        (network("Neg", 1, 3, 64, 64), Input(side_px=96, square=True), "does not take"),
        (network("Neg", 1, 3, "h", "w"), Input(layout="NHWC", side_px=64), "does not take"),
        (network("Neg", "h", "w"), Input(side_px=64), "does not take"),
        (network("Flatten", 1, 3, "h", "w"), Input(side_px=64), "is no NCHW picture"),
    ],
    ids=["no network", "another size", "another layout", "another rank", "no picture"],
)
def test_a_network_that_does_not_fit_its_entry_is_said_to(tmp_path, data, wants, said) -> None:
    grey = Picture(np.full((32, 32, 3), 128, np.uint8))
    with pytest.raises(NetworkUnusable, match=said):
        opened(tmp_path, data, wants)(grey, 0, 32)


# --- what is there


def test_a_style_is_there_while_its_file_is_whole(tmp_path: Path) -> None:
    model = model_of(NEGATIVE)
    manifest(tmp_path, model.model_dump())
    file = tmp_path / model.file

    def seen() -> tuple[str, list[str]]:
        return neural.state_of(tmp_path, model), [m.name for m in neural.available(tmp_path)]

    assert seen() == ("missing", [])
    file.write_bytes(NEGATIVE)
    assert seen() == ("ok", ["negative"])
    file.write_bytes(NEGATIVE[:-1])
    assert seen() == ("damaged", [])
    file.write_bytes(NEGATIVE)
    assert seen() == ("ok", ["negative"])
    file.unlink()
    assert seen() == ("missing", [])


def test_without_the_runtime_no_style_is_there(tmp_path: Path, monkeypatch) -> None:
    model = model_of(NEGATIVE)
    manifest(tmp_path, model.model_dump())
    (tmp_path / model.file).write_bytes(NEGATIVE)
    # So Python marks a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert neural.available(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": None}, "style.1.name: Field required"),
        ({"name": "Negative"}, "style.1.name"),
        ({"name": "comic"}, "two styles called comic"),
        ({"name": "animegan2-face"}, "two styles called animegan2-face"),
        ({"file": "../negative.onnx"}, "style.1.file"),
        ({"file": "/etc/negative.onnx"}, "style.1.file"),
        ({"sha256": "ab"}, "style.1.sha256"),
        ({"size_bytes": 0}, "style.1.size_bytes"),
        ({"url": "file:///etc/passwd"}, "style.1.url"),
        ({"colour": "red"}, "style.1.colour"),
        ({"input": {"layout": "CHW"}}, "style.1.input.layout"),
        ({"input": {"side_px": 100_000}}, "style.1.input.side_px"),
        ({"input": {"low": 1.0, "high": 0.0}}, "low must be below high"),
    ],
    ids=str,
)
def test_a_wrong_entry_is_named_and_costs_no_other_style(tmp_path, changes, said) -> None:
    manifest(tmp_path, {**model_of(NEGATIVE).model_dump(), **changes})
    with pytest.raises(BadManifest, match=said):
        neural.known(tmp_path)
    assert neural.available(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[[style]]", "style = 3", "not toml", "\x00", "[[other]]"])
def test_a_manifest_that_is_none_is_said_to_be(tmp_path: Path, text: str) -> None:
    (tmp_path / neural.OWN_MODELS).write_text(text)
    with pytest.raises(BadManifest, match=neural.OWN_MODELS):
        neural.known(tmp_path)


def test_every_known_network_names_address_licence_and_hash() -> None:
    assert neural.MANIFEST
    for model in neural.MANIFEST:
        # The address holds a commit: what is behind it does not change.
        assert re.search(r"/resolve/[0-9a-f]{40}/", model.url or "")
        assert "non-commercial" in model.licence
        assert model.needs_acceptance


# --- fetching


@pytest.mark.parametrize("path", ["", "?moved"])
def test_a_network_is_fetched_and_then_there(tmp_path: Path, path: str) -> None:
    with serving(NEGATIVE) as url:
        model = model_of(NEGATIVE, url=url + path)
        neural.fetch(tmp_path / "new" / "folder", model)
    assert neural.state_of(tmp_path / "new" / "folder", model) == "ok"
    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == [model.file]


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        (NEGATIVE[:-1] + b"?", "", "is not the file expected"),
        (NEGATIVE[:-9], "", f"{len(NEGATIVE) - 9} bytes"),
        (NEGATIVE + bytes(10_000_000), "", "more than"),
        (NEGATIVE, "?cut", "could not be fetched"),
        (None, "", "404"),
    ],
    ids=["another", "short", "long", "cut off", "nothing"],
)
def test_what_is_not_the_file_leaves_nothing_and_spares_what_was_there(
    tmp_path: Path, body: bytes | None, path: str, said: str
) -> None:
    with serving(body) as url:
        model = model_of(NEGATIVE, url=url + path)
        (tmp_path / model.file).write_bytes(b"an older one")
        with pytest.raises(FetchFailed, match=said) as failed:
            neural.fetch(tmp_path, model)
    assert model.sha256 in str(failed.value)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"an older one"]


def test_an_address_that_is_out_of_reach_is_said_to_be(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        port = taken.getsockname()[1]
        model = model_of(NEGATIVE, url=f"http://127.0.0.1:{port}/negative.onnx")
        with pytest.raises(FetchFailed, match=r"could not be fetched: .*refused.*by hand"):
            neural.fetch(tmp_path, model)
    with pytest.raises(FetchFailed, match="No address is known"):
        neural.fetch(tmp_path, model_of(NEGATIVE))
    assert list(tmp_path.iterdir()) == []
