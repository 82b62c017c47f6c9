"""The theme of `ui:`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker
from penguin.orchestration.config.theme import STYLE_WORDS
from penguin.orchestration.config.ui import check_ui


def read(text: str) -> tuple[object, list[str]]:
    checker = Checker("f.yaml")
    document = parse_yaml(text, checker)
    assert document is not None
    found = check_ui(document, checker, personal=True)
    return found["theme"].value if "theme" in found else None, [str(problem) for problem in checker.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("theme: light", "light"),
        ("theme: {base: mono, id: bold  bright_red}", {"base": "mono", "id": "bold bright_red"}),
        (
            'theme: {status.running: "#00ff00 on black", dim: none}',
            {"status.running": "#00ff00 on black", "dim": "none"},
        ),
        ("theme: {}", {}),
    ],
)
def test_a_theme_is_a_name_or_styles(text: str, value: object) -> None:
    assert read(text) == (value, [])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "theme: drak",
            "ui.theme: must be one of auto, dark, light, mono, not 'drak' (did you mean 'dark'?)",
        ),
        ("theme: {base: blue}", "f.yaml:1: ui.theme.base: must be one of auto, dark, light, mono, not 'blue'"),
        ("theme: {stattus: bold}", "f.yaml:1: ui.theme: unknown key 'stattus'"),
        (
            "theme: {id: bold grene}",
            "ui.theme.id: 'bold grene' is not a style (did you mean 'green'?; for",
        ),
        ("theme: {id: bold on}", "ui.theme.id: 'bold on' is not a style (for example: bold red, #ff8800 on black)"),
        ("theme: {id: '#ff88'}", "ui.theme.id: '#ff88' is not a style"),
        ("theme: {id: 7}", "ui.theme.id: must be a string, not 7"),
        ("theme: [dark]", "ui.theme: must be one of"),
    ],
)
def test_errors_name_the_style(text: str, error: str) -> None:
    value, problems = read(text)
    assert not value
    assert len(problems) == 1
    assert error in problems[0]


@given(st.lists(st.sampled_from([*STYLE_WORDS, "#ff8800"]), min_size=1, max_size=4).map(" ".join))
def test_rich_understands_every_style_that_is_accepted(style: str) -> None:
    value, problems = read(f"theme: {{id: '{style}'}}")
    if not problems:
        Style.parse(str(value["id"]))  # type: ignore[index]
