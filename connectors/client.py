"""One HTTP client for all platforms: retries, limits, size caps, request ids, and errors that say who must act.

A platform gives it a description (`Manners`) and, where an answer with status 200 can still be a failure, a function
that judges the body. Everything that a test must control is injected: transport, sleep, clock and randomness.
"""

from __future__ import annotations

import json
import random as random_module
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx
from tenacity import RetryCallState, Retrying

from connectors.errors import (
    Action,
    CredentialError,
    PlatformError,
    ProtocolError,
    RateLimitError,
    RefusedError,
    UnavailableError,
)
from connectors.limits import Limit
from connectors.manners import ADVICE, Answer, Manners, Patience
from connectors.platform import Traffic
from connectors.redaction import Secrets

__all__ = ["Client"]

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_GARBLED_TRIES = 3


Judge = Callable[[Answer], None]
"""Raises a `PlatformError` when an answer with a good status is a failure all the same."""


class Client:
    """Sends requests to one account.

    Parameters
    ----------
    address : str
        Scheme, host and path that every request's path is appended to.
    manners : Manners
    connection : str
        Name of the connection, for messages.
    auth : httpx.Auth or None
    headers : mapping of str to str
        Sent with every request.
    limit : Limit or None
        Asked before every request that names no limit of its own.
    secrets : Secrets
        Hidden in every message.
    patience : Patience
    traffic : Traffic or None
        Counted into.
    transport : httpx.BaseTransport or None
        Instead of the network, in tests.
    sleep, clock, random : callable
        `time.sleep`, `time.time`, `random.random`, or a test's own.
    """

    def __init__(
        self,
        address: str,
        manners: Manners,
        *,
        connection: str = "",
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        limit: Limit | None = None,
        secrets: Secrets | None = None,
        patience: Patience | None = None,
        traffic: Traffic | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.traffic = traffic or Traffic()
        self._address = address
        self._manners = manners
        self._connection = connection
        self._limit = limit
        self._secrets = secrets or Secrets()
        self._patience = patience or Patience()
        self._sleep = sleep
        self._clock = clock
        self._random = random
        self._http = httpx.Client(
            auth=auth,
            headers={"Accept": "application/json", "User-Agent": "Channelmend", **(headers or {})},
            timeout=httpx.Timeout(self._patience.read_s, connect=self._patience.connect_s),
            follow_redirects=False,
            transport=transport,
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        cost: float = 1.0,
        judge: Judge | None = None,
    ) -> Answer:
        """The decoded JSON answer to a request, sent again as often as that is safe and sensible.

        Parameters
        ----------
        method, path : str
            The path is appended to the address.
        params : mapping
            The query.
        body : object
            Sent as JSON; None sends none.
        headers : mapping of str to str
        idempotent : bool or None
            Whether sending it twice does no harm; None: what HTTP says of the method.
        cost : float
            What the call takes from the limit.
        judge : callable
            Looks at an answer with a good status.

        Raises
        ------
        CredentialError, RateLimitError, UnavailableError, ProtocolError, RefusedError
            As drawn in `connectors.errors`; the message holds no secret.
        """
        request = self._http.build_request(
            method,
            f"{self._address}/{path.lstrip('/')}",
            params=dict(params) if params else None,
            json=body,
            headers=headers,
        )
        safe = method.upper() in _IDEMPOTENT if idempotent is None else idempotent
        delay = 0.0

        def again(state: RetryCallState) -> bool:
            nonlocal delay
            error = state.outcome.exception() if state.outcome else None
            chosen = self._delay_before_retry(error, tries=state.attempt_number, safe=safe)
            delay = chosen or 0.0
            return chosen is not None

        def pause(seconds: float) -> None:
            self.traffic.retries += 1
            self._wait(seconds)

        # The decision also says how long; tenacity asks for the two one after the other.
        retrying = Retrying(retry=again, wait=lambda _state: delay, sleep=pause, reraise=True)
        return retrying(lambda: self._once(request, cost=cost, judge=judge))

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def _delay_before_retry(self, error: BaseException | None, *, tries: int, safe: bool) -> float | None:
        """Seconds until the next try, or None to give up: the one place where this is decided.

        The platform's own advice comes first, then what is wrong, then an exponential pause with jitter. A request
        that was refused for being too fast was not carried out, so it may be sent again whatever it does; after a
        network failure or a 5xx nobody knows, so only a harmless one is.
        """
        if not isinstance(error, PlatformError) or tries >= self._patience.attempts:
            return None
        if isinstance(error, RateLimitError):
            advice = error.retry_after_s
        elif isinstance(error, UnavailableError) and (safe or _never_sent(error)):
            advice = error.retry_after_s if isinstance(error, _UnansweredError) else None
        elif isinstance(error, ProtocolError) and safe and tries < _GARBLED_TRIES:
            # Maintenance pages and cut-off answers are mostly over soon.
            advice = None
        else:
            return None
        if advice is None:
            grown = min(self._patience.longest_s, self._patience.first_s * 2 ** (tries - 1))
            advice = grown / 2 + grown / 2 * self._random()
        elif advice > self._patience.longest_advice_s:
            return None
        return advice if self.traffic.waited_s + advice <= self._patience.budget_s else None

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.traffic.waited_s += seconds
            self._sleep(seconds)

    def _once(self, request: httpx.Request, *, cost: float, judge: Judge | None) -> Answer:
        if self._limit is not None:
            self._wait(self._limit.take(cost))
        self.traffic.requests += 1
        try:
            response = self._http.send(request, stream=True)
            try:
                content = self._content(response)
            finally:
                response.close()
        except PlatformError as error:
            # Raised while authenticating, which knows neither the platform's name nor the connection's.
            error.platform, error.connection = self._manners.platform, self._connection
            error.args = (f"{self._who()}: {error}",) if not str(error).startswith(self._who()) else error.args
            raise
        except httpx.InvalidURL as error:
            raise CredentialError(
                f"{self._who()}: the address cannot be called: {self._secrets.redact(str(error))}."
            ) from None
        except httpx.HTTPError as error:
            raise self._unavailable(request, error) from None
        request_id = next((response.headers[name] for name in self._manners.request_id if name in response.headers), "")
        if response.status_code >= 300:
            self._refuse(request, response, content, request_id)
        answer = Answer(response.status_code, response.headers, self._decode(response, content, request_id), request_id)
        if judge is not None:
            try:
                judge(answer)
            except PlatformError as error:
                if isinstance(error, RateLimitError):
                    self.traffic.throttled += 1
                raise
        return answer

    def _content(self, response: httpx.Response) -> bytes:
        started, size, parts = self._clock(), 0, []
        for part in response.iter_bytes():
            size += len(part)
            if size > self._patience.largest_answer:
                raise ProtocolError(
                    f"{self._who()}: the answer is larger than {self._patience.largest_answer} bytes and was not read. Ask for smaller pages.",
                    **self._where(response),
                )
            if self._clock() - started > self._patience.answer_s:
                raise httpx.ReadTimeout(
                    f"the answer was not complete after {self._patience.answer_s:g} s", request=response.request
                )
            parts.append(part)
        return b"".join(parts)

    def _decode(self, response: httpx.Response, content: bytes, request_id: str) -> Any:
        if not content.strip():
            return None
        try:
            return json.loads(content, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")
            raise ProtocolError(
                f"{self._who()}: expected JSON and got {kind} with status {response.status_code}, beginning "
                f"{self._excerpt(content)!r}. {_garbled_advice(content)}",
                **self._where(response, request_id),
                words=self._excerpt(content, 2000),
            ) from None

    def _refuse(self, request: httpx.Request, response: httpx.Response, content: bytes, request_id: str) -> NoReturn:
        status, action = response.status_code, self._manners.action(response.status_code)
        words = self._words(content)
        said = f" It says: {words!r}." if words else ""
        what = f"{self._who()}: {request.method} {request.url.path} was answered with status {status}.{said}"
        advice = self._manners.advice.get(action, ADVICE.get(action, ""))
        where = self._where(response, request_id)
        if 300 <= status < 400:
            target = self._secrets.redact(response.headers.get("location", "nowhere"))
            raise CredentialError(
                f"{what} It sends us on to {target}; put that address into the connection if it is yours.",
                **where,
                words=words,
            )
        message = f"{what} {advice}".strip()
        if action is Action.REAUTHENTICATE:
            raise CredentialError(message, **where, words=words)
        if action is Action.WAIT:
            self.traffic.throttled += 1
            raise RateLimitError(message, retry_after_s=self._retry_after(response), **where, words=words)
        if action is Action.RETRY:
            raise _UnansweredError(message, retry_after_s=self._retry_after(response), **where, words=words)
        raise RefusedError(message, **where, words=words)

    def _retry_after(self, response: httpx.Response) -> float | None:
        """Seconds that the platform asks for, by number or by date (RFC 9110, 10.2.3); None where it gives none."""
        text = response.headers.get("retry-after", "").strip()
        if not text:
            return None
        try:
            return max(0.0, float(text)) if float(text) < float("inf") else None
        except ValueError:
            pass
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - self._clock())

    def _unavailable(self, request: httpx.Request, error: httpx.HTTPError) -> UnavailableError:
        what = _FAILURES.get(type(error), "the connection broke")
        detail = self._secrets.redact(str(error)) or type(error).__name__
        return _UnansweredError(
            f"{self._who()}: {request.method} {request.url.host}{request.url.path}: {what} ({detail}). "
            "Check the address and the network, or try again later.",
            # Where no connection was made, nothing can have happened over there.
            never_sent=isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)),
            platform=self._manners.platform,
            connection=self._connection,
        )

    def _words(self, content: bytes) -> str:
        try:
            return self._secrets.redact(self._manners.words(json.loads(content)))
        except (ValueError, RecursionError, TypeError, AttributeError, KeyError, IndexError):
            return self._excerpt(content)

    def _excerpt(self, content: bytes, length: int = 200) -> str:
        # Hidden first and cut then: half a secret at the cut would not be recognised.
        return " ".join(self._secrets.redact(content[: 8 * length].decode("utf-8", "replace")).split())[:length]

    def _who(self) -> str:
        return (
            f"Connection {self._connection!r} ({self._manners.platform})"
            if self._connection
            else self._manners.platform
        )

    def _where(self, response: httpx.Response, request_id: str = "") -> dict[str, Any]:
        return {
            "platform": self._manners.platform,
            "connection": self._connection,
            "status": response.status_code,
            "request_id": request_id,
        }


_FAILURES: dict[type[httpx.HTTPError], str] = {
    httpx.ConnectError: "no connection could be made",
    httpx.ConnectTimeout: "no connection within the time allowed",
    httpx.ReadTimeout: "no answer within the time allowed",
    httpx.WriteTimeout: "the request could not be sent within the time allowed",
    httpx.RemoteProtocolError: "the answer broke off",
    httpx.DecodingError: "the answer could not be decompressed",
}


class _UnansweredError(UnavailableError):
    """With what the retry decision needs: the platform's advice, and whether the request left this machine at all."""

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, never_sent: bool = False, **where: Any
    ) -> None:
        super().__init__(message, **where)
        self.retry_after_s = retry_after_s
        self.never_sent = never_sent


def _never_sent(error: UnavailableError) -> bool:
    return isinstance(error, _UnansweredError) and error.never_sent


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _garbled_advice(content: bytes) -> str:
    if content.lstrip()[:1] == b"<":
        return "That is a web page: a maintenance page, a firewall or a plug-in stands in front of the interface. Open the address in a browser."
    return "The answer is cut off or damaged. Try again; if it stays so, a proxy or plug-in in between damages answers."
