"""Damaged blueprints: what stood on a line is still read, or a problem is reported on that line.

`PENGUIN_MUTATIONS` sets the number of mutations.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penguin.orchestration.blueprint import Blueprint, parse_blueprint

MUTATIONS = int(os.environ.get("PENGUIN_MUTATIONS", "400"))
KEYS = ["Depends", "Depends on", "Dependencies", "Deps", "Blocked by", "Requires", "depends_on"]
CRITERIA_KEYS = ["Acceptance", "Acceptance criteria"]
MARKERS = ["-", "*", "+", "1.", "2)", "•"]
KEY = re.compile(
    r"(depends on|depends_on|depends|dependencies|deps|blocked by|requires|acceptance criteria|acceptance)", re.I
)
BULLET = re.compile(r"([ \t]*)((?:[-*+•]|\d+[.)])[ \t]+)?(.*)", re.DOTALL)
# What the reader of commit 392437f could read, too.
OLD_FORMS = ("inline", "bold")
FORMS = (*OLD_FORMS, "list", "bare", "heading")


@dataclass
class Line:
    """A line with what it says."""

    text: str
    task: str = ""
    """The id of the task that it is."""
    needs: tuple[str, ...] = ()
    """The ids of the tasks that its task depends on."""
    criterion: str = ""
    head: int = -1
    """The place of the line with the key, for an item of a list below it."""


@dataclass
class Plan:
    """A blueprint, and what it says."""

    lines: list[Line] = field(default_factory=list)
    edges: set[tuple[str, str]] = field(default_factory=set)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines) + "\n"


def plans(forms: tuple[str, ...] = FORMS) -> st.SearchStrategy[Plan]:
    @st.composite
    def build(draw: st.DrawFn) -> Plan:
        plan = Plan([Line("# Plan"), Line(""), Line("## Tasks"), Line("")])
        ids = [f"A-{number}" for number in range(1, draw(st.integers(2, 5)) + 1)]
        words = count(1)
        for place, task_id in enumerate(ids):
            needs = draw(st.lists(st.sampled_from(ids[:place]), unique=True, max_size=3)) if place else []
            plan.edges |= {(task_id, needed) for needed in needs}
            write = draw(st.sampled_from([_one_line, _section]))
            write(draw, plan, task_id, needs, forms, words)
        return plan

    return build()


def _one_line(
    draw: st.DrawFn, plan: Plan, task: str, needs: list[str], forms: tuple[str, ...], words: count[int]
) -> None:
    if any(line.text.startswith("###") for line in plan.lines):
        plan.lines += (
            [Line(""), Line(f"## Phase {task[2:]}"), Line("")] if forms is FORMS else [Line("### Group"), Line("")]
        )
    plan.lines.append(Line(f"- [ ] {task} Title of {task}", task=task))
    _needs(draw, plan, "  ", task, needs, tuple(form for form in forms if form != "heading"))
    for _ in range(draw(st.integers(0, 2))):
        text = f"works{next(words)} well"
        plan.lines.append(Line(f"  - Acceptance: {text}", criterion=text))
    if draw(st.booleans()):
        plan.lines.append(Line(f"  - prose{next(words)} here"))
    if draw(st.booleans()):
        plan.lines.append(Line(""))


def _section(
    draw: st.DrawFn, plan: Plan, task: str, needs: list[str], forms: tuple[str, ...], words: count[int]
) -> None:
    plan.lines += [Line(""), Line(f"### Title of {task}"), Line(""), Line(f"- **ID:** {task}", task=task)]
    _needs(draw, plan, "", task, needs, ("bold", *(form for form in forms if form == "heading")))
    plan.lines += [Line(""), Line(f"prose{next(words)} here")]
    if draw(st.booleans()):
        plan.lines += [Line(""), Line("#### Acceptance Criteria"), Line("")]
        for _ in range(draw(st.integers(1, 2))):
            text = f"works{next(words)} well"
            plan.lines.append(Line(f"- [ ] {text}", criterion=text))
    plan.lines.append(Line(""))


def _needs(draw: st.DrawFn, plan: Plan, indent: str, task: str, needs: list[str], forms: tuple[str, ...]) -> None:
    if not needs:
        return
    form = draw(st.sampled_from(forms))
    found, joined = tuple(needs), ", ".join(needs)
    if form == "inline":
        plan.lines.append(Line(f"{indent}- Depends: {joined}", needs=found))
    elif form == "bold":
        plan.lines.append(Line(f"{indent}- **Dependencies:** {joined}", needs=found))
    elif form == "bare":
        plan.lines.append(Line(f"{indent}Depends on: {joined}", needs=found))
    else:
        head = f"{indent}- Blocked by:" if form == "list" else "#### Dependencies"
        plan.lines += [Line(""), Line(head), Line("")] if form == "heading" else [Line(head)]
        place = len(plan.lines) - (2 if form == "heading" else 1)
        below = "" if form == "heading" else f"{indent}  "
        plan.lines += [Line(f"{below}- {needed}", needs=(needed,), head=place) for needed in needs]


# Mutations


def _delete(draw: st.DrawFn, text: str) -> str | None:
    return None


def _indent(draw: st.DrawFn, text: str) -> str:
    return draw(st.sampled_from([" ", "  ", "   ", "    ", "\t", " " * 8])) + text


def _dedent(draw: st.DrawFn, text: str) -> str:
    return text[draw(st.integers(0, len(text) - len(text.lstrip()))) :]


def _rebullet(draw: st.DrawFn, text: str) -> str:
    match = BULLET.fullmatch(text)
    assert match
    marker = draw(st.sampled_from([*MARKERS, ""]))
    return f"{match[1]}{marker + ' ' if marker else ''}{match[3]}"


def _rename(draw: st.DrawFn, text: str) -> str:
    match = KEY.search(text)
    if match is None:
        return text
    keys = CRITERIA_KEYS if match[0].lower().startswith("accept") else KEYS
    return text[: match.start()] + draw(st.sampled_from(keys)) + text[match.end() :]


def _misspell(draw: st.DrawFn, text: str) -> str:
    match = KEY.search(text)
    if match is None:
        return text
    place = draw(st.integers(1, len(match[0]) - 2))
    letters = match[0][:place] + match[0][place + 1 :]
    return text[: match.start()] + letters + text[match.end() :]


def _emphasize(draw: st.DrawFn, text: str) -> str:
    match = KEY.search(text)
    mark = draw(st.sampled_from(["**", "*", "_", "__", "`", ""]))
    if match is None:
        return text
    plain = text.replace("*", "") if not text.startswith("*") else text
    found = KEY.search(plain)
    assert found
    after = plain[found.end() :]
    if draw(st.booleans()) and after.startswith(":"):
        return f"{plain[: found.start()]}{mark}{found[0]}:{mark}{after[1:]}"
    return f"{plain[: found.start()]}{mark}{found[0]}{mark}{after}"


def _add_box(draw: st.DrawFn, text: str) -> str:
    match = BULLET.fullmatch(text)
    return f"{match[1]}{match[2]}[ ] {match[3]}" if match and match[2] and "[" not in text else text


def _remove_box(draw: st.DrawFn, text: str) -> str:
    return re.sub(r"\[ \] ", "", text, count=1)


def _drop_colon(draw: st.DrawFn, text: str) -> str:
    return text.replace(":", "", 1)


def _upper(draw: st.DrawFn, text: str) -> str:
    return KEY.sub(lambda match: match[0].upper(), text)


def _quote(draw: st.DrawFn, text: str) -> str:
    return f"> {text}"


MUTATORS: list[Callable[[st.DrawFn, str], str | None]] = [
    _delete, _indent, _dedent, _rebullet, _rename, _misspell, _emphasize, _add_box, _remove_box, _drop_colon, _upper,
    _quote,
]  # fmt: skip
KEEPING = (_rename, _upper, _emphasize)
"""Mutations that change no meaning: the edges stay the same."""


@st.composite
def mutations(draw: st.DrawFn, source: st.SearchStrategy[Plan] | None = None) -> tuple[Plan, Plan, str, int]:
    plan = draw(source if source is not None else plans())
    places = [
        place
        for place, line in enumerate(plan.lines)
        if line.needs or line.task or line.criterion or line.text[:4] == "####"
    ]
    place = draw(st.sampled_from(places))
    mutate = draw(st.sampled_from(MUTATORS))
    text = mutate(draw, plan.lines[place].text)
    lines = list(plan.lines)
    if text is None:
        del lines[place]
    else:
        lines[place] = replace(lines[place], text=text)
    return plan, Plan(lines, plan.edges), mutate.__name__, place


def lost(plan: Plan, blueprint: Blueprint, place: int) -> list[str]:
    """What stands in a blueprint and was neither read nor reported on its line, or on the mutated one next to it."""
    reported = {problem.line for problem in blueprint.problems if problem.severity != "note"}
    tasks = {task.id: task for task in blueprint.tasks}
    needed = {name for task in blueprint.tasks for name in task.dependencies}
    texts = "\n".join(it.text for task in blueprint.tasks for it in task.criteria)
    texts += "\n".join(task.description for task in blueprint.tasks)
    found: list[str] = []
    for number, line in enumerate(plan.lines, 1):
        if {number, line.head + 1, place + 1, place} & reported:
            continue
        if line.task and line.task not in tasks:
            found.append(f"line {number}: task {line.task}")
        found += [f"line {number}: dependency on {name}" for name in line.needs if name not in needed]
        if line.criterion and line.criterion not in texts:
            found.append(f"line {number}: criterion {line.criterion}")
    return found


@given(plans())
@settings(max_examples=MUTATIONS // 4, deadline=None)
def test_plans_are_read_as_they_were_written(plan: Plan) -> None:
    blueprint = parse_blueprint(plan.text, "b.md")
    assert [str(problem) for problem in blueprint.problems] == []
    assert {(task.id, name) for task in blueprint.tasks for name in task.dependencies} == plan.edges
    assert [task.id for task in blueprint.tasks] == [line.task for line in plan.lines if line.task]
    criteria = [it.text for task in blueprint.tasks for it in task.criteria]
    assert criteria == [line.criterion for line in plan.lines if line.criterion]


@given(mutations())
@settings(max_examples=MUTATIONS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_mutation_loses_anything_silently(mutation: tuple[Plan, Plan, str, int]) -> None:
    plan, mutated, kind, place = mutation
    blueprint = parse_blueprint(mutated.text, "b.md")
    assert lost(mutated, blueprint, place) == [], mutated.text
    edges = {(task.id, name) for task in blueprint.tasks for name in task.dependencies}
    if kind in [mutate.__name__ for mutate in KEEPING] and not blueprint.broken:
        assert edges == plan.edges, mutated.text
