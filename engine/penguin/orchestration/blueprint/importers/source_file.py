"""A source file: a file of another tool, its text, and what it is when it is parsed."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.config.document import decode_text, parse_json, parse_yaml, read_text
from penguin.orchestration.config.document_checker import Checker, Node

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.markdown_outline import Part

MAX_BYTES = 16_000_000
STDIN = "<stdin>"


class Source:
    """A file to import. Parsing happens at the first use, and its errors are in `checker`."""

    def __init__(self, text: str, shown: str, path: Path | None = None) -> None:
        """Create a source of `text`. `shown` is its name in messages, `path` its place; None: standard input."""
        self.text = text
        self.shown = shown
        self.path = path
        self.checker = Checker(shown)

    @property
    def suffix(self) -> str:
        """The lower-case suffix of its name, such as `.md`."""
        return PurePath(self.shown).suffix.lower()

    @cached_property
    def is_json(self) -> bool:
        """Whether the text can only be JSON, or JSON lines."""
        return self.text.lstrip()[:1] in ("{", "[") and self.suffix not in (".md", ".markdown", ".yaml", ".yml")

    @cached_property
    def is_json_lines(self) -> bool:
        """Whether each line is a JSON object of its own."""
        first, _, rest = self.text.strip().partition("\n")
        several = first.startswith("{") and first.rstrip().endswith("}") and rest.lstrip().startswith("{")
        return self.is_json and (several or self.suffix == ".jsonl")

    @cached_property
    def document(self) -> Node | None:
        """The JSON or YAML document; JSON lines are a list. None if it is none."""
        if self.is_json_lines:
            return self._json_lines()
        if self.is_json:
            return parse_json(self.text, self.checker)
        if self.suffix in (".yaml", ".yml"):
            return parse_yaml(self.text, self.checker)
        return None

    def _json_lines(self) -> Node:
        found: list[Node] = []
        for number, line in enumerate(self.text.split("\n"), 1):
            checker = Checker(self.shown)
            node = parse_json(line, checker) if line.strip() else None
            self.checker.problems += [problem._replace(line=number) for problem in checker.problems]
            if node is not None:
                _move(node, number)
                found.append(node)
        return Node(found, 1)

    @cached_property
    def parts(self) -> list[Part]:
        """The headings, list items and paragraphs of the Markdown text."""
        # markdown-it is not needed for JSON.
        from penguin.orchestration.blueprint.importers.markdown_outline import outline

        return outline(self.text)

    def rewrite(self, text: str) -> None:
        """Replace the Markdown text by one with the same numbers of lines."""
        self.text = text
        self.__dict__.pop("parts", None)

    def keys(self) -> frozenset[str]:
        """Return the keys of the document, if it is a mapping."""
        value = self.document.value if self.document else None
        return frozenset(value) if isinstance(value, dict) else frozenset()

    def records(self) -> list[Node]:
        """Return the mappings in the document, if it is a list of them."""
        value = self.document.value if self.document else None
        return [node for node in value if isinstance(node.value, dict)] if isinstance(value, list) else []


def _move(node: Node, line: int) -> None:
    """Set the line of a value and of all values in it."""
    todo = [node]
    while todo:
        one = todo.pop()
        one.line = one.key_line = line
        if isinstance(one.value, dict):
            todo += one.value.values()
        elif isinstance(one.value, list):
            todo += one.value


def read_source(path: Path, shown: str) -> Source:
    """Return a file as a source. Raises BlueprintError if it can't be read as text."""
    checker = Checker(shown)
    text = read_text(path, checker, MAX_BYTES, "check the path")
    checker.raise_first(BlueprintError)
    return Source(text or "", shown, path)


def read_stdin() -> Source:
    """Return standard input as a source. Raises BlueprintError if it can't be read as text."""
    checker = Checker(STDIN)
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        checker.error(0, f"is too large: the maximum is {MAX_BYTES:,} bytes", "import it in parts")
    text = decode_text(data, checker) if not checker.problems else None
    checker.raise_first(BlueprintError)
    return Source(text or "", STDIN)
