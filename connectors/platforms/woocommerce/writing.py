"""Changes sent to a WooCommerce shop.

The shop answers 200 to much that it stores otherwise (seen live on 11.0.1, 2026-11-23): a price ``12,50`` becomes
1250, a weight ``1,3 kg`` 13, letters in a GTIN vanish, a reduced price that is not below the regular one is dropped, a
brand by name empties the brands, stock of a product that does not manage its stock is ignored. Such changes are refused
here, before anything is sent, and what the shop says it stored is compared with what was sent.

A few changes go to the routes of the single items; many go in batches. There the shop does not check its fields at all, so
what may be sent is decided here before, in both cases by the same writers, and pictures, which are downloaded during the
call, never go in a batch. A list (images, categories, brands) replaces the whole set, so it is read, changed and sent whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.changes import Change, InvalidError, Outcome, Outcomes, image_addresses, outcome_of, split_name
from connectors.client import Client
from connectors.errors import PlatformError, RefusedError
from connectors.mapping import Amount, at, plain_number, text
from connectors.platform import Connection, Platform
from connectors.platforms.woocommerce.reading import Reader, as_stored
from connectors.remote import Environment, RemoteConnector
from connectors.rest import merged

__all__ = ["WooCommerceConnector"]

Payload = Mapping[str, Any]

_PRICES = frozenset({"price", "sale_price"})
_ON_VARIATIONS = frozenset(
    ["price", "sale_price", "sku", "gtin", "quantity", "weight_g", "length_mm", "width_mm", "height_mm"]
)
"""A variation's description comes only as it is shown, so that what is stored could not be put back."""

_NEEDS_CURRENT = frozenset(
    ["price", "sale_price", "category", "brand", "images", "quantity", "buyer_name", "ship_name"]
)
_COMPARED = frozenset(
    [
        "price",
        "sale_price",
        "sku",
        "gtin",
        "quantity",
        "category",
        "brand",
        "weight_g",
        "length_mm",
        "width_mm",
        "height_mm",
    ]
)
"""Fields whose stored value must be what was sent; in texts the shop may tidy up HTML, images get addresses of its own."""

_ADDRESS = {
    "email": ("billing", "email"),
    "phone": ("billing", "phone"),
    "ship_street": ("shipping", "address_1"),
    "ship_city": ("shipping", "city"),
    "ship_region": ("shipping", "state"),
    "ship_postal_code": ("shipping", "postcode"),
    "ship_country": ("shipping", "country"),
}


_BATCH = 50
"""Records of one batch; the shop takes 100 and works on them one by one in one PHP request, which may run out of time."""

_BATCH_FROM = 4
"""Below so many records, each goes alone: the shop's answer to one is fuller."""


@dataclass(frozen=True)
class _Ready:
    """Changes of one record that may be sent: its route, and what belongs together with the body that makes it."""

    route: str
    kind: str
    parts: Sequence[tuple[list[Change], dict[str, Any]]]

    @property
    def changes(self) -> list[Change]:
        return [one for some, _ in self.parts for one in some]

    @property
    def body(self) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for _, piece in self.parts:
            whole = merged(whole, piece)
        return whole


