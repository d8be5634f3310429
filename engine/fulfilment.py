"""What a merchant tells a platform about orders: that one is accepted or refused, that a parcel has left.

Neither changes a record of ours, so both go straight to the platform. Its connector reads the order first: what was told
before is not told again, and the audit log has every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from connectors import platform as port
from engine import audit
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["accept", "ship"]


def ship(workspace: Workspace, name: str, shipments: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """Tell a platform of parcels (schema `connectors.platform.SHIPMENTS`); gives one row a parcel.

    Returns
    -------
    polars.DataFrame
        Schema `connectors.platform.RESULTS` with ``shipment_id`` as ``correction_id``.

    Raises
    ------
    ConfigError
        When the platform takes no shipments, or the table is not what it should be.
    connectors.errors.PlatformError
        When not even the first parcel could be told of.
    """
    return _tell(
        workspace, name, shipments, port.Capability.SHIP_ORDERS, lambda connector, rows: connector.ship(rows), by
    )


def accept(workspace: Workspace, name: str, acceptances: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """Accept or refuse orders (schema `connectors.platform.ACCEPTANCES`); gives one row an order.

    Returns
    -------
    polars.DataFrame
        Schema `connectors.platform.RESULTS` with ``order_key`` as ``correction_id``.

    Raises
    ------
    ConfigError
        When the platform has no acceptance, or the table is not what it should be.
    connectors.errors.PlatformError
        When not even the first order could be answered.
    """
    return _tell(
        workspace, name, acceptances, port.Capability.ACCEPT_ORDERS, lambda connector, rows: connector.accept(rows), by
    )


def _tell(
    workspace: Workspace,
    name: str,
    rows: pl.DataFrame,
    capability: port.Capability,
    send: Callable[[port.Connector, pl.DataFrame], pl.DataFrame],
    by: str,
) -> pl.DataFrame:
    connection, _ = workspace.connection(name)
    platform = port.platform(connection.platform)
    if capability not in platform.capabilities:
        raise ConfigError(f"Connection {name!r}: {platform.title} cannot {capability.value} through its interface.")
    with closing(workspace.open_connector(connection)) as connector:
        try:
            results = send(connector, rows)
        except ValueError as error:
            raise ConfigError(f"Connection {name!r}: {error}.") from None
    with workspace.store.write() as transaction:
        for row in results.iter_rows(named=True):
            details = {"status": row["status"], "code": row["code"]}
            audit.append(
                workspace.store,
                transaction,
                who=by,
                action=capability.name.lower(),
                subject=f"{name}/{row['correction_id']}",
                details=details,
            )
    return results
