"""Output of steps as programs follow it: a row for each piece, as it comes."""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

from penguin_commands.handlers.tail import INCOMPLETE, INCOMPLETE_NOTE
from penguin_commands.results.output import OutputResult

if TYPE_CHECKING:
    from codecs import IncrementalDecoder

    from penguin_commands.results.output import Log, OutputChunk
    from penguin_repl.output.screen import Screen


class LogRowWriter:
    """The texts of the rows of one file are together what it holds; a character that two pieces share is not torn."""

    def __init__(self, screen: Screen, workflow_id: str) -> None:
        self._screen = screen
        self._workflow_id = workflow_id
        self._decoders: dict[str, tuple[Log, IncrementalDecoder]] = {}

    def write(self, piece: OutputChunk) -> None:
        """Some more output of a step."""
        log = piece.log
        if log.excerpt is not None:
            self._write_row(log, log.excerpt, log.note)
        elif piece.output is INCOMPLETE:
            self._write_row(log, "", INCOMPLETE_NOTE)
        else:
            _, decoder = self._decoders.setdefault(log.file, (log, getincrementaldecoder("utf-8")("replace")))
            self._write_row(log, decoder.decode(piece.output))

    def finish(self) -> None:
        """No more of any step: half a character stays one."""
        for log, decoder in self._decoders.values():
            self._write_row(log, decoder.decode(b"", final=True))

    def _write_row(self, log: Log, text: str, note: str = "") -> None:
        if text or note:
            self._screen.write_data(self._screen.render(OutputResult(self._workflow_id, log, text, note)))
