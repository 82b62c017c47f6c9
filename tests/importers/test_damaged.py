"""Malformed, huge and hostile files: a clear error with its line, and nothing is written."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from tests.importers.backlogs import counts, plan_of, plan_text

from penguin.orchestration.backend import BlueprintError

STORY = '{"id": "A", "title": "a", "passes": false}'
DAMAGED = {
    "duplicate id": (
        "specs/x/tasks.md",
        "## Phase 1: A\n\n- [ ] T001 [P] one\n- [ ] T002 two\n- [ ] T001 three\n",
        ["tasks.md:5:", "duplicate id 'T001'", "line 3"],
    ),
    "unknown dependency": (
        "tasks.json",
        '{"tasks": [{"id": 1, "title": "a", "status": "pending",\n "dependencies": [9]}]}',
        ["tasks.json:1:", "depends on '9'"],
    ),
    "cut off": ("prd.json", '{"userStories": [{"id": "A",', ["prd.json", "is not valid JSON"]),
    "wrong type": ("prd.json", '{"userStories": {"id": "A"}}', ["userStories: must be a list"]),
    "story without a mapping": ("prd.json", '{"userStories": ["a"]}', ["must be a mapping"]),
    "bad line": (
        "issues.jsonl",
        '{"id": "a", "title": "a", "issue_type": "task"}\n{"id": "b",\n',
        ["issues.jsonl:2:", "is not valid JSON"],
    ),
    "deep": ("tasks.json", "[" * 5000 + "]" * 5000, ["nested more than"]),
    "deep lines": ("i.jsonl", '{"id": "a", "title": "a", "issue_type": ' + "[" * 5000 + "]" * 5000 + "}", ["nested"]),
    "NUL": ("specs/x/tasks.md", "- [ ] T001 [P] a\n- [ ] T002 b\0\n", ["tasks.md:2:", "NUL"]),
    "NUL in JSON": ("prd.json", '{"userStories": [{"id": "A", "title": "a\\u0000", "passes": false}]}', ["NUL"]),
    "half a pair": ("prd.json", '{"userStories": [{"id": "A", "title": "\\ud800", "passes": false}]}', ["surrogate"]),
    "empty": ("tasks.md", " \n", ["is empty"]),
    "unknown stage": (
        "plan.yaml",
        "stages:\n  - name: a\n    steps: [{title: t}]\n\n  - {name: b, depends_on: [aa], steps: [{title: u}]}\n",
        ["plan.yaml:5:", "unknown stage 'aa'"],
    ),
    "no tasks": ("prd.json", '{"userStories": []}', ["has no tasks"]),
    "not a backlog": ("notes.md", "# Notes\n\nNothing to do.\n", ["is not a backlog of a known format"]),
    "repeated key": ("prd.json", f'{{"userStories": [{STORY}], "userStories": []}}', ["duplicate key"]),
    "many aliases": (
        "plan.yaml",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
        ["too large with its aliases"],
    ),
}
CYCLES = {
    "spec-kit": ("specs/x/tasks.md", "## Phase 1: A\n\n- [ ] T001 a (depends on T002)\n- [ ] T002 b\n"),
    "task-master": (
        "tasks.json",
        json.dumps(
            {
                "tasks": [
                    {"id": 1, "title": "a", "status": "pending", "dependencies": [2]},
                    {"id": 2, "title": "b", "status": "pending", "dependencies": [1]},
                ]
            }
        ),
    ),
    "ralph": (
        "prd.json",
        json.dumps({"userStories": [{"id": "A", "title": "a", "passes": False, "dependsOn": ["A"]}]}),
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    name, text, parts = DAMAGED[case]
    with pytest.raises(BlueprintError) as caught:
        plan_text(tmp_path, name, text)
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


@pytest.mark.parametrize("case", CYCLES)
def test_a_circular_dependency_is_refused(case: str, tmp_path: Path) -> None:
    name, text = CYCLES[case]
    with pytest.raises(BlueprintError, match=r"circular dependency: .* -> "):
        plan_text(tmp_path, name, text)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BlueprintError, match=r"tasks\.md:2: is not UTF-8"):
        plan_text(tmp_path, "specs/x/tasks.md", b"# T\n- [ ] T001 [P] caf\xe9\n")


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    begun = time.monotonic()
    with pytest.raises(BlueprintError, match="is too large: 200,000,000 bytes"):
        plan_of(path, tmp_path)
    assert time.monotonic() - begun < 5


def test_a_blueprint_that_would_be_too_large_is_refused(tmp_path: Path) -> None:
    stories = [{"id": f"S-{n}", "title": "t", "passes": False, "description": "x" * 2000} for n in range(1200)]
    with pytest.raises(BlueprintError, match="its blueprint would be larger than 2,000,000 bytes"):
        plan_text(tmp_path, "prd.json", json.dumps({"userStories": stories}))


def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tasks.md")
    with pytest.raises(BlueprintError, match="is a named pipe"):
        plan_of(tmp_path / "tasks.md", tmp_path)


def test_ids_that_penguin_can_not_use_are_changed_and_named(tmp_path: Path) -> None:
    stories = [
        {"id": "auth/login", "title": "a", "passes": False},
        {"id": "../../etc/passwd", "title": "b", "passes": False, "dependsOn": ["auth/login"]},
        {"id": "日本", "title": "Third story", "passes": False},
        {"id": "auth login", "title": "d", "passes": False},
    ]
    plan = plan_text(tmp_path, "prd.json", json.dumps({"userStories": stories}))
    assert [task.id for task in plan.blueprint.tasks] == ["auth-login", "etc-passwd", "third-story", "auth-login-2"]
    assert plan.blueprint.tasks[1].dependencies == ("auth-login",)
    assert sum("here" in note.text for note in plan.notes) == 4


def test_control_characters_stay_text(tmp_path: Path) -> None:
    title = "\x1b[31mred\x07 \u202eright\u2028line\x85"
    story = {"id": "A", "title": title, "passes": False, "acceptanceCriteria": [title], "description": title}
    plan = plan_text(tmp_path, "prd.json", json.dumps({"userStories": [story]}))
    (task,) = plan.blueprint.tasks
    assert task.description == title.strip()
    assert task.criteria[0].text == title.strip()
    assert "\x1b" not in plan.text


def test_commands_in_imported_text_are_no_checks(tmp_path: Path) -> None:
    text = "- [ ] A-1 Build `check: rm -rf /`\n  - [ ] clean `check: rm -rf /`\n  - Recipe: x\n"
    text += "  - ```shell\n    rm\n    ```\n"
    (task,) = plan_text(tmp_path, "todo.md", text).blueprint.tasks
    assert [(one.text, one.check) for one in task.criteria] == [("clean `check: rm -rf /`", None)]
    assert task.recipes == ()


def test_line_ends_and_a_byte_order_mark_make_no_difference(tmp_path: Path) -> None:
    text = "\ufeff# T\r\n\r\n## Phase 1: A\r\n\r\n- [ ] T001 a\r\n- [ ] T002 [P] b\r\n"
    plan = plan_text(tmp_path, "specs/x/tasks.md", text)
    assert counts(plan.blueprint) == {"tasks": 2, "dependencies": 1, "criteria": 0}


def test_boxes_in_html_are_read_and_those_in_quotations_are_named(tmp_path: Path) -> None:
    text = "- [ ] A-1 Seen\n\n<details>\n- [ ] A-2 In HTML\n</details>\n\n> - [ ] A-3 Quoted\n"
    plan = plan_text(tmp_path, "todo.md", text)
    assert [task.id for task in plan.blueprint.tasks] == ["A-1", "A-2"]
    assert [note.line for note in plan.notes if note.line] == [7]


def test_thousands_of_equal_titles_get_ids_of_their_own_at_once(tmp_path: Path) -> None:
    begun = time.monotonic()
    plan = plan_text(tmp_path, "todo.md", "- [ ] 1. Do it\n" * 8000)
    assert len({task.id for task in plan.blueprint.tasks}) == 8000
    assert time.monotonic() - begun < 20


def test_a_deep_list_is_read_or_named(tmp_path: Path) -> None:
    text = "".join(f"{'  ' * depth}- [ ] D-{depth} level {depth}\n" for depth in range(60))
    plan = plan_text(tmp_path, "todo.md", text)
    assert len(plan.blueprint.tasks) + len(plan.notes) == 60


FILLERS = [
    "\n",
    " ",
    "\t",
    "-",
    "- ",
    "*",
    "_",
    "#",
    "`",
    "a",
    "1",
    "a-",
    "a.",
    "a ",
    "a, ",
    "[",
    "(",
    "<!--",
    "-->",
    "~~",
    "- \n",
]


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("place", ["between", "title", "body"])
def test_long_runs_of_characters_are_read_in_linear_time(tmp_path: Path, filler: str, place: str) -> None:
    run = filler * 30_000
    line = run.replace("\n", " ")
    texts = {
        "between": f"# Release\n\nBefore.\n\n## Code\n{run}\n- [ ] A-1 One\n- [ ] A-2 Two (depends on A-1)\n",
        "title": f"# Release\n\n- [ ] A-1 One {line} x\n  - depends on: A-2\n- [ ] A-2 Two\n",
        "body": f"# Release\n\n- [ ] A-1 One\n  {line} x\n\n{run}\n  - depends on: {line}\n- [ ] A-2 Two\n",
    }
    begun = time.process_time()
    with contextlib.suppress(BlueprintError):
        plan_text(tmp_path, "todo.md", texts[place])
    assert time.process_time() - begun < 5
