"""The offline twin of a Shopify shop: the GraphQL Admin API with its tokens, scopes, costs, throttling and user errors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.server import Answer, Incoming, Twin
from connectors.sandbox.shopify_bulk import Bulk
from connectors.sandbox.shopify_cost import Bucket, actual_cost, requested_cost
from connectors.sandbox.shopify_fields import (
    FILE_SORT,
    ITEM_SEARCH,
    LOCATION_SEARCH,
    LOCATION_SORT,
    ORDER_SEARCH,
    ORDER_SORT,
    PRODUCT_SORT,
    VARIANT_SORT,
    product_search,
    variant_search,
)
from connectors.sandbox.shopify_mutations import Mutations
from connectors.sandbox.shopify_order_views import OrderViews
from connectors.sandbox.shopify_schema import schema
from connectors.sandbox.shopify_search import connection, matching
from connectors.sandbox.shopify_store import Row, Store, gid, number
from connectors.sandbox.shopify_views import Views

__all__ = ["SCOPES", "TWIN", "VERSIONS", "ShopifyTwin"]

VERSIONS = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")
"""Versions that are answered, oldest first; an older one is silently served the oldest."""

SCOPES = (
    "read_products",
    "write_products",
    "read_orders",
    "write_orders",
    "read_all_orders",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_customers",
    "write_customers",
    "read_files",
    "write_files",
)
"""What an app is granted unless a test asks for less."""

_MAX_COST = 1000
_TOKEN_LIFE_S = 86_399
_ORDER_DAYS = 60
_NEEDED = {
    "products": "read_products",
    "product": "read_products",
    "productByIdentifier": "read_products",
    "productVariants": "read_products",
    "productVariant": "read_products",
    "productsCount": "read_products",
    "productVariantsCount": "read_products",
    "orders": "read_orders",
    "order": "read_orders",
    "ordersCount": "read_orders",
    "inventoryItems": "read_inventory",
    "inventoryItem": "read_inventory",
    "inventoryLevel": "read_inventory",
    "locations": "read_locations",
    "location": "read_locations",
    "files": "read_files",
    "productUpdate": "write_products",
    "productVariantsBulkUpdate": "write_products",
    "productReorderMedia": "write_products",
    "inventorySetQuantities": "write_inventory",
    "inventoryItemUpdate": "write_inventory",
    "orderUpdate": "write_orders",
    "fulfillmentCreate": "write_merchant_managed_fulfillment_orders",
    "bulkOperationRunQuery": "read_products",
    "fileUpdate": "write_files",
    "fileDelete": "write_files",
}
_NODES = {
    "Product": "product",
    "ProductVariant": "productVariant",
    "InventoryItem": "inventoryItem",
    "Order": "order",
    "Location": "location",
}


class ShopifyTwin(Twin):
    """A shop in euro on the Basic plan with two warehouses.

    Parameters
    ----------
    catalogue, seed, port, clock
        As for `Twin`.
    scopes : sequence of str
        What the app was granted.
    bucket, restored_per_s : float
        Size and refill of the cost bucket.
    monotonic : callable
        Clock of the bucket, seconds.

    Attributes
    ----------
    token : str
        An access token that does not expire, as older custom apps have.
    """

    name = "shopify"
    state: Store

    def __init__(
        self,
        *,
        catalogue: Catalogue | None = None,
        seed: int = 0,
        port: int = 0,
        clock: Callable[[], datetime] | None = None,
        scopes: tuple[str, ...] = SCOPES,
        bucket: float = 2000,
        restored_per_s: float = 100,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(catalogue=catalogue, seed=seed, port=port, clock=clock)
        self.state = Store(self.clock)
        self.state.load(self.catalogue)
        self.scopes = scopes
        self.token = f"shpat_{self._secret()}"
        self.api_key, self.api_secret = self._secret(), f"shpss_{self._secret()}"
        self.bucket = Bucket(bucket, restored_per_s, monotonic or (lambda: self.clock().timestamp()))
        self._tokens: dict[str, datetime] = {}
        self._host = ""
        self._answered = 0
        self._views = Views(self.state, lambda: self._host, lambda: self.scopes)
        self._order_views = OrderViews(self.state, self._views)
        self._mutations = Mutations(self.state, self._views, self._order_views).resolvers()
        self._bulk = Bulk(schema(), self._quietly, self.state.now, lambda: self.base_url)
        self._queries = self._query_resolvers()
        self._warnings: list[Row] = []

    def _secret(self) -> str:
        return hashlib.md5(self._secrets.randbytes(16), usedforsecurity=False).hexdigest()

    @property
    def credentials(self) -> dict[str, str]:
        """Domain, lasting token, and the app's key and secret for tokens that last a day."""
        domain = self.base_url.removeprefix("http://")
        return {
            "shop_domain": domain,
            "access_token": self.token,
            "api_key": self.api_key,
            "api_secret": self.api_secret,
        }

    def forget_tokens(self) -> None:
        """Let every token of the client credentials grant run out now."""
        with self.state.lock:
            self._tokens.clear()

    def greeting(self) -> Incoming:
        """The shop's name."""
        headers = {"x-shopify-access-token": self.token, "content-type": "application/json"}
        return Incoming("POST", "/admin/api/2026-07/graphql.json", (), headers, b'{"query": "{shop{name}}"}')

    def unauthorised(self) -> Answer:
        """The answer to an unknown token."""
        message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return Answer.json(401, {"errors": message}, {"x-request-id": self._request_id()})

    def answer(self, incoming: Incoming) -> Answer:
        """Route a request: a token, or a GraphQL operation."""
        self._host = incoming.headers.get("host", "")
        if incoming.path == "/admin/oauth/access_token" and incoming.method == "POST":
            return self._grant(incoming)
        if incoming.method == "GET" and incoming.path in self._bulk.files:
            return Answer(200, self._bulk.files[incoming.path], {"content-type": "application/jsonl"})
        found = re.fullmatch(r"/admin/api/(\d{4}-\d\d|unstable)/graphql\.json", incoming.path)
        if not found or incoming.method != "POST":
            return Answer.json(404, {"errors": "Not Found"}, {"x-request-id": self._request_id()})
        version = found[1]
        if version != "unstable" and version > VERSIONS[-1]:
            return Answer.json(404, {"errors": "Not Found"}, {"x-request-id": self._request_id()})
        served = version if version in (*VERSIONS, "unstable") else VERSIONS[0]
        headers = {"x-request-id": self._request_id(), "x-shopify-api-version": served}
        if not self._known(incoming.headers.get("x-shopify-access-token", "")):
            return self.unauthorised()
        self.state.settle()
        try:
            asked = json.loads(incoming.body)
        except ValueError:
            return Answer.json(400, {"errors": "There was a problem parsing the JSON in the request body."}, headers)
        if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
            return Answer.json(400, {"errors": {"query": "Required parameter missing or invalid"}}, headers)
        return Answer.json(200, self._run(asked), headers)

    # ---- access ----------------------------------------------------------------------------------------------

    def _grant(self, incoming: Incoming) -> Answer:
        """Client credentials grant; the bodies of its refusals are not documented and close to OAuth's."""
        text = incoming.body.decode(errors="replace")
        try:
            asked = json.loads(text) if text.lstrip().startswith("{") else dict(parse_qsl(text))
        except ValueError:
            asked = {}
        if asked.get("grant_type") != "client_credentials":
            return Answer.json(
                400, {"error": "unsupported_grant_type", "error_description": "The grant type is not supported."}
            )
        if asked.get("client_id") != self.api_key:
            return Answer.json(
                400, {"error": "application_cannot_be_found", "error_description": "The app could not be found."}
            )
        if asked.get("client_secret") != self.api_secret:
            return Answer.json(401, {"error": "invalid_client", "error_description": "Client authentication failed."})
        token = f"shpat_{self._secret()}"
        self._tokens[token] = self.clock() + timedelta(seconds=_TOKEN_LIFE_S)
        return Answer.json(200, {"access_token": token, "scope": ",".join(self.scopes), "expires_in": _TOKEN_LIFE_S})

    def _known(self, token: str) -> bool:
        return token == self.token or (token in self._tokens and self._tokens[token] > self.clock())

    def _request_id(self) -> str:
        self._answered += 1
        return f"{hashlib.md5(str(self._answered).encode(), usedforsecurity=False).hexdigest()}-{self._answered}"

    # ---- running an operation --------------------------------------------------------------------------------

    def _run(self, asked: Mapping[str, Any]) -> Row:
        try:
            document = parse(asked["query"])
        except GraphQLError as error:
            return {"errors": [_formatted(error, "SYNTAX_ERROR")]}
        if errors := validate(schema(), document):
            return {"errors": [_formatted(error, "undefinedField") for error in errors]}
        operation = get_operation_ast(document, asked.get("operationName"))
        if operation is None:
            return {"errors": [{"message": "An operation name is required"}]}
        values = get_variable_values(
            schema(), list(operation.variable_definitions or ()), dict(asked.get("variables") or {})
        )
        if isinstance(values, list):
            return {"errors": [_formatted(error, "INVALID_VARIABLE") for error in values]}
        return self._paid(document, operation, asked, values)

    def _paid(
        self, document: DocumentNode, operation: OperationDefinitionNode, asked: Mapping[str, Any], values: Row
    ) -> Row:
        requested = requested_cost(schema(), document, operation, values)
        if requested > _MAX_COST:
            message = f"Query cost is {requested:.0f}, which exceeds the single query max cost ({_MAX_COST})."
            return {
                "errors": [
                    {
                        "message": message,
                        "extensions": {"code": "MAX_COST_EXCEEDED", "cost": int(requested), "maxCost": _MAX_COST},
                    }
                ]
            }
        if requested > self.bucket.available():
            error = {
                "message": "Throttled",
                "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
            }
            return {"errors": [error], "extensions": {"cost": self._cost(requested, None)}}
        self._warnings = []
        result = execute(
            schema(),
            document,
            variable_values=dict(asked.get("variables") or {}),
            operation_name=asked.get("operationName"),
            root_value=self,
            field_resolver=self._resolve,
        )
        assert isinstance(result, ExecutionResult)
        actual = actual_cost(schema(), document, operation, values, result.data)
        self.bucket.spend(actual)
        answer: Row = {} if result.errors and result.data is None else {"data": result.data}
        if result.errors:
            answer["errors"] = [_formatted(error, "INTERNAL_SERVER_ERROR") for error in result.errors]
        answer["extensions"] = {"cost": self._cost(requested, actual)}
        if self._warnings:
            answer["extensions"]["search"] = self._warnings
        return answer

    def _quietly(self, query: str) -> Row:
        """The data of a query that costs nothing, as a bulk operation's does."""
        result = execute(schema(), parse(query), root_value=self, field_resolver=self._resolve)
        assert isinstance(result, ExecutionResult)
        if result.errors or result.data is None:
            raise GraphQLError(result.errors[0].message if result.errors else "no data")
        return result.data

    def _cost(self, requested: float, actual: float | None) -> Row:
        return {
            "requestedQueryCost": int(requested),
            "actualQueryCost": None if actual is None else int(actual),
            "throttleStatus": {
                "maximumAvailable": self.bucket.size,
                "currentlyAvailable": int(self.bucket.available()),
                "restoreRate": self.bucket.restored_per_s,
            },
        }

    def _resolve(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        """A root field of the twin, or a member of what a root field gave."""
        if source is self:
            self._allowed(info.field_name)
            if info.field_name == "bulkOperationRunQuery":
                return self._bulk.start(info, **arguments)
            if info.field_name in self._mutations:
                return self._mutations[info.field_name](info, **arguments)
            return self._queries[info.field_name](arguments)
        value = source.get(info.field_name)
        return value(info, **arguments) if callable(value) else value

    def _allowed(self, name: str) -> None:
        needed = _NEEDED.get(name)
        if needed and needed not in self.scopes:
            message = f"Access denied for {name} field. Required access: `{needed}` access scope."
            raise GraphQLError(
                message, extensions={"code": "ACCESS_DENIED", "requiredAccess": f"`{needed}` access scope."}
            )

    # ---- queries ---------------------------------------------------------------------------------------------

    def _query_resolvers(self) -> dict[str, Callable[[Row], Any]]:
        state, views = self.state, self._views
        return {
            "shop": lambda _: views.shop(),
            "currentAppInstallation": lambda _: views.installation(),
            "publicApiVersions": lambda _: [{"handle": one, "displayName": one, "supported": True} for one in VERSIONS],
            "products": lambda asked: self._page(
                list(state.products.values()), asked, product_search(state), PRODUCT_SORT, views.product
            ),
            "productsCount": lambda asked: self._counted(list(state.products.values()), asked, product_search(state)),
            "product": lambda asked: _one(state.products, asked["id"], "Product", views.product),
            "productByIdentifier": lambda asked: self._identified(asked["identifier"]),
            "productVariants": lambda asked: self._page(
                list(state.variants.values()), asked, variant_search(state), VARIANT_SORT, views.variant
            ),
            "productVariantsCount": lambda asked: self._counted(
                list(state.variants.values()), asked, variant_search(state)
            ),
            "productVariant": lambda asked: _one(state.variants, asked["id"], "ProductVariant", views.variant),
            "inventoryItems": lambda asked: self._page(
                list(state.variants.values()), asked, ITEM_SEARCH, {"ID": lambda row: row["item"]}, views.item
            ),
            "inventoryItem": lambda asked: self._item(asked["id"]),
            "inventoryLevel": lambda asked: self._level(asked["id"]),
            "orders": lambda asked: self._page(
                self._orders(), asked, ORDER_SEARCH, ORDER_SORT, self._order_views.order
            ),
            "ordersCount": lambda asked: self._counted(self._orders(), asked, ORDER_SEARCH),
            "order": lambda asked: _one(
                {row["id"]: row for row in self._orders()}, asked["id"], "Order", self._order_views.order
            ),
            "locations": lambda asked: self._page(
                list(state.locations.values()), asked, LOCATION_SEARCH, LOCATION_SORT, views.location
            ),
            "location": lambda asked: _one(
                state.locations, asked.get("id") or gid("Location", min(state.locations)), "Location", views.location
            ),
            "files": lambda asked: self._page(
                list(state.media.values()), asked, {"id": lambda row: row["id"]}, FILE_SORT, views.file
            ),
            "bulkOperation": self._bulk.state,
            "taxonomy": lambda _: {"categories": lambda info, **asked: self._categories(asked)},
            "node": lambda asked: self._node(asked["id"]),
            "nodes": lambda asked: [self._node(one) for one in asked["ids"]],
        }

    def _page(
        self,
        rows: list[Row],
        asked: Row,
        fields: Mapping[str, Any],
        sorts: Mapping[str, Any],
        view: Callable[[Row], Row],
    ) -> Row:
        found = self._found(rows, asked, fields)
        key = asked.get("sortKey") or "ID"
        return connection(found, sorts.get(key, sorts["ID"]), asked, view=view)

    def _counted(self, rows: list[Row], asked: Row, fields: Mapping[str, Any]) -> Row:
        size, limit = len(self._found(rows, asked, fields)), asked.get("limit") or 10_000
        return {"count": min(size, limit), "precision": "EXACT" if size <= limit else "AT_LEAST"}

    def _found(self, rows: list[Row], asked: Row, fields: Mapping[str, Any]) -> list[Row]:
        found, unknown = matching(rows, asked.get("query"), fields)
        for name in unknown:
            warning = {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"}
            self._warnings.append({"path": [], "query": asked.get("query"), "warnings": [warning]})
        return found

    def _orders(self) -> list[Row]:
        rows = list(self.state.orders.values())
        if "read_all_orders" in self.scopes:
            return rows
        oldest = self.state.now() - timedelta(days=_ORDER_DAYS)
        return [row for row in rows if row["created"] >= oldest]

    def _identified(self, identifier: Row) -> Row | None:
        if identifier.get("handle"):
            found = next((row for row in self.state.products.values() if row["handle"] == identifier["handle"]), None)
            return self._views.product(found) if found else None
        return _one(self.state.products, identifier.get("id") or "", "Product", self._views.product)

    def _item(self, key: str) -> Row | None:
        wanted = number(key, "InventoryItem")
        found = next((row for row in self.state.variants.values() if row["item"] == wanted), None)
        return self._views.item(found) if found else None

    def _level(self, key: str) -> Row | None:
        location, _, item = key.partition("?inventory_item_id=")
        found = next((row for row in self.state.variants.values() if str(row["item"]) == item), None)
        place = number(location, "InventoryLevel")
        return self._views.level(found, place) if found and place in found["levels"] else None

    def _categories(self, asked: Row) -> Row:
        names = self.state.taxonomy
        keys = sorted(names, key=lambda key: [part.rjust(4) for part in key.split("-")])
        prefix = gid("TaxonomyCategory", "")
        if asked.get("search"):
            words = re.findall(r"\w+", asked["search"].lower())
            keys = [key for key in keys if all(word in names[key].lower() for word in words)]
        if asked.get("childrenOf"):
            keys = [key for key in keys if key.rpartition("-")[0] == asked["childrenOf"].removeprefix(prefix)]
        if asked.get("descendantsOf"):
            keys = [key for key in keys if key.startswith(asked["descendantsOf"].removeprefix(prefix) + "-")]
        if asked.get("siblingsOf"):
            wanted = asked["siblingsOf"].removeprefix(prefix)
            keys = [key for key in keys if key.rpartition("-")[0] == wanted.rpartition("-")[0] and key != wanted]
        if not any(asked.get(one) for one in ("search", "childrenOf", "descendantsOf", "siblingsOf")):
            keys = [key for key in keys if "-" not in key]
        rows = [{"id": place, "key": key} for place, key in enumerate(keys, start=1)]
        return connection(
            rows, lambda row: row["id"], asked, view=lambda row: self._views.category(row["key"]), optional=True
        )

    def _node(self, key: str) -> Row | None:
        kind = key.removeprefix("gid://shopify/").partition("/")[0]
        if kind in _NODES:
            self._allowed(_NODES[kind])
            found: Row | None = self._queries[_NODES[kind]]({"id": key})
            return found
        if kind == "InventoryLevel":
            self._allowed("inventoryLevel")
            return self._level(key)
        if kind == "MediaImage":
            return _one(self.state.media, key, "MediaImage", self._views.file)
        if kind == "TaxonomyCategory" and (name := key.rpartition("/")[2]) in self.state.taxonomy:
            return self._views.category(name)
        return None


def _one(rows: Mapping[int, Row], key: str, kind: str, view: Callable[[Row], Row]) -> Row | None:
    row = rows.get(number(key, kind))
    return view(row) if row else None


def _formatted(error: GraphQLError, code: str) -> Row:
    shown: Row = {**error.formatted}
    shown["extensions"] = {"code": code, **(error.extensions or {})}
    return shown


TWIN = ShopifyTwin
