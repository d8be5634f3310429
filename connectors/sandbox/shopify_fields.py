"""What the Shopify twin's lists can be searched for and sorted by, a table for each list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.sandbox.shopify_store import Row, Store

__all__ = [
    "FILE_SORT",
    "ITEM_SEARCH",
    "LOCATION_SEARCH",
    "LOCATION_SORT",
    "ORDER_SEARCH",
    "ORDER_SORT",
    "PRODUCT_SORT",
    "VARIANT_SORT",
    "product_search",
    "variant_search",
]


def product_search(state: Store) -> dict[str, Callable[[Row], Any]]:
    """Search fields of products, those of their variants among them."""
    return {
        "": lambda row: [row["title"], row["vendor"], row["productType"], *row["tags"]],
        "id": lambda row: row["id"],
        "created_at": lambda row: row["created"],
        "updated_at": lambda row: row["updated"],
        "status": lambda row: row["status"],
        "title": lambda row: row["title"],
        "vendor": lambda row: row["vendor"],
        "handle": lambda row: row["handle"],
        "product_type": lambda row: row["productType"],
        "tag": lambda row: row["tags"],
        "sku": lambda row: [state.variants[one]["sku"] for one in row["variants"]],
        "barcode": lambda row: [state.variants[one]["barcode"] or "" for one in row["variants"]],
        "category_id": lambda row: row["category"] or "",
    }


def variant_search(state: Store) -> dict[str, Callable[[Row], Any]]:
    """Search fields of variants, those of their product among them."""
    return {
        "": lambda row: [row["sku"], row["barcode"] or "", state.products[row["product"]]["title"]],
        "id": lambda row: row["id"],
        "sku": lambda row: row["sku"],
        "barcode": lambda row: row["barcode"] or "",
        "product_id": lambda row: row["product"],
        "updated_at": lambda row: row["updated"],
        "created_at": lambda row: row["created"],
        "vendor": lambda row: state.products[row["product"]]["vendor"],
        "product_status": lambda row: state.products[row["product"]]["status"],
        "title": lambda row: " / ".join(row["options"].values()),
    }


ITEM_SEARCH: dict[str, Callable[[Row], Any]] = {
    "": lambda row: row["sku"],
    "id": lambda row: row["item"],
    "sku": lambda row: row["sku"],
    "created_at": lambda row: row["created"],
    "updated_at": lambda row: row["updated"],
}
ORDER_SEARCH: dict[str, Callable[[Row], Any]] = {
    "": lambda row: [f"#{row['number']}", row["email"] or ""],
    "id": lambda row: row["id"],
    "name": lambda row: [f"#{row['number']}", str(row["number"])],
    "email": lambda row: row["email"] or "",
    "created_at": lambda row: row["created"],
    "processed_at": lambda row: row["created"],
    "updated_at": lambda row: row["updated"],
    "financial_status": lambda row: row["paid"],
    "fulfillment_status": lambda row: "shipped" if row["fulfilled"] else "unshipped",
    "status": lambda row: ["any", "cancelled" if row["cancelled"] else "closed" if row["fulfilled"] else "open"],
}
LOCATION_SEARCH: dict[str, Callable[[Row], Any]] = {
    "": lambda row: row["name"],
    "id": lambda row: row["id"],
    "name": lambda row: row["name"],
    "active": lambda row: "true",
}
PRODUCT_SORT: dict[str, Callable[[Row], Any]] = {
    "ID": lambda row: row["id"],
    "CREATED_AT": lambda row: row["created"],
    "UPDATED_AT": lambda row: row["updated"],
    "PUBLISHED_AT": lambda row: row["created"],
    "TITLE": lambda row: row["title"],
    "VENDOR": lambda row: row["vendor"],
    "PRODUCT_TYPE": lambda row: row["productType"],
}
VARIANT_SORT: dict[str, Callable[[Row], Any]] = {
    "ID": lambda row: row["id"],
    "SKU": lambda row: row["sku"],
    "POSITION": lambda row: row["position"],
    "TITLE": lambda row: " / ".join(row["options"].values()),
    "INVENTORY_QUANTITY": lambda row: sum(row["levels"].values()),
}
ORDER_SORT: dict[str, Callable[[Row], Any]] = {
    "ID": lambda row: row["id"],
    "CREATED_AT": lambda row: row["created"],
    "PROCESSED_AT": lambda row: row["created"],
    "UPDATED_AT": lambda row: row["updated"],
    "ORDER_NUMBER": lambda row: row["number"],
}
LOCATION_SORT: dict[str, Callable[[Row], Any]] = {"ID": lambda row: row["id"], "NAME": lambda row: row["name"]}
FILE_SORT: dict[str, Callable[[Row], Any]] = {
    "ID": lambda row: row["id"],
    "CREATED_AT": lambda row: row["created"],
    "UPDATED_AT": lambda row: row["updated"],
}
