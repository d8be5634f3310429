"""How a cell says what a canonical field says, in both directions.

A form reads a whole column at once, and writes one value back into one cell so that reading it again gives exactly that
value. What a form cannot read it leaves as it came, so that a check can judge it; what it cannot write it refuses.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from decimal import Decimal, InvalidOperation

import polars as pl

__all__ = ["FORMS", "UNITS", "Form", "Unwritable", "convert", "unit_of"]

UNITS: dict[str, tuple[str, Decimal]] = {
    **dict.fromkeys(("mg", "milligram", "milligrams"), ("g", Decimal("0.001"))),
    **dict.fromkeys(("g", "gr", "grs", "gram", "grams", "gramm", "gms", "gm"), ("g", Decimal(1))),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"), ("g", Decimal(1000))),
    **dict.fromkeys(("oz", "ounce", "ounces"), ("g", Decimal("28.349523125"))),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), ("g", Decimal("453.59237"))),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), ("mm", Decimal(1))),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), ("mm", Decimal(10))),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("mm", Decimal(1000))),
    **dict.fromkeys(("in", "inch", "inches"), ("mm", Decimal("25.4"))),
    **dict.fromkeys(("ft", "foot", "feet"), ("mm", Decimal("304.8"))),
    **dict.fromkeys(("yd", "yard", "yards"), ("mm", Decimal("914.4"))),
    **dict.fromkeys(("d", "day", "days"), ("days", Decimal(1))),
    **dict.fromkeys(("week", "weeks"), ("days", Decimal(7))),
}
"""Unit to the canonical unit and its factor. Pound and yard as defined in NIST SP 811 (2008), appendix B, exactly."""

_EXACT = Decimal("0.000001")
_NUMBER_AND_UNIT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?|[+-]?\.\d+)\s*([A-Za-z]*)\s*")
_AMOUNT = r"^\s*([0-9][0-9.,'\s]*?)\s*([A-Z]{3})\s*$"
_AMOUNT_AFTER = r"^\s*([A-Z]{3})\s*([0-9][0-9.,'\s]*?)\s*$"


class Unwritable(ValueError):
    """A value that the column cannot hold; the message says why, for the person who wanted it."""


class Form(ABC):
    """One way of writing a field into a cell."""

    @abstractmethod
    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The canonical values of a column of cells; ``unit`` is the column's own, empty where it has none."""

    def write(self, value: str, cell: str, unit: str) -> str:
        """The cell that reads as `value`, in the manner of the present `cell`.

        Raises
        ------
        Unwritable
            When there is none.
        """
        return value


class Text(Form):
    """The cell is the value."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The cells as they are."""
        return column


class Measure(Form):
    """A number with a unit, in the cell or in the column's name, as grams, millimetres or days."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """Plain decimals converted; anything else as it came, with the column's unit behind it so that it keeps its meaning."""
        cells = column.unique()
        values = pl.Series([convert(cell, unit) for cell in cells], dtype=pl.String)
        return column.replace_strict(cells, values, return_dtype=pl.String)

    def write(self, value: str, cell: str, unit: str) -> str:
        """The number in the unit of the present cell, with the fewest digits that give the value back."""
        found = _NUMBER_AND_UNIT.fullmatch(cell)
        own = found.group(2) if found and found.group(2).lower() in UNITS else ""
        number = _plain(value)
        if number is None or (own or unit).lower() not in UNITS:
            return value
        factor = UNITS[(own or unit).lower()][1]
        for digits in range(13):
            shown = _shortest(round(number / factor, digits))
            if convert(f"{shown} {own}".strip(), unit) == _shortest(number):
                return f"{shown} {own}".strip()
        raise Unwritable(f"{value!r} cannot be written in {own or unit} without loss")


