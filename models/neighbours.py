"""Nearest past decisions: a FAISS index that can always be rebuilt from the database."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import faiss
import numpy as np

__all__ = ["NeighbourIndex"]


class NeighbourIndex:
    """Named unit vectors, searched by cosine similarity; safe to use from several threads.

    Parameters
    ----------
    dimension : int
        Length of the vectors.
    approximate_from : int
        Number of vectors from which a graph (HNSW) answers in place of the exact scan. Removing from the graph
        rebuilds it.
    """

    def __init__(self, dimension: int, *, approximate_from: int = 100_000) -> None:
        self.dimension = dimension
        self._approximate_from = approximate_from
        self._lock = threading.RLock()
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        self._vectors = np.empty((0, dimension), np.float32)
        self._index: faiss.Index = faiss.IndexFlatIP(dimension)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors, float32 ``(len(ids), dimension)``; a known id gets its new vector.

        Raises
        ------
        ValueError
            When shapes do not fit or an id is given twice.
        """
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if vectors.shape != (len(ids), self.dimension):
            raise ValueError(f"vectors have shape {vectors.shape}, expected {(len(ids), self.dimension)}")
        if len(set(ids)) < len(ids):
            raise ValueError("an id is given twice")
        with self._lock:
            if known := [name for name in ids if name in self._places]:
                self.remove(known)
            self._places |= {name: len(self._names) + offset for offset, name in enumerate(ids)}
            self._names += list(ids)
            self._vectors = np.concatenate([self._vectors, vectors])
            if isinstance(self._index, faiss.IndexFlat) and len(self._names) >= self._approximate_from:
                self._rebuild()
            else:
                self._index.add(vectors)

    def remove(self, ids: Sequence[str]) -> None:
        """Take vectors out; unknown ids are ignored."""
        with self._lock:
            gone = {self._places[name] for name in ids if name in self._places}
            if not gone:
                return
            keep = np.array([place for place in range(len(self._names)) if place not in gone], dtype=int)
            self._names = [self._names[place] for place in keep]
            self._places = {name: place for place, name in enumerate(self._names)}
            self._vectors = self._vectors[keep]
            self._rebuild()

    def search(self, vectors: np.ndarray, *, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest ids of each query, best first.

        Returns
        -------
        ids : numpy.ndarray of object, shape (n_queries, count)
            None where there are fewer vectors than `count`.
        similarities : numpy.ndarray of float32, shape (n_queries, count)
            Cosine, -1..1; -1 where the id is None.
        """
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        with self._lock:
            if not self._names:
                return np.full((len(queries), count), None, dtype=object), np.full(
                    (len(queries), count), -1.0, np.float32
                )
            similarities, places = self._index.search(queries, count)
            names = np.array([*self._names, None], dtype=object)
        return names[places], np.where(places < 0, np.float32(-1), similarities)

    def _rebuild(self) -> None:
        if len(self._names) >= self._approximate_from:
            self._index = faiss.IndexHNSWFlat(self.dimension, 32, faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = 80
            self._index.hnsw.efSearch = 128
        else:
            self._index = faiss.IndexFlatIP(self.dimension)
        if len(self._names):
            self._index.add(self._vectors)
