"""The checker of YAML documents: penguin.yaml and blueprints.

It goes value by value; each error names file, line, key and a correction. A Checker collects errors instead of raising
the first one, so that a person sees all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from penguin.orchestration.backend import WorkflowError

ERROR = "error"
WARNING = "warning"
NOTE = "note"
"""Something that the reader decided or does not use, and nothing to mend."""
_SHOWN = 20
_YES = frozenset({"yes", "on"})
_NO = frozenset({"no", "off"})


class Problem(NamedTuple):
    """An error or a warning about a file."""

    severity: str
    """error, warning or note."""
    path: str
    """The file, relative to the workspace; or the name of what was checked instead of a file."""
    line: int
    """From 1; 0 means the whole file."""
    message: str
    hint: str = ""
    """The correction, or what to type."""

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.where}: {self.message}{hint}"


class Node:
    """A value of a document, with its position."""

    __slots__ = ("key_line", "line", "raw", "value")

    def __init__(self, value: Any, line: int, raw: str | None = None) -> None:
        self.value: Any = value
        """A dict of nodes by key, a list of nodes, or a scalar."""
        self.line = line
        self.key_line = line
        """The line of its key, if it has one."""
        self.raw = raw
        """A scalar as it was written."""

    @classmethod
    def of(cls, data: object, line: int = 0) -> Node:
        """Return a node of plain data, such as a program's."""
        if isinstance(data, Mapping):
            return cls({_key(key): cls.of(value, line) for key, value in data.items()}, line)
        if isinstance(data, list | tuple):
            return cls([cls.of(item, line) for item in data], line)
        if isinstance(data, Enum):
            return cls.of(data.value, line)
        return cls(data, line, raw=None if data is None else str(data))

    def plain(self) -> Any:
        """Return the value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def _key(key: object) -> str:
    # WorkflowPhase.TEST as a key means the same as "test".
    return str(key.value).lower() if isinstance(key, Enum) else str(key)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that is most similar, or None."""
    from difflib import get_close_matches

    by_folded = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(word.lower()[:200], by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def suggest(word: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown word."""
    match = nearest(word, known)
    return f"did you mean {match!r}?" if match else f"one of {', '.join(known)}"


def kind_of(node: Node) -> str:
    """Describe the kind of a value."""
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "a string" if len(value) > 40 else repr(value)
    return str(value)[:40]


class Checker:
    """Reads typed values from nodes and collects errors.

    Each reader takes the key path for its errors, and returns None if the value is absent, null or invalid.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def error(self, line: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(ERROR, self.path, line, message, hint))

    def warn(self, line: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(WARNING, self.path, line, message, hint))

    def note(self, line: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(NOTE, self.path, line, message, hint))

    def raise_first(self, kind: type[WorkflowError]) -> None:
        """Raise all errors as one error of this kind."""
        raise_problems(self.problems, kind)

    def wrong_type(self, node: Node, where: str, wanted: str, hint: str = "") -> None:
        self.error(node.line, f"{where}: must be {wanted}, not {kind_of(node)}", hint)

    def mapping(self, node: Node | None, where: str, known: Sequence[str] | None) -> dict[str, Node]:
        """Return the entries with known keys (None: any key); empty if there are none."""
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong_type(node, where, "a mapping", f"keys: {', '.join(known)}" if known else "")
            return {}
        entries: dict[str, Node] = node.value
        if known is None or entries.keys() <= set(known):
            return entries
        for key, value in entries.items():
            if key not in known:
                self.error(value.key_line, f"{where}: unknown key {key!r}", suggest(key, known))
        return {key: value for key, value in entries.items() if key in known}

    def items(self, node: Node | None, where: str) -> list[Node]:
        """Return the values of a list."""
        if node is None or node.value is None:
            return []
        if isinstance(node.value, list):
            return node.value
        self.wrong_type(node, where, "a list")
        return []

    def non_null(self, nodes: Sequence[Node], where: str) -> list[Node]:
        """Return the values of a list that are not null. A null is mostly an unquoted `~`, so it is an error."""
        for node in nodes:
            if node.value is None:
                self.wrong_type(node, where, "a string", f'quote it: "{node.raw}"' if node.raw else "")
        return [node for node in nodes if node.value is not None]

    def text(self, node: Node | None, where: str) -> str | None:
        if node is None or node.value is None:
            return None
        if not isinstance(node.value, str):
            hint = f'quote it: "{node.raw}"' if node.raw is not None else ""
            self.wrong_type(node, where, "a string", hint)
        elif not node.value.strip():
            self.error(node.line, f"{where}: must not be empty")
        else:
            return node.value
        return None

    def label(self, node: Node | None, where: str) -> str | None:
        """Return a string that may look like a number or a boolean: an id or a title."""
        if node is not None and node.raw is not None and not isinstance(node.value, str) and node.value is not None:
            return node.raw
        return self.text(node, where)

    def texts(self, node: Node | None, where: str) -> tuple[str, ...] | None:
        """Return a string, or a list of them."""
        if node is None or node.value is None:
            return None
        if not isinstance(node.value, list):
            text = self.text(node, where)
            return None if text is None else (text,)
        found = [self.text(item, where) for item in self.non_null(node.value, where)]
        return tuple(text for text in found if text is not None)

    def boolean(self, node: Node | None, where: str) -> bool | None:
        if node is None or node.value is None:
            return None
        if isinstance(node.value, bool):
            return node.value
        word = str(node.value).lower()
        if word in _YES or word in _NO:
            return word in _YES
        self.wrong_type(node, where, "true or false")
        return None

    def number(self, node: Node | None, where: str, low: float, high: float, unit: str = "") -> float | None:
        """Return a number between the limits, both included."""
        if node is None or node.value is None:
            return None
        value = node.value
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.wrong_type(node, where, f"a number{unit} from {low:.15g} to {high:.15g}")
        return None

    def integer(self, node: Node | None, where: str, low: int, high: int, unit: str = "") -> int | None:
        """Return a whole number between the limits, both included."""
        if node is None or node.value is None:
            return None
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.wrong_type(node, where, f"a whole number{unit} from {low} to {high}")
        return None

    def choice(self, node: Node | None, where: str, values: Sequence[str]) -> str | None:
        if node is None or node.value is None:
            return None
        if isinstance(node.value, str) and node.value in values:
            return node.value
        match = nearest(node.value, values) if isinstance(node.value, str) else None
        self.wrong_type(node, where, f"one of {', '.join(values)}", f"did you mean {match!r}?" if match else "")
        return None

    def identifier(self, node: Node | None, where: str) -> str | None:
        """Return an id of a task, a blueprint or a project."""
        text = self.label(node, where)
        if node is None or text is None or valid_id(text):
            return text
        shown = text if len(text) <= 60 else text[:60] + "…"
        self.error(node.line, f"{where}: {shown!r} is not a valid id", ID_RULE)
        return None


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_ID_LENGTH = 100
ID_RULE = (
    f"letters, digits, - and _, single dots inside; the first is a letter or digit; at most {_ID_LENGTH} characters"
)


def valid_id(text: str) -> bool:
    """Return whether a text can be the id of a task, a blueprint or a project."""
    return len(text) <= _ID_LENGTH and _ID.fullmatch(text) is not None


def raise_problems(problems: Iterable[Problem], kind: type[WorkflowError]) -> None:
    """Raise the errors among the problems as one exception, if there are any."""
    errors = [problem for problem in problems if problem.severity == ERROR]
    if not errors:
        return
    lines = [f"{errors[0].where}: {errors[0].message}"]
    lines += [str(problem) for problem in errors[1:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"and {len(errors) - _SHOWN} more")
    raise kind("\n".join(lines), errors[0].hint)
