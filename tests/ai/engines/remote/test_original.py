from __future__ import annotations

import pytest

from cartoon_avatar.ai.engines.drawing import unwatched
from cartoon_avatar.contract.errors import EngineUnavailable
from tests.ai.engines.remote.conftest import ASKED, Opened
from tests.engines import generators
from tests.engines.generators import DRAWING, serving


async def test_a_bare_picture_goes_and_a_bare_picture_comes(opened: Opened) -> None:
    async with serving("/generate-cartoon") as server:
        server.handlers = [generators.bare(DRAWING)]
        async with opened("original", server.url) as engine:
            assert await engine.draw(ASKED, unwatched) == DRAWING
    ((path, _, fields),) = server.asked
    assert (path, fields) == ("/generate-cartoon", {"image": b"a photo"})


@pytest.mark.parametrize("handler", [generators.status(500), generators.broken])
async def test_what_may_have_been_drawn_is_not_asked_for_again(opened: Opened, handler) -> None:
    async with serving("/generate-cartoon") as server:
        server.handlers = [handler]
        async with opened("original", server.url, retries=3) as engine:
            with pytest.raises(EngineUnavailable):
                await engine.draw(ASKED, unwatched)
    assert len(server.asked) == 1


async def test_an_endless_picture_is_cut_off(opened: Opened) -> None:
    async with serving("/generate-cartoon") as server:
        server.handlers = [generators.endless]
        async with opened("original", server.url) as engine:
            with pytest.raises(EngineUnavailable, match="longer than"):
                await engine.draw(ASKED, unwatched)
