"""Incoming events: checked, kept once, answered at once, and worked on afterwards by reading what they speak of.

A platform waits seconds for an answer and sends again what was not answered, so `receive` only keeps the event, under the
platform's own identifier: what comes twice is there already. `handle` reads the named records, stores and judges them as
a sync would. A record that comes back as we know it is an echo of our own writing and nothing happens. Polling remains
the truth: an event that is lost is found by the next sync.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from connectors import platform as port
from connectors.errors import PlatformError
from connectors.webhooks import Delivery, Event, Reply, SignatureError
from engine import audit, jobs
from engine.errors import ConfigError
from engine.store.tables import webhook_events

if TYPE_CHECKING:
    from engine.workspace import Workspace

logger = logging.getLogger(__name__)

__all__ = ["LARGEST", "Delivery", "Reply", "counts", "handle", "receive", "waiting"]

LARGEST = 2 * 1024 * 1024
"""Bytes of the largest event that is taken; the platforms' own are below 100 kB, but for orders with many lines."""

WAITING, DONE, ECHO, IGNORED = "waiting", "done", "echo", "ignored"


def receive(workspace: Workspace, name: str, delivery: Delivery) -> Reply:
    """Check and keep an event; gives what the platform is answered.

    Returns
    -------
    Reply
        200 when it is kept (or was before), 401 when its sender is not known, 404 when there is no such connection or
        its platform sends none, 413 when it is too large.
    """
    try:
        connection, _ = workspace.connection(name)
    except ConfigError:
        return Reply(404, b"There is no such connection.")
    webhook = port.platform(connection.platform).webhook
    if webhook is None:
        return Reply(404, b"This platform sends no events.")
    if len(delivery.body) > LARGEST:
        return Reply(413, b"The event is too large.")
    challenged = webhook.challenge(delivery, connection.credentials) if webhook.challenge else None
    if challenged is not None:
        return challenged
    try:
        with closing(workspace.open_connector(connection)) as connector:
            webhook.signature.check(delivery, connection.credentials, connector.ask_for)
    except SignatureError as error:
        _note_refusal(workspace, name, error)
        return Reply(401, b"The signature does not hold.")
    except PlatformError:
        # The platform's own key cannot be had now: it sends the event again later.
        return Reply(503, b"The signature cannot be checked now.")
    _keep(workspace, name, list(webhook.events(delivery)))
    return Reply(200, b"kept")


def handle(workspace: Workspace, name: str) -> jobs.Run:
    """Work on the events of a connection that wait; gives what was done, as a run.

    Raises
    ------
    connectors.errors.PlatformError
        When the platform cannot be read; the events wait on.
    """
    waiting = workspace.store.rows(
        sa.select(webhook_events)
        .where(webhook_events.c.connection == name, webhook_events.c.status == WAITING)
        .order_by(webhook_events.c.received_at)
    )
    with jobs.running(workspace, name, "events") as run:
        run.counts["events"] = len(waiting)
        for kind in ("erasure", "product", "order", "stock"):
            some = [one for one in waiting if one["kind"] == kind]
            if some and kind == "erasure":
                _erase(workspace, run, name, some)
            elif some:
                _read_again(workspace, run, name, kind, some)
        _settle(workspace, name, [one for one in waiting if not one["kind"]], IGNORED)
    return run


def _read_again(workspace: Workspace, run: jobs.Run, name: str, kind: str, events: Sequence[dict[str, Any]]) -> None:
    if any(not one["record_keys"]["keys"] for one in events):
        # Somebody speaks of a change without saying of what: everything that changed is read.
        jobs.take_changes(workspace, run, name, kind)
        _settle(workspace, name, events, DONE)
        return
    keys = [(key, parent) for one in events for key, parent in one["record_keys"]["keys"]]
    changed = jobs.take_records(workspace, run, name, kind, list(dict.fromkeys(keys)))
    moved = [one for one in events if {key for key, _ in one["record_keys"]["keys"]} & changed]
    echoes = [one for one in events if one not in moved]
    run.counts["echoes"] += len(echoes)
    _settle(workspace, name, moved, DONE)
    _settle(workspace, name, echoes, ECHO)


def _erase(workspace: Workspace, run: jobs.Run, name: str, events: Sequence[dict[str, Any]]) -> None:
    for one in events:
        keys = [key for key, _ in one["record_keys"]["keys"]]
        erased = workspace.lake.erase(name, keys=keys, customers=one["record_keys"].get("customers", []))
        run.counts["erased"] += erased
        _settle(workspace, name, [one], DONE, f"{erased} orders without their customer")
    with workspace.store.write() as transaction:
        audit.append(
            workspace.store,
            transaction,
            who="platform",
            action="customer.erased",
            subject=name,
            details={"events": len(events), "orders": run.counts["erased"]},
        )


def _keep(workspace: Workspace, name: str, events: Sequence[Event]) -> None:
    now = datetime.now(UTC)
    with workspace.store.write() as transaction:
        for one in events:
            row = {
                "connection": name,
                "event_id": one.event_id[:200],
                "topic": one.topic[:100],
                "kind": one.kind,
                "record_keys": {"keys": [list(key) for key in one.keys], "customers": list(one.customers)},
                "status": WAITING,
                "message": "",
                "received_at": now,
            }
            statement = workspace.store.upsert(webhook_events).values(**row)
            transaction.execute(statement.on_conflict_do_nothing(index_elements=["connection", "event_id"]))


def _settle(workspace: Workspace, name: str, events: Sequence[dict[str, Any]], status: str, message: str = "") -> None:
    if not events:
        return
    with workspace.store.write() as transaction:
        transaction.execute(
            sa.update(webhook_events)
            .where(
                webhook_events.c.connection == name,
                webhook_events.c.event_id.in_([one["event_id"] for one in events]),
            )
            # What identified a customer has done its service.
            .values(
                status=status,
                message=message,
                handled_at=datetime.now(UTC),
                record_keys={"keys": [], "customers": []},
            )
        )


def _note_refusal(workspace: Workspace, name: str, error: SignatureError) -> None:
    """Whoever can reach the address can have events refused, so the audit log, which only grows, gets one an hour."""
    logger.warning("an event for %s was refused: %s", name, error)
    since = datetime.now(UTC) - timedelta(hours=1)
    if workspace.refusals_noted.get(name, since) > since:
        return
    workspace.refusals_noted[name] = datetime.now(UTC)
    with workspace.store.write() as transaction:
        audit.append(
            workspace.store,
            transaction,
            who="unknown sender",
            action="event.refused",
            subject=name,
            details={"reason": str(error)},
        )


def waiting(workspace: Workspace) -> list[str]:
    """The connections of which events wait."""
    query = sa.select(webhook_events.c.connection).where(webhook_events.c.status == WAITING).distinct()
    return [row["connection"] for row in workspace.store.rows(query)]


def counts(workspace: Workspace, name: str) -> pl.DataFrame:
    """Events of a connection by status: ``status, count``."""
    query = (
        sa.select(webhook_events.c.status, sa.func.count().label("count"))
        .where(webhook_events.c.connection == name)
        .group_by(webhook_events.c.status)
        .order_by(webhook_events.c.status)
    )
    found = Counter({row["status"]: row["count"] for row in workspace.store.rows(query)})
    return pl.DataFrame(list(found.items()), schema={"status": pl.String, "count": pl.Int64}, orient="row")
