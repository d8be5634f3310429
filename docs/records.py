"""The page of canonical records: ``python -m docs.records`` writes ``docs/records.md``; a test keeps both alike."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from connectors.record import FIELDS

PAGE = Path(__file__).with_suffix(".md")
_TITLES = {
    "product": "Products and their variants",
    "order": "Orders",
    "order_line": "Lines of orders",
    "stock": "Stock levels",
}
_TYPES = {pl.String: "text", pl.Int64: "whole number", pl.Float64: "number"}


def page() -> str:
    """The whole page as Markdown."""
    parts = [
        "# Canonical records",
        "Written by `python -m docs.records` from `connectors/record.py`; do not edit.",
        "Every value is kept as the text that came; *read as* says how `connectors.record.typed` gives it. A value that "
        "cannot be read so is null there and untouched here. Whatever a platform has and this schema lacks stays in the "
        "column `raw`, the platform's own payload as JSON text.",
    ]
    for kind, fields in FIELDS.items():
        rows = [
            f"| `{one.name}` | {_type(one.parsed)} | {one.meaning}{' *Personal.*' if one.personal else ''} |"
            for one in fields
        ]
        parts += [
            f"## {_TITLES[kind]} (`{kind}`)",
            "\n".join(["| Column | Read as | Meaning |", "|---|---|---|", *rows]),
        ]
    return "\n\n".join(parts) + "\n"


def _type(dtype: pl.DataType | type[pl.DataType]) -> str:
    if isinstance(dtype, pl.Decimal):
        return "decimal"
    if isinstance(dtype, pl.Datetime):
        return "instant, UTC"
    if isinstance(dtype, pl.List):
        return "list of text" if dtype.inner == pl.String else "map of text to text"
    return _TYPES[dtype]  # type: ignore[index]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
