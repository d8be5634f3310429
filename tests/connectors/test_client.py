"""The client: what is sent again, how long it waits, and what its errors say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from connectors.client import Client
from connectors.errors import (
    Action,
    CredentialError,
    ProtocolError,
    RateLimitError,
    RefusedError,
    UnavailableError,
)
from connectors.limits import TokenBucket
from connectors.manners import Manners, Patience
from connectors.redaction import HIDDEN, Secrets

NOW = 1_800_000_000.0
SECRET = "s3cr3t/with+signs=="

Reply = httpx.Response | Exception


class Bench:
    """A client whose network is a list of replies and whose pauses are noted."""

    def __init__(self, *replies: Reply, patience: Patience | None = None, **options: Any) -> None:
        self.pauses: list[float] = []
        self.requests: list[httpx.Request] = []
        self._replies = iter(replies)
        manners = options.pop("manners", Manners("bazaar", words=lambda body: body["message"]))
        self.client = Client(
            "https://bazaar.example/api",
            manners,
            connection="my-shop",
            secrets=Secrets([SECRET]),
            patience=patience or Patience(),
            transport=httpx.MockTransport(self._answer),
            sleep=self.pauses.append,
            clock=lambda: NOW,
            random=lambda: 0.5,
            **options,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply


def good(value: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"value": value}, headers={"x-request-id": "r-1"})


def bad(status: int, headers: dict[str, str] | None = None, message: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"message": message}, headers=headers)


def test_a_good_answer_is_decoded() -> None:
    bench = Bench(good(5))
    answer = bench.client.send("GET", "/things", params={"page": "2"})
    assert (answer.status, answer.value, answer.request_id) == (200, {"value": 5}, "r-1")
    assert str(bench.requests[0].url) == "https://bazaar.example/api/things?page=2"
    assert bench.pauses == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, 0.75),
        ({"retry-after": "inf"}, 0.75),
        ({}, 0.75),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_platforms_advice_comes_first(headers: dict[str, str], expected: float, status: int) -> None:
    bench = Bench(bad(status, headers), good())
    bench.client.send("GET", "/things")
    assert bench.client.traffic.waited_s == pytest.approx(expected)
    assert bench.client.traffic.retries == 1
    assert bench.client.traffic.throttled == (1 if status == 429 else 0)


def test_pauses_grow_and_are_capped() -> None:
    bench = Bench(*[bad(500)] * 6, patience=Patience(attempts=6, first_s=1, longest_s=5))
    with pytest.raises(UnavailableError):
        bench.client.send("GET", "/things")
    # Half of each is fixed, half random; randomness stands at 0.5.
    assert bench.pauses == pytest.approx([0.75, 1.5, 3.0, 3.75, 3.75])
    assert len(bench.requests) == 6


def test_advice_beyond_all_patience_ends_at_once() -> None:
    bench = Bench(bad(429, {"retry-after": "86400"}))
    with pytest.raises(RateLimitError) as caught:
        bench.client.send("GET", "/things")
    assert caught.value.retry_after_s == 86400
    assert bench.pauses == []


def test_the_runs_budget_is_for_all_requests_together() -> None:
    bench = Bench(
        bad(429, {"retry-after": "60"}), good(), bad(429, {"retry-after": "60"}), patience=Patience(budget_s=100)
    )
    bench.client.send("GET", "/one")
    with pytest.raises(RateLimitError):
        bench.client.send("GET", "/two")
    assert bench.pauses == [60]


BROKEN = [
    lambda: bad(500),
    lambda: httpx.ReadTimeout("silence"),
    lambda: httpx.RemoteProtocolError("closed"),
    lambda: httpx.Response(200, text="<html>"),
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(
    ("method", "idempotent", "again"),
    [("GET", None, True), ("PUT", None, True), ("POST", None, False), ("POST", True, True), ("PUT", False, False)],
)
def test_only_what_does_no_harm_is_sent_twice(
    broken: Callable[[], Reply], method: str, idempotent: bool | None, again: bool
) -> None:
    bench = Bench(broken(), good())
    if again:
        bench.client.send(method, "/things", idempotent=idempotent)
    else:
        with pytest.raises((UnavailableError, ProtocolError)):
            bench.client.send(method, "/things", idempotent=idempotent)
    assert len(bench.requests) == (2 if again else 1)


@pytest.mark.parametrize("reply", [bad(429), httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")])
def test_what_never_arrived_or_was_turned_away_may_be_sent_again(reply: Reply) -> None:
    bench = Bench(reply, good())
    bench.client.send("POST", "/things", body={"a": 1})
    assert [json.loads(request.content) for request in bench.requests] == [{"a": 1}] * 2


@pytest.mark.parametrize(
    ("status", "error", "action"),
    [
        (400, RefusedError, Action.FAIL),
        (401, CredentialError, Action.REAUTHENTICATE),
        (403, CredentialError, Action.REAUTHENTICATE),
        (404, RefusedError, Action.FAIL),
        (422, RefusedError, Action.FAIL),
        (301, CredentialError, Action.REAUTHENTICATE),
    ],
)
def test_a_refusal_is_not_repeated(status: int, error: type[Exception], action: Action) -> None:
    bench = Bench(bad(status, {"x-request-id": "r-9", "location": "https://other.example"}, "because"))
    with pytest.raises(error) as caught:
        bench.client.send("GET", "/things")
    assert len(bench.requests) == 1
    assert (caught.value.action, caught.value.status, caught.value.request_id) == (action, status, "r-9")  # type: ignore[attr-defined]
    assert "because" in str(caught.value)
    assert "my-shop" in str(caught.value)


def test_a_redirect_is_named_and_never_followed_with_the_key() -> None:
    bench = Bench(bad(302, {"location": "https://evil.example/x"}))
    with pytest.raises(CredentialError, match=r"https://evil\.example/x"):
        bench.client.send("GET", "/things")
    assert [request.url.host for request in bench.requests] == ["bazaar.example"]


def test_a_platform_may_say_what_a_status_means() -> None:
    manners = Manners(
        "bazaar", actions={404: Action.REAUTHENTICATE}, advice={Action.REAUTHENTICATE: "Look at the shop id."}
    )
    with pytest.raises(CredentialError, match=r"Look at the shop id\."):
        Bench(bad(404), manners=manners).client.send("GET", "/things")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<!DOCTYPE html><p>Just a moment", "web page"),
        (b'{"rows": [1, 2', "cut off or damaged"),
        (b'{"price": NaN}', "cut off or damaged"),
        (b"[" * 100_000, "cut off or damaged"),
    ],
)
def test_an_answer_that_is_no_json_is_shown_from_its_beginning(content: bytes, expected: str) -> None:
    bench = Bench(*[httpx.Response(200, content=content) for _ in range(3)])
    with pytest.raises(ProtocolError, match=expected) as caught:
        bench.client.send("GET", "/things")
    assert content[:10].decode() in str(caught.value)
    assert "status 200" in str(caught.value)
    assert len(str(caught.value)) < 600
    assert len(bench.requests) == 3


def test_an_endless_answer_is_given_up() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    bench = Bench(*[httpx.Response(200, content=endless()) for _ in range(3)], patience=Patience(largest_answer=10_000))
    with pytest.raises(ProtocolError, match="larger than 10000 bytes"):
        bench.client.send("GET", "/things")


def test_a_document_of_one_endless_line_is_given_up() -> None:
    def endless() -> Iterator[bytes]:
        yield b"first\n"
        while True:
            yield b"x" * 1000

    bench = Bench(httpx.Response(200, content=endless()), patience=Patience(largest_answer=10_000))
    lines = bench.client.lines("https://storage.example.com/signed")
    assert next(lines) == b"first"
    with pytest.raises(ProtocolError, match="larger than 10000 bytes"):
        next(lines)


def test_an_answer_that_only_drips_is_given_up() -> None:
    time = iter(range(0, 100_000, 200))

    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    client = Client(
        "https://bazaar.example",
        Manners("bazaar"),
        patience=Patience(attempts=1, answer_s=300),
        transport=httpx.MockTransport(lambda request: httpx.Response(200, content=drip())),
        clock=lambda: float(next(time)),
    )
    with pytest.raises(UnavailableError, match="not complete after 300 s"):
        client.send("GET", "/things")


@pytest.mark.parametrize(
    "reply",
    [
        bad(400, message=f"key {SECRET} is unknown"),
        bad(401, message="s3cr3t%2Fwith%2Bsigns%3D%3D"),
        httpx.Response(500, text=f"<p>{SECRET}</p>"),
        httpx.Response(200, text=f"<p>{SECRET}</p>"),
        httpx.ConnectError(f"cannot reach https://x/?key={SECRET}"),
        bad(302, {"location": f"https://x/?key={SECRET}"}),
    ],
)
def test_no_secret_in_any_message(reply: Reply) -> None:
    bench = Bench(reply, patience=Patience(attempts=1))
    with pytest.raises(Exception, match="my-shop") as caught:
        bench.client.send("GET", "/things")
    error: Any = caught.value
    assert "s3cr3t" not in str(error) + repr(error) + error.words
    assert HIDDEN in str(error)


def test_the_limit_is_asked_before_every_try() -> None:
    limit = TokenBucket(per_second=2, burst=1, clock=lambda: NOW)
    bench = Bench(good(), bad(500), good(), limit=limit)
    bench.client.send("GET", "/one")
    bench.client.send("GET", "/two")
    assert bench.pauses == pytest.approx([0.5, 0.75, 1.0])
    assert bench.client.traffic.requests == 3


def test_a_judge_can_refuse_a_good_status() -> None:
    def judge(answer: Any) -> None:
        if answer.value["value"] == "busy":
            raise RateLimitError("busy", retry_after_s=3)

    bench = Bench(good("busy"), good("done"))
    assert bench.client.send("POST", "/things", judge=judge).value == {"value": "done"}
    assert bench.pauses == [3]
    assert bench.client.traffic.throttled == 1
