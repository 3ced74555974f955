"""A clock that jumps and a database that is away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import time_machine

from cartoon_avatar.backend.flows.sweep import Swept, sweep
from tests.attacks import conftest as attacks
from tests.backend.conftest import Service, picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in, rows_of

# The app in this process, whose clock a test can set.
start = attacks.start


async def _sweep(service: Service) -> Swept:
    return await sweep(service.state.database, service.state.storage, service.settings)


async def test_a_clock_set_forward_sweeps_nothing_until_it_has_been_steady(start: attacks.Start):
    async with start(unowned_grace_s=1) as service:
        cartoon = (await service.phone.upload()).json()["cartoon"]
        in_flight = service.settings.data_dir / "uploads/temp/9_x.jpg"
        in_flight.write_bytes(b"of a request whose row is about to come")
        await _sweep(service)

        with time_machine.travel(time.time() + 2 * 24 * 3600, tick=True):
            assert await _sweep(service) == Swept(0, 0)
            assert (await service.http.get(cartoon["imageUrl"])).status_code in (200, 400)
            assert (await service.phone.upload()).status_code == 201
            assert in_flight.exists()
        # Set right again is another jump, and again nothing goes.
        assert await _sweep(service) == Swept(0, 0)
        assert (await service.http.get(cartoon["imageUrl"])).status_code == 200
        assert in_flight.exists()

        await asyncio.sleep(1.2)
        assert (await _sweep(service)).expired_cartoons == 0
        assert not in_flight.exists()


async def test_a_clock_that_stays_set_forward_is_believed_in_the_end(start: attacks.Start):
    async with start(unowned_grace_s=1) as service:
        await service.phone.upload()
        await _sweep(service)
        with time_machine.travel(time.time() + 2 * 24 * 3600, tick=True):
            assert await _sweep(service) == Swept(0, 0)
            await asyncio.sleep(1.2)
            assert (await _sweep(service)).expired_cartoons == 1
    assert_whole(service.settings.data_dir)


async def test_a_clock_set_back_overwrites_nothing(start: attacks.Start):
    """The same milliseconds come again, and every name of theirs is taken."""
    async with start() as service:
        now = time.time()
        kept = []
        for _ in range(2):
            with time_machine.travel(now, tick=False):
                for _ in range(5):
                    answer = await service.phone.upload()
                    assert answer.status_code == 201
                    kept.append(answer.json()["original"])
        with time_machine.travel(now - 3600, tick=True):
            answer = await service.phone.upload()
            assert answer.status_code == 201, answer.text
            kept.append(answer.json()["original"])
            assert await _sweep(service) == Swept(0, 0)
        assert len({one["filename"] for one in kept}) == 11
    assert_whole(service.settings.data_dir, [one["id"] for one in kept])


def test_a_client_that_leaves_in_the_middle_of_an_upload_leaves_nothing(
    start_backend: StartBackend,
):
    import socket

    backend = start_backend()
    photo = picture("png", (600, 800))
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body = head + photo + b"\r\n--b--\r\n"
    with backend.client() as client:
        client.get("/api/originals")
    open_before = len(list(Path(f"/proc/{backend.pid}/fd").iterdir()))
    for share in (0.01, 0.5, 0.99):
        with socket.create_connection(("127.0.0.1", backend.port)) as connection:
            connection.sendall(
                b"POST /api/upload HTTP/1.1\r\nHost: a\r\nX-Device-Id: phone\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            )
            connection.sendall(body[: int(len(body) * share)])
            time.sleep(0.05)
    time.sleep(0.5)
    assert files_in(backend.data) == set()
    assert not any(rows_of(backend.data).values())
    assert len(list(Path(f"/proc/{backend.pid}/fd").iterdir())) <= open_before
    with backend.client() as client:
        answer = client.post("/api/upload", files={"image": photo})
        assert answer.status_code == 201
