"""The offline twin of refurbed's merchant API, over its HTTP gateway.

Written from the public description (swagger and proto) and not from the connector. It keeps what surprises there: every
call is a POST, identifiers are texts, a limit above 100 and two cursors at once are refused, a batch answers with status
200 and one status for each item, updates change what they name alone, states of items move one way only, and errors
are ``google.rpc.Status``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.sandbox.refurbed_store import GRADES, NEXT_STATES, Shop, order_state
from connectors.sandbox.routes import Call, Meter, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN"]

_S = "/refb\\.merchant\\.v1\\."
_MARKETS = (("AT", "Austria", "EUR"), ("DE", "Germany", "EUR"), ("FR", "France", "EUR"), ("SE", "Sweden", "SEK"))
_PROFILES = {"901": "Standard", "902": "Express", "903": "Freight"}
_CARRIERS = (("DHL", "dhl"), ("DPD", "dpd"), ("GLS", "gls"), ("Österreichische Post", "austrian-post"), ("UPS", "ups"))
_HTTP = {2: 500, 3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 14: 503, 16: 401}
_UNKNOWN, _INVALID, _NOT_FOUND, _DENIED, _EXHAUSTED, _UNAUTHENTICATED = 2, 3, 5, 7, 8, 16
_WARRANTIES = ("M12", "M18", "M24", "M30", "M36")
_HIDDEN_BELOW = 1.0
"""Of prices below this the twin says HIDDEN; refurbed's own bounds are not published."""


