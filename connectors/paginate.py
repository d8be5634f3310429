"""Ways to walk through a list that may change while it is read, without losing a row.

All give lists of raw rows. A row may come twice when the list moves; `connectors.remote` drops what it has seen. An empty
page is not believed at once: a list that ends too early would make a complete reading take records for gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.errors import ProtocolError
from connectors.manners import Answer
from connectors.mapping import at, raw_text, text

__all__ = ["After", "Anchored", "Ask", "Counted", "Cursor", "Linked", "Once", "Pager", "Relay", "RelayPage", "rows_at"]

Row = Mapping[str, Any]

Ask = Callable[[Mapping[str, str] | str], Answer]
"""Gives one page: the parameters that name it, or the platform's own link to it (an address or a query)."""

_TRIES = 3
"""How often a page that should hold rows and holds none is asked for."""


class Pager(Protocol):
    """How a platform divides its lists."""

    def pages(self, ask: Ask, rows: str) -> Iterator[list[Row]]:
        """Every page; `rows` is the dotted path of the rows in an answer, empty where the answer is the list."""
        ...


def rows_at(answer: Answer, path: str) -> list[Row]:
    """The rows of an answer. Nothing at the path, or no body at all, is an empty list.

    Raises
    ------
    ProtocolError
        When something else than a list is there.
    """
    try:
        found = at(answer.value, path) if path else answer.value
    except ValueError as error:
        raise ProtocolError(f"The list has no rows where they belong: {error}.", status=answer.status) from None
    if found is None:
        return []
    if not isinstance(found, list):
        raise ProtocolError(
            f"Expected a list at {path or 'the top'!r} and got {type(found).__name__}.", status=answer.status
        )
    return found


@dataclass(frozen=True)
class Once:
    """A list that comes whole."""

    def pages(self, ask: Ask, rows: str) -> Iterator[list[Row]]:
        """The one page."""
        if found := rows_at(ask({}), rows):
            yield found


@dataclass(frozen=True)
class Counted:
    """Pages by number, or by the number of rows before them.

    Parameters
    ----------
    size : int
        Rows asked for.
    position, limit : str
        Parameters of the position and of the size; an empty `limit` sends none.
    first : int
        Position of the first page.
    by_page : bool
        Whether positions count pages; otherwise rows.
    total : str
        Dotted path of the number of all rows, where the platform gives it.
    more : str
        Dotted path of something that is true (or a link) while more pages follow, where the platform gives it.

    Notes
    -----
    When the total falls during the walk, rows moved up over a page's edge, and the walk is made once more.
    """

    size: int
    position: str = "offset"
    limit: str = "limit"
    first: int = 0
    by_page: bool = False
    total: str = ""
    more: str = ""

    def pages(self, ask: Ask, rows: str) -> Iterator[list[Row]]:
        """Every page."""
        totals: list[int] = []
        yield from self._walk(ask, rows, totals)
        if totals and totals[-1] < totals[0]:
            yield from self._walk(ask, rows, [])

    def _walk(self, ask: Ask, rows: str, totals: list[int]) -> Iterator[list[Row]]:
        position, came, empty, known, taken = self.first, _Tally(), 0, 0, 0
        while True:
            answer = ask({self.position: str(position)} | ({self.limit: str(self.size)} if self.limit else {}))
            found = rows_at(answer, rows)
            total = _count(answer, self.total)
            if total is not None:
                totals.append(total)
            before = taken
            taken = came.add(found) if total is not None else 0
            ended = _ended(answer, self.more, taken=taken, total=total)
            if found:
                yield found
            if ended:
                return
            # Behind its end, a list may give the last page again and again: nothing new is as good as nothing.
            known = known + 1 if total is not None and taken == before else 0
            if found and known < _TRIES:
                position, empty = position + (1 if self.by_page else min(len(found), self.size)), 0
                continue
            empty = max(empty + 1, known)
            if empty < (2 if ended is None else _TRIES):
                continue
            if ended is None:
                return
            raise ProtocolError(
                f"The page at {self.position} {position} brings no new rows, yet the platform says that more rows follow "
                f"({taken} of {total if total is not None else 'an unknown number'} came). Try again later."
            )


