"""Every table of the knowledge base, as SQLAlchemy Core. `engine.store.migrations` brings a database to this form.

`marketplace_rules`, `issue_patterns`, `correction_decisions` and `auto_correction_rules` have the columns that users of
the earlier guide know; columns after the comment ``# beside the guide's columns`` are ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

__all__ = [
    "Time",
    "audit_log",
    "auto_correction_rules",
    "candidates",
    "connections",
    "correction_decisions",
    "corrections",
    "cursors",
    "error_changes",
    "issue_patterns",
    "issues",
    "language_model_answers",
    "language_model_usage",
    "marketplace_rules",
    "metadata",
    "model_pointers",
    "quarantine",
    "requirements",
    "runs",
    "second_reviews",
    "text_embeddings",
    "webhook_events",
]


class Time(sa.TypeDecorator[datetime]):
    """An instant in UTC: ``timestamptz`` in PostgreSQL, UTC text in SQLite; always aware in Python."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The type in that database."""
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """An aware instant; SQLite gets it without zone, in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Always aware, in UTC."""
        return None if value is None else (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


Json = sa.JSON().with_variant(JSONB(), "postgresql")
Identifier = sa.String(36)
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, Identifier, primary_key=True)


def _text(name: str, *arguments: Any, length: int = 100, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), *arguments, nullable=options.pop("nullable", False), **options)


def _time(name: str, **options: Any) -> sa.Column[datetime]:
    return sa.Column(name, Time, nullable=options.pop("nullable", False), **options)


marketplace_rules = sa.Table(
    "marketplace_rules",
    metadata,
    sa.Column("rule_id", sa.String(100), primary_key=True),
    sa.Column("marketplace_name", sa.String(100), primary_key=True),
    _text("rule_type", length=50),
    sa.Column("rule_description", sa.Text, nullable=False),
    sa.Column("validation_logic", Json, nullable=False),
    sa.Column("auto_correction_logic", Json, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    _time("created_at"),
)

issue_patterns = sa.Table(
    "issue_patterns",
    metadata,
    _key("pattern_id"),
    _text("marketplace_name"),
    _text("issue_type"),
    sa.Column("issue_description", sa.Text, nullable=False),
    sa.Column("pattern_signature", Json, nullable=False),
    sa.Column("occurrence_count", sa.Integer, nullable=False, default=1),
    _time("last_seen_at"),
    # beside the guide's columns
    _time("first_seen_at"),
)

correction_decisions = sa.Table(
    "correction_decisions",
    metadata,
    _key("decision_id"),
    sa.Column("pattern_id", Identifier, sa.ForeignKey("issue_patterns.pattern_id"), nullable=False, index=True),
    sa.Column("issue_data", Json, nullable=False),
    sa.Column("ai_suggestion", Json, nullable=False),
    _text("human_decision", length=50),
    sa.Column("final_solution", Json, nullable=False),
    _text("decided_by"),
    _time("decided_at"),
    sa.Column("confidence_score", sa.Numeric(5, 2)),
    # beside the guide's columns
    sa.Column("sequence", sa.Integer, nullable=False, unique=True),
    sa.Column("issue_id", Identifier, nullable=False, index=True),
    sa.Column("candidate_id", Identifier),
    _text("origin", length=20),
    sa.Column("propensity", sa.Float, nullable=False, default=1.0),
    sa.Column("note", sa.Text, nullable=False, default=""),
    _time("undone_at", nullable=True),
    # What has been taken back is asked before every use of the knowledge, and is little.
    sa.Index(
        "ix_correction_decisions_undone",
        "sequence",
        sqlite_where=sa.text("undone_at IS NOT NULL"),
        postgresql_where=sa.text("undone_at IS NOT NULL"),
    ),
)

auto_correction_rules = sa.Table(
    "auto_correction_rules",
    metadata,
    _key("auto_rule_id"),
    sa.Column("pattern_id", Identifier, sa.ForeignKey("issue_patterns.pattern_id"), nullable=False, unique=True),
    sa.Column("correction_logic", Json, nullable=False),
    sa.Column("confidence_threshold", sa.Numeric(5, 2), nullable=False),
    sa.Column("success_rate", sa.Numeric(5, 2)),
    sa.Column("application_count", sa.Integer, nullable=False, default=0),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    _time("created_at"),
)

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    _text("platform"),
    _text("channel"),
    sa.Column("sealed_credentials", sa.Text, nullable=False),
    sa.Column("is_enabled", sa.Boolean, nullable=False, default=True),
    _time("created_at"),
    _time("credentials_changed_at"),
)

