"""A user reports a picture; whoever runs the service decides on the command line."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from cartoon_avatar.backend.flows.sweep import sweep
from cartoon_avatar.cli import main
from tests.backend.conftest import Phone, Service, Start, on_sqlite
from tests.patience import PATIENCE_S


async def report(phone: Phone, picture: str, **more: str) -> httpx.Response:
    body = {"picture": picture, "reason": "not_me", **more}
    return await phone.post("/api/reports", json=body)


async def pictures(phone: Phone) -> dict[str, str]:
    """A photo, a cartoon of it and a face of another cartoon's."""
    first = (await phone.upload()).json()
    face = (await phone.post(f"/api/download/{first['cartoon']['id']}")).json()["face"]
    original = first["original"]["id"]
    cartoon = (await phone.post(f"/api/regenerate/{original}")).json()["cartoon"]["id"]
    return {"original": original, "face": face["id"], "cartoon": cartoon}


async def command(service: Service, *words: str) -> str:
    """Of the command line, on the same data."""

    def run() -> str:
        outcome = CliRunner().invoke(
            main,
            ["reports", *words],
            env={
                "DATA_DIR": str(service.settings.data_dir),
                "DATABASE_URL": service.settings.database_url or "",
            },
        )
        return outcome.output

    return await asyncio.to_thread(run)


async def test_a_picture_of_one_s_own_is_reported_once(service: Service, phone: Phone):
    for kind, picture in (await pictures(phone)).items():
        first = await report(phone, picture, note="That is my neighbour.")
        assert first.status_code == 201, first.text
        made = first.json()["report"]
        assert (made["kind"], made["pictureId"], made["reason"]) == (kind, picture, "not_me")
        again = await report(phone, picture)
        assert (again.status_code, again.json()) == (200, first.json())
        stranger = await report(service.another_phone(), picture)
        assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"picture": "a"},
        {"picture": "a", "reason": "boring"},
        {"picture": 7, "reason": "other"},
        {"picture": "a", "reason": "other", "note": "x" * 501},
        {"picture": "a", "reason": "other", "note": "\0"},
        {"picture": "a", "reason": ["other"]},
    ],
)
async def test_a_report_that_makes_no_sense_is_refused(phone: Phone, body: dict[str, Any]):
    response = await phone.post("/api/reports", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_report")


async def test_twenty_reports_an_hour_are_enough(phone: Phone):
    responses = [await report(phone, f"picture-{number}") for number in range(21)]
    assert [response.status_code for response in responses] == [404] * 20 + [429]
    assert responses[-1].headers["retry-after"] == "3600"


async def test_a_report_that_is_upheld_removes_its_picture(service: Service, phone: Phone):
    its = await pictures(phone)
    for kind in ("cartoon", "face", "original"):
        made = (await report(phone, its[kind])).json()["report"]
        listed = await command(service, "list")
        assert made["id"] in listed
        assert its[kind] in listed
        assert "Upheld" in await command(service, "close", made["id"], "--upheld")
        assert made["id"] not in await command(service, "list")
        assert (await report(phone, its[kind])).status_code == 404
        assert "No report" in await command(service, "close", made["id"], "--upheld")
    assert not service.files("uploads/originals")
    assert not service.files("uploads/temp")
    assert not service.files("uploads/downloaded")
    every = json.loads(await command(service, "list", "--all", "--json"))["reports"]
    assert [one["upheld"] for one in every] == [True, True, True]


async def test_a_report_that_is_dismissed_leaves_its_picture(service: Service, phone: Phone):
    its = await pictures(phone)
    made = (await report(phone, its["cartoon"], note="line\nbreak \x1b[2J")).json()["report"]
    listed = await command(service, "list")
    assert "\x1b" not in listed
    assert len(listed.splitlines()) == 1
    assert "stays" in await command(service, "close", made["id"], "--dismissed")
    assert (await report(phone, its["cartoon"])).status_code == 201


async def test_reports_are_in_the_export_and_go_with_the_device(service: Service, phone: Phone):
    its = await pictures(phone)
    made = (await report(phone, its["face"])).json()["report"]
    with zipfile.ZipFile(io.BytesIO((await phone.get("/api/device/export")).content)) as archive:
        (listed,) = json.loads(archive.read("reports.json"))
    assert listed.items() >= made.items()
    await phone.delete("/api/device")
    assert not await service.sql("SELECT id FROM reports")


@on_sqlite
async def test_decided_reports_are_swept_after_their_time_and_others_never(start: Start):
    async with start(reports_kept_days=30) as service:
        its = await pictures(service.phone)
        made = [(await report(service.phone, its[kind])).json()["report"] for kind in its]
        await command(service, "close", made[0]["id"], "--dismissed")
        await service.sql("UPDATE reports SET created_at = 1")
        await service.sql("UPDATE reports SET closed_at = 1 WHERE closed_at IS NOT NULL")
        state = service.state
        async with asyncio.timeout(PATIENCE_S):
            while len(left := await service.sql("SELECT id FROM reports")) > 2:
                await sweep(state.database, state.storage, state.settings)
        assert {row[0] for row in left} == {one["id"] for one in made[1:]}
