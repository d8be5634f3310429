"""What every platform with a programming interface shares: reading in pages, quarantine, and writing with an answer a row.

A platform's own class says how to ask (`RemoteConnector.batches`, `RemoteConnector.records`,
`RemoteConnector.payloads`) and how to write (`RemoteConnector.write`, `RemoteConnector.send_shipment`,
`RemoteConnector.send_acceptance`); everything else is here. `connectors.rest` does most of it from a description.
"""

from __future__ import annotations

import random as random_module
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import polars as pl

from connectors.changes import Acceptance, Change, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.client import Client
from connectors.errors import (
    CredentialError,
    PlatformError,
    ProtocolError,
    RateLimitError,
    UnavailableError,
)
from connectors.limits import Limit
from connectors.manners import Patience
from connectors.mapping import frame, raw_text
from connectors.platform import QUARANTINE, REQUIREMENTS, RESULTS, Check, Connection, Page, Platform, Traffic
from connectors.redaction import Secrets

__all__ = ["OVERLAP", "Environment", "Given", "RemoteConnector", "credentials"]

OVERLAP = timedelta(minutes=5)
"""An incremental run starts so much earlier than asked: platforms store the time at which a change began and show it
when it is finished, their bounds exclude the second itself, and the clocks of several servers differ a little. What
comes twice is dropped by its fingerprint in the layers above."""

_KINDS = {"product": ("product",), "order": ("order", "order_line"), "stock": ("stock",)}


@dataclass(frozen=True)
class Environment:
    """Everything outside that a test replaces: network, sleep, clock (seconds since 1970), randomness in 0..1.

    ``limit`` replaces the limiter that the account's connections share in this process. ``remember`` is called with
    credentials that the platform replaced while the connection was open (a refresh token that is used up).
    """

    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    random: Callable[[], float] = random_module.random
    patience: Patience = field(default_factory=Patience)
    limit: Limit | None = None
    remember: Callable[[Mapping[str, str]], None] = lambda credentials: None


class Given(dict[str, str]):
    """Credentials by the names of their fields; the ``repr`` shows the names alone."""

    def __repr__(self) -> str:
        return f"Given({', '.join(self)})"


def credentials(connection: Connection, platform: Platform) -> tuple[Given, Secrets]:
    """The credentials without outer blanks, defaults filled in, and what of them must be hidden.

    Fields that older guides name and that are no longer used are left out.

    Raises
    ------
    CredentialError
        When required ones are missing; the message names them all.
    """
    given = {name: value.strip() for name, value in connection.credentials.items() if value and value.strip()}
    known = Given({one.name: given.get(one.name, one.default) for one in platform.credentials if not one.replaced_by})
    missing = [one for one in platform.credentials if one.required and not one.replaced_by and not known[one.name]]
    if missing:
        wanted = "; ".join(f"{one.name} ({one.help or one.label})" for one in missing)
        raise CredentialError(
            f"Connection {connection.name!r} ({platform.name}) lacks: {wanted}.",
            platform=platform.name,
            connection=connection.name,
        )
    return known, Secrets(
        known[one.name] for one in platform.credentials if one.secret and not one.replaced_by and known[one.name]
    )


