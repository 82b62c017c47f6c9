"""A line that states a dependency between known tasks is read, or named with its number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

CHECKLIST = "# Plan\n\n- [ ] A-1 Build the schema\n- [ ] A-2 Write the API\n- [ ] A-3 Deploy\n\n{line}\n"
STATED = [
    "A-3 depends on A-1",
    "- A-3 is blocked by A-1.",
    "A-3 requires A-1",
    "A-3 -> A-1",
    "A-1 → A-3",
    "A-1 blocks A-3",
    "A-1 before A-3",
    "A-3 waits for A-1-A-2",
    "A-3 depends on A-1 through A-2",
    "A-3 depends on A-1...A-2",
    "A-3 depends on A-1–A-2",
    "A-3 depends on Build the schema",
    "Deploy needs Write the API",
    "Prerequisites of A-3: A-1",
    "Predecessors of A-3: A-1",
    "| A-3 | Deploy | depends on A-1 |",
    "## A-3 comes after A-1",
]
NOT_STATED = [
    "A-3 no longer depends on A-1",
    "A-3 is not blocked by A-1",
    "See A-1 and A-3.",
    "After lunch, A-3 and A-1 are reviewed.",
    "<!-- A-3 depends on A-1 -->",
    "```\nA-3 depends on A-1\n```",
]


def notes_on(tmp_path: Path, text: str, line: int) -> list[str]:
    """Return the notes on a line of a checklist."""
    return [note.text for note in plan_text(tmp_path, "todo.md", text).notes if note.line == line]


@pytest.mark.parametrize("line", STATED)
def test_a_stated_dependency_is_named(tmp_path: Path, line: str) -> None:
    assert len(notes_on(tmp_path, CHECKLIST.format(line=line), 7)) == 1


@pytest.mark.parametrize("line", NOT_STATED)
def test_what_states_no_dependency_is_not_named(tmp_path: Path, line: str) -> None:
    plan = plan_text(tmp_path, "todo.md", CHECKLIST.format(line=line))
    assert not [note.text for note in plan.notes if note.line and "dependency" in note.text]


def test_a_dependency_that_was_read_is_not_named(tmp_path: Path) -> None:
    text = "- [ ] A-1 One\n- [ ] A-2 Two (depends on A-1)\n- [ ] A-3 Three (depends on A-2)\n\nA-3 needs A-1\n"
    assert not notes_on(tmp_path, text, 5)


def test_numbers_and_titles_of_tasks_without_ids(tmp_path: Path) -> None:
    text = "- [ ] 1. Create schema\n- [ ] 2. Write API\n- [ ] 3. E2E (depends on #2)\n- [ ] 4. UI, needs Write API\n"
    assert notes_on(tmp_path, text, 3)
    assert notes_on(tmp_path, text, 4)


def test_an_issue_that_blocks_another_one(tmp_path: Path) -> None:
    issues = [{"number": 1, "title": "one", "body": "Blocks #2"}, {"number": 2, "title": "two", "body": ""}]
    plan = plan_text(tmp_path, "issues.json", json.dumps(issues))
    assert any("GH-2 on GH-1" in note.text for note in plan.notes)


@pytest.mark.parametrize("line", ["- [ ] A-3 C (depends on all above)", "- [ ] A-3 C (depends on section 1)"])
def test_a_dependency_on_a_group_is_named(tmp_path: Path, line: str) -> None:
    assert notes_on(tmp_path, f"- [ ] A-1 A\n- [ ] A-2 B\n{line}\n", 3)


def test_criteria_below_a_label_in_an_issue(tmp_path: Path) -> None:
    body = "**Acceptance criteria:**\n- a\n- b\n\nText.\n\n- c\n"
    plan = plan_text(tmp_path, "issues.json", json.dumps([{"number": 1, "title": "one", "body": body}]))
    assert [it.text for it in plan.blueprint.tasks[0].criteria] == ["a", "b"]
