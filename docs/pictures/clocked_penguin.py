"""Penguin with a clock that is read from a file, so that what it shows does not depend on when and how fast it runs.

    PICTURE_CLOCK=FILE python docs/pictures/clocked_penguin.py ARGUMENTS

FILE has the time in seconds since 1970. Time-outs and timers still use the machine's own clock.
"""

from __future__ import annotations

import os
import sys
import time

from penguin_repl.main import main


def read_clock() -> float:
    """Return the time in the file."""
    with open(os.environ["PICTURE_CLOCK"], encoding="ascii") as file:
        return float(file.read())


if __name__ == "__main__":
    time.time = read_clock
    sys.exit(main())
