"""PrestaShop's rows put together to items: a product with its combinations, an order with its buyer, lines and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from connectors.changes import InvalidError
from connectors.errors import ProtocolError
from connectors.mapping import LENGTH, WEIGHT, Amount, Joined, Source, text
from connectors.platforms.prestashop.wire import FULL, Row, Wire, grouped, ids, links

__all__ = [
    "COMPUTED", "ORDER", "ORDER_LINE", "PRODUCT", "SIZES", "STOCK", "TEXTS", "Item", "Reader", "Shop", "code_node",
    "is_variant", "net_price", "phone_node", "sale_of", "tax_factor",
]  # fmt: skip

Item = Mapping[str, Any]
"""What a record is made of. Of a product: ``own`` (the row of the product or combination), ``product``, ``resource``
(where ``own`` lies), ``variants``. Of an order: ``order``, ``customer``, ``address``, ``details``. Of stock: ``own``."""

TEXTS = {
    "short_description": "description_short",
    "meta_title": "meta_title",
    "meta_description": "meta_description",
    "link_rewrite": "link_rewrite",
}
"""Attribute to the field of a product in several languages."""

SIZES = {"length_mm": "depth", "width_mm": "width", "height_mm": "height"}
_EXTRA = ("visibility", "isbn", "supplier_reference")
_COMBINATIONS_OF = 20
"""Products whose combinations are asked for at once: one may have hundreds."""

_SETTINGS = (
    "PS_WEIGHT_UNIT", "PS_DIMENSION_UNIT", "PS_CURRENCY_DEFAULT", "PS_LANG_DEFAULT", "PS_TIMEZONE", "PS_HOME_CATEGORY",
    "PS_OS_SHIPPING", "PS_OS_CANCELED", "PS_OS_REFUND", "PS_OS_ERROR", "PS_SSL_ENABLED", "PS_SHOP_DOMAIN",
    "PS_SHOP_DOMAIN_SSL", "PS_SHOP_DEFAULT",
)  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """Settings that the values depend on.

    Parameters
    ----------
    settings : mapping of str to str
        Configuration values by name.
    zone : ZoneInfo
        Of every time.
    weight, length : Amount
    language, language_code : str
        Identifier and ISO code of the language that texts are read and written in.
    number : str
        Identifier of the shop itself, one of several in a multi-shop.
    """

    settings: Mapping[str, str]
    zone: ZoneInfo
    weight: Amount
    length: Amount
    language: str
    language_code: str
    number: str

    def utc(self, written: str) -> str:
        """A local time in UTC; of the two that an hour of autumn may mean the later one, so that no change looks old."""
        if not written or written.startswith("0000"):
            return ""
        moment = datetime.fromisoformat(written).replace(tzinfo=self.zone, fold=1)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def local(self, moment: datetime) -> datetime:
        """The earliest time that the shop may write for a change from this moment on: clocks may be about to turn back."""
        now, later = (one.astimezone(self.zone).replace(tzinfo=None) for one in (moment, moment + timedelta(hours=1)))
        return now - timedelta(hours=1) if later <= now else now

    def said(self, value: Any) -> str:
        """A text in the language of the connection; a shop of one language gives the text alone."""
        if not isinstance(value, list):
            return text(value)
        return next((text(one.get("value")) for one in value if text(one.get("id")) == self.language), "")


def is_variant(item: Item) -> bool:
    """Whether it is a combination."""
    return item["own"] is not item["product"]


def _sum(item: Item, name: str) -> Decimal:
    own = Decimal(item["own"][name])
    return own + Decimal(item["product"][name]) if is_variant(item) else own


def net_price(item: Item) -> Decimal:
    """The price without tax; what a combination has of its own is added to the product's."""
    return _sum(item, "price")


def tax_factor(item: Item) -> Decimal | None:
    """What a price without tax is multiplied by; None where prices go without, 0 where the shop does not tell."""
    if "taxed" not in item["own"]:
        return None
    taxed, untaxed = Decimal(item["own"]["taxed"]), Decimal(item["own"]["untaxed"])
    return round(taxed / untaxed, 4) if untaxed else Decimal(0)


def _shown(item: Item, net: Decimal) -> str:
    factor = tax_factor(item)
    return text(net) if factor is None else f"{net * factor:.2f}"


def _price(item: Item) -> str:
    as_it_came = not is_variant(item) and tax_factor(item) is None
    return text(item["own"]["price"]) if as_it_came else _shown(item, net_price(item))


def sale_of(item: Item) -> str:
    """What is paid, where that is another price."""
    reduced = Decimal(item["own"].get("reduced") or net_price(item))
    return "" if reduced == net_price(item) else _shown(item, reduced)


