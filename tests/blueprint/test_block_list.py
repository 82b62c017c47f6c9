"""The place of a new item in a YAML list is the same for imports and for /task add."""

from __future__ import annotations

import pytest

from penguin.orchestration.blueprint import parse_blueprint
from penguin.orchestration.blueprint.edit import yaml_form
from penguin.orchestration.blueprint.edit.blueprint_edit import BlueprintEdit
from penguin.orchestration.blueprint.edit.new_task import NewTask

NOTES = "  # About the whole list.\n\n# About what follows.\nvalidation: [It works]\n"


@pytest.mark.parametrize("dash", [0, 2, 4])
@pytest.mark.parametrize("last", ["title: One", "title: One  # first", "description: |\n{}# no comment\n\n{}text"])
@pytest.mark.parametrize("after", ["", NOTES])
def test_both_add_behind_the_last_line_of_the_last_item(dash: int, last: str, after: str) -> None:
    indent = " " * dash
    deep = f"{indent}    "
    item = f"{indent}- id: a\n{indent}  {last.format(deep, deep)}\n"
    text = f"items:\n{item}{after.replace('  #', f'{indent}#', 1)}"
    edit = BlueprintEdit(text, "b.yaml")
    edit.append(["  - id: b\n    title: Two\n"])
    added = f"{indent}- id: b\n{indent}  title: Two\n"
    assert edit.text() == text.replace(item, f"{item}\n{added}")
    (insertion, *_) = yaml_form.insertions(text, parse_blueprint(text, "b.yaml"), "b", NewTask(title="Two"))
    assert insertion.apply(text) == text.replace(item, f"{item}{added}")
