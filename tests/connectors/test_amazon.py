"""What is peculiar to Amazon: tokens, live values, patches that wipe nothing, feeds with reports, parcels, own examples."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError, ProtocolError, RateLimitError
from connectors.limits import Limiter
from connectors.platform import CHANGES, SHIPMENTS, Connection, Connector, connector, platform
from connectors.platforms.amazon.connector import Amazon
from connectors.platforms.amazon.reading import LISTING_FIELDS, demands, here
from connectors.platforms.amazon.writing import PRODUCT_WRITERS, patches
from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.server import Exchange

US = "ATVPDKIKX0DER"
CANADA = "A2EUQ1WTGCTBG2"
GERMANY = "A1PA6795UKMFR9"
KEYS = {"client_id": "amzn1.id", "client_secret": "amzn1.oa2-cs.v1.0123456789", "seller_id": "A2SELLER"}

Open = Callable[..., Connector]
Reply = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("amazon", catalogue=make_catalogue(5, 28, orders=12, defects=0.0), seed=5) as running:
        yield running


@pytest.fixture
def open_(twin: Twin, opening: Open) -> Open:
    return lambda typed=None, **options: opening(twin, typed, **options)


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two listings are enough for a feed."""
    few = {kind: replace(update, many_from=2) for kind, update in Amazon.updates.items()}
    monkeypatch.setattr(Amazon, "updates", few)


