"""Every fixture has the tasks, dependencies and criteria that were counted before a reader saw it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.importers.backlogs import BACKLOGS, counts, plan_of

EXPECTED: dict[str, dict[str, int]] = json.loads((BACKLOGS / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_backlog_is_read_whole(name: str, tmp_path: Path) -> None:
    plan = plan_of(BACKLOGS / name, tmp_path)
    assert counts(plan.blueprint) == EXPECTED[name]
    assert plan.format == name.partition("/")[0]


@pytest.mark.parametrize("name", EXPECTED)
def test_an_import_invents_no_check_and_no_recipe(name: str, tmp_path: Path) -> None:
    tasks = plan_of(BACKLOGS / name, tmp_path).blueprint.tasks
    assert not any(criterion.check for task in tasks for criterion in task.criteria)
    assert not any(task.recipes for task in tasks)


def test_every_format_has_fixtures() -> None:
    from penguin.orchestration.blueprint.importers.registry import known_formats

    found = [name.partition("/")[0] for name in EXPECTED]
    assert {name: found.count(name) >= 2 for name in known_formats()} == dict.fromkeys(known_formats(), True)


def test_every_fixture_has_expected_numbers() -> None:
    from tests.backlogs.generate import FILES

    assert set(FILES) <= set(EXPECTED)
    assert len(EXPECTED) >= 30