class WooCommerceConnector(RemoteConnector):
    """One shop."""

    def __init__(self, platform: Platform, connection: Connection, client: Client, environment: Environment) -> None:
        super().__init__(platform, connection, client, environment)
        self._reader = Reader(client)

    def examine(self) -> list[str]:
        """Ask for settings, products and orders: these need the key, the address and the user's rights."""
        found = []
        shop = self._reader.shop
        for route in ("products", "orders"):
            answer = self.client.send("GET", route, params={"per_page": "1", "_fields": "id"})
            found.append(f"{answer.headers.get('x-wp-total', 'some')} {route} can be read")
        return [f"The shop answers; its currency is {shop.currency or 'unknown'}.", "; ".join(found) + "."]

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Payload]]:
        """See `Reader.batches`."""
        return self._reader.batches(kind, since)

    def records(self, kind: str, payload: Payload) -> Iterator[tuple[str, dict[str, Any]]]:
        """See `Reader.records`."""
        return self._reader.records(kind, payload)

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Payload]:
        """See `Reader.payloads`."""
        return self._reader.payloads(kind, keys)

    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """One request a record, or one a field where the shop refuses them together; many products go in batches."""
        records: dict[tuple[str, str, str], list[Change]] = {}
        for one in changes:
            records.setdefault((one.kind, one.record_key, one.parent_key), []).append(one)
        batches: dict[str, list[_Ready]] = {}
        is_many = len(records) >= _BATCH_FROM
        stored = self._stored(records) if is_many else {}
        for (kind, key, parent), some in records.items():
            route = _route(kind, key, parent)
            outcomes, ready = self._ready(route, kind, some, stored.get(route) if is_many else None)
            yield outcomes
            if ready is None:
                continue
            if is_many and kind != "order" and not any(one.field == "images" for one in ready.changes):
                batches.setdefault(route.rpartition("/")[0], []).append(ready)
            else:
                yield self._send_ready(ready)
        for route, waiting in batches.items():
            for start in range(0, len(waiting), _BATCH):
                yield self._send_batch(route, waiting[start : start + _BATCH])

    def _stored(self, records: Iterable[tuple[str, str, str]]) -> dict[str, Payload]:
        """Route to the record as it is stored, asked for in pages and not one by one."""
        routes = [_route(kind, key, parent) for kind, key, parent in records if kind != "order"]
        pairs = [_pair(route) for route in routes if route]
        found = self._reader.payloads("product", list(dict.fromkeys(pairs)))
        return {_route("product", text(one["id"]), text(one.get("parent_id") or "")): one for one in found}

    def _ready(
        self, route: str, kind: str, changes: Sequence[Change], known: Payload | None
    ) -> tuple[Outcomes, _Ready | None]:
        if not route:
            gone = Outcome("missing", f"{changes[0].record_key!r} is no key of this shop.")
            return {one.correction_id: gone for one in changes}, None
        current: Payload = known or {}
        try:
            if known is None and any(one.field in _NEEDS_CURRENT for one in changes):
                current = self.client.send("GET", route, params=as_stored(route)).value
        except PlatformError as error:
            return dict.fromkeys((one.correction_id for one in changes), _outcome(error)), None
        outcomes: Outcomes = {}
        parts: list[tuple[list[Change], dict[str, Any]]] = []
        for some in _together(changes):
            try:
                parts.append((some, self._body(kind, some, current, variation="/variations/" in route)))
            except InvalidError as error:
                outcomes |= error.outcomes(some)
        return outcomes, _Ready(route, kind, parts) if parts else None

    def _send_ready(self, ready: _Ready) -> Outcomes:
        try:
            return self._send(ready.route, ready.kind, ready.parts)
        except RefusedError as error:
            if len(ready.parts) == 1:
                return {one.correction_id: _outcome(error) for one in ready.changes}
        outcomes: Outcomes = {}
        # The shop stores nothing of a request with one bad field: the good ones go alone.
        for part in ready.parts:
            try:
                outcomes |= self._send(ready.route, ready.kind, [part])
            except PlatformError as error:
                outcomes |= {one.correction_id: _outcome(error) for one in part[0]}
        return outcomes

    def _send_batch(self, route: str, waiting: Sequence[_Ready]) -> Outcomes:
        """Several records in one call. Each has its own answer at its place; one that was refused is tried alone."""
        body = {"update": [{"id": int(one.route.rpartition("/")[2]), **one.body} for one in waiting]}
        try:
            answer = self.client.send("POST", f"{route}/batch", body=body, idempotent=True).value
        except PlatformError as error:
            outcome = outcome_of(error)
            return {one.correction_id: outcome for ready in waiting for one in ready.changes}
        rows = (at(answer, "update") or []) if isinstance(answer, Mapping) else []
        outcomes: Outcomes = {}
        for ready, row in zip(waiting, rows, strict=False):
            if isinstance(row, Mapping) and row.get("error"):
                # With all that the shop says of a single record, and the good fields apart from the bad one.
                outcomes |= self._send_ready(ready)
            else:
                outcomes |= {one.correction_id: self._compare(ready.kind, one, row) for one in ready.changes}
        return outcomes

    def _send(self, route: str, kind: str, parts: Sequence[tuple[list[Change], dict[str, Any]]]) -> Outcomes:
        ready = _Ready(route, kind, parts)
        body, changes = ready.body, ready.changes
        try:
            # New images are downloaded during the call: sent twice, the shop would hold them twice.
            stored = self.client.send("PUT", route, body=body, idempotent="images" not in body).value
        except RefusedError:
            raise
        except PlatformError as error:
            return dict.fromkeys((one.correction_id for one in changes), outcome_of(error))
        return {one.correction_id: self._compare(kind, one, stored) for one in changes}

    def _compare(self, kind: str, change: Change, stored: Any) -> Outcome:
        if change.field not in _COMPARED:
            return Outcome()
        try:
            row = next((row for _, row in self._rows(kind, stored)), {})
        except ValueError:
            return Outcome("unknown", "The shop's answer shows no record. Read it back.")
        now = row.get(change.field, "")
        same = now == change.value or (
            plain_number(now) is not None and plain_number(now) == plain_number(change.value)
        )
        said = f"The shop answered that all is well, yet it holds {now!r} instead of {change.value!r}."
        return (
            Outcome()
            if same
            else Outcome("stored_otherwise", f"{said} A plug-in or a setting of the product may be the reason.")
        )

    def _body(self, kind: str, changes: Sequence[Change], current: Payload, *, variation: bool) -> dict[str, Any]:
        first = changes[0]
        if kind == "order":
            return _order_body(first, current)
        if variation and first.field not in _ON_VARIATIONS:
            raise InvalidError(
                f"{first.field} belongs to the product, not to its variation: change it on product {first.parent_key}."
            )
        if first.field in _PRICES:
            return _price_body({one.field: one.value for one in changes}, current)
        return self._writers[first.field](first.value, current)

    @property
    def _writers(self) -> dict[str, Callable[[str, Payload], dict[str, Any]]]:
        shop = self._reader.shop
        return {
            "title": lambda value, _: {"name": _filled(value, "title")},
            "description": lambda value, _: {"description": value},
            "sku": lambda value, _: {"sku": _untrimmed(value)},
            "gtin": lambda value, _: {"global_unique_id": _digits(value)},
            "quantity": _quantity_body,
            "weight_g": lambda value, _: {"weight": _measure(value, shop.weight, "weight_g")},
            "length_mm": lambda value, _: {"dimensions": {"length": _measure(value, shop.length, "length_mm")}},
            "width_mm": lambda value, _: {"dimensions": {"width": _measure(value, shop.length, "width_mm")}},
            "height_mm": lambda value, _: {"dimensions": {"height": _measure(value, shop.length, "height_mm")}},
            "images": _images_body,
            "category": self._category_body,
            "brand": self._brand_body,
        }

    def _category_body(self, value: str, current: Payload) -> dict[str, Any]:
        """The set with the category that stands for the product exchanged; the others stay."""
        categories = current.get("categories") or []
        shown = self._reader.shown_category(categories)
        others = [one for one in categories if shown is None or one["id"] != shown["id"]]
        chosen = [{"id": self._term("products/categories", value, "category")}] if value else []
        after = self._reader.category_of(
            {"categories": [{"id": one["id"], "name": one.get("name")} for one in others] + chosen}
        )
        # Without any the shop puts its default category in, which is what an empty set means to it.
        if after != self._path("products/categories", chosen) and (others or chosen):
            raise InvalidError(
                f"The product is in several categories, and {after!r} would go on standing for it. Change its categories in the shop."
            )
        return {"categories": [{"id": one["id"]} for one in others] + chosen}

    def _brand_body(self, value: str, current: Payload) -> dict[str, Any]:
        if "brands" not in current:
            raise InvalidError(
                "This shop has no brands; they came with WooCommerce 9.6. Update the shop.", "not_writable"
            )
        if len(current["brands"]) > 1:
            raise InvalidError("The product has several brands. Change them in the shop.")
        return {"brands": [{"id": self._term("products/brands", value, "brand")}] if value else []}

    def _path(self, route: str, chosen: Sequence[Payload]) -> str:
        return self._reader.terms(route)[chosen[0]["id"]] if chosen else ""

    def _term(self, route: str, value: str, what: str) -> int:
        """Identifier of the category or brand of that path, or of that name where only one has it."""
        for refresh in (False, True):
            terms = self._reader.terms(route, refresh=refresh)
            paths = [key for key, path in terms.items() if path == value]
            names = [key for key, path in terms.items() if path.rpartition(" > ")[2] == value]
            if paths or len(names) == 1:
                return (paths or names)[0]
        problem = (
            f"several have the name {value!r}; give the whole path" if names else f"{value!r} does not exist there"
        )
        raise InvalidError(
            f"The {what} cannot be set: {problem}. Add it in the shop (Products), or choose another.", "unknown_value"
        )


