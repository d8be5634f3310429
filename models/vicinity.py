"""What the other cells say about a cell: those of its row (vicinity) and those of its column (domain).

Two of the three families of correction models of Baran; the third, the value itself, is `models.programs`.

References
----------
M. Mahdavi, Z. Abedjan, "Baran: effective error correction via a unified context representation and transfer learning",
PVLDB 13(12), 2020 (the families).
J. Kivinen, H. Mannila, "Approximate inference of functional dependencies from relations", TCS 149, 1995 (dependencies
that hold for a share of the rows).
M. Kernighan, K. Church, W. Gale, "A spelling correction program based on a noisy channel model", COLING 1990 (domain).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA
from sklearn.base import BaseEstimator

from models.programs import wilson_lower

__all__ = ["DomainModel", "Near", "VicinityModel"]

_PRIOR_ROWS = 2.0
"""Rows that the strength of a dependency counts for beside those that share the value."""

_MOST_DISTINCT = 0.9
"""Share of different values up to which those of a column repeat."""

_VOTES = {"row": pl.UInt32, "value": pl.String, "score": pl.Float64, "agreement": pl.Float64}
_VOTES |= {"source": pl.String, "agreed": pl.UInt32, "rows": pl.UInt32, "strength": pl.Float64}


class VicinityModel(BaseEstimator):
    """Soft dependencies of each column on each other one, learned on the rows whose cells are valid.

    Parameters
    ----------
    min_strength : float
        Wilson lower bound of the share of rows whose value the other rows with the same source value foretell, below
        which a column says nothing about another.
    min_gain : float
        Share of the way from always naming the commonest value to certainty that the strength must have come.
    longest : int
        Characters above which a value is prose and no key.

    Attributes
    ----------
    columns_ : list of str
        Columns with values that repeat; only they can be a source.

    Notes
    -----
    A dependency's strength is measured leaving each row out: of a group of rows with the same source value, those that
    carry its commonest value are hits if it stays the commonest without them. Groups of one row foretell nothing, so a
    key has no strength. The share of the value in the group is shrunk to the strength, as if `2` more rows had that
    share: one row that agrees counts for less than ten.

    Examples
    --------
    >>> rows = pl.DataFrame({"zip": ["10115", "10115", "10115", "80331", "80331", "80331"],
    ...                      "city": ["Berlin", "Berlin", "Berlin", "Munich", "Munich", ""]})
    >>> VicinityModel().fit(rows).predict("city", rows[5:]).select("value", "source", "agreed").rows()
    [('Munich', 'zip', 2)]
    """

    def __init__(self, *, min_strength: float = 0.5, min_gain: float = 0.2, longest: int = 200) -> None:
        self.min_strength = min_strength
        self.min_gain = min_gain
        self.longest = longest

    def fit(self, frame: pl.DataFrame) -> Self:
        """Keep the columns that can be sources.

        Parameters
        ----------
        frame : polars.DataFrame
            Text columns; null or empty where a cell is missing or known to be wrong.
        """
        self._frame = frame.select(_valid(n, self.longest) for n, kind in frame.schema.items() if kind == pl.String)
        # Numbers are made of the columns that can be sources only; those of single things have many values.
        self._coded = {
            one.name: _Coded(one) for one in self._frame if 1 < _distinct(one) <= _MOST_DISTINCT * one.count()
        }
        self.columns_ = list(self._coded)
        return self

    def predict(self, field: str, rows: pl.DataFrame, *, values: pl.Series | None = None) -> pl.DataFrame:
        """What the other cells of each row say about one field.

        Parameters
        ----------
        field : str
        rows : polars.DataFrame
            The columns of `fit`; null or empty where a cell is missing or known to be wrong.
        values : polars.Series, optional
            The field's values in the rows of `fit`, in their order, null where wrong; without it those that `fit` saw.

        Returns
        -------
        polars.DataFrame
            ``row`` (position), ``value``, ``score`` (of the best source, in 0..1), ``agreement`` (share of the weight of
            all sources that speak for the value), and of the best source ``source``, ``agreed`` of ``rows`` rows,
            ``strength``. The best value of a row first; nothing for rows about which no source speaks.
        """
        if values is None and field not in self._frame.columns:
            return pl.DataFrame(schema=_VOTES)
        target = self._frame[field] if values is None else values
        known = _Coded(target.alias(field).to_frame().select(_valid(field, self.longest)).to_series())
        if not known.known:
            return pl.DataFrame(schema=_VOTES)
        sources = [name for name in self.columns_ if name != field and name in rows.columns]
        votes = [self._votes(known, name, rows.select(_valid(name, self.longest)).to_series()) for name in sources]
        found = [one for one in votes if one is not None]
        if not found:
            return pl.DataFrame(schema=_VOTES)
        # The information of a source: how much surer than chance it is; a key to the value outweighs any number of hints.
        weight = -(1.0 - pl.col("strength") * pl.col("agreed") / pl.col("rows")).clip(lower_bound=1e-3).log()
        said = pl.concat(found).with_columns(weight=weight)
        return (
            said.with_columns(total=pl.col("weight").sum().over("row"))
            .sort("row", "score", "agreed", "source", descending=[False, True, True, False])
            .group_by("row", "value", maintain_order=True)
            .agg(
                pl.col("score", "source", "agreed", "rows", "strength").first(),
                agreement=pl.col("weight").sum() / pl.col("total").first(),
            )
            .sort("row", pl.col("score") * pl.col("agreement"), "value", descending=[False, True, False])
            .select(list(_VOTES))
            .cast(_VOTES)  # type: ignore[arg-type]
        )

    def _votes(self, known: _Coded, source: str, asked: pl.Series) -> pl.DataFrame | None:
        """What one source says of the rows asked about; None where the dependency is too weak."""
        groups = _Groups(self._coded[source], known)
        strength = groups.strength()
        chance = known.commonest / known.known
        if strength < self.min_strength or strength - chance < self.min_gain * (1.0 - chance):
            return None
        codes = self._coded[source].codes_of(asked)
        keys = pl.DataFrame({"row": np.arange(len(codes), dtype=np.uint32), "key": codes}).filter(pl.col("key") >= 0)
        hits = keys.join(groups.of(codes), on="key", how="inner")
        smoothed = (pl.col("agreed") + _PRIOR_ROWS * strength) / (pl.col("rows") + _PRIOR_ROWS)
        rare = (pl.col("agreed") + _PRIOR_ROWS * (1 - strength) * 0.5) / (pl.col("rows") + _PRIOR_ROWS)
        best = pl.col("agreed") == pl.col("agreed").max().over("row")
        return hits.select(
            "row",
            known.values.gather(hits["value"]).alias("value"),
            pl.when(best).then(smoothed).otherwise(rare).alias("score"),
            pl.lit(source).alias("source"),
            pl.col("agreed").cast(pl.UInt32),
            pl.col("rows").cast(pl.UInt32),
            pl.lit(strength).alias("strength"),
        )


class _Coded:
    """A column as numbers: ``values`` distinct texts, ``codes`` their places in it, -1 where there is none."""

    def __init__(self, column: pl.Series) -> None:
        self.values = column.drop_nulls().unique().sort()
        self._kind = pl.Enum(self.values)
        self.codes = self.codes_of(column)
        counts = np.bincount(self.codes[self.codes >= 0], minlength=1)
        self.known, self.commonest = int(counts.sum()), int(counts.max())

    def codes_of(self, column: pl.Series) -> NDArray[np.int64]:
        return column.cast(self._kind, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


class _Groups:
    """Rows with the same source value, and the values that they have."""

    def __init__(self, source: _Coded, target: _Coded) -> None:
        both = (source.codes >= 0) & (target.codes >= 0)
        width = max(len(target.values), 1)
        pairs, agreed = _counted(source.codes[both] * width + target.codes[both], len(source.values) * width)
        keys = pairs // width
        order = np.lexsort((-agreed, keys))
        self._keys, self._values, self._agreed = keys[order], (pairs % width)[order], agreed[order]
        self._starts = np.flatnonzero(np.diff(self._keys, prepend=-1))
        self._rows = np.add.reduceat(self._agreed, self._starts) if len(self._starts) else np.empty(0, dtype=np.int64)

    def strength(self) -> float:
        """Wilson lower bound of the share of rows that the others of their group foretell."""
        best = self._agreed[self._starts]
        ends = np.append(self._starts[1:], len(self._agreed))
        second = np.where(ends - self._starts > 1, self._agreed[np.minimum(self._starts + 1, ends - 1)], 0)
        several = self._rows > 1
        tested = float(self._rows[several].sum())
        hits = float(best[several & (best - 1 > second)].sum())
        return max(0.0, wilson_lower(hits, tested)) if tested else 0.0

    def of(self, codes: NDArray[np.int64]) -> pl.DataFrame:
        """``key, value, agreed, rows`` of the groups with these source codes."""
        sizes = np.diff(np.append(self._starts, len(self._keys)))
        mine = np.isin(self._keys, np.unique(codes))
        rows = np.repeat(self._rows, sizes)
        return pl.DataFrame(
            {"key": self._keys[mine], "value": self._values[mine], "agreed": self._agreed[mine], "rows": rows[mine]}
        )


def _counted(codes: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct numbers, all below `size`, in order and how often each occurs."""
    if size > 8 * len(codes):
        return np.unique(codes, return_counts=True)
    # Counting in place is several times as fast as sorting, where there is place.
    counts = np.bincount(codes, minlength=1)
    found = np.flatnonzero(counts)
    return found, counts[found]


