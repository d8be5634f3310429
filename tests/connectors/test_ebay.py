"""What is peculiar to eBay: three places of a product, whole replacement, bulk reports, revisions, languages, parcels."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from connectors.changes import InvalidError
from connectors.errors import CredentialError, PlatformError, RateLimitError
from connectors.manners import Patience
from connectors.platform import CHANGES, SHIPMENTS, Connection, Connector, connector, platform
from connectors.platforms.ebay.account import REVISIONS, SITE, Revisions, words
from connectors.sandbox import make_catalogue
from connectors.sandbox.ebay import SCOPES, EbayTwin
from connectors.sandbox.server import Answer, Incoming

SMALL = make_catalogue(6, products=14, orders=8, defects=0.0)
NEW = "https://images.example.com/new.jpg"

Start = Callable[..., EbayTwin]
Open = Callable[..., Connector]


_NUMBERS = itertools.count(40)


@pytest.fixture(scope="module")
def host() -> Iterator[EbayTwin]:
    """The one server of this module; each test puts a twin of its own behind it."""
    running = EbayTwin(catalogue=SMALL)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def start(host: EbayTwin) -> Start:
    """Puts a fresh twin behind the server; it notes what it is asked, in `asked`."""

    def begin(**options: Any) -> EbayTwin:
        # No two sellers are the same, or one would be given what the process remembers of another.
        twin = EbayTwin(**({"catalogue": SMALL, "seed": next(_NUMBERS)} | options))
        twin.tree_version = str(next(_NUMBERS))
        answer, twin.asked = twin.answer, []  # type: ignore[attr-defined]

        def noted(incoming: Incoming) -> Answer:
            twin.asked.append(incoming)  # type: ignore[attr-defined]
            return answer(incoming)

        twin.answer = noted  # type: ignore[method-assign]
        return twin.take_over(host)

    return begin


@pytest.fixture
def twin(start: Start) -> EbayTwin:
    return start()


@pytest.fixture
def open_(opening: Open) -> Open:
    return lambda twin, **changed: opening(twin, changed, patience=Patience(attempts=2, read_s=5))


@pytest.fixture
def shop(twin: EbayTwin, open_: Open) -> Connector:
    return open_(twin)


def asked(twin: EbayTwin, method: str, path: str) -> list[Incoming]:
    return [one for one in twin.asked if one.method == method and path in one.path]  # type: ignore[attr-defined]


def products(one: Connector) -> dict[str, dict[str, Any]]:
    frames = [page.records["product"] for page in one.fetch("product")]
    return {row["record_key"]: row for row in pl.concat(frames).iter_rows(named=True)}


def attributes(row: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in row["attributes"]}


def push(one: Connector, *changes: tuple[str, str, str], kind: str = "product") -> list[tuple[str, str, str]]:
    rows = [(str(n), kind, key, "", field, "", value) for n, (key, field, value) in enumerate(changes)]
    found = one.push(pl.DataFrame(rows, schema=CHANGES, orient="row"))
    return found.select("status", "code", "message").rows()


def accepted(results: list[tuple[str, str, str]]) -> bool:
    return all(status == "accepted" for status, _, _ in results)


def ship(one: Connector, key: str, **values: Any) -> tuple[str, str, str]:
    usual = {"shipment_id": "s1", "order_key": key, "carrier": "DHL", "tracking_number": "JJD0099"}
    frame = pl.DataFrame([{**usual, **values}], schema_overrides={k: v for k, v in SHIPMENTS.items() if k in values})
    status, code, message = one.ship(frame).select("status", "code", "message").row(0)
    return status, code, message


def single(twin: EbayTwin, *, published: bool = True) -> str:
    """A SKU that is sold alone."""
    state = "PUBLISHED" if published else "UNPUBLISHED"
    rows = twin.state.products.items()
    return next(key for key, row in rows if "groupIds" not in row["item"] and row["offers"][0]["status"] == state)


def unpublish(twin: EbayTwin, sku: str) -> dict[str, Any]:
    offer: dict[str, Any] = twin.state.products[sku]["offers"][0]
    offer["status"] = "UNPUBLISHED"
    offer.pop("listing", None)
    return offer


class TestReading:
    def test_a_product_is_its_item_its_offer_and_what_its_policies_promise(
        self, twin: EbayTwin, shop: Connector
    ) -> None:
        sku = single(twin)
        row, stored = products(shop)[sku], twin.state.products[sku]
        assert (row["price"], row["currency"]) == (stored["offers"][0]["pricingSummary"]["price"]["value"], "EUR")
        assert row["description"] == stored["offers"][0]["listingDescription"]
        assert row["condition"] == "NEW"
        assert row["lead_time_days"] == "1"
        shown = attributes(row)
        assert shown["return_policy_id"] == "6196944000"
        assert (shown["return_policy"], shown["return_days"], shown["returns_accepted"]) == ("30 Tage", "30", "true")
        assert shown["listing_id"] == stored["offers"][0]["listing"]["listingId"]
        assert shown["Material"] == stored["item"]["product"]["aspects"]["Material"][0]

    @pytest.mark.parametrize(("unit", "value", "grams"), [("POUND", 2.5, "1133.981"), ("OUNCE", 8, "226.796"), ("KILOGRAM", 1.25, "1250")])  # fmt: skip
    def test_weights_come_in_grams(self, twin: EbayTwin, shop: Connector, unit: str, value: float, grams: str) -> None:
        sku = single(twin)
        twin.state.products[sku]["item"]["packageWeightAndSize"]["weight"] = {"value": value, "unit": unit}
        assert shop.read("product", [(sku, "")])["weight_g"].to_list() == [grams]

    def test_an_unknown_unit_is_set_aside(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        twin.state.products[sku]["item"]["packageWeightAndSize"]["weight"] = {"value": 2, "unit": "STONE"}
        bad = pl.concat([page.quarantined for page in shop.fetch("product")])
        assert bad["record_key"].to_list() == [sku]
        assert "STONE" in bad["error"][0]

    def test_the_offset_of_items_counts_pages_and_that_of_orders_rows(self, start: Start, open_: Open) -> None:
        twin = start(catalogue=make_catalogue(6, products=150, orders=130, defects=0.0))
        one = open_(twin)
        assert {key for key, row in products(one).items() if row["level"] != "parent"} == set(twin.state.products)
        list(one.fetch("order"))
        items = [
            dict(one.query) for one in asked(twin, "GET", "/inventory_item") if one.path.endswith("/inventory_item")
        ]
        assert len(twin.state.products) > 200
        assert [(one["offset"], one["limit"]) for one in items] == [("0", "100"), ("1", "100"), ("2", "100")]
        orders = [dict(one.query)["offset"] for one in asked(twin, "GET", "/order")]
        assert orders == ["0", "100"]

    def test_a_sku_without_an_offer_is_a_draft_without_price(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        twin.state.products[sku]["offers"].clear()
        row = products(shop)[sku]
        assert (row["price"], row["status"], row["category"]) == ("", "draft", "")
        assert row["title"]

    def test_an_offer_that_is_refused_sets_its_item_aside(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        row = twin.state.products.pop(sku)
        row["item"]["sku"] = "A" * 60
        twin.state.products["A" * 60] = row
        pages = list(shop.fetch("product"))
        bad = pl.concat([page.quarantined for page in pages])
        assert bad["record_key"].to_list() == ["A" * 60]
        assert "25707" in bad["error"][0]
        assert pl.concat([page.records["product"] for page in pages]).height == len(twin.state.products) - 1 + 2

    def test_an_ended_listing_is_archived(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        twin.state.products[sku]["offers"][0]["listing"]["listingStatus"] = "ENDED"
        assert products(shop)[sku]["status"] == "archived"

    def test_variations_are_named_by_their_group(self, twin: EbayTwin, shop: Connector) -> None:
        rows = products(shop)
        key, group = next(iter(twin.state.groups.items()))
        parent = rows[f"group:{key}"]
        assert (parent["level"], parent["title"], parent["price"]) == ("parent", group["title"], "")
        assert attributes(parent)["return_policy_id"] == "6196944000"
        assert "offer_id" not in attributes(parent)
        varied = group["variesBy"]["specifications"][0]
        assert attributes(parent)[varied["name"]] == ", ".join(varied["values"])
        assert {rows[sku]["parent_key"] for sku in group["variantSKUs"]} == {f"group:{key}"}

    def test_a_group_and_an_item_may_have_the_same_key(self, twin: EbayTwin, shop: Connector) -> None:
        key = next(iter(twin.state.groups))
        row = json.loads(json.dumps(twin.state.products[single(twin)]))
        row["item"]["sku"] = key
        row["offers"] = []
        twin.state.products[key] = row
        rows = products(shop)
        assert rows[key]["level"] == "single"
        assert rows[f"group:{key}"]["level"] == "parent"

    def test_a_seller_without_business_policies_can_be_read(
        self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = twin.answer
        refused = Answer.json(
            400, {"errors": [{"errorId": 20403, "message": "User is not eligible for Business Policy."}]}
        )
        monkeypatch.setattr(twin, "answer", lambda one: refused if "_policy" in one.path else answer(one))
        row = products(shop)[single(twin)]
        assert row["lead_time_days"] == ""
        assert attributes(row)["return_policy_id"] == "6196944000"

    def test_stock_needs_no_offers(self, twin: EbayTwin, shop: Connector) -> None:
        stock = pl.concat([page.records["stock"] for page in shop.fetch("stock")])
        assert stock.height == len(twin.state.products)
        assert not asked(twin, "GET", "/offer")

    def test_an_unreadable_row_costs_that_row_only(self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
        whole = twin._shown_item
        first = single(twin)
        monkeypatch.setattr(
            twin, "_shown_item", lambda row: {"condition": "NEW"} if row["item"]["sku"] == first else whole(row)
        )
        pages = list(shop.fetch("product"))
        assert "no identifier" in pages[0].quarantined["error"][0]
        assert first not in set(pages[0].records["product"]["record_key"])


class TestOrders:
    def test_an_order_with_its_lines(self, twin: EbayTwin, shop: Connector) -> None:
        page = list(shop.fetch("order"))[0]
        row = page.records["order"].row(0, named=True)
        stored = twin.state.orders[row["record_key"]]
        contact = stored["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]
        assert row["ship_street"] == contact["contactAddress"]["addressLine1"]
        assert row["total"] == stored["pricingSummary"]["total"]["value"]
        lines = page.records["order_line"].filter(pl.col("order_key") == row["record_key"])
        for line, shown in zip(stored["lineItems"], lines.iter_rows(named=True), strict=True):
            whole = float(line["lineItemCost"]["value"])
            assert float(shown["unit_price"]) * int(shown["quantity"]) == pytest.approx(whole)
            assert shown["sku"] == line["sku"]

    def test_a_second_line_of_the_street_is_kept(self, twin: EbayTwin, shop: Connector) -> None:
        key, stored = next(iter(twin.state.orders.items()))
        contact = stored["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]["contactAddress"]
        contact |= {"addressLine1": "Hauptstr. 1", "addressLine2": "Hinterhaus"}
        assert shop.read("order", [(key, "")])["ship_street"].to_list() == ["Hauptstr. 1, Hinterhaus"]

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"cancelStatus": {"cancelState": "CANCELED", "cancelRequests": []}}, "CANCELED"),
            ({"orderPaymentStatus": "PENDING"}, "PENDING"),
            ({"orderPaymentStatus": "FAILED"}, "FAILED"),
            ({"orderPaymentStatus": "PAID", "orderFulfillmentStatus": "IN_PROGRESS"}, "IN_PROGRESS"),
            ({"orderPaymentStatus": "FULLY_REFUNDED", "orderFulfillmentStatus": "FULFILLED"}, "FULFILLED"),
        ],
    )
    def test_the_status_says_what_keeps_an_order_from_being_sent(
        self, twin: EbayTwin, shop: Connector, changes: dict[str, Any], status: str
    ) -> None:
        key = twin.state.awaiting("shipment")[0]
        twin.state.orders[key] |= changes
        assert shop.read("order", [(key, "")])["status"].to_list() == [status]

    def test_without_a_time_no_filter_is_sent_and_old_orders_stay_away(self, twin: EbayTwin, shop: Connector) -> None:
        key, stored = next(iter(twin.state.orders.items()))
        stored["creationDate"] = twin.clock() - timedelta(days=100)
        orders = pl.concat([page.records["order"] for page in shop.fetch("order")])
        assert key not in set(orders["record_key"])
        assert all("filter" not in dict(one.query) for one in asked(twin, "GET", "/order"))

    def test_what_changed_is_asked_for_by_its_time(self, twin: EbayTwin, shop: Connector) -> None:
        key, stored = next(iter(twin.state.orders.items()))
        stored["creationDate"] = twin.clock() - timedelta(days=100)
        stored["lastModifiedDate"] = twin.clock()
        since = datetime.now(UTC) - timedelta(minutes=1)
        orders = pl.concat([page.records["order"] for page in shop.fetch("order", since=since)])
        assert orders["record_key"].to_list() == [key]
        row = orders.row(0, named=True)
        assert (row["ship_name"], row["ship_street"], row["email"]) == ("", "", ""), "eBay hides them after 90 days"
        first = since - timedelta(minutes=5)
        assert dict(asked(twin, "GET", "/order")[-1].query)["filter"] == f"lastmodifieddate:[{first:%Y-%m-%dT%H:%M:%S}.000Z..]"  # fmt: skip

    def test_nobody_looks_back_further_than_ebay_does(self, twin: EbayTwin, shop: Connector) -> None:
        assert list(shop.fetch("order", since=datetime(2001, 1, 1, tzinfo=UTC)))
        given = dict(asked(twin, "GET", "/order")[-1].query)["filter"]
        first = datetime.fromisoformat(given.removeprefix("lastmodifieddate:[").removesuffix("..]"))
        assert timedelta(days=728) < datetime.now(UTC) - first < timedelta(days=730)


class TestLanguages:
    def test_every_call_says_its_language_and_marketplace(self, twin: EbayTwin, shop: Connector) -> None:
        list(shop.fetch("product"))
        push(shop, (single(twin), "mpn", "M-1"))
        calls = [one for one in twin.asked if "/identity/" not in one.path]  # type: ignore[attr-defined]
        assert {one.headers["accept-language"] for one in calls} == {"de-DE"}
        assert {one.headers["x-ebay-c-marketplace-id"] for one in calls} == {"EBAY_DE"}
        assert all(one.headers["content-language"] for one in calls)

    @pytest.mark.parametrize(("locale", "language"), [("fr_FR", "fr-FR"), ("en_GB", "en-GB"), ("de_DE", "de-DE")])
    def test_a_record_stays_in_its_own_language(
        self, twin: EbayTwin, shop: Connector, locale: str, language: str
    ) -> None:
        sku = single(twin)
        twin.state.products[sku]["item"]["locale"] = locale
        assert accepted(push(shop, (sku, "title", "A kettle"), (sku, "description", "A kettle of steel.")))
        written = asked(twin, "PUT", "/")
        assert [one.path.split("/")[4] for one in written] == ["inventory_item", "offer"]
        assert {one.headers["content-language"] for one in written} == {language}
        assert twin.state.products[sku]["item"]["locale"] == locale

    def test_items_of_several_languages_go_in_several_bulks(self, twin: EbayTwin, shop: Connector) -> None:
        skus = [key for key, row in twin.state.products.items() if "groupIds" not in row["item"]]
        assert len({twin.state.products[sku]["item"]["locale"] for sku in skus}) > 1
        before = {sku: twin.state.products[sku]["item"]["locale"] for sku in skus}
        assert accepted(push(shop, *((sku, "mpn", f"M-{sku}") for sku in skus)))
        assert {sku: twin.state.products[sku]["item"]["locale"] for sku in skus} == before
        for call in asked(twin, "POST", "/bulk_create_or_replace_inventory_item"):
            locales = {one["locale"] for one in json.loads(call.body)["requests"]}
            assert locales == {call.headers["content-language"].replace("-", "_")}


class TestWholeReplacement:
    def test_an_item_keeps_what_was_not_changed_and_is_sent_without_what_ebay_alone_says(
        self, twin: EbayTwin, shop: Connector
    ) -> None:
        sku = single(twin)
        item = twin.state.products[sku]["item"]
        item["product"] |= {"subtitle": "With lid", "epid": "240466", "videoIds": ["v1"], "isbn": ["9783161484100"]}
        before = json.loads(json.dumps(item))
        assert accepted(push(shop, (sku, "title", "A kettle")))
        assert twin.state.products[sku]["item"] == before | {"product": before["product"] | {"title": "A kettle"}}
        (call,) = asked(twin, "PUT", "/inventory_item/")
        body = json.loads(call.body)
        assert set(body) == {"availability", "condition", "packageWeightAndSize", "product"}
        assert "allocationByFormat" not in body["availability"]["shipToLocationAvailability"]

    def test_an_offer_keeps_what_was_not_changed(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        offer = twin.state.products[sku]["offers"][0]
        offer |= {"regulatory": {"repairScore": 7.5}, "storeCategoryNames": ["/Tee"], "availableQuantity": 3}
        before = json.loads(json.dumps(offer))
        assert accepted(push(shop, (sku, "attributes.return_policy_id", "6196944001")))
        before["listingPolicies"]["returnPolicyId"] = "6196944001"
        assert twin.state.products[sku]["offers"][0] == before
        (call,) = asked(twin, "PUT", "/offer/")
        assert not {"offerId", "sku", "marketplaceId", "format", "status", "listing"} & set(json.loads(call.body))

    def test_few_records_are_read_before_they_are_written(self, start: Start, open_: Open) -> None:
        """What is sold between reading and writing would come back."""
        twin = start(catalogue=make_catalogue(6, products=70, orders=1, defects=0.0))
        skus = [key for key, row in twin.state.products.items() if "groupIds" not in row["item"]]
        assert len(skus) > 50
        assert accepted(push(open_(twin), *((sku, "mpn", "M-1") for sku in skus)))
        unwritten, most = 0, 0
        for call in twin.asked:  # type: ignore[attr-defined]
            entries = len(json.loads(call.body)["requests"]) if "/bulk_" in call.path else 0
            unwritten += entries if "bulk_get" in call.path else -entries
            most = max(most, unwritten)
        assert unwritten == 0
        assert most == 25

    def test_a_description_goes_where_buyers_read_it(self, twin: EbayTwin, shop: Connector) -> None:
        sku, long = single(twin), "word " * 900
        stored = twin.state.products[sku]
        assert accepted(push(shop, (sku, "description", long)))
        assert stored["offers"][0]["listingDescription"] == long
        del stored["offers"][0]["listingDescription"]
        ((status, code, message),) = push(shop, (sku, "description", long))
        assert (status, code) == ("refused", "invalid")
        assert "4000" in message
        assert accepted(push(shop, (sku, "description", "Short.")))
        assert stored["item"]["product"]["description"] == "Short."
        assert "listingDescription" not in stored["offers"][0]

    @pytest.mark.parametrize(
        ("present", "value", "after"),
        [
            ({"upc": ["061414100007"]}, "4006381333931", {"ean": ["4006381333931"]}),
            ({"ean": ["4006381333931"]}, "036000291452", {"upc": ["036000291452"]}),
            ({"isbn": ["9783161484100"]}, "9781861972712", {"isbn": ["9781861972712"]}),
            ({"ean": ["4006381333931"], "upc": ["1"]}, "96385074", {"ean": ["96385074"], "upc": ["1"]}),
            ({"ean": ["4006381333931", "2"]}, "4012345678901", {"ean": ["4012345678901", "2"]}),
            ({"upc": ["061414100007"]}, "Does not apply", {"upc": ["Does not apply"]}),
            ({}, "4006381333931", {"ean": ["4006381333931"]}),
            ({"ean": ["4006381333931"]}, "", {}),
        ],
    )
    def test_an_identifier_goes_into_the_list_of_its_length(
        self, twin: EbayTwin, shop: Connector, present: dict[str, Any], value: str, after: dict[str, Any]
    ) -> None:
        sku = single(twin)
        unpublish(twin, sku)
        product = twin.state.products[sku]["item"]["product"]
        product.pop("upc", None)
        product.pop("ean", None)
        product |= present
        assert accepted(push(shop, (sku, "gtin", value)))
        stored = twin.state.products[sku]["item"]["product"]
        assert {kind: stored[kind] for kind in ("ean", "upc", "isbn") if kind in stored} == after
        assert shop.read("product", [(sku, "")])["gtin"].to_list() == [value]

    def test_the_three_sides_go_together(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        package = twin.state.products[sku]["item"]["packageWeightAndSize"]
        del package["dimensions"]
        ((status, code, message),) = push(shop, (sku, "length_mm", "300"))
        assert (status, code) == ("refused", "invalid")
        assert "together" in message
        sides = [(sku, f"{side}_mm", value) for side, value in (("length", "300"), ("width", "20"), ("height", "15"))]
        assert accepted(push(shop, *sides))
        stored = twin.state.products[sku]["item"]["packageWeightAndSize"]
        assert stored["dimensions"] == {"length": 30, "width": 2, "height": 1.5, "unit": "CENTIMETER"}
        assert accepted(push(shop, *((sku, field, "") for _, field, _ in sides)))
        assert "dimensions" not in twin.state.products[sku]["item"]["packageWeightAndSize"]

    @pytest.mark.parametrize(("locale", "unit", "value"), [("en_US", "OUNCE", 8), ("de_DE", "GRAM", 226.796)])
    def test_a_first_weight_comes_in_the_unit_of_the_country(
        self, twin: EbayTwin, shop: Connector, locale: str, unit: str, value: float
    ) -> None:
        sku = single(twin)
        item = twin.state.products[sku]["item"]
        item["locale"] = locale
        del item["packageWeightAndSize"]["weight"]
        assert accepted(push(shop, (sku, "weight_g", "226.796")))
        weight = {"value": value, "unit": unit}
        assert twin.state.products[sku]["item"]["packageWeightAndSize"]["weight"] == weight

    @pytest.mark.parametrize(
        ("field", "value", "says"),
        [
            ("title", "x" * 81, "80"),
            ("title", "  ", "empty"),
            ("brand", "x" * 66, "65"),
            ("mpn", "x" * 66, "65"),
            ("attributes.subtitle", "x" * 56, "55"),
            ("condition", "used", "USED_GOOD"),
            ("condition", "MANUFACTURER_REFURBISHED", "CERTIFIED_REFURBISHED"),
            ("images", '["http://images.example.com/a.jpg"]', "https"),
            ("images", json.dumps([f"https://images.example.com/{n}.jpg" for n in range(25)]), "24"),
            ("price", "12.505", "12.50"),
            ("price", "0", "above 0"),
            ("quantity", "-1", "whole number"),
            ("quantity", "1.5", "whole number"),
            ("weight_g", "1,3 kg", "plain number"),
            ("category", "Home", "leaf"),
            ("attributes.return_policy_id", "30 days", "number"),
            ("attributes.include_catalog_product_details", "yes", "true or false"),
            ("attributes.merchant_location_key", "x" * 37, "36"),
            ("attributes.original_retail_price", "0.01", "above the price"),
        ],
    )
    def test_what_ebay_would_refuse_or_change_is_not_sent(
        self, twin: EbayTwin, shop: Connector, field: str, value: str, says: str
    ) -> None:
        before = twin.state.dump()
        ((status, code, message),) = push(shop, (single(twin), field, value))
        assert status == "refused"
        assert code == ("unknown_value" if field == "category" else "invalid")
        assert says in message
        assert twin.state.dump() == before
        assert not asked(twin, "PUT", "/")

    def test_ebays_own_words_come_back(self, twin: EbayTwin, shop: Connector) -> None:
        ((status, code, message),) = push(shop, (single(twin), "attributes.return_policy_id", "1"))
        assert (status, code) == ("refused", "25035")
        assert "policy is not found" in message

    def test_a_bad_field_is_told_from_its_neighbours(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        results = push(shop, (sku, "gtin", "4006381333932"), (sku, "mpn", "M-1"), (sku, "price", "77.70"))
        assert [status for status, _, _ in results] == ["refused", "accepted", "accepted"]
        assert "no valid product identifier" in results[0][2]
        stored = twin.state.products[sku]
        assert stored["item"]["product"]["mpn"] == "M-1"
        assert stored["offers"][0]["pricingSummary"]["price"]["value"] == "77.70"


class TestVariations:
    def test_title_and_description_lie_in_the_group(self, twin: EbayTwin, shop: Connector) -> None:
        key = next(iter(twin.state.groups))
        before = twin.state.dump()
        assert accepted(push(shop, (f"group:{key}", "title", "Bottles"), (f"group:{key}", "images", f'["{NEW}"]')))
        after = twin.state.dump()
        expected = before["groups"][key] | {"title": "Bottles", "imageUrls": [NEW]}
        assert after["groups"][key] == expected
        assert after["products"] == before["products"]
        (call,) = asked(twin, "PUT", "/inventory_item_group/")
        assert "inventoryItemGroupKey" not in json.loads(call.body)

    @pytest.mark.parametrize("field", ["title", "description", "category", "attributes.subtitle"])
    def test_a_variant_refers_to_its_product(self, twin: EbayTwin, shop: Connector, field: str) -> None:
        key, group = next(iter(twin.state.groups.items()))
        ((status, code, message),) = push(shop, (group["variantSKUs"][0], field, "" if field == "category" else "Text"))
        assert (status, code) == ("refused", "invalid")
        assert f"group:{key}" in message

    @pytest.mark.parametrize(("field", "value"), [("price", "9.90"), ("quantity", "3"), ("gtin", "4006381333931"), ("mpn", "M"), ("weight_g", "5"), ("attributes.original_retail_price", "99")])  # fmt: skip
    def test_a_product_refers_to_its_variants(self, twin: EbayTwin, shop: Connector, field: str, value: str) -> None:
        ((status, code, message),) = push(shop, (f"group:{next(iter(twin.state.groups))}", field, value))
        assert (status, code) == ("refused", "invalid")
        assert "variants" in message

    def test_what_all_variants_share_is_written_to_each(self, twin: EbayTwin, shop: Connector) -> None:
        key, group = next(iter(twin.state.groups.items()))
        rows = products(shop)
        other = next(row["category"] for row in rows.values() if row["category"] != rows[f"group:{key}"]["category"])
        assert accepted(push(shop, (f"group:{key}", "brand", "Nordlicht"), (f"group:{key}", "category", other)))
        stored = [twin.state.products[sku] for sku in group["variantSKUs"]]
        assert {row["item"]["product"]["brand"] for row in stored} == {"Nordlicht"}
        assert len({row["offers"][0]["categoryId"] for row in stored}) == 1
        read = shop.read("product", [(f"group:{key}", "")])
        assert read.select("brand", "category").row(0) == ("Nordlicht", other)

    def test_a_variant_has_twelve_pictures_at_most(self, twin: EbayTwin, shop: Connector) -> None:
        sku = next(iter(twin.state.groups.values()))["variantSKUs"][0]
        many = json.dumps([f"https://images.example.com/{n}.jpg" for n in range(13)])
        ((status, _, message),) = push(shop, (sku, "images", many))
        assert status == "refused"
        assert "12" in message

    def test_a_group_that_is_gone_is_missing(self, shop: Connector) -> None:
        assert push(shop, ("group:nothing", "title", "X"))[0][:2] == ("refused", "missing")
        assert shop.read("product", [("group:nothing", "")]).is_empty()


class TestPriceAndQuantity:
    def test_both_go_in_one_revision_of_the_listing(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        assert accepted(push(shop, (sku, "price", "77.70"), (sku, "quantity", "9")))
        (call,) = asked(twin, "POST", "/bulk_update_price_quantity")
        (request,) = json.loads(call.body)["requests"]
        assert request["shipToLocationAvailability"] == {"quantity": 9}
        assert request["offers"][0]["price"] == {"value": "77.70", "currency": "EUR"}
        assert not asked(twin, "PUT", "/")

    def test_an_offer_that_shows_the_whole_stock_follows_and_a_cap_stays(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        stored = twin.state.products[sku]
        stored["item"]["availability"]["shipToLocationAvailability"]["quantity"] = 8
        stored["offers"][0]["availableQuantity"] = 8
        assert accepted(push(shop, (sku, "quantity", "20"), kind="stock"))
        assert stored["offers"][0]["availableQuantity"] == 20
        stored["offers"][0]["availableQuantity"] = 5
        assert accepted(push(shop, (sku, "quantity", "30"), kind="stock"))
        assert stored["offers"][0]["availableQuantity"] == 5
        assert stored["item"]["availability"]["shipToLocationAvailability"]["quantity"] == 30

    def test_the_price_of_an_unpublished_offer_is_put_into_the_offer(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        offer = unpublish(twin, sku)
        del offer["pricingSummary"]
        assert accepted(push(shop, (sku, "price", "5.50")))
        assert offer["pricingSummary"] == {"price": {"value": "5.50", "currency": "EUR"}}
        assert not asked(twin, "POST", "/bulk_update_price_quantity")

    def test_without_an_offer_there_is_nothing_to_price(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        twin.state.products[sku]["offers"].clear()
        results = push(shop, (sku, "price", "5.50"), (sku, "quantity", "4"))
        assert [status for status, _, _ in results] == ["refused", "accepted"]
        assert "no fixed-price offer" in results[0][2]

    def test_a_price_stays_below_the_struck_through_one(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        assert accepted(push(shop, (sku, "attributes.original_retail_price", "500.00")))
        ((status, code, message),) = push(shop, (sku, "price", "500.00"))
        assert (status, code) == ("refused", "invalid")
        assert "struck through" in message
        assert accepted(push(shop, (sku, "attributes.original_retail_price", "")))
        assert accepted(push(shop, (sku, "price", "500.00")))

    def test_stock_in_several_warehouses_is_left_alone(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        shipped = twin.state.products[sku]["item"]["availability"]["shipToLocationAvailability"]
        shipped["availabilityDistributions"] = [{"merchantLocationKey": "a", "quantity": 1}]
        ((status, _, message),) = push(shop, (sku, "quantity", "4"), kind="stock")
        assert status == "refused"
        assert "warehouses" in message

    def test_a_refused_entry_of_a_good_answer_is_refused(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        listing = twin.state.listing_of(sku)
        twin.revisions[listing, twin.day()] = 250
        ((status, code, message),) = push(shop, (sku, "price", "5.50"))
        assert twin.requests[-1][2] == 207
        assert (status, code) == ("refused", "25019")
        assert "250 times" in message

    def test_one_sku_a_call_unless_the_merchant_says_otherwise(self, start: Start, open_: Open) -> None:
        for one_sku, wanted, calls in ((True, "1", 4), (False, "25", 1)):
            twin = start(one_sku_per_update=one_sku)
            skus = [sku for sku in twin.state.products if twin.state.listing_of(sku)][:4]
            assert accepted(push(open_(twin, skus_per_update=wanted), *((sku, "price", "5.50") for sku in skus)))
            assert len(asked(twin, "POST", "/bulk_update_price_quantity")) == calls

    def test_where_ebay_takes_fewer_they_go_one_by_one(self, twin: EbayTwin, open_: Open) -> None:
        skus = [sku for sku in twin.state.products if twin.state.listing_of(sku)][:3]
        assert accepted(push(open_(twin, skus_per_update="25"), *((sku, "quantity", "6") for sku in skus)))
        assert len(asked(twin, "POST", "/bulk_update_price_quantity")) == 4


class TestBulk:
    def skus(self, twin: EbayTwin) -> list[str]:
        """Published items of one language."""
        found = [key for key, row in twin.state.products.items() if "groupIds" not in row["item"]]
        for key in found:
            twin.state.products[key]["item"]["locale"] = "de_DE"
        return [key for key in found if twin.state.listing_of(key)][:5]

    def test_a_report_is_read_item_by_item(self, twin: EbayTwin, shop: Connector) -> None:
        first, second, *_ = self.skus(twin)
        changes = [(first, "gtin", "4006381333932"), (first, "mpn", "M-1"), (second, "mpn", "M-2")]
        results = push(shop, *changes)
        assert [status for status, _, _ in results] == ["refused", "accepted", "accepted"]
        (call,) = asked(twin, "POST", "/bulk_create_or_replace_inventory_item")
        assert [one["sku"] for one in json.loads(call.body)["requests"]] == [first, second]
        assert results[0][1] == "25002"

    def test_what_a_report_does_not_name_is_unknown(
        self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second, *_ = self.skus(twin)
        answer = twin.answer

        def cut(incoming: Incoming) -> Answer:
            found = answer(incoming)
            if "bulk_create" not in incoming.path:
                return found
            return Answer.json(200, {"responses": json.loads(found.body)["responses"][:1]})

        monkeypatch.setattr(twin, "answer", cut)
        results = push(shop, (first, "mpn", "M-1"), (second, "mpn", "M-2"))
        assert [(status, code) for status, code, _ in results] == [("accepted", ""), ("refused", "unknown")]

    def test_a_bulk_that_is_refused_whole_is_sent_in_parts(
        self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        skus = self.skus(twin)
        answer = twin.answer
        refused = Answer.json(400, {"errors": [{"errorId": 25709, "message": "Invalid value for requests"}]})
        monkeypatch.setattr(twin, "answer", lambda one: refused if "bulk_create" in one.path else answer(one))
        assert accepted(push(shop, *((sku, "mpn", "M-1") for sku in skus)))
        assert len(asked(twin, "PUT", "/inventory_item/")) == len(skus)

    def test_a_garbled_report_leaves_the_changes_unknown(
        self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second, *_ = self.skus(twin)
        answer = twin.answer
        page = Answer(200, b"<html>", {"content-type": "text/html"})
        monkeypatch.setattr(twin, "answer", lambda one: page if "bulk_create" in one.path else answer(one))
        results = push(shop, (first, "mpn", "M-1"), (second, "mpn", "M-2"))
        assert [code for _, code, _ in results] == ["unknown", "unknown"]

    def test_an_item_that_ebay_cannot_give_now_is_no_missing_one(
        self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sku = single(twin)
        entry = {
            "sku": sku,
            "statusCode": 500,
            "errors": [{"errorId": 25001, "message": "A system error has occurred."}],
        }
        answer = twin.answer
        late = Answer.json(207, {"responses": [entry]})
        monkeypatch.setattr(twin, "answer", lambda one: late if "bulk_get" in one.path else answer(one))
        with pytest.raises(PlatformError, match="25001"):
            shop.read("product", [(sku, "")])


class TestRevisions:
    def test_the_day_is_that_of_pacific_time(self) -> None:
        evening = datetime(2026, 11, 25, 7, 59, tzinfo=UTC).timestamp()
        count = Revisions()
        for _ in range(REVISIONS):
            count.take("1", evening)
        with pytest.raises(InvalidError, match="250 times") as caught:
            count.take("1", evening)
        assert caught.value.code == "revision_limit"
        count.take("2", evening)
        count.take("1", evening + 60)

    def test_a_used_up_listing_is_not_sent_to(self, twin: EbayTwin, shop: Connector) -> None:
        sku, other = [sku for sku in twin.state.products if twin.state.listing_of(sku)][:2]
        listing = twin.state.listing_of(sku)
        for _ in range(REVISIONS):
            shop._revisions.take(listing, datetime.now(UTC).timestamp())  # type: ignore[attr-defined]
        results = push(shop, (sku, "price", "5.50"), (sku, "mpn", "M-1"), (other, "mpn", "M-2"))
        assert [code for _, code, _ in results] == ["revision_limit", "revision_limit", ""]
        assert not asked(twin, "PUT", f"/inventory_item/{sku}")
        assert not asked(twin, "POST", "/bulk_update_price_quantity")

    def test_all_connections_of_an_application_count_together(self, twin: EbayTwin, open_: Open) -> None:
        assert open_(twin)._revisions is open_(twin)._revisions  # type: ignore[attr-defined]

    def test_drafts_are_no_listings(self, twin: EbayTwin, shop: Connector) -> None:
        sku = single(twin)
        unpublish(twin, sku)
        assert accepted(push(shop, (sku, "mpn", "M-1")))
        assert shop._revisions._counts == {}  # type: ignore[attr-defined]


class TestParcels:
    def test_a_parcel_says_what_when_and_how(self, twin: EbayTwin, shop: Connector) -> None:
        key = twin.state.awaiting("shipment")[0]
        assert ship(shop, key, shipped_at="2026-11-20T10:00:00+01:00")[0] == "accepted"
        (call,) = asked(twin, "POST", "/shipping_fulfillment")
        body = json.loads(call.body)
        assert body["shippedDate"] == "2026-11-20T09:00:00.000Z"
        assert (body["shippingCarrierCode"], body["trackingNumber"]) == ("DHL", "JJD0099")
        lines = [(one["lineItemId"], one["quantity"]) for one in twin.state.orders[key]["lineItems"]]
        assert [(one["lineItemId"], one["quantity"]) for one in body["lineItems"]] == lines

    def test_an_order_in_two_parcels(self, twin: EbayTwin, shop: Connector) -> None:
        key = next(one for one in twin.state.awaiting("shipment") if len(twin.state.orders[one]["lineItems"]) > 1)
        first = twin.state.orders[key]["lineItems"][0]["lineItemId"]
        assert ship(shop, key, line_key=first)[0] == "accepted"
        assert shop.read("order", [(key, "")])["status"].to_list() == ["IN_PROGRESS"]
        assert ship(shop, key, shipment_id="s2", tracking_number="JJD0100")[0] == "accepted"
        assert twin.state.orders[key]["orderFulfillmentStatus"] == "FULFILLED"
        sent = [one["lineItemId"] for parcel in twin.state.orders[key]["fulfillments"] for one in parcel["lineItems"]]
        assert sorted(sent) == sorted(one["lineItemId"] for one in twin.state.orders[key]["lineItems"])

    def test_without_a_number_an_order_is_sent_once(self, twin: EbayTwin, shop: Connector) -> None:
        key = twin.state.awaiting("shipment")[0]
        for _ in range(2):
            assert ship(shop, key, tracking_number="", carrier="")[0] == "accepted"
        assert len(twin.state.orders[key]["fulfillments"]) == 1

    def test_an_answer_that_was_lost_is_not_sent_again(
        self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key, answer = twin.state.awaiting("shipment")[0], twin.answer

        def lost(incoming: Incoming) -> Answer:
            found = answer(incoming)
            return Answer(503) if incoming.method == "POST" and "/order/" in incoming.path else found

        with monkeypatch.context() as patch:
            patch.setattr(twin, "answer", lost)
            with pytest.raises(PlatformError, match="503"):
                ship(shop, key)
        assert len(twin.state.orders[key]["fulfillments"]) == 1
        assert ship(shop, key)[0] == "accepted"
        assert len(twin.state.orders[key]["fulfillments"]) == 1
        assert len(asked(twin, "POST", "/shipping_fulfillment")) == 1

    @pytest.mark.parametrize(
        ("values", "says"),
        [
            ({"tracking_number": "0034-0434 1612"}, "'003404341612'"),
            ({"carrier": ""}, "together"),
            ({"tracking_number": ""}, "together"),
            ({"line_key": "999"}, "no line '999'"),
        ],
    )
    def test_what_ebay_does_not_take(self, twin: EbayTwin, shop: Connector, values: dict[str, str], says: str) -> None:
        status, code, message = ship(shop, twin.state.awaiting("shipment")[0], **values)
        assert (status, code) == ("refused", "invalid")
        assert says in message
        assert not asked(twin, "POST", "/shipping_fulfillment")

    def test_a_cancelled_order_is_not_sent(self, twin: EbayTwin, shop: Connector) -> None:
        key = twin.state.awaiting("shipment")[0]
        twin.state.orders[key]["cancelStatus"]["cancelState"] = "CANCELED"
        status, _, message = ship(shop, key)
        assert status == "refused"
        assert "cancelled" in message

    def test_an_order_that_is_gone(self, shop: Connector) -> None:
        assert ship(shop, "01-00000-00000")[:2] == ("refused", "missing")
        assert ship(shop, "../offer")[:2] == ("refused", "missing")


class TestRequirements:
    def test_aspects_become_requirements(self, twin: EbayTwin, shop: Connector) -> None:
        category = products(shop)[single(twin)]["category"]
        found = shop.requirements([category, "No such category"])
        assert set(found["category"]) == {category}
        rows = {row["label"]: row for row in found.iter_rows(named=True)}
        brand = rows["Marke"]
        assert (brand["field"], brand["level"], brand["type"], brand["maximum"]) == ("brand", "required", "text", 65.0)
        assert (rows["Material"]["field"], rows["Material"]["level"]) == ("attributes.Material", "recommended")
        assert (rows["Angebotspaket"]["type"], rows["Angebotspaket"]["values"]) == ("choice", ["Ja", "Nein"])
        assert (rows["Farbe"]["type"], rows["Farbe"]["values"]) == ("text", []), "the words are proposals"
        assert [rows[name]["type"] for name in ("Anzahl der Teile", "Breite in Metern", "Herstellungsjahr")] == [
            "integer",
            "number",
            "date",
        ]
        assert rows["Herstellernummer"]["field"] == "mpn"
        assert brand["source"].startswith("https://api.ebay.com/commerce/taxonomy/v1/category_tree/77/")

    def test_a_version_of_the_tree_is_fetched_once(self, twin: EbayTwin, open_: Open) -> None:
        trees = []
        first = twin.tree_version
        for version in (first, first, f"{first}.1"):
            twin.tree_version = version
            products(open_(twin))
            trees.append(len([one for one in asked(twin, "GET", "/category_tree/77") if one.path.endswith("/77")]))
        assert trees == [1, 1, 2]

    def test_the_tree_is_asked_for_once(self, twin: EbayTwin, shop: Connector) -> None:
        categories = sorted({row["category"] for row in products(shop).values()})[:3]
        shop.requirements(categories)
        assert len(asked(twin, "GET", "/get_default_category_tree_id")) == 1
        assert len([one for one in asked(twin, "GET", "/category_tree/77") if one.path.endswith("/77")]) == 1
        assert len(asked(twin, "GET", "/get_item_aspects_for_category")) == len(categories)


class TestAccount:
    def test_a_good_account_says_what_is_there(self, twin: EbayTwin, shop: Connector) -> None:
        answer = shop.check()
        assert answer.ok
        assert f"{len(twin.state.products)} inventory items" in answer.messages[0]
        assert "EBAY_DE" in answer.messages[0]

    def test_every_missing_scope_is_named(self, start: Start, open_: Open) -> None:
        twin = start(scopes=SCOPES[:2])
        answer = open_(twin).check()
        assert not answer.ok
        assert "lacks the scope sell.fulfillment and sell.account" in answer.messages[0]
        assert f"{SCOPES[0]}/sell.inventory" in answer.messages[0], "and what to ask for is written out"

    def test_an_unfinished_registration(self, twin: EbayTwin, shop: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = twin.answer
        unready = Answer.json(200, {"sellerRegistrationCompleted": False})
        monkeypatch.setattr(twin, "answer", lambda one: unready if "/privilege" in one.path else answer(one))
        assert "registration" in shop.check().messages[0]

    def test_a_marketplace_that_ebay_does_not_know(self, twin: EbayTwin, open_: Open) -> None:
        answer = open_(twin, marketplace_id="EBAY_XX", language="de-DE").check()
        assert not answer.ok
        assert "'EBAY_XX'" in answer.messages[0]
        assert "62003" in answer.messages[0]

    def test_a_refresh_token_that_ended(self, twin: EbayTwin, open_: Open) -> None:
        answer = open_(twin, refresh_token="v^1.1#old").check()
        assert "refresh token is invalid" in answer.messages[0]
        assert "authorise the app again" in answer.messages[0]
        assert "v^1.1#old" not in answer.messages[0]

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"environment": "live"}, "production, sandbox"),
            ({"marketplace_id": "EBAY_XX"}, "needs a language"),
            ({"language": "german"}, "'german'"),
            ({"skus_per_update": "26"}, "1 to 25"),
            ({"skus_per_update": "0"}, "1 to 25"),
        ],
    )
    def test_settings_that_cannot_be(self, twin: EbayTwin, open_: Open, changed: dict[str, str], says: str) -> None:
        with pytest.raises(CredentialError, match=says):
            open_(twin, **changed)

    def test_a_second_language_of_a_marketplace(self, twin: EbayTwin, open_: Open) -> None:
        open_(twin, marketplace_id="EBAY_CA", language="fr-CA").check()
        assert asked(twin, "GET", "/privilege")[0].headers["accept-language"] == "fr-CA"

    def test_the_environments_have_hosts_of_their_own(self) -> None:
        given = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
        for environment, host in (("production", "api.ebay.com"), ("sandbox", "api.sandbox.ebay.com")):
            one = connector(Connection("shop", "ebay", {**given, "environment": environment}))
            assert one.client._address == f"https://{host}"  # type: ignore[attr-defined]
            one.close()

    def test_what_older_guides_ask_for_is_taken_and_not_used(self, twin: EbayTwin, open_: Open) -> None:
        fields = {one.name: one for one in platform("ebay").credentials}
        assert {name for name, one in fields.items() if one.replaced_by} == {"auth_token", "dev_id", "access_token"}
        assert open_(twin, auth_token="AgAA**", dev_id="d", access_token="v^1.1#t").check().ok
        assert all("AgAA" not in str(one.headers) for one in twin.asked)  # type: ignore[attr-defined]

    def test_tokens_are_made_once_and_taken_for_what_they_are(self, twin: EbayTwin, shop: Connector) -> None:
        list(shop.fetch("product"))
        list(shop.fetch("order"))
        calls = asked(twin, "POST", "/identity/")
        assert sorted(one.body.decode().partition("grant_type=")[2].partition("&")[0] for one in calls) == [
            "client_credentials",
            "refresh_token",
        ]
        assert all("scope=" not in one.body.decode() for one in calls if b"refresh_token=" in one.body)
        of_tree = {one.headers["authorization"] for one in asked(twin, "GET", "/commerce/taxonomy/")}
        of_seller = {one.headers["authorization"] for one in asked(twin, "GET", "/sell/")}
        assert len(of_tree) == len(of_seller) == 1
        assert of_tree != of_seller

    def test_a_used_up_quota_says_when_to_come_back(self, twin: EbayTwin, shop: Connector) -> None:
        twin.quotas["fulfillment"] = 0
        with pytest.raises(RateLimitError, match="Pacific time") as caught:
            list(shop.fetch("order"))
        assert "2001" in caught.value.words

    def test_the_account_interface_has_a_quota_of_its_own(self) -> None:
        assert SITE.limits.operations["account"].per_day == 25_000

    def test_ebays_errors_in_one_line(self) -> None:
        body = {
            "errors": [
                {"errorId": 25709, "message": "short", "longMessage": "Invalid value for x", "parameters": [{"name": "text1", "value": "x"}]}
            ]
        }  # fmt: skip
        assert words(body) == "25709: Invalid value for x (text1=x)"
        assert words({"errors": [{"errorId": 1, "message": "short"}]}) == "1: short"
        assert words({}) == ""

    def test_what_the_platform_cannot_do_is_said(self) -> None:
        notes = " ".join(platform("ebay").notes)
        for word in ("Inventory API", "auctions", "90 days", "Item specifics", "published"):
            assert word in notes
