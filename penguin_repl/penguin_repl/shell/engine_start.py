"""The start of a shell's engine, and the workflows that it continues."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from penguin.orchestration.store.explain import START_ENGINE
from penguin.orchestration.workflow_status import MOVING
from penguin_repl.shell.exit_dialog import count_workflows, describe_workflows

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.queries import WorkflowReader
    from penguin_commands.session import Session

LIMIT = 500
"""The maximum number of workflows to read."""
EMPTY_STORE_HINT = "No workflows yet. /task list shows the tasks, /help the commands; Ctrl-D quits."

DRAWING = ("penguin_repl.terminal.draw", "penguin_repl.terminal.renderables")
NO_WORKER = "No worker is running: started workflows wait for one; type: penguin worker"


async def open_engine(session: Session) -> str:
    """Open the backend and take over workflows without an engine; return a notice. Raises WorkflowError."""
    # In a thread, so that the prompt handles keys meanwhile.
    package = "temporal" if session.uses_temporal else "native"
    for module in (f"penguin.orchestration.{package}.backend", *DRAWING):
        await asyncio.to_thread(import_module, module)
    await session.report_other_backend()
    found = await session.run_in_reader_thread(lambda: orphaned_workflows(session.reader))
    if not session.backend.works_here:
        return "" if await session.run_in_reader_thread(session.engine_alive) else NO_WORKER
    await session.backend.run_engine()
    if found:
        return f"{count_workflows(found, 'continues', 'continue')}: {describe_workflows(found)}"
    return "" if await session.run_in_reader_thread(lambda: session.reader.list(limit=1)) else EMPTY_STORE_HINT


def orphaned_workflows(reader: WorkflowReader) -> list[WorkflowInfo]:
    """Return the workflows that continue as soon as an engine runs."""
    infos = reader.list(statuses=MOVING, limit=LIMIT)
    return [info for info in infos if reader.next_command(info.workflow_id) == START_ENGINE]
