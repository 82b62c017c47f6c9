"""LangGraph with its SQLite checkpoints: a graph of four nodes that do nothing, `durability="sync"`."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.clock import Figures, timed

NEEDS = ("langgraph", "langgraph.checkpoint.sqlite")
AT_ONCE = 200
NODES = 4


def measure(place: Path, quick: bool) -> Figures:
    from langgraph.checkpoint.sqlite import SqliteSaver

    place.mkdir(parents=True, exist_ok=True)
    db = place / "langgraph.sqlite"
    connection = sqlite3.connect(db, check_same_thread=False)
    try:
        saver = SqliteSaver(connection)
        saver.setup()
        app = _graph().compile(checkpointer=saver)
        threads = iter(range(1_000))

        def run() -> None:
            app.invoke({"count": 0}, {"configurable": {"thread_id": f"one-{next(threads)}"}}, durability="sync")

        run()
        one = timed(run, 20 if quick else 60)
    finally:
        connection.close()
    return {"langgraph.ms": statistics.median(one), "langgraph.per_s": AT_ONCE / asyncio.run(_at_once(db))}


def _graph() -> Any:
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(dict)
    names = [f"node-{number}" for number in range(NODES)]
    for name in names:
        graph.add_node(name, lambda state: {"count": state["count"] + 1})
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


async def _at_once(db: Path) -> float:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(db)) as saver:
        app = _graph().compile(checkpointer=saver)
        begun = time.perf_counter()
        await asyncio.gather(
            *[
                app.ainvoke({"count": 0}, {"configurable": {"thread_id": f"many-{number}"}}, durability="sync")
                for number in range(AT_ONCE)
            ]
        )
        return time.perf_counter() - begun
