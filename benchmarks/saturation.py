"""How much of the processor goes into drawing when the service draws as much as it can?

Processor seconds of backend, AI service and its workers together, thumbnails included, for
each picture, against bare loops, a process for each core, that decode, draw and encode.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

from measuring import (
    FORM,
    Load,
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

STYLE, SEED, LONG_SIDE_PX = "comic", 7, 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=24, help="of each side in each run")
    arguments = parser.parse_args()

    photo = portrait(2_000_000)
    body = form(photo, style=STYLE, seed=SEED)
    bare_s, backend_s, ai_s, per_s = [], [], [], []
    url = free_url()
    cores = os.cpu_count() or 1
    with (
        ExitStack() as stack,
        folder() as data,
        ai_service(AI_TRUSTED_ORIGINS=url) as ai,
        backend(data, ai.url, url) as service,
    ):
        # Not one pool of so many: whoever is ready first might take two turns.
        loops = [
            stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"), _open))
            for _ in range(cores)
        ]
        for run in range(-1, arguments.runs):
            each = arguments.pictures // cores
            turns = [loop.submit(_draw, photo, each) for loop in loops]
            bare = statistics.mean(turn.result() for turn in turns)

            before = service.cpu_s(), ai.cpu_s()
            load = Load(2 * cores, arguments.pictures)
            load.run(service.url, lambda client: client.ask("POST", "/api/upload", body, FORM))
            assert set(load.statuses) == {201}, load.statuses
            if run >= 0:
                bare_s.append(bare)
                backend_s.append((service.cpu_s() - before[0]) / arguments.pictures)
                ai_s.append((ai.cpu_s() - before[1]) / arguments.pictures)
                per_s.append(load.per_s)
    both = [sum(pair) for pair in zip(backend_s, ai_s, strict=True)]
    ratio = [bare / ours for bare, ours in zip(bare_s, both, strict=True)]
    print_table(
        ["what", "CPU s a picture"],
        [
            ["bare loop", spread(bare_s, 3)],
            ["backend", spread(backend_s, 3)],
            ["AI service and workers", spread(ai_s, 3)],
            ["pictures per CPU second ÷ bare loop", spread(ratio, 3)],
            ["pictures a second", spread(per_s, 2)],
        ],
    )
    print(f"\nmedian ratio {statistics.median(ratio):.3f} of 0.95")


def _open() -> None:
    global tools
    tools, _ = jobs.open_tools(None, 1, 50_000_000)


def _draw(photo: bytes, count: int) -> float:
    """Processor seconds of this process for each of ``count`` drawings of the photo."""
    started_s = time.process_time()
    for _ in range(count):
        jobs.draw_cartoon(tools, photo, STYLE, SEED, LONG_SIDE_PX)
    return (time.process_time() - started_s) / count


if __name__ == "__main__":
    main()
