"""Lists: newest first, in pages that neither skip nor repeat."""

from __future__ import annotations

import pytest

from tests.backend.conftest import Phone, Service


async def _pages(phone: Phone, path: str, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor = None
    while len(pages) < 10:
        asked = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        body = (await phone.get(path, params=asked)).json()
        pages.append([item["id"] for item in body["items"]])
        cursor = body["nextCursor"]
        if cursor is None:
            return pages
    raise AssertionError("the pages never end")


async def test_originals_are_listed_newest_first_in_pages(phone: Phone):
    uploaded = [(await phone.upload()).json()["original"]["id"] for _ in range(5)]

    pages = await _pages(phone, "/api/originals", 2)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item for page in pages for item in page] == uploaded[::-1]
    assert await _pages(phone, "/api/originals", 5) == [uploaded[::-1]]


async def test_faces_are_listed_newest_first_in_pages(phone: Phone):
    faces = []
    for _ in range(3):
        cartoon = (await phone.upload()).json()["cartoon"]["id"]
        faces.append((await phone.post(f"/api/download/{cartoon}")).json()["face"]["id"])

    assert await _pages(phone, "/api/downloaded-faces", 2) == [faces[:0:-1], faces[:1]]


async def test_rows_added_between_pages_do_not_shift_them(phone: Phone):
    uploaded = [(await phone.upload()).json()["original"]["id"] for _ in range(4)]
    first = (await phone.get("/api/originals", params={"limit": 2})).json()
    await phone.upload()

    rest = (await phone.get("/api/originals", params={"cursor": first["nextCursor"]})).json()

    assert [item["id"] for item in rest["items"]] == uploaded[1::-1]


async def test_a_device_without_anything_has_empty_lists(service: Service):
    for path in ("/api/originals", "/api/downloaded-faces"):
        assert (await service.phone.get(path)).json() == {"items": [], "nextCursor": None}


@pytest.mark.parametrize(
    "cursor", ["x", "!!!!", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5OTkuYQ", "LTEuYQ" * 30, "ü"]
)
async def test_a_cursor_that_was_never_given_out_is_refused(phone: Phone, cursor: str):
    response = await phone.get("/api/originals", params={"cursor": cursor})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1.5", "1_0", "1e1", "nan"])
async def test_a_limit_out_of_bounds_is_refused(phone: Phone, limit: str):
    response = await phone.get("/api/originals", params={"limit": limit})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["detail"] == "limit must be a whole number from 1 to 100."
