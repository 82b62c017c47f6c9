"""`/workflow report` and `/blueprint report`, as the real program writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.report.html_reader import HtmlReader
from tests.support.git_repository import git
from tests.support.program import Program

CONFIG = """\
project: {id: shop}
blueprints: [tasks.md]
phases:
  implement: {run: ["python make.py"]}
  test: {run: ["python -B -m pytest -q -p no:cacheprovider tests"], on_failure: implement}
  use: skip
  verify: {criteria: true}
orchestration: {retry: {max_attempts: 2, initial_delay_sec: 0.05}}
"""
TASKS = """\
---
id: basics
title: Basics & more
---
## Tasks
### 1. Add two numbers
- **ID:** `add`

Numbers are `int`. <script>alert(1)</script>

#### Acceptance Criteria
- [ ] the module is there `check: test -e add.py`
- [ ] it reads well
### 2. Subtract
- **ID:** `subtract`
- **Dependencies:** add
#### Acceptance Criteria
- [ ] is `check: true`
"""
MAKE = """\
import os, pathlib
sign = "-" if os.environ["PENGUIN_ATTEMPT"] == "1" else "+"
pathlib.Path("add.py").write_text(f"def add(a, b):\\n    return a {sign} b\\n")
pathlib.Path("odd \\udcff\\n name").write_text("</pre><script>alert(2)</script>\\x1b[31m\\x00\\n")
pathlib.Path("long.txt").write_text("z" * 5_000_000)
"""
TESTS = """\
import pytest
from add import add

