"""Rewritings of a text that the libraries of formats offer, found from one example of what they should give.

`rewritings` answers "which of these turns this text into that one?". Each family looks at the wanted text first, so that
nothing is tried that could not give it: number (babel), unit (pint), date (dateutil), telephone (phonenumbers),
case, blanks and characters, constants put before, behind or in place of a part, parts of the text, and its tokens in
another order.

References
----------
S. Gulwani, "Automating string processing in spreadsheets using input-output examples", POPL 2011 (positions and tokens).
Y. He et al., "Transform-data-by-example (TDE)", PVLDB 11(10), 2018 (library functions as the operators of a search).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice, product

import ftfy
import phonenumbers
import pint
from babel import Locale
from babel.numbers import NumberFormatError, parse_decimal
from dateutil import parser as dateutil_parser

__all__ = ["Program", "rewritings", "tokens"]

_TOKEN = re.compile(r"\d+|[^\W\d_]+|\s+|.", re.DOTALL)
_MOST_TOKENS = 24
_MOST_TEMPLATES = 256
"""Ways to build one text from the tokens of another that are looked at, the simplest first."""


@dataclass(frozen=True)
class Program:
    """A rewriting of text.

    Attributes
    ----------
    does : str
        What it does, for a reviewer; two programs with the same words are the same program.
    cost : float
        How much it assumes: constants and long recipes cost more than one step of a library.
    run : callable
        The new text, or None where the program does not apply.
    """

    does: str
    cost: float
    run: Callable[[str], str | None] = field(compare=False, repr=False)


def tokens(text: str) -> list[str]:
    """Runs of digits, of letters and of blanks; every other character alone.

    >>> tokens("12.0 oz.")
    ['12', '.', '0', ' ', 'oz', '.']
    """
    return _TOKEN.findall(text)


def rewritings(before: str, after: str) -> Iterator[Program]:
    """Programs that turn `before` into `after`, each family's simplest first; they may disagree on other texts."""
    for family in (_texts, _numbers, _units, _dates, _phones, _affixes, _parts, _templates):
        for program in family(before, after):
            if program.run(before) == after:
                yield program


# Case, blanks and characters


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


_CASES: dict[str, Callable[[str], str]] = {
    "writes it in small letters": str.lower,
    "writes it in capitals": str.upper,
    "writes every word with a capital": lambda text: re.sub(
        r"[^\W\d_]+(?:['’][^\W\d_]+)?", lambda m: m[0][:1].upper() + m[0][1:].lower(), text
    ),
    "writes the first letter as a capital": lambda text: text[:1].upper() + text[1:].lower(),
}
_TEXTS: dict[str, Callable[[str], str]] = _CASES | {
    "takes out needless blanks": lambda text: " ".join(text.split()),
    "takes out all blanks": lambda text: "".join(text.split()),
    "mends a wrong encoding": ftfy.fix_text,
    "takes accents off": _without_accents,
    "takes marks off both ends": lambda text: text.strip(" \t\n.,;:!?*-_#|/'\""),
    "keeps the digits only": lambda text: re.sub(r"\D", "", text),
    "keeps letters and digits only": lambda text: re.sub(r"[\W_]", "", text),
}
_TIDY = "takes out needless blanks"


def _texts(before: str, after: str) -> Iterator[Program]:
    for does, run in _TEXTS.items():
        yield Program(does, 1.0, run)
    for does, case in _CASES.items():
        yield Program(f"{_TIDY} and {does}", 1.5, lambda text, case=case: case(_TEXTS[_TIDY](text)))  # type: ignore[misc]


# Numbers and units

_NUMERAL = re.compile(r"(?P<prefix>[^\d-]*)(?P<number>-?\d+(?:[.,]\d+)?)(?P<suffix>\D*)")
_FACTORS = tuple(Decimal(text) for text in ("10", "100", "1000", "0.1", "0.01", "0.001", "16", "0.0625"))
"""Slips of a decimal point or of a unit (g and kg, oz and lb)."""


_AMOUNT = re.compile(r"(?<!\w)-?\d+(?:[.,'’\s]\d+)*|\d+(?:[.,'’]\d+)*")
_LONGEST_AMOUNT = 60


def _numbers(before: str, after: str) -> Iterator[Program]:
    wanted = _NUMERAL.fullmatch(after)
    if wanted is None or not any(c.isdigit() for c in before):
        return
    for comma in (False, True):
        amount = _amount(before, comma)
        if amount is None:
            continue
        for places, mark in _notations(wanted["number"]):
            same = Decimal(wanted["number"].replace(",", "."))
            factors = [f for f in _FACTORS if abs(amount * f - same) < Decimal("1e-9")] if amount != same else []
            for factor in (Decimal(1), *factors):
                yield _number(comma, factor, places, mark, wanted["prefix"], wanted["suffix"])


