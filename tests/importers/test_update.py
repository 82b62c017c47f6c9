"""The second import of a changed source: it follows the source, and keeps what a person did."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import counts

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.importers.source_discovery import read_sources
from penguin.orchestration.blueprint.importers.workspace_import import BacklogImport, ImportPlan
from penguin.orchestration.blueprint.loader import BlueprintSet, read_blueprint

SOURCE = """\
# Tasks: Albums

## Phase 1: Setup

- [ ] T001 Create the project
- [ ] T002 [P] Add the linter
  - [ ] it runs in CI
  - [ ] it has no warnings

## Phase 2: Albums

- [ ] T003 List albums
"""
TARGET = "blueprints/albums.yaml"


class Workspace:
    """A folder with one spec-kit backlog."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "specs" / "albums" / "tasks.md"
        self.source.parent.mkdir(parents=True)
        self.source.write_text(SOURCE)
        self.target = root / TARGET

    def plan(self, into: str | None = None) -> ImportPlan:
        """Return the plan of an import, with the blueprints that are there."""
        known = [read_blueprint(path, f"blueprints/{path.name}", "p") for path in self.root.glob("blueprints/*")]
        (read,) = read_sources([str(self.source)])
        return BacklogImport(self.root.resolve(), "p", BlueprintSet(known)).plan(read, into)

    def run(self) -> ImportPlan:
        """Import, and write the blueprint."""
        plan = self.plan()
        path = self.root / plan.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(plan.text)
        return plan

    def edit(self, *pairs: tuple[str, str]) -> None:
        """Replace texts in the blueprint."""
        text = self.target.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        self.target.write_text(text)

    def change_source(self, *pairs: tuple[str, str]) -> None:
        """Replace texts in the source."""
        text = self.source.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        self.source.write_text(text)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    made.run()
    return made


def test_an_unchanged_source_changes_nothing(workspace: Workspace) -> None:
    before = workspace.target.read_bytes()
    plan = workspace.run()
    assert plan.state == "unchanged"
    assert (plan.changes, plan.conflicts) == ((), ())
    assert workspace.target.read_bytes() == before


def test_texts_follow_and_new_tasks_are_added(workspace: Workspace) -> None:
    workspace.change_source(
        ("T001 Create the project", "T001 Create the project with uv"),
        ("- [ ] T003 List albums", "- [x] T003 List albums\n- [ ] T004 Show one album"),
    )
    plan = workspace.run()
    assert set(plan.changes) == {"T001: title", "T003: done", "T004: added"}
    tasks = {task.id: task for task in read_blueprint(workspace.target, TARGET).tasks}
    assert tasks["T001"].title == "Create the project with uv"
    assert tasks["T003"].done
    assert tasks["T004"].dependencies == ("T003",)
    assert workspace.run().state == "unchanged"


def test_what_a_person_added_stays(workspace: Workspace) -> None:
    workspace.edit(
        ("    - it runs in CI\n", "    - text: it runs in CI  # in GitHub\n      check: test -f .ci\n    - mine too\n"),
        (
            "  - id: T003\n",
            "  # the big one\n  - id: T003\n    priority: high # now\n    recipe:\n      - {shell: ./albums}\n",
        ),
        ("title: Albums", "title: My albums"),
    )
    workspace.change_source(
        ("T002 [P] Add the linter", "T002 [P] Add a linter"),
        ("  - [ ] it has no warnings\n", "  - [ ] it has no errors\n"),
        ("T003 List albums", "T003 List all albums"),
    )
    plan = workspace.run()
    assert plan.conflicts == ()
    blueprint = read_blueprint(workspace.target, TARGET)
    tasks = {task.id: task for task in blueprint.tasks}
    assert [(one.text, one.check) for one in tasks["T002"].criteria] == [
        ("it runs in CI", "test -f .ci"),
        ("mine too", None),
        ("it has no errors", None),
    ]
    assert tasks["T003"].title == "List all albums"
    assert tasks["T003"].priority == "high"
    assert [recipe.steps[0].source for recipe in tasks["T003"].recipes] == ["./albums"]
    assert blueprint.title == "My albums"
    text = workspace.target.read_text()
    assert "# the big one" in text
    assert "priority: high # now" in text
    assert workspace.run().state == "unchanged"


def test_a_change_on_both_sides_is_named_and_the_persons_stays(workspace: Workspace) -> None:
    workspace.edit(("title: List albums", "title: List my albums"))
    workspace.change_source(("T003 List albums", "T003 List all albums"))
    plan = workspace.run()
    assert plan.conflicts == ("T003: title was changed in the source and here: yours is kept",)
    assert read_blueprint(workspace.target, TARGET).tasks[2].title == "List my albums"
    assert workspace.run().conflicts == ()


