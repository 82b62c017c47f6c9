"""Candidates for completion: the words that are valid at a position in a line, by its kind."""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.files.workspace import expand_home
from penguin.orchestration.workflow_status import GATES
from penguin_commands.grammar.declarations import Argument, Command, Flag, ValueKind
from penguin_commands.grammar.table import NOUNS, TABLE
from penguin_commands.grammar.tokens import quote
from penguin_commands.session import LAST_STARTED
from penguin_repl.completion.match import rank_matches
from penguin_repl.completion.workspace_index import MAX_CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from penguin.orchestration.store.completion_names import CompletionItem
    from penguin_repl.completion.workspace_index import WorkspaceIndex

MAX_FILES = 5_000
"""The maximum number of folder entries to read."""
EXAMPLE_VALUES = {
    ValueKind.SECONDS: ("30s", "5m", "1h"),
    ValueKind.AGE: ("7d", "30d", "90d"),
    ValueKind.MOMENT: ("1h", "24h", "7d"),
    ValueKind.BUDGET: ("usd=5", "turns=50", "tokens=1000000", "minutes=30"),
}
"""Example values for kinds with unlimited values, to show how they are written."""
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


class Candidate(NamedTuple):
    """One possible completion."""

    text: str
    """The text that replaces the word being typed."""
    meta: str = ""
    names: tuple[str, ...] = ()
    """The text to match; default: the text of the candidate."""
    needs_more: bool = False
    """More must follow: a blank is added."""
    is_id: bool = False
    """It is a workflow id: its unique prefix is highlighted."""


def noun_candidates() -> Iterator[Candidate]:
    """Return the candidates for the start of a line."""
    for noun in NOUNS:
        alone = TABLE.lookup(noun, "")
        names = ", ".join(command.verb for command in TABLE.verbs(noun))
        called = (f"/{noun}", *(alone.alias_names if alone else ()))
        yield Candidate(f"/{noun}", alone.help if alone else names, called, needs_more=alone is None)


def is_expected(argument: Argument) -> bool:
    """Return whether a command is usually given this argument, even if it can do without."""
    return argument.required or argument.kind is ValueKind.TASK


def verb_candidates(commands: Iterable[Command]) -> Iterator[Candidate]:
    """Return the verbs of these commands."""
    for command in commands:
        needs = any(map(is_expected, command.arguments))
        yield Candidate(command.verb, command.help, (command.verb, *command.aliases), needs_more=needs)


def value_candidates(
    spec: Argument | Flag, index: WorkspaceIndex, command: Command, given: Sequence[str], typed: str
) -> Iterable[Candidate]:
    """Return the candidates for an argument or the value of a flag, after the arguments `given`."""
    match spec.kind:
        case ValueKind.WORKFLOW:
            return _workflow_candidates(index, command.statuses, given, typed)
        case ValueKind.SNAPSHOT:
            return [
                Candidate(quote(snapshot.snapshot_id), f"{snapshot.agent}: {snapshot.messages} messages")
                for snapshot in index.snapshots()
            ]
        case ValueKind.TASK:
            tasks = index.tasks(startable=not command.read_only)
            return [Candidate(quote(task.id), task.title) for task in tasks]
        case ValueKind.TASKS:
            return _task_candidates(index, typed)
        case ValueKind.BLUEPRINT:
            return [Candidate(quote(blueprint.id), blueprint.title) for blueprint in index.blueprints()]
        case ValueKind.PROJECT:
            return [Candidate(quote(project)) for project in index.projects()]
        case ValueKind.PHASE:
            return [Candidate(phase.lower()) for phase in GATES]
        case ValueKind.ATTEMPT:
            return [
                Candidate(str(number), description)
                for number, description in index.attempts(_named_workflow(command, given)).items()
            ]
        case ValueKind.PERSON:
            return [Candidate(quote(name), names=(name,)) for name in index.people(_named_workflow(command, given))]
        case ValueKind.STATUS:
            return [Candidate(status.lower()) for status in WorkflowStatus]
        case ValueKind.STATUSES:
            return _status_candidates(typed)
        case ValueKind.FILE:
            return _file_candidates(typed)
        case ValueKind.COMMAND:
            return _help_candidates(given)
    return [Candidate(value) for value in spec.choices or (EXAMPLE_VALUES.get(spec.kind, ()) if spec.kind else ())]


