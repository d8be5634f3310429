"""A description composed of what the record says, in seven languages, every sentence traceable to its fields.

No language model and no invention: a fixed grammar names the product, then lists its facts. What the record does not say
is not said, and whoever reviews the text can see for each sentence which fields it came from. `trace` does the same for
any text, whoever wrote it: a sentence that no field bears out comes back without fields.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from babel.numbers import format_decimal
from babel.units import format_unit

__all__ = ["LANGUAGES", "Claim", "Description", "describe", "trace"]


@dataclass(frozen=True)
class _Grammar:
    """Words of one language; ``{…}`` are filled from the record, and facts are "label: value" so that nothing inflects."""

    lead: str
    lead_with_brand: str
    category: str
    size: str
    weight: str
    part_number: str
    condition: str
    conditions: Mapping[str, str]


def _grammar(*words: str) -> _Grammar:
    lead, with_brand, category, size, weight, part, condition, new, refurbished, used = words
    return _Grammar(
        lead,
        with_brand,
        category,
        size,
        weight,
        part,
        condition,
        {"new": new, "refurbished": refurbished, "used": used},
    )


_GRAMMARS = {
    "en": _grammar(
        *("{title}.", "{title} by {brand}.", "Product type", "Package size", "Weight", "Part number", "Condition"),
        *("new", "refurbished", "used"),
    ),
    "de": _grammar(
        *("{title}.", "{title} von {brand}.", "Produktart", "Maße der Verpackung", "Gewicht", "Teilenummer", "Zustand"),
        *("neu", "generalüberholt", "gebraucht"),
    ),
    "fr": _grammar(
        *("{title}.", "{title} de {brand}.", "Type de produit", "Dimensions du colis", "Poids", "Référence", "État"),
        *("neuf", "reconditionné", "d'occasion"),
    ),
    "es": _grammar(
        *("{title}.", "{title} de {brand}.", "Tipo de producto", "Medidas del paquete", "Peso", "Referencia", "Estado"),
        *("nuevo", "reacondicionado", "usado"),
    ),
    "it": _grammar(
        *("{title}.", "{title} di {brand}.", "Tipo di prodotto", "Misure del pacco", "Peso", "Codice", "Condizione"),
        *("nuovo", "ricondizionato", "usato"),
    ),
    "nl": _grammar(
        *(
            "{title}.",
            "{title} van {brand}.",
            "Producttype",
            "Afmetingen van het pakket",
            "Gewicht",
            "Artikelnummer",
            "Staat",
        ),
        *("nieuw", "gereviseerd", "gebruikt"),
    ),
    "pt": _grammar(
        *(
            "{title}.",
            "{title} da {brand}.",
            "Tipo de produto",
            "Dimensões da embalagem",
            "Peso",
            "Referência",
            "Estado",
        ),
        *("novo", "recondicionado", "usado"),
    ),
}

LANGUAGES = tuple(_GRAMMARS)
"""ISO 639-1 codes that `describe` can write."""

_ATTRIBUTES = {
    "de": ("Farbe", "Größe", "Material", "Stil", "Muster", "Kapazität"),
    "fr": ("Couleur", "Taille", "Matière", "Style", "Motif", "Capacité"),
    "es": ("Color", "Tamaño", "Material", "Estilo", "Estampado", "Capacidad"),
    "it": ("Colore", "Misura", "Materiale", "Stile", "Motivo", "Capacità"),
    "nl": ("Kleur", "Maat", "Materiaal", "Stijl", "Patroon", "Capaciteit"),
    "pt": ("Cor", "Tamanho", "Material", "Estilo", "Padrão", "Capacidade"),
}
_ENGLISH_ATTRIBUTES = {"colour": 0, "color": 0, "size": 1, "material": 2, "style": 3, "pattern": 4, "capacity": 5}
"""Names that platforms give in English whatever the record's language; any other name stays as the merchant wrote it."""

_INTERNAL = (
    *("policy", "policies", "template", "shipping", "tax", "vendor_id", "source", "tag", "internal", "cost", "margin"),
    *("supplier", "warehouse", "url", "link", "seo", "google", "variant", "inventory", "published", "id", "handle"),
)
"""Words in the name of an attribute that is the merchant's own affair."""

_LONGEST_VALUE, _MOST_ATTRIBUTES, _LONGEST_TITLE = 80, 12, 300
_SIZES = ("length_mm", "width_mm", "height_mm")


