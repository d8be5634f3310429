"""Holds every exchange between connectors and twins against the platforms' own machine-readable descriptions.

`Watch` is told of each exchange (`connectors.sandbox.server.Twin.watchers`). A request that a connector sent must be one
of the description: operation, parameters, body. An answer that a twin gave must be one, too. So neither can be wrong in
the same way as the other. What the description itself has wrong is listed in `DEFECTS`, by operation, with the reason.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs
import yaml

from connectors.sandbox.server import Exchange

__all__ = ["BOOKS", "DEFECTS", "Book", "Description", "Watch"]


@dataclass(frozen=True)
class Book:
    """Where the descriptions of a platform are, and how a twin's paths are found in them.

    Parameters
    ----------
    files : tuple of str
        Patterns below the folder of descriptions.
    prefix : str
        Regular expression of what stands before the description's own path.
    outside : str
        Regular expression of the paths that the description does not speak of: token addresses, signed documents.
    parameters : str
        Regular expression of the query parameters that every call takes without saying so, such as signatures.
    """

    files: tuple[str, ...]
    prefix: str = ""
    outside: str = r"(?!)"
    parameters: str = r"(?!)"


BOOKS = {
    "amazon": Book(("amazon/*_20*.json", "amazon/ordersV0.json", "amazon/sellers.json", "amazon/fbaInventory.json"), outside=r"/auth/.*|/documents?/.*|/feed-.*|/schemas?/.*"),
    "backmarket": Book(("backmarket/*.json",)),
    "bigcommerce": Book(("bigcommerce/*.v3.yml", "bigcommerce/*v2*.yml"), prefix=r"/stores/[^/]+/v[23]"),
    "cdiscount": Book(("cdiscount/octopia-*.json",), prefix=r"(?:/seller/v2)?"),
    "ebay": Book(("ebay/*_oas3.json",), outside=r"/identity/.*"),
    "etsy": Book(("etsy/*.json",), outside=r"/v3/public/oauth/token"),
    "magento": Book(("magento/admin-schema-2.4.9.subset.json",), prefix=r"(?:/index\.php)?/rest/[^/]+", parameters=r"fields|searchCriteria\[.*", outside=r"/rest/[^/]+/async/.*|/rest/async/.*"),
    "mirakl": Book(
        ("mirakl/mirakl-mmp-seller*.json", "mirakl/mirakl-mcm-seller*.json"),
        outside=r"/api/offers/export/async/file/.*",
        parameters=r"offset|max|sort|order|limit|page_token",
    ),
    "refurbed": Book(("refurbed/*.swagger.json",)),
    "walmart": Book(("walmart/*-openapi-original.yml", "walmart/*-openapi-original.yml.gz"), outside=r"/documents/.*|/v3/items/spec"),
    "woocommerce": Book(("woocommerce/wc-v3-*.openapi.json",), prefix=r"/wp-json", parameters=r"oauth_\w+|consumer_(?:key|secret)|_fields|_envelope"),
}  # fmt: skip
"""Platform to its descriptions. Shopify's documents are checked against its schema in its own tests; PrestaShop's and
OpenCart's descriptions are no OpenAPI and are read by theirs."""

