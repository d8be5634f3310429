"""What a PrestaShop webservice shows: rows chosen by filters, and the two notations they are written in."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from connectors.sandbox.catalogue import slug
from connectors.sandbox.prestashop_fields import RESOURCES
from connectors.sandbox.prestashop_tables import Tables
from connectors.sandbox.shelf import Document

__all__ = ["Problem", "Question", "Views", "as_json", "as_xml", "chosen", "rights", "synopsis"]

_XLINK = "http://www.w3.org/1999/xlink"
_LINK = f"{{{_XLINK}}}href"
register_namespace("xlink", _XLINK)
_DATES = ("date_add", "date_upd")
_EXPRESSION = re.compile(r"(.*)\[(.*)\](.*)", re.DOTALL)
_RANGE = re.compile(r"([\d.:\-\s]+),([\d.:\-\s]+)")


class Problem(Exception):
    """A refusal of the webservice."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Question:
    """The query of a request, taken apart as PHP does it.

    Parameters
    ----------
    resource : str
    query : sequence of (str, str)
    languages : sequence of str
        Those of the shop.
    """

    def __init__(self, resource: str, query: Sequence[tuple[str, str]], languages: Sequence[str]) -> None:
        self.resource = resource
        self.plain = dict(query)
        self.filters = {match[1]: value for name, value in query if (match := re.fullmatch(r"filter\[(\w+)\]", name))}
        self.prices: dict[str, dict[str, str]] = defaultdict(dict)
        for name, value in query:
            if match := re.fullmatch(r"price\[(\w+)\]\[(\w+)\]", name):
                self.prices[match[1]][match[2]] = value
        self.languages = self._languages(languages)

    @cached_property
    def display(self) -> str | list[str]:
        """``full``, ``minimum``, or the fields that are asked for."""
        wanted = self.plain.get("display", "minimum")
        if wanted in ("full", "minimum"):
            return wanted
        found = re.fullmatch(r"\[(.*)\]", wanted)
        if not found:
            raise Problem(
                400,
                36,
                "The 'display' syntax is wrong. You can set 'full' or '[field_1,field_2,field_3,...]'. These are "
                f"available: {', '.join(RESOURCES[self.resource].columns)}",
            )
        fields = [one.strip() for one in found[1].split(",")]
        for one in fields:
            if one not in ("id", *RESOURCES[self.resource].columns, *self.prices):
                raise Problem(
                    400,
                    35,
                    f'Unable to display this field "{one}". However, these are available: '
                    f"{', '.join(RESOURCES[self.resource].columns)}",
                )
        return fields

    @cached_property
    def filterable(self) -> list[str]:
        """Fields that may be filtered and sorted by."""
        columns = RESOURCES[self.resource].columns.values()
        names = [one.name for one in columns if not one.is_hidden and not one.is_text]
        is_dated = bool(self.plain.get("date"))
        return ["id", *(name for name in names if is_dated or name not in _DATES)]

    @cached_property
    def order(self) -> list[tuple[str, bool]]:
        """Fields to sort by, and whether downwards."""
        texts = [one.name for one in RESOURCES[self.resource].columns.values() if one.is_text]
        found = []
        for one in self.plain.get("sort", "[id_ASC]").strip("[]").split(","):
            name, _, direction = one.rpartition("_")
            if direction.upper() not in ("ASC", "DESC"):
                raise Problem(400, 37, 'The "sort" value has to be formed as this example: "field_ASC"')
            if name not in (*self.filterable, *texts):
                raise Problem(400, 38, f"Unable to filter by this field. These are available: {self.filterable}")
            found.append((name, direction.upper() == "DESC"))
        return found

    @cached_property
    def limit(self) -> tuple[int, int] | None:
        """Rows to skip and rows to show; None for all. What does not begin with digits counts as 0."""
        if "limit" not in self.plain:
            return None
        parts = self.plain["limit"].split(",")
        if len(parts) > 2:
            raise Problem(400, 39, 'The "limit" value has to be formed as this example: "5,25" or "10"')
        numbers = [int(match[0]) if (match := re.match(r"\d+", one)) else 0 for one in parts]
        return (0, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])

    def _languages(self, known: Sequence[str]) -> list[str]:
        wanted = self.plain.get("language")
        if wanted is None:
            return list(known)
        if not re.fullmatch(r"\d+|\[\d+(?:\|\d+)*\]", wanted):
            raise Problem(400, 79, "language value is wrong")
        found = [one for one in wanted.strip("[]").split("|") if one in known]
        if not found:
            raise Problem(400, 81, "language is not available")
        return found


