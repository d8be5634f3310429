"""What is peculiar to Walmart: tokens and headers, cursors, windows of time, feeds with reports, orders in steps."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError, RateLimitError, RefusedError
from connectors.limits import Limiter
from connectors.manners import Patience
from connectors.platform import ACCEPTANCES, CHANGES, SHIPMENTS, Connection, Connector, connector, platform
from connectors.platforms.walmart import NEWEST_SPEC, Walmart
from connectors.sandbox import Catalogue, Twin, make_catalogue, serve
from connectors.sandbox.server import Exchange

KEYS = {"client_id": "4f3c1f2e-id", "client_secret": "secret-0123456789"}
NODE = "10001234567"

Open = Callable[..., Connector]


def in_dollars(catalogue: Catalogue) -> Catalogue:
    """The catalogue as a seller in the US would have it."""
    for product in catalogue.products:
        for row in (product, *product["variants"]):
            row["currency"] = "USD"
    return catalogue


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("walmart", catalogue=in_dollars(make_catalogue(5, 28, orders=20, defects=0.0)), seed=5) as running:
        yield running


@pytest.fixture
def open_(twin: Twin, opening: Open) -> Open:
    return lambda of=None, typed=None, **options: opening(of or twin, typed, **options)


def answering(reply: Callable[[httpx.Request], httpx.Response], **typed: str) -> tuple[Connector, list[httpx.Request]]:
    """A connector whose network answers so, a token apart; and what it asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/v3/token":
            return httpx.Response(200, json={"access_token": f"t-{uuid.uuid4()}", "expires_in": 900})
        return reply(request)

    typed = {"client_id": f"id-{uuid.uuid4()}", "client_secret": "secret-0123456789"} | typed
    options = {"transport": httpx.MockTransport(answer), "sleep": lambda _: None, "random": lambda: 0.5}
    return connector(Connection("wm", "walmart", typed), **options), asked


def push(one: Connector, *rows: tuple[str, str, str, str]) -> pl.DataFrame:
    """Kind, key, field, value; gives the results."""
    values = [(f"c{number}", kind, key, "", field, "", value) for number, (kind, key, field, value) in enumerate(rows)]
    return one.push(pl.DataFrame(values, schema=CHANGES, orient="row"))


def fetched(one: Connector, kind: str, **options: Any) -> pl.DataFrame:
    return pl.concat([page.records[kind] for page in one.fetch(kind, **options)])


def asked_of(exchanges: list[Exchange], method: str, path: str) -> list[Exchange]:
    return [one for one in exchanges if one.request.method == method and one.request.path == path]


