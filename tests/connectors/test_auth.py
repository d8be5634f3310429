"""Authentication schemes, without a network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.auth import ClientCredentials, HeaderKey, QueryKeys, SignedOAuth, TokenCache
from connectors.errors import CredentialError, ProtocolError, RateLimitError, UnavailableError
from connectors.redaction import Secrets

SHARED = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[3] / "shared"))
OBSERVED = SHARED / "specs" / "woocommerce" / "observed.json"


def sent(auth: httpx.Auth, *requests: tuple[str, str]) -> list[httpx.Request]:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(200))  # type: ignore[func-returns-value]
    with httpx.Client(auth=auth, transport=transport) as client:
        for method, url in requests:
            client.request(method, url)
    return seen


def test_a_key_in_a_header() -> None:
    assert sent(HeaderKey("X-Key", "abc"), ("GET", "https://x.example/"))[0].headers["x-key"] == "abc"


def test_keys_in_the_query_leave_the_rest_of_it() -> None:
    (request,) = sent(QueryKeys({"key": "a&b"}), ("GET", "https://x.example/?page=2"))
    assert dict(request.url.params) == {"page": "2", "key": "a&b"}


def test_signatures_that_a_live_shop_accepted() -> None:
    if not OBSERVED.is_file():
        pytest.skip(f"no recorded vectors at {OBSERVED} (CHANNELMEND_SHARED)")
    vectors = next(one["observed"] for one in json.loads(OBSERVED.read_text()) if one["name"].startswith("OAuth"))
    assert {one["oauth_signature_method"] for one in vectors} == {"HMAC-SHA1", "HMAC-SHA256"}
    for one in vectors:
        auth = SignedOAuth(
            one["consumer_key"],
            one["consumer_secret"],
            in_query=True,
            method=one["oauth_signature_method"],
            clock=lambda one=one: float(one["oauth_timestamp"]),
            nonce=lambda one=one: one["oauth_nonce"],
        )
        (request,) = sent(auth, (one["method"], str(httpx.URL(one["url"], params=one["query"]))))
        assert request.url.params["oauth_signature"] == one["oauth_signature"]
        assert {name: request.url.params[name] for name in one["query"]} == one["query"]


def test_a_signature_is_new_for_every_call_and_hides_the_secret() -> None:
    auth = SignedOAuth("ck_1", "cs_secret", in_query=True)
    first, second = sent(auth, ("GET", "http://x.example/?a=1"), ("GET", "http://x.example/?a=1"))
    assert first.url.params["oauth_nonce"] != second.url.params["oauth_nonce"]
    assert "cs_secret" not in str(first.url) + repr(auth)


def test_a_request_that_is_sent_again_is_signed_anew() -> None:
    nonces = iter(["one", "two"])
    auth = SignedOAuth("ck_1", "cs_1", in_query=True, clock=lambda: 5.0, nonce=lambda: next(nonces))
    request = httpx.Request("GET", "http://x.example/?a=1")
    for nonce in ("one", "two"):
        request = next(auth.auth_flow(request))
        assert request.url.params.get_list("oauth_nonce") == [nonce]
        assert len(request.url.params.get_list("oauth_signature")) == 1
        fresh = SignedOAuth("ck_1", "cs_1", in_query=True, clock=lambda: 5.0, nonce=lambda nonce=nonce: nonce)
        expected = next(fresh.auth_flow(httpx.Request("GET", "http://x.example/?a=1")))
        assert request.url.params["oauth_signature"] == expected.url.params["oauth_signature"]


class TokenShop:
    """A server that gives tokens and accepts the newest only."""

    def __init__(self, answer: httpx.Response | None = None) -> None:
        self.given = 0
        self.asked: list[str] = []
        self.answer = answer
        self.now = 1000.0
        self.known = Secrets()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/token":
            if self.answer is not None:
                return self.answer
            self.given += 1
            return httpx.Response(200, json={"access_token": f"token-{self.given}", "expires_in": 3600})
        return httpx.Response(200 if request.headers.get("x-token") == f"token-{self.given}" else 401)

    def client(self, cache: TokenCache) -> httpx.Client:
        auth = ClientCredentials(
            "https://x.example/token",
            "id-1",
            "very-secret",
            header="x-token",
            scheme="",
            cache=cache,
            clock=lambda: self.now,
            known=self.known,
        )
        return httpx.Client(auth=auth, transport=httpx.MockTransport(self))


def test_a_token_is_fetched_once_and_shared() -> None:
    shop, cache = TokenShop(), TokenCache()
    with shop.client(cache) as one, shop.client(cache) as other:
        assert [client.get("https://x.example/a").status_code for client in (one, one, other)] == [200] * 3
    assert shop.asked.count("/token") == 1
    assert shop.known.redact("token-1") != "token-1"
    assert "token-1" not in repr(cache)


def test_a_token_is_renewed_before_it_ends() -> None:
    shop, cache = TokenShop(), TokenCache()
    with shop.client(cache) as client:
        client.get("https://x.example/a")
        shop.now += 3600 - 301
        client.get("https://x.example/a")
        assert shop.given == 1
        shop.now += 2
        client.get("https://x.example/a")
        assert shop.given == 2


def test_a_token_that_was_revoked_is_replaced_once() -> None:
    shop, cache = TokenShop(), TokenCache()
    with shop.client(cache) as client:
        client.get("https://x.example/a")
        shop.given = 7
        assert client.get("https://x.example/a").status_code == 200
        assert shop.asked == ["/token", "/a", "/a", "/token", "/a"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            httpx.Response(400, json={"error": "invalid_client", "error_description": "very-secret is wrong"}),
            CredentialError,
        ),
        (httpx.Response(200, json={"token_type": "x"}), CredentialError),
        (httpx.Response(200, text="<html>"), ProtocolError),
        (httpx.Response(200, json=[1]), CredentialError),
        (httpx.Response(429), RateLimitError),
        (httpx.Response(503), UnavailableError),
    ],
)
def test_a_token_that_is_not_given(answer: httpx.Response, error: type[Exception]) -> None:
    shop: Any = TokenShop(answer)
    shop.known.add("very-secret")
    with shop.client(TokenCache()) as client, pytest.raises(error) as caught:
        client.get("https://x.example/a")
    assert "very-secret" not in str(caught.value)
