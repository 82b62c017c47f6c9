"""Fields of other names than a format's own: they are read as a person reads them, or named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.backlogs.fixtures import BLUEPRINT, Fixture, fixtures
from tests.importers.backlogs import plan_of, plan_text

from penguin.orchestration.blueprint import read_blueprint

REQUIREMENTS = """# Requirements

### Requirement 1
#### Acceptance Criteria
1. WHEN a THEN b
2. WHEN c THEN d
3. WHEN e THEN f
### Requirement 2
#### Acceptance Criteria
1. IF x THEN y
"""
TASK_FILE = "---\nid: {id}\ntitle: {id}\nstatus: {status}\ndependencies: {needed}\n---\n\nText.\n"


@pytest.mark.parametrize("field", ["blockedBy", "depends_on", "prerequisites", "blocked_by"])
@pytest.mark.parametrize("name", ["tasks.json", "prd.json"])
def test_dependencies_under_another_name(tmp_path: Path, name: str, field: str) -> None:
    one = {"id": "1", "title": "one", "status": "pending", "passes": False}
    two = {"id": "2", "title": "two", "status": "pending", "passes": False, "dependencies": [], field: ["1"]}
    plan = plan_text(tmp_path, name, json.dumps({"tasks" if name == "tasks.json" else "userStories": [one, two]}))
    assert plan.blueprint.tasks[1].dependencies == ("1",)


@pytest.mark.parametrize("name", ["tasks.json", "prd.json"])
def test_a_task_that_blocks_another_one(tmp_path: Path, name: str) -> None:
    one = {"id": "1", "title": "one", "status": "pending", "passes": False, "blocks": ["2"]}
    two = {"id": "2", "title": "two", "status": "pending", "passes": False}
    plan = plan_text(tmp_path, name, json.dumps({"tasks" if name == "tasks.json" else "userStories": [one, two]}))
    assert plan.blueprint.tasks[1].dependencies == ("1",)


def test_success_criteria_of_a_story(tmp_path: Path) -> None:
    story = {"id": "1", "title": "one", "acceptanceCriteria": ["a"], "successCriteria": ["b"], "passes": False}
    plan = plan_text(tmp_path, "prd.json", json.dumps({"userStories": [story]}))
    assert [it.text for it in plan.blueprint.tasks[0].criteria] == ["a", "b"]


def test_fields_that_hold_tasks_or_name_them(tmp_path: Path) -> None:
    stories = [
        {"id": "1", "title": "one", "passes": False, "subtasks": [{"id": "s", "title": "sub"}]},
        {"id": "2", "title": "two", "passes": False, "upstream": "US-1"},
        {"id": "US-1", "title": "three", "passes": False},
    ]
    notes = [note.text for note in plan_text(tmp_path, "prd.json", json.dumps({"userStories": stories})).notes]
    assert any("subtasks of 1" in text for text in notes)
    assert any("2 on US-1" in text for text in notes)


def test_dependencies_that_a_list_of_beads_only_counts(tmp_path: Path) -> None:
    beads = [{"id": f"b-{number}", "title": "x", "issue_type": "task", "dependency_count": number} for number in (0, 1)]
    plan = plan_text(tmp_path, "list.json", json.dumps(beads))
    assert [note.text.partition(",")[0] for note in plan.notes if note.line] == ["b-1 has 1 dependency"]


@pytest.mark.parametrize(
    ("named", "count"), [("1.1-1.3", 3), ("1.1 to 1.2, 2", 3), ("1", 3), ("1, 2", 4), ("All", 4), ("1.1, 1.3", 2)]
)
def test_requirements_of_kiro(tmp_path: Path, named: str, count: int) -> None:
    (tmp_path / "requirements.md").write_text(REQUIREMENTS)
    text = f"# Implementation Plan\n\n- [ ] 1. One\n  - _Requirements: {named}_\n"
    plan = plan_text(tmp_path, "tasks.md", text)
    assert len(plan.blueprint.tasks[0].criteria) == count
    assert not [note for note in plan.notes if note.line]


def test_a_requirement_of_kiro_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "requirements.md").write_text(REQUIREMENTS)
    text = "# Implementation Plan\n\n- [ ] 1. One\n  - _Requirements: 1.1-1.5, 3.1_\n"
    (note,) = [note for note in plan_text(tmp_path, "tasks.md", text).notes if note.line]
    assert note.text.endswith("lacks: 1.5, 3.1")


@pytest.mark.parametrize("folder", [".", "backlog", "backlog/tasks"])
def test_completed_tasks_of_backlog_md(tmp_path: Path, folder: str) -> None:
    for place, task_id, status, needed in (("tasks", "T-2", "To Do", "[T-1]"), ("completed", "T-1", "To Do", "[]")):
        path = tmp_path / "backlog" / place / f"{task_id}.md"
        path.parent.mkdir(parents=True)
        path.write_text(TASK_FILE.format(id=task_id, status=status, needed=needed))
    plan = plan_of(tmp_path / folder, tmp_path)
    assert [(task.id, task.dependencies, task.done) for task in plan.blueprint.tasks] == [
        ("T-2", ("T-1",), False),
        ("T-1", (), True),
    ]


def test_task_files_in_a_deeper_folder(tmp_path: Path) -> None:
    for place in ("tasks/T-1.md", "tasks/old/T-2.md"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TASK_FILE.format(id=path.stem, status="To Do", needed="[]"))
    plan = plan_of(tmp_path / "tasks", tmp_path)
    assert any("old/T-2.md" in note.text for note in plan.notes)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("---\ntodos:\n  - id: a\n    content: Make it\n---\n- [ ] A-1 One\n", 3),
        ("<ul><li><input type=checkbox> one</li></ul>\n\n- [ ] A-1 One\n", 1),
        ("- [ ] A-1 One\n\n| Task | Depends on |\n|---|---|\n| A-2 Build it | A-1 |\n", 5),
        ("- [ ] A-1 One\n- [ ] A-2 Two\n\n## Dependencies\n\n- A-2: A-1\n", 6),
        ("- [ ] [Task 1](./a.md) — One\n- [ ] [Task 2](./b.md) — Two (deps: Task 1)\n", 2),
    ],
)
def test_markdown_that_is_not_read_is_named(tmp_path: Path, text: str, line: int) -> None:
    assert line in [note.line for note in plan_text(tmp_path, "todo.md", text).notes]


def test_criteria_in_a_text_of_json(tmp_path: Path) -> None:
    task = {"id": 1, "title": "one", "status": "pending", "details": "Do it.\n\nAcceptance Criteria:\n- fast\n- safe"}
    notes = plan_text(tmp_path, "tasks.json", json.dumps({"tasks": [task]})).notes
    assert [note.text.rpartition("- ")[2] for note in notes] == ["fast", "safe"]


def test_front_matter_that_was_read_is_not_named(tmp_path: Path) -> None:
    text = "---\nid: T-2\ntitle: two\nstatus: To Do\ndependencies:\n  - T-1\nassignee:\n  - '@ada'\n---\n\nText.\n"
    plan = plan_text(tmp_path, "backlog/tasks/t-2.md", text)
    assert [note.text for note in plan.notes] == ["T-2 depends on T-1, which is not in the source: left out"]


@pytest.mark.parametrize("fixture", [one for one in fixtures() if not one.error_line], ids=lambda one: one.name)
def test_no_line_of_the_backlogs_reads_like_a_dependency(tmp_path: Path, fixture: Fixture) -> None:
    if fixture.format == BLUEPRINT:
        texts = [it.message for it in read_blueprint(fixture.path, fixture.path.name, "p").problems]
    else:
        texts = [note.text for note in plan_of(fixture.path, tmp_path).notes]
    assert not [text for text in texts if "a dependency" in text and ("may state" in text or "reads like" in text)]
