"""Running the lines of a file inside a shell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penguin_commands.results import Result, has_failed
from penguin_commands.results.ui_actions import QuitAction, SourceAction
from penguin_repl.scripts.lines import AsyncScriptLines, ScriptLines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from penguin_repl.scripts.lines import ScriptLine


async def run_file(
    path: str,
    run: Callable[[ScriptLine], Awaitable[Result | None]],
    tell: Callable[[BaseException, ScriptLine], None],
    *,
    keep_going: bool,
) -> Result | None:
    """Run the lines of a file, and of those that it sources, until the end, the first error, or the wish to leave.

    `tell` is told of every error and its line; with `keep_going` what follows an error is run too.
    """
    lines = ScriptLines(iter(()))
    lines.source(path)
    # A thread of its own reads them: what comes through a pipe may take its time.
    later = AsyncScriptLines(lines, asyncio.get_running_loop())
    try:
        while (line := await later.next()) is not None:
            try:
                result = await _run_line(line, run)
            except Exception as error:
                tell(error, line)
                ended = True
            else:
                if isinstance(result, QuitAction):
                    return result
                if isinstance(result, SourceAction):
                    lines.source(result.file)
                ended = result is not None and has_failed(result)
            if ended and not keep_going:
                return None
        return None
    finally:
        later.close()


async def _run_line(line: ScriptLine, run: Callable[[ScriptLine], Awaitable[Result | None]]) -> Result | None:
    if line.error:
        raise line.error
    return await run(line)
