"""The program of a check process: `python -I -m penguin.orchestration.execution.check_process.program REQUEST.json`.

The request holds `file`, `seconds` (its time-out), and `pattern` unless the file is a JUnit report. The program prints
one JSON object: `found` (true or false), `report` (its tests), `unreadable` (why the report can't be read), or `limit`
(which limit was reached). The launcher runs it like every step, so it has the same time-outs and survives its engine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from penguin.orchestration.execution.check_process.regex_search import pattern_found
from penguin.orchestration.execution.check_process.resource_limits import MEMORY, limit_cpu, limit_memory

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
    """Judge the file that the request names."""
    file = Path(request["file"])
    if request.get("pattern") is not None:
        return {"found": pattern_found(file, request["pattern"])}
    return _report(file)


def _report(file: Path) -> Answer:
    # Imported here because a search, the more common request, starts twice as fast without it.
    import msgspec

    from penguin.orchestration.execution import junit

    try:
        return {"report": msgspec.to_builtins(junit.read_report(file))}
    except junit.UnreadableReport as error:
        return {"unreadable": str(error)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
