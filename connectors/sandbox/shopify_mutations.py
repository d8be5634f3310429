"""What the Shopify twin does when it is written to: checks, partial changes, and errors beside the data.

Every mutation answers ``userErrors`` with the path of the wrong input; nothing is written when there is one, except
where the platform allows partial updates. Messages are close to the platform's; codes are of its enumerations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from graphql import GraphQLError, GraphQLResolveInfo
from graphql.execution.values import get_directive_values

from connectors.sandbox.shopify_order_views import OrderViews, sent_of
from connectors.sandbox.shopify_store import Row, Store, gid, number
from connectors.sandbox.shopify_views import Views, when

__all__ = ["Mutations"]

_LONGEST = 255
_TAGS = 250
_QUANTITY_LIMIT = 1_000_000_000
_REASONS = frozenset(
    [
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_created",
        "movement_updated",
        "movement_received",
        "movement_canceled",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    ]  # noqa: SIM905
)
_PRODUCT_FIELDS = ("descriptionHtml", "productType", "vendor", "status", "handle", "tags")
_ADDRESS_FIELDS = (
    "address1 address2 city company countryCode firstName lastName phone provinceCode zip".split()  # noqa: SIM905
)


def _error(field: list[str], message: str, code: str | None = None) -> Row:
    return {"field": field, "message": message, "code": code}


class Mutations:
    """Root resolvers of the mutations.

    Parameters
    ----------
    store : Store
    views : Views
    orders : OrderViews
    """

    def __init__(self, store: Store, views: Views, orders: OrderViews) -> None:
        self._store = store
        self._orders = orders
        self._views = views
        self._idempotent: dict[str, tuple[str, Row]] = {}

    def resolvers(self) -> dict[str, Callable[..., Any]]:
        """Field of ``Mutation`` to its resolver."""
        return {
            "productUpdate": self.product_update,
            "productVariantsBulkUpdate": self.variants_update,
            "productReorderMedia": self.reorder_media,
            "inventorySetQuantities": self.set_quantities,
            "inventoryItemUpdate": self.item_update,
            "orderUpdate": self.order_update,
            "fulfillmentCreate": self.fulfillment_create,
            "fileUpdate": self.file_update,
            "fileDelete": self.file_delete,
        }

    # ---- products --------------------------------------------------------------------------------------------

    def product_update(
        self, info: GraphQLResolveInfo, product: Row | None = None, media: list[Row] | None = None
    ) -> Row:
        """Change fields of a product; pictures are added, never replaced."""
        data = product or {}
        row = self._store.products.get(number(data.get("id") or "", "Product"))
        if row is None:
            return {"product": None, "userErrors": [_error(["id"], "Product does not exist")]}
        errors = self._product_errors(data, media or [])
        if errors:
            return {"product": self._views.product(row), "userErrors": errors}
        for name in _PRODUCT_FIELDS:
            if name in data:
                row[name] = data[name] if data[name] is not None else ""
        if "tags" in data:
            row["tags"] = sorted(set(data["tags"] or []))
        if "title" in data:
            row["title"] = data["title"].strip()
        if "category" in data:
            row["category"] = data["category"].rpartition("/")[2] if data["category"] else None
        if data.get("seo"):
            row["seo"] = row["seo"] | data["seo"]
        row["media"] += [self._store.upload(one["originalSource"], one.get("alt") or "")["id"] for one in media or []]
        self._store.touch(row)
        return {"product": self._views.product(row), "userErrors": []}

    def _product_errors(self, data: Row, media: list[Row]) -> list[Row]:
        errors = []
        if "title" in data and not (data["title"] or "").strip():
            errors.append(_error(["title"], "Title can't be blank"))
        for name in ("title", "vendor", "productType", "handle"):
            if len(data.get(name) or "") > _LONGEST:
                errors.append(
                    _error([name], f"{name[0].upper()}{name[1:]} is too long (maximum is {_LONGEST} characters)")
                )
        if "status" in data and data["status"] is None:
            errors.append(_error(["status"], "Status can't be blank"))
        if data.get("category") and data["category"].rpartition("/")[2] not in self._store.taxonomy:
            errors.append(_error(["category"], "The specified taxonomy category does not exist"))
        if len(data.get("tags") or []) > _TAGS:
            errors.append(_error(["tags"], f"Tags cannot be more than {_TAGS}"))
        for place, one in enumerate(media):
            if not _fetchable(one["originalSource"]):
                errors.append(_error(["media", str(place), "originalSource"], "Image URL is invalid"))
        return errors

    def variants_update(
        self,
        info: GraphQLResolveInfo,
        productId: str,  # noqa: N803
        variants: list[Row],
        allowPartialUpdates: bool | None = False,  # noqa: N803
    ) -> Row:
        """Change variants of one product; those that are not named stay as they are."""
        product = self._store.products.get(number(productId, "Product"))
        if product is None:
            message = _error(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")
            return {"product": None, "productVariants": None, "userErrors": [message]}
        _at_most(variants, "variants")
        found = [self._variant_errors(product, place, data) for place, data in enumerate(variants)]
        errors = [error for one in found for error in one]
        changed: list[Row] = []
        if not errors or allowPartialUpdates:
            for data, wrong in zip(variants, found, strict=True):
                if not wrong:
                    row = self._store.variants[number(data["id"], "ProductVariant")]
                    self._change_variant(row, data)
                    changed.append(row)
        if changed:
            self._store.touch(product, changed)
        shown = [self._views.variant(row) for row in changed]
        return {
            "product": self._views.product(product),
            "productVariants": shown if changed else None,
            "userErrors": errors,
        }

    def _variant_errors(self, product: Row, place: int, data: Row) -> list[Row]:
        path = ["variants", str(place)]
        if not data.get("id"):
            return [_error([*path, "id"], "Product variant ID must be provided", "PRODUCT_VARIANT_ID_MISSING")]
        if number(data["id"], "ProductVariant") not in product["variants"]:
            return [_error([*path, "id"], "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST")]
        errors = []
        if "price" in data and data["price"] is None:
            errors.append(_error([*path, "price"], "Price can't be blank", "INVALID_VALUE"))
        for name in ("price", "compareAtPrice"):
            if data.get(name) is not None and data[name] < 0:
                errors.append(_error([*path, name], "Price must be greater than or equal to 0", "NEGATIVE_PRICE_VALUE"))
        if data.get("inventoryQuantities"):
            code = "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"
            errors.append(
                _error([*path, "inventoryQuantities"], "Inventory quantities can only be provided during create.", code)
            )
        item = data.get("inventoryItem") or {}
        for name, text in (("barcode", data.get("barcode")), ("sku", item.get("sku"))):
            if len(text or "") > _LONGEST:
                errors.append(
                    _error([*path, name], f"{name} is too long (maximum is {_LONGEST} characters)", "TOO_LONG")
                )
        weight = (item.get("measurement") or {}).get("weight")
        if weight and weight["value"] < 0:
            errors.append(
                _error([*path, "weight"], "Weight must be greater than or equal to 0", "GREATER_THAN_OR_EQUAL_TO")
            )
        return errors

    def _change_variant(self, row: Row, data: Row) -> None:
        if data.get("price") is not None:
            row["price"] = f"{data['price']:.2f}"
        if "compareAtPrice" in data:
            row["compareAtPrice"] = None if data["compareAtPrice"] is None else f"{data['compareAtPrice']:.2f}"
        if "barcode" in data:
            row["barcode"] = data["barcode"]
        for name, column in (("taxable", "taxable"), ("inventoryPolicy", "policy")):
            if data.get(name) is not None:
                row[column] = data[name]
        self._change_item(row, data.get("inventoryItem") or {})

    def _change_item(self, row: Row, data: Row) -> None:
        if "sku" in data:
            row["sku"] = data["sku"] or ""
        for name, column in (("tracked", "tracked"), ("requiresShipping", "requiresShipping")):
            if data.get(name) is not None:
                row[column] = data[name]
        if "cost" in data:
            row["cost"] = None if data["cost"] is None else str(data["cost"])
        if "countryCodeOfOrigin" in data:
            row["origin"] = data["countryCodeOfOrigin"]
        if "harmonizedSystemCode" in data:
            row["harmonizedSystemCode"] = data["harmonizedSystemCode"]
        if "weight" in (data.get("measurement") or {}):
            row["weight"] = data["measurement"]["weight"]

    def item_update(self, info: GraphQLResolveInfo, id: str, input: Row) -> Row:  # noqa: A002
        """Change a stock item."""
        row = next((one for one in self._store.variants.values() if gid("InventoryItem", one["item"]) == id), None)
        if row is None:
            return {
                "inventoryItem": None,
                "userErrors": [_error(["id"], "The product couldn't be updated because it does not exist.")],
            }
        weight = (input.get("measurement") or {}).get("weight")
        if weight and weight["value"] < 0:
            return {
                "inventoryItem": None,
                "userErrors": [_error(["input", "measurement", "weight"], "Weight must be greater than or equal to 0")],
            }
        self._change_item(row, input)
        self._store.touch(self._store.products[row["product"]], [row])
        return {"inventoryItem": self._views.item(row), "userErrors": []}

    # ---- stock -----------------------------------------------------------------------------------------------

    def set_quantities(self, info: GraphQLResolveInfo, input: Row) -> Row:  # noqa: A002
        """Set units at locations, each only if it still holds what the caller believes; repeatable by its key."""
        key = self._key(info)
        wanted = json.dumps(input, sort_keys=True)
        if key in self._idempotent:
            before, answer = self._idempotent[key]
            if before == wanted:
                return answer
            message = "The same idempotency key cannot be used with different operation parameters."
            return _stock_refused(_error(["input"], message, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"))
        errors = self._quantity_errors(input)
        if errors:
            return _stock_refused(*errors)
        changes = []
        by_item = {row["item"]: row for row in self._store.variants.values()}
        for one in input["quantities"]:
            row = by_item[number(one["inventoryItemId"], "InventoryItem")]
            location = number(one["locationId"], "Location")
            delta = one["quantity"] - row["levels"][location]
            row["levels"][location] = one["quantity"]
            self._store.touch(self._store.products[row["product"]], [row])
            changes.append(
                {
                    "name": input["name"],
                    "delta": delta,
                    "quantityAfterChange": one["quantity"],
                    "item": self._views.item(row),
                    "location": self._views.location(self._store.locations[location]),
                }
            )
        group = {
            "id": gid("InventoryAdjustmentGroup", self._store.next_id("InventoryAdjustmentGroup")),
            "createdAt": when(self._store.now()),
            "reason": input["reason"],
            "referenceDocumentUri": input.get("referenceDocumentUri"),
            "changes": lambda info, **_: changes,
        }
        answer = {"inventoryAdjustmentGroup": group, "userErrors": []}
        self._idempotent[key] = (wanted, answer)
        return answer

    def _key(self, info: GraphQLResolveInfo) -> str:
        directive = info.schema.get_directive("idempotent")
        assert directive is not None
        given = get_directive_values(directive, info.field_nodes[0], info.variable_values)
        if not given or not given["key"]:
            message = "The @idempotent directive is required for this mutation but was not provided."
            raise GraphQLError(message, extensions={"code": "BAD_REQUEST"})
        return str(given["key"])

    def _quantity_errors(self, data: Row) -> list[Row]:
        if data["name"] not in ("available", "on_hand"):
            message = "The specified quantity name is not valid: only available and on_hand can be set."
            return [_error(["input", "name"], message, "INVALID_NAME")]
        if data["reason"] not in _REASONS:
            return [_error(["input", "reason"], "The specified reason is invalid.", "INVALID_REASON")]
        _at_most(data["quantities"], "quantities")
        by_item = {row["item"]: row for row in self._store.variants.values()}
        errors, seen = [], set()
        for place, one in enumerate(data["quantities"]):
            path = ["input", "quantities", str(place)]
            row = by_item.get(number(one["inventoryItemId"], "InventoryItem"))
            location = number(one["locationId"], "Location")
            if row is None:
                errors.append(
                    _error(
                        [*path, "inventoryItemId"],
                        "The specified inventory item could not be found.",
                        "INVALID_INVENTORY_ITEM",
                    )
                )
            elif location not in row["levels"]:
                errors.append(
                    _error([*path, "locationId"], "The specified location could not be found.", "INVALID_LOCATION")
                )
            elif (row["item"], location) in seen:
                message = "The combination of inventoryItemId and locationId must be unique."
                errors.append(_error([*path, "locationId"], message, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"))
            elif not -_QUANTITY_LIMIT <= one["quantity"] <= _QUANTITY_LIMIT:
                side = "HIGH" if one["quantity"] > 0 else "LOW"
                errors.append(
                    _error([*path, "quantity"], "The quantity is out of range.", f"INVALID_QUANTITY_TOO_{side}")
                )
            elif "changeFromQuantity" not in one:
                message = "The changeFromQuantity argument is required; null opts out of the comparison."
                errors.append(_error([*path, "changeFromQuantity"], message, "COMPARE_QUANTITY_REQUIRED"))
            elif one["changeFromQuantity"] not in (None, row["levels"][location]):
                message = "The changeFromQuantity argument no longer matches the persisted quantity."
                errors.append(_error([*path, "changeFromQuantity"], message, "CHANGE_FROM_QUANTITY_STALE"))
            if row is not None:
                seen.add((row["item"], location))
        return errors

    # ---- orders ----------------------------------------------------------------------------------------------

    def order_update(self, info: GraphQLResolveInfo, input: Row) -> Row:  # noqa: A002
        """Change an order's contact data; an address is merged, its fields that are not sent stay."""
        row = self._store.orders.get(number(input["id"], "Order"))
        if row is None:
            return {"order": None, "userErrors": [_error(["id"], "Order does not exist")]}
        errors = []
        if input.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", input["email"]):
            errors.append(_error(["email"], "Email is invalid"))
        if input.get("phone") and not re.fullmatch(r"\+?(?:[\s()./-]*\d){5,15}", input["phone"].strip()):
            errors.append(_error(["phone"], "Phone is invalid"))
        address = input.get("shippingAddress") or {}
        for name in _ADDRESS_FIELDS:
            if len(address.get(name) or "") > _LONGEST:
                errors.append(
                    _error(["shippingAddress", name], f"{name} is too long (maximum is {_LONGEST} characters)")
                )
        if errors:
            return {"order": self._orders.order(row), "userErrors": errors}
        for name in ("email", "phone", "note", "poNumber"):
            if name in input:
                row[name] = input[name]
        if "tags" in input:
            row["tags"] = sorted(set(input["tags"] or []))
        if "customAttributes" in input:
            row["attributes"] = input["customAttributes"] or []
        row["shippingAddress"] |= {name: address[name] for name in _ADDRESS_FIELDS if name in address}
        row["updated"] = self._store.now()
        return {"order": self._orders.order(row), "userErrors": []}

    def fulfillment_create(self, info: GraphQLResolveInfo, fulfillment: Row, message: str | None = None) -> Row:
        """Send what is left of an order, or the lines that are named."""
        chosen = fulfillment["lineItemsByFulfillmentOrder"]
        path = ["fulfillment", "lineItemsByFulfillmentOrder"]
        order = self._store.orders.get(number(chosen[0]["fulfillmentOrderId"], "FulfillmentOrder")) if chosen else None
        if order is None or len(chosen) != 1:
            return {"fulfillment": None, "userErrors": [_error(path, "Fulfillment order does not exist.")]}
        sent = sent_of(order)
        left = {str(line["id"]): line["quantity"] - sent.get(str(line["id"]), 0) for line in order["lines"]}
        if order["cancelled"] or not any(left.values()):
            said = "Fulfillment order is not in a fulfillable state."
            return {"fulfillment": None, "userErrors": [_error(path, said)]}
        named = chosen[0].get("fulfillmentOrderLineItems")
        lines = (
            {str(number(one["id"], "FulfillmentOrderLineItem")): one["quantity"] for one in named}
            if named
            else {line: quantity for line, quantity in left.items() if quantity}
        )
        if any(not 0 < quantity <= left.get(line, 0) for line, quantity in lines.items()):
            said = "Invalid fulfillment order line item quantity requested."
            return {"fulfillment": None, "userErrors": [_error(path, said)]}
        tracking = fulfillment.get("trackingInfo") or {}
        number_ = tracking.get("number") or next(iter(tracking.get("numbers") or []), "")
        url = tracking.get("url") or next(iter(tracking.get("urls") or []), None)
        parcel = self._store.parcel(self._store.now(), lines, tracking.get("company") or "", number_, url)
        order["parcels"].append(parcel)
        is_whole = all(quantity <= lines.get(line, 0) for line, quantity in left.items())
        order |= {
            "sent": "FULFILLED" if is_whole else "PARTIALLY_FULFILLED",
            "fulfilled": self._store.now() if is_whole else None,
            "updated": self._store.now(),
        }
        name = f"#{order['number']}.{len(order['parcels'])}"
        return {"fulfillment": self._orders.fulfillment(parcel, name), "userErrors": []}

    # ---- files -----------------------------------------------------------------------------------------------

    def file_update(self, info: GraphQLResolveInfo, files: list[Row]) -> Row:
        """Change pictures, and put them on products or take them off."""
        errors = []
        for place, one in enumerate(files):
            path = ["files", str(place)]
            media = self._store.media.get(number(one["id"], "MediaImage"))
            if media is None:
                errors.append(_error([*path, "id"], f"File id {one['id']} does not exist.", "FILE_DOES_NOT_EXIST"))
            elif media["status"] != "READY":
                errors.append(_error([*path, "id"], "Non-ready files cannot be updated.", "NON_READY_STATE"))
            if one.get("originalSource") and not _fetchable(one["originalSource"]):
                errors.append(_error([*path, "originalSource"], "Image URL is invalid", "INVALID_IMAGE_SOURCE_URL"))
            for name in ("referencesToAdd", "referencesToRemove"):
                for reference in one.get(name) or []:
                    if number(reference, "Product") not in self._store.products:
                        errors.append(
                            _error(
                                [*path, name], "The reference target does not exist.", "REFERENCE_TARGET_DOES_NOT_EXIST"
                            )
                        )
        if errors:
            return {"files": [], "userErrors": errors}
        rows = [self._change_file(one) for one in files]
        return {"files": [self._views.file(row) for row in rows], "userErrors": []}

    def _change_file(self, data: Row) -> Row:
        row = self._store.media[number(data["id"], "MediaImage")]
        if data.get("alt") is not None:
            row["alt"] = data["alt"]
        row["updated"] = self._store.now()
        if data.get("originalSource"):
            row |= {"source": data["originalSource"], "status": "PROCESSING"}
        for reference in data.get("referencesToRemove") or []:
            product = self._store.products[number(reference, "Product")]
            product["media"] = [one for one in product["media"] if one != row["id"]]
            self._store.touch(product)
        for reference in data.get("referencesToAdd") or []:
            product = self._store.products[number(reference, "Product")]
            product["media"] += [] if row["id"] in product["media"] else [row["id"]]
            self._store.touch(product)
        return row

    def file_delete(self, info: GraphQLResolveInfo, fileIds: list[str]) -> Row:  # noqa: N803
        """Delete pictures everywhere."""
        missing = [
            _error(["fileIds", str(place)], f"File id {one} does not exist.", "FILE_DOES_NOT_EXIST")
            for place, one in enumerate(fileIds)
            if number(one, "MediaImage") not in self._store.media
        ]
        if missing:
            return {"deletedFileIds": None, "userErrors": missing}
        gone = {number(one, "MediaImage") for one in fileIds}
        for product in self._store.products.values():
            if gone & set(product["media"]):
                product["media"] = [one for one in product["media"] if one not in gone]
                self._store.touch(product)
        for one in gone:
            del self._store.media[one]
        return {"deletedFileIds": fileIds, "userErrors": []}

    def reorder_media(self, info: GraphQLResolveInfo, id: str, moves: list[Row]) -> Row:  # noqa: A002
        """Move pictures of a product; positions count from 0."""
        product = self._store.products.get(number(id, "Product"))
        if product is None:
            return {
                "job": None,
                "mediaUserErrors": [_error(["id"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")],
            }
        wrong = [
            _error(["moves", str(place), "id"], "Media does not exist", "MEDIA_DOES_NOT_EXIST")
            for place, one in enumerate(moves)
            if number(one["id"], "MediaImage") not in product["media"]
        ]
        if wrong:
            return {"job": None, "mediaUserErrors": wrong}
        for one in moves:
            key = number(one["id"], "MediaImage")
            product["media"].remove(key)
            product["media"].insert(int(one["newPosition"]), key)
        self._store.touch(product)
        return {"job": {"id": gid("Job", self._store.next_id("Job")), "done": True}, "mediaUserErrors": []}


def _stock_refused(*errors: Row) -> Row:
    return {"inventoryAdjustmentGroup": None, "userErrors": list(errors)}


def _at_most(rows: list[Any], name: str) -> None:
    if len(rows) > 250:
        message = f"The input array size of {len(rows)} is greater than the maximum allowed of 250 ({name})"
        raise GraphQLError(message, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})


def _fetchable(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not str(parts.hostname).endswith(".invalid")
