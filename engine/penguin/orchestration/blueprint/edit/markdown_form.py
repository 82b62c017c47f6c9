"""Additions to Markdown blueprints: a line with a box, or a heading with bullets, as the tasks of the file have it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from penguin.orchestration.blueprint.edit.insertion import Insertion, after_line
from penguin.orchestration.blueprint.edit.new_task import NewTask
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.blueprint.task_ids import looks_like_id

_BOX_LINE = re.compile(r"(?P<indent> {0,3})(?P<bullet>[-*+]|(?P<number>\d{1,9})(?P<mark>[.)]))(?P<gap> +)\[[ xX]\] +\S")
_HEADING = re.compile(r" {0,3}(?P<level>#{2,5})[ \t]+(?P<number>\d+)?(?P<mark>[.)])?")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})")
_TASKS = re.compile(r" {0,3}##[ \t]+(?:tasks|items)\b.*", re.IGNORECASE)
_STARTS_A_BLOCK = re.compile(r" {0,3}(?:#{1,6}\s|[-*+]\s|\d{1,9}[.)]\s|>|<|`{3}|~{3}|(?:[-*_]\s*){3,}$)")
_SECTION_START = re.compile(r" {0,3}#{1,2}[ \t]")
_SECTION = "## Tasks"


class _Form(NamedTuple):
    """How one task of the file is written."""

    line: int
    """Index of its first line."""
    match: re.Match[str]
    item: BlueprintItem


def insertions(text: str, blueprint: Blueprint, task_id: str, task: NewTask) -> Iterator[Insertion]:
    """Yield insertions that may add the task, the most usual form first."""
    lines = text.split("\n")
    form = _last_form(lines, blueprint)
    if form is None:
        yield from _into_empty(lines, text, task_id, task)
    elif form.match.re is _HEADING:
        yield from _heading_insertions(lines, text, form, blueprint, task_id, task)
    else:
        yield from _line_insertions(lines, text, form, task_id, task)


def _last_form(lines: Sequence[str], blueprint: Blueprint) -> _Form | None:
    """Return the last task of the section with the last open task; subtasks in lists are not considered."""
    forms: list[_Form] = []
    for item in sorted(blueprint.items, key=lambda item: item.task.line):
        line = lines[item.task.line - 1] if 0 < item.task.line <= len(lines) else ""
        match = _BOX_LINE.match(line) or _HEADING.match(line)
        if match and not item.validates and not (forms and _is_below(match, forms[-1].match)):
            forms.append(_Form(item.task.line - 1, match, item))
    if not forms:
        return None
    last = next((form for form in reversed(forms) if not form.item.task.done), forms[-1])
    for form in forms[forms.index(last) + 1 :]:
        if any(_SECTION_START.match(line) for line in lines[form.line : last.line : -1]):
            break
        last = form
    return last


def _is_below(match: re.Match[str], above: re.Match[str]) -> bool:
    """Return whether a line with a box is a subtask of the last task before it that is none."""
    return match.re is above.re is _BOX_LINE and match.end("indent") > above.end("bullet")


# --- one line with a box ---


def _line_insertions(lines: Sequence[str], text: str, form: _Form, task_id: str, task: NewTask) -> Iterator[Insertion]:
    end = _end_of_item(lines, form)
    loose = form.line > 0 and not lines[form.line - 1].strip()
    previous = next((line for line in reversed(lines[: form.line]) if line.strip()), "")
    blank = "\n" if loose and not previous.lstrip().startswith("#") else ""
    match = form.match
    bullet = f"{int(match['number']) + 1}{match['mark']}" if match["number"] else match["bullet"]
    lead = f"{match['indent']}{bullet}{match['gap']}"
    for first in _first_lines(lines[form.line], form.item, task_id, task):
        added = blank + _box_task(lead, first, task_id, task)
        yield after_line(text, _offset(lines, end), added)


def _first_lines(example: str, item: BlueprintItem, task_id: str, task: NewTask) -> list[tuple[str, bool]]:
    """Return texts after the box, and whether the title is in them."""
    priority = f" {{priority={task.priority}}}" if task.priority else ""
    names = [f"`{task_id}`"]
    if item.made_id:
        names.insert(0, "")
    elif match := re.search(rf"\]\s+([`*<]*){re.escape(item.task.id)}([`*>:]*)(?=\s|$)", example):
        names.insert(0, f"{match[1]}{task_id}{match[2]}")
    return [
        *((f"{name} {task.title}{priority}".strip(), True) for name in names),
        *((f"{name}{priority}", False) for name in names if name),
    ]


def _box_task(lead: str, first: tuple[str, bool], task_id: str, task: NewTask) -> str:
    text, has_title = first
    below = " " * len(lead)
    lines = [f"{lead}[ ] {text}"]
    if not has_title:
        lines.append(f"{below}- Title: {task.title}")
    if task.dependencies:
        lines.append(f"{below}- Depends: {', '.join(task.dependencies)}")
    lines += [f"{below}- Acceptance: {_criterion(*criterion)}" for criterion in task.criteria]
    if task.commands:
        lines.append(f"{below}- Recipe: {task_id}")
        for command in task.commands:
            lines += [f"{below}  {line}".rstrip() for line in _fenced(command)]
    return "\n".join(lines)


def _end_of_item(lines: Sequence[str], form: _Form) -> int:
    """Return the index of the last line of a list item, without blank lines after it."""
    width = form.match.start("gap") + 1
    last = form.line
    for index in range(form.line + 1, len(lines)):
        line = lines[index]
        if not line.strip():
            continue
        inside = len(line) - len(line.lstrip(" ")) >= width or line.startswith("\t")
        continued = last == index - 1 and not _STARTS_A_BLOCK.match(line)
        if not inside and not continued:
            break
        last = index
    return last


# --- a heading with bullets ---


def _heading_insertions(
    lines: Sequence[str], text: str, form: _Form, blueprint: Blueprint, task_id: str, task: NewTask
) -> Iterator[Insertion]:
    starts = [lines[item.task.line - 1] for item in blueprint.items if 0 < item.task.line <= len(lines)]
    level = min((match["level"] for line in starts if (match := _HEADING.match(line))), key=len)
    end = _end_of_section(lines, form.line, len(level))
    number = f"{int(form.match['number']) + 1}{form.match['mark']} " if form.match["mark"] else ""
    for heading, title in ((task.title, ""), (task_id, task.title)):
        added = _heading_task(level, f"{number}{heading}", title, task_id, task)
        yield after_line(text, _offset(lines, end), f"\n{added}")


def _heading_task(level: str, heading: str, title: str, task_id: str, task: NewTask) -> str:
    lines = [f"{level} {heading}", "", f"- **ID:** `{task_id}`"]
    if title:
        lines.append(f"- **Title:** {title}")
    if task.priority:
        lines.append(f"- **Priority:** {task.priority}")
    if task.dependencies:
        lines.append(f"- **Dependencies:** {', '.join(f'`{name}`' for name in task.dependencies)}")
    if task.criteria:
        lines += ["", f"{level}# Acceptance Criteria", ""]
        lines += [f"- [ ] {_criterion(*criterion)}" for criterion in task.criteria]
    if task.commands:
        lines += ["", f"{level}# Recipe: {task_id}"]
        for command in task.commands:
            lines += ["", *_fenced(command)]
    return "\n".join(lines)


def _end_of_section(lines: Sequence[str], start: int, level: int) -> int:
    """Return the index of the last line below a heading that is not blank."""
    last, fence = start, ""
    for index in range(start + 1, len(lines)):
        line = lines[index]
        found = _FENCE.match(line)
        if fence:
            fence = "" if found and found["mark"].startswith(fence) and line.strip() == found["mark"] else fence
        elif found:
            fence = found["mark"]
        elif re.match(rf" {{0,3}}#{{1,{level}}}\s", line):
            break
        last = index if line.strip() else last
    return last


# --- both ---


def _into_empty(lines: Sequence[str], text: str, task_id: str, task: NewTask) -> Iterator[Insertion]:
    """Yield insertions into a file without tasks: into its section of tasks, or a new one."""
    section = next((index for index, line in enumerate(lines) if _TASKS.fullmatch(line)), None)
    last = max((index for index, line in enumerate(lines) if line.strip()), default=0)
    where = last if section is None else _end_of_section(lines, section, 2)
    head = f"\n{_SECTION}\n\n" if section is None else "\n"
    priority = f" {{priority={task.priority}}}" if task.priority else ""
    name = task_id if looks_like_id(task_id) else f"`{task_id}`"
    for first in (f"{name} {task.title}{priority}", True), (f"{name}{priority}", False):
        yield after_line(text, _offset(lines, where), head + _box_task("- ", first, task_id, task))


def _offset(lines: Sequence[str], index: int) -> int:
    """Return the position of the start of a line."""
    return sum(len(line) + 1 for line in lines[:index])


def _criterion(text: str, check: str | None) -> str:
    if check is None:
        return text
    # A code span ends at a run of as many backticks as it starts with.
    longest = max(map(len, re.findall("`+", check)), default=0)
    ticks = "`" * (longest + 1) if longest else "`"
    span = f"{ticks}check: {check}{' ' if check.endswith('`') else ''}{ticks}"
    return span if text == check else f"{text} {span}"


def _fenced(command: str) -> list[str]:
    longest = max(map(len, re.findall("`{3,}", command)), default=2)
    fence = "`" * (longest + 1)
    return [f"{fence}shell", *command.strip("\n").split("\n"), fence]
