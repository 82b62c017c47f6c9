"""Environment variables that hold secrets, and those that steps do not get.

Both are chosen by name, with `*` and `?` as in a shell, in upper or lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import lru_cache

SECRET_NAMES = ("*_KEY", "*_TOKEN", "*_SECRET", "*PASSWORD*", "KEY", "TOKEN", "SECRET")
"""Names that look secret."""
STEP_MARK = "PENGUIN_STEP_"
"""Prefix of the variables that the launcher gives every step."""
API_KEY = "TEMPORAL_API_KEY"
"""The credential that is sent to a Temporal server."""
OWN_KEYS = ("PENGUIN_PAYLOAD_KEY", API_KEY)
"""Credentials by which Penguin signals a Temporal server. No step gets them."""
TRUST = "PENGUIN_TRUST"
"""If 1, trust every workspace that Penguin opens. This is a person's decision, so no step gets it."""
SHORTEST = 8
"""Bytes. A shorter value would match too much other text."""


@lru_cache(maxsize=16)
def name_matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a function that returns whether a name matches one of the patterns."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)", re.IGNORECASE).match


def looks_secret(name: str) -> bool:
    """Return whether the name of a variable looks like that of a secret."""
    return name_matcher(SECRET_NAMES)(name) is not None


def secret_values(environ: Mapping[str, str], patterns: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the values that must not be stored, by name: of names that look secret or match one of the patterns."""
    is_secret = name_matcher((*SECRET_NAMES, *patterns))
    # Outer whitespace, mostly a line feed, is often stripped before a value is printed.
    stripped = {name: value.strip() for name, value in environ.items() if is_secret(name)}
    return {name: value for name, value in stripped.items() if len(value.encode(errors="surrogatepass")) >= SHORTEST}


def without_denied(environ: Mapping[str, str], denied: tuple[str, ...]) -> dict[str, str]:
    """Return the environment without denied variables and Penguin's own keys.

    Markers of an outer step are always kept: they show that a process runs inside of it.
    """
    is_denied = name_matcher((*OWN_KEYS, TRUST, *denied))
    return {name: value for name, value in environ.items() if name.startswith(STEP_MARK) or not is_denied(name)}
