"""The words and tables that the steps of the loop hand to each other.

Each step is a function with a frame in and a frame out; the schemas are here so that a step can be read, tested and
replaced alone.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

__all__ = ["CANDIDATES", "DECISIONS", "DETECTED", "ISSUES", "QUESTIONS", "RuleType", "Severity", "Status", "Verdict"]


class Status(StrEnum):
    """State of an issue."""

    PENDING = "pending"
    AUTO_CORRECTED = "auto_corrected"
    APPROVED = "approved"
    REJECTED = "rejected"
    MODIFIED = "modified"
    UNDONE = "undone"
    RESOLVED = "resolved"
    """Gone at the source without our doing."""
    FAILED = "failed"
    """The platform refused the push."""


class Verdict(StrEnum):
    """What a person said of a suggestion."""

    APPROVED = "approved"
    REJECTED = "rejected"
    MODIFIED = "modified"


class Severity(StrEnum):
    """``error``: the channel rejects the offer; ``warning``: it sells worse."""

    ERROR = "error"
    WARNING = "warning"


class RuleType(StrEnum):
    """Family of a rule."""

    REQUIRED_FIELD = "required_field"
    FORMAT_VALIDATION = "format_validation"
    BUSINESS_RULE = "business_rule"
    MARKETPLACE_RULE = "marketplace_rule"


DETECTED: dict[str, pl.DataType | type[pl.DataType]] = {
    "kind": pl.String,
    "record_key": pl.String,
    "parent_key": pl.String,
    "field": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "observed": pl.String,
}
"""What `detect` gives: one row for each rule that a record breaks. ``observed`` is the field as text, lists as JSON."""

QUESTIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "issue_id": pl.String,
    "connection": pl.String,
    "channel": pl.String,
    "kind": pl.String,
    "record_key": pl.String,
    "field": pl.String,
    "rule_id": pl.String,
    "check": pl.String,
    "params": pl.String,
    "observed": pl.String,
    "pattern_id": pl.String,
}
"""What a corrector is asked, beside a struct column ``record`` with the canonical fields of the whole record.

``check`` and ``params`` (JSON text) are those of the rule that fired; ``observed`` is never masked here.
"""

CANDIDATES: dict[str, pl.DataType | type[pl.DataType]] = {
    "issue_id": pl.String,
    "value": pl.String,
    "corrector": pl.String,
    "score": pl.Float64,
    "reason": pl.String,
}
"""What a corrector answers: zero or more rows an issue. ``value`` is text (``images`` a JSON list of text), ``score`` raw in 0..1."""

DECISIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "decision_id": pl.String,
    "issue_id": pl.String,
    "pattern_id": pl.String,
    "connection": pl.String,
    "channel": pl.String,
    "kind": pl.String,
    "field": pl.String,
    "rule_id": pl.String,
    "corrector": pl.String,
    "observed": pl.String,
    "suggested": pl.String,
    "final": pl.String,
    "verdict": pl.String,
    "decided_by": pl.String,
    "decided_at": pl.Datetime("us", "UTC"),
}
"""What a learner sees of the past: decisions that stand (not undone), oldest first. Personal values are masked."""

ISSUES: dict[str, pl.DataType | type[pl.DataType]] = {
    "issue_id": pl.String,
    "pattern_id": pl.String,
    "run_id": pl.String,
    "connection": pl.String,
    "channel": pl.String,
    "kind": pl.String,
    "record_key": pl.String,
    "field": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "observed": pl.String,
    "suggested": pl.String,
    "corrector": pl.String,
    "confidence": pl.Float64,
    "reason": pl.String,
    "status": pl.String,
    "detected_at": pl.Datetime("us", "UTC"),
}
"""What `Workspace.issues` gives: one row an issue, its best candidate and that candidate's confidence beside it."""
