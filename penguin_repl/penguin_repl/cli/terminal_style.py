"""The style of the output, from options, environment, preferences and the terminal's capabilities."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from penguin_repl.output.screen import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from penguin_commands.preferences import Preferences
    from penguin_repl.cli.options import Options

DUMB_TERMS = ("", "dumb", "unknown")
"""Values of TERM without any known capabilities."""
FALSE_VALUES = ("", "0", "no", "off", "false")


def choose_style(
    options: Options, settings: Callable[[], Preferences], environ: Mapping[str, str] | None = None
) -> Style:
    """Return the style for showing results. Reads files only on a terminal, when nothing else decides."""
    environ = os.environ if environ is None else environ
    tty = os.isatty(1)
    color = _color(options.color, environ)
    if color is None:
        color = tty and not _is_dumb(environ) and not _is_accessible(environ) and _prefers_color(settings())
    drawn = tty or options.color == "always" or _is_forced(environ)
    return Style(
        options.output,
        drawn,
        color,
        truecolor=environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"),
        # A file that decides on what goes into a pipe would be read by every script.
        theme=settings().theme if tty and color else "auto",
        plain=_is_plain(options, settings, environ),
        ascii=not supports_utf8(environ),
    )


def _color(option: str, environ: Mapping[str, str]) -> bool | None:
    """Return whether to use colours; None if not set. https://no-color.org, https://bixense.com/clicolors"""
    if option != "auto":
        return option == "always"
    if environ.get("NO_COLOR"):
        return False
    return True if _is_forced(environ) else None


def _is_forced(environ: Mapping[str, str]) -> bool:
    return environ.get("CLICOLOR_FORCE", "") not in ("", "0") and not environ.get("NO_COLOR")


def _prefers_color(settings: Preferences) -> bool:
    return settings.color != "never" and not settings.accessible


def _is_plain(options: Options, settings: Callable[[], Preferences], environ: Mapping[str, str]) -> bool:
    """Return whether the output may only consist of consecutive lines."""
    if _is_dumb(environ) or _is_accessible(environ):
        return True
    # A user who sets NO_COLOR gets no escape sequences at all. --color is more specific.
    if environ.get("NO_COLOR") and options.color == "auto":
        return True
    shell = options.for_terminal and os.isatty(0)
    return (shell or os.isatty(1)) and settings().accessible


def _is_dumb(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM", "").lower() in DUMB_TERMS


def _is_accessible(environ: Mapping[str, str]) -> bool:
    return environ.get("ACCESSIBLE", "").lower() not in FALSE_VALUES


def supports_utf8(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal can show arrows, bars and dots outside ASCII.

    Python writes UTF-8 in the C locale too, so that file names survive. A terminal with that locale may show other
    characters.
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "").replace("_", "")
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return encoding.startswith("utf") and not (os.isatty(1) and locale in ("C", "POSIX"))
