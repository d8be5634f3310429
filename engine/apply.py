"""Pushing corrections through the outbox, with proof: compare before writing, send, read back.

Every step is in the database before the next one begins, so a process that dies anywhere leaves a row that says how far
it came, and the next push goes on from there: what already stands at the platform is verified, what does not is sent
again, and a value that is neither the old nor the new one is somebody else's edit and is never overwritten.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import polars as pl

from connectors.platform import CHANGES
from connectors.record import empty
from engine.detect import observed_text
from engine.lake import Lake
from engine.store.database import Store
from engine.store.outbox import mark, open_corrections
from engine.store.queue import close_issues
from engine.suggest import replace_field
from engine.types import Status
from engine.vault import Vault

__all__ = ["LakeTarget", "Outcome", "Target", "push", "same_value"]

_BATCH = 200
_UNSETTLED = ("unfinished", "unknown")
"""Codes of `connectors.platform.RESULTS` for changes of which it is not known whether they arrived."""


class Target(Protocol):
    """The two verbs of `connectors.platform.Connector` that a push needs."""

    def read(self, kind: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
        """The named records as they are now."""
        ...

    def push(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Send changes; one answer each."""
        ...


@dataclass
class Outcome:
    """What a push came to: correction identifiers by fate, and for the troubled ones the words that explain it."""

    verified: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    pushed: int = 0
    current: dict[str, str] = field(default_factory=dict)
    """Correction to the value found at the platform, for failures and conflicts."""


