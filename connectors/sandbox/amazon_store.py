"""What the offline twin of Amazon stores, and how it shows and changes it: listings by SKU, orders, product types.

Written from the model files of the Selling Partner API (state of 2026-08-05) and the developer documentation.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.sandbox.catalogue import slug
from connectors.sandbox.shelf import Document, Shelf, moment_of
from connectors.sandbox.vocabulary import KINDS

__all__ = ["MARKETPLACE", "PRODUCT_TYPES", "Shop", "problem", "schema_of"]

MARKETPLACE = "A1PA6795UKMFR9"
CURRENCY = "EUR"

PRODUCT_TYPES = {
    re.sub(r"[^A-Z0-9]+", "_", kind.category.rpartition(" > ")[2].upper().replace("'", "")): kind.category
    for kind in KINDS
}
"""Product type to the name that people read."""

_TYPE_OF = {shown: name for name, shown in PRODUCT_TYPES.items()}
_TAGS = {"de": "de_DE", "fr": "fr_FR", "en": "en_GB"}
_OPTIONS = {"Colour": "color", "Size": "size", "Shoe size": "size", "Capacity": "size", "Material": "material"}
_NEEDED = ("item_name", "brand", "product_description", "country_of_origin", "supplier_declared_dg_hz_regulation")
_IMAGES = ("main_product_image_locator", *(f"other_product_image_locator_{n}" for n in range(1, 9)))
_SELECTORS = ("marketplace_id", "language_tag", "currency", "audience", "fulfillment_channel_code", "type")
_IMPLIED = {"marketplace_id": MARKETPLACE, "audience": "ALL"}
_FIXED = frozenset({"brand", "externally_assigned_product_identifier", "condition_type"})
"""Attributes that are not editable: taken and ignored."""

_LONG = {"start_at": "2026-01-01T00:00:00Z", "end_at": "2099-12-31T00:00:00Z"}
_STATES = {"paid": "UNSHIPPED", "pending": "PENDING", "fulfilled": "SHIPPED", "cancelled": "CANCELLED"}


class Shop(Shelf):
    """One seller's listings and orders in Germany."""

    impossible = frozenset({"category-missing", "price-one-decimal"})

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.confirmed: list[tuple[str, str]] = []
        self.deaf: set[str] = set()
        """SKUs of which a new stock is accepted and never shows (a fault reported of the live interface)."""
        self._late: dict[str, Document] = {}

    # ---- deliveries ----------------------------------------------------------------------------------------------

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """A listing for every item, and one for the parent of variations."""
        keys = {}
        changed = at or moment_of(product["updated_at"])
        shared = {
            "productType": _TYPE_OF[product["category"]],
            "created": moment_of(product["created_at"]),
            "updated": changed,
            "active": product["status"] == "active",
            "parent": "",
            "children": [],
            "live_quantity": None,
        }
        items = product["variants"]
        for item in items or [product]:
            self.products[item["sku"]] = {
                **deepcopy(shared),
                "sku": item["sku"],
                "asin": _asin(item["sku"]),
                "attributes": _sold(product, item),
                "parent": product["key"] if items else "",
                "live_quantity": int(item["quantity"] or 0),
            }
            keys[item["key"]] = item["sku"]
        if items:
            whole = _described(product, product["title"]) | {
                "parentage_level": [_entry("parent")],
                "variation_theme": [{"name": "COLOR/SIZE", "marketplace_id": MARKETPLACE}],
            }
            family = {"sku": product["key"], "asin": _asin(product["key"]), "attributes": whole}
            self.products[product["key"]] = {**shared, **family, "children": [one["sku"] for one in items]}
            keys[product["key"]] = product["key"]
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order in the shape of Orders 2026-01-01."""
        number = self.next_number("order", 1_000_001)
        key = f"302-{number:07d}-{number * 7919 % 10_000_000:07d}"
        state = _STATES[order["status"]]
        has_left = state == "SHIPPED"
        lines = [
            {
                "orderItemId": f"{number}{place:07d}",
                "quantityOrdered": int(line["quantity"]),
                "product": {
                    "asin": _asin(line["sku"]),
                    "sellerSku": line["sku"],
                    "price": {"unitPrice": _money(line["unit_price"])},
                },
                "fulfillment": {
                    "quantityFulfilled": int(line["quantity"]) if has_left else 0,
                    "quantityUnfulfilled": 0 if has_left or state == "CANCELLED" else int(line["quantity"]),
                },
            }
            for place, line in enumerate(order["lines"], 1)
        ]
        self.orders[key] = {
            "orderId": key,
            "createdTime": at or moment_of(order["ordered_at"]),
            "lastUpdatedTime": at or moment_of(order["updated_at"]),
            "salesChannel": {
                "channelName": "AMAZON",
                "marketplaceId": MARKETPLACE,
                "marketplaceName": "Amazon.de",
            },
            "buyer": {"buyerName": order["buyer_name"], "buyerEmail": order["email"]},
            "recipient": {
                "deliveryAddress": {
                    "name": order["ship_name"],
                    "addressLine1": order["ship_street"],
                    "city": order["ship_city"],
                    "stateOrRegion": order["ship_region"],
                    "postalCode": order["ship_postal_code"],
                    "countryCode": order["ship_country"],
                    "phone": order["phone"],
                }
            },
            "proceeds": {"grandTotal": _money(order["total"])},
            "fulfillment": {"fulfillmentStatus": state, "fulfilledBy": "MERCHANT"},
            "orderItems": lines,
            "packages": [_package("1", "DHL", f"00340434{number}", order["shipped_at"])] if has_left else [],
        }
        return key

    def change(self, record_key: str, field: str, value: str) -> None:
        """A change in Seller Central, which shows at once."""
        if record_key in self.orders:
            raise KeyError("Orders cannot be edited in Seller Central")
        row = self.products.get(record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        texts = {"title": "item_name", "description": "product_description", "brand": "brand", "mpn": "part_number"}
        attributes = row["attributes"]
        if field in texts:
            attributes[texts[field]] = [{**_entry(value), **_tagged(attributes)}]
        elif field == "gtin":
            attributes["externally_assigned_product_identifier"] = [_identifier(value)]
        elif field == "price":
            attributes["purchasable_offer"][0]["our_price"] = _schedule(value)
        elif field == "sale_price":
            attributes["purchasable_offer"][0]["discounted_price"] = _schedule(value, _LONG)
        elif field == "quantity":
            attributes["fulfillment_availability"][0]["quantity"] = row["live_quantity"] = int(value)
        elif field == "weight_g":
            attributes["item_package_weight"] = [_weight(value)]
        elif field == "images":
            attributes |= _pictures(json.loads(value))
        else:
            raise KeyError(f"A listing has no field {field!r}")
        row["updated"] = self.later(row["updated"])

    def awaiting(self, step: str) -> list[str]:
        """Orders that have not left; none waits for acceptance."""
        open_states = ("UNSHIPPED", "PARTIALLY_SHIPPED") if step == "shipment" else ()
        return [key for key, row in self.orders.items() if row["fulfillment"]["fulfillmentStatus"] in open_states]

    def parcels(self) -> list[tuple[str, str]]:
        """What was confirmed."""
        return list(self.confirmed)

    # ---- listings ------------------------------------------------------------------------------------------------

    def shown_listing(self, row: Document, included: Collection[str]) -> Document:
        """A listing as the interface shows it; what was written a moment ago shows in the live parts one reading later."""
        live = self._late.pop(row["sku"], None) or self._live(row)
        parts = {
            "summaries": [live["summary"]],
            "attributes": row["attributes"],
            "issues": live["issues"],
            "offers": live["offers"],
            "fulfillmentAvailability": live["stock"],
            "relationships": [{"marketplaceId": MARKETPLACE, "relationships": _relations(row)}],
            "productTypes": [{"marketplaceId": MARKETPLACE, "productType": row["productType"]}],
        }
        return {"sku": row["sku"]} | {name: value for name, value in parts.items() if name in included}

    def judge(self, sku: str, product_type: str, patches: Sequence[Document]) -> list[Document]:
        """The issues for which Amazon would not take these patches."""
        row = self.products.get(sku)
        issues = []
        if row is not None and product_type not in ("PRODUCT", row["productType"]):
            issues.append(
                problem("90000900", f"'{product_type}' is not the product type of this listing.", "product_type")
            )
        for one in patches:
            name = one["path"].removeprefix("/attributes/")
            if one["op"] == "delete" and not one.get("value"):
                issues.append(problem("90000900", "An attribute is deleted by its selectors.", name))
            if one["op"] != "delete":
                issues += [found for entry in one.get("value") or [{}] for found in _faults(name, entry)]
        return issues

    def apply(self, sku: str, patches: Sequence[Document]) -> None:
        """Store patches. Those of a SKU that does not exist vanish without a word."""
        row = self.products.get(sku)
        if row is None:
            return
        before = self._live(row)
        for one in patches:
            name = one["path"].removeprefix("/attributes/")
            if name not in _FIXED:
                _patch(row["attributes"], name, one["op"], one.get("value") or [])
        own = [one for one in row["attributes"].get("fulfillment_availability", ()) if _selected(one, "DEFAULT")]
        if own and sku not in self.deaf and any("fulfillment_availability" in one["path"] for one in patches):
            row["live_quantity"] = own[0].get("quantity", row["live_quantity"])
        row["updated"] = self.later(row["updated"])
        self._late[sku] = before | {"summary": before["summary"] | {"lastUpdatedDate": row["updated"]}}

    def _live(self, row: Document) -> Document:
        attributes = row["attributes"]
        title = (attributes.get("item_name") or [{}])[0].get("value")
        image = (attributes.get(_IMAGES[0]) or [{}])[0].get("media_location")
        summary = {
            "marketplaceId": MARKETPLACE,
            "asin": row["asin"],
            "productType": row["productType"],
            "conditionType": "new_new",
            "status": [] if not row["active"] else ["DISCOVERABLE"] if row["children"] else ["BUYABLE", "DISCOVERABLE"],
            "createdDate": row["created"],
            "lastUpdatedDate": row["updated"],
            **({"itemName": title} if title else {}),
            **({"mainImage": {"link": image, "height": 1000, "width": 1000}} if image else {}),
        }
        channels = [one["fulfillment_channel_code"] for one in attributes.get("fulfillment_availability", ())]
        return {
            "summary": summary,
            "offers": self._offers(row),
            "stock": [
                {"fulfillmentChannelCode": one} | ({"quantity": row["live_quantity"]} if one == "DEFAULT" else {})
                for one in channels
            ],
            "issues": [
                problem("90220", f"'{name}' is required but not supplied.", name, "MISSING_ATTRIBUTE")
                for name in _NEEDED
                if not attributes.get(name)
            ],
        }

    def _offers(self, row: Document) -> list[Document]:
        offers = [one for one in row["attributes"].get("purchasable_offer", ()) if one.get("audience", "ALL") == "ALL"]
        if not row["active"] or not offers or not offers[0].get("our_price"):
            return []
        amount = offers[0]["our_price"][0]["schedule"][0]["value_with_tax"]
        for one in (offers[0].get("discounted_price") or [{}])[0].get("schedule", ()):
            if one["start_at"] <= self.now().strftime("%Y-%m-%dT%H:%M:%SZ") <= one["end_at"]:
                amount = min(amount, one["value_with_tax"])
        price = {"currencyCode": offers[0]["currency"], "amount": f"{Decimal(str(amount)):.2f}"}
        audience = {"value": "ALL", "displayName": "Bei Amazon verkaufen"}
        return [{"marketplaceId": MARKETPLACE, "offerType": "B2C", "price": price, "audience": audience}]

    # ---- orders --------------------------------------------------------------------------------------------------

    def shown_order(self, row: Document, included: Collection[str]) -> Document:
        """An order with the data that were asked for; the others are left out."""
        parts = {
            "buyer": "BUYER",
            "recipient": "RECIPIENT",
            "proceeds": "PROCEEDS",
            "fulfillment": "FULFILLMENT",
            "packages": "PACKAGES",
        }
        hidden = {name for name, data in parts.items() if data not in included}
        lines = [{name: value for name, value in one.items() if name not in hidden} for one in row["orderItems"]]
        return {name: value for name, value in row.items() if name not in hidden} | {"orderItems": lines}

    def confirm(self, row: Document, package: Document) -> None:
        """Note a parcel; one of the same reference is the same parcel."""
        known = [one for one in row["packages"] if one["packageReferenceId"] == package["packageReferenceId"]]
        if known:
            return
        lines = {one["orderItemId"]: one for one in row["orderItems"]}
        for one in package["orderItems"]:
            units = lines[one["orderItemId"]]["fulfillment"]
            units["quantityFulfilled"] += one["quantity"]
            units["quantityUnfulfilled"] -= one["quantity"]
        is_done = not any(one["fulfillment"]["quantityUnfulfilled"] for one in row["orderItems"])
        row["fulfillment"]["fulfillmentStatus"] = "SHIPPED" if is_done else "PARTIALLY_SHIPPED"
        carrier = package.get("carrierName") or package["carrierCode"]
        row["packages"].append(
            _package(package["packageReferenceId"], carrier, package["trackingNumber"], package["shipDate"])
        )
        row["lastUpdatedTime"] = self.later(row["lastUpdatedTime"])
        self.confirmed.append((row["orderId"], package["trackingNumber"]))


def problem(code: str, message: str, attribute: str, category: str = "INVALID_ATTRIBUTE") -> Document:
    """An issue as listings have them."""
    return {
        "code": code,
        "message": message,
        "severity": "ERROR",
        "attributeNames": [attribute],
        "categories": [category],
    }


def schema_of(name: str) -> Document:
    """The JSON schema of a product type, as far as the merchant's goods need it."""

    def attribute(title: str, value: Document, *, most: int = 1) -> Document:
        members = {"value": value, "marketplace_id": {"type": "string"}}
        items = {"type": "object", "required": ["value"], "properties": members}
        return {"title": title, "type": "array", "minUniqueItems": 1, "maxUniqueItems": most, "items": items}

    said = {"type": "string", "enum": ["not_applicable", "ghs", "storage", "transportation", "other", "unknown"]}
    return {
        "$schema": "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1",
        "$id": f"https://schemas.amazon.com/selling-partners/definitions/product-types/schema/v1/{name}",
        "type": "object",
        "required": list(_NEEDED),
        "properties": {
            "item_name": attribute("Item Name", {"type": "string", "minLength": 1, "maxLength": 200}),
            "brand": attribute("Brand Name", {"type": "string", "maxLength": 100}),
            "product_description": attribute("Product Description", {"type": "string", "maxLength": 2000}),
            "bullet_point": attribute("Bullet Point", {"type": "string", "maxLength": 700}, most=10),
            "part_number": attribute("Part Number", {"type": "string", "maxLength": 40}),
            "country_of_origin": attribute("Country of Origin", {"type": "string", "enum": ["DE", "FR", "PL", "CN"]}),
            "supplier_declared_dg_hz_regulation": attribute("Dangerous Goods Regulations", said, most=5),
            "color": attribute("Colour", {"type": "string", "maxLength": 50}),
            "material": attribute("Material", {"anyOf": [{"type": "string"}, {"type": "string", "enum": ["Wood"]}]}),
            "item_package_weight": attribute("Package Weight", {"type": "number", "minimum": 0}),
            "batteries_required": attribute("Are batteries required?", {"type": "boolean"}),
        },
    }


