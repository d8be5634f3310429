"""Programs learned from pairs of texts: what was there, and what people made of it.

A program is a rewriting of `models.operators` that explains the pairs. It answers for texts of a shape in which it was
right before; for a shape that nobody decided on yet only when it explains every shape that was. Programs that explain
the same pairs and disagree on a new text are weighed against each other by their simplicity, and the score falls with
the share of the best one: 03/04/2024 after nothing but 05/05/2024 has no sure answer.

References
----------
S. Gulwani, "Automating string processing in spreadsheets using input-output examples", POPL 2011.
E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Self, TypeVar

from sklearn.base import BaseEstimator

from models.operators import Program, rewritings

__all__ = ["Example", "ProgramLearner", "Rewrite", "shape_of", "wilson_lower"]

Number = TypeVar("Number")

_Z = 1.2816
"""Normal quantile of a one-sided 90 % bound."""

_LONGEST = 400
_DEFER_BELOW = 0.6
"""Share of the best answer among all programs below which they are said to disagree."""


def wilson_lower(agreed: Number, decided: Number) -> Number:
    """Lower end of the one-sided 90 % Wilson score interval of the share ``agreed / decided``; numbers or expressions.

    >>> round(wilson_lower(3, 3), 2), round(wilson_lower(30, 30), 2), round(wilson_lower(29, 30), 2)
    (0.65, 0.95, 0.89)
    """
    share, middle = agreed / decided, _Z * _Z / (2 * decided)  # type: ignore[operator]
    # The square of the middle stands alone under the root, so that no agreement gives exactly 0.
    spread = (2 * middle * share * (1 - share) + middle * middle) ** 0.5
    return (share + middle - spread) / (1 + 2 * middle)


@lru_cache(maxsize=50_000)
def shape_of(text: str) -> str:
    """Classes of the characters in order: ``9`` a number, ``a`` a word or several, a blank, every other as it is.

    >>> shape_of("Fort Worth TX"), shape_of("12.0 oz."), shape_of("1.299,00 €")
    ('a', '9.9 a.', '9.9,9 €')
    """
    short = re.sub(r"[^\W\d_]+", "a", re.sub(r"\s+", " ", re.sub(r"\d+", "9", text)))
    return re.sub(r"a(?: a)+", "a", short)


class Example(NamedTuple):
    """A decision: `after` was wanted for `before`, or refused for it."""

    before: str
    after: str
    wanted: bool = True


class Rewrite(NamedTuple):
    """An answer for a text.

    Attributes
    ----------
    value : str
    score : float
        Wilson lower bound of the program's record times the share of the programs that give this value, in 0..1.
    does : str
        What the program does.
    agreed, decided : int
        Distinct examples that it explains, of those it answers.
    is_disputed : bool
        Whether other programs that explain the examples as well give something else.
    """

    value: str
    score: float
    does: str
    agreed: int
    decided: int
    is_disputed: bool


@dataclass(frozen=True)
class _Learned:
    """A program with its record, over all shapes and by shape: agreed and decided."""

    program: Program
    everywhere: tuple[int, int] = (0, 0)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_general: bool = True


_Told = tuple[dict[str, str], dict[str, set[str]]]
"""Of one shape: text to what is wanted for it, and other texts to what was refused for them."""


class ProgramLearner(BaseEstimator):
    """Learns programs from examples of one kind of correction, such as all decisions about a rule of one connection.

    Parameters
    ----------
    tolerance : float
        Share of the distinct examples that a program may contradict. People slip: at 0.05 one contradiction is forgiven
        once nineteen examples agree, none before.
    max_examples : int
        Distinct texts that are looked at, the last ones.
    max_seeds : int
        Examples that programs are searched from; of different shapes first.
    max_programs : int
        Programs kept for a shape, the simplest.

    Attributes
    ----------
    programs_ : list of Program
        What was learned, the best explained first.
    """

    def __init__(
        self, *, tolerance: float = 0.05, max_examples: int = 200, max_seeds: int = 8, max_programs: int = 24
    ) -> None:
        self.tolerance = tolerance
        self.max_examples = max_examples
        self.max_seeds = max_seeds
        self.max_programs = max_programs

    def fit(self, examples: Iterable[Example]) -> Self:
        """Search the programs that explain the examples.

        Parameters
        ----------
        examples : iterable of Example
            Oldest first. Of a text that was decided in several ways the commonest counts, the latest of equals.
        """
        wanted, self._refused = _settled(examples)
        self._wanted = dict(list(wanted.items())[-self.max_examples :])
        by_shape = _by_shape(self._wanted, self._refused, open_to=self._wanted)
        found: dict[str, Program] = {}
        for before, after in _seeds(by_shape, self.max_seeds):
            for program in rewritings(before, after):
                found.setdefault(program.does, program)
        for value, times in Counter(self._wanted.values()).items():
            if times > 1:
                found[f"writes {value!r} always"] = Program(f"writes {value!r} always", 3.0, _constant(value))
        judged = [self._judged(_Learned(program), by_shape, known=frozenset()) for program in found.values()]
        return self._kept(judged, frozenset(by_shape))

    def counting(self, examples: Iterable[Example]) -> Self:
        """A learner with the same programs, the further examples counted in their records.

        No other programs are searched, so this costs little; a program that the examples contradict is gone.
        """
        wanted, refused = _settled(examples)
        wanted = {before: after for before, after in wanted.items() if self._wanted.get(before) != after}
        refused = {before: values - self._refused.get(before, set()) for before, values in refused.items()}
        more = copy(self)
        more._wanted = self._wanted | wanted
        more._refused = self._refused | {b: values | self._refused.get(b, set()) for b, values in refused.items()}
        by_shape = _by_shape(wanted, refused, open_to=more._wanted)
        known = frozenset(self._shapes)
        judged = [self._judged(one, by_shape, known=known) for one in self._learned]
        return more._kept(judged, known | frozenset(by_shape))

    def predict(self, texts: Sequence[str], *, count: int = 2) -> list[list[Rewrite]]:
        """Answers for each text, the best first; none where no program applies or the text is fine as it is.

        Parameters
        ----------
        texts : sequence of str, shape (n_texts,)
        count : int
            Answers a text at most; only disputed ones are several.
        """
        known = {text: self._answer(text)[:count] for text in dict.fromkeys(texts)}
        return [known[text] for text in texts]

    def _judged(self, one: _Learned, by_shape: Mapping[str, _Told], *, known: frozenset[str]) -> _Learned | None:
        """The program with these examples in its record; None where it is right about no shape.

        A shape that was `known` and is not in the record was lost to contradictions, and stays so.
        """
        shapes = dict(one.shapes)
        agreed, decided = one.everywhere
        is_general = one.is_general
        for shape, (pairs, refused) in by_shape.items():
            if shape in known and shape not in shapes:
                continue
            right, total = shapes.pop(shape, (0, 0))
            wrong, most_wrong = total - right, self.tolerance * (total + len(pairs) + len(refused))
            agreed, decided = agreed - right, decided - total
            for before, after in pairs.items():
                value = _run(one.program, before)
                if value is not None:
                    right += value == after
                    wrong += value != after
                    # However the others turn out, it will not be kept for this shape.
                    if wrong > most_wrong:
                        break
            else:
                for before, values in refused.items():
                    wrong += _run(one.program, before) in values
            if right and wrong <= self.tolerance * (right + wrong):
                shapes[shape] = (right, right + wrong)
            is_general = is_general and shape in shapes
            agreed, decided = agreed + right, decided + right + wrong
        return _Learned(one.program, (agreed, decided), shapes, is_general) if shapes else None

    def _kept(self, judged: Iterable[_Learned | None], shapes: frozenset[str]) -> Self:
        """Keep the simplest programs of every shape, and those that explain all shapes."""
        learned = sorted(filter(None, judged), key=lambda o: (-o.everywhere[0], o.program.cost, o.program.does))
        by_shape: dict[str, list[_Learned]] = {shape: [] for shape in shapes}
        for one in sorted(learned, key=lambda o: o.program.cost):
            for shape in one.shapes:
                by_shape[shape].append(one)
        self._shapes = {shape: mine[: self.max_programs] for shape, mine in by_shape.items()}
        self._general = [one for one in learned if one.is_general][: self.max_programs]
        used = {one.program.does for some in (self._general, *self._shapes.values()) for one in some}
        self._learned = [one for one in learned if one.program.does in used]
        self.programs_ = [one.program for one in self._learned]
        return self

    def _answer(self, text: str) -> list[Rewrite]:
        if not text or len(text) > _LONGEST:
            return []
        shape = shape_of(text)
        known = self._shapes.get(shape)
        answers: dict[str, tuple[float, _Learned]] = {}
        for one in self._general if known is None else known:
            value = _run(one.program, text)
            weight = 2.0**-one.program.cost
            if value is not None and weight > answers.get(value, (0.0,))[0]:
                answers[value] = (weight, one)
        total = sum(weight for weight, _ in answers.values())
        found = []
        for value, (weight, one) in answers.items():
            # For a new shape the shapes that were decided are the evidence, not the texts.
            agreed, decided = one.shapes[shape] if known is not None else (len(one.shapes), len(one.shapes))
            share = weight / total
            score = max(0.0, wilson_lower(float(agreed), float(decided))) * share
            found.append(Rewrite(value, score, one.program.does, agreed, decided, share < _DEFER_BELOW))
        found.sort(key=lambda r: (-r.score, r.value))
        return [] if not found or found[0].value == text else [r for r in found if r.value != text]


def _settled(examples: Iterable[Example]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Text to what was wanted most for it, and to what was refused, in the order of the last decision."""
    wanted: dict[str, Counter[str]] = {}
    refused: dict[str, set[str]] = defaultdict(set)
    for before, after, is_wanted in examples:
        if len(before) > _LONGEST or len(after) > _LONGEST or not any(c.isalnum() for c in before):
            continue
        if not is_wanted:
            refused[before].add(after)
        elif before != after:
            counts = wanted.pop(before, Counter())
            counts[after] += 1
            # Equal counts: `most_common` keeps the order of insertion, so the latest goes first.
            wanted[before] = Counter({after: counts.pop(after)} | dict(counts))
    return {before: counts.most_common(1)[0][0] for before, counts in wanted.items()}, refused


