"""A description of the machine that runs the measures."""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "penguin-repl",
    "dbos",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "temporalio",
    "litecli",
    "prompt_toolkit",
)


IDLE, WAITING, STOLEN = 3, 4, 7
"""Positions in the first line of /proc/stat (proc_stat(5))."""
COUNTED = 8
"""How many of them are processor time of their own: what guests take is part of `user`, too."""


@dataclass(frozen=True)
class Processors:
    """What all processors did since the system began, in clock ticks."""

    busy: int
    stolen: int
    """Time that was requested, but given to other machines on the same hardware."""

    @classmethod
    def read(cls, text: str) -> Processors:
        """From the text of /proc/stat."""
        ticks = [int(word) for word in text.split("\n", 1)[0].split()[1 : 1 + COUNTED]]
        return cls(sum(ticks) - ticks[IDLE] - ticks[WAITING] - ticks[STOLEN], ticks[STOLEN])

    def stolen_since(self, before: Processors) -> float:
        """Return the share of the processor time requested since then that was stolen."""
        stolen = self.stolen - before.stolen
        wanted = stolen + self.busy - before.busy
        return stolen / wanted if wanted else 0.0


def processors() -> Processors:
    """Return the times until now."""
    return Processors.read(Path("/proc/stat").read_text())


def machine() -> dict[str, str]:
    """Return processor, memory, system and current load."""
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def versions() -> dict[str, str]:
    """Return the versions of the measured packages."""
    return {name: found for name in PACKAGES if (found := _version(name))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
