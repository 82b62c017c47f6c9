"""A fixed piece of plain Python: the speed of this machine now, as a reference for work without disk access."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.clock import Figures, timed

ENTRIES = 2_000


def measure(place: Path, quick: bool) -> Figures:
    return {"work.ms": statistics.median(timed(_work, 50))}


def _work() -> None:
    found: dict[int, tuple[int, str]] = {}
    for number in range(ENTRIES):
        found[number & 255] = (number, str(number))
