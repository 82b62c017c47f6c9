"""Edits of a YAML blueprint that keep every line that they do not concern, with its comments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.edit.block_list import end_of_item, indent_of, move_to_column
from penguin.orchestration.blueprint.edit.yaml_values import field_text
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker, Node

_ITEM = re.compile(r"(\s*-\s+)\S")
_COMMENT = re.compile(r"\s*(?:#.*)?")
_TRAILING = re.compile(r"\S\s+(#.*)$")


class BlueprintEdit:
    """The lines of a blueprint while they are edited. Line numbers are those of the text at the beginning."""

    def __init__(self, text: str, shown: str) -> None:
        """Read a blueprint. Raises BlueprintError if it is not valid YAML."""
        checker = Checker(shown)
        self.shown = shown
        self.root = parse_yaml(text, checker) or Node({}, 1)
        checker.raise_first(BlueprintError)
        self.lines = text.rstrip("\n").split("\n")
        self._edits: list[tuple[int, int, list[str]]] = []
        """(first line, line after the last, what replaces them)."""

    @property
    def items(self) -> list[Node]:
        """The items of the blueprint."""
        node = self.root.value.get("items") if isinstance(self.root.value, dict) else None
        return (
            [one for one in node.value if isinstance(one.value, dict)] if node and isinstance(node.value, list) else []
        )

    def change(self, item: Node, changes: Mapping[str, Any]) -> None:
        """Set fields of an item; None removes one. Raises BlueprintError if the item is written in another form."""
        start = _ITEM.match(self.lines[item.line - 1])
        keys = sorted(node.key_line for node in item.value.values())
        if start is None or len(set(keys)) < len(keys):
            message = f"{self.shown}:{item.line}: can't be updated: the task is not written one key a line"
            raise BlueprintError(message, "write it as  - id: …  with each key on a line of its own")
        indent = len(start[1])
        end = self._end_of(item)
        for name, value in changes.items():
            new = field_text(name, value, indent).split("\n")[:-1] if value is not None else []
            old = item.value.get(name)
            if old is None:
                last = self._trimmed(keys[-1], end, indent)
                self._edits.append((last, last, new))
                continue
            following = next((line for line in keys if line > old.key_line), end)
            last = self._trimmed(old.key_line, following, indent)
            self._edits.append((old.key_line, last, self._with_comment(old.key_line, last, new)))

    def append(self, texts: Sequence[str]) -> None:
        """Add items after the last one. Each text is lines of the list, indented by two spaces."""
        last = self.items[-1] if self.items else None
        dash = indent_of(self.lines[last.line - 1]) if last else 2
        place = self._key_end("items")
        if last:
            place = 1 + end_of_item(self.lines, last.line - 1, self._end_of(last) - 1, dash)
        for text in texts:
            self._edits.append((place, place, ["", *move_to_column(text.split("\n")[:-1], dash)]))

    def replace_section(self, name: str, text: str) -> None:
        """Replace a top-level key with all below it."""
        node = self.root.value.get(name)
        if node is None:
            self._edits.append((len(self.lines) + 1, len(self.lines) + 1, ["", *text.split("\n")[:-1]]))
        else:
            self._edits.append((node.key_line, self._key_end(name), text.split("\n")[:-1]))

    def text(self) -> str:
        """Return the edited text."""
        lines = list(self.lines)
        # From the bottom, so that line numbers above stay true; what was added first at a place comes first.
        for _, (start, end, new) in sorted(enumerate(self._edits), key=lambda one: (one[1][0], one[0]), reverse=True):
            lines[start - 1 : end - 1] = new
        return "\n".join(lines) + "\n"

    def _end_of(self, item: Node) -> int:
        """Return the line after an item."""
        following = [one.line for one in self.items if one.line > item.line]
        return min(following) if following else self._key_end("items")

    def _key_end(self, name: str) -> int:
        """Return the line after a top-level key and all below it."""
        own = self.root.value[name].key_line
        following = [node.key_line for node in self.root.value.values() if node.key_line > own]
        return min(following) if following else len(self.lines) + 1

    def _trimmed(self, start: int, end: int, indent: int) -> int:
        """Return the line after the last of these lines that is neither empty nor a comment of its own.

        A line that is indented deeper than `indent` may look like a comment within a text.
        """
        while end - 1 > start:
            line = self.lines[end - 2]
            own_indent = len(line) - len(line.lstrip())
            if not _COMMENT.fullmatch(line) or (line.strip() and own_indent > indent):
                break
            end -= 1
        return end

    def _with_comment(self, start: int, end: int, new: list[str]) -> list[str]:
        """Return new lines with the comment at the end of the old one, if that is a line without quotes."""
        line = self.lines[start - 1]
        match = _TRAILING.search(line)
        if match is None or end - start > 1 or len(new) != 1 or "'" in line or '"' in line:
            return new
        return [f"{new[0]}  {match[1]}"]
