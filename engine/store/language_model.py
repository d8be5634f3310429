"""Answers of a language model that were paid for, and the day's and the minute's spending, shared by all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import language_model_answers, language_model_usage

__all__ = ["Allowance", "known_answers", "keep_answers", "release", "reserve", "spent"]

_HASHES_PER_STATEMENT = 5_000


@dataclass(frozen=True)
class Allowance:
    """How much may be asked. A day is one of UTC."""

    requests_per_minute: int
    requests_per_day: int
    tokens_per_day: int


def known_answers(store: Store, model: str, hashes: Sequence[str]) -> dict[str, Any]:
    """The answers that this model gave before, by hash of the question."""
    table = language_model_answers.c
    found: dict[str, Any] = {}
    for start in range(0, len(hashes), _HASHES_PER_STATEMENT):
        part = hashes[start : start + _HASHES_PER_STATEMENT]
        query = sa.select(table.question_hash, table.answer).where(table.model == model, table.question_hash.in_(part))
        found |= {row["question_hash"]: row["answer"] for row in store.rows(query)}
    return found


def keep_answers(store: Store, model: str, answers: Mapping[str, Any], now: datetime) -> None:
    """Store answers by hash of the question; one that another process stored meanwhile stays."""
    rows = [
        {"model": model, "question_hash": name, "answer": answer, "answered_at": now}
        for name, answer in answers.items()
    ]
    if rows:
        with store.write() as transaction:
            transaction.execute(store.upsert(language_model_answers).on_conflict_do_nothing(), rows)


def reserve(store: Store, now: datetime, tokens: int, allowance: Allowance) -> Literal["", "minute", "day"]:
    """Count one request and at most so many tokens as spent, if both periods allow it; else say which one is full.

    Reserving before asking keeps several processes together within the allowance, and what a process that dies has
    reserved stays spent, since nobody knows whether it was.
    """
    minute, day = _minute(now), _day(now)
    table = language_model_usage.c
    with store.write() as transaction:
        transaction.execute(
            sa.delete(language_model_usage).where(sa.func.length(table.period) > len(day), table.period < minute)
        )
        start = [{"period": period, "requests": 0, "tokens": 0} for period in (day, minute)]
        transaction.execute(store.upsert(language_model_usage).on_conflict_do_nothing(), start)
        query = sa.select(language_model_usage).where(table.period.in_([day, minute])).order_by(table.period)
        used = {row.period: row for row in transaction.execute(query.with_for_update())}
        if used[day].requests >= allowance.requests_per_day or used[day].tokens + tokens > allowance.tokens_per_day:
            return "day"
        if used[minute].requests >= allowance.requests_per_minute:
            return "minute"
        more = {"requests": table.requests + 1, "tokens": table.tokens + tokens}
        transaction.execute(sa.update(language_model_usage).where(table.period.in_([day, minute])).values(more))
    return ""


def release(store: Store, reserved_at: datetime, tokens: int) -> None:
    """Give back tokens that were reserved and not needed."""
    table = language_model_usage.c
    with store.write() as transaction:
        statement = sa.update(language_model_usage).where(table.period == _day(reserved_at))
        transaction.execute(statement.values(tokens=table.tokens - tokens))


def spent(store: Store, now: datetime) -> tuple[int, int]:
    """Requests and tokens of the day so far."""
    rows = store.rows(sa.select(language_model_usage).where(language_model_usage.c.period == _day(now)))
    return (rows[0]["requests"], rows[0]["tokens"]) if rows else (0, 0)


def _day(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%d")


def _minute(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
