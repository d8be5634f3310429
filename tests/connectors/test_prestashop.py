"""What is peculiar to PrestaShop: rows put together, values taken apart, and the traps of its webservice."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, ProtocolError, UnavailableError
from connectors.mapping import LENGTH, WEIGHT
from connectors.platform import CHANGES, SHIPMENTS, Connection, connector, platform
from connectors.platforms.prestashop.reading import Shop
from connectors.sandbox import make_catalogue, serve
from engine.detect import Validator
from engine.rules import load_rules

PARIS = ZoneInfo("Europe/Paris")


class Recorder(httpx.BaseTransport):
    """The network, with a note of every request; `answers` are given instead of what comes, each once."""

    def __init__(self):
        self._network = httpx.HTTPTransport()
        self.requests = []
        self.answers = []

    def handle_request(self, request):
        self.requests.append(request)
        for number, (path, answer) in enumerate(self.answers):
            if path in request.url.path:
                del self.answers[number]
                return answer
        return self._network.handle_request(request)

    def close(self):
        self._network.close()

    @property
    def writes(self):
        return [one for one in self.requests if one.method not in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def deliveries():
    return make_catalogue(5, products=16, orders=8, defects=0.0)


@pytest.fixture
def network():
    return Recorder()


@pytest.fixture
def open_(network, opening):
    return lambda twin, **given: opening(twin, given, transport=network)


@pytest.fixture(params=["9.1.4", "1.7.7.2"])
def either(request, deliveries):
    """A shop that knows PATCH and one that does not."""
    with serve("prestashop", catalogue=deliveries, version=request.param) as running:
        yield running


@pytest.fixture
def twin(deliveries):
    with serve("prestashop", catalogue=deliveries) as running:
        yield running


def fetch(one, kind, of="", **options):
    pages = list(one.fetch(kind, **options))
    assert all(page.quarantined.is_empty() for page in pages)
    return pl.concat([page.records[of or kind] for page in pages])


def push(one, *changes):
    """Changes as (kind, key, field, value); gives (status, code) of each."""
    rows = [(str(n), kind, key, "", field, "", value) for n, (kind, key, field, value) in enumerate(changes)]
    results = one.push(pl.DataFrame(rows, schema=CHANGES, orient="row"))
    return list(zip(results["status"], results["code"], strict=True))


OK = ("accepted", "")


def attributes(row):
    return {one["key"]: one["value"] for one in row["attributes"]}


def single(twin):
    """Identifier of a product without combinations, without reductions."""
    reduced = {row["id_product"] for row in twin.state.collections["specific_prices"].values()}
    products = twin.state.products.items()
    return next(k for k, row in products if row["cache_default_attribute"] == "0" and k not in reduced)


def family(twin):
    """Identifier of a product with combinations, and those of its combinations."""
    key = next(k for k, row in twin.state.products.items() if row["cache_default_attribute"] != "0")
    return key, [one["id"] for one in twin.state.rows("combinations", id_product=key)]


def stored(twin, resource, key):
    return twin.state.collections[resource][key]


class TestConnection:
    def test_what_is_found_is_said(self, twin, open_):
        answer = open_(twin).check()
        assert answer.ok
        assert "language 'en'" in answer.messages[0]

    def test_a_right_that_lacks_is_named(self, twin, open_):
        del twin.permissions["specific_prices"]
        twin.permissions["customers"] = frozenset({"PUT"})
        answer = open_(twin).check()
        assert not answer.ok
        assert "customers, specific_prices" in answer.messages[0]
        assert "View (GET)" in answer.messages[0]

    def test_a_right_to_write_that_lacks_is_told_and_is_no_fault(self, twin, open_):
        twin.permissions["products"] = frozenset({"GET"})
        answer = open_(twin).check()
        assert answer.ok
        assert "may not modify products." in answer.messages[1]
        assert push(open_(twin), ("product", single(twin), "title", "x"))[0] == ("refused", "25")

    def test_a_webservice_that_is_off_is_not_waited_for(self, twin, open_):
        twin.is_active = False
        one = open_(twin)
        answer = one.check()
        assert "22: The PrestaShop webservice is disabled" in answer.messages[0]
        assert "webservice is on" in answer.messages[0]
        assert one.traffic.requests == 1

    def test_a_server_that_loses_the_header(self, twin, open_):
        twin.drops_authorization = True
        answer = open_(twin).check()
        assert "16: Please enter the authentication key" in answer.messages[0]
        assert "key_in_query" in answer.messages[0]
        assert open_(twin, key_in_query="yes").check().ok

    def test_no_webservice_at_the_address(self, twin, open_):
        answer = open_(twin, store_url=f"{twin.base_url}/shop").check()
        assert "no webservice at" in answer.messages[0]
        assert "store_url" in answer.messages[0]

    def test_an_address_may_end_in_api(self, twin, open_):
        assert open_(twin, store_url=f"{twin.base_url}/api/").check().ok

    def test_a_key_travels_unencrypted_only_where_that_is_allowed(self, network):
        given = {"store_url": "http://shop.example.com", "webservice_key": "K" * 32}
        with pytest.raises(CredentialError, match="https"):
            connector(Connection("shop", "prestashop", given))
        connector(Connection("shop", "prestashop", given | {"plain_http": "yes"}), transport=network).close()

    def test_another_shop_than_the_keys_own(self, twin, open_):
        answer = open_(twin, id_shop="7").check()
        assert not answer.ok
        assert "132" in answer.messages[0]
        assert open_(twin, id_shop="1").check().ok

    def test_units_languages_and_zones_that_nobody_knows(self, twin, open_):
        (unit,) = twin.state.rows("configurations", name="PS_WEIGHT_UNIT")
        unit["value"] = "stone"
        answer = open_(twin).check()
        assert "'stone'" in answer.messages[0]
        unit["value"] = "KG"
        assert open_(twin).check().ok
        assert "wanted: 'xx'" in open_(twin, language="xx").check().messages[0]
        (zone,) = twin.state.rows("configurations", name="PS_TIMEZONE")
        zone["value"] = "Mars/Olympus"
        assert "Mars/Olympus" in open_(twin).check().messages[0]

    def test_a_setting_of_this_shop_comes_before_that_of_all(self, twin, open_):
        twin.state.insert("configurations", {"name": "PS_WEIGHT_UNIT", "value": "lb", "id_shop": "1"})
        twin.state.insert("configurations", {"name": "PS_WEIGHT_UNIT", "value": "oz", "id_shop": "2"})
        key = single(twin)
        weight = Decimal(stored(twin, "products", key)["weight"])
        rows = open_(twin, id_shop="1").read("product", [(key, "")])
        assert Decimal(rows["weight_g"][0]) == round(weight * Decimal("453.59237"), 3)
        assert Decimal(open_(twin).read("product", [(key, "")])["weight_g"][0]) == weight * 1000


class TestReading:
    def test_a_combination_adds_to_the_products_price_and_weight(self, twin, open_):
        key, (first, second, *_) = family(twin)
        stored(twin, "products", key).update(price="20.000000", weight="1.000000")
        stored(twin, "combinations", first).update(price="-2.500000", weight="0.250000")
        rows = {row["record_key"]: row for row in fetch(open_(twin), "product").iter_rows(named=True)}
        assert (rows[key]["level"], rows[key]["price"]) == ("parent", "20.000000")
        variant = rows[f"{key}-{first}"]
        assert (variant["level"], variant["parent_key"]) == ("variant", key)
        assert (variant["price"], variant["weight_g"]) == ("17.5", "1250")
        assert set(attributes(variant)) <= {"Colour", "Size", "Shoe size", "Capacity"}
        assert attributes(variant)
        assert f"{key}-{second}" in rows

    def test_texts_come_in_the_language_of_the_connection(self, twin, open_, deliveries):
        key = single(twin)
        stored(twin, "products", key)["name"] = {"1": "Kettle", "2": "Kessel"}
        for given, title, code in (("", "Kettle", "en"), ("de", "Kessel", "de"), ("2", "Kessel", "de")):
            row = open_(twin, language=given).read("product", [(key, "")]).row(0, named=True)
            assert (row["title"], row["language"]) == (title, code)

    def test_a_shop_of_one_language_gives_plain_texts(self, deliveries, open_):
        with serve("prestashop", catalogue=deliveries, languages=1) as twin:
            assert all(fetch(open_(twin), "product").filter(pl.col("level") != "variant")["title"])

    def test_no_brand_is_empty_and_the_roots_are_no_category(self, twin, open_):
        key = single(twin)
        twin.state.edit(key, "brand", "")
        twin.state.edit(key, "category", "")
        row = open_(twin).read("product", [(key, "")]).row(0, named=True)
        assert (row["brand"], row["category"]) == ("", "")

    def test_pictures_have_public_addresses_and_the_cover_comes_first(self, twin, open_):
        key = single(twin)
        product = stored(twin, "products", key)
        product["associations"]["images"] = [{"id": "345"}, {"id": "7"}]
        row = open_(twin).read("product", [(key, "")]).row(0, named=True)
        assert row["images"] == [
            "https://shop.example.com/img/p/3/4/5/345.jpg",
            "https://shop.example.com/img/p/7/7.jpg",
        ]

    def test_american_codes_are_found_and_stay_where_they_are(self, twin, open_):
        key = single(twin)
        stored(twin, "products", key).update(ean13="", upc="061414100007")
        one = open_(twin)
        assert one.read("product", [(key, "")])["gtin"][0] == "061414100007"
        assert push(one, ("product", key, "gtin", "061414100014")) == [OK]
        assert stored(twin, "products", key)["upc"] == "061414100014"
        assert push(one, ("product", key, "gtin", "4006381333931")) == [OK]
        assert stored(twin, "products", key)["ean13"] == "4006381333931"
        assert push(one, ("product", key, "gtin", "061414100014")) == [OK]
        assert one.read("product", [(key, "")])["gtin"][0] == "061414100014"

    def test_prices_with_tax_are_read_and_set(self, twin, open_):
        one = open_(twin, tax="included")
        key, (variant, *_) = family(twin)
        alone = single(twin)
        stored(twin, "products", alone)["price"] = "20.825000"
        stored(twin, "products", key)["price"] = "10.000000"
        stored(twin, "combinations", variant)["price"] = "2.500000"
        rows = {row["record_key"]: row for row in fetch(one, "product").iter_rows(named=True)}
        assert rows[alone]["price"] == "24.99"
        assert rows[f"{key}-{variant}"]["price"] == "15.00"
        assert push(one, ("product", alone, "price", "9.99"), ("product", f"{key}-{variant}", "price", "18")) == [
            OK,
            OK,
        ]
        assert stored(twin, "products", alone)["price"] == "8.325000"
        assert stored(twin, "combinations", variant)["price"] == "5.000000"
        assert push(one, ("product", alone, "sale_price", "4.80")) == [OK]
        row = one.read("product", [(alone, "")]).row(0, named=True)
        assert (row["price"], row["sale_price"]) == ("9.99", "4.80")
        twin.state.collections["specific_prices"].clear()
        stored(twin, "products", alone)["price"] = "0.000000"
        assert push(one, ("product", alone, "price", "5.00")) == [("refused", "invalid")]

    def test_a_reduction_of_any_kind_shows_as_what_is_paid(self, twin, open_):
        key = single(twin)
        twin.state.edit(key, "price", "40")
        twin.state.edit(key, "sale_price", "30")
        (special,) = twin.state.rows("specific_prices", id_product=key)
        special |= {"reduction_type": "percentage", "reduction": "0.200000"}
        row = open_(twin).read("product", [(key, "")]).row(0, named=True)
        assert (row["price"], row["sale_price"]) == ("40.000000", "32")

    def test_the_row_that_sums_combinations_is_no_stock_of_its_own(self, twin, open_):
        stock = fetch(open_(twin), "stock")
        key, variants = family(twin)
        assert key not in stock["parent_key"]
        assert {f"{key}-{one}" for one in variants} <= set(stock["parent_key"])
        assert stock["sku"].str.len_chars().min() > 0

    def test_orders_are_put_together_a_page_at_a_time(self, twin, open_, network):
        orders = fetch(open_(twin), "order")
        assert orders.height == 8
        asked = [one.url.path.rpartition("/")[2] for one in network.requests]
        for resource in ("customers", "addresses", "order_details", "order_histories", "countries"):
            assert asked.count(resource) == 1, "one call for all orders of the page"
        (customers,) = [one for one in network.requests if one.url.path.endswith("customers")]
        assert re.fullmatch(r"\[\d+(\|\d+)+\]", customers.url.params["filter[id]"])
        for row in orders.iter_rows(named=True):
            order = stored(twin, "orders", row["record_key"])
            address = stored(twin, "addresses", order["id_address_delivery"])
            assert row["ship_name"] == f"{address['firstname']} {address['lastname']}"
            assert row["ship_country"] == stored(twin, "countries", address["id_country"])["iso_code"]
            assert row["currency"] == "EUR"
            assert bool(row["shipped_at"]) == (order["current_state"] == "4")
            assert row["status"] == stored(twin, "order_states", order["current_state"])["name"]["1"]

    def test_an_order_whose_customer_was_erased_is_read_and_not_written_to(self, twin, open_):
        key, order = next(iter(twin.state.orders.items()))
        del twin.state.collections["customers"][order["id_customer"]]
        del twin.state.collections["addresses"][order["id_address_delivery"]]
        one = open_(twin)
        row = one.read("order", [(key, "")]).row(0, named=True)
        assert (row["email"], row["ship_city"], row["ship_country"]) == ("", "", "")
        assert push(one, ("order", key, "email", "ana@example.org")) == [("refused", "missing")]

    def test_a_mobile_number_counts_where_there_is_no_other(self, twin, open_):
        key, order = next(iter(twin.state.orders.items()))
        address = stored(twin, "addresses", order["id_address_delivery"])
        address.update(phone="", phone_mobile="0171 1234567")
        one = open_(twin)
        assert one.read("order", [(key, "")])["phone"][0] == "0171 1234567"
        assert push(one, ("order", key, "phone", "+491711234567")) == [OK]
        assert (address["phone"], address["phone_mobile"]) == ("", "+491711234567")

    def test_an_empty_shop(self, twin, open_):
        for rows in (twin.state.products, twin.state.orders, twin.state.collections["stock_availables"]):
            rows.clear()
        assert all(fetch(open_(twin), kind).is_empty() for kind in ("product", "order", "stock"))

    def test_an_answer_without_any_content_is_not_taken_for_the_end(self, twin, open_, network):
        network.answers = [("/products", httpx.Response(200, content=b"")) for _ in range(3)]
        with pytest.raises(ProtocolError, match="UTF-8"):
            fetch(open_(twin), "product")

    def test_a_product_that_cannot_be_read_is_put_aside(self, twin, open_):
        key = single(twin)
        stored(twin, "products", key)["weight"] = "heavy"
        (page,) = list(open_(twin).fetch("product"))
        assert page.quarantined["record_key"].to_list() == [key]
        assert page.records["product"].height > 10


class TestTimes:
    SHOP = Shop({}, PARIS, WEIGHT["kg"], LENGTH["cm"], "1", "en", "1")

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
            ("2026-12-01 12:00:00", "2026-12-01T11:00:00Z"),
            ("2026-10-25 02:30:00", "2026-10-25T01:30:00Z"),
            ("0000-00-00 00:00:00", ""),
            ("", ""),
        ],
    )
    def test_local_times_become_utc(self, written, expected):
        assert self.SHOP.utc(written) == expected

    def test_no_change_is_missed_when_clocks_turn_back(self):
        """Every instant from the moment on must be written as late as the bound, and read as no earlier than it is."""
        start = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
        moments = [start + timedelta(minutes=10 * step) for step in range(30)]
        for number, since in enumerate(moments):
            bound = self.SHOP.local(since)
            for change in moments[number:]:
                written = change.astimezone(PARIS).replace(tzinfo=None)
                assert written >= bound
                assert datetime.fromisoformat(self.SHOP.utc(str(written))) >= change

    def test_what_changed_is_asked_for_in_local_time_and_as_dates(self, twin, open_, network):
        since = datetime(2026, 11, 16, 6, 15, tzinfo=UTC)
        got = fetch(open_(twin), "product", since=since)
        (asked,) = [one.url.params for one in network.requests if one.url.path.endswith("/products")][:1]
        assert asked["date"] == "1"
        assert asked["filter[date_upd]"] == "[2026-11-16 07:10:00,2099-12-31 23:59:59]"
        assert 0 < got.height < fetch(open_(twin), "product").height

    def test_an_answer_that_is_older_than_the_question_is_dropped(self, twin, open_, monkeypatch):
        """The filter looks at the time of all shops, the answer shows this one's (PrestaShop issue 42263)."""
        monkeypatch.setattr(
            "connectors.sandbox.prestashop.chosen", lambda shop, q: list(shop.collections[q.resource].values())
        )
        since = datetime(2026, 11, 16, 6, 10, tzinfo=UTC)
        got = fetch(open_(twin), "product", since=since).filter(pl.col("level") != "variant")
        assert got["updated_at"].min() >= "2026-11-16T06:05:00Z"
        assert got.height < len(twin.state.products)


