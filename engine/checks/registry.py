"""What a check is: a named function from a field and its parameters to a polars expression that is true where broken.

A check never runs Python for a row: it builds an expression once, and the expressions of all rules run together in one
query (`engine.detect`). Parameters are declared by the function's own signature, so a wrong parameter in a rule is
found when the rule is loaded and not in the middle of a run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ParamSpec, get_type_hints

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from connectors import record

__all__ = ["CHECKS", "Check", "Subject", "check", "checked_pattern"]

P = ParamSpec("P")


@dataclass(frozen=True)
class Subject:
    """A field of one kind of record, as the expressions a check is built from.

    Parameters
    ----------
    kind : str
        One of `connectors.record.KINDS`.
    field : str
        A canonical column, or ``attributes.<name>`` for one entry of the map (name compared without case).

    Examples
    --------
    >>> import polars as pl
    >>> pl.DataFrame({"price": [" 12.50", "x"]}).select(Subject("product", "price").number).to_series().to_list()
    [12.5, None]
    """

    kind: str
    field: str

    @property
    def is_list(self) -> bool:
        """Whether the field holds a list of text."""
        return record.field(self.kind, self.field).dtype == pl.List(pl.String)

    @property
    def level(self) -> str:
        """Whether the field belongs to the product, to the item that is sold, or to both."""
        return record.field(self.kind, self.field).level

    @property
    def raw(self) -> pl.Expr:
        """The text as it came; missing text is empty."""
        column, _, key = self.field.partition(".")
        if not key:
            return pl.col(column).fill_null("")
        entry = pl.element().struct
        found = pl.when(entry.field("key").str.to_lowercase() == key.lower()).then(entry.field("value"))
        return pl.col(column).list.eval(found.drop_nulls()).list.first().fill_null("")

    @property
    def text(self) -> pl.Expr:
        """The text without outer white space."""
        return self.raw.str.strip_chars()

    @property
    def number(self) -> pl.Expr:
        """The number that the text is, null where it is none.

        Doubles keep order and equality of decimal numbers of up to 15 significant digits, which any price has.
        """
        value = self.text.cast(pl.Float64, strict=False)
        return pl.when(value.is_finite()).then(value)

    @property
    def items(self) -> pl.Expr:
        """The list of a list field."""
        return pl.col(self.field).fill_null(pl.lit([], dtype=pl.List(pl.String)))

    @property
    def blank(self) -> pl.Expr:
        """Whether there is nothing: no text, or no item with text."""
        if self.is_list:
            return ~self.items.list.eval(pl.element().str.strip_chars() != "").list.any()
        return self.text == ""

    @property
    def judged(self) -> pl.Expr | None:
        """Where the field belongs to the row at all (see `connectors.record`); None means everywhere."""
        if self.level == "both":
            return None
        other = "variant" if self.level == "product" else "parent"
        return pl.col("level").fill_null("") != other

    def any_item(self, broken: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
        """Whether the text, or any item of a list, is broken."""
        if self.is_list:
            return self.items.list.eval(broken(pl.element().str.strip_chars())).list.any()
        return broken(self.text)

    def other(self, field: str) -> Subject:
        """Another field of the same record.

        Raises
        ------
        ValueError
            When this kind of record has no such field.
        """
        try:
            record.field(self.kind, field)
        except KeyError as error:
            raise ValueError(error.args[0]) from None
        return Subject(self.kind, field)


@dataclass(frozen=True)
class Check:
    """A named check.

    Parameters
    ----------
    name : str
    function : callable
        ``function(subject, **params) -> polars.Expr``, true where broken.
    absence : bool
        It says that a value is missing: empty values are shown to it, and where it fires no other check of the same
        field fires. Every other check passes empty values.
    across_rows : bool
        It compares rows with each other, so a single record cannot be judged by it.
    """

    name: str
    function: Callable[..., pl.Expr]
    absence: bool = False
    across_rows: bool = False

    @cached_property
    def summary(self) -> str:
        """First line of the function's documentation."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def parameters(self) -> type[BaseModel]:
        """Model of the parameters, made from the function's signature; nothing is converted, nothing else is taken."""
        hints = get_type_hints(self.function, include_extras=True)
        fields: dict[str, Any] = {}
        for one in list(inspect.signature(self.function).parameters.values())[1:]:
            fields[one.name] = (hints[one.name], ... if one.default is inspect.Parameter.empty else one.default)
        return create_model(self.name, __config__=ConfigDict(extra="forbid", strict=True), **fields)

    def expression(self, subject: Subject, params: Mapping[str, Any]) -> pl.Expr:
        """The expression that is true where `subject` breaks the check.

        Raises
        ------
        ValueError
            When a parameter is missing, unknown, of the wrong type or senseless; says which, and what is allowed.
        """
        try:
            values = self.parameters.model_validate(dict(params))
        except ValidationError as error:
            raise ValueError("; ".join(self._explain(one) for one in error.errors())) from None
        return self.function(subject, **{name: getattr(values, name) for name in type(values).model_fields})

    def _explain(self, error: Any) -> str:
        where = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            allowed = ", ".join(self.parameters.model_fields) or "none"
            return f"check {self.name!r} has no parameter {where!r} (its parameters: {allowed})"
        if error["type"] == "missing":
            return f"check {self.name!r} needs the parameter {where!r}"
        return f"parameter {where!r} of check {self.name!r}: {error['msg']} (got {error['input']!r})"


CHECKS: dict[str, Check] = {}
"""Every check by name; filled by `check`."""


def check(
    name: str = "", *, absence: bool = False, across_rows: bool = False
) -> Callable[[Callable[P, pl.Expr]], Callable[P, pl.Expr]]:
    """Register the decorated function as a check under `name`, or else under its own name."""

    def register(function: Callable[P, pl.Expr]) -> Callable[P, pl.Expr]:
        key = name or function.__name__
        CHECKS[key] = Check(key, function, absence=absence, across_rows=across_rows)
        return function

    return register


def checked_pattern(pattern: str) -> str:
    """The pattern, known to compile.

    Patterns are those of Rust's ``regex``: time grows linearly with the text, so a hostile pattern cannot hang a run;
    there is no look-around and no back-reference (https://docs.rs/regex, read 2026-11-23).

    Raises
    ------
    ValueError
        When it does not compile.
    """
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{pattern!r} is not a valid pattern: {str(error).strip().splitlines()[-1]}") from None
    return pattern
