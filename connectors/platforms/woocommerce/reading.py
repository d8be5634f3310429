"""WooCommerce's payloads as canonical records, and the calls that fetch them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from connectors.client import Client
from connectors.errors import ProtocolError, RefusedError
from connectors.mapping import (
    LENGTH,
    WEIGHT,
    Amount,
    Instant,
    Joined,
    Measure,
    Source,
    at,
    canonical,
    plain_number,
    raw_text,
    text,
)
from connectors.paginate import Anchored

__all__ = ["Reader", "Shop", "as_stored", "words"]

Payload = Mapping[str, Any]

PAGE_SIZE = 100
"""The most that the shop gives at once (400 above it)."""

_PATH_SEPARATOR = " > "
_STATUS = {
    "publish": "active",
    "draft": "draft",
    "pending": "draft",
    "future": "draft",
    "private": "draft",
    "auto-draft": "draft",
    "trash": "archived",
}
_SOLD_THROUGH_OTHERS = frozenset({"variable", "grouped"})
_CHANGING = frozenset({"_links", "price_html", "related_ids"})
"""Members left out of ``raw``: made anew (partly at random) for each answer, they would look like changes."""


def words(body: Any) -> str:
    """The shop's own error as ``code: message``, with what it says of each parameter."""
    parameters = at(body, "data.params") if isinstance(at(body, "data"), Mapping) else None
    details = (
        " ".join(f"{name}: {said}" for name, said in parameters.items()) if isinstance(parameters, Mapping) else ""
    )
    return f"{body['code']}: {html.unescape(str(body.get('message', '')))}{f' ({details})' if details else ''}"


@dataclass(frozen=True)
class Shop:
    """Settings that the values depend on."""

    currency: str
    weight: Amount
    length: Amount