class Amount(Form):
    """An amount and its currency code in one cell (``12.99 EUR``): the amount."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The amount as it is written; the whole cell where it has another form."""
        amount = pl.coalesce(
            pl.col("cell").str.extract(_AMOUNT, 1), pl.col("cell").str.extract(_AMOUNT_AFTER, 2), pl.col("cell")
        )
        return pl.select(column.alias("cell")).select(amount).to_series()

    def write(self, value: str, cell: str, unit: str) -> str:
        """The amount beside the currency that the cell has."""
        if found := re.fullmatch(_AMOUNT[1:-1], cell):
            return f"{value} {found.group(2)}".strip() if value else ""
        if found := re.fullmatch(_AMOUNT_AFTER[1:-1], cell):
            return f"{found.group(1)} {value}".strip() if value else ""
        return f"{value} {unit}" if value and unit else value


class AmountCurrency(Form):
    """An amount and its currency code in one cell: the code."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The code, empty where there is none."""
        code = pl.coalesce(
            pl.col("cell").str.extract(_AMOUNT, 2), pl.col("cell").str.extract(_AMOUNT_AFTER, 1), pl.lit("")
        )
        return pl.select(column.alias("cell")).select(code).to_series()

    def write(self, value: str, cell: str, unit: str) -> str:
        """The code beside the amount that the cell has."""
        if found := re.fullmatch(_AMOUNT[1:-1], cell):
            return f"{found.group(1)} {value}"
        if found := re.fullmatch(_AMOUNT_AFTER[1:-1], cell):
            return f"{value} {found.group(2)}"
        if not re.fullmatch(r"\s*[0-9][0-9.,'\s]*", cell):
            raise Unwritable("the cell holds no amount to put the currency beside")
        return f"{cell.strip()} {value}"


