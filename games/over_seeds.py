"""Figures over several seeds of one method: means with intervals over questions and seeds, differences to a base, and many comparisons at once.

A seed is a whole turn: other samples, other training order, another speaker. Each resample draws questions (the same draw for every seed and for
both sides of a difference) and, with more than one seed, seeds; its value is the mean over the drawn seeds. With the usual three seeds an interval
over them is rough, and rather too narrow than too wide; the table shows each seed's value beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from games import intervals, metrics
from games.intervals import RESAMPLES, Estimate
from games.metrics import Floats, Outcomes


class OverSeeds(NamedTuple):
    """Of one metric."""

    mean: Estimate
    each: list[float | None]
    "A value a seed, in the order given."


class Against(NamedTuple):
    """Of one metric, a method minus its base."""

    difference: Estimate
    p: float | None
    "Two-sided, of the normal approximation with the resamples' standard error: a share of resamples could not be small enough for many corrections."


def measure(seeds: Sequence[Outcomes], *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, OverSeeds]:
    """Every metric of `games.metrics.METRICS`, the mean over the seeds.

    >>> one = Outcomes(*map(np.array, ([1, 2, 3], [True, False, True], [True, True, False], [0.9, 0.8, 0.4], [False] * 3)))
    >>> measure([one, one], resamples=50)["accuracy"].each
    [0.6666666666666666, 0.6666666666666666]
    """
    points, drawn = _values(seeds), _drawn(seeds, resamples, seed)
    return {name: OverSeeds(_estimate(points[name], drawn[name]), [_known(value) for value in points[name]]) for name in points}


def compare(base: Sequence[Outcomes], other: Sequence[Outcomes], *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Against]:
    """Differences of every metric, other minus base, over the questions that all of them answered.

    Both sides have the same seeds in the same order: what they share (questions, the seed) is drawn together.
    """
    shared = set.intersection(*(set(one.question.tolist()) for one in (*base, *other)))
    sides = [[one.where(np.isin(one.question, list(shared))) for one in side] for side in (base, other)]
    points = [_values(side) for side in sides]
    drawn = _drawn([*sides[0], *sides[1]], resamples, seed, pairs=True)
    return {name: _against(points[1][name] - points[0][name], drawn[name]) for name in metrics.METRICS}


def holm(found: Mapping[str, float | None]) -> dict[str, float | None]:
    """p-values corrected for their number (Holm 1979); those that cannot be told stay so and do not count.

    >>> holm({"a": 0.01, "b": 0.04, "c": None})
    {'a': 0.02, 'b': 0.04, 'c': None}
    """
    from statsmodels.stats.multitest import multipletests  # takes a second to import

    known = {name: p for name, p in found.items() if p is not None}
    if not known:
        return dict(found)
    corrected = dict(zip(known, multipletests(list(known.values()), method="holm")[1], strict=True))
    return {name: float(corrected[name]) if name in corrected else None for name in found}


def _values(seeds: Sequence[Outcomes]) -> dict[str, Floats]:
    each = [metrics.values(one) for one in seeds]
    return {name: np.array([float(one[name]) for one in each]) for name in metrics.METRICS}


def _drawn(seeds: Sequence[Outcomes], resamples: int, seed: int, *, pairs: bool = False) -> dict[str, Floats]:
    """Each metric in each resample; with `pairs` the first half of the seeds is the base of the second, and it is their difference."""
    each = intervals.resample(seeds, resamples, seed)
    many = len(seeds) // 2 if pairs else len(seeds)
    which = np.random.default_rng([seed, 1]).integers(many, size=(resamples, many)) if many > 1 else np.zeros((resamples, 1), dtype=int)
    found = {}
    for name in metrics.METRICS:
        table = np.stack([one[name] for one in each], axis=1)
        table = table[:, many:] - table[:, :many] if pairs else table
        found[name] = np.take_along_axis(table, which, axis=1).mean(1)
    return found


def _estimate(values: Floats, drawn: Floats) -> Estimate:
    mean = float(values.mean())
    if np.isnan(mean):
        return Estimate(None)
    found = intervals.percentiles(mean, drawn)
    return Estimate(mean) if found.low == found.high else found


def _against(values: Floats, drawn: Floats) -> Against:
    found = _estimate(values, drawn)
    known = drawn[~np.isnan(drawn)]
    if found.value is None or found.low is None or len(known) < 2:
        return Against(found, None)
    return Against(found, 2 * NormalDist().cdf(-abs(found.value) / float(known.std(ddof=1))))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
