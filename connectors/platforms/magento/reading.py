"""How records of Magento are read: lists by search criteria, and what stands in a record as a number looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.errors import RefusedError
from connectors.mapping import WEIGHT, Amount, Payload, at, money, text
from connectors.paginate import Counted
from connectors.rest import RestConnector, Stream

__all__ = [
    "PAGES", "STATES", "Reading", "any_of", "buyer", "customs", "delivery", "filters", "full_name", "since", "sorted_by", "to",
    "utc",
]  # fmt: skip

PAGES = Counted(
    100, "searchCriteria[currentPage]", "searchCriteria[pageSize]", first=1, by_page=True, total="total_count"
)
STATES = {"1": "active", "2": "draft"}
_OWN_COLUMN = frozenset(
    [
        "description",
        "special_price",
        "image",
        "small_image",
        "thumbnail",
        "swatch_image",
        "options_container",
        "required_options",
        "has_options",
        "category_ids",
    ]
)


def filters(field: str, *conditions: tuple[str, str]) -> dict[str, str]:
    """Parameters that ask for rows of which one of the conditions holds."""
    found: dict[str, str] = {}
    for number, (condition, value) in enumerate(conditions):
        name = f"searchCriteria[filterGroups][0][filters][{number}]"
        found |= {f"{name}[field]": field, f"{name}[value]": value, f"{name}[conditionType]": condition}
    return found


def any_of(field: str, values: Sequence[str]) -> dict[str, str]:
    """Parameters that ask for these values; ``in`` parts its list at commas, so values with a comma stand alone."""
    plain = [one for one in values if "," not in one]
    listed = [("in", ",".join(plain))] if plain else []
    return filters(field, *listed, *(("eq", one) for one in values if "," in one))


def sorted_by(field: str) -> dict[str, str]:
    """Parameters that ask for an order in which a change during the walk moves no row."""
    return {"searchCriteria[sortOrders][0][field]": field, "searchCriteria[sortOrders][0][direction]": "ASC"}


def since(moment: datetime) -> dict[str, str]:
    """Parameters that ask for what changed since then; times are UTC without saying so."""
    return filters("updated_at", ("gteq", moment.strftime("%Y-%m-%d %H:%M:%S")))


def utc(path: str) -> Callable[[Payload], str]:
    """Source of a time, which comes in UTC without saying so."""

    def read(payload: Payload) -> str:
        value = text(at(payload, path))
        is_bare = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value)
        return f"{value.replace(' ', 'T')}Z" if is_bare else value

    return read


def customs(payload: Payload) -> dict[str, str]:
    """Code to value of the custom attributes; several values are joined by commas, as Magento stores them."""
    found = {}
    for one in payload.get("custom_attributes") or ():
        value = one.get("value")
        found[text(one["attribute_code"])] = (
            ",".join(text(part) for part in value) if isinstance(value, list) else text(value)
        )
    return found


def delivery(payload: Payload) -> Mapping[str, Any]:
    """The address that an order goes to; empty where nothing is sent."""
    assigned = at(payload, "extension_attributes.shipping_assignments") or [{}]
    return at(assigned[0], "shipping.address") or {}


def to(name: str) -> Callable[[Payload], str]:
    """Source of a part of the address that an order goes to."""
    return lambda payload: text(delivery(payload).get(name))


def full_name(given: Mapping[str, Any], prefix: str = "") -> str:
    """First and last name, as far as they are there."""
    parts = (text(given.get(f"{prefix}{name}")) for name in ("firstname", "lastname"))
    return " ".join(part for part in parts if part)


def buyer(payload: Payload) -> str:
    """The customer's name; of a guest without one, that of the invoice."""
    return full_name(payload, "customer_") or full_name(payload.get("billing_address") or {})