class Reader:
    """Reads one shop.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parent_skus: dict[int, str] = {}
        self._terms: dict[str, dict[int, str]] = {}

    @cached_property
    def shop(self) -> Shop:
        """Currency and units, asked once.

        Raises
        ------
        ProtocolError
            When a unit is unknown: every weight would be wrong by its factor.
        """
        general = self._settings("general")
        products = self._settings("products")
        weight, length = products.get("woocommerce_weight_unit", ""), products.get("woocommerce_dimension_unit", "")
        weights = WEIGHT | {"lbs": WEIGHT["lb"]}
        if weight not in weights or length not in LENGTH:
            raise ProtocolError(
                f"The shop measures in {weight!r} and {length!r}; known are {', '.join(weights)} and {', '.join(LENGTH)}. "
                "Set one of these in WooCommerce > Settings > Products.",
                platform="woocommerce",
            )
        return Shop(general.get("woocommerce_currency", ""), weights[weight], LENGTH[length])

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Payload]]:
        """Payloads of that kind, sorted by identifier.

        Sorted by time, records that change during the walk would move and push others over a page's edge; and the
        shop has no second key for records of the same second.
        """
        changed = (
            {} if since is None else {"modified_after": since.strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true"}
        )
        if kind == "order":
            yield from self._walk("orders", changed)
            return
        products: list[int] = []
        for rows in self._walk("products", changed):
            for row in rows:
                number = _number(row)
                if number is not None and row.get("type") == "variable":
                    products.append(number)
                    self._parent_skus[number] = str(row.get("sku") or "")
            yield rows
        for rows in self._variations(products, changed):
            self._learn_parents(rows)
            yield rows

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Payload]:
        """The payloads of these records; keys that are no identifiers of this shop are left out."""
        if kind == "stock":
            keys = [(key.rpartition("/")[2], key.rpartition("/")[0]) for key, _ in keys]
        plain = [key for key, parent in keys if key.isdigit() and not parent]
        for some in _slices(plain):
            # Without orderby=include the order is by date, which does not matter here.
            yield from self._list("orders" if kind == "order" else "products", {"include": ",".join(some)})
        families: dict[str, list[str]] = {}
        for key, parent in keys:
            if key.isdigit() and parent.isdigit():
                families.setdefault(parent, []).append(key)
        for parent, children in families.items():
            for some in _slices(children):
                try:
                    rows = self._list(f"products/{parent}/variations", {"include": ",".join(some)})
                except RefusedError as error:
                    if error.status in (400, 404):
                        break
                    raise
                self._learn_parents(rows)
                yield from rows

    def records(self, kind: str, payload: Payload) -> Iterator[tuple[str, dict[str, Any]]]:
        """The canonical rows of a payload."""
        if kind == "order":
            yield from self._order(payload)
        elif kind == "stock":
            if payload.get("manage_stock") is True:
                yield "stock", canonical(payload, _STOCK) | {"raw": raw_text(_lasting(payload))}
        else:
            yield "product", self._product(payload)

    def category_of(self, payload: Payload) -> str:
        """The path of the category that stands for the product: the deepest one, the first of several by path."""
        shown = self.shown_category(payload.get("categories") or [])
        return self.terms("products/categories").get(shown["id"], _name(shown)) if shown else ""

    def shown_category(self, categories: Sequence[Payload]) -> Payload | None:
        """The one of a product's categories that `category_of` names."""
        paths = self.terms("products/categories") if categories else {}
        ranked = [(paths.get(one["id"], _name(one)), one) for one in categories]
        return min(ranked, key=lambda pair: (-pair[0].count(_PATH_SEPARATOR), pair[0]))[1] if ranked else None

    def terms(self, route: str, *, refresh: bool = False) -> dict[int, str]:
        """Identifier to name of all categories (as paths) or brands; asked once."""
        if refresh or route not in self._terms:
            rows = [row for rows in self._walk(route, {"_fields": "id,name,parent"}) for row in rows]
            self._terms[route] = _paths(rows)
        return self._terms[route]

    def _product(self, payload: Payload) -> dict[str, Any]:
        is_variation = bool(payload.get("parent_id")) and payload.get("type") == "variation"
        own = payload.get("manage_stock") is True
        brands = payload.get("brands") or []
        row = canonical(payload, _PRODUCT)
        if is_variation:
            parent = payload["parent_id"]
            row |= {"parent_key": str(parent), "level": "variant"}
            if row["sku"] == self._parent_skus.get(parent, ""):
                row["sku"] = ""
        else:
            row["level"] = "parent" if payload.get("type") in _SOLD_THROUGH_OTHERS else "single"
        return row | {
            "brand": _name(min(brands, key=_name)) if brands else "",
            "category": self.category_of(payload),
            "currency": self.shop.currency,
            "quantity": row["quantity"] if own else "",
            "weight_g": Measure("weight", self.shop.weight)(payload),
            "length_mm": Measure("dimensions.length", self.shop.length)(payload),
            "width_mm": Measure("dimensions.width", self.shop.length)(payload),
            "height_mm": Measure("dimensions.height", self.shop.length)(payload),
            "raw": raw_text(_lasting(payload)),
        }

    def _order(self, payload: Payload) -> Iterator[tuple[str, dict[str, Any]]]:
        order = canonical(payload, _ORDER)
        lines = payload.get("line_items") or []
        yield "order", order | {"raw": raw_text(_lasting(payload))}
        for line in lines:
            key = text(line.get("id"))
            yield (
                "order_line",
                {
                    **canonical(line, _LINE),
                    "record_key": f"{order['record_key']}/{key}",
                    "order_key": order["record_key"],
                    "raw": raw_text(line),
                },
            )

    def _learn_parents(self, rows: Sequence[Payload]) -> None:
        """Ask for the SKUs of parents not met yet, so that an inherited SKU can be told from an own one."""
        parents = {
            row["parent_id"] for row in rows if isinstance(row, Mapping) and isinstance(row.get("parent_id"), int)
        }
        for some in _slices([str(one) for one in sorted(parents - self._parent_skus.keys())]):
            for row in self._list("products", {"include": ",".join(some), "_fields": "id,sku"}):
                self._parent_skus[row["id"]] = str(row.get("sku") or "")

    def _variations(self, products: Sequence[int], changed: Mapping[str, str]) -> Iterator[list[Payload]]:
        """All variations from the flat list, or, in shops that have none yet, from each product's own list."""
        try:
            yield from self._walk("variations", changed)
            return
        except RefusedError as error:
            if error.status != 404:
                raise
        # A variation's change moves its product's date, so the products found are all that are needed.
        for product in products:
            for rows in self._walk(f"products/{product}/variations", changed):
                yield [{**row, "parent_id": product, "type": "variation"} for row in rows]

    def _walk(self, route: str, params: Mapping[str, str]) -> Iterator[list[Payload]]:
        def ask(offset: int, size: int) -> list[Payload]:
            where = {"offset": str(offset)} if offset else {}
            return self._list(route, {**params, **where, "per_page": str(size), "orderby": "id", "order": "asc"})

        return Anchored(PAGE_SIZE).pages(ask, order=_number)

    def _list(self, route: str, params: Mapping[str, str]) -> list[Payload]:
        sized = {} if route.startswith("settings/") else {"per_page": str(PAGE_SIZE)}
        answer = self._client.send("GET", route, params={**sized, **as_stored(route), **params})
        if not isinstance(answer.value, list) or not all(
            isinstance(row, Mapping) and "id" in row for row in answer.value
        ):
            raise ProtocolError(
                f"The list {route!r} holds something that is no record: {raw_text(answer.value)[:200]!r}. A plug-in may change "
                "the answers of the interface; switch plug-ins off one by one to find it.",
                platform="woocommerce",
                status=answer.status,
                request_id=answer.request_id,
            )
        return answer.value

    def _settings(self, group: str) -> dict[str, str]:
        return {
            text(row["id"]): text(row.get("value"))
            for row in self._list(f"settings/{group}", {})
            if not isinstance(row.get("value"), list | dict)
        }


