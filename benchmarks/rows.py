"""The rows of the table: the figure, its reference, and its limit."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

Rounds = list[dict[str, float]]
"""The figures of each round on one place."""


@dataclass(frozen=True)
class Row:
    """One measure on one place. With a reference, `limit` is how many times the reference it may, or must, come to."""

    title: str
    figure: str
    unit: str
    limit: float
    place: str = "disk"
    """disk or tmpfs."""
    reference: str = ""
    """Another figure of the same round; empty: the limit holds for the figure itself."""
    at_least: bool = False
    note: str = ""
    """Why the limit is missed, according to a profile."""

    @property
    def key(self) -> str:
        return f"{self.figure}/{self.reference}@{self.place}" if self.reference else f"{self.figure}@{self.place}"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row over all rounds."""

    row: Row
    value: float
    """Median of the figure."""
    low: float
    high: float
    reference: float | None
    """Median of the reference."""
    judged: float
    """The value compared with the limit: the figure, or the median of the rounds' ratios."""

    @property
    def reached(self) -> bool:
        return self.judged >= self.row.limit if self.row.at_least else self.judged <= self.row.limit


def outcome(row: Row, rounds: Rounds) -> Outcome | None:
    """Return None if the figure or its reference was not measured."""
    played = [r for r in rounds if row.figure in r and (not row.reference or row.reference in r)]
    if not played:
        return None
    values = [r[row.figure] for r in played]
    references = [r[row.reference] for r in played] if row.reference else []
    ratios = [value / reference for value, reference in zip(values, references, strict=True)] if references else values
    return Outcome(
        row,
        statistics.median(values),
        min(values),
        max(values),
        statistics.median(references) if references else None,
        statistics.median(ratios),
    )


BARE = "bare.ms"
FAST_DISK = (
    "this disk makes a page durable faster than rules and rows are made and handed to the thread that writes: the floor"
    " is hardly the disk. The table of stages says where the time goes"
)
SHELL = (
    "commands are run by `/bin/sh`, which alone takes more than twice the bare spawn; in the profile it is two thirds"
    " of a step, and of the rest the launcher takes half, the engine a third. A program in its place would lead the"
    " session, which is not the same: behind some shells, `setsid` is then no longer waited for. Each bare spawn has a"
    " new file for its output, as each step has; with one file for all of them, the step is 4.2 to 4.5 times as long"
)
SCATTERED = (
    "it does not go on growing: in a soak of 60,000 the best times of the thousands stay between 26 and 33 ms "
    "after the first five thousand. Those find their rows on few pages: 98 MB are written in the third thousand, "
    "151 MB in the tenth and 168 MB in the twentieth, when nearly every row that a commit writes is on a page of "
    "its own"
)
MARKDOWN = (
    "blueprints are read by a reader of our own: markdown-it's tokens alone took longer than all of it does now;"
    " YAML and JSON take less"
)
ROWS = (
    Row(
        "four phases of nothing, one after another", "sequence.ms", "ms", 3, "disk", "sequence_floor.ms", note=FAST_DISK
    ),
    Row("four phases of nothing, in memory", "sequence.ms", "ms", 2.5, "tmpfs"),
    Row("commits of a workflow of four phases", "sequence.commits", "", 6, "tmpfs"),
    Row("200 at once", "crowd200.per_s", "/s", 1500, "disk", at_least=True),
    Row("200 at once: processor time of each", "crowd200.cpu_ms", "ms", 0.6, "disk"),
    Row("1,000 at once", "crowd1000.per_s", "/s", 1500, "disk", at_least=True),
    Row("1,000 at once: processor time of each", "crowd1000.cpu_ms", "ms", 0.6, "disk"),
    Row("200 at once, beside DBOS", "crowd200.per_s", "/s", 20, "disk", "dbos.per_s", at_least=True),
    Row(
        "1,000 whose phases end at random within a second: processor time of each", "scattered.cpu_ms", "ms", 2, "disk"
    ),
    Row(
        "a step of /bin/true with its evidence, beside a bare spawn", "step.ms", "ms", 3, "disk", "spawn.ms", note=SHELL
    ),
    Row("recovery of 200 after SIGKILL", "recovery200.s", "s", 1, "disk"),
    Row("recovery of 2,000", "recovery2000.s", "s", 3, "disk"),
    *(
        Row(f"{what}, {size:,} workflows", f"{what.split()[-1]}{size}.ms", "ms", 4, "disk")
        for what in ("slowest list", "status", "history")
        for size in (1_000, 10_000, 100_000)
    ),
    Row("`penguin --version`, beside a bare Python", "version.ms", "ms", 3, "disk", BARE),
    Row("`/workflow list`, piped", "piped.ms", "ms", 5, "disk", BARE),
    Row("`/workflow list`, piped, beside litecli and one query", "piped.ms", "ms", 1 / 3, "disk", "litecli.ms"),
    Row("`/workflow list` on a terminal", "terminal.ms", "ms", 9, "disk", BARE),
    Row("a script of 100 reading commands", "script.ms", "ms", 20, "disk", BARE),
    Row("shell ready to type, 10,000 workflows, beside a bare prompt", "shell.ms", "ms", 1.5, "disk", "prompt.ms"),
    Row("memory, 1,000 active workflows", "active.mb", "MB", 120, "disk"),
    Row("memory, 100,000 stored, beside 1,000 stored", "stored_many.mb", "MB", 1.15, "disk", "stored_few.mb"),
    Row("blueprint of 5,000 tasks: parse, lint, ready set", "blueprint.s", "s", 1, "disk", note=MARKDOWN),
    Row("Temporal backend: a phase, beside a bare activity", "temporal_phase.ms", "ms", 1.15, "tmpfs", "activity.ms"),
    Row(
        "20,000 workflows: latency at the end, beside the beginning",
        "soak_last.ms",
        "ms",
        1.2,
        "tmpfs",
        "soak_first.ms",
        note=SCATTERED,
    ),
    Row(
        "20,000 workflows: memory at the end, beside the beginning", "soak_last.mb", "MB", 1.1, "tmpfs", "soak_first.mb"
    ),
)

PEERS = (
    ("SQLite alone, six commits", "floor"),
    ("Penguin", "penguin"),
    ("LangGraph, SQLite checkpoints", "langgraph"),
    ("DBOS, SQLite", "dbos"),
    ("Temporal, development server", "temporal"),
)
"""The compared programs, and the prefixes of their figures."""
