"""Our way through markdown-it's rules gives what markdown-it's own gives."""

from __future__ import annotations

import gc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from penguin.orchestration.blueprint import parse_blueprint
from penguin.orchestration.blueprint.markdown_rules import tokens_of

STARTS = [
    "",
    " ",
    "  ",
    "   ",
    "    ",
    "\t",
    "- ",
    "* ",
    "+ ",
    "1. ",
    "12) ",
    "٣. ",
    "> ",
    "> - ",
    "- - ",
    "-",
    ">",
    "     - ",
]
BODIES = [
    "",
    "text",
    "# heading",
    "#### heading ##",
    "#no heading",
    "---",
    "- - -",
    "***",
    "===",
    "=",
    "```",
    "```shell expect=1",
    "~~~",
    "<!-- comment",
    "-->",
    "<div>",
    "[x]: /link",
    "- **ID:** `a`",
    "- [ ] KEY-1 Title {priority=high}",
    "ends in -",
    "\\",
    "\0",
]
LINES = st.builds("".join, st.tuples(st.sampled_from(STARTS), st.sampled_from(STARTS), st.sampled_from(BODIES)))


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = draw(st.lists(st.one_of(LINES, st.text("-=#>`~*+1.) \t\nab<", max_size=12)), max_size=14))
    return "".join(line + draw(st.sampled_from(["\n", "\n", "\n", "\n\n", "\r\n", ""])) for line in lines)


def seen(tokens: list[object]) -> list[tuple[object, ...]]:
    fields = ("type", "nesting", "level", "map", "content", "markup", "info", "hidden")
    return [tuple(getattr(token, field) for field in fields) for token in tokens]


def markdown_its_own(text: str) -> list[object]:
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.block.ruler.disable("reference")
    return list(parser.parse(text))


@given(texts())
@example("a\n===")
@example("> a\n> ---\n")
@example("- a\n\n\n  b\n- c")
@example("> " * 30 + "deep")
def test_it_finds_the_blocks_that_markdown_it_finds(text: str) -> None:
    assert seen(list(tokens_of(text))) == seen(markdown_its_own(text))


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        parse_blueprint("## Tasks\n### 1. A\n- **ID:** a\n", "b.md")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
