"""What this process knows of past decisions, kept fresh by a high-water mark.

A decision made in the page is seen by a job with the next call of `Knowledge.refresh`: only rows above the highest known
sequence number are read, and of what was taken back only the numbers. What is searched are patterns, so the index grows
with what can go wrong and not with the catalogue; each field has its own, since the past of a title says nothing of a price.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.decisions import decision_state, decisions_frame, undone_sequences
from engine.store.tables import issue_patterns, text_embeddings
from models.embed import Embedder
from models.neighbours import NeighbourIndex

__all__ = ["Knowledge", "embed_texts", "pattern_text"]

_NAMES_IN_A_QUERY = 500
_PATTERNS_AT_ONCE = 10_000
"""Vectors that are in memory beside the index while it is filled: 20 MB of them."""
_CHUNKS = 64
"""Pieces of the frame of decisions before it is made one piece again; every decision made alone adds one."""


class Knowledge:
    """Decisions that stand, and the index over their patterns. Safe to use from several threads.

    Parameters
    ----------
    store : Store
    embedder : models.embed.Embedder
    """

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._lock = threading.RLock()
        self._indexes: dict[str, NeighbourIndex] = {}
        # Standing decisions of each pattern in the index.
        self._standing: Counter[str] = Counter()
        self._state = (0, 0)
        self._last = 0
        self._decisions = pl.DataFrame()
        self.refresh()

    def refresh(self) -> pl.DataFrame:
        """All standing decisions, schema of `engine.store.decisions.decisions_frame`, oldest first."""
        with self._lock:
            # The state is read first: what arrives in between is looked for again with the next call, never missed.
            state = decision_state(self._store)
            if state == self._state and self._decisions.width:
                return self._decisions
            new = decisions_frame(self._store, after=self._last)
            known = self._decisions if self._decisions.width else new.clear()
            known, gone = self._without_undone(known, state)
            self._index_patterns(new, gone)
            decisions = pl.concat([known, new], rechunk=known.n_chunks() >= _CHUNKS)
            # Sequence numbers are given out in the order of commits, so nothing can appear below the highest seen.
            self._last = max(self._last, state[0], new["sequence"].max() or 0)  # type: ignore[assignment]
            self._state, self._decisions = state, decisions
            return decisions

    def _without_undone(self, known: pl.DataFrame, state: tuple[int, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The known decisions that stand, and those that were taken back since the last look."""
        if state[1] == self._state[1] or known.is_empty():
            return known, known.clear()
        undone = pl.col("sequence").is_in(undone_sequences(self._store).implode())
        gone = known.filter(undone)
        return (known.filter(~undone), gone) if gone.height else (known, gone)

    def _index_patterns(self, new: pl.DataFrame, gone: pl.DataFrame) -> None:
        """Count decisions in and out; a pattern is in the index of its field while any of its decisions stands."""
        change = Counter(new["pattern_id"].to_list())
        change.subtract(gone["pattern_id"].to_list())
        arriving = [name for name, by in change.items() if by > 0 and name not in self._standing]
        for start in range(0, len(arriving), _PATTERNS_AT_ONCE):
            for field, names, vectors in self._by_field(arriving[start : start + _PATTERNS_AT_ONCE]):
                self._indexes.setdefault(field, NeighbourIndex(self._embedder.dimension)).add(names, vectors)
        self._standing.update(change)
        leaving = [name for name in change if self._standing[name] <= 0]
        for name in leaving:
            del self._standing[name]
        for index in self._indexes.values() if leaving else ():
            index.remove(leaving)

    def similar_patterns(self, pattern_ids: Sequence[str], *, count: int = 16) -> pl.DataFrame:
        """Decided patterns of the same field that are like these ones, the pattern itself left out.

        Returns
        -------
        polars.DataFrame
            ``pattern_id``, ``neighbour_id`` (a pattern with decisions) and ``similarity`` (cosine, -1..1), the most similar first.
        """
        parts = [pl.DataFrame(schema={"pattern_id": pl.String, "neighbour_id": pl.String, "similarity": pl.Float64})]
        for field, names, vectors in self._by_field(list(dict.fromkeys(pattern_ids))):
            if (index := self._indexes.get(field)) is None:
                continue
            # One more than asked for, since the pattern itself may be among them.
            found, similarities = index.search(vectors, count=count + 1)
            part = pl.DataFrame(
                {
                    "pattern_id": np.repeat(names, count + 1).tolist(),
                    "neighbour_id": found.ravel().tolist(),
                    "similarity": similarities.ravel().astype(float),
                },
                schema_overrides={"neighbour_id": pl.String},
            )
            other = pl.col("neighbour_id").is_not_null() & (pl.col("neighbour_id") != pl.col("pattern_id"))
            parts.append(part.filter(other).filter(pl.int_range(pl.len()).over("pattern_id") < count))
        return pl.concat(parts)

    def _by_field(self, pattern_ids: Sequence[str]) -> Iterator[tuple[str, list[str], np.ndarray]]:
        """Field, patterns of that field and their vectors; patterns that nobody recorded are left out."""
        signatures = _signatures(self._store, pattern_ids)
        fields: dict[str, list[str]] = {}
        for name, signature in signatures.items():
            fields.setdefault(signature["field"], []).append(name)
        for field, names in fields.items():
            texts = [pattern_text(signatures[name]) for name in names]
            yield field, names, embed_texts(self._store, self._embedder, texts)


