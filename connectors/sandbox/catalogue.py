"""A demo catalogue, made from a seed: an invented merchant's products and orders, with known faults.

The catalogue is neutral of any platform; a twin brings it into its own form. Because every fault is written down in
`Catalogue.truth`, a simulated reviewer can answer as a person with the product on the desk would.
"""

from __future__ import annotations

import copy
import html
import json
import random
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from connectors.record import conform
from connectors.sandbox import vocabulary
from connectors.sandbox.defects import spoil

__all__ = ["FIRST_DAY", "LANGUAGES", "Catalogue", "check_digit", "make_catalogue", "slug"]

FIRST_DAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
"""When the first delivery was made; day 2 is a day later."""

LANGUAGES = ("de", "fr", "en")

Row = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """Products and orders of one delivery.

    Parameters
    ----------
    products : list of dict
        One a product: canonical field names (`connectors.record`), ``key`` (unique), ``taxonomy`` (identifier of the
        category), ``created_at`` and ``variants``: a list of the same item fields with ``options`` (name to value),
        empty for a product that is sold as it is.
    orders : list of dict
        One an order: canonical field names, ``key``, and ``lines`` with ``sku``, ``quantity``, ``unit_price``.
    truth : polars.DataFrame
        Schema `connectors.sandbox.defects.TRUTH`; ``record`` is the ``key``.
    """

    products: list[Row]
    orders: list[Row]
    truth: pl.DataFrame

    def without(self, defects: Collection[str]) -> Catalogue:
        """A copy in which these classes of faults are mended, as far as anybody knows how, and no longer in the truth:
        for platforms that cannot hold them."""
        mended = {
            (row["record"], row["field"]): row["right"]
            for row in self.truth.iter_rows(named=True)
            if row["defect"] in defects and row["right"] is not None
        }
        products, orders = copy.deepcopy(self.products), copy.deepcopy(self.orders)
        rows = {row["key"]: row for product in products for row in (product, *product["variants"])}
        rows |= {row["key"]: row for row in orders}
        for (key, field), right in mended.items():
            rows[key][field] = json.loads(right) if field == "images" else right
        return Catalogue(products, orders, self.truth.filter(~pl.col("defect").is_in(list(defects))))

    def records(self, kind: str) -> pl.DataFrame:
        """The delivery as a conformed frame of ``product``, ``order`` or ``order_line``; ``record_key`` is the key."""
        rows = {"product": self._products, "order": self._orders, "order_line": self._lines}[kind]()
        frame = pl.DataFrame(rows, infer_schema_length=None)
        hidden = ("key", "variants", "lines", "taxonomy", "created_at", "options", "phone_typed", "country_typed")
        return conform(frame.drop([name for name in hidden if name in frame.columns]), kind)

    def _products(self) -> list[Row]:
        rows = []
        for product in self.products:
            variants = product["variants"]
            parent = product | {"record_key": product["key"], "level": "parent" if variants else "single"}
            rows.append(parent | {"attributes": json.dumps(product["attributes"], ensure_ascii=False)})
            rows += [
                one
                | {"record_key": one["key"], "parent_key": product["key"], "level": "variant"}
                | {"attributes": json.dumps(one["options"], ensure_ascii=False)}
                for one in variants
            ]
        return [{name: row.get(name) for name in rows[0] | rows[-1]} for row in rows]

    def _orders(self) -> list[Row]:
        return [order | {"record_key": order["key"]} for order in self.orders]

    def _lines(self) -> list[Row]:
        return [
            line | {"record_key": f"{order['key']}/{number}", "order_key": order["key"], "line_key": str(number)}
            for order in self.orders
            for number, line in enumerate(order["lines"], start=1)
        ]


def make_catalogue(
    seed: int = 0,
    products: int = 280,
    *,
    orders: int = 60,
    defects: float = 0.18,
    day: int = 1,
    languages: Sequence[str] = LANGUAGES,
) -> Catalogue:
    """A catalogue of so many products and orders.

    Parameters
    ----------
    seed : int
        The same arguments give the same catalogue.
    products : int
        Number of products; one in seven is sold in variants (280: 240 as they are, 40 in variants).
    orders : int
    defects : float
        About this share of the rows is faulty: 0.18 is the demo, 0.02 a healthy shop, 0 a clean one.
    day : int
        1 is the first delivery; every later day brings other products and orders with the same kinds of faults.
    languages : sequence of str
        Of titles and descriptions; any of `LANGUAGES`.

    Returns
    -------
    Catalogue

    Raises
    ------
    ValueError
        When a number is out of range or a language is unknown.
    """
    if products < 1 or orders < 0 or day < 1:
        raise ValueError(
            f"products={products}, orders={orders}, day={day}: at least one product, no negative orders, days from 1"
        )
    if unknown := sorted(set(languages) - set(LANGUAGES)):
        raise ValueError(f"There are no words in {', '.join(unknown)}; choose from {', '.join(LANGUAGES)}")
    chance = random.Random(f"{seed}/{day}")
    start = FIRST_DAY + timedelta(days=day - 1)
    maker = _Maker(chance, day, start, tuple(languages))
    rows = [maker.product(number, varied=number % 7 == 6) for number in range(products)]
    sales = [maker.order(number, rows) for number in range(orders)]
    return Catalogue(rows, sales, spoil(rows, sales, defects, chance))