def _named_workflow(command: Command, given: Sequence[str]) -> str:
    """Return the workflow that the line names so far; '' if there is none."""
    pairs = zip(command.arguments, given, strict=False)
    return next((word for argument, word in pairs if argument.kind is ValueKind.WORKFLOW), "")


def match_part(kind: ValueKind | None, typed: str) -> str:
    """Return the part of the typed text that candidate names are compared with."""
    separators = {ValueKind.STATUSES: ",", ValueKind.TASKS: ",", ValueKind.FILE: "/"}
    return typed.rpartition(separators[kind])[2] if kind in separators else typed


def _workflow_candidates(
    index: WorkspaceIndex, statuses: Collection[WorkflowStatus], given: Sequence[str], typed: str
) -> Iterator[Candidate]:
    """Return the workflows on which the verb is legal."""
    found = index.workflows(typed, statuses)
    now = time.time()
    # Ranked here: of thousands of candidates, only those that are shown need a description.
    for _, workflow in rank_matches(found, _workflow_names, typed, MAX_CANDIDATES + len(given)):
        if workflow.workflow_id not in given:
            gate = f" at {workflow.phase}" if workflow.phase in GATES else ""
            meta = f"{workflow.task_id}: {workflow.status}{gate}, {format_age(now - workflow.started_at)} old"
            yield Candidate(workflow.workflow_id, meta, (workflow.workflow_id, workflow.task_id), is_id=True)
    last = index.last_started(statuses)
    if last is not None and last not in given:
        yield Candidate(LAST_STARTED, last)


def _workflow_names(workflow: CompletionItem) -> tuple[str, str]:
    return (workflow.workflow_id, workflow.task_id)


def format_age(seconds: float) -> str:
    """Format a duration in its largest unit."""
    for length, unit in UNITS:
        if seconds >= length:
            return f"{int(seconds / length)}{unit}"
    return f"{max(0, int(seconds))}s"


def _status_candidates(typed: str) -> Iterator[Candidate]:
    """Return the statuses for the last part of a comma-separated list."""
    before, comma, _ = typed.rpartition(",")
    listed = before.lower().split(",")
    for name in ("active", *(status.lower() for status in WorkflowStatus)):
        if name not in listed:
            yield Candidate(before + comma + name, names=(name,))


def _task_candidates(index: WorkspaceIndex, typed: str) -> Iterator[Candidate]:
    """Return the tasks for the last part of a comma-separated list."""
    before, comma, _ = typed.rpartition(",")
    there = before.split(",")
    for task in index.tasks(startable=False):
        if task.id not in there:
            yield Candidate(quote(before + comma + task.id), task.title, (task.id,))


def _file_candidates(typed: str) -> Iterable[Candidate]:
    """Return the files that match the typed path. A folder can be completed further."""
    folder, name = os.path.split(typed)
    found = []
    try:
        with os.scandir(expand_home(folder or ".")) as entries:
            for entry in islice(entries, MAX_FILES):
                if not entry.name.startswith(".") or name.startswith("."):
                    found.append(entry.name + "/" * entry.is_dir())
    except (OSError, ValueError, RuntimeError):
        # The typed path is not a folder, or names an unknown user.
        return ()
    return [Candidate(quote(os.path.join(folder, name)), names=(name,)) for name in sorted(found)]  # noqa: PTH118


def _help_candidates(given: Sequence[str]) -> Iterator[Candidate]:
    if not given:
        for candidate in noun_candidates():
            names = tuple(name.removeprefix("/") for name in candidate.names)
            yield candidate._replace(text=candidate.text.removeprefix("/"), names=names, needs_more=False)
    elif len(given) == 1:
        for candidate in verb_candidates(TABLE.verbs(given[0].removeprefix("/"))):
            yield candidate._replace(needs_more=False)
