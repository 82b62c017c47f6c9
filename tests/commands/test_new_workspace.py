"""The files of a new workspace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.importers.backlogs import BACKLOGS

from penguin.orchestration.agents import registry
from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.blueprint import load_blueprints
from penguin.orchestration.blueprint.lint import lint
from penguin.orchestration.blueprint.task_sources import find_task_sources
from penguin.orchestration.blueprint.workflow_definition import build_definition, check_runnable
from penguin.orchestration.config import load_settings
from penguin.orchestration.config.document_checker import ERROR
from penguin.orchestration.config.new_config import NewConfig
from penguin_commands.errors import UsageError
from penguin_commands.new_workspace import check_options, default_choices, examine_project, write_workspace
from penguin_commands.results.tasks import InitResult


@pytest.fixture(autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with no agent but those that a test writes."""
    folder = tmp_path_factory.mktemp("programs")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(programs: Path, name: str) -> None:
    (programs / name).write_text("#!/bin/sh\n")
    (programs / name).chmod(0o755)


def init(folder: Path | str, agent: str | None = None, test: str | None = None) -> InitResult:
    """Do what `penguin init` does without a terminal."""
    project = examine_project(str(folder))
    check_options(project, agent, test)
    return write_workspace(project, default_choices(project, agent, test))


def states(result: InitResult) -> dict[str, str]:
    return {Path(path).name: state for path, _, state in result.files}


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_init_writes_once_and_overwrites_nothing(tmp_path: Path) -> None:
    result = init(tmp_path)
    assert states(result) == {"penguin.yaml": "written", "example.md": "written"}
    assert result.next_command == "penguin workflow start hello-script"
    (tmp_path / "penguin.yaml").write_text("project: {id: mine}\n")
    again = init(tmp_path)
    assert states(again) == {"penguin.yaml": "kept"}
    assert again.next_command == "penguin task ready"
    (tmp_path / "blueprints" / "example.md").unlink()
    assert states(init(tmp_path)) == {"penguin.yaml": "kept", "example.md": "written"}
    assert (tmp_path / "penguin.yaml").read_text() == "project: {id: mine}\n"


def test_init_with_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "blueprints").write_text("a file")
    with pytest.raises(WorkflowError, match="blueprints is a file, not a folder") as caught:
        init(tmp_path)
    assert caught.value.hint.startswith("mv ")


def test_init_rejects_a_folder_at_the_path_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").mkdir()
    with pytest.raises(WorkflowError, match=r"penguin\.yaml is a folder, not a file") as caught:
        init(tmp_path)
    assert caught.value.hint == f"mv {tmp_path}/penguin.yaml {tmp_path}/penguin.yaml.old"


@pytest.mark.parametrize("folder", [".", "below"])
def test_init_in_a_deleted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(WorkflowError, match="the current folder no longer exists") as caught:
        init(folder)
    assert caught.value.hint == "cd to an existing folder"
    assert not gone.exists()


