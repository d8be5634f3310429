"""BigCommerce: V3 for catalogue and inventory, V2 for orders and the store; github bigcommerce/docs at 24f580c (2026-04-01).

What differs from other platforms:

- Every product has a base variant. A product without options is sold as it is and its base variant is not shown; one with
  options is a parent, and a variant's empty price, weight or size means the product's. Numbers of products and of variants
  overlap, so a variant's key is ``product/variant``.
- A PUT of V3 is partial, but a list in it (categories) replaces the whole list. Whether V2 keeps the members of an address
  that are not sent is not said, so addresses are sent whole. Fees and lines of orders are never sent.
- Stock is set by inventory adjustments, which show a little later (``settles_s``); catalogue writes of stock are clamped.
- V2 answers 204 without a body for an empty list, gives money as text with four decimals, and times as RFC 2822.
- The limit is counted for all apps of a store together; room and reset come with each answer.

Unconfirmed in the fact sheet: 250 rows a page of V2 (100 are asked for), and that status 0 is an abandoned checkout (left
out); that a change of a variant alone moves its product's time, so that an incremental reading finds it. An order's status
is named by its number, because merchants rename the words; its status is not written.

The file is longer than most because two versions of the interface, products on two levels and addresses in two places each
need their own reading and writing; nothing of it is generic.

References
----------
developer.bigcommerce.com by its sources, read 2026-11-25: 150 calls in 30 seconds on the smaller plans; bulk writes of 10
products and 50 variants, adjustments of 2,000 items; product names of 250, SKU 255, GTIN and UPC 14, picture addresses of
255 characters; tracking numbers of 50, links of 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from babel import Locale

from connectors.auth import HeaderKey
from connectors.changes import InvalidError, Outcome, Outcomes, Shipment, image_addresses, split_name
from connectors.errors import Action, CredentialError, RefusedError
from connectors.limits import Limits, Rate, Room
from connectors.manners import Manners
from connectors.mapping import LENGTH, WEIGHT, Amount, Instant, Joined, Payload, at, money, plain_number, text
from connectors.paginate import Counted
from connectors.platform import Capability, CredentialField
from connectors.remote import Given
from connectors.rest import ADDRESS, Prepared, RestConnector, Site, Stream, Update, address_or, merged
from connectors.webhooks import Delivery, Event, Standard, Webhook, identified

__all__ = ["PLATFORM"]

_V3 = Counted(100, "page", "limit", first=1, by_page=True, total="meta.pagination.total")
_LOOKED_UP = Stream("", {}, rows="data", pages=Counted(250, "page", "limit", first=1, by_page=True, total=_V3.total))
_WHOLE_ORDER = {"include": "consignments.line_items", "consignment_structure": "object"}
_PRODUCTS_AT_ONCE = 10
_LOCALE = Locale("en")
_ABANDONED = 0
_STATUSES = {
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
_CONDITIONS = {"new": "New", "used": "Used", "refurbished": "Refurbished"}
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
_MEASURES = {"weight_g": "weight", "length_mm": "depth", "width_mm": "width", "height_mm": "height"}
_IN_BULK = frozenset({"price", "sale_price", "upc", *_MEASURES.values()})
_PROVIDERS = ("auspost", "canadapost", "endicia", "usps", "fedex", "ups", "royalmail")
_TRACKED = ("dhl", "dpd", "gls", "ups", "usps", "fedex", "tnt", "hermes")
_HASHES = (r"([a-z0-9]{3,20})", r".*stores/([a-z0-9]+)(?:/.*)?", r"(?:https://)?store-([a-z0-9]+)\..*")
"""The hash itself, the API path that it is part of, and the store's first address."""
_SCOPES = {"product": "store_v2_products", "order": "store_v2_orders", "stock": "store_inventory"}

# ---- how the store is reached ------------------------------------------------------------------------------------


def _address(given: Given) -> str:
    typed = given["store_hash"]
    found = next((one for form in _HASHES if (one := re.fullmatch(form, typed))), None)
    if not found:
        raise CredentialError(
            f"store_hash is {typed!r}; it is the part of the API path behind stores/, such as abc123."
        )
    return f"{address_or(given, 'https://api.bigcommerce.com')}/stores/{found[1]}"


