"""A photo leaves the machine only where its device has agreed."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from cartoon_avatar.backend.flows.sweep import sweep
from cartoon_avatar.contract import paths
from tests.backend.conftest import FakeAi, Phone, Service, Start
from tests.backend.test_jobs import ASYNC, HeldAi, ended, until
from tests.patience import PATIENCE_S

CLAY = "/api/device/consents/clay-maker"


def with_clay(ai: FakeAi, sent_to: str = "api.clay.example", places: int = 1) -> FakeAi:
    """Its last style is drawn on somebody else's server."""
    ours = json.loads(ai.styles(httpx.Request("GET", "http://ai/styles")).content)["items"]
    clay = {
        **ours[0],
        **{"name": "clay", "engine": "clay-maker", "leavesMachine": True, "sentTo": sent_to},
        "places": places,
    }
    ai.handlers[paths.STYLES] = lambda request: httpx.Response(200, json={"items": [*ours, clay]})
    return ai


@pytest.fixture
async def service(start: Start):
    async with start(ai=with_clay(FakeAi())) as service:
        yield service


def sent(service: Service) -> list[str]:
    """Of each drawing asked for, whether it had to stay here."""
    asked = service.ai.asked_for(paths.GENERATE_CARTOON)
    return ["stays" if b'name="stay"' in one.content else "may leave" for one in asked]


async def clay(phone: Phone, **options: Any) -> httpx.Response:
    return await phone.upload(data={"style": "clay"}, **options)


def assert_refused(response: httpx.Response) -> None:
    problem = response.json()
    assert (response.status_code, problem["code"]) == (403, "consent_required")
    assert "api.clay.example" in problem["detail"]
    assert CLAY in problem["detail"]


async def test_nothing_is_sent_before_a_device_has_agreed(service: Service, phone: Phone):
    styles = (await phone.get("/api/styles")).json()["items"]
    assert (styles[-1]["leavesMachine"], styles[-1]["sentTo"]) == (True, "api.clay.example")
    assert styles[0]["sentTo"] == ""
    for headers in ({}, ASYNC, {"Idempotency-Key": "one"}):
        assert_refused(await clay(phone, headers=headers))
    assert not service.ai.asked_for(paths.GENERATE_CARTOON)
    assert not service.files()

    # Before its first photo, which makes a device known.
    given = await phone.ask("PUT", CLAY)
    assert given.status_code == 200, given.text
    assert (given.json()["engine"], given.json()["sentTo"]) == ("clay-maker", "api.clay.example")
    uploaded = await clay(phone)
    assert uploaded.status_code == 201
    path = f"/api/regenerate/{uploaded.json()['original']['id']}"
    assert (await phone.post(path, json={"style": "clay"})).status_code == 201
    assert sent(service) == ["may leave", "may leave"]
    assert_refused(await clay(service.another_phone()))
    # What stays here is said to, whatever the AI service takes the style for meanwhile.
    assert (await phone.upload(data={"style": "comic"})).status_code == 201
    assert sent(service)[-1] == "stays"


async def test_a_consent_is_dated_listed_and_withdrawn(service: Service, phone: Phone):
    assert (await phone.get("/api/device/consents")).json() == {"items": [], "nextCursor": None}
    given = (await phone.ask("PUT", CLAY)).json()
    assert (await phone.ask("PUT", CLAY)).json() == given  # the first date holds
    assert (await phone.get("/api/device/consents")).json()["items"] == [given]
    assert (await phone.delete(CLAY)).status_code == 204
    (listed,) = (await phone.get("/api/device/consents")).json()["items"]
    assert listed["givenAt"] == given["givenAt"] <= listed["withdrawnAt"]
    assert_refused(await clay(phone))
    assert (await phone.delete(CLAY)).status_code == 404
    assert (await phone.ask("PUT", CLAY)).json()["withdrawnAt"] is None
    assert (await clay(phone)).status_code == 201


