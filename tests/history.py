"""A history of decisions of any length, written through the store in bulk: patterns that differ in how often they are right."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from engine.patterns import pattern_id
from engine.store.tables import candidates, correction_decisions, corrections, issue_patterns, issues
from models.confidence import CATEGORICAL, FEATURES

FIELDS = {"price": "price-notation", "title": "title-white-space", "brand": "brand-missing", "weight_g": "weight-zero"}
CORRECTORS = {"price": "price", "title": "text", "brand": "brand", "weight_g": "weight"}
BEGAN = datetime(2026, 1, 5, 8, tzinfo=UTC)


def decided(workspace, count, *, seed=0, naming=0, patterns=40, first=0, connection="feed", channel="woocommerce"):
    """Write `count` decided issues, one candidate each; what a person says depends on the pattern and on the raw score.

    Identifiers are drawn by `naming`, all else by `seed`. Of those that the policy would have let pass half are automatic corrections, of which nobody has said anything.
    """
    rows = _asked(count, seed, naming, patterns, first, channel)
    seen = rows.select([*FEATURES, *CATEGORICAL])
    predicted = workspace.new_model().predict(seen)
    rows = rows.hstack(predicted).with_columns(
        seen.select(pl.struct(pl.all()).struct.json_encode().alias("features")).to_series()
    )
    trusted = (pl.col("lower") >= 0.8) & (pl.col("error_bound") <= 0.05) & (pl.col("pattern_approved") >= 3)
    rows = rows.with_columns((trusted & (pl.int_range(pl.len()) % 2 == 0)).alias("is_automatic"))
    store = workspace.store
    known = {row["pattern_id"] for row in store.rows(issue_patterns.select())}
    with store.write() as transaction:
        store.insert(
            transaction, issue_patterns, [one for one in _patterns(rows, channel) if one["pattern_id"] not in known]
        )
        store.insert(transaction, issues, list(_issues(rows, connection, channel)))
        store.insert(transaction, candidates, list(_candidates(rows)))
        begin = store.next_number(transaction, correction_decisions.c.sequence)
        store.insert(transaction, correction_decisions, list(_decisions(rows, connection, channel, begin)))
        store.insert(transaction, corrections, list(_corrections(rows, connection)))
    return rows


def _asked(count, seed, naming, patterns, first, channel):
    random = np.random.default_rng(seed)
    place = random.integers(0, patterns, count)
    fields = list(FIELDS)
    score = random.random(count)
    kind = place % len(fields)
    # Notation is nearly always right; of estimates the corrector's own score tells which.
    chance = np.where(
        kind == 0, 0.998, np.where(kind == 1, 0.985, 1 / (1 + np.exp(-10 * (score - 0.35 - 0.1 * (kind - 2)))))
    )
    accepted = random.random(count) < chance
    field = [fields[one % len(fields)] for one in place]
    frame = pl.DataFrame(
        {
            "record_key": [f"item-{first + one}" for one in range(count)],
            "place": place,
            "field": field,
            "rule_id": [FIELDS[name] for name in field],
            "corrector": [CORRECTORS[name] for name in field],
            "corrector_score": score,
            "accepted": accepted,
        }
    ).with_columns(pl.lit(channel).alias("channel"), pl.lit("product").alias("kind"))
    levels = {"pattern": ["place"], "rule": ["rule_id"], "corrector": ["corrector"]}
    yes = pl.col("accepted").cast(pl.Float64)
    frame = frame.with_columns(
        *(pl.int_range(pl.len()).over(by).cast(pl.Float64).alias(f"{level}_decided") for level, by in levels.items()),
        *((yes.cum_sum() - yes).over(by).alias(f"{level}_approved") for level, by in levels.items()),
        (1 - yes).shift(1).rolling_sum(5, min_samples=1).over("place").fill_null(0.0).alias("pattern_recent_surprises"),
        pl.lit(1.0).alias("agreement"),
        pl.lit(1.0).alias("candidate_count"),
        pl.lit(1.0).alias("corrector_rank"),
        (pl.col("field") == "price").cast(pl.Float64).alias("safe"),
    )
    share = pl.col("pattern_approved") / pl.col("pattern_decided").clip(1)
    formula = share * 0.8 + (pl.col("pattern_decided") / 10).clip(0, 0.2) - 0.1 * pl.col("pattern_recent_surprises")
    absent = [name for name in FEATURES if name not in frame.columns and name != "formula"]
    draw = np.random.default_rng([seed, first, naming])
    named = [str(uuid.UUID(bytes=draw.bytes(16))) for _ in range(2 * count)]
    ids = {
        one: pattern_id(channel, FIELDS[fields[one % len(fields)]], fields[one % len(fields)], f"shape {one}")[0]
        for one in range(patterns)
    }
    return frame.with_columns(
        formula.clip(0, 1).alias("formula"),
        *(pl.lit(0.0).alias(name) for name in absent),
        pl.Series("issue_id", named[:count]),
        pl.Series("candidate_id", named[count:]),
        pl.Series("pattern_id", [ids[one] for one in place.tolist()]),
    )


def _patterns(rows, channel):
    for one in (
        rows.group_by("pattern_id", maintain_order=True)
        .agg(pl.col("rule_id", "field", "place").first(), pl.len().alias("count"))
        .to_dicts()
    ):
        yield {
            "pattern_id": one["pattern_id"], "marketplace_name": channel, "issue_type": one["rule_id"],
            "issue_description": one["rule_id"].replace("-", " "), "occurrence_count": one["count"],
            "pattern_signature": {"channel": channel, "rule_id": one["rule_id"], "field": one["field"], "shape": f"shape {one['place']}"},
            "first_seen_at": BEGAN, "last_seen_at": BEGAN,
        }  # fmt: skip


def _when(place):
    return BEGAN + timedelta(minutes=place)


def _issues(rows, connection, channel):
    for place, one in enumerate(rows.iter_rows(named=True)):
        status = "auto_corrected" if one["is_automatic"] else "approved" if one["accepted"] else "rejected"
        yield {
            **{name: one[name] for name in ("issue_id", "pattern_id", "kind", "record_key", "field", "rule_id")},
            "run_id": "history", "connection": connection, "channel": channel, "parent_key": "", "severity": "error",
            "observed": "12,50", "fingerprint": one["issue_id"], "status": status, "reason": "", "is_audit": False,
            "detected_at": _when(place), "closed_at": _when(place),
        }  # fmt: skip


def _candidates(rows):
    for one in rows.iter_rows(named=True):
        yield {
            **{name: one[name] for name in ("candidate_id", "issue_id", "corrector", "confidence", "lower", "error_bound", "evidence")},
            "rank": 1, "value": "12.50", "score": one["corrector_score"], "reason": "", "model_version": None,
            "features": json.loads(one["features"]),
        }  # fmt: skip


def _decisions(rows, connection, channel, begin):
    asked = rows.with_row_index("minute").filter(~pl.col("is_automatic"))
    for place, one in enumerate(asked.iter_rows(named=True)):
        yield {
            "decision_id": str(uuid.uuid5(uuid.NAMESPACE_OID, one["issue_id"])),
            **{name: one[name] for name in ("pattern_id", "issue_id", "candidate_id")},
            "issue_data": {"connection": connection, "channel": channel, "kind": "product", "field": one["field"],
                           "rule_id": one["rule_id"], "observed": "12,50"},
            "ai_suggestion": {"corrector": one["corrector"], "value": "12.50"},
            "human_decision": "approved" if one["accepted"] else "rejected",
            "final_solution": {"value": "12.50" if one["accepted"] else ""}, "decided_by": "ana", "decided_at": _when(one["minute"]),
            "confidence_score": one["confidence"], "sequence": begin + place, "origin": "review", "propensity": 1.0, "note": "",
        }  # fmt: skip


def _corrections(rows, connection):
    written = rows.with_row_index("minute").filter(pl.col("is_automatic") | pl.col("accepted"))
    for one in written.iter_rows(named=True):
        yield {
            "correction_id": str(uuid.uuid5(uuid.NAMESPACE_URL, one["issue_id"])), "connection": connection, "parent_key": "",
            **{name: one[name] for name in ("issue_id", "kind", "record_key", "field", "corrector", "confidence", "is_automatic")},
            "before": "12,50", "after": "12.50", "status": "verified", "attempts": 1, "message": "", "written_by": "ana",
            "written_at": _when(one["minute"]),
        }  # fmt: skip