class TestWriting:
    def test_nothing_else_changes_whatever_the_release(self, either, open_):
        key = single(either)
        order = next(iter(either.state.orders))
        (stock,) = either.state.rows("stock_availables", id_product=key)
        before = json.loads(json.dumps(either.state.dump()))
        changes = (
            ("product", key, "title", "Kettle & cup tall"),
            ("product", key, "weight_g", "750"),
            ("order", order, "email", "ana@example.org"),
            ("order", order, "ship_city", "Bremen"),
            ("stock", stock["id"], "quantity", "12"),
        )
        assert push(open_(either), *changes) == [OK] * 5
        after = either.state.dump()
        moved = {
            (name, row, field)
            for name, rows in before.items()
            for row, fields in rows.items()
            for field, value in fields.items()
            if after[name][row][field] != value and field != "date_upd"
        }
        customer, address = (before["orders"][order][name] for name in ("id_customer", "id_address_delivery"))
        assert moved == {
            ("products", key, "name"),
            ("products", key, "weight"),
            ("customers", customer, "email"),
            ("addresses", address, "city"),
            ("stock_availables", stock["id"], "quantity"),
        }
        assert after["products"][key]["name"] == {"1": "Kettle & cup tall", "2": before["products"][key]["name"]["2"]}

    def test_a_new_shop_is_sent_what_changes(self, twin, open_, network):
        key = single(twin)
        push(open_(twin), ("product", key, "title", "Kettle"))
        (sent,) = network.writes
        (node,) = ElementTree.fromstring(sent.content)
        assert (sent.method, [one.tag for one in node]) == ("PATCH", ["id", "name"])
        assert sent.headers["content-type"].startswith("text/xml")

    def test_an_old_shop_is_sent_everything_but_what_it_shows_only(self, deliveries, open_, network):
        with serve("prestashop", catalogue=deliveries, version="1.7.7.2") as old:
            push(open_(old), ("product", single(old), "title", "Kettle"))
        (sent,) = network.writes
        tags = {one.tag for one in ElementTree.fromstring(sent.content)[0]}
        assert sent.method == "PUT"
        assert {"price", "active", "name", "description"} <= tags
        assert not tags & {"manufacturer_name", "quantity", "position_in_category", "associations", "type"}

    def test_a_key_that_may_not_patch_puts(self, twin, open_, network):
        twin.permissions["products"] -= {"PATCH"}
        one = open_(twin)
        key = single(twin)
        assert push(one, ("product", key, "title", "Kettle")) == [OK]
        assert push(one, ("product", key, "title", "Cup")) == [OK]
        assert [sent.method for sent in network.writes] == ["PATCH", "PUT", "PUT"], "asked once"
        assert stored(twin, "products", key)["name"]["1"] == "Cup"

    def test_signs_that_xml_needs_and_line_ends_arrive(self, either, open_):
        key, text = single(either), "<p>5 < 6 & \"7\" ]]> 'ä'</p>\r\n<p>x</p>"
        assert push(open_(either), ("product", key, "description", text)) == [OK]
        assert stored(either, "products", key)["description"]["1"] == text

    def test_what_xml_cannot_carry_is_not_sent(self, twin, open_, network):
        assert push(open_(twin), ("product", single(twin), "description", "a\x0bb")) == [("refused", "invalid")]
        assert network.writes == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("title", "x" * 129),
            ("title", "a < b"),
            ("title", "  "),
            ("sku", "A;1"),
            ("sku", "x" * 65),
            ("gtin", "4006381-333931"),
            ("gtin", "123456789012345"),
            ("price", "1.1234567"),
            ("price", "10000000000"),
            ("condition", "like new"),
            ("status", "archived"),
            ("attributes.visibility", "hidden"),
            ("attributes.link_rewrite", "a b"),
            ("attributes.meta_title", "x" * 256),
            ("weight_g", "-1"),
        ],
    )
    def test_what_the_shop_would_refuse_or_mangle_is_not_sent(self, twin, open_, network, field, value):
        assert push(open_(twin), ("product", single(twin), field, value)) == [("refused", "invalid")]
        assert network.writes == []

    def test_what_only_the_shop_can_judge_is_answered_with_its_words(self, twin, open_):
        one = open_(twin)
        rows = [("c", "product", single(twin), "", "description", "", "<p>x</p><script>y()</script>")]
        (result,) = one.push(pl.DataFrame(rows, schema=CHANGES, orient="row")).to_dicts()
        assert (result["status"], result["code"]) == ("refused", "84")
        assert "Product->description" in result["message"]

    def test_a_brand_and_a_category_are_looked_up(self, twin, open_):
        key, one = single(twin), open_(twin)
        assert (
            push(one, ("product", key, "brand", "Nobody"), ("product", key, "category", "No > Where"))
            == [("refused", "unknown_value")] * 2
        )
        made = twin.state.manufacturer("Nobody")
        assert push(one, ("product", key, "brand", "Nobody")) == [OK], "made meanwhile"
        assert stored(twin, "products", key)["id_manufacturer"] == made
        assert push(one, ("product", key, "brand", "")) == [OK]
        assert stored(twin, "products", key)["id_manufacturer"] == "0"

    def test_a_category_takes_the_place_of_the_one_before_and_of_no_other(self, twin, open_):
        key, one = single(twin), open_(twin)
        product = stored(twin, "products", key)
        paths = ["Outdoor > Tents", "Outdoor > Lamps", "Sale"]
        tents, lamps, sale = (twin.state.category(path) for path in paths)
        product["id_category_default"] = tents
        product["associations"]["categories"] = [{"id": "2"}, {"id": tents}, {"id": sale}]
        before = [one["id"] for one in product["associations"]["categories"]]

        def listed():
            return product["id_category_default"], [one["id"] for one in product["associations"]["categories"]]

        assert push(one, ("product", key, "category", "Outdoor > Lamps")) == [OK]
        assert listed() == (lamps, sorted(["2", lamps, sale], key=int))
        assert push(one, ("product", key, "category", "Outdoor > Tents")) == [OK]
        assert listed() == (tents, sorted(before, key=int))
        assert push(one, ("product", key, "category", "Sale")) == [OK]
        assert listed() == (sale, sorted(before, key=int)), "it was listed there already"
        assert push(one, ("product", key, "category", "")) == [OK]
        assert listed() == ("2", ["2", tents])

    def test_a_product_and_its_combinations_in_one_push(self, twin, open_):
        key, (first, second, *_) = family(twin)
        stored(twin, "products", key)["price"] = "20.000000"
        one = open_(twin)
        changes = [("product", f"{key}-{first}", "price", "25"), ("product", key, "price", "24"),
                   ("product", f"{key}-{second}", "price", "22.50")]  # fmt: skip
        assert push(one, *changes) == [OK] * 3
        rows = {row["record_key"]: row["price"] for row in one.read("product", [(key, "")]).iter_rows(named=True)}
        assert Decimal(rows[key]) == 24
        assert stored(twin, "combinations", first)["price"] == "1.000000"
        assert stored(twin, "combinations", second)["price"] == "-1.500000"

    def test_what_belongs_to_the_product_is_refused_on_a_combination(self, twin, open_, network):
        key, (first, *_) = family(twin)
        for field, value in (("title", "x"), ("brand", ""), ("length_mm", "20"), ("status", "draft")):
            assert push(open_(twin), ("product", f"{key}-{first}", field, value)) == [("refused", "invalid")]
        assert network.writes == []

    def test_stock_that_the_shop_works_out_itself(self, twin, open_):
        (row,) = twin.state.rows("stock_availables", id_product=single(twin))
        one = open_(twin)
        for value in ("7.5", "2147483648", "many"):
            assert push(one, ("stock", row["id"], "quantity", value)) == [("refused", "invalid")]
        assert push(one, ("stock", row["id"], "quantity", "-3")) == [OK]
        row["depends_on_stock"] = "1"
        assert push(one, ("stock", row["id"], "quantity", "3")) == [("refused", "invalid")]

    def test_names_need_two_parts(self, twin, open_):
        order = next(iter(twin.state.orders))
        assert push(open_(twin), ("order", order, "ship_name", "Madonna")) == [("refused", "invalid")]

    def test_an_error_for_good_is_not_tried_again_and_one_of_the_moment_is(self, twin, open_, network):
        key, one = single(twin), open_(twin)
        broken = json.dumps({"errors": [{"code": 46, "message": "Unable to save resource"}]}).encode()
        network.answers = [("/products", httpx.Response(200, json={"products": []}))]
        assert push(one, ("product", key, "title", "x")) == [("refused", "missing")]
        kept = network.handle_request

        def failing(answers):
            def handle(request):
                if request.method == "PATCH" and answers:
                    network.requests.append(request)
                    return answers.pop(0)
                return kept(request)

            network.handle_request = handle

        failing([httpx.Response(500, content=broken)])
        assert push(one, ("product", key, "title", "x")) == [("refused", "46")]
        assert len(network.writes) == 1
        notice = broken.replace(b"46", b"5")
        failing([httpx.Response(500, content=notice)])
        assert push(one, ("product", key, "title", "x")) == [OK], "a PHP notice: the write may have happened"

    def test_errors_are_read_from_xml_too(self, twin, open_, network):
        said = b"<prestashop><errors><error><code><![CDATA[26]]></code><message><![CDATA[not allowed]]></message></error></errors></prestashop>"
        network.answers = [("/api", httpx.Response(401, content=said))]
        assert "26: not allowed" in open_(twin).check().messages[0]