def _words(body: Any) -> str:
    """What is wrong: V2 gives a list of messages, V3 a title and a text for each field, a batch a list of those."""
    if isinstance(body, list):
        return "; ".join(text(one.get("message")) for one in body)
    if isinstance(body.get("batch_errors"), list):
        return "; ".join(_words(one) for one in body["batch_errors"])
    errors = body.get("errors")
    fields = [f"{name} {reason}" for name, reason in errors.items()] if isinstance(errors, Mapping) else []
    return "; ".join(one for one in (text(body.get("title")), *fields) if one)


def _reset_s(headers: Mapping[str, str]) -> float | None:
    stated = headers.get("x-rate-limit-time-reset-ms")
    return float(stated) / 1000 if stated else None


def _room(headers: Mapping[str, str]) -> Room:
    window_s = float(headers["x-rate-limit-time-window-ms"]) / 1000
    return Room(
        remaining=float(headers["x-rate-limit-requests-left"]),
        resets_s=_reset_s(headers),
        per_second=float(headers["x-rate-limit-requests-quota"]) / window_s,
    )


# ---- reading -----------------------------------------------------------------------------------------------------


def _iso(moment: datetime) -> str:
    """Always with the time: a bare date would get the present time of day."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rfc2822(path: str) -> Callable[[Payload], str]:
    """Source of a time as V2 writes it; what has another form stays as it came."""

    def read(payload: Payload) -> str:
        value = text(at(payload, path))
        try:
            return _iso(parsedate_to_datetime(value).astimezone(UTC)) if value else ""
        except ValueError:
            return value

    return read


def _own_or(variant: Payload, product: Payload, name: str) -> Any:
    """A variant's value, or the product's where the variant has none of its own."""
    return product.get(name) if variant.get(name) is None else variant[name]


def _consigned(payload: Payload) -> list[Mapping[str, Any]]:
    """All lines of an order, whatever way they go."""
    ways = payload.get("consignments") or {}
    mailed = at(ways, "email.gift_certificates") or ()
    groups = [*(ways.get("shipping") or ()), *(ways.get("pickups") or ()), *(ways.get("downloads") or ()), *mailed]
    return [line for one in groups for line in one.get("line_items") or ()]


def _delivery(payload: Payload) -> Mapping[str, Any]:
    """The first address that something is sent to; empty where nothing is."""
    return (at(payload, "consignments.shipping") or [{}])[0]


def _to(source: Joined | str) -> Callable[[Payload], str]:
    return lambda payload: source(_delivery(payload)) if callable(source) else text(_delivery(payload).get(source))


def _picture(image: Payload) -> str:
    return text(image.get("url_zoom") or image.get("image_url"))


def _pictures(product: Payload) -> list[Mapping[str, Any]]:
    return sorted(
        product.get("images") or (), key=lambda one: (not one.get("is_thumbnail"), one.get("sort_order") or 0)
    )


# ---- writing -----------------------------------------------------------------------------------------------------

Writer = Callable[[str, Payload], dict[str, Any]]


def _of_product(write: Writer) -> Writer:
    """For fields that a variant shares with its product."""

    def checked(value: str, current: Payload) -> dict[str, Any]:
        if "of" in current:
            raise InvalidError(f"This belongs to the product; change it on product {current['of']['id']}.")
        return write(value, current)

    return checked


def _text(name: str, longest: int, shortest: int = 0) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if not shortest <= len(value) <= longest or (shortest and not value.strip()):
            raise InvalidError(f"{name} has {len(value)} characters; BigCommerce takes {shortest} to {longest}.")
        return {name: value}

    return write


def _number(name: str, value: str) -> float:
    number = plain_number(value)
    if number is None or number < 0:
        raise InvalidError(f"{name} {value!r} is not a plain number of 0 or more with a point, such as 12.50.")
    return float(number)


def _sale_price(value: str, current: Payload) -> dict[str, Any]:
    if not value:
        return {"sale_price": None if "of" in current else 0.0}
    regular = text(current.get("together", {}).get("price") or _own_or(current, current.get("of", {}), "price"))
    if not 0 < _number("sale_price", value) < _number("price", regular):
        raise InvalidError(f"sale_price {value} must be above 0 and below the price {regular}.")
    return {"sale_price": float(value)}


def _gtin(value: str, current: Payload) -> dict[str, Any]:
    """Into the field that holds it already: many stores keep it in ``upc``."""
    name = "upc" if current.get("upc") and not current.get("gtin") else "gtin"
    return _text(name, 14)(value, current)


def _measure(field: str) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        _number(field, value)
        return {_MEASURES[field]: float(current["shop"].unit(field).from_canonical(value) or 0)}

    return write


def _choice(name: str, values: Mapping[str, Any]) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if value not in values:
            raise InvalidError(f"{value!r} is not one of {', '.join(values)}.")
        return {name: values[value]}

    return write


def _images(value: str, current: Payload) -> dict[str, Any]:
    wanted = image_addresses(value)
    if long := [one for one in wanted if len(one) > 255]:
        raise InvalidError(f"A picture's address has {len(long[0])} characters; BigCommerce takes up to 255.")
    return {"images": wanted}


def _quantity(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"\d{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number of 0 or more, such as 7.")
    return {"quantity": int(value)}


def _email(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) or ".." in value:
        raise InvalidError(f"The new e-mail address ({len(value)} characters) is none.")
    return {"billing": {"email": value}}


def _name(part: str, find: Callable[[Payload], Mapping[str, Any]]) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        known = find(current)
        first, last = split_name(value, text(known.get("first_name")), text(known.get("last_name")))
        return {part: {"first_name": first, "last_name": last}}

    return write


def _part(part: str, name: str) -> Writer:
    return lambda value, current: {part: {name: value}}


def _street(value: str, current: Payload) -> dict[str, Any]:
    first, _, second = value.partition("\n")
    return {"shipping": {"street_1": first, "street_2": second}}


def _country(value: str, current: Payload) -> dict[str, Any]:
    name = _LOCALE.territories.get(value)
    if not re.fullmatch(r"[A-Z]{2}", value) or not name:
        raise InvalidError(f"ship_country {value!r} is not the code of a country, such as DE.")
    return {"shipping": {"country_iso2": value, "country": name}}


_PRODUCT_WRITERS: dict[str, Writer] = {
    "title": _of_product(_text("name", 250, 1)),
    "description": _of_product(lambda value, current: {"description": value}),
    "brand": _of_product(lambda value, current: {"brand_id": current["shop"].brand_id(value)}),
    "category": _of_product(lambda value, current: {"categories": current["shop"].category_ids(value, current)}),
    "condition": _of_product(_choice("condition", _CONDITIONS)),
    "status": _of_product(_choice("is_visible", {"active": True, "draft": False})),
    "images": _of_product(_images),
    "sku": _text("sku", 255, 1),
    "gtin": _gtin,
    "mpn": _text("mpn", 255),
    "price": lambda value, current: {"price": _number("price", value)},
    "sale_price": _sale_price,
    **{field: _measure(field) for field in _MEASURES},
    "attributes.page_title": _of_product(_text("page_title", 255)),
    "attributes.meta_description": _of_product(_text("meta_description", 65535)),
    "attributes.search_keywords": _of_product(_text("search_keywords", 65535)),
    "attributes.warranty": _of_product(_text("warranty", 65535)),
}
_ORDER_WRITERS: dict[str, Writer] = {
    "buyer_name": _name("billing", lambda payload: payload.get("billing_address") or {}),
    "email": _email,
    "phone": _part("billing", "phone"),
    "ship_name": _name("shipping", _delivery),
    "ship_street": _street,
    "ship_city": _part("shipping", "city"),
    "ship_region": _part("shipping", "state"),
    "ship_postal_code": _part("shipping", "zip"),
    "ship_country": _country,
}
_SHIPPING_MEMBERS = (
    "first_name",
    "last_name",
    "company",
    "street_1",
    "street_2",
    "city",
    "state",
    "zip",
    "country",
    "country_iso2",
    "phone",
    "email",
    "shipping_method",
    "form_fields",
)


class BigCommerce(RestConnector):
    """One store."""

    site = Site(
        address=_address,
        auth=lambda opening: HeaderKey("X-Auth-Token", opening.given["access_token"]),
        manners=Manners(
            "bigcommerce",
            words=_words,
            pause_s=_reset_s,
            actions={423: Action.RETRY, 501: Action.FAIL, 507: Action.FAIL},
            advice={
                Action.REAUTHENTICATE: "Check access_token (401: it is wrong, or its API account was deleted) and the scopes of "
                "the API account (403): Products, Orders and Inventory modify, Information & Settings read-only."
            },
        ),
        limits=Limits(Rate(per_second=5, burst=20), room=_room),
    )
    streams = {
        "product": Stream(
            path="v3/catalog/products",
            rows="data",
            pages=_V3,
            params={"include": "variants,images,custom_fields", "sort": "id", "direction": "asc"},
            since=lambda moment: {"date_modified:min": _iso(moment)},
            many=lambda keys: {"id:in": ",".join(dict.fromkeys(key.partition("/")[0] for key in keys))},
            fields={
                "record_key": "id",
                "title": "name",
                "description": "description",
                "condition": lambda payload: text(payload.get("condition")).lower(),
                "status": lambda payload: "active" if payload.get("is_visible") else "draft",
                "images": lambda payload: [_picture(one) for one in _pictures(payload)],
                "updated_at": Instant("date_modified"),
            },
            computed=frozenset(
                {"parent_key", "level", "sku", "gtin", "mpn", "brand", "category", "price", "sale_price", "currency"}
                | {"quantity", "language", "attributes", *_MEASURES}
            ),
        ),
        "order": Stream(
            path="v2/orders",
            pages=Counted(100, "page", "limit", first=1, by_page=True),
            params={**_WHOLE_ORDER, "sort": "id"},
            since=lambda moment: {"min_date_modified": _iso(moment)},
            item="v2/orders/{key}?" + "&".join(f"{name}={value}" for name, value in _WHOLE_ORDER.items()),
            lines="lines",
            fields={
                "record_key": "id",
                "ordered_at": _rfc2822("date_created"),
                "status": lambda payload: _STATUSES.get(payload.get("status_id", -1), text(payload.get("status"))),
                "currency": "currency_code",
                "total": lambda payload: money(payload.get("total_inc_tax"), text(payload.get("currency_code"))),
                "buyer_name": Joined(("billing_address.first_name", "billing_address.last_name")),
                "email": "billing_address.email",
                "phone": "billing_address.phone",
                "ship_name": _to(Joined(("first_name", "last_name"))),
                "ship_street": _to(Joined(("street_1", "street_2"), "\n")),
                "ship_city": _to("city"),
                "ship_region": _to("state"),
                "ship_postal_code": _to("zip"),
                "ship_country": _to("country_iso2"),
                "shipped_at": _rfc2822("date_shipped"),
                "updated_at": _rfc2822("date_modified"),
            },
            line_fields={
                "line_key": "id",
                "sku": "sku",
                "quantity": "quantity",
                "unit_price": lambda line: money(line.get("price_inc_tax"), ""),
            },
        ),
        "stock": Stream(
            path="v3/inventory/items",
            rows="data",
            pages=_V3,
            many=lambda keys: {"variant_id:in": ",".join(dict.fromkeys(key.partition("/")[2] for key in keys))},
            fields={"record_key": "key", "parent_key": "counted", "sku": "sku", "location": "location_code"}
            | {"quantity": "total_inventory_onhand"},
        ),
    }
    updates = {
        "product": Update(
            path="v3/catalog/products/{key}",
            method="PUT",
            fields=_PRODUCT_WRITERS,
            needs_current=frozenset(_PRODUCT_WRITERS),
            together=(frozenset({"price", "sale_price"}),),
            once=frozenset({"images"}),
            many=50,
        ),
        "order": Update(
            path="v2/orders/{key}", method="PUT", fields=_ORDER_WRITERS, needs_current=frozenset(_ORDER_WRITERS)
        ),
        "stock": Update(
            path="v3/inventory/adjustments/absolute", method="PUT", fields={"quantity": _quantity}, many=500
        ),
    }

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._known: dict[str, Any] = {}
        self._bases: dict[int, int] = {}

    def examine(self) -> list[str]:
        """Which store answers, and whether each list may be read; scopes that lack are named together."""
        try:
            found = [f"{self.store['name']} ({self.store.get('domain', '')}) answers: {self.currency}"]
        except RefusedError as error:
            raise self.credential_error(
                f"There is no such store. Check store_hash: the part of the API path behind stores/. {error}"
            ) from error
        lacking = []
        for kind, stream in self.streams.items():
            try:
                self.ask(stream, {**stream.params, "limit": "1"})
                found.append(f"{kind} records can be read")
            except CredentialError as error:
                if error.status != 403:
                    raise
                lacking.append(_SCOPES[kind])
        if lacking:
            raise self.credential_error(
                f"The API account lacks the scope {', '.join(lacking)}. Check Settings > Store-level API accounts; scopes "
                "cannot be added to an account, so make a new one."
            )
        return found

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
        stream = Stream(path, {}, rows=_LOOKED_UP.rows, pages=_LOOKED_UP.pages)
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
        elif payload.get("status_id") != _ABANDONED:
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
        reduced = _own_or(item, product, "sale_price")
        return {
            "sku": text(item.get("sku")),
            "gtin": text(item.get("gtin") or item.get("upc")),
            "mpn": text(item.get("mpn")),
            "price": money(_own_or(item, product, "price"), self.currency),
            "sale_price": money(reduced, self.currency) if reduced else "",
            # Stock that is not tracked is written and never shown.
            "quantity": "" if tracking == "none" else text(item.get("inventory_level")),
            **{
                field: self.unit(field).to_canonical(text(_own_or(item, product, name)))
                for field, name in _MEASURES.items()
            },
        }

    # ---- writing -----------------------------------------------------------------------------------------------

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The records as they are stored, a variant with its product, each with the store that writers ask."""
        found: dict[str, Payload] = {}
        for key, payload in super().current(kind, keys).items():
            variant = next(
                (one for one in payload.get("variants") or () if key == f"{payload['id']}/{one['id']}"), None
            )
            found[key] = {**(variant or payload), **({"of": payload} if variant else {}), "shop": self}
        return found

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One record: an order's addresses, pictures of a product, and everything else each in the calls they need."""
        if kind == "order":
            self._put_order(prepared)
            return {}
        if kind == "stock":
            self._adjust([prepared])
            return {}
        fragment = prepared.fragment
        pictures = fragment.pop("images", None)
        outcomes = self._put_fields(prepared, fragment) if fragment else {}
        if pictures is not None:
            self._put_pictures(prepared.key, pictures, prepared.current)
        return outcomes

    def _put_fields(self, prepared: Prepared, fragment: Mapping[str, Any]) -> Outcomes:
        product, _, variant = prepared.key.partition("/")
        path = f"v3/catalog/products/{product}" + (f"/variants/{variant}" if variant else "")
        answer = self.client.send("PUT", path, body=fragment)
        # 207: the product is saved, and some part of it (stock, address of its page) is not.
        failed = at(answer.value, "errors.errors") or {} if answer.status == 207 else {}
        return {
            one.correction_id: Outcome("refused", f"{name} {failed[name]}")
            for changes, part in prepared.parts
            for name in part
            if name in failed
            for one in changes
        }

    def _put_pictures(self, key: str, wanted: Sequence[str], current: Payload) -> None:
        path = f"v3/catalog/products/{key}/images"
        known = {_picture(one): one["id"] for one in current.get("images") or ()}
        for place, address in enumerate(wanted):
            about = {"sort_order": place, "is_thumbnail": place == 0}
            if address in known:
                self.client.send("PUT", f"{path}/{known[address]}", body=about)
            else:
                self.client.send("POST", path, body=about | {"image_url": address})
        for address, number in known.items():
            if address not in wanted:
                self.client.send("DELETE", f"{path}/{number}")

    def _put_order(self, prepared: Prepared) -> None:
        fragment, order = prepared.fragment, prepared.current
        if billing := fragment.get("billing"):
            whole = merged(order.get("billing_address") or {}, billing)
            self.client.send("PUT", f"v2/orders/{prepared.key}", body={"billing_address": whole})
        if shipping := fragment.get("shipping"):
            address = _delivery(order)
            if not address:
                raise InvalidError("Nothing of this order is sent, so it has no address.")
            whole = {name: address[name] for name in _SHIPPING_MEMBERS if address.get(name) is not None} | shipping
            self.client.send("PUT", f"v2/orders/{prepared.key}/shipping_addresses/{address['id']}", body=whole)

    def _adjust(self, prepared: Sequence[Prepared]) -> None:
        items = []
        for one in prepared:
            location, _, variant = one.key.partition("/")
            items.append({"location_id": int(location), "variant_id": int(variant), **one.fragment})
        body = {"reason": "Correction by Channelmend", "items": items}
        self.client.send("PUT", "v3/inventory/adjustments/absolute", body=body)

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Adjustments in one call, products by ten, variants by fifty; a batch that is refused goes one by one."""
        if kind == "stock":
            return self._batch(kind, prepared, partial(self._adjust, prepared))
        outcomes: Outcomes = {}
        products: list[Prepared] = []
        variants: list[Prepared] = []
        rest: list[Prepared] = []
        for one in prepared:
            is_variant, names = "/" in one.key, set(one.fragment)
            batch = variants if is_variant and names <= _IN_BULK else products if not is_variant else rest
            (rest if "images" in names else batch).append(one)
        for start in range(0, len(products), _PRODUCTS_AT_ONCE):
            some = products[start : start + _PRODUCTS_AT_ONCE]
            outcomes |= self._batch(kind, some, partial(self._put_list, "v3/catalog/products", some))
        if variants:
            outcomes |= self._batch(kind, variants, partial(self._put_list, "v3/catalog/variants", variants))
        return outcomes | {key: one for other in rest for key, one in self._put_record(kind, other).items()}

    def _put_list(self, path: str, prepared: Sequence[Prepared]) -> None:
        body = [{"id": int(one.key.rpartition("/")[2]), **one.fragment} for one in prepared]
        answer = self.client.send("PUT", path, body=body)
        if answer.status == 207:
            raise RefusedError("Some of the batch failed.", status=207)

    def _batch(self, kind: str, prepared: Sequence[Prepared], send: Callable[[], None]) -> Outcomes:
        try:
            send()
        except RefusedError:
            return {key: one for other in prepared for key, one in self._put_record(kind, other).items()}
        return {key: one for other in prepared for key, one in other.all(Outcome()).items()}

    # ---- parcels -----------------------------------------------------------------------------------------------

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One shipment for each address that the parcel's lines go to; what the store knows already is not sent again."""
        if not self.is_key("order", shipment.order_key):
            raise InvalidError(f"{shipment.order_key!r} is not the number of an order.", "missing")
        if len(shipment.tracking_number) > 50 or len(shipment.tracking_url) > 500:
            raise InvalidError("BigCommerce takes tracking numbers of 50 and tracking links of 500 characters.")
        order = self.item(self.streams["order"], shipment.order_key)
        if order is None:
            raise InvalidError(f"BigCommerce has no order {shipment.order_key}.", "missing")
        path = f"v2/orders/{shipment.order_key}/shipments"
        pages = self.walk(Stream(path, {}, pages=self.streams["order"].pages))
        known = {text(one.get("tracking_number")) for rows in pages for one in rows}
        if shipment.tracking_number and shipment.tracking_number in known:
            return Outcome()
        carrier = re.sub(r"[^a-z]", "", shipment.carrier.lower())
        about = {
            "tracking_number": shipment.tracking_number,
            "shipping_provider": carrier if carrier in _PROVIDERS else "",
            "tracking_carrier": carrier if carrier in _TRACKED else "",
            "comments": shipment.carrier,
        } | ({"tracking_link": shipment.tracking_url} if shipment.tracking_url else {})
        for address, items in _to_send(order, shipment).items():
            body = about | {"order_address_id": address, "items": items}
            self.client.send("POST", path, body=body)
        return Outcome()


