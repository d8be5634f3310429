"""Brand of a product from its title, by the brands that the merchant already sells.

A gazetteer finds, a small model judges: the answer can only be a brand that exists, spelt as the merchant spells it, and
there is none when no known brand stands in the title. How far a find can be believed is learned from the merchant's own
titles, each judged as if its own record were not known.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from rapidfuzz import fuzz, process
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

__all__ = ["BrandGazetteer", "BrandGuess"]

_TOKEN = re.compile(r"[^\W_]+")
_Key = tuple[str, ...]
_LONGEST_TITLE = 600
_FEWEST_FINDS = 100
"""Finds in titles of the merchant from which their judge is learned."""

_PRIOR_STRENGTH = 4.0
"""Titles that the average brand's reliability counts for in that of one brand."""


@dataclass(frozen=True)
class BrandGuess:
    """A brand with the probability that it is the product's.

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
    """Finds known brands as whole words of a title and judges each by place, past and context.

    Parameters
    ----------
    min_records : int
        Records with a brand below which nothing is learned.
    min_of_brand : int
        Records below which a brand is not known.
    max_records : int
        Records that are looked at for the reliability; more are sampled. Brands are taken from all records.
    max_judged : int
        Records that the judge is fitted on, every n-th of them; it has eight weights.
    seed : int

    Attributes
    ----------
    is_ready_ : bool
    brands_ : dict of str to int
        Brands in the merchant's spelling with their records.
    rate_first_, rate_later_ : float
        Share of finds at the start of a title, and further on, that were the brand.

    judge_ : sklearn.linear_model.LogisticRegression or None
        Probability of a find being the brand; None where too few finds are known, then its reliability alone counts.

    Notes
    -----
    A brand that is also a common word ("Case", "Generic") is found in many titles of other brands. The share of its
    finds that were right is its reliability, shrunk to that of all brands in the same place of the title. Context is
    the share that the brand has in the other words of the title: "Disney" beside "Lego" is a licence, and the words
    around tell so. In training every count leaves the judged record itself out, so that a brand with one record does
    not vouch for itself.
    """

    def __init__(
        self,
        *,
        min_records: int = 20,
        min_of_brand: int = 1,
        max_records: int = 50_000,
        max_judged: int = 5_000,
        seed: int = 0,
    ) -> None:
        self.min_records = min_records
        self.min_of_brand = min_of_brand
        self.max_records = max_records
        self.max_judged = max_judged
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
        seen = [(_tokens(titles[row][:_LONGEST_TITLE]), _tokens(brands[row])) for row in rows.tolist()]
        finds = [list(self._finds(tokens)) for tokens, _ in seen]
        self._hits: dict[tuple[_Key, bool], list[int]] = defaultdict(lambda: [0, 0])
        self._words: Counter[str] = Counter()
        self._words_of: Counter[tuple[str, _Key]] = Counter()
        for (tokens, truth), found in zip(seen, finds, strict=True):
            for key, place in found:
                hit = self._hits[key, place == 0]
                hit[0] += key == truth
                hit[1] += 1
            distinct = set(tokens)
            self._words.update(distinct)
            self._words_of.update((token, truth) for token in distinct)
        self.rate_first_ = _rate([hit for (_, first), hit in self._hits.items() if first])
        self.rate_later_ = _rate([hit for (_, first), hit in self._hits.items() if not first])
        features: list[list[float]] = []
        right: list[bool] = []
        step = max(1, -(-len(seen) // self.max_judged))
        for (tokens, truth), found in zip(seen[::step], finds[::step], strict=True):
            # Without its own record a brand that nobody else carries would not be known.
            known = [(key, place) for key, place in found if key != truth or self._known[key][1] > 1]
            features += self._features(tokens, known, truth)
            right += [key == truth for key, _ in known]
        self.judge_ = None
        if len(right) >= _FEWEST_FINDS and 0 < sum(right) < len(right):
            self.judge_ = LogisticRegression(max_iter=200).fit(np.array(features), right)

    def _features(self, tokens: _Key, finds: Sequence[tuple[_Key, int]], own: _Key | None = None) -> list[list[float]]:
        """One row a find; `own` is the brand of the record itself where its counts must be left out."""
        reliable = []
        for key, place in finds:
            right, all_finds = self._hits.get((key, place == 0), (0, 0))
            if own is not None:
                right, all_finds = right - (key == own), all_finds - 1
            prior = self._prior(place == 0)
            reliable.append((right + _PRIOR_STRENGTH * prior) / (all_finds + _PRIOR_STRENGTH))
        rows = []
        for number, (key, place) in enumerate(finds):
            rivals = [share for other, share in enumerate(reliable) if other != number]
            records = self._known[key][1] - (own is not None and key == own)
            beside = set(tokens) - set(key)
            shares = sorted(
                (
                    (self._words_of[token, key] - (own is not None and key == own))
                    / (self._words[token] - (own is not None) + 1.0)
                    for token in beside
                ),
                reverse=True,
            )
            rows.append(
                [
                    _log_odds(reliable[number]),
                    _log_odds(max(rivals)) if rivals else -3.0,
                    float(place == 0),
                    float(np.log1p(place)),
                    float(np.log1p(records)),
                    float(len(key)),
                    sum(shares[:3]) / len(shares[:3]) if shares else 0.0,
                    float(sum(map(len, key)) <= 3),
                ]
            )
        return rows

    def _prior(self, first: bool) -> float:
        return self.rate_first_ if first else self.rate_later_

    def _finds(self, tokens: _Key) -> Iterator[tuple[_Key, int]]:
        """Known brands in a title with their first place; of those that overlap only the longest."""
        free, told = 0, set()
        for place, token in enumerate(tokens):
            if place < free:
                continue
            for length in sorted(self._lengths.get(token, ()), reverse=True):
                key = tokens[place : place + length]
                if key in self._known:
                    if key not in told:
                        yield key, place
                    told.add(key)
                    free = place + length
                    break

    def _guesses(self, title: str, count: int) -> list[BrandGuess]:
        tokens = _tokens(title[:_LONGEST_TITLE])
        finds = list(self._finds(tokens))
        if not finds:
            return []
        features = np.array(self._features(tokens, finds))
        # Without a judge the reliability speaks, which is the first feature.
        scores = expit(features[:, 0]) if self.judge_ is None else self.judge_.predict_proba(features)[:, 1]
        # Two brands in one title: at most one is right, so together they are not more than sure.
        scores = scores / max(1.0, float(scores.sum()))
        guesses = [
            BrandGuess(self._known[key][0], float(score), place == 0, self._known[key][1])
            for (key, place), score in zip(finds, scores.tolist(), strict=True)
        ]
        return sorted(guesses, key=lambda one: -one.score)[:count]


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(found[0].casefold() for found in _TOKEN.finditer(text))


def _log_odds(share: float) -> float:
    return float(np.log(share / (1.0 - share)))


def _rate(found: Sequence[Sequence[int]]) -> float:
    return (sum(right for right, _ in found) + 1) / (sum(finds for _, finds in found) + 2)
