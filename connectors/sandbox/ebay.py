"""The offline twin of eBay's Sell APIs: inventory, account, fulfillment and taxonomy, as one German seller sees them.

Written from eBay's own descriptions (Sell Inventory 1.18.4, Sell Fulfillment 1.20.7, Sell Account 1.9.3, Commerce
Taxonomy 1.0.0) and pages, read 2026-11-23. Its traps: items are listed by pages and orders by rows; a PUT replaces the
whole record; an SKU without an offer is answered with 404; one call carries the prices of one SKU, whatever its schema
says; a listing may be revised 250 times a day; what lacks a header for the language is refused.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors.sandbox.ebay_check import check_group, check_item, check_offer, check_price, error, fault, refuse
from connectors.sandbox.ebay_store import (
    CATEGORIES,
    CURRENCY,
    FULFILLMENT_POLICIES,
    MARKETPLACE,
    PAYMENT_POLICIES,
    RETURN_POLICIES,
    Inventory,
    instant_ms,
    unpublishable,
)
from connectors.sandbox.routes import Call, Desk, Refusal, RoutedTwin, basic_of, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN", "EbayTwin"]

SCOPES = tuple(
    f"https://api.ebay.com/oauth/api_scope{name}"
    for name in ("", "/sell.inventory", "/sell.fulfillment", "/sell.account")
)
REVISIONS = 250
"""Revisions of one listing in a calendar day."""

_INVENTORY, _FULFILLMENT, _ACCOUNT, _TAXONOMY = (
    "/sell/inventory/v1",
    "/sell/fulfillment/v1",
    "/sell/account/v1",
    "/commerce/taxonomy/v1",
)
_TREE = "77"
_PACIFIC = ZoneInfo("America/Los_Angeles")
_MAIL, _PERSON = timedelta(days=14), timedelta(days=90)
"""For how long an order shows the buyer's address for mail, and name, street and telephone."""

_POLICIES = {
    "return": ("returnPolicies", RETURN_POLICIES),
    "payment": ("paymentPolicies", PAYMENT_POLICIES),
    "fulfillment": ("fulfillmentPolicies", FULFILLMENT_POLICIES),
}
_ASPECTS: tuple[tuple[str, Document, tuple[str, ...]], ...] = (
    ("Marke", {"aspectRequired": True, "aspectMaxLength": 65}, ()),
    ("Herstellernummer", {"aspectMaxLength": 65}, ()),
    ("Material", {"aspectUsage": "RECOMMENDED", "itemToAspectCardinality": "MULTI"}, ()),
    ("Farbe", {"aspectUsage": "RECOMMENDED", "aspectEnabledForVariations": True}, ("Rot", "Blau", "Grün")),
    ("Angebotspaket", {"aspectMode": "SELECTION_ONLY"}, ("Ja", "Nein")),
    ("Anzahl der Teile", {"aspectDataType": "NUMBER", "aspectFormat": "int32"}, ()),
    ("Breite in Metern", {"aspectDataType": "NUMBER", "aspectFormat": "double"}, ()),
    ("Herstellungsjahr", {"aspectDataType": "DATE", "aspectFormat": "YYYY"}, ()),
)