_ATTRIBUTES = (
    "type",
    "availability",
    "inventory_tracking",
    "page_title",
    "meta_description",
    "search_keywords",
    "warranty",
)


def _pairs(named: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in named.items() if value]


def _names(rows: Mapping[int, Payload], key: int) -> list[str]:
    """The names from the root down; a circle, which the store should not have, is cut."""
    names: list[str] = []
    while key in rows and len(names) < 20:
        names.insert(0, text(rows[key]["name"]))
        key = rows[key].get("parent_id") or 0
    return names


def _to_send(order: Payload, shipment: Shipment) -> dict[int, list[dict[str, int]]]:
    """Address to the lines of a parcel with what is left to be sent of them."""
    lines = {
        text(line["id"]): (one["id"], int(line["quantity"]) - int(line.get("quantity_shipped") or 0))
        for one in at(order, "consignments.shipping") or ()
        for line in one.get("line_items") or ()
    }
    wanted = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(lines)
    if unknown := sorted(set(wanted) - set(lines)):
        raise InvalidError(f"The order has no line {', '.join(unknown)} that is sent; it has {', '.join(lines)}.")
    found: dict[int, list[dict[str, int]]] = {}
    for key, quantity in wanted.items():
        address, left = lines[key]
        if left > 0:
            found.setdefault(address, []).append({"order_product_id": int(key), "quantity": quantity or left})
    if not found:
        raise InvalidError("Everything of this order is sent already, with another tracking number.")
    return found


