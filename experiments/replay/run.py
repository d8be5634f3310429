"""One stream through the engine, by its public face alone: deliver, look what it did by itself, decide about the rest later."""

from __future__ import annotations

import heapq
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from connectors.record import field as record_field
from engine import Workspace
from engine.errors import ConfigError
from engine.settings import load_settings
from experiments.replay.reviewer import DELAY, Reviewer, is_right
from experiments.replay.stream import ABRUPT, Batch, merchant_rules, stream
from models.confidence import formula_confidence

__all__ = ["LOG", "REVIEWERS", "run"]

REVIEWERS = (Reviewer("mia", 0.9), Reviewer("tom", 0.4))
FIRST_TRAINING, GROWTH = 200, 1.25
"""Trainings come when there are 200 decisions, and whenever a quarter more have been made: some twenty in a stream."""
SECOND_REVIEWS = 0.05
"""Share of the decisions that the other reviewer makes as well, so that the engine can know how often they err."""
DISCOVERED, DISCOVERY = 0.3, 200
"""Share of wrong automatic corrections that somebody notices and takes back, and after how many issues on average."""

LOG = {
    "position": pl.Int64,
    "vendor": pl.String,
    "record_key": pl.String,
    "field": pl.String,
    "fault": pl.String,
    "family": pl.String,
    "is_recoverable": pl.Boolean,
    "issue_id": pl.String,
    "status": pl.String,
    "is_audit": pl.Boolean,
    "suggested": pl.String,
    "corrector": pl.String,
    "rule_id": pl.String,
    "pattern_id": pl.String,
    "verdict_at": pl.Int64,
    "is_right": pl.Boolean,
    "is_accepted": pl.Boolean,
    "confidence": pl.Float64,
    "error_bound": pl.Float64,
    "formula": pl.Float64,
    "similarity": pl.Float64,
    "decided_before": pl.Int64,
    "seconds": pl.Float64,
}
"""One row a fault, in the order of arrival.

``status`` is what became of it (``auto_corrected``, ``approved``, ``modified``, ``rejected``, ``pending`` at the end, ``unseen`` where no
rule fired), ``is_right`` the truth of the suggestion and ``is_accepted`` what the reviewer says of it, slips included, or would
have said of an automatic correction; ``confidence`` and ``formula`` what was known before its own decision, ``decided_before`` the decisions of people until
then, ``seconds`` what the reviewer spent on it.
"""

_SETTINGS: dict[str, Any] = {"knowledge_management": {"second_review_share": SECOND_REVIEWS}}
_REVIEW_S, _BATCH_S, _UNDO_S, _BATCH_FROM = 45.0, 20.0, 180.0, 3


