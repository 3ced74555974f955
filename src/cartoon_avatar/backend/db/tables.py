"""The tables, and the rows that flows make and render: originals, cartoons, faces and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    Boolean,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    true,
)
from typing_extensions import override

from cartoon_avatar.contract.boxes import Box


class Milliseconds(TypeDecorator[datetime]):
    """A UTC time kept as epoch milliseconds: the same on every database, cheap to index."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value.timestamp() * 1000)

    @override
    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Column = partial(sqlalchemy.Column, nullable=False)


def _picture_columns() -> list[sqlalchemy.Column[Any]]:
    """Of a row that owns a picture file; ``sha256`` is of that file, lengths in px."""
    return [
        Column("id", String(32), primary_key=True),
        Column("device_id", String(128), ForeignKey("devices.device_id", ondelete="CASCADE")),
        Column("filename", String(255)),
        Column("file_path", String(512), unique=True),
        Column("file_size", BigInteger),
        Column("mime_type", String(64)),
        Column("sha256", String(64)),
        Column("width", Integer),
        Column("height", Integer),
        Column("created_at", Milliseconds),
    ]


# Not frozen, though rows are not changed: a frozen one takes five times as long to make.
@dataclass(slots=True)
class _Picture:
    id: str
    device_id: str
    filename: str
    file_path: str
    file_size: int
    mime_type: str
    sha256: str
    width: int
    height: int
    created_at: datetime


devices = Table(
    "devices",
    metadata,
    Column("device_id", String(128), primary_key=True),
    Column("created_at", Milliseconds),
    Column("last_active_at", Milliseconds),
    # The token is derived from a signing key and this salt; only its SHA-256 is kept.
    Column("token_salt", String(32)),
    Column("token_hash", String(64)),
    # From the first request with the right token, the id alone opens nothing.
    Column("locked", Boolean),
)

originals = Table(
    "originals",
    metadata,
    *_picture_columns(),
    Column("image_url", String(512)),
    Column("face_count", Integer),
    Column("thumbnail_path", String(512), unique=True),
    # Style of the newest requested drawing; the next request without a style moves on from it.
    Column("last_style", String(64)),
    # As ``boxes.faces_text`` writes them; empty of a photo from before they were kept.
    Column("faces", Text, server_default=""),
    Index(None, "device_id", "created_at", "id"),
)


@dataclass(slots=True)
class Original(_Picture):
    image_url: str
    face_count: int
    thumbnail_path: str
    last_style: str
    faces: str


cartoons = Table(
    "regenerated_cartoons",
    metadata,
    *_picture_columns(),
    Column("original_id", String(32), ForeignKey("originals.id", ondelete="CASCADE")),
    Column("image_url", String(512)),
    Column("style", String(64)),
    Column("seed", BigInteger),
    # What of the upright photo it shows, in pixels, and whose face it was framed by.
    Column("framing", String(16), server_default="full"),
    Column("face_index", Integer, server_default="0"),
    *(Column(f"crop_{side}", Integer, server_default="0") for side in Box._fields),
    # Of cartoons from before they had one, and of AI services that make none, NULL.
    Column("thumbnail_path", String(512), nullable=True),
    # SHA-256 of all that its pixels depend on; NULL where its engine is not deterministic.
    Column("drawing_key", String(64), nullable=True),
    # Whether it shows what that part of the photo shows in the same place.
    Column("aligned", Boolean, server_default=true()),
    Column("engine", String(64), server_default=""),
    # The style that was meant, where its generator failed and one of ours drew instead.
    Column("stands_in_for", String(64), nullable=True),
    Index(None, "original_id", "created_at", "id"),
    Index(None, "device_id", "drawing_key"),
    Index(None, "created_at"),
    Index(None, "thumbnail_path", unique=True),
)


@dataclass(slots=True)
class Cartoon(_Picture):
    original_id: str
    image_url: str
    style: str
    seed: int
    framing: str
    face_index: int
    crop_left: int
    crop_top: int
    crop_width: int
    crop_height: int
    thumbnail_path: str | None
    drawing_key: str | None
    aligned: bool
    engine: str
    stands_in_for: str | None

    @property
    def crop(self) -> Box:
        return Box(self.crop_left, self.crop_top, self.crop_width, self.crop_height)


faces = Table(
    "downloaded_faces",
    metadata,
    *_picture_columns(),
    Column("original_id", String(32), ForeignKey("originals.id", ondelete="CASCADE")),
    Column("face_url", String(512)),
    # No foreign key: the cartoon's row goes in the transaction that adds the face.
    Column("source_cartoon_id", String(32), unique=True),
    Column("thumbnail_path", String(512), unique=True),
    Index(None, "device_id", "created_at", "id"),
    Index(None, "original_id"),
)


@dataclass(slots=True)
class Face(_Picture):
    original_id: str
    face_url: str
    source_cartoon_id: str
    thumbnail_path: str


# Rows are read by position: a test compares the order of fields and columns.
TABLE_OF: dict[type[_Picture], Table] = {Original: originals, Cartoon: cartoons, Face: faces}

# What takes a device's library over to another phone; only the SHA-256 of the code is kept.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("device_id", String(128), ForeignKey("devices.device_id", ondelete="CASCADE")),
    Column("created_at", Milliseconds),
    # Which device used it, and when: that one may repeat the request for a day.
    Column("taken_by", String(128), nullable=True),
    Column("taken_at", Milliseconds, nullable=True),
    Index(None, "device_id"),
)