class TestReductions:
    def row(self, twin, key):
        rows = twin.state.rows("specific_prices", id_product=key)
        return rows[0] if rows else None

    def test_one_is_made_changed_and_ended(self, either, open_):
        key, one = single(either), open_(either)
        either.state.edit(key, "price", "40")
        assert push(one, ("product", key, "sale_price", "30")) == [OK]
        made = self.row(either, key)
        assert (made["price"], made["reduction"], made["from_quantity"]) == ("30.000000", "0.000000", "1")
        assert push(one, ("product", key, "sale_price", "29.50")) == [OK]
        assert self.row(either, key)["price"] == "29.500000"
        assert self.row(either, key)["id"] == made["id"], "changed, not made anew"
        assert one.read("product", [(key, "")])["sale_price"][0] == "29.5"
        assert push(one, ("product", key, "sale_price", "")) == [OK]
        assert self.row(either, key) is None
        assert push(one, ("product", key, "sale_price", "")) == [OK], "nothing to end"

    def test_an_amount_off_stays_an_amount_off(self, either, open_):
        key, one = single(either), open_(either)
        either.state.edit(key, "price", "40")
        either.state.edit(key, "sale_price", "30")
        before = dict(self.row(either, key))
        assert push(one, ("product", key, "sale_price", "28")) == [OK]
        assert self.row(either, key) == before | {"reduction": "12.000000"}

    def test_a_percentage_is_left_to_the_shop(self, twin, open_):
        key, one = single(twin), open_(twin)
        twin.state.edit(key, "price", "40")
        twin.state.edit(key, "sale_price", "30")
        self.row(twin, key).update(reduction_type="percentage", reduction="0.250000")
        before = dict(self.row(twin, key))
        assert push(one, ("product", key, "sale_price", "28")) == [("refused", "invalid")]
        assert self.row(twin, key) == before

    def test_a_reduction_of_the_whole_product_is_not_ended_on_a_combination(self, twin, open_):
        key, (first, *_) = family(twin)
        twin.state.edit(f"{key}-{first}", "sale_price", "")
        twin.state.edit(key, "sale_price", "0.50")
        one = open_(twin)
        assert one.read("product", [(f"{key}-{first}", key)])["sale_price"][0]
        assert push(one, ("product", f"{key}-{first}", "sale_price", "")) == [("refused", "invalid")]
        price = Decimal(stored(twin, "products", key)["price"]) + Decimal(stored(twin, "combinations", first)["price"])
        wanted = str(price - 1)
        assert push(one, ("product", f"{key}-{first}", "sale_price", wanted)) == [OK]
        assert Decimal(one.read("product", [(f"{key}-{first}", key)])["sale_price"][0]) == Decimal(wanted)

    @pytest.mark.parametrize(
        "narrowed",
        [{"id_group": "3"}, {"id_customer": "11"}, {"from_quantity": "10"}, {"id_shop": "2"},
         {"to": "2020-01-01 00:00:00"}, {"id_specific_price_rule": "1"}],
    )  # fmt: skip
    def test_reductions_for_some_buyers_are_left_alone(self, twin, open_, narrowed):
        key = single(twin)
        twin.state.edit(key, "price", "40")
        twin.state.edit(key, "sale_price", "30")
        other = self.row(twin, key)
        other.update(narrowed)
        before = dict(other)
        assert push(open_(twin), ("product", key, "sale_price", "35")) == [OK]
        rows = twin.state.rows("specific_prices", id_product=key)
        assert before in rows
        assert [row["price"] for row in rows if row != before] == ["35.000000"]

    def test_price_and_reduction_in_one_push(self, twin, open_):
        key, one = single(twin), open_(twin)
        twin.state.edit(key, "price", "40")
        assert push(one, ("product", key, "sale_price", "45"), ("product", key, "price", "50")) == [OK, OK]
        row = one.read("product", [(key, "")]).row(0, named=True)
        assert (Decimal(row["price"]), Decimal(row["sale_price"])) == (50, 45)
        assert push(one, ("product", key, "sale_price", "50")) == [("refused", "invalid")]


