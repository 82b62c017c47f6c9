"""The reader of workflows on a server, with the interface of the native backend's, without event loop and worker.

Every query opens the cache, and opening it updates it, so no method returns stale data. Events are the exception: they
are requested for one workflow from a worker.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError, WorkflowInfo
from penguin.orchestration.store.database_file import sql_list
from penguin.orchestration.store.explain import NO_ENGINE, START_ENGINE
from penguin.orchestration.store.queries import Rows, WorkflowReader
from penguin.orchestration.temporal.local_cache import workspace_cache
from penguin.orchestration.temporal.sync_client import SyncClient
from penguin.orchestration.workflow_status import MOVING

if TYPE_CHECKING:
    import sqlite3

    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin.orchestration.temporal.client.client import TemporalClient
    from penguin.orchestration.temporal.messages import WorktreeOwner

COME_BACK = "penguin worker there, or workspace.remote in penguin.yaml for the next time"
_WAITING = f"SELECT project_id, blueprint_id FROM run WHERE workflow_id = ? AND status IN ({sql_list(MOVING)})"
FRESH = 0.2
"""Seconds for which an answer of the server is fresh: one command makes several queries."""


class TemporalReader(WorkflowReader):
    """The reader of a workspace; see WorkflowReader.

    Methods raise BackendUnavailable if the server is out of reach, and NoWorker if they need events that no worker can
    send. If the workspace's own development server does not run, nothing changes, and the cache is up to date.
    """

    def __init__(self, workspace: Workspace, settings: Settings, sync_client: SyncClient | None = None) -> None:
        """`sync_client`: the connection that is shared with others; default: one of its own."""
        super().__init__(workspace_cache(workspace, settings))
        self._sync_client = sync_client or SyncClient(workspace, settings)
        self._joined = False
        self._reads_cache = False
        self._synced_at = self._polled_at = -math.inf
        self._polled = False

    def interrupt(self) -> None:
        """See WorkflowReader."""
        if self._joined:
            self._sync_client.interrupt()

    def close(self) -> None:
        """Close the connection to the server and the cache; the next query opens them again."""
        if self._joined:
            self._joined = False
            self._sync_client.close()
        super().close()

    def info(self, workflow_id: str) -> WorkflowInfo | None:
        """See WorkflowReader. Requests only this workflow; a final status never changes."""
        with self._cache_as_it_is():
            known = super().info(workflow_id)
            if known is not None and known.status.final:
                return known
            self._open_client().ask(lambda link: link.visibility.look(workflow_id))
            return super().info(workflow_id)

    def explain(self, workflow_id: str) -> str:
        """See WorkflowReader."""
        said = super().explain(workflow_id)
        if self._works_elsewhere(said):
            said = "; ".join(it for it in said.split("; ") if it != NO_ENGINE)
        return said or self._away(workflow_id)

    def next_command(self, workflow_id: str) -> str:
        """See WorkflowReader."""
        said = super().next_command(workflow_id)
        if said == START_ENGINE and self._is_polled():
            said = ""
        return said or (COME_BACK if self._away(workflow_id) else "")

    def current_attempt(self, workflow_id: str) -> CurrentAttempt | None:
        """See WorkflowReader. If no worker can send its events, only the number is known."""
        if self._is_polled():
            with suppress(WorkflowError):
                self._fetch(workflow_id)
        return super().current_attempt(workflow_id)

    def attended(self) -> bool:
        """Return whether a worker of this project runs, here or elsewhere."""
        return self._is_polled()

    # --- the updated cache ---

    def _open(self) -> sqlite3.Connection | None:
        if not self._reads_cache:
            self._sync()
        return super()._open()

    def _events(self, workflow_id: str, after: int = 0) -> Rows:
        self._fetch(workflow_id)
        with self._cache_as_it_is():
            return super()._events(workflow_id, after)

    @contextmanager
    def _cache_as_it_is(self) -> Iterator[None]:
        """Disable updates within this context: the server was asked about the one workflow of the queries."""
        before, self._reads_cache = self._reads_cache, True
        try:
            yield
        finally:
            self._reads_cache = before

    # --- the server ---

    def _open_client(self) -> SyncClient:
        if not self._joined:
            self._sync_client.join()
            self._joined = True
        return self._sync_client

    def _sync(self) -> None:
        if time.monotonic() - self._synced_at > FRESH:
            self._open_client().ask(lambda link: link.visibility.sync())
            self._synced_at = time.monotonic()

    def _fetch(self, workflow_id: str) -> None:
        async def fetch(link: TemporalClient) -> None:
            await link.visibility.look(workflow_id)
            await link.fetch_events(workflow_id)

        self._open_client().ask_workflow(fetch)

    def _away(self, workflow_id: str) -> str:
        """Return that the owner of the files has no worker, if an active workflow waits for that."""
        task = self._rows(_WAITING, (workflow_id,))
        if not task:
            return ""
        project_id, blueprint_id = task[0]

        async def look(link: TemporalClient) -> WorktreeOwner | None:
            from penguin.orchestration.temporal.worker.ownership import home_of

            return await home_of(link.connection, link.task_queue, project_id, blueprint_id)

        home = self._open_client().ask(look)
        if home is None or home.site is None or not home.vacant:
            return ""
        return f"waits for {home.site.host}, which holds the files of {blueprint_id or project_id} and has no worker"

    def _works_elsewhere(self, said: str) -> bool:
        return NO_ENGINE in said and self._is_polled()

    def _is_polled(self) -> bool:
        if time.monotonic() - self._polled_at > FRESH:
            self._polled = bool(self._open_client().ask(lambda link: link.polled()))
            self._polled_at = time.monotonic()
        return self._polled
