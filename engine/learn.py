"""Training: from decisions to a new version of the confidence model, and which version everybody loads.

A version is judged on decisions that are later than every decision it was fitted on, about other records. What was judged
is what is kept: the model is not fitted again on all decisions afterwards, so that the figures of a version are its own.
Champion and challenger are compared on the same rows, which neither has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.policy import Policy, judge
from engine.store.database import Store
from engine.store.decisions import decisions_frame
from engine.versions import champion, code_version, crown, name_of, open_registry, shadowed, trained_until
from models.confidence import CATEGORICAL, FEATURES, ConfidenceModel
from models.evaluate import Gain, evaluate, paired_gain
from models.figures import reliability_figure, risk_coverage_figure

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = [
    "Comparison",
    "Training",
    "compare",
    "evaluate_version",
    "promote",
    "shadow_confidence",
    "train",
    "training_frame",
]

HELD_OUT_SHARE = 0.25
FEWEST_DECISIONS = 20
"""Below this a training would only repeat the priors."""

MOST_WEIGHT = 10.0
"""Decisions that one audit stands for at most. Its inverse propensity is 50 at the usual share: a slip in one of twenty audits
would count as much as the thousand decisions beside them. Truncating weighs a little bias against much variance, see E. L.
Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics 17(2), 2008."""

_INPUTS = {name: pl.String if name in CATEGORICAL else pl.Float64 for name in (*FEATURES, *CATEGORICAL)}
_LABELS: dict[str, Any] = {
    "accepted": pl.Boolean,
    "weight": pl.Float64,
    "candidate_id": pl.String,
    "record_key": pl.String,
    "decided_at": pl.Datetime("us", "UTC"),
    "sequence": pl.Int64,
    "was_shown": pl.Boolean,
    "shadow_version": pl.Int64,
    "shadow_confidence": pl.Float64,
}


@dataclass(frozen=True)
class Comparison:
    """Two versions on the same later decisions, which neither was fitted on.

    Attributes
    ----------
    challenger : int or None
        None where it is not kept yet.
    champion : int or None
        None for the priors, before the first promotion.
    tested : int
        Decided candidates that were compared on.
    measures : polars.DataFrame
        ``model`` (challenger, champion, formula) and every measure of `models.evaluate.evaluate`; ``automatic_share`` and
        ``automatic_wrong`` are what the policy would have let pass, and the share of it that people refused.
    gain : models.evaluate.Gain
        Brier score of the champion without that of the challenger, with its 90 % interval.
    is_better : bool
        Whether the whole interval is above 0.
    explanation : str
    """

    challenger: int | None
    champion: int | None
    tested: int
    measures: pl.DataFrame
    gain: Gain
    is_better: bool
    explanation: str

    @property
    def metrics(self) -> dict[str, float]:
        """All measures, named ``<model>_<measure>``, and the gain."""
        found = {"gain_brier": self.gain.mean, "gain_brier_low": self.gain.low, "gain_brier_high": self.gain.high}
        for row in self.measures.iter_rows(named=True):
            found |= {f"{row['model']}_{k}": v for k, v in row.items() if k != "model" and v is not None}
        return found if self.tested else {}


@dataclass(frozen=True)
class Training:
    """Outcome of a training.

    Attributes
    ----------
    version : int
    decisions : int
        Labels it was fitted on.
    metrics : dict of str to float
        On later decisions about other records than it was fitted on; the champion's and the formula's beside its own.
    is_promoted : bool
    explanation : str
    """

    version: int
    decisions: int
    metrics: dict[str, float]
    is_promoted: bool
    explanation: str


def training_frame(store: Store) -> pl.DataFrame:
    """Decided candidates with the features that were known when they were asked, oldest first.

    Returns
    -------
    polars.DataFrame
        ``accepted`` (bool), ``weight`` (inverse propensity, at most `MOST_WEIGHT`), ``candidate_id``, ``record_key``, ``decided_at``,
        ``sequence``, ``was_shown`` (whether the decision was about this candidate), ``shadow_version`` and ``shadow_confidence`` (what a challenger in the shadow said
        at the time), then every feature of `models.confidence.FEATURES` and the categorical ones. An approved or modified
        decision labels all candidates of its issue, a rejected one only the candidate that was shown.
    """
    asked = store.arrow(
        "SELECT c.candidate_id AS asked_id, c.issue_id, c.value, CAST(c.features AS TEXT) AS features, i.record_key, "
        "c.shadow_version, c.shadow_confidence "
        "FROM candidates c JOIN issues i ON i.issue_id = c.issue_id "
        "WHERE c.issue_id IN (SELECT issue_id FROM correction_decisions WHERE undone_at IS NULL)"
    )
    decisions = decisions_frame(store)
    if asked.is_empty() or decisions.is_empty():
        return pl.DataFrame(schema=_LABELS | _INPUTS)
    was_shown = pl.col("asked_id") == pl.col("candidate_id")
    right = pl.when(was_shown).then(pl.col("verdict") == "approved").otherwise(pl.col("value") == pl.col("final"))
    return (
        decisions.join(asked, on="issue_id", how="inner")
        .filter(was_shown | (pl.col("verdict") != "rejected"))
        .with_columns(
            right.alias("accepted"),
            was_shown.alias("was_shown"),
            (1 / pl.col("propensity")).clip(upper_bound=MOST_WEIGHT).alias("weight"),
            pl.col("features").str.json_decode(pl.Struct(_INPUTS)),
            pl.col("asked_id").alias("candidate_id"),
        )
        # Candidates of one issue come in the order of their values, since their identifiers are drawn at random.
        .sort("sequence", "value")
        .select(*(pl.col(name).cast(dtype) for name, dtype in _LABELS.items()), "features")
        .unnest("features")
    )


def train(workspace: Workspace, *, by: str) -> Training:
    """Fit a challenger, compare it with the champion on later decisions about other records, promote it if it is better.

    Raises
    ------
    ModelError
        While there are fewer than `FEWEST_DECISIONS` decisions.
    """
    rows = training_frame(workspace.store)
    if rows.height < FEWEST_DECISIONS:
        raise ModelError(
            f"There are {rows.height} decided suggestions; training needs {FEWEST_DECISIONS}. Review more issues, then train again."
        )
    registry = open_registry(workspace)
    first_later = rows["sequence"][int(rows.height * (1 - HELD_OUT_SHARE))]
    earlier = rows.filter(pl.col("sequence") < first_later)
    challenger = _fit(workspace.new_model(), earlier)
    since = rows.filter(pl.col("sequence") >= first_later)
    challenger.note(since, _shown(since))
    last_seen = int(earlier["sequence"].max() or 0)  # type: ignore[arg-type]
    reigning = champion(workspace.store)[0]
    later = _unseen(rows, max(last_seen, trained_until(registry, reigning)))
    scores = _scores(later, challenger, workspace.model)
    comparison = _compared(workspace, later, scores, challenger=None, reigning=reigning)
    version, folder = registry.record(
        challenger,
        parameters={
            "decisions": earlier.height,
            "held_out": later.height,
            "held_out_share": HELD_OUT_SHARE,
            "trained_until": last_seen,
            "trained_by": by,
            "compared_with": "priors" if reigning is None else reigning,
            "embedder": workspace.settings.embedder,
            **{f"model_{name}": value for name, value in challenger.get_params(deep=False).items()},
            **{f"policy_{name}": value for name, value in asdict(workspace.policy).items()},
        },
        metrics=comparison.metrics,
        data_fingerprint=fingerprint(rows),
        tags=code_version(),
        figures=_figures(later, scores, workspace.policy),
    )
    if comparison.is_better:
        crown(workspace, registry, version, by=by, folder=folder)
    return Training(version, earlier.height, comparison.metrics, comparison.is_better, comparison.explanation)


def evaluate_version(workspace: Workspace, version: int | None = None) -> dict[str, float]:
    """Every measure of a version on the decisions that are later than those it was fitted on, about other records.

    Parameters
    ----------
    version : int, optional
        The champion when left out.

    Raises
    ------
    ModelError
        While there are no such decisions.
    RegistryError
        When there is no such version.
    """
    registry = open_registry(workspace)
    chosen = champion(workspace.store)[0] if version is None else version
    later = _unseen(training_frame(workspace.store), trained_until(registry, chosen))
    if later.is_empty():
        raise ModelError(
            f"Nothing has been decided since {name_of(chosen)} was trained, or only about the same records. Review more issues first."
        )
    model = workspace.model if version is None else registry.load(version)
    return _measures(later, _predict(model, later), workspace.policy, workspace.settings.seed)


def compare(workspace: Workspace, version: int | None = None) -> Comparison:
    """A version beside the champion, on decisions that are later than those either was fitted on, about other records.

    Where the version was in the shadow when a candidate was made, what it said then is taken.

    Parameters
    ----------
    version : int, optional
        The one in the shadow when left out, else the newest.

    Raises
    ------
    ModelError
        When there is no version to compare.
    RegistryError
        When there is no such version.
    """
    registry = open_registry(workspace)
    reigning = champion(workspace.store)[0]
    if version is None:
        version = shadowed(workspace.store)[0]
    if version is None:
        known = registry.versions().filter(pl.col("version") != (reigning or -1))
        if known.is_empty():
            raise ModelError("There is no version beside the champion to compare. Train one with `channelmend train`.")
        version = int(known["version"][0])
    seen = max(trained_until(registry, version), trained_until(registry, reigning))
    later = _unseen(training_frame(workspace.store), seen)
    scores = _scores(later, registry.load(version), workspace.model)
    said = pl.when(pl.col("shadow_version") == version).then(pl.col("shadow_confidence"))
    then = later.select(said.fill_null(scores["challenger"]["confidence"]).alias("confidence")).to_series()
    scores["challenger"] = scores["challenger"].with_columns(then)
    return _compared(workspace, later, scores, challenger=version, reigning=reigning)


def promote(workspace: Workspace, version: int, *, by: str, force: bool = False) -> str:
    """Make a version the champion, which every process loads with its next question; gives the reason in words.

    Parameters
    ----------
    force : bool
        Promote it even where it is not better than the champion on later decisions; the audit log says so.

    Raises
    ------
    ModelError
        When it is not better, and `force` is not given.
    RegistryError
        When there is no such version.
    """
    registry = open_registry(workspace)
    if version == champion(workspace.store)[0]:
        return f"{name_of(version)} is the champion already"
    if force:
        crown(workspace, registry, version, by=by, note="forced")
        return "forced"
    comparison = compare(workspace, version)
    if not comparison.is_better:
        raise ModelError(
            f"{name_of(version)} is not promoted: {comparison.explanation}. Promote it all the same by force."
        )
    crown(workspace, registry, version, by=by, note=comparison.explanation)
    return comparison.explanation


def fingerprint(rows: pl.DataFrame) -> str:
    """SHA-256 of a training frame: equal for equal decisions on equal features."""
    learned = rows.drop("candidate_id", "shadow_version", "shadow_confidence")
    return hashlib.sha256(learned.write_csv().encode()).hexdigest()


def _fit(model: ConfidenceModel, rows: pl.DataFrame) -> ConfidenceModel:
    return model.fit(
        rows,
        rows["accepted"].to_numpy(),
        weight=rows["weight"].to_numpy(),
        when=rows["sequence"].to_numpy(),
        decision=_shown(rows),
    )


def _shown(rows: pl.DataFrame) -> NDArray[np.int64]:
    """Number of the decision about each candidate, 0 where another one was shown."""
    return rows.select(pl.when("was_shown").then("sequence").otherwise(0)).to_series().to_numpy()


def _predict(model: ConfidenceModel, rows: pl.DataFrame) -> pl.DataFrame:
    return model.predict(rows).select("confidence", "lower", "error_bound")


def _unseen(rows: pl.DataFrame, last_seen: int) -> pl.DataFrame:
    """Rows decided after a training, about records that it has not seen."""
    seen = rows.filter(pl.col("sequence") <= last_seen).select(pl.col("record_key").unique())
    return rows.filter(pl.col("sequence") > last_seen).join(seen, on="record_key", how="anti", maintain_order="left")


def _scores(later: pl.DataFrame, challenger: ConfidenceModel, reigning: ConfidenceModel) -> dict[str, pl.DataFrame]:
    """Predictions of the challenger, of the champion, and of the mission's formula, which knows no bound."""
    formula = later.select(
        pl.col("formula").alias("confidence"), pl.col("formula").alias("lower"), pl.lit(0.0).alias("error_bound")
    )
    return {"challenger": _predict(challenger, later), "champion": _predict(reigning, later), "formula": formula}


