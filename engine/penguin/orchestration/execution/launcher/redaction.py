"""Secrets, and their redaction in what is stored."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property

UNFIT = re.compile(r"[^A-Za-z0-9_]")


class Secrets:
    """Secret values by the names of their variables. Each is stored as `[redacted NAME]`.

    Where values overlap, all of their bytes are replaced by one label: that of the value that starts first, or of the
    longest that starts there.
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
        """Return the same secrets, with those escaped for XML in addition."""
        forms = Secrets({})
        forms._labels = {form: label for value, label in self._labels.items() for form in _xml_forms(value)}
        return forms

    def redact(self, data: bytes) -> bytes:
        """Return `data` with secrets redacted."""
        return self.hide(data, 0, len(data))[0]

    def redact_text(self, text: str) -> str:
        """Return `text` with secrets redacted."""
        data = text.encode(errors="surrogatepass")
        redacted = self.redact(data)
        return text if redacted == data else redacted.decode(errors="replace")

    def undecided(self, data: bytes) -> int:
        """Return the position from which `data` may be the start of a secret; its end if there is none."""
        size = end = len(data)
        for value in self._labels:
            at = data.find(value[:1], max(0, size - len(value) + 1), end)
            while at >= 0 and not value.startswith(data[at:]):
                at = data.find(value[:1], at + 1, end)
            end = at if at >= 0 else end
        return end

    def hide(self, data: bytes, hidden: int, end: int) -> tuple[bytes, int]:
        """Return `data` up to `end`, redacted, and how many bytes after `end` belong to a secret redacted there.

        The first `hidden` bytes belong to a secret redacted before. `end` is the end of `data`, or the result of
        `undecided`.
        """
        present = [value for value in self._labels if value in data]
        if not present:
            return data[hidden:end], max(0, hidden - end)
        if not self._overlap:
            return self._replace(data[:end], present), 0
        parts = []
        at = hidden
        for start, _, stop, label in self._places(data, end):
            if start >= at:
                parts += [data[at:start], label]
            at = max(at, stop)
        return b"".join([*parts, data[at:end]]), max(0, at - end)

    def _replace(self, data: bytes, present: list[bytes]) -> bytes:
        if len(present) == 1:
            return data.replace(present[0], self._labels[present[0]])
        return self._pattern.sub(lambda match: self._labels[match[0]], data)

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(re.escape(value) for value in sorted(self._labels, key=len, reverse=True)))

    @cached_property
    def _overlap(self) -> bool:
        """Return whether a secret can start inside another, or itself, and end after it.

        Such secrets take longer to redact.
        """
        return any(self.undecided(value[1:]) < len(value) - 1 for value in self._labels)

    def _places(self, data: bytes, end: int) -> list[tuple[int, int, int, bytes]]:
        """Return start, negative length, stop and label of the secrets that start before `end`, in order.

        Occurrences of a secret that overlap count as one.
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
    """A redactor of a stream. Its output does not depend on how the input is split.

    It holds back only what may be the start of a secret.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = b""
        self._hidden = 0
        """Bytes held back that belong to a secret whose label was already written."""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that can be stored now."""
        data = self._held + data
        return self._decide(data, self._secrets.undecided(data))

    def flush(self) -> bytes:
        """Return the bytes held back, at the end of the stream."""
        return self._decide(self._held, len(self._held))

    def _decide(self, data: bytes, end: int) -> bytes:
        stored, self._hidden = self._secrets.hide(data, self._hidden, end)
        self._held = data[end:]
        return stored


def _xml_forms(value: bytes) -> tuple[bytes, ...]:
    escaped = value.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    return value, escaped, escaped.replace(b'"', b"&quot;")