def _faults(name: str, entry: Mapping[str, Any]) -> list[Document]:
    found = []
    if name == "item_name" and not 0 < len(entry.get("value", "")) <= 200:
        found.append("'item_name' needs 1 to 200 characters.")
    if name == "fulfillment_availability" and (entry.get("lead_time_to_ship_max_days") or 0) > 30:
        found.append("Value for 'fulfillment_availability' is greater than the allowed maximum '30'.")
    if (
        name == "fulfillment_availability"
        and "quantity" not in entry
        and entry["fulfillment_channel_code"] == "DEFAULT"
    ):
        found.append("'quantity' is required but not supplied.")
    for price in ("our_price", "discounted_price"):
        for one in (entry.get(price) or [{}])[0].get("schedule", ()) if name == "purchasable_offer" else ():
            value = one.get("value_with_tax")
            if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                found.append(f"The value of '{price}' is not a number above 0.")
            if price == "discounted_price" and not {"start_at", "end_at"} <= one.keys():
                found.append("'start_at' and 'end_at' are required for 'discounted_price'.")
    return [problem("99022", one, name) for one in found]


def _patch(attributes: Document, name: str, op: str, value: Sequence[Document]) -> None:
    """Amazon replaces, merges and deletes by selectors: an entry of another channel or audience stays beside."""
    stored = attributes.get(name, [])
    wanted = {_selectors(one) for one in value}
    if op == "merge":
        for one in value:
            mine = next((old for old in stored if _selectors(old) == _selectors(one)), None)
            if mine is None:
                stored = [*stored, mine := {}]
            mine |= one
            for empty in [key for key, member in mine.items() if member is None]:
                del mine[empty]
    else:
        place = next((n for n, old in enumerate(stored) if _selectors(old) in wanted), len(stored))
        kept = [old for old in stored if _selectors(old) not in wanted]
        stored = kept if op == "delete" else [*kept[:place], *deepcopy(list(value)), *kept[place:]]
    attributes[name] = stored
    if not stored:
        del attributes[name]


