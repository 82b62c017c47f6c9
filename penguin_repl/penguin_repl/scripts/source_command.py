"""Running of a file's lines inside a shell."""

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
    """Run the lines of a file, and of those it sources, until the end, the first error, or a command to quit.

    `tell` is called with every error and its line. With `keep_going`, the lines after an error run too.
    """
    lines = ScriptLines(iter(()))
    lines.source(path)
    # A separate thread reads the lines, since a pipe may be slow.
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
