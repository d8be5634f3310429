"""How a PrestaShop webservice saves XML: element by element, the whole record or a part of it, until something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from connectors.sandbox.prestashop_fields import RESOURCES, Column, problem
from connectors.sandbox.prestashop_list import Problem
from connectors.sandbox.prestashop_tables import Tables
from connectors.sandbox.shelf import Document
from connectors.xml import xml

__all__ = ["save"]

_DATES = ("date_add", "date_upd")


def save(shop: Tables, resource: str, method: str, content: bytes, *, mail: bool) -> list[Document]:
    """The rows that were saved.

    Parameters
    ----------
    shop : Tables
    resource : str
    method : {"POST", "PUT", "PATCH"}
        PUT makes every field that is not sent empty, PATCH leaves it.
    content : bytes
    mail : bool
        Whether the customer of an order is written to.

    Raises
    ------
    Problem
        At the first element with something wrong; those before it stay saved.
    """
    try:
        elements = list(xml(content))
    except ValueError as error:
        raise Problem(500, 127, f"XML error : {error}\nXML length : {len(content)}") from None
    ids = [text for one in elements if (text := one.findtext("id", "").strip())]
    if method == "POST" and ids:
        raise Problem(400, 91, "id is forbidden when adding a new resource")
    if method != "POST" and len(set(ids)) != len(ids):
        raise Problem(400, 89, "id is duplicate in request")
    if method != "POST" and len(ids) != len(elements):
        raise Problem(400, 90, "id is required when modifying a resource")
    return [_save_one(shop, resource, method, one, mail=mail) for one in elements]


def _save_one(shop: Tables, resource: str, method: str, element: Element, *, mail: bool) -> Document:
    columns = RESOURCES[resource].columns.values()
    row = shop.collections[resource].get(element.findtext("id", "").strip())
    if row is None and method != "POST":
        raise Problem(404, 92, "Invalid ID")
    values: dict[str, Any] = {}
    for column in columns:
        node = element.find(column.name)
        if node is None and method == "PATCH":
            continue
        if column.is_virtual:
            _set_virtual(column, node)
        elif node is not None:
            if column.is_read_only:
                _refuse_read_only(column)
            before = row[column.name] if row is not None and column.is_text else {}
            values[column.name] = _value(shop, column, node, before)
        elif column.is_required and not column.is_text:
            raise Problem(400, 41, f'parameter "{column.name}" required')
        elif not column.is_read_only:
            values[column.name] = dict.fromkeys(shop.languages, "") if column.is_text else ""
    kept = {} if row is None else row
    _validate(shop, resource, {**{one.name: kept.get(one.name, "") for one in columns}, **values})
    return _store(shop, resource, row, values, element, mail=mail)


def _set_virtual(column: Column, node: Element | None) -> None:
    if node is None:
        return
    if column.is_read_only:
        _refuse_read_only(column)
    if column.name == "position_in_category" and (node.text or "0").strip() == "0":
        raise Problem(500, 134, "You cannot set 0 or a negative position, the minimum for a position is 1.")


def _refuse_read_only(column: Column) -> None:
    raise Problem(400, 93, f'parameter "{column.name}" not writable. Please remove this attribute of this XML')


def _value(shop: Tables, column: Column, node: Element, before: Mapping[str, str]) -> Any:
    if column.is_text:
        said = {one.get("id", ""): one.text or "" for one in node.findall("language")}
        return {**before, **said} if said else dict.fromkeys(shop.languages, node.text or "")
    return node.text or ""


def _validate(shop: Tables, resource: str, values: Mapping[str, Any]) -> None:
    owner = "".join(part.capitalize() for part in RESOURCES[resource].node.split("_"))
    for code, texts in ((84, True), (85, False)):
        for column in RESOURCES[resource].columns.values():
            if column.is_virtual or column.is_text is not texts or column.name in _DATES:
                continue
            value = values[column.name]
            said = list(value.values()) if isinstance(value, Mapping) else [value]
            for one in said:
                if message := problem(owner, column, one):
                    raise Problem(400, code, f'Validation error: "{message}"')


def _store(
    shop: Tables, resource: str, row: Document | None, values: Mapping[str, Any], element: Element, *, mail: bool
) -> Document:
    columns = RESOURCES[resource].columns
    now = shop.now()
    if row is None:
        row = shop.insert(resource, {name: value for name, value in values.items() if name not in _DATES})
    else:
        for name, value in values.items():
            if name not in _DATES:
                row[name] = shop.cell(columns[name], value, now)
        if values.get("date_add"):
            row["date_add"] = shop.read_time(values["date_add"])
        if "date_upd" in row:
            shop.touch(row)
    for group in element.find("associations") or ():
        if group.tag not in RESOURCES[resource].associations:
            raise Problem(400, 86, f'The association "{group.tag}" does not exists')
        if group.tag in row["associations"]:
            linked = [{child.tag: child.text or "" for child in entry} for entry in group]
            row["associations"][group.tag] = sorted(linked, key=lambda one: int(one["id"]))
    if resource == "stock_availables":
        shop.restock(row)
    if resource == "order_histories":
        shop.moved_on(row, mail=mail)
    return row
