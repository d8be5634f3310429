"""What a process knows of decisions: at once in every other process, and after an undo as if nothing had been decided."""

import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.knowledge import Knowledge, embed_texts, pattern_text
from engine.patterns import pattern_id
from engine.store import Store
from engine.store.decisions import add_decisions, decision_state, decisions_frame, take_back
from engine.store.tables import correction_decisions, issue_patterns, text_embeddings
from models.embed import CharacterEmbedder

SIGNATURES = [
    ("amazon", "price-notation", "price", "9+,99"),
    ("amazon", "price-notation", "price", "9+,99 €"),
    ("ebay", "price-notation", "price", "Rs 9+"),
    ("ebay", "brand-missing", "brand", ""),
    ("shopify", "title-in-capitals", "title", "text<=40 capitals"),
    ("amazon", "order-phone-notation", "phone", "9+ 99 99 99 99"),
]
PATTERNS = [pattern_id(*one)[0] for one in SIGNATURES]


class Counting(CharacterEmbedder):
    """Remembers the texts that it is given; another name makes another embedder of it."""

    def __init__(self, name: str = "counting", dimension: int = 32) -> None:
        super().__init__(dimension=dimension)
        self.name = name
        self.embedded: list[str] = []

    def embed(self, texts):
        self.embedded += texts
        return super().embed(texts)


def with_patterns(store: Store) -> Store:
    now = datetime.now(UTC)
    with store.write() as transaction:
        store.insert(
            transaction,
            issue_patterns,
            [
                {
                    "pattern_id": name,
                    "marketplace_name": channel,
                    "issue_type": rule,
                    "issue_description": "",
                    "pattern_signature": {"channel": channel, "rule_id": rule, "field": field, "shape": shape},
                    "occurrence_count": 1,
                    "first_seen_at": now,
                    "last_seen_at": now,
                }
                for name, (channel, rule, field, shape) in zip(PATTERNS, SIGNATURES, strict=True)
            ],
        )
    return store


def decide(store: Store, *patterns: int, verdict: str = "approved") -> list[str]:
    """One decision for each pattern given; gives the issues."""
    issues = [str(uuid.uuid4()) for _ in patterns]
    rows = [
        {
            "pattern_id": PATTERNS[number],
            "issue_id": issue,
            "candidate_id": None,
            "issue_data": {"channel": SIGNATURES[number][0], "field": SIGNATURES[number][2], "observed": "x"},
            "ai_suggestion": {"corrector": "price", "value": "1"},
            "human_decision": verdict,
            "final_solution": {"value": "1"},
            "decided_by": "ana",
            "confidence_score": 0.5,
            "origin": "review",
        }
        for number, issue in zip(patterns, issues, strict=True)
    ]
    with store.write() as transaction:
        add_decisions(store, transaction, rows)
    return issues


def undo(store: Store, *issues: str) -> None:
    with store.write() as transaction:
        take_back(transaction, list(issues))


def neighbours(knowledge: Knowledge) -> pl.DataFrame:
    return knowledge.similar_patterns(PATTERNS).sort("pattern_id", "neighbour_id")


def test_a_decision_is_found_by_another_knowledge_with_its_next_question(store):
    one, other = Knowledge(with_patterns(store), Counting()), Knowledge(store, Counting())
    assert other.refresh().is_empty()
    assert other.similar_patterns(PATTERNS).is_empty()
    issue = decide(store, 0)[0]
    assert other.refresh()["issue_id"].to_list() == [issue]
    assert set(other.similar_patterns([PATTERNS[1]])["neighbour_id"]) == {PATTERNS[0]}
    undo(store, issue)
    assert one.refresh().is_empty()
    assert other.refresh().is_empty()
    assert other.similar_patterns(PATTERNS).is_empty()


def test_a_decision_is_found_by_another_process(store, database_url):
    program = (
        "import sys\n"
        "from engine.store import Store\n"
        "from engine.knowledge import Knowledge\n"
        "from models.embed import CharacterEmbedder\n"
        f"knowledge = Knowledge(Store({database_url!r}), CharacterEmbedder(dimension=32))\n"
        "for line in sys.stdin:\n"
        f"    print(knowledge.refresh().height, knowledge.similar_patterns([{PATTERNS[1]!r}])['neighbour_id'].to_list(), flush=True)\n"
    )
    with_patterns(store)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def asked() -> str:
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert asked() == "0 []"
        issues = decide(store, 0, 0)
        assert asked() == f"2 {[PATTERNS[0]]}"
        undo(store, issues[0])
        assert asked() == f"1 {[PATTERNS[0]]}"
        undo(store, issues[1])
        assert asked() == "0 []"
        process.stdin.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.lists(st.integers(0, len(PATTERNS) - 1), min_size=1, max_size=3)),
        st.tuples(st.just("undo"), st.integers(0, 20)),
        st.tuples(st.just("refresh"), st.integers(0, 1)),
    ),
    max_size=10,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_was_decided_and_undone_a_fresh_knowledge_finds_the_same(store, steps):
    with store.write() as transaction:
        for table in (correction_decisions, text_embeddings, issue_patterns):
            transaction.execute(sa.delete(table))
    with_patterns(store)
    kept = [Knowledge(store, Counting()), Knowledge(store, Counting())]
    made: list[str] = []
    for step, value in steps:
        if step == "decide":
            made += decide(store, *value)
        elif step == "undo" and made:
            undo(store, made[value % len(made)])
        elif step == "refresh":
            kept[value].refresh()
    fresh = Knowledge(store, Counting())
    for one in kept:
        assert one.refresh().equals(fresh.refresh())
        assert neighbours(one).equals(neighbours(fresh))
    assert fresh.refresh().equals(decisions_frame(store))
    price, standing = set(PATTERNS[:3]), set(fresh.refresh()["pattern_id"])
    assert set(neighbours(fresh)["neighbour_id"]) == price & standing


