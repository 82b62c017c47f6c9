"""The values of a task's keys as they are written in Markdown: lists of names, words, and `{key=value, …}`."""

from __future__ import annotations

import re

from penguin.orchestration.blueprint.keys import BLOCKS, CRITERIA, DEPENDENCIES, LISTS, close_key, is_metadata, key_of
from penguin.orchestration.blueprint.markdown.criteria import read_criterion, text_node
from penguin.orchestration.blueprint.markdown.draft import TaskDraft
from penguin.orchestration.blueprint.task_ids import bare, names_in
from penguin.orchestration.config.document import scalar
from penguin.orchestration.config.document_checker import Node

ATTRIBUTES = re.compile(r"\{([^{}=]*+=[^{}]*+)\}")
_COLON = re.compile(r"\{\s*(?:priority|effort|value|risk)\s*:[^{}]*\}\s*$", re.IGNORECASE)
_OPEN = re.compile(r"\{\s*\w+\s*=[^}]*$")
_LONGEST_TITLE = 10_000
_NAME_COMMA = re.compile(r"[,;]")


def set_value(task: TaskDraft, key: str, value: str, line: int) -> None:
    """Set a key to a value as it is written."""
    if key in (DEPENDENCIES, BLOCKS):
        nodes = []
        for name, condition in names_in(value):
            nodes.append(text_node(name, line))
            if condition:
                note_condition(task, line, condition)
        task.set(key, Node(nodes, line))
    elif key in LISTS:
        names = [bare(name) for name in _NAME_COMMA.split(value.removeprefix("[").removesuffix("]"))]
        nothing = [] if not names_in(value) else names
        task.set(key, Node([text_node(name, line) for name in nothing if name], line))
    elif key in ("title", "description"):
        task.set(key, text_node(value, line))
    else:
        raw = bare(value)
        raw = raw.lower() if key == "priority" else raw
        task.set(key, Node(scalar(raw), line, raw=raw))


def note_condition(task: TaskDraft, line: int, condition: str) -> None:
    message = f"the condition {condition.strip()[:60]!r} of a dependency is not used"
    task.checker.note(line, message, "a task waits until the other one is completed")


def read_attributes(task: TaskDraft, text: str, line: int) -> tuple[str, bool]:
    """Read `{key=value, …}`. Return the text without it, and whether it was there."""
    if len(text) > _LONGEST_TITLE:
        task.checker.error(line, f"a task's title is longer than {_LONGEST_TITLE:,} characters", "write prose below it")
        return text[:_LONGEST_TITLE], False
    if "{" not in text:
        return text.strip(), False
    matches = [match for match in ATTRIBUTES.finditer(text) if _has_attributes(match, text)]
    if not matches:
        if _OPEN.search(text, text.rfind("}") + 1):
            task.checker.error(line, "the braces at the end are not closed", "write {priority=high, effort=2}")
        elif _COLON.search(text):
            task.checker.error(line, "the braces at the end contain no `=`", "write {priority=high, effort=2}")
        return text.strip(), False
    for match in reversed(matches):
        for name, value in _pairs(match[1]):
            _attribute(task, name, value, line)
        text = text[: match.start()] + text[match.end() :]
    return text.strip(), True


def _attribute(task: TaskDraft, name: str, value: str, line: int) -> None:
    key = key_of(name)
    if key == CRITERIA:
        task.criteria.append(read_criterion(value, line, task.checker))
    elif key:
        set_value(task, key, value, line)
    elif not is_metadata(name) and (close := close_key(name)):
        task.checker.error(line, f"unknown key {name[:60]!r}", f"did you mean {close!r}?")
    else:
        task.metadata[name] = text_node(value, line)


def _has_attributes(match: re.Match[str], text: str) -> bool:
    """Return whether braces hold attributes: they stand at the end, or their first key is known; and not in code."""
    if text.count("`", 0, match.start()) % 2:
        return False
    name = match[1].partition("=")[0].strip()
    return not text[match.end() :].strip() or key_of(name) is not None or is_metadata(name)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the keys and values of `key=value, key=a,b`."""
    pairs: list[tuple[str, str]] = []
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals:
            pairs.append((name.strip().lower(), value.strip().strip("\"'")))
        elif pairs and part.strip():
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}, {part.strip()}")
    return pairs
