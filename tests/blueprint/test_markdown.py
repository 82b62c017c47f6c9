"""Blueprints in Markdown: both forms of tasks, recipes, settings; and what is complained of, with its line."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from penguin.orchestration.blueprint import Blueprint, parse_blueprint
from penguin.orchestration.core.definition import Criterion, Expectation, RecipeStep, Task

HEADING_FORM = """\
---
id: auth-system
title: Authentication System
ituv: {phase_timebox_sec: {implement: 1800}}
---
Some prose before.

## Overview
Not read: - [ ] neither this

## Tasks
### 1. Create User Model
- **ID:** `auth-user-model`
- **Priority:** High
- **Effort:** 3
- **Dependencies:** none

What to do, in *prose*.

    indented `code`

<!-- a note to nobody -->

#### Acceptance Criteria
- [ ] Password hashing using bcrypt
- [x] Rejects a bad address `check: python -c "import sys; sys.exit(0)"`
- Takes `code` that is no check

#### Recipe: try-user-model
```shell
python -m shop.users --demo
```

#### Background
More prose.

### 2. Log in
- **ID**: auth-login
- **Depends on:** `auth-user-model`, other.task
- **Recipe:** log-in
- **Value:** 5
- **Risk:** 2
- **Done:** true

```yaml phases
implement: {run: [make login]}
test: skip
```

```yaml ituv
phase_timebox_sec: {test: 7}
```

## Usage Recipes
### Recipe: log-in
First start the server.

```shell background name="the server"
python -m shop serve
```

```http expect_status=201 within=10
POST http://127.0.0.1:8765/login
Content-Type: application/json

{"name": "ada"}
```

```json expect
{"user": {"name": "ada"}}
```

```python expect_stdout='/^\\d+ ok$/' timeout=2.5
print("12 ok")
```