class RefurbedTwin(RoutedTwin):
    """One merchant.

    Parameters
    ----------
    calls_per_second : float
        The limit, of which so many calls may also go at once.
    **options
        As for `Twin`.
    """

    name = "refurbed"
    state: Shop
    absent_key = "999999999999"
    carrier = "DHL"
    new_values = {
        "condition": "B",
        "attributes.min_price": "1.00",
        "attributes.warranty": "M24",
        "attributes.taxation": "MARGINAL",
        "attributes.shipping_profile_id": "902",
        "attributes.secondary_shipping_profile_id": "903",
    }

    def __init__(self, *, calls_per_second: float = 300, **options: Any) -> None:
        super().__init__(**options)
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        self.denied: set[str] = set()
        """Calls that the token may not make, such as ``UpdateOffer``."""
        self.passing: list[tuple[str, int]] = []
        """Offers whose next update in a batch fails for the moment, with the code."""
        self._token = self._secrets.randbytes(20).hex()
        self._calls = Meter(calls_per_second, calls_per_second, self.clock)

    @property
    def credentials(self) -> dict[str, str]:
        return {"api_token": self._token, "api_address": self.base_url}

    def greeting(self) -> Incoming:
        headers = {"authorization": f"Plain {self._token}", "content-type": "application/json"}
        return Incoming("POST", "/refb.merchant.v1.MarketService/ListMarkets", (), headers, b"{}")

    def unauthorised(self) -> Answer:
        return _error(_UNAUTHENTICATED, "the authorization header is missing, malformed or invalid")

    def not_found(self, call: Call) -> Answer:
        return _error(_NOT_FOUND, "Not Found")

    def wrong_method(self, call: Call) -> Answer:
        return Answer.json(501, {"code": 12, "message": "Method Not Allowed", "details": []})

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _error(_INVALID, f"the request cannot be read: {error}")

    def identify(self, call: Call) -> Answer | None:
        if call.incoming.headers.get("authorization") != f"Plain {self._token}":
            return self.unauthorised()
        name = call.incoming.path.rpartition("/")[2]
        return _error(_DENIED, f"the user has no permission for {name}") if name in self.denied else None

    def meter(self, call: Call, operation: str) -> Answer | None:
        return _error(_EXHAUSTED, "rate limit exceeded") if self._calls.take() else None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        missing = (self._calls.burst - self._calls.level) / self._calls.per_second
        return {
            "x-ratelimit-limit": str(int(self._calls.burst)),
            "x-ratelimit-remaining": str(int(self._calls.level)),
            "x-ratelimit-reset": str(int(self.clock().timestamp() + missing) + 1),
        }

    # ---- reference data ----------------------------------------------------------------------------------------

    @route("POST", f"{_S}MarketService/ListMarkets")
    def _markets(self, call: Call) -> Answer:
        rows = [
            {"code": code, "is_site": True, "type": "COUNTRY", "name": name, "currency_code": currency}
            for code, name, currency in _MARKETS
        ]
        return self._page(call, "markets", rows, key="code")

    @route("POST", f"{_S}ShippingProfileService/ListShippingProfiles")
    def _profiles(self, call: Call) -> Answer:
        rows = [{"id": key, "version": "1", "is_current": True, "name": name} for key, name in _PROFILES.items()]
        return self._page(call, "shipping_profiles", rows)

    @route("POST", f"{_S}ShippingProfileService/ListAvailableCarriers")
    def _carriers(self, call: Call) -> Answer:
        return Answer.json(200, {"carriers": [{"name": name, "slug": slug} for name, slug in _CARRIERS]})

    # ---- offers ------------------------------------------------------------------------------------------------

    @route("POST", f"{_S}OfferService/ListOffers")
    def _offers(self, call: Call) -> Answer:
        return self._page(call, "offers", [self._shown_offer(one) for one in self.state.products.values()])

    @route("POST", f"{_S}OfferService/GetOffer")
    def _one_offer(self, call: Call) -> Answer:
        return Answer.json(200, {"offer": self._shown_offer(self._offer(_body(call)))})

    @route("POST", f"{_S}OfferService/BatchGetOffers")
    def _several_offers(self, call: Call) -> Answer:
        return self._batch(call, "offers", "offer", lambda one: self._shown_offer(self._offer(one)))

    @route("POST", f"{_S}OfferService/UpdateOffer")
    def _update_offer(self, call: Call) -> Answer:
        return Answer.json(200, {"offer": self._updated(_body(call))})

    @route("POST", f"{_S}OfferService/BatchUpdateOffers")
    def _update_offers(self, call: Call) -> Answer:
        return self._batch(call, "offers", "offer", self._updated_in_batch)

    def _updated_in_batch(self, body: Document) -> Document:
        key = str((body.get("identifier") or {}).get("id", ""))
        found = next((one for one in self.passing if one[0] == key), None)
        if found:
            self.passing.remove(found)
            raise Refusal(_error(found[1], "try again later"))
        return self._updated(body)

    def _offer(self, body: Document) -> Document:
        identifier = body.get("identifier") or {}
        if len([one for one in ("id", "sku") if identifier.get(one)]) != 1:
            raise Refusal(_error(_INVALID, "an identifier is either id or sku"))
        for offer in self.state.products.values():
            if identifier.get("id") == offer["id"] or (identifier.get("sku") and identifier["sku"] == offer["sku"]):
                return offer
        raise Refusal(_error(_NOT_FOUND, "offer not found"))

    def _updated(self, body: Document) -> Document:
        offer = self._offer(body)
        for name, value in body.items():
            if name != "identifier" and value is not None and not _OFFER[name](value):
                raise Refusal(_error(_INVALID, f"invalid {name}: {json.dumps(value)}"))
        changed = {name: value for name, value in body.items() if value is not None and name in offer and name != "id"}
        for name in ("reference_min_price", "secondary_shipping_profile_id"):
            if body.get(f"delete_{name}"):
                changed[name] = None
        after = offer | changed
        if after["reference_min_price"] and float(after["reference_min_price"]) > float(after["reference_price"]):
            raise Refusal(_error(_INVALID, "reference_min_price must not be above reference_price"))
        if after["secondary_shipping_profile_id"] == after["shipping_profile_id"]:
            raise Refusal(_error(_INVALID, "the secondary shipping profile has to differ from the primary one"))
        offer |= changed
        self.state.versions[offer["id"]] += 1
        return self._shown_offer(offer)

    def _shown_offer(self, offer: Document) -> Document:
        price, stock = float(offer["reference_price"] or 0), offer["stock"]
        visibility = "FULL" if stock and offer["state"] == "OK" else "NONE"
        visibility = "HIDDEN" if price < _HIDDEN_BELOW else visibility
        markets = [
            {
                "offer_id": offer["id"],
                "market_code": code,
                "market_name": name,
                "is_site_market": True,
                "is_calculated": True,
                "currency_code": offer["reference_currency_code"],
                "price": offer["reference_price"],
                "visibility": visibility,
            }
            for code, name, _ in _MARKETS
        ]
        second = offer["secondary_shipping_profile_id"]
        return offer | {
            "version": str(self.state.versions[offer["id"]]),
            "is_current": True,
            "shipping_profile_name": _PROFILES[offer["shipping_profile_id"]],
            "secondary_shipping_profile_name": _PROFILES[second] if second else None,
            "real_taxation": offer["taxation"],
            "set_market_prices": [],
            "calculated_market_prices": markets,
        }

    # ---- orders ------------------------------------------------------------------------------------------------

    @route("POST", f"{_S}OrderService/ListOrders")
    def _orders(self, call: Call) -> Answer:
        return self._page(call, "orders", [_shown_order(one) for one in self.state.orders.values()])

    @route("POST", f"{_S}OrderService/GetOrder")
    def _one_order(self, call: Call) -> Answer:
        return Answer.json(200, {"order": _shown_order(self._order(_body(call).get("id")))})

    @route("POST", f"{_S}OrderItemService/ListOrderItemsByOrder")
    def _items(self, call: Call) -> Answer:
        return self._page(call, "order_items", self._order(_body(call).get("order_id"))["items"])

    @route("POST", f"{_S}OrderItemService/UpdateOrderItemState")
    def _move_item(self, call: Call) -> Answer:
        return Answer.json(200, {"order_item": self._moved(_body(call))})

    @route("POST", f"{_S}OrderItemService/BatchUpdateOrderItemsState")
    def _move_items(self, call: Call) -> Answer:
        return self._batch(call, "updates", "order_item", self._moved)

    @route("POST", f"{_S}OrderItemService/BatchUpdateOrderItems")
    def _update_items(self, call: Call) -> Answer:
        return self._batch(call, "order_items", "order_item", self._described)

    def _order(self, key: Any) -> Document:
        order = self.state.orders.get(str(key or ""))
        if order is None:
            raise Refusal(_error(_NOT_FOUND, "order not found"))
        return order

    def _item(self, body: Document) -> Document:
        for order in self.state.orders.values():
            for item in order["items"]:
                if item["id"] == str(body.get("id", "")):
                    return item
        raise Refusal(_error(_NOT_FOUND, "order item not found"))

    def _moved(self, body: Document) -> Document:
        item, state = self._item(body), body.get("state")
        if state not in NEXT_STATES.get(item["state"], set()):
            raise Refusal(_error(_INVALID, f"illegal state transition from {item['state']} to {state}"))
        if state == "SHIPPED" and not (body.get("parcel_tracking_url") or item["parcel_tracking_url"]):
            raise Refusal(_error(_INVALID, "no parcel tracking url is set"))
        pair = body.get("parcel_carrier_tracking_number") or {}
        if pair and pair.get("carrier") not in {slug for _, slug in _CARRIERS}:
            raise Refusal(_error(_INVALID, f"unknown carrier {pair.get('carrier')!r}"))
        self._described(body)
        item["state"] = state
        if state == "SHIPPED":
            number = pair.get("tracking_number") or item["parcel_tracking_url"]
            parcel = {"order": item["order_id"], "number": number, "carrier": pair.get("carrier", "")}
            self.state.collections["parcels"][f"{item['order_id']}/{number}"] = parcel
        return item

    def _described(self, body: Document) -> Document:
        item = self._item(body)
        address = body.get("parcel_tracking_url")
        if address is not None and not re.fullmatch(r"https?://[^\s/]+\S*", address):
            raise Refusal(_error(_INVALID, "invalid parcel tracking url"))
        identifiers = body.get("item_identifiers") or []
        if any(one.get("identifier_type") not in ("IMEI", "SERIAL_NUMBER") for one in identifiers):
            raise Refusal(_error(_INVALID, "invalid identifier type"))
        for name in ("parcel_tracking_url", "item_identifiers", "weight_kg"):
            if body.get(name):
                item[name] = body[name]
        return item

    # ---- lists and batches -------------------------------------------------------------------------------------

    def _page(self, call: Call, member: str, rows: Sequence[Document], *, key: str = "id") -> Answer:
        body = _body(call)
        page = body.get("pagination") or {}
        limit = int(page.get("limit") or 100)
        if not 1 <= limit <= 100:
            raise Refusal(_error(_INVALID, "pagination limit is too large (>100)"))
        if page.get("starting_after") and page.get("ending_before"):
            raise Refusal(_error(_INVALID, "both ending_before and starting_after are specified"))
        found = [row for row in rows if all(_fits(row, *one) for one in (body.get("filter") or {}).items())]
        sort = body.get("sort") or {}
        by = str(sort.get("by", "ID")).lower() if key == "id" else key
        found.sort(key=lambda row: _sortable(row.get(by)), reverse=sort.get("order") == "DESC")
        names = [row[key] for row in found]
        start = 0
        if after := page.get("starting_after"):
            # A row that is gone meanwhile still says where to go on, for identifiers only grow.
            start = (
                names.index(after) + 1 if after in names else sum(_sortable(one) <= _sortable(after) for one in names)
            )
        if before := page.get("ending_before"):
            start = max(0, (names.index(before) if before in names else len(names)) - limit)
        return Answer.json(200, {member: self.window(found, start, limit), "has_more": start + limit < len(found)})

    def _batch(self, call: Call, member: str, result: str, work: Callable[[Document], Document]) -> Answer:
        asked = _body(call).get(member) or []
        if not 1 <= len(asked) <= 50:
            raise Refusal(_error(_INVALID, f"{member}: between 1 and 50 are possible, got {len(asked)}"))
        results: list[Document] = []
        for one in asked:
            try:
                results.append({"status": {"code": 0, "message": "", "details": []}, result: work(one)})
            except Refusal as refusal:
                results.append({"status": json.loads(refusal.answer.body)})
        return Answer.json(200, {"results": results})


