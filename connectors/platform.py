"""What a platform is to the rest of the product: a frozen description, and a connector with four verbs.

The engine knows only this module of `connectors` (and `record`, `errors`). A platform file defines one constant
``PLATFORM``; `platforms` finds it by file name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from connectors.errors import PlatformError

if TYPE_CHECKING:
    from connectors.webhooks import Webhook

__all__ = [
    "ACCEPTANCES",
    "CHANGES",
    "QUARANTINE",
    "REQUIREMENTS",
    "RESULTS",
    "SHIPMENTS",
    "Capability",
    "Check",
    "Connection",
    "Connector",
    "CredentialField",
    "Page",
    "Platform",
    "Traffic",
    "connector",
    "platform",
    "platforms",
]

CHANGES = {
    "correction_id": pl.String,
    "kind": pl.String,
    "record_key": pl.String,
    "parent_key": pl.String,
    "field": pl.String,
    "before": pl.String,
    "value": pl.String,
}
"""Schema of what is pushed: one row a field. Values are text; ``images`` is a JSON list of text."""

RESULTS = {"correction_id": pl.String, "status": pl.String, "code": pl.String, "message": pl.String}
"""Schema of the answer to a push. Status is ``accepted`` (not yet proof) or ``refused``, with the platform's words.
Answers to shipments and acceptances have the same columns, with the shipment's or the order's key as ``correction_id``."""

SHIPMENTS = {
    "shipment_id": pl.String,
    "order_key": pl.String,
    "line_key": pl.String,
    "quantity": pl.String,
    "carrier": pl.String,
    "tracking_number": pl.String,
    "tracking_url": pl.String,
    "shipped_at": pl.String,
    "identifiers": pl.List(pl.String),
}
"""Schema of parcels that left: one row an order line in a parcel; ``shipment_id`` is the merchant's own and joins the
rows of one parcel. An empty ``line_key`` means every line, an empty ``quantity`` all of it; ``shipped_at`` is ISO 8601;
``identifiers`` are IMEI or serial numbers where the channel wants them."""

ACCEPTANCES = {"order_key": pl.String, "line_key": pl.String, "accepted": pl.Boolean, "reason": pl.String}
"""Schema of what a merchant says to new orders, one row a line; an empty ``line_key`` means every line."""

REQUIREMENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "category": pl.String,
    "field": pl.String,
    "label": pl.String,
    "level": pl.String,
    "type": pl.String,
    "minimum": pl.Float64,
    "maximum": pl.Float64,
    "pattern": pl.String,
    "values": pl.List(pl.String),
    "source": pl.String,
}
"""Schema of what a platform itself publishes about a category: one row a field. ``category`` is the text that records of
that category have in the column ``category`` (empty: every category); ``field`` a canonical column or
``attributes.<name>``; ``level`` is required, recommended or optional; ``type`` is text (``minimum`` and ``maximum`` are
lengths), number (they are bounds), integer, boolean, date or choice (one of ``values``); ``source`` an address."""

QUARANTINE = {"record_key": pl.String, "error": pl.String, "raw": pl.String}
"""Schema of records that could not be read: kept with their payload, counted, never fatal."""


class Capability(Enum):
    """What a platform can do through its programming interface, beside testing the connection."""

    READ_PRODUCTS = "read products"
    READ_ORDERS = "read orders"
    READ_STOCK = "read stock"
    UPDATE_PRODUCTS = "update products"
    UPDATE_ORDERS = "update orders"
    UPDATE_STOCK = "update stock"
    ACCEPT_ORDERS = "accept orders"
    SHIP_ORDERS = "confirm shipments"
    BATCH = "write in batches or feeds"
    REQUIREMENTS = "publish the requirements of categories"
    WEBHOOKS = "send events"


@dataclass(frozen=True)
class CredentialField:
    """One thing a merchant must type in to connect.

    Parameters
    ----------
    name : str
        Name in the settings and on the command line.
    label, help : str
        What a person reads: what it is and where to find it.
    secret : bool
        Encrypted and never shown.
    required : bool
    default : str
    replaced_by : str
        For a field that older guides name and that is no longer used: what is needed today. Such a field is accepted,
        answered with a warning and not stored.
    """

    name: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True
    default: str = ""
    replaced_by: str = ""


@dataclass(frozen=True)
class Connection:
    """One account on one platform. Its ``repr`` shows no credential."""

    name: str
    platform: str
    credentials: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Check:
    """Answer of a connection test: ``ok``, and lines that say what was found or what is wrong and how to mend it."""

    ok: bool
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One batch from a platform.

    Parameters
    ----------
    records : dict of str to polars.DataFrame
        Kind to conformed frame; an order page holds ``order`` and ``order_line``.
    quarantined : polars.DataFrame
        Schema `QUARANTINE`.
    cursor : str
        Where an incremental run may start next time, if everything up to here is stored; empty when not known.
    """

    records: Mapping[str, pl.DataFrame]
    quarantined: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUARANTINE))
    cursor: str = ""


