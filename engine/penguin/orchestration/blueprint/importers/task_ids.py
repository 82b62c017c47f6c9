"""Ids of imported tasks: valid, unique, and the same at every import."""

from __future__ import annotations

import re
from collections.abc import Iterable

from penguin.orchestration.blueprint import task_ids
from penguin.orchestration.config.document_checker import valid_id


def id_from_title(title: str) -> str:
    """Return the id that is made from a title without its formatting and the marks before it, such as `[P]`."""
    return task_ids.id_from_title(re.sub(r"[`*_'’]", "", re.sub(r"^(?:\[[^\]]{1,8}\]\s*)+", "", title)))


def id_from_source(raw: str) -> str:
    """Return the valid id that is nearest to an id of the source; empty if nothing is left of it."""
    if valid_id(raw):
        return raw
    dotted = (re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-") for part in raw.split("."))
    return re.sub(r"^[^A-Za-z0-9]+", "", ".".join(part for part in dotted if part))[:100].rstrip(".")


class UniqueIds:
    """Ids that were given out, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Create it. `taken` are the ids that it must not give out."""
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}
        """The last number after an id that was wanted more than once."""

    def take(self, wanted: str) -> str:
        """Return the id, with a number after it if it is taken."""
        chosen, number = wanted, self._numbers.get(wanted, 1)
        while chosen in self._taken:
            number += 1
            chosen = f"{wanted[:90]}-{number}"
        self._numbers[wanted] = number
        self._taken.add(chosen)
        return chosen
