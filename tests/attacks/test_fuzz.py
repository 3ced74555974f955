"""Mutated pictures through both services: a picture or a refusal, and a worker that lives on."""

from __future__ import annotations

import io
import random
from collections import Counter

import psutil
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from cartoon_avatar.ai.app import create_app
from cartoon_avatar.ai.settings import AiSettings
from tests.ai.conftest import running, until_ready
from tests.attacks.conftest import Start
from tests.backend.conftest import picture
from tests.patience import PATIENCE_S

# 15 rounds in CI: 300 pictures; 250 rounds: 5,000.
PICTURES_A_ROUND = 20


def seeds() -> list[bytes]:
    """A small whole file of each kind that is accepted, with metadata to trip over."""
    register_heif_opener()
    image = Image.open(io.BytesIO(picture("png", (48, 64))))
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "described", 6
    files = []
    for kind, options in (
        ("jpeg", {"exif": exif, "icc_profile": b"\0" * 200}),
        ("jpeg", {"progressive": True}),
        ("png", {"exif": exif}),
        ("webp", {"exif": exif}),
        ("webp", {"lossless": True}),
        ("gif", {"save_all": True, "append_images": [image.rotate(90)]}),
        ("avif", {"exif": exif}),
        ("heif", {"exif": exif.tobytes()}),
        ("mpo", {"save_all": True, "append_images": [image]}),
    ):
        data = io.BytesIO()
        image.save(data, kind, **options)
        files.append(data.getvalue())
    return files


def mutated(dice: random.Random, files: list[bytes]) -> bytes:
    data = bytearray(dice.choice(files))
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at = dice.randrange(len(data))
        span = dice.choice((1, 2, 4, 4, 16, 100))
        match dice.randrange(7):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at : at + span] = dice.randbytes(span)
            case 2:  # a length that is too large, or none
                data[at : at + 4] = dice.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)))
            case 3:
                del data[at : at + span]
            case 4:
                data[at:at] = data[at : at + span] * dice.choice((1, 2, 50))
            case 5:
                other = dice.choice(files)
                data[at:] = other[min(at, len(other) - 1) :]
            case 6:
                del data[max(16, at) :]
        if not data:
            return b"\xff"
    return bytes(data)


@pytest.mark.timeout(3600)
async def test_a_mutated_picture_costs_one_request_at_most(start: Start, rounds: int):
    dice = random.Random(20260105)
    files = seeds()
    outcomes: Counter[tuple[str, int]] = Counter()
    app = create_app(AiSettings(workers=1, log_level="error"))
    limits = {"device_drawings_per_minute": 10**6, "address_drawings_per_minute": 10**6}
    async with running(app) as ai, start(**limits, max_live_cartoons=10**6) as service:
        await until_ready(ai)
        for whole in files:
            response = await ai.post("/thumbnail", files={"image": whole}, timeout=PATIENCE_S)
            assert response.status_code == 200, response.text
        workers = {child.pid for child in psutil.Process().children(recursive=True)}

        for number in range(rounds * PICTURES_A_ROUND):
            data = mutated(dice, files)
            path, form = (
                ("/generate-cartoon", {"size": "64"})
                if number % 5 == 0
                else (
                    "/thumbnail",
                    {},
                )
            )
            drawn = await ai.post(path, files={"image": data}, data=form)
            kept = await service.phone.upload(data)
            outcomes["ai", drawn.status_code] += 1
            outcomes["backend", kept.status_code] += 1
            assert drawn.status_code in (200, 400), (number, drawn.text)
            assert kept.status_code in (201, 400), (number, kept.text)

        assert {child.pid for child in psutil.Process().children(recursive=True)} == workers
        assert (await ai.get("/readyz")).status_code == 200
    print(dict(outcomes))  # seen with -s, and when it fails
    assert outcomes["ai", 400]
    assert outcomes["ai", 200]
