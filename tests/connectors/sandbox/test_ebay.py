"""The eBay twin against what eBay's own descriptions and pages say of it."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.sandbox import make_catalogue, serve
from connectors.sandbox.ebay import SCOPES, EbayTwin
from connectors.sandbox.ebay_store import CATEGORIES, POLICIES, unpublishable

HTTP = httpx.Client()
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INVENTORY, FULFILLMENT, ACCOUNT, TAXONOMY = (
    "/sell/inventory/v1",
    "/sell/fulfillment/v1",
    "/sell/account/v1",
    "/commerce/taxonomy/v1",
)


class Seller:
    """Calls a twin as a program of the seller would."""

    def __init__(self, twin: EbayTwin) -> None:
        self.twin = twin
        self.headers = {"Authorization": f"Bearer {self.token()['access_token']}", "Content-Language": "de-DE"}

    def mint(self, *, key: str = "", **form: str) -> httpx.Response:
        given = self.twin.credentials
        code = b64encode((key or f"{given['client_id']}:{given['client_secret']}").encode()).decode()
        address = f"{self.twin.base_url}/identity/v1/oauth2/token"
        return HTTP.post(address, data=form, headers={"Authorization": f"Basic {code}"})

    def token(self, **changed: str) -> dict[str, Any]:
        usual = {"grant_type": "refresh_token", "refresh_token": self.twin.credentials["refresh_token"]}
        found: dict[str, Any] = self.mint(**(usual | changed)).json()
        return found

    def application(self) -> dict[str, str]:
        token = self.mint(grant_type="client_credentials", scope=SCOPES[0]).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = self.headers | options.pop("headers", {})
        return HTTP.request(method, self.twin.base_url + path, json=body, headers=headers, **options)

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.call("GET", path, params=params)

    def item(self, sku: str) -> dict[str, Any]:
        """An item as it may be sent back."""
        found = self.get(f"{INVENTORY}/inventory_item/{sku}").json()
        for name in ("sku", "locale", "groupIds", "inventoryItemGroupKeys"):
            found.pop(name, None)
        del found["availability"]["shipToLocationAvailability"]["allocationByFormat"]
        return found

    def offer(self, sku: str) -> tuple[str, dict[str, Any]]:
        found = self.get(f"{INVENTORY}/offer", sku=sku).json()["offers"][0]
        key = found["offerId"]
        for name in ("offerId", "sku", "marketplaceId", "format", "status", "listing"):
            found.pop(name, None)
        return key, found

    def put_item(self, sku: str, body: Any, **options: Any) -> httpx.Response:
        return self.call("PUT", f"{INVENTORY}/inventory_item/{sku}", body, **options)


def first_error(answer: httpx.Response) -> tuple[int, int]:
    (one,) = answer.json()["errors"]
    assert {"errorId", "domain", "category", "message"} <= set(one)
    return answer.status_code, one["errorId"]


CATALOGUE = make_catalogue(6, products=30, orders=12, defects=0.0)


@pytest.fixture(scope="module")
def host():
    """The one server of this module; each test puts a twin of its own behind it."""
    with serve("ebay", catalogue=CATALOGUE) as running:
        yield running


@pytest.fixture
def twin(host):
    return EbayTwin(catalogue=CATALOGUE, clock=lambda: NOW).take_over(host)


@pytest.fixture
def seller(twin):
    return Seller(twin)


@pytest.fixture
def sku(twin):
    """An item in German that is sold alone and listed."""
    rows = twin.state.products.items()
    found = next(key for key, row in rows if "groupIds" not in row["item"] and twin.state.listing_of(key))
    twin.state.products[found]["item"]["locale"] = "de_DE"
    return found


class TestTokens:
    def test_a_refresh_token_gives_user_tokens_for_two_hours(self, seller):
        found = seller.token()
        assert (found["expires_in"], found["token_type"]) == (7200, "User Access Token")
        assert "refresh_token" not in found

    @pytest.mark.parametrize(
        ("form", "status", "said"),
        [
            ({"key": "a:b", "grant_type": "client_credentials", "scope": SCOPES[0]}, 401, "invalid_client"),
            ({"grant_type": "refresh_token", "refresh_token": "old"}, 400, "invalid_grant"),
            ({"grant_type": "client_credentials"}, 400, "invalid_scope"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_what_is_no_grant(self, seller, form, status, said):
        answer = seller.mint(**form)
        assert (answer.status_code, answer.json()["error"]) == (status, said)

    def test_no_scope_beyond_the_consent(self, seller):
        assert seller.token(scope=f"{SCOPES[0]}/sell.marketing")["error"] == "invalid_scope"
        assert seller.token(scope=SCOPES[1])["access_token"]

    def test_each_interface_has_its_scope_and_its_kind_of_token(self):
        with serve("ebay", scopes=SCOPES[:2], catalogue=make_catalogue(6, 3, orders=1)) as running:
            seller = Seller(running)
            assert seller.get(f"{INVENTORY}/inventory_item").status_code == 200
            assert first_error(seller.get(f"{FULFILLMENT}/order")) == (403, 1100)
            tree = f"{TAXONOMY}/get_default_category_tree_id"
            assert first_error(seller.get(tree, marketplace_id="EBAY_DE")) == (403, 1100)
            own = seller.application()
            assert seller.call("GET", tree, headers=own, params={"marketplace_id": "EBAY_DE"}).status_code == 200
            assert first_error(seller.call("GET", f"{INVENTORY}/inventory_item", headers=own)) == (403, 1100)
            seller.headers["Authorization"] = "Bearer v^1.1#nothing"
            assert first_error(seller.get(f"{INVENTORY}/inventory_item")) == (401, 1001)

    def test_tokens_end(self, twin, seller):
        twin.skew = timedelta(hours=2)
        assert first_error(seller.get(f"{ACCOUNT}/privilege")) == (401, 1001)


class TestItems:
    def test_pages_are_counted_and_hold_25(self, twin, seller):
        first = seller.get(f"{INVENTORY}/inventory_item").json()
        total = len(twin.state.products)
        assert (len(first["inventoryItems"]), first["limit"], first["total"]) == (25, 25, total)
        assert first["size"] == -(-total // 25)
        second = seller.get(f"{INVENTORY}/inventory_item", limit="25", offset="1").json()
        names = [one["sku"] for page in (first, second) for one in page["inventoryItems"]]
        assert names == list(twin.state.products)[:50]
        assert first["next"].endswith("offset=1")

    @pytest.mark.parametrize("wrong", [{"limit": "201"}, {"limit": "0"}, {"limit": "x"}, {"offset": "-1"}])
    def test_pages_that_cannot_be(self, seller, wrong):
        assert first_error(seller.get(f"{INVENTORY}/inventory_item", **wrong)) == (400, 25706)

    def test_what_is_not_sent_is_gone(self, twin, seller, sku):
        twin.state.products[sku]["offers"].clear()
        assert seller.put_item(sku, {"product": {"title": "Only this"}}).status_code == 204
        assert seller.get(f"{INVENTORY}/inventory_item/{sku}").json() == {
            "sku": sku,
            "locale": "de_DE",
            "product": {"title": "Only this"},
        }

    def test_the_header_for_the_language_is_needed_and_sets_it(self, twin, seller, sku):
        body = seller.item(sku)
        for language in ("", "german", "*"):
            assert first_error(seller.put_item(sku, body, headers={"Content-Language": language})) == (400, 25709)
        assert seller.put_item(sku, body, headers={"Content-Language": "fr-FR"}).status_code == 204
        assert twin.state.products[sku]["item"]["locale"] == "fr_FR"
        offer_id, offer = seller.offer(sku)
        assert first_error(seller.call("PUT", f"{INVENTORY}/offer/{offer_id}", offer)) == (400, 25702)

    def test_what_http_clients_put_in_for_the_language_is_refused(self, seller):
        answer = seller.call("GET", f"{INVENTORY}/inventory_item", headers={"Accept-Language": "*"})
        assert first_error(answer) == (400, 25709)
        assert "Accept-Language" in answer.json()["errors"][0]["message"]

    @pytest.mark.parametrize(
        ("member", "value", "number"),
        [
            ("title", "x" * 81, 25709),
            ("brand", "x" * 66, 25709),
            ("mpn", "x" * 66, 25709),
            ("description", "x" * 4001, 25709),
            ("subtitle", "x" * 56, 25709),
            ("imageUrls", ["http://images.example.com/a.jpg"], 25015),
            ("imageUrls", [f"https://images.example.com/{n}.jpg" for n in range(25)], 25014),
            ("aspects", {"x" * 41: ["y"]}, 25502),
            ("aspects", {"Farbe": ["y" * 51]}, 25502),
            ("aspects", {"Farbe": "rot"}, 2004),
            ("ean", "4006381333931", 2004),
        ],
    )
    def test_lengths_and_forms(self, seller, sku, member, value, number):
        body = seller.item(sku)
        body["product"][member] = value
        assert first_error(seller.put_item(sku, body)) == (400, number)

    @pytest.mark.parametrize(
        ("change", "number"),
        [
            ({"condition": "mint"}, 2004),
            ({"colour": "red"}, 2004),
            ({"availability": {"shipToLocationAvailability": {"quantity": -1}}}, 25004),
            ({"availability": {"shipToLocationAvailability": {"quantity": 1, "allocationByFormat": {}, "x": 1}}}, None),
            ({"availability": {"shipToLocationAvailability": {"allocationByFormat": {"auction": 1}}}}, 2004),
            ({"packageWeightAndSize": {"weight": {"value": 1}}}, 25715),
            ({"packageWeightAndSize": {"weight": {"value": -1, "unit": "GRAM"}}}, 25715),
            ({"packageWeightAndSize": {"weight": {"value": 1, "unit": "STONE"}}}, 25715),
            ({"packageWeightAndSize": {"dimensions": {"length": 1, "unit": "INCH"}}}, 25715),
        ],
    )
    def test_other_members(self, seller, sku, change, number):
        answer = seller.put_item(sku, seller.item(sku) | change)
        assert answer.status_code == 204 if number is None else first_error(answer) == (400, number)

    def test_a_refurbisher_is_renamed_without_a_word(self, twin, seller, sku):
        body = seller.item(sku) | {"condition": "MANUFACTURER_REFURBISHED"}
        assert seller.put_item(sku, body).status_code == 204
        assert twin.state.products[sku]["item"]["condition"] == "CERTIFIED_REFURBISHED"

    def test_words_about_the_condition_of_a_new_item_are_dropped_with_a_warning(self, twin, seller, sku):
        answer = seller.put_item(sku, seller.item(sku) | {"conditionDescription": "A scratch."})
        assert answer.status_code == 200
        assert answer.json()["warnings"][0]["errorId"] == 25402
        assert "conditionDescription" not in twin.state.products[sku]["item"]
        used = seller.item(sku) | {"conditionDescription": "A scratch.", "condition": "USED_GOOD"}
        assert seller.put_item(sku, used).status_code == 204
        assert twin.state.products[sku]["item"]["conditionDescription"] == "A scratch."

    @pytest.mark.parametrize("member", ["title", "imageUrls"])
    def test_a_listing_stays_complete_and_a_draft_need_not(self, twin, seller, sku, member):
        body = seller.item(sku)
        del body["product"][member]
        assert first_error(seller.put_item(sku, body)) == (400, 25002)
        twin.state.products[sku]["offers"][0]["status"] = "UNPUBLISHED"
        assert seller.put_item(sku, body).status_code == 204

    def test_a_listing_is_revised_250_times_a_day(self, twin, seller, sku):
        body, listing = seller.item(sku), twin.state.listing_of(sku)
        twin.revisions[listing, twin.day()] = 249
        assert seller.put_item(sku, body).status_code == 204
        assert first_error(seller.put_item(sku, body)) == (400, 25019)
        twin.skew = timedelta(hours=20)
        seller.headers = Seller(twin).headers | {"Content-Language": "de-DE"}
        assert seller.put_item(sku, body).status_code == 204

    def test_an_unknown_sku(self, seller):
        assert first_error(seller.get(f"{INVENTORY}/inventory_item/nothing")) == (404, 25702)
        assert first_error(seller.put_item("x" * 51, {})) == (400, 25707)

    def test_groups_are_replaced_whole(self, twin, seller):
        key, group = next(iter(twin.state.groups.items()))
        path = f"{INVENTORY}/inventory_item_group/{key}"
        assert seller.get(path).json() == group | {"inventoryItemGroupKey": key}
        assert first_error(seller.call("PUT", path, {"title": "No members"})) == (400, 25013)
        assert first_error(seller.call("PUT", path, group | {"variantSKUs": ["nothing"]})) == (400, 25702)
        short = {name: group[name] for name in ("title", "description", "variantSKUs")}
        assert seller.call("PUT", path, short).status_code == 204
        assert twin.state.groups[key] == short
        assert first_error(seller.get(f"{INVENTORY}/inventory_item_group/nothing")) == (404, 25705)


class TestBulks:
    def bulk(self, seller, name, requests):
        return seller.call("POST", f"{INVENTORY}/{name}", {"requests": requests})

    def test_items_are_given_one_by_one(self, seller, sku):
        answer = self.bulk(seller, "bulk_get_inventory_item", [{"sku": sku}, {"sku": "nothing"}])
        assert answer.status_code == 207
        first, second = answer.json()["responses"]
        assert (first["statusCode"], first["inventoryItem"]["sku"]) == (200, sku)
        assert (second["statusCode"], second["errors"][0]["errorId"]) == (404, 25710)

    @pytest.mark.parametrize("count", [0, 26])
    @pytest.mark.parametrize("name", ["bulk_get_inventory_item", "bulk_create_or_replace_inventory_item", "bulk_update_price_quantity"])  # fmt: skip
    def test_1_to_25_at_a_time(self, seller, name, count):
        assert first_error(self.bulk(seller, name, [{"sku": "x"}] * count)) == (400, 25709)

    def test_a_bad_item_spoils_none_of_the_others(self, twin, seller, sku):
        good = seller.item(sku) | {"sku": sku, "locale": "de_DE"}
        bad = {"sku": "B-1", "locale": "de_DE", "product": {"title": "x" * 81}}
        answer = self.bulk(seller, "bulk_create_or_replace_inventory_item", [bad, good])
        assert answer.status_code == 207
        assert [one["statusCode"] for one in answer.json()["responses"]] == [400, 200]
        assert "B-1" not in twin.state.products or not twin.state.products["B-1"]["item"]

    def test_prices_of_one_sku_a_call(self, twin, seller, sku):
        offer_id, _ = seller.offer(sku)
        price = {"value": "5.50", "currency": "EUR"}
        one = {
            "sku": sku,
            "shipToLocationAvailability": {"quantity": 4},
            "offers": [{"offerId": offer_id, "price": price, "availableQuantity": 3}],
        }
        assert first_error(self.bulk(seller, "bulk_update_price_quantity", [one, one])) == (400, 25709)
        answer = self.bulk(seller, "bulk_update_price_quantity", [one])
        assert answer.status_code == 200
        assert answer.json()["responses"] == [
            {"sku": sku, "statusCode": 200},
            {"sku": sku, "offerId": offer_id, "statusCode": 200},
        ]
        offer = twin.state.products[sku]["offers"][0]
        assert (offer["pricingSummary"]["price"], offer["availableQuantity"]) == (price, 3)
        item = seller.get(f"{INVENTORY}/inventory_item/{sku}").json()
        assert item["availability"]["shipToLocationAvailability"]["quantity"] == 4

    @pytest.mark.parametrize(
        ("change", "number"),
        [
            ({"price": {"value": "0", "currency": "EUR"}}, 25003),
            ({"price": {"value": "5,50", "currency": "EUR"}}, 25003),
            ({"price": {"value": "5.505", "currency": "EUR"}}, 25003),
            ({"price": {"value": "5.50", "currency": "USD"}}, 25003),
        ],
    )
    def test_each_entry_has_its_own_answer(self, seller, sku, change, number):
        offer_id, _ = seller.offer(sku)
        one = {"sku": sku, "shipToLocationAvailability": {"quantity": 4}, "offers": [{"offerId": offer_id, **change}]}
        answer = self.bulk(seller, "bulk_update_price_quantity", [one])
        assert answer.status_code == 207
        good, bad = answer.json()["responses"]
        assert (good["statusCode"], bad["statusCode"], bad["errors"][0]["errorId"]) == (200, 400, number)

    def test_an_offer_that_is_not_published_has_no_price_to_update(self, twin, seller, sku):
        offer_id, _ = seller.offer(sku)
        twin.state.products[sku]["offers"][0]["status"] = "UNPUBLISHED"
        one = {"offers": [{"offerId": offer_id, "price": {"value": "5.50", "currency": "EUR"}}]}
        (entry,) = self.bulk(seller, "bulk_update_price_quantity", [one]).json()["responses"]
        assert entry["errors"][0]["errorId"] == 25713

    def test_an_offer_twice_in_one_call(self, seller, sku):
        offer_id, _ = seller.offer(sku)
        one = {"sku": sku, "offers": [{"offerId": offer_id, "availableQuantity": 1}] * 2}
        assert first_error(self.bulk(seller, "bulk_update_price_quantity", [one])) == (400, 25709)


class TestOffers:
    def test_offers_are_those_of_one_sku(self, twin, seller, sku):
        assert first_error(seller.get(f"{INVENTORY}/offer")) == (400, 25707)
        assert seller.get(f"{INVENTORY}/offer", sku=sku).json()["total"] == 1
        assert first_error(seller.get(f"{INVENTORY}/offer", sku=sku, marketplace_id="EBAY_US")) == (404, 25713)
        assert first_error(seller.get(f"{INVENTORY}/offer", sku=sku, format="AUCTION")) == (404, 25713)
        twin.state.products[sku]["offers"].clear()
        assert first_error(seller.get(f"{INVENTORY}/offer", sku=sku)) == (404, 25713)

    def test_what_is_not_sent_is_gone_and_the_catalogue_comes_back(self, twin, seller, sku):
        offer_id, offer = seller.offer(sku)
        del offer["quantityLimitPerBuyer"], offer["includeCatalogProductDetails"]
        answer = seller.call("PUT", f"{INVENTORY}/offer/{offer_id}", offer)
        assert (answer.status_code, answer.json()) == (200, {"offerId": offer_id})
        stored = twin.state.products[sku]["offers"][0]
        assert "quantityLimitPerBuyer" not in stored
        assert stored["includeCatalogProductDetails"] is True
        assert (stored["offerId"], stored["status"]) == (offer_id, "PUBLISHED")

    @pytest.mark.parametrize(
        ("change", "number"),
        [
            ({"categoryId": "1"}, 25005),
            ({"categoryId": None}, 25002),
            ({"pricingSummary": {}}, 25002),
            ({"listingPolicies": {"returnPolicyId": "1"}}, 25035),
            ({"listingPolicies": {}}, 25002),
            ({"merchantLocationKey": "x" * 37}, 25012),
            ({"merchantLocationKey": None}, 25002),
            ({"listingDuration": "DAYS_30"}, 25006),
            ({"listingDescription": "x" * 500_001}, 25709),
            ({"availableQuantity": -1}, 25004),
            ({"status": "PUBLISHED"}, 2004),
        ],
    )
    def test_what_a_listing_needs(self, seller, sku, change, number):
        offer_id, offer = seller.offer(sku)
        assert first_error(seller.call("PUT", f"{INVENTORY}/offer/{offer_id}", offer | change)) == (400, number)

    def test_the_original_price_is_above_the_price(self, seller, sku):
        offer_id, offer = seller.offer(sku)
        offer["pricingSummary"]["originalRetailPrice"] = offer["pricingSummary"]["price"]
        assert first_error(seller.call("PUT", f"{INVENTORY}/offer/{offer_id}", offer)) == (400, 25003)

    def test_an_unknown_offer(self, seller):
        assert first_error(seller.get(f"{INVENTORY}/offer/1")) == (404, 25713)

    def test_only_complete_offers_are_published(self):
        with serve("ebay", catalogue=make_catalogue(6, products=60, orders=1, defects=0.4)) as running:
            rows = [(row["item"], offer) for row in running.state.products.values() for offer in row["offers"]]
            assert any(unpublishable(item, offer) for item, offer in rows)
            for item, offer in rows:
                assert offer["status"] == "UNPUBLISHED" or not unpublishable(item, offer)


class TestAccountAndTaxonomy:
    def test_policies_of_a_marketplace(self, seller):
        found = seller.get(f"{ACCOUNT}/return_policy", marketplace_id="EBAY_DE").json()
        assert found == {"total": 2, "returnPolicies": POLICIES["return"]}
        assert seller.get(f"{ACCOUNT}/payment_policy", marketplace_id="EBAY_US").json()["paymentPolicies"] == []
        assert first_error(seller.get(f"{ACCOUNT}/fulfillment_policy")) == (400, 20401)

    def test_a_days_calls_are_counted_by_pacific_time(self, twin, seller):
        twin.quotas["account"] = 2
        assert [seller.get(f"{ACCOUNT}/privilege").status_code for _ in range(2)] == [200, 200]
        answer = seller.get(f"{ACCOUNT}/privilege")
        assert first_error(answer) == (429, 2001)
        assert "retry-after" not in answer.headers
        assert seller.get(f"{INVENTORY}/inventory_item").status_code == 200
        twin.skew = timedelta(hours=20)
        seller.headers = Seller(twin).headers
        assert seller.get(f"{ACCOUNT}/privilege").status_code == 200

    def test_the_tree_holds_every_category(self, seller):
        own = seller.application()
        tree = seller.call("GET", f"{TAXONOMY}/category_tree/77", headers=own).json()["rootCategoryNode"]
        found = {}

        def walk(node, above):
            path = [*above, node["category"]["categoryName"]]
            for child in node.get("childCategoryTreeNodes", []):
                walk(child, path)
            if node.get("leafCategoryTreeNode"):
                found[" > ".join(path[1:])] = node["category"]["categoryId"]

        walk(tree, [])
        assert found == CATEGORIES
        wrong = {"marketplace_id": "EBAY_XX"}
        answer = seller.call("GET", f"{TAXONOMY}/get_default_category_tree_id", headers=own, params=wrong)
        assert first_error(answer) == (400, 62003)
        assert first_error(seller.call("GET", f"{TAXONOMY}/category_tree/1", headers=own)) == (400, 62004)

    def test_aspects_of_a_leaf(self, seller):
        path, own = f"{TAXONOMY}/category_tree/77/get_item_aspects_for_category", seller.application()
        number = next(iter(CATEGORIES.values()))
        found = seller.call("GET", path, headers=own, params={"category_id": number}).json()["aspects"]
        assert [one["localizedAspectName"] for one in found if one["aspectConstraint"]["aspectRequired"]] == ["Marke"]
        assert first_error(seller.call("GET", path, headers=own, params={"category_id": "1"})) == (400, 62005)


class TestOrders:
    def orders(self, seller, **query):
        answer = seller.get(f"{FULFILLMENT}/order", **query)
        assert answer.status_code == 200, answer.text
        return [one["orderId"] for one in answer.json()["orders"]]

    def test_rows_are_counted(self, twin, seller):
        whole = self.orders(seller)
        assert len(whole) == len(twin.state.orders) == 12
        assert self.orders(seller, limit="5", offset="2") == whole[2:7]
        page = seller.get(f"{FULFILLMENT}/order", limit="5", offset="2").json()
        assert (page["total"], page["limit"], page["offset"]) == (12, 5, 2)
        assert page["next"].endswith("limit=5&offset=7")

    @pytest.mark.parametrize(
        ("query", "number"),
        [
            ({"limit": "201"}, 31100),
            ({"limit": "0"}, 31100),
            ({"offset": "x"}, 31000),
            ({"filter": "colour:[2026-11-01T00:00:00.000Z..]"}, 30700),
            ({"filter": "lastmodifieddate:[2026-11-01..]"}, 30810),
            ({"filter": "lastmodifieddate:[2026-11-25T12:00:00.000Z..]"}, 30850),
            ({"filter": "creationdate:[2020-01-01T00:00:00.000Z..]"}, 30830),
            ({"filter": "orderfulfillmentstatus:{FULFILLED}"}, 30800),
            ({"filter": "lastmodifieddate=2026"}, 30800),
            ({"orderIds": ",".join(str(n) for n in range(51))}, 30900),
        ],
    )
    def test_questions_that_cannot_be(self, seller, query, number):
        assert first_error(seller.get(f"{FULFILLMENT}/order", **query)) == (400, number)

    def test_filters(self, twin, seller):
        old, new, *_ = twin.state.orders
        twin.state.orders[old] |= {
            "creationDate": NOW - timedelta(days=200),
            "lastModifiedDate": NOW - timedelta(hours=1),
        }
        assert old not in self.orders(seller), "90 days without a filter"
        recent = "lastmodifieddate:[2026-11-24T10:00:00.000Z..]"
        assert self.orders(seller, filter=recent) == [old]
        assert old in self.orders(seller, filter="creationdate:[2026-01-01T00:00:00.000Z..2026-11-24T00:00:00.000Z]")
        assert self.orders(seller, filter=f"{recent},creationdate:[2026-11-23T00:00:00.000Z..]") == self.orders(
            seller, filter="creationdate:[2026-11-23T00:00:00.000Z..]"
        ), "the time of change is then not looked at"
        waiting = self.orders(seller, filter="orderfulfillmentstatus:{NOT_STARTED|IN_PROGRESS}")
        sent = self.orders(seller, filter="orderfulfillmentstatus:{FULFILLED|IN_PROGRESS}")
        assert {twin.state.orders[key]["orderFulfillmentStatus"] for key in waiting} == {"NOT_STARTED"}
        assert len(waiting) + len(sent) == 12
        assert set(self.orders(seller, orderIds=f"{new},{old}", limit="1")) == {new, old}

    @pytest.mark.parametrize(("days", "mail", "name"), [(13, True, True), (15, False, True), (91, False, False)])
    def test_people_are_forgotten(self, twin, seller, days, mail, name):
        key = next(iter(twin.state.orders))
        twin.state.orders[key]["creationDate"] = NOW - timedelta(days=days)
        found = seller.get(f"{FULFILLMENT}/order/{key}").json()
        shown = found["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]
        assert ("email" in shown) == ("email" in found["buyer"]["buyerRegistrationAddress"]) == mail
        assert ("fullName" in shown) == ("primaryPhone" in shown) == ("addressLine1" in shown["contactAddress"]) == name
        assert "city" in shown["contactAddress"]
        assert not mail or shown["email"].endswith("@members.ebay.com")

    def test_times_are_written_with_thousandths(self, seller):
        found = seller.get(f"{FULFILLMENT}/order").json()["orders"][0]
        assert found["creationDate"].endswith(".000Z")

    def test_an_old_catalogue_is_moved_so_that_its_orders_are_shown(self):
        later = datetime(2028, 2, 1, tzinfo=UTC)
        catalogue = make_catalogue(6, products=5, orders=6, defects=0.0)
        with serve("ebay", catalogue=catalogue, clock=lambda: later) as running:
            assert len(self.orders(Seller(running))) == 6

    def test_an_unknown_order(self, seller):
        assert first_error(seller.get(f"{FULFILLMENT}/order/01-00000-00000")) == (404, 32100)


class TestParcels:
    @pytest.fixture
    def path(self, twin):
        key = next(one for one in twin.state.awaiting("shipment") if len(twin.state.orders[one]["lineItems"]) > 1)
        return f"{FULFILLMENT}/order/{key}/shipping_fulfillment"

    def lines(self, twin, path):
        return [
            {"lineItemId": one["lineItemId"], "quantity": one["quantity"]}
            for one in twin.state.orders[path.split("/")[5]]["lineItems"]
        ]

    def test_a_parcel_is_named_by_its_number(self, twin, seller, path):
        lines = self.lines(twin, path)
        answer = seller.call(
            "POST", path, {"lineItems": lines[:1], "shippingCarrierCode": "DHL", "trackingNumber": "JJD1"}
        )
        assert answer.status_code == 201
        assert answer.headers["location"].endswith(f"{path}/JJD1")
        order = seller.get(path.rpartition("/")[0]).json()
        assert order["orderFulfillmentStatus"] == "IN_PROGRESS"
        assert order["fulfillmentHrefs"] == [answer.headers["location"]]
        answer = seller.call("POST", path, {"lineItems": lines[1:]})
        assert answer.headers["location"].endswith("/999")
        assert seller.get(path.rpartition("/")[0]).json()["orderFulfillmentStatus"] == "FULFILLED"
        assert seller.get(path).json()["total"] == 2

    def test_a_parcel_that_is_told_of_twice_is_there_twice(self, twin, seller, path):
        body = {"lineItems": self.lines(twin, path), "shippingCarrierCode": "DHL", "trackingNumber": "JJD1"}
        assert [seller.call("POST", path, body).status_code for _ in range(2)] == [201, 201]
        assert seller.get(path).json()["total"] == 2

    @pytest.mark.parametrize(
        ("change", "number"),
        [
            ({"trackingNumber": "JJD 1"}, 32300),
            ({"trackingNumber": "JJD-1"}, 32300),
            ({"trackingNumber": ""}, 32300),
            ({"shippingCarrierCode": ""}, 32300),
            ({"shippedDate": "2026-11-24"}, 32500),
            ({"lineItems": [{"lineItemId": "1", "quantity": 1}]}, 32200),
            ({"lineItems": []}, 32200),
        ],
    )
    def test_what_is_no_parcel(self, twin, seller, path, change, number):
        body = {"lineItems": self.lines(twin, path), "shippingCarrierCode": "DHL", "trackingNumber": "JJD1"} | change
        assert first_error(seller.call("POST", path, body)) == (400, number)
        assert seller.get(path).json() == {"total": 0, "fulfillments": []}

    def test_lines_come_once_and_in_the_number_ordered(self, twin, seller, path):
        first = self.lines(twin, path)[0]
        assert first_error(seller.call("POST", path, {"lineItems": [first, first]})) == (400, 32210)
        many = first | {"quantity": first["quantity"] + 1}
        assert first_error(seller.call("POST", path, {"lineItems": [many]})) == (400, 32600)

    def test_a_cancelled_order_is_not_sent(self, twin, seller, path):
        twin.state.orders[path.split("/")[5]]["cancelStatus"]["cancelState"] = "CANCELED"
        assert first_error(seller.call("POST", path, {"lineItems": self.lines(twin, path)})) == (400, 32600)


class TestEdits:
    @pytest.mark.parametrize(
        ("field", "value"), [("condition", "USED_GOOD"), ("length_mm", "300"), ("mpn", "M-1"), ("category", next(iter(CATEGORIES)))]
    )  # fmt: skip
    def test_a_seller_edits_an_item(self, twin, sku, field, value):
        before = json.dumps(twin.state.dump(), sort_keys=True)
        twin.state.edit(sku, field, value)
        assert json.dumps(twin.state.dump(), sort_keys=True) != before

    def test_a_seller_edits_a_group_or_its_first_item(self, twin):
        key, group = next(iter(twin.state.groups.items()))
        twin.state.edit(f"group:{key}", "images", '["https://images.example.com/new.jpg"]')
        assert group["imageUrls"] == ["https://images.example.com/new.jpg"]
        twin.state.edit(f"group:{key}", "price", "5.50")
        offer = twin.state.products[group["variantSKUs"][0]]["offers"][0]
        assert offer["pricingSummary"]["price"]["value"] == "5.50"

    def test_a_buyers_address_is_mended(self, twin):
        key = next(iter(twin.state.orders))
        for field, value in (("ship_city", "Bremen"), ("ship_name", "Ann Lee"), ("phone", "+493012345678")):
            twin.state.edit(key, field, value)
        contact = twin.state.orders[key]["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]
        assert (contact["contactAddress"]["city"], contact["fullName"]) == ("Bremen", "Ann Lee")
        assert contact["primaryPhone"] == {"phoneNumber": "+493012345678"}
        with pytest.raises(KeyError, match="no field"):
            twin.state.edit(key, "total", "1")
