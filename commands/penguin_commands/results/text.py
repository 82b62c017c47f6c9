"""Plain results: a sentence, and named values."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Message(NamedTuple):
    """A sentence."""

    text: str
    facts: Mapping[str, Any] = MappingProxyType({})

    def data(self) -> dict[str, Any]:
        return {"message": self.text, **self.facts}


class Facts(NamedTuple):
    """Named values, a line each."""

    facts: dict[str, Any]

    def data(self) -> dict[str, Any]:
        return self.facts
