"""Signals: commands to a workflow by name, with a payload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penguin.orchestration.backend import IllegalCommand, WorkflowError, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.budget import FIELDS
from penguin.orchestration.core.definition import Budget
from penguin.orchestration.core.events import FeedbackItem
from penguin.orchestration.core.immutable import Record

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State


class Pause(Record, frozen=True):
    """Start no new step. `now` also ends the running step."""

    by: str = ""
    now: bool = False


class Resume(Record, frozen=True):
    """Continue. `start_from` names a phase no later than the first one without a pass."""

    by: str = ""
    start_from: WorkflowPhase | None = None
    budget: Budget = Budget()
    """What agents may spend in addition."""


class Cancel(Record, frozen=True):
    """End the running step and the workflow."""

    by: str = ""


class Feedback(Record, frozen=True):
    """Queue feedback for the next IMPLEMENT attempt."""

    advice: FeedbackItem


class Approve(Record, frozen=True):
    """Pass an UNVERIFIED phase in a person's name, for the current tree."""

    by: str
    note: str = ""
    tree: str = ""
    changed: tuple[str, ...] = ()
    """Files in which that tree differs from the one that TEST passed on."""
    process: str = ""
    """Id and program of the process that requested it, as seen by the process that records the approval."""


Signal = Pause | Resume | Cancel | Feedback | Approve
SIGNALS = ("pause", "resume", "cancel", "approve", "inject_feedback")


def describe_signal(name: str) -> str:
    """Return what a signal does, for an error: "can't …"."""
    return "give feedback to a workflow" if name == "inject_feedback" else f"{name} a workflow"


def command_from_signal(name: str, payload: Mapping[str, Any], *, by: str, feedback_id: str, at: float) -> Signal:
    """Return the command of a signal. `by` is the sender, used if the payload names none.

    `feedback_id` and `at` (seconds since the epoch) are those of the feedback. Raises IllegalCommand.
    """
    if not isinstance(payload, Mapping):
        raise IllegalCommand(
            f"the payload of a signal must be a mapping, not {payload!r}", 'for example {"message": "…"}'
        )
    signal = _signal_from(name, payload, by, feedback_id, at)
    try:
        msgspec.json.encode(signal)
    except UnicodeEncodeError as error:
        raise IllegalCommand("a signal must hold Unicode text, not half of a surrogate pair", "decode bytes") from error
    return signal


def _signal_from(name: str, payload: Mapping[str, Any], by: str, feedback_id: str, at: float) -> Signal:
    who = str(payload.get("by") or "")
    match name:
        case "pause":
            return Pause(who or by, bool(payload.get("now")))
        case "resume":
            return Resume(who or by, parse_phase(payload.get("from")), parse_budget(payload.get("budget")))
        case "cancel":
            return Cancel(who or by)
        case "approve":
            # No default: an approval always needs a person's name.
            tree, process = str(payload.get("tree") or ""), str(payload.get("process") or "")
            return Approve(who, str(payload.get("note") or ""), tree, _changed(payload.get("changed")), process)
        case "inject_feedback":
            return Feedback(FeedbackItem(feedback_id, _feedback_text(payload), who or by, at))
    raise IllegalCommand(f"unknown signal {name!r}", f"one of {', '.join(SIGNALS)}")


def sender_takes_over(name: str, state: State, *, claims: bool) -> bool:
    """Return whether the sender of a signal claims the workflow when no living engine owns it.

    `state` is the state after the signal. Any process finishes a stop; only a process that `claims` workflows takes
    over a workflow that continues.
    """
    return state.stops_at_once or (claims and name in ("resume", "approve") and not state.is_final)


def _changed(files: object) -> tuple[str, ...]:
    if not isinstance(files, list | tuple | None):
        raise IllegalCommand(f"`changed` of an approval must be a list of files, not {files!r}", '["a.py", "b.py"]')
    return tuple(map(str, files or ()))


def _feedback_text(payload: Mapping[str, Any]) -> str:
    if "message" in payload:
        return str(payload["message"])
    return "\n".join(f"{key}: {value}" for key, value in payload.items() if key != "by")


def parse_budget(given: object) -> Budget:
    """Return a grant from a mapping of numbers by `turns`, `usd`, `tokens`, `minutes`. Raises IllegalCommand."""
    if given is None:
        return Budget()
    try:
        budget = msgspec.convert(given, Budget)
    except msgspec.ValidationError as error:
        raise IllegalCommand(f"invalid budget: {error}", "for example usd=5; turns, usd, tokens and minutes") from None
    unknown = set(given) - set(FIELDS) if isinstance(given, Mapping) else set()
    if unknown or any((getattr(budget, name) or 0) < 0 for name in FIELDS):
        raise IllegalCommand(f"invalid budget: {given}", "for example usd=5; turns, usd, tokens and minutes")
    return budget


def parse_phase(name: WorkflowPhase | str | None) -> WorkflowPhase | None:
    """Return the phase of a name in any case. Raises IllegalCommand."""
    if name is None:
        return None
    try:
        return WorkflowPhase(str(name).upper())
    except ValueError:
        raise IllegalCommand(f"unknown phase {name!r}", "one of IMPLEMENT, TEST, USE, VERIFY") from None


def parse_status(name: WorkflowStatus | str) -> WorkflowStatus:
    """Return the status of a name in any case. Raises WorkflowError."""
    try:
        return WorkflowStatus(str(name).upper())
    except ValueError:
        raise WorkflowError(f"unknown status {name!r}", f"one of {', '.join(WorkflowStatus)}") from None


def parse_statuses(names: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None) -> list[WorkflowStatus]:
    """Return the statuses that the argument of `list_workflows` names. Raises WorkflowError."""
    return [parse_status(name) for name in ([names] if isinstance(names, str) else names or ())]