def _number(comma: bool, factor: Decimal, places: int | None, mark: str, prefix: str, suffix: str) -> Program:
    def run(text: str) -> str | None:
        amount = _amount(text, comma)
        return None if amount is None else f"{prefix}{_written(amount * factor, places, mark)}{suffix}"

    does = f"reads a number with a decimal {'comma' if comma else 'point'}"
    does += f", takes it times {factor}" if factor != 1 else ""
    does += f" and writes it with {'the places it needs' if places is None else f'{places} places'}"
    does += f" after a {'comma' if mark == ',' else 'point'}" if places else ""
    does += f" between {prefix!r} and {suffix!r}" if prefix or suffix else ""
    return Program(does, _number_cost(places) + (factor != 1) + _constant_cost(prefix) + _constant_cost(suffix), run)


def _number_cost(places: int | None) -> float:
    """A number of fixed places may lose some of what is there, so keeping all is the smaller assumption."""
    return 1.0 if places is None else 1.75


def _constant_cost(text: str) -> float:
    return 2.0 if any(c.isalnum() for c in text) else 0.5 * bool(text)


@lru_cache(maxsize=20_000)
def _amount(text: str, comma: bool) -> Decimal | None:
    found = _AMOUNT.search(text)
    if found is None or len(text) > _LONGEST_AMOUNT:
        return None
    try:
        # Strict: a separator of thousands stands before three digits; elsewhere the text is written the other way.
        return parse_decimal(re.sub(r"[\s'’]", "", found[0]), locale="de" if comma else "en", strict=True)
    except NumberFormatError:
        return None


def _notations(number: str) -> list[tuple[int | None, str]]:
    """Decimal places and mark that a written number can follow; None: as many places as it needs."""
    mark = "," if "," in number else "."
    decimals = number.partition(mark)[2]
    return [(len(decimals), mark), *([(None, mark)] if not decimals.endswith("0") else [])]


def _written(amount: Decimal, places: int | None, mark: str) -> str:
    """Rounded to the places, or to at most six (below them is the noise of binary arithmetic) without needless zeros."""
    try:
        rounded = amount.quantize(Decimal(1).scaleb(-(6 if places is None else places)))
    except InvalidOperation:
        return str(amount)
    if places is None:
        rounded = rounded.normalize()
    return f"{rounded:f}".replace(".", mark)


_TARGETS = ("gram", "kilogram", "ounce", "pound", "millimeter", "centimeter", "meter", "inch", "milliliter", "liter")
_QUANTITY = re.compile(r"\s*(-?\d+(?:[.,]\d+)?)\s*([a-zA-Zµ\"]{1,12})\.?\s*")
_WRITTEN_UNITS = {"kgs": "kilogram", "g": "gram", "gr": "gram", "lbs": "pound", "ozs": "ounce", '"': "inch"}
"""Units that pint does not know or reads as something else (g as the acceleration is spelt g_0)."""


def _units(before: str, after: str) -> Iterator[Program]:
    wanted = _NUMERAL.fullmatch(after)
    if wanted is None or _QUANTITY.fullmatch(before) is None:
        return
    for target in _TARGETS:
        if _converted(before, target) is not None:
            for places, mark in _notations(wanted["number"]):
                yield _unit(target, places, mark, wanted["suffix"])


def _unit(target: str, places: int | None, mark: str, suffix: str) -> Program:
    def run(text: str) -> str | None:
        amount = _converted(text, target)
        return None if amount is None else f"{_written(amount, places, mark)}{suffix}"

    shown = "the places it needs" if places is None else f"{places} places"
    does = f"converts a measure to {target} and writes it with {shown}{f' and {suffix!r}' if suffix else ''}"
    return Program(does, _number_cost(places) + 0.5 * bool(suffix), run)


@lru_cache(maxsize=20_000)
def _converted(text: str, target: str) -> Decimal | None:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    registry = pint.get_application_registry()
    unit = found[2].lower() if found[2].lower() in _WRITTEN_UNITS else found[2]
    try:
        quantity = registry.Quantity(float(found[1].replace(",", ".")), _WRITTEN_UNITS.get(unit, unit))
        return Decimal(repr(round(float(quantity.to(target).magnitude), 9)))
    except (pint.errors.PintError, AttributeError, ValueError, TypeError, InvalidOperation):
        return None


# Dates and telephone numbers

