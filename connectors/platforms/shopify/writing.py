"""Changes sent to a Shopify shop.

Only what changes is sent. Before it, the record is read: the two prices depend on each other, a weight keeps the unit
it has, an address is sent whole, images that are there are kept. Shopify answers a refused change with status 200 and
``userErrors``, which are read back to the change they belong to. Where one bad field brings down its neighbours, these
are sent again alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.changes import (
    Change,
    InvalidError,
    Outcome,
    Outcomes,
    Shipment,
    image_addresses,
    outcome_of,
    split_name,
)
from connectors.client import Client
from connectors.errors import PlatformError, RefusedError
from connectors.graphql import GraphQL
from connectors.mapping import at, plain_number, text
from connectors.platform import Connection, Platform
from connectors.platforms.shopify import bulk, documents
from connectors.platforms.shopify.reading import UNITS, Reader, prices
from connectors.remote import Environment, RemoteConnector

__all__ = ["NEEDED_SCOPES", "ShopifyConnector"]

Node = Mapping[str, Any]

_BUSY = ("OPERATION_IN_PROGRESS", "LIMIT_REACHED")
_OPEN = frozenset({"OPEN", "IN_PROGRESS"})

NEEDED_SCOPES = ("read_products", "write_products", "read_orders", "write_orders", "read_inventory", "write_inventory")
"""Scopes without which something of this connector fails. ``write_x`` includes ``read_x``."""

_USEFUL_SCOPES = {
    "read_all_orders": "orders older than 60 days cannot be read",
    "write_files": "images cannot be taken off a product",
    "write_merchant_managed_fulfillment_orders": "parcels cannot be told of",
}

_PRODUCT_FIELDS = {
    "title": "title",
    "description": "descriptionHtml",
    "brand": "vendor",
    "attributes.product_type": "productType",
}
_ADDRESS = {
    "ship_street": "address1",
    "ship_city": "city",
    "ship_region": "provinceCode",
    "ship_postal_code": "zip",
    "ship_country": "countryCode",
}
_PRICES = frozenset({"price", "sale_price"})
_VARIANT_FIELDS = _PRICES | {"sku", "gtin", "weight_g"}

Part = tuple[list[Change], dict[str, Any]]
"""Changes that make sense only together, and the input that makes them."""


class ShopifyConnector(RemoteConnector):
    """One shop."""

    def __init__(
        self,
        platform: Platform,
        connection: Connection,
        client: Client,
        environment: Environment,
        graphql: GraphQL,
        bulk_from: int,
    ) -> None:
        super().__init__(platform, connection, client, environment)
        self._bulk_from = bulk_from
        self._graphql = graphql
        self._reader = Reader(graphql)
        self._categories: dict[str, str] = {}

    def examine(self) -> list[str]:
        """Ask for the shop and for the scopes that the app was granted."""
        shop = self._reader.shop
        granted = {text(one.get("handle")) for one in at(shop, "currentAppInstallation.accessScopes") or []}
        has = granted | {f"read_{one.removeprefix('write_')}" for one in granted if one.startswith("write_")}
        missing = [one for one in NEEDED_SCOPES if one not in has]
        if missing:
            raise self.credential_error(
                f"Scopes are missing: {', '.join(missing)} (needs: {', '.join(NEEDED_SCOPES)}; has: "
                f"{', '.join(sorted(granted)) or 'none'}). Grant them to the app, install it again, and check again."
            )
        lines = [
            f"The shop {text(at(shop, 'shop.name'))!r} answers as {text(at(shop, 'shop.myshopifyDomain'))}; "
            f"its currency is {self._reader.currency}.",
            f"The app has the scopes it needs: {', '.join(NEEDED_SCOPES)}.",
        ]
        return lines + [f"Without {scope}, {what}." for scope, what in _USEFUL_SCOPES.items() if scope not in has]

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Node]]:
        """See `Reader.batches`; a whole catalogue of many products comes by a bulk operation, if none is under way."""
        if kind == "product" and since is None and self._bulk_from <= self._count():
            try:
                yield from bulk.products(self.client, self._graphql)
                return
            except RefusedError as error:
                if not error.words.startswith(_BUSY):
                    raise
        yield from self._reader.batches(kind, since)

    def _count(self) -> int:
        return int(self._graphql.execute(documents.COUNT)["productsCount"]["count"])

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One parcel; a tracking number that the order has already is not told of again."""
        found = self._graphql.execute(documents.FULFILMENT_ORDERS, {"id": shipment.order_key})["order"]
        if found is None:
            raise InvalidError(f"The shop has no order {shipment.order_key!r}.", "missing")
        told = {
            text(one.get("number"))
            for parcel in found["fulfillments"]
            if parcel["status"] != "CANCELLED"
            for one in parcel["trackingInfo"]
        }
        if shipment.tracking_number and shipment.tracking_number in told:
            return Outcome()
        outcome = Outcome("invalid", f"Nothing of order {shipment.order_key!r} is left to be sent.")
        for lines in list(_fulfilments(shipment, found["fulfillmentOrders"]["nodes"])):
            tracking = {"company": shipment.carrier, "number": shipment.tracking_number, "url": shipment.tracking_url}
            body = {"lineItemsByFulfillmentOrder": [lines], "trackingInfo": {k: v for k, v in tracking.items() if v}}
            answer = self._graphql.execute(documents.FULFIL, {"fulfillment": body}, idempotent=False)
            outcome = _refusal(answer["fulfillmentCreate"]["userErrors"])
            if outcome.code:
                break
        return outcome

    def records(self, kind: str, payload: Node) -> Iterator[tuple[str, dict[str, Any]]]:
        """See `Reader.records`."""
        return self._reader.records(kind, payload)

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Node]:
        """See `Reader.nodes`."""
        return self._reader.nodes([key for key, _ in keys])

    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """Read the records, then one request a product and one for its variants, one an order, one a stock level."""
        nodes = {text(node.get("id")): node for node in self._reader.nodes([one.record_key for one in changes])}
        absent = [one for one in changes if one.record_key not in nodes]
        yield {one.correction_id: Outcome("missing", f"The shop has no {one.record_key!r}.") for one in absent}
        groups: dict[str, list[Change]] = {}
        for one in changes:
            node = nodes.get(one.record_key)
            if node is not None:
                owner = text(at(node, "product.id")) if one.kind == "product" and "product" in node else one.record_key
                groups.setdefault(owner, []).append(one)
        for owner, some in groups.items():
            if some[0].kind == "order":
                yield self._write_order(nodes[owner], some)
            elif some[0].kind == "stock":
                yield self._write_stock(nodes[owner], some[-1], some)
            else:
                yield from self._write_product(owner, nodes, some)

    def _write_product(self, product: str, nodes: Mapping[str, Node], changes: Sequence[Change]) -> Iterator[Outcomes]:
        parts: list[Part] = []
        variants: list[Part] = []
        for some in _together(changes):
            node, field = nodes[some[0].record_key], some[0].field
            try:
                if field in _VARIANT_FIELDS:
                    if "product" not in node:
                        raise InvalidError(
                            f"{field} belongs to the variants of this product: change it on each of them."
                        )
                    variants.append((some, {"id": node["id"], **_variant_input(some, node)}))
                elif "product" in node and not at(node, "product.hasOnlyDefaultVariant"):
                    raise InvalidError(f"{field} belongs to the product, not to its variant: change it on {product}.")
                elif field == "images":
                    yield self._write_images(product, node.get("product") or node, some[0])
                else:
                    parts.append((some, self._product_input(some[0])))
            except InvalidError as error:
                yield error.outcomes(some)
            except PlatformError as error:
                yield dict.fromkeys((one.correction_id for one in some), outcome_of(error))
        if parts:
            yield self._send(parts, lambda some: self._update_product(product, some))
        if variants:
            yield self._send(variants, lambda some: self._update_variants(product, some))

    def _send(self, parts: Sequence[Part], send: Callable[[Sequence[Part]], Outcomes]) -> Outcomes:
        """Send all together; the parts that were refused again alone, if they had company."""
        try:
            outcomes = send(parts)
        except PlatformError as error:
            outcomes = dict.fromkeys((one.correction_id for some, _ in parts for one in some), outcome_of(error))
        refused = [part for part in parts if any(outcomes[one.correction_id].code for one in part[0])]
        if len(parts) > 1:
            for part in refused:
                outcomes |= self._send([part], send)
        return outcomes

    def _update_product(self, product: str, parts: Sequence[Part]) -> Outcomes:
        body = {"id": product}
        for _, piece in parts:
            body |= piece
        answer = self._graphql.execute(documents.PRODUCT_UPDATE, {"product": body})
        refusal = _refusal(answer["productUpdate"]["userErrors"])
        return {one.correction_id: refusal for some, _ in parts for one in some}

    def _update_variants(self, product: str, parts: Sequence[Part]) -> Outcomes:
        by_variant: dict[str, dict[str, Any]] = {}
        for _, piece in parts:
            whole = by_variant.setdefault(piece["id"], {})
            item = {**whole.get("inventoryItem", {}), **piece.get("inventoryItem", {})}
            whole |= piece | ({"inventoryItem": item} if item else {})
        answer = self._graphql.execute(
            documents.VARIANTS_UPDATE, {"productId": product, "variants": list(by_variant.values())}
        )
        position = {key: str(index) for index, key in enumerate(by_variant)}
        errors = answer["productVariantsBulkUpdate"]["userErrors"]
        return {
            one.correction_id: _refusal(error for error in errors if _concerns(error, position[piece["id"]]))
            for some, piece in parts
            for one in some
        }

    def _product_input(self, change: Change) -> dict[str, Any]:
        if change.field != "category":
            return {_PRODUCT_FIELDS[change.field]: change.value}
        return {"category": self._category(change.value) if change.value else None}

    def _category(self, name: str) -> str:
        """Identifier of the category with that full name in Shopify's taxonomy."""
        if name.startswith("gid://shopify/TaxonomyCategory/"):
            return name
        cursor: str | None = None
        while name not in self._categories:
            variables = {"search": name.rpartition(" > ")[2], "after": cursor}
            found = self._graphql.execute(documents.TAXONOMY, variables)["taxonomy"]["categories"]
            self._categories |= {one["fullName"]: one["id"] for one in found["nodes"] if not one["isArchived"]}
            following = found["pageInfo"]["endCursor"] if found["pageInfo"]["hasNextPage"] else None
            if following is None or following == cursor:
                break
            cursor = following
        if name not in self._categories:
            raise InvalidError(
                f"Shopify's product taxonomy has no category {name!r}. Give the full name of one, such as "
                "'Apparel & Accessories > Clothing'.",
                "unknown_value",
            )
        return self._categories[name]

    def _write_images(self, product: str, node: Node, change: Change) -> Outcomes:
        """Add the new images, take off those no longer wanted, and put them in order."""
        wanted = image_addresses(change.value)
        media = node["media"]["nodes"]
        known = {text(at(one, "image.url")): one["id"] for one in media if at(one, "image.url")}
        new = [one for one in wanted if one not in known]
        order = [one["id"] for one in media]
        if new:
            body = [{"originalSource": one, "mediaContentType": "IMAGE"} for one in new]
            # Sent twice, the product would hold the images twice.
            answer = self._graphql.execute(
                documents.PRODUCT_UPDATE, {"product": {"id": product}, "media": body}, idempotent=False
            )["productUpdate"]
            if answer["userErrors"]:
                return {change.correction_id: _refusal(answer["userErrors"])}
            added = [one["id"] for one in answer["product"]["media"]["nodes"] if one["id"] not in order]
            known |= dict(zip(new, added, strict=False))
            order += added
        dropped = [key for url, key in known.items() if url not in wanted]
        if dropped:
            files = [{"id": key, "referencesToRemove": [product]} for key in dropped]
            errors = self._graphql.execute(documents.MEDIA_REMOVE, {"files": files})["fileUpdate"]["userErrors"]
            if errors:
                return {change.correction_id: _refusal(errors)}
        kept = [key for key in order if key not in dropped]
        images = [known[url] for url in wanted if url in known]
        goal = images + [key for key in kept if key not in images]
        if goal != kept:
            moves = [{"id": key, "newPosition": str(place)} for place, key in enumerate(goal)]
            answer = self._graphql.execute(documents.MEDIA_REORDER, {"id": product, "moves": moves})
            return {change.correction_id: _refusal(answer["productReorderMedia"]["mediaUserErrors"])}
        return {change.correction_id: Outcome()}

    def _write_order(self, node: Node, changes: Sequence[Change]) -> Outcomes:
        outcomes: Outcomes = {}
        parts: list[Part] = [([one], {one.field: one.value}) for one in changes if one.field in {"email", "phone"}]
        address, current = [], node.get("shippingAddress")
        for one in changes:
            if one.field not in {"email", "phone"}:
                try:
                    _address_input([one], current)
                    address.append(one)
                except InvalidError as error:
                    outcomes |= error.outcomes([one])
        if address:
            parts.append((address, {"shippingAddress": _address_input(address, current)}))

        def send(some: Sequence[Part]) -> Outcomes:
            body = {"id": node["id"]}
            for _, piece in some:
                body |= piece
            answer = self._graphql.execute(documents.ORDER_UPDATE, {"input": body})
            refusal = _refusal(answer["orderUpdate"]["userErrors"])
            return {one.correction_id: refusal for group, _ in some for one in group}

        return outcomes | (self._send(parts, send) if parts else {})

    def _write_stock(self, level: Node, change: Change, asked: Sequence[Change]) -> Outcomes:
        """Set the quantity if it is still what it was when the correction was made."""
        try:
            quantity, before = _whole(change.value, "quantity"), _whole(change.before, "the former quantity")
            answer = self._graphql.execute(
                documents.INVENTORY_SET,
                {
                    "input": {
                        "name": "available",
                        "reason": "correction",
                        "quantities": [
                            {
                                "inventoryItemId": level["item"]["id"],
                                "locationId": level["location"]["id"],
                                "quantity": quantity,
                                "changeFromQuantity": before,
                            }
                        ],
                    },
                    # One key for all tries of this call: a try whose answer was lost is not carried out again.
                    "key": str(uuid.uuid4()),
                },
            )
        except InvalidError as error:
            return error.outcomes(asked)
        except PlatformError as error:
            return dict.fromkeys((one.correction_id for one in asked), outcome_of(error))
        refusal = _refusal(answer["inventorySetQuantities"]["userErrors"])
        if refusal.code == "CHANGE_FROM_QUANTITY_STALE":
            refusal = Outcome("conflict", f"The quantity is no longer {change.before}: {refusal.message}")
        return dict.fromkeys((one.correction_id for one in asked), refusal)


