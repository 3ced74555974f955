"""What a cartoon shows of its photo, and the photo's faces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SIDES = ("left", "top", "width", "height")


def upgrade() -> None:
    # With defaults, so that neither database has to copy a table.
    op.add_column("originals", sa.Column("faces", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "regenerated_cartoons",
        sa.Column("framing", sa.String(length=16), server_default="full", nullable=False),
    )
    op.add_column(
        "regenerated_cartoons",
        sa.Column("face_index", sa.Integer(), server_default="0", nullable=False),
    )
    for side in _SIDES:
        op.add_column(
            "regenerated_cartoons",
            sa.Column(f"crop_{side}", sa.Integer(), server_default="0", nullable=False),
        )
    # Until now a cartoon showed the whole photo.
    op.execute(
        "UPDATE regenerated_cartoons SET"
        " crop_width = (SELECT width FROM originals WHERE id = original_id),"
        " crop_height = (SELECT height FROM originals WHERE id = original_id)"
    )


def downgrade() -> None:
    for column in ("framing", "face_index", *(f"crop_{side}" for side in _SIDES)):
        op.drop_column("regenerated_cartoons", column)
    op.drop_column("originals", "faces")
