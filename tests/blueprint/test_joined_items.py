"""List items that YAML joins to the text above them, because the key of their list is missing, are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

from penguin.orchestration.blueprint import parse_blueprint


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("items:\n  - id: A-1\n  - id: A-2\n    title: Serve it\n      - A-1\n", [5]),
        ("items:\n  - id: A-1\n    title: Serve it\n      - It answers\n      - It is quick\n", [4, 5]),
        ("items:\n  - id: A-1\n    description: Serve\n      - it\n    depends_on: []\n", [4]),
        ("---\nid: a\ntitle: Plan\n  - made in May\n---\n## Tasks\n- [ ] A-1 One\n", [4]),
    ],
)
def test_joined_items_are_named(text: str, lines: list[int]) -> None:
    blueprint = parse_blueprint(text, "b.md" if text.startswith("---") else "b.yaml")
    assert [problem.line for problem in blueprint.problems if "list item" in problem.message] == lines


@pytest.mark.parametrize(
    "title",
    [
        "Serve it - A-1",
        "Serve\n      it - soon",
        '"Serve\n      - it"',
        "|\n      Serve\n      - it",
        ">\n      - it",
        "Serve\n      -5",
    ],
)
def test_other_texts_are_not(title: str) -> None:
    blueprint = parse_blueprint(f"items:\n  - id: A-1\n  - id: A-2\n    description: {title}\n", "b.yaml")
    assert [str(problem) for problem in blueprint.problems] == []


def test_an_import_names_them_too(tmp_path: Path) -> None:
    text = "stages:\n  - name: one\n    steps:\n      - title: Serve it\n          - quickly\n"
    assert [note.line for note in plan_text(tmp_path, "plan.yaml", text).notes if "list item" in note.text] == [5]
