"""Who acts, where nobody says so: the user of this process."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """The login name, or the number of a user without one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