@dataclass
class Traffic:
    """What one connector object has sent and waited, for the run's report."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    waited_s: float = 0.0
    sent_bytes: int = 0
    received_bytes: int = 0


class Connector(Protocol):
    """One open connection. Made by `connector`, closed with `close`; not shared between threads."""

    traffic: Traffic

    def check(self) -> Check:
        """Whether the account can be used, and if not, what is wrong: key, scope, address or allow-list."""
        ...

    def fetch(self, kind: str, *, since: datetime | None = None) -> Iterator[Page]:
        """Batches of ``product``, ``order`` (with lines) or ``stock``, changed since then or all."""
        ...

    def read(self, kind: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
        """The named records as they are now; keys are ``(record_key, parent_key)``. Missing ones are left out."""
        ...

    def push(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Send changes (schema `CHANGES`); gives one row each (schema `RESULTS`). Every other field stays as it is."""
        ...

    def ship(self, shipments: pl.DataFrame) -> pl.DataFrame:
        """Tell the platform of parcels that left (schema `SHIPMENTS`); gives one row a parcel (schema `RESULTS`)."""
        raise PlatformError("There are no shipments here.")

    def accept(self, acceptances: pl.DataFrame) -> pl.DataFrame:
        """Accept or refuse new orders (schema `ACCEPTANCES`); gives one row an order (schema `RESULTS`)."""
        raise PlatformError("There are no orders that wait for acceptance here.")

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """What the platform publishes about these categories (schema `REQUIREMENTS`)."""
        return pl.DataFrame(schema=REQUIREMENTS)

    def ask_for(self, path: str) -> Any:
        """The decoded answer to a harmless question, such as for the key that events are signed with."""
        raise PlatformError("There is nobody to ask here.")

    def close(self) -> None:
        """Release the network connection."""
        ...


@dataclass(frozen=True)
class Platform:
    """Description of a platform.

    Parameters
    ----------
    name : str
        Lower-case name used everywhere.
    title : str
        As its owner writes it.
    docs : str
        Address of its documentation.
    credentials : tuple of CredentialField
    readable : mapping of str to frozenset of str
        Kind to the canonical fields that the platform has at all; a rule about another one says nothing about it.
    writable : mapping of str to frozenset of str
        Kind to the fields that `Connector.push` can change.
    rewritten : mapping of str to frozenset of str
        Kind to the fields whose values the platform replaces by its own after a write (a picture is copied to the
        platform's address), so that only the number of values can be compared when reading back.
    incremental : frozenset of str
        Kinds of which the platform can tell what changed since a moment.
    extra : frozenset of Capability
        Of ``ACCEPT_ORDERS``, ``SHIP_ORDERS``, ``BATCH``, ``REQUIREMENTS``; the others follow from `readable`, `writable`
        and `webhook`.
    settles_s : float
        Seconds within which an accepted change shows when it is read back; 0 where it shows at once.
    setup : tuple of str
        What a merchant does at the platform to get the credentials, step by step.
    notes : tuple of str
        What the platform cannot do or does otherwise than others, for the documentation.
    webhook : Webhook or None
        How the platform sends events; see `connectors.webhooks`.
    open : callable
        ``open(connection, **options) -> Connector``.
    """

    name: str
    title: str
    docs: str
    credentials: tuple[CredentialField, ...]
    readable: Mapping[str, frozenset[str]]
    writable: Mapping[str, frozenset[str]]
    open: Callable[..., Connector] = field(repr=False)
    rewritten: Mapping[str, frozenset[str]] = field(default_factory=dict)
    incremental: frozenset[str] = frozenset()
    extra: frozenset[Capability] = frozenset()
    settles_s: float = 0.0
    setup: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    webhook: Webhook | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the platform can do."""
        read = {one for kind, one in _READ.items() if self.readable.get(kind)}
        update = {one for kind, one in _UPDATE.items() if self.writable.get(kind)}
        events = {Capability.WEBHOOKS} if self.webhook is not None else set()
        return frozenset(read | update | events | self.extra)


_READ = {
    "product": Capability.READ_PRODUCTS,
    "order": Capability.READ_ORDERS,
    "stock": Capability.READ_STOCK,
}
_UPDATE = {
    "product": Capability.UPDATE_PRODUCTS,
    "order": Capability.UPDATE_ORDERS,
    "stock": Capability.UPDATE_STOCK,
}


@cache
def platforms() -> dict[str, Platform]:
    """Every platform by name, in alphabetical order."""
    package = importlib.import_module("connectors.platforms")
    found = (importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__))
    return {module.PLATFORM.name: module.PLATFORM for module in found}


def platform(name: str) -> Platform:
    """The platform of that name.

    Raises
    ------
    PlatformError
        When there is none; the message lists those there are.
    """
    if name not in platforms():
        raise PlatformError(f"There is no platform {name!r}. Known platforms: {', '.join(platforms())}.", platform=name)
    return platforms()[name]


def connector(connection: Connection, **options: object) -> Connector:
    """Open a connection. `options` go to the platform (a clock, a transport or a sleep function in tests)."""
    return platform(connection.platform).open(connection, **options)
