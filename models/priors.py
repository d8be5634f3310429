"""What is believed of a corrector before anybody has decided about it, and how decisions elsewhere change that.

Confidence and risk bound both start here, so that they can never disagree about the first hour. The counts of decisions
come as columns of a frame, in groups that lie inside each other: corrector, corrector x rule, corrector x pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = [
    "DEFAULT_PRIOR",
    "LEVELS",
    "PRIORS",
    "Counts",
    "Prior",
    "NOTATION_PRIOR",
    "SHARE_BORROWED",
    "counts",
    "floats",
    "own_doubt",
    "prior_of",
    "priors",
]

FloatArray = NDArray[np.float64]

LEVELS = ("corrector", "rule", "pattern")
"""Groups of decisions, the widest first; columns ``<level>_decided`` and ``<level>_approved`` count them."""


SHARE_BORROWED = {"corrector": 0.1, "rule": 0.25}
"""What a decision of a wider group counts for a pattern: patterns of one corrector differ more than those of one rule."""


@dataclass(frozen=True)
class Prior:
    """Belief about a corrector that nobody has judged yet.

    Parameters
    ----------
    acceptance : float
        Expected share of its corrections that are accepted, 0..1.
    strength : float
        How many decisions the belief weighs in the *risk bound*. A change of notation is right or wrong by the
        corrector's code, which is tested, so the belief is firm; an estimate depends on the merchant's data, so it is
        loose. The figures are chosen, not measured: see the table in `models.risk`.
    """

    acceptance: float
    strength: float


_FIRM = 61.0
_LOOSE = 10.0

PRIORS: dict[str, Prior] = {
    "price": Prior(0.99, _FIRM),
    "description": Prior(0.85, _LOOSE),
    "category": Prior(0.78, _LOOSE),
    "brand": Prior(0.72, _LOOSE),
    "weight": Prior(0.65, _LOOSE),
    "llm": Prior(0.80, _LOOSE),
    "program": Prior(0.80, _LOOSE),
    "domain": Prior(0.72, _LOOSE),
    "vicinity": Prior(0.65, _LOOSE),
}
"""Corrector to belief. Source of the acceptances: the product's mission, table "AI Auto-Correction Examples".

``llm``, ``program``, ``domain`` and ``vicinity`` are in none of its rows. They are named here because no rule makes their
changes ones of mere notation; what a neighbour foretells is believed like an estimate, a near spelling like a brand.
"""

DEFAULT_PRIOR = Prior(0.80, _LOOSE)
"""A corrector without entry: at the mission's floor for automatic correction, not above."""

NOTATION_PRIOR = PRIORS["price"]
"""A corrector without entry that never changes the meaning (``safe``): what the mission says of a change of notation."""


def prior_of(corrector: str, *, safe: bool = False) -> Prior:
    """Belief about one corrector.

    >>> prior_of("brand").acceptance, prior_of("date").acceptance, prior_of("phone", safe=True).acceptance
    (0.72, 0.8, 0.99)
    """
    return PRIORS.get(corrector, NOTATION_PRIOR if safe else DEFAULT_PRIOR)


def priors(frame: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Acceptance and strength of the belief for each row, by the columns ``corrector`` and ``safe``."""
    safe = floats(frame, "safe") > 0
    if "corrector" not in frame.columns:
        names = [""] * frame.height
    else:
        names = frame["corrector"].cast(pl.String).fill_null("").to_list()
    known = {pair: prior_of(pair[0], safe=pair[1]) for pair in set(zip(names, safe.tolist(), strict=True))}
    rows = [known[pair] for pair in zip(names, safe.tolist(), strict=True)]
    return (
        np.array([one.acceptance for one in rows], dtype=float),
        np.array([one.strength for one in rows], dtype=float),
    )


class Counts(NamedTuple):
    """Decisions of one level that belong to no narrower one, so that nothing is counted twice.

    Attributes
    ----------
    approved, refused : ndarray of shape (n,)
    """

    approved: FloatArray
    refused: FloatArray


def counts(frame: pl.DataFrame) -> dict[str, Counts]:
    """Decisions of each level without those of the next narrower one; absent columns count as zero."""
    held: dict[str, Counts] = {}
    inner = Counts(np.zeros(frame.height), np.zeros(frame.height))
    for level in reversed(LEVELS):
        decided = np.maximum(floats(frame, f"{level}_decided"), 0)
        approved = np.clip(floats(frame, f"{level}_approved"), 0, decided)
        total = Counts(approved, decided - approved)
        held[level] = Counts(
            np.maximum(total.approved - inner.approved, 0), np.maximum(total.refused - inner.refused, 0)
        )
        inner = total
    return {level: held[level] for level in LEVELS}


def own_doubt(frame: pl.DataFrame) -> FloatArray:
    """Highest acceptance that the candidate's own raw score admits, 0..1 for each row.

    Where an issue has candidates with different values, at most one is right, and a corrector that gives its reading
    0.75 is not to be believed at 0.99. Where all candidates agree (``agreement`` 1, or absent) the score says nothing.
    """
    has_rivals = floats(frame, "agreement", absent=1.0) < 1.0
    return np.where(has_rivals, np.clip(floats(frame, "corrector_score", absent=1.0), 0.0, 1.0), 1.0)


def floats(frame: pl.DataFrame, name: str, *, absent: float = 0.0) -> FloatArray:
    """A column as floats; nulls, NaN and an absent column become `absent`."""
    if name not in frame.columns:
        return np.full(frame.height, absent)
    values = frame[name].cast(pl.Float64, strict=False).fill_null(absent).fill_nan(absent).to_numpy()
    return np.array(values, dtype=float)
