"""One request to a language model, over the client that its provider maintains.

Whatever goes wrong at the other end comes out as one error with words of our own: a provider's message may repeat the
key, or the text that was sent.
"""

from __future__ import annotations

import ipaddress
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from connectors.limits import retry_after_s
from engine.errors import ConfigError
from engine.settings import LanguageModelSettings

__all__ = ["KEY_VARIABLE", "Anthropic", "Completion", "Endpoint", "EndpointError", "OpenAI", "open_endpoint"]

KEY_VARIABLE = "CHANNELMEND_LANGUAGE_MODEL_KEY"

_LARGEST_ANSWER = 1_000_000
"""Bytes of an answer beyond which the rest is not read."""

_NO_KEY = "none"
"""Sent where an endpoint of one's own asks for no key; the clients insist on one, or would look for one elsewhere."""


@dataclass(frozen=True)
class Completion:
    """What came back.

    Attributes
    ----------
    text : str
        What the model wrote.
    tokens : int or None
        Tokens of question and answer; None where the endpoint does not count them.
    is_refused : bool
        Whether the model would not answer, or may not.
    """

    text: str
    tokens: int | None
    is_refused: bool = False


class EndpointError(Exception):
    """A request had no answer.

    Attributes
    ----------
    advice_s : float or None
        Seconds after which the endpoint asks to be called again.
    is_passing : bool
        Whether the same request may well succeed a little later.
    is_of_question : bool
        Whether another question may well have an answer.
    is_free : bool
        Whether it is known that nothing was spent.
    """

    def __init__(
        self,
        message: str,
        *,
        advice_s: float | None = None,
        is_passing: bool = False,
        is_of_question: bool = False,
        is_free: bool = False,
    ) -> None:
        super().__init__(message)
        self.advice_s, self.is_free = advice_s, is_free
        self.is_passing, self.is_of_question = is_passing, is_of_question


class Endpoint(ABC):
    """A place that completes texts. No client of a provider retries by itself: each try is counted in the budget."""

    address: str
    """Where it is when the settings do not say."""

    def __init__(self, sdk: ModuleType, settings: LanguageModelSettings, model: str, key: str) -> None:
        import httpx2

        self._sdk, self._transport, self._model, self._timeout_s = sdk, httpx2, model, settings.timeout_s
        # Redirects are not followed, so the key goes to no other host; an answer is not unpacked, so its size is known.
        self._http = httpx2.Client(
            timeout=settings.timeout_s,
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [_bounded]},
        )
        self._client = self._open(
            base_url=settings.base_url or self.address,
            api_key=key,
            timeout=settings.timeout_s,
            max_retries=0,
            http_client=self._http,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._model!r})"

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def complete(self, system: str, prompt: str, schema: Mapping[str, Any], *, tokens: int) -> Completion:
        """The model's answer as a JSON text, which may still be anything.

        Parameters
        ----------
        system, prompt : str
            Instructions, and what they are about.
        schema : mapping
            JSON schema that the answer shall have.
        tokens : int
            Most tokens of the answer.

        Raises
        ------
        EndpointError
        """
        with self._translated():
            return self._complete(system, prompt, schema, tokens)

    @abstractmethod
    def _open(self, **options: Any) -> Any:
        """The provider's client."""

    @abstractmethod
    def _complete(self, system: str, prompt: str, schema: Mapping[str, Any], tokens: int) -> Completion:
        """As `complete`, with the provider's own errors."""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        # One client reads the answer inside its own error handling and the other outside, so both trees are caught.
        sdk, http = self._sdk, self._transport
        try:
            yield
        except (sdk.APITimeoutError, http.TimeoutException):
            raise EndpointError(f"it did not answer within {self._timeout_s:g} s") from None
        except sdk.APIStatusError as error:
            status = error.status_code
            raise EndpointError(
                f"it answered HTTP {status}{_MEANING.get(status, '')}",
                advice_s=retry_after_s(error.response.headers, time.time()),
                is_passing=status in (408, 409, 429) or status >= 500,
                is_of_question=status in (400, 413, 422),
                is_free=True,
            ) from None
        except (sdk.APIConnectionError, http.HTTPError, _TooLargeError) as error:
            if isinstance(error, _TooLargeError) or isinstance(error.__cause__, _TooLargeError):
                raise EndpointError(
                    f"its answer was larger than {_LARGEST_ANSWER:,} bytes, or packed", is_of_question=True
                ) from None
            raise EndpointError("it could not be reached, or broke off") from None
        except (sdk.APIError, AttributeError, IndexError, TypeError, ValueError):
            raise EndpointError("its answer does not have the form of the interface", is_of_question=True) from None


