"""What the twin of refurbed stores: offers on refurbed's own catalogue, and orders made of single units."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from connectors.sandbox.defects import DEFECTS
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["GRADES", "NEXT_STATES", "Shop", "order_state"]

GRADES = ("A", "AA", "B", "C")

NEXT_STATES = {
    "NEW": {"REJECTED", "CANCELLED", "ACCEPTED"},
    "ACCEPTED": {"CANCELLED", "SHIPPED"},
    "SHIPPED": {"RETURNED"},
}
"""State of an item to the states that it may go to; every other one is final."""

_ITEM_STATES = {"paid": "NEW", "pending": "NEW", "fulfilled": "SHIPPED", "cancelled": "CANCELLED"}
_ZERO = dict.fromkeys(("total_discount", "total_refunded", "total_charged_dynamic"), "0.00")
_FIELDS = {
    "price": "reference_price",
    "condition": "grading",
    "currency": "reference_currency_code",
    "attributes.min_price": "reference_min_price",
    "attributes.warranty": "warranty",
    "attributes.taxation": "taxation",
    "attributes.shipping_profile_id": "shipping_profile_id",
    "attributes.secondary_shipping_profile_id": "secondary_shipping_profile_id",
}


class Shop(Shelf):
    """Offers, orders, and the parcels that the merchant told of."""

    # Names, texts, pictures, weights and identifiers belong to refurbed's catalogue, there is no reduced price, and
    # countries are members of an enumeration.
    impossible = frozenset(one.name for one in DEFECTS) - {
        "price-one-decimal",
        "name-mojibake",
        "phone-as-typed",
        "email-domain-typo",
        "email-double-dot",
        "email-trailing-space",
        "postal-code-lost-zero",
    }

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.collections["parcels"] = {}
        self.versions: dict[str, int] = {}
        """Offer to the number of its present version, which every update raises."""

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """Every variant is an offer of its own."""
        keys = {}
        for item in product["variants"] or [product]:
            number = self.next_number("offer", 0)
            key = str(31_001 + number)
            options = ", ".join((item.get("options") or {}).values())
            self.products[key] = {
                "id": key,
                "created_at": at or moment_of(product["created_at"]),
                "instance_id": str(501_001 + number),
                "instance_name": f"{product['title']} {options}".strip(),
                "state": "OK" if product["status"] == "active" else "UNVERIFIED",
                "sku": item["sku"],
                "grading": GRADES[number % len(GRADES)],
                "warranty": "M12",
                "stock": int(item["quantity"] or 0),
                "shipping_profile_id": "901",
                "secondary_shipping_profile_id": None,
                "taxation": "GROSS",
                "reference_currency_code": item["currency"],
                "reference_price": item["price"],
                "reference_min_price": None,
                "battery_condition": None,
                "rejection_reason": None,
            }
            self.versions[key] = 1
            keys[item["key"]] = key
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        """A line of three is three items."""
        key = str(70_001 + self.next_number("order", 0))
        state = _ITEM_STATES[order["status"]]
        first, _, last = order["ship_name"].partition(" ")
        buyer_first, _, buyer_last = order["buyer_name"].partition(" ")
        street, number = _street(order["ship_street"])
        address = {
            "first_name": first,
            "family_name": last,
            "entity": "FEMALE",
            "company_name": None,
            "country_code": order["ship_country"],
            "post_code": order["ship_postal_code"],
            "town": order["ship_city"],
            "street_name": street,
            "house_no": number or None,
            "supplement": None,
            "phone_number": order["phone"],
        }
        items = [self._item(key, line, state, order) for line in order["lines"] for _ in range(int(line["quantity"]))]
        total = f"{sum(float(one['total_charged']) for one in items):.2f}"
        self.orders[key] = {
            "id": key,
            "released_at": at or moment_of(order["ordered_at"]),
            "customer_email": order["email"],
            "shipping_address": address,
            "invoice_address": address | {"first_name": buyer_first, "family_name": buyer_last},
            "currency_code": order["currency"],
            "settlement_currency_code": order["currency"],
            "settlement_exchange_rate": "1",
            "total_charged": total,
            "settlement_total_charged": total,
            "total_paid": total,
            "total_discount": "0.00",
            "total_refunded": "0.00",
            "is_refundable": state == "SHIPPED",
            "refund_eligibility": "ELIGIBLE" if state == "SHIPPED" else "INELIGIBLE_UNCAPTURED_PAYMENT",
            "is_invoiceable": True,
            "has_invoice": False,
            "payment_method": "STRIPE_CARDS",
            "items": items,
        }
        return key

    def _item(self, order: str, line: Document, state: str, sale: Document) -> Document:
        number = 90_001 + self.next_number("item", 0)
        offer = next((one for one in self.products.values() if one["sku"] == line["sku"]), None)
        price = line["unit_price"]
        return {
            "id": str(number),
            "order_id": order,
            "name": offer["instance_name"] if offer else line["sku"],
            "state": state,
            "sku": line["sku"],
            "currency_code": sale["currency"],
            "settlement_currency_code": sale["currency"],
            "total_charged": price,
            "settlement_total_charged": price,
            "total_paid": price,
            **_ZERO,
            "taxation": offer["taxation"] if offer else "GROSS",
            "is_refundable": state == "SHIPPED",
            "offer_data": {
                "offer_id": offer["id"] if offer else "0",
                "offer_version": "1",
                "offer_warranty": "M12",
                "offer_grading": offer["grading"] if offer else "A",
                "shipping_profile_id": "901",
                "shipping_costs": "0.00",
            },
            "parcel_tracking_url": f"https://tracking.example.com/{number}" if state == "SHIPPED" else None,
            "item_identifiers": [],
            "shipment_status": "DELIVERED" if state == "SHIPPED" else None,
            "return_initiated": False,
            "vat_rate": "20.0",
            "weight_kg": None,
        }

    def change(self, record_key: str, field: str, value: str) -> None:
        """What a merchant edits in refurbed's own pages."""
        row = self.products.get(record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        if field == "quantity":
            row["stock"] = int(value)
        elif field in _FIELDS:
            row[_FIELDS[field]] = value or None
        else:
            raise KeyError(f"An offer has no field {field!r}")
        self.versions[record_key] += 1

    def awaiting(self, step: str) -> list[str]:
        """By the states of the items."""
        wanted = {"acceptance": "NEW", "shipment": "ACCEPTED"}[step]
        return [key for key, row in self.orders.items() if order_state(row) == wanted]

    def parcels(self) -> list[tuple[str, str]]:
        """Order and tracking number, each pair once."""
        return [(one["order"], one["number"]) for one in self.collections["parcels"].values()]


def order_state(order: Document) -> str:
    """The state that follows from the states of an order's items."""
    states = {item["state"] for item in order["items"]}
    if "NEW" in states:
        return "NEW"
    if "ACCEPTED" in states:
        return "ACCEPTED"
    if len(states) == 1:
        return next(iter(states))
    if states <= {"SHIPPED", "RETURNED"}:
        return "FULFILLED"
    return "UNFULFILLED" if states <= {"REJECTED", "CANCELLED"} else "PARTIALLY_FULFILLED"


def _street(text: str) -> tuple[str, str]:
    """Street and house number, where the number stands at the end; refurbed keeps the two apart."""
    found = re.fullmatch(r"(.*\S) (\d\S*)", text)
    return (found.group(1), found.group(2)) if found else (text, "")