def _distinct(column: pl.Series) -> int:
    return column.n_unique() - (column.null_count() > 0)


def _valid(name: str, longest: int) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    return pl.when((text.str.len_chars() <= longest) & (text != "")).then(text).alias(name)


class Near(NamedTuple):
    """A known value near a text.

    Attributes
    ----------
    value : str
    score : float
        Share of the value among all that could have become the text, times their similarity, in 0..1.
    similarity : float
        In 0..1.
    rows : int
        Rows that carry the value.
    """

    value: str
    score: float
    similarity: float
    rows: int


class DomainModel(BaseEstimator):
    """Values of a column that a text may be a slip of: a noisy channel over edits, with the frequency as prior.

    Small and capital letters count as the same.

    Parameters
    ----------
    min_similarity : float
        Share of the characters that must be unchanged.
    min_rows : int
        Rows that must carry a value before it is one to go back to.
    edit : float
        How much less likely a value is with every further edit.
    max_values : int
        Distinct values, the commonest, that are looked at.
    longest : int
        Characters above which a value is prose.

    Attributes
    ----------
    counts_ : dict of str to int
        Rows by value.
    """

    def __init__(
        self,
        *,
        min_similarity: float = 0.6,
        min_rows: int = 1,
        edit: float = 0.05,
        max_values: int = 5_000,
        longest: int = 200,
    ) -> None:
        self.min_similarity = min_similarity
        self.min_rows = min_rows
        self.edit = edit
        self.max_values = max_values
        self.longest = longest

    def fit(self, values: pl.Series) -> Self:
        """Count the valid values of the column; null and empty ones are left out."""
        return self.fit_counts(values.alias("value").drop_nulls().to_frame().group_by("value").len("rows"))

    def fit_counts(self, counts: pl.DataFrame) -> Self:
        """The same from ``value`` and ``rows``, each value once."""
        short = pl.col("value").str.len_chars().is_between(1, self.longest)
        kept = counts.filter(short & (pl.col("rows") >= self.min_rows)).sort("rows", "value", descending=[True, False])
        self.counts_ = dict(kept.select("value", "rows").head(self.max_values).iter_rows())
        self._values = list(self.counts_)
        self._folded = [value.casefold() for value in self._values]
        return self

    def predict(self, texts: Sequence[str], *, count: int = 2) -> list[list[Near]]:
        """Near values of each text, the likeliest first; none for empty texts and those that are values themselves."""
        distinct = [text for text in dict.fromkeys(texts) if text and len(text) <= self.longest]
        known = {text: self._near(text, count) for text in distinct}
        return [known.get(text, []) for text in texts]

    def _near(self, text: str, count: int) -> list[Near]:
        folded = text.casefold()
        found = process.extract(
            folded, self._folded, scorer=OSA.normalized_similarity, score_cutoff=self.min_similarity, limit=12
        )
        others = [(self._values[at], similarity) for _, similarity, at in found if self._values[at] != text]
        if not others:
            return []
        edits = np.array([round((1 - similarity) * max(len(folded), len(value))) for value, similarity in others])
        weights = np.array([self.counts_[value] for value, _ in others]) * self.edit**edits
        shares = weights / weights.sum()
        near = [
            Near(value, float(share * similarity), similarity, self.counts_[value])
            for (value, similarity), share in zip(others, shares, strict=True)
        ]
        return sorted(near, key=lambda one: (-one.score, one.value))[:count]