def _by_shape(
    wanted: Mapping[str, str], refused: Mapping[str, set[str]], *, open_to: Mapping[str, str]
) -> dict[str, _Told]:
    """What is told of the shapes for which something is wanted; a refusal only where nothing is for that very text."""
    found: dict[str, _Told] = {}
    for before, after in wanted.items():
        found.setdefault(shape_of(before), ({}, {}))[0][before] = after
    shapes = {shape_of(before) for before in open_to}
    for before, values in refused.items():
        if before not in open_to and values and (shape := shape_of(before)) in shapes:
            found.setdefault(shape, ({}, {}))[1][before] = values
    return found


def _seeds(by_shape: Mapping[str, _Told], count: int) -> list[tuple[str, str]]:
    """The latest examples of every shape in turn, the commonest shape first."""
    queues = [list(reversed(pairs.items())) for pairs, _ in sorted(by_shape.values(), key=lambda told: -len(told[0]))]
    deepest = max(map(len, queues), default=0)
    return [queue[n] for n in range(deepest) for queue in queues if n < len(queue)][:count]


def _constant(value: str) -> Callable[[str], str]:
    return lambda text: value


def _run(program: Program, text: str) -> str | None:
    try:
        return program.run(text)
    except (ValueError, OverflowError, ArithmeticError):
        return None
