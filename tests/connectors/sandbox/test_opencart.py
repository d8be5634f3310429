"""The OpenCart twin beside live shops: recorded answers of 4.0.2.3 and 4.1.0.4, call by call."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from connectors.sandbox.opencart import OpenCartTwin

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

NOT_HERE = {
    "customer", "cart.add", "payment_address", "shipping_address", "shipping_method", "payment_method", "order.confirm", "confirm",
    "shipping_methods", "payment_methods", "order.delete", "cart after order.load", "subscription", "localisation",
}  # fmt: skip
"""Calls that build a new order or delete one: no connector makes them, and the twin does not know them."""


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    from tests.conftest import SHARED

    path = SHARED / "specs" / "opencart" / "recorded.json"
    if not path.is_file():
        pytest.skip(f"no recorded exchanges at {path} (CHANNELMEND_SHARED)")
    return json.loads(path.read_text())


@pytest.fixture
def shop(small: Any) -> Iterator[Any]:
    running: list[OpenCartTwin] = []

    def start(release: str, **options: Any) -> OpenCartTwin:
        twin = OpenCartTwin(catalogue=small, seed=5, clock=lambda: NOW, release=release, **options)
        twin.start()
        running.append(twin)
        return twin

    yield start
    for twin in running:
        twin.stop()


def kind_of(answer: Any) -> Any:
    """An answer without what differs from shop to shop: the texts of pages, and tokens."""
    if isinstance(answer, str):
        return "page" if answer.startswith("<!DOCTYPE") else "session" if "session_id" in answer else answer
    if isinstance(answer, dict):
        return {name: "" if name == "api_token" else kind_of(value) for name, value in answer.items()}
    return answer


def said(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def test_the_logins_and_sessions_of_4_0(recorded: list[dict[str, Any]], shop: Any) -> None:
    plain, listless, forwarded = shop("4.0"), shop("4.0", allowed=()), shop("4.0", allowed=("127.0.0.1",))
    seen = 0
    for one in recorded:
        name = one["name"].removeprefix("4.0.2.3 ")
        if one["release"] != "4.0.2.3" or any(name.startswith(other) for other in NOT_HERE):
            continue
        if "61 minutes" in name or "taken off" in name or "fresh session" in name or name.startswith("cart"):
            continue
        twin = listless if "list empty" in name else forwarded if "X-Forwarded-For" in name else plain
        seen += 1
        response = replayed(twin, one)
        expected = one["response"]
        assert response.status_code == expected["status"], name
        if "X-Forwarded-For" in name or "language and currency" in name:
            continue
        if isinstance(expected["body"], list):
            # Only the members were recorded.
            assert sorted(said(response)) == sorted(expected["body"]), name
            continue
        assert kind_of(said(response)) == kind_of(expected["body"]), name
    assert seen > 20


def replayed(twin: OpenCartTwin, one: dict[str, Any]) -> httpx.Response:
    """The recorded request, with this shop's key, token and orders in the places of the recorded ones."""
    request = one["request"]
    token = (
        httpx.post(
            f"{twin.base_url}/index.php",
            params={"route": "api/account/login"},
            data={"username": "Default", "key": twin.key},
        )
        .json()
        .get("api_token", "")
    )
    first = next(iter(twin.state.orders))

    def put_in(value: Any) -> Any:
        return str(value).replace("<api_key>", twin.key).replace("<api_token>", token).replace("<api_token_2>", token)

    query = {name: put_in(value) for name, value in request["query"].items()}
    body = request["body"]
    headers = {
        name: put_in(value) for name, value in request.get("headers", {}).items() if name.lower() != "content-length"
    }
    if "cookie" in one["name"]:
        headers["Cookie"] = f"OCSESSID={token}"
    if isinstance(body, dict):
        form = {name: put_in(value) for name, value in body.items()}
        if form.get("order_id") in ("1", "2"):
            form["order_id"] = first
        if query.get("order_id") in ("1", "2"):
            query["order_id"] = first
        return httpx.request(
            request["method"], f"{twin.base_url}{request['path']}", params=query, headers=headers, data=form
        )
    return httpx.request(
        request["method"],
        f"{twin.base_url}{request['path']}",
        params=query,
        headers=headers,
        content=put_in(body or ""),
    )


def test_an_idle_session_ends_after_an_hour_and_the_cookie_does_not(small: Any) -> None:
    times = [NOW]
    twin = OpenCartTwin(catalogue=small, seed=5, clock=lambda: times[0], release="4.0")
    with_twin = twin.start()
    address = f"{with_twin.base_url}/index.php"
    token = httpx.post(address, params={"route": "api/account/login"}, data={"key": twin.key}).json()["api_token"]
    times[0] += timedelta(minutes=61)
    ended = httpx.post(address, params={"route": "api/sale/cart", "api_token": token})
    assert (ended.status_code, "session_id" in ended.text) == (500, True)
    assert (
        httpx.post(address, params={"route": "api/sale/cart"}, headers={"Cookie": f"OCSESSID={token}"}).status_code
        == 200
    )
    twin.stop()


