"""The writer: accepted and refused units, and a full disk."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.store.stored_workflow import NOON, StoredWorkflow, attempt_result, commit_workflows
from tests.support.waiting import PATIENCE

from penguin.orchestration.backend import AlreadyActive, IllegalCommand, StoreError, Verdict
from penguin.orchestration.core.commands import Cancel, Claim, Command, Dispatch, Feedback, Pause, Report, Resume
from penguin.orchestration.core.events import FeedbackItem
from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.results import Usage
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.rows import RUN_COLUMNS, decode_events, inserted_run
from penguin.orchestration.store.writer import ConcurrentUpdate, NoSlot, Writer


@asynccontextmanager
async def writing(
    db: Path,
    max_parallel: int = 100,
    on_foreign_change: Callable[[], None] = lambda: None,
    on_trouble: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[Writer]:
    loop = asyncio.get_running_loop()
    writer = Writer(db, loop, max_parallel, lambda owner: True, on_foreign_change, on_trouble)
    try:
        yield writer
    finally:
        writer.close()


async def outcomes(writer: Writer, *units: list[Any]) -> list[type | None]:
    """Return the outcomes of units that were submitted in one tick."""
    results = await asyncio.gather(*[writer.write(unit) for unit in units], return_exceptions=True)
    return [None if result is None else type(result) for result in results]


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    reader = open_reader(db)
    assert reader is not None
    with reader:
        return reader.execute(sql).fetchall()


def test_a_finished_write_is_on_disk(db: Path) -> None:
    async def scenario() -> None:
        workflow = StoredWorkflow("a").run()
        async with writing(db) as writer:
            await writer.write(workflow.writes)
            # Through another connection, before the writer closes.
            assert rows(db, "SELECT workflow_id, seq, slot FROM run") == [(workflow.id, 3, 1)]
            assert rows(db, "SELECT seq, kind FROM event") == [(1, "Started"), (2, "Claimed"), (3, "AttemptStarted")]

    asyncio.run(scenario())


def test_of_two_concurrent_updates_one_gets_a_conflict(db: Path) -> None:
    workflow = StoredWorkflow("a").run()
    commit_workflows(db, workflow)
    next_step = workflow.report(Verdict.PASSED).writes

    async def scenario() -> None:
        async with writing(db) as one, writing(db) as other:
            got = await asyncio.gather(one.write(next_step), other.write(next_step), return_exceptions=True)
            assert [type(error) for error in got if error] == [ConcurrentUpdate]
            assert await outcomes(one, next_step) == [ConcurrentUpdate]

    asyncio.run(scenario())


def test_a_second_start_of_a_task_is_refused_by_the_store(db: Path) -> None:
    async def scenario() -> None:
        one, other = StoredWorkflow("a", number=0), StoredWorkflow("a", number=1)
        elsewhere = StoredWorkflow("a", number=2, project="other")
        async with writing(db) as writer:
            got = await outcomes(writer, one.writes, other.writes, elsewhere.writes)
        assert got == [None, AlreadyActive, None]

    asyncio.run(scenario())


def test_the_same_start_twice_is_a_conflict(db: Path) -> None:
    async def scenario() -> None:
        async with writing(db) as one, writing(db) as other:
            writes = StoredWorkflow("a").writes
            got = await asyncio.gather(one.write(writes), other.write(writes), return_exceptions=True)
        assert [type(error) for error in got if error] in ([ConcurrentUpdate], [AlreadyActive])

    asyncio.run(scenario())


def test_a_retry_replaces_a_workflow_in_one_unit(db: Path) -> None:
    async def scenario() -> None:
        old = StoredWorkflow("a", number=0)
        async with writing(db) as writer:
            await writer.write(old.writes)
            old.writes.clear()
            new = StoredWorkflow("a", number=1)
            assert await outcomes(writer, new.writes + old.do(Cancel()).writes) == [None]
        assert rows(db, "SELECT status FROM run ORDER BY number") == [("CANCELLED",), ("PENDING",)]

    asyncio.run(scenario())


def test_a_bad_unit_is_refused_completely_and_alone(db: Path) -> None:
    async def scenario() -> None:
        tell_a = StoredWorkflow("a")
        async with writing(db) as writer:
            await writer.write(tell_a.writes)
            half_good = StoredWorkflow("b").writes + StoredWorkflow("a", number=1).writes
            got = await outcomes(writer, StoredWorkflow("c").writes, half_good, StoredWorkflow("d").writes)
        assert got == [None, AlreadyActive, None]
        assert rows(db, "SELECT task_id FROM run ORDER BY task_id") == [("a",), ("c",), ("d",)]
        assert rows(db, "SELECT count(*) FROM event") == [(3,)]

    asyncio.run(scenario())


def test_invalid_text_is_refused_and_the_writer_continues(db: Path) -> None:
    async def scenario() -> None:
        bad = StoredWorkflow("a").writes
        bad[0].run = tuple("\udcff" if value == "plan" else value for value in bad[0].run)
        async with writing(db) as writer:
            assert await outcomes(writer, bad, StoredWorkflow("b").writes) == [StoreError, None]
            assert await outcomes(writer, StoredWorkflow("c").writes) == [None]

    asyncio.run(scenario())


# --- slots ----------------------------------------------------------------------------------------------------------


def started(db: Path, *tasks: str) -> list[Any]:
    workflows = [StoredWorkflow(task) for task in tasks]
    commit_workflows(db, *workflows)
    for workflow in workflows:
        workflow.run()
    return workflows


def test_no_more_attempts_begin_than_there_are_slots(db: Path) -> None:
    workflows = started(db, "a", "b", "c")

    async def scenario() -> None:
        async with writing(db, max_parallel=2) as writer:
            assert await outcomes(writer, *[workflow.writes for workflow in workflows]) == [None, None, NoSlot]

    asyncio.run(scenario())
    assert rows(db, "SELECT sum(slot) FROM run") == [(2,)]


def test_two_engines_share_the_slots(db: Path) -> None:
    a, b = started(db, "a", "b")

    async def scenario() -> None:
        async with writing(db, max_parallel=1) as one, writing(db, max_parallel=1) as other:
            got = await asyncio.gather(one.write(a.writes), other.write(b.writes), return_exceptions=True)
        assert [type(error) for error in got if error] == [NoSlot]

    asyncio.run(scenario())


def test_a_released_slot_can_be_taken_in_the_same_batch(db: Path) -> None:
    a, b = started(db, "a", "b")
    commit_workflows(db, a)

    async def scenario() -> None:
        async with writing(db, max_parallel=1) as writer:
            assert await outcomes(writer, a.report(Verdict.FAILED, "no").writes, b.writes) == [None, None]

    asyncio.run(scenario())


def test_a_refused_unit_takes_no_slot_from_the_others(db: Path) -> None:
    a, b = started(db, "a", "b")
    outdated = list(a.writes)
    a.writes[:] = a.writes[:1]  # only the claim: the next events of `outdated` then begin at a number that is taken
    commit_workflows(db, a)

    async def scenario() -> None:
        async with writing(db, max_parallel=1) as writer:
            assert await outcomes(writer, outdated, b.writes) == [ConcurrentUpdate, None]

    asyncio.run(scenario())


# --- others ---------------------------------------------------------------------------------------------------------


def test_only_changes_of_other_processes_are_reported(db: Path) -> None:
    async def scenario() -> None:
        foreign = asyncio.Event()
        async with writing(db, on_foreign_change=foreign.set) as writer, writing(db) as other:
            await writer.write(StoredWorkflow("a").writes)
            await writer.write(StoredWorkflow("b").writes)
            assert not foreign.is_set()
            await other.write(StoredWorkflow("c").writes)
            await asyncio.wait_for(foreign.wait(), PATIENCE)

    asyncio.run(scenario())


def test_closing_commits_pending_writes(db: Path) -> None:
    async def scenario() -> None:
        writer = Writer(db, asyncio.get_running_loop(), 1, lambda owner: True, lambda: None, lambda text: None)
        done = writer.write(StoredWorkflow("a").writes)
        writer.close()
        await asyncio.wait_for(done, PATIENCE)

    asyncio.run(scenario())
    assert rows(db, "SELECT task_id FROM run") == [("a",)]


# --- the projection -------------------------------------------------------------------------------------------------


def test_every_row_agrees_with_its_events(db: Path) -> None:
    dice = random.Random(2)
    workflows = [StoredWorkflow(f"t{n}", at=NOON + n) for n in range(60)]
    for workflow in workflows:
        for _ in range(dice.randrange(25)):
            verdict = dice.choice([Verdict.PASSED, Verdict.PASSED, Verdict.FAILED, Verdict.UNVERIFIED])
            spent = Usage(dice.randrange(3), dice.randrange(9000), dice.random(), dice.random())
            assert workflow.state is not None
            report = Report(workflow.state.attempt, replace(attempt_result(verdict, "so it is"), usage=spent))
            advice = Feedback(FeedbackItem(id=str(dice.random()), text="try harder", by="ann"))
            now = dice.random() < 0.5
            commands: list[Command] = [
                Claim("e1"),
                Dispatch(),
                Dispatch(),
                report,
                report,
                Pause("ann", now),
                Resume("bob"),
                advice,
            ]
            try:
                workflow.do(dice.choice([*commands, *commands, Cancel("ann")]), after=dice.choice([1.0, 100.0]))
            except IllegalCommand:
                continue
    commit_workflows(db, *workflows)
    for workflow in workflows:
        history = rows(db, f"SELECT data FROM event WHERE workflow_id = '{workflow.id}' ORDER BY seq")
        state = rebuild([event for (data,) in history for event in decode_events(data)])
        assert state == workflow.state
        assert rows(db, f"SELECT {', '.join(RUN_COLUMNS)} FROM run WHERE workflow_id = '{workflow.id}'") == [
            inserted_run(state, workflow.seq)
        ]
    statuses = {workflow.state.status for workflow in workflows if workflow.state}
    assert len(statuses) >= 5, statuses


# --- trouble --------------------------------------------------------------------------------------------------------

FULL_DISK = """
import asyncio, resource, sqlite3, sys
from pathlib import Path
from penguin.orchestration.backend import StoreError
from penguin.orchestration.store.rows import INSERT_RUN
from penguin.orchestration.store.rows import Write
from penguin.orchestration.store.writer import Writer

