"""Magento Open Source and Adobe Commerce, self-hosted or in Adobe's platform cloud: REST V1, read from 2.4.9 (and 2.4.6).

What differs from other platforms:

- Since 2.4.4 the access token of an integration is no bearer token any more unless the merchant allows it: with the other
  three values of the integration every request is signed (OAuth 1.0a, HMAC-SHA256), which works over plain http, too.
- The key of a product is its SKU, which may hold anything. Signatures and web servers disagree about slashes, blanks and
  brackets in a path, so such a product is written by ``POST products`` (the same save, the SKU in the body alone).
- A PUT with an unknown SKU makes a product and an unknown attribute is dropped without a word, so both are looked up first.
- Brand, colour and the like are numbers of options, categories are links; variants are products of their own that only
  their configurable parent names. All of that is looked up.
- Stock lives in sources (multi-source inventory) with no time of change; a product shows the sum of its sources.
- Prices go as base prices, reduced prices as special prices where both dates are known (Adobe Commerce demands them); other
  fields of many products go as an asynchronous bulk, whose operations are asked for until a deadline; what is not done then,
  or may be tried again, goes as single calls, and so does everything after it.

Unconfirmed in the fact sheet and so a setting with a default: which attributes hold brand, GTIN and part number
(``brand_attribute``, ``gtin_attribute``, ``mpn_attribute``), the source that parcels leave from (``source_code``). Left out:
Adobe's SaaS edition (other addresses and keys), shops without multi-source inventory as far as stock goes, an order's state
(it follows from invoices and shipments), region (a number decides it) and e-mail, and pictures (files, not addresses).

The file is longer than most because nearly nothing stands in a record itself: brand, options, categories, parents and stock
are looked up, and there are four ways to write, each with answers of its own.

References
----------
Adobe Commerce Web API, github AdobeDocs/commerce-webapi at e2275b5 (2026-08), read 2026-11-25: paging, bulk routes and their
statuses, 20 entities in the list of one call and pages of 300 where the merchant switched input limits on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from connectors.address import site_address
from connectors.auth import HeaderKey, SignedOAuth
from connectors.changes import InvalidError, Outcome, Outcomes, Shipment, split_name
from connectors.errors import Action, CredentialError, RefusedError
from connectors.imports import poll
from connectors.manners import Manners
from connectors.mapping import WEIGHT, Payload, at, money, plain_number, text
from connectors.paginate import Counted
from connectors.platform import Capability, CredentialField
from connectors.remote import Given
from connectors.rest import Opening, Prepared, RestConnector, Site, Stream, Update, merged

__all__ = ["PLATFORM"]

_PAGES = Counted(
    100, "searchCriteria[currentPage]", "searchCriteria[pageSize]", first=1, by_page=True, total="total_count"
)
_LIST_SIZE = 20
_BULK_FROM = 10
_BULK_DEADLINE_S = 120.0
_COMPLETE, _AGAIN, _OPEN = 1, 2, 4
_BULK_ROUTE = "async/bulk/V1/products/bySku"
_PLAIN_SKU = re.compile(r"[A-Za-z0-9_.-]+")
_CARRIERS = ("dhl", "fedex", "ups", "usps")
_STATES = {"1": "active", "2": "draft"}
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
_ADDRESS_NEEDS = ("address_type", "city", "country_id", "firstname", "lastname", "postcode", "telephone")
_SIGNING = ("consumer_key", "consumer_secret", "access_token_secret")

# ---- how the shop is reached -------------------------------------------------------------------------------------


def _signs(given: Given) -> bool:
    if given["access_token_secret"] and not (given["consumer_key"] and given["consumer_secret"]):
        raise CredentialError(
            "access_token_secret is given and consumer_key or consumer_secret is not. Check the integration's page: requests "
            "are signed with all four values, or sent with access_token alone."
        )
    return all(given[name] for name in _SIGNING)


def _address(given: Given) -> str:
    typed = re.sub(r"/rest(/.*)?$", "", given["store_url"].rstrip("/"))
    plain_http = _signs(given) or given["plain_http"].lower() == "yes"
    return f"{site_address(typed, name='store_url', plain_http=plain_http)}/rest/{quote(given['store_code'], safe='')}"


def _auth(opening: Opening) -> httpx.Auth:
    given = opening.given
    if not _signs(given):
        return HeaderKey("Authorization", f"Bearer {given['access_token']}")
    return SignedOAuth(
        given["consumer_key"],
        given["consumer_secret"],
        token=given["access_token"],
        token_secret=given["access_token_secret"],
        clock=opening.environment.clock,
    )


def _said(body: Mapping[str, Any]) -> str:
    """A message with its placeholders filled: parameters come as a map, as a list of values or as a list of maps."""
    message, given = text(body.get("message")), body.get("parameters") or {}
    if isinstance(given, list):
        named = {name: value for one in given if isinstance(one, Mapping) for name, value in one.items()}
        names = dict.fromkeys(re.findall(r"%(\w+)", message))
        given = named | dict(zip(names, (one for one in given if not isinstance(one, Mapping)), strict=False))
    return re.sub(r"%(\w+)", lambda found: text(given.get(found[1], found[0])), message)


def _words(body: Any) -> str:
    return "; ".join(_said(one) for one in (body, *(body.get("errors") or ())))


def _deadlock(status: int, headers: httpx.Headers, body: bytes) -> Action | None:
    return Action.RETRY if status == 400 and b"deadlock" in body.lower() else None


# ---- reading -----------------------------------------------------------------------------------------------------


def _filters(field: str, *conditions: tuple[str, str]) -> dict[str, str]:
    """Parameters that ask for rows of which one of the conditions holds."""
    found: dict[str, str] = {}
    for number, (condition, value) in enumerate(conditions):
        name = f"searchCriteria[filterGroups][0][filters][{number}]"
        found |= {f"{name}[field]": field, f"{name}[value]": value, f"{name}[conditionType]": condition}
    return found


def _any_of(field: str, values: Sequence[str]) -> dict[str, str]:
    """Parameters that ask for these values; ``in`` parts its list at commas, so values with a comma stand alone."""
    plain = [one for one in values if "," not in one]
    listed = [("in", ",".join(plain))] if plain else []
    return _filters(field, *listed, *(("eq", one) for one in values if "," in one))


def _sorted_by(field: str) -> dict[str, str]:
    return {"searchCriteria[sortOrders][0][field]": field, "searchCriteria[sortOrders][0][direction]": "ASC"}


def _since(moment: datetime) -> dict[str, str]:
    return _filters("updated_at", ("gteq", moment.strftime("%Y-%m-%d %H:%M:%S")))


def _utc(path: str) -> Callable[[Payload], str]:
    """Source of a time, which comes in UTC without saying so."""

    def read(payload: Payload) -> str:
        value = text(at(payload, path))
        is_bare = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value)
        return f"{value.replace(' ', 'T')}Z" if is_bare else value

    return read


def _customs(payload: Payload) -> dict[str, str]:
    """Code to value of the custom attributes; several values are joined by commas, as Magento stores them."""
    found = {}
    for one in payload.get("custom_attributes") or ():
        value = one.get("value")
        found[text(one["attribute_code"])] = (
            ",".join(text(part) for part in value) if isinstance(value, list) else text(value)
        )
    return found


def _delivery(payload: Payload) -> Mapping[str, Any]:
    """The address that an order goes to; empty where nothing is sent."""
    assigned = at(payload, "extension_attributes.shipping_assignments") or [{}]
    return at(assigned[0], "shipping.address") or {}


def _to(name: str) -> Callable[[Payload], str]:
    return lambda payload: text(_delivery(payload).get(name))


def _full_name(given: Mapping[str, Any], prefix: str = "") -> str:
    parts = (text(given.get(f"{prefix}{name}")) for name in ("firstname", "lastname"))
    return " ".join(part for part in parts if part)


def _buyer(payload: Payload) -> str:
    return _full_name(payload, "customer_") or _full_name(payload.get("billing_address") or {})


# ---- writing -----------------------------------------------------------------------------------------------------


def _number(name: str, value: str, *, above_zero: bool = False) -> float:
    number = plain_number(value)
    if number is None or number < 0 or (above_zero and not number):
        least = "above 0" if above_zero else "of 0 or more"
        raise InvalidError(f"{name} {value!r} is not a plain number {least} with a point, such as 12.50.")
    return float(number)


def _title(value: str, current: Payload) -> dict[str, Any]:
    if not value.strip() or len(value) > 255:
        raise InvalidError(f"title has {len(value)} characters; Magento keeps 1 to 255 and would cut the rest.")
    return {"name": value}


def _sale_price(value: str, current: Payload) -> dict[str, Any]:
    if not value:
        return {"custom_attributes": {"special_price": ""}}
    regular = text(current.get("together", {}).get("price") or current.get("price"))
    if _number("sale_price", value, above_zero=True) >= _number("price", regular):
        raise InvalidError(f"sale_price {value} is not below the price {regular}; Magento would not reduce anything.")
    return {"custom_attributes": {"special_price": value}}


def _weight(value: str, current: Payload) -> dict[str, Any]:
    _number("weight_g", value)
    return {"weight": float(current["shop"].weight_unit.from_canonical(value) or 0)}


def _status(value: str, current: Payload) -> dict[str, Any]:
    codes = {name: int(code) for code, name in _STATES.items()}
    if value not in codes:
        raise InvalidError(f"status {value!r} is not one of {', '.join(codes)}.")
    return {"status": codes[value]}


def _custom(code: str) -> Callable[[str, Payload], dict[str, Any]]:
    return lambda value, current: current["shop"].custom(code, value)


def _chosen(setting: str) -> Callable[[str, Payload], dict[str, Any]]:
    return lambda value, current: current["shop"].custom(current["shop"].setting(setting), value)


def _quantity(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"-?\d{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number, such as 7.")
    return {"quantity": int(value)}


def _address_part(name: str, needed: bool = True) -> Callable[[str, Payload], dict[str, Any]]:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if needed and not value.strip():
            raise InvalidError(f"{name} must not be empty in an address of Magento.")
        return {name: value}

    return write


def _country(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[A-Z]{2}", value):
        raise InvalidError(f"ship_country {value!r} is not a code of two capital letters, such as DE.")
    return {"country_id": value}


def _recipient(value: str, current: Payload) -> dict[str, Any]:
    address = _delivery(current)
    first, last = split_name(value, text(address.get("firstname")), text(address.get("lastname")))
    if not first or not last:
        raise InvalidError(f"ship_name {value!r} needs a first and a last name.")
    return {"firstname": first, "lastname": last}


_PRODUCT_WRITERS: dict[str, Callable[[str, Payload], Mapping[str, Any]]] = {
    "title": _title,
    "description": _custom("description"),
    "brand": _chosen("brand_attribute"),
    "gtin": _chosen("gtin_attribute"),
    "mpn": _chosen("mpn_attribute"),
    "category": lambda value, current: current["shop"].category_links(value, current),
    "price": lambda value, current: {"price": _number("price", value)},
    "sale_price": _sale_price,
    "weight_g": _weight,
    "status": _status,
    "attributes.short_description": _custom("short_description"),
    "attributes.meta_title": _custom("meta_title"),
    "attributes.meta_description": _custom("meta_description"),
}
_ADDRESS_WRITERS: dict[str, Callable[[str, Payload], Mapping[str, Any]]] = {
    "ship_name": _recipient,
    "ship_street": lambda value, current: {"street": value.split("\n")},
    "ship_city": _address_part("city"),
    "ship_postal_code": _address_part("postcode", needed=False),
    "ship_country": _country,
    "phone": _address_part("telephone"),
}


class Magento(RestConnector):
    """One shop, read and written in one scope: all store views, or one of them."""

    site = Site(
        address=_address,
        auth=_auth,
        manners=Manners(
            "magento",
            words=_words,
            exceptions=_deadlock,
            advice={
                Action.REAUTHENTICATE: "Check the integration's four values and the resources ticked for it (System > Extensions > "
                "Integrations). With access_token alone, Magento 2.4.4 and later answers this unless Stores > Configuration > Services "
                "> OAuth > 'Allow OAuth Access Tokens to be used as standalone Bearer tokens' is on; better give "
                "consumer_key, consumer_secret and access_token_secret, too, so that requests are signed."
            },
        ),
    )
    streams = {
        "product": Stream(
            path="V1/products",
            rows="items",
            pages=_PAGES,
            params=_sorted_by("entity_id"),
            since=_since,
            many=lambda keys: _any_of("sku", keys),
            fields={
                "record_key": "sku",
                "sku": "sku",
                "title": "name",
                "description": lambda payload: _customs(payload).get("description", ""),
                "status": lambda payload: _STATES.get(text(payload.get("status")), text(payload.get("status"))),
                "updated_at": _utc("updated_at"),
            },
            computed=frozenset(
                [
                    "parent_key",
                    "level",
                    "gtin",
                    "mpn",
                    "brand",
                    "category",
                    "price",
                    "sale_price",
                    "currency",
                    "quantity",
                    "images",
                    "weight_g",
                    "language",
                    "attributes",
                ]
            ),
        ),
        "order": Stream(
            path="V1/orders",
            rows="items",
            pages=_PAGES,
            params=_sorted_by("entity_id"),
            since=_since,
            item="V1/orders/{key}",
            lines="items",
            fields={
                "record_key": "entity_id",
                "ordered_at": _utc("created_at"),
                "status": "status",
                "currency": "order_currency_code",
                "total": lambda payload: money(payload.get("grand_total"), text(payload.get("order_currency_code"))),
                "buyer_name": _buyer,
                "email": "customer_email",
                "phone": _to("telephone"),
                "ship_name": lambda payload: _full_name(_delivery(payload)),
                "ship_street": lambda payload: "\n".join(text(one) for one in _delivery(payload).get("street") or ()),
                "ship_city": _to("city"),
                "ship_region": _to("region"),
                "ship_postal_code": _to("postcode"),
                "ship_country": _to("country_id"),
                "updated_at": _utc("updated_at"),
            },
            line_fields={
                "line_key": "item_id",
                "sku": "sku",
                "quantity": "qty_ordered",
                "unit_price": lambda line: money(line.get("price_incl_tax", line.get("price")), ""),
            },
        ),
        "stock": Stream(
            path="V1/inventory/source-items",
            rows="items",
            pages=_PAGES,
            params=_sorted_by("source_item_id"),
            many=lambda keys: _any_of("sku", list(dict.fromkeys(key.partition("/")[2] for key in keys))),
            fields={
                "record_key": lambda payload: f"{payload['source_code']}/{payload['sku']}",
                "parent_key": "sku",
                "sku": "sku",
                "location": "source_code",
                "quantity": "quantity",
            },
        ),
    }
    updates = {
        "product": Update(
            path="V1/products/{key}",
            method="PUT",
            fields=_PRODUCT_WRITERS,
            needs_current=frozenset(_PRODUCT_WRITERS),
            together=(frozenset({"price", "sale_price"}),),
            many=200,
        ),
        "order": Update(
            path="V1/orders/{key}", method="PUT", fields=_ADDRESS_WRITERS, needs_current=frozenset(_ADDRESS_WRITERS)
        ),
        "stock": Update(
            path="V1/inventory/source-items",
            method="POST",
            fields={"quantity": _quantity},
            needs_current=frozenset({"quantity"}),
            many=_LIST_SIZE,
        ),
    }

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._known: dict[str, Any] = {}
        self._quantities: dict[str, Decimal] = {}
        self._bulk_works = True

    def examine(self) -> list[str]:
        """Who the shop is, and whether each list may be read; what is not allowed is named."""
        try:
            found = [f"{self.shop['base_url']} answers: {self.currency}, weights in {self.shop['weight_unit']}"]
        except RefusedError as error:
            raise self.credential_error(
                f"There is no Magento interface at this address, or no store view of that code. Check store_url (a shop without "
                f"rewrites needs /index.php behind it) and store_code. {error}"
            ) from error
        refused = []
        for kind, stream in self.streams.items():
            try:
                self.ask(stream, {**stream.params, "searchCriteria[pageSize]": "1"})
                found.append(f"{kind} records can be read")
            except CredentialError as error:
                refused.append(error.words)
        if refused:
            raise self.credential_error(
                f"{'; '.join(refused)} Check the resources ticked for the integration under System > Extensions > "
                "Integrations > API, and activate it again."
            )
        return found

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
    def weight_unit(self) -> Any:
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
            asked = _filters("type_id", ("eq", "configurable")) | cut
            for rows in super(Magento, self).walk(self.streams["product"], asked):
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
                for items in super().walk(stock, _any_of("sku", skus[start : start + stock.many_size])):
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
        customs = _customs(payload)
        own = {name: self.setting(f"{name}_attribute") for name in ("gtin", "mpn", "brand")}
        is_parent = payload.get("type_id") == "configurable"
        parent = "" if is_parent else self.parents.get(text(payload.get("id")), "")
        main = self._main_link(payload)
        quantity = self._quantities.get(text(payload.get("sku")))
        others = {name: text(payload.get(name)) for name in ("type_id", "visibility", "attribute_set_id")}
        others |= {code: value for code, value in customs.items() if code not in {*_OWN_COLUMN, *own.values()}}
        return {
            "parent_key": parent,
            "level": "parent" if is_parent else "variant" if parent else "single",
            **{name: self.label(code, customs.get(code, "")) for name, code in own.items()},
            "category": self.categories.get(text(main.get("category_id")), "") if main else "",
            "price": money(payload.get("price"), self.currency),
            "sale_price": money(customs.get("special_price"), self.currency),
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

    def _main_link(self, payload: Payload) -> Mapping[str, Any] | None:
        """The link to the deepest category, the first of several; a product may be in many."""
        links = at(payload, "extension_attributes.category_links") or []
        return max(links, key=lambda one: self.categories.get(text(one["category_id"]), "").count(">"), default=None)

    # ---- writing -----------------------------------------------------------------------------------------------

    def custom(self, code: str, value: str) -> dict[str, Any]:
        """The part of a body that sets a custom attribute, with the option's number for its words.

        Raises
        ------
        InvalidError
            When the shop has no such attribute, which it would not say, or no such option.
        """
        attribute = self.attribute(code)
        if attribute is None:
            raise InvalidError(
                f"The shop has no attribute {code!r}, and Magento drops unknown ones without a word. Make it, or name another "
                "one in the connection."
            )
        if value and attribute["frontend_input"] in ("select", "multiselect"):
            numbers = {text(one["label"]): text(one["value"]) for one in attribute.get("options") or ()}
            if not numbers.get(value):
                raise InvalidError(
                    f"The attribute {code!r} has no option {value!r}. Add it under Stores > Attributes > Product.",
                    "unknown_value",
                )
            value = numbers[value]
        return {"custom_attributes": {code: value}}

    def category_links(self, value: str, current: Payload) -> dict[str, Any]:
        """The part of a body that puts a product into another main category; its other categories stay.

        Raises
        ------
        InvalidError
            When there is no such category, or more than one.
        """
        fitting = [key for key, path in self.categories.items() if path == value]
        if value and len(fitting) != 1:
            raise InvalidError(
                f"{len(fitting)} categories of the shop have the path {value!r}; it must be one.", "unknown_value"
            )
        links = list(at(current, "extension_attributes.category_links") or ())
        main = self._main_link(current)
        new = [{"category_id": key, "position": (main or {}).get("position", 0)} for key in fitting if value]
        place = links.index(main) if main in links else 0
        kept = [one for one in links if one is not main and text(one["category_id"]) not in fitting]
        return {"extension_attributes": {"category_links": kept[:place] + new + kept[place:]}}

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The records as they are stored, and the shop beside them, which writers ask."""
        return {key: {**payload, "shop": self} for key, payload in super().current(kind, keys).items()}

    def body(self, kind: str, prepared: Prepared) -> Any:
        """The changed fields of a product; the whole address of an order and the whole source item with the change in it."""
        if kind == "stock":
            return {"sourceItems": [self._source_item(prepared)]}
        if kind == "order":
            stored = {name: value for name, value in _delivery(prepared.current).items() if value is not None}
            if not stored:
                raise InvalidError("Nothing of this order is sent, so it has no address.")
            return {"entity": merged(dict.fromkeys(_ADDRESS_NEEDS, "") | stored, prepared.fragment)}
        fragment = prepared.fragment
        customs = fragment.pop("custom_attributes", {})
        listed = [{"attribute_code": code, "value": value} for code, value in customs.items()]
        return {
            "product": {"sku": prepared.key, **fragment, **({"custom_attributes": listed} if listed else {})},
        }

    def _source_item(self, prepared: Prepared) -> dict[str, Any]:
        # The status stays: whether something is offered is the merchant's own switch.
        names = ("sku", "source_code", "quantity", "status")
        return {name: prepared.current[name] for name in names} | prepared.fragment

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One record."""
        if kind == "product" and not _PLAIN_SKU.fullmatch(prepared.key):
            self.client.send("POST", "V1/products", body=self.body(kind, prepared), idempotent=True)
            return {}
        return super().put(kind, prepared)

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Source items in one list; prices in lists of their own; other fields of products as a bulk."""
        if kind == "stock":
            body = {"sourceItems": [self._source_item(one) for one in prepared]}
            try:
                self.client.send("POST", "V1/inventory/source-items", body=body, idempotent=True)
            except RefusedError:
                return self._one_by_one(kind, prepared)
            return _for_all(prepared, lambda one: Outcome())
        prices: list[Prepared] = []
        reduced: list[Prepared] = []
        rest: list[Prepared] = []
        for one in prepared:
            is_price = set(one.fragment) == {"price"}
            (prices if is_price else reduced if _special(one) else rest).append(one)
        outcomes = self._price_list("base-prices", prices, lambda one: one.fragment)
        outcomes |= self._price_list("special-price", reduced, _special)
        if self._bulk_works and len(rest) >= _BULK_FROM:
            return outcomes | self._bulk(rest)
        return outcomes | self._one_by_one(kind, rest)

    def _price_list(self, route: str, prepared: Sequence[Prepared], price: Callable[[Prepared], Any]) -> Outcomes:
        """The answer to a list of prices names the failed rows alone."""
        store = 0 if self.setting("store_code") == "all" else self.shop["id"]
        failed: dict[str, str] = {}
        for start in range(0, len(prepared), _LIST_SIZE):
            some = prepared[start : start + _LIST_SIZE]
            rows = [{"sku": one.key, "store_id": store, **price(one)} for one in some]
            answer = self.client.send("POST", f"V1/products/{route}", body={"prices": rows}, idempotent=True).value
            failed |= {text(sku): _said(row) for row in answer or () for sku in row["parameters"]}
        return _for_all(prepared, lambda one: Outcome("refused", failed[one.key]) if one.key in failed else Outcome())

    def _bulk(self, prepared: Sequence[Prepared]) -> Outcomes:
        body = [self.body("product", one) for one in prepared]
        try:
            answer = self.client.send("PUT", _BULK_ROUTE, body=body, idempotent=True).value
        except RefusedError:
            self._bulk_works = False
            return self._one_by_one("product", prepared)
        refused = {
            one["id"]: text(one.get("error_message")) for one in answer["request_items"] if one["status"] != "accepted"
        }
        ran: dict[int, Mapping[str, Any]] = {}

        def done(operations: Sequence[Mapping[str, Any]]) -> bool:
            ran.update({one["id"]: one for one in operations if one["status"] != _OPEN})
            return len(ran) + len(refused) >= len(prepared)

        path = f"V1/bulk/{answer['bulk_uuid']}/detailed-status"
        state = poll(
            self.client,
            lambda: self.client.send("GET", path).value["operations_list"],
            done,
            first_s=0.5,
            longest_s=15.0,
            deadline_s=_BULK_DEADLINE_S,
        )
        self._bulk_works = state is not None
        outcomes: Outcomes = {}
        for number, one in enumerate(prepared):
            operation = ran.get(number)
            if number in refused:
                outcomes |= one.all(Outcome("refused", refused[number]))
            elif operation is None or operation["status"] == _AGAIN:
                outcomes |= self._put_record("product", one)
            else:
                is_done = operation["status"] == _COMPLETE
                outcomes |= one.all(Outcome() if is_done else Outcome("refused", text(operation["result_message"])))
        return outcomes

    def _one_by_one(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        return {key: value for one in prepared for key, value in self._put_record(kind, one).items()}

    # ---- parcels -----------------------------------------------------------------------------------------------

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """A shipment of the lines that are left, with its track; one that the shop has already is not sent again."""
        if not self.is_key("order", shipment.order_key):
            raise InvalidError(f"{shipment.order_key!r} is not the number of an order.", "missing")
        order = self.client.send("GET", f"V1/orders/{shipment.order_key}").value
        asked = _filters("order_id", ("eq", shipment.order_key))
        known = self.walk(Stream("V1/shipments", {}, rows="items", pages=_PAGES), asked)
        tracks = [track for rows in known for one in rows for track in one.get("tracks") or ()]
        if any(text(one["track_number"]) == shipment.tracking_number for one in tracks):
            return Outcome()
        carrier = shipment.carrier.strip().lower()
        track = {
            "track_number": shipment.tracking_number,
            "title": shipment.carrier or "Parcel",
            "carrier_code": carrier if carrier in _CARRIERS else "custom",
        }
        body = {
            "items": _shipped(order, shipment),
            "notify": True,
            "tracks": [track] if shipment.tracking_number else [],
            "arguments": {"extension_attributes": {"source_code": self.setting("source_code")}},
        }
        self.client.send("POST", f"V1/order/{shipment.order_key}/ship", body=body)
        return Outcome()


def _paths(categories: Sequence[Mapping[str, Any]], above: str = "") -> Iterator[tuple[str, str]]:
    for one in categories:
        path = f"{above} > {one['name']}" if above else text(one["name"])
        yield text(one["id"]), path
        yield from _paths(one.get("children_data") or (), path)


def _special(prepared: Prepared) -> dict[str, Any] | None:
    """A reduced price with its dates, where it is all that changes and both dates are known."""
    value = prepared.fragment.get("custom_attributes", {}).get("special_price")
    known = _customs(prepared.current)
    dates = {f"price_{end}": known.get(f"special_{end}_date", "") for end in ("from", "to")}
    is_alone = value and {one.field for one in prepared.changes} == {"sale_price"}
    return {"price": float(value), **dates} if is_alone and all(dates.values()) else None


def _for_all(prepared: Sequence[Prepared], outcome: Callable[[Prepared], Outcome]) -> Outcomes:
    return {key: value for one in prepared for key, value in one.all(outcome(one)).items()}


def _shipped(order: Payload, shipment: Shipment) -> list[dict[str, Any]]:
    """The lines of a parcel with what is left to be sent of them."""
    left: dict[str, Decimal] = {}
    for line in order.get("items") or ():
        gone = sum(Decimal(text(line.get(name)) or 0) for name in ("qty_shipped", "qty_canceled", "qty_refunded"))
        if not line.get("parent_item_id") and not line.get("is_virtual"):
            left[text(line["item_id"])] = Decimal(text(line["qty_ordered"])) - gone
    wanted = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(left)
    if unknown := sorted(set(wanted) - set(left)):
        raise InvalidError(f"The order has no line {', '.join(unknown)} that can be sent; it has {', '.join(left)}.")
    items = [
        {"order_item_id": int(key), "qty": float(left[key] if quantity is None else quantity)}
        for key, quantity in wanted.items()
        if left[key] > 0
    ]
    if not items:
        raise InvalidError("Everything of this order is sent already, with another tracking number.")
    return items


PLATFORM = Magento.describe(
    name="magento",
    title="Magento / Adobe Commerce",
    docs="https://developer.adobe.com/commerce/webapi/rest/",
    credentials=(
        CredentialField(
            "store_url",
            "Shop address",
            "as in the browser; a shop without rewrites: with /index.php behind it",
            secret=False,
        ),
        CredentialField(
            "access_token", "Access token", "System > Extensions > Integrations, shown when it is activated"
        ),
        CredentialField("consumer_key", "Consumer key", "same page; with it requests are signed", required=False),
        CredentialField("consumer_secret", "Consumer secret", "same page", required=False),
        CredentialField("access_token_secret", "Access token secret", "same page", required=False),
        CredentialField(
            "store_code",
            "Store view",
            "all: values of every store view; a code: the texts of that view (before 2.4.7 Magento then unticks 'Use Default Value' "
            "of fields that were not sent)",
            secret=False,
            required=False,
            default="all",
        ),
        CredentialField(
            "plain_http",
            "Unencrypted",
            "yes: send access_token over http although anybody on the way can read it; signed requests need no leave",
            secret=False,
            required=False,
            default="no",
        ),
        CredentialField(
            "brand_attribute", "Brand attribute", "its code", secret=False, required=False, default="manufacturer"
        ),
        CredentialField("gtin_attribute", "GTIN attribute", "its code", secret=False, required=False, default="gtin"),
        CredentialField(
            "mpn_attribute", "Part number attribute", "its code", secret=False, required=False, default="mpn"
        ),
        CredentialField(
            "source_code", "Source", "that parcels leave from", secret=False, required=False, default="default"
        ),
    ),
    setup=(
        "Open System > Extensions > Integrations and add one.",
        "Under API tick Catalog (Inventory: Products, Categories), Sales (Operations: Orders, Shipments), Stores (Attributes: "
        "Product; Inventory: Sources and Stocks; Settings: All Stores) and System (Bulk Operations).",
        "Activate it, and copy the four values that are then shown.",
    ),
    notes=(
        "Pictures are files in Magento, not addresses: they are read and judged, and changed in the shop's own pages.",
        "An order's recipient, street, city, postal code, country and phone can be corrected; its e-mail, region and state cannot.",
        "Stock has no time of change, so it is always read whole; a product's quantity is the sum of its sources.",
        "Stock needs multi-source inventory, which is part of Magento since 2.3 unless it was removed.",
        "A batch needs the consumer async.operations.all to run; where it does not, single calls are used after two minutes.",
        "Adobe Commerce as a Cloud Service (SaaS) has other addresses and keys and is not covered.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS}),
)
