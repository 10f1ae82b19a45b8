"""How sure the figures are: bootstrap by question, paired differences on the same questions, McNemar's exact test.

Utterances of one question are alike, so whole questions are resampled: a resample is a multinomial draw of how often each question counts,
and every metric takes those counts as weights. The same draw serves all metrics, and both sides of a difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from games import metrics
from games.metrics import RATES, Flags, Floats, Outcomes

RESAMPLES = 1000
LEVEL = 0.95
TOO_FEW = 0.5
"""No interval where a metric is undefined in more than this share of the resamples."""
BLOCK = 2_000_000
"""Weights held in memory at once."""
FALSE = "false_accept_rate"
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)


class Estimate(NamedTuple):
    """A value with its 95 % interval; None is what cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class McNemar:
    """Of the questions where exactly one of two speakers shows an outcome: which one, and how surprising that split is if both were alike."""

    questions: int
    "That the test looks at."
    base_only: int
    speaker_only: int
    p: float
    "Two-sided, exact; 1 without any such question."


@dataclass(frozen=True)
class Paired:
    """A speaker held against a base on the questions that both answered."""

    questions: int
    differences: dict[str, Estimate]
    "Speaker minus base."
    false_accept_reduction: Estimate
    "By how many per cent the rate of accepted wrong answers fell; negative: it rose."
    mcnemar: dict[str, McNemar]
    "By the names of `OUTCOMES`."


# One speaker


def measure(outcomes: Outcomes, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Estimate]:
    """Every metric of `games.metrics.METRICS` with its interval. The same outcomes and seed give the same numbers."""
    point = metrics.values(outcomes)
    drawn = resample([outcomes], resamples, seed)[0]
    return {name: _estimate(name, point[name], drawn[name], outcomes) for name in point}


def _estimate(name: str, point: Floats, drawn: Floats, outcomes: Outcomes) -> Estimate:
    value = float(point)
    if math.isnan(value):
        return Estimate(None)
    if name in RATES and value in (0.0, 1.0):
        # All or none: every resample says the same, which would be an interval of no width.
        among = RATES[name](outcomes).among
        return Estimate(value, *wilson(value, len(np.unique(outcomes.question[among]))))
    found = percentiles(value, drawn)
    return Estimate(value) if found.low == found.high else found


def percentiles(value: float, drawn: Floats) -> Estimate:
    """The bias-corrected percentile interval (Efron 1981).

    The plain one is shifted twice where resampling inflates a metric, as it does the ECE: its interval can miss its own value.
    """
    known = drawn[~np.isnan(drawn)]
    if len(known) < TOO_FEW * len(drawn) or not len(known):
        return Estimate(value)
    below = (np.mean(known < value) + np.mean(known <= value)) / 2
    normal = NormalDist()
    shift = normal.inv_cdf(float(np.clip(below, 1 / len(known), 1 - 1 / len(known))))
    shares = [normal.cdf(2 * shift + end) for end in (-Z, Z)]
    low, high = np.quantile(known, shares)
    return Estimate(value, float(low), float(high))


class Interval(NamedTuple):
    low: float
    high: float