def _compared(
    workspace: Workspace,
    later: pl.DataFrame,
    scores: Mapping[str, pl.DataFrame],
    *,
    challenger: int | None,
    reigning: int | None,
) -> Comparison:
    if later.is_empty():
        text = "there are no later decisions about other records to compare on; review more issues first"
        return Comparison(
            challenger, reigning, 0, pl.DataFrame(schema={"model": pl.String}), Gain(0.0, 0.0, 0.0), False, text
        )
    seed, policy = workspace.settings.seed, workspace.policy
    rows = [{"model": name} | _measures(later, predicted, policy, seed) for name, predicted in scores.items()]
    mine, theirs = (scores[name]["confidence"].to_numpy() for name in ("challenger", "champion"))
    gain = paired_gain(later["accepted"].to_numpy(), mine, theirs, groups=later["record_key"].to_numpy(), seed=seed)
    is_better = gain.low > 0
    text = (
        f"Brier score {rows[0]['brier']:.4f} against {rows[1]['brier']:.4f} of {name_of(reigning)} on {later.height} later decisions, "
        f"{'better' if gain.mean > 0 else 'worse' if gain.mean < 0 else 'equal'} by {abs(gain.mean):.4f} "
        f"(90 % interval of the gain {gain.low:+.4f} to {gain.high:+.4f})"
    )
    if not is_better:
        text += "; that is no proven gain"
    return Comparison(challenger, reigning, later.height, pl.DataFrame(rows), gain, is_better, text)


