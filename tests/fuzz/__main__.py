"""The runner: `python -m tests.fuzz --seconds N --seed S` gives random input to all targets.

It prints the seed, each finding with a minimal input, and how many inputs each target got. The same seed makes the same
inputs in the same order. Exit code 1 if there are findings.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.minimize import Input, minimize
from tests.fuzz.sandbox import PATIENCE, Problem, Sandbox, place_of
from tests.fuzz.targets import Target, all_targets

LOST = 60.0
"""Seconds after which the process ends itself: an input hangs in code that no signal interrupts."""
REPORT = 30.0
"""Seconds between two lines of progress."""


class Fuzzer:
    """One run: the dice, the sandbox, and what was found."""

    def __init__(self, seed: int, targets: tuple[Target, ...]) -> None:
        self.counts: Counter[str] = Counter()
        self.findings: dict[str, Input] = {}
        self._dice = random.Random(seed)
        self._targets = targets
        self._weights = [target.weight for target in targets]
        self._root = Path(tempfile.mkdtemp(prefix="penguin-fuzz-"))
        self._sandbox = Sandbox(self._root / "sandbox")
        self._last = self._root / "last-input"

    def run(self, seconds: float, inputs: int) -> None:
        """Try inputs until the time is up, or that many were tried."""
        started = reported = time.monotonic()
        while time.monotonic() - started < seconds and self.counts.total() < inputs:
            self.step()
            if time.monotonic() - reported > REPORT:
                reported = time.monotonic()
                print(f"  {self.counts.total():,} inputs, {len(self.findings)} findings", flush=True)

    def step(self) -> None:
        """Try one input."""
        (target,) = self._dice.choices(self._targets, self._weights)
        one = target.generate(random.Random(self._dice.getrandbits(64)))
        self.counts[target.name] += 1
        self._last.write_text(f"{target.name}\n{one!r}", errors="backslashreplace")
        faulthandler.dump_traceback_later(LOST, exit=True)
        error = target.fails(self._sandbox, one)
        faulthandler.cancel_dump_traceback_later()
        if error is not None:
            self._add(target, one, error)

    def _add(self, target: Target, one: Input, error: BaseException) -> None:
        place = _place(error)
        if f"{target.name}: {place}" in self.findings:
            return
        self.findings[f"{target.name}: {place}"] = one

        def fails(changed: Input) -> bool:
            again = target.fails(self._sandbox, changed)
            return again is not None and _place(again) == place

        smallest = minimize(one, fails)
        self.findings[f"{target.name}: {place}"] = smallest
        print(f"FOUND {target.name}: {place}\n  input: {_shown(smallest)}\n{_details(error)}", flush=True)

    def close(self) -> None:
        """Remove the files."""
        self._sandbox.close()
        shutil.rmtree(self._root, ignore_errors=True)


def _place(error: BaseException) -> str:
    return error.place if isinstance(error, Problem) else place_of(error)


def _shown(one: Input) -> str:
    text = ascii(one)
    return text if len(text) < 2_000 else f"{text[:2_000]}… ({len(text)} characters)"


def _details(error: BaseException) -> str:
    text = str(error) if isinstance(error, Problem) else "".join(traceback.format_exception(error))
    lines = text.rstrip().split("\n")
    return "\n".join(f"    {line[:300]}" for line in lines[-12:])


def main() -> int:
    """Fuzz; return 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Give random input to all of Penguin.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--inputs", type=int, default=10**9, help="stop after this many inputs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--target", action="append", help="only targets whose name contains this")
    options = parser.parse_args()
    print(f"seed {options.seed}: make fuzz SECONDS={options.seconds:g} SEED={options.seed}", flush=True)
    chosen = [it for it in all_targets() if not options.target or any(part in it.name for part in options.target)]
    sys.dont_write_bytecode = True
    fuzzer = Fuzzer(options.seed, tuple(chosen))
    try:
        fuzzer.run(options.seconds, options.inputs)
    finally:
        fuzzer.close()
    for name, count in fuzzer.counts.most_common():
        print(f"{count:>9,}  {name}")
    print(f"{fuzzer.counts.total():>9,}  inputs, {len(fuzzer.findings)} findings; the limit is {PATIENCE:g} s")
    return 1 if fuzzer.findings else 0


if __name__ == "__main__":
    sys.exit(main())