def test_only_what_is_new_is_read(store, monkeypatch):
    read = []
    monkeypatch.setattr(
        "engine.knowledge.decisions_frame", lambda *a, **k: read.append(decisions_frame(*a, **k)) or read[-1]
    )
    issues = decide(with_patterns(store), *range(6))
    knowledge = Knowledge(store, Counting())
    undo(store, issues[2])
    assert knowledge.refresh().height == 5
    decide(store, 1)
    assert knowledge.refresh().height == 6
    assert knowledge.refresh() is knowledge.refresh()
    assert [frame.height for frame in read] == [6, 0, 1]


def test_many_decisions_one_by_one_stay_in_order_and_in_few_pieces(store):
    knowledge = Knowledge(with_patterns(store), Counting())
    for _ in range(70):
        decide(store, 0)
        known = knowledge.refresh()
    assert known["sequence"].to_list() == list(range(1, 71))
    assert known.n_chunks() < 66


def test_asking_for_the_state_reads_indexes_only(store):
    decide(with_patterns(store), 0, 1)
    assert decision_state(store) == (2, 0)
    if not store.is_sqlite:
        return
    undone = "SELECT count(*) FROM correction_decisions WHERE undone_at IS NOT NULL"
    with store.read() as connection:
        plans = [
            row[3]
            for query in (undone, "SELECT max(sequence) FROM correction_decisions")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        ]
    assert all("INDEX" in plan for plan in plans)


def test_a_failing_embedder_leaves_nothing_half_known(store, monkeypatch):
    one = Counting()
    knowledge = Knowledge(with_patterns(store), one)
    decide(store, 0)
    with monkeypatch.context() as broken:
        broken.setattr(one, "embed", lambda texts: (_ for _ in ()).throw(RuntimeError("no memory")))
        with pytest.raises(RuntimeError, match="no memory"):
            knowledge.refresh()
    assert knowledge.refresh().height == 1
    assert knowledge.similar_patterns([PATTERNS[1]])["neighbour_id"].to_list() == [PATTERNS[0]]


def test_each_text_is_embedded_once_for_all_processes(store):
    first, second = Counting(), Counting()
    found = embed_texts(store, first, ["a", "b", "a"])
    again = embed_texts(store, second, ["b", "a"])
    assert sorted(first.embedded) == ["a", "b"]
    assert second.embedded == []
    assert np.array_equal(found[[1, 0]], again)
    assert np.array_equal(found[0], found[2])


def test_vectors_of_two_embedders_never_meet(store):
    small, large = Counting("one", dimension=32), Counting("two", dimension=64)
    decide(with_patterns(store), *range(6))
    mine = Knowledge(store, small)
    theirs = Knowledge(store, large)
    assert embed_texts(store, small, ["a"]).shape == (1, 32)
    assert embed_texts(store, large, ["a"]).shape == (1, 64)
    assert mine.similar_patterns(PATTERNS).height == theirs.similar_patterns(PATTERNS).height == 6
    assert {row["embedder"] for row in store.rows(sa.select(text_embeddings.c.embedder))} == {"one", "two"}


def test_writers_of_the_same_texts_do_not_block_each_other_for_good(store):
    texts, faults = [f"text {number}" for number in range(1200)], []

    def work(order):
        try:
            embed_texts(store, Counting(), order)
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=work, args=(texts[::step],)) for step in (1, -1, 2, -2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(store.rows(sa.select(text_embeddings.c.text_hash))) == 1200


def test_neighbours_are_of_the_same_field_most_similar_first_and_never_the_pattern_itself(store):
    decide(with_patterns(store), *range(6))
    found = Knowledge(store, Counting()).similar_patterns([PATTERNS[0], PATTERNS[3], "unknown"], count=2)
    assert found["pattern_id"].to_list() == [PATTERNS[0]] * 2
    assert found["neighbour_id"].to_list() == [PATTERNS[1], PATTERNS[2]]
    assert found["similarity"].is_sorted(descending=True)


def test_what_was_decided_on_one_channel_is_found_on_all():
    first = {"channel": "amazon", "field": "price", "rule_id": "price-notation", "shape": "9+,99"}
    assert pattern_text(first) == pattern_text(first | {"channel": "ebay"})


def test_a_text_holds_structure_and_nothing_of_the_record():
    signature = {"channel": "amazon", "field": "phone", "rule_id": "order-phone-notation", "shape": "9+ 99 99"}
    assert pattern_text(signature) == pattern_text(signature | {"observed": "06 12 34", "buyer_name": "Ana Roe"})
