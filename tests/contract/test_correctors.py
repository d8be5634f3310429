"""What every corrector must keep, whatever it corrects; found by the registry, so a new one is tested by being there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import cast

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.record import FIELDS, conform
from engine.correctors import ANY_FIELD, Context, Corrector, correctors
from engine.correctors.llm import LanguageModel
from engine.correctors.llm.model import Answer, Question
from engine.settings import LanguageModelSettings
from engine.types import CANDIDATES, DECISIONS, QUESTIONS

NAMES = sorted(correctors())
PERSONAL = {one.name for fields in FIELDS.values() for one in fields if one.personal}

CHECKS = {
    "decimal": {"exactly": 2},
    "required": {},
    "length": {"maximum": 40},
    "markup": {},
    "mojibake": {"entities": True},
    "capitals": {},
    "white_space": {},
    "forbidden_words": {"words": ["free shipping", "sale"]},
    "forbidden_characters": {"characters": "!*~"},
    "repeated_words": {"maximum": 1},
    "at_most_field": {"field": "price"},
    "maximum": {"value": 99},
    "one_of": {"values": ["new", "used", "refurbished", "Home > Kitchen > Mugs", "Acme"]},
    "gtin": {},
    "datetime": {},
    "country": {},
    "count": {"maximum": 2},
}

SAMPLES = [
    *(
        "",
        " ",
        "n/a",
        "0",
        "10",
        "0,35",
        "0.35 g",
        "1.299,00 €",
        "1.299",
        "Rs 1,299",
        "12,5",
        "1999",
        "-3",
        "5 pcs",
        "1,000",
        "1.2 kg",
    ),
    *(
        "0.35",
        "350000",
        "03/04/2024",
        "4. März 2024",
        "1718000000",
        "(702) 256-0286",
        "anna,b@gmial.com",
        "Great Britan",
    ),
    *(
        "$",
        "eur",
        "731021070",
        "2134",
        "sw1a1aa",
        "36000291452",
        "4006381333932",
        "8,02E+12",
        "deu",
        "Neuware",
        "Acmee",
    ),
    *(
        "ACME",
        "kitchen > mugs",
        "Mugs",
        "fÃ¼r die KÃ¼che  &amp; mehr",
        "<b>Mug</b> &lt;i&gt;x",
        "BLUE MUG OF ACME XK-7 SALE",
    ),
    "Acme Mug Mug XK-7 blue, free shipping, best price, dishwasher safe - gift idea (2024 edition)!",
    json.dumps(["http://a.example.com/x y.jpg", "//b.example.com/1.png", "ftp://x", "nothing"]),
]

HOSTILE = [
    "\x00",
    "'; drop table issues; --",
    "=cmd|'/c calc'!A1",
    "{{7*7}}${7*7}",
    "9" * 400,
    "1e999999",
    "-" * 300,
    "<" * 3_000,
    "&" * 3_000,
    "[" * 3_000,
    "\u202e\u200b\ufeff",
    "٣٫٥ €",
    "1" + ",000" * 60,
    "a@" * 90,
    "(" * 200,
    "💥" * 60,
    '["' + "http://a/" * 50 + '"]',
]


@pytest.fixture(scope="module")
def records() -> dict[str, pl.LazyFrame]:
    kinds = ["Mug", "Plate", "Bowl", "Spoon", "Pan"]
    colours = ["blue", "red", "green", "white", "black", "grey"]
    brands = ["Acme", "Bolt", "Kettler", "Nordlys"]
    products = [
        {
            "record_key": f"p{n}",
            "title": f"{brands[n % 4]} {kinds[n % 5]} {colours[n % 6]} XK-{n}",
            "brand": brands[n % 4],
            # Half of the spoons lie among ladles, and nothing of them says which: there only an ancestor is safe.
            "category": f"Home > {'Kitchen' if n % 5 < 3 else 'Tools'} > "
            + ("Ladles" if n % 5 == 3 and n // 30 % 2 else f"{kinds[n % 5]}s"),
            "description": f"A {kinds[n % 5].lower()} in {colours[n % 6]} for every day.",
            "price": f"{10 + n % 30},{n % 90 + 10}",
            "currency": "EUR",
            "weight_g": str(200 + 150 * (n % 5) + n % 17),
            "length_mm": str(100 + 10 * (n % 5)),
            "width_mm": "100",
            "height_mm": str(80 + n % 7),
            "quantity": str(n % 9),
            "mpn": f"XK-{n}",
            "condition": "new",
            "lead_time_days": str(1 + n % 4),
            "language": "en",
            "attributes": [{"key": "Colour", "value": colours[n % 6]}],
        }
        for n in range(240)
    ]
    orders = [
        {"record_key": f"o{n}", "ordered_at": f"{n % 28 + 1:02d}/0{n % 9 + 1}/2024", "email": f"k{n}@shop-{n % 3}.de"}
        | {"ship_country": "Germany", "currency": "EUR", "total": f"{n},50", "phone": "030 123456"}
        for n in range(60)
    ]
    lines = [{"record_key": "l1", "quantity": "2", "unit_price": "3,50", "sku": "a"}]
    stock = [{"record_key": "s1", "quantity": "4", "sku": "a"}]
    rows = {"product": products, "order": orders, "order_line": lines, "stock": stock}
    return {kind: conform(pl.DataFrame(found), kind).lazy() for kind, found in rows.items()}


def decisions(kind: str, field: str) -> pl.DataFrame:
    """Decisions that taught "ACME" to be "Acme", once against a rejection of something else."""
    row = dict.fromkeys(DECISIONS, "x") | {"kind": kind, "field": field, "rule_id": "r", "observed": "ACME"}
    row |= {"decided_at": None}
    taught = [row | {"suggested": "Acme", "final": "Acme", "verdict": "approved"}] * 4
    return pl.DataFrame(
        [*taught, row | {"suggested": "acme", "final": "ACME", "verdict": "rejected"}], schema=DECISIONS
    )


def asking(
    kind: str, field: str, values: Sequence[str], records: pl.LazyFrame, checks: Sequence[str] = tuple(CHECKS)
) -> pl.DataFrame:
    """One question for each check and value, about the kind's records in turn with the value put into the field."""
    asked = [(check, value) for check in checks for value in values]
    observed = [value for _, value in asked]
    base = records.collect().drop("raw")
    rows = base[[n % len(values) % base.height for n in range(len(asked))]] if asked else base.clear()
    root = field.partition(".")[0]
    if rows.schema[root] == pl.String:
        rows = rows.with_columns(pl.Series(root, observed, dtype=pl.String))
    fixed = {"connection": "c", "channel": "x", "kind": kind, "field": field, "rule_id": "r", "pattern_id": "p"}
    return pl.DataFrame(
        [
            pl.Series("issue_id", [f"i{n}" for n in range(len(asked))], dtype=pl.String),
            rows["record_key"],
            pl.Series("check", [check for check, _ in asked], dtype=pl.String),
            pl.Series("params", [json.dumps(CHECKS[check]) for check, _ in asked], dtype=pl.String),
            pl.Series("observed", observed, dtype=pl.String),
            rows.to_struct("record"),
        ]
    ).select([pl.lit(fixed[name]).alias(name) if name in fixed else pl.col(name) for name in QUESTIONS] + ["record"])


