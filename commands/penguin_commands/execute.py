"""From a line to its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from penguin_commands.grammar.parse import parse

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from penguin_commands.grammar.spec import Invocation
    from penguin_commands.results import Result
    from penguin_commands.session import Session

    Pending = Coroutine[Any, Any, Result]


def begin(session: Session, invocation: Invocation) -> Result | Pending:
    """Do what was asked for: at once for most commands that read, else a coroutine that does it.

    Raises WorkflowError, UsageError among them.
    """
    return invocation.command.load()(session, **invocation.values)


async def execute(session: Session, line: str, *, comments: bool = False) -> Result | None:
    """The result of a line; None where it is blank. At a prompt a `#` begins no comment. Raises WorkflowError.

    A result may be a Chain or Logs that are followed: `penguin_repl.output.present.deliver` shows the rest too. Of a
    file that is Sourced nothing was run yet.
    """
    invocation = parse(line, comments=comments)
    if invocation is None:
        return None
    # Scripts have no use for it, and it takes longer to load than a list to be shown.
    from inspect import iscoroutinefunction

    handler = await session.aside(invocation.command.load)
    if iscoroutinefunction(handler):
        return cast("Result", await handler(session, **invocation.values))
    return cast("Result", await session.aside(lambda: handler(session, **invocation.values)))
