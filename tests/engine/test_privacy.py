"""The gate in front of every language model: no customer's data passes, however it is written."""

from __future__ import annotations

import html
import json

import phonenumbers
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum import iban

from connectors.record import FIELDS, KINDS, conform
from engine.correctors import Context, correctors
from engine.correctors.llm.model import Question
from engine.privacy import LONGEST_TEXT, SENDABLE, WITHHELD, contact_data, may_leave, released, withheld
from engine.settings import LanguageModelSettings
from engine.types import DECISIONS, QUESTIONS

EVERY_FIELD = [(kind, one.name) for kind in KINDS for one in FIELDS[kind]]
PERSONAL = [name for kind in KINDS for name in (one.name for one in FIELDS[kind] if one.personal)]

_DIGITS = 7
"""Figures of a number without country code from which on it is known for a telephone number."""


def _numbers() -> list[str]:
    """Valid numbers of every region, in every notation that a directory prints."""
    forms = [getattr(phonenumbers.PhoneNumberFormat, name) for name in ("E164", "INTERNATIONAL", "NATIONAL", "RFC3966")]
    written = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            written += [phonenumbers.format_number(number, form) for form in forms] if number else []
    return [text for text in written if text[0] == "+" or sum(c.isdigit() for c in text) >= _DIGITS]


NUMBERS = _numbers()
# Each is the example of the country's own registration in the SWIFT IBAN registry, release 99.
IBANS = [
    *("DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947"),
    *(
        "MT84MALT011000012345MTLCAST001S",
        "NL91ABNA0417164300",
        "BR1500000000000010932840814P2",
        "ES9121000418450200051332",
    ),
    *("IT60X0542811101000000123456", "BE68539007547034", "PL61109010140000071219812874", "CH9300762011623852957"),
]

_TELLING = 9
"""Characters of an IBAN that say more than country and bank."""

hidden = st.sampled_from(
    [
        lambda text: text,
        lambda text: text.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)}),
        lambda text: "\u200b".join(text),
        lambda text: "".join(f"&#{ord(c)};" for c in text),
        lambda text: html.escape("".join(f"&#{ord(c)};" for c in text)),
        lambda text: f"<p>{text}</p>",
        lambda text: "<b></b>".join((text[:3], text[3:])),
        lambda text: f"<!-- {text} --> {text}",
    ]
)
spaced = st.sampled_from([" ", "\u00a0", "-", ".", " / ", "–"])


@st.composite
def contacts(draw: st.DrawFn) -> tuple[str, str]:
    """Contact data as it is, and as somebody typed it into a product's text."""
    kind = draw(st.sampled_from(["phone", "e-mail", "iban"]))
    if kind == "phone":
        plain = draw(st.sampled_from(NUMBERS))
        typed = plain.replace(" ", draw(spaced)) if not plain.startswith("tel:") else plain
    elif kind == "e-mail":
        plain = draw(st.emails())
        typed = draw(
            st.sampled_from([plain, plain.replace("@", " @ "), plain.replace("@", " (at) "), f"mailto:{plain}"])
        )
    else:
        plain = draw(st.sampled_from(IBANS))
        typed = draw(
            st.sampled_from(
                [plain, iban.format(plain), plain.lower(), iban.format(plain, "-"), iban.format(plain).lower()]
            )
        )
    return plain, draw(hidden)(typed)


def _found(plain: str, sent: str) -> bool:
    """Whether the contact data, or a telling part of an IBAN, can be read out of what is sent whatever stands between."""

    def squeezed(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum())

    whole = squeezed(plain)
    size = _TELLING if plain in IBANS else len(whole)
    return any(whole[at : at + size] in squeezed(sent) for at in range(len(whole) - size + 1))


prose = st.text(st.characters(codec="utf-8", exclude_characters="0123456789"), max_size=40)


class Listening:
    """A language model that notes what it is sent."""

    name = "listening"

    def __init__(self) -> None:
        self.settings = LanguageModelSettings(provider="openai", fields=SENDABLE)
        self.heard: list[str] = []

    def answers(self, questions, examples):  # noqa: ANN001, ANN201
        self.heard += [text for question in questions for text in (question.problem, question.record)]
        self.heard.append(json.dumps(examples, ensure_ascii=False))
        return {}


def questions_about(kind: str, field: str, record: dict[str, object], observed: str) -> pl.DataFrame:
    whole = conform(pl.DataFrame([record | {"record_key": "k"}], infer_schema_length=None), kind).drop("raw")
    fixed = dict.fromkeys(QUESTIONS, "x") | {"kind": kind, "field": field, "observed": observed, "params": "{}"}
    return pl.DataFrame([fixed], schema=QUESTIONS).with_columns(record=whole.to_struct("record"))