def _selectors(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry.get(name, _IMPLIED.get(name)) for name in _SELECTORS)


def _selected(entry: Mapping[str, Any], channel: str) -> bool:
    return entry.get("fulfillment_channel_code") == channel


def _relations(row: Document) -> list[Document]:
    theme = {"variationTheme": {"attributes": ["color", "size"], "theme": "COLOR/SIZE"}}
    if row["children"]:
        return [{"type": "VARIATION", "childSkus": row["children"], **theme}]
    return [{"type": "VARIATION", "parentSkus": [row["parent"]], **theme}] if row["parent"] else []


def _sold(product: Document, item: Document) -> Document:
    """Attributes of a listing that is sold."""
    options = item.get("options") or {}
    title = " ".join([product["title"], *options.values()]) if options else product["title"]
    attributes = _described(product, title)
    for name, value in options.items():
        attributes[_OPTIONS[name]] = [_entry(value) | _tagged(attributes)]
    if options:
        attributes |= {
            "parentage_level": [_entry("child")],
            "child_parent_sku_relationship": [
                {"child_relationship_type": "variation", "parent_sku": product["key"], "marketplace_id": MARKETPLACE}
            ],
        }
    if item["mpn"]:
        attributes["part_number"] = [_entry(item["mpn"])]
    if item["gtin"]:
        attributes["externally_assigned_product_identifier"] = [_identifier(item["gtin"])]
    if item["weight_g"]:
        attributes["item_package_weight"] = [_weight(item["weight_g"])]
    offer = {
        "audience": "ALL",
        "currency": CURRENCY,
        "marketplace_id": MARKETPLACE,
        "our_price": _schedule(item["price"]),
    }
    if item["sale_price"]:
        offer["discounted_price"] = _schedule(item["sale_price"], _LONG)
    attributes["purchasable_offer"] = [offer]
    attributes["fulfillment_availability"] = [
        {
            "fulfillment_channel_code": "DEFAULT",
            "quantity": int(item["quantity"] or 0),
            "marketplace_id": MARKETPLACE,
        }
    ]
    return attributes


