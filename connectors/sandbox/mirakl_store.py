"""What the Mirakl twin stores: offers and orders of one shop, and what the imports do to them.

An offer stands on a product of the operator's catalogue, so title, brand, category and references cannot be changed by
a seller; the twin keeps them beside the offer all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from connectors.sandbox.catalogue import slug
from connectors.sandbox.server import instant
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["ADDITIONAL_FIELDS", "LOGISTIC_CLASSES", "STATES", "LineError", "Shop"]

STATES = {"11": "New", "10": "Refurbished", "4": "Used - Acceptable Condition"}
"""Conditions of this operator (OF61)."""

LOGISTIC_CLASSES = {"S": "Small", "M": "Medium", "L": "Large", "XL": "Bulky"}

ADDITIONAL_FIELDS = [
    {"code": "ecotax", "type": "NUMERIC", "label": "Eco tax", "required": False},
    {"code": "gift-wrap", "type": "BOOLEAN", "label": "Gift wrap", "required": False},
]
"""Fields that this operator invented for offers (AF01)."""

DEBIT_DELAY = timedelta(seconds=60)
"""How long the operator takes to debit the buyer after the acceptance."""

_DEFAULTS: Document = {
    "quantity": 0,
    "warehouses": [],
    "discount_price": None,
    "discount_start": None,
    "discount_end": None,
    "volumes": [],
    "prices": [],
    "description": "",
    "internal_description": None,
    "leadtime_to_ship": None,
    "logistic_class": "M",
    "min_order_quantity": None,
    "max_order_quantity": None,
    "package_quantity": None,
    "min_quantity_alert": None,
    "allow_quote_requests": False,
    "available_started": None,
    "available_ended": None,
    "price_additional_info": None,
    "product_tax_code": None,
    "msrp": None,
    "eco_contributions": [],
    "offer_additional_fields": [],
}
"""What a member of an offer goes back to when OF24 does not send it."""

_WHOLE = [name for name in _DEFAULTS if "quantity" in name or name == "leadtime_to_ship"]

_HIDDEN = ("STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT")
_FIELDS = {
    "title": "title",
    "description": "description",
    "brand": "brand",
    "condition": "state_code",
    "lead_time_days": "leadtime_to_ship",
}


class LineError(Exception):
    """A line of an import that cannot be taken, with the reason as the report gives it."""


class Shop(Shelf):
    """Offers by their SKU, orders by their number.

    Parameters
    ----------
    clock : callable
    features : mapping
        What the operator has switched on, as in PC01.
    warehouses : tuple of str
        Where the shop keeps its stock; empty: in one place without a name.
    """

    impossible = frozenset(
        {
            # No such field in an offer.
            "images-http",
            "images-missing",
            "weight-zero",
            "weight-missing",
            "weight-unit-slip",
            # Every product of the operator's catalogue has a category; prices are numbers and have no notation.
            "category-missing",
            "price-one-decimal",
            # The operator hands out addresses of its own, and countries are codes.
            "email-domain-typo",
            "email-double-dot",
            "email-trailing-space",
            "country-name",
            "country-lower-case",
        }
    )

    def __init__(
        self, clock: Callable[[], datetime], features: Mapping[str, Any], warehouses: tuple[str, ...] = ()
    ) -> None:
        super().__init__(clock)
        self.features = features
        self.warehouses = warehouses
        self.collections |= {"categories": {}, "shipments": {}, "deleted": {}}

    # ---- deliveries ------------------------------------------------------------------------------------------------

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """An offer for every item that is sold."""
        category = self._category(product["category"], product["taxonomy"])
        keys = {}
        for item in product["variants"] or [product]:
            number = self.next_number("offer", 2001)
            quantity = int(item["quantity"] or 0)
            self.products[item["sku"]] = _DEFAULTS | {
                "offer_id": number,
                "shop_sku": item["sku"],
                "product_sku": f"MKP{number:015d}",
                "title": product["title"],
                "product_description": product["description"],
                "brand": product["brand"],
                "category_code": category,
                "references": [
                    {"reference": item["gtin"], "reference_type": "EAN"},
                    {"reference": item["mpn"], "reference_type": "MPN"},
                ],
                "state_code": "11",
                "price": float(item["price"] or 0),
                "discount_price": float(item["sale_price"]) if item["sale_price"] else None,
                "discount_start": instant(moment_of(product["created_at"])) if item["sale_price"] else None,
                "discount_end": "2030-12-31T23:00:00Z" if item["sale_price"] else None,
                "quantity": quantity,
                "warehouses": self._spread(quantity),
                "description": product["description"],
                "leadtime_to_ship": 2 + number % 3,
                "logistic_class": "SML"[number % 3],
                "min_order_quantity": 1,
                "max_order_quantity": 20,
                "package_quantity": 1,
                "min_quantity_alert": 2,
                "offer_additional_fields": [{"code": "ecotax", "type": "NUMERIC", "value": "0.25"}],
                "internal_description": f"Shelf {number % 40}",
                "created": at or moment_of(product["created_at"]),
                "changed": at or moment_of(product["updated_at"]),
            }
            keys[item["key"]] = item["sku"]
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order; two of three that were paid, and those that were not, wait for acceptance."""
        number = self.next_number("order", 10)
        key = f"Order_{number:05d}-A"
        states = {"fulfilled": "SHIPPED", "cancelled": "CANCELED"}
        is_ready = order["status"] == "paid" and self.next_number("paid") % 3 == 1
        state = states.get(order["status"]) or ("SHIPPING" if is_ready else "WAITING_ACCEPTANCE")
        shipped = moment_of(order["shipped_at"]) if order["shipped_at"] else None
        self.orders[key] = {
            "order_id": key,
            "order_state": state,
            "created": at or moment_of(order["ordered_at"]),
            "changed": at or moment_of(order["updated_at"]),
            "accepted": None,
            "currency": order["currency"],
            "total": order["total"],
            "shipping": order["shipping"],
            "buyer": order["buyer_name"],
            "phone": order["phone"],
            "to": {name: order[f"ship_{name}"] for name in ("name", "street", "city", "region", "postal_code")}
            | {"country": _LONG_CODES[order["ship_country"]]},
            "lines": [
                {
                    "order_line_id": f"{key}-{place}",
                    "sku": line["sku"],
                    "quantity": int(line["quantity"]),
                    "unit_price": line["unit_price"],
                    "state": state,
                    "shipped": shipped,
                }
                for place, line in enumerate(order["lines"], 1)
            ],
            "tracking": {"carrier_code": "DHL", "tracking_number": f"JJD{number:012d}"} if shipped else {},
            "told": False,
        }
        return key

    def truth(self) -> pl.DataFrame:
        """The faults; those in an address that is not shown yet are left out."""
        hidden = [key for key, order in self.orders.items() if self.is_hidden(order)]
        return super().truth().filter(~((pl.col("kind") == "order") & pl.col("record").is_in(hidden)))

    def is_hidden(self, order: Document) -> bool:
        """Whether the seller sees no address of the buyer yet."""
        shown = self.features["order_workflows"]["shipping_and_billing_details_before_acceptance"]
        return not shown and order["order_state"] in _HIDDEN

    # ---- changes ---------------------------------------------------------------------------------------------------

    def change(self, record_key: str, field: str, value: str) -> None:
        """A foreign edit."""
        offer = self.products.get(record_key)
        if offer is None:
            raise KeyError(f"There is no record {record_key!r}")
        if field in ("price", "sale_price"):
            offer["discount_price" if field == "sale_price" else "price"] = float(value) if value else None
        elif field == "quantity":
            offer |= {"quantity": int(value), "warehouses": self._spread(int(value))}
        elif field in _FIELDS:
            offer[_FIELDS[field]] = int(value) if field == "lead_time_days" else value
        else:
            raise KeyError(f"An offer has no field {field!r}")
        offer["changed"] = self.later(offer["changed"])

    def debit(self, at: datetime) -> None:
        """Let the operator debit every buyer whose order was accepted long enough before."""
        for order in self.orders.values():
            if order["order_state"] == "WAITING_DEBIT_PAYMENT" and order["accepted"] + DEBIT_DELAY <= at:
                self.move(order, "SHIPPING")

    def move(self, order: Document, state: str) -> None:
        """Put an order, and those of its lines that were not refused, into a state."""
        order |= {"order_state": state, "changed": self.later(order["changed"])}
        for line in order["lines"]:
            if line["state"] != "REFUSED":
                line["state"] = state
                line["shipped"] = self.now() if state == "SHIPPED" and line["shipped"] is None else line["shipped"]

    def awaiting(self, step: str) -> list[str]:
        """Orders that wait for acceptance or shipment."""
        state = {"acceptance": "WAITING_ACCEPTANCE", "shipment": "SHIPPING"}[step]
        return [key for key, order in self.orders.items() if order["order_state"] == state]

    def parcels(self) -> list[tuple[str, str]]:
        """Parcels told of by OR23 and OR24, and by ST01."""
        sent = [(key, order["tracking"]["tracking_number"]) for key, order in self.orders.items() if order["told"]]
        return sent + [(one["order_id"], one["tracking"]["tracking_number"]) for one in self.shipments.values()]

    @property
    def shipments(self) -> dict[str, Document]:
        """Shipments told of by ST01, by their identifier."""
        return self.collections["shipments"]

    def left(self, order: Document) -> dict[str, int]:
        """Line to the units that are in no shipment yet."""
        sent: dict[str, int] = {}
        for shipment in self.shipments.values():
            for line in shipment["shipment_lines"] if shipment["order_id"] == order["order_id"] else ():
                sent[line["order_line_id"]] = sent.get(line["order_line_id"], 0) + line["quantity"]
        open_lines = [one for one in order["lines"] if one["state"] == "SHIPPING"]
        found = {one["order_line_id"]: one["quantity"] - sent.get(one["order_line_id"], 0) for one in open_lines}
        return {key: quantity for key, quantity in found.items() if quantity}

    # ---- imports ---------------------------------------------------------------------------------------------------

    def replace_offer(self, body: Document) -> None:
        """OF24: everything that is not sent goes back to its default.

        Raises
        ------
        LineError
            When a value is missing or is not one of those that the operator takes.
        """
        sku = str(body.get("shop_sku") or "")
        offer = self.products.get(sku)
        if missing := [
            one
            for one in ("shop_sku", "product_id", "product_id_type", "state_code", "price")
            if body.get(one) in (None, "")
        ]:
            raise LineError(f"The fields {', '.join(missing)} are required")
        if body.get("update_delete") == "delete":
            self._delete(sku)
            return
        product = self._product(str(body["product_id"]), body["product_id_type"])
        if product is None:
            raise LineError("The product does not exist")
        if offer is not None and offer["product_sku"] != product["product_sku"]:
            raise LineError("The product of an existing offer cannot be changed")
        self._judge(body)
        discount, stored = body.get("discount") or {}, offer or self._new_offer(sku, product)
        sent = {name: body[name] for name in _DEFAULTS if body.get(name) is not None}
        # Numbers may come as text.
        sent |= {name: int(sent[name]) for name in _WHOLE if name in sent}
        default, others = self._all_prices(body.get("all_prices") or [])
        ranges = [one for one in discount.get("ranges") or () if one["quantity_threshold"] > 1]
        sent |= {
            "state_code": body["state_code"],
            "price": float(body["price"]),
            "discount_price": discount.get("price", default.get("unit_discount_price")),
            "discount_start": discount.get("start_date"),
            "discount_end": discount.get("end_date"),
            "volumes": [one for one in default.get("volume_prices", ()) if one["quantity_threshold"] > 1] or ranges,
            "prices": others,
            "warehouses": self._spread(int(sent.get("quantity", 0))),
        }
        stored |= _DEFAULTS | sent
        stored["changed"] = self.later(stored["changed"])
        self.products[sku] = stored

    def rewrite_prices(self, sku: str, rows: Sequence[Mapping[str, str]]) -> None:
        """PRI01: what is not in the rows of an offer is deleted.

        Raises
        ------
        LineError
            When a row cannot be taken; no price of the offer changes then.
        """
        offer = self.products.get(sku)
        if offer is None:
            raise LineError("The offer does not exist")
        if len(rows) > 50:
            raise LineError("At most 50 prices are allowed for an offer")
        prices = [self._read_price(row) for row in rows]
        default = [one for one in prices if not one.get("context")]
        if len(default) != 1:
            raise LineError("One default price is required")
        offer |= {
            "price": default[0]["unit_origin_price"],
            "discount_price": default[0].get("unit_discount_price"),
            "discount_start": default[0].get("discount_start_date"),
            "discount_end": default[0].get("discount_end_date"),
            "volumes": [one for one in default[0]["volume_prices"] if one["quantity_threshold"] > 1],
            "prices": [one for one in prices if one.get("context")],
        }
        offer["changed"] = self.later(offer["changed"])

    def count_stock(self, sku: str, rows: Sequence[Mapping[str, str]]) -> None:
        """STO01: set the quantity of an offer, globally or by warehouse; nothing else changes.

        Raises
        ------
        LineError
            When a row cannot be taken.
        """
        offer = self.products.get(sku)
        if offer is None:
            raise LineError("The offer does not exist")
        stored = {one["code"]: one["quantity"] for one in offer["warehouses"]}
        for row in rows:
            name = row.get("warehouse-code") or ""
            if not re.fullmatch(r"\d{1,9}", row["quantity"]):
                raise LineError("The quantity must be a positive integer")
            if name and name not in self.warehouses:
                raise LineError(f"The warehouse {name} does not exist")
            stored[name] = int(row["quantity"])
        offer["warehouses"] = [{"code": name, "quantity": count} for name, count in stored.items() if name]
        offer["quantity"] = sum(one["quantity"] for one in offer["warehouses"]) if offer["warehouses"] else stored[""]
        offer["changed"] = self.later(offer["changed"])

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _judge(self, body: Document) -> None:
        discount = body.get("discount") or {}
        self._read_amount(str(body["price"]))
        if discount.get("price") is not None:
            self._read_amount(str(discount["price"]))
            self._check_period(discount.get("start_date"), discount.get("end_date"))
        if body["state_code"] not in STATES:
            raise LineError(f"The offer state {body['state_code']} does not exist")
        if body.get("logistic_class") not in (None, *LOGISTIC_CLASSES):
            raise LineError(f"The logistic class {body['logistic_class']} does not exist")
        if self.features["tax_collection"]["product_tax_code_mandatory"] and not body.get("product_tax_code"):
            raise LineError("The product tax code is required")
        if int(body.get("quantity") or 0) < 0:
            raise LineError("The quantity must be a positive integer")
        known = {one["code"] for one in ADDITIONAL_FIELDS}
        for one in body.get("offer_additional_fields") or ():
            if one["code"] not in known:
                raise LineError(f"The additional field {one['code']} does not exist")

    def _read_amount(self, value: str) -> float:
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise LineError(f"The price {value} is not a number") from None
        places = int(self.features["offer_prices_decimals"])
        if number <= 0:
            raise LineError("The price must be greater than 0")
        if round(number, places) != number:
            raise LineError(f"The price must have at most {places} decimals")
        return float(number)

    def _check_period(self, start: Any, end: Any) -> None:
        if self.features["pricing"]["discount_period_required"] and not (start and end):
            raise LineError("The discount start date and the discount end date are required")

    def _read_price(self, row: Mapping[str, str]) -> Document:
        price: Document = {"unit_origin_price": self._read_amount(row["price"])}
        reduced = row.get("discount-price")
        if reduced:
            self._check_period(row.get("discount-start-date"), row.get("discount-end-date"))
            price["unit_discount_price"] = self._read_amount(reduced)
            price |= {
                f"discount_{name}_date": row[f"discount-{name}-date"]
                for name in ("start", "end")
                if row.get(f"discount-{name}-date")
            }
        lists = {name.replace("-", "_"): row[name] for name in ("customer-organization-ids", "customer-group-ids")
                 if row.get(name)}  # fmt: skip
        context: Document = {name: [value] for name, value in lists.items()}
        context |= {"channel_codes": [row["channels"]]} if row.get("channels") else {}
        context |= {name.replace("-", "_"): row[name] for name in ("start-date", "end-date") if row.get(name)}
        reductions = dict(_ranges(row.get("discount-ranges", "")))
        price["volume_prices"] = [
            {"quantity_threshold": count, "unit_origin_price": amount}
            | ({"unit_discount_price": reductions[count]} if count in reductions else {})
            for count, amount in _ranges(row.get("price-ranges", ""))
        ]
        return price | ({"context": context} if context else {})

    def _all_prices(self, prices: Sequence[Document]) -> tuple[Document, list[Document]]:
        default = next((one for one in prices if not one.get("channel_code")), {})
        others = [
            {name: value for name, value in one.items() if name != "channel_code"}
            | {"context": {"channel_codes": [one["channel_code"]]}}
            for one in prices
            if one.get("channel_code")
        ]
        return default, others

    def _product(self, number: str, kind: str) -> Document | None:
        for one in self.products.values():
            known = [("SKU", one["product_sku"]), *((r["reference_type"], r["reference"]) for r in one["references"])]
            if (kind, number) in known:
                return one
        return None

    def _new_offer(self, sku: str, product: Document) -> Document:
        kept = ("product_sku", "title", "product_description", "brand", "category_code", "references")
        times = {"created": self.now(), "changed": self.now()}
        return {"offer_id": self.next_number("offer"), "shop_sku": sku} | {name: product[name] for name in kept} | times

    def _delete(self, sku: str) -> None:
        offer = self.products.pop(sku, None)
        if offer is None:
            raise LineError("The offer does not exist")
        self.collections["deleted"][sku] = offer | {"changed": self.later(offer["changed"])}

    def _spread(self, quantity: int) -> list[Document]:
        names = self.warehouses
        shares = (
            [quantity // len(names) + (place < quantity % len(names)) for place in range(len(names))] if names else []
        )
        return [{"code": name, "quantity": share} for name, share in zip(names, shares, strict=True)]

    def _category(self, path: str, leaf: str) -> str:
        """Code of a category; it and those above it become known (H11)."""
        labels = path.split(" > ")
        parent = ""
        for level, label in enumerate(labels):
            code = leaf if level == len(labels) - 1 else slug(" ".join(labels[: level + 1]))
            known = {"code": code, "label": label, "level": level + 1, "parent_code": parent}
            self.collections["categories"].setdefault(code, known)
            parent = code
        return parent


def _ranges(value: str) -> list[tuple[int, float]]:
    try:
        return [(int(count), float(amount)) for count, amount in (one.split("|") for one in value.split(",") if one)]
    except ValueError:
        raise LineError(f"The ranges {value} cannot be read") from None


_LONG_CODES = {"DE": "DEU", "FR": "FRA", "GB": "GBR", "US": "USA", "AT": "AUT", "NL": "NLD", "ES": "ESP"}
"""Countries of the demo's buyers: ISO 3166-1 alpha-2 to alpha-3."""
