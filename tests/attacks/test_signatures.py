"""A signature opens one file, of one kind, until it expires; nothing can be made of it."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine

from tests.attacks.conftest import Start
from tests.backend.conftest import Service


def _changed(url: str, **changes: str | None) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = changes.pop("path", None) or parts.path
    query |= changes
    return (
        f"{path}?{urlencode({name: value for name, value in query.items() if value is not None})}"
    )


async def test_a_signature_opens_nothing_but_what_it_was_made_for(service: Service):
    body = (await service.phone.upload()).json()
    other = (await service.another_phone().upload()).json()
    url = body["original"]["imageUrl"]
    query = parse_qs(urlsplit(url).query)
    expires, signature = query["expires"][0], query["signature"][0]
    path = urlsplit(url).path
    # A name may be there twice, for another picture of another type.
    as_cartoon = path.replace("originals", "temp")
    (service.settings.data_dir / as_cartoon[1:]).write_bytes(b"another picture")

    assert (await service.http.get(url)).status_code == 200
    for altered in (
        _changed(url, path=urlsplit(other["original"]["imageUrl"]).path),
        _changed(url, path=urlsplit(body["cartoon"]["imageUrl"]).path),
        _changed(url, path=as_cartoon),
        _changed(url, expires=str(int(expires) + 86400)),
        _changed(url, expires=str(int(expires) - 1)),
        _changed(url, expires=f" {expires}"),
        _changed(url, expires=f"+{expires}"),
        _changed(url, expires="٩" * 10),
        _changed(url, expires=""),
        _changed(url, expires=None),
        _changed(url, thumbnail="1"),
        _changed(body["original"]["thumbnailUrl"], thumbnail=None),
        _changed(body["original"]["thumbnailUrl"], thumbnail="0"),
        _changed(url, signature=signature[:-1]),
        _changed(url, signature=signature[::-1]),
        _changed(url, signature=signature.swapcase()),
        _changed(url, signature=signature + "="),
        _changed(url, signature="é" * 43),
        _changed(url, signature=""),
        _changed(url, signature=None),
        _changed(other["original"]["imageUrl"], path=path),
        path,
    ):
        response = await service.http.get(altered)
        assert response.status_code in (400, 404), altered
        assert response.headers["content-type"] == "application/problem+json"


async def test_the_first_of_two_values_does_not_hide_the_second(service: Service):
    """Whichever of a repeated parameter is judged is the one that is used."""
    body = (await service.phone.upload()).json()["original"]
    url = body["imageUrl"]
    for more in ("&thumbnail=1", "&expires=9999999999", "&signature=x"):
        response = await service.http.get(url + more)
        assert response.status_code in (200, 400)
        if response.status_code == 200:
            assert response.headers["content-type"] == "image/jpeg"


async def test_a_signature_expires(service: Service):
    url = (await service.phone.upload()).json()["original"]["imageUrl"]
    expires = int(parse_qs(urlsplit(url).query)["expires"][0])

    with time_machine.travel(expires - 5, tick=True):
        assert (await service.http.get(url)).status_code == 200
    with time_machine.travel(expires + 5, tick=True):
        assert (await service.http.get(url)).status_code == 400
        fresh = (await service.phone.get("/api/originals")).json()["items"][0]["imageUrl"]
        assert (await service.http.get(fresh)).status_code == 200
    assert expires - time.time() < 2 * 86400


async def test_a_retired_key_opens_nothing_and_a_rotated_one_still_does(start: Start):
    old, new = "o" * 40, "n" * 40
    async with start(signing_keys=[old]) as service:
        uploaded = (await service.phone.upload()).json()
        url = uploaded["original"]["imageUrl"]
    async with start(signing_keys=[new, old]) as service:
        assert (await service.http.get(url)).status_code == 200
        fresh = (await service.phone.get("/api/originals")).json()["items"][0]["imageUrl"]
        service.phone.token = uploaded["deviceToken"]
        assert (await service.phone.get("/api/originals")).status_code == 200
    async with start(signing_keys=[new]) as service:
        assert (await service.http.get(url)).status_code == 400
        assert (await service.http.get(fresh)).status_code == 200
        service.phone.token = uploaded["deviceToken"]  # its hash is kept, so it outlives keys
        assert (await service.phone.get("/api/originals")).status_code == 200


@pytest.mark.parametrize("keys", [["short"], ["a" * 40, "short"]])
def test_a_short_key_is_refused(keys: list[str], start: Start):
    with pytest.raises(ValueError, match="at least 32"):
        start(signing_keys=keys)
