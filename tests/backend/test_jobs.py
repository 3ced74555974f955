"""Jobs: accepted at once, done later, asked after, cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from cartoon_avatar.backend import runner
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queue
from cartoon_avatar.backend.flows.backup import back_up
from cartoon_avatar.backend.flows.check import check
from cartoon_avatar.backend.flows.job_ends import end_overdue
from cartoon_avatar.backend.flows.sweep import sweep
from cartoon_avatar.backend.runner import Runner
from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, Phone, Service, Start, on_sqlite, picture, problem
from tests.patience import PATIENCE_S

ASYNC = {"Prefer": "respond-async"}


async def ended(phone: Phone, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            job = (await phone.get(f"/api/jobs/{job_id}?wait=5")).json()
            if job["state"] not in ("queued", "running"):
                return job


def keys_of_drawings(ai: FakeAi) -> list[str]:
    return [request.headers["Idempotency-Key"] for request in ai.asked_for("/generate-cartoon")]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 (files tell nobody)
            await asyncio.sleep(0.02)


class HeldAi(FakeAi):
    """Draws when told: ``begun`` counts who came, ``go`` lets them through one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.came = asyncio.Condition()
        self.go = asyncio.Semaphore(0)
        self.handlers["/generate-cartoon"] = self.held

    async def held(self, request: httpx.Request) -> httpx.Response:
        async with self.came:
            self.begun += 1
            self.came.notify_all()
        await self.go.acquire()
        return FakeAi.generate_cartoon(self, request)

    async def has_begun(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self.came:
            await self.came.wait_for(lambda: self.begun >= count)


@asynccontextmanager
async def held(start: Start, **settings: Any) -> AsyncIterator[tuple[Service, HeldAi]]:
    """A service whose drawings end when told, and are all told at the end."""
    ai = HeldAi()
    async with start(ai=ai, **settings) as service:
        try:
            yield service, ai
        finally:
            for _ in range(1000):
                ai.go.release()


async def test_an_upload_is_promised_drawn_and_found(service: Service):
    promised = await service.phone.upload(headers=ASYNC, data={"style": "comic"})

    assert promised.status_code == 202
    assert promised.headers["preference-applied"] == "respond-async"
    job = promised.json()["job"]
    assert promised.headers["location"] == f"/api/jobs/{job['id']}"
    assert (job["kind"], job["style"], "result" in job) == ("upload", "comic", False)

    done = await ended(service.phone, job["id"])
    assert done["state"] == "succeeded"
    result = done["result"]
    assert (await service.http.get(result["original"]["imageUrl"])).content == picture()
    assert (await service.http.get(result["original"]["thumbnailUrl"])).status_code == 200
    assert (await service.http.get(result["cartoon"]["imageUrl"])).status_code == 200
    assert result["deviceToken"] == promised.json()["deviceToken"]
    listed = (await service.phone.get("/api/originals")).json()["items"]
    assert [one["id"] for one in listed] == [result["original"]["id"]]


async def test_regenerate_and_download_are_jobs_too(service: Service):
    original = (await service.phone.upload()).json()["original"]["id"]

    drawn = await service.phone.post(f"/api/regenerate/{original}", headers=ASYNC)
    cartoon = (await ended(service.phone, drawn.json()["job"]["id"]))["result"]["cartoon"]
    cut = await service.phone.post(f"/api/download/{cartoon['id']}", headers=ASYNC)
    face = (await ended(service.phone, cut.json()["job"]["id"]))["result"]["face"]

    assert cartoon["style"] == drawn.json()["job"]["style"] == "anime"
    assert (await service.http.get(face["faceUrl"])).status_code == 200
    again = await service.phone.post(f"/api/download/{cartoon['id']}")
    assert (again.status_code, again.json()["face"]["id"]) == (200, face["id"])


async def test_who_waits_long_enough_gets_the_result_itself(service: Service):
    response = await service.phone.upload(headers={"Prefer": "respond-async, wait=30"})

    assert response.status_code == 201
    assert response.headers["preference-applied"] == "respond-async, wait=30"
    assert response.json()["original"]["id"]


async def test_who_waits_too_short_a_time_gets_the_jobs_location(start: Start):
    async with held(start) as (service, _):
        response = await service.phone.upload(headers={"Prefer": "wait=1, respond-async"})
    assert response.status_code == 202
    assert response.json()["job"]["state"] in ("queued", "running")


@pytest.mark.parametrize("prefer", ["", "wait=1", "respond-later", "respond-async-not", ",;="])
async def test_what_is_not_known_to_be_preferred_is_ignored(service: Service, prefer: str):
    response = await service.phone.upload(headers={"Prefer": prefer})
    assert response.status_code == 201
    assert "preference-applied" not in response.headers


async def test_a_key_finds_its_job_however_it_is_asked_again(start: Start):
    key = {"Idempotency-Key": "k"}
    async with held(start) as (service, ai):
        first = await service.phone.upload(headers=ASYNC | key)
        again = await service.phone.upload(headers=ASYNC | key)
        waited = await service.phone.upload(headers=key)
        other = await service.phone.upload(headers=ASYNC | key, data={"style": "soft"})
        ai.go.release()
        done = await ended(service.phone, first.json()["job"]["id"])
        later = [await service.phone.upload(headers=more | key) for more in (ASYNC, {})]

    assert first.json()["job"]["id"] == again.json()["job"]["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (waited.status_code, waited.json()["code"]) == (409, "request_running")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    for response in later:
        assert response.status_code == 201
        assert response.json()["original"] == done["result"]["original"]
    assert ai.begun == 1


async def test_a_request_that_is_running_can_be_promised_when_it_is_sent_again(start: Start):
    key = {"Idempotency-Key": "k"}
    async with held(start) as (service, ai):
        waiting = asyncio.create_task(service.phone.upload(headers=key))
        await ai.has_begun(1)
        promised = await service.phone.upload(headers=ASYNC | key)
        ai.go.release()
        done = await ended(service.phone, promised.json()["job"]["id"])
        first = await waiting

    assert promised.status_code == 202
    assert done["result"]["original"] == first.json()["original"]


async def test_who_hangs_up_without_a_key_cancels_and_with_one_does_not(start: Start):
    async with held(start) as (service, ai):
        for headers in ({}, {"Idempotency-Key": "k"}):
            uploading = asyncio.create_task(service.phone.upload(headers=headers))
            await ai.has_begun(1 if not headers else 2)
            uploading.cancel()
            await asyncio.gather(uploading, return_exceptions=True)
        ai.go.release()
        ai.go.release()
        (job,) = (await service.phone.get("/api/jobs")).json()["items"]
        assert (await ended(service.phone, job["id"]))["state"] == "succeeded"
        again = await service.phone.upload(headers={"Idempotency-Key": "k"})
        assert again.headers["idempotency-replayed"] == "true"
        assert len((await service.phone.get("/api/originals")).json()["items"]) == 1


async def test_a_job_that_fails_says_why_and_leaves_nothing(service: Service):
    service.ai.handlers["/generate-cartoon"] = problem(422, "no_face")
    key = {"Idempotency-Key": "k"}

    promised = await service.phone.upload(headers=ASYNC | key)
    failed = await ended(service.phone, promised.json()["job"]["id"])
    waited = await service.phone.upload(headers={"Prefer": "respond-async, wait=30"})

    assert failed["state"] == "failed"
    assert (failed["error"]["status"], failed["error"]["code"]) == (422, "no_face")
    assert (waited.status_code, waited.json()["code"]) == (422, "no_face")
    # Files go once their end is committed, and told of.
    await until(lambda: service.files() == service.files("thumbnails") == [])
    assert (await service.phone.get("/api/originals")).json()["items"] == []

    del service.ai.handlers["/generate-cartoon"]
    assert (await service.phone.upload(headers=key)).status_code == 201


async def test_what_cannot_be_done_is_refused_at_once(service: Service):
    uploaded = (await service.phone.upload()).json()
    cartoon, original = uploaded["cartoon"]["id"], uploaded["original"]["id"]
    more = (await service.phone.post(f"/api/regenerate/{original}")).json()["cartoon"]["id"]
    await service.phone.post(f"/api/download/{cartoon}")

    for response, status, code in (
        (await service.phone.upload(b"no picture", headers=ASYNC), 400, "invalid_image"),
        (await service.phone.upload(headers=ASYNC, data={"style": "no"}), 400, "invalid_style"),
        (await service.phone.upload(headers=ASYNC, data={"seed": "x"}), 400, "invalid_seed"),
        (await service.phone.post("/api/regenerate/no", headers=ASYNC), 404, "not_found"),
        (await service.phone.post("/api/download/no", headers=ASYNC), 404, "not_found"),
        (
            await service.phone.post(f"/api/download/{more}", headers=ASYNC),
            409,
            "sibling_downloaded",
        ),
    ):
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await service.phone.get("/api/jobs")).json()["items"] == []


async def test_a_queued_job_is_cancelled_at_once_and_a_running_one_soon(start: Start):
    async with held(start) as (service, ai):
        running = [await service.phone.upload(headers=ASYNC) for _ in range(4)]
        await ai.has_begun(4)
        queued = await service.phone.upload(headers=ASYNC)
        ids = [response.json()["job"]["id"] for response in (*running, queued)]

        at_once = await service.phone.delete(f"/api/jobs/{ids[-1]}")
        soon = await service.phone.delete(f"/api/jobs/{ids[0]}")
        ended_soon = await ended(service.phone, ids[0])
        for _ in range(4):
            ai.go.release()
        done = [await ended(service.phone, job_id) for job_id in ids[1:-1]]
        late = await service.phone.delete(f"/api/jobs/{ids[1]}")
        twice = await service.phone.delete(f"/api/jobs/{ids[0]}")

        assert (at_once.status_code, at_once.json()["state"]) == (200, "canceled")
        assert soon.status_code == 202
        assert (ended_soon["state"], ended_soon["error"]["code"]) == ("canceled", "job_canceled")
        assert [job["state"] for job in done] == ["succeeded"] * 3
        for response in (late, twice):
            assert (response.status_code, response.json()["code"]) == (409, "job_finished")
        listed = (await service.phone.get("/api/originals")).json()["items"]
        assert len(listed) == 3
        await until(lambda: len(service.files()) == 6)
        # A generator that was at it hears of it.
        assert ai.called_off == [keys_of_drawings(ai)[0]]


async def test_jobs_of_another_device_are_not_there(service: Service):
    job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
    stranger = service.another_phone()

    for response in (
        await stranger.get(f"/api/jobs/{job}"),
        await stranger.get(f"/api/jobs/{job}", headers={"Accept": "text/event-stream"}),
        await stranger.delete(f"/api/jobs/{job}"),
        await stranger.get("/api/jobs/none"),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await stranger.get("/api/jobs")).json()["items"] == []


async def test_jobs_are_listed_newest_first_by_state_and_page(start: Start):
    async with held(start) as (service, ai):
        jobs = []
        for _ in range(6):
            jobs.append((await service.phone.upload(headers=ASYNC)).json()["job"]["id"])
            await asyncio.sleep(0.002)  # a time of its own
        await ai.has_begun(4)

        waiting = (await service.phone.get("/api/jobs?state=queued")).json()["items"]
        first = (await service.phone.get("/api/jobs?limit=4")).json()
        rest = (await service.phone.get(f"/api/jobs?cursor={first['nextCursor']}")).json()
        wrong = await service.phone.get("/api/jobs?state=lost")

    assert [job["id"] for job in waiting] == jobs[:3:-1]
    assert [job["position"] for job in waiting] == [2, 1]
    assert [job["id"] for job in (*first["items"], *rest["items"])] == jobs[::-1]
    assert rest["nextCursor"] is None
    assert wrong.status_code == 400
    said = "state must be queued, running, succeeded, failed or canceled."
    assert wrong.json()["detail"] == said


async def test_a_full_queue_and_a_full_share_are_refused(start: Start):
    async with held(start, max_device_jobs=6, max_queued_jobs=3) as (service, ai):
        for _ in range(4):
            await service.phone.upload(headers=ASYNC)
        await ai.has_begun(4)
        for _ in range(2):
            assert (await service.phone.upload(headers=ASYNC)).status_code == 202
        own = await service.phone.upload(headers=ASYNC)
        other = service.another_phone()
        assert (await other.upload(headers=ASYNC)).status_code == 202
        files = service.files()
        full = await other.upload(headers=ASYNC)

        assert (own.status_code, own.json()["code"]) == (429, "too_many_jobs")
        assert (full.status_code, full.json()["code"]) == (503, "queue_full")
        assert all(int(response.headers["retry-after"]) > 0 for response in (own, full))
        assert service.files() == files


async def test_devices_take_turns(start: Start):
    async with held(start) as (service, ai):
        for _ in range(4):  # every place is taken
            await service.another_phone("first").upload(headers=ASYNC)
        await ai.has_begun(4)
        jobs = {}
        for device in ("greedy", "greedy", "greedy", "modest", "late"):
            response = await service.another_phone(device).upload(headers=ASYNC)
            jobs[response.json()["job"]["id"]] = device
        listed = [
            job
            for device in ("greedy", "modest", "late")
            for job in (await service.another_phone(device).get("/api/jobs")).json()["items"]
        ]

    order = [jobs[job["id"]] for job in sorted(listed, key=lambda job: job["position"])]
    assert sorted(order[:3]) == ["greedy", "late", "modest"]
    assert order[3:] == ["greedy", "greedy"]


async def test_a_job_waits_for_an_ai_service_that_is_away(service: Service):
    service.ai.handlers["/generate-cartoon"] = problem(503, "ai_busy", **{"retry-after": "1"})
    service.ai.handlers["/readyz"] = problem(503, "starting")
    job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
    await until(lambda: service.ai.asked_for("/generate-cartoon"))
    assert (await service.phone.get(f"/api/jobs/{job}")).json()["state"] in ("queued", "running")

    service.ai.handlers.clear()
    assert (await ended(service.phone, job))["state"] == "succeeded"


async def test_a_job_whose_process_died_is_taken_up_again_but_not_for_ever(start: Start):
    async with held(start) as (service, ai):
        jobs = [(await service.phone.upload(headers=ASYNC)).json()["job"]["id"] for _ in range(2)]
        await ai.has_begun(2)
        await service.sql(f"UPDATE jobs SET lease_until = 0, claim = 'x' WHERE id = '{jobs[0]}'")
        await service.sql(
            f"UPDATE jobs SET lease_until = 0, claim = 'x', attempts = 5 WHERE id = '{jobs[1]}'"
        )
        for _ in range(4):
            ai.go.release()
        done = [await ended(service.phone, job) for job in jobs]

        assert [job["state"] for job in done] == ["succeeded", "failed"]
        assert done[1]["error"]["code"] == "generation_failed"
        assert len((await service.phone.get("/api/originals")).json()["items"]) == 1
        await until(lambda: len(service.files()) == 2)  # what the lost attempt wrote goes, too
        # What a generator drew for the lost attempt is for the next one.
        first, failed, again = keys_of_drawings(ai)
        assert first == again != failed
        assert not ai.called_off


async def test_a_job_that_was_cancelled_while_its_process_died_is_called_off(start: Start):
    async with held(start) as (service, ai):
        job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
        await ai.has_begun(1)
        await service.sql("UPDATE jobs SET lease_until = 0, claim = 'x', cancel_asked = true")
        assert (await ended(service.phone, job))["state"] == "canceled"
        await until(lambda: ai.called_off)
        assert set(ai.called_off) == set(keys_of_drawings(ai))


async def test_a_request_that_is_sent_again_after_its_process_died_asks_for_the_same(
    start: Start,
):
    key = {"Idempotency-Key": "k"}
    async with held(start) as (service, ai):
        first = asyncio.create_task(service.phone.upload(headers=key))
        await ai.has_begun(1)
        [(job,)] = await service.sql("SELECT id FROM jobs")
        await service.sql("UPDATE jobs SET lease_until = 0, claim = 'x'")
        again = asyncio.create_task(service.phone.upload(headers=key))
        await ai.has_begun(2)
        service.state.changes.announce(job)  # the first attempt learns that it lost its claim
        assert (await first).json()["code"] == "job_canceled"
        for _ in range(2):
            ai.go.release()
        assert (await again).status_code == 201
        asked = ai.asked_for("/generate-cartoon")
        seeds = {re.search(rb'"seed"\r\n\r\n(\d+)', one.content)[1] for one in asked}
        assert len(seeds) == len(set(keys_of_drawings(ai))) == 1
        assert not ai.called_off


async def test_a_drawing_is_called_off_when_its_device_is_deleted_not_when_it_is_recovered(
    start: Start,
):
    async with held(start) as (service, ai):
        old, lone = service.phone, service.another_phone("lone")
        library = asyncio.create_task(old.upload(headers={"Idempotency-Key": "k"}))
        await ai.has_begun(1)
        ai.go.release()
        old.token = (await library).json()["deviceToken"]
        code = (await old.post("/api/device/recovery-code")).json()["recoveryCode"]
        moving = service.another_phone("moving")
        moved, deleted = [
            (await phone.upload(headers=ASYNC)).json()["job"]["id"] for phone in (moving, lone)
        ]
        await ai.has_begun(3)
        recovered = (await moving.post("/api/device/recover", json={"code": code})).json()
        assert (await lone.delete("/api/device")).status_code == 204
        for job in (moved, deleted):  # as PostgreSQL tells other processes
            service.state.changes.announce(job)
        await until(lambda: ai.called_off)
        await ai.has_begun(4)
        for _ in range(4):
            ai.go.release()

        new = Phone(service.http, recovered["deviceId"], recovered["deviceToken"])
        assert (await ended(new, moved))["state"] == "succeeded"
        assert keys_of_drawings(ai)[-1] == moved
        assert ai.called_off == [deleted]


async def test_a_stopped_backend_leaves_its_jobs_to_the_next(start: Start):
    async with held(start) as (service, ai):
        job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
        await ai.has_begun(1)
    async with start() as service:
        assert (await ended(service.phone, job))["state"] == "succeeded"
        assert len((await service.phone.get("/api/originals")).json()["items"]) == 1


@on_sqlite
async def test_what_a_stopping_backend_works_at_is_queued_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """At the first stop the job is being drawn, at the second it is being claimed."""
    monkeypatch.setattr(runner, "_GRACE_S", 0)
    monkeypatch.setattr(runner, "_PUTTING_BACK_S", PATIENCE_S)
    ai = HeldAi()
    async with start(ai=ai) as service:
        job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
        await ai.has_begun(1)
    assert states(tmp_path) == [(job, "queued")]

    claiming, stopping = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def claimed_late(*about: Any, **more: Any) -> Any:
        claimed = claim_next(*about, **more)
        loop.call_soon_threadsafe(claiming.set)
        assert stopping.wait(PATIENCE_S)
        return claimed

    def stop_claiming(stopped: Runner) -> None:
        stop(stopped)
        stopping.set()

    claim_next, stop = queue.claim_next, Runner.stop_claiming
    monkeypatch.setattr(queue, "claim_next", claimed_late)
    monkeypatch.setattr(Runner, "stop_claiming", stop_claiming)
    async with start(ai=ai), asyncio.timeout(PATIENCE_S):
        await claiming.wait()
    assert states(tmp_path) == [(job, "queued")]


def states(root: Path) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(root / "data/avatars.sqlite")) as database:
        return database.execute("SELECT id, state FROM jobs").fetchall()


