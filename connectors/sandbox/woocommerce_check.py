"""What WordPress refuses before WooCommerce sees it: the argument checks of the item routes and of the lists.

Batch routes skip the checks of their items; that is the platform's behaviour, not an omission here.
Source: route arguments of WooCommerce 11.0.1 and answers of a live shop of that version (2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.woocommerce_text import is_email

__all__ = ["ORDER", "PRODUCT", "VARIATION", "Refusal", "check_body", "check_list", "moment"]


class Refusal(Exception):
    """The shop says no: HTTP status, its code, its words and what it adds under ``data``."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.data = data

    def body(self) -> dict[str, Any]:
        """The error as the shop writes it."""
        return {"code": self.code, "message": str(self), "data": {"status": self.status, **self.data}}


Type = str | tuple[str, ...]

_STATUS = ("draft", "pending", "private", "publish", "future", "auto-draft", "trash")
_STRINGS = [
    "name",
    "slug",
    "description",
    "short_description",
    "sku",
    "global_unique_id",
    "regular_price",
    "sale_price",
    "external_url",
    "button_text",
    "tax_class",
    "weight",
    "shipping_class",
    "post_password",
    "purchase_note",
]
_BOOLEANS = ["featured", "virtual", "downloadable", "sold_individually", "reviews_allowed"]
_ARRAYS = [
    "downloads",
    "upsell_ids",
    "cross_sell_ids",
    "categories",
    "brands",
    "tags",
    "images",
    "attributes",
    "default_attributes",
    "meta_data",
    "grouped_products",
]

PRODUCT: dict[str, Type] = {
    **dict.fromkeys(_STRINGS, "string"),
    **dict.fromkeys(_BOOLEANS, "boolean"),
    **dict.fromkeys(_ARRAYS, "array"),
    "type": ("simple", "grouped", "external", "variable"),
    "status": _STATUS,
    "catalog_visibility": ("visible", "catalog", "search", "hidden"),
    "tax_status": ("taxable", "shipping", "none"),
    "stock_status": ("instock", "outofstock", "onbackorder"),
    "backorders": ("no", "notify", "yes"),
    "manage_stock": "boolean",
    "stock_quantity": "integer",
    "menu_order": "integer",
    "download_limit": "integer",
    "download_expiry": "integer",
    "parent_id": "integer",
    "dimensions": "object",
    "date_on_sale_from": "date",
    "date_on_sale_from_gmt": "date",
    "date_on_sale_to": "date",
    "date_on_sale_to_gmt": "date",
}
"""Writable fields of a product and their types; a tuple lists the allowed words."""

VARIATION: dict[str, Type] = {
    **{
        name: kind
        for name, kind in PRODUCT.items()
        if name not in ("type", "name", "categories", "brands", "tags", "images")
    },
    "manage_stock": "mixed",
    "image": "object",
}

ORDER: dict[str, Type] = {
    "status": (
        "auto-draft",
        "pending",
        "processing",
        "on-hold",
        "completed",
        "cancelled",
        "refunded",
        "failed",
        "checkout-draft",
    ),
    **dict.fromkeys(
        ("customer_note", "payment_method", "payment_method_title", "transaction_id", "created_via", "currency"),
        "string",
    ),
    **dict.fromkeys(("billing", "shipping"), "object"),
    **dict.fromkeys(("meta_data", "line_items", "shipping_lines", "fee_lines", "coupon_lines"), "array"),
    **dict.fromkeys(("customer_id", "parent_id"), "integer"),
    **dict.fromkeys(("set_paid", "manual_update"), "boolean"),
}
"""Writable fields of an order."""

_ORDERBY = {
    "products": ("date", "id", "include", "title", "slug", "modified", "menu_order", "price", "popularity", "rating"),
    "orders": ("date", "modified", "id", "include", "title", "slug"),
    "variations": ("date", "id", "include", "title", "slug", "modified", "menu_order"),
    "terms": ("id", "include", "name", "slug", "term_group", "description", "count"),
}
_LIST_STATUS = {
    "products": ("any", "future", "trash", "draft", "pending", "private", "publish"),
    "variations": ("any", "future", "trash", "draft", "pending", "private", "publish"),
    "orders": ("any", "trash", "auto-draft", *ORDER["status"][1:]),
}
_DATES = ("after", "before", "modified_after", "modified_before")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?")

Problem = tuple[str, str, Any]
"""Code, message and data of one wrong argument."""