@settings(max_examples=60, deadline=None)
@given(
    where=st.sampled_from(EVERY_FIELD),
    values=st.fixed_dictionaries({name: st.text(min_size=8, max_size=12).map("secret-{}".format) for name in PERSONAL}),
)
def test_no_personal_value_of_any_record_is_ever_sent(where, values):
    kind, field = where
    record: dict[str, object] = {one.name: values.get(one.name, f"plain {one.name}") for one in FIELDS[kind]}
    record |= {"attributes": [{"key": "Customer e-mail", "value": values["email"]}]} if kind == "product" else {}
    record.pop("images", None)
    observed = record[field] if isinstance(record.get(field), str) else "x"
    ear, corrector = Listening(), correctors()["llm"]()
    context = Context(records=pl.LazyFrame(), language_model=ear)  # type: ignore[arg-type]
    corrector.suggest(questions_about(kind, field, record, observed), context)
    sent = "\n".join(ear.heard)
    assert "secret-" not in sent
    if kind != "product":
        assert sent in ("", "{}")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    contact=contacts(), place=st.sampled_from(["observed", "record", "key", "value", "before", "after"]), around=prose
)
def test_no_contact_data_in_a_text_is_ever_sent(contact, place, around):
    plain, typed = contact
    text = f"{around} {typed} {around}"
    record: dict[str, object] = {"title": "Mug", "description": text if place == "record" else "Blue"}
    record["attributes"] = [
        {"key": text if place == "key" else "Colour", "value": text if place == "value" else "blue"}
    ]
    decision = dict.fromkeys(DECISIONS, "x") | {
        "kind": "product",
        "field": "title",
        "verdict": "approved",
        "decided_at": None,
    }
    decision |= {"observed": text if place == "before" else "MUG", "final": text if place == "after" else "Mug"}
    ear, corrector = Listening(), correctors()["llm"]()
    decisions = pl.DataFrame([decision], schema=DECISIONS)
    context = Context(records=pl.LazyFrame(), decisions=decisions, language_model=ear)  # type: ignore[arg-type]
    corrector.suggest(questions_about("product", "title", record, text if place == "observed" else "MUG"), context)
    assert not [part for part in ear.heard if _found(plain, part)]
    assert bool("".join(ear.heard).strip("{}")) == (place != "observed"), (
        "only a question about such a text is not asked"
    )


def test_every_number_of_every_region_is_found_in_every_notation():
    typed = [number.replace(" ", blank) for number in NUMBERS for blank in (" ", "", "-", "\u00a0", " / ", ".")]
    assert [text for text, sent in zip(typed, withheld(pl.Series(typed)), strict=True) if _found(text, sent)] == []
    assert len(NUMBERS) > 1_500


def test_every_iban_is_found_in_every_notation():
    forms = (str, str.lower, iban.format, lambda text: iban.format(text, "-"), lambda text: iban.format(text).lower())
    typed = [(plain, f"IBAN: {form(plain)}, Acme") for plain in IBANS for form in forms]
    sent = withheld(pl.Series([text for _, text in typed]))
    assert [text for (plain, text), one in zip(typed, sent, strict=True) if _found(plain, one)] == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=5))
def test_what_may_be_sent_is_searched_no_further(texts):
    once = withheld(pl.Series("text", texts, dtype=pl.String))
    assert once.len() == len(texts)
    assert not contact_data(once.str.replace_all(WITHHELD, "", literal=True)).any()


@pytest.mark.parametrize(
    "text",
    [
        "Kettle 1.7 l, 2200 W, 220-240 V, stainless steel",
        "LED TV 55 inch 3840x2160, 120 Hz, 2024",
        "LG42 INCH WIDE TV",
        "Set of 12, 18/10 steel, 24 x 16 x 8 cm",
        "iPhone 12 128 GB, 6.1-inch",
        "a < b & c > d",
        "3 for 2 at our shop",
        "",
    ],
)
def test_ordinary_product_texts_pass_as_they_are(text):
    assert withheld(pl.Series([text])).to_list() == [text]


def test_what_a_text_shows_passes_and_what_it_hides_does_not():
    texts = ["<p>Mug &amp; cup</p><script>x()</script>", "ＭＵＧ\u00ad", "x" * (LONGEST_TEXT + 1), "<br>"]
    assert [text.strip() for text in withheld(pl.Series(texts))] == ["Mug & cup", "MUG", WITHHELD, ""]


def test_only_listed_fields_of_products_may_leave():
    assert [pair for pair in EVERY_FIELD if may_leave(*pair, [name for _, name in EVERY_FIELD])] == [
        ("product", name) for name in (one.name for one in FIELDS["product"]) if name in SENDABLE
    ]
    assert not {one.name for one in FIELDS["product"] if one.personal} & set(SENDABLE)
    assert not may_leave("product", "brand", ["title"])
    assert may_leave("product", "attributes.Colour", ["attributes.Colour"])
    assert not may_leave("product", "attributes.Size", ["attributes.Colour"])


@pytest.mark.parametrize(
    "name", ["Customer", "buyer e-mail", "Lieferant", "supplier_code", "cost_price", "Gravur", "internal note", "Phone"]
)
def test_attributes_about_people_or_business_secrets_stay(name):
    attributes = [{"key": name, "value": "secret"}, {"key": "Colour name", "value": "blue"}]
    question = questions_about("product", "title", {"title": "Mug", "attributes": attributes}, "MUG")
    (record,) = released(question, ["title", "attributes"])["record"].to_list()
    assert record == {"title": "Mug", "attributes": [{"key": "Colour name", "value": "blue"}]}


def test_a_merchant_can_allow_a_single_attribute():
    attributes = [{"key": "Size", "value": "L"}, {"key": "Colour", "value": "blue"}]
    question = questions_about("product", "attributes.Colour", {"title": "Mug", "attributes": attributes}, "blue")
    (record,) = released(question, ["attributes.Colour"])["record"].to_list()
    assert record == {"attributes": [{"key": "Colour", "value": "blue"}]}
    assert released(question, ["attributes.Size"]).is_empty()
    assert released(question.clear(), SENDABLE).is_empty()


def test_the_same_question_has_the_same_hash_and_another_another():
    first = Question('{"field": "title"}', '{"observed": "MUG"}')
    assert first.hash == Question('{"field": "title"}', '{"observed": "MUG"}').hash
    assert first.hash != Question('{"field": "title"}', '{"observed": "CUP"}').hash