def _events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery, named by its hash; an SKU names neither product nor variant, so what changed is read."""
    body = delivery.json if isinstance(delivery.json, Mapping) else {}
    scope, data = text(body.get("scope")), body.get("data")
    key = text(data.get("id")) if isinstance(data, Mapping) else ""
    kinds = {"product": "product", "sku": "product", "order": "order", "shipment": "order", "category": ""}
    family = scope.split("/")[1] if scope.count("/") >= 2 else ""
    kind = "stock" if "inventory" in scope else kinds.get(family, "")
    keys = ((key, ""),) if family == "order" and key else ()
    yield Event(text(body.get("hash")) or identified(delivery, "webhook-id"), scope, kind, keys)


PLATFORM = BigCommerce.describe(
    name="bigcommerce",
    title="BigCommerce",
    docs="https://developer.bigcommerce.com/docs/rest-catalog",
    credentials=(
        CredentialField(
            "store_hash", "Store hash", "the part of the API path behind stores/, such as abc123", secret=False
        ),
        CredentialField("access_token", "Access token", "Settings > Store-level API accounts, shown when it is made"),
        CredentialField("client_id", "Client ID", "same page; only to verify events", secret=False, required=False),
        CredentialField("client_secret", "Client secret", "same page; only to verify events", required=False),
        ADDRESS,
    ),
    setup=(
        "Open Settings > Store-level API accounts and create one with a V2/V3 API token.",
        "Give it: Products modify, Orders modify, Inventory modify, Information & Settings read-only.",
        "Copy the access token, and the store hash out of the API path.",
    ),
    notes=(
        "Pictures are downloaded from the address given and copied to BigCommerce's own.",
        "Stock is written as inventory on hand at a location and shows after some seconds; a product that does not track "
        "inventory shows none.",
        "Abandoned checkouts (status Incomplete) are left out; an order's status is not written, shipments move it.",
        "Of an order with several addresses the first one is shown and corrected; parcels go to the address of their lines.",
        "Texts of further languages and channels live in another interface and are not covered.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS}),
    webhook=Webhook(
        Standard("client_secret", is_plain=True),
        _events,
        topics=("store/product/*", "store/sku/*", "store/order/*", "store/product/inventory/updated"),
    ),
    rewritten={"product": frozenset({"images"})},
    settles_s=30.0,
)
