"""Broken cells made of real ones: each function gives the questions of one kind, with the truth beside them.

Truth comes from the data, never from the corrector. A cell that cannot be put right from what is left of it has the empty
truth: no answer is the right answer. Faults are drawn with a seed; nothing in them is fitted to what the correctors do.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from pathlib import Path
from typing import Any

import numpy as np
import phonenumbers
import polars as pl
from babel import Locale
from stdnum import ean

from connectors.record import ATTRIBUTES, conform
from engine.types import DECISIONS
from models.describe import LANGUAGES, trace
from models.weight import BRACKETS_G

__all__ = ["KINDS", "Case"]

Generator = np.random.Generator
_PRODUCTS = 6_000
"""Records of the merchant whose catalogue is learned from."""


@dataclass(frozen=True)
class Case:
    """Questions of one connection.

    Attributes
    ----------
    rows : polars.DataFrame
        ``observed``, ``truth``, ``baseline``, ``fold`` ("validation", "test"), and columns of the record.
    records : polars.DataFrame
        What may be learned from, canonical columns.
    decisions : polars.DataFrame
        What people decided before, schema `engine.types.DECISIONS`.
    correctors : tuple of str
        Who is asked; the best scored answer counts.
    right : callable
        Whether an answer counts as the truth; of two texts.
    """

    rows: pl.DataFrame
    records: pl.DataFrame
    correctors: tuple[str, ...]
    kind: str
    field: str
    right: Callable[[str, str], bool] = operator.eq
    check: str = ""
    params: Mapping[str, Any] = made_by(default_factory=dict)
    home: Mapping[str, Any] = made_by(default_factory=dict)
    decisions: pl.DataFrame = made_by(default_factory=lambda: pl.DataFrame(schema=DECISIONS))


def in_folds(frame: pl.DataFrame, key: str, random: Generator) -> pl.DataFrame:
    """The frame with the column ``fold``: 60, 20 and 20 % of the values of `key`, so that no product is in two."""
    keys = frame[key].unique().sort()
    places = random.permutation(len(keys)) / max(len(keys), 1)
    folds = np.select([places < 0.6, places < 0.8], ["train", "validation"], "test")
    return frame.join(pl.DataFrame({key: keys, "fold": folds}), on=key, how="inner")


def asked(frame: pl.DataFrame, most: int = 1_500) -> pl.DataFrame:
    """The rows that questions are made of, at most so many of each fold."""
    return pl.concat([frame.filter(pl.col("fold") == fold).head(most) for fold in ("validation", "test")])


def learned_from(frame: pl.DataFrame, kind: str = "product") -> pl.DataFrame:
    """The rows of the training fold as records."""
    return conform(frame.filter(pl.col("fold") == "train").drop("fold"), kind)


# --- estimates -------------------------------------------------------------------------------------------------------


def category(data: Path, random: Generator, source: str, with_ancestors: bool = False) -> Iterator[Case]:
    """Missing category; right is the whole path, or `with_ancestors` the deepest safe one in its place."""
    column = "category_clean" if source == "flipkart" else "category_path"
    frame = (
        pl.read_parquet(data / source / "products.parquet", columns=["title", column])
        .rename({column: "category"})
        .drop_nulls()
        .unique("title", maintain_order=True)
        .sample(fraction=1.0, seed=int(random.integers(2**31)), shuffle=True)
        .head(_PRODUCTS * 5 // 3)
    )
    frame = in_folds(frame, "title", random)
    commonest = frame.filter(pl.col("fold") == "train")["category"].mode().sort().first()
    rows = asked(frame).rename({"category": "truth"}).with_columns(observed=pl.lit(""), baseline=pl.lit(commonest))
    yield Case(
        rows,
        learned_from(frame),
        ("category",),
        "product",
        "category",
        _on_path if with_ancestors else operator.eq,
        "required",
    )


def _on_path(value: str, truth: str) -> bool:
    return bool(value) and f"{truth} > ".startswith(f"{value} > ")


def brand(data: Path, random: Generator, source: str) -> Iterator[Case]:
    """Missing brand; the truth is what the merchant's own record says."""
    column = "manufacturer" if source == "amazon_uk_toys" else "brand"
    frame = (
        pl.read_parquet(data / source / "products.parquet", columns=["title", column])
        .rename({column: "brand"})
        .drop_nulls()
        .filter(pl.col("brand") != "")
        .unique("title", maintain_order=True)
    )
    frame = frame.sample(min(frame.height, _PRODUCTS * 5 // 3), seed=int(random.integers(2**31)), shuffle=True)
    frame = in_folds(frame, "title", random)
    rows = asked(frame).rename({"brand": "truth"})
    rows = rows.with_columns(observed=pl.lit(""), baseline=pl.col("title").str.extract(r"([^\s]+)"))
    yield Case(rows, learned_from(frame), ("brand",), "product", "brand", _same_name, "required")


def _same_name(value: str, truth: str) -> bool:
    first, second = (re.sub(r"[\W_]+", "", text.casefold()) for text in (value, truth))
    return first == second != ""


def _weighed(data: Path, source: str, random: Generator) -> pl.DataFrame:
    """Real products with weight in grams and size in millimetres."""
    if source == "olist":
        frame = pl.read_parquet(data / "olist/products.parquet").select(
            pl.col("product_id").alias("record_key"),
            pl.lit("").alias("title"),
            pl.col("product_category_name").fill_null("").alias("category"),
            pl.col("product_weight_g").cast(pl.Float64).alias("weight_g"),
            *(
                (pl.col(f"product_{side}_cm").cast(pl.Float64) * 10).alias(f"{side}_mm")
                for side in ("length", "width", "height")
            ),
        )
    else:
        frame = pl.read_parquet(data / "amazon_us_electronics/products.parquet").select(
            pl.col("id").alias("record_key"),
            "title",
            pl.lit("").alias("category"),
            (pl.col("ship_weight_lb").cast(pl.Float64, strict=False) * 453.59237).round(0).alias("weight_g"),
            *(
                (pl.col(f"dim{n}_in") * 25.4).round(0).alias(f"{side}_mm")
                for n, side in enumerate(("length", "width", "height"), start=1)
            ),
        )
    frame = frame.filter(pl.all_horizontal(pl.col("weight_g", "length_mm", "width_mm", "height_mm") > 0))
    frame = frame.sample(_PRODUCTS * 5 // 3, seed=int(random.integers(2**31)), shuffle=True)
    return in_folds(frame, "record_key" if source == "olist" else "title", random)


def weight(data: Path, random: Generator, source: str) -> Iterator[Case]:
    """Missing weight; right is the same bracket of parcel prices."""
    frame = _weighed(data, source, random)
    typical = frame.filter(pl.col("fold") == "train")["weight_g"].median()
    rows = asked(frame).with_columns(
        truth=pl.col("weight_g").cast(pl.String),
        weight_g=pl.lit(""),
        observed=pl.lit(""),
        baseline=pl.lit(str(typical)),
    )
    home = {"currency": "USD"} if source != "olist" else {}
    yield Case(
        rows, learned_from(frame), ("weight",), "product", "weight_g", _same_bracket, "required", {"zero": True}, home
    )


def _same_bracket(value: str, truth: str) -> bool:
    return bool(value) and len(set(np.searchsorted(BRACKETS_G, [float(value), float(truth)]))) == 1


_SLIPS = (1_000.0, 1 / 1_000.0, 16.0, 1 / 16.0, 10.0, 1 / 10.0)


def weight_unit(data: Path, random: Generator, source: str, past: int = 0) -> Iterator[Case]:
    """Weights with a slip of the unit (five of six), or true ones that a rule calls odd (one of six): those stay.

    Three merchants with one slip each that makes 80 % of theirs; `past` decisions of each are known.
    """
    frame = _weighed(data, source, random)
    usual = random.choice(_SLIPS, 3, replace=False)

    def broken(rows: pl.DataFrame) -> pl.DataFrame:
        shops = random.integers(len(usual), size=rows.height)
        factors = np.where(random.random(rows.height) < 0.8, usual[shops], random.choice(_SLIPS, rows.height))
        factors = np.where(random.random(rows.height) < 1 / 6, 1.0, factors)
        observed = [
            f"{weight * factor:.9f}".rstrip("0").rstrip(".")
            for weight, factor in zip(rows["weight_g"], factors, strict=True)
        ]
        return rows.with_columns(
            connection=pl.Series([f"shop {shop}" for shop in shops.tolist()]),
            observed=pl.Series(observed),
            truth=pl.when(pl.Series(factors) == 1).then(pl.lit("")).otherwise(pl.col("weight_g").cast(pl.String)),
        )

    known = broken(frame.filter(pl.col("fold") == "train").head(past * len(usual))).filter(pl.col("truth") != "")
    unknown = {name: pl.lit("x") for name in DECISIONS if name not in ("connection", "observed", "decided_at")}
    decisions = known.with_columns(
        **unknown | {"field": pl.lit("weight_g"), "final": pl.col("truth"), "verdict": pl.lit("modified")},
        decided_at=pl.lit(None, dtype=DECISIONS["decided_at"]),
    ).select(list(DECISIONS))
    rows = broken(asked(frame))
    grams = pl.col("observed").cast(pl.Float64)
    multiplied = pl.when(grams < 100).then(grams * 1_000).when(grams > 50_000).then(grams / 1_000).otherwise(grams)
    rows = rows.with_columns(baseline=multiplied.cast(pl.String), weight_g=pl.col("observed"))
    home = {"currency": "USD"} if source != "olist" else {}
    yield Case(
        rows,
        learned_from(frame),
        ("weight_unit",),
        "product",
        "weight_g",
        _same_amount,
        "maximum",
        {"value": 68_000},
        home,
        decisions,
    )


def _same_amount(value: str, truth: str) -> bool:
    return bool(value) and bool(truth) and abs(float(value) / float(truth) - 1.0) < 0.01


def description(data: Path, random: Generator) -> Iterator[Case]:
    """Missing description of products with attributes, in seven languages; right is what `trace` finds borne out.

    The grammar can only be right here by design, so that coverage is the figure of interest; the baseline says the title.
    """
    frame = pl.read_parquet(data / "flipkart/products.parquet").filter(pl.col("product_specifications").is_not_null())
    pairs = [
        dict(re.findall(r'"key"=>"([^"]*)", "value"=>"([^"]*)"', text)) for text in frame["product_specifications"]
    ]
    languages = random.choice(LANGUAGES, frame.height).tolist()
    rows = frame.select("title", pl.col("brand").fill_null(""), category=pl.col("category_clean").fill_null(""))
    truths = [
        json.dumps({"record": record, "attributes": list(found.items()), "language": language})
        for record, found, language in zip(rows.iter_rows(named=True), pairs, languages, strict=True)
    ]
    rows = rows.with_columns(
        attributes=pl.Series([[{"key": k, "value": v} for k, v in found.items()] for found in pairs], dtype=ATTRIBUTES),
        language=pl.Series(languages),
        truth=pl.Series(truths),
        baseline="title",
        observed=pl.lit(""),
    )
    rows = in_folds(rows.unique("title", maintain_order=True), "title", random)
    yield Case(asked(rows), learned_from(rows), ("description",), "product", "description", _borne_out, "required")


def _borne_out(value: str, truth: str) -> bool:
    given = json.loads(truth)
    claims = trace(value, given["record"], [tuple(one) for one in given["attributes"]], language=given["language"])
    return len(claims) > 1 and all(claim.fields for claim in claims)


def unknown_category(data: Path, random: Generator) -> Iterator[Case]:
    """Category that the channel does not know: the leaf alone, another notation, or a letter left out."""
    frame = (
        pl.read_parquet(data / "flipkart/products.parquet", columns=["title", "category_clean"])
        .rename({"category_clean": "category"})
        .drop_nulls()
        .unique("title", maintain_order=True)
        .sample(fraction=1.0, seed=int(random.integers(2**31)), shuffle=True)
        .head(_PRODUCTS)
    )
    frame = in_folds(frame, "title", random)
    known = sorted(set(frame.filter(pl.col("fold") == "train")["category"]))
    rows = asked(frame.filter(pl.col("category").is_in(known)), 800)
    observed = []
    for path in rows["category"]:
        place = int(random.integers(1, len(path)))
        ways = (path.rpartition(" > ")[2], path.replace(" > ", "/").lower(), path[:place] + path[place + 1 :])
        observed.append(str(random.choice(ways)))
    rows = rows.with_columns(observed=pl.Series(observed), truth="category", category=pl.Series(observed))
    folded = {path.casefold(): path for path in known}
    baseline = pl.col("observed").str.to_lowercase().replace_strict(folded, default="", return_dtype=pl.String)
    rows = rows.filter(pl.col("observed") != pl.col("truth")).with_columns(baseline=baseline)
    values = {"values": known}
    yield Case(rows, learned_from(frame), ("category",), "product", "category", check="one_of", params=values)


def title_text(data: Path, random: Generator, fault: str) -> Iterator[Case]:
    """Real titles in capitals, or with a phrase that the channel refuses put into them; right is the title itself."""
    frame = (
        pl.read_parquet(data / "bestbuy/products.parquet", columns=["title", "brand"])
        .drop_nulls()
        .filter(~pl.col("title").str.contains(r"(?i)sale|shipping|best price|[®™\x80-\x9f]|  "))
        .unique("title", maintain_order=True)
        .sample(fraction=1.0, seed=int(random.integers(2**31)), shuffle=True)
    )
    frame = in_folds(frame, "title", random)
    rows = asked(frame, 800).with_columns(truth="title")
    phrases = ["free shipping", "SALE", "best price"]
    if fault == "capitals":
        observed, check, params = [text.upper() for text in rows["title"]], "capitals", {}
        baseline = pl.col("observed").str.to_titlecase()
    else:
        put = [(text.split(" "), str(random.choice(phrases))) for text in rows["title"]]
        observed = [
            f"{' '.join(words)} - {said}!" if random.random() < 0.5 else f"{said}! {' '.join(words)}"
            for words, said in put
        ]
        check, params = "forbidden_words", {"words": [phrase.lower() for phrase in phrases]}
        baseline = pl.col("observed").str.replace_all(r"(?i)free shipping|sale|best price", "").str.strip_chars()
    rows = rows.with_columns(observed=pl.Series(observed)).with_columns(title="observed", baseline=baseline)
    rows = rows.filter(pl.col("observed") != pl.col("truth"))
    corrector = "text" if fault == "capitals" else "title"
    same_case = operator.eq if fault != "capitals" else _same_but_a_word
    yield Case(rows, learned_from(frame), (corrector,), "product", "title", same_case, check, params)


def _same_but_a_word(value: str, truth: str) -> bool:
    """Equal, or different in the case of at most one word in ten: nobody would write it again for that."""
    pairs = list(zip(value.split(), truth.split(), strict=False))
    differing = sum(first != second for first, second in pairs)
    return value.casefold() == truth.casefold() and differing <= max(len(pairs) // 10, 0)


# --- notations -------------------------------------------------------------------------------------------------------

_DATE_HABITS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y")
_VENDORS = 10
_TYPED_SHARES = (1 / 3, 1 / 8, 1 / 20)


def date(data: Path, random: Generator) -> Iterator[Case]:
    """Order dates as ten vendors type them, each by its habit; the share that is typed differs, the rest is ISO.

    One vendor has two habits; where one date in twenty is typed the column may be silent. Three vendors type the
    day of dispatch as well, and three have not dispatched yet.
    """
    orders = (
        pl.read_parquet(data / "orders/superstore.parquet")
        .unique("Order ID", maintain_order=True)
        .select(
            record_key="Order ID",
            ordered=pl.col("Order Date").str.to_date("%m/%d/%Y"),
            shipped=pl.col("Ship Date").str.to_date("%m/%d/%Y"),
        )
        .sample(fraction=1.0, seed=int(random.integers(2**31)), shuffle=True)
    )
    sizes = (1 / np.arange(1, _VENDORS + 1)) / (1 / np.arange(1, _VENDORS + 1)).sum()
    vendor = random.choice(_VENDORS, orders.height, p=sizes)
    habits = random.permutation(np.resize(_DATE_HABITS, _VENDORS))
    for number in range(_VENDORS):
        habit = str(habits[number])
        mine = in_folds(orders.filter(pl.Series(vendor == number)), "record_key", random)
        iso_shipped = pl.col("shipped").dt.strftime("%Y-%m-%dT00:00:00Z")
        iso = pl.col("ordered").dt.strftime("%Y-%m-%dT00:00:00Z")
        is_typed = pl.Series(random.random(mine.height) < _TYPED_SHARES[number % 3])
        written = pl.col("ordered").dt.strftime(habit)
        if number == _VENDORS - 1:
            other = pl.Series(random.random(mine.height) < 0.5)
            written = (
                pl.when(other)
                .then(pl.col("ordered").dt.strftime("%m/%d/%Y"))
                .otherwise(pl.col("ordered").dt.strftime("%d/%m/%Y"))
            )
        mine = mine.with_columns(
            truth=iso,
            ordered_at=pl.when(is_typed).then(written).otherwise(iso),
            # Typed as well, clean, or not dispatched yet.
            shipped_at=[
                pl.when(is_typed).then(pl.col("shipped").dt.strftime(habit)).otherwise(iso_shipped),
                iso_shipped,
                pl.lit(""),
            ][number // 3 % 3],
        )
        rows = asked(mine.filter(is_typed & (pl.col("fold") != "train"))).with_columns(observed="ordered_at")
        first = pl.col("observed").str.extract_groups(r"^(\d+)\D(\d+)\D(\d+)$")
        year = pl.when(first.struct[2].str.len_chars() == 2).then("20" + first.struct[2]).otherwise(first.struct[2])
        rows = rows.with_columns(
            baseline=pl.concat_str(
                year, pl.lit("-"), first.struct[1], pl.lit("-"), first.struct[0], pl.lit("T00:00:00Z")
            )
        ).select("record_key", "ordered_at", "shipped_at", "observed", "truth", "baseline", "fold")
        records = conform(
            mine.filter(pl.col("fold") == "train").select("record_key", "ordered_at", "shipped_at"), "order"
        )
        yield Case(rows, records, ("date",), "order", "ordered_at", check="datetime")


_PRICE_HABITS: dict[str, tuple[str, str, bool, str]] = {
    "1.299,00": (".", ",", True, "EUR"),
    "1.299": (".", ",", False, "EUR"),
    "Rs 1,299": (",", ".", False, "INR"),
    "$1,299.00": (",", ".", True, "USD"),
    "1 299,00": (" ", ",", True, "EUR"),
    "10": ("", ".", False, "GBP"),
    "12.990": ("", ".", True, "GBP"),
    "12,990": ("", ",", True, "EUR"),
}
"""Way of writing to its separator of thousands, of decimals, whether cents are always written, and the currency."""


_LOST_PRICES = ("10 - 20", "on request", "-12", "1299%")
"""What no price can be read from."""


def price(data: Path, random: Generator) -> Iterator[Case]:
    """Prices as ten vendors type them; the share that is typed differs, the rest is plain; one of twelve is lost."""
    amounts = pl.concat(
        [
            pl.read_parquet(data / "flipkart/products.parquet").select(title="title", price="retail_price"),
            pl.read_parquet(data / "amazon_uk_toys/products.parquet").select(title="title", price="price_gbp"),
        ]
    ).with_columns(pl.col("price").str.replace_all(",", "").cast(pl.Float64, strict=False))
    amounts = amounts.drop_nulls().filter(pl.col("price") > 0).unique("title", maintain_order=True)
    amounts = amounts.sample(8_000, seed=int(random.integers(2**31)), shuffle=True)
    sizes = (1 / np.arange(1, _VENDORS + 1)) / (1 / np.arange(1, _VENDORS + 1)).sum()
    vendor = random.choice(_VENDORS, amounts.height, p=sizes)
    habits = random.permutation(np.resize(np.array(list(_PRICE_HABITS)), _VENDORS))
    for number in range(_VENDORS):
        habit = str(habits[number])
        mine = in_folds(amounts.filter(pl.Series(vendor == number)), "title", random)
        plain = [f"{amount:.2f}" for amount in mine["price"]]
        is_typed = random.random(mine.height) < _TYPED_SHARES[number % 3]
        typed = [_typed(amount, habit) if out else amount for amount, out in zip(plain, is_typed.tolist(), strict=True)]
        lost = pl.Series(is_typed & (random.random(mine.height) < 1 / 12))
        nothing = pl.Series(random.choice(_LOST_PRICES, mine.height))
        code = _PRICE_HABITS[habit][3] if random.random() < 0.5 else ""
        mine = mine.with_columns(
            price=pl.when(lost).then(nothing).otherwise(pl.Series(typed)),
            truth=pl.when(lost).then(pl.lit("")).otherwise(pl.Series(plain)),
            currency=pl.lit(code),
        )
        rows = asked(mine.filter(pl.col("price") != pl.col("truth"))).with_columns(observed="price")
        baseline = pl.col("observed").str.replace_all(",", "").str.extract(r"(\d+(?:\.\d+)?)").cast(pl.Float64)
        rows = rows.with_columns(
            baseline=pl.Series([f"{one or 0:.2f}" for one in rows.select(baseline).to_series()], dtype=pl.String)
        )
        records = conform(mine.filter(pl.col("fold") == "train").select("title", "price", "currency"), "product")
        yield Case(rows, records, ("price",), "product", "price", check="decimal", params={"exactly": 2})


def _typed(amount: str, habit: str) -> str:
    thousands, decimal, cents, _ = _PRICE_HABITS[habit]
    whole, _, rest = amount.partition(".")
    grouped = f"{int(whole):,}".replace(",", thousands)
    text = grouped if rest == "00" and not cents else f"{grouped}{decimal}{rest}"
    if habit in ("12.990", "12,990"):
        return f"{text}0"
    lead = "Rs " if habit.startswith("Rs") else "$" if habit.startswith("$") else ""
    return f"{lead}{text}"


def gtin(data: Path, random: Generator) -> Iterator[Case]:
    """Real GTINs that lost zeros or carry separators; a mistyped digit and lost digits have no right answer."""
    upcs = (
        pl.concat(
            [pl.read_parquet(data / f"wdc_pave/{name}.parquet") for name in ("normalised", "extraction")],
            how="diagonal",
        )
        .filter(pl.col("attribute") == "Retail UPC")["values"]
        .explode()
        .drop_nulls()
        .str.replace_all(r"\D", "")
    )
    food = pl.read_parquet(data / "openfoodfacts/products.parquet").filter("gtin_check_ok")["code"]
    codes = sorted({code for code in [*upcs, *food] if len(code) in (8, 12, 13) and ean.is_valid(code)})
    rows = []
    for code in random.permutation(codes).tolist():
        fault, truth = (
            str(random.choice(["zeros", "separators", "decimals", "typo", "scientific"], p=[0.5, 0.2, 0.1, 0.1, 0.1])),
            code,
        )
        if fault == "zeros":
            # Thirteen digits that start with a zero are a UPC; without any zero to lose the code is written as GTIN-14.
            text = code.lstrip("0") if code.startswith("0") else code
            truth = code if text != code else ""
            if text == code:
                text = f"{code[0]}-{code[1:7]}-{code[7:]}"
                truth = code
        elif fault == "separators":
            text = f"{code[:3]} {code[3:7]} {code[7:]}"
        elif fault == "decimals":
            text = f"{code}.0"
        elif fault == "typo":
            place = int(random.integers(len(code) - 1))
            text, truth = (
                f"{code[:place]}{(int(code[place]) + 1 + int(random.integers(8))) % 10}{code[place + 1 :]}",
                "",
            )
        else:
            text, truth = f"{code[0]},{code[1:3]}E+{len(code) - 1}", ""
        rows.append((code, text, truth, re.sub(r"\D", "", text).zfill(13 if len(code) > 8 else 8)))
    frame = pl.DataFrame(rows, schema=["record_key", "observed", "truth", "baseline"], orient="row")
    frame = in_folds(frame.with_columns(gtin="observed"), "record_key", random)
    yield Case(
        asked(frame),
        conform(pl.DataFrame({"gtin": codes[:50]}), "product"),
        ("gtin",),
        "product",
        "gtin",
        _same_code,
        "gtin",
    )


def _same_code(value: str, truth: str) -> bool:
    return truth != "" and value.lstrip("0") == truth.lstrip("0")


def _stores(data: Path) -> pl.DataFrame:
    """Real store addresses with the country's code (names as written, with their misspellings, beside it)."""
    codes = {str(name): code for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}
    codes |= {"USA": "US", "Great Britan": "GB", "Thiland": "TH", "UAE": "AE", "Lebnan": "LB", "Newzeland": "NZ"}
    codes |= {"Czech Repulic": "CZ", "Turkey": "TR", "Proto Rueico": "PR", "Salvador": "SV", "Kazaksthan": "KZ"}
    codes |= {"Combodia": "KH", "Brunei Darussalam": "BN", "Trinidad and Tobago": "TT"}
    stores = pl.read_parquet(data / "store_contacts/starbucks_directory.parquet")
    known = pl.col("Country").replace_strict(codes, default=None, return_dtype=pl.String)
    return stores.with_columns(ship_country=known).drop_nulls("ship_country")


def phone(data: Path, random: Generator) -> Iterator[Case]:
    """Numbers exactly as typed; the truth is the E.164 form under the numbering plan of the store's own country."""
    stores = _stores(data).drop_nulls("Phone_Number").sample(6_000, seed=int(random.integers(2**31)), shuffle=True)
    rows = []
    for key, country, text in stores.select("Store_Number", "ship_country", "Phone_Number").iter_rows():
        try:
            number = phonenumbers.parse(text, country)
            truth = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            truth = truth if phonenumbers.is_valid_number_for_region(number, country) else ""
        except phonenumbers.NumberParseException:
            truth = ""
        calling = phonenumbers.country_code_for_region(country)
        rows.append((key, country, text, truth, f"+{calling}{re.sub(r'[^0-9]', '', text)}"))
    frame = pl.DataFrame(rows, schema=["record_key", "ship_country", "observed", "truth", "baseline"], orient="row")
    frame = in_folds(
        frame.filter(pl.col("observed") != pl.col("truth")).with_columns(phone="observed"), "record_key", random
    )
    yield Case(
        asked(frame),
        learned_from(frame.drop("truth", "baseline", "observed"), "order"),
        ("phone",),
        "order",
        "phone",
        check="phone",
    )


def email(data: Path, random: Generator) -> Iterator[Case]:
    """Addresses made of fictional names; one slip of the keyboard each, one of eight beyond repair."""
    names = pl.read_parquet(data / "orders/superstore.parquet")["Customer Name"].unique().sort().to_list()
    large = ("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "gmx.de", "web.de", "orange.fr", "icloud.com")
    rows = []
    for name in random.permutation(names).tolist() * 3:
        first, *_, last = re.sub(r"[^a-z ]", "", f"{name} {name}".casefold()).split()
        own = f"{last}-{random.choice(['trading', 'garten', 'studio', 'office'])}.{random.choice(['com', 'de', 'fr'])}"
        domain = str(random.choice(large)) if random.random() < 0.7 else own
        address = f"{first}.{last}{random.integers(100)}@{domain}"
        text, truth = _slipped(address, random)
        rows.append((name, text, truth, re.sub(r"\s", "", text).lower().replace(",", ".")))
    frame = pl.DataFrame(rows, schema=["record_key", "observed", "truth", "baseline"], orient="row")
    frame = frame.filter(pl.col("observed") != pl.col("truth"))
    good = pl.DataFrame({"email": [f"kunde{n}@{large[n % 4]}" for n in range(80)]})
    frame = in_folds(frame.with_columns(email="observed"), "record_key", random)
    yield Case(asked(frame), conform(good, "order"), ("email",), "order", "email", check="email")


def _slipped(address: str, random: Generator) -> tuple[str, str]:
    local, _, domain = address.partition("@")
    host, _, ending = domain.rpartition(".")
    place = int(random.integers(1, max(len(host) - 1, 2)))
    swapped = host[:place] + host[place : place + 2][::-1] + host[place + 2 :]
    dropped = host[:place] + host[place + 1 :]
    slips = {
        "comma": address.replace(f".{ending}", f",{ending}"),
        "space": f"{local} @{domain}",
        "at": f"{local}@@{domain}",
        "word": f"{local} (at) {domain}",
        "dots": f"{local}@{host}..{ending}",
        "swapped": f"{local}@{swapped}.{ending}",
        "dropped": f"{local}@{dropped}.{ending}",
        "ending": f"{local}@{host}.{ending[:-1] + ('n' if ending == 'com' else '')}",
        "no dot": f"{local}@{host}{ending}",
        "no at": f"{local}{domain}",
        "cut": f"{local}@",
    }
    kind = str(random.choice(list(slips), p=[0.12, 0.1, 0.08, 0.06, 0.08, 0.15, 0.15, 0.08, 0.04, 0.04, 0.1]))
    return slips[kind], "" if kind == "cut" else address


def postal(data: Path, random: Generator) -> Iterator[Case]:
    """Real postal codes: ZIP+4 without its hyphen as typed; lost zeros, capitals and blanks; one of ten cut short."""
    stores = (
        _stores(data)
        .drop_nulls("Postcode")
        .filter(pl.col("ship_country").is_in(["US", "GB", "CA", "DE", "PL", "NL", "JP"]))
    )
    stores = stores.sample(5_000, seed=int(random.integers(2**31)), shuffle=True)
    rows = []
    for key, country, region, text in stores.select("Store_Number", "ship_country", "State", "Postcode").iter_rows():
        truth = text.strip()
        if country == "US" and re.fullmatch(r"\d{9}", truth):
            observed, truth = truth, f"{truth[:5]}-{truth[5:]}"
        elif country == "US" and re.fullmatch(r"0\d{4}", truth):
            observed = truth.lstrip("0")
        elif country in ("GB", "CA", "NL") and re.fullmatch(r"[A-Z0-9]{2,4} [A-Z0-9]{2,3}", truth):
            observed = truth.replace(" ", "").lower() if random.random() < 0.5 else truth.replace(" ", "-")
        elif country in ("PL", "JP") and re.fullmatch(r"\d+-\d+", truth):
            observed = truth.replace("-", "")
        elif country in ("US", "DE") and re.fullmatch(r"\d{5}", truth) and random.random() < 0.15:
            observed, truth = truth[:-1], ""
        else:
            continue
        rows.append((key, country, region or "", observed, truth, observed.upper().zfill(5)))
    schema = ["record_key", "ship_country", "ship_region", "observed", "truth", "baseline"]
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(ship_postal_code="observed")
    frame = in_folds(frame, "record_key", random)
    yield Case(
        asked(frame),
        learned_from(frame.drop("truth", "baseline", "observed"), "order"),
        ("postal_code",),
        "order",
        "ship_postal_code",
        check="postal_code",
    )


def country(data: Path, random: Generator) -> Iterator[Case]:
    """Country names as the directory has them, and names in six languages, half of those with one wrong letter."""
    written = _stores(data).select("Country", "ship_country").unique().sort("Country")
    rows = [(name, name, code, code) for name, code in written.iter_rows()]
    codes = sorted(set(written["ship_country"]))
    for language in ("en", "de", "fr", "es", "it", "pl"):
        for code in codes:
            name = str(Locale(language).territories[code])
            place = int(random.integers(1, len(name)))
            typed = name if random.random() < 0.5 else name[:place] + name[place + 1 :]
            rows.append((f"{language} {name}", typed, code, code))
    english = {str(name): code for code, name in Locale("en").territories.items()}
    frame = pl.DataFrame(rows, schema=["record_key", "observed", "truth", "baseline"], orient="row")
    frame = frame.with_columns(
        baseline=pl.col("observed").replace_strict(english, default="", return_dtype=pl.String), ship_country="observed"
    )
    frame = in_folds(frame.filter(pl.col("observed") != pl.col("truth")), "record_key", random)
    yield Case(
        asked(frame),
        conform(pl.DataFrame({"ship_country": ["DE"] * 50}), "order"),
        ("country",),
        "order",
        "ship_country",
        check="country",
    )


def units(data: Path, random: Generator) -> Iterator[Case]:
    """Real lengths in another unit or notation, as people write them ("12,5 cm", "8 in", "1.250,0")."""
    frame = _weighed(data, "olist", random)
    rows = asked(frame, 1_000)
    observed, truth = [], []
    for millimetres in rows["length_mm"].to_list():
        unit = str(
            random.choice(["cm", "cm,", "in", "m", "mm", "grouped", "nothing"], p=[0.25, 0.2, 0.15, 0.1, 0.1, 0.1, 0.1])
        )
        value = millimetres + float(random.integers(10))
        written = {
            "cm": f"{value / 10:.1f} cm",
            "cm,": f"{value / 10:.1f}cm".replace(".", ","),
            "in": f'{value / 25.4:.2f}"',
            "m": f"{value / 1000:.3f} m",
            "mm": f"{value:.0f}mm",
            "grouped": f"{value * 10:,.1f}".replace(",", "_").replace(".", ",").replace("_", "."),
            "nothing": "ca. 20-30",
        }[unit]
        observed.append(written)
        truth.append("" if unit == "nothing" else str(value * 10 if unit == "grouped" else value))
    rows = rows.with_columns(observed=pl.Series(observed), truth=pl.Series(truth), length_mm=pl.Series(observed))
    rows = rows.with_columns(baseline=pl.col("observed").str.extract(r"(\d+(?:\.\d+)?)").fill_null(""))
    yield Case(rows, learned_from(frame), ("dimensions",), "product", "length_mm", _same_amount, "pattern")


KINDS: dict[str, tuple[Callable[..., Iterator[Case]], tuple[Any, ...]]] = {
    "category, Flipkart": (category, ("flipkart",)),
    "category or ancestor, Flipkart": (category, ("flipkart", True)),
    "category, Amazon UK toys": (category, ("amazon_uk_toys",)),
    "category or ancestor, Amazon UK toys": (category, ("amazon_uk_toys", True)),
    "brand, Flipkart": (brand, ("flipkart",)),
    "brand, Amazon US": (brand, ("amazon_us_electronics",)),
    "brand, Amazon UK toys": (brand, ("amazon_uk_toys",)),
    "brand, Best Buy": (brand, ("bestbuy",)),
    "weight, Olist": (weight, ("olist",)),
    "weight, Amazon US": (weight, ("amazon_us_electronics",)),
    "weight unit, Olist": (weight_unit, ("olist",)),
    "weight unit, Olist, 30 decisions": (weight_unit, ("olist", 30)),
    "weight unit, Amazon US": (weight_unit, ("amazon_us_electronics",)),
    "weight unit, Amazon US, 30 decisions": (weight_unit, ("amazon_us_electronics", 30)),
    "unknown category, Flipkart": (unknown_category, ()),
    "title in capitals, Best Buy": (title_text, ("capitals",)),
    "refused words, Best Buy": (title_text, ("words",)),
    "description": (description, ()),
    "date": (date, ()),
    "price": (price, ()),
    "GTIN": (gtin, ()),
    "phone": (phone, ()),
    "e-mail": (email, ()),
    "postal code": (postal, ()),
    "country": (country, ()),
    "units of length": (units, ()),
}
"""Name in the table to the function that makes its questions, and the function's further arguments."""
