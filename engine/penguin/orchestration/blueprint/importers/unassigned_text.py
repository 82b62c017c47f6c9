"""The text of a Markdown backlog that belongs to no task."""

from __future__ import annotations

import re
from collections.abc import Sequence

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose, source_text


class ProseCollector:
    """Adds text to the prose of a backlog, each heading before what is below it."""

    def __init__(self, backlog: ImportedBacklog, title_prefix: str = "") -> None:
        """Create a collector. The first heading of level 1 is the title, without the pattern `title_prefix`."""
        self.backlog = backlog
        self.section = ""
        """The text of the last heading below the title."""
        self._prefix = re.compile(rf"(?:{title_prefix})\s*[:—–-]?\s*" if title_prefix else "", re.IGNORECASE)
        self._pending: list[Heading] = []
        """Headings with no text below them yet."""

    def add(self, part: Heading | Prose) -> None:
        """Add a heading or a text."""
        if isinstance(part, Prose):
            self._write(part.text)
            return
        self._pending = [one for one in self._pending if one.level < part.level]
        if part.level == 1 and not self.backlog.title:
            match = self._prefix.match(part.text)
            self.backlog.title = (part.text[match.end() :] if match else part.text).strip()
        else:
            self.section = part.text
            self._pending.append(part)

    def add_item(self, item: Item, lines: Sequence[str]) -> None:
        """Add a list item that is no task."""
        self._write(source_text(lines, item.line, item.end))

    def _write(self, text: str) -> None:
        self.backlog.prose += [f"{'#' * heading.level} {heading.text}" for heading in self._pending]
        self._pending = []
        self.backlog.prose.append(text)
