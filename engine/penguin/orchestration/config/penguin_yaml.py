"""Reading and checking of penguin.yaml: each section becomes settings with their origin.

It imports neither msgspec nor any parser except YAML, so that commands which only list workflows start fast.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.config.agents import check_agents, unknown_agents
from penguin.orchestration.config.budgets import check_budgets
from penguin.orchestration.config.document import parse_yaml, read_text
from penguin.orchestration.config.document_checker import Checker, Node
from penguin.orchestration.config.env_names import check_names
from penguin.orchestration.config.orchestration_keys import DEFAULTS, PHASES, read_environment, read_fields
from penguin.orchestration.config.phases import DEFAULT_PHASES, Phases, check_phases, overlay, relative_paths
from penguin.orchestration.config.settings import Setting, Settings
from penguin.orchestration.config.tree import check_tree
from penguin.orchestration.config.ui import check_ui
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE, IN_PLACE, ISOLATIONS
from penguin.orchestration.files.workspace import project_id_of

if TYPE_CHECKING:
    from penguin.orchestration.config.program_config import OrchestrationConfig

FILE = "penguin.yaml"
MAX_BYTES = 1_000_000
DEFAULT_BLUEPRINTS = ("blueprints/*.md", "blueprints/*.yaml", "blueprints/*.yml", "blueprints/*.json")
_KEYS = (
    "project",
    "blueprints",
    "phases",
    "isolation",
    "tree",
    "land",
    "agents",
    "budget",
    "env",
    "redact",
    "checkpoint",
    "workspace",
    "storage",
    "orchestration",
    "ui",
)

_REMOTE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*")
_PASSWORD = re.compile(r"[^/]+://[^/@]*:[^/@]*@")


def load_settings(
    root: Path,
    overrides: OrchestrationConfig | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    required: bool = True,
) -> Settings:
    """Read and check `root/penguin.yaml`, and apply the environment (default: os.environ) and overrides.

    Without `required`, a missing file means defaults. Raises ConfigError with all errors, by file, line and key.
    """
    checker = Checker(FILE)
    document = _read(root, checker, required)
    entries = checker.mapping(document, FILE, _KEYS)
    settings = _project(entries.get("project"), checker, root)
    settings |= _blueprints(entries.get("blueprints"), checker)
    denied = checker.mapping(entries.get("env"), "env", ("deny",)).get("deny")
    settings |= _names(denied, checker, "env.deny") | _names(entries.get("redact"), checker, "redact")
    settings |= _checkpoint(entries.get("checkpoint"), checker)
    settings |= _workspace(entries.get("workspace"), checker)
    settings |= _storage(entries.get("storage"), checker)
    settings |= _ui(entries.get("ui"), checker)
    settings |= _isolation(entries.get("isolation"), checker)
    for key, values in check_tree(entries, checker).items():
        settings[key] = _from_file(document, key, values)
    phases = check_phases(entries.get("phases"), checker)
    agents = check_agents(entries.get("agents"), checker)
    for phase, key, message, hint in unknown_agents(phases, agents):
        where = f"phases.{phase}.{key}"
        checker.error(_line(document, where) or 0, f"{where}: {message}", hint)
    budgets = check_budgets(entries.get("budget"), checker)
    orchestration = read_fields(entries.get("orchestration"), checker, "orchestration")
    checker.raise_first(ConfigError)
    effective = overlay(DEFAULT_PHASES, phases)
    settings |= _explain_phases(effective, phases, document)
    settings |= {f"agents.{name}": _from_file(document, f"agents.{name}", agent) for name, agent in agents.items()}
    settings["budget"] = _from_file(document, "budget", budgets)
    settings |= _orchestration(orchestration, document, overrides, os.environ if environ is None else environ)
    return Settings(root, settings, effective, agents)


def _read(root: Path, checker: Checker, required: bool) -> Node | None:
    path = root / FILE
    # A broken link counts as a file that should be there.
    if not required and not os.path.lexists(path):
        return None
    text = read_text(path, checker, MAX_BYTES, "penguin init")
    document = None if text is None else parse_yaml(text, checker)
    if not checker.problems and (document is None or document.value is None):
        checker.error(0, "has no settings", "for example  project: {id: shop}")
    checker.raise_first(ConfigError)
    return document


def _line(document: Node | None, key: str) -> int | None:
    """Return the line on which the document sets a dotted key, or None."""
    node, line = document, None
    for name in key.split("."):
        if node is None or not isinstance(node.value, dict) or name not in node.value:
            return line if node is not None and node.value == "skip" else None
        node = node.value[name]
        line = node.key_line
    return line


def _from_file(document: Node | None, key: str, value: Any) -> Setting:
    line = _line(document, key)
    return Setting(key, value, "default" if line is None else f"{FILE}:{line}")


def _project(node: Node | None, checker: Checker, root: Path) -> dict[str, Setting]:
    entries = checker.mapping(node, "project", ("id", "name"))
    project_id = checker.identifier(entries.get("id"), "project.id")
    name = checker.label(entries.get("name"), "project.name")
    found = [
        _setting(entries.get("id"), "project.id", project_id, project_id_of(root)),
        _setting(entries.get("name"), "project.name", name, project_id or root.name or "project"),
    ]
    return {setting.key: setting for setting in found}


def _setting(node: Node | None, key: str, value: Any, default: Any) -> Setting:
    if node is None or value is None:
        return Setting(key, default, "default")
    return Setting(key, value, f"{FILE}:{node.key_line}")


def _blueprints(node: Node | None, checker: Checker) -> dict[str, Setting]:
    patterns = relative_paths(node, checker, "blueprints")
    if node is None or patterns is None:
        return {"blueprints": Setting("blueprints", list(DEFAULT_BLUEPRINTS), "default")}
    return {"blueprints": Setting("blueprints", patterns, f"{FILE}:{node.key_line}")}


def _names(node: Node | None, checker: Checker, key: str) -> dict[str, Setting]:
    names = check_names(node, checker, key)
    origin = "default" if node is None else f"{FILE}:{node.key_line}"
    return {key: Setting(key, names, origin)}


def _checkpoint(node: Node | None, checker: Checker) -> dict[str, Setting]:
    exclude = checker.mapping(node, "checkpoint", ("exclude",)).get("exclude")
    patterns = checker.texts(exclude, "checkpoint.exclude")
    if exclude is None or patterns is None:
        return {"checkpoint.exclude": Setting("checkpoint.exclude", list(CHECKPOINT_EXCLUDE), "default")}
    return {"checkpoint.exclude": Setting("checkpoint.exclude", list(patterns), f"{FILE}:{exclude.key_line}")}


def _isolation(node: Node | None, checker: Checker) -> dict[str, Setting]:
    isolation = checker.choice(node, "isolation", ISOLATIONS)
    return {"isolation": _setting(node, "isolation", isolation, IN_PLACE)}


def _storage(node: Node | None, checker: Checker) -> dict[str, Setting]:
    entry = checker.mapping(node, "storage", ("url",)).get("url")
    url = checker.text(entry, "storage.url")
    if entry is None or url is None:
        return {"storage.url": Setting("storage.url", None, "default")}
    if _PASSWORD.match(url):
        hint = "give it to the driver by its own variables or files"
        checker.error(entry.line, "storage.url: must not contain a password", hint)
    return {"storage.url": Setting("storage.url", url, f"{FILE}:{entry.key_line}")}


def _workspace(node: Node | None, checker: Checker) -> dict[str, Setting]:
    entries = checker.mapping(node, "workspace", ("remote", "push_to_upstream"))
    remote, allowed = entries.get("remote"), entries.get("push_to_upstream")
    name = checker.text(remote, "workspace.remote")
    if remote is not None and name is not None and not _REMOTE.fullmatch(name):
        hint = "git remote lists them; git remote add NAME URL adds one"
        checker.error(remote.line, "workspace.remote: must be the name of a git remote", hint)
    push = checker.boolean(allowed, "workspace.push_to_upstream")
    found = [
        _setting(remote, "workspace.remote", name, None),
        _setting(allowed, "workspace.push_to_upstream", push, False),
    ]
    return {setting.key: setting for setting in found}


def _ui(node: Node | None, checker: Checker) -> dict[str, Setting]:
    """Return the workspace's settings of terminals; the user's own may override them."""
    settings = check_ui(node, checker, personal=False)
    found = [Setting(f"ui.{key}", setting.value, f"{FILE}:{setting.line}") for key, setting in settings.items()]
    return {setting.key: setting for setting in found}


def _explain_phases(effective: Phases, set_here: Phases, document: Node | None) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for phase in PHASES:
        for field, value in effective[phase].items():
            key = f"phases.{phase}.{field}"
            document_sets = field in set_here.get(phase, {})
            found[key] = _from_file(document, key, value) if document_sets else Setting(key, value, "default")
        if not effective[phase]:
            found[f"phases.{phase}"] = Setting(f"phases.{phase}", None, "default")
    return found


def _orchestration(
    from_file: dict[str, Any],
    document: Node | None,
    overrides: OrchestrationConfig | None,
    environ: Mapping[str, str],
) -> dict[str, Setting]:
    options = overrides.flat() if overrides else {}
    effective = {path: Setting(f"orchestration.{path}", value, "default") for path, value in DEFAULTS.items()}
    for path, value in from_file.items():
        effective[path] = _from_file(document, f"orchestration.{path}", value)
    for path, value, variable, checker in read_environment(environ):
        if path not in options:
            checker.raise_first(ConfigError)
            effective[path] = Setting(f"orchestration.{path}", value, f"${variable}")
    for path, value in options.items():
        effective[path] = Setting(f"orchestration.{path}", value, "option")
    return {setting.key: setting for setting in effective.values()}