def _signatures(store: Store, pattern_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    table = issue_patterns.c
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(pattern_ids), _NAMES_IN_A_QUERY):
        part = list(pattern_ids[start : start + _NAMES_IN_A_QUERY])
        query = sa.select(table.pattern_id, table.pattern_signature).where(table.pattern_id.in_(part))
        found |= {row["pattern_id"]: row["pattern_signature"] for row in store.rows(query)}
    return found


def pattern_text(signature: Mapping[str, str]) -> str:
    """The text that is embedded for a pattern: built from its structure, so that it holds nobody's data.

    The channel is left out, so that what was decided on one channel is found on all. The value is left out too: it makes
    seven times as many texts and finds no better neighbours (``python -m experiments.retrieval``).

    >>> pattern_text({"channel": "amazon", "field": "price", "rule_id": "price-notation", "shape": "9+,9+"})
    'price: price-notation, looks like 9+,9+'
    """
    return f"{signature['field']}: {signature['rule_id']}, looks like {signature.get('shape') or 'nothing'}"


def embed_texts(store: Store, embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Vectors of the texts, float32 ``(len(texts), dimension)``; each distinct text is embedded once and kept in the database.

    Vectors are kept under the embedder's name, so those of two embedders never meet. Two processes that embed one text at
    the same time both keep the first one's vector.
    """
    marks = {text: hashlib.sha256(text.encode()).hexdigest() for text in texts}
    known = _known_vectors(store, embedder, list(marks.values()))
    if new := sorted((mark, text) for text, mark in marks.items() if mark not in known):
        vectors = embedder.embed([text for _, text in new]).astype("<f4")
        # In the order of their keys, so that two writers wait for each other and never in a circle.
        rows = [
            {"embedder": embedder.name, "text_hash": mark, "vector": vector.tobytes()}
            for (mark, _), vector in zip(new, vectors, strict=True)
        ]
        for start in range(0, len(rows), _NAMES_IN_A_QUERY):
            with store.write() as transaction:
                statement = store.upsert(text_embeddings).values(rows[start : start + _NAMES_IN_A_QUERY])
                transaction.execute(statement.on_conflict_do_nothing())
        known |= _known_vectors(store, embedder, [mark for mark, _ in new])
    found = np.empty((len(texts), embedder.dimension), np.float32)
    for row, text in enumerate(texts):
        found[row] = known[marks[text]]
    return found


def _known_vectors(store: Store, embedder: Embedder, marks: Sequence[str]) -> dict[str, np.ndarray]:
    table = text_embeddings.c
    known: dict[str, np.ndarray] = {}
    for start in range(0, len(marks), _NAMES_IN_A_QUERY):
        query = sa.select(table.text_hash, table.vector).where(
            table.embedder == embedder.name, table.text_hash.in_(marks[start : start + _NAMES_IN_A_QUERY])
        )
        known |= {row["text_hash"]: np.frombuffer(row["vector"], dtype="<f4") for row in store.rows(query)}
    return known
