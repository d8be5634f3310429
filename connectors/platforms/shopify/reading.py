"""Shopify's nodes as canonical records, and the queries that fetch them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from connectors.errors import ProtocolError
from connectors.graphql import GraphQL, TooCostlyError
from connectors.mapping import WEIGHT, Amount, Source, at, canonical, plain_number, raw_text, text
from connectors.paginate import Relay, RelayPage
from connectors.platforms.shopify import documents

__all__ = ["Reader", "UNITS", "legacy_id", "prices"]

Node = dict[str, Any]

UNITS: dict[str, Amount] = {
    "GRAMS": WEIGHT["g"],
    "KILOGRAMS": WEIGHT["kg"],
    "OUNCES": WEIGHT["oz"],
    "POUNDS": WEIGHT["lb"],
}
"""Shopify's units of weight; each item has its own."""

_DEEPEST = 20_000
"""A cursor is followed for 25,000 objects only (shopify.dev, API limits, read 2026-11-23); the walk starts anew before."""

_STATUS = {"ACTIVE": "active", "UNLISTED": "active", "DRAFT": "draft", "ARCHIVED": "archived"}
_LARGEST_READ = 25

_LISTS: dict[str, tuple[str, str, dict[str, int]]] = {
    "product": (documents.PRODUCTS, "products", {"first": 200, "nested": 10, "media": 10}),
    "order": (documents.ORDERS, "orders", {"first": 100, "lines": 10}),
    "stock": (documents.STOCK, "productVariants", {"first": 250, "nested": 5}),
}
"""Kind to document, its connection, and the page sizes to begin with; they shrink when the platform finds them costly.

The cost of a list grows much more slowly than its size, so large pages of small lists are the cheapest
(https://community.shopify.dev/t/23101, read 2026-11-23)."""


