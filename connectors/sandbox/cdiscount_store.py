"""What the twin of Octopia stores: offers on products that Octopia knows, and orders."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.sandbox.defects import DEFECTS
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["ADDRESS_SHOWN", "CHANNEL", "SELLER", "Shop"]

CHANNEL = "CDISFR"
SELLER = "98979"

ADDRESS_SHOWN = frozenset({"InPreparation", "Shipped", "Delivered"})
"""States in which an order's lines tell where the parcel goes."""

_STATUSES = {"fulfilled": "Shipped", "cancelled": "Cancelled"}


class Shop(Shelf):
    """Offers, each on a product that Octopia knows, and orders."""

    # An offer shows neither texts nor pictures nor weights, prices are numbers without a notation of their own, the
    # checkout writes countries as codes, and the buyer's e-mail address and telephone are not told.
    impossible = frozenset(one.name for one in DEFECTS) - {
        "gtin-lost-zero",
        "gtin-wrong-digit",
        "name-mojibake",
        "postal-code-lost-zero",
        "country-lower-case",
    }

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """Every variant is an offer of its own."""
        keys = {}
        changed = at or moment_of(product["updated_at"])
        for item in product["variants"] or [product]:
            reference = f"AUC{self.next_number('product', 1_000_001)}"
            key = f"{SELLER}_{reference}_New_{CHANNEL}"
            price: Document = {"price": float(item["price"]), "currencyCode": item["currency"]}
            if item["sale_price"]:
                price |= {"price": float(item["sale_price"]), "originPrice": float(item["price"])}
            self.products[key] = {
                "offerId": key,
                "salesChannelId": CHANNEL,
                "sellerId": SELLER,
                "sellerExternalReference": item["sku"],
                "product": {"gtin": _ean(item["gtin"]), "reference": reference},
                "condition": "New",
                "integrationPrice": price
                | {
                    "taxes": [
                        {"code": "VAT", "type": "Rate", "value": 20},
                        {"code": "Ecotax", "type": "Amount", "value": 0},
                    ]
                },
                "quantity": int(item["quantity"] or 0),
                "preparationTime": 2,
                "deliveryModes": [{"code": "TRK", "cost": 4.99, "additionalCost": 0.0}],
                "createdAt": moment_of(product["created_at"]),
                "updatedAt": changed,
            }
            keys[item["key"]] = key
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        """Some new orders wait to be accepted, the others were accepted by themselves."""
        number = self.next_number("order", 1)
        key = f"SCID{7_000_000 + number}"
        status = _STATUSES.get(order["status"]) or self._new_status()
        first, _, last = order["ship_name"].partition(" ")
        buyer_first, _, buyer_last = order["buyer_name"].partition(" ")
        address = {
            "firstName": first,
            "lastName": last,
            "companyName": None,
            "addressLine1": order["ship_street"],
            "addressLine2": None,
            "addressLine3": None,
            "postalCode": order["ship_postal_code"],
            "city": order["ship_city"],
            "stateOrRegion": order["ship_region"] or None,
            "countryCode": order["ship_country"],
        }
        placed = at or moment_of(order["ordered_at"])
        parcel = [{"parcelNumber": f"6A{10_000_000_000 + number}"}] if status == "Shipped" else []
        self.orders[key] = {
            "orderId": key,
            "reference": f"2611{number:08d}",
            "businessOrder": False,
            "status": status,
            "supplyMode": "Seller",
            "salesChannel": {"id": CHANNEL, "name": "Cdiscount"},
            "seller": {"id": SELLER},
            "customer": {"reference": f"C{number:08d}"},
            "purchasedAt": placed,
            "createdAt": placed,
            "updatedAt": at or moment_of(order["updated_at"]),
            "shippedAtMax": placed + timedelta(days=3),
            "currencyCode": order["currency"],
            "payment": {"method": "CreditCard"},
            "billingAddress": address | {"firstName": buyer_first, "lastName": buyer_last},
            "totalPrice": {"offerPrice": float(order["total"]), "sellingPrice": float(order["total"])},
            "statusEvents": [],
            "lines": [self._line(key, n, one, address, parcel) for n, one in enumerate(order["lines"], 1)],
        }
        return key

    def _new_status(self) -> str:
        number = self.next_number("new order", 1)
        return "InPreparation" if number > 1 and number % 2 else "WaitingAcceptance"

    def _line(self, key: str, number: int, line: Document, address: Document, parcels: list[Document]) -> Document:
        offer = next((one for one in self.products.values() if one["sellerExternalReference"] == line["sku"]), {})
        price = {"unitSalesPrice": float(line["unit_price"]), "shippingCost": 0.0, "taxes": []}
        total = float(line["unit_price"]) * int(line["quantity"])
        return {
            "orderLineId": f"{key}-{number}",
            "quantity": int(line["quantity"]),
            "totalPrice": {"offerPrice": total, "sellingPrice": total},
            "offerPrice": price,
            "sellingPrice": dict(price),
            "offer": {
                "id": offer.get("offerId", ""),
                "sellerProductId": line["sku"],
                "productId": offer.get("product", {}).get("reference", ""),
                "productGtin": offer.get("product", {}).get("gtin"),
                "condition": "New",
                "supplyMode": "Seller",
            },
            "shippingAddress": address,
            "parcels": [dict(one) for one in parcels],
        }

    def shown(self, fault: Document) -> Document | None:
        """Addresses are told from the state InPreparation on, and a UPC is kept as an EAN."""
        if fault["kind"] == "order":
            return fault if self.orders[fault["record"]]["status"] in ADDRESS_SHOWN else None
        return fault | {name: _ean(fault[name]) for name in ("dirty", "right")}

    def change(self, record_key: str, field: str, value: str) -> None:
        """What a seller edits in the Seller Zone."""
        row = self.products.get(record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        price = row["integrationPrice"]
        if field == "price":
            price["originPrice" if "originPrice" in price else "price"] = float(value)
        elif field == "sale_price":
            price |= {"price": float(value), "originPrice": price.get("originPrice", price["price"])}
        elif field == "quantity":
            row["quantity"] = int(value)
        elif field == "lead_time_days":
            row["preparationTime"] = int(value)
        else:
            raise KeyError(f"An offer has no field {field!r}")
        row["updatedAt"] = self.later(row["updatedAt"])

    def awaiting(self, step: str) -> list[str]:
        """By the state of the order."""
        wanted = {"acceptance": "WaitingAcceptance", "shipment": "InPreparation"}[step]
        return [key for key, row in self.orders.items() if row["status"] == wanted]

    def parcels(self) -> list[tuple[str, str]]:
        """Those that the seller declared; an order that came as shipped has one from before."""
        return [
            (key, event["parcelNumber"])
            for key, row in self.orders.items()
            for event in row["statusEvents"]
            if event["status"] == "Shipped"
        ]


def _ean(gtin: str) -> str:
    """A UPC as the EAN that it is; whatever else comes stays."""
    return f"0{gtin}" if len(gtin) == 12 and gtin.isdigit() else gtin
