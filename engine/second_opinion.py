"""Decisions that are looked at twice: a random share of them, and those that are probably slips.

The random share tells how often each reviewer errs (`models.reviewers`); a decision is drawn by a number made from its
identifier, so that nothing needs to be noted when it is made. Slips are found by confident learning (`models.suspects`) on
chances of acceptance from models that have not seen the decision, or by two reviewers who disagree.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from connectors.record import field as record_field
from engine import audit
from engine.drift import standing_evidence
from engine.errors import ConfigError
from engine.features import with_counts
from engine.learn import training_frame
from engine.store.decisions import decisions_frame
from engine.store.tables import second_reviews
from engine.types import Verdict
from engine.vault import mask
from models.reviewers import reviewer_errors
from models.suspects import suspects

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["SHOWN", "answer", "confirm", "doubtful", "open_reviews", "reviewers"]

SHOWN = ("decision_id", "issue_id", "pattern_id", "connection", "channel", "kind", "field", "rule_id", "corrector")
"""Columns of a decision that a second reviewer sees, beside observed and suggested value."""

_FOLDS = 5
_NEWEST = 20_000
"""Decisions that are searched for slips, the newest; five models are fitted on them, which takes about a minute."""


def open_reviews(workspace: Workspace, *, by: str) -> pl.DataFrame:
    """Decisions that this person is asked about again: drawn at random, made by somebody else, and not answered yet.

    Returns
    -------
    polars.DataFrame
        `SHOWN`, ``observed`` and ``suggested``, oldest first; what the first reviewer said is not told.
    """
    share = workspace.settings.knowledge_management.second_review_share
    answered = [row["decision_id"] for row in _answers(workspace) if row["reason"] == "drawn"]
    asked = _drawn(decisions_frame(workspace.store), share, workspace.settings.seed).filter(
        pl.col("decided_by") != by, pl.col("decision_id").is_in(answered).not_()
    )
    return asked.select(*SHOWN, "observed", "suggested")


def answer(workspace: Workspace, decision_id: str, verdict: Verdict, *, by: str, value: str = "") -> bool:
    """Note what a second person says of a decision; gives whether both agree. The decision itself stays as it is.

    Raises
    ------
    ConfigError
        When the decision is unknown or taken back, or the same person made it.
    """
    first = _standing(workspace, decision_id)
    if first["decided_by"] == by:
        raise ConfigError(f"{by} made this decision; a second opinion comes from somebody else.")
    final = {Verdict.APPROVED: first["suggested"], Verdict.MODIFIED: value, Verdict.REJECTED: ""}[verdict]
    if verdict == Verdict.MODIFIED and record_field(first["kind"], first["field"]).personal:
        final = mask(final)
    share = workspace.settings.knowledge_management.second_review_share
    is_drawn = _drawn(pl.DataFrame([first]), share, workspace.settings.seed).height == 1
    reason, propensity = ("drawn", share) if is_drawn else ("suspect", 1.0)
    _note(workspace, decision_id, reason, propensity, verdict, final, by)
    return _says(first["verdict"], first["final"]) == _says(verdict.value, final)


def confirm(workspace: Workspace, decision_id: str, *, by: str) -> None:
    """Say that a decision was right.

    Raises
    ------
    ConfigError
        When the decision is unknown or taken back.
    """
    first = _standing(workspace, decision_id)
    _note(workspace, decision_id, "suspect", 1.0, Verdict(first["verdict"]), first["final"], by)


def doubtful(workspace: Workspace) -> pl.DataFrame:
    """Past decisions that are probably slips, the most doubtful first.

    Returns
    -------
    polars.DataFrame
        `SHOWN`, ``observed``, ``suggested``, ``final``, ``verdict``, ``decided_by``, ``decided_at``, ``chance`` (of acceptance,
        by models that have not seen the decision; null where they were not asked) and ``reason``. A decision that the
        same or another person has confirmed since is left out.
    """
    decisions = decisions_frame(workspace.store)
    answers = _answers(workspace)
    said = {row["decision_id"]: _says(row["verdict"], row["final"]) for row in decisions.iter_rows(named=True)}
    agreeing = [r["decision_id"] for r in answers if _says(r["verdict"], r["final"]) == said.get(r["decision_id"])]
    opposed = {r["decision_id"]: r["reviewed_by"] for r in answers if r["decision_id"] not in agreeing}
    chances = _chances(standing_evidence(decisions, workspace.watch.changes()).tail(_NEWEST), workspace)
    found = suspects(chances["accepted"].to_numpy(), chances["chance"].to_numpy())
    slips = chances[found.tolist()]
    reasons = dict.fromkeys(slips["decision_id"], "decisions like this one went the other way")
    reasons |= {name: f"{who} says otherwise" for name, who in opposed.items()}
    shown = ("observed", "suggested", "final", "verdict", "decided_by", "decided_at")
    return (
        decisions.filter(pl.col("decision_id").is_in(list(reasons)), pl.col("decision_id").is_in(agreeing).not_())
        .join(chances.select("decision_id", "chance"), on="decision_id", how="left")
        .with_columns(pl.col("decision_id").replace_strict(reasons, return_dtype=pl.String).alias("reason"))
        .with_columns(
            pl.when(pl.col("verdict") == "approved")
            .then(pl.col("chance"))
            .otherwise(1 - pl.col("chance"))
            .alias("support")
        )
        .sort("support", "sequence", nulls_last=False)
        .select(*SHOWN, *shown, "chance", "reason")
    )


def reviewers(workspace: Workspace) -> pl.DataFrame:
    """What is known of each reviewer: ``reviewer, decisions, double_reviewed, disagreements, error, low, high``.

    ``error`` is the share of wrong decisions with its 90 % interval, null for who has not been double-reviewed. Only
    decisions drawn at random count: suspect ones would make everybody look worse.
    """
    decisions = decisions_frame(workspace.store).filter(pl.col("origin").is_in(["review", "audit"]))
    second = pl.DataFrame(
        [
            (r["decision_id"], r["reviewed_by"], r["verdict"] == "approved")
            for r in _answers(workspace)
            if r["reason"] == "drawn"
        ],
        schema={"decision_id": pl.String, "reviewer": pl.String, "accepted": pl.Boolean},
        orient="row",
    )
    first = decisions.join(second, on="decision_id", how="semi").select(
        "decision_id", pl.col("decided_by").alias("reviewer"), (pl.col("verdict") == "approved").alias("accepted")
    )
    both = pl.concat([first, second.join(first, on="decision_id", how="semi")])
    errors = reviewer_errors(
        both["decision_id"].to_list(),
        both["reviewer"].to_list(),
        both["accepted"].to_numpy(),
        seed=workspace.settings.seed,
    )
    counted = decisions.group_by(pl.col("decided_by").alias("reviewer")).agg(pl.len().cast(pl.Int64).alias("decisions"))
    joined = counted.join(errors, on="reviewer", how="full", coalesce=True).with_columns(
        pl.col("decisions", "double_reviewed", "disagreements").fill_null(0)
    )
    return joined.sort("decisions", "reviewer", descending=[True, False])


def _standing(workspace: Workspace, decision_id: str) -> dict[str, Any]:
    found = decisions_frame(workspace.store).filter(pl.col("decision_id") == decision_id)
    if found.is_empty():
        raise ConfigError(f"There is no standing decision {decision_id!r}.")
    return found.row(0, named=True)


def _note(
    workspace: Workspace, decision_id: str, reason: str, propensity: float, verdict: Verdict, final: str, by: str
) -> None:
    row = {
        "review_id": str(uuid.uuid4()),
        "decision_id": decision_id,
        "reason": reason,
        "propensity": propensity,
        "verdict": verdict.value,
        "final_solution": {"value": final},
        "reviewed_by": by,
        "reviewed_at": datetime.now(UTC),
    }
    details = {"verdict": verdict.value, "reason": reason}
    with workspace.store.write() as transaction:
        workspace.store.insert(transaction, second_reviews, [row])
        audit.append(
            workspace.store, transaction, who=by, action="decision.reviewed", subject=decision_id, details=details
        )


def _drawn(decisions: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """The random share of people's decisions on suggestions; identifiers are random, so their hash is a fair coin."""
    coin = (pl.col("decision_id").hash(seed=seed) // 2**11).cast(pl.Float64) / 2**53
    return decisions.filter(coin < share, pl.col("origin").is_in(["review", "audit"]), pl.col("corrector") != "")


def _answers(workspace: Workspace) -> list[dict[str, Any]]:
    table = second_reviews.c
    query = sa.select(table.decision_id, table.reason, table.verdict, table.final_solution, table.reviewed_by)
    return [{**row, "final": row["final_solution"]["value"]} for row in workspace.store.rows(query)]


def _says(verdict: str, final: str) -> tuple[str, str]:
    """What a verdict comes to; two people who approve say the same."""
    return (verdict, final if verdict == Verdict.MODIFIED else "")


def _chances(decisions: pl.DataFrame, workspace: Workspace) -> pl.DataFrame:
    """Chance of acceptance for each decision on a suggestion, by a model that saw no decision on its record.

    The model is fitted on features as they were when each question was asked; asked about a decision, it is told the
    counts of today, those of the decision's own fold left out. So hindsight is used, and the decision itself is not.
    """
    asked = training_frame(workspace.store).drop("decided_at", "sequence")
    about = decisions.filter(pl.col("origin").is_in(["review", "audit"]))
    shown = about.select("decision_id", "candidate_id", "pattern_id", "connection", "verdict", "confidence", "sequence")
    rows = shown.join(asked, on="candidate_id", how="inner", maintain_order="left")
    fold = rows["record_key"].hash(seed=workspace.settings.seed).to_numpy() % _FOLDS
    chance = np.zeros(rows.height)
    for number in np.unique(fold):
        held = pl.Series(fold == number)
        known, new = rows.filter(~held), rows.filter(held)
        model = workspace.new_model()
        if known.height:
            model.fit(
                known,
                known["accepted"].to_numpy(),
                weight=known["weight"].to_numpy(),
                when=known["sequence"].to_numpy(),
            )
        chance[fold == number] = model.predict(with_counts(new, known))["confidence"].to_numpy()
    return rows.select("decision_id", "accepted").with_columns(pl.Series("chance", chance, dtype=pl.Float64))
