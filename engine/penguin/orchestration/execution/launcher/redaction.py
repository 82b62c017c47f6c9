"""Values that are not to be stored, and what is stored in their place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property

UNFIT = re.compile(r"[^A-Za-z0-9_]")


class Secrets:
    """Values by the names of their variables; each is stored as `[redacted NAME]`.

    Where values overlap, all of their bytes go, under the name of the first, or of the longest that begins there.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self._labels: dict[bytes, bytes] = {}
        for name in sorted(self.values):
            label = f"[redacted {UNFIT.sub('?', name)}]".encode()
            self._labels.setdefault(os.fsencode(self.values[name]), label)

    def __bool__(self) -> bool:
        return bool(self._labels)

    def in_xml(self) -> Secrets:
        """The same values, as they are and as XML spells them."""
        forms = Secrets({})
        forms._labels = {form: label for value, label in self._labels.items() for form in _xml_forms(value)}
        return forms

    def redact(self, data: bytes) -> bytes:
        """`data` as it is to be stored."""
        return self.hide(data, 0, len(data))[0]

    def redact_text(self, text: str) -> str:
        """`text` as it is to be stored."""
        data = text.encode(errors="surrogatepass")
        redacted = self.redact(data)
        return text if redacted == data else redacted.decode(errors="replace")

    def undecided(self, data: bytes) -> int:
        """From where on `data` may be the beginning of a value; its end if nowhere."""
        size = end = len(data)
        for value in self._labels:
            at = data.find(value[:1], max(0, size - len(value) + 1), end)
            while at >= 0 and not value.startswith(data[at:]):
                at = data.find(value[:1], at + 1, end)
            end = at if at >= 0 else end
        return end

    def hide(self, data: bytes, hidden: int, end: int) -> tuple[bytes, int]:
        """What to store of `data` up to `end`, and how many bytes beyond `end` belong to what was hidden there.

        The first `hidden` bytes belong to what was hidden before. `end` is where `data` ends, or is undecided.
        """
        here = [value for value in self._labels if value in data]
        if not here:
            return data[hidden:end], max(0, hidden - end)
        if not self._overlap:
            return self._replace(data[:end], here), 0
        parts = []
        at = hidden
        for start, _, stop, label in self._places(data, end):
            if start >= at:
                parts += [data[at:start], label]
            at = max(at, stop)
        return b"".join([*parts, data[at:end]]), max(0, at - end)

    def _replace(self, data: bytes, here: list[bytes]) -> bytes:
        if len(here) == 1:
            return data.replace(here[0], self._labels[here[0]])
        return self._pattern.sub(lambda match: self._labels[match[0]], data)

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(re.escape(value) for value in sorted(self._labels, key=len, reverse=True)))

    @cached_property
    def _overlap(self) -> bool:
        """Whether a value may begin inside of another, or of itself, and end behind it. Few do; they take longer."""
        return any(self.undecided(value[1:]) < len(value) - 1 for value in self._labels)

    def _places(self, data: bytes, end: int) -> list[tuple[int, int, int, bytes]]:
        """Start, length (negative: the longest first), stop and label of the values that begin before `end`, in order.

        Where a value begins inside of itself, the two are one place.
        """
        found = []
        for value, label in self._labels.items():
            length, last = len(value), end + len(value) - 1
            at = data.find(value, 0, last)
            while at >= 0:
                start, stop = at, at + length
                while start <= (at := data.find(value, at + 1, last)) < stop:
                    stop = at + length
                found.append((start, -length, stop, label))
        return sorted(found)


class Redactor:
    """Redacts a stream: what comes out does not depend on the pieces in which it came in.

    Holds back no more than what may be the beginning of a value.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = b""
        self._hidden = 0
        """Bytes of what is held that belong to a value whose label is out already."""

    def feed(self, data: bytes) -> bytes:
        """What can be stored now."""
        data = self._held + data
        return self._decide(data, self._secrets.undecided(data))

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        return self._decide(self._held, len(self._held))

    def _decide(self, data: bytes, end: int) -> bytes:
        stored, self._hidden = self._secrets.hide(data, self._hidden, end)
        self._held = data[end:]
        return stored


def _xml_forms(value: bytes) -> tuple[bytes, ...]:
    escaped = value.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    return value, escaped, escaped.replace(b'"', b"&quot;")
