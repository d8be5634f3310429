"""What platforms publish about their categories, and the events that they send."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from engine.store.tables import Time

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add ``requirements`` and ``webhook_events``."""
    op.create_table(
        "requirements",
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("category", sa.String(length=400), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("fetched_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "category", name=op.f("pk_requirements")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("record_keys", JSON, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("received_at", Time(), nullable=False),
        sa.Column("handled_at", Time(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "event_id", name=op.f("pk_webhook_events")),
    )
    op.create_index("ix_webhook_events_waiting", "webhook_events", ["connection", "status"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_webhook_events_waiting", table_name="webhook_events")
    op.drop_table("webhook_events")
    op.drop_table("requirements")
