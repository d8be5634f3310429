"""What platforms publish about their categories, fetched, kept, and turned into rules.

A rulebook holds what is true of a channel everywhere; which attributes a shoe needs and which words its colour may have
is told by the platform itself, by category and from day to day. What was fetched is kept in the table ``requirements``
for `LIFE`, so that a sync asks only for categories that are new or old.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.errors import PlatformError
from connectors.platform import REQUIREMENTS, Connector
from connectors.record import ATTRIBUTES
from connectors.record import field as record_field
from engine.rules import Rule
from engine.store.database import Store
from engine.store.tables import requirements
from engine.types import RuleType, Severity

__all__ = ["LIFE", "MOST", "fetch", "mark", "rules_of"]

LIFE = timedelta(days=7)
"""How long published requirements are believed; the platforms change theirs every few weeks."""

MOST = 50
"""Categories that one run asks for; the others come with the next runs."""

_NUMBER = (("minimum", "value", "at least"), ("maximum", "value", "at most"))
_BOUNDS = {
    "text": (("length", "minimum", "at least"), ("length", "maximum", "at most")),
    "number": _NUMBER,
    "integer": _NUMBER,
}
"""Type to the check and its parameter for the lower and the upper bound."""


def fetch(store: Store, connector: Connector, connection: str, categories: Sequence[str]) -> tuple[int, str]:
    """Ask for the requirements of categories that are not known or no longer believed, at most `MOST` of them.

    Returns
    -------
    (int, str)
        How many categories were asked for, and what went wrong (empty when nothing did): requirements are a help, and
        a run goes on without them.
    """
    now = datetime.now(UTC)
    query = sa.select(requirements.c.category).where(
        requirements.c.connection == connection, requirements.c.fetched_at > now - LIFE
    )
    fresh = {row["category"] for row in store.rows(query)}
    wanted = [one for one in dict.fromkeys(categories) if one and one not in fresh][:MOST]
    if not wanted:
        return 0, ""
    try:
        found = connector.requirements(wanted)
    except PlatformError as error:
        return 0, f"the requirements of {len(wanted)} categories could not be read: {error}"
    _keep(store, connection, wanted, found, now)
    return len(wanted), ""


def mark(store: Store, connection: str) -> str:
    """Text that changes when the kept requirements of a connection change."""
    query = sa.select(sa.func.count(), sa.func.max(requirements.c.fetched_at)).where(
        requirements.c.connection == connection
    )
    with store.read() as transaction:
        count, newest = transaction.execute(query).one()
    return f"{count}/{newest}"


def rules_of(store: Store, connection: str, channel: str) -> list[Rule]:
    """The kept requirements of a connection as rules of kind ``product``.

    Categories with the same demand share one rule, so that their number does not grow with the catalogue.
    """
    query = sa.select(requirements.c.content).where(requirements.c.connection == connection)
    rows = [row for one in store.rows(query) for row in one["content"]]
    demands: dict[str, tuple[Mapping[str, Any], set[str]]] = {}
    for row in rows:
        for demand in _demands(row):
            key = json.dumps(demand, sort_keys=True)
            demands.setdefault(key, (demand, set()))[1].add(row["category"])
    return [_rule(demand, categories, channel) for demand, categories in demands.values()]


def _keep(store: Store, connection: str, categories: Sequence[str], found: pl.DataFrame, now: datetime) -> None:
    rows: dict[str, list[dict[str, Any]]] = {one: [] for one in categories}
    for row in found.select(list(REQUIREMENTS)).iter_rows(named=True):
        rows.setdefault(row["category"] or "", []).append(row)
    with store.write() as transaction:
        for category, content in rows.items():
            values = {"content": content, "fetched_at": now}
            statement = store.upsert(requirements).values(connection=connection, category=category, **values)
            transaction.execute(statement.on_conflict_do_update(index_elements=["connection", "category"], set_=values))


def _demands(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The checks that one published row asks for, without its category."""
    shared = {"field": row["field"], "label": row["label"] or row["field"], "source": row["source"]}
    if not _is_judged(row["field"]):
        return
    if row["level"] == "required":
        yield shared | {"check": "required", "params": {}, "why": "must be given"}
    for (check, name, word), bound in zip(_BOUNDS.get(row["type"], ()), (row["minimum"], row["maximum"]), strict=False):
        if bound is not None:
            unit = " characters" if row["type"] == "text" else ""
            limit = int(bound) if row["type"] == "text" else bound
            yield shared | {"check": check, "params": {name: limit}, "why": f"may have {word} {limit:g}{unit}"}
    if row["pattern"]:
        yield shared | {"check": "pattern", "params": {"matches": row["pattern"]}, "why": "has a form of its own"}
    if row["type"] == "choice" and row["values"]:
        params = {"values": sorted(set(row["values"])), "ignore_case": True}
        yield shared | {"check": "one_of", "params": params, "why": "is one of the words of a list"}


def _is_judged(name: str) -> bool:
    """Whether the field is one that rules can speak of."""
    column, _, entry = name.partition(".")
    try:
        return (record_field("product", column).dtype == ATTRIBUTES) == bool(entry)
    except KeyError:
        return False


def _rule(demand: Mapping[str, Any], categories: set[str], channel: str) -> Rule:
    shown = ", ".join(sorted(categories)[:3]) + (f" and {len(categories) - 3} more" if len(categories) > 3 else "")
    where = f" in {shown}" if shown and "" not in categories else ""
    text = json.dumps(demand, sort_keys=True)
    name = re.sub(r"[^a-z0-9]+", "-", demand["field"].lower()).strip("-")
    when = () if "" in categories else ({"field": "category", "equals": sorted(categories)},)
    rule = Rule(
        id=f"published-{name}-{demand['check'].replace('_', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}",
        kinds=("product",),
        field=demand["field"],
        type=RuleType.REQUIRED_FIELD if demand["check"] == "required" else RuleType.MARKETPLACE_RULE,
        check=demand["check"],
        params=demand["params"],
        severity=Severity.ERROR,
        why=f"{demand['label']} {demand['why']}{where}: the channel's own list says so.",
        source=demand["source"],
        fix="unsafe",
        correction=("brand",) if demand["field"] == "brand" and demand["check"] == "required" else (),
        when=when,
        good=(),
        bad=(),
        channel=channel,
        origin="channel",
    )
    rule.expression("product")
    return rule
