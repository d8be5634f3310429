"""The JSON that a WooCommerce shop shows: products, variations, orders, terms and settings, field by field.

Field names, their order and types follow the recorded answers of WooCommerce 11.0.1 (2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.woocommerce_store import Row, Store
from connectors.sandbox.woocommerce_text import autop

__all__ = ["ORDER_STATUSES", "Shapes", "selected"]

ORDER_STATUSES = (
    ("pending", "Pending payment"),
    ("processing", "Processing"),
    ("on-hold", "On hold"),
    ("completed", "Completed"),
    ("cancelled", "Cancelled"),
    ("refunded", "Refunded"),
    ("failed", "Failed"),
    ("checkout-draft", "Draft"),
)

_WEIGHT_UNITS = ("kg", "g", "lbs", "oz")
_DIMENSION_UNITS = ("m", "cm", "mm", "in", "yd")
_SETTINGS = {
    "general": {
        "woocommerce_default_country": ("Country / State", "select", "US:CA", ()),
        "woocommerce_currency": ("Currency", "select", "USD", ("EUR", "USD", "GBP")),
        "woocommerce_price_decimal_sep": ("Decimal separator", "text", ".", ()),
        "woocommerce_price_num_decimals": ("Number of decimals", "number", "2", ()),
    },
    "products": {
        "woocommerce_weight_unit": ("Weight unit", "select", "lbs", _WEIGHT_UNITS),
        "woocommerce_dimension_unit": ("Dimensions unit", "select", "in", _DIMENSION_UNITS),
        "woocommerce_manage_stock": ("Manage stock", "checkbox", "yes", ()),
    },
}


class Shapes:
    """Turns stored rows into what the shop answers.

    Parameters
    ----------
    store : Store
    zone : zoneinfo.ZoneInfo
        The shop's time zone.
    site : callable
        Gives the shop's own address.
    """

    def __init__(self, store: Store, zone: ZoneInfo, site: Callable[[], str]) -> None:
        self._store = store
        self._zone = zone
        self._site = site

    def product(self, row: Row, context: str = "view") -> Row:
        """A product, or a variation read through the product route."""
        store = self._store
        variations = store.variations(row["id"]) if row["type"] == "variable" else []
        parent = store.products.get(row["parent"])
        shown = {
            "id": row["id"],
            "name": f"{parent['name']} - {_options(row)}" if parent else row["name"],
            "slug": row["slug"],
            "permalink": f"{self._site()}/product/{row['slug']}/"
            if row["slug"]
            else f"{self._site()}/?post_type=product&p={row['id']}",
            **self._dates(row),
            "type": row["type"],
            "status": row["status"],
            "featured": row["featured"],
            "catalog_visibility": row["catalog_visibility"],
            "description": row["description"] if context == "edit" else autop(row["description"]),
            "short_description": row["short_description"] if context == "edit" else autop(row["short_description"]),
            "sku": self._sku(row),
            **self._prices(row, variations),
            "total_sales": 0,
            "virtual": row["virtual"],
            "downloadable": row["downloadable"],
            "downloads": [],
            "download_limit": row["download_limit"],
            "download_expiry": row["download_expiry"],
            "external_url": row["external_url"],
            "button_text": row["button_text"],
            "tax_status": row["tax_status"],
            "tax_class": row["tax_class"],
            **self._stock(row),
            "sold_individually": row["sold_individually"],
            "weight": row["weight"],
            "dimensions": {name: row[name] for name in ("length", "width", "height")},
            "shipping_required": not row["virtual"],
            "shipping_taxable": not row["virtual"],
            "shipping_class": row["shipping_class"],
            "shipping_class_id": 0,
            "reviews_allowed": row["reviews_allowed"],
            "average_rating": "0.00",
            "rating_count": 0,
            "upsell_ids": [],
            "cross_sell_ids": [],
            "parent_id": row["parent"],
            "purchase_note": row["purchase_note"],
            **{taxonomy: self._terms(taxonomy, row[taxonomy]) for taxonomy in ("categories", "brands", "tags")},
            "images": [self._image(one, row) for one in row["images"]],
            "attributes": [self._attribute(place, one) for place, one in enumerate(row["attributes"])],
            "default_attributes": [],
            "variations": [one["id"] for one in variations],
            "grouped_products": [],
            "menu_order": row["menu_order"],
            "related_ids": [],
            "meta_data": row["meta"],
            "stock_status": row["stock_status"],
            "has_options": row["type"] == "variable",
            "post_password": row["post_password"],
            "global_unique_id": row["gtin"],
        }
        if context == "edit":
            shown |= {"permalink_template": f"{self._site()}/product/%pagename%/", "generated_slug": row["slug"]}
        return shown | {"_links": self._links(f"products/{row['id']}", "products")}

    def variation(self, row: Row, context: str = "view") -> Row:
        """A variation on its own route."""
        return {
            "id": row["id"],
            "type": "variation",
            **self._dates(row),
            "description": row["description"] if context == "edit" else autop(row["description"]),
            "permalink": f"{self._site()}/product/{self._store.products[row['parent']]['slug']}/",
            "sku": self._sku(row),
            "global_unique_id": row["gtin"],
            **self._prices(row, []),
            "status": row["status"],
            "virtual": row["virtual"],
            "downloadable": row["downloadable"],
            "downloads": [],
            "download_limit": row["download_limit"],
            "download_expiry": row["download_expiry"],
            "tax_status": row["tax_status"],
            "tax_class": row["tax_class"],
            **self._stock(row),
            "stock_status": row["stock_status"],
            "weight": row["weight"],
            "dimensions": {name: row[name] for name in ("length", "width", "height")},
            "shipping_class": row["shipping_class"],
            "shipping_class_id": 0,
            "image": self._image(row["images"][0], row) if row["images"] else None,
            "gallery_image_ids": [],
            "attributes": [self._attribute(place, one) for place, one in enumerate(row["attributes"])],
            "menu_order": row["menu_order"],
            "meta_data": row["meta"],
            "name": _options(row),
            "parent_id": row["parent"],
            "_links": self._links(
                f"products/{row['parent']}/variations/{row['id']}", f"products/{row['parent']}/variations"
            ),
        }

    def order(self, row: Row) -> Row:
        """An order with its lines."""
        lines = [self._line(line) for line in row["lines"]]
        return {
            "id": row["id"],
            "parent_id": 0,
            "status": row["status"],
            "currency": row["currency"],
            "version": "11.0.1",
            "prices_include_tax": False,
            "date_created": self._local(row["created"]),
            "date_modified": self._local(row["modified"]),
            "discount_total": "0.00",
            "discount_tax": "0.00",
            "shipping_total": row["shipping_total"],
            "shipping_tax": "0.00",
            "cart_tax": "0.00",
            "total": row["total"],
            "total_tax": "0.00",
            "customer_id": 0,
            "order_key": f"wc_order_{row['id']:013d}",
            "billing": row["billing"],
            "shipping": row["shipping"],
            "payment_method": row["payment_method"],
            "payment_method_title": row["payment_method_title"],
            "transaction_id": row["transaction_id"],
            "customer_ip_address": "",
            "customer_user_agent": "",
            "created_via": "checkout",
            "customer_note": row["customer_note"],
            "date_completed": self._local(row["completed"]),
            "date_paid": self._local(row["paid"]),
            "cart_hash": "",
            "number": str(row["id"]),
            "meta_data": row["meta"],
            "line_items": lines,
            "tax_lines": [],
            "shipping_lines": [],
            "fee_lines": [],
            "coupon_lines": [],
            "refunds": [],
            "payment_url": f"{self._site()}/checkout/order-pay/{row['id']}/?pay_for_order=true",
            "is_editable": row["status"] in ("pending", "on-hold"),
            "needs_payment": row["status"] in ("pending", "failed"),
            "needs_processing": True,
            "date_created_gmt": _gmt(row["created"]),
            "date_modified_gmt": _gmt(row["modified"]),
            "date_completed_gmt": _gmt(row["completed"]),
            "date_paid_gmt": _gmt(row["paid"]),
            "currency_symbol": "€",
            "_links": self._links(f"orders/{row['id']}", "orders"),
        }

    def term(self, taxonomy: str, row: Row) -> Row:
        """A category, brand or tag."""
        count = sum(row["id"] in one[taxonomy] for one in self._store.products.values())
        if taxonomy == "tags":
            return {"id": row["id"], "name": row["name"], "slug": row["slug"], "description": "", "count": count}
        return {
            "id": row["id"],
            "name": row["name"],
            "slug": row["slug"],
            "parent": row["parent"],
            "description": "",
            "display": "default",
            "image": None,
            "menu_order": 0,
            "count": count,
            "_links": self._links(f"products/{taxonomy}/{row['id']}", f"products/{taxonomy}"),
        }

    def settings(self, group: str) -> list[Row] | None:
        """The settings of a group, None where there is no such group."""
        if group not in _SETTINGS:
            return None
        return [
            {
                "id": name,
                "label": label,
                "description": label,
                "type": kind,
                "default": default,
                **({"options": {one: one for one in options}} if options else {}),
                "tip": label,
                "value": self._store.settings[name],
                "group_id": group,
            }
            for name, (label, kind, default, options) in _SETTINGS[group].items()
        ]

    def system_status(self) -> Row:
        """The report that a connection test reads."""
        settings = self._store.settings
        return {
            "environment": {
                "home_url": self._site(),
                "site_url": self._site(),
                "version": "11.0.1",
                "wp_version": "6.9.7",
                "language": "en_US",
                "php_version": "8.2.36",
                "default_timezone": "UTC",
            },
            "database": {},
            "active_plugins": [{"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": "11.0.1"}],
            "settings": {
                "api_enabled": False,
                "force_ssl": False,
                "currency": settings["woocommerce_currency"],
                "currency_symbol": "&euro;",
                "currency_position": "left",
                "thousand_separator": ",",
                "decimal_separator": settings["woocommerce_price_decimal_sep"],
                "number_of_decimals": int(settings["woocommerce_price_num_decimals"]),
                "HPOS_enabled": True,
            },
            "security": {"secure_connection": False, "hide_errors": True},
        }

    # ---- parts -----------------------------------------------------------------------------------------------

    def _dates(self, row: Row) -> Row:
        return {
            "date_created": self._local(row["created"]),
            "date_created_gmt": _gmt(row["created"]),
            "date_modified": self._local(row["modified"]),
            "date_modified_gmt": _gmt(row["modified"]),
        }

    def _prices(self, row: Row, variations: list[Row]) -> Row:
        sales = {name: row[f"date_on_sale_{name}"] for name in ("from", "to")}
        if variations:
            prices = [one for one in (self._price(variation) for variation in variations) if one]
            price = min(prices, key=Decimal, default="")
            regular, sale, on_sale = "", "", any(self._on_sale(variation) for variation in variations)
        else:
            price, regular, sale, on_sale = (
                self._price(row),
                row["regular_price"],
                row["sale_price"],
                self._on_sale(row),
            )
        dates: Row = {}
        for name, text in sales.items():
            local = datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(self._zone) if text else None
            dates |= {
                f"date_on_sale_{name}": local.strftime("%Y-%m-%dT%H:%M:%S") if local else None,
                f"date_on_sale_{name}_gmt": text,
            }
        purchasable = bool(price) and row["status"] == "publish"
        prices_shown = {"price": price, "regular_price": regular, "sale_price": sale}
        return prices_shown | dates | {"on_sale": on_sale, "purchasable": purchasable}

    def _price(self, row: Row) -> str:
        return str(row["sale_price"] if self._on_sale(row) else row["regular_price"])

    def _on_sale(self, row: Row) -> bool:
        now = self._store.now().replace(tzinfo=None)
        start, end = row["date_on_sale_from"], row["date_on_sale_to"]
        begun = not start or datetime.fromisoformat(start) <= now
        return bool(row["sale_price"]) and begun and (not end or datetime.fromisoformat(end) >= now)

    def _stock(self, row: Row) -> Row:
        parent = self._store.products.get(row["parent"])
        managed: bool | str = row["manage_stock"]
        quantity = row["stock"]
        if parent and not managed and parent["manage_stock"]:
            managed, quantity = "parent", parent["stock"]
        return {
            "manage_stock": managed,
            "stock_quantity": quantity,
            "backorders": row["backorders"],
            "backorders_allowed": row["backorders"] != "no",
            "backordered": row["stock_status"] == "onbackorder",
            "low_stock_amount": None,
        }

    def _sku(self, row: Row) -> str:
        parent = self._store.products.get(row["parent"])
        return str(row["sku"] or (parent["sku"] if parent else ""))

    def _terms(self, taxonomy: str, ids: Iterable[int]) -> list[Row]:
        found = [self._store.terms[taxonomy][one] for one in ids]
        return [{"id": one["id"], "name": one["name"], "slug": one["slug"]} for one in found]

    def _image(self, image: Row, row: Row) -> Row:
        return {"id": image["id"], **self._dates(row), "src": image["src"], "name": image["name"], "alt": image["alt"]}

    def _attribute(self, place: int, one: Row) -> Row:
        start = {"id": one.get("id", 0), "name": one["name"], "slug": one["name"]}
        if "option" in one:
            return start | {"option": one["option"]}
        rest = {"position": place, "visible": True, "variation": one.get("variation", False)}
        return start | rest | {"options": one.get("options", [])}

    def _line(self, line: Row) -> Row:
        return {
            "id": line["id"],
            "name": line["name"],
            "product_id": line["product_id"],
            "variation_id": line["variation_id"],
            "quantity": line["quantity"],
            "tax_class": "",
            "subtotal": line["total"],
            "subtotal_tax": "0.00",
            "total": line["total"],
            "total_tax": "0.00",
            "taxes": [],
            "meta_data": [],
            "sku": line["sku"],
            "global_unique_id": "",
            "price": float(line["unit_price"]),
            "image": {"id": "", "src": ""},
            "parent_name": line["name"] if line["variation_id"] else None,
        }

    def _local(self, moment: datetime | None) -> str | None:
        return moment.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M:%S") if moment else None

    def _links(self, item: str, collection: str) -> Row:
        base = f"{self._site()}/wp-json/wc/v3"
        return {"self": [{"href": f"{base}/{item}"}], "collection": [{"href": f"{base}/{collection}"}]}


def selected(value: Any, fields: str) -> Any:
    """Only the named fields (``id,dimensions.length``), in the order of the value; the value itself where none are named."""
    if not fields:
        return value
    if isinstance(value, list):
        return [selected(one, fields) for one in value]
    if not isinstance(value, dict):
        return value
    wanted: dict[str, list[str]] = {}
    for name in (one.strip() for one in fields.split(",")):
        root, _, rest = name.partition(".")
        wanted.setdefault(root, []).append(rest)
    return {
        name: one if "" in wanted[name] else selected(one, ",".join(wanted[name]))
        for name, one in value.items()
        if name in wanted
    }


def _options(row: Row) -> str:
    return ", ".join(one["option"] for one in row["attributes"])


def _gmt(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") if moment else None
