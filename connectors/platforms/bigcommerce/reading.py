"""How records of BigCommerce are read: products with what their variants inherit, orders with all their lines, stock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.changes import InvalidError
from connectors.mapping import LENGTH, WEIGHT, Amount, Joined, Payload, at, money, text
from connectors.paginate import Counted
from connectors.rest import RestConnector, Stream

__all__ = [
    "MEASURES", "STATUSES", "V3", "WHOLE_ORDER", "Reading", "delivery", "iso", "own_or", "picture", "pictures", "rfc2822", "to",
]  # fmt: skip

V3 = Counted(100, "page", "limit", first=1, by_page=True, total="meta.pagination.total")
_LOOKED_UP = Counted(250, "page", "limit", first=1, by_page=True, total="meta.pagination.total")
WHOLE_ORDER = {"include": "consignments.line_items", "consignment_structure": "object"}
ABANDONED = 0
STATUSES = {
    1: "Pending",
    2: "Shipped",
    3: "Partially Shipped",
    4: "Refunded",
    5: "Cancelled",
    6: "Declined",
    7: "Awaiting Payment",
    8: "Awaiting Pickup",
    9: "Awaiting Shipment",
    10: "Completed",
    11: "Awaiting Fulfillment",
    12: "Manual Verification Required",
    13: "Disputed",
    14: "Partially Refunded",
}
_UNITS = {
    "ounces": WEIGHT["oz"],
    "lbs": WEIGHT["lb"],
    "pounds": WEIGHT["lb"],
    "grams": WEIGHT["g"],
    "kgs": WEIGHT["kg"],
    "kilograms": WEIGHT["kg"],
    "tonnes": Amount(Decimal(1_000_000)),
    "inches": LENGTH["in"],
    "centimeters": LENGTH["cm"],
}
MEASURES = {"weight_g": "weight", "length_mm": "depth", "width_mm": "width", "height_mm": "height"}
_ATTRIBUTES = (
    "type",
    "availability",
    "inventory_tracking",
    "page_title",
    "meta_description",
    "search_keywords",
    "warranty",
)


def iso(moment: datetime) -> str:
    """Always with the time: a bare date would get the present time of day."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc2822(path: str) -> Callable[[Payload], str]:
    """Source of a time as V2 writes it; what has another form stays as it came."""

    def read(payload: Payload) -> str:
        value = text(at(payload, path))
        try:
            return iso(parsedate_to_datetime(value).astimezone(UTC)) if value else ""
        except ValueError:
            return value

    return read


def own_or(variant: Payload, product: Payload, name: str) -> Any:
    """A variant's value, or the product's where the variant has none of its own."""
    return product.get(name) if variant.get(name) is None else variant[name]


def _consigned(payload: Payload) -> list[Mapping[str, Any]]:
    """All lines of an order, whatever way they go."""
    ways = payload.get("consignments") or {}
    mailed = at(ways, "email.gift_certificates") or ()
    groups = [*(ways.get("shipping") or ()), *(ways.get("pickups") or ()), *(ways.get("downloads") or ()), *mailed]
    return [line for one in groups for line in one.get("line_items") or ()]


def delivery(payload: Payload) -> Mapping[str, Any]:
    """The first address that something is sent to; empty where nothing is."""
    return (at(payload, "consignments.shipping") or [{}])[0]


def to(source: Joined | str) -> Callable[[Payload], str]:
    """Source of a part of the address that an order goes to."""
    return lambda payload: source(delivery(payload)) if callable(source) else text(delivery(payload).get(source))


def picture(image: Payload) -> str:
    """The address of a picture in its full size."""
    return text(image.get("url_zoom") or image.get("image_url"))


def pictures(product: Payload) -> list[Mapping[str, Any]]:
    """The pictures of a product, its thumbnail first."""
    return sorted(
        product.get("images") or (), key=lambda one: (not one.get("is_thumbnail"), one.get("sort_order") or 0)
    )