def _fulfilments(shipment: Shipment, orders: Sequence[Node]) -> Iterator[dict[str, Any]]:
    """What of each open fulfilment order goes into the parcel.

    Raises
    ------
    InvalidError
        When a line is not there, or less of it is left than the parcel holds.
    """
    wanted = {one.line_key: one.quantity for one in shipment.lines}
    for order in orders:
        if order["status"] not in _OPEN:
            continue
        taken = []
        for item in order["lineItems"]["nodes"]:
            line, left = text(at(item, "lineItem.id")), item["remainingQuantity"]
            if left < 1 or (shipment.lines and line not in wanted):
                continue
            quantity = left if not shipment.lines else min(left, wanted[line] if wanted[line] is not None else left)
            if shipment.lines:
                rest = None if wanted[line] is None else wanted[line] - quantity
                wanted = {**wanted, line: rest} if rest else {k: v for k, v in wanted.items() if k != line}
            taken.append({"id": item["id"], "quantity": quantity})
        if taken:
            yield {"fulfillmentOrderId": order["id"], "fulfillmentOrderLineItems": taken}
    if wanted:
        raise InvalidError(
            f"Of order {shipment.order_key!r} these lines are not there, or not so many units are left: {', '.join(wanted)}."
        )


def _together(changes: Sequence[Change]) -> list[list[Change]]:
    """The two prices of one record in one list, every other change alone."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for one in changes:
        groups.setdefault((one.record_key, "prices" if one.field in _PRICES else one.correction_id), []).append(one)
    return list(groups.values())


def _variant_input(changes: Sequence[Change], variant: Node) -> dict[str, Any]:
    change = changes[0]
    if change.field in _PRICES:
        return _price_input({one.field: one.value for one in changes}, variant)
    if change.field == "gtin":
        return {"barcode": change.value}
    if change.field == "sku":
        return {"inventoryItem": {"sku": change.value}}
    unit = text(at(variant, "inventoryItem.measurement.weight.unit")) or "GRAMS"
    amount = UNITS[unit].from_canonical(change.value or "0") if unit in UNITS else None
    if amount is None or amount.startswith("-"):
        raise InvalidError(f"weight_g {change.value!r} is not a plain number of grams, such as 1300 or 12.5.")
    return {"inventoryItem": {"measurement": {"weight": {"value": float(amount), "unit": unit}}}}


def _price_input(new: Mapping[str, str], variant: Node) -> dict[str, Any]:
    """``price`` and ``compareAtPrice`` for the two canonical prices; the reverse of `reading.prices`."""
    crossed_out = text(variant.get("compareAtPrice"))
    regular_now, sale_now = prices(text(variant.get("price")), crossed_out)
    regular, sale = new.get("price", regular_now), new.get("sale_price", sale_now)
    for name, value in (("price", regular), ("sale_price", sale)):
        number = plain_number(value)
        if (value or name == "price") and (number is None or number < 0):
            raise InvalidError(f"{name} {value!r} is not a plain decimal number with a point, such as 12.50.")
    if sale:
        if plain_number(sale) >= plain_number(regular):  # type: ignore[operator]
            raise InvalidError(
                f"The reduced price {sale!r} is not below the regular price {regular!r}. Change both together."
            )
        return {"price": sale, "compareAtPrice": regular}
    if sale_now:
        return {"price": regular, "compareAtPrice": None}
    if prices(regular, crossed_out)[1]:
        raise InvalidError(
            f"The variant's compare-at price {crossed_out} would be above the new price {regular}, so that it would look "
            "reduced. Clear the compare-at price in the shop first, or set price and sale_price."
        )
    return {"price": regular}


def _address_input(changes: Sequence[Change], current: Any) -> dict[str, Any]:
    """The whole address with the changes in it: what is left out may be emptied."""
    if not isinstance(current, Mapping):
        raise InvalidError("The order has no shipping address, so no part of it can be changed.")
    kept = ("address1", "address2", "city", "company", "firstName", "lastName", "phone", "provinceCode", "zip")
    whole = {name: current.get(name) for name in kept} | {"countryCode": current.get("countryCodeV2")}
    for one in changes:
        if one.field == "ship_name":
            first, last = split_name(one.value, text(current.get("firstName")), text(current.get("lastName")))
            whole |= {"firstName": first, "lastName": last}
        elif one.field == "ship_country" and not re.fullmatch("[A-Z]{2}", one.value):
            raise InvalidError(f"ship_country {one.value!r} is not a country code of two capital letters, such as DE.")
        elif one.field == "ship_region" and not re.fullmatch("[A-Z0-9-]{0,6}", one.value):
            raise InvalidError(f"ship_region {one.value!r} is not the code of a province or state, such as CA.")
        else:
            whole[_ADDRESS[one.field]] = one.value
    return {name: value for name, value in whole.items() if value is not None}


def _whole(value: str, what: str) -> int:
    if not re.fullmatch(r"-?\d{1,10}", value):
        raise InvalidError(f"{what} {value!r} is not a whole number.")
    return int(value)


def _concerns(error: Node, index: str) -> bool:
    """Whether a user error is about the variant at that place; one that names none is about all."""
    path = [str(step) for step in error.get("field") or []]
    numbers = [step for step in path if step.isdigit()]
    return not numbers or numbers[0] == index


def _refusal(errors: Iterable[Node]) -> Outcome:
    found = list(errors)
    if not found:
        return Outcome()
    words = "; ".join(
        f"{'.'.join(str(step) for step in one.get('field') or [])}: {one.get('message', '')}".lstrip(": ")
        for one in found
    )
    return Outcome(text(found[0].get("code")) or "refused", words)