def fields_of(corrector: type[Corrector]) -> list[tuple[str, str]]:
    every = [(kind, one.name) for kind, fields in FIELDS.items() for one in fields]
    if ANY_FIELD in corrector.handles:
        return [pair for pair in every if pair[1] in ("title", "email", "quantity", "brand")]
    named = [pair for pair in every if pair[1] in corrector.handles and pair[1] != "attributes"]
    return named + [("product", "attributes.country_of_origin")] * ("attributes" in corrector.handles)


class Echo:
    """A language model that says the observed value again, in small letters."""

    name, settings = "echo", LanguageModelSettings(provider="openai")

    def answers(self, questions: Iterable[Question], examples: object) -> dict[Question, Answer]:
        return {
            one: Answer(value=json.loads(one.record)["observed"].lower(), sources=("title",), certainty=0.5)
            for one in questions
        }


_FITTED: dict[tuple[str, str, str], tuple[Corrector, Context]] = {}


def freshly_fitted(name: str, kind: str, field: str, records: pl.LazyFrame) -> tuple[Corrector, Context]:
    context = Context(
        records=records,
        decisions=decisions(kind, field),
        currency="EUR",
        country="DE",
        language="en",
        seed=7,
        language_model=cast(LanguageModel, Echo()),
    )
    corrector = correctors()[name]()
    corrector.fit(context)
    return corrector, context


