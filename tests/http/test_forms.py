"""Forms as clients of all kinds send them, in whatever pieces they arrive."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.http.forms import read_multipart

KIND = "multipart/form-data; boundary=b"
PHOTO = b"\x89PNG\r\n--not the boundary\r\n\x00\xff"


@dataclass
class Kept:
    """Only what was flushed is kept, as on a disk."""

    pieces: list[bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)

    def write(self, piece: memoryview) -> None:
        self.pending.append(bytes(piece))

    async def flush(self) -> None:
        self.pieces += self.pending
        self.pending.clear()


def part(disposition: bytes, content: bytes, *headers: bytes) -> bytes:
    lines = [b"--b", b"Content-Disposition: form-data; " + disposition, *headers, b"", content]
    return b"\r\n".join(lines) + b"\r\n"


async def read(body: bytes, *, cuts: tuple[int, ...] = (), kind: str = KIND):
    async def chunks() -> AsyncIterator[bytes]:
        edges = [0, *sorted(cuts), len(body)]
        for start, end in itertools.pairwise(edges):
            yield body[start:end]

    image = Kept()
    fields, sent = await read_multipart(chunks(), kind, {"image": image})
    return fields, b"".join(image.pieces) if sent else None


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_a_field_may_come_behind_the_file(step: int):
    body = part(b'name="image"', PHOTO) + part(b'name="style"', b"comic") + b"--b--\r\n"
    cuts = tuple(range(step, len(body), step))
    assert await read(body, cuts=cuts) == ({"style": "comic"}, PHOTO)


@pytest.mark.parametrize(
    "disposition",
    [
        b'name="image"; filename="me.png"',
        b'name="image"',
        b"name=\"image\"; filename*=UTF-8''me%20and%20you.png",
        b"filename*=UTF-8''me.png; name=\"image\"",
        b'name=image; filename=""',
    ],
)
async def test_a_part_is_the_file_by_its_name_however_its_file_is_called(disposition: bytes):
    body = part(b'name="style"', b"comic") + part(disposition, PHOTO, b"Content-Type: image/png")
    assert await read(body + b"--b--\r\n") == ({"style": "comic"}, PHOTO)


@given(cuts=st.sets(st.integers(0, 250), max_size=12))
@settings(max_examples=100, deadline=None)
async def test_it_makes_no_difference_where_the_body_is_cut(cuts: set[int]):
    body = part(b'name="deviceId"', b"phone-1") + part(b'name="image"; filename="a"', PHOTO)
    body += part(b'name="style"', "größer".encode()) + b"--b--\r\n"
    within = tuple(cut for cut in cuts if cut < len(body))
    assert await read(body, cuts=within) == ({"deviceId": "phone-1", "style": "größer"}, PHOTO)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (part(b'name="image"', PHOTO), "no end"),
        (part(b'name="image"', PHOTO)[:-9], "no end"),
        (b"", "no end"),
        (b"--b\r\n", "no end"),
        (part(b'filename="a.png"', PHOTO) + b"--b--", "no name"),
        (part(b'name="a"', b"1") * 2 + b"--b--", "'a' was sent twice"),
        (part(b'name="image"', b"1") * 2 + b"--b--", "'image' was sent twice"),
        (part(b'name="photo"; filename="a.png"', PHOTO) + b"--b--", "no file field 'photo'"),
        (part(b'name="style"', b"a" * 20_000) + b"--b--", "'style' is longer than"),
        (part(b'name="photo"', b"a" * 20_000) + b"--b--", "a file is sent as image"),
        (b"".join(part(b'name="%d"' % n, b"") for n in range(17)) + b"--b--", "more than 16"),
        (b"no form at all", "not divided by the boundary"),
        (b"--other" + part(b'name="image"', PHOTO) + b"--b--", "not divided by the boundary"),
        (b"--b\r\nno header\r\n\r\nx\r\n--b--", "malformed headers"),
        (part(b'name="image"', PHOTO).replace(b"\r\n", b"\n") + b"--b--", "end with CR LF"),
        (part(b'\r\n name="image"', PHOTO) + b"--b--", "a header is one line"),
        (b"preamble\r\n--b--\r\n", "not divided by the boundary"),
        (b"a long preamble\r\n" * 100, "not divided by the boundary"),
        (
            part(b'name="image"', b"aW1hZ2U=", b"Content-Transfer-Encoding: Base64") + b"--b--",
            "'image' is encoded .base64.",
        ),
    ],
)
async def test_the_error_of_a_broken_form_says_what_is_wrong(body: bytes, says: str):
    with pytest.raises(AvatarError, match=says) as refused:
        await read(body)
    assert refused.value.status == 400


@pytest.mark.parametrize("step", [1, 5, 10_000])
@pytest.mark.parametrize(
    "before",
    [
        b"\r\n",
        b"This is a message with parts.\r\n",
        b"--bar\r\n --b\r\nb\r\n--c--\r\n" + b"- " * 2000 + b"\r\n",
    ],
)
async def test_what_comes_before_the_first_boundary_is_ignored(before: bytes, step: int):
    body = before + part(b'name="style"', b"comic") + part(b'name="image"', PHOTO) + b"--b--\r\n"
    cuts = tuple(range(step, len(body), step))
    assert await read(body + b"an epilogue", cuts=cuts) == ({"style": "comic"}, PHOTO)


async def test_white_space_may_pad_the_boundary():
    body = part(b'name="style"', b"comic") + part(b'name="image"', PHOTO) + b"--b--\r\n"
    padded = body.replace(b"--b\r\n", b"--b \t\r\n")
    assert await read(padded) == ({"style": "comic"}, PHOTO)


async def test_the_part_that_names_the_character_set_is_no_field():
    body = part(b'name="_charset_"', b"utf-8") + part(b'name="style"', b"comic")
    assert await read(body + b"--b--\r\n") == ({"style": "comic"}, None)


async def test_a_form_may_have_no_fields():
    assert await read(b"--b--\r\n") == ({}, None)


async def test_an_empty_part_gives_way_to_one_that_is_not():
    empty = part(b'name="image"; filename=""', b"") + part(b'name="style"', b"")
    filled = part(b'name="image"; filename="me.png"', PHOTO) + part(b'name="style"', b"comic")
    for body in (empty + filled, filled + empty):
        assert await read(body + b"--b--\r\n") == ({"style": "comic"}, PHOTO)


async def test_the_error_of_a_form_without_a_boundary_says_so():
    with pytest.raises(AvatarError, match="boundary"):
        await read(part(b'name="image"', PHOTO), kind="multipart/form-data")