def check_digit(digits: str) -> str:
    """The digit that completes a GTIN.

    References
    ----------
    GS1 General Specifications, section 7.9 "Check digit calculations".
    """
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def slug(text: str) -> str:
    """The text as part of an address: lower case, plain letters and digits joined by hyphens."""
    plain = (
        unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o").replace("Ø", "O"))
        .encode("ascii", "ignore")
        .decode()
    )
    return "-".join("".join(letter.lower() if letter.isalnum() else " " for letter in plain).split())


class _Maker:
    """Makes rows; holds what all of them share."""

    def __init__(self, chance: random.Random, day: int, start: datetime, languages: tuple[str, ...]) -> None:
        self._chance = chance
        self._day = day
        self._start = start
        self._languages = languages
        self._gtins = 0
        self._titles: set[str] = set()
        self._varied = tuple(kind for kind in vocabulary.KINDS if kind.option)

    def product(self, number: int, *, varied: bool) -> Row:
        chance = self._chance
        kinds = self._varied if varied else vocabulary.KINDS
        kind = kinds[(number // 7 if varied else number) % len(kinds)]
        language = chance.choice(self._languages)
        place = chance.randrange(len(kind.specs))
        brand, colour, material, series, title = self._title(kind, language, place, varied)
        words = {
            "noun": kind.nouns[language],
            "series": series,
            "brand": html.escape(brand),
            "material": vocabulary.MATERIALS[material][language],
            "spec": _spec(kind.specs[place], language),
            "colour": colour,
        }
        key = f"{kind.key}-{self._day}{number:04d}"
        weight = _between(kind.weight_g, (place + chance.random()) / len(kind.specs))
        box = [round(side * (0.8 + 0.2 * (place + 1) / len(kind.specs) * 2)) for side in kind.box_mm]
        changed = self._start + timedelta(seconds=61 * number)
        row: Row = {
            "key": key,
            "title": title,
            "description": self._description(kind, language, words, varied),
            "brand": brand,
            "category": kind.category,
            "taxonomy": kind.taxonomy,
            "condition": "new",
            "images": [
                f"https://images.example.com/{key.lower()}-{view}.jpg" for view in range(1, chance.randint(2, 5))
            ],
            "length_mm": str(box[0]),
            "width_mm": str(box[1]),
            "height_mm": str(box[2]),
            "language": language,
            "status": "active" if chance.random() < 0.94 else "draft",
            "attributes": {"Material": words["material"]}
            | ({} if varied else {"Colour": colour, "Version": words["spec"]}),
            "created_at": _iso(changed - timedelta(days=chance.randint(20, 600))),
            "updated_at": _iso(changed),
            "variants": [],
        }
        price = Decimal(chance.randint(*kind.price)) + Decimal(chance.choice(("0.90", "0.99", "0.50", "0.00", "0.95")))
        if varied:
            row |= dict.fromkeys(("sku", "gtin", "mpn", "price", "sale_price", "quantity", "weight_g"), "")
            row["variants"] = self._variants(kind, key, language, price, weight)
        else:
            row |= self._item(key, key, price, weight)
        return row | {"currency": "EUR"}

    def _title(self, kind: vocabulary.Kind, language: str, place: int, varied: bool) -> tuple[str, str, str, str, str]:
        chance = self._chance
        while True:
            brand, series = chance.choice(kind.brands), chance.choice(vocabulary.SERIES)
            material, colour = chance.choice(kind.materials), chance.choice(vocabulary.COLOURS)[language]
            title = f"{brand} {kind.nouns[language]} {series}"
            if not varied:
                title += f" {_spec(kind.specs[place], language)}, {colour}"
            if title not in self._titles or len(self._titles) > 5000:
                self._titles.add(title)
                return brand, colour, material, series, title

    def _description(self, kind: vocabulary.Kind, language: str, words: dict[str, str], varied: bool) -> str:
        chance = self._chance
        first = chance.choice(vocabulary.INTRODUCTIONS[language]).format(**words)
        last = vocabulary.CHOICE[language] if varied else chance.choice(vocabulary.CARE[language]).format(**words)
        return f"<p>{first} {kind.uses[language]}</p><p>{last}</p>"

    def _variants(self, kind: vocabulary.Kind, key: str, language: str, price: Decimal, weight: int) -> list[Row]:
        chance = self._chance
        colours = [one[language] for one in chance.sample(vocabulary.COLOURS, 2)]
        values = {
            "Size": ("S", "M", "L"),
            "Shoe size": ("39", "41", "43"),
            "Capacity": tuple(_spec(one, language) for one in kind.specs),
            "Colour": tuple(one[language] for one in chance.sample(vocabulary.COLOURS, 4)),
        }[kind.option]
        combinations = [{kind.option: value} for value in values]
        if kind.option in ("Size", "Shoe size"):
            combinations = [{"Colour": colour, **one} for colour in colours for one in combinations]
        rows = []
        for place, options in enumerate(combinations):
            sku = f"{key}-{place + 1}"
            heavier = weight + round(weight * 0.03 * (place % len(values)))
            rows.append(
                self._item(sku, sku, price, heavier) | {"options": options, "currency": "EUR", "language": language}
            )
        return rows

    def _item(self, key: str, sku: str, price: Decimal, weight: int) -> Row:
        chance = self._chance
        sale = (
            (price * Decimal(chance.choice(("0.75", "0.8", "0.85")))).quantize(Decimal("0.01"))
            if chance.random() < 0.2
            else None
        )
        return {
            "key": key,
            "sku": sku,
            "gtin": self._gtin(),
            "mpn": f"{sku.replace('-', '')}X",
            "price": f"{price:.2f}",
            "sale_price": f"{sale:.2f}" if sale else "",
            "quantity": str(chance.choice((0, 3, 8, 15, 40, 120)) + chance.randint(0, 9)),
            "weight_g": str(weight),
        }

    def _gtin(self) -> str:
        """A GTIN that belongs to nobody: GS1 keeps 952 and the company prefix 0614141 for examples."""
        number, self._gtins = self._gtins, self._gtins + 1
        if number % 3 == 0 and number < 9000:
            digits = f"0614141{((self._day - 1) * 3000 + number // 3) % 10000:04d}"
        else:
            digits = f"952{self._day % 1000:03d}{number:06d}"
        return digits + check_digit(digits)

    def order(self, number: int, products: Sequence[Row]) -> Row:
        chance = self._chance
        country = chance.choices(vocabulary.COUNTRIES, weights=(9, 8, 5, 5, 3, 2, 2))[0]
        # Postal codes that can lose a zero are few; they are drawn more often so that the fault can be met in a small shop.
        weights = [4 if place[1].startswith("0") else 1 for place in country.places]
        city, postal_code, region = chance.choices(country.places, weights=weights)[0]
        first, last = chance.choice(vocabulary.FIRST_NAMES), chance.choice(vocabulary.LAST_NAMES)
        typed, number_e164 = chance.choice(country.phones)
        digits = {"n": f"{chance.randrange(10, 100)}", "m": f"{chance.randrange(10, 100)}"}
        domain = chance.choices(("example.com", "example.org", "gmail.com"), weights=(5, 4, 2))[0]
        suffix = f".demo{number:04d}" if domain == "gmail.com" else ""
        lines = []
        for product in chance.sample(products, min(len(products), chance.choice((1, 1, 1, 2, 2, 3)))):
            item = chance.choice(product["variants"] or [product])
            unit = item["sale_price"] or item["price"]
            lines.append({"sku": item["sku"], "quantity": str(chance.choice((1, 1, 1, 2, 3))), "unit_price": unit})
        shipping = Decimal(chance.choice(("0.00", "4.90", "6.50")))
        total = sum((Decimal(line["unit_price"]) * int(line["quantity"]) for line in lines), shipping)
        placed = (
            self._start
            - timedelta(hours=1)
            - timedelta(minutes=chance.randint(0, 60 * 24 * (6 if self._day == 1 else 0) + 600))
        )
        status = chance.choices(("paid", "fulfilled", "pending", "cancelled"), weights=(5, 6, 1, 1))[0]
        shipped = placed + timedelta(hours=chance.randint(4, 50)) if status == "fulfilled" else None
        return {
            "key": f"{self._day}{number:04d}",
            "ordered_at": _iso(placed),
            "updated_at": _iso(max(shipped or placed, self._start + timedelta(seconds=47 * number))),
            "status": status,
            "currency": "EUR",
            "total": f"{total:.2f}",
            "shipping": f"{shipping:.2f}",
            "buyer_name": f"{first} {last}",
            "email": f"{slug(first)}.{slug(last)}{suffix}@{domain}",
            "phone": number_e164.format(**digits),
            "phone_typed": typed.format(**digits),
            "ship_name": f"{first} {last}",
            "ship_street": chance.choice(country.streets).format(n=chance.randint(1, 140)),
            "ship_city": city,
            "ship_region": region,
            "ship_postal_code": postal_code,
            "ship_country": country.code,
            "country_typed": country.typed,
            "shipped_at": _iso(shipped) if shipped else "",
            "lines": lines,
        }


def _between(bounds: tuple[int, int], share: float) -> int:
    return round(bounds[0] + (bounds[1] - bounds[0]) * min(1.0, share))


def _spec(spec: str, language: str) -> str:
    words = [vocabulary.SPEC_WORDS.get(word, {}).get(language, word) for word in spec.split(" ")]
    if language != "en" and not spec.startswith("BT"):
        words[0] = words[0].replace(".", ",")
    return " ".join(words)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