_ORDERS = {"day": (True, False), "month": (False, False), "year": (False, True)}
_FORMATS = (
    *("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y"),
    *("%d.%m.%Y", "%d-%m-%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d-%b", "%b-%y"),
)
_DIGITS = re.compile(r"\d")


def _dates(before: str, after: str) -> Iterator[Program]:
    if len(_DIGITS.findall(before)) < 3 or len(_DIGITS.findall(after)) < 3:
        return
    for order in _ORDERS:
        instant = _instant(before, order)
        for form in _FORMATS if instant is not None else ():
            yield Program(
                f"reads a date with the {order} first and writes it as {form}",
                1.0,
                lambda text, order=order, form=form: (  # type: ignore[misc]
                    None if (found := _instant(text, order)) is None else found.strftime(form)
                ),
            )


@lru_cache(maxsize=20_000)
def _instant(text: str, order: str) -> datetime | None:
    day_first, year_first = _ORDERS[order]
    # A year in front is followed by the month wherever it is written (ISO 8601), so only one order reads it.
    if len(text) > 40 or year_first != (re.match(r"\D*\d{4}\D?", text) is not None and not text[:1].isalpha()):
        return None
    found = []
    for default in (datetime(2000, 1, 1), datetime(2001, 2, 2)):
        try:
            found.append(
                dateutil_parser.parse(text, dayfirst=day_first, yearfirst=year_first, default=default, ignoretz=True)
            )
        except (ValueError, OverflowError, TypeError):
            return None
    # What the text does not say shows as a difference of the two readings and is not made up.
    if found[0] != found[1]:
        return None
    parts = re.match(r"\D*(\d+)\D+(\d+)\D", text)
    if parts and order == "day" and int(parts[1]) != found[0].day and len(parts[1]) <= 2:
        return None
    if parts and order == "month" and int(parts[1]) != found[0].month and len(parts[1]) <= 2:
        return None
    return found[0]


_PHONE_FORMATS = {
    "E.164": phonenumbers.PhoneNumberFormat.E164,
    "international": phonenumbers.PhoneNumberFormat.INTERNATIONAL,
}


def _phones(before: str, after: str) -> Iterator[Program]:
    if not 6 <= len(_DIGITS.findall(after)) <= 15 or len(_DIGITS.findall(before)) < 6 or not after.startswith("+"):
        return
    try:
        region = phonenumbers.region_code_for_country_code(phonenumbers.parse(after, None).country_code or 0)
    except phonenumbers.NumberParseException:
        return
    for name, form in _PHONE_FORMATS.items():
        yield Program(
            f"reads a telephone number of {region} and writes it as {name}",
            1.0,
            lambda text, region=region, form=form: _phone(text, region, form),  # type: ignore[misc]
        )


def _phone(text: str, region: str, form: int) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, form) if phonenumbers.is_valid_number(number) else None


# Constants and parts


def _affixes(before: str, after: str) -> Iterator[Program]:
    if after.endswith(before):
        put = after[: len(after) - len(before)]
        yield Program(f"puts {put!r} in front", 2.0, lambda text: put + text)
    if after.startswith(before):
        behind = after[len(before) :]
        yield Program(f"puts {behind!r} behind", 2.0, lambda text: text + behind)
    if after.isdecimal() and before.isdecimal() and after == before.zfill(len(after)):
        yield Program(
            f"fills up to {len(after)} digits with zeros",
            1.0,
            lambda text: text.zfill(len(after)) if text.isdecimal() else None,
        )
    if before.isdecimal() and after == before.lstrip("0"):
        yield Program("takes leading zeros off", 1.0, lambda text: text.lstrip("0") if text.isdecimal() else None)
    # The differing middle, widened to whole tokens: what was written for what.
    left, right = tokens(before), tokens(after)
    start = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    old, new = "".join(left[start : len(left) - end]), "".join(right[start : len(right) - end])
    if old and (start or end):
        run = lambda text: text.replace(old, new) if old in text else None  # noqa: E731
        yield Program(f"writes {new!r} for {old!r}" if new else f"takes {old!r} out", 2.0 + bool(new), run)


_CLASSES = {
    "number": re.compile(r"\d+"),
    "word": re.compile(r"[^\W\d_]+"),
    "blank": re.compile(r"\s+"),
    "mark": re.compile(r"[^\w\s]"),
}


