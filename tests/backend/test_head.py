"""HEAD is answered wherever GET is, with the same headers and no body."""

from __future__ import annotations

import httpx

from tests.backend.conftest import Service

# Of each response its own.
_OWN = {"x-request-id", "server-timing"}


def heads(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in _OWN}


async def test_head_is_answered_wherever_get_is(service: Service):
    uploaded = (await service.phone.upload()).json()
    original, cartoon = uploaded["original"], uploaded["cartoon"]
    document = (await service.http.get("/openapi.json")).json()
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    paths += ["/", "/docs", "/openapi.json", "/favicon.ico", "/page/style.css"]
    assert len(paths) > 12

    for path in paths:
        if path.startswith("/uploads/"):
            path = cartoon["imageUrl"]
        path = path.format(
            originalId=original["id"], cartoonId=cartoon["id"], faceId="none", jobId="none"
        )
        got, head = await service.phone.get(path), await service.phone.ask("HEAD", path)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        if path not in ("/metrics", "/api/device"):
            assert heads(head) == heads(got), path

    assert (await service.phone.ask("HEAD", "/api/upload")).status_code == 405
    assert (await service.phone.ask("HEAD", "/no-such")).status_code == 404
