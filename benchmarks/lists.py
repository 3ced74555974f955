"""Does a page of a list cost the same wherever it lies, however much a device has?

One device each with 10², 10³ … rows in one table of a million and more.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from measuring import (
    HERE,
    Client,
    Service,
    ai_stub,
    backend,
    cursor,
    folder,
    percentile,
    print_table,
    spread,
    timed,
)

START_MS = 1_700_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100, help="of each page in each run")
    parser.add_argument("--largest", type=int, default=6, help="power of ten of one device")
    parser.add_argument("--others", type=int, default=0, help="rows of other devices besides")
    parser.add_argument("--postgres", action="store_true", help="besides SQLite")
    arguments = parser.parse_args()

    sizes = [10**power for power in range(2, arguments.largest + 1)]
    rows = []
    for engine in ["SQLite", *(["PostgreSQL"] if arguments.postgres else [])]:
        with folder() as data, ai_stub() as ai, _database(engine) as url:
            more = {} if url is None else {"DATABASE_URL": url}
            with backend(data, ai.url, **more):
                pass  # makes the tables
            with nullcontext(_sqlite(data)) if url is None else _psycopg_like(url) as execute:
                for size in sizes:
                    _fill(execute, f"device-{size}", size)
                for number in range(arguments.others // 1000):
                    _fill(execute, f"other-{number}", 1000)
                execute("ANALYZE")
            with backend(data, ai.url, **more) as service:
                rows += _measured(engine, service, sizes, arguments.runs, arguments.requests)
    print_table(
        ["engine", "rows", "p95 ms: first page", "middle", "last", "last ÷ first", "÷ 10² rows"],
        rows,
    )


def _measured(
    engine: str, service: Service, sizes: list[int], runs: int, requests: int
) -> list[list[object]]:
    pages = {}
    for size in sizes:
        for name, position in (("first", size), ("middle", size // 2), ("last", 21)):
            after = "" if name == "first" else f"&cursor={cursor(*_row(size, position))}"
            pages[size, name] = f"/api/originals?limit=20{after}"
    p95_ms = {page: [] for page in pages}
    for _ in range(runs):
        times = {page: [] for page in pages}
        with Client(service.url) as client:
            for turn in range(requests + 2):
                for page, path in pages.items():
                    client.device = f"device-{page[0]}"
                    took_ms = 1000 * timed(lambda path=path: _read(client, path))
                    if turn >= 2:
                        times[page].append(took_ms)
        for page, values in times.items():
            p95_ms[page].append(percentile(values, 0.95))
    table = []
    for size in sizes:
        first, last = (percentile(p95_ms[size, name], 0.5) for name in ("first", "last"))
        fewest = percentile(p95_ms[sizes[0], "first"], 0.5)
        table.append(
            [
                engine,
                f"{size:,}",
                *(spread(p95_ms[size, name]) for name in ("first", "middle", "last")),
                f"{last / first:.2f}",
                f"{first / fewest:.2f}",
            ]
        )
    return table


def _read(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status == 200, answer
    assert len(json.loads(answer.data)["items"]) == 20


def _row(size: int, position: int) -> tuple[int, str]:
    """Time and id of the device's row number ``position``, counted from the oldest."""
    return START_MS + position, f"{size:x}-{position:x}".replace("-", "0")


def _sqlite(data: Path):
    database = sqlite3.connect(data / "avatars.sqlite", isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    return database.execute


def _fill(execute, device: str, count: int) -> None:
    name = device.rpartition("-")[2]
    prefix = f"{int(name):x}0" if device.startswith("device-") else f"f{int(name):06x}"
    execute(
        "INSERT INTO devices (device_id, created_at, last_active_at, token_salt, token_hash,"
        f" locked) VALUES ('{device}', {START_MS}, 4000000000000, '', '', false)"
    )
    numbered = (
        f"(WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count"
        f" WHERE n < {count}) SELECT n, {{hex}} AS x FROM count) AS numbered"
    )
    hexes = "to_hex(n)" if execute.__name__ == "postgres" else "printf('%x', n)"
    execute(
        "INSERT INTO originals (id, device_id, filename, file_path, file_size, mime_type, sha256,"
        " width, height, created_at, image_url, face_count, thumbnail_path, last_style)"
        f" SELECT '{prefix}' || x, '{device}', 'f' || x, 'uploads/originals/{prefix}' || x,"
        f" 2000000, 'image/jpeg', '{'0' * 64}', 3000, 4000, {START_MS} + n,"
        f" '/uploads/originals/{prefix}' || x || '.jpg', 1, 'thumbnails/{prefix}' || x, 'comic'"
        f" FROM {numbered.format(hex=hexes)}"
    )


@contextmanager
def _database(engine: str) -> Iterator[str | None]:
    if engine == "SQLite":
        yield None
        return
    sys.path.insert(0, str(HERE.parent))
    from tests.engines.postgres import running_postgres

    with running_postgres() as server:
        yield server.url("postgres")


@contextmanager
def _psycopg_like(url: str) -> Iterator[object]:
    """Runs statements one by one on PostgreSQL."""
    import asyncio

    import asyncpg

    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url.replace("+asyncpg", ""), ssl=False))

        def postgres(statement: str) -> None:
            runner.run(connection.execute(statement, timeout=600))

        yield postgres
        runner.run(connection.close())


if __name__ == "__main__":
    main()