def limit(size):
    # No file may grow beyond this: what a full disk looks like to a program.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def unit(n):
    return [Write((f"w{n}", 1, 0.0, "Started", "x" * 300_000), INSERT_RUN, ROW(n), False)]

def ROW(n):
    fixed = (f"w{n}", "p", f"t{n}", "b", "T", "[]", "", "shared", "", 0, 0.0)
    moving = (1, 0.0, "PENDING", 0, 0.0, 0, "", "", "", "", "[]", 0, 0, 0.0, 0.0, "[]", "")
    return (*fixed, *moving, "PENDING", 0, 0, 0, "")

async def main(db, space_returns):
    troubles = asyncio.Queue()
    writer = Writer(db, asyncio.get_running_loop(), 1, lambda owner: True, lambda: None, troubles.put_nowait)
    await writer.write(unit(0))
    limit(db.with_name(db.name + "-wal").stat().st_size)
    done = asyncio.gather(writer.write(unit(1)), writer.write(unit(2)))
    print("trouble:", await troubles.get())
    assert not done.done()
    if space_returns:
        limit(resource.RLIM_INFINITY)
        await done
        assert await troubles.get() == ""
    writer.close()
    try:
        await done
    except StoreError as error:
        print("refused:", error)
    limit(resource.RLIM_INFINITY)
    print("rows:", sqlite3.connect(db).execute("SELECT count(*) FROM run").fetchone()[0])