class TestBatches:
    def keys(self, twin):
        return [key for key, row in twin.state.products.items() if row["cache_default_attribute"] == "0"][:6]

    def test_many_products_go_in_one_body(self, either, open_, network):
        keys = self.keys(either)
        assert push(open_(either), *(("product", key, "sku", f"NEW-{key}") for key in keys)) == [OK] * 6
        assert len(network.writes) == 1
        assert [stored(either, "products", key)["reference"] for key in keys] == [f"NEW-{key}" for key in keys]

    def test_each_has_its_own_answer_when_one_is_refused(self, either, open_, network):
        keys = self.keys(either)
        values = ["<p>Fine.</p>"] * 6
        values[2] = "<p>Bad.</p><iframe></iframe>"
        changes = [("product", key, "description", value) for key, value in zip(keys, values, strict=True)]
        results = push(open_(either), *changes)
        assert results == [OK, OK, ("refused", "84"), OK, OK, OK]
        assert [stored(either, "products", key)["description"]["1"] for key in keys].count("<p>Fine.</p>") == 5
        alone = [len(ElementTree.fromstring(one.content)) for one in network.writes]
        assert alone == [6, 1, 1, 1, 1], "the two that were saved are not written again"

    def test_a_batch_whose_answer_was_lost_is_read_back(self, twin, open_, network):
        keys = self.keys(twin)
        garbled = [httpx.Response(200, content=b'{"product": {"id"') for _ in range(3)]
        kept = network.handle_request

        def losing(request):
            answer = kept(request)
            return garbled.pop(0) if request.method == "PATCH" and garbled else answer

        network.handle_request = losing
        assert push(open_(twin), *(("product", key, "sku", f"NEW-{key}") for key in keys)) == [OK] * 6
        assert len(network.writes) == 3

    def test_products_combinations_and_reductions_are_kept_apart(self, twin, open_):
        keys = self.keys(twin)
        parent, variants = family(twin)
        changes = [("product", key, "sku", f"P-{key}") for key in keys]
        changes += [("product", f"{parent}-{one}", "sku", f"C-{one}") for one in variants]
        changes += [("product", keys[0], "sale_price", "0.40"), ("product", "999999", "sku", "x")]
        results = push(open_(twin), *changes)
        assert results[-1] == ("refused", "missing")
        assert set(results[:-1]) == {OK}
        assert [stored(twin, "combinations", one)["reference"] for one in variants] == [f"C-{one}" for one in variants]

    def test_stock_goes_in_batches_too(self, twin, open_, network):
        rows = twin.state.rows("stock_availables", id_product_attribute="0")
        alone = [row for row in rows if len(twin.state.rows("stock_availables", id_product=row["id_product"])) == 1][:5]
        assert push(open_(twin), *(("stock", row["id"], "quantity", "9") for row in alone)) == [OK] * 5
        assert len(network.writes) == 1
        assert {row["quantity"] for row in alone} == {"9"}


