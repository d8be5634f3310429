"""Ways to walk through a list that may change while it is read, without losing a row.

Both give lists of raw rows. A row may come twice when the list moves; `connectors.remote` drops what it has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.errors import ProtocolError

__all__ = ["Anchored", "Relay", "RelayPage"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RelayPage:
    """One page of a GraphQL connection: its rows, and where the next one starts (empty at the end)."""

    rows: Sequence[Row]
    next_cursor: str = ""


@dataclass(frozen=True)
class Relay:
    """Cursors as GraphQL connections have them.

    Parameters
    ----------
    most : int
        After so many rows the walk starts again behind the last row seen, because a platform follows one cursor only
        so far. 0: never.

    References
    ----------
    https://relay.dev/graphql/connections.htm (read 2026-11-23)
    """

    most: int = 0

    def pages(self, ask: Callable[[str, str], RelayPage], position: Callable[[Row], str]) -> Iterator[list[Row]]:
        """Every page.

        Parameters
        ----------
        ask : callable
            ``ask(cursor, behind)`` gives a page; `behind` is the position to start again from, empty at first.
        position : callable
            Where a row stands in the order of the list, in the form that `ask` understands.

        Raises
        ------
        ProtocolError
            When the platform gives the same cursor again, which would never end.
        """
        cursor, behind, taken = "", "", 0
        while True:
            page = ask(cursor, behind)
            if page.rows:
                yield list(page.rows)
            taken += len(page.rows)
            if not page.next_cursor:
                return
            if page.next_cursor == cursor:
                raise ProtocolError(
                    "The platform gave the same page cursor twice; reading on would never end. Try again later."
                )
            cursor = page.next_cursor
            reached = position(page.rows[-1]) if page.rows else ""
            if self.most and taken >= self.most and reached and reached != behind:
                cursor, behind, taken = "", reached, 0


@dataclass(frozen=True)
class Anchored:
    """Offsets, each page overlapping the one before by a row, so that a row that vanishes is noticed.

    When a row is deleted in the middle of a walk, all later rows move up and plain paging skips one at the page's edge.
    Here every page starts on the last row already seen. If it starts behind it instead, the walk steps back.

    Parameters
    ----------
    size : int
        Rows a page, at least 2.
    """

    size: int = 100

    def pages(self, ask: Callable[[int, int], list[Row]], order: Callable[[Row], int | None]) -> Iterator[list[Row]]:
        """Every page, without the overlapping row.

        Parameters
        ----------
        ask : callable
            ``ask(offset, size)`` gives the rows from there.
        order : callable
            The number by which the list is sorted, ascending and unique, such as the identifier; None for a row that
            has none, which is passed on and otherwise ignored.
        """
        offset, last = 0, None
        while True:
            rows = ask(offset, self.size)
            numbers = [order(row) for row in rows]
            first = next((one for one in numbers if one is not None), None)
            if last is not None and offset and (first is None or first > last):
                offset = max(0, offset - self.size)
                continue
            fresh = [row for row, one in zip(rows, numbers, strict=True) if one is None or last is None or one > last]
            if fresh:
                yield fresh
            last = max((one for one in [last, *numbers] if one is not None), default=None)
            # A short page is no proof of the end: some hosts cut pages to a size of their own.
            if len(rows) <= 1:
                return
            offset += len(rows) - 1
