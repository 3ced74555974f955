from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from cartoon_avatar.ai.neural import (
    MANIFEST,
    InputContract,
    NeuralCartoonist,
    NeuralModel,
    NeuralModelMissing,
    available,
)
from cartoon_avatar.ai.pictures import Picture

onnx = pytest.importorskip("onnx")


def _inverting_network(path: Path, contract: InputContract) -> NeuralModel:
    """A network that negates what it is given: with a range about 0, a negative."""
    helper, kinds = onnx.helper, onnx.TensorProto
    shape = [1, 3, "h", "w"] if contract.layout == "NCHW" else [1, "h", "w", 3]
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "negative",
        [helper.make_tensor_value_info("x", kinds.FLOAT, shape)],
        [helper.make_tensor_value_info("y", kinds.FLOAT, shape)],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(network.SerializeToString())
    return NeuralModel(
        name="negative",
        title="Negative",
        sentence="A photographic negative.",
        file=path.name,
        source="made in this test",
        licence="none",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        contract=contract,
    )


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_a_network_is_fed_and_read_by_its_contract(tmp_path: Path, layout, channels) -> None:
    contract = InputContract(layout=layout, channels=channels, side_px=64, multiple_px=32)
    model = _inverting_network(tmp_path / "negative.onnx", contract)
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, :] = (200, 120, 30)
    alpha = np.full((40, 60), 7, np.uint8)

    drawn = NeuralCartoonist(model, tmp_path)(Picture(rgb, alpha))

    assert drawn.rgb.shape == rgb.shape
    assert np.abs(drawn.rgb.astype(int) - (255 - rgb.astype(int))).max() <= 1
    assert drawn.alpha is alpha


def test_a_style_without_its_weights_is_not_listed(tmp_path: Path) -> None:
    model = _inverting_network(tmp_path / "negative.onnx", InputContract())
    assert available(tmp_path, (model,)) == [model]

    (tmp_path / "negative.onnx").unlink()
    assert available(tmp_path, (model,)) == []
    with pytest.raises(NeuralModelMissing):
        NeuralCartoonist(model, tmp_path)


def test_a_damaged_file_is_not_listed(tmp_path: Path) -> None:
    model = _inverting_network(tmp_path / "negative.onnx", InputContract())
    with (tmp_path / "negative.onnx").open("ab") as stream:
        stream.write(b"x")
    assert available(tmp_path, (model,)) == []


def test_every_known_model_names_source_licence_and_hash() -> None:
    for model in MANIFEST:
        assert model.source
        assert model.licence
        assert len(model.sha256) == 64
        assert model.size_bytes > 0
