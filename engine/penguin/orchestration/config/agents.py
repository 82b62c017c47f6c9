"""`agents:` of penguin.yaml: how the coding agents that phases name are started. Kept as plain checked data."""

from __future__ import annotations

import re
from typing import Any

from penguin.orchestration.config.checker import Checker, Node
from penguin.orchestration.secrecy import looks_secret

_KEYS = ("model", "args", "env")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def check_agents(node: Node | None, checker: Checker) -> dict[str, dict[str, Any]]:
    """The agents by name, each with `model`, `args` and `env` where set."""
    agents: dict[str, dict[str, Any]] = {}
    for name, child in checker.mapping(node, "agents", None).items():
        checker.identifier(Node(name, child.key_line, raw=name), "agents")
        where = f"agents.{name}"
        entries = checker.mapping(child, where, _KEYS)
        agent = {
            "model": checker.label(entries.get("model"), f"{where}.model"),
            "args": _arguments(entries.get("args"), checker, f"{where}.args"),
            "env": _variables(entries.get("env"), checker, f"{where}.env"),
        }
        agents[name] = {key: value for key, value in agent.items() if value}
    return agents


def _arguments(node: Node | None, checker: Checker, where: str) -> list[str]:
    found = (checker.label(item, where) for item in checker.items(node, where))
    return [argument for argument in found if argument is not None]


def _variables(node: Node | None, checker: Checker, where: str) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, child in checker.mapping(node, where, None).items():
        value = "" if child.value in ("", None) else checker.label(child, f"{where}.{name}")
        if not _NAME.fullmatch(name):
            checker.error(child.key_line, f"{where}: {name!r} can't be the name of a variable")
        elif value and looks_secret(name) and not _REFERENCE.fullmatch(value):
            # The value stays out of the message: it would end up in terminals and logs.
            advice = f"write {name}: ${{{name}}} and export it where Penguin runs"
            checker.error(child.line, f"{where}.{name}: holds a secret in plain text", advice)
        elif value is not None:
            variables[name] = value
    return variables
