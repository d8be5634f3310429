"""Prices written for people ("1.299,00 €", "Rs 1,299") become plain decimals with the currency's places.

The one hard question is whether a separator groups thousands or starts the decimals. Where the value itself does not
say, the evidence is: what the column's unambiguous values use, what people of this connection decided before, the
record's other price, and which reading lies nearer to the column's prices. Where all are silent, no score is high.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
from babel.numbers import get_currency_precision, list_currencies
from price_parser import Price

from engine.correctors.base import (
    Context,
    Corrector,
    Proposal,
    answered,
    column,
    fits,
    of_record,
    parameters,
)
from engine.habits import Habits, habits

__all__ = ["CORRECTOR", "PriceCorrector"]

_FIELDS = ("price", "sale_price", "total", "unit_price")
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_NUMERAL = re.compile(r"\d(?:[\d.,'’\s]*\d)?")
_POINT = frozenset(("USD", "GBP", "INR", "JPY", "CNY", "CAD", "AUD", "NZD", "MXN", "SGD", "HKD", "KRW", "ILS", "THB"))
_COMMA = frozenset(("PLN", "SEK", "NOK", "DKK", "CZK", "HUF", "RON", "BGN", "BRL", "TRY", "UAH", "IDR", "VND", "ARS"))
"""Currencies whose home writes a decimal point, a decimal comma (CLDR number symbols); euro countries differ."""

_HOME_COUNT = 3
"""Values of the column that the custom of the currency's home outweighs; beyond, the column speaks for itself."""

_PLAIN_COUNT = 3
"""What plain decimals of the column count for at most: all channels want that notation, so it tells little of the vendor."""

_SILENT = 0.6
"""Highest score of a reading for which nothing speaks but that three decimals are rare."""

_AMBIGUOUS = r"^\D*[1-9]\d{0,2}[.,]\d{3}\D*$"

_SIGNS = {
    "$": "USD",
    "£": "GBP",
    "₹": "INR",
    "Rs": "INR",
    "Rs.": "INR",
    "¥": "JPY",
    "zł": "PLN",
    "Kč": "CZK",
    "R$": "BRL",
}

_NO_EVIDENCE = "neither column, decisions nor currency say which separator is the decimal one"

_PAGE = 2_000
"""Prices that are looked at for the size of the usual price."""


