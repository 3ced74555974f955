"""Holds slow requests open: ``python dribble.py PORT COUNT``, a byte each half second.

Every other one stays in its head, the rest in the body of an upload.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

HEAD = b"POST /api/upload HTTP/1.1\r\nHost: a\r\nX-Device-Id: slow\r\n"
BODY = (
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
)


async def dribble(writer: asyncio.StreamWriter, start: bytes) -> None:
    writer.write(start)
    with contextlib.suppress(ConnectionError):
        while True:
            await writer.drain()
            await asyncio.sleep(0.5)
            writer.write(b"X")


async def main(port: int, count: int) -> None:
    writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(count)]
    slow = [dribble(writer, HEAD + BODY * (n % 2)) for n, writer in enumerate(writers)]
    print(f"{len(writers)} open", flush=True)
    await asyncio.gather(*slow)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
