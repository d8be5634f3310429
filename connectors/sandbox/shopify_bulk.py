"""Bulk operations of the Shopify twin: a query without pages, carried out in the background, its result a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    NameNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    print_ast,
    validate,
    visit,
)

from connectors.sandbox.shopify_store import Row, gid
from connectors.sandbox.shopify_views import when

__all__ = ["Bulk"]

_MOST_CONNECTIONS = 5
_QUESTIONS = 2
"""So often a bulk operation is asked for before it is done."""


class Bulk:
    """The bulk operations of one shop.

    Parameters
    ----------
    schema : GraphQLSchema
    run : callable
        ``run(document) -> data`` carries out a query as the shop would.
    now : callable
        Time of the shop.
    address : callable
        ``address() -> str``: where result files are served.

    Attributes
    ----------
    files : dict of str to bytes
        Path to result file.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        run: Callable[[str], Row],
        now: Callable[[], Any],
        address: Callable[[], str],
    ) -> None:
        self._schema = schema
        self._run = run
        self._now = now
        self._address = address
        self._operations: dict[str, Row] = {}
        self._results: dict[str, bytes] = {}
        self._asked: dict[str, int] = {}
        self.files: dict[str, bytes] = {}

    def start(self, info: Any, query: str, groupObjects: bool = False) -> Row:  # noqa: N803
        """Resolver of ``bulkOperationRunQuery``."""
        if problem := self._problem(query):
            return _refused(problem, "INVALID", field=["query"])
        if any(one["status"] == "RUNNING" for one in self._operations.values()):
            message = "A bulk query operation for this app and shop is already in progress."
            return _refused(message, "OPERATION_IN_PROGRESS")
        number = len(self._operations) + 1
        lines = list(self._lines(query, grouped=groupObjects))
        name = gid("BulkOperation", number)
        operation: Row = {
            "id": name,
            "status": "CREATED",
            "type": "QUERY",
            "query": query,
            "createdAt": when(self._now()),
            "completedAt": None,
            "errorCode": None,
            "objectCount": "0",
            "rootObjectCount": "0",
            "fileSize": None,
            "url": None,
            "partialDataUrl": None,
        }
        shown = {**operation}
        operation |= {"status": "RUNNING"}
        self._operations[name] = operation
        self._results[name] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self._asked[name] = 0
        return {"bulkOperation": shown, "userErrors": []}

    def state(self, asked: Row) -> Row | None:
        """Resolver of ``bulkOperation``."""
        operation = self._operations.get(asked["id"])
        if operation is None:
            return None
        self._asked[operation["id"]] += 1
        if operation["status"] == "RUNNING" and self._asked[operation["id"]] >= _QUESTIONS:
            result = self._results.pop(operation["id"])
            path = f"/files/bulk-{operation['id'].rpartition('/')[2]}.jsonl"
            self.files[path] = result
            lines = result.splitlines()
            operation |= {
                "status": "COMPLETED",
                "completedAt": when(self._now()),
                "objectCount": str(len(lines)),
                "rootObjectCount": str(sum(b'"__parentId"' not in line for line in lines)),
                "fileSize": str(len(result)),
                "url": f"{self._address()}{path}" if lines else None,
            }
        return operation

    def _problem(self, query: str) -> str:
        try:
            document = parse(query)
        except GraphQLError as error:
            return f"Invalid bulk query: {error.message}"
        if errors := validate(self._schema, document):
            return f"Invalid bulk query: {errors[0].message}"
        count = self._connections(query)
        if not 1 <= count <= _MOST_CONNECTIONS:
            return f"Bulk queries must contain at least one connection and at most {_MOST_CONNECTIONS}."
        return ""

    def _connections(self, query: str) -> int:
        found: list[FieldNode] = []

        def note(node: FieldNode, is_root: bool) -> None:
            found.append(node)

        self._visited(query, note)
        return len(found)

    def _lines(self, query: str, *, grouped: bool) -> Iterator[Row]:
        """Every object on a line of its own; what lies in a list below another names it."""
        after, later = "", []
        while True:
            data = self._run(self._paged(query, after))
            ((_, page),) = data.items()
            for edge in page["edges"]:
                own, children = _flat(edge["node"])
                yield own
                yield from children if grouped else ()
                later += [] if grouped else children
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        yield from later

    def _paged(self, query: str, after: str) -> str:
        def add(node: FieldNode, is_root: bool) -> FieldNode:
            given = [one for one in node.arguments if one.name.value not in ("first", "after")]
            given.append(_argument("first", IntValueNode(value="250" if not is_root else "50")))
            if is_root and after:
                given.append(_argument("after", StringValueNode(value=after)))
            page = parse("{ pageInfo { hasNextPage endCursor } }").definitions[0].selection_set.selections  # type: ignore[attr-defined]
            chosen = SelectionSetNode(selections=(*node.selection_set.selections, *(page if is_root else ())))  # type: ignore[union-attr]
            return FieldNode(
                alias=node.alias,
                name=node.name,
                arguments=tuple(given),
                directives=node.directives,
                selection_set=chosen,
            )

        return self._visited(query, add)

    def _visited(self, query: str, change: Callable[[FieldNode, bool], Any]) -> str:
        types = TypeInfo(self._schema)

        class Change(Visitor):
            def leave_field(self, node: FieldNode, _key: Any, _parent: Any, path: Any, _ancestors: Any) -> Any:
                kind = types.get_type()
                is_list = kind is not None and get_named_type(kind).name.endswith("Connection")
                is_root = sum(step == "selections" for step in path) == 1
                return change(node, is_root) if is_list else None

        return print_ast(visit(parse(query), TypeInfoVisitor(types, Change())))


def _refused(message: str, code: str, *, field: list[str] | None = None) -> Row:
    return {"bulkOperation": None, "userErrors": [{"field": field, "message": message, "code": code}]}


def _argument(name: str, value: Any) -> ArgumentNode:
    return ArgumentNode(name=NameNode(value=name), value=value)


def _flat(node: Row) -> tuple[Row, list[Row]]:
    """An object without its lists, and what was in them."""
    own = {name: value for name, value in node.items() if not (isinstance(value, dict) and "edges" in value)}
    children = []
    for value in node.values():
        for edge in value["edges"] if isinstance(value, dict) and "edges" in value else ():
            child, below = _flat(edge["node"])
            children += [child | {"__parentId": node["id"]}, *below]
    return own, children
