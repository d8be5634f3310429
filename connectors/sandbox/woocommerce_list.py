"""Lists of a WooCommerce shop: which rows a query means, in which order, and the links between the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox.woocommerce_saving import Row

__all__ = ["filtered", "links", "ordered"]


def filtered(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    """The rows that a query asks for, trash left out unless it is named; arguments the shop does not know are ignored."""
    tests: list[Callable[[Row], bool]] = []
    words = {name: query[name].split(",") for name in query if query[name]}
    if "status" in words and "any" not in words["status"]:
        tests.append(lambda row: row["status"] in words["status"])
    else:
        tests.append(lambda row: row["status"] != "trash")
    if "sku" in words:
        tests.append(lambda row: row["sku"] in words["sku"])
    if "search_sku" in words:
        tests.append(lambda row: query["search_sku"].lower() in row["sku"].lower())
    if "global_unique_id" in words:
        tests.append(lambda row: row["gtin"] in words["global_unique_id"])
    if "search" in words:
        tests.append(lambda row: _mentions(row, query["search"]))
    for name, column in (("type", "type"), ("slug", "slug"), ("stock_status", "stock_status")):
        if name in words:
            tests.append(lambda row, name=name, column=column: row[column] in words[name])  # type: ignore[misc]
    for name, column in (("category", "categories"), ("brand", "brands"), ("tag", "tags")):
        if name in words:
            tests.append(lambda row, name=name, column=column: any(str(one) in words[name] for one in row[column]))  # type: ignore[misc]
    included, excluded = _ids(query, "include"), _ids(query, "exclude")
    if included:
        tests.append(lambda row: row["id"] in included)
    if excluded:
        tests.append(lambda row: row["id"] not in excluded)
    if parents := _ids(query, "parent"):
        tests.append(lambda row: row["parent"] in parents)
    return [row for row in rows if all(test(row) for test in tests)]


def _mentions(row: Row, text: str) -> bool:
    if "billing" in row:
        values = [str(row["id"]), *row["billing"].values(), *row["shipping"].values()]
    else:
        values = [row["name"], row["description"], row["short_description"]]
    return any(text.lower() in value.lower() for value in values)


def _ids(query: Mapping[str, str], name: str) -> set[int]:
    values = [
        one for key, text in query.items() if key == name or key.startswith(f"{name}[") for one in text.split(",")
    ]
    return {int(one) for one in values if one.strip().isdigit()}


def ordered(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    """The rows in the order asked for (newest first where nothing is asked), ties by number."""
    columns: dict[str, Callable[[Row], Any]] = {
        "id": lambda row: row["id"],
        "date": lambda row: row["created"],
        "modified": lambda row: row["modified"],
        "title": lambda row: row["name"].lower(),
        "name": lambda row: row["name"].lower(),
        "slug": lambda row: row["slug"],
        "price": lambda row: float(row["regular_price"] or 0),
    }
    column = columns.get(query.get("orderby", "date"), columns["id"])
    return sorted(rows, key=lambda row: (column(row), row["id"]), reverse=query.get("order", "desc") == "desc")


def links(address_of_list: str, query: Sequence[tuple[str, str]], page: int, pages: int, *, orders: bool) -> str:
    """The ``Link`` header of a list of several pages; empty where the list has one page."""
    pairs = list(query)
    if orders:
        present = {name for name, _ in pairs}
        pairs += [
            pair
            for pair in (("status[0]", "any"), ("dp", "2"), ("context", "view"))
            if pair[0].split("[")[0] not in present
        ]

    def address(number: int) -> str:
        replaced = [(name, str(number) if name == "page" else value) for name, value in pairs]
        if not any(name == "page" for name, _ in pairs):
            replaced.append(("page", str(number)))
        return f"<{address_of_list}?{urlencode(replaced)}>"

    found = []
    if page > 1:
        found.append(f'{address(min(page - 1, pages))}; rel="prev"')
    if page < pages:
        found.append(f'{address(page + 1)}; rel="next"')
    return ", ".join(found)
