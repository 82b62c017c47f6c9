"""Reading workflows on a server as those of the embedded backend are read: without a loop, without a worker.

Each question brings the mirror up to date first. Only what steps came to, event by event, takes a worker that knows.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from penguin.orchestration.backend import MOVING, WorkflowError, WorkflowInfo, WorkflowStatus
from penguin.orchestration.store.database_file import sql_list
from penguin.orchestration.store.explain import NO_ENGINE, START_ENGINE
from penguin.orchestration.store.queries import History, Infos, Results, WorkflowReader
from penguin.orchestration.temporal.local_cache import mirror_of
from penguin.orchestration.temporal.sync_client import Desk

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.core.usage import Spending
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.store.current_attempt import UnderWay
    from penguin.orchestration.temporal.client.client import Link
    from penguin.orchestration.temporal.messages import Home

COME_BACK = "penguin worker there, or workspace.remote in penguin.yaml for the next time"
_WAITING = f"SELECT project_id, blueprint_id FROM run WHERE workflow_id = ? AND status IN ({sql_list(MOVING)})"
FRESH = 0.2
"""Seconds for which an answer about everything is good enough: one command asks several times."""


class TemporalReader(WorkflowReader):
    """See WorkflowReader. Methods raise BackendUnavailable where the server is out of reach.

    Where the workspace's own development server does not run, nothing moves, and what was last heard is how it is.
    """

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        super().__init__(mirror_of(workspace, settings))
        self._workspace = workspace
        self._settings = settings
        self._desk: Desk | None = None
        self._asked_at = -FRESH
        self._polled_at = -FRESH
        self._polled = False

    def interrupt(self) -> None:
        """See WorkflowReader."""
        if self._desk is not None:
            self._desk.interrupt()

    def close(self) -> None:
        """Let go of the server and the mirror; the next question opens them again."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.close()
        super().close()

    def find(self, ref: str, *, prefix: bool = False) -> str:
        """See WorkflowReader."""
        self._sync()
        return super().find(ref, prefix=prefix)

    def info(self, workflow_id: str) -> WorkflowInfo | None:
        """See WorkflowReader."""
        known = super().info(workflow_id)
        if known is not None and known.status.final:
            return known
        self._at_desk().ask(lambda link: link.visibility.look(workflow_id))
        return super().info(workflow_id)

    def list(
        self,
        *,
        project_id: str | None = None,
        statuses: Collection[WorkflowStatus] = (),
        task_id: str | None = None,
        since: float | None = None,
        sort: str = "newest",
        limit: int = 100,
    ) -> Infos:
        """See WorkflowReader."""
        self._sync()
        return super().list(
            project_id=project_id, statuses=statuses, task_id=task_id, since=since, sort=sort, limit=limit
        )

    def total(
        self,
        *,
        project_id: str | None = None,
        statuses: Collection[WorkflowStatus] = (),
        task_id: str | None = None,
        since: float | None = None,
        sort: str = "newest",
    ) -> tuple[int, Spending]:
        """See WorkflowReader."""
        self._sync()
        return super().total(project_id=project_id, statuses=statuses, task_id=task_id, since=since, sort=sort)

    def history(self, workflow_id: str, *, after: int = 0) -> History:
        """See WorkflowReader. Raises NoWorker where nobody can tell."""
        self._fetch(workflow_id)
        return super().history(workflow_id, after=after)

    def results(self, workflow_id: str) -> Results:
        """See WorkflowReader. Raises NoWorker where nobody can tell."""
        self._fetch(workflow_id)
        return super().results(workflow_id)

    def checkpoint_exclude(self, workflow_id: str) -> tuple[str, ...]:
        """See WorkflowReader. Raises NoWorker where nobody can tell."""
        self._fetch(workflow_id)
        return super().checkpoint_exclude(workflow_id)

    def explain(self, workflow_id: str) -> str:
        """See WorkflowReader."""
        self._sync()
        said = super().explain(workflow_id)
        if self._works_elsewhere(said):
            said = "; ".join(it for it in said.split("; ") if it != NO_ENGINE)
        return said or self._away(workflow_id)

    def advice(self, workflow_id: str) -> str:
        """See WorkflowReader."""
        self._sync()
        said = super().advice(workflow_id)
        if said == START_ENGINE and self._is_polled():
            said = ""
        return said or (COME_BACK if self._away(workflow_id) else "")

    def at_rest(self, workflow_id: str) -> bool:
        """See WorkflowReader."""
        self._sync()
        return super().at_rest(workflow_id)

    def under_way(self, workflow_id: str) -> UnderWay | None:
        """See WorkflowReader. Where no worker can tell its history, only the number is known."""
        if self._is_polled():
            with suppress(WorkflowError):
                self._fetch(workflow_id)
        return super().under_way(workflow_id)

    def changes(self) -> int:
        """See WorkflowReader."""
        self._sync()
        return super().changes()

    def active_statuses(self) -> dict[str, WorkflowStatus]:
        """See WorkflowReader."""
        self._sync()
        return super().active_statuses()

    def completed_tasks(self, project_id: str) -> set[str]:
        """See WorkflowReader."""
        self._sync()
        return super().completed_tasks(project_id)

    def active_tasks(self, project_id: str) -> dict[str, WorkflowStatus]:
        """See WorkflowReader."""
        self._sync()
        return super().active_tasks(project_id)

    def attended(self) -> bool:
        """Whether a worker of this project is there, here or elsewhere."""
        return self._is_polled()

    # --- the server ---

    def _at_desk(self) -> Desk:
        if self._desk is None:
            self._desk = Desk(self._workspace, self._settings)
        return self._desk

    def _sync(self) -> None:
        if time.monotonic() - self._asked_at > FRESH:
            self._at_desk().ask(lambda link: link.visibility.sync())
            self._asked_at = time.monotonic()

    def _fetch(self, workflow_id: str) -> None:
        async def fetch(link: Link) -> None:
            await link.visibility.look(workflow_id)
            await link.fetch_events(workflow_id)

        self._at_desk().ask_workflow(fetch)

    def _away(self, workflow_id: str) -> str:
        """That the working tree which holds the files is not there, where that is what an active workflow waits for."""
        task = self._rows(_WAITING, (workflow_id,))
        if not task:
            return ""
        project_id, blueprint_id = task[0]

        async def look(link: Link) -> Home | None:
            from penguin.orchestration.temporal.worker.ownership import home_of

            return await home_of(link.connection, link.task_queue, project_id, blueprint_id)

        home = self._at_desk().ask(look)
        if home is None or home.site is None or not home.vacant:
            return ""
        return f"waits for {home.site.host}, which holds the files of {blueprint_id or project_id} and has no worker"

    def _works_elsewhere(self, said: str) -> bool:
        return NO_ENGINE in said and self._is_polled()

    def _is_polled(self) -> bool:
        if time.monotonic() - self._polled_at > FRESH:
            self._polled = bool(self._at_desk().ask(lambda link: link.polled()))
            self._polled_at = time.monotonic()
        return self._polled
