"""Checks of numbers: prices, quantities, measures, product codes."""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from engine.checks.codes import currency_places
from engine.checks.registry import Subject, check

__all__ = ["decimal", "gtin", "integer", "maximum", "minimum"]

_PREFIX = r"(?:0[24][0-9]|2[0-9]{2}|98[1-4]|99[0-9])"
_RESERVED = rf"^(?:[0-9]{_PREFIX}[0-9]{{10}}|{_PREFIX}[0-9]{{10}}|[24][0-9]{{11}})$"
"""GTIN-14, -13 and -12 with a GS1 prefix for use inside a company (02, 04, 2) or for coupons (981-984, 99)."""

_PLAIN = r"^-?[0-9]+(?:\.[0-9]+)?$"


@check()
def decimal(
    subject: Subject,
    *,
    exactly: Annotated[int, Field(ge=0)] | None = None,
    at_most: Annotated[int, Field(ge=0)] | None = None,
    currency_field: str | None = None,
) -> pl.Expr:
    """The value must be a plain decimal with a dot ("1299.50"); or, if it is one, must have the right decimal places.

    Without `exactly` and `at_most` the notation is judged; with one of them the places of what is in plain notation,
    so that one fault gives one issue.

    Parameters
    ----------
    subject : Subject
    exactly, at_most : int or None
        Decimal places. With `at_most`, zeros at the end do not count.
    currency_field : str or None
        Field with the ISO 4217 code. Currencies that do not have two decimal places (yen 0, dinar 3; Unicode CLDR)
        are judged by their own number in place of `exactly` or `at_most`.
    """
    if exactly is not None and at_most is not None:
        raise ValueError("give 'exactly' or 'at_most', not both")
    plain = subject.text.str.contains(_PLAIN)
    if exactly is None and at_most is None:
        return ~plain
    form = _exactly if exactly is not None else _at_most
    fits = subject.text.str.contains(form(exactly if exactly is not None else at_most or 0))
    if currency_field is not None:
        code = subject.other(currency_field).text
        for places, codes in currency_places().items():
            fits = pl.when(code.is_in(codes)).then(subject.text.str.contains(form(places))).otherwise(fits)
    return plain & ~fits


@check()
def integer(subject: Subject) -> pl.Expr:
    """The value must be a whole number in digits ("12", "-3")."""
    return ~subject.text.str.contains(r"^-?[0-9]{1,18}$")


@check()
def minimum(subject: Subject, *, value: float, exclusive: bool = False) -> pl.Expr:
    """The number must not be below `value`; what is no number is left to other checks.

    Parameters
    ----------
    subject : Subject
    value : float
    exclusive : bool
        Whether `value` itself is refused too.
    """
    return subject.number <= value if exclusive else subject.number < value


@check()
def maximum(subject: Subject, *, value: float, exclusive: bool = False) -> pl.Expr:
    """The number must not be above `value`; what is no number is left to other checks.

    Parameters
    ----------
    subject : Subject
    value : float
    exclusive : bool
        Whether `value` itself is refused too.
    """
    return subject.number >= value if exclusive else subject.number > value


@check()
def gtin(
    subject: Subject,
    *,
    lengths: Annotated[list[int], Field(min_length=1)] | None = None,
    judge: Literal["notation", "check_digit", "reserved"] = "notation",
) -> pl.Expr:
    """The value must be a GTIN: its notation, its check digit, or its prefix is judged.

    Each judges only what the one before lets pass, so that one fault gives one issue.

    Parameters
    ----------
    subject : Subject
    lengths : list of int or None
        Allowed numbers of digits, out of 8, 12, 13, 14; None allows all four. A number that lost a leading zero has a
        wrong length.
    judge : {"notation", "check_digit", "reserved"}
        ``reserved``: the prefix is one that GS1 keeps for use inside a company or for coupons, so the number
        identifies nothing outside.

    References
    ----------
    GS1 General Specifications, release 24, section 7.9 (check digit), section 1.4 (prefixes); known by heart,
    the check digit proven against python-stdnum in the tests.
    """
    allowed = sorted(set(lengths or (8, 12, 13, 14)))
    if not set(allowed) <= {8, 12, 13, 14}:
        raise ValueError(f"lengths {allowed} are not those of a GTIN: 8, 12, 13, 14")
    form = "|".join(rf"[0-9]{{{length}}}" for length in allowed)
    well_formed = subject.text.str.contains(rf"^(?:{form})$") & ~subject.text.str.contains(r"^0+$")
    if judge == "notation":
        return ~well_formed
    right = well_formed & (_weighted_sum(subject.text) % 10 == 0)
    if judge == "check_digit":
        return well_formed & ~right
    return right & subject.text.str.contains(_RESERVED)


def _weighted_sum(text: pl.Expr) -> pl.Expr:
    """Sum of the digits with weights 1, 3, 1, ... from the right, pair by pair: 3 * tens + units = pair - 7 * tens + ..."""
    number = text.cast(pl.UInt64, strict=False)
    pairs = [number // 100**i % 100 for i in range(7)]
    # 10 t + u is the pair and 3 t + u its weighted sum, hence pair - 7 t.
    return pl.sum_horizontal([pair - 7 * (pair // 10) for pair in pairs])


def _exactly(places: int) -> str:
    return rf"^-?[0-9]+\.[0-9]{{{places}}}$" if places else r"^-?[0-9]+$"


def _at_most(places: int) -> str:
    return rf"^-?[0-9]+(?:\.[0-9]{{0,{places}}}0*)?$"