```text
12 ok
```
"""


def read(text: str, name: str = "b.md") -> Blueprint:
    return parse_blueprint(dedent(text), name, "shop")


def one(text: str) -> Task:
    blueprint = read(text)
    assert blueprint.problems == ()
    assert len(blueprint.tasks) == 1
    return blueprint.tasks[0]


def test_the_heading_form() -> None:
    blueprint = parse_blueprint(HEADING_FORM, "blueprints/auth.md", "shop")
    assert blueprint.problems == ()
    assert (blueprint.id, blueprint.title, blueprint.project_id) == ("auth-system", "Authentication System", "shop")
    first, second = blueprint.items
    assert first.task.title == "Create User Model"
    assert (first.task.id, first.task.priority, first.task.effort) == ("auth-user-model", "high", 3)
    assert first.task.dependencies == ()
    assert (first.task.path, first.task.line, first.task.blueprint_id) == ("blueprints/auth.md", 12, "auth-system")
    assert first.task.description.startswith("What to do, in *prose*.\n\n")
    assert "indented `code`" in first.task.description
    assert first.task.description.endswith("#### Background\nMore prose.")
    assert "nobody" not in first.task.description
    assert first.task.criteria == (
        Criterion("Password hashing using bcrypt", None, 25),
        Criterion("Rejects a bad address", 'python -c "import sys; sys.exit(0)"', 26),
        Criterion("Takes `code` that is no check", None, 27),
    )
    assert first.task.recipes[0].name == "try-user-model"
    assert first.timeouts == {"implement": 1800}
    assert second.timeouts == {"implement": 1800, "test": 7}
    assert second.phases == {"implement": {"run": [{"run": "make login"}]}, "test": {"skip": True}}
    task = second.task
    assert (task.dependencies, task.value, task.risk, task.done) == (("auth-user-model", "other.task"), 5, 2, True)


def test_the_steps_of_a_recipe() -> None:
    blueprint = parse_blueprint(HEADING_FORM, "b.md")
    assert blueprint.recipes == blueprint.items[1].task.recipes
    server, request, script = blueprint.recipes[0].steps
    assert server == RecipeStep("shell", "python -m shop serve", name="the server", background=True, line=server.line)
    assert request == RecipeStep(
        "http",
        "http://127.0.0.1:8765/login",
        Expectation(status=201, json={"user": {"name": "ada"}}),
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"name": "ada"}',
        within=10.0,
        line=request.line,
    )
    assert script == RecipeStep(
        "python", 'print("12 ok")', Expectation(stdout=r"/^\d+ ok$/"), timeout=2.5, line=script.line
    )
    assert HEADING_FORM.split("\n")[script.line - 1].startswith("```python")


def test_the_one_line_form() -> None:
    blueprint = read(
        """\
        # Backlog

        ## Tasks

        ### Backend

        - [ ] KEY-1 First {priority=critical, effort=2}
        - [x] **KEY-2** Second, with {braces} and `code`
          - Depends: KEY-1, `KEY-0`
          - Acceptance: greets `check: ./greet | grep -q "a, b"`
          - **Acceptance:**
            - [ ] is nice
            - has no check
          - Recipe: try-it
          - Note that this is prose.

          A paragraph.

          ```yaml phases
          use: skip
          ```

        ### Frontend
        - [ ] KEY-3
          - Recipe: own
            ```shell expect_stdout=hi
            echo hi
            ```

        ## Usage Recipes
        ### `try-it`
        ```yaml
        - shell: "true"
        - {http: "http://localhost:1/x", expect_json: [1, {a: null}]}
        ```
        """
    )
    assert blueprint.problems == ()
    assert (blueprint.id, blueprint.title) == ("b", "Backlog")
    first, second, third = blueprint.tasks
    assert (first.id, first.title, first.priority, first.effort, first.done) == ("KEY-1", "First", "critical", 2, False)
    assert (second.id, second.title, second.done) == ("KEY-2", "Second, with {braces} and `code`", True)
    assert second.dependencies == ("KEY-1", "KEY-0")
    assert [(it.text, it.check) for it in second.criteria] == [
        ("greets", './greet | grep -q "a, b"'),
        ("is nice", None),
        ("has no check", None),
    ]
    assert second.description == "- Note that this is prose.\n\nA paragraph."
    assert [step.kind for step in second.recipes[0].steps] == ["shell", "http"]
    assert blueprint.items[1].phases == {"use": {"skip": True}}
    assert (third.title, third.recipes[0].name) == ("KEY-3", "own")
    assert third.recipes[0].steps[0].expect.stdout == "hi"


@pytest.mark.parametrize(
    ("raw", "text", "check"),
    [
        ("a `check: x`", "a", "x"),
        ("`check: x y`", "x y", "x y"),
        ("a ``check: echo `date` `` b", "a  b", "echo `date`"),
        ("[ ] a `check:x`", "a", "x"),
        ("a `Check: x`", "a", "x"),
        ("a `code` and `more`", "a `code` and `more`", None),
        ("a *check* of `things`", "a *check* of `things`", None),
    ],
)
def test_criteria(raw: str, text: str, check: str | None) -> None:
    task = one(f"## Tasks\n- [ ] A b\n  - Acceptance: {raw}\n")
    assert (" ".join(task.criteria[0].text.split()), task.criteria[0].check) == (" ".join(text.split()), check)


def test_crlf_and_front_matter_phases() -> None:
    text = "---\nid: x\nphases:\n  test: {run: a}\n---\n\n## Tasks\n- [ ] A b\n".replace("\n", "\r\n")
    from penguin.orchestration.config.document import decode_text
    from penguin.orchestration.config.document_checker import Checker

    decoded = decode_text(text.encode(), Checker("f"))
    assert decoded is not None
    assert read(decoded).items[0].phases == {"test": {"run": [{"run": "a"}]}}


TASK = "## Tasks\n### T\n- **ID:** t\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# Nothing\n", 0, "has no section ## Tasks"),
        ("---\nid: x\n---\n## Taks\nnothing\n", 4, "is read as prose (## Tasks)"),
        ("## Tasks\nnothing\n", 0, "has no tasks (below ## Tasks, write - [ ] A-1 Title)"),
        ("## Tasks\n## T\n", 0, "has no tasks"),
        ("## Tasks\n- [ ] A b {priority: high}\n", 2, "write {priority=high, effort=2}"),
        ("---\nid: x\n## Tasks\n", 1, "front matter is not closed"),
        ("---\nid: x\nidd: y\n---\n## Tasks\n- [ ] A b\n", 3, "unknown key 'idd'"),
        ("---\nid: [\n---\n## Tasks\n- [ ] A b\n", 2, "not valid YAML"),
        ("---\nid: ../x\n---\n## Tasks\n- [ ] A b\n", 2, "not a valid id"),
        ("---\nid: x\nphases:\n  tst: skip\n---\n## Tasks\n- [ ] A b\n", 4, "did you mean 'test'"),
        ("## Tasks\n- A b\n", 2, "write - [ ] ID Title"),
        ("## Tasks\n### T\n- **ID:** ../x\n", 3, "'../x' is not a valid id"),
        ("## Tasks\n- [ ] A b {id=a;rm}\n", 2, "not a valid id"),
        (f"## Tasks\n### T\n- **ID:** {'a' * 101}\n", 3, "not a valid id"),
        ("## Tasks\n- [ ] A b {priority=high\n", 2, "not closed"),
        ("## Tasks\n- [ ] A b {priority=hihg}\n", 2, "did you mean 'high'"),
        ("## Tasks\n- [ ] A b {efort=2}\n", 2, "did you mean 'effort'"),
        ("## Tasks\n- [ ] A b {effort=14}\n", 2, "from 1 to 13"),
        ("## Tasks\n- [ ] A b\n  - Acceptence: c\n", 3, "unknown key 'Acceptence'"),
        ("## Tasks\n- [ ] A b\n  - Acceptance: c `check: x\n", 3, "not closed"),
        ("## Tasks\n- [ ] A b\n  - Acceptance: c check: x\n", 3, "without backticks"),
        ("## Tasks\n- [ ] A b\n  - Acceptance: c `check:`\n", 3, "must not be empty"),
        ("## Tasks\n- [ ] A b\n  - Acceptance: `check: x` `check: y`\n", 3, "one check"),
        ("## Tasks\n- [ ] A b\n  - Depends: x y\n", 3, "'x y' is not a valid id"),
        ("## Tasks\n- [ ] A b\n  - Recipe: nope\n", 3, "unknown recipe 'nope'"),
        ("## Tasks\n- [ ] A b\n  - Effort: 2\n  - Effort: 3\n", 4, "(first on line 3)"),
        ("## Tasks\n### Title only\nprose\n", 2, "is not a task"),
        (TASK + "- **Prio:** high\n", 4, "unknown key 'Prio'"),
        (TASK + "- what else\n", 4, "without a key"),
        (TASK + "- **Priority:** urgent\n", 4, "one of critical, high"),
        (TASK + "- **Effort:** many\n", 4, "from 1 to 13"),
        (TASK + "#### Acceptance Critera\n- a\n", 4, "did you mean 'acceptance criteria'"),
        (TASK + "#### Recipe: r\nnothing\n", 4, "has no steps"),
        (TASK + "#### Recipe: r\n```bash\nx\n```\n", 5, "did you mean shell?"),
        (TASK + "#### Recipe: r\n```\nx\n```\n", 5, "needs its kind"),
        (TASK + "#### Recipe: r\n```shell\n```\n", 5, "must not be empty"),
        (TASK + "#### Recipe: r\n```shell\nx\n", 5, "never closed"),
        (TASK + "#### Recipe: r\n```shell expect_out=x\nx\n```\n", 5, "did you mean 'expect_stdout'"),
        (TASK + "#### Recipe: r\n```shell expect_exit=256\nx\n```\n", 5, "from 0 to 255"),
        (TASK + '#### Recipe: r\n```shell expect_stdout="x\nx\n```\n', 5, "quote"),
        (TASK + "#### Recipe: r\n```shell expect_stdout=/(/\nx\n```\n", 5, "not a regular expression"),
        (TASK + "#### Recipe: r\n```shell background expect_exit=0\nx\n```\n", 5, "background step"),
        (TASK + "#### Recipe: r\n```python background\nx\n```\n", 5, "unknown key 'background'"),
        (TASK + "#### Recipe: r\n```http\nFETCH http://x/\n```\n", 6, "is not a request"),
        (TASK + "#### Recipe: r\n```http\nGET ftp://x/\n```\n", 6, "is not a request"),
        (TASK + "#### Recipe: r\n```http\nGET http://x/\nnonsense\n```\n", 7, "is not a header"),
        (TASK + "#### Recipe: r\n```http expect_json={\nGET http://x/\n```\n", 5, "not valid JSON"),
        (TASK + "#### Recipe: r\n```json expect\n{}\n```\n", 5, "has no http step before it"),
        (TASK + "#### Recipe: r\n```http\nGET http://x/\n```\n```json expect\n{,}\n```\n", 9, "not valid JSON"),
        (TASK + "#### Recipe: r\n```yaml\n- {shel: x}\n```\n", 6, "unknown key 'shel'"),
        (TASK + "#### Recipe: r\n```yaml\nshell: x\n```\n", 6, "must be a list"),
        (TASK + "\n```yaml phases\nimplement: {rum: [x]}\n```\n", 6, "did you mean 'run'"),
        (TASK + "\n```yaml phase\nimplement: skip\n```\n", 5, "did you mean 'phases'"),
        (TASK + "\n```yaml ituv\nphase_timebox_sec: {test: 0}\n```\n", 6, "of seconds"),
        (TASK + "## Usage Recipes\n```shell\nx\n```\n", 5, "a step without a recipe"),
        (TASK + "## Usage Recipes\n### r\n```shell\nx\n```\n### r\n```shell\nx\n```\n", 9, "(first on line 5)"),
    ],
)
def test_complaints_name_the_line(text: str, line: int, message: str) -> None:
    problems = read(text).problems
    shown = "\n".join(map(str, problems))
    assert message in shown
    assert any(message in str(problem) and problem.line == line for problem in problems), shown


def test_one_broken_task_hides_none_of_the_others() -> None:
    blueprint = read("## Tasks\n- [ ] A a {effort=90}\n### X\n- **ID:** ../x\n### C\n- **ID:** C\n")
    assert [task.id for task in blueprint.tasks] == ["A", "C"]
    assert blueprint.broken


@pytest.mark.parametrize("text", ["> " * 5000, "- " * 5000, "`" * 50_000, "#" * 5000, "[](" * 20_000, "* a\n " * 500])
def test_hostile_text_is_no_trouble(text: str) -> None:
    assert read(f"## Tasks\n{text}").broken


@pytest.mark.parametrize(
    "text",
    [
        "- [ ] A-1 " + "{a=b}" * 100_000,
        "- [ ] A-1 " + "`{a=b} " * 100_000,
        "- [ ] A-1 One\n  - Depends: " + "a," * 200_000,
        "- [ ] A-1 One\n  - Depends: " + "(a," * 150_000,
        "- [ ] A-1 One\n" + "Depends:\n" * 50_000,
        "- [ ] A-1 One\n" + "  Depends:\n" * 50_000,
        "- [ ] A-1 One\n  - Depends:\n" + "    - a\n" * 50_000,
        "Depends: A-1\n" + "=\n" * 200_000,
        "a\n" * 200_000 + "=\n" * 200_000,
        "<!-- -->" * 60_000,
        "- [ ] A-1 `<!-- ` " * 30_000,
        "".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}: x\n" for n in range(17_000)),
        "".join(" " * (2 * n) + f"- [ ] A-{n} x\n" for n in range(600)),
        "- [ ] Write tests\n" * 30_000,
        "* " * 200_000 + "x",
        "\t" * 300_000 + "- [ ] A-1 x",
        "```\n" + "```sh\n" * 50_000,
        "### A-1 x\n#### Dependencies\n" * 10_000,
    ],
    ids=lambda text: text[:30],
)
def test_reading_takes_linear_time(text: str) -> None:
    assert read(f"## Tasks\n{text}").path == "b.md"


def test_a_title_bullet_is_preferred_to_the_heading() -> None:
    assert one("## Tasks\n### Head\n- **ID:** t\n- **Title:** Better\n").title == "Better"


@pytest.mark.parametrize("heading", ["### Recipe: r", "### r", "### `r`"])
def test_names_of_recipes(heading: str) -> None:
    fields: dict[str, Any] = {
        "text": f"## Tasks\n- [ ] A b\n  - Recipe: r\n## Usage Recipes\n{heading}\n```sh\nx\n```\n"
    }
    assert one(**fields).recipes[0].name == "r"
