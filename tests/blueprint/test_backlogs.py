"""The backlogs of `tests/backlogs`: read as a person reads them, and damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backlogs.fixtures import BLUEPRINT, FOLDER, Fixture, Reading, fixtures
from tests.backlogs.mutations import Mutation, check, run
from tests.backlogs.table import print_table

SEED = 7
"""The nightly run takes another one each time."""
BEFORE = Reading(
    format=BLUEPRINT,
    titles={"A-1": "Build", "A-2": "Deploy"},
    edges=frozenset({("A-2", "A-1")}),
    criteria=("it works",),
    checks=("true",),
    texts="",
    reported=frozenset(),
    remarks="",
)
DEPENDS = Mutation(Fixture("b.md", Path("b.md"), BLUEPRINT), "change_bullet", 4, "  - Depends: A-1", "  * Depends: A-1")


def test_every_backlog_is_read_as_a_person_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_table(), capsys.readouterr().out


def test_there_are_more_than_thirty_of_other_tools_and_some_of_each_format() -> None:
    formats = [fixture.format for fixture in fixtures()]
    assert len(formats) - formats.count(BLUEPRINT) >= 30
    assert formats.count(BLUEPRINT) >= 20
    names = {fixture.path.name for fixture in fixtures()}
    assert {path.name for path in (FOLDER / BLUEPRINT).glob("*.*")} <= names


def test_no_mutation_loses_anything_without_a_word() -> None:
    failures = list(run(600, SEED))
    assert not failures, "\n".join(f"{failure.mutation}: {failure.what}" for failure in failures[:10])


@pytest.mark.parametrize(
    ("after", "mutation", "lost"),
    [
        (BEFORE._replace(edges=frozenset()), DEPENDS, ["dependency of A-2 on A-1"]),
        (BEFORE._replace(edges=frozenset(), reported=frozenset({4})), DEPENDS, []),
        (BEFORE._replace(edges=frozenset(), reported=frozenset({9})), DEPENDS, ["dependency of A-2 on A-1"]),
        (BEFORE._replace(edges=frozenset(), refused=True), DEPENDS, []),
        (BEFORE._replace(edges=frozenset()), DEPENDS._replace(kind="delete", after=None), []),
        (BEFORE._replace(criteria=()), DEPENDS, ["criterion 'it works'"]),
        (BEFORE._replace(checks=()), DEPENDS, ["check 'true'"]),
        (BEFORE._replace(titles={"A-1": "Build"}), DEPENDS, ["task 'Deploy'"]),
        (BEFORE._replace(titles={"A-1": "Build"}, criteria=("Deploy", "it works")), DEPENDS, []),
    ],
)
def test_what_counts_as_lost(after: Reading, mutation: Mutation, lost: list[str]) -> None:
    assert list(check(mutation, BEFORE, after)) == lost


def test_a_check_in_an_import_is_invented() -> None:
    foreign = DEPENDS._replace(fixture=Fixture("t.md", Path("t.md"), "spec-kit"))
    assert list(check(foreign, BEFORE, BEFORE)) == ["invented checks: ('true',)"]
