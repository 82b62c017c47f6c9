"""The command line: `penguin` alone runs a shell; with a script or `-c`, it runs commands and exits."""

from __future__ import annotations

import gc
import os
import sys

# As in `typing`, which takes longer to import than `--version` takes to run.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.errors import ExitCode
    from penguin_commands.preferences import Preferences
    from penguin_commands.session import Session
    from penguin_repl.cli.options import Options
    from penguin_repl.output.screen import Screen
    from penguin_repl.scripts.lines import ScriptLines


GC_THRESHOLD = 50_000
"""New objects before a garbage collection. Short commands make fewer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Penguin and return the exit code. Without `arguments`, the process has no other purpose, and has them."""
    _open_closed_streams()
    if arguments is not None:
        return _main(list(arguments))
    _hide_warnings()
    gc.set_threshold(GC_THRESHOLD)
    code = _main(sys.argv[1:])
    if "temporalio" in sys.modules:
        _exit_now(code)
    _exit_without_teardown(code)
    return code


def _hide_warnings() -> None:
    """Hide warnings about Penguin's own code, unless Python was told to show them.

    Without memory for the first frame of a coroutine, Python says that it was never awaited. The error says enough.
    """
    if not sys.warnoptions:
        sys.warnoptions.append("ignore::RuntimeWarning")
        if loaded := sys.modules.get("warnings"):
            loaded.simplefilter("ignore", RuntimeWarning)


def _exit_without_teardown(code: int) -> None:
    """End the process without the teardown of all modules, which takes a tenth of the time of a short command.

    Does nothing where more than that is left to do: while other threads run, or if an output can't be written.
    """
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return
    import atexit

    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code)


def _exit_now(code: int) -> None:
    """End the process at once: running threads of the Temporal SDK may crash a slow interpreter shutdown."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # The reader has closed the pipe.
            continue
    os._exit(code)


def _main(raw: list[str]) -> int:
    if raw == ["--version"]:
        # The most frequent call in scripts needs no parser.
        return _print_version()
    from penguin.orchestration.errors import WorkflowError, lack_of_memory
    from penguin_commands.errors import ExitCode, exit_code
    from penguin_repl.cli.options import parse_options

    try:
        return int(_run(parse_options(raw)))
    except KeyboardInterrupt as interrupt:
        from penguin_repl.scripts.end_signals import ScriptEnded, end_by_signal

        if isinstance(interrupt, ScriptEnded):
            end_by_signal(interrupt)
        # A script's interrupt says what continues.
        sys.stderr.write("\n".join(["interrupted", *map(str, interrupt.args)]).rstrip() + "\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as `head` does: exit silently.
        return ExitCode.OK
    except Exception as error:
        if "--debug" in raw and not isinstance(error, WorkflowError):
            raise
        try:
            _report_error(error, raw)
        except (MemoryError, ImportError, OSError):
            # There may be no memory left to import the renderer.
            sys.stderr.write(f"penguin: {lack_of_memory(error) or error}\n")
        if lack_of_memory(error):
            # To end its threads the process would need memory, and without it the system aborts it.
            _exit_now(exit_code(error))
        return exit_code(error)


def _report_error(error: Exception, raw: list[str]) -> None:
    """Report an error that belongs to no line of a script, to people, and as a document if requested."""
    from penguin_repl.render.error import error_data, error_text

    sys.stderr.write(f"penguin: {error_text(error)}\n")
    if _wants_json(raw):
        from penguin_repl.render.json_output import json_document
        from penguin_repl.text.ascii import json_to_ascii

        sys.stdout.write(json_to_ascii(json_document(error_data(error))))


def _wants_json(raw: list[str]) -> bool:
    """Return whether the options ask for JSON, even in a command line that can't be parsed."""
    for word, following in zip(raw, [*raw[1:], ""], strict=False):
        name, _, value = word.partition("=")
        if word in ("-o", "--output"):
            value = following
        elif name != "--output":
            value = word.removeprefix("-o")
        if value in ("json", "jsonl") and word.startswith("-"):
            return True
    return False


