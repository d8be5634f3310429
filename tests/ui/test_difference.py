"""The marked difference: it loses nothing of either value, and no value becomes markup."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.views.difference import difference, plain, readable, segments

HOSTILE = st.text(alphabet="ab<>&\"'/ =\n\u202e\u200b${}[]", max_size=80)
ALLOWED = re.compile(r"</?(?:ins|del|em|span)(?: class=\"cm-(?:quiet|blank|code)\")?>")


@given(st.text(max_size=120), st.text(max_size=120))
def test_segments_hold_both_values(before, after):
    found = segments(before, after)
    assert "".join(one.text for one in found if one.change != "new") == before
    assert "".join(one.text for one in found if one.change != "gone") == after
    assert all(one.text for one in found)
    assert all(one.change != other.change for one, other in zip(found, found[1:], strict=False))


@given(HOSTILE, st.one_of(st.none(), HOSTILE), st.booleans())
def test_no_value_becomes_markup(before, after, short):
    for shown in (difference(before, after, short=short), plain(before)):
        rest = ALLOWED.sub("", shown)
        assert not set(rest) & set("<>\"'")
        assert "\u202e" not in shown
        assert "\u200b" not in shown


@given(st.text(alphabet="abc <&é", min_size=1, max_size=60), st.text(alphabet="abc <&é", min_size=1, max_size=60))
def test_what_is_struck_and_what_is_underlaid_can_be_read_back(before, after):
    if before == after:
        return
    shown = difference(before, after)

    def side(tag):
        kept = re.sub(rf"<{tag}>.*?</{tag}>", "", shown)
        return html.unescape(ALLOWED.sub("", kept)).replace("·", " ")

    assert side("ins") == before
    assert side("del") == after


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("12,50", "12.50", "12<del>,</del><ins>.</ins>50"),
        ("fr", "FR", "<del>fr</del><ins>FR</ins>"),
        ("a  b", "a b", 'a <del><span class="cm-blank">·</span></del>b'),
        ("", "Bosch", '<em class="cm-quiet">empty</em> <ins>Bosch</ins>'),
        ("abc", None, "abc"),
        ("", None, '<em class="cm-quiet">empty</em>'),
        ("d***@x", "d***@x", 'd***@x <em class="cm-quiet">the part that changes is hidden</em>'),
        ('["http://a/b"]', '[ "https://a/b" ]', "http<ins>s</ins>://a/b"),
        ("a\u200bb", "ab", 'a<del><span class="cm-code">U+200B</span></del>b'),
    ],
)
def test_examples(before, after, shown):
    assert difference(before, after) == shown


def test_a_short_line_leaves_out_what_is_far_from_the_change():
    before = "x " * 100 + "red" + " y" * 100
    shown = difference(before, before.replace("red", "blue"), short=True)
    assert "<del>red</del><ins>blue</ins>" in shown
    assert len(shown) < 250
    assert len(difference("", "word " * 2000, short=True)) < 300


def test_a_list_is_one_line_an_entry_and_other_text_stays():
    assert readable('["a", "b"]') == "a\nb"
    assert readable("[1, 2]") == "[1, 2]"
    assert readable("[not json]") == "[not json]"
