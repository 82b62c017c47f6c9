"""An insertion into the text of a file, which keeps the line ends and the byte order mark of everything else."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple


class Insertion(NamedTuple):
    """Text that replaces a part of a file. All positions and texts have line ends `\\n`."""

    start: int
    end: int
    text: str

    def apply(self, text: str) -> str:
        """Return the whole text with the change."""
        return text[: self.start] + self.text + text[self.end :]


def apply_to_bytes(data: bytes, insertion: Insertion) -> bytes:
    """Return the bytes of a file with the change, whose lines end as the first line of the file does."""
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    raw = data[len(mark) :].decode()
    first = re.search(r"\r\n|\n|\r", raw)
    text = insertion.text.replace("\n", first[0] if first else "\n")
    start, end = _raw_offset(raw, insertion.start), _raw_offset(raw, insertion.end)
    return mark + (raw[:start] + text + raw[end:]).encode()


def _raw_offset(raw: str, offset: int) -> int:
    """Return the position in the text as it is stored: there, some lines end in two characters."""
    for match in re.finditer("\r\n", raw):
        if match.start() >= offset:
            break
        offset += 1
    return offset


def end_of_line(text: str, position: int) -> int:
    """Return the position of the end of a line, before its line end."""
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def after_line(text: str, position: int, added: str) -> Insertion:
    """Return the insertion of whole lines, without the last line end, after the line at a position."""
    end = end_of_line(text, position)
    return Insertion(end, end, f"\n{added}" if end < len(text) else f"\n{added}\n")
