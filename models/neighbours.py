"""Nearest past decisions: an index over unit vectors that can be added to and taken from at any time."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

__all__ = ["NeighbourIndex"]

Vectors = NDArray[np.float32]

_HASH_TABLE = 2
"""`DirectMap::Hashtable` of FAISS: finds and removes a vector by its number without scanning the cells."""

_BULK = 1000
"""Vectors put in at once from which the index may divide itself anew."""


class NeighbourIndex:
    """Index of text identifiers by cosine similarity, exact while small, in cells (IVF) above.

    Safe to use from several threads. Nothing in it is the only copy: it is rebuilt from the database.

    Parameters
    ----------
    dimension : int
        Length of the vectors.
    exact_below : int
        Up to this many vectors every one is compared; above, only those in the nearest cells.
    cells_searched : int
        Cells that are searched above: more is slower and misses less.
    seed : int
        Of the division into cells.

    Examples
    --------
    >>> index = NeighbourIndex(2)
    >>> index.add(["a", "b"], np.array([[1, 0], [0, 1]], dtype="float32"))
    >>> found, similarity = index.search(np.array([[0.6, 0.8]], dtype="float32"), count=3)
    >>> found.tolist(), [f"{one:.2f}" for one in similarity[0]]
    ([['b', 'a', None]], ['0.80', '0.60', '-inf'])

    References
    ----------
    M. Douze et al., "The Faiss library", arXiv 2401.08281: inverted files, direct map, removal.
    """

    def __init__(self, dimension: int, *, exact_below: int = 20_000, cells_searched: int = 32, seed: int = 0) -> None:
        if dimension < 1 or exact_below < 1 or cells_searched < 1:
            raise ValueError(
                f"dimension, exact_below and cells_searched must be at least 1, "
                f"not {dimension}, {exact_below} and {cells_searched}"
            )
        self.dimension = dimension
        self.exact_below = exact_below
        self.cells_searched = cells_searched
        self.seed = seed
        self._lock = threading.RLock()
        self._number: dict[str, int] = {}
        self._name: dict[int, str] = {}
        self._next = 0
        self._cells = 0
        self._index: faiss.Index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))

    def __len__(self) -> int:
        return len(self._number)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._number

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared."""
        return self._cells == 0

    def add(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Put identifiers in, or replace their vectors; of an identifier given twice the last vector counts.

        Parameters
        ----------
        ids : sequence of str
        vectors : ndarray of shape (len(ids), dimension)
            Of length 1, so that the inner product is the cosine.

        Raises
        ------
        ValueError
            When shapes do not fit or a number is not finite; nothing is then added.
        """
        given = self._checked(vectors, rows=len(ids))
        last = {identifier: row for row, identifier in enumerate(ids)}
        with self._lock:
            self.remove(list(last))
            if not last:
                return
            numbers = np.arange(self._next, self._next + len(last), dtype=np.int64)
            self._next += len(last)
            self._fitting(given[list(last.values())])
            self._index.add_with_ids(given[list(last.values())], numbers)
            self._number.update(zip(last, numbers.tolist(), strict=True))
            self._name.update(zip(numbers.tolist(), last, strict=True))

    def remove(self, ids: Sequence[str]) -> int:
        """Take identifiers out; gives how many of them were there."""
        with self._lock:
            numbers = [number for i in ids if (number := self._number.pop(i, None)) is not None]
            if numbers:
                self._index.remove_ids(np.array(numbers, dtype=np.int64))  # type: ignore[arg-type]
                for number in numbers:
                    del self._name[number]
            return len(numbers)

    def search(self, vectors: Vectors, *, count: int) -> tuple[NDArray[np.object_], Vectors]:
        """The nearest identifiers of each vector, most similar first.

        Parameters
        ----------
        vectors : ndarray of shape (n, dimension)
        count : int
            How many for each.

        Returns
        -------
        tuple of ndarray, each of shape (n, count)
            Identifiers (None where there are fewer) and cosines in -1..1 (minus infinity there).
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        asked = self._checked(vectors)
        found = np.full((len(asked), count), None, dtype=object)
        similarities = np.full((len(asked), count), -np.inf, dtype=np.float32)
        with self._lock:
            most = min(count, len(self))
            if not most or not len(asked):
                return found, similarities
            near, numbers = self._index.search(asked, most)
            found[:, :most] = [[self._name.get(number) for number in row] for row in numbers.tolist()]
        similarities[:, :most] = np.where(numbers >= 0, np.clip(near, -1, 1), -np.inf)
        return found, similarities

    def _fitting(self, arriving: Vectors) -> None:
        """Divide into cells, or into more of them, when the index has outgrown what it is."""
        size = len(self) + len(arriving)
        # To divide takes seconds, so it is done while much is put in and never when one decision is added.
        if len(arriving) < _BULK:
            return
        # Cells stay useful until the index is four times as large as when they were made.
        if size <= self.exact_below or size <= 4 * (self._cells / 4) ** 2:
            return
        numbers = np.fromiter(self._name, dtype=np.int64, count=len(self._name))
        held = self._index.reconstruct_batch(numbers) if len(numbers) else np.empty((0, self.dimension), np.float32)
        known = np.concatenate([held, arriving])
        self._cells = max(int(4 * math.sqrt(size)), 1)
        # Forty vectors a cell are what k-means is given by FAISS's own advice; more only costs time.
        sample = np.random.default_rng(self.seed).permutation(len(known))[: 40 * self._cells]
        # FAISS asks for at least as many vectors as cells.
        self._cells = min(self._cells, len(sample))
        index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(self.dimension), self.dimension, self._cells, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed = self.seed + 1
        index.cp.min_points_per_centroid = 1
        index.cp.spherical = True
        index.train(np.ascontiguousarray(known[np.sort(sample)]))
        index.set_direct_map_type(_HASH_TABLE)
        index.nprobe = min(self.cells_searched, self._cells)
        if len(numbers):
            index.add_with_ids(held, numbers)
        self._index = index

    def _checked(self, vectors: Vectors, *, rows: int | None = None) -> Vectors:
        given = np.ascontiguousarray(vectors, dtype=np.float32)
        if given.ndim != 2 or given.shape[1] != self.dimension or (rows is not None and len(given) != rows):
            wanted = f"({'n' if rows is None else rows}, {self.dimension})"
            raise ValueError(f"vectors must have the shape {wanted}, not {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("vectors hold numbers that are not finite; leave those texts out or embed them again")
        return given
