"""The queue as a review page needs it: counted, filtered and cut in the database, so that its size does not matter.

`Workspace.issues` gives whole frames for notebooks and jobs; a page that several people keep open asks for one screen
at a time. Every text that leaves here has its personal values masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from connectors.record import FIELDS, empty
from connectors.record import field as record_field
from engine.store.outbox import OUTBOX, corrections_frame
from engine.store.queue import best_candidate, issues_frame
from engine.store.tables import correction_decisions, corrections, issue_patterns, issues
from engine.types import Status
from engine.vault import masked

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["PATTERNS", "Filter", "ReviewQueue", "is_personal"]

PATTERNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "pattern_id": pl.String,
    "channel": pl.String,
    "field": pl.String,
    "kind": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "description": pl.String,
    "count": pl.Int64,
    "suggested_count": pl.Int64,
    "confidence": pl.Float64,
    "observed": pl.String,
    "suggested": pl.String,
}
"""Schema of `ReviewQueue.patterns`: ``observed`` and ``suggested`` are those of one of its issues, as an example."""

_PERSONAL = sorted({one.name for fields in FIELDS.values() for one in fields if one.personal})


@dataclass(frozen=True)
class Filter:
    """What a reviewer wants to see; an empty text is no wish.

    Parameters
    ----------
    connection, field, rule_id, pattern_id : str
        Exact names.
    search : str
        Words, each of which must occur, without regard to letter case, in the record key, channel, field, rule, observed
        or suggested value.
    """

    connection: str = ""
    field: str = ""
    rule_id: str = ""
    pattern_id: str = ""
    search: str = ""


class ReviewQueue:
    """Pending issues of a workspace, a screen at a time.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._store = workspace.store

    def counts(self) -> dict[str, int]:
        """Number of issues by status; a status without issues is left out."""
        query = sa.select(issues.c.status, sa.func.count().label("count")).group_by(issues.c.status)
        return {row["status"]: row["count"] for row in self._store.rows(query)}

    def revision(self) -> tuple[int, int]:
        """Two numbers that stay the same while nobody decides and no job adds or closes issues."""
        pending = sa.select(sa.func.count()).where(issues.c.status == Status.PENDING).scalar_subquery()
        decided = sa.select(sa.func.coalesce(sa.func.max(correction_decisions.c.sequence), 0)).scalar_subquery()
        row = self._store.rows(sa.select(pending.label("pending"), decided.label("decided")))[0]
        return int(row["pending"]), int(row["decided"])

    def choices(self) -> dict[str, list[str]]:
        """Connections and fields that have pending issues, in alphabetical order: ``{"connection": [...], "field": [...]}``."""
        found = {}
        for name in ("connection", "field"):
            column = issues.c[name]
            query = sa.select(column).where(issues.c.status == Status.PENDING).distinct().order_by(column)
            found[name] = [row[name] for row in self._store.rows(query)]
        return found

    def patterns(self, wanted: Filter | None = None, *, limit: int = 50) -> pl.DataFrame:
        """Patterns with pending issues, schema `PATTERNS`; first the one where a single decision settles the most.

        Parameters
        ----------
        wanted : Filter, optional
        limit : int
            Patterns at most.
        """
        best = best_candidate.c
        has_value = best.candidate_id.is_not(None)
        settled = sa.func.count(best.candidate_id)
        # The example is fetched by its key afterwards: ranking every issue only to show one would cost more than all else.
        example = sa.func.coalesce(sa.func.min(sa.case((has_value, issues.c.issue_id))), sa.func.min(issues.c.issue_id))
        counted = (
            sa.select(
                issues.c.pattern_id,
                sa.func.count().label("count"),
                settled.label("suggested_count"),
                sa.func.avg(best.confidence).label("confidence"),
                example.label("example"),
            )
            .select_from(issues.outerjoin(best_candidate, best.issue_id == issues.c.issue_id))
            .where(*_conditions(wanted))
            .group_by(issues.c.pattern_id)
            .order_by(settled.desc(), sa.func.count().desc(), issues.c.pattern_id)
            .limit(limit)
            .subquery()
        )
        shared = ("channel", "field", "kind", "rule_id", "severity", "observed")
        query = (
            sa.select(
                *(counted.c[name] for name in ("pattern_id", "count", "suggested_count", "confidence")),
                *(issues.c[name] for name in shared),
                best.value.label("suggested"),
                issue_patterns.c.issue_description.label("description"),
            )
            .select_from(
                counted.join(issues, issues.c.issue_id == counted.c.example)
                .join(issue_patterns, issue_patterns.c.pattern_id == counted.c.pattern_id)
                .outerjoin(best_candidate, best.issue_id == issues.c.issue_id)
            )
            .order_by(counted.c.suggested_count.desc(), counted.c["count"].desc(), counted.c.pattern_id)
        )
        return _shown(self._store.frame(query, PATTERNS), "suggested")

    def issues(self, pattern_id: str, wanted: Filter | None = None, *, limit: int = 100) -> pl.DataFrame:
        """Pending issues of one pattern, the surest first, schema `engine.types.ISSUES`."""
        conditions = [*_conditions(wanted), issues.c.pattern_id == pattern_id]
        return _shown(issues_frame(self._store, *conditions, limit=limit), "suggested")

    def issue_ids(self, pattern_id: str, wanted: Filter | None = None) -> list[str]:
        """Every pending issue of a pattern that has a suggestion."""
        best = best_candidate.c
        query = (
            sa.select(issues.c.issue_id)
            .select_from(issues.join(best_candidate, best.issue_id == issues.c.issue_id))
            .where(*_conditions(wanted), issues.c.pattern_id == pattern_id)
            .order_by(issues.c.issue_id)
        )
        return [row["issue_id"] for row in self._store.rows(query)]

    def issue(self, issue_id: str) -> dict[str, Any] | None:
        """One issue in whatever state, columns of `engine.types.ISSUES`; None when there is no such issue."""
        found = _shown(issues_frame(self._store, issues.c.issue_id == issue_id), "suggested")
        return found.row(0, named=True) if found.height else None

    def connections_of(self, issue_ids: Sequence[str]) -> list[str]:
        """Connections that the issues belong to, in alphabetical order."""
        found: set[str] = set()
        for part in _parts(issue_ids):
            query = sa.select(issues.c.connection).where(issues.c.issue_id.in_(part)).distinct()
            found.update(row["connection"] for row in self._store.rows(query))
        return sorted(found)

    def connections_of_corrections(self, correction_ids: Sequence[str]) -> list[str]:
        """Connections that the corrections belong to, in alphabetical order."""
        found: set[str] = set()
        for part in _parts(correction_ids):
            query = sa.select(corrections.c.connection).where(corrections.c.correction_id.in_(part)).distinct()
            found.update(row["connection"] for row in self._store.rows(query))
        return sorted(found)

    def titles(self, found: pl.DataFrame) -> dict[tuple[str, str, str], str]:
        """Product titles of the issues of a screen: ``(connection, kind, record_key)`` to text, products only.

        A variant is named by its product, with its own title behind where it has one.
        """
        named = {}
        for (connection, kind), part in found.partition_by("connection", "kind", as_dict=True).items():
            if kind != "product":
                continue
            records = self._records(str(connection), part["record_key"].to_list())
            parents = self._records(
                str(connection), records.filter(pl.col("level") == "variant")["parent_key"].to_list()
            )
            whole = dict(parents.select("record_key", "title").iter_rows())
            for key, parent, title in records.select("record_key", "parent_key", "title").iter_rows():
                product = whole.get(parent, "")
                shown = " · ".join(dict.fromkeys(one for one in (product, title) if one))
                named[str(connection), "product", key] = title if title.startswith(product) else shown
        return named

    def _records(self, connection: str, keys: Sequence[str]) -> pl.DataFrame:
        return self._workspace.lake.find(connection, "product", keys) if keys else empty("product")

    def corrections(
        self, *, connection: str = "", status: str = "", is_automatic: bool | None = None, limit: int = 100
    ) -> pl.DataFrame:
        """Corrections, newest first, personal values masked; the ways back of undone ones are left out."""
        conditions: list[sa.ColumnElement[bool]] = [corrections.c.undoes.is_(None)]
        if connection:
            conditions.append(corrections.c.connection == connection)
        if status:
            conditions.append(corrections.c.status == status)
        if is_automatic is not None:
            conditions.append(corrections.c.is_automatic == is_automatic)
        frame = corrections_frame(self._store, *conditions, limit=limit)
        return _shown(_shown(frame, "before"), "after").select(list(OUTBOX))

    def take_back(self, issue_ids: Sequence[str], *, by: str) -> int:
        """See `Workspace.undo_decisions`."""
        return self._workspace.undo_decisions(issue_ids, by=by)