def signed(twin: OpenCartTwin, call: str, form: dict[str, str], **changed: Any) -> httpx.Response:
    """A call to 4.1, signed as its source says; independent of the connector."""
    query = {
        "route": "api/order",
        "call": call,
        "username": "Default",
        "store_id": "0",
        "language": "en-gb",
        "currency": "USD",
        "time": str(int(NOW.timestamp()) + changed.pop("off_s", 0)),
    } | {name: value for name, value in changed.items() if name in ("route", "username")}
    host = httpx.URL(twin.base_url).netloc.decode()
    cleaned = {name: html.escape(value.strip(), quote=False).replace('"', "&quot;") for name, value in form.items()}
    digest = hashlib.md5(urlencode(cleaned).replace("~", "%7E").encode()).hexdigest()
    path = changed.get("path", "/")
    parts = [query["route"], call, query["username"], host, path, "0", "en-gb", "USD", digest, query["time"]]
    text = "".join(f"{one}\n" for one in parts).encode()
    query["signature"] = base64.b64encode(hmac.new(twin.key.encode(), text, hashlib.sha1).digest()).decode()
    query = {name: value for name, value in query.items() if name not in changed.get("without", ())}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return httpx.post(
        f"{twin.base_url}{changed.get('at', '/index.php')}", params=query, content=urlencode(form), headers=headers
    )


@pytest.mark.parametrize(
    ("name", "call", "changed"),
    [
        ("time 8 minutes old", "cart", {"off_s": -480}),
        ("time 7 minutes old", "cart", {"off_s": -420}),
        ("time 8 minutes ahead", "cart", {"off_s": 480}),
        ("signature missing", "cart", {"without": ("signature",)}),
        ("currency missing", "cart", {"without": ("currency",)}),
        ("unknown call", "orders", {}),
        ("another route, api/cart", "cart", {"route": "api/cart"}),
        ("path /shop/", "cart", {"at": "/shop/index.php", "path": "/shop/"}),
        ("path / although in /shop/", "cart", {"at": "/shop/index.php"}),
    ],
)
def test_signed_calls_are_answered_as_by_the_live_shop(
    recorded: list[dict[str, Any]], shop: Any, name: str, call: str, changed: dict[str, Any]
) -> None:
    expected = next(one["response"] for one in recorded if one["name"] == f"4.1.0.4 {name}")
    response = signed(shop("4.1"), call, {}, **changed)
    assert response.status_code == expected["status"]
    if response.status_code != 200 or call != "cart":
        assert said(response) == expected["body"]
    else:
        assert said(response)["success"] == expected["body"]["success"]


@pytest.mark.parametrize(
    "name", ["history_add", "history_add, unknown order", "history_add, unknown status", "history_add, status left out"]
)
def test_lines_of_the_history_are_taken_as_blindly_as_by_the_live_shop(
    recorded: list[dict[str, Any]], shop: Any, name: str
) -> None:
    one = next(one for one in recorded if one["name"] == f"4.1.0.4 {name}")
    twin = shop("4.1")
    key = next(iter(twin.state.orders))
    form = one["request"]["body"] | ({"order_id": key} if one["request"]["body"]["order_id"] == "2" else {})
    response = signed(twin, "history_add", form)
    assert (response.status_code, said(response)) == (one["response"]["status"], one["response"]["body"])
    if "unknown order" not in name:
        assert twin.state.orders[key]["order_status_id"] == form.get("order_status_id", "0")


def test_a_cart_shows_a_product_and_an_error_beside_it(shop: Any) -> None:
    twin = shop("4.1")
    key = next(key for key, row in twin.state.products.items() if row["status"] == "1" and int(row["quantity"]) > 2)
    form = {"product[0][product_id]": key, "product[0][quantity]": "2", "product[1][product_id]": "9999"}
    answer = signed(twin, "cart", form).json()
    assert [row["model"] for row in answer["products"]] == [twin.state.products[key]["model"]]
    assert answer["error"]["product_1_product"] == "Warning: Product could not be found!"


def test_an_unsigned_call_and_the_old_login_are_forbidden_in_4_1(shop: Any) -> None:
    twin = shop("4.1")
    for query in ({"route": "api/order", "call": "cart"}, {"route": "api/account/login"}):
        answer = httpx.post(f"{twin.base_url}/index.php", params=query, data={"key": twin.key})
        assert (answer.status_code, answer.json()) == (
            403,
            {"error": "You do not have permission to access this page."},
        )


def test_a_product_that_is_written_with_one_language_loses_the_other(shop: Any) -> None:
    twin = shop("4.1")
    key = next(iter(twin.state.products))
    body = {"product_description": [{"language_id": "1", "name": "Alone", "description": ""}]}
    headers = {"X-Oc-Restadmin-Id": twin.extension_key}
    assert httpx.put(f"{twin.base_url}/api/rest_admin/products/{key}", json=body, headers=headers).status_code == 200
    assert len(twin.state.products[key]["product_description"]) == 1
