"""The guard against becoming slower: a short round, as ratios to its own floor, held against those in guard.json.

`python -m benchmarks.guard` prints them and fails where one is more than twice what is kept; `--keep` keeps them.
Ratios because machines differ, twice because neighbours on a machine do, too: it finds what became slower in kind.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from benchmarks.rounds import DISK, TMPFS, Session, places
from benchmarks.rows import Rounds

KEPT = Path(__file__).with_name("guard.json")
FACTOR = 2.0
ROUNDS = 4
TRIES = 3
"""Slow figures are measured again: neighbours on the machine only slow things down, and rarely three times."""
MEASURES = ("floor", "work", "sequence", "crowd", "step", "recovery", "reading", "starting", "blueprint")
RATIOS = {
    # what, in units of what, of the same round
    "four phases of nothing, one after another": ("sequence.ms", "work.ms"),
    "200 at once: processor time of each": ("crowd200.cpu_ms", "work.ms"),
    "a step of /bin/true": ("step.ms", "spawn.ms"),
    "recovery of 200": ("recovery200.s", "work.ms"),
    "the slowest list": ("list1000.ms", "work.ms"),
    "history": ("history1000.ms", "work.ms"),
    "penguin --version": ("version.ms", "bare.ms"),
    "/workflow list, piped": ("piped.ms", "bare.ms"),
    "/workflow list on a terminal": ("terminal.ms", "bare.ms"),
    "blueprint": ("blueprint.s", "work.ms"),
}


def ratios(rounds: Rounds) -> dict[str, float]:
    """Return the smallest figure divided by the smallest reference: disturbances only make both slower."""
    found = {}
    for title, (figure, reference) in RATIOS.items():
        played = [r for r in rounds if figure in r and reference in r]
        if played:
            found[title] = min(r[figure] for r in played) / min(r[reference] for r in played)
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--keep", action="store_true", help="keep what was measured as what is held against")
    chosen = options.parse_args()
    session = Session(lambda line: print(line, file=sys.stderr, flush=True))
    kept = json.loads(KEPT.read_text())
    with places() as found_places:
        where = {TMPFS: found_places.get(TMPFS, found_places[DISK])}
        for _ in range(TRIES):
            for _ in range(ROUNDS):
                session.play(where, MEASURES, quick=True)
            found = ratios(session.rounds[TMPFS])
            if session.failed or not (chosen.keep or slower(found, kept)):
                break
    if chosen.keep:
        kept = {title: round(ratio, 4) for title, ratio in found.items()}
        KEPT.write_text(json.dumps(kept, indent=2) + "\n")
    return report(found, kept) | bool(session.failed)


def slower(found: dict[str, float], kept: dict[str, float]) -> set[str]:
    """Return the figures that are too slow or were not measured."""
    return {title for title, before in kept.items() if not found.get(title, math.inf) <= FACTOR * before}


def report(found: dict[str, float], kept: dict[str, float]) -> int:
    """Print each ratio and its stored value. Return 1 if one is too high or was not measured."""
    bad = slower(found, kept)
    for title, before in kept.items():
        now = found.get(title)
        shown = "not measured" if now is None else f"{now:10.4g}, {now / before:.2f} times what is kept"
        print(f"{'SLOWER  ' if title in bad else 'ok      '}{title:45}{shown}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
