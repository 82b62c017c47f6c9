"""The dialog for quitting a shell while workflows run."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from penguin.orchestration.backend import IllegalCommand, WorkflowStatus
from penguin_repl.shell.key_bindings import answer_key_bindings
from penguin_repl.shell.plain_prompt import make_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session
    from penguin_repl.shell.prompt_screen import PromptScreen

MAX_NAMED = 3
"""The maximum number of workflows to name; the others are counted."""
QUESTION = "[k]eep running in a worker, continue [l]ater, [c]ancel, [s]tay? "
EXPLANATION = (
    "Keep: a worker in the background runs them until all are settled."
    " Later: only the current steps finish; the next start continues from there."
)


class QuitChoice(Enum):
    """What to do with running workflows."""

    KEEP = "keep"
    LATER = "later"
    CANCEL = "cancel"
    STAY = "stay"


KEYS = {
    **dict.fromkeys(("k", "K", "c-d"), QuitChoice.KEEP.value),
    **dict.fromkeys(("l", "L"), QuitChoice.LATER.value),
    **dict.fromkeys(("c", "C"), QuitChoice.CANCEL.value),
    **dict.fromkeys(("s", "S", "c-c", "<sigint>", "escape", "enter"), QuitChoice.STAY.value),
}
YES, NO = "yes", "no"
CONFIRMATION_KEYS = {
    **dict.fromkeys(("y", "Y"), YES),
    **dict.fromkeys(("n", "N", "c-c", "<sigint>", "c-d", "escape", "enter"), NO),
}


def running_workflows(session: Session) -> list[WorkflowInfo]:
    """Return the workflows that would stop when this shell quits."""
    if not session.backend_open:
        return []
    return [info for info in session.backend.owned() if info.status.moving]


def describe_workflows(infos: Sequence[WorkflowInfo]) -> str:
    """Return the names of workflows with their phases."""
    named = [info.workflow_id + (f" at {info.phase}" if info.phase.is_gate else "") for info in infos[:MAX_NAMED]]
    if len(infos) > MAX_NAMED:
        named.append(f"{len(infos) - MAX_NAMED} more")
    return ", ".join(named)


def count_workflows(infos: Sequence[WorkflowInfo], one: str, many: str) -> str:
    """Return `1 workflow runs`, `2 workflows run`."""
    return f"1 workflow {one}" if len(infos) == 1 else f"{len(infos)} workflows {many}"


async def ask_quit_choice(screen: PromptScreen) -> QuitChoice:
    """Ask by a single key. If the terminal is closed, keep them running."""
    question = make_prompt(screen, QUESTION, key_bindings=answer_key_bindings(KEYS))
    try:
        return QuitChoice(await question.prompt_async(set_exception_handler=False))
    except EOFError:
        return QuitChoice.KEEP


async def confirm_cancelling(screen: PromptScreen, count: int) -> bool:
    """Ask whether to cancel `count` workflows. The default is no."""
    workflows = "1 workflow" if count == 1 else f"{count} workflows"
    question = make_prompt(
        screen,
        f"Cancel {workflows}? Running steps are stopped. [y]es, [N]o? ",
        key_bindings=answer_key_bindings(CONFIRMATION_KEYS),
    )
    try:
        return await question.prompt_async(set_exception_handler=False) == YES
    except EOFError:
        return False


async def cancel_all(session: Session, infos: Sequence[WorkflowInfo]) -> None:
    """Cancel workflows and wait until their steps have ended."""
    ids = [info.workflow_id for info in infos]
    for workflow_id in ids:
        try:
            await session.backend.signal_workflow(workflow_id, "cancel", {"by": session.by})
        except IllegalCommand:
            # The workflow ended while the question was shown.
            continue
    await session.backend.wait_workflows(ids, status=WorkflowStatus.CANCELLED)
