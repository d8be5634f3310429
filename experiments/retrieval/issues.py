"""Decided issues from real catalogues: clean cells are broken in known ways, the engine finds and answers them, the truth judges.

Every issue is one that the rules really report, its shape, pattern and suggestion are the engine's own. A suggestion counts
as accepted when it means the same as the cell that was broken.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import phonenumbers
import polars as pl

from connectors.record import field as record_field
from engine import Workspace

__all__ = ["decided_issues"]

Row = dict[str, Any]
Break = Callable[[str, Row, random.Random], str]
_COUNTRIES = {"US": "USA", "CA": "Canada", "GB": "Great Britain", "DE": "Deutschland", "FR": "France", "MX": "Mexico"}
_BLANKS = ("", "N/A", "-", "0", "n/a", "unknown", "null")


def _blank(value: str, row: Row, chance: random.Random) -> str:
    return chance.choice(_BLANKS)


def _european(value: str, row: Row, chance: random.Random) -> str:
    return f"{float(value):,.2f}".translate(str.maketrans(",.", ".,")) + chance.choice(("", " €", " EUR"))


def _rupees(value: str, row: Row, chance: random.Random) -> str:
    return chance.choice(("Rs ", "Rs. ", "₹", "INR ")) + f"{float(value):,.0f}"


def _dollars(value: str, row: Row, chance: random.Random) -> str:
    return chance.choice(("$", "USD ", "£", "US$ ")) + f"{float(value):,.2f}"


def _decimals(value: str, row: Row, chance: random.Random) -> str:
    return f"{float(value):.1f}" if chance.random() < 0.5 else f"{float(value):.4f}"


def _negative(value: str, row: Row, chance: random.Random) -> str:
    return f"-{value}"


def _above_price(value: str, row: Row, chance: random.Random) -> str:
    return f"{float(row['price']) * chance.choice((1.2, 2, 10)):.2f}"


def _kilograms(value: str, row: Row, chance: random.Random) -> str:
    return f"{float(value) / 1000:g}" + chance.choice((" kg", "kg", " Kg"))


def _slip(value: str, row: Row, chance: random.Random) -> str:
    return f"{float(value) * chance.choice((0.001, 1000)):g}"


def _lost_zero(value: str, row: Row, chance: random.Random) -> str:
    return value.lstrip("0") if value.startswith("0") else value[:-1] + str((int(value[-1]) + 3) % 10)


def _spaced(value: str, row: Row, chance: random.Random) -> str:
    return f"{value[:1]} {value[1:7]} {value[7:]}"


def _capitals(value: str, row: Row, chance: random.Random) -> str:
    return value.upper()


def _entities(value: str, row: Row, chance: random.Random) -> str:
    return value.replace("&", "&amp;")


def _blanks(value: str, row: Row, chance: random.Random) -> str:
    return value.replace(" ", "  ", 1) if chance.random() < 0.5 and " " in value else f" {value} "


def _mojibake(value: str, row: Row, chance: random.Random) -> str:
    return value if value.isascii() else value.encode().decode("latin-1")


def _markup(value: str, row: Row, chance: random.Random) -> str:
    return f"<b>{value}</b>"


def _day_first(value: str, row: Row, chance: random.Random) -> str:
    return datetime.fromisoformat(value).strftime(chance.choice(("%d/%m/%Y", "%d.%m.%y", "%d %b %Y")))


def _month_first(value: str, row: Row, chance: random.Random) -> str:
    return datetime.fromisoformat(value).strftime(chance.choice(("%m/%d/%Y", "%m-%d-%y")))


def _before(value: str, row: Row, chance: random.Random) -> str:
    return f"{int(row['ordered_at'][:4]) - 1}{value[4:]}"


def _country_name(value: str, row: Row, chance: random.Random) -> str:
    names = {"US": ("USA", "United States", "Etats-Unis", "Vereinigte Staaten", "U.S.A.", "Amerika")}
    return chance.choice(names.get(value, (_COUNTRIES.get(value, value),)))


def _mail_slip(value: str, row: Row, chance: random.Random) -> str:
    name, _, _ = value.partition("@")
    return name + chance.choice(("@gmial.com", "@gmail.con", "@hotmial.com", "@yahooo.com", "(at)gmail.com"))


def _typed_phone(value: str, row: Row, chance: random.Random) -> str:
    return row["typed_phone"]


def _joined_code(value: str, row: Row, chance: random.Random) -> str:
    return f"{value}{chance.randrange(1000, 9999)}" if chance.random() < 0.6 else f"US-{value}"


PRODUCT: dict[str, tuple[str, Break]] = {
    "brand gone": ("brand", _blank),
    "category gone": ("category", _blank),
    "description gone": ("description", _blank),
    "price gone": ("price", _blank),
    "price european": ("price", _european),
    "price in rupees": ("price", _rupees),
    "price with currency": ("price", _dollars),
    "price decimals": ("price", _decimals),
    "price negative": ("price", _negative),
    "sale price european": ("sale_price", _european),
    "sale price above price": ("sale_price", _above_price),
    "quantity negative": ("quantity", _negative),
    "weight in kilograms": ("weight_g", _kilograms),
    "weight slip": ("weight_g", _slip),
    "weight gone": ("weight_g", _blank),
    "gtin digit": ("gtin", _lost_zero),
    "gtin spaced": ("gtin", _spaced),
    "title capitals": ("title", _capitals),
    "title entities": ("title", _entities),
    "title blanks": ("title", _blanks),
    "title encoding": ("title", _mojibake),
    "title markup": ("title", _markup),
    "brand blanks": ("brand", _blanks),
    "brand encoding": ("brand", _mojibake),
    "category blanks": ("category", _blanks),
}
ORDER: dict[str, tuple[str, Break]] = {
    "date day first": ("ordered_at", _day_first),
    "date month first": ("ordered_at", _month_first),
    "shipped before ordered": ("shipped_at", _before),
    "shipped day first": ("shipped_at", _day_first),
    "country name": ("ship_country", _country_name),
    "country gone": ("ship_country", _blank),
    "mail slip": ("email", _mail_slip),
    "mail blanks": ("email", _blanks),
    "phone typed": ("phone", _typed_phone),
    "postal code joined": ("ship_postal_code", _joined_code),
    "total european": ("total", _european),
    "total with currency": ("total", _dollars),
    "currency gone": ("currency", _blank),
}


def decided_issues(data: Path, *, records: int, seed: int) -> pl.DataFrame:
    """Answered issues on `records` records of each of seven sources, one broken cell a record.

    Returns
    -------
    polars.DataFrame
        ``channel, kind, field, rule_id, pattern_id, shape, why, observed`` (masked where personal), ``corrector``,
        ``record_key, title, cause`` (how the cell was broken) and ``accepted``.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(
            f"sqlite:///{folder}/study.db",
            lake=Path(folder) / "lake",
            key_file=Path(folder) / "key",
            embedder="character",
            ai_monitoring={"enabled": False},
        )
        parts = []
        for channel, kind, rows in _sources(data, records, chance):
            parts.append(_answered(workspace, channel, kind, rows, chance))
        workspace.close()
    return pl.concat(parts).sort("channel", "kind", "record_key")


