"""The results as Markdown: the full tables, and the section of docs/benchmarks.md."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from benchmarks.rounds import DISK, TMPFS, Session
from benchmarks.rows import PEERS, ROWS, Outcome, Rounds, Row, outcome
from benchmarks.stages import STAGES

BEGIN, END = "<!-- benchmark: written by make bench -->", "<!-- benchmark: end -->"
PENGUIN = {"penguin.ms": "sequence.ms", "penguin.per_s": "crowd200.per_s"}
"""Names of Penguin's own figures in the rounds."""


QUIET = 0.05
"""If more processor time is stolen, absolute figures are not meaningful."""


def figure(name: str, rounds: Rounds) -> float | None:
    """The median over all rounds."""
    found = [r[PENGUIN.get(name, name)] for r in rounds if PENGUIN.get(name, name) in r]
    return statistics.median(found) if found else None


def outcomes(session: Session) -> list[Outcome]:
    found = (outcome(row, session.rounds[row.place]) for row in ROWS)
    return [each for each in found if each is not None]


def whole(session: Session, when: date, machine: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Return all results."""
    count = max(len(rounds) for rounds in session.rounds.values())
    fsync = figure("fsync.ms", session.rounds[DISK])
    parts = [
        "# How fast Penguin is",
        f"{when.isoformat()}, {count} round{'' if count == 1 else 's'}; "
        + ", ".join(f"{name} {value}" for name, value in machine.items())
        + (f"; one fdatasync on the disk {fsync:.2f} ms" if fsync is not None else "")
        + _steadiness(session)
        + ".",
        "Versions: " + ", ".join(f"{name} {value}" for name, value in versions.items()) + ".",
        "Medians over the rounds, with the lowest and the highest; ratios are the median of the rounds' own ratios.",
        peers(session),
        "![Beside others](beside.svg)",
        _judged(outcomes(session), session.stolen),
        _stages(session),
        _rest(session),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _steadiness(session: Session) -> str:
    """Return how similar the rounds were, by the time of a fixed piece of Python."""
    found = [r["work.ms"] for rounds in session.rounds.values() for r in rounds if "work.ms" in r]
    work = f"; a fixed piece of Python {min(found):.2f}-{max(found):.2f} ms" if found else ""
    return f"{work}; stolen by other machines {session.stolen:.0%} of the processor time"


def peers(session: Session) -> str:
    """Return the time of each program for four empty steps."""
    lines = [
        "| four durable steps of nothing | one, on disk | 200 at once | one, in memory | 200 at once |",
        "|---|--:|--:|--:|--:|",
    ]
    for title, name in PEERS:
        cells = []
        for place in (DISK, TMPFS):
            one, many = (figure(f"{name}.{unit}", session.rounds[place]) for unit in ("ms", "per_s"))
            cells += ["-" if one is None else f"{_number(one)} ms", "-" if many is None else f"{_number(many)}/s"]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _judged(found: list[Outcome], stolen: float) -> str:
    lines = [
        "| measure | where | figure | spread | beside | times | must reach | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    return "\n".join(lines + [_line(each, stolen) for each in found])


def _line(each: Outcome, stolen: float) -> str:
    row = each.row
    cells = [
        row.title,
        row.place,
        f"{_number(each.value)} {row.unit}".strip(),
        f"{_number(each.low)}-{_number(each.high)}",
        "" if each.reference is None else f"{_number(each.reference)} {row.unit}",
        "" if each.reference is None else _number(each.judged),
        _limit(row),
        "reached" if each.reached else f"**missed** {_obstacles(row, stolen)}".strip(),
    ]
    return f"| {' | '.join(cells)} |"


def _obstacles(row: Row, stolen: float) -> str:
    """Return why a limit is missed. A busy machine is a reason only without a reference, which would be slowed
    equally."""
    loud = stolen > QUIET and not row.reference
    told = f"the machine was not quiet: others took {stolen:.0%} of the processor time" if loud else ""
    return "; ".join(part for part in (row.note, told) if part)


def _limit(row: Row) -> str:
    return f"{'≥' if row.at_least else '≤'} {_number(row.limit)}{' times' if row.reference else ' ' + row.unit}".strip()


def _stages(session: Session) -> str:
    """Return the stages of a workflow that follows another."""
    lines = ["| a workflow of four phases, one after another: its stages | on disk | in memory |", "|---|--:|--:|"]
    for name, title in STAGES.items():
        found = [figure(name, session.rounds[place]) for place in (DISK, TMPFS)]
        lines.append(f"| {title} | {' | '.join('-' if each is None else f'{_number(each)} ms' for each in found)} |")
    return "\n".join(lines)


def _rest(session: Session) -> str:
    lines = [f"- {name} was skipped: {why}" for name, why in session.skipped.items()]
    lines += [f"- {name} failed: {why}" for name, why in session.failed.items()]
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _goals(found: list[Outcome]) -> str:
    """Return the figures and limits for docs/benchmarks.md."""
    lines = ["| measure | figure | must reach | |", "|---|--:|--:|---|"]
    for each in found:
        value = (
            f"{_number(each.judged)} times" if each.row.reference else f"{_number(each.value)} {each.row.unit}".strip()
        )
        lines.append(f"| {each.row.title} | {value} | {_limit(each.row)} | {'' if each.reached else 'missed'} |")
    return "\n".join(lines)


def _loudness(stolen: float) -> str:
    return f" while other machines took {stolen:.0%} of the processor time" if stolen > QUIET else ""


def write_section(page: Path, session: Session, when: date) -> None:
    """Replace the text between the marks."""
    text = page.read_text()
    found = outcomes(session)
    missed = [each.row.title for each in found if not each.reached]
    told = f"{len(found) - len(missed)} of {len(found)} goals are reached" + (
        f"; missed: {', '.join(dict.fromkeys(missed))}." if missed else "."
    )
    goals = f"<details><summary>{told}</summary>\n\n{_goals(found)}\n\n</details>"
    whole_story = "[All figures, with spread, versions and machine](../benchmarks/results/results.md)."
    inner = "\n\n".join(
        [
            BEGIN,
            f"Measured on {when.isoformat()} by `make bench`{_loudness(session.stolen)}:",
            peers(session),
            goals,
            whole_story,
            END,
        ]
    )
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{page} has no section between {BEGIN} and {END}")
    page.write_text(pattern.sub(lambda _: inner, text))