def wilson(share: float, n: float, z: float = Z) -> Interval:
    """Wilson's score interval for a share of n. `n` need not be whole: as many independent ones as would tell as much; `z` may be Student's.

    >>> low, high = wilson(0.8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


# Two speakers on the same questions


def compare(base: Outcomes, other: Outcomes, *, resamples: int = RESAMPLES, seed: int = 0) -> Paired:
    """Differences of every metric, other minus base, over the questions that both answered."""
    shared = np.intersect1d(base.question, other.question)
    sides = [one.where(np.isin(one.question, shared)) for one in (base, other)]
    points = [metrics.values(one) for one in sides]
    drawn = resample(sides, resamples, seed)
    each = [{name: _estimate(name, point[name], draw[name], side) for name in point} for point, draw, side in zip(points, drawn, sides, strict=True)]
    return Paired(
        questions=len(shared),
        differences={name: _difference(name, each[0][name], each[1][name], drawn[1][name] - drawn[0][name]) for name in each[0]},
        false_accept_reduction=_reduction(each[0][FALSE], each[1][FALSE], drawn[0][FALSE], drawn[1][FALSE]),
        mcnemar=_mcnemars(*(_first_of_each(one) for one in sides)),
    )


def _difference(name: str, base: Estimate, other: Estimate, drawn: Floats) -> Estimate:
    if base.value is None or other.value is None:
        return Estimate(None)
    value = other.value - base.value
    if name not in RATES or not {base.value, other.value} & {0.0, 1.0}:
        return percentiles(value, drawn)
    if base.low is None or base.high is None or other.low is None or other.high is None:
        return Estimate(value)
    # One side does not vary over resamples: Newcombe's way (1998, method 10) of combining the two intervals, which errs on the wide side.
    low = value - math.hypot(other.value - other.low, base.high - base.value)
    high = value + math.hypot(other.high - other.value, base.value - base.low)
    return Estimate(value, low, high)


def _reduction(base: Estimate, other: Estimate, base_drawn: Floats, other_drawn: Floats) -> Estimate:
    if not base.value or other.value is None:
        return Estimate(None)
    value = 100 * (1 - other.value / base.value)
    if other.value == 0 and other.high is not None:
        return Estimate(value, 100 * (1 - other.high / base.value), 100.0)
    ratios = np.divide(other_drawn, base_drawn, out=np.full_like(base_drawn, np.nan), where=base_drawn > 0)
    return percentiles(value, 100 * (1 - ratios))


# McNemar's test


class Contrast(NamedTuple):
    outcome: Callable[[Outcomes], Flags]
    among: Callable[[Outcomes, Outcomes], Flags] = lambda base, other: np.ones(len(base), dtype=bool)


OUTCOMES: dict[str, Contrast] = {
    "false_accept": Contrast(lambda o: o.accepted & ~o.correct),
    "true_accept": Contrast(lambda o: o.accepted & o.correct),
    "accepted_both_wrong": Contrast(lambda o: o.accepted, among=lambda base, other: ~base.correct & ~other.correct),
    "accepted_both_right": Contrast(lambda o: o.accepted, among=lambda base, other: base.correct & other.correct),
    "correct": Contrast(lambda o: o.correct),
}
"""The first two as in LACIE's human evaluation (Table 2): per question, whether a wrong answer was accepted, and whether a right one was. They
also move where a speaker gets better or worse at answering; the next two are of the tone alone."""


def _mcnemars(base: Outcomes, other: Outcomes) -> dict[str, McNemar]:
    return {name: mcnemar(test.outcome(base), test.outcome(other), test.among(base, other)) for name, test in OUTCOMES.items()}


def _first_of_each(outcomes: Outcomes) -> Outcomes:
    """The first utterance of each question, in the order of questions: the test takes pairs as independent."""
    return outcomes.where(np.unique(outcomes.question, return_index=True)[1])


def mcnemar(base: Flags, other: Flags, among: Flags) -> McNemar:
    """Exact; one place a question in all three."""
    from scipy.stats import binomtest  # takes half a second to import

    only_base, only_other = int((base & ~other & among).sum()), int((other & ~base & among).sum())
    differing = only_base + only_other
    p = float(binomtest(only_base, differing).pvalue) if differing else 1.0
    return McNemar(int(among.sum()), only_base, only_other, p)


# Resampling


def resample(sides: Sequence[Outcomes], resamples: int, seed: int) -> list[dict[str, Floats]]:
    """For each side, each metric in each resample of the questions; the same draw for all sides."""
    blocks = [[metrics.values(one, w[:, place]) for one, place in zip(sides, _places(sides), strict=True)] for w in _draws(sides, resamples, seed)]
    return [{name: np.concatenate([block[side][name] for block in blocks]) for name in metrics.METRICS} for side in range(len(sides))]


def _places(sides: Sequence[Outcomes]) -> list[NDArray[np.int64]]:
    """Where among the questions each utterance's stands."""
    questions = _questions(sides)
    return [np.searchsorted(questions, one.question) for one in sides]


def _questions(sides: Sequence[Outcomes]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([one.question for one in sides]))


def _draws(sides: Sequence[Outcomes], resamples: int, seed: int) -> Iterator[Floats]:
    """Blocks of shape (some resamples, questions): how often each resample drew each question."""
    questions = len(_questions(sides))
    rng = np.random.default_rng(seed)
    size = max(1, BLOCK // max(1, *(len(one) for one in sides)))
    for begin in range(0, resamples, size):
        count = min(size, resamples - begin)
        yield rng.multinomial(questions, np.full(questions, 1 / max(1, questions)), size=count).astype(float)


def as_json(estimates: dict[str, Estimate]) -> dict[str, dict[str, Any]]:
    return {name: estimate._asdict() for name, estimate in estimates.items()}
