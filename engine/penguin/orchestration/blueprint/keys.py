"""The keys of blueprints and tasks: their names and aliases, and key lines such as `**Depends on:** a, b`."""

from __future__ import annotations

import re
from functools import lru_cache

from penguin.orchestration.config.document_checker import nearest

DEPENDENCIES = "dependencies"
BLOCKS = "blocks"
"""The tasks that depend on this one."""
CRITERIA = "acceptance_criteria"
RECIPE = "recipe"
LISTS = (DEPENDENCIES, BLOCKS, RECIPE, "required_tools", "skills")
"""Keys of a task that hold a list of names."""
KEYS_WITH_BOX = ("id", DEPENDENCIES, BLOCKS, CRITERIA, RECIPE, "priority", "effort", "risk")
"""Keys whose names are rarely ordinary words: a line with a check box, or an emphasized name without a colon, can hold
them. With another key, such as `Title:`, a line with a box is a criterion."""
METADATA_KEYS = (
    *("assignee", "assignees", "batch", "component", "due", "due_date", "epic", "estimate", "label", "labels"),
    *("milestone", "owner", "owners", "parallelizable", "parent", "parent_id", "points", "sequence", "sprint"),
    *("status", "story_points", "tag", "tags"),
)
"""Keys of other programs that Penguin keeps with a task and shows, but does not use."""

_ALIASES = {
    "id": ("id", "task id"),
    "title": ("title",),
    "description": ("description",),
    "priority": ("priority",),
    "effort": ("effort",),
    "value": ("value",),
    "risk": ("risk",),
    "done": ("done",),
    "isolation": ("isolation",),
    DEPENDENCIES: (
        "depends",
        "depends on",
        "dependencies",
        "dependency",
        "dependency specs",
        "dependent on",
        "deps",
        "dep",
        "blocked by",
        "blocked on",
        "blockers",
        "requires",
        "needs",
        "prerequisite",
        "prerequisites",
        "waits for",
        "wait for",
        "waiting for",
        "predecessor",
        "predecessors",
        "after",
    ),
    BLOCKS: ("blocks", "blocking"),
    CRITERIA: (
        "acceptance",
        "acceptance criteria",
        "acceptance criterion",
        "acceptance test",
        "acceptance tests",
        "criteria",
        "criterion",
        "completion criteria",
        "done criteria",
        "done when",
        "definition of done",
        "success criteria",
        "success criterion",
        "exit criteria",
        "exit criterion",
        "ac",
        "acs",
        "verify",
    ),
    RECIPE: ("recipe", "recipes", "usage recipe", "usage recipes"),
    "agent_role": ("agent", "agent role"),
    "required_tools": ("tools", "required tools"),
    "skills": ("skills",),
}
_KEYS = {alias: key for key, aliases in _ALIASES.items() for alias in aliases}
_MOST_WORDS = max(alias.count(" ") for alias in _KEYS) + 1
_METADATA = {key.replace("_", " ") for key in METADATA_KEYS}
_ONLY_WITHOUT_BOX = frozenset({"ac", "acs", "verify"})
"""Names of keys with which the text of a task or a criterion may start."""
_OF_SECTIONS = frozenset({"success criteria", "exit criteria"})
"""Names of criteria that a section of tasks may have as well as a task."""
_ONLY_WITH_VALUE = frozenset({"after", "needs", "done", "value", "title", "verify"})
"""Words that are keys only before a colon: alone they are ordinary words."""
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD_END = re.compile(r"[\s_-]+")
_NUMBERED_CRITERION = re.compile(
    r"(?P<mark>\*{0,2})AC(?:\s*#?\d|\s+#?\d+)(?:(?P=mark)\s*:|:\s*(?P=mark))\s*(?P<value>\S.*)", re.DOTALL
)
_NAME = r"[A-Za-z][A-Za-z _-]{0,30}?"
_MARKED = rf"(?P<mark>\*{{1,3}}|_{{1,3}}|`)\s*(?P<marked>{_NAME})\s*(?:[:：]\s*(?P=mark)|(?P=mark)\s*[:：])"
_KEY_LINE = re.compile(rf"#*\s*(?:{_MARKED}|(?P<plain>{_NAME})\s*[:：])(?!//)\s*(?P<value>.*)", re.DOTALL)
_MARKED_WORD = re.compile(rf"(?P<mark>\*{{1,3}}|_{{1,3}})(?P<name>{_NAME})(?P=mark)\s+(?P<value>\S.*)", re.DOTALL)
_EMPHASIZED = re.compile(r"(?P<mark>\*{1,3}|_{1,3})(?P<text>[A-Za-z][^*:：]*[:：][^*]*?)(?P=mark)")
"""A line that is emphasized as a whole, such as `_Depends: A-1, A-2_`."""
_BOLD_KEY = re.compile(r"(?<!\*)\*\*[A-Za-z][A-Za-z _-]{0,30}(?::\*\*|\*\*\s*:)")
_SEPARATOR = re.compile(r"\s[|·•]\s")
_IN_BRACKETS = re.compile(
    r"(?<!\s)\s*[(\[]\s*(?:depends(?:\s+on)?|deps?|dependenc(?:y|ies)|blocked\s+by|requires|needs|after)[\s:]++"
    r"(?P<value>[^()\[\]]++)[)\]]",
    re.IGNORECASE,
)
_LONGEST_NAME = 31
_SHORTEST_PREFIX = 4


