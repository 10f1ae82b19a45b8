"""What the figures of an evaluation mean, as functions of plain arrays.

Conventions, the same for every metric (LACIE's "no-skip" version; the paper also has a "skip NONE" one, ours is `answered`):

* An abstention is a wrong answer. In the accept rates, precision, recall, F1, AUROC, ECE and Brier score it counts as a wrong answer with the
  verdict and the probability that the listener gave to its text. `Outcomes.answered()` leaves abstentions out.
* Whether a listener accepted is its own verdict (`accepted`), not a threshold applied here.
* What cannot be told (an accept rate over no wrong answers, an AUROC of one class) is NaN in arrays and None in reports, never 0.

`weights` has shape (..., n): how often each utterance counts. A bootstrap passes one row a resample and gets one value a resample; without
weights the value is a 0-dimensional array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ECE_BINS = 10
LACIE_BINS = 9
"""`calibration_metric` of the paper's repository (esteng/pragmatic_calibration)."""


@dataclass(frozen=True)
class Outcomes:
    """What became of each utterance; arrays of one length, one place an utterance (with several judges: a judgment)."""

    question: NDArray[np.int64]
    "Which question it answers: the unit that is resampled."
    correct: Flags
    "False for abstentions."
    accepted: Flags
    probability: Floats
    "Of acceptance, in [0, 1]; NaN where the listener gave none."
    abstained: Flags
    garbled: Flags | None = None
    "None: no form of answer is laid down that a text could miss."

    def __len__(self) -> int:
        return len(self.question)

    def where(self, flags: Flags | NDArray[np.int64]) -> Outcomes:
        """Those flagged, or those at these places."""
        return Outcomes(
            question=self.question[flags],
            correct=self.correct[flags],
            accepted=self.accepted[flags],
            probability=self.probability[flags],
            abstained=self.abstained[flags],
            garbled=None if self.garbled is None else self.garbled[flags],
        )

    def answered(self) -> Outcomes:
        return self.where(~self.abstained)


# Rates


class Share(NamedTuple):
    """The part `hit` of the utterances `among`."""

    hit: Flags
    among: Flags


def _all(o: Outcomes) -> Flags:
    return np.ones(len(o), dtype=bool)


RATES: dict[str, Callable[[Outcomes], Share]] = {
    "accuracy": lambda o: Share(o.correct, _all(o)),
    "abstention": lambda o: Share(o.abstained, _all(o)),
    "true_accept_rate": lambda o: Share(o.accepted, o.correct),
    "false_accept_rate": lambda o: Share(o.accepted, ~o.correct),
    "precision": lambda o: Share(o.correct, o.accepted),
    "recall": lambda o: Share(o.accepted, o.correct),
    "garbled": lambda o: Share(_all(o) if o.garbled is None else o.garbled, _all(o) & (o.garbled is not None)),
}
"""Accepting is the prediction that an answer is right, so that recall and true accept rate are one; the paper's tables have both names."""


def rate(hit: ArrayLike, among: ArrayLike, weights: Floats | None = None) -> Floats:
    """
    >>> float(rate([True, True, False, False], [True, True, True, False]))
    0.6666666666666666
    """
    hits, those = np.asarray(hit, dtype=bool), np.asarray(among, dtype=bool)
    w = _weights(weights, len(those))
    return _divide(w @ (hits & those).astype(float), w @ those.astype(float))


def f1(accepted: ArrayLike, correct: ArrayLike, weights: Floats | None = None) -> Floats:
    """Harmonic mean of precision and recall, accepting as the prediction of a right answer; NaN without right and accepted answers."""
    said, right = np.asarray(accepted, dtype=bool), np.asarray(correct, dtype=bool)
    w = _weights(weights, len(right))
    return _divide(2 * (w @ (said & right).astype(float)), w @ said.astype(float) + w @ right.astype(float))


# Of the listener's probability


def auroc(probability: ArrayLike, correct: ArrayLike, weights: Floats | None = None) -> Floats:
    """The chance that a right answer is believed more than a wrong one, a tie counting half.

    >>> float(auroc([0.9, 0.6, 0.6, 0.1], [True, True, False, False]))
    0.875
    """
    p, y = np.asarray(probability, dtype=float), np.asarray(correct, dtype=bool)
    w = _weights(weights, len(p))
    if not len(p) or np.isnan(p).any():
        return np.full(w.shape[:-1], np.nan)
    order = np.argsort(p, kind="stable")
    starts = np.flatnonzero(np.diff(p[order], prepend=-np.inf))
    right = np.add.reduceat((w * y)[..., order], starts, axis=-1)
    wrong = np.add.reduceat((w * ~y)[..., order], starts, axis=-1)
    below = np.cumsum(wrong, axis=-1) - wrong
    return _divide((right * (below + wrong / 2)).sum(-1), right.sum(-1) * wrong.sum(-1))


