"""Shopify's bulk operation: a whole catalogue as one file of JSON lines, for shops whose pages would cost too many points.

An operation is carried out in the background, costs no points for what it reads, and its file is valid for seven days
(shopify.dev, bulk operations, read 2026-11-23). What lies in a list stands on lines of its own below its owner
(``groupObjects``), with ``__parentId``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.client import Client
from connectors.errors import ProtocolError, RefusedError, UnavailableError
from connectors.graphql import GraphQL
from connectors.imports import poll
from connectors.platforms.shopify import documents

__all__ = ["products", "regrouped"]

Node = Mapping[str, Any]

_BATCH = 250
_FINAL = frozenset({"CANCELED", "COMPLETED", "EXPIRED", "FAILED"})


def products(client: Client, graphql: GraphQL) -> Iterator[list[Node]]:
    """Every product with its variants and pictures, in batches, in the form in which the list of products gives them.

    Raises
    ------
    RefusedError
        When another bulk operation of the app is under way, or the shop refuses this one.
    UnavailableError
        When it fails or is not done within an hour.
    """
    answer = graphql.execute(documents.BULK_START, {"query": documents.BULK_PRODUCTS}, idempotent=False)
    started = answer["bulkOperationRunQuery"]
    if started["userErrors"]:
        words = "; ".join(f"{one['code']}: {one['message']}" for one in started["userErrors"])
        raise RefusedError(f"Shopify does not start the bulk operation: {words}", platform="shopify", words=words)
    key = started["bulkOperation"]["id"]
    done = poll(
        client,
        lambda: graphql.execute(documents.BULK_STATE, {"id": key})["bulkOperation"],
        lambda state: state is None or state["status"] in _FINAL,
        first_s=1.0,
        deadline_s=3600.0,
    )
    if done is None or done["status"] != "COMPLETED":
        said = "was not done within an hour" if done is None else f"ended as {done['status']} ({done['errorCode']})"
        raise UnavailableError(f"The bulk operation {key} {said}. Run again.", platform="shopify")
    if done["url"]:
        yield from regrouped(client.lines(done["url"]), int(done["objectCount"]))


def regrouped(lines: Iterable[bytes], expected: int) -> Iterator[list[Node]]:
    """Products in batches, each with ``variants.nodes`` and ``media.nodes``.

    Raises
    ------
    ProtocolError
        When a line is no JSON, names an owner that did not come before it, or lines are missing.
    """
    batch: list[Node] = []
    count = 0
    for count, line in enumerate(lines, start=1):
        try:
            node = json.loads(line)
            owner = node.pop("__parentId", None)
        except (ValueError, AttributeError):
            raise ProtocolError(f"Line {count} of the bulk file is damaged. Run again.", platform="shopify") from None
        if owner is None:
            if len(batch) == _BATCH:
                yield batch
                batch = []
            batch.append(node | {"variants": _list(), "media": _list()})
        elif not batch or batch[-1]["id"] != owner:
            raise ProtocolError(f"Line {count} of the bulk file belongs to nothing. Run again.", platform="shopify")
        else:
            batch[-1]["media" if "mediaContentType" in node else "variants"]["nodes"].append(node)
    if count != expected:
        raise ProtocolError(
            f"The bulk file holds {count} lines instead of {expected}; it broke off. Run again.", platform="shopify"
        )
    if batch:
        yield batch


def _list() -> Node:
    return {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}
