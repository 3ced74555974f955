"""The first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_active_at", sa.BigInteger(), nullable=False),
        sa.Column("token_salt", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
    )
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
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False
        )

    op.create_table(
        "originals",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("file_path", sa.String(length=512), nullable=False),
        sa.Column("image_url", sa.String(length=512), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.Column("thumbnail_path", sa.String(length=512), nullable=False),
        sa.Column("last_style", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.device_id"],
            name=op.f("fk_originals_device_id_devices"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_originals")),
        sa.UniqueConstraint("file_path", name=op.f("uq_originals_file_path")),
        sa.UniqueConstraint("thumbnail_path", name=op.f("uq_originals_thumbnail_path")),
    )
    with op.batch_alter_table("originals", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_originals_device_id_created_at_id"),
            ["device_id", "created_at", "id"],
            unique=False,
        )

    op.create_table(
        "downloaded_faces",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("original_id", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("file_path", sa.String(length=512), nullable=False),
        sa.Column("face_url", sa.String(length=512), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("source_cartoon_id", sa.String(length=32), nullable=False),
        sa.Column("thumbnail_path", sa.String(length=512), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.device_id"],
            name=op.f("fk_downloaded_faces_device_id_devices"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["original_id"],
            ["originals.id"],
            name=op.f("fk_downloaded_faces_original_id_originals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downloaded_faces")),
        sa.UniqueConstraint("file_path", name=op.f("uq_downloaded_faces_file_path")),
        sa.UniqueConstraint(
            "source_cartoon_id", name=op.f("uq_downloaded_faces_source_cartoon_id")
        ),
        sa.UniqueConstraint("thumbnail_path", name=op.f("uq_downloaded_faces_thumbnail_path")),
    )
    with op.batch_alter_table("downloaded_faces", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_downloaded_faces_device_id_created_at_id"),
            ["device_id", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_downloaded_faces_original_id"), ["original_id"], unique=False
        )

    op.create_table(
        "regenerated_cartoons",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("original_id", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("file_path", sa.String(length=512), nullable=False),
        sa.Column("image_url", sa.String(length=512), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("style", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.device_id"],
            name=op.f("fk_regenerated_cartoons_device_id_devices"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["original_id"],
            ["originals.id"],
            name=op.f("fk_regenerated_cartoons_original_id_originals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regenerated_cartoons")),
        sa.UniqueConstraint("file_path", name=op.f("uq_regenerated_cartoons_file_path")),
    )
    with op.batch_alter_table("regenerated_cartoons", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_regenerated_cartoons_created_at"),
            ["created_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_regenerated_cartoons_device_id"), ["device_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_regenerated_cartoons_original_id_created_at_id"),
            ["original_id", "created_at", "id"],
            unique=False,
        )

    op.create_table(
        "spent_cartoons",
        sa.Column("cartoon_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("face_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["face_id"],
            ["downloaded_faces.id"],
            name=op.f("fk_spent_cartoons_face_id_downloaded_faces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("cartoon_id", name=op.f("pk_spent_cartoons")),
    )
    with op.batch_alter_table("spent_cartoons", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_spent_cartoons_device_id"), ["device_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_spent_cartoons_face_id"), ["face_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("spent_cartoons", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_spent_cartoons_face_id"))
        batch_op.drop_index(batch_op.f("ix_spent_cartoons_device_id"))

    op.drop_table("spent_cartoons")
    with op.batch_alter_table("regenerated_cartoons", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_regenerated_cartoons_original_id_created_at_id"))
        batch_op.drop_index(batch_op.f("ix_regenerated_cartoons_device_id"))
        batch_op.drop_index(batch_op.f("ix_regenerated_cartoons_created_at"))

    op.drop_table("regenerated_cartoons")
    with op.batch_alter_table("downloaded_faces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_downloaded_faces_original_id"))
        batch_op.drop_index(batch_op.f("ix_downloaded_faces_device_id_created_at_id"))

    op.drop_table("downloaded_faces")
    with op.batch_alter_table("originals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_originals_device_id_created_at_id"))

    op.drop_table("originals")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    op.drop_table("devices")
