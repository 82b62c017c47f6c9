"""`agents:` of penguin.yaml: how the coding agents of phases are started. Kept as plain checked data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from penguin.orchestration.agents.registry import AGENTS, COMMAND
from penguin.orchestration.config.document_checker import Checker, Node, nearest
from penguin.orchestration.config.orchestration_keys import MONTH
from penguin.orchestration.config.phases import Phases, relative_path
from penguin.orchestration.files.secret_env import looks_secret

if TYPE_CHECKING:
    from penguin.orchestration.core.definition import AgentSpec

_EXIT_CODE = re.compile("[0-9]{1,3}")
MEANINGS = ("passed", "failed", "error", "budget", "denied")
_COMMON = ("kind", "model", "args", "env", "permissions", "home", "idle_timeout")
_NOT_OF_COMMANDS = ("model", "permissions", "home")
"""Keys that a custom agent can't have: its `command` holds the arguments of its program."""
_OF_COMMANDS = ("command", "resume", "transcript", "exit_codes")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def check_agents(node: Node | None, checker: Checker) -> dict[str, dict[str, Any]]:
    """Return the agents by name, each with the fields of AgentSpec that are set."""
    agents: dict[str, dict[str, Any]] = {}
    for name, child in checker.mapping(node, "agents", None).items():
        checker.identifier(Node(name, child.key_line, raw=name), "agents")
        agents[name] = _agent(name, child, checker, f"agents.{name}")
    return agents


def _agent(name: str, node: Node, checker: Checker, where: str) -> dict[str, Any]:
    entries = checker.mapping(node, where, (*_COMMON, *_OF_COMMANDS))
    agent = {
        "kind": checker.choice(entries.get("kind"), f"{where}.kind", (*AGENTS, COMMAND)),
        "model": checker.label(entries.get("model"), f"{where}.model"),
        "args": _arguments(entries.get("args"), checker, f"{where}.args"),
        "env": _variables(entries.get("env"), checker, f"{where}.env"),
        "permissions": checker.label(entries.get("permissions"), f"{where}.permissions"),
        "home": checker.label(entries.get("home"), f"{where}.home"),
        "idle_timeout": checker.number(entries.get("idle_timeout"), f"{where}.idle_timeout", 0.1, MONTH, " of seconds"),
        "command": _arguments(entries.get("command"), checker, f"{where}.command"),
        "resume": _arguments(entries.get("resume"), checker, f"{where}.resume"),
        "transcript": relative_path(entries.get("transcript"), checker, f"{where}.transcript"),
        "exit_codes": _exit_codes(entries.get("exit_codes"), checker, f"{where}.exit_codes"),
    }
    agent = {key: value for key, value in agent.items() if value}
    _check_kind(name, node, agent, checker, where)
    return agent


def _check_kind(name: str, node: Node, agent: dict[str, Any], checker: Checker, where: str) -> None:
    known = agent.get("kind") or (name if name in AGENTS else COMMAND)
    if known == COMMAND and "command" not in agent:
        hint = f"write kind: {' or '.join(AGENTS)}, or command: [PROGRAM, …]"
        checker.error(node.key_line, f"{where}: Penguin has no agent with this name", hint)
    elif known != COMMAND and (extra := [key for key in _OF_COMMANDS if key in agent]):
        checker.error(node.key_line, f"{where}.{extra[0]}: only agents of kind command have this key", "kind: command")
    elif known == COMMAND and (extra := [key for key in _NOT_OF_COMMANDS if key in agent]):
        checker.error(node.key_line, f"{where}.{extra[0]}: a command takes this from its own arguments", "args: […]")
    else:
        agent["kind"] = known


def unknown_agents(phases: Phases, agents: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Find the agents and judges that no setting and no adapter defines.

    Args:
        phases: Checked phases.
        agents: The agents of penguin.yaml, by name.

    Yields:
        Phase, key, message and hint.
    """
    known = (*agents, *AGENTS)
    for phase, fields in phases.items():
        for key in ("agent", "judge"):
            name = fields.get(key)
            if name and not fields.get("skip") and name not in known:
                match = nearest(name, known)
                hint = f"one of {', '.join(known)}, or  agents: {{{name}: {{command: [PROGRAM]}}}}"
                yield phase, key, f"unknown agent {name!r}", f"did you mean {match!r}?" if match else hint


def agent_specs(agents: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> dict[str, AgentSpec]:
    """Return the agents with these names, as the definition of a workflow holds them. Unknown names are skipped."""
    from penguin.orchestration.core.definition import AgentSpec

    found = {}
    for name in dict.fromkeys(names):
        fields = agents.get(name) or ({"kind": name} if name in AGENTS else None)
        if fields is not None:
            lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
            found[name] = AgentSpec(name=name, **{**fields, **lists})
    return found


def _exit_codes(node: Node | None, checker: Checker, where: str) -> dict[int, str]:
    codes = {}
    for code, child in checker.mapping(node, where, None).items():
        meaning = checker.choice(child, f"{where}.{code}", MEANINGS)
        if not _EXIT_CODE.fullmatch(code) or int(code) > 255:
            checker.error(child.key_line, f"{where}: {code!r} is not an exit code", "a number from 0 to 255")
        elif meaning is not None:
            codes[int(code)] = meaning
    return codes


def _arguments(node: Node | None, checker: Checker, where: str) -> list[str]:
    found = (checker.label(item, where) for item in checker.non_null(checker.items(node, where), where))
    return [argument for argument in found if argument is not None]


def _variables(node: Node | None, checker: Checker, where: str) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, child in checker.mapping(node, where, None).items():
        value = "" if child.value in ("", None) else checker.label(child, f"{where}.{name}")
        if not _NAME.fullmatch(name):
            checker.error(child.key_line, f"{where}: {name!r} is not a valid variable name")
        elif value and looks_secret(name) and not _REFERENCE.fullmatch(value):
            # The value is not in the message, which would end up in terminals and logs.
            hint = f"write {name}: ${{{name}}} and export it where Penguin runs"
            checker.error(child.line, f"{where}.{name}: holds a secret in plain text", hint)
        elif value is not None:
            variables[name] = value
    return variables
