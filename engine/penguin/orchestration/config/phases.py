"""`phases:` of penguin.yaml, of a blueprint, of a task, or of the settings of one start.

Checked phases are plain data, `{"test": {"run": [{"run": "pytest -q"}]}}`, so that one can override another. What a
phase runs is replaced as a whole; `on_failure` and `artifacts` are kept unless they are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.orchestration_keys import MONTH, PHASES

Fields = dict[str, Any]
"""The checked keys of one phase."""
Phases = dict[str, Fields]
"""The checked phases, by lower-case name."""

DEFAULT_PHASES: Phases = {"implement": {}, "test": {}, "use": {"recipes": True}, "verify": {"criteria": True}}
_WHAT = frozenset({"run", "agent", "recipes", "criteria", "judge", "skip"})
_KEYS = ("run", "agent", "may_be_empty", "recipes", "criteria", "judge", "skip", "on_failure", "artifacts", "report")
_SWITCHES = ("may_be_empty", "recipes", "criteria", "skip")
_ONLY = {"agent": "implement", "may_be_empty": "implement", "judge": "verify"}
"""Keys that only one phase has."""
_COMMAND_KEYS = ("run", "report", "timeout")


def check_phases(node: Node | None, checker: Checker, where: str = "phases") -> Phases:
    """Return the phases that a node sets."""
    phases: Phases = {}
    for name, child in checker.mapping(node, where, PHASES).items():
        if child.value is not None:
            phases[name] = _check_phase(child, checker, f"{where}.{name}")
    return phases


def overlay(base: Phases, override: Mapping[str, Fields]) -> Phases:
    """Return `base`, overridden by another source's phases."""
    merged = dict(base)
    for name, fields in override.items():
        below = merged.get(name, {})
        if fields.keys() & _WHAT:
            below = {key: value for key, value in below.items() if key not in _WHAT}
        merged[name] = below | fields
    return merged


def _check_phase(node: Node, checker: Checker, where: str) -> Fields:
    if node.value == "skip":
        return {"skip": True}
    if not isinstance(node.value, dict):
        hint = "{run: [COMMAND, …]}" if isinstance(node.value, list) else ""
        if isinstance(node.value, str) and len(node.value) < 80:
            hint = f"{{run: [{node.value}]}}"
        checker.wrong_type(node, where, "`skip` or a mapping", hint)
        return {}
    entries = checker.mapping(node, where, _KEYS)
    fields: Fields = {
        "run": _commands(entries.get("run"), checker, f"{where}.run"),
        "agent": checker.identifier(entries.get("agent"), f"{where}.agent"),
        "on_failure": checker.choice(entries.get("on_failure"), f"{where}.on_failure", ("implement", "same")),
        "artifacts": relative_paths(entries.get("artifacts"), checker, f"{where}.artifacts"),
        "judge": checker.identifier(entries.get("judge"), f"{where}.judge"),
        **{key: checker.boolean(entries.get(key), f"{where}.{key}") for key in _SWITCHES},
    }
    _move_report(entries.get("report"), fields, checker, where)
    for key, phase in _ONLY.items():
        if key in entries and not where.endswith(f".{phase}"):
            checker.error(entries[key].key_line, f"{where}.{key}: only valid in {phase}")
    if fields.get("judge") and fields.get("criteria") is None:
        # A phase with a judge uses it by default.
        fields["criteria"] = True
    fields = {key: value for key, value in fields.items() if value is not None}
    if fields.get("skip") and len(_WHAT & fields.keys()) > 1:
        checker.error(node.line, f"{where}: a phase that is skipped runs nothing", "remove skip, or the rest")
    return fields


def _commands(node: Node | None, checker: Checker, where: str) -> list[Fields] | None:
    if node is None or node.value is None:
        return None
    nodes = node.value if isinstance(node.value, list) else [node]
    commands = (_command(item, checker, where) for item in nodes)
    return [command for command in commands if command]


def _command(node: Node, checker: Checker, where: str) -> Fields | None:
    if not isinstance(node.value, dict):
        if node.value is None:
            checker.wrong_type(node, where, "a command")
        line = checker.text(node, where)
        return {"run": line} if line else None
    entries = checker.mapping(node, where, _COMMAND_KEYS)
    command: Fields = {
        "run": checker.text(entries.get("run"), f"{where}.run"),
        "report": relative_path(entries.get("report"), checker, f"{where}.report"),
        "timeout": checker.number(entries.get("timeout"), f"{where}.timeout", 0.001, MONTH, " of seconds"),
    }
    if "run" not in entries:
        checker.error(node.line, f"{where}: the command is missing", "write {run: COMMAND, report: FILE}")
    return {key: value for key, value in command.items() if value is not None}


def _move_report(node: Node | None, fields: Fields, checker: Checker, where: str) -> None:
    """Move `report` beside `run` to the only command."""
    report = relative_path(node, checker, f"{where}.report")
    if node is None or report is None:
        return
    commands = fields["run"] or []
    if len(commands) != 1 or "report" in commands[0]:
        hint = "write run: [{run: COMMAND, report: FILE}]"
        checker.error(node.line, f"{where}.report: needs exactly one command, not {len(commands)}", hint)
    else:
        commands[0]["report"] = report


def relative_path(node: Node | None, checker: Checker, where: str) -> str | None:
    """Return a path or pattern inside the workspace."""
    text = checker.text(node, where)
    if node is None or text is None:
        return None
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or text.startswith("~") or not path.parts:
        checker.error(
            node.line, f"{where}: {text!r} is not inside the workspace", "write a path relative to penguin.yaml"
        )
        return None
    return text


def relative_paths(node: Node | None, checker: Checker, where: str) -> list[str] | None:
    """Return one such path, or a list of them."""
    if node is None or node.value is None:
        return None
    nodes = node.value if isinstance(node.value, list) else [node]
    paths = (relative_path(item, checker, where) for item in checker.non_null(nodes, where))
    return [path for path in paths if path]
