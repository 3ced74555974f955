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
        (b"--b--\r\n", "no end"),
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
    ],
)
async def test_the_error_of_a_broken_form_says_what_is_wrong(body: bytes, says: str):
    with pytest.raises(AvatarError, match=says) as refused:
        await read(body)
    assert refused.value.status == 400


async def test_the_error_of_a_form_without_a_boundary_says_so():
    with pytest.raises(AvatarError, match="boundary"):
        await read(part(b'name="image"', PHOTO), kind="multipart/form-data")
