"""The predicates of statuses, phases and verdicts, and the names of signals."""

from __future__ import annotations

import pytest

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.signals import describe_signal
from penguin.orchestration.workflow_status import ACTIVE, GATES, STOPPED
from penguin_repl.live.styles import SEVERITY_STYLES, STATUS_STYLES, VERDICT_STYLES


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


def test_the_terminal_has_a_style_for_every_status_and_verdict() -> None:
    assert set(STATUS_STYLES) == set(WorkflowStatus)
    assert set(VERDICT_STYLES) == set(Verdict)
    assert all(style.sgr.replace(";", "").isdigit() or not style.color for style in STATUS_STYLES.values())
    # One word, one style: a table doesn't know which column its cell is from.
    assert STATUS_STYLES[WorkflowStatus.FAILED] == VERDICT_STYLES[Verdict.FAILED]
    assert not set(SEVERITY_STYLES) & {*map(str, STATUS_STYLES), *map(str, VERDICT_STYLES)}


def test_errors_name_signals_in_plain_words() -> None:
    assert describe_signal("inject_feedback") == "give feedback to a workflow"
    assert describe_signal("cancel") == "cancel a workflow"