class TestShipping:
    def parcel(self, key, number="00340434", **changed):
        row = {name: "" for name in SHIPMENTS if name != "identifiers"} | {
            "shipment_id": "s1", "order_key": key, "carrier": "DHL", "tracking_number": number, "identifiers": [],
        }  # fmt: skip
        return pl.DataFrame([row | changed], schema=SHIPMENTS)

    def told(self, one, parcel):
        (row,) = one.ship(parcel).to_dicts()
        return row["status"], row["code"]

    def test_number_and_state_are_told_once(self, either, open_, network):
        key, one = either.state.awaiting("shipment")[0], open_(either)
        (carrier,) = either.state.rows("order_carriers", id_order=key)
        before = dict(carrier)
        assert self.told(one, self.parcel(key)) == OK
        assert carrier == before | {"tracking_number": "00340434"}
        assert stored(either, "orders", key)["current_state"] == "4"
        assert self.told(one, self.parcel(key)) == OK
        assert [row.url.path for row in network.writes] == ["/api/order_carriers", "/api/order_histories"]
        assert either.state.mails == [], "nobody is written to unless asked"

    def test_a_number_is_added_to_an_order_that_is_on_its_way(self, twin, open_, network):
        key = next(key for key, row in twin.state.orders.items() if row["current_state"] == "4")
        assert self.told(open_(twin), self.parcel(key)) == OK
        assert [row.url.path for row in network.writes] == ["/api/order_carriers"]

    def test_the_buyer_is_written_to_when_the_merchant_wants_it(self, twin, open_):
        key = twin.state.awaiting("shipment")[0]
        self.told(open_(twin, buyer_mail="yes"), self.parcel(key))
        assert twin.state.mails == [key]

    def test_a_second_number_a_part_a_cancelled_and_a_virtual_order(self, twin, open_, network):
        first, second, third, *_ = twin.state.orders
        for key in (first, second, third):
            stored(twin, "orders", key)["current_state"] = "2"
        one = open_(twin)
        assert self.told(one, self.parcel(first)) == OK
        count = len(network.writes)
        assert self.told(one, self.parcel(first, "00999")) == ("refused", "conflict")
        line = twin.state.rows("order_details", id_order=second)[0]
        assert self.told(one, self.parcel(second, line_key=line["id"], quantity="99")) == ("refused", "invalid")
        assert self.told(one, self.parcel(second, "<b>")) == ("refused", "invalid")
        stored(twin, "orders", second)["current_state"] = "6"
        assert self.told(one, self.parcel(second)) == ("refused", "invalid")
        for row in twin.state.rows("order_carriers", id_order=third):
            del twin.state.collections["order_carriers"][row["id"]]
        assert self.told(one, self.parcel(third)) == ("refused", "invalid")
        assert self.told(one, self.parcel("../products")) == ("refused", "missing")
        assert len(network.writes) == count

    def test_every_line_named_is_the_whole_order(self, twin, open_):
        key = twin.state.awaiting("shipment")[0]
        lines = twin.state.rows("order_details", id_order=key)
        parcel = pl.concat([self.parcel(key, line_key=one["id"], quantity=one["product_quantity"]) for one in lines])
        assert self.told(open_(twin), parcel) == OK

    def test_a_state_whose_answer_was_lost_is_not_set_twice(self, twin, open_):
        key = twin.state.awaiting("shipment")[0]
        one = open_(twin)
        twin.fault("truncated", path="order_histories")
        twin.fault("truncated", path="order_histories")
        with pytest.raises(UnavailableError):
            one.ship(self.parcel(key))
        again = open_(twin)
        assert self.told(again, self.parcel(key)) == OK
        sent = [row for row in twin.state.rows("order_histories", id_order=key) if row["id_order_state"] == "4"]
        assert len(sent) == 1