def _described(product: Document, title: str) -> Document:
    """Attributes that every listing of a product has."""
    tag = {"language_tag": _TAGS[product["language"]]}
    material = product["attributes"].get("Material", "")
    texts = {
        "item_name": title,
        "product_description": product["description"],
        "brand": product["brand"],
        "material": material,
        "color": product["attributes"].get("Colour", "Multicolour"),
        "size": product["attributes"].get("Version", "One Size"),
        "bullet_point": material,
        "manufacturer": "Norvik",
    }
    sides = {
        side: {"unit": "centimeters", "value": _number(Decimal(product[f"{side}_mm"]) / 10)}
        for side in ("length", "width", "height")
    }
    return {
        **{name: [_entry(value) | tag] for name, value in texts.items() if value},
        **_pictures(product["images"]),
        "condition_type": [_entry("new_new")],
        "country_of_origin": [_entry("DE")],
        "item_type_keyword": [_entry(slug(product["category"].rpartition(" > ")[2]))],
        "supplier_declared_dg_hz_regulation": [_entry("not_applicable")],
        "item_package_dimensions": [{**sides, "marketplace_id": MARKETPLACE}],
    }


def _entry(value: str) -> Document:
    return {"value": value, "marketplace_id": MARKETPLACE}


def _tagged(attributes: Mapping[str, Any]) -> Document:
    tag = (attributes.get("item_name") or [{}])[0].get("language_tag")
    return {"language_tag": tag} if tag else {}


