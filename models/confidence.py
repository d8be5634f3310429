"""The confidence of a correction: the probability that a person would accept it.

Two parts. A hierarchical beta-binomial works from the first hour: it starts from what is known of each corrector and
moves with every decision, and a small group borrows strength from the larger one it belongs to. Once there are enough
decisions, a classifier over all features joins in, calibrated on folds it was not fitted on; its weight grows with the
number of decisions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats
from scipy.special import expit, logit

from models.risk import beta_upper

__all__ = ["CATEGORICAL", "FEATURES", "PRIORS", "ConfidenceModel", "formula_confidence"]

CATEGORICAL = ("corrector", "rule_id", "field", "channel", "kind")
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
    "pattern_recent_rejections",
    "rule_decided",
    "rule_approved",
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
"""Numeric features, in order; `engine.features` says what each is. Counts are of decisions by the same corrector: of the
pattern, of the rule, of all rules."""

PRIORS = {"price": 0.99, "description": 0.85, "category": 0.78, "brand": 0.72, "weight": 0.65}
"""Acceptance before any decision, from the mission's table of examples; it was not measured, which is why it weighs
little: see `ConfidenceModel`."""

DEFAULT_PRIOR = 0.80
_COUNTS = (
    "pattern_decided",
    "pattern_approved",
    "rule_decided",
    "rule_approved",
    "corrector_decided",
    "corrector_approved",
)
_MARGIN = 1e-4
_TRUSTED = ("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")
"""Types beside scikit-learn's public ones that a saved model may hold; anything else is refused on load."""


def formula_confidence(verdicts: Sequence[str]) -> float:
    """The mission's formula over the verdicts of a pattern, oldest first; the baseline in every table, not a probability.

    Examples
    --------
    >>> formula_confidence([]), formula_confidence(["approved"]), formula_confidence(["approved", "approved"])
    (0.0, 0.9, 1.0)
    >>> round(formula_confidence(["approved"] * 95 + ["rejected"] * 2 + ["approved"] * 2 + ["rejected"]), 2)
    0.68
    """
    total = len(verdicts)
    approval_rate = sum(verdict == "approved" for verdict in verdicts) / total if total else 0.0
    penalty = 0.1 * sum(verdict == "rejected" for verdict in verdicts[-5:])
    return min(max(approval_rate * 0.8 + min(total / 10, 0.2) - penalty, 0.0), 1.0)


