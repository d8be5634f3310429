"""GraphQL over HTTP: errors that come with status 200, and limits counted in points.

A platform's documents are constants, so they can be checked against its schema in a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.client import Client
from connectors.errors import (
    CredentialError,
    PlatformError,
    ProtocolError,
    RateLimitError,
    RefusedError,
    UnavailableError,
)
from connectors.limits import CostBucket
from connectors.manners import Answer
from connectors.mapping import at

__all__ = ["GraphQL", "TooCostlyError"]

_FIRST_GUESS = 50.0
"""Points reserved for a document before its true cost is known."""

_ACCESS = frozenset({"ACCESS_DENIED", "SHOP_INACTIVE", "UNAUTHORIZED", "FORBIDDEN"})
_THEIR_FAULT = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT"})


class TooCostlyError(RefusedError):
    """The query costs more than the platform allows one query; smaller pages cost less."""


class GraphQL:
    """Executes documents.

    Parameters
    ----------
    client : Client
    path : str
        Path of the endpoint.
    bucket : CostBucket
        Kept in step with the figures of every answer (``extensions.cost``).
    platform, connection : str
        For messages.
    """

    def __init__(self, client: Client, path: str, bucket: CostBucket, *, platform: str, connection: str = "") -> None:
        self._client = client
        self._path = path
        self._bucket = bucket
        self._platform = platform
        self._connection = connection
        self._costs: dict[str, float] = {}

    def execute(
        self, document: str, variables: Mapping[str, Any] | None = None, *, idempotent: bool = True
    ) -> dict[str, Any]:
        """The member ``data`` of the answer.

        Parameters
        ----------
        document : str
        variables : mapping
        idempotent : bool
            Whether sending it twice does no harm: true for queries, and for mutations that set values or carry a key.

        Raises
        ------
        TooCostlyError, CredentialError, RateLimitError, UnavailableError, RefusedError
            From the errors of the answer; data that comes beside errors is not used, because nobody can tell which
            part of it is missing.
        ProtocolError
            When the answer is no GraphQL answer.
        """
        answer = self._client.send(
            "POST",
            self._path,
            body={"query": document, "variables": dict(variables or {})},
            idempotent=idempotent,
            cost=self._costs.get(document, _FIRST_GUESS),
            judge=lambda answer: self._judge(document, answer),
        )
        return answer.value["data"]

    def _judge(self, document: str, answer: Answer) -> None:
        body = answer.value
        if not isinstance(body, Mapping) or not ({"data", "errors"} & body.keys()):
            raise ProtocolError(
                f"{self._platform}: expected a GraphQL answer and got {str(body)[:200]!r}. Check the address and the version.",
                **self._where(answer),
            )
        self._learn_cost(document, body)
        errors = body.get("errors")
        if errors:
            raise self._error(errors if isinstance(errors, list) else [errors], body, answer)
        if not isinstance(body.get("data"), Mapping):
            raise ProtocolError(f"{self._platform}: the answer holds no data and no error.", **self._where(answer))

    def _learn_cost(self, document: str, body: Mapping[str, Any]) -> None:
        try:
            requested, status = (
                at(body, "extensions.cost.requestedQueryCost"),
                at(body, "extensions.cost.throttleStatus"),
            )
            if requested is not None:
                self._costs[document] = float(requested)
            if status is not None:
                self._bucket.observe(
                    available=float(status["currentlyAvailable"]),
                    maximum=float(status["maximumAvailable"]),
                    restore_per_second=float(status["restoreRate"]),
                )
        except (ValueError, TypeError, KeyError):
            # Figures about limits are advice; an answer that lacks them is still an answer.
            return

    def _error(self, errors: list[Any], body: Mapping[str, Any], answer: Answer) -> PlatformError:
        codes = {str(_extension(one, "code") or "") for one in errors}
        words = "; ".join(_message(one) for one in errors)
        where = self._where(answer) | {"words": words}
        if "THROTTLED" in codes:
            requested = _FIRST_GUESS
            wait = self._throttle_wait(body, requested)
            return RateLimitError(f"{self._platform} throttles this account: {words}.", retry_after_s=wait, **where)
        if "MAX_COST_EXCEEDED" in codes:
            return TooCostlyError(f"{self._platform} refuses the query as too costly: {words}.", **where)
        if codes & _ACCESS:
            return CredentialError(
                f"{self._platform} denies access: {words}. Grant the app the scope it names.", **where
            )
        if codes & _THEIR_FAULT:
            return UnavailableError(f"{self._platform} has a problem of its own: {words}. Try again later.", **where)
        return RefusedError(f"{self._platform} refuses the query: {words}.", **where)

    def _throttle_wait(self, body: Mapping[str, Any], fallback: float) -> float | None:
        """Seconds until the bucket holds what the query costs; None when the answer does not tell."""
        try:
            requested = at(body, "extensions.cost.requestedQueryCost")
            available = at(body, "extensions.cost.throttleStatus.currentlyAvailable")
            if available is None:
                return None
            return self._bucket.throttled(requested=float(requested or fallback), available=float(available))
        except (ValueError, TypeError):
            return None

    def _where(self, answer: Answer) -> dict[str, Any]:
        return {
            "platform": self._platform,
            "connection": self._connection,
            "status": answer.status,
            "request_id": answer.request_id,
        }


def _extension(error: Any, name: str) -> Any:
    extensions = error.get("extensions") if isinstance(error, Mapping) else None
    return extensions.get(name) if isinstance(extensions, Mapping) else None


def _message(error: Any) -> str:
    return str(error.get("message", error)) if isinstance(error, Mapping) else str(error)
