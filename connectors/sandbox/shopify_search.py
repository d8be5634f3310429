"""Lists as Shopify gives them: search words, sort keys and cursors that survive changes between two pages."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from graphql import GraphQLError

__all__ = ["MOST", "connection", "matching"]

MOST = 250
"""Largest page (https://shopify.dev/docs/api/usage/limits, read 2026-11-23)."""

Row = dict[str, Any]
Getter = Callable[[Row], Any]

_TERM = re.compile(
    r"""(?P<negated>-|NOT\s+)?(?:(?P<field>\w+):)?(?P<sign>>=|<=|>|<)?(?P<value>'[^']*'|"[^"]*"|[^\s()]+)"""
)


def matching(rows: Sequence[Row], query: str | None, fields: Mapping[str, Getter]) -> tuple[list[Row], list[str]]:
    """Rows that fit a search text, and the fields it names that cannot be searched (they are ignored, as Shopify does).

    Parameters
    ----------
    rows : sequence of dict
    query : str or None
        ``field:value`` with ``>=``, ``<``, ...; terms side by side or joined by AND; groups joined by OR.
    fields : mapping of str to callable
        What each field holds; ``""`` is what a bare word is looked for in.
    """
    if not query or not query.strip():
        return list(rows), []
    unknown: list[str] = []
    groups = [_terms(part, fields, unknown) for part in re.split(r"\s+OR\s+", query)]
    return [row for row in rows if any(all(test(row) for test in tests) for tests in groups)], unknown


def connection(
    rows: Sequence[Row],
    sort: Getter,
    arguments: Mapping[str, Any],
    *,
    view: Callable[[Row], Any],
    optional: bool = False,
) -> Row:
    """One page of rows.

    Parameters
    ----------
    rows : sequence of dict
        With ``id``, which breaks ties.
    sort : callable
        Sort value of a row.
    arguments : mapping
        ``first``, ``after``, ``last``, ``before``, ``reverse``.
    view : callable
        What the schema's resolvers expect of a row.
    optional : bool
        Whether the page size may be left out.

    Raises
    ------
    GraphQLError
        When the size is missing or too large, or a cursor is not one of ours.
    """
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        if not optional:
            raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
        first = MOST
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= MOST:
            message = f"The `{name}` argument has a maximum value of {MOST}; {size} was given"
            raise GraphQLError(message, extensions={"code": "BAD_REQUEST"})

    def place(row: Row) -> tuple[str, int]:
        return _sortable(sort(row)), row["id"]

    ordered = sorted(rows, key=place, reverse=bool(arguments.get("reverse")))
    beyond = (lambda one, mark: one < mark) if arguments.get("reverse") else (lambda one, mark: one > mark)
    kept = ordered
    if after := arguments.get("after"):
        mark = _read_cursor(after)
        kept = [row for row in kept if beyond(place(row), mark)]
    if before := arguments.get("before"):
        end = _read_cursor(before)
        kept = [row for row in kept if beyond(end, place(row))]
    skipped = len(ordered) - len(kept) if after else 0
    page = kept[:first] if first is not None else kept[max(0, len(kept) - (last or 0)) :]
    cursors = [_cursor(*place(row)) for row in page]
    return {
        "edges": [{"cursor": cursor, "node": view(row)} for cursor, row in zip(cursors, page, strict=True)],
        "nodes": [view(row) for row in page],
        "pageInfo": {
            "hasNextPage": len(kept) > len(page) if first is not None else bool(before),
            "hasPreviousPage": skipped > 0 if first is not None else len(kept) > len(page),
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _terms(text: str, fields: Mapping[str, Getter], unknown: list[str]) -> list[Callable[[Row], bool]]:
    tests: list[Callable[[Row], bool]] = []
    for found in _TERM.finditer(text):
        if found["value"] in ("AND",) and not found["field"]:
            continue
        name, value = (found["field"] or ""), found["value"].strip("'\"")
        if name not in fields:
            unknown.append(name)
            continue
        tests.append(_test(fields[name], found["sign"] or "", value, bool(found["negated"]), bare=not name))
    return tests


def _test(getter: Getter, sign: str, value: str, negated: bool, *, bare: bool) -> Callable[[Row], bool]:
    def test(row: Row) -> bool:
        held = getter(row)
        return _fits(held, sign, value, bare) != negated

    return test


def _fits(held: Any, sign: str, value: str, bare: bool) -> bool:
    if isinstance(held, (list, tuple, set)):
        return any(_fits(one, sign, value, bare) for one in held)
    if held is None:
        return False
    if isinstance(held, datetime):
        return _compare(held, sign, _moment(value))
    if isinstance(held, (int, Decimal)) and not isinstance(held, bool):
        try:
            return _compare(Decimal(held), sign, Decimal(value.rpartition("/")[2]))
        except InvalidOperation:
            return False
    text, wanted = str(held).lower(), value.lower()
    if bare:
        return wanted in text
    if wanted.endswith("*"):
        return text.startswith(wanted[:-1])
    return _compare(text, sign, wanted)


def _compare(held: Any, sign: str, value: Any) -> bool:
    results: dict[str, bool] = {
        "": held == value,
        ">": held > value,
        ">=": held >= value,
        "<": held < value,
        "<=": held <= value,
    }
    return results[sign]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise GraphQLError(f"Invalid date '{text}' in the search", extensions={"code": "BAD_REQUEST"}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sortable(value: Any) -> str:
    """Sort values become text so that a cursor can hold them; numbers keep their order."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (int, Decimal)):
        return f"{value:030.4f}"
    return str(value or "").lower()


def _cursor(value: str, number: int) -> str:
    return base64.b64encode(json.dumps({"last_id": number, "last_value": value}).encode()).decode()


def _read_cursor(text: str) -> tuple[str, int]:
    try:
        content = json.loads(base64.b64decode(text, validate=True))
        return str(content["last_value"]), int(content["last_id"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"}) from None
