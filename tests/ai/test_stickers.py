"""Stickers: what a platform demands is held, whatever the head looks like."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.stickers import sticker
from cartoon_avatar.contract.errors import NoTransparency, PictureUnusable, StickerTooLarge
from cartoon_avatar.contract.stickers import PRESETS, sticker_options_of

# Most bytes and type, as docs/stickers.md says.
LIMITS = {
    "whatsapp": (100_000, "WEBP"),
    "telegram": (512_000, "WEBP"),
    "signal": (300_000, "WEBP"),
    "imessage": (500_000, "PNG"),
}


def head(side: int = 600, *, noise: bool = False) -> Picture:
    """A dark oval with a lock that stands off, higher than wide, on nothing."""
    alpha = np.zeros((side, side), np.uint8)
    middle = (side // 2, side // 2)
    cv2.ellipse(alpha, middle, (side * 3 // 10, side * 9 // 20), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.line(alpha, middle, (side * 7 // 8, side // 4), 255, max(1, side // 60), cv2.LINE_AA)
    rgb = np.full((side, side, 3), (60, 40, 30), np.uint8)
    if noise:
        rgb = np.random.default_rng(1).integers(0, 256, rgb.shape, np.uint8)
    rgb[alpha == 0] = 0
    return Picture(rgb, alpha)


def opened(of: Picture, **options: Any) -> tuple[Image.Image, bytes]:
    _, data = sticker(of, sticker_options_of(options))
    image = Image.open(io.BytesIO(data))
    image.load()
    return image, data


@pytest.mark.parametrize("noise", [False, True], ids=["plain", "noise"])
@pytest.mark.parametrize("preset", LIMITS)
def test_a_messenger_gets_the_size_type_and_bytes_it_takes(preset: str, noise: bool):
    most_bytes, kind = LIMITS[preset]

    image, data = opened(head(1024, noise=noise), preset=preset)

    assert image.format == kind
    assert image.mode == "RGBA"
    assert len(data) < most_bytes
    if preset == "telegram":
        assert max(image.size) == 512
        assert min(image.size) < 512
    elif preset == "imessage":
        assert image.width == image.height
        assert 300 <= image.width <= 618
        assert noise or image.width == 618
    else:
        assert image.size == (512, 512)


@pytest.mark.parametrize("preset", ["whatsapp", "signal"])
def test_a_margin_of_sixteen_pixels_stays_free_outside_of_the_outline(preset: str):
    alpha = np.asarray(opened(head(), preset=preset)[0])[..., 3]

    rows, columns = np.nonzero(alpha > 8)
    assert min(rows.min(), columns.min()) in range(14, 18)
    assert alpha[:14].max() == alpha[-14:].max() == alpha[:, :14].max() == 0


@pytest.mark.parametrize("width", [0, 4, 8, 20])
def test_the_outline_is_as_wide_and_of_the_colour_that_was_asked(width: int):
    pixels = np.asarray(
        opened(head(), preset="imessage", outlineWidth=width, outlineColor="#00FF00")[0]
    )

    # From the left, at the height of the chin, where the head is an oval.
    row = pixels[len(pixels) * 6 // 10]
    green = (row[:, 1] > 128) & (row[:, 3] > 128)
    first = int(np.argmax(row[:, 3] > 128))
    assert abs(int(green[first : first + 60].sum()) - width) <= 1
    assert pixels[len(pixels) // 2, len(pixels) // 2, 1] < 60


def test_nothing_shows_through_a_sticker():
    ring = head()
    cv2.circle(ring.alpha, (300, 300), 40, 0, -1)

    pixels = np.asarray(opened(ring, preset="signal")[0])

    assert tuple(pixels[256, 256]) == (255, 255, 255, 255)


def test_a_square_is_filled_and_a_circle_is_round_on_the_colour_asked():
    square, _ = opened(head(), preset="square", background="#123456")
    circle, _ = opened(head(), preset="circle", background="#123456")

    assert square.mode == "RGB"
    assert square.getpixel((0, 0)) == (0x12, 0x34, 0x56)
    assert circle.getpixel((0, 0))[3] == 0
    assert circle.getpixel((256, 2)) == (0x12, 0x34, 0x56, 255)
    # No part of the head reaches the rim.
    pixels = np.asarray(circle).astype(int)
    y, x = np.mgrid[:512, :512] - 255.5
    rim = (np.hypot(x, y) > 236) & (pixels[..., 3] == 255)
    assert (np.abs(pixels[rim][:, :3] - (0x12, 0x34, 0x56)) <= 2).all()


def test_a_head_on_a_colour_has_no_outline_to_follow():
    opaque = Picture(head().rgb)

    for preset in PRESETS[:4]:
        with pytest.raises(NoTransparency):
            sticker(opaque, sticker_options_of({"preset": preset}))
    assert opened(opaque, preset="square")[0].size == (512, 512)
    assert opened(opaque, preset="circle")[0].size == (512, 512)


def test_an_empty_picture_and_a_tiny_one():
    empty = Picture(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8))
    with pytest.raises(PictureUnusable):
        sticker(empty, sticker_options_of({"preset": "signal"}))

    assert opened(head(9), preset="whatsapp")[0].size == (512, 512)


@pytest.mark.parametrize("preset", ["whatsapp", "imessage"])
def test_bytes_that_cannot_be_met_are_said_so(preset: str):
    with pytest.raises(StickerTooLarge, match=preset):
        # What is said of it takes more than its pixels may.
        sticker(head(), sticker_options_of({"preset": preset}), xmp=bytes(500_000))


def test_a_head_whose_transparency_is_noise_is_too_large_for_some_and_is_given_to_others():
    """WebP keeps transparency without loss; an outline covers it."""
    random = np.random.default_rng(1)
    colours = random.integers(0, 256, (757, 757, 3), np.uint8)
    noisy = Picture(colours, random.integers(40, 256, colours.shape[:2], np.uint8))

    with pytest.raises(StickerTooLarge, match="whatsapp"):
        sticker(noisy, sticker_options_of({"preset": "whatsapp", "outlineWidth": 0}))
    for options in ({"preset": "whatsapp"}, {"preset": "signal", "outlineWidth": 0}):
        assert len(opened(noisy, **options)[1]) < LIMITS[options["preset"]][0]


def test_the_same_head_and_options_give_the_same_bytes():
    assert opened(head(), preset="whatsapp")[1] == opened(head(), preset="whatsapp")[1]
