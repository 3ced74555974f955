"""How much memory does an upload of 10 MB hold while it is on its way in?

As many phones as said have sent all but the last bytes; nothing is decoded yet.
"""

from __future__ import annotations

import argparse
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import numpy as np
from measuring import FORM, Client, Service, ai_stub, backend, folder, form, print_table, spread

PHONES = (1, 2, 4, 8, 16, 32, 64)
SIZE_BYTES = 9_900_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()

    body = form(b"\xff\xd8\xff\xe0" + bytes(SIZE_BYTES))
    held_mb: dict[int, list[float]] = {count: [] for count in PHONES}
    slopes = []
    with folder() as data, ai_stub() as ai:
        for _ in range(arguments.runs):
            with backend(data, ai.url) as service:
                with Client(service.url) as client:
                    client.upload(form(b"none"))  # everything is imported
                idle = service.memory_bytes()
                for count in PHONES:
                    held = _memory_with(service, body, count) - idle
                    held_mb[count].append(held / 1e6)
                per_upload, _ = np.polyfit(PHONES, [held_mb[n][-1] for n in PHONES], 1)
                slopes.append(float(per_upload))
    rows = [[count, spread(held_mb[count])] for count in PHONES]
    print_table(["uploads at once", "MB above idle"], rows)
    print(f"\nMB for each further upload: {spread(slopes, 2)} of 1")


def _memory_with(service: Service, body: bytes, count: int) -> int:
    address = urlsplit(service.url)
    head = (
        "POST /api/upload HTTP/1.1\r\nHost: x\r\nX-Device-Id: phone\r\n"
        f"Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        for _ in range(count):
            phone = socket.create_connection((address.hostname, address.port))
            stack.enter_context(phone)
            phone.sendall(head + body[:-100])
        time.sleep(0.5)  # what the sockets still hold is read
        return service.memory_bytes()


if __name__ == "__main__":
    main()
