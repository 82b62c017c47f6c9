"""Feedback that the user writes in an editor, with the failures as comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import IllegalCommand, Verdict
from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_commands.session import Session

COMMENT = "#"
MAX_OUTPUT_LINES = 30
"""The maximum number of output lines shown per step."""


async def ask_feedback(session: Session, workflow_id: str) -> str:
    """Open the editor and return the text without comments and surrounding blanks; '' if nothing is left.

    Raises UsageError without an editor, IllegalCommand if the workflow has ended, and the errors of the editor.
    """
    if session.edit is None:
        raise UsageError("TEXT… is missing", "only a shell opens an editor; usage: /workflow feedback ID TEXT…")
    return strip_comments(
        await session.edit(await session.run_in_reader_thread(lambda: _template(session, workflow_id)))
    )


def strip_comments(text: str) -> str:
    """Return the text without the lines that are comments."""
    return "\n".join(line for line in split_lines(text) if not line.startswith(COMMENT)).strip()


def _template(session: Session, workflow_id: str) -> str:
    info = session.info(workflow_id)
    if info.status.final:
        raise IllegalCommand(f"{workflow_id} is {info.status}: it takes no feedback", f"/workflow retry {workflow_id}")
    lines = [
        f"Feedback for the next IMPLEMENT attempt of {workflow_id}.",
        f"Lines that begin with {COMMENT} are ignored. An empty text sends nothing.",
        "",
        f"{info.status} at {info.phase}" + (f": {info.error_message}" if info.error_message else ""),
        *_failed_step_lines(session, workflow_id),
    ]
    comments = (f"{COMMENT} {line}".rstrip() for text in lines for line in text.split("\n"))
    return "\n".join(["", *comments, ""])


def _failed_step_lines(session: Session, workflow_id: str) -> Iterator[str]:
    """Yield the failed steps of the newest attempt, each with the last lines of its output."""
    failed = [
        result for result in session.reader.results(workflow_id) if result.verdict and result.verdict.counts_as_failure
    ]
    for step in failed[-1].evidence.get("steps") or () if failed else ():
        if not Verdict(step["verdict"]).opens_gate:
            yield f"\n{step['name']} {step['verdict']}: {step.get('reason') or ''}".rstrip(": ")
            yield from (f"    {line}" for line in split_lines(str(step.get("excerpt") or ""))[-MAX_OUTPUT_LINES:])
