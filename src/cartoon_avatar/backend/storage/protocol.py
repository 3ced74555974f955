"""What the flows know of a storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to keep: ``pieces`` joined, under the first of ``keys`` that is free.

    ``thumbnail``, a WebP file, is kept beside it, under ``keys.thumbnail_key``.
    """

    keys: Iterator[str]
    pieces: Sequence[bytes | memoryview]
    mime_type: str
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file met while listing."""

    key: str
    size_bytes: int
    modified_at: datetime


class FileMissing(Exception):
    """There is no file under this key."""


class Storage(Protocol):
    """Whole files under keys made by ``keys``, never by a client."""

    async def put_new(self, *files: NewFile) -> list[StoredFile]:
        """Keep ``files``, all or none of them, durably on return. Raises InsufficientStorage."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole file. Raises FileMissing."""
        ...

    async def delete(self, keys: Iterable[str]) -> None:
        """Remove the files; one that is not there is fine."""
        ...

    def every_file(self) -> AsyncIterator[FoundFile]:
        """Every file, unfinished ones included."""
        ...

    async def files_under(self, prefix: str) -> list[FoundFile]:
        """Those whose key begins with ``prefix``, which ends within a file's name."""
        ...

    async def free_bytes(self) -> int | None:
        """Room that is left, None where there is no such number."""
        ...

    async def check(self) -> None:
        """Raises where the storage does not answer."""
        ...

    async def url_of(self, key: str) -> str | None:
        """A short-lived URL that opens the file without us, None where there is no such thing."""
        ...

    async def response(
        self,
        key: str,
        mime_type: str,
        request_headers: dict[str, str],
        headers: dict[str, str],
    ) -> Response:
        """Serve the file: whole (200), a range (206), unchanged (304). Raises FileMissing."""
        ...
