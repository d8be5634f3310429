"""What the eBay twin stores: inventory items with their offers, groups of variations, orders; and the account's policies.

A stock keeping unit is one document, the item and its offers beside each other, so that a write that touches both is
seen to touch one record.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.mapping import LENGTH, WEIGHT, Amount
from connectors.sandbox.catalogue import FIRST_DAY, check_digit
from connectors.sandbox.shelf import Document, Shelf, moment_of
from connectors.sandbox.vocabulary import KINDS

__all__ = [
    "CATEGORIES",
    "CURRENCY",
    "GROUP",
    "MARKETPLACE",
    "POLICIES",
    "Inventory",
    "instant_ms",
    "unpublishable",
]

MARKETPLACE, CURRENCY = "EBAY_DE", "EUR"
GROUP = "group:"
"""Before the key of a group where records are named: a group and a SKU may have the same key."""

CATEGORIES = {path: str(30_001 + number) for number, path in enumerate(sorted({kind.category for kind in KINDS}))}
"""Path of a leaf category to its identifier."""

_TYPES = [{"name": "ALL_EXCLUDING_MOTORS_VEHICLES"}]


def _policy(kind: str, number: int, name: str, **terms: Any) -> Document:
    types = [{"name": "ALL_EXCLUDING_MOTORS_VEHICLES"}]
    key = {"return": 6_196_944_000, "payment": 6_196_947_000, "fulfillment": 6_196_932_000}[kind] + number
    return {f"{kind}PolicyId": str(key), "name": name, "marketplaceId": MARKETPLACE, "categoryTypes": types, **terms}


def _returns(number: int, days: int) -> Document:
    period = {"value": days, "unit": "DAY"}
    terms = {"returnsAccepted": True, "refundMethod": "MONEY_BACK", "returnShippingCostPayer": "BUYER"}
    return _policy("return", number, f"{days} Tage", returnPeriod=period, **terms)


POLICIES = {
    "return": [_returns(0, 30), _returns(1, 60)],
    "payment": [
        _policy("payment", 0, "Sofort", immediatePay=True),
        _policy("payment", 1, "Rechnung", immediatePay=False),
    ],
    "fulfillment": [
        _policy("fulfillment", number, f"Versand in {days} Tagen", handlingTime={"value": days, "unit": "DAY"})
        for number, days in enumerate((1, 3))
    ],
}
"""The seller's business policies by their kind."""

_LOCALES = {"de": "de_DE", "fr": "fr_FR", "en": "en_GB"}
_WEIGHTS = {"de": ("KILOGRAM", WEIGHT["kg"]), "fr": ("GRAM", WEIGHT["g"]), "en": ("POUND", WEIGHT["lb"])}
_LENGTHS = {"de": ("CENTIMETER", LENGTH["cm"]), "fr": ("CENTIMETER", LENGTH["cm"]), "en": ("INCH", LENGTH["in"])}
_UNITS = {
    "KILOGRAM": WEIGHT["kg"],
    "GRAM": WEIGHT["g"],
    "POUND": WEIGHT["lb"],
    "OUNCE": WEIGHT["oz"],
    "CENTIMETER": LENGTH["cm"],
    "METER": LENGTH["m"],
    "INCH": LENGTH["in"],
    "FEET": Amount(Decimal("304.8")),
}
_ASPECTS = {"Colour": "Farbe", "Size": "Größe", "Shoe size": "EU-Schuhgröße", "Capacity": "Kapazität"}
_REMEMBERED = timedelta(days=80)
"""An order is shown for 90 days unless it is asked for by its date: older catalogues are moved up to this age."""

_TEXTS = {"title": "title", "brand": "brand", "mpn": "mpn"}
_SIDES = {"length_mm": "length", "width_mm": "width", "height_mm": "height"}
_TO = {
    "ship_street": "addressLine1",
    "ship_city": "city",
    "ship_region": "stateOrProvince",
    "ship_postal_code": "postalCode",
    "ship_country": "countryCode",
}