async def test_the_photo_of_a_waiting_job_is_swept_by_nobody_and_goes_with_its_device(
    start: Start,
):
    async with held(start, unowned_grace_s=1) as (service, ai):
        jobs = [(await service.phone.upload(headers=ASYNC)).json()["job"]["id"] for _ in range(5)]
        await ai.has_begun(4)
        assert len(service.files()) == len(jobs)
        await asyncio.sleep(1.2)  # they are past the sweeper's grace

        rest = rest_of(service)
        assert (await sweep(*rest)).unowned_files == 0
        assert [finding async for finding in check(*rest)] == []
        assert (await service.phone.delete("/api/device")).status_code == 204
        assert service.files() == []
        for _ in range(5):
            ai.go.release()
        assert (await service.phone.get(f"/api/jobs/{jobs[0]}")).status_code == 404
    assert service.files() == []


@on_sqlite
async def test_a_backup_takes_along_what_waits_and_it_is_done_there(start: Start, tmp_path: Path):
    key = {"Idempotency-Key": "k"}
    async with held(start) as (service, ai):
        job = (await service.phone.upload(headers=ASYNC | key)).json()["job"]["id"]
        await ai.has_begun(1)
        copied = await asyncio.to_thread(back_up, service.settings.data_dir, tmp_path / "copy")
        assert (copied.files, copied.gone, copied.lost) == (1, 0, [])

    there = f"sqlite:///{tmp_path / 'copy/avatars.sqlite'}"
    async with start(data_dir=tmp_path / "copy", database_url=there) as service:
        done = await ended(service.phone, job)
        assert done["state"] == "succeeded"
        assert (await service.http.get(done["result"]["original"]["imageUrl"])).status_code == 200


