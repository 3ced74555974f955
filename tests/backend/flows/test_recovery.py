"""A recovery code takes a library over to another phone."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.backend.conftest import Phone, Service, Start, problem

CODE = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}")


async def library(service: Service, phone: Phone | None = None) -> tuple[Phone, dict[str, Any]]:
    """A phone with its token, and what its upload answered."""
    phone = phone or service.phone
    uploaded = (await phone.upload()).json()
    phone.token = uploaded["deviceToken"]
    return phone, uploaded


async def code_of(phone: Phone) -> str:
    response = await phone.post("/api/device/recovery-code")
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()["recoveryCode"]


async def recover(phone: Phone, code: str, **options: Any) -> httpx.Response:
    return await phone.post("/api/device/recover", json={"code": code}, **options)


async def test_a_new_phone_takes_the_library_over_and_locks_the_old_one_out(service: Service):
    old, uploaded = await library(service)
    face = (await old.post(f"/api/download/{uploaded['cartoon']['id']}")).json()["face"]
    code = await code_of(old)
    assert CODE.fullmatch(code)

    response = await recover(service.another_phone("new-phone"), code)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["deviceId"] == old.device
    new = Phone(service.http, old.device, response.json()["deviceToken"])
    (listed,) = (await new.get("/api/originals")).json()["items"]
    assert listed["id"] == uploaded["original"]["id"]
    assert (await new.get("/api/downloaded-faces")).json()["items"] == [face]
    assert (await new.upload()).status_code == 201
    for phone in (old, Phone(service.http, old.device)):
        for refused in (await phone.get("/api/originals"), await phone.upload()):
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert "recovery code" in (await old.get("/api/originals")).json()["detail"]


async def test_only_a_hash_of_the_code_is_kept(service: Service):
    old, _ = await library(service)
    code = await code_of(old)

    rows = await service.sql("SELECT * FROM recovery_codes")

    assert len(rows) == 1
    assert code not in str(rows)
    assert code.replace("-", "") not in str(rows)


async def test_a_code_needs_the_token_and_a_library(service: Service):
    await service.phone.upload()

    without = await service.phone.post("/api/device/recovery-code")
    assert (without.status_code, without.json()["code"]) == (401, "unauthorized")
    nobody = Phone(service.http, "nobody", "x" * 43)
    assert (await nobody.post("/api/device/recovery-code")).status_code == 404


async def test_a_code_is_read_as_people_write_it(service: Service):
    old, _ = await library(service)
    code = await code_of(old)
    sloppy = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "

    assert (await recover(service.another_phone(), sloppy)).status_code == 200


async def test_a_newer_code_voids_the_older(service: Service):
    old, _ = await library(service)
    first, second = await code_of(old), await code_of(old)

    assert (await recover(service.another_phone(), first)).status_code == 403
    assert (await recover(service.another_phone(), second)).status_code == 200


async def test_a_code_works_once_and_its_phone_may_repeat_it_for_a_day(service: Service):
    old, _ = await library(service)
    code, new = await code_of(old), service.another_phone("new-phone")
    first = await recover(new, code)

    assert (await recover(new, code)).json() == first.json()
    stranger = await recover(service.another_phone("stranger"), code)
    assert (stranger.status_code, stranger.json()["code"]) == (403, "wrong_recovery_code")

    await service.sql(f"UPDATE recovery_codes SET taken_at = taken_at - {24 * 3600 * 1000}")
    assert (await recover(new, code)).status_code == 403


async def test_who_recovered_can_make_a_code_of_their_own(service: Service):
    old, _ = await library(service)
    first = (await recover(service.another_phone("second"), await code_of(old))).json()
    second = Phone(service.http, first["deviceId"], first["deviceToken"])

    third = await recover(service.another_phone("third"), await code_of(second))

    assert third.json()["deviceId"] == old.device
    assert (await second.get("/api/originals")).status_code == 401


async def test_what_the_new_phone_had_moves_into_the_library(service: Service):
    old, uploaded = await library(service)
    new, brought = await library(service, service.another_phone("new-phone"))
    face = (await new.post(f"/api/download/{brought['cartoon']['id']}")).json()["face"]
    made = await new.post(f"/api/downloaded-faces/{face['id']}/exports", json={"preset": "signal"})

    response = (await recover(new, await code_of(old))).json()

    now = Phone(service.http, response["deviceId"], response["deviceToken"])
    ids = {item["id"] for item in (await now.get("/api/originals")).json()["items"]}
    assert ids == {uploaded["original"]["id"], brought["original"]["id"]}
    (listed,) = (await now.get("/api/downloaded-faces")).json()["items"]
    assert (listed["id"], listed["deviceId"]) == (face["id"], old.device)
    assert (await now.get(face["faceUrl"].partition("?")[0])).status_code == 200
    export = made.json()["export"]["exportUrl"].partition("?")[0]
    assert (await now.get(export)).status_code == 200
    again = await service.another_phone("new-phone").upload()
    assert "deviceToken" in again.json()


async def test_what_a_locked_phone_has_is_moved_for_its_owner_alone(service: Service):
    old, _ = await library(service)
    victim, _ = await library(service, service.another_phone("victim"))
    await victim.get("/api/originals")

    stolen = await recover(Phone(service.http, "victim"), await code_of(old))

    assert stolen.status_code == 401
    assert len((await victim.get("/api/originals")).json()["items"]) == 1
    assert (await old.get("/api/originals")).status_code == 200


async def test_a_phone_that_lost_its_token_takes_its_own_library_back(service: Service):
    old, _ = await library(service)
    code = await code_of(old)

    response = await recover(Phone(service.http, old.device), code)

    back = Phone(service.http, old.device, response.json()["deviceToken"])
    assert len((await back.get("/api/originals")).json()["items"]) == 1
    assert (await old.get("/api/originals")).status_code == 401


@pytest.mark.parametrize("code", ["", "ABCD", "U" * 20, "0" * 21, 7, None, ["0" * 20]])
async def test_what_cannot_be_a_code_is_said_so(service: Service, code: object):
    response = await service.another_phone().post("/api/device/recover", json={"code": code})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_recovery_code")


async def test_a_hundred_wrong_codes_end_in_429_and_then_the_right_one_does_too(service: Service):
    old, _ = await library(service)
    code, guesser = await code_of(old), service.another_phone("guesser")

    responses = [await recover(guesser, f"{number:020}") for number in range(100)]

    assert [response.status_code for response in responses[:10]] == [403] * 10
    assert {response.status_code for response in responses[10:]} == {429}
    assert responses[-1].headers["retry-after"]
    assert (await recover(guesser, code)).status_code == 429
    # Nothing of this touches whose library it is.
    assert (await old.get("/api/originals")).status_code == 200


async def test_another_address_is_not_kept_from_its_code(start: Start):
    async with start(trusted_proxies="0.0.0.0/0") as service:
        old, _ = await library(service)
        code, new = await code_of(old), service.another_phone("new-phone")
        for number in range(12):
            await recover(new, f"{number:020}", headers={"X-Forwarded-For": "203.0.113.7"})

        response = await recover(new, code, headers={"X-Forwarded-For": "198.51.100.9"})

        assert response.status_code == 200


async def test_required_tokens_do_not_keep_a_new_phone_from_recovering(start: Start):
    async with start(device_auth="required") as service:
        old, _ = await library(service)
        code, new = await code_of(old), service.another_phone("new-phone")

        first, again = await recover(new, code), await recover(new, code)

        assert first.status_code == again.status_code == 200


async def test_what_the_old_phone_has_under_way_arrives_in_the_library(service: Service):
    old, _ = await library(service)
    code = await code_of(old)
    drawing, recovered = service.ai.hold_drawings()
    under_way = asyncio.create_task(old.upload())
    await drawing.wait()
    response = (await recover(service.another_phone("new-phone"), code)).json()
    recovered.set()

    arrived = await under_way
    assert arrived.status_code == 201
    new = Phone(service.http, response["deviceId"], response["deviceToken"])
    listed = {item["id"] for item in (await new.get("/api/originals")).json()["items"]}
    assert arrived.json()["original"]["id"] in listed
    assert len(listed) == 2
    # What it sends after that ends in a clear 401, and leaves nothing.
    service.ai.handlers["/generate-cartoon"] = problem(500, "generation_failed")
    assert (await old.upload()).status_code == 401
    assert len(service.files("uploads/originals")) == 2


async def test_the_first_response_is_not_repeated_to_the_old_phone(service: Service):
    """Its stored response would bring the token that is the new phone's by then."""
    key = {"Idempotency-Key": "first"}
    old = service.phone
    uploaded = (await old.upload(headers=key)).json()
    old.token = uploaded["deviceToken"]
    await recover(service.another_phone("new-phone"), await code_of(old))

    for phone in (old, Phone(service.http, old.device)):
        repeated = await phone.upload(headers=key)
        assert repeated.status_code == 401
        assert "deviceToken" not in repeated.text


async def test_of_two_phones_with_the_code_one_gets_the_library(service: Service):
    old, _ = await library(service)
    code = await code_of(old)

    responses = await asyncio.gather(
        *(recover(service.another_phone(f"new-{number}"), code) for number in range(8))
    )

    assert sorted(response.status_code for response in responses) == [200] + [403] * 7


async def test_two_that_take_each_other_over_do_not_lock_up(service: Service):
    one, _ = await library(service)
    other, _ = await library(service, service.another_phone("other"))
    codes = await code_of(one), await code_of(other)

    responses = await asyncio.gather(recover(other, codes[0]), recover(one, codes[1]))

    # Whoever came first has both libraries; the other's device is gone, and so is its code.
    assert sorted(response.status_code for response in responses) in ([200, 401], [200, 403])
    (won,) = [response.json() for response in responses if response.status_code == 200]
    phone = Phone(service.http, won["deviceId"], won["deviceToken"])
    assert len((await phone.get("/api/originals")).json()["items"]) == 2


async def test_a_deleted_library_is_not_recovered(service: Service):
    old, _ = await library(service)
    code = await code_of(old)
    await old.delete("/api/device")

    assert (await recover(service.another_phone(), code)).status_code == 403