class Reading(RestConnector):
    """The reading half of a store."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._known: dict[str, Any] = {}
        self._bases: dict[int, int] = {}

    # ---- what a store is asked once ----------------------------------------------------------------------------

    @property
    def store(self) -> Mapping[str, Any]:
        """Name, currency, language and units."""
        return self._once("store", lambda: self.client.send("GET", "v2/store").value)

    @property
    def currency(self) -> str:
        """Of the prices of products."""
        return text(self.store.get("currency"))

    @property
    def brands(self) -> dict[int, str]:
        """Number to name."""
        return self._once("brands", lambda: {one["id"]: text(one["name"]) for one in self._all("v3/catalog/brands")})

    @property
    def categories(self) -> dict[int, str]:
        """Number to path, in all trees."""

        def ask() -> dict[int, str]:
            rows = {one["category_id"]: one for one in self._all("v3/catalog/trees/categories")}
            return {key: " > ".join(_names(rows, key)) for key in rows}

        return self._once("categories", ask)

    def unit(self, field: str) -> Amount:
        """The unit of a weight or a length.

        Raises
        ------
        ValueError
            When the store has one that we do not know.
        """
        name = text(self.store.get("weight_units" if field == "weight_g" else "dimension_units"))
        if name.lower() not in _UNITS:
            raise ValueError(f"the store measures in {name!r}; known are {', '.join(_UNITS)}")
        return _UNITS[name.lower()]

    def brand_id(self, name: str) -> int:
        """The number of a brand; 0 for none.

        Raises
        ------
        InvalidError
            When there is none of that name: sending a name would make a new brand of a slip.
        """
        found = [key for key, known in self.brands.items() if known == name]
        if name and not found:
            raise InvalidError(f"The store has no brand {name!r}. Add it under Products > Brands.", "unknown_value")
        return found[0] if name else 0

    def category_ids(self, path: str, current: Payload) -> list[int]:
        """All categories of a product with another main one; the others stay.

        Raises
        ------
        InvalidError
            When there is no such category, or more than one.
        """
        fitting = [key for key, known in self.categories.items() if known == path]
        if path and len(fitting) != 1:
            raise InvalidError(
                f"{len(fitting)} categories of the store have the path {path!r}; it must be one.", "unknown_value"
            )
        known = [int(one) for one in current.get("categories") or ()]
        main = self._main(current)
        place = known.index(main) if main in known else 0
        kept = [one for one in known if one != main and one not in fitting]
        return kept[:place] + (fitting if path else []) + kept[place:]

    def _main(self, product: Payload) -> int | None:
        """The deepest category of a product, the first of several."""
        known = [int(one) for one in product.get("categories") or ()]
        return max(known, key=lambda one: self.categories.get(one, "").count(">"), default=None)

    def _once(self, name: str, ask: Callable[[], Any]) -> Any:
        if name not in self._known:
            self._known[name] = ask()
        return self._known[name]

    def _all(self, path: str, params: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
        stream = Stream(path, {}, rows="data", pages=_LOOKED_UP)
        return [row for rows in super().walk(stream, params) for row in rows]

    # ---- reading -----------------------------------------------------------------------------------------------

    def is_key(self, kind: str, key: str) -> bool:
        """A number, or two of them: product and variant, location and variant."""
        form = {"order": r"\d{1,18}", "stock": r"\d{1,18}/\d{1,18}"}.get(kind, r"\d{1,18}(/\d{1,18})?")
        return re.fullmatch(form, key) is not None

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of the list of that kind; brands and categories are looked up anew."""
        self._known.clear()
        return super().batches(kind, since)

    def walk(self, stream: Stream, params: Mapping[str, str] | None = None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of a list; for stock with the products beside it that are sold by their base variant."""
        for rows in super().walk(stream, params):
            if stream is self.streams["stock"]:
                counted = dict.fromkeys(text(row["identity"]["product_id"]) for row in rows)
                asked = {"id:in": ",".join(counted), "include_fields": "base_variant_id"}
                found = self._all("v3/catalog/products", asked) if counted else []
                self._bases = {one["id"]: one.get("base_variant_id") or 0 for one in found}
            yield rows

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """A product and its variants; an order and its lines; the levels of an item at its locations."""
        if kind == "product":
            yield from self._product_rows(payload)
        elif kind == "stock":
            for level in payload.get("locations") or ():
                found = next(super().records(kind, self._level(payload["identity"], level)))
                yield kind, found[1]
        elif payload.get("status_id") != ABANDONED:
            yield from super().records(kind, {**payload, "lines": _consigned(payload)})

    def _level(self, identity: Payload, level: Payload) -> dict[str, Any]:
        product, variant = identity["product_id"], identity["variant_id"]
        is_base = self._bases.get(product) == variant
        return {
            **level,
            "sku": identity.get("sku"),
            "key": f"{level['location_id']}/{variant}",
            "counted": text(product) if is_base else f"{product}/{variant}",
        }

    def _product_rows(self, product: Payload) -> Iterator[tuple[str, dict[str, Any]]]:
        variants = [one for one in product.get("variants") or () if one.get("option_values")]
        own = {name: text(product.get(name)) for name in _ATTRIBUTES} | {"url": text(at(product, "custom_url.url"))}
        own |= {text(one["name"]): text(one["value"]) for one in product.get("custom_fields") or ()}
        shared = {"language": text(self.store.get("language")).partition("-")[0], "currency": self.currency}
        ((_, row),) = super().records("product", {**product, "lines": []})
        main = self._main(product)
        row |= shared | self._item(product, {}) | {"level": "parent" if variants else "single"}
        row |= {"brand": self.brands.get(product.get("brand_id") or 0, ""), "attributes": _pairs(own)}
        yield "product", row | {"category": self.categories.get(main, "") if main is not None else ""}
        for one in variants:
            options = {text(value["option_display_name"]): text(value["label"]) for value in one["option_values"]}
            yield (
                "product",
                {"updated_at": row["updated_at"], "raw": row["raw"]}
                | {"record_key": f"{product['id']}/{one['id']}", "parent_key": text(product["id"]), "level": "variant"}
                | shared
                | self._item(one, product)
                | {"attributes": _pairs(options)},
            )

    def _item(self, item: Payload, product: Payload) -> dict[str, str]:
        """What a product without options and a variant have in common."""
        tracking = text((product or item).get("inventory_tracking"))
        reduced = own_or(item, product, "sale_price")
        return {
            "sku": text(item.get("sku")),
            "gtin": text(item.get("gtin") or item.get("upc")),
            "mpn": text(item.get("mpn")),
            "price": money(own_or(item, product, "price"), self.currency),
            "sale_price": money(reduced, self.currency) if reduced else "",
            # Stock that is not tracked is written and never shown.
            "quantity": "" if tracking == "none" else text(item.get("inventory_level")),
            **{
                field: self.unit(field).to_canonical(text(own_or(item, product, name)))
                for field, name in MEASURES.items()
            },
        }


def _pairs(named: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in named.items() if value]


def _names(rows: Mapping[int, Payload], key: int) -> list[str]:
    """The names from the root down; a circle, which the store should not have, is cut."""
    names: list[str] = []
    while key in rows and len(names) < 20:
        names.insert(0, text(rows[key]["name"]))
        key = rows[key].get("parent_id") or 0
    return names
