"""Scenarios of the working tree as data: what is done with several workflows, and in which order their attempts run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest
import yaml

FILE = Path(__file__).parent / "waiting.yaml"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a scenario."""

    do: Literal["hold", "release", "start", "reach", "explain", "queue", "pause", "resume", "cancel", "settle"]
    """hold, release: keep the attempts of a phase running, or let them end. reach: wait for an attempt of a phase.

    explain: wait until tasks wait for the tree that `holder` holds in `status`. queue: wait until tasks are next in the
    order of the contract. settle: wait for tasks, and compare their statuses.
    """
    tasks: tuple[str, ...] = ()
    phase: str = ""
    holder: str = ""
    status: str = ""
    statuses: dict[str, str] = {}


class TreeScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done with the workflows of the tasks a, b and c."""

    name: str
    steps: tuple[Step, ...]
    attempts: tuple[str, ...] | None = None
    """The task of each attempt, in their order; None: not compared."""
    outcomes: dict[str, dict[str, list[str]]] = {}
    """By task and phase: the verdicts of its attempts; PASSED beyond the list."""
    isolation: Literal["in-place", "shared"] = "in-place"
    delay: float = 0.0
    """Seconds before the second attempt of a phase."""


_SCENARIOS = msgspec.convert(yaml.safe_load(FILE.read_text()), list[TreeScenario])

each_tree_scenario = pytest.mark.parametrize("scenario", _SCENARIOS, ids=[scenario.name for scenario in _SCENARIOS])
