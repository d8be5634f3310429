"""Who did what: an append-only log in which every entry holds the hash of the one before it.

A changed or missing entry breaks the chain, and `verify` names the first place where it is broken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import audit_log

__all__ = ["append", "verify"]


def append(
    store: Store,
    connection: sa.Connection,
    *,
    who: str,
    action: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry within the transaction of the thing that is logged. `details` must hold no secret and no personal value."""
    number = store.next_number(connection, audit_log.c.sequence)
    previous = connection.execute(sa.select(audit_log.c.hash).where(audit_log.c.sequence == number - 1)).scalar() or ""
    entry = {
        "sequence": number,
        "at": datetime.now(UTC),
        "who": who,
        "action": action,
        "subject": subject,
        "details": dict(details or {}),
        "previous_hash": previous,
    }
    connection.execute(sa.insert(audit_log), entry | {"hash": _hash(entry)})


def verify(store: Store) -> int | None:
    """The sequence number of the first entry that does not fit its predecessor; None when the chain is whole."""
    previous = ""
    for expected, entry in enumerate(store.rows(sa.select(audit_log).order_by(audit_log.c.sequence)), start=1):
        if entry["sequence"] != expected or entry["previous_hash"] != previous or entry["hash"] != _hash(entry):
            return expected
        previous = entry["hash"]
    return None


def _hash(entry: Mapping[str, Any]) -> str:
    body = [
        entry["sequence"],
        entry["at"].isoformat(),
        entry["who"],
        entry["action"],
        entry["subject"],
        entry["details"],
        entry["previous_hash"],
    ]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
