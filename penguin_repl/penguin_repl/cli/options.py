"""The options of the command line, declared and parsed like those of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penguin_commands.errors import UsageError
from penguin_commands.grammar.parse import parse_values
from penguin_commands.grammar.tokens import Word
from penguin_commands.grammar.values import quote_for_error
from penguin_repl.cli.subcommands import PROGRAM, SUBCOMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = " | ".join(subcommand.name for subcommand in SUBCOMMANDS)
USAGE = f"usage: penguin [OPTIONS] [SCRIPT | -c COMMAND… | COMMAND | {_NAMES}]; see penguin help"


class Options(NamedTuple):
    """The parsed command line."""

    script: str | None = None
    """A path, `-` for standard input, or the name of a subcommand."""
    words: tuple[str, ...] = ()
    """The arguments after it."""
    command: tuple[str, ...] = ()
    """The `-c` commands."""
    line: str = ""
    """The slash command that was typed as words, as a line. Then `words` are its noun and verb."""
    workspace: str | None = None
    backend: str | None = None
    output: str = "text"
    color: str = "auto"
    keep_going: bool = False
    detach: bool = False
    grace: float | None = None
    until_settled: bool = False
    metrics: str | None = None
    """IP:PORT."""
    address: str | None = None
    """HOST:PORT of a Temporal server."""
    namespace: str | None = None
    task_queue: str | None = None
    max_parallel: int | None = None
    format: str | None = None
    into: str | None = None
    dry_run: bool = False
    done_as: str | None = None
    accept: bool = False
    agent: str | None = None
    test: str | None = None
    yes: bool = False
    debug: bool = False
    version: bool = False
    help: bool = False

    @property
    def for_terminal(self) -> bool:
        """Return whether there is nothing to run: a shell opens, or standard input is the script."""
        return self.script is None and not self.command and not self.line


def parse_options(words: Sequence[str]) -> Options:
    """Parse a command line. Raises UsageError."""
    index = _first_argument(words)
    if index is None:
        return _checked(_parse_values(words))
    # Commands of `-c` don't need it.
    from penguin_repl.cli.command_words import find_command_words

    found = find_command_words(words, index)
    if found is None:
        return _checked(_parse_values(words))
    options = _checked(_parse_values(found.options))
    if options.command:
        raise UsageError("a command and -c can't be combined", USAGE)
    return options._replace(line=found.line, words=found.name)


def _first_argument(words: Sequence[str]) -> int | None:
    """Return the position of the first word that is neither an option of `penguin` nor the value of one."""
    value_follows = False
    for index, word in enumerate(words):
        if value_follows:
            value_follows = False
        elif not word.startswith("-") or word == "-":
            return index
        elif word == "--":
            return None
        else:
            name, equals, _ = word.partition("=")
            flag = PROGRAM.find_flag(name)
            value_follows = flag is not None and flag.kind is not None and not equals
    return None


def _parse_values(words: Sequence[str]) -> Options:
    try:
        return Options(**parse_values(PROGRAM, [Word(word, 0, 0) for word in words]))
    except UsageError as error:
        raise UsageError(error.message, USAGE) from None


def _checked(options: Options) -> Options:
    """Return the options. Raises UsageError if they can't be combined."""
    if options.words and not _takes_words(options):
        raise UsageError(f"unexpected argument {quote_for_error(options.words[0])}", USAGE)
    if options.script is not None and options.command:
        raise UsageError("a script and -c can't be combined", USAGE)
    if options.script != "worker" and (options.grace is not None or options.until_settled):
        raise UsageError("--grace and --until-settled are for `penguin worker`", USAGE)
    if options.script != "worker" and worker_settings(options):
        raise UsageError("--address, --namespace, --task-queue and --max-parallel are for `penguin worker`", USAGE)
    if options.script != "import" and (options.format or options.into or options.dry_run or options.done_as):
        raise UsageError("--format, --into, --dry-run and --done-as are for `penguin import`", USAGE)
    if options.script == "import" and not options.words and not options.help:
        raise UsageError("penguin import needs a PATH", "penguin import FILE, or - for standard input")
    if options.accept and options.script != "check":
        raise UsageError("--accept is for `penguin check`", USAGE)
    if options.yes and options.script not in ("init", "trust"):
        raise UsageError("--yes is for `penguin init` and `penguin trust`", USAGE)
    if options.script != "init" and (options.agent or options.test):
        raise UsageError("--agent and --test are for `penguin init`", USAGE)
    if options.metrics is not None:
        _check_metrics(options)
    return options


def _takes_words(options: Options) -> bool:
    return any(subcommand.name == options.script and subcommand.usage for subcommand in SUBCOMMANDS)


def worker_settings(options: Options) -> dict[str, Any]:
    """Return the settings below `orchestration:` that the options set."""
    given = {"address": options.address, "namespace": options.namespace, "task_queue": options.task_queue}
    temporal = {key: value for key, value in given.items() if value is not None}
    settings: dict[str, Any] = {"temporal": temporal} if temporal else {}
    return settings if options.max_parallel is None else {**settings, "max_parallel": options.max_parallel}


def _check_metrics(options: Options) -> None:
    from penguin.orchestration.backend import ConfigError
    from penguin.orchestration.runtime.metrics.exporter import metrics_address

    if options.command or options.script not in (None, "worker"):
        raise UsageError("--metrics is for a shell and for `penguin worker`", USAGE)
    try:
        metrics_address(options.metrics or "")
    except ConfigError as error:
        raise UsageError(error.message, error.hint) from None
