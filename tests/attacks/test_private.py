"""A canary in every private place: it sings in no log, no metric, no error and no file name."""

from __future__ import annotations

import io
import json
import logging
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import piexif
import pytest
from PIL import Image, PngImagePlugin

from cartoon_avatar.ai.app import create_app as create_ai
from cartoon_avatar.ai.settings import AiSettings
from tests.ai.conftest import running as running_ai
from tests.ai.conftest import until_ready
from tests.attacks.conftest import Start
from tests.backend.conftest import Phone, Service, picture, problem

CANARY = "canary7f3a"
DEVICE = f"phone-{CANARY}"


def photo_with_canary(kind: str) -> bytes:
    image = Image.open(io.BytesIO(picture("png")))
    data = io.BytesIO()
    exif = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Artist: CANARY.encode()},
            "Exif": {piexif.ExifIFD.BodySerialNumber: CANARY.encode()},
            "GPS": {piexif.GPSIFD.GPSAreaInformation: CANARY.encode()},
        }
    )
    if kind == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", CANARY)
        image.save(data, "png", exif=exif, pnginfo=text)
    else:
        image.save(data, kind, exif=exif)
    return data.getvalue()


async def _use_everything(service: Service, phone: Phone) -> list[httpx.Response]:
    responses = []
    for kind in ("jpeg", "png", "webp"):
        responses.append(
            await phone.upload(
                photo_with_canary(kind), headers={"Idempotency-Key": f"{CANARY}-{kind}"}
            )
        )
    body = responses[0].json()
    original, cartoon = body["original"], body["cartoon"]
    responses += [
        await phone.post(f"/api/regenerate/{original['id']}"),
        await phone.post(f"/api/download/{cartoon['id']}"),
        await phone.get("/api/originals"),
        await phone.get("/api/downloaded-faces"),
        await service.http.get(original["imageUrl"]),
        await service.http.get(original["thumbnailUrl"]),
    ]
    return responses


async def _provoke_everything(service: Service, phone: Phone) -> list[httpx.Response]:
    odd = {
        "Idempotency-Key": CANARY,
        "User-Agent": CANARY,
        "Referer": f"http://{CANARY}/",
        "Cookie": f"session={CANARY}",
        "X-Forwarded-For": CANARY,
    }
    responses = [
        await phone.get(f"/api/originals/{CANARY}", headers=odd),
        await phone.post(f"/api/regenerate/{CANARY}", json={"style": CANARY}, headers=odd),
        await phone.post(f"/api/download/{CANARY}", json={"format": CANARY}),
        await phone.post(f"/api/download/{CANARY}", json={"background": CANARY, "size": CANARY}),
        await phone.post(f"/api/regenerate/{CANARY}", json={"seed": CANARY}),
        await phone.post("/api/upload", content=CANARY.encode()),
        await phone.upload(CANARY.encode()),
        await phone.upload(photo_with_canary("png")[:30]),
        await phone.get("/api/originals", params={"cursor": CANARY, "limit": CANARY}),
        await phone.get(f"/uploads/originals/1_{DEVICE}.jpg"),
        await phone.get(f"/uploads/{CANARY}/{CANARY}?signature={CANARY}&expires={CANARY}"),
        await service.http.get("/api/originals", params={"deviceId": f"{CANARY} "}),
        await phone.ask(CANARY.upper(), "/api/originals"),
        await phone.get(f"/{CANARY}"),
        await Phone(service.http, DEVICE, CANARY).get("/api/originals"),
    ]
    for path in ("/generate-cartoon", "/process-face-cut"):
        for response in (problem(500, "oops"), lambda request: 1 / 0):
            service.ai.handlers[path] = response
            responses.append(await phone.upload())
    service.ai.handlers.clear()
    return responses


async def test_nothing_private_is_in_logs_metrics_errors_or_pictures(
    start: Start, logged: io.StringIO
):
    async with start(device_drawings_per_minute=1000) as service:
        phone = Phone(service.http, DEVICE)
        fine = await _use_everything(service, phone)
        refused = await _provoke_everything(service, phone)
        token = fine[0].json()["deviceToken"]
        signature = parse_qs(urlsplit(fine[0].json()["original"]["imageUrl"]).query)["signature"][0]

        # And what nobody foresaw: a table gone, a file that cannot be read.
        stored = next(file for file in service.files() if file.parent.name == "originals")
        url = fine[0].json()["original"]["imageUrl"]
        for file in service.files():
            if file.parent.name == "originals":
                file.unlink()
        original = fine[0].json()["original"]["id"]
        broken = [await phone.post(f"/api/regenerate/{original}"), await service.http.get(url)]
        stored.mkdir()
        broken.append(await phone.post(f"/api/regenerate/{original}"))
        database = sqlite3.connect(service.settings.data_dir / "avatars.sqlite")
        for table in ("jobs", "downloaded_faces", "devices"):
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute(f"DROP TABLE {table}")
        database.close()
        broken += [
            await phone.upload(headers={"Idempotency-Key": CANARY}),
            await phone.get("/api/downloaded-faces"),
        ]
        metrics = (await service.http.get("/metrics")).text

    assert {response.status_code for response in broken} <= {404, 500}
    text = logged.getvalue()
    assert "unexpected" in text  # the failures above were logged, with their tracebacks
    assert "OperationalError" in text
    for secret in (CANARY, CANARY.upper(), token, signature, "127.0.0.1:123"):
        assert secret not in text, text[max(0, text.find(secret) - 300) : text.find(secret) + 99]
        assert secret not in metrics
    for response in (*refused, *broken):
        assert response.status_code >= 400
        for secret in (CANARY, CANARY.upper(), token, "Traceback", "sqlite", "/tmp/"):
            assert secret not in response.text, response.text
            assert secret not in str(response.headers)
    for response in fine[-2:]:
        assert CANARY.encode() not in response.content
    for request in service.ai.requests:
        assert CANARY.encode() not in request.content.replace(DEVICE.encode(), b"")
        assert CANARY not in str({**request.headers, "": ""})