@dataclass(frozen=True)
class Claim:
    """One sentence with the canonical fields that it came from."""

    sentence: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """A composed text.

    Attributes
    ----------
    text : str
        Plain text, or HTML with a paragraph and a list.
    claims : tuple of Claim
        Every sentence of the text, in order, with its fields.
    """

    text: str
    claims: tuple[Claim, ...]

    @property
    def facts(self) -> int:
        """Claims beside the naming of the product."""
        return len(self.claims) - 1


def describe(
    record: Mapping[str, str],
    attributes: Sequence[tuple[str, str]] = (),
    *,
    language: str = "en",
    is_html: bool = False,
) -> Description | None:
    """A description of the record, or None when its language has no grammar or it has no title.

    Parameters
    ----------
    record : mapping of str to str
        Canonical fields: title, brand, category, mpn, condition, length_mm, width_mm, height_mm, weight_g.
    attributes : sequence of (str, str)
        Names and values, in the order in which they shall stand.
    language : str
        ISO 639-1 code, region ignored.
    is_html : bool
        Whether to write a paragraph and a list, all values escaped.

    Examples
    --------
    >>> made = describe({"title": "Mug", "brand": "Acme", "weight_g": "350"}, [("Colour", "blue")])
    >>> made.text
    'Mug by Acme. Colour: blue. Weight: 350 grams.'
    >>> [claim.fields for claim in made.claims]
    [('title', 'brand'), ('attributes.Colour',), ('weight_g',)]
    """
    code = language.lower().replace("_", "-").split("-")[0]
    title = " ".join(record.get("title", "")[:_LONGEST_TITLE].split()).rstrip(" .,;:")
    if code not in _GRAMMARS or not title:
        return None
    grammar = _GRAMMARS[code]
    claims = [_lead(grammar, title, " ".join(record.get("brand", "").split()))]
    leaf = record.get("category", "").rpartition(" > ")[2].strip()
    if leaf and leaf.casefold() not in title.casefold() and len(leaf) <= _LONGEST_VALUE:
        claims.append(Claim(_fact(grammar.category, leaf), ("category",)))
    claims += _attribute_claims(attributes, title, code)
    claims += _measures(grammar, record, code)
    part = record.get("mpn", "").strip()
    if part and part.casefold() not in title.casefold() and len(part) <= _LONGEST_VALUE:
        claims.append(Claim(_fact(grammar.part_number, part), ("mpn",)))
    condition = grammar.conditions.get(record.get("condition", "").strip().casefold())
    if condition:
        claims.append(Claim(_fact(grammar.condition, condition), ("condition",)))
    return Description(_laid_out(claims, is_html=is_html), tuple(claims))


def _lead(grammar: _Grammar, title: str, brand: str) -> Claim:
    if brand and len(brand) <= _LONGEST_VALUE and brand.casefold() not in title.casefold():
        return Claim(grammar.lead_with_brand.format(title=title, brand=brand), ("title", "brand"))
    return Claim(grammar.lead.format(title=title), ("title",))


def trace(
    text: str, record: Mapping[str, str], attributes: Sequence[tuple[str, str]] = (), *, language: str = "en"
) -> tuple[Claim, ...]:
    """Each sentence of a text with the fields that bear it out; without fields where none does.

    A sentence is borne out when every word and number of it stands in a field of the record, as the record or the grammar
    writes it. A fact with a known label ("Weight: ...") must stand in the field of that label.

    Parameters
    ----------
    text : str
        Plain text or simple HTML.
    record, attributes, language
        As in `describe`.

    Returns
    -------
    tuple of Claim
        In the order of the text; empty for a text without sentences, or a language without a grammar.

    Examples
    --------
    >>> mug = {"title": "Mug", "brand": "Acme", "weight_g": "350"}
    >>> [claim.fields for claim in trace("Mug by Acme. Weight: 350 grams. Dishwasher safe.", mug)]
    [('title', 'brand'), ('weight_g',), ()]
    >>> trace("Weight: 400 grams.", mug)[0].fields
    ()
    """
    code = language.lower().replace("_", "-").split("-")[0]
    if code not in _GRAMMARS:
        return ()
    known = list(_evidence(record, attributes, code))
    plain = html.unescape(re.sub(r"<[^<>]*>", "\n", text))
    sentences = [part.strip() for part in re.split(r"\n|(?<=[.!?])\s+", plain)]
    return tuple(Claim(part, _borne_out(part, known, _GRAMMARS[code])) for part in sentences if _words(part))


