"""The table of `make backlogs`: what a person counted in each backlog, and what Penguin read."""

from __future__ import annotations

from tests.backlogs.fixtures import BLUEPRINT, Fixture, Reading, fixtures, read

from penguin_repl.render.parts import Grid
from penguin_repl.render.plain import plain_text

COLUMNS = ("FILE", "FORMAT", "TASKS", "DEPENDENCIES", "CRITERIA", "EQUAL", "INVENTED CHECKS")


def is_equal(fixture: Fixture, reading: Reading) -> bool:
    """Return whether a backlog was read as a person reads it."""
    if fixture.error_line:
        return reading.refused and fixture.error_line in reading.reported
    counted = (fixture.tasks, fixture.dependencies, fixture.criteria)
    return not reading.refused and reading.counts == counted and len(reading.checks) == fixture.checks


def invented_checks(fixture: Fixture, reading: Reading) -> int:
    """Return the number of checks that are not in the file."""
    return 0 if fixture.error_line else max(0, len(reading.checks) - fixture.checks)


def print_table() -> bool:
    """Print the table and a line below it. Return whether all is equal and nothing is invented."""
    rows, equal, invented, numbers = [], 0, 0, [0, 0, 0]
    found = fixtures()
    for fixture in found:
        reading = read(fixture.path, fixture.format)
        same, more = is_equal(fixture, reading), invented_checks(fixture, reading)
        equal, invented = equal + same, invented + more
        rows.append((fixture.name, fixture.format, *_counts(fixture, reading), "yes" if same else "NO", str(more)))
        if not reading.refused:
            numbers = [total + one for total, one in zip(numbers, reading.counts, strict=True)]
    print(plain_text([Grid(COLUMNS, tuple(rows), right_aligned=(2, 3, 4, 6))]), end="")
    other = sum(fixture.format != BLUEPRINT for fixture in found)
    print(f"{len(found)} backlogs ({other} of other tools, {len(found) - other} blueprints):", end=" ")
    print("{} tasks, {} dependencies, {} criteria;".format(*numbers), f"{equal} equal, {invented} invented checks")
    return equal == len(found) and not invented


def _counts(fixture: Fixture, reading: Reading) -> tuple[str, str, str]:
    """Return the cells of numbers: one where they agree, else what was counted and what was read."""
    if fixture.error_line:
        where = f"error on line {fixture.error_line}"
        return (where if is_equal(fixture, reading) else f"{where}: {sorted(reading.reported)}", "-", "-")
    counted = (fixture.tasks, fixture.dependencies, fixture.criteria)
    first, second, third = (
        str(there) if there == here else f"{there} counted, {here} read"
        for there, here in zip(counted, reading.counts, strict=True)
    )
    return first, second, third