def _answered(workspace: Workspace, channel: str, kind: str, rows: list[Row], chance: random.Random) -> pl.DataFrame:
    breaks = PRODUCT if kind == "product" else ORDER
    truth = []
    for row in rows:
        # Not every cell can be broken in every way: a text without "&" has no entity to show.
        found = {cause: broken(row[name], row, chance) for cause, (name, broken) in breaks.items() if row.get(name)}
        cause = chance.choice([cause for cause, value in found.items() if value != row[breaks[cause][0]]])
        name = breaks[cause][0]
        truth.append({"record_key": row["record_key"], "field": name, "cause": cause, "right": row[name]})
        row[name] = found[cause]
    frame = pl.DataFrame([{k: v for k, v in row.items() if k != "typed_phone"} for row in rows])
    connection = f"{channel}-{kind}"
    workspace.ingest(frame, channel=channel, kind=kind, connection=connection)
    found = workspace.issues(status="pending", connection=connection).join(
        pl.DataFrame(truth), on=["record_key", "field"], how="inner"
    )
    shapes = workspace.patterns(connection=connection).select("pattern_id", "shape", pl.col("description").alias("why"))
    found = found.filter(pl.col("suggested").is_not_null()).unique("record_key", keep="first", maintain_order=True)
    personal = [record_field(kind, name).personal for name in found["field"]]
    told = [
        workspace.suggested_value(issue) if hidden else value
        for issue, value, hidden in zip(found["issue_id"], found["suggested"], personal, strict=True)
    ]
    titles = frame.select("record_key", title="title") if kind == "product" else None
    found = (
        found.join(titles, on="record_key", how="left") if titles is not None else found.with_columns(title=pl.lit(""))
    )
    return found.with_columns(
        accepted=pl.Series(
            [_same(field, one, other) for field, one, other in zip(found["field"], told, found["right"], strict=True)]
        )
    ).join(shapes, on="pattern_id", how="left").select(
        "channel", "kind", "field", "rule_id", "pattern_id", "shape", "why", "observed", "corrector", "record_key",
        "title", "cause", "accepted",
    )  # fmt: skip


def _same(field: str, told: str, right: str) -> bool:
    """Whether both mean one thing: amounts and weights as numbers, days as days, everything else letter by letter but for case."""
    try:
        if field in ("price", "sale_price", "total", "quantity"):
            return abs(float(told) - float(right)) < 0.005
        if field == "weight_g":
            return abs(float(told) / float(right) - 1) < 0.1
        if field in ("ordered_at", "shipped_at"):
            return datetime.fromisoformat(told).date() == datetime.fromisoformat(right).date()
    except ValueError:
        return False
    if field == "gtin":
        return told.lstrip("0") == right.lstrip("0")
    return told.strip().casefold() == right.strip().casefold()


