"""Running of scripts: one line after the other until the end or the first error, then a wait for what they started."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError, WorkflowStatus
from penguin_commands.errors import ExitCode, exit_code
from penguin_commands.execute import invoke
from penguin_commands.grammar.parse import parse
from penguin_commands.grammar.tokens import command_line
from penguin_commands.results import has_failed, is_plain
from penguin_repl.output.print_result import show_result, show_whole_result

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.execute import Pending
    from penguin_commands.results import Result
    from penguin_commands.session import Session
    from penguin_repl.output.screen import Screen
    from penguin_repl.scripts.end_signals import EndSignals
    from penguin_repl.scripts.lines import ScriptLine, ScriptLines

INDENT = "    "

USUAL_GC_THRESHOLDS = (700, 10, 10)
"""New objects before a garbage collection, by generation; short commands make none."""


class ScriptInterrupted(KeyboardInterrupt):
    """Ctrl-C interrupted a script. The text says what continues."""


class ScriptRunner:
    """One run of a script.

    With `debug`, unexpected errors are raised instead of reported.
    """

    def __init__(self, session: Session, screen: Screen, *, keep_going: bool = False, debug: bool = False) -> None:
        self.session = session
        self.screen = screen
        self.keep_going = keep_going
        self.debug = debug
        self.code = ExitCode.OK
        self._is_finished = False
        self._end_signals: EndSignals | None = None
        """Once an event loop runs."""

    def run(self, lines: ScriptLines) -> ExitCode:
        """Run all lines and return the exit code. Starts an event loop only for commands that need the backend.

        Raises BrokenPipeError if standard output was closed and nothing was started.
        """
        self._lines = lines
        try:
            self._run(lines)
        except BrokenPipeError:
            if not self.session.tracked:
                raise
            self.screen.narrate("standard output was closed")
            self._report_unfinished()
            self.code = self.code or ExitCode.FAILED
        except KeyboardInterrupt:
            raise ScriptInterrupted(self._continuing()) from None
        except BaseException as error:
            if self._end_signals is None or not (number := self._end_signals.received):
                raise
            from penguin_repl.scripts.end_signals import ScriptEnded

            raise ScriptEnded(number, self._continuing()) from error
        finally:
            self.session.close()
        if self.session.detach and self.session.tracked and not self.session.engine_alive():
            self.screen.narrate("no engine is running: started workflows wait for one; type: penguin worker")
        return self.code

    def _run(self, lines: ScriptLines) -> None:
        for line in lines:
            begun = self._start_line(line)
            if begun is not None:
                import asyncio
                import gc

                from penguin_repl.output.logging_handler import install_log_handler
                from penguin_repl.scripts.end_signals import EndSignals

                install_log_handler(self.screen, debug=self.debug)
                self._end_signals = EndSignals()
                # What waits takes no more memory than it has to.
                gc.set_threshold(*USUAL_GC_THRESHOLDS)
                asyncio.run(self._run_async(line, begun, lines))
                return
            if self._is_finished:
                return

    async def _run_async(self, line: ScriptLine, begun: Pending | None, lines: ScriptLines) -> None:
        """Finish this line, run the lines after it, and wait for what they started."""
        import asyncio

        from penguin_repl.scripts.lines import AsyncScriptLines

        if self._end_signals is not None:
            self._end_signals.watch()
        try:
            later = AsyncScriptLines(lines, asyncio.get_running_loop())
        except RuntimeError:
            # No thread could be started.
            if begun is not None:
                begun.close()
            raise
        following: ScriptLine | None = line
        try:
            while following is not None:
                if begun is not None:
                    await self._finish_line(following, begun)
                if self._is_finished:
                    break
                following = await later.next()
                begun = self._start_line(following) if following else None
            await self._wait_tracked()
        finally:
            later.close()
            await self.session.aclose()

    def _start_line(self, line: ScriptLine) -> Pending | None:
        """Run a line; return a coroutine if it needs an event loop."""
        try:
            if line.error:
                raise line.error
            invocation = parse(line.text, comments=line.comments)
            if invocation is None:
                return None
            begun = invoke(self.session, invocation)
            return begun if isinstance(begun, Coroutine) else self._show_result(begun)
        except (BrokenPipeError, KeyboardInterrupt):
            raise
        except Exception as error:
            self._handle_error(line, error)
        return None

    def _show_result(self, result: Result) -> Pending | None:
        """Show a complete result; return a coroutine if more of it is to come."""
        if is_plain(result):
            show_result(self.screen, result)
        else:
            from penguin_commands.results.output import LogsResult
            from penguin_commands.results.ui_actions import SourceAction

            if isinstance(result, LogsResult) and result.chunks:
                return _as_coroutine(result)
            if not isinstance(result, SourceAction):
                show_result(self.screen, result)
        self._apply_result(result)
        return None

    async def _finish_line(self, line: ScriptLine, begun: Pending) -> None:
        try:
            result = await begun
            await show_whole_result(self.screen, result)
            self._apply_result(result)
        except BrokenPipeError:
            raise
        except Exception as error:
            self._handle_error(line, error)

    def _apply_result(self, result: Result) -> None:
        """Apply a result to the script: quit, or set the exit code after a failure."""
        if not is_plain(result):
            from penguin_commands.results.ui_actions import QuitAction, SourceAction

            self._is_finished = isinstance(result, QuitAction)
            if isinstance(result, SourceAction):
                self._lines.source(result.file)
        if has_failed(result):
            self.code = self.code or ExitCode.FAILED
            self._is_finished = not self.keep_going

    def _handle_error(self, line: ScriptLine, error: Exception) -> None:
        """Report an error, and stop unless the script keeps going."""
        if self.debug and not isinstance(error, WorkflowError):
            raise error
        if not isinstance(error, WorkflowError):
            from penguin_commands.handlers.maintenance import explain_error

            error = explain_error(self.session, error)
        report_error(self.screen, error, line)
        self.code = self.code or exit_code(error)
        self._is_finished = not self.keep_going

    async def _wait_tracked(self) -> None:
        """Wait, at the end of the script, for the workflows it started, resumed or retried."""
        if self.session.detach or not (touched := [info.workflow_id for info in self._tracked_workflows()]):
            return
        if self.code and not self.keep_going:
            self._report_unfinished()
        else:
            from penguin_commands.handlers.workflow_wait import wait_with_progress

            await wait_with_progress(self.session, touched)
            self._report_outcome(self._newest_of_tracked_tasks())

    def _report_outcome(self, workflows: list[WorkflowInfo]) -> None:
        """Report the outcome of all workflows if events were reported, else only of those not completed."""
        missed = [info for info in workflows if info.status is not WorkflowStatus.COMPLETED]
        if self.session.event_stream:
            from penguin_commands.results.changes import WaitResult

            show_result(self.screen, WaitResult(tuple(workflows)))
        if missed:
            from penguin_commands.handlers.workflow_wait import not_reached_error
            from penguin_repl.render.error import error_text

            self.screen.narrate(error_text(not_reached_error(self.session, missed, WorkflowStatus.COMPLETED)))
            self.code = self.code or ExitCode.NOT_COMPLETED

    def _report_unfinished(self) -> None:
        moving = [info.workflow_id for info in self._tracked_workflows() if info.status.moving]
        if moving:
            self.screen.narrate(f"the next engine continues: {', '.join(moving)}")

    def _continuing(self) -> str:
        """Return what continues after an interrupt, with the commands to wait for it and cancel it; may be empty."""
        session = self.session
        infos = (session.reader.info(one) for one in dict.fromkeys([*session.tracked, *session.awaited]))
        moving = [info for info in infos if info is not None and info.status.moving]
        return "\n".join(_continuing_text(session, info) for info in moving)

    def _tracked_workflows(self) -> list[WorkflowInfo]:
        """Return the workflows that were started, resumed or retried, without those pruned meanwhile."""
        infos = (self.session.reader.info(workflow_id) for workflow_id in self.session.tracked)
        return [info for info in infos if info is not None]

    def _newest_of_tracked_tasks(self) -> list[WorkflowInfo]:
        """Return the newest workflow of each task that the script changed."""
        found: dict[str, WorkflowInfo] = {}
        for info in self._tracked_workflows():
            newest = self.session.reader.list(project_id=info.project_id, task_id=info.task_id, limit=1)
            found.update((newest_info.workflow_id, newest_info) for newest_info in newest)
        return list(found.values())


def _continuing_text(session: Session, info: WorkflowInfo) -> str:
    """Return what happens to a workflow after an interrupt, with the commands to type."""
    from penguin.orchestration.store.explain import START_ENGINE, STEP_RUNS

    workflow_id = info.workflow_id
    alive = session.reader.next_command(workflow_id) != START_ENGINE
    if session.awaited.get(workflow_id) is WorkflowStatus.CANCELLED:
        wait = command_line("workflow", "wait", workflow_id, "--for", "CANCELLED")
        how = f"wait for it: {wait}" if alive else f"{command_line('worker')} completes it"
        return f"the cancellation of {workflow_id} is requested; {how}"
    resume = command_line("workflow", "resume", workflow_id)
    if alive:
        text = f"{workflow_id} continues; wait for it: {command_line('workflow', 'wait', workflow_id)}"
    elif STEP_RUNS in session.reader.explain(workflow_id):
        text = f"{workflow_id} continues until its running step ends; take it over and wait: {resume}"
    else:
        text = f"{workflow_id} waits for an engine; run it here and wait: {resume}"
    return f"{text}\n  or cancel it: {command_line('workflow', 'cancel', workflow_id)}"


async def _as_coroutine(result: Result) -> Result:
    return result


def report_error(screen: Screen, error: BaseException, line: ScriptLine) -> None:
    """Report an error to people, and as a document if documents are requested."""
    from penguin_repl.render import parts
    from penguin_repl.render.error import error_data, error_text, marked_line

    sourced = (f"  sourced at {location}" for location in line.sourced_at)
    place = screen.styled_message(parts.line(parts.Span(f"{line.location or 'penguin'}: ", "error")))
    screen.narrate("\n".join([f"{place}{error_text(error)}", *sourced]))
    if screen.style.format == "text":
        wrong_line, _, marks = marked_line(error, screen.width - len(INDENT)).partition("\n")
        if wrong_line:
            screen.narrate(f"{INDENT}{wrong_line}")
            screen.narrate(screen.styled_message(parts.line(INDENT, parts.Span(marks, "error"))))
        return
    from penguin_repl.render.json_output import json_document

    screen.write_data(json_document(error_data(error, line.location)))