class _Run:
    """The state of one stream."""

    def __init__(self, workspace: Workspace, data: Path, faults: int, seed: int) -> None:
        self.workspace, self.data, self.faults = workspace, data, faults
        self.random = np.random.default_rng([seed, 99])
        # What a reviewer would have said is drawn apart, so that asking for it changes nothing that follows.
        self.unasked = np.random.default_rng([seed, 98])
        self.rows: list[dict[str, Any]] = []
        self.truths: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.due: list[tuple[int, int, str]] = []
        self.of_issue: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[str]] = defaultdict(list)
        self.decided = 0
        self.trained_at = 0
        self.wrong: list[tuple[int, str]] = []
        self.is_after = False

    def deliver(self, batch: Batch) -> None:
        if not self.is_after and len(self.rows) >= ABRUPT * self.faults:
            self.is_after = True
            add_rules(self.workspace, self.data, is_after=True)
        first = len(self.rows)
        for one in batch.faults.iter_rows(named=True):
            row = one | {"position": len(self.rows), "vendor": batch.vendor.name, "status": "unseen", "seconds": 0.0}
            row |= {"decided_before": self.decided, "record": batch.clean[one["record_key"]]}
            self.rows.append(row)
            self.truths[batch.vendor.name, one["record_key"], one["field"]] = row
        done = self.workspace.ingest(
            batch.records, channel=batch.vendor.channel, kind=batch.kind, connection=batch.vendor.name
        )
        for issue in self.workspace.issues(run_id=done.run_id).iter_rows(named=True):
            row = self.truths.get((issue["connection"], issue["record_key"], issue["field"]))
            if row is not None:
                self.of_issue[issue["issue_id"]] = row
                row.setdefault("issues", []).append(issue["issue_id"])
        # In the order of the faults, since the identifiers of issues are drawn at random.
        for row in self.rows[first:]:
            if "issues" not in row:
                continue
            row["status"] = "pending"
            heapq.heappush(self.due, (row["position"] + int(self.random.geometric(1 / DELAY)), row["position"], ""))
        self._notice_automatic(batch)

    def _notice_automatic(self, batch: Batch) -> None:
        """Automatic corrections since the last look, old pending issues of this vendor among them."""
        done = self.workspace.issues(connection=batch.vendor.name, status="auto_corrected")
        mine = [(self.of_issue.get(one["issue_id"]), one) for one in done.iter_rows(named=True)]
        known = [(row, issue) for row, issue in mine if row is not None and issue["kind"] == batch.kind]
        for row, issue in sorted(known, key=lambda pair: pair[0]["position"]):
            if row["status"] != "pending":
                continue
            self._note(row, issue, "auto_corrected")
            row["is_accepted"] = REVIEWERS[0].verdict(row["suggested"], row, self.unasked)[0] == "approved"
            if not row["is_right"] and self.random.random() < DISCOVERED:
                heapq.heappush(
                    self.wrong, (len(self.rows) + int(self.random.geometric(1 / DISCOVERY)), issue["issue_id"])
                )

    def review(self, *, until: int) -> None:
        """Decide about everything that is due."""
        waiting: dict[str, dict[str, Any]] = {}
        rows = []
        while self.due and self.due[0][0] <= until:
            row = self.rows[heapq.heappop(self.due)[1]]
            if row["status"] == "pending":
                rows.append(row)
        if rows:
            frame = self.workspace.issues(status="pending")
            waiting = {issue["issue_id"]: issue for issue in frame.iter_rows(named=True)}
        groups: dict[tuple[str, str], list[tuple[dict[str, Any], list[dict[str, Any]], str]]] = defaultdict(list)
        for row in rows:
            mine = [waiting[name] for name in row["issues"] if name in waiting]
            if not mine:
                row["status"] = "resolved"
                continue
            mine.sort(key=lambda one: (-(one["confidence"] or 0.0), one["rule_id"]))
            self._note(row, mine[0], "pending")
            reviewer = REVIEWERS[int(self.random.integers(len(REVIEWERS)))]
            verdict, value = reviewer.verdict(row["suggested"], row, self.random)
            groups[verdict, reviewer.name].append((row, mine, value))
        for (verdict, by), members in groups.items():
            self._decide(verdict, by, members)

    def _decide(self, verdict: str, by: str, members: list[tuple[dict[str, Any], list[dict[str, Any]], str]]) -> None:
        firsts = [mine[0] for _, mine, _ in members]
        values = [value for _, _, value in members] if verdict == "modified" else None
        try:
            self.workspace.decide([one["issue_id"] for one in firsts], verdict, by=by, value=values)
        except ConfigError:
            # A value that is true breaks a rule all the same; the person can only refuse the suggestion then.
            if len(members) == 1:
                self._decide("rejected", by, members)
            else:
                for one in members:
                    self._decide(verdict, by, [one])
            return
        patterns = defaultdict(int)
        for one in firsts:
            patterns[one["pattern_id"]] += 1
        for row, mine, _ in members:
            row["status"] = verdict
            row["is_accepted"] = verdict == "approved"
            row["seconds"] = _BATCH_S if patterns[mine[0]["pattern_id"]] >= _BATCH_FROM else _REVIEW_S
            self.history[mine[0]["pattern_id"]].append(verdict)
        self.decided += len(members)

    def _note(self, row: dict[str, Any], issue: Mapping[str, Any], status: str) -> None:
        suggested = issue["suggested"]
        if suggested and record_field(issue["kind"], issue["field"]).personal:
            suggested = self.workspace.suggested_value(issue["issue_id"])
        row |= {
            "status": status,
            "issue_id": issue["issue_id"],
            "suggested": suggested,
            "corrector": issue["corrector"],
            "rule_id": issue["rule_id"],
            "pattern_id": issue["pattern_id"],
            "verdict_at": len(self.rows),
            "confidence": issue["confidence"],
            "is_right": bool(suggested) and is_right(str(suggested), row),
            "formula": formula_confidence(self.history[issue["pattern_id"]]),
            "decided_before": self.decided,
        }

    def undo(self, *, until: int) -> None:
        """Wrong automatic corrections that somebody noticed by now are taken back."""
        found = []
        while self.wrong and self.wrong[0][0] <= until:
            found.append(heapq.heappop(self.wrong)[1])
        if not found:
            return
        marks = ", ".join(f"'{one}'" for one in found)
        query = f"SELECT correction_id FROM corrections WHERE is_automatic AND undoes IS NULL AND issue_id IN ({marks})"
        corrections = self.workspace.sql(query)["correction_id"].to_list()
        if corrections:
            self.workspace.undo(corrections, by="mia")
        for one in found:
            self.of_issue[one]["seconds"] += _UNDO_S

    def train(self) -> None:
        """What a nightly job does."""
        self.trained_at = self.decided
        self.workspace.train(by="nightly")

    def look_twice(self) -> None:
        """The random share of decisions that another person makes again."""
        for reviewer in REVIEWERS:
            for one in self.workspace.second_reviews(by=reviewer.name).iter_rows(named=True):
                row = self.of_issue.get(one["issue_id"])
                if row is None or row["status"] not in ("approved", "rejected", "modified"):
                    continue
                verdict, value = reviewer.verdict(row["suggested"], row, self.random)
                self.workspace.second_review(
                    one["decision_id"], verdict, by=reviewer.name, **({"value": value} if verdict == "modified" else {})
                )
                row["seconds"] += _BATCH_S


