"""What is peculiar to BigCommerce: two versions at once, base variants, lists that replace, stock that shows later, windows."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, RateLimitError
from connectors.limits import Limiter
from connectors.platform import CHANGES, SHIPMENTS, Connection, Connector, connector
from connectors.platforms.bigcommerce import PLATFORM, BigCommerce
from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.bigcommerce import BigCommerceTwin

CREDENTIALS = {"store_hash": "abc123", "access_token": "token-0123456789"}
STORE = {"name": "Norvik", "currency": "USD", "language": "en", "weight_units": "Ounces", "dimension_units": "Inches"}

Open = Callable[..., Connector]


class Recorder(httpx.BaseTransport):
    """Passes calls on and keeps them."""

    def __init__(self, inner: httpx.BaseTransport | None = None) -> None:
        self.inner = inner or httpx.HTTPTransport(verify=False)
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        return self.inner.handle_request(request)

    def written(self) -> list[tuple[str, str, Any]]:
        """Method, path behind the store and body of what was written, in order."""
        found = [one for one in self.asked if one.method != "GET"]
        paths = [one.url.path.partition("/stores/")[2].partition("/")[2] for one in found]
        bodies = [json.loads(one.content) if one.content else None for one in found]
        return [(one.method, path, body) for one, path, body in zip(found, paths, bodies, strict=True)]


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue(5, 30, orders=12, defects=0.0)


@pytest.fixture(scope="module")
def host(catalogue) -> Iterator[Twin]:
    """The one server of this module; each test puts a twin of its own behind it."""
    with serve("bigcommerce", catalogue=catalogue) as running:
        yield running


@pytest.fixture
def twin(host: Twin) -> Twin:
    return BigCommerceTwin(catalogue=host.catalogue, seed=5).take_over(host)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def open_(twin: Twin, recorder: Recorder, opening: Open) -> Open:
    def open_one(of: Twin | None = None, sleep: Callable[[float], None] = lambda _: None, **typed: str) -> Connector:
        return opening(of or twin, typed, sleep=sleep, transport=recorder)

    return open_one


def answering(
    answer: Callable[[httpx.Request], httpx.Response], sleep: Callable[[float], None] = lambda _: None, **typed: str
) -> tuple[Connector, Recorder]:
    """A connector of a store that answers so; and what it was asked."""
    recorder = Recorder(httpx.MockTransport(answer))
    options = {"sleep": sleep, "random": lambda: 0.5, "transport": recorder, "limit": Limiter(BigCommerce.site.limits)}
    return connector(Connection("shop", "bigcommerce", CREDENTIALS | typed), **options), recorder


def store(**lists: list[dict[str, Any]]) -> Callable[[httpx.Request], httpx.Response]:
    """A store in dollars, ounces and inches that has these lists."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.partition("abc123/")[2]
        if path == "v2/store":
            return httpx.Response(200, json=STORE)
        rows = lists.get(path.rpartition("/")[2], [])
        if path.startswith("v2"):
            is_first = request.url.params.get("page", "1") == "1"
            return httpx.Response(200, json=rows) if rows and is_first else httpx.Response(204)
        return httpx.Response(200, json={"data": rows, "meta": {"pagination": {"total": len(rows)}}})

    return answer


def fetched(one: Connector, kind: str = "product", of: str = "") -> pl.DataFrame:
    return pl.concat([page.records[of or kind] for page in one.fetch(kind)])


def changes(*rows: tuple[str, str, str], kind: str = "product") -> pl.DataFrame:
    """A push: record key, field, value."""
    values = [(f"c{number}", kind, key, "", field, "", value) for number, (key, field, value) in enumerate(rows)]
    return pl.DataFrame(values, schema=CHANGES, orient="row")


def outcome(results: pl.DataFrame) -> tuple[str, str, str]:
    assert results.height == 1
    return results["status"][0], results["code"][0], results["message"][0]


def attributes(row: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in row["attributes"]}


