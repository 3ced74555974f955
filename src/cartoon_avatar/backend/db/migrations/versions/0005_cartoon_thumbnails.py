"""Thumbnails of cartoons, and what their drawings depend on"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = "regenerated_cartoons"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("thumbnail_path", sa.String(length=512), nullable=True))
    op.add_column(_TABLE, sa.Column("drawing_key", sa.String(length=64), nullable=True))
    op.create_index(op.f(f"ix_{_TABLE}_thumbnail_path"), _TABLE, ["thumbnail_path"], unique=True)
    op.create_index(
        op.f(f"ix_{_TABLE}_device_id_drawing_key"), _TABLE, ["device_id", "drawing_key"]
    )
    op.drop_index(op.f(f"ix_{_TABLE}_device_id"), _TABLE)


def downgrade() -> None:
    op.create_index(op.f(f"ix_{_TABLE}_device_id"), _TABLE, ["device_id"])
    op.drop_index(op.f(f"ix_{_TABLE}_device_id_drawing_key"), _TABLE)
    op.drop_index(op.f(f"ix_{_TABLE}_thumbnail_path"), _TABLE)
    op.drop_column(_TABLE, "drawing_key")
    op.drop_column(_TABLE, "thumbnail_path")
