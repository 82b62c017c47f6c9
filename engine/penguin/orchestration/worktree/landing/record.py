"""The record of a landing on disk: what is about to move, so that a crash at any point can be continued.

It stays after the landing: a second call finds there that the work has landed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.atomic_write import write_whole

_FILE = "landing.json"


class PlacedFile(NamedTuple):
    """A file of a checkout that differs between the two commits. For the states, see `file_state`."""

    path: str
    """Relative to the top, decoded as file names are."""
    before: str
    after: str


class CheckoutPlan(NamedTuple):
    """What the landing changes in one checkout."""

    top: str
    index_before: str
    """The state of the index file."""
    files: list[PlacedFile]
    folders: list[str]
    """The empty folders of new submodules."""
    left: list[str]
    """The folders of submodules that go, if they are empty."""


class LandingRecord(NamedTuple):
    """The intent to move a branch from one commit to another."""

    branch: str
    tip: str
    commit: str
    token: str
    """What our index locks hold."""
    checkouts: list[CheckoutPlan]
    landed: bool = False


def write_record(folder: Path, record: LandingRecord) -> None:
    """Write the record in one step. Raises WorkflowError."""
    checkouts = [plan._asdict() | {"files": [list(file) for file in plan.files]} for plan in record.checkouts]
    write_whole(folder / _FILE, json.dumps(record._asdict() | {"checkouts": checkouts}), new=False)


def read_record(folder: Path) -> LandingRecord | None:
    """Return the record; None if no landing has begun. Raises WorkflowError if it is damaged."""
    path = folder / _FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        plans = [
            CheckoutPlan(**plan | {"files": [PlacedFile(*file) for file in plan["files"]]})
            for plan in values["checkouts"]
        ]
        return LandingRecord(**values | {"checkouts": plans})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise WorkflowError(f"{path} is damaged: {error}", f"remove {path}, then /workflow resume") from error
