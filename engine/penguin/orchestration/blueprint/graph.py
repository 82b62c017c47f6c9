"""The dependency graph of a project's tasks: its order, its dependents and its cycles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import networkx as nx

from penguin.orchestration.backend import BlueprintError, TaskNotFound
from penguin.orchestration.blueprint.ready import precedence
from penguin.orchestration.config.document_checker import nearest
from penguin.orchestration.core.definition import Task

MAX_DEPTH = 8
"""Levels of a tree. More do not fit on a narrow screen beside ids and states."""


class TreeLine(NamedTuple):
    """A task in the tree of a graph."""

    branch: str
    """The lines before its id, such as `│  └─ `."""
    rail: str
    """The lines that continue below its id, such as `│     │`."""
    task: Task
    needs: tuple[str, ...]
    """Its dependencies besides the task above it."""
    folded: bool
    """Whether the tasks below it are at the start of another tree."""


class TaskGraph:
    """The tasks of one project by id, with an edge from each task to its dependents.

    The first task with a repeated id counts; `lint` reports the others.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks: dict[str, Task] = {}
        for task in tasks:
            self.tasks.setdefault(task.id, task)
        self._graph: nx.DiGraph[str] = nx.DiGraph()
        self._graph.add_nodes_from(self.tasks)
        for task in self.tasks.values():
            self._graph.add_edges_from((needed, task.id) for needed in task.dependencies if needed in self.tasks)

    def missing(self) -> list[tuple[Task, str]]:
        """Return each dependency on an unknown task, with the task that names it."""
        every = self.tasks.values()
        return [(task, needed) for task in every for needed in task.dependencies if needed not in self.tasks]

    def cycles(self) -> list[list[str]]:
        """Return the shortest cycle through the first task of each set of tasks that depend on each other.

        Each id depends on the next one; the last is the first again.
        """
        place = {task_id: number for number, task_id in enumerate(self.tasks)}
        found = []
        for knot in self._knots():
            start = min(knot, key=place.__getitem__)
            if len(knot) > 1 or self._graph.has_edge(start, start):
                found.append(self._circle(start, knot))
        return sorted(found, key=lambda circle: place[circle[0]])

    def _knots(self) -> Iterator[set[str]]:
        """Yield the sets of tasks that depend on each other, most of them of one task."""
        return iter(nx.strongly_connected_components(self._graph))

    def _circle(self, start: str, knot: set[str]) -> list[str]:
        if start in self.tasks[start].dependencies:
            return [start, start]
        within = self._graph.subgraph(knot).reverse(copy=False)
        paths = nx.single_target_shortest_path(within, start)
        return min(([start, *paths[needed]] for needed in within[start]), key=len)

    def order(self) -> list[Task]:
        """Return all tasks, each after its dependencies, otherwise by precedence. Raises BlueprintError for a cycle."""
        self._refuse_cycles(set(self.tasks))
        ids = nx.lexicographical_topological_sort(self._graph, key=lambda task_id: precedence(self.tasks[task_id]))
        return [self.tasks[task_id] for task_id in ids]

    def dependents(self, task_id: str, *, transitive: bool = False) -> list[Task]:
        """Return the tasks that depend on this one: directly, or with `transitive` at all."""
        self._require(task_id)
        found = nx.descendants(self._graph, task_id) if transitive else self._graph[task_id]
        return [task for task in self.tasks.values() if task.id in found]

    def dependencies(self, task_id: str, *, transitive: bool = False) -> list[Task]:
        """Return the tasks that this one depends on: directly, or with `transitive` at all."""
        self._require(task_id)
        found = nx.ancestors(self._graph, task_id) if transitive else set(self._graph.predecessors(task_id))
        return [task for task in self.tasks.values() if task.id in found]

    def closure(self, task_id: str) -> list[Task]:
        """Return a task after all its dependencies, in the order of work.

        Raises TaskNotFound, or BlueprintError if a dependency is unknown or there is a cycle.
        """
        self._require(task_id)
        wanted = nx.ancestors(self._graph, task_id) | {task_id}
        self._refuse_cycles(wanted)
        part = TaskGraph(self.tasks[name] for name in self.tasks if name in wanted)
        for task, needed in part.missing():
            raise BlueprintError(
                f"{task.path}:{task.line}: task {task.id} depends on unknown task {needed!r}", self.hint(needed)
            )
        return part.order()

    def hint(self, task_id: str) -> str:
        """Return a hint with the most similar task id."""
        match = nearest(task_id, self.tasks)
        return f"did you mean {match!r}?" if match else "add the task, or remove the dependency"

    def _require(self, task_id: str) -> None:
        if task_id not in self.tasks:
            raise TaskNotFound(f"unknown task {task_id[:100]!r}", self.hint(task_id))

    def _refuse_cycles(self, wanted: set[str]) -> None:
        for circle in self.cycles():
            if circle[0] in wanted:
                task = self.tasks[circle[0]]
                message = f"{task.path}:{task.line}: circular dependency: {' -> '.join(circle)}"
                raise BlueprintError(message, "remove one of these dependencies")

    def critical_path(self, weights: Mapping[str, float]) -> list[str]:
        """Return the chain of dependent tasks with the largest sum of weights, in the order of work.

        Args:
            weights: What each task takes, by id. Tasks without a weight, or with 0, are left out.
        """
        forward = self._without_cycles()
        sums: dict[str, float] = {}
        before: dict[str, str | None] = {}
        for name in nx.topological_sort(forward):
            needed = max(forward.predecessors(name), key=sums.__getitem__, default=None)
            before[name] = needed
            sums[name] = weights.get(name, 0.0) + (sums[needed] if needed is not None else 0.0)
        last = max(sums, key=sums.__getitem__, default=None)
        path: list[str] = []
        while last is not None:
            path.append(last)
            last = before[last]
        return [name for name in reversed(path) if weights.get(name, 0.0) > 0]

    def tree(self) -> Iterator[TreeLine]:
        """Yield the lines of a tree in which each task is below the last of its dependencies.

        What is deeper than MAX_DEPTH continues in another tree after this one.
        """
        parents = self._parents()
        below: dict[str | None, list[str]] = {}
        for task_id in self.tasks:
            below.setdefault(parents[task_id], []).append(task_id)
        roots = deque(below.get(None, ()))
        while roots:
            yield from self._branch(roots, below, parents)

    def _parents(self) -> dict[str, str | None]:
        """Return for each task the dependency with the longest way from the start, outside of its own cycle."""
        forward = self._without_cycles()
        depths: dict[str, int] = {}
        parents: dict[str, str | None] = {}
        for name in nx.topological_sort(forward):
            needed = [one for one in self.tasks[name].dependencies if forward.has_edge(one, name)]
            parent = max(needed, key=depths.__getitem__, default=None)
            parents[name] = parent
            depths[name] = 0 if parent is None else depths[parent] + 1
        return parents

    def _without_cycles(self) -> nx.DiGraph[str]:
        """Return the graph without the edges within cycles. No cycles are left among the others."""
        cycle_of = {name: number for number, knot in enumerate(self._knots()) for name in knot}
        forward: nx.DiGraph[str] = nx.DiGraph()
        forward.add_nodes_from(self.tasks)
        forward.add_edges_from(edge for edge in self._graph.edges if cycle_of[edge[0]] != cycle_of[edge[1]])
        return forward

    def _branch(
        self, roots: deque[str], below: Mapping[str | None, Sequence[str]], parents: Mapping[str, str | None]
    ) -> Iterator[TreeLine]:
        root = roots.popleft()
        stack = [("", "", root, 0)]
        while stack:
            branch, indent, task_id, depth = stack.pop()
            children = below.get(task_id, ())
            folded = bool(children) and depth == MAX_DEPTH
            task = self.tasks[task_id]
            above = parents[task_id] if depth else None
            others = tuple(name for name in task.dependencies if name != above)
            rail = f"{indent}│" if children and not folded else indent
            yield TreeLine(branch, rail, task, others, folded)
            if folded:
                roots.extendleft(reversed(children))
                continue
            for number, child in enumerate(reversed(children)):
                corner, rest = ("└─ ", "   ") if number == 0 else ("├─ ", "│  ")
                stack.append((indent + corner, indent + rest, child, depth + 1))

    def edges(self) -> Iterator[tuple[str, str]]:
        """Yield each dependency with the task that depends on it. The dependency may be unknown."""
        return ((needed, task.id) for task in self.tasks.values() for needed in task.dependencies)


