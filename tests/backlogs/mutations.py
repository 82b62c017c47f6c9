"""Mutations of backlogs: one line is deleted, indented, given another bullet, or renamed.

After each, what the file says is still read, or the reader says on that line what it did not read:

- A deleted line takes with it only what it says.
- Indentation, another bullet and another spelling of a key lose no task, dependency, criterion or check. Indentation
  may make a criterion of a task, a task of a criterion, and give a dependency to the task above. Then that task, or
  another one that did not have it before, has the dependency.
- A word with a letter less means the same, or is reported; of an id, where another task depends on it.
- A refused file is fine, for then nothing is lost, and so is one that is read in another format, which is named. An
  invented check never is.

What was reported before the mutation does not count. Formats in which the place of a task orders it are free in the
dependencies only where the changed line is a task, a section or data.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.backlogs.fixtures import BLUEPRINT, FOLDER, Fixture, Reading, fixtures, read

LARGEST = 16_000
"""Bytes of the largest backlog that is mutated. Larger ones repeat what the others have."""
IMPLIED_ORDER = ("spec-kit", "staged-plan", "kiro", "ralph", "task-master", "backlog-md", "beads")
"""Formats in which the place of a task, or its parent, orders it: the tasks around a changed line depend on others."""
BULLET = re.compile(r"([ \t]*)([-*+]|\d+[.)])([ \t]+)(.*)", re.DOTALL)
KEY = re.compile(r"\b(?:depends on|depends_on|depends|dependencies|deps|blocked by|requires)\b", re.IGNORECASE)
SPELLINGS = ("Depends", "Depends on", "Dependencies", "Deps", "Blocked by", "Requires", "depends_on")
BOX = re.compile(r"\[[ xX]\]")
WORD = re.compile(r"[A-Za-z]{4,}")

Mutate = Callable[[random.Random, str], str | None]


class Mutation(NamedTuple):
    """A backlog with one line changed."""

    fixture: Fixture
    kind: str
    line: int
    """From 1, in the backlog before it."""
    before: str
    after: str | None
    """None: the line is deleted."""

    def apply(self, lines: list[str]) -> list[str]:
        """Return the lines of the changed backlog."""
        return [*lines[: self.line - 1], *([] if self.after is None else [self.after]), *lines[self.line :]]

    def __str__(self) -> str:
        change = "deleted" if self.after is None else f"-> {_short(self.after)}"
        return f"{self.fixture.name}:{self.line} ({self.kind}): {_short(self.before)} {change}"


def _short(line: str) -> str:
    return repr(line if len(line) <= 160 else f"{line[:160]}…")


def delete(chance: random.Random, line: str) -> None:
    return None


def indent(chance: random.Random, line: str) -> str:
    return chance.choice([" ", "  ", "    ", "\t"]) + line


def dedent(chance: random.Random, line: str) -> str:
    return line[chance.randint(1, 4) :] if line[:1] in " \t" and not line[:4].strip() else line.lstrip()


def change_bullet(chance: random.Random, line: str) -> str:
    match = BULLET.fullmatch(line)
    return f"{match[1]}{chance.choice(['-', '*', '+', '1.', '7)'])}{match[3]}{match[4]}" if match else line


def change_key(chance: random.Random, line: str) -> str:
    return KEY.sub(chance.choice(SPELLINGS), line, count=1)


def misspell(chance: random.Random, line: str) -> str:
    words = list(WORD.finditer(line))
    if not words:
        return line
    word = chance.choice(words)
    place = chance.randrange(word.start() + 1, word.end())
    return line[:place] + line[place + 1 :]


MUTATIONS: tuple[Mutate, ...] = (delete, indent, dedent, change_bullet, change_key, misspell)


class Failure(NamedTuple):
    """What a mutation lost or invented without a word."""

    mutation: Mutation
    what: tuple[str, ...]


class _Backlog:
    """A backlog that is mutated."""

    def __init__(self, fixture: Fixture, folder: Path) -> None:
        self.fixture = fixture
        self.reading = read(fixture.path, fixture.format)
        self.lines = fixture.path.read_bytes().decode().split("\n")
        # Some formats are recognised by names of files and folders, and have other files beside the tasks.
        self.copy = folder / fixture.path.parent.name / fixture.path.name
        if fixture.path.parent.parent == FOLDER:
            self.copy.parent.mkdir(parents=True)
        else:
            copytree(fixture.path.parent, self.copy.parent)

    def read(self, mutation: Mutation) -> Reading:
        """Return what is read after a mutation."""
        self.copy.write_bytes("\n".join(mutation.apply(self.lines)).encode())
        return read(self.copy, self.fixture.format)


def run(count: int, seed: int) -> Iterator[Failure]:
    """Mutate the backlogs `count` times, each about as often as the others. Yield what failed."""
    chance = random.Random(seed)
    found = [
        one for one in fixtures() if not one.error_line and one.path.is_file() and one.path.stat().st_size < LARGEST
    ]
    with TemporaryDirectory() as folder:
        backlogs = [_Backlog(fixture, Path(folder, str(place))) for place, fixture in enumerate(found)]
        for _ in range(count):
            backlog = chance.choice(backlogs)
            mutation = _mutation(chance, backlog)
            lost = tuple(check(mutation, backlog.reading, backlog.read(mutation), mutation.apply(backlog.lines)))
            if lost:
                yield Failure(mutation, lost)


def _mutation(chance: random.Random, backlog: _Backlog) -> Mutation:
    while True:
        number = chance.randrange(len(backlog.lines))
        line = backlog.lines[number]
        if not line.strip():
            continue
        mutate = chance.choice(MUTATIONS)
        after = mutate(chance, line)
        if after != line:
            return Mutation(backlog.fixture, mutate.__name__, number + 1, line, after)


def check(mutation: Mutation, before: Reading, after: Reading, lines: Sequence[str] = ()) -> Iterator[str]:
    """Yield what a mutation lost or invented without a word. `lines` are those after it."""
    if mutation.fixture.format != BLUEPRINT and len(after.checks):
        yield f"invented checks: {after.checks}"
    if after.refused or _is_reported(mutation, before, after):
        return
    shown = _plain("\n".join(line for number, line in enumerate(lines, 1) if number in after.reported))
    yield from _lost_texts(mutation, before, after, shown)
    yield from _lost_edges(mutation, before, after)


def _is_reported(mutation: Mutation, before: Reading, after: Reading) -> bool:
    if after.format != before.format:
        return True
    # What is below a line goes with it: its first line is as good.
    near = {mutation.line, mutation.line - 1} if mutation.after is None else {mutation.line, mutation.line + 1}
    if near & (after.reported - _moved_lines(mutation, before.reported)):
        return True
    # An unknown dependency is reported where it is, and metadata by its name.
    new = _words(after.remarks) - _words(before.remarks)
    changed = _words(mutation.after) ^ _words(mutation.before) if mutation.after is not None else set()
    return not new.isdisjoint(changed | _telling_words(f"{mutation.before} {mutation.after or ''}"))


def _moved_lines(mutation: Mutation, lines: frozenset[int]) -> frozenset[int]:
    """Return the lines that were reported before, with their numbers after the mutation."""
    shift = 1 if mutation.after is None else 0
    return frozenset(line - shift if line > mutation.line else line for line in lines)


def _lost_texts(mutation: Mutation, before: Reading, after: Reading, shown: str) -> Iterator[str]:
    """Yield titles, criteria and checks that are not read any more, though they are not on the changed line.

    `shown` is the text of the lines that are reported.
    """
    there = [shown, *(_plain(text) for text in (*after.titles.values(), *after.criteria))]
    if _hides_heading(mutation):
        there.append(_plain(after.texts))
    checks = [shown, *(_plain(check) for check in after.checks)]
    for what, texts, found in (
        ("task", before.titles.values(), there),
        ("criterion", before.criteria, there),
        ("check", before.checks, checks),
    ):
        for text in texts:
            plain = _plain(text)
            words = set(plain.split())
            if not any(words <= set(other.split()) for other in found) and not _is_on(plain, mutation):
                yield f"{what} {text!r}"


def _is_on(text: str, mutation: Mutation) -> bool:
    """Return whether a text is on the line that was deleted or spelled differently."""
    words, before = text.split(), _plain(mutation.before).split()
    if mutation.after is not None and not _hides_heading(mutation):
        gone = Counter(before) - Counter(_plain(mutation.after).split())
        return mutation.kind == "misspell" and not gone.keys().isdisjoint(words)
    # A criterion of several lines, and one that the line only refers to by its number, count too.
    on_line = sum(word in before for word in words)
    return (
        2 * on_line >= len(words)
        or " ".join(before) in text
        or words[:2] in [before[at : at + 2] for at in range(len(before))]
    )


def _hides_heading(mutation: Mutation) -> bool:
    """Return whether a heading was indented, and so is text."""
    return mutation.kind == "indent" and mutation.before.startswith("#")


def _lost_edges(mutation: Mutation, before: Reading, after: Reading) -> Iterator[str]:
    structural = mutation.kind in ("delete", "indent", "dedent", "change_bullet")
    if structural and mutation.fixture.format in IMPLIED_ORDER and _may_order(mutation):
        return
    names = _new_names(before, after) if mutation.kind == "misspell" else {}
    expected = {(names.get(task, task), names.get(needed, needed)) for task, needed in before.edges}
    for task, needed in sorted(expected - after.edges):
        if not (structural and _is_moved(mutation, before, after, task, needed)):
            yield f"dependency of {task} on {needed}"


def _may_order(mutation: Mutation) -> bool:
    """Return whether a line may be a task, a section or data: its place, or its parent, orders tasks."""
    line = mutation.before.lstrip()
    return mutation.fixture.path.suffix != ".md" or line.startswith("#") or BOX.search(line) is not None


def _is_moved(mutation: Mutation, before: Reading, after: Reading, task: str, needed: str) -> bool:
    """Return whether a dependency went with a line, or is now another task's: the one above, to which it belongs.

    A subtask that is none any more, or became a criterion, has no parent that depends on it.
    """
    if task not in after.titles or needed not in after.titles:
        return True
    others = [task for task, other in after.edges if needed == other]
    if len(others) >= sum(needed == other for _, other in before.edges):
        return True
    if mutation.after is not None and others and _word(needed) in mutation.before:
        return True
    on_line = _word(needed) in mutation.before or _word(task) in mutation.before
    return on_line and (mutation.after is None or BOX.search(mutation.before) is not None)


def _new_names(before: Reading, after: Reading) -> dict[str, str]:
    """Return the new ids of tasks whose ids were spelled differently, by their old ones."""
    gone = [task_id for task_id in before.titles if task_id not in after.titles]
    new = [task_id for task_id in after.titles if task_id not in before.titles]
    return dict(zip(gone, new, strict=False)) if len(gone) == len(new) else {}


def _word(task_id: str) -> str:
    return task_id.rpartition(".")[2]


def _telling_words(text: str) -> set[str]:
    """Return the words of a text that are no ordinary ones: those of five letters and more, and ids."""
    return {word for word in _words(text) if len(word) > 4 or any(map(str.isdigit, word))}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _plain(text: str) -> str:
    """Return the words of a text, without the names of keys."""
    return " ".join(re.findall(r"[^\W_]+", KEY.sub("", text))).lower()
