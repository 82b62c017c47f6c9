"""The entry point of the launcher process: `python -I -S launcher.py DIR`.

Exit codes: 0, it listens on `DIR/launcher.sock` and continues in the background; 3, another launcher owns DIR; 4, the
disk is full.
"""

from __future__ import annotations

import errno
import importlib
import pathlib
import sys

OWNED = 3
DISK_FULL = 4


def main(directory: str) -> int:
    # Isolated mode removes this script's folder from the path. Append it: it must not shadow a standard module.
    sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
    background = importlib.import_module("launcher.daemonize")
    try:
        return 0 if background.start_in_background(directory) else OWNED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return DISK_FULL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
