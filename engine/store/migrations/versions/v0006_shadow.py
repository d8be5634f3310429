"""What a challenger in the shadow says of a candidate."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add ``shadow_version`` and ``shadow_confidence`` to the candidates."""
    op.add_column("candidates", sa.Column("shadow_version", sa.Integer()))
    op.add_column("candidates", sa.Column("shadow_confidence", sa.Float()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("candidates", "shadow_confidence")
    op.drop_column("candidates", "shadow_version")
