"""Scripts: lines one after the other, until the end or the first error, and waiting for what they started."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError, WorkflowStatus
from penguin_commands.errors import ExitCode, exit_code
from penguin_commands.execute import begin
from penguin_commands.grammar.parse import parse
from penguin_commands.results import failed, is_plain
from penguin_repl.output.present import deliver, show

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.execute import Pending
    from penguin_commands.results import Result
    from penguin_commands.session import Session
    from penguin_repl.output.screen import Screen
    from penguin_repl.scripts.lines import Lines, ScriptLine

INDENT = "    "


class Script:
    """One run of a script.

    With `debug`, errors that nobody foresaw are raised instead of told.
    """

    def __init__(self, session: Session, screen: Screen, *, keep_going: bool = False, debug: bool = False) -> None:
        self.session = session
        self.screen = screen
        self.keep_going = keep_going
        self.debug = debug
        self.code = ExitCode.OK
        self._over = False

    def run(self, lines: Lines) -> ExitCode:
        """Run all lines; the exit code. Without a command that needs the backend there is no event loop.

        Raises BrokenPipeError where nobody reads the results any more, and nothing was started.
        """
        self._lines = lines
        try:
            self._run(lines)
        except BrokenPipeError:
            if not self.session.touched:
                raise
            self.screen.narrate("nobody reads the results any more")
            self._tell_left()
            self.code = self.code or ExitCode.FAILED
        finally:
            self.session.close()
        if self.session.detach and self.session.touched and not self.session.engine_alive():
            self.screen.narrate("no engine is alive here: what was started waits for one; type: penguin worker")
        return self.code

    def _run(self, lines: Lines) -> None:
        for line in lines:
            begun = self._begin(line)
            if begun is not None:
                import asyncio

                from penguin_repl.output.log_handler import narrate_complaints

                narrate_complaints(self.screen, debug=self.debug)
                asyncio.run(self._go_on(line, begun, lines))
                return
            if self._over:
                return

    async def _go_on(self, line: ScriptLine, begun: Pending | None, lines: Lines) -> None:
        """Finish this line, run those after it, and wait for what they started."""
        import asyncio

        from penguin_repl.scripts.lines import LaterLines

        later = LaterLines(lines, asyncio.get_running_loop())
        following: ScriptLine | None = line
        try:
            while following is not None:
                if begun is not None:
                    await self._finish(following, begun)
                if self._over:
                    break
                following = await later.next()
                begun = self._begin(following) if following else None
            await self._settle()
        finally:
            later.close()
            await self.session.aclose()

    def _begin(self, line: ScriptLine) -> Pending | None:
        """Do what a line asks for; a coroutine where that takes an event loop."""
        try:
            if line.error:
                raise line.error
            invocation = parse(line.text, comments=line.comments)
            if invocation is None:
                return None
            begun = begin(self.session, invocation)
            return begun if isinstance(begun, Coroutine) else self._take(begun)
        except (BrokenPipeError, KeyboardInterrupt):
            raise
        except Exception as error:
            self._fail(line, error)
        return None

    def _take(self, result: Result) -> Pending | None:
        """Show a result that is there; a coroutine where more of it is to come."""
        if is_plain(result):
            show(self.screen, result)
        else:
            from penguin_commands.results.output import Logs
            from penguin_commands.results.ui_actions import Sourced

            if isinstance(result, Logs) and result.pieces:
                return _itself(result)
            if not isinstance(result, Sourced):
                show(self.screen, result)
        self._note(result)
        return None

    async def _finish(self, line: ScriptLine, begun: Pending) -> None:
        try:
            result = await begun
            await deliver(self.screen, result)
            self._note(result)
        except BrokenPipeError:
            raise
        except Exception as error:
            self._fail(line, error)

    def _note(self, result: Result) -> None:
        """What a result means for the script: it is over, or was no success although nothing broke."""
        if not is_plain(result):
            from penguin_commands.results.ui_actions import Quit, Sourced

            self._over = isinstance(result, Quit)
            if isinstance(result, Sourced):
                self._lines.source(result.file)
        if failed(result):
            self.code = self.code or ExitCode.FAILED
            self._over = not self.keep_going

    def _fail(self, line: ScriptLine, error: Exception) -> None:
        """Tell an error, and stop unless told to keep going."""
        if self.debug and not isinstance(error, WorkflowError):
            raise error
        tell(self.screen, error, line)
        self.code = self.code or exit_code(error)
        self._over = not self.keep_going

    async def _settle(self) -> None:
        """At the end of the script: wait for what was started, resumed or retried."""
        if self.session.detach or not (touched := [info.workflow_id for info in self._touched()]):
            return
        if self.code and not self.keep_going:
            self._tell_left()
        else:
            from penguin_commands.handlers.workflow_wait import wait_watched

            await wait_watched(self.session, touched)
            self._tell_end(self._newest())

    def _tell_end(self, workflows: list[WorkflowInfo]) -> None:
        """What became of all: lines where events were told, else only who did not get through."""
        missed = [info for info in workflows if info.status is not WorkflowStatus.COMPLETED]
        if self.session.teller:
            from penguin_commands.results.changes import Waited

            show(self.screen, Waited(tuple(workflows)))
        if missed:
            from penguin_commands.handlers.workflow_wait import not_reached
            from penguin_repl.render.error import sentence

            self.screen.narrate(sentence(not_reached(self.session, missed, WorkflowStatus.COMPLETED)))
            self.code = self.code or ExitCode.NOT_COMPLETED

    def _tell_left(self) -> None:
        going = [info.workflow_id for info in self._touched() if info.status.moving]
        if going:
            self.screen.narrate(f"left for the next engine: {', '.join(going)}")

    def _touched(self) -> list[WorkflowInfo]:
        """What was started, resumed or retried, as it stands; what was pruned meanwhile is settled, and gone."""
        infos = (self.session.reader.info(one) for one in self.session.touched)
        return [info for info in infos if info is not None]

    def _newest(self) -> list[WorkflowInfo]:
        """The newest workflow of each task that was touched."""
        found = {}
        for info in self._touched():
            newest = self.session.reader.list(project_id=info.project_id, task_id=info.task_id, limit=1)
            for one in newest:
                found[one.workflow_id] = one
        return list(found.values())


async def _itself(result: Result) -> Result:
    return result


def tell(screen: Screen, error: BaseException, line: ScriptLine) -> None:
    """Show an error: to people, and as a document where documents are wanted."""
    from penguin_repl.render.error import error_data, marked, sentence

    screen.narrate("\n".join([f"{line.place}: {sentence(error)}", *(f"  sourced at {it}" for it in line.sourced_at)]))
    if screen.style.format == "text":
        indented = marked(error, screen.width - len(INDENT))
        if indented:
            screen.narrate("\n".join(INDENT + part for part in indented.split("\n")))
        return
    from penguin_repl.render.json_output import document

    screen.data(document(error_data(error, line.place)))
