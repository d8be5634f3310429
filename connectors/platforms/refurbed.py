"""refurbed: merchant API ``refb.merchant.v1`` over its HTTP gateway (public description of August 2026, read 2026-11-25).

What differs from other platforms:

- Every call is a POST with a JSON body, readings too, so each says itself whether it may be repeated.
- An offer stands on refurbed's own catalogue: name, pictures, brand and identifiers are not a merchant's to change, and an
  update changes what it names and nothing else. Many offers go in one call, which answers with status 200 and has a
  status for each; only those that failed for the moment are sent again.
- Nothing says when an offer or order was changed, so both lists are always read whole, by identifier.
- An order item is one unit. Units of one offer at one price are one line here, named by the first of them.
- Accepting and shipping move units from state to state, each once; an answer that is lost is settled by reading.

Unconfirmed, and what is done about it: whether a minimum price may lie above the price (refused here before it is sent);
ten calls a second is a number from refurbed's notes for integrators, and what the headers say goes first; the clock
behind ``X-RateLimit-Reset`` (a reset more than a minute away, or past, is not believed).

Longer than other platforms' files because the units of a parcel are chosen, identified and counted here: what is told of
them can never be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from stdnum import imei

from connectors.auth import HeaderKey
from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.errors import Action, PlatformError, UnavailableError
from connectors.limits import Limits, Rate, Room
from connectors.manners import Answer, Manners
from connectors.mapping import Joined, Payload, Source, at, canonical, plain_number, raw_text, text
from connectors.paginate import After, rows_at
from connectors.platform import Capability, CredentialField
from connectors.remote import Given
from connectors.rest import ADDRESS, Opening, Prepared, RestConnector, Site, Stream, Update, address_or

__all__ = ["PLATFORM"]

_SERVICE = "refb.merchant.v1."
_BATCH = 50
"""Offers or order items of one call (descriptions of ``BatchUpdateOffers`` and ``BatchUpdateOrderItemsState``)."""

_CODES = re.findall(
    r"\w+",
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED "
    "FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED",
)
"""google.rpc.Code by number (github.com/googleapis/googleapis, google/rpc/code.proto, read 2026-11-25)."""

_PASSING = {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "UNAVAILABLE"}
_TRIES = 3
_GRADES = ("AA", "A", "B", "C")
_WARRANTIES = ("M12", "M18", "M24", "M30", "M36")
_TAXATIONS = ("GROSS", "MARGINAL")
_YES, _NO = frozenset({"ACCEPTED", "SHIPPED", "RETURNED"}), frozenset({"REJECTED", "CANCELLED"})


def _token(given: Given) -> str:
    """The token, without the word that people copy along."""
    return re.sub(r"(?i)^(?:authorization:\s*)?plain\s+", "", given["api_token"])


def _auth(opening: Opening) -> HeaderKey:
    token = _token(opening.given)
    opening.known.add(token)
    return HeaderKey("Authorization", f"Plain {token}")


def _room(headers: Mapping[str, str]) -> Room:
    left = headers.get("x-ratelimit-remaining", "")
    resets = float(headers.get("x-ratelimit-reset", "0"))
    return Room(remaining=float(left) if left else None, resets_at=resets, longest_s=60)


def _named(status: Payload) -> tuple[str, str]:
    code = int(status.get("code") or 0)
    return _CODES[code] if code < len(_CODES) else str(code), text(status.get("message"))


def _outcome(name: str, message: str) -> Outcome:
    if name == "OK":
        return Outcome()
    return Outcome("missing" if name == "NOT_FOUND" else name, f"{name}: {message}")


# ---- offers ----------------------------------------------------------------------------------------------------------


def _attributes(offer: Payload) -> list[dict[str, str]]:
    markets: dict[str, list[str]] = {}
    for one in [*(offer.get("set_market_prices") or []), *(offer.get("calculated_market_prices") or [])]:
        markets.setdefault(f"visibility_{text(one.get('visibility')).lower()}", []).append(text(one.get("market_code")))
    found = {name: text(offer.get(source)) for name, source in _ATTRIBUTES.items()}
    found |= {name: text(at(offer, f"rejection_reason.{one}")) for name, one in _REJECTION.items()}
    found |= {name: ", ".join(sorted(codes)) for name, codes in markets.items() if name in _VISIBILITY}
    return [{"key": name, "value": value} for name, value in found.items() if value not in ("", "UNSPECIFIED", "0")]


_ATTRIBUTES = {
    "state": "state",
    "warranty": "warranty",
    "taxation": "taxation",
    "real_taxation": "real_taxation",
    "min_price": "reference_min_price",
    "instance_id": "instance_id",
    "shipping_profile_id": "shipping_profile_id",
    "shipping_profile": "shipping_profile_name",
    "secondary_shipping_profile_id": "secondary_shipping_profile_id",
    "battery_condition": "battery_condition",
}
_REJECTION = {"rejection_category": "category", "rejection_reason": "free_text"}
_VISIBILITY = {"visibility_none", "visibility_limited", "visibility_hidden"}


def _amount(name: str, value: str) -> str:
    number = plain_number(value)
    if number is None or number <= 0 or number != round(number, 2):
        raise InvalidError(f"{name} {value!r} is not a plain number above 0 with at most 2 decimals, such as 12.50.")
    return value


def _ordered(price: str, minimum: str) -> None:
    lower, upper = plain_number(minimum), plain_number(price)
    if lower is not None and upper is not None and lower > upper:
        raise InvalidError(
            f"The minimum price {minimum} is above the price {price}. Change both together: attributes.min_price and price."
        )


def _price(value: str, current: Payload) -> dict[str, Any]:
    together = current.get("together", {})
    _ordered(value, together.get("attributes.min_price", text(current.get("reference_min_price"))))
    return {"reference_price": _amount("price", value)}


def _min_price(value: str, current: Payload) -> dict[str, Any]:
    if not value.strip():
        return {"delete_reference_min_price": True}
    _ordered(current.get("together", {}).get("price", text(current.get("reference_price"))), value)
    return {"reference_min_price": _amount("min_price", value)}


def _stock(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[0-9]{1,10}", value) or int(value) >= 2**32:
        raise InvalidError(f"quantity {value!r} is not a whole number from 0 to 4294967295, such as 7.")
    return {"stock": int(value)}


def _one_of(member: str, allowed: Sequence[str]) -> Callable[[str, Payload], dict[str, Any]]:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if value not in allowed:
            raise InvalidError(f"{member} {value!r} is not one of {', '.join(allowed)}.")
        return {member: value}

    return write


def _profile(member: str, optional: bool = False) -> Callable[[str, Payload], dict[str, Any]]:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if optional and not value.strip():
            return {f"delete_{member}": True}
        if not re.fullmatch(r"[1-9][0-9]{0,18}", value):
            raise InvalidError(f"{member} {value!r} is not the number of a shipping profile.")
        return {member: value}

    return write


# ---- orders ----------------------------------------------------------------------------------------------------------


def _lines(order: Payload) -> list[list[Payload]]:
    """Units of one offer at one price, in their order."""
    groups: dict[tuple[str, str, str], list[Payload]] = {}
    for item in order.get("items") or []:
        offer = text(at(item, "offer_data.offer_id"))
        groups.setdefault((text(item.get("sku")), offer, text(item.get("total_charged"))), []).append(item)
    return list(groups.values())


def _identified(values: Sequence[str], units: int) -> list[list[dict[str, str]]]:
    """What identifies each unit: one value each, or all of them for a single one."""
    if values and units != 1 and len(values) != units:
        raise InvalidError(
            f"{len(values)} identifiers for {units} units; give one for each unit, line by line, or none."
        )
    typed = [_identifier(one.strip()) for one in values]
    return [typed] if units == 1 else [[one] for one in typed] or [[]] * units


def _identifier(value: str) -> dict[str, str]:
    is_imei = re.fullmatch(r"[0-9]{15}", value) is not None
    if not value or (is_imei and not imei.is_valid(value)):
        raise InvalidError(f"identifier {value!r} is no serial number and no IMEI: its check digit is wrong.")
    return {"identifier_type": "IMEI" if is_imei else "SERIAL_NUMBER", "value": value}


_PAGES = After(key="id", parameter="starting_after", more="has_more", size=100)


def _ids(keys: Sequence[str]) -> dict[str, str]:
    return {"id": ",".join(keys)}


_OFFERS = Stream(
    path="OfferService/ListOffers",
    rows="offers",
    pages=_PAGES,
    many=_ids,
    many_size=100,
    fields={
        "record_key": "id",
        "sku": "sku",
        "title": "instance_name",
        "condition": "grading",
        "price": "reference_price",
        "currency": "reference_currency_code",
        "quantity": "stock",
        "status": lambda offer: "active" if offer.get("state") == "OK" else "draft",
        "attributes": _attributes,
    },
)
_STOCK: dict[str, Source] = {"record_key": "id", "parent_key": "id", "sku": "sku", "quantity": "stock"}
_UPDATE = Update(
    path=f"{_SERVICE}OfferService/UpdateOffer",
    method="POST",
    many=_BATCH,
    together=(frozenset({"price", "attributes.min_price"}),),
    needs_current=frozenset({"price", "attributes.min_price"}),
    fields={
        "price": _price,
        "quantity": _stock,
        "condition": _one_of("grading", _GRADES),
        "attributes.min_price": _min_price,
        "attributes.warranty": _one_of("warranty", _WARRANTIES),
        "attributes.taxation": _one_of("taxation", _TAXATIONS),
        "attributes.shipping_profile_id": _profile("shipping_profile_id"),
        "attributes.secondary_shipping_profile_id": _profile("secondary_shipping_profile_id", optional=True),
    },
)


class Refurbed(RestConnector):
    """One merchant account."""

    site = Site(
        address=lambda given: address_or(given, "https://api.refurbed.com"),
        auth=_auth,
        headers=lambda given: {"User-Agent": "Channelmend/integrator - httpx"},
        account=_token,
        manners=Manners(
            "refurbed",
            words=lambda body: ": ".join(_named({"code": 2, **body})),
            advice={
                Action.REAUTHENTICATE: "Check the token (supplier.refurbed.com/api-token-request): it ends after two months "
                "without use, and each call needs its own permission, so a token may read and not write."
            },
        ),
        limits=Limits(Rate(per_second=10, burst=10), room=_room),
    )
    streams = {
        "product": _OFFERS,
        "order": Stream(
            path="OrderService/ListOrders",
            rows="orders",
            pages=_PAGES,
            many=_ids,
            many_size=100,
            fields={
                "record_key": "id",
                "ordered_at": "released_at",
                "status": "state",
                "currency": "currency_code",
                "total": "total_charged",
                "buyer_name": Joined(("invoice_address.first_name", "invoice_address.family_name")),
                "email": "customer_email",
                "phone": "shipping_address.phone_number",
                "ship_name": Joined(("shipping_address.first_name", "shipping_address.family_name")),
                "ship_street": Joined(("shipping_address.street_name", "shipping_address.house_no")),
                "ship_city": "shipping_address.town",
                "ship_postal_code": "shipping_address.post_code",
                "ship_country": "shipping_address.country_code",
            },
            line_fields={"line_key": "id", "sku": "sku", "quantity": "units", "unit_price": "total_charged"},
        ),
        "stock": replace(_OFFERS, fields=_STOCK),
    }
    updates = {"product": _UPDATE, "stock": replace(_UPDATE, fields={"quantity": _stock})}

    def call(self, name: str, body: Mapping[str, Any], *, idempotent: bool = True) -> Answer:
        """The answer to one call; reading, and setting values, may be repeated."""
        return self.client.send("POST", f"{_SERVICE}{name}", body=body, idempotent=idempotent)

    def examine(self) -> list[str]:
        """Where the merchant may sell, and whether offers and orders can be read."""
        markets = rows_at(self.call("MarketService/ListMarkets", {}), "markets")
        for kind in ("product", "order"):
            self.ask(self.streams[kind], {"limit": "1"})
        codes = ", ".join(sorted(text(one.get("code")) for one in markets))
        return [f"refurbed answers; offers and orders can be read. Markets: {codes}."]

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page of a list in the order of identifiers, in which nothing that changes gets lost."""
        page = {"limit": int(params["limit"])} | {n: v for n, v in params.items() if n == "starting_after"}
        body: dict[str, Any] = {"pagination": page, "sort": {"by": "ID", "order": "ASC"}}
        if "id" in params:
            body["filter"] = {"id": {"any_of": params["id"].split(",")}}
        return self.call(stream.path, body)

    def is_key(self, kind: str, key: str) -> bool:
        """Identifiers are whole numbers."""
        return re.fullmatch(r"[1-9][0-9]{0,18}", key) is not None

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row of an offer, or of an order with a line for each offer in it."""
        stream = self.streams[kind]
        row = canonical(payload, stream.fields) | {"raw": raw_text(payload)}
        yield kind, row
        for units in _lines(payload) if kind == "order" else []:
            line = canonical({**units[0], "units": len(units)}, {"record_key": "id", **stream.line_fields})
            names = {"record_key": f"{row['record_key']}/{line['line_key']}", "order_key": row["record_key"]}
            yield "order_line", line | names | {"raw": raw_text(units)}

    # ---- writing -----------------------------------------------------------------------------------------------

    def body(self, kind: str, prepared: Prepared) -> Any:
        """What changes, under the offer's identifier: a SKU may be empty."""
        return {"identifier": {"id": prepared.key}, **prepared.fragment}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Up to fifty offers in one call; those that failed for the moment go again alone."""
        outcomes: Outcomes = {}
        waiting = list(prepared)
        for number in range(_TRIES):
            self.client.wait(2.0**number if number else 0)
            try:
                sent = self.call(
                    "OfferService/BatchUpdateOffers", {"offers": [self.body(kind, one) for one in waiting]}
                )
            except PlatformError as error:
                return outcomes | {key: one for some in waiting for key, one in some.all(outcome_of(error)).items()}
            again = []
            for one, row in zip(waiting, rows_at(sent, "results"), strict=False):
                name, message = _named(row.get("status") or {})
                if name in _PASSING and number + 1 < _TRIES:
                    again.append(one)
                elif name == "INVALID_ARGUMENT" and len(one.parts) > 1:
                    outcomes |= self._put_record(kind, one)
                else:
                    outcomes |= one.all(_outcome(name, message))
            if not (waiting := again):
                break
        return outcomes

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """Line by line; a refusal whose reason is CANCELLED says that the buyer wanted it."""
        updates = []
        for units in _lines(self._order(acceptance.order_key)):
            said = acceptance.of(text(units[0].get("id")))
            goal = _YES if said and said.accepted else _NO
            for unit in units if said else []:
                if unit.get("state") in goal:
                    continue
                if unit.get("state") != "NEW":
                    raise InvalidError(
                        f"Item {unit.get('id')} is {unit.get('state')}; only a new one waits.", "conflict"
                    )
                no = "CANCELLED" if said and said.reason.strip().upper() == "CANCELLED" else "REJECTED"
                updates.append({"id": unit["id"], "state": "ACCEPTED" if goal is _YES else no})
        return self._move(acceptance.order_key, updates)

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """The units of a parcel that have not left yet, with its address of tracking and what identifies them."""
        if not re.fullmatch(r"https?://\S+", shipment.tracking_url):
            raise InvalidError("refurbed wants a tracking address, such as https://tracking.example.com/123.")
        parcel: dict[str, Any] = {"state": "SHIPPED", "parcel_tracking_url": shipment.tracking_url}
        lines = {text(units[0].get("id")): units for units in _lines(self._order(shipment.order_key))}
        if unknown := [one.line_key for one in shipment.lines if one.line_key not in lines]:
            raise InvalidError(f"The order has no line {', '.join(unknown)}; it has {', '.join(lines)}.", "missing")
        chosen = [(lines[one.line_key], one.quantity, one.identifiers) for one in shipment.lines]
        chosen = chosen or [([unit for units in lines.values() for unit in units], None, shipment.identifiers)]
        updates = []
        for units, quantity, identifiers in chosen:
            leaving = _leaving(units, quantity, shipment.tracking_url)
            for unit, known in zip(leaving, _identified(identifiers, len(leaving)) if leaving else [], strict=True):
                updates.append({"id": unit["id"], **parcel} | ({"item_identifiers": known} if known else {}))
        if updates and shipment.carrier and shipment.tracking_number:
            pair = {"carrier": self._carrier(shipment.carrier), "tracking_number": shipment.tracking_number}
            updates = [one | {"parcel_carrier_tracking_number": pair} for one in updates]
        return self._move(shipment.order_key, updates)

    def _order(self, key: str) -> Payload:
        found = list(self.payloads("order", [(key, "")]))
        if not found:
            raise InvalidError(f"refurbed has no order {key!r}.", "missing")
        return found[0]

    def _move(self, key: str, updates: Sequence[Mapping[str, Any]]) -> Outcome:
        """Bring units into their states; when no answer comes, the order itself says whether it arrived."""
        failed: list[Outcome] = []
        for start in range(0, len(updates), _BATCH):
            some = updates[start : start + _BATCH]
            try:
                sent = self.call("OrderItemService/BatchUpdateOrderItemsState", {"updates": some}, idempotent=False)
            except UnavailableError as error:
                if self._has_arrived(key, some):
                    continue
                return Outcome("unknown", f"{error} It may have arrived: look at the order before it is sent again.")
            results = [_named(row.get("status") or {}) for row in rows_at(sent, "results")]
            failed += [_outcome(*one) for one in results if one[0] != "OK"]
        words = "; ".join(dict.fromkeys(one.message for one in failed))
        return Outcome(failed[0].code, f"{len(failed)} of {len(updates)} units: {words}") if failed else Outcome()

    def _has_arrived(self, key: str, updates: Sequence[Mapping[str, Any]]) -> bool:
        with suppress(PlatformError, InvalidError):
            states = {text(item.get("id")): item.get("state") for item in self._order(key).get("items") or []}
            return all(states.get(one["id"]) == one["state"] for one in updates)
        return False

    @cached_property
    def _carriers(self) -> dict[str, str]:
        """Name and slug to slug; refurbed asks to keep this list."""
        rows = rows_at(self.call("ShippingProfileService/ListAvailableCarriers", {}), "carriers")
        return {text(row.get(one)).casefold(): text(row.get("slug")) for row in rows for one in ("name", "slug")}

    def _carrier(self, given: str) -> str:
        if given.strip().casefold() not in self._carriers:
            known = ", ".join(sorted(set(self._carriers.values())))
            raise InvalidError(f"carrier {given!r} is not known to refurbed. Give one of: {known}.")
        return self._carriers[given.strip().casefold()]


def _leaving(units: Sequence[Payload], quantity: int | None, address: str) -> list[Payload]:
    """The units that are still to be told of; InvalidError where there are fewer than the parcel holds."""
    told = [one for one in units if one.get("state") == "SHIPPED" and one.get("parcel_tracking_url") == address]
    ready = [one for one in units if one.get("state") == "ACCEPTED"]
    wanted = len(ready) if quantity is None else max(0, quantity - len(told))
    if wanted > len(ready) or (not ready and not told):
        states = ", ".join(sorted({text(one.get("state")) for one in units}))
        raise InvalidError(
            f"{len(ready)} accepted units are there to be shipped; the units of this line are {states}.", "conflict"
        )
    return ready[:wanted]


PLATFORM = Refurbed.describe(
    name="refurbed",
    title="refurbed",
    docs="https://gitlab.com/refurbed-community/public-apis",
    credentials=(
        CredentialField("api_token", "Token", "asked for at supplier.refurbed.com/api-token-request"),
        ADDRESS,
        CredentialField(
            "merchant_id",
            "Merchant ID",
            secret=False,
            required=False,
            replaced_by="nothing: the token alone says who the merchant is, no call names one",
        ),
    ),
    setup=(
        "Ask for a token at https://supplier.refurbed.com/api-token-request/.",
        "Have it allowed to list and update offers, and to list and update orders and order items.",
        "Paste it as it is; the word 'Plain' before it may come along. A token that is not used for two months ends.",
    ),
    notes=(
        "Names, pictures, brands and identifiers belong to refurbed's catalogue and are not changed; new offers are made by GTIN there.",
        "Nothing tells what changed since a moment: offers and orders are read whole each time.",
        "An order may stay ACCEPTED although it was delivered; the shipment status of its items, kept in the raw record, tells.",
        "Delivery time follows from the shipping profile, not from the offer.",
        "Prices of single markets are left to refurbed, which converts the reference price; a minimum price lets it bid by itself.",
        "Refunds, invoices and returns stay in the merchant's own pages.",
    ),
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS}),
)