def _is_money(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d{1,2})?", value) is not None and float(value) > 0


def _is_profile(value: Any) -> bool:
    return value in _PROFILES


_OFFER: dict[str, Callable[[Any], bool]] = {
    "grading": lambda value: value in GRADES,
    "warranty": lambda value: value in _WARRANTIES,
    "stock": lambda value: isinstance(value, int) and 0 <= value < 2**32,
    "shipping_profile_id": _is_profile,
    "secondary_shipping_profile_id": _is_profile,
    "delete_secondary_shipping_profile_id": lambda value: isinstance(value, bool),
    "taxation": lambda value: value in ("GROSS", "MARGINAL"),
    "reference_currency_code": lambda value: value in ("EUR", "SEK", "DKK", "CHF", "PLN", "CZK"),
    "reference_price": _is_money,
    "reference_min_price": _is_money,
    "delete_reference_min_price": lambda value: isinstance(value, bool),
}
"""What an update may name, and whether a value of it will do."""


def _fits(row: Document, name: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a row passes one filter."""
    if name not in row:
        raise Refusal(_error(_INVALID, f'unknown field "{name}"'))
    value: Any = row[name]
    bounds: dict[str, Any] = {one: limit for one, limit in wanted.items() if limit and one in ("gt", "ge", "lt", "le")}
    if isinstance(value, datetime):
        bounds = {one: datetime.fromisoformat(limit) for one, limit in bounds.items()}
    elif bounds:
        value, bounds = float(value), {one: float(limit) for one, limit in bounds.items()}
    compared = {
        "gt": lambda limit: value > limit,
        "ge": lambda limit: value >= limit,
        "lt": lambda limit: value < limit,
        "le": lambda limit: value <= limit,
    }
    if not all(compared[one](limit) for one, limit in bounds.items()):
        return False
    if wanted.get("any_of") and value not in wanted["any_of"]:
        return False
    return value not in (wanted.get("none_of") or [])


def _sortable(value: Any) -> tuple[int, Any]:
    if isinstance(value, str) and value.isdigit():
        return 0, int(value)
    return (1, value) if isinstance(value, str) else (0, value or 0)


def _shown_order(order: Document) -> Document:
    items = order["items"]
    labels = []
    if any(not one["parcel_tracking_url"] for one in items):
        labels.append("MISSING_PARCEL_TRACKING_URLS")
    if any(not one["item_identifiers"] for one in items):
        labels.append("MISSING_ITEM_IDENTIFIERS")
    for state in ("REJECTED", "CANCELLED", "SHIPPED", "RETURNED"):
        if any(one["state"] == state for one in items) and any(one["state"] != state for one in items):
            labels.append(f"PARTIALLY_{state}")
    return order | {"state": order_state(order), "labels": labels}


def _body(call: Call) -> Document:
    body = call.json
    if not isinstance(body, dict):
        raise Refusal(_error(_INVALID, "the body is no object"))
    return body


def _error(code: int, message: str) -> Answer:
    return Answer.json(_HTTP[code], {"code": code, "message": message, "details": []})


TWIN = RefurbedTwin
