"""Results of steps and attempts, as Penguin observed them."""

from __future__ import annotations

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.immutable import Record


class TestCounts(Record, frozen=True):
    """The tests of a JUnit report, by their outcome."""

    __test__ = False

    run: int = 0
    """Tests with a decisive result: passed, failed, errors and xpassed."""
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    passed: int = 0
    xfailed: int = 0
    """Expected to fail, and failed or not run."""
    xpassed: int = 0
    """Expected to fail, but passed; 0 if the report counts it as passed or failed, as pytest's does."""


class StepEvidence(Record, frozen=True, kw_only=True):
    """What Penguin observed of one step."""

    name: str
    kind: str
    """run, shell, http, python, check or approval."""
    verdict: Verdict
    reason: str = ""
    """One sentence if the verdict is not PASSED, or if part of its output was not read."""
    argv: tuple[str, ...] = ()
    exit_code: int | None = None
    """Exit code; negative: ended by that signal."""
    started_at: float | None = None
    """Seconds since the epoch, UTC."""
    duration: float = 0.0
    """Seconds."""
    output: str | None = None
    """Path of its output, relative to the workspace."""
    output_bytes: int = 0
    output_sha256: str | None = None
    excerpt: str = ""
    """Head and tail of the output, at most 4 KB."""
    tests: TestCounts | None = None
    survivors: tuple[int, ...] = ()
    """Ids of processes that survived SIGKILL."""


class Usage(Record, frozen=True):
    """What coding agents spent."""

    turns: int = 0
    """Answers of the model."""
    tokens: int = 0
    """Tokens read and written."""
    usd: float = 0.0
    minutes: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.turns + other.turns,
            self.tokens + other.tokens,
            round(self.usd + other.usd, 6),
            self.minutes + other.minutes,
        )


class AttemptResult(Record, frozen=True, kw_only=True):
    """The result of an attempt."""

    verdict: Verdict
    reason: str = ""
    """One sentence if the verdict is not PASSED."""
    steps: tuple[StepEvidence, ...] = ()
    artifacts: tuple[str, ...] = ()
    """Paths relative to the workspace."""
    executed_nothing: bool = False
    """UNVERIFIED because a test run executed no test."""
    impossible: bool = False
    """Nothing can run this anywhere: the workflow FAILS at once."""
    missing: str = ""
    """For a program that this machine lacks: how to get it. The workflow is BLOCKED with this hint."""
    cause: str = ""
    """For INTERRUPTED: pause, now, cancel or crash."""
    tree: str = ""
    """Digest of the tree at the attempt's end; empty if unknown."""
    changed: tuple[str, ...] = ()
    """Paths of files in which `tree` differs from the tree that TEST passed on; at most 20."""
    checkpoint: str = ""
    """The commit that keeps the whole tree of the attempt's end; empty if there is none."""
    usage: Usage = Usage()
    """What its agent spent."""
    snapshot: str = ""
    """Id of the snapshot of its agent's conversation; empty if there is none."""
    overspent: str = ""
    """A sentence that names the budget its agent used up: the workflow is BLOCKED."""
    not_before: float = 0.0
    """End of a provider's rate limit, in seconds since the epoch: the next attempt waits for it."""
    left_out: tuple[str, ...] = ()
    """Files that are not ignored, but not in the checkpoint; at most 20.

    Untracked ones that are large or secret, other repositories, and what git can't take: unreadable files, and those
    whose filter fails.
    """


class LeftChanges(Record, frozen=True):
    """Changes that a workflow that did not complete left in the working tree, when another one took the tree."""

    workflow_id: str
    """The workflow that left them."""
    status: WorkflowStatus
    """Its status at that time."""
    files: tuple[str, ...] = ()
    """The changed files, relative to the workspace; at most 20."""
    count: int | None = None
    """How many files it changed; None if that is unknown, so that it may have left changes."""


class Landed(Record, frozen=True, kw_only=True, tag=True):
    """The target branch holds the workflow's work."""

    branch: str = ""
    """The target branch; empty: landing is off."""
    base: str = ""
    """The branch's tip before; empty: nothing had to land."""
    commit: str = ""
    """The commit that landed; empty: nothing had to land."""


class LandingConflict(Record, frozen=True, kw_only=True, tag=True):
    """The work and the target branch change the same lines. Nothing was changed."""

    base: str
    """The tip of the target branch."""
    files: tuple[str, ...]
    """The files with conflicts; at most 20."""
    report: str
    """Both sides, and the commits that landed meanwhile, for the program that implements."""
    advice: str
    """What a person types to resolve it."""


class MergedTree(Record, frozen=True, kw_only=True, tag=True):
    """The work merged with a target branch that moved: the gates did not pass on this tree yet."""

    base: str
    """The tip of the target branch."""
    commit: str
    """The commit that holds the merged tree."""
    others: tuple[str, ...] = ()
    """Subjects of the commits that landed meanwhile; at most 20."""


class TargetMoved(Record, frozen=True, kw_only=True, tag=True):
    """The target branch moved between the merge and the landing. Nothing was changed."""

    base: str
    """Its new tip; empty: the branch does not exist any more."""


class LandingRefused(Record, frozen=True, kw_only=True, tag=True):
    """The landing would overwrite something of the user's, or the repository is not ready. Nothing was changed."""

    reason: str
    advice: str


class LandingStopped(Record, frozen=True, kw_only=True, tag=True):
    """The landing was stopped on request, before the branch moved."""


LandingOutcome = Landed | LandingConflict | MergedTree | TargetMoved | LandingRefused | LandingStopped


def failure_text(phase: WorkflowPhase, result: AttemptResult) -> str:
    """Return the report of an attempt that did not pass, for the next IMPLEMENT: its failed steps with their output."""
    parts = [f"{phase} {result.verdict}: {result.reason}"]
    for step in result.steps:
        if not step.verdict.opens_gate:
            parts.append(f"{step.name}: {step.verdict}: {step.reason}")
            if step.excerpt:
                parts.append(step.excerpt)
    return "\n".join(parts)