def is_personal(kind: str, field: str) -> bool:
    """Whether a field holds personal data of a customer, so that its values are shown masked."""
    return record_field(kind, field).personal


def _conditions(wanted: Filter | None) -> list[sa.ColumnElement[bool]]:
    wanted = wanted or Filter()
    conditions: list[sa.ColumnElement[bool]] = [issues.c.status == Status.PENDING]
    for name in ("connection", "field", "rule_id", "pattern_id"):
        if value := getattr(wanted, name):
            conditions.append(issues.c[name] == value)
    value = best_candidate.c.value
    columns = (issues.c.record_key, issues.c.channel, issues.c.field, issues.c.rule_id, issues.c.observed)
    for word in wanted.search.split():
        hits = [column.icontains(word, autoescape=True) for column in columns]
        # The suggested value of a personal field is ciphertext: a match in it would be by chance.
        hits.append(sa.and_(value.icontains(word, autoescape=True), issues.c.field.not_in(_PERSONAL)))
        conditions.append(sa.or_(*hits))
    return conditions


def _shown(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    values = [None if value is None else masked(value) for value in frame[column]]
    return frame.with_columns(pl.Series(column, values, dtype=pl.String))


def _parts(names: Sequence[str], size: int = 500) -> list[list[str]]:
    return [list(names[start : start + size]) for start in range(0, len(names), size)]
