"""Regular expressions of recipes: how they are written, and whether they can be compiled."""

from __future__ import annotations

import re

LONGEST = 2000
"""Characters of a pattern: compiling takes time in proportion to them."""


def pattern_of(wanted: str) -> str | None:
    """The regular expression in `/…/`; None for plain text."""
    return wanted[1:-1] if len(wanted) >= 2 and wanted[0] == wanted[-1] == "/" else None


def problem_of(pattern: str) -> str:
    """Why a regular expression can't be used; empty if it can."""
    if len(pattern) > LONGEST:
        return f"it has {len(pattern)} characters, at most {LONGEST} are allowed"
    try:
        re.compile(pattern, re.MULTILINE)
    except RecursionError:
        return "it is nested too deeply"
    except (re.error, OverflowError) as error:
        return str(error)
    return ""
