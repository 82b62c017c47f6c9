"""Additions to JSON blueprints, indented as the last task of the file is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from penguin.orchestration.blueprint.edit.insertion import Insertion
from penguin.orchestration.blueprint.edit.new_task import NewTask
from penguin.orchestration.blueprint.model import Blueprint

_SPACE = re.compile(r"[ \t\n]*")
_DECODER = json.JSONDecoder()
_LISTS = ("items", "tasks")


def insertions(text: str, blueprint: Blueprint, task_id: str, task: NewTask) -> Iterator[Insertion]:
    """Yield insertions that may add the task."""
    start = _skip_space(text, 0)
    if text[start : start + 1] != "{":
        return
    members = {name: value for name, *value in _members(text, start)}
    name = next((name for name in _LISTS if name in members), None)
    unit = _unit(text)
    if name is None:
        yield _new_list(text, start, task_entry(task_id, task), unit)
        return
    begin, end = members[name]
    if text[begin : begin + 1] == "[":
        yield _into_list(text, begin, end, task_entry(task_id, task), unit)


def task_entry(task_id: str, task: NewTask, dependencies: str = "depends_on") -> dict[str, Any]:
    """Return the task as a mapping of a YAML or JSON blueprint."""
    entry: dict[str, Any] = {"id": task_id, "title": task.title}
    if task.priority:
        entry["priority"] = task.priority
    if task.dependencies:
        entry[dependencies] = list(task.dependencies)
    if task.criteria:
        entry["acceptance_criteria"] = [
            text if check is None else {"text": text, "check": check} for text, check in task.criteria
        ]
    if task.commands:
        entry["recipe"] = [{"shell": command} for command in task.commands]
    return entry


def _into_list(text: str, begin: int, end: int, entry: dict[str, Any], unit: str) -> Insertion:
    elements = list(_elements(text, begin))
    if not elements:
        return Insertion(begin, end, f"[{json.dumps(entry, ensure_ascii=False)}]")
    first, (last, last_end) = elements[0][0], elements[-1]
    indent = _indent(text, last)
    if "\n" not in text[begin:first]:
        # The list starts on one line: all of it is on one line, or its tasks follow each other without line ends.
        return Insertion(last_end, last_end, f", {json.dumps(entry, ensure_ascii=False)}")
    if "\n" not in text[last:last_end]:
        return Insertion(last_end, last_end, f",\n{indent}{json.dumps(entry, ensure_ascii=False)}")
    return Insertion(last_end, last_end, f",\n{indent}{_dump(entry, indent, unit)}")


def _new_list(text: str, start: int, entry: dict[str, Any], unit: str) -> Insertion:
    members = list(_members(text, start))
    after = members[-1][2] if members else start + 1
    comma = "," if members else ""
    if not unit:
        return Insertion(after, after, f'{comma} "items": [{json.dumps(entry, ensure_ascii=False)}]')
    added = f'{comma}\n{unit}"items": [\n{unit}{unit}{_dump(entry, unit * 2, unit)}\n{unit}]'
    return Insertion(after, after, added if members else f"{added}\n")


def _dump(entry: dict[str, Any], indent: str, unit: str) -> str:
    return json.dumps(entry, ensure_ascii=False, indent=unit).replace("\n", f"\n{indent}")


def _unit(text: str) -> str:
    """Return the indentation of one level; '' for a document on one line."""
    match = re.search(r"[{\[]\n([ \t]+)", text)
    return match[1] if match else ""


def _indent(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _value_end(text: str, position: int) -> int:
    return _DECODER.raw_decode(text, position)[1]


def _members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    """Yield the keys of an object with the start and end of their values."""
    position = _skip_space(text, position + 1)
    while text[position : position + 1] == '"':
        name, position = _DECODER.raw_decode(text, position)
        start = _skip_space(text, _skip_space(text, position) + 1)
        end = _value_end(text, start)
        yield str(name), start, end
        position = _skip_space(text, end)
        position = _skip_space(text, position + 1) if text[position : position + 1] == "," else position


def _elements(text: str, position: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of the elements of an array."""
    position = _skip_space(text, position + 1)
    while text[position : position + 1] not in ("]", ""):
        end = _value_end(text, position)
        yield position, end
        position = _skip_space(text, end)
        position = _skip_space(text, position + 1) if text[position : position + 1] == "," else position
