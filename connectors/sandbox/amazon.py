"""The offline twin of Amazon's Selling Partner API, written from its model files (state of 2026-08-05) and documentation.

One seller in Germany. Tokens of Login with Amazon, a bucket for every operation, the traps that are reported of the live
interface: patches of unknown SKUs are accepted, live values show a reading later, fixed attributes are taken and ignored.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.amazon_store import MARKETPLACE, PRODUCT_TYPES, Shop, schema_of
from connectors.sandbox.routes import Call, Desk, Meter, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN"]

_PLANS = {
    "getMarketplaceParticipations": (0.016, 15, "Selling Partner Insights"),
    "searchOrders": (0.0056, 20, "Inventory and Order Tracking"),
    "getOrder": (0.5, 30, "Inventory and Order Tracking"),
    "confirmShipment": (2, 10, "Inventory and Order Tracking"),
    "searchListingsItems": (5, 5, "Product Listing"),
    "getListingsItem": (5, 10, "Product Listing"),
    "patchListingsItem": (5, 5, "Product Listing"),
    "searchDefinitionsProductTypes": (5, 10, "Product Listing"),
    "getDefinitionsProductType": (5, 10, "Product Listing"),
    "createFeedDocument": (0.5, 15, "Product Listing"),
    "createFeed": (0.0083, 15, "Product Listing"),
    "getFeed": (2, 15, "Product Listing"),
    "getFeedDocument": (0.0222, 10, "Product Listing"),
}
"""Operation to rate a second, burst, and the role that an app needs for it."""

_PERSONAL = "Direct-to-Consumer Shipping"
_ITEMS = r"/listings/2021-08-01/items/([^/]+)"
_ORDERS = "/orders/2026-01-01/orders"
_FEEDS = "/feeds/2021-06-30"
_TYPES = "/definitions/2020-09-01/productTypes"
_MERGED = ("/attributes/fulfillment_availability", "/attributes/purchasable_offer")


class AmazonTwin(RoutedTwin):
    """A marketplace that speaks JSON.

    Parameters
    ----------
    is_strict : bool
        Whether calls are counted against Amazon's plans, some of which allow one call in minutes.
    **options
        As for `connectors.sandbox.server.Twin`.

    Attributes
    ----------
    roles : set of str
        Of the app; without one, its calls are refused.
    is_participating : bool
        Whether the seller sells in the marketplace.
    most_listings : int
        Listings that a search pages through.
    is_stuck : bool
        Whether feeds stay in progress for ever.
    """

    name = "amazon"
    absent_key = "999-9999999-9999999"
    new_values = {
        "attributes.bullet_point": "Stands firmly",
        "attributes.color": "Petrol",
        "attributes.size": "XXL",
        "attributes.material": "Cork",
        "attributes.manufacturer": "Halden Works",
        "attributes.country_of_origin": "FR",
        "attributes.item_type_keyword": "desk-lamps",
    }
    state: Shop

    def __init__(self, *, is_strict: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        self.desk = Desk(self._secrets, self.clock, lives_s=3600)
        self.roles = {role for _, _, role in _PLANS.values()} | {_PERSONAL}
        self.is_participating = True
        self.most_listings = 1000
        self.is_stuck = False
        self.seller = "A2" + self._secrets.randbytes(4).hex().upper()
        self._client = (
            f"amzn1.application-oa2-client.{self._secrets.randbytes(16).hex()}",
            f"amzn1.oa2-cs.v1.{self._secrets.randbytes(32).hex()}",
        )
        self._consent = f"Atzr|{self._secrets.randbytes(32).hex()}"
        plans = _PLANS if is_strict else {}
        self._meters = {name: Meter(rate, burst, self.clock) for name, (rate, burst, _) in plans.items()}
        self._documents: dict[str, Document] = {}
        self._feeds: dict[str, Document] = {}

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "refresh_token": self._consent,
            "marketplace_id": MARKETPLACE,
            "seller_id": self.seller,
            "personal_data": "yes",
            "order_days": "3650",
            "api_address": self.base_url,
        }

    def greeting(self) -> Incoming:
        headers = {"x-amz-access-token": self.desk.issue("Atza|")}
        return Incoming("GET", "/sellers/v1/marketplaceParticipations", (), headers, b"")

    def unauthorised(self) -> Answer:
        return _errors(
            403, "Unauthorized", "Access to requested resource is denied.", "The access token you provided has expired."
        )

    def forget_tokens(self) -> None:
        self.desk.forget()

    def identify(self, call: Call) -> Answer | None:
        return None if self.desk.holds(call.incoming.headers.get("x-amz-access-token", "")) else self.unauthorised()

    def meter(self, call: Call, operation: str) -> Answer | None:
        if operation in self._meters and self._meters[operation].take():
            return _errors(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        if operation and _PLANS[operation][2] not in self.roles:
            return _errors(403, "Unauthorized", "Access to requested resource is denied.")
        return None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        return {"x-amzn-RequestId": self._secrets.randbytes(16).hex()}

    def answer(self, incoming: Incoming) -> Answer:
        answer = super().answer(incoming)
        found = next((one[3] for one in self._table if one[3] and one[1].fullmatch(incoming.path)), "")
        if not found or answer.status in (403, 429):
            return answer
        rate = f"{_PLANS[self._operation(incoming) or found][0]}"
        return Answer(answer.status, answer.body, {**answer.headers, "x-amzn-RateLimit-Limit": rate})

    def not_found(self, call: Call) -> Answer:
        return _errors(404, "NotFound", "The requested resource doesn't exist.")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _errors(400, "InvalidInput", f"One or more request parameters is not valid: {error}")

    def _operation(self, incoming: Incoming) -> str:
        fitting = (one for one in self._table if one[1].fullmatch(incoming.path) and incoming.method in one[0])
        return next((one[3] for one in fitting), "")

    # ---- tokens and account --------------------------------------------------------------------------------------

    @route("POST", "/auth/o2/token", public=True)
    def _token(self, call: Call) -> Answer:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            return Answer.json(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
        if form.get("grant_type") != "refresh_token":
            return Answer.json(400, {"error": "unsupported_grant_type", "error_description": "Grant not supported"})
        if form.get("refresh_token") != self._consent:
            said = "The request has an invalid grant parameter : refresh_token"
            return Answer.json(400, {"error": "invalid_grant", "error_description": said})
        token = {"access_token": self.desk.issue("Atza|"), "refresh_token": self._consent}
        return Answer.json(200, {**token, "token_type": "bearer", "expires_in": 3600})

    @route("GET", "/sellers/v1/marketplaceParticipations", operation="getMarketplaceParticipations")
    def _participations(self, call: Call) -> Answer:
        marketplace = {
            "id": MARKETPLACE,
            "name": "Amazon.de",
            "countryCode": "DE",
            "defaultCurrencyCode": "EUR",
            "defaultLanguageCode": "de_DE",
            "domainName": "www.amazon.de",
        }
        participation = {"isParticipating": self.is_participating, "hasSuspendedListings": False}
        row = {"marketplace": marketplace, "participation": participation, "storeName": "Demo"}
        return Answer.json(200, {"payload": [row]})

    # ---- listings ------------------------------------------------------------------------------------------------

    @route("GET", _ITEMS, operation="searchListingsItems")
    def _search(self, call: Call) -> Answer:
        self._expect_seller(call)
        query = call.query
        size = int(query.get("pageSize", 10))
        if not 1 <= size <= 20:
            raise _bad("pageSize is at most 20")
        rows = list(self.state.products.values())
        if "identifiers" in query or "identifiersType" in query:
            wanted = query.get("identifiers", "").split(",")
            if query.get("identifiersType") != "SKU" or len(wanted) > 20:
                raise _bad("identifiers need a type and are at most 20")
            rows = [row for row in rows if row["sku"] in wanted]
        for name, member in (("created", "created"), ("lastUpdated", "updated")):
            rows = _between(rows, member, query.get(f"{name}After"), query.get(f"{name}Before"))
        member = {"sku": "sku", "createdDate": "created", "lastUpdatedDate": "updated"}[
            query.get("sortBy", "lastUpdatedDate")
        ]
        rows.sort(key=lambda row: (row[member], row["sku"]), reverse=query.get("sortOrder", "DESC") == "DESC")
        shown, following = self._page(rows[: self.most_listings], size, query.get("pageToken"))
        included = query.get("includedData", "summaries").split(",")
        body: Document = {
            "numberOfResults": len(rows),
            "items": [self.state.shown_listing(row, included) for row in shown],
        }
        return Answer.json(200, body | ({"pagination": {"nextToken": following}} if following else {}))

    @route("GET", rf"{_ITEMS}/([^/]+)", operation="getListingsItem")
    def _get(self, call: Call) -> Answer:
        self._expect_seller(call)
        row = self.state.products.get(call.args[1])
        if row is None:
            return _errors(404, "NOT_FOUND", f"SKU '{call.args[1]}' not found in marketplace {MARKETPLACE}")
        included = call.query.get("includedData", "summaries").split(",")
        return Answer.json(200, self.state.shown_listing(row, included))

    @route("PATCH", rf"{_ITEMS}/([^/]+)", operation="patchListingsItem")
    def _patch(self, call: Call) -> Answer:
        self._expect_seller(call)
        sku, body = call.args[1], call.json or {}
        patches = body.get("patches")
        if not patches or not body.get("productType"):
            raise _bad("productType and patches are required")
        _expect_patches(patches)
        issues = self.state.judge(sku, body["productType"], patches)
        is_preview = call.query.get("mode") == "VALIDATION_PREVIEW"
        if not issues and not is_preview:
            self.state.apply(sku, patches)
        status = "INVALID" if issues else "VALID" if is_preview else "ACCEPTED"
        number = self._secrets.randbytes(16).hex()
        return Answer.json(200, {"sku": sku, "status": status, "submissionId": number, "issues": issues})

    def _expect_seller(self, call: Call) -> None:
        if call.args[0] != self.seller:
            raise Refusal(_errors(403, "Unauthorized", "Access to requested resource is denied."))
        if call.query.get("marketplaceIds") != MARKETPLACE:
            raise _bad("marketplaceIds")

    def _page(self, rows: Sequence[Document], size: int, token: str | None) -> tuple[list[Document], str]:
        """A page and the token of the next one, which is given only where more rows follow."""
        start = int(base64.urlsafe_b64decode(token)) if token else 0
        following = base64.urlsafe_b64encode(str(start + size).encode()).decode() if start + size < len(rows) else ""
        return self.window(rows, start, size), following

    # ---- product types -------------------------------------------------------------------------------------------

    @route("GET", _TYPES, operation="searchDefinitionsProductTypes")
    def _types(self, call: Call) -> Answer:
        rows = [
            {"name": name, "displayName": shown, "marketplaceIds": [MARKETPLACE]}
            for name, shown in PRODUCT_TYPES.items()
        ]
        return Answer.json(200, {"productTypes": rows, "productTypeVersion": "UHqSqmb4FNUk="})

    @route("GET", rf"{_TYPES}/([^/]+)", operation="getDefinitionsProductType")
    def _type(self, call: Call) -> Answer:
        name = call.args[0]
        if name not in PRODUCT_TYPES:
            raise _bad("productType")
        content = json.dumps(schema_of(name)).encode()
        checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        link = {"resource": f"{self.base_url}/schemas/{name}", "verb": "GET"}
        return Answer.json(
            200,
            {
                "schema": {"link": link, "checksum": checksum},
                "requirements": call.query.get("requirements", "LISTING"),
                "requirementsEnforced": "ENFORCED",
                "propertyGroups": {},
                "locale": "de_DE",
                "marketplaceIds": [MARKETPLACE],
                "productType": name,
                "displayName": PRODUCT_TYPES[name],
                "productTypeVersion": {"version": "UHqSqmb4FNUk=", "latest": True},
            },
        )

    @route("GET", r"/schemas/([^/]+)", public=True)
    def _schema(self, call: Call) -> Answer:
        _expect_no_token(call)
        return Answer.json(200, schema_of(call.args[0]))

    # ---- orders --------------------------------------------------------------------------------------------------

    @route("GET", _ORDERS, operation="searchOrders")
    def _orders(self, call: Call) -> Answer:
        query = call.query
        created, updated = query.get("createdAfter"), query.get("lastUpdatedAfter")
        if bool(created) == bool(updated) or (created and "lastUpdatedBefore" in query):
            raise ValueError("exactly one of createdAfter and lastUpdatedAfter")
        name, member = ("created", "createdTime") if created else ("lastUpdated", "lastUpdatedTime")
        latest = self.clock() - timedelta(minutes=2)
        before = query.get(f"{name}Before")
        if before and datetime.fromisoformat(before) > latest:
            raise ValueError(f"{name}Before is at least 2 minutes ago")
        size = int(query.get("maxResultsPerPage", 100))
        if not 1 <= size <= 100:
            raise ValueError("maxResultsPerPage is from 1 to 100")
        included = self._included(call)
        wanted = query.get("marketplaceIds", MARKETPLACE).split(",")
        rows = [one for one in self.state.orders.values() if one["salesChannel"]["marketplaceId"] in wanted]
        rows = sorted(_between(rows, member, query[f"{name}After"], before), key=lambda row: row[member])
        shown, following = self._page(rows, size, query.get("paginationToken"))
        body: Document = {
            "orders": [self.state.shown_order(row, included) for row in shown],
            f"{name}Before": before or latest,
        }
        return Answer.json(200, body | ({"pagination": {"nextToken": following}} if following else {}))

    @route("GET", rf"{_ORDERS}/([^/]+)", operation="getOrder")
    def _order(self, call: Call) -> Answer:
        row = self._named_order(call)
        return Answer.json(200, {"order": self.state.shown_order(row, self._included(call))})

    @route("POST", r"/orders/v0/orders/([^/]+)/shipmentConfirmation", operation="confirmShipment")
    def _confirm(self, call: Call) -> Answer:
        row, body = self._named_order(call), call.json or {}
        package = body.get("packageDetail") or {}
        needed = ("packageReferenceId", "carrierCode", "trackingNumber", "shipDate", "orderItems")
        if not body.get("marketplaceId") or any(not package.get(name) for name in needed):
            raise ValueError("a member is missing")
        if not re.fullmatch(r"[1-9]\d*", package["packageReferenceId"]):
            raise ValueError("packageReferenceId is a positive number")
        if package["carrierCode"] == "Other" and not package.get("carrierName"):
            raise ValueError("carrierName")
        datetime.fromisoformat(package["shipDate"])
        lines = {one["orderItemId"]: one["fulfillment"] for one in row["orderItems"]}
        is_known = any(one["packageReferenceId"] == package["packageReferenceId"] for one in row["packages"])
        for one in package["orderItems"]:
            units = lines.get(one["orderItemId"], {"quantityUnfulfilled": 0})["quantityUnfulfilled"]
            if not is_known and not 0 < one["quantity"] <= units:
                raise ValueError(f"{one['quantity']} units of {one['orderItemId']}")
        if row["fulfillment"]["fulfillmentStatus"] not in ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"):
            raise ValueError(f"the order is {row['fulfillment']['fulfillmentStatus']}")
        self.state.confirm(row, package)
        return Answer(204)

    def _named_order(self, call: Call) -> Document:
        key = call.args[0]
        if not re.fullmatch(r"\w{3}-\d{7}-\d{7}", key):
            raise ValueError("orderId")
        row = self.state.orders.get(key)
        if row is None:
            raise Refusal(_errors(404, "NotFound", f"Order {key} not found."))
        return row

    def _included(self, call: Call) -> list[str]:
        included = call.query.get("includedData", "").split(",")
        if {"BUYER", "RECIPIENT"} & set(included) and _PERSONAL not in self.roles:
            raise Refusal(_errors(403, "Unauthorized", "Access to requested resource is denied."))
        return included

    # ---- feeds ---------------------------------------------------------------------------------------------------

    @route("POST", f"{_FEEDS}/documents", operation="createFeedDocument")
    def _new_document(self, call: Call) -> Answer:
        name = f"amzn1.tortuga.4.eu.{self._secrets.randbytes(12).hex()}"
        self._documents[name] = {"type": call.json["contentType"], "content": None}
        return Answer.json(201, {"feedDocumentId": name, "url": f"{self.base_url}/feed-documents/{name}?X-Amz-Sign=a"})

    @route("PUT", r"/feed-documents/([^/]+)", public=True)
    def _upload(self, call: Call) -> Answer:
        _expect_no_token(call)
        document = self._documents[call.args[0]]
        if call.incoming.headers.get("content-type") != document["type"]:
            return Answer(
                403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {"content-type": "application/xml"}
            )
        document["content"] = call.incoming.body
        return Answer(200)

    @route("GET", r"/feed-documents/([^/]+)", public=True)
    def _download(self, call: Call) -> Answer:
        _expect_no_token(call)
        return Answer(200, self._documents[call.args[0]]["content"], {"content-type": "application/octet-stream"})

    @route("POST", f"{_FEEDS}/feeds", operation="createFeed")
    def _new_feed(self, call: Call) -> Answer:
        body = call.json
        document = self._documents.get(body["inputFeedDocumentId"])
        if document is None or document["content"] is None:
            raise ValueError("inputFeedDocumentId")
        number = str(self.state.next_number("feed", 50_001))
        self._feeds[number] = {
            "feedId": number,
            "feedType": body["feedType"],
            "marketplaceIds": body["marketplaceIds"],
            "createdTime": self.state.now(),
            "processingStatus": "IN_QUEUE",
            "input": document["content"],
        }
        return Answer.json(202, {"feedId": number})

    @route("GET", rf"{_FEEDS}/feeds/([^/]+)", operation="getFeed")
    def _feed(self, call: Call) -> Answer:
        feed = self._feeds.get(call.args[0])
        if feed is None:
            return self.not_found(call)
        shown = {name: value for name, value in feed.items() if name != "input"}
        if feed["processingStatus"] == "IN_QUEUE":
            feed["processingStatus"] = "IN_PROGRESS"
        elif feed["processingStatus"] == "IN_PROGRESS" and not self.is_stuck:
            feed |= self._work(feed)
        return Answer.json(200, shown)

    @route("GET", rf"{_FEEDS}/documents/([^/]+)", operation="getFeedDocument")
    def _document(self, call: Call) -> Answer:
        name = call.args[0]
        if name not in self._documents:
            return self.not_found(call)
        packed = {"compressionAlgorithm": "GZIP"} if self._documents[name].get("is_packed") else {}
        return Answer.json(200, {"feedDocumentId": name, "url": f"{self.base_url}/feed-documents/{name}", **packed})

    def _work(self, feed: Document) -> Document:
        """The end of a feed. All other feeds for listings end fatally since 2025-07-31."""
        if feed["feedType"] != "JSON_LISTINGS_FEED":
            return {"processingStatus": "FATAL"}
        document = json.loads(feed["input"])
        issues: list[Document] = []
        for message in document["messages"]:
            found = self._message(message)
            issues += [{"messageId": message["messageId"], "sku": message["sku"], **one} for one in found]
        refused = len({one["messageId"] for one in issues})
        count = len(document["messages"])
        report = {
            "header": {"sellerId": self.seller, "version": "2.0", "feedId": feed["feedId"]},
            "issues": issues,
            "summary": {
                "errors": len(issues),
                "warnings": 0,
                "messagesProcessed": count,
                "messagesAccepted": count - refused,
                "messagesInvalid": refused,
            },
        }
        name = f"amzn1.tortuga.3.{self._secrets.randbytes(12).hex()}"
        self._documents[name] = {"content": gzip.compress(json.dumps(report).encode()), "is_packed": True}
        return {"processingStatus": "DONE", "resultFeedDocumentId": name, "processingEndTime": self.state.now()}

    def _message(self, message: Document) -> list[Document]:
        try:
            _expect_patches(message["patches"])
        except Refusal:
            return [{"code": "4000003", "severity": "ERROR", "message": "Invalid parameters provided."}]
        issues = self.state.judge(message["sku"], message["productType"], message["patches"])
        if not issues:
            self.state.apply(message["sku"], message["patches"])
        return [
            {
                "code": one["code"],
                "severity": one["severity"],
                "message": one["message"],
                "attributeName": one["attributeNames"][0],
            }
            for one in issues
        ]


def _expect_patches(patches: Sequence[Document]) -> None:
    """Only whole attributes can be patched, and a stock needs its channel (reported of the live interface)."""
    for one in patches:
        entries = one.get("value") or []
        is_whole = re.fullmatch(r"/attributes/[a-z0-9_]+", one["path"])
        has_channel = "fulfillment_availability" not in one["path"] or all(
            entry.get("fulfillment_channel_code") for entry in entries
        )
        if not is_whole or not has_channel or (one["op"] == "merge" and one["path"] not in _MERGED):
            raise _bad("patches")


def _expect_no_token(call: Call) -> None:
    """A signed address refuses a second kind of authentication."""
    if "x-amz-access-token" in call.incoming.headers or "authorization" in call.incoming.headers:
        raise Refusal(Answer(400, b"<Error><Code>InvalidArgument</Code></Error>", {"content-type": "application/xml"}))


def _between(rows: Sequence[Document], member: str, after: str | None, before: str | None) -> list[Document]:
    """Both bounds belong to what is given."""
    low, high = (datetime.fromisoformat(one) if one else None for one in (after, before))
    return [row for row in rows if (low is None or row[member] >= low) and (high is None or row[member] <= high)]


def _bad(what: str) -> Refusal:
    return Refusal(_errors(400, "BAD_REQUEST", "Invalid parameters provided.", what))


def _errors(status: int, code: str, message: str, details: str = "") -> Answer:
    return Answer.json(status, {"errors": [{"code": code, "message": message, "details": details}]})


TWIN = AmazonTwin
