"""Declarations of commands, which the parser, help, completion and documentation read."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.backend import WorkflowStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from penguin_commands.results import Result

    Handler = Callable[..., Result | Coroutine[Any, Any, Result]]
    """Runs a command: at once if it only reads, else in a coroutine."""


class ValueKind(Enum):
    """The kind of a value, which determines how it is checked and completed."""

    WORKFLOW = "workflow"
    """A workflow id, a task id, @last, or (if nothing is changed) a prefix; str."""
    SNAPSHOT = "snapshot"
    """A snapshot id, a workflow id for its newest snapshot, or (if nothing is changed) a prefix; str."""
    TASK = "task"
    """A task id; str."""
    TASKS = "tasks"
    """Comma-separated task ids; a tuple of str."""
    BLUEPRINT = "blueprint"
    """A blueprint id; str."""
    PROJECT = "project"
    """A project id; str."""
    PHASE = "phase"
    """One of the four gates, in any case; WorkflowPhase."""
    STATUS = "status"
    """A status in any case; WorkflowStatus."""
    STATUSES = "statuses"
    """Comma-separated statuses, or `active`; frozenset of WorkflowStatus."""
    CHOICE = "choice"
    """One of `choices`; str."""
    COMMAND = "command"
    """A word of a command; str."""
    NAME = "name"
    """One word; str."""
    TEXT = "text"
    """As an argument, the rest of the line as one text; as a flag's value, one word; str."""
    SECONDS = "seconds"
    """A duration, `90`, `1.5m`, `2h`, `30d`; float, in seconds."""
    AGE = "age"
    """A duration with a required unit, since a bare number may be taken for days; float, in seconds."""
    MOMENT = "moment"
    """A time: an age (`2h`, `30d`), or a local or full ISO 8601 time; float, in seconds since the epoch."""
    TITLE = "title"
    """The words of a title; str each."""
    FILE = "file"
    """A path; str."""
    NUMBER = "number"
    """A whole number from 1; int."""
    ATTEMPT = "attempt"
    """The number of an attempt of a workflow, from 1; int."""
    PERSON = "person"
    """A person's name, one word; str."""
    BUDGET = "budget"
    """The maximum usage of agents, `usd=5,turns=20`; a dict of numbers."""


class Argument(NamedTuple):
    """A positional argument."""

    name: str
    """The name of the handler's parameter."""
    kind: ValueKind
    required: bool = True
    many: bool = False
    """Takes all remaining words; the handler gets a tuple."""
    help: str = ""
    choices: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        name = "|".join(self.choices) or PLACEHOLDERS.get(self.kind, self.name.upper())
        name += "…" if self.many or self.kind is ValueKind.TEXT else ""
        return name if self.required else f"[{name}]"


class Flag(NamedTuple):
    """An option that begins with a dash. With a kind, it takes a value."""

    name: str
    """Without the dashes."""
    kind: ValueKind | None = None
    help: str = ""
    short: str = ""
    """One letter, without the dash."""
    many: bool = False
    """May be given more than once; the handler gets a tuple."""
    choices: tuple[str, ...] = ()
    required: bool = False
    placeholder: str = ""
    """The placeholder of the value in the usage; default: by kind."""

    @property
    def parameter_name(self) -> str:
        """Return the name of the handler's parameter. A Python keyword gets an underscore."""
        key = self.name.replace("-", "_")
        return f"{key}_" if key in ("from", "for", "any") else key

    @property
    def usage(self) -> str:
        name = f"-{self.short}" if self.short and not self.kind else f"--{self.name}"
        text = f"{name} {self.value_usage}".rstrip()
        return text if self.required else f"[{text}]" + ("…" if self.many else "")

    @property
    def value_usage(self) -> str:
        """Return the placeholder for the value; '' if it takes none."""
        if self.kind is None:
            return ""
        return self.placeholder or "|".join(self.choices) or PLACEHOLDERS.get(self.kind, self.name.upper())

    @property
    def long_usage(self) -> str:
        """Return all names of the flag and its value: `-f, --follow`, `--limit N`."""
        names = [f"-{self.short}"] * bool(self.short) + [f"--{self.name}"]
        return f"{', '.join(names)} {self.value_usage}".rstrip()


