"""How Amazon is reached, listed, patched, fed and told of shipments."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx
import polars as pl

from connectors.auth import RefreshToken
from connectors.changes import InvalidError, Outcome, Outcomes, Shipment
from connectors.errors import Action, CredentialError, ProtocolError, RefusedError
from connectors.imports import poll
from connectors.limits import Limits, Rate, Room
from connectors.manners import Answer, Manners
from connectors.mapping import Joined, Payload, at, raw_text, text
from connectors.paginate import Cursor
from connectors.platform import REQUIREMENTS
from connectors.platforms.amazon.reading import LISTING_FIELDS, STOCK_FIELDS, demands, here, product_type, stock
from connectors.platforms.amazon.writing import PRODUCT_WRITERS, patches, write_quantity
from connectors.remote import Given
from connectors.rest import ADDRESS, Opening, Prepared, RestConnector, Site, Stream, Update, address_or, filled

__all__ = ["Amazon"]

_TOKENS = "https://api.amazon.com/auth/o2/token"
_LISTING = "listings/2021-08-01/items/{seller}"
_ORDERS = "orders/2026-01-01/orders"
_FEEDS = "feeds/2021-06-30"
_TYPES = "definitions/2020-09-01/productTypes"
_JSON = "application/json; charset=UTF-8"

_MOST_LISTINGS = 1000
"""Listings that one search pages through at most (model of Listings Items 2021-08-01)."""

_FEED_BYTES = 9 * 1024 * 1024
"""A feed should stay below 10 MiB (feeds best practices, read 2026-11-23); a feed's header takes some of it."""

_MARKETPLACES = {
    "na": {"ATVPDKIKX0DER": "USD", "A2EUQ1WTGCTBG2": "CAD", "A1AM78C64UM0Y8": "MXN", "A2Q3Y263D00KWC": "BRL"},
    "eu": {
        **dict.fromkeys(("A1PA6795UKMFR9", "A13V1IB3VIYZZH", "APJ6JRA9NG5V4", "A1RKKUPIHCS9HS"), "EUR"),
        **dict.fromkeys(("A1805IZSGTT6HS", "AMEN7PMS3EDWL", "A28R8C7NBKEWEA"), "EUR"),
        "A1F83G8C2ARO7P": "GBP",
        "A2NODRKZP88ZB9": "SEK",
        "A1C3SOZRARQ6R3": "PLN",
        "A33AVAJ2PDY3EV": "TRY",
        "A2VIGQ35RCS4UG": "AED",
        "A21TJRUUN4KGV": "INR",
    },
    "fe": {"A1VC38T7YXB528": "JPY", "A39IBJ37TRP1C6": "AUD", "A19VAU5U5O7RUS": "SGD"},
}
"""Region to its marketplaces with their currency (marketplace IDs of the developer documentation, read 2026-11-23)."""

_CURRENCIES = {name: currency for some in _MARKETPLACES.values() for name, currency in some.items()}

_CARRIERS = {
    one.lower(): one
    for one in (
        "USPS",
        "UPS",
        "FedEx",
        "DHL",
        "GLS",
        "DPD",
        "TNT",
        "Hermes Logistik Gruppe",
        "Royal Mail",
        "Chronopost",
    )
    + ("Deutsche Post", "La Poste", "Poste Italiane", "SDA", "Canada Post", "Australia Post", "OnTrac", "Aramex")
}
"""Carriers with a code; unconfirmed, as the older order feeds named them."""


def _address(given: Given) -> str:
    regions = [name for name, some in _MARKETPLACES.items() if given["marketplace_id"] in some]
    region = given["region"].lower() or next(iter(regions), "")
    if not given[ADDRESS.name] and region not in _MARKETPLACES:
        raise CredentialError(
            f"marketplace_id {given['marketplace_id']!r} with region {given['region']!r} is unknown. Known are "
            f"{', '.join(_CURRENCIES)}; for a newer one, give its region: {', '.join(_MARKETPLACES)}.",
            platform="amazon",
        )
    return address_or(given, f"https://sellingpartnerapi-{region}.amazon.com")


