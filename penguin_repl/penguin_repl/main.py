"""The command line: `penguin`, alone a shell, with a script or `-c` a program among others."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.errors import ExitCode
    from penguin_commands.results import Waiting
    from penguin_commands.session import Session
    from penguin_repl.options import Options
    from penguin_repl.screen import Screen
    from penguin_repl.source import Lines

HELP = """\
Penguin takes software tasks through four gates: Implement, Test, Use, Verify. It runs them in the background,
survives being killed, and lets no gate pass on anyone's word.

Usage: penguin [OPTIONS]                a shell; with input from a pipe, a script
       penguin [OPTIONS] SCRIPT         one command a line, # comments, quotes as in a shell; - is standard input
       penguin [OPTIONS] -c COMMAND     one command; may be repeated
       penguin [OPTIONS] init           write a starting penguin.yaml and an example blueprint; overwrites nothing
       penguin [OPTIONS] worker         an engine without a terminal: goes on with whatever no living engine has
       penguin [OPTIONS] check          whether the database agrees with its own history; exit 1 where it does not

Options:
  -c COMMAND             run this command, as a script of one line
  --workspace FOLDER     the folder that holds penguin.yaml; else the nearest one from here upwards
  --backend NAME         the backend to use, over penguin.yaml and the environment
  -o text|json|jsonl     what results look like: text; one JSON document per command; one per row of a list
  --color auto|always|never
  --keep-going           in scripts: go on after an error; the exit code is the first error's
  --detach               in scripts: leave what is started to another engine, and wait for nothing
  --grace SECONDS        worker: told to stop, give its steps so long to end, then end them; else they are left
                         running for the next engine
  --until-settled        worker: end when nothing is left that moves by itself
  --metrics IP:PORT      shell and worker: serve metrics for Prometheus at http://IP:PORT/metrics
  --max-parallel N       worker: attempts at once in this working tree
  --address HOST:PORT    worker: the Temporal server, over penguin.yaml and the environment
  --namespace NAME       worker: the namespace there
  --task-queue NAME      worker: the task queue there
  --debug                show tracebacks of unexpected errors
  --version              show the version
  --help                 show this

Commands:
{commands}

Examples:
  penguin init
  penguin -c "/task ready"
  penguin -c "/workflow start hello-script"          waits until it is over
  printf '/workflow start hello-script\\n/workflow list\\n' | penguin -o json

Results go to standard output, everything else to standard error. At its end a script waits until all that it
started, resumed or retried is settled.

Exit codes: 0 fine, 1 a command failed, 2 usage, 3 backend out of reach, 4 waiting timed out,
5 a workflow did not complete, 130 interrupted.
"""


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
        # Whoever read it has gone.
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _main(raw: list[str]) -> int:
    if raw == ["--version"]:
        # What scripts ask most often costs no parser.
        return _version()
    from penguin_commands.errors import ExitCode, exit_code
    from penguin_repl.options import read_options

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
        from penguin_repl.render.error import sentence

        sys.stderr.write(f"penguin: {sentence(error)}\n")
        return exit_code(error)


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
    from penguin_commands.taste import Taste
    from penguin_repl.manner import style_of
    from penguin_repl.screen import Screen

    if options.version:
        return _version()
    screen = Screen(style_of(options, Taste))
    if options.help:
        screen.data(_help())
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
    if options.script is None and not options.command and os.isatty(0):
        from penguin_repl.shell import run_shell

        code: int = run_shell(session, options)
        return code
    return _run_script(options, session, screen)


def _refuse_server_options() -> None:
    from penguin_commands.errors import UsageError

    raise UsageError(
        "--address, --namespace and --task-queue are for the Temporal backend", "penguin --backend temporal worker …"
    )


def _session(options: Options, screen: Screen) -> Session:
    from pathlib import Path

    from penguin_commands.errors import UsageError
    from penguin_commands.session import Session
    from penguin_repl.options import worker_settings

    folder = Path(options.workspace) if options.workspace else None
    if folder and not folder.is_dir():
        raise UsageError(f"--workspace: there is no folder {options.workspace!r}")

    def tell(info: WorkflowInfo) -> None:
        from penguin_repl.render.text import brief

        screen.narrate(brief(info))

    session = Session(
        folder,
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
    from penguin_repl.script import Script

    if sys.stderr.isatty():
        session.on_progress = lambda waiting: _show_progress(screen, waiting)
    script = Script(session, screen, keep_going=options.keep_going, debug=options.debug)
    return script.run(_lines(options))


def _show_progress(screen: Screen, waiting: Waiting | None) -> None:
    from penguin_repl.render.waiting import progress_line

    screen.progress(progress_line(waiting, screen.columns) if waiting else "")


def _lines(options: Options) -> Lines:
    from penguin_repl import source

    if options.command:
        return source.Lines(source.from_options(options.command))
    if options.script in (None, "-"):
        return source.Lines(source.from_descriptor(0, "<stdin>"), 0)
    descriptor = source.open_script(options.script)
    return source.Lines(source.from_descriptor(descriptor, options.script), descriptor)


def _init(options: Options, screen: Screen) -> None:
    """`penguin init`."""
    from pathlib import Path

    from penguin.orchestration.workspace import init_workspace
    from penguin_commands.results import Message

    written = init_workspace(Path(options.workspace or "."))
    files = [{"path": os.fspath(path), "state": state} for path, state in written]
    lines = [f"{file['state']}: {os.path.relpath(file['path'])}" for file in files]
    hint = 'Try: penguin -c "/task list"'
    screen.data(screen.render(Message("\n".join([*lines, hint]), {"files": files})))


def _check(session: Session, screen: Screen) -> ExitCode:
    """`penguin check`."""
    from penguin_commands.errors import ExitCode
    from penguin_commands.upkeep import check

    checked = check(session)
    screen.data(screen.render(checked))
    return ExitCode.FAILED if checked.failed else ExitCode.OK


def _help() -> str:
    from penguin_commands.table import COMMANDS

    width = max(len(command.name) for command in COMMANDS)
    lines = (f"  {command.name:{width}}  {command.help}" for command in COMMANDS)
    return HELP.replace("{commands}", "\n".join(lines))
