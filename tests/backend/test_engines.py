"""What drew a cartoon, whether it lies on its photo, and who stands in for whom."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from cartoon_avatar.contract import headers, paths
from tests.backend.conftest import FakeAi, Service
from tests.patience import PATIENCE_S


def drawn_elsewhere(request: httpx.Request) -> httpx.Response:
    response = FakeAi().generate_cartoon(request)
    response.headers.update({headers.ENGINE: "openai", headers.ALIGNED: "0"})
    return response


def stood_in(request: httpx.Request) -> httpx.Response:
    response = FakeAi().generate_cartoon(request)
    response.headers.update({headers.STYLE: "comic", headers.FALLBACK: "engine_unavailable"})
    return response


def asked(service: Service, path: str) -> str:
    return service.ai.asked_for(path)[-1].content.decode("latin-1")


async def test_a_cartoon_says_what_drew_it_and_whether_it_lies_on_its_photo(service: Service):
    cartoon = (await service.phone.upload()).json()["cartoon"]
    assert (cartoon["engine"], cartoon["aligned"]) == ("built-in", True)
    assert "standsInFor" not in cartoon
    service.ai.handlers[paths.GENERATE_CARTOON] = drawn_elsewhere
    again = await service.phone.post(f"/api/regenerate/{cartoon['originalId']}")
    drawn = again.json()["cartoon"]
    assert (drawn["engine"], drawn["aligned"]) == ("openai", False)


@pytest.mark.parametrize("aligned", [True, False])
async def test_a_head_is_cut_as_its_cartoon_was_drawn(service: Service, aligned: bool):
    if not aligned:
        service.ai.handlers[paths.GENERATE_CARTOON] = drawn_elsewhere
    cartoon = (await service.phone.upload()).json()["cartoon"]
    await service.phone.post(f"/api/download/{cartoon['id']}")
    assert f'name="aligned"\r\n\r\n{int(aligned)}\r\n' in asked(service, paths.PROCESS_FACE_CUT)


async def test_where_no_style_is_named_one_of_ours_may_stand_in_and_the_cartoon_says_so(
    service: Service,
):
    uploaded = (await service.phone.upload(data={"style": "comic"})).json()
    assert "fallback" not in asked(service, paths.GENERATE_CARTOON)
    path = f"/api/regenerate/{uploaded['original']['id']}"
    service.ai.handlers[paths.GENERATE_CARTOON] = stood_in
    cartoon = (await service.phone.post(path)).json()["cartoon"]
    assert 'name="fallback"\r\n\r\n1\r\n' in asked(service, paths.GENERATE_CARTOON)
    assert (cartoon["style"], cartoon["standsInFor"]) == ("comic", "anime")
    await service.phone.post(path, json={"style": "soft"})
    assert "fallback" not in asked(service, paths.GENERATE_CARTOON)


async def test_a_queued_job_remembers_that_any_style_will_do(service: Service):
    uploaded = (await service.phone.upload()).json()
    service.ai.handlers[paths.GENERATE_CARTOON] = stood_in
    path = f"/api/regenerate/{uploaded['original']['id']}"
    job = (await service.phone.post(path, headers={"Prefer": "respond-async"})).json()["job"]
    async with asyncio.timeout(PATIENCE_S):
        while job["state"] not in ("succeeded", "failed"):
            job = (await service.phone.get(f"/api/jobs/{job['id']}?wait=5")).json()
    assert job["result"]["cartoon"]["standsInFor"] == "anime"
    assert 'name="fallback"\r\n\r\n1\r\n' in asked(service, paths.GENERATE_CARTOON)
