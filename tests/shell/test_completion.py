"""What completion offers, from the table of commands and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from tests.native.space import Space, reached

from penguin.orchestration.testing import scripted_phases
from penguin_commands.session import Session
from penguin_repl.completion import CommandCompleter
from penguin_repl.known import Known

pytestmark = pytest.mark.anyio

Complete = Callable[[str], list[str]]


def completer(session: Session) -> Complete:
    """The words that may come next."""
    completer = CommandCompleter(Known(session))

    def complete(line: str) -> list[str]:
        return [it.text.rstrip() for it in completer.get_completions(Document(line), CompleteEvent())]

    return complete


@pytest.fixture
def complete(space: Space) -> Complete:
    return completer(Session(space.root))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/wo", "/workflow"),
        ("wo", "/workflow"),
        ("/he", "/health /help"),
        ("/workflow res", "resume results"),
        ("/workflow list --st", "--status"),
        ("/workflow list --status comp", "completed"),
        ("/workflow list --status=running,comp", "--status=running,completed"),
        ("/workflow list --status running,runn", ""),
        ("/workflow list --limit ", ""),
        ("/workflow list ", "p --status --task --limit"),
        ("/workflow resume auth --from ", "implement test use verify"),
        ("/workflow start auth --wait --w", "--with-deps"),
        ("/workflow start --blueprint ", "b"),
        ("/workflow start auth mail --w", "--with-deps --wait"),
        ("/workflow feedback auth use --ti", ""),
        ("/task graph --format=d", "--format=dot"),
        ("/task show s", "search"),
        ("/help wo", "workflow"),
        ("/help workflow sta", "start status"),
        ("/nonsense ", ""),
        ("/workflow nonsense ", ""),
        ("start ", ""),
        ('/workflow feedback auth "open ', ""),
    ],
)
def test_the_table_says_what_may_come_next(complete: Complete, line: str, words: str) -> None:
    assert complete(line) == words.split()


def test_tasks_come_with_their_titles(space: Space) -> None:
    found = CommandCompleter(Known(Session(space.root))).get_completions(Document("/workflow start "), CompleteEvent())
    assert [(it.text, it.display_meta_text) for it in found] == [
        ("auth", "Log in"),
        ("mail", "Send mail"),
        ("search", "search"),
    ]


@asynccontextmanager
async def three_workflows(space: Space) -> AsyncIterator[dict[str, str]]:
    """One that is over, one that is blocked, one that runs; the task of each by its status."""
    with scripted_phases(tasks={"mail": {"TEST": ["UNVERIFIED"]}}) as script:
        space.configure(max_parallel=3)
        async with space.backend() as backend:
            ids = {"COMPLETED": await backend.start_workflow("auth"), "BLOCKED": await backend.start_workflow("mail")}
            await backend.wait_workflows(list(ids.values()))
            script.hold("TEST")
            ids["RUNNING"] = await backend.start_workflow("search")
            await reached(backend, ids["RUNNING"], phase="TEST")
            yield ids


async def test_only_workflows_on_which_the_verb_is_legal_are_offered(space: Space) -> None:
    legal = {
        "pause": {"RUNNING"},
        "resume": {"BLOCKED"},
        "approve": {"BLOCKED"},
        "cancel": {"RUNNING", "BLOCKED"},
        "retry": {"COMPLETED", "BLOCKED"},
        "status": {"COMPLETED", "BLOCKED", "RUNNING"},
    }
    async with three_workflows(space) as ids:
        complete = completer(Session(space.root))
        for verb, statuses in legal.items():
            assert set(complete(f"/workflow {verb} ")) == {ids[status] for status in statuses}, verb


async def test_a_workflow_is_found_by_its_task_and_says_how_it_stands(space: Space) -> None:
    async with three_workflows(space) as ids:
        session = Session(space.root)
        found = list(
            CommandCompleter(Known(session)).get_completions(Document("/workflow resume mai"), CompleteEvent())
        )
        assert [(it.text, it.display_meta_text) for it in found] == [(ids["BLOCKED"], "mail: BLOCKED at TEST")]


async def test_what_is_under_way_can_be_shown_but_not_started(space: Space) -> None:
    async with three_workflows(space):
        complete = completer(Session(space.root))
        assert complete("/workflow start ") == ["auth"]
        assert len(complete("/task show ")) == 3


async def test_a_workflow_that_is_there_already_is_not_offered_again(space: Space) -> None:
    async with three_workflows(space) as ids:
        session = Session(space.root)
        session.started([ids["RUNNING"]])
        complete = completer(session)
        assert complete(f"/workflow wait {ids['BLOCKED']} i") == [ids["RUNNING"]]
        assert complete("/workflow wait @") == ["@last"]


def test_edits_of_the_backlog_are_seen_and_errors_offer_nothing(space: Space, complete: Complete) -> None:
    assert complete("/task show se") == ["search"]
    space.tasks("seal")
    assert complete("/task show se") == ["seal"]
    (space.root / "penguin.yaml").write_text("{")
    assert complete("/task show se") == []
    assert complete("/task sh") == ["show"]
