"""How soon after kill -9 under load is a backend with 100,000 files ready again?"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from measuring import Client, ai_stub, backend, folder, form, portrait, print_table, spread

START_MS = 1_700_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--files", type=int, default=100_000)
    arguments = parser.parse_args()

    body = form(portrait(200_000))
    times: dict[str, list[float]] = {"ready": [], "first upload answered": []}
    empty: dict[str, list[float]] = {"ready": [], "first upload answered": []}
    with ExitStack() as stack:
        ai = stack.enter_context(ai_stub())
        full, fresh = (stack.enter_context(folder()) for _ in range(2))
        for data in (full, fresh):
            with backend(data, ai.url):
                pass  # makes the tables
        _fill(full, arguments.files // 2)
        for _ in range(arguments.runs):
            for data, into in ((full, times), (fresh, empty)):
                for name, value in zip(into, _restarted(data, ai.url, body), strict=True):
                    into[name].append(value)
    print_table(
        ["files", "ready after s", "first upload answered after s"],
        [
            [f"{arguments.files:,}", *(spread(values, 2) for values in times.values())],
            ["few", *(spread(values, 2) for values in empty.values())],
        ],
    )


def _restarted(data: Path, ai_url: str, body: bytes) -> tuple[float, float]:
    with backend(data, ai_url) as service:
        phones = [threading.Thread(target=_use, args=(service.url, body, n)) for n in range(4)]
        for phone in phones:
            phone.start()
        time.sleep(1)
        family = service.family()
        for one in family:
            one.send_signal(signal.SIGKILL)
        for phone in phones:
            phone.join()
    started = time.perf_counter()
    with backend(data, ai_url) as service:
        ready_s = time.perf_counter() - started
        with Client(service.url) as client:
            assert client.upload(body).status == 201
        return ready_s, time.perf_counter() - started


def _use(url: str, body: bytes, number: int) -> None:
    with Client(url, f"phone-{number}") as client:
        try:
            while True:
                client.upload(body)
        except OSError:
            return  # killed


def _fill(data: Path, count: int) -> None:
    """``count`` originals of a hundred devices, each with its thumbnail."""
    photo = b"\xff\xd8\xff\xd9"
    with sqlite3.connect(data / "avatars.sqlite") as database:
        database.execute("PRAGMA synchronous = OFF")
        for number in range(100):
            row = (f"phone-{number}", START_MS, START_MS, "", "", False)
            database.execute("INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?)", row)
        for number in range(count):
            device = f"phone-{number % 100}"
            name = f"{START_MS + number}_{device}.jpg"
            key = f"uploads/originals/{name}"
            small = f"thumbnails/originals/{name}.webp"
            for path in (key, small):
                (data / path).write_bytes(photo)
            database.execute(
                "INSERT INTO originals (id, device_id, filename, file_path, file_size, mime_type,"
                " sha256, width, height, created_at, image_url, face_count, thumbnail_path,"
                " last_style) VALUES (?, ?, ?, ?, 4, 'image/jpeg', '', 1, 1, ?, ?, 0, ?, 'comic')",
                (f"{number:x}", device, name, key, START_MS + number, f"/{key}", small),
            )


if __name__ == "__main__":
    main()
