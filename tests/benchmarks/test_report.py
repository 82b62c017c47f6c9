"""The reports of benchmarks: the guard, missed limits, and the section of the page."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from benchmarks.guard import KEPT, RATIOS, ratios, report, slower
from benchmarks.machine import Processors, processors
from benchmarks.rounds import DISK, TMPFS, Session
from benchmarks.rows import Row, outcome
from benchmarks.table import BEGIN, END, whole, write_section

DAY = date(2026, 3, 1)


def test_the_guard_fails_at_twice_the_stored_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds = [{"sequence.ms": 9.0, "work.ms": 1.0}, {"sequence.ms": 4.0, "work.ms": 2.0}, {"sequence.ms": 3.0}]
    title = "four phases of nothing, one after another"
    found = ratios(rounds)
    assert found == {title: 4.0}
    assert report(found, {title: 2.0}) == 0
    assert report(found, {title: 1.9}) == 1
    assert slower(found, {title: 1.9, "history": 1.0}) == {title, "history"}, "what was not measured is no success"
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["ok", "SLOWER"]


def test_every_stored_figure_is_guarded() -> None:
    assert json.loads(KEPT.read_text()).keys() == RATIOS.keys()


def test_stolen_time_is_a_share_of_the_demand() -> None:
    before = Processors.read("cpu  100 0 50 1000 10 0 0 20 7 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    assert before == Processors(busy=150, stolen=20)
    assert Processors.read("cpu  160 0 80 9000 90 0 0 30 7 0\n").stolen_since(before) == 0.1
    assert before.stolen_since(before) == 0.0
    assert processors().busy > 0


def test_a_busy_machine_invalidates_absolute_figures(tmp_path: Path) -> None:
    session = Session(lambda line: None)
    slow = {"sequence.ms": 8.0, "sequence_floor.ms": 1.0, "crowd200.per_s": 1.0}
    session.rounds = {DISK: [slow], TMPFS: [{"sequence.ms": 9.0}]}
    page = tmp_path / "benchmarks.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    note = "the machine was not quiet: others took 42% of the processor time |"
    for stolen in (0.01, 0.42):
        session.stolen = stolen
        text = whole(session, DAY, {}, {})
        assert f"stolen by other machines {stolen:.0%}" in text
        missed = [line for line in text.splitlines() if "**missed**" in line]
        assert {line.split(" | ")[0] for line in missed if line.endswith(note)} == (
            {"| 200 at once", "| four phases of nothing, in memory"} if stolen > 0.1 else set()
        )
        assert len(missed) == 3
        write_section(page, session, DAY)
        assert ("while other machines took 42%" in page.read_text()) is (stolen > 0.1)


def test_a_row_is_judged_by_the_ratios_of_its_rounds() -> None:
    rounds = [{"a": 10.0, "b": 1.0}, {"a": 10.0, "b": 5.0}, {"a": 30.0, "b": 10.0}, {"a": 1.0}]
    found = outcome(Row("a beside b", "a", "ms", 3, reference="b"), rounds)
    assert found is not None
    assert (found.judged, found.value, found.low, found.high, found.reached) == (3.0, 10.0, 10.0, 30.0, True)
    at_least = outcome(Row("a", "a", "/s", 11, at_least=True), rounds)
    assert at_least is not None
    assert not at_least.reached
    assert outcome(Row("c", "c", "ms", 1), rounds) is None


def test_the_page_reports_missed_limits_and_keeps_other_text(tmp_path: Path) -> None:
    session = Session(lambda line: None)
    session.rounds = {
        DISK: [{"sequence.ms": 8.0, "sequence_floor.ms": 1.0, "fsync.ms": 0.2}],
        TMPFS: [{"sequence.ms": 1.0}],
    }
    session.failed["soak"] = "took more than 600 s"
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_section(page, session, DAY)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "2026-03-01" in text
    assert "1 of 2 goals are reached; missed: four phases of nothing, one after another." in text
    everything = whole(session, DAY, {"processor": "one"}, {"penguin-repl": "1"})
    assert "| 8 ms | 8-8 | 1 ms | 8 | ≤ 3 times | **missed** this disk" in everything
    assert "- soak failed: took more than 600 s" in everything
    assert "one fdatasync on the disk 0.20 ms" in everything


def test_a_page_without_the_section_is_unchanged(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("nothing here\n")
    with pytest.raises(ValueError, match="no section"):
        write_section(page, Session(lambda line: None), DAY)
    assert page.read_text() == "nothing here\n"
