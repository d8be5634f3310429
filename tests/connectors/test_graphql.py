"""GraphQL's errors with status 200, and the documents against the platform's own schema."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.client import Client
from connectors.errors import (
    CredentialError,
    PlatformError,
    ProtocolError,
    RateLimitError,
    RefusedError,
    UnavailableError,
)
from connectors.graphql import GraphQL, TooCostlyError
from connectors.limits import CostBucket
from connectors.manners import Manners, Patience
from connectors.platforms.shopify.documents import DOCUMENTS

SHARED = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[3] / "shared"))


def cost(requested: float, available: float) -> dict[str, Any]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": requested, "throttleStatus": status}}


class Bench:
    def __init__(self, *bodies: Any, patience: Patience | None = None) -> None:
        self.pauses: list[float] = []
        self.sent: list[Any] = []
        self._bodies = iter(bodies)
        self.bucket = CostBucket(maximum=1000, restore_per_second=50, clock=lambda: 0.0)
        self.client = Client(
            "https://x.example",
            Manners("bazaar"),
            limit=self.bucket,
            patience=patience or Patience(attempts=3),
            transport=httpx.MockTransport(self._answer),
            sleep=self.pauses.append,
            random=lambda: 0.5,
        )
        self.graphql = GraphQL(self.client, "graphql", self.bucket, platform="bazaar", connection="shop")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(json.loads(request.content))
        return httpx.Response(200, json=next(self._bodies), headers={"x-request-id": "q-1"})


def error(code: str, message: str = "no") -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def test_data_comes_back_and_variables_go() -> None:
    bench = Bench({"data": {"a": 1}, "extensions": cost(10, 1990)})
    assert bench.graphql.execute("query Q { a }", {"x": 2}) == {"a": 1}
    assert bench.sent == [{"query": "query Q { a }", "variables": {"x": 2}}]
    assert bench.bucket.maximum == 2000


def test_a_throttled_query_waits_for_the_points_it_lacks() -> None:
    bench = Bench(error("THROTTLED") | {"extensions": cost(700, 200)}, {"data": {"a": 1}, "extensions": cost(700, 0)})
    assert bench.graphql.execute("mutation M { a }", idempotent=False) == {"a": 1}
    assert bench.pauses[0] == pytest.approx(5.0)
    assert bench.client.traffic.throttled == 1


def test_a_query_is_not_sent_before_its_points_are_there() -> None:
    bench = Bench({"data": {}, "extensions": cost(600, 100)}, {"data": {}, "extensions": cost(600, 100)})
    bench.graphql.execute("query Q { a }")
    bench.graphql.execute("query Q { a }")
    assert bench.pauses == pytest.approx([5.0])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error("ACCESS_DENIED", "needs read_orders"), CredentialError),
        (error("SHOP_INACTIVE"), CredentialError),
        (error("MAX_COST_EXCEEDED"), TooCostlyError),
        (error("INTERNAL_SERVER_ERROR"), UnavailableError),
        (error("THROTTLED"), RateLimitError),
        (error("undefinedField", "Field 'x' does not exist"), RefusedError),
        ({"errors": "Not Found"}, RefusedError),
        ({"errors": [{"message": "half"}], "data": {"a": 1}}, RefusedError),
        ({"data": None}, ProtocolError),
        ({"hello": 1}, ProtocolError),
        ([], ProtocolError),
    ],
)
def test_an_error_with_status_200_is_an_error(body: Any, expected: type[PlatformError]) -> None:
    bench = Bench(*[body] * 3)
    with pytest.raises(expected) as caught:
        bench.graphql.execute("query Q { a }")
    assert caught.value.request_id == "q-1"
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        assert body["errors"][0]["message"] in caught.value.words


def test_a_mutation_that_may_have_happened_is_not_sent_again() -> None:
    bench = Bench(error("INTERNAL_SERVER_ERROR"))
    with pytest.raises(UnavailableError):
        bench.graphql.execute("mutation M { a }", idempotent=False)
    assert len(bench.sent) == 1


def test_figures_that_make_no_sense_are_ignored() -> None:
    broken = {"cost": {"requestedQueryCost": "x", "throttleStatus": {"currentlyAvailable": None}}}
    assert Bench({"data": {"a": 1}, "extensions": broken}).graphql.execute("query Q { a }") == {"a": 1}


@pytest.mark.parametrize("version", ["2026-07", "2026-10"])
def test_every_document_is_valid_in_the_platforms_schema(version: str) -> None:
    path = SHARED / "specs" / "shopify" / f"admin_{version}.json.gz"
    if not path.is_file():
        pytest.skip(f"no schema at {path} (CHANNELMEND_SHARED)")
    graphql = pytest.importorskip("graphql")
    schema = graphql.build_client_schema(json.loads(gzip.decompress(path.read_bytes()))["data"], assume_valid=True)
    assert len(DOCUMENTS) >= 16
    problems = {
        name: [one.message for one in graphql.validate(schema, graphql.parse(text))] for name, text in DOCUMENTS.items()
    }
    assert not any(problems.values()), problems
