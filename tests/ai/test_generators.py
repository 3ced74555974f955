"""External generators through the AI service's door: a real server draws, real workers judge."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from fastapi import FastAPI
from PIL import Image, ImageOps

from cartoon_avatar.ai.engines.catalogue import STYLES
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.boxes import faces_in
from tests.ai.conftest import running, saved, scene, until_ready
from tests.ai.engines.remote.conftest import written
from tests.engines import generators
from tests.engines.generators import KEY, Server, edited, serving, status
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATE = paths.GENERATE_CARTOON
NAMES = ("clay", "felt", "wool", "paid", "slow", "exact", "away")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving("/v1/images/edits") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ai(
    server: Server,
    app_for: Callable[..., FastAPI],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[httpx.AsyncClient]:
    """An engine each, so that what one did is not held against another."""
    file = tmp_path_factory.mktemp("engines") / "engines.toml"
    more: dict[str, dict[str, Any]] = {
        "paid": {"daily_calls": 1},
        "slow": {"places": 1},
        "exact": {"aligned": True},
        "away": {"leaves_machine": True},
    }
    entries = [
        written("images-edits", f"{server.url}/v1", style=name, key="A_KEY", **more.get(name, {}))
        for name in NAMES
    ]
    file.write_text("".join(entries))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("A_KEY", KEY)
        async with running(app_for(engines=file, data_dir=file.parent, queue=1)) as client:
            await until_ready(client)
            yield client


async def drawn(ai: httpx.AsyncClient, photo: bytes, style: str, **asked: str) -> httpx.Response:
    return await ai.post(GENERATE, files={"image": photo}, data={"style": style, **asked})


async def test_nothing_is_sent_away_of_what_has_to_stay(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    asked = len(server.asked)
    refused = await drawn(ai, astronaut, "away", stay="1")
    assert (refused.status_code, refused.json()["code"]) == (403, "consent_required")
    # One in a network of one's own sends nothing away.
    server.handlers = [edited()]
    assert (await drawn(ai, astronaut, "wool", stay="1")).status_code == 200
    assert len(server.asked) == asked + 1
    items = (await ai.get(paths.STYLES)).json()["items"]
    said = {item["name"]: (item["leavesMachine"], item["sentTo"]) for item in items}
    assert (said["wool"], said["away"]) == ((False, ""), (True, "127.0.0.1"))


async def engine(ai: httpx.AsyncClient, name: str) -> dict[str, Any]:
    items = (await ai.get(paths.ENGINES)).json()["items"]
    return next(item for item in items if item["name"] == name)


async def test_its_styles_are_listed_last_with_what_their_engine_says(
    ai: httpx.AsyncClient,
) -> None:
    items = (await ai.get(paths.STYLES)).json()["items"]
    assert [item["name"] for item in items[-len(NAMES) :]] == list(NAMES)
    listed = items[-len(NAMES)]
    assert (listed["engine"], listed["aligned"], listed["deterministic"]) == ("clay", False, False)
    assert (listed["expectedSeconds"], listed["leavesMachine"]) == (20, False)


async def test_a_photo_is_sent_framed_and_bare_and_the_drawing_comes_back(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    portrait = Image.open(io.BytesIO(astronaut))
    photo = saved(portrait, "JPEG", quality=95, comment=b"canary-0815")
    server.asked.clear()
    server.handlers = [edited(saved(scene(640, 640), "PNG"))]
    response = await drawn(ai, photo, "clay", size="256", seed="7", thumbnail="1")

    ((_, sent_headers, sent),) = server.asked
    assert sent_headers["Authorization"] == f"Bearer {KEY}"
    image = Image.open(io.BytesIO(sent["image"]))
    assert (image.format, image.size) == ("JPEG", (256, 256))
    assert b"canary-0815" not in sent["image"]

    assert response.status_code == 200, response.text
    start = len(response.content) - int(response.headers[headers.THUMBNAIL_BYTES])
    drawing = Image.open(io.BytesIO(response.content[:start]))
    assert (drawing.format, drawing.size) == ("JPEG", (256, 256))
    pixels = np.asarray(drawing, int)
    assert np.abs(pixels[32, 32] - (220, 40, 40)).max() < 12
    assert response.headers[headers.STYLE] == "clay"
    assert response.headers[headers.SEED] == "7"
    assert len(faces_in(response.headers[headers.FACES])) == 1
    assert "generate;dur=" in response.headers[headers.SERVER_TIMING]


@pytest.mark.parametrize(
    "picture",
    [
        b"<!doctype html><title>Down</title>",
        b"",
        saved(Image.new("1", (16383, 16383)), "PNG"),
        saved(scene(), "PNG")[:200],
    ],
    ids=["a page", "nothing", "a bomb", "half"],
)
async def test_what_is_no_picture_of_ours_is_the_engines_fault(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes, picture: bytes
) -> None:
    server.handlers = [edited(picture)]
    response = await drawn(ai, astronaut, "felt", size="64")
    assert (response.status_code, response.json()["code"]) == (503, "engine_unavailable")
    assert "no picture" in (await engine(ai, "felt"))["lastError"]


async def test_another_size_and_metadata_are_no_matter(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    odd = saved(scene(300, 100), "JPEG", comment=b"canary-0815")
    server.handlers = [edited(odd)]
    response = await drawn(ai, astronaut, "felt", size="150")
    assert Image.open(io.BytesIO(response.content)).size == (150, 50)
    assert response.headers[headers.IMAGE_WIDTH] == "150"
    assert b"canary-0815" not in response.content


async def test_a_bad_photo_is_refused_before_it_is_sent(
    ai: httpx.AsyncClient, server: Server
) -> None:
    server.asked.clear()
    response = await drawn(ai, saved(scene(), "PNG")[:200], "felt")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_image")
    assert server.asked == []


async def test_a_refusal_and_a_failure_have_codes_of_their_own(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    for reply, expected in (
        (generators.refused(), (422, "engine_refused")),
        (status(500), (503, "engine_unavailable")),
    ):
        server.handlers = [reply]
        response = await drawn(ai, astronaut, "felt", size="64")
        assert (response.status_code, response.json()["code"]) == expected
        assert ("retry-after" in response.headers) == (expected[0] == 503)
        assert KEY not in response.text


async def test_where_any_style_will_do_one_of_ours_draws_and_says_so(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    server.handlers = [status(500)]
    response = await drawn(ai, astronaut, "wool", size="64", fallback="1")
    assert response.status_code == 200
    assert response.headers[headers.STYLE] == STYLES[0].name
    assert response.headers[headers.FALLBACK] == "engine_unavailable"
    assert response.headers[headers.ENGINE] == "built-in"
    assert response.headers[headers.ALIGNED] == "1"
    server.handlers = [edited()]
    response = await drawn(ai, astronaut, "wool", size="64", fallback="1")
    assert response.headers[headers.STYLE] == "wool"
    assert headers.FALLBACK not in response.headers


async def test_a_style_whose_budget_is_used_up_is_unlisted(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    server.handlers = [edited()]
    assert (await drawn(ai, astronaut, "paid", size="64")).status_code == 200
    names = [item["name"] for item in (await ai.get(paths.STYLES)).json()["items"]]
    assert "paid" not in names
    response = await drawn(ai, astronaut, "paid", size="64")
    assert (response.status_code, response.json()["code"]) == (503, "engine_unavailable")
    said = await engine(ai, "paid")
    assert (said["state"], said["callsToday"], said["mostCalls"]) == ("over_budget", 1, 1)


async def test_slow_drawings_take_no_place_of_ours_and_end_with_their_client(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    server.asked.clear()
    server.cancelled.clear()
    server.handlers = [generators.never]
    slow = [asyncio.create_task(drawn(ai, astronaut, "slow", size="64"))]
    async with asyncio.timeout(PATIENCE_S):
        while not server.asked:  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.02)
        # One worker, a queue of one, and yet there is room for all of these.
        for waiting in range(1, 5):
            slow.append(asyncio.create_task(drawn(ai, astronaut, "slow", size="64")))
            while (await engine(ai, "slow"))["waiting"] < waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    for _ in range(2):
        assert (await drawn(ai, astronaut, "watercolour", size="64")).status_code == 200
    assert len(server.asked) == 1

    slow[0].cancel()
    await asyncio.wait_for(server.cancelled.wait(), PATIENCE_S)
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    async with asyncio.timeout(PATIENCE_S):
        while (await engine(ai, "slow"))["waiting"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


KEYED = {headers.IDEMPOTENCY_KEY: "a-job"}


async def held_drawing(
    ai: httpx.AsyncClient, server: Server, photo: bytes, style: str
) -> tuple[asyncio.Task[httpx.Response], asyncio.Event]:
    """One that the provider is at until the event is set, asked for under a key."""
    free, begun = asyncio.Event(), asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        begun.set()
        await free.wait()
        return await edited()(request)

    server.asked.clear()
    server.cancelled.clear()
    server.handlers = [respond]
    drawing = asyncio.create_task(keyed(ai, photo, style))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    return drawing, free


async def keyed(ai: httpx.AsyncClient, photo: bytes, style: str) -> httpx.Response:
    asked = {"style": style, "size": "64", "seed": "1"}
    return await ai.post(GENERATE, files={"image": photo}, data=asked, headers=KEYED)


async def hang_up(drawing: asyncio.Task[httpx.Response]) -> None:
    drawing.cancel()
    await asyncio.wait([drawing])


@pytest.mark.parametrize("asked_again", ["while it is drawn", "when it is drawn"])
async def test_under_a_key_a_drawing_outlives_its_client_and_is_paid_once(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes, asked_again: str
) -> None:
    drawing, free = await held_drawing(ai, server, astronaut, "clay")
    counted = (await engine(ai, "clay"))["callsToday"]
    await hang_up(drawing)
    assert (await engine(ai, "clay"))["atWork"] == 1
    if asked_again == "when it is drawn":
        free.set()
        async with asyncio.timeout(PATIENCE_S):
            while (await engine(ai, "clay"))["atWork"]:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.02)
        assert (await keyed(ai, astronaut, "clay")).status_code == 200
    else:
        again = asyncio.create_task(keyed(ai, astronaut, "clay"))
        async with asyncio.timeout(PATIENCE_S):
            while (await engine(ai, "clay"))["atWork"] < 2:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.02)
        free.set()
        assert (await again).status_code == 200
    assert len(server.asked) == 1
    assert not server.cancelled.is_set()
    assert (await engine(ai, "clay"))["callsToday"] == counted
    # It was fetched: who asks once more has it drawn anew.
    assert (await keyed(ai, astronaut, "clay")).status_code == 200
    assert len(server.asked) == 2


@pytest.mark.parametrize("who", ["its client", "another"])
async def test_a_drawing_under_a_key_is_cancelled_by_it(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes, who: str
) -> None:
    drawing, _ = await held_drawing(ai, server, astronaut, "clay")
    if who == "its client":
        await hang_up(drawing)
    for key, status_code in (("another-job", 204), ("", 400), ("a job", 400)):
        other = await ai.delete(GENERATE, headers={headers.IDEMPOTENCY_KEY: key})
        assert other.status_code == status_code
    assert not server.cancelled.is_set()
    assert (await ai.delete(GENERATE)).status_code == 400
    assert (await ai.delete(GENERATE, headers=KEYED)).status_code == 204
    await asyncio.wait_for(server.cancelled.wait(), PATIENCE_S)
    if who == "another":
        response = await drawing
        assert (response.status_code, response.json()["code"]) == (409, "drawing_cancelled")
    server.handlers = [edited()]
    assert (await keyed(ai, astronaut, "clay")).status_code == 200


async def test_what_no_provider_was_asked_for_ends_with_its_client_even_under_a_key(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    first, free = await held_drawing(ai, server, astronaut, "slow")
    asked = {"style": "slow", "size": "64", "seed": "2"}
    request = ai.post(GENERATE, files={"image": astronaut}, data=asked, headers=KEYED)
    waiting = asyncio.create_task(request)
    async with asyncio.timeout(PATIENCE_S):
        while not (await engine(ai, "slow"))["waiting"]:  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.02)
    await hang_up(waiting)
    assert (await engine(ai, "slow"))["waiting"] == 0
    free.set()
    assert (await first).status_code == 200
    assert len(server.asked) == 1


def changed(photo: bytes, change: str) -> bytes:
    """What a generator may make of what it is sent."""
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    width, height = image.size
    if change == "in place":
        image = ImageOps.posterize(image, 3)
    elif change == "a breath larger":
        image = image.resize((round(width * 1.02), round(height * 1.02))).crop(
            (0, 0, width, height)
        )
    elif change == "closer":
        image = image.crop((width // 8, 0, width, height * 7 // 8)).resize((width, height))
    elif change == "mirrored":
        image = ImageOps.mirror(image)
    elif change == "another shape":
        image = image.crop((0, 0, width, height * 3 // 4))
    elif change == "of nobody":
        image = scene(width, height)
    return saved(image, "PNG")


@pytest.mark.parametrize(
    ("change", "aligned"),
    [
        ("in place", "1"),
        ("a breath larger", "1"),
        ("closer", "0"),
        ("mirrored", "0"),
        ("another shape", "0"),
        ("of nobody", "0"),
    ],
)
async def test_a_drawing_is_compared_with_its_photo(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes, change: str, aligned: str
) -> None:
    async def respond(request: web.Request) -> web.Response:
        return await edited(changed(server.asked[-1][2]["image"], change))(request)

    server.handlers = [respond]
    response = await drawn(ai, astronaut, "felt", size="512")
    assert response.status_code == 200, response.text
    assert response.headers[headers.ALIGNED] == aligned
    assert response.headers[headers.ENGINE] == "felt"


async def test_of_a_photo_without_a_face_nothing_is_known(
    ai: httpx.AsyncClient, server: Server
) -> None:
    server.handlers = [edited(saved(scene(640, 640), "PNG"))]
    response = await drawn(ai, saved(scene(640, 640), "PNG"), "felt", size="256")
    assert response.headers[headers.ALIGNED] == "0"


async def test_what_engines_toml_says_is_believed(
    ai: httpx.AsyncClient, server: Server, astronaut: bytes
) -> None:
    server.handlers = [edited(saved(scene(512, 512), "PNG"))]
    response = await drawn(ai, astronaut, "exact", size="256")
    assert response.headers[headers.ALIGNED] == "1"


async def test_a_head_is_cut_by_the_photo_where_the_drawing_is_aligned(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    """In a drawing without a face the photo still shows where it is."""
    nobody = saved(Image.new("RGB", (512, 512), (90, 120, 150)), "PNG")
    files = {"image": nobody, "original": astronaut}
    for style, aligned, status_code in (("clay", "1", 200), ("clay", "0", 422), ("clay", "", 422)):
        asked = {"style": style, "crop": "0,0,512,512", "face": "0", "aligned": aligned}
        response = await ai.post(paths.PROCESS_FACE_CUT, files=files, data=asked)
        assert response.status_code == status_code, (aligned, response.text[:200])


async def test_the_head_of_a_drawing_that_is_not_aligned_is_cut_from_the_drawing_alone(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    """The generator drew the person smaller, and in the other half."""
    small = Image.open(io.BytesIO(astronaut)).convert("RGB").resize((256, 256))
    drawing = Image.new("RGB", (512, 512), "white")
    drawing.paste(small, (256, 256))
    files = {"image": saved(drawing, "PNG"), "original": astronaut}
    asked = {"style": "clay", "seed": "1", "crop": "0,0,512,512", "face": "0"}
    response = await ai.post(paths.PROCESS_FACE_CUT, files=files, data=asked)
    assert response.status_code == 200, response.text
    left, top, width, height = map(int, response.headers[headers.CROP_BOX].split(","))
    # The astronaut's nose, in pixels of the drawing.
    assert left < 256 + 112 < left + width < 520
    assert top < 256 + 65 < top + height
    assert width < 200


async def test_no_key_is_in_any_log(
    ai: httpx.AsyncClient,
    server: Server,
    astronaut: bytes,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.handlers = [status(401, {"error": {"message": f"Incorrect API key: {KEY}"}})]
    await drawn(ai, astronaut, "wool", size="64")
    out, err = capfd.readouterr()
    assert KEY not in out + err
