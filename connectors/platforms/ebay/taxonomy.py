"""eBay's category tree and the item specifics of its categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from connectors.mapping import Payload, at, text

__all__ = ["TREES", "leaves", "requirement"]

TREES: dict[tuple[str, ...], dict[str, str]] = {}
"""Where a tree comes from, its number and version to its leaf categories: number to path. eBay advises to keep a tree
until its version changes (Commerce Taxonomy API 1.0.0, getDefaultCategoryTreeId, read 2026-11-25)."""

_COLUMNS = {
    "Brand": "brand", "Marke": "brand", "Marque": "brand", "Marca": "brand", "Merk": "brand", "Marka": "brand",
    "MPN": "mpn", "Herstellernummer": "mpn", "EAN": "gtin", "UPC": "gtin", "ISBN": "gtin",
}  # fmt: skip
"""Item specifics, as the marketplaces call them, that have a column of their own; the others are attributes."""


def leaves(nodes: Iterable[Payload], above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Number and path of every leaf category below these nodes."""
    for node in nodes:
        path = (*above, text(at(node, "category.categoryName")))
        if children := node.get("childCategoryTreeNodes"):
            yield from leaves(children, path)
        else:
            yield text(at(node, "category.categoryId")), " > ".join(path)


def requirement(category: str, aspect: Payload, source: str) -> dict[str, Any]:
    """A row of `connectors.platform.REQUIREMENTS` from an aspect of a category."""
    name, constraint = text(aspect["localizedAspectName"]), aspect.get("aspectConstraint") or {}
    number = "integer" if constraint.get("aspectFormat") == "int32" else "number"
    kind = {"NUMBER": number, "DATE": "date"}.get(text(constraint.get("aspectDataType")), "text")
    values = [text(one.get("localizedValue")) for one in aspect.get("aspectValues") or []]
    # Where free text is taken, the values are proposals only.
    is_choice = constraint.get("aspectMode") == "SELECTION_ONLY" and bool(values)
    most = constraint.get("aspectMaxLength")
    usage = "recommended" if constraint.get("aspectUsage") == "RECOMMENDED" else "optional"
    return {
        "category": category,
        "field": _COLUMNS.get(name, f"attributes.{name}"),
        "label": name,
        "level": "required" if constraint.get("aspectRequired") else usage,
        "type": "choice" if is_choice else kind,
        "minimum": None,
        "maximum": float(most) if most and kind == "text" and not is_choice else None,
        "pattern": "",
        "values": values if is_choice else [],
        "source": source,
    }
