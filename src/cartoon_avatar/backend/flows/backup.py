"""Copies a data folder while the service writes to it: first the database, then its files."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cartoon_avatar.backend.storage.local import sync

_DATABASE = "avatars.sqlite"
_KEY = "signing.key"
# The columns of each that name files; jobs first, whose photos become originals'.
_TABLES = {
    "jobs": ("photo_path",),
    "originals": ("file_path", "thumbnail_path"),
    "downloaded_faces": ("file_path", "thumbnail_path"),
    "regenerated_cartoons": ("file_path", "thumbnail_path"),
}
_FOLDERS = ("uploads", "thumbnails")


@dataclass(frozen=True, slots=True)
class Copied:
    """``gone`` counts what was deleted while we copied; ``lost`` names files that a row still
    names and that are not there or cannot be read, which `check` will say too."""

    files: int
    gone: int
    lost: list[str]


def back_up(data_dir: Path, folder: Path) -> Copied:
    """Make ``folder`` a data folder of its own, as of now, in which every row has its file.

    A backup may be repeated into the same folder: files that are there are kept, those that
    no row names any more go. On one file system files are linked rather than copied, which
    is safe since they never change under their name.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    copy = folder / _DATABASE
    aside = folder / f"{_DATABASE}.new"
    aside.unlink(missing_ok=True)
    with closing(sqlite3.connect(data_dir / _DATABASE, timeout=60)) as live:
        # A consistent copy in one read transaction; writers go on meanwhile.
        live.execute("VACUUM INTO ?", (str(aside),))
        with closing(sqlite3.connect(aside)) as snapshot:
            snapshot.execute("PRAGMA foreign_keys = ON")
            copied, gone, lost = _copy_files(live, snapshot, data_dir, folder)
            snapshot.commit()
            kept = _named_in(snapshot)
    os.chmod(aside, 0o600)
    sync(aside)
    _sync_folders(folder)
    # From here on the backup is the new one; what only the old one named goes last.
    os.replace(aside, copy)
    for left_over in (f"{_DATABASE}-wal", f"{_DATABASE}-shm"):
        (folder / left_over).unlink(missing_ok=True)
    if (data_dir / _KEY).exists():
        shutil.copy2(data_dir / _KEY, folder / _KEY)
    _remove_unnamed(folder, kept)
    sync(folder)
    return Copied(copied, gone, lost)


def restore(backup: Path, data_dir: Path) -> Copied:
    """Make a data folder of a backup. Raises FileExistsError where there is one already."""
    if (data_dir / _DATABASE).exists():
        raise FileExistsError(f"{data_dir} holds a database already")
    return back_up(backup, data_dir)


def _copy_files(
    live: sqlite3.Connection, snapshot: sqlite3.Connection, data_dir: Path, folder: Path
) -> tuple[int, int, list[str]]:
    copied = gone = 0
    lost: list[str] = []
    for table, columns in _TABLES.items():
        query = f"SELECT id, {', '.join(columns)} FROM {table}"  # noqa: S608 (our own names)
        for row_id, *keys in snapshot.execute(query).fetchall():
            for column, key in zip(columns, keys, strict=True):
                if key is None:
                    continue
                still = f"SELECT 1 FROM {table} WHERE id = ? AND {column} = ?"  # noqa: S608
                if _copied(data_dir / key, folder / key):
                    copied += 1
                elif live.execute(still, (row_id, key)).fetchone():
                    lost.append(key)
                else:
                    # Deleted, downloaded or cancelled since the copy of the database was made.
                    snapshot.execute(f"DELETE FROM {table} WHERE id = ?", (row_id,))  # noqa: S608
                    gone += 1
                    break
    return copied, gone, lost


def _copied(source: Path, target: Path) -> bool:
    if target.exists():
        return True
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except FileNotFoundError:
        return False
    except OSError:  # another file system, or one without links
        aside = target.with_name(f"{target.name}.part")
        try:
            shutil.copy2(source, aside)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EIO):
                aside.unlink(missing_ok=True)
                return False
            raise
        sync(aside)
        os.replace(aside, target)
    return True


def _sync_folders(folder: Path) -> None:
    for top in _FOLDERS:
        for path in (folder / top, *(folder / top).rglob("*")):
            if path.is_dir():
                sync(path)


def _named_in(snapshot: sqlite3.Connection) -> set[str]:
    return {
        key
        for table, columns in _TABLES.items()
        for row in snapshot.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
        for key in row
        if key is not None
    }


def _remove_unnamed(folder: Path, kept: set[str]) -> None:
    for top in _FOLDERS:
        for path in list((folder / top).rglob("*")):
            if not path.is_dir() and path.relative_to(folder).as_posix() not in kept:
                path.unlink()
