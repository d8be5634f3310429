"""The address for events over real HTTP: only what is signed gets in, and what gets in is worked on by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import httpx
import pytest

from connectors.sandbox import Twin, make_catalogue, serve
from engine import Workspace
from engine.settings import load_settings
from ui.events import open_events

SECRET = "a secret of the webhooks"  # noqa: S105


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("woocommerce", catalogue=make_catalogue(5, products=6, orders=2), seed=5) as running:
        yield running


@pytest.fixture
def workspace(tmp_path, twin: Twin) -> Iterator[Workspace]:
    settings = load_settings(
        database=f"sqlite:///{tmp_path / 'c.db'}",
        lake=tmp_path / "lake",
        key_file=tmp_path / "key",
        embedder="character",
    )
    opened = Workspace(settings=settings)
    opened.connector_options = {"sleep": lambda seconds: None}
    opened.connect("woocommerce", name="shop", credentials={**twin.credentials, "webhook_secret": SECRET})
    opened.sync("shop", push=False)
    yield opened
    opened.close()


def post(address: str, body: object, secret: str = SECRET) -> httpx.Response:
    raw = json.dumps(body).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {
        "X-WC-Webhook-Topic": "product.updated",
        "X-WC-Webhook-Delivery-ID": "1",
        "X-WC-Webhook-Signature": signature,
    }
    return httpx.post(f"{address}hooks/shop", content=raw, headers=headers)


def test_an_event_is_taken_and_worked_on(workspace: Workspace, twin: Twin) -> None:
    key = workspace.lake.current("shop", "product").collect()["record_key"][0]
    twin.state.edit(key, "title", "Changed in the shop")
    with open_events(workspace, every_s=0.05) as address:
        assert post(address, {"id": int(key)}).status_code == 200
        ends = time.monotonic() + 20
        while workspace.lake.find("shop", "product", [key])["title"][0] != "Changed in the shop":
            assert time.monotonic() < ends
            time.sleep(0.05)


def test_nothing_else_is_there(workspace: Workspace) -> None:
    with open_events(workspace) as address:
        assert post(address, {"id": 1}, secret="guessed").status_code == 401
        assert httpx.get(address).status_code == 404
        assert httpx.post(f"{address}hooks/other", content=b"{}").status_code == 404
        assert httpx.post(f"{address}hooks/shop", content=b"x" * 3_000_000).status_code == 413
        assert httpx.put(f"{address}hooks/shop", content=b"{}").status_code == 405
