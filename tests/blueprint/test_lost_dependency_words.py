"""The words by which lost dependencies are found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penguin.orchestration.blueprint import parse_blueprint
from penguin.orchestration.blueprint.markdown.lost_dependencies import STEMS, WORD, _Mentions
from penguin.orchestration.blueprint.prose.order_phrases import ANY_WORD, PHRASE_STEMS, first_tasks, sequences


@settings(max_examples=50)
@given(st.from_regex(WORD))
def test_each_word_contains_a_stem(text: str) -> None:
    """Lines without a stem are not searched for words."""
    assert any(stem in text.casefold() for stem in STEMS)


@settings(max_examples=200)
@given(st.from_regex(ANY_WORD))
def test_each_phrase_contains_a_stem(text: str) -> None:
    """Lines without a stem are not searched for phrases."""
    lower = text.lower()
    if ANY_WORD.search(lower):
        assert any(stem in lower.casefold() for stem in PHRASE_STEMS)


@given(st.text(st.sampled_from("abA1- ithenwfo.,\n"), max_size=40))
def test_a_line_with_a_phrase_contains_a_stem(text: str) -> None:
    if any(first_tasks(text)) or any(sequences(text)):
        assert any(stem in text.casefold() for stem in PHRASE_STEMS)


def test_a_short_word_with_a_colon_is_named() -> None:
    blueprint = parse_blueprint("# P\n\n## Tasks\n\n- [ ] A-1 One\n- [ ] A-2 Two dep:A-1\n", "b.md")
    assert [problem.line for problem in blueprint.problems] == [6]


NAMED = ["A-1", "A-1.2", "needs-x", "build", "7", "x-needs-7", "part_3"]
WORDS_AROUND = (
    *("depends on", "needs", "blocks", "after.", ".after", "once", "is done", "then", "->", "-", "`", ":", ",", "'s"),
)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([*NAMED, *WORDS_AROUND]), max_size=7), st.sampled_from(["", " "]))
def test_a_line_is_searched_if_it_may_name_another_task(words: list[str], separator: str) -> None:
    """The quick check for names, without which no line is searched, finds all that the search would report."""
    line = separator.join(words)
    tasks = "".join(f"### {name}\n- **ID:** {name}\n\n" for name in NAMED)
    text = f"# P\n\n## Tasks\n\n{tasks}### One\n- **ID:** one\n- **Depends on:** A-1\n\nProse {line}.\n"
    found = [problem.line for problem in parse_blueprint(text, "b.md").problems]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_Mentions, "_names_others", lambda *_: True)
        assert [problem.line for problem in parse_blueprint(text, "b.md").problems] == found
