"""The texts of tasks in YAML and JSON, and the dependencies that they state although no task has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from penguin.orchestration.blueprint.keys import is_metadata
from penguin.orchestration.blueprint.model import BlueprintItem
from penguin.orchestration.blueprint.prose.claims import claims
from penguin.orchestration.blueprint.prose.content_lines import content_lines
from penguin.orchestration.blueprint.prose.reachability import Reachability
from penguin.orchestration.blueprint.prose.task_names import TaskNames
from penguin.orchestration.config.document_checker import WARNING, Node, Problem

_HINT = "add it to depends_on, or change the words"
_SHOWN = 80


class _Text(NamedTuple):
    line: int
    text: str


def stated_dependencies(
    root: Node | None, items: Sequence[BlueprintItem], lines: Sequence[str], path: str
) -> Iterator[Problem]:
    """Yield a warning for each line of text that states a dependency which its task does not have.

    Args:
        root: The document.
        items: The tasks that were read from it.
        lines: The lines of the file.
        path: The file, as it is named in warnings.
    """
    nodes = dict(_nodes(root))
    tasks = [item.task for item in items]
    names = TaskNames(tasks, titles=False)
    reach = Reachability({task.id: task.dependencies for task in tasks})
    for item in items:
        task_id = item.task.id
        for line, text in _texts(nodes.get(task_id, {}), item.metadata, lines):
            pairs = dict.fromkeys(claims(text, names, task_id))
            missing = [f"{then} on {first}" for then, first in pairs if not reach.has(then, first)]
            if missing:
                what = f"task {task_id}: reads like a dependency ({', '.join(missing[:5])}), but is prose"
                yield Problem(WARNING, path, line, f"{what}: {text.strip()[:_SHOWN]!r}", _HINT)


def _nodes(root: Node | None) -> Iterator[tuple[str, Mapping[str, Node]]]:
    """Yield the entries of each task with its id, those of subtasks too."""
    entries = root.value if root is not None and isinstance(root.value, dict) else {}
    todo = [entries[key] for key in ("items", "tasks") if key in entries]
    while todo:
        node = todo.pop()
        if isinstance(node.value, list):
            todo += node.value
        elif isinstance(node.value, dict):
            todo += [node.value["subtasks"]] if "subtasks" in node.value else []
            if "id" in node.value:
                yield str(node.value["id"].raw), node.value


def _texts(entries: Mapping[str, Node], metadata: Mapping[str, str], lines: Sequence[str]) -> Iterator[_Text]:
    """Yield the lines of the title, the description and the metadata of a task."""
    for key in ("title", "description"):
        node = entries.get(key)
        if node is not None and isinstance(node.value, str):
            for number, text in content_lines(node.value):
                yield _Text(_line_of(node, number, text, lines), text)
    for key, value in metadata.items():
        if key in entries and not is_metadata(key):
            yield _Text(entries[key].key_line, f"{key}: {value}")


def _line_of(node: Node, number: int, text: str, lines: Sequence[str]) -> int:
    """Return the line of the file that holds a line of a text: the lines of a YAML block begin below its key."""
    below = node.line + number
    is_there = below <= len(lines) and lines[below - 1].strip() == text.strip()
    return below if is_there else node.line
