"""The shell: a prompt, one command at a time, and an engine that runs meanwhile.

What the first prompt does not need is imported by the function that uses it, so that the prompt appears sooner.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style as PromptStyle

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.errors import ExitCode
from penguin_commands.execute import execute
from penguin_commands.results import Result
from penguin_commands.results.ui_actions import QuitAction, SourceAction
from penguin_repl.completion.completer import CommandCompleter
from penguin_repl.completion.workspace_index import WorkspaceIndex
from penguin_repl.live.drawing import LiveDrawer
from penguin_repl.live.panel import MENU_LINES, LivePanel
from penguin_repl.live.reflow import PromptEraser, rearranges_lines
from penguin_repl.live.refresh import WorkflowRefresher
from penguin_repl.live.toolbar import NO_WORKFLOWS, toolbar_line
from penguin_repl.output.print_result import show_progress
from penguin_repl.render.error import error_data, error_lines, error_text
from penguin_repl.shell import exit_dialog as leaving
from penguin_repl.shell.external_programs import ExternalProgramRunner
from penguin_repl.shell.foreground import CommandInterrupted, ForegroundRunner, TerminalClosed, discard_output
from penguin_repl.shell.gc_tuning import DelayedCompleter, GcTuning
from penguin_repl.shell.history import open_history
from penguin_repl.shell.key_bindings import line_key_bindings
from penguin_repl.shell.notices import ShellLogHandler, WorkflowNotifications
from penguin_repl.shell.plain_prompt import PlainPrompt
from penguin_repl.shell.prompt_screen import PROMPT, PromptScreen
from penguin_repl.shell.typeahead import echo_off
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import AnyFormattedText

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.question import Question
    from penguin_commands.session import Session
    from penguin_repl.cli.options import Options
    from penguin_repl.live.poller import PollResult
    from penguin_repl.output.screen import Style
    from penguin_repl.scripts.lines import ScriptLine


BARE_WORDS = {"help": "/help", "?": "/help", "exit": "/quit", "quit": "/quit"}
"""The commands that need no slash at the prompt, since people try them first."""


def run_shell(session: Session, options: Options) -> ExitCode:
    """Run a shell on the terminal until the user quits. Raises WorkflowError if there is no workspace."""
    from penguin_repl.cli.terminal_style import choose_style

    session.workspace.root.stat()
    redirected = not (sys.stdout and sys.stdout.isatty())
    # If standard output goes to a file, the prompt is still for the user at the terminal.
    with create_app_session(output=create_output(always_prefer_tty=True)):
        shell = Shell(
            session, choose_style(options, lambda: session.preferences), redirected=redirected, debug=options.debug
        )
        shell.keep_going = options.keep_going
        asyncio.run(shell.run())
        if shell.hung_up:
            discard_output()
    return ExitCode.OK


def _add_slash(line: str) -> str:
    """Return a typed line with the slash that one of BARE_WORDS may lack."""
    word, blank, rest = line.strip().partition(" ")
    return f"{BARE_WORDS[word]}{blank}{rest}" if word in BARE_WORDS else line


class Shell:
    """One shell, on the terminal of the current prompt_toolkit session.

    With `debug`, unexpected errors are shown with their traceback.
    """

    def __init__(self, session: Session, style: Style, *, redirected: bool = False, debug: bool = False) -> None:
        self._session = session
        self._debug = debug
        self._screen = PromptScreen(style, redirected=redirected)
        self._notifications = WorkflowNotifications(session, self._screen)
        self._refresher = WorkflowRefresher(
            session, self._notifications.on_change, self._redraw, lambda: self._panel.row_capacity()
        )
        self._panel = LivePanel(lambda: self._refresher.latest, style, on=session.preferences.panel and not style.plain)
        self._gc_tuning = GcTuning()
        self._toolbar_drawer = LiveDrawer(style)
        self._toolbar_cache: tuple[PollResult | None, int, AnyFormattedText] = (None, 0, "")
        """The toolbar, and the state that it was drawn from."""
        self._index = WorkspaceIndex(session)
        self._history = open_history(session.workspace)
        self._prompt = self._make_prompt()
        self._prompt_shown = asyncio.Event()
        self._prompt.app.after_render += lambda _: self._prompt_shown.set()
        self._thread_id = threading.get_ident()
        self._is_engine_open = False
        self._is_quitting = False
        self._hands_over = False
        """A worker continues the running workflows."""
        self.hung_up = False
        """The terminal is gone."""
        self.keep_going = False
        """Whether a sourced file runs to its end despite failed lines."""
        session.at_prompt = not style.plain
        session.narrate = self._narrate
        session.listener = self._on_change
        session.on_progress = partial(show_progress, self._screen)
        if style.format == "jsonl":
            from penguin_commands.wait_events import JsonEventStream

            session.event_stream = JsonEventStream(
                session, lambda happened: self._screen.write_data(self._screen.render(happened))
            )

    def _make_prompt(self) -> PromptSession[str]:
        lines: dict[str, Any] = {
            "history": self._history,
            "completer": DelayedCompleter(CommandCompleter(self._index)),
            "key_bindings": line_key_bindings(lambda: self._screen.narrate("Ctrl-D or /quit quits")),
            "interrupt_exception": CommandInterrupted,
            "enable_suspend": True,
        }
        if self._screen.style.plain:
            return PlainPrompt(self._screen, PROMPT, **lines)
        prompt: PromptSession[str] = PromptSession(
            PROMPT,
            **lines,
            complete_while_typing=True,
            reserve_space_for_menu=MENU_LINES,
            bottom_toolbar=self._toolbar,
            color_depth=None if self._screen.style.color else ColorDepth.DEPTH_1_BIT,
            # The styles of the theme are readable on the background of the terminal only.
            style=PromptStyle.from_dict({"bottom-toolbar": "noreverse"}) if self._screen.style.color else None,
        )
        self._panel.add_to_prompt(prompt)
        if rearranges_lines():
            PromptEraser(prompt.app)
        prompt.app.key_processor.before_key_press += lambda _: self._gc_tuning.on_key()
        return prompt

    def _toolbar(self) -> AnyFormattedText:
        # The toolbar is drawn with every key, and rarely changes.
        poll, columns = self._refresher.latest, self._screen.columns
        if not poll.counts.total:
            # The first prompt is shown before the drawing is loaded.
            return NO_WORKFLOWS
        if self._toolbar_cache[0] is not poll or self._toolbar_cache[1] != columns:
            drawn = self._toolbar_drawer.draw([toolbar_line(poll, columns)], columns)
            self._toolbar_cache = (poll, columns, drawn.text)
        return self._toolbar_cache[2]

    def _on_change(self, info: WorkflowInfo) -> None:
        self._notifications.on_change(info)
        self._refresher.refresh_soon()

    def _narrate(self, text: str) -> None:
        """Show a message. Can be called from the reader thread."""
        if threading.get_ident() == self._thread_id:
            self._notifications.report_trouble(text)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notifications.report_trouble, text)

    def _redraw(self) -> None:
        self._prompt.app.invalidate()

    async def run(self) -> None:
        """Run until the user quits."""
        loop = self._loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_background_error)
        self._foreground = ForegroundRunner()
        # Output of others goes above the prompt, which requires escape sequences.
        strays = nullcontext() if self._screen.style.plain else patch_stdout(raw=True)
        with self._foreground, self._gc_tuning, echo_off(self._prompt.input) as loud, strays, self._logging_to_screen():
            self._programs = ExternalProgramRunner(self._foreground, loud)
            self._open_task = loop.create_task(self._open_engine())
            try:
                while not self._is_quitting:
                    await self._read_and_run()
            except TerminalClosed:
                self._is_quitting = self.hung_up = True
                # A closed window stops no workflow. On SIGTERM, start no new process.
                self._hands_over = not self._foreground.terminated and bool(leaving.running_workflows(self._session))
            finally:
                self._prompt_shown.set()
                await asyncio.wait({self._open_task})
                self._refresher.stop()
                await self._session.aclose()
                self._index.close()
                self._notifications.close()
                if self._hands_over:
                    self._hand_over()

    def _hand_over(self) -> None:
        """Let a worker take over the workflows of this shell, now that its engine counts as dead."""
        from penguin_repl.spawn_worker import start_worker

        log = start_worker(self._session.workspace, self._session.backend_name)
        if not self.hung_up:
            self._screen.narrate(f"a worker continues in the background; its log is {log}")

    # --- the engine ---

    async def _open_engine(self) -> None:
        # Show the prompt first: loading the engine takes longer than drawing the prompt, and a thread delays the other.
        await self._prompt_shown.wait()
        self._refresher.refresh()
        from penguin_repl.shell.engine_start import open_engine
        from penguin_repl.shell.result_display import ResultDisplay

        self._results = ResultDisplay(
            self._session, self._screen, self._programs, self._notifications, self._refresher, self._panel
        )
        try:
            notices = await open_engine(self._session, self._screen.columns)
            self._is_engine_open = True
            self._gc_tuning.freeze_loaded()
            if notices:
                self._screen.narrate_lines(notices)
        except Exception as error:
            self._report_error(error)

    async def _wait_for_engine(self) -> None:
        """Wait for the engine to open. If it failed, try again, since the cause may be fixed."""
        await asyncio.wait({self._open_task})
        if not self._is_engine_open:
            try:
                if self._session.backend.works_here:
                    await self._session.backend.run_engine()
                self._is_engine_open = True
            except (WorkflowError, OSError):
                # The error was shown at the start, and whatever needs the engine reports it again.
                return

    # --- lines ---

    async def _read_and_run(self) -> None:
        """Read one line and run it."""
        try:
            text = await self._foreground.run(self._read_input(), interruptible=False)
        except CommandInterrupted:
            return
        except EOFError:
            await self._quit()
            return
        except OSError:
            raise TerminalClosed from None
        # The input may be several pasted lines.
        for line in split_lines(text):
            if not self._is_quitting:
                await self._run_line(line)

    async def _read_input(self) -> str:
        try:
            return await self._prompt.prompt_async(set_exception_handler=False)
        finally:
            self._prompt_shown.set()

    async def _run_line(self, line: str) -> None:
        try:
            result = await self._foreground.run(self._execute(line))
        except TerminalClosed:
            raise
        except CommandInterrupted:
            self._screen.narrate(
                "interrupted; running workflows continue; wait: /workflow wait ID; cancel: /workflow cancel ID"
            )
        except Exception as error:
            self._report_error(error)
        else:
            if isinstance(result, QuitAction):
                await self._quit()

    async def _execute(self, line: str) -> Result | None:
        await self._wait_for_engine()
        # Only a typed line can ask, and use the editor and the pager. The lines of a file can't.
        self._session.edit, self._session.choose = self._edit, self._choose
        try:
            result = await execute(self._session, _add_slash(line))
        finally:
            self._session.edit = self._session.choose = None
        if isinstance(result, SourceAction):
            from penguin_repl.scripts.source_command import run_file

            return await run_file(result.file, self._execute_line, self._report_error, keep_going=self.keep_going)
        if result is not None:
            await self._results.show_in_pager(result)
        return result

    async def _edit(self, text: str) -> str:
        from penguin_repl.shell.editor import edit_text

        with self._screen.suspended():
            return await edit_text(self._programs, text)

    async def _choose(self, question: Question) -> str:
        from penguin_repl.shell.numbered_choice import ask_question

        with self._foreground.ignoring_interrupts():
            return await ask_question(question, self._screen)

    async def _execute_line(self, line: ScriptLine) -> Result | None:
        """Run one line of a file."""
        result = await execute(self._session, line.text, comments=line.comments)
        if result is not None and not isinstance(result, SourceAction):
            await self._results.show(result)
        return result

    # --- quitting ---

    async def _quit(self) -> None:
        """Quit, unless workflows run and the user chooses to stay."""
        running = leaving.running_workflows(self._session)
        if running:
            names = f"{leaving.count_workflows(running, 'runs', 'run')}: {leaving.describe_workflows(running)}"
            self._screen.narrate_lines([names, leaving.EXPLANATION])
            answer = await self._foreground.run(leaving.ask_quit_choice(self._screen), interruptible=False)
            if answer is leaving.QuitChoice.STAY:
                return
            if answer is leaving.QuitChoice.CANCEL and not await self._cancel(running):
                return
            self._hands_over = answer is leaving.QuitChoice.KEEP
        self._is_quitting = True

    async def _cancel(self, running: list[WorkflowInfo]) -> bool:
        """Cancel workflows if the user confirms it. Return whether to quit."""
        question = leaving.confirm_cancelling(self._screen, len(running))
        if not await self._foreground.run(question, interruptible=False):
            return False
        try:
            await self._foreground.run(leaving.cancel_all(self._session, running))
        except CommandInterrupted:
            self._screen.narrate("still being cancelled")
            return False
        except WorkflowError as error:
            self._report_error(error)
            return False
        return True

    # --- errors ---

    def _report_error(self, error: BaseException, line: ScriptLine | None = None) -> None:
        """Show an error: what, in which line of a file, and what to type next."""
        if self._debug and not isinstance(error, WorkflowError):
            self._screen.narrate("".join(traceback.format_exception(error)).rstrip())
        elif isinstance(error, Exception):
            from penguin_commands.handlers.maintenance import explain_error

            error = explain_error(self._session, error)
        if self._screen.style.format != "text":
            from penguin_repl.render.json_output import json_document

            self._screen.write_data(json_document(error_data(error, line.location if line else "")))
            return
        location, sourced_at = (line.location, line.sourced_at) if line else ("", ())
        lines = error_lines(error, self._screen.columns, location, sourced_at)
        self._screen.narrate_lines(lines)

    def _on_background_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an error of a background task."""
        error = context.get("exception")
        if error is None:
            self._screen.narrate(clean(context["message"]))
        elif self._debug:
            self._report_error(error)
        else:
            self._screen.narrate(f"{clean(context['message'])}: {error_text(error)}")

    @contextmanager
    def _logging_to_screen(self) -> Iterator[None]:
        handler = ShellLogHandler(self._screen, asyncio.get_running_loop(), debug=self._debug)
        logger = logging.getLogger()
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
