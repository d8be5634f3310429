"""The database behind a PrestaShop shop: deliveries arrive and somebody edits in the back office."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from connectors.sandbox.catalogue import slug
from connectors.sandbox.prestashop_tables import HOME, NEVER, SHIPPED, Tables
from connectors.sandbox.shelf import Document, moment_of

__all__ = ["Shop"]

_STATES = {"paid": "2", "fulfilled": SHIPPED, "cancelled": "6", "pending": "10"}
_TEXTS = {"title": "name", "description": "description"}
_OWN = {"sku": "reference", "mpn": "mpn"}
_SIZES = {"length_mm": "depth", "width_mm": "width", "height_mm": "height"}
_ADDRESS = {
    "phone": "phone",
    "ship_street": "address1",
    "ship_city": "city",
    "ship_postal_code": "postcode",
}
_NAMES = {"buyer_name": "customers", "ship_name": "addresses"}
_ORDER_FIELDS = frozenset({*_ADDRESS, *_NAMES, "email"})
_EVERYBODY = {
    **dict.fromkeys(("id_shop", "id_cart", "id_currency", "id_country", "id_group", "id_customer"), "0"),
    "from_quantity": "1",
    "reduction_tax": "0",
    "reduction_type": "amount",
    "from": NEVER,
    "to": NEVER,
}


class Shop(Tables):
    """Products, orders and everything that belongs to them.

    Parameters
    ----------
    clock, languages, zone
        As for `Tables`.
    """

    impossible = frozenset(
        {
            "images-http",  # one switch serves the whole shop by https
            "title-too-long",  # names end after 128 characters
            "description-junk",  # scripts are refused
            "weight-missing",  # a weight is a number, 0 when nothing is typed
            "price-one-decimal",  # six decimal places are kept, always
            "email-double-dot",  # refused
            "email-trailing-space",  # refused
            "country-name",  # countries are chosen from a list
            "country-lower-case",
        }
    )

    def __init__(self, clock: Callable[[], datetime], *, languages: int = 2, zone: str = "Europe/Paris") -> None:
        super().__init__(clock, languages=languages, zone=zone)
        self._skus: dict[str, tuple[str, str]] = {}

    # ---- deliveries --------------------------------------------------------------------------------------------------

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """Store a product with its combinations, stock and reductions."""
        changed = at or moment_of(product["updated_at"])
        base = (product["variants"] or [product])[0]
        category = self.category(product["category"])
        row = self.insert(
            "products",
            {
                "name": product["title"],
                "description": product["description"],
                "link_rewrite": slug(product["title"])[:128] or "product",
                "id_manufacturer": self.manufacturer(product["brand"]),
                "id_category_default": category,
                "categories": [{"id": one} for one in dict.fromkeys((HOME, category))],
                "images": [{"id": str(self.next_number("images", 21))} for _ in product["images"]],
                "product_features": [self.feature(*pair) for pair in product["attributes"].items()],
                "reference": product["sku"],
                "mpn": product["mpn"],
                **_codes(product["gtin"]),
                "price": base["price"],
                "weight": _kilograms(base["weight_g"]),
                **{name: str(Decimal(product[field]) / 10) for field, name in _SIZES.items()},
                "condition": product["condition"],
                "active": "1" if product["status"] == "active" else "0",
                "product_type": "combinations" if product["variants"] else "standard",
                "visibility": "both",
                "minimal_quantity": "1",
                "id_shop_default": "1",
                "id_tax_rules_group": "1",
                "state": "1",
                "show_price": "1",
                "available_for_order": "1",
                "date_add": moment_of(product["created_at"]),
                "date_upd": changed,
            },
        )
        keys = {product["key"]: row["id"]}
        for item in product["variants"]:
            keys[item["key"]] = f"{row['id']}-{self._combination(row, item)['id']}"
        if not product["variants"]:
            self._skus[product["sku"]] = (row["id"], "0")
            self._reduced(row["id"], "0", product["sale_price"], row["price"])
        self._stock(row["id"], "0", sum(int(one["quantity"] or 0) for one in product["variants"] or [product]))
        for item in product["variants"]:
            self._stock(row["id"], keys[item["key"]].partition("-")[2], int(item["quantity"] or 0))
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        """Store an order with its buyer, address, lines and history."""
        placed, state = at or moment_of(order["ordered_at"]), _STATES[order["status"]]
        first, _, last = order["buyer_name"].partition(" ")
        to_first, _, to_last = order["ship_name"].partition(" ")
        country = self.country(order["ship_country"])
        customer = self.insert(
            "customers",
            {
                "firstname": first,
                "lastname": last,
                "email": order["email"],
                "passwd": "$2y$10$" + "x" * 53,
                "secure_key": f"{self.next_number('secure'):032x}",
                "active": "1",
            },
        )
        address = self.insert(
            "addresses",
            {
                "id_customer": customer["id"],
                "alias": "My address",
                "firstname": to_first,
                "lastname": to_last,
                "address1": order["ship_street"],
                "city": order["ship_city"],
                "postcode": order["ship_postal_code"],
                "id_country": country,
                "id_state": self.region(country, order["ship_region"]) if order["ship_region"] else "0",
                "phone": order["phone"],
            },
        )
        total = Decimal(order["total"])
        row = self.insert(
            "orders",
            {
                "id_address_delivery": address["id"],
                "id_address_invoice": address["id"],
                "id_cart": str(self.next_number("carts")),
                "id_currency": "1",
                "id_lang": "1",
                "id_customer": customer["id"],
                "id_carrier": "2",
                "current_state": state,
                "payment": "Bank transfer",
                "module": "ps_wirepayment",
                "total_paid": str(total),
                "total_paid_tax_incl": str(total),
                "total_paid_tax_excl": f"{total / Decimal('1.2'):.6f}",
                "total_shipping": order["shipping"],
                "total_shipping_tax_incl": order["shipping"],
                "conversion_rate": "1",
                "reference": f"ORDER{self.next_number('references', 1001)}",
                "invoice_date": NEVER,
                "delivery_date": NEVER,
                "date_add": placed,
                "date_upd": at or moment_of(order["updated_at"]),
            },
            key=str(self.next_number("orders", 5001)),
        )
        for line in order["lines"]:
            self._detail(row["id"], line)
        self.insert("order_carriers", {"id_order": row["id"], "id_carrier": "2", "date_add": placed})
        history = {"id_order": row["id"], "id_order_state": "10", "date_add": placed}
        self.insert("order_histories", history)
        if state != "10":
            done = at or (moment_of(order["shipped_at"]) if state == SHIPPED else placed)
            self.insert("order_histories", history | {"id_order_state": state, "date_add": done})
        return str(row["id"])

    # ---- edits in the back office ------------------------------------------------------------------------------------

    def change(self, record_key: str, field: str, value: str) -> None:
        """An edit of a product (``12``), a combination (``12-34``) or an order."""
        if field in _ORDER_FIELDS:
            self._change_order(record_key, field, value)
            return
        product = self.products.get(record_key.partition("-")[0])
        combination = self.collections["combinations"].get(record_key.partition("-")[2])
        if product is None or ("-" in record_key and combination is None):
            raise KeyError(f"There is no record {record_key!r}")
        own = combination or product
        if field in _TEXTS:
            product[_TEXTS[field]] = dict.fromkeys(self.languages, value)
        elif field in _OWN:
            own[_OWN[field]] = value
        elif field == "gtin":
            own |= {"ean13": "", "upc": "", **_codes(value)}
        elif field == "price":
            base = Decimal(product["price"]) if combination else 0
            own["price"] = f"{Decimal(value) - base:.6f}"
        elif field == "sale_price":
            self._set_reduced(product, combination, value)
        elif field == "weight_g":
            base = Decimal(product["weight"]) if combination else 0
            own["weight"] = f"{Decimal(value) / 1000 - base:.6f}"
        elif field in _SIZES:
            product[_SIZES[field]] = f"{Decimal(value) / 10:.6f}"
        elif field == "brand":
            product["id_manufacturer"] = self.manufacturer(value)
        elif field == "category":
            product["id_category_default"] = self.category(value)
        elif field == "status":
            product["active"] = "1" if value == "active" else "0"
        elif field == "condition":
            product["condition"] = value
        elif field == "quantity":
            number = combination["id"] if combination else "0"
            (row,) = self.rows("stock_availables", id_product=product["id"], id_product_attribute=number)
            row["quantity"] = value
            self.restock(row)
        else:
            raise KeyError(f"A product has no field {field!r}")
        self.touch(product)

    def _change_order(self, record_key: str, field: str, value: str) -> None:
        if record_key not in self.orders:
            raise KeyError(f"There is no record {record_key!r}")
        order = self.orders[record_key]
        customer = self.collections["customers"][order["id_customer"]]
        address = self.collections["addresses"][order["id_address_delivery"]]
        if field in _NAMES:
            person = customer if _NAMES[field] == "customers" else address
            person["firstname"], _, person["lastname"] = value.partition(" ")
        elif field == "email":
            customer["email"] = value
        else:
            address[_ADDRESS[field]] = value
        self.touch(order)

    # ---- what others ask ---------------------------------------------------------------------------------------------

    def awaiting(self, step: str) -> list[str]:
        """Paid orders wait for their parcel; nothing waits for acceptance."""
        return [key for key, row in self.orders.items() if row["current_state"] == "2"] if step == "shipment" else []

    def parcels(self) -> list[tuple[str, str]]:
        """Orders with a tracking number."""
        rows = self.collections["order_carriers"].values()
        return [(row["id_order"], row["tracking_number"]) for row in rows if row["tracking_number"]]

    def dump(self) -> Document:
        """Everything stored; a reduction stands with its product, as one text, since it is a part of its price."""
        content = super().dump()
        for row in content.pop("specific_prices").values():
            told = json.dumps({name: value for name, value in row.items() if name != "id"}, sort_keys=True)
            content["products"][row["id_product"]].setdefault("reductions", []).append(told)
        return content

    # ---- the parts of a delivery -------------------------------------------------------------------------------------

    def _combination(self, product: Document, item: Document) -> Document:
        row = self.insert(
            "combinations",
            {
                "id_product": product["id"],
                "reference": item["sku"],
                "mpn": item["mpn"],
                **_codes(item["gtin"]),
                "price": str(Decimal(item["price"]) - Decimal(product["price"])),
                "weight": str(Decimal(_kilograms(item["weight_g"])) - Decimal(product["weight"])),
                "minimal_quantity": "1",
                "product_option_values": [self.option(*pair) for pair in item["options"].items()],
            },
        )
        if product["cache_default_attribute"] == "0":
            product["cache_default_attribute"] = row["id"]
            row["default_on"] = "1"
        self._skus[item["sku"]] = (product["id"], row["id"])
        self._reduced(product["id"], row["id"], item["sale_price"], item["price"])
        return row

    def _stock(self, product: str, combination: str, quantity: int) -> None:
        self.insert(
            "stock_availables",
            {
                "id_product": product,
                "id_product_attribute": combination,
                "id_shop": "1",
                "quantity": str(quantity),
                "out_of_stock": "2",
            },
        )

    def _reduced(self, product: str, combination: str, sale: str, price: str) -> None:
        """As merchants do it: an amount off, or another price where that cannot be."""
        if not sale:
            return
        off = Decimal(price) - Decimal(sale)
        values = {"price": "-1", "reduction": str(off)} if off > 0 else {"price": sale, "reduction": "0"}
        keys = {"id_product": product, "id_product_attribute": combination}
        self.insert("specific_prices", {**_EVERYBODY, **keys, **values})

    def _set_reduced(self, product: Document, combination: Document | None, value: str) -> None:
        number = combination["id"] if combination else "0"
        for row in self.rows("specific_prices", id_product=product["id"], id_product_attribute=number):
            del self.collections["specific_prices"][row["id"]]
        price = Decimal(product["price"]) + (Decimal(combination["price"]) if combination else 0)
        self._reduced(product["id"], number, value, str(price))

    def _detail(self, order: str, line: Document) -> None:
        product, combination = self._skus.get(line["sku"], ("0", "0"))
        each, count = Decimal(line["unit_price"]), int(line["quantity"])
        name = self.products[product]["name"]["1"] if product in self.products else line["sku"]
        self.insert(
            "order_details",
            {
                "id_order": order,
                "id_shop": "1",
                "product_id": product,
                "product_attribute_id": combination,
                "product_name": name,
                "product_quantity": str(count),
                "product_price": f"{each / Decimal('1.2'):.6f}",
                "product_reference": line["sku"],
                "unit_price_tax_incl": str(each),
                "unit_price_tax_excl": f"{each / Decimal('1.2'):.6f}",
                "total_price_tax_incl": str(each * count),
            },
        )


def _codes(gtin: str) -> dict[str, str]:
    """A shop keeps American codes apart from European ones."""
    return {"upc" if len(gtin) == 12 else "ean13": gtin}


def _kilograms(grams: str) -> str:
    return str(Decimal(grams or 0) / 1000)