def to_dot(graph: TaskGraph) -> str:
    """Return the graph in the language of Graphviz. Arrows point from a task to its dependents."""
    lines = ["digraph tasks {", "  rankdir=LR;", "  node [shape=box];"]
    for task in graph.tasks.values():
        lines.append(f"  {_dot(task.id)} [label={_dot(_label(task))}];")
    lines += [f"  {_dot(needed)} [style=dashed];" for needed in dict.fromkeys(name for _, name in graph.missing())]
    lines += [f"  {_dot(needed)} -> {_dot(task_id)};" for needed, task_id in graph.edges()]
    return "\n".join([*lines, "}"])


def _label(task: Task) -> str:
    title = " ".join(task.title.split())
    return task.id if title == task.id else f"{task.id}\n{title}"


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def to_mermaid(graph: TaskGraph) -> str:
    """Return the graph in the language of Mermaid. Arrows point from a task to its dependents."""
    missing = dict.fromkeys(needed for _, needed in graph.missing())
    # Numbered nodes: an id such as `end` is a keyword of Mermaid.
    names = {task_id: f"t{number}" for number, task_id in enumerate([*graph.tasks, *missing])}
    lines = ["flowchart LR"]
    lines += [f'  {names[task.id]}["{_mermaid(_label(task))}"]' for task in graph.tasks.values()]
    lines += [f'  {names[needed]}["{_mermaid(needed)}"]:::missing' for needed in missing]
    lines += [f"  {names[needed]} --> {names[task_id]}" for needed, task_id in graph.edges()]
    return "\n".join([*lines, *(["  classDef missing stroke-dasharray: 5 5"] if missing else [])])


def _mermaid(text: str) -> str:
    """Return text for quotes: all but plain characters as `#code;`, Mermaid's way of escaping."""
    plain = frozenset(" .,:;!?()-_/+='")
    return "".join(
        char if char.isalnum() or char in plain else "<br/>" if char == "\n" else f"#{ord(char)};" for char in text
    )
