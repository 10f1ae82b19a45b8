"""Rates, and what becomes of them from one arm to another, with intervals for judgments that are not independent. Knows nothing of Django.

Judgments of one person are alike, and so are those of one question. The variance is the two-way clustered one of Cameron, Gelbach and Miller
(Journal of Business & Economic Statistics 2011): by person, plus by question, minus by both, each with G / (G − 1), and Student's t with one degree
of freedom less than the fewer of people and questions. For the shares taken here it is the sandwich of a GEE with independent working correlation,
made two-way. With few people this sum can come out near nothing by chance, so no interval is narrower than for independent judgments. Where there is
only one person (or question), nothing can be said of others, and that side is left out. `benchmarks/study_coverage.py` measures how often the
intervals hold the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from games.intervals import LEVEL, Estimate, wilson

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]
NOTHING = Estimate(None)


class Effect(NamedTuple):
    """An estimate with the two-sided p of "nothing has changed"; None is what cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Clusters:
    """Who judged, and on which question: one place a judgment."""

    person: Keys
    question: Keys

    def spread(self, influence: Floats, among: NDArray[np.bool_]) -> Spread:
        """Of an estimate whose judgments `among` moved it by `influence` each."""
        person, question, moved = self.person[among], self.question[among], influence[among]
        rows = _one_way(moved, person * (int(question.max(initial=0)) + 1) + question)
        ways = [way for way in (_one_way(moved, person), _one_way(moved, question)) if way.clusters > 1]
        variance = sum(way.variance for way in ways) - (rows.variance if len(ways) == 2 else 0.0)
        spreads = [Spread(math.sqrt(rows.variance), rows.clusters - 1)]
        if ways:
            spreads.append(Spread(math.sqrt(max(variance, 0.0)), min(way.clusters for way in ways) - 1))
        return max(spreads, key=lambda spread: spread.reach)


class _Way(NamedTuple):
    variance: float
    clusters: int


def _one_way(influence: Floats, key: Keys) -> _Way:
    names, place = np.unique(key, return_inverse=True)
    count = len(names)
    sums = np.bincount(place, weights=influence, minlength=count)
    return _Way(float((sums**2).sum()) * (count / (count - 1) if count > 1 else 1.0), count)


class Spread(NamedTuple):
    """A standard error and its degrees of freedom."""

    error: float
    freedom: int

    @property
    def t(self) -> float:
        from scipy.special import stdtrit  # takes a third of a second to import

        if self.freedom < 1:
            return math.nan
        return float(stdtrit(self.freedom, 0.5 + LEVEL / 2))

    @property
    def reach(self) -> float:
        """From the estimate to either end of its 95 % interval."""
        return self.t * self.error

    def p(self, value: float) -> float | None:
        """Two-sided, of `value` being nought."""
        from scipy.special import stdtr

        return float(2 * stdtr(self.freedom, -abs(value) / self.error)) if self.error > 0 else None


@dataclass(frozen=True)
class Share:
    """The part of the judgments `among` that are `hits`, both as zeros and ones over all judgments."""

    hits: NDArray[np.bool_]
    among: NDArray[np.bool_]
    clusters: Clusters

    @property
    def n(self) -> int:
        return int(self.among.sum())

    @property
    def k(self) -> int:
        return int((self.hits & self.among).sum())

    @property
    def value(self) -> float | None:
        return self.k / self.n if self.n else None

    def influence(self) -> Floats:
        """How far each judgment moves the share."""
        return np.where(self.among, self.hits - self.k / self.n, 0.0) / self.n

    @property
    def moved_by(self) -> NDArray[np.bool_]:
        """The judgments that the share hangs on."""
        return self.among

    def spread(self) -> Spread:
        return self.clusters.spread(self.influence(), self.moved_by)

    def estimate(self) -> Estimate:
        """Wilson's interval for as many independent judgments as would be known as well as these are."""
        if not self.n:
            return NOTHING
        share, spread = self.k / self.n, self.spread()
        if not spread.freedom:
            return Estimate(share)
        if self.k in (0, self.n):
            # All alike: no spread to go by. One independent judgment a question, as everywhere else in the reports.
            return Estimate(share, *wilson(share, len(np.unique(self.clusters.question[self.among])), spread.t))
        if not spread.error > 0:
            return Estimate(share)
        return Estimate(share, *wilson(share, share * (1 - share) / spread.error**2, spread.t))


@dataclass(frozen=True)
class Precision(Share):
    """Of the accepted answers, those that are right: given how many right and wrong ones were judged, which the study's design has fixed."""

    right: Share
    "Accepted of the right answers."
    wrong: Share

    @classmethod
    def of(cls, right: Share, wrong: Share) -> Precision:
        return cls(right.hits & right.among, right.hits & (right.among | wrong.among), right.clusters, right, wrong)

    def influence(self) -> Floats:
        """By the two rates; only asked for where answers of both kinds were accepted."""
        if not self.right.k or not self.wrong.k:
            return np.zeros(len(self.hits))
        share = self.k / self.n
        rates = self.right.k / self.right.n, self.wrong.k / self.wrong.n
        return share * (1 - share) * (self.right.influence() / rates[0] - self.wrong.influence() / rates[1])

    @property
    def moved_by(self) -> NDArray[np.bool_]:
        return self.right.among | self.wrong.among


def difference(one: Share, base: Share) -> Effect:
    """`one` minus `base`, both of the same judgments' clusters: Newcombe's interval (1998, method 10), with the two shares' correlation in it."""
    first, second = one.estimate(), base.estimate()
    if first.value is None or second.value is None:
        return Effect(None)
    value = first.value - second.value
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Effect(value)
    joint = one.clusters.spread(one.influence() - base.influence(), one.moved_by | base.moved_by)
    rho = _correlation(one.spread().error, base.spread().error, joint.error)
    low = _combined(first.value - first.low, second.high - second.value, rho)
    high = _combined(first.high - first.value, second.value - second.low, rho)
    return Effect(value, max(-1.0, value - low), min(1.0, value + high), joint.p(value))


def _correlation(one: float, other: float, joint: float) -> float:
    if not (one > 0 and other > 0):
        return 0.0
    return float(np.clip((one**2 + other**2 - joint**2) / (2 * one * other), -1.0, 1.0))


def _combined(one: float, other: float, rho: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * rho * one * other))


def change(one: Share, base: Share, *, counts: bool = False) -> Effect:
    """By which part the share `one` is more (or less) than `base`: -0.5 is half of it. From the logarithm of their ratio.

    `counts`: the change of the numbers of hits instead, given how many judgments there were of either.
    """
    if not one.n or not base.k:
        return Effect(None)
    scale = one.n / base.n if counts else 1.0
    before = base.k / base.n
    if not one.k:
        high = one.estimate().high
        return Effect(-1.0, -1.0 if high is not None else None, None if high is None else scale * high / before - 1, difference(one, base).p)
    ratio = (one.k / one.n) / before
    joint = one.clusters.spread(one.influence() * one.n / one.k - base.influence() / before, one.among | base.among)
    if not joint.freedom or not joint.error > 0:
        return Effect(scale * ratio - 1)
    low, high = (scale * math.exp(math.log(ratio) + end) - 1 for end in (-joint.reach, joint.reach))
    return Effect(scale * ratio - 1, low, high, joint.p(math.log(ratio)))


def resampled(key: Keys, resamples: int, seed: int) -> Floats:
    """For a bootstrap of whole `key`s (questions): how often each judgment counts, one row a resample."""
    names, place = np.unique(key, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return drawn[:, place].astype(float)
