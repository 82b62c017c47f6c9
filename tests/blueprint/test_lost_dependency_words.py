"""The words by which lost dependencies are found."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from penguin.orchestration.blueprint.markdown.lost_dependencies import STEMS, WORD


@settings(max_examples=50)
@given(st.from_regex(WORD))
def test_each_word_contains_a_stem(text: str) -> None:
    """Lines without a stem are not searched for words."""
    assert any(stem in text.casefold() for stem in STEMS)
