"""The twin of Octopia against the facts that are known of its Seller API v2."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.sandbox import make_catalogue, twins

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Api:
    """A caller who knows the API and not the connector."""

    def __init__(self, twin, clock):
        self.twin, self.clock = twin, clock
        given = twin.credentials
        form = {"grant_type": "client_credentials", "client_id": given["client_id"]}
        self.token = httpx.post(given["token_address"], data=form | {"client_secret": given["client_secret"]})
        self.http = httpx.Client(
            base_url=given["api_address"],
            headers={"Authorization": f"Bearer {self.token.json()['access_token']}", "SellerId": given["seller_id"]},
        )

    def get(self, path, **query):
        return self.http.get(path, params=query)

    def package(self, kind, requests, close=True):
        opened = self.http.post("/offer-packages", json={"packageType": kind}, headers={"SalesChannelId": "CDISFR"})
        path = f"/{opened.headers['content-location'].strip('/')}"
        assert self.http.post(f"{path}/offer-requests", json=requests).status_code == 200
        if close:
            assert self.http.patch(path, json={"state": "Ready"}).status_code == 204
            while self.get(path).json()["state"] != "Integrated":
                pass
        return path

    def results(self, kind, requests):
        rows = self.get(f"{self.package(kind, requests)}/offer-requests-results").json()["items"]
        return [(row["integrationStatus"], row["results"][0]["resultCode"]) for row in rows]


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def api():
    clock = Clock()
    catalogue = make_catalogue(3, products=12, orders=9, defects=0.0)
    twin = twins()["cdiscount"](catalogue=catalogue, seed=3, clock=clock, largest_page=7).start()
    one = Api(twin, clock)
    yield one
    one.http.close()
    twin.stop()


@pytest.fixture
def offer(api):
    return next(iter(api.twin.state.products.values()))


TAXES = [{"code": "VAT", "value": 20}, {"code": "Ecotax", "value": 0.5}]


class TestWhoCalls:
    def test_a_token_lives_two_hours(self, api):
        assert api.token.json()["expires_in"] == 7200
        assert api.get("/sellers").status_code == 200
        api.clock.now += timedelta(hours=2, seconds=1)
        refused = api.get("/sellers")
        assert refused.status_code == 401
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert {"title", "detail", "status", "traceId"} <= set(refused.json())

    def test_every_call_names_the_seller(self, api):
        assert api.http.get("/orders", headers={"SellerId": ""}).status_code == 400
        assert api.http.get("/orders", headers={"SellerId": "1"}).status_code == 403

    def test_wrong_keys_get_no_token(self, api):
        form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
        assert httpx.post(api.twin.credentials["token_address"], data=form).status_code == 401
        wrong = httpx.post(api.twin.credentials["token_address"], data=form | {"grant_type": "password"})
        assert wrong.json()["error"] == "unsupported_grant_type"

    def test_five_hundred_tokens_an_hour(self, api):
        api.twin._tokens.level = 1
        form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
        answers = [httpx.post(api.twin.credentials["token_address"], data=form) for _ in range(2)]
        assert [one.status_code for one in answers] == [401, 429]
        assert int(answers[1].headers["retry-after"]) == 8, "one every 7.2 seconds"

    def test_delivery_modes_are_written_in_snake_case_and_codes_of_carriers_repeat(self, api):
        modes = api.get("/sellers/delivery-modes").json()
        assert modes["count"] == len(modes["items"]) == 2
        assert set(modes["items"][0]) == {
            "code",
            "name",
            "delivery_delay",
            "is_express_delivery",
            "more_than30_kg_product",
        }
        codes = [one["code"] for one in api.get("/carriers").json()]
        assert codes.count("pcc") == 4


class TestOffers:
    def test_the_channel_is_required(self, api):
        assert api.get("/offers").json()["errors"]["salesChannelId"]
        assert api.get("/offers", salesChannelId="OTHER").json()["items"] == []

    def test_the_cursor_stands_in_the_link(self, api):
        first = api.get("/offers", salesChannelId="CDISFR", limit=1000)
        assert first.json()["itemsPerPage"] == len(first.json()["items"]) == 7
        assert first.links["next"]["url"].startswith("/seller/v2/offers?")
        seen, answer = [], first
        while True:
            seen += [one["offerId"] for one in answer.json()["items"]]
            if "next" not in answer.links:
                break
            answer = httpx.get(f"{api.twin.base_url}{answer.links['next']['url']}", headers=api.http.headers)
        assert seen == list(api.twin.state.products)

    @pytest.mark.parametrize("limit", [0, 1001])
    def test_a_page_holds_a_thousand_at_most(self, api, limit):
        assert api.get("/offers", salesChannelId="CDISFR", limit=limit).status_code == 400

    def test_offers_are_found_by_what_names_them(self, api, offer):
        for name, value in [
            ("offerIds", offer["offerId"]),
            ("sellerExternalReferences", offer["sellerExternalReference"]),
            ("gtins", offer["product"]["gtin"]),
        ]:
            (found,) = api.get("/offers", salesChannelId="CDISFR", **{name: f"{value},nothing"}).json()["items"]
            assert found["offerId"] == offer["offerId"]
        assert offer["offerId"] == f"98979_{offer['product']['reference']}_New_CDISFR"

    def test_updated_since(self, api, offer):
        api.twin.state.edit(offer["offerId"], "quantity", "3")
        (found,) = api.get("/offers", salesChannelId="CDISFR", updatedAtMin=START.isoformat()).json()["items"]
        assert found["offerId"] == offer["offerId"]

    def test_an_offer_is_active_only_when_it_is_complete(self, api, offer):
        def state():
            asked = api.get("/offers", salesChannelId="CDISFR", offerIds=offer["offerId"])
            return asked.json()["items"][0]["offerState"]

        offer["quantity"] = 2
        assert state() == "Active"
        offer["quantity"] = 0
        assert state() == "Inactive"
        offer |= {"quantity": 2, "deliveryModes": []}
        assert state() == "Inactive"


class TestPackages:
    def test_the_type_is_case_sensitive(self, api):
        for kind in ("update", "UPSERT", "Full"):
            refused = api.http.post("/offer-packages", json={"packageType": kind}, headers={"SalesChannelId": "CDISFR"})
            assert refused.status_code == 400
        assert api.http.post("/offer-packages", json={"packageType": "Update"}).status_code == 400, "no channel"

    def test_the_number_comes_in_a_header_alone(self, api):
        opened = api.http.post("/offer-packages", json={"packageType": "Update"}, headers={"SalesChannelId": "CDISFR"})
        assert (opened.status_code, opened.content) == (201, b"")
        assert opened.headers["content-location"] == "/offer-packages/400001"

    def test_nothing_happens_before_it_is_closed(self, api, offer):
        before = api.twin.state.dump()
        request = {"sellerExternalReference": offer["sellerExternalReference"], "quantity": 77}
        path = api.package("Update", [request], close=False)
        assert api.get(path).json() == {"packageId": "400001", "state": "WaitingForCompletion", "packageType": "Update"}
        assert api.get(f"{path}/offer-requests-results").status_code == 404
        assert api.twin.state.dump() == before
        assert api.http.patch(path, json={"state": "ready"}).status_code == 400
        assert api.http.patch(path, json={"state": "Ready"}).status_code == 204
        assert api.http.patch(path, json={"state": "Ready"}).status_code == 409
        assert api.http.post(f"{path}/offer-requests", json=[request]).status_code == 409
        assert [api.get(path).json()["state"] for _ in range(2)] == ["IntegrationPending", "Integrated"]
        assert offer["quantity"] == 77

    def test_an_empty_package_cannot_be_closed(self, api):
        opened = api.http.post("/offer-packages", json={"packageType": "Update"}, headers={"SalesChannelId": "CDISFR"})
        assert api.http.patch(opened.headers["content-location"], json={"state": "Ready"}).status_code == 409

    @pytest.mark.parametrize("count", [0, 101])
    def test_an_upload_holds_one_to_a_hundred(self, api, count):
        opened = api.http.post("/offer-packages", json={"packageType": "Update"}, headers={"SalesChannelId": "CDISFR"})
        requests = [{"sellerExternalReference": f"A{number}", "quantity": 1} for number in range(count)]
        path = f"{opened.headers['content-location']}/offer-requests"
        assert api.http.post(path, json=requests).status_code == 400

    @pytest.mark.parametrize("reference", ["", "x" * 51])
    def test_a_reference_has_one_to_fifty_characters(self, api, reference):
        opened = api.http.post("/offer-packages", json={"packageType": "Update"}, headers={"SalesChannelId": "CDISFR"})
        path = f"{opened.headers['content-location']}/offer-requests"
        answer = api.http.post(path, json=[{"sellerExternalReference": reference, "quantity": 1}])
        assert answer.json()["errors"]["sellerExternalReference"]

    def test_the_same_reference_twice_rejects_both(self, api, offer):
        before = offer["quantity"]
        request = {"sellerExternalReference": offer["sellerExternalReference"], "quantity": 77}
        assert [one[0] for one in api.results("Update", [request, request])] == ["Duplicated", "Duplicated"]
        assert offer["quantity"] == before

    def test_an_update_changes_what_it_names(self, api, offer):
        price = dict(offer["integrationPrice"])
        reference = {"sellerExternalReference": offer["sellerExternalReference"]}
        assert api.results("Update", [reference | {"quantity": 8, "preparationTime": 4}]) == [("Integrated", "90")]
        assert (offer["quantity"], offer["preparationTime"], offer["integrationPrice"]) == (8, 4, price)

    @pytest.mark.parametrize(
        ("request_", "code"),
        [
            ({"price": {"price": 12.5}}, "10"),
            ({"price": {"price": 12.5, "taxes": TAXES[:1]}}, "10"),
            ({"price": {"price": 0, "taxes": TAXES}}, "19"),
            ({"price": {"price": 12.5, "originPrice": 10, "taxes": TAXES}}, "23"),
            ({"price": {"price": 0.3, "taxes": TAXES}}, "29"),
            ({"preparationTime": "2 days"}, "11"),
            ({"quantity": -1}, "11"),
            ({"product": {"gtin": "4006381333931"}}, "25"),
            ({"condition": "New"}, "25"),
        ],
    )
    def test_what_an_update_is_rejected_for(self, api, offer, request_, code):
        before = api.twin.state.dump()
        request = {"sellerExternalReference": offer["sellerExternalReference"], **request_}
        assert api.results("Update", [request]) == [("Rejected", code)]
        assert api.twin.state.dump() == before

    def test_an_unknown_offer_is_created_by_upsert_alone(self, api):
        request = {"sellerExternalReference": "NEW-1", "quantity": 3}
        assert api.results("Update", [request]) == [("Rejected", "36")]
        assert api.results("Upsert", [request]) == [("Rejected", "10")]
        whole = request | {
            "product": {"gtin": "4006381333931"},
            "condition": "usedlikenew",
            "price": {"price": 5.0, "taxes": TAXES},
        }
        assert api.results("Upsert", [whole | {"condition": "used"}]) == [("Rejected", "11")]
        assert api.results("Upsert", [whole]) == [("Integrated", "8000")]
        assert api.results("Upsert", [whole | {"quantity": 9}]) == [("Integrated", "90")]
        (found,) = api.get("/offers", salesChannelId="CDISFR", sellerExternalReferences="NEW-1").json()["items"]
        assert (found["quantity"], found["deliveryModes"]) == (9, [])
        assert api.results("Delete", [{"sellerExternalReference": "NEW-1"}]) == [("Integrated", "90")]
        assert api.results("Delete", [{"sellerExternalReference": "NEW-1"}]) == [("Rejected", "36")]

    def test_reports_are_kept_three_days(self, api, offer):
        path = api.package("Update", [{"sellerExternalReference": offer["sellerExternalReference"], "quantity": 1}])
        assert len(api.get(f"{path}/offer-requests-results").json()["items"]) == 1
        api.clock.now += timedelta(days=3, seconds=1)
        headers = {"Authorization": f"Bearer {api.twin.desk.issue()}"}
        assert api.http.get(f"{path}/offer-requests-results", headers=headers).status_code == 404


class TestOrders:
    def test_only_page_size_sets_the_size(self, api):
        assert api.get("/orders", limit=3).json()["itemsPerPage"] == 9
        answer = api.get("/orders", pageIndex=2, pageSize=4)
        assert answer.json()["itemsPerPage"] == 4
        assert "pageIndex=3" in answer.links["next"]["url"]
        assert "next" not in api.get("/orders", pageIndex=3, pageSize=4).links
        assert api.get("/orders", pageIndex=4, pageSize=4).json()["items"] == []
        assert set(answer.json()) == {"itemsPerPage", "items"}, "no total"

    def test_a_hundred_on_a_page(self, api):
        api.twin.state.add(make_catalogue(4, products=3, orders=120, defects=0.0, day=2))
        assert api.get("/orders", pageSize=500).json()["itemsPerPage"] == 100

    def test_the_count_is_a_bare_number(self, api):
        assert api.get("/orders/count").json() == 9
        waiting = api.get("/orders/count", status="WaitingAcceptance,InPreparation").json()
        assert waiting == len(api.twin.state.awaiting("acceptance")) + len(api.twin.state.awaiting("shipment"))
        assert api.get("/orders/count", updatedAtMin="2030-01-01T00:00:00Z").json() == 0
        assert api.get("/orders/count", createdAtMax="2030-01-01T00:00:00Z", supplyMode="Seller").json() == 9

    def test_an_order_is_answered_once(self, api):
        key = api.twin.state.awaiting("acceptance")[0]
        path = f"/orders/{key}/approval-status"
        assert api.http.post(path, json={"approvalStatus": "Accepted"}).status_code == 400, "written in snake_case"
        assert api.get(f"/orders/{key}").json()["lines"][0]["shippingAddress"] == {}
        assert api.http.post(path, json={"approval_status": "Accepted"}).status_code == 201
        order = api.get(f"/orders/{key}").json()
        assert order["status"] == "InPreparation"
        assert order["lines"][0]["shippingAddress"]["city"]
        assert api.http.post(path, json={"approval_status": "Refused"}).status_code == 409

    @pytest.mark.parametrize(
        "parcels",
        [
            [],
            {"parcelNumber": "6A1", "carrierName": "DHL"},
            [{"parcelNumber": "6A1", "carrierName": "DHL"}, {"parcelNumber": "6A2", "carrierName": "DHL"}],
            [{"parcelNumber": "6A1", "carrierName": "dhl"}],
            [{"parcelNumber": "", "carrierName": "DHL"}],
            [{"parcelNumber": "6A1", "carrierName": "DHL", "orderLineIds": ["other"]}],
        ],
    )
    def test_a_shipment_is_one_whole_parcel_with_a_known_carrier(self, api, parcels):
        key = api.twin.state.awaiting("shipment")[0]
        assert api.http.post(f"/orders/{key}/shipments", json=parcels).status_code == 400
        assert not api.twin.state.parcels()

    def test_a_shipment_moves_the_order(self, api):
        key = api.twin.state.awaiting("shipment")[0]
        parcel = [{"parcelNumber": "6A1", "carrierName": "DHL"}]
        assert api.http.post(f"/orders/{key}/shipments", json=parcel).status_code == 201
        order = api.get(f"/orders/{key}").json()
        assert order["status"] == "Shipped"
        assert {one["parcelNumber"] for line in order["lines"] for one in line["parcels"]} == {"6A1"}
        assert api.twin.state.parcels() == [(key, "6A1")]
        assert api.http.post(f"/orders/{key}/shipments", json=parcel).status_code == 409

    def test_what_does_not_exist(self, api):
        assert api.get("/orders/SCID1").status_code == 404
        assert api.get("/offer-packages/1").status_code == 404
        assert api.get("/nowhere").status_code == 404
        assert api.http.put("/orders").status_code == 405


def test_a_caller_who_is_too_fast_is_told_to_wait(api):
    api.twin._calls.level = 0.5
    answer = api.get("/sellers")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    api.clock.now += timedelta(seconds=1)
    assert api.get("/sellers").status_code == 200


def test_what_an_offer_cannot_hold_is_not_in_the_truth():
    twin = twins()["cdiscount"](catalogue=make_catalogue(5, products=60, orders=30, defects=0.3))
    truth = twin.state.truth()
    assert set(truth["field"]) == {"gtin", "ship_name", "ship_postal_code", "ship_country"}
    for row in truth.filter(kind="product").iter_rows(named=True):
        assert twin.state.products[row["record"]]["product"]["gtin"] == row["dirty"]
        assert len(row["right"]) == 13, "a UPC is kept as an EAN"
    hidden = {"WaitingAcceptance", "Cancelled"}
    assert not {twin.state.orders[key]["status"] for key in truth.filter(kind="order")["record"]} & hidden
