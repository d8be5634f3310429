"""Events end to end on a twin: checked, kept once, worked on by reading, echoes recognised, customers erased."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from connectors.sandbox import Twin, make_catalogue, serve
from connectors.webhooks import Delivery, Event
from engine import Workspace, hooks
from engine.store.tables import audit_log, webhook_events

SECRET = "a secret of the webhooks"  # noqa: S105


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("woocommerce", catalogue=make_catalogue(5, products=12, orders=6), seed=5) as running:
        yield running


@pytest.fixture
def shop(workspace: Workspace, twin: Twin) -> Workspace:
    workspace.connector_options = {"sleep": lambda seconds: None}
    workspace.connect("woocommerce", name="shop", credentials={**twin.credentials, "webhook_secret": SECRET})
    workspace.sync("shop", push=False)
    return workspace


def sent(body: object, topic: str, number: str = "d-1", secret: str = SECRET) -> Delivery:
    raw = json.dumps(body).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {"x-wc-webhook-topic": topic, "x-wc-webhook-delivery-id": number, "x-wc-webhook-signature": signature}
    return Delivery("POST", "https://hooks.example.com/hooks/shop", headers=headers, body=raw)


def single(workspace: Workspace) -> dict[str, str]:
    rows = workspace.lake.current("shop", "product").filter(pl.col("level") == "single").collect()
    return rows.row(0, named=True)


def statuses(workspace: Workspace) -> list[str]:
    rows = workspace.store.rows(sa.select(webhook_events.c.status).order_by(webhook_events.c.event_id))
    return [row["status"] for row in rows]


def test_a_change_is_read_and_judged(shop: Workspace, twin: Twin) -> None:
    row = single(shop)
    twin.state.edit(row["record_key"], "title", "SHOUTED ALL OVER THE PLACE BY SOMEBODY")
    assert shop.receive("shop", sent({"id": int(row["record_key"])}, "product.updated")).status == 200
    assert shop.waiting_events() == ["shop"]
    run = shop.handle_events("shop")
    assert (run.counts["events"], run.counts["echoes"]) == (1, 0)
    now = shop.lake.find("shop", "product", [row["record_key"]])
    assert now["title"][0].startswith("SHOUTED")
    found = shop.issues(connection="shop").filter(pl.col("record_key") == row["record_key"])
    assert "title" in found["field"].to_list()
    assert statuses(shop) == [hooks.DONE]
    assert shop.waiting_events() == []


def test_an_event_that_comes_twice_is_worked_on_once(shop: Workspace, twin: Twin) -> None:
    row = single(shop)
    twin.state.edit(row["record_key"], "title", "Another title")
    for _ in range(3):
        assert shop.receive("shop", sent({"id": int(row["record_key"])}, "product.updated")).status == 200
    assert shop.handle_events("shop").counts["events"] == 1
    assert shop.receive("shop", sent({"id": int(row["record_key"])}, "product.updated")).status == 200
    assert shop.handle_events("shop").counts["events"] == 0


def test_our_own_writing_comes_back_as_an_echo(shop: Workspace, twin: Twin) -> None:
    waiting = shop.issues(status="pending", connection="shop").filter(
        (pl.col("kind") == "product") & pl.col("suggested").is_not_null() & (pl.col("field") == "title")
    )
    issue = waiting.row(0, named=True)
    shop.decide([issue["issue_id"]], "approved", by="ana")
    assert shop.push("shop").counts["verified"] == 1
    shop.receive("shop", sent({"id": int(issue["record_key"])}, "product.updated", "echo-1"))
    run = shop.handle_events("shop")
    assert (run.counts["events"], run.counts["echoes"], run.counts["issues"]) == (1, 1, 0)
    assert statuses(shop) == [hooks.ECHO]


def test_a_forged_event_changes_nothing_and_is_noted(shop: Workspace, twin: Twin) -> None:
    asked = len(twin.requests)
    forged = sent({"id": int(single(shop)["record_key"])}, "product.updated", secret="guessed")
    assert shop.receive("shop", forged).status == 401
    assert statuses(shop) == []
    assert len(twin.requests) == asked
    actions = [row["action"] for row in shop.store.rows(sa.select(audit_log.c.action))]
    assert actions[-1] == "event.refused"
    assert [shop.receive("shop", forged).status for _ in range(20)] == [401] * 20
    assert len(shop.store.rows(sa.select(audit_log.c.action))) == len(actions), "a stranger must not fill the audit log"


def test_what_nobody_can_use_is_answered(shop: Workspace) -> None:
    assert shop.receive("nowhere", sent({}, "product.updated")).status == 404
    large = Delivery("POST", "https://x", headers={}, body=b"x" * (hooks.LARGEST + 1))
    assert shop.receive("shop", large).status == 413
    ping = Delivery(
        "POST", "https://x", headers={"content-type": "application/x-www-form-urlencoded"}, body=b"webhook_id=1"
    )
    assert shop.receive("shop", ping).status == 200
    assert shop.receive("shop", sent({"id": 1}, "customer.updated")).status == 200
    shop.handle_events("shop")
    assert statuses(shop) == [hooks.IGNORED]


def test_a_platform_that_is_down_leaves_its_events_waiting(shop: Workspace, twin: Twin) -> None:
    row = single(shop)
    twin.state.edit(row["record_key"], "title", "Another title")
    shop.receive("shop", sent({"id": int(row["record_key"])}, "product.updated"))
    twin.fault("500", count=1000)
    assert "wait on" in shop.handle_events_calmly("shop")
    assert shop.waiting_events() == ["shop"]


def test_an_event_that_names_nothing_is_not_lost_among_those_that_do(shop: Workspace, twin: Twin) -> None:
    first, second, changed = shop.lake.current("shop", "product").collect()["record_key"].to_list()[:3]
    twin.state.edit(changed, "title", "Another title")
    named = Event("e-1", "several", "product", ((first, ""), (second, "")))
    hooks._keep(shop, "shop", [named, Event("e-2", "something", "product")])
    shop.handle_events("shop")
    assert shop.lake.find("shop", "product", [changed])["title"][0] == "Another title"


def test_events_of_a_connection_that_is_not_there_stop_nobody_else(shop: Workspace) -> None:
    hooks._keep(shop, "gone", [Event("e-1", "something", "product")])
    assert "wait on" in shop.handle_events_calmly("gone")
    assert shop.waiting_events() == ["gone"]


def test_a_customer_leaves_every_snapshot(shop: Workspace, twin: Twin) -> None:
    orders = shop.lake.current("shop", "order").collect()
    gone, kept = orders.row(0, named=True), orders.row(1, named=True)
    twin.state.edit(gone["record_key"], "ship_city", "Elsewhere")
    shop.sync("shop", ("order",), push=False)
    assert shop.lake.erase("shop", keys=[gone["record_key"]]) == 1
    texts = [path.read_bytes() for path in shop.lake.files("order")]
    frames = pl.concat([pl.read_parquet(path) for path in shop.lake.files("order")])
    assert texts
    whole = frames.write_csv()
    assert gone["email"] not in whole
    assert gone["ship_street"] not in whole
    assert kept["email"] in whole
    assert shop.lake.find("shop", "order", [gone["record_key"]])["total"][0] == gone["total"]


class TestAccountDeletion:
    """eBay's: our address is tested by a code, the sender by a key that is asked for, and the buyer is forgotten."""

    @pytest.fixture
    def ebay(self, workspace: Workspace) -> Iterator[tuple[Workspace, Any]]:
        with serve("ebay", catalogue=make_catalogue(5, products=6, orders=6), seed=5) as twin:
            workspace.connector_options = {"sleep": lambda seconds: None}
            workspace.connect("ebay", name="shop", credentials=twin.credentials)
            workspace.sync("shop", ("order",), push=False)
            yield workspace, twin

    def test_the_address_is_proven(self, ebay: tuple[Workspace, Any]) -> None:
        workspace, twin = ebay
        asked = Delivery("GET", "https://hooks.example.com/hooks/shop", query={"challenge_code": "c-1"})
        reply = workspace.receive("shop", asked)
        expected = hashlib.sha256(f"c-1{twin.verification_token}https://hooks.example.com/hooks/shop".encode())
        assert json.loads(reply.body) == {"challengeResponse": expected.hexdigest()}
        assert reply.content_type == "application/json"

    def test_the_buyer_is_erased(self, ebay: tuple[Workspace, Any]) -> None:
        workspace, twin = ebay
        orders = workspace.lake.current("shop", "order").collect()
        gone = next(row for row in orders.iter_rows(named=True) if json.loads(row["raw"])["buyer"].get("username"))
        who = json.loads(gone["raw"])["buyer"]["username"]
        body, signature = twin.notification(
            "MARKETPLACE_ACCOUNT_DELETION", {"username": who, "userId": "u-1", "eiasToken": "e"}
        )
        forged = Delivery("POST", "https://x", headers={"x-ebay-signature": signature}, body=body + b" ")
        assert workspace.receive("shop", forged).status == 401
        sent = Delivery("POST", "https://x", headers={"x-ebay-signature": signature}, body=body)
        assert workspace.receive("shop", sent).status == 200
        assert workspace.handle_events("shop").counts["erased"] >= 1
        kept = workspace.lake.find("shop", "order", [gone["record_key"]])
        assert (kept["buyer_name"][0], kept["email"][0], kept["raw"][0]) == ("", "", "")
        assert all(who not in str(row) for row in workspace.store.rows(sa.select(webhook_events)))
