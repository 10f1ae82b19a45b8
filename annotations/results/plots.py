"""The figures of a study, for page and paper, in the look of those of an evaluation (`games.plots`, which renders them). Knows nothing of Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from annotations.results.acceptance import ArmResult, Change
from annotations.results.listening import Cut
from games.plots import INCHES, INK, RIGHT, STYLE, WRONG

OFFSET = 0.14
"""Of the two points of a line from it, in lines."""
GREY = "#999999"


class Spanned(Protocol):
    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


class Row(NamedTuple):
    """One line of the contrast's figure."""

    label: str
    wrong: Change
    right: Change


def acceptance(arms: Sequence[ArmResult], labels: Sequence[str]) -> Figure:
    """For each arm the acceptance of its right and of its wrong answers, with intervals."""
    figure, axes = _lines(labels, "share accepted, with 95 % interval")
    _points(axes, [arm.true_accept_rate for arm in arms], -OFFSET, RIGHT, "o", "right answers")
    _points(axes, [arm.false_accept_rate for arm in arms], OFFSET, WRONG, "s", "wrong answers")
    axes.set_xlim(-0.02, 1.02)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def contrast(rows: Sequence[Row]) -> Figure:
    """By how much the acceptance of wrong and of right answers changed, against no change."""
    figure, axes = _lines([row.label for row in rows], "change of acceptance, with 95 % interval")
    axes.axvline(0, color=INK, linewidth=1)
    _points(axes, [row.right.headline for row in rows], -OFFSET, RIGHT, "o", "right answers")
    _points(axes, [row.wrong.headline for row in rows], OFFSET, WRONG, "s", "wrong answers")
    known = [one.headline.high for row in rows for one in (row.wrong, row.right) if one.headline.high is not None]
    axes.set_xlim(-1.03, max(0.5, min(2.0, *known, 2.0) + 0.05) if known else 0.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f} %".replace("-", "−") if value else "0")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def curve(bins: Sequence[Mapping[str, Any]], *, x: str, y: str, diagonal: str) -> Figure:
    """Shares by probability, one point a bin with its interval; below, how many judgments each bin holds."""
    figure = Figure(figsize=INCHES, layout="constrained", facecolor="white")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    shares = [one["accuracy"] for one in bins]
    places = [one["probability"] for one in bins]
    reach = [[abs(share[end] - share["value"]) for share in shares] for end in ("low", "high")]
    above.plot([0, 1], [0, 1], "--", color="#777777", linewidth=1, label=diagonal)
    above.errorbar(places, [share["value"] for share in shares], yerr=reach, fmt="o-", color=RIGHT, ecolor=RIGHT, capsize=3, linewidth=1.2)
    above.set(ylim=(-0.03, 1.03), ylabel=y)
    above.legend(loc="upper left", frameon=False, fontsize=9)
    below.bar([(one["from"] + one["to"]) / 2 for one in bins], [one["n"] for one in bins], width=0.09, color=GREY)
    for one in bins:
        below.annotate(str(one["n"]), ((one["from"] + one["to"]) / 2, one["n"]), ha="center", va="bottom", fontsize=8)
    below.set(xlim=(-0.03, 1.03), xlabel=x, ylabel="judgments")
    below.margins(y=0.35)
    return figure


def thresholds(cuts: Sequence[Cut]) -> Figure:
    """The change of accepted wrong answers, had the rule for "I knew it" been another; the declared one is filled."""
    figure, axes = _lines([f"≤ {cut.over:.2f}" for cut in cuts], "change of accepted wrong answers, with 95 % interval")
    axes.axvline(0, color=INK, linewidth=1)
    found = [cut.contrast.false_accept.headline if cut.contrast else None for cut in cuts]
    _points(axes, found, 0, WRONG, "s", "another threshold", hollow=True)
    _points(axes, [one if cut.is_declared else None for one, cut in zip(found, cuts, strict=True)], 0, WRONG, "s", "as declared")
    axes.set_ylabel("“knew the answer”")
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f} %".replace("-", "−") if value else "0")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def page(title: str, sentence: str, head: Sequence[str], rows: Sequence[Sequence[str]], below: str) -> Figure:
    """A page of text with a table, for the PDF."""
    figure = Figure(figsize=(8.3, 4.6), facecolor="white")
    axes = figure.subplots()
    axes.set_axis_off()
    figure.text(0.06, 0.93, title, fontsize=14, fontweight="bold", va="top", parse_math=False)
    figure.text(0.06, 0.84, sentence, fontsize=9.5, va="top", wrap=True, parse_math=False).set_in_layout(False)
    table = axes.table(cellText=[list(row) for row in rows], colLabels=list(head), loc="lower center", cellLoc="center", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    table.scale(1.12, 1.4)
    figure.text(0.06, 0.05, below, fontsize=8, color=INK, va="bottom", wrap=True, parse_math=False)
    return figure


def styled() -> Any:
    """In which figures are drawn: `with styled(): …`."""
    return mpl.rc_context(STYLE)


def _lines(labels: Sequence[str], xlabel: str) -> tuple[Figure, Axes]:
    """A figure of one line for each label, from above."""
    figure = Figure(figsize=(5.6, 1.3 + 0.7 * max(1, len(labels))), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set(ylim=(max(1, len(labels)) - 0.5, -0.5), xlabel=xlabel)
    axes.set_yticks(range(len(labels)), labels)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _points(axes: Axes, found: Sequence[Spanned | None], offset: float, colour: str, marker: str, label: str, hollow: bool = False) -> None:
    known = [(n + offset, one.value, one) for n, one in enumerate(found) if one is not None and one.value is not None]
    spans = [(line, one.low, one.high) for line, _, one in known if one.low is not None and one.high is not None]
    axes.hlines([line for line, _, _ in spans], [low for _, low, _ in spans], [high for _, _, high in spans], color=colour, linewidth=2)
    face = "white" if hollow else colour
    axes.plot(
        [value for _, value, _ in known],
        [line for line, _, _ in known],
        marker,
        color=colour,
        markerfacecolor=face,
        markersize=7,
        label=label,
        linestyle="none",
    )
