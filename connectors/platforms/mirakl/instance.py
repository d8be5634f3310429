"""What the modules of this package share: calls to one instance, and what its operator has switched on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from connectors.client import Client
from connectors.mapping import at, text

__all__ = ["DOCS", "Instance"]

DOCS = "https://developer.mirakl.com/content/product/mmp/rest/seller/openapi3"


class Instance:
    """One operator's marketplace, as one shop sees it.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str, **params: str) -> Any:
        """The answer to a reading call."""
        return self.client.send("GET", f"api/{path}", params=params).value

    @cached_property
    def features(self) -> Mapping[str, Any]:
        """What the operator has switched on (PC01)."""
        found: Mapping[str, Any] = self.get("platform/configuration")["features"]
        return found

    @cached_property
    def carriers(self) -> list[Mapping[str, Any]]:
        """Registered carriers (SH21)."""
        found: list[Mapping[str, Any]] = self.get("shipping/carriers")["carriers"]
        return found

    @property
    def delimiter(self) -> str:
        """Between the columns of the operator's files."""
        return "," if self.features.get("operator_csv_delimiter") == "COMMA" else ";"

    @property
    def decimals(self) -> int:
        """Decimal places that a price may have."""
        return int(text(self.features.get("offer_prices_decimals")) or "2")

    def says(self, path: str) -> Any:
        """What PC01 says at a dotted path; None where it is silent."""
        return at(self.features, path)