def _parts(before: str, after: str) -> Iterator[Program]:
    if not after or len(after) >= len(before):
        return
    starts, ends = _positions(before), _positions(before)
    for found in re.finditer(re.escape(after), before):
        for first, last in product(starts.get(found.start(), ()), ends.get(found.end(), ())):
            cost = 1.0 + 0.25 * sum(place != edge for place, edge in ((first, _START), (last, _END)))
            yield Program(
                f"keeps the part from {_named(first)} to {_named(last)}",
                cost,
                lambda text, first=first, last=last: _part(text, first, last),  # type: ignore[misc]
            )


_Place = tuple[str, int, str]
"""Class of token, its number from the left (0, 1, ...) or from the right (-1, -2, ...), and which edge of it."""

_START, _END = ("text", 0, "start"), ("text", 0, "end")


def _positions(text: str) -> dict[int, list[_Place]]:
    found: dict[int, list[_Place]] = {0: [_START], len(text): [_END]}
    for name, pattern in _CLASSES.items():
        spans = [m.span() for m in pattern.finditer(text)]
        for n, (start, end) in enumerate(spans):
            for number in {n, n - len(spans)}:
                if -3 <= number <= 2:
                    found.setdefault(start, []).append((name, number, "start"))
                    found.setdefault(end, []).append((name, number, "end"))
    return found


def _part(text: str, first: _Place, last: _Place) -> str | None:
    start, end = _offset(text, first), _offset(text, last)
    return text[start:end] if start is not None and end is not None and start < end else None


def _offset(text: str, place: _Place) -> int | None:
    name, number, edge = place
    if name == "text":
        return 0 if edge == "start" else len(text)
    spans = [m.span() for m in _CLASSES[name].finditer(text)]
    if not -len(spans) <= number < len(spans):
        return None
    return spans[number][0 if edge == "start" else 1]


def _named(place: _Place) -> str:
    name, number, edge = place
    if name == "text":
        return f"its {edge}"
    return f"the {edge} of {name} {number + 1 if number >= 0 else number}"


# Tokens in another order

_MONTHS = [Locale("en").months["format"]["abbreviated"][n] for n in range(1, 13)]
_CHANGES: dict[str, Callable[[str], str | None]] = {
    "": lambda token: token,
    " in small letters": lambda token: token.lower() if token.isalpha() else None,
    " in capitals": lambda token: token.upper() if token.isalpha() else None,
    " with a capital": lambda token: token.capitalize() if token.isalpha() else None,
    " without leading zeros": lambda token: str(int(token)) if token.isdecimal() else None,
    " in two digits": lambda token: token.zfill(2) if token.isdecimal() else None,
    " in its last two digits": lambda token: token[-2:] if token.isdecimal() else None,
    " as a month": lambda token: _MONTHS[int(token) - 1] if token.isdecimal() and 1 <= int(token) <= 12 else None,
}


def _templates(before: str, after: str) -> Iterator[Program]:
    (have, form), want = _read(before), tokens(after)
    if not 1 < len(have) <= _MOST_TOKENS or not 0 < len(want) <= _MOST_TOKENS:
        return
    pieces = [_pieces(have, token) for token in want]
    # The simplest first: positions of the options are their costs in steps.
    ranked = sorted(islice(product(*pieces), 4 * _MOST_TEMPLATES), key=lambda way: sum(p[2] for p in way))
    for way in ranked[:_MOST_TEMPLATES]:
        if any(place is not None for place, _, _ in way):
            yield _template(form, way)


_Piece = tuple[int | None, str, float]
"""Number of the token that is used and its change, or None and a constant; and the cost."""


def _pieces(have: tuple[str, ...], token: str) -> list[_Piece]:
    if not token.isalnum():
        return [(None, token, 0.0)]
    found: list[_Piece] = [
        (n, change, 0.0 if not change else 1.0)
        for n, one in enumerate(have)
        if one.isalnum() and len(one) <= 18
        for change, run in _CHANGES.items()
        if run(one) == token
    ]
    return sorted(found, key=lambda p: p[2]) or [(None, token, 2.0)]


def _template(form: tuple[str, ...], way: tuple[_Piece, ...]) -> Program:
    def run(text: str) -> str | None:
        have, shape = _read(text)
        if shape != form:
            return None
        parts = [what if n is None else _CHANGES[what](have[n]) for n, what, _ in way]
        return None if None in parts else "".join(parts)  # type: ignore[arg-type]

    shown = "".join(what if n is None else f"<part {n + 1}{what}>" for n, what, _ in way)
    return Program(f"writes {shown}", 1.5 + sum(cost for _, _, cost in way), run)


@lru_cache(maxsize=20_000)
def _read(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens and their classes."""
    found = tuple(tokens(text))
    return found, tuple(
        "9" if one.isdecimal() else "a" if one.isalpha() else " " if one.isspace() else one for one in found
    )
