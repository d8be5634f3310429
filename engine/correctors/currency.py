"""Currency signs, names and lower-case codes become ISO 4217 codes; a missing code is filled from the home or the column."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import polars as pl
from babel import Locale
from babel.numbers import get_territory_currencies, list_currencies
from price_parser import Price

from engine.correctors.base import Context, Corrector, Proposal, answered, column, is_blank, of_record
from engine.correctors.country import LANGUAGES, folded
from engine.habits import Custom, custom

__all__ = ["CORRECTOR", "CurrencyCorrector"]

_LEAST_SHARE = 0.95
"""Share of the commonest currency from which the column may fill a gap."""

_SHARED = {
    "$": ("USD", "CAD", "AUD", "MXN"),
    "kr": ("SEK", "NOK", "DKK"),
    "kr.": ("DKK", "SEK", "NOK"),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "€": ("EUR",),
    "rs": ("INR", "PKR", "LKR"),
    "rs.": ("INR", "PKR", "LKR"),
    "zł": ("PLN",),
    "kč": ("CZK",),
    "us dollar": ("USD",),
    "dollar": ("USD", "CAD", "AUD"),
    "dollars": ("USD", "CAD", "AUD"),
    "pound": ("GBP",),
    "pounds": ("GBP",),
    "sterling": ("GBP",),
    "pfund": ("GBP",),
    "euros": ("EUR",),
    "yen": ("JPY",),
    "zloty": ("PLN",),
}
"""Signs and short names with the currencies that use them, the commonest first."""


class CurrencyCorrector(Corrector):
    """Answers with the code of a sign or name; where several share it, the connection's home and the column decide.

    Attributes
    ----------
    common_ : engine.habits.Custom or None
        The code that rules the column.
    """

    name = "currency"
    handles = frozenset(("currency",))

    def __init__(self) -> None:
        self.common_: Custom | None = None

    def fit(self, context: Context) -> None:
        """Find the currency that nearly all records of the connection have."""
        codes = column(context, "currency")["currency"].str.strip_chars().str.to_uppercase()
        self.common_ = custom(codes.filter(codes.is_in(sorted(list_currencies()))), least_share=_LEAST_SHARE)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The code that the text, the price's own sign, the home or the column names, in this order."""
        home = context.currency.upper() or _of_country(context.country.upper())

        def reply(observed: str, price: str) -> Iterator[Proposal]:
            text = observed.strip()
            if len(text) > 60:
                return
            if text.upper() in list_currencies():
                yield Proposal(text.upper(), 0.99, "The code is right; ISO 4217 writes it in capitals.")
                return
            if not is_blank(text):
                yield from self._named(text, home, "The text")
                return
            sign = Price.fromstring(price[:60]).currency if price else None
            if sign:
                code = sign.upper()
                yield from (
                    [Proposal(code, 0.95, f"The price itself carries {sign}.")]
                    if code in list_currencies()
                    else self._named(sign, home, "The sign in the price")
                )
                return
            if self.common_ is not None:
                code, count, known = self.common_
                yield Proposal(
                    code, 0.95 * self.common_.share, f"{count} of {known} records of this connection are in {code}."
                )
            if home and (self.common_ is None or self.common_[0] != home):
                yield Proposal(home, 0.8, f"{home} is the currency of the connection's home.")

        return answered(
            self.asked(questions),
            self.name,
            keys={"observed": pl.col("observed").fill_null(""), "price": _price(questions)},
            reply=reply,
        )

    def _named(self, text: str, home: str, what: str) -> Iterator[Proposal]:
        codes = _SHARED.get(text.casefold()) or _names().get(folded(text), ())
        common = self.common_[0] if self.common_ is not None else ""
        if len(codes) == 1:
            yield Proposal(codes[0], 0.97, f"{what} stands for {codes[0]} only.")
            return
        for place, code in enumerate(codes):
            if code == common:
                yield Proposal(code, 0.94, f"{what} is shared by several currencies; the column is in {code}.")
            elif code == home:
                yield Proposal(code, 0.9, f"{what} is shared by several currencies; {code} is the connection's own.")
            elif home not in codes and common not in codes:
                yield Proposal(
                    code, 0.5 - 0.2 * min(place, 2), f"{what} is shared by several currencies, {code} among them."
                )


def _price(questions: pl.DataFrame) -> pl.Expr:
    price, total = of_record(questions, "price"), of_record(questions, "total")
    return pl.when(price != "").then(price).otherwise(total)


def _of_country(country: str) -> str:
    codes = get_territory_currencies(country) if len(country) == 2 else []
    return codes[0] if len(codes) == 1 else ""


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Folded names and signs to codes; only money that some country uses today, so that old francs stay out."""
    countries = [str(country) for country in Locale("en").territories]
    current = {code for country in countries if len(country) == 2 for code in get_territory_currencies(country)}
    names: dict[str, set[str]] = {}
    for language in LANGUAGES:
        locale = Locale(language)
        for code in sorted(current):
            for name in (locale.currencies.get(code), locale.currency_symbols.get(code)):
                if name:
                    names.setdefault(folded(str(name)), set()).add(code)
    return {name: tuple(sorted(codes)) for name, codes in names.items()}


CORRECTOR = CurrencyCorrector
