"""The confidence: the mission's phases, monotone in decisions, calibrated on streams, saved without code."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.base import clone

from models.confidence import CATEGORICAL, FEATURES, ConfidenceModel, formula_confidence
from models.evaluate import adaptive_error, area_under_roc, brier, noise_floor

COLD = {"price": 0.99, "description": 0.85, "category": 0.78, "brand": 0.72, "weight": 0.65, "unheard_of": 0.80}


def history(verdicts: str) -> dict[str, float]:
    """Counts of one pattern that was decided so (a approved, r rejected, oldest first), alone in the world."""
    counted = {f"{level}_decided": float(len(verdicts)) for level in ("pattern", "rule", "corrector")}
    counted |= {f"{level}_approved": float(verdicts.count("a")) for level in ("pattern", "rule", "corrector")}
    names = {"a": "approved", "r": "rejected"}
    return counted | {
        "pattern_recent_surprises": float(verdicts[-5:].count("r")),
        "formula": formula_confidence([names[one] for one in verdicts]),
        "same_value_approved": float(verdicts.count("a")),
        "same_value_rejected": float(verdicts.count("r")),
    }


def candidate(corrector: str, verdicts: str = "", **others) -> dict:
    known = dict.fromkeys(FEATURES, 0.0) | {"agreement": 1.0, "candidate_count": 1.0, "corrector_rank": 1.0}
    names = dict.fromkeys(CATEGORICAL, "x") | {"corrector": corrector}
    return known | names | {"corrector_score": 0.8} | history(verdicts) | others


def stream(rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Candidates with known chance of acceptance, which their counts and scores reveal in part."""
    random = np.random.default_rng(seed)
    correctors = np.array(["price", "brand", "date"])[random.integers(0, 3, rows)]
    rate = random.beta(3, 1, (3, 30))
    pattern = random.integers(0, 30, rows)
    base = rate[np.searchsorted(["brand", "date", "price"], correctors), pattern]
    score = random.random(rows)
    truth = expit(logit(np.clip(base, 0.02, 0.98)) + 4 * (score - 0.5))
    decided = random.integers(0, 30, rows)
    approved = random.binomial(decided, base)
    frame = (
        pl.DataFrame([candidate("x")])
        .select(pl.all().repeat_by(rows).explode())
        .with_columns(
            corrector=pl.Series(correctors),
            rule_id=pl.Series([f"rule-{p % 5}" for p in pattern]),
            corrector_score=pl.Series(score),
            pattern_decided=pl.Series(decided.astype(float)),
            pattern_approved=pl.Series(approved.astype(float)),
            rule_decided=pl.Series(decided.astype(float)),
            rule_approved=pl.Series(approved.astype(float)),
            corrector_decided=pl.Series(decided.astype(float)),
            corrector_approved=pl.Series(approved.astype(float)),
            pattern_recent_surprises=pl.Series(np.minimum(decided - approved, 1).astype(float)),
        )
    )
    return frame, random.random(rows) < truth, truth


@pytest.fixture(scope="module")
def fitted() -> ConfidenceModel:
    frame, accepted, _ = stream(1500, 1)
    return ConfidenceModel().fit(frame, accepted)


def confidence(model: ConfidenceModel, *candidates: dict, column: str = "confidence") -> list[float]:
    return model.predict(pl.DataFrame(list(candidates)))[column].to_list()


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("", 0.0),
        ("a", 0.9),
        ("aa", 1.0),
        ("r", 0.0),
        ("ar", 0.5),
        ("aaarr", 0.48),
        ("r" * 9, 0.0),
        ("a" * 95 + "rraar", 0.676),
    ],
)
def test_the_formula_is_the_missions(verdicts, expected):
    words = ["approved" if one == "a" else "rejected" for one in verdicts]
    assert formula_confidence(words) == pytest.approx(expected)


def test_a_modified_suggestion_was_no_approval_and_no_rejection():
    assert formula_confidence(["modified", "approved"]) == pytest.approx(0.6)


@pytest.mark.parametrize(("corrector", "expected"), COLD.items())
def test_phase_1_the_first_confidence_is_the_missions(corrector, expected):
    assert confidence(ConfidenceModel(), candidate(corrector)) == [pytest.approx(expected)]
    assert confidence(ConfidenceModel(), {"corrector": corrector}) == [pytest.approx(expected)]


