"""Nothing in a blueprint is dropped: dependencies, criteria and tasks in every form that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.blueprint import Blueprint, parse_blueprint
from penguin.orchestration.config.document_checker import ERROR
from penguin.orchestration.core.definition import Task

FIXTURES = Path(__file__).parent / "fixtures"


def read(text: str) -> Blueprint:
    return parse_blueprint(text, "b.md", "shop")


def tasks_of(text: str) -> dict[str, Task]:
    """The tasks of a blueprint without problems, by id."""
    blueprint = read(text)
    assert [str(problem) for problem in blueprint.problems if problem.severity != "note"] == []
    return {task.id: task for task in blueprint.tasks}


def problems_of(text: str) -> list[str]:
    return [f"{problem.severity} {problem.line}: {problem.message}" for problem in read(text).problems]


ONE_LINE = "## Tasks\n\n- [ ] A-2 Deploy {{priority=high}}\n{}\n- [ ] A-1 Build {{priority=low}}\n- [ ] A-0 Plan\n"
HEADING = "## Tasks\n\n### Deploy\n\n- **ID:** A-2\n{}\n\n### Build\n\n- **ID:** A-1\n\n### Plan\n\n- **ID:** A-0\n"

KEYS = ["Depends", "Depends on", "Dependencies", "Dependency", "Deps", "Blocked by", "Requires", "Needs", "depends_on"]
LINES = [
    "Depends: A-1",
    "**Depends:** A-1",
    "**Depends**: A-1",
    "*Depends*: A-1",
    "*Depends:* A-1",
    "__Depends:__ A-1",
    "_Depends_: A-1",
    "***Depends:*** A-1",
    "`depends_on`: A-1",
    "Depends : A-1",
    "DEPENDS: A-1",
    "depends_on: [A-1]",
    "**Dependencies:** [`A-1`]",
    "Depends: `A-1`",
    "Depends: **A-1**",
    "Depends: <A-1>",
    "Depends: [A-1](#a-1)",
    "Depends: A-1.",
    "Depends: A-1 (artifact)",
    "Depends: task A-1",
    "**Depends on** A-1",
    "_Depends: A-1_",
    "**Depends: A-1**",
    "Depends: A-1 ✅",
    "Depends: A-1 (completed)",
    "Depends: A-1 design approval",
    "**Milestone:** M1 · **Depends on:** A-1 · **Effort:** 2",
    "Estimate: 3h | Depends on: A-1",
    "**Depends on:** A-1 (see: notes)",
    "[ ] Depends: A-1",
]
BULLETS = ["- ", "* ", "+ ", "1. ", "2) ", "• ", "-\t", ""]


@pytest.mark.parametrize("line", [*LINES, *(f"{key}: A-1" for key in KEYS), *(f"**{key}:** A-1" for key in KEYS)])
@pytest.mark.parametrize("bullet", BULLETS)
def test_a_dependency_line_is_one_in_every_form(line: str, bullet: str) -> None:
    for indent in ("  ", "    ", "\t", "      "):
        assert tasks_of(ONE_LINE.format(indent + bullet + line))["A-2"].dependencies == ("A-1",), indent
    assert tasks_of(HEADING.format(bullet + line))["A-2"].dependencies == ("A-1",)
    assert tasks_of(HEADING.format("\n" + bullet + line))["A-2"].dependencies == ("A-1",)


@pytest.mark.parametrize("head", ["Depends:", "**Dependencies:**", "**Dependencies**:", "Blocked by:", "Dependencies"])
@pytest.mark.parametrize(
    "item", ["- A-1", "* A-1", "- `A-1`", "- A-1 (artifact)", "- [ ] A-1", "1. A-1", "- A-1: Build"]
)
def test_a_list_below_a_dependency_line_belongs_to_it(head: str, item: str) -> None:
    for text in (
        ONE_LINE.format(f"  - {head}\n    {item}\n    - A-0"),
        ONE_LINE.format(f"  - {head}\n\n    {item}\n\n    - A-0"),
        ONE_LINE.format(f"  {head}\n  {item}\n  - A-0"),
        HEADING.format(f"- {head}\n  {item}\n  - A-0"),
        HEADING.format(f"\n{head}\n\n{item}\n- A-0"),
        HEADING.format(f"\n#### {head}\n\n{item}\n- A-0"),
        HEADING.format(f"\n#### {head}\n\nA-1\nA-0"),
    ):
        assert tasks_of(text)["A-2"].dependencies == ("A-1", "A-0"), text


@pytest.mark.parametrize(
    "value",
    [
        "A-1, A-0",
        "A-1 and A-0",
        "A-1, and A-0",
        "A-1 & A-0",
        "A-1; A-0",
        "A-1 A-0",
        "`A-1`, **A-0**",
        "[A-1, A-0]",
        '["A-1", "A-0"]',
        "<A-1>, <A-0>",
        "A-1 (client, schema), A-0 (artifact)",
        "A-1,\n    A-0",
        "A-1\n    A-0",
        "\n    A-1\n    A-0",
    ],
)
def test_several_dependencies_on_a_line(value: str) -> None:
    assert tasks_of(ONE_LINE.format(f"  - Depends: {value}"))["A-2"].dependencies == ("A-1", "A-0")


@pytest.mark.parametrize(
    "line", ["Depends: A-1", "- Depends: A-1", "**Dependencies:** A-1", "**Dependencies:**\n- A-1"]
)
def test_a_dependency_line_without_indent_belongs_to_the_task_before_it(line: str) -> None:
    assert tasks_of(ONE_LINE.format(line))["A-2"].dependencies == ("A-1",)
    assert tasks_of(ONE_LINE.format("\n" + line))["A-2"].dependencies == ("A-1",)


def test_line_ends_of_other_systems(tmp_path: Path) -> None:
    from penguin.orchestration.blueprint.loader import read_blueprint

    path = tmp_path / "b.md"
    for end in ("\r\n", "\r"):
        path.write_bytes(ONE_LINE.format("  - Depends:\n    - A-1").replace("\n", end).encode())
        assert {task.id: task for task in read_blueprint(path, "b.md").tasks}["A-2"].dependencies == ("A-1",)


def test_a_bullet_ends_where_prose_without_indent_begins() -> None:
    text = "## Tasks\n### Build\n- **ID:** A-1\n- **Priority:** high\n- **Dependencies:** none\nWhat to do, in prose.\n"
    task = tasks_of(text)["A-1"]
    assert (task.dependencies, task.priority, task.description) == ((), "high", "What to do, in prose.")
    last = "## Tasks\n### Build\n- **ID:** A-1\n- **Priority:** high\nadd what is missing\n"
    assert (tasks_of(last)["A-1"].priority, tasks_of(last)["A-1"].description) == ("high", "add what is missing")
    lazy = tasks_of("## Tasks\n- [ ] A-1 Build\n  - Acceptance: works\nWhat to do.\n")["A-1"]
    assert ([it.text for it in lazy.criteria], lazy.description) == (["works"], "What to do.")


def test_subtasks_are_tasks_and_their_parent_waits_for_them() -> None:
    text = (
        "## Tasks\n- [ ] A-1 Parent\n  - Depends: A-0\n  - [ ] A-1a Child\n    - [ ] A-1b Below\n      - Depends: A-0\n"
    )
    found = tasks_of(text + "- [ ] A-0 First\n")
    assert {task.id: task.dependencies for task in found.values()} == {
        "A-1": ("A-0", "A-1a"),
        "A-1a": ("A-1b",),
        "A-1b": ("A-0",),
        "A-0": (),
    }
    headings = tasks_of("## Tasks\n### KEY-2 Parent\n#### KEY-2A Child\nProse.\n##### Acceptance\n- [ ] fine\n")
    assert {task.id: task.dependencies for task in headings.values()} == {"KEY-2": ("KEY-2A",), "KEY-2A": ()}
    assert headings["KEY-2A"].criteria[0].text == "fine"


def test_boxes_below_a_task_without_an_id_are_its_criteria() -> None:
    task = tasks_of("## Tasks\n- [ ] A-1 Parent\n  - [ ] does x `check: true`\n    - [x] on Linux\n  - [ ] does y\n")[
        "A-1"
    ]
    assert [(it.text, it.check) for it in task.criteria] == [("does x", "true"), ("on Linux", None), ("does y", None)]


@pytest.mark.parametrize(
    "heading", ["## Phase 2", "## Items", "## Tasks (Priority Order)", "## Implementation Tasks", "## Notes", "# More"]
)
def test_tasks_stand_in_any_section(heading: str) -> None:
    found = tasks_of(f"## Tasks\n- [ ] A-1 One\n{heading}\n- [ ] A-2 Two\n\n### Deeper\n- [ ] A-3 Three\n")
    assert list(found) == ["A-1", "A-2", "A-3"]


@pytest.mark.parametrize("heading", ["## Phase 2", "## Items", "## Tasks (Priority Order)", "## To do", "## Backlog"])
def test_tasks_without_ids_stand_in_a_section_of_tasks(heading: str) -> None:
    assert list(tasks_of(f"## Tasks\n- [ ] A-1 One\n{heading}\n- [ ] Write the docs\n")) == ["A-1", "write-the-docs"]


@pytest.mark.parametrize(
    ("line", "task_id", "title"),
    [
        ("Delete the unused users table", "delete-the-unused-users-table", "Delete the unused users table"),
        ("Add a button", "add-a-button", "Add a button"),
        ("A-1 Build", "A-1", "Build"),
        ("KEY-12: Build", "KEY-12", "Build"),
        ("KEY-2A Build", "KEY-2A", "Build"),
        ("T001 Build", "T001", "Build"),
        ("auth.user-model Build", "auth.user-model", "Build"),
        ("1.2 Build", "1.2", "Build"),
        ("`build` Build it", "build", "Build it"),
        ("**build** Build it", "build", "Build it"),
        ("**build:** Build it", "build", "Build it"),
        ("<KEY-1> Build", "KEY-1", "Build"),
        ("build Build it {priority=low}", "build", "Build it"),
        ("Delete the table {priority=low}", "delete-the-table", "Delete the table"),
        ("Build it {id=build, effort=2}", "build", "Build it"),
        ("A-1 - Build", "A-1", "Build"),
        ("A-1", "A-1", "A-1"),
        ("README.md is out of date", "readme-md-is-out-of-date", "README.md is out of date"),
        ("`setup.py` needs a version", "setup-py-needs-a-version", "`setup.py` needs a version"),
        ("UTF-8 everywhere", "utf-8-everywhere", "UTF-8 everywhere"),
        ("Überprüfe die Größe", "uberprufe-die-große".replace("ß", ""), "Überprüfe die Größe"),
        ("写文档", "task-e1c4f0e4", "写文档"),
    ],
)
def test_ids(line: str, task_id: str, title: str) -> None:
    blueprint = read(f"## Tasks\n- [ ] {line}\n")
    (item,) = blueprint.items
    if not task_id.startswith("task-"):
        assert (item.task.id, item.task.title) == (task_id, title)
    else:
        assert item.task.id.startswith("task-")
    assert blueprint.problems == ()


def test_made_ids_differ_and_dependencies_may_name_first_words_and_titles() -> None:
    text = (
        "## Tasks\n- [ ] Add tests\n- [ ] Add docs\n- [ ] build the wheel\n- [ ] Ship\n  - Depends: build, Add docs\n"
    )
    found = tasks_of(text)
    assert list(found) == ["add-tests", "add-docs", "build", "ship"]
    assert found["ship"].dependencies == ("build", "add-docs")
    again = read("## Tasks\n- [ ] Write tests\n- [ ] Write tests\n- [ ] Write tests\n")
    assert [task.id for task in again.tasks] == ["write-tests", "write-tests-2", "write-tests-3"]
    assert [(it.severity, it.line) for it in again.problems] == [("warning", 3), ("warning", 4)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("## Tasks\n- [ ] A-1 One\n## Goals\n- [ ] be fast\n", "error 4: looks like a task, but is not in a section"),
        ("## Tasks\n- [ ] A-1 One\n## Goals\n1. [x] be fast\n", "error 4: looks like a task, but is not in a section"),
        ("## Tasks\n- [ ] A-1 One\n## Goals\n[ ] be fast\n", "error 4: looks like a task, but is not in a section"),
        ("## Tasks\n- [ ] A-1 One\n> - [ ] A-2 Two\n", "error 3: a task or a key in a quotation is not read"),
        (
            "## Phase 1\n- [ ] A-1 One\n\n**Exit Criteria:**\n- [ ] ok\n",
            "error 5: looks like a task, but is not in a section",
        ),
        ("---\nid: x\n---\n## Goals\n- [ ] be fast\n", "error 5: looks like a task, but is not in a section"),
        ("## Tasks\n- [ ] A-1 One\n- A-2 Two\n", "error 3: a bullet under ## Tasks is not a task"),
        ("## Tasks\n- [ ] A-1 One\n## Phase 2\n- A-2 Two\n", "warning 4: looks like a task, but has no box"),
        ("## Tasks\n- Depends: A-1\n- [ ] A-1 One\n", "error 2: 'Depends: A-1' stands below no task"),
        ("## Tasks\n- [ ] A-1 One\n## Notes\nDepends: A-1\n", "error 4: 'Depends: A-1' stands below no task"),
        ("## Tasks\n- [ ] A-1 One\n  - Dependz: A-0\n", "error 3: unknown key 'Dependz'"),
        ("## Tasks\n- [ ] A-1 One\n  - Depend: A-0\n", "error 3: unknown key 'Depend'"),
        ("## Tasks\n- [ ] A-1 One\n  - Depends: Python 3.11\n", "error 3: task A-1: dependencies: 'Python 3.11'"),
        ("## Tasks\n- [ ] A-1 One\n  - Depends:\n", "warning 3: 'Depends:' names nothing"),
        ("## Tasks\n- [ ] A-1 One\n  - Requires A-1\n", "warning 3: reads like a dependency, but is prose"),
        (
            "## Tasks\n- [ ] A-1 One\n- [ ] A-2 Two\n- [ ] A-3 Three\n  - Depends:\n    - A-1\n    A-2\n",
            "warning 7: reads like a dependency, but is prose",
        ),
        ("## Tasks\n- [ ] A-1 One\n  - Follows: A-1\n", "warning 3: reads like a dependency, but is prose"),
        ("## Tasks\n- [ ] A-1 One\n  - Acceptance:\n", "warning 3: 'Acceptance:' has no criterion"),
        ("## Tasks\n- [ ] A-1 One\n<!-- a\n- [ ] A-2 Two\n", "error 3: the comment opened here is never closed"),
        ("## Tasks\n- [ ] A-1 One\n```\na\n```sh\nb\n```\n", "error 5: a code block is opened in the code block of"),
        (
            "## Tasks\n- [ ] A-1 One\n```yaml phases\nuse: skip\n```\n",
            "error 3: the settings `yaml phases` stand below",
        ),
        ("## Tasks\n- [ ] A-1 One {prioritty=high}\n", "error 2: unknown key 'prioritty'"),
        ("---\nid: x\ntasks: [a]\n---\n## Tasks\n- [ ] A-1 One\n", "error 3: front matter: tasks: tasks stand in the"),
        ("---\nid: x\nphase: {}\n---\n## Tasks\n- [ ] A-1 One\n", "error 3: b.md: unknown key 'phase'"),
    ],
)
def test_what_is_not_read_is_named(text: str, problem: str) -> None:
    found = problems_of(text)
    assert any(line.startswith(problem) for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "## Tasks\n- [ ] A-1 One\n\n  Requires Python 3.11 and a network.\n",
        "## Tasks\n- [ ] A-1 One\n\n  ```sh\n  - [ ] not a box\n  Depends: nothing\n  ```\n",
        "## Tasks\n<!-- - [ ] A-0 Off -->\n- [ ] A-1 One\n<!--\n- [ ] A-2 Off\n  - Depends: A-0\n-->\n",
        "## Tasks\n- [ ] A-1 One\n  - Acceptance: `check: grep -c '<!--' a.html`\n",
        "## Notes\n- Risk: it may rain\n- Requires: patience\n## Tasks\n- [ ] A-1 One\n",
    ],
)
def test_prose_code_and_comments_are_left_alone(text: str) -> None:
    assert list(tasks_of(text)) == ["A-1"]


def test_other_markdown_is_no_blueprint() -> None:
    blueprint = read("# Shop\n\n## Install\n\n- [ ] clone\n- [ ] make\n\nDepends: A-1\n")
    assert not blueprint.is_blueprint
    assert [(it.line, it.message) for it in blueprint.problems] == [
        (0, "is not a blueprint: it has no section ## Tasks")
    ]


def test_recipes_below_a_key() -> None:
    shared = '## Usage Recipes\n- recipe: "one"\n  steps:\n    - shell: make\n### two\n```shell\ntrue\n```\n'
    for lines in ("  - Recipe: one, two", "  - Recipe:\n    - one\n    - `two`", "  - **Recipes:** `one`, `two`"):
        task = tasks_of(f"## Tasks\n- [ ] A-1 One\n{lines}\n{shared}")["A-1"]
        assert [recipe.name for recipe in task.recipes] == ["one", "two"]
    heading = tasks_of(f"## Tasks\n### One\n- **ID:** A-1\n#### Recipes\n- one\n- two\n{shared}")["A-1"]
    assert [recipe.name for recipe in heading.recipes] == ["one", "two"]


def test_metadata_is_kept() -> None:
    text = (
        "---\nid: x\nversion: 1.0.0\nowners: [ada, bob]\nlinks: [{label: a}]\nituv: {enabled: true}\nagent_role: qa\n"
        "required_tools: [git]\nskills: python, sql\n---\n## Tasks\n"
        "- [ ] A-1 One {estimate=3, labels=backend,api, assignees=@you, priority=high, skills=go,sh}\n"
        "  - Due: 2026-01-02\n  - Tools: grep, sed\n"
        "### Two\n- **ID:** A-2\n- **Agent:** planner\n- **Files:** a.py, b.py\n"
    )
    blueprint = read(text)
    assert blueprint.problems == ()
    assert blueprint.metadata == {"version": "1.0.0", "owners": "ada, bob", "links": '[{"label": "a"}]'}
    first, second = blueprint.items
    assert first.metadata == {"estimate": "3", "labels": "backend, api", "assignees": "@you", "due": "2026-01-02"}
    assert (first.task.agent_role, first.task.required_tools, first.task.skills) == (
        "qa",
        ("grep", "sed"),
        ("go", "sh"),
    )
    assert (second.metadata, second.task.description) == ({}, "- **Files:** a.py, b.py")
    assert (second.task.agent_role, second.task.required_tools) == ("planner", ("git",))
    assert second.task.skills == ("python", "sql")


def test_tasks_know_the_lines_they_were_read_from() -> None:
    text = "## Tasks\n- [ ] A-1 One\n  - Depends: A-2\n  - [ ] A-1a Sub\n    Prose.\n\n  More.\n\n- [ ] A-2 Two\n"
    assert {item.task.id: item.lines for item in read(text).items} == {
        "A-1": ((2, 3), (7, 7)),
        "A-1a": ((4, 5),),
        "A-2": ((9, 9),),
    }
    yaml = parse_blueprint("items:\n- id: a\n  title: b\n- id: c\n  description: |\n    x\n    y\n", "b.yaml")
    assert [item.lines for item in yaml.items] == [((2, 3),), ((4, 7),)]


COUNTS = {
    "crud_service.md": (9, 9 + 8, 16 + 4, 6),
    "template.md": (4, 3 + 3, 4 + 4, 2),
    "headings.md": (2, 1, 6, 2),
    "data.yaml": (2, 1, 5, 1),
    "data.json": (2, 1, 0, 0),
    "typed.yaml": (4, 4, 0, 0),
}
"""Tasks, dependencies, criteria and recipes, counted by hand; with the task that validates the blueprint."""


@pytest.mark.parametrize("name", COUNTS)
def test_files_of_the_original_form(name: str) -> None:
    blueprint = parse_blueprint((FIXTURES / name).read_text(), name)
    edges = sum(len(task.dependencies) for task in blueprint.tasks)
    criteria = sum(len(task.criteria) for task in blueprint.tasks)
    assert (len(blueprint.items), edges, criteria, len(blueprint.recipes)) == COUNTS[name]
    assert [problem for problem in blueprint.problems if problem.severity == ERROR] == []


def test_validation_depends_on_all_tasks() -> None:
    found = tasks_of(
        "---\nid: shop\n---\n## Tasks\n- [ ] A-1 One\n- [ ] A-2 Two\n## Validation\n- [ ] a `check: false`\n"
    )
    task = found["shop-validation"]
    assert (task.dependencies, task.criteria[0].check) == (("A-1", "A-2"), "false")


@pytest.mark.parametrize("key", ["Deps", "requires", "blocked_by", "Blocked by", "needs", "acceptance", "criteria"])
def test_a_name_of_a_key_in_markdown_is_no_metadata_in_yaml(key: str) -> None:
    blueprint = parse_blueprint(f"items:\n  - id: A-1\n  - id: A-2\n    {key}: [A-1]\n", "b.yaml")
    assert [problem.line for problem in blueprint.problems] == [4]
    assert "did you mean" in blueprint.problems[0].hint


def test_a_check_of_a_task_in_yaml() -> None:
    blueprint = parse_blueprint("items:\n  - id: A-1\n    check: pytest -q\n", "b.yaml")
    assert ["check is a key of a criterion" in problem.message for problem in blueprint.problems] == [True]


@pytest.mark.parametrize("word", ["chek", "ceck", "checks", "chec"])
def test_a_misspelled_check(word: str) -> None:
    blueprint = parse_blueprint(f"## Tasks\n\n- [ ] A-1 One\n  - Acceptance: works `{word}: true`\n", "b.md")
    assert [(problem.line, problem.hint) for problem in blueprint.problems] == [(4, "did you mean `check: COMMAND`?")]


def test_other_words_in_backticks_are_prose() -> None:
    text = "## Tasks\n\n- [ ] A-1 One\n  - Acceptance: prints `Total: 3` and `http://localhost:1`\n"
    assert parse_blueprint(text, "b.md").problems == ()


def test_a_check_in_a_title() -> None:
    blueprint = parse_blueprint("## Tasks\n\n- [ ] A-1 One `check: true`\n", "b.md")
    assert [(problem.line, problem.severity) for problem in blueprint.problems] == [(3, "warning")]


@pytest.mark.parametrize("start", ["  ---\nid: b\n---\n", "id: b\n---\n", "title: B\nowners: [ada]\n---\n"])
def test_front_matter_that_is_read_as_prose(start: str) -> None:
    blueprint = parse_blueprint(f"{start}\n## Tasks\n\n- [ ] A-1 One\n", "b.md")
    assert 1 in [problem.line for problem in blueprint.problems]


@pytest.mark.parametrize(
    "value", ["none", "None.", "None (can start immediately)", "none (a; b)", "None - it is first", "—", "N/A"]
)
def test_words_for_no_dependency(value: str) -> None:
    assert tasks_of(ONE_LINE.format(f"  - Blocked by: {value}"))["A-2"].dependencies == ()


def test_dependencies_name_tasks_by_number() -> None:
    headings = "## Plan\n### Task 1: Parse\n**Priority:** high\n### Task 2: Combine\n**Depends on:** Task 1\n"
    text = headings + "### Task 2.1: Ship\n- **Depends on:** Tasks 1, 2\n- **Effort:** 2\n"
    found = {task.title: task for task in read(text).tasks}
    assert {task.id: task.dependencies for task in found.values()} == {
        "parse": (),
        "combine": ("parse",),
        "2.1": ("parse", "combine"),
    }
    boxes = tasks_of(
        "## Tasks\n1. [ ] 1. Parse\n2. [ ] 2. Combine\n  - Depends: 1\n- [ ] Task 3: Ship\n  - Depends: #2, task 1\n"
    )
    assert boxes["ship"].dependencies == ("combine", "parse")
    assert boxes["combine"].dependencies == ("parse",)


def test_a_task_that_blocks_others_is_their_dependency() -> None:
    found = tasks_of(
        "## Tasks\n- [ ] A-1 One\n  - Blocks: A-2, A-3\n- [ ] A-2 Two\n  - Depends: A-1\n- [ ] A-3 Three\n"
    )
    assert {task.id: task.dependencies for task in found.values()} == {"A-1": (), "A-2": ("A-1",), "A-3": ("A-1",)}
    assert problems_of("## Tasks\n- [ ] A-1 One\n  - **Blocks**: A-9\n")[0].startswith("warning 3: blocks 'A-9'")


@pytest.mark.parametrize("words", ["(depends on A-1)", "(depends on: A-1)", "[blocked by A-1]", "(Depends: `A-1`)"])
def test_dependencies_in_brackets_of_a_title(words: str) -> None:
    task = tasks_of(f"## Tasks\n- [ ] A-1 One\n- [ ] A-2 Two {words}\n")["A-2"]
    assert (task.title, task.dependencies) == ("Two", ("A-1",))


@pytest.mark.parametrize(
    "text", ["This depends on A-1.", "It is blocked by A-1 and A-0 for now", "Note: depends on `A-1`"]
)
def test_prose_that_names_dependencies_is_warned_of(text: str) -> None:
    found = problems_of(ONE_LINE.format(f"  - {text}"))
    assert [line.partition(",")[0] for line in found] == ["warning 4: reads like a dependency"]


def test_a_heading_with_an_id_and_keys_is_a_task_in_any_section() -> None:
    text = "# Plan\n## TASK-001: Parse\n**Effort:** 2\n## TASK-002: Ship\n**Depends on:** TASK-001\n### Acceptance\n"
    text += "- [ ] a\n"
    found = tasks_of(text)
    assert {task.id: (task.title, task.dependencies) for task in found.values()} == {
        "TASK-001": ("Parse", ()),
        "TASK-002": ("Ship", ("TASK-001",)),
    }
    assert found["TASK-002"].criteria[0].text == "a"


THREE = "## Tasks\n- [ ] A-1 One\n- [ ] A-2 Two{}\n- [ ] A-3 Three\n  - Depends: A-2\n"


@pytest.mark.parametrize(
    "words",
    [
        *(" — depends on: A-1", "; depends on A-1", ", blocked by A-1", ". Depends on A-1.", " **Depends on:** A-1"),
        *(" (depends on task A-1)", " needs [A-1](#a-1)", " waits for `A-1`", " (after A-1 and the review)", " -> A-1"),
        *("\n\n  Like A-3, this depends on A-1.", "\n\n  | Needs | A-1 |", "\n\n  Predecessors: A-1"),
        *("\n  ```yaml\n  depends_on:\n    - A-1\n  ```", "\n  ```yaml\n  dependsOn: [A-1]\n  ```"),
    ],
)
def test_a_dependency_in_a_title_or_in_prose_is_read_or_reported(words: str) -> None:
    blueprint = read(THREE.format(words))
    second = next(task for task in blueprint.tasks if task.id == "A-2")
    lines = {problem.line for problem in blueprint.problems if problem.severity != "note"}
    assert second.dependencies == ("A-1",) or lines & set(range(3, 4 + words.count("\n"))), blueprint.problems


@pytest.mark.parametrize(
    "text",
    [
        *("## Dependencies\n- A-2 depends on A-1\n", "## Dependencies\n\n- A-2: A-1\n", "## Order\nA-1 → A-2\n"),
        *("## Notes\n| Task | Depends on |\n|---|---|\n| A-2 | A-1 |\n", "## Notes\nA-2 requires A-1\n"),
        *("## Notes\nA-1 blocks A-2\n", "## Notes\nA-2 <- A-1\n", "## Notes\nA-1 is required by A-2\n"),
        *("## Notes\na-2 depends on a-1\n", "## Notes\nA-1 is a prerequisite for A-2.\n"),
        *("## Notes\n```mermaid\nA-1 --> A-2\n```\n", "## Phase 3 (depends on A-2)\n- [ ] A-4 Four\n"),
    ],
)
def test_a_dependency_outside_of_tasks_is_reported(text: str) -> None:
    found = problems_of(THREE.format("") + text)
    assert [line for line in found if "reads like a dependency, but is prose" in line], found


@pytest.mark.parametrize(
    "text",
    [
        *("A-3 depends on A-2.", "A-2 -> A-3", "A-3 → A-2", "| Task | Depends on |\n|---|---|\n| A-3 | A-2 |"),
        *("A-1 does not depend on A-2.", "A-1 needs care, see above.", "After that, A-1 is easy.", "No dependencies."),
        *("A-2 needs a review before A-3 starts.", "```sh\necho A-2 depends on A-1\n```"),
        *(
            "The dependencies of A-3 are above.",
            "A-1 -> done, A-2 -> open",
            "A-2 blocks A-3",
            "A-1 is needed by nobody",
        ),
        "<!-- A-2 depends on A-1 -->",
    ],
)
def test_prose_about_dependencies_that_exist_is_left_alone(text: str) -> None:
    assert problems_of(THREE.format("") + "## Notes\n" + text + "\n") == []


def test_prose_about_an_indirect_dependency_is_left_alone() -> None:
    text = THREE.format("\n  - Depends: A-1") + "\n  This needs A-1, and A-3 depends on A-1.\n"
    assert problems_of(text) == []


@pytest.mark.parametrize("key", ["blockedBy", "waitsFor", "wait_for", "predecessors", "prerequisites", "dependsOn"])
def test_a_name_of_dependencies_in_data_is_an_error(key: str) -> None:
    for text in (f"items:\n  - id: A-1\n  - id: A-2\n    {key}: [A-1]\n", f"items: [{{id: A-2, {key}: A-2}}]\n"):
        (problem,) = parse_blueprint(text, "b.yaml").problems
        assert (problem.severity, problem.hint) == (ERROR, "did you mean 'depends_on'?")


@pytest.mark.parametrize(
    "key", ["doneWhen", "acceptanceTests", "successCriteria", "exit_criteria", "AC", "verify", "acceptanceCriteria"]
)
def test_a_name_of_criteria_in_data_is_an_error(key: str) -> None:
    (problem,) = parse_blueprint(f"items:\n  - id: A-1\n    {key}: [works]\n", "b.yaml").problems
    assert (problem.severity, problem.hint) == (ERROR, "did you mean 'acceptance_criteria'?")


def test_blocks_in_data_is_an_error() -> None:
    (problem,) = parse_blueprint("items:\n  - id: A-1\n    blocks: [A-2]\n  - id: A-2\n", "b.yaml").problems
    assert (problem.line, problem.hint) == (3, "write depends_on in the tasks that it blocks")


@pytest.mark.parametrize(
    "line",
    [
        *("Success criteria: works", "AC: works", "**Exit criteria:** works", "Verify: works", "Done when: works"),
        *("**AC**\n    - works", "Success Criteria:\n    - [ ] works", "AC1: works", "**AC 2:** works"),
    ],
)
def test_names_of_criteria(line: str) -> None:
    for bullet in ("- ", ""):
        task = tasks_of(f"## Tasks\n- [ ] A-1 One\n  {bullet}{line}\n")["A-1"]
        assert [criterion.text for criterion in task.criteria] == ["works"], bullet


def test_a_box_that_starts_with_verify_is_a_task_or_a_criterion() -> None:
    found = tasks_of("## Tasks\n- [ ] Verify: all pass\n- [ ] A-1 One\n  - [ ] Verify: it works\n")
    assert found["verify-all-pass"].title == "Verify: all pass"
    assert [criterion.text for criterion in found["A-1"].criteria] == ["Verify: it works"]


def test_the_criteria_of_a_phase_are_reported() -> None:
    text = (
        "# Backlog\n## Phase 1\n- [ ] A-1 One\n\n**Exit criteria:**\n- works\n## Phase 2\n\n### Success criteria\n- a\n"
    )
    assert "warning 5: '**Exit criteria:**' belongs to no task, and is prose" in problems_of(text)
    assert [task.id for task in read(text).tasks] == ["A-1"]


@pytest.mark.parametrize(
    "text",
    [
        *("| A-2 | Two |", "| `A-2` | Two |", "<li>[ ] A-2 Two</li>", "<ul><li>A-2 Two</li></ul>", "☐ Two", "- ☐ Two"),
        *("* TODO Two", "TODO Two", "1. Two", "2) A-2 Two", "| Task | State |\n|---|---|\n| Two | open |"),
    ],
)
def test_what_looks_like_a_task_beside_tasks_is_reported(text: str) -> None:
    for before in ("## Tasks\n- [ ] A-1 One\n\n", "## Phase 1\n- [ ] A-1 One\n\n", "## Plan\n- [ ] A-1 One\n\n"):
        last = (before + text).count("\n") + 1
        assert [it.line for it in read(f"{before}{text}\n").problems if it.severity != "note"] == [last], before


@pytest.mark.parametrize(
    "text",
    [
        *(
            "| Name | Type |\n|---|---|\n| auth.token | text |",
            "| Task | State |\n|---|---|\n| A-1 | open |",
            "<li>x</li>",
        ),
        *(
            "1. Make it\n2. Test it",
            "- TODO: ask Ada",
            "See A-2 of last year.",
            "| Task | State |\n|---|---|\n| One | x |",
        ),
    ],
)
def test_tables_and_lists_of_other_things_are_left_alone(text: str) -> None:
    assert problems_of(f"## Tasks\n- [ ] A-1 One\n## Notes\n{text}\n") == []


def test_many_lines_that_look_like_tasks_are_counted() -> None:
    rows = "".join(f"| A-{number} | x |\n" for number in range(2, 102))
    found = problems_of(f"## Tasks\n- [ ] A-1 One\n\n{rows}")
    assert len(found) == 21
    assert found[-1] == "warning 24: looks like a task, but is prose; so do 79 lines below it"


@pytest.mark.parametrize("box", "-~?>/!")
def test_a_box_of_another_state_is_noted(box: str) -> None:
    found = problems_of(f"## Tasks\n- [ ] A-1 One\n  - [{box}] works\n- [{box}] A-2 Two\n")
    assert found == [f"note {line}: the box [{box}] is read as open" for line in (3, 4)]


@pytest.mark.parametrize("title", ["A-1 ~~One~~", "~~A-1 One~~", "~~One~~"])
def test_a_title_that_is_struck_out_is_noted(title: str) -> None:
    assert problems_of(f"## Tasks\n- [ ] {title}\n") == ["note 2: a title that is struck out is read as an open task"]


@pytest.mark.parametrize("effort", [1, 8, 13])
def test_efforts_may_be_fibonacci_numbers(effort: int) -> None:
    assert tasks_of(f"## Tasks\n- [ ] A-1 One {{effort={effort}}}\n")["A-1"].effort == effort


def test_numbers_in_brackets_of_a_title_are_dependencies() -> None:
    found = tasks_of("## Tasks\n1. [ ] 1. Parse\n2. [ ] 2. Plan\n3. [ ] 3. Ship (depends on #1, #2)\n")
    assert (found["ship"].title, found["ship"].dependencies) == ("Ship", ("parse", "plan"))
    (task,) = read("## Tasks\n- [ ] A-2 Two (depends on #7)\n").tasks
    assert task.dependencies == ("7",)
