"""The twin of Walmart against what Walmart's description and guides say, asked by hand and not through the connector."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.sandbox import make_catalogue, serve
from connectors.sandbox.walmart import WalmartTwin

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HEADERS = {"WM_SVC.NAME": "Walmart Marketplace", "WM_QOS.CORRELATION_ID": "b3261d2d-028a-4ef7-8602-633c23200af6"}


class Caller:
    """Somebody who calls by hand, with a clock that the twin follows."""

    def __init__(self, twin: WalmartTwin) -> None:
        self.twin = twin
        self.now = NOW
        twin._clock = lambda: self.now
        self.http = httpx.Client(base_url=twin.base_url, headers=HEADERS)
        self.http.headers["WM_SEC.ACCESS_TOKEN"] = self.token().json()["access_token"]

    def token(self, secret: str = "", grant: str = "client_credentials") -> httpx.Response:
        keys = self.twin.credentials
        basic = base64.b64encode(f"{keys['client_id']}:{secret or keys['client_secret']}".encode()).decode()
        return self.http.post("/v3/token", data={"grant_type": grant}, headers={"Authorization": f"Basic {basic}"})

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params or None)

    def feed(self, kind: str, body: Any, **params: str) -> str:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.http.post("/v3/feeds", params={"feedType": kind, **params}, files={"file": ("f.json", content)})
        assert answer.status_code == 200, answer.text
        return answer.json()["feedId"]

    def report(self, feed: str, **params: Any) -> dict[str, Any]:
        return self.get(f"/v3/feeds/{feed.replace('@', '%40')}", includeDetails="true", **params).json()


@pytest.fixture
def caller() -> Iterator[Caller]:
    with serve("walmart", catalogue=make_catalogue(5, 28, orders=12, defects=0.0), seed=5) as twin:
        one = Caller(twin)
        yield one
        one.http.close()


def code(answer: httpx.Response) -> str:
    body = answer.json()
    (one,) = body["error"] if "error" in body else body["errors"]["error"]
    assert one["severity"] == "ERROR"
    return one["code"]


class TestTokens:
    def test_a_token_lives_fifteen_minutes(self, caller: Caller) -> None:
        body = caller.token().json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
        caller.now += timedelta(seconds=899)
        assert caller.get("/v3/token/detail").status_code == 200
        caller.now += timedelta(seconds=2)
        refused = caller.get("/v3/token/detail")
        assert refused.status_code == 401
        assert code(refused) == "UNAUTHORIZED.GMP_GATEWAY_API"

    def test_wrong_keys_and_unknown_grants(self, caller: Caller) -> None:
        assert caller.token(secret="wrong").status_code == 401
        assert caller.token(grant="password").status_code == 400

    def test_a_bearer_header_is_no_token_for_walmart(self, caller: Caller) -> None:
        token = caller.http.headers.pop("WM_SEC.ACCESS_TOKEN")
        assert caller.http.get("/v3/token/detail", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    @pytest.mark.parametrize("name", ["WM_QOS.CORRELATION_ID", "WM_SVC.NAME"])
    def test_mandatory_headers(self, caller: Caller, name: str) -> None:
        del caller.http.headers[name]
        refused = caller.get("/v3/token/detail")
        assert refused.status_code == 400
        assert code(refused).startswith("INVALID_REQUEST_HEADER")

    def test_the_scopes_of_a_key(self, caller: Caller) -> None:
        body = caller.get("/v3/token/detail").json()
        assert set(body["scopes"].values()) == {"full_access"}
        assert int(body["expire_at"]) - int(body["issued_at"]) == 900_000


class TestLimits:
    def test_every_answer_tells_what_is_left_and_when_all_is_back(self, caller: Caller) -> None:
        headers = caller.get("/v3/items/PAN-10000", productIdType="SKU").headers
        assert headers["x-current-token-count"] == "59"
        assert int(headers["x-next-replenishment-time"]) == round(NOW.timestamp() * 1000) + 1000

    def test_who_is_too_fast_is_told_how_long_to_wait(self, caller: Caller) -> None:
        for _ in range(3):
            answer = caller.http.post("/v3/items/spec", json={"version": "5.0.20260608-18_15_07-api"})
        assert answer.status_code == 404
        refused = caller.http.post("/v3/items/spec", json={})
        assert refused.status_code == 429
        assert code(refused) == "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"
        assert 19 <= int(refused.headers["retry-after"]) <= 21
        caller.now += timedelta(seconds=21)
        assert caller.http.post("/v3/items/spec", json={}).status_code == 400

    def test_feeds_have_thirty_an_hour_of_each_kind(self, caller: Caller) -> None:
        for _ in range(30):
            caller.feed("price", {"PriceHeader": {"version": "1.7"}, "Price": []})
        refused = caller.http.post("/v3/feeds", params={"feedType": "price"}, files={"file": b"{}"})
        assert refused.status_code == 429
        assert caller.feed("inventory", {"InventoryHeader": {"version": "1.4"}, "Inventory": []})


class TestItems:
    def test_the_cursor_stays_and_the_server_moves_on(self, caller: Caller) -> None:
        first = caller.get("/v3/items", nextCursor="*", limit=10).json()
        cursor, seen = first["nextCursor"], [one["sku"] for one in first["ItemResponse"]]
        while len(seen) < first["totalItems"]:
            page = caller.get("/v3/items", nextCursor=cursor, limit=10).json()
            assert page["nextCursor"] == cursor
            seen += [one["sku"] for one in page["ItemResponse"]]
        assert seen == list(caller.twin.state.products)
        assert caller.get("/v3/items", nextCursor=cursor, limit=10).json()["ItemResponse"] == []

    def test_a_cursor_ends_after_two_minutes(self, caller: Caller) -> None:
        cursor = caller.get("/v3/items", limit=5).json()["nextCursor"]
        caller.now += timedelta(seconds=121)
        refused = caller.get("/v3/items", nextCursor=cursor, limit=5)
        assert refused.status_code == 400
        assert refused.json()["errors"]["error"][0]["field"] == "nextCursor"

    @pytest.mark.parametrize("limit", ["0", "1001", "x"])
    def test_the_size_of_a_page_has_bounds(self, caller: Caller, limit: str) -> None:
        assert caller.get("/v3/items", limit=limit).status_code == 400

    def test_twenty_items_where_nobody_says_how_many(self, caller: Caller) -> None:
        assert len(caller.get("/v3/items").json()["ItemResponse"]) == 20

    def test_an_item_holds_no_content_beyond_its_name(self, caller: Caller) -> None:
        (item,) = caller.get("/v3/items/PAN-10000", productIdType="SKU").json()["ItemResponse"]
        assert {"description", "shortDescription", "brand", "images", "weight"}.isdisjoint(item)
        assert len(item["gtin"]) == 14
        assert item["upc"] in ("", item["gtin"][2:])
        assert json.loads(item["shelf"])[0] == "Home Page"

    def test_an_item_is_found_by_its_identifiers(self, caller: Caller) -> None:
        gtin = caller.twin.state.products["PAN-10000"]["gtin"]
        (item,) = caller.get(f"/v3/items/{gtin}", productIdType="GTIN").json()["ItemResponse"]
        assert item["sku"] == "PAN-10000"
        assert caller.get("/v3/items/PAN-10000", productIdType="ASIN").status_code == 400
        assert caller.get("/v3/items/nothing", productIdType="SKU").status_code == 404

    def test_variants_are_items_of_one_group_with_one_that_leads(self, caller: Caller) -> None:
        groups: dict[str, list[bool]] = {}
        for row in caller.twin.state.products.values():
            if "variantGroupId" in row:
                groups.setdefault(row["variantGroupId"], []).append(row["variantGroupInfo"]["isPrimary"])
        assert len(groups) == 4
        assert all(found.count(True) == 1 for found in groups.values())

    def test_a_price_shows_late(self, caller: Caller) -> None:
        before = caller.twin.state.products["PAN-10000"]["price"]
        amount = before["amount"]
        body = {"sku": "PAN-10000", "pricing": [{"currentPriceType": "BASE", "currentPrice": before | {"amount": 4.5}}]}
        sent = caller.http.put("/v3/price", json=body)
        assert "up to five minutes" in sent.json()["ItemPriceResponse"]["message"]
        shown = [
            caller.get("/v3/items/PAN-10000", productIdType="SKU").json()["ItemResponse"][0]["price"]["amount"]
            for _ in range(2)
        ]
        assert shown == [amount, 4.5]

    @pytest.mark.parametrize("change", [{"amount": 0}, {"amount": "5"}, {"amount": 1.005}, {"currency": "GBP"}])
    def test_a_price_that_is_refused(self, caller: Caller, change: dict[str, Any]) -> None:
        price = caller.twin.state.products["PAN-10000"]["price"]
        body = {"sku": "PAN-10000", "pricing": [{"currentPriceType": "BASE", "currentPrice": price | change}]}
        before = caller.twin.state.dump()
        assert caller.http.put("/v3/price", json=body).status_code == 400
        assert caller.twin.state.dump() == before

    def test_the_specification_of_product_types(self, caller: Caller) -> None:
        kind = caller.twin.state.products["PAN-10000"]["productType"]
        body = {"feedType": "MP_ITEM", "version": "5.0.20260608-18_15_07-api", "productTypes": [kind]}
        schema = caller.http.post("/v3/items/spec", json=body).json()["schema"]
        item = schema["properties"]["MPItem"]["items"]["properties"]
        assert item["Orderable"]["required"] == ["sku", "productIdentifiers", "price", "ShippingWeight"]
        assert item["Visible"]["properties"][kind]["properties"]["productName"]["maxLength"] == 199
        assert caller.http.post("/v3/items/spec", json=body | {"version": "5.0"}).status_code == 400

    def test_an_empty_account_has_no_list(self) -> None:
        with serve("walmart", catalogue=make_catalogue(5, 1, orders=0, defects=0.0)) as twin:
            one = Caller(twin)
            twin.state.products.clear()
            twin.state.collections["levels"].clear()
            for path in ("/v3/items", "/v3/inventories", "/v3/orders"):
                assert one.get(path).status_code == 404
            one.http.close()


class TestStock:
    def test_levels_by_node_in_pages_of_at_most_fifty(self, caller: Caller) -> None:
        first = caller.get("/v3/inventories", limit=30).json()
        rest = caller.get("/v3/inventories", limit=30, nextCursor=first["meta"]["nextCursor"]).json()
        assert "nextCursor" not in rest["meta"]
        rows = first["elements"]["inventories"] + rest["elements"]["inventories"]
        assert len(rows) == first["meta"]["totalCount"] == len(caller.twin.state.products)
        node = rows[1]["nodes"][0]
        free = max(0, node["inputQty"]["amount"] - node["reservedQty"]["amount"])
        assert node["availToSellQty"] == {"unit": "EACH", "amount": free}
        assert caller.get("/v3/inventories", limit=51).status_code == 400

    def test_a_level_is_set_and_read(self, caller: Caller) -> None:
        body = {"sku": "PAN-10000", "quantity": {"unit": "EACH", "amount": 4}}
        assert caller.http.put("/v3/inventory", params={"sku": "PAN-10000"}, json=body).json() == body
        assert caller.get("/v3/inventory", sku="PAN-10000").json() == body
        assert caller.get("/v3/inventories/PAN-10000").json()["nodes"][0]["inputQty"]["amount"] == 4

    @pytest.mark.parametrize(
        "quantity", [4, {"unit": "EACH", "amount": -1}, {"unit": "EA", "amount": 1}, {"amount": 1.5}]
    )
    def test_a_level_that_is_refused(self, caller: Caller, quantity: Any) -> None:
        body = {"sku": "PAN-10000", "quantity": quantity}
        assert caller.http.put("/v3/inventory", params={"sku": "PAN-10000"}, json=body).status_code == 400

    def test_a_node_that_the_seller_does_not_have(self, caller: Caller) -> None:
        assert caller.get("/v3/inventory", sku="PAN-10000", shipNode="1").status_code == 404


class TestFeeds:
    def test_a_feed_is_taken_at_once_and_refused_item_by_item(self, caller: Caller) -> None:
        price = caller.twin.state.products["PAN-10000"]["price"]
        rows = [
            {"sku": sku, "pricing": [{"currentPrice": price | {"amount": 5.5}}]} for sku in ("PAN-10000", "NOTHING")
        ]
        feed = caller.feed("price", {"PriceHeader": {"version": "1.7"}, "Price": rows})
        assert "@" in feed
        assert caller.twin.state.products["PAN-10000"]["price"]["amount"] != 5.5
        report = caller.report(feed)
        assert report["feedStatus"] == "PROCESSED"
        assert (report["itemsReceived"], report["itemsSucceeded"], report["itemsFailed"]) == (2, 1, 1)
        good, bad = report["itemDetails"]["itemIngestionStatus"]
        assert (good["sku"], good["ingestionStatus"]) == ("PAN-10000", "SUCCESS")
        assert bad["ingestionStatus"] == "DATA_ERROR"
        assert bad["ingestionErrors"]["ingestionError"][0]["type"] == "DATA_ERROR"
        assert caller.twin.state.products["PAN-10000"]["price"]["amount"] == 5.5

    def test_a_large_feed_takes_longer(self, caller: Caller) -> None:
        rows = [{"sku": sku, "quantity": {"unit": "EACH", "amount": 3}} for sku in caller.twin.state.products]
        feed = caller.feed("inventory", {"InventoryHeader": {"version": "1.4"}, "Inventory": rows})
        assert caller.report(feed)["feedStatus"] == "INPROGRESS"
        report = caller.report(feed, limit=10, offset=10)
        assert report["feedStatus"] == "PROCESSED"
        assert [row["index"] for row in report["itemDetails"]["itemIngestionStatus"]] == list(range(10, 20))
        assert caller.get(f"/v3/feeds/{feed}", includeDetails="true", limit=51).status_code == 400

    @pytest.mark.parametrize(
        "content",
        [
            b"not json",
            {"MPItem": []},
            {"MPItemFeedHeader": {"version": "5.0", "locale": "en"}, "MPItem": []},
            {"MPItemFeedHeader": {"version": "5", "locale": "en", "businessUnit": "W", "mart": "W"}, "MPItem": []},
        ],
    )
    def test_a_feed_that_does_not_fit_its_specification(self, caller: Caller, content: Any) -> None:
        report = caller.report(caller.feed("MP_MAINTENANCE", content))
        assert report["feedStatus"] == "ERROR"
        assert report["ingestionErrors"]["ingestionError"][0]["code"]

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"type": "Another type"}, "product type"),
            ({"identifier": {"productIdType": "GTIN", "productId": "1"}}, "identifier"),
            ({"visible": {"productName": "x" * 200}}, "199"),
            ({"sku": "NOTHING"}, "SKU"),
            ({}, ""),
        ],
    )
    def test_maintenance_needs_identifier_and_product_type(
        self, caller: Caller, change: dict[str, Any], word: str
    ) -> None:
        item = caller.twin.state.products["PAN-10000"]
        asked = {
            "sku": "PAN-10000",
            "type": item["productType"],
            "identifier": {"productIdType": "GTIN", "productId": item["gtin"]},
            "visible": {"productName": "A new name"},
        } | change
        orderable = {"sku": asked["sku"], "productIdentifiers": asked["identifier"]}
        row = {"Orderable": orderable, "Visible": {asked["type"]: asked["visible"]}}
        header = {"businessUnit": "WALMART_US", "locale": "en", "version": "5.0.20260608-18_15_07-api"}
        report = caller.report(caller.feed("MP_MAINTENANCE", {"MPItemFeedHeader": header, "MPItem": [row]}))
        (status,) = report["itemDetails"]["itemIngestionStatus"]
        assert status["ingestionStatus"] == ("DATA_ERROR" if change else "SUCCESS")
        assert word in json.dumps(status)
        assert (item["productName"] == "A new name") is (not change)

    def test_feeds_that_do_not_exist(self, caller: Caller) -> None:
        assert caller.http.post("/v3/feeds", params={"feedType": "lottery"}, files={"file": b"{}"}).status_code == 400
        assert caller.http.post("/v3/feeds", params={"feedType": "price"}, data={"a": "b"}).status_code == 400
        assert caller.get("/v3/feeds/ABC%40D", includeDetails="true").status_code == 404


class TestOrders:
    def test_seven_days_unless_somebody_asks_for_more(self, caller: Caller) -> None:
        orders = caller.twin.state.orders
        recent = [
            one for one in orders.values() if one["orderDate"] >= round((NOW - timedelta(days=7)).timestamp() * 1000)
        ]
        assert 0 < len(recent) < len(orders)
        assert caller.get("/v3/orders").json()["list"]["meta"]["totalCount"] == len(recent)
        whole = caller.get("/v3/orders", createdStartDate="2026-06-01").json()
        assert whole["list"]["meta"]["totalCount"] == len(orders)

    def test_the_cursor_is_a_query_that_bears_no_decoding(self, caller: Caller) -> None:
        first = caller.get("/v3/orders", createdStartDate="2026-06-01T00:00:00Z", limit=5).json()["list"]
        cursor = first["meta"]["nextCursor"]
        assert cursor.startswith("?limit=5&hasMoreElements=true&soIndex=12&poIndex=5%2B")
        second = caller.http.get(f"/v3/orders{cursor}").json()["list"]
        keys = [one["purchaseOrderId"] for page in (first, second) for one in page["elements"]["order"]]
        assert keys == list(caller.twin.state.orders)[:10]
        assert caller.http.get(f"/v3/orders{cursor.replace('%2B', '+')}").status_code == 400

    def test_at_most_two_hundred_a_page(self, caller: Caller) -> None:
        assert caller.get("/v3/orders", limit=201).status_code == 400

    def test_changes_since_a_moment(self, caller: Caller) -> None:
        order = next(iter(caller.twin.state.orders.values()))
        order["modified"] = NOW + timedelta(days=1)
        found = caller.get(
            "/v3/orders", createdStartDate="2026-06-01", lastModifiedStartDate="2026-11-21T00:00:00Z"
        ).json()
        assert [one["purchaseOrderId"] for one in found["list"]["elements"]["order"]] == [order["purchaseOrderId"]]
        later = caller.get("/v3/orders", createdStartDate="2026-06-01", lastModifiedStartDate="2026-11-22T00:00:00Z")
        assert later.status_code == 404

    def test_an_order_of_walmarts_warehouse_is_not_the_sellers(self, caller: Caller) -> None:
        assert caller.get("/v3/orders", createdStartDate="2026-06-01", shipNodeType="WFSFulfilled").status_code == 404

    def test_lines_move_from_created_to_shipped_and_no_other_way(self, caller: Caller) -> None:
        key = caller.twin.state.awaiting("acceptance")[0]
        line = caller.twin.state.orders[key]["orderLines"]["orderLine"][0]
        amount = line["orderLineQuantity"]["amount"]
        assert self.ship(caller, key, amount).status_code == 400
        acknowledged = caller.http.post(f"/v3/orders/{key}/acknowledge").json()["order"]
        states = [
            one["orderLineStatuses"]["orderLineStatus"][0]["status"] for one in acknowledged["orderLines"]["orderLine"]
        ]
        assert set(states) == {"Acknowledged"}
        assert self.ship(caller, key, str(int(amount) + 1)).status_code == 400
        shipped = self.ship(caller, key, amount).json()["order"]["orderLines"]["orderLine"][0]
        (status,) = shipped["orderLineStatuses"]["orderLineStatus"]
        assert status["status"] == "Shipped"
        assert status["trackingInfo"]["trackingNumber"] == "1Z999"
        assert "told" not in status
        assert self.ship(caller, key, amount).status_code == 400
        assert caller.twin.state.parcels() == [(key, "1Z999")]

    def test_another_carrier_needs_an_address(self, caller: Caller) -> None:
        key = caller.twin.state.awaiting("acceptance")[0]
        caller.http.post(f"/v3/orders/{key}/acknowledge")
        assert self.ship(caller, key, "1", carrier={"otherCarrier": "Bikes"}).status_code == 400

    def test_a_cancelled_line_is_over(self, caller: Caller) -> None:
        key = caller.twin.state.awaiting("acceptance")[0]
        line = caller.twin.state.orders[key]["orderLines"]["orderLine"][0]
        quantity = line["orderLineQuantity"]
        state = {
            "status": "Cancelled",
            "cancellationReason": "SELLER_CANCEL_OUT_OF_STOCK",
            "statusQuantity": quantity,
        }
        body = {"orderLine": [{"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [state]}}]}
        cancel = {"orderCancellation": {"orderLines": body}}
        assert caller.http.post(f"/v3/orders/{key}/cancel", json=cancel).status_code == 200
        assert caller.http.post(f"/v3/orders/{key}/cancel", json=cancel).status_code == 400

    def test_an_order_that_does_not_exist(self, caller: Caller) -> None:
        assert caller.get("/v3/orders/1").status_code == 404
        assert caller.http.post("/v3/orders/1/acknowledge").status_code == 404

    @staticmethod
    def ship(caller: Caller, key: str, amount: str, carrier: dict[str, str] | None = None) -> httpx.Response:
        tracking = {
            "shipDateTime": 1_795_514_400_000,
            "carrierName": carrier or {"carrier": "UPS"},
            "methodCode": "Standard",
            "trackingNumber": "1Z999",
        }
        quantity = {"unitOfMeasurement": "EACH", "amount": amount}
        state = {"status": "Shipped", "statusQuantity": quantity, "trackingInfo": tracking}
        line = {"lineNumber": "1", "sellerOrderId": key, "orderLineStatuses": {"orderLineStatus": [state]}}
        body = {"orderShipment": {"orderLines": {"orderLine": [line]}}}
        return caller.http.post(f"/v3/orders/{key}/shipping", json=body)


def test_what_walmart_cannot_hold_is_not_in_its_truth() -> None:
    with serve("walmart", catalogue=make_catalogue(5, 60, orders=20, defects=0.3)) as twin:
        truth = twin.state.truth()
        assert set(truth["field"]) <= {"title", "ship_name", "phone", "ship_postal_code"}
        assert truth.height > 10
