"""A stream of suggestions and verdicts whose chances of acceptance are known, with features as the engine computes them.

Correctors differ from what is believed of them; rules of one corrector differ, and patterns of one rule more so. A raw score
tells a part of what sets one record apart from the next. One pattern in ten changes its mind half-way, and a reviewer
slips twice in a hundred.
"""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np
import polars as pl
from scipy.special import expit, logit

from models.confidence import formula_confidence

__all__ = ["made_stream"]

ACCEPTANCE = {
    "price": 0.97,
    "text": 0.985,
    "phone": 0.95,
    "date": 0.90,
    "description": 0.80,
    "category": 0.76,
    "brand": 0.70,
    "weight": 0.45,
}
SAFE = {"text", "phone"}
RULES_OF_A_CORRECTOR, PATTERNS_OF_A_RULE = 4, 8
LIKENESS_OF_RULES, LIKENESS_OF_PATTERNS = 12.0, 4.0
SLIPS = 0.02
QUALITY = {"description": 1.2, "category": 1.2, "brand": 1.2, "weight": 1.2}
"""How much one record differs from the next, in log odds; estimates depend on the record, changes of format hardly."""

OTHER_QUALITY = 0.3
CHANGING = 0.10
CHANNELS = ("amazon", "ebay", "shopify")


def made_stream(rows: int, *, seed: int) -> pl.DataFrame:
    """Suggestions in the order in which they are decided, with what was known before each decision.

    Returns
    -------
    polars.DataFrame
        The model's features, ``accepted`` (the reviewer's verdict), ``truth`` (chance of acceptance, without slips) and
        ``is_right`` (what a reviewer without slips would have said).
    """
    random = np.random.default_rng(seed)
    patterns = _patterns(random)
    share = random.permutation(1 / np.arange(1, len(patterns) + 1) ** 0.9)
    asked = random.choice(len(patterns), size=rows, p=share / share.sum())
    verdicts: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    same: dict[tuple[int, int], list[bool]] = defaultdict(list)
    seen: dict[str, list[int]] = defaultdict(list)
    made = []
    for place, number in enumerate(asked):
        one = patterns[number]
        chance = one["late"] if place > rows / 2 else one["early"]
        quality = random.normal()
        has_rival = random.random() < 0.1
        spread = QUALITY.get(one["corrector"], OTHER_QUALITY)
        truth = float(expit(logit(chance) + spread * quality - 1.0 * has_rival))
        score = float(expit(1.0 * quality + 0.8 * random.normal() + 0.5 - 0.8 * has_rival))
        observed = int(random.zipf(1.6)) % 50
        is_right = bool(random.random() < truth)
        accepted = is_right != (random.random() < SLIPS)
        keys = {
            "pattern": (one["corrector"], one["rule_id"], str(number)),
            "rule": (one["corrector"], one["rule_id"]),
            "corrector": (one["corrector"],),
        }
        counted = {}
        for level, key in keys.items():
            counted |= {f"{level}_decided": len(verdicts[key]), f"{level}_approved": sum(verdicts[key])}
        own = deque(verdicts[keys["pattern"]], maxlen=5)
        words = ["approved" if verdict else "rejected" for verdict in verdicts[keys["pattern"]]]
        before = same[number, observed]
        made.append(
            counted
            | _neighbourhood(patterns, seen[one["corrector"]], number, verdicts)
            | {
                "corrector": one["corrector"],
                "rule_id": one["rule_id"],
                "field": one["corrector"],
                "channel": one["channel"],
                "kind": "product",
                "corrector_score": score,
                "corrector_rank": 1 + float(has_rival and random.random() < 0.3),
                "agreement": 0.5 if has_rival else 1.0,
                "candidate_count": 2.0 if has_rival else 1.0,
                "pattern_recent_surprises": len(own) - sum(own),
                "formula": formula_confidence(words),
                "same_value_approved": sum(before),
                "same_value_rejected": len(before) - sum(before),
                "value_frequency": random.beta(1, 20),
                "edit_similarity": one["similarity"],
                "length_ratio": float(np.clip(one["similarity"] + 0.1 * random.normal(), 0, 1)),
                "digits_changed": float(one["corrector"] in ("price", "date", "weight")),
                "letters_changed": float(one["corrector"] in ("category", "brand", "description", "text")),
                "was_empty": float(one["was_empty"]),
                "safe": float(one["corrector"] in SAFE),
                "accepted": bool(accepted),
                "is_right": is_right,
                "truth": truth,
            }
        )
        for key in keys.values():
            verdicts[key].append(bool(accepted))
        before.append(bool(accepted))
        if len(verdicts[keys["pattern"]]) == 1:
            seen[one["corrector"]].append(int(number))
    frame = pl.DataFrame(made, infer_schema_length=None)
    return frame.with_columns(pl.col(pl.Int64).cast(pl.Float64))


def _patterns(random: np.random.Generator) -> list[dict]:
    made = []
    for corrector, mean in ACCEPTANCE.items():
        for rule in range(RULES_OF_A_CORRECTOR):
            rate = random.beta(LIKENESS_OF_RULES * mean, LIKENESS_OF_RULES * (1 - mean))
            centre = random.normal(size=8)
            for _ in range(PATTERNS_OF_A_RULE):
                strength = LIKENESS_OF_PATTERNS
                early = float(np.clip(random.beta(strength * rate + 0.05, strength * (1 - rate) + 0.05), 0.01, 0.995))
                turned = float(np.clip(1 - early, 0.05, 0.95))
                # What a pattern looks like tells a little of how it fares.
                vector = centre + 0.5 * random.normal(size=8) + 0.25 * logit(early) * np.eye(8)[0]
                made.append(
                    {
                        "corrector": corrector,
                        "rule_id": f"{corrector}-{rule}",
                        "channel": CHANNELS[random.integers(len(CHANNELS))],
                        "early": early,
                        "late": turned if random.random() < CHANGING else early,
                        "vector": vector / np.linalg.norm(vector),
                        "similarity": float(random.beta(4, 2)),
                        "was_empty": random.random() < 0.2,
                    }
                )
    return made


def _neighbourhood(patterns: list[dict], seen: list[int], number: int, verdicts: dict) -> dict[str, float]:
    others = [n for n in seen if n != number]
    if not others:
        return {"neighbour_acceptance": 0.0, "neighbour_similarity": 0.0, "rejection_similarity": 0.0}
    near = np.array([patterns[n]["vector"] for n in others]) @ patterns[number]["vector"]
    first = np.argsort(-near)[:16]
    known = [verdicts[patterns[others[n]]["corrector"], patterns[others[n]]["rule_id"], str(others[n])] for n in first]
    share = np.array([np.mean(one) for one in known])
    weight = np.clip(near[first], 0, 1) ** 4 * np.log1p([len(one) for one in known])
    rejected = near[first][share < 0.5]
    return {
        "neighbour_acceptance": float((weight * share).sum() / max(weight.sum(), 1e-9)),
        "neighbour_similarity": float(near.max()),
        "rejection_similarity": float(rejected.max()) if len(rejected) else 0.0,
    }
