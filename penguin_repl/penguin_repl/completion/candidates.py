"""Offers: the words that may stand at one place of a line, by the kind of the place."""

from __future__ import annotations

import os
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import GATES, WorkflowStatus
from penguin_commands.grammar.spec import Argument, Command, Flag, Kind
from penguin_commands.grammar.table import NOUNS, TABLE
from penguin_commands.grammar.tokens import quote
from penguin_commands.session import LAST
from penguin_repl.completion.match import ranked
from penguin_repl.completion.workspace_index import MOST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from penguin.orchestration.store.completion import Named
    from penguin_repl.completion.workspace_index import Known

MOST_FILES = 5_000
"""So many entries of a folder are looked at."""
TYPICAL = {
    Kind.SECONDS: ("30s", "5m", "1h"),
    Kind.AGE: ("7d", "30d", "90d"),
    Kind.MOMENT: ("1h", "24h", "7d"),
    Kind.BUDGET: ("usd=5", "turns=50", "tokens=1000000", "minutes=30"),
}
"""Of what has no end of values, some that show how they are written."""
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


class Offer(NamedTuple):
    """One way to go on."""

    text: str
    """What is put in place of the word that is being typed."""
    meta: str = ""
    names: tuple[str, ...] = ()
    """What finds it; by its text unless said."""
    goes_on: bool = False
    """Something must follow: a blank is put behind it."""
    is_id: bool = False
    """It is a workflow's id: what tells it from the others is made to stand out."""


def nouns() -> Iterator[Offer]:
    """What a line begins with."""
    for noun in NOUNS:
        alone = TABLE.lookup(noun, "")
        names = ", ".join(command.verb for command in TABLE.verbs(noun))
        called = (f"/{noun}", *(alone.other_names if alone else ()))
        yield Offer(f"/{noun}", alone.help if alone else names, called, goes_on=alone is None)


def verbs_of(commands: Iterable[Command]) -> Iterator[Offer]:
    """The verbs of these commands."""
    for command in commands:
        needs = any(argument.required for argument in command.arguments)
        yield Offer(command.verb, command.help, (command.verb, *command.aliases), goes_on=needs)


def values(spec: Argument | Flag, known: Known, command: Command, given: Sequence[str], typed: str) -> Iterable[Offer]:
    """What may stand for an argument or as the value of a flag, where the arguments `given` are there already."""
    match spec.kind:
        case Kind.WORKFLOW:
            return _workflows(known, command.statuses, given, typed)
        case Kind.SNAPSHOT:
            return [Offer(quote(it.snapshot_id), f"{it.agent}: {it.messages} messages") for it in known.snapshots()]
        case Kind.TASK:
            tasks = known.tasks(startable=not command.reads)
            return [Offer(quote(task.id), task.title) for task in tasks]
        case Kind.BLUEPRINT:
            return [Offer(quote(it.id), it.title) for it in known.blueprints()]
        case Kind.PROJECT:
            return [Offer(quote(project)) for project in known.projects()]
        case Kind.PHASE:
            return [Offer(phase.lower()) for phase in GATES]
        case Kind.ATTEMPT:
            return [Offer(str(number), told) for number, told in known.attempts(_workflow(command, given)).items()]
        case Kind.PERSON:
            return [Offer(quote(name), names=(name,)) for name in known.people(_workflow(command, given))]
        case Kind.STATUS:
            return [Offer(status.lower()) for status in WorkflowStatus]
        case Kind.STATUSES:
            return _statuses(typed)
        case Kind.FILE:
            return _files(typed)
        case Kind.COMMAND:
            return _help_words(given)
    return [Offer(value) for value in spec.choices or (TYPICAL.get(spec.kind, ()) if spec.kind else ())]


def _workflow(command: Command, given: Sequence[str]) -> str:
    """The workflow that is named already; '' where there is none."""
    pairs = zip(command.arguments, given, strict=False)
    return next((word for argument, word in pairs if argument.kind is Kind.WORKFLOW), "")


def tail(kind: Kind | None, typed: str) -> str:
    """The part of what is typed that the names of offers are compared with; the rest is there already."""
    separators = {Kind.STATUSES: ",", Kind.FILE: "/"}
    return typed.rpartition(separators[kind])[2] if kind in separators else typed


def _workflows(known: Known, statuses: Collection[WorkflowStatus], given: Sequence[str], typed: str) -> Iterator[Offer]:
    """Those on which the verb is legal."""
    found = known.workflows(typed, statuses)
    now = time.time()
    # Ranked here already: of thousands, only those that are offered are worth a description.
    for _, it in ranked(found, _names, typed, MOST + len(given)):
        if it.workflow_id not in given:
            gate = f" at {it.phase}" if it.phase in GATES else ""
            meta = f"{it.task_id}: {it.status}{gate}, {age(now - it.started_at)} old"
            yield Offer(it.workflow_id, meta, (it.workflow_id, it.task_id), is_id=True)
    last = known.last(statuses)
    if last is not None and last not in given:
        yield Offer(LAST, last)


def _names(workflow: Named) -> tuple[str, str]:
    return (workflow.workflow_id, workflow.task_id)


def age(seconds: float) -> str:
    """A length of time in its largest unit."""
    for length, unit in UNITS:
        if seconds >= length:
            return f"{int(seconds / length)}{unit}"
    return f"{max(0, int(seconds))}s"


def _statuses(typed: str) -> Iterator[Offer]:
    """Several may stand in one word, with commas between."""
    before, comma, _ = typed.rpartition(",")
    there = before.lower().split(",")
    for name in ("active", *(status.lower() for status in WorkflowStatus)):
        if name not in there:
            yield Offer(before + comma + name, names=(name,))


def _files(typed: str) -> Iterable[Offer]:
    """The files beside what is typed; folders go on."""
    folder, name = os.path.split(typed)
    found = []
    try:
        with os.scandir(Path(folder or ".").expanduser()) as entries:
            for entry in islice(entries, MOST_FILES):
                if not entry.name.startswith(".") or name.startswith("."):
                    found.append(entry.name + "/" * entry.is_dir())
    except (OSError, ValueError, RuntimeError):
        # What is typed is no folder, or nobody's home.
        return ()
    return [Offer(quote(os.path.join(folder, it)), names=(it,)) for it in sorted(found)]  # noqa: PTH118


def _help_words(given: Sequence[str]) -> Iterator[Offer]:
    if not given:
        for offer in nouns():
            names = tuple(name.removeprefix("/") for name in offer.names)
            yield offer._replace(text=offer.text.removeprefix("/"), names=names, goes_on=False)
    elif len(given) == 1:
        for offer in verbs_of(TABLE.verbs(given[0].removeprefix("/"))):
            yield offer._replace(goes_on=False)