class TestDemands:
    def test_sizes_are_those_of_this_very_shop(self, twin, open_):
        rows = {row["field"]: row for row in open_(twin).requirements(["Outdoor"]).iter_rows(named=True)}
        assert (rows["title"]["maximum"], rows["sku"]["maximum"], rows["gtin"]["maximum"]) == (128, 64, 14)
        assert (rows["price"]["level"], rows["price"]["type"]) == ("required", "number")
        assert {row["category"] for row in rows.values()} == {""}
        assert rows["attributes.meta_title"]["source"].startswith(twin.base_url)

    def test_a_clean_catalogue_breaks_no_rule(self, open_):
        rules = load_rules("prestashop")
        with serve("prestashop", catalogue=make_catalogue(6, products=60, defects=0.0)) as twin:
            one = open_(twin)
            for kind, of in (("product", "product"), ("order", "order"), ("order", "order_line"), ("stock", "stock")):
                assert Validator(rules, of).broken(fetch(one, kind, of)).is_empty(), of


class TestAgainstTheReleasesOwnDefinitions:
    @pytest.fixture
    def resources(self, shared):
        path = shared / "specs" / "prestashop" / "webservice-resources-9.1.4.json"
        return json.loads(path.read_text("utf-8"))["resources"]

    def test_every_field_that_is_asked_for_or_sent_is_one_of_the_release(self, either, open_, network, resources):
        one = open_(either)
        for kind in ("product", "order", "stock"):
            fetch(one, kind, since=datetime(2026, 11, 16, tzinfo=UTC))
        key, order = single(either), either.state.awaiting("shipment")[0]
        path = next(row["category"] for row in fetch(one, "product").iter_rows(named=True) if row["category"])
        values = {
            "title": "Kettle", "price": "12.50", "sale_price": "10", "sku": "K-1", "gtin": "4006381333931", "mpn": "K1",
            "weight_g": "500", "length_mm": "20", "status": "draft", "condition": "used", "category": path, "brand": "",
            "attributes.meta_title": "Kettle",
        }  # fmt: skip
        assert set(push(one, *(("product", key, name, value) for name, value in values.items()))) == {OK}
        people = {"buyer_name": "Ann Lee", "email": "ann@example.org", "ship_name": "Ann Lee", "ship_city": "Bremen",
                  "phone": "+4930123", "ship_street": "Weg 1", "ship_postal_code": "28195"}  # fmt: skip
        assert set(push(one, *(("order", order, name, value) for name, value in people.items()))) == {OK}
        one.ship(TestShipping().parcel(order))
        known = {"id", "associations"}
        for request in network.requests:
            resource = request.url.path.removeprefix("/api/").partition("/")[0]
            fields = resources[resource]["fields"]
            for name, value in request.url.params.multi_items():
                asked = re.findall(r"filter\[(\w+)\]", name)
                if name == "sort":
                    asked = re.findall(r"(\w+)_ASC", value)
                if name == "display" and value != "full":
                    asked = value.strip("[]").split(",")
                assert set(asked) <= {*fields, *known}, (resource, name, value)
            if not request.content:
                continue
            for record in ElementTree.fromstring(request.content):
                assert record.tag == resources[resource]["node"]
                for node in record:
                    assert node.tag in {*fields, *known}, (resource, node.tag)
                    assert not fields.get(node.tag, {}).get("read_only"), (resource, node.tag)

    @pytest.mark.parametrize("release", ["1.6.1.25", "1.7.7.2", "9.1.4"])
    def test_every_node_that_is_read_is_one_of_the_release_or_may_lack(self, shared, release):
        path = shared / "specs" / "prestashop" / f"webservice-resources-{release}.json"
        products = json.loads(path.read_text("utf-8"))["resources"]["products"]["fields"]
        needed = {"reference", "ean13", "upc", "price", "name", "description", "id_category_default", "active", "date_upd",
                  "weight", "width", "height", "depth", "condition", "visibility", "manufacturer_name"}  # fmt: skip
        assert needed <= set(products)


def test_the_settings_are_what_the_mission_names():
    names = [one.name for one in platform("prestashop").credentials]
    assert names[:2] == ["store_url", "webservice_key"]
    assert not any(one.required for one in platform("prestashop").credentials[2:])
