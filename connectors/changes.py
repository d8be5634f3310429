"""What the writing halves of all platforms share: what is sent, its outcome, and values taken apart for sending."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from connectors.errors import ConflictError, PlatformError, ProtocolError, RefusedError
from connectors.platform import ACCEPTANCES, SHIPMENTS

__all__ = [
    "Acceptance",
    "AcceptedLine",
    "Change",
    "InvalidError",
    "Outcome",
    "Outcomes",
    "Shipment",
    "ShippedLine",
    "image_addresses",
    "outcome_of",
    "split_name",
]


@dataclass(frozen=True)
class Change:
    """One row of a push: schema `connectors.platform.CHANGES`."""

    correction_id: str
    kind: str
    record_key: str
    parent_key: str
    field: str
    before: str
    value: str


@dataclass(frozen=True)
class Outcome:
    """The answer to one change. An empty `code` means accepted."""

    code: str = ""
    message: str = ""


Outcomes = dict[str, Outcome]
"""Correction id to outcome."""


@dataclass(frozen=True)
class ShippedLine:
    """An order line in a parcel: all of it when `quantity` is None."""

    line_key: str
    quantity: int | None = None
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shipment:
    """One parcel that left: rows of schema `connectors.platform.SHIPMENTS` with one ``shipment_id``.

    No `lines` means the whole order. `shipped_at` is aware; None where the merchant did not say. `identifiers` are those
    of rows that name no line.
    """

    shipment_id: str
    order_key: str
    lines: tuple[ShippedLine, ...]
    carrier: str
    tracking_number: str
    tracking_url: str
    shipped_at: datetime | None
    identifiers: tuple[str, ...] = ()

    @classmethod
    def gathered(cls, rows: pl.DataFrame) -> list[Shipment]:
        """The parcels of a frame, in its order.

        Raises
        ------
        ValueError
            When a quantity is no whole number above 0, a time cannot be read, or the rows of a parcel disagree.
        """
        parcels: dict[str, list[dict[str, Any]]] = {}
        for row in conform_rows(rows, SHIPMENTS):
            parcels.setdefault(row["shipment_id"], []).append(row)
        return [cls._of(name, some) for name, some in parcels.items()]

    @classmethod
    def _of(cls, name: str, rows: list[dict[str, Any]]) -> Shipment:
        shared = ("order_key", "carrier", "tracking_number", "tracking_url", "shipped_at")
        first = rows[0]
        if differing := [one for one in shared if any(row[one] != first[one] for row in rows)]:
            raise ValueError(f"shipment {name!r}: its rows disagree on {', '.join(differing)}")
        lines = [
            ShippedLine(row["line_key"], _quantity(name, row["quantity"]), tuple(row["identifiers"]))
            for row in rows
            if row["line_key"]
        ]
        return cls(
            name,
            first["order_key"],
            tuple(lines),
            first["carrier"],
            first["tracking_number"],
            first["tracking_url"],
            _moment(name, first["shipped_at"]),
            tuple(one for row in rows if not row["line_key"] for one in row["identifiers"]),
        )


@dataclass(frozen=True)
class AcceptedLine:
    """What the merchant says to one order line."""

    line_key: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True)
class Acceptance:
    """What the merchant says to one order: rows of schema `connectors.platform.ACCEPTANCES` with one ``order_key``."""

    order_key: str
    lines: tuple[AcceptedLine, ...]

    @classmethod
    def gathered(cls, rows: pl.DataFrame) -> list[Acceptance]:
        """The orders of a frame, in its order."""
        orders: dict[str, list[AcceptedLine]] = {}
        for row in conform_rows(rows, ACCEPTANCES):
            line = AcceptedLine(row["line_key"], bool(row["accepted"]), row["reason"])
            orders.setdefault(row["order_key"], []).append(line)
        return [cls(key, tuple(lines)) for key, lines in orders.items()]

    def of(self, line_key: str) -> AcceptedLine | None:
        """What is said to a line: by its own row, else by the row for every line."""
        named = {one.line_key: one for one in self.lines}
        return named.get(line_key, named.get(""))


def conform_rows(rows: pl.DataFrame, schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows with every column of the schema; missing text is empty, a missing list has no entries.

    Raises
    ------
    ValueError
        When a column has a name that the schema does not know.
    """
    if unknown := [name for name in rows.columns if name not in schema]:
        raise ValueError(f"unknown columns {', '.join(unknown)}; known are {', '.join(schema)}")
    for row in rows.iter_rows(named=True):
        yield {
            name: (row.get(name) if row.get(name) is not None else [] if isinstance(dtype, pl.List) else "")
            for name, dtype in schema.items()
        }


def _quantity(name: str, value: str) -> int | None:
    if not value:
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}", str(value)):
        raise ValueError(f"shipment {name!r}: quantity {value!r} is not a whole number above 0")
    return int(value)


def _moment(name: str, value: str) -> datetime | None:
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"shipment {name!r}: shipped_at {value!r} is not ISO 8601, such as 2026-11-25T09:30:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class InvalidError(ValueError):
    """A change that must not be sent: the platform would refuse it, or store something else without saying so.

    Parameters
    ----------
    message : str
        What is wrong, and what would be right.
    code : str
        Code of the outcome.
    """

    def __init__(self, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code

    def outcomes(self, changes: Iterable[Change]) -> Outcomes:
        """The outcome of these changes."""
        return {one.correction_id: Outcome(self.code, str(self)) for one in changes}


def outcome_of(error: PlatformError) -> Outcome:
    """The outcome of a request that failed for these changes alone; anything that concerns the account is raised again.

    Raises
    ------
    CredentialError, RateLimitError, UnavailableError
        When going on makes no sense.
    """
    if isinstance(error, ConflictError):
        return Outcome("conflict", str(error))
    if isinstance(error, RefusedError):
        code = error.words.partition(": ")[0]
        return Outcome(code if re.fullmatch(r"[A-Za-z0-9_]{1,80}", code) else "refused", error.words or str(error))
    if isinstance(error, ProtocolError):
        return Outcome("unknown", f"{error} The change may have arrived: read it back.")
    raise error


def split_name(whole: str, first: str, last: str) -> tuple[str, str]:
    """First and last name whose join by a blank is `whole`, cut where the present ones were cut.

    Where the number of words changed, the last word is the last name, unless one of the two was empty.
    """
    words = whole.split(" ")
    if not last or len(words) == 1:
        return (whole, "") if first or not last else ("", whole)
    if not first:
        return "", whole
    cut = first.count(" ") + 1
    if len(words) != cut + last.count(" ") + 1:
        cut = len(words) - 1
    return " ".join(words[:cut]), " ".join(words[cut:])


def image_addresses(value: str) -> list[str]:
    """The addresses of a change of ``images``, each once.

    Raises
    ------
    InvalidError
        When it is not a JSON list of http or https addresses.
    """
    try:
        wanted = json.loads(value or "[]")
    except ValueError:
        wanted = None
    if not isinstance(wanted, list) or not all(
        isinstance(one, str) and re.fullmatch(r"https?://\S+", one) for one in wanted
    ):
        raise InvalidError("images must be a JSON list of http or https addresses.")
    return list(dict.fromkeys(wanted))
