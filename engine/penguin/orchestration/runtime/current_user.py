"""The user of this process: the default author of commands."""

from __future__ import annotations

import getpass
import os

from penguin.orchestration.files.text_encoding import escape_undecodable


def current_user() -> str:
    """Return the login name, or the number of a user without one."""
    try:
        return escape_undecodable(getpass.getuser())
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
