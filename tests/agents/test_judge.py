"""The judge: verdicts without evidence do not count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.agents.judge import EvidenceItem, judge_prompt, parse_opinions, split_reason
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import Criterion, Task

PIECES = [EvidenceItem("E1", "TEST attempt 2, pytest", "3 passed")]


def answer(**entry: object) -> str:
    return json.dumps({"criteria": [{"criterion": 1, "verdict": "met", "reason": "it is so", **entry}]})


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (answer(evidence=["E1"]), Verdict.PASSED),
        (f"Here you are:\n```json\n{answer(evidence=['E1'])}\n```\nBye.", Verdict.PASSED),
        (answer(evidence=["src/users.py:12"]), Verdict.PASSED),
        (answer(evidence=["E1"], verdict="unmet"), Verdict.FAILED),
        (answer(evidence=[]), Verdict.UNVERIFIED),
        (answer(), Verdict.UNVERIFIED),
        (answer(evidence="E1"), Verdict.UNVERIFIED),
        (answer(evidence=["E9", "../outside.txt", "nowhere.py"]), Verdict.UNVERIFIED),
        (answer(evidence=["E1"], verdict="unclear"), Verdict.UNVERIFIED),
        (answer(evidence=["E1"], verdict="PASSED"), Verdict.UNVERIFIED),
        (answer(evidence=["E1"], criterion=2), Verdict.UNVERIFIED),
        ("It is met, believe me.", Verdict.UNVERIFIED),
        ("", Verdict.UNVERIFIED),
        ("{" * 50, Verdict.UNVERIFIED),
    ],
)
def test_a_verdict_needs_existing_evidence(tmp_path: Path, answer: str, verdict: Verdict) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "src").mkdir(parents=True)
    (workspace / "src" / "users.py").touch()
    (tmp_path / "outside.txt").touch()
    (found,) = parse_opinions(answer, 1, PIECES, workspace)
    assert found.verdict is verdict


def test_the_evidence_of_an_opinion_can_be_told_from_its_reason(tmp_path: Path) -> None:
    given = answer(evidence=["E1", "src/users.py:12"], reason="it is so (line 12)")
    (found,) = parse_opinions(given, 1, PIECES, tmp_path)
    assert split_reason(found.verdict, found.reason) == (
        "it is so (line 12)",
        ("TEST attempt 2, pytest", "src/users.py:12"),
    )
    (unsure,) = parse_opinions(answer(verdict="unclear", reason="perhaps (not)"), 1, PIECES, tmp_path)
    assert split_reason(unsure.verdict, unsure.reason) == ("the judge is not sure: perhaps (not)", ())


@given(st.text(max_size=300))
def test_any_answer_is_parsed(answer: str) -> None:
    assert [opinion.verdict for opinion in parse_opinions(answer, 2, PIECES, Path("/nowhere"))] == [
        Verdict.UNVERIFIED
    ] * 2


def test_the_judge_gets_the_evidence() -> None:
    task = Task(id="users", title="Users", description="As {{evidence}} would.")
    prompt = judge_prompt(task, [Criterion("Names are unique")], "+def add(): pass", PIECES)
    assert "1. Names are unique" in prompt
    assert "### E1: TEST attempt 2, pytest" in prompt
    assert "+def add(): pass" in prompt
    # Task text is data: placeholders in it are not replaced.
    assert "As {{evidence}} would." in prompt
