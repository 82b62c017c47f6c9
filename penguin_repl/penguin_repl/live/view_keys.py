"""The keys that the full-screen view offers: those that are legal for the workflow that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.grammar.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.workflow_status import WorkflowStatus

VERBS = {"p": "pause", "r": "resume", "c": "cancel"}
"""The verbs of /workflow by key."""


def key_lines(status: WorkflowStatus | None, *, shows_list: bool, shows_logs: bool) -> tuple[str, ...]:
    """Return the lines that name the keys, the longest first.

    Args:
        status: That of the workflow that is shown in detail; None if there is none.
        shows_list: Whether the arrows choose a workflow of the list.
        shows_logs: Whether output uses the whole window.
    """
    verbs = [f"{key} {verb}" for key, verb in VERBS.items() if status is not None and _is_legal(verb, status)]
    logs = [] if status is None else ["l less" if shows_logs else "l logs"]
    arrows = "↑↓ PgUp PgDn scroll" if shows_logs else "↑↓ choose" if shows_list else "↑↓ scroll"
    others = [*logs, *verbs] if shows_logs else [*verbs, *logs]
    return (
        " · ".join([arrows, *others, "q back"]),
        "  ".join([*others, "q back"]),
        "·".join([*_keys_alone(verbs), *logs, "q back"]),
        "q back",
    )


def _keys_alone(verbs: Iterable[str]) -> list[str]:
    return [verb.partition(" ")[0] for verb in verbs]


def _is_legal(verb: str, status: WorkflowStatus) -> bool:
    command = TABLE.lookup("workflow", verb)
    return command is not None and status in command.statuses
