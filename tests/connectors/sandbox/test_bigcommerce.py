"""The twin of BigCommerce against the fact sheet and BigCommerce's description, by plain HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.bigcommerce import BigCommerceTwin

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HTTP = httpx.Client()
Call = Callable[..., httpx.Response]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue(5, 60, orders=12, defects=0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def host(catalogue) -> Iterator[Twin]:
    """The one server of this module; each test puts a twin of its own behind it."""
    with serve("bigcommerce", catalogue=catalogue) as running:
        yield running


@pytest.fixture
def twin(host: Twin, clock: Clock) -> Twin:
    return BigCommerceTwin(catalogue=host.catalogue, seed=5, clock=clock).take_over(host)


@pytest.fixture
def call(twin: Twin) -> Call:
    return caller(twin)


def caller(twin: Twin, token: str = "") -> Call:
    def send(method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"X-Auth-Token": token or twin.credentials["access_token"]}
        return HTTP.request(
            method, f"{twin.base_url}/stores/{twin.credentials['store_hash']}/{path}", headers=headers, **options
        )

    return send


def single(twin: Twin) -> str:
    return next(key for key, row in twin.state.products.items() if not row["variants"])


def varied(twin: Twin) -> dict[str, Any]:
    return next(row for row in twin.state.products.values() if row["variants"])


class TestDoor:
    def test_a_wrong_token_a_wrong_store_and_a_missing_scope(self, twin: Twin, catalogue) -> None:
        assert caller(twin, "wrong")("GET", "v2/store").status_code == 401
        url = f"{twin.base_url}/stores/zzz999/v2/store"
        assert HTTP.get(url, headers={"X-Auth-Token": twin.credentials["access_token"]}).status_code == 404
        with serve("bigcommerce", catalogue=catalogue, lacks=["store_inventory"]) as running:
            refused = caller(running)("GET", "v3/inventory/items")
        assert refused.status_code == 403
        assert "scope" in refused.json()["title"]

    def test_the_window_is_told_and_ends(self, catalogue, clock: Clock) -> None:
        with serve("bigcommerce", catalogue=catalogue, clock=clock, quota=2) as running:
            call = caller(running)
            left = [call("GET", "v2/store").headers["x-rate-limit-requests-left"] for _ in range(2)]
            assert left == ["1", "0"]
            clock.now += timedelta(seconds=10)
            refused = call("GET", "v2/store")
            assert refused.status_code == 429
            assert "retry-after" not in refused.headers
            assert refused.headers["x-rate-limit-time-reset-ms"] == "20000"
            clock.now += timedelta(seconds=20)
            assert call("GET", "v2/store").status_code == 200


class TestLists:
    def test_pages_of_v3_are_counted_and_capped(self, call: Call) -> None:
        first = call("GET", "v3/catalog/products").json()
        assert len(first["data"]) == 50
        assert first["meta"]["pagination"] | {"links": {}} == {
            "total": 60,
            "count": 50,
            "per_page": 50,
            "current_page": 1,
            "total_pages": 2,
            "links": {},
        }
        assert "next" in first["meta"]["pagination"]["links"]
        assert call("GET", "v3/catalog/products", params={"limit": 250}).json()["meta"]["pagination"]["per_page"] == 250
        cut = call("GET", "v3/catalog/products", params={"limit": 250, "include": "options"}).json()
        assert len(cut["data"]) == 10

    def test_an_empty_list_of_v2_is_204_without_a_body(self, call: Call) -> None:
        assert isinstance(call("GET", "v2/orders").json(), list)
        behind = call("GET", "v2/orders", params={"page": 9})
        assert (behind.status_code, behind.content) == (204, b"")

    def test_a_bare_date_gets_the_present_time_of_day(self, call: Call, twin: Twin) -> None:
        rows = list(twin.state.products.values())
        for row in rows:
            row["date_modified"] = NOW - timedelta(days=5)
        rows[0]["date_modified"], rows[1]["date_modified"] = NOW - timedelta(hours=1), NOW + timedelta(hours=1)

        def found(since: str) -> int:
            return call("GET", "v3/catalog/products", params={"date_modified:min": since}).json()["meta"]["pagination"][
                "total"
            ]

        assert found("2026-11-20T00:00:00Z") == 2
        assert found("2026-11-20") == 1

    def test_filters_of_orders_take_both_forms_of_time(self, call: Call, twin: Twin) -> None:
        key = next(iter(twin.state.orders))
        twin.state.orders[key]["date_modified"] = NOW
        for since in ("2026-11-20T08:59:00Z", "Fri, 20 Nov 2026 08:59:00 +0000"):
            assert [row["id"] for row in call("GET", "v2/orders", params={"min_date_modified": since}).json()] == [
                int(key)
            ]

    def test_only_what_is_included_comes(self, call: Call) -> None:
        bare = call("GET", "v3/catalog/products", params={"limit": 1}).json()["data"][0]
        assert not {"variants", "images", "custom_fields"} & set(bare)
        full = call("GET", "v3/catalog/products", params={"limit": 1, "include": "variants,images"}).json()["data"][0]
        assert {"variants", "images"} <= set(full)
        cut = call("GET", "v3/catalog/products", params={"limit": 1, "include_fields": "name"}).json()["data"][0]
        assert set(cut) == {"id", "name"}


class TestCatalogue:
    def test_a_product_without_options_has_a_base_variant(self, call: Call, twin: Twin) -> None:
        key = single(twin)
        row = call("GET", f"v3/catalog/products/{key}", params={"include": "variants"}).json()["data"]
        (base,) = row["variants"]
        assert base["id"] == row["base_variant_id"]
        assert base["option_values"] == []
        assert base["price"] is None
        assert base["sku"] == row["sku"]

    def test_numbers_of_products_and_variants_overlap(self, twin: Twin) -> None:
        variants = {one["id"] for row in twin.state.products.values() for one in row["variants"]}
        variants |= {row["base_variant_id"] for row in twin.state.products.values() if not row["variants"]}
        assert variants & {int(key) for key in twin.state.products}

    def test_a_put_keeps_what_is_not_sent_and_replaces_a_list(self, call: Call, twin: Twin) -> None:
        key = single(twin)
        before = call("GET", f"v3/catalog/products/{key}").json()["data"]
        other = next(int(one) for one in twin.state.collections["categories"] if int(one) not in before["categories"])
        after = call("PUT", f"v3/catalog/products/{key}", json={"categories": [other]}).json()["data"]
        assert after["categories"] == [other]
        assert {name for name in after if after[name] != before[name]} == {"categories", "date_modified"}

    @pytest.mark.parametrize(
        ("body", "status", "field"),
        [
            ({"name": ""}, 422, "name"),
            ({"name": "x" * 251}, 422, "name"),
            ({"price": -1}, 422, "price"),
            ({"price": "12.50"}, 422, "price"),
            ({"gtin": "4006381333931 EAN"}, 422, "gtin"),
            ({"condition": "Like new"}, 422, "condition"),
            ({"categories": [99999]}, 409, ""),
            ({"brand_id": 99999}, 409, ""),
        ],
    )
    def test_what_the_description_forbids_is_refused_whole(
        self, call: Call, twin: Twin, body: dict[str, Any], status: int, field: str
    ) -> None:
        before = twin.state.dump()
        answer = call("PUT", f"v3/catalog/products/{single(twin)}", json={"page_title": "Good", **body})
        assert answer.status_code == status
        assert answer.json()["status"] == status
        assert not field or list(answer.json()["errors"]) == [field]
        assert twin.state.dump() == before

    def test_names_and_skus_are_unique(self, call: Call, twin: Twin) -> None:
        first, second = [key for key, row in twin.state.products.items() if not row["variants"]][:2]
        name, sku = twin.state.products[second]["name"], varied(twin)["variants"][0]["sku"]
        assert call("PUT", f"v3/catalog/products/{first}", json={"name": name.upper()}).status_code == 409
        assert call("PUT", f"v3/catalog/products/{first}", json={"sku": sku}).status_code == 409
        assert call("PUT", f"v3/catalog/products/{second}", json={"name": name}).status_code == 200

    def test_batches_have_a_size_and_are_taken_whole_or_not_at_all(self, call: Call, twin: Twin) -> None:
        keys = [int(key) for key in twin.state.products]
        assert call("PUT", "v3/catalog/products", json=[{"id": key} for key in keys[:11]]).status_code == 413
        assert call("PUT", "v3/catalog/variants", json=[{"id": key} for key in range(51)]).status_code == 413
        before = twin.state.dump()
        bad = call("PUT", "v3/catalog/products", json=[{"id": keys[0], "price": 5}, {"id": keys[1], "price": -5}])
        assert bad.status_code == 422
        assert twin.state.dump() == before
        good = call("PUT", "v3/catalog/products", json=[{"id": keys[0], "price": 5}, {"id": keys[1], "price": 6}])
        assert [row["price"] for row in good.json()["data"]] == [5, 6]

    def test_a_batch_of_variants_tells_its_errors_in_a_list(self, call: Call, twin: Twin) -> None:
        one = varied(twin)["variants"][0]
        bad = call("PUT", "v3/catalog/variants", json=[{"id": one["id"], "price": -1}])
        assert bad.status_code == 422
        assert list(bad.json()["batch_errors"][0]["errors"]) == ["price"]
        assert call("PUT", "v3/catalog/variants", json=[{"id": one["id"], "price": 9}]).json()["data"][0]["price"] == 9

    def test_a_variant_is_found_below_its_own_product_only(self, call: Call, twin: Twin) -> None:
        row = varied(twin)
        one = row["variants"][0]["id"]
        assert (
            call("PUT", f"v3/catalog/products/{row['id']}/variants/{one}", json={"sale_price": None}).status_code == 200
        )
        assert call("PUT", f"v3/catalog/products/{single(twin)}/variants/{one}", json={"price": 1}).status_code == 404

    def test_a_save_that_leaves_a_part_behind_is_207(self, call: Call, twin: Twin) -> None:
        twin.links_fail = True
        answer = call("PUT", f"v3/catalog/products/{single(twin)}", json={"price": 5})
        assert answer.status_code == 207
        assert answer.json()["data"]["price"] == 5
        assert list(answer.json()["errors"]["errors"]) == ["custom_url"]

    def test_pictures_are_copied_and_one_is_the_thumbnail(self, call: Call, twin: Twin) -> None:
        key = single(twin)
        path = f"v3/catalog/products/{key}/images"
        body = {"image_url": "https://images.example.com/new.jpg", "is_thumbnail": True}
        picture = call("POST", path, json=body).json()["data"]
        assert picture["url_zoom"].startswith("https://cdn11.")
        assert [one["id"] for one in twin.state.products[key]["images"] if one["is_thumbnail"]] == [picture["id"]]
        assert call("DELETE", f"{path}/{picture['id']}").status_code == 204
        assert call("DELETE", f"{path}/{picture['id']}").status_code == 404
        long = {"image_url": f"https://images.example.com/{'x' * 250}.jpg"}
        assert call("POST", path, json=long).status_code == 422


class TestInventory:
    def put(self, call: Call, *items: dict[str, Any]) -> httpx.Response:
        return call("PUT", "v3/inventory/adjustments/absolute", json={"reason": "count", "items": list(items)})

    def test_an_adjustment_is_accepted_and_shows_one_reading_later(self, call: Call, twin: Twin) -> None:
        variant = twin.state.products[single(twin)]["base_variant_id"]
        answer = self.put(call, {"location_id": 1, "variant_id": variant, "quantity": 41})
        assert answer.json()["transaction_id"]

        def level() -> int:
            (item,) = call("GET", "v3/inventory/items", params={"variant_id:in": variant}).json()["data"]
            return item["locations"][0]["total_inventory_onhand"]

        assert level() != 41
        assert level() == 41
        assert call("GET", f"v3/catalog/products/{single(twin)}").json()["data"]["inventory_level"] == 41

    def test_one_bad_item_refuses_all(self, call: Call, twin: Twin) -> None:
        variant, before = twin.state.products[single(twin)]["base_variant_id"], twin.state.dump()
        good = {"location_id": 1, "variant_id": variant, "quantity": 41}
        for bad in (good | {"quantity": -1}, good | {"location_id": 9}, good | {"variant_id": 999999}):
            assert self.put(call, good, bad).status_code == 422
        assert self.put(call).status_code == 422
        assert twin.state.dump() == before

    def test_a_product_with_options_counts_its_variants(self, call: Call, twin: Twin) -> None:
        row = varied(twin)
        shown = call("GET", f"v3/catalog/products/{row['id']}", params={"include": "variants"}).json()["data"]
        assert shown["inventory_level"] == sum(one["inventory_level"] for one in shown["variants"])


class TestOrders:
    def test_money_is_text_and_times_are_of_mail(self, call: Call) -> None:
        row = call("GET", "v2/orders", params={"limit": 1}).json()[0]
        assert row["total_inc_tax"].partition(".")[2].isdigit()
        assert len(row["total_inc_tax"].partition(".")[2]) == 4
        assert parsedate_to_datetime(row["date_created"]).tzinfo

    def test_sub_resources_are_links_unless_they_are_asked_for(self, call: Call, twin: Twin) -> None:
        key = next(iter(twin.state.orders))
        bare = call("GET", f"v2/orders/{key}").json()
        assert bare["products"]["resource"] == f"/orders/{key}/products"
        assert "consignments" not in bare
        asked = {"include": "consignments.line_items", "consignment_structure": "object"}
        (sent,) = call("GET", f"v2/orders/{key}", params=asked).json()["consignments"]["shipping"]
        assert sent["line_items"] == call("GET", f"v2/orders/{key}/products").json()
        (address,) = call("GET", f"v2/orders/{key}/shipping_addresses").json()
        assert address["id"] == sent["id"]

    def test_an_address_is_replaced_as_a_whole(self, call: Call, twin: Twin) -> None:
        key = next(iter(twin.state.orders))
        answer = call("PUT", f"v2/orders/{key}", json={"billing_address": {"zip": "28195", "phone": "+49"}})
        assert answer.json()["billing_address"]["first_name"] == ""
        number = twin.state.orders[key]["shipping"]["id"]
        path = f"v2/orders/{key}/shipping_addresses/{number}"
        assert call("PUT", path, json={"city": "Bremen"}).json() == [
            {"status": 400, "message": "The field 'zip' is required."}
        ]
        assert call("PUT", path, json={"zip": "28195", "city": "Bremen"}).json()["first_name"] == ""
        assert call("PUT", f"v2/orders/{key}/shipping_addresses/1", json={"zip": "1"}).status_code == 404

    def test_an_unknown_order_is_told_in_a_list(self, call: Call) -> None:
        answer = call("GET", "v2/orders/999999")
        assert answer.status_code == 404
        assert answer.json()[0]["status"] == 404

    def test_shipments_move_the_status_and_know_what_is_left(self, call: Call, twin: Twin) -> None:
        key = twin.state.awaiting("shipment")[0]
        row = twin.state.orders[key]
        row["lines"] = [row["lines"][0] | {"quantity": 2, "quantity_shipped": 0}]
        path = f"v2/orders/{key}/shipments"
        assert call("GET", path).status_code == 204

        def ship(quantity: int, address: int) -> httpx.Response:
            items = [{"order_product_id": row["lines"][0]["id"], "quantity": quantity}]
            return call("POST", path, json={"order_address_id": address, "items": items, "tracking_number": "1"})

        assert ship(1, 1).status_code == 400
        assert ship(3, row["shipping"]["id"]).status_code == 400
        assert ship(1, row["shipping"]["id"]).status_code == 201
        assert call("GET", f"v2/orders/{key}").json()["status"] == "Partially Shipped"
        assert ship(1, row["shipping"]["id"]).status_code == 201
        shown = call("GET", f"v2/orders/{key}").json()
        assert (shown["status"], shown["items_shipped"]) == ("Shipped", 2)
        assert shown["date_shipped"]
        assert len(call("GET", path).json()) == 2