DEFECTS: dict[str, dict[str, str]] = {
    "backmarket": {
        r"POST /ws/listings/\{listingId\}: request body /m(?:in|ax)_price: null .*": "nullable beside anyOf says that null is taken, and a floor is taken away by it",
        r"POST /ws/orders/\{order_id\}: request body /: \"id\" is a required property": "the property is named order_id, and required names it id",
    },
    "bigcommerce": {
        r"POST /catalog/products/\{product_id\}/images: answer 200 /data: .*": "oneOf names two alternatives that every picture fits",
        r"GET /orders: answer 204 is not one of .*": "an empty list of V2 is answered with 204 and no body (its own pages say so)",
    },
    "ebay": {
        r".*: (?:answer \d+|request body) .*/aspects: \{.*\} is not of type .*": "the description calls a product's aspects a string; its text and the live interface have a name with a list of values",
    },
    "walmart": {
        r"GET /v3/orders/\{purchaseOrderId\}: answer 200 .*": "the schema has the order at the top; its own example wraps it in order",
        r"GET /v3/orders: request has the unknown parameter '(?:hasMoreElements|soIndex|poIndex|partnerId|sellerId)'.*": "members of its own example of nextCursor, which is sent letter by letter",
    },
    "woocommerce": {
        r"POST /wc/v3/products/batch: answer 200 /: \[\] is not of type .*": "a live shop answers an empty batch with an empty list (recorded exchange)",
        r".*: answer 400 /data/params: \[.*\] is not of type .*": "a live shop lists the names of the missing parameters (recorded exchange)",
        r"GET /wc/v3/orders/\{id\}: answer 200 /: \[.*": "orders/statuses has no entry of its own; a live shop answers a list of statuses (recorded exchange)",
        r"GET /wc/v3/settings/\{group_id\}: answer 200 .*": "a live shop of 11.0.1 answers the list of a group's settings (recorded exchange); the description has one setting",
        r".*: answer 20\d .*/date_\w+: null is not of type .*": "a live shop answers null for a date that is not there (recorded exchanges)",
        r".*: answer 20\d .*/shipping_class_id: 0 is not of type .*": "a live shop answers the number 0 (recorded exchanges)",
        r".*: answer 20\d .*/(?:parent_name|stock_quantity): null is not of type .*": "a live shop answers null where there is none (recorded exchanges)",
        r".*: answer 20\d .*/line_items/\d+/image/id: \"\" is not of type .*": "a live shop answers the empty text for a line without picture (recorded exchanges)",
    },
}  # fmt: skip
"""Platform to regular expressions of what is reported although connector and twin are right, with the reason why the
description is wrong. Each names its operation."""

_METHODS = ("get", "put", "post", "delete", "patch", "head")


@dataclass
class Operation:
    """One call of a description."""

    name: str
    document: Description
    method: str
    pattern: re.Pattern[str]
    length: int
    parameters: list[dict[str, Any]]
    body: Mapping[str, Any]
    responses: Mapping[str, Any]
    _validators: dict[int, Any] = field(default_factory=dict)

    def problems(self, schema: Mapping[str, Any], value: Any) -> Iterator[str]:
        """What is wrong with a value, at most five lines."""
        if id(schema) not in self._validators:
            self._validators[id(schema)] = self.document.validator(schema)
        for number, error in enumerate(self._validators[id(schema)].iter_errors(value)):
            if number == 5:
                return
            yield f"/{'/'.join(str(one) for one in error.instance_path)}: {error.message[:300]}"


