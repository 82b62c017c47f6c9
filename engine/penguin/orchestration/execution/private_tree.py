"""A runner for workflows in trees: IMPLEMENT works in the workflow's private clone, the other gates in a clean one.

Each gate runs on the commit that Penguin made of the work, so what is ignored, linked or left running in the work clone
does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowPhase
from penguin.orchestration.core.definition import Gate, GateCommand
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder, PhaseRunner, StopControl
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.worktree.digest import MAX_NAMED
from penguin.orchestration.worktree.git import display_path, split_nul
from penguin.orchestration.worktree.landing.target_branch import prepare_target
from penguin.orchestration.worktree.trees.check_clone import CheckClone
from penguin.orchestration.worktree.trees.tree_folder import record_tree
from penguin.orchestration.worktree.trees.tree_setup import TreeSetUp
from penguin.orchestration.worktree.trees.workflow_tree import RESTORED, SavedWork, WorkflowTree

NOTHING = "the agent changed no file"


class PrivateTreeRunner:
    """Runs attempts of workflows in trees through another runner."""

    def __init__(self, runner: PhaseRunner) -> None:
        self._runner = runner

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        """See PhaseRunner."""
        attempt = TreeAttempt(order)
        try:
            inside = await asyncio.to_thread(attempt.prepare)
            result = await self._set_up(attempt, inside, control) or await self._runner.run(inside, control)
            return await asyncio.to_thread(attempt.finish, result)
        except WorkflowError as error:
            return AttemptResult(verdict=Verdict.ERROR, reason=error.message, missing=error.hint)

    async def aclose(self) -> None:
        """See PhaseRunner."""
        await self._runner.aclose()

    async def _set_up(self, attempt: TreeAttempt, order: AttemptOrder, control: StopControl) -> AttemptResult | None:
        """Set up the clone if that is due. Return the result of the attempt if it failed."""
        if not await asyncio.to_thread(attempt.bring):
            return None
        commands = order.definition.tree_settings.setup
        if commands:
            result = await self._runner.run(_set_up_order(order, commands), control)
            if result.verdict is Verdict.INTERRUPTED:
                return result
            if result.verdict is not Verdict.PASSED:
                return replace(result, verdict=Verdict.ERROR, reason=f"tree.setup: {result.reason}")
        await asyncio.to_thread(attempt.record_set_up)
        return None


def _set_up_order(order: AttemptOrder, commands: Sequence[str]) -> AttemptOrder:
    """Return an order that runs the commands of set-up as steps, with evidence of their own."""
    implement = WorkflowPhase.IMPLEMENT
    gates = {**order.definition.gates, implement: Gate(run=tuple(GateCommand(line) for line in commands))}
    timeouts = {**order.definition.timeouts, implement: order.definition.timeouts[order.phase]}
    definition = replace(order.definition, gates=gates, timeouts=timeouts)
    return replace(order, phase=implement, definition=definition, run_dir=f"{order.run_dir}-setup")


class TreeAttempt:
    """One attempt in the tree of its workflow. Methods block while git runs. Raises WorkflowError and OSError."""

    def __init__(self, order: AttemptOrder) -> None:
        self._order = order
        self._implements = order.phase is WorkflowPhase.IMPLEMENT
        definition = order.definition
        settings = definition.tree_settings
        self._tree = WorkflowTree(Path(order.workspace), order.workflow_id, definition.task.id, settings.path)
        self._set_up = TreeSetUp(Path(order.workspace), settings.setup_when, settings.copy, settings.link)
        self._mark = Path(order.run_dir).parent / f"tree.{order.attempt}"
        self._begun = self._read()

    def prepare(self) -> AttemptOrder:
        """Prepare the clone in which the steps run. Return the order for them.

        A clone in which an earlier engine began the attempt stays as it is: its step may still run there.
        """
        if self._begun is None:
            self._begun = self._begin()
            write_private(self._mark, msgspec.json.encode(self._begun))
        return replace(self._order, tree=str(self._place()))

    def _begin(self) -> SavedWork:
        self._make_clone()
        if not self._implements:
            begun = self._commit_to_check()
            CheckClone(self._tree.clone, begun.commit).clean()
            return begun
        return self._save(f"{self._order.attempt}-before")

    def _make_clone(self) -> None:
        if self._tree.is_made:
            return
        make_private_folder(self._mark.parent)
        record_tree(self._mark.parent, self._tree.folder)
        definition, land = self._order.definition, self._order.definition.land
        repository = self._tree.users.repository
        base = prepare_target(repository, land.branch).tip if land is not None and land.branch else "HEAD"
        restored = self._mark.with_name(RESTORED)
        self._tree.make(base, restored, own_objects=definition.tree_settings.own_objects)

    def _commit_to_check(self) -> SavedWork:
        if merged := self._order.merged:
            return SavedWork(merged, self._tree.users.repository.tree_of(merged))
        if left := self._tree.conflicted_files():
            raise WorkflowError(f"conflict markers are left in {', '.join(left)}", self._tree.edit_hint())
        # A person may have changed the work while the workflow was BLOCKED.
        return self._save(f"{self._order.attempt}-{self._order.phase.lower()}")

    def _save(self, name: str) -> SavedWork:
        return self._tree.save(name, self._order.definition.checkpoint_exclude)

    def _place(self) -> Path:
        return self._tree.clone.workspace if self._implements else self._check.workspace

    @property
    def _check(self) -> CheckClone:
        assert self._begun is not None
        return CheckClone(self._tree.clone, self._begun.commit)

    # --- set-up ---

    def bring(self) -> bool:
        """Copy and link what the clone gets, if that is due. Return whether it was."""
        files = self._tree.clone.base_files() if self._implements else self._check.files
        if not self._set_up.is_due(files):
            return False
        if missing := self._set_up.bring(files).missing:
            raise WorkflowError(
                f"tree.copy and tree.link name what the workspace does not have: {', '.join(missing)}",
                "create it, or remove it from penguin.yaml, then /workflow retry",
            )
        return True

    def record_set_up(self) -> None:
        """Record what set-up brought: it is never part of a commit."""
        self._set_up.record(self._tree.clone.base_files() if self._implements else self._check.files)

    # --- the result ---

    def finish(self, result: AttemptResult) -> AttemptResult:
        """Return the result with the tree and the commit that it is about."""
        if result.verdict is Verdict.INTERRUPTED:
            # It runs again from the beginning, on a clean clone.
            self._mark.unlink(missing_ok=True)
            return result
        return self._implemented(result) if self._implements else self._checked(result)

    def _implemented(self, result: AttemptResult) -> AttemptResult:
        assert self._begun is not None
        made = self._save(f"{self._order.attempt}-implement")
        gate = self._order.definition.gates[WorkflowPhase.IMPLEMENT]
        must_change = gate.agent is not None and not gate.may_be_empty
        if result.verdict is Verdict.PASSED and (left := self._tree.conflicted_files()):
            result = replace(result, verdict=Verdict.FAILED, reason=f"conflict markers are left in {', '.join(left)}")
        if must_change and result.verdict is Verdict.PASSED and made.tree == self._begun.tree:
            result = replace(result, verdict=Verdict.FAILED, reason=NOTHING)
        return replace(result, tree=made.tree, checkpoint=made.commit, left_out=made.left_out)

    def _checked(self, result: AttemptResult) -> AttemptResult:
        begun = self._begun
        assert begun is not None
        changed = self._check.changed_files()
        if changed and result.verdict is Verdict.PASSED:
            files = ", ".join(changed[:MAX_NAMED])
            reason = f"{self._order.phase} changed files that it was to check: {files}"
            result = replace(result, verdict=Verdict.FAILED, reason=reason)
        return replace(result, tree=begun.tree, checkpoint=begun.commit, changed=self._since_test(begun.tree))

    def _since_test(self, tree: str) -> tuple[str, ...]:
        """Return the files in which a tree differs from the one that TEST passed on."""
        tested = self._order.tested_tree
        if not tested or tested == tree:
            return ()
        options = ("-r", "-z", "--name-only", "--no-renames")
        names = split_nul(self._tree.users.repository.run("diff-tree", *options, tested, tree))
        return tuple(map(display_path, names[:MAX_NAMED]))

    def _read(self) -> SavedWork | None:
        try:
            return msgspec.json.decode(self._mark.read_bytes(), type=SavedWork)
        except FileNotFoundError:
            return None