def _measures(later: pl.DataFrame, predicted: pl.DataFrame, policy: Policy, seed: int) -> dict[str, float]:
    truth = later["accepted"].to_numpy()
    found = evaluate(truth, predicted["confidence"].to_numpy(), seed=seed, budget=policy.error_budget)
    policy = replace(policy, enabled=True)
    judged = judge(
        later.select("pattern_approved", pl.col("candidate_id").alias("issue_id")).with_columns(predicted), policy
    )
    passed = (judged["action"] != "review").to_numpy()
    found["automatic_share"] = float(passed.mean())
    if passed.any():
        found["automatic_wrong"] = float((~truth[passed]).mean())
    return found


def _figures(later: pl.DataFrame, scores: Mapping[str, pl.DataFrame], policy: Policy) -> dict[str, Any]:
    if later.is_empty():
        return {}
    truth, drawn = later["accepted"].to_numpy(), {name: one["confidence"].to_numpy() for name, one in scores.items()}
    return {
        "reliability.png": reliability_figure(truth, drawn),
        "risk_coverage.png": risk_coverage_figure(truth, drawn, budget=policy.error_budget),
    }


def shadow_confidence(model: ConfidenceModel, features: pl.Series) -> pl.Series:
    """What a model says of candidates whose features are given as JSON text."""
    rows = features.str.json_decode(pl.Struct(_INPUTS)).struct.unnest()
    return model.predict(rows)["confidence"]
