"""The figures of an evaluation, from the plain numbers of a result (`games.report`). Knows nothing of Django.

Drawn without pyplot, so that a web process may draw several at once; the same numbers give the same bytes. Each is about as wide as a phone
and has a white ground of its own, for light and dark pages. Colours: Okabe and Ito's, told apart with any colour vision; right and wrong also
differ in hatching.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

RIGHT, WRONG, INK = "#0072B2", "#D55E00", "#333333"
HATCH = {RIGHT: "", WRONG: "///"}
STYLE: Any = {
    "svg.hashsalt": "lacie",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
}
INCHES = (4.6, 3.9)
SPEAKER_INCHES = 1.3
PROBABILITY = "listener's probability of acceptance"
TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}
DATELESS: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def reliability(curve: Mapping[str, Any]) -> Figure:
    """Share right against the listener's probability, one point a bin with Wilson's interval; below, how many answers each bin holds."""
    figure, (above, below) = _figure(rows=2)
    bins = curve["reliability"]
    x = [one["probability"] for one in bins]
    y = [one["accuracy"]["value"] for one in bins]
    reach = [[abs(one["accuracy"][end] - one["accuracy"]["value"]) for one in bins] for end in ("low", "high")]
    above.plot([0, 1], [0, 1], "--", color="#777777", linewidth=1, label="as sure as right")
    above.errorbar(x, y, yerr=reach, fmt="o-", color=RIGHT, ecolor=RIGHT, capsize=3, linewidth=1.2)
    above.set(ylim=(-0.03, 1.03), ylabel="share right", title=curve["speaker"])
    above.legend(loc="upper left", frameon=False, fontsize=9)
    below.bar([one["from"] + 0.05 for one in bins], [one["n"] for one in bins], width=0.09, color="#999999")
    for one in bins:
        below.annotate(str(one["n"]), (one["from"] + 0.05, one["n"]), ha="center", va="bottom", fontsize=8)
    below.set(xlim=(-0.03, 1.03), xlabel=PROBABILITY, ylabel="answers")
    below.margins(y=0.3)
    return figure


def acceptance(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """For each speaker, the share of its right and of its wrong answers that the listener accepted, with intervals."""
    figure, (axes,) = _figure()
    figure.set_figwidth(max(INCHES[0], SPEAKER_INCHES * len(rows)))
    for offset, name, colour, label in ((-0.2, "true_accept_rate", RIGHT, "right answers"), (0.2, "false_accept_rate", WRONG, "wrong answers")):
        known = [(place + offset, one[name]) for place, one in enumerate(rows) if one[name]["value"] is not None]
        values = [found["value"] for _, found in known]
        axes.bar([x for x, _ in known], values, width=0.38, color=colour, hatch=HATCH[colour], edgecolor="white", label=label)
        spans = [(x, found) for x, found in known if found["low"] is not None]
        axes.vlines([x for x, _ in spans], [f["low"] for _, f in spans], [f["high"] for _, f in spans], color=INK, linewidth=1.5)
        for x, found in known:
            axes.annotate(f"{100 * found['value']:.0f} %", (x, 0.02), ha="center", fontsize=9, color="white", fontweight="bold", bbox=_plate(colour))
    axes.set_xticks(range(len(rows)), [_short(one["speaker"]) for one in rows])
    axes.set(ylim=(0, 1.03), ylabel="share accepted")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def confidence(curve: Mapping[str, Any], threshold: float | None = None) -> Figure:
    """How many right (upwards) and wrong answers (downwards) got which probability; a line where acceptance begins."""
    figure, (axes,) = _figure()
    bins = curve["confidence"]
    middles = [(one["from"] + one["to"]) / 2 for one in bins]
    axes.bar(middles, [one["right"] for one in bins], width=0.045, color=RIGHT, hatch=HATCH[RIGHT], edgecolor="white", label="right answers")
    axes.bar(middles, [-one["wrong"] for one in bins], width=0.045, color=WRONG, hatch=HATCH[WRONG], edgecolor="white", label="wrong answers")
    axes.axhline(0, color=INK, linewidth=0.8)
    most = max((max(one["right"], one["wrong"]) for one in bins), default=1) or 1
    axes.set(
        xlim=(-0.03, 1.03), ylim=(-1.15 * most, 1.15 * most), xlabel="listener's probability of acceptance", ylabel="answers", title=curve["speaker"]
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    if threshold is not None:
        axes.axvline(threshold, color=INK, linestyle=":", linewidth=1.2)
        axes.annotate("accepted →", (threshold + 0.01, -1.1 * most), fontsize=9)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def draw(result: Mapping[str, Any], name: str) -> Figure:
    """The figure of this name: `acceptance`, or `reliability-0`, `confidence-0` and so on by the speaker's place.

    Raises:
        KeyError: the result has no such figure.
    """
    kind, _, place = name.partition("-")
    with mpl.rc_context(STYLE):
        if name == "acceptance":
            return acceptance(result["rows"])
        if kind not in ("reliability", "confidence") or not place.isdecimal() or int(place) >= len(result["curves"]):
            raise KeyError(name)
        curve = result["curves"][int(place)]
        return reliability(curve) if kind == "reliability" else confidence(curve, result.get("threshold"))


def render(figure: Figure, kind: str) -> bytes:
    """The figure as `svg`, `png` or `pdf`."""
    out = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(out, format=kind, dpi=160, metadata=DATELESS[kind])
    return out.getvalue()


def as_pdf(figures: Sequence[Figure]) -> bytes:
    """All figures, one a page."""
    out = io.BytesIO()
    with mpl.rc_context(STYLE), PdfPages(out, metadata=DATELESS["pdf"]) as pages:
        for figure in figures:
            pages.savefig(figure)
    return out.getvalue()


def _figure(rows: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=INCHES, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=[3, 1][:rows])
    return figure, list(axes[:, 0])


def _plate(colour: str) -> dict[str, Any]:
    return {"boxstyle": "round,pad=0.2", "facecolor": colour, "edgecolor": "none"}


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"
