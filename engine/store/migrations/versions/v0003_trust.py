"""Changes of error rates, second reviews, and the probability with which an issue was drawn for a person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from engine.store.tables import Time

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add ``error_changes``, ``second_reviews`` and ``issues.propensity``."""
    op.create_table(
        "error_changes",
        sa.Column("change_id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.String(length=20), nullable=False),
        sa.Column("corrector", sa.String(length=100), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("rang_at", sa.Integer(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("error_before", sa.Float(), nullable=False),
        sa.Column("error_after", sa.Float(), nullable=False),
        sa.Column("noticed_at", Time(), nullable=False),
        sa.Column("withdrawn_at", Time(), nullable=True),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_error_changes")),
        sa.UniqueConstraint(
            "stream",
            "corrector",
            "rule_id",
            "pattern_id",
            "rang_at",
            name=op.f("uq_error_changes_stream_corrector_rule_id_pattern_id_rang_at"),
        ),
    )
    op.create_table(
        "second_reviews",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("decision_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("verdict", sa.String(length=50), nullable=False),
        sa.Column("final_solution", JSON, nullable=False),
        sa.Column("reviewed_by", sa.String(length=100), nullable=False),
        sa.Column("reviewed_at", Time(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["correction_decisions.decision_id"], name=op.f("fk_second_reviews_decision_id")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_second_reviews")),
    )
    op.create_index(op.f("ix_second_reviews_decision_id"), "second_reviews", ["decision_id"], unique=False)
    op.add_column("issues", sa.Column("propensity", sa.Float(), server_default="1", nullable=False))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("issues", "propensity")
    op.drop_index(op.f("ix_second_reviews_decision_id"), table_name="second_reviews")
    op.drop_table("second_reviews")
    op.drop_table("error_changes")
