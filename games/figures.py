"""What stands around a figure for those who do not see it: title, text in its place, and its numbers as a table. Drawn by `games.plots`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Figure(NamedTuple):
    name: str
    "As `games.plots.draw` takes it."
    title: str
    alt: str
    head: list[str]
    rows: list[list[str]]


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """All figures that a result has numbers for."""
    rates = {one["speaker"]: one for one in result["rows"]}
    found = [_acceptance(result)]
    for place, curve in enumerate(result.get("curves", [])):
        if curve["reliability"]:
            found.append(_reliability(f"reliability-{place}", curve, rates[curve["speaker"]]))
    for place, curve in enumerate(result.get("curves", [])):
        if curve["confidence"]:
            found.append(_confidence(f"confidence-{place}", curve))
    return found


def _acceptance(result: Mapping[str, Any]) -> Figure:
    rows = [[one["speaker"], percent(one["true_accept_rate"]), percent(one["false_accept_rate"])] for one in result["rows"]]
    said = "; ".join(f"{name}: right {right}, wrong {wrong}" for name, right, wrong in rows)
    return Figure(
        name="acceptance",
        title="Acceptance of right and wrong answers",
        alt=f"Bar chart: for each speaker the share of its right and of its wrong answers that were accepted. {said}.",
        head=["Speaker", "Right answers accepted", "Wrong answers accepted"],
        rows=rows,
    )


def _reliability(name: str, curve: Mapping[str, Any], rates: Mapping[str, Any]) -> Figure:
    first, last = curve["reliability"][0], curve["reliability"][-1]
    return Figure(
        name=name,
        title=f"Reliability of {curve['speaker']}",
        alt=f"Reliability diagram of {curve['speaker']}: where the listener's probability is {first['probability']:.2f}, "
        f"{percent(first['accuracy'])} of the answers are right; where it is {last['probability']:.2f}, "
        f"{percent(last['accuracy'])}. ECE {rates['ece']['value']:.2f}.",
        head=["Probability from", "to", "Answers", "Mean probability", "Right"],
        rows=[
            [f"{one['from']:.1f}", f"{one['to']:.1f}", str(one["n"]), f"{one['probability']:.2f}", percent(one["accuracy"])]
            for one in curve["reliability"]
        ],
    )


def _confidence(name: str, curve: Mapping[str, Any]) -> Figure:
    bins = curve["confidence"]
    means = [f"{_mean(bins, side):.2f} for {side} answers" for side in ("right", "wrong") if sum(one[side] for one in bins)]
    return Figure(
        name=name,
        title=f"How sure {curve['speaker']} sounds",
        alt=f"Histogram of {curve['speaker']}: the listener's probability, right answers upwards, wrong answers downwards. "
        f"Its mean is about {' and '.join(means)}.",
        head=["Probability from", "to", "Right answers", "Wrong answers"],
        rows=[[f"{one['from']:.2f}", f"{one['to']:.2f}", str(one["right"]), str(one["wrong"])] for one in bins if one["right"] or one["wrong"]],
    )


def _mean(bins: list[Mapping[str, Any]], side: str) -> float:
    return sum((one["from"] + one["to"]) / 2 * one[side] for one in bins) / sum(one[side] for one in bins)


def percent(found: Mapping[str, float | None]) -> str:
    """
    >>> percent({"value": 0.754, "low": 0.71, "high": 0.79}), percent({"value": None, "low": None, "high": None})
    ('75 % (71 to 79 %)', '–')
    """
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" + (f" ({100 * low:.0f} to {100 * high:.0f} %)" if low is not None and high is not None else "")
