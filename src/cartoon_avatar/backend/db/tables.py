"""The rows: devices, originals, cartoons, faces, and what keeps repeats from doing things twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Milliseconds(TypeDecorator[datetime]):
    """A UTC time kept as epoch milliseconds: the same on every database, cheap to index."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: Milliseconds, int: Integer, str: String}


class StoredPicture:
    """Columns of a row that owns a picture file; ``sha256`` is of that file, lengths in px."""

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(
        String(128), ForeignKey("devices.device_id", ondelete="CASCADE")
    )
    filename: Mapped[str] = mapped_column(String(255))
    file_path: Mapped[str] = mapped_column(String(512), unique=True)
    file_size: Mapped[int] = mapped_column(BigInteger)
    mime_type: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime]


class Device(Table):
    __tablename__ = "devices"

    device_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime]
    # The token is derived from a signing key and this salt; only its SHA-256 is kept.
    token_salt: Mapped[str] = mapped_column(String(32))
    token_hash: Mapped[str] = mapped_column(String(64))
    # From the first request with the right token, the id alone opens nothing.
    locked: Mapped[bool] = mapped_column(Boolean, default=False)


class Original(StoredPicture, Table):
    __tablename__ = "originals"

    image_url: Mapped[str] = mapped_column(String(512))
    face_count: Mapped[int]
    thumbnail_path: Mapped[str] = mapped_column(String(512), unique=True)
    # Style of the newest drawing asked for; the next one without a wish moves on from it.
    last_style: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index(None, "device_id", "created_at", "id"),)


class Cartoon(StoredPicture, Table):
    __tablename__ = "regenerated_cartoons"

    original_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("originals.id", ondelete="CASCADE")
    )
    image_url: Mapped[str] = mapped_column(String(512))
    style: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index(None, "original_id", "created_at", "id"),
        Index(None, "device_id"),
        Index(None, "created_at"),
    )


class Face(StoredPicture, Table):
    __tablename__ = "downloaded_faces"

    original_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("originals.id", ondelete="CASCADE")
    )
    face_url: Mapped[str] = mapped_column(String(512))
    # No foreign key: the cartoon's row goes in the transaction that adds the face.
    source_cartoon_id: Mapped[str] = mapped_column(String(32), unique=True)
    thumbnail_path: Mapped[str] = mapped_column(String(512), unique=True)

    __table_args__ = (
        Index(None, "device_id", "created_at", "id"),
        Index(None, "original_id"),
    )


class SpentCartoon(Table):
    """A cartoon that went when its sister was downloaded: why asking for it is a conflict."""

    __tablename__ = "spent_cartoons"

    cartoon_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(128))
    face_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("downloaded_faces.id", ondelete="CASCADE")
    )

    __table_args__ = (Index(None, "face_id"), Index(None, "device_id"))


class IdempotencyKey(Table):
    """A POST that carried a key: running until ``status`` is set, then its answer for a day."""

    __tablename__ = "idempotency_keys"

    device_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    # SHA-256 of method, path, fields and photo: what "the same request" means.
    fingerprint: Mapped[str] = mapped_column(String(64))
    # Whose claim it is, so that a process that lost its lease cannot settle another's.
    claim: Mapped[str] = mapped_column(String(32))
    lease_until: Mapped[datetime]
    status: Mapped[int | None]
    body: Mapped[str | None] = mapped_column(Text)
    # The answer carried the device token, which is derived again and never kept.
    with_token: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "created_at"),)
