"""`ui.theme`: the name of a theme, and styles of single meanings. Kept as plain checked data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from penguin.orchestration.config.document_checker import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin.orchestration.config.document_checker import Checker, Node

Meaning = Literal[
    "heading",
    "label",
    "toolbar",
    "dim",
    "id",
    "phase",
    "time",
    "money",
    "path",
    "command",
    "warning",
    "error",
    "status.pending",
    "status.running",
    "status.paused",
    "status.blocked",
    "status.completed",
    "status.failed",
    "status.cancelled",
    "verdict.passed",
    "verdict.failed",
    "verdict.error",
    "verdict.unverified",
    "verdict.interrupted",
    "verdict.skipped",
    "added",
    "removed",
    "hunk",
    "code.keyword",
    "code.name",
    "code.string",
    "code.number",
    "code.comment",
]
"""What a piece of text means. A theme has a style for each."""
MEANINGS: tuple[Meaning, ...] = get_args(Meaning)
THEMES = ("auto", "dark", "light", "mono")
BASE = "base"
"""The key for the name of a theme in a mapping of styles."""
COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")
STYLE_WORDS = (*ATTRIBUTES, *COLORS, *(f"bright_{color}" for color in COLORS), "on", "none")
_COLOR = rf"((bright_)?({'|'.join(COLORS)})|#[0-9a-fA-F]{{6}})"
_STYLE = re.compile(rf"none|(({'|'.join(ATTRIBUTES)}|(on )?{_COLOR})( |$))+")


ThemeSetting: TypeAlias = "str | Mapping[str, str]"
"""One of THEMES; or the styles of meanings, with BASE for one of THEMES."""


def read_theme(checker: Checker, node: Node, where: str) -> ThemeSetting | None:
    """Return the theme that a setting chooses; None if it chooses none or is invalid."""
    if not isinstance(node.value, dict):
        return checker.choice(node, where, THEMES)
    theme: dict[str, str] = {}
    for key, child in checker.mapping(node, where, (BASE, *MEANINGS)).items():
        place = f"{where}.{key}"
        value = checker.choice(child, place, THEMES) if key == BASE else _style(checker, child, place)
        if value is not None:
            theme[key] = value
    return theme


def _style(checker: Checker, node: Node, where: str) -> str | None:
    text = checker.text(node, where)
    if text is None:
        return None
    style = " ".join(text.split())
    if _STYLE.fullmatch(style):
        return style
    wrong = next((word for word in style.split() if word not in STYLE_WORDS and not word.startswith("#")), "")
    hint = f"{suggest(wrong, STYLE_WORDS)}; " if wrong else ""
    checker.error(node.line, f"{where}: {style!r} is not a style", f"{hint}for example: bold red, #ff8800 on black")
    return None
