"""The list of blueprints in `penguin.yaml`: a pattern is added without a touch to anything else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.new_config import NewConfig
from penguin.orchestration.files.workspace import CONFIG_FILE, project_id_of

if TYPE_CHECKING:
    from pathlib import Path

IMPORT_PATTERNS = ("blueprints/*.md", "blueprints/*.yaml")
"""The files that a new penguin.yaml for imported tasks names."""
_FLOW_END = re.compile(r"\]\s*(?:#.*)?$")


def add_pattern(text: str, pattern: str) -> str:
    """Return the text of penguin.yaml with one more pattern in `blueprints`.

    Raises ConfigError, with the line to write by hand, if the list is written in a way that can't be extended.
    """
    before = _parse(text)
    new = _insert(text, before, pattern)
    wanted = before.plain() | {"blueprints": [*_patterns(before), pattern]}
    if new is None or _parse(new).plain() != wanted:
        raise ConfigError(
            f"{CONFIG_FILE}: blueprints does not name {pattern}, and could not be extended",
            f"add  - {pattern}  to the list `blueprints` in {CONFIG_FILE}, and import again",
        )
    return new


def has_gate(text: str, gate: str) -> bool:
    """Return whether a penguin.yaml says what a gate, such as `test`, runs, or that it is skipped."""
    phases = _parse(text).plain().get("phases")
    return isinstance(phases, dict) and bool(phases.get(gate))


def _parse(text: str) -> Node:
    checker = Checker(CONFIG_FILE)
    root = parse_yaml(text, checker)
    checker.raise_first(ConfigError)
    return root if root is not None and isinstance(root.value, dict) else Node({}, 1)


def _patterns(root: Node) -> list[str]:
    node = root.value.get("blueprints")
    value = node.plain() if node is not None else None
    return value if isinstance(value, list) else [] if value is None else [value]


def _insert(text: str, root: Node, pattern: str) -> str | None:
    node = root.value.get("blueprints")
    # JSON strings are YAML.
    quoted = pattern if re.fullmatch(r"[A-Za-z0-9_./-]+", pattern) else json.dumps(pattern, ensure_ascii=False)
    lines = text.rstrip("\n").split("\n")
    if node is None or not isinstance(node.value, list) or not node.value:
        return None
    last = node.value[-1].line
    line = lines[last - 1]
    bullet = re.match(r"(\s*-\s+)\S", line)
    if bullet:
        lines.insert(last, f"{bullet[1]}{quoted}")
    else:
        end = _FLOW_END.search(line)
        if end is None:
            return None
        lines[last - 1] = f"{line[: end.start()].rstrip().rstrip(',')}, {quoted}{line[end.start() :]}"
    return "\n".join(lines) + "\n"


def initial_config(root: Path, agent: str, test: str) -> str:
    """Return the text of a new penguin.yaml for imported tasks.

    Args:
        root: The folder of the workspace.
        agent: The agent that makes the changes; empty: none.
        test: The command that runs the tests; empty: none is known.
    """
    # Imported tasks have no recipes.
    return NewConfig(project_id_of(root), IMPORT_PATTERNS, agent, test, recipes=False).text()
