"""`penguin import`, as a user types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.importers.backlogs import BACKLOGS
from tests.support.program import Program
from tests.support.waiting import PATIENCE, wait_until

CONFIG = """\
# mine
project: {id: shop}
blueprints: [tasks/*.md]  # only these
agents: {fake: {command: [sh, -c, 'cat > prompt.txt; date > made.txt']}}
phases:
  implement: {agent: fake}
  test: {run: [test -s made.txt]}
  use: skip
  verify: skip
"""
PLACES = {
    "spec-kit": ("spec-kit/auth.md", "specs/001-auth/tasks.md", "T001"),
    "task-master": ("task-master/plain.json", ".taskmaster/tasks/tasks.json", "1"),
    "openspec": ("openspec/two-factor.md", "openspec/changes/two-factor/tasks.md", "2.1"),
    "kiro": ("kiro/session.md", ".kiro/specs/session/tasks.md", "1"),
    "ralph": ("ralph/priorities.json", "prd.json", "US-002"),
}
"""By format: a fixture, the place of such a file in a project, and the task that runs first."""


def put(penguin: Program, fixture: str, place: str) -> str:
    """Copy a fixture to its place in the folder of the program."""
    path = penguin.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(BACKLOGS / fixture, path)
    return place


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", PLACES)
def test_two_commands_from_a_foreign_backlog_to_a_running_task(empty: Program, name: str) -> None:
    """The folder has nothing but the backlog, and the machine has an agent."""
    fixture, place, first = PLACES[name]
    put(empty, fixture, place)
    programs = empty.folder / "bin"
    programs.mkdir()
    (programs / "claude").write_text("#!/bin/sh\ncat > /dev/null\ntouch agent-ran\nexit 1\n")
    (programs / "claude").chmod(0o755)
    path = f"{programs}:{empty.environment['PATH']}"
    ran = empty("import", place, PATH=path)
    assert ran.code == 0, ran.err
    assert "penguin.yaml: new, IMPLEMENT runs claude" in ran.out
    empty.environment["PATH"] = path
    command = next(line.removeprefix("Try: penguin ") for line in ran.out.splitlines() if line.startswith("Try: "))
    running = empty.begin(*command.split())
    wait_until((empty.folder / "agent-ran").exists)
    assert empty("-c", f"/workflow cancel {first}").code == 0
    out, err = running.communicate(timeout=PATIENCE)
    assert f"Started ITUV workflow for task {first}" in out, err


def test_an_imported_task_runs_through_its_gates(empty: Program) -> None:
    (empty.folder / "penguin.yaml").write_text(CONFIG)
    put(empty, "spec-kit/auth.md", "specs/001-auth/tasks.md")
    ran = empty("import", "specs/001-auth/tasks.md", "--done-as", "completed")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "blueprints/001-auth.yaml: new, from specs/001-auth/tasks.md (spec-kit)",
        "  15 tasks, 18 dependencies, 2 criteria; 2 done in the source",
        "  kept as metadata: parallel (8 tasks), story (5 tasks)",
        *[line for line in ran.out.splitlines() if line.startswith("  kept as prose:")],
        "penguin.yaml: changed",
        "Recorded as done outside of Penguin: T001, T002",
        "Try: penguin workflow start T003",
    ]
    config = (empty.folder / "penguin.yaml").read_text()
    assert config == CONFIG.replace("[tasks/*.md]", "[tasks/*.md, blueprints/001-auth.yaml]")
    assert empty("-c", "/workflow start T003").code == 0
    assert "T003" in (empty.folder / "prompt.txt").read_text()
    assert "recorded by " in empty("-c", "/workflow history T001").out
    (listed,) = empty("-o", "json", "-c", "/task ready").documents
    assert [task["id"] for task in listed["tasks"]] == ["T004"]
    again = empty("import", "specs/001-auth/tasks.md", "--done-as", "completed")
    assert "unchanged" in again.out
    assert "Recorded" not in again.out


def test_a_pipe_from_gh(empty: Program) -> None:
    text = (BACKLOGS / "github/issues.json").read_text()
    ran = empty("import", "-", script=text)
    assert ran.code == 0, ran.err
    assert "blueprints/issues.yaml: new, from <stdin> (github)" in ran.out
    assert "GH-35 depends on GH-12, which is not in the source: left out" in ran.out
    assert "blueprints/issues.yaml: unchanged" in empty("import", "-", script=text).out


def test_a_dry_run_writes_nothing(empty: Program) -> None:
    place = put(empty, *PLACES["spec-kit"][:2])
    ran = empty("import", place, "--dry-run", "--done-as", "completed")
    assert ran.code == 0
    assert ran.out.endswith("Nothing was written.\n")
    assert files(empty.folder) == {place}


def test_an_error_writes_nothing_even_for_the_files_before_it(empty: Program) -> None:
    good = put(empty, *PLACES["ralph"][:2])
    (empty.folder / "bad.json").write_text('{"userStories": [')
    ran = empty("import", good, "bad.json")
    assert ran.code == 1
    assert ran.err.startswith("penguin: bad.json:1: is not valid JSON")
    assert files(empty.folder) == {good, "bad.json"}
    assert empty("-o", "json", "import", "gone.json").documents[0]["error"]["message"] == "gone.json: does not exist"


def test_a_project_folder_is_searched_for_backlogs(empty: Program) -> None:
    for fixture, place, _ in PLACES.values():
        put(empty, fixture, place)
    (document,) = empty("-o", "json", "import", ".").documents
    assert {file["format"] for file in document["files"]} == set(PLACES)
    lint = empty("-c", "/blueprint lint")
    assert (lint.code, lint.err) == (0, ""), lint.out


def test_a_folder_of_tasks_is_one_backlog(empty: Program) -> None:
    shutil.copytree(BACKLOGS / "backlog-md/shop", empty.folder / "backlog")
    (document,) = empty("-o", "json", "import", "backlog/tasks").documents
    (file,) = document["files"]
    assert (file["path"], file["tasks"], file["dependencies"]) == ("blueprints/backlog.yaml", 4, 3)


def test_into_names_the_blueprint(empty: Program) -> None:
    place = put(empty, *PLACES["ralph"][:2])
    ran = empty("import", place, "--into", "plans/mine.yaml")
    assert "plans/mine.yaml: new" in ran.out
    assert "plans/mine.yaml" in (empty.folder / "penguin.yaml").read_text()
    assert empty("-c", "/task show US-003").code == 0
    assert empty("import", place, "--into", "../mine.yaml").code == 1
    assert empty("import", place, "--into", "mine.md").err.startswith("penguin: --into mine.md: an import writes YAML")
    assert empty("import", place, "--into", "penguin.yaml").code == 1


@pytest.mark.parametrize("name", PLACES)
def test_a_foreign_file_among_the_blueprints_is_named_with_the_command(empty: Program, name: str) -> None:
    fixture, place, first = PLACES[name]
    put(empty, fixture, place)
    (empty.folder / "penguin.yaml").write_text(f"project: {{id: p}}\nblueprints: [{json.dumps(place)}]\n")
    command = f"try: penguin import {place}"
    lint = empty("-c", "/blueprint lint")
    assert lint.code == 1
    assert lint.out.startswith(f"{place}: error: this is ")
    assert command in lint.out
    assert command in empty("-c", "/task list").err
    start = empty("-c", f"/workflow start {first}")
    assert start.code == 1
    assert command in start.err


@pytest.mark.parametrize("name", PLACES)
def test_a_foreign_file_is_no_script(empty: Program, name: str) -> None:
    place = put(empty, *PLACES[name][:2])
    ran = empty(place)
    assert ran.code == 2
    assert ran.err.startswith(f"penguin: {place}: this is ")
    assert f"try: penguin import {place}" in ran.err


def test_a_script_may_have_any_suffix(penguin: Program) -> None:
    (penguin.folder / "evening.md").write_text("# every evening\n/workflow list\n")
    assert penguin("evening.md").out == "No workflows.\n"


@pytest.mark.parametrize(
    "words",
    [("import",), ("import", "a", "--done-as", "passed"), ("init", "--dry-run"), ("-c", "/health", "--into", "x")],
)
def test_wrong_arguments_are_refused(empty: Program, words: tuple[str, ...]) -> None:
    assert empty(*words).code == 2


def test_help_and_completion_know_it(empty: Program) -> None:
    assert "penguin [OPTIONS] import PATH…" in empty("--help").out
    about = empty("import", "--help").out
    assert [flag for flag in ("--format", "--into FILE", "--dry-run", "--done-as") if flag not in about] == []
    assert "import" in empty("completion", "bash").out


def test_listing_does_not_import_the_importers(empty: Program) -> None:
    put(empty, *PLACES["spec-kit"][:2])
    empty("import", "specs/001-auth/tasks.md")
    names = "m for m in sys.modules if 'importers' in m"
    for argv in (["--version"], ["-c", "/workflow list"], ["-c", "/task list"]):
        code = f"import sys; from penguin_repl.main import main; main({argv!r}); print([{names}])"
        program = Program(empty.folder)
        program.command = [*empty.command[:1], "-c", code]
        assert program().out.splitlines()[-1] == "[]"


def test_an_import_without_a_command_for_test_says_so(empty: Program) -> None:
    (empty.folder / "todo.md").write_text("- [ ] A-1 One\n")
    assert sum(line.startswith("TEST has no command") for line in empty("import", "todo.md").out.splitlines()) == 1
    (empty.folder / "penguin.yaml").write_text(CONFIG)
    assert "TEST has no command" not in empty("import", "todo.md").out


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Makefile": "test:\n\ttrue\n"}, "make test (Makefile)"),
        ({"package.json": '{"scripts": {"test": "vitest run"}}'}, "npm test (package.json)"),
        ({"package.json": '{"scripts": {"test": "vitest run"}}', "pnpm-lock.yaml": ""}, "pnpm test (package.json)"),
        ({"pyproject.toml": "[tool.pytest]\n"}, "pytest -q (pyproject.toml)"),
        ({"pyproject.toml": "[project]\n", "tests/test_a.py": "", "uv.lock": ""}, "uv run pytest -q (tests/test_a.py)"),
        ({"Cargo.toml": "[package]\n"}, "cargo test (Cargo.toml)"),
        ({"go.mod": "module a\n"}, "go test ./... (go.mod)"),
    ],
)
def test_an_import_sets_the_command_for_test(empty: Program, files: dict[str, str], command: str) -> None:
    for name, text in {**files, "todo.md": "- [ ] A-1 One\n"}.items():
        path = empty.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert f"TEST runs {command}" in empty("import", "todo.md").out
    config = json.loads(empty("-o", "json", "-c", "/config").out)
    assert command.partition(" (")[0] in json.dumps(config)


def test_a_package_without_tests_has_no_command(empty: Program) -> None:
    (empty.folder / "todo.md").write_text("- [ ] A-1 One\n")
    script = 'echo "Error: no test specified" && exit 1'
    (empty.folder / "package.json").write_text(json.dumps({"scripts": {"test": script}}))
    assert "TEST has no command" in empty("import", "todo.md").out


def test_an_import_suggests_the_command_for_test(empty: Program) -> None:
    (empty.folder / "todo.md").write_text("- [ ] A-1 One\n")
    (empty.folder / "go.mod").write_text("module a\n")
    (empty.folder / "penguin.yaml").write_text("project: {id: shop}\nblueprints: [blueprints/*.yaml]\n")
    assert "phases: {test: {run: [go test ./...]}}" in empty("import", "todo.md").out
