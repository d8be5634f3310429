"""What a language model answered, and what has been spent on it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from engine.store.tables import Time

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add ``language_model_answers`` and ``language_model_usage``."""
    op.create_table(
        "language_model_answers",
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("question_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("answered_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("model", "question_hash", name=op.f("pk_language_model_answers")),
    )
    op.create_table(
        "language_model_usage",
        sa.Column("period", sa.String(length=16), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_language_model_usage")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("language_model_usage")
    op.drop_table("language_model_answers")
