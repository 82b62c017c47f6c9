"""The command line: `penguin`, alone a shell, with a script or `-c` a program among others."""

from __future__ import annotations

import os
import sys

# As in `typing`, which takes longer to import than `--version` to be answered.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.errors import ExitCode
    from penguin_commands.preferences import Taste
    from penguin_commands.session import Session
    from penguin_repl.cli.options import Options
    from penguin_repl.output.screen import Screen
    from penguin_repl.scripts.lines import Lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Penguin; the exit code."""
    _open_missing()
    code = _main(list(sys.argv[1:] if arguments is None else arguments))
    if arguments is None and "temporalio" in sys.modules:
        _leave_at_once(code)
    return code


def _leave_at_once(code: int) -> None:
    """End the process: threads of the Temporal SDK that still run may crash an interpreter that takes its time."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Whoever read it has gone.
            continue
    os._exit(code)


def _main(raw: list[str]) -> int:
    if raw == ["--version"]:
        # What scripts ask most often costs no parser.
        return _version()
    from penguin_commands.errors import ExitCode, exit_code
    from penguin_repl.cli.options import read_options

    try:
        return int(_run(read_options(raw)))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does: end without a word.
        return ExitCode.OK
    except Exception as error:
        if "--debug" in raw:
            raise
        _tell(error, raw)
        return exit_code(error)


def _tell(error: Exception, raw: list[str]) -> None:
    """Say what is wrong with no line of a script, but with the whole: to people, and as a document where asked for."""
    from penguin_repl.render.error import error_data, sentence

    sys.stderr.write(f"penguin: {sentence(error)}\n")
    if _wants_documents(raw):
        from penguin_repl.render.json_output import document
        from penguin_repl.text.ascii import as_json

        sys.stdout.write(as_json(document(error_data(error))))


def _wants_documents(raw: list[str]) -> bool:
    """Whether the options ask for JSON: those of a line, too, that was not understood."""
    for word, following in zip(raw, [*raw[1:], ""], strict=False):
        name, _, value = word.partition("=")
        if word in ("-o", "--output"):
            value = following
        elif name != "--output":
            value = word.removeprefix("-o")
        if value in ("json", "jsonl") and word.startswith("-"):
            return True
    return False


def _open_missing() -> None:
    """Open the standard streams that are closed, lest a database takes their place."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _version() -> int:
    from penguin_repl import __version__

    sys.stdout.write(f"penguin {__version__}\n")
    return 0


def _run(options: Options) -> int:
    from penguin_repl.cli.terminal_style import style_of
    from penguin_repl.output.screen import Screen

    if options.version:
        return _version()
    screen = Screen(style_of(options, _no_taste))
    if options.help or options.script == "help":
        _help(_asked(options), screen)
        return 0
    if options.script == "completion":
        from penguin_repl.cli.completion_scripts import completion_script

        screen.data(completion_script(options.words))
        return 0
    if options.script == "init":
        _init(options, screen)
        return 0
    session = _session(options, screen)
    screen.style = style_of(options, lambda: session.taste)
    if options.script == "worker":
        from penguin_repl.worker import run_worker

        if (options.address or options.namespace or options.task_queue) and not session.on_temporal:
            _refuse_server_options()
        return run_worker(session, screen, grace=options.grace, until_settled=options.until_settled)
    if options.script == "check":
        return _check(session, screen)
    if options.script == "trust":
        from penguin_repl.trust_prompt import run_trust

        return run_trust(session, screen, yes=options.yes)
    if options.script is None and not options.command and os.isatty(0):
        from penguin_repl.shell.shell import run_shell
        from penguin_repl.trust_prompt import offer_trust

        offer_trust(session, screen)
        code: int = run_shell(session, options)
        return code
    return _run_script(options, session, screen)


def _no_taste() -> Taste:
    """The one of whoever says nothing."""
    from penguin_commands.preferences import Taste

    return Taste()


def _refuse_server_options() -> None:
    from penguin_commands.errors import UsageError

    raise UsageError(
        "--address, --namespace and --task-queue are for the Temporal backend", "penguin --backend temporal worker …"
    )


def _session(options: Options, screen: Screen) -> Session:
    from penguin_commands.errors import UsageError
    from penguin_commands.session import Session
    from penguin_repl.cli.options import worker_settings

    if options.workspace and not os.path.isdir(options.workspace):
        raise UsageError(f"--workspace: there is no folder {options.workspace!r}")

    def tell(info: WorkflowInfo) -> None:
        from penguin_repl.render.format import brief

        screen.narrate(brief(info))

    session = Session(
        options.workspace or None,
        backend_name=options.backend,
        detach=options.detach,
        metrics=options.metrics,
        options=worker_settings(options),
        narrate=screen.narrate,
        listener=tell,
    )
    if options.output == "jsonl":
        from penguin_commands.events import EventTeller

        session.teller = EventTeller(session, lambda happened: screen.data(screen.render(happened)))
    return session


def _run_script(options: Options, session: Session, screen: Screen) -> ExitCode:
    from functools import partial

    from penguin_repl.output.present import show_progress
    from penguin_repl.scripts.runner import Script

    if sys.stderr.isatty():
        session.on_progress = partial(show_progress, screen)
    script = Script(session, screen, keep_going=options.keep_going, debug=options.debug)
    return script.run(_lines(options))


def _lines(options: Options) -> Lines:
    from penguin_repl.scripts import lines as source

    if options.command:
        return source.Lines(source.from_options(options.command))
    if options.script in (None, "-"):
        return source.Lines(source.from_descriptor(0, "<stdin>"), 0)
    descriptor = source.open_script(options.script)
    return source.Lines(source.from_descriptor(descriptor, options.script), descriptor)


def _init(options: Options, screen: Screen) -> None:
    """`penguin init`."""
    from pathlib import Path

    from penguin.orchestration.files.workspace import init_workspace
    from penguin_commands.results.text import Message

    written = init_workspace(Path(options.workspace or "."))
    files = [{"path": os.fspath(path), "state": state} for path, state in written]
    lines = [f"{file['state']}: {_from_here(file['path'])}" for file in files]
    hint = 'Try: penguin -c "/task list"'
    screen.data(screen.render(Message("\n".join([*lines, hint]), {"files": files})))


def _from_here(path: str) -> str:
    try:
        return os.path.relpath(path)
    except FileNotFoundError:
        # The folder we are in is gone.
        return path


def _check(session: Session, screen: Screen) -> ExitCode:
    """`penguin check`."""
    from penguin_commands.errors import ExitCode
    from penguin_commands.handlers.maintenance import check

    checked = check(session)
    screen.data(screen.render(checked))
    return ExitCode.FAILED if checked.failed else ExitCode.OK


def _asked(options: Options) -> Sequence[str]:
    """What help is wanted on: with `--help` on the subcommand that stands beside it, if one does."""
    from penguin_repl.cli.spec import SUBCOMMANDS

    if options.script != "help" and any(it.name == options.script for it in SUBCOMMANDS):
        return (options.script or "",)
    return options.words


def _help(words: Sequence[str], screen: Screen) -> None:
    """`penguin help`."""
    from penguin_repl import __version__
    from penguin_repl.cli.help import Manual, SubcommandHelp, manual

    told = manual(words, __version__)
    text = screen.style.format == "text"
    screen.data(told.text() if text and isinstance(told, Manual | SubcommandHelp) else screen.render(told))
