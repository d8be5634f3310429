"""The twin of Magento against the fact sheet and Adobe's description, by plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.magento import MagentoTwin

HTTP = httpx.Client()
Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue(5, 30, orders=12, defects=0.2)


@pytest.fixture(scope="module")
def host(catalogue) -> Iterator[Twin]:
    """The one server of this module; each test puts a twin of its own behind it."""
    with serve("magento", catalogue=catalogue) as running:
        yield running


@pytest.fixture
def twin(host: Twin) -> Twin:
    return MagentoTwin(catalogue=host.catalogue, seed=5, bearer=True).take_over(host)


@pytest.fixture
def call(twin: Twin) -> Call:
    return caller(twin)


def caller(twin: Twin) -> Call:
    def send(method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {twin.credentials['access_token']}"}
        return HTTP.request(method, f"{twin.base_url}/rest/{path}", headers=headers, **options)

    return send


def criteria(size: int = 0, page: int = 1, *filters: tuple[str, str, str], sort: str = "entity_id") -> dict[str, str]:
    """Search criteria, each filter in a group of its own."""
    found = {"searchCriteria[currentPage]": str(page), "searchCriteria[sortOrders][0][field]": sort}
    found |= {"searchCriteria[pageSize]": str(size)} if size else {}
    for number, (field, condition, value) in enumerate(filters):
        name = f"searchCriteria[filterGroups][{number}][filters][0]"
        found |= {f"{name}[field]": field, f"{name}[conditionType]": condition, f"{name}[value]": value}
    return found


def signed(twin: Twin, url: str, method: str = "HMAC-SHA256", **changed: str) -> dict[str, str]:
    """The header of OAuth 1.0a for a GET without a query, worked out by RFC 5849, section 3.4."""
    given = twin.credentials
    stated = {
        "oauth_consumer_key": given["consumer_key"],
        "oauth_nonce": "n-1",
        "oauth_signature_method": method,
        "oauth_timestamp": str(int(twin.clock().timestamp())),
        "oauth_token": given["access_token"],
    } | changed
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(stated.items()))
    base = f"GET&{quote(url, safe='')}&{quote(pairs, safe='')}"
    key = f"{given['consumer_secret']}&{given['access_token_secret']}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
    stated["oauth_signature"] = base64.b64encode(digest).decode()
    return {
        "authorization": "OAuth " + ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in stated.items())
    }


class TestDoor:
    def test_a_signature_by_the_book_is_let_in_once(self, twin: Twin) -> None:
        url = f"{twin.base_url}/rest/all/V1/store/storeViews"
        headers = signed(twin, url)
        assert HTTP.get(url, headers=headers).status_code == 200
        again = HTTP.get(url, headers=headers)
        assert again.status_code == 401
        assert "nonce" in again.json()["message"]

    @pytest.mark.parametrize(
        ("changed", "word"),
        [
            ({"oauth_consumer_key": "nobody"}, "unknown"),
            ({"oauth_timestamp": "9999999999"}, "future"),
            ({"method": "HMAC-SHA1"}, "method"),
        ],
    )
    def test_other_signatures_are_refused(self, twin: Twin, changed: dict[str, str], word: str) -> None:
        url = f"{twin.base_url}/rest/all/V1/store/storeViews"
        answer = HTTP.get(url, headers=signed(twin, url, **changed))
        assert answer.status_code in (400, 401)
        assert word in answer.json()["message"]

    def test_a_signature_of_another_address_is_invalid(self, twin: Twin) -> None:
        url = f"{twin.base_url}/rest/all/V1/store/storeViews"
        answer = HTTP.get(url, headers=signed(twin, url.replace("storeViews", "storeConfigs")))
        assert answer.json()["message"].startswith("The signature is invalid")

    def test_a_bare_token_is_refused_unless_the_merchant_allows_it(self, catalogue) -> None:
        with serve("magento", catalogue=catalogue) as running:
            answer = caller(running)("GET", "all/V1/store/storeViews")
        assert answer.status_code == 401
        assert "isn't authorized to access %resources" in answer.json()["message"]

    def test_a_missing_resource_is_named(self, catalogue) -> None:
        with serve("magento", catalogue=catalogue, bearer=True, lacks=["Magento_Sales::sales"]) as running:
            answer = caller(running)("GET", "all/V1/orders", params=criteria(1))
        assert answer.status_code == 401
        assert answer.json()["parameters"] == [{"resources": "Magento_Sales::sales"}]

    def test_unknown_places(self, call: Call) -> None:
        assert call("GET", "fr/V1/orders", params=criteria(1)).status_code == 404
        assert call("GET", "all/V1/lamps").json()["message"] == "Request does not match any route."
        slash = call("GET", "all/V1/products/A%2FB")
        assert slash.status_code == 404
        assert "html" in slash.headers["content-type"]


class TestLists:
    def test_a_page_behind_the_end_is_the_last_one_again(self, call: Call) -> None:
        last = call("GET", "all/V1/orders", params=criteria(5, 3)).json()
        behind = call("GET", "all/V1/orders", params=criteria(5, 9)).json()
        assert len(last["items"]) == 2
        assert last["total_count"] == 12
        assert behind["items"] == last["items"]

    def test_page_0_is_page_1_and_no_size_means_all(self, call: Call) -> None:
        first, zero = (call("GET", "all/V1/orders", params=criteria(5, page)).json()["items"] for page in (1, 0))
        assert first == zero
        assert len(call("GET", "all/V1/orders", params=criteria()).json()["items"]) == 12

    def test_criteria_are_needed(self, call: Call) -> None:
        answer = call("GET", "all/V1/products")
        assert answer.status_code == 400
        assert answer.json()["parameters"] == [{"fieldName": "searchCriteria"}]

    def test_groups_must_all_hold_and_in_parts_at_commas(self, call: Call, twin: Twin) -> None:
        first, second = list(twin.state.products)[:2]
        both = call("GET", "all/V1/products", params=criteria(9, 1, ("sku", "in", f"{first},{second}"))).json()
        assert [row["sku"] for row in both["items"]] == [first, second]
        one = criteria(9, 1, ("sku", "in", f"{first},{second}"), ("sku", "neq", first))
        assert [row["sku"] for row in call("GET", "all/V1/products", params=one).json()["items"]] == [second]

    def test_filters_of_a_group_are_alternatives(self, call: Call, twin: Twin) -> None:
        first, second = list(twin.state.products)[:2]
        asked = criteria(9, 1, ("sku", "eq", first))
        name = "searchCriteria[filterGroups][0][filters][1]"
        asked |= {f"{name}[field]": "sku", f"{name}[value]": second}
        assert call("GET", "all/V1/products", params=asked).json()["total_count"] == 2

    def test_times_are_utc_without_a_zone_and_can_be_filtered(self, call: Call, twin: Twin) -> None:
        rows = call("GET", "all/V1/products", params=criteria()).json()["items"]
        newest = max(row["updated_at"] for row in rows)
        assert datetime.strptime(newest, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        found = call("GET", "all/V1/products", params=criteria(50, 1, ("updated_at", "gteq", newest))).json()
        assert 0 < found["total_count"] < len(rows)

    def test_an_unknown_condition_is_refused(self, call: Call) -> None:
        assert call("GET", "all/V1/products", params=criteria(9, 1, ("sku", "is", "x"))).status_code == 400

    def test_answers_are_cut_by_fields(self, call: Call) -> None:
        cut = "items[sku,extension_attributes[category_links]],search_criteria,total_count"
        rows = call("GET", "all/V1/products", params=criteria(3) | {"fields": cut}).json()["items"]
        assert [set(row) for row in rows] == [{"sku", "extension_attributes"}] * 3
        assert set(rows[0]["extension_attributes"]) == {"category_links"}

    def test_pages_are_limited_where_the_merchant_wants_it(self, catalogue) -> None:
        with serve("magento", catalogue=catalogue, bearer=True, input_limits=True) as running:
            assert caller(running)("GET", "all/V1/products", params=criteria(301)).status_code == 400
            assert caller(running)("GET", "all/V1/products", params=criteria(300)).status_code == 200


class TestSaving:
    @pytest.fixture
    def sku(self, twin: Twin) -> str:
        return next(iter(twin.state.products))

    def put(self, call: Call, sku: str, view: str = "all", **product: Any) -> httpx.Response:
        return call("PUT", f"{view}/V1/products/{sku}", json={"product": {"sku": sku, **product}})

    def test_a_save_keeps_what_is_not_sent(self, call: Call, sku: str) -> None:
        before = call("GET", f"all/V1/products/{sku}").json()
        after = self.put(call, sku, price=1.5).json()
        assert {name for name in after if after[name] != before[name]} == {"price", "updated_at"}

    def test_an_unknown_attribute_is_dropped_without_a_word(self, call: Call, sku: str) -> None:
        sent = [{"attribute_code": "ean", "value": "1"}, {"attribute_code": "gtin", "value": "2"}]
        answer = self.put(call, sku, custom_attributes=sent)
        known = {one["attribute_code"]: one["value"] for one in answer.json()["custom_attributes"]}
        assert answer.status_code == 200
        assert "ean" not in known
        assert known["gtin"] == "2"

    def test_an_unknown_sku_is_made_when_it_has_all_it_needs(self, call: Call, twin: Twin) -> None:
        refused = self.put(call, "NEW-1", name="Lamp")
        assert refused.status_code == 400
        assert "Price" in refused.json()["message"]
        assert self.put(call, "NEW-1", name="Lamp", price=5).status_code == 200
        assert "NEW-1" in twin.state.products

    def test_a_list_of_categories_replaces_and_none_keeps(self, call: Call, sku: str, twin: Twin) -> None:
        self.put(call, sku, extension_attributes={"category_links": [{"category_id": "2", "position": 1}]})
        assert self.put(call, sku, price=2).json()["extension_attributes"]["category_links"][0]["category_id"] == "2"
        emptied = self.put(call, sku, extension_attributes={"category_links": []}).json()
        assert emptied["extension_attributes"]["category_links"] == []
        unknown = self.put(call, sku, extension_attributes={"category_links": [{"category_id": "999"}]})
        assert unknown.status_code == 404

    def test_a_store_view_has_values_of_its_own(self, call: Call, sku: str) -> None:
        self.put(call, sku, "de", name="Eine Lampe")
        assert call("GET", f"de/V1/products/{sku}").json()["name"] == "Eine Lampe"
        assert call("GET", f"all/V1/products/{sku}").json()["name"] != "Eine Lampe"

    def test_bad_values_are_refused_and_nothing_is_stored(self, call: Call, sku: str, twin: Twin) -> None:
        before = twin.state.dump()
        assert self.put(call, sku, name="", price=3).status_code == 400
        assert self.put(call, sku, price=-1).status_code == 400
        assert self.put(call, "S" * 65, name="Lamp", price=1).status_code == 400
        assert twin.state.dump() == before

    def test_a_special_price_starts_today_where_no_day_is_said(self, call: Call, sku: str, twin: Twin) -> None:
        self.put(call, sku, custom_attributes=[{"attribute_code": "special_price", "value": "1.00"}])
        stored = twin.state.products[sku]["custom_attributes"]
        assert stored["special_from_date"] == twin.clock().strftime("%Y-%m-%d 00:00:00")

    def test_options_are_numbers_with_labels(self, call: Call, twin: Twin) -> None:
        found = call("GET", "all/V1/products/attributes/manufacturer").json()
        assert found["frontend_input"] == "select"
        assert found["options"][0]["value"] == ""
        assert {one["label"] for one in found["options"][1:]} == set(
            twin.state.collections["options"]["manufacturer"].values()
        )
        assert call("GET", "all/V1/products/attributes/ean").status_code == 404

    def test_a_list_of_prices_answers_with_the_failed_rows_alone(self, call: Call, sku: str) -> None:
        rows = [{"sku": one, "price": 7, "store_id": 0} for one in (sku, "NO-SUCH")]
        failed = call("POST", "all/V1/products/base-prices", json={"prices": rows}).json()
        assert [row["parameters"] for row in failed] == [["NO-SUCH", "0"]]
        assert call("GET", f"all/V1/products/{sku}").json()["price"] == 7

    def test_special_prices_need_both_dates(self, call: Call, sku: str) -> None:
        row = {"sku": sku, "price": 7, "store_id": 0, "price_from": "2026-11-01 00:00:00", "price_to": ""}
        failed = call("POST", "all/V1/products/special-price", json={"prices": [row]}).json()
        assert failed[0]["parameters"][0] == "price_to"
        row["price_to"] = "2026-12-01 00:00:00"
        assert call("POST", "all/V1/products/special-price", json={"prices": [row]}).json() == []

    def test_source_items_are_absolute_and_an_unknown_source_refuses_the_list(
        self, call: Call, sku: str, twin: Twin
    ) -> None:
        item = {"sku": sku, "source_code": "default", "quantity": 4, "status": 1}
        assert call("POST", "all/V1/inventory/source-items", json={"sourceItems": [item]}).status_code == 200
        assert twin.state.collections["stock"][f"default/{sku}"]["quantity"] == 4
        bad = call(
            "POST",
            "all/V1/inventory/source-items",
            json={"sourceItems": [item | {"quantity": 9}, item | {"source_code": "x"}]},
        )
        assert bad.status_code == 400
        assert bad.json()["message"] == "Validation Failed"
        assert twin.state.collections["stock"][f"default/{sku}"]["quantity"] == 4


class TestBulks:
    def send(self, call: Call, *bodies: Any) -> tuple[httpx.Response, Callable[[], list[int]]]:
        answer = call("PUT", "all/async/bulk/V1/products/bySku", json=list(bodies))
        path = f"all/V1/bulk/{answer.json()['bulk_uuid']}/detailed-status"
        return answer, lambda: [one["status"] for one in call("GET", path).json()["operations_list"]]

    def test_accepted_is_not_done_and_each_operation_has_a_status(self, call: Call, twin: Twin) -> None:
        first, second, third = list(twin.state.products)[:3]
        twin.deadlocks = {third}
        products = [{"sku": first, "name": "Lamp"}, {"sku": second, "name": ""}, {"sku": third, "name": "Lamp"}]
        answer, ask = self.send(call, *({"product": one} for one in products))
        assert answer.status_code == 202
        assert [one["status"] for one in answer.json()["request_items"]] == ["accepted"] * 3
        assert twin.state.products[first]["name"] != "Lamp"
        assert ask() == [4, 4, 4]
        assert ask() == [1, 3, 2]
        assert twin.state.products[first]["name"] == "Lamp"

    def test_an_element_without_a_product_is_rejected_at_once(self, call: Call, twin: Twin) -> None:
        answer, ask = self.send(
            call, {"item": {}}, {"product": {"sku": next(iter(twin.state.products)), "name": "Lamp"}}
        )
        assert answer.json()["errors"] is True
        assert [one["status"] for one in answer.json()["request_items"]] == ["rejected", "accepted"]
        assert ask() == [4]

    def test_without_a_consumer_operations_stay_open(self, catalogue) -> None:
        with serve("magento", catalogue=catalogue, bearer=True, consumer_runs=False) as running:
            _, ask = self.send(
                caller(running), {"product": {"sku": next(iter(running.state.products)), "name": "Lamp"}}
            )
            assert [ask() for _ in range(4)] == [[4]] * 4

    def test_an_unknown_bulk(self, call: Call) -> None:
        assert call("GET", "all/V1/bulk/none/detailed-status").status_code == 404


class TestOrders:
    def test_an_address_with_its_number_is_saved_and_the_orders_time_stays(self, call: Call, twin: Twin) -> None:
        key = next(iter(twin.state.orders))
        before = call("GET", f"all/V1/orders/{key}").json()
        address = before["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        assert call("PUT", f"all/V1/orders/{key}", json={"entity": address | {"city": "Bremen"}}).status_code == 200
        after = call("GET", f"all/V1/orders/{key}").json()
        assert after["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]["city"] == "Bremen"
        assert after["updated_at"] == before["updated_at"]

    def test_an_address_without_its_number_is_another_one(self, call: Call, twin: Twin) -> None:
        key = next(iter(twin.state.orders))
        order = call("GET", f"all/V1/orders/{key}").json()
        address = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        unnamed = {name: value for name, value in address.items() if name != "entity_id"} | {"city": "Bremen"}
        assert call("PUT", f"all/V1/orders/{key}", json={"entity": unnamed}).json()["entity_id"] != address["entity_id"]
        assert call("GET", f"all/V1/orders/{key}").json() == order

    def test_an_address_needs_its_parts(self, call: Call, twin: Twin) -> None:
        key = next(iter(twin.state.orders))
        order = call("GET", f"all/V1/orders/{key}").json()
        address = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        answer = call("PUT", f"all/V1/orders/{key}", json={"entity": address | {"city": "", "telephone": ""}})
        assert answer.status_code == 400
        assert '"City"' in answer.json()["message"]
        assert '"Phone Number"' in answer.json()["message"]

    def test_a_shipment_needs_a_source_and_no_more_than_is_left(self, call: Call, twin: Twin) -> None:
        key = twin.state.awaiting("shipment")[0]
        line = twin.state.orders[key]["items"][0]
        items = [{"order_item_id": line["item_id"], "qty": line["qty_ordered"]}]
        where = {"arguments": {"extension_attributes": {"source_code": "default"}}}
        assert call("POST", f"all/V1/order/{key}/ship", json={"items": items}).status_code == 400
        many = [items[0] | {"qty": line["qty_ordered"] + 1}]
        assert call("POST", f"all/V1/order/{key}/ship", json={"items": many, **where}).status_code == 400
        number = call("POST", f"all/V1/order/{key}/ship", json={"items": items, **where}).json()
        assert twin.state.collections["shipments"][str(number)]["order_id"] == int(key)
        assert twin.state.orders[key]["items"][0]["qty_shipped"] == line["qty_ordered"]

    def test_an_order_that_is_done_takes_no_shipment(self, call: Call, twin: Twin) -> None:
        key = next(key for key, row in twin.state.orders.items() if row["status"] == "complete")
        answer = call("POST", f"all/V1/order/{key}/ship", json={})
        assert answer.status_code == 400
        assert "status of complete" in answer.json()["message"]

    def test_a_variant_is_two_lines(self, twin: Twin) -> None:
        rows = [line for order in twin.state.orders.values() for line in order["items"]]
        parents = {line["item_id"]: line for line in rows if line["product_type"] == "configurable"}
        children = [line for line in rows if "parent_item_id" in line]
        assert len(parents) == len(children) > 0
        assert all(line["price"] == 0 and parents[line["parent_item_id"]]["price"] > 0 for line in children)
