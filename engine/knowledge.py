"""What this process knows of past decisions, kept fresh by a high-water mark.

A decision made in the page is seen by a job with the next call of `Knowledge.refresh`: only rows above the highest
known sequence number are read; if anything was taken back, all are.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.decisions import decision_state, decisions_frame
from engine.store.tables import issue_patterns, text_embeddings
from models.embed import Embedder
from models.neighbours import NeighbourIndex

__all__ = ["Knowledge", "embed_texts", "pattern_text"]


class Knowledge:
    """Decisions that stand, and the index over their patterns.

    Parameters
    ----------
    store : Store
    embedder : models.embed.Embedder
    """

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._lock = threading.RLock()
        self._texts: dict[str, str] = {}
        self._indexed: set[str] = set()
        self._index = NeighbourIndex(embedder.dimension)
        # The state is read first: a decision that arrives in between is then read twice, never missed.
        self._state = decision_state(store)
        self._decisions = decisions_frame(store)
        self._add_to_index(self._decisions)

    def refresh(self) -> pl.DataFrame:
        """All standing decisions, schema of `engine.store.decisions.decisions_frame`, oldest first."""
        with self._lock:
            state = decision_state(self._store)
            if state == self._state:
                return self._decisions
            if state[1] != self._state[1]:
                self._decisions = decisions_frame(self._store)
            else:
                self._decisions = pl.concat(
                    [self._decisions, decisions_frame(self._store, after=self._state[0])]
                ).unique("sequence", keep="last", maintain_order=True)
            self._state = state
            self._add_to_index(self._decisions)
            return self._decisions

    def similar_patterns(self, pattern_ids: Sequence[str], *, count: int = 16) -> pl.DataFrame:
        """Decided patterns that are like these ones, the pattern itself left out.

        Returns
        -------
        polars.DataFrame
            ``pattern_id``, ``neighbour_id`` (a pattern with decisions) and ``similarity`` (cosine, -1..1).
        """
        with self._lock:
            wanted = list(dict.fromkeys(pattern_ids))
            if not wanted or not len(self._index):
                return pl.DataFrame(
                    schema={"pattern_id": pl.String, "neighbour_id": pl.String, "similarity": pl.Float64}
                )
            vectors = self._vectors(wanted)
            found, similarities = self._index.search(vectors, count=min(count + 1, len(self._index)))
        frame = pl.DataFrame(
            {
                "pattern_id": np.repeat(wanted, found.shape[1]).tolist(),
                "neighbour_id": found.ravel().tolist(),
                "similarity": similarities.ravel().astype(float),
            },
            schema_overrides={"neighbour_id": pl.String},
        )
        return frame.filter(pl.col("neighbour_id").is_not_null(), pl.col("neighbour_id") != pl.col("pattern_id"))

    def _add_to_index(self, decisions: pl.DataFrame) -> None:
        decided = set(decisions["pattern_id"].unique())
        if gone := sorted(self._indexed - decided):
            self._index.remove(gone)
            self._indexed.difference_update(gone)
        if new := sorted(decided - self._indexed):
            self._index.add(new, self._vectors(new))
            self._indexed.update(new)

    def _vectors(self, pattern_ids: Sequence[str]) -> np.ndarray:
        if missing := [p for p in pattern_ids if p not in self._texts]:
            self._texts |= _pattern_texts(self._store, missing)
        return embed_texts(self._store, self._embedder, [self._texts.get(p, "") for p in pattern_ids])


def _pattern_texts(store: Store, pattern_ids: Sequence[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for start in range(0, len(pattern_ids), 500):
        part = list(pattern_ids[start : start + 500])
        query = sa.select(issue_patterns.c.pattern_id, issue_patterns.c.pattern_signature).where(
            issue_patterns.c.pattern_id.in_(part)
        )
        for row in store.rows(query):
            texts[row["pattern_id"]] = pattern_text(row["pattern_signature"])
    return texts


def pattern_text(signature: dict[str, str]) -> str:
    """The text that is embedded for a pattern: built from its structure, so that it holds nobody's data.

    >>> pattern_text({"channel": "amazon", "field": "price", "rule_id": "price-format", "shape": "9+,9+"})
    'price: price-format on amazon, looks like 9+,9+'
    """
    shape = signature.get("shape") or "nothing"
    return f"{signature['field']}: {signature['rule_id']} on {signature['channel']}, looks like {shape}"


def embed_texts(store: Store, embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Vectors of the texts, float32 ``(len(texts), dimension)``; each distinct text is embedded once and kept in the database."""
    marks = {text: hashlib.sha256(text.encode()).hexdigest() for text in texts}
    table = text_embeddings
    known: dict[str, np.ndarray] = {}
    hashes = sorted(set(marks.values()))
    for start in range(0, len(hashes), 500):
        query = sa.select(table.c.text_hash, table.c.vector).where(
            table.c.embedder == embedder.name, table.c.text_hash.in_(hashes[start : start + 500])
        )
        known |= {row["text_hash"]: np.frombuffer(row["vector"], dtype=np.float32) for row in store.rows(query)}
    if new := [text for text, mark in marks.items() if mark not in known]:
        vectors = embedder.embed(new)
        known |= {marks[text]: vector for text, vector in zip(new, vectors, strict=True)}
        rows = [
            {"embedder": embedder.name, "text_hash": marks[t], "vector": np.asarray(v, dtype=np.float32).tobytes()}
            for t, v in zip(new, vectors, strict=True)
        ]
        with store.write() as transaction:
            for start in range(0, len(rows), 200):
                transaction.execute(store.upsert(table).values(rows[start : start + 200]).on_conflict_do_nothing())
    return np.stack([known[marks[text]] for text in texts]) if texts else np.empty((0, embedder.dimension), np.float32)
