"""Tiny ONNX networks, made by the tests that need one, and a web server to fetch them from."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from cartoon_avatar.ai.engines.onnx import OWN_MODELS, Input, NeuralModel


def network(operator: str, *shape: int | str) -> bytes:
    """A network of one operator, from a picture of ``shape`` to one like it.

    "Neg" makes a negative of a picture whose range lies about 0, "Identity" the picture itself.
    """
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "tiny", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


NEGATIVE = network("Neg", 1, 3, "height", "width")


def model_of(data: bytes, wants: Input | None = None, **changes: object) -> NeuralModel:
    """The entry of a network that a test puts into its own models folder."""
    entry = {
        "name": "negative",
        "title": "Negative",
        "sentence": "A photographic negative.",
        "file": "negative.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "licence": "ours",
        "input": wants or Input(side_px=64),
        **changes,
    }
    return NeuralModel.model_validate(entry)


def manifest(folder: Path, *entries: dict[str, Any]) -> None:
    """Write neural.toml into ``folder``, as an operator would; what is None is left out."""
    lines = []
    for entry in entries:
        wants = entry.get("input", {})
        fields = {name: value for name, value in entry.items() if name != "input"}
        lines += ["[[style]]", *_lines(fields), "[style.input]", *_lines(wants)]
    (folder / OWN_MODELS).write_text("\n".join(lines))


def _lines(fields: dict[str, Any]) -> list[str]:
    # For text, numbers and truth JSON writes what TOML reads.
    return [f"{name} = {json.dumps(value)}" for name, value in fields.items() if value is not None]


@contextmanager
def serving(body: bytes | None) -> Iterator[str]:
    """A URL on loopback that answers with ``body``, or with 404 where that is None.

    With ``?moved`` it is a redirect to itself, with ``?cut`` the connection breaks off.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, how = self.path.partition("?")
            data = body or b""
            self.send_response(404 if body is None else 302 if how == "moved" else 200)
            self.send_header("Location", path)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: -9 if how == "cut" else None])

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/negative.onnx"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