def _open_closed_streams() -> None:
    """Open standard streams that are closed, so that a database does not get their descriptors."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _print_version() -> int:
    from penguin_repl import __version__

    sys.stdout.write(f"penguin {__version__}\n")
    return 0


def _run(options: Options) -> int:
    from penguin_repl.cli.terminal_style import choose_style
    from penguin_repl.output.screen import Screen

    if options.version:
        return _print_version()
    screen = Screen(choose_style(options, _default_preferences))
    if options.help or options.script == "help":
        _show_help(_help_words(options), screen)
        return 0
    if options.script == "completion":
        from penguin_repl.cli.completion_scripts import completion_script

        screen.write_data(completion_script(options.words))
        return 0
    if options.script == "init":
        _init(options, screen)
        return 0
    session = _make_session(options, screen)
    screen.style = choose_style(options, lambda: session.preferences)
    session.on_terminal = screen.style.terminal and screen.style.format == "text" and not screen.style.plain
    if options.script == "worker":
        from penguin_repl.worker import run_worker

        if (options.address or options.namespace or options.task_queue) and not session.uses_temporal:
            _refuse_server_options()
        return run_worker(session, screen, grace=options.grace, until_settled=options.until_settled)
    if options.script == "check":
        return _check(session, screen, accept=options.accept)
    if options.script == "import":
        return _import(options, session, screen)
    if options.script == "trust":
        from penguin_repl.trust_prompt import run_trust

        return run_trust(session, screen, yes=options.yes)
    if options.for_terminal and os.isatty(0):
        from penguin_repl.shell.shell import run_shell
        from penguin_repl.trust_prompt import offer_trust

        offer_trust(session, screen)
        code: int = run_shell(session, options)
        return code
    return _run_script(options, session, screen)


def _default_preferences() -> Preferences:
    """Return the default style."""
    from penguin_commands.preferences import Preferences

    return Preferences()


def _refuse_server_options() -> None:
    from penguin_commands.errors import UsageError

    raise UsageError(
        "--address, --namespace and --task-queue are for the Temporal backend", "penguin --backend temporal worker …"
    )


def _make_session(options: Options, screen: Screen) -> Session:
    from penguin_commands.errors import UsageError
    from penguin_commands.session import Session
    from penguin_repl.cli.options import worker_settings

    if options.workspace and not os.path.isdir(options.workspace):
        raise UsageError(f"--workspace: no such folder: {options.workspace!r}")

    def tell(info: WorkflowInfo) -> None:
        from penguin_repl.render.format import workflow_summary

        screen.narrate(workflow_summary(info))

    def narrate(text: str) -> None:
        from penguin_repl.text.escape import clean

        # It may name files of a cloned repository.
        screen.narrate(clean(text))

    session = Session(
        options.workspace or None,
        backend_name=options.backend,
        detach=options.detach,
        metrics=options.metrics,
        options=worker_settings(options),
        narrate=narrate,
        listener=tell,
    )
    if options.output == "jsonl":
        from penguin_commands.wait_events import JsonEventStream

        session.event_stream = JsonEventStream(session, lambda happened: screen.write_data(screen.render(happened)))
    return session


def _run_script(options: Options, session: Session, screen: Screen) -> ExitCode:
    from functools import partial

    from penguin_repl.output.print_result import show_progress
    from penguin_repl.scripts.runner import ScriptRunner

    if sys.stderr.isatty():
        session.on_progress = partial(show_progress, screen)
    if (options.line or options.command) and screen.style.format == "text" and _is_terminal():
        from penguin_repl.cli.ask import ask_in_loop

        session.choose = partial(ask_in_loop, screen=screen)
    script = ScriptRunner(session, screen, keep_going=options.keep_going, debug=options.debug)
    return script.run(_script_lines(options))


def _script_lines(options: Options) -> ScriptLines:
    from penguin_repl.scripts import lines as source

    if options.line:
        return source.ScriptLines(source.line_from_words(options.line))
    if options.command:
        return source.ScriptLines(source.lines_from_options(options.command))
    if options.script in (None, "-"):
        return source.ScriptLines(source.lines_from_descriptor(0, "<stdin>"), 0)
    if options.script.endswith((".md", ".json", ".jsonl", ".yaml", ".yml")):
        _refuse_backlog(options.script)
    descriptor = source.open_script(options.script)
    return source.ScriptLines(source.lines_from_descriptor(descriptor, options.script), descriptor)


def _refuse_backlog(path: str) -> None:
    """Raise UsageError for a backlog of another tool, which is no script. Any other file may be one."""
    from pathlib import Path

    from penguin.orchestration.blueprint.foreign_file import foreign_problem
    from penguin.orchestration.blueprint.importers.source_file import MAX_BYTES
    from penguin.orchestration.config.document import read_text
    from penguin.orchestration.config.document_checker import Checker
    from penguin_commands.errors import UsageError

    text = read_text(Path(path), Checker(path), MAX_BYTES)
    problem = foreign_problem(text, path) if text else None
    if problem is not None:
        raise UsageError(f"{path}: {problem.message}", problem.hint)


def _init(options: Options, screen: Screen) -> None:
    """Run `penguin init`; ask on a terminal, unless the user wants the defaults or documents."""
    from penguin_commands import new_workspace as new

    project = new.examine_project(options.workspace or ".")
    new.check_options(project, options.agent, options.test)
    choices = new.default_choices(project, options.agent, options.test)
    if not (options.yes or project.configured or screen.style.format != "text") and _is_terminal():
        from penguin_repl.cli.init_questions import ask_choices

        choices = ask_choices(project, choices, options, screen)
    screen.write_data(screen.render(new.write_workspace(project, choices)))


def _is_terminal() -> bool:
    """Return whether a person can be asked."""
    return os.isatty(0) and os.isatty(2)


def _import(options: Options, session: Session, screen: Screen) -> ExitCode:
    """Run `penguin import`."""
    from penguin_commands.errors import ExitCode
    from penguin_commands.handlers.import_backlog import ImportRequest, import_backlogs

    request = ImportRequest(
        options.words, options.format, options.into, dry_run=options.dry_run, done=options.done_as is not None
    )
    screen.write_data(screen.render(import_backlogs(session, request)))
    return ExitCode.OK


def _check(session: Session, screen: Screen, *, accept: bool) -> ExitCode:
    """Run `penguin check`; with `accept`, after the user's decision to continue without lost workflows."""
    from penguin_commands.errors import ExitCode
    from penguin_commands.handlers.maintenance import accept as accept_loss
    from penguin_commands.handlers.maintenance import check

    if accept:
        import asyncio

        count = asyncio.run(accept_loss(session))
        screen.narrate(f"continuing without {count} lost workflow{'' if count == 1 else 's'}")
    checked = check(session)
    screen.write_data(screen.render(checked))
    return ExitCode.FAILED if checked.failed else ExitCode.OK


def _help_words(options: Options) -> Sequence[str]:
    """Return the words to get help on. For `--help`, this is the command beside it, if there is one."""
    from penguin_repl.cli.subcommands import SUBCOMMANDS

    if options.script != "help" and any(subcommand.name == options.script for subcommand in SUBCOMMANDS):
        return (options.script or "",)
    return options.words


def _show_help(words: Sequence[str], screen: Screen) -> None:
    """Run `penguin help`."""
    from penguin_repl import __version__
    from penguin_repl.cli.help import ProgramHelp, SubcommandHelp, program_help

    help_result = program_help(words, __version__)
    text = screen.style.format == "text"
    if text and isinstance(help_result, ProgramHelp | SubcommandHelp):
        screen.write_data(screen.draw(help_result.lines()))
    else:
        screen.write_data(screen.render(help_result))
