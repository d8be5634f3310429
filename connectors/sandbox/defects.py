"""The faults that real catalogues and orders carry, put into a clean catalogue with the truth written down.

A defect knows the field it spoils and how; where it needs something of the value (an accented letter for mojibake, a
leading zero to lose), it answers None for values that cannot have it. `spoil` gives every class the same number of
victims and lets most of them fall on the same careless part of the catalogue, as in life.
"""

from __future__ import annotations

import html.entities
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import polars as pl

__all__ = ["DEFECTS", "TRUTH", "Defect", "spoil"]

Row = dict[str, Any]
Level = Literal["product", "item", "order"]

TRUTH = {
    "kind": pl.String,
    "record": pl.String,
    "field": pl.String,
    "defect": pl.String,
    "dirty": pl.String,
    "right": pl.String,
}
"""Schema of the truth: one row a spoilt field. ``right`` is null where nobody can know it from the catalogue or the
box (a description, a picture); ``images`` are JSON lists of text."""


@dataclass(frozen=True)
class Defect:
    """One class of faults.

    Parameters
    ----------
    name : str
    level : {"product", "item", "order"}
        Which rows can have it.
    field : str
        Canonical field.
    spoil : callable
        ``spoil(value, row, random) -> value``, or None where this row cannot have the fault.
    knowable : bool
        Whether the right value can be known.
    """

    name: str
    level: Level
    field: str
    spoil: Callable[[Any, Row, random.Random], Any]
    knowable: bool = True


def spoil(products: Sequence[Row], orders: Sequence[Row], rate: float, chance: random.Random) -> pl.DataFrame:
    """Put defects into the rows, in place.

    Parameters
    ----------
    products, orders : sequence of dict
        Neutral rows of a catalogue; variants lie under ``variants``.
    rate : float
        About this share of the rows gets at least one defect, 0 to 0.5. Each class hits ``rate / 5`` of the products,
        ``rate / 7`` of the items and ``rate`` of the orders, so that no class is too rare to learn from.
    chance : random.Random

    Returns
    -------
    polars.DataFrame
        Schema `TRUTH`.

    Raises
    ------
    ValueError
        When `rate` is outside its range.
    """
    if not 0 <= rate <= 0.5:
        raise ValueError(f"defects={rate} is not a share between 0 and 0.5; the demo uses 0.18, a healthy shop 0.02")
    items = [item for product in products for item in (product["variants"] or [product])]
    levels: dict[Level, tuple[Sequence[Row], float]] = {
        "product": (products, 5),
        "item": (items, 7),
        "order": (orders, 1),
    }
    truth: list[tuple[str, str, str, str, str, str | None]] = []
    for level, (rows, share) in levels.items():
        careless_first = chance.sample(rows, len(rows))
        careless = math.ceil(rate * len(rows) * 1.1)
        taken: set[tuple[str, str]] = set()
        for defect in (one for one in DEFECTS if one.level == level):
            wanted = math.ceil(rate * len(rows) / share)
            first, rest = careless_first[:careless], careless_first[careless:]
            chance.shuffle(first)
            for row in (*first, *rest):
                if not wanted:
                    break
                if (row["key"], defect.field) in taken:
                    continue
                before = row[defect.field]
                after = defect.spoil(before, row, chance)
                if after is None or after == before:
                    continue
                row[defect.field] = after
                taken.add((row["key"], defect.field))
                kind = "order" if level == "order" else "product"
                right = _text(before) if defect.knowable else None
                truth.append((kind, row["key"], defect.field, defect.name, _text(after), right))
                wanted -= 1
    return pl.DataFrame(truth, schema=TRUTH, orient="row")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _placeholder(value: str, row: Row, chance: random.Random) -> str:
    return chance.choice(("N/A", "n/a", "-", "Unbekannt" if row["language"] == "de" else "unknown"))


def _blank(value: str, row: Row, chance: random.Random) -> str | None:
    return "" if value else None


def _double_space(value: str, row: Row, chance: random.Random) -> str | None:
    blanks = [position for position, letter in enumerate(value) if letter == " "]
    if not blanks:
        return None
    at = chance.choice(blanks)
    return value[:at] + " " * chance.choice((2, 2, 3)) + value[at + 1 :]


def _entities(value: str, row: Row, chance: random.Random) -> str:
    names = html.entities.codepoint2name
    escaped = "".join(
        f"&{names[ord(letter)]};" if ord(letter) > 127 and ord(letter) in names else letter for letter in value
    )
    return escaped if escaped != value else value.replace(" ", "&nbsp;", 1)


def _mojibake(value: str, row: Row, chance: random.Random) -> str | None:
    try:
        return value.encode().decode("cp1252")
    except UnicodeDecodeError:
        return None


def _capitals(value: str, row: Row, chance: random.Random) -> str:
    return value.upper()


_PADDING = {
    "de": (
        "versandkostenfrei",
        "inkl. Geschenkverpackung",
        "Neuheit 2026",
        "Top Qualität vom Fachhändler",
        "schnelle Lieferung",
        "ideal als Geschenk für Sie und Ihn",
        "Sonderpreis nur heute",
        "Original Markenware",
    ),
    "fr": (
        "livraison offerte",
        "avec emballage cadeau",
        "nouveauté 2026",
        "qualité supérieure garantie",
        "expédition rapide",
        "idée cadeau pour elle et lui",
        "prix spécial aujourd'hui",
        "produit de marque d'origine",
    ),
    "en": (
        "free shipping",
        "gift wrapping included",
        "new for 2026",
        "top quality from a specialist",
        "fast delivery",
        "ideal gift for her and him",
        "special price today only",
        "original branded goods",
    ),
}


