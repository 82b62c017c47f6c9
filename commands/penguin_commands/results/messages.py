"""Plain results: a message, and named values."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class MessageResult(NamedTuple):
    """A message of one sentence."""

    text: str
    values: Mapping[str, Any] = MappingProxyType({})

    def data(self) -> dict[str, Any]:
        return {"message": self.text, **self.values}


class KeyValueResult(NamedTuple):
    """Named values, one per line."""

    values: dict[str, Any]

    def data(self) -> dict[str, Any]:
        return self.values
