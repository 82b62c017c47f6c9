"""The plot: the time of four empty durable steps, and such workflows per second, compared with other programs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from benchmarks.rounds import DISK, Session
from benchmarks.rows import PEERS
from benchmarks.table import figure

COLOURS = {"floor": "#b0b0b0", "penguin": "#1f77b4"}
OTHERS = "#d8b365"


def draw(session: Session, path: Path) -> bool:
    """Write it as SVG. Return False if matplotlib is not installed, or nothing was measured."""
    ours = [figure(f"penguin.{unit}", session.rounds[DISK]) for unit in ("ms", "per_s")]
    if find_spec("matplotlib") is None or None in ours:
        return False
    import matplotlib as mpl

    mpl.use("svg")
    # Make the file reproducible.
    mpl.rcParams["svg.hashsalt"] = "penguin"
    from matplotlib import pyplot

    drawing, sides = pyplot.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
    for side, unit, title in zip(
        sides,
        ("ms", "per_s"),
        ("one after another: milliseconds each", "200 at once: workflows per second"),
        strict=True,
    ):
        shown = [(name, title, figure(f"{name}.{unit}", session.rounds[DISK])) for title, name in reversed(PEERS)]
        bars = [(name, label, value) for name, label, value in shown if value is not None]
        drawn = side.barh(
            [label for _, label, _ in bars],
            [value for *_, value in bars],
            color=[COLOURS.get(name, OTHERS) for name, *_ in bars],
        )
        side.bar_label(drawn, [f" {value:,.3g}" if value < 100 else f" {value:,.0f}" for *_, value in bars])
        side.set_xscale("log")
        side.margins(x=0.2)
        side.set_title(title, fontsize=10)
        side.spines[["top", "right"]].set_visible(False)
    drawing.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(drawing)
    return True