def _auth(opening: Opening) -> RefreshToken:
    # Amazon's own sandbox takes the tokens of the same place; a twin gives its own.
    is_amazon = httpx.URL(opening.address).host.endswith(".amazon.com")
    return RefreshToken(
        _TOKENS if is_amazon else f"{opening.address}/auth/o2/token",
        opening.given["client_id"],
        opening.given["client_secret"],
        refresh_token=opening.given["refresh_token"],
        header="x-amz-access-token",
        scheme="",
        refused=frozenset({401, 403}),
        known=opening.known,
        clock=opening.environment.clock,
    )


def _said(body: Any) -> str:
    return "; ".join(
        ": ".join(text(one[name]) for name in ("code", "message", "details") if one.get(name)) for one in body["errors"]
    )


def _room(headers: Mapping[str, str]) -> Room:
    return Room(per_second=float(headers["x-amzn-ratelimit-limit"]))


def _stamp(request: httpx.Request) -> None:
    request.headers["x-amz-date"] = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _listings(fields: Mapping[str, Any], computed: frozenset[str] = frozenset()) -> Stream:
    return Stream(
        path=_LISTING,
        rows="items",
        pages=Cursor("pageToken", next="pagination.nextToken", size=20, limit="pageSize", promised=True),
        params={
            "includedData": "summaries,attributes,issues,offers,fulfillmentAvailability,relationships,productTypes"
        },
        since=lambda moment: {"lastUpdatedAfter": _instant(moment)},
        item=f"{_LISTING}/{{key}}",
        many=lambda keys: {"identifiers": ",".join(keys), "identifiersType": "SKU"},
        many_size=20,
        operation="searchListingsItems",
        item_operation="getListingsItem",
        fields=fields,
        computed=computed,
    )


def _patch(fields: Mapping[str, Any], *together: frozenset[str]) -> Update:
    # A feed takes minutes; from a hundred listings on it is quicker than a patch each, of which Amazon takes five a second.
    return Update(
        path=f"{_LISTING}/{{key}}",
        operation="patchListingsItem",
        many=25_000,
        many_from=100,
        fields=fields,
        needs_current=frozenset(fields),
        together=together,
    )


