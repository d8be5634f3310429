"""Category of a product from its text, with a probability for every level of the path.

One linear classifier for each inner node of the category tree, trained on the merchant's own valid records. A leaf's
probability is the product along its path, so an ancestor's is the sum over its leaves, and where no leaf is safe the
deepest safe ancestor can be given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import SGDClassifier

__all__ = ["CategoryClassifier", "CategoryGuess"]

SEPARATOR = " > "
_BATCH = 2_000
"""Texts that are classified at once, so that memory does not grow with the catalogue."""

_EPOCHS = 8
_MOST_STEPS = 2.5e9
"""Multiplications that training one node may cost (five to ten seconds on one core); a wide flat tree is trained on fewer rows."""

_LONGEST_TEXT = 400
"""Characters of a text that are read: title, brand and the start of the description carry the category."""


@dataclass(frozen=True)
class CategoryGuess:
    """A category with its probability.

    Attributes
    ----------
    path : str
        Levels joined by ``" > "``.
    probability : float
        In 0..1.
    is_leaf : bool
        Whether records stand in it directly; False for a mere ancestor.
    """

    path: str
    probability: float
    is_leaf: bool


class CategoryClassifier(BaseEstimator):
    """Top-down classifier over a category tree: TF-IDF of words and character n-grams, logistic loss, one temperature.

    Parameters
    ----------
    min_records : int
        Records with a usable category below which nothing is learned.
    min_in_category : int
        Records below which a category is too rare to be learned.
    max_records : int
        Records that are looked at; more are sampled, as many of each category as its share.
    max_categories : int
        The commonest categories that are learned.
    n_features : int
        Columns of each of the two hashed text spaces.
    seed : int

    Attributes
    ----------
    is_ready_ : bool
        Whether enough was there to learn from; `predict` of a classifier that is not ready gives no guesses.
    categories_ : dict of str to int
        Learned categories with their records.
    temperature_ : float
        Divisor of the log-odds, fitted on held-out records (Guo et al., "On calibration of modern neural networks",
        ICML 2017, section 4.2).
    learned_share_ : float
        Share of the records whose category is learned. A product of a rare category has no right answer among the
        guesses, so every probability is lowered by this factor.
    holdout_accuracy_ : float
        Share of held-out records whose leaf was right; nan when not ready.
    """

    def __init__(
        self,
        *,
        min_records: int = 50,
        min_in_category: int = 4,
        max_records: int = 20_000,
        max_categories: int = 2_000,
        n_features: int = 2**16,
        seed: int = 0,
    ) -> None:
        self.min_records = min_records
        self.min_in_category = min_in_category
        self.max_records = max_records
        self.max_categories = max_categories
        self.n_features = n_features
        self.seed = seed

    def fit(self, texts: Sequence[str], categories: Sequence[str]) -> Self:
        """Learn from texts with their category path; empty categories are left out.

        Parameters
        ----------
        texts : sequence of str, shape (n_records,)
        categories : sequence of str, shape (n_records,)
            Levels joined by ``" > "``.

        Raises
        ------
        ValueError
            When the two differ in length.
        """
        if len(texts) != len(categories):
            raise ValueError(f"{len(texts)} texts but {len(categories)} categories; each text needs one")
        rows = self._usable(categories)
        self.categories_ = dict(Counter(categories[row] for row in rows).most_common())
        self.is_ready_ = len(rows) >= self.min_records and len(self.categories_) >= 2
        named = sum(bool(path.strip()) for path in categories)
        learnable = set(self.categories_)
        self.learned_share_ = sum(path in learnable for path in categories) / max(named, 1)
        self.temperature_, self.holdout_accuracy_ = 1.0, float("nan")
        if not self.is_ready_:
            return self
        features = self._fit_features([texts[row] for row in rows])
        paths = [categories[row] for row in rows]
        self._build_tree()
        held = np.zeros(len(rows), dtype=bool)
        held[np.random.default_rng(self.seed).permutation(len(rows))[: min(max(len(rows) // 6, 10), 1_500)]] = True
        self._fit_nodes(features[~held], [p for p, out in zip(paths, held, strict=True) if not out])
        self._calibrate(features[held], [p for p, out in zip(paths, held, strict=True) if out])
        self._fit_nodes(features, paths)
        return self

    def predict(self, texts: Sequence[str], *, count: int = 3, safe: float = 0.8) -> list[list[CategoryGuess]]:
        """The likeliest categories of each text, the likeliest first.

        Parameters
        ----------
        texts : sequence of str, shape (n_records,)
        count : int
            Most leaves for each text.
        safe : float
            When no leaf reaches this probability, the deepest ancestor that does is given first.

        Returns
        -------
        list of list of CategoryGuess, shape (n_records,)
            Empty lists when not ready.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        if not hasattr(self, "is_ready_"):
            raise NotFittedError("CategoryClassifier is not fitted; call fit with texts and categories first")
        if not self.is_ready_ or not len(texts):
            return [[] for _ in texts]
        guesses: list[list[CategoryGuess]] = []
        for start in range(0, len(texts), _BATCH):
            leaves = self._leaf_probabilities(self._features(texts[start : start + _BATCH]))
            ancestors = leaves @ self._ancestry
            order = np.argsort(-leaves, axis=1, kind="stable")[:, :count]
            guesses += [self._guesses(leaves[row], ancestors[row], order[row], safe) for row in range(len(leaves))]
        return guesses

    def _guesses(
        self, leaves: NDArray[np.float64], ancestors: NDArray[np.float64], order: NDArray[np.intp], safe: float
    ) -> list[CategoryGuess]:
        found = [CategoryGuess(self._leaves[i], float(leaves[i]), True) for i in order if leaves[i] > 0.0]
        if found and found[0].probability < safe:
            deep = [i for i, p in enumerate(ancestors) if p >= safe and self._inner[i] not in self.categories_]
            if deep:
                best = max(deep, key=lambda i: (self._inner[i].count(SEPARATOR), ancestors[i]))
                found.insert(0, CategoryGuess(self._inner[best], float(ancestors[best]), False))
        return found[: len(order)]

    def _usable(self, categories: Sequence[str]) -> list[int]:
        counts = Counter(categories)
        common = {
            path
            for path, count in counts.most_common(self.max_categories)
            if path.strip() and count >= self.min_in_category
        }
        rows = [row for row, path in enumerate(categories) if path in common]
        if len(rows) <= self.max_records:
            return rows
        picked = np.random.default_rng(self.seed).choice(len(rows), self.max_records, replace=False)
        sample = [rows[i] for i in np.sort(picked)]
        kept = {path for path, count in Counter(categories[row] for row in sample).items() if count >= 2}
        return [row for row in sample if categories[row] in kept]

    def _vectors(self, texts: Sequence[str]) -> sparse.csr_matrix:
        cut = [text[:_LONGEST_TEXT] for text in texts]
        words = HashingVectorizer(
            n_features=self.n_features,
            ngram_range=(1, 2),
            alternate_sign=False,
            norm=None,
            token_pattern=r"(?u)\b\w+\b",
        )
        characters = HashingVectorizer(
            n_features=self.n_features, analyzer="char_wb", ngram_range=(3, 4), alternate_sign=False, norm=None
        )
        return sparse.hstack([words.transform(cut), 0.5 * characters.transform(cut)], format="csr", dtype=np.float32)

    def _fit_features(self, texts: Sequence[str]) -> sparse.csr_matrix:
        counted = self._vectors(texts)
        seen = np.asarray((counted > 0).sum(axis=0)).ravel()
        self._columns = np.flatnonzero(seen >= 2)
        self._weighting = TfidfTransformer(sublinear_tf=True)
        return self._weighting.fit_transform(counted[:, self._columns]).astype(np.float32)

    def _features(self, texts: Sequence[str]) -> sparse.csr_matrix:
        return self._weighting.transform(self._vectors(texts)[:, self._columns]).astype(np.float32)

    def _build_tree(self) -> None:
        children: dict[str, dict[str, None]] = defaultdict(dict)
        for path in self.categories_:
            for parent, child in _steps(path):
                children[parent][child] = None
        self._children = {parent: sorted(found) for parent, found in children.items()}
        self._leaves = sorted(self.categories_)
        self._inner = sorted(parent for parent in children if parent)
        place = {path: i for i, path in enumerate(self._inner)}
        self._ancestry = np.zeros((len(self._leaves), len(self._inner)))
        for row, leaf in enumerate(self._leaves):
            for parent, _ in _steps(leaf):
                if parent:
                    self._ancestry[row, place[parent]] = 1.0

    def _fit_nodes(self, features: sparse.csr_matrix, paths: Sequence[str]) -> None:
        rows: dict[str, list[int]] = defaultdict(list)
        labels: dict[str, list[int]] = defaultdict(list)
        for row, path in enumerate(paths):
            for parent, child in _steps(path):
                rows[parent].append(row)
                labels[parent].append(self._children[parent].index(child))
        blocks: list[sparse.csr_matrix] = []
        offsets_of: list[NDArray[np.float64]] = []
        self._slices: dict[str, slice] = {}
        for parent, found in self._children.items():
            if len(found) < 2:
                continue
            offsets = np.full(len(found), -12.0)
            present = np.unique(labels[parent])
            if len(present) < 2:
                offsets[present] = 0.0
                full = sparse.csr_matrix((len(found), features.shape[1]), dtype=np.float32)
            else:
                full, offsets[present] = self._fit_node(features[rows[parent]], labels[parent], len(found))
            start = sum(len(known) for known in offsets_of)
            self._slices[parent] = slice(start, start + len(found))
            blocks.append(full)
            offsets_of.append(offsets)
        # One product for the whole tree is many times faster than one for each node.
        self._weights = sparse.vstack(blocks).T.tocsr()
        self._offsets = np.concatenate(offsets_of)

    def _fit_node(
        self, features: sparse.csr_matrix, labels: Sequence[int], count: int
    ) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
        """Weights of shape (count, n_features), zero for children without records, and the offsets of the others."""
        known = np.asarray(labels)
        share = _MOST_STEPS / (_EPOCHS * float(features.nnz) * count)
        if share < 1.0:
            drawn = np.random.default_rng(self.seed).random(len(known)) < share
            # The first record of every child stays, so that no child is lost to the draw.
            drawn[np.unique(known, return_index=True)[1]] = True
            features, known = features[drawn], known[drawn]
        model = SGDClassifier(loss="log_loss", alpha=3e-6, max_iter=_EPOCHS, tol=None, random_state=self.seed)
        model.fit(features, known)
        weights, bias = model.coef_, model.intercept_
        if len(model.classes_) == 2:
            weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        full = sparse.lil_matrix((count, features.shape[1]), dtype=np.float32)
        full[model.classes_] = np.where(np.abs(weights) < 1e-3, 0.0, weights)
        return full.tocsr(), bias

    def _node_logits(self, features: sparse.csr_matrix) -> dict[str, NDArray[np.float64]]:
        logits = np.asarray((features @ self._weights).todense(), dtype=np.float64) + self._offsets
        return {parent: logits[:, part] for parent, part in self._slices.items()}

    def _leaf_probabilities(self, features: sparse.csr_matrix) -> NDArray[np.float64]:
        known = self._multiplied(self._node_logits(features), features.shape[0], self.temperature_)
        return known * self.learned_share_

    def _multiplied(
        self, logits: dict[str, NDArray[np.float64]], count: int, temperature: float
    ) -> NDArray[np.float64]:
        steps = {parent: _softmax(values / temperature) for parent, values in logits.items()}
        known: dict[str, NDArray[np.float64]] = {"": np.ones(count)}
        for parent in sorted(self._children, key=lambda path: path.count(SEPARATOR) if path else -1):
            for place, child in enumerate(self._children[parent]):
                known[child] = known[parent] * (steps[parent][:, place] if parent in steps else 1.0)
        return np.column_stack([known[_end(leaf, self._children)] for leaf in self._leaves])

    def _calibrate(self, features: sparse.csr_matrix, paths: Sequence[str]) -> None:
        logits, place = self._node_logits(features), {leaf: i for i, leaf in enumerate(self._leaves)}
        truth = np.array([place[path] for path in paths])
        rows = np.arange(len(truth))

        def loss(logarithm: float) -> float:
            chance = self._multiplied(logits, len(truth), float(np.exp(logarithm)))[rows, truth]
            return float(-np.log(np.clip(chance, 1e-9, 1.0)).mean())

        self.temperature_ = float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.5), method="bounded").x))
        chances = self._multiplied(logits, len(truth), self.temperature_)
        self.holdout_accuracy_ = float((chances.argmax(axis=1) == truth).mean())


def _steps(path: str) -> list[tuple[str, str]]:
    """Pairs of parent and child along a path; the last child is the path itself marked as where records stand."""
    levels = path.split(SEPARATOR)
    nodes = ["", *(SEPARATOR.join(levels[: i + 1]) for i in range(len(levels)))]
    return [*zip(nodes[:-1], nodes[1:], strict=True), (path, f"{path}\n")]


def _end(leaf: str, children: dict[str, list[str]]) -> str:
    return f"{leaf}\n" if f"{leaf}\n" in children.get(leaf, ()) else leaf


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(values - values.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
