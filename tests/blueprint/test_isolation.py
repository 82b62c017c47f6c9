"""The isolation of a task: its own, else that of its blueprint, else that of penguin.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from penguin.orchestration.blueprint.lint import lint
from penguin.orchestration.blueprint.loader import load_blueprints
from penguin.orchestration.config import load_settings
from penguin.orchestration.runtime.task_catalog import TaskCatalog

MARKDOWN = """\
---
{}
---
## Tasks
### A
- **ID:** a
### B
- **ID:** b
- **Isolation:** {}
"""


def catalog(root: Path, name: str, text: str, settings: str = "") -> TaskCatalog:
    (root / "penguin.yaml").write_text(f"project: {{id: p}}\nblueprints: ['b.*']\n{settings}")
    (root / name).write_text(text)
    loaded = load_settings(root)
    return TaskCatalog(loaded, load_blueprints(root, loaded))


def isolation(catalog: TaskCatalog, task: str) -> str:
    return catalog.define(catalog.find(task), None).isolation


FORMS = {
    "b.yaml": "isolation: {}\nitems: [{{id: a}}, {{id: b, isolation: {}}}]\n",
    "b.json": '{{"isolation": "{}", "items": [{{"id": "a"}}, {{"id": "b", "isolation": "{}"}}]}}',
    "b.md": MARKDOWN.replace("{}", "isolation: {}", 1),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_task_overrides_its_blueprint_and_the_blueprint_overrides_the_settings(tmp_path: Path, name: str) -> None:
    found = catalog(tmp_path, name, FORMS[name].format("shared", "in-place"))
    assert (isolation(found, "a"), isolation(found, "b")) == ("shared", "in-place")
    found = catalog(tmp_path, name, FORMS[name].format("in-place", "shared"), "isolation: shared\n")
    assert (isolation(found, "a"), isolation(found, "b")) == ("in-place", "shared")


def test_without_any_it_is_that_of_the_settings(tmp_path: Path) -> None:
    text = "items: [{id: a}, {id: b, isolation: null}]\n"
    assert isolation(catalog(tmp_path, "b.yaml", text), "a") == "in-place"
    found = catalog(tmp_path, "b.yaml", text, "isolation: shared\n")
    assert (isolation(found, "a"), isolation(found, "b")) == ("shared", "shared")


@pytest.mark.parametrize("name", FORMS)
def test_an_unknown_value_is_an_error_with_a_suggestion(tmp_path: Path, name: str) -> None:
    text = FORMS[name].format("in-place", "inplace")
    catalog(tmp_path, name, text)
    settings = load_settings(tmp_path)
    (problem,) = load_blueprints(tmp_path, settings).blueprints[0].problems
    assert problem.severity == "error"
    assert problem.line == next(number for number, line in enumerate(text.split("\n"), 1) if "inplace" in line)
    assert "task b.isolation" in problem.message
    assert "one of tree, in-place, shared" in problem.message
    assert "in-place" in problem.hint


def test_lint_warns_where_workflows_of_a_blueprint_share_the_tree(tmp_path: Path) -> None:
    parallel = "orchestration: {max_parallel: 2}\n"
    for text, warns in (("items: [{id: a, isolation: shared}]\n", True), ("items: [{id: a}]\n", False)):
        catalog(tmp_path, "b.yaml", text, parallel)
        settings = load_settings(tmp_path)
        found = lint(load_blueprints(tmp_path, settings), settings)
        assert any("max_parallel is 2" in problem.message for problem in found) is warns