def _sources(data: Path, records: int, chance: random.Random) -> list[tuple[str, str, list[Row]]]:
    def drawn(name: str, *conditions: pl.Expr) -> list[Row]:
        frame = pl.read_parquet(data / f"{name}.parquet").filter(*conditions)
        return frame.sample(min(records, frame.height), seed=chance.randrange(2**32), shuffle=True).to_dicts()

    def product(number: int, channel: str, **cells: str) -> Row:
        price = f"{float(cells.pop('price')):.2f}"
        return {
            "record_key": f"{channel}-{number}",
            "sku": f"{channel}-{number}",
            "condition": "new",
            "currency": "EUR",
            "quantity": str(chance.randrange(1, 90)),
            "status": "active",
            "weight_g": str(chance.randrange(50, 9000)),
            "sale_price": f"{float(price) * 0.8:.2f}" if float(price) > 2 else "",
            "description": "",
            "gtin": "",
            "price": price,
            **cells,
        }

    def number(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.String).str.contains(r"^\d{1,5}(\.\d+)?$") & (pl.col(name).cast(pl.String) != "0")

    filled = pl.col("title").str.len_chars().is_between(15, 75)
    sources: list[tuple[str, str, list[Row]]] = []
    sources.append(("amazon", "product", [
        product(i, "amazon", title=r["title"], brand=r["brand"], category="Electronics > Accessories", price=r["price_usd"],
                weight_g=str(round(float(r["ship_weight_lb"]) * 453.6)))
        for i, r in enumerate(drawn("amazon_us_electronics/products", filled, number("price_usd"), number("ship_weight_lb"), pl.col("brand").is_not_null()))
    ]))  # fmt: skip
    sources.append(("ebay", "product", [
        product(i, "ebay", title=r["title"], brand=r["brand"], category=r["category_clean"], price=r["retail_price"],
                description=r["description"] or "")
        for i, r in enumerate(drawn("flipkart/products", filled, number("retail_price"), pl.col("brand", "category_clean").is_not_null()))
    ]))  # fmt: skip
    sources.append(("shopify", "product", [
        product(i, "shopify", title=r["title"], brand=r["manufacturer"], category=r["category_path"], price=r["price_gbp"])
        for i, r in enumerate(drawn("amazon_uk_toys/products", filled, number("price_gbp"), pl.col("manufacturer", "category_path").is_not_null()))
    ]))  # fmt: skip
    sources.append(("woocommerce", "product", [
        product(i, "woocommerce", title=r["title"], brand=r["brand"], category=r["category_path"], price=r["price_usd"], description=r["description"])
        for i, r in enumerate(drawn("bestbuy/products", filled, pl.col("brand", "category_path", "description", "price_usd").is_not_null()))
    ]))  # fmt: skip
    sources.append(("cdiscount", "product", [
        product(i, "cdiscount", title=r["product_name"], brand=r["brands"], category=r["main_category"], price=str(chance.randrange(199, 3999) / 100),
                gtin=r["code"], description=r["ingredients_text"] or "")
        for i, r in enumerate(drawn("openfoodfacts/products", pl.col("product_name", "brands", "main_category").is_not_null(), pl.col("gtin_check_ok")))
    ]))  # fmt: skip
    sold = drawn(
        "orders/superstore", pl.col("Order ID").is_first_distinct(), pl.col("Postal Code").str.len_chars() == 5
    )
    places = drawn(
        "store_contacts/starbucks_directory",
        pl.col("Phone_Number").is_not_null(),
        pl.col("Country").is_in(list(_COUNTRIES.values())),
    )
    codes = {name: code for code, name in _COUNTRIES.items()}
    for channel, foreign in (("amazon", False), ("backmarket", True)):
        rows = []
        for i, (order, place) in enumerate(zip(sold, places, strict=False)):
            country = codes[place["Country"]] if foreign else "US"
            rows.append({
                "record_key": f"{channel}-order-{i}", "ordered_at": _iso(order["Order Date"]), "shipped_at": _iso(order["Ship Date"]),
                "status": "shipped", "currency": "USD", "total": f"{float(order['Sales']):.2f}", "buyer_name": order["Customer Name"],
                "email": order["Customer Name"].lower().replace(" ", ".").replace("'", "") + "@gmail.com",
                "ship_name": order["Customer Name"], "ship_street": f"{i + 1} Main Street", "ship_city": order["City"],
                "ship_region": order["State"], "ship_country": country, "typed_phone": place["Phone_Number"],
                "ship_postal_code": order["Postal Code"] if country == "US" else "", "phone": _phone(place["Phone_Number"], country),
            })  # fmt: skip
        sources.append((channel, "order", rows))
    return sources


def _iso(american: str) -> str:
    return datetime.strptime(american, "%m/%d/%Y").strftime("%Y-%m-%dT12:00:00Z")


def _phone(typed: str, country: str) -> str:
    try:
        parsed = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        return ""
    return (
        phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.is_valid_number(parsed)
        else ""
    )
