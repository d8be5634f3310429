"""Patterns: what many issues have in common, so that one decision can serve them all.

The signature of an issue is its channel, its rule, its field and the *shape* of the observed value: letters and
digits are replaced by marks, so "12,50 €" and "7,99 €" have one shape, and a person's name or number never enters a
signature. Shapes are polars expressions; Python runs once for each distinct signature.
"""

from __future__ import annotations

import json
import uuid

import polars as pl

__all__ = ["NAMESPACE", "pattern_id", "shape", "with_patterns"]

NAMESPACE = uuid.UUID("6f1f5a2e-6f0b-5a9c-9b52-2f0c9c1f7f31")
"""Namespace of the name-based identifiers of patterns (UUID version 5, RFC 9562 section 5.5). Never to be changed."""

_SIGNATURE = ("channel", "rule_id", "field", "shape")

_SHORT = 40
_WORDS = 2
"""Text with more words is described by its length and by marks of damage: no two descriptions have one shape."""

_SIZES = (80, 150, 255, 1000, 5000, 50000)


def shape(observed: pl.Expr) -> pl.Expr:
    """Shape of a value as text.

    - empty: ``""``
    - digits only, six or more: their number (``9{13}``), for codes that lost a digit
    - up to 40 characters and two words: words become ``a+`` (``A+`` in capitals), neighbouring words one; the first run of digits
      ``9+``, later ones keep their length up to four (``9+.999,99``), since "1.299" and "1.29" are different faults
    - lists (JSON text) and other text: a class of length and the damage that is seen, such as ``text<=255 tag``

    Examples
    --------
    >>> import polars as pl
    >>> values = ["1.299,00 €", "12.5", "06 12 34 56 78", "036000291452", "GROSSE Lampe rot", "", "Ana Roe"]
    >>> pl.DataFrame({"v": values}).select(shape(pl.col("v"))).to_series().to_list()
    ['9+.999,99 €', '9+.9', '9+ 99 99 99 99', '9{12}', 'text<=40', '', 'a+']
    """
    # A cell may hold megabytes; the marks of damage are looked for in its first part only.
    head = observed.str.slice(0, _SIZES[-1])
    listed = observed.str.starts_with("[") & observed.str.ends_with("]")
    size = observed.str.len_chars()
    digits = observed.str.contains(r"^[0-9]{6,}$")
    short = (size <= _SHORT) & (head.str.count_matches(r"\p{L}{2,}") <= _WORDS)
    return (
        pl.when(observed == "")
        .then(pl.lit(""))
        .when(digits & (size <= _SHORT))
        .then(pl.concat_str(pl.lit("9{"), size, pl.lit("}")))
        .when(short & ~listed)
        .then(_letters(observed))
        .otherwise(
            pl.concat_str(pl.when(listed).then(pl.lit("list")).otherwise(pl.lit("text")), _size(size), _marks(head))
        )
    )


def pattern_id(channel: str, rule_id: str, field: str, shape: str) -> tuple[str, str]:
    """Identifier (UUID text) and signature (canonical JSON text) of one pattern."""
    signature = json.dumps(
        {"channel": channel, "rule_id": rule_id, "field": field, "shape": shape},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return str(uuid.uuid5(NAMESPACE, signature)), signature


def with_patterns(issues: pl.DataFrame) -> pl.DataFrame:
    """The issues with their patterns.

    Parameters
    ----------
    issues : polars.DataFrame
        With at least the text columns ``channel``, ``rule_id``, ``field`` and ``observed`` (not masked).

    Returns
    -------
    polars.DataFrame
        The same rows in the same order; ``pattern_id`` (UUID text) and ``signature`` (canonical JSON text) are added,
        or replaced where they were.
    """
    shaped = issues.lazy().with_columns(shape(pl.col("observed").fill_null("")).alias("shape")).collect()
    distinct = shaped.select(_SIGNATURE).unique()
    named = [pattern_id(*row) for row in distinct.iter_rows()]
    schema = {"pattern_id": pl.String, "signature": pl.String}
    known = pl.concat([distinct, pl.DataFrame(named, schema=schema, orient="row")], how="horizontal")
    found = shaped.select(_SIGNATURE).join(known, on=_SIGNATURE, how="left", maintain_order="left", nulls_equal=True)
    return issues.with_columns(found["pattern_id"], found["signature"])


def _letters(text: pl.Expr) -> pl.Expr:
    return (
        text.str.replace_all(r"\p{Lu}[\p{Lu}\p{M}]+", "\u0002")
        .str.replace_all(r"[\u0002\p{L}]*\p{L}[\u0002\p{L}\p{M}]*", "\u0001")
        .str.replace_all(r"\p{N}", "9")
        .str.replace(r"^([^9]*)9+", "${1}\u0003")
        .str.replace_all(r"9{5,}", "\u0003")
        .str.replace_all(r"\s", " ")
        .str.replace_all(r"[^\u0001\u0002\u0003\u0020-\u007E\p{Sc}°]", "?")
        .str.replace_all(r"\u0002(?: \u0002)+", "\u0002")
        .str.replace_all(r"[\u0001\u0002](?: [\u0001\u0002])+", "\u0001")
        .str.replace_all("\u0001", "a+", literal=True)
        .str.replace_all("\u0002", "A+", literal=True)
        .str.replace_all("\u0003", "9+", literal=True)
    )


def _size(size: pl.Expr) -> pl.Expr:
    label = pl.lit(f">{_SIZES[-1]}")
    for limit in reversed((_SHORT, *_SIZES)):
        label = pl.when(size <= limit).then(pl.lit(f"<={limit}")).otherwise(label)
    return label


def _marks(head: pl.Expr) -> pl.Expr:
    marks = {
        " tag": head.str.contains(r"<[/!]?[A-Za-z]"),
        " entity": head.str.contains(r"&(?:[A-Za-z]{2,31}|#[0-9]{1,7});"),
        " encoding": head.str.contains(r"[ÃÂ][\u0080-\u00bf]|â€|\u{FFFD}"),
        " blanks": head.str.contains(r"\s{2,}|^\s|\s$"),
        " http": head.str.contains("http://", literal=True),
        " capitals": ~head.str.contains(r"\p{Ll}"),
    }
    return pl.concat_str([pl.when(seen).then(pl.lit(mark)).otherwise(pl.lit("")) for mark, seen in marks.items()])