def test_a_criterion_with_a_check_stays_when_the_source_drops_it(workspace: Workspace) -> None:
    workspace.edit(("    - it runs in CI\n", "    - text: it runs in CI\n      check: test -f .ci\n"))
    workspace.change_source(("  - [ ] it runs in CI\n", ""))
    plan = workspace.run()
    assert plan.conflicts == (
        "T002: a criterion with your check is no longer in the source, and is kept: it runs in CI",
    )
    criteria = read_blueprint(workspace.target, TARGET).tasks[1].criteria
    assert [(one.text, one.check) for one in criteria] == [
        ("it runs in CI", "test -f .ci"),
        ("it has no warnings", None),
    ]


def test_a_dependency_that_a_person_added_or_removed_stays_so(workspace: Workspace) -> None:
    workspace.edit(("depends_on: [T001]", "depends_on: []"))
    workspace.edit(("depends_on: [T002]", "depends_on: [T002, T001]  # and the first"))
    workspace.change_source(("- [ ] T003", "- [ ] T009 [P] Test albums\n- [ ] T003"))
    workspace.run()
    tasks = {task.id: task for task in read_blueprint(workspace.target, TARGET).tasks}
    assert tasks["T002"].dependencies == ()
    assert tasks["T003"].dependencies == ("T001", "T009")
    assert "# and the first" in workspace.target.read_text()


def test_a_task_that_a_person_removed_stays_away(workspace: Workspace) -> None:
    text = workspace.target.read_text()
    start, end = text.index("  - id: T002"), text.index("  - id: T003")
    workspace.target.write_text((text[:start] + text[end:]).replace("depends_on: [T002]", "depends_on: [T001]"))
    workspace.change_source(("T003 List albums", "T003 List all albums"))
    plan = workspace.run()
    assert plan.conflicts == ("T002 was removed here, and is not added again",)
    assert counts(plan.blueprint)["tasks"] == 2
    assert plan.blueprint.tasks[1].dependencies == ("T001",)


def test_a_task_that_the_source_dropped_is_kept_and_named(workspace: Workspace) -> None:
    workspace.change_source(("- [ ] T003 List albums\n", "- [ ] T004 Show albums\n"))
    plan = workspace.run()
    assert plan.conflicts == ("T003 is no longer in the source, and is kept",)
    assert [task.id for task in plan.blueprint.tasks] == ["T001", "T002", "T003", "T004"]


def test_a_task_in_another_form_is_refused_not_damaged(workspace: Workspace) -> None:
    text = workspace.target.read_text()
    start, end = text.index("  - id: T003"), text.index("imported:")
    workspace.target.write_text(f"{text[:start]}  - {{id: T003, title: List albums}}\n{text[end:]}")
    workspace.change_source(("T003 List albums", "T003 List all albums"), ("## Phase 2: Albums", "## Phase 2: All"))
    with pytest.raises(BlueprintError, match=r"albums\.yaml:\d+: can't be updated"):
        workspace.run()


@pytest.mark.parametrize("name", ["mine.yaml", "mine.md", "albums.yaml"])
def test_a_file_that_no_import_wrote_is_never_overwritten(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "blueprints").mkdir()
    target = tmp_path / "blueprints" / name
    target.write_text("id: mine\nitems: [{id: A, title: a}]\n")
    with pytest.raises(BlueprintError):
        workspace.plan(into=str(target))
    # Without --into, another name is taken.
    assert workspace.run().path == ("blueprints/albums-2.yaml" if name == "albums.yaml" else TARGET)
    assert target.read_text().startswith("id: mine")


def test_a_target_of_another_source_is_refused(workspace: Workspace) -> None:
    other = workspace.root / "specs" / "other"
    other.mkdir()
    workspace.source = workspace.source.rename(other / "tasks.md")
    with pytest.raises(BlueprintError, match=r"was imported from specs/albums/tasks\.md"):
        workspace.plan(into=str(workspace.target))


def test_ids_of_a_second_backlog_are_made_unique(workspace: Workspace) -> None:
    other = workspace.root / "specs" / "photos"
    other.mkdir()
    (other / "tasks.md").write_text(SOURCE)
    first = workspace.source
    workspace.source = other / "tasks.md"
    plan = workspace.run()
    assert [task.id for task in plan.blueprint.tasks] == ["photos.T001", "photos.T002", "photos.T003"]
    assert plan.blueprint.tasks[2].dependencies == ("photos.T002",)
    assert workspace.run().state == "unchanged"
    workspace.source = first
    assert workspace.run().state == "unchanged"