class Reading(RestConnector):
    """The reading half of a shop."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._known: dict[str, Any] = {}
        self._quantities: dict[str, Decimal] = {}

    # ---- what a shop is asked once ---------------------------------------------------------------------------------

    def setting(self, name: str) -> str:
        """What the merchant chose, or the default."""
        return self._given[name]

    @property
    def shop(self) -> Mapping[str, Any]:
        """The settings of the store view, or of the first one where the connection is for all of them."""

        def ask() -> Mapping[str, Any]:
            views = self.client.send("GET", "V1/store/storeConfigs").value
            return next((one for one in views if one["code"] == self.setting("store_code")), views[0])

        return self._once("shop", ask)

    @property
    def currency(self) -> str:
        """Of the prices of products."""
        return text(self.shop.get("base_currency_code"))

    @property
    def weight_unit(self) -> Amount:
        """Of the weights of products."""
        return WEIGHT["lb" if self.shop.get("weight_unit") == "lbs" else "kg"]

    @property
    def categories(self) -> dict[str, str]:
        """Identifier to path, without the roots."""

        def ask() -> dict[str, str]:
            tree = self.client.send("GET", "V1/categories", params={"rootCategoryId": "1"}).value
            return {key: path for root in tree["children_data"] for key, path in _paths(root["children_data"])}

        return self._once("categories", ask)

    def attribute(self, code: str) -> Mapping[str, Any] | None:
        """An attribute with its options; None where the shop has none of that code."""

        def ask() -> Mapping[str, Any] | None:
            stream = Stream(path="", fields={}, item="V1/products/attributes/{key}")
            return self.item(stream, code)

        return self._once(f"attribute {code}", ask)

    @property
    def parents(self) -> dict[str, str]:
        """Identifier of a variant to the SKU of its configurable product; the first one where it has several."""

        def ask() -> dict[str, str]:
            found: dict[str, str] = {}
            # A list that is cut must name its rows' own list, or it comes back empty (magento2#23609).
            cut = {"fields": "items[sku,extension_attributes[configurable_product_links]],search_criteria,total_count"}
            asked = filters("type_id", ("eq", "configurable")) | cut
            for rows in super(Reading, self).walk(self.streams["product"], asked):
                for row in rows:
                    for child in at(row, "extension_attributes.configurable_product_links") or ():
                        found.setdefault(text(child), row["sku"])
            return found

        return self._once("parents", ask)

    def _once(self, name: str, ask: Callable[[], Any]) -> Any:
        if name not in self._known:
            self._known[name] = ask()
        return self._known[name]

    # ---- reading -----------------------------------------------------------------------------------------------

    def is_key(self, kind: str, key: str) -> bool:
        """A number of an order, a source and a SKU, or any SKU that a path survives."""
        if kind == "order":
            return re.fullmatch(r"\d{1,18}", key) is not None
        return bool(key.strip()) and key not in (".", "..") and (kind != "stock" or "/" in key)

    def key_of(self, kind: str, payload: Any) -> str:
        """The SKU or the order's number."""
        return text(payload.get("sku") or payload.get("entity_id")) if isinstance(payload, Mapping) else ""

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of the list of that kind; options, categories and variants are looked up anew."""
        self._known.clear()
        return super().batches(kind, since)

    def walk(self, stream: Stream, params: Mapping[str, str] | None = None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of a list; those of products with their stock beside them."""
        for rows in super().walk(stream, params):
            if stream is self.streams["product"]:
                self._count_stock([text(row.get("sku")) for row in rows])
            yield rows

    def _count_stock(self, skus: Sequence[str]) -> None:
        self._quantities = {}
        stock = self.streams["stock"]
        for start in range(0, len(skus), stock.many_size):
            try:
                for items in super().walk(stock, any_of("sku", skus[start : start + stock.many_size])):
                    for one in items:
                        counted = self._quantities.get(one["sku"], Decimal(0))
                        self._quantities[one["sku"]] = counted + Decimal(text(one["quantity"]))
            except RefusedError as error:
                # Without multi-source inventory there is no such list; products are read all the same.
                if not self.is_gone(error):
                    raise
                return

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row of a product with what had to be looked up, or of an order its lines (of a variant the one with the price)."""
        if kind == "order":
            lines = [one for one in payload.get("items") or () if not one.get("parent_item_id")]
            payload = {**payload, "items": lines}
        for of_kind, row in super().records(kind, payload):
            yield of_kind, row | (self._looked_up(payload) if of_kind == "product" else {})

    def _looked_up(self, payload: Payload) -> dict[str, Any]:
        values = customs(payload)
        own = {name: self.setting(f"{name}_attribute") for name in ("gtin", "mpn", "brand")}
        is_parent = payload.get("type_id") == "configurable"
        parent = "" if is_parent else self.parents.get(text(payload.get("id")), "")
        main = self.main_link(payload)
        quantity = self._quantities.get(text(payload.get("sku")))
        others = {name: text(payload.get(name)) for name in ("type_id", "visibility", "attribute_set_id")}
        others |= {code: value for code, value in values.items() if code not in {*_OWN_COLUMN, *own.values()}}
        return {
            "parent_key": parent,
            "level": "parent" if is_parent else "variant" if parent else "single",
            **{name: self.label(code, values.get(code, "")) for name, code in own.items()},
            "category": self.categories.get(text(main.get("category_id")), "") if main else "",
            "price": money(payload.get("price"), self.currency),
            "sale_price": money(values.get("special_price"), self.currency),
            "currency": self.currency,
            "quantity": "" if quantity is None else text(quantity),
            "images": self._images(payload),
            "weight_g": self.weight_unit.to_canonical(text(payload.get("weight"))),
            "language": text(self.shop.get("locale")).partition("_")[0],
            "attributes": [{"key": code, "value": self.label(code, value)} for code, value in others.items()],
        }

    def label(self, code: str, value: str) -> str:
        """The words behind the number of an option, or behind several; what is no number of an option stays as it is."""
        if code in ("type_id", "visibility", "attribute_set_id") or not re.fullmatch(r"\d+(,\d+)*", value):
            return value
        options = {text(one["value"]): text(one["label"]) for one in (self.attribute(code) or {}).get("options") or ()}
        return ",".join(options.get(part, part) for part in value.split(","))

    def _images(self, payload: Payload) -> list[str]:
        entries = [
            one
            for one in payload.get("media_gallery_entries") or ()
            if one["media_type"] == "image" and not one["disabled"]
        ]
        entries.sort(key=lambda one: ("image" not in one["types"], one["position"] or 0))
        return [f"{self.shop['secure_base_media_url']}catalog/product{one['file']}" for one in entries]

    def main_link(self, payload: Payload) -> Mapping[str, Any] | None:
        """The link to the deepest category, the first of several; a product may be in many."""
        links = at(payload, "extension_attributes.category_links") or []
        return max(links, key=lambda one: self.categories.get(text(one["category_id"]), "").count(">"), default=None)


def _paths(categories: Sequence[Mapping[str, Any]], above: str = "") -> Iterator[tuple[str, str]]:
    for one in categories:
        path = f"{above} > {one['name']}" if above else text(one["name"])
        yield text(one["id"]), path
        yield from _paths(one.get("children_data") or (), path)