@pytest.mark.parametrize("name", ["shop", "My Shop (2)", "1.5", "null", "...", "日本"])
def test_the_files_of_init_are_valid(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    init(root)
    settings = load_settings(root, environ={})
    assert lint(load_blueprints(root, settings), settings) == []


@pytest.mark.integration
def test_the_example_passes_its_gates_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    init(tmp_path)
    settings = load_settings(tmp_path, environ={})
    definition = build_definition(settings, load_blueprints(tmp_path, settings).find("hello-script"))
    check_runnable(definition)

    def sh(line: str) -> str:
        run = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        return run.stdout

    for _ in range(2):
        for gate in definition.gates.values():
            for command in gate.run:
                sh(command.run)
        for recipe in definition.task.recipes:
            for step in recipe.steps:
                assert (step.expect.stdout or "") in sh(step.source)
        for criterion in definition.task.criteria:
            assert criterion.check
            sh(criterion.check)


def check_workspace(root: Path) -> list[str]:
    """Return the ids of its tasks, once settings and blueprints have no errors."""
    settings = load_settings(root, environ={})
    blueprints = load_blueprints(root, settings)
    assert [problem for problem in lint(blueprints, settings) if problem.severity == ERROR] == []
    for task in blueprints.tasks():
        build_definition(settings, blueprints.find(task.id))
    return [task.id for task in blueprints.tasks()]


@pytest.mark.parametrize("agent", ["claude", "codex", "opencode", "none", None])
@pytest.mark.parametrize("test", ["pytest -q", None])
def test_the_example_is_valid_with_every_choice(tmp_path: Path, agent: str | None, test: str | None) -> None:
    init(tmp_path, agent, test)
    assert check_workspace(tmp_path) == ["hello-script"]


def test_an_installed_agent_is_the_default(tmp_path: Path, programs: Path) -> None:
    install(programs, "codex")
    install(programs, "opencode")
    result = init(tmp_path)
    assert (result.agent, result.notes[0]) == ("codex", "IMPLEMENT: codex")
    phases = load_settings(tmp_path, environ={}).phases
    assert phases["implement"] == {"agent": "codex"}


def test_without_an_agent_implement_is_skipped(tmp_path: Path) -> None:
    result = init(tmp_path)
    assert result.notes == (
        "IMPLEMENT: skipped; you make the changes",
        "TEST: no command; set phases: {test: {run: [COMMAND]}} in penguin.yaml",
    )
    assert load_settings(tmp_path, environ={}).phases["implement"] == {"skip": True}


def test_all_known_agents_are_named_in_the_comment(tmp_path: Path) -> None:
    init(tmp_path)
    text = (tmp_path / "penguin.yaml").read_text()
    assert all(name in text for name in registry.AGENTS)


def test_an_unknown_agent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown agent 'clade'; did you mean claude"):
        init(tmp_path, agent="clade")
    assert list(tmp_path.iterdir()) == []


def test_a_test_command_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--test: the command is not UTF-8"):
        init(tmp_path, test="caf\udce9")


@pytest.mark.parametrize("options", [{"agent": "claude"}, {"test": "tox"}])
def test_an_option_that_would_be_ignored_is_an_error(tmp_path: Path, options: dict[str, str]) -> None:
    (tmp_path / "penguin.yaml").write_text("project: {id: mine}\n")
    with pytest.raises(WorkflowError, match=f"--{next(iter(options))}: penguin.yaml exists, and is not changed"):
        init(tmp_path, **options)


def test_the_test_command_is_detected(tmp_path: Path) -> None:
    write(tmp_path, "pytest.ini", "")
    write(tmp_path, "Makefile", "test:\n")
    result = init(tmp_path)
    assert result.notes[1] == "TEST: pytest -q (pytest.ini); also found: make test (Makefile)"
    assert load_settings(tmp_path, environ={}).phases["test"]["run"][0]["run"] == "pytest -q"
    assert init(tmp_path).notes == ("tasks: blueprints/example.md",)


@pytest.mark.parametrize(
    ("fixture", "place", "task", "next_command"),
    [
        ("spec-kit/auth.md", "specs/001-auth/tasks.md", "T001", "penguin workflow start T003 --with-deps"),
        ("task-master/plain.json", ".taskmaster/tasks/tasks.json", "1", "penguin workflow start 2.2 --with-deps"),
        ("ralph/priorities.json", "prd.json", "US-001", "penguin workflow start US-002"),
    ],
)
def test_a_backlog_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fixture: str, place: str, task: str, next_command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(BACKLOGS / fixture, tmp_path / place)
    result = init(tmp_path)
    assert states(result) == {"penguin.yaml": "written"}
    assert result.imported is not None
    assert [file.source for file in result.imported.files] == [place]
    assert task in check_workspace(tmp_path)
    assert result.next_command == next_command
    assert find_task_sources(tmp_path).backlogs == ()
    json.dumps(result.data())


def test_a_checklist_is_imported_with_what_is_done(tmp_path: Path) -> None:
    write(tmp_path, "TODO.md", "- [x] Done\n- [ ] Open\n")
    result = init(tmp_path)
    assert result.imported is not None
    assert result.imported.files[0].done == ("done",)
    assert result.next_command == "penguin workflow start open"


def test_several_backlogs_are_all_imported(tmp_path: Path) -> None:
    for name in ("001-a", "002-b"):
        write(tmp_path, f"specs/{name}/tasks.md", (BACKLOGS / "spec-kit/auth.md").read_text())
    result = init(tmp_path)
    assert result.imported is not None
    assert len(result.imported.files) == 2


BLUEPRINT = """\
---
id: mine
---
## Tasks
### 1. One
- **ID:** `one`
#### Acceptance Criteria
- [ ] is `check: true`
"""


@pytest.mark.parametrize("path", ["blueprints/mine.md", "TASKS.md", "blueprint.md"])
def test_a_blueprint_that_is_there_is_used(tmp_path: Path, path: str) -> None:
    write(tmp_path, path, BLUEPRINT)
    write(tmp_path, "README.md", "# A project\n\n- [ ] no task\n")
    result = init(tmp_path)
    assert states(result) == {"penguin.yaml": "written"}
    assert (result.notes[-1], result.next_command) == (f"tasks: {path}", "penguin task ready")
    assert check_workspace(tmp_path) == ["one"]


def test_a_blueprint_in_yaml_is_used(tmp_path: Path) -> None:
    write(tmp_path, "blueprints/mine.yaml", "id: mine\nitems:\n  - {id: one, title: One}\n")
    init(tmp_path)
    assert check_workspace(tmp_path) == ["one"]


def test_a_backlog_beside_a_blueprint_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "blueprints/mine.md", BLUEPRINT)
    write(tmp_path, "TODO.md", "- [ ] Open\n")
    monkeypatch.chdir(tmp_path)
    result = init(".")
    assert result.imported is None
    assert result.notes[-1] == "also found: TODO.md; penguin import TODO.md"


def test_a_backlog_with_errors_is_named(tmp_path: Path) -> None:
    write(tmp_path, ".taskmaster/tasks/tasks.json", '{"tasks": [{"id": 1}')
    result = init(tmp_path)
    assert states(result) == {"penguin.yaml": "written", "example.md": "written"}
    assert result.notes[-1].startswith("not imported: ")
    assert "tasks.json" in result.notes[-1]


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_test_command_is_written_as_it_is(command: str) -> None:
    document = yaml.safe_load(NewConfig("p", test=command).text())
    assert document["phases"]["test"]["run"] == [command]
