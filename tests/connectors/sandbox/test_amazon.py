"""The twin of Amazon against what its models and documentation say, asked by hand and not through the connector."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from connectors.sandbox import make_catalogue, serve
from connectors.sandbox.amazon import AmazonTwin
from connectors.sandbox.amazon_store import MARKETPLACE

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ORDERS = "/orders/2026-01-01/orders"


class Caller:
    """Somebody who calls by hand, with a clock that the twin follows."""

    def __init__(self, twin: AmazonTwin) -> None:
        self.twin = twin
        self.now = NOW
        twin._clock = lambda: self.now
        self.http = httpx.Client(base_url=twin.base_url)
        self.items = f"/listings/2021-08-01/items/{twin.seller}"
        self.http.headers["x-amz-access-token"] = self.token().json()["access_token"]

    def token(self, **changed: str) -> httpx.Response:
        keys = {name: self.twin.credentials[name] for name in ("client_id", "client_secret", "refresh_token")}
        return httpx.post(f"{self.twin.base_url}/auth/o2/token", data={"grant_type": "refresh_token"} | keys | changed)

    def search(self, **params: Any) -> httpx.Response:
        return self.http.get(self.items, params={"marketplaceIds": MARKETPLACE, **params})

    def orders(self, **params: Any) -> httpx.Response:
        return self.http.get(ORDERS, params=params)

    def listing(self, sku: str) -> dict[str, Any]:
        included = "summaries,attributes,offers,fulfillmentAvailability,issues,relationships"
        return self.http.get(
            f"{self.items}/{sku}", params={"marketplaceIds": MARKETPLACE, "includedData": included}
        ).json()

    def patch(self, sku: str, *patches: dict[str, Any], product_type: str = "PRODUCT", **params: str) -> httpx.Response:
        return self.http.patch(
            f"{self.items}/{sku}",
            params={"marketplaceIds": MARKETPLACE, **params},
            json={"productType": product_type, "patches": list(patches)},
        )

    def feed(self, *messages: dict[str, Any], kind: str = "JSON_LISTINGS_FEED") -> str:
        content_type = "application/json; charset=UTF-8"
        place = self.http.post("/feeds/2021-06-30/documents", json={"contentType": content_type}).json()
        document = {"header": {"sellerId": self.twin.seller, "version": "2.0"}, "messages": messages}
        upload = httpx.put(place["url"], content=json.dumps(document), headers={"Content-Type": content_type})
        assert upload.status_code == 200
        body = {"feedType": kind, "marketplaceIds": [MARKETPLACE], "inputFeedDocumentId": place["feedDocumentId"]}
        return self.http.post("/feeds/2021-06-30/feeds", json=body).json()["feedId"]

    def state(self, feed: str) -> dict[str, Any]:
        return self.http.get(f"/feeds/2021-06-30/feeds/{feed}").json()


@pytest.fixture
def caller() -> Iterator[Caller]:
    with serve("amazon", catalogue=make_catalogue(5, 28, orders=12, defects=0.0), seed=5) as twin:
        one = Caller(twin)
        yield one
        one.http.close()


@pytest.fixture
def sku(caller: Caller) -> str:
    rows = caller.twin.state.products
    return next(
        key
        for key, row in rows.items()
        if not row["children"] and row["active"] and "discounted_price" not in row["attributes"]["purchasable_offer"][0]
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    (one,) = answer.json()["errors"]
    assert one.keys() == {"code", "message", "details"}
    return answer.status_code, one["code"]


def quantity(units: int, channel: str = "DEFAULT", op: str = "replace") -> dict[str, Any]:
    value = [{"fulfillment_channel_code": channel, "quantity": units}]
    return {"op": op, "path": "/attributes/fulfillment_availability", "value": value}


def price(value: Any, **members: Any) -> dict[str, Any]:
    offer = {"currency": "EUR", "marketplace_id": MARKETPLACE, "our_price": [{"schedule": [{"value_with_tax": value}]}]}
    return {"op": "replace", "path": "/attributes/purchasable_offer", "value": [offer | members]}


def title(value: str, path: str = "/attributes/item_name") -> dict[str, Any]:
    entry = {"value": value, "language_tag": "de_DE", "marketplace_id": MARKETPLACE}
    return {"op": "replace", "path": path, "value": [entry]}


class TestTokens:
    def test_a_token_lives_an_hour(self, caller: Caller) -> None:
        body = caller.token().json()
        assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
        assert caller.orders(createdAfter="2026-01-01T00:00:00Z").status_code == 200
        caller.now += timedelta(seconds=3601)
        answer = caller.orders(createdAfter="2026-01-01T00:00:00Z")
        assert code(answer) == (403, "Unauthorized")
        assert "expired" in answer.json()["errors"][0]["details"]

    @pytest.mark.parametrize(
        ("changed", "status", "error"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"refresh_token": "Atzr|wrong"}, 400, "invalid_grant"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_a_refused_token_says_why(self, caller: Caller, changed: dict[str, str], status: int, error: str) -> None:
        answer = caller.token(**changed)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert answer.json()["error_description"]

    def test_a_missing_role_is_403(self, caller: Caller) -> None:
        caller.twin.roles.discard("Product Listing")
        assert code(caller.search()) == (403, "Unauthorized")
        assert caller.orders(createdAfter="2026-01-01T00:00:00Z").status_code == 200

    def test_another_sellers_listings(self, caller: Caller) -> None:
        answer = caller.http.get("/listings/2021-08-01/items/A2OTHER", params={"marketplaceIds": MARKETPLACE})
        assert code(answer) == (403, "Unauthorized")


class TestQuota:
    def test_a_burst_and_then_one_by_one(self) -> None:
        with serve(
            "amazon", catalogue=make_catalogue(5, 8, orders=2), seed=5, clock=lambda: NOW, is_strict=True
        ) as twin:
            caller = Caller(twin)
            after = {"createdAfter": "2026-01-01T00:00:00Z"}
            answers = [caller.orders(**after) for _ in range(21)]
            assert [one.status_code for one in answers] == [200] * 20 + [429]
            assert answers[0].headers["x-amzn-ratelimit-limit"] == "0.0056"
            assert code(answers[-1]) == (429, "QuotaExceeded")
            assert "retry-after" not in answers[-1].headers
            assert "x-amzn-ratelimit-limit" not in answers[-1].headers
            assert caller.search().status_code == 200, "each operation has a bucket of its own"
            caller.now += timedelta(seconds=170)
            assert caller.orders(**after).status_code == 429
            caller.now += timedelta(seconds=10)
            assert caller.orders(**after).status_code == 200
            caller.http.close()

    def test_every_answer_has_an_identifier(self, caller: Caller) -> None:
        assert len({caller.search().headers["x-amzn-requestid"] for _ in range(3)}) == 3


class TestListings:
    def test_pages_of_ten_and_of_at_most_twenty(self, caller: Caller) -> None:
        assert len(caller.search().json()["items"]) == 10
        assert code(caller.search(pageSize=21)) == (400, "BAD_REQUEST")
        first = caller.search(pageSize=20).json()
        second = caller.search(pageSize=20, pageToken=first["pagination"]["nextToken"]).json()
        assert first["numberOfResults"] == second["numberOfResults"] == len(caller.twin.state.products)
        skus = [one["sku"] for one in first["items"] + second["items"]]
        assert len(skus) == len(set(skus)) == min(40, first["numberOfResults"])

    def test_the_last_page_has_no_token(self, caller: Caller) -> None:
        token, pages = None, 0
        while pages == 0 or token:
            page = caller.search(pageSize=20, **({"pageToken": token} if token else {})).json()
            token, pages = page.get("pagination", {}).get("nextToken"), pages + 1
        assert pages == -(-page["numberOfResults"] // 20)

    def test_a_search_goes_no_further_than_its_most(self, caller: Caller) -> None:
        assert caller.twin.most_listings == 1000
        caller.twin.most_listings = 20
        page = caller.search(pageSize=20).json()
        assert page["numberOfResults"] > 20 and "pagination" not in page

    def test_only_summaries_unless_asked(self, caller: Caller) -> None:
        assert caller.search().json()["items"][0].keys() == {"sku", "summaries"}
        assert caller.search(includedData="issues,offers").json()["items"][0].keys() == {"sku", "issues", "offers"}

    def test_the_newest_change_first(self, caller: Caller) -> None:
        def dates(**params: Any) -> list[str]:
            rows = caller.search(pageSize=20, **params).json()["items"]
            return [one["summaries"][0][params.get("sortBy", "lastUpdatedDate")] for one in rows]

        assert dates() == sorted(dates(), reverse=True)
        assert dates(sortBy="createdDate", sortOrder="ASC") == sorted(dates(sortBy="createdDate", sortOrder="ASC"))
        bound = dates()[5]
        assert min(dates(lastUpdatedAfter=bound)) == bound, "at or after"
        assert max(dates(lastUpdatedBefore=bound)) == bound, "at or before"

    def test_identifiers_need_their_type_and_are_twenty(self, caller: Caller, sku: str) -> None:
        found = caller.search(identifiers=f"{sku},NOPE", identifiersType="SKU").json()
        assert [one["sku"] for one in found["items"]] == [sku]
        assert code(caller.search(identifiers=sku)) == (400, "BAD_REQUEST")
        many = ",".join(f"S{n}" for n in range(21))
        assert code(caller.search(identifiers=many, identifiersType="SKU")) == (400, "BAD_REQUEST")

    def test_the_marketplace_is_needed(self, caller: Caller) -> None:
        assert code(caller.http.get(caller.items)) == (400, "BAD_REQUEST")

    def test_a_sku_that_does_not_exist(self, caller: Caller) -> None:
        answer = caller.http.get(f"{caller.items}/NOPE", params={"marketplaceIds": MARKETPLACE})
        assert code(answer) == (404, "NOT_FOUND")

    def test_a_family(self, caller: Caller) -> None:
        key, row = next((key, row) for key, row in caller.twin.state.products.items() if row["children"])
        (link,) = caller.listing(key)["relationships"][0]["relationships"]
        assert (link["type"], link["childSkus"]) == ("VARIATION", row["children"])
        child = caller.listing(row["children"][0])
        assert child["relationships"][0]["relationships"][0]["parentSkus"] == [key]
        assert not caller.listing(key)["offers"] and child["offers"]


class TestPatches:
    def test_a_patch_is_accepted_and_shows_one_reading_later(self, caller: Caller, sku: str) -> None:
        before = caller.listing(sku)
        answer = caller.patch(sku, price(77.7), quantity(4711), title("Neu"))
        assert (answer.json()["status"], answer.json()["issues"]) == ("ACCEPTED", [])
        first, second = caller.listing(sku), caller.listing(sku)
        assert first["attributes"]["item_name"][0]["value"] == "Neu"
        assert first["offers"] == before["offers"]
        assert first["fulfillmentAvailability"] == before["fulfillmentAvailability"]
        assert first["summaries"][0]["itemName"] == before["summaries"][0]["itemName"]
        assert second["offers"][0]["price"]["amount"] == "77.70"
        assert second["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "DEFAULT", "quantity": 4711}]
        assert second["summaries"][0]["itemName"] == "Neu"

    def test_an_unknown_sku_is_accepted_and_stays_unknown(self, caller: Caller) -> None:
        before = caller.twin.state.dump()
        assert caller.patch("NOPE", quantity(1)).json()["status"] == "ACCEPTED"
        assert caller.twin.state.dump() == before

    def test_a_replaced_stock_loses_its_lead_time_and_a_merged_one_keeps_it(self, caller: Caller, sku: str) -> None:
        stock = caller.twin.state.products[sku]["attributes"]["fulfillment_availability"]
        stock[0]["lead_time_to_ship_max_days"] = 5
        caller.patch(sku, quantity(3, op="merge"))
        (kept,) = caller.listing(sku)["attributes"]["fulfillment_availability"]
        assert (kept["quantity"], kept["lead_time_to_ship_max_days"]) == (3, 5)
        caller.patch(sku, quantity(4))
        (lost,) = caller.listing(sku)["attributes"]["fulfillment_availability"]
        assert lost == {"fulfillment_channel_code": "DEFAULT", "quantity": 4}

    def test_another_channel_stands_beside_the_first(self, caller: Caller, sku: str) -> None:
        caller.patch(sku, quantity(1, "AMAZON_EU"))
        found = caller.listing(sku)["attributes"]["fulfillment_availability"]
        assert {one["fulfillment_channel_code"] for one in found} == {"DEFAULT", "AMAZON_EU"}

    @pytest.mark.parametrize(
        "patch",
        [
            {"op": "replace", "path": "/attributes/purchasable_offer/0/our_price", "value": [{}]},
            {"op": "replace", "path": "/attributes/fulfillment_availability", "value": [{"quantity": 5}]},
            {"op": "merge", "path": "/attributes/item_name", "value": [{"value": "Neu"}]},
        ],
    )
    def test_what_cannot_be_patched_so(self, caller: Caller, sku: str, patch: dict[str, Any]) -> None:
        answer = caller.patch(sku, patch)
        assert code(answer) == (400, "BAD_REQUEST")
        assert answer.json()["errors"][0]["message"] == "Invalid parameters provided."

    @pytest.mark.parametrize(
        ("patch", "name"),
        [
            (title(""), "item_name"),
            (title("x" * 201), "item_name"),
            (price("12.50"), "purchasable_offer"),
            (price(0), "purchasable_offer"),
            (price(9, discounted_price=[{"schedule": [{"value_with_tax": 8}]}]), "purchasable_offer"),
            (
                {
                    "op": "merge",
                    "path": "/attributes/fulfillment_availability",
                    "value": [{"fulfillment_channel_code": "DEFAULT", "lead_time_to_ship_max_days": 4}],
                },
                "fulfillment_availability",
            ),
            (
                {
                    "op": "merge",
                    "path": "/attributes/fulfillment_availability",
                    "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 1, "lead_time_to_ship_max_days": 31}],
                },
                "fulfillment_availability",
            ),
            ({"op": "delete", "path": "/attributes/color"}, "color"),
        ],
    )
    def test_an_invalid_patch_changes_nothing(self, caller: Caller, sku: str, patch: dict[str, Any], name: str) -> None:
        before = caller.twin.state.dump()
        answer = caller.patch(sku, title("Good") if name != "item_name" else quantity(1), patch).json()
        assert answer["status"] == "INVALID"
        assert {attribute for one in answer["issues"] for attribute in one["attributeNames"]} == {name}
        assert caller.twin.state.dump() == before

    def test_a_preview_stores_nothing(self, caller: Caller, sku: str) -> None:
        before = caller.twin.state.dump()
        assert caller.patch(sku, title("Good"), mode="VALIDATION_PREVIEW").json()["status"] == "VALID"
        assert caller.patch(sku, title(""), mode="VALIDATION_PREVIEW").json()["status"] == "INVALID"
        assert caller.twin.state.dump() == before

    def test_another_product_type_is_an_issue(self, caller: Caller, sku: str) -> None:
        assert caller.patch(sku, title("Good"), product_type="LUGGAGE").json()["status"] == "INVALID"
        own = caller.twin.state.products[sku]["productType"]
        assert caller.patch(sku, title("Good"), product_type=own).json()["status"] == "ACCEPTED"

    def test_a_brand_is_taken_and_ignored(self, caller: Caller, sku: str) -> None:
        before = caller.listing(sku)["attributes"]["brand"]
        patch = {
            "op": "replace",
            "path": "/attributes/brand",
            "value": [{"value": "Other", "marketplace_id": MARKETPLACE}],
        }
        assert caller.patch(sku, patch).json()["status"] == "ACCEPTED"
        assert caller.listing(sku)["attributes"]["brand"] == before

    def test_what_is_missing_is_an_issue_of_the_listing(self, caller: Caller, sku: str) -> None:
        assert caller.listing(sku)["issues"] == []
        del caller.twin.state.products[sku]["attributes"]["brand"]
        (issue,) = caller.listing(sku)["issues"]
        assert (issue["code"], issue["severity"], issue["attributeNames"]) == ("90220", "ERROR", ["brand"])


class TestOrders:
    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"createdAfter": "2026-01-01T00:00:00Z", "lastUpdatedAfter": "2026-01-01T00:00:00Z"},
            {"createdAfter": "2026-01-01T00:00:00Z", "lastUpdatedBefore": "2026-02-01T00:00:00Z"},
            {"createdAfter": "2026-01-01T00:00:00Z", "maxResultsPerPage": 101},
            {"createdAfter": "2026-01-01T00:00:00Z", "createdBefore": "2026-11-20T08:59:00Z"},
            {"createdAfter": "TEST_CASE_400"},
        ],
    )
    def test_parameters_that_do_not_go_together(self, caller: Caller, params: dict[str, Any]) -> None:
        assert code(caller.orders(**params)) == (400, "InvalidInput")

    def test_pages_end_without_a_token(self, caller: Caller) -> None:
        after = {"createdAfter": "2026-01-01T00:00:00Z", "maxResultsPerPage": 5}
        first = caller.orders(**after).json()
        second = caller.orders(**after, paginationToken=first["pagination"]["nextToken"]).json()
        third = caller.orders(**after, paginationToken=second["pagination"]["nextToken"]).json()
        assert [len(one["orders"]) for one in (first, second, third)] == [5, 5, 2]
        assert "pagination" not in third
        assert first["createdBefore"] == "2026-11-20T08:58:00Z"

    def test_data_come_only_when_asked_for(self, caller: Caller) -> None:
        after = {"createdAfter": "2026-01-01T00:00:00Z"}
        bare = caller.orders(**after).json()["orders"][0]
        assert not {"buyer", "recipient", "proceeds", "fulfillment", "packages"} & bare.keys()
        assert bare["orderItems"][0]["product"]["price"]["unitPrice"]["currencyCode"] == "EUR"
        whole = caller.orders(**after, includedData="BUYER,RECIPIENT,PROCEEDS,FULFILLMENT,PACKAGES").json()["orders"][0]
        assert {"buyer", "recipient", "proceeds", "fulfillment", "packages"} <= whole.keys()
        caller.twin.roles.discard("Direct-to-Consumer Shipping")
        assert code(caller.orders(**after, includedData="RECIPIENT")) == (403, "Unauthorized")

    def test_one_order(self, caller: Caller) -> None:
        key = next(iter(caller.twin.state.orders))
        assert caller.http.get(f"{ORDERS}/{key}").json()["order"]["orderId"] == key
        assert code(caller.http.get(f"{ORDERS}/999-9999999-9999999")) == (404, "NotFound")
        assert code(caller.http.get(f"{ORDERS}/12")) == (400, "InvalidInput")

    def confirm(self, caller: Caller, key: str, **changed: Any) -> httpx.Response:
        row = caller.twin.state.orders[key]
        items = [{"orderItemId": one["orderItemId"], "quantity": one["quantityOrdered"]} for one in row["orderItems"]]
        package = {
            "packageReferenceId": "1",
            "carrierCode": "DHL",
            "trackingNumber": "003404",
            "shipDate": "2026-11-20T08:00:00Z",
            "orderItems": items,
        }
        return caller.http.post(
            f"/orders/v0/orders/{key}/shipmentConfirmation",
            json={"marketplaceId": MARKETPLACE, "packageDetail": package | changed},
        )

    def test_a_confirmed_order_has_left(self, caller: Caller) -> None:
        key = caller.twin.state.awaiting("shipment")[0]
        before = caller.twin.state.orders[key]["lastUpdatedTime"]
        assert self.confirm(caller, key).status_code == 204
        assert self.confirm(caller, key).status_code == 204, "the same reference is the same parcel"
        row = caller.twin.state.orders[key]
        assert row["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
        assert row["lastUpdatedTime"] > before
        assert caller.twin.state.parcels() == [(key, "003404")]
        assert key not in caller.twin.state.awaiting("shipment")

    @pytest.mark.parametrize(
        "changed",
        [
            {"packageReferenceId": "one"},
            {"packageReferenceId": "0"},
            {"carrierCode": "Other"},
            {"trackingNumber": ""},
            {"shipDate": "02/21/2022"},
            {"orderItems": [{"orderItemId": "1", "quantity": 1}]},
            {"orderItems": []},
        ],
    )
    def test_a_confirmation_that_is_wrong(self, caller: Caller, changed: dict[str, Any]) -> None:
        key = caller.twin.state.awaiting("shipment")[0]
        assert code(self.confirm(caller, key, **changed)) == (400, "InvalidInput")
        assert not caller.twin.state.parcels()


class TestFeeds:
    def message(self, number: int, sku: str, *patches: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": number,
            "sku": sku,
            "operationType": "PATCH",
            "productType": "PRODUCT",
            "patches": list(patches),
        }

    def test_queue_progress_and_a_packed_report(self, caller: Caller, sku: str, shared: Path) -> None:
        feed = caller.feed(
            self.message(1, sku, quantity(8)),
            self.message(2, sku, title("")),
            self.message(3, "NOPE", quantity(8)),
            self.message(4, sku, title("Deep", "/attributes/item_name/0/value")),
        )
        states = [caller.state(feed) for _ in range(3)]
        assert [one["processingStatus"] for one in states] == ["IN_QUEUE", "IN_PROGRESS", "DONE"]
        place = caller.http.get(f"/feeds/2021-06-30/documents/{states[-1]['resultFeedDocumentId']}").json()
        assert place["compressionAlgorithm"] == "GZIP"
        report = json.loads(gzip.decompress(httpx.get(place["url"]).content))
        schema = json.loads(
            (shared / "specs/amazon/feeds-schema/listings-feed-processing-report-schema-v2.json").read_text()
        )
        assert list(jsonschema_rs.validator_for(schema).iter_errors(report)) == []
        assert [(one["messageId"], one["code"]) for one in report["issues"]] == [(2, "99022"), (4, "4000003")]
        summary = report["summary"]
        assert (summary["messagesProcessed"], summary["messagesAccepted"], summary["messagesInvalid"]) == (4, 2, 2)
        assert caller.listing(sku)["attributes"]["fulfillment_availability"][0]["quantity"] == 8

    def test_the_old_feeds_end_fatally(self, caller: Caller) -> None:
        feed = caller.feed(kind="POST_INVENTORY_AVAILABILITY_DATA")
        assert [caller.state(feed)["processingStatus"] for _ in range(3)][-1] == "FATAL"

    def test_a_feed_may_hang(self, caller: Caller, sku: str) -> None:
        caller.twin.is_stuck = True
        feed = caller.feed(self.message(1, sku, quantity(8)))
        assert {caller.state(feed)["processingStatus"] for _ in range(6)} == {"IN_QUEUE", "IN_PROGRESS"}

    def test_an_upload_has_the_type_that_was_said_and_no_key(self, caller: Caller) -> None:
        place = caller.http.post("/feeds/2021-06-30/documents", json={"contentType": "application/json"})
        assert place.status_code == 201
        url = place.json()["url"]
        assert httpx.put(url, content="{}", headers={"Content-Type": "text/plain"}).status_code == 403
        keyed = {"Content-Type": "application/json", "x-amz-access-token": "Atza|x"}
        assert httpx.put(url, content="{}", headers=keyed).status_code == 400
        body = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [MARKETPLACE],
            "inputFeedDocumentId": place.json()["feedDocumentId"],
        }
        answer = caller.http.post("/feeds/2021-06-30/feeds", json=body)
        assert code(answer) == (400, "InvalidInput"), "nothing was uploaded"

    def test_what_does_not_exist(self, caller: Caller) -> None:
        assert code(caller.http.get("/feeds/2021-06-30/feeds/1")) == (404, "NotFound")
        assert code(caller.http.get("/feeds/2021-06-30/documents/1")) == (404, "NotFound")
        assert code(caller.http.get("/nowhere")) == (404, "NotFound")


class TestDefinitions:
    def test_a_definition_leads_to_its_schema(self, caller: Caller, sku: str) -> None:
        path = "/definitions/2020-09-01/productTypes"
        types = caller.http.get(path, params={"marketplaceIds": MARKETPLACE}).json()["productTypes"]
        own = caller.twin.state.products[sku]["productType"]
        assert own in {one["name"] for one in types}
        found = caller.http.get(f"{path}/{own}", params={"marketplaceIds": MARKETPLACE}).json()
        assert found["schema"]["link"]["verb"] == "GET"
        schema = httpx.get(found["schema"]["link"]["resource"]).json()
        assert set(schema["required"]) <= schema["properties"].keys() | {"item_name"}
        assert set(schema["required"]) <= caller.listing(sku)["attributes"].keys()
        assert code(caller.http.get(f"{path}/INVALID", params={"marketplaceIds": MARKETPLACE})) == (400, "BAD_REQUEST")


def test_the_same_seed_is_the_same_shop() -> None:
    first, second = (AmazonTwin(catalogue=make_catalogue(5, 12, orders=4), seed=5) for _ in range(2))
    assert first.state.dump() == second.state.dump()
    assert first.seller == second.seller
