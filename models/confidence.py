"""The confidence of a correction: the probability that a person would accept it.

Two parts. A hierarchical beta-binomial works from the first hour: it starts from what is believed of each corrector and
moves with every decision, and a small group borrows strength from the larger one it belongs to. Once there are enough
decisions a classifier over all features joins in, calibrated on folds it was not fitted on.

In both parts one more approval of a pattern never lowers its confidence and one more rejection never raises it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit
from sklearn.base import BaseEstimator

from models.acceptance import CATEGORICAL, DIRECTIONS, AcceptanceClassifier
from models.calibration import Calibrated, Calibration, logits
from models.model_file import load_model_file, save_model_file
from models.priors import PRIORS, SHARE_BORROWED, counts, floats, own_doubt, priors
from models.risk import pooled_error_bound

__all__ = ["CATEGORICAL", "FEATURES", "PRIORS", "ConfidenceModel", "formula_confidence"]

FloatArray = NDArray[np.float64]

FEATURES = (
    "corrector_score",
    "corrector_rank",
    "agreement",
    "candidate_count",
    "neighbour_acceptance",
    "neighbour_similarity",
    "rejection_similarity",
    "pattern_decided",
    "pattern_approved",
    "pattern_recent_surprises",
    "rule_decided",
    "rule_approved",
    "connection_decided",
    "connection_approved",
    "corrector_decided",
    "corrector_approved",
    "formula",
    "same_value_approved",
    "same_value_rejected",
    "value_frequency",
    "edit_similarity",
    "length_ratio",
    "digits_changed",
    "letters_changed",
    "was_empty",
    "safe",
)
"""Numeric features of a candidate, computed by the caller; a missing one counts as 0, ``agreement`` as 1.

===========================  ===========================================================================================
corrector_score              what the corrector itself says, raw, 0..1
corrector_rank               place of that score among the issue's candidates, 1 is the best
agreement                    share of the issue's candidates with the same value, 0..1
candidate_count              candidates of the issue
neighbour_acceptance         acceptance among the nearest decided patterns, weighted by similarity, 0..1
neighbour_similarity         similarity of the nearest decided pattern, -1..1; 0 where there is none
rejection_similarity         similarity of the nearest pattern that was mostly rejected, -1..1; 0 where there is none
pattern_decided, _approved   decisions on this pattern and corrector, and approvals among them
pattern_recent_surprises     rejections among the last five of them where the confidence was 0.5 or more, 0..5
rule_decided, _approved      the same for all patterns of rule and corrector
connection_decided, _approved the same for those of the issue's own connection
corrector_decided, _approved the same for all rules of the corrector
formula                      the mission's confidence formula over the pattern's decisions, 0..1
same_value_approved, _rejected  times that this value was accepted, or refused, for the same observed value
value_frequency              share of the proposed value among the valid records of the column, 0..1
edit_similarity              likeness of observed and proposed text, 0..1
length_ratio                 shorter by longer text, 0..1
digits_changed               1 where the sequence of digits differs
letters_changed              1 where the sequence of letters differs
was_empty                    1 where nothing was observed
safe                         1 where the corrector never changes the meaning
===========================  ===========================================================================================
"""

_MADE_FOR = {"format": ["6"], "features": FEATURES, "names": CATEGORICAL, "inputs": tuple(DIRECTIONS)}
"""What a saved model must agree with to be read; the format rises when learned attributes change their meaning."""
_EDGE = 1e-4
_DRIFT = 2
"""Surprises among the last five decisions of a pattern from which its own record outweighs the classifier."""

_FEWEST_OF_A_KIND = 10


def formula_confidence(verdicts: Sequence[str]) -> float:
    """The mission's formula over the verdicts of a pattern, oldest first; the baseline in every table, not a probability.

    Examples
    --------
    >>> formula_confidence([]), formula_confidence(["approved"]), formula_confidence(["approved", "approved"])
    (0.0, 0.9, 1.0)
    >>> round(formula_confidence(["approved"] * 95 + ["rejected"] * 2 + ["approved"] * 2 + ["rejected"]), 3)
    0.676
    """
    total = len(verdicts)
    approval_rate = sum(verdict == "approved" for verdict in verdicts) / total if total else 0.0
    penalty = 0.1 * sum(verdict == "rejected" for verdict in verdicts[-5:])
    return min(max(approval_rate * 0.8 + min(total / 10, 0.2) - penalty, 0.0), 1.0)


class Belief(NamedTuple):
    """Beta distribution of each candidate's acceptance, from counts alone.

    Attributes
    ----------
    approved, refused : ndarray of shape (n,)
        Decisions and pseudo-decisions of the pattern.
    rule : ndarray of shape (n,)
        Acceptance expected from the rule without the pattern's own decisions, 0..1.
    """

    approved: FloatArray
    refused: FloatArray
    rule: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Expected acceptance, 0..1."""
        return self.approved / (self.approved + self.refused)

    def quantile(self, share: float) -> FloatArray:
        """Acceptance that is not exceeded with this probability, 0..1."""
        return betaincinv(np.maximum(self.approved, 1e-9), np.maximum(self.refused, 1e-9), share)