asyncio.run(main(Path(sys.argv[1]), sys.argv[2] == "returns"))
"""


def full_disk(db: Path, then: str) -> str:
    script = textwrap.dedent(FULL_DISK)
    done = subprocess.run(
        [sys.executable, "-c", script, str(db), then], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.integration
def test_writes_wait_for_a_full_disk(db: Path) -> None:
    output = full_disk(db, "returns")
    assert output.startswith("trouble: ")
    assert "rows: 3" in output


@pytest.mark.integration
def test_closing_on_a_full_disk_reports_lost_writes(db: Path) -> None:
    output = full_disk(db, "stays full")
    assert "refused: " in output
    assert "rows: 1" in output


def test_a_commit_without_memory_is_reported_and_tried_again(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Writer._apply
    failures = [MemoryError(), MemoryError()]

    def apply_when_there_is_memory(writer: Writer, writes: Any) -> None:
        if failures:
            raise failures.pop()
        apply(writer, writes)

    async def scenario() -> None:
        troubles: asyncio.Queue[str] = asyncio.Queue()
        async with writing(db, on_trouble=troubles.put_nowait) as writer, asyncio.timeout(PATIENCE):
            await writer.write(StoredWorkflow("a").run().writes)
            assert "out of memory" in await troubles.get()
            assert await troubles.get() == ""
        assert rows(db, "SELECT count(*) FROM run") == [(1,)]

    monkeypatch.setattr(Writer, "_apply", apply_when_there_is_memory)
    asyncio.run(scenario())


# --- a database that is moved away ---


def test_a_moved_database_gets_no_writes_until_it_is_back(db: Path) -> None:
    async def scenario() -> None:
        troubles: asyncio.Queue[str] = asyncio.Queue()
        async with writing(db, on_trouble=troubles.put_nowait) as writer:
            away = db.with_name("away.db")
            db.rename(away)
            async with asyncio.timeout(PATIENCE):
                assert "was moved, deleted or replaced" in await troubles.get()
                written = writer.write(StoredWorkflow("a").run().writes)
                while "no new step starts" not in await troubles.get():
                    pass
                assert not written.done()
                away.rename(db)
                await written
        assert rows(db, "SELECT count(*) FROM run") == [(1,)]

    asyncio.run(scenario())


def test_a_deleted_database_is_an_error_at_the_end(db: Path) -> None:
    async def scenario() -> None:
        async with writing(db) as writer:
            db.unlink()
            written = writer.write(StoredWorkflow("a").run().writes)
            await asyncio.sleep(0)
        with pytest.raises(StoreError, match="was moved, deleted or replaced"):
            await written

    asyncio.run(scenario())
