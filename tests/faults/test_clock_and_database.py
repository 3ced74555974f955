"""A clock that jumps and a database that is away."""

from __future__ import annotations

import asyncio
import os
import time

import time_machine

from cartoon_avatar.backend.flows.check import check
from cartoon_avatar.backend.flows.sweep import Swept, sweep
from tests.attacks import conftest as attacks
from tests.backend.conftest import Service
from tests.faults.invariants import assert_whole

# The app in this process, whose clock a test can set.
start = attacks.start


async def _sweep(service: Service) -> Swept:
    return await sweep(service.state.database, service.state.storage, service.settings)


async def test_a_clock_set_forward_sweeps_nothing_until_it_has_been_steady(start: attacks.Start):
    async with start(unowned_grace_s=1) as service:
        cartoon = (await service.phone.upload()).json()["cartoon"]
        in_flight = service.settings.data_dir / "uploads/temp/9_x.jpg"
        in_flight.write_bytes(b"of a request whose row is about to come")
        # Young until the clock jumps, however long it takes until then.
        later = time.time() + 3600
        os.utime(in_flight, (later, later))
        await _sweep(service)

        with time_machine.travel(time.time() + 2 * 24 * 3600, tick=True):
            assert await _sweep(service) == Swept(0, 0)
            assert (await service.http.get(cartoon["imageUrl"])).status_code in (200, 400)
            assert (await service.phone.upload()).status_code == 201
            assert in_flight.exists()
        # Set right again is another jump, and again nothing goes, be it old by now.
        os.utime(in_flight, (time.time() - 60,) * 2)
        assert await _sweep(service) == Swept(0, 0)
        assert (await service.http.get(cartoon["imageUrl"])).status_code == 200
        assert in_flight.exists()

        await asyncio.sleep(1.2)
        assert (await _sweep(service)).expired_cartoons == 0
        assert not in_flight.exists()


async def test_by_a_clock_that_has_jumped_nothing_is_repaired(start: attacks.Start):
    async with start(unowned_grace_s=1) as service:
        state = service.state
        in_flight = service.settings.data_dir / "uploads/temp/9_x.jpg"
        in_flight.write_bytes(b"of a request whose row is about to come")
        # Young until the clock jumps, however long it takes until then.
        later = time.time() + 3600
        os.utime(in_flight, (later, later))
        await _sweep(service)

        async def repaired() -> list[bool]:
            found = check(state.database, state.storage, service.settings, repair=True)
            return [one.repaired async for one in found]

        with time_machine.travel(time.time() + 2 * 24 * 3600, tick=True):
            assert await repaired() == [False]
            assert in_flight.exists()
            await asyncio.sleep(1.2)
            assert await repaired() == [True]


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
