"""The dependency graph: order, circles, what is ready, and the pictures of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.backend import BlueprintError, TaskNotFound
from penguin.orchestration.blueprint.graph import TaskGraph, to_dot, to_mermaid
from penguin.orchestration.blueprint.ready import ready_tasks
from penguin.orchestration.core.definition import Task


def tasks_of(**needs: str) -> list[Task]:
    """Tasks by id, each with the ids it needs, divided by spaces."""
    return [
        Task(id=name, title=name, dependencies=tuple(text.split()), place=place, path="b.md", line=place + 1)
        for place, (name, text) in enumerate(needs.items())
    ]


def ids(tasks: list[Task]) -> list[str]:
    return [task.id for task in tasks]


DIAMOND = tasks_of(d="b c", b="a", c="a", a="")


def test_order_and_neighbours() -> None:
    graph = TaskGraph(DIAMOND)
    assert ids(graph.order()) == ["a", "b", "c", "d"]
    assert ids(graph.dependents("a")) == ["b", "c"]
    assert ids(graph.dependents("a", transitive=True)) == ["d", "b", "c"]
    assert ids(graph.dependencies("d")) == ["b", "c"]
    assert ids(graph.dependencies("d", transitive=True)) == ["b", "c", "a"]
    assert ids(graph.closure("b")) == ["a", "b"]
    with pytest.raises(TaskNotFound, match="'x'"):
        graph.dependents("x")


def test_closure_refuses_what_can_not_be_met() -> None:
    graph = TaskGraph(tasks_of(a="", b="a gone", c="a", x="y", y="x", z="x"))
    assert ids(graph.closure("c")) == ["a", "c"]
    with pytest.raises(BlueprintError, match=r"b\.md:2: task b depends on unknown task 'gone'"):
        graph.closure("b")
    with pytest.raises(BlueprintError, match="x -> y -> x"):
        graph.closure("z")
    with pytest.raises(BlueprintError, match="circular"):
        graph.order()


def test_cycles_are_reported_in_order() -> None:
    assert TaskGraph(tasks_of(a="b", b="c", c="a")).cycles() == [["a", "b", "c", "a"]]
    assert TaskGraph(tasks_of(a="a")).cycles() == [["a", "a"]]
    assert TaskGraph(tasks_of(p="q", q="p", a="b", b="a")).cycles() == [["p", "q", "p"], ["a", "b", "a"]]
    assert TaskGraph(DIAMOND).cycles() == []


names = st.sampled_from("abcdefgh")


@given(st.dictionaries(names, st.sets(names, max_size=3)))
def test_circles_are_found_where_networkx_finds_them(needs: dict[str, set[str]]) -> None:
    graph = TaskGraph(tasks_of(**{name: " ".join(sorted(found)) for name, found in needs.items()}))
    known = [(name, needed) for name, found in needs.items() for needed in found if needed in needs]
    digraph: nx.DiGraph[str] = nx.DiGraph(known)
    circles = graph.cycles()
    assert bool(circles) == (not nx.is_directed_acyclic_graph(digraph))
    for circle in circles:
        assert circle[0] == circle[-1]
        assert all(later in needs[earlier] for earlier, later in pairwise(circle))
    if circles:
        with pytest.raises(BlueprintError):
            graph.order()
    else:
        order = ids(graph.order())
        assert sorted(order) == sorted(needs)
        assert all(order.index(needed) < order.index(name) for name, needed in known)


@given(st.dictionaries(names, st.sets(names, max_size=3)), st.sets(names), st.sets(names))
def test_ready_is_what_nothing_holds_back(needs: dict[str, set[str]], completed: set[str], active: set[str]) -> None:
    tasks = tasks_of(**{name: " ".join(found) for name, found in needs.items()})
    expected = [name for name in needs if name not in completed | active and needs[name] <= completed]
    assert ids(ready_tasks(tasks, completed, active)) == expected


def test_ready_order() -> None:
    def task(name: str, **fields: object) -> Task:
        return Task(id=name, title=name, **fields)  # type: ignore[arg-type]

    tasks = [
        task("later", place=1, path="a.md"),
        task("early", place=0, path="b.md"),
        task("risky", risk=5, place=9),
        task("worthy", value=4, place=9),
        task("cheap", effort=2, place=9),
        task("low", priority="low", value=5),
        task("critical", priority="critical", value=1, effort=5, place=99),
    ]
    assert ids(ready_tasks(tasks, ())) == ["critical", "cheap", "worthy", "risky", "early", "later", "low"]


def tree_of(graph: TaskGraph) -> list[str]:
    return [
        f"{line.branch}{line.task.id}{'…' * line.folded}{''.join(f' +{name}' for name in line.needs)}"
        for line in graph.tree()
    ]


def test_the_tree_shows_each_task_once_below_its_last_dependency() -> None:
    graph = TaskGraph(tasks_of(a="", b="a", c="b", d="a c gone", e="d", f=""))
    assert tree_of(graph) == ["a", "└─ b", "   └─ c", "      └─ d +a +gone", "         └─ e", "f"]
    assert tree_of(TaskGraph(DIAMOND)) == ["a", "├─ b", "│  └─ d +c", "└─ c"]


def test_the_tasks_of_a_cycle_are_not_below_each_other() -> None:
    assert tree_of(TaskGraph(tasks_of(x="y", y="x", z="y", w="w"))) == ["x +y", "y +x", "└─ z", "w +w"]


def test_a_deep_tree_continues_in_another_one() -> None:
    chain = {f"t{number}": f"t{number - 1}" if number else "" for number in range(11)}
    lines = tree_of(TaskGraph(tasks_of(**chain)))
    assert lines[8:] == [f"{' ' * 21}└─ t8…", "t9 +t8", "└─ t10"]
    assert max(map(len, lines)) < 30


@given(st.dictionaries(names, st.sets(names, max_size=3)))
def test_the_tree_has_every_task_and_every_dependency(needs: dict[str, set[str]]) -> None:
    graph = TaskGraph(tasks_of(**{name: " ".join(sorted(found)) for name, found in needs.items()}))
    lines = list(graph.tree())
    assert sorted(line.task.id for line in lines) == sorted(needs)
    for number, line in enumerate(lines):
        indent = len(line.branch)
        above = next((it.task.id for it in reversed(lines[:number]) if len(it.branch) == indent - 3), None)
        assert {*line.needs, *([above] if indent else [])} == needs[line.task.id]


def test_a_chain_of_thousands() -> None:
    chain = [Task(id=f"t{n}", title="x", dependencies=(f"t{n - 1}",) if n else (), place=n) for n in range(3_000)]
    graph = TaskGraph(chain)
    assert ids(graph.closure("t2999")) == [f"t{n}" for n in range(3_000)]
    assert sum(1 for _ in graph.tree()) == 3_000


def test_dot_and_mermaid_escape() -> None:
    tasks = [
        Task(id="end", title='A "quoted" \\ <b>title</b>\nx'),
        Task(id="b", title="b", dependencies=("end", "gone")),
    ]
    dot = to_dot(TaskGraph(tasks))
    assert r'"end" [label="end\nA \"quoted\" \\ <b>title</b> x"];' in dot
    assert '"gone" [style=dashed];' in dot
    assert '"end" -> "b";' in dot
    mermaid = to_mermaid(TaskGraph(tasks))
    assert 't0["end<br/>A #34;quoted#34; #92; #60;b#62;title#60;/b#62; x"]' in mermaid
    assert "t0 --> t1" in mermaid
    assert 't2["gone"]:::missing' in mermaid


def test_a_repeated_id_counts_once() -> None:
    graph = TaskGraph([*tasks_of(a=""), *tasks_of(a="b")])
    assert graph.cycles() == []
    assert graph.missing() == []


def test_the_critical_path_is_the_heaviest_chain() -> None:
    graph = TaskGraph(tasks_of(a="", b="a", c="a", d="b c", e=""))
    assert graph.critical_path(dict.fromkeys("abcde", 1.0)) == ["a", "b", "d"]
    assert graph.critical_path({name: 9.0 if name == "c" else 1.0 for name in "abcde"}) == ["a", "c", "d"]
    assert graph.critical_path(dict.fromkeys("bde", 1.0)) == ["b", "d"], "a is done"
    assert graph.critical_path({"e": 9.0, "a": 1.0}) == ["e"]
    assert graph.critical_path({}) == []


@given(st.dictionaries(names, st.sets(names, max_size=3)), st.data())
def test_no_chain_is_heavier_than_the_critical_path(needs: dict[str, set[str]], data: st.DataObject) -> None:
    weights = {name: float(data.draw(st.integers(1, 9))) for name in needs}
    graph = TaskGraph(tasks_of(**{name: " ".join(sorted(wanted)) for name, wanted in needs.items()}))
    path = graph.critical_path(weights)
    assert len(path) == len(set(path))
    assert all(needed in needs[name] for needed, name in pairwise(path))
    if not graph.cycles():
        plain = nx.DiGraph([(needed, name) for name, wanted in needs.items() for needed in wanted if needed in needs])
        plain.add_nodes_from(needs)
        heaviest = max((_weight(chain, weights) for chain in _chains(plain)), default=0.0)
        assert _weight(path, weights) == heaviest


def _chains(graph: nx.DiGraph[str]) -> Iterator[list[str]]:
    yield from ([name] for name in graph)
    for first in graph:
        for last in nx.descendants(graph, first):
            yield from nx.all_simple_paths(graph, first, last)


def _weight(path: Iterable[str], weights: Mapping[str, float]) -> float:
    return sum(weights[name] for name in path)
