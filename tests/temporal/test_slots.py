"""Slots of a working tree: who gets one, within one worker and over several."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.waiting import wait_until_async

from penguin.orchestration.core.priority import Rank
from penguin.orchestration.files.engine_lock import EngineLock
from penguin.orchestration.temporal.worker.slots import Slot, SlotPool
from penguin.orchestration.temporal.worker.tree_lock import TreeLock
from penguin.orchestration.temporal.worker.worktree_id import site_of

pytestmark = pytest.mark.anyio


def rank(urgency: int, *, begun: bool = False) -> Rank:
    return (not begun, (urgency, 0.0, 0, 0), 0.0)


class Two:
    """Two workers of one tree with one slot, and the order in which slots were given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engines = folder / "engines"
        self.identities = [EngineLock(self.engines) for _ in range(2)]
        self.given: list[str] = []

    def worker(self, number: int, count: int = 1) -> SlotPool:
        return SlotPool(self.folder, self.engines, self.identities[number].id, count)

    async def use(self, slots: SlotPool, name: str, rank: Rank) -> None:
        """Take a slot, note it, give it back."""
        slot = await slots.take(name, rank)
        self.given.append(name)
        slot.release(step_goes_on=False)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    two = Two(tmp_path)
    yield two
    for identity in two.identities:
        identity.release()


async def waiting(two: Two, slots: SlotPool, names: dict[str, Rank]) -> tuple[Slot, list[asyncio.Task[None]]]:
    """Somebody holds the only slot while others wait for it."""
    held = await slots.take("holder", rank(0))
    return held, [asyncio.create_task(two.use(slots, name, rank)) for name, rank in names.items()]


async def test_who_waits_gets_a_slot_in_the_order_of_the_contract(two: Two) -> None:
    names = {"later": rank(3), "sooner": rank(1), "begun": rank(9, begun=True), "middle": rank(2)}
    held, tasks = await waiting(two, two.worker(0), names)
    await asyncio.sleep(0)
    held.release(step_goes_on=False)
    await asyncio.gather(*tasks)
    assert two.given == ["begun", "sooner", "middle", "later"]


async def test_who_has_a_slot_looks_at_no_other(two: Two) -> None:
    slots = two.worker(0, count=1000)
    held = [await slots.take(name, rank(1)) for name in ("one", "other")]
    assert sorted(path.name for path in (two.folder / "slots").iterdir()) == ["0", "1"]
    for slot in held:
        slot.release(step_goes_on=False)


async def test_the_more_urgent_of_two_workers_goes_first(two: Two) -> None:
    first, second = two.worker(0), two.worker(1)
    held, tasks = await waiting(two, first, {"later": rank(3), "latest": rank(4)})
    tasks.append(asyncio.create_task(two.use(second, "sooner", rank(1))))
    await wait_until_async(lambda: len(list((two.folder / "slots").glob("waiting-*"))) == 2)
    held.release(step_goes_on=False)
    await asyncio.gather(*tasks)
    assert two.given == ["sooner", "later", "latest"]


async def test_a_worker_that_died_waits_for_nothing(two: Two) -> None:
    first, second = two.worker(0), two.worker(1)
    held, _ = await waiting(two, first, {})
    urgent = asyncio.create_task(two.use(second, "sooner", rank(1)))
    file = two.folder / "slots" / f"waiting-{two.identities[1].id}"
    await wait_until_async(file.exists)
    said = file.read_bytes()
    urgent.cancel()
    await asyncio.wait({urgent})
    await wait_until_async(lambda: not file.exists())
    file.write_bytes(said)
    two.identities[1].release()
    two.identities.pop()
    task = asyncio.create_task(two.use(first, "later", rank(3)))
    held.release(step_goes_on=False)
    await task
    assert two.given == ["later"]


async def test_a_slot_whose_step_goes_on_is_only_for_its_own_workflow(two: Two) -> None:
    slots = two.worker(0)
    held = await slots.take("mine", rank(5))
    held.release(step_goes_on=True)
    other = asyncio.create_task(two.use(slots, "other", rank(1)))
    await asyncio.sleep(0.05)
    await two.use(slots, "mine", rank(5))
    await other
    assert two.given == ["mine", "other"]


async def test_who_wants_to_be_alone_waits_for_all(two: Two) -> None:
    slots = two.worker(0, count=2)
    held = await slots.take("one", rank(1))

    async def alone() -> None:
        async with slots.alone("two"):
            two.given.append("alone")

    task = asyncio.create_task(alone())
    await asyncio.sleep(0.15)
    assert two.given == []
    held.release(step_goes_on=False)
    await task
    assert two.given == ["alone"]


async def test_who_gives_up_waiting_leaves_the_slot_to_others(two: Two) -> None:
    slots = two.worker(0)
    held, (given_up, stays) = await waiting(two, slots, {"gone": rank(1), "stays": rank(2)})
    await asyncio.sleep(0)
    given_up.cancel()
    held.release(step_goes_on=False)
    await stays
    assert two.given == ["stays"]


class Tree:
    """The working tree of two workers, and which workflows hold it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holders: set[str] = set()
        self.asked: list[str] = []

    def lock(self) -> TreeLock:
        (self.folder / "slots").mkdir(exist_ok=True)
        return TreeLock(self.folder, self.holders.__contains__, self._refresh)

    async def _refresh(self, workflow_id: str) -> None:
        self.asked.append(workflow_id)


async def test_the_working_tree_is_held_between_slots_until_its_holder_gives_it_up(two: Two) -> None:
    tree = Tree(two.folder)
    workers = [SlotPool(two.folder, two.engines, one.id, 3, tree.lock()) for one in two.identities]
    first = await workers[0].take("a", rank(1), needs_tree=True)
    others = [asyncio.create_task(worker.take("bc"[i], rank(i), needs_tree=True)) for i, worker in enumerate(workers)]
    shared = await workers[1].take("shared", rank(9))
    shared.release(step_goes_on=False)
    tree.holders.add("a")
    first.release(step_goes_on=False)
    again = await workers[1].take("a", rank(1, begun=True))
    again.release(step_goes_on=False)
    await wait_until_async(lambda: "a" in tree.asked)
    assert not any(task.done() for task in others)
    tree.holders.clear()
    (await others[0]).release(step_goes_on=False)
    (await others[1]).release(step_goes_on=False)


def test_taking_the_working_tree_keeps_its_id(two: Two) -> None:
    folder = two.folder / "temporal"
    before = site_of(folder, "q", "p", shares=False)
    descriptor = TreeLock(folder, lambda workflow_id: False, Tree(folder)._refresh).take("a")
    assert descriptor is not None
    os.close(descriptor)
    assert site_of(folder, "q", "p", shares=False) == before
