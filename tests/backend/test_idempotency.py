"""A POST sent again with its key."""

from __future__ import annotations

import asyncio

from tests.backend.conftest import Service, Start, picture, problem

KEY = {"Idempotency-Key": "b3f1c7e2-1"}


async def test_the_same_upload_is_done_once_and_answered_alike(service: Service):
    first = await service.phone.upload(headers=KEY)
    again = await service.phone.upload(headers=KEY)

    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.json()["deviceToken"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await service.phone.get("/api/originals")).json()["items"]) == 1


async def test_the_response_survives_a_restart(start: Start):
    async with start() as service:
        first = await service.phone.upload(headers=KEY)
    async with start() as service:
        again = await service.phone.upload(headers=KEY)
    assert again.json() == first.json()


async def test_regenerate_and_download_repeat_too(service: Service):
    original = (await service.phone.upload()).json()["original"]["id"]
    path = f"/api/regenerate/{original}"
    drawn = [await service.phone.post(path, headers=KEY) for _ in range(2)]
    assert drawn[0].json() == drawn[1].json()

    cartoon = drawn[0].json()["cartoon"]["id"]
    headers = {"Idempotency-Key": "download"}
    cut = [await service.phone.post(f"/api/download/{cartoon}", headers=headers) for _ in range(2)]
    assert [response.status_code for response in cut] == [201, 201]
    assert cut[0].json() == cut[1].json()


async def test_another_request_under_the_key_is_refused(service: Service):
    await service.phone.upload(headers=KEY)

    for response in (
        await service.phone.upload(picture(size=(50, 50)), headers=KEY),
        await service.phone.upload(headers=KEY, data={"style": "soft"}),
        await service.phone.post("/api/regenerate/x", headers=KEY),
    ):
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_key_belongs_to_its_device(service: Service):
    mine = await service.phone.upload(headers=KEY)
    theirs = await service.another_phone().upload(headers=KEY)

    assert theirs.status_code == 201
    assert theirs.json()["original"]["id"] != mine.json()["original"]["id"]


async def test_while_the_first_is_running_the_second_is_refused_for_now(service: Service):
    drawing, drawn = service.ai.hold_drawings()
    first = asyncio.create_task(service.phone.upload(headers=KEY))
    await drawing.wait()
    second = await service.phone.upload(headers=KEY)
    drawn.set()

    assert (second.status_code, second.json()["code"]) == (409, "request_running")
    assert int(second.headers["retry-after"]) > 0
    assert (await first).status_code == 201


async def test_a_failed_request_can_be_sent_again_under_its_key(service: Service):
    service.ai.handlers["/generate-cartoon"] = problem(503, "ai_busy")
    assert (await service.phone.upload(headers=KEY)).status_code == 503

    del service.ai.handlers["/generate-cartoon"]
    assert (await service.phone.upload(headers=KEY)).status_code == 201


async def test_a_claim_whose_process_died_lapses(start: Start):
    async with start() as service:
        await service.phone.upload(headers=KEY)
        await service.sql("UPDATE jobs SET state = 'running', claim = 'dead', lease_until = 0")

        assert (await service.phone.upload(headers=KEY)).status_code == 201


async def test_a_malformed_key_is_refused(service: Service):
    for key in ("", "with space", "x" * 256):
        response = await service.phone.upload(headers={"Idempotency-Key": key})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
