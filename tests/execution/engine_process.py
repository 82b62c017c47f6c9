"""An engine process that runs one attempt: `engine_process.py ORDER.json ENGINE_DIR [LEASE]`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from penguin.orchestration.execution.local_runner import LocalRunner
from penguin.orchestration.execution.runner_api import AttemptOrder, StopControl


async def main(order: str, directory: str, lease: str = "") -> None:
    phases = LocalRunner(Path(directory), 0.3, lease=Path(lease) if lease else None)
    await phases.run(msgspec.json.decode(Path(order).read_bytes(), type=AttemptOrder), StopControl())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
