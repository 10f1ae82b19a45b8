"""The numbers behind the figures of an evaluation: reliability bins, and how sure the listener was of right and of wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from games.intervals import wilson
from games.metrics import ECE_BINS, Outcomes, bin_of

CONFIDENCE_BINS = 20


def reliability(outcomes: Outcomes) -> list[dict[str, Any]]:
    """One entry for each of the ECE's bins that holds something: mean probability, share right with Wilson's interval over its questions."""
    if np.isnan(outcomes.probability).any():
        return []
    places = bin_of(outcomes.probability)
    return [_bin(place, outcomes.where(places == place)) for place in range(ECE_BINS) if (places == place).any()]


def _bin(place: int, inside: Outcomes) -> dict[str, Any]:
    accuracy = float(inside.correct.mean())
    interval = wilson(accuracy, len(np.unique(inside.question)))
    return {
        "from": place / ECE_BINS,
        "to": (place + 1) / ECE_BINS,
        "n": len(inside),
        "probability": float(inside.probability.mean()),
        "accuracy": {"value": accuracy, "low": interval.low, "high": interval.high},
    }


def confidence(outcomes: Outcomes) -> list[dict[str, Any]]:
    """How many right and wrong answers lie in each twentieth of the listener's probability; abstentions count as wrong."""
    if np.isnan(outcomes.probability).any():
        return []
    places = bin_of(outcomes.probability, CONFIDENCE_BINS)
    right = np.bincount(places[outcomes.correct], minlength=CONFIDENCE_BINS)
    wrong = np.bincount(places[~outcomes.correct], minlength=CONFIDENCE_BINS)
    return [
        {"from": place / CONFIDENCE_BINS, "to": (place + 1) / CONFIDENCE_BINS, "right": int(right[place]), "wrong": int(wrong[place])}
        for place in range(CONFIDENCE_BINS)
    ]


def risk_coverage(outcomes: Outcomes, points: int = 50) -> list[dict[str, float]]:
    """If only the surest answers are given: the share of answers given (`coverage`) and the share of them that is wrong (`risk`).

    One point for each confidence that occurs, at most about `points`: answers of the same confidence are given together, so ties flatter nobody.
    """
    p, wrong = outcomes.probability, ~outcomes.correct
    if not len(p) or np.isnan(p).any():
        return []
    order = np.argsort(-p, kind="stable")
    given = np.flatnonzero(np.append(np.diff(p[order]) != 0, True)) + 1
    risk = np.cumsum(wrong[order])[given - 1] / given
    kept = np.unique(np.linspace(0, len(given) - 1, points).round().astype(int))
    return [{"coverage": float(given[at] / len(p)), "risk": float(risk[at])} for at in kept]
