"""Rows of tables and bullets that look like tasks are named if they were not read as tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

TABLE = "# Plan\n\n## Tasks\n\n| ID | Task | Depends |\n|---|---|---|\n| {row} |\n\n- [ ] A-1 One\n- [ ] A-2 Two\n"


def noted_lines(tmp_path: Path, text: str, name: str = "todo.md") -> list[int]:
    """Return the lines that the import of a text names."""
    return [note.line for note in plan_text(tmp_path, name, text).notes if note.line]


def test_a_row_that_is_no_task(tmp_path: Path) -> None:
    assert noted_lines(tmp_path, TABLE.format(row="A-9 | Nine | ")) == [7]


def test_a_row_with_a_dependency_of_a_task(tmp_path: Path) -> None:
    assert noted_lines(tmp_path, TABLE.format(row="A-2 | Two | A-1")) == [7]


def test_a_row_about_a_task(tmp_path: Path) -> None:
    assert noted_lines(tmp_path, TABLE.format(row="A-2 | Two | none")) == []


@pytest.mark.parametrize("bullet", ["- A-3 Three", "- plain words", "1. A-3 Three"])
def test_a_bullet_before_the_boxes(tmp_path: Path, bullet: str) -> None:
    assert noted_lines(tmp_path, f"# Plan\n\n{bullet}\n\n## More\n\n- [ ] A-1 One\n") == [3] * ("A-3" in bullet)
    assert noted_lines(tmp_path, f"# Plan\n\n{bullet}\n\n- [ ] A-1 One\n") == [3]


def test_many_bullets_are_counted(tmp_path: Path) -> None:
    bullets = "".join(f"- words {number}\n" for number in range(30))
    plan = plan_text(tmp_path, "todo.md", f"{bullets}\nText.\n\n- [ ] A-1 One\n")
    notes = [note for note in plan.notes if note.line]
    assert len(notes) == 21
    assert notes[-1].text.startswith("and 10 more rows")


@pytest.mark.parametrize("label", ["AC:", "**AC:**", "Exit criteria:", "**Exit Criteria**", "Success criteria:"])
def test_labels_of_criteria(tmp_path: Path, label: str) -> None:
    plan = plan_text(tmp_path, "todo.md", f"- [ ] A-1 One\n\n  {label}\n  - it works\n  - it is quick\n")
    assert [it.text for it in plan.blueprint.tasks[0].criteria] == ["it works", "it is quick"]


def test_a_row_of_an_unknown_task_that_names_a_known_one(tmp_path: Path) -> None:
    assert noted_lines(tmp_path, TABLE.format(row="A-9 | Nine | A-1")) == [7]