def code_node(item: Item) -> str:
    """Where the GTIN stands: a shop keeps American codes apart."""
    return "upc" if not text(item["own"].get("ean13")) and text(item["own"].get("upc")) else "ean13"


def phone_node(item: Item) -> str:
    """Where the number stands: an address has two."""
    address = item["address"]
    return "phone_mobile" if not text(address.get("phone")) and text(address.get("phone_mobile")) else "phone"


PRODUCT: dict[str, Source] = {
    "record_key": "id",
    "parent_key": "parent",
    "level": "level",
    "sku": "own.reference",
    "gtin": lambda item: text(item["own"].get(code_node(item))),
    "mpn": "own.mpn",
    "price": _price,
    "sale_price": sale_of,
    "currency": "currency",
}
COMPUTED = frozenset(
    [
        "title", "description", "brand", "category", "condition", "images", "weight_g", *SIZES, "language", "status",
        "attributes", "updated_at",
    ]
)  # fmt: skip
"""Fields of products that `Reader.product` adds to `PRODUCT`."""

ORDER: dict[str, Source] = {
    "record_key": "id",
    "ordered_at": "ordered_at",
    "status": "status",
    "currency": "currency",
    "total": "order.total_paid_tax_incl",
    "buyer_name": Joined(("customer.firstname", "customer.lastname")),
    "email": "customer.email",
    "phone": lambda item: text(item["address"].get(phone_node(item))),
    "ship_name": Joined(("address.firstname", "address.lastname")),
    "ship_street": "address.address1",
    "ship_city": "address.city",
    "ship_region": "region",
    "ship_postal_code": "address.postcode",
    "ship_country": "country",
    "shipped_at": "shipped_at",
    "updated_at": "updated_at",
}
ORDER_LINE: dict[str, Source] = {
    "line_key": "id",
    "sku": "product_reference",
    "quantity": "product_quantity",
    "unit_price": "unit_price_tax_incl",
}
STOCK: dict[str, Source] = {"record_key": "id", "parent_key": "parent", "sku": "sku", "quantity": "own.quantity"}


