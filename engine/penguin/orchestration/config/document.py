"""A YAML or JSON document whose values know their lines.

Files are read as UTF-8 up to a limit. YAML is built from libyaml's events instead of its composed nodes: the composer
recurses in C, and a file of open brackets would crash the process. Plain scalars follow YAML 1.2: `no` and `007` are
strings.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from penguin.orchestration.config.document_checker import Checker, Node

MAX_DEPTH = 64
TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"
MAX_NODES = 2_000_000
"""Maximum number of values of a document with its aliases expanded; more is an attack or an accident."""
LOOK_AHEAD = 1024
"""Characters that a YAML scanner reads beyond the last event: the longest key without a `?` (YAML 1.2, 7.4.2)."""

YAML_1_1_LINE_ENDS = "\x85\u2028\u2029"
"""libyaml reads YAML 1.1, where these end a line; in YAML 1.2 they are text."""

_scan_string: Any = vars(json.decoder)["scanstring"]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,3999})")
_DIGITS = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_QUOTED = re.compile(r"'[^'\n]*'|\"([^\"\\\n]|\\.)*\"")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class _DocumentError(Exception):
    """The rest of the document can't be read."""

    def __init__(self, line: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.hint = hint


def read_text(path: Path, checker: Checker, limit: int, create: str = "write the file") -> str | None:
    """Return the text of a file with line ends `\\n`, or None after an error: not UTF-8, or over `limit` bytes.

    `create` is the hint for a missing file.
    """
    try:
        # A FIFO or a device would block or never end, so only regular files are read.
        if not path.is_file():
            _report_unreadable(path, checker, create)
            return None
        with path.open("rb") as file:
            data = file.read(limit + 1)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        checker.error(0, f"can't be read: {error.strerror or error}", "make it readable")
        return None
    if len(data) > limit:
        checker.error(0, f"is too large: {size:,} bytes, the maximum is {limit:,}", "split it into several files")
        return None
    return decode_text(data, checker)


def _report_unreadable(path: Path, checker: Checker, create: str) -> None:
    """Report what is there instead of a file."""
    from penguin.orchestration.files.occupied_path import file_kind, move_command

    if kind := file_kind(path):
        checker.error(0, f"is {kind}, not a file", f"{move_command(path)}; then {create}")
    else:
        checker.error(0, "does not exist", create)


def decode_text(data: bytes, checker: Checker) -> str | None:
    """Return bytes as text, or None after an error."""
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        checker.error(line, "contains a NUL byte: this is not a text file", "save it as text, in UTF-8")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = f"convert it: iconv -f LATIN1 -t UTF-8 {checker.path}"
        checker.error(line, f"is not UTF-8 (byte 0x{data[error.start]:02x})", hint)
        return None
    if not text.strip():
        checker.error(0, "is empty", "write into it, or remove it")
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def scalar(raw: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar."""
    if raw in _CONSTANTS:
        return _CONSTANTS[raw]
    if raw[:1].isalpha():
        return raw
    if _INTEGER.fullmatch(raw):
        return int(raw)
    if len(raw) < 400 and not _DIGITS.fullmatch(raw) and _FLOAT.fullmatch(raw):
        return float(raw.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return raw


def parse_yaml(text: str, checker: Checker, first_line: int = 1) -> Node | None:
    """Return the document in `text`, or None after an error. `first_line` is the number of its first line in the
    file."""
    stand_ins = _stand_ins(text)
    text = text.translate(stand_ins)
    composer = _Composer(checker, text, first_line, {new: old for old, new in stand_ins.items()})
    try:
        return composer.document(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        # An unclosed construct is reported at the end, one line too late.
        line = min(mark.line, text.rstrip("\n").count("\n")) if mark else 0
        if mark and _too_deep(text, mark.index):
            checker.error(line + first_line, TOO_DEEP)
        else:
            checker.error(line + first_line, f"is not valid YAML: {_reason(error)}", _yaml_hint(text, line))
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0) or 0
        reason = getattr(error, "reason", None) or "a character that is not allowed"
        checker.error(text.count("\n", 0, position) + first_line, f"is not valid YAML: {reason}")
    except _DocumentError as error:
        checker.error(error.line, str(error), error.hint)
    return None


def _stand_ins(text: str) -> dict[int, int]:
    """Return a private-use character that is not in the text for each character of YAML_1_1_LINE_ENDS in it."""
    found = [char for char in YAML_1_1_LINE_ENDS if char in text]
    unused = (code for code in range(0xE000, 0xF900) if chr(code) not in text)
    return {ord(char): code for char, code in zip(found, unused, strict=False)}


def _too_deep(text: str, end: int) -> bool:
    """Return whether more than MAX_DEPTH brackets are open before the character `end`.

    libyaml has its own limit, and can reach it in text for which it has not reported an event.
    """
    unread = _QUOTED.sub("", text[max(0, end - LOOK_AHEAD) : end + 1])
    return sum(map(unread.count, "[{")) - sum(map(unread.count, "]}")) > MAX_DEPTH


def _reason(error: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (error.context, error.problem) if part)


def _yaml_hint(text: str, line: int) -> str:
    lines = text.split("\n")
    if 0 <= line < len(lines) and "\t" in lines[line]:
        return "YAML is indented with spaces: replace the tab"
    return "quote text that contains ': ' or starts with a special character"


class _Composer:
    """Builds nodes from libyaml's events."""

    def __init__(self, checker: Checker, text: str, first_line: int, originals: Mapping[int, int]) -> None:
        self.checker = checker
        self.text = text
        self.first = first_line
        self.originals = originals
        """Replacement characters, and the characters that they stand for."""
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0

    def document(self, events: Iterator[Any]) -> Node:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _DocumentError(
                        self._line(event), "holds more than one YAML document", "keep one, without `---`"
                    )
                root = self._node(next(events), events, 0)
        return root or Node(None, self.first)

    def _line(self, event: Any) -> int:
        return int(event.start_mark.line) + self.first

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        self.count += 1
        if depth > MAX_DEPTH:
            raise _DocumentError(self._line(event), TOO_DEEP)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag not in (None, "!"):
            raise _DocumentError(self._line(event), f"has a tag {event.tag!r}: tags are not supported")
        before = self.count
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, events, depth)
        else:
            node = self._mapping(event, events, depth)
        if event.anchor:
            self.anchors[event.anchor] = (node, self.count - before + 1)
        return node

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            raise _DocumentError(self._line(event), f"uses the undefined alias *{event.anchor}")
        node, size = self.anchors[event.anchor]
        self.count += size
        if self.count > MAX_NODES:
            raise _DocumentError(self._line(event), "is too large with its aliases expanded")
        return Node(node.value, self._line(event), raw=node.raw)

    def _scalar(self, event: Any) -> Node:
        raw = str(event.value).translate(self.originals) if self.originals else str(event.value)
        if "\0" in raw:
            raise _DocumentError(self._line(event), "contains a NUL character")
        plain = event.style in (None, "") and event.implicit[0]
        if plain and event.end_mark.line > event.start_mark.line:
            self._warn_of_joined_items(event)
        return Node(scalar(raw) if plain else raw, self._line(event), raw=raw)

    def _warn_of_joined_items(self, event: Any) -> None:
        """Warn of list items that YAML joins to the unquoted text above them: the key of the list may be missing."""
        lines = self.lines[event.start_mark.line + 1 : event.end_mark.line + 1]
        for number, line in enumerate(lines, self._line(event) + 1):
            if line.lstrip(" ").startswith("- "):
                message = f"reads like a list item, but YAML joins it to the text above: {line.strip()[:80]!r}"
                self.checker.warn(number, message, "write the key of the list above it, or `|` before a text of lines")

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.split("\n")

    def _sequence(self, start: Any, events: Iterator[Any], depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return Node(items, self._line(start))

    def _mapping(self, start: Any, events: Iterator[Any], depth: int) -> Node:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            if key.raw is None:
                raise _DocumentError(key.line, "has a mapping or a list as a key", "quote text that starts with { or [")
            value = self._node(next(events), events, depth + 1)
            value.key_line = key.line
            if key.raw in entries:
                _duplicate(self.checker, key.raw, key.line, entries[key.raw].key_line)
            entries[key.raw] = value
        return Node(entries, self._line(start))


def _duplicate(checker: Checker, key: str, line: int, first: int) -> None:
    checker.error(line, f"duplicate key {key!r} (first on line {first})", "keep one of the two")


def parse_json(text: str, checker: Checker) -> Node | None:
    """Return the JSON document in `text`, or None after an error."""
    try:
        return _JsonReader(text, checker).document()
    except _DocumentError as error:
        checker.error(error.line, f"is not valid JSON: {error}", error.hint)
    except json.JSONDecodeError as error:
        checker.error(error.lineno, f"is not valid JSON: {error.msg}")
    return None


class _JsonReader:
    """Reads JSON with line numbers, which the standard library's decoder does not report."""

    _space = re.compile(r"[ \t\n]*")
    _number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
    _words: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}

    def __init__(self, text: str, checker: Checker) -> None:
        self.text = text
        self.checker = checker
        self.at = 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> Node:
        node = self._value(0)
        if self._peek():
            raise self._broken("unexpected text after the end of the document")
        return node

    def _line(self) -> int:
        return bisect_right(self.breaks, self.at - 1) + 1 if self.at else 1

    def _broken(self, message: str) -> _DocumentError:
        return _DocumentError(self._line(), message)

    def _peek(self) -> str:
        match = self._space.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def _expect(self, char: str) -> None:
        if self._peek() != char:
            raise self._broken(f"expected {char!r}")
        self.at += 1

    def _value(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._broken(f"nested more than {MAX_DEPTH} levels deep")
        start = self._peek()
        line = self._line()
        if start == "{":
            return Node(self._object(depth), line)
        if start == "[":
            return Node(self._array(depth), line)
        if start == '"':
            text = self._string()
            return Node(text, line, raw=text)
        return self._literal(line)

    def _literal(self, line: int) -> Node:
        for word, value in self._words.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return Node(value, line, raw=word)
        match = self._number.match(self.text, self.at)
        if not match or len(match[0]) > 4000:
            raise self._broken("expected a value")
        self.at = match.end()
        whole = match[2] is None and match[3] is None
        return Node(int(match[0]) if whole else float(match[0]), line, raw=match[0])

    def _string(self) -> str:
        found, self.at = _scan_string(self.text, self.at + 1, True)
        text = str(found)
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise self._broken("half of a surrogate pair in a string")
        if "\0" in text:
            raise self._broken("a NUL character in a string")
        return text

    def _array(self, depth: int) -> list[Node]:
        items: list[Node] = []
        self._expect("[")
        if self._peek() != "]":
            items.append(self._value(depth + 1))
            while self._peek() == ",":
                self.at += 1
                items.append(self._value(depth + 1))
        self._expect("]")
        return items

    def _object(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        self._expect("{")
        if self._peek() != "}":
            self._entry(entries, depth)
            while self._peek() == ",":
                self.at += 1
                self._entry(entries, depth)
        self._expect("}")
        return entries

    def _entry(self, entries: dict[str, Node], depth: int) -> None:
        if self._peek() != '"':
            raise self._broken("expected a key in double quotes")
        line = self._line()
        key = self._string()
        self._expect(":")
        value = self._value(depth + 1)
        value.key_line = line
        if key in entries:
            _duplicate(self.checker, key, line, entries[key].key_line)
        entries[key] = value