class ConfidenceModel:
    """Probability of acceptance, with bounds.

    Parameters
    ----------
    strength : float
        Weight of the prior of a corrector, in decisions; a rule leans on its corrector, and a pattern on its rule, with
        0.8 and 0.4 of it. The setting ``learning_rate`` is 1 / strength.
    classifier_from : int
        Decisions from which the classifier joins in; at twice as many it has two thirds of the weight.
    certainty : float
        Of the bounds, one-sided.
    seed : int

    Attributes
    ----------
    classifier_ : sklearn.calibration.CalibratedClassifierCV or None
    decisions_ : int
        Decisions it was fitted on.
    """

    def __init__(
        self, *, strength: float = 10.0, classifier_from: int = 200, certainty: float = 0.90, seed: int = 0
    ) -> None:
        self.strength = strength
        self.classifier_from = classifier_from
        self.certainty = certainty
        self.seed = seed
        self.classifier_: Any = None
        self.decisions_ = 0

    def __repr__(self) -> str:
        fitted = f"fitted on {self.decisions_} decisions" if self.decisions_ else "priors only"
        return f"ConfidenceModel({fitted}, {'with' if self.classifier_ is not None else 'without'} classifier)"

    def fit(
        self,
        features: pl.DataFrame,
        accepted: np.ndarray,
        *,
        weight: np.ndarray | None = None,
        when: np.ndarray | None = None,
    ) -> ConfidenceModel:
        """Fit the classifier, if there are enough decisions of both outcomes.

        Parameters
        ----------
        features : polars.DataFrame, shape (n, ...)
            `FEATURES` and `CATEGORICAL`, as known when each question was asked.
        accepted : numpy.ndarray of bool, shape (n,)
        weight : numpy.ndarray, shape (n,), optional
            Inverse propensities.
        when : numpy.ndarray, shape (n,), optional
            Order of the decisions; folds are blocks in time, so that no fold is calibrated on its own neighbours.
        """
        accepted = np.asarray(accepted, dtype=bool)
        self.decisions_ = len(accepted)
        self.classifier_ = None
        rarest = min(accepted.sum(), (~accepted).sum()) if len(accepted) else 0
        if len(accepted) < self.classifier_from or rarest < 10:
            return self
        from sklearn.calibration import CalibratedClassifierCV

        order = np.argsort(when, kind="stable") if when is not None else np.arange(len(accepted))
        folds = _blocks(accepted[order], count=5)
        # Isotonic needs about a thousand rows (scikit-learn's user guide); below, two parameters are all one can afford.
        method = "isotonic" if len(accepted) >= 2000 else "sigmoid"
        model = CalibratedClassifierCV(_pipeline(), method=method, cv=folds)
        model.fit(
            self._matrix(features)[order],
            accepted[order],
            sample_weight=None if weight is None else np.asarray(weight)[order],
        )
        self.classifier_ = model
        return self

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """Confidence of each row; works unfitted, from the priors and the counts in the features.

        Returns
        -------
        polars.DataFrame
            ``confidence``, ``lower`` and ``upper`` (one-sided bounds at `certainty`), ``error_bound`` (upper bound of the
            error rate of the row's pattern, from decisions alone) and ``evidence`` (decisions of the pattern), in the
            order of the rows; all but the last 0..1.
        """
        errors, successes = self.posterior(features)
        total = errors + successes
        confidence = successes / total
        if self.classifier_ is not None and features.height:
            share = self.decisions_ / (self.decisions_ + self.classifier_from)
            probability = self.classifier_.predict_proba(self._matrix(features))[:, 1]
            confidence = expit((1 - share) * _logit(confidence) + share * _logit(probability))
        confidence = np.clip(confidence, _MARGIN, 1 - _MARGIN)
        ends = (
            stats.beta.ppf(q, confidence * total, (1 - confidence) * total)
            for q in (1 - self.certainty, self.certainty)
        )
        lower, upper = ends
        return pl.DataFrame(
            {
                "confidence": confidence,
                "lower": np.minimum(lower, confidence),
                "upper": np.maximum(upper, confidence),
                "error_bound": beta_upper(errors, successes, certainty=self.certainty),
                "evidence": features["pattern_decided"].cast(pl.Int64),
            }
        )

    def posterior(self, features: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Pseudo-counts of errors and successes of each row's pattern, priors included, each of shape (n,).

        Each level is a beta-binomial whose prior is the level above it, counted without the level's own decisions:
        corrector, then rule, then pattern. One more approval never lowers the share of successes, one more rejection
        never raises it.
        """
        count = {name: features[name].to_numpy().astype(float) for name in _COUNTS}
        prior = features["corrector"].replace_strict(PRIORS, default=DEFAULT_PRIOR, return_dtype=pl.Float64).to_numpy()
        of_corrector = _shrunk(prior, self.strength, count, "corrector", "rule")
        of_rule = _shrunk(of_corrector, 0.8 * self.strength, count, "rule", "pattern")
        strength = 0.4 * self.strength
        successes = strength * of_rule + count["pattern_approved"]
        errors = strength * (1 - of_rule) + count["pattern_decided"] - count["pattern_approved"]
        return errors, successes

    def save(self, folder: Path) -> None:
        """Write the model: ``parameters.json`` and, with a classifier, ``classifier.skops``; no pickle."""
        folder.mkdir(parents=True, exist_ok=True)
        parameters = {
            name: getattr(self, name) for name in ("strength", "classifier_from", "certainty", "seed", "decisions_")
        }
        (folder / "parameters.json").write_text(
            json.dumps(parameters | {"features": [*FEATURES, *CATEGORICAL]}, indent=2), "utf-8"
        )
        if self.classifier_ is not None:
            from skops import io

            io.dump(self.classifier_, folder / "classifier.skops")

    @classmethod
    def from_folder(cls, folder: Path) -> ConfidenceModel:
        """The model that `save` wrote.

        Raises
        ------
        OSError
            When the folder holds no model.
        ValueError
            When it was made for other features, or holds a type that is not on the list.
        """
        parameters = json.loads((folder / "parameters.json").read_text("utf-8"))
        if parameters.pop("features") != [*FEATURES, *CATEGORICAL]:
            raise ValueError("it was made for other features; train again")
        decisions = parameters.pop("decisions_")
        model = cls(**parameters)
        model.decisions_ = decisions
        path = folder / "classifier.skops"
        if path.exists():
            from skops import io
            from skops.io.exceptions import UntrustedTypesFoundException

            try:
                model.classifier_ = io.load(path, trusted=list(_TRUSTED))
            except UntrustedTypesFoundException as error:
                raise ValueError(f"it holds types that are not trusted: {error}") from error
        return model

    def _matrix(self, features: pl.DataFrame) -> np.ndarray:
        errors, successes = self.posterior(features)
        numeric = features.select(FEATURES).to_numpy().astype(float)
        counts = [FEATURES.index(name) for name in (*_COUNTS, "same_value_approved", "same_value_rejected")]
        numeric[:, counts] = np.log1p(numeric[:, counts])
        base = _logit(successes / (errors + successes))
        names = features.select(CATEGORICAL).to_numpy().astype(object)
        return np.column_stack([base, numeric, names])


def _shrunk(mean: np.ndarray, strength: float, count: dict[str, np.ndarray], level: str, below: str) -> np.ndarray:
    """Mean of a level from the mean above it, without the decisions of the level below, which counts its own."""
    decided = np.maximum(count[f"{level}_decided"] - count[f"{below}_decided"], 0)
    approved = np.clip(count[f"{level}_approved"] - count[f"{below}_approved"], 0, decided)
    return (strength * mean + approved) / (strength + decided)


def _pipeline() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = 1 + len(FEATURES)
    columns = ColumnTransformer(
        [
            ("numeric", StandardScaler(), list(range(numeric))),
            (
                "names",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10),
                list(range(numeric, numeric + len(CATEGORICAL))),
            ),
        ]
    )
    return make_pipeline(columns, LogisticRegression(C=0.3, max_iter=1000))


def _blocks(accepted: np.ndarray, *, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Contiguous folds; one whose outcome is all of a kind is widened to every fifth row, so that each has both."""
    rows = np.arange(len(accepted))
    parts = np.array_split(rows, count)
    if any(len(set(accepted[part])) < 2 for part in parts):
        by_outcome = np.argsort(accepted, kind="stable")
        parts = [np.sort(by_outcome[start::count]) for start in range(count)]
    return [(np.setdiff1d(rows, part), part) for part in parts]


def _logit(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(probability, _MARGIN, 1 - _MARGIN))