class Description:
    """One OpenAPI (2.0, 3.0, 3.1) document.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        is_json = path.suffix == ".json"
        self.document: dict[str, Any] = json.loads(content) if is_json else yaml.load(content, yaml.CSafeLoader)  # noqa: S506
        self.is_old = str(self.document.get("swagger", "")).startswith("2")
        version = str(self.document.get("openapi", ""))
        self._draft = jsonschema_rs.Draft202012Validator if version.startswith("3.1") else jsonschema_rs.Draft4Validator
        _admit_null(self.document)

    def operations(self, prefix: str) -> Iterator[Operation]:
        """Every call."""
        for path, item in self.document["paths"].items():
            parts = [
                "[^/]+?" if one.startswith("{") else re.escape(one) for one in re.split(r"(\{[^}]*\})", path) if one
            ]
            pattern = re.compile(f"{prefix}{self._base()}{''.join(parts)}/?")
            for method in _METHODS:
                if method in item:
                    yield self._operation(path, pattern, method, item)

    def validator(self, schema: Mapping[str, Any]) -> Any:
        """Checks values against a schema of this document."""
        whole = {
            name: self.document[name] for name in ("definitions", "components", "parameters") if name in self.document
        }
        try:
            # Formats are left out: several descriptions say date-time of times without a zone.
            return self._draft({**whole, "allOf": [schema]}, validate_formats=False)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ValueError(f"a schema of {self.name} cannot be used: {str(error)[:300]}") from error

    def resolved(self, value: Any) -> Any:
        """What a reference stands for."""
        while isinstance(value, Mapping) and "$ref" in value:
            found: Any = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[unquote(step).replace("~1", "/").replace("~0", "~")]
            value = found
        return value

    def _base(self) -> str:
        if self.is_old:
            return ""
        servers = self.document.get("servers") or [{}]
        variables = servers[0].get("variables") or {}
        base = variables.get("basePath", {}).get("default", "")
        return re.escape(base)

    def _operation(self, path: str, pattern: re.Pattern[str], method: str, item: Mapping[str, Any]) -> Operation:
        found = item[method]
        parameters = [self.resolved(one) for one in (*item.get("parameters", ()), *found.get("parameters", ()))]
        if self.is_old:
            bodies = [one for one in parameters if one["in"] == "body"]
            body = {"application/json": {"schema": bodies[0].get("schema", {})}} if bodies else {}
        else:
            body = (self.resolved(found.get("requestBody") or {}) or {}).get("content", {})
        return Operation(
            f"{method.upper()} {path}",
            self,
            method.upper(),
            pattern,
            len(re.sub(r"\{[^}]*\}", "", path)),
            parameters,
            body,
            found.get("responses", {}),
        )


class Watch:
    """Notes what does not keep to the descriptions.

    Parameters
    ----------
    folder : Path
        Of the descriptions.

    Attributes
    ----------
    violations : list of str
    count : int
        Exchanges that were held against a description.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._operations: dict[str, list[Operation]] = {}
        self._seen: set[int] = set()
        self._lock = threading.Lock()
        self.violations: list[str] = []
        self.count = 0

    def __call__(self, exchange: Exchange) -> None:
        """Judge an exchange; the same content is judged once."""
        book = BOOKS.get(exchange.twin)
        if book is None or re.fullmatch(book.outside, exchange.request.path):
            return
        with self._lock:
            mark = hash(
                (
                    exchange.twin,
                    exchange.request.method,
                    exchange.request.path,
                    exchange.request.query,
                    exchange.request.body,
                    exchange.answer.status,
                    exchange.answer.body,
                    exchange.fault,
                )
            )
            if mark in self._seen:
                return
            self._seen.add(mark)
            self.count += 1
            for problem in self._problems(exchange, book):
                if not _is_known(exchange.twin, problem):
                    self.violations.append(f"{exchange.twin}: {problem}")

    def _problems(self, exchange: Exchange, book: Book) -> Iterator[str]:
        request, answer = exchange.request, exchange.answer
        is_ours = not request.headers.get("user-agent", "").startswith("python-httpx")
        operations = self._find(exchange.twin, book, request.method, request.path)
        if not operations:
            if is_ours:
                yield f"{request.method} {request.path}: no such operation"
            return

        def problems(operation: Operation) -> list[str]:
            asked = _request_problems(book, operation, request) if is_ours else ()
            told = () if exchange.fault else _answer_problems(operation, answer.status, answer.body, answer.headers)
            return [f"{operation.name}: request {one}" for one in asked] + [
                f"{operation.name}: answer {answer.status} {one}" for one in told
            ]

        # Where several documents describe one call, each for its own purpose, it must be one of them.
        yield from min((problems(one) for one in operations), key=len)

    def _find(self, platform: str, book: Book, method: str, path: str) -> list[Operation]:
        found = [one for one in self._all(platform, book) if one.method == method and one.pattern.fullmatch(path)]
        # The most literal path wins: /orders/count is not the order named "count".
        longest = max((one.length for one in found), default=0)
        return [one for one in found if one.length == longest]

    def _all(self, platform: str, book: Book) -> list[Operation]:
        if platform not in self._operations:
            paths = sorted({path for pattern in book.files for path in self._folder.glob(pattern)})
            self._operations[platform] = [one for path in paths for one in Description(path).operations(book.prefix)]
        return self._operations[platform]


def _is_known(platform: str, problem: str) -> bool:
    return any(re.fullmatch(known, problem, re.DOTALL) for known in DEFECTS.get(platform, {}))


def _request_problems(book: Book, operation: Operation, request: Any) -> Iterator[str]:
    known = {one["name"]: one for one in operation.parameters if one["in"] == "query"}
    given = dict(request.query)
    for name, value in request.query:
        one = known.get(name) or known.get(f"{name.partition('[')[0]}") or known.get(f"{name}[]")
        if one is None:
            if not re.fullmatch(book.parameters, name):
                yield f"has the unknown parameter {name!r}; known are {', '.join(known)}"
            continue
        schema = operation.document.resolved(
            one.get("schema")
            or {
                k: v
                for k, v in one.items()
                if k in ("type", "enum", "items", "minimum", "maximum", "format", "maxLength", "pattern")
            }
        )
        for problem in operation.problems(_cached(one, schema), _typed(operation.document, schema, value)):
            yield f"parameter {name}={value[:80]!r} {problem}"
    for name, one in known.items():
        if one.get("required") and name not in given:
            yield f"lacks the parameter {name!r}"
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.body and operation.method != "GET":
        yield from _body_problems(operation, kind, request.body)


