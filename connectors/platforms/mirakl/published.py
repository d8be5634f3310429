"""What an operator publishes: attributes of categories (H11, PM11, VL11) and demands on every offer (OF61, AF01, ...)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from connectors.mapping import Payload, text
from connectors.platform import REQUIREMENTS
from connectors.platforms.mirakl.instance import DOCS, Instance

__all__ = ["published"]

_LEVELS = {"REQUIRED": "required", "RECOMMENDED": "recommended"}
_TYPES = {
    "LIST": "choice",
    "INTEGER": "integer",
    "DECIMAL": "number",
    "NUMERIC": "number",
    "DATE": "date",
    "BOOLEAN": "boolean",
}
_ROLES = {"TITLE": "title", "BRAND": "brand", "CATEGORY": "category", "DESCRIPTION": "attributes.product_description"}
"""Role of an attribute (PM11) to the field that shows it in an offer; the names of the roles are unconfirmed."""


def published(instance: Instance, codes: Mapping[str, str], categories: Sequence[str]) -> pl.DataFrame:
    """What is published about these categories, schema `connectors.platform.REQUIREMENTS`.

    Parameters
    ----------
    instance : Instance
    codes : mapping of str to str
        Path of a category to its code.
    categories : sequence of str
        Paths; unknown ones are passed over.
    """
    rows = list(_of_every_offer(instance))
    words = _words(instance.get("values_lists").get("values_lists") or ())
    for path in categories:
        if path in codes:
            found = instance.get("products/attributes", hierarchy=codes[path], max_level="0")["attributes"]
            rows += [_of_category(path, one, words) for one in found if one["requirement_level"] != "DISABLED"]
    blank: dict[str, Any] = {name: "" if dtype == pl.String else None for name, dtype in REQUIREMENTS.items()}
    return pl.DataFrame([blank | {"values": []} | row for row in rows], schema=REQUIREMENTS, orient="row")


def _words(lists: Iterable[Payload]) -> dict[str, list[str]]:
    """Code of a list to its values, each by code and by label: files hold the one, offers show the other."""
    return {
        one["code"]: list(
            dict.fromkeys(text(value.get(name)) for value in one.get("values") or () for name in ("code", "label"))
        )
        for one in lists
    }


def _of_category(path: str, attribute: Payload, words: Mapping[str, list[str]]) -> dict[str, Any]:
    """An attribute of PM11.

    PM11 speaks of creating a product. An offer stands on a product that exists, and no call shows its attributes to a
    seller, except title, brand and description: of the others nothing is required any more, so they are recommended.
    """
    roles = [_ROLES[one["type"]] for one in attribute["roles"] if one["type"] in _ROLES]
    level = _LEVELS.get(attribute["requirement_level"], "optional")
    named = {one["name"]: one["value"] for one in attribute.get("type_parameters") or ()}
    listed = named.get("LIST_CODE") or attribute.get("type_parameter") or attribute.get("values_list")
    values = words.get(text(listed), []) if attribute["type"] == "LIST" else []
    bounds = dict(re.findall(r"(MIN|MAX)_LENGTH\|(\d+)", text(attribute.get("validations"))))
    return {
        "category": path,
        "field": roles[0] if roles else f"attributes.{attribute['code']}",
        "label": text(attribute.get("label")),
        "level": "recommended" if level == "required" and not roles else level,
        "type": "text" if attribute["type"] == "LIST" and not values else _TYPES.get(attribute["type"], "text"),
        "minimum": float(bounds["MIN"]) if "MIN" in bounds else None,
        "maximum": float(bounds["MAX"]) if "MAX" in bounds else None,
        "values": values,
        "source": f"{DOCS}/products/pm11",
    }


def _of_every_offer(instance: Instance) -> Iterable[dict[str, Any]]:
    """Conditions (OF61), logistic classes (SH31), decimal places and tax codes (PC01), the operator's own fields (AF01)."""
    places = instance.decimals
    yield {
        "field": "condition",
        "label": "Condition",
        "level": "required",
        "type": "choice",
        "values": [one["code"] for one in instance.get("offers/states")["offer_states"]],
        "source": f"{DOCS}/offers/of61",
    }
    yield {
        "field": "attributes.logistic_class",
        "label": "Logistic class",
        "level": "optional",
        "type": "choice",
        "values": [one["code"] for one in instance.get("shipping/logistic_classes")["logistic_classes"]],
        "source": f"{DOCS}/shippings/sh31",
    }
    yield {
        "field": "price",
        "label": "Price",
        "level": "required",
        "type": "number",
        "pattern": rf"\d+(?:\.\d{{1,{places}}}0*)?" if places else r"\d+(?:\.0+)?",
        "source": f"{DOCS}/platform-settings/pc01",
    }
    yield {
        "field": "attributes.product_tax_code",
        "label": "Product tax code",
        "level": "required" if instance.says("tax_collection.product_tax_code_mandatory") else "optional",
        "type": "text",
        "source": f"{DOCS}/platform-settings/pc01",
    }
    for one in instance.get("additional_fields", entities="OFFER")["additional_fields"]:
        yield {
            "field": f"attributes.{one['code']}",
            "label": one["label"],
            # What only the operator may fill in is no demand on a seller.
            "level": "required" if one["required"] and one["editable"] else "optional",
            "type": _TYPES.get(one["type"], "text"),
            "pattern": text(one.get("regex")),
            "values": one.get("accepted_values") or [],
            "source": f"{DOCS}/platform-settings/af01",
        }
