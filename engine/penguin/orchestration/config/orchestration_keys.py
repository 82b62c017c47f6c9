"""The keys of `orchestration:` as one table, with their types and defaults.

The file, the environment, an OrchestrationConfig and the settings of one start are checked against it. Values are kept
flat, by dotted key, so that a later source can override each of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penguin.orchestration.config.document_checker import Checker, Node

PHASES = ("implement", "test", "use", "verify")
BACKENDS = ("native", "temporal")
MONTH = 30 * 86_400.0
"""Seconds: the longest time-out or delay that is accepted."""

Reader = Callable[[Checker, Node, str], Any]

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_WORD = re.compile(r"[^\s\x00-\x1f]{1,200}")


def _choice(*values: str) -> Reader:
    return lambda checker, node, where: checker.choice(node, where, values)


def _number(low: float, high: float, unit: str = "") -> Reader:
    return lambda checker, node, where: checker.number(node, where, low, high, unit)


def _integer(low: int, high: int, unit: str = "") -> Reader:
    return lambda checker, node, where: checker.integer(node, where, low, high, unit)


def _boolean(checker: Checker, node: Node, where: str) -> bool | None:
    return checker.boolean(node, where)


def _path(checker: Checker, node: Node, where: str) -> str | None:
    return checker.text(node, where)


def _address(checker: Checker, node: Node, where: str) -> str | None:
    text = checker.text(node, where)
    match = _ADDRESS.fullmatch(text) if text else None
    if text and not (match and 0 < int(match[2]) < 65_536):
        checker.wrong_type(node, where, "HOST:PORT", "for example localhost:7233")
        return None
    return text


def _word(checker: Checker, node: Node, where: str) -> str | None:
    text = checker.text(node, where)
    if text and not _WORD.fullmatch(text):
        checker.wrong_type(node, where, "one word without spaces")
        return None
    return text


_SECONDS = " of seconds"
FIELDS: dict[str, Reader] = {
    "backend": _choice(*BACKENDS),
    "max_parallel": _integer(1, 10_000),
    "max_output": _integer(1_024, 2**40, " of bytes"),
    **{f"phase_timeouts.{phase}": _number(0.001, MONTH, _SECONDS) for phase in PHASES},
    "retry.max_attempts": _integer(1, 1_000),
    "retry.initial_delay_sec": _number(0, MONTH, _SECONDS),
    "retry.backoff_multiplier": _number(1, 1_000),
    "retry.max_delay_sec": _number(0, MONTH, _SECONDS),
    "temporal.address": _address,
    "temporal.namespace": _word,
    "temporal.task_queue": _word,
    "temporal.auto_start": _boolean,
    "temporal.tls.enabled": _boolean,
    "temporal.tls.cert_path": _path,
    "temporal.tls.key_path": _path,
    "temporal.tls.ca_path": _path,
}
DEFAULTS: dict[str, Any] = {
    "backend": "native",
    "max_parallel": 1,
    "max_output": 100_000_000,
    "phase_timeouts.implement": 600.0,
    "phase_timeouts.test": 300.0,
    "phase_timeouts.use": 180.0,
    "phase_timeouts.verify": 120.0,
    "retry.max_attempts": 3,
    "retry.initial_delay_sec": 5.0,
    "retry.backoff_multiplier": 2.0,
    "retry.max_delay_sec": 300.0,
    "temporal.address": "localhost:7233",
    "temporal.namespace": "penguin",
    "temporal.task_queue": "penguin-ituv",
    "temporal.auto_start": True,
    "temporal.tls.enabled": False,
    "temporal.tls.cert_path": None,
    "temporal.tls.key_path": None,
    "temporal.tls.ca_path": None,
}
ENVIRONMENT = {
    "backend": "PENGUIN_ORCHESTRATION_BACKEND",
    "temporal.address": "TEMPORAL_ADDRESS",
    "temporal.namespace": "TEMPORAL_NAMESPACE",
    "temporal.auto_start": "TEMPORAL_AUTO_START",
}


def read_fields(node: Node | None, checker: Checker, where: str, prefix: str = "") -> dict[str, Any]:
    """Return the values that the node sets below `prefix`, by dotted key. `where` is its key path for errors."""
    found: dict[str, Any] = {}
    for key, child in checker.mapping(node, where, _children(prefix)).items():
        path, child_where = f"{prefix}{key}", f"{where}.{key}"
        if path not in FIELDS:
            found |= read_fields(child, checker, child_where, f"{path}.")
        elif (value := FIELDS[path](checker, child, child_where)) is not None:
            found[path] = value
    return found


def _children(prefix: str) -> tuple[str, ...]:
    names = (path[len(prefix) :].partition(".")[0] for path in FIELDS if path.startswith(prefix))
    return tuple(dict.fromkeys(names))


def read_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str, Checker]]:
    """Yield what the environment sets: dotted key, value (None if invalid), variable, and the checker with its
    errors."""
    for path, name in ENVIRONMENT.items():
        raw = environ.get(name, "").strip()
        if raw:
            checker = Checker(f"${name}")
            yield path, FIELDS[path](checker, Node(_environment_value(raw), 0, raw=raw), path), name, checker


def _environment_value(raw: str) -> str | bool:
    words = {"1": True, "true": True, "0": False, "false": False}
    return words.get(raw.lower(), raw)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as nested dicts."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, leaf = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = value
    return tree