class PriceCorrector(Corrector):
    """Writes prices as plain decimals: dot, no grouping, as many places as the rule or the currency has.

    Attributes
    ----------
    comma_, dot_ : dict of str to int
        By field, how many values of the column can only have a decimal comma, a decimal point.
    habits_ : dict
        Which sign people of each connection took for the decimal one, see `engine.habits`.
    ways_ : dict
        How people of each connection got a sale price under the price.
    usual_ : dict of str to tuple of float
        By field, median and spread (scaled median absolute deviation) of the decimal logarithm of plain prices.
    """

    name = "price"
    handles = frozenset(_FIELDS)

    def __init__(self) -> None:
        self.comma_: dict[str, int] = {}
        self.dot_: dict[str, int] = {}
        self.habits_: Habits = {}
        self.ways_: Habits = {}
        self.usual_: dict[str, tuple[float, float]] = {}

    def fit(self, context: Context) -> None:
        """Count the decimal separators of each price column and note the usual size of its prices."""
        frame = column(context, *_FIELDS)
        self.habits_ = habits(context.decisions, _FIELDS, _decimal_sign, shape=_AMBIGUOUS)
        above = context.decisions.filter(pl.col("rule_id").str.contains("sale"))
        self.ways_ = habits(above, ["sale_price"], _way_of)
        for name in _FIELDS:
            values = frame.select(pl.col(name).str.strip_chars().alias("v")).filter(pl.col("v") != "")
            text = pl.col("v")
            counts = values.select(
                comma=text.str.contains(r"^\D*(\d+|\d{1,3}([.'’\s]\d{3})+),\d{1,2}\D*$|^\D*(0|\d{4,}),\d{3}\D*$").sum(),
                dot=text.str.contains(r"^\D*(\d+|\d{1,3}([,'’\s]\d{3})+)\.\d{1,2}\D*$|^\D*(0|\d{4,})\.\d{3}\D*$").sum(),
                plain=text.str.contains(r"^\d+\.\d{1,2}$").sum(),
            ).row(0)
            self.comma_[name] = counts[0]
            self.dot_[name] = counts[1] - counts[2] + min(counts[2], _PLAIN_COUNT)
            plain = values.filter(text.str.contains(r"^(\d+[.,]\d{1,2}|\d{1,6})$")).head(_PAGE)
            numbers = plain.select(text.str.replace(",", ".", literal=True).cast(pl.Float64).alias("n")).filter(
                pl.col("n") > 0
            )
            logarithm = numbers["n"].log10()
            if logarithm.len() >= 10:
                middle = float(logarithm.median())  # type: ignore[arg-type]
                spread = 1.4826 * float((logarithm - middle).abs().median())  # type: ignore[arg-type]
                self.usual_[name] = (middle, max(spread, 0.2))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The value as a plain decimal; two readings where it is ambiguous; ways out of a sale above the price."""

        def reply(
            field: str, observed: str, currency: str, check: str, params: str, price: str, sale: str, connection: str
        ) -> Iterator[Proposal]:
            if not fits(observed):
                return
            code = (currency.strip() or context.currency).upper()
            places = _places(parameters(params), code)
            if check in ("at_most_field", "at_least_field"):
                yield from _below(field, observed, price, places, self.ways_.get((connection, field), {}))
                return
            if field == "sale_price" and check == "minimum" and _PLAIN.fullmatch(observed.strip()):
                yield Proposal(
                    "", 0.5, "A sale price of nothing is no sale price; without it the regular price is shown."
                )
            if check not in ("decimal", "pattern", "") and _PLAIN.fullmatch(observed.strip()):
                # The notation is right; what is wrong is the amount, which nobody but the merchant knows.
                return
            sibling = {"price": sale, "sale_price": price}.get(field, "")
            yield from self._read(field, observed, code, places, sibling, self.habits_.get((connection, field)))

        return answered(
            self.asked(questions),
            self.name,
            keys={
                "field": pl.col("field"),
                "observed": pl.col("observed").fill_null(""),
                "currency": of_record(questions, "currency"),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
                "price": of_record(questions, "price"),
                "sale": of_record(questions, "sale_price"),
                "connection": pl.col("connection").fill_null(""),
            },
            reply=reply,
        )

    def _read(
        self,
        field: str,
        observed: str,
        currency: str,
        places: int,
        sibling: str = "",
        chosen: Mapping[str, int] | None = None,
    ) -> Iterator[Proposal]:
        text = unicodedata.normalize("NFKC", observed).strip()
        numerals = _NUMERAL.findall(text)
        negative = re.search(r"[-−]\s*\D{0,4}\d", text) is not None or re.fullmatch(r"\(.*\d.*\)", text) is not None
        if len(numerals) != 1 or negative or "%" in text:
            return
        readings: dict[Decimal, tuple[float, str]] = {}
        sign = Price.fromstring(text).currency or currency
        is_silent = field not in self.usual_ and not _PLAIN.fullmatch(sibling.strip())
        for separator, weight, why in self._separators(field, numerals[0], _SIGNS.get(sign, sign), chosen or {}):
            amount = Price.fromstring(text, decimal_separator=separator).amount
            is_silent &= why == _NO_EVIDENCE
            if amount is not None and amount > 0:
                if 0.0 < weight < 1.0:
                    weight *= self._plausibility(field, amount) * _beside(field, amount, sibling)
                former = readings.get(amount, (0.0, why))
                readings[amount] = (former[0] + weight, former[1])
        total = sum(weight for weight, _ in readings.values())
        for amount, (weight, why) in readings.items():
            share = weight / total if total else 0.0
            if share < 0.03:
                continue
            written, exact = _written(amount, places)
            score = min(0.98 * share, _SILENT if is_silent else 1.0) if exact else 0.6 * share
            if share >= 0.999:
                reason = f"Reads as one price only; {why}."
            else:
                reason = (
                    f"Ambiguous separator; {why}, and the size of the column's prices gives this reading {share:.0%}."
                )
            if not exact:
                reason += f" Rounded to {places} decimal places, which changes the amount."
            if Decimal(written) > 0:
                yield Proposal(written, score, reason)

    def _separators(
        self, field: str, numeral: str, currency: str, chosen: Mapping[str, int]
    ) -> list[tuple[str, float, str]]:
        """Possible decimal separators of a numeral, each with its weight and the evidence for it."""
        last = max(numeral.rfind("."), numeral.rfind(","))
        if last < 0:
            return [(".", 1.0, "no decimal separator")]
        sign, other = numeral[last], "," if numeral[last] == "." else "."
        after = len(re.sub(r"\D", "", numeral[last:]))
        before = re.sub(r"\D", "", numeral[:last])
        if other in numeral:
            return [(sign, 1.0, f"the last separator, {sign!r}, starts the decimals")]
        if numeral.count(sign) > 1:
            return [(other, 1.0, f"{sign!r} occurs more than once, so it groups thousands")]
        if after != 3 or len(before) > 3 or before.startswith("0"):
            return [(sign, 1.0, f"{after} digits after {sign!r} are decimals")]
        seen = {",": self.comma_.get(field, 0), ".": self.dot_.get(field, 0)}
        home = {",": _HOME_COUNT * (currency in _COMMA), ".": _HOME_COUNT * (currency in _POINT)}
        mass = {one: max(seen[one] + home[one] + chosen.get(one, 0) + 1.0, 0.1) for one in ",."}
        told = []
        if any(seen.values()):
            told.append(f"the column speaks {seen[',']} times for a decimal comma and {seen['.']} for a point")
        if any(chosen.values()):
            told.append(f"people chose the comma {chosen.get(',', 0)} and the point {chosen.get('.', 0)} times more")
        if any(home.values()) and not told:
            told.append(f"{currency} is mostly written with a decimal {'comma' if home[','] else 'point'}")
        evidence = "; ".join(told) or _NO_EVIDENCE
        # Three digits after the separator are rare for decimals even where it is the decimal separator.
        share = 0.25 * mass[sign] / (0.25 * mass[sign] + mass[other])
        return [(sign, share, evidence), (other, 1.0 - share, evidence)]

    def _plausibility(self, field: str, amount: Decimal) -> float:
        if field not in self.usual_:
            return 1.0
        middle, spread = self.usual_[field]
        distance = (math.log10(float(amount)) - middle) / spread
        # Student's t with 3 degrees of freedom: prices have heavy tails, so a distant one is unlikely, not impossible.
        return (1.0 + distance * distance / 3.0) ** -2


def _beside(field: str, amount: Decimal, sibling: str) -> float:
    """How well an amount suits the record's other price: a reduced price is lower, and rarely by more than 95 %."""
    if not _PLAIN.fullmatch(sibling.strip()) or Decimal(sibling.strip()) <= 0:
        return 1.0
    ratio = amount / Decimal(sibling.strip()) if field == "sale_price" else Decimal(sibling.strip()) / amount
    return 1.0 if Decimal("0.05") <= ratio <= 1 else 0.05


