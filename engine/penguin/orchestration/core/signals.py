"""Signals: the commands that people and programs send to a workflow by name, and how their payload is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penguin.orchestration.backend import IllegalCommand, WorkflowError, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.budget import FIELDS
from penguin.orchestration.core.definition import Budget
from penguin.orchestration.core.events import FeedbackItem
from penguin.orchestration.core.struct import Record

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State


class Pause(Record, frozen=True):
    """Start no new step; `now` ends the step under way too."""

    by: str = ""
    now: bool = False


class Resume(Record, frozen=True):
    """Go on; `start_from` names a phase no later than the first one not passed."""

    by: str = ""
    start_from: WorkflowPhase | None = None
    budget: Budget = Budget()
    """What agents may spend beyond what they were given before."""


class Cancel(Record, frozen=True):
    """End what runs, and the workflow with it."""

    by: str = ""


class Feedback(Record, frozen=True):
    """Queue advice for the next IMPLEMENT attempt."""

    advice: FeedbackItem


class Approve(Record, frozen=True):
    """A person passes an UNVERIFIED phase, for the tree of this moment."""

    by: str
    note: str = ""
    tree: str = ""
    changed: tuple[str, ...] = ()
    """Files in which that tree differs from the one that TEST passed on."""
    process: str = ""
    """The process that asked for it: its id and program, as the process that records the approval sees it."""


Signal = Pause | Resume | Cancel | Feedback | Approve
SIGNALS = ("pause", "resume", "cancel", "approve", "inject_feedback")


def command_from_signal(name: str, payload: Mapping[str, Any], *, by: str, advice_id: str, at: float) -> Signal:
    """The command that a signal means. `by` is who sent it where the payload does not say.

    `advice_id` and `at` (seconds since the epoch) are given to feedback. Raises IllegalCommand.
    """
    if not isinstance(payload, Mapping):
        raise IllegalCommand(f"the payload of a signal is a mapping, not {payload!r}", 'for example {"message": "…"}')
    who = str(payload.get("by") or "")
    match name:
        case "pause":
            return Pause(who or by, bool(payload.get("now")))
        case "resume":
            return Resume(who or by, parse_phase(payload.get("from")), parse_budget(payload.get("budget")))
        case "cancel":
            return Cancel(who or by)
        case "approve":
            # No default here: an approval is somebody's word, so somebody must give a name.
            tree, changed = str(payload.get("tree") or ""), payload.get("changed") or ()
            process = str(payload.get("process") or "")
            return Approve(who, str(payload.get("note") or ""), tree, tuple(map(str, changed)), process)
        case "inject_feedback":
            return Feedback(FeedbackItem(advice_id, _feedback_text(payload), who or by, at))
    raise IllegalCommand(f"no signal is called {name!r}", f"one of {', '.join(SIGNALS)}")


def sender_takes_over(name: str, state: State, *, claims: bool) -> bool:
    """Whether the process that sent a signal takes the workflow over, where no living engine owns it.

    `state` is the one that the signal led to. A stop is seen to its end by any process; what goes on is taken over by
    a process that `claims` workflows.
    """
    return state.stops_at_once or (claims and name in ("resume", "approve") and not state.is_final)


def _feedback_text(payload: Mapping[str, Any]) -> str:
    if "message" in payload:
        return str(payload["message"])
    return "\n".join(f"{key}: {value}" for key, value in payload.items() if key != "by")


def parse_budget(given: object) -> Budget:
    """A grant, as a mapping of numbers by `turns`, `usd`, `tokens`, `minutes`. Raises IllegalCommand."""
    if given is None:
        return Budget()
    try:
        budget = msgspec.convert(given, Budget)
    except msgspec.ValidationError as error:
        raise IllegalCommand(f"no budget: {error}", "for example usd=5; turns, usd, tokens and minutes") from None
    unknown = set(given) - set(FIELDS) if isinstance(given, Mapping) else set()
    if unknown or any((getattr(budget, name) or 0) < 0 for name in FIELDS):
        raise IllegalCommand(f"no budget: {given}", "for example usd=5; turns, usd, tokens and minutes")
    return budget


def parse_phase(name: WorkflowPhase | str | None) -> WorkflowPhase | None:
    """A phase by its name, whatever its case. Raises IllegalCommand."""
    if name is None:
        return None
    try:
        return WorkflowPhase(str(name).upper())
    except ValueError:
        raise IllegalCommand(f"no phase is called {name!r}", "one of IMPLEMENT, TEST, USE, VERIFY") from None


def parse_status(name: WorkflowStatus | str) -> WorkflowStatus:
    """A status by its name, whatever its case. Raises WorkflowError."""
    try:
        return WorkflowStatus(str(name).upper())
    except ValueError:
        raise WorkflowError(f"no status is called {name!r}", f"one of {', '.join(WorkflowStatus)}") from None


def parse_statuses(names: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None) -> list[WorkflowStatus]:
    """One status, several or none, as `list_workflows` is given them. Raises WorkflowError."""
    return [parse_status(name) for name in ([names] if isinstance(names, str) else names or ())]