def fitted(name: str, kind: str, field: str, records: pl.LazyFrame) -> tuple[Corrector, Context]:
    """A fitted corrector, the same one each time: `suggest` must not change it."""
    key = (name, kind, field if ANY_FIELD in correctors()[name].handles else "")
    if key not in _FITTED:
        _FITTED[key] = freshly_fitted(name, kind, field, records)
    return _FITTED[key]


@pytest.mark.parametrize("name", NAMES)
def test_a_corrector_says_who_it_is(name: str) -> None:
    corrector = correctors()[name]
    assert corrector.name == name
    assert corrector.handles
    known = {one.name for fields in FIELDS.values() for one in fields} | {ANY_FIELD, "country"}
    assert corrector.handles <= known
    assert fields_of(corrector)
    assert corrector.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_answers_keep_the_contract(name: str, records: dict[str, pl.LazyFrame]) -> None:
    answers = 0
    for kind, field in fields_of(correctors()[name]):
        corrector, context = fitted(name, kind, field, records[kind])
        questions = asking(kind, field, SAMPLES, records[kind])
        before = questions.clone()
        found = corrector.suggest(questions, context)
        assert questions.equals(before), "the input was changed"
        assert dict(found.schema) == CANDIDATES
        assert found.null_count().sum_horizontal().item() == 0
        assert set(found["corrector"]) <= {name}
        assert found["score"].is_between(0.0, 1.0).all()
        assert found.group_by("issue_id").len()["len"].max() in (None, 1, 2, 3)
        assert not found.select("issue_id", "value").is_duplicated().any()
        joined = found.join(questions, on="issue_id")
        assert joined.height == found.height, "an answer to a question nobody asked"
        assert joined.filter(pl.col("value") == pl.col("observed")).is_empty()
        best_first = found.group_by("issue_id", maintain_order=True).agg(pl.col("score").diff().max().fill_null(0.0))
        assert (best_first["score"] <= 0.0).all()
        order = {issue: place for place, issue in enumerate(questions["issue_id"])}
        places = [order[issue] for issue in found["issue_id"]]
        assert places == sorted(places)
        again, same_context = freshly_fitted(name, kind, field, records[kind])
        assert again.suggest(questions, same_context).equals(found), "not deterministic with the same seed"
        answers += found.height
    assert answers > 0, f"{name} answers none of the samples: they do not test it"


@pytest.mark.parametrize("name", NAMES)
def test_a_reason_is_one_short_sentence_for_a_reviewer(name: str, records: dict[str, pl.LazyFrame]) -> None:
    for kind, field in fields_of(correctors()[name]):
        corrector, context = fitted(name, kind, field, records[kind])
        questions = asking(kind, field, SAMPLES, records[kind])
        found = corrector.suggest(questions, context).join(questions.select("issue_id", "observed"), on="issue_id")
        for reason, observed, value in found.select("reason", "observed", "value").iter_rows():
            assert 10 <= len(reason) <= 240
            assert reason.endswith(".")
            assert "\n" not in reason
            if field in PERSONAL:
                digits = "".join(c for c in value if c.isdigit())
                assert observed not in reason or len(observed) < 4
                assert value not in reason
                assert len(digits) < 4 or digits not in "".join(c for c in reason if c.isdigit())
                assert "@" not in reason


