"""The backlog of the example, run in a copy by the script of `make demo`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TASKS = ("fix-word-count", "lint-cleanup", "top-option", "one-report", "set-version")


def run(*command: str | Path, folder: Path, script: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PENGUIN_TASK_ID": "none"}
    return subprocess.run(command, cwd=folder, env=env, input=script, capture_output=True, text=True, timeout=240)


def penguin(folder: Path, *arguments: str, script: str | None = None) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "penguin_repl", *arguments, folder=folder, script=script)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A fresh copy of the example, as `make demo` makes one."""
    folder = tmp_path / "textkit"
    made = run(EXAMPLES / "copy", folder, folder=tmp_path)
    assert made.returncode == 0, made.stderr
    return folder


def test_the_whole_backlog(copy: Path) -> None:
    ended = penguin(copy, script=(EXAMPLES / "demo.penguin").read_text(encoding="utf-8"))
    assert ended.returncode == 0, ended.stdout + ended.stderr

    table = ended.stdout.rpartition("WORKFLOW ")[2]
    rows = re.findall(r"^ituv-(\S+)-[0-9a-f]{6} +(\S+) +(\S+) +100%", table, re.MULTILINE)
    assert sorted(rows) == sorted((task, "COMPLETED", "DONE") for task in TASKS)

    assert verdicts(copy, "top-option")[:4] == [
        ("IMPLEMENT", "PASSED"),
        ("TEST", "FAILED"),
        ("IMPLEMENT", "PASSED"),
        ("TEST", "PASSED"),
    ]
    assert verdicts(copy, "set-version")[:4] == [("IMPLEMENT", "FAILED")] * 3 + [("IMPLEMENT", "PASSED")]
    assert re.search(r"^ituv-set-version-\S+ BLOCKED IMPLEMENT$", ended.stdout, re.MULTILINE)
    assert run(sys.executable, "-m", "textkit", "--version", folder=copy).stdout == "textkit 1.0.0\n"
    assert_repeats_do_nothing(copy)


def verdicts(copy: Path, task: str) -> list[tuple[str, str]]:
    """Phase and verdict of every attempt of the task's workflow."""
    document = json.loads(penguin(copy, "-o", "json", "-c", f"/workflow results {task}").stdout)
    return [(attempt["phase"], attempt["verdict"]) for attempt in document["results"]]


def assert_repeats_do_nothing(copy: Path) -> None:
    """Check that the commands of IMPLEMENT can be repeated later without a change."""
    before = run("git", "diff", folder=copy).stdout
    blueprint = (copy / "blueprints/backlog.md").read_text(encoding="utf-8")
    repeatable = re.findall(r"tools/apply (?:-1 )?patches/[^}\n]+", blueprint)
    assert len(repeatable) == 3
    for command in repeatable:
        assert run("sh", "-c", command, folder=copy).stdout == "nothing to do: all patches are applied\n"
    assert run("git", "diff", folder=copy).stdout == before


def test_the_bug_is_real(copy: Path) -> None:
    assert run(sys.executable, "-m", "pytest", "-q", folder=copy).returncode == 1
    assert run("ruff", "check", ".", folder=copy).returncode == 1


def test_the_blueprints_have_no_problems(copy: Path) -> None:
    example = "5 tasks, 5 dependencies, 10 criteria (10 with a check), 5 recipes; 0 notes\n"
    own = "2 tasks, 1 dependency, 6 criteria (5 with a check), 2 recipes; 0 notes\n"
    for folder, counts in ((copy, example), (ROOT, own)):
        ended = penguin(folder, "-c", "/blueprint lint")
        assert (ended.stdout, ended.returncode) == (f"1 blueprint, 0 errors, 0 warnings\n{counts}", 0)


def test_patches_are_refused_inside_another_repository(copy: Path) -> None:
    inner = copy / "inner"
    run("cp", "-R", EXAMPLES / "textkit", inner, folder=copy)
    refused = run("tools/apply", "patches/fix-word-count.patch", folder=inner)
    assert refused.returncode == 1
    assert "make a copy" in refused.stderr


def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    refused = run(EXAMPLES / "copy", tmp_path, folder=tmp_path)
    assert refused.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_make_reports_a_missing_python(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    refused = run("make", "PYTHON=", "test", folder=tmp_path)
    assert refused.returncode == 2
    assert "no Python 3.11 or later found" in refused.stderr
