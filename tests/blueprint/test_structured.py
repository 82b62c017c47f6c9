"""Blueprints in YAML and JSON: what they may say, and what is refused."""

from __future__ import annotations

import pytest

from penguin.orchestration.blueprint import parse_blueprint
from penguin.orchestration.core.definition import Criterion, Expectation

FULL = """\
id: auth
title: Auth
project: other
ituv: {phase_timebox_sec: {implement: 1800}}
phases: {test: {run: [make test]}}
recipes:
  demo:
    - {shell: shop --demo, expect_exit: 3, expect_stdout: 42}
    - {http: http://localhost:1/, headers: {Accept: text/plain}, expect_status: 404}
items:
  - id: 007
    title: yes
    description: Do it.
    depends_on: [a.b]
    acceptance_criteria:
      - Prose
      - {text: Checked, check: "true"}
      - {check: make check}
    recipe: demo
    recipes: {own: [{python: print(1)}]}
    phases: {test: {on_failure: same}}
    ituv: {phase_timebox_sec: {test: 5}}
  - {id: two, dependencies: "007", recipe: [{shell: ls}]}
  - {id: three, recipes: [demo, demo]}
"""


def test_the_whole_file() -> None:
    blueprint = parse_blueprint(FULL, "blueprints/a.yaml", "shop")
    assert blueprint.problems == ()
    assert (blueprint.id, blueprint.project_id) == ("auth", "other")
    first, second, third = blueprint.items
    assert (first.task.id, first.task.title, first.task.dependencies) == ("007", "yes", ("a.b",))
    assert first.task.criteria == (
        Criterion("Prose", None, 16),
        Criterion("Checked", "true", 17),
        Criterion("make check", "make check", 18),
    )
    assert [recipe.name for recipe in first.task.recipes] == ["demo", "own"]
    assert first.task.recipes[0].steps[0].expect == Expectation(exit=3, stdout="42")
    assert first.phases == {"test": {"run": [{"run": "make test"}], "on_failure": "same"}}
    assert first.timeouts == {"implement": 1800, "test": 5}
    assert (first.dependency_line, first.task.line) == (14, 11)
    assert second.task.dependencies == ("007",)
    assert second.task.recipes[0].name == "two"
    assert [recipe.name for recipe in third.task.recipes] == ["demo"]
    assert third.task.place == 2


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("items: []\n", 0, "has no tasks (items: [{id: ID, title: TITLE}])"),
        ("# nothing\n", 0, "has no tasks"),
        ("item: []\n", 1, "did you mean 'items'"),
        ("- id: a\n", 1, "must be a mapping"),
        ("items: {a: 1}\n", 1, "must be a list"),
        ("items: [a]\n", 1, "must be a mapping"),
        ("items: [~]\n", 1, "must be a mapping"),
        ("items:\n- title: a\n", 2, "has no id"),
        ("items:\n- id: ../x\n", 2, "not a valid id"),
        ("items:\n- id: [a]\n", 2, "must be a string"),
        ("items:\n- id: a\n  titel: b\n", 3, "did you mean 'title'"),
        ("items:\n- id: a\n  priority: top\n", 3, "one of critical"),
        ("items:\n- id: a\n  risk: 0\n", 3, "from 1 to 5"),
        ("items:\n- id: a\n  depends_on: [x]\n  dependencies: [y]\n", 4, "use either"),
        ("items:\n- id: a\n  depends_on: ['; rm']\n", 3, "not a valid id"),
        ("items:\n- id: a\n  depends_on: [~, b]\n", 3, "task a: dependencies: must be a string, not nothing"),
        ("items:\n- id: a\n  recipe: [~]\n", 3, "task a.recipe: must be a string, not nothing"),
        ("items:\n- id: a\n  acceptance_criteria: text\n", 3, "task a.acceptance_criteria: must be a list"),
        ("items:\n- id: a\n  acceptance_criteria: [{chek: x}]\n", 3, "did you mean 'check'"),
        ("items:\n- id: a\n  acceptance_criteria: [{}]\n", 3, "neither text nor check"),
        ("items:\n- id: a\n  recipe: nope\n", 3, "no named recipes"),
        ("recipes: {demo: [{shell: x}]}\nitems:\n- id: a\n  recipe: dmo\n", 4, "did you mean 'demo'"),
        ("items:\n- id: a\n  recipes: {r: []}\n", 3, "has no steps"),
        ("items:\n- id: a\n  recipes: {r: [ls]}\n", 3, "{shell: COMMAND, expect_exit: 0}"),
        ("items:\n- id: a\n  recipes: {r: [{shell: a, http: b}]}\n", 3, "exactly one of shell, http, python"),
        ("items:\n- id: a\n  recipes: {r: [{shell: a, expect_status: 1}]}\n", 3, "unknown key 'expect_status'"),
        ("items:\n- id: a\n  recipes: {r: [{shell: ~}]}\n", 3, "must be a string"),
        ("items:\n- id: a\n  recipes: {r: [{http: 'http://x/', headers: {'a b': c}}]}\n", 3, "not a header"),
        ("items:\n- id: a\n  recipes: {r: [{http: 'http://x/', headers: {a: \"b\\nc\"}}]}\n", 3, "not a header"),
        ("items:\n- id: a\n  phases: {test: {run: 3}}\n", 3, "task a.phases.test.run"),
        ("items:\n- id: a\n  done: perhaps\n", 3, "true or false"),
        ("project: ../x\nitems:\n- id: a\n", 1, "not a valid id"),
    ],
)
def test_complaints_name_the_line(text: str, line: int, message: str) -> None:
    problems = parse_blueprint(text, "b.yaml").problems
    shown = "\n".join(map(str, problems))
    assert message in shown
    assert any(message in str(problem) and problem.line == line for problem in problems), shown


