"""Each error of the contract's table, provoked once through the HTTP door."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import io

import aiohttp
import httpx
import pytest

from cartoon_avatar.backend import errors
from cartoon_avatar.contract.errors import AvatarError
from tests.backend.conftest import FakeAi, Phone, Service, Start, on_sqlite, picture, problem


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    body = response.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["detail"]
    assert body["title"]
    assert body["requestId"] == response.headers["x-request-id"]
    assert (body["success"], body["error"]) == (False, body["detail"])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("text", b"this is no picture, whatever it is called"),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("pdf", b"%PDF-1.7 and so on"),
        ("empty", b""),
        ("the head of a png", picture("png")[:30]),
    ],
)
async def test_what_is_no_image_is_refused_and_leaves_nothing(
    service: Service, name: str, data: bytes
):
    assert_problem(await service.phone.upload(data), 400, "invalid_image")
    assert service.files() == service.files("incoming") == []


async def test_an_upload_without_a_file_is_refused(phone: Phone):
    for options in ({"data": {"image": "text"}}, {"files": {"photo": b"x"}}, {}):
        assert_problem(await phone.post("/api/upload", **options), 400, "invalid_image")


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", ""])
async def test_the_error_of_a_photo_that_is_the_whole_body_names_its_field(phone: Phone, kind: str):
    response = await phone.post("/api/upload", content=picture(), headers={"Content-Type": kind})
    assert_problem(response, 400, "invalid_image")
    assert "field named image" in response.json()["detail"]


@pytest.mark.parametrize(
    ("ai_code", "status", "code"),
    [
        ("invalid_image", 400, "invalid_image"),
        ("image_too_large", 400, "image_too_large"),
        ("unknown_style", 400, "invalid_style"),
    ],
)
async def test_what_the_ai_service_refuses_leaves_nothing(
    service: Service, ai_code: str, status: int, code: str
):
    service.ai.handlers["/generate-cartoon"] = problem(400, ai_code)

    assert_problem(await service.phone.upload(), status, code)
    assert service.files() == service.files("thumbnails") == service.files("incoming") == []
    assert (await service.phone.get("/api/originals")).json()["items"] == []


async def test_a_photo_over_the_limit_is_refused_while_it_streams_in(start: Start):
    async with start(max_upload_bytes=20_000) as service:
        read = 0

        async def endless():
            nonlocal read
            yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
            while True:
                read += 10_000
                yield b"\xff" * 10_000

        response = await service.phone.post(
            "/api/upload",
            content=endless(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )

        assert_problem(response, 413, "file_too_large")
        assert read < 1_000_000
        assert_problem(
            await service.phone.upload(picture("png", (200, 200))), 413, "file_too_large"
        )


async def test_a_log_that_cannot_be_written_costs_no_response(
    start: Start, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
):
    def full(text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with start() as service:
        service.ai.handlers["/generate-cartoon"] = lambda request: 1 / 0
        monkeypatch.setattr(logged, "write", full)
        assert_problem(await service.phone.upload(), 500, "internal_error")


@pytest.mark.parametrize("device", ["", "with space", ".hidden", "a/b", "ü", "x" * 129])
async def test_a_malformed_device_id_is_refused(service: Service, device: str):
    response = await service.http.get("/api/originals", params={"deviceId": device})
    assert_problem(response, 400, "invalid_device_id")


@pytest.mark.parametrize(
    "device", ["null", "NULL", "undefined", "00000000-0000-0000-0000-000000000000"]
)
async def test_a_device_id_that_many_phones_would_share_is_refused(service: Service, device: str):
    response = await service.another_phone(device).upload()
    assert_problem(response, 400, "invalid_device_id")
    assert "make a random one" in response.json()["detail"]
    assert service.files() == []


async def test_a_missing_device_id_is_refused_on_every_endpoint(service: Service):
    for method, path in (
        ("POST", "/api/upload"),
        ("POST", "/api/regenerate/x"),
        ("POST", "/api/download/x"),
        ("GET", "/api/originals"),
        ("GET", "/api/originals/x"),
        ("DELETE", "/api/originals/x"),
        ("GET", "/api/downloaded-faces"),
        ("DELETE", "/api/downloaded-faces/x"),
        ("DELETE", "/api/device"),
        ("GET", "/api/styles"),
    ):
        assert_problem(await service.http.request(method, path), 400, "invalid_device_id")


async def test_two_different_device_ids_are_refused(phone: Phone):
    response = await phone.get("/api/originals", params={"deviceId": "another"})
    assert_problem(response, 400, "invalid_device_id")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"style": "No Such"}, "invalid_style"),
        ({"style": 5}, "invalid_style"),
        ({"seed": "seven"}, "invalid_seed"),
        ({"seed": -1}, "invalid_seed"),
        ({"seed": 2**53}, "invalid_seed"),
        ({"seed": True}, "invalid_seed"),
        ({"seed": 1.5}, "invalid_seed"),
    ],
)
async def test_a_wrong_drawing_option_is_refused(phone: Phone, options: dict, code: str):
    original = (await phone.upload()).json()["original"]["id"]
    assert_problem(await phone.post(f"/api/regenerate/{original}", json=options), 400, code)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"format": "gif"}, "invalid_format"),
        ({"background": "red"}, "invalid_background"),
        ({"background": 5}, "invalid_background"),
        ({"size": 0}, "invalid_size"),
        ({"size": 1025}, "invalid_size"),
        ({"size": "large"}, "invalid_size"),
    ],
)
async def test_a_wrong_cut_option_is_refused(phone: Phone, options: dict, code: str):
    cartoon = (await phone.upload()).json()["cartoon"]["id"]
    assert_problem(await phone.post(f"/api/download/{cartoon}", json=options), 400, code)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(phone: Phone, body: bytes):
    response = await phone.post(
        "/api/regenerate/x", content=body, headers={"Content-Type": "application/json"}
    )
    assert_problem(response, 400, "invalid_request")


async def test_a_jpeg_face_gets_white_where_no_colour_is_named(service: Service):
    cartoon = (await service.phone.upload()).json()["cartoon"]["id"]
    await service.phone.post(f"/api/download/{cartoon}", data={"format": "jpeg"})

    (asked,) = service.ai.asked_for("/process-face-cut")
    assert b'name="background"\r\n\r\n#FFFFFF\r\n' in asked.content


async def test_what_is_not_there_is_not_found(phone: Phone):
    for method, path in (
        ("POST", "/api/regenerate/none"),
        ("POST", "/api/download/none"),
        ("GET", "/api/originals/none"),
        ("DELETE", "/api/originals/none"),
        ("DELETE", "/api/downloaded-faces/none"),
        ("GET", "/uploads/temp/1_none.jpg"),
        ("GET", "/no/such/path"),
    ):
        assert_problem(await phone.ask(method, path), 404, "not_found")


async def test_a_wrong_method_is_refused(phone: Phone):
    assert_problem(await phone.get("/api/upload"), 405, "method_not_allowed")


async def test_no_face_deletes_nothing(service: Service):
    cartoon = (await service.phone.upload()).json()["cartoon"]["id"]
    service.ai.handlers["/process-face-cut"] = problem(422, "no_face")

    assert_problem(await service.phone.post(f"/api/download/{cartoon}"), 422, "no_face")
    assert [file.parent.name for file in service.files()] == ["originals", "temp"]

    del service.ai.handlers["/process-face-cut"]
    assert (await service.phone.post(f"/api/download/{cartoon}")).status_code == 201


@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("an error", lambda request: httpx.Response(500, text="Traceback …")),
        ("nothing", lambda request: httpx.Response(200)),
        ("a page", lambda request: httpx.Response(200, html="<html></html>")),
        (
            "half a picture",
            lambda request: httpx.Response(
                200, content=picture("png")[:-20], headers={"content-type": "image/png"}
            ),
        ),
        (
            "a thumbnail longer than the response",
            lambda request: httpx.Response(
                200,
                content=picture("jpeg"),
                headers={"content-type": "image/jpeg", "x-thumbnail-bytes": "9999999"},
            ),
        ),
        (
            "an endless body",
            lambda request: httpx.Response(
                200, content=bytes(21_000_000), headers={"content-type": "image/png"}
            ),
        ),
    ],
)
async def test_garbage_from_the_ai_service_is_a_failed_generation(
    service: Service, name: str, handler
):
    service.ai.handlers["/generate-cartoon"] = handler

    assert_problem(await service.phone.upload(), 500, "generation_failed")
    assert service.files() == service.files("thumbnails") == service.files("incoming") == []


def _refused(request: httpx.Request) -> httpx.Response:
    raise aiohttp.ClientConnectionError("connection refused")


@pytest.mark.parametrize(
    "handler", [_refused, problem(503, "ai_busy"), problem(503, "ai_busy", **{"retry-after": "9"})]
)
async def test_an_ai_service_that_is_away_or_busy_asks_for_patience(service: Service, handler):
    service.ai.handlers["/generate-cartoon"] = handler

    refused = await service.phone.upload()

    assert_problem(refused, 503, "ai_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert service.files() == []


async def test_an_ai_service_that_hangs_is_given_up_on(start: Start):
    async def hangs(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits that long")

    async with start(ai_timeout_s=0.2) as service:
        service.ai.handlers["/generate-cartoon"] = hangs
        assert_problem(await service.phone.upload(), 503, "ai_unavailable")


async def test_too_many_drawings_of_a_device_are_refused(start: Start):
    async with start(device_drawings_per_minute=2) as service:
        original = (await service.phone.upload()).json()["original"]["id"]
        await service.phone.post(f"/api/regenerate/{original}")

        response = await service.phone.post(f"/api/regenerate/{original}")

        assert_problem(response, 429, "too_many_requests")
        assert 0 < int(response.headers["retry-after"]) <= 60
        assert (await service.another_phone().upload()).status_code == 201


async def test_too_many_drawings_from_an_address_are_refused(start: Start):
    async with start(address_drawings_per_minute=2) as service:
        uploads = [await service.phone.upload() for _ in range(2)]
        assert [upload.status_code for upload in uploads] == [201, 201]
        assert_problem(await service.another_phone().upload(), 429, "too_many_requests")
        original = uploads[0].json()["original"]["id"]
        response = await service.phone.post(f"/api/regenerate/{original}")
        assert_problem(response, 429, "too_many_requests")


async def test_too_many_live_cartoons_are_refused(start: Start):
    async with start(max_live_cartoons=1) as service:
        original = (await service.phone.upload()).json()["original"]["id"]
        response = await service.phone.post(f"/api/regenerate/{original}")
        assert_problem(response, 429, "too_many_cartoons")


async def test_uploads_are_refused_under_the_free_space_reserve(start: Start):
    async with start() as service:
        uploaded = (await service.phone.upload()).json()
    async with start(min_free_bytes=2**60) as service:
        assert_problem(await service.phone.upload(), 507, "insufficient_storage")
        opened = await service.http.get(uploaded["original"]["imageUrl"])
        assert opened.status_code == 200


@on_sqlite
async def test_the_database_being_locked_asks_for_patience(start: Start):
    async with start() as patient, start(database_timeout_s=2) as impatient:
        cartoon = (await patient.phone.upload()).json()["cartoon"]["id"]
        async with patient.transaction():
            response = await impatient.phone.post(f"/api/download/{cartoon}")
        assert_problem(response, 503, "database_busy")
        assert (await patient.phone.post(f"/api/download/{cartoon}")).status_code == 201


def test_the_error_tree_in_the_docstring_is_the_error_tree():
    described = {
        parts[0]: (int(parts[1]), parts[2])
        for line in (errors.__doc__ or "").splitlines()
        if len(parts := line.strip("│├└─ ").split()) == 3
    }
    classes = {
        name: (kind.status, kind.code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, AvatarError) and kind is not AvatarError
    }
    assert described == classes


async def test_an_unforeseen_error_is_hidden_from_the_client(start: Start):
    class Broken(FakeAi):
        def styles(self, request: httpx.Request) -> httpx.Response:
            raise RuntimeError("secret detail")

    async with start(ai=Broken()) as service:
        response = await service.phone.get("/api/styles")
    assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("regenerate", {"styl": "comic"}, "styl"),
        ("regenerate", {"strength": 0.5, "style": "comic"}, "strength"),
        ("regenerate", {"background": "#FFD54A"}, "background"),
        ("download", {"face_index": 1}, "face_index"),
        ("download", {"seed": 1}, "seed"),
    ],
)
async def test_a_field_that_nobody_reads_is_refused_by_name(
    phone: Phone, path: str, fields: dict, name: str
):
    uploaded = (await phone.upload()).json()
    there = {
        "regenerate": f"/api/regenerate/{uploaded['original']['id']}",
        "download": f"/api/download/{uploaded['cartoon']['id']}",
    }[path]
    for body in ({"json": fields}, {"data": {name: str(value) for name, value in fields.items()}}):
        response = await phone.post(there, **body)
        assert_problem(response, 400, "invalid_request")
        assert f"'{name}'" in response.json()["detail"]


async def test_a_field_of_an_upload_that_nobody_reads_is_refused_and_nothing_is_kept(
    service: Service,
):
    response = await service.phone.upload(data={"strength": "1"})
    assert_problem(response, 400, "invalid_request")
    assert "'strength'" in response.json()["detail"]
    assert service.files() == []
    # Who asks may be said in a field; what it does not know in a query or header is not ours.
    response = await service.phone.upload(
        data={"deviceId": "phone-1"}, params={"utm": "x"}, headers={"X-Other": "y"}
    )
    assert response.status_code == 201


async def test_a_photo_where_none_is_taken_is_refused(phone: Phone):
    original = (await phone.upload()).json()["original"]["id"]
    response = await phone.post(f"/api/regenerate/{original}", files={"image": picture()})
    assert_problem(response, 400, "invalid_image")


@pytest.mark.parametrize("path", ["/api/originals", "/api/downloaded-faces", "/api/jobs"])
async def test_the_error_of_a_page_number_names_the_cursor_and_empty_values_are_absent(
    phone: Phone, path: str
):
    response = await phone.get(path, params={"page": 2})
    assert_problem(response, 400, "invalid_request")
    assert "cursor" in response.json()["detail"]
    empty = {"cursor": "", "limit": "", "deviceId": "", "state": ""}
    for query in ({"cursor": ""}, {"limit": ""}, {"state": ""}, empty):
        response = await phone.get(path, params=query)
        assert (response.status_code, response.json()) == (200, {"items": [], "nextCursor": None})


async def test_who_names_no_time_does_not_wait_for_a_job(phone: Phone):
    job = (await phone.upload(headers={"Prefer": "respond-async"})).json()["job"]["id"]
    for wait, status in (("", 200), ("0", 200), ("1.0", 200), ("61", 400), ("-1", 400), ("x", 400)):
        response = await phone.get(f"/api/jobs/{job}", params={"wait": wait})
        assert response.status_code == status, wait
    assert response.json()["detail"] == "wait must be a whole number from 0 to 60."


async def test_empty_fields_of_a_form_are_absent(phone: Phone):
    empty = dict.fromkeys(("style", "seed", "size", "framing", "face", "deviceId"), "")
    assert (await phone.upload(data=empty)).status_code == 201


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [("picture_unusable", 422, "picture_unusable"), ("file_too_large", 400, "image_too_large")],
)
async def test_what_a_retry_cannot_mend_is_no_server_error(
    service: Service, code: str, status: int, told: str
):
    cartoon = (await service.phone.upload()).json()["cartoon"]["id"]
    refusal = problem(413 if code == "file_too_large" else 422, code)
    service.ai.handlers |= {"/generate-cartoon": refusal, "/process-face-cut": refusal}
    assert_problem(await service.phone.upload(), status, told)
    assert_problem(await service.phone.post(f"/api/download/{cartoon}"), status, told)
    assert len(service.files()) == 2


@pytest.mark.parametrize(("status", "code"), [(422, "engine_refused"), (503, "engine_unavailable")])
async def test_a_generator_that_fails_is_named_and_not_asked_again(
    service: Service, status: int, code: str
):
    """Drawing there may cost money: no attempt that nobody asked for."""
    original = (await service.phone.upload()).json()["original"]["id"]
    service.ai.requests.clear()
    service.ai.handlers["/generate-cartoon"] = problem(status, code)
    response = await service.phone.post(f"/api/regenerate/{original}", json={"style": "comic"})
    assert_problem(response, status, code)
    assert ("retry-after" in response.headers) == (status == 503)

    prefer = {"Prefer": "respond-async, wait=20"}
    path = f"/api/regenerate/{original}"
    response = await service.phone.post(path, json={"style": "comic"}, headers=prefer)
    assert_problem(response, status, code)
    assert len(service.ai.asked_for("/generate-cartoon")) == 2


async def test_live_cartoons_are_counted_when_one_is_added_too(start: Start):
    """Requests that came in together, each with room for one more."""
    at_work = asyncio.Barrier(2)

    async def drawn_together(request: httpx.Request) -> httpx.Response:
        await at_work.wait()
        return FakeAi().generate_cartoon(request)

    async with start(max_live_cartoons=2) as service:
        original = (await service.phone.upload()).json()["original"]["id"]
        service.ai.handlers["/generate-cartoon"] = drawn_together
        path = f"/api/regenerate/{original}"
        responses = await asyncio.gather(
            service.phone.post(path, json={"style": "comic"}), service.phone.upload()
        )
        assert sorted(response.status_code for response in responses) == [201, 429]
        (refused,) = [response for response in responses if response.status_code == 429]
        assert_problem(refused, 429, "too_many_cartoons")
        assert len(await service.sql("SELECT id FROM regenerated_cartoons")) == 2
        rows = await service.sql("SELECT id FROM originals")
        assert len(service.files()) == len(rows) + 2


async def test_model_files_that_the_ai_service_lacks_are_named(service: Service):
    def lacking(request: httpx.Request) -> httpx.Response:
        missing = ["face_landmarks_detector.tflite", "workers"]
        return httpx.Response(503, json={"status": "not_ready", "missing": missing})

    service.ai.handlers["/readyz"] = lacking
    service.ai.handlers["/generate-cartoon"] = problem(503, "models_missing")
    ready = await service.http.get("/readyz")
    refused = await service.phone.upload()

    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not_ready",
        "missing": ["ai"],
        "missingModels": ["face_landmarks_detector.tflite"],
    }
    assert_problem(refused, 503, "ai_unavailable")
    assert "lacks model files" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 60


async def test_a_photo_that_was_changed_on_its_way_is_refused(service: Service):
    right = base64.b64encode(hashlib.sha256(picture()).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()

    for said, status, code in (
        (f"sha-256=:{right}:", 201, None),
        (f"sha-512=:{wrong}:, SHA-256=:{right}:", 201, None),
        (f"sha-512=:{wrong}:", 201, None),
        (f"sha-256=:{wrong}:", 400, "digest_mismatch"),
        ("sha-256=:nonsense:", 400, "invalid_request"),
        ("sha-256=", 400, "invalid_request"),
    ):
        response = await service.phone.upload(headers={"Repr-Digest": said})
        assert (response.status_code, response.json().get("code")) == (status, code), said
