"""Text that every store takes.

A file's name is bytes; what of it is no UTF-8 is a lone surrogate in our text (https://peps.python.org/pep-0383/), as
is a half of a character that some program printed. Paths keep them, or the file would not be found; neither databases
nor JSON take them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from penguin.orchestration.core.struct import Record

T = TypeVar("T", bound="Record")

_HALF = re.compile("[\ud800-\udfff]")
_TOLD = re.compile(rb"\\x([89a-f][0-9a-f])")
_FIRST, _LAST = 0xDC80, 0xDCFF
"""What stands for the bytes 80 to ff."""


def encode_storable(value: T) -> T:
    """The value, with all of its text as `storable_text` has it."""
    import msgspec

    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.convert(_storable(msgspec.to_builtins(value)), type(value))
    return value


def escape_undecodable(text: str) -> str:
    """Text for people and stores: bytes that are no UTF-8 are told as `\\xff`, as those of changed files are."""
    return _HALF.sub(_escape, text)


def unescape_path(told: str) -> str:
    """The path that `storable_text` made this text of, unless the file's name is that very text."""
    return os.fsdecode(_TOLD.sub(lambda match: bytes.fromhex(match[1].decode()), os.fsencode(told)))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - _FIRST + 0x80:02x}" if _FIRST <= code <= _LAST else f"\\u{code:04x}"


def _storable(value: Any) -> Any:
    """Of plain values."""
    if isinstance(value, str):
        return escape_undecodable(value)
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
