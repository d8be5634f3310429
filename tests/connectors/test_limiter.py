"""Limits of an account: documented rates, the server's own figures first, pauses for all, quotas of a day."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from connectors.client import Client
from connectors.errors import RateLimitError
from connectors.limits import Limiter, Limits, Rate, Room, retry_after_s, shared
from connectors.manners import Manners, Patience


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def room(headers: Mapping[str, str]) -> Room:
    def number(name: str) -> float | None:
        return float(headers[name]) if name in headers else None

    return Room(number("x-left"), number("x-reset"), number("x-rate"), number("x-today"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(clock: Clock, **operations: Rate) -> Limiter:
    return Limiter(Limits(Rate(per_second=10, burst=2), operations, room), clock)


def test_each_operation_has_its_own_bucket(clock: Clock) -> None:
    one = limiter(clock, slow=Rate(per_second=0.1, burst=1))
    assert one.take(operation="slow") == 0
    assert one.take(operation="slow") == pytest.approx(10)
    assert one.take() == 0


def test_the_servers_rate_replaces_the_documented_one(clock: Clock) -> None:
    one = limiter(clock)
    one.answered({"X-Rate": "1"})
    assert [round(one.take(), 1) for _ in range(4)] == [0, 0, 1, 2]


def test_an_exhausted_window_is_waited_for(clock: Clock) -> None:
    one = limiter(clock)
    one.answered({"X-Left": "0", "X-Reset": "7"})
    assert one.take() == pytest.approx(7)
    assert one.take() == pytest.approx(7.1), "one after the other, not all at once"


def test_headers_that_cannot_be_read_are_ignored(clock: Clock) -> None:
    one = limiter(clock)
    one.answered({"X-Left": "many"})
    assert one.take() == 0


def test_a_quota_of_a_day_ends_the_run_and_comes_back(clock: Clock) -> None:
    one = limiter(clock, daily=Rate(per_second=100, burst=100, per_day=3))
    for _ in range(3):
        one.take(operation="daily")
    with pytest.raises(RateLimitError, match="3 calls a day") as caught:
        one.take(operation="daily")
    assert caught.value.retry_after_s == pytest.approx(86_400)
    clock.now += 86_401
    assert one.take(operation="daily") == 0


def test_the_servers_count_of_the_day_counts(clock: Clock) -> None:
    one = limiter(clock, daily=Rate(per_second=100, burst=100, per_day=100))
    one.answered({"X-Today": "1"}, "daily")
    one.take(operation="daily")
    with pytest.raises(RateLimitError):
        one.take(operation="daily")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("3", 3), ("-4", 0), ("Thu, 01 Jan 1970 00:00:30 GMT", 20), ("soon", None), ("inf", None), ("", None)],
)
def test_retry_after_by_number_and_by_date(header: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": header}, now=10.0) == seconds


def test_two_connections_of_one_account_wait_together_and_go_on_one_by_one(clock: Clock) -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "30"}), httpx.Response(200, json={})])
    one = shared("herd", "account", lambda: limiter(clock))
    assert shared("herd", "account", lambda: limiter(clock)) is one
    pauses: list[float] = []

    def client(transport: httpx.BaseTransport) -> Client:
        return Client(
            "https://shop.example.com",
            Manners("herd"),
            limit=one,
            transport=transport,
            sleep=pauses.append,
            clock=clock,
        )

    with_pause = client(httpx.MockTransport(lambda request: next(answers)))
    with_pause.send("GET", "a")
    assert pauses == [30]
    assert with_pause.traffic.throttled == 1
    others = [client(httpx.MockTransport(lambda request: httpx.Response(200, json={}))) for _ in range(3)]
    for other in others:
        other.send("GET", "b")
    assert all(pause > 29 for pause in pauses[1:]), "nobody goes on before the platform's pause is over"
    assert len({round(pause, 3) for pause in pauses[1:]}) == 3, "and not all at the same moment"


def test_a_run_has_a_budget_of_calls() -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    client = Client(
        "https://shop.example.com",
        Manners("shop"),
        connection="mine",
        patience=Patience(requests=3),
        transport=httpx.MockTransport(answer),
    )
    for _ in range(3):
        client.send("GET", "a")
    with pytest.raises(RateLimitError, match=r"'mine'.*3 calls"):
        client.send("GET", "a")
    assert len(sent) == 3
