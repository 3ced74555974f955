"""How much later than a bare drawing does a phone have its first cartoon?

The bare drawing is the AI service's own job in this process: decode, draw, encode. Both
draw the same photo in the same style with the same seed, turn by turn.
"""

from __future__ import annotations

import argparse
import statistics
from itertools import count

from measuring import (
    FORM,
    Client,
    ai_service,
    backend,
    folder,
    form,
    free_url,
    portrait,
    print_table,
    spread,
    timed,
)

from cartoon_avatar.ai import jobs

STYLE, SEED = "comic", 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--uploads", type=int, default=8, help="in each run")
    arguments = parser.parse_args()

    photo = portrait(2_000_000)
    body = form(photo, style=STYLE, seed=SEED)
    how = jobs.CartoonOptions(STYLE, SEED)
    tools, _ = jobs.open_tools(None, 1, 50_000_000)
    bare_ms, path_ms, more_ms = [], [], []
    url, numbers = free_url(), count()
    with (
        folder() as data,
        ai_service(AI_TRUSTED_ORIGINS=url) as ai,
        backend(data, ai.url, url) as service,
        Client(service.url) as client,
    ):

        def draw() -> None:
            jobs.draw_cartoon(tools, photo, how)

        def upload() -> None:
            # Of one device, an equal drawing would be copied.
            client.device = f"phone-{next(numbers)}"
            answer = client.ask("POST", "/api/upload", body, FORM)
            assert answer.status == 201, answer

        draw(), upload(), upload()
        for _ in range(arguments.runs):
            bare, path = [], []
            for _ in range(arguments.uploads):
                bare.append(1000 * timed(draw))
                path.append(1000 * timed(upload))
            bare_ms.append(statistics.median(bare))
            path_ms.append(statistics.median(path))
            more_ms.append(path_ms[-1] - bare_ms[-1])
    over_ms = [path - 1.1 * bare for path, bare in zip(path_ms, bare_ms, strict=True)]
    ratios = [path / bare for path, bare in zip(path_ms, bare_ms, strict=True)]
    print_table(
        ["what", "p50 of each run", "ratio"],
        [
            ["bare drawing, ms", spread(bare_ms), ""],
            ["upload of 2 MB, ms", spread(path_ms), spread(ratios, 3)],
            ["the difference, ms", spread(more_ms), ""],
            ["above 1.10 × the drawing, ms (at most 30)", spread(over_ms), ""],
        ],
    )


if __name__ == "__main__":
    main()
