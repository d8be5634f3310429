"""The tables of a PrestaShop shop: rows with defaults, the vocabulary behind them, prices and sums worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.catalogue import slug
from connectors.sandbox.prestashop_fields import RESOURCES, Column, stored
from connectors.sandbox.shelf import Document, Shelf

__all__ = ["HOME", "NEVER", "SHIPPED", "Tables"]

NEVER = "0000-00-00 00:00:00"
"""How the shop writes a time that there is none of."""

HOME = "2"
"""The category that all others lie under."""

SHIPPED = "4"
"""The state of orders that are on their way."""

_ORDER_STATES = (
    ("1", "Awaiting check payment", ""),
    ("2", "Payment accepted", "paid"),
    ("3", "Processing in progress", "paid"),
    (SHIPPED, "Shipped", "paid shipped"),
    ("5", "Delivered", "paid shipped"),
    ("6", "Canceled", ""),
    ("7", "Refunded", ""),
    ("8", "Payment error", ""),
    ("10", "Awaiting bank wire payment", ""),
)
_LANGUAGES = (("English", "en", "en-US"), ("Deutsch", "de", "de-DE"), ("Français", "fr", "fr-FR"))
_LINKS = {
    "products": ("categories", "images", "product_features"),
    "combinations": ("product_option_values",),
}


class Tables(Shelf):
    """Every table of the shop, by the name of its resource; a text in several languages is a mapping of language to text.

    Parameters
    ----------
    clock : callable
    languages : int
        How many of English, German and French the shop has.
    zone : str
        Its time zone; the webservice writes times of that zone and does not say so.
    """

    def __init__(self, clock: Callable[[], datetime], *, languages: int = 2, zone: str = "Europe/Paris") -> None:
        super().__init__(clock)
        self.zone = ZoneInfo(zone)
        self.tax_rates = {"0": Decimal(0), "1": Decimal("0.2")}
        self.mails: list[str] = []
        self._named: dict[tuple[str, ...], str] = {}
        self.collections |= {name: {} for name in RESOURCES}
        self.languages = [str(number) for number in range(1, languages + 1)]
        self._furnish(_LANGUAGES[:languages], zone)

    def insert(self, resource: str, values: Mapping[str, Any], *, key: str = "") -> Document:
        """Store a new row; what is not given is as in a fresh row of the database."""
        key = key or str(self.next_number(resource, 11))
        now = self.now()
        row: Document = {"id": key}
        for column in RESOURCES[resource].columns.values():
            if not column.is_virtual:
                row[column.name] = self.cell(column, values.get(column.name, ""), now)
        row["associations"] = {name: list(values.get(name, ())) for name in _LINKS.get(resource, ())}
        self.collections[resource][key] = row
        return row

    def cell(self, column: Column, value: Any, now: datetime) -> Any:
        """A value as it is stored."""
        if column.name in ("date_add", "date_upd"):
            return value or now
        if column.is_text:
            return dict(value) if isinstance(value, Mapping) else dict.fromkeys(self.languages, value)
        return stored(column, value if isinstance(value, str) else str(value))

    def written(self, moment: datetime) -> str:
        """A time as the webservice writes it."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def read_time(self, text: str) -> datetime:
        """A time that the webservice was sent."""
        return datetime.fromisoformat(text).replace(tzinfo=self.zone).astimezone(UTC)

    def rows(self, resource: str, **wanted: str) -> list[Document]:
        """The rows with these values."""
        found = self.collections[resource].values()
        return [row for row in found if all(row[name] == value for name, value in wanted.items())]

    def touch(self, row: Document) -> None:
        """Note that a row has changed."""
        row["date_upd"] = self.later(row["date_upd"])

    # ---- prices and stock --------------------------------------------------------------------------------------------

    def price(
        self, product: Document, combination: Document | None, *, use_tax: bool, use_reduction: bool, decimals: int
    ) -> Decimal:
        """What a guest of the default group pays for one unit."""
        special = self._special(product["id"], combination["id"] if combination else "0")
        is_fixed = special is not None and Decimal(special["price"]) >= 0
        amount = Decimal(special["price"] if special is not None and is_fixed else product["price"])
        if combination and not (is_fixed and special and special["id_product_attribute"] != "0"):
            amount += Decimal(combination["price"])
        rate = 1 + self.tax_rates[product["id_tax_rules_group"]]
        amount *= rate if use_tax else 1
        if special is not None and use_reduction:
            reduction = Decimal(special["reduction"])
            if special["reduction_type"] == "percentage":
                amount *= 1 - reduction
            elif special["reduction_tax"] == "1":
                amount -= reduction if use_tax else reduction / rate
            else:
                amount -= reduction * rate if use_tax else reduction
        return round(max(amount, Decimal(0)), decimals)

    def _special(self, product: str, combination: str) -> Document | None:
        now = self.written(self.now())
        found = [
            row
            for row in self.rows("specific_prices", id_product=product)
            if row["id_product_attribute"] in ("0", combination)
            and (row["from"] == NEVER or row["from"] <= now)
            and (row["to"] == NEVER or now <= row["to"])
        ]
        return max(found, key=lambda row: row["id_product_attribute"] != "0", default=None)

    def restock(self, row: Document) -> None:
        """Bring the sum of a product with combinations in line."""
        family = self.rows("stock_availables", id_product=row["id_product"])
        parts = [one for one in family if one["id_product_attribute"] != "0"]
        for whole in family:
            if whole["id_product_attribute"] == "0" and parts:
                whole["quantity"] = str(sum(int(one["quantity"]) for one in parts))

    def moved_on(self, history: Document, *, mail: bool) -> None:
        """An order has got a new state."""
        order = self.orders[history["id_order"]]
        order["current_state"] = history["id_order_state"]
        self.touch(order)
        if mail:
            self.mails.append(order["id"])

    # ---- the vocabulary ----------------------------------------------------------------------------------------------

    def named(self, resource: str, name: str, values: Mapping[str, str]) -> str:
        """Identifier of the row with this name and these owners, made when there is none."""
        owners = sorted(value for key, value in values.items() if key.startswith("id_"))
        mark = (resource, values[name], *owners)
        if mark not in self._named:
            self._named[mark] = str(self.insert(resource, values)["id"])
        return self._named[mark]

    def manufacturer(self, name: str) -> str:
        """Identifier of a brand; 0 for none."""
        return self.named("manufacturers", "name", {"name": name, "active": "1"}) if name else "0"

    def category(self, path: str) -> str:
        """Identifier of the category at a path below `HOME`."""
        parent = HOME
        for level, name in enumerate(path.split(" > ") if path else (), 2):
            words = {"name": name, "link_rewrite": slug(name), "id_parent": parent, "level_depth": str(level)}
            parent = self.named("categories", "name", words | {"active": "1"})
        return parent

    def feature(self, name: str, value: str) -> Document:
        """A feature of a product with its value, as a product links them."""
        feature = self.named("product_features", "name", {"name": name})
        words = {"value": value, "id_feature": feature}
        return {"id": feature, "id_feature_value": self.named("product_feature_values", "value", words)}

    def option(self, name: str, value: str) -> Document:
        """What makes a combination, as it links it."""
        words = {"name": name, "public_name": name, "group_type": "select"}
        option = self.named("product_options", "name", words)
        return {"id": self.named("product_option_values", "name", {"name": value, "id_attribute_group": option})}

    def country(self, code: str) -> str:
        """Identifier of a country."""
        values = {"iso_code": code, "name": code, "id_zone": "1", "active": "1", "need_zip_code": "1"}
        return self.named("countries", "iso_code", values)

    def region(self, country: str, code: str) -> str:
        """Identifier of a country's state."""
        values = {"id_country": country, "id_zone": "1", "iso_code": code, "name": code, "active": "1"}
        return self.named("states", "iso_code", values)

    def _furnish(self, languages: Sequence[tuple[str, str, str]], zone: str) -> None:
        for number, (name, code, locale) in enumerate(languages, 1):
            words = {"name": name, "iso_code": code, "locale": locale, "language_code": locale.lower(), "active": "1"}
            self.insert("languages", words, key=str(number))
        self.insert("currencies", {"iso_code": "EUR", "name": "Euro", "precision": "2", "active": "1"}, key="1")
        root = {"name": "Root", "link_rewrite": "root", "id_parent": "0", "active": "1"}
        home = {"name": "Home", "link_rewrite": "home", "id_parent": "1", "level_depth": "1", "is_root_category": "1"}
        self.insert("categories", root, key="1")
        self.insert("categories", home | {"active": "1"}, key=HOME)
        for key, name, marks in _ORDER_STATES:
            self.insert("order_states", {"name": name, **dict.fromkeys(marks.split(), "1")}, key=key)
        for name, value in _settings(zone):
            self.insert("configurations", {"name": name, "value": value})


def _settings(zone: str) -> Iterator[tuple[str, str]]:
    yield from {
        "PS_WEIGHT_UNIT": "kg",
        "PS_DIMENSION_UNIT": "cm",
        "PS_CURRENCY_DEFAULT": "1",
        "PS_LANG_DEFAULT": "1",
        "PS_TIMEZONE": zone,
        "PS_SHOP_DOMAIN": "shop.example.com",
        "PS_SHOP_DOMAIN_SSL": "shop.example.com",
        "PS_SSL_ENABLED": "1",
        "PS_SHOP_DEFAULT": "1",
        "PS_ROOT_CATEGORY": "1",
        "PS_HOME_CATEGORY": HOME,
        "PS_OS_SHIPPING": SHIPPED,
        "PS_OS_CANCELED": "6",
        "PS_OS_REFUND": "7",
        "PS_OS_ERROR": "8",
    }.items()
