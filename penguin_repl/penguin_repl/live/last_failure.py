"""The last failure of a workflow that does not run: its reason, and the output of the step that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.backend import Verdict
from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.handlers.agent_output import recent_activities
from penguin_repl.live.recent_output import tail_lines
from penguin_repl.render.parts import Line, Span, line
from penguin_repl.render.words import verdict_meaning
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from penguin.orchestration.store.history import PhaseResult

FAILED = (Verdict.FAILED, Verdict.ERROR, Verdict.UNVERIFIED)


class LastFailure(NamedTuple):
    """A failure as lines."""

    attempt: str
    """The attempt that failed."""
    lines: Sequence[str | Line]


def last_failure(results: Sequence[PhaseResult], root: Path, limit: int) -> LastFailure | None:
    """Return the failure of the last attempt.

    Args:
        results: The attempts of the workflow, oldest first.
        root: The workspace.
        limit: The bytes to read from the end of an output.

    Returns:
        The failure; None if the last attempt that ended did not fail.
    """
    ended = [result for result in results if result.attempt and result.verdict not in (None, Verdict.INTERRUPTED)]
    if not ended or ended[-1].verdict not in FAILED:
        return None
    result = ended[-1]
    lines: list[str | Line] = []
    for step in result.evidence.get("steps") or ():
        verdict = Verdict(step["verdict"])
        if verdict in FAILED:
            about = clean(f"{step.get('name') or ''}: {step.get('reason') or ''}")
            lines += [*_output(step, root, limit), line(Span(about, verdict_meaning(verdict)))]
    reason = clean(str(result.evidence.get("reason") or ""))
    return LastFailure(f"{result.phase} attempt {result.attempt}", lines or [reason])


def _output(step: dict[str, Any], root: Path, limit: int) -> Sequence[str | Line]:
    """Return the last lines of a step's output, or of its excerpt if the output is not on this machine."""
    activities = recent_activities(root, step)
    if activities is not None:
        from penguin_repl.text.activity_lines import log_lines

        return list(log_lines(activities))
    output = step.get("output")
    local = tail_lines(str(root / str(output)), limit) if output else []
    return local or [clean(text) for text in split_lines(str(step.get("excerpt") or ""))]
