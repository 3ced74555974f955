"""Jobs, which take over from the idempotency keys"""

from __future__ import annotations

import json
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXES = (
    ("device_id", "state", "engine", "turn"),
    ("device_id", "created_at", "id"),
    ("state", "engine", "turn", "id"),
    ("finished_at",),
)


def upgrade() -> None:
    jobs = op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("engine", sa.String(length=64), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("progress", sa.Float(), nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("photo_path", sa.String(length=512), nullable=True),
        sa.Column("photo_size", sa.BigInteger(), nullable=True),
        sa.Column("photo_type", sa.String(length=64), nullable=True),
        sa.Column("photo_sha256", sa.String(length=64), nullable=True),
        sa.Column("original_id", sa.String(length=32), nullable=True),
        sa.Column("cartoon_id", sa.String(length=32), nullable=True),
        sa.Column("face_id", sa.String(length=32), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("with_token", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("photo_path", name=op.f("uq_jobs_photo_path")),
    )
    op.create_index(op.f("ix_jobs_device_id_key"), "jobs", ["device_id", "key"], unique=True)
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_jobs_{'_'.join(columns)}"), "jobs", list(columns))

    # A key that has its answer keeps it for the rest of its day; of those without one the
    # process is gone, and the request can be sent again.
    keys = sa.table(
        "idempotency_keys",
        sa.column("device_id"),
        sa.column("key"),
        sa.column("fingerprint"),
        sa.column("status"),
        sa.column("body"),
        sa.column("with_token"),
        sa.column("created_at"),
    )
    connection = op.get_bind()
    settled = connection.execute(sa.select(keys).where(keys.c.body.is_not(None)))
    rows = [_job_of(row) for row in settled]
    if rows:
        connection.execute(sa.insert(jobs), rows)
    op.drop_table("idempotency_keys")


def _job_of(row: Any) -> dict[str, Any]:
    body = json.loads(row.body)
    kind = "upload" if "original" in body else "download" if "face" in body else "regenerate"
    ids = {f"{noun}_id": body.get(noun, {}).get("id") for noun in ("original", "cartoon", "face")}
    subject = {
        "upload": "",
        "regenerate": body.get("cartoon", {}).get("originalId", ""),
        "download": body.get("face", {}).get("sourceCartoonId", ""),
    }[kind]
    return {
        "id": secrets.token_hex(12),
        "device_id": row.device_id,
        "key": row.key,
        "fingerprint": row.fingerprint,
        "kind": kind,
        "subject": subject,
        "engine": "",
        "turn": 0,
        "options": "{}",
        "accepted": False,
        "state": "succeeded",
        "cancel_asked": False,
        "attempts": 1,
        **ids,
        "status": row.status,
        "with_token": row.with_token,
        "created_at": row.created_at,
        "started_at": row.created_at,
        "finished_at": row.created_at,
    }


def downgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("with_token", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
    op.drop_table("jobs")
