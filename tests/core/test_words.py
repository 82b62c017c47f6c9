"""The predicates of statuses, phases and verdicts, and the names of signals."""

from __future__ import annotations

import pytest

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.config.theme import MEANINGS, THEMES
from penguin.orchestration.core.signals import describe_signal
from penguin.orchestration.workflow_status import ACTIVE, GATES, STOPPED
from penguin_repl.render.words import STATUS_WORDS, status_meaning, verdict_meaning
from penguin_repl.terminal.theme import make_styles


@pytest.mark.parametrize("status", WorkflowStatus)
def test_a_status_is_moving_resting_or_final(status: WorkflowStatus) -> None:
    assert [status.moving, status.rests, status.final].count(True) == 1
    assert (status in ACTIVE) is (status in WorkflowStatus.active()) is (not status.final)
    assert status.stopped is (status in STOPPED)
    assert status.stopped or not status.final


def test_only_a_gate_is_a_gate() -> None:
    assert tuple(phase for phase in WorkflowPhase if phase.is_gate) == GATES


def test_no_verdict_opens_a_gate_and_counts_as_a_failure() -> None:
    assert [verdict for verdict in Verdict if verdict.opens_gate] == [Verdict.PASSED, Verdict.SKIPPED]
    assert [verdict for verdict in Verdict if verdict.counts_as_failure] == [Verdict.FAILED, Verdict.ERROR]


def test_every_status_and_verdict_has_a_meaning_and_every_meaning_a_style() -> None:
    assert set(STATUS_WORDS) == set(WorkflowStatus)
    assert {*map(status_meaning, WorkflowStatus), *map(verdict_meaning, Verdict)} <= set(MEANINGS)
    for theme in THEMES:
        assert make_styles(theme, truecolor=True).keys() == set(MEANINGS)


def test_errors_name_signals_in_plain_words() -> None:
    assert describe_signal("inject_feedback") == "give feedback to a workflow"
    assert describe_signal("cancel") == "cancel a workflow"
