"""Only line feeds end a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.blueprint.loader import parse_blueprint
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker
from penguin.orchestration.files.text_lines import split_lines
from penguin_repl.scripts.lines import lines_from_options

NO_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""Other characters at which `str.splitlines` splits, except for the carriage return."""
LINES = st.lists(st.text(st.sampled_from("ab \r" + NO_LINE_ENDS), min_size=1).filter(lambda line: line[-1] != "\r"))
REPOSITORY = Path(__file__).parents[2]


@given(LINES, st.sampled_from(["\n", "\r\n"]))
def test_only_line_feeds_end_a_line(lines: list[str], end: str) -> None:
    assert split_lines(end.join(lines)) == lines
    assert split_lines("".join(line + end for line in lines)) == lines


@given(LINES)
def test_an_option_is_split_at_line_feeds_only(lines: list[str]) -> None:
    assert [line.text for line in lines_from_options(["\n".join(lines)])] == lines


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_yaml_values_are_not_split_at_other_characters(char: str, quote: str) -> None:
    checker = Checker("one.yaml")

    document = parse_yaml(f"title: {quote}a{char}id:b{quote}\nitems: \ue000\n", checker)

    assert not checker.problems
    assert document is not None
    assert {key: node.value for key, node in document.value.items()} == {"title": f"a{char}id:b", "items": "\ue000"}
    assert document.value["items"].key_line == 2


@pytest.mark.parametrize("char", NO_LINE_ENDS)
def test_markdown_bullets_are_not_split_at_other_characters(char: str) -> None:
    text = f"# B\n\n## Tasks\n\n### One{char}### Two\n\n- **ID:** `one`{char}- **Priority:** high\n"

    blueprint = parse_blueprint(text, "one.md")

    assert len(blueprint.items) <= 1
    assert all(item.task.priority != "high" for item in blueprint.items)


def test_no_module_uses_splitlines() -> None:
    modules = [
        path for folder in ("engine", "commands", "penguin_repl") for path in (REPOSITORY / folder).rglob("*.py")
    ]

    assert modules
    assert not [path.name for path in modules if ".splitlines(" in path.read_text()]