def ece(probability: ArrayLike, correct: ArrayLike, weights: Floats | None = None, bins: int = ECE_BINS) -> Floats:
    """Expected calibration error, the standard one: equal bins of [0, 1] (closed below, the last on both sides), |mean p − accuracy|.

    >>> round(float(ece([0.9, 0.9, 0.2, 0.2], [True, False, False, False])), 3)
    0.3
    """
    p, y = np.asarray(probability, dtype=float), np.asarray(correct, dtype=float)
    w = _weights(weights, len(p))
    if np.isnan(p).any():
        return np.full(w.shape[:-1], np.nan)
    member = bin_of(p, bins)[:, None] == np.arange(bins)
    gaps = np.abs(w @ (member * (p - y)[:, None]))
    return _divide(gaps.sum(-1), w.sum(-1))


def ece_lacie(probability: ArrayLike, correct: ArrayLike, weights: Floats | None = None) -> Floats:
    """As LACIE's code has it, for comparison with its tables only: nine equal bins between the least and the greatest p that occur, and their
    mid-points in place of the mean p. (Its counts also shift where a bin is empty; that is not imitated.)"""
    p, y = np.asarray(probability, dtype=float), np.asarray(correct, dtype=float)
    w = _weights(weights, len(p))
    if not len(p) or np.isnan(p).any():
        return np.full(w.shape[:-1], np.nan)
    least = np.where(w > 0, p, np.inf).min(-1, keepdims=True)
    greatest = np.where(w > 0, p, -np.inf).max(-1, keepdims=True)
    width = (greatest - least) / LACIE_BINS
    one = width == 0  # as scipy.stats.binned_statistic: a single value is the middle of a range of width 1
    width = np.where(one, 1 / LACIE_BINS, width)
    start = np.where(one, least - 0.5, least)
    place = np.clip(np.floor(np.round((p - start) / width, 9)), 0, LACIE_BINS - 1)
    residual = w * (start + (place + 0.5) * width - y)
    gaps = sum(np.abs(np.where(place == k, residual, 0.0).sum(-1)) for k in range(LACIE_BINS))
    return _divide(np.asarray(gaps), w.sum(-1))


def brier(probability: ArrayLike, correct: ArrayLike, weights: Floats | None = None) -> Floats:
    """Mean squared distance of p from 1 (right) or 0 (wrong)."""
    p, y = np.asarray(probability, dtype=float), np.asarray(correct, dtype=float)
    w = _weights(weights, len(p))
    return _divide(w @ (p - y) ** 2, w.sum(-1))


def bin_of(probability: Floats, bins: int = ECE_BINS) -> NDArray[np.int64]:
    """Of [0, 1], from 0. Rounded first: .3 lies in the bin that begins at .3, whatever 3 * 0.1 is in binary.

    >>> bin_of(np.array([0.0, 0.3, 0.6, 0.7, 1.0])).tolist()
    [0, 3, 6, 7, 9]
    """
    return np.clip(np.floor(np.round(probability * bins, 9)), 0, bins - 1).astype(np.int64)


# All of them


class Metric(NamedTuple):
    title: str
    better: int
    "1: higher is better; -1: lower; 0: neither by itself."


METRICS: dict[str, Metric] = {
    "accuracy": Metric("Accuracy", 1),
    "abstention": Metric("Abstained", 0),
    "true_accept_rate": Metric("Right accepted", 1),
    "false_accept_rate": Metric("Wrong accepted", -1),
    "precision": Metric("Precision", 1),
    "recall": Metric("Recall", 1),
    "f1": Metric("F1", 1),
    "auroc": Metric("AUROC", 1),
    "ece": Metric("ECE", -1),
    "ece_lacie": Metric("ECE, LACIE's", -1),
    "brier": Metric("Brier score", -1),
    "garbled": Metric("Garbled", -1),
}


def values(outcomes: Outcomes, weights: Floats | None = None) -> dict[str, Floats]:
    """Every metric, one value for each row of `weights`."""
    o, w = outcomes, _weights(weights, len(outcomes))
    rates = {name: rate(*share(o), w) for name, share in RATES.items()}
    distinct = _merge(o.probability, o.correct, w)
    scores = {function.__name__: function(*distinct) for function in (auroc, ece, ece_lacie, brier)}
    found = {**rates, **scores, "f1": f1(o.accepted, o.correct, w)}
    return {name: found[name] for name in METRICS}


def _merge(probability: Floats, correct: Flags, weights: Floats) -> tuple[Floats, Flags, Floats]:
    """Alike utterances as one with their joint weight: a listener that knows twenty phrases gives twenty probabilities."""
    if not len(probability):
        return probability, correct, weights
    order = np.lexsort((correct, probability))
    p, y = probability[order], correct[order]
    starts = np.flatnonzero(np.append(True, (np.diff(p) != 0) | (y[1:] != y[:-1])))
    return p[starts], y[starts], np.add.reduceat(weights[..., order], starts, axis=-1)


def _weights(weights: Floats | None, n: int) -> Floats:
    return np.ones(n) if weights is None else weights


def _divide(part: Floats, whole: Floats) -> Floats:
    """NaN where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=float), np.asarray(whole, dtype=float))
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
