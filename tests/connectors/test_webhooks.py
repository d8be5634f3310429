"""Who may send an event: every kind of signature, right and wrong; and what each platform's deliveries speak of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given as property_of
from hypothesis import strategies as st
from standardwebhooks import Webhook as StandardWebhook

from connectors.platform import platforms
from connectors.webhooks import Delivery, Ecdsa, Hmac, Password, SignatureError, Standard

WITH_EVENTS = [one for one in platforms().values() if one.webhook is not None]


def nobody(path: str) -> Any:
    raise AssertionError(f"asked for {path}")


def delivery(body: bytes, **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery("POST", "https://hooks.example.com/hooks/shop", headers=named, body=body)


def signed(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class TestHmac:
    SIGNATURE = Hmac("x-signature", "secret")

    @property_of(st.binary(max_size=200), st.text(min_size=1, max_size=40))
    def test_what_is_signed_with_the_secret_is_believed(self, body: bytes, secret: str) -> None:
        sent = delivery(body, x_signature=signed(body, secret))
        self.SIGNATURE.check(sent, {"secret": secret}, nobody)

    @property_of(st.binary(max_size=50), st.binary(min_size=1, max_size=50))
    def test_another_body_is_not(self, body: bytes, more: bytes) -> None:
        sent = delivery(body + more, x_signature=signed(body, "key"))
        with pytest.raises(SignatureError):
            self.SIGNATURE.check(sent, {"secret": "key"}, nobody)

    @pytest.mark.parametrize("signature", ["", "x", "é", base64.b64encode(b"0" * 32).decode()])
    def test_nonsense_is_refused_without_showing_the_secret(self, signature: str) -> None:
        with pytest.raises(SignatureError) as caught:
            self.SIGNATURE.check(delivery(b"{}", x_signature=signature), {"secret": "very-secret"}, nobody)
        assert "very-secret" not in str(caught.value)

    def test_without_a_secret_nothing_is_believed(self) -> None:
        with pytest.raises(SignatureError, match="add it to the connection"):
            self.SIGNATURE.check(delivery(b"{}", x_signature=signed(b"{}", "")), {}, nobody)

    def test_a_secret_with_entities_signs_resolved(self) -> None:
        escaped = Hmac("x-signature", "secret", is_escaped=True)
        escaped.check(delivery(b"{}", x_signature=signed(b"{}", "a&b")), {"secret": "a&amp;b"}, nobody)


class TestPassword:
    GIVEN = {"user": "ann", "word": "opens sesame"}  # noqa: RUF012

    def test_the_pair_that_the_merchant_chose(self) -> None:
        pair = base64.b64encode(b"ann:opens sesame").decode()
        Password("user", "word").check(delivery(b"{}", authorization=f"Basic {pair}"), self.GIVEN, nobody)

    @pytest.mark.parametrize("header", ["", "Basic", "Basic eDp5", "Bearer x", "é"])
    def test_anything_else(self, header: str) -> None:
        with pytest.raises(SignatureError):
            Password("user", "word").check(delivery(b"{}", authorization=header), self.GIVEN, nobody)


class TestStandard:
    SECRET = "a client secret of 32 characters"

    def sent(self, body: bytes, *, at: datetime | None = None) -> Delivery:
        moment = at or datetime.now(UTC)
        key = base64.b64encode(self.SECRET.encode()).decode()
        signature = StandardWebhook(key).sign("msg_1", moment, body.decode())
        stamp = str(int(moment.timestamp()))
        return delivery(body, webhook_id="msg_1", webhook_timestamp=stamp, webhook_signature=signature)

    def test_a_fresh_one_is_believed(self) -> None:
        Standard("secret", is_plain=True).check(self.sent(b'{"a": 1}'), {"secret": self.SECRET}, nobody)

    def test_an_old_one_is_a_replay(self) -> None:
        old = self.sent(b"{}", at=datetime(2026, 1, 1, tzinfo=UTC))
        with pytest.raises(SignatureError):
            Standard("secret", is_plain=True).check(old, {"secret": self.SECRET}, nobody)

    def test_a_changed_one_is_refused(self) -> None:
        good = self.sent(b'{"a": 1}')
        forged = Delivery("POST", good.url, headers=good.headers, body=b'{"a": 2}')
        with pytest.raises(SignatureError):
            Standard("secret", is_plain=True).check(forged, {"secret": self.SECRET}, nobody)


class TestEcdsa:
    PATH = "/keys/{kid}"

    def parts(self, kid: str) -> tuple[ec.EllipticCurvePrivateKey, Callable[[str], Any], list[str]]:
        private, asked = ec.generate_private_key(ec.SECP256R1()), []
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

        def ask(path: str) -> Any:
            asked.append(path)
            # As the platform gives it: in one line.
            return {"key": pem.replace("\n", ""), "algorithm": "ECDSA", "digest": "SHA1"}

        return private, ask, asked

    def sent(self, private: ec.EllipticCurvePrivateKey, body: bytes, kid: str) -> Delivery:
        signature = private.sign(body, ec.ECDSA(hashes.SHA1()))  # noqa: S303
        stated = {"alg": "ecdsa", "kid": kid, "signature": base64.b64encode(signature).decode(), "digest": "SHA1"}
        return delivery(body, x_signature=base64.b64encode(json.dumps(stated).encode()).decode())

    def test_the_key_is_asked_for_once(self) -> None:
        private, ask, asked = self.parts("key-1")
        check = Ecdsa("x-signature", self.PATH).check
        for number in range(3):
            check(self.sent(private, f"body {number}".encode(), "key-1"), {}, ask)
        assert asked == ["/keys/key-1"]

    def test_another_key_is_refused(self) -> None:
        _, ask, _ = self.parts("key-2")
        forged = self.sent(ec.generate_private_key(ec.SECP256R1()), b"body", "key-2")
        with pytest.raises(SignatureError):
            Ecdsa("x-signature", self.PATH).check(forged, {}, ask)

    @pytest.mark.parametrize("kid", ["../../secrets", "a/b", "", "a?b=c"])
    def test_a_key_name_never_becomes_another_address(self, kid: str) -> None:
        private, ask, asked = self.parts(kid)
        with pytest.raises(SignatureError):
            Ecdsa("x-signature", self.PATH).check(self.sent(private, b"body", kid), {}, ask)
        assert asked == []


@pytest.mark.parametrize("platform", WITH_EVENTS, ids=lambda one: one.name)
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"id": {"a": []}}', b"\xff\xfe", b'{"data": "x"}'])
def test_hostile_bodies_are_survived(platform: Any, body: bytes) -> None:
    try:
        found = list(platform.webhook.events(delivery(body)))
    except ValueError:
        return
    assert all(one.event_id for one in found)


@pytest.mark.parametrize("platform", WITH_EVENTS, ids=lambda one: one.name)
def test_an_unsigned_event_is_refused(platform: Any) -> None:
    credentials = {one.name: "0123456789abcdef" for one in platform.credentials}
    with pytest.raises(SignatureError):
        platform.webhook.signature.check(delivery(b"{}"), credentials, nobody)


def test_woocommerce_signs_as_a_live_shop_does(shared: Path) -> None:
    recorded = json.loads((shared / "specs" / "woocommerce" / "recorded.json").read_text())
    # Of the other recorded delivery the body was parsed, so that its signature cannot be checked again.
    one = next(
        one
        for one in recorded
        if "X-WC-Webhook-Signature" in one.get("request", {}).get("headers", {})
        and isinstance(one["request"]["body"], str)
    )
    webhook = platforms()["woocommerce"].webhook
    assert webhook is not None
    headers = {name.lower(): value for name, value in one["request"]["headers"].items()}
    sent = Delivery(
        "POST", "https://hooks.example.com/hooks/shop", headers=headers, body=one["request"]["body"].encode()
    )
    webhook.signature.check(sent, {"webhook_secret": "hook-secret-1"}, nobody)
    (event,) = webhook.events(sent)
    assert (event.event_id, event.topic) == (headers["x-wc-webhook-delivery-id"], "product.updated")
    assert (event.kind, event.keys) == ("product", (("80", ""),))


def test_shopify_samples_name_their_records(shared: Path) -> None:
    folder = shared / "specs" / "shopify" / "webhook-samples"
    webhook = platforms()["shopify"].webhook
    assert webhook is not None
    kinds = {"products/update": "product", "orders/updated": "order", "customers/redact": "erasure"}
    for name, kind in kinds.items():
        sample = json.loads((folder / f"{name.replace('/', '_')}.json").read_text())["response"]
        sent = delivery(json.dumps(sample).encode(), x_shopify_topic=name, x_shopify_event_id="e-1")
        (event,) = webhook.events(sent)
        assert (event.event_id, event.kind) == ("e-1", kind)
        assert all(key.startswith("gid://shopify/") for key, _ in event.keys)
