"""Completion, with the table of commands and a real store."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document
from tests.support.keys import CTRL_C, TAB
from tests.support.shell_session import run_shell
from tests.support.waiting import PATIENCE, wait_for_workflow
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.testing import scripted_phases
from penguin_commands.grammar.values import convert_value
from penguin_commands.session import Session
from penguin_repl.completion.candidates import EXAMPLE_VALUES, format_age
from penguin_repl.completion.completer import LONGEST_META, CommandCompleter
from penguin_repl.completion.workspace_index import MAX_CANDIDATES, MAX_NEWEST, WorkspaceIndex

pytestmark = pytest.mark.anyio

Complete = Callable[[str], list[str]]


def completer(session: Session) -> Complete:
    """Return the candidates for the next word."""
    completer = CommandCompleter(WorkspaceIndex(session))

    def complete(line: str) -> list[str]:
        return [completion.text.rstrip() for completion in completer.get_completions(Document(line), CompleteEvent())]

    return complete


@pytest.fixture
def complete(workspace: SampleWorkspace) -> Complete:
    return completer(Session(workspace.root))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/wo", "/workflow"),
        ("wo", "/workflow"),
        ("/he", "/health /help"),
        ("/workflow res", "resume results"),
        ("/ex", "/quit"),
        ("/workflow ls", "list results logs"),
        ("/workflow hsty", "history"),
        ("/wo li", "list"),
        ("/wo list --lim", "--limit"),
        ("/workflow --limit 3 l", "list"),
        ("/workflow --from test ", "resume retry"),
        ("/workflow list --stat", "--status"),
        ("/workflow list --status comp", "completed"),
        ("/workflow list --status=running,comp", "--status=running,completed"),
        ("/workflow list --status running,runn", ""),
        ("/workflow list --limit ", ""),
        ("/workflow list ", "p --status --task --since --limit --sort --total"),
        ("/workflow resume auth --from ", "implement test use verify"),
        ("/workflow start auth --wait --w", "--with-deps"),
        ("/workflow start --blueprint ", "b"),
        ("/workflow start auth mail --w", "--with-deps --wait"),
        ("/workflow feedback auth use --ti", ""),
        ("/task graph --format=d", "--format=dot --format=mermaid"),
        ("/task show s", "search"),
        ("/task add Title --depends auth,s", "auth,search"),
        ("/task add Title --priority h", "high"),
        ("/watch ", "on off"),
        ("/workflow list --since=2", "--since=24h"),
        ("/workflow prune --older-than ", "7d 30d 90d"),
        ("/help wo", "workflow"),
        ("/help workflow sta", "start status"),
        ("/nonsense ", ""),
        ("/workflow nonsense ", ""),
        ("start ", ""),
        ('/workflow feedback auth "open ', ""),
    ],
)
def test_candidates_come_from_the_command_table(complete: Complete, line: str, words: str) -> None:
    assert complete(line) == words.split()


def test_typical_lines() -> None:
    for kind, values in EXAMPLE_VALUES.items():
        for value in values:
            assert convert_value(kind, value)


def test_a_large_title_is_cut(workspace: SampleWorkspace) -> None:
    workspace.tasks({"id": "auth", "title": "漢" * 300_000})
    completer = CommandCompleter(WorkspaceIndex(Session(workspace.root)))
    (found,) = completer.get_completions(Document("/workflow start "), CompleteEvent())
    assert found.display_meta_text == "漢" * LONGEST_META + "…"


def test_tasks_come_with_their_titles(workspace: SampleWorkspace) -> None:
    found = CommandCompleter(WorkspaceIndex(Session(workspace.root))).get_completions(
        Document("/workflow start "), CompleteEvent()
    )
    assert [(completion.text, completion.display_meta_text) for completion in found] == [
        ("auth", "Log in"),
        ("mail", "Send mail"),
        ("search", "search"),
    ]


@asynccontextmanager
async def three_workflows(workspace: SampleWorkspace) -> AsyncIterator[dict[str, str]]:
    """Create a completed, a blocked and a running workflow; return their tasks by status."""
    with scripted_phases(tasks={"mail": {"TEST": ["UNVERIFIED"]}}) as script:
        workspace.configure(max_parallel=3)
        async with workspace.backend() as backend:
            ids = {"COMPLETED": await backend.start_workflow("auth"), "BLOCKED": await backend.start_workflow("mail")}
            await backend.wait_workflows(list(ids.values()))
            script.hold("TEST")
            ids["RUNNING"] = await backend.start_workflow("search")
            await wait_for_workflow(backend, ids["RUNNING"], phase="TEST")
            yield ids


async def test_only_workflows_on_which_the_verb_is_legal_are_offered(workspace: SampleWorkspace) -> None:
    legal = {
        "pause": {"RUNNING"},
        "resume": {"BLOCKED"},
        "approve": {"BLOCKED"},
        "cancel": {"RUNNING", "BLOCKED"},
        "retry": {"COMPLETED", "BLOCKED"},
        "status": {"COMPLETED", "BLOCKED", "RUNNING"},
    }
    async with three_workflows(workspace) as ids:
        complete = completer(Session(workspace.root))
        for verb, statuses in legal.items():
            assert set(complete(f"/workflow {verb} ")) == {ids[status] for status in statuses}, verb


async def test_a_workflow_is_found_by_its_task_and_shows_its_status(workspace: SampleWorkspace) -> None:
    async with three_workflows(workspace) as ids:
        session = Session(workspace.root)
        found = list(
            CommandCompleter(WorkspaceIndex(session)).get_completions(Document("/workflow resume mai"), CompleteEvent())
        )
        assert [(completion.text, completion.display_meta_text) for completion in found] == [
            (ids["BLOCKED"], "mail: BLOCKED at TEST, 0s old")
        ]


async def test_active_tasks_can_be_shown_but_not_started(workspace: SampleWorkspace) -> None:
    async with three_workflows(workspace):
        complete = completer(Session(workspace.root))
        assert complete("/workflow start ") == ["auth"]
        assert len(complete("/task show ")) == 3


async def test_a_workflow_on_the_line_is_not_offered_again(workspace: SampleWorkspace) -> None:
    async with three_workflows(workspace) as ids:
        session = Session(workspace.root)
        session.track_started([ids["RUNNING"]])
        complete = completer(session)
        assert complete(f"/workflow wait {ids['BLOCKED']} i") == [ids["RUNNING"]]
        assert complete("/workflow wait @") == ["@last"]


async def test_the_attempts_of_the_named_workflow_are_offered_newest_first(workspace: SampleWorkspace) -> None:
    async with three_workflows(workspace) as ids:
        session = Session(workspace.root)
        newest = [("2", "TEST running"), ("1", "IMPLEMENT PASSED")]
        for named in (ids["RUNNING"], "search", "sear"):
            for command in ("logs", "results"):
                found = offered(session, f"/workflow {command} {named} --attempt ")
                assert [(completion.text, completion.display_meta_text) for completion in found] == newest
        complete = completer(session)
        assert complete("/workflow logs auth -f --attempt=") == [f"--attempt={number}" for number in (4, 3, 2, 1)]
        assert complete("/workflow logs auth --attempt 3") == ["3"]
        assert complete("/workflow logs --attempt ") == complete("/workflow logs nobody --attempt ") == []
        assert complete("/workflow logs @last --attempt ") == []
        session.track_started([ids["BLOCKED"]])
        assert complete("/workflow logs @last --attempt ") == ["2", "1"]


async def test_the_people_of_a_history_are_offered(workspace: SampleWorkspace) -> None:
    with scripted_phases(tasks={"mail": {"TEST": ["UNVERIFIED"]}, "search": {"TEST": ["UNVERIFIED"]}}):
        async with workspace.backend() as backend:
            ids = [await backend.start_workflow("mail"), await backend.start_workflow("search")]
            await backend.wait_workflows(ids)
            await backend.signal_workflow(ids[0], "approve", {"by": "Ada Lovelace"})
            await backend.wait_workflows(ids[:1])
        complete = completer(Session(workspace.root))
        for line in ("/workflow approve search --by ", "/workflow approve --by ", "/workflow approve nobody --by ad"):
            assert "'Ada Lovelace'" in complete(line), line
        assert complete("/workflow approve mail --by ")[0] == "'Ada Lovelace'"
        assert complete("/workflow approve search --by=Ada") == ["--by='Ada Lovelace'"]


async def test_saved_conversations_are_offered_newest_first(workspace: SampleWorkspace) -> None:
    session = Session(workspace.root)
    complete = completer(session)
    with WorkflowStateStore(session.workspace.db) as store:
        for day in (1, 2):
            store.save_context_snapshot(ContextSnapshot(f"w-{day}", "w", [], datetime(2024, 1, day), agent="claude"))
    assert complete("/snapshot show ") == ["w-2", "w-1"]
    assert complete("/snapshot export w-1") == ["w-1"]
    assert complete("/workflow resume w --budget tok") == ["tokens=1000000"]


def fill(db: Path, *tasks: str, status: str = "COMPLETED") -> list[str]:
    """Write a workflow for each task, oldest first, a minute apart, up to now; return their ids."""
    db.parent.mkdir(parents=True, exist_ok=True)
    connection = open_store(db)
    blank = {name: "" if kind == "TEXT" else 0 for _, name, kind, *_ in connection.execute("PRAGMA table_info(run)")}
    blank |= {"project_id": "p", "status": status, "phase": "DONE" if status == "COMPLETED" else "TEST"}
    ids = [f"ituv-{task}-{n:06x}" for n, task in enumerate(tasks)]
    connection.execute("BEGIN")
    for n, (workflow_id, task) in enumerate(zip(ids, tasks, strict=True)):
        at = time.time() - 60.0 * (len(tasks) - 1 - n)
        row = blank | {"workflow_id": workflow_id, "task_id": task, "artifacts": "[]", "created_at": at}
        connection.execute(f"INSERT INTO run VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    connection.execute("COMMIT")
    connection.close()
    return ids


def offered(session: Session, line: str) -> list[Completion]:
    return list(CommandCompleter(WorkspaceIndex(session)).get_completions(Document(line), CompleteEvent()))


def test_prefix_matches_precede_substrings_and_fuzzy_matches(workspace: SampleWorkspace) -> None:
    session = Session(workspace.root)
    fill(session.db, "m-a-x-i-l", "mail", "airmail", "mail-out", "search", "amxaxixl")
    tasks = [completion.text.split("-", 1)[1][:-7] for completion in offered(session, "/workflow status mail")]
    assert tasks == ["mail", "mail-out", "airmail", "amxaxixl", "m-a-x-i-l"]
    typed_whole = [completion.text[5:-7] for completion in offered(session, "/workflow status ITUV-MAIL")]
    assert typed_whole[:3] == ["mail-out", "mail", "airmail"]


def test_old_workflows_are_found_by_prefix(workspace: SampleWorkspace) -> None:
    session = Session(workspace.root)
    old = fill(session.db, "old-1", "old-2", *(f"task-{n % 50}" for n in range(MAX_NEWEST)))[:2]
    complete = completer(session)
    assert complete("/workflow status old-") == complete("/workflow retry ituv-old") == old
    assert complete("/workflow status ld-1") == complete("/workflow pause old-") == []
    assert len(complete("/workflow status ")) == len(complete("/workflow status task")) == MAX_CANDIDATES


def test_ages_are_shown_in_their_largest_unit(workspace: SampleWorkspace) -> None:
    session = Session(workspace.root)
    fill(session.db, "first", *(f"t{n}" for n in range(130)))
    metas = [completion.display_meta_text for completion in offered(session, "/workflow status ")]
    assert metas[0] == "t129: COMPLETED, 0s old"
    assert (metas[3], metas[-1]) == ("t126: COMPLETED, 3m old", "first: COMPLETED, 2h old")
    assert format_age(200_000) == "2d"
    assert format_age(-5) == "0s"


def test_the_unique_prefix_of_an_id_is_highlighted(workspace: SampleWorkspace) -> None:
    session = Session(workspace.root)
    fill(session.db, "auth", "auth", "mail")
    parts = {
        "".join(text for style, text, *_ in completion.display if "underline" in style)
        for completion in offered(session, "/workflow status ")
    }
    assert parts == {"ituv-m", "ituv-auth-000000", "ituv-auth-000001"}
    assert not [
        completion for completion in offered(session, "/task show ") for style, *_ in completion.display if style
    ]


async def test_the_unique_prefix_is_visible_without_colours(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root, color=False) as shell:
        fill(shell.session.db, "auth", "mail")
        await shell.wait_until(lambda: shell.typed == "")
        shell.press("/workflow status i")
        await shell.see("ituv-mail-")
        await shell.see("COMPLETED, 1m old")
        assert "ituv-m" in shell.screen.underlined
        assert "ituv-a" in shell.screen.underlined


async def test_tab_prefers_the_only_prefix_match(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        for typed, becomes in (("/wo", "/workflow"), ("/task lis", "/task list"), ("/task show ma", "/task show mail")):
            await shell.wait_until(lambda: shell.typed == "")
            shell.press(typed, TAB)
            await shell.wait_until(lambda becomes=becomes: shell.typed == becomes)
            shell.press(CTRL_C)


async def test_tab_inserts_the_common_prefix(workspace: SampleWorkspace) -> None:
    workspace.tasks("report-daily", "report-weekly", "old-report")
    async with run_shell(workspace.root) as shell:
        await shell.wait_until(lambda: shell.typed == "")
        shell.press("/task show r", TAB)
        await shell.wait_until(lambda: shell.typed == "/task show report-")


def test_files_and_folders(workspace: SampleWorkspace, complete: Complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    (workspace.root / "out put").mkdir()
    (workspace.root / "out put" / "a.db").touch()
    (workspace.root / ".hidden").touch()
    assert complete("/backup ") == ["b.json", "'out put/'", "penguin.yaml"]
    assert complete("/backup 'out put/'a") == ["'out put/a.db'"]
    assert complete("/backup .h") == [".hidden"]
    assert complete("/backup nowhere/") == complete("/backup ~nobody/") == []
    assert complete(f"/backup {workspace.root}/pen") == [f"{workspace.root}/penguin.yaml"]


def test_undecodable_bytes_find_nothing(workspace: SampleWorkspace, complete: Complete) -> None:
    fill(Session(workspace.root).db, *["a"] * MAX_NEWEST)
    assert complete("/workflow status \udcff") == []


def test_workflows_of_a_server_are_offered_from_the_cache(tmp_path: Path) -> None:
    pytest.importorskip("temporalio")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        workspace = SampleWorkspace(tmp_path)
        workspace.configure(
            backend="temporal", temporal={"address": f"127.0.0.1:{server.getsockname()[1]}", "auto_start": False}
        )
        workspace.tasks("auth", "mail")
        session = Session(workspace.root)
        (workflow,) = fill(session.db, "auth", status="BLOCKED")
        complete = completer(session)
        assert complete("/workflow approve au") == [workflow]
        assert complete("/workflow approve auth --by ") == complete("/workflow logs auth --attempt ") == []
        assert complete("/workflow start ") == ["mail"]
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_a_slow_completion_delays_no_key(workspace: SampleWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> tuple[()]:
        asked.set()
        assert go_on.wait(PATIENCE)
        return ()

    monkeypatch.setattr(WorkspaceIndex, "workflows", slow)
    async with run_shell(workspace.root) as shell:
        await shell.wait_until(lambda: shell.typed == "")
        try:
            shell.press("/workflow status au")
            await shell.wait_until(asked.is_set)
            shell.press("th --debug")
            await shell.wait_until(lambda: shell.typed == "/workflow status auth --debug")
        finally:
            go_on.set()


def test_edits_of_the_backlog_are_noticed(workspace: SampleWorkspace, complete: Complete) -> None:
    assert complete("/task show se") == ["search"]
    workspace.tasks("seal")
    assert complete("/task show se") == ["seal"]
    (workspace.root / "penguin.yaml").write_text("{")
    assert complete("/task show se") == []
    assert complete("/task sh") == ["show"]
