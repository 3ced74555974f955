"""How much of the processor goes into drawing when the service draws as much as it can?

Processor seconds of backend, AI service and its workers together, thumbnails included, for
each picture, against bare loops, a process for each core, that decode, draw and encode; also
against such loops that make the thumbnail that every upload has to have. The same with the least
that a backend can be in our place (``peers/floor.py``) tells how much of the rest is its to save.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from multiprocessing import get_context

from measuring import (
    Answer,
    Client,
    Load,
    Service,
    ai_service,
    backend,
    folder,
    form,
    free_url,
    portrait,
    print_table,
    spread,
)

from cartoon_avatar.ai import jobs

STYLE, SEED = "comic", 7
HOW = jobs.CartoonOptions(STYLE, SEED)
_NUMBERS = count()
tools: jobs.Tools  # of a process that draws bare pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=24, help="of each side in each run")
    arguments = parser.parse_args()

    photo = portrait(2_000_000)
    # The floor asks for the same style and seed by itself.
    bodies = {"ours": form(photo, style=STYLE, seed=SEED), "floor": form(photo)}
    bare_s: dict[bool, list[float]] = {False: [], True: []}  # by whether with a thumbnail
    url = free_url()
    cores = os.cpu_count() or 1
    with ExitStack() as stack:
        ai = stack.enter_context(ai_service(AI_TRUSTED_ORIGINS=url))

        def started(**more: str) -> Service:
            return stack.enter_context(backend(stack.enter_context(folder()), ai.url, **more))

        sides = {
            "ours": started(url=url),
            "floor with libraries": started(factory="peers.floor:with_libraries"),
            "floor": started(factory="peers.floor:app"),
        }
        backend_s: dict[str, list[float]] = {name: [] for name in sides}
        ai_s: dict[str, list[float]] = {name: [] for name in sides}
        per_s: dict[str, list[float]] = {name: [] for name in sides}
        # Not one pool of so many: whoever is ready first might take two turns.
        loops = [
            stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"), _open))
            for _ in range(cores)
        ]
        for run in range(-1, arguments.runs):
            each = arguments.pictures // cores
            for thumbnail, seconds in bare_s.items():
                turns = [loop.submit(_draw, photo, each, thumbnail) for loop in loops]
                bare = statistics.mean(turn.result() for turn in turns)
                if run >= 0:
                    seconds.append(bare)
            for name, service in sides.items():
                body = bodies[name.split()[0]]
                before = service.cpu_s(), ai.cpu_s()
                load = Load(2 * cores, arguments.pictures)
                load.run(service.url, partial(_upload, body=body))
                assert set(load.statuses) == {201}, load.statuses
                if run >= 0:
                    backend_s[name].append((service.cpu_s() - before[0]) / arguments.pictures)
                    ai_s[name].append((ai.cpu_s() - before[1]) / arguments.pictures)
                    per_s[name].append(load.per_s)

    rows: list[list[object]] = [
        ["none: bare loops", "", "", spread(bare_s[False], 3), "", "", ""],
        ["none: with a thumbnail", "", "", spread(bare_s[True], 3), "", "", ""],
    ]
    for name in sides:
        both = [sum(pair) for pair in zip(backend_s[name], ai_s[name], strict=True)]
        ratios = (
            [bare / whole for bare, whole in zip(seconds, both, strict=True)]
            for seconds in bare_s.values()
        )
        parts = (backend_s[name], ai_s[name], both, *ratios)
        rows.append([name, *(spread(part, 3) for part in parts), spread(per_s[name], 2)])
    print_table(
        [
            "backend", "its CPU s a picture", "AI service's with workers", "together",
            "bare ÷ together", "with a thumbnail ÷ together", "pictures/s",
        ],
        rows,
    )  # fmt: skip


def _open() -> None:
    global tools
    tools, _ = jobs.open_tools(None, 1, 50_000_000)


def _upload(client: Client, body: bytes) -> Answer:
    # Of one device, an equal drawing would be copied.
    client.device = f"phone-{next(_NUMBERS)}"
    return client.upload(body)


def _draw(photo: bytes, count: int, thumbnail: bool) -> float:
    """Processor seconds of this process for each of ``count`` drawings of the photo."""
    started_s = time.process_time()
    for _ in range(count):
        jobs.draw_cartoon(tools, photo, HOW, thumbnail)
    return (time.process_time() - started_s) / count


if __name__ == "__main__":
    main()
