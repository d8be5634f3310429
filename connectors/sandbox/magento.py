"""The offline twin of a Magento shop, written from the fact sheet and Adobe's description of 2.4.9, not from the connector."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from connectors.sandbox.magento_search import Criteria, cut
from connectors.sandbox.magento_store import SELECTS, TEXTS, Shop, plain, shown_product
from connectors.sandbox.routes import Call, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document
from connectors.sandbox.woocommerce_auth import base_string

__all__ = ["TWIN"]

_CATALOGUE, _CATEGORIES, _ATTRIBUTES = (
    "Magento_Catalog::products",
    "Magento_Catalog::categories",
    "Magento_Catalog::attributes_attributes",
)
_STOCK, _ORDERS, _SHIP = "Magento_InventoryApi::source", "Magento_Sales::sales", "Magento_Sales::ship"
_STORE, _BULK = "Magento_Backend::store", "Magento_AsynchronousOperations::logging"
_VIEWS = {"all": 0, "default": 1, "de": 2}
_SAVED, _AGAIN, _FAILED, _OPEN = 1, 2, 3, 4
_AHEAD_S = 600
_LIST_LIMIT, _PAGE_LIMIT = 20, 300
_OPTIONAL_POSTCODE = ("HK", "IE", "MO", "PA")
_ADDRESS_NEEDS = {"postcode": "Zip code", "lastname": "Last name", "street": "Street", "city": "City", "email": "Email", "country_id": "Country", "firstname": "First Name", "telephone": "Phone Number"}  # fmt: skip


class MagentoTwin(RoutedTwin):
    """A shop of 2.4.9 with two store views, one website and one source.

    Parameters
    ----------
    bearer : bool
        Whether the merchant allows access tokens as bearer tokens; off since 2.4.4.
    consumer_runs : bool
        Whether the consumer of asynchronous operations runs; where it does not, they stay open for ever.
    input_limits : bool
        Whether lists of one call and pages are limited; off by default.
    lacks : sequence of str
        Resources that the integration was not given.
    weight_unit : {"kgs", "lbs"}
    """

    name = "magento"
    state: Shop
    absent_key = "999999999999"
    new_values = {
        "attributes.short_description": "A short word",
        "attributes.meta_title": "A title for search engines",
        "attributes.meta_description": "A description for search engines",
    }

    def __init__(
        self,
        *,
        bearer: bool = False,
        consumer_runs: bool = True,
        input_limits: bool = False,
        lacks: Sequence[str] = (),
        weight_unit: str = "kgs",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.bearer = bearer
        self.consumer_runs = consumer_runs
        self.input_limits = input_limits
        self.lacks = frozenset(lacks)
        self.weight_unit = weight_unit
        self.deadlocks: set[str] = set()
        """SKUs whose next save within a bulk fails and may be tried again."""
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
        self._keys = {name: self._secrets.randbytes(16).hex() for name in names}
        self._nonces: set[str] = set()
        self._count = itertools.count()
        self._bulks: dict[str, Document] = {}

    # ---- who is asking ---------------------------------------------------------------------------------------------

    @property
    def credentials(self) -> dict[str, str]:
        return {"store_url": self.base_url, **self._keys}

    def greeting(self) -> Incoming:
        path = "/rest/all/V1/store/storeViews"
        stated = {
            "oauth_consumer_key": self._keys["consumer_key"],
            "oauth_nonce": f"greeting-{next(self._count)}",
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self.clock().timestamp())),
            "oauth_token": self._keys["access_token"],
        }
        stated["oauth_signature"] = self.signature("GET", f"{self.base_url}{path}", list(stated.items()))
        header = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in stated.items())
        return Incoming("GET", path, (), {"authorization": f"OAuth {header}"}, b"")

    def signature(self, method: str, url: str, parameters: list[tuple[str, str]]) -> str:
        """What OAuth 1.0a makes of a call with HMAC-SHA256, the only method that is taken."""
        key = f"{self._keys['consumer_secret']}&{self._keys['access_token_secret']}"
        text = base_string(method, url, parameters)
        return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()

    def unauthorised(self) -> Answer:
        return _refused(401, "The consumer isn't authorized to access %resources.", resources=_CATALOGUE)

    def identify(self, call: Call) -> Answer | None:
        scheme, _, rest = call.incoming.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            is_known = rest == self._keys["access_token"] and self.bearer
            return None if is_known else self.unauthorised()
        if scheme != "OAuth":
            return self.unauthorised()
        pairs = (part.strip().partition("=") for part in rest.split(","))
        stated = {name: unquote(value.strip('"')) for name, _, value in pairs}
        given = stated.pop("oauth_signature", "")
        if (stated.get("oauth_consumer_key"), stated.get("oauth_token")) != (
            self._keys["consumer_key"],
            self._keys["access_token"],
        ):
            return _refused(401, "The consumer or its token is unknown.")
        if stated.get("oauth_signature_method") != "HMAC-SHA256":
            return _refused(400, "The signature method is not supported.")
        if int(stated.get("oauth_timestamp") or 0) > self.clock().timestamp() + _AHEAD_S:
            return _refused(400, "The timestamp lies in the future.")
        if stated.get("oauth_nonce") in self._nonces:
            return _refused(401, "The nonce is already being used by the consumer.")
        url = f"http://{call.incoming.headers.get('host', '')}{call.incoming.path}"
        signed = self.signature(call.incoming.method, url, [*call.incoming.query, *stated.items()])
        if not hmac.compare_digest(signed, given):
            return _refused(401, "The signature is invalid. Verify and try again.")
        self._nonces.add(stated["oauth_nonce"])
        return None

    def meter(self, call: Call, operation: str) -> Answer | None:
        if operation in self.lacks:
            return _refused(401, "The consumer isn't authorized to access %resources.", resources=operation)
        if call.args and call.args[0] not in _VIEWS:
            return _refused(404, "Requested store is not found")
        return None

    def not_found(self, call: Call) -> Answer:
        if "%2F" in call.incoming.path.upper():
            return Answer(404, b"<html><body><h1>Not Found</h1></body></html>", {"content-type": "text/html"})
        return _refused(404, "Request does not match any route.")

    def wrong_method(self, call: Call) -> Answer:
        return self.not_found(call)

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _refused(400, f"Decoding error: {error}")

    def answer(self, incoming: Incoming) -> Answer:
        """A web server with its usual settings lets no encoded slash through to Magento."""
        return self.not_found(Call(incoming)) if "%2F" in incoming.path.upper() else super().answer(incoming)

    # ---- the shop --------------------------------------------------------------------------------------------------

    @route("GET", r"/rest/(\w+)/V1/store/storeConfigs", operation=_STORE)
    def _configs(self, call: Call) -> Answer:
        names = ("base_url", "base_link_url", "base_static_url", "base_media_url")
        own = {name: f"https://shop.example.com/{'media/' if 'media' in name else ''}" for name in names}
        shared = {
            "website_id": 1,
            "locale": "de_DE",
            "base_currency_code": "EUR",
            "default_display_currency_code": "EUR",
            "timezone": "Europe/Berlin",
            "weight_unit": self.weight_unit,
        }
        shared |= own | {f"secure_{name}": value for name, value in own.items()}
        return _json([shared | {"id": number, "code": code} for code, number in _VIEWS.items() if number])

    @route("GET", r"/rest/(\w+)/V1/store/storeViews", operation=_STORE)
    def _views(self, call: Call) -> Answer:
        rows = [{"id": number, "code": code, "name": code.title()} for code, number in _VIEWS.items()]
        return _json([one | {"website_id": 1, "store_group_id": 1, "is_active": 1} for one in rows])

    @route("GET", r"/rest/(\w+)/V1/categories", operation=_CATEGORIES)
    def _tree(self, call: Call) -> Answer:
        root = {"id": 1, "parent_id": 0, "name": "Root Catalog", "is_active": True, "position": 0, "level": 0}
        return _json(root | {"product_count": 0, "children_data": self._below(None, 1)})

    def _below(self, parent: str | None, level: int) -> list[Document]:
        rows = self.state.collections["categories"]
        return [
            {
                "id": int(key),
                "parent_id": int(parent or 1),
                "name": one["name"],
                "is_active": True,
                "position": 1,
                "level": level,
                "product_count": 0,
                "children_data": self._below(key, level + 1),
            }
            for key, one in rows.items()
            if one["parent"] == parent
        ]

    @route("GET", r"/rest/(\w+)/V1/products/attributes/([^/]+)", operation=_ATTRIBUTES)
    def _attribute(self, call: Call) -> Answer:
        code = call.args[1]
        if code not in TEXTS | SELECTS | {"tax_class_id"}:
            message = 'The attribute with a "%1" attributeCode doesn\'t exist. Verify the attribute and try again.'
            return _refused(404, message.replace("%1", code))
        known = {"2": "Taxable Goods"} if code == "tax_class_id" else self.state.collections["options"].get(code, {})
        options = [{"label": " ", "value": ""}] + [{"label": label, "value": key} for key, label in known.items()]
        is_select = code not in TEXTS
        return _json(
            {
                "attribute_code": code,
                "attribute_id": 100 + sorted(TEXTS | SELECTS | {code}).index(code),
                "frontend_input": "select" if is_select else "text",
                "entity_type_id": "4",
                "is_required": False,
                "frontend_labels": [],
                "default_frontend_label": code,
                "options": options if is_select else [],
            }
        )

    # ---- lists -----------------------------------------------------------------------------------------------------

    def _search(self, call: Call, rows: Sequence[Document], shown: Any) -> Answer:
        criteria = Criteria(call.incoming.query)
        if not criteria.is_given:
            return _refused(400, '"%fieldName" is required. Enter and try again.', fieldName="searchCriteria")
        if self.input_limits and criteria.size > _PAGE_LIMIT:
            return _refused(400, f"Maximum SearchCriteria pageSize is {_PAGE_LIMIT}")
        found = criteria.chosen(rows, _value)
        items = [shown(row) for row in self.window(found, *criteria.bounds(len(found)))]
        whole = {"items": items, "search_criteria": criteria.shown(), "total_count": len(found)}
        return _json(cut(whole, call.query.get("fields", "")))

    @route("GET", r"/rest/(\w+)/V1/products", operation=_CATALOGUE)
    def _products(self, call: Call) -> Answer:
        rows = list(self.state.products.values())
        return self._search(call, rows, lambda row: shown_product(row, call.args[0]))

    @route("GET", r"/rest/(\w+)/V1/orders", operation=_ORDERS)
    def _orders(self, call: Call) -> Answer:
        return self._search(call, list(self.state.orders.values()), plain)

    @route("GET", r"/rest/(\w+)/V1/shipments", operation=_ORDERS)
    def _shipments(self, call: Call) -> Answer:
        return self._search(call, list(self.state.collections["shipments"].values()), plain)

    @route("GET", r"/rest/(\w+)/V1/inventory/source-items", operation=_STOCK)
    def _source_items(self, call: Call) -> Answer:
        names = ("sku", "source_code", "quantity", "status")
        rows = list(self.state.collections["stock"].values())
        return self._search(call, rows, lambda row: {name: row[name] for name in names})

    # ---- products --------------------------------------------------------------------------------------------------

    @route("GET PUT", r"/rest/(\w+)/V1/products/([^/]+)", operation=_CATALOGUE)
    def _one_product(self, call: Call) -> Answer:
        view, sku = call.args
        if call.incoming.method == "PUT":
            return _json(shown_product(self._save(view, call.json["product"] | {"sku": sku}), view))
        row = self.state.products.get(sku)
        if row is None:
            return _refused(404, "The product that was requested doesn't exist. Verify the product and try again.")
        return _json(shown_product(row, view))

    @route("POST", r"/rest/(\w+)/V1/products", operation=_CATALOGUE)
    def _post_product(self, call: Call) -> Answer:
        return _json(shown_product(self._save(call.args[0], call.json["product"]), call.args[0]))

    def _save(self, view: str, body: Document) -> Document:
        """One save for all routes: an unknown SKU makes a product, an unknown attribute is dropped."""
        sku = str(body.get("sku", "")).strip()
        row = self.state.products.get(sku)
        needed = {"name": "Product Name", "price": "Price"} if row is None else {"name": "Product Name"}
        for name, label in needed.items():
            if (row is None or name in body) and body.get(name) in (None, ""):
                raise Refusal(
                    _refused(400, f'The "{label}" attribute value is empty. Set the attribute and try again.')
                )
        if len(sku) > 64:
            raise Refusal(_refused(400, "SKU length should be 64 characters maximum."))
        if body.get("price") is not None and float(body["price"]) < 0:
            raise Refusal(_refused(400, 'The value of attribute "price" must be 0 or greater.'))
        if row is None:
            row = self._made(sku, body)
        links = (body.get("extension_attributes") or {}).get("category_links")
        if unknown := [
            one["category_id"]
            for one in links or ()
            if str(one["category_id"]) not in self.state.collections["categories"]
        ]:
            raise Refusal(_refused(404, f"No such entity with id = {unknown[0]}"))
        customs = {one["attribute_code"]: one["value"] for one in body.get("custom_attributes") or ()}
        customs = {code: str(value) for code, value in customs.items() if code in TEXTS | SELECTS}
        if customs.get("special_price") and not row["custom_attributes"].get("special_from_date"):
            customs["special_from_date"] = self.state.now().strftime("%Y-%m-%d 00:00:00")
        row |= {name: body[name] for name in ("price", "status", "visibility") if body.get(name) is not None}
        if body.get("weight") is not None:
            row["weight"] = round(float(body["weight"]), 6)
        if links is not None:
            row["extension_attributes"]["category_links"] = links
        own = row if view == "all" else row.setdefault("views", {}).setdefault(view, {"custom_attributes": {}})
        if "name" in body:
            own["name"] = body["name"][:255]
        own["custom_attributes"] = {
            code: value for code, value in (own["custom_attributes"] | customs).items() if value or view != "all"
        }
        row["updated_at"] = self.state.later(row["updated_at"])
        return row

    def _made(self, sku: str, body: Document) -> Document:
        now = self.state.now()
        row: Document = {
            "id": self.state.next_number("product", 11),
            "sku": sku,
            "name": body["name"],
            "attribute_set_id": body.get("attribute_set_id", 4),
            "price": body["price"],
            "status": 1,
            "visibility": 4,
            "type_id": body.get("type_id", "simple"),
            "created_at": now,
            "updated_at": now,
            "extension_attributes": {"website_ids": [1], "category_links": []},
            "product_links": [],
            "options": [],
            "media_gallery_entries": [],
            "tier_prices": [],
            "custom_attributes": {},
        }
        self.state.products[sku] = row
        return row

    # ---- lists of prices and of stock ------------------------------------------------------------------------------

    @route("POST", r"/rest/(\w+)/V1/products/(base-prices|special-price)", operation=_CATALOGUE)
    def _prices(self, call: Call) -> Answer:
        rows = call.json["prices"]
        self._limited(rows, "prices")
        return _json([failed for one in rows if (failed := self._price(call.args[1], one))])

    def _price(self, route_: str, one: Document) -> Document | None:
        """What is wrong with a row of a list of prices; None when it is stored."""
        row, where = self.state.products.get(one["sku"]), "Row ID: SKU = %SKU, Store ID: %storeId."
        last = [one["sku"], str(one["store_id"])]
        if row is None:
            message = f"The product that was requested doesn't exist. Verify the product and try again. {where}"
            return {"message": message, "parameters": last}
        dates = {name: one.get(name, "") for name in ("price_from", "price_to")} if route_ == "special-price" else {}
        wrong = [(name, value) for name, value in dates.items() if not value]
        wrong += [("Price", str(one["price"]))] if float(one["price"]) < 0 else []
        if wrong:
            return {"message": f"Invalid attribute %fieldName = %fieldValue. {where}", "parameters": [*wrong[0], *last]}
        if route_ == "base-prices":
            row["price"] = one["price"]
        else:
            names = {"special_from_date": one["price_from"], "special_to_date": one["price_to"]}
            row["custom_attributes"] |= {"special_price": f"{float(one['price']):.6f}"} | names
        row["updated_at"] = self.state.later(row["updated_at"])
        return None

    @route("POST", r"/rest/(\w+)/V1/inventory/source-items", operation=_STOCK)
    def _save_source_items(self, call: Call) -> Answer:
        rows = call.json["sourceItems"]
        self._limited(rows, "sourceItems")
        if unknown := sorted({one["source_code"] for one in rows if one["source_code"] != "default"}):
            error = {"message": f'Source "{unknown[0]}" does not exist.', "parameters": []}
            return Answer.json(400, {"message": "Validation Failed", "errors": [error], "parameters": []})
        for one in rows:
            key = f"{one['source_code']}/{one['sku']}"
            known = self.state.collections["stock"].setdefault(
                key, {"source_item_id": self.state.next_number("product", 11), "status": 1}
            )
            known |= {name: one[name] for name in ("sku", "source_code", "quantity", "status") if name in one}
        # A live shop answers an empty list, for which Adobe's description has no place.
        return Answer(200)

    def _limited(self, rows: Sequence[Any], name: str) -> None:
        if self.input_limits and len(rows) > _LIST_LIMIT:
            raise Refusal(_refused(400, f'Maximum items of type "{name}" is {_LIST_LIMIT}'))

    # ---- bulks -----------------------------------------------------------------------------------------------------

    @route("PUT", r"/rest/(\w+)/async/bulk/V1/products/bySku", operation=_CATALOGUE)
    def _bulk(self, call: Call) -> Answer:
        number = str(uuid.UUID(int=self._secrets.getrandbits(128), version=4))
        items, operations = [], []
        for place, one in enumerate(call.json):
            is_good = isinstance(one.get("product"), Mapping)
            item = {"id": place, "data_hash": hashlib.sha256(json.dumps(one).encode()).hexdigest()}
            refused = {"status": "rejected", "error_message": "Error processing %d element of input data"}
            items.append(item | ({"status": "accepted"} if is_good else refused))
            if is_good:
                operations.append({"id": place, "product": one["product"], "status": _OPEN, "result_message": ""})
        self._bulks[number] = {"view": call.args[0], "operations": operations, "asked": 0}
        return _json({"bulk_uuid": number, "request_items": items, "errors": len(items) != len(operations)}, 202)

    @route("GET", r"/rest/(\w+)/V1/bulk/([^/]+)/detailed-status", operation=_BULK)
    def _bulk_state(self, call: Call) -> Answer:
        bulk = self._bulks.get(call.args[1])
        if bulk is None:
            return _refused(404, "Bulk uuid not exist")
        bulk["asked"] += 1
        if self.consumer_runs and bulk["asked"] > 1:
            for one in bulk["operations"]:
                self._run(bulk["view"], one)
        rows = [
            {
                "id": one["id"],
                "bulk_uuid": call.args[1],
                "topic_name": "async.magento.catalog.api.productrepositoryinterface.save.put",
                "serialized_data": json.dumps({"meta_information": json.dumps({"product": one["product"]})}),
                "result_serialized_data": "",
                "status": one["status"],
                "result_message": one["result_message"],
                "error_code": 0,
            }
            for one in bulk["operations"]
        ]
        about = {"bulk_id": call.args[1], "description": "Topic", "start_time": plain(self.state.now())}
        return _json({"operations_list": rows, "user_type": 1, "user_id": 1, "operation_count": len(rows), **about})

    def _run(self, view: str, operation: Document) -> None:
        if operation["status"] != _OPEN:
            return
        sku = operation["product"].get("sku", "")
        if sku in self.deadlocks:
            self.deadlocks.discard(sku)
            operation |= {"status": _AGAIN, "result_message": "SQLSTATE[40001]: Deadlock found when trying to get lock"}
            return
        try:
            self._save(view, operation["product"])
            operation |= {"status": _SAVED, "result_message": "Service execution success"}
        except Refusal as refusal:
            operation |= {"status": _FAILED, "result_message": json.loads(refusal.answer.body)["message"]}

    # ---- orders ----------------------------------------------------------------------------------------------------

    @route("GET", r"/rest/(\w+)/V1/orders/(\d+)", operation=_ORDERS)
    def _one_order(self, call: Call) -> Answer:
        return _json(plain(self._order(call.args[1])))

    @route("PUT", r"/rest/(\w+)/V1/orders/(\d+)", operation=_ORDERS)
    def _save_address(self, call: Call) -> Answer:
        """An address with its number is saved, one without becomes a further one; the order's own time stays."""
        order, entity = self._order(call.args[1]), call.json["entity"] | {"parent_id": int(call.args[1])}
        missing = [
            label
            for name, label in _ADDRESS_NEEDS.items()
            if not entity.get(name) and not (name == "postcode" and entity.get("country_id") in _OPTIONAL_POSTCODE)
        ]
        if missing:
            lines = "\n".join(f'"{one}" is required. Enter and try again.' for one in missing)
            return _refused(400, f"We can't save the address:\n{lines}")
        shipping = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        for known in (shipping, order["billing_address"]):
            if known["entity_id"] == entity.get("entity_id"):
                known |= entity | {"country_id": entity["country_id"][:2]}
                return _json(known)
        return _json(entity | {"entity_id": self.state.next_number("address")})

    @route("POST", r"/rest/(\w+)/V1/order/(\d+)/ship", operation=_SHIP)
    def _ship(self, call: Call) -> Answer:
        order, body = self._order(call.args[1]), call.json
        if order["state"] != "processing":
            return _refused(400, f"A shipment cannot be created when an order has a status of {order['status']}")
        source = ((body.get("arguments") or {}).get("extension_attributes") or {}).get("source_code")
        if source != "default":
            return _refused(400, f'Source with code "{source or ""}" does not exist.')
        lines = {one["item_id"]: one for one in order["items"]}
        for one in body.get("items") or ():
            line = lines.get(one["order_item_id"])
            if line is None or one["qty"] > line["qty_ordered"] - line["qty_shipped"]:
                return _refused(400, "The shipment has more of a line than is left.")
        for one in body.get("items") or ():
            lines[one["order_item_id"]]["qty_shipped"] += one["qty"]
        if all(one["qty_shipped"] >= one["qty_ordered"] for one in order["items"] if "parent_item_id" not in one):
            order |= {"state": "complete", "status": "complete"}
        order["updated_at"] = self.state.later(order["updated_at"])
        return _json(self.state.ship(call.args[1], body.get("tracks") or [], self.state.now()))

    def _order(self, key: str) -> Document:
        row = self.state.orders.get(key)
        if row is None:
            raise Refusal(
                _refused(404, "The entity that was requested doesn't exist. Verify the entity and try again.")
            )
        return row


def _json(value: Any, status: int = 200) -> Answer:
    return Answer.json(status, value)


def _refused(status: int, message: str, **parameters: str) -> Answer:
    return Answer.json(status, {"message": message} | ({"parameters": [parameters]} if parameters else {}))


def _value(row: Mapping[str, Any], field: str) -> Any:
    """What a filter or an order looks at; custom attributes can be searched like any other."""
    name = "id" if field == "entity_id" and "entity_id" not in row else field
    customs = row.get("custom_attributes") or {}
    return plain(row[name] if name in row else customs.get(name))


TWIN = MagentoTwin
