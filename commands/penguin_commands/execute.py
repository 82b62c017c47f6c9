"""From a line to its result."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from penguin_commands.parse import parse

if TYPE_CHECKING:
    from penguin_commands.results import Result
    from penguin_commands.session import Session
    from penguin_commands.spec import Invocation

    Pending = Coroutine[Any, Any, Result]


def begin(session: Session, invocation: Invocation) -> Result | Pending:
    """Do what was asked for: at once for most commands that read, else a coroutine that does it.

    Raises WorkflowError, UsageError among them.
    """
    handler = invocation.command.load()
    return cast("Result | Pending", handler(session, **invocation.values))


async def execute(session: Session, line: str, *, comments: bool = False) -> Result | None:
    """The result of a line; None where it is blank. At a prompt a `#` begins no comment. Raises WorkflowError.

    A result may be a Chain or Logs that are followed: `penguin_repl.deliver.deliver` shows the rest too. Of a file that
    is Sourced nothing was run yet.
    """
    invocation = parse(line, comments=comments)
    if invocation is None:
        return None
    begun = await session.aside(lambda: begin(session, invocation))
    return await begun if isinstance(begun, Coroutine) else begun
