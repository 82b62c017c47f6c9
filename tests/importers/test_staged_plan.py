"""Steps of staged plans that have no title."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

from penguin.orchestration.backend import BlueprintError

PLAN = "stages:\n  - name: one\n    steps:\n      - title: Build\n      - {step}\n"


def test_other_names_of_the_title(tmp_path: Path) -> None:
    plan = plan_text(tmp_path, "plan.yaml", PLAN.format(step="{text: Check it, done: true}"))
    assert [task.title for task in plan.blueprint.tasks] == ["Build", "Check it"]


def test_a_step_without_a_title_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlueprintError, match=r"plan.yaml:5: a step has no title"):
        plan_text(tmp_path, "plan.yaml", PLAN.format(step="{role: backend}"))