async def test_a_photo_that_is_lost_is_named_and_its_job_fails(start: Start):
    async with held(start) as (service, ai):
        for _ in range(5):
            job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
        await ai.has_begun(4)
        (waiting,) = await service.sql("SELECT id, photo_path FROM jobs WHERE state = 'queued'")
        (service.settings.data_dir / waiting.photo_path).unlink()
        named = [one async for one in check(*rest_of(service))]
        for _ in range(5):
            ai.go.release()
        failed = await ended(service.phone, job)

    assert [(one.fault, one.row) for one in named] == [("missing", f"jobs {job}")]
    assert (failed["state"], failed["error"]["code"]) == ("failed", "generation_failed")


def rest_of(service: Service) -> tuple[Any, Any, BackendSettings]:
    """What flows that work on everything take."""
    return service.state.database, service.state.storage, service.settings


async def test_finished_jobs_are_forgotten_after_a_day_and_waiting_ones_have_failed(start: Start):
    async with held(start) as (service, ai):
        old = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
        ai.go.release()
        await ended(service.phone, old)
        jobs = [(await service.phone.upload(headers=ASYNC)).json()["job"]["id"] for _ in range(5)]
        await ai.has_begun(5)
        (waiting,) = await service.sql("SELECT id, photo_path FROM jobs WHERE state = 'queued'")
        files = set(service.files())
        await service.sql("UPDATE jobs SET created_at = 0")
        await service.sql("UPDATE jobs SET finished_at = 0 WHERE finished_at IS NOT NULL")

        await sweep(*rest_of(service))
        await end_overdue(service.state)

        assert (await service.phone.get(f"/api/jobs/{old}")).status_code == 404
        failed = (await service.phone.get(f"/api/jobs/{waiting.id}")).json()
        assert (failed["state"], failed["error"]["code"]) == ("failed", "generation_failed")
        assert files - set(service.files()) == {service.settings.data_dir / waiting.photo_path}
        for _ in jobs:
            ai.go.release()
        done = [await ended(service.phone, job) for job in jobs if job != waiting.id]
        assert {job["state"] for job in done} == {"succeeded"}


