"""The shell: a prompt, commands one after the other, and an engine that works on meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.patch_stdout import patch_stdout

from penguin.orchestration.backend import WorkflowError
from penguin_commands.errors import ExitCode
from penguin_commands.events import EventTeller
from penguin_commands.execute import execute
from penguin_commands.results import Result
from penguin_commands.results.changes import Waited
from penguin_commands.results.output import Logs, Piece
from penguin_commands.results.ui_actions import Chain, PanelSwitch, Quit, Sourced, Viewing
from penguin_repl.completion.completer import CommandCompleter
from penguin_repl.completion.workspace_index import Known
from penguin_repl.live.panel import MENU_LINES, LivePanel
from penguin_repl.live.refresh import Watch
from penguin_repl.live.table import glyphs_of
from penguin_repl.output.present import deliver, show, show_progress
from penguin_repl.render.error import error_data, error_lines, sentence
from penguin_repl.scripts.source_command import run_file
from penguin_repl.shell import exit_dialog as leaving
from penguin_repl.shell.echo import quiet
from penguin_repl.shell.editor import edit
from penguin_repl.shell.external import Outside
from penguin_repl.shell.foreground import Foreground, HungUp, Interrupted
from penguin_repl.shell.gc_tuning import Attention, Unhurried
from penguin_repl.shell.history import open_history
from penguin_repl.shell.key_bindings import line_keys
from penguin_repl.shell.notifications import LogLines, Notices
from penguin_repl.shell.pager import Paging
from penguin_repl.shell.plain_prompt import PlainPrompt
from penguin_repl.shell.prompt_screen import PROMPT, PromptScreen
from penguin_repl.shell.startup import open_engine
from penguin_repl.shell.toolbar import fitting
from penguin_repl.spawn_worker import start_worker
from penguin_repl.text.ascii import as_text
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.results.output import Log
    from penguin_commands.session import Session
    from penguin_repl.cli.options import Options
    from penguin_repl.live.poller import Seen
    from penguin_repl.output.screen import Style
    from penguin_repl.scripts.lines import ScriptLine


def run_shell(session: Session, options: Options) -> ExitCode:
    """Run a shell on the terminal until it is left. Raises WorkflowError where there is no workspace."""
    from penguin_repl.cli.terminal_style import style_of

    session.workspace.root.stat()
    redirected = not (sys.stdout and sys.stdout.isatty())
    # Where standard output goes to a file, the prompt is still for the person at the terminal.
    with create_app_session(output=create_output(always_prefer_tty=True)):
        shell = Shell(session, style_of(options, lambda: session.taste), redirected=redirected, debug=options.debug)
        shell.keep_going = options.keep_going
        asyncio.run(shell.run())
        if shell.hung_up:
            _forget_terminal()
    return ExitCode.OK


def _forget_terminal() -> None:
    """Nobody is there to read what may still be waiting to be written; failing at that would spoil the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Shell:
    """One shell, on the terminal of the current prompt_toolkit session.

    With `debug`, errors that nobody foresaw are told with the place where they happened.
    """

    def __init__(self, session: Session, style: Style, *, redirected: bool = False, debug: bool = False) -> None:
        self._session = session
        self._debug = debug
        self._screen = PromptScreen(style, redirected=redirected)
        self._notices = Notices(session, self._screen)
        self._watch = Watch(session, self._notices.change, self._redraw, lambda: self._panel.room())
        self._panel = LivePanel(lambda: self._watch.seen, glyphs_of(style), on=session.taste.panel and not style.plain)
        self._attention = Attention()
        self._bar: tuple[Seen | None, int, str] = (None, 0, "")
        """The toolbar, and what it was drawn from."""
        self._known = Known(session)
        self._history = open_history(session.workspace)
        self._prompt = self._make_prompt()
        self._thread = threading.get_ident()
        self._opened = False
        self._left = False
        self._keep = False
        """A worker goes on with what runs."""
        self.hung_up = False
        """The terminal is gone."""
        self.keep_going = False
        """Whether a file that is sourced is run to its end, whatever its lines come to."""
        session.at_prompt = not style.plain
        session.narrate = self._narrate
        session.listener = self._on_change
        session.on_progress = partial(show_progress, self._screen)
        if style.format == "jsonl":
            session.teller = EventTeller(session, lambda happened: self._screen.data(self._screen.render(happened)))

    def _make_prompt(self) -> PromptSession[str]:
        lines: dict[str, Any] = {
            "history": self._history,
            "completer": Unhurried(CommandCompleter(self._known)),
            "key_bindings": line_keys(lambda: self._screen.narrate("Ctrl-D or /quit leaves")),
            "interrupt_exception": Interrupted,
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
        )
        self._panel.put_above(prompt)
        prompt.app.key_processor.before_key_press += lambda _: self._attention.key()
        return prompt

    def _toolbar(self) -> str:
        # It is drawn with every key, and says the same most of the time.
        seen, columns = self._watch.seen, self._screen.columns
        if self._bar[0] is not seen or self._bar[1] != columns:
            line = fitting(seen.counts, seen.active, columns)
            self._bar = (seen, columns, as_text(line) if self._screen.style.ascii else line)
        return self._bar[2]

    def _on_change(self, info: WorkflowInfo) -> None:
        self._notices.change(info)
        self._watch.soon()

    def _narrate(self, text: str) -> None:
        """Tell it; what reads does so from a thread of its own."""
        if threading.get_ident() == self._thread:
            self._notices.trouble(text)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notices.trouble, text)

    def _redraw(self) -> None:
        self._prompt.app.invalidate()

    async def run(self) -> None:
        """Until it is left."""
        loop = self._loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._broken)
        self._foreground = Foreground()
        # What others print goes above the prompt; that takes escape sequences.
        strays = nullcontext() if self._screen.style.plain else patch_stdout(raw=True)
        with self._foreground, self._attention, quiet(self._prompt.input) as loud, strays, self._log_lines():
            self._outside = Outside(self._foreground, loud)
            # The prompt first: the engine takes longer to load than the prompt to be drawn.
            self._opening = loop.create_task(self._open())
            loop.call_soon(self._watch.look)
            try:
                while not self._left:
                    await self._next()
            except HungUp:
                self._left = self.hung_up = True
                # Nothing stops because a window did. Who asked for the end asked for no new process.
                self._keep = not self._foreground.told_to_end and bool(leaving.running(self._session))
            finally:
                await asyncio.wait({self._opening})
                self._watch.stop()
                await self._session.aclose()
                self._known.close()
                self._notices.close()
                if self._keep:
                    self._hand_over()

    def _hand_over(self) -> None:
        """Let a worker take up what this shell leaves; only now, when this engine counts as dead."""
        log = start_worker(self._session.workspace, self._session.backend_name)
        if not self.hung_up:
            self._screen.narrate(f"a worker goes on in the background; it writes to {log}")

    # --- the engine ---

    async def _open(self) -> None:
        try:
            told = await open_engine(self._session)
            self._opened = True
            self._attention.loaded()
            if told:
                self._screen.narrate(told)
        except Exception as error:
            self._tell(error)

    async def _ready(self) -> None:
        """The engine is open, or can't be opened yet: what prevents it may have been mended."""
        await asyncio.wait({self._opening})
        if not self._opened:
            try:
                if self._session.backend.works_here:
                    await self._session.backend.run_engine()
                self._opened = True
            except (WorkflowError, OSError):
                # It was told at the start, and whatever needs the engine will tell it again.
                return

    # --- lines ---

    async def _next(self) -> None:
        """Read once, and do what is asked for."""
        try:
            text = await self._foreground.run(self._read(), interruptible=False)
        except Interrupted:
            return
        except EOFError:
            await self._leave()
            return
        except OSError:
            raise HungUp from None
        # Several lines may have been pasted.
        for line in text.splitlines():
            if not self._left:
                await self._run_line(line)

    async def _read(self) -> str:
        return await self._prompt.prompt_async(set_exception_handler=False)

    async def _run_line(self, line: str) -> None:
        try:
            result = await self._foreground.run(self._execute(line))
        except HungUp:
            raise
        except Interrupted:
            self._screen.narrate("stopped; what runs goes on")
        except Exception as error:
            self._tell(error)
        else:
            if isinstance(result, Quit):
                await self._leave()

    async def _execute(self, line: str) -> Result | None:
        await self._ready()
        # Only who types a line has an editor and pages; the lines of a file have neither.
        self._session.edit = self._edit
        try:
            result = await execute(self._session, line)
        finally:
            self._session.edit = None
        if isinstance(result, Sourced):
            return await run_file(result.file, self._execute_line, self._tell, keep_going=self.keep_going)
        if result is not None:
            await self._show_pages(result)
        return result

    async def _edit(self, text: str) -> str:
        with self._screen.taken():
            return await edit(self._outside, text)

    async def _show_pages(self, result: Result) -> None:
        """Show a result; page by page where it is long, and all of it is there."""
        if isinstance(result, Chain | Viewing) or (isinstance(result, Logs) and result.pieces):
            await self._show(result)
        else:
            async with Paging(self._screen, self._outside, self._session.taste.pager).paged():
                await self._show(result)

    async def _execute_line(self, line: ScriptLine) -> Result | None:
        """Do what a line of a file asks for."""
        result = await execute(self._session, line.text, comments=line.comments)
        if result is not None and not isinstance(result, Sourced):
            await self._show(result)
        return result

    async def _show(self, result: Result) -> None:
        if isinstance(result, PanelSwitch | Viewing):
            await self._show_live(result)
            if self._screen.style.format == "text":
                return
        if isinstance(result, Chain) and self._screen.style.format == "text":
            show(self._screen, result.first)
            await self._show(await result.then())
        elif not self._is_told(result):
            # Programs get the end of each output alone.
            await deliver(self._screen, _paced(result) if self._screen.style.format == "text" else result)

    async def _show_live(self, result: PanelSwitch | Viewing) -> None:
        """What is no text: something that goes on."""
        if isinstance(result, PanelSwitch):
            self._panel.on = not self._panel.on if result.on is None else result.on
            self._watch.look()
            return
        from penguin_repl.live.view import View

        style = self._screen.style
        with self._screen.taken():
            await View(self._session, result.workflow_id, glyphs_of(style), color=style.color).run()

    def _is_told(self, result: Result) -> bool:
        """Whether notices said all of it already."""
        text = self._screen.style.format == "text"
        return text and isinstance(result, Waited) and all(map(self._notices.has_told, result.workflows))

    # --- leaving ---

    async def _leave(self) -> None:
        """Leave, unless something runs and the answer is to stay."""
        running = leaving.running(self._session)
        if running:
            self._screen.narrate(f"{leaving.counted(running, 'runs', 'run')}: {leaving.described(running)}")
            self._screen.narrate(leaving.EXPLANATION)
            answer = await self._foreground.run(leaving.ask(self._screen), interruptible=False)
            if answer is leaving.Answer.STAY:
                return
            if answer is leaving.Answer.CANCEL and not await self._cancel(running):
                return
            self._keep = answer is leaving.Answer.KEEP
        self._left = True

    async def _cancel(self, running: list[WorkflowInfo]) -> bool:
        try:
            await self._foreground.run(leaving.cancel_all(self._session, running))
        except Interrupted:
            self._screen.narrate("still being cancelled")
            return False
        except WorkflowError as error:
            self._tell(error)
            return False
        return True

    # --- errors ---

    def _tell(self, error: BaseException, line: ScriptLine | None = None) -> None:
        """An error: what, in which line of a file, and what to type next."""
        if self._debug and not isinstance(error, WorkflowError):
            self._screen.narrate("".join(traceback.format_exception(error)).rstrip())
        if self._screen.style.format != "text":
            from penguin_repl.render.json_output import document

            self._screen.data(document(error_data(error, line.place if line else "")))
            return
        place, sourced_at = (line.place, line.sourced_at) if line else ("", ())
        self._screen.narrate("\n".join(error_lines(error, self._screen.columns, place, sourced_at)))

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something broke in the background."""
        error = context.get("exception")
        if error is None:
            self._screen.narrate(clean(context["message"]))
        elif self._debug:
            self._tell(error)
        else:
            self._screen.narrate(f"{clean(context['message'])}: {sentence(error)}")

    @contextmanager
    def _log_lines(self) -> Iterator[None]:
        handler = LogLines(self._screen, asyncio.get_running_loop(), debug=self._debug)
        logger = logging.getLogger()
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


def _paced(result: Result) -> Result:
    """Logs piece by piece: however long they are, the engine gets its turn, and Ctrl-C its effect."""
    if isinstance(result, Logs) and not result.pieces:
        return result._replace(pieces=lambda: _pieces(result.logs))
    return result


async def _pieces(logs: tuple[Log, ...]) -> AsyncIterator[Piece]:
    from penguin_repl.output.log_printer import pieces

    for log in logs:
        yield Piece(log, b"")
        for output in pieces(log):
            yield Piece(log, output)
            await asyncio.sleep(0)
