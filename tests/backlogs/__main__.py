"""`python -m tests.backlogs`: the table of backlogs; with `--mutations N`, N damaged ones."""

from __future__ import annotations

import argparse
import sys
import time

from tests.backlogs.mutations import run
from tests.backlogs.table import print_table

SHOWN = 20


def main() -> int:
    """Return the exit code: 1 if something is not read as a person reads it."""
    parser = argparse.ArgumentParser(prog="python -m tests.backlogs", description=__doc__)
    parser.add_argument("--mutations", type=int, metavar="N", help="mutate the backlogs N times, and read them again")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    options = parser.parse_args()
    if options.mutations is None:
        return 0 if print_table() else 1
    seed = int(time.time()) if options.seed is None else options.seed
    started = time.monotonic()
    failures = list(run(options.mutations, seed))
    for failure in failures[:SHOWN]:
        print(f"{failure.mutation}\n    lost without a word: {'; '.join(failure.what)}")
    seconds = time.monotonic() - started
    print(f"{options.mutations} mutations (--seed {seed}): {len(failures)} failed, {seconds:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
