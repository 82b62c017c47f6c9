"""Execution of a line: parsing it and calling the handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from penguin_commands.grammar.parse import parse

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from penguin_commands.grammar.declarations import Invocation
    from penguin_commands.results import Result
    from penguin_commands.session import Session

    Pending = Coroutine[Any, Any, Result]


def invoke(session: Session, invocation: Invocation) -> Result | Pending:
    """Run a parsed command: at once for most commands that read, else return a coroutine that runs it.

    Raises WorkflowError, including UsageError.
    """
    return invocation.command.load_handler()(session, **invocation.values)


async def execute(session: Session, line: str, *, comments: bool = False) -> Result | None:
    """Run a line and return its result; None for a blank line. At a prompt, `#` starts no comment.

    Some results are streams, which `penguin_repl.output.print_result.show_whole_result` shows to their end. A
    SourceAction names a file whose lines have not run yet.

    Raises:
        WorkflowError: the line is wrong, or its command failed.
    """
    invocation = parse(line, comments=comments)
    if invocation is None:
        return None
    # Scripts don't need it, and it takes longer to load than showing a list does.
    from inspect import iscoroutinefunction

    handler = await session.run_in_reader_thread(invocation.command.load_handler)
    if iscoroutinefunction(handler):
        return cast("Result", await handler(session, **invocation.values))
    return cast("Result", await session.run_in_reader_thread(lambda: handler(session, **invocation.values)))
