"""`python -m benchmarks`: play rounds, then write benchmarks/results/ and the section of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import machine, processors, versions
from benchmarks.plot import draw
from benchmarks.rounds import MEASURES, Session, places
from benchmarks.table import whole, write_section

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", action="append", choices=MEASURES, help="play this one; may be repeated")
    options.add_argument("--quick", action="store_true", help="smaller numbers, to try the benchmark itself")
    options.add_argument("--page", action="store_true", help="rewrite the section of docs/benchmarks.md, too")
    options.add_argument("--out", type=Path, default=RESULTS)
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    session = Session(lambda line: print(line, flush=True))
    about = machine()
    before = processors()
    with places() as where:
        for number in range(1, chosen.rounds + 1):
            print(f"--- round {number} of {chosen.rounds}", flush=True)
            session.play(where, chosen.only or (), quick=chosen.quick)
    session.stolen = processors().stolen_since(before)
    today = datetime.now(UTC).date()
    (chosen.out / "figures.json").write_text(
        json.dumps({"machine": about, "stolen": session.stolen, "rounds": session.rounds}, indent=1) + "\n"
    )
    if not draw(session, chosen.out / "beside.svg"):
        print("no plot: matplotlib is not installed, or Penguin was not measured", flush=True)
    text = whole(session, today, about, versions())
    (chosen.out / "results.md").write_text(text)
    if chosen.page:
        write_section(PAGE, session, today)
    print(text)
    return int(bool(session.failed))


if __name__ == "__main__":
    sys.exit(main())
