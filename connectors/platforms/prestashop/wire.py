"""The calls of a PrestaShop webservice: irregular JSON is read, XML is written, and nothing is emptied on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import SubElement, tostring

import httpx

from connectors.client import Client
from connectors.errors import Action, ProtocolError, RefusedError
from connectors.manners import Answer
from connectors.mapping import at, text
from connectors.paginate import Anchored, rows_at
from connectors.xml import Element, xml

__all__ = ["FULL", "Row", "Wire", "exception", "grouped", "ids", "links", "number", "words"]

Row = Mapping[str, Any]

FULL = {"display": "full"}
_PAGE = Anchored(size=50)
_MANY = 50
_ERRORS = re.compile(rb'<code>(?:<!\[CDATA\[)?(\d+)|"code"\s*:\s*"?(\d+)')
_BROKEN_FOR_GOOD = frozenset({"46", "85", "88", "126", "127", "134", "135"})
"""Codes that come with status 500 although trying again changes nothing."""

_NOT_TAKEN_BACK = {
    "products": frozenset(
        {"manufacturer_name", "quantity", "position_in_category", "id_default_image", "id_default_combination", "type"}
    ),
    "customers": frozenset({"secure_key", "last_passwd_gen"}),
}
"""What a GET gives and a PUT refuses or takes for something else; associations are left out beside it."""


class Wire:
    """The webservice of one shop.

    Parameters
    ----------
    client : Client
    shop : str
        Number of the shop in a multi-shop; empty for the default one.
    """

    def __init__(self, client: Client, shop: str) -> None:
        self._client = client
        self.shop = shop
        self._context = {"id_shop": shop} if shop else {}
        self._patches = True
        self._known: dict[str, dict[str, Row]] = {}

    def call(self, method: str, path: str, params: Mapping[str, str] | None = None, **options: Any) -> Answer:
        """The answer, as JSON unless ``decode`` is among the options of `Client.send`."""
        form = {} if "decode" in options else {"output_format": "JSON"}
        answer = self._client.send(method, path, params={**self._context, **(params or {}), **form}, **options)
        release = answer.headers.get("psws-version", "").partition(".")[0]
        self._patches = self._patches and not (release.isdigit() and int(release) < 8)
        return answer

    def rows(self, resource: str, params: Mapping[str, str]) -> list[Row]:
        """The rows of a list; none is ``[]``.

        Raises
        ------
        ProtocolError
            When the list is no list. A shop whose texts are damaged sends nothing at all, which must not look like the end.
        """
        answer = self.call("GET", resource, params)
        if answer.value is None:
            raise ProtocolError(
                f"The list of {resource} came without any content. PrestaShop does that when a text of it is damaged (no "
                "UTF-8): mend it in the database, then try again.",
                platform="prestashop",
                status=answer.status,
            )
        return [] if answer.value == [] else rows_at(answer, resource)

    def pages(self, resource: str, params: Mapping[str, str]) -> Iterable[list[Row]]:
        """Every row, by identifier, each page overlapping the one before: the webservice gives no total."""

        def ask(offset: int, size: int) -> list[Row]:
            return self.rows(resource, {**params, "sort": "[id_ASC]", "limit": f"{offset},{size}"})

        return _PAGE.pages(ask, number)

    def of(
        self, resource: str, field: str, keys: Sequence[str], params: Mapping[str, str] = FULL, *, size: int = _MANY
    ) -> list[Row]:
        """Rows whose field is one of the keys, so many keys at a time."""
        rows: list[Row] = []
        for start in range(0, len(keys), size):
            wanted = f"[{'|'.join(keys[start : start + size])}]"
            rows += self.rows(resource, {**params, f"filter[{field}]": wanted})
        return rows

    def know(self, resource: str, keys: Iterable[str]) -> Mapping[str, Row]:
        """Rows of a vocabulary by identifier, each asked for once."""
        known = self._known.setdefault(resource, {})
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        known |= {text(row.get("id")): row for row in self.of(resource, "id", missing)}
        return known

    def all(self, resource: str, display: str, *, refresh: bool = False) -> Mapping[str, Row]:
        """Every row of a vocabulary by identifier, asked for once."""
        name = f"all {resource}"
        if refresh or name not in self._known:
            pages = self.pages(resource, {"display": display})
            self._known[name] = {text(row.get("id")): row for rows in pages for row in rows}
        return self._known[name]

    def save(self, resource: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Set values of records; every other value stays.

        A shop of 8.0 or later is sent the values alone. An older one, or one that lets the key not do that, is sent the
        whole record: its PUT empties what is not there.

        Parameters
        ----------
        resource : str
        records : mapping of str to mapping
            Identifier to node and value: a text, ``{"language": {id: text}}``, or for ``associations`` lists of identifiers.
        """
        if self._patches:
            root = Element("prestashop")
            for key, values in records.items():
                _set(SubElement(root, _node(resource)), {"id": key, **values})
            try:
                self._send("PATCH", resource, root)
                return
            except RefusedError as error:
                if error.status != 405:
                    raise
                self._patches = False
        root = self._whole(resource, list(records))
        for record in root:
            _set(record, records[record.findtext("id", "").strip()])
        self._send("PUT", resource, root)

    def add(self, resource: str, values: Mapping[str, str], **params: str) -> None:
        """Make a record; never sent twice."""
        root = Element("prestashop")
        _set(SubElement(root, _node(resource)), values)
        self._send("POST", resource, root, **params)

    def _whole(self, resource: str, keys: Sequence[str]) -> Element:
        asked = FULL | {"filter[id]": f"[{'|'.join(keys)}]"}
        answer = self.call("GET", resource, asked, decode=xml).value
        root = Element("prestashop")
        root.extend([] if answer is None else answer.iterfind(f"{resource}/*"))
        if len(root) != len(keys):
            raise RefusedError(f"{len(keys) - len(root)} of {len(keys)} {resource} are gone.", status=404)
        unwanted = {"associations", *_NOT_TAKEN_BACK.get(resource, ())}
        for record in root:
            for node in [one for one in record if one.tag in unwanted]:
                record.remove(node)
        return root

    def _send(self, method: str, resource: str, root: Element, **params: str) -> None:
        # A bare carriage return would be read as a line feed.
        content = tostring(root, encoding="utf-8", xml_declaration=True).replace(b"\r", b"&#13;")
        kind = {"Content-Type": "text/xml; charset=utf-8"}
        self.call(method, resource, params, content=content, headers=kind, idempotent=method != "POST")


