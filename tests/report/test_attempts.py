"""What a report says about attempts and gates."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.report.sample_reports import attempt, step

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.execution.launcher.redaction import Secrets
from penguin_commands.handlers.report import attempts
from penguin_commands.results.report import AttemptReport
from penguin_commands.session import Session

IMPLEMENT, TEST, USE, VERIFY = (
    WorkflowPhase.IMPLEMENT,
    WorkflowPhase.TEST,
    WorkflowPhase.USE,
    WorkflowPhase.VERIFY,
)
EVENTS = (
    {"type": "system", "subtype": "init", "session_id": "s"},
    {"type": "assistant", "message": {"content": [{"type": "text", "text": "I fixed the sign."}]}},
)


def verdicts(*found: AttemptReport, final: bool = False) -> dict[str, tuple[str | None, bool]]:
    return {gate.phase.value: (gate.verdict, gate.running) for gate in attempts.gate_reports(found, final)}


def test_a_pass_from_before_the_newest_implement_must_be_repeated() -> None:
    first = (
        attempt(IMPLEMENT, 1, Verdict.PASSED),
        attempt(TEST, 2, Verdict.PASSED),
        attempt(VERIFY, 3, Verdict.FAILED),
    )
    assert verdicts(*first)["TEST"] == ("PASSED", False)
    again = verdicts(*first, attempt(IMPLEMENT, 4, None, ended_at=None))
    assert again == {
        "IMPLEMENT": (None, True),
        "TEST": (None, False),
        "USE": (None, False),
        "VERIFY": (None, False),
    }


def test_skipped_gates_and_kept_passes_stay() -> None:
    found = verdicts(
        attempt(IMPLEMENT, 0, Verdict.PASSED),
        attempt(TEST, 1, Verdict.PASSED),
        attempt(USE, 0, Verdict.SKIPPED),
        attempt(VERIFY, 2, Verdict.INTERRUPTED),
        final=True,
    )
    assert found["IMPLEMENT"] == ("PASSED", False)
    assert found["USE"] == ("SKIPPED", False)
    assert found["VERIFY"] == ("INTERRUPTED", False)


def test_a_gate_that_the_configuration_skips_is_skipped_before_the_workflow_comes_to_it() -> None:
    blocked = (attempt(IMPLEMENT, 1, Verdict.PASSED), attempt(TEST, 2, Verdict.FAILED))
    gates = attempts.gate_reports(blocked, False, (USE, VERIFY))
    assert [(gate.verdict, gate.summary) for gate in gates[2:]] == [("SKIPPED", "skipped by configuration")] * 2


def test_a_gate_sums_up_its_attempts() -> None:
    (_, gate, *_) = attempts.gate_reports(
        (attempt(TEST, 1, Verdict.FAILED), attempt(TEST, 2, Verdict.PASSED, summary="tests: 3 passed")), False
    )
    assert (gate.attempts, gate.seconds, gate.summary) == (2, 16.0, "tests: 3 passed")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """In a workspace with the output of an agent."""
    folder = tmp_path / ".penguin" / "runs" / "w" / "1-implement"
    folder.mkdir(parents=True)
    (folder / "01-agent.1.log").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    (folder / "01-agent.1.start.json").write_text(json.dumps({"note": {"talk": {"kind": "claude"}}}) + "\n")
    (tmp_path / "penguin.yaml").write_text("")
    return Session(tmp_path)


def agent_step(**more: Any) -> dict[str, Any]:
    excerpt = json.dumps(EVENTS[1]) + "\nplain text\n"
    return {"name": "agent claude", "kind": "agent", "verdict": "PASSED", "excerpt": excerpt, **more}


def test_the_output_of_an_agent_is_shown_as_people_read_it(session: Session) -> None:
    output = ".penguin/runs/w/1-implement/01-agent.1.log"
    (found,) = attempts._steps(session, {"steps": [agent_step(output=output)]}, (), Secrets({}))
    assert found.excerpt.split("\n")[-1] == "I fixed the sign."
    assert "{" not in found.excerpt


def test_without_that_output_no_line_of_protocol_is_shown(session: Session) -> None:
    (found,) = attempts._steps(session, {"steps": [agent_step(output="/elsewhere/01-agent.1.log")]}, (), Secrets({}))
    assert found.excerpt == "plain text"


def test_a_summary_names_what_was_seen() -> None:
    when = datetime(2024, 1, 15, tzinfo=UTC)
    check = step(kind="check", verdict=Verdict.PASSED, tests=None)
    for steps, summary in (
        ((), ""),
        ((check,), "1 criterion passed"),
        ((check, check), "2 criteria passed"),
        ((step(verdict=Verdict.PASSED, tests=None),), "pytest -q"),
        ((step(), step()), "tests: 2 failed, 4 passed"),
    ):
        passed = attempt(VERIFY, 1, Verdict.PASSED, steps=steps, started_at=when)
        assert attempts._summary(passed) == summary