def as_stored(route: str) -> dict[str, str]:
    """Parameters that make the shop give a product as it is stored.

    Otherwise descriptions come as they are shown, with paragraphs put in and short codes carried out: written back,
    they would be lost.
    """
    return {"context": "edit"} if route.startswith(("products", "variations")) else {}


def _slices(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), PAGE_SIZE):
        yield keys[start : start + PAGE_SIZE]


def _number(row: Payload) -> int | None:
    key = row.get("id") if isinstance(row, Mapping) else None
    return key if isinstance(key, int) else None


def _lasting(payload: Payload) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in _CHANGING}


def _name(term: Payload) -> str:
    return html.unescape(text(term.get("name")))


def _paths(rows: Sequence[Payload]) -> dict[int, str]:
    """Identifier to path. A loop among parents, which a broken shop can hold, ends the path."""
    by_id = {row["id"]: row for row in rows}
    paths = {}
    for key in by_id:
        names: list[str] = []
        met: set[int] = set()
        one = key
        while one in by_id and one not in met:
            met.add(one)
            names.insert(0, _name(by_id[one]))
            one = by_id[one].get("parent") or 0
        paths[key] = _PATH_SEPARATOR.join(names)
    return paths


def _images(payload: Payload) -> list[str]:
    images = payload.get("images")
    if images is None:
        images = [payload["image"]] if payload.get("image") else []
    return [text(image.get("src")) for image in images if image.get("src")]


def _attributes(payload: Payload) -> list[dict[str, str]]:
    pairs = []
    for one in payload.get("attributes") or []:
        value = (
            text(one.get("option")) if "option" in one else ", ".join(text(each) for each in one.get("options") or [])
        )
        pairs.append({"key": text(one.get("name")), "value": value})
    return pairs


def _unit_price(line: Payload) -> str:
    """Price of one unit before discounts: the line's ``subtotal`` over its quantity.

    The line's own ``price`` is computed in floating point after discounts, and is not what the shop asked for.
    """
    subtotal, quantity = text(line.get("subtotal")), text(line.get("quantity"))
    amount, count = plain_number(subtotal), plain_number(quantity)
    if amount is None or count is None or count <= 0 or count == 1:
        return subtotal
    return text((amount / count).quantize(Decimal("0.0001")))


_PRODUCT: dict[str, Source] = {
    "record_key": "id",
    "sku": "sku",
    "gtin": "global_unique_id",
    "title": lambda payload: text(payload.get("name")).replace("&amp;", "&"),
    "description": "description",
    "price": "regular_price",
    "sale_price": "sale_price",
    "quantity": "stock_quantity",
    "images": _images,
    "status": lambda payload: _STATUS.get(text(payload.get("status")), text(payload.get("status"))),
    "attributes": _attributes,
    "updated_at": Instant("date_modified_gmt"),
}

_ORDER: dict[str, Source] = {
    "record_key": "id",
    "ordered_at": Instant("date_created_gmt"),
    "status": "status",
    "currency": "currency",
    "total": "total",
    "buyer_name": Joined(("billing.first_name", "billing.last_name")),
    "email": "billing.email",
    "phone": "billing.phone",
    "ship_name": Joined(("shipping.first_name", "shipping.last_name")),
    "ship_street": "shipping.address_1",
    "ship_city": "shipping.city",
    "ship_region": "shipping.state",
    "ship_postal_code": "shipping.postcode",
    "ship_country": "shipping.country",
    "shipped_at": Instant("date_completed_gmt"),
    "updated_at": Instant("date_modified_gmt"),
}

_LINE: dict[str, Source] = {
    "record_key": "id",
    "line_key": "id",
    "sku": "sku",
    "quantity": "quantity",
    "unit_price": _unit_price,
}

_STOCK: dict[str, Source] = {
    # A variation can be written through its product only, so the key names both.
    "record_key": lambda payload: (
        f"{payload['parent_id']}/{payload['id']}" if payload.get("parent_id") else text(payload.get("id"))
    ),
    "parent_key": "id",
    "sku": "sku",
    "quantity": "stock_quantity",
    "updated_at": Instant("date_modified_gmt"),
}
