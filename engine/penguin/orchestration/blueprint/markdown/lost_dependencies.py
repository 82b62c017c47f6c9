"""Dependencies that a Markdown blueprint mentions, but that no task has."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from penguin.orchestration.blueprint.markdown.blocks import Block
from penguin.orchestration.blueprint.markdown.draft import TaskDraft
from penguin.orchestration.blueprint.prose.claims import group_named
from penguin.orchestration.blueprint.prose.order_phrases import (
    PHRASE_STEMS,
    first_tasks,
    is_denied,
    sequences,
    without_quotations,
)
from penguin.orchestration.blueprint.prose.reachability import Reachability
from penguin.orchestration.config.document_checker import NOTE, Checker

WORD = re.compile(
    r"(?<![\w-])(?P<reverse>blocks|unblocks|precedes|(?:required|needed)\s+(?:by|for)"
    r"|(?:dependency|prerequisite|predecessor)\s+(?:of|for))\b"
    r"|(?<![\w-])(?P<word>depend(?:s|ent|ing)?[\s_-]*(?:up)?on|(?:dependencies|prerequisites|predecessors|deps|dep(?=:)|prereqs?)(?!\s+of\b)|dependency|depends|blocked[\s_-]*(?:by|on)"
    r"|blockers?|wait(?:s|ing)?[\s_-]*(?:for|on)|prerequisite|predecessor|requires?|needs?(?!\s+to\b)|(?P<weak>after))\b"
    r"|(?P<arrow>(?<![-=])[-=]+>|→|⇒|<[-=]+|←)",
    re.IGNORECASE,
)
STEMS = (
    *("dep", "blo", "pre", "require", "need", "wait", "after"),
    *("->", "=>", "<-", "<=", "→", "⇒", "←"),
)
"""Each match of `WORD` contains one of these. To search for them is much faster."""
_GROUP_STEMS = ("once", "til", "pre")
"""Each line that names a group contains one of these, or one of STEMS."""
_ALL_STEMS = frozenset((*STEMS, *_GROUP_STEMS, *PHRASE_STEMS))
_SHORTEST_STEMS = tuple(stem for stem in _ALL_STEMS if not any(part in stem for part in _ALL_STEMS - {stem}))
_REVERSE_STEM = re.compile("blocks|preced|required|needed|dependency|prerequisite|predecessor")
"""A part, in lower case, of each match of the group `reverse` of `WORD`."""
_RUN = re.compile(r"[\w.-]+")
_INNER = re.compile(r"([.-]+)")
_TOKEN = re.compile(r"(?P<mark>[`*\[<\"']|#(?=\d)|\b(?:tasks?|and|,)\s+(?=\d))?(?P<name>[A-Za-z0-9_][\w.-]*)")
_DIRECT = re.compile(r"[\s:=*_`'\"(\[<#]*(?:(?:on|the|tasks?)\b[\s:=*_`'\"(\[<#]*)*", re.IGNORECASE)
"""What may stand between a word and the id that it is about."""
_SUBJECT_END = re.compile(r"[\s*_`'\")\]>]*+(?:\b(?:also|is|are|still|only|directly|must|will|be)\b\s*)*[*_`]*")
"""What may stand between the id of a task and the word that says what it depends on."""
_END = re.compile(r"[.;!?](?=\s|$)|\||\bbefore\b")
_HEADING = re.compile(r"(?:\w+ )?(?:dependenc(?:y|ies)|prerequisites?|order)\b(?: \w+)?[:.]?$", re.IGNORECASE)
_DATA = frozenset({"", "yaml", "yml", "json", "toml", "mermaid", "text"})
"""The kinds of code blocks that may name dependencies."""
_OPEN_KEY = re.compile(r"[\s\"'-]*+\w[\w -]*+[\"']?\s*+:\s*+\[?\s*$")
_HINT = "write Depends: ID below the task that waits, or change the words"
_MOST_IDS = 100
"""Ids on a line that are compared with each other."""
_LONGEST_ID = 100
_NO_END = 1 << 40


def report_lost_dependencies(
    blocks: Sequence[Block],
    every: Sequence[Block],
    drafts: Sequence[TaskDraft],
    owners: Mapping[int, str],
    checker: Checker,
) -> None:
    """Warn of each line that names a dependency on a known task which is not there, directly or through others.

    Args:
        blocks: The blocks of the file.
        every: The same with all that is below them.
        drafts: The tasks, with their ids.
        owners: The id of the task that each line belongs to.
        checker: Takes the problems.
    """
    edges = _edges(drafts)
    known_lines = {problem.line for problem in checker.problems if problem.severity != NOTE}
    for line in [*_stated(drafts, edges), *_Mentions(blocks, drafts, owners, edges).lines(every)]:
        if line not in known_lines:
            known_lines.add(line)
            checker.warn(line, "reads like a dependency, but is prose", _HINT)


def _stated(drafts: Sequence[TaskDraft], edges: Reachability) -> Iterator[int]:
    """Yield the lines of prose that are nothing but names of tasks on which their task does not depend."""
    for draft in drafts:
        task_id = str(draft.entries["id"].raw)
        for line, names, reverse in draft.stated:
            pairs = [(name, task_id) if reverse else (task_id, name) for name in names if name != task_id]
            is_known = all(name in edges.needed for name in names)
            if is_known and (task_id in names or any(not edges.has(then, first) for then, first in pairs)):
                yield line


def _edges(drafts: Sequence[TaskDraft]) -> Reachability:
    """Return the dependencies of the tasks of a file."""
    needed: dict[str, list[str]] = {}
    for draft in drafts:
        own = [str(node.raw) for node in draft.dependencies()]
        own += [str(child.entries["id"].raw) for child in draft.subtasks]
        needed.setdefault(str(draft.entries["id"].raw), []).extend(own)
    return Reachability(needed)


class _Mentions:
    """The places of a file where dependencies are mentioned."""

    def __init__(
        self, blocks: Sequence[Block], drafts: Sequence[TaskDraft], owners: Mapping[int, str], edges: Reachability
    ) -> None:
        self.blocks = blocks
        self.edges = edges
        self.owners = owners
        self.starts = sorted((draft.line, str(draft.entries["id"].raw)) for draft in drafts)
        self.folded = {name.casefold(): name for name in edges.needed if not name.isalpha()}
        self.numbers = _numbers(edges.needed)
        self.numbers |= {draft.number: str(draft.entries["id"].raw) for draft in drafts if draft.number}

    def lines(self, blocks: Sequence[Block]) -> Iterator[int]:
        """Yield the number of each line that mentions a dependency that is not there."""
        in_list = False
        header: list[str] = []
        with_stems = _places_with(_SHORTEST_STEMS, ["" if block.kind == "fence" else block.text for block in blocks])
        for place, block in enumerate(blocks):
            kind, is_row = block.kind, block.text[:1] == "|"
            if kind == "heading":
                in_list = _HEADING.match(block.text.strip()) is not None
            if not (is_row or in_list or kind == "fence" or place in with_stems):
                header = []
                continue
            cells = _cells(block.text) if is_row else []
            header = header or cells if is_row else []
            owner = self.owners.get(block.line)
            if block.used and owner is None:
                continue  # A recipe, a criterion of the whole blueprint, or reported.
            if kind == "fence":
                yield from self._in_data(block, owner)
                continue
            names_others = self._names_others(block.text, owner)
            found = self._in_text(block, owner, cells) if names_others and place in with_stems else []
            if not found and place in with_stems:
                found = self._in_groups(block, owner)
            if not found and is_row and names_others:
                found = self._in_row(cells, header, owner)
            if not found and in_list and owner is None:
                found = self._in_pairs(self._ids(block.text))
            if found:
                yield block.line

    def _in_text(self, block: Block, owner: str | None, cells: Sequence[str]) -> list[str]:
        """Return what a line names in words for dependencies or for an order."""
        text = without_quotations(" ".join(cells) if len(cells) == 2 else block.text)
        found = self._in_line(text, owner, self._below(block) if owner is None else ())
        return found or self._in_phrases(text, owner)

    def _names_others(self, text: str, owner: str | None) -> bool:
        """Return whether a line may name other tasks than its own and the one that this waits for.

        It is true too often, since it looks at all words and parts of words. It is much faster than to find out
        what the line says.
        """
        if not text.isascii():
            return True
        lower = text.lower()
        runs: list[str] = _RUN.findall(lower)
        if len(lower) > _LONGEST_ID and len(max(runs, key=len, default="")) > _LONGEST_ID:
            return True
        words = [part for run in runs for part in (_parts(run) if "." in run or "-" in run or "_" in run else (run,))]
        named = {self._every_name[word] for word in words if word in self._every_name}
        if not named or named == {owner}:
            return False
        if len(named) > 1 or owner is None or not named.issubset(self.edges.needed.get(owner, ())):
            return True
        return _REVERSE_STEM.search(lower) is not None

    @cached_property
    def _every_name(self) -> dict[str, str]:
        """The ids of tasks by all their names in lower case; '' for a name of more than one."""
        found: dict[str, str] = {}
        for name, task_id in (*((name, name) for name in self.edges.needed), *self.numbers.items()):
            lower = name.lower()
            found[lower] = task_id if found.get(lower, task_id) == task_id else ""
        return found

    def _below(self, heading: Block) -> Sequence[str]:
        """Return the tasks in the section of a heading."""
        if heading.kind != "heading":
            return ()
        first = bisect_right(self.starts, (heading.line, ""))
        last = bisect_right(self.starts, (self._ends.get(heading.line, _NO_END), ""))
        return [name for _, name in self.starts[first:last]]

    @cached_property
    def _ends(self) -> dict[int, int]:
        """The line of the heading that ends the section of a heading, by the line of the latter."""
        ends: dict[int, int] = {}
        path: list[Block] = []
        for block in self.blocks:
            if block.kind == "heading":
                while path and path[-1].level >= block.level:
                    ends[path.pop().line] = block.line
                path.append(block)
        return ends

    def _ids(self, text: str, direct: bool = False) -> list[str]:
        """Return the known tasks in a text. A word without a digit or dash counts in backticks, or `direct` first."""
        found: list[str] = []
        start = _DIRECT.match(text)
        for match in _TOKEN.finditer(text):
            name = match["name"].rstrip(".-_")
            first = direct and start is not None and match.start("name") == start.end()
            if name.isalpha() and not match["mark"] and not first:
                continue
            if name.isdigit() and match["mark"] in (None, "`", "*", "[") and not first:
                continue
            if name not in self.edges.needed:
                name = self.numbers.get(name) or self.folded.get(name.casefold(), name)
            if name in self.edges.needed:
                found.append(name)
        return list(dict.fromkeys(found[:_MOST_IDS]))

    def _in_line(self, text: str, owner: str | None, below: Sequence[str]) -> list[str]:
        """Return the tasks that a line names after a word for dependencies, and on which its task does not depend."""
        found: list[str] = []
        words = list(WORD.finditer(text))
        for place, word in enumerate(words):
            start = words[place - 1].end() if place else 0
            before = text[start : word.start()]
            after = text[word.end() : words[place + 1].start() if place + 1 < len(words) else len(text)]
            if word["arrow"]:
                left = self._ids(before) or ([owner] if owner else [])
                found += self._unrelated(left, self._ids(after) if _is_direct(after) else [])
            elif is_denied(before):
                continue
            elif word["reverse"]:
                found += self._reversed(self._subjects(before, owner), after)
            else:
                found += self._after_word(before, after, word["weak"] is not None, owner, below)
        return list(dict.fromkeys(found))

    def _in_phrases(self, text: str, owner: str | None) -> list[str]:
        """Return what a line names in words such as `once A-1 is merged`, and on which its task does not depend."""
        found: list[str] = []
        for start, end in first_tasks(text):
            named = self._ids(text[start:end], direct=True)
            tasks = self._subjects(text[:start], owner)
            found += [one for one in named if not all(one == task or self.edges.has(task, one) for task in tasks)]
        for first, then in sequences(text):
            left, right = (self._ids(text[start:end], direct=True) for start, end in (first, then))
            found += self._unrelated(right, left)
        return found

    def _in_groups(self, block: Block, owner: str | None) -> list[str]:
        """Return the group of tasks that a line names, such as `Phase 1`, unless all tasks of the line wait for it."""
        match = group_named(block.text, in_heading=block.kind == "heading")
        tasks = [owner] if owner else self._section_of(block)
        if match is None or not tasks:
            return []
        number = match["number"] if "number" in match.groupdict() else None
        needed = [name for heading in self._headings.get(number or "", ()) for name in self._below(heading)]
        is_read = needed and all(self.edges.has(task, name) for task in tasks for name in needed)
        return [] if is_read else [match[0]]

    def _section_of(self, block: Block) -> Sequence[str]:
        """Return the tasks in the section of a heading, or of the text below one."""
        if block.kind == "heading":
            return self._below(block)
        above = [each for each in self.blocks if each.kind == "heading" and each.line < block.line]
        return self._below(above[-1]) if above else ()

    @cached_property
    def _headings(self) -> dict[str, list[Block]]:
        """The headings of groups of tasks, such as `Phase 2: Orders`, by the first number in them."""
        found: dict[str, list[Block]] = {}
        for block in self.blocks:
            number = re.search(r"\d+", block.text) if block.kind == "heading" else None
            if number:
                found.setdefault(number[0], []).append(block)
        return found

    def _reversed(self, needed: Sequence[str], after: str) -> list[str]:
        """Return the tasks right after a word such as `blocks` that do not depend on the tasks before it."""
        named = self._ids(after, direct=True)[:1] if _is_direct(after) else []
        return [task for task in named if any(not (task == name or self.edges.has(task, name)) for name in needed)]

    def _after_word(self, before: str, after: str, weak: bool, owner: str | None, below: Sequence[str]) -> list[str]:
        end = _END.search(after)
        after = after[: end.start()] if end else after
        named = self._ids(after, direct=not weak)
        if not named:
            return []
        is_direct = _is_direct(after)
        if weak and not is_direct:
            return []
        subjects = self._subjects(before, owner) or list(below)
        if not subjects:
            return named
        return [
            name
            for name in named
            if any(
                not (task == name or self.edges.has(task, name) or (not is_direct and self.edges.has(name, task)))
                for task in subjects
            )
        ]

    def _subjects(self, before: str, owner: str | None) -> list[str]:
        """Return the tasks of which a sentence says what they depend on."""
        sentence = re.split(r"[.;!?:](?=\s)", before)[-1]
        named = self._ids(sentence)
        tail = sentence.rpartition(named[-1])[2] if named else ""
        if named and (owner is None or _SUBJECT_END.fullmatch(tail)):
            return named
        return [owner] if owner else []

    def _in_row(self, cells: list[str], header: list[str], owner: str | None) -> list[str]:
        """Return what a row of a table names in a column about dependencies."""
        found: list[str] = []
        for cell, name in zip(cells, header, strict=False):
            if cell != name and (word := WORD.search(name)) and word["word"]:
                others = [each for other in cells if other is not cell for each in self._ids(other, direct=True)]
                tasks = others[:1] or ([owner] if owner else [])
                needed = self._ids(cell, direct=True)
                found += [each for each in needed if not all(t == each or self.edges.has(t, each) for t in tasks)]
        return found

    def _in_pairs(self, ids: list[str]) -> list[str]:
        return self._unrelated(ids[:1], ids[1:])

    def _unrelated(self, left: Iterable[str], right: Sequence[str]) -> list[str]:
        has = self.edges.has
        return [one for each in left for one in right if not (one == each or has(one, each) or has(each, one))]

    def _in_data(self, fence: Block, owner: str | None) -> Iterator[int]:
        """Yield the lines of a code block of data, in which a key may have its list on the lines below it."""
        if fence.info.partition(" ")[0].lower() not in _DATA:
            return
        key = ""
        for number, line in enumerate(fence.text.split("\n"), fence.line + 1):
            text = line.strip()
            if _OPEN_KEY.fullmatch(text):
                key = text if (word := WORD.search(text)) and word["word"] else ""
            elif not text.startswith(("-", '"', "'")):
                key = ""
            name = re.match(r"[\s\"'-]*id[\"']?\s*:\s*[\"']?([\w.-]+)", text)
            owner = name[1] if name and name[1] in self.edges.needed else owner
            found = self._in_line(f"{key} {text.lstrip('- ')}" if key else text, owner, ())
            if found:
                yield number


def _parts(run: str) -> Iterable[str]:
    """Return all parts of a word such as a-1.2, which a text about it could consist of."""
    parts = _INNER.split(run.strip(".-"))
    for first in range(0, len(parts), 2):
        for last in range(first, len(parts), 2):
            yield "".join(parts[first : last + 1]).rstrip("_")


def _places_with(stems: Iterable[str], lines: Iterable[str]) -> set[int]:
    """Return the places of the lines that contain one of the stems, in upper or lower case."""
    text = "\n".join(lines).casefold()
    ends = list(accumulate(len(line) + 1 for line in text.split("\n")))
    found: set[int] = set()
    for stem in stems:
        last = 0
        while (at := text.find(stem, last)) >= 0:
            place = bisect_right(ends, at)
            found.add(place)
            # One in each text is enough.
            last = ends[place]
    return found


def _numbers(ids: Iterable[str]) -> dict[str, str]:
    """Return the ids of tasks by their last number, such as that of A-1; those with the same number by none."""
    found: dict[str, list[str]] = {}
    for name in ids:
        letters = name.rstrip("0123456789")
        if letters.strip("-_").isalpha() and letters != name:
            found.setdefault(name[len(letters) :].lstrip("0"), []).append(name)
    return {number: names[0] for number, names in found.items() if len(names) == 1}


def _is_direct(after: str) -> bool:
    """Return whether an id, or any word with a digit, comes right after a word for dependencies."""
    between = _DIRECT.match(after)
    word = _TOKEN.match(after, between.end() if between else 0)
    return word is not None and (not word["name"].isalpha() or "#" in after[: word.start()])


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