async def test_by_a_clock_that_has_jumped_no_job_is_old(start: Start):
    async with held(start) as (service, ai):
        for _ in range(5):
            await service.phone.upload(headers=ASYNC)
        await ai.has_begun(4)
        await sweep(*rest_of(service))  # notes the time
        with time_machine.travel(utc_now() + timedelta(days=2)):
            await end_overdue(service.state)
        (waiting,) = (await service.phone.get("/api/jobs?state=queued")).json()["items"]
        assert waiting["position"] == 1
        for _ in range(5):
            ai.go.release()
        assert (await ended(service.phone, waiting["id"]))["state"] == "succeeded"


async def test_a_first_upload_is_promised_with_its_token_where_tokens_are_required(start: Start):
    key = {"Idempotency-Key": "k"}
    async with start(device_auth="required") as service:
        promised = await service.phone.upload(headers=ASYNC | key)
        unheard = await service.phone.upload(headers=ASYNC | key)
        job = promised.json()["job"]["id"]
        assert (await service.phone.get(f"/api/jobs/{job}")).status_code == 401
        owner = Phone(service.http, "phone-1", promised.json()["deviceToken"])
        assert (await ended(owner, job))["state"] == "succeeded"
    assert unheard.json().get("deviceToken") == owner.token


async def test_the_queue_is_measured(start: Start):
    async with held(start) as (service, ai):
        for _ in range(6):
            await service.phone.upload(headers=ASYNC)
        await ai.has_begun(4)
        counted = (await service.http.get("/metrics")).text

    assert 'jobs_waiting{engine="drawing"} 2.0' in counted
    assert 'jobs_running{engine="drawing"} 4.0' in counted
    assert 'oldest_job_seconds{engine="drawing"}' in counted
    assert 'job_attempts_total{engine="drawing"} 4.0' in counted