def _body_problems(operation: Operation, kind: str, body: bytes) -> Iterator[str]:
    if not operation.body:
        if kind == "application/json" and body.strip() not in (b"", b"{}", b"null"):
            yield "has a body, and the description knows none"
        return
    found = operation.body.get(kind) or next(
        (value for name, value in operation.body.items() if kind in name or "*" in name), None
    )
    if found is None:
        yield f"has a body of {kind!r}; known are {', '.join(operation.body)}"
        return
    schema = found.get("schema")
    if not schema or kind.startswith("multipart"):
        return
    if kind == "application/json":
        value = json.loads(body)
    elif kind == "application/x-www-form-urlencoded":
        resolved = operation.document.resolved(schema)
        members = resolved.get("properties", {})
        value = {}
        for name, text in parse_qsl(body.decode(), keep_blank_values=True):
            value[name.removesuffix("[]")] = _typed(
                operation.document, operation.document.resolved(members.get(name.removesuffix("[]"), {})), text
            )
    else:
        return
    yield from (f"body {one}" for one in operation.problems(schema, value))


def _answer_problems(operation: Operation, status: int, body: bytes, headers: Mapping[str, str]) -> Iterator[str]:
    responses = operation.responses
    found = responses.get(str(status)) or responses.get(f"{str(status)[0]}XX") or responses.get("default")
    if found is None:
        if status < 400 and responses:
            yield f"is not one of {', '.join(str(one) for one in responses)}"
        return
    found = operation.document.resolved(found)
    if operation.document.is_old:
        schema = found.get("schema")
    else:
        contents = found.get("content") or {}
        schema = next((value.get("schema") for name, value in contents.items() if "json" in name or "*" in name), None)
    if not schema or not body.strip():
        return
    if "json" not in {name.lower(): value for name, value in headers.items()}.get("content-type", ""):
        return
    yield from operation.problems(schema, json.loads(body))


def _typed(document: Description, schema: Mapping[str, Any], text: str) -> Any:
    """The text of a query or a form as the value that its schema speaks of; the text itself when it is none."""
    schema = document.resolved(schema)
    for part in schema.get("allOf", ()):
        schema = {**schema, **document.resolved(part)}
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    try:
        if "array" in kinds:
            return [_typed(document, schema.get("items", {}), one) for one in text.split(",")]
        if "integer" in kinds:
            return int(text)
        if "number" in kinds:
            return float(text)
    except ValueError:
        return text
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    if "object" in kinds and "string" not in kinds and text[:1] == "{":
        return json.loads(text)
    return text


_SCHEMAS: dict[int, tuple[Any, Any]] = {}


def _cached(parameter: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """One schema object a parameter, so that its validator is made once."""
    return _SCHEMAS.setdefault(id(parameter), (parameter, schema))[1]


def _admit_null(value: Any) -> None:
    """Say in JSON Schema's words what OpenAPI 2 and 3.0 say in their own: a member that may be null, an open format."""
    if isinstance(value, list):
        for one in value:
            _admit_null(one)
        return
    if not isinstance(value, dict):
        return
    for one in list(value.values()):
        _admit_null(one)
    if isinstance(value.get("example"), dict | list) or "example" in value:
        value.pop("example", None)
    if value.pop("nullable", None) is True or value.get("x-nullable") is True:
        if isinstance(value.get("type"), str):
            value["type"] = [value["type"], "null"]
            if isinstance(value.get("enum"), list) and None not in value["enum"]:
                value["enum"] = [*value["enum"], None]
        elif "$ref" in value:
            value["anyOf"] = [{"$ref": value.pop("$ref")}, {"type": "null"}]
        elif "allOf" in value:
            value["anyOf"] = [{"allOf": value.pop("allOf")}, {"type": "null"}]
    if value.get("type") == "file":
        value["type"] = "string"
    if isinstance(value.get("required"), bool) and "in" not in value:
        value.pop("required")