async def test_a_response_names_no_path_and_no_other_device(service: Service):
    phone = Phone(service.http, DEVICE)
    await service.another_phone("somebody-else").upload()
    for response in await _use_everything(service, phone):
        if response.headers["content-type"] == "application/json":
            assert "filePath" not in response.text
            assert str(service.settings.data_dir) not in response.text
            assert "somebody-else" not in response.text
            assert "token" not in response.text.lower().replace("devicetoken", "")


async def test_file_names_hold_what_the_contract_says_and_no_more(service: Service):
    """``{timestamp}_{deviceId}.{ext}`` of an original, ``{timestamp}_{originalId}.{ext}`` of
    what was made of it; the thumbnail goes by its picture's name."""
    phone = Phone(service.http, DEVICE)
    responses = await _use_everything(service, phone)
    originals = "|".join(item["id"] for item in responses[5].json()["items"])
    data = service.settings.data_dir
    owner = {"originals": re.escape(DEVICE), "temp": originals, "downloaded": originals}
    files = service.files() + service.files("thumbnails")
    assert {file.parent.name for file in files} == set(owner)
    for file in files:
        name = file.name.removesuffix(".webp") if "thumbnails" in file.parts else file.name
        assert re.fullmatch(rf"\d{{13}}_({owner[file.parent.name]})\.(jpg|png|webp)", name), file
    others = [path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()]
    for name in set(others) - {file.relative_to(data).as_posix() for file in files}:
        assert CANARY not in name
    # Nor does a stored picture hold what was cut out of it.
    for file in files:
        assert CANARY.encode() not in file.read_bytes(), file


async def test_the_ai_service_tells_nothing_private_either(
    logged: io.StringIO, capfd: pytest.CaptureFixture[str]
):
    """Its server's log and what its workers write, its metrics, answers and errors."""
    settings = AiSettings(workers=1, log_level="debug")
    url = f"http://127.0.0.1:8000/uploads/temp/1_{DEVICE}.jpg?signature={CANARY}"
    async with running_ai(create_ai(settings)) as ai:
        await until_ready(ai)
        responses = []
        for kind in ("jpeg", "png", "webp"):
            photo = photo_with_canary(kind)
            for path in ("/generate-cartoon", "/thumbnail"):
                for data in (photo, photo[: len(photo) * 2 // 3], CANARY.encode()):
                    files = {"image": (f"{CANARY}.jpg", data)}
                    responses.append(await ai.post(path, files=files))
            assert responses[-6].status_code == 200
            responses.append(
                await ai.post("/generate-cartoon", files={"image": photo}, data={"style": CANARY})
            )
        for body in (
            {"image_url": url},
            {"image_url": f"http://{CANARY}.example/{CANARY}"},
            {"image_url": CANARY, "original_url": url},
            {"image_url": url, "format": CANARY, "background": CANARY, "size": CANARY},
        ):
            responses.append(await ai.post("/process-face-cut", json=body))
        metrics = (await ai.get("/metrics")).text
    for response in responses:
        assert CANARY.encode() not in response.content, response.text
        assert CANARY not in str(response.headers)
    printed = capfd.readouterr()
    assert "request" in logged.getvalue()
    for text in (logged.getvalue(), metrics, printed.out, printed.err):
        assert CANARY not in text, text[max(0, text.find(CANARY) - 300) :][:400]


async def test_odd_methods_make_no_labels(service: Service):
    for number in range(50):
        await service.http.request(f"ODD{number}", "/api/originals")
        await service.http.get(f"/odd/{number}")
    metrics = (await service.http.get("/metrics")).text
    assert "ODD" not in metrics
    assert "/odd/" not in metrics


def test_the_process_prints_nothing_private_either(tmp_path: Path):
    """Its folder is named after nobody, but the settings hold secrets."""
    said = subprocess.run(
        [sys.executable, "-m", "cartoon_avatar.cli", "check", "--data", str(tmp_path / "none")],
        env={"PATH": "/usr/bin", "SIGNING_KEYS": CANARY, "DATABASE_URL": f"x://u:{CANARY}@h/d"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode != 0
    assert CANARY not in said.stdout + said.stderr
    assert "SIGNING_KEYS" in said.stderr


def test_a_line_of_the_log_is_json(logged: io.StringIO):
    logging.getLogger("any").warning("a\nb %s", "1736123456789_phone-secret.jpg")
    (line,) = logged.getvalue().splitlines()
    assert json.loads(line)["event"] == "a\nb 1736123456789_…"