def check_body(data: Mapping[str, Any], types: Mapping[str, Type]) -> None:
    """Check the fields of one item; unknown fields are ignored.

    Raises
    ------
    Refusal
        Names every wrong field at once; nothing is to be written then.
    """
    problems = {
        name: found for name, kind in types.items() if name in data and (found := _value(name, data[name], kind))
    }
    billing = data.get("billing")
    if (
        "billing" in types
        and isinstance(billing, Mapping)
        and billing.get("email")
        and not is_email(str(billing["email"]))
    ):
        problems["billing"] = ("rest_invalid_email", "Invalid email address.", None)
    _refuse(problems)


def check_list(query: Mapping[str, str], resource: str) -> None:
    """Check the arguments of a list.

    Raises
    ------
    Refusal
        Names every wrong argument.
    """
    problems: dict[str, Problem] = {}
    for name, low, high in (("page", 1, None), ("per_page", 1, 100), ("offset", None, None)):
        if name in query and (found := _number(name, query[name], low, high)):
            problems[name] = found
    for name, words in (("order", ("asc", "desc")), ("orderby", _ORDERBY[resource]), ("context", ("view", "edit"))):
        if name in query and query[name] not in words:
            problems[name] = _not_one_of(name, words)
    if resource in _LIST_STATUS:
        allowed = _LIST_STATUS[resource]
        for place, word in enumerate(query["status"].split(",") if query.get("status") else ()):
            if word not in allowed:
                problems["status"] = _not_one_of(f"status[{place}]" if resource == "orders" else "status", allowed)
    for name in _DATES:
        if name in query and not _is_date(query[name]):
            problems[name] = ("rest_invalid_date", "Invalid date.", None)
    _refuse(problems)


def moment(text: str, zone: ZoneInfo, gmt: bool) -> datetime:
    """The instant that the shop understands by a date argument.

    A value with ``Z`` or an offset is first turned into the shop's own time, and that text is then read as GMT where
    ``dates_are_gmt`` says so: the trap that shifts windows by the shop's distance from Greenwich.
    """
    value = datetime.fromisoformat(text.replace(" ", "T").replace("z", "Z").replace("t", "T"))
    local = value.astimezone(zone).replace(tzinfo=None) if value.tzinfo else value
    return local.replace(tzinfo=UTC) if gmt else local.replace(tzinfo=zone).astimezone(UTC)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.replace(" ", "T").replace("z", "Z").replace("t", "T"))
    except ValueError:
        return False
    return True


def _value(name: str, value: Any, kind: Type) -> Problem | None:
    if isinstance(kind, tuple):
        return None if value in kind else _not_one_of(name, kind)
    if kind == "date":
        fine = value in (None, "") or (
            isinstance(value, str) and _is_date(value + ("T00:00:00" if len(value) == 10 else ""))
        )
        return None if fine else ("rest_invalid_date", "Invalid date.", None)
    fine = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool) or value in (0, 1, "0", "1", "true", "false", ""),
        "integer": _integral(value),
        "array": isinstance(value, (list, str)),
        "object": isinstance(value, Mapping) or value in ("", []),
        "mixed": True,
    }[kind]
    return None if fine else ("rest_invalid_type", f"{name} is not of type {kind}.", {"param": name})


def _integral(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(re.fullmatch(r"\s*[+-]?\d+(?:\.0*)?\s*", value))
    return isinstance(value, (int, float)) and value == int(value)


def _number(name: str, text: str, low: int | None, high: int | None) -> Problem | None:
    if not _integral(text):
        return "rest_invalid_type", f"{name} is not of type integer.", {"param": name}
    number = int(float(text))
    if low is not None and high is not None and not low <= number <= high:
        return "rest_out_of_bounds", f"{name} must be between {low} (inclusive) and {high} (inclusive)", None
    if low is not None and number < low:
        return "rest_out_of_bounds", f"{name} must be greater than or equal to {low}", None
    return None


def _not_one_of(name: str, words: Iterable[str]) -> Problem:
    *most, last = words
    return "rest_not_in_enum", f"{name} is not one of {', '.join(most)}, and {last}.", None


def _refuse(problems: Mapping[str, Problem]) -> None:
    if problems:
        details = {
            name: {"code": code, "message": message, "data": data} for name, (code, message, data) in problems.items()
        }
        params = {name: message for name, (_, message, _) in problems.items()}
        raise Refusal(
            400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(problems)}", params=params, details=details
        )
