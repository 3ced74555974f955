"""The AI service opens no URL that its operator did not mean, in whichever field it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio

from cartoon_avatar.ai.app import create_app
from cartoon_avatar.ai.settings import AiSettings
from tests.ai.conftest import running, until_ready
from tests.ai.test_fetching import FORBIDDEN, PNG, Server, ok, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
CUT = "/process-face-cut"


class Door:
    """The AI service, a server it trusts, and one it does not."""

    def __init__(self, ai: httpx.AsyncClient, trusted: Server, trap: Server) -> None:
        self.ai, self.trusted, self.trap = ai, trusted, trap

    def url(self, form: str) -> str:
        ports = {"{port}": self.trusted.port, "{other}": self.trap.port}
        for name, port in ports.items():
            form = form.replace(name, str(port))
        return form

    @property
    def good(self) -> str:
        return self.url("http://127.0.0.1:{port}/uploads/temp/a.png?signature=1")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["ok", "redirect"])
async def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Door]:
    async with AsyncExitStack() as stack:
        trap = await stack.enter_async_context(serving(ok(PNG)))
        to_trap = f"Location: http://127.0.0.1:{trap.port}/a.png".encode()
        redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n%s\r\n\r\n" % to_trap
        response = ok(PNG) if request.param == "ok" else redirect
        trusted = await stack.enter_async_context(serving(response))
        settings = AiSettings(
            workers=1,
            trusted_origins=[f"http://127.0.0.1:{trusted.port}"],
            log_level="error",
        )
        ai = await stack.enter_async_context(running(create_app(settings)))
        await until_ready(ai)
        yield Door(ai, trusted, trap)


async def test_no_field_takes_a_forbidden_url(door: Door):
    before = door.trusted.connections, door.trap.connections
    for form in FORBIDDEN:
        url = door.url(form)
        for body in (
            {"image_url": url},
            {"image_url": url, "original_url": door.good},
            {"image_url": door.good, "original_url": url},
        ):
            response = await door.ai.post(CUT, json=body)
            assert (response.status_code, response.json()["code"]) == (400, "url_not_allowed"), body
    # Both are judged before either is fetched: nobody was called at all.
    assert (door.trusted.connections, door.trap.connections) == before


async def test_a_url_that_is_no_text_is_a_bad_request(door: Door):
    for value in (1, True, None, [], {}, ["http://127.0.0.1/"], {"url": "http://127.0.0.1/"}):
        response = await door.ai.post(CUT, json={"image_url": value})
        assert response.status_code == 400
    assert door.trap.connections == 0


async def test_a_redirect_of_the_trusted_server_leads_nowhere(door: Door):
    response = await door.ai.post(CUT, json={"image_url": door.good})
    # Fetched, a picture of nobody, or refused since it redirects.
    assert response.json()["code"] in ("no_face", "url_not_allowed")
    assert door.trap.connections == 0
