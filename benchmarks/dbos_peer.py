"""DBOS Transact on SQLite: the same four steps that do nothing. https://docs.dbos.dev"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.clock import Figures, timed

NEEDS = ("dbos",)
AT_ONCE = 200


def measure(place: Path, quick: bool) -> Figures:
    from dbos import DBOS

    place.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{place / 'dbos.sqlite'}"
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})

    @DBOS.step()
    def step(number: int) -> int:
        return number

    @DBOS.workflow()
    def workflow(number: int) -> int:
        for phase in range(4):
            step(phase)
        return number

    DBOS.launch()
    try:
        workflow(0)
        one = timed(lambda: workflow(1), 20 if quick else 60)
        begun = time.perf_counter()
        handles = [DBOS.start_workflow(workflow, number) for number in range(AT_ONCE)]
        for handle in handles:
            handle.get_result()
        took = time.perf_counter() - begun
    finally:
        DBOS.destroy()
    return {"dbos.ms": statistics.median(one), "dbos.per_s": AT_ONCE / took}
