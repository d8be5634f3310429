"""Connections and their sealed credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connectors.platform import Connection
from engine import audit
from engine.errors import ConfigError
from engine.store.database import Store
from engine.store.tables import connections
from engine.vault import Vault

__all__ = ["channel_of", "list_connections", "load_connection", "replace_credentials", "save_connection"]


def save_connection(
    store: Store, vault: Vault, *, name: str, platform: str, channel: str, credentials: Mapping[str, str], by: str
) -> None:
    """Add a connection, or replace the credentials of one of the same name and platform.

    Raises
    ------
    ConfigError
        When the name is taken by a connection of another platform.
    """
    now = datetime.now(UTC)
    with store.write() as connection:
        known = connection.execute(sa.select(connections).where(connections.c.name == name)).mappings().first()
        if known and known["platform"] != platform:
            raise ConfigError(
                f"Connection {name!r} is a {known['platform']} account already; choose another name for {platform}."
            )
        values = {
            "platform": platform,
            "channel": channel,
            "sealed_credentials": vault.seal_mapping(credentials),
            "credentials_changed_at": now,
        }
        statement = store.upsert(connections).values(name=name, is_enabled=True, created_at=now, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        audit.append(
            store,
            connection,
            who=by,
            action="connection.saved",
            subject=name,
            details={"platform": platform, "fields": sorted(credentials)},
        )


def replace_credentials(store: Store, vault: Vault, name: str, new: Mapping[str, str]) -> None:
    """Put new values in the places of some credentials, as when a platform gives a new refresh token for a used one."""
    with store.write() as connection:
        row = connection.execute(sa.select(connections).where(connections.c.name == name)).mappings().one()
        whole = {**vault.unseal_mapping(row["sealed_credentials"]), **new}
        values = {"sealed_credentials": vault.seal_mapping(whole), "credentials_changed_at": datetime.now(UTC)}
        connection.execute(sa.update(connections).where(connections.c.name == name).values(values))
        audit.append(
            store,
            connection,
            who="platform",
            action="credentials.replaced",
            subject=name,
            details={"fields": sorted(new)},
        )


def load_connection(store: Store, vault: Vault, name: str) -> tuple[Connection, str]:
    """The connection of that name with its credentials opened, and its channel.

    Raises
    ------
    ConfigError
        When there is none; the message lists those there are.
    """
    rows = store.rows(sa.select(connections).where(connections.c.name == name))
    if not rows:
        known = (
            ", ".join(sorted(row["name"] for row in list_connections(store)))
            or "none yet; add one with `channelmend connect`"
        )
        raise ConfigError(f"There is no connection {name!r}. Connections: {known}.")
    row = rows[0]
    return Connection(name, row["platform"], vault.unseal_mapping(row["sealed_credentials"])), row["channel"]


def channel_of(store: Store, name: str) -> str:
    """The channel whose rules a connection's records must obey; empty when there is no such connection."""
    with store.read() as connection:
        return connection.execute(sa.select(connections.c.channel).where(connections.c.name == name)).scalar() or ""


def list_connections(store: Store) -> list[dict[str, Any]]:
    """Every connection by name, without credentials."""
    columns = [c for c in connections.c if c.name != "sealed_credentials"]
    return store.rows(sa.select(*columns).order_by(connections.c.name))
