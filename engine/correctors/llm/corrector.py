"""Texts of products as a language model would correct them, kept only where every word of them can be traced.

The model sees what the privacy gate lets through and nothing else; its answer is one value a question. A text stays only
if its words stand in the record, a category only if the merchant or the rule knows it. So whatever a hostile product text
talks the model into, it can say no more than that record says itself, and a person sees it before it counts.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from engine.correctors.base import ANY_FIELD, Context, Corrector, candidates, column, in_order, parameters, settled
from engine.correctors.llm.model import Answer, LanguageModel, Question
from engine.markup import has_markup
from engine.privacy import contact_data, released
from engine.wording import SMALL_WORDS, tidied

__all__ = ["CORRECTOR", "LanguageModelCorrector", "untraceable"]

_ASKED = ("title", "description", "brand", "category", "condition", "attributes")
"""What a model may write. Figures, codes, dates and addresses are for correctors that compute them."""

_CLOSED = ("category",)
"""Fields in which a value that nobody has yet is an invention, even from the words of the record."""

_EXAMPLES, _LONGEST_EXAMPLE, _LONGEST_LIST = 3, 500, 200
_HIGHEST_SCORE = 0.8
_FORM = ("observed", "record", "key", "value")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_SHORTEST_STEM, _LONGEST_ENDING = 4, 2


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FILLERS = (SMALL_WORDS - _set_of("sin no")) | _set_of(
    "is are be has have it its this these that which you your ist sind hat haben es er sie dieser diese dieses welche ihr"
    " ihre est sont ont ce cet cette ces il elle qui vous votre es son tiene tienen este esta estos que su è sono ha hanno"
    " questo questa che het is zijn heeft deze dit die dat são é tem têm esta este seu sua"
)
"""Words that claim nothing. Words that deny ("without", "sans", "sin") claim something and are not among them."""


class LanguageModelCorrector(Corrector):
    """Asks the language model of the context; without one it has no answer to anything.

    Attributes
    ----------
    known_ : dict of str to frozenset of str
        Values that the merchant uses in the fields brand, category and condition, in small letters.
    """

    name = "llm"
    handles = frozenset((ANY_FIELD,))
    is_costly = True

    def __init__(self) -> None:
        self.known_: dict[str, frozenset[str]] = {}

    def fit(self, context: Context) -> None:
        """Take note of the values that the merchant uses."""
        if context.language_model is None:
            return
        values = column(context, "brand", "category", "condition")
        self.known_ = {one.name: frozenset(one.unique().str.to_lowercase()) - {""} for one in values}

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """At most one value an issue, for the issues that have an answer within time and budget."""
        model = context.language_model
        if model is None or "record" not in questions.columns:
            return candidates([])
        mine = questions.filter(pl.col("field").str.split(".").list.first().is_in(_ASKED))
        asked = released(mine, model.settings.fields)
        asked = asked.with_columns(
            _problem(asked), pl.struct("observed", "record").struct.json_encode().alias("material")
        )
        put = [Question(*pair) for pair in asked.select("problem", "material").iter_rows()]
        answers = model.answers(put, _examples(asked, context.decisions))
        rows = []
        for question, row in zip(put, asked.iter_rows(named=True), strict=True):
            answer = answers.get(question)
            value = tidied(answer.value or "", lines=row["field"] == "description") if answer else ""
            if answer and value and not has_markup(value) and self._is_grounded(value, row):
                score = min(answer.certainty, _HIGHEST_SCORE)
                rows.append((row["issue_id"], value, self.name, score, _reason(model, answer, row["record"])))
        found = candidates(rows)
        found = found.filter(~contact_data(found["value"]))
        observed = mine.select("issue_id", "observed")
        return in_order(settled(found.join(observed, on="issue_id", how="left")), questions)

    def _is_grounded(self, value: str, row: dict[str, Any]) -> bool:
        field, lower = row["field"], value.lower()
        allowed = parameters(row["params"]).get("values") or ()
        if lower in self.known_.get(field, ()) or lower in {str(one).lower() for one in allowed}:
            return True
        return field not in _CLOSED and not untraceable(value, json.loads(row["material"]))


def untraceable(text: str, record: object) -> list[str]:
    """Words and numbers of the text that stand nowhere in the record and are no mere fillers, in order.

    A word counts as standing there with another ending of up to two letters; a number must be the same.

    >>> untraceable("The blue plates have 350 g and hold 2 l.", {"title": "Plate blue", "weight_g": "350"})
    ['hold', '2', 'l']
    >>> untraceable("Becher ohne BPA", {"title": "Becher, enthält BPA"})
    ['ohne']
    """
    there = set(_words(_texts(record)))
    beginnings = {word[:end] for word in there for end in _ends(word)}
    return [
        word
        for word in _words([text])
        if word not in there
        and word not in _FILLERS
        and not (len(word) >= _SHORTEST_STEM and word in beginnings)
        and not any(word[:end] in there for end in _ends(word))
    ]


def _ends(word: str) -> range:
    """Where the word may be cut so that only its ending is lost; nowhere in a number."""
    return range(max(len(word) - _LONGEST_ENDING, _SHORTEST_STEM), 0 if word[0].isdigit() else len(word))


def _words(texts: Iterable[str]) -> list[str]:
    plain = (unicodedata.normalize("NFKC", text).casefold() for text in texts)
    return [word.replace(",", ".") for text in plain for word in _WORD.findall(text)]


def _texts(value: object) -> list[str]:
    """Every text in a JSON value, and the names of its fields: ``weight_g`` says what its number is."""
    if isinstance(value, dict):
        return [text for name, one in value.items() for text in (*_texts("" if name in _FORM else name), *_texts(one))]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [str(value).replace("_", " ")]


def _problem(asked: pl.DataFrame) -> pl.Series:
    """The rule that is broken, as JSON text."""
    columns = ["field", "rule_id", "check", "params"]
    texts = {
        row: json.dumps(
            {"field": row[0], "rule": row[1], "check": row[2], "parameters": _bounded(parameters(row[3]))},
            ensure_ascii=False,
            sort_keys=True,
        )
        for row in asked.select(columns).unique(maintain_order=True).iter_rows()
    }
    return pl.Series("problem", [texts[row] for row in asked.select(columns).iter_rows()], dtype=pl.String)


def _bounded(given: dict[str, Any]) -> dict[str, Any]:
    return {name: one[:_LONGEST_LIST] if isinstance(one, list) else one for name, one in given.items()}


def _examples(asked: pl.DataFrame, decisions: pl.DataFrame) -> dict[str, list[dict[str, str]]]:
    """The newest corrections that people accepted under the same rule, by problem; none with contact data."""
    usable = decisions.filter(
        pl.col("verdict").is_in(["approved", "modified"]),
        pl.col("kind") == "product",
        pl.col("final").str.len_chars().is_between(1, _LONGEST_EXAMPLE),
        pl.col("observed").str.len_chars() <= _LONGEST_EXAMPLE,
    ).select("field", "rule_id", "observed", "final")
    usable = usable.filter(~(contact_data(usable["observed"]) | contact_data(usable["final"])))
    newest = usable.reverse().unique(maintain_order=True)
    problems = asked.select("problem", "field", "rule_id").unique(maintain_order=True)
    joined = problems.join(newest, on=["field", "rule_id"], how="inner", maintain_order="left_right")
    shown: dict[str, list[dict[str, str]]] = {}
    for problem, before, after in joined.select("problem", "observed", "final").iter_rows():
        if len(shown.setdefault(problem, [])) < _EXAMPLES:
            shown[problem].append({"before": before, "after": after})
    return shown


def _reason(model: LanguageModel, answer: Answer, record: dict[str, Any]) -> str:
    """Only names that are ours: a text of the model's own could be a text of the record's author."""
    sources = [name for name in answer.sources if name in record]
    who = " ".join(model.name.split())[:60]
    return f"{who} proposes it, from {_listed(sources)}." if sources else f"{who} proposes it, without naming a source."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


CORRECTOR = LanguageModelCorrector
