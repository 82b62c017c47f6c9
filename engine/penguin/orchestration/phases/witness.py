"""A runner's witness: adds to each result which tree it was about. No pass outlives the files it was given for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.evidence import AttemptResult
from penguin.orchestration.phases.attempt import AttemptOrder, Control, PhaseRunner
from penguin.orchestration.tree import Tree


class Witness:
    """Runs attempts through another runner and looks at the working tree around them."""

    def __init__(self, runner: PhaseRunner) -> None:
        self._runner = runner

    async def run(self, order: AttemptOrder, control: Control) -> AttemptResult:
        """See PhaseRunner."""
        tree = Tree(Path(order.workspace), Path(order.run_dir).parent)
        if order.phase is WorkflowPhase.IMPLEMENT:
            await asyncio.to_thread(tree.before_implement, order.attempt)
        result = await self._runner.run(order, control)
        if result.verdict is Verdict.INTERRUPTED:
            return result
        return await asyncio.to_thread(_seen, tree, order, result)

    async def aclose(self) -> None:
        """See PhaseRunner."""
        await self._runner.aclose()


def _seen(tree: Tree, order: AttemptOrder, result: AttemptResult) -> AttemptResult:
    digest = tree.after_implement(order.attempt) if order.phase is WorkflowPhase.IMPLEMENT else tree.now()
    return replace(result, tree=digest, changed=tree.changed(order.tested_tree, digest))
