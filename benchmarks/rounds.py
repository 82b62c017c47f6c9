"""Plays rounds: every measure once on every place, one after the other, then all of them again.

What slows the machine for a while slows neighbours alike, so figures are compared within a round.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rows import Rounds

DISK, TMPFS = "disk", "tmpfs"
BOTH = (DISK, TMPFS)
MEASURES: dict[str, Sequence[str]] = {
    "floor": BOTH,
    "work": BOTH,
    "sequence": BOTH,
    "stages": BOTH,
    "langgraph_peer": BOTH,
    "dbos_peer": BOTH,
    "crowd": BOTH,
    "temporal_peer": BOTH,
    "step": (DISK,),
    "recovery": (DISK,),
    "reading": (DISK,),
    "starting": (DISK,),
    "prompt": (DISK,),
    "memory": (DISK,),
    "blueprint": (DISK,),
    "soak": (TMPFS,),
    "temporal_overhead": (TMPFS,),
}
"""The measures in their order, and where they run: most do not depend on the disk."""
PATIENCE = 600
"""Seconds that one measure may take."""
NOT_OURS = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Settings of the caller that would slow every start of Python."""


class Session:
    """The figures measured so far."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.rounds: dict[str, Rounds] = {DISK: [], TMPFS: []}
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.stolen = 0.0
        """The share of the requested processor time that other machines on the same hardware got."""
        self._say = say

    def play(self, places: dict[str, Path], only: Sequence[str], *, quick: bool) -> None:
        """Run one round. If there is only one folder, all measures run there."""
        found: dict[str, dict[str, float]] = {place: {} for place in places}
        for name, wanted in MEASURES.items():
            for place in wanted if len(places) > 1 else places:
                if not only or name in only:
                    found[place] |= self._measure(name, places[place], place, quick)
        for place, figures in found.items():
            self.rounds[place].append(figures)

    def _measure(self, name: str, folder: Path, place: str, quick: bool) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.alone", name, os.fspath(folder), *(["--quick"] if quick else [])]
        env = {key: value for key, value in os.environ.items() if key not in NOT_OURS}
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            self.failed[name] = f"took more than {PATIENCE} s"
            self._say(f"{name} on {place}: FAILED: {self.failed[name]}")
            return {}
        if done.returncode:
            self.failed[name] = (done.stderr.strip().splitlines() or ["no word why"])[-1]
            self._say(f"{name} on {place}: FAILED\n{done.stderr.strip()}")
            return {}
        figures = json.loads(done.stdout.splitlines()[-1])
        if "skipped" in figures:
            self.skipped[name] = figures["skipped"]
            self._say(f"{name} on {place}: SKIPPED: {figures['skipped']}")
            return {}
        self._say(f"{name} on {place}: {', '.join(f'{key} {value:.4g}' for key, value in figures.items())}")
        return dict(figures)


@contextmanager
def places() -> Iterator[dict[str, Path]]:
    """Folders to measure in: on the disk that holds this project, and in memory where the system offers that."""
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    found = {DISK: Path(tempfile.mkdtemp(prefix="penguin-bench-", dir=results))}
    if os.access("/dev/shm", os.W_OK):
        found[TMPFS] = Path(tempfile.mkdtemp(prefix="penguin-bench-", dir="/dev/shm"))
    try:
        yield found
    finally:
        for folder in found.values():
            shutil.rmtree(folder, ignore_errors=True)
