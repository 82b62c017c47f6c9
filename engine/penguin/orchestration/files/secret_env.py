"""Which variables of the environment hold secrets, and which of them steps don't get.

Both are told by names, with `*` and `?` as in a shell; whether letters are capitals is no matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import lru_cache

SECRET_NAMES = ("*_KEY", "*_TOKEN", "*_SECRET", "*PASSWORD*", "KEY", "TOKEN", "SECRET")
"""Names that look secret."""
STEP_MARK = "PENGUIN_STEP_"
"""The prefix of the variable that the launcher gives every step."""
OWN_KEYS = ("PENGUIN_PAYLOAD_KEY", "TEMPORAL_API_KEY")
"""What Penguin shows a Temporal server that it may command workflows. No step gets these."""
TRUST = "PENGUIN_TRUST"
"""Set to 1 it trusts every workspace that Penguin opens: a person's word, so no step gets it."""
SHORTEST = 8
"""Bytes. A shorter value is found in too much that is none."""


@lru_cache(maxsize=16)
def name_matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """What tells whether a name matches one of the patterns."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)", re.IGNORECASE).match


def looks_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, as far as one can tell."""
    return name_matcher(SECRET_NAMES)(name) is not None


def secret_values(environ: Mapping[str, str], patterns: tuple[str, ...] = ()) -> dict[str, str]:
    """The values, by name, that are not to be stored: of names that look secret, or match one of the patterns."""
    is_secret = name_matcher((*SECRET_NAMES, *patterns))
    # A blank at either end, a line feed mostly, is lost on the way to many a log.
    stripped = {name: value.strip() for name, value in environ.items() if is_secret(name)}
    return {name: value for name, value in stripped.items() if len(value.encode(errors="surrogatepass")) >= SHORTEST}


def without_denied(environ: Mapping[str, str], denied: tuple[str, ...]) -> dict[str, str]:
    """The environment less what is denied, and less Penguin's own keys.

    The marks of an outer step stay whatever is denied: by them, what runs there is known to run inside of it.
    """
    is_denied = name_matcher((*OWN_KEYS, TRUST, *denied))
    return {name: value for name, value in environ.items() if name.startswith(STEP_MARK) or not is_denied(name)}