PLACEHOLDERS = {
    ValueKind.WORKFLOW: "ID",
    ValueKind.SNAPSHOT: "ID",
    ValueKind.TASK: "TASK",
    ValueKind.TASKS: "TASK,…",
    ValueKind.BLUEPRINT: "BLUEPRINT",
    ValueKind.PROJECT: "PROJECT",
    ValueKind.PHASE: "PHASE",
    ValueKind.STATUS: "STATUS",
    ValueKind.STATUSES: "STATUS",
    ValueKind.COMMAND: "COMMAND",
    ValueKind.NAME: "NAME",
    ValueKind.TEXT: "TEXT",
    ValueKind.TITLE: "TITLE",
    ValueKind.SECONDS: "SECONDS",
    ValueKind.AGE: "AGE",
    ValueKind.MOMENT: "TIME",
    ValueKind.FILE: "FILE",
    ValueKind.NUMBER: "N",
    ValueKind.ATTEMPT: "N",
    ValueKind.PERSON: "NAME",
    ValueKind.BUDGET: "UNIT=N",
}


def _no_handler() -> Handler:
    raise NotImplementedError("the options of `penguin` itself have no handler")


class Command(NamedTuple):
    """One command: `/noun verb`, or `/noun` alone."""

    noun: str
    verb: str
    """Empty for a command that is a noun alone."""
    help: str
    """One line, without a full stop."""
    example: str
    arguments: tuple[Argument, ...] = ()
    flags: tuple[Flag, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names of the verb, or of the noun if there is no verb."""
    read_only: bool = False
    """Changes nothing, so unambiguous prefixes of its name and of a workflow id are accepted."""
    statuses: frozenset[WorkflowStatus] = frozenset(WorkflowStatus)
    """If a workflow is the argument: the statuses in which the verb makes sense (for completion)."""
    load_handler: Callable[[], Handler] = _no_handler
    """Imports the module of the handler and returns the handler: `handler(session, **values)`."""

    @property
    def name(self) -> str:
        return f"/{self.noun} {self.verb}".rstrip()

    @property
    def usage(self) -> str:
        arguments = [argument.usage for argument in self.arguments]
        return " ".join([self.name, *arguments, *(flag.usage for flag in self.flags)])

    @property
    def alias_names(self) -> tuple[str, ...]:
        """Return the full names of its aliases."""
        return tuple(f"/{self.noun} {alias}" if self.verb else f"/{alias}" for alias in self.aliases)

    @property
    def applies_to(self) -> tuple[WorkflowStatus, ...]:
        """Return the workflow statuses it applies to, in their order; empty if it takes no workflow."""
        if all(argument.kind is not ValueKind.WORKFLOW for argument in self.arguments):
            return ()
        return tuple(status for status in WorkflowStatus if status in self.statuses)

    def find_flag(self, word: str) -> Flag | None:
        """Return the flag that `--name` or `-n` names."""
        for flag in self.flags:
            if word == f"--{flag.name}" or (flag.short and word == f"-{flag.short}"):
                return flag
        return None


class CommandTable:
    """The commands in the order of their declaration."""

    def __init__(self, commands: Iterable[Command] = ()) -> None:
        self.commands = list(commands)

    def command(
        self,
        noun: str,
        verb: str,
        help: str,
        example: str,
        *,
        arguments: tuple[Argument, ...] = (),
        flags: tuple[Flag, ...] = (),
        aliases: tuple[str, ...] = (),
        reads: bool = False,
        statuses: frozenset[WorkflowStatus] = frozenset(WorkflowStatus),
    ) -> Callable[[Callable[[], Handler]], Callable[[], Handler]]:
        """Declare a command; the parameters are the fields of Command.

        The decorated function returns the handler. It imports the handler's module itself, so that a command loads
        no module of another one, and mypy checks that the handler exists and returns a result.
        """

        def declare(load: Callable[[], Handler]) -> Callable[[], Handler]:
            self.commands.append(Command(noun, verb, help, example, arguments, flags, aliases, reads, statuses, load))
            return load

        return declare

    @property
    def nouns(self) -> tuple[str, ...]:
        """Return the nouns, each once."""
        return tuple(dict.fromkeys(command.noun for command in self.commands))

    def verbs(self, noun: str) -> tuple[Command, ...]:
        """Return the commands of a noun."""
        return tuple(command for command in self.commands if command.noun == noun)

    def lookup(self, noun: str, verb: str) -> Command | None:
        """Return the command with these names or aliases; a command without a verb has the verb ''."""
        for command in self.commands:
            if command.verb and noun == command.noun and verb in (command.verb, *command.aliases):
                return command
            if not command.verb and noun in (command.noun, *command.aliases):
                return command
        return None


class Invocation(NamedTuple):
    """A parsed line."""

    command: Command
    values: dict[str, Any]
    """The given values, by the parameter names of the handler."""
