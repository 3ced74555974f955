"""A clock that jumps and a database that is away."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import time_machine

from cartoon_avatar.backend.flows.check import check
from cartoon_avatar.backend.flows.sweep import Swept, sweep
from tests.attacks import conftest as attacks
from tests.backend.conftest import Service, end_own_sweeps
from tests.faults.invariants import assert_whole
from tests.patience import PATIENCE_S

# The app in this process, whose clock a test can set.
start = attacks.start


# How long a clock must run evenly to be believed.
STEADY = {"unowned_grace_s": 1}


async def _sweep(service: Service) -> Swept:
    return await sweep(service.state.database, service.state.storage, service.settings)


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110 (time is the event)
            await asyncio.sleep(0.05)


async def test_a_clock_set_forward_sweeps_nothing_until_it_has_been_steady(start: attacks.Start):
    async with start(**STEADY) as service:
        await end_own_sweeps()
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

        async def swept() -> bool:
            assert (await _sweep(service)).expired_cartoons == 0
            return not in_flight.exists()

        await _until(swept)


async def test_by_a_clock_that_has_jumped_nothing_is_repaired(start: attacks.Start):
    async with start(**STEADY) as service:
        await end_own_sweeps()
        state = service.state
        in_flight = service.settings.data_dir / "uploads/temp/9_x.jpg"
        in_flight.write_bytes(b"of a request whose row is about to come")
        # Young until the clock jumps, however long it takes until then.
        later = time.time() + 3600
        os.utime(in_flight, (later, later))
        await _sweep(service)

        async def repaired() -> bool:
            found = check(state.database, state.storage, service.settings, repair=True)
            (one,) = [one.repaired async for one in found]
            assert one != in_flight.exists()
            return one

        with time_machine.travel(time.time() + 2 * 24 * 3600, tick=True):
            assert not await repaired()
            await _until(repaired)


async def test_a_clock_that_stays_set_forward_is_believed_in_the_end(start: attacks.Start):
    async with start(**STEADY) as service:
        await end_own_sweeps()
        await service.phone.upload()
        await _sweep(service)

        async def swept() -> bool:
            return await _sweep(service) == Swept(expired_cartoons=1, unowned_files=0)

        with time_machine.travel(time.time() + 2 * 24 * 3600, tick=True):
            assert not await swept()
            await _until(swept)
    assert_whole(service.settings.data_dir)


async def test_a_clock_set_back_overwrites_nothing(start: attacks.Start):
    """The same milliseconds come again, and every name of theirs is taken."""
    async with start() as service:
        await end_own_sweeps()
        now = time.time()
        kept = []
        for _ in range(2):
            with time_machine.travel(now, tick=False):
                for _ in range(5):
                    response = await service.phone.upload()
                    assert response.status_code == 201
                    kept.append(response.json()["original"])
        with time_machine.travel(now - 3600, tick=True):
            response = await service.phone.upload()
            assert response.status_code == 201, response.text
            kept.append(response.json()["original"])
            assert await _sweep(service) == Swept(0, 0)
        assert len({one["filename"] for one in kept}) == 11
    assert_whole(service.settings.data_dir, [one["id"] for one in kept])