def events_of(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(line.removeprefix("data: "))
        for line in text.split("\n")
        if line.startswith("data: ")
    ]


async def test_a_job_is_streamed_to_its_end_and_the_stream_can_be_resumed(start: Start):
    stream = {"Accept": "text/event-stream"}
    async with held(start) as (service, ai):
        job = (await service.phone.upload(headers=ASYNC)).json()["job"]["id"]
        await ai.has_begun(1)
        async with service.events_of(job) as (first, rest):
            ai.go.release()
            text = first + "".join([more async for more in rest])
        last = text.split("id: ")[-1].partition("\n")[0]
        resumed = await service.phone.get(
            f"/api/jobs/{job}", headers=stream | {"Last-Event-ID": last}
        )
        nonsense = await service.phone.get(
            f"/api/jobs/{job}", headers=stream | {"Last-Event-ID": "ü\x01 nonsense".encode()}
        )

    assert text.startswith("retry: ")
    states = [event["state"] for event in events_of(text)]
    assert states[0] in ("queued", "running")
    assert states[-1] == "succeeded"
    assert events_of(text)[-1]["result"]["original"]["id"]
    assert (resumed.status_code, resumed.content) == (204, b"")
    assert [event["state"] for event in events_of(nonsense.text)] == ["succeeded"]
