"""Past decisions that are probably slips: confident learning on probabilities that were made without them.

References
----------
C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST_OF_A_KIND", "suspects"]

FEWEST_OF_A_KIND = 5
"""Decisions of each outcome below which there is no average confidence to hold a decision against."""


def suspects(accepted: ArrayLike, probability: ArrayLike) -> NDArray[np.intp]:
    """Places of the decisions that are probably wrong, the most doubtful first.

    A decision is suspect when the other outcome is at least as probable as it is on average where it was chosen, and more
    probable than the one that was chosen.

    Parameters
    ----------
    accepted : array-like of bool, shape (n,)
        What a person said.
    probability : array-like of float, shape (n,)
        Chance of acceptance, 0..1, from a model that has not seen that decision.

    Raises
    ------
    ValueError
        When lengths differ or a probability is out of range.

    Examples
    --------
    >>> said = [True] * 6 + [False] * 6 + [False]
    >>> suspects(said, [0.9] * 6 + [0.2] * 6 + [0.97]).tolist()
    [12]
    """
    said, chance = np.asarray(accepted, dtype=bool), np.asarray(probability, dtype=float)
    if said.shape != chance.shape or not (np.isfinite(chance).all() and np.all((chance >= 0) & (chance <= 1))):
        raise ValueError("there must be one probability in 0..1 for each decision")
    if min(said.sum(), (~said).sum()) < FEWEST_OF_A_KIND:
        return np.empty(0, dtype=np.intp)
    # The import takes seconds: only who asks pays for it.
    from cleanlab.filter import find_label_issues

    found = find_label_issues(
        labels=said.astype(int),
        pred_probs=np.column_stack([1 - chance, chance]),
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return np.asarray(found, dtype=np.intp)
