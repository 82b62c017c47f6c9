"""YAML, JSON and Markdown come to the same model; and no text raises."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from penguin.orchestration.blueprint import Blueprint, parse_blueprint
from penguin.orchestration.core.definition import PRIORITIES, Task

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,12}(\.[A-Za-z0-9_-]{1,5}){0,2}", fullmatch=True)
# Plain letters at both ends: Markdown trims, and gives other characters a meaning at the beginning of a line.
words = st.from_regex(r"[A-Za-zäöü](?:[A-Za-z0-9 äöü,.!?'\"&%$+=/-]{0,20}[A-Za-zäöü])?", fullmatch=True).map(
    lambda text: " ".join(text.split())
)
small = st.integers(1, 5)
criteria = st.one_of(words, st.fixed_dictionaries({"text": words, "check": words}))
steps = st.one_of(
    st.fixed_dictionaries({"shell": words}, optional={"expect_exit": st.integers(0, 255), "expect_stdout": words}),
    st.fixed_dictionaries({"shell": words, "background": st.just(True)}),
    st.fixed_dictionaries({"python": words}, optional={"timeout": st.integers(1, 99)}),
    st.fixed_dictionaries(
        {"http": st.sampled_from(["GET http://localhost:1/", "POST https://example.org/a?b=c"])},
        optional={
            "expect_status": st.integers(100, 599),
            "expect_json": st.recursive(
                small | words, lambda it: st.lists(it) | st.dictionaries(ids, it), max_leaves=5
            ),
            "within": small,
            "headers": st.dictionaries(st.from_regex("[A-Za-z][A-Za-z-]{0,9}", fullmatch=True), ids, min_size=1),
            "body": words,
        },
    ),
)
recipes = st.dictionaries(ids, st.lists(steps, min_size=1, max_size=3), max_size=2)
tasks = st.fixed_dictionaries(
    {"id": ids, "title": words},
    optional={
        "description": words,
        "priority": st.sampled_from(PRIORITIES),
        "effort": small,
        "value": small,
        "risk": small,
        "done": st.booleans(),
        "depends_on": st.lists(ids.filter(lambda text: text.lower() != "none"), unique=True, min_size=1, max_size=3),
        "acceptance_criteria": st.lists(criteria, min_size=1, max_size=3),
        "recipes": recipes,
        "phases": st.just({"test": {"run": ["a"]}, "use": "skip"}),
    },
)
blueprints = st.fixed_dictionaries({"id": ids, "title": words, "items": st.lists(tasks, min_size=1, max_size=3)})


def to_markdown(data: dict[str, Any]) -> str:
    lines = ["---", json.dumps({"id": data["id"], "title": data["title"]}), "---", "## Tasks"]
    for number, task in enumerate(data["items"], 1):
        lines += _task(number, task)
    return "\n".join(lines) + "\n"


def _task(number: int, task: dict[str, Any]) -> list[str]:
    lines = [f"### {number}. {task['title']}", "", f"- **ID:** `{task['id']}`"]
    for key in ("priority", "effort", "value", "risk", "done"):
        if key in task:
            lines.append(f"- **{key.title()}:** {json.dumps(task[key]).strip(chr(34))}")
    if "depends_on" in task:
        lines.append("- **Dependencies:** " + ", ".join(task["depends_on"]))
    if "description" in task:
        lines += ["", task["description"], ""]
    if "phases" in task:
        lines += ["", "```yaml phases", json.dumps(task["phases"]), "```"]
    if "acceptance_criteria" in task:
        lines += ["#### Acceptance Criteria", *map(_criterion, task["acceptance_criteria"])]
    for name, found in task.get("recipes", {}).items():
        lines += [f"#### Recipe: {name}", *(line for step in found for line in _step(step))]
    return lines


def _criterion(criterion: Any) -> str:
    return (
        f"- [ ] {criterion}" if isinstance(criterion, str) else f"- {criterion['text']} `check: {criterion['check']}`"
    )


def _step(step: dict[str, Any]) -> list[str]:
    kind = next(kind for kind in ("shell", "python", "http") if kind in step)
    rest = {key: value for key, value in step.items() if key not in (kind, "expect_json", "headers", "body")}
    quoted = {key: "'" + str(value).replace("'", "'\"'\"'") + "'" for key, value in rest.items()}
    info = " ".join(key if rest[key] is True else f"{key}={value}" for key, value in quoted.items())
    lines = [f"```{kind} {info}", step[kind]]
    lines += [f"{name}: {value}" for name, value in step.get("headers", {}).items()]
    lines += ["", step["body"]] if "body" in step else []
    lines.append("```")
    if "expect_json" in step:
        lines += ["```json expect", json.dumps(step["expect_json"]), "```"]
    return lines


def without_places(blueprint: Blueprint) -> Any:
    """The model but for paths and lines, which differ between formats."""

    def plain(task: Task) -> Task:
        own = tuple(
            replace(recipe, line=0, steps=tuple(replace(step, line=0) for step in recipe.steps))
            for recipe in task.recipes
        )
        found = tuple(replace(criterion, line=0) for criterion in task.criteria)
        return replace(task, path="", line=0, recipes=own, criteria=found)

    items = [(plain(item.task), item.phases, item.timeouts) for item in blueprint.items]
    return (blueprint.id, blueprint.title, blueprint.project_id, items)


@given(blueprints)
@settings(deadline=None)
def test_three_formats_one_model(data: dict[str, Any]) -> None:
    # In Markdown, a dependency may also name a task by its title or its number.
    other_names = {task["title"].casefold() for task in data["items"]} | {"1", "2", "3"}
    assume(not any(name.casefold() in other_names for task in data["items"] for name in task.get("depends_on", ())))
    from_yaml = parse_blueprint(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "b.yaml")
    from_json = parse_blueprint(json.dumps(data, indent=1), "b.json")
    from_markdown = parse_blueprint(to_markdown(data), "b.md")
    assert from_yaml.problems == from_json.problems == from_markdown.problems == ()
    assert len(from_yaml.items) == len(data["items"])
    assert without_places(from_yaml) == without_places(from_json) == without_places(from_markdown)


@given(blueprints)
@settings(deadline=None)
def test_every_task_knows_its_line(data: dict[str, Any]) -> None:
    text = to_markdown(data)
    lines = text.split("\n")
    for task in parse_blueprint(text, "b.md").tasks:
        assert task.title in lines[task.line - 1]
        for criterion in task.criteria:
            assert criterion.text in lines[criterion.line - 1]


_pieces = st.sampled_from(
    """\
## Tasks
### A
- [ ] A b
  - Depends: x
- **ID:** a
#### Recipe: r
```shell
```
#### Acceptance Criteria
- [ ] c `check: x
## Usage Recipes
---
id: x
{a: [
> x
```http a=b
GET http://x
```yaml phases
```json expect
items:
- id: 1
<!-- x
""".splitlines(keepends=True)
)


@given(st.lists(_pieces | st.text(max_size=8), max_size=40).map("".join), st.sampled_from(["b.md", "b.yaml", "b.json"]))
@settings(deadline=None)
def test_no_text_raises(text: str, path: str) -> None:
    blueprint = parse_blueprint(text, path)
    assert blueprint.items or blueprint.problems
    # Of Markdown a carriage return ends a line, too.
    lines = len(re.findall(r"\r\n|\r|\n", text)) + 2
    assert all(0 <= problem.line <= lines for problem in blueprint.problems)