def run(
    data: Path, *, faults: int, seed: int, progress: Any = None, keep_features: bool = False, **settings: Any
) -> pl.DataFrame:
    """The log of one stream, schema `LOG`, with ``features`` as JSON beside it where they are kept; the workspace is thrown away.

    Parameters
    ----------
    settings
        Of the workspace, over the defaults.
    progress : callable, optional
        Called with the number of faults so far.
    """
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        root = Path(folder)
        places = {"database": f"sqlite:///{root / 'knowledge.db'}", "lake": root / "lake", "key_file": root / "key"}
        workspace = Workspace(settings=load_settings(**{**places, **_SETTINGS, "seed": seed, **settings}))
        add_rules(workspace, data, is_after=False)
        state = _Run(workspace, data, faults, seed)
        for batch in stream(data, faults=faults, seed=seed):
            state.deliver(batch)
            state.review(until=len(state.rows))
            state.undo(until=len(state.rows))
            if state.decided >= max(FIRST_TRAINING, state.trained_at * GROWTH):
                state.look_twice()
                state.train()
            if progress:
                progress(len(state.rows))
        log = _log(state, keep_features)
        workspace.close()
    return log


def add_rules(workspace: Workspace, data: Path, *, is_after: bool) -> None:
    """The merchant's rules on both channels."""
    for channel in ("woocommerce", "shopify"):
        for rule in merchant_rules(data, is_after=is_after):
            workspace.add_rule(rule, channel=channel)


def _log(state: _Run, keep_features: bool) -> pl.DataFrame:
    asked = state.workspace.sql(
        "SELECT c.issue_id, c.error_bound, CAST(c.features AS VARCHAR) AS features, i.is_audit "
        "FROM candidates c JOIN issues i ON i.issue_id = c.issue_id WHERE c.rank = 1"
    ).with_columns(
        pl.col("features").str.json_path_match("$.neighbour_acceptance").cast(pl.Float64).alias("similarity"),
        pl.col("is_audit").cast(pl.Boolean),
    )
    plain = [
        {name: row.get(name) for name in LOG if name not in ("error_bound", "similarity", "is_audit")}
        for row in state.rows
    ]
    types = {name: dtype for name, dtype in LOG.items() if name in plain[0]}
    frame = pl.DataFrame(plain, schema=types)
    kept = [*LOG, "features"] if keep_features else list(LOG)
    return frame.join(asked, on="issue_id", how="left", maintain_order="left").select(kept)
