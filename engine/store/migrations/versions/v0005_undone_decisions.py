"""An index of the decisions that were taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNDONE = sa.text("undone_at IS NOT NULL")


def upgrade() -> None:
    """Add it."""
    op.create_index(
        "ix_correction_decisions_undone",
        "correction_decisions",
        ["sequence"],
        sqlite_where=UNDONE,
        postgresql_where=UNDONE,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_correction_decisions_undone", table_name="correction_decisions")