@pytest.mark.parametrize("name", NAMES)
def test_applying_twice_is_applying_once(name: str, records: dict[str, pl.LazyFrame]) -> None:
    for kind, field in fields_of(correctors()[name]):
        corrector, context = fitted(name, kind, field, records[kind])
        questions = asking(kind, field, SAMPLES, records[kind])
        found = corrector.suggest(questions, context)
        if found.is_empty():
            continue
        asked = questions.drop("observed").join(found.select("issue_id", observed="value"), on="issue_id", how="right")
        asked = asked.with_columns(
            pl.concat_str(["issue_id", pl.int_range(pl.len()).cast(pl.String)], separator="/").alias("issue_id")
        )
        record = asked.select(pl.col("record").struct.unnest())
        root = field.partition(".")[0]
        if record.schema[root] == pl.String:
            record = record.with_columns(asked["observed"].alias(root))
        asked = asked.with_columns(record.to_struct("record")).select([*QUESTIONS, "record"])
        # An empty proposal takes the value away; then the question is another one.
        asked = asked.filter(pl.col("observed") != "")
        twice = corrector.suggest(asked, context)
        moved = twice.join(asked.select("issue_id", "observed"), on="issue_id")
        assert moved.is_empty(), f"{field}: {moved.select('observed', 'value', 'reason').rows()[:3]}"


@pytest.mark.parametrize("name", NAMES)
def test_other_fields_and_no_questions_get_no_answer(name: str, records: dict[str, pl.LazyFrame]) -> None:
    corrector, context = fitted(name, "product", "title", records["product"])
    assert dict(corrector.suggest(asking("product", "title", [], records["product"]), context).schema) == CANDIDATES
    if ANY_FIELD in corrector.handles:
        return
    roots = {one.name for one in FIELDS["product"]} - corrector.handles - {"attributes", "images"}
    for field in sorted(roots)[:6]:
        questions = asking("product", field, SAMPLES, records["product"], ["required"])
        assert corrector.suggest(questions, context).is_empty()


@pytest.mark.parametrize("name", NAMES)
def test_without_records_or_before_fitting_nothing_breaks(name: str, records: dict[str, pl.LazyFrame]) -> None:
    for kind, field in fields_of(correctors()[name])[:2]:
        questions = asking(kind, field, SAMPLES, records[kind], ["required"])
        empty = Context(records=records[kind].filter(pl.lit(False)))
        bare = Context(records=pl.LazyFrame({"record_key": ["a"]}))
        unfitted = correctors()[name]()
        assert dict(unfitted.suggest(questions, empty).schema) == CANDIDATES
        for context in (empty, bare):
            corrector = correctors()[name]()
            corrector.fit(context)
            assert dict(corrector.suggest(questions, context).schema) == CANDIDATES


@pytest.mark.parametrize("name", NAMES)
def test_hostile_values_end_in_an_answer_or_in_none(name: str, records: dict[str, pl.LazyFrame]) -> None:
    for kind, field in fields_of(correctors()[name]):
        corrector, context = fitted(name, kind, field, records[kind])
        found = corrector.suggest(asking(kind, field, HOSTILE, records[kind]), context)
        assert dict(found.schema) == CANDIDATES
        assert found["score"].is_between(0.0, 1.0).all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=8))
def test_any_text_ends_in_an_answer_or_in_none(name: str, values: list[str], records: dict[str, pl.LazyFrame]) -> None:
    kind, field = fields_of(correctors()[name])[0]
    corrector = fitted(name, kind, field, records[kind])
    questions = asking(kind, field, values, records[kind], ("required", "markup", "capitals"))
    found = corrector[0].suggest(questions, corrector[1])
    assert found["score"].is_between(0.0, 1.0).all()
    assert found.join(questions, on="issue_id").filter(pl.col("value") == pl.col("observed")).is_empty()


@pytest.mark.parametrize("text", ["a1 " * 350_000, "<b>" * 350_000, "Ã©" * 500_000, "1" * 1_000_000, "&amp;" * 200_000])
def test_a_megabyte_in_a_cell_takes_less_than_a_second(text: str, records: dict[str, pl.LazyFrame]) -> None:
    slow = {}
    for name in NAMES:
        kind, field = fields_of(correctors()[name])[0]
        corrector, context = fitted(name, kind, field, records[kind])
        for check in ("markup", "length", "mojibake"):
            questions = asking(kind, field, [text], records[kind], [check])
            start = time.perf_counter()
            corrector.suggest(questions, context)
            taken = time.perf_counter() - start
            if taken > 1.0:
                slow[name, check] = round(taken, 1)
    assert not slow