@dataclass(frozen=True)
class Cursor:
    """Pages by a token that comes with the page before.

    Parameters
    ----------
    parameter : str
        That carries the token.
    next : str
        Dotted path of the token in an answer; missing or empty at the end.
    size : int
    limit : str
        Parameter of the size; empty sends none.
    alone : bool
        Whether the token goes alone, without the size.
    start : str
        Token of the first page; empty sends none.
    total : str
        Dotted path of the number of all rows, where the platform gives it.
    steady : bool
        Whether the token is the same on every page, the last one included, so that only the number of rows tells the end.
    promised : bool
        Whether the platform gives a token only where rows follow: an empty page behind one is then asked for again.
    """

    parameter: str
    next: str
    size: int = 100
    limit: str = "limit"
    alone: bool = False
    start: str = ""
    total: str = ""
    steady: bool = False
    promised: bool = False

    def pages(self, ask: Ask, rows: str) -> Iterator[list[Row]]:
        """Every page.

        Raises
        ------
        ProtocolError
            When the walk ends before the stated total, or a token leads nowhere.
        """
        token, came, taken, empty = self.start, _Tally(), 0, 0
        sized = {self.limit: str(self.size)} if self.limit else {}
        while True:
            position = {self.parameter: token} if token else {}
            answer = ask(position if token and self.alone else position | sized)
            found = rows_at(answer, rows)
            if found:
                yield found
            following = text(at(answer.value, self.next)) if isinstance(answer.value, Mapping) else ""
            total = _count(answer, self.total)
            taken = came.add(found) if total is not None else taken + len(found)
            broken = self.promised and bool(token) and not found
            lost = broken or (not following and total is not None and taken < total)
            empty = 0 if found else empty + 1
            done = self.steady and (taken >= total if total is not None else not found)
            if done or (not following and not lost):
                return
            if lost or empty >= _TRIES:
                if empty and empty < _TRIES:
                    continue
                raise ProtocolError(
                    f"The list broke off after {taken} of {total if total is not None else 'an unknown number of'} rows. "
                    "Try again later."
                )
            token = following


@dataclass(frozen=True)
class Linked:
    """Pages by the platform's own link to the next one.

    Parameters
    ----------
    next : callable
        Takes the link out of an answer; empty at the end.
    size : int
    limit : str
        Parameter of the size; empty sends none.
    first : mapping of str to str
        Further parameters of the first page.
    total : str
        Dotted path of the number of all rows, where the platform gives it.
    """

    next: Callable[[Answer], str]
    size: int = 100
    limit: str = "limit"
    first: Mapping[str, str] | None = None
    total: str = ""

    def pages(self, ask: Ask, rows: str) -> Iterator[list[Row]]:
        """Every page."""
        position: Mapping[str, str] | str = {
            **(self.first or {}),
            **({self.limit: str(self.size)} if self.limit else {}),
        }
        came, taken, empty = _Tally(), 0, 0
        while True:
            answer = ask(position)
            found = rows_at(answer, rows)
            total = _count(answer, self.total)
            taken = came.add(found) if total is not None else taken + len(found)
            if found:
                yield found
                empty = 0
            link = self.next(answer)
            if found and not link and (total is None or taken >= total):
                return
            if not found:
                empty += 1
                # A page that the page before promised is asked for once more, even where no total contradicts it.
                is_promised = isinstance(position, str) and total is None and empty < 2
                if not link and (total is None or taken >= total) and not is_promised:
                    return
                if empty < _TRIES:
                    continue
                raise ProtocolError(f"A page is empty, yet more should follow ({taken} rows came). Try again later.")
            if not link or link == position:
                raise ProtocolError(f"The list broke off after {taken} of {total} rows. Try again later.")
            position = link


@dataclass(frozen=True)
class After:
    """Pages that start behind the last row seen.

    Parameters
    ----------
    key : str
        Member of a row that names it.
    parameter : str
        That carries the last row's name.
    more : str
        Dotted path of something that is true while more rows follow.
    size : int
    limit : str
    """

    key: str
    parameter: str
    more: str
    size: int = 100
    limit: str = "limit"

    def pages(self, ask: Ask, rows: str) -> Iterator[list[Row]]:
        """Every page."""
        behind, empty = "", 0
        while True:
            answer = ask({self.limit: str(self.size)} | ({self.parameter: behind} if behind else {}))
            found = rows_at(answer, rows)
            empty = 0 if found else empty + 1
            if found:
                yield found
            # A page that the page before promised is asked for once more, even where it says itself to be the last.
            if not at(answer.value, self.more) and (found or not behind or empty > 1):
                return
            behind = text(found[-1].get(self.key)) if found else behind
            if empty >= _TRIES:
                raise ProtocolError("A page is empty, yet the platform says that more rows follow. Try again later.")


class _Tally:
    """Counts rows, each once however often it comes."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def add(self, rows: Sequence[Row]) -> int:
        """How many came by now, these included."""
        self._seen.update(hash(raw_text(row)) for row in rows)
        return len(self._seen)


def _count(answer: Answer, path: str) -> int | None:
    value = at(answer.value, path) if path and isinstance(answer.value, Mapping) else None
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else None


def _ended(answer: Answer, more: str, *, taken: int, total: int | None) -> bool | None:
    """Whether the platform says that this was the last page; None when it says nothing."""
    if more:
        return not at(answer.value, more)
    return None if total is None else taken >= total


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