class _Evidence(NamedTuple):
    """What one field, or the three sides together, can bear out."""

    fields: tuple[str, ...]
    labels: frozenset[str]
    words: frozenset[str]


def _evidence(record: Mapping[str, str], attributes: Sequence[tuple[str, str]], code: str) -> Iterator[_Evidence]:
    grammar = _GRAMMARS[code]
    labels = {"category": grammar.category, "mpn": grammar.part_number, "condition": grammar.condition}
    for name in ("title", "brand", "category", "mpn", "condition"):
        said = grammar.conditions.get(record.get("condition", "").strip().casefold(), "") if name == "condition" else ""
        words = _words(f"{record.get(name, '')} {said}")
        if words:
            yield _Evidence((name,), frozenset({labels.get(name, "").casefold()} - {""}), words)
    for claim in _measures(grammar, record, code):
        label, _, value = claim.sentence.partition(": ")
        raw = " ".join(record.get(name, "") for name in claim.fields)
        yield _Evidence(claim.fields, frozenset({label.casefold()}), _words(f"{value} {raw}"))
    for name, value in attributes:
        label = _label(name, code)
        if label:
            yield _Evidence((f"attributes.{name}",), frozenset({label.casefold()}), _words(f"{label} {name} {value}"))


def _borne_out(sentence: str, known: Sequence[_Evidence], grammar: _Grammar) -> tuple[str, ...]:
    label, colon, value = sentence.partition(":")
    about = [one for one in known if colon and label.strip().casefold() in one.labels]
    left = set(_words(value if about else sentence)) - _words(grammar.lead_with_brand.format(title="", brand=""))
    fields: list[str] = []
    for one in about or known:
        if left & one.words:
            fields += one.fields
            left -= one.words
    if left:
        return ()
    # A known label whose value was cut off by a full stop claims nothing more than its field.
    return tuple(fields) if fields or not about else about[0].fields


def _words(text: str) -> frozenset[str]:
    return frozenset(found.casefold() for found in re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+", text))


def _label(name: str, code: str) -> str:
    """What an attribute is called in a description: known English names in the record's language, others as they are."""
    words = " ".join(name.replace("_", " ").split())
    place = _ENGLISH_ATTRIBUTES.get(words.casefold())
    if place is not None and code in _ATTRIBUTES:
        return _ATTRIBUTES[code][place]
    return words[:1].upper() + words[1:]


def _attribute_claims(attributes: Sequence[tuple[str, str]], title: str, code: str) -> list[Claim]:
    claims: list[Claim] = []
    told: set[str] = set()
    for name, value in attributes:
        label, text = _label(name, code), " ".join(value.split()).rstrip(" .;")
        words = name.casefold().replace("-", " ").replace("_", " ").split()
        if not label or not text or len(label) > 40 or len(text) > _LONGEST_VALUE or "<" in text or "://" in text:
            continue
        if any(word in _INTERNAL for word in words) or label.casefold() in told or text.casefold() == title.casefold():
            continue
        told.add(label.casefold())
        claims.append(Claim(_fact(label, text), (f"attributes.{name}",)))
        if len(claims) == _MOST_ATTRIBUTES:
            break
    return claims


def _measures(grammar: _Grammar, record: Mapping[str, str], language: str) -> list[Claim]:
    claims = []
    sizes = [_positive(record.get(name, "")) for name in _SIZES]
    if all(sizes):
        centimetres = [format_decimal(round(size / 10, 1), locale=language) for size in sizes]
        claims.append(Claim(_fact(grammar.size, f"{' × '.join(centimetres)} cm"), _SIZES))
    weight = _positive(record.get("weight_g", ""))
    if weight:
        amount, unit = (weight / 1000, "mass-kilogram") if weight >= 1000 else (weight, "mass-gram")
        claims.append(Claim(_fact(grammar.weight, format_unit(round(amount, 2), unit, locale=language)), ("weight_g",)))
    return claims


def _fact(label: str, value: str) -> str:
    return f"{label}: {value}."


def _positive(text: str) -> float:
    """The number when it is a plausible positive measure, else 0."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if 0.0 < number < 1e7 else 0.0


def _laid_out(claims: Sequence[Claim], *, is_html: bool) -> str:
    if not is_html:
        return " ".join(claim.sentence for claim in claims)
    facts = "".join(f"<li>{html.escape(claim.sentence.rstrip('.'))}</li>" for claim in claims[1:])
    return f"<p>{html.escape(claims[0].sentence)}</p>" + (f"<ul>{facts}</ul>" if facts else "")
