"""What is peculiar to OpenCart: signatures of 4.1, sessions of 4.0 and 3.0, the extension's envelope, escaped texts, traps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError
from connectors.platform import CHANGES, SHIPMENTS, Connection, Connector, connector
from connectors.platforms.opencart import signature_of
from connectors.sandbox import make_catalogue
from connectors.sandbox.opencart import OpenCartTwin


@pytest.fixture
def opened() -> Iterator[Any]:
    """Opens a twin and a connector of it; both are closed at the end."""
    running: list[tuple[OpenCartTwin, Connector]] = []

    def open_one(*, without: tuple[str, ...] = (), **options: Any) -> tuple[OpenCartTwin, Any]:
        settings = {name: options.pop(name) for name in ("sku_from", "language_id", "plain_http") if name in options}
        twin = OpenCartTwin(catalogue=make_catalogue(6, products=12, orders=8, defects=0.0), seed=5, **options)
        twin.start()
        given = {name: value for name, value in {**twin.credentials, **settings}.items() if name not in without}
        one = connector(Connection("shop", "opencart", given), sleep=lambda seconds: None)
        running.append((twin, one))
        return twin, one

    yield open_one
    for twin, one in running:
        one.close()
        twin.stop()


def fetched(one: Connector, kind: str) -> pl.DataFrame:
    return pl.concat([page.records[kind] for page in one.fetch("order" if kind == "order_line" else kind)])


def push(one: Connector, key: str, field: str, value: str, kind: str = "product") -> pl.DataFrame:
    return one.push(pl.DataFrame([("c", kind, key, "", field, "", value)], schema=CHANGES, orient="row"))


def parcel(key: str, number: str = "6A123") -> pl.DataFrame:
    row = ("s1", key, "", "", "DHL", number, "https://track.example.com/6A123?a=1&b=2", "", [])
    return pl.DataFrame([row], schema=SHIPMENTS, orient="row")


def test_the_signature_is_the_one_that_a_live_shop_accepted(shared: Path) -> None:
    observed = json.loads((shared / "specs" / "opencart" / "observed.json").read_text())
    vectors = next(one["observed"] for one in observed if one["name"].startswith("signature vectors"))
    assert len(vectors) >= 2
    for one in vectors:
        query = {
            "route": "api/order",
            "call": one["call"],
            "username": "vector",
            "store_id": "0",
            "language": "en-gb",
            "currency": "USD",
            "time": str(one["time"]),
        }
        found = signature_of(
            one["key"], host=one["host"], path=one["path"], query=query, form=dict(parse_qsl(one["sent_body"], True))
        )
        assert found == one["signature"], one["call"]


def test_awkward_texts_are_signed_as_the_server_cleans_them(shared: Path, opened: Any) -> None:
    observed = json.loads((shared / "specs" / "opencart" / "observed.json").read_text())
    texts = next(one["observed"] for one in observed if one["name"].endswith("which text is signed"))
    twin, one = opened(release="4.1")
    key = twin.state.awaiting("shipment")[0]
    for name, seen in texts.items():
        one._core.add_history(key, {"order_status_id": "3", "comment": seen["comment"]})
        assert seen["signed over the trimmed and entity-escaped text"] == 200, name
    assert len(twin.state.orders[key]["histories"]) == len(texts)


@pytest.mark.parametrize("release", ["3.0", "4.0", "4.1"])
def test_the_release_is_found_out_and_the_key_tried(opened: Any, release: str) -> None:
    _, one = opened(release=release)
    answer = one.check()
    assert answer.ok
    assert f"OpenCart {release} takes the key" in answer.messages[0]


@pytest.mark.parametrize("release", ["3.0", "4.0", "4.1"])
def test_with_the_core_alone_a_parcel_is_a_line_in_the_history(opened: Any, release: str) -> None:
    twin, one = opened(release=release, without=("extension_key",))
    assert "cannot" in " ".join(one.check().messages)
    key = twin.state.awaiting("shipment")[0]
    assert one.ship(parcel(key))["status"].to_list() == ["accepted"]
    (line,) = twin.state.orders[key]["histories"]
    assert line["order_status_id"] == "3"
    assert line["comment"] == "DHL 6A123 https://track.example.com/6A123?a=1&amp;b=2"
    with pytest.raises(CredentialError, match="extension_key"):
        list(one.fetch("product"))


@pytest.mark.parametrize("release", ["3.0", "4.0"])
def test_a_session_that_ended_is_begun_anew(opened: Any, release: str) -> None:
    twin, one = opened(release=release, without=("extension_key",))
    first, second = twin.state.awaiting("shipment")[:2]
    one.ship(parcel(first))
    twin.forget_tokens()
    if release == "4.0":
        assert one.ship(parcel(second))["status"].to_list() == ["accepted"]
        assert sum(path == "/index.php" and status == 500 for _, path, status in twin.requests) >= 1
    else:
        # 3.0 says in words that the session is none, and so whose fault it is.
        with pytest.raises(CredentialError):
            one.ship(parcel(second))


def test_an_address_that_is_not_on_the_list_is_named(opened: Any) -> None:
    _, one = opened(release="4.0", allowed=("203.0.113.9",))
    answer = one.check()
    assert not answer.ok
    assert "127.0.0.1" in answer.messages[0]
    assert "list" in answer.messages[0]


def test_a_status_that_the_shop_would_store_blindly_is_never_sent(opened: Any) -> None:
    twin, one = opened(release="4.1")
    before = twin.state.dump()
    with pytest.raises(ValueError, match="99 is no order status"):
        one._core.add_history(twin.state.awaiting("shipment")[0], {"order_status_id": "99", "comment": ""})
    assert twin.state.dump() == before


def test_carts_that_were_never_ordered_are_no_orders(opened: Any) -> None:
    twin, one = opened()
    key = next(iter(twin.state.orders))
    twin.state.orders[key]["order_status_id"] = "0"
    found = fetched(one, "order")
    assert found.height == len(twin.state.orders) - 1
    assert key not in found["record_key"].to_list()


def test_texts_are_unescaped_once_and_every_language_survives(opened: Any) -> None:
    twin, one = opened()
    key, row = next(iter(twin.state.products.items()))
    row["product_description"][0]["name"] = "Pots &amp; pans &quot;2&quot; &amp;amp; lids"
    other = dict(row["product_description"][1])
    assert one.read("product", [(key, "")])["title"][0] == 'Pots & pans "2" &amp; lids'
    assert push(one, key, "title", 'Pots <b> & "pans"')["status"].to_list() == ["accepted"]
    assert row["product_description"][0]["name"] == "Pots &lt;b&gt; &amp; &quot;pans&quot;"
    assert row["product_description"][1] == other
    assert one.read("product", [(key, "")])["title"][0] == 'Pots <b> & "pans"'


def test_an_apostrophe_is_stored_as_the_shop_itself_stores_it(opened: Any) -> None:
    twin, one = opened()
    key, row = next(iter(twin.state.products.items()))
    row["product_description"][0]["name"] = "Chef's knife"
    assert push(one, key, "title", 'Chef\'s "best" knife')["status"].to_list() == ["accepted"]
    assert row["product_description"][0]["name"] == "Chef's &quot;best&quot; knife"
    assert push(one, key, "title", "Chef's knife")["status"].to_list() == ["accepted"]
    assert row["product_description"][0]["name"] == "Chef's knife", "undone, byte by byte"


def test_prices_are_net_and_orders_in_the_buyers_currency(opened: Any) -> None:
    twin, one = opened()
    key, row = next(iter(twin.state.products.items()))
    shown = twin.state.shown_product

    def with_tax(product: dict[str, Any]) -> dict[str, Any]:
        return shown(product) | {"price": "120.0000", "price_exclude_tax": "100.0000"}

    twin.state.shown_product = with_tax
    assert one.read("product", [(key, "")])["price"][0] == "100.00"
    order = twin.state.orders[next(iter(twin.state.orders))]
    order |= {"total": "100.0000", "currency_value": "1.25000000", "currency_code": "USD"}
    found = one.read("order", [(order["order_id"], "")])
    assert (found["total"][0], found["currency"][0]) == ("125.00", "USD")


def test_times_are_the_shops_own(opened: Any) -> None:
    twin, one = opened()
    order = next(iter(twin.state.orders.values()))
    found = one.read("order", [(order["order_id"], "")])
    assert found["ordered_at"][0].endswith("+02:00")
    assert found["ordered_at"].str.to_datetime("%+", time_zone="UTC")[0] == order["date_added"]


def test_model_may_be_the_sku(opened: Any) -> None:
    twin, one = opened(sku_from="model")
    assert set(fetched(one, "product")["sku"]) == {row["model"] for row in twin.state.products.values()}


def test_notices_of_php_are_passed_over_and_reported(opened: Any) -> None:
    twin, one = opened(noisy=True)
    assert fetched(one, "product").height == len(twin.state.products)
    assert any("Undefined index" in message for message in one.check().messages)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", "12,50", "invalid"),
        ("price", "12.34567", "invalid"),
        ("price", "100000000000", "invalid"),
        ("quantity", "7.5", "invalid"),
        ("quantity", "-1", "invalid"),
        ("quantity", "2147483648", "invalid"),
        ("weight_g", "1.3 kg", "invalid"),
        ("title", "x" * 256, "invalid"),
        ("title", "&" * 52, "invalid"),
        ("mpn", "x" * 65, "invalid"),
        ("gtin", "12345", "invalid"),
        ("brand", "Nobody at all", "unknown_value"),
    ],
)
def test_what_the_shop_would_mangle_is_not_sent(opened: Any, field: str, value: str, reason: str) -> None:
    twin, one = opened()
    before = twin.state.dump()
    results = push(one, next(iter(twin.state.products)), field, value)
    assert results["code"].to_list() == [reason]
    assert twin.state.dump() == before


def test_a_weight_in_a_class_of_the_shops_own_is_left_alone(opened: Any) -> None:
    twin, one = opened()
    key, row = next(iter(twin.state.products.items()))
    row["weight_class_id"] = "17"
    assert push(one, key, "weight_g", "1300")["code"].to_list() == ["invalid"]


def test_a_gtin_moves_to_the_column_of_its_length(opened: Any) -> None:
    twin, one = opened()
    key, row = next(iter(twin.state.products.items()))
    row |= {"ean": "", "upc": "614141000036"}
    assert push(one, key, "gtin", "4006381333931")["status"].to_list() == ["accepted"]
    assert (row["ean"], row["upc"]) == ("4006381333931", "")


def test_quantities_of_many_products_go_in_one_call(opened: Any) -> None:
    twin, one = opened()
    keys = list(twin.state.products)[:6]
    rows = [(f"c{key}", "stock", key, "", "quantity", "", "31") for key in keys]
    before = len(twin.requests)
    results = one.push(pl.DataFrame(rows, schema=CHANGES, orient="row"))
    assert results["status"].to_list() == ["accepted"] * 6
    assert len(twin.requests) == before + 1
    assert {twin.state.products[key]["quantity"] for key in keys} == {"31"}


def test_an_unencrypted_address_needs_a_yes() -> None:
    given = {"store_url": "http://192.168.1.20", "extension_key": "k" * 32}
    with pytest.raises(CredentialError, match="https"):
        connector(Connection("shop", "opencart", given))
    connector(Connection("shop", "opencart", {**given, "plain_http": "yes"})).close()


def test_an_unknown_extension_is_named() -> None:
    given = {"store_url": "https://shop.example.com", "extension_key": "k" * 32, "profile": "nonsense"}
    with pytest.raises(CredentialError, match="rest_admin"):
        connector(Connection("shop", "opencart", given))


def test_a_refusal_in_the_envelope_is_read() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"success": 0, "error": ["Product model is required"], "data": []})

    given = {"store_url": "https://shop.example.com", "extension_key": "k" * 32}
    one = connector(Connection("shop", "opencart", given), transport=httpx.MockTransport(refuse))
    results = push(one, "28", "mpn", "X-1")
    assert results["status"].to_list() == ["refused"]
    assert results["message"].to_list() == ["Product model is required"]
