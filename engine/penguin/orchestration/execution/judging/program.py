"""A process that judges: `python -I -m penguin.orchestration.execution.judging.program REQUEST.json`.

The request holds `file`, and either `pattern` or nothing more for a JUnit report; `seconds` is the time it has. It
prints one JSON object: `found` (true or false), `tests` (the counts), `unreadable` (why the report can't be read), or
`limit` (which limit was hit). The launcher runs it as it runs every step, so it is ended, survived and found as one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from penguin.orchestration.execution.judging.limits import MEMORY, limit_cpu, limit_memory
from penguin.orchestration.execution.judging.search import pattern_found

Answer = dict[str, Any]


def main(path: str) -> int:
    """Answer the request in a file."""
    request = json.loads(Path(path).read_bytes())
    limit_cpu(request["seconds"])
    limit_memory()
    try:
        answer = answer_to(request)
    except MemoryError:
        answer = {"limit": f"needs more than {MEMORY >> 20} MB of memory"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def answer_to(request: dict[str, Any]) -> Answer:
    """What is found in the file that the request names."""
    file = Path(request["file"])
    if request.get("pattern") is not None:
        return {"found": pattern_found(file, request["pattern"])}
    return _counts(file)


def _counts(file: Path) -> Answer:
    # Here: a search, which is more common, starts in half the time without.
    import msgspec

    from penguin.orchestration.execution import junit

    try:
        return {"tests": msgspec.to_builtins(junit.count_tests(file))}
    except junit.UnreadableReport as error:
        return {"unreadable": str(error)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