class Images(Form):
    """Several addresses in one cell: a JSON list, or separated by commas (``\\,`` is a comma in an address) or bars."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """A list of text for each cell, blanks left out."""
        cells = column.unique()
        lists = pl.Series([_addresses(cell) for cell in cells], dtype=pl.List(pl.String))
        return pl.DataFrame({"cell": column}).join(
            pl.DataFrame({"cell": cells, "list": lists}), on="cell", how="left", maintain_order="left"
        )["list"]

    def write(self, value: str, cell: str, unit: str) -> str:
        """The list in the manner of the present cell: JSON, bars, or commas."""
        try:
            addresses = json.loads(value) if value else []
        except json.JSONDecodeError:
            addresses = [value]
        if not isinstance(addresses, list) or not all(isinstance(a, str) for a in addresses):
            raise Unwritable(f"{value[:80]!r} is not a JSON list of addresses")
        if cell.lstrip().startswith("["):
            written = json.dumps(addresses, ensure_ascii=False)
        elif "|" in cell:
            written = "|".join(addresses)
        else:
            written = ", ".join(a.replace(",", "\\,") for a in addresses)
        if _addresses(written) != addresses:
            raise Unwritable("the addresses cannot be told apart in one cell")
        return written


class Guarded(Form):
    """Text in front of which an apostrophe keeps spreadsheets from running it (``'=1+1``)."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The text without the guard."""
        return column.str.replace(r"^'([=+\-@])", "$1")

    def write(self, value: str, cell: str, unit: str) -> str:
        """The text, guarded where it needs it."""
        if re.match(r"'[=+\-@]", value):
            raise Unwritable(f"{value[:80]!r} would be read back without its apostrophe")
        return f"'{value}" if value[:1] in ("=", "+", "-", "@") else value


class Lines(Guarded):
    """Guarded text whose line breaks are written ``\\n``, and a backslash with an n ``\\\\n``."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The text with its line breaks."""
        text = super().read(column, unit)
        return (
            text.str.replace_all("\\\\n", "\0", literal=True)
            .str.replace_all("\\n", "\n", literal=True)
            .str.replace_all("\0", "\\n", literal=True)
        )

    def write(self, value: str, cell: str, unit: str) -> str:
        """The text on one line."""
        written = super().write(value.replace("\\n", "\\\\n").replace("\n", "\\n"), cell, unit)
        if self.read(pl.Series([written]), unit)[0] != value:
            raise Unwritable("a backslash before a line break cannot be told from an escaped one in this column")
        return written


class FirstPath(Form):
    """Category paths separated by commas: the first."""

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The first path."""
        return (
            column.str.replace_all("\\,", "\0", literal=True)
            .str.split(",")
            .list.first()
            .str.strip_chars()
            .str.replace_all("\0", ",", literal=True)
        )

    def write(self, value: str, cell: str, unit: str) -> str:
        """The cell with its first path replaced, the others kept."""
        _, comma, others = cell.replace("\\,", "\0").partition(",")
        return value.replace(",", "\\,") + comma + others.replace("\0", "\\,")


class Choice(Form):
    """A fixed word for each canonical one."""

    def __init__(self, words: dict[str, str]) -> None:
        self.words = words

    def read(self, column: pl.Series, unit: str) -> pl.Series:
        """The canonical word; the cell as it came where it is none of the known ones."""
        cells = column.unique()
        return column.replace_strict(
            cells, [self.words.get(c.strip().lower(), c) for c in cells], return_dtype=pl.String
        )

    def write(self, value: str, cell: str, unit: str) -> str:
        """The first word that means the value."""
        for word, meaning in self.words.items():
            if meaning == value:
                return word
        raise Unwritable(
            f"{value!r} has no word in this column; it knows {', '.join(sorted(set(self.words.values())))}"
        )


FORMS: dict[str, Form] = {
    "text": Text(),
    "measure": Measure(),
    "amount": Amount(),
    "amount_currency": AmountCurrency(),
    "images": Images(),
    "guarded": Guarded(),
    "lines": Lines(),
    "first_path": FirstPath(),
    "published": Choice({"true": "active", "false": "draft", "yes": "active", "no": "draft"}),
    "published_number": Choice({"1": "active", "-1": "draft", "0": "draft"}),
}
"""Forms by the name that layouts use."""


def convert(cell: str, unit: str = "") -> str:
    """The measure in grams, millimetres or days, rounded to six decimals.

    Parameters
    ----------
    cell : str
        A plain decimal, maybe with a unit behind it.
    unit : str
        The unit where the cell names none.

    Returns
    -------
    str
        The cell as it came where it is not a plain decimal with a known unit, followed by `unit` if it names none.

    Examples
    --------
    >>> convert("1.30", "kg"), convert("12 oz"), convert("1,3", "kg"), convert("heavy"), convert("7")
    ('1300', '340.194278', '1,3 kg', 'heavy', '7')
    """
    if not cell.strip():
        return ""
    found = _NUMBER_AND_UNIT.fullmatch(cell)
    if found is None:
        return f"{cell} {unit}" if unit and not re.search(r"[A-Za-z]", cell) else cell
    name = (found.group(2) or unit).lower()
    if name not in UNITS:
        return cell
    if UNITS[name][1] == 1 and not found.group(2):
        return cell
    number = Decimal(found.group(1)) * UNITS[name][1]
    return _shortest(number if number == number.to_integral_value() else number.quantize(_EXACT))


def unit_of(field: str) -> str:
    """Canonical unit of a field, from its name: ``g``, ``mm`` or ``days``; empty where it has none."""
    unit = field.rpartition("_")[2]
    return unit if unit in ("g", "mm", "days") else ""


def _plain(value: str) -> Decimal | None:
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None


def _shortest(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def _addresses(cell: str) -> list[str]:
    cell = cell.strip()
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            return [cell]
        return [str(a) for a in found if a] if isinstance(found, list) else [cell]
    mark = "|" if "|" in cell else ","
    return [part.strip().replace("\0", ",") for part in cell.replace("\\,", "\0").split(mark) if part.strip()]