class EbayTwin(RoutedTwin):
    """One seller on the German marketplace.

    Parameters
    ----------
    scopes : tuple of str
        What the seller consented to.
    one_sku_per_update : bool
        Whether a call of ``bulk_update_price_quantity`` takes one SKU, as its text says, or 25, as its schema does.
    **options
        As for `connectors.sandbox.server.Twin`.

    Attributes
    ----------
    quotas : dict of str to int
        API to the calls that the application may make in a day; an API that is not there is not counted.
    revisions : Counter
        Listing and day to how often it was revised.
    """

    name = "ebay"
    state: Inventory
    absent_key = "99-99999-99999"
    new_values: ClassVar[Mapping[str, str]] = {
        "condition": "USED_EXCELLENT",
        "brand": "Nordlicht",
        "attributes.subtitle": "With a lid of glass",
        "attributes.original_retail_price": "99999.00",
        "attributes.return_policy_id": RETURN_POLICIES[1]["returnPolicyId"],
        "attributes.payment_policy_id": PAYMENT_POLICIES[1]["paymentPolicyId"],
        "attributes.fulfillment_policy_id": FULFILLMENT_POLICIES[1]["fulfillmentPolicyId"],
        "attributes.merchant_location_key": "lager-hamburg",
        "attributes.include_catalog_product_details": "true",
    }

    def __init__(self, *, scopes: tuple[str, ...] = SCOPES, one_sku_per_update: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.state = Inventory(self.clock)
        self.state.load(self.catalogue)
        self.scopes = scopes
        self.one_sku_per_update = one_sku_per_update
        self.quotas: dict[str, int] = {"account": 25_000}
        self.revisions: Counter[tuple[str, str]] = Counter()
        self._spent: Counter[tuple[str, str]] = Counter()
        self._users = Desk(self._secrets, self.clock, lives_s=7200)
        self._applications = Desk(self._secrets, self.clock, lives_s=7200)
        self._client = (
            f"Channelm-shop-PRD-{self._secrets.randbytes(5).hex()}",
            f"PRD-{self._secrets.randbytes(12).hex()}",
        )
        self._refresh = f"v^1.1#i^1#r^1#f^0#p^3#t^{self._secrets.randbytes(20).hex()}"

    @property
    def credentials(self) -> dict[str, str]:
        """What a merchant types in."""
        return {
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "refresh_token": self._refresh,
            "environment": "production",
            "marketplace_id": MARKETPLACE,
            "api_address": self.base_url,
        }

    def greeting(self) -> Incoming:
        """What the seller may sell."""
        headers = {"authorization": f"Bearer {self._users.issue()}"}
        return Incoming("GET", f"{_ACCOUNT}/privilege", (), headers, b"")

    def unauthorised(self) -> Answer:
        """Error 1001."""
        return error(
            401, 1001, "Invalid access token. Check the value of the Authorization HTTP request header.", "OAuth"
        )

    def forget_tokens(self) -> None:
        """Refuse the tokens of the seller and of the application."""
        self._users.forget()
        self._applications.forget()

    def identify(self, call: Call) -> Answer | None:
        """Whether the token is one, and whether it has the scope of the API that is called."""
        token = call.incoming.headers.get("authorization", "").removeprefix("Bearer ")
        is_user, is_application = self._users.holds(token), self._applications.holds(token)
        if not is_user and not is_application:
            return self.unauthorised()
        api = call.incoming.path.split("/")[2]
        needed = f"https://api.ebay.com/oauth/api_scope/sell.{api}"
        if is_application if api == "taxonomy" else is_user and needed in self.scopes:
            return None
        return error(403, 1100, "Insufficient permissions to fulfill the request.", "ACCESS")

    def meter(self, call: Call, operation: str) -> Answer | None:
        """Count the call for its API; refuse what an HTTP client put in for the language."""
        path = call.incoming.path.split("/")
        api = path[2] if len(path) > 2 else ""
        self._spent[api, self._day()] += 1
        if api in self.quotas and self._spent[api, self._day()] > self.quotas[api]:
            return error(429, 2001, "The request limit has been reached for the resource.", "ACCESS")
        if call.incoming.headers.get("accept-language", "de-DE") == "*":
            return error(400, 25709, "Invalid value for header Accept-Language.")
        return None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        """The number of the call."""
        return {"x-ebay-c-request-id": f"ri={len(self.requests):08d}"}

    def not_found(self, call: Call) -> Answer:
        """Error 2002."""
        return error(404, 2002, "Resource not found", "ACCESS")

    def unreadable(self, call: Call, problem: ValueError) -> Answer:
        """Error 2001."""
        return error(400, 2001, f"Invalid request. {problem}", "ACCESS")

    # ---- tokens ------------------------------------------------------------------------------------------------

    @route("POST", "/identity/v1/oauth2/token", public=True)
    def _token(self, call: Call) -> Answer:
        if basic_of(call.incoming.headers) != self._client:
            return _oauth(401, "invalid_client", "client authentication failed")
        form = call.form
        wanted = form.get("scope", "").split()
        if form.get("grant_type") == "client_credentials":
            if wanted != [SCOPES[0]]:
                return _oauth(400, "invalid_scope", "The requested scope is invalid, unknown, malformed")
            token, kind = self._applications.issue("v^1.1#a"), "Application Access Token"
        elif form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") != self._refresh:
                return _oauth(400, "invalid_grant", "the provided authorization refresh token is invalid")
            if not set(wanted) <= set(self.scopes):
                return _oauth(400, "invalid_scope", "exceeds the scope granted to the client")
            token, kind = self._users.issue("v^1.1#i"), "User Access Token"
        else:
            return _oauth(400, "unsupported_grant_type", "grant type in request is not supported")
        return Answer.json(200, {"access_token": token, "expires_in": 7200, "token_type": kind})

    # ---- inventory items ---------------------------------------------------------------------------------------

    @route("GET", f"{_INVENTORY}/inventory_item")
    def _items(self, call: Call) -> Answer:
        limit, page = call.query.get("limit", "25"), call.query.get("offset", "0")
        if not re.fullmatch(r"\d{1,3}", limit) or not 1 <= int(limit) <= 200 or not page.isdigit():
            raise refuse(25706, "You have provided invalid pagination values.")
        rows = [self._shown_item(one) for one in self.state.products.values()]
        size, start = int(limit), int(page) * int(limit)
        pages = -(-len(rows) // size)
        found: Document = {
            "href": f"{_INVENTORY}/inventory_item?limit={size}&offset={page}",
            "total": len(rows),
            "size": pages,
            "limit": size,
            "inventoryItems": self.window(rows, start, size),
        }
        if int(page) + 1 < pages:
            found["next"] = f"{_INVENTORY}/inventory_item?limit={size}&offset={int(page) + 1}"
        return Answer.json(200, found)

    @route("GET", f"{_INVENTORY}/inventory_item/([^/]+)")
    def _item(self, call: Call) -> Answer:
        return Answer.json(200, self._shown_item(self._row(call.args[0])))

    @route("PUT", f"{_INVENTORY}/inventory_item/([^/]+)")
    def _put_item(self, call: Call) -> Answer:
        locale = self._content_locale(call)
        warnings = self._replace_item(call.args[0], call.json, locale)
        return Answer.json(200, {"warnings": warnings}) if warnings else Answer(204)

    @route("POST", f"{_INVENTORY}/bulk_get_inventory_item")
    def _get_items(self, call: Call) -> Answer:
        found = []
        for one in self._requests(call):
            row = self.state.products.get(one["sku"])
            if row is None:
                gone = [
                    fault(25710, "We didn't find the resource/entity you are requesting. Please verify the request")
                ]
                found.append({"statusCode": 404, "sku": one["sku"], "errors": gone})
            else:
                item = {name: value for name, value in self._shown_item(row).items() if name != "groupIds"}
                found.append({"statusCode": 200, "sku": one["sku"], "inventoryItem": item})
        return _several(found)

    @route("POST", f"{_INVENTORY}/bulk_create_or_replace_inventory_item")
    def _put_items(self, call: Call) -> Answer:
        locale, found = self._content_locale(call), []
        for one in self._requests(call):
            body = {name: value for name, value in one.items() if name not in ("sku", "locale")}
            answer: Document = {"sku": one["sku"], "locale": one.get("locale", locale)}
            try:
                warnings = self._replace_item(one["sku"], body, one.get("locale", locale))
                found.append(answer | {"statusCode": 200} | ({"warnings": warnings} if warnings else {}))
            except Refusal as refusal:
                found.append(answer | _refused(refusal))
        return _several(found)

    @route("POST", f"{_INVENTORY}/bulk_update_price_quantity")
    def _update(self, call: Call) -> Answer:
        wanted = self._requests(call)
        if self.one_sku_per_update and len(wanted) > 1:
            raise refuse(25709, "Invalid value for requests. Only one SKU can be updated per call.")
        found = []
        for one in wanted:
            if "shipToLocationAvailability" in one:
                found.append(self._tried({"sku": one.get("sku", "")}, self._update_quantity, one))
            offers = one.get("offers", [])
            if len(offers) > 25 or len({offer.get("offerId") for offer in offers}) != len(offers):
                raise refuse(25709, "Invalid value for offers.")
            for offer in offers:
                about = {"offerId": offer.get("offerId", "")} | ({"sku": one["sku"]} if "sku" in one else {})
                found.append(self._tried(about, self._update_offer, offer))
        return _several(found)

    @route("GET PUT", f"{_INVENTORY}/inventory_item_group/([^/]+)")
    def _group(self, call: Call) -> Answer:
        key = call.args[0]
        if key not in self.state.groups:
            raise refuse(25705, f"{key} could not be found or is not available in the system.", status=404)
        if call.incoming.method == "GET":
            return Answer.json(200, self.state.groups[key] | {"inventoryItemGroupKey": key})
        self._content_locale(call)
        group = check_group(call.json)
        if unknown := [sku for sku in group["variantSKUs"] if sku not in self.state.products]:
            raise refuse(25702, f"{unknown[0]} could not be found or is not available in the system.")
        listing = self.state.listing_of(group["variantSKUs"][0])
        if listing and not (group.get("title") and group.get("description")):
            raise refuse(25013, "Invalid data in the Inventory Item Group. Title and description are needed.")
        self._revise(listing)
        self.state.groups[key] = group
        return Answer(204)

    # ---- offers ------------------------------------------------------------------------------------------------

    @route("GET", f"{_INVENTORY}/offer")
    def _offers(self, call: Call) -> Answer:
        sku = call.query.get("sku", "")
        if not 0 < len(sku) <= 50:
            raise refuse(25707, "This is an invalid value for a SKU.")
        offers = self.state.products[sku]["offers"] if sku in self.state.products else []
        for parameter, member in (("marketplace_id", "marketplaceId"), ("format", "format")):
            offers = [one for one in offers if call.query.get(parameter, one[member]) == one[member]]
        if not offers:
            raise refuse(25713, "This Offer is not available.", status=404)
        limit, page = int(call.query.get("limit", "100")), int(call.query.get("offset", "0"))
        found = self.window(offers, page * limit, limit)
        return Answer.json(200, {"total": len(offers), "size": len(found), "limit": limit, "offers": found})

    @route("GET PUT", f"{_INVENTORY}/offer/([^/]+)")
    def _offer(self, call: Call) -> Answer:
        offer, row = self._offer_of(call.args[0])
        if call.incoming.method == "GET":
            return Answer.json(200, offer)
        if self._content_locale(call) != row["item"]["locale"]:
            raise refuse(
                25702, f"{offer['sku']} could not be found or is not available in the system for {MARKETPLACE}."
            )
        known = {
            f"{kind}PolicyId": [one[f"{kind}PolicyId"] for one in policies] for kind, (_, policies) in _POLICIES.items()
        }
        fresh = check_offer(call.json, CURRENCY, CATEGORIES, known)
        self._publishable(row["item"], offer, fresh)
        fixed = ("offerId", "sku", "marketplaceId", "format", "status", "listing")
        whole = {name: offer[name] for name in fixed if name in offer} | fresh
        offer.clear()
        offer.update(whole)
        return Answer.json(200, {"offerId": offer["offerId"]})

    # ---- account -----------------------------------------------------------------------------------------------

    @route("GET", f"{_ACCOUNT}/privilege")
    def _privilege(self, call: Call) -> Answer:
        limit = {"quantity": 5000, "amount": {"value": "100000.00", "currency": CURRENCY}}
        return Answer.json(200, {"sellerRegistrationCompleted": True, "sellingLimit": limit})

    @route("GET", f"{_ACCOUNT}/(return|payment|fulfillment)_policy")
    def _policies(self, call: Call) -> Answer:
        if "marketplace_id" not in call.query:
            raise refuse(20401, "Missing field marketplace_id.", "API_ACCOUNT")
        name, policies = _POLICIES[call.args[0]]
        found = [one for one in policies if one["marketplaceId"] == call.query["marketplace_id"]]
        return Answer.json(200, {"total": len(found), name: found})

    # ---- taxonomy ----------------------------------------------------------------------------------------------

    @route("GET", f"{_TAXONOMY}/get_default_category_tree_id")
    def _tree_id(self, call: Call) -> Answer:
        if call.query.get("marketplace_id") != MARKETPLACE:
            raise refuse(62003, "The specified marketplace ID was not found.", "API_TAXONOMY")
        return Answer.json(200, {"categoryTreeId": _TREE, "categoryTreeVersion": "133"})

    @route("GET", f"{_TAXONOMY}/category_tree/([^/]+)")
    def _tree(self, call: Call) -> Answer:
        self._is_tree(call)
        root: Document = {"category": {"categoryId": "0", "categoryName": "Root"}, "categoryTreeNodeLevel": 0}
        for path, number in CATEGORIES.items():
            _grow(root, path.split(" > "), number)
        version = {"categoryTreeId": _TREE, "categoryTreeVersion": "133", "applicableMarketplaceIds": [MARKETPLACE]}
        return Answer.json(200, version | {"rootCategoryNode": root})

    @route("GET", f"{_TAXONOMY}/category_tree/([^/]+)/get_item_aspects_for_category")
    def _aspects(self, call: Call) -> Answer:
        self._is_tree(call)
        if call.query.get("category_id") not in CATEGORIES.values():
            raise refuse(62005, "The specified category ID does not belong to specified category tree.", "API_TAXONOMY")
        return Answer.json(200, {"aspects": [_aspect(*one) for one in _ASPECTS]})

    # ---- orders ------------------------------------------------------------------------------------------------

    @route("GET", f"{_FULFILLMENT}/order")
    def _orders(self, call: Call) -> Answer:
        limit, start = call.query.get("limit", "50"), call.query.get("offset", "0")
        if not re.fullmatch(r"\d{1,3}", limit) or not 1 <= int(limit) <= 200:
            raise refuse(31100, f"Invalid limit: {limit}", "API_FULFILLMENT")
        if not start.isdigit():
            raise refuse(31000, f"Invalid offset: {start}", "API_FULFILLMENT")
        rows = sorted(self._wanted(call), key=lambda one: one["creationDate"], reverse=True)
        size = int(limit)
        shown = [self._shown_order(one) for one in self.window(rows, int(start), size)]
        address = f"https://api.ebay.com{_FULFILLMENT}/order?limit={size}&offset="
        found: Document = {"href": f"{address}{start}", "total": len(rows), "limit": size, "offset": int(start)}
        if int(start) + size < len(rows):
            found["next"] = f"{address}{int(start) + size}"
        return Answer.json(200, found | {"orders": shown})

    @route("GET", f"{_FULFILLMENT}/order/([^/]+)")
    def _one_order(self, call: Call) -> Answer:
        return Answer.json(200, self._shown_order(self._order(call.args[0])))

    @route("GET", f"{_FULFILLMENT}/order/([^/]+)/shipping_fulfillment")
    def _parcels(self, call: Call) -> Answer:
        parcels = self._order(call.args[0])["fulfillments"]
        return Answer.json(200, {"total": len(parcels), "fulfillments": _shown(parcels)})

    @route("POST", f"{_FULFILLMENT}/order/([^/]+)/shipping_fulfillment")
    def _ship(self, call: Call) -> Answer:
        order, body = self._order(call.args[0]), call.json
        number, carrier = body.get("trackingNumber", ""), body.get("shippingCarrierCode", "")
        if bool(number) != bool(carrier) or not re.fullmatch(r"[A-Za-z0-9]*", number):
            raise refuse(32300, "Invalid shipment tracking number or carrier", "API_FULFILLMENT")
        moment = self.state.now()
        if "shippedDate" in body:
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["shippedDate"]):
                raise refuse(32500, "Invalid shipped date", "API_FULFILLMENT")
            moment = datetime.fromisoformat(body["shippedDate"])
        if order["cancelStatus"]["cancelState"] != "NONE_REQUESTED":
            raise refuse(32600, "Invalid input data", "API_FULFILLMENT")
        lines = {one["lineItemId"]: one for one in order["lineItems"]}
        sent = [
            {"lineItemId": one["lineItemId"], "quantity": one.get("quantity", 1)} for one in body.get("lineItems", [])
        ]
        if not sent or (unknown := [one["lineItemId"] for one in sent if one["lineItemId"] not in lines]):
            raise refuse(32200, f"Invalid line item id: {unknown[0] if sent else ''}", "API_FULFILLMENT")
        if len({one["lineItemId"] for one in sent}) != len(sent):
            raise refuse(32210, "Duplicate line item in the request", "API_FULFILLMENT")
        if any(one["quantity"] > lines[one["lineItemId"]]["quantity"] for one in sent):
            raise refuse(32600, "Invalid input data", "API_FULFILLMENT")
        name = self.state.put_parcel(order, sent, moment, carrier, number)
        for one in sent:
            lines[one["lineItemId"]]["lineItemFulfillmentStatus"] = "FULFILLED"
        is_whole = all(one["lineItemFulfillmentStatus"] == "FULFILLED" for one in lines.values())
        order["orderFulfillmentStatus"] = "FULFILLED" if is_whole else "IN_PROGRESS"
        order["lastModifiedDate"] = self.state.later(order["lastModifiedDate"])
        place = f"https://api.ebay.com{call.incoming.path}/{name}"
        return Answer.json(201, {}, {"location": place})

    # ---- inside ------------------------------------------------------------------------------------------------

    def _day(self) -> str:
        return self.clock().astimezone(_PACIFIC).date().isoformat()

    def _row(self, sku: str) -> Document:
        if sku not in self.state.products:
            raise refuse(25702, f"{sku} could not be found or is not available in the system.", status=404)
        return self.state.products[sku]

    def _offer_of(self, offer_id: str) -> tuple[Document, Document]:
        for row in self.state.products.values():
            for offer in row["offers"]:
                if offer["offerId"] == offer_id:
                    return offer, row
        raise refuse(25713, "This Offer is not available.", status=404)

    def _shown_item(self, row: Document) -> Document:
        item = copy.deepcopy(row["item"])
        shipped = item.get("availability", {}).get("shipToLocationAvailability")
        if shipped and "quantity" in shipped:
            shipped["allocationByFormat"] = {"auction": 0, "fixedPrice": shipped["quantity"]}
        return item

    def _content_locale(self, call: Call) -> str:
        language = call.incoming.headers.get("content-language", "")
        if not re.fullmatch(r"[a-z]{2}-[A-Z]{2}", language):
            raise refuse(25709, "Invalid value for header Content-Language.")
        return language.replace("-", "_")

    def _requests(self, call: Call) -> list[Document]:
        wanted = (call.json or {}).get("requests")
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= 25:
            raise refuse(25709, "Invalid value for requests. 1 to 25 are taken.")
        return wanted

    def _replace_item(self, sku: str, body: Any, locale: str) -> list[Document]:
        if len(sku) > 50:
            raise refuse(25707, "This is an invalid value for a SKU. Its length must not exceed 50 characters.")
        item, warnings = check_item(body)
        row = self.state.products.setdefault(sku, {"item": {}, "offers": []})
        for offer in row["offers"]:
            self._publishable(item, offer, offer)
        fixed = {name: row["item"][name] for name in ("groupIds", "inventoryItemGroupKeys") if name in row["item"]}
        row["item"] = {"sku": sku, "locale": locale} | item | fixed
        return warnings

    def _publishable(self, item: Document, offer: Document, fresh: Document) -> None:
        """Refuse what would leave a listing incomplete, and count the revision."""
        if offer["status"] != "PUBLISHED":
            return
        if problem := unpublishable(item, fresh):
            raise refuse(25002, f"A user error has occurred. {problem}")
        self._revise(offer["listing"]["listingId"])

    def _revise(self, listing: str) -> None:
        if not listing:
            return
        if self.revisions[listing, self._day()] >= REVISIONS:
            raise refuse(25019, f"Cannot revise listing. {listing} was revised {REVISIONS} times today.")
        self.revisions[listing, self._day()] += 1

    def _tried(self, about: Document, work: Any, wanted: Document) -> Document:
        try:
            work(wanted)
        except Refusal as refusal:
            return about | _refused(refusal)
        return about | {"statusCode": 200}

    def _update_quantity(self, wanted: Document) -> None:
        row, quantity = self._row(wanted["sku"]), wanted["shipToLocationAvailability"].get("quantity")
        if not isinstance(quantity, int) or quantity < 0:
            raise refuse(25004, "The listing has an invalid quantity.")
        self._revise(self.state.listing_of(wanted["sku"]))
        row["item"].setdefault("availability", {}).setdefault("shipToLocationAvailability", {})["quantity"] = quantity

    def _update_offer(self, wanted: Document) -> None:
        offer, _ = self._offer_of(wanted.get("offerId", ""))
        if offer["status"] != "PUBLISHED":
            raise refuse(25713, "This Offer is not available : it is not published.")
        if "price" in wanted:
            check_price(wanted["price"], CURRENCY)
        self._revise(offer["listing"]["listingId"])
        if "price" in wanted:
            offer["pricingSummary"]["price"] = wanted["price"]
        if "availableQuantity" in wanted:
            offer["availableQuantity"] = wanted["availableQuantity"]

    def _is_tree(self, call: Call) -> None:
        if call.args[0] != _TREE:
            raise refuse(62004, "The specified category tree ID was not found.", "API_TAXONOMY")

    def _order(self, key: str) -> Document:
        if key not in self.state.orders:
            raise refuse(32100, f"Invalid order ID: {key}", "API_FULFILLMENT", status=404)
        return self.state.orders[key]

    def _wanted(self, call: Call) -> list[Document]:
        orders, query = list(self.state.orders.values()), call.query
        if "orderIds" in query:
            return [one for one in orders if one["orderId"] in query["orderIds"].split(",")]
        if "filter" not in query:
            return [one for one in orders if one["creationDate"] >= self.state.now() - _PERSON]
        pairs = re.findall(r"(\w+):(\[[^\]]*\]|\{[^}]*\})", query["filter"])
        if ",".join(f"{name}:{value}" for name, value in pairs) != query["filter"]:
            raise refuse(30800, f"Invalid filter value {query['filter']}", "API_FULFILLMENT")
        given = dict(pairs)
        for name, value in given.items():
            if name == "orderfulfillmentstatus":
                if value not in ("{NOT_STARTED|IN_PROGRESS}", "{FULFILLED|IN_PROGRESS}"):
                    raise refuse(30800, f"Invalid filter value {value} for filter {name}", "API_FULFILLMENT")
                orders = [one for one in orders if one["orderFulfillmentStatus"] in value[1:-1].split("|")]
            elif name in ("creationdate", "lastmodifieddate"):
                first, last = self._range(value)
                member = "creationDate" if name == "creationdate" else "lastModifiedDate"
                if name == "creationdate" or "creationdate" not in given:
                    orders = [one for one in orders if first <= one[member] <= last]
            else:
                raise refuse(30700, f"Invalid filter name: {name}", "API_FULFILLMENT")
        return orders

    def _range(self, value: str) -> tuple[datetime, datetime]:
        form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        if not re.fullmatch(rf"\[{form}\.\.(?:{form})?\]", value):
            raise refuse(30810, "Invalid date format", "API_FULFILLMENT")
        first, _, last = value[1:-1].partition("..")
        now = self.state.now() + timedelta(seconds=1)
        start, end = datetime.fromisoformat(first), datetime.fromisoformat(last) if last else now
        if start > now or (last and end > now):
            raise refuse(30850, "Start and end dates can't be in the future", "API_FULFILLMENT")
        if end - start > timedelta(days=731):
            raise refuse(
                30830, "Time range between start date and end date must be within '2' years.", "API_FULFILLMENT"
            )
        return start, end

    def _shown_order(self, order: Document) -> Document:
        shown: Document = _shown({name: value for name, value in order.items() if name != "fulfillments"})
        place = f"https://api.ebay.com{_FULFILLMENT}/order/{order['orderId']}/shipping_fulfillment"
        shown["fulfillmentHrefs"] = [f"{place}/{one['fulfillmentId']}" for one in order["fulfillments"]]
        age = self.state.now() - order["creationDate"]
        people = [
            shown["buyer"]["buyerRegistrationAddress"],
            shown["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"],
        ]
        for one in people:
            if age > _MAIL:
                one.pop("email", None)
            if age > _PERSON:
                one.pop("fullName", None)
                one.pop("primaryPhone", None)
                one["contactAddress"].pop("addressLine1", None)
        return shown


def _oauth(status: int, name: str, text: str) -> Answer:
    return Answer.json(status, {"error": name, "error_description": text})


def _several(found: list[Document]) -> Answer:
    return Answer.json(207 if any(one["statusCode"] >= 300 for one in found) else 200, {"responses": found})


def _refused(refusal: Refusal) -> Document:
    return {"statusCode": refusal.answer.status, "errors": json.loads(refusal.answer.body)["errors"]}


def _shown(value: Any) -> Any:
    """A copy with times as eBay writes them."""
    if isinstance(value, datetime):
        return instant_ms(value)
    if isinstance(value, Mapping):
        return {name: _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value


def _grow(node: Document, names: list[str], number: str) -> None:
    """Add a leaf and the branches to it."""
    children = node.setdefault("childCategoryTreeNodes", [])
    known = next((one for one in children if one["category"]["categoryName"] == names[0]), None)
    if known is None:
        level = node["categoryTreeNodeLevel"] + 1
        key = number if len(names) == 1 else f"{level}{len(children):03d}{node['category']['categoryId']}"
        known = {"category": {"categoryId": key, "categoryName": names[0]}, "categoryTreeNodeLevel": level}
        children.append(known)
    if len(names) == 1:
        known["leafCategoryTreeNode"] = True
    else:
        _grow(known, names[1:], number)


def _aspect(name: str, constraint: Document, values: tuple[str, ...]) -> Document:
    usual = {
        "aspectDataType": "STRING",
        "aspectMode": "FREE_TEXT",
        "aspectRequired": False,
        "aspectUsage": "RECOMMENDED" if constraint.get("aspectRequired") else "OPTIONAL",
        "aspectEnabledForVariations": False,
        "aspectApplicableTo": ["PRODUCT"],
        "itemToAspectCardinality": "SINGLE",
    }
    found: Document = {"localizedAspectName": name, "aspectConstraint": usual | constraint}
    return found | ({"aspectValues": [{"localizedValue": one} for one in values]} if values else {})


TWIN = EbayTwin
