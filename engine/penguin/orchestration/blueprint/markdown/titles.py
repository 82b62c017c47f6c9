"""The titles of tasks in Markdown: the id, the values in braces and the dependencies that stand in them."""

from __future__ import annotations

import re

from penguin.orchestration.blueprint.keys import DEPENDENCIES, in_brackets
from penguin.orchestration.blueprint.markdown.criteria import has_check, text_node
from penguin.orchestration.blueprint.markdown.draft import TaskDraft
from penguin.orchestration.blueprint.markdown.values import read_attributes, set_value
from penguin.orchestration.blueprint.task_ids import (
    after_first_word,
    first_word,
    is_names,
    looks_like_id,
    number_of,
    split_id,
)
from penguin.orchestration.config.document_checker import valid_id

_NUMBERS = re.compile(r"\s*#\d+(?:\s*(?:,|and|&)\s*#\d+)*\s*")


def read_title(task: TaskDraft, text: str, line: int, *, marked: bool, with_id: bool = True) -> None:
    """Read the title of a task.

    Args:
        task: Takes the title, and what else stands in it.
        text: The line without its bullet, its box or the marks of a heading.
        line: Its number.
        marked: Whether an id may be any word in backticks or bold.
        with_id: Whether an id may stand in the title.
    """
    title, has_attributes = read_attributes(task, text, line)
    title = _take_dependencies(task, title, line)
    task.number, title = number_of(title)
    if looks_like_id(task.number) and with_id and "id" not in task.entries:
        task.set("id", text_node(task.number, line))
    task_id, rest = split_id(title, has_attributes=has_attributes, marked=marked) if with_id else (None, title)
    if "id" in task.entries:
        rest = title
    elif task_id:
        task.set("id", text_node(task_id, line))
    elif with_id and valid_id(word := first_word(title)):
        task.candidate, task.rest = word, after_first_word(title).strip()
    if rest.strip():
        task.set("title", text_node(rest.strip(), line))
    if has_check(rest):
        hint = "write it below the task: - Acceptance: TEXT `check: COMMAND`"
        task.checker.warn(line, "a check in the title of a task is not run", hint)


def _take_dependencies(task: TaskDraft, title: str, line: int) -> str:
    """Read `(depends on A-1)` in a title. Return the title without it."""
    match = in_brackets(title)
    if match is None or not (is_names(match["value"]) or _NUMBERS.fullmatch(match["value"])):
        return title
    set_value(task, DEPENDENCIES, match["value"], line)
    return title[: match.start()] + title[match.end() :]
