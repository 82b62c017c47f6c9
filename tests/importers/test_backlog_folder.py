"""A folder of Backlog.md: which files are read, and how they name each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_of

from penguin.orchestration.blueprint.importers.workspace_import import ImportPlan

FIRST = "---\nid: BACK-1\ntitle: One\nstatus: To Do\ndependencies: []\n---\n\nText.\n"
FRONT = "---\nid: BACK-2\ntitle: Two\n{keys}---\n\n{body}\n"


def plan_files(root: Path, *texts: str) -> ImportPlan:
    """Return the plan of the import of a folder with a file for each text."""
    folder = root / "backlog" / "tasks"
    folder.mkdir(parents=True)
    for number, text in enumerate(texts, 1):
        (folder / f"{number}.md").write_text(text)
    return plan_of(folder, root)


@pytest.mark.parametrize("keys", ["", "status: To Do\n", "Status: Done\n"])
def test_an_id_and_a_title_are_enough(tmp_path: Path, keys: str) -> None:
    plan = plan_files(tmp_path, FIRST, FRONT.format(keys=keys, body="x"))
    assert [task.id for task in plan.blueprint.tasks] == ["BACK-1", "BACK-2"]


def test_a_file_that_is_no_task_is_named(tmp_path: Path) -> None:
    plan = plan_files(tmp_path, FIRST, "# Notes\n\n- [ ] nothing\n")
    assert any("2.md" in note.text and "not read" in note.text for note in plan.notes)


@pytest.mark.parametrize(
    "keys", ["dependencies: [1]\n", "Dependencies: [back-1]\n", "depends_on: BACK-1\n", "blocked_by: ['1']\n"]
)
def test_dependencies(tmp_path: Path, keys: str) -> None:
    plan = plan_files(tmp_path, FIRST, FRONT.format(keys=keys, body="x"))
    assert plan.blueprint.tasks[1].dependencies == ("BACK-1",)


def test_sections_of_the_body(tmp_path: Path) -> None:
    body = "## Acceptance Criteria (optional)\n\n- works\n\n## Dependencies\n\n- back-1 (the first)\n"
    plan = plan_files(tmp_path, FIRST, FRONT.format(keys="status: To Do\n", body=body))
    assert plan.blueprint.tasks[1].dependencies == ("BACK-1",)
    assert [it.text for it in plan.blueprint.tasks[1].criteria] == ["works"]


def test_a_dependency_in_the_text_is_named(tmp_path: Path) -> None:
    plan = plan_files(tmp_path, FIRST, FRONT.format(keys="status: To Do\n", body="This depends on back-1."))
    assert any("BACK-2 on BACK-1" in note.text for note in plan.notes)