class RemoteConnector(ABC):
    """Base of the connectors that speak HTTP.

    Parameters
    ----------
    platform : Platform
    connection : Connection
    client : Client
    environment : Environment
    """

    def __init__(self, platform: Platform, connection: Connection, client: Client, environment: Environment) -> None:
        self.platform = platform
        self.connection = connection
        self.client = client
        self.traffic: Traffic = client.traffic
        self._environment = environment

    @abstractmethod
    def examine(self) -> list[str]:
        """What a connection test found, good news only; anything wrong is raised as `CredentialError`."""

    @abstractmethod
    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Raw payloads of that kind, changed since then (overlap included already) or all."""

    @abstractmethod
    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The canonical rows that one payload holds, as ``(kind, row)``; ValueError when it cannot be read."""

    @abstractmethod
    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The raw payloads that hold the named records."""

    @abstractmethod
    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """Send the changes; gives outcomes by correction id, after each request."""

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """Tell the platform of one parcel; InvalidError where it must not be sent."""
        raise InvalidError(f"{self.platform.title} takes no shipments through its interface.", "not_supported")

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """Accept or refuse one order; InvalidError where it must not be sent."""
        raise InvalidError(f"{self.platform.title} has no orders that wait for acceptance.", "not_supported")

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """What the platform publishes about these categories (schema `REQUIREMENTS`); nothing unless it does."""
        return pl.DataFrame(schema=REQUIREMENTS)

    def check(self) -> Check:
        """Whether the account can be used, and what is wrong if not."""
        try:
            return Check(ok=True, messages=tuple(self.examine()))
        except PlatformError as error:
            return Check(ok=False, messages=tuple(str(error).splitlines()))

    def fetch(self, kind: str, *, since: datetime | None = None) -> Iterator[Page]:
        """Pages of that kind; see `connectors.platform.Connector`.

        Orders come with their lines. A record that cannot be read is quarantined. A record that comes a second time
        is given again only if it is newer, so the last one given is the newest. The cursor stands on the last page:
        lists are walked in an order in which a change during the walk loses nothing, and only the whole walk is
        complete.
        """
        if kind not in _KINDS:
            raise PlatformError(
                f"{self.platform.title} has no records of kind {kind!r}; it has {', '.join(_KINDS)}.",
                platform=self.platform.name,
            )
        if since is not None and since.tzinfo is None:
            raise ValueError("since must have a time zone")
        started = datetime.fromtimestamp(self._environment.clock(), UTC)
        from_when = None if since is None else since.astimezone(UTC) - OVERLAP
        seen: dict[str, str] = {}
        held: Page | None = None
        for batch in self.batches(kind, from_when):
            if held is not None:
                yield held
            held = self._page(kind, batch, seen, from_when)
        records = held.records if held else self._page(kind, [], seen).records
        quarantined = held.quarantined if held else pl.DataFrame(schema=QUARANTINE)
        yield Page(records, quarantined, cursor=started.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def read(self, kind: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
        """The named records as they are now, in no particular order; missing ones are left out."""
        wanted = {record_key for record_key, _ in keys}
        rows: dict[str, dict[str, Any]] = {}
        for payload in self.payloads(kind, list(dict.fromkeys(keys))) if wanted else ():
            try:
                found = self._rows(kind, payload)
            except ValueError as error:
                raise ProtocolError(
                    f"{self.platform.title}: a record cannot be read back: {error}.",
                    platform=self.platform.name,
                    connection=self.connection.name,
                ) from error
            rows |= {
                row["record_key"]: row for of_kind, row in found if of_kind == kind and row["record_key"] in wanted
            }
        return frame(list(rows.values()), kind)

    def push(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Send changes; gives one row each, in their order.

        The column ``code`` of a refused row is the platform's own code or one of ours: ``not_writable`` (no such field
        here), ``invalid`` (the platform would store something else without saying so), ``unknown_value`` (no category
        or brand of that name), ``missing`` (no such record), ``conflict`` (changed there meanwhile), ``unknown`` (no
        clear answer: read back), ``unfinished`` (the push ended at or before this change: read back, push again).

        Raises
        ------
        CredentialError, RateLimitError, UnavailableError
            When nothing was sent at all.
        """
        asked = [
            Change(**row)
            for row in changes.select(list(Change.__dataclass_fields__)).fill_null("").iter_rows(named=True)
        ]
        outcomes: Outcomes = {one.correction_id: self._not_writable(one) for one in asked if not self._is_writable(one)}
        todo = [one for one in asked if one.correction_id not in outcomes]
        try:
            for some in self.write(todo):
                outcomes |= some
        except (CredentialError, RateLimitError, UnavailableError) as error:
            if len(outcomes) + len(todo) == len(asked):
                raise
            rest = Outcome("unfinished", f"The push ended at or before this change. {error}")
            outcomes |= {one.correction_id: rest for one in todo if one.correction_id not in outcomes}
        lost = Outcome("unknown", "The platform's answer did not mention this change. Read it back.")
        return _results((one.correction_id, outcomes.get(one.correction_id, lost)) for one in asked)

    def ship(self, shipments: pl.DataFrame) -> pl.DataFrame:
        """Tell the platform of parcels; gives one row each, with the ``shipment_id`` as ``correction_id``.

        Raises
        ------
        CredentialError, RateLimitError, UnavailableError
            When not even the first was sent.
        """
        return self._each(Shipment.gathered(shipments), lambda one: one.shipment_id, self.send_shipment)

    def accept(self, acceptances: pl.DataFrame) -> pl.DataFrame:
        """Accept or refuse orders; gives one row each, with the ``order_key`` as ``correction_id``.

        Raises
        ------
        CredentialError, RateLimitError, UnavailableError
            When not even the first was sent.
        """
        return self._each(Acceptance.gathered(acceptances), lambda one: one.order_key, self.send_acceptance)

    def _each(
        self, items: Sequence[_Item], key: Callable[[_Item], str], send: Callable[[_Item], Outcome]
    ) -> pl.DataFrame:
        found: list[tuple[str, Outcome]] = []
        for number, one in enumerate(items):
            try:
                found.append((key(one), send(one)))
            except InvalidError as error:
                found.append((key(one), Outcome(error.code, str(error))))
            except PlatformError as error:
                try:
                    found.append((key(one), outcome_of(error)))
                except PlatformError:
                    if not found:
                        raise
                    rest = Outcome("unfinished", f"The work ended at or before this one. {error}")
                    found += [(key(other), rest) for other in items[number:]]
                    break
        return _results(found)

    def ask_for(self, path: str) -> Any:
        """The decoded answer to a harmless question."""
        return self.client.send("GET", path).value

    def close(self) -> None:
        """Release the network connection."""
        self.client.close()

    def credential_error(self, message: str) -> CredentialError:
        """An error about the account, with the connection's name before the message."""
        return CredentialError(
            f"Connection {self.connection.name!r} ({self.platform.name}): {message}",
            platform=self.platform.name,
            connection=self.connection.name,
        )

    def _page(
        self,
        kind: str,
        batch: Sequence[Mapping[str, Any]],
        seen: dict[str, str],
        from_when: datetime | None = None,
    ) -> Page:
        rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in _KINDS[kind]}
        bad: list[tuple[str, str, str]] = []
        for payload in batch:
            try:
                found = self._rows(kind, payload)
            except ValueError as error:
                bad.append((self.key_of(kind, payload), str(error), raw_text(payload)))
                continue
            if not found:
                continue
            # The first row stands for the whole payload: an order's lines are as new as the order.
            main, updated = found[0][1]["record_key"], str(found[0][1].get("updated_at", ""))
            if main in seen and updated <= seen[main]:
                continue
            seen[main] = updated
            if from_when is not None and _is_older(updated, from_when):
                continue
            for of_kind, row in found:
                rows[of_kind][row["record_key"]] = row
        quarantined = pl.DataFrame(bad, schema=QUARANTINE, orient="row")
        return Page({name: frame(list(some.values()), name) for name, some in rows.items()}, quarantined)

    def key_of(self, kind: str, payload: Any) -> str:
        """What names a payload that could not be read, as far as that can be seen."""
        key = payload.get("id", "") if isinstance(payload, Mapping) else ""
        return str(key or "")

    def _rows(self, kind: str, payload: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """All rows of a payload; whatever its shape breaks on the way is a ValueError."""
        try:
            return list(self.records(kind, payload))
        except (TypeError, AttributeError, KeyError, IndexError, ArithmeticError) as error:
            raise ValueError(f"unexpected shape ({type(error).__name__}: {error})") from error

    def _is_writable(self, change: Change) -> bool:
        return change.field in self.platform.writable.get(change.kind, frozenset())

    def _not_writable(self, change: Change) -> Outcome:
        allowed = ", ".join(sorted(self.platform.writable.get(change.kind, ()))) or "nothing"
        return Outcome(
            "not_writable", f"{self.platform.title} lets us change of a {change.kind}: {allowed}; not {change.field}."
        )


_Item = TypeVar("_Item")


def _results(outcomes: Iterable[tuple[str, Outcome]]) -> pl.DataFrame:
    rows = [(key, "refused" if one.code else "accepted", one.code, one.message) for key, one in outcomes]
    return pl.DataFrame(rows, schema=RESULTS, orient="row")


def _is_older(updated: str, moment: datetime) -> bool:
    """Whether a record is surely older; for platforms that cannot be asked for changes alone, but say when one was."""
    try:
        changed = datetime.fromisoformat(updated)
    except ValueError:
        return False
    return (changed if changed.tzinfo else changed.replace(tzinfo=UTC)) < moment
