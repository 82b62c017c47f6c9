"""Regular expressions of recipes: their notation and their validation."""

from __future__ import annotations

import re

LONGEST = 2000
"""Maximum number of characters of a pattern: compiling takes time in proportion to them."""


def pattern_of(wanted: str) -> str | None:
    """Return the regular expression inside `/…/`, or None for plain text."""
    return wanted[1:-1] if len(wanted) >= 2 and wanted[0] == wanted[-1] == "/" else None


def problem_of(pattern: str) -> str:
    """Return why a regular expression can't be used, or "" if it can."""
    if len(pattern) > LONGEST:
        return f"it has {len(pattern)} characters, the maximum is {LONGEST}"
    try:
        re.compile(pattern, re.MULTILINE)
    except RecursionError:
        return "it is nested too deeply"
    except (re.error, OverflowError) as error:
        return str(error)
    return ""