def answering(reply: Reply, **typed: str) -> tuple[Connector, list[httpx.Request]]:
    """A connector whose network answers so, tokens apart; and what it asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/auth/o2/token":
            return httpx.Response(200, json={"access_token": f"Atza|{uuid.uuid4()}", "expires_in": 3600})
        return reply(request)

    typed = KEYS | {"refresh_token": f"Atzr|{uuid.uuid4()}", "marketplace_id": US} | typed
    options = {"transport": httpx.MockTransport(answer), "sleep": lambda _: None, "random": lambda: 0.5}
    return connector(Connection("us", "amazon", typed), **options), asked


def push(one: Connector, *rows: tuple[str, str, str], kind: str = "product") -> pl.DataFrame:
    """Key, field, value; gives the results."""
    values = [(f"c{number}", kind, key, "", field, "", value) for number, (key, field, value) in enumerate(rows)]
    return one.push(pl.DataFrame(values, schema=CHANGES, orient="row"))


def parcel(key: str, **changed: Any) -> pl.DataFrame:
    row = {"shipment_id": "s-1", "order_key": key, "carrier": "DHL", "tracking_number": "00340434"} | changed
    return pl.DataFrame([{name: row.get(name) for name in SHIPMENTS}], schema=SHIPMENTS)


def fetched(one: Connector, kind: str, **options: Any) -> pl.DataFrame:
    return pl.concat([page.records[kind] for page in one.fetch(kind, **options)])


def sent(exchanges: list[Exchange], method: str, path: str) -> list[Exchange]:
    return [one for one in exchanges if one.request.method == method and path in one.request.path]


def single(twin: Twin) -> str:
    """SKU of a listing that is sold as it is, without a reduction."""
    return next(
        sku
        for sku, row in twin.state.products.items()
        if not row["parent"]
        and not row["children"]
        and "discounted_price" not in row["attributes"]["purchasable_offer"][0]
    )


def parent(twin: Twin) -> str:
    return next(sku for sku, row in twin.state.products.items() if row["children"])


def attribute(row: pl.DataFrame, name: str) -> str:
    return {one["key"]: one["value"] for one in row["attributes"][0]}.get(name, "")


class TestAccess:
    def test_no_signature_but_a_token_goes_with_every_call(self, open_: Open, exchanges: list[Exchange]) -> None:
        assert open_().check().ok
        token, *calls = [one.request for one in exchanges]
        assert token.path == "/auth/o2/token"
        assert "grant_type=refresh_token" in token.body.decode()
        assert calls
        for one in calls:
            assert one.headers["x-amz-access-token"].startswith("Atza|")
            assert datetime.strptime(one.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
            assert "authorization" not in one.headers

    @pytest.mark.parametrize(
        ("typed", "host"),
        [
            ({"marketplace_id": US}, "sellingpartnerapi-na.amazon.com"),
            ({"marketplace_id": GERMANY}, "sellingpartnerapi-eu.amazon.com"),
            ({"marketplace_id": "A1VC38T7YXB528"}, "sellingpartnerapi-fe.amazon.com"),
            ({"marketplace_id": "ANEWONE", "region": "FE"}, "sellingpartnerapi-fe.amazon.com"),
            (
                {"api_address": "https://sandbox.sellingpartnerapi-na.amazon.com"},
                "sandbox.sellingpartnerapi-na.amazon.com",
            ),
        ],
    )
    def test_the_marketplace_names_the_region_and_tokens_come_from_one_place(
        self, typed: dict[str, str], host: str
    ) -> None:
        one, asked = answering(lambda request: httpx.Response(200, json={"orders": []}), **typed)
        assert fetched(one, "order").is_empty()
        assert [str(request.url.host) for request in asked] == ["api.amazon.com", host]

    def test_an_unknown_marketplace_is_answered_with_the_known_ones(self) -> None:
        with pytest.raises(CredentialError, match=f"'ATLANTIS'.*{US}.*na, eu, fe"):
            answering(lambda request: httpx.Response(200), marketplace_id="ATLANTIS")

    def test_keys_of_aws_are_named_as_out_of_date_and_never_kept(self) -> None:
        old = {one.name: one for one in platform("amazon").credentials if one.replaced_by}
        assert set(old) == {"aws_access_key", "aws_secret_key", "role_arn"}
        assert all("October 2023" in one.replaced_by and not one.required for one in old.values())
        one, asked = answering(lambda request: httpx.Response(200, json={"orders": []}), aws_secret_key="wJalr-old")
        fetched(one, "order")
        assert not any(b"wJalr-old" in request.content + str(request.headers).encode() for request in asked)

    def test_a_token_that_ended_is_answered_with_403_and_renewed_once(self, twin: Twin, open_: Open) -> None:
        one = open_()
        fetched(one, "order")
        twin.fault("expired-token")
        before = len(twin.requests)
        assert fetched(one, "order").height == 12
        assert [(path, status) for _, path, status in twin.requests[before:]] == [
            ("/orders/2026-01-01/orders", 403),
            ("/auth/o2/token", 200),
            ("/orders/2026-01-01/orders", 200),
        ]

    def test_missing_roles_are_named(self, twin: Twin, open_: Open) -> None:
        twin.roles -= {"Product Listing", "Inventory and Order Tracking"}
        answer = open_().check()
        assert not answer.ok
        assert "Product Listing" in answer.messages[0] and "Inventory and Order Tracking" in answer.messages[0]
        assert "Direct-to-Consumer Shipping" in answer.messages[0]

    def test_a_check_goes_on_without_the_role_that_only_the_check_needs(self, twin: Twin, open_: Open) -> None:
        twin.roles -= {"Selling Partner Insights"}
        answer = open_().check()
        assert answer.ok
        assert "Selling Partner Insights" in answer.messages[0]

    def test_a_marketplace_without_this_seller(self, twin: Twin, open_: Open) -> None:
        twin.is_participating = False
        assert "does not sell" in open_().check().messages[0]
        answer = open_(typed={"marketplace_id": US}).check()
        assert not answer.ok
        assert US in answer.messages[0] and GERMANY in answer.messages[0]

    def test_a_secret_that_was_not_renewed_in_time(self, twin: Twin, open_: Open) -> None:
        answer = open_(typed={"client_secret": "amzn1.oa2-cs.v1.too-old"}).check()
        assert not answer.ok
        assert "Client authentication failed" in answer.messages[0]

    @pytest.mark.parametrize("days", ["many", "-3", "0"])
    def test_days_that_are_no_number_are_told(self, open_: Open, days: str) -> None:
        one = open_(typed={"order_days": days})
        with pytest.raises(CredentialError, match="order_days"):
            fetched(one, "order")


class TestListings:
    def test_what_is_live_comes_before_what_was_submitted(self, twin: Twin, open_: Open) -> None:
        sku = single(twin)
        twin.state.products[sku]["live_quantity"] = 2
        row = open_().read("product", [(sku, "")])
        assert row["quantity"][0] == "2"
        submitted = twin.state.products[sku]["attributes"]["fulfillment_availability"][0]
        assert submitted["quantity"] != 2

    def test_a_stock_that_never_shows_is_not_taken_for_stored(self, twin: Twin, open_: Open) -> None:
        """Accepted, and the submitted attribute shows it, yet it is not for sale: only the live count proves it."""
        sku = single(twin)
        twin.state.deaf.add(sku)
        one = open_()
        before = one.read("stock", [(sku, "")])["quantity"][0]
        assert push(one, (sku, "quantity", "4711"), kind="stock")["status"].to_list() == ["accepted"]
        assert [one.read("stock", [(sku, "")])["quantity"][0] for _ in range(3)] == [before] * 3
        assert twin.state.products[sku]["attributes"]["fulfillment_availability"][0]["quantity"] == 4711

    def test_a_price_shows_a_while_after_it_was_accepted(self, twin: Twin, open_: Open) -> None:
        sku, one = single(twin), open_()
        old = one.read("product", [(sku, "")])["price"][0]
        push(one, (sku, "price", "77.70"))
        assert [one.read("product", [(sku, "")])["price"][0] for _ in range(2)] == [old, "77.70"]
        assert platform("amazon").settles_s > 0

    def test_a_list_longer_than_a_search_is_read_in_windows(self, twin: Twin, open_: Open, monkeypatch: Any) -> None:
        monkeypatch.setattr("connectors.platforms.amazon.connector._MOST_LISTINGS", 10)
        twin.most_listings = 10
        found = fetched(open_(), "product")
        assert set(found["record_key"]) == set(twin.state.products)
        assert found["record_key"].is_unique().all()
        later = fetched(open_(), "product", since=datetime(2026, 1, 1, tzinfo=UTC))
        assert set(later["record_key"]) == set(twin.state.products)

    def test_more_listings_of_one_moment_than_a_search_shows_end_in_a_word(
        self, twin: Twin, open_: Open, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("connectors.platforms.amazon.connector._MOST_LISTINGS", 10)
        twin.most_listings = 10
        for row in twin.state.products.values():
            row["created"] = datetime(2026, 1, 1, tzinfo=UTC)
        with pytest.raises(ProtocolError, match="10 listings have the time 2026-01-01"):
            fetched(open_(), "product")

    def test_a_sku_with_a_comma_or_a_slash(self, twin: Twin, open_: Open) -> None:
        rows = twin.state.products
        for sku in ("A,B 1", "A/B%2"):
            rows[sku] = rows[single(twin)] | {"sku": sku}
        one = open_()
        found = one.read("product", [("A,B 1", ""), ("A/B%2", ""), (single(twin), "")])
        assert set(found["record_key"]) == {"A,B 1", "A/B%2", single(twin)}
        assert push(one, ("A/B%2", "title", "Slash"))["status"].to_list() == ["accepted"]

    def test_parents_variants_and_their_titles(self, twin: Twin, open_: Open) -> None:
        found = fetched(open_(), "product")
        family = found.filter(pl.col("parent_key") == parent(twin))
        assert set(family["level"]) == {"variant"}
        assert set(family["record_key"]) == set(twin.state.products[parent(twin)]["children"])
        top = found.filter(pl.col("record_key") == parent(twin))
        assert top.select("level", "price", "quantity", "gtin").row(0) == ("parent", "", "", "")
        assert parent(twin) not in set(fetched(open_(), "stock")["record_key"])

    def test_the_category_is_what_people_call_the_product_type(self, twin: Twin, open_: Open) -> None:
        row = open_().read("product", [(single(twin), "")])
        assert " > " in row["category"][0]
        assert attribute(row, "product_type") == twin.state.products[single(twin)]["productType"]
        shared_names = {"productTypes": [{"name": name, "displayName": "Bag"} for name in ("TOTE", "SACK")]}
        one, _ = answering(lambda request: httpx.Response(200, json=shared_names))
        assert one._product_types == {"TOTE": "Bag (TOTE)", "SACK": "Bag (SACK)"}  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("entry", "grams"),
        [
            ({"unit": "pounds", "value": "0.5"}, "226.796"),
            ({"unit": "KILOGRAMS", "value": 0.351}, "351"),
            ({"unit": "stones", "value": 2}, "2 stones"),
            ({"value": 3}, "3"),
        ],
    )
    def test_units_are_converted_and_unknown_ones_shown(self, entry: dict[str, Any], grams: str) -> None:
        item = here({"sku": "A", "attributes": {"item_package_weight": [entry]}}, US)
        assert LISTING_FIELDS["weight_g"](item) == grams  # type: ignore[operator]

    def test_offers_of_other_audiences_and_marketplaces_are_not_ours(self) -> None:
        def schedule(value: float) -> list[dict[str, Any]]:
            return [{"schedule": [{"value_with_tax": value}]}]

        offers = [
            {"audience": "B2B", "currency": "USD", "our_price": schedule(8), "marketplace_id": US},
            {"audience": "ALL", "currency": "CAD", "our_price": schedule(14), "marketplace_id": CANADA},
            {"audience": "ALL", "currency": "USD", "our_price": schedule(9.5), "marketplace_id": US},
        ]
        item = here({"sku": "A", "attributes": {"purchasable_offer": offers}}, US)
        assert (LISTING_FIELDS["price"](item), LISTING_FIELDS["currency"](item)) == ("9.50", "USD")  # type: ignore[operator]

    def test_while_there_is_a_reduction_the_regular_price_is_the_submitted_one(self, twin: Twin, open_: Open) -> None:
        sku, one = single(twin), open_()
        price = one.read("product", [(sku, "")])["price"][0]
        push(one, (sku, "sale_price", "0.50"))
        for _ in range(2):
            row = one.read("product", [(sku, "")])
        assert row.select("price", "sale_price").row(0) == (price, "0.50")
        assert twin.state.shown_listing(twin.state.products[sku], ["offers"])["offers"][0]["price"]["amount"] == "0.50"

    def test_what_amazon_reports_is_an_attribute(self, twin: Twin, open_: Open) -> None:
        sku = single(twin)
        twin.state.edit(sku, "brand", "")
        del twin.state.products[sku]["attributes"]["brand"]
        assert "90220: 'brand' is required" in attribute(open_().read("product", [(sku, "")]), "amazon_issues")

    def test_a_listing_of_another_shape_is_set_aside(self) -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            if "productTypes" in request.url.path:
                return httpx.Response(200, json={"productTypes": [], "productTypeVersion": "1"})
            items = [
                {"sku": "GOOD"},
                {"sku": "BAD", "attributes": {"brand": ["Norvik"]}},
                {"sku": "WORSE", "offers": 3},
            ]
            return httpx.Response(200, json={"numberOfResults": 3, "items": items})

        one, _ = answering(reply)
        (page,) = one.fetch("product")
        assert page.records["product"]["record_key"].to_list() == ["GOOD"]
        assert page.records["product"]["category"].to_list() == ["PRODUCT"]
        assert page.quarantined.height == 2


class TestPatches:
    def body(self, exchanges: list[Exchange]) -> dict[str, Any]:
        return json.loads(sent(exchanges, "PATCH", "/listings/")[-1].request.body)

    def test_price_and_stock_are_merged(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        sku = single(twin)
        offer = twin.state.products[sku]["attributes"]["purchasable_offer"]
        offer[0]["minimum_seller_allowed_price"] = [{"schedule": [{"value_with_tax": 5}]}]
        offer.append({"audience": "B2B", "currency": "EUR", "marketplace_id": GERMANY, "our_price": []})
        stock = twin.state.products[sku]["attributes"]["fulfillment_availability"][0]
        stock["lead_time_to_ship_max_days"] = 4
        assert set(push(open_(), (sku, "price", "12.50"), (sku, "quantity", "5"))["status"]) == {"accepted"}
        assert self.body(exchanges) == {
            "productType": twin.state.products[sku]["productType"],
            "patches": [
                {
                    "op": "merge",
                    "path": "/attributes/purchasable_offer",
                    "value": [
                        {
                            "marketplace_id": GERMANY,
                            "currency": "EUR",
                            "audience": "ALL",
                            "our_price": [{"schedule": [{"value_with_tax": 12.5}]}],
                        }
                    ],
                },
                {
                    "op": "merge",
                    "path": "/attributes/fulfillment_availability",
                    "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 5}],
                },
            ],
        }
        after = twin.state.products[sku]["attributes"]
        assert after["fulfillment_availability"][0]["lead_time_to_ship_max_days"] == 4
        first, business = after["purchasable_offer"]
        assert first["minimum_seller_allowed_price"] and business["audience"] == "B2B"

    def test_a_lead_time_goes_with_the_live_stock_or_that_of_the_same_push(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        """Amazon refuses it alone; the submitted stock of last week would sell what has been sold."""
        sku, one = single(twin), open_()
        twin.state.products[sku]["live_quantity"] = 2
        push(one, (sku, "lead_time_days", "3"))
        (patch,) = self.body(exchanges)["patches"]
        assert patch["value"] == [
            {"fulfillment_channel_code": "DEFAULT", "quantity": 2, "lead_time_to_ship_max_days": 3}
        ]
        push(one, (sku, "lead_time_days", "5"), (sku, "quantity", "9"))
        (patch,) = self.body(exchanges)["patches"]
        assert patch["value"][0]["quantity"] == 9
        push(one, (sku, "lead_time_days", ""))
        (patch,) = self.body(exchanges)["patches"]
        assert patch["op"] == "replace"
        assert "lead_time_to_ship_max_days" not in twin.state.products[sku]["attributes"]["fulfillment_availability"][0]

    def test_a_reduction_is_dated_kept_and_taken_back(self, twin: Twin, open_: Open) -> None:
        now = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
        sku, one = single(twin), open_(clock=now.timestamp, typed={"sale_days": "10"})
        push(one, (sku, "sale_price", "0.80"))
        offer = twin.state.products[sku]["attributes"]["purchasable_offer"][0]
        dates = {"start_at": "2026-11-25T00:00:00Z", "end_at": "2026-12-05T00:00:00Z"}
        assert offer["discounted_price"] == [{"schedule": [{"value_with_tax": 0.8, **dates}]}]
        offer["discounted_price"][0]["schedule"][0]["end_at"] = "2027-01-31T00:00:00Z"
        push(one, (sku, "sale_price", "0.90"))
        assert offer["discounted_price"][0]["schedule"][0]["end_at"] == "2027-01-31T00:00:00Z"
        push(one, (sku, "sale_price", ""))
        offer = twin.state.products[sku]["attributes"]["purchasable_offer"][0]
        assert "discounted_price" not in offer and offer["our_price"]

    def test_a_whole_attribute_is_given_back_with_what_it_had(self, twin: Twin, open_: Open) -> None:
        sku = single(twin)
        stored = twin.state.products[sku]["attributes"]["item_package_dimensions"][0]
        others = {name: stored[name] for name in ("width", "height")}
        push(open_(), (sku, "length_mm", "321"), (sku, "title", "Another lamp"))
        after = twin.state.products[sku]["attributes"]
        assert after["item_package_dimensions"][0]["length"] == {"unit": "centimeters", "value": 32.1}
        assert {name: after["item_package_dimensions"][0][name] for name in others} == others
        assert after["item_name"][0].keys() == {"value", "language_tag", "marketplace_id"}

    def test_only_whole_attributes_are_patched_and_each_stock_names_its_channel(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        sku = single(twin)
        values = {"quantity": "3", "lead_time_days": "2", "weight_g": "10", "attributes.color": "Red"}
        push(open_(), *[(sku, field, value) for field, value in values.items()])
        for patch in self.body(exchanges)["patches"]:
            assert patch["path"].count("/") == 2
            if "fulfillment_availability" in patch["path"]:
                assert all(one["fulfillment_channel_code"] == "DEFAULT" for one in patch["value"])

    def test_images_fill_places_and_empty_the_rest(self, twin: Twin, open_: Open) -> None:
        sku, one = single(twin), open_()
        twin.state.edit(sku, "images", json.dumps([f"https://img.example/{n}.jpg" for n in range(4)]))
        push(one, (sku, "images", '["https://img.example/0.jpg", "https://img.example/x.jpg"]'))
        kept = {name: value for name, value in twin.state.products[sku]["attributes"].items() if "locator" in name}
        assert [one[0]["media_location"] for one in kept.values()] == [
            "https://img.example/0.jpg",
            "https://img.example/x.jpg",
        ]
        ten = json.dumps([f"https://img.example/{n}.jpg" for n in range(10)])
        results = push(one, (sku, "images", ten))
        assert results["code"].to_list() == ["invalid"] and "9 images" in results["message"][0]

    def test_a_new_text_is_in_the_language_of_the_title(self) -> None:
        item = here({"sku": "A", "attributes": {"item_name": [{"value": "Lampe", "language_tag": "de_DE"}]}}, GERMANY)
        fragment = PRODUCT_WRITERS["attributes.bullet_point"]("Leicht\n\nStabil", item)
        (patch,) = patches(item, fragment, GERMANY, "EUR")
        assert patch["value"] == [
            {"value": text, "language_tag": "de_DE", "marketplace_id": GERMANY} for text in ("Leicht", "Stabil")
        ]

    def test_a_first_price_is_in_the_currency_of_the_marketplace(self) -> None:
        item = here({"sku": "A"}, "A1F83G8C2ARO7P")
        (patch,) = patches(item, PRODUCT_WRITERS["price"]("9.90", item), "A1F83G8C2ARO7P", "GBP")
        assert patch["value"][0]["currency"] == "GBP"

    def test_nothing_is_sent_where_nothing_would_change(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        sku = single(twin)
        title = twin.state.products[sku]["attributes"]["item_name"][0]["value"]
        results = push(open_(), (sku, "title", title), (sku, "sale_price", ""), (sku, "lead_time_days", ""))
        assert set(results["status"]) == {"accepted"}
        assert not sent(exchanges, "PATCH", "/listings/")

    def test_a_sku_that_is_gone_is_missing_although_amazon_would_accept(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        results = push(open_(), ("NO-SUCH-SKU", "price", "12.50"))
        assert results["code"].to_list() == ["missing"]
        assert not sent(exchanges, "PATCH", "/listings/")

    @pytest.mark.parametrize(
        ("field", "value", "word"),
        [
            ("price", "12,50", "12.50"),
            ("price", "0", "above 0"),
            ("sale_price", "99999", "not below the price"),
            ("quantity", "1.5", "whole number"),
            ("quantity", "-1", "whole number"),
            ("lead_time_days", "31", "from 0 to 30"),
            ("weight_g", "1,3 kg", "plain number"),
            ("title", " ", "must not be empty"),
        ],
    )
    def test_what_amazon_would_refuse_is_not_sent(
        self, twin: Twin, open_: Open, exchanges: list[Exchange], field: str, value: str, word: str
    ) -> None:
        results = push(open_(), (single(twin), field, value))
        assert results["code"].to_list() == ["invalid"]
        assert word in results["message"][0]
        assert not sent(exchanges, "PATCH", "/listings/")

    @pytest.mark.parametrize(("field", "value"), [("price", "9.90"), ("quantity", "4"), ("lead_time_days", "2")])
    def test_a_variation_parent_is_not_sold(self, twin: Twin, open_: Open, field: str, value: str) -> None:
        results = push(open_(), (parent(twin), field, value))
        assert results["code"].to_list() == ["invalid"]
        assert "variants" in results["message"][0]

    def test_stock_in_amazons_warehouse_is_left_alone(self, twin: Twin, open_: Open) -> None:
        sku, one = single(twin), open_()
        twin.state.products[sku]["attributes"]["fulfillment_availability"] = [{"fulfillment_channel_code": "AMAZON_EU"}]
        assert attribute(one.read("product", [(sku, "")]), "fulfillment_channel") == "AMAZON_EU"
        results = push(one, (sku, "quantity", "4"))
        assert results["code"].to_list() == ["invalid"]
        assert "AMAZON_EU" in results["message"][0]

    @pytest.mark.parametrize("field", ["brand", "gtin", "condition", "category"])
    def test_what_amazon_takes_and_ignores_cannot_be_written(self, twin: Twin, open_: Open, field: str) -> None:
        assert push(open_(), (single(twin), field, "x"))["code"].to_list() == ["not_writable"]

    def test_issues_of_a_refused_patch_are_amazons_words_and_spare_the_neighbour(self, twin: Twin, open_: Open) -> None:
        sku = single(twin)
        results = push(open_(), (sku, "title", "x" * 201), (sku, "mpn", "NEW-1"))
        assert results["status"].to_list() == ["refused", "accepted"]
        assert results["code"][0] == "99022"
        assert "1 to 200 characters" in results["message"][0]
        assert twin.state.products[sku]["attributes"]["part_number"][0]["value"] == "NEW-1"

    def test_warnings_go_along_with_an_acceptance(self) -> None:
        warning = {"code": "18448", "message": "Incomplete.", "severity": "WARNING", "categories": []}
        one, _ = answering(lambda request: _listing_of(request, "ACCEPTED", [warning]))
        results = push(one, ("GM", "title", "Suitcase"))
        assert results.select("status", "code", "message").row(0) == ("accepted", "", "Incomplete.")


class TestFeeds:
    def rows(self, twin: Twin, count: int = 4) -> list[str]:
        return [sku for sku, row in twin.state.products.items() if not row["children"]][:count]

    def test_many_listings_go_as_one_document_that_no_key_goes_along_with(
        self, twin: Twin, open_: Open, exchanges: list[Exchange], fed: None, shared: Path
    ) -> None:
        skus = self.rows(twin)
        results = push(open_(), *[(sku, "mpn", f"M-{number}") for number, sku in enumerate(skus)])
        assert results["status"].to_list() == ["accepted"] * 4
        assert not sent(exchanges, "PATCH", "/listings/")
        (upload,) = sent(exchanges, "PUT", "/feed-documents/")
        assert upload.request.headers["content-type"] == "application/json; charset=UTF-8"
        assert "x-amz-access-token" not in upload.request.headers
        document = json.loads(upload.request.body)
        schema = json.loads((shared / "specs/amazon/feeds-schema/listings-feed-schema-v2.json").read_text())
        assert list(jsonschema_rs.validator_for(schema).iter_errors(document)) == []
        assert [one["messageId"] for one in document["messages"]] == [1, 2, 3, 4]
        assert document["header"] == {"sellerId": twin.credentials["seller_id"], "version": "2.0"}

    def test_a_report_speaks_message_by_message(
        self, twin: Twin, open_: Open, exchanges: list[Exchange], fed: None
    ) -> None:
        first, second, third, _ = self.rows(twin)
        results = push(
            open_(),
            (first, "title", "Good title"),
            (second, "title", "x" * 201),
            (third, "title", "y" * 201),
            (third, "mpn", "NEW-3"),
        )
        assert results["status"].to_list() == ["accepted", "refused", "refused", "accepted"]
        assert results["code"].to_list() == ["", "99022", "99022", ""]
        assert twin.state.products[third]["attributes"]["part_number"][0]["value"] == "NEW-3"
        assert twin.state.products[first]["attributes"]["item_name"][0]["value"] == "Good title"

    def test_a_feed_that_hangs_is_gone_around(
        self, twin: Twin, open_: Open, exchanges: list[Exchange], fed: None
    ) -> None:
        twin.is_stuck = True
        one, skus = open_(), self.rows(twin)
        results = push(one, *[(sku, "quantity", "17") for sku in skus], kind="stock")
        assert results["status"].to_list() == ["accepted"] * 4
        assert len(sent(exchanges, "POST", "/feeds/2021-06-30/feeds")) == 1
        assert len(sent(exchanges, "PATCH", "/listings/")) == 4
        push(one, *[(sku, "quantity", "18") for sku in skus], kind="stock")
        assert len(sent(exchanges, "POST", "/feeds/2021-06-30/feeds")) == 1, "a later one would wait behind it"
        assert {twin.state.products[sku]["live_quantity"] for sku in skus} == {18}

    @pytest.mark.parametrize(
        ("state", "report", "codes"),
        [
            ("DONE", {"issues": [], "summary": {"messagesProcessed": 3, "messagesInvalid": 0}}, ["", "", ""]),
            ("DONE", {"issues": [], "summary": {"messagesProcessed": 2, "messagesInvalid": 0}}, ["unknown"] * 3),
            ("DONE", {"issues": [], "summary": {"messagesProcessed": 3, "messagesInvalid": 1}}, ["unknown"] * 3),
            (
                "DONE",
                {
                    "issues": [{"messageId": 2, "code": "90220", "severity": "ERROR", "message": "Needed."}],
                    "summary": {"messagesProcessed": 3, "messagesInvalid": 1},
                },
                ["", "90220", ""],
            ),
            (
                "DONE",
                {
                    "issues": [{"messageId": 2, "code": "90220", "severity": "WARNING", "message": "Better."}],
                    "summary": {"messagesProcessed": 3, "messagesInvalid": 0},
                },
                ["", "", ""],
            ),
            ("FATAL", None, ["unknown"] * 3),
            ("CANCELLED", None, ["unknown"] * 3),
        ],
    )
    def test_what_a_report_leaves_open_is_unknown(
        self, fed: None, state: str, report: dict[str, Any] | None, codes: list[str]
    ) -> None:
        one, asked = answering(lambda request: _feed_of(request, state, report))
        results = push(one, *[(sku, "title", "Suitcase") for sku in ("S1", "S2", "S3")])
        assert results["code"].to_list() == codes
        signed = [request for request in asked if request.url.host == "bucket.example"]
        assert signed and not any("x-amz-access-token" in request.headers for request in signed)

    def test_documents_stay_below_the_largest_size(self, twin: Twin, open_: Open, fed: None, monkeypatch: Any) -> None:
        monkeypatch.setattr("connectors.platforms.amazon.connector._FEED_BYTES", 600)
        skus = self.rows(twin, 5)
        results = push(open_(), *[(sku, "description", "word " * 40) for sku in skus])
        assert results["status"].to_list() == ["accepted"] * 5
        assert len(twin._feeds) > 1  # type: ignore[attr-defined]
        for feed in twin._feeds.values():  # type: ignore[attr-defined]
            numbers = [one["messageId"] for one in json.loads(feed["input"])["messages"]]
            assert numbers == list(range(1, len(numbers) + 1))

    def test_a_few_listings_are_patched_one_by_one(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        push(open_(), *[(sku, "mpn", "M") for sku in self.rows(twin)])
        assert len(sent(exchanges, "PATCH", "/listings/")) == 4


class TestOrders:
    def test_personal_data_are_asked_for_only_when_wanted(self, open_: Open, exchanges: list[Exchange]) -> None:
        found = fetched(open_(typed={"personal_data": "no"}), "order")
        (search,) = sent(exchanges, "GET", "/orders/")
        assert not {"BUYER", "RECIPIENT"} & set(dict(search.request.query)["includedData"].split(","))
        assert not any("".join(found.select("buyer_name", "email", "ship_name", "ship_city", "phone").row(0)))
        assert found["total"][0]
        assert fetched(open_(), "order")["ship_city"][0]
        assert next(one.default for one in platform("amazon").credentials if one.name == "personal_data") == "no"

    def test_personal_data_come_on_every_page_and_for_single_orders(self, twin: Twin, open_: Open) -> None:
        twin.state.add(make_catalogue(5, products=20, orders=130, day=2, defects=0.0))
        one = open_()
        found = fetched(one, "order")
        assert found.height == 142
        assert found.filter(pl.col("ship_city") == "").is_empty()
        assert one.read("order", [(found["record_key"][-1], "")])["ship_city"][0]

    def test_lines_need_no_further_call(self, open_: Open, exchanges: list[Exchange]) -> None:
        """A call for each order's lines runs into the quota; the new interface embeds them."""
        one = open_()
        (page,) = one.fetch("order")
        assert page.records["order_line"].height >= 12
        assert len(sent(exchanges, "GET", "/orders/")) == 1

    def test_the_first_reading_goes_back_some_days_and_the_next_by_changes(
        self, open_: Open, exchanges: list[Exchange]
    ) -> None:
        now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
        one = open_(clock=now.timestamp, typed={"order_days": "30"})
        list(one.fetch("order"))
        list(one.fetch("order", since=now))
        first, second = (dict(each.request.query) for each in sent(exchanges, "GET", "/orders/"))
        assert first["createdAfter"] == "2026-10-26T12:00:00Z" and "lastUpdatedAfter" not in first
        assert second["lastUpdatedAfter"] == "2026-11-25T11:55:00Z" and "createdAfter" not in second

    def test_a_second_parcel_takes_what_is_left(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        key = next(key for key in twin.state.awaiting("shipment") if len(twin.state.orders[key]["orderItems"]) > 1)
        one, first = open_(), twin.state.orders[key]["orderItems"][0]["orderItemId"]
        result = one.ship(parcel(key, line_key=first))
        assert result["status"].to_list() == ["accepted"]
        assert twin.state.orders[key]["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
        one.ship(parcel(key, shipment_id="s-2", tracking_number="2", carrier="Fahrrad Kurier"))
        assert key not in twin.state.awaiting("shipment")
        bodies = [json.loads(each.request.body) for each in sent(exchanges, "POST", "/shipmentConfirmation")]
        packages = [each["packageDetail"] for each in bodies]
        assert [(each["carrierCode"], each.get("carrierName")) for each in packages] == [
            ("DHL", None),
            ("Other", "Fahrrad Kurier"),
        ]
        assert all(each["packageReferenceId"].isdigit() and int(each["packageReferenceId"]) > 0 for each in packages)
        assert len({each["packageReferenceId"] for each in packages}) == 2
        assert {each["marketplaceId"] for each in bodies} == {GERMANY}

    def test_a_confirmation_whose_answer_was_lost_is_one_parcel(self, twin: Twin, open_: Open) -> None:
        key = twin.state.awaiting("shipment")[0]
        twin.fault("truncated", path="shipmentConfirmation")
        one = open_()
        one.ship(parcel(key))
        assert one.ship(parcel(key))["status"].to_list() == ["accepted"]
        assert twin.state.parcels() == [(key, "00340434")]

    @pytest.mark.parametrize(
        ("changed", "word"),
        [
            ({"tracking_number": ""}, "tracking number"),
            ({"carrier": ""}, "carrier"),
            ({"line_key": "123"}, "no line 123"),
        ],
    )
    def test_a_parcel_that_says_too_little(self, twin: Twin, open_: Open, changed: dict[str, str], word: str) -> None:
        result = open_().ship(parcel(twin.state.awaiting("shipment")[0], **changed))
        assert result["code"].to_list() == ["invalid"]
        assert word in result["message"][0]
        assert not twin.state.parcels()

    def test_what_amazon_ships_or_has_left_is_not_confirmed(self, twin: Twin, open_: Open) -> None:
        one, key = open_(), twin.state.awaiting("shipment")[0]
        twin.state.orders[key]["fulfillment"]["fulfilledBy"] = "AMAZON"
        assert "FBA" in one.ship(parcel(key))["message"][0]
        gone = next(k for k, row in twin.state.orders.items() if row["packages"])
        assert "left already" in one.ship(parcel(gone, tracking_number="another"))["message"][0]

    def test_a_pending_order_is_refused_in_amazons_words(self, twin: Twin, open_: Open) -> None:
        key = twin.state.awaiting("shipment")[0]
        twin.state.orders[key]["fulfillment"]["fulfillmentStatus"] = "PENDING"
        result = open_().ship(parcel(key))
        assert result["code"].to_list() == ["InvalidInput"]
        assert "PENDING" in result["message"][0]


class TestLimits:
    def test_every_operation_has_the_rate_of_its_model(self, shared: Path) -> None:
        seen = {}
        for path in sorted((shared / "specs/amazon").glob("*.json")):
            for item in json.loads(path.read_text())["paths"].values():
                for one in (each for each in item.values() if isinstance(each, dict) and "operationId" in each):
                    rates = [line.split("|") for line in one.get("description", "").splitlines() if line.count("|") > 2]
                    numbers = [[cell.strip() for cell in row if cell.strip()] for row in rates]
                    seen.setdefault((path.stem, one["operationId"]), [row[-2:] for row in numbers])
        models = {name: rows for (stem, name), rows in seen.items() if stem != "ordersV0" or name == "confirmShipment"}
        for name, rate in Amazon.site.limits.operations.items():
            assert [f"{rate.per_second:g}", f"{rate.burst:g}"] in models[name], name

    def test_the_rate_that_amazon_tells_is_kept(self) -> None:
        now = [0.0]
        limiter = Limiter(Amazon.site.limits, clock=lambda: now[0])
        limiter.answered({"x-amzn-RateLimit-Limit": "2.0"}, "patchListingsItem")
        waits = [limiter.take(operation="patchListingsItem") for _ in range(7)]
        assert waits == [0.0] * 5 + [0.5, 1.0]
        assert limiter.take(operation="searchListingsItems") == 0.0

    def test_after_a_used_up_quota_as_long_as_the_operation_takes(self, twin: Twin, open_: Open) -> None:
        pauses: list[float] = []
        one = open_(sleep=pauses.append)
        twin.fault("429-no-advice", path="/orders/2026-01-01/orders")
        assert fetched(one, "order").height == 12
        assert pauses == [pytest.approx(1 / 0.0056)]

    def test_the_quota_is_kept_without_ever_being_refused(self) -> None:
        """A strict interface, the clock of both moved by the pauses: nothing is refused, and it takes its time."""
        now = [datetime(2026, 11, 25, tzinfo=UTC)]

        def sleep(seconds: float) -> None:
            now[0] += timedelta(seconds=seconds)

        start = now[0]
        catalogue = make_catalogue(5, 60, orders=5, defects=0.0)
        with serve("amazon", catalogue=catalogue, clock=lambda: now[0], is_strict=True) as twin:
            limit = Limiter(Amazon.site.limits, clock=lambda: now[0].timestamp())
            options = {"sleep": sleep, "clock": lambda: now[0].timestamp(), "limit": limit}
            one = connector(Connection("de", "amazon", twin.credentials), **options)
            for _ in range(4):
                fetched(one, "product")
            assert one.traffic.throttled == 0
            assert {status for _, _, status in twin.requests} == {200}
            assert now[0] > start
            one.close()

    def test_a_quota_that_others_used_up_ends_in_amazons_words(self, twin: Twin, open_: Open) -> None:
        body = {"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota.", "details": ""}]}
        one, _ = answering(lambda request: httpx.Response(429, json=body))
        with pytest.raises(RateLimitError, match="QuotaExceeded: You exceeded your quota"):
            fetched(one, "order")


