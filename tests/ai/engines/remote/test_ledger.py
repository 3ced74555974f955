"""What a restart does not forget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import time_machine

from cartoon_avatar.ai.engines.drawing import Report, unwatched
from cartoon_avatar.ai.engines.remote.config import BadEngines
from cartoon_avatar.ai.engines.remote.generation import key_of
from cartoon_avatar.ai.engines.remote.ledger import FILE, open_ledger
from cartoon_avatar.ai.errors import DrawingCancelled
from cartoon_avatar.contract.errors import EngineUnavailable
from tests.ai.engines.remote.conftest import ASKED, Opened
from tests.engines import generators
from tests.engines.generators import DRAWING, edited, serving, status
from tests.patience import PATIENCE_S


async def test_what_was_spent_today_and_the_last_error_outlive_the_service(opened: Opened) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [status(500), edited()]
        keys = {"daily_calls": 2}
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            with pytest.raises(EngineUnavailable):
                await engine.draw(ASKED, unwatched)
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            assert (engine.calls_today, engine.last_error) == (1, "it answered 500")
            assert await engine.draw(ASKED, unwatched) == DRAWING
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            assert (engine.calls_today, engine.state) == (2, "over_budget")
            assert engine.styles() == []
            with pytest.raises(EngineUnavailable, match="today"):
                await engine.draw(ASKED, unwatched)
    assert len(server.asked) == 2


async def test_a_new_day_begins_with_a_whole_budget(opened: Opened) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [edited()]
        with time_machine.travel("2026-11-29T23:59:00Z", tick=True) as clock:
            async with opened("images-edits", f"{server.url}/v1", daily_calls=1) as engine:
                await engine.draw(ASKED, unwatched)
                assert engine.state == "over_budget"
                clock.shift(120)
                assert (engine.calls_today, engine.state) == (0, "ok")
                assert await engine.draw(ASKED, unwatched) == DRAWING


async def test_a_call_that_was_cut_off_is_counted_once_where_it_is_found_again(
    opened: Opened,
) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [generators.never, edited()]
        keys = {"daily_calls": 1, "idempotency_key": True}
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            drawing = asyncio.create_task(engine.draw(ASKED, unwatched))
            while not server.asked:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
            drawing.cancel()
            await asyncio.wait([drawing])
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            assert engine.state == "over_budget"
            assert await engine.draw(ASKED, unwatched) == DRAWING
            assert engine.calls_today == 1
    first, again = (headers["Idempotency-Key"] for _, headers, _ in server.asked)
    assert first == again == ASKED.key


async def test_where_it_is_not_found_again_it_is_counted_again(opened: Opened) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [generators.never, edited()]
        async with opened("images-edits", f"{server.url}/v1") as engine:
            drawing = asyncio.create_task(engine.draw(ASKED, unwatched))
            while not server.asked:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
            drawing.cancel()
            await asyncio.wait([drawing])
            await engine.draw(ASKED, unwatched)
            assert engine.calls_today == 2
    assert "Idempotency-Key" not in server.asked[0][1]


async def test_a_server_with_idempotency_keys_is_asked_again_and_waited_for(
    opened: Opened,
) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [status(502), generators.broken, status(409), status(409), edited()]
        keys = {"idempotency_key": True, "retries": 2}
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            assert await engine.draw(ASKED, unwatched) == DRAWING
            assert engine.calls_today == 1
    assert {headers["Idempotency-Key"] for _, headers, _ in server.asked} == {ASKED.key}


async def test_replicas_of_one_machine_count_together(opened: Opened) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [edited()]
        url = f"{server.url}/v1"
        async with opened("images-edits", url) as first, opened("images-edits", url) as second:
            await first.draw(ASKED, unwatched)
            await second.draw(ASKED, unwatched)
            assert second.calls_today == 2


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadEngines, match="AI_DATA_DIR"), open_ledger(tmp_path / "file"):
        pass
    (tmp_path / FILE).write_text("no database, and long enough to be taken for none")
    with pytest.raises(BadEngines, match="cannot be written"), open_ledger(tmp_path):
        pass


async def test_replicas_of_one_machine_cancel_for_each_other(opened: Opened) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [generators.never]
        url = f"{server.url}/v1"
        asked = replace(ASKED, key=key_of("a-job", b"a photo", "clay", 7))
        async with opened("images-edits", url) as first, opened("images-edits", url) as second:

            async def draw(report: Report, keep: Callable[[], None]) -> tuple[bytes, float]:
                return await first.draw(asked, report), 0.0

            drawing = asyncio.create_task(first.under_way.ask(asked.key, draw, unwatched))
            while not server.asked:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
            await second.cancel("another-job")
            await second.cancel("a-job")
            with pytest.raises(DrawingCancelled):
                await drawing
            await asyncio.wait_for(server.cancelled.wait(), PATIENCE_S)


async def test_what_was_drawn_is_found_again_until_whoever_asked_has_stored_it(
    opened: Opened,
) -> None:
    async with serving("/v1/images/edits") as server:
        server.handlers = [edited()]
        keys = {"daily_calls": 1, "idempotency_key": True}
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            await engine.draw(ASKED, unwatched)
        async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
            assert await engine.draw(ASKED, unwatched) == DRAWING
            assert engine.calls_today == 1
            with pytest.raises(EngineUnavailable, match="today"):
                await engine.draw(replace(ASKED, key="1" * 32), unwatched)
