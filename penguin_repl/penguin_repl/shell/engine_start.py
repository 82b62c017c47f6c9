"""The start of a shell's engine, and the workflows that it continues."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from penguin.orchestration.store.explain import START_ENGINE
from penguin.orchestration.workflow_status import MOVING
from penguin_repl.render.parts import line
from penguin_repl.shell.exit_dialog import count_workflows, describe_workflows
from penguin_repl.shell.greeting import greeting_lines

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.queries import WorkflowReader
    from penguin_commands.session import Session
    from penguin_repl.render.parts import Line

LIMIT = 500
"""The maximum number of workflows to read."""
EMPTY_STORE_HINT = "No workflows yet. /task list shows the tasks, /help the commands; Ctrl-D quits."

DRAWING = ("penguin_repl.terminal.draw", "penguin_repl.terminal.renderables")
NO_WORKER = "No worker is running: started workflows wait for one; type: penguin worker"


async def open_engine(session: Session, columns: int) -> list[Line]:
    """Open the backend and take over workflows without an engine. Raises WorkflowError.

    Returns:
        What to show above the first prompt, for a terminal of this width.
    """
    # In a thread, so that the prompt handles keys meanwhile.
    package = "temporal" if session.uses_temporal else "native"
    for module in (f"penguin.orchestration.{package}.backend", *DRAWING):
        await asyncio.to_thread(import_module, module)
    await session.report_other_backend()
    found = await session.run_in_reader_thread(lambda: orphaned_workflows(session.reader))
    notice = ""
    if not session.backend.works_here:
        notice = "" if await session.run_in_reader_thread(session.engine_alive) else NO_WORKER
    else:
        await session.backend.run_engine()
        if found:
            notice = f"{count_workflows(found, 'continues', 'continue')}: {describe_workflows(found)}"
        elif not await session.run_in_reader_thread(lambda: session.reader.list(limit=1)):
            notice = EMPTY_STORE_HINT
    greeting = await session.run_in_reader_thread(
        lambda: list(greeting_lines(session.reader, columns, names_running=not found))
    )
    return [*([line(notice)] if notice else []), *greeting]


def orphaned_workflows(reader: WorkflowReader) -> list[WorkflowInfo]:
    """Return the workflows that continue as soon as an engine runs."""
    infos = reader.list(statuses=MOVING, limit=LIMIT)
    return [info for info in infos if reader.next_command(info.workflow_id) == START_ENGINE]