@pytest.mark.parametrize("corrector", COLD)
def test_phase_2_each_approval_raises_it(corrector):
    found = confidence(ConfidenceModel(), *(candidate(corrector, "a" * n) for n in range(6)))
    assert all(later > earlier for earlier, later in zip(found, found[1:], strict=False))


def test_phase_3_a_price_may_be_corrected_after_a_few_approvals_and_a_brand_may_not():
    price, brand = pl.DataFrame([candidate("price", "aaaa")]), pl.DataFrame([candidate("brand", "aaaa")])
    found = ConfidenceModel().predict(price).row(0, named=True)
    assert found["lower"] >= 0.80
    assert found["error_bound"] <= 0.05
    assert found["evidence"] == 4
    assert ConfidenceModel().predict(brand)["error_bound"][0] > 0.05


@pytest.mark.parametrize("corrector", COLD)
def test_phase_4_rejections_take_the_right_away(corrector, fitted):
    before, after = confidence(ConfidenceModel(), candidate(corrector, "aaa"), candidate(corrector, "aaar"))
    assert after < before - 0.08
    for model in (ConfidenceModel(), fitted):
        assert confidence(model, candidate(corrector, "aaarr"))[0] < 0.80


VERDICTS = st.text("ar", max_size=12)


@settings(max_examples=150, deadline=None)
@given(VERDICTS, st.sampled_from(list(COLD)), st.floats(0, 1), st.sampled_from([1.0, 0.5]), st.booleans())
def test_one_more_approval_never_lowers_and_one_more_rejection_never_raises(
    fitted, verdicts, corrector, score, agreement, is_fitted
):
    model = fitted if is_fitted else ConfidenceModel()
    others = {"corrector_score": score, "agreement": agreement}
    rows = [candidate(corrector, verdicts + more, **others) for more in ("", "a", "r")]
    for column in ("confidence", "lower", "upper"):
        now, approved, rejected = confidence(model, *rows, column=column)
        assert approved >= now - 1e-9
        assert rejected <= now + 1e-9


def test_what_other_rules_show_is_believed_less_than_what_the_rule_shows():
    elsewhere = {"corrector_decided": 20.0, "corrector_approved": 20.0}
    same_rule = elsewhere | {"rule_decided": 20.0, "rule_approved": 20.0}
    nothing, corrector, rule = confidence(
        ConfidenceModel(), candidate("brand"), candidate("brand", **elsewhere), candidate("brand", **same_rule)
    )
    own = confidence(ConfidenceModel(), candidate("brand", "a" * 20))[0]
    assert nothing < corrector < rule < own


def test_a_corrector_that_offers_two_readings_is_believed_as_far_as_it_believes_itself():
    sure, torn = candidate("price", corrector_score=0.5), candidate("price", corrector_score=0.5, agreement=0.5)
    assert confidence(ConfidenceModel(), sure, torn) == [pytest.approx(0.99), pytest.approx(0.5)]


@pytest.mark.parametrize("rows", [400, 3000])
def test_with_labels_it_is_better_than_counts_and_as_honest_as_it_can_be(rows):
    frame, accepted, _ = stream(rows, 2)
    later, outcome, truth = stream(4000, 3)
    learned = ConfidenceModel().fit(frame, accepted).predict(later)["confidence"].to_numpy()
    counted = ConfidenceModel().predict(later)["confidence"].to_numpy()
    assert brier(outcome, learned) < brier(outcome, counted)
    assert area_under_roc(outcome, learned) > area_under_roc(outcome, counted)
    assert np.abs(learned - truth).mean() < np.abs(counted - truth).mean()
    assert adaptive_error(outcome, learned) < 3 * noise_floor(learned)


def test_bounds_enclose_the_confidence(fitted):
    found = fitted.predict(stream(500, 4)[0])
    assert (found["lower"] <= found["confidence"]).all()
    assert (found["confidence"] <= found["upper"]).all()
    assert found.select(pl.exclude("evidence").is_between(0, 1).all()).row(0) == (True,) * 4


