"""The dependencies of a task in the nodes of a document: lists, strings of names, conditions and subtasks."""

from __future__ import annotations

from penguin.orchestration.blueprint.informational_keys import shown
from penguin.orchestration.blueprint.task_ids import names_in, names_of_part
from penguin.orchestration.config.document_checker import Checker, Node, valid_id

_DEPENDENCY_KEYS = ("task_id", "policy", "artifact_key")


def read_dependencies(checker: Checker, node: Node | None, entries: dict[str, Node], where: str) -> tuple[str, ...]:
    """Return the ids of the tasks that a task depends on, from its key for dependencies and its other `entries`."""
    where = f"{where}: dependencies"
    nodes = _dependency_nodes(checker, node, where)
    nodes += _dependency_specs(checker, entries.get("dependency_specs"), where)
    subtasks = entries.get("subtasks")
    for child in subtasks.value if subtasks is not None and isinstance(subtasks.value, list) else ():
        nodes += [child.value["id"]] if isinstance(child.value, dict) and "id" in child.value else []
    found = (checker.identifier(child, where) for child in nodes)
    return tuple(dict.fromkeys(dependency for dependency in found if dependency))


def _dependency_specs(checker: Checker, node: Node | None, where: str) -> list[Node]:
    """Return the names in dependencies with conditions, which the original form has."""
    nodes: list[Node] = []
    for spec in checker.items(node, where):
        entries = checker.mapping(spec, where, _DEPENDENCY_KEYS)
        if "task_id" not in entries:
            checker.error(spec.line, f"{where}: has no task_id")
            continue
        nodes.append(entries["task_id"])
        condition = ", ".join(shown(entries[key]) for key in _DEPENDENCY_KEYS[1:] if key in entries)
        if condition not in ("", "completion_required"):
            _note_condition(checker, spec.line, condition)
    return nodes


def _dependency_nodes(checker: Checker, node: Node | None, where: str) -> list[Node]:
    """Return each name in a list, or in a string of names."""
    if node is None or node.value is None:
        return []
    is_list = isinstance(node.value, list)
    found: list[Node] = []
    for child in checker.non_null(node.value, where) if is_list else [node]:
        text = checker.label(child, where)
        if text is None or valid_id(text):
            found += [child] if text else []
            continue
        for name, condition in names_of_part(text) if is_list else names_in(text):
            found.append(Node(name, child.line, raw=name))
            if condition:
                _note_condition(checker, child.line, condition)
    return found


def _note_condition(checker: Checker, line: int, condition: str) -> None:
    message = f"the condition {condition[:60]!r} of a dependency is not used"
    checker.note(line, message, "a task waits until the other one is completed")
