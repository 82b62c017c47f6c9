"""Plays one measure in a process of its own: `python -m benchmarks.alone MODULE PLACE [--quick]`.

Prints its figures as one JSON object, or `{"skipped": WHY}` where something is not installed that the measure NEEDS.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import shutil
import sys
from pathlib import Path


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("module")
    options.add_argument("place", type=Path)
    options.add_argument("--quick", action="store_true")
    chosen = options.parse_args()
    module = importlib.import_module(f"benchmarks.{chosen.module}")
    print(json.dumps(figures_of(module, chosen.place, chosen.quick)))


def figures_of(module: object, place: Path, quick: bool) -> dict[str, object]:
    """Return the figures of a measure in an empty folder. Slow preparations are shared beside it."""
    missing = [name for name in getattr(module, "NEEDS", ()) if not is_there(name)]
    if missing:
        return {"skipped": f"{' and '.join(missing)} not installed"}
    own = place / module.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    shutil.rmtree(own, ignore_errors=True)
    try:
        found: dict[str, object] = module.measure(own, quick)  # type: ignore[attr-defined]
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return found


def is_there(name: str) -> bool:
    """Return whether a module can be imported, or a program is installed beside this Python."""
    try:
        module = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        module = None
    return module is not None or (Path(sys.executable).parent / name).exists()


if __name__ == "__main__":
    main()
