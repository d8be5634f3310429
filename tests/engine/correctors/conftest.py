"""One way to ask a corrector: values of one field in, candidates by value out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.record import conform, empty
from engine.correctors import Context, correctors
from engine.types import DECISIONS, QUESTIONS

Answers = dict[str, list[tuple[str, float, str]]]
Ask = Callable[..., Answers]


@pytest.fixture
def ask() -> Ask:
    """``ask(corrector, kind, field, values, check=, params=, record=, records=, decisions=, **context)``.

    Gives observed value to its candidates as (value, score, reason), best first; the empty list where there are none.
    """

    def asking(
        name: str,
        kind: str,
        field: str,
        values: Sequence[str],
        *,
        check: str = "",
        params: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
        records: Sequence[Mapping[str, Any]] = (),
        decisions: pl.DataFrame | None = None,
        connection: str = "shop",
        channel: str = "market",
        **context: Any,
    ) -> Answers:
        rows = [dict(record or {}) | {field: value, "record_key": str(n)} for n, value in enumerate(values)]
        whole = conform(pl.DataFrame(rows, infer_schema_length=None), kind).drop("raw")
        fixed = {"connection": connection, "channel": channel, "kind": kind, "field": field, "rule_id": "rule"}
        fixed |= {"check": check, "params": json.dumps(dict(params or {})), "pattern_id": "pattern"}
        questions = pl.DataFrame(
            {"issue_id": [f"i{n}" for n in range(len(values))], "record_key": whole["record_key"], "observed": values}
        ).with_columns(**{column: pl.lit(value) for column, value in fixed.items()}, record=whole.to_struct("record"))
        known = conform(pl.DataFrame(list(records), infer_schema_length=None), kind) if records else empty(kind)
        past = decisions if decisions is not None else pl.DataFrame(schema=DECISIONS)
        around = Context(records=known.lazy(), decisions=past, **context)
        corrector = correctors()[name]()
        corrector.fit(around)
        found = corrector.suggest(questions.select([*QUESTIONS, "record"]), around)
        answers: Answers = {value: [] for value in values}
        observed = dict(questions.select("issue_id", "observed").iter_rows())
        for issue, value, _, score, reason in found.iter_rows():
            answers[observed[issue]].append((value, score, reason))
        return answers

    return asking


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[3].parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder}; set CHANNELMEND_SHARED")
    return folder / "data"