class TestRequirements:
    def test_a_schema_becomes_rows(self, twin: Twin, open_: Open) -> None:
        one = open_()
        category = one.read("product", [(single(twin), "")])["category"][0]
        rows = {row["field"]: row for row in one.requirements([category, "No such type"]).iter_rows(named=True)}
        assert {row["category"] for row in rows.values()} == {category}
        assert (rows["title"]["level"], rows["title"]["type"], rows["title"]["maximum"]) == ("required", "text", 200.0)
        assert rows["brand"]["level"] == "required"
        origin = rows["attributes.country_of_origin"]
        assert (origin["type"], origin["values"]) == ("choice", ["DE", "FR", "PL", "CN"])
        assert rows["attributes.color"]["level"] == "optional"
        several = rows["attributes.supplier_declared_dg_hz_regulation"]
        assert (several["level"], several["type"], several["values"]) == ("required", "text", [])
        assert "attributes.material" not in rows, "its list is open"
        assert "attributes.bullet_point" not in rows, "its bounds are those of one of several"
        assert rows["title"]["source"].startswith(twin.base_url)

    def test_the_schema_comes_from_a_signed_address_without_the_key(
        self, twin: Twin, open_: Open, exchanges: Any
    ) -> None:
        one = open_()
        one.requirements([one.read("product", [(single(twin), "")])["category"][0]])
        (schema,) = sent(exchanges, "GET", "/schemas/")
        assert "x-amz-access-token" not in schema.request.headers

    def test_a_schema_that_cannot_be_read_is_told(self) -> None:
        one, _ = answering(lambda request: _definition_of(request, b"<html>maintenance</html>"))
        with pytest.raises(ProtocolError, match="cannot be read"):
            one.requirements(["Luggage"])

    def test_weights_have_no_bounds_of_another_unit(self) -> None:
        value = {"properties": {"value": {"type": "number", "maximum": 500}}}
        schema = {
            "required": ["item_package_weight"],
            "properties": {"item_package_weight": {"maxUniqueItems": 1, "items": value}},
        }
        (row,) = demands(schema)
        assert (row["field"], row["type"], row["maximum"]) == ("weight_g", "number", None)


