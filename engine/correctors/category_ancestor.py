"""The deepest ancestor that is safe, where no category itself is.

A kind of its own beside `category`: some reviewers and channels take an ancestor and others want the category itself, and
each answer earns its own record.
"""

from __future__ import annotations

import polars as pl

from engine.correctors.base import Context, Corrector, candidates, parameters
from engine.correctors.category import classifier, is_none, text_of
from engine.types import CANDIDATES
from models.category import CategoryClassifier

__all__ = ["CORRECTOR", "CategoryAncestorCorrector"]

_SAFE = 0.9
"""Probability that an ancestor must reach. From 0.8 on, one in five was not on the true path (experiments/estimators)."""


class CategoryAncestorCorrector(Corrector):
    """Answers with the ancestor whose categories together are safe, for a missing category; a wrong one is left alone.

    Attributes
    ----------
    classifier_ : models.category.CategoryClassifier or None
        None before `fit`.
    """

    name = "category_ancestor"
    handles = frozenset(("category",))

    def __init__(self) -> None:
        self.classifier_: CategoryClassifier | None = None

    def fit(self, context: Context) -> None:
        """Learn from the records that have a category, as `category` does."""
        self.classifier_, _ = classifier(context)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """At most one ancestor an issue; none where a category itself is safe."""
        mine = self.asked(questions)
        if mine.is_empty() or self.classifier_ is None:
            return pl.DataFrame(schema=CANDIDATES)
        asked = mine.select("issue_id", "check", "params", pl.col("observed").fill_null(""), text=text_of(mine))
        asked = asked.filter(pl.Series([is_none(observed) for observed in asked["observed"]], dtype=pl.Boolean))
        guesses = self.classifier_.predict(asked["text"].to_list(), count=1, safe=_SAFE)
        reason = "The deepest level that is safe; the levels below are too close to call."
        return candidates(
            (issue, guess.path, self.name, round(guess.probability, 4), reason)
            for (issue, check, params, _, text), found in zip(asked.iter_rows(), guesses, strict=True)
            for guess in found
            if text.strip() and not guess.is_leaf and _is_allowed(guess.path, check, params)
        )


def _is_allowed(path: str, check: str | None, params: str | None) -> bool:
    listed = parameters(params).get("values") if check == "one_of" else None
    return not isinstance(listed, list) or path in listed


CORRECTOR = CategoryAncestorCorrector