class ConfidenceModel(BaseEstimator):
    """Probability of acceptance, with its bounds.

    Parameters
    ----------
    strength : float
        Decisions that the wider group counts for when a narrower one is judged (corrector for rule, rule for pattern),
        and the belief about a corrector before any decision. The first decision of a pattern moves its confidence by
        about ``1 / strength`` of the way, so it is the inverse of the setting ``learning_rate``.
    classifier_from : int
        Labels from which the classifier joins in. At twice as many it has two thirds of the weight.
    certainty : float
        Of the one-sided bounds ``lower``, ``upper`` and ``error_bound``, 0.5..1 exclusive.
    folds : int
        Blocks, contiguous in time, on which the calibration is made.
    seed : int
        Kept with the model for the record; nothing in it is drawn at random, so equal data give equal predictions.

    Attributes
    ----------
    decisions_ : int
        Labels it was fitted on; 0 before.
    classifier_ : AcceptanceClassifier or None
        None with too few labels, or too few of one outcome.
    calibration_ : Calibration or None
    past_decision_, past_confidence_ : ndarray of shape (n_past,)
        See `past`.

    See Also
    --------
    models.risk : the error bound.

    References
    ----------
    A. Gelman et al., "Bayesian Data Analysis", 3rd edition, chapter 5: hierarchical beta-binomial. Strengths are fixed here
    rather than estimated, since the first decisions of a merchant cannot tell them.

    Examples
    --------
    A pattern before any decision, after three approvals, and after two more decisions that were rejections:

    >>> seen = pl.DataFrame({
    ...     "corrector": ["price"] * 3, "pattern_decided": [0, 3, 5], "pattern_approved": [0, 3, 3],
    ...     "pattern_recent_surprises": [0, 0, 2],
    ... })
    >>> ConfidenceModel().predict(seen)["confidence"].round(3).to_list()
    [0.99, 0.992, 0.759]
    """

    decisions_: int
    classifier_: AcceptanceClassifier | None
    calibration_: Calibration | None
    past_decision_: NDArray[np.int64]
    past_confidence_: FloatArray

    def __init__(
        self,
        *,
        strength: float = 10.0,
        classifier_from: int = 200,
        certainty: float = 0.90,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.strength = strength
        self.classifier_from = classifier_from
        self.certainty = certainty
        self.folds = folds
        self.seed = seed
        self.decisions_ = 0
        self.classifier_ = None
        self.calibration_ = None
        self._forget_past()

    def fit(
        self,
        X: pl.DataFrame,  # noqa: N803
        accepted: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        when: ArrayLike | None = None,
        decision: ArrayLike | None = None,
    ) -> Self:
        """Learn from decided candidates; with fewer than `classifier_from`, only their number.

        Parameters
        ----------
        X : polars.DataFrame
            `FEATURES` and `CATEGORICAL`, as known when each question was asked; other columns are ignored.
        accepted : array-like of bool, shape (n,)
        weight : array-like of float, shape (n,), optional
            Inverse propensities; only their ratios count.
        when : array-like, shape (n,), optional
            Order of the decisions. Folds are blocks in time, because neighbours in time are alike.
        decision : array-like of int, shape (n,), optional
            Number, 1 or more, of the decision that was about this row; 0 for other candidates of the issue. See `past`.

        Raises
        ------
        ValueError
            When lengths differ or a weight is not positive.
        """
        known = np.asarray(accepted).astype(bool)
        share = np.ones(len(known)) if weight is None else np.asarray(weight, dtype=float)
        if not X.height == len(known) == len(share):
            raise ValueError(
                f"there are {X.height} rows, {len(known)} outcomes and {len(share)} weights; they must agree"
            )
        if len(share) and not (np.isfinite(share).all() and share.min() > 0):
            raise ValueError(f"weights must be finite and above 0, not {share.min():g}..{share.max():g}")
        self.decisions_, self.classifier_, self.calibration_ = len(known), None, None
        self._forget_past()
        if len(known) < self.classifier_from or min(known.sum(), (~known).sum()) < _FEWEST_OF_A_KIND:
            return self
        order = np.arange(len(known)) if when is None else np.argsort(np.asarray(when), kind="stable")
        rows, known, share = self.with_belief(X)[order], known[order], share[order]
        held_out = np.empty(len(known))
        for block in np.array_split(np.arange(len(known)), self.folds):
            rest = np.setdiff1d(np.arange(len(known)), block, assume_unique=True)
            fitted = AcceptanceClassifier().fit(rows[rest], known[rest], weight=share[rest])
            held_out[block] = fitted.predict_score(rows[block])
        shown = np.ones(len(known), dtype=np.int64) if decision is None else np.asarray(decision)[order]
        asked = shown > 0
        if min(known[asked].sum(), (~known[asked]).sum()) < _FEWEST_OF_A_KIND:
            return self
        # Candidates that nobody was asked about teach what tells right from wrong; how often a suggestion is right, they cannot.
        self.calibration_ = Calibration().fit(held_out[asked], known[asked], weight=share[asked])
        self.classifier_ = AcceptanceClassifier().fit(rows, known, weight=share)
        if decision is not None:
            self._keep_past(rows, held_out, shown)
        return self

    @property
    def past(self) -> pl.DataFrame:
        """What it says of decisions that it has not learned from: ``sequence`` and ``confidence``; without rows before a fit.

        Those that it was fitted on are judged by the fold that they were not in, so that a proof about this model can rest on
        them; the calibration alone has seen them, and cannot change their order.
        """
        return pl.DataFrame(
            {"sequence": self.past_decision_, "confidence": self.past_confidence_},
            schema={"sequence": pl.Int64, "confidence": pl.Float64},
        )

    def note(self, X: pl.DataFrame, decision: ArrayLike) -> None:  # noqa: N803
        """Add decisions to `past` that it was not fitted on; numbers as `fit` takes them. Does nothing without a classifier."""
        if self.classifier_ is not None and X.height:
            rows = self.with_belief(X)
            self._keep_past(rows, self.classifier_.predict_score(rows), np.asarray(decision))

    def predict(self, X: pl.DataFrame) -> pl.DataFrame:  # noqa: N803
        """Confidence of each row. Works unfitted: from beliefs and the counts in the features.

        Returns
        -------
        polars.DataFrame
            In the order of the rows:

            - ``confidence``: probability of acceptance, 0.0001..0.9999
            - ``lower``, ``upper``: one-sided bounds of it at `certainty`, 0..1
            - ``error_bound``: upper bound of the pattern's error rate, see `models.risk.pooled_error_bound`
            - ``evidence``: decisions on the same rule by the same corrector
        """
        belief = self.belief(X)
        found = Calibrated(belief.mean, belief.quantile(1 - self.certainty), belief.quantile(self.certainty))
        if self.classifier_ is not None and self.calibration_ is not None and X.height:
            rows = self.with_belief(X)
            found = self._blended(rows, self.classifier_.predict_score(rows), found)
        confidence = np.clip(found.probability, _EDGE, 1 - _EDGE)
        return pl.DataFrame(
            {
                "confidence": confidence,
                "lower": np.minimum(found.lower, confidence),
                "upper": np.maximum(found.upper, confidence),
                "error_bound": pooled_error_bound(X, certainty=self.certainty),
                "evidence": floats(X, "rule_decided").astype(np.int64),
            }
        )

    def belief(self, X: pl.DataFrame) -> Belief:  # noqa: N803
        """What the counts alone say of each row.

        Each level is a beta-binomial whose prior is the level above it, without the level's own decisions: belief,
        corrector, rule, pattern. A surprise among the pattern's last five counts twice, so that a change is felt.
        """
        mean, _ = priors(X)
        held = counts(X)
        for level in ("corrector", "rule"):
            approved, refused = (SHARE_BORROWED[level] * one for one in held[level])
            mean = (self.strength * mean + approved) / (self.strength + approved + refused)
        mean = np.minimum(mean, own_doubt(X))
        own, recent = held["pattern"], np.clip(floats(X, "pattern_recent_surprises"), 0, 5)
        return Belief(self.strength * mean + own.approved, self.strength * (1 - mean) + own.refused + recent, mean)

    def save(self, folder: Path) -> None:
        """Write the model into a folder, which is made where it is missing; see `models.model_file`."""
        save_model_file(self, folder, made_for=_MADE_FOR)

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """The model that `save` wrote; its predictions are the same to the bit.

        Raises
        ------
        OSError
            When the folder holds no model.
        ModelFileError
            When the file is damaged, holds a type that is not trusted, or was made for other features.
        """
        return load_model_file(folder, cls, made_for=_MADE_FOR)

    def _forget_past(self) -> None:
        self.past_decision_, self.past_confidence_ = np.empty(0, dtype=np.int64), np.empty(0)

    def _keep_past(self, rows: pl.DataFrame, score: FloatArray, decision: NDArray[np.int64]) -> None:
        is_shown = decision > 0
        rows, score, mean = rows.filter(is_shown), score[is_shown], self.belief(rows).mean[is_shown]
        said = self._blended(rows, score, Calibrated(mean, mean, mean)).probability
        self.past_decision_ = np.append(self.past_decision_, decision[is_shown].astype(np.int64))
        self.past_confidence_ = np.append(self.past_confidence_, np.clip(said, _EDGE, 1 - _EDGE))

    def _blended(self, rows: pl.DataFrame, score: FloatArray, believed: Calibrated) -> Calibrated:
        """Belief and classifier, averaged in log odds; the classifier weighs more the more labels it was fitted on."""
        assert self.calibration_ is not None
        seen = self.calibration_.predict(score)
        share = self.decisions_ / (self.decisions_ + self.classifier_from)
        joined = Calibrated(
            *(
                expit(share * logits(ours) + (1 - share) * logits(theirs))
                for ours, theirs in zip(seen, believed, strict=True)
            )
        )
        drifts = floats(rows, "pattern_recent_surprises") >= _DRIFT
        return Calibrated(
            *(np.where(drifts, np.minimum(both, own), both) for both, own in zip(joined, believed, strict=True))
        )

    def with_belief(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows as the classifier sees them: with ``believed``, ``believed_of_rule`` and ``believed_here``, log odds, beside them."""
        belief = self.belief(rows)
        decided, approved = floats(rows, "connection_decided"), floats(rows, "connection_approved")
        here = (self.strength * belief.rule + approved) / (self.strength + decided)
        return rows.with_columns(
            pl.Series("believed", logits(belief.mean)),
            pl.Series("believed_of_rule", logits(belief.rule)),
            pl.Series("believed_here", logits(here)),
        )
