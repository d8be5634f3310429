"""What may leave the house: which fields of a record, and what is withheld of the free text in them.

The gate is a list of what may pass and not of what may not. Orders never pass, whatever the settings say, since even the
total of an order is about a person. Of a product pass the fields below, of its attributes those whose name speaks of
nobody and of no business secret. Text that people typed is searched for e-mail addresses, telephone numbers and IBANs
after everything that could hide one (HTML, entities, full-width and invisible characters) is taken out, and what is
searched is what is sent. The patterns are greedy: two runs of figures too many withheld cost a suggestion, one too few a
customer's number. A name or a street in a product text has no form that a pattern could know; who sells engraved goods
narrows the fields.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache

import polars as pl

from connectors.record import ATTRIBUTES
from engine.markup import without_markup
from engine.wording import settle

__all__ = ["LONGEST_TEXT", "SENDABLE", "WITHHELD", "contact_data", "may_leave", "released", "withheld"]

SENDABLE = (
    *("title", "description", "brand", "category", "condition", "language", "mpn"),
    *("weight_g", "length_mm", "width_mm", "height_mm", "attributes"),
)
"""Fields of a product that may be sent at all; ``attributes.<name>`` allows a single attribute."""

WITHHELD = "[withheld]"
"""Stands where contact data stood."""

LONGEST_TEXT = 8_000
"""Characters beyond which a text is withheld as a whole."""

_SEPARATORS = r"[\s().\-/·_\x{2010}-\x{2015}]{0,4}"
_PATTERNS = (
    r'(?:"[^"]*"|\S+)\s?@\s?\S+',
    r"(?i)\S+\s*[\[({]\s*(?:at|ät|arroba|arobase|chiocciola)\s*[\])}]\s*\S+",
    # ISO 13616: country, two check digits, then 11 to 30 letters and figures, printed in groups of four.
    r"(?i)\b[a-z]{2}\d{2}[a-z0-9]{11,30}\b",
    r"(?i)\b[a-z]{2}\d{2}(?:[ .\-][a-z0-9]{4}){1,2}(?:[ .\-]\d{4}){1,6}(?:[ .\-][a-z0-9]{1,4}){0,3}\b",
    # The shortest number with country code has 7 figures; a national one below that cannot be told from a model number.
    rf"\d(?:{_SEPARATORS}\d){{6,}}",
)
_PRIVATE_NAMES = (
    r"(?i)(?:^|[^\p{L}])(?:customer|buyer|client|recipient|contact|person|owner|birth\w*|e-?mails?|mail|phone|tele\w*|mobile"
    r"|fax|address|iban|engrav\w*|personali[sz]\w*|note|notes|internal|costs?|margin|supplier|vendor|purchase|wholesale"
    r"|warehouse|kunde|kunden|gravur|lieferant|einkauf|client|fournisseur|gravure)(?:$|[^\p{L}])"
)
"""Names of attributes that speak of a person, or of what a merchant keeps to himself."""


def may_leave(kind: str, field: str, allowed: Iterable[str]) -> bool:
    """Whether a field of that kind of record may be sent, when the merchant allows `allowed`.

    >>> may_leave("product", "title", ["title"]), may_leave("order", "status", ["status"])
    (True, False)
    >>> may_leave("product", "attributes.Colour", ["attributes"]), may_leave("product", "attributes.Supplier", ["attributes"])
    (True, False)
    """
    root, _, attribute = field.partition(".")
    if kind != "product" or root not in SENDABLE or not {field, root} & set(allowed):
        return False
    return not attribute or not pl.select(pl.lit(attribute).str.contains(_PRIVATE_NAMES)).item()


def withheld(texts: pl.Series) -> pl.Series:
    """The texts as they may be sent: plain, one form of every character, contact data replaced by `WITHHELD`.

    A text longer than `LONGEST_TEXT` is withheld as a whole.
    """
    plain = _plain(texts)
    for pattern in _PATTERNS:
        plain = plain.str.replace_all(pattern, WITHHELD)
    return plain


def contact_data(texts: pl.Series) -> pl.Series:
    """Whether a text holds contact data, or is too long to be searched: one boolean a text."""
    return withheld(texts).str.contains(WITHHELD, literal=True)


def released(questions: pl.DataFrame, allowed: Iterable[str]) -> pl.DataFrame:
    """The questions that may be asked outside, reduced to what may leave.

    Parameters
    ----------
    questions : polars.DataFrame
        Schema `engine.types.QUESTIONS` and the struct column ``record``.
    allowed : iterable of str
        Fields that the merchant allows.

    Returns
    -------
    polars.DataFrame
        ``issue_id, field, rule_id, check, params, observed, record``, in the order of the questions. ``record`` is a
        struct of the allowed fields: texts, and ``attributes`` as a list of key and value. A question about a field that
        may not leave, or whose observed value holds contact data, is not among them.
    """
    allowed = tuple(allowed)
    pairs = questions.select("kind", "field").unique()
    passing = [(kind, field) for kind, field in pairs.iter_rows() if may_leave(kind, field, allowed)]
    schema = {"kind": pl.String, "field": pl.String}
    asked = questions.join(pl.DataFrame(passing, schema=schema, orient="row"), on=["kind", "field"], how="semi")
    asked = asked.with_columns(withheld(asked["observed"].fill_null("")))
    asked = asked.filter(~pl.col("observed").str.contains(WITHHELD, literal=True))
    record = _record(asked, allowed)
    return asked.select("issue_id", "field", "rule_id", "check", "params", "observed", record)


def _record(asked: pl.DataFrame, allowed: tuple[str, ...]) -> pl.Series:
    kind = asked.schema.get("record")
    fields = {one.name: one.dtype for one in kind.fields} if isinstance(kind, pl.Struct) else {}
    columns = []
    for name in SENDABLE:
        if fields.get(name) == pl.String and name in allowed:
            columns.append(withheld(asked["record"].struct.field(name).fill_null("")))
        elif fields.get(name) == ATTRIBUTES and any(one.partition(".")[0] == name for one in allowed):
            columns.append(_attributes(asked["record"].struct.field(name), allowed))
    empty = pl.Series("language", [""] * asked.height, dtype=pl.String)
    return pl.DataFrame(columns or [empty]).to_struct("record")


def _attributes(lists: pl.Series, allowed: tuple[str, ...]) -> pl.Series:
    """The attributes with their private ones dropped and the others searched, record by record in the same order."""
    name = lists.name
    rows = pl.DataFrame({"row": pl.int_range(lists.len(), eager=True), name: lists})
    each = rows.explode(name).drop_nulls(name).unnest(name).drop_nulls()
    keys = each["key"].unique()
    passing = [key for key in keys if may_leave("product", f"{name}.{key}", allowed)]
    each = each.filter(pl.col("key").is_in(passing))
    each = each.with_columns(withheld(each["key"]), withheld(each["value"]))
    grouped = each.group_by("row", maintain_order=True).agg(pl.struct("key", "value").alias(name))
    joined = rows.select("row").join(grouped, on="row", how="left", maintain_order="left")
    return joined.select(pl.col(name).cast(ATTRIBUTES).fill_null(pl.lit([], dtype=ATTRIBUTES)))[name]


def _plain(texts: pl.Series) -> pl.Series:
    short = texts.zip_with(texts.str.len_chars() <= LONGEST_TEXT, pl.Series([WITHHELD], dtype=pl.String))
    plain = short.str.normalize("NFKC").str.replace_all(r"\p{Cf}", "")
    marked = plain.filter(plain.str.contains(r"[<&]")).unique()
    # An entity may stand for a tag's first character, for a full-width letter or for another entity.
    settled = {text: settle(_without_disguise, text) for text in marked}
    cleaned = {text: WITHHELD if clean is None else clean for text, clean in settled.items()}
    if cleaned:
        plain = plain.replace(list(cleaned), list(cleaned.values()))
    return plain.str.replace_all(r"[\p{Cc}--\n]", " ").alias(texts.name)


def _without_disguise(text: str) -> str:
    return unicodedata.normalize("NFKC", without_markup(text, lines=True)).translate(_invisible())


@cache
def _invisible() -> dict[int, None]:
    """Format characters, for `str.translate`."""
    return {number: None for number in range(sys.maxunicode + 1) if unicodedata.category(chr(number)) == "Cf"}
