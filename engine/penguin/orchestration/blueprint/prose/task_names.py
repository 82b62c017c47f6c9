"""Names of tasks in a text: ids, numbers, ranges and titles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple, Protocol

_WORD = re.compile(r"[^\W_][\w.-]*[^\W_]|[^\W_]")
_COUNTED = re.compile(r"(?:#|\b(?:tasks?|steps?|issues?|stor(?:y|ies)|items?|no\.)\s*#?)$", re.IGNORECASE)
"""What stands before a number that names a task."""
_LIST_BEFORE = re.compile(
    r"(?:[:(\[]|\b(?:on|by|after|for|requires|needs))[\s,;&#\d*_`-]*(?:(?:and|or|to)[\s#]+)*$", re.IGNORECASE
)
_WORD_BEFORE = re.compile(
    r"(?:[`\"'“‘\[#,]|\b(?:depends?|dependent|blocked|wait(?:s|ing)?|relies)\s+(?:on|upon|by|for)\s*:?|\b(?:tasks?|and|or)"
    r"|\b(?:dependenc(?:y|ies)|deps?|requires|needs|after|blockers?|prerequisites?)\s*:)[\s*`_]*$",
    re.IGNORECASE,
)
"""What stands before an id that is an ordinary word, such as `depends on build`."""
_LIST_AFTER = re.compile(r"[\s,;&.#\d)\]*_`-]*(?:(?:and|or|through|to)[\s#\d]+)*[\s.)\]*_`]*$", re.IGNORECASE)
"""What stands around a number that is part of a list of numbers, such as `Depends on: 1, 2 and 3`."""
_RANGE = re.compile(r"[\s`*_\])]*(?:-|–|—|\.{2,3}|…|to|through|thru|until)[\s`*_\[(#]*", re.IGNORECASE)
_TIGHT_RANGE = re.compile(r"(?<=\w)(?:-|\.{2,3})(?=\w)")
_SHORTEST_TITLE = 4
AROUND = 400
"""Characters before and after a word that are read. In a line without end, more would take long."""
_TITLE_START = re.compile(
    r"[`*\[(#]*(?:(?:task|step|issue|story)\s+)?(?:(?P<number>\d+)|(?P<id>[A-Za-z]{0,8}-?\d+(?:\.\d+)*[a-z]?))"
    r"[\]`*.:)]*(?:\([^()\s]*\))?\s+",
    re.IGNORECASE,
)
_TITLE_END = re.compile(r"(?:[(\[]|\s[—–-]\s|[;,]\s|\bdepends\s|\bblocked\s|\*\*)", re.IGNORECASE)
"""Where a remark such as `(depends on A-1)` begins in a title."""


class Mention(NamedTuple):
    """A place in a text that names a task, with the source id of that task."""

    start: int
    end: int
    id: str


class NamedTask(Protocol):
    """A task with an id, or '', and a title."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...


class TaskNames:
    """Finds the tasks of a backlog that a text names."""

    def __init__(self, items: Iterable[NamedTask], titles: bool = True) -> None:
        """Collect the names of tasks: their ids and numbers, and their `titles`."""
        named = [item for item in items if item.id]
        self._order = [item.id for item in named]
        self._ids = {item.id.lower(): item.id for item in named}
        self._numbers: dict[str, dict[str, None]] = {}
        self._titles: dict[str, str] = {}
        for item in named:
            if titles:
                self._add_title(item)
            match = re.fullmatch(r"[^\W\d_]{0,12}[-_#]?(\d+)", item.id)
            if match:
                self._add_number(match[1].lstrip("0") or "0", item.id)
        # The longest title comes first: it may contain a shorter one.
        words = "|".join(map(re.escape, sorted(self._titles, key=len, reverse=True)))
        self._title = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None

    def _add_number(self, number: str, task_id: str) -> None:
        self._numbers.setdefault(number, {})[task_id] = None

    def _add_title(self, item: NamedTask) -> None:
        """Add the title of a task, and the id or number at its start."""
        title = item.title
        start = _TITLE_START.match(title)
        if start:
            title = title[start.end() :]
            if start["number"]:
                self._add_number(start["number"].lstrip("0"), item.id)
            else:
                self._ids.setdefault(start["id"].lower(), item.id)
        short, *remark = _TITLE_END.split(title, maxsplit=1)
        states = remark and re.search(r"\bdep|block|after|needs|requires|wait|->|→", title, re.IGNORECASE)
        for one in (short,) if states else (title, short):
            plain = " ".join(one.lower().split()).strip("`*_.:;,- ")
            if len(plain) >= _SHORTEST_TITLE:
                self._titles.setdefault(plain, item.id)

    def find(self, text: str) -> list[Mention]:
        """Return the mentions in a text, in order. A range mentions all its tasks."""
        found = [one for match in _WORD.finditer(text) for one in self._word(text, match)]
        taken = [(one.start, one.end) for one in found]
        # Titles are searched where at most one id is named: with many tasks, this search is slow.
        for match in self._title.finditer(text.lower()) if self._title and len(found) < 2 else ():
            if not any(start < match.end() and match.start() < end for start, end in taken):
                found.append(Mention(match.start(), match.end(), self._titles[match[0]]))
        found.sort()
        between = [
            Mention(left.start, right.end, name)
            for left, right in pairwise(found)
            if _RANGE.fullmatch(text[left.end : right.start])
            for name in self._between(left.id, right.id)
        ]
        return sorted([*found, *between])

    def _word(self, text: str, match: re.Match[str]) -> list[Mention]:
        word = match[0]
        start, end = match.span()
        name = self._named(word, text[max(0, start - AROUND) : start], text[end : end + AROUND])
        if name:
            return [Mention(match.start(), match.end(), name)]
        for cut in _TIGHT_RANGE.finditer(word) if len(word) <= AROUND else ():
            names = self._tight_range(word[: cut.start()], word[cut.end() :])
            if names:
                return [Mention(match.start(), match.end(), one) for one in names]
        return []

    def _tight_range(self, left: str, right: str) -> list[str]:
        """Return the ids of a range without spaces, such as T001-T003, A-1..A-3 or T001-003."""
        prefix = re.match(r"\D*", left)
        first = self._named(left, "#", "")
        last = self._named(right, "#", "") or self._ids.get(f"{prefix[0] if prefix else ''}{right}".lower(), "")
        return [first, *self._between(first, last), last] if first and last else []

    def _named(self, word: str, before: str, after: str) -> str:
        """Return the id of the task that a word names, or ''. A whole number needs words that say what it counts."""
        number = word.lstrip("0") if word.isdecimal() else ""
        if not number:
            name = self._ids.get(word.lower(), "")
            return name if name and (not word.isalpha() or _WORD_BEFORE.search(before)) else ""
        counted = _COUNTED.search(before) is not None
        alone = _LIST_AFTER.match(after) is not None and _LIST_BEFORE.search(before) is not None
        if not counted and not alone:
            return ""
        names = self._numbers.get(number, {})
        return self._ids.get(word.lower(), "") or (next(iter(names)) if len(names) == 1 else "")

    def _between(self, first: str, last: str) -> list[str]:
        """Return the ids between two ids, if both have the same form, such as T001 and T009."""
        if first not in self._order or last not in self._order or _form(first) != _form(last):
            return []
        start, end = _key(first), _key(last)
        return [name for name in self._order if _form(name) == _form(first) and start < _key(name) < end]


def _form(name: str) -> str:
    return re.sub(r"\d+", "0", name)


def _key(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]
