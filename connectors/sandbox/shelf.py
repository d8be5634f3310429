"""What a twin stores: documents in the platform's own shape, filled from the neutral catalogue.

A subclass says how a product and an order become documents and how a foreign edit changes one; deliveries, the truth
about their faults, times and dumps are the same everywhere.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import polars as pl

from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.defects import TRUTH
from connectors.sandbox.server import State, instant

__all__ = ["Document", "Shelf", "moment_of"]

Document = dict[str, Any]


class Shelf(State):
    """Collections of documents by their identifiers.

    Parameters
    ----------
    clock : callable

    Attributes
    ----------
    collections : dict of str to dict of str to dict
        Everything that is stored; plain JSON values and datetimes.
    """

    impossible: ClassVar[frozenset[str]] = frozenset()
    """Classes of faults (`connectors.sandbox.defects.DEFECTS`) that the platform cannot hold, because it has no such
    field, refuses the value or mends it when it is saved."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.collections: dict[str, dict[str, Document]] = {"products": {}, "orders": {}}
        self._numbers: dict[str, int] = {}
        self._truth: list[Document] = []

    @property
    def products(self) -> dict[str, Document]:
        """The documents of products, in the order in which they came."""
        return self.collections["products"]

    @property
    def orders(self) -> dict[str, Document]:
        """The documents of orders, in the order in which they came."""
        return self.collections["orders"]

    @abstractmethod
    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """Store a product of the catalogue and its variants; gives catalogue key to record key for all of them."""

    @abstractmethod
    def put_order(self, order: Document, at: datetime | None) -> str:
        """Store an order of the catalogue; gives its record key."""

    @abstractmethod
    def change(self, record_key: str, field: str, value: str) -> None:
        """A foreign edit; see `State.edit`. The lock is held; the time of change is for this method to set."""

    def shown(self, fault: Document) -> Document | None:
        """A row of the truth as this platform shows it; None when the platform does not show it."""
        return fault

    def add(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Let a delivery arrive now, or at that time."""
        self.load(catalogue, at=at or self.now())

    def load(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Store a catalogue, changed at its own times unless `at` is given."""
        possible = catalogue.without(self.impossible)
        keys: dict[str, str] = {}
        with self.lock:
            for product in possible.products:
                keys |= self.put_product(product, at)
            for order in possible.orders:
                keys[order["key"]] = self.put_order(order, at)
            for row in possible.truth.iter_rows(named=True):
                if row["record"] in keys and (fault := self.shown(row | {"record": keys[row["record"]]})):
                    self._truth.append(fault)

    def truth(self) -> pl.DataFrame:
        """The faults in the shop, schema `connectors.sandbox.defects.TRUTH`."""
        return pl.DataFrame(self._truth, schema=TRUTH, orient="row")

    def edit(self, record_key: str, field: str, value: str) -> None:
        """A change in the shop's own pages."""
        with self.lock:
            self.change(record_key, field, value)

    def dump(self) -> Document:
        """Everything stored as plain JSON values."""
        with self.lock:
            return json.loads(json.dumps(self.collections, default=instant, sort_keys=True))

    def next_number(self, series: str, start: int = 1) -> int:
        """The next free number of a series."""
        number = self._numbers.get(series, start)
        self._numbers[series] = number + 1
        return number

    def later(self, before: datetime) -> datetime:
        """The time of a change: now, and in any case after the change before."""
        return max(self.now(), before + timedelta(seconds=1))


def moment_of(text: str) -> datetime:
    """A time of the catalogue."""
    return datetime.fromisoformat(text)