def _decimal_sign(observed: str, value: str) -> str:
    """The decimal separator under which an ambiguous price has that value; empty when it is another one."""
    if not _PLAIN.fullmatch(value):
        return ""
    read = {sign: Price.fromstring(observed, decimal_separator=sign).amount for sign in ",."}
    return next(
        (s for s, amount in read.items() if amount is not None and abs(amount - Decimal(value)) < Decimal("0.01")), ""
    )


def _places(params: dict[str, object], currency: str) -> int:
    """Decimal places that the rule wants, else those of the currency (CLDR), two for an unknown one."""
    exactly, at_most = params.get("exactly"), params.get("at_most")
    if isinstance(exactly, int) and 0 <= exactly <= 6:
        return exactly
    usual = get_currency_precision(currency) if currency in list_currencies() else 2
    return min(usual, at_most) if isinstance(at_most, int) and at_most >= 0 else usual


def _written(amount: Decimal, places: int) -> tuple[str, bool]:
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded:f}", rounded == amount


_WAYS = {"none": 2.0, "hundredth": 3.0, "tenth": 1.0}
"""Ways to get a sale price under the price, with the decisions that the belief counts for."""


def _way_of(observed: str, value: str) -> str:
    sale, after = (Price.fromstring(text).amount for text in (observed, value))
    if not value.strip():
        return "none"
    ratio = sale / after if sale and after else None
    return {Decimal(100): "hundredth", Decimal(10): "tenth"}.get(ratio, "") if ratio is not None else ""


def _below(field: str, observed: str, price: str, places: int, chosen: Mapping[str, int]) -> Iterator[Proposal]:
    """Ways to get a sale price under the price; none is sure, so all score low until people of the connection chose."""
    sale, regular = (Price.fromstring(t).amount for t in (observed, price))
    if field != "sale_price" or sale is None or regular is None or sale <= 0 or regular <= 0 or sale < regular:
        return
    found = {"none": ("", f"The sale price is not below the price {regular:f}; without it the regular price is shown.")}
    for way, divisor in (("hundredth", 100), ("tenth", 10)):
        written, exact = _written(sale / divisor, places)
        if exact and Decimal("0.3") * regular <= sale / divisor < regular:
            note = f"A {way} of the sale price lies below the price {regular:f}; the decimal point may be lost."
            found[way] = (written, note)
    mass = {way: max(_WAYS[way] + chosen.get(way, 0), 0.1) for way in found}
    # Two decisions' worth for "something else": the price itself may be the wrong one.
    for way, (value, reason) in found.items():
        yield Proposal(value, mass[way] / (sum(mass.values()) + 2.0), reason)


CORRECTOR = PriceCorrector
