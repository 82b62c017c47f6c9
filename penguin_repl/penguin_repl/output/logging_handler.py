"""Log messages of libraries and the engine while a script runs, one line each, without a traceback."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from penguin_repl.output.screen import Screen


class NarratingLogHandler(logging.Handler):
    """A handler that narrates warnings and errors. With `debug`, it includes tracebacks."""

    def __init__(self, screen: Screen, *, debug: bool) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        """Narrate a record."""
        self._screen.narrate(self.format(record) if self._debug else clean(record_line(record)))


def record_line(record: logging.LogRecord) -> str:
    """Return a record as one line."""
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.getMessage()}: {type(error).__name__}: {error}" if error else record.getMessage()


def install_log_handler(screen: Screen, *, debug: bool) -> None:
    """Send log messages to the narration from now on, instead of directly to standard error."""
    logging.getLogger().addHandler(NarratingLogHandler(screen, debug=debug))