runs = sa.Table(
    "runs",
    metadata,
    _key("run_id"),
    _text("connection", index=True),
    _text("job", length=20),
    _text("status", length=20),
    _time("started_at"),
    _time("finished_at", nullable=True),
    sa.Column("counts", Json, nullable=False),
    sa.Column("error", sa.Text, nullable=False, default=""),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("connection", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    _time("since"),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    _key("quarantine_id"),
    sa.Column("run_id", Identifier, nullable=False, index=True),
    _text("connection"),
    _text("kind", length=20),
    sa.Column("record_key", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("sealed_raw", sa.Text, nullable=False),
    _time("created_at"),
)

issues = sa.Table(
    "issues",
    metadata,
    _key("issue_id"),
    sa.Column("pattern_id", Identifier, sa.ForeignKey("issue_patterns.pattern_id"), nullable=False, index=True),
    sa.Column("run_id", Identifier, nullable=False),
    _text("connection"),
    _text("channel"),
    _text("kind", length=20),
    sa.Column("record_key", sa.Text, nullable=False),
    sa.Column("parent_key", sa.Text, nullable=False, default=""),
    _text("field"),
    _text("rule_id"),
    _text("severity", length=20),
    sa.Column("observed", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False, index=True),
    _text("status", length=20),
    _text("reason", length=400, default=""),
    sa.Column("is_audit", sa.Boolean, nullable=False, default=False),
    sa.Column("propensity", sa.Float, nullable=False, default=1.0, server_default="1"),
    _time("detected_at"),
    _time("closed_at", nullable=True),
    sa.Index("ix_issues_queue", "connection", "status"),
    sa.Index(
        "uq_issues_pending",
        "fingerprint",
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    ),
)

candidates = sa.Table(
    "candidates",
    metadata,
    _key("candidate_id"),
    sa.Column("issue_id", Identifier, sa.ForeignKey("issues.issue_id"), nullable=False, index=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    _text("corrector"),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("lower", sa.Float, nullable=False),
    sa.Column("error_bound", sa.Float, nullable=False),
    sa.Column("evidence", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("features", Json, nullable=False),
    sa.Column("model_version", sa.Integer),
    sa.Column("shadow_version", sa.Integer),
    sa.Column("shadow_confidence", sa.Float),
)

corrections = sa.Table(
    "corrections",
    metadata,
    _key("correction_id"),
    sa.Column("issue_id", Identifier, sa.ForeignKey("issues.issue_id"), nullable=False, index=True),
    _text("connection"),
    _text("kind", length=20),
    sa.Column("record_key", sa.Text, nullable=False),
    sa.Column("parent_key", sa.Text, nullable=False),
    _text("field"),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    _text("corrector"),
    sa.Column("confidence", sa.Float),
    sa.Column("is_automatic", sa.Boolean, nullable=False),
    _text("status", length=20),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("undoes", Identifier, nullable=True, unique=True),
    _text("written_by"),
    _time("written_at"),
    _time("sent_at", nullable=True),
    _time("verified_at", nullable=True),
    sa.Index("ix_corrections_outbox", "connection", "status"),
)

error_changes = sa.Table(
    "error_changes",
    metadata,
    _key("change_id"),
    _text("stream", length=20),
    _text("corrector"),
    _text("rule_id"),
    sa.Column("pattern_id", Identifier, nullable=False),
    sa.Column("rang_at", sa.Integer, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("error_before", sa.Float, nullable=False),
    sa.Column("error_after", sa.Float, nullable=False),
    _time("noticed_at"),
    _time("withdrawn_at", nullable=True),
    sa.UniqueConstraint("stream", "corrector", "rule_id", "pattern_id", "rang_at"),
)

second_reviews = sa.Table(
    "second_reviews",
    metadata,
    _key("review_id"),
    sa.Column("decision_id", Identifier, sa.ForeignKey("correction_decisions.decision_id"), nullable=False, index=True),
    _text("reason", length=20),
    sa.Column("propensity", sa.Float, nullable=False),
    _text("verdict", length=50),
    sa.Column("final_solution", Json, nullable=False),
    _text("reviewed_by"),
    _time("reviewed_at"),
)

text_embeddings = sa.Table(
    "text_embeddings",
    metadata,
    sa.Column("embedder", sa.String(100), primary_key=True),
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

language_model_answers = sa.Table(
    "language_model_answers",
    metadata,
    sa.Column("model", sa.String(200), primary_key=True),
    sa.Column("question_hash", sa.String(64), primary_key=True),
    sa.Column("answer", Json, nullable=False),
    _time("answered_at"),
)

language_model_usage = sa.Table(
    "language_model_usage",
    metadata,
    sa.Column("period", sa.String(16), primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
)

model_pointers = sa.Table(
    "model_pointers",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    _time("changed_at"),
)

requirements = sa.Table(
    "requirements",
    metadata,
    sa.Column("connection", sa.String(100), primary_key=True),
    sa.Column("category", sa.String(400), primary_key=True),
    sa.Column("content", Json, nullable=False),
    _time("fetched_at"),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    sa.Column("connection", sa.String(100), primary_key=True),
    sa.Column("event_id", sa.String(200), primary_key=True),
    _text("topic"),
    _text("kind", length=20),
    sa.Column("record_keys", Json, nullable=False),
    _text("status", length=20),
    sa.Column("message", sa.Text, nullable=False, default=""),
    _time("received_at"),
    _time("handled_at", nullable=True),
    sa.Index("ix_webhook_events_waiting", "connection", "status"),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    _time("at"),
    _text("who"),
    _text("action"),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", Json, nullable=False),
    _text("previous_hash", length=64),
    _text("hash", length=64),
)
