"""The figure of a study's results, for page and paper. Knows nothing of Django."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from annotations.results import ArmResult, Estimate

RIGHT, WRONG = "#1d5c63", "#b4532a"
OFFSET = 0.14
"""Of the two points of an arm from its line, in lines."""


def acceptance(arms: Sequence[ArmResult], labels: Sequence[str]) -> bytes:
    """An SVG: for each arm the acceptance of its right and of its wrong answers, with intervals. The same numbers give the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "lacie", "svg.fonttype": "path", "font.size": 10}):
        figure = Figure(figsize=(5.6, 1.1 + 0.7 * len(arms)), layout="constrained")
        axes = figure.subplots()
        _points(axes, [arm.true_accept_rate for arm in arms], -OFFSET, RIGHT, "o", "right answers")
        _points(axes, [arm.false_accept_rate for arm in arms], OFFSET, WRONG, "s", "wrong answers")
        axes.set(xlim=(-0.02, 1.02), ylim=(len(arms) - 0.5, -0.5), xlabel="share accepted, with 95 % interval")
        axes.set_yticks(range(len(arms)), labels)
        axes.grid(axis="x", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _points(axes: mpl.axes.Axes, estimates: Sequence[Estimate], offset: float, colour: str, marker: str, label: str) -> None:
    known = [
        (n + offset, e.value, e.low, e.high) for n, e in enumerate(estimates) if e.value is not None and e.low is not None and e.high is not None
    ]
    lines = [row[0] for row in known]
    axes.hlines(lines, [row[2] for row in known], [row[3] for row in known], color=colour, linewidth=2)
    axes.plot([row[1] for row in known], lines, marker, color=colour, markersize=7, label=label, linestyle="none")