@lru_cache(maxsize=4096)
def key_of(name: str) -> str | None:
    """Return the key that a name means, or None if it is none of a task's."""
    return _KEYS.get(normalized(name))


def can_have_box(name: str) -> bool:
    """Return whether a line with a check box and this name is a key, and no task or criterion."""
    return key_of(name) in KEYS_WITH_BOX and normalized(name) not in _ONLY_WITHOUT_BOX


def may_be_of_section(name: str) -> bool:
    """Return whether a name is that of criteria which a section of tasks may have as well as a task."""
    return normalized(name.strip(" \t*_`#:")) in _OF_SECTIONS


def is_metadata(name: str) -> bool:
    """Return whether a name is a key of other programs."""
    return normalized(name) in _METADATA


@lru_cache(maxsize=4096)
def normalized(name: str) -> str:
    """Return a name in lower case, with single blanks between its words, which may be written as in `blockedBy`."""
    return " ".join(_WORD_END.split(_WORD_START.sub(" ", name).lower().strip()))


@lru_cache(maxsize=4096)
def close_key(name: str) -> str | None:
    """Return the alias of a key that an unknown name was probably meant to be, or None."""
    word = normalized(name)
    if not word or word in _KEYS or word in _METADATA or len(word) > _LONGEST_NAME:
        return None
    if len(word) >= _SHORTEST_PREFIX:
        longer = next((alias for alias in _KEYS if alias.startswith(word)), None)
        if longer:
            return longer
    # difflib is slow: compare only names of about the same length with the same start or end.
    alike = [
        alias
        for alias in _KEYS
        if abs(len(alias) - len(word)) <= 3 and (alias[0] == word[0] or alias[-3:] == word[-3:])
    ]
    return nearest(word, alike, 0.8)


@lru_cache(maxsize=1024)
def key_line(text: str) -> tuple[str, str, bool] | None:
    """Return the name, the value, and whether the name is emphasized, of a line `name: value`; None for other text.

    The colon may be missing after the emphasized name of a key that is no word of ordinary text.
    """
    if text[:1] in "*_" and (whole := _EMPHASIZED.fullmatch(text)):
        text = whole["text"]
    if ":" not in text and "：" not in text:
        return _emphasized_word(text)
    if numbered := _NUMBERED_CRITERION.fullmatch(text):
        return "AC", numbered["value"].strip(), bool(numbered["mark"])
    match = _KEY_LINE.match(text)
    if match is None:
        return _emphasized_word(text)
    return match["marked"] or match["plain"], match["value"].strip(), match["marked"] is not None


def _emphasized_word(text: str) -> tuple[str, str, bool] | None:
    marked = _MARKED_WORD.match(text) if text[:1] in "*_" else None
    if marked and key_of(marked["name"]) in KEYS_WITH_BOX:
        return marked["name"], marked["value"].strip(), True
    return None


def split_keys(text: str) -> list[str]:
    """Return the parts of a line with several keys, such as `**Milestone:** M1 · **Depends on:** A-1`."""
    is_separated = ("|" in text or "·" in text or "•" in text) and _SEPARATOR.search(text)
    is_one = "**" not in text or (text[:2] == "**" and text.count("**") == 2)
    if text[:1] == "|" or (is_one and not is_separated):
        return [text]
    starts = [match.start() for match in _BOLD_KEY.finditer(text)]
    cuts = sorted({0, *starts, *(match.end() for match in _SEPARATOR.finditer(text))})
    parts = [text[start:end].strip(" \t|·•,;") for start, end in zip(cuts, [*cuts[1:], None], strict=True)]
    found = [key_line(part) for part in parts if part]
    known = [line for line in found[1:] if line and key_of(line[0]) in KEYS_WITH_BOX]
    return [part for part in parts if part] if known else [text]


def key_alone(text: str) -> str | None:
    """Return the key of a line that is only the name of a key."""
    name = text.strip(" \t*_`#:：")
    if len(name.split(maxsplit=_MOST_WORDS)) > _MOST_WORDS:
        return None
    word = normalized(name)
    return None if word in _ONLY_WITH_VALUE else _KEYS.get(word)


def in_brackets(title: str) -> re.Match[str] | None:
    """Return where a title names dependencies in brackets, such as `(depends on A-1, A-2)`."""
    return _IN_BRACKETS.search(title) if "(" in title or "[" in title else None
