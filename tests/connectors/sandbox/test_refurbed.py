"""The twin of refurbed against its public description and the notes for its integrators."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.sandbox import make_catalogue, twins
from connectors.sandbox.refurbed_store import order_state

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Api:
    """A caller who knows the API and not the connector."""

    def __init__(self, twin, clock):
        self.twin, self.clock = twin, clock
        self.http = httpx.Client(headers={"Authorization": f"Plain {twin.credentials['api_token']}"})

    def __call__(self, name, body=None, **options):
        return self.http.post(f"{self.twin.base_url}/refb.merchant.v1.{name}", json=body or {}, **options)

    def ok(self, name, body=None):
        answer = self(name, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, name, body):
        answer = self(name, body)
        assert set(answer.json()) == {"code", "message", "details"}
        return answer.status_code, answer.json()["code"]


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def api():
    clock = Clock()
    catalogue = make_catalogue(3, products=12, orders=9, defects=0.0)
    twin = twins()["refurbed"](catalogue=catalogue, seed=3, clock=clock).start()
    one = Api(twin, clock)
    yield one
    one.http.close()
    twin.stop()


@pytest.fixture
def offer(api):
    return next(iter(api.twin.state.products.values()))


@pytest.fixture
def item(api):
    """An item that nobody has handled yet."""
    key = api.twin.state.awaiting("acceptance")[0]
    return api.twin.state.orders[key]["items"][0]


class TestWhoCalls:
    @pytest.mark.parametrize("header", ["", "Bearer {}", "{}", "Plain wrong", "plain {}"])
    def test_the_token_comes_after_the_word_plain(self, api, header):
        given = {"Authorization": header.format(api.twin.credentials["api_token"])}
        answer = api("MarketService/ListMarkets", headers=given)
        assert (answer.status_code, answer.json()["code"]) == (401, 16)

    def test_a_token_has_permissions_call_by_call(self, api, offer):
        api.twin.denied.add("UpdateOffer")
        assert api("OfferService/ListOffers").status_code == 200
        assert api.refused("OfferService/UpdateOffer", {"identifier": {"id": offer["id"]}, "stock": 1}) == (403, 7)

    def test_only_post_and_only_what_there_is(self, api):
        assert api("OfferService/Nothing").status_code == 404
        assert api.http.get(f"{api.twin.base_url}/refb.merchant.v1.OfferService/ListOffers").status_code == 501
        assert (
            api.http.post(f"{api.twin.base_url}/refb.merchant.v1.OfferService/ListOffers", content=b"{").json()["code"]
            == 3
        )
        assert api.refused("OfferService/ListOffers", [1]) == (400, 3)


class TestLimits:
    def test_the_headers_tell_and_the_next_call_is_refused(self):
        clock = Clock()
        twin = twins()["refurbed"](catalogue=make_catalogue(3, 2, orders=0), clock=clock, calls_per_second=10).start()
        api = Api(twin, clock)
        answers = [api("NothingService/ListNothing") for _ in range(2)]
        assert {one.status_code for one in answers} == {404}, "what is not there costs nothing"
        answers = [api("MarketService/ListMarkets") for _ in range(11)]
        assert [one.status_code for one in answers] == [200] * 10 + [429]
        assert answers[0].headers["x-ratelimit-limit"] == "10"
        assert [one.headers["x-ratelimit-remaining"] for one in answers[:2]] == ["9", "8"]
        assert answers[10].json()["code"] == 8
        assert "retry-after" not in answers[10].headers
        assert 0 < int(answers[10].headers["x-ratelimit-reset"]) - START.timestamp() <= 2
        clock.now += timedelta(seconds=0.2)
        assert api("MarketService/ListMarkets").headers["x-ratelimit-remaining"] == "1"
        twin.stop()


class TestLists:
    def test_a_hundred_at_most_and_one_cursor(self, api):
        for page in ({"limit": 101}, {"starting_after": "1", "ending_before": "9"}):
            assert api.refused("OfferService/ListOffers", {"pagination": page}) == (400, 3)

    def test_pages_behind_and_before_a_row(self, api):
        keys = list(api.twin.state.products)
        first = api.ok("OfferService/ListOffers", {"pagination": {"limit": 5}})
        assert [one["id"] for one in first["offers"]] == keys[:5]
        assert first["has_more"] is True
        page = {"limit": 5, "starting_after": keys[4]}
        assert [one["id"] for one in api.ok("OfferService/ListOffers", {"pagination": page})["offers"]] == keys[5:10]
        page = {"limit": 3, "ending_before": keys[5]}
        assert [one["id"] for one in api.ok("OfferService/ListOffers", {"pagination": page})["offers"]] == keys[2:5]
        last = api.ok("OfferService/ListOffers", {"pagination": {"starting_after": keys[-2]}})
        assert ([one["id"] for one in last["offers"]], last["has_more"]) == ([keys[-1]], False)

    def test_a_row_that_is_gone_is_still_a_place_to_go_on_from(self, api):
        keys = list(api.twin.state.products)
        del api.twin.state.products[keys[4]]
        found = api.ok("OfferService/ListOffers", {"pagination": {"starting_after": keys[4]}})["offers"]
        assert [one["id"] for one in found] == keys[5:]

    def test_sorted_both_ways(self, api):
        stocks = [one["stock"] for one in api.twin.state.products.values()]
        sort = {"by": "STOCK", "order": "DESC"}
        found = [one["stock"] for one in api.ok("OfferService/ListOffers", {"sort": sort})["offers"]]
        assert found == sorted(stocks, reverse=True)

    def test_filters(self, api, offer):
        def found(name, wanted):
            return len(api.ok("OfferService/ListOffers", {"filter": {name: wanted}})["offers"])

        everything = len(api.twin.state.products)
        assert found("sku", {"any_of": [offer["sku"], "other"]}) == 1
        assert found("id", {"none_of": [offer["id"]]}) == everything - 1
        assert found("stock", {"ge": 0}) == everything
        assert found("reference_price", {"gt": "100000"}) == 0
        assert found("grading", {"any_of": ["A"]}) == len(
            [one for one in api.twin.state.products.values() if one["grading"] == "A"]
        )
        assert api.refused("OfferService/ListOffers", {"filter": {"updated_at": {"ge": "x"}}}) == (400, 3)

    def test_orders_by_release_and_state(self, api):
        moments = sorted(one["released_at"] for one in api.twin.state.orders.values())
        wanted = {"released_at": {"ge": moments[4].isoformat(), "lt": moments[6].isoformat()}}
        assert len(api.ok("OrderService/ListOrders", {"filter": wanted})["orders"]) == 2
        new = api.ok("OrderService/ListOrders", {"filter": {"state": {"any_of": ["NEW"]}}})["orders"]
        assert [one["id"] for one in new] == api.twin.state.awaiting("acceptance")


class TestOffers:
    def test_by_identifier_or_sku_and_not_by_both(self, api, offer):
        for identifier in ({"id": offer["id"]}, {"sku": offer["sku"]}):
            assert api.ok("OfferService/GetOffer", {"identifier": identifier})["offer"]["id"] == offer["id"]
        for identifier in ({}, {"id": offer["id"], "sku": offer["sku"]}):
            assert api.refused("OfferService/GetOffer", {"identifier": identifier}) == (400, 3)
        assert api.refused("OfferService/GetOffer", {"identifier": {"id": "1"}}) == (404, 5)

    def test_identifiers_are_texts_and_money_too(self, api, offer):
        shown = api.ok("OfferService/GetOffer", {"identifier": {"id": offer["id"]}})["offer"]
        assert all(isinstance(shown[name], str) for name in ("id", "version", "instance_id", "shipping_profile_id"))
        assert isinstance(shown["reference_price"], str)
        assert isinstance(shown["stock"], int)

    def test_an_update_is_partial_and_makes_a_version(self, api, offer):
        before = dict(offer)
        body = {"identifier": {"id": offer["id"]}, "reference_price": "99.90"}
        shown = api.ok("OfferService/UpdateOffer", body)["offer"]
        assert (shown["reference_price"], shown["version"]) == ("99.90", "2")
        assert offer == before | {"reference_price": "99.90"}

    def test_clearing_needs_its_own_word(self, api, offer):
        identifier = {"identifier": {"id": offer["id"]}}
        api.ok("OfferService/UpdateOffer", identifier | {"reference_min_price": "1.00"})
        api.ok("OfferService/UpdateOffer", identifier | {"reference_min_price": None})
        assert offer["reference_min_price"] == "1.00"
        api.ok("OfferService/UpdateOffer", identifier | {"delete_reference_min_price": True})
        assert offer["reference_min_price"] is None

    @pytest.mark.parametrize(
        "changed",
        [
            {"reference_price": "12.505"},
            {"reference_price": "0"},
            {"reference_price": 12.5},
            {"reference_min_price": "1000000"},
            {"grading": "D"},
            {"warranty": "M6"},
            {"stock": -1},
            {"taxation": "NET"},
            {"shipping_profile_id": "999"},
            {"secondary_shipping_profile_id": "901"},
        ],
    )
    def test_what_an_offer_cannot_be(self, api, offer, changed):
        before = api.twin.state.dump()
        assert api.refused("OfferService/UpdateOffer", {"identifier": {"id": offer["id"]}, **changed}) == (400, 3)
        assert api.twin.state.dump() == before

    def test_a_batch_is_answered_with_200_and_a_status_for_each(self, api, offer):
        wanted = [
            {"identifier": {"id": offer["id"]}, "stock": 4},
            {"identifier": {"id": "1"}, "stock": 4},
            {"identifier": {"sku": offer["sku"]}, "grading": "Z"},
        ]
        results = api.ok("OfferService/BatchUpdateOffers", {"offers": wanted})["results"]
        assert [one["status"]["code"] for one in results] == [0, 5, 3]
        assert (results[0]["offer"]["stock"], "offer" in results[1]) == (4, False)
        results = api.ok("OfferService/BatchGetOffers", {"offers": [{"identifier": {"id": "1"}}]})["results"]
        assert results[0]["status"]["code"] == 5

    @pytest.mark.parametrize("count", [0, 51])
    def test_a_batch_holds_one_to_fifty(self, api, offer, count):
        body = {"offers": [{"identifier": {"id": offer["id"]}, "stock": 1}] * count}
        assert api.refused("OfferService/BatchUpdateOffers", body) == (400, 3)

    def test_where_an_offer_shows(self, api, offer):
        def shown(**changed):
            offer.update(changed)
            found = api.ok("OfferService/GetOffer", {"identifier": {"id": offer["id"]}})["offer"]
            return {one["visibility"] for one in found["calculated_market_prices"]}

        assert shown(stock=1, state="OK") == {"FULL"}
        assert shown(stock=0) == {"NONE"}
        assert shown(stock=1, state="UNVERIFIED") == {"NONE"}
        assert shown(state="OK", reference_price="0.50") == {"HIDDEN"}


class TestOrders:
    def test_three_of_a_thing_are_three_items(self, api):
        for order, made in zip(api.twin.state.orders.values(), api.twin.catalogue.orders, strict=True):
            assert len(order["items"]) == sum(int(line["quantity"]) for line in made["lines"])

    @pytest.mark.parametrize(
        ("states", "state"),
        [
            (["NEW", "SHIPPED"], "NEW"),
            (["ACCEPTED", "CANCELLED"], "ACCEPTED"),
            (["SHIPPED", "SHIPPED"], "SHIPPED"),
            (["SHIPPED", "RETURNED"], "FULFILLED"),
            (["REJECTED", "CANCELLED"], "UNFULFILLED"),
            (["SHIPPED", "CANCELLED"], "PARTIALLY_FULFILLED"),
        ],
    )
    def test_an_order_is_what_its_items_are(self, states, state):
        assert order_state({"items": [{"state": one} for one in states]}) == state

    def test_labels_name_what_is_missing(self, api, item):
        labels = api.ok("OrderService/GetOrder", {"id": item["order_id"]})["order"]["labels"]
        assert {"MISSING_PARCEL_TRACKING_URLS", "MISSING_ITEM_IDENTIFIERS"} <= set(labels)

    def test_items_go_one_way(self, api, item):
        def move(state, **more):
            return api("OrderItemService/UpdateOrderItemState", {"id": item["id"], "state": state, **more}).status_code

        address = {"parcel_tracking_url": "https://tracking.example.com/1"}
        assert move("SHIPPED", **address) == 400
        assert move("ACCEPTED") == 200
        assert move("ACCEPTED") == 400
        assert move("REJECTED") == 400
        assert move("SHIPPED") == 400, "no tracking address"
        assert move("SHIPPED", parcel_tracking_url="tracking") == 400
        assert (
            move("SHIPPED", parcel_carrier_tracking_number={"carrier": "DHL", "tracking_number": "1"}, **address) == 400
        )
        assert move("SHIPPED", **address) == 200
        assert move("CANCELLED") == 400
        assert move("RETURNED") == 200
        assert move("SHIPPED", **address) == 400

    def test_a_parcel_is_known_by_carrier_and_number(self, api, item):
        item["state"] = "ACCEPTED"
        pair = {"carrier": "dhl", "tracking_number": "003404"}
        update = {"id": item["id"], "state": "SHIPPED", "parcel_tracking_url": "https://t.example.com/1"}
        body = {"updates": [update | {"parcel_carrier_tracking_number": pair}, {"id": "1", "state": "SHIPPED"}]}
        results = api.ok("OrderItemService/BatchUpdateOrderItemsState", body)["results"]
        assert [one["status"]["code"] for one in results] == [0, 5]
        assert api.twin.state.parcels() == [(item["order_id"], "003404")]

    def test_the_two_batches_have_two_shapes(self, api, item):
        update = {"id": item["id"], "item_identifiers": [{"identifier_type": "IMEI", "value": "490154203237518"}]}
        assert api.refused("OrderItemService/BatchUpdateOrderItems", {"updates": [update]}) == (400, 3)
        (result,) = api.ok("OrderItemService/BatchUpdateOrderItems", {"order_items": [update]})["results"]
        assert result["status"]["code"] == 0
        assert item["item_identifiers"] == update["item_identifiers"]
        wrong = update | {"item_identifiers": [{"identifier_type": "EAN", "value": "1"}]}
        (result,) = api.ok("OrderItemService/BatchUpdateOrderItems", {"order_items": [wrong]})["results"]
        assert result["status"]["code"] == 3

    def test_items_are_listed_by_order_alone(self, api, item):
        found = api.ok("OrderItemService/ListOrderItemsByOrder", {"order_id": item["order_id"]})["order_items"]
        assert found[0]["id"] == item["id"]
        assert api.refused("OrderItemService/ListOrderItemsByOrder", {}) == (404, 5)
        assert api.refused("OrderService/GetOrder", {"id": "1"}) == (404, 5)


def test_carriers_and_profiles(api):
    carriers = api.ok("ShippingProfileService/ListAvailableCarriers")["carriers"]
    assert {"name": "DHL", "slug": "dhl"} in carriers
    profiles = api.ok("ShippingProfileService/ListShippingProfiles")["shipping_profiles"]
    assert {one["id"] for one in profiles} == {"901", "902", "903"}


def test_what_an_offer_cannot_hold_is_not_in_the_truth():
    twin = twins()["refurbed"](catalogue=make_catalogue(5, products=60, orders=30, defects=0.3))
    truth = twin.state.truth()
    assert set(truth["field"]) == {"price", "email", "phone", "ship_name", "ship_postal_code"}
    for row in truth.filter(kind="product").iter_rows(named=True):
        assert twin.state.products[row["record"]]["reference_price"] == row["dirty"]
