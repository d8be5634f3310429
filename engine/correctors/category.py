"""A missing, unknown or misspelt category, from the categories of the merchant's valid records and the channel's list."""

from __future__ import annotations

import weakref

import polars as pl
from rapidfuzz import fuzz, process

from engine.correctors.base import Context, Corrector, column, in_order, is_blank, of_record, parameters, settled
from engine.correctors.country import folded
from engine.types import CANDIDATES
from models.category import CategoryClassifier

__all__ = ["CORRECTOR", "CategoryCorrector", "classifier", "is_none", "text_of"]

_LEAST_PROBABILITY = 0.05
_NEAR = 88.0
_LONGEST_CATEGORY = 300
_NO_CATEGORIES = (
    "uncategorized",
    "uncategorised",
    "other",
    "misc",
    "miscellaneous",
    "sonstiges",
    "divers",
    "default",
    "all",
)


class CategoryCorrector(Corrector):
    """Near misses of known categories first; else the likeliest categories for title, brand and description.

    An ancestor in the place of a category that is not safe is left to the corrector `category_ancestor`.

    Attributes
    ----------
    classifier_ : models.category.CategoryClassifier or None
        None before `fit`.
    known_ : dict of str to int
        Categories of the merchant's records with their count.
    """

    name = "category"
    handles = frozenset(("category",))

    def __init__(self) -> None:
        self.classifier_: CategoryClassifier | None = None
        self.known_: dict[str, int] = {}

    def fit(self, context: Context) -> None:
        """Learn from the records that have a category."""
        self.classifier_, self.known_ = classifier(context)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Up to three categories an issue, each with its probability as the score."""
        mine = self.asked(questions)
        if mine.is_empty() or self.classifier_ is None:
            return pl.DataFrame(schema=CANDIDATES)
        asked = mine.select("issue_id", "check", "params", pl.col("observed").fill_null(""), text=text_of(mine))
        rows: list[tuple[str, str, str, float, str]] = []
        unanswered: list[tuple[str, str, set[str] | None, str]] = []
        near: dict[tuple[str, str, str], list[tuple[str, float, str]] | None] = {}
        for issue, check, params, observed, text in asked.iter_rows():
            listed = parameters(params).get("values")
            values = {str(value) for value in listed} if isinstance(listed, list) else None
            allowed = values if check == "one_of" else None
            key = (observed, check, params)
            if key not in near:
                # What a rule refuses by name is no better spelt otherwise.
                refused = check == "none_of" or (check == "required" and self.known_.get(observed.strip(), 0) < 2)
                near[key] = None if refused else self._near(observed, allowed)
            found = near[key]
            if found is None:
                unanswered.append((issue, observed, allowed, text))
            rows += [(issue, observed, *one) for one in found or ()]
        rows += self._classified(unanswered)
        schema = {
            "issue_id": pl.String,
            "observed": pl.String,
            "value": pl.String,
            "score": pl.Float64,
            "reason": pl.String,
        }
        answers = settled(pl.DataFrame(rows, schema=schema, orient="row").with_columns(corrector=pl.lit(self.name)))
        return in_order(answers, mine)

    def _near(self, observed: str, allowed: set[str] | None) -> list[tuple[str, float, str]] | None:
        """Known categories that the text means; an empty list when it is right as it is, None when the text says nothing."""
        if is_none(observed) or len(observed) > _LONGEST_CATEGORY:
            return None
        names = sorted(allowed) if allowed is not None else list(self.known_)
        if observed.strip() in names and (allowed is not None or self.known_[observed.strip()] >= 2):
            # A channel that refuses what the merchant uses elsewhere knows better; then the text does not help.
            return (
                [] if observed.strip() == observed else [(observed.strip(), 0.95, "The same category without blanks.")]
            )
        text = folded(observed.replace("/", ">").replace("»", ">").replace("|", ">"))
        same = [name for name in names if folded(name) == text]
        if same:
            return [(same[0], 0.95, "The same category in the notation of the other records.")]
        leaves = [name for name in names if folded(name.rpartition(" > ")[2]) == text]
        if len(leaves) == 1:
            return [(leaves[0], 0.85, "The only known category that ends with this name.")]
        if leaves:
            return [
                (leaf, 0.6 / len(leaves), "One of several known categories that end with this name.")
                for leaf in leaves[:3]
            ]
        keys = {folded(name): name for name in names if name != observed}
        close = process.extract(text, keys.keys(), scorer=fuzz.ratio, score_cutoff=_NEAR, limit=3)
        if close and len(text) >= 5 and (len(close) == 1 or close[0][1] - close[1][1] >= 3):
            name, similarity, _ = close[0]
            return [(keys[name], 0.8, f"Spelt nearly like a known category ({similarity:.0f} % alike).")]
        return None

    def _classified(
        self, unanswered: list[tuple[str, str, set[str] | None, str]]
    ) -> list[tuple[str, str, str, float, str]]:
        if self.classifier_ is None or not unanswered:
            return []
        guessed = self.classifier_.predict([text for *_, text in unanswered], safe=0.0)
        rows = []
        for (issue, observed, allowed, text), guesses in zip(unanswered, guessed, strict=True):
            for guess in guesses if text.strip() else ():
                if guess.probability < _LEAST_PROBABILITY or (allowed is not None and guess.path not in allowed):
                    continue
                reason = (
                    f"Title and description read like the {self.known_.get(guess.path, 0)} records in this category."
                )
                rows.append((issue, observed, guess.path, guess.probability, reason))
        return rows


_last: tuple[weakref.ref[Context], tuple[CategoryClassifier, dict[str, int]]] | None = None


def classifier(context: Context) -> tuple[CategoryClassifier, dict[str, int]]:
    """The classifier of the context's records and their categories with counts; trained once for the correctors that ask."""
    global _last
    if _last is not None and _last[0]() is context:
        return _last[1]
    frame = column(context, "title", "brand", "description", "category")
    frame = frame.with_columns(pl.col("category").str.strip_chars())
    counts = frame.filter(pl.col("category").str.len_chars() <= _LONGEST_CATEGORY)["category"].value_counts()
    known = {name: count for name, count in counts.sort("category").iter_rows() if not is_none(name)}
    valid = frame.filter(pl.col("category").is_in(list(known)) & (pl.col("title") != ""))
    texts = valid.select(_text(pl.col("title"), pl.col("brand"), pl.col("description"))).to_series()
    trained = CategoryClassifier(seed=context.seed).fit(texts.to_list(), valid["category"].to_list()), known
    _last = weakref.ref(context), trained
    return trained


def text_of(questions: pl.DataFrame) -> pl.Expr:
    """What is read of each question's record."""
    return _text(*(of_record(questions, name) for name in ("title", "brand", "description")))


def _text(title: pl.Expr, brand: pl.Expr, description: pl.Expr) -> pl.Expr:
    prose = description.str.slice(0, 600).str.replace_all(r"<[^<>]*>", " ").str.slice(0, 200)
    return pl.concat_str([title.str.slice(0, 200), brand.str.slice(0, 60), prose], separator=" ").alias("text")


def is_none(category: str) -> bool:
    """Whether the text says that there is no category."""
    return is_blank(category) or category.strip().casefold() in _NO_CATEGORIES


CORRECTOR = CategoryCorrector