def _route(kind: str, key: str, parent: str) -> str:
    """Path of the item; empty when the keys are none of this shop's (they become part of the address)."""
    if kind == "stock":
        parent, _, key = key.rpartition("/")
    if not re.fullmatch(r"[0-9]{1,18}", key) or not re.fullmatch(r"[0-9]{0,18}", parent):
        return ""
    if kind == "order":
        return f"orders/{key}"
    return f"products/{parent}/variations/{key}" if parent else f"products/{key}"


def _pair(route: str) -> tuple[str, str]:
    """Key and parent of the product behind a route."""
    steps = route.split("/")
    return (steps[3], steps[1]) if len(steps) > 2 else (steps[1], "")


def _together(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes that make sense only together, in one list: the two prices."""
    prices = [one for one in changes if one.field in _PRICES]
    return ([prices] if prices else []) + [[one] for one in changes if one.field not in _PRICES]


def _price_body(new: Mapping[str, str], current: Payload) -> dict[str, Any]:
    for name, value in new.items():
        number = plain_number(value)
        if value and (number is None or number < 0):
            raise InvalidError(
                f"{name} {value!r} is not a plain decimal number with a point, such as 12.50. The shop would store another "
                "number without saying so."
            )
    price = new.get("price", text(current.get("regular_price")))
    sale = new.get("sale_price", text(current.get("sale_price")))
    price_number, sale_number = plain_number(price), plain_number(sale)
    if sale and (price_number is None or sale_number is None or sale_number >= price_number):
        raise InvalidError(
            f"The reduced price {sale!r} would not be below the regular price {price!r}; the shop would drop it without saying so. "
            "Change both together."
        )
    names = {"price": "regular_price", "sale_price": "sale_price"}
    return {names[name]: value for name, value in new.items()}


def _quantity_body(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"-?\d{1,15}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number.")
    if current.get("manage_stock") is not True:
        raise InvalidError(
            "The shop does not count the stock of this item and would ignore the quantity. Switch on 'Track stock' for it."
        )
    return {"stock_quantity": int(value)}


def _images_body(value: str, current: Payload) -> dict[str, Any]:
    known = {text(one.get("src")): one["id"] for one in current.get("images") or []}
    # An image that is there is named by its identifier: by address the shop would download it again.
    return {"images": [{"id": known[one]} if known.get(one) else {"src": one} for one in image_addresses(value)]}


def _order_body(change: Change, current: Payload) -> dict[str, Any]:
    if change.field in _ADDRESS:
        part, name = _ADDRESS[change.field]
        return {part: {name: change.value}}
    part = "billing" if change.field == "buyer_name" else "shipping"
    address = current.get(part) or {}
    first, last = split_name(change.value, text(address.get("first_name")), text(address.get("last_name")))
    return {part: {"first_name": first, "last_name": last}}


def _measure(value: str, unit: Amount, name: str) -> str:
    if not value:
        return ""
    converted = unit.from_canonical(value)
    if converted is None or converted.startswith("-"):
        raise InvalidError(
            f"{name} {value!r} is not a plain number, such as 1300 or 12.5. The shop would store only its digits."
        )
    return converted


def _digits(value: str) -> str:
    if not re.fullmatch(r"[0-9-]*", value):
        raise InvalidError(
            f"gtin {value!r} holds other characters than digits; the shop would drop them without saying so."
        )
    return value


def _untrimmed(value: str) -> str:
    if value != value.strip():
        raise InvalidError(f"sku {value!r} begins or ends with a blank; the shop would cut it off.")
    return value


def _filled(value: str, name: str) -> str:
    if not value.strip():
        raise InvalidError(f"{name} must not be empty.")
    return value


def _outcome(error: PlatformError) -> Outcome:
    gone = error.status == 404 or error.words.startswith(
        ("woocommerce_rest_product_invalid_id", "woocommerce_rest_invalid_product_id")
    )
    return Outcome("missing", error.words) if gone and isinstance(error, RefusedError) else outcome_of(error)
