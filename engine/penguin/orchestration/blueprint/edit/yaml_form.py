"""Additions to YAML blueprints: the task is added as text, so all comments and quotes of the file stay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from penguin.orchestration.blueprint.edit.block_list import end_of_item, is_spaced
from penguin.orchestration.blueprint.edit.insertion import Insertion, after_line
from penguin.orchestration.blueprint.edit.json_form import task_entry
from penguin.orchestration.blueprint.edit.new_task import NewTask
from penguin.orchestration.blueprint.model import Blueprint
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LISTS = ("items", "tasks")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.()-]*(?: [A-Za-z0-9_/.()-]+)*")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def insertions(text: str, blueprint: Blueprint, task_id: str, task: NewTask) -> Iterator[Insertion]:
    """Yield insertions that may add the task."""
    # PyYAML's composer recurses in C: it gets only documents that the reader accepted.
    if parse_yaml(text, Checker(blueprint.path)) is None:
        return
    root = yaml.compose(text, Loader=_LOADER)
    if not isinstance(root, yaml.MappingNode):
        return
    items = next((value for key, value in root.value if key.value in _LISTS), None)
    entry = task_entry(task_id, task, _dependency_key(items))
    if items is None:
        if not root.flow_style:
            yield after_line(text, len(text.rstrip("\n")), f"items:\n{_block(entry, 2)}")
    elif not isinstance(items, yaml.SequenceNode):
        # `items:` without a value, or with null.
        yield Insertion(items.start_mark.index, items.end_mark.index, f"\n{_block(entry, 2)}")
    elif items.flow_style or not items.value:
        yield _into_flow(text, items, entry)
    else:
        yield _into_block(text, items, entry)


def _dependency_key(items: Any) -> str:
    """Return the name of the dependencies that the file uses."""
    tasks = items.value if isinstance(items, yaml.SequenceNode) else []
    keys = {key.value for task in tasks if isinstance(task, yaml.MappingNode) for key, _ in task.value}
    return "dependencies" if "dependencies" in keys and "depends_on" not in keys else "depends_on"


def _into_block(text: str, items: Any, entry: dict[str, Any]) -> Insertion:
    last = items.value[-1]
    dash = items.start_mark.column
    lines = text[: items.end_mark.index].split("\n")
    start = last.start_mark.line
    end = end_of_item(lines, start, len(lines), dash)
    blank = "\n" if is_spaced(lines, start) else ""
    added = f"{' ' * dash}- {_flow(entry)}" if last.flow_style else _block(entry, dash, last.start_mark.column - dash)
    return after_line(text, sum(len(line) + 1 for line in lines[: end - 1]), f"{blank}{added}")


def _into_flow(text: str, items: Any, entry: dict[str, Any]) -> Insertion:
    start, end = items.start_mark.index, items.end_mark.index
    if not items.value:
        return Insertion(start, end, f"[{_flow(entry)}]")
    last = items.value[-1]
    after = last.end_mark.index
    line_start = text.rfind("\n", 0, last.start_mark.index) + 1
    indent = text[line_start : last.start_mark.index]
    separator = f",\n{indent}" if not indent.strip() and line_start > start else ", "
    return Insertion(after, after, f"{separator}{_flow(entry)}")


def _block(entry: dict[str, Any], dash: int, gap: int = 2) -> str:
    """Return the task as an item of a block list whose dashes are in column `dash`."""
    indent = " " * (dash + gap)
    lines: list[str] = []
    for key, value in entry.items():
        if isinstance(value, list) and key not in ("depends_on", "dependencies"):
            lines.append(f"{indent}{key}:")
            lines += [f"{indent}  - {_flow(item)}" for item in value]
        else:
            lines.append(f"{indent}{key}: {_flow(value)}")
    return "\n".join([f"{' ' * dash}-{' ' * (gap - 1)}{lines[0].lstrip()}", *lines[1:]])


def _flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # In double quotes, YAML understands what JSON writes.
    return json.dumps(text, ensure_ascii=False)