class Reader:
    """Reads one shop.

    Parameters
    ----------
    graphql : GraphQL
    """

    def __init__(self, graphql: GraphQL) -> None:
        self._graphql = graphql
        self._sizes = {kind: dict(sizes) for kind, (_, _, sizes) in _LISTS.items()}
        self._largest_read = _LARGEST_READ

    @cached_property
    def shop(self) -> Node:
        """Name, currency, limits and granted scopes, asked once."""
        return self._graphql.execute(documents.SHOP)

    @property
    def currency(self) -> str:
        """ISO 4217 code of the shop's prices."""
        return text(at(self.shop, "shop.currencyCode"))

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Nodes of that kind with everything below them.

        A full walk goes by identifier, which never changes. An incremental one goes by time of change: a record
        that changes during the walk moves to the end and comes again. Stock has no time to search by, so it is
        always walked whole.
        """
        by_time = since is not None and kind != "stock"
        document, connection, _ = _LISTS[kind]
        moment = since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else ""

        def ask(cursor: str, behind: str) -> RelayPage:
            search = f"updated_at:>='{behind or moment}'" if by_time else (f"id:>{behind}" if behind else None)
            variables = {"after": cursor or None, "query": search}
            if kind != "stock":
                variables["sortKey"] = "UPDATED_AT" if by_time else "ID"
            found = self._sized(kind, document, variables)[connection]
            rows = [self._complete(node) for node in found["nodes"]]
            return RelayPage(rows, found["pageInfo"]["endCursor"] if found["pageInfo"]["hasNextPage"] else "")

        def position(node: Mapping[str, Any]) -> str:
            return text(node.get("updatedAt")) if by_time else legacy_id(text(node.get("id")))

        yield from Relay(most=_DEEPEST).pages(ask, position)

    def nodes(self, keys: Sequence[str]) -> Iterator[Node]:
        """The nodes of these identifiers with everything below them, as `batches` gives them; missing ones left out."""
        wanted = [key for key in dict.fromkeys(keys) if key.startswith("gid://shopify/")]
        start = 0
        while start < len(wanted):
            ids = wanted[start : start + self._largest_read]
            try:
                found = self._graphql.execute(documents.READ, {"ids": ids, "media": 50, "lines": 50})["nodes"]
            except TooCostlyError:
                if self._largest_read == 1:
                    raise
                self._largest_read = max(1, self._largest_read // 2)
                continue
            start += len(ids)
            for node in found:
                if node:
                    yield self._complete(node)

    def records(self, kind: str, node: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The canonical rows of a node from a list or from `nodes`."""
        if kind == "order":
            yield from self._order(node)
        elif kind == "stock":
            yield from _stock(node)
        elif "product" in node:
            yield "product", self._item(node["product"], node)
        elif "variants" in node and node.get("hasOnlyDefaultVariant"):
            yield "product", self._item(node, node["variants"]["nodes"][0])
        elif not node.get("hasOnlyDefaultVariant"):
            yield "product", self._parent(node)
            for variant in at(node, "variants.nodes") or []:
                yield "product", self._item(node, variant)

    def _parent(self, product: Mapping[str, Any]) -> dict[str, Any]:
        payload = {name: value for name, value in product.items() if name != "variants"}
        attributes = [
            {"key": text(one.get("name")), "value": ", ".join(one.get("values") or [])}
            for one in product.get("options") or []
        ]
        return canonical(product, _PRODUCT) | {
            "level": "parent",
            "currency": self.currency,
            "attributes": attributes + _type_of(product),
            "raw": raw_text(payload),
        }

    def _item(self, product: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
        single = bool(product.get("hasOnlyDefaultVariant"))
        row = canonical(product, _PRODUCT) if single else {"title": text(variant.get("title"))}
        row |= canonical(variant, _ITEM)
        row["price"], row["sale_price"] = prices(text(variant.get("price")), text(variant.get("compareAtPrice")))
        options = (
            []
            if single
            else [
                {"key": text(one["name"]), "value": text(one["value"])} for one in variant.get("selectedOptions") or []
            ]
        )
        newest = max(text(product.get("updatedAt")), text(variant.get("updatedAt")))
        return row | {
            "parent_key": text(product.get("id")),
            "level": "single" if single else "variant",
            "currency": self.currency,
            "attributes": options + (_type_of(product) if single else []) + _idle_compare_at(variant),
            "updated_at": newest,
            "raw": raw_text({**product, "variants": {"nodes": [variant]}} if single else _without(variant, "product")),
        }

    def _order(self, node: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        order = canonical(node, _ORDER)
        yield "order", order | {"raw": raw_text(node)}
        for line in node["lineItems"]["nodes"]:
            row = canonical(line, _LINE)
            key = {"record_key": f"{order['record_key']}/{row['line_key']}", "order_key": order["record_key"]}
            yield "order_line", row | key | {"raw": raw_text(line)}

    def _sized(self, kind: str, document: str, variables: Mapping[str, Any]) -> Node:
        """Ask with pages as large as the platform finds affordable; what it refused once is not asked again."""
        while True:
            try:
                return self._graphql.execute(document, {**variables, **self._sizes[kind]})
            except TooCostlyError:
                if not _shrink(self._sizes[kind]):
                    raise

    def _complete(self, node: Node) -> Node:
        """Fetch what did not fit into the first page of the lists below a node."""
        for owner, member, document in (
            (node, "variants", documents.VARIANT_REST),
            (node, "media", documents.MEDIA_REST),
            (node.get("product"), "media", documents.MEDIA_REST),
            (node, "lineItems", documents.LINE_REST),
            (node.get("inventoryItem"), "inventoryLevels", documents.LEVEL_REST),
        ):
            if not isinstance(owner, dict):
                continue
            below = owner.get(member)
            while isinstance(below, dict) and at(below, "pageInfo.hasNextPage"):
                cursor = below["pageInfo"]["endCursor"]
                more = self._graphql.execute(document, {"id": owner["id"], "after": cursor})["node"]
                if not more or more[member]["pageInfo"]["endCursor"] == cursor:
                    raise ProtocolError(
                        f"The list {member} of {owner['id']} ended before its end. Try again.", platform="shopify"
                    )
                below["nodes"] += more[member]["nodes"]
                below["pageInfo"] = more[member]["pageInfo"]
        return node


def prices(price: str, compare_at: str) -> tuple[str, str]:
    """Regular and reduced price of a variant.

    Shopify's ``price`` is what the buyer pays; ``compareAtPrice`` is shown crossed out beside it when it is higher.
    So with a higher compare-at price the regular price is that one and ``price`` the reduced one; otherwise ``price``
    is the regular price and nothing is reduced; the lower compare-at price is then among the attributes.
    """
    paid, crossed_out = plain_number(price), plain_number(compare_at)
    if paid is not None and crossed_out is not None and crossed_out > paid:
        return compare_at, price
    return price, ""


def legacy_id(key: str) -> str:
    """The number at the end of a global identifier."""
    return key.rpartition("/")[2].partition("?")[0]


def _shrink(sizes: dict[str, int]) -> bool:
    """Halve the outer page, then the inner ones; whether there was anything left to halve."""
    names = ["first"] if sizes["first"] > 1 else [name for name, size in sizes.items() if size > 1]
    for name in names:
        sizes[name] //= 2
    return bool(names)


def _stock(node: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    item: Mapping[str, Any] = node["inventoryItem"] if "inventoryItem" in node else node["item"]
    if "inventoryItem" in node:
        variant, levels = text(node.get("id")), item["inventoryLevels"]["nodes"]
    else:
        variant, levels = text((at(item, "variants.nodes") or [{}])[0].get("id")), [node]
    if not item.get("tracked"):
        return
    for level in levels:
        yield (
            "stock",
            {
                **canonical(level, _LEVEL),
                "parent_key": variant,
                "sku": text(node.get("sku") or item.get("sku")),
                "raw": raw_text(level),
            },
        )


def _images(node: Mapping[str, Any]) -> list[str]:
    return [url for one in node["media"]["nodes"] if (url := text(at(one, "image.url")))]


def _weight(variant: Mapping[str, Any]) -> str:
    weight = at(variant, "inventoryItem.measurement.weight")
    if not weight:
        return ""
    value = text(weight.get("value"))
    unit = UNITS.get(text(weight.get("unit")))
    return unit.to_canonical(value) if unit else f"{value} {text(weight.get('unit'))}"


def _quantity(variant: Mapping[str, Any]) -> str:
    """Empty where the stock is not counted: the number that Shopify shows then means nothing."""
    return text(variant.get("inventoryQuantity")) if at(variant, "inventoryItem.tracked") else ""


def _available(level: Mapping[str, Any]) -> str:
    return next(
        (text(one.get("quantity")) for one in level.get("quantities") or [] if one.get("name") == "available"), ""
    )


def _shipped(order: Mapping[str, Any]) -> str:
    done = [one for one in order.get("fulfillments") or [] if one.get("status") != "CANCELLED"]
    return text(done[0].get("createdAt")) if done else ""


def _type_of(product: Mapping[str, Any]) -> list[dict[str, str]]:
    kind = text(product.get("productType"))
    return [{"key": "product_type", "value": kind}] if kind else []


def _idle_compare_at(variant: Mapping[str, Any]) -> list[dict[str, str]]:
    """A compare-at price that reduces nothing, being no higher than the price: mostly a mistake, so it must show."""
    compare_at = text(variant.get("compareAtPrice"))
    idle = compare_at and not prices(text(variant.get("price")), compare_at)[1]
    return [{"key": "compare_at_price", "value": compare_at}] if idle else []


def _without(node: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != name}


_PRODUCT: dict[str, Source] = {
    "record_key": "id",
    "title": "title",
    "description": "descriptionHtml",
    "brand": "vendor",
    "category": "category.fullName",
    "images": _images,
    "status": lambda product: _STATUS.get(text(product.get("status")), text(product.get("status"))),
    "updated_at": "updatedAt",
}

_ITEM: dict[str, Source] = {
    "record_key": "id",
    "sku": "sku",
    "gtin": "barcode",
    "quantity": _quantity,
    "weight_g": _weight,
}

_ORDER: dict[str, Source] = {
    "record_key": "id",
    "ordered_at": "createdAt",
    "status": "displayFulfillmentStatus",
    "currency": "totalPriceSet.shopMoney.currencyCode",
    "total": "totalPriceSet.shopMoney.amount",
    "buyer_name": "billingAddress.name",
    "email": "email",
    "phone": "phone",
    "ship_name": "shippingAddress.name",
    "ship_street": "shippingAddress.address1",
    "ship_city": "shippingAddress.city",
    "ship_region": lambda order: (
        text(at(order, "shippingAddress.provinceCode")) or text(at(order, "shippingAddress.province"))
    ),
    "ship_postal_code": "shippingAddress.zip",
    "ship_country": lambda order: (
        text(at(order, "shippingAddress.countryCodeV2")) or text(at(order, "shippingAddress.country"))
    ),
    "shipped_at": _shipped,
    "updated_at": "updatedAt",
}

_LINE: dict[str, Source] = {
    "record_key": "id",
    "line_key": "id",
    "sku": "sku",
    "quantity": "quantity",
    "unit_price": "originalUnitPriceSet.shopMoney.amount",
}

_LEVEL: dict[str, Source] = {
    "record_key": "id",
    "location": "location.name",
    "quantity": _available,
    "updated_at": "updatedAt",
}
