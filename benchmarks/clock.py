"""Time measurement."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Figures = dict[str, float]
"""By name. Times are in milliseconds, rates in one per second, memory in megabytes, unless the name says otherwise."""


def timed(function: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        function()
        found.append((time.perf_counter() - begun) * 1000)
    return found


def median_ms(function: Callable[[], object], times: int) -> float:
    return statistics.median(timed(function, times))


def interleaved(functions: Mapping[str, Callable[[], object]], times: int) -> Figures:
    """Return the medians of several functions, called in turn, so that a slow moment of the machine affects all."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(times):
        for name, function in functions.items():
            found[name] += timed(function, 1)
    return {name: statistics.median(each) for name, each in found.items()}


def run_quietly(argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, text: str = "") -> None:
    """Run a program to its end and discard its output. Raises RuntimeError if it fails."""
    done = subprocess.run(argv, cwd=cwd, env=env, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} exited with {done.returncode}: {done.stderr.strip()[-500:]}")


def memory_mb(pid: int | str = "self", field: str = "VmRSS") -> float:
    """Return the memory of a process: now (VmRSS), or at most (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / 1000
