"""What the twin of Walmart stores: items, stock levels and orders in Walmart's own shape."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["NODE", "Account", "lines_of", "milliseconds", "statuses", "units"]

NODE = "10001234567"
"""The one ship node."""

_LONG_CODES = {"DE": "DEU", "FR": "FRA", "GB": "GBR", "US": "USA", "AT": "AUT", "NL": "NLD", "ES": "ESP"}
"""Countries of the demo's buyers: ISO 3166-1 alpha-2 to alpha-3."""


def milliseconds(moment: datetime) -> int:
    """A time as Walmart writes it."""
    return round(moment.timestamp() * 1000)


class Account(Shelf):
    """Items, stock levels and orders of one seller."""

    impossible = frozenset(
        {
            # Content beyond title and product type is not shown, and every item has a product type.
            "category-missing",
            "brand-blank",
            "brand-placeholder",
            "description-missing",
            "description-junk",
            "images-http",
            "images-missing",
            "weight-zero",
            "weight-missing",
            "weight-unit-slip",
            # Identifiers are checked when an item is set up, and padded; prices are numbers, one an item.
            "gtin-lost-zero",
            "gtin-wrong-digit",
            "sale-price-above-price",
            "price-one-decimal",
            # A title has at most 199 characters; the buyer's mail address is a relay, and a country a code.
            "title-too-long",
            "country-name",
            "country-lower-case",
            "email-domain-typo",
            "email-double-dot",
            "email-trailing-space",
        }
    )

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.late: dict[str, float] = {}
        """SKU to the price that is still shown once."""

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """One item for each thing that is sold, and its stock."""
        keys = {}
        for item in product["variants"] or [product]:
            number = self.next_number("item", 1)
            options = " ".join(item.get("options", {}).values())
            gtin = item["gtin"].zfill(14)
            row: Document = {
                "mart": "WALMART_US",
                "sku": item["sku"],
                "condition": "New",
                "wpid": f"0R{number:010X}",
                "upc": gtin[2:] if gtin.startswith("00") else "",
                "gtin": gtin,
                "productName": f"{product['title']} {options}".strip() if options else product["title"],
                "shelf": json.dumps(["Home Page", *product["category"].split(" > ")]),
                "productType": product["category"],
                "price": {"currency": item["currency"], "amount": float(item["price"])},
                "publishedStatus": "PUBLISHED" if product["status"] == "active" else "UNPUBLISHED",
                "lifecycleStatus": "ACTIVE",
            }
            if product["status"] != "active":
                row["unpublishedReasons"] = {"reason": ["The item has reached its end date."]}
            if options:
                row |= {
                    "variantGroupId": product["key"],
                    "variantGroupInfo": {"isPrimary": item is product["variants"][0]},
                }
            self.products[item["sku"]] = row
            levels = self.collections.setdefault("levels", {})
            levels[item["sku"]] = {"node": NODE, "input": int(item["quantity"] or 0), "reserved": number % 3}
            keys[item["key"]] = item["sku"]
        if not product["variants"]:
            return keys
        # What is wrong with the product as a whole shows on its first item.
        return {product["key"]: keys[product["variants"][0]["key"]], **keys}

    def shown(self, fault: Document) -> Document | None:
        """A fault of a title as long as the item shows it so."""
        name = self.products.get(fault["record"], {}).get("productName", "")
        return None if fault["field"] == "title" and name != fault["dirty"] else fault

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order; Walmart shows none that is not paid."""
        key = str(self.next_number("order", 1796277083022))
        placed = at or moment_of(order["ordered_at"])
        changed = at or moment_of(order["updated_at"])
        state = {"paid": "Created", "pending": "Created", "fulfilled": "Shipped", "cancelled": "Cancelled"}[
            order["status"]
        ]
        shipped = moment_of(order["shipped_at"]) if order["shipped_at"] else None
        self.orders[key] = {
            "purchaseOrderId": key,
            "customerOrderId": str(int(key) + 3_485_679_343_626),
            "customerEmailId": f"{uuid.uuid5(uuid.NAMESPACE_URL, key).hex.upper()}@relay.walmart.com",
            "orderDate": milliseconds(placed),
            "shippingInfo": {
                "phone": order["phone"],
                "estimatedDeliveryDate": milliseconds(placed + timedelta(days=6)),
                "estimatedShipDate": milliseconds(placed + timedelta(days=2)),
                "methodCode": "Standard",
                "postalAddress": {
                    "name": order["ship_name"],
                    "address1": order["ship_street"],
                    "city": order["ship_city"],
                    "state": order["ship_region"],
                    "postalCode": order["ship_postal_code"],
                    "country": _LONG_CODES[order["ship_country"]],
                    "addressType": "RESIDENTIAL",
                },
            },
            "orderLines": {
                "orderLine": [
                    self._line(number, one, order, state, shipped or changed)
                    for number, one in enumerate(order["lines"], 1)
                ]
            },
            "orderSummary": {
                "totalAmount": {"currencyAmount": float(order["total"]), "currencyUnit": order["currency"]},
            },
            "shipNode": {"type": "SellerFulfilled", "name": "Main warehouse", "id": NODE},
            "modified": changed,
        }
        return key

    def _line(self, number: int, line: Document, order: Document, state: str, moment: datetime) -> Document:
        names = {row["sku"]: row["productName"] for row in self.products.values()}
        quantity = {"unitOfMeasurement": "EACH", "amount": line["quantity"]}
        status: Document = {"status": state, "statusQuantity": quantity}
        if state == "Shipped":
            status["trackingInfo"] = {
                "shipDateTime": milliseconds(moment),
                "carrierName": {"carrier": "UPS"},
                "methodCode": "Standard",
                "trackingNumber": f"1Z{order['key']}{number:04d}",
            }
        if state == "Cancelled":
            status["cancellationReason"] = "SELLER_CANCEL_OUT_OF_STOCK"
        charge = {"currency": order["currency"], "amount": float(line["unit_price"])}
        return {
            "lineNumber": str(number),
            "item": {"productName": names.get(line["sku"], line["sku"]), "sku": line["sku"], "condition": "New"},
            "charges": {"charge": [{"chargeType": "PRODUCT", "chargeName": "ItemPrice", "chargeAmount": charge}]},
            "orderLineQuantity": quantity,
            "statusDate": milliseconds(moment),
            "orderLineStatuses": {"orderLineStatus": [status]},
        }

    def change(self, record_key: str, field: str, value: str) -> None:
        """A change in Seller Center."""
        row = self.products.get(record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        if field == "price":
            row["price"]["amount"] = float(value)
        elif field == "quantity":
            self.collections["levels"][record_key]["input"] = int(value)
        elif field in ("title", "category"):
            row[{"title": "productName", "category": "productType"}[field]] = value
        else:
            raise KeyError(f"An item has no field {field!r}")

    def awaiting(self, step: str) -> list[str]:
        """Orders with a line in the state before that step."""
        wanted = {"acceptance": "Created", "shipment": "Acknowledged"}[step]
        return [key for key, order in self.orders.items() if any(units(line, wanted) for line in lines_of(order))]

    def parcels(self) -> list[tuple[str, str]]:
        """Parcels that were told of through the interface."""
        found = []
        for key, order in self.orders.items():
            numbers = [
                one["trackingInfo"]["trackingNumber"]
                for line in lines_of(order)
                for one in statuses(line)
                if "told" in one
            ]
            found += [(key, number) for number in dict.fromkeys(numbers)]
        return found

    def move(self, order: Document, line: Document, amount: int, before: tuple[str, ...], after: Document) -> None:
        """Bring so many units of a line from one of these states into another."""
        left = amount
        for one in statuses(line):
            if one["status"] in before and left:
                taken = min(left, int(one["statusQuantity"]["amount"]))
                one["statusQuantity"] = one["statusQuantity"] | {
                    "amount": str(int(one["statusQuantity"]["amount"]) - taken)
                }
                left -= taken
        moved = {"statusQuantity": {"unitOfMeasurement": "EACH", "amount": str(amount)}, **after}
        kept = [one for one in statuses(line) if one["statusQuantity"]["amount"] != "0"]
        line["orderLineStatuses"]["orderLineStatus"] = [*kept, moved]
        line["statusDate"] = milliseconds(self.now())
        order["modified"] = self.later(order["modified"])


def lines_of(order: Document) -> list[Document]:
    """The lines of an order."""
    return order["orderLines"]["orderLine"]


def statuses(line: Document) -> list[Document]:
    """The states of a line, each with the units that are in it."""
    return line["orderLineStatuses"]["orderLineStatus"]


def units(line: Document, *names: str) -> int:
    """How many units of a line are in these states."""
    return sum(int(one["statusQuantity"]["amount"]) for one in statuses(line) if one["status"] in names)