def _set(record: Element, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        found = record.find(name)
        node = SubElement(record, name) if found is None else found
        if isinstance(value, str):
            node.text = value
        elif name == "associations":
            for group, keys in value.items():
                links_of = SubElement(node, group)
                for key in keys:
                    SubElement(SubElement(links_of, _node(group)), "id").text = key
        else:
            for language, said in value["language"].items():
                one = node.find(f"language[@id='{language}']")
                (SubElement(node, "language", id=language) if one is None else one).text = said


def _node(resource: str) -> str:
    irregular = {"addresses": "address", "categories": "category", "order_histories": "order_history"}
    return irregular.get(resource, resource.removesuffix("s"))


def number(row: Row) -> int | None:
    """The identifier as a number; None when it is none."""
    key = text(row.get("id"))
    return int(key) if key.isdigit() else None


def ids(rows: Iterable[Row], name: str) -> list[str]:
    """The identifiers that rows hold under a name, each once; 0 is none."""
    found = (text(row.get(name)) for row in rows)
    return [one for one in dict.fromkeys(found) if one.isdigit() and int(one)]


def links(row: Row, association: str, name: str = "id") -> list[str]:
    """The identifiers of an association, in its order."""
    return [text(one.get(name)) for one in at(row, f"associations.{association}") or []]


def grouped(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    """Rows by one of their values."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(text(row.get(name)), []).append(row)
    return groups


def words(body: Any) -> str:
    """Code and message of every error, from JSON or XML."""
    if isinstance(body, Mapping):
        said = [(text(one.get("code")), text(one.get("message"))) for one in body.get("errors", ())]
    else:
        said = [(one.findtext("code", ""), one.findtext("message", "")) for one in xml(body.encode()).iter("error")]
    return "; ".join(f"{code}: {message}" for code, message in said)


def exception(status: int, headers: httpx.Headers, body: bytes) -> Action | None:
    """What an error's own code says beyond its status: the webservice is off, the shop unknown, or it is broken for good."""
    codes = {(one or other).decode() for one, other in _ERRORS.findall(body[:10_000])}
    if (status, codes) in ((503, {"22"}), (404, {"999"})):
        return Action.REAUTHENTICATE
    return Action.FAIL if status == 500 and codes & _BROKEN_FOR_GOOD else None
