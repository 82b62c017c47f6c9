"""The clock of the pictures: a file, and programs that set it forward when a step ends."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import datetime
from pathlib import Path

PROGRAM = (sys.executable, str(Path(__file__).with_name("clocked_penguin.py")))
"""The command that starts Penguin with this clock."""
USER = "ada"
"""The person in the pictures."""


class PictureClock:
    """A clock that only these pictures set."""

    def __init__(self, folder: Path, start: datetime) -> None:
        """Put the file of the clock, and the programs that set it, into an empty folder."""
        self._file = folder / "clock"
        self._programs = folder / "bin"
        self._programs.mkdir(parents=True)
        self.set(start)
        # The new time replaces the old one at once: Penguin never reads an empty file.
        add = f"""awk -v more="$1" '{{ printf "%.1f", $1 + more }}' {self._file}"""
        self.add_program("tick", f"{add} > {self._file}.new && mv {self._file}.new {self._file}\n")
        self.environment = {
            "PICTURE_CLOCK": str(self._file),
            "PATH": f"{self._programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "LOGNAME": USER,
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            # Whatever else the environment says about terminals must not change the pictures.
            "COLORTERM": "",
            "NO_COLOR": "",
            "ACCESSIBLE": "",
            "COLUMNS": "",
            "LINES": "",
        }
        """What Penguin needs in its environment."""

    def set(self, moment: datetime) -> None:
        """Set the clock."""
        new = self._file.with_suffix(".set")
        new.write_text(str(moment.timestamp()), encoding="ascii")
        new.replace(self._file)

    def lengthen(self, program: str, seconds: float) -> None:
        """Let each run of a program take so many seconds, whatever it takes on this machine."""
        path = shutil.which(program, path=self.environment["PATH"])
        assert path, f"{program} is not in PATH"
        self.add_program(program, f'"{path}" "$@"\ncode=$?\ntick {seconds}\nexit $code\n')

    def add_program(self, name: str, script: str) -> None:
        """Put a program with this shell script in front of others of this name."""
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)
