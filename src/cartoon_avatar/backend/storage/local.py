"""Files on the local disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from starlette.responses import Response

from cartoon_avatar.backend.errors import InsufficientStorage, StorageUnavailable
from cartoon_avatar.backend.storage.file_response import (
    CHUNK_BYTES,
    BytesResponse,
    Extent,
    OpenFileResponse,
)
from cartoon_avatar.backend.storage.keys import thumbnail_key
from cartoon_avatar.backend.storage.protocol import FileMissing, FoundFile, NewFile, StoredFile

T = TypeVar("T")

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# A failing or read-only disk; a process out of file descriptors.
NOT_NOW = {errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}
# Where files are written before they are moved into place.
_UNFINISHED = "incoming"
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
# An upload makes thirty syscalls and takes the GIL back after each: more threads than this only
# contend for it.
_THREADS = 4


@dataclass(slots=True)
class _TemporaryFile:
    """A new file under a temporary name, kept open until it is synced: opening it again costs
    time."""

    path: str
    file: int
    size_bytes: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


class LocalStorage:
    """Read-only files in folders closed to others, below one root.

    A file is written under a temporary name, synced and moved into place, and its folder is synced,
    so that what a key names is always a whole file that survives a power cut.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._threads = ThreadPoolExecutor(_THREADS, "files")
        # For the event loop's thread only: a reused buffer stays in the CPU cache.
        self._scratch = memoryview(bytearray(CHUNK_BYTES))
        folders = (
            "uploads/originals",
            "uploads/temp",
            "uploads/downloaded",
            "uploads/exports",
            "thumbnails",
        )
        for folder in (*folders, _UNFINISHED):
            (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in ("originals", "temp", "downloaded"):
            (root / "thumbnails" / folder).mkdir(exist_ok=True, mode=0o700)
        for parent in (root, root / "uploads", root / "thumbnails"):
            sync(parent)

    def _in_thread(self, work: Callable[..., T], *given: Any) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    async def put_new(self, *files: NewFile) -> list[StoredFile]:
        return await self._in_thread(self._put_new, files)

    async def get(self, key: str) -> bytes:
        return await self._in_thread(self._get, key)

    async def delete(self, keys: Iterable[str]) -> None:
        await self._in_thread(self._delete, list(keys))

    async def every_file(self) -> AsyncIterator[FoundFile]:
        for folder in ("uploads", "thumbnails", _UNFINISHED):
            for found in await self._in_thread(self._list, folder):
                yield found

    async def files_under(self, prefix: str) -> list[FoundFile]:
        return await self._in_thread(self._list_prefix, prefix)

    async def free_bytes(self) -> int | None:
        return shutil.disk_usage(self.root).free  # statvfs does not wait for the disk

    async def check(self) -> None:
        await self._in_thread(os.stat, self.root / "uploads")

    async def url_of(self, key: str) -> str | None:
        return None

    async def response(
        self,
        key: str,
        mime_type: str,
        request_headers: dict[str, str],
        headers: dict[str, str],
    ) -> Response:
        small = self._if_cached(key)
        if small is not None:
            extent = Extent.asked_for(request_headers, headers, mime_type, len(small))
            return BytesResponse(extent, small[extent.first : extent.end])
        file = await self._in_thread(self._open, key)
        path = Path(self._path(key))
        return OpenFileResponse(file, path, mime_type, request_headers, headers)

    def _put_new(self, files: Sequence[NewFile]) -> list[StoredFile]:
        """One step for all files before the next: what the disk has to do at the first sync of
        a step it need not do at the others."""
        temporary_files: list[_TemporaryFile] = []
        placed: list[str] = []
        try:
            written = []
            for file in files:
                temporary = self._write_temporary(file.pieces, temporary_files)
                small = None
                if file.thumbnail is not None:
                    small = self._write_temporary([file.thumbnail], temporary_files)
                written.append((file.keys, temporary, small))
            for temporary in temporary_files:
                os.fsync(temporary.file)
            stored = []
            for names, temporary, small in written:
                key = self._move_into_place(temporary.path, names, placed)
                if small is not None:
                    self._move_into_place(small.path, iter([thumbnail_key(key)]), placed)
                stored.append(StoredFile(key, temporary.size_bytes, temporary.digest.hexdigest()))
            for folder in {os.path.dirname(place) for place in placed}:
                sync(folder)
        except BaseException as error:
            for path in [temporary.path for temporary in temporary_files] + placed:
                with suppress(OSError):  # left to the sweeper
                    os.unlink(path)
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise InsufficientStorage from error
            if isinstance(error, OSError) and error.errno in NOT_NOW:
                raise StorageUnavailable from error
            raise
        finally:
            for temporary in temporary_files:
                os.close(temporary.file)
        return stored

    def _write_temporary(
        self, pieces: Sequence[bytes | memoryview], temporary_files: list[_TemporaryFile]
    ) -> _TemporaryFile:
        """Write a new file that has no key yet, appended to ``temporary_files``."""
        path = self._path(f"{_UNFINISHED}/{secrets.token_hex(16)}")
        # Mode 0400: this descriptor may write, later ones may only read.
        temporary = _TemporaryFile(path, os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o400))
        temporary_files.append(temporary)
        for piece in pieces:
            temporary.digest.update(piece)
            temporary.size_bytes += len(piece)
            rest = memoryview(piece)
            while rest:  # a signal or a full disk ends a write early
                rest = rest[os.write(temporary.file, rest) :]
        return temporary

    def _move_into_place(self, temporary: str, names: Iterator[str], placed: list[str]) -> str:
        for key in names:
            place = self._path(key)
            try:
                _link(temporary, place)
            except FileExistsError:
                continue
            placed.append(place)
            with suppress(FileNotFoundError):  # where it was renamed
                os.unlink(temporary)
            return key
        raise FileExistsError("every key offered is taken")

    def _get(self, key: str) -> bytes:
        with open(self._open(key), "rb") as file:
            return file.read()

    def _open(self, key: str) -> int:
        """Open for reading; never through a link, which none of our files is."""
        try:
            file = os.open(self._path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileMissing(key) from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL):
                raise FileMissing(key) from error
            raise
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise FileMissing(key)
        return file

    def _if_cached(self, key: str) -> bytes | None:
        """All of a file that is a single piece, if reading it does not wait for the disk.

        Then it takes a third of the time that going to a thread for it would.
        """
        file = self._open(key)
        try:
            size_bytes = os.fstat(file).st_size
            if size_bytes > CHUNK_BYTES or not hasattr(os, "RWF_NOWAIT"):
                return None
            if os.preadv(file, [self._scratch], 0, os.RWF_NOWAIT) == size_bytes:
                return bytes(self._scratch[:size_bytes])
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
                raise
        finally:
            os.close(file)
        return None

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                os.unlink(self._path(key))
        for folder in {os.path.dirname(self._path(key)) for key in keys}:
            sync(folder)

    def _list(self, folder: str) -> list[FoundFile]:
        found = []
        for parent, _, names in os.walk(self.root / folder):
            for name in names:
                path = Path(parent, name)
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue  # deleted since the folder was read
                found.append(_found(path.relative_to(self.root).as_posix(), status))
        return found

    def _list_prefix(self, prefix: str) -> list[FoundFile]:
        folder, _, start = prefix.rpartition("/")
        with os.scandir(self.root / folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(start)]
        found = []
        for name in names:
            with suppress(FileNotFoundError):  # deleted since the folder was read
                found.append(_found(f"{folder}/{name}", os.lstat(self.root / folder / name)))
        return found

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"  # building a Path takes longer than opening it


def _found(key: str, status: os.stat_result) -> FoundFile:
    return FoundFile(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _link(temporary: str, place: str) -> None:
    """Give the file ``temporary`` the name ``place``; raises FileExistsError where that is taken.

    Renaming would overwrite, and claiming the name with an empty file first makes an inode to
    be deleted: ext4 walks past each of the last minutes' to find one. Where there are no links
    (FAT, some network shares) it is claimed all the same, and a crash in between leaves an
    empty file that no row names.
    """
    try:
        os.link(temporary, place)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o400))
        os.replace(temporary, place)


def sync(path: str | Path) -> None:
    """Have the disk keep a file or a folder's names, whatever happens next."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
