"""Brand of a product from its title, by the brands that the merchant already sells.

A gazetteer rather than a model: it can only answer with a brand that exists, spelt as the merchant spells it, and it says
nothing when no known brand stands in the title.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from rapidfuzz import fuzz, process
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

__all__ = ["BrandGazetteer", "BrandGuess"]

_TOKEN = re.compile(r"[^\W_]+")
_LONGEST_TITLE = 600
_PRIOR_STRENGTH = 4.0
"""Titles that the average brand's reliability counts for in that of one brand."""


@dataclass(frozen=True)
class BrandGuess:
    """A brand with the share of titles in which such a find was the brand.

    Attributes
    ----------
    brand : str
        As the merchant writes it most.
    score : float
        In 0..1.
    first : bool
        Whether the title starts with it.
    records : int
        Records of the merchant that carry it.
    """

    brand: str
    score: float
    first: bool
    records: int


class BrandGazetteer(BaseEstimator):
    """Finds known brands as whole words of a title and weighs them by how often such a find was right.

    Parameters
    ----------
    min_records : int
        Records with a brand below which nothing is learned.
    min_of_brand : int
        Records below which a brand is not known.
    max_records : int
        Records that are looked at for the reliability; more are sampled. Brands are taken from all records.
    seed : int

    Attributes
    ----------
    is_ready_ : bool
    brands_ : dict of str to int
        Brands in the merchant's spelling with their records.
    rate_first_, rate_later_ : float
        Share of finds at the start of a title, and further on, that were the brand.

    Notes
    -----
    A brand that is also a common word ("Case", "Generic") is found in many titles of other brands. The share of its
    finds that were right is its reliability, shrunk to that of all brands in the same place of the title.
    """

    def __init__(
        self, *, min_records: int = 20, min_of_brand: int = 1, max_records: int = 50_000, seed: int = 0
    ) -> None:
        self.min_records = min_records
        self.min_of_brand = min_of_brand
        self.max_records = max_records
        self.seed = seed

    def fit(self, titles: Sequence[str], brands: Sequence[str]) -> Self:
        """Learn the brands and how reliable a find of each is.

        Parameters
        ----------
        titles, brands : sequence of str, shape (n_records,)
            Records with an empty brand are left out.

        Raises
        ------
        ValueError
            When the two differ in length.
        """
        if len(titles) != len(brands):
            raise ValueError(f"{len(titles)} titles but {len(brands)} brands; each title needs one")
        spellings: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for brand, count in Counter(brands).items():
            key = _tokens(brand)
            if key and len(key) <= 6:
                spellings[key][" ".join(brand.split())] += count
        self._known = {
            key: (found.most_common(1)[0][0], found.total())
            for key, found in sorted(spellings.items())
            if found.total() >= self.min_of_brand
        }
        self.brands_ = dict(self._known.values())
        self.is_ready_ = sum(self.brands_.values()) >= self.min_records
        self._lengths: dict[str, list[int]] = defaultdict(list)
        for key in self._known:
            if len(key) not in self._lengths[key[0]]:
                self._lengths[key[0]].append(len(key))
        self._measure(titles, brands)
        return self

    def predict(self, titles: Sequence[str], *, count: int = 2) -> list[list[BrandGuess]]:
        """Brands that stand in each title, the likeliest first; an empty list where none does.

        Parameters
        ----------
        titles : sequence of str, shape (n_records,)
        count : int
            Most guesses for each title.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        self._check()
        if not self.is_ready_:
            return [[] for _ in titles]
        return [self._guesses(title, count) for title in titles]

    def spelling(self, brand: str) -> tuple[str, int]:
        """The merchant's spelling of a brand that is known apart from case and punctuation, and its records.

        Two empties, ``("", 0)``, when it is not known.
        """
        self._check()
        return self._known.get(_tokens(brand), ("", 0))

    def nearest(self, brand: str, *, least: float = 86.0) -> tuple[str, int, float]:
        """The known brand that a text is probably a misspelling of, its records, and the similarity in percent.

        ``("", 0, 0.0)`` when none is near, when two are about equally near, or when the text is too short to tell.
        """
        self._check()
        text = " ".join(_tokens(brand))
        if not 4 <= len(text) <= 60:
            return "", 0, 0.0
        names = {" ".join(key): entry for key, entry in self._known.items()}
        found = [
            (name, similarity)
            for name, similarity, _ in process.extract(
                text, names.keys(), scorer=fuzz.ratio, score_cutoff=least, limit=4
            )
            if name != text
        ]
        if not found or (len(found) > 1 and found[0][1] - found[1][1] < 2.0):
            return "", 0, 0.0
        return (*names[found[0][0]], float(found[0][1]))

    def _check(self) -> None:
        if not hasattr(self, "is_ready_"):
            raise NotFittedError("BrandGazetteer is not fitted; call fit with titles and brands first")

    def _measure(self, titles: Sequence[str], brands: Sequence[str]) -> None:
        rows = np.flatnonzero([bool(brand) for brand in brands])
        if len(rows) > self.max_records:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, self.max_records, replace=False))
        hits: dict[tuple[tuple[str, ...], bool], list[int]] = defaultdict(lambda: [0, 0])
        for row in rows.tolist():
            truth = _tokens(brands[row])
            for key, place in self._finds(titles[row]):
                found = hits[key, place == 0]
                found[0] += key == truth
                found[1] += 1
        self.rate_first_ = _rate([found for (_, first), found in hits.items() if first])
        self.rate_later_ = _rate([found for (_, first), found in hits.items() if not first])
        self._reliability = {
            place: (right + _PRIOR_STRENGTH * self._prior(place[1])) / (finds + _PRIOR_STRENGTH)
            for place, (right, finds) in hits.items()
        }

    def _prior(self, first: bool) -> float:
        return self.rate_first_ if first else self.rate_later_

    def _finds(self, title: str) -> Iterator[tuple[tuple[str, ...], int]]:
        """Known brands in a title with their place; of those that overlap only the longest."""
        tokens = _tokens(title[:_LONGEST_TITLE])
        free = 0
        for place, token in enumerate(tokens):
            if place < free:
                continue
            for length in sorted(self._lengths.get(token, ()), reverse=True):
                key = tokens[place : place + length]
                if key in self._known:
                    yield key, place
                    free = place + length
                    break

    def _guesses(self, title: str, count: int) -> list[BrandGuess]:
        best: dict[str, tuple[BrandGuess, int]] = {}
        for key, place in self._finds(title):
            name, records = self._known[key]
            first = place == 0
            score = self._reliability.get((key, first), self._prior(first))
            if name not in best or score > best[name][0].score:
                best[name] = (BrandGuess(name, score, first, records), place)
        ordered = sorted(best.values(), key=lambda one: (-one[0].score, one[1], -len(one[0].brand), one[0].brand))
        if len(ordered) > 1:
            # Two brands in one title: at most one is right, so they share the certainty.
            total = sum(one.score for one, _ in ordered)
            ordered = [
                (BrandGuess(g.brand, g.score * min(1.0, g.score / total + 0.5 * (i == 0)), g.first, g.records), place)
                for i, (g, place) in enumerate(ordered)
            ]
        return [guess for guess, _ in ordered[:count]]


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(found[0].casefold() for found in _TOKEN.finditer(text))


def _rate(found: Sequence[Sequence[int]]) -> float:
    return (sum(right for right, _ in found) + 1) / (sum(finds for _, finds in found) + 2)
