"""One HTTP client for all platforms: retries, limits, size caps, request ids, and errors that say who must act.

A platform gives it a description (`Manners`) and, where an answer with status 200 can still be a failure, a function
that judges the body. Everything that a test must control is injected: transport, sleep, clock and randomness.
"""

from __future__ import annotations

import json
import random as random_module
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import httpx
from tenacity import RetryCallState, Retrying

from connectors.address import is_loopback
from connectors.errors import (
    Action,
    CredentialError,
    PlatformError,
    ProtocolError,
    RateLimitError,
    RefusedError,
    UnavailableError,
)
from connectors.limits import Limit, retry_after_s
from connectors.manners import ADVICE, Answer, Manners, Patience
from connectors.platform import Traffic
from connectors.redaction import Secrets

__all__ = ["Client", "Decoder", "Judge"]

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_GARBLED_TRIES = 3


Judge = Callable[[Answer], None]
"""Raises a `PlatformError` when an answer with a good status is a failure all the same."""

Decoder = Callable[[bytes], Any]
"""Makes a value of the bytes of an answer; ValueError when it cannot."""


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Read once for all connections of the process: httpx would read the list of authorities for each client, 40 ms every time."""
    return httpx.create_ssl_context()


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
    stamp : callable or None
        Adds what every single request carries anew, such as a correlation identifier.
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
        stamp: Callable[[httpx.Request], None] | None = None,
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
        self._stamp = stamp
        self._http = httpx.Client(
            auth=auth,
            headers={"Accept": "application/json", "User-Agent": "Channelmend", **(headers or {})},
            timeout=httpx.Timeout(self._patience.read_s, connect=self._patience.connect_s),
            follow_redirects=False,
            transport=transport,
            verify=_trusted_authorities(),
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        query: str = "",
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        decode: Decoder | None = None,
        idempotent: bool | None = None,
        operation: str = "",
        cost: float = 1.0,
        judge: Judge | None = None,
    ) -> Answer:
        """The decoded answer to a request, sent again as often as that is safe and sensible.

        Parameters
        ----------
        method, path : str
            The path is appended to the address. A whole address of the same host is taken as it is.
        params : mapping
            The query.
        query : str
            A query that is sent letter by letter, as a platform gave it.
        body : object
            Sent as JSON; None sends none.
        form : mapping
            Sent as a form instead of JSON; with `files` as the parts of a multipart message.
        content : bytes
            Sent as it is instead; say what it is in `headers`.
        files : mapping
            Parts of a multipart message, as httpx takes them.
        headers : mapping of str to str
        decode : callable or None
            Makes the value of the bytes of an answer and raises ValueError when it cannot; None: JSON.
        idempotent : bool or None
            Whether sending it twice does no harm; None: what HTTP says of the method.
        operation : str
            Name of the call in the platform's `connectors.limits.Limits`.
        cost : float
            What the call takes from the limit.
        judge : callable
            Looks at an answer with a good status, beside the one of the platform's manners.

        Raises
        ------
        CredentialError, RateLimitError, UnavailableError, ProtocolError, RefusedError
            As drawn in `connectors.errors`; the message holds no secret.
        """
        request = self._http.build_request(
            method,
            self._url(path, query),
            params=dict(params) if params else None,
            json=body,
            data=dict(form) if form is not None else None,
            content=content,
            files=files,
            headers=headers,
        )
        # A multipart message is a stream until it is read: read once, it can be counted and sent again.
        request.read()
        call = _Call(request, operation, cost, decode or _json, judge)
        return self._repeated(call, _is_idempotent(method) if idempotent is None else idempotent)

    def transfer(
        self,
        method: str,
        address: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Bring a document to or from an address that a platform signed, on whatever host: no key is sent along.

        Raises
        ------
        ProtocolError
            When the address is not https; only this machine itself may be called without encryption.
        CredentialError, RateLimitError, UnavailableError, RefusedError
            As for `send`.
        """
        request = self._signed(method, address, content=content, headers=headers)
        call = _Call(request, "", 0.0, bytes, None, is_signed=True)
        return self._repeated(call, _is_idempotent(method)).value or b""

    def _signed(
        self, method: str, address: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Request:
        target = httpx.URL(address)
        if target.scheme != "https" and not is_loopback(target.host):
            raise ProtocolError(
                f"{self._who()}: the platform gave {target.scheme}://{target.host} as the place of a document; only https "
                "is followed. Tell its support.",
                platform=self._manners.platform,
                connection=self._connection,
            )
        bare = {"Accept": "*/*", **(headers or {})}
        return httpx.Request(method, target, content=content, headers=bare, extensions=self._timeouts())

    def lines(self, address: str) -> Iterator[bytes]:
        """The lines of a document at an address that a platform signed, one by one: it may be larger than the memory.

        Raises
        ------
        ProtocolError, RefusedError, UnavailableError
            As for `transfer`; a document that breaks off is not asked for again, for its first lines are used already.
        """
        request = self._signed("GET", address)
        try:
            response = self._http.send(request, stream=True, auth=None)
            try:
                self.traffic.requests += 1
                if response.status_code >= 300:
                    self._refuse(request, response, self._content(response), "")
                rest = b""
                for part in response.iter_bytes():
                    self.traffic.received_bytes += len(part)
                    *whole, rest = (rest + part).split(b"\n")
                    if len(rest) > self._patience.largest_answer:
                        raise ProtocolError(
                            f"{self._who()}: a line of the document is larger than {self._patience.largest_answer} bytes and "
                            "was not read on. Tell the platform's support.",
                            **self._where(response),
                        )
                    yield from (line for line in whole if line)
                if rest:
                    yield rest
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._unavailable(request, error) from None

    def _url(self, path: str, query: str) -> httpx.URL | str:
        own = httpx.URL(self._address)
        if "://" in path:
            url = httpx.URL(path)
            if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
                raise ProtocolError(
                    f"{self._who()}: the platform sends us on to {url.host}, which is not its own address ({own.host}). "
                    "No key is sent there.",
                    platform=self._manners.platform,
                    connection=self._connection,
                )
        else:
            url = httpx.URL(f"{self._address}/{path.lstrip('/')}" if path else self._address)
        return url.copy_with(query=query.lstrip("?").encode()) if query else url

    def _timeouts(self) -> dict[str, Any]:
        return {"timeout": self._http.timeout.as_dict()}

    def _repeated(self, call: _Call, safe: bool) -> Answer:
        delay, advised = 0.0, False

        def again(state: RetryCallState) -> bool:
            nonlocal delay, advised
            error = state.outcome.exception() if state.outcome else None
            chosen = self._delay_before_retry(error, call.operation, tries=state.attempt_number, safe=safe)
            delay = chosen or 0.0
            advised = chosen is not None and isinstance(error, RateLimitError)
            if advised and self._limit is not None:
                # The other connections of this account wait as long.
                self._limit.pause(delay, call.operation)
            return chosen is not None

        def pause(seconds: float) -> None:
            self.traffic.retries += 1
            self.wait(seconds)

        # The decision also says how long; tenacity asks for the two one after the other.
        retrying = Retrying(retry=again, wait=lambda _state: delay, sleep=pause, reraise=True)
        return retrying(lambda: self._once(call, waited=advised))

    def now(self) -> float:
        """Seconds since 1970, by the clock that a test may replace."""
        return self._clock()

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def _delay_before_retry(
        self, error: BaseException | None, operation: str, *, tries: int, safe: bool
    ) -> float | None:
        """Seconds until the next try, or None to give up: the one place where this is decided.

        The platform's own advice comes first, then what is wrong, then an exponential pause with jitter, for one that
        was too fast not less than its operation's rate asks for. A request that was refused for being too fast was not
        carried out, so it may be sent again whatever it does; after a network failure or a 5xx nobody knows, so only a
        harmless one is.
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
            if isinstance(error, RateLimitError) and self._limit is not None:
                advice = max(advice, self._limit.interval_s(operation))
        elif advice > self._patience.longest_advice_s:
            return None
        return advice if self.traffic.waited_s + advice <= self._patience.budget_s else None

    def wait(self, seconds: float) -> None:
        """Sleep, and count it."""
        if seconds > 0:
            self.traffic.waited_s += seconds
            self._sleep(seconds)

    def _once(self, call: _Call, *, waited: bool) -> Answer:
        request = call.request
        try:
            self._take(call, waited=waited)
            self.traffic.requests += 1
            if self._stamp is not None and not call.is_signed:
                self._stamp(request)
            response = self._http.send(request, stream=True, auth=None if call.is_signed else httpx.USE_CLIENT_DEFAULT)
            try:
                content = self._content(response)
            finally:
                response.close()
        except PlatformError as error:
            # Raised while authenticating or by the limiter, which knows neither the platform's name nor the connection's.
            error.platform, error.connection = self._manners.platform, self._connection
            self.traffic.throttled += isinstance(error, RateLimitError)
            error.args = (f"{self._who()}: {error}",) if not str(error).startswith(self._who()) else error.args
            raise
        except httpx.InvalidURL as error:
            raise CredentialError(
                f"{self._who()}: the address cannot be called: {self._secrets.redact(str(error))}."
            ) from None
        except httpx.HTTPError as error:
            raise self._unavailable(request, error) from None
        self.traffic.sent_bytes += len(request.content)
        self.traffic.received_bytes += len(content)
        if self._limit is not None and not call.is_signed:
            self._limit.answered(response.headers, call.operation)
        request_id = next((response.headers[name] for name in self._manners.request_id if name in response.headers), "")
        if response.status_code >= 300:
            self._refuse(request, response, content, request_id)
        value = self._decode(call.decode, response, content, request_id)
        answer = Answer(response.status_code, response.headers, value, request_id)
        for judge in (self._manners.judge, call.judge):
            if judge is not None and not call.is_signed:
                self._judge(judge, answer)
        return answer

    def _judge(self, judge: Judge, answer: Answer) -> None:
        try:
            judge(answer)
        except PlatformError as error:
            error.platform, error.connection = self._manners.platform, self._connection
            if isinstance(error, RateLimitError):
                self.traffic.throttled += 1
            raise

    def _take(self, call: _Call, *, waited: bool) -> None:
        if self.traffic.requests >= self._patience.requests:
            raise RateLimitError(
                f"This run has made the {self._patience.requests} calls that it may make. "
                "What was read is kept; run again to go on, or raise the budget.",
                retry_after_s=self._patience.longest_advice_s * 2,
            )
        if self._limit is None or call.is_signed:
            return
        seconds = self._limit.take(call.cost, call.operation)
        if not waited:
            self.wait(seconds)

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

    def _decode(self, decode: Decoder, response: httpx.Response, content: bytes, request_id: str) -> Any:
        if not content.strip():
            return None
        try:
            return decode(content)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")
            wanted = getattr(decode, "__name__", "data").strip("_").upper()
            raise ProtocolError(
                f"{self._who()}: expected {wanted} and got {kind} with status {response.status_code}, beginning "
                f"{self._excerpt(content)!r}. {_garbled_advice(content)}",
                **self._where(response, request_id),
                words=self._excerpt(content, 2000),
            ) from None

    def _refuse(self, request: httpx.Request, response: httpx.Response, content: bytes, request_id: str) -> NoReturn:
        status = response.status_code
        action = self._manners.exceptions(status, response.headers, content) or self._manners.action(status)
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
            raise RateLimitError(message, retry_after_s=self._pause_asked_for(response.headers), **where, words=words)
        if action is Action.RETRY:
            raise _UnansweredError(message, retry_after_s=self._pause_asked_for(response.headers), **where, words=words)
        raise RefusedError(message, **where, words=words)

    def _pause_asked_for(self, headers: httpx.Headers) -> float | None:
        asked = retry_after_s(headers, self._clock())
        if asked is not None:
            return asked
        try:
            return self._manners.pause_s(headers)
        except ValueError:
            return None

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
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = content.decode("utf-8", "replace")
        try:
            return self._secrets.redact(self._manners.words(body)) or self._excerpt(content)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError):
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


@dataclass(frozen=True)
class _Call:
    """One request with what the client must know of it."""

    request: httpx.Request
    operation: str
    cost: float
    decode: Decoder
    judge: Judge | None
    is_signed: bool = False


def _is_idempotent(method: str) -> bool:
    return method.upper() in _IDEMPOTENT


def _json(content: bytes) -> Any:
    return json.loads(content, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _garbled_advice(content: bytes) -> str:
    if content.lstrip()[:1] == b"<":
        return "That is a web page: a maintenance page, a firewall or a plug-in stands in front of the interface. Open the address in a browser."
    return "The answer is cut off or damaged. Try again; if it stays so, a proxy or plug-in in between damages answers."