def _too_long(value: str, row: Row, chance: random.Random) -> str:
    for words in chance.sample(_PADDING[row["language"]], len(_PADDING["en"])):
        if len(value) > 205:
            break
        value = f"{value} - {words}"
    return value


def _lost_zero(value: str, row: Row, chance: random.Random) -> str | None:
    return value.lstrip("0") if value.startswith("0") else None


def _wrong_digit(value: str, row: Row, chance: random.Random) -> str | None:
    if not value:
        return None
    at = chance.choice((len(value) - 1, chance.randrange(3, len(value))))
    return value[:at] + str((int(value[at]) + chance.randrange(1, 10)) % 10) + value[at + 1 :]


def _zero(value: str, row: Row, chance: random.Random) -> str:
    return "0"


def _unit_slip(value: str, row: Row, chance: random.Random) -> str:
    factor = Decimal(1000) if chance.random() < 0.7 else Decimal("0.001")
    return f"{(Decimal(value) * factor).normalize():f}"


def _one_decimal(value: str, row: Row, chance: random.Random) -> str | None:
    return value[:-1] if value.endswith("0") else None


def _above_price(value: str, row: Row, chance: random.Random) -> str | None:
    if not value:
        return None
    return f"{Decimal(row['price']) * Decimal(chance.choice(('1.1', '1.15', '1.25'))):.2f}"


def _junk(value: str, row: Row, chance: random.Random) -> str | None:
    if not value:
        return None
    return value + chance.choice(
        (
            '<script>window.dataLayer=window.dataLayer||[];dataLayer.push({"event":"view"});</script>',
            '<img src="https://track.example.net/pixel.gif?id={key}" width="1" height="1" alt="">',
            '<script src="https://cdn.example.net/widget.js" async></script><p style="display:none">sku {key}</p>',
        )
    ).replace("{key}", row["key"])


def _plain_http(value: list[str], row: Row, chance: random.Random) -> list[str] | None:
    return ["http://" + url.removeprefix("https://") for url in value] or None


def _no_images(value: list[str], row: Row, chance: random.Random) -> list[str]:
    return []


def _as_typed(value: str, row: Row, chance: random.Random) -> str:
    return row["phone_typed"]


_TYPOS = {
    "gmail.com": ("gmial.com", "gmail.con", "gamil.com"),
    "example.com": ("exmaple.com", "example.cmo"),
    "example.org": ("exampel.org",),
}


def _domain_typo(value: str, row: Row, chance: random.Random) -> str:
    name, _, domain = value.partition("@")
    return f"{name}@{chance.choice(_TYPOS[domain])}"


def _double_dot(value: str, row: Row, chance: random.Random) -> str | None:
    return value.replace(".", "..", 1)


def _trailing_space(value: str, row: Row, chance: random.Random) -> str:
    return value + chance.choice((" ", "  "))


def _country_name(value: str, row: Row, chance: random.Random) -> str:
    return row["country_typed"]


def _lower(value: str, row: Row, chance: random.Random) -> str:
    return value.lower()


DEFECTS: tuple[Defect, ...] = (
    Defect("brand-blank", "product", "brand", _blank),
    Defect("brand-placeholder", "product", "brand", _placeholder),
    Defect("category-missing", "product", "category", _blank),
    Defect("title-mojibake", "product", "title", _mojibake),
    Defect("title-double-space", "product", "title", _double_space),
    Defect("title-entities", "product", "title", _entities),
    Defect("title-capitals", "product", "title", _capitals),
    Defect("title-too-long", "product", "title", _too_long),
    Defect("description-missing", "product", "description", _blank, knowable=False),
    Defect("description-junk", "product", "description", _junk),
    Defect("images-http", "product", "images", _plain_http),
    Defect("images-missing", "product", "images", _no_images, knowable=False),
    Defect("gtin-lost-zero", "item", "gtin", _lost_zero),
    Defect("gtin-wrong-digit", "item", "gtin", _wrong_digit),
    Defect("weight-zero", "item", "weight_g", _zero),
    Defect("weight-missing", "item", "weight_g", _blank),
    Defect("weight-unit-slip", "item", "weight_g", _unit_slip),
    Defect("sale-price-above-price", "item", "sale_price", _above_price),
    Defect("price-one-decimal", "item", "price", _one_decimal),
    Defect("name-mojibake", "order", "ship_name", _mojibake),
    Defect("phone-as-typed", "order", "phone", _as_typed),
    Defect("email-domain-typo", "order", "email", _domain_typo),
    Defect("email-double-dot", "order", "email", _double_dot),
    Defect("email-trailing-space", "order", "email", _trailing_space),
    Defect("country-name", "order", "ship_country", _country_name),
    Defect("country-lower-case", "order", "ship_country", _lower),
    Defect("postal-code-lost-zero", "order", "ship_postal_code", _lost_zero),
)
"""Every class, in the order in which they are put in; the choosy ones first."""