def chosen(shop: Tables, question: Question) -> list[Document]:
    """The rows that a question asks for, in its order, not cut to a page."""
    rows = list(shop.collections[question.resource].values())
    for name, expression in question.filters.items():
        column = RESOURCES[question.resource].columns.get(name)
        is_text = column is not None and column.is_text
        if name not in question.filterable and not is_text:
            known = '", "'.join(question.filterable)
            raise Problem(400, 32, f'This filter does not exist. Did you mean: "id"? The full list is: "{known}"')
        if not expression:
            raise Problem(400, 33, f'The filter "{name}" is malformed.')
        if column is not None and column.is_virtual:
            raise Problem(
                400, 34, f'The field "{name}" is dynamic. It is not possible to filter GET query with this field.'
            )
        rows = [row for row in rows if any(_matches(one, expression) for one in _texts(shop, row[name]))]
    for name, downwards in reversed(question.order):
        rows.sort(key=lambda row: _sorting(_texts(shop, row[name])[0]), reverse=downwards)  # noqa: B023
    return rows


def _texts(shop: Tables, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return list(value.values())
    return [value if isinstance(value, str) else shop.written(value)]


def _matches(value: str, expression: str) -> bool:
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        return _compare(value, expression) == 0
    before, inner, after = match.groups()
    if "%" in (before, after):
        pattern = "".join(".*" if one == "%" else re.escape(one) for one in (before, inner, after))
        return bool(re.fullmatch(pattern, value, re.IGNORECASE | re.DOTALL))
    if before == ">":
        return _compare(value, inner) > 0
    if before == "<":
        return _compare(value, inner) < 0
    if before == "!":
        return all(_compare(value, one) != 0 for one in inner.split("|"))
    if "|" in inner:
        return any(_compare(value, one) == 0 for one in inner.split("|"))
    if bounds := _RANGE.fullmatch(inner):
        low, high = sorted(bounds.groups())
        return _compare(value, low) >= 0 and _compare(value, high) <= 0
    return _compare(value, inner) == 0


def _compare(one: str, other: str) -> int:
    """As MySQL: by number where both are numbers, else letters without regard to case."""
    try:
        left, right = Decimal(one), Decimal(other)
        return (left > right) - (left < right)
    except InvalidOperation:
        a, b = one.casefold(), other.casefold()
        return (a > b) - (a < b)


def _sorting(text: str) -> tuple[Decimal, str]:
    return (Decimal(text), "") if re.fullmatch(r"-?\d+(?:\.\d+)?", text) else (Decimal(0), text.casefold())


class Views:
    """Rows as the webservice shows them: worked out fields and associations included.

    Parameters
    ----------
    shop : Tables
    question : Question
    """

    def __init__(self, shop: Tables, question: Question) -> None:
        self._shop = shop
        self._question = question
        self._groups: dict[tuple[str, str], dict[str, list[Document]]] = {}

    def view(self, row: Document, display: str | Sequence[str]) -> Document:
        """A row with the fields that are displayed; texts by language, associations by name."""
        if display == "minimum":
            return {"id": row["id"]}
        resource = RESOURCES[self._question.resource]
        found: Document = {"id": row["id"]}
        for column in resource.columns.values():
            if column.is_hidden:
                continue
            value = self._virtual(row, column.name) if column.is_virtual else row[column.name]
            if column.is_text:
                value = {one: value.get(one, "") for one in self._question.languages}
            found[column.name] = value if isinstance(value, str | Mapping | bool) else self._shop.written(value)
        found |= {name: self._price(row, given) for name, given in self._question.prices.items()}
        if display != "full":
            return {name: value for name, value in found.items() if name in display}
        return found | {"associations": {name: self._linked(row, name) for name in resource.associations}}

    def _price(self, row: Document, given: Mapping[str, str]) -> str:
        is_combination = self._question.resource == "combinations"
        product = self._shop.products[row["id_product"]] if is_combination else row
        amount = self._shop.price(
            product,
            row if is_combination else None,
            use_tax=given.get("use_tax", "1") not in ("", "0"),
            use_reduction=given.get("use_reduction", "1") not in ("", "0"),
            decimals=int(given.get("decimals", "2")),
        )
        return f"{amount:.6f}"

    def _virtual(self, row: Document, name: str) -> Any:
        brand = self._shop.collections["manufacturers"].get(row.get("id_manufacturer", ""))
        known: dict[str, Any] = {
            "manufacturer_name": brand["name"] if brand else False,
            "id_default_image": next((one["id"] for one in row["associations"].get("images", ())), ""),
            "id_default_combination": row.get("cache_default_attribute", ""),
            "position_in_category": "0",
            "type": "simple",
            "nb_products_recursive": "-1",
            "link_rewrite": slug(row["name"]) if isinstance(row.get("name"), str) else "",
            "names": "",
        }
        return known.get(name, "")

    def _linked(self, row: Document, name: str) -> list[dict[str, str]]:
        owner = self._question.resource
        if name in row["associations"]:
            return [dict(one) for one in row["associations"][name]]
        if (owner, name) == ("products", "combinations"):
            return [{"id": one["id"]} for one in self._of("combinations", "id_product", row["id"])]
        if (owner, name) == ("products", "product_option_values"):
            family = self._of("combinations", "id_product", row["id"])
            return [dict(link) for one in family for link in one["associations"]["product_option_values"]]
        if (owner, name) == ("products", "stock_availables"):
            family = self._of("stock_availables", "id_product", row["id"])
            return [{"id": one["id"], "id_product_attribute": one["id_product_attribute"]} for one in family]
        if (owner, name) == ("product_options", "product_option_values"):
            return [{"id": one["id"]} for one in self._of("product_option_values", "id_attribute_group", row["id"])]
        if (owner, name) == ("categories", "categories"):
            return [{"id": one["id"]} for one in self._of("categories", "id_parent", row["id"])]
        if (owner, name) == ("orders", "order_rows"):
            return [self._order_row(one) for one in self._of("order_details", "id_order", row["id"])]
        return []

    @staticmethod
    def _order_row(detail: Document) -> dict[str, str]:
        names = ("product_id", "product_attribute_id", "product_quantity", "product_name", "product_reference")
        prices = ("product_ean13", "product_price", "unit_price_tax_incl", "unit_price_tax_excl")
        return {"id": detail["id"]} | {name: detail[name] for name in (*names, *prices)}

    def _of(self, resource: str, owner: str, key: str) -> list[Document]:
        if (resource, owner) not in self._groups:
            groups: dict[str, list[Document]] = defaultdict(list)
            for row in self._shop.collections[resource].values():
                groups[row[owner]].append(row)
            self._groups[resource, owner] = groups
        return self._groups[resource, owner].get(key, [])


def as_json(resource: str, views: Sequence[Document], *, is_list: bool) -> bytes:
    """Views as JSON. Nothing is ``[]``; one language is a plain text; a single thing that nobody asked to display in some
    way stands under its own name, and of several the last one."""
    shown = [_json_row(one) for one in views]
    if is_list:
        return json.dumps({resource: shown} if shown else [], ensure_ascii=False).encode()
    return json.dumps({RESOURCES[resource].node: shown[-1]}, ensure_ascii=False).encode()


def _json_row(view: Document) -> Document:
    row: Document = {}
    for name, value in view.items():
        if name == "id":
            row[name] = int(value)
        elif name == "associations":
            linked = {one: entries for one, entries in value.items() if entries}
            row |= {"associations": linked} if linked else {}
        elif isinstance(value, Mapping):
            several = [{"id": one, "value": said} for one, said in value.items()]
            row[name] = several[0]["value"] if len(several) == 1 else several
        else:
            row[name] = value
    return row


def as_xml(resource: str, views: Sequence[Document], *, is_list: bool, address: str) -> bytes:
    """Views as XML."""
    root = Element("prestashop")
    parent = SubElement(root, resource) if is_list else root
    for view in views:
        node = SubElement(parent, RESOURCES[resource].node)
        if list(view) == ["id"]:
            node.attrib |= {"id": view["id"], _LINK: f"{address}/{resource}/{view['id']}"}
            continue
        for name, value in view.items():
            if name == "associations":
                _associations(SubElement(node, name), resource, value)
                continue
            column = RESOURCES[resource].columns.get(name)
            child = SubElement(node, name, {"notFilterable": "true"} if column and column.is_virtual else {})
            if isinstance(value, Mapping):
                for language, said in value.items():
                    SubElement(child, "language", {"id": language}).text = said
            else:
                child.text = value or ""
    return _document(root)


def _associations(node: Element, resource: str, value: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    for name, entries in value.items():
        inner = RESOURCES[resource].associations[name]
        group = SubElement(node, name, {"nodeType": inner})
        for entry in entries:
            one = SubElement(group, inner)
            for key, said in entry.items():
                SubElement(one, key).text = said


def rights(permissions: Mapping[str, frozenset[str]], address: str) -> bytes:
    """The resources that a key may use and what it may do there."""
    root = Element("prestashop")
    api = SubElement(root, "api", {"shopName": "Sandbox"})
    for name in sorted(permissions):
        marks = {one: str(one.upper() in permissions[name]).lower() for one in ("get", "put", "post", "delete", "head")}
        node = SubElement(api, name, {_LINK: f"{address}/{name}", **marks})
        SubElement(node, "description").text = name
        SubElement(node, "schema", {_LINK: f"{address}/{name}?schema=synopsis", "type": "synopsis"})
    return _document(root)


def synopsis(resource: str, languages: Sequence[str]) -> bytes:
    """The form of a resource: for each field what is required, how long it may be, and which format it has."""
    root = Element("prestashop")
    node = SubElement(root, RESOURCES[resource].node)
    for column in RESOURCES[resource].columns.values():
        if column.is_hidden:
            continue
        marks = {
            "required": "true" if column.is_required else "",
            "maxSize": str(column.size or ""),
            "format": column.format,
            "readOnly": "true" if column.is_read_only else "",
        }
        child = SubElement(node, column.name, {name: value for name, value in marks.items() if value})
        for language in languages if column.is_text else ():
            SubElement(child, "language", {"id": language, "format": "isUnsignedId"})
    return _document(root)


def _document(root: Element) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="utf-8").replace(b"\r", b"&#13;")