def _identifier(value: str) -> Document:
    kind = {12: "upc", 13: "ean"}.get(len(value), "gtin")
    return {"type": kind, "value": value, "marketplace_id": MARKETPLACE}


def _weight(grams: str) -> Document:
    return {"unit": "kilograms", "value": _number(Decimal(grams) / 1000), "marketplace_id": MARKETPLACE}


def _pictures(addresses: Sequence[str]) -> Document:
    return {
        name: [{"media_location": address, "marketplace_id": MARKETPLACE}]
        for name, address in zip(_IMAGES, addresses, strict=False)
    }


def _schedule(value: str, dates: Document | None = None) -> list[Document]:
    return [{"schedule": [{"value_with_tax": _number(Decimal(value)), **(dates or {})}]}]


def _package(reference: str, carrier: str, tracking: str, shipped: str) -> Document:
    return {
        "packageReferenceId": reference,
        "carrier": carrier,
        "trackingNumber": tracking,
        "shipTime": shipped,
        "packageStatus": {"status": "SHIPPED"},
    }


def _money(amount: str) -> Document:
    return {"amount": amount, "currencyCode": CURRENCY}


def _number(value: Decimal) -> float:
    return int(value) if value == value.to_integral_value() else float(value)


def _asin(sku: str) -> str:
    return "B0" + hashlib.sha256(sku.encode()).hexdigest()[:8].upper()
