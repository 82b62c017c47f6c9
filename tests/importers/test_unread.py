"""Lines that state a dependency or a criterion which no task got: each is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

CHECKLIST = "- [ ] A-1 Build\n- [ ] A-2 Deploy\n{line}\n"
SPEC_KIT = "## Phase 1: A\n\n- [ ] T001 [P] one\n- [ ] T002 [P] two{words}\n\n{line}\n"


@pytest.mark.parametrize(
    "line",
    ["- Depends: A-1", "\t  - Depends: A-1", "  - Dependz: A-1", "  - [ ] Dependancy: A-1", "- **Blocked by:** A-1"],
)
def test_a_dependency_beside_its_task(tmp_path: Path, line: str) -> None:
    plan = plan_text(tmp_path, "todo.md", CHECKLIST.format(line=line))
    read = any(task.dependencies == ("A-1",) for task in plan.blueprint.tasks)
    assert read or [note.line for note in plan.notes if "A-1" in note.text] == [3]


@pytest.mark.parametrize("words", [" (depnds on T001)", " (Requires T001)", " (blocked  by: T001)", " (after T001)"])
def test_a_dependency_in_parentheses(tmp_path: Path, words: str) -> None:
    plan = plan_text(tmp_path, "tasks.md", SPEC_KIT.format(words=words, line=""))
    read = plan.blueprint.tasks[1].dependencies == ("T001",)
    assert read or [note.line for note in plan.notes if "T001" in note.text] == [4]


@pytest.mark.parametrize(
    "line",
    [
        "    **Checkpoint**: all is well",
        "> Checkpoint: all is well",
        "**Checkpont**: all is well",
        "**Checkpoint**: all is well",
    ],
)
def test_a_checkpoint(tmp_path: Path, line: str) -> None:
    plan = plan_text(tmp_path, "tasks.md", SPEC_KIT.format(words="", line=line))
    read = any(task.criteria for task in plan.blueprint.tasks)
    assert read or line.startswith(">") or [note.line for note in plan.notes if note.line] == [6]


@pytest.mark.parametrize(
    "lines",
    [
        ["- Acceptace criteria:", "  - it works"],
        ["**Acceptance Criteria:**", "- it works"],
        ["- Done wen: it works"],
        ["\t\t- Acceptance: it works"],
    ],
)
def test_a_criterion_beside_its_task(tmp_path: Path, lines: list[str]) -> None:
    text = "\n".join(["## 1. A", "- [ ] 1.1 One", "", *lines, ""])
    plan = plan_text(tmp_path, "openspec/changes/x/tasks.md", text)
    read = any("it works" in it.text for task in plan.blueprint.tasks for it in task.criteria)
    assert read or {3 + len(lines), 4} & {note.line for note in plan.notes}


def test_words_that_are_no_dependency(tmp_path: Path) -> None:
    text = SPEC_KIT.format(words=" (see T001)", line="Before T001 and after lunch, read T002.")
    assert not [note for note in plan_text(tmp_path, "tasks.md", text).notes if note.line]


def test_an_example_in_a_block_of_code(tmp_path: Path) -> None:
    text = CHECKLIST.format(line="  ```text\n  - Depends: A-1\n  - [ ] A-3 No task\n  ```")
    assert not [note for note in plan_text(tmp_path, "todo.md", text).notes if note.line]


def test_the_body_of_an_issue(tmp_path: Path) -> None:
    issues = [
        {"number": 1, "title": "one", "body": "", "labels": [], "state": "OPEN"},
        {"number": 2, "title": "two", "body": "Text.\n\nDeps #1", "labels": [], "state": "OPEN"},
    ]
    plan = plan_text(tmp_path, "issues.json", json.dumps(issues))
    read = plan.blueprint.tasks[1].dependencies == ("GH-1",)
    assert read or any("GH-1" in note.text for note in plan.notes)


@pytest.mark.parametrize("edge", [{"depends_on_id": "b", "type": "block"}, {"depends_onid": "b", "type": "blocks"}])
def test_a_link_of_beads(tmp_path: Path, edge: dict[str, str]) -> None:
    lines = [
        {"id": "a", "title": "a", "issue_type": "task", "dependencies": [{"issue_id": "a", **edge}]},
        {"id": "b", "title": "b", "issue_type": "task"},
    ]
    plan = plan_text(tmp_path, "issues.jsonl", "\n".join(map(json.dumps, lines)))
    assert any("unknown" in note.text for note in plan.notes)


def test_a_misspelled_key_of_a_stage(tmp_path: Path) -> None:
    text = "stages:\n  - name: a\n    steps: [{title: one}]\n  - name: b\n    stepz: [{title: two}]\n"
    assert "b.stepz" in plan_text(tmp_path, "plan.yaml", text).metadata
