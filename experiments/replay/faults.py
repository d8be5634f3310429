"""Faults that are put into clean records, each with the truth that was there and whether anybody could still know it."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from experiments.replay.catalogue import Row, Vendor

__all__ = ["FAULTS", "SHARES", "Fault", "Made", "make"]

Random = np.random.Generator


@dataclass(frozen=True)
class Made:
    """One fault.

    Attributes
    ----------
    field : str
        Canonical field, ``attributes.<name>`` for an attribute.
    value : str
        What stands there now.
    truth : str
        What is right; for a decoy the value itself.
    is_recoverable : bool
        Whether the record still holds what is needed to know the truth. Where not, deferring is right.
    lost : dict
        Other fields of the record that are broken as well, with what stands there now.
    """

    field: str
    value: str
    truth: str
    is_recoverable: bool = True
    lost: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Parameters
    ----------
    name : str
    family : str
        ``missing``, ``format``, ``business``, ``marketplace``, ``normalisation`` or ``decoy``.
    kind : str
        Of the record: ``product`` or ``order``.
    share : float
        Of its family, 0..1.
    make : callable
        ``make(row, habits, random) -> Made or None``: None where the record does not lend itself.
    """

    name: str
    family: str
    kind: str
    share: float
    make: Callable[[Row, dict[str, str], Random], Made | None]


SHARES = {"missing": 0.25, "format": 0.35, "business": 0.15, "marketplace": 0.10, "normalisation": 0.10, "decoy": 0.05}
"""Of the stream, by family."""

IRRECOVERABLE = 0.10
"""Of every kind of fault but the decoys; of those missing it is the kinds that nobody can know, a price and a postal code, and
products whose text does not name the brand."""

LATE = "pack quantity"
"""The new kind that the vendors who join late bring."""


def make(fault: Fault, row: Row, vendor: Vendor, habits: dict[str, str], random: Random) -> Made | None:
    """The fault in that row; a tenth of the time beyond what anybody could know."""
    made = fault.make(row, habits, random)
    if made is None or fault.family == "decoy" or not made.is_recoverable:
        return made
    if random.random() < IRRECOVERABLE:
        return _beyond_recovery(fault, made, random)
    return made


def _beyond_recovery(fault: Fault, made: Made, random: Random) -> Made:
    """The same fault with what one would need to mend it lost as well: cut off, overwritten by a placeholder, or slipped by no known factor."""
    value, truth = made.value, made.truth
    lost: dict[str, str] = {}
    if fault.family in ("format", "normalisation"):
        value = _garbled(value, random)
    elif fault.family == "missing":
        return made
    elif made.field == "category":
        code = f"Article {int(random.integers(10_000, 99_999))}"
        lost = {"title": code, "description": f"{code}."}
    elif made.field == "title":
        value, truth = value.replace(truth, truth[:3]), truth
    elif made.field == "quantity":
        value, truth = "-99999", str(int(random.integers(3, 90)))
    elif made.field == "sale_price":
        value = "99999999.00"
    elif made.field == "weight_g":
        value = f"{float(value) * random.uniform(1.5, 6.0):.3f}"
    elif made.field == "shipped_at":
        moment = datetime.fromisoformat(value) - timedelta(days=int(random.integers(3, 200)))
        value = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    else:
        return made
    return Made(made.field, value, truth, is_recoverable=False, lost=lost)


