"""ComfyUI workflows in its API format, with places for the picture, the prompt and the seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PICTURE, PROMPT, SEED = "{picture}", "{prompt}", "{seed}"
_PLACE = re.compile(r"\{(?:picture|prompt|seed)\}")


@dataclass(frozen=True, slots=True)
class Workflow:
    """``graph`` has nodes by their ids, each with ``class_type`` and ``inputs``."""

    file: Path
    graph: dict[str, Any] = field(repr=False)

    def has(self, place: str) -> bool:
        return any(place in text for text in _texts_in(self.graph))

    def filled(self, picture: str, prompt: str, seed: int) -> dict[str, Any]:
        """The graph to be queued. An input that is a place and nothing else becomes the value
        itself, so that a seed stays a number."""
        values = {PICTURE: picture, PROMPT: prompt, SEED: seed}

        def put(text: str) -> Any:
            if text in values:
                return values[text]
            return _PLACE.sub(lambda place: str(values[place[0]]), text)

        return _mapped(self.graph, put)

    def steps(self) -> dict[str, float]:
        """How long each node takes in relation to the others: samplers say their steps."""
        found = {node: given["inputs"].get("steps") for node, given in self.graph.items()}
        return {
            node: float(steps) if isinstance(steps, int) and steps > 0 else 1.0
            for node, steps in found.items()
        }


def read_workflow(file: Path) -> Workflow:
    """Raises ValueError, which names the file and what in it is wrong."""
    try:
        graph = json.loads(file.read_text())
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise ValueError(f"{file} is a workflow of the editor; export it with “Export (API)”")
    if not isinstance(graph, dict) or not graph:
        raise ValueError(f"{file} is no workflow: it must be an object of nodes")
    for node, given in graph.items():
        for key, kind in (("class_type", str), ("inputs", dict)):
            if not isinstance(given, dict) or not isinstance(given.get(key), kind):
                raise ValueError(f"{file}: {node}.{key} is missing")
    workflow = Workflow(file, graph)
    if not workflow.has(PICTURE):
        raise ValueError(f"{file}: {_where_the_picture_goes(graph)}")
    return workflow


def _where_the_picture_goes(graph: dict[str, Any]) -> str:
    for node, given in graph.items():
        if given["class_type"].startswith("LoadImage") and "image" in given["inputs"]:
            return f'{node}.inputs.image is no place for the picture; write "{PICTURE}" there'
    return f'no node has a place for the picture, "{PICTURE}"; a LoadImage node is to have it'


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


def _mapped(value: Any, put: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return put(value)
    if isinstance(value, dict):
        return {key: _mapped(inner, put) for key, inner in value.items()}
    return [_mapped(inner, put) for inner in value] if isinstance(value, list) else value
