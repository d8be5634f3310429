"""Shopify's price list for queries, and the bucket that pays for them.

An object costs 1, a scalar nothing, a mutation 10; a connection grows with its size, but ever more slowly: a page of
250 variants with their stock items was seen to be asked 25 points in all.

References
----------
https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits (read 2026-11-23): objects, scalars, 100 points a second.
https://community.shopify.dev/t/23101 (read 2026-11-23): the 25 points, a bucket of 2,000. The formula between the seen
points is ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import get_argument_values
from graphql.type import GraphQLInterfaceType, GraphQLObjectType

__all__ = ["Bucket", "actual_cost", "connection_cost", "requested_cost"]

_MUTATION = 10.0


class Bucket:
    """Points that one app may spend in one shop.

    Parameters
    ----------
    size, restored_per_s : float
    clock : callable
        ``clock() -> float``, seconds, monotonic.
    """

    def __init__(self, size: float, restored_per_s: float, clock: Callable[[], float]) -> None:
        self.size = size
        self.restored_per_s = restored_per_s
        self._clock = clock
        self._points = size
        self._at = clock()

    def available(self) -> float:
        """Points that can be spent now."""
        now = self._clock()
        self._points = min(self.size, self._points + max(0.0, now - self._at) * self.restored_per_s)
        self._at = now
        return self._points

    def spend(self, points: float) -> None:
        """Take points out."""
        self._points = max(0.0, self.available() - points)


def connection_cost(size: int) -> int:
    """How many times a connection of that size pays for one of its nodes."""
    return min(size, 4 + math.ceil(math.log2(size))) if size > 1 else size


def requested_cost(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> float:
    """The most that the operation can cost; what is compared with the bucket before it is run."""
    return _Meter(schema, document, variables).operation(operation, None)


def actual_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    data: Any,
) -> float:
    """What the operation cost, by the objects that came back."""
    return _Meter(schema, document, variables).operation(operation, data if isinstance(data, dict) else {})


class _Meter:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = dict(variables)
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }

    def operation(self, operation: OperationDefinitionNode, data: Any) -> float:
        root = self._schema.get_root_type(operation.operation)
        assert root is not None
        mutation = operation.operation.value == "mutation"
        total = 0.0
        for field in self._fields(operation.selection_set):
            total += (_MUTATION if mutation else 0.0) + self._field(root, field, data)
        return total

    def _field(self, parent: GraphQLObjectType | GraphQLInterfaceType, field: FieldNode, data: Any) -> float:
        definition = parent.fields.get(field.name.value)
        if definition is None or field.selection_set is None:
            return 0.0
        kind = get_named_type(definition.type)
        if not is_composite_type(kind) or kind.name == "PageInfo":
            return 0.0
        known = data is not None
        value = data.get((field.alias or field.name).value) if known else None
        if kind.name.endswith("Connection"):
            arguments = get_argument_values(definition, field, self._variables)
            nodes = _nodes(value)
            size = len(nodes) if known else max(arguments.get("first") or 0, arguments.get("last") or 0)
            inner = (
                max((self._nodes_cost(kind, field, one) for one in nodes), default=0.0)
                if known
                else self._nodes_cost(kind, field, None)
            )
            return connection_cost(size) * inner
        if known and value is None:
            return 1.0
        rows: Iterable[Any] = value if isinstance(value, list) else [value]
        return max((1.0 + self._children(kind, field.selection_set, one) for one in rows), default=0.0)

    def _nodes_cost(self, connection: Any, field: FieldNode, node: Any) -> float:
        """The dearest of ``nodes`` and ``edges { node }`` in a connection's selection."""
        best = 0.0
        for one in self._fields(field.selection_set):
            inner = [one] if one.name.value == "nodes" else []
            if one.name.value == "edges":
                inner = [child for child in self._fields(one.selection_set) if child.name.value == "node"]
            for child in inner:
                kind = get_named_type(connection.fields["nodes"].type)
                if child.selection_set is not None:
                    best = max(best, 1.0 + self._children(kind, child.selection_set, node))
        return best

    def _children(self, kind: Any, selection: SelectionSetNode, data: Any) -> float:
        total, branches = 0.0, [0.0]
        for one in selection.selections:
            if isinstance(one, FieldNode):
                total += self._field(kind, one, data)
                continue
            fragment = self._fragments.get(one.name.value) if isinstance(one, FragmentSpreadNode) else one
            if isinstance(fragment, (FragmentDefinitionNode, InlineFragmentNode)):
                narrowed = (
                    self._schema.get_type(fragment.type_condition.name.value) if fragment.type_condition else kind
                )
                branches.append(self._children(narrowed, fragment.selection_set, data))
        return total + max(branches)

    def _fields(self, selection: SelectionSetNode | None) -> Iterable[FieldNode]:
        for one in selection.selections if selection else ():
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode):
                yield from self._fields(one.selection_set)
            elif isinstance(one, FragmentSpreadNode) and one.name.value in self._fragments:
                yield from self._fields(self._fragments[one.name.value].selection_set)


def _nodes(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        return []
    for found in value.values():
        if isinstance(found, list):
            return [one.get("node", one) if isinstance(one, dict) else one for one in found]
    return []