def test_a_file_name_that_is_no_id() -> None:
    assert "add an id" in str(parse_blueprint("items: [{id: a}]", "my plan.yaml").problems[0])
    assert parse_blueprint("id: plan\nitems: [{id: a}]", "my plan.yaml").problems == ()


def test_json_with_tabs() -> None:
    blueprint = parse_blueprint('{\n\t"items": [\n\t\t{"id": "a", "effort": 5}\n\t]\n}\n', "b.json")
    assert blueprint.problems == ()
    assert (blueprint.tasks[0].effort, blueprint.tasks[0].line) == (5, 3)


def test_subtasks_are_tasks() -> None:
    text = "items:\n- id: a\n  depends_on: [d]\n  subtasks:\n  - id: b\n    subtasks: [{id: c}]\n- id: d\n"
    blueprint = parse_blueprint(text, "b.yaml")
    assert blueprint.problems == ()
    assert {task.id: task.dependencies for task in blueprint.tasks} == {"a": ("d", "b"), "b": ("c",), "c": (), "d": ()}
    assert "must be a list" in str(parse_blueprint("items: [{id: a, subtasks: b}]", "b.yaml").problems[0])


@pytest.mark.parametrize("dependencies", ["[a, b]", "a, b", '["a (artifact)", b]', "a and b"])
def test_forms_of_dependencies(dependencies: str) -> None:
    text = f"tasks:\n- id: a\n- id: b\n- id: c\n  depends_on: {dependencies}\n"
    assert parse_blueprint(text, "b.yaml").tasks[2].dependencies == ("a", "b")


def test_steps_with_a_type_and_recipes_in_a_list() -> None:
    text = (
        "recipes:\n- recipe: one\n  description: first\n  steps:\n  - {type: shell, command: make, expect_exit: 1}\n"
        "- name: two\n  steps: [{type: http, request: GET http://x/}, {http: POST http://x/, body: {a: [1]}}]\n"
        "items: [{id: a, recipe: [{type: python, code: print(1)}]}]\n"
    )
    blueprint = parse_blueprint(text, "b.yaml")
    assert blueprint.problems == ()
    one, two = blueprint.recipes
    assert (one.name, one.description, one.steps[0].source, one.steps[0].expect.exit) == ("one", "first", "make", 1)
    assert [(step.kind, step.source) for step in two.steps] == [("http", "http://x/"), ("http", "http://x/")]
    assert (two.steps[1].body, two.steps[1].headers) == ('{"a": [1]}', {"Content-Type": "application/json"})
    assert blueprint.tasks[0].recipes[0].steps[0].source == "print(1)"


def test_validation_in_data() -> None:
    blueprint = parse_blueprint("validation: [it works, {text: a, check: b}]\nitems: [{id: a}]\n", "b.yaml")
    assert [task.id for task in blueprint.tasks] == ["a", "b-validation"]
    assert (blueprint.tasks[1].dependencies, len(blueprint.tasks[1].criteria)) == (("a",), 2)
    assert blueprint.items[1].phases == {"implement": {"skip": True}, "use": {"skip": True}}
