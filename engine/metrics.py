"""The key figures, and DuckDB over lake and knowledge base for everything else.

The knowledge base comes as Arrow batches, the lake as Parquet files; nothing that a query does can change either.
"""

from __future__ import annotations

import re
from datetime import datetime

import duckdb
import polars as pl

from connectors.record import KINDS, empty
from engine.errors import ConfigError
from engine.lake import Lake
from engine.store.database import Store
from engine.store.tables import metadata

__all__ = ["KEY_FIGURES", "key_figures", "query"]

_HIDDEN = {"connections": {"sealed_credentials"}, "quarantine": {"sealed_raw"}, "text_embeddings": {"vector"}}
"""Columns that a query never sees."""

KEY_FIGURES: tuple[tuple[str, str, str, str], ...] = (
    (
        "issue_detection_rate",
        "Issues found per 1000 records synced",
        "< 50",
        """select 1000.0 * (select count(*) from issues where detected_at >= since)
                  / nullif((select sum(coalesce(cast(counts->>'products' as bigint), 0) + coalesce(cast(counts->>'orders' as bigint), 0)
                       + coalesce(cast(counts->>'stocks' as bigint), 0)) from runs where job in ('sync', 'ingest') and started_at >= since), 0)""",
    ),
    (
        "auto_correction_rate",
        "Share of acted-on issues corrected without asking",
        "> 0.60",
        """select count(*) filter (status = 'auto_corrected') * 1.0
                  / nullif(count(*) filter (status in ('auto_corrected', 'approved', 'rejected', 'modified', 'undone', 'failed')), 0)
           from issues where coalesce(closed_at, detected_at) >= since""",
    ),
    (
        "human_review_minutes",
        "Median minutes from detection to a person's decision",
        "< 5",
        """select median(date_diff('second', i.detected_at, d.decided_at)) / 60.0
           from correction_decisions d join issues i using (issue_id)
           where d.origin in ('review', 'audit') and d.undone_at is null and d.decided_at >= since""",
    ),
    (
        "correction_accuracy",
        "Share of pushed corrections that were verified and not undone",
        "> 0.95",
        """select count(*) filter (status = 'verified') * 1.0 / nullif(count(*) filter (status in ('verified', 'failed', 'undone')), 0)
           from corrections where undoes is null and written_at >= since""",
    ),
    (
        "knowledge_growth",
        "New patterns a week, over the weeks since the start",
        "10-20",
        """select count(*) / greatest(1, ceil(date_diff('day', min(first_seen_at), max(last_seen_at)) / 7.0))
           from issue_patterns where first_seen_at >= since""",
    ),
    (
        "confidence_improvement",
        "Rise of the mean confidence of decided suggestions, last 30 days against the 30 before",
        "> 0.05",
        """select avg(confidence_score) filter (decided_at >= latest - interval 30 day)
                - avg(confidence_score) filter (decided_at < latest - interval 30 day and decided_at >= latest - interval 60 day)
           from (select *, max(decided_at) over () as latest from correction_decisions where undone_at is null and decided_at >= since)""",
    ),
)
"""Name, meaning, target and DuckDB query (with the parameter ``since``) of the mission's six key figures."""


def key_figures(store: Store, lake: Lake, *, since: datetime | None = None) -> pl.DataFrame:
    """The six key figures: ``metric, value, target, meaning``; the value is null while there is nothing to measure."""
    with _open(store, lake) as database:
        database.execute("set variable since_text = ?", [since.isoformat() if since else "1970-01-01"])
        rows = []
        for name, meaning, target, sql in KEY_FIGURES:
            text = re.sub(r"\bsince\b", "cast(getvariable('since_text') as timestamptz)", sql)
            found = database.execute(text).fetchone()
            rows.append((name, None if found is None or found[0] is None else float(found[0]), target, meaning))
    return pl.DataFrame(
        rows, schema={"metric": pl.String, "value": pl.Float64, "target": pl.String, "meaning": pl.String}, orient="row"
    )


def query(store: Store, lake: Lake, sql: str) -> pl.DataFrame:
    """Answer of one DuckDB query over the tables of the knowledge base and the views ``products``, ``orders``, ``order_lines``, ``stocks``.

    Raises
    ------
    ConfigError
        With DuckDB's own words when the query is wrong or asks for more than reading.
    """
    with _open(store, lake) as database:
        try:
            return pl.from_arrow(database.sql(sql).to_arrow_table())  # type: ignore[return-value]
        except duckdb.Error as error:
            raise ConfigError(f"The query failed: {error}") from None


def _open(store: Store, lake: Lake) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'")
    for table in metadata.sorted_tables:
        shown = [column for column in table.columns if column.name not in _HIDDEN.get(table.name, set())]
        names = ", ".join(
            f"CAST({c.name} AS TEXT) AS {c.name}" if type(c.type).__name__ in {"JSON", "Numeric", "Time"} else c.name
            for c in shown
        )
        frame = store.arrow(f"SELECT {names} FROM {table.name}")
        casts = [
            pl.col(c.name).cast(pl.String).cast(pl.Float64, strict=False)
            for c in shown
            if type(c.type).__name__ == "Numeric"
        ]
        casts += [_instant(c.name) for c in shown if type(c.type).__name__ == "Time"]
        casts += [pl.col(c.name).cast(pl.Boolean) for c in shown if type(c.type).__name__ == "Boolean"]
        casts += [pl.col(c.name).cast(pl.String) for c in shown if type(c.type).__name__ in {"String", "Text"}]
        database.register(f"{table.name}_arrow", frame.with_columns(casts).to_arrow())
        database.execute(f"create table {table.name} as select * from {table.name}_arrow")
        database.unregister(f"{table.name}_arrow")
    for kind in KINDS:
        _view(database, lake, kind)
    # From here on a query may read the lake and nothing else on this machine.
    database.execute(f"set allowed_directories = ['{str(lake.folder).replace(chr(39), chr(39) * 2)}/']")
    database.execute("set enable_external_access = false")
    database.execute("set lock_configuration = true")
    return database


def _view(database: duckdb.DuckDBPyConnection, lake: Lake, kind: str) -> None:
    files = [str(path) for path in lake.files(kind)]
    if not files:
        database.register(f"{kind}s", empty(kind).with_columns(pl.lit("").alias("connection")).to_arrow())
        return
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    database.execute(
        f"create view {kind}s as select * exclude (is_gone, filename, file_row_number) from read_parquet([{listed}], filename = true, file_row_number = true) "
        "qualify row_number() over (partition by connection, record_key order by filename desc, file_row_number desc) = 1 and not is_gone"
    )


def _instant(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.replace(r"\+00(:00)?$", "").str.replace(" ", "T")
    return text.str.to_datetime(time_unit="us", strict=False).dt.replace_time_zone("UTC")