class Inventory(Shelf):
    """Inventory items, their offers, groups and orders of one seller on the German marketplace."""

    impossible = frozenset(
        {
            # Refused when the item is saved, or there is no such field.
            "title-too-long",
            "images-http",
            "sale-price-above-price",
            # The country is a code of a list, the address for mail is eBay's own.
            "country-name",
            "country-lower-case",
            "email-domain-typo",
            "email-double-dot",
            "email-trailing-space",
        }
    )

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.collections["groups"] = {}
        self._moved = timedelta(days=max(0, (self.now() - FIRST_DAY - _REMEMBERED).days))

    @property
    def groups(self) -> dict[str, Document]:
        """The documents of inventory item groups by key."""
        return self.collections["groups"]

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """An item and its offer; a product in variants is a group of items."""
        variants = product["variants"]
        listing = str(self.next_number("listing", 110_550_000_001)) if variants else ""
        for one in variants or [product]:
            self._put_item(product, one, listing)
        if not variants:
            return {product["key"]: product["sku"]}
        self._put_group(product)
        return {product["key"]: GROUP + product["key"]} | {one["key"]: one["sku"] for one in variants}

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order with its lines and, when it was sent, the parcel."""
        number = self.next_number("order")
        key = f"{number % 89 + 10:02d}-{10_000 + number:05d}-{70_000 + number * 7:05d}"
        created = at or moment_of(order["ordered_at"]) + self._moved
        is_sent = order["status"] == "fulfilled"
        state = "FULFILLED" if is_sent else "NOT_STARTED"
        lines = [self._line(one, order["currency"], state) for one in order["lines"]]
        contact = {
            "fullName": order["ship_name"],
            "contactAddress": {
                name: order[field] for field, name in _TO.items() if order[field] or field != "ship_region"
            },
            "primaryPhone": {"phoneNumber": order["phone"]},
            "email": f"{number:08x}a7@members.ebay.com",
        }
        self.orders[key] = {
            "orderId": key,
            "creationDate": created,
            "lastModifiedDate": at or moment_of(order["updated_at"]) + self._moved,
            "orderFulfillmentStatus": state,
            "orderPaymentStatus": "PENDING" if order["status"] == "pending" else "PAID",
            "sellerId": "nordlicht-shop",
            "buyer": {
                "username": f"buyer{number}",
                "buyerRegistrationAddress": copy.deepcopy(contact) | {"fullName": order["buyer_name"]},
            },
            "pricingSummary": {
                "priceSubtotal": _money(Decimal(order["total"]) - Decimal(order["shipping"]), order["currency"]),
                "deliveryCost": _money(order["shipping"], order["currency"]),
                "total": _money(order["total"], order["currency"]),
            },
            "cancelStatus": {
                "cancelState": "CANCELED" if order["status"] == "cancelled" else "NONE_REQUESTED",
                "cancelRequests": [],
            },
            "paymentSummary": {"payments": [], "refunds": []},
            "fulfillmentStartInstructions": [
                {
                    "fulfillmentInstructionsType": "SHIP_TO",
                    "shippingStep": {"shipTo": contact, "shippingCarrierCode": "DHL"},
                }
            ],
            "lineItems": lines,
            "fulfillments": [],
        }
        if is_sent:
            whole = [{"lineItemId": one["lineItemId"], "quantity": one["quantity"]} for one in lines]
            moment = at or moment_of(order["shipped_at"]) + self._moved
            self.put_parcel(self.orders[key], whole, moment, "", "")
        return key

    def put_parcel(self, order: Document, lines: list[Document], moment: datetime, carrier: str, number: str) -> str:
        """Store a parcel of an order; gives its identifier, which is the tracking number where there is one."""
        name = number or "999"
        tracking = {"shippingCarrierCode": carrier, "shipmentTrackingNumber": number} if number else {}
        order["fulfillments"].append({"fulfillmentId": name, "lineItems": lines, "shippedDate": moment} | tracking)
        return name

    def change(self, record_key: str, field: str, value: str) -> None:
        """A change in the seller's own pages."""
        if record_key in self.orders:
            self._change_order(self.orders[record_key], field, value)
            return
        group = self.groups.get(record_key.removeprefix(GROUP)) if record_key.startswith(GROUP) else None
        if group is not None and field in ("title", "description", "images"):
            group["imageUrls" if field == "images" else field] = json.loads(value) if field == "images" else value
            return
        row = self.products.get(group["variantSKUs"][0] if group else record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        self._change_product(row, field, value)

    def listing_of(self, sku: str) -> str:
        """The listing that shows an item; empty while it is not published."""
        offers = self.products[sku]["offers"] if sku in self.products else []
        return next((one["listing"]["listingId"] for one in offers if one["status"] == "PUBLISHED"), "")

    def awaiting(self, step: str) -> list[str]:
        """Orders that are paid, not cancelled and not sent."""
        if step != "shipment":
            return []
        return [
            key
            for key, row in self.orders.items()
            if (row["orderFulfillmentStatus"], row["orderPaymentStatus"]) == ("NOT_STARTED", "PAID")
            and row["cancelStatus"]["cancelState"] == "NONE_REQUESTED"
        ]

    def parcels(self) -> list[tuple[str, str]]:
        """Parcels with a tracking number."""
        return [
            (key, one["shipmentTrackingNumber"])
            for key, row in self.orders.items()
            for one in row["fulfillments"]
            if "shipmentTrackingNumber" in one
        ]

    def _put_item(self, product: Document, item: Document, listing: str) -> None:
        language = product["language"]
        weight_unit, weight = _WEIGHTS[language]
        length_unit, length = _LENGTHS[language]
        options = item.get("options") or {}
        aspects = {**product["attributes"], **options}
        details = {
            "title": product["title"],
            "description": product["description"],
            "brand": product["brand"],
            "mpn": item["mpn"],
            "imageUrls": list(product["images"]),
            "aspects": {_ASPECTS.get(name, name): [value] for name, value in aspects.items()},
        }
        if item["gtin"]:
            # What lost its zero was typed in as the twelve digits of a UPC.
            details["upc" if len(item["gtin"]) < 13 else "ean"] = [item["gtin"]]
        package: Document = {
            "packageType": "PACKAGE_THICK_ENVELOPE",
            "dimensions": {side: _number(product[field], length) for field, side in _SIDES.items()}
            | {"unit": length_unit},
        }
        if item["weight_g"]:
            package["weight"] = {"value": _number(item["weight_g"], weight), "unit": weight_unit}
        quantity = int(item["quantity"] or 0)
        row: Document = {
            "item": {
                "sku": item["sku"],
                "locale": _LOCALES[language],
                "product": {name: value for name, value in details.items() if value},
                "condition": product["condition"].upper(),
                "availability": {"shipToLocationAvailability": {"quantity": quantity}},
                "packageWeightAndSize": package,
            }
            | ({"groupIds": [product["key"]], "inventoryItemGroupKeys": [product["key"]]} if options else {}),
            "offers": [],
        }
        row["offers"].append(self._offer(product, item, quantity, row["item"], listing))
        self.products[item["sku"]] = row

    def _offer(
        self, product: Document, item: Document, quantity: int, inventory_item: Document, listing: str
    ) -> Document:
        number = self.next_number("offer")
        offer: Document = {
            "offerId": str(8_200_000_000 + number),
            "sku": item["sku"],
            "marketplaceId": MARKETPLACE,
            "format": "FIXED_PRICE",
            "listingDescription": product["description"],
            "pricingSummary": {"price": {"value": item["price"], "currency": CURRENCY}} if item["price"] else {},
            "listingPolicies": {
                **{f"{kind}PolicyId": policies[0][f"{kind}PolicyId"] for kind, policies in POLICIES.items()},
                "eBayPlusIfEligible": False,
            },
            "categoryId": CATEGORIES.get(product["category"], ""),
            "merchantLocationKey": "lager-bremen",
            "tax": {"vatPercentage": 19.0, "applyTax": True},
            "listingDuration": "GTC",
            "includeCatalogProductDetails": False,
            "hideBuyerDetails": False,
            "quantityLimitPerBuyer": 10,
            "status": "UNPUBLISHED",
        }
        if number % 2:
            offer["availableQuantity"] = quantity
        offer = {name: value for name, value in offer.items() if value != ""}
        if product["status"] == "active" and not unpublishable(inventory_item, offer):
            own = listing or str(self.next_number("listing", 110_550_000_001))
            offer["status"] = "PUBLISHED"
            offer["listing"] = {"listingId": own, "listingStatus": "ACTIVE", "soldQuantity": 0}
        return offer

    def _put_group(self, product: Document) -> None:
        varied: dict[str, list[str]] = {}
        for one in product["variants"]:
            for name, value in one["options"].items():
                known = varied.setdefault(_ASPECTS.get(name, name), [])
                known.extend([value] * (value not in known))
        group = {
            "title": product["title"],
            "description": product["description"],
            "imageUrls": list(product["images"]),
            "aspects": {_ASPECTS.get(name, name): [value] for name, value in product["attributes"].items()},
            "variantSKUs": [one["sku"] for one in product["variants"]],
            "variesBy": {"specifications": [{"name": name, "values": values} for name, values in varied.items()]}
            | ({"aspectsImageVariesBy": ["Farbe"]} if "Farbe" in varied else {}),
        }
        self.groups[product["key"]] = {name: value for name, value in group.items() if value}

    def _line(self, line: Document, currency: str, state: str) -> Document:
        number = self.next_number("line", 10_050_000_001)
        cost = _money(Decimal(line["unit_price"]) * int(line["quantity"]), currency)
        return {
            "lineItemId": str(number),
            "legacyItemId": self.listing_of(line["sku"]) or str(110_449_000_000 + number % 1000),
            "sku": line["sku"],
            "title": self.products[line["sku"]]["item"]["product"].get("title", "")
            if line["sku"] in self.products
            else "",
            "quantity": int(line["quantity"]),
            "lineItemCost": cost,
            "total": cost,
            "soldFormat": "FIXED_PRICE",
            "listingMarketplaceId": MARKETPLACE,
            "purchaseMarketplaceId": MARKETPLACE,
            "lineItemFulfillmentStatus": state,
            "appliedPromotions": [],
            "refunds": [],
            "taxes": [],
        }

    def _change_order(self, order: Document, field: str, value: str) -> None:
        contact = order["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]
        if field == "ship_name":
            contact["fullName"] = value
        elif field == "phone":
            contact["primaryPhone"]["phoneNumber"] = value
        elif field in _TO:
            contact["contactAddress"][_TO[field]] = value
        else:
            raise KeyError(f"An order has no field {field!r}")
        order["lastModifiedDate"] = self.later(order["lastModifiedDate"])

    def _change_product(self, row: Document, field: str, value: str) -> None:
        item, offer = row["item"], row["offers"][0]
        package = item["packageWeightAndSize"]
        if field in _TEXTS:
            _put(item["product"], _TEXTS[field], value)
        elif field == "description":
            _put(offer, "listingDescription", value)
        elif field == "images":
            item["product"]["imageUrls"] = json.loads(value)
        elif field == "gtin":
            item["product"].pop("upc", None)
            _put(item["product"], "ean", [value] if value else [])
        elif field == "price":
            offer["pricingSummary"]["price"] = {"value": value, "currency": CURRENCY}
        elif field == "quantity":
            item["availability"]["shipToLocationAvailability"]["quantity"] = int(value)
        elif field == "category":
            _put(offer, "categoryId", CATEGORIES.get(value, ""))
        elif field == "condition":
            item["condition"] = value
        elif field == "weight_g":
            unit = package.setdefault("weight", {"unit": "GRAM"})["unit"]
            package["weight"]["value"] = _number(value, _UNITS[unit])
        elif field in _SIDES:
            package["dimensions"][_SIDES[field]] = _number(value, _UNITS[package["dimensions"]["unit"]])
        else:
            raise KeyError(f"An item has no field {field!r}")


def unpublishable(item: Mapping[str, Any], offer: Mapping[str, Any]) -> str:
    """What an item and its offer lack to be a listing; empty when nothing.

    References
    ----------
    https://developer.ebay.com/api-docs/sell/static/inventory/publishing-offers.html (read 2026-11-23).
    """
    product, policies = item.get("product", {}), offer.get("listingPolicies", {})
    needed = {
        "title": product.get("title"),
        "image": product.get("imageUrls"),
        "condition": item.get("condition"),
        "category": offer.get("categoryId"),
        "price": offer.get("pricingSummary", {}).get("price"),
        "description": offer.get("listingDescription") or product.get("description"),
        "return policy": policies.get("returnPolicyId"),
        "payment policy": policies.get("paymentPolicyId"),
        "fulfillment policy": policies.get("fulfillmentPolicyId"),
        "inventory location": offer.get("merchantLocationKey"),
    }
    lacking = [name for name, value in needed.items() if not value]
    wrong = [
        code
        for kind in ("ean", "upc", "isbn")
        for code in product.get(kind, ())
        if code[:1].isdigit() and _is_bad(code)
    ]
    return f"{lacking[0]} is missing" if lacking else f"{wrong[0]} is no valid product identifier" if wrong else ""


def _is_bad(code: str) -> bool:
    return not re.fullmatch(r"\d{8}|\d{12,14}", code) or check_digit(code[:-1]) != code[-1]


def _money(amount: Decimal | str, currency: str) -> Document:
    return {"value": f"{Decimal(amount):.2f}", "currency": currency}


def _number(value: str, unit: Amount) -> float | int:
    number = Decimal(unit.from_canonical(value) or value)
    return int(number) if number == number.to_integral_value() else float(number)


def _put(document: Document, name: str, value: Any) -> None:
    if value:
        document[name] = value
    else:
        document.pop(name, None)


def instant_ms(moment: datetime) -> str:
    """A time as eBay writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
