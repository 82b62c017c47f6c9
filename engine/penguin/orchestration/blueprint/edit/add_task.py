"""The addition of a task to a blueprint file: exactly one task more, or nothing is written."""

from __future__ import annotations

import fcntl
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import msgspec

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.edit import json_form, markdown_form, yaml_form
from penguin.orchestration.blueprint.edit.insertion import Insertion, apply_to_bytes
from penguin.orchestration.blueprint.edit.new_task import NewTask
from penguin.orchestration.blueprint.edit.task_numbers import next_task_id
from penguin.orchestration.blueprint.loader import MAX_BYTES, parse_blueprint
from penguin.orchestration.blueprint.model import Blueprint
from penguin.orchestration.config.document import decode_text
from penguin.orchestration.config.document_checker import ERROR, Checker
from penguin.orchestration.files.workspace_key import link_file, replace_file

Insertions = Callable[[str, Blueprint, str, NewTask], Iterator[Insertion]]

_FORMS: dict[str, Insertions] = {
    ".md": markdown_form.insertions,
    ".markdown": markdown_form.insertions,
    ".yaml": yaml_form.insertions,
    ".yml": yaml_form.insertions,
    ".json": json_form.insertions,
}
_EMPTY = {".md": "# Tasks\n", ".markdown": "# Tasks\n", ".yaml": "title: Tasks\n", ".yml": "title: Tasks\n"}
_POSITIONS = frozenset({"line", "lines", "place", "dependency_line"})


class AddedTask(NamedTuple):
    """A task that was added."""

    task_id: str
    blueprint_id: str
    path: str
    """The blueprint's file, as errors show it."""
    line: int
    created: bool = False
    """Whether the file is new."""


def add_task(path: Path, shown: str, project_id: str, task: NewTask, taken: Collection[str]) -> AddedTask:
    """Add a task to a blueprint file.

    Args:
        path: The file.
        shown: Its path in errors, relative to the workspace.
        project_id: The project of tasks whose blueprint names none.
        task: The task.
        taken: The ids of all tasks of the project.

    Returns:
        The task's id and place.

    Raises:
        BlueprintError: a value can't be written, the file has errors or changed meanwhile, or its form does not allow
            the addition. Nothing is written then.
    """
    task.check()
    try:
        path = path.resolve(strict=True)
        with _locked_folder(path.parent):
            data = path.read_bytes()
            changed, added = _with_task(data, shown, project_id, task, taken)
            if path.read_bytes() != data:
                raise BlueprintError(f"{shown}: changed while the task was added", "run the command again")
            replace_file(os.fspath(path), changed, stat.S_IMODE(path.stat().st_mode))
    except OSError as error:
        raise _unwritable(shown, error) from error
    return added


def create_blueprint(path: Path, shown: str, project_id: str, task: NewTask, taken: Collection[str]) -> AddedTask:
    """Create a blueprint file with one task. Raises BlueprintError as `add_task` does, and if the file exists."""
    task.check()
    empty = _EMPTY.get(path.suffix.lower(), "{\n}\n").encode()
    data, added = _with_task(empty, shown, project_id, task, taken)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not link_file(os.fspath(path), data, 0o666):
            raise BlueprintError(f"{shown}: exists already", "run the command again")
    except OSError as error:
        raise _unwritable(shown, error) from error
    return added._replace(created=True)


def _unwritable(shown: str, error: OSError) -> BlueprintError:
    return BlueprintError(f"{shown}: can't be written: {error.strerror or error}", "make it and its folder writable")


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: one process at a time adds tasks to its files. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _with_task(
    data: bytes, shown: str, project_id: str, task: NewTask, taken: Collection[str]
) -> tuple[bytes, AddedTask]:
    """Return the bytes of the file with the task, read back and compared."""
    before = _parse(data, shown, project_id)
    ids = [item.task.id for item in before.items if not item.validates]
    named = {name for item in before.items for name in (item.task.id, *item.task.dependencies)}
    # Another process may have added tasks since the blueprints were read. An unknown task that others depend on is
    # not this one.
    task_id = next_task_id(task.title, ids, named.union(taken))
    reason = ""
    for insertion in _FORMS[PurePath(shown).suffix.lower()](_text(data, shown), before, task_id, task):
        changed = apply_to_bytes(data, insertion)
        after = _parse(changed, shown, project_id)
        found = _mismatch(before, after, task_id, task)
        if not found:
            line = next(item.task.line for item in after.items if item.task.id == task_id)
            return changed, AddedTask(task_id, after.id, shown, line)
        reason = reason or found
    if before.items:
        before.require()
    raise BlueprintError(
        f"{shown}: the task can't be added: {reason or 'the file has no place for it'}",
        "change its text, or write it into the file",
    )


def _text(data: bytes, shown: str) -> str:
    checker = Checker(shown)
    text = decode_text(data, checker)
    checker.raise_first(BlueprintError)
    return text or ""


def _parse(data: bytes, shown: str, project_id: str) -> Blueprint:
    if len(data) > MAX_BYTES:
        raise BlueprintError(f"{shown}: a blueprint has at most {MAX_BYTES:,} bytes", "use another blueprint")
    return parse_blueprint(_text(data, shown), shown, project_id)


def _mismatch(before: Blueprint, after: Blueprint, task_id: str, task: NewTask) -> str:
    """Return how the file with the task differs from the file before it and the task; '' if it does not."""
    old = Counter((problem.severity, problem.message) for problem in before.problems)
    for problem in after.problems:
        old[problem.severity, problem.message] -= 1
        if problem.severity == ERROR or old[problem.severity, problem.message] < 0:
            return f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    added = [item.task for item in after.items if item.task.id == task_id]
    if len(added) != 1:
        return "it is not read as a task"
    if different := task.differences(added[0]):
        return f"its {' and '.join(different)} would be read differently"
    if _without_task(after, task_id) != _without_task(before, task_id):
        return "the rest of the file would be read differently"
    return ""


def _without_task(blueprint: Blueprint, task_id: str) -> Any:
    """Return what the file says besides one task. The task that validates the blueprint depends on all others."""
    items = [_plain(msgspec.to_builtins(item)) for item in blueprint.items if item.task.id != task_id]
    for item in items:
        if item["validates"]:
            item["task"]["dependencies"] = [name for name in item["task"]["dependencies"] if name != task_id]
    return blueprint.id, blueprint.title, blueprint.metadata, _plain(msgspec.to_builtins(blueprint.recipes)), items


def _plain(value: Any) -> Any:
    """Return plain values without positions in the file."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in _POSITIONS}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
