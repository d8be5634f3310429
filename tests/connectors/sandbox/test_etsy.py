"""The twin of Etsy against facts of its description and of etsy/open-api."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.etsy import EtsyTwin
from connectors.sandbox.server import Answer, Incoming

BASE = "/v3/application"

Ask = Callable[..., tuple[int, Any]]


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twin(clock: Clock) -> EtsyTwin:
    return EtsyTwin(catalogue=make_catalogue(5, 42, orders=30, defects=0.0), clock=clock)


def raw(twin: EtsyTwin, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    address = urlsplit(path)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return twin.answer(Incoming(method, address.path, tuple(parse_qsl(address.query)), sent, body))


@pytest.fixture
def ask(twin: EtsyTwin) -> Ask:
    known = twin.headers_of_caller()

    def asked(method: str, path: str, body: Any = None, form: Any = None) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        content = content if form is None else urlencode(form).encode()
        answer = raw(twin, method, BASE + path.replace("{shop}", str(twin.state.shop_id)), content, **known)
        return answer.status, json.loads(answer.body)

    return asked


def plain(twin: EtsyTwin) -> dict[str, Any]:
    rows = twin.state.products.values()
    return next(row for row in rows if len(row["inventory"]["products"]) == 1 and row["state"] == "active")


def varied(twin: EtsyTwin) -> dict[str, Any]:
    return next(row for row in twin.state.products.values() if len(row["inventory"]["products"]) > 1)


def to_send(shown: dict[str, Any]) -> dict[str, Any]:
    """An inventory in the form that Etsy takes."""
    products = []
    for one in shown["products"]:
        (offering,) = one["offerings"]
        price = offering["price"]["amount"] / offering["price"]["divisor"]
        sent = {name: offering[name] for name in ("quantity", "is_enabled", "readiness_state_id")} | {"price": price}
        kept = ("property_id", "property_name", "scale_id", "value_ids", "values")
        values = [{name: value[name] for name in kept} for value in one["property_values"]]
        products.append({"sku": one["sku"], "property_values": values, "offerings": [sent]})
    return {"products": products} | {name: value for name, value in shown.items() if name.endswith("_on_property")}


class TestTokens:
    def token(self, twin: EtsyTwin, **changed: str) -> tuple[int, Any]:
        form = {
            "grant_type": "refresh_token",
            "client_id": twin.keystring,
            "refresh_token": twin._refresh_token,
            **changed,
        }
        answer = raw(twin, "POST", "/v3/public/oauth/token", urlencode(form).encode())
        return answer.status, json.loads(answer.body)

    def test_each_refresh_token_is_good_for_one_use(self, twin: EtsyTwin) -> None:
        first = twin._refresh_token
        status, granted = self.token(twin)
        assert (status, granted["expires_in"], granted["token_type"]) == (200, 3600, "Bearer")
        assert granted["access_token"].startswith("12345678."), "the number of the user stands before it"
        assert granted["refresh_token"] == twin._refresh_token != first
        assert self.token(twin, refresh_token=first)[1]["error"] == "invalid_grant"
        assert self.token(twin)[0] == 200

    def test_an_app_that_is_unknown(self, twin: EtsyTwin) -> None:
        assert self.token(twin, client_id="somebody")[0] == 401

    def test_an_access_token_lasts_an_hour(self, twin: EtsyTwin, clock: Clock, ask: Ask) -> None:
        assert ask("GET", "/users/me")[0] == 200
        clock.now += timedelta(minutes=61)
        assert ask("GET", "/users/me")[0] == 401

    @pytest.mark.parametrize("key", ["", "{key}", "{key}:wrong"])
    def test_the_key_needs_both_halves(self, twin: EtsyTwin, key: str) -> None:
        sent = twin.headers_of_caller() | {"x-api-key": key.replace("{key}", twin.keystring)}
        assert raw(twin, "GET", f"{BASE}/openapi-ping", **sent).status == 403

    def test_the_key_alone_is_enough_for_what_is_public(self, twin: EtsyTwin) -> None:
        key = {"x-api-key": twin.headers_of_caller()["x-api-key"]}
        assert raw(twin, "GET", f"{BASE}/openapi-ping", **key).status == 200
        assert raw(twin, "GET", f"{BASE}/users/me", **key).status == 401

    def test_a_right_that_the_merchant_did_not_give(self) -> None:
        twin = EtsyTwin(catalogue=make_catalogue(5, 2, orders=1), scopes="listings_r")
        shop = f"{BASE}/shops/{twin.state.shop_id}"
        assert raw(twin, "GET", f"{shop}/listings", **twin.headers_of_caller()).status == 200
        answer = raw(twin, "GET", f"{shop}/receipts", **twin.headers_of_caller())
        assert (answer.status, json.loads(answer.body)) == (403, {"error": "insufficient_scope"})

    def test_a_spoilt_answer_never_loses_the_refresh_token(self, twin: EtsyTwin) -> None:
        twin.fault("truncated", count=9)
        assert twin._next_fault("/v3/public/oauth/token") == ""
        assert twin._next_fault(f"{BASE}/users/me") == "truncated"


class TestLimits:
    def test_the_room_is_told_with_every_answer(self, twin: EtsyTwin) -> None:
        answer = raw(twin, "GET", f"{BASE}/users/me", **twin.headers_of_caller())
        told = {name: answer.headers[name] for name in answer.headers if name.startswith("x-")}
        assert told == {
            "x-limit-per-second": "150",
            "x-remaining-this-second": "149",
            "x-limit-per-day": "100000",
            "x-remaining-today": "99999",
        }

    def test_too_many_in_a_second_and_in_a_day(self, clock: Clock) -> None:
        twin = EtsyTwin(catalogue=make_catalogue(5, 2, orders=1), clock=clock, per_second=2, per_day=4)
        answers = [raw(twin, "GET", f"{BASE}/users/me", **twin.headers_of_caller()) for _ in range(3)]
        assert [one.status for one in answers] == [200, 200, 429]
        assert json.loads(answers[2].body) == {"error": "Exceeded per second rate limit"}
        assert answers[2].headers["retry-after"] == "1"
        clock.now += timedelta(seconds=5)
        assert raw(twin, "GET", f"{BASE}/users/me", **twin.headers_of_caller()).status == 200
        last = raw(twin, "GET", f"{BASE}/users/me", **twin.headers_of_caller())
        assert json.loads(last.body) == {"error": "Exceeded daily rate limit"}
        assert last.headers["retry-after"] == "86400"


class TestLists:
    def test_twenty_five_on_a_page_and_a_hundred_at_most(self, ask: Ask, twin: EtsyTwin) -> None:
        body = ask("GET", "/shops/{shop}/listings")[1]
        assert (len(body["results"]), body["count"]) == (
            25,
            sum(row["state"] == "active" for row in twin.state.products.values()),
        )
        assert ask("GET", "/shops/{shop}/listings?limit=101")[0] == 400
        rest = ask("GET", "/shops/{shop}/listings?limit=100&offset=25")[1]
        assert len(rest["results"]) == body["count"] - 25
        assert ask("GET", "/shops/{shop}/listings?offset=12001")[0] == 400

    def test_one_state_a_call(self, ask: Ask) -> None:
        assert {one["state"] for one in ask("GET", "/shops/{shop}/listings?state=draft")[1]["results"]} <= {"draft"}
        status, body = ask("GET", "/shops/{shop}/listings?state=sold%20out")
        assert status == 400
        assert "sold_out" in body["error"]

    def test_what_is_not_asked_for_is_not_shown(self, ask: Ask) -> None:
        bare = ask("GET", "/shops/{shop}/listings?limit=1")[1]["results"][0]
        full = ask("GET", "/shops/{shop}/listings?limit=1&includes=Images,Inventory&legacy=false")[1]["results"][0]
        assert not {"images", "inventory", "readiness_state_id"} & set(bare)
        assert {"images", "inventory", "readiness_state_id"} <= set(full)
        assert full["updated_timestamp"] == full["last_modified_timestamp"]

    def test_a_hundred_numbers_at_once(self, ask: Ask, twin: EtsyTwin) -> None:
        numbers = list(twin.state.products)[:3]
        body = ask("GET", f"/listings/batch?listing_ids={','.join(numbers)},1")[1]
        assert [str(one["listing_id"]) for one in body["results"]] == numbers
        assert ask("GET", f"/listings/batch?listing_ids={','.join(['1'] * 101)}")[0] == 400

    def test_receipts_by_time_and_order(self, ask: Ask, twin: EtsyTwin) -> None:
        rows = ask("GET", "/shops/{shop}/receipts?limit=100")[1]["results"]
        created = [one["created_timestamp"] for one in rows]
        assert created == sorted(created, reverse=True), "newest first unless asked otherwise"
        middle = created[10]
        later = ask("GET", f"/shops/{{shop}}/receipts?min_created={middle}&sort_order=asc&limit=100")[1]["results"]
        assert [one["created_timestamp"] for one in later] == sorted(one for one in created if one >= middle)
        changed = ask("GET", "/shops/{shop}/receipts?min_last_modified=1900000000")[1]
        assert changed["count"] == 0
        assert ask("GET", "/shops/{shop}/receipts?min_created=946684799")[0] == 400

    def test_what_is_not_there_and_what_is_not_ours(self, ask: Ask, twin: EtsyTwin) -> None:
        assert ask("GET", "/listings/1")[0] == 404
        assert ask("GET", "/shops/{shop}/receipts/1")[0] == 404
        assert ask("GET", "/shops/1/receipts")[0] == 403
        assert ask("GET", "/listings/555")[1]["shop_id"] != twin.state.shop_id, "everybody may read every listing"


class TestInventory:
    def test_its_own_answer_is_refused(self, ask: Ask, twin: EtsyTwin) -> None:
        path = f"/listings/{plain(twin)['listing_id']}/inventory?legacy=false"
        status, body = ask("PUT", path, ask("GET", path)[1])
        assert status == 400
        assert "product_id" in body["error"]

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda offering: offering.pop("price"), "price"),
            (lambda offering: offering.update(price={"amount": 100, "divisor": 100}), "price"),
            (lambda offering: offering.update(price=0), "price"),
            (lambda offering: offering.update(quantity="3"), "quantity"),
            (lambda offering: offering.update(quantity=0), "at least one offering"),
            (lambda offering: offering.update(offering_id=1), "offering_id"),
        ],
    )
    def test_what_an_offering_needs(self, ask: Ask, twin: EtsyTwin, spoil: Any, words: str) -> None:
        path = f"/listings/{plain(twin)['listing_id']}/inventory?legacy=false"
        body = to_send(ask("GET", path)[1])
        spoil(body["products"][0]["offerings"][0])
        before = twin.state.dump()
        status, answer = ask("PUT", path, body)
        assert status == 400
        assert words in answer["error"]
        assert twin.state.dump() == before

    def test_everything_gets_new_numbers(self, ask: Ask, twin: EtsyTwin) -> None:
        path = f"/listings/{varied(twin)['listing_id']}/inventory?legacy=false"
        before = ask("GET", path)[1]
        status, after = ask("PUT", path, to_send(before))
        assert status == 200
        for old, new in zip(before["products"], after["products"], strict=True):
            assert old["product_id"] != new["product_id"]
            assert old["offerings"][0]["offering_id"] != new["offerings"][0]["offering_id"]
            assert old["property_values"][0]["value_ids"] != new["property_values"][0]["value_ids"]
            assert old["property_values"][0]["values"] == new["property_values"][0]["values"]
        assert [one["sku"] for one in before["products"]] == [one["sku"] for one in after["products"]]

    def test_what_is_left_out_is_gone(self, ask: Ask, twin: EtsyTwin) -> None:
        row = varied(twin)
        path = f"/listings/{row['listing_id']}/inventory?legacy=false"
        body = to_send(ask("GET", path)[1])
        skus = [one.pop("sku") for one in body["products"]]
        body["sku_on_property"] = []
        assert ask("PUT", path, body)[0] == 200
        assert skus != [one["sku"] for one in row["inventory"]["products"]] == ["", ""]

    def test_products_without_their_values_wipe_each_other_out(self, ask: Ask, twin: EtsyTwin) -> None:
        row = varied(twin)
        path = f"/listings/{row['listing_id']}/inventory?legacy=false"
        body = to_send(ask("GET", path)[1])
        for one in body["products"]:
            one["property_values"], one["sku"] = [], "same"
            one["offerings"][0] |= {"price": 10.0, "quantity": 3}
        assert ask("PUT", path, body)[0] == 200
        assert len(row["inventory"]["products"]) == 1

    def test_a_profile_that_is_not_sent_is_gone(self, ask: Ask, twin: EtsyTwin) -> None:
        row = plain(twin)
        path = f"/listings/{row['listing_id']}/inventory"
        body = to_send(ask("GET", f"{path}?legacy=false")[1])
        assert "readiness_state_id" not in ask("GET", path)[1]["products"][0]["offerings"][0]
        assert ask("PUT", f"{path}?legacy=false", body)[0] == 200
        assert row["inventory"]["products"][0]["readiness_state_id"] == 701
        del body["products"][0]["offerings"][0]["readiness_state_id"]
        ask("PUT", f"{path}?legacy=false", body)
        assert row["inventory"]["products"][0]["readiness_state_id"] is None

    @pytest.mark.parametrize("name", ["price", "quantity", "sku"])
    def test_what_differs_must_say_by_which_property(self, ask: Ask, twin: EtsyTwin, name: str) -> None:
        path = f"/listings/{varied(twin)['listing_id']}/inventory?legacy=false"
        body = to_send(ask("GET", path)[1])
        first = body["products"][0]
        (first if name == "sku" else first["offerings"][0])[name] = {"price": 1.5, "quantity": 998, "sku": "X"}[name]
        body[f"{name}_on_property"] = []
        status, answer = ask("PUT", path, body)
        assert status == 400
        assert f"{name}_on_property" in answer["error"]

    def test_parentheses_in_a_value(self, ask: Ask, twin: EtsyTwin) -> None:
        path = f"/listings/{varied(twin)['listing_id']}/inventory?legacy=false"
        body = to_send(ask("GET", path)[1])
        body["products"][0]["property_values"][0]["values"] = ["Blue (dark)"]
        assert ask("PUT", path, body)[0] == 400

    def test_a_body_without_products(self, ask: Ask, twin: EtsyTwin) -> None:
        status, answer = ask("PUT", f"/listings/{plain(twin)['listing_id']}/inventory", {"sku": "A"})
        assert (status, answer["error"]) == (400, "Missing input parameter: [products]")


class TestForm:
    def patch(self, ask: Ask, row: dict[str, Any], **form: str) -> tuple[int, Any]:
        return ask("PATCH", f"/shops/{{shop}}/listings/{row['listing_id']}", form=form)

    def test_only_what_is_sent_changes(self, ask: Ask, twin: EtsyTwin) -> None:
        row = plain(twin)
        before = {name: value for name, value in row.items() if name not in ("title", "changed")}
        assert self.patch(ask, row, title="Another title")[1]["title"] == "Another title"
        assert {name: value for name, value in row.items() if name not in ("title", "changed")} == before

    def test_a_price_is_passed_over_without_a_word(self, ask: Ask, twin: EtsyTwin) -> None:
        row = plain(twin)
        before = json.dumps(row["inventory"])
        assert self.patch(ask, row, price="1.00", quantity="5", sku="X")[0] == 200
        assert json.dumps(row["inventory"]) == before

    @pytest.mark.parametrize(
        "form",
        [
            {"title": "Lamp for $5"},
            {"title": "Lamp ° 5"},
            {"title": ""},
            {"title": "a & b & c"},
            {"title": "x" * 141},
            {"tags": "gift!"},
            {"tags": "x" * 21},
            {"tags": "gift,gift"},
            {"tags": ",".join("abcdefghijklmn")},
            {"materials": "half-linen"},
            {"item_weight": "0"},
            {"taxonomy_id": "99999999"},
            {"who_made": "i_did"},
            {"who_made": "my aunt", "when_made": "1990s", "is_supply": "false"},
            {"image_ids": "1"},
            {"image_ids": ""},
            {"state": "sold_out"},
        ],
    )
    def test_what_is_refused(self, ask: Ask, twin: EtsyTwin, form: dict[str, str]) -> None:
        before = twin.state.dump()
        status, answer = self.patch(ask, plain(twin), **form)
        assert status == 400
        assert answer["error"]
        assert twin.state.dump() == before

    def test_lists_are_texts_with_commas(self, ask: Ask, twin: EtsyTwin) -> None:
        row = plain(twin)
        numbers = [str(one["listing_image_id"]) for one in row["images"]]
        assert self.patch(ask, row, tags="Circle,Round,Punch", image_ids=",".join(reversed(numbers)))[0] == 200
        assert row["tags"] == ["Circle", "Round", "Punch"]
        assert [str(one["listing_image_id"]) for one in row["images"]] == numbers[::-1]

    def test_sold_out_to_active_renews_with_one_unit(self, ask: Ask, twin: EtsyTwin) -> None:
        row = plain(twin)
        row["state"] = "sold_out"
        assert self.patch(ask, row, state="active")[1]["quantity"] == 1

    def test_a_picture_is_brought_as_a_part_of_a_message(self, twin: EtsyTwin) -> None:
        row, count = plain(twin), len(plain(twin)["images"])
        lines = (
            b'--x\r\nContent-Disposition: form-data; name="rank"\r\n\r\n1\r\n',
            b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n',
            b"\xff\xd8\x00\r\n--x--\r\n",
        )
        path = f"{BASE}/shops/{twin.state.shop_id}/listings/{row['listing_id']}/images"
        sent = twin.headers_of_caller() | {"content-type": "multipart/form-data; boundary=x"}
        answer = raw(twin, "POST", path, b"".join(lines), **sent)
        assert answer.status == 201
        assert json.loads(answer.body)["listing_image_id"] == row["images"][0]["listing_image_id"]
        assert len(row["images"]) == count + 1
        assert raw(twin, "POST", path, b"--x--\r\n", **sent).status == 400
        row["images"] *= 20
        assert raw(twin, "POST", path, b"".join(lines), **sent).status == 400


class TestTracking:
    def track(self, ask: Ask, key: str, **body: str) -> tuple[int, Any]:
        return ask("POST", f"/shops/{{shop}}/receipts/{key}/tracking", body)

    def test_each_telling_is_a_mail_and_a_shipment(self, ask: Ask, twin: EtsyTwin) -> None:
        key = twin.state.awaiting("shipment")[0]
        for _ in range(2):
            status, shown = self.track(ask, key, tracking_code="T-1", carrier_name="DHL")
            assert (status, shown["is_shipped"], shown["status"]) == (200, True, "completed")
        assert twin.mails == len(shown["shipments"]) == 2
        assert twin.state.parcels() == [(key, "T-1"), (key, "T-1")]

    def test_what_is_refused(self, ask: Ask, twin: EtsyTwin) -> None:
        key = twin.state.awaiting("shipment")[0]
        assert self.track(ask, key, tracking_code="T-1", carrier_name="Kurier Schmidt")[0] == 400
        assert self.track(ask, key, tracking_code="T-1", carrier_name="other")[0] == 200
        twin.state.orders[key]["country_iso"] = "IN"
        assert self.track(ask, key)[0] == 400
        unpaid = next(key for key, row in twin.state.orders.items() if not row["is_paid"])
        assert self.track(ask, unpaid, tracking_code="T-1", carrier_name="dhl")[0] == 400
        assert twin.mails == 1

    def test_without_a_number_it_is_marked_only(self, ask: Ask, twin: EtsyTwin) -> None:
        key = twin.state.awaiting("shipment")[0]
        twin.state.orders[key]["country_iso"] = "DE"
        assert self.track(ask, key)[1]["shipments"] == []
        assert twin.state.orders[key]["is_shipped"]


class TestShop:
    def test_a_listing_has_one_weight(self, twin: EtsyTwin) -> None:
        products = make_catalogue(5, 42, orders=0, defects=0.0).products
        shirts = next(one for one in products if one["key"].startswith("TEE") and one["variants"])
        rows = [row for row in twin.state.products.values() if row["title"].startswith(shirts["title"])]
        assert len(rows) == len({one["weight_g"] for one in shirts["variants"]})
        assert sum(len(row["inventory"]["products"]) for row in rows) == len(shirts["variants"])

    def test_categories_are_a_tree(self, ask: Ask) -> None:
        def walk(nodes: list[dict[str, Any]], above: list[int]) -> Iterator[int]:
            for node in nodes:
                assert node["full_path_taxonomy_ids"] == [*above, node["id"]]
                assert node["level"] == len(above)
                assert node["parent_id"] == (above[-1] if above else None)
                yield node["id"]
                yield from walk(node["children"], node["full_path_taxonomy_ids"])

        numbers = list(walk(ask("GET", "/seller-taxonomy/nodes")[1]["results"], []))
        assert len(numbers) == len(set(numbers)) > 20
        assert ask("GET", f"/seller-taxonomy/nodes/{numbers[-1]}/properties")[1]["results"]
        assert ask("GET", "/seller-taxonomy/nodes/99999/properties")[0] == 404

    def test_addresses_may_be_withheld(self) -> None:
        with serve("etsy", catalogue=make_catalogue(5, 2, orders=1, defects=0.0), addresses=False) as twin:
            assert isinstance(twin, Twin)
            path = f"{BASE}/shops/{twin.state.shop_id}/receipts"
            (row,) = json.loads(raw(twin, "GET", path, **twin.headers_of_caller()).body)["results"]
        assert {row[name] for name in ("first_line", "city", "zip", "country_iso", "buyer_email")} == {None}
        assert row["name"]


def test_its_states_and_words_are_those_of_the_description(shared: Any) -> None:
    from connectors.sandbox.etsy import _WHEN_MADE
    from connectors.sandbox.etsy_shop import STATES

    document = json.loads((shared / "specs" / "etsy" / "etsy-openapi.json").read_text())
    members = document["components"]["schemas"]["ShopListing"]["properties"]
    assert set(members["state"]["enum"]) == set(STATES)
    assert set(members["when_made"]["enum"]) >= _WHEN_MADE