# Of a device that may not be known yet, so no foreign key.
consents = Table(
    "consents",
    metadata,
    Column("device_id", String(128), primary_key=True),
    Column("engine", String(64), primary_key=True),
    # The host that photos are sent to: where it changes, the device is asked again.
    Column("sent_to", String(255)),
    Column("given_at", Milliseconds),
    Column("withdrawn_at", Milliseconds, nullable=True),
)


@dataclass(slots=True)
class Consent:
    device_id: str
    engine: str
    sent_to: str
    given_at: datetime
    withdrawn_at: datetime | None

    @property
    def decided_at(self) -> datetime:
        return self.withdrawn_at or self.given_at


# What a device says is wrong with a picture of its own.
reports = Table(
    "reports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("device_id", String(128), ForeignKey("devices.device_id", ondelete="CASCADE")),
    Column("kind", String(16)),
    # No foreign key: a report outlives its picture, which may expire before it is decided.
    Column("picture_id", String(32)),
    Column("reason", String(16)),
    Column("note", Text),
    Column("created_at", Milliseconds),
    Column("closed_at", Milliseconds, nullable=True),
    Column("upheld", Boolean, nullable=True),
    Index(None, "device_id"),
    Index(None, "closed_at", "created_at"),
)

PictureKind = Literal["original", "cartoon", "face"]


@dataclass(slots=True)
class Report:
    """``upheld`` is None while nobody has decided."""

    id: str
    device_id: str
    kind: PictureKind
    picture_id: str
    reason: str
    note: str
    created_at: datetime
    closed_at: datetime | None
    upheld: bool | None


# A cartoon that went when another of its photo was downloaded: asking for it is a conflict.
spent_cartoons = Table(
    "spent_cartoons",
    metadata,
    Column("cartoon_id", String(32), primary_key=True),
    Column("device_id", String(128)),
    Column("face_id", String(32), ForeignKey("downloaded_faces.id", ondelete="CASCADE")),
    Index(None, "face_id"),
    Index(None, "device_id"),
)

# The work of a POST request, from when it is accepted until a day after it has ended.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    # No foreign key: a device becomes known with the rows of its first upload.
    Column("device_id", String(128)),
    # The Idempotency-Key; removed from a failed job, so that the request can be repeated.
    Column("key", String(255), nullable=True),
    # SHA-256 of method, path, fields and photo: what "the same request" means.
    Column("fingerprint", String(64)),
    Column("kind", String(16)),
    # The original to draw again, or the cartoon to cut the head out of.
    Column("subject", String(64)),
    # Its queue, and its place there: the round in which the device has its turn.
    Column("engine", String(64)),
    Column("turn", BigInteger),
    # JSON, as the flow takes them; style and seed are settled, so that a second attempt draws
    # the same.
    Column("options", Text),
    # A client got 202 for it: any process carries it out.
    Column("accepted", Boolean),
    Column("state", String(16)),
    Column("stage", String(64), nullable=True),
    # From 0 to 1.
    Column("progress", Float, nullable=True),
    Column("cancel_asked", Boolean),
    Column("attempts", Integer),
    # Whose attempt is under way, so that a process that lost its lease commits nothing.
    Column("claim", String(32), nullable=True),
    # By the database's clock; of a queued job: no process claims it before.
    Column("lease_until", Milliseconds, nullable=True),
    # The photo of an upload, this job's file until it is an original's.
    Column("photo_path", String(512), unique=True, nullable=True),
    Column("photo_size", BigInteger, nullable=True),
    Column("photo_type", String(64), nullable=True),
    Column("photo_sha256", String(64), nullable=True),
    # The photo it is about, once it is known.
    Column("original_id", String(32), nullable=True),
    # The outcome: ids of rows, and the status of the response.
    Column("cartoon_id", String(32), nullable=True),
    Column("face_id", String(32), nullable=True),
    Column("status", Integer, nullable=True),
    # It made the device known; the token is derived again and never kept.
    Column("with_token", Boolean),
    # JSON: status, code and detail.
    Column("error", Text, nullable=True),
    Column("created_at", Milliseconds),
    Column("started_at", Milliseconds, nullable=True),
    Column("finished_at", Milliseconds, nullable=True),
    Index(None, "device_id", "key", unique=True),
    Index(None, "state", "engine", "turn", "id"),
    Index(None, "device_id", "state", "engine", "turn"),
    Index(None, "device_id", "created_at", "id"),
    Index(None, "finished_at"),
)

Kind = Literal["upload", "regenerate", "download"]
JobState = Literal["queued", "running", "succeeded", "failed", "canceled"]


@dataclass(slots=True)
class Job:
    id: str
    device_id: str
    key: str | None
    fingerprint: str
    kind: Kind
    subject: str
    engine: str
    turn: int
    options: str
    accepted: bool
    state: JobState
    stage: str | None
    progress: float | None
    cancel_asked: bool
    attempts: int
    claim: str | None
    lease_until: datetime | None
    photo_path: str | None
    photo_size: int | None
    photo_type: str | None
    photo_sha256: str | None
    original_id: str | None
    cartoon_id: str | None
    face_id: str | None
    status: int | None
    with_token: bool
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_finished(self) -> bool:
        return self.state not in ("queued", "running")
