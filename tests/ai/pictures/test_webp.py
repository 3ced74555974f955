"""libwebp called directly gives what it gives through OpenCV, and smaller where that is asked."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from PIL import Image, _imaging, _webp

from cartoon_avatar.ai.pictures import decode, webp
from tests.ai.conftest import saved, scene

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 60, 4), dtype=np.uint8))
WHOLES = {
    "lossy": saved(NOISE.convert("RGB"), "WEBP"),
    "lossless": saved(NOISE.convert("RGB"), "WEBP", lossless=True),
    "few colours": saved(scene(60, 70), "WEBP", lossless=True),
    "lossy with alpha": saved(NOISE, "WEBP"),
    "lossless with alpha": saved(NOISE, "WEBP", lossless=True, exact=True),
}


def decoded(data: bytes, size: tuple[int, int] = (60, 70), *, alpha: bool) -> np.ndarray:
    return webp.decoded(data, (60, 70), size, alpha=alpha)


def is_decoded(data: bytes, size: tuple[int, int]) -> bool:
    try:
        decoded(data, size, alpha=True)
    except webp.NotWhole:
        return False
    return True


@pytest.mark.parametrize("name", WHOLES)
def test_it_is_decoded_as_by_opencv(name: str) -> None:
    alpha = "alpha" in name
    theirs = cv2.imdecode(np.frombuffer(WHOLES[name], np.uint8), cv2.IMREAD_UNCHANGED)
    turned = cv2.cvtColor(theirs, cv2.COLOR_BGRA2RGBA if alpha else cv2.COLOR_BGR2RGB)
    assert np.array_equal(decoded(WHOLES[name], alpha=alpha), turned)


def test_where_pillow_has_no_libwebp_to_be_called_pillow_decodes(monkeypatch) -> None:
    assert webp.is_there()
    for function in (webp.is_there, webp._libwebp):
        function.cache_clear()
    monkeypatch.setattr(_webp, "__file__", _imaging.__file__)
    assert not webp.is_there()
    photo = decode(WHOLES["lossless"], max_pixels=10_000)
    assert np.array_equal(photo.picture.rgb, np.asarray(NOISE.convert("RGB")))
    monkeypatch.undo()
    for function in (webp.is_there, webp._libwebp):
        function.cache_clear()


@pytest.mark.parametrize("kind", [{}, {"lossless": True}])
def test_made_smaller_it_is_the_mean_of_its_pixels(kind: dict[str, bool]) -> None:
    image = scene(64, 64)
    small = webp.decoded(saved(image, "WEBP", **kind), (64, 64), (16, 16), alpha=False)
    difference = small.astype(int) - np.asarray(image.reduce(4))
    assert np.abs(difference).mean() < 3


def test_made_smaller_it_is_refused_when_whole_it_would_be_and_only_then() -> None:
    rng = random.Random(7)
    refused = 0
    for _ in range(2000):
        data = bytearray(rng.choice(list(WHOLES.values())))
        for _ in range(rng.choice((1, 1, 2, 5))):
            # Behind the header: other dimensions than Pillow read are another picture.
            data[rng.randrange(40, len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(40, len(data)) :]
        whole = is_decoded(bytes(data), (60, 70))
        assert is_decoded(bytes(data), (20, 23)) == whole, bytes(data)
        refused += not whole
    assert 200 < refused < 1800


def test_a_picture_of_another_size_than_was_read_is_refused() -> None:
    for said in ((59, 70), (120, 140)):
        for size in (said, (20, 23)):
            with pytest.raises(webp.NotWhole):
                webp.decoded(WHOLES["lossy"], said, size, alpha=False)