@pytest.mark.parametrize("engine", ["drawing", "nobody", "%00"])
async def test_only_to_engines_that_send_photos_away_can_be_agreed(phone: Phone, engine: str):
    response = await phone.ask("PUT", f"/api/device/consents/{engine}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_another_server_behind_the_engine_is_asked_for_anew(start: Start):
    async with start(ai=with_clay(FakeAi())) as service:
        await service.phone.ask("PUT", CLAY)
    async with start(ai=with_clay(FakeAi(), sent_to="elsewhere.example")) as service:
        refused = await clay(service.phone)
        assert refused.json()["code"] == "consent_required"
        assert "elsewhere.example" in refused.json()["detail"]


async def test_regenerating_walks_past_styles_without_consent(service: Service, phone: Phone):
    uploaded = (await phone.upload(data={"style": "soft"})).json()
    path = f"/api/regenerate/{uploaded['original']['id']}"
    assert (await phone.post(path)).json()["cartoon"]["style"] == "comic"
    await phone.ask("PUT", CLAY)
    await phone.post(path, json={"style": "soft"})
    assert (await phone.post(path)).json()["cartoon"]["style"] == "clay"


async def test_a_job_that_waits_ends_as_refused_when_its_consent_is_withdrawn(start: Start):
    ai = HeldAi()
    with_clay(ai)
    async with start(ai=ai) as service:
        phone = service.phone
        await phone.ask("PUT", CLAY)
        first, second = [(await clay(phone, headers=ASYNC)).json()["job"] for _ in range(2)]
        await ai.has_begun(1)  # and the second waits for the engine's only place
        assert (await phone.get(f"/api/jobs/{second['id']}")).json()["state"] == "queued"
        assert (await phone.delete(CLAY)).status_code == 204
        job = await ended(phone, second["id"])
        assert (job["state"], job["error"]["code"]) == ("failed", "consent_required")
        # What was under way is cancelled: the connection closes, and the provider is told.
        assert (await ended(phone, first["id"]))["state"] == "canceled"
        assert ai.begun == 1
        await until(lambda: not service.files())


async def test_a_consent_withdrawn_by_another_process_is_missed_when_the_turn_comes(start: Start):
    ai = HeldAi()
    with_clay(ai)
    async with start(ai=ai) as service:
        phone, other = service.phone, service.another_phone()
        for one in (phone, other):
            await one.ask("PUT", CLAY)
        first = (await clay(phone, headers=ASYNC)).json()["job"]
        second = (await clay(other, headers=ASYNC)).json()["job"]
        await ai.has_begun(1)
        await service.sql("UPDATE consents SET withdrawn_at = 1 WHERE device_id = 'other-phone'")
        ai.go.release()
        assert (await ended(phone, first["id"]))["state"] == "succeeded"
        job = await ended(other, second["id"])
        assert (job["state"], job["error"]["code"]) == ("failed", "consent_required")
        assert ai.begun == 1


async def test_consents_go_with_the_device_and_into_its_export(service: Service, phone: Phone):
    await phone.upload()
    given = (await phone.ask("PUT", CLAY)).json()
    with zipfile.ZipFile(io.BytesIO((await phone.get("/api/device/export")).content)) as archive:
        assert json.loads(archive.read("consents.json")) == [given]
    assert (await phone.delete("/api/device")).status_code == 204
    assert not await service.sql("SELECT * FROM consents")


async def test_a_recovered_library_keeps_the_later_decision(service: Service):
    old, new = service.phone, service.another_phone("new-phone")
    old.token = (await old.upload()).json()["deviceToken"]
    await old.ask("PUT", CLAY)
    await new.ask("PUT", CLAY)
    await new.delete(CLAY)
    code = (await old.post("/api/device/recovery-code")).json()["recoveryCode"]
    recovered = (await new.post("/api/device/recover", json={"code": code})).json()
    phone = Phone(service.http, old.device, recovered["deviceToken"])
    (consent,) = (await phone.get("/api/device/consents")).json()["items"]
    assert consent["withdrawnAt"]
    assert len(await service.sql("SELECT * FROM consents")) == 1


async def test_a_consent_whose_device_never_came_is_swept(service: Service, phone: Phone):
    await phone.upload()
    for one in (phone, service.another_phone()):
        await one.ask("PUT", CLAY)
    await service.sql("UPDATE consents SET given_at = 1")
    state = service.state
    async with asyncio.timeout(PATIENCE_S):
        while len(rows := await service.sql("SELECT device_id FROM consents")) > 1:
            await sweep(state.database, state.storage, state.settings)
    assert [row[0] for row in rows] == [phone.device]


async def test_who_needs_a_token_agrees_with_it_alone(service: Service, phone: Phone):
    phone.token = (await phone.upload()).json()["deviceToken"]
    await phone.get("/api/originals")
    stranger = Phone(service.http, phone.device)
    for refused in (await stranger.ask("PUT", CLAY), await stranger.get("/api/device/consents")):
        assert refused.status_code == 401