VARIANT = {"price": None, "sale_price": None, "weight": None, "width": None, "height": None, "depth": None}
PRODUCT = {
    "id": 77,
    "name": "Lamp",
    "sku": "",
    "price": 20,
    "sale_price": 15.5,
    "weight": 16,
    "width": 2,
    "height": 4,
    "depth": 10,
    "categories": [23, 24],
    "brand_id": 7,
    "inventory_tracking": "variant",
    "inventory_level": 9,
    "is_visible": True,
    "condition": "Refurbished",
    "date_modified": "2026-11-20T09:30:00+00:00",
    "base_variant_id": None,
    "custom_url": {"url": "/lamp/"},
    "custom_fields": [{"id": 1, "name": "Bulb", "value": "E14"}],
    "images": [
        {"id": 1, "url_zoom": "https://cdn.example.com/back.jpg", "is_thumbnail": False, "sort_order": 0},
        {"id": 2, "url_zoom": "https://cdn.example.com/front.jpg", "is_thumbnail": True, "sort_order": 1},
    ],
    "variants": [
        VARIANT
        | {"id": 77, "sku": "L-S", "gtin": "4006381333931", "inventory_level": 4}
        | {"option_values": [{"option_display_name": "Size", "label": "S"}]},
        VARIANT
        | {"id": 78, "sku": "L-M", "upc": "036000291452", "price": 25.0, "weight": 20.0, "inventory_level": 5}
        | {"option_values": [{"option_display_name": "Size", "label": "M"}]},
    ],
}
CATEGORIES = [
    {"category_id": 22, "parent_id": 0, "name": "Home"},
    {"category_id": 23, "parent_id": 22, "name": "Lamps"},
    {"category_id": 24, "parent_id": 0, "name": "Sale"},
]
LINE = {"id": 5, "sku": "L-S", "quantity": 2, "quantity_shipped": 0, "price_inc_tax": "15.5000"}
ORDER = {
    "id": 100,
    "status_id": 11,
    "status": "In the oven",
    "date_created": "Fri, 20 Nov 2026 10:00:00 +0100",
    "date_modified": "Fri, 20 Nov 2026 09:30:00 +0000",
    "date_shipped": "",
    "currency_code": "USD",
    "total_inc_tax": "31.0000",
    "billing_address": {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.org", "phone": "+1", "zip": "1"},
    "consignments": {
        "shipping": [
            {
                "id": 8,
                "first_name": "Bob",
                "last_name": "Ray",
                "street_1": "1 Road",
                "street_2": "Flat 2",
                "line_items": [LINE],
            },
            {"id": 9, "first_name": "Cy", "city": "Rome", "line_items": [LINE | {"id": 6, "sku": "L-M"}]},
        ],
        "downloads": [{"line_items": [LINE | {"id": 7, "sku": "MANUAL"}]}],
        "email": {"gift_certificates": [{"line_items": [LINE | {"id": 9, "sku": ""}]}]},
    },
}


class TestReading:
    def test_a_product_with_options_is_a_parent_whose_variants_inherit(self) -> None:
        one, recorder = answering(
            store(products=[PRODUCT], categories=CATEGORIES, brands=[{"id": 7, "name": "Norvik"}])
        )
        parent, small, medium = fetched(one).iter_rows(named=True)
        expected = {
            "record_key": "77",
            "level": "parent",
            "brand": "Norvik",
            "category": "Home > Lamps",
            "condition": "refurbished",
            "status": "active",
            "currency": "USD",
            "language": "en",
            "updated_at": "2026-11-20T09:30:00+00:00",
            "images": ["https://cdn.example.com/front.jpg", "https://cdn.example.com/back.jpg"],
        }
        assert {name: parent[name] for name in expected} == expected
        assert attributes(parent)["Bulb"] == "E14"
        assert attributes(parent)["url"] == "/lamp/"
        assert (small["record_key"], small["parent_key"], small["level"]) == ("77/77", "77", "variant")
        assert (small["price"], small["sale_price"], small["weight_g"]) == ("20.00", "15.50", "453.592")
        assert (medium["price"], medium["sale_price"], medium["weight_g"]) == ("25.00", "15.50", "566.99")
        assert (small["length_mm"], small["width_mm"], small["height_mm"]) == ("254", "50.8", "101.6")
        assert (small["gtin"], medium["gtin"]) == ("4006381333931", "036000291452")
        assert attributes(medium) == {"Size": "M"}
        query = next(
            dict(request.url.params) for request in recorder.asked if request.url.path.endswith("catalog/products")
        )
        assert "options" not in query["include"], "it would cut pages to ten products"

    def test_a_product_without_options_is_sold_as_it_is(self) -> None:
        single = PRODUCT | {
            "base_variant_id": 60,
            "sku": "L",
            "variants": [VARIANT | {"id": 60, "sku": "L", "option_values": []}],
        }
        one, _ = answering(store(products=[single | {"inventory_tracking": "none", "sale_price": 0}]))
        row = fetched(one).row(0, named=True)
        assert (row["level"], row["sku"], row["sale_price"]) == ("single", "L", "")
        assert row["quantity"] == "", "stock that is not tracked is not shown"

    def test_a_store_with_unknown_units_sets_its_products_aside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(STORE, "weight_units", "Stones")
        one, _ = answering(store(products=[PRODUCT]))
        (page,) = one.fetch("product")
        assert page.quarantined["record_key"].to_list() == ["77"]
        assert "'Stones'" in page.quarantined["error"][0]

    def test_an_order_with_every_kind_of_line(self) -> None:
        one, _ = answering(store(orders=[ORDER]))
        (page,) = one.fetch("order")
        row = page.records["order"].row(0, named=True)
        expected = {
            "ordered_at": "2026-11-20T09:00:00Z",
            "updated_at": "2026-11-20T09:30:00Z",
            "shipped_at": "",
            "status": "Awaiting Fulfillment",
            "total": "31.00",
            "buyer_name": "Ann Lee",
            "ship_name": "Bob Ray",
            "ship_street": "1 Road\nFlat 2",
        }
        assert {name: row[name] for name in expected} == expected
        lines = page.records["order_line"]
        assert lines["sku"].to_list() == ["L-S", "L-M", "MANUAL", ""]
        assert set(lines["unit_price"]) == {"15.50"}

    def test_an_abandoned_checkout_is_no_order(self) -> None:
        one, _ = answering(store(orders=[ORDER | {"status_id": 0}, ORDER | {"id": 101}]))
        assert fetched(one, "order")["record_key"].to_list() == ["101"]

    def test_a_time_of_another_form_stays_as_it_came(self) -> None:
        one, _ = answering(store(orders=[ORDER | {"date_created": "yesterday"}]))
        assert fetched(one, "order")["ordered_at"].to_list() == ["yesterday"]

    def test_an_empty_list_of_v2_has_no_body(self) -> None:
        one, _ = answering(store())
        assert fetched(one, "order").is_empty()

    @pytest.mark.parametrize(("kind", "name"), [("product", "date_modified:min"), ("order", "min_date_modified")])
    def test_changes_are_asked_for_with_the_time_of_day(self, kind: str, name: str) -> None:
        one, recorder = answering(store())
        list(one.fetch(kind, since=datetime(2026, 11, 20, 10, 0, tzinfo=UTC)))
        asked = [dict(request.url.params) for request in recorder.asked if name in request.url.params]
        assert {query[name] for query in asked} == {"2026-11-20T09:55:00Z"}

    def test_orders_come_with_lines_and_addresses_in_the_list(self, open_: Open, recorder: Recorder) -> None:
        assert fetched(open_(), "order").height == 12
        assert {request.url.path.rpartition("/")[2] for request in recorder.asked} == {"orders"}

    def test_an_item_has_a_level_at_each_location(self) -> None:
        places = [
            {
                "location_id": number,
                "location_code": f"L{number}",
                "total_inventory_onhand": number * 5,
                "available_to_sell": 1,
            }
            for number in (1, 2)
        ]
        items = [
            {"identity": {"sku": "L", "variant_id": 60, "product_id": 70}, "locations": places},
            {"identity": {"sku": "L-S", "variant_id": 77, "product_id": 77}, "locations": places[:1]},
        ]
        one, _ = answering(
            store(items=items, products=[{"id": 70, "base_variant_id": 60}, {"id": 77, "base_variant_id": None}])
        )
        rows = fetched(one, "stock")
        assert rows["record_key"].to_list() == ["1/60", "2/60", "1/77"]
        assert rows["parent_key"].to_list() == ["70", "70", "77/77"]
        assert rows["quantity"].to_list() == ["5", "10", "5"]
        assert rows["location"].to_list() == ["L1", "L2", "L1"]


class TestDoor:
    @pytest.mark.parametrize(
        "typed",
        [
            "abc123",
            "https://api.bigcommerce.com/stores/abc123/v3/",
            "stores/abc123",
            "https://store-abc123.mybigcommerce.com/manage",
        ],
    )
    def test_the_hash_is_found_in_what_merchants_paste(self, typed: str) -> None:
        one, recorder = answering(store(), store_hash=typed)
        list(one.fetch("order"))
        assert str(recorder.asked[0].url).startswith("https://api.bigcommerce.com/stores/abc123/v2/orders")
        assert recorder.asked[0].headers["x-auth-token"] == CREDENTIALS["access_token"]

    def test_what_holds_no_hash_is_refused(self) -> None:
        with pytest.raises(CredentialError, match="behind stores/"):
            answering(store(), store_hash="My Store!")

    def test_scopes_that_lack_are_all_named(self, catalogue, open_: Open) -> None:
        with serve("bigcommerce", catalogue=catalogue, seed=5, lacks=["store_v2_orders", "store_inventory"]) as running:
            answer = open_(running).check()
        assert not answer.ok
        assert "store_v2_orders, store_inventory" in " ".join(answer.messages)

    def test_a_wrong_hash_and_a_wrong_token_are_told_apart(self, open_: Open) -> None:
        assert "store_hash" in " ".join(open_(store_hash="zzz999").check().messages)
        assert "access_token" in " ".join(open_(access_token="wrong-0123456789").check().messages)

    def test_the_clients_secret_is_for_events_alone(self) -> None:
        required = {one.name for one in PLATFORM.credentials if one.required}
        assert required == {"store_hash", "access_token"}


class TestLimits:
    def headers(self, left: int, reset_ms: int = 9000, quota: int = 150) -> dict[str, str]:
        return {
            "X-Rate-Limit-Requests-Left": str(left),
            "X-Rate-Limit-Requests-Quota": str(quota),
            "X-Rate-Limit-Time-Window-Ms": "30000",
            "X-Rate-Limit-Time-Reset-Ms": str(reset_ms),
        }

    def test_a_refusal_is_waited_out_as_its_headers_say(self) -> None:
        left = [httpx.Response(429, json={"status": 429, "title": "Too many"}, headers=self.headers(0, 7500))]
        pauses: list[float] = []
        one, _ = answering(lambda request: left.pop() if left else store()(request), pauses.append)
        list(one.fetch("order"))
        assert pauses[0] == 7.5

    @pytest.mark.parametrize("headers", [{}, {"X-Rate-Limit-Time-Reset-Ms": "soon"}])
    def test_a_refusal_without_figures_is_waited_out_by_our_own_clock(self, headers: dict[str, str]) -> None:
        left = [httpx.Response(429, headers=headers)]
        pauses: list[float] = []
        one, _ = answering(lambda request: left.pop() if left else store()(request), pauses.append)
        list(one.fetch("order"))
        assert pauses[0] == pytest.approx(0.75)

    def test_an_empty_window_is_left_alone_until_it_ends(self) -> None:
        moment = [0.0]
        limiter = Limiter(BigCommerce.site.limits, clock=lambda: moment[0])
        limiter.answered(self.headers(0, 9000))
        assert limiter.take() == pytest.approx(9.0, abs=0.5)

    def test_a_larger_plan_is_used(self) -> None:
        moment = [0.0]
        limiter = Limiter(BigCommerce.site.limits, clock=lambda: moment[0])
        limiter.answered(self.headers(449, quota=450))
        for _ in range(20):
            assert limiter.take() == 0
        moment[0] = 1.0
        assert [limiter.take() for _ in range(15)] == [0.0] * 15, "15 a second, not 5"

    def test_a_small_store_is_read_within_its_window(self, catalogue, open_: Open) -> None:
        with serve("bigcommerce", catalogue=catalogue, seed=5, quota=3) as running, pytest.raises(RateLimitError):
            one = open_(running)
            for _ in range(4):
                list(one.fetch("order"))

    @pytest.mark.parametrize(("status", "tries"), [(423, 6), (503, 6), (507, 1), (501, 1)])
    def test_only_what_passes_is_tried_again(self, status: int, tries: int) -> None:
        one, recorder = answering(lambda request: httpx.Response(status, json={"status": status, "title": "No"}))
        assert not one.check().ok
        assert len(recorder.asked) == tries


class TestWriting:
    @pytest.fixture
    def row(self, open_: Open) -> dict[str, Any]:
        return fetched(open_()).filter((pl.col("level") == "single") & (pl.col("sale_price") == "")).row(0, named=True)

    def test_only_what_changes_is_sent(self, open_: Open, row: dict[str, Any], recorder: Recorder) -> None:
        key = row["record_key"]
        sent = changes(
            (key, "title", "A lamp"), (key, "weight_g", "1250"), (key, "condition", "used"), (key, "status", "draft")
        )
        assert set(open_().push(sent)["status"]) == {"accepted"}
        body = {"name": "A lamp", "weight": 1.25, "condition": "Used", "is_visible": False}
        assert recorder.written() == [("PUT", f"v3/catalog/products/{key}", body)]

    def test_another_main_category_leaves_the_others(
        self, open_: Open, row: dict[str, Any], twin: Twin, recorder: Recorder
    ) -> None:
        document = twin.state.products[row["record_key"]]
        (sale,) = twin.state._path("Sale")
        document["categories"].append(sale)
        other = next(one for one in fetched(open_())["category"] if one and one != row["category"])
        one = open_()
        assert outcome(one.push(changes((row["record_key"], "category", other))))[0] == "accepted"
        assert len(document["categories"]) == 2
        assert sale in document["categories"]
        assert one.read("product", [(row["record_key"], "")])["category"].to_list() == [other]

    @pytest.mark.parametrize(("field", "value"), [("category", "No > Such"), ("brand", "Nobody")])
    def test_names_that_the_store_does_not_know_are_refused(
        self, open_: Open, row: dict[str, Any], recorder: Recorder, field: str, value: str
    ) -> None:
        assert outcome(open_().push(changes((row["record_key"], field, value))))[1] == "unknown_value"
        assert not recorder.written()

    def test_two_categories_of_one_path_are_not_guessed(self) -> None:
        twice = [*CATEGORIES, {"category_id": 99, "parent_id": 0, "name": "Sale", "tree_id": 2}]
        one, recorder = answering(store(products=[PRODUCT], categories=twice))
        status, code, message = outcome(one.push(changes(("77", "category", "Sale"))))
        assert (status, code) == ("refused", "unknown_value")
        assert message.startswith("2 categories")
        assert not recorder.written()

    @pytest.mark.parametrize(("key", "name"), [("77/77", "gtin"), ("77/78", "upc")])
    def test_a_gtin_goes_where_the_store_keeps_it(self, key: str, name: str) -> None:
        one, recorder = answering(store(products=[PRODUCT]))
        assert outcome(one.push(changes((key, "gtin", "4006381333948"))))[0] == "accepted"
        product, variant = key.split("/")
        path = f"v3/catalog/products/{product}/variants/{variant}"
        assert recorder.written() == [("PUT", path, {name: "4006381333948"})]

    def test_a_sale_price_is_judged_by_the_price_that_holds(self) -> None:
        one, recorder = answering(store(products=[PRODUCT]))
        assert outcome(one.push(changes(("77/77", "sale_price", "21.00"))))[1] == "invalid", (
            "the variant costs 20 like its product"
        )
        assert outcome(one.push(changes(("77/78", "sale_price", "21.00"))))[0] == "accepted"
        assert outcome(one.push(changes(("77/78", "sale_price", ""))))[0] == "accepted"
        assert [body for _, _, body in recorder.written()] == [{"sale_price": 21.0}, {"sale_price": None}]

    def test_a_field_of_the_product_is_refused_on_a_variant(self, open_: Open, recorder: Recorder) -> None:
        one = open_()
        variant = fetched(one).filter(level="variant").row(0, named=True)
        status, code, message = outcome(one.push(changes((variant["record_key"], "title", "A lamp"))))
        assert (status, code) == ("refused", "invalid")
        assert variant["parent_key"] in message
        assert not recorder.written()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("title", ""),
            ("title", "x" * 251),
            ("sku", ""),
            ("gtin", "4006381333931 EAN"),
            ("condition", "like new"),
            ("weight_g", ""),
            ("price", "12,50"),
            ("images", json.dumps([f"https://example.com/{'x' * 250}.jpg"])),
        ],
    )
    def test_what_the_description_forbids_is_not_sent(
        self, open_: Open, row: dict[str, Any], recorder: Recorder, field: str, value: str
    ) -> None:
        assert outcome(open_().push(changes((row["record_key"], field, value))))[1] == "invalid"
        assert not recorder.written()

    def test_a_part_that_was_not_saved_is_told_and_the_rest_is_not(
        self, open_: Open, twin: Twin, row: dict[str, Any]
    ) -> None:
        twin.links_fail = True
        assert outcome(open_().push(changes((row["record_key"], "title", "A lamp"))))[0] == "accepted"

        def answer(request: httpx.Request) -> httpx.Response:
            errors = {"status": 207, "errors": {"weight": "could not be saved"}}
            return (
                httpx.Response(207, json={"errors": errors})
                if request.method == "PUT"
                else store(products=[PRODUCT])(request)
            )

        one, _ = answering(answer)
        results = one.push(changes(("77", "title", "A lamp"), ("77", "weight_g", "100")))
        assert results["status"].to_list() == ["accepted", "refused"]
        assert results["message"][1] == "weight could not be saved"

    def test_pictures_are_kept_added_sorted_and_taken_away(self) -> None:
        one, recorder = answering(store(products=[PRODUCT]))
        wanted = ["https://images.example.com/new.jpg", "https://cdn.example.com/back.jpg"]
        assert outcome(one.push(changes(("77", "images", json.dumps(wanted)))))[0] == "accepted"
        path = "v3/catalog/products/77/images"
        assert recorder.written() == [
            ("POST", path, {"sort_order": 0, "is_thumbnail": True, "image_url": wanted[0]}),
            ("PUT", f"{path}/1", {"sort_order": 1, "is_thumbnail": False}),
            ("DELETE", f"{path}/2", None),
        ]

    def test_pictures_stay_where_a_new_one_cannot_be_had(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            is_new = request.method == "POST"
            return (
                httpx.Response(422, json={"status": 422, "title": "No image"})
                if is_new
                else store(products=[PRODUCT])(request)
            )

        one, recorder = answering(answer)
        assert outcome(one.push(changes(("77", "images", '["https://images.example.com/new.jpg"]'))))[0] == "refused"
        assert [method for method, _, _ in recorder.written()] == ["POST"]


class TestBatches:
    def test_products_go_by_ten_and_variants_by_fifty(self, open_: Open, recorder: Recorder) -> None:
        with serve("bigcommerce", catalogue=make_catalogue(5, 120, orders=0, defects=0.0), seed=5) as running:
            one = open_(running)
            rows = fetched(one).filter((pl.col("sale_price") == "") & (pl.col("level") != "parent"))
            singles = rows.filter(level="single")["record_key"].to_list()[:25]
            variants = rows.filter(level="variant")["record_key"].to_list()[:25]
            results = one.push(changes(*((key, "price", "500.50") for key in singles + variants)))
            assert set(results["status"]) == {"accepted"}
            sizes = [(path, len(body)) for _, path, body in recorder.written()]
            assert sizes == [
                ("v3/catalog/products", 10),
                ("v3/catalog/products", 10),
                ("v3/catalog/products", 5),
                ("v3/catalog/variants", 25),
            ]
            read = one.read("product", [(key, "") for key in [singles[0], variants[0]]])
            assert set(read["price"]) == {"500.50"}

    def test_fields_that_a_batch_does_not_know_go_alone(self, open_: Open, recorder: Recorder) -> None:
        one = open_()
        keys = fetched(one).filter(level="variant")["record_key"].to_list()[:2]
        assert set(one.push(changes((keys[0], "mpn", "M-1"), (keys[1], "mpn", "M-2")))["status"]) == {"accepted"}
        assert [path for _, path, _ in recorder.written()] == [
            "v3/catalog/products/{}/variants/{}".format(*key.split("/")) for key in keys
        ]

    def test_one_duplicate_name_spoils_none_of_its_batch(self, open_: Open, twin: Twin) -> None:
        one = open_()
        rows = fetched(one).filter(level="single")
        first, second, third = rows["record_key"].to_list()[:3]
        taken = rows["title"][3]
        results = one.push(
            changes((first, "title", "A lamp"), (second, "title", taken), (third, "title", "Another lamp"))
        )
        assert results["status"].to_list() == ["accepted", "refused", "accepted"]
        assert "duplicate" in results["message"][1]
        assert twin.state.products[third]["name"] == "Another lamp"

    def test_one_bad_variant_spoils_none_of_its_batch(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            path = request.url.path
            if request.method == "PUT" and path.endswith(("/variants", "/78")):
                problem = {"status": 422, "title": "Bad", "errors": {"price": "too high"}}
                return httpx.Response(422, json={"batch_errors": [problem]} if path.endswith("/variants") else problem)
            return store(products=[PRODUCT])(request)

        one, _ = answering(answer)
        results = one.push(changes(("77/77", "price", "500.00"), ("77/78", "price", "600.00")))
        assert results["status"].to_list() == ["accepted", "refused"]
        assert results["message"][1] == "Bad; price too high"


class TestStock:
    def test_levels_are_set_in_one_call_and_show_a_little_later(
        self, open_: Open, twin: Twin, recorder: Recorder
    ) -> None:
        one = open_()
        keys = fetched(one, "stock")["record_key"].to_list()[:3]
        assert set(one.push(changes(*((key, "quantity", "41") for key in keys), kind="stock"))["status"]) == {
            "accepted"
        }
        ((method, path, body),) = recorder.written()
        assert (method, path) == ("PUT", "v3/inventory/adjustments/absolute")
        assert [set(item) for item in body["items"]] == [{"location_id", "variant_id", "quantity"}] * 3
        assert one.read("stock", [(keys[0], "")])["quantity"].to_list() != ["41"]
        assert one.read("stock", [(keys[0], "")])["quantity"].to_list() == ["41"]
        assert PLATFORM.settles_s > 0

    def test_an_item_that_does_not_exist_spoils_none_of_its_call(self, open_: Open) -> None:
        one = open_()
        key = fetched(one, "stock")["record_key"][0]
        results = one.push(
            changes(
                (key, "quantity", "41"),
                ("1/999999", "quantity", "1"),
                (key.replace("1/", "9/", 1), "quantity", "1"),
                kind="stock",
            )
        )
        assert results["status"].to_list() == ["accepted", "refused", "refused"]

    @pytest.mark.parametrize("value", ["-1", "1.5", "many", ""])
    def test_stock_is_a_whole_number(self, open_: Open, recorder: Recorder, value: str) -> None:
        assert outcome(open_().push(changes(("1/60", "quantity", value), kind="stock")))[1] == "invalid"
        assert not recorder.asked


class TestOrders:
    def parcel(
        self, key: str, line: str = "", quantity: str = "", carrier: str = "DHL", number: str = "0034043"
    ) -> pl.DataFrame:
        row = ("s1", key, line, quantity, carrier, number, "https://track.example.com/1", "2026-11-24T10:00:00Z", [])
        return pl.DataFrame([row], schema=SHIPMENTS, orient="row")

    def one_order(
        self, order: dict[str, Any], shipments: tuple[dict[str, Any], ...] = ()
    ) -> tuple[Connector, Recorder]:
        def answer(request: httpx.Request) -> httpx.Response:
            path = request.url.path
            if request.method != "GET":
                return httpx.Response(201, json={})
            if path.endswith("/shipments"):
                is_first = request.url.params["page"] == "1"
                return httpx.Response(200, json=list(shipments)) if shipments and is_first else httpx.Response(204)
            return httpx.Response(200, json=order)

        return answering(answer)

    def test_an_address_goes_whole_and_nothing_else_of_the_order(
        self, open_: Open, twin: Twin, recorder: Recorder
    ) -> None:
        key = next(iter(twin.state.orders))
        before = copy.deepcopy(twin.state.orders[key])
        sent = changes(
            (key, "ship_city", "Bremen"), (key, "email", "new@example.org"), (key, "ship_country", "AT"), kind="order"
        )
        assert set(open_().push(sent)["status"]) == {"accepted"}
        after = twin.state.orders[key]
        moved = {
            (where, name)
            for where in ("billing", "shipping")
            for name in after[where]
            if after[where][name] != before[where][name]
        }
        assert moved <= {
            ("billing", "email"),
            ("shipping", "city"),
            ("shipping", "country_iso2"),
            ("shipping", "country"),
        }
        assert (after["shipping"]["city"], after["shipping"]["country"]) == ("Bremen", "Austria")
        assert {name for _, path, body in recorder.written() if path.endswith(key) for name in body} == {
            "billing_address"
        }

    @pytest.mark.parametrize(
        ("field", "value"),
        [("email", "ann"), ("email", "ann..lee@example.org"), ("ship_country", "Germany"), ("ship_country", "ZZZ")],
    )
    def test_what_cannot_be_an_address_is_refused_and_not_repeated(
        self, open_: Open, twin: Twin, recorder: Recorder, field: str, value: str
    ) -> None:
        status, code, message = outcome(
            open_().push(changes((next(iter(twin.state.orders)), field, value), kind="order"))
        )
        assert (status, code) == ("refused", "invalid")
        assert field != "email" or value not in message, "personal data stays out of messages"
        assert not recorder.written()

    def test_an_order_of_downloads_has_no_address_to_correct(self) -> None:
        one, recorder = self.one_order(ORDER | {"consignments": {"downloads": [{"line_items": [LINE]}]}})
        assert outcome(one.push(changes(("100", "ship_city", "Bremen"), kind="order")))[1] == "invalid"
        assert not recorder.written()

    def test_a_parcel_names_the_address_of_its_lines(self) -> None:
        one, recorder = self.one_order(ORDER)
        assert outcome(one.ship(self.parcel("100")))[0] == "accepted"
        bodies = [body for _, _, body in recorder.written()]
        assert [(body["order_address_id"], body["items"]) for body in bodies] == [
            (8, [{"order_product_id": 5, "quantity": 2}]),
            (9, [{"order_product_id": 6, "quantity": 2}]),
        ]
        assert {body["tracking_carrier"] for body in bodies} == {"dhl"}
        assert {body["shipping_provider"] for body in bodies} == {""}
        assert {body["tracking_link"] for body in bodies} == {"https://track.example.com/1"}

    @pytest.mark.parametrize(
        ("carrier", "provider", "tracked"),
        [("UPS", "ups", "ups"), ("Royal Mail", "royalmail", ""), ("Bike courier", "", "")],
    )
    def test_carriers_that_are_not_known_are_named_in_the_comment(
        self, carrier: str, provider: str, tracked: str
    ) -> None:
        one, recorder = self.one_order(ORDER)
        one.ship(self.parcel("100", "5", "1", carrier))
        ((_, _, body),) = recorder.written()
        assert (body["shipping_provider"], body["tracking_carrier"], body["comments"]) == (provider, tracked, carrier)
        assert body["items"] == [{"order_product_id": 5, "quantity": 1}]

    def test_a_parcel_that_is_known_is_not_told_again(self) -> None:
        one, recorder = self.one_order(ORDER, ({"id": 1, "tracking_number": "0034043"},))
        assert outcome(one.ship(self.parcel("100")))[0] == "accepted"
        assert not recorder.written()

    @pytest.mark.parametrize(
        ("parcel", "code"),
        [
            ({"key": "100", "line": "7"}, "invalid"),
            ({"key": "100", "number": "9" * 51}, "invalid"),
            ({"key": "NO-NUMBER"}, "missing"),
        ],
    )
    def test_what_cannot_be_sent_is_said(self, parcel: dict[str, str], code: str) -> None:
        one, recorder = self.one_order(ORDER)
        assert outcome(one.ship(self.parcel(**parcel)))[1] == code
        assert not recorder.written()

    def test_nothing_is_left_of_an_order_that_was_sent(self, open_: Open, twin: Twin) -> None:
        key = next(key for key, row in twin.state.orders.items() if row["status_id"] == 2)
        assert outcome(open_().ship(self.parcel(key)))[1] == "invalid"
        assert not twin.state.parcels()
