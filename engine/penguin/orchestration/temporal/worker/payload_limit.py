"""The size limit of results in a server's history: output, and too much evidence, stay on disk."""

from __future__ import annotations

from msgspec.structs import replace

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import AttemptResult, StepEvidence
from penguin.orchestration.temporal.messages import encode

LIMIT = 64 * 1024
"""Bytes of a result in the history."""
SHORT = 400
"""Characters of an excerpt in a result that is too long."""
STEPS = 100
"""Number of steps in a result that is too long."""


def trimmed(result: AttemptResult) -> AttemptResult:
    """Return the result with shortened excerpts if it is too long. Each step still names its output and its digest."""
    if _fits(result):
        return result
    passed_short = replace(result, steps=tuple(_brief(step) for step in result.steps))
    if _fits(passed_short):
        return passed_short
    steps = tuple(replace(step, excerpt=_cut(step.excerpt), argv=()) for step in passed_short.steps)
    short = replace(passed_short, steps=steps)
    if _fits(short):
        return short
    return replace(short, steps=_worst(steps), artifacts=result.artifacts[:STEPS])


def _fits(result: AttemptResult) -> bool:
    return len(encode(result).encode()) <= LIMIT


def _brief(step: StepEvidence) -> StepEvidence:
    return replace(step, excerpt="") if step.verdict is Verdict.PASSED else step


def _cut(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT // 2]}\n…\n{text[-SHORT // 2 :]}"


def _worst(steps: tuple[StepEvidence, ...]) -> tuple[StepEvidence, ...]:
    failed = [step for step in steps if step.verdict is not Verdict.PASSED]
    return tuple(replace(step, reason=_cut(step.reason)) for step in failed[:STEPS])
