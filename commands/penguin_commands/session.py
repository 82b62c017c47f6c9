"""The session: the workspace that commands work on, and the workflows started in it. Opens everything on first use."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from penguin.orchestration.backend import ConfigError, WorkflowError, WorkflowInfo, WorkflowNotFound
from penguin_commands.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    from typing import Any

    from penguin.orchestration.backend import OrchestrationBackend, WorkflowStatus
    from penguin.orchestration.blueprint import BlueprintSet
    from penguin.orchestration.config import OrchestrationConfig, Settings
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.store.queries import WorkflowReader
    from penguin.orchestration.temporal.sync_client import SyncClient
    from penguin_commands.preferences import Preferences
    from penguin_commands.question import Question
    from penguin_commands.results.changes import WaitProgress

T = TypeVar("T")

LAST_STARTED = "@last"


def _ignore(text: str) -> None:
    """Discard a message."""


class EventStream(Protocol):
    """A protocol for showing the events of workflows while a command waits for them."""

    def named(self, workflow_id: str) -> None:
        """Note that a command names this workflow, before the command changes it. Not called on the loop."""
        ...

    async def stream_during(self, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
        """Return the result of `work`, and show the events of these workflows until it is available."""
        ...


class Session:
    """The state that commands share. Used by one thread at a time.

    On an event loop, reads go through `run_in_reader_thread`.

    `folder` is where the search for the workspace starts (upwards; by default the current folder). `backend_name`
    overrides the configured backend. `by` is the name that changes are recorded under. `detach` leaves started
    workflows to other engines. `metrics` is the IP:PORT that the backend serves metrics at. `options` are values below
    `orchestration:` that override the configured ones. `narrate` receives warnings. `listener` receives every change of
    a status or phase once the backend is open.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        backend_name: str | None = None,
        by: str | None = None,
        detach: bool = False,
        metrics: str | None = None,
        options: Mapping[str, Any] | None = None,
        narrate: Callable[[str], None] = _ignore,
        listener: Callable[[WorkflowInfo], None] | None = None,
    ) -> None:
        self.folder = folder
        self.backend_name = backend_name
        self._by = by
        self.detach = detach
        self.metrics = metrics
        self.options = dict(options or {})
        self.narrate = narrate
        self.listener = listener
        self.on_progress: Callable[[WaitProgress | None], None] | None = None
        """Called periodically with the progress of a wait, and with None when the wait ends."""
        self.at_prompt = False
        """The user types the commands at a prompt, on a screen that can be drawn on."""
        self.on_terminal = False
        """The results are drawn on a terminal: lists show how far each workflow is, in the order of execution."""
        self.edit: Callable[[str], Awaitable[str]] | None = None
        """Opens a text in the user's editor; None without a terminal."""
        self.choose: Callable[[Question], Awaitable[str]] | None = None
        """Asks the user and returns the answer; None without a terminal."""
        self.tracked: list[str] = []
        """Ids of the workflows that were started, resumed or retried here, in that order, each once."""
        self.started_here: set[str] = set()
        """Ids of those that were started here."""
        self.awaited: dict[str, WorkflowStatus | None] = {}
        """The workflows that a command waits for or was interrupted at, and the status that it waits for."""
        self.event_stream: EventStream | None = None
        """Reports the events of the workflows that a command waits for; None if no events are requested."""
        self.last_started: str | None = None
        """The newest workflow started here."""
        self._other_backend_reported = False
        self._narrated: set[str] = set()
        """The messages of the backend, and those about lost workflows: each is shown once."""

    @cached_property
    def workspace(self) -> Workspace:
        """Return the workspace. Raises WorkflowError if there is none."""
        from penguin.orchestration.files.workspace import current_folder, find_workspace

        if not self.folder:
            return find_workspace(current_folder())
        from penguin_commands.grammar.tokens import command_line

        return find_workspace(self.folder, command_line("init", "--workspace", os.fspath(self.folder)))

    @property
    def is_own(self) -> bool:
        """Return whether this user has a record of the workspace. Only then is anything fetched, or run by git."""
        from penguin.orchestration.files.workspace_key import is_known

        return is_known(os.path.dirname(self.workspace.db_name))

    @cached_property
    def by(self) -> str:
        """Return the name that changes are recorded under."""
        from penguin.orchestration.runtime.current_user import current_user

        return self._by or current_user()

    @cached_property
    def reader(self) -> WorkflowReader:
        """Return the reader of workflows, which needs no backend."""
        if self.uses_temporal and (self.is_own or self.workspace.is_new):
            if not self.unaccepted_server:
                from penguin.orchestration.temporal.reader import TemporalReader

                return TemporalReader(self.workspace, self.settings, self._sync_client)
            self.narrate(
                f"the Temporal server {self.unaccepted_server} is not asked: penguin.yaml names it, and you have not "
                "accepted it for this workspace; type: penguin trust"
            )
        from penguin.orchestration.store.queries import WorkflowReader

        # The answers of a server would be written to a file in `.penguin/`. If that is not this user's, read it only.
        return WorkflowReader(self.db if self.uses_temporal else self.workspace.db_name)

    @property
    def unaccepted_server(self) -> str:
        """Return the address of a Temporal server that the user must accept first; '' if there is none."""
        try:
            if not self.uses_temporal:
                return ""
            settings = self.settings
        except ConfigError:
            # Nothing connects with settings that are wrong.
            return ""
        from penguin.orchestration.temporal.client.server_trust import unaccepted_server

        return unaccepted_server(self.workspace, settings)

    @cached_property
    def _sync_client(self) -> SyncClient:
        """Return the connection to the Temporal server, which reader and backend share."""
        from penguin.orchestration.temporal.sync_client import SyncClient

        return SyncClient(self.workspace, self.settings)

    async def run_in_reader_thread(self, work: Callable[[], T]) -> T:
        """Run a read on the reader thread, one at a time, and return its result.

        A server that hangs, or a large store, does not block the loop. Raises what `work` raises.
        """
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    @cached_property
    def _reading(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1, thread_name_prefix="penguin-reading")

    def open_local_reader(self) -> WorkflowReader:
        """Return another reader of the local data, for another thread. It never waits for a server."""
        from penguin.orchestration.store.queries import WorkflowReader

        return WorkflowReader(self.db)

    @property
    def db(self) -> Path:
        """Return the database of the backend in use. For a server, it holds what is known on this machine."""
        if self.uses_temporal:
            from penguin.orchestration.temporal.local_cache import workspace_cache

            return workspace_cache(self.workspace, self.settings)
        return self.workspace.db

    @cached_property
    def uses_temporal(self) -> bool:
        """Return whether workflows are on a Temporal server.

        Raises ConfigError if this can't be determined, or if the Temporal SDK is missing.
        """
        if not self._may_use_temporal() or self.settings.backend != "temporal":
            return False
        from penguin.orchestration import require_temporal

        require_temporal(self.settings)
        return True

    def _may_use_temporal(self) -> bool:
        """Return whether Temporal may be configured.

        Searches for the word instead of loading the settings, which most commands of the embedded backend don't need.
        """
        named = self.backend_name or os.environ.get("PENGUIN_ORCHESTRATION_BACKEND", "").strip()
        if named:
            return named != "native"
        path = self.workspace.config_name
        try:
            # A named pipe would block, and a device never ends.
            if not stat.S_ISREG(os.stat(path).st_mode):
                return False
            with open(path, "rb") as file:
                return b"temporal" in file.read()
        except OSError:
            return False

    @cached_property
    def overrides(self) -> OrchestrationConfig | None:
        """Return the settings from the command line, which override the file and the environment."""
        if self.backend_name is None and not self.options:
            return None
        from penguin.orchestration.config import OrchestrationConfig

        named = {} if self.backend_name is None else {"backend": self.backend_name}
        return OrchestrationConfig.from_dict({**self.options, **named})

    @property
    def settings(self) -> Settings:
        """Return the effective settings. Reads them each time, since penguin.yaml may change while a shell runs."""
        from penguin.orchestration.config import load_settings

        return load_settings(self.workspace.root, self.overrides)

    @cached_property
    def preferences(self) -> Preferences:
        """Return the preferences for the terminal. Warns about an invalid personal file and ignores it."""
        from penguin_commands.preferences import Preferences, load_preferences

        try:
            root = self.workspace.name
        except WorkflowError:
            root = None
        try:
            return load_preferences(root)
        except ConfigError as error:
            self.narrate(f"{error.message}; the defaults apply until then")
            return Preferences()

    @property
    def blueprints(self) -> BlueprintSet:
        """Read and return all blueprints."""
        from penguin.orchestration.blueprint import load_blueprints

        return load_blueprints(self.workspace.root, self.settings)

    @cached_property
    def backend(self) -> OrchestrationBackend:
        """Return the backend of the session, opened on the running event loop."""
        from penguin.orchestration import get_backend

        backend = get_backend(self.overrides, self.workspace.root)
        if self.uses_temporal:
            from penguin.orchestration.temporal.backend import TemporalBackend

            assert isinstance(backend, TemporalBackend)
            backend.connect_through(self._sync_client)
        backend.serve_terminal(claims=not self.detach, on_trouble=self._on_trouble, narrate=self._narrate_once)
        if self.metrics is not None:
            from penguin.orchestration.runtime.metrics.exporter import metrics_address

            backend.serve_metrics(metrics_address(self.metrics))
        if self.listener:
            backend.listen(self.listener)
        return backend

    def _on_trouble(self, problem: str) -> None:
        self.narrate(problem or "writing to disk works again")

    def engine_alive(self) -> bool:
        """Return whether a live engine claims workflows that others started."""
        if self.uses_temporal:
            from penguin.orchestration.temporal.reader import TemporalReader

            return isinstance(self.reader, TemporalReader) and self.reader.attended()
        from penguin.orchestration.files.engine_lock import has_claiming_engine

        return has_claiming_engine(self.workspace.engines)

    async def report_other_backend(self) -> None:
        """Report, once, how many workflows wait on the backend that is not in use. They stay there."""
        if self._other_backend_reported:
            return
        self._other_backend_reported = True
        from penguin.orchestration.store.workspace_databases import count_active_elsewhere

        current, other = ("temporal", "native") if self.uses_temporal else ("native", "temporal")
        count = await self.run_in_reader_thread(lambda: count_active_elsewhere(self.workspace, current))
        if count:
            what = "unfinished workflow is" if count == 1 else "unfinished workflows are"
            self.narrate(f"{count} {what} on the {other} backend: penguin --backend {other}")

    @property
    def backend_open(self) -> bool:
        """Return whether a command has opened the backend."""
        return "backend" in self.__dict__

    def resolve(self, ref: str, *, prefix: bool = False) -> str:
        """Return the workflow id that a word refers to. Warn of lost workflows. Raises WorkflowNotFound."""
        if ref == LAST_STARTED:
            if self.last_started is None:
                raise WorkflowNotFound(
                    f"{LAST_STARTED}: this session has started no workflow", "name the workflow or its task"
                )
            return self.last_started
        if ref.startswith("@"):
            raise UsageError(
                f"unknown reference {ref!r}", f"{LAST_STARTED} is the newest workflow started in this session"
            )
        self.warn_of_lost_workflows()
        workflow_id = self.reader.find(ref, prefix=prefix)
        if self.event_stream is not None:
            self.event_stream.named(workflow_id)
        return workflow_id

    def info(self, workflow_id: str) -> WorkflowInfo:
        """Return the current state of a workflow. Raises WorkflowNotFound."""
        info = self.reader.info(workflow_id)
        if info is None:
            raise WorkflowNotFound(f"no workflow {workflow_id!r}", "/workflow list shows the workflows")
        return info

    def next_command(self, workflow_id: str) -> str:
        """Return the next command to type for a workflow, or "" if none is needed."""
        command = self.reader.next_command(workflow_id)
        return "penguin trust" if command and not self.is_trusted else command

    @property
    def is_trusted(self) -> bool:
        """Return whether this user has a record of the workspace, or there is nothing to trust yet."""
        return self.is_own or self.workspace.is_new

    def warn_of_lost_workflows(self) -> None:
        """Warn about workflows that the database has lost, and about those of an earlier workspace in this place."""
        from penguin_commands.loss_check import may_have_lost

        if not self.uses_temporal and may_have_lost(self.workspace, self.reader):
            from penguin.orchestration.store.maintenance.loss_messages import loss_notices

            for notice in loss_notices(self.workspace):
                self._narrate_once(notice)

    def _narrate_once(self, text: str) -> None:
        if text not in self._narrated:
            self._narrated.add(text)
            self.narrate(text)

    def track_started(self, workflow_ids: Sequence[str]) -> None:
        """Record workflows as started in this session. The first is the one that the user asked for."""
        self.track(*workflow_ids)
        self.started_here.update(workflow_ids)
        if workflow_ids:
            self.last_started = workflow_ids[0]

    def track(self, *workflow_ids: str) -> None:
        """Record workflows that this session continues. A script waits for them at its end."""
        self.tracked.extend(workflow_id for workflow_id in workflow_ids if workflow_id not in self.tracked)

    async def aclose(self) -> None:
        """Close everything that is open. Leave running steps for another engine to take over."""
        if "reader" in self.__dict__:
            # A server that hangs must not delay the exit: abandon pending requests.
            self.reader.interrupt()
        if self.backend_open:
            backend = self.__dict__.pop("backend")
            await backend.aclose()
        self.close()

    def close(self) -> None:
        """Close what needs no event loop, after the current read has finished."""
        if "_reading" in self.__dict__:
            self.__dict__.pop("_reading").shutdown(cancel_futures=True)
        if "reader" in self.__dict__:
            self.__dict__.pop("reader").close()
