"""Cdiscount, run by Octopia: Seller API v2 (fact sheet and stored pages of developer.octopia-io.net, read 2026-11-25).

What differs from other platforms:

- The API knows offers. Titles, texts, brands, pictures and categories belong to Octopia's shared product sheets, to which
  a seller contributes without owning them: a contribution can neither be read back nor undone, so none is sent here.
- Offers are written in packages: opened, filled with up to 100 offers a call, closed, and reported on offer by offer.
  Nothing happens before a package is closed, so a lost answer until then loses nothing; what a report leaves out, or
  an answer that is lost after closing, is unknown.
- A price goes together with the offer's whole list of taxes and its price before reduction: they are read first.
- An offer is named by its ``offerId``; its condition and its product are part of that name and cannot be changed.
- A list says where it goes on in the header ``Link`` (offers), or ends with an empty page (orders).

Unconfirmed, and what is done about it: whether VAT is 20 or 0.2 (the list is sent back as it was read; for offers that
show none, the optional setting ``taxes``); in which member of an offer quantity, delivery modes and preparation time
come (the names that packages use); that a package which leaves ``originPrice`` out ends a reduction (read back); the
form of ``sort`` (none is sent); the token host (setting ``token_address``). No quota but that of tokens is published.

Longer than other platforms' files because a change takes four steps, and orders have rules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote

from connectors.address import site_address
from connectors.auth import ClientCredentials
from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.errors import Action, PlatformError, ProtocolError, RefusedError, UnavailableError
from connectors.imports import LATE, poll
from connectors.limits import Limits, Rate
from connectors.manners import Answer, Manners
from connectors.mapping import Joined, Payload, Source, at, plain_number, text
from connectors.paginate import Counted, Linked, rows_at
from connectors.platform import Capability, CredentialField
from connectors.rest import ADDRESS, Opening, Prepared, RestConnector, Site, Stream, Update, address_or

__all__ = ["PLATFORM"]

_HOST = "https://api.octopia-io.net/seller/v2"
_TOKENS = "https://auth.octopia-io.net/auth/realms/maas/protocol/openid-connect/token"
_UPLOAD = 100
"""Offers of one upload ("Offer integration (JSON)", developer.octopia-io.net/?p=3069, read 2026-11-25)."""

_ACCEPTED = frozenset({"Accepted", "InPreparation", "Shipped", "Delivered"})
_REFUSED = frozenset({"Refused", "Cancelled", "Rejected"})
_STATES = {"Active": "active", "Inactive": "draft"}


def _auth(opening: Opening) -> ClientCredentials:
    return ClientCredentials(
        site_address(opening.given["token_address"], name="token_address"),
        opening.given["client_id"],
        opening.given["client_secret"],
        known=opening.known,
        clock=opening.environment.clock,
    )


def _words(body: Any) -> str:
    said = [text(body.get("title")), text(body.get("detail"))]
    said += [f"{name}: {', '.join(map(str, some))}" for name, some in (body.get("errors") or {}).items()]
    return ": ".join(dict.fromkeys(one for one in said if one))


def _since(moment: datetime) -> dict[str, str]:
    return {"updatedAtMin": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _next_page(answer: Answer) -> str:
    found = re.search(r'<([^>]*)>\s*;[^,]*\brel="?next\b', answer.headers.get("link", ""), re.IGNORECASE)
    return found.group(1) if found else ""


def _regular(offer: Payload) -> str:
    block = offer.get("integrationPrice") or offer.get("facialPrice") or {}
    return text(block.get("price") if block.get("originPrice") is None else block["originPrice"])


def _reduced(offer: Payload) -> str:
    block = offer.get("integrationPrice") or {}
    differs = block.get("originPrice") is not None and block["originPrice"] != block.get("price")
    return text(block.get("price")) if differs else ""


def _attributes(offer: Payload) -> list[dict[str, str]]:
    taxes = {text(one.get("code")).lower(): text(one.get("value")) for one in at(offer, "integrationPrice.taxes") or []}
    modes = [text(one.get("code")) for one in offer.get("deliveryModes") or []]
    found = {"product_reference": text(at(offer, "product.reference")), "delivery_modes": ", ".join(modes), **taxes}
    return [{"key": name, "value": value} for name, value in found.items() if value]


_NAME = Joined(("firstName", "lastName"))


def _shipping(source: Source) -> Source:
    """The address stands on the lines; an order has one, and none before it is prepared."""

    def read(order: Payload) -> Any:
        lines = order.get("lines") or []
        address: Payload = next((line["shippingAddress"] for line in lines if line.get("shippingAddress")), {})
        return at(address, source) if isinstance(source, str) else source(address)

    return read


def _amount(name: str, value: str) -> float:
    number = plain_number(value)
    if number is None or number <= 0 or number != round(number, 2):
        raise InvalidError(f"{name} {value!r} is not a plain number above 0 with at most 2 decimals, such as 12.50.")
    return float(number)


def _price(value: str, current: Payload) -> dict[str, Any]:
    reduced = current.get("together", {}).get("sale_price", _reduced(current)).strip()
    return {"price": {"originPrice" if reduced else "price": _amount("price", value)}}


def _sale_price(value: str, current: Payload) -> dict[str, Any]:
    regular = _amount("price", current.get("together", {}).get("price", _regular(current)))
    if not value.strip():
        return {"price": {"price": regular, "originPrice": None}}
    return {"price": {"price": _amount("sale_price", value), "originPrice": regular}}


def _whole(field: str, member: str) -> Callable[[str, Payload], dict[str, Any]]:
    def write(value: str, current: Payload) -> dict[str, Any]:
        # Octopia takes quantities up to 10,000,000,000 ("JSON Offer Request Field reference", read 2026-11-25).
        if not re.fullmatch(r"[0-9]{1,10}", value):
            raise InvalidError(f"{field} {value!r} is not a whole number from 0 on, such as 7.")
        return {member: int(value)}

    return write


def _parcels(order: Payload) -> set[str]:
    return {text(one.get("parcelNumber")) for line in order.get("lines") or [] for one in line.get("parcels") or []}


_OFFERS = Stream(
    path="offers",
    rows="items",
    pages=Linked(_next_page, size=1000),
    params={"salesChannelId": "CDISFR"},
    since=_since,
    many=lambda keys: {"offerIds": ",".join(keys)},
    fields={
        "record_key": "offerId",
        "sku": "sellerExternalReference",
        "gtin": "product.gtin",
        "condition": "condition",
        "price": _regular,
        "sale_price": _reduced,
        "currency": "integrationPrice.currencyCode",
        "quantity": "quantity",
        "lead_time_days": "preparationTime",
        "status": lambda offer: _STATES.get(text(offer.get("offerState")), text(offer.get("offerState"))),
        "attributes": _attributes,
        "updated_at": "updatedAt",
    },
)
_STOCK: dict[str, Source] = {
    "record_key": "offerId",
    "parent_key": "offerId",
    "sku": "sellerExternalReference",
    "quantity": "quantity",
    "updated_at": "updatedAt",
}
_QUANTITY = {"quantity": _whole("quantity", "quantity")}
_PRICES = frozenset({"price", "sale_price"})
_PACKAGES = Update(
    path="offer-packages",
    many=50_000,  # "Offer integration (JSON)", developer.octopia-io.net/?p=3069, read 2026-11-25
    many_from=1,
    together=(_PRICES,),
    needs_current=_PRICES | {"quantity", "lead_time_days"},
    fields=_QUANTITY
    | {
        "price": _price,
        "sale_price": _sale_price,
        "lead_time_days": _whole("lead_time_days", "preparationTime"),
    },
)


class Cdiscount(RestConnector):
    """One seller on one of Octopia's sales channels."""

    site = Site(
        address=lambda given: address_or(given, _HOST),
        auth=_auth,
        headers=lambda given: {"SellerId": given["seller_id"]},
        account=lambda given: given["seller_id"],
        manners=Manners(
            "cdiscount",
            words=_words,
            advice={
                Action.REAUTHENTICATE: "Check client_id and client_secret (Seller Zone > API Credentials Management), "
                "seller_id, sales_channel_id, and that this seller has delegated its rights to these credentials."
            },
        ),
        # Quotas are not published; a few calls a second are what public clients live with (fact sheet, section 8).
        limits=Limits(Rate(per_second=5, burst=40)),
    )
    streams = {
        "product": _OFFERS,
        "order": Stream(
            path="orders",
            rows="items",
            pages=Counted(size=100, position="pageIndex", limit="pageSize", first=1, by_page=True),
            params={"salesChannelId": "CDISFR"},
            since=_since,
            item="orders/{key}",
            lines="lines",
            fields={
                "record_key": "orderId",
                "ordered_at": lambda order: text(order.get("purchasedAt") or order.get("createdAt")),
                "status": "status",
                "currency": "currencyCode",
                "total": "totalPrice.sellingPrice",
                "buyer_name": Joined(("billingAddress.firstName", "billingAddress.lastName")),
                "ship_name": _shipping(lambda to: _NAME(to) or text(to.get("companyName"))),
                "ship_street": _shipping(Joined(("addressLine1", "addressLine2", "addressLine3"), ", ")),
                "ship_city": _shipping("city"),
                "ship_region": _shipping("stateOrRegion"),
                "ship_postal_code": _shipping("postalCode"),
                "ship_country": _shipping("countryCode"),
                "updated_at": "updatedAt",
            },
            line_fields={
                "line_key": "orderLineId",
                "sku": "offer.sellerProductId",
                "quantity": "quantity",
                "unit_price": "sellingPrice.unitSalesPrice",
            },
        ),
        "stock": replace(_OFFERS, fields=_STOCK),
    }
    updates = {"product": _PACKAGES, "stock": replace(_PACKAGES, fields=_QUANTITY)}

    def examine(self) -> list[str]:
        """Whether the seller, the channel and both lists can be reached, and how the account delivers."""
        self.client.send("GET", "sellers")
        modes = at(self.client.send("GET", "sellers/delivery-modes").value, "items") or []
        told = ", ".join(text(one.get("code")) for one in modes) or "none (set one up: offers without one are inactive)"
        return [*super().examine(), f"Delivery modes of seller {self._given['seller_id']}: {told}."]

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page; of a link only the query counts, and the sales channel always goes along."""
        named = dict(parse_qsl(query.rpartition("?")[2])) if query else dict(params)
        if "salesChannelId" in stream.params:
            named["salesChannelId"] = self._given["sales_channel_id"]
        return self.client.send("GET", stream.path, params=named)

    def key_of(self, kind: str, payload: Any) -> str:
        """The identifier of an offer or order that could not be read."""
        return str(payload.get("orderId", payload.get("offerId", ""))) if isinstance(payload, Mapping) else ""

    # ---- offers ------------------------------------------------------------------------------------------------

    def body(self, kind: str, prepared: Prepared) -> Any:
        """The request for one offer: its reference, what changes, and with a price all that belongs to it."""
        changed = dict(prepared.fragment)
        if "price" in changed:
            changed["price"] = self._price_block(prepared.current, changed["price"])
        return {"sellerExternalReference": prepared.current["sellerExternalReference"], **changed}

    def _price_block(self, offer: Payload, changed: Mapping[str, Any]) -> dict[str, Any]:
        stored = offer.get("integrationPrice") or {}
        known = {name: stored.get(name) for name in ("price", "originPrice", "currencyCode", "taxes")}
        block = {name: value for name, value in {**known, **changed}.items() if value is not None}
        if block.get("originPrice", block["price"]) < block["price"]:
            raise InvalidError(
                f"The reduced price {block['price']} is above the price before reduction {block['originPrice']}; "
                "Cdiscount refuses that. Lower sale_price, or raise price."
            )
        taxes = block.get("taxes") or _taxes(self._given["taxes"])
        if not taxes:
            raise InvalidError(
                "Cdiscount takes a price only with the whole list of taxes, and this offer shows none. Put them into the "
                "setting 'taxes' of the connection, such as VAT=20; Ecotax=0."
            )
        return {**block, "taxes": taxes}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """One package, and what its report says of each offer."""
        outcomes: Outcomes = {}
        ready: dict[str, tuple[Prepared, Any]] = {}
        for one in prepared:
            try:
                body = self.body(kind, one)
                if body["sellerExternalReference"] in ready:
                    raise InvalidError("Another change in this push has the same reference; Octopia would reject both.")
                ready[body["sellerExternalReference"]] = one, body
            except InvalidError as error:
                outcomes |= error.outcomes(one.changes)
        if not ready:
            return outcomes
        try:
            package = self._filled_package([body for _, body in ready.values()])
        except PlatformError as error:
            report = dict.fromkeys(ready, outcome_of(error))
        else:
            report = self._report(package, list(ready))
        for reference in ready.keys() & report.keys():
            outcomes |= ready[reference][0].all(report[reference])
        return outcomes

    def _filled_package(self, bodies: Sequence[Any]) -> str:
        """Path of a package that holds the requests and waits to be closed."""
        channel = {"SalesChannelId": self._given["sales_channel_id"]}
        # An open package does nothing, so opening one too many does no harm; the same offer twice in it does.
        opened = self.client.send(
            "POST", "offer-packages", body={"packageType": "Update"}, headers=channel, idempotent=True
        )
        number = opened.headers.get("content-location", "").rstrip("/").rpartition("/")[2]
        if not number:
            raise ProtocolError("Octopia opened a package and did not say its number; nothing was changed.")
        path = f"offer-packages/{quote(number, safe='')}"
        for start in range(0, len(bodies), _UPLOAD):
            self.client.send("POST", f"{path}/offer-requests", body=bodies[start : start + _UPLOAD], idempotent=False)
        return path

    def _report(self, path: str, references: Sequence[str]) -> dict[str, Outcome]:
        """Close the package and wait for its results; from here on no failure proves that nothing happened."""
        try:
            if self._state_of(path, "WaitingForCompletion", "Rejected") is None:
                return dict.fromkeys(references, Outcome("refused", "Octopia did not take the package in. Push again."))
            self._close(path)
            state = self._state_of(path, "Integrated", "Rejected")
            if state is None:
                return dict.fromkeys(references, LATE)
            if state["state"] == "Rejected":
                return dict.fromkeys(references, _said([state.get("result") or {}], "Rejected"))
            results = Stream(f"{path}/offer-requests-results", {}, "items", _OFFERS.pages)
            rows = [row for some in self.walk(results) for row in some]
        except RefusedError as error:
            return dict.fromkeys(references, outcome_of(error))
        except PlatformError as error:
            lost = f"{error} The change may have arrived: read it back before it is sent again."
            return dict.fromkeys(references, Outcome("unknown", lost))
        return {text(row.get("sellerExternalReference")): _result(row) for row in rows}

    def _state_of(self, path: str, *wanted: str) -> Mapping[str, Any] | None:
        return poll(
            self.client,
            lambda: self.client.send("GET", path).value,
            lambda found: text(at(found, "state")) in wanted,
            first_s=0.2,
        )

    def _close(self, path: str) -> None:
        try:
            self.client.send("PATCH", path, body={"state": "Ready"}, idempotent=True)
        except RefusedError:
            # A repetition of a request whose answer was lost finds the package closed already.
            if self.client.send("GET", path).value["state"] == "WaitingForCompletion":
                raise

    # ---- orders ------------------------------------------------------------------------------------------------

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """The whole order, yes or no; only sellers with manual validation have orders that wait."""
        order = self._order(acceptance.order_key)
        said = [acceptance.of(text(line.get("orderLineId"))) for line in order.get("lines") or []]
        answers = {one.accepted if one else None for one in said}
        if len(answers) != 1 or None in answers:
            raise InvalidError("Cdiscount takes one answer for the whole order; these lines disagree or lack one.")
        goal = _ACCEPTED if answers.pop() else _REFUSED
        if order.get("status") in goal:
            return Outcome()
        if order.get("status") != "WaitingAcceptance":
            return Outcome("conflict", f"The order is {order.get('status')!r} and no longer waits for an answer.")
        body = {"approval_status": "Accepted" if goal is _ACCEPTED else "Refused"}
        return self._tell(acceptance.order_key, "approval-status", body, lambda now: now.get("status") in goal)

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """The one parcel of an order, under the carrier's label in Octopia's own list."""
        order = self._order(shipment.order_key)
        number, known = shipment.tracking_number.strip(), _parcels(order)
        if number and number in known:
            return Outcome()
        if known:
            raise InvalidError(f"Cdiscount takes one parcel an order, and this one has {', '.join(sorted(known))}.")
        if not number:
            raise InvalidError("Cdiscount wants a parcel number; give the tracking number.")
        if order.get("supplyMode", "Seller") != "Seller":
            raise InvalidError(
                f"The order is shipped by Octopia (supply mode {order['supplyMode']}), not by the seller."
            )
        if order.get("status") != "InPreparation":
            return Outcome("conflict", f"The order is {order.get('status')!r}; only one in preparation can be shipped.")
        ordered = {text(line.get("orderLineId")): line.get("quantity") for line in order.get("lines") or []}
        shipped = {line.line_key: line.quantity or ordered.get(line.line_key) for line in shipment.lines}
        if shipped and shipped != ordered:
            raise InvalidError("Cdiscount takes one parcel for the whole order; send it when everything has left.")
        parcel = {"parcelNumber": number, "carrierName": self._carrier(shipment.carrier)}
        parcel |= {"trackingUrl": shipment.tracking_url} if shipment.tracking_url else {}
        return self._tell(shipment.order_key, "shipments", [parcel], lambda now: number in _parcels(now))

    def _order(self, key: str) -> Mapping[str, Any]:
        found = self.item(self.streams["order"], key) if self.is_key("order", key) else None
        if found is None:
            raise InvalidError(f"Cdiscount has no order {key!r}.", "missing")
        return found

    def _tell(self, key: str, action: str, body: Any, done: Callable[[Payload], bool]) -> Outcome:
        """Send what must not be sent twice; when no answer comes, the order itself says whether it arrived."""
        try:
            self.client.send("POST", f"orders/{quote(key, safe='')}/{action}", body=body, idempotent=False)
        except UnavailableError as error:
            with suppress(PlatformError, InvalidError):
                if done(self._order(key)):
                    return Outcome()
            return Outcome("unknown", f"{error} It may have arrived: look at the order before it is sent again.")
        return Outcome()

    @cached_property
    def _carriers(self) -> list[tuple[str, str]]:
        rows = rows_at(self.client.send("GET", "carriers"), "")
        return [(text(row.get("code")), text(row.get("label"))) for row in rows]

    def _carrier(self, given: str) -> str:
        """The label; a code serves where it stands for one label only."""
        wanted = given.strip().casefold()
        labels = [label for _, label in self._carriers if label.casefold() == wanted]
        labels = labels or [label for code, label in self._carriers if code.casefold() == wanted]
        if len(labels) != 1:
            choice = labels or sorted(label for _, label in self._carriers)
            raise InvalidError(f"carrier {given!r} is not one of Octopia's labels. Give one of: {', '.join(choice)}.")
        return labels[0]


def _result(row: Payload) -> Outcome:
    status = text(row.get("integrationStatus"))
    return Outcome() if status == "Integrated" else _said(row.get("results") or [], status or "unknown")


def _said(results: Sequence[Payload], status: str) -> Outcome:
    words = "; ".join(text(one.get("message")) for one in results if one.get("message"))
    code = next((text(one.get("resultCode")) for one in results if one.get("resultCode")), status)
    return Outcome(code, f"{status}: {words or 'Octopia gave no reason'}")


def _taxes(setting: str) -> list[dict[str, Any]]:
    pairs = re.findall(r"(\w+)\s*=\s*(\d+(?:\.\d+)?)", setting)
    return [{"code": code, "value": float(value)} for code, value in pairs]


PLATFORM = Cdiscount.describe(
    name="cdiscount",
    title="Cdiscount (Octopia)",
    docs="https://developer.octopia-io.net/api-reference/",
    credentials=(
        CredentialField("client_id", "Client ID", "Seller Zone > API Credentials Management"),
        CredentialField("client_secret", "Client secret", "shown beside the client ID"),
        CredentialField("seller_id", "Seller number", "the number of the shop in the Seller Zone", secret=False),
        CredentialField(
            "sales_channel_id",
            "Sales channel",
            "CDISFR is Cdiscount France; other channels of Octopia have other identifiers",
            secret=False,
            required=False,
            default="CDISFR",
        ),
        CredentialField(
            "taxes",
            "Taxes of offers that show none",
            "only if a price is refused for that: pairs such as VAT=20; Ecotax=0, in the form your account takes",
            secret=False,
            required=False,
        ),
        CredentialField(
            "token_address",
            "Token address",
            "only if Octopia gave you another one",
            secret=False,
            required=False,
            default=_TOKENS,
        ),
        ADDRESS,
        CredentialField(
            "api_key",
            "API key",
            required=False,
            replaced_by="client_id and client_secret: the API takes OAuth 2.0 client credentials since 2024",
        ),
        CredentialField(
            "api_token",
            "API token",
            required=False,
            replaced_by="client_id and client_secret: a token lives two hours and is fetched with them",
        ),
        CredentialField(
            "seller_login",
            "Seller login",
            required=False,
            replaced_by="seller_id: logins belonged to the SOAP service, which was shut in 2025",
        ),
    ),
    setup=(
        "Open the Seller Zone of Cdiscount > API Credentials Management and make credentials.",
        "Copy client ID and client secret, and the seller number from the shop's profile.",
        "Where a service provider's credentials are used, delegate the seller's rights to them on the same page.",
        "Set up at least one tracked delivery mode; offers without one are not published.",
    ),
    notes=(
        "Titles, texts, brands, categories and pictures stand in Octopia's shared product sheets: they are neither read nor changed.",
        "GTIN, reference and condition name an offer; to change one, make a new offer.",
        "Orders hold neither e-mail address nor telephone number, and an address only from the state InPreparation on.",
        "One parcel an order; accepting is for the whole order, and only where manual validation is switched on.",
        "A quantity of 0 withdraws an offer. Quantities are shared by all channels of Octopia.",
        "Octopia keeps reports for three days and sends no events; lists are polled.",
    ),
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS}),
    settles_s=60.0,
)
