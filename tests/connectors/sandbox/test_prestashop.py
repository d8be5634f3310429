"""The twin of PrestaShop against the facts of release 9.1.4, without the connector."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree

import httpx
import pytest

from connectors.sandbox import make_catalogue, serve
from connectors.sandbox.prestashop_fields import RESOURCES, problem

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JSON = {"output_format": "JSON"}
FULL = {"display": "full", **JSON}


@pytest.fixture(scope="module")
def deliveries():
    return make_catalogue(5, products=16, orders=8, defects=0.0)


@pytest.fixture
def twin(deliveries):
    with serve("prestashop", catalogue=deliveries, clock=lambda: NOW) as running:
        yield running


class Shop:
    """A caller with the right key."""

    def __init__(self, twin):
        self.twin = twin
        self.key = twin.credentials["webservice_key"]

    def ask(self, path, method="GET", content=None, **params):
        url = f"{self.twin.base_url}/api/{path}"
        return httpx.request(method, url, params=params, content=content, auth=(self.key, ""))

    def rows(self, resource, **params):
        found = self.ask(resource, **(FULL | params)).json()
        return found[resource] if found else []


@pytest.fixture
def shop(twin):
    return Shop(twin)


def code(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"]


def xml_code(answer):
    return answer.status_code, int(ElementTree.fromstring(answer.content).findtext("errors/error/code"))


def body(*elements):
    return f"<prestashop>{''.join(elements)}</prestashop>"


def product(key, inner=""):
    return f"<product><id>{key}</id>{inner}</product>"


@pytest.fixture(scope="module")
def description(shared):
    path = shared / "specs" / "prestashop" / "webservice-resources-9.1.4.json"
    return json.loads(path.read_text("utf-8"))


class TestAgainstTheReleasesOwnDefinitions:
    @pytest.mark.parametrize("name", sorted(RESOURCES))
    def test_fields_sizes_and_marks_are_those_of_the_release(self, description, name):
        known = description["resources"][name]
        assert RESOURCES[name].node == known["node"]
        assert RESOURCES[name].associations == {one: value["node"] for one, value in known["associations"].items()}
        assert RESOURCES[name].forbidden == frozenset(known.get("forbidden_methods", ()))
        assert list(RESOURCES[name].columns) == list(known["fields"])
        for field, facts in known["fields"].items():
            column = RESOURCES[name].columns[field]
            assert column.size == facts.get("size", 0), field
            assert column.format == (facts.get("format") or ""), field
            assert column.is_required == facts.get("required", False), field
            assert column.is_text == facts.get("multilang", False), field
            assert column.is_read_only == facts.get("read_only", False), field
            assert column.is_virtual == facts.get("virtual", False), field
            assert column.is_hidden == facts.get("not_returned", False), field

    def test_codes_come_with_the_status_of_the_release(self, description, shop, twin):
        asked = [
            shop.ask("nothing", **JSON),
            shop.ask("stock_availables", "POST", **JSON),
            shop.ask("orders", **{"filter[nothing]": "1", **JSON}),
            shop.ask("orders", **{"filter[id]": "", **JSON}),
            shop.ask("products", **{"filter[manufacturer_name]": "x", **JSON}),
            shop.ask("products", display="[nothing]", **JSON),
            shop.ask("products", display="everything", **JSON),
            shop.ask("products", sort="id", **JSON),
            shop.ask("products", sort="[nothing_ASC]", **JSON),
            shop.ask("products", limit="1,2,3", **JSON),
            shop.ask("products", language="x", **JSON),
            shop.ask("products", language="9", **JSON),
            shop.ask("products", "PUT", body(product("1")), **JSON),
            shop.ask("products", "PUT", "no xml", **JSON),
            shop.ask("specific_prices/999", "DELETE", **JSON),
            shop.ask("products", id_shop="7", **JSON),
        ]
        statuses = description["error_code_to_http_status"]
        found = [code(one) for one in asked]
        assert [number for _, number in found] == [27, 101, 32, 33, 34, 35, 36, 37, 38, 39, 79, 81, 92, 127, 87, 132]
        assert all(status in statuses[str(number)] for status, number in found), found


class TestKeys:
    def test_no_key_an_empty_a_short_and_an_unknown_one(self, twin):
        url = f"{twin.base_url}/api/orders"
        codes = [
            xml_code(httpx.get(url)),
            xml_code(httpx.get(url, params={"ws_key": ""})),
            xml_code(httpx.get(url, auth=("short", ""))),
            xml_code(httpx.get(url, auth=("X" * 32, ""))),
        ]
        assert codes == [(401, 16), (401, 17), (401, 18), (401, 20)]

    def test_the_key_may_stand_in_the_query_when_the_header_is_lost(self, twin, shop):
        twin.drops_authorization = True
        assert xml_code(shop.ask("orders")) == (401, 16)
        assert shop.ask("orders", ws_key=shop.key).status_code == 200

    def test_rights_are_given_by_resource_and_method(self, twin, shop):
        twin.permissions["products"] = frozenset({"GET"})
        del twin.permissions["customers"]
        assert code(shop.ask("products", "PUT", body(), **JSON)) == (405, 25)
        assert code(shop.ask("customers", **JSON)) == (401, 26)
        listed = {one.tag: one.attrib for one in ElementTree.fromstring(shop.ask("").content).find("api")}
        assert (listed["products"]["get"], listed["products"]["put"]) == ("true", "false")
        assert "customers" not in listed
        assert "customers" not in shop.ask("", **JSON).json()

    def test_a_webservice_that_is_off(self, twin, shop):
        twin.is_active = False
        assert code(shop.ask("orders", **JSON)) == (503, 22)

    def test_the_release_is_told_to_known_callers_only(self, twin, shop):
        assert shop.ask("orders").headers["psws-version"] == "9.1.4"
        assert "psws-version" not in httpx.get(f"{twin.base_url}/api/orders").headers

    def test_another_address_is_the_shops_own_page(self, twin):
        answer = httpx.get(f"{twin.base_url}/shop/api/orders")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (404, "text/html")


class TestShapes:
    def test_xml_is_the_default(self, shop):
        answer = shop.ask("products", display="full", limit="1")
        assert answer.headers["content-type"].startswith("text/xml")
        node = ElementTree.fromstring(answer.content).find("products/product")
        assert node.find("name/language[@id='2']").text
        assert node.find("associations/categories/category/id").text
        assert node.find("manufacturer_name").get("notFilterable") == "true"

    def test_a_list_without_display_has_identifiers_only(self, shop):
        found = shop.ask("products", **JSON).json()["products"]
        assert found[0] == {"id": found[0]["id"]}

    def test_nothing_is_a_pair_of_brackets(self, shop):
        assert shop.ask("products", **{"filter[id]": "[999|998]", **FULL}).json() == []

    def test_texts_of_several_languages_are_a_list_and_of_one_are_plain(self, shop, deliveries):
        (row,) = shop.rows("products", limit="1")
        assert [one["id"] for one in row["name"]] == ["1", "2"]
        (one,) = shop.rows("products", limit="1", language="1")
        assert one["name"] == row["name"][0]["value"]
        with serve("prestashop", catalogue=deliveries, languages=1) as single:
            assert isinstance(Shop(single).rows("products", limit="1")[0]["name"], str)

    def test_a_single_record_stands_under_its_own_name(self, shop):
        (row,) = shop.rows("products", limit="1")
        assert shop.ask(f"products/{row['id']}", **JSON).json()["product"]["reference"] == row["reference"]
        assert shop.ask(f"products/{row['id']}", **FULL).json()["products"][0]["id"] == row["id"]

    def test_a_record_that_does_not_exist_has_no_body(self, shop):
        answer = shop.ask("products/99999", **JSON)
        assert (answer.status_code, answer.content) == (404, b"")

    def test_numbers_are_texts_with_six_decimals_and_no_brand_is_false(self, twin, shop):
        key = next(iter(twin.state.products))
        twin.state.edit(key, "brand", "")
        (row,) = shop.rows("products", **{"filter[id]": f"[{key}]"})
        assert row["manufacturer_name"] is False
        assert row["price"] == f"{Decimal(row['price']):.6f}"
        assert row["weight"] == f"{Decimal(row['weight']):.6f}"

    def test_times_are_local_and_no_time_is_zeros(self, twin, shop):
        key = next(iter(twin.state.products))
        (row,) = shop.rows("products", **{"filter[id]": f"[{key}]"})
        stored = twin.state.products[key]["date_upd"]
        assert row["date_upd"] == stored.strftime(f"%Y-%m-%d {stored.hour + 1:02}:%M:%S"), "Paris in winter"
        assert shop.rows("orders", limit="1")[0]["delivery_date"] == "0000-00-00 00:00:00"

    def test_quantity_of_a_product_is_never_shown(self, shop):
        assert all("quantity" not in row for row in shop.rows("products"))

    def test_the_form_of_a_resource(self, shop):
        node = ElementTree.fromstring(shop.ask("products", schema="synopsis").content).find("product")
        assert node.find("price").attrib == {"required": "true", "format": "isPrice"}
        assert node.find("name").get("maxSize") == "128"
        assert node.find("manufacturer_name").get("readOnly") == "true"


class TestQuestions:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("[EUR|USD]", ["EUR"]),
            ("EUR", ["EUR"]),
            ("[eu]%", ["EUR"]),
            ("%[UR]", ["EUR"]),
            ("%[u]%", ["EUR"]),
            ("![EUR]", []),
            ("[USD]", []),
        ],
    )
    def test_texts(self, shop, expression, expected):
        assert [row["iso_code"] for row in shop.rows("currencies", **{"filter[iso_code]": expression})] == expected

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [("[2,4]", [2, 3, 4]), (">[8]", [10]), ("<[2]", [1]), ("[1|10|99]", [1, 10]), ("![1|2|3|4|5|6|7]", [8, 10])],
    )
    def test_numbers(self, shop, expression, expected):
        assert [row["id"] for row in shop.rows("order_states", **{"filter[id]": expression})] == expected

    def test_a_text_in_any_language_can_be_searched(self, shop):
        assert [row["id"] for row in shop.rows("order_states", **{"filter[name]": "[Shipped]"})] == [4]

    def test_dates_need_to_be_announced(self, shop):
        asked = {"filter[date_upd]": "[2026-11-01 00:00:00,2099-01-01 00:00:00]"}
        assert code(shop.ask("orders", **asked, **FULL)) == (400, 32)
        assert code(shop.ask("orders", sort="[date_upd_ASC]", **FULL)) == (400, 38)
        rows = shop.rows("orders", date="1", sort="[date_upd_ASC,id_ASC]", **asked)
        assert [row["date_upd"] for row in rows] == sorted(row["date_upd"] for row in shop.rows("orders"))

    def test_a_page_is_an_offset_and_a_count_and_a_bracket_makes_it_the_first_page(self, shop):
        every = [row["id"] for row in shop.rows("products", sort="[id_DESC]")]
        assert [row["id"] for row in shop.rows("products", sort="[id_DESC]", limit="2,3")] == every[2:5]
        assert [row["id"] for row in shop.rows("products", sort="[id_DESC]", limit="3")] == every[:3]
        first = [row["id"] for row in shop.rows("products", limit="[10,5]")]
        assert first == sorted(every)[:5], "PrestaShop issue 25032"

    def test_some_fields_alone(self, shop):
        (row,) = shop.rows("products", display="[id,reference]", limit="1")
        assert set(row) == {"id", "reference"}


class TestPrices:
    ASKED = {
        "price[paid][use_tax]": "0",
        "price[paid][decimals]": "6",
        "price[gross][use_tax]": "1",
        "price[gross][use_reduction]": "0",
    }

    def priced(self, shop, resource="products"):
        return shop.rows(resource, **self.ASKED)

    def test_the_shop_works_prices_out_with_tax_and_reductions(self, twin, shop):
        key = next(key for key, row in twin.state.products.items() if row["cache_default_attribute"] == "0")
        twin.state.edit(key, "sale_price", "")
        twin.state.edit(key, "price", "10")
        twin.state.edit(key, "sale_price", "7.50")
        row = next(row for row in self.priced(shop) if row["id"] == int(key))
        assert (row["price"], row["paid"], row["gross"]) == ("10.000000", "7.500000", "12.000000")

    def test_percentages_and_amounts_with_tax(self, twin, shop):
        key = next(iter(twin.state.products))
        twin.state.edit(key, "sale_price", "")
        twin.state.edit(key, "price", "10")
        twin.state.edit(key, "sale_price", "9")
        (special,) = twin.state.rows("specific_prices", id_product=key)
        special |= {"reduction_type": "percentage", "reduction": "0.25"}
        assert self.priced(shop)[0]["paid"] == "7.500000"
        special |= {"reduction_type": "amount", "reduction": "3", "reduction_tax": "1"}
        assert self.priced(shop)[0]["paid"] == "7.500000", "3 with 20 % of tax are 2.50 without"
        special["to"] = "2026-11-01 00:00:00"
        assert self.priced(shop)[0]["paid"] == "10.000000"

    def test_what_a_combination_has_is_added_to_the_product(self, twin, shop):
        row = self.priced(shop, "combinations")[1]
        base = Decimal(twin.state.products[row["id_product"]]["price"])
        twin.state.edit(f"{row['id_product']}-{row['id']}", "sale_price", "")
        twin.state.collections["combinations"][str(row["id"])]["price"] = "-1.500000"
        assert Decimal(self.priced(shop, "combinations")[1]["paid"]) == base - Decimal("1.5")


class TestSaving:
    def key(self, twin):
        return next(iter(twin.state.products))

    def test_a_put_empties_what_it_does_not_name(self, twin, shop):
        key = self.key(twin)
        before = dict(twin.state.products[key])
        answer = shop.ask("products", "PUT", body(product(key, "<price>9.5</price>")), **JSON)
        after = twin.state.products[key]
        assert answer.status_code == 200
        assert after["price"] == "9.500000"
        assert (after["active"], after["reference"], after["name"]) == ("0", "", {"1": "", "2": ""}), "issue 33783"
        assert after["associations"] == before["associations"]
        assert after["date_upd"] > before["date_upd"]

    def test_a_put_without_what_is_required(self, twin, shop):
        assert code(shop.ask("products", "PUT", body(product(self.key(twin))), **JSON)) == (400, 41)
        (stock,) = twin.state.rows("stock_availables", id_product=self.key(twin))
        sent = f"<stock_available><id>{stock['id']}</id><quantity>5</quantity></stock_available>"
        assert code(shop.ask("stock_availables", "PUT", body(sent), **JSON)) == (400, 41)

    def test_what_a_get_gives_is_not_taken_back(self, twin, shop):
        key = self.key(twin)
        for inner, expected in (
            ("<manufacturer_name>x</manufacturer_name>", (400, 93)),
            ("<quantity>1</quantity>", (400, 93)),
            ("<position_in_category>0</position_in_category>", (500, 134)),
        ):
            sent = body(product(key, f"<price>1</price>{inner}"))
            assert code(shop.ask("products", "PUT", sent, **JSON)) == expected, inner

    def test_a_patch_changes_what_it_names_in_the_language_it_names(self, twin, shop):
        key = self.key(twin)
        before = json.loads(json.dumps(twin.state.dump()["products"][key]))
        name = '<name><language id="2">Neu</language></name>'
        assert shop.ask("products", "PATCH", body(product(key, name)), **JSON).status_code == 200
        after = twin.state.dump()["products"][key]
        assert after["name"] == {"1": before["name"]["1"], "2": "Neu"}
        assert {k: v for k, v in after.items() if k not in ("name", "date_upd")} == {
            k: v for k, v in before.items() if k not in ("name", "date_upd")
        }

    def test_an_old_release_knows_no_patch(self, deliveries):
        with serve("prestashop", catalogue=deliveries, version="1.7.7.2") as old:
            sent = body(product(self.key(old), "<price>1</price>"))
            assert code(Shop(old).ask("products", "PATCH", sent, **JSON)) == (405, 23)

    def test_writes_are_xml_only(self, twin, shop):
        sent = json.dumps({"product": {"id": self.key(twin), "price": "1"}})
        assert code(shop.ask("products", "PUT", sent, **JSON)) == (500, 127)

    def test_a_batch_stops_at_the_first_error_and_what_came_before_is_saved(self, twin, shop):
        first, second, third = list(twin.state.products)[:3]
        before = [twin.state.products[one]["reference"] for one in (second, third)]
        sent = body(*(product(one, f"<reference>{word}</reference>") for one, word in
                      ((first, "A-1"), (second, "B;2"), (third, "C-3"))))  # fmt: skip
        answer = shop.ask("products", "PATCH", sent, **JSON)
        assert code(answer) == (400, 85)
        assert "Product->reference" in answer.json()["errors"][0]["message"]
        assert twin.state.products[first]["reference"] == "A-1"
        assert [twin.state.products[one]["reference"] for one in (second, third)] == before

    def test_of_a_batch_the_json_answer_shows_the_last(self, twin, shop):
        keys = list(twin.state.products)[:2]
        sent = body(*(product(one, "<reference>R</reference>") for one in keys))
        assert shop.ask("products", "PATCH", sent, **JSON).json()["product"]["id"] == int(keys[1])

    @pytest.mark.parametrize(
        ("method", "sent", "expected"),
        [
            ("PUT", body(product("11"), product("11")), 89),
            ("PATCH", body("<product><price>1</price></product>"), 90),
            ("POST", body(product("11")), 91),
            ("PATCH", body(product("11", "<associations><nothing/></associations>")), 86),
            ("PATCH", body(product("11", '<name><language id="1">a&lt;b</language></name>')), 84),
            ("PATCH", body(product("11", f'<name><language id="1">{"x" * 129}</language></name>')), 84),
            ("PATCH", body(product("11", "<price>12,50</price>")), 85),
            ("PATCH", body(product("11", "<price>-1</price>")), 85),
            ("PATCH", body(product("11", "<condition>broken</condition>")), 85),
            ("PATCH", body(product("11", "<ean13>123456789012345</ean13>")), 85),
            ("PATCH", body(product("11", '<description><language id="1">&lt;script&gt;</language></description>')), 84),
        ],
    )
    def test_what_is_wrong_has_a_code(self, twin, shop, method, sent, expected):
        before = twin.state.dump()
        status, number = code(shop.ask("products", method, sent, **JSON))
        assert (status, number) == (400, expected)
        if expected != 86:
            assert twin.state.dump() == before

    def test_a_value_that_was_imported_bad_holds_up_every_other_change(self, twin, shop):
        key, address = next(iter(twin.state.collections["addresses"].items()))
        address["lastname"] = "BÃ¤cker"
        sent = body(f"<address><id>{key}</id><city>Bremen</city></address>")
        answer = shop.ask("addresses", "PATCH", sent, **JSON)
        assert code(answer) == (400, 85)
        assert "Address->lastname" in answer.text

    def test_categories_are_replaced_as_a_whole(self, twin, shop):
        key = self.key(twin)
        links = "".join(f"<category><id>{one}</id></category>" for one in (3, 2))
        sent = body(product(key, f"<associations><categories>{links}</categories></associations>"))
        shop.ask("products", "PATCH", sent, **JSON)
        assert twin.state.products[key]["associations"]["categories"] == [{"id": "2"}, {"id": "3"}]

    def test_stock_can_be_set_but_not_made_or_taken_away(self, twin, shop):
        rows = twin.state.rows("stock_availables")
        part = next(row for row in rows if row["id_product_attribute"] != "0")
        assert code(shop.ask("stock_availables", "POST", body(), **JSON)) == (405, 101)
        assert code(shop.ask(f"stock_availables/{part['id']}", "DELETE", **JSON)) == (405, 101)
        sent = f"<stock_available><id>{part['id']}</id><quantity>-4</quantity></stock_available>"
        assert shop.ask("stock_availables", "PATCH", body(sent), **JSON).status_code == 200
        family = [row for row in rows if row["id_product"] == part["id_product"]]
        (whole,) = [row for row in family if row["id_product_attribute"] == "0"]
        assert part["quantity"] == "-4"
        assert int(whole["quantity"]) == sum(int(row["quantity"]) for row in family if row is not whole)

    def test_a_history_line_moves_the_order_and_mails_when_asked(self, twin, shop):
        key = twin.state.awaiting("shipment")[0]
        sent = body(f"<order_history><id_order>{key}</id_order><id_order_state>4</id_order_state></order_history>")
        before = twin.state.orders[key]["date_upd"]
        assert shop.ask("order_histories", "POST", sent, **JSON).status_code == 201
        assert twin.state.orders[key]["current_state"] == "4"
        assert twin.state.orders[key]["date_upd"] > before
        assert twin.state.mails == []
        shop.ask("order_histories", "POST", sent, sendemail="1")
        assert twin.state.mails == [key]

    def test_a_reduction_can_be_ended(self, twin, shop):
        key = next(iter(twin.state.collections["specific_prices"]))
        assert shop.ask(f"specific_prices/{key}", "DELETE").status_code == 200
        assert key not in twin.state.collections["specific_prices"]


@pytest.mark.parametrize(
    ("resource", "field", "good", "bad"),
    [
        ("products", "price", "9999999999.999999999", "10000000000"),
        ("products", "upc", "061414100007", "0614141000071"),
        ("products", "visibility", "none", "hidden"),
        ("products", "link_rewrite", "a-b_2", "a b"),
        ("combinations", "price", "-0.5", "--1"),
        ("combinations", "ean13", "4006381333931", "04006381333931"),
        ("customers", "email", "ana@example.org", "ana..b@example.org"),
        ("customers", "email", "ana.b@example.org", "not-an-address"),
        ("addresses", "firstname", "Zoé", "Zoé 2"),
        ("addresses", "postcode", "SW1A 1AA", "D/28195"),
        ("addresses", "phone", "(030) 123-45", "030 x"),
        ("order_carriers", "tracking_number", "00340434", "00<340"),
        ("stock_availables", "quantity", "-7", "7.5"),
        ("customers", "lastname", "Bäcker", ""),
    ],
)
def test_what_a_field_takes(resource, field, good, bad):
    column = RESOURCES[resource].columns[field]
    assert problem("Thing", column, good) == ""
    assert f"Thing->{field}" in problem("Thing", column, bad)
