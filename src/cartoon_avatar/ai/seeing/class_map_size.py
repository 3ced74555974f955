"""The class network on a smaller picture than it was published for.

It sees heads and shoulders as well in 192×192 as in 256×256 and takes little more than half
as long. LiteRT by itself refuses: sizes are also written into the network as constants, for
its attention over patches (MobileViT, Mehta and Rastegari 2021) and for its enlargements.

``models fetch`` makes it once; done whenever a worker opened it, it took 34 ms of CPU.
"""

from __future__ import annotations

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table

SIDE_PX = 192

# Where the tables of a LiteRT file (tensorflow/compiler/mlir/lite/schema/schema.fbs) keep
# their fields.
_SUBGRAPHS, _BUFFERS = 8, 12  # of a model
_TENSORS, _GRAPH_INPUTS, _OPERATORS = 4, 6, 10  # of a subgraph
_INPUTS = 6  # of an operator
_SHAPE, _BUFFER = 4, 8  # of a tensor
_DATA = 4  # of a buffer


def resized(model: bytes, side_px: int = SIDE_PX) -> bytes:
    """``model`` for pictures of ``side_px``, a multiple of 64.

    It is the file that ``model_files.PERSON_CLASSES`` is made of, pinned by its sha256: numbers
    below are those of its operators.
    """
    buffer = bytearray(model)
    root = Table(buffer, int.from_bytes(buffer[:4], "little"))
    graph = _tables(root, _SUBGRAPHS)[0]
    tensors, operators = _tables(graph, _TENSORS), _tables(graph, _OPERATORS)
    buffers = _tables(root, _BUFFERS)

    def inputs(operator: int) -> np.ndarray:
        return _numbers(operators[operator], _INPUTS)

    def constant(operator: int, place: int = 1) -> np.ndarray:
        tensor = tensors[inputs(operator)[place]]
        number = tensor.Get(number_types.Uint32Flags, tensor.Offset(_BUFFER) + tensor.Pos)
        return _numbers(buffers[number], _DATA, np.uint8).view(np.int32)

    # The picture, and what is made twice as large until it has its size again.
    _numbers(tensors[_numbers(graph, _GRAPH_INPUTS)[0]], _SHAPE)[1:3] = side_px
    for operator, halvings in ((145, 1), (146, 3), (151, 2)):
        constant(operator)[:] = side_px >> halvings
    constant(173, 0)[1:3] = side_px

    # Attention goes over patches of 4×4; this many lie side by side, at two depths.
    many, few = side_px // 32, side_px // 64
    constant(20)[:] = many, 4, many, 4 * 128
    constant(22)[:] = 1, many * many, 16, 128
    constant(57)[:] = many, many, 4, 4 * 128
    constant(59)[:] = 1, 4 * many, 4 * many, 128
    constant(68)[:] = few, 4, few, 4 * 192
    constant(70)[:] = 1, few * few, 16, 192
    # At 256 px the deeper one has as many patches as a patch has pixels, and constants that
    # mean different things are one. What both depths can share makes room for two more.
    weights, weighted = inputs(29)[1], inputs(31)[1]
    into_rows, into_picture = inputs(77)[1], inputs(79)[1]
    constant(29)[:] = 1, 16, 1, -1
    constant(31)[:] = 1, 16, -1, 1
    constant(77)[:] = few, few, 4, 4 * 192
    constant(79)[:] = 1, 4 * few, 4 * few, 192
    for layer in (77, 93, 109, 125):
        inputs(layer)[1] = weights
        inputs(layer + 2)[1] = weighted
    inputs(137)[1], inputs(139)[1] = into_rows, into_picture
    return bytes(buffer)


def _tables(table: Table, field: int) -> list[Table]:
    at = table.Offset(field)
    start, count = table.Vector(at), table.VectorLen(at)
    return [
        Table(table.Bytes, table.Indirect(place)) for place in range(start, start + 4 * count, 4)
    ]


def _numbers(table: Table, field: int, kind: type = np.int32) -> np.ndarray:
    """A view: what is written into it is written into the file."""
    at = table.Offset(field)
    return np.frombuffer(table.Bytes, kind, table.VectorLen(at), table.Vector(at))
