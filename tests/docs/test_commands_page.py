"""docs/commands.md is up to date."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from penguin_commands.grammar.parse import parse

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    text = runpy.run_path(str(DOCS / "write_commands.py"))["text"]
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == text(), "run python docs/write_commands.py"


def test_the_lines_on_the_page_are_valid() -> None:
    lines = re.findall(r'`penguin -c "([^"`]+)"` is `([^`]+)`', (DOCS / "commands.md").read_text(encoding="utf-8"))
    assert lines
    for short, long in lines:
        assert parse(short) == parse(long)