def test_too_few_labels_leave_the_counts_alone():
    frame, accepted, _ = stream(300, 5)
    for model in (
        ConfidenceModel().fit(frame.head(199), accepted[:199]),
        ConfidenceModel().fit(frame, np.ones(300, dtype=bool)),
        ConfidenceModel().fit(frame.clear(), np.empty(0, dtype=bool)),
    ):
        assert model.classifier_ is None
        assert model.predict(frame).equals(ConfidenceModel().predict(frame))
    assert ConfidenceModel().fit(frame, accepted).classifier_ is not None


def test_the_order_of_rows_does_not_matter_when_the_time_is_given():
    frame, accepted, _ = stream(400, 6)
    when = np.arange(400)
    mixed = np.random.default_rng(0).permutation(400)
    first = ConfidenceModel().fit(frame, accepted, when=when).predict(frame)
    second = ConfidenceModel().fit(frame[mixed], accepted[mixed], when=when[mixed]).predict(frame)
    assert first.equals(second)


def test_the_fit_may_be_repeated_and_cloned():
    frame, accepted, _ = stream(400, 7)
    model = ConfidenceModel(strength=7.0).fit(frame, accepted)
    again = clone(model)
    assert again.decisions_ == 0
    assert again.fit(frame, accepted).predict(frame).equals(model.predict(frame))


def test_it_changes_nothing_it_is_given(fitted):
    frame, _, _ = stream(50, 8)
    before = frame.clone()
    fitted.predict(frame)
    assert frame.equals(before)
    assert fitted.predict(frame.clear()).height == 0


def test_names_that_were_never_seen_and_missing_values_are_no_error(fitted):
    strange = candidate("new", rule_id=None, channel="elsewhere", neighbour_acceptance=None, length_ratio=float("nan"))
    assert 0 < confidence(fitted, strange)[0] < 1


def test_what_it_says_of_the_past_was_not_learned_from_it():
    """On labels that are pure chance a model can only know what it has seen; of its own past it must know nothing."""
    random = np.random.default_rng(3)
    rows = pl.DataFrame([candidate("price", value_frequency=random.random(), field=f"f{n % 40}") for n in range(400)])
    accepted = random.random(400) < 0.5
    model = ConfidenceModel().fit(rows, accepted, decision=np.arange(1, 401))
    past = model.past["confidence"].to_numpy()
    assert area_under_roc(accepted, model.predict(rows)["confidence"].to_numpy()) > 0.6
    assert area_under_roc(accepted, past) < 0.55


def test_the_past_names_the_decisions_that_were_about_a_candidate(tmp_path):
    asked, accepted, _ = stream(600, 2)
    decision = np.where(np.arange(asked.height) % 3 == 0, 0, np.arange(asked.height) + 1)
    model = ConfidenceModel().fit(asked, accepted, when=-np.arange(asked.height), decision=decision)
    assert sorted(model.past["sequence"]) == sorted(decision[decision > 0])
    model.note(asked[:2], [7_001, 0])
    assert model.past["sequence"][-1] == 7_001
    assert model.past["confidence"][-1] == pytest.approx(model.predict(asked[:1])["confidence"][0], abs=1e-12)
    model.save(tmp_path)
    assert ConfidenceModel.from_folder(tmp_path).past.equals(model.past)
    assert ConfidenceModel().past.is_empty()


@pytest.mark.parametrize("rows", [0, 300, 1500])
def test_saved_and_loaded_it_predicts_the_same_to_the_bit(rows, tmp_path):
    frame, accepted, _ = stream(max(rows, 10), 9)
    model = ConfidenceModel(strength=8.0, seed=4)
    if rows:
        model.fit(frame, accepted)
    model.save(tmp_path / "model")
    again = ConfidenceModel.from_folder(tmp_path / "model")
    assert again.predict(frame).equals(model.predict(frame))
    assert again.get_params() == model.get_params()
    assert again.decisions_ == rows
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["model.skops"]


@pytest.mark.parametrize("wrong", [{"weight": [0.0] * 10}, {"weight": [1.0]}, {"accepted": [True]}])
def test_what_does_not_fit_together_is_refused(wrong):
    frame, accepted, _ = stream(10, 0)
    with pytest.raises(ValueError, match="must"):
        ConfidenceModel().fit(frame, **{"accepted": accepted, **wrong})