class Amazon(RestConnector):
    """One seller in one marketplace."""

    site = Site(
        address=_address,
        auth=_auth,
        manners=Manners(
            "amazon",
            advice={
                Action.REAUTHENTICATE: "Check the app's roles and the authorisation: Seller Central > Apps and Services > "
                "Develop Apps. A client secret older than 180 days has to be renewed."
            },
            request_id=("x-amzn-requestid",),
            words=_said,
        ),
        limits=Limits(
            Rate(per_second=5, burst=5),
            {
                "getMarketplaceParticipations": Rate(0.016, 15),
                "searchOrders": Rate(0.0056, 20),
                "getOrder": Rate(0.5, 30),
                "confirmShipment": Rate(2, 10),
                "searchListingsItems": Rate(5, 5),
                "getListingsItem": Rate(5, 10),
                "patchListingsItem": Rate(5, 5),
                "searchDefinitionsProductTypes": Rate(5, 10),
                "getDefinitionsProductType": Rate(5, 10),
                "createFeedDocument": Rate(0.5, 15),
                "createFeed": Rate(0.0083, 15),
                "getFeed": Rate(2, 15),
                "getFeedDocument": Rate(0.0222, 10),
            },
            room=_room,
        ),
        stamp=_stamp,
        account=lambda given: f"{given['seller_id']} {given['client_id']}",
    )
    streams = {
        "product": _listings(LISTING_FIELDS, computed=frozenset({"category"})),
        "stock": _listings(STOCK_FIELDS),
        "order": Stream(
            path=_ORDERS,
            rows="orders",
            pages=Cursor(
                "paginationToken", next="pagination.nextToken", size=100, limit="maxResultsPerPage", promised=True
            ),
            params={"includedData": "PROCEEDS,FULFILLMENT,PACKAGES"},
            since=lambda moment: {"lastUpdatedAfter": _instant(moment)},
            item=f"{_ORDERS}/{{key}}",
            item_at="order",
            lines="orderItems",
            operation="searchOrders",
            item_operation="getOrder",
            fields={
                "record_key": "orderId",
                "ordered_at": "createdTime",
                "status": "fulfillment.fulfillmentStatus",
                "currency": "proceeds.grandTotal.currencyCode",
                "total": "proceeds.grandTotal.amount",
                "buyer_name": "buyer.buyerName",
                "email": "buyer.buyerEmail",
                "phone": "recipient.deliveryAddress.phone",
                "ship_name": "recipient.deliveryAddress.name",
                "ship_street": Joined(
                    tuple(f"recipient.deliveryAddress.addressLine{number}" for number in (1, 2, 3)), ", "
                ),
                "ship_city": "recipient.deliveryAddress.city",
                "ship_region": "recipient.deliveryAddress.stateOrRegion",
                "ship_postal_code": "recipient.deliveryAddress.postalCode",
                "ship_country": "recipient.deliveryAddress.countryCode",
                "shipped_at": lambda order: max(
                    (text(one.get("shipTime")) for one in order.get("packages") or ()), default=""
                ),
                "updated_at": "lastUpdatedTime",
            },
            line_fields={
                "line_key": "orderItemId",
                "sku": "product.sellerSku",
                "quantity": "quantityOrdered",
                "unit_price": "product.price.unitPrice.amount",
            },
        ),
    }
    updates = {
        "product": _patch(
            PRODUCT_WRITERS, frozenset({"price", "sale_price"}), frozenset({"quantity", "lead_time_days"})
        ),
        "stock": _patch({"quantity": write_quantity}),
    }

    _hanging = False
    """Whether a feed did not end: later ones would wait behind it."""

    # ---- asking ------------------------------------------------------------------------------------------------

    def examine(self) -> list[str]:
        """Ask whether the account sells in the marketplace, and for a page of listings and of orders."""
        found = self._participation()
        lacking = []
        for role, kind, params in (
            ("Product Listing", "product", {"pageSize": "1"}),
            ("Inventory and Order Tracking", "order", {"maxResultsPerPage": "1", **self._recently()}),
        ):
            try:
                self.ask(self.streams[kind], params)
                found.append(f"{kind} records can be read")
            except CredentialError as error:
                if error.status != 403:
                    raise
                lacking.append(f"{role} ({error.words})")
        if lacking:
            also = ", and Direct-to-Consumer Shipping for names and addresses" if self._is_personal else ""
            raise self.credential_error(
                f"Amazon refuses for want of these roles: {'; '.join(lacking)}. Check seller_id {self._given['seller_id']!r}; "
                f"add the roles to the app under Develop Apps > Edit{also}, and authorise it again."
            )
        return found

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page of a list of this seller in this marketplace."""
        shared = {"marketplaceIds": self._marketplace, **self._included(stream)}
        return self.client.send("GET", self._path(stream.path), params={**params, **shared}, operation=stream.operation)

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of that kind: orders of some days, or every listing, the newest first."""
        if kind == "order" and since is None:
            yield from self.walk(self.streams[kind], self._recently())
        elif kind == "order":
            yield from super().batches(kind, since)
        else:
            yield from self._windows(self.streams[kind], since)

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of an order; of a listing what it is in this marketplace, with the name of its product type.

        A listing without a count, as every variation parent is, has no stock level.
        """
        if kind == "order":
            yield from super().records(kind, payload)
            return
        item = here(payload, self._marketplace)
        if kind == "stock" and "quantity" not in stock(item):
            return
        for of_kind, row in super().records(kind, item):
            named = {"category": self._named(product_type(item))} if kind == "product" else {}
            yield of_kind, row | named | {"raw": raw_text(payload)}

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The named records, twenty listings at a time, unless a comma would part a SKU."""
        stream = self.streams[kind]
        wanted = [key for key in keys if self.is_key(kind, key[0])]
        if stream.many is not None:
            yield from super().payloads(kind, [key for key in wanted if "," not in key[0]])
            wanted = [key for key in wanted if "," in key[0]]
        yield from (found for key, _ in wanted if (found := self.item(stream, key)) is not None)

    def item(self, stream: Stream, key: str, parent: str = "") -> Mapping[str, Any] | None:
        """One listing or order."""
        params = self._included(stream) | ({"marketplaceIds": self._marketplace} if stream.many is not None else {})
        try:
            answer = self.client.send(
                "GET", self._path(stream.item, key), params=params, operation=stream.item_operation
            )
        except RefusedError as error:
            if self.is_gone(error):
                return None
            raise
        return at(answer.value, stream.item_at) if stream.item_at else answer.value

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """Listings as they are in this marketplace, with the dates of a reduction that is new."""
        start = datetime.fromtimestamp(self._environment.clock(), UTC).replace(hour=0, minute=0, second=0)
        end = start + timedelta(days=self._days("sale_days"))
        dates = {"sale_dates": {"start_at": _instant(start), "end_at": _instant(end)}}
        found = super().current(kind, keys)
        return {key: here(item, self._marketplace) | dates for key, item in found.items()}

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """What the product types of these names demand of a new listing with product and offer."""
        names = {shown: name for name, shown in self._product_types.items()}
        rows = []
        for category in categories:
            name = names.get(category)
            if name is None:
                continue
            path = f"{_TYPES}/{quote(name, safe='')}"
            params = {
                "marketplaceIds": self._marketplace,
                "sellerId": self._given["seller_id"],
                "requirements": "LISTING",
            }
            answer = self.client.send("GET", path, params=params, operation="getDefinitionsProductType")
            schema = self._document(answer.value["schema"]["link"]["resource"])
            source = f"{_address(self._given)}/{path}"
            rows += [{"category": category, "source": source, **one} for one in demands(schema)]
        return pl.DataFrame(rows, schema=REQUIREMENTS)

    # ---- telling -----------------------------------------------------------------------------------------------

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One patch of a listing; its warnings go along with the acceptance."""
        wanted = self._patches(prepared)
        if not wanted:
            return {}
        answer = self.client.send(
            "PATCH",
            self._path(self.updates[kind].path, prepared.key),
            params={"marketplaceIds": self._marketplace, "includedData": "issues"},
            body={"productType": product_type(prepared.current), "patches": wanted},
            idempotent=True,
            operation=self.updates[kind].operation,
        ).value
        outcome = _judged(answer.get("issues") or ())
        if answer["status"] == "ACCEPTED":
            return prepared.all(Outcome("", outcome.message))
        words = f"{outcome.code or answer['status']}: {outcome.message}"
        raise RefusedError(f"Amazon refuses the patch of {prepared.key!r}: {words}", words=words)

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Feeds of listings, as few as their size allows."""
        outcomes: Outcomes = {}
        size, messages, records = 0, list[dict[str, Any]](), list[Prepared]()
        for one in prepared:
            wanted = self._patches(one)
            if not wanted:
                outcomes |= one.all(Outcome())
                continue
            message = {
                "messageId": len(messages) + 1,
                "sku": one.key,
                "operationType": "PATCH",
                "productType": product_type(one.current),
                "patches": wanted,
            }
            length = len(json.dumps(message).encode())
            if messages and size + length > _FEED_BYTES:
                outcomes |= self._fed(kind, records, messages)
                size, messages, records, message["messageId"] = 0, [], [], 1
            size, messages, records = size + length + 2, [*messages, message], [*records, one]
        return outcomes | (self._fed(kind, records, messages) if messages else {})

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One parcel; a tracking number that the order has already is not told again."""
        stream = self.streams["order"]
        order = self.item(stream, shipment.order_key) if self.is_key("order", shipment.order_key) else None
        if order is None:
            raise InvalidError(f"Amazon has no order {shipment.order_key!r}.", "missing")
        if at(order, "fulfillment.fulfilledBy") == "AMAZON":
            raise InvalidError("Amazon ships this order itself (FBA); there is nothing to confirm.")
        if not shipment.tracking_number.strip() or not shipment.carrier.strip():
            raise InvalidError("Amazon needs the carrier and the tracking number of a parcel.")
        if any(one.get("trackingNumber") == shipment.tracking_number for one in order.get("packages") or ()):
            return Outcome()
        shipped = shipment.shipped_at or datetime.fromtimestamp(self._environment.clock(), UTC)
        code = _CARRIERS.get(shipment.carrier.lower(), "Other")
        package = {
            # Sent again, it must be the same parcel; only numbers are taken.
            "packageReferenceId": str(zlib.crc32(shipment.shipment_id.encode()) + 1),
            "carrierCode": code,
            **({"carrierName": shipment.carrier} if code == "Other" else {}),
            "trackingNumber": shipment.tracking_number,
            "shipDate": _instant(shipped),
            "orderItems": _packed(order, shipment),
        }
        marketplace = at(order, "salesChannel.marketplaceId") or self._marketplace
        self.client.send(
            "POST",
            f"orders/v0/orders/{quote(shipment.order_key, safe='')}/shipmentConfirmation",
            body={"marketplaceId": marketplace, "packageDetail": package},
            idempotent=True,
            operation="confirmShipment",
        )
        return Outcome()

    # ---- parts -------------------------------------------------------------------------------------------------

    @property
    def _marketplace(self) -> str:
        return self._given["marketplace_id"]

    @property
    def _is_personal(self) -> bool:
        return self._given["personal_data"].lower() in ("yes", "true", "1")

    @cached_property
    def _product_types(self) -> dict[str, str]:
        """Product type to what people read; a name that two share is told apart."""
        params = {"marketplaceIds": self._marketplace}
        answer = self.client.send("GET", _TYPES, params=params, operation="searchDefinitionsProductTypes")
        found = {one["name"]: text(one["displayName"]) or one["name"] for one in answer.value["productTypes"]}
        count = Counter(found.values())
        return {name: shown if count[shown] == 1 else f"{shown} ({name})" for name, shown in found.items()}

    def _named(self, name: str) -> str:
        return self._product_types.get(name, name)

    def _path(self, path: str, key: str = "") -> str:
        return filled(path.replace("{seller}", quote(self._given["seller_id"], safe="")), key)

    def _included(self, stream: Stream) -> dict[str, str]:
        personal = ",BUYER,RECIPIENT" if self._is_personal and stream.lines else ""
        return {"includedData": stream.params["includedData"] + personal}

    def _days(self, name: str) -> int:
        days = self._given[name]
        if not days.isdigit() or not int(days):
            raise self.credential_error(f"{name} {days!r} is not a number of days, such as 30. Change it.")
        return min(int(days), 20_000)

    def _recently(self) -> dict[str, str]:
        now = datetime.fromtimestamp(self._environment.clock(), UTC)
        return {"createdAfter": _instant(now - timedelta(days=self._days("order_days")))}

    def _windows(self, stream: Stream, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """The listings from the newest back: what changes meanwhile moves to the front, and nothing is skipped."""
        name = "created" if since is None else "lastUpdated"
        bounds = dict(stream.since(since)) if since is not None and stream.since is not None else {}
        while True:
            count, oldest = 0, ""
            for rows in self.walk(stream, {"sortBy": f"{name}Date", "sortOrder": "DESC", **bounds}):
                yield rows
                dates = [text(at(one, f"{name}Date")) for row in rows for one in (row.get("summaries") or ())[:1]]
                count, oldest = count + len(rows), min([*dates, oldest or "9"])
            if count < _MOST_LISTINGS:
                return
            if bounds.get(f"{name}Before") == oldest:
                raise ProtocolError(
                    f"More than {_MOST_LISTINGS} listings have the time {oldest}, and Amazon lists no more of one search. "
                    "Tell its support."
                )
            bounds[f"{name}Before"] = oldest

    def _participation(self) -> list[str]:
        try:
            answer = self.client.send(
                "GET", "sellers/v1/marketplaceParticipations", operation="getMarketplaceParticipations"
            )
        except CredentialError as error:
            if error.status != 403:
                raise
            return ["The role Selling Partner Insights is missing, so the marketplace could not be checked"]
        known = {one["marketplace"]["id"]: one for one in answer.value.get("payload") or ()}
        mine = known.get(self._marketplace)
        if mine is None or not mine["participation"]["isParticipating"]:
            raise self.credential_error(
                f"this account does not sell in marketplace {self._marketplace}; it has {', '.join(known) or 'none'}. "
                "Change marketplace_id, or begin to sell there."
            )
        hidden = "; its listings are suspended at the moment" if mine["participation"]["hasSuspendedListings"] else ""
        return [f"The account sells on {mine['marketplace']['name']}{hidden}"]

    def _document(self, address: str, unpack: Callable[[bytes], bytes] = bytes) -> Any:
        try:
            return json.loads(unpack(self.client.transfer("GET", address)))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise ProtocolError(f"A document of Amazon cannot be read ({error}). Try again later.") from error

    def _patches(self, prepared: Prepared) -> list[dict[str, Any]]:
        currency = _CURRENCIES.get(self._marketplace, "")
        return list(patches(prepared.current, prepared.fragment, self._marketplace, currency))

    def _fed(self, kind: str, records: Sequence[Prepared], messages: Sequence[Mapping[str, Any]]) -> Outcomes:
        """The outcome of one feed, message by message; of what its report leaves open, nothing."""
        state = None if self._hanging else self._submitted(messages)
        if state is None:
            self._hanging = True
            return {key: one for record in records for key, one in self._put_record(kind, record).items()}
        report: Mapping[str, Any] = {}
        if place := state.get("resultFeedDocumentId"):
            found = self.client.send("GET", f"{_FEEDS}/documents/{place}", operation="getFeedDocument").value
            unpack = gzip.decompress if found.get("compressionAlgorithm") == "GZIP" else bytes
            report = self._document(found["url"], unpack)
        issues: dict[Any, list[Mapping[str, Any]]] = {}
        for one in report.get("issues") or ():
            issues.setdefault(one.get("messageId"), []).append(one)
        refused = {number for number, some in issues.items() if any(one["severity"] == "ERROR" for one in some)}
        summary = report.get("summary") or {}
        is_whole = (summary.get("messagesProcessed"), summary.get("messagesInvalid")) == (len(messages), len(refused))
        outcomes: Outcomes = {}
        for message, record in zip(messages, records, strict=True):
            number = message["messageId"]
            if number in refused and len(record.parts) > 1:
                # One bad attribute spoils a message; the good ones go alone.
                outcomes |= self._put_record(kind, record)
            elif number in refused:
                outcomes |= record.all(_judged(issues[number]))
            elif state["processingStatus"] == "DONE" and is_whole:
                outcomes |= record.all(Outcome("", _judged(issues.get(number, ())).message))
        return outcomes

    def _submitted(self, messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The last state of a feed; None when it hangs."""
        header = {"sellerId": self._given["seller_id"], "version": "2.0"}
        content = json.dumps({"header": header, "messages": list(messages)}).encode()
        place = self.client.send(
            "POST",
            f"{_FEEDS}/documents",
            body={"contentType": _JSON},
            idempotent=True,
            operation="createFeedDocument",
        ).value
        self.client.transfer("PUT", place["url"], content=content, headers={"Content-Type": _JSON})
        order = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [self._marketplace],
            "inputFeedDocumentId": place["feedDocumentId"],
        }
        feed = self.client.send("POST", f"{_FEEDS}/feeds", body=order, idempotent=True, operation="createFeed").value[
            "feedId"
        ]
        return poll(
            self.client,
            lambda: self.client.send("GET", f"{_FEEDS}/feeds/{feed}", operation="getFeed").value,
            lambda state: state["processingStatus"] in ("DONE", "FATAL", "CANCELLED"),
            first_s=5,
        )