_MEANING = {
    400: ": it cannot take the question; it may not know the model, or no JSON schema",
    401: ": the key is not accepted",
    403: ": the key may not do this",
    404: ": there is no such model or address",
    429: ": asked too often, or the account's quota is used up",
}


class OpenAI(Endpoint):
    """The chat completions interface, which most servers of open models offer too.

    References
    ----------
    OpenAI API reference, "Create chat completion" (read 2026-11-23).
    """

    address = "https://api.openai.com/v1"

    def _open(self, **options: Any) -> Any:
        return self._sdk.OpenAI(**options)

    def _complete(self, system: str, prompt: str, schema: Mapping[str, Any], tokens: int) -> Completion:
        reply = self._client.chat.completions.create(
            model=self._model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": prompt}],
            max_completion_tokens=tokens,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "answers", "schema": dict(schema), "strict": True},
            },
        )
        choice, used = reply.choices[0], reply.usage and reply.usage.total_tokens
        is_refused = bool(choice.message.refusal) or choice.finish_reason == "content_filter"
        return Completion(choice.message.content or "", used, is_refused)


class Anthropic(Endpoint):
    """The messages interface.

    References
    ----------
    Claude API reference, "Messages" and "Structured outputs" (read 2026-11-23).
    """

    address = "https://api.anthropic.com"

    def _open(self, **options: Any) -> Any:
        return self._sdk.Anthropic(open_telemetry=False, **options)

    def _complete(self, system: str, prompt: str, schema: Mapping[str, Any], tokens: int) -> Completion:
        reply = self._client.messages.create(
            model=self._model,
            system=system,
            messages=[{"role": "user", "content": prompt}],
            max_tokens=tokens,
            output_config={"format": {"type": "json_schema", "schema": dict(schema)}},
        )
        used = reply.usage and reply.usage.input_tokens + reply.usage.output_tokens
        text = "".join(block.text for block in reply.content if block.type == "text")
        return Completion(text, used, reply.stop_reason == "refusal")


def open_endpoint(settings: LanguageModelSettings, model: str) -> Endpoint:
    """The endpoint that the settings describe; nothing is sent yet.

    Raises
    ------
    ConfigError
        When the model or the key is not named, the provider's package is not installed, or the key would travel unencrypted.
    """
    if not model:
        raise ConfigError("language_model.provider is set, but ai_monitoring.model names no model.")
    kind, package = {"openai": (OpenAI, "openai"), "anthropic": (Anthropic, "anthropic")}[settings.provider]
    key = _key(settings)
    address = urlsplit(settings.base_url or kind.address)
    if not key and not settings.base_url:
        raise ConfigError(f"The language model needs a key: set {KEY_VARIABLE}, or language_model.key_file.")
    if key and address.scheme == "http" and not _is_this_machine(address.hostname or ""):
        raise ConfigError(
            f"language_model.base_url is {settings.base_url}: a key is not sent unencrypted to another machine. "
            "Use https, or an endpoint that needs no key."
        )
    try:
        sdk = __import__(package)
    except ImportError:
        raise ConfigError(f'The package {package} is not installed. Run: pip install "channelmend[llm]"') from None
    return kind(sdk, settings, model, key or _NO_KEY)


def _key(settings: LanguageModelSettings) -> str:
    if value := os.environ.get(KEY_VARIABLE, "").strip():
        return value
    if settings.key_file is None:
        return ""
    try:
        if settings.key_file.stat().st_mode & 0o077:
            raise ConfigError(
                f"The key file {settings.key_file} can be read by other users. Run: chmod 600 {settings.key_file}"
            )
        return settings.key_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The key file {settings.key_file} cannot be read: {type(error).__name__}.") from None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _TooLargeError(Exception):
    pass


def _bounded(response: Any) -> None:
    import httpx2

    inner, is_packed = response.stream, response.headers.get("content-encoding", "identity") != "identity"

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            read = 0
            for part in inner:
                read += len(part)
                if is_packed or read > _LARGEST_ANSWER:
                    raise _TooLargeError
                yield part

        def close(self) -> None:
            inner.close()

    response.stream = Bounded()
