"""What drew a cartoon, and whether it lies on its photo"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = "regenerated_cartoons"


def upgrade() -> None:
    # With defaults, so that neither database has to copy a table: all were drawn in place.
    op.add_column(
        _TABLE, sa.Column("aligned", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.add_column(
        _TABLE, sa.Column("engine", sa.String(length=64), server_default="", nullable=False)
    )
    op.add_column(_TABLE, sa.Column("stands_in_for", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for column in ("aligned", "engine", "stands_in_for"):
        op.drop_column(_TABLE, column)