def _judged(issues: Sequence[Mapping[str, Any]]) -> Outcome:
    """The outcome of a submission with these issues: the first error's code, and everything that is said."""
    errors = [one for one in issues if one["severity"] == "ERROR"]
    message = " ".join(text(one["message"]) for one in errors or issues)
    return Outcome(text(errors[0].get("code")) or "refused", message) if errors else Outcome("", message)


def _packed(order: Mapping[str, Any], shipment: Shipment) -> list[dict[str, Any]]:
    """The lines in a parcel with their units: those named, or whatever has not left yet."""
    open_units = {
        one["orderItemId"]: one["quantityOrdered"] - (at(one, "fulfillment.quantityFulfilled") or 0)
        for one in order["orderItems"]
    }
    wanted = {one.line_key: one.quantity for one in shipment.lines} or {
        key: None for key, units in open_units.items() if units
    }
    if strange := [key for key in wanted if key not in open_units]:
        raise InvalidError(
            f"Order {shipment.order_key} has no line {', '.join(strange)}; it has {', '.join(open_units)}."
        )
    packed = [{"orderItemId": key, "quantity": units or open_units[key]} for key, units in wanted.items()]
    if not packed or not all(one["quantity"] for one in packed):
        raise InvalidError(f"Every unit of these lines of order {shipment.order_key} has left already.")
    return packed