class TestAccess:
    def test_every_request_has_a_correlation_identifier_of_its_own_and_the_token_in_its_header(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        assert open_().check().ok
        headers = [one.request.headers for one in exchanges]
        numbers = [one["wm_qos.correlation_id"] for one in headers]
        assert len(numbers) == len(set(numbers)) > 3
        assert all(uuid.UUID(one) for one in numbers)
        assert {one["wm_svc.name"] for one in headers} == {"Walmart Marketplace"}
        token, *rest = headers
        assert token["authorization"].startswith("Basic ")
        assert token["content-type"] == "application/x-www-form-urlencoded"
        assert all(one["wm_sec.access_token"].startswith("eyJ") for one in rest)
        assert not any("authorization" in one for one in rest)

    def test_a_solution_provider_says_its_channel(self, open_: Open, exchanges: list[Exchange]) -> None:
        open_(typed={"channel_type": "0f3e-channel"}).check()
        assert {one.request.headers["wm_consumer.channel.type"] for one in exchanges} == {"0f3e-channel"}

    def test_a_token_is_renewed_before_its_fifteen_minutes_are_over(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        now = [datetime.now(UTC).timestamp()]
        one = open_(clock=lambda: now[0], typed={"client_id": twin.credentials["client_id"]})
        list(one.fetch("stock"))
        now[0] += 14 * 60
        list(one.fetch("stock"))
        assert len(asked_of(exchanges, "POST", "/v3/token")) == 2
        assert {exchange.answer.status for exchange in exchanges} == {200}

    def test_a_permission_that_is_missing_is_named(self, twin: Twin, open_: Open) -> None:
        twin.permissions |= {"price": "no_access", "feeds": "view_only"}
        answer = open_().check()
        assert not answer.ok
        assert "no access to prices" in " ".join(answer.messages)
        twin.permissions["price"] = "full_access"
        answer = open_().check()
        assert answer.ok
        assert "may only view feeds" in " ".join(answer.messages)

    def test_refused_keys_are_told_with_the_place_where_they_are(self, open_: Open) -> None:
        answer = open_(typed={"client_secret": "wrong"}).check()
        assert not answer.ok
        assert "API key management" in " ".join(answer.messages)
        assert "wrong" not in " ".join(answer.messages)

    def test_what_older_guides_ask_for_is_told_to_be_no_longer_used(self, twin: Twin, open_: Open) -> None:
        fields = {one.name: one for one in platform("walmart").credentials}
        for name in ("consumer_id", "private_key"):
            assert not fields[name].required
            assert "no longer signed" in fields[name].replaced_by
        assert open_(typed={"consumer_id": "old", "private_key": "old"}).check().ok

    @pytest.mark.parametrize("size", ["0", "1001", "many"])
    def test_a_page_size_that_walmart_does_not_have(self, open_: Open, size: str) -> None:
        with pytest.raises(CredentialError, match="from 1 to 1000"):
            open_(typed={"page_size": size})

    def test_the_default_address_is_the_production(self) -> None:
        one, asked = answering(lambda request: httpx.Response(200, json={"scopes": {}}))
        one.check()
        assert {request.url.host for request in asked} == {"marketplace.walmartapis.com"}
        assert asked[0].url.path == "/v3/token"


class TestErrors:
    @pytest.mark.parametrize(
        "body",
        [
            {"errors": {"error": [{"code": "INVALID.SOMETHING", "description": "No such thing."}]}},
            {"errors": [{"code": "INVALID.SOMETHING", "message": "No such thing."}]},
            {"error": [{"code": "INVALID.SOMETHING", "description": "No such thing.", "severity": "ERROR"}]},
        ],
    )
    @pytest.mark.parametrize("status", [200, 400])
    def test_errors_are_read_in_all_their_forms_whatever_the_status(self, body: dict[str, Any], status: int) -> None:
        one, _ = answering(lambda request: httpx.Response(status, json=body))
        with pytest.raises(RefusedError) as caught:
            list(one.fetch("stock"))
        assert caught.value.words == "INVALID: No such thing."

    def test_a_mere_warning_is_no_refusal(self) -> None:
        body = {"errors": [{"code": "W", "severity": "WARN"}], "elements": {"inventories": []}}
        one, _ = answering(lambda request: httpx.Response(200, json=body))
        assert fetched(one, "stock").is_empty()

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
    def test_a_gateway_in_trouble_is_asked_again(self, status: int) -> None:
        answers = [httpx.Response(status), httpx.Response(200, json={"elements": {"inventories": []}})]
        one, asked = answering(lambda request: answers.pop(0))
        list(one.fetch("stock"))
        assert len(asked) == 3

    def test_the_request_is_named_by_its_correlation_identifier(self, twin: Twin, open_: Open) -> None:
        one = open_()
        with pytest.raises(RefusedError) as caught:
            one.client.send("GET", "v3/inventories", params={"limit": "51"})  # type: ignore[attr-defined]
        assert uuid.UUID(caught.value.request_id)


class TestLimits:
    def test_what_is_left_is_read_from_the_answers(self) -> None:
        until = datetime.now(UTC) + timedelta(seconds=90)
        headers = {
            "X-Current-Token-Count": "0",
            "X-Next-Replenishment-Time": str(round(until.timestamp() * 1000)),
        }
        one, _ = answering(lambda request: httpx.Response(200, json={"elements": {"inventories": []}}, headers=headers))
        pauses: list[float] = []
        one.client._sleep = pauses.append  # type: ignore[attr-defined]
        list(one.fetch("stock"))
        assert pauses == []
        list(one.fetch("stock"))
        assert pauses == [pytest.approx(90, abs=3)]

    def test_single_prices_are_counted_by_the_hour_and_apart(self) -> None:
        now = [0.0]
        limiter = Limiter(Walmart.site.limits, clock=lambda: now[0])
        assert [limiter.take(operation="price") for _ in range(100)] == [0.0] * 100
        assert limiter.take(operation="price") == pytest.approx(36)
        assert limiter.take(operation="inventory") == 0

    def test_feeds_of_each_kind_are_counted_apart(self) -> None:
        rates = Walmart.site.limits.operations
        names = {"feed price", "feed inventory", "feed MP_MAINTENANCE"}
        assert {name: rates[name].per_second * 3600 for name in names} == dict.fromkeys(names, pytest.approx(10))

    def test_a_feed_beyond_the_allowance_waits_as_long_as_walmart_says(self, twin: Twin, open_: Open) -> None:
        pauses: list[float] = []
        one = open_(sleep=pauses.append, patience=Patience(attempts=2))
        sku = fetched(one, "product")["sku"][0]
        meter = twin.bucket("feed", "MP_MAINTENANCE")
        meter.level = 0.0
        with pytest.raises(RateLimitError) as caught:
            push(one, ("product", sku, "title", "A new name for it"))
        assert caught.value.retry_after_s == pytest.approx(120, abs=2)
        assert "REQUEST_THRESHOLD_VIOLATED" in caught.value.words


class TestItems:
    def test_an_item_in_canonical_words(self, twin: Twin, open_: Open) -> None:
        products = fetched(open_(), "product")
        row = products.row(by_predicate=pl.col("sku") == "PAN-10000", named=True)
        stored = twin.state.products["PAN-10000"]
        assert row["record_key"] == "PAN-10000"
        assert row["gtin"] == stored["gtin"]
        assert len(row["gtin"]) == 14
        assert (row["price"], row["currency"]) == (str(stored["price"]["amount"]).removesuffix(".0"), "USD")
        assert row["category"] == stored["productType"]
        assert row["status"] == "active"
        attributes = {one["key"]: one["value"] for one in row["attributes"]}
        assert attributes["wpid"] == stored["wpid"]
        assert attributes["published_status"] == "PUBLISHED"

    def test_why_an_item_is_not_shown(self, twin: Twin, open_: Open) -> None:
        twin.state.products["PAN-10000"] |= {
            "publishedStatus": "UNPUBLISHED",
            "unpublishedReasons": {"reason": ["Reasonable price not satisfied", "Missing image"]},
        }
        twin.state.products["KNI-10001"]["lifecycleStatus"] = "RETIRED"
        products = fetched(open_(), "product")
        row = products.row(by_predicate=pl.col("sku") == "PAN-10000", named=True)
        attributes = {one["key"]: one["value"] for one in row["attributes"]}
        assert row["status"] == "unpublished"
        assert attributes["unpublished_reasons"] == "Reasonable price not satisfied; Missing image"
        assert products.filter(pl.col("sku") == "KNI-10001")["status"].to_list() == ["archived"]

    def test_one_cursor_serves_all_pages_and_only_the_number_of_items_tells_the_end(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        found = fetched(open_(typed={"page_size": "10"}), "product")
        asked = [dict(one.request.query)["nextCursor"] for one in asked_of(exchanges, "GET", "/v3/items")]
        assert asked[0] == "*"
        assert len(set(asked[1:])) == 1
        assert len(asked) == -(-len(twin.state.products) // 10)
        assert found.height == len(twin.state.products)

    def test_a_cursor_that_ended_on_the_way_is_followed_by_a_new_walk(self, twin: Twin, open_: Open) -> None:
        now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
        twin._clock = lambda: now
        one = open_(typed={"page_size": "10"})
        pages = one.fetch("product")
        first = next(pages).records["product"]
        twin._clock = lambda: now + timedelta(minutes=3)
        rest = [page.records["product"] for page in pages]
        assert pl.concat([first, *rest])["sku"].sort().to_list() == sorted(twin.state.products)

    def test_a_first_page_that_is_refused_is_not_asked_twice(self) -> None:
        body = {"errors": {"error": [{"code": "INVALID_REQUEST_PARAM", "description": "limit"}]}}
        one, asked = answering(lambda request: httpx.Response(400, json=body), page_size="200")
        with pytest.raises(RefusedError, match="limit"):
            list(one.fetch("product"))
        assert len(asked) == 2

    def test_a_seller_without_items_has_none(self) -> None:
        body = {"error": [{"code": "CONTENT_NOT_FOUND.GMP_GATEWAY_API", "description": "Nothing found."}]}
        one, _ = answering(lambda request: httpx.Response(404, json=body))
        for kind in ("product", "order", "stock"):
            assert all(frame.is_empty() for page in one.fetch(kind) for frame in page.records.values())

    def test_an_item_comes_in_either_of_two_wrappers(self) -> None:
        item = {"sku": "A 1/2", "productName": "Lantern", "price": {"amount": 3, "currency": "USD"}}
        for body in ({"ItemResponse": [item]}, {"responseRecord": item}):
            one, asked = answering(lambda request, body=body: httpx.Response(200, json=body))
            assert one.read("product", [("A 1/2", "")])["title"].to_list() == ["Lantern"]
            assert asked[-1].url.raw_path == b"/v3/items/A%201%2F2?productIdType=SKU"

    def test_many_items_are_read_by_the_list(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        keys = list(twin.state.products)[:15]
        assert open_().read("product", [(key, "") for key in keys]).height == 15
        assert {one.request.path for one in exchanges} == {"/v3/token", "/v3/items"}


class TestOrders:
    def test_an_order_in_canonical_words(self, twin: Twin, open_: Open) -> None:
        one = open_()
        orders = fetched(one, "order")
        key, stored = next(
            (key, one) for key, one in twin.state.orders.items() if "Shipped" in json.dumps(one, default=str)
        )
        row = orders.row(by_predicate=pl.col("record_key") == key, named=True)
        placed = datetime.fromtimestamp(stored["orderDate"] / 1000, UTC)
        assert row["ordered_at"] == placed.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert row["email"].endswith("@relay.walmart.com")
        assert row["status"] == "Shipped"
        assert len(row["ship_country"]) == 3
        assert row["shipped_at"] >= row["ordered_at"]
        assert float(row["total"]) == stored["orderSummary"]["totalAmount"]["currencyAmount"]

    def test_the_whole_history_is_asked_for_and_not_seven_days(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        old = next(iter(twin.state.orders.values()))
        old["orderDate"] = round((datetime.now(UTC) - timedelta(days=100)).timestamp() * 1000)
        assert fetched(open_(), "order").height == len(twin.state.orders)
        asked = dict(asked_of(exchanges, "GET", "/v3/orders")[0].request.query)
        since = datetime.fromisoformat(asked["createdStartDate"])
        assert timedelta(days=179) < datetime.now(UTC) - since < timedelta(days=181)
        assert asked["limit"] == "200"

    def test_changes_are_asked_for_within_the_history(self, open_: Open, exchanges: list[Exchange]) -> None:
        list(open_().fetch("order", since=datetime(2020, 1, 1, tzinfo=UTC)))
        asked = dict(asked_of(exchanges, "GET", "/v3/orders")[0].request.query)
        assert asked["lastModifiedStartDate"] == asked["createdStartDate"]

    def test_an_old_order_that_changed_is_found(self, twin: Twin, open_: Open) -> None:
        now = datetime.now(UTC)
        key, old = next(iter(twin.state.orders.items()))
        old |= {"orderDate": round((now - timedelta(days=30)).timestamp() * 1000), "modified": now}
        for order in list(twin.state.orders.values())[1:]:
            order["modified"] = now - timedelta(days=2)
        assert fetched(open_(), "order", since=now - timedelta(minutes=1))["record_key"].to_list() == [key]

    def test_the_cursor_is_sent_letter_by_letter(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        twin.state.add(make_catalogue(5, 28, orders=230, day=2, defects=0.0))
        assert fetched(open_(), "order").height == 250
        first, second = asked_of(exchanges, "GET", "/v3/orders")
        given = json.loads(first.answer.body)["list"]["meta"]["nextCursor"]
        assert "%2B&" in given
        assert dict(second.request.query)["poIndex"] == "200+"

    def test_the_letters_of_a_cursor_reach_the_wire(self) -> None:
        cursor = (
            "?limit=200&hasMoreElements=true&soIndex=31&poIndex=1%2B0&partnerId=1&createdStartDate=2026-05-29T17:20:00Z"
        )
        pages = [
            {"list": {"meta": {"totalCount": 2, "nextCursor": cursor}, "elements": {"order": [bare("1")]}}},
            {"list": {"meta": {"totalCount": 2}, "elements": {"order": [bare("2")]}}},
        ]
        one, asked = answering(lambda request: httpx.Response(200, json=pages.pop(0)))
        assert fetched(one, "order")["record_key"].to_list() == ["1", "2"]
        assert asked[-1].url.query.decode() == cursor.removeprefix("?")

    def test_orders_of_other_nodes_are_read_where_the_merchant_wants_them(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        key, order = next(iter(twin.state.orders.items()))
        order["shipNode"]["type"] = "WFSFulfilled"
        assert key not in fetched(open_(), "order")["record_key"].to_list()
        found = fetched(open_(typed={"ship_node_types": "SellerFulfilled, WFSFulfilled"}), "order")
        assert sorted(found["record_key"]) == sorted(twin.state.orders)

    def test_a_total_is_added_up_only_where_that_is_sure(self) -> None:
        charge = {"chargeAmount": {"currency": "USD", "amount": 10.1}, "chargeType": "PRODUCT"}
        taxed = charge | {"tax": {"taxAmount": {"currency": "USD", "amount": 0.2}}}
        for amount, total in (("1", "10.3"), ("2", "")):
            line = {
                "lineNumber": "1",
                "item": {"sku": "A"},
                "charges": {"charge": [taxed]},
                "orderLineQuantity": {"amount": amount},
                "orderLineStatuses": {"orderLineStatus": []},
            }
            order = bare("1") | {"orderLines": {"orderLine": [line]}}
            one, _ = answering(
                lambda request, order=order: httpx.Response(200, json={"list": {"elements": {"order": [order]}}})
            )
            (page,) = one.fetch("order")
            assert page.records["order"]["total"].to_list() == [total]
            assert page.records["order"]["currency"].to_list() == ["USD"]
            assert page.records["order_line"]["unit_price"].to_list() == ["10.1"]

    def test_an_order_is_read_with_and_without_its_wrapper(self) -> None:
        for body in (bare("7"), {"order": bare("7")}):
            one, _ = answering(lambda request, body=body: httpx.Response(200, json=body))
            assert one.read("order", [("7", "")])["record_key"].to_list() == ["7"]


def bare(key: str) -> dict[str, Any]:
    return {"purchaseOrderId": key, "orderDate": 1_700_000_000_000, "orderLines": {"orderLine": []}}


class TestPrices:
    def test_a_single_price_is_one_call(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        assert push(open_(), ("product", "PAN-10000", "price", "12.50"))["status"].to_list() == ["accepted"]
        (sent,) = asked_of(exchanges, "PUT", "/v3/price")
        assert json.loads(sent.request.body) == {
            "sku": "PAN-10000",
            "pricing": [{"currentPriceType": "BASE", "currentPrice": {"currency": "USD", "amount": 12.5}}],
        }
        assert twin.state.products["PAN-10000"]["price"]["amount"] == 12.5

    def test_many_prices_are_one_feed_with_an_answer_for_each(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        one = open_()
        rows = [
            ("product", key, "price", f"{number + 1}.50") for number, key in enumerate(list(twin.state.products)[:12])
        ]
        twin.state.products[rows[3][1]]["price"]["currency"] = "CAD"
        del twin.state.products[rows[7][1]]
        results = push(one, *rows)
        assert results["status"].to_list() == ["accepted"] * 7 + ["refused"] + ["accepted"] * 4
        assert results["code"][7] == "missing"
        assert not asked_of(exchanges, "PUT", "/v3/price")
        assert len(asked_of(exchanges, "POST", "/v3/feeds")) == 1

    def test_a_price_shows_late_and_the_description_says_so(self, twin: Twin, open_: Open) -> None:
        one = open_()
        before = one.read("product", [("PAN-10000", "")])["price"][0]
        push(one, ("product", "PAN-10000", "price", "12.50"))
        assert one.read("product", [("PAN-10000", "")])["price"][0] == before
        assert one.read("product", [("PAN-10000", "")])["price"][0] == "12.5"
        assert platform("walmart").settles_s == 300

    @pytest.mark.parametrize("value", ["12,50", "0", "-1", "12.505", "1e3", ""])
    def test_what_walmart_would_refuse_is_not_sent(self, open_: Open, exchanges: list[Exchange], value: str) -> None:
        results = push(open_(), ("product", "PAN-10000", "price", value))
        assert results["code"].to_list() == ["invalid"]
        assert not asked_of(exchanges, "PUT", "/v3/price")


class TestFeeds:
    def test_titles_of_all_records_are_one_feed_by_the_item_specification(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        results = push(
            open_(),
            ("product", "PAN-10000", "title", "A pan for everything"),
            ("product", "KNI-10001", "title", "A sharp knife"),
        )
        assert results["status"].to_list() == ["accepted"] * 2
        (sent,) = asked_of(exchanges, "POST", "/v3/feeds")
        assert dict(sent.request.query) == {"feedType": "MP_MAINTENANCE"}
        body = sent.request.body
        feed = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
        assert feed["MPItemFeedHeader"] == {"businessUnit": "WALMART_US", "locale": "en", "version": NEWEST_SPEC}
        stored = twin.state.products["PAN-10000"]
        assert feed["MPItem"][0] == {
            "Orderable": {
                "sku": "PAN-10000",
                "productIdentifiers": {"productIdType": "GTIN", "productId": stored["gtin"]},
            },
            "Visible": {stored["productType"]: {"productName": "A pan for everything"}},
        }

    def test_a_feed_that_was_processed_can_hold_refused_items(self, twin: Twin, open_: Open) -> None:
        one = open_()
        fetched(one, "product")
        keys = list(twin.state.products)[:3]
        maintain = twin._maintain
        twin._maintain = lambda row: (
            ("ERR_EXT_DATA_0101", "Bad words.") if row["Orderable"]["sku"] == keys[1] else maintain(row)
        )
        results = push(one, *(("product", key, "title", f"New name of {key}") for key in keys))
        assert results["status"].to_list() == ["accepted", "refused", "accepted"]
        assert results["message"][1] == "ERR_EXT_DATA_0101: Bad words."

    def test_the_identifier_of_a_feed_is_escaped_in_addresses(self) -> None:
        asked = feed_of([{"sku": "A", "ingestionStatus": "SUCCESS"}])[1]
        assert {request.url.raw_path.partition(b"?")[0] for request in asked if request.method == "GET"} >= {
            b"/v3/feeds/AB%40CD"
        }

    @pytest.mark.parametrize(
        ("rows", "code"),
        [
            ([{"sku": "A", "ingestionStatus": "SUCCESS"}], ""),
            ([{"sku": "A", "ingestionStatus": "DATA_ERROR"}], "refused"),
            ([{"sku": "A", "ingestionStatus": "SYSTEM_ERROR"}], "unknown"),
            ([{"sku": "A", "ingestionStatus": "TIMEOUT_ERROR"}], "unknown"),
            ([{"sku": "A", "ingestionStatus": "INPROGRESS"}], "unknown"),
            ([{"sku": "B", "ingestionStatus": "SUCCESS"}], "unknown"),
            ([], "unknown"),
        ],
    )
    def test_only_what_a_report_calls_a_success_is_accepted(self, rows: list[dict[str, Any]], code: str) -> None:
        assert feed_of(rows)[0]["code"].to_list() == [code]

    def test_a_feed_that_could_not_be_read_refuses_all(self) -> None:
        error = {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_1", "description": "Not the schema."}
        results, _ = feed_of([], feedStatus="ERROR", ingestionErrors={"ingestionError": [error]})
        assert results["code"].to_list() == ["ERR_EXT_DATA_1"]
        assert "Not the schema." in results["message"][0]

    def test_a_feed_that_does_not_end_is_not_waited_for_without_end(self) -> None:
        results, asked = feed_of([], feedStatus="INPROGRESS")
        assert results["code"].to_list() == ["unknown"]
        assert "not finished" in results["message"][0]
        assert len(asked) < 20

    def test_a_long_report_is_read_to_its_end(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        twin.state.add(make_catalogue(5, 60, orders=0, day=2, defects=0.0))
        keys = list(twin.state.products)[:70]
        results = push(open_(), *(("product", key, "title", f"New name of {key}") for key in keys))
        assert results["status"].to_list() == ["accepted"] * 70
        pages = [dict(one.request.query) for one in exchanges if one.request.path.startswith("/v3/feeds/")]
        details = [(one["offset"], one["limit"]) for one in pages if one["includeDetails"] == "true"]
        assert details == [("0", "50"), ("50", "50")]

    @pytest.mark.parametrize("value", ["", "   ", "x" * 200])
    def test_a_title_that_walmart_would_refuse_is_not_sent(self, open_: Open, value: str) -> None:
        assert push(open_(), ("product", "PAN-10000", "title", value))["code"].to_list() == ["invalid"]

    def test_a_title_needs_product_type_and_identifier(self, twin: Twin, open_: Open) -> None:
        twin.state.products["PAN-10000"] |= {"productType": ""}
        twin.state.products["KNI-10001"] |= {"gtin": "", "upc": ""}
        results = push(open_(), *(("product", key, "title", "A new name") for key in ("PAN-10000", "KNI-10001")))
        assert results["code"].to_list() == ["invalid", "invalid"]
        assert "no product type" in results["message"][0]
        assert "neither GTIN nor UPC" in results["message"][1]

    def test_the_specification_is_a_setting(self, open_: Open, exchanges: list[Exchange]) -> None:
        one = open_(typed={"item_spec_version": "5.0.20270101-00_00_00-api"})
        push(one, ("product", "PAN-10000", "title", "A new name"))
        (sent,) = asked_of(exchanges, "POST", "/v3/feeds")
        assert b"5.0.20270101-00_00_00-api" in sent.request.body


def feed_of(rows: list[dict[str, Any]], **state: Any) -> tuple[pl.DataFrame, list[httpx.Request]]:
    """The results of one title, and what was asked, where a feed reports so."""
    item = {"sku": "A", "productType": "Lanterns", "gtin": "00886859944807", "price": {"currency": "USD", "amount": 1}}

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v3/items"):
            return httpx.Response(200, json={"ItemResponse": [item], "totalItems": 1})
        if request.method == "POST":
            return httpx.Response(200, json={"feedId": "AB@CD"})
        report = {"feedStatus": "PROCESSED", "itemsReceived": len(rows), "itemDetails": {"itemIngestionStatus": rows}}
        return httpx.Response(200, json=report | state)

    one, asked = answering(reply)
    return push(one, ("product", "A", "title", "A new name")), asked


class TestStock:
    def test_a_level_is_what_the_seller_has_in_a_node(self, twin: Twin, open_: Open) -> None:
        stock = fetched(open_(), "stock")
        row = stock.row(by_predicate=pl.col("sku") == "KNI-10001", named=True)
        stored = twin.state.collections["levels"]["KNI-10001"]
        assert stored["reserved"] > 0
        assert row["quantity"] == str(stored["input"])
        assert (row["record_key"], row["parent_key"], row["location"]) == (f"KNI-10001/{NODE}", "KNI-10001", NODE)

    def test_each_node_of_an_item_is_a_level(self) -> None:
        nodes = [{"shipNode": node, "inputQty": {"unit": "EACH", "amount": 5}} for node in ("1", "2")]
        body = {"elements": {"inventories": [{"sku": "A/1", "nodes": nodes}]}}
        one, _ = answering(lambda request: httpx.Response(200, json=body))
        assert fetched(one, "stock")["record_key"].to_list() == ["A/1/1", "A/1/2"]

    def test_few_levels_are_set_one_by_one_and_many_as_a_feed_for_each_node(
        self, twin: Twin, open_: Open, exchanges: list[Exchange]
    ) -> None:
        one = open_()
        keys = list(twin.state.products)
        assert push(one, ("stock", f"{keys[0]}/{NODE}", "quantity", "9"))["status"].to_list() == ["accepted"]
        (sent,) = asked_of(exchanges, "PUT", "/v3/inventory")
        assert dict(sent.request.query) == {"sku": keys[0], "shipNode": NODE}
        results = push(one, *(("stock", f"{key}/{NODE}", "quantity", "11") for key in keys[:12]))
        assert results["status"].to_list() == ["accepted"] * 12
        (feed,) = asked_of(exchanges, "POST", "/v3/feeds")
        assert dict(feed.request.query) == {"feedType": "inventory", "shipNode": NODE}
        assert {twin.state.collections["levels"][key]["input"] for key in keys[:12]} == {11}

    @pytest.mark.parametrize("value", ["-1", "1.5", "many", "", "²"])
    def test_a_level_is_a_whole_number(self, open_: Open, value: str) -> None:
        assert push(open_(), ("stock", f"PAN-10000/{NODE}", "quantity", value))["code"].to_list() == ["invalid"]

    def test_a_level_without_a_node_does_not_exist(self, open_: Open) -> None:
        assert push(open_(), ("stock", "PAN-10000", "quantity", "5"))["code"].to_list() == ["missing"]


def parcel(key: str, **changed: Any) -> pl.DataFrame:
    row = {
        "shipment_id": "s1",
        "order_key": key,
        "carrier": "UPS",
        "tracking_number": "1Z999",
        "tracking_url": "",
        "shipped_at": "2026-11-24T10:00:00Z",
    } | changed
    return pl.DataFrame([row], schema_overrides={name: SHIPMENTS[name] for name in row})


def answer(key: str, *rows: tuple[str, bool, str]) -> pl.DataFrame:
    return pl.DataFrame([(key, *row) for row in rows], schema=ACCEPTANCES, orient="row")


class TestShipping:
    @pytest.fixture
    def order(self, twin: Twin) -> dict[str, Any]:
        """A new order of two lines, the first of two units."""
        key = next(
            key
            for key in twin.state.awaiting("acceptance")
            if len(twin.state.orders[key]["orderLines"]["orderLine"]) > 1
        )
        first, second, *_ = lines = twin.state.orders[key]["orderLines"]["orderLine"]
        for line, amount in ((first, "2"), (second, "1")):
            line["orderLineQuantity"] = {"unitOfMeasurement": "EACH", "amount": amount}
            line["orderLineStatuses"]["orderLineStatus"] = [
                {"status": "Created", "statusQuantity": line["orderLineQuantity"]}
            ]
        del lines[2:]
        return twin.state.orders[key]

    def test_an_order_is_acknowledged_before_it_is_shipped(
        self, twin: Twin, open_: Open, order: dict[str, Any], exchanges: list[Exchange]
    ) -> None:
        one, key = open_(), order["purchaseOrderId"]
        refused = one.ship(parcel(key))
        assert refused["code"].to_list() == ["conflict"]
        assert "accept the order first" in refused["message"][0]
        assert one.accept(answer(key, ("", True, "")))["status"].to_list() == ["accepted"]
        assert one.ship(parcel(key))["status"].to_list() == ["accepted"]
        (sent,) = asked_of(exchanges, "POST", f"/v3/orders/{key}/shipping")
        line = json.loads(sent.request.body)["orderShipment"]["orderLines"]["orderLine"][0]
        (status,) = line["orderLineStatuses"]["orderLineStatus"]
        assert status["status"] == "Shipped"
        assert status["statusQuantity"] == {"unitOfMeasurement": "EACH", "amount": "2"}
        assert status["trackingInfo"] == {
            "shipDateTime": 1_795_514_400_000,
            "carrierName": {"carrier": "UPS"},
            "methodCode": "Standard",
            "trackingNumber": "1Z999",
        }

    def test_a_parcel_that_was_told_of_is_not_told_again_for_it_triggers_the_charge(
        self, open_: Open, order: dict[str, Any], exchanges: list[Exchange]
    ) -> None:
        one, key = open_(), order["purchaseOrderId"]
        one.accept(answer(key, ("", True, "")))
        assert one.ship(parcel(key))["status"].to_list() == ["accepted"]
        assert one.ship(parcel(key))["status"].to_list() == ["accepted"]
        assert len(asked_of(exchanges, "POST", f"/v3/orders/{key}/shipping")) == 1
        other = one.ship(parcel(key, shipment_id="s2", tracking_number="1Z-other"))
        assert other["code"].to_list() == ["conflict"]
        assert "nothing is left" in other["message"][0]

    def test_a_shipping_that_may_have_arrived_is_not_repeated(
        self, twin: Twin, open_: Open, order: dict[str, Any], exchanges: list[Exchange]
    ) -> None:
        one, key = open_(), order["purchaseOrderId"]
        one.accept(answer(key, ("", True, "")))
        twin.fault("truncated", path="/shipping", count=1)
        with pytest.raises(PlatformError):
            one.ship(parcel(key))
        assert len(asked_of(exchanges, "POST", f"/v3/orders/{key}/shipping")) == 1
        assert one.ship(parcel(key))["status"].to_list() == ["accepted"]
        assert len(asked_of(exchanges, "POST", f"/v3/orders/{key}/shipping")) == 1

    def test_an_order_in_two_parcels(self, twin: Twin, open_: Open, order: dict[str, Any]) -> None:
        one, key = open_(), order["purchaseOrderId"]
        one.accept(answer(key, ("", True, "")))
        assert one.ship(parcel(key, line_key="1", quantity="1"))["status"].to_list() == ["accepted"]
        assert one.read("order", [(key, "")])["status"].to_list() == ["Acknowledged, Shipped"]
        too_many = one.ship(parcel(key, shipment_id="s2", tracking_number="1Z-2", line_key="1", quantity="2"))
        assert too_many["code"].to_list() == ["conflict"]
        assert "1 unit(s) left" in too_many["message"][0]
        rest = one.ship(parcel(key, shipment_id="s3", tracking_number="1Z-3"))
        assert rest["status"].to_list() == ["accepted"]
        assert one.read("order", [(key, "")])["status"].to_list() == ["Shipped"]

    def test_a_carrier_that_walmart_does_not_know_needs_an_address_to_track_it(
        self, twin: Twin, open_: Open, order: dict[str, Any], exchanges: list[Exchange]
    ) -> None:
        one, key = open_(), order["purchaseOrderId"]
        one.accept(answer(key, ("", True, "")))
        refused = one.ship(parcel(key, carrier="Bike Messengers"))
        assert refused["code"].to_list() == ["invalid"]
        assert "tracking_url" in refused["message"][0]
        sent = one.ship(parcel(key, carrier="Bike Messengers", tracking_url="https://track.example.com/1"))
        assert sent["status"].to_list() == ["accepted"]
        (request,) = asked_of(exchanges, "POST", f"/v3/orders/{key}/shipping")
        assert b'"otherCarrier":"Bike Messengers"' in request.request.body

    def test_an_unknown_line_and_a_missing_number(self, open_: Open, order: dict[str, Any]) -> None:
        one, key = open_(), order["purchaseOrderId"]
        one.accept(answer(key, ("", True, "")))
        assert "no line 9" in one.ship(parcel(key, line_key="9"))["message"][0]
        assert "tracking number" in one.ship(parcel(key, tracking_number=" "))["message"][0]

    def test_a_refused_line_is_cancelled_with_a_reason_of_walmarts(
        self, twin: Twin, open_: Open, order: dict[str, Any], exchanges: list[Exchange]
    ) -> None:
        one, key = open_(), order["purchaseOrderId"]
        wrong = one.accept(answer(key, ("1", True, ""), ("2", False, "sold out")))
        assert wrong["code"].to_list() == ["invalid"]
        assert "SELLER_CANCEL_OUT_OF_STOCK" in wrong["message"][0]
        assert key in twin.state.awaiting("acceptance")
        said = answer(key, ("1", True, ""), ("2", False, "SELLER_CANCEL_OUT_OF_STOCK"))
        assert one.accept(said)["status"].to_list() == ["accepted"]
        assert one.accept(said)["status"].to_list() == ["accepted"]
        assert len(asked_of(exchanges, "POST", f"/v3/orders/{key}/cancel")) == 1
        assert one.read("order", [(key, "")])["status"].to_list() == ["Acknowledged, Cancelled"]

    def test_a_line_without_an_answer_is_not_acknowledged_with_the_others(
        self, twin: Twin, open_: Open, order: dict[str, Any]
    ) -> None:
        results = open_().accept(answer(order["purchaseOrderId"], ("1", True, "")))
        assert results["code"].to_list() == ["invalid"]
        assert "as a whole" in results["message"][0]
        assert order["purchaseOrderId"] in twin.state.awaiting("acceptance")


class TestRequirements:
    def test_a_product_types_specification(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        category = twin.state.products["PAN-10000"]["productType"]
        found = open_().requirements([category])
        rows = {row["field"]: row for row in found.iter_rows(named=True)}
        assert rows["title"]["level"] == "required"
        assert (rows["title"]["minimum"], rows["title"]["maximum"]) == (1, 199)
        assert rows["condition"]["type"] == "choice"
        assert rows["condition"]["values"] == ["New", "Open Box", "Restored"]
        assert rows["price"]["type"] == "number"
        assert NEWEST_SPEC in rows["sku"]["source"]
        assert {"brand", "images", "attributes.keyFeatures"}.isdisjoint(rows), "the list of items does not show them"
        (sent,) = asked_of(exchanges, "POST", "/v3/items/spec")
        assert json.loads(sent.request.body) == {
            "feedType": "MP_ITEM",
            "version": NEWEST_SPEC,
            "productTypes": [category],
        }

    def test_twenty_product_types_at_a_time(self, twin: Twin, open_: Open, exchanges: list[Exchange]) -> None:
        known = sorted({row["productType"] for row in twin.state.products.values()})
        assert len(known) > 20
        found = open_().requirements(known)
        assert sorted(set(found["category"])) == known
        sizes = [
            len(json.loads(one.request.body)["productTypes"]) for one in asked_of(exchanges, "POST", "/v3/items/spec")
        ]
        assert max(sizes) == 20
        assert sum(sizes) == len(known)
