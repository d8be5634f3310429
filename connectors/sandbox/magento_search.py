"""Search criteria, paging and the cutting of answers, as every list of Magento has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["Criteria", "cut"]

_FILTER = re.compile(
    r"searchCriteria\[filter_?[gG]roups\]\[(\d+)\]\[filters\]\[(\d+)\]\[(field|value|condition_?[tT]ype)\]"
)
_SORT = re.compile(r"searchCriteria\[sort_?[oO]rders\]\[(\d+)\]\[(field|direction)\]")

_CONDITIONS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda value, wanted: value.lower() == wanted.lower(),
    "neq": lambda value, wanted: value.lower() != wanted.lower(),
    "in": lambda value, wanted: value.lower() in wanted.lower().split(","),
    "nin": lambda value, wanted: value.lower() not in wanted.lower().split(","),
    "gt": lambda value, wanted: value > wanted,
    "gteq": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "lteq": lambda value, wanted: value <= wanted,
    "null": lambda value, wanted: not value,
    "notnull": lambda value, wanted: bool(value),
    "like": lambda value, wanted: (
        re.fullmatch(re.escape(wanted).replace("%", ".*"), value, re.IGNORECASE | re.DOTALL) is not None
    ),
}


class Criteria:
    """What a list was asked for.

    Parameters
    ----------
    query : sequence of (str, str)

    Raises
    ------
    ValueError
        When a condition is unknown.
    """

    def __init__(self, query: Sequence[tuple[str, str]]) -> None:
        self.is_given = any(name.startswith("searchCriteria") for name, _ in query)
        values = dict(query)
        self.page = int(values.get("searchCriteria[currentPage]") or 1)
        self.size = int(values.get("searchCriteria[pageSize]") or 0)
        self._groups: dict[str, dict[str, dict[str, str]]] = {}
        self._orders: dict[str, dict[str, str]] = {}
        for name, value in query:
            if found := _FILTER.fullmatch(name):
                kind = "condition_type" if found[3].startswith("condition") else found[3]
                self._groups.setdefault(found[1], {}).setdefault(found[2], {})[kind] = value
            elif found := _SORT.fullmatch(name):
                self._orders.setdefault(found[1], {})[found[2]] = value
        named = {one.get("condition_type", "eq") for group in self._groups.values() for one in group.values()}
        if unknown := sorted(named - set(_CONDITIONS)):
            raise ValueError(f"unknown condition {', '.join(unknown)}")

    def chosen(self, rows: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, Any], str], Any]) -> list[Any]:
        """The rows of which every group of filters has one that holds, in the order asked for."""
        found = [row for row in rows if all(self._holds(row, group, value) for group in self._groups.values())]
        for _, order in sorted(self._orders.items(), reverse=True):
            name = order["field"]
            found.sort(key=lambda row: value(row, name) or 0, reverse=order.get("direction", "ASC").upper() == "DESC")
        return found

    def bounds(self, count: int) -> tuple[int, int]:
        """First row and number of rows of the page: a page behind the end is the last one again."""
        size = self.size or max(count, 1)
        last = max(1, -(-count // size))
        return (min(max(self.page, 1), last) - 1) * size, size

    def shown(self) -> dict[str, Any]:
        """The criteria as an answer repeats them."""
        groups = [{"filters": list(group.values())} for group in self._groups.values()]
        shown: dict[str, Any] = {"filter_groups": groups, "page_size": self.size, "current_page": self.page}
        orders = [{"direction": "ASC", **one} for one in self._orders.values()]
        return shown | ({"sort_orders": orders} if orders else {})

    @staticmethod
    def _holds(row: Mapping[str, Any], group: Mapping[str, Mapping[str, str]], value: Any) -> bool:
        return any(
            _CONDITIONS[one.get("condition_type", "eq")](str(value(row, one["field"]) or ""), one.get("value", ""))
            for one in group.values()
        )


def cut(value: Any, fields: str) -> Any:
    """What the parameter ``fields`` leaves of an answer, such as ``items[sku,name],total_count``."""
    return _cut(value, _tree(iter(re.findall(r"[^\[\],]+|[\[\]]", fields)))) if fields else value


def _tree(tokens: Iterator[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    name = ""
    for token in tokens:
        if token == "]":
            return tree
        if token == "[":
            tree[name] = _tree(tokens)
        else:
            name = token
            tree[name] = {}
    return tree


def _cut(value: Any, tree: Mapping[str, Any]) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_cut(one, tree) for one in value]
    return {name: _cut(value[name], below) for name, below in tree.items() if name in value}
