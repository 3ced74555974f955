"""Files in an S3-compatible bucket, under the same keys as on disk."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
import structlog
from anyio import to_thread
from obstore.exceptions import AlreadyExistsError, GenericError
from obstore.store import S3Store
from starlette.responses import Response

from cartoon_avatar.backend.errors import StorageUnavailable
from cartoon_avatar.backend.storage.file_response import Extent, FileResponse
from cartoon_avatar.backend.storage.keys import thumbnail_key
from cartoon_avatar.backend.storage.protocol import FileMissing, FoundFile, NewFile, StoredFile
from cartoon_avatar.contract.errors import AvatarError

if TYPE_CHECKING:  # it is written in the client's stubs alone
    from obstore import GetOptions

log = structlog.get_logger()

_FOLDERS = ("uploads", "thumbnails")
_CHUNK_BYTES = 256 * 1024
# Long enough for a queue in the AI service and a slow phone to open it, no longer.
_URL_LIFE = timedelta(minutes=5)
# Texts of errors contain keys, and keys contain device ids.
_KEY = re.compile(r"\S*(?:uploads|thumbnails)/\S*")


class S3Storage:
    """What a key names is always a whole object: a bucket shows nothing of an unfinished put.

    ``timeout_s`` bounds each call, tries again included: a bucket that hangs or is half down
    becomes StorageUnavailable then.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        timeout_s: float,
        endpoint: str | None = None,
        region: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
    ) -> None:
        given = {
            "endpoint": endpoint,
            "region": region,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
        }
        timeout = timedelta(seconds=timeout_s)
        self._timeout_s = timeout_s
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            # What is not given the client finds as AWS's own tools do: a role, a token.
            **{name: value for name, value in given.items() if value is not None},
            client_options={
                "allow_http": (endpoint or "").startswith("http://"),
                "timeout": timeout,
                "connect_timeout": min(timedelta(seconds=3), timeout),
            },
            retry_config={
                "max_retries": 2,
                "retry_timeout": timeout,
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2,
                },
            },
        )

    async def put_new(self, *files: NewFile) -> list[StoredFile]:
        stored: list[StoredFile] = []
        kept: list[str] = []
        try:
            for file in files:
                stored.append(await self._put(file.keys, file.pieces, file.mime_type, kept))
                if file.thumbnail is not None:
                    names = iter([thumbnail_key(stored[-1].key)])
                    await self._put(names, [file.thumbnail], "image/webp", kept)
        except (AvatarError, FileExistsError):
            with suppress(StorageUnavailable):  # left to the sweeper
                await self.delete(kept)
            raise
        return stored

    async def _put(
        self,
        names: Iterator[str],
        pieces: Sequence[bytes | memoryview],
        mime_type: str,
        kept: list[str],
    ) -> StoredFile:
        data, sha256 = await to_thread.run_sync(_joined, pieces)
        attributes = {
            "Content-Type": mime_type,
            # For clients that are sent here: a name is never given to another picture.
            "Cache-Control": "private, max-age=31536000, immutable",
        }
        for key in names:
            try:
                async with self._deadline("put"):
                    # If-None-Match: of those who race for a key one wins, the others move on.
                    await obstore.put_async(
                        self._store, key, data, attributes=attributes, mode="create"
                    )
            except AlreadyExistsError:
                continue
            kept.append(key)
            return StoredFile(key, len(data), sha256)
        raise FileExistsError("every key offered is taken")

    async def get(self, key: str) -> bytes:
        async with self._deadline("get"):
            return bytes(await (await self._open(key)).bytes_async())

    async def delete(self, keys: Iterable[str]) -> None:
        doomed = list(keys)
        if doomed:
            async with self._deadline("delete"):
                await obstore.delete_async(self._store, doomed)

    async def every_file(self) -> AsyncIterator[FoundFile]:
        # The bucket may hold other things than ours, and the sweeper removes what is listed.
        for folder in _FOLDERS:
            pages = aiter(obstore.list(self._store, f"{folder}/", chunk_size=1000))
            while True:
                async with self._deadline("list"):
                    page = await anext(pages, None)
                if page is None:
                    break
                for found in page:
                    yield FoundFile(found["path"], found["size"], found["last_modified"])

    async def files_under(self, prefix: str) -> list[FoundFile]:
        # Within a folder the client begins after a name, and a bucket lists by name.
        folder = prefix.rpartition("/")[0]
        pages = aiter(obstore.list(self._store, f"{folder}/", offset=prefix, chunk_size=100))
        found: list[FoundFile] = []
        while True:
            async with self._deadline("list"):
                page = await anext(pages, None)
            for file in page or ():
                if not file["path"].startswith(prefix):
                    return found
                found.append(FoundFile(file["path"], file["size"], file["last_modified"]))
            if page is None:
                return found

    async def free_bytes(self) -> int | None:
        return None

    async def check(self) -> None:
        async with self._deadline("check"):
            await anext(aiter(obstore.list(self._store, "uploads/", chunk_size=1)), None)

    async def url_of(self, key: str) -> str | None:
        async with self._deadline("sign"):
            return await obstore.sign_async(self._store, "GET", key, _URL_LIFE)

    async def response(
        self,
        key: str,
        mime_type: str,
        request_headers: dict[str, str],
        headers: dict[str, str],
    ) -> Response:
        # Before the response begins, so that a missing object or an unreachable bucket gets its
        # status.
        async with self._deadline("open"):
            if request_headers.keys() & {"range", "if-none-match"}:
                size_bytes = (await self._head(key))["size"]
                extent = Extent.asked_for(request_headers, headers, mime_type, size_bytes)
                opened = None
                if extent.first < extent.end:
                    opened = await self._open(key, {"range": (extent.first, extent.end)})
            else:
                opened = await self._open(key)
                size_bytes = opened.meta["size"]
                extent = Extent.asked_for(request_headers, headers, mime_type, size_bytes)
        return FileResponse(extent, self._pieces(opened))

    async def _pieces(self, opened: Any | None) -> AsyncGenerator[bytes]:
        if opened is None:
            return
        pieces = aiter(opened.stream(_CHUNK_BYTES))
        while True:
            async with self._deadline("read"):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield bytes(piece)

    async def _open(self, key: str, options: GetOptions | None = None) -> Any:
        try:
            return await obstore.get_async(self._store, key, options=options)
        except FileNotFoundError as error:
            raise FileMissing(key) from error

    async def _head(self, key: str) -> Any:
        try:
            return await obstore.head_async(self._store, key)
        except FileNotFoundError as error:
            raise FileMissing(key) from error

    @asynccontextmanager
    async def _deadline(self, operation: str) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (TimeoutError, GenericError) as error:
            reason = _KEY.sub("…", str(error)) or "timeout"
            log.error("storage_unreachable", operation=operation, reason=reason)
            raise StorageUnavailable from error


def _joined(pieces: Sequence[bytes | memoryview]) -> tuple[bytes, str]:
    data = b"".join(pieces)
    return data, hashlib.sha256(data).hexdigest()