def _garbled(value: str, random: Random) -> str:
    """A digit became a question mark, or the end was cut off."""
    places = [place for place, one in enumerate(value) if one.isdigit()]
    if places and random.random() < 0.7:
        place = int(random.choice(places))
        return f"{value[:place]}?{value[place + 1 :]}"
    return value[: max(1, len(value) // 2)] + "…"


def _empty(habits: dict[str, str], random: Random) -> str:
    return habits["empty"] if random.random() < 0.8 else str(random.choice(["", "N/A", "-", "0"]))


# Missing


def _missing_brand(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    if row["brand"] == "Generic":
        return None
    in_title = row["brand"].casefold() in row["title"].casefold()
    value = _empty(habits, random)
    return Made("brand", "" if value == "0" else value, row["brand"], in_title)


def _missing_category(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("category", "", row["category"]) if row["_has_category"] else None


def _missing_weight(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("weight_g", str(random.choice(["", "0"])), row["weight_g"]) if row["_has_weight"] else None


def _missing_description(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("description", "", row["description"]) if row["_has_description"] else None


def _missing_currency(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("currency", "", row["currency"])


def _missing_country(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("ship_country", "", row["ship_country"])


def _missing_price(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("price", str(random.choice(["", "0", "0.00"])), row["price"], is_recoverable=False)


def _missing_postal_code(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("ship_postal_code", "", row["ship_postal_code"], is_recoverable=False)


# Formats


def _price(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    whole, cents = row["price"].split(".")
    grouped = f"{int(whole):,}"
    style = habits["price"] if random.random() < 0.85 else str(random.choice(["comma", "symbol", "whole", "rupees"]))
    value = {
        "comma": f"{grouped.replace(',', '.')},{cents}",
        "thousands": f"{grouped}.{cents}" if "," in grouped else f"${whole}.{cents}",
        "symbol": f"£ {whole}.{cents}" if row["currency"] == "GBP" else f"${grouped}.{cents}",
        "rupees": f"Rs {grouped}" if cents == "00" else f"Rs {grouped}.{cents}",
        "whole": whole if cents == "00" else f"{whole},{cents}",
    }[style]
    return Made("price", value, row["price"])


def _date(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    moment = datetime.fromisoformat(row["ordered_at"])
    style = habits["date"] if random.random() < 0.9 else str(random.choice(["d.m.Y", "m/d/Y"]))
    parts = {"d": f"{moment.day}", "m": f"{moment.month}", "Y": f"{moment.year}", "y": f"{moment.year % 100:02d}"}
    value = "".join(parts.get(one, one) for one in style)
    return Made("ordered_at", value, row["ordered_at"][:10])


def _phone(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("phone", row["_typed_phone"], row["phone"]) if row["_typed_phone"] != row["phone"] else None


def _email(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    local, _, domain = row["email"].partition("@")
    name, _, ending = domain.partition(".")
    slips = [
        f"{local}@{name[:-2]}{name[-1]}{name[-2]}.{ending}",
        f"{local}@{name}.{ending[:-1]}",
        f"{local}@{name}{ending}",
        f"{local} @{domain}",
        f"{local}@@{domain}",
        f"{local}@{name},{ending}",
    ]
    return Made("email", str(random.choice(slips)), row["email"])


def _zip_plus_four(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    if row["ship_country"] != "US":
        return None
    more = f"{int(random.integers(1, 9999)):04d}"
    return Made("ship_postal_code", f"{row['ship_postal_code']}{more}", f"{row['ship_postal_code']}-{more}")


def _address(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    for name in ("ship_city", "ship_street"):
        broken = row[name].encode("utf-8").decode("cp1252", errors="replace")
        if broken != row[name] and "\ufffd" not in broken:
            return Made(name, broken, row[name])
    return None


def _gtin(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    lost = row["gtin"].lstrip("0")
    return Made("gtin", lost, row["gtin"]) if lost != row["gtin"] and len(lost) not in (8, 12, 13) else None


# Business rules


def _shipped_before_ordered(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """Day and month of the dispatch changed places, or the year of the order was written once more in January."""
    ordered, shipped = datetime.fromisoformat(row["ordered_at"]), datetime.fromisoformat(row["shipped_at"])
    if shipped.day <= 12 and shipped.day != shipped.month:
        swapped = shipped.replace(month=shipped.day, day=shipped.month)
        if swapped < ordered:
            return Made("shipped_at", swapped.strftime("%Y-%m-%dT%H:%M:%SZ"), row["shipped_at"][:10])
    day = min(shipped.day, calendar.monthrange(shipped.year - 1, shipped.month)[1])
    earlier = shipped.replace(year=shipped.year - 1, day=day)
    return Made("shipped_at", earlier.strftime("%Y-%m-%dT%H:%M:%SZ"), row["shipped_at"][:10])


def _sale_above_price(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """The decimal point of the reduced price slipped by two places."""
    reduced = round(float(row["price"]) * float(random.choice([0.7, 0.8, 0.9])), 2)
    return Made("sale_price", f"{reduced * 100:.0f}.00", f"{reduced:.2f}")


def _weight_slip(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """Grams were read as kilograms (x1000), or kilograms as grams; ounces as pounds (x16); a digit too many (x10)."""
    if not row["_has_weight"]:
        return None
    grams = float(row["weight_g"])
    factor = float(random.choice([1000, 1 / 1000, 16, 10], p=[0.45, 0.35, 0.1, 0.1]))
    slipped = grams * factor
    return Made("weight_g", f"{slipped:.3f}".rstrip("0").rstrip("."), row["weight_g"])


def _negative_stock(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("quantity", f"-{int(random.integers(1, 20))}", "0")


# Marketplace rules


def _title_too_long(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    padding = " ".join(["for home, office, school, travel, garden, kitchen, workshop and every day"] * 4)
    return Made("title", f"{row['title']} {padding}", row["title"])


def _title_in_capitals(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    value = row["title"].upper()
    return Made("title", value, row["title"]) if value != row["title"] and len(row["title"]) > 12 else None


def _banned_words(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    words = str(random.choice(["BEST PRICE", "free shipping", "100% genuine", "limited offer"]))
    return Made(
        "title", f"{row['title']} {words}" if random.random() < 0.5 else f"{words} {row['title']}", row["title"]
    )


def _unknown_category(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    return Made("category", "Uncategorized", row["category"]) if row["_has_category"] else None


# Values that mean the right thing in other words


def _attribute(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    differing = [n for n, raw in row["_raw_attributes"].items() if raw != row["attributes"][n] and n != LATE]
    if not differing:
        return None
    name = str(random.choice(differing))
    return Made(f"attributes.{name}", row["_raw_attributes"][name], row["attributes"][name])


def _late_attribute(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    raw = row["_raw_attributes"].get(LATE, "")
    if "late" not in habits or not raw or raw == row["attributes"][LATE]:
        return None
    return Made(f"attributes.{LATE}", raw, row["attributes"][LATE])


_COUNTRY_NAMES = {
    "US": ("USA", "United States", "U.S.A.", "Etats-Unis"),
    "CA": ("Canada", "CAN", "Kanada"),
    "GB": ("Great Britan", "UK", "England", "United Kingdom"),
    "DE": ("Germany", "Deutschland", "Allemagne"),
    "FR": ("France", "FRA", "Frankreich"),
    "ES": ("Spain", "España", "ESP"),
    "CH": ("Switzerland", "Schweiz", "Suisse"),
    "PL": ("Poland", "Polska", "POL"),
    "JP": ("Japan", "JPN", "日本"),
    "MY": ("Malaysia", "MYS"),
    "TH": ("Thiland", "Thailand", "THA"),
    "KR": ("South Korea", "Korea", "KOR"),
    "BR": ("Brazil", "Brasil", "BRA"),
}


def _country_name(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    names = _COUNTRY_NAMES[row["ship_country"]]
    return Made("ship_country", str(random.choice(names)), row["ship_country"])


def _weight_with_unit(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    if not row["_has_weight"]:
        return None
    grams = float(row["weight_g"])
    texts = [f"{grams / 1000:.3f} kg", f"{grams / 28.349523:.2f} oz", f"{grams / 453.59237:.3f} lb", f"{grams:.0f} g"]
    return Made("weight_g", str(random.choice(texts)), row["weight_g"])


# Odd but true; each a habit of a few vendors


def _true_capitals(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """The manufacturer writes its name and model in capitals."""
    if "capitals" not in habits["odd"]:
        return None
    name = f"{row['brand']} {row['category'].rpartition(' > ')[2]}".upper()
    return Made("title", name, name)


def _true_weightless(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """A licence key: nothing is shipped."""
    if "weightless" not in habits["odd"]:
        return None
    return Made("weight_g", "0", "0")


def _true_backorder(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """Sold before it arrived; the merchant counts so on purpose."""
    if "backorder" not in habits["odd"]:
        return None
    return Made("quantity", "-1", "-1")


def _true_domain(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """A real provider whose name looks like a slip of a larger one."""
    if "domain" not in habits["odd"]:
        return None
    address = f"{row['email'].partition('@')[0]}@{random.choice(['ymail.com', 'gmial.com', 'gmx.co', 'hotmail.co', 'outlok.com'])}"
    return Made("email", address, address)


def _true_dispatch(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    """Handed over the evening before the order was entered by hand."""
    if "dispatch" not in habits["odd"]:
        return None
    moment = datetime.fromisoformat(row["ordered_at"])
    value = moment.replace(hour=8).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Made("shipped_at", value, value)


def _true_no_brand(row: Row, habits: dict[str, str], random: Random) -> Made | None:
    if "no brand" not in habits["odd"]:
        return None
    return Made("brand", "", "")


FAULTS = (
    Fault("brand missing", "missing", "product", 0.24, _missing_brand),
    Fault("category missing", "missing", "product", 0.24, _missing_category),
    Fault("weight missing", "missing", "product", 0.10, _missing_weight),
    Fault("description missing", "missing", "product", 0.10, _missing_description),
    Fault("currency missing", "missing", "order", 0.14, _missing_currency),
    Fault("country missing", "missing", "order", 0.13, _missing_country),
    Fault("price missing", "missing", "product", 0.03, _missing_price),
    Fault("postal code missing", "missing", "order", 0.02, _missing_postal_code),
    Fault("price notation", "format", "product", 0.34, _price),
    Fault("date notation", "format", "order", 0.20, _date),
    Fault("phone notation", "format", "order", 0.16, _phone),
    Fault("e-mail slip", "format", "order", 0.09, _email),
    Fault("ZIP+4 without hyphen", "format", "order", 0.06, _zip_plus_four),
    Fault("address in broken encoding", "format", "order", 0.05, _address),
    Fault("GTIN without leading zero", "format", "product", 0.10, _gtin),
    Fault("shipped before ordered", "business", "order", 0.20, _shipped_before_ordered),
    Fault("sale above list price", "business", "product", 0.25, _sale_above_price),
    Fault("weight slip", "business", "product", 0.25, _weight_slip),
    Fault("negative stock", "business", "product", 0.30, _negative_stock),
    Fault("title too long", "marketplace", "product", 0.25, _title_too_long),
    Fault("title in capitals", "marketplace", "product", 0.25, _title_in_capitals),
    Fault("banned words", "marketplace", "product", 0.25, _banned_words),
    Fault("unknown category", "marketplace", "product", 0.25, _unknown_category),
    Fault("attribute value", "normalisation", "product", 0.40, _attribute),
    Fault("attribute of the late vendors", "normalisation", "product", 0.10, _late_attribute),
    Fault("country name", "normalisation", "order", 0.30, _country_name),
    Fault("weight with unit", "normalisation", "product", 0.20, _weight_with_unit),
    Fault("true capitals", "decoy", "product", 0.2, _true_capitals),
    Fault("true weightless", "decoy", "product", 0.2, _true_weightless),
    Fault("true backorder", "decoy", "product", 0.15, _true_backorder),
    Fault("true mail domain", "decoy", "order", 0.15, _true_domain),
    Fault("true early dispatch", "decoy", "order", 0.15, _true_dispatch),
    Fault("true without brand", "decoy", "product", 0.15, _true_no_brand),
)