class Reader:
    """Reads one shop.

    Parameters
    ----------
    wire : Wire
    settings : mapping of str to str
        ``language``, ``id_shop`` and ``tax`` of the connection.
    folder : str
        Path of the shop below its domain.
    """

    def __init__(self, wire: Wire, settings: Mapping[str, str], folder: str) -> None:
        self._wire = wire
        self._given = settings
        self._folder = folder

    @cached_property
    def shop(self) -> Shop:
        """Units, language and time zone, asked once.

        Raises
        ------
        ProtocolError
            When one is unknown: every value would be wrong.
        """
        settings = self._settings()
        weight = {**WEIGHT, "lbs": WEIGHT["lb"]}.get(settings["PS_WEIGHT_UNIT"].lower())
        length = LENGTH.get(settings["PS_DIMENSION_UNIT"].lower())
        wanted = (self._given["language"] or settings["PS_LANG_DEFAULT"]).lower()
        languages = {
            text(one.get("id")): text(one.get("iso_code")).lower() for one in self._wire.rows("languages", FULL)
        }
        language = next((key for key, code in languages.items() if wanted in (key, code)), "")
        zone = _zone(settings["PS_TIMEZONE"])
        if not (weight and length and language and zone):
            raise ProtocolError(
                f"The shop measures in {settings['PS_WEIGHT_UNIT']!r} and {settings['PS_DIMENSION_UNIT']!r} (known: "
                f"{', '.join(WEIGHT)}; {', '.join(LENGTH)}), has the time zone {settings['PS_TIMEZONE']!r} and the "
                f"languages {', '.join(languages.values())} (wanted: {wanted!r}). Set these right at International > "
                "Localization, or the connection's own language.",
                platform="prestashop",
            )
        number = self._given["id_shop"] or settings["PS_SHOP_DEFAULT"]
        return Shop(settings, zone, weight, length, language, languages[language], number)

    def _settings(self) -> dict[str, str]:
        """Configuration values: the shop's own before those of all shops, those of other shops never."""
        rows = self._wire.rows("configurations", FULL | {"filter[name]": f"[{'|'.join(_SETTINGS)}]"})
        found = dict.fromkeys(_SETTINGS, "")
        for whose in (("", "0"), (self._given["id_shop"],)):
            mine = [row for row in rows if text(row.get("id_shop")) in whose]
            found |= {text(row.get("name")): text(row.get("value")) for row in mine}
        return found

    @cached_property
    def _pictures(self) -> str:
        """Where the originals of pictures lie; PrestaShop makes the folders of the digits of a picture's number."""
        settings = self.shop.settings
        is_safe = settings["PS_SSL_ENABLED"] == "1"
        host = settings["PS_SHOP_DOMAIN_SSL" if is_safe else "PS_SHOP_DOMAIN"]
        return f"{'https' if is_safe else 'http'}://{host}{self._folder}/img/p"

    def prices(self, resource: str) -> dict[str, str]:
        """Parameters of a list that let the shop work prices out, without ecotax and with six decimals."""
        if resource not in ("products", "combinations"):
            return {}
        wanted = {"reduced": ("0", "1")}
        if self._given["tax"].lower() == "included":
            wanted |= {"taxed": ("1", "0"), "untaxed": ("0", "0")}
        names = ("use_tax", "use_reduction", "use_ecotax", "decimals")
        return {
            f"price[{price}][{name}]": value
            for price, given in wanted.items()
            for name, value in zip(names, (*given, "0", "6"), strict=True)
        }

    def items(self, resource: str, rows: list[Row]) -> list[Item]:
        """The items of a page of rows; what belongs to them is asked for in as few calls as can be."""
        joins = {"products": self._products, "orders": self._orders, "stock_availables": self._stock}
        return joins[resource](rows) if rows else []

    def find(self, resource: str, name: str) -> str:
        """Identifier of a brand by its name, or of a category by its path.

        Raises
        ------
        InvalidError
            When the shop has none.
        """
        for refresh in (False, True):
            if resource == "categories":
                named = self.paths(refresh=refresh)
            else:
                rows = self._wire.all(resource, "[id,name]", refresh=refresh)
                named = {key: text(row.get("name")) for key, row in rows.items()}
            if found := [key for key, one in named.items() if one == name]:
                return min(found, key=int)
        raise InvalidError(f"The shop has none of {resource} named {name!r}. Make it there first.", "unknown_value")

    def paths(self, *, refresh: bool = False) -> dict[str, str]:
        """Identifier of each category to its path; the roots, which hold everything, have none."""
        rows = self._wire.all("categories", "[id,id_parent,name,is_root_category]", refresh=refresh)
        paths: dict[str, str] = {self.shop.settings["PS_HOME_CATEGORY"]: ""}

        def path(key: str, depth: int = 0) -> str:
            row = rows.get(key, {})
            is_root = text(row.get("id_parent")) in ("", "0") or text(row.get("is_root_category")) == "1"
            if key not in paths and (is_root or depth > 50):
                paths[key] = ""
            if key not in paths:
                above = path(text(row.get("id_parent")), depth + 1)
                paths[key] = " > ".join(one for one in (above, self.shop.said(row.get("name"))) if one)
            return paths[key]

        return {key: path(key) for key in rows}

    # ---- products ----------------------------------------------------------------------------------------------------

    def _products(self, rows: list[Row]) -> list[Item]:
        varied = ids([row for row in rows if links(row, "combinations")], "id")
        asked = FULL | self.prices("combinations")
        combinations = self._wire.of("combinations", "id_product", varied, asked, size=_COMBINATIONS_OF)
        values = self._wire.know("product_option_values", _every(combinations, "product_option_values"))
        self._wire.know("product_options", ids(values.values(), "id_attribute_group"))
        self._wire.know("product_features", _every(rows, "product_features"))
        self._wire.know("product_feature_values", _every(rows, "product_features", "id_feature_value"))
        currency = self.shop.settings["PS_CURRENCY_DEFAULT"]
        code = _value(self._wire.know("currencies", [currency]), currency, "iso_code")
        families = grouped(combinations, "id_product")
        return [self._family(row, families.get(text(row.get("id")), []), text(code)) for row in rows]

    @staticmethod
    def _family(row: Row, combinations: Sequence[Row], currency: str) -> Item:
        key = text(row.get("id"))
        both = {"product": row, "currency": currency}
        variants = [
            {
                **both,
                "id": f"{key}-{text(one.get('id'))}",
                "parent": key,
                "level": "variant",
                "resource": "combinations",
                "own": one,
            }
            for one in combinations
        ]
        level = "parent" if variants else "single"
        return {**both, "id": key, "level": level, "resource": "products", "own": row, "variants": variants}

    def product(self, item: Item) -> dict[str, Any]:
        """The fields of a product or a combination that depend on the shop."""
        own = self._combination(item) if is_variant(item) else self._product(item)
        attributes = own.pop("attributes")
        return own | {
            "weight_g": self.shop.weight.to_canonical(text(_sum(item, "weight"))),
            "status": "active" if text(item["product"].get("active")) == "1" else "draft",
            "attributes": [{"key": name, "value": value} for name, value in attributes.items() if name and value],
            "updated_at": self.shop.utc(text(item["product"].get("date_upd"))),
        }

    def _product(self, item: Item) -> dict[str, Any]:
        row, said = item["product"], self.shop.said
        attributes = {name: said(row.get(node)) for name, node in TEXTS.items()}
        attributes |= {name: text(row.get(name)) for name in _EXTRA}
        features, values = (self._wire.know(one, ()) for one in ("product_features", "product_feature_values"))
        pairs = zip(links(row, "product_features"), links(row, "product_features", "id_feature_value"), strict=True)
        attributes |= {
            said(_value(features, feature, "name")): said(_value(values, value, "value")) for feature, value in pairs
        }
        cover = text(row.get("id_default_image"))
        pictures = sorted(links(row, "images"), key=lambda one: one != cover)
        return {
            "title": said(row.get("name")),
            "description": said(row.get("description")),
            # No brand is the value false.
            "brand": text(row.get("manufacturer_name") or ""),
            "category": self.paths().get(text(row.get("id_category_default")), ""),
            "condition": text(row.get("condition")),
            "images": [f"{self._pictures}/{'/'.join(one)}/{one}.jpg" for one in pictures],
            "language": self.shop.language_code,
            **{name: self.shop.length.to_canonical(text(row.get(node))) for name, node in SIZES.items()},
            "attributes": attributes,
        }

    def _combination(self, item: Item) -> dict[str, Any]:
        values, options = (self._wire.know(one, ()) for one in ("product_option_values", "product_options"))
        chosen = [values.get(one, {}) for one in links(item["own"], "product_option_values")]
        said = self.shop.said
        return {
            "attributes": {
                said(_value(options, text(one.get("id_attribute_group")), "public_name")): said(one.get("name"))
                for one in chosen
            }
        }

    # ---- orders and stock --------------------------------------------------------------------------------------------

    def _orders(self, rows: list[Row]) -> list[Item]:
        keys, know, of = ids(rows, "id"), self._wire.know, self._wire.of
        people = grouped(of("customers", "id", ids(rows, "id_customer")), "id")
        places = grouped(of("addresses", "id", ids(rows, "id_address_delivery")), "id")
        lines = grouped(of("order_details", "id_order", keys), "id_order")
        states = know("order_states", ids(rows, "current_state"))
        sent = [row for row in rows if _is_shipped(states, row.get("current_state"))]
        history = of("order_histories", "id_order", ids(sent, "id"))
        know("order_states", ids(history, "id_order_state"))
        left = grouped([one for one in history if _is_shipped(states, one.get("id_order_state"))], "id_order")
        addresses = [one[0] for one in places.values()]
        countries, regions = know("countries", ids(addresses, "id_country")), know("states", ids(addresses, "id_state"))
        currencies = know("currencies", ids(rows, "id_currency"))
        items: list[Item] = []
        for row in rows:
            key = text(row.get("id"))
            address = places.get(text(row.get("id_address_delivery")), [{}])[0]
            items.append(
                {
                    "id": key,
                    "order": row,
                    "customer": people.get(text(row.get("id_customer")), [{}])[0],
                    "address": address,
                    "details": lines.get(key, []),
                    "status": self.shop.said(_value(states, text(row.get("current_state")), "name")),
                    "currency": _value(currencies, text(row.get("id_currency")), "iso_code"),
                    "country": _value(countries, text(address.get("id_country")), "iso_code"),
                    "region": _value(regions, text(address.get("id_state")), "iso_code"),
                    "ordered_at": self.shop.utc(text(row.get("date_add"))),
                    "updated_at": self.shop.utc(text(row.get("date_upd"))),
                    "shipped_at": self.shop.utc(
                        min((text(one.get("date_add")) for one in left.get(key, ())), default="")
                    ),
                }
            )
        return items

    def _stock(self, rows: list[Row]) -> list[Item]:
        """What can be sold: the row of a product with combinations is their sum and is left out."""
        products = ids(rows, "id_product")
        singles = grouped(self._wire.of("products", "id", products, {"display": "[id,reference]"}), "id")
        combinations = self._wire.of(
            "combinations", "id_product", products, {"display": "[id,id_product,reference]"}, size=_COMBINATIONS_OF
        )
        variants, varied = grouped(combinations, "id"), grouped(combinations, "id_product")
        items: list[Item] = []
        for row in rows:
            product, variant = text(row.get("id_product")), text(row.get("id_product_attribute"))
            is_single = variant in ("", "0")
            if is_single and product in varied:
                continue
            named = (singles.get(product) if is_single else variants.get(variant)) or [{}]
            parent = product if is_single else f"{product}-{variant}"
            items.append({"id": text(row.get("id")), "own": row, "parent": parent, "sku": named[0].get("reference")})
        return items


def _every(rows: Iterable[Row], association: str, name: str = "id") -> list[str]:
    return [one for row in rows for one in links(row, association, name)]


def _value(rows: Mapping[str, Row], key: str, name: str) -> Any:
    return rows.get(key, {}).get(name)


def _is_shipped(states: Mapping[str, Row], key: Any) -> bool:
    return text(_value(states, text(key), "shipped")) == "1"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None