class LakeTarget:
    """Records that came as a frame have no platform: their corrections are written to the lake.

    Parameters
    ----------
    lake : Lake
    connection : str
    run_id : str
    """

    def __init__(self, lake: Lake, connection: str, run_id: str) -> None:
        self._lake, self._connection, self._run_id = lake, connection, run_id

    def read(self, kind: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
        """The named records as last seen."""
        return self._lake.find(self._connection, kind, [key for key, _ in keys])

    def push(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Write the changed records; every change is accepted."""
        for (kind,), part in changes.partition_by("kind", as_dict=True).items():
            records = self._lake.find(self._connection, str(kind), part["record_key"].to_list())
            for (name,), values in part.partition_by("field", as_dict=True).items():
                new = records.join(
                    values.select("record_key", "value"), on="record_key", how="inner", maintain_order="left"
                )
                rest = records.join(values, on="record_key", how="anti")
                records = pl.concat([replace_field(new.drop("value"), str(name), new["value"]), rest])
            self._lake.write(self._connection, str(kind), records, run_id=self._run_id)
        return changes.select(
            "correction_id", pl.lit("accepted").alias("status"), pl.lit("").alias("code"), pl.lit("").alias("message")
        )


def push(
    store: Store,
    vault: Vault,
    lake: Lake,
    target: Target,
    *,
    connection: str,
    run_id: str,
    rewritten: Mapping[str, frozenset[str]] | None = None,
    settles_s: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
    after_send: Callable[[], None] = lambda: None,
) -> Outcome:
    """Bring every open correction of a connection to an end.

    Parameters
    ----------
    target : Target
        The open platform connection.
    rewritten : mapping, optional
        `connectors.platform.Platform.rewritten`: fields of which only the number of values can be compared.
    settles_s : float
        `connectors.platform.Platform.settles_s`: a change that does not show within it stays in the outbox, and the next
        push compares again.
    sleep : callable
        `time.sleep`, or a test's own.
    after_send : callable
        Called between sending and reading back; tests stop the process here.

    Raises
    ------
    connectors.errors.PlatformError
        When the platform cannot be reached; what is not settled stays in the outbox for the next push.
    """
    outcome = Outcome()
    with store.exclusive(f"push:{connection}"):
        tried: list[str] = []
        while (batch := _next_batch(store, connection, tried)).height:
            tried += batch["correction_id"].to_list()
            opened = batch.with_columns(
                pl.Series(name, [vault.unseal(text) for text in batch[name]], dtype=pl.String)
                for name in ("before", "after")
            )
            for (kind,), part in opened.partition_by("kind", as_dict=True, maintain_order=True).items():
                counted = (rewritten or {}).get(str(kind), frozenset())
                _push_kind(
                    store,
                    lake,
                    target,
                    str(kind),
                    part,
                    connection,
                    run_id,
                    outcome,
                    counted,
                    _Settling(settles_s, sleep),
                    after_send,
                )
    return outcome


def _next_batch(store: Store, connection: str, tried: list[str]) -> pl.DataFrame:
    waiting = open_corrections(store, connection, without=tried, count=_BATCH)
    # Two corrections of one field build on each other: the later one waits until the earlier one is settled.
    return waiting.unique(["kind", "record_key", "field"], keep="first", maintain_order=True)


def _push_kind(
    store: Store,
    lake: Lake,
    target: Target,
    kind: str,
    batch: pl.DataFrame,
    connection: str,
    run_id: str,
    outcome: Outcome,
    counted: frozenset[str],
    settling: _Settling,
    after_send: Callable[[], None],
) -> None:
    now = _values_now(target, kind, batch)
    send: list[str] = []
    done: list[str] = []
    for row in batch.iter_rows(named=True):
        name, value = row["correction_id"], now.get(row["correction_id"])
        if value is None:
            outcome.failed[name] = f"{kind} {row['record_key']} is no longer at the platform"
        elif same_value(value, row["after"]):
            done.append(name)
        elif same_value(value, row["before"]) or (row["field"] in counted and _same_count(value, row["before"])):
            send.append(name)
        else:
            outcome.conflicts[name] = (
                "the value was changed at the platform after it was read; nothing was written over it"
            )
            outcome.current[name] = value
    with store.write() as transaction:
        moved = mark(transaction, send, "sent")
    send = [name for name in send if name in moved]
    if send:
        changes = batch.filter(pl.col("correction_id").is_in(send)).rename({"after": "value"}).select(list(CHANGES))
        answers = target.push(changes)
        outcome.pushed += len(send)
        after_send()
        accepted = pl.col("status") == "accepted"
        # Nobody knows what became of these: the next push compares, and sends them again if they did not arrive.
        open_still = pl.col("code").is_in(_UNSETTLED)
        refused = answers.filter(~accepted & ~open_still).select("correction_id", "code", "message")
        outcome.failed |= {
            name: f"the platform refused: {code} {words}".rstrip() for name, code, words in refused.iter_rows()
        }
        sent = batch.join(answers.filter(accepted), on="correction_id", how="semi")

        def unsettled(stored: Mapping[str, str]) -> list[str]:
            return [
                row["correction_id"]
                for row in sent.iter_rows(named=True)
                if not _is_stored(
                    stored.get(row["correction_id"]), row, now[row["correction_id"]], row["field"] in counted
                )
            ]

        stored = settling.read(
            lambda: _values_now(
                target, kind, sent, remember=lambda records: lake.write(connection, kind, records, run_id=run_id)
            ),
            unsettled,
        )
        waiting = set(unsettled(stored))
        for row in sent.iter_rows(named=True):
            name, value = row["correction_id"], stored.get(row["correction_id"])
            if name not in waiting:
                done.append(name)
            elif settling.seconds and value is not None and same_value(value, row["before"]):
                # Not yet there, and nothing says that it never will be: the next push compares again.
                continue
            else:
                outcome.failed[name] = "the platform accepted the change, yet reading it back shows another value"
                outcome.current[name] = value or ""
    _settle(store, batch, done, outcome)


def _settle(store: Store, batch: pl.DataFrame, done: list[str], outcome: Outcome) -> None:
    here = set(batch["correction_id"])
    failed = {name: text for name, text in outcome.failed.items() if name in here}
    conflicts = {name: text for name, text in outcome.conflicts.items() if name in here}
    issue_of = dict(batch.select("correction_id", "issue_id").iter_rows())
    with store.write() as transaction:
        moved = mark(transaction, done, "verified")
        mark(transaction, list(failed), "failed", messages=failed)
        mark(transaction, list(conflicts), "conflict", messages=conflicts)
        acted = (Status.APPROVED, Status.MODIFIED, Status.AUTO_CORRECTED)
        for name, text in (failed | conflicts).items():
            close_issues(transaction, [issue_of[name]], Status.FAILED, reason=text, only=acted)
    outcome.verified += [name for name in done if name in moved]


def _values_now(
    target: Target, kind: str, batch: pl.DataFrame, remember: Callable[[pl.DataFrame], object] = lambda _: None
) -> dict[str, str]:
    """Correction to the value that its field has at the platform; records that are gone are left out."""
    if batch.is_empty():
        return {}
    keys = list(dict.fromkeys(batch.select("record_key", "parent_key").iter_rows()))
    records = target.read(kind, keys)
    if records.is_empty():
        records = empty(kind)
    remember(records)
    found: dict[str, str] = {}
    for (name,), part in batch.partition_by("field", as_dict=True).items():
        values = records.select("record_key", observed_text(kind, str(name)).alias("value"))
        found |= dict(part.join(values, on="record_key", how="inner").select("correction_id", "value").iter_rows())
    return found


@dataclass(frozen=True)
class _Settling:
    """Waits for a platform that shows a change a while after it accepted it."""

    seconds: float
    sleep: Callable[[float], None]

    def read(
        self, ask: Callable[[], dict[str, str]], unsettled: Callable[[Mapping[str, str]], list[str]]
    ) -> dict[str, str]:
        """The values once all of them show, or as they are when the time is over."""
        found, waited, pause = ask(), 0.0, 0.5
        while unsettled(found) and waited < self.seconds:
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 30.0)
            found = ask()
        return found


def _is_stored(value: str | None, row: dict[str, Any], former: str, by_count: bool) -> bool:
    return value is not None and _is_same(value, row, former, by_count)


def _is_same(value: str, row: dict[str, Any], former: str, by_count: bool) -> bool:
    return same_value(value, row["after"]) or (by_count and value != former and _same_count(value, row["after"]))


def _same_count(one: str, other: str) -> bool:
    return len(json.loads(one or "[]")) == len(json.loads(other or "[]"))


def same_value(one: str, other: str) -> bool:
    """Whether two texts mean the same stored value: equal but for outer blanks, or equal as plain numbers.

    >>> same_value("12.5", "12.50"), same_value("12,5", "12.50"), same_value("", "0")
    (True, False, False)
    """
    one, other = one.strip(), other.strip()
    if one == other:
        return True
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False
