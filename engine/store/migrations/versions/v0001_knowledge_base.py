"""The knowledge base, as first released."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from engine.store.tables import Time

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "audit_log",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Time(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "connections",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("sealed_credentials", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", Time(), nullable=False),
        sa.Column("credentials_changed_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connections")),
    )
    op.create_table(
        "cursors",
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("since", Time(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "kind", name=op.f("pk_cursors")),
    )
    op.create_table(
        "issue_patterns",
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("marketplace_name", sa.String(length=100), nullable=False),
        sa.Column("issue_type", sa.String(length=100), nullable=False),
        sa.Column("issue_description", sa.Text(), nullable=False),
        sa.Column("pattern_signature", JSON, nullable=False),
        sa.Column("occurrence_count", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", Time(), nullable=False),
        sa.Column("first_seen_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("pattern_id", name=op.f("pk_issue_patterns")),
    )
    op.create_table(
        "marketplace_rules",
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("marketplace_name", sa.String(length=100), nullable=False),
        sa.Column("rule_type", sa.String(length=50), nullable=False),
        sa.Column("rule_description", sa.Text(), nullable=False),
        sa.Column("validation_logic", JSON, nullable=False),
        sa.Column("auto_correction_logic", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "marketplace_name", name=op.f("pk_marketplace_rules")),
    )
    op.create_table(
        "model_pointers",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("changed_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_model_pointers")),
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("sealed_raw", sa.Text(), nullable=False),
        sa.Column("created_at", Time(), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_run_id"), "quarantine", ["run_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("job", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("started_at", Time(), nullable=False),
        sa.Column("finished_at", Time(), nullable=True),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_connection"), "runs", ["connection"], unique=False)
    op.create_table(
        "text_embeddings",
        sa.Column("embedder", sa.String(length=100), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("embedder", "text_hash", name=op.f("pk_text_embeddings")),
    )
    op.create_table(
        "auto_correction_rules",
        sa.Column("auto_rule_id", sa.String(length=36), nullable=False),
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("correction_logic", JSON, nullable=False),
        sa.Column("confidence_threshold", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("success_rate", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("application_count", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Time(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["issue_patterns.pattern_id"], name=op.f("fk_auto_correction_rules_pattern_id")
        ),
        sa.PrimaryKeyConstraint("auto_rule_id", name=op.f("pk_auto_correction_rules")),
        sa.UniqueConstraint("pattern_id", name=op.f("uq_auto_correction_rules_pattern_id")),
    )
    op.create_table(
        "correction_decisions",
        sa.Column("decision_id", sa.String(length=36), nullable=False),
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("issue_data", JSON, nullable=False),
        sa.Column("ai_suggestion", JSON, nullable=False),
        sa.Column("human_decision", sa.String(length=50), nullable=False),
        sa.Column("final_solution", JSON, nullable=False),
        sa.Column("decided_by", sa.String(length=100), nullable=False),
        sa.Column("decided_at", Time(), nullable=False),
        sa.Column("confidence_score", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.String(length=36), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=True),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("undone_at", Time(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["issue_patterns.pattern_id"], name=op.f("fk_correction_decisions_pattern_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_correction_decisions")),
        sa.UniqueConstraint("sequence", name=op.f("uq_correction_decisions_sequence")),
    )
    op.create_index(op.f("ix_correction_decisions_issue_id"), "correction_decisions", ["issue_id"], unique=False)
    op.create_index(op.f("ix_correction_decisions_pattern_id"), "correction_decisions", ["pattern_id"], unique=False)
    op.create_table(
        "issues",
        sa.Column("issue_id", sa.String(length=36), nullable=False),
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("parent_key", sa.Text(), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("is_audit", sa.Boolean(), nullable=False),
        sa.Column("detected_at", Time(), nullable=False),
        sa.Column("closed_at", Time(), nullable=True),
        sa.ForeignKeyConstraint(["pattern_id"], ["issue_patterns.pattern_id"], name=op.f("fk_issues_pattern_id")),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_issues")),
    )
    op.create_index(op.f("ix_issues_fingerprint"), "issues", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_issues_pattern_id"), "issues", ["pattern_id"], unique=False)
    op.create_index("ix_issues_queue", "issues", ["connection", "status"], unique=False)
    op.create_index(
        "uq_issues_pending",
        "issues",
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "candidates",
        sa.Column("candidate_id", sa.String(length=36), nullable=False),
        sa.Column("issue_id", sa.String(length=36), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("corrector", sa.String(length=100), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("lower", sa.Float(), nullable=False),
        sa.Column("error_bound", sa.Float(), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("features", JSON, nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.issue_id"], name=op.f("fk_candidates_issue_id")),
        sa.PrimaryKeyConstraint("candidate_id", name=op.f("pk_candidates")),
    )
    op.create_index(op.f("ix_candidates_issue_id"), "candidates", ["issue_id"], unique=False)
    op.create_table(
        "corrections",
        sa.Column("correction_id", sa.String(length=36), nullable=False),
        sa.Column("issue_id", sa.String(length=36), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("parent_key", sa.Text(), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("corrector", sa.String(length=100), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("undoes", sa.String(length=36), nullable=True),
        sa.Column("written_by", sa.String(length=100), nullable=False),
        sa.Column("written_at", Time(), nullable=False),
        sa.Column("sent_at", Time(), nullable=True),
        sa.Column("verified_at", Time(), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.issue_id"], name=op.f("fk_corrections_issue_id")),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("undoes", name=op.f("uq_corrections_undoes")),
    )
    op.create_index(op.f("ix_corrections_issue_id"), "corrections", ["issue_id"], unique=False)
    op.create_index("ix_corrections_outbox", "corrections", ["connection", "status"], unique=False)


def downgrade() -> None:
    """Drop every table."""
    op.drop_index("ix_corrections_outbox", table_name="corrections")
    op.drop_index(op.f("ix_corrections_issue_id"), table_name="corrections")
    op.drop_table("corrections")
    op.drop_index(op.f("ix_candidates_issue_id"), table_name="candidates")
    op.drop_table("candidates")
    op.drop_index(
        "uq_issues_pending",
        table_name="issues",
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.drop_index("ix_issues_queue", table_name="issues")
    op.drop_index(op.f("ix_issues_pattern_id"), table_name="issues")
    op.drop_index(op.f("ix_issues_fingerprint"), table_name="issues")
    op.drop_table("issues")
    op.drop_index(op.f("ix_correction_decisions_pattern_id"), table_name="correction_decisions")
    op.drop_index(op.f("ix_correction_decisions_issue_id"), table_name="correction_decisions")
    op.drop_table("correction_decisions")
    op.drop_table("auto_correction_rules")
    op.drop_table("text_embeddings")
    op.drop_index(op.f("ix_runs_connection"), table_name="runs")
    op.drop_table("runs")
    op.drop_index(op.f("ix_quarantine_run_id"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("model_pointers")
    op.drop_table("marketplace_rules")
    op.drop_table("issue_patterns")
    op.drop_table("cursors")
    op.drop_table("connections")
    op.drop_table("audit_log")
