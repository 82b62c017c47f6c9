"""Readers of the fields of JSON and YAML mappings: fields are taken one by one, so that none is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from penguin.orchestration.config.document_checker import Checker, Node, kind_of

_BULLET = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s+(?:\[[ xX]?\]\s+)?(.*)")
DEPENDENCY_FIELDS = (
    *("dependencies", "dependsOn", "depends_on", "dependency", "deps", "blockedBy", "blocked_by", "blockers"),
    *("prerequisites", "predecessors", "requires", "waitsFor", "waits_for"),
)
DEPENDENT_FIELDS = ("blocks", "unblocks", "dependents", "successors")


class FieldReader:
    """A mapping. What no method has taken is in `leftovers`."""

    def __init__(self, node: Node, checker: Checker, where: str) -> None:
        """Wrap a node. It is an error if the node is no mapping; the reader is empty then."""
        self.line = node.line
        self.checker = checker
        self.where = where
        self._fields: dict[str, Node] = node.value if isinstance(node.value, dict) else {}
        self._taken: set[str] = set()
        if not isinstance(node.value, dict):
            checker.wrong_type(node, where, "a mapping")

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def take(self, *names: str) -> Node | None:
        """Return the first of these fields that is neither absent nor null."""
        for name in names:
            node = self._fields.get(name)
            if node is not None:
                self._taken.add(name)
                if node.value is not None:
                    return node
        return None

    def text(self, *names: str) -> str:
        """Return a field as text; empty if it is absent."""
        node = self.take(*names)
        if node is None:
            return ""
        if isinstance(node.value, dict | list):
            self.checker.wrong_type(node, f"{self.where}.{names[0]}", "a string")
            return ""
        return str(node.raw if node.raw is not None else node.value).strip()

    def flag(self, *names: str) -> bool:
        """Return whether a field is true."""
        node = self.take(*names)
        return node is not None and (node.value is True or str(node.value).lower() in ("true", "yes", "done"))

    def nodes(self, *names: str) -> list[Node]:
        """Return a list; a single value counts as a list of one."""
        node = self.take(*names)
        if node is None:
            return []
        return [one for one in node.value if one.value is not None] if isinstance(node.value, list) else [node]

    def texts(self, *names: str) -> list[str]:
        """Return the texts of a list. The bullets of one text are a list, too."""
        found: list[str] = []
        for node in self.nodes(*names):
            if isinstance(node.value, dict | list):
                found.append(compact(node))
            elif isinstance(node.value, str):
                found += split_bullets(node.value)
            else:
                found.append(str(node.raw))
        return [text for text in (one.strip() for one in found) if text]

    def ids(self, *names: str) -> list[str]:
        """Return a list of ids: strings or numbers, or one string with commas between."""
        found: list[str] = []
        for node in self.nodes(*names):
            if isinstance(node.value, dict | list | bool):
                self.checker.error(node.line, f"{self.where}.{names[0]}: {kind_of(node)} is not the id of a task")
            elif isinstance(node.value, str):
                found += [part.strip() for part in node.value.split(",")]
            else:
                found.append(str(node.raw))
        return [one for one in found if one]

    def dependency_ids(self) -> list[str]:
        """Return the ids in all fields that name the tasks on which this one depends, such as `blockedBy`."""
        return list(dict.fromkeys(one for name in DEPENDENCY_FIELDS for one in self.ids(name)))

    def dependent_ids(self) -> list[str]:
        """Return the ids in all fields that name the tasks that depend on this one, such as `blocks`."""
        return list(dict.fromkeys(one for name in DEPENDENT_FIELDS for one in self.ids(name)))

    def record(self, name: str) -> FieldReader | None:
        """Return a field that is a mapping itself."""
        node = self.take(name)
        return None if node is None else FieldReader(node, self.checker, f"{self.where}.{name}")

    def records(self, *names: str) -> Iterator[FieldReader]:
        """Yield the mappings of a list."""
        node = self.take(*names)
        if node is not None and not isinstance(node.value, list):
            self.checker.wrong_type(node, f"{self.where}.{names[0]}", "a list")
            return
        for number, child in enumerate(node.value if node is not None else (), 1):
            yield FieldReader(child, self.checker, f"{self.where}.{names[0]}[{number}]")

    def ignore(self, *names: str) -> None:
        """Leave fields out that say nothing about the work, such as time stamps."""
        self._taken.update(names)

    def leftovers(self) -> dict[str, str]:
        """Return the fields that nothing has taken and that hold something, as text."""
        left = {name: node for name, node in self._fields.items() if name not in self._taken}
        return {name: compact(node) for name, node in left.items() if node.value not in (None, "", [], {}, False)}


def compact(node: Node) -> str:
    """Return a value as short text: a list of scalars with commas between, anything deeper as JSON."""
    value = node.plain()
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return ", ".join(str(one.raw if one.raw is not None else one.value) for one in node.value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(node.raw if node.raw is not None else value).strip()


def split_bullets(text: str) -> list[str]:
    """Return the bullets of a text as a list; a text that is not all bullets stays whole."""
    lines = [line for line in text.strip().split("\n") if line.strip()]
    matches = [_BULLET.fullmatch(line) for line in lines]
    if not lines or matches[0] is None:
        return [text.strip()] if text.strip() else []
    found: list[str] = []
    for line, match in zip(lines, matches, strict=True):
        if match:
            found.append(match[1].strip())
        else:
            found[-1] += f"\n{line.strip()}"
    return [one for one in found if one]
