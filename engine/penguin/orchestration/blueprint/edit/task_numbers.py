"""The id of a new task: the next one of the file's own numbering, or one made from the title."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from penguin.orchestration.blueprint.task_ids import id_from_title

_NUMBERED = re.compile(r"(?P<prefix>.*?)(?P<number>\d{1,9})")
_JOINT = re.compile(r"(?:.*[-_.]|[A-Z]{1,5}|)")
"""A prefix that a number continues: it ends in a separator, is a few capitals, or is empty."""


def next_task_id(title: str, ids: Sequence[str], taken: Collection[str]) -> str:
    """Return an id that is not taken.

    Args:
        title: The title of the task.
        ids: The ids in the file, in its order. If more than half of them are numbered alike, the number goes on.
        taken: All ids of the project.
    """
    matches = [match for name in ids if (match := _NUMBERED.fullmatch(name)) and _JOINT.fullmatch(match["prefix"])]
    last = matches[-1] if matches else None
    if last and 2 * sum(match["prefix"] == last["prefix"] for match in matches) > len(ids):
        return _next_number(last["prefix"], last["number"], taken)
    made = id_from_title(title)
    numbers = ["", *(f"-{number}" for number in range(2, len(taken) + 3))]
    return next(f"{made}{number}" for number in numbers if f"{made}{number}" not in taken)


def _next_number(prefix: str, last: str, taken: Collection[str]) -> str:
    rests = [name[len(prefix) :] for name in taken if name.startswith(prefix)]
    highest = max((int(rest) for rest in [*rests, last] if rest.isdecimal() and rest.isascii()), default=0)
    width = len(last) if last.startswith("0") else 0
    return f"{prefix}{highest + 1:0{width}d}"