# ---- Amazon's own examples -------------------------------------------------------------------------------------------


def examples(shared: Path, model: str, operation: str) -> list[tuple[int, dict[str, Any], Any]]:
    """The static examples of an operation's sandbox: status, parameters, answer."""
    document = json.loads((shared / f"specs/amazon/{model}.json").read_text())
    found = []
    for item in document["paths"].values():
        for one in (each for each in item.values() if isinstance(each, dict) and each.get("operationId") == operation):
            for status, response in one["responses"].items():
                for example in response.get("x-amzn-api-sandbox", {}).get("static", ()):
                    found.append((int(status), example["request"]["parameters"], example["response"]))
    assert found, operation
    return found


def good(shared: Path, model: str, operation: str) -> list[Any]:
    return [response for status, _, response in examples(shared, model, operation) if status < 300]


class TestAmazonsOwnExamples:
    def luggage(self, shared: Path, marketplace: str) -> pl.DataFrame:
        (page,) = good(shared, "listingsItems_2021-08-01", "searchListingsItems")
        (types,) = good(shared, "definitionsProductTypes_2020-09-01", "searchDefinitionsProductTypes")
        last = {name: value for name, value in page.items() if name != "pagination"}

        def reply(request: httpx.Request) -> httpx.Response:
            if "productTypes" in request.url.path:
                return httpx.Response(200, json=types)
            return httpx.Response(200, json=last if "pageToken" in request.url.params else page)

        one, asked = answering(reply, marketplace_id=marketplace)
        found = fetched(one, "product")
        assert asked[-1].url.params["pageToken"] == page["pagination"]["nextToken"]
        return found

    def test_a_search_of_listings(self, shared: Path) -> None:
        row = self.luggage(shared, US)
        assert row.height == 1
        names = ("record_key", "level", "title", "condition", "price", "currency", "quantity", "status", "category")
        assert row.select(names).row(0) == (
            "GM-ZDPI-9B4E",
            "single",
            "Hardside Carry-On Spinner Suitcase Luggage",
            "new_new",
            "100.00",
            "USD",
            "100",
            "active",
            "Luggage",
        )
        assert row["updated_at"][0] == "2021-03-01T00:00:00Z"
        assert row["images"].to_list() == [["https://www.example.com/luggage.png"]]
        assert attribute(row, "amazon_issues").splitlines()[0] == "90220: 'size' is required but not supplied."
        assert attribute(row, "amazon_enforcements").startswith("ATTRIBUTE_SUPPRESSED, CATALOG_ITEM_REMOVED")

    def test_the_same_search_seen_from_canada(self, shared: Path) -> None:
        row = self.luggage(shared, CANADA)
        assert row.select("price", "currency", "status").row(0) == ("130.00", "CAD", "draft")
        assert "90220" not in attribute(row, "amazon_issues") and "18027" in attribute(row, "amazon_issues")

    def test_one_listing(self, shared: Path) -> None:
        (item,) = good(shared, "listingsItems_2021-08-01", "getListingsItem")
        (types,) = good(shared, "definitionsProductTypes_2020-09-01", "searchDefinitionsProductTypes")
        answers = {"productTypes": types}
        one, _ = answering(lambda request: httpx.Response(200, json=answers.get(request.url.path.split("/")[-1], item)))
        assert one.item(Amazon.streams["product"], "GM-ZDPI-9B4E") == item  # type: ignore[attr-defined]
        ((_, row),) = one.records("product", item)  # type: ignore[attr-defined]
        assert (row["record_key"], row["price"], row["quantity"]) == ("GM-ZDPI-9B4E", "100.00", "100")

    def test_patches(self, shared: Path) -> None:
        outcomes = {}
        for status, _, answer in examples(shared, "listingsItems_2021-08-01", "patchListingsItem"):

            def reply(request: httpx.Request, status: int = status, answer: Any = answer) -> httpx.Response:
                return httpx.Response(status, json=answer) if request.method == "PATCH" else _listing_of(request)

            one, _ = answering(reply)
            outcomes[answer.get("status", status)] = (
                push(one, ("GM", "title", "Suitcase")).select("status", "code").row(0)
            )
        assert outcomes == {
            "ACCEPTED": ("accepted", ""),
            # A preview stores nothing.
            "VALID": ("refused", "VALID"),
            "INVALID": ("refused", "90000900"),
            400: ("refused", "BAD_REQUEST"),
        }

    def test_every_order_is_read_with_its_lines(self, shared: Path) -> None:
        pages = good(shared, "orders_2026-01-01", "searchOrders")
        orders = [order for page in pages for order in page["orders"]]
        orders += [one["order"] for one in good(shared, "orders_2026-01-01", "getOrder")]
        assert len(orders) > 4
        one, _ = answering(lambda request: httpx.Response(200, json={"orders": orders}), personal_data="yes")
        (page,) = one.fetch("order")
        assert page.quarantined.is_empty()
        found = page.records["order"]
        assert set(found["record_key"]) == {order["orderId"] for order in orders}
        lines = page.records["order_line"]
        assert set(lines["line_key"]) == {line["orderItemId"] for order in orders for line in order["orderItems"]}
        london = found.row(by_predicate=pl.col("record_key") == "202-7654321-1098765", named=True)
        assert london["ship_street"] == "45 Oak Avenue, Flat 2A"
        assert (london["ship_country"], london["phone"]) == ("GB", "+44 20 7946 0958")
        assert (london["total"], london["currency"], london["status"]) == ("34.99", "GBP", "SHIPPED")
        assert london["shipped_at"]
        tokyo = lines.filter(pl.col("line_key") == "25012345678902")
        assert tokyo.select("sku", "quantity", "unit_price").row(0) == ("FIRE-TV-4K-MAX-JP", "2", "6980")

    def test_a_shipment(self, shared: Path) -> None:
        order = next(
            one["order"]
            for one in good(shared, "orders_2026-01-01", "getOrder")
            if one["order"]["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
        )
        examples_of = examples(shared, "ordersV0", "confirmShipment")
        allowed = next(each["body"]["value"] for status, each, _ in examples_of if status == 204)

        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(204) if request.method == "POST" else httpx.Response(200, json={"order": order})

        one, asked = answering(reply, marketplace_id="A2Q3Y263D00KWC")
        result = one.ship(parcel(order["orderId"], carrier="FedEx", shipped_at="2026-11-25T09:00:00+01:00"))
        assert result["status"].to_list() == ["accepted"]
        body = json.loads(asked[-1].content)
        assert body["packageDetail"].keys() <= allowed["packageDetail"].keys()
        assert body["packageDetail"]["shipDate"] == "2026-11-25T08:00:00Z"
        assert body["packageDetail"]["orderItems"] == [{"orderItemId": "17198765432109", "quantity": 1}]

    def test_refusals(self, shared: Path) -> None:
        for model, operation, kind in (
            ("orders_2026-01-01", "searchOrders", "order"),
            ("listingsItems_2021-08-01", "searchListingsItems", "product"),
        ):
            body = next(answer for status, _, answer in examples(shared, model, operation) if status == 400)
            one, _ = answering(lambda request, body=body: httpx.Response(400, json=body))
            with pytest.raises(PlatformError, match=body["errors"][0]["message"]):
                fetched(one, kind)

    def test_a_feed_that_was_cancelled(self, shared: Path, fed: None) -> None:
        model = "feeds_2021-06-30"
        (place,), (feed,), (state,), (result,) = (
            good(shared, model, name) for name in ("createFeedDocument", "createFeed", "getFeed", "getFeedDocument")
        )
        assert result["url"] == place["url"]

        def reply(request: httpx.Request) -> httpx.Response:
            known = {("POST", "documents"): place, ("POST", "feeds"): feed, ("GET", feed["feedId"]): state}
            if request.url.host == "d34o8swod1owfl.cloudfront.net":
                return httpx.Response(200)
            found = known.get((request.method, request.url.path.split("/")[-1]))
            return httpx.Response(200, json=found) if found else _listing_of(request)

        one, _ = answering(reply)
        assert push(one, ("S1", "title", "A"), ("S2", "title", "B"))["code"].to_list() == ["unknown"] * 2

    def test_the_processing_report(self, shared: Path, fed: None) -> None:
        folder = shared / "specs/amazon/feeds-schema"
        report = json.loads((folder / "listings-feed-processing-report-schema-v2.example.json").read_text())
        one, _ = answering(lambda request: _feed_of(request, "DONE", report))
        results = push(one, *[(f"S{number}", "title", "Suitcase") for number in range(1, 6)])
        # The example's first message is a deletion that its count leaves out.
        assert results["code"].to_list() == ["unknown"] * 3 + ["90220", "99022"]
        assert "[batteries_required]" in results["message"][3]

    def test_the_account(self, shared: Path) -> None:
        (account,) = good(shared, "sellers", "getMarketplaceParticipations")

        def reply(request: httpx.Request) -> httpx.Response:
            if "sellers" in request.url.path:
                return httpx.Response(200, json=account)
            return httpx.Response(200, json={"orders": [], "items": [], "numberOfResults": 0})

        one, _ = answering(reply)
        assert one.check().messages[0] == "The account sells on Amazon.com"

    def test_a_definition(self, shared: Path) -> None:
        (definition,) = good(shared, "definitionsProductTypes_2020-09-01", "getDefinitionsProductType")
        schema = {"required": ["size"], "properties": {"size": {"title": "Size", "maxUniqueItems": 1}}}
        one, asked = answering(lambda request: _definition_of(request, json.dumps(schema).encode(), definition))
        (row,) = one.requirements(["Luggage"]).iter_rows(named=True)
        assert (row["category"], row["field"], row["label"]) == ("Luggage", "attributes.size", "Size")
        assert str(asked[-1].url) == definition["schema"]["link"]["resource"]


def _listing_of(request: httpx.Request, status: str = "ACCEPTED", issues: Any = ()) -> httpx.Response:
    """Listings by their SKUs, and the answer to a patch."""
    if request.method == "PATCH":
        return httpx.Response(
            200, json={"sku": "GM", "status": status, "submissionId": "f1dc2914", "issues": list(issues)}
        )
    if "productTypes" in request.url.path:
        return httpx.Response(200, json={"productTypes": [], "productTypeVersion": "1"})
    items = [{"sku": sku} for sku in request.url.params["identifiers"].split(",")]
    return httpx.Response(200, json={"numberOfResults": len(items), "items": items})


def _feed_of(request: httpx.Request, status: str, report: dict[str, Any] | None) -> httpx.Response:
    """A feed that ends in that state, with its report packed."""
    place = {"feedDocumentId": "d1", "url": "https://bucket.example/d1"}
    if request.url.host == "bucket.example":
        return httpx.Response(
            200, content=gzip.compress(json.dumps(report).encode()) if request.method == "GET" else b""
        )
    if request.url.path.endswith("/documents/r1"):
        return httpx.Response(200, json=place | {"compressionAlgorithm": "GZIP"})
    if request.url.path.endswith("/documents"):
        return httpx.Response(201, json=place)
    if request.url.path.endswith("/feeds"):
        return httpx.Response(202, json={"feedId": "f1"})
    if request.url.path.endswith("/feeds/f1"):
        result = {"resultFeedDocumentId": "r1"} if report is not None else {}
        return httpx.Response(200, json={"feedId": "f1", "processingStatus": status, **result})
    return _listing_of(request)


def _definition_of(request: httpx.Request, schema: bytes, definition: Any = None) -> httpx.Response:
    link = {"resource": "https://schema-url", "verb": "GET"}
    if request.url.host == "schema-url":
        assert "x-amz-access-token" not in request.headers
        return httpx.Response(200, content=schema)
    if request.url.path.endswith("/productTypes"):
        types = [{"name": "LUGGAGE", "displayName": "Luggage", "marketplaceIds": [US]}]
        return httpx.Response(200, json={"productTypes": types, "productTypeVersion": "1"})
    return httpx.Response(200, json=definition or {"schema": {"link": link, "checksum": "x"}})