@pytest.mark.parametrize("a", [0, 1])
def test_add(a):
    assert add(a, 1) == a + 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Program:
    """In a git repository with a task whose first attempt fails a test."""
    (tmp_path / "tests").mkdir()
    for name, text in (("penguin.yaml", CONFIG), ("tasks.md", TASKS), ("make.py", MAKE)):
        (tmp_path / name).write_text(text)
    (tmp_path / "tests" / "test_add.py").write_text(TESTS)
    (tmp_path / ".gitignore").write_text(".penguin/\n__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    program = Program(tmp_path)
    program.environment["PYTHONPATH"] = str(tmp_path)
    return program


def test_a_report_of_a_whole_workflow(shop: Program) -> None:
    shop("-c", "/workflow start add --wait")
    shop("-c", "/workflow feedback add Use fewer words @bob")
    approved = shop("-c", "/workflow approve add --by Ada --note 'read it'")
    assert approved.code == 0, approved.err
    shop("-c", "/workflow wait add")
    (document,) = shop("-o", "json", "-c", "/workflow report add").documents
    report = document["report"]
    assert report["info"]["status"] == "COMPLETED"
    assert [(gate["phase"], gate["verdict"], gate["attempts"]) for gate in report["gates"]] == [
        ("IMPLEMENT", "PASSED", 2),
        ("TEST", "PASSED", 2),
        ("USE", "SKIPPED", 0),
        ("VERIFY", "PASSED", 1),
    ]
    failed = next(one for one in report["attempts"] if one["verdict"] == "FAILED")
    assert failed["steps"][0]["tests"]["counts"] == {"failed": 2}
    assert [case["name"] for case in failed["steps"][0]["tests"]["cases"]] == [
        "tests.test_add::test_add[0]",
        "tests.test_add::test_add[1]",
    ]
    assert [one["verdict"] for one in report["criteria"]] == ["PASSED", "UNVERIFIED"]
    assert report["criteria"][1]["approved_by"] == "Ada"
    files = {file["path"]: file for file in report["changes"]["files"]}
    assert files["add.py"]["added"] == 2
    assert "odd \\xff\\x0a name" in files
    assert [one["by"] for one in report["approvals"]] == ["Ada"]
    assert report["feedback"][0]["text"] == "Use fewer words @bob"
    assert report["attempts"][0]["checkpoint"]

    text = shop("-c", "/workflow report add").out
    assert text.startswith("<!-- penguin-report 1 -->\n## ✅ Add two numbers\n")
    assert "| TEST | ✅ PASSED | 2 |" in text
    assert len(text.encode()) <= 60_000
    page = shop("-c", "/workflow report add --html -").out
    found = HtmlReader(page)
    assert found.count("script") == 0
    assert "<script>alert(1)</script>" in found.text
    assert len(page) < 200_000


def test_files_are_replaced_only_if_they_are_reports(shop: Program) -> None:
    shop("-c", "/workflow start add --wait")
    mine = shop.folder / "notes.html"
    mine.write_text("mine")
    refused = shop("-c", "/workflow report add --html notes.html")
    assert refused.code == 1
    assert "notes.html exists and is not a report; name another file, or use --force to replace it" in refused.err
    assert mine.read_text() == "mine"
    made = shop("-o", "json", "-c", "/workflow report add --html out/report.html")
    (document,) = made.documents
    path = shop.folder / "out" / "report.html"
    assert document["path"] == "out/report.html"
    assert document["bytes"] == path.stat().st_size
    assert shop("-c", "/workflow report add --markdown out/report.html").out == "Wrote out/report.html\n"
    assert path.read_text().startswith("<!-- penguin-report 1 -->\n")
    assert shop("-c", "/workflow report add --html notes.html --force").code == 0
    assert mine.read_text().startswith("<!DOCTYPE html>")
    folder = shop("-c", "/workflow report add --html out")
    assert (folder.code, folder.err) == (1, "-c:1: out is a folder; name a file in it\n")
    both = shop("-c", "/workflow report add --html a --markdown b")
    assert both.code == 2
    assert "--html and --markdown exclude each other" in both.err


def test_a_report_of_a_blueprint(shop: Program) -> None:
    unstarted = shop("-c", "/blueprint report").out
    assert "No workflow was started. It waits for `add`." in unstarted
    shop("-c", "/workflow start add --wait")
    text = shop("-c", "/blueprint report basics").out
    assert text.startswith("<!-- penguin-report 1 -->\n## Basics &amp; more\n\n2 tasks · 1 BLOCKED · 1 waiting")
    assert "Add two numbers `add` | ⚠️ BLOCKED | ✅ | ✅ | ➖ | ⚠️ |" in text
    found = HtmlReader(shop("-c", "/blueprint report --html -").out)
    assert "Subtract" in found.text
    assert shop("-c", "/blueprint report nope").code == 1


def test_a_report_without_git_says_why_there_is_no_diff(penguin: Program) -> None:
    penguin("-c", "/workflow start quick --wait")
    (document,) = penguin("-o", "json", "-c", "/workflow report quick").documents
    assert document["report"]["changes"]["files"] == []
    assert document["report"]["changes"]["note"].startswith("There is no diff: diff needs a git repository")
    assert "There is no diff: diff needs a git repository" in penguin("-c", "/workflow report quick").out


def test_a_report_of_a_workflow_that_waits_runs_or_is_cancelled(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    waiting = penguin("-c", "/workflow report quick").out
    assert "No attempt has started yet" in waiting
    assert "**PENDING**" in waiting
    shell = penguin.begin("-c", "/workflow start gated --wait")
    try:
        penguin.wait_for_step("gated")
        (document,) = penguin("-o", "json", "-c", "/workflow report gated").documents
        gates = {gate["phase"]: (gate["verdict"], gate["running"]) for gate in document["report"]["gates"]}
        assert gates["TEST"] == ("PASSED", False)
        assert gates["VERIFY"] == (None, True)
        assert document["report"]["timeline"][-1]["verdict"] is None
        HtmlReader(penguin("-c", "/workflow report gated --html -").out)
    finally:
        (penguin.folder / "go").touch()
        shell.communicate(timeout=60)
    penguin("-c", "/workflow cancel quick")
    assert "**CANCELLED**" in penguin("-c", "/workflow report quick").out
