"""The inventory interface of the eBay twin: items, their offers and groups.

References
----------
Sell Inventory API 1.18.4 and its pages (read 2026-11-23).
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.ebay_check import check_group, check_item, check_offer, check_price, fault, refuse
from connectors.sandbox.ebay_store import CATEGORIES, CURRENCY, MARKETPLACE, POLICIES, Inventory, unpublishable
from connectors.sandbox.routes import Call, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer
from connectors.sandbox.shelf import Document

__all__ = ["INVENTORY", "InventoryInterface"]

INVENTORY = "/sell/inventory/v1"
REVISIONS = 250
"""Revisions of one listing in a calendar day."""

_PACIFIC = ZoneInfo("America/Los_Angeles")


class InventoryInterface(RoutedTwin):
    """Items are listed by pages, a PUT replaces the whole record, and a bulk call answers for each of its entries.

    Attributes
    ----------
    one_sku_per_update : bool
        Whether ``bulk_update_price_quantity`` takes one SKU a call, as its text says, or 25, as its schema does.
    revisions : Counter
        Listing and day to how often it was revised.
    """

    state: Inventory
    one_sku_per_update: bool
    revisions: Counter[tuple[str, str]]

    @route("GET", f"{INVENTORY}/inventory_item")
    def _items(self, call: Call) -> Answer:
        limit, page = call.query.get("limit", "25"), call.query.get("offset", "0")
        if not re.fullmatch(r"\d{1,3}", limit) or not 1 <= int(limit) <= 200 or not page.isdigit():
            raise refuse(25706, "You have provided invalid pagination values.")
        rows = [self._shown_item(one) for one in self.state.products.values()]
        size, start = int(limit), int(page) * int(limit)
        pages = -(-len(rows) // size)
        found: Document = {
            "href": f"{INVENTORY}/inventory_item?limit={size}&offset={page}",
            "total": len(rows),
            "size": pages,
            "limit": size,
            "inventoryItems": self.window(rows, start, size),
        }
        if int(page) + 1 < pages:
            found["next"] = f"{INVENTORY}/inventory_item?limit={size}&offset={int(page) + 1}"
        return Answer.json(200, found)

    @route("GET", f"{INVENTORY}/inventory_item/([^/]+)")
    def _item(self, call: Call) -> Answer:
        return Answer.json(200, self._shown_item(self._row(call.args[0])))

    @route("PUT", f"{INVENTORY}/inventory_item/([^/]+)")
    def _put_item(self, call: Call) -> Answer:
        locale = self._content_locale(call)
        warnings = self._replace_item(call.args[0], call.json, locale)
        return Answer.json(200, {"warnings": warnings}) if warnings else Answer(204)

    @route("POST", f"{INVENTORY}/bulk_get_inventory_item")
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

    @route("POST", f"{INVENTORY}/bulk_create_or_replace_inventory_item")
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

    @route("POST", f"{INVENTORY}/bulk_update_price_quantity")
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

    @route("GET PUT", f"{INVENTORY}/inventory_item_group/([^/]+)")
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

    @route("GET", f"{INVENTORY}/offer")
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

    @route("GET PUT", f"{INVENTORY}/offer/([^/]+)")
    def _offer(self, call: Call) -> Answer:
        offer, row = self._offer_of(call.args[0])
        if call.incoming.method == "GET":
            return Answer.json(200, offer)
        if self._content_locale(call) != row["item"]["locale"]:
            raise refuse(
                25702, f"{offer['sku']} could not be found or is not available in the system for {MARKETPLACE}."
            )
        known = {f"{kind}PolicyId": [one[f"{kind}PolicyId"] for one in some] for kind, some in POLICIES.items()}
        fresh = check_offer(call.json, CURRENCY, CATEGORIES, known)
        self._publishable(row["item"], offer, fresh)
        fixed = ("offerId", "sku", "marketplaceId", "format", "status", "listing")
        whole = {name: offer[name] for name in fixed if name in offer} | fresh
        offer.clear()
        offer.update(whole)
        return Answer.json(200, {"offerId": offer["offerId"]})

    def day(self) -> str:
        """The day by which calls and revisions are counted."""
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
        if self.revisions[listing, self.day()] >= REVISIONS:
            raise refuse(25019, f"Cannot revise listing. {listing} was revised {REVISIONS} times today.")
        self.revisions[listing, self.day()] += 1

    def _tried(self, about: Document, work: Callable[[Document], None], wanted: Document) -> Document:
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


def _several(found: list[Document]) -> Answer:
    return Answer.json(207 if any(one["statusCode"] >= 300 for one in found) else 200, {"responses": found})


def _refused(refusal: Refusal) -> Document:
    return {"statusCode": refusal.answer.status, "errors": json.loads(refusal.answer.body)["errors"]}
