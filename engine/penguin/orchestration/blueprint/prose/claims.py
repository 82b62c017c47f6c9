"""Claims: the dependencies between tasks that a line of prose states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.prose.order_phrases import (
    Labelled,
    first_tasks,
    labelled,
    sequences,
    without_quotations,
)

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.prose.task_names import Mention, TaskNames

_NEEDS = re.compile(
    r"\b(?:depend(?:s|ent|ing)?[\s_]+(?:up)?on|depends|dependenc(?:y|ies)|deps?|block(?:ed|ers?)(?:[\s_-]+(?:by|on))?"
    r"|wait(?:s|ing)?(?:[\s_]+(?:for|on))|pre-?req(?:uisite)?s?|predecessors?)\b|←|⇐",
    re.IGNORECASE,
)
"""Words that mean a dependency on the tasks named after them."""
_NEEDS_NEXT = re.compile(r"\b(?:after|needs?|requires?|requiring)\b", re.IGNORECASE)
"""Words of everyday language: they mean a dependency on a task if its name follows at once."""
_NEXT = re.compile(
    r"[\s:=*_`(\[#@\"'“]*(?:(?:all|both|the|of|tasks?|steps?|issues?|stories|story|completion|completing|finishing)"
    r"[\s#*_`]+)*[\[(`*_#]*",
    re.IGNORECASE,
)
_BLOCKS = re.compile(r"\bblocks\b|\bblocking\b", re.IGNORECASE)
_BEFORE = re.compile(r"\bbefore\b", re.IGNORECASE)
_ARROW = re.compile(r"->|→|=>|⇒|-->")
_NEGATED = re.compile(
    r"\b(?:no|not|never|without|none|nothing|independent\w*|former(?:ly)?|un\w*blocked)\b|n't\b|n’t\b", re.IGNORECASE
)
_GROUP_WORD = rf"(?:{_NEEDS.pattern}|\b(?:after|requires?|once|until)\b)[\s:*_`]*(?:the\s+)?"
_GROUP = re.compile(
    rf"{_GROUP_WORD}(?:(?:all|every(?:thing)?)\s+(?:of\s+)?(?:the\s+)?(?:tasks?|above|before|else|others?|phases?|stories)\b"
    r"|(?:all\s+)?(?:the\s+)?(?:previous|preceding|prior|other|earlier)\s+(?:tasks?|phases?|steps?|ones?|stor(?:y|ies)|sections?|items?)\b"
    r"|(?:phase|section|stage|milestone|epic|group|sprint|wave|batch|round|iteration)\s+#?(?P<number>\w*\d\w*))",
    re.IGNORECASE,
)
"""A dependency on many tasks at once, such as `depends on all above` or `after Phase 1`."""
_GROUP_STEM = re.compile(
    "all|every|previous|preceding|prior|other|earlier|phase|section|stage|milestone|epic|group|sprint|wave|batch|round"
    "|iteration"
)
"""A part of each match of `_GROUP`, when case is folded. To search for it is much faster."""
_GROUP_NUMBER = re.compile(rf"\(\s*{_GROUP_WORD}#?(?P<number>\d+)\s*\)", re.IGNORECASE)
"""A dependency of a section on another one, such as `## Phase 2 (depends on 1)`."""
_WORDS = (_NEEDS, _NEEDS_NEXT, _BLOCKS, _BEFORE, _ARROW)
_SENTENCE_END = re.compile(r"[.;!?]\s")
_BETWEEN = re.compile(
    r"(?:[\s,;&/+`*_()\[\].#<>-]|\b(?:and|or|und|et|y|e|и|tasks?|issues?)\b|[和と及])*", re.IGNORECASE
)
"""What may stand between the names of tasks in a list."""


def names_dependencies(header: str) -> bool:
    """Return whether the header of a column says that its cells name dependencies."""
    return _NEEDS.search(header) is not None or _NEEDS_NEXT.search(header) is not None


def group_named(line: str, in_heading: bool = False) -> re.Match[str] | None:
    """Return where a line states a dependency on a group of tasks. Its `number` is that of a phase or section."""
    match = _GROUP.search(line) if _GROUP_STEM.search(line.casefold()) else None
    match = match or (_GROUP_NUMBER.search(line) if in_heading else None)
    return None if match is None or _NEGATED.search(line) else match


def claims(line: str, names: TaskNames, owner: str) -> Iterator[tuple[str, str]]:
    """Yield each claim as (task, task that it depends on).

    Args:
        line: A line of prose.
        names: The tasks that it may name.
        owner: The task that the line belongs to; '' if it belongs to none.

    Yields:
        Pairs of ids. The first is '' if the line does not say which task waits.
    """
    line = without_quotations(line)
    # The search for names is slow, and most lines have none of the words.
    is_keyed = not _NEGATED.search(line) and any(word.search(line) for word in _WORDS)
    spans, pairs = list(first_tasks(line)), list(sequences(line))
    label = labelled(line) if not line.lstrip().startswith("#") else None
    if not (is_keyed or spans or pairs or label):
        return
    found = names.find(line)
    if not found:
        return
    for span in spans:
        subjects = _subjects(line, found, span[0], owner)
        yield from ((subject, name) for subject in subjects for name in _within(found, span) if name != subject)
    for first, then in pairs:
        yield from ((one, name) for one in _within(found, then) for name in _within(found, first) if one != name)
    if label:
        yield from _labelled(line, label, found, owner)
    if is_keyed:
        yield from _keyed(line, found, owner)


def _within(found: list[Mention], span: tuple[int, int]) -> list[str]:
    return [one.id for one in found if span[0] <= one.start and one.end <= span[1]]


def _subjects(line: str, found: list[Mention], place: int, owner: str) -> list[str]:
    """Return the tasks that the sentence before a place is about."""
    start = max((match.end() for match in _SENTENCE_END.finditer(line, 0, place)), default=0)
    before = [one.id for one in found if start <= one.start and one.end <= place]
    return before if before and owner not in before else [owner]


def _labelled(line: str, label: Labelled, found: list[Mention], owner: str) -> Iterator[tuple[str, str]]:
    """Yield the claims of a label with nothing but names of tasks behind it."""
    start, end = label.value
    behind = [one for one in found if one.start >= start]
    rest = line[start:end]
    for one in reversed(behind):
        rest = rest[: one.start - start] + rest[one.end - start :]
    if behind and _BETWEEN.fullmatch(rest) and all(one.end <= start - 1 or one.start >= start for one in found):
        subjects = [one.id for one in found if one.start < start] or [owner] * bool(owner)
        pairs = ((subject, one.id) for subject in subjects for one in behind if subject != one.id)
        yield from ((then, first) if not label.reverse else (first, then) for then, first in pairs)


def _keyed(line: str, found: list[Mention], owner: str) -> Iterator[tuple[str, str]]:
    """Yield the claims of words such as `depends on`, and of arrows."""
    if _ARROW.search(line):
        yield from _arrows(line, found, owner)
        return
    match = _NEEDS.search(line)
    after = [one for one in found if match and one.start >= match.end()]
    if match is None or not after:
        match, after = _next_to(_NEEDS_NEXT, line, found)
    if match is not None and after:
        before = [one.id for one in found if one.end <= match.start()]
        subjects = before if before and owner not in before else [owner]
        yield from ((subject, one.id) for subject in subjects for one in after if subject != one.id)
        return
    match = _BLOCKS.search(line) or _next_to(_BEFORE, line, found)[0]
    if match:
        firsts = [one.id for one in found if one.end <= match.start()]
        firsts = firsts or [owner] * bool(_BLOCKS.search(line))
        thens = [one.id for one in found if one.start >= match.end()]
        yield from ((then, first) for first in firsts for then in thens if first and first != then)


def _next_to(words: re.Pattern[str], line: str, found: list[Mention]) -> tuple[re.Match[str] | None, list[Mention]]:
    """Return the everyday word that the name of a task follows at once, with the tasks named after it."""
    for match in words.finditer(line):
        next_ = _NEXT.match(line, match.end())
        end = next_.end() if next_ else match.end()
        if any(one.start == end for one in found):
            return match, [one for one in found if one.start >= end]
    return None, []


def _arrows(line: str, found: list[Mention], owner: str) -> Iterator[tuple[str, str]]:
    """Yield the claims of `A-1 -> A-2`. With a task on the right side only, the task of the line waits for it."""
    cuts = [0, *(match.end() for match in _ARROW.finditer(line)), len(line) + 1]
    groups = [[one.id for one in found if start <= one.start < end] for start, end in pairwise(cuts)]
    if owner and not groups[0]:
        yield from ((owner, name) for name in groups[-1] if name != owner)
    for left, right in pairwise(groups):
        if set(left) == {owner}:
            # The line of a task: `T008 Title -> T007` is read either way.
            yield from ((owner, name) for name in right if name != owner)
        else:
            yield from ((then, first) for first in left for then in right if first != then)
