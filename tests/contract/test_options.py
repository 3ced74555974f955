"""What is read of options, in JSON's types and as a form's strings."""

from __future__ import annotations

from typing import Any

import pytest

from cartoon_avatar.contract import options
from cartoon_avatar.contract.boxes import Box
from cartoon_avatar.contract.errors import AvatarError


@pytest.mark.parametrize("value", [42, 42.0, "42", "42.0"])
def test_a_whole_number_is_read_however_it_is_written(value: Any):
    assert options.seed_of({"seed": value}) == 42


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize(
    ("read", "name", "absent"),
    [
        (options.seed_of, "seed", None),
        (options.cartoon_size_of, "size", None),
        (options.head_size_of, "size", None),
        (options.head_format_of, "format", "png"),
        (options.framing_of, "framing", None),
        (options.face_of, "face", None),
        (options.crop_of, "crop", None),
    ],
)
def test_what_is_empty_is_absent(read: Any, name: str, absent: Any, value: Any):
    assert read({name: value}) == read({}) == absent


@pytest.mark.parametrize(
    ("read", "fields", "code"),
    [
        *((options.seed_of, {"seed": value}, "invalid_seed")
          for value in (-1, "-1", 1.5, "1.5", True, "1_000", " 7", "٣", "9" * 5000, 2**53, [], {})),
        *((options.cartoon_size_of, {"size": value}, "invalid_size") for value in (63, 2049)),
        *((options.head_size_of, {"size": value}, "invalid_size") for value in (0, 1025)),
        *((options.head_format_of, {"format": value}, "invalid_format")
          for value in ("gif", 5, "image/png")),
        *((options.framing_of, {"framing": value}, "invalid_framing")
          for value in ("close", 1, "Portrait", ["full"])),
        *((options.face_of, {"face": value}, "invalid_face") for value in (-1, 64, "first")),
        *((options.crop_of, {"crop": value}, "invalid_request")
          for value in ("1,2,3", 5, [1, 2, 3, 4], "0,0,0,0")),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:40]),
)  # fmt: skip
def test_what_cannot_be_meant_is_named(read: Any, fields: dict[str, Any], code: str):
    with pytest.raises(AvatarError) as refused:
        read(fields)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert next(iter(fields)) in refused.value.detail


@pytest.mark.parametrize(
    ("value", "kind", "colour"),
    [
        (None, "png", "transparent"),
        ("transparent", "webp", "transparent"),
        ("", "jpeg", "#FFFFFF"),
        ("transparent", "jpeg", "#FFFFFF"),
        ("#12ab9F", "jpeg", "#12ab9F"),
    ],
)
def test_a_background_suits_its_format(value: str | None, kind: Any, colour: str):
    assert options.background_of({"background": value}, kind) == colour


def test_a_crop_and_other_spellings_are_read():
    assert options.crop_of({"crop": "4,0,30,40"}) == Box(4, 0, 30, 40)
    assert options.head_format_of({"format": "JPG"}) == "jpeg"
    assert options.framing_of({"framing": "full"}) == "full"
