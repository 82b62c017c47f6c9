"""Text encodings that every store accepts.

File names are bytes. Python decodes bytes that are not UTF-8 to lone surrogates (https://peps.python.org/pep-0383/),
and a program may print half a surrogate pair. Paths need these characters to find the file, but neither databases nor
JSON accept them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from penguin.orchestration.core.immutable import Record

T = TypeVar("T", bound="Record")

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
_FIRST, _LAST = 0xDC80, 0xDCFF
"""Stand-ins for the bytes 80 to ff."""


def encode_storable(value: T) -> T:
    """Return the value with `escape_undecodable` applied to all of its text."""
    import msgspec

    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.convert(_storable(msgspec.to_builtins(value)), type(value))
    return value


def escape_undecodable(text: str) -> str:
    """Return text that people can read and stores accept: bytes that are not UTF-8 are written as `\\xff`."""
    return _HALF.sub(_escape, text)


def unescape_path(text: str) -> str:
    """Return the path that `escape_undecodable` turned into this text, unless a file has exactly this name."""
    return os.fsdecode(_ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), os.fsencode(text)))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - _FIRST + 0x80:02x}" if _FIRST <= code <= _LAST else f"\\u{code:04x}"


def _storable(value: Any) -> Any:
    """Apply it to plain values."""
    if isinstance(value, str):
        return escape_undecodable(value)
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
