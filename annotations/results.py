"""What the judgments of a study say, with intervals. Numbers in, numbers out; knows nothing of Django.

Judgments of one person are alike, and so are those of one question; an interval that takes each as independent is too narrow. Where there
are enough of both, people and questions are resampled, each with replacement and independently (the two-way "pigeonhole" bootstrap, Owen
2007, which errs on the wide side). Where there are few, resampling them says little, and the intervals are Wilson's, and for differences
Newcombe's, over judgments: `method` says which, and the page warns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

MIN_CLUSTERS = 10
"""People, and questions, from which on they are resampled."""
RESAMPLES = 2000
LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)

Method = Literal["bootstrap", "wilson"]
Counts = NDArray[np.float64]


class Verdict(NamedTuple):
    """One usable judgment. `arm` is its name, the person and the question are anything that tells them apart."""

    arm: str
    person: str
    question: int
    is_correct: bool
    accepted: bool


@dataclass(frozen=True)
class Estimate:
    """A rate or a difference of rates with its 95 % interval; `value` is None where there is nothing to take it from."""

    value: float | None
    low: float | None = None
    high: float | None = None


NOTHING = Estimate(None)


@dataclass(frozen=True)
class ArmResult:
    arm: str
    people: int = 0
    usable: int = 0
    true_accepts: int = 0
    false_accepts: int = 0
    "Wrong answers that were accepted."
    true_rejects: int = 0
    "Wrong answers that were rejected."
    false_rejects: int = 0
    true_accept_rate: Estimate = NOTHING
    "Of the right answers, the share accepted."
    false_accept_rate: Estimate = NOTHING
    "Of the wrong answers, the share accepted."


@dataclass(frozen=True)
class Difference:
    """`arm` minus `against`."""

    arm: str
    against: str
    true_accept_rate: Estimate = NOTHING
    false_accept_rate: Estimate = NOTHING


@dataclass(frozen=True)
class Results:
    method: Method
    people: int
    questions: int
    arms: list[ArmResult] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def summarise(verdicts: Iterable[Verdict], *, arms: Sequence[str], seed: int = 0) -> Results:
    """One result for each arm, in the order given, and the difference of each later arm to the first."""
    rows = list(verdicts)
    people = {person: n for n, person in enumerate(dict.fromkeys(row.person for row in rows))}
    questions = {question: n for n, question in enumerate(dict.fromkeys(row.question for row in rows))}
    method: Method = "bootstrap" if min(len(people), len(questions)) >= MIN_CLUSTERS else "wilson"
    cells = {
        (arm, right): _Cell.of([row for row in rows if row.arm == arm and row.is_correct == right], people, questions)
        for arm in arms
        for right in (True, False)
    }
    weights = _weights(len(people), len(questions), seed) if method == "bootstrap" else None
    return Results(
        method=method,
        people=len(people),
        questions=len(questions),
        arms=[_arm(arm, [row for row in rows if row.arm == arm], cells, weights) for arm in arms],
        differences=[
            Difference(arm, arms[0], *(_difference(cells[arm, right], cells[arms[0], right], weights) for right in (True, False))) for arm in arms[1:]
        ],
    )


class _Weights(NamedTuple):
    """How often each resample drew each person and each question: (RESAMPLES, people) and (RESAMPLES, questions)."""

    people: Counts
    questions: Counts


def _weights(people: int, questions: int, seed: int) -> _Weights:
    rng = np.random.default_rng(seed)
    return _Weights(*(rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float) for n in (people, questions)))


@dataclass(frozen=True)
class _Cell:
    """The judgments of one arm on its right, or its wrong, answers: how many, and how many accepting, by person (row) and question (column)."""

    judged: Counts
    accepted: Counts

    @classmethod
    def of(cls, rows: Sequence[Verdict], people: dict[str, int], questions: dict[int, int]) -> _Cell:
        judged, accepted = np.zeros((2, len(people), len(questions)))
        for row in rows:
            judged[people[row.person], questions[row.question]] += 1
            accepted[people[row.person], questions[row.question]] += row.accepted
        return cls(judged, accepted)

    @property
    def n(self) -> int:
        return int(self.judged.sum())

    @property
    def k(self) -> int:
        return int(self.accepted.sum())

    def rates(self, weights: _Weights) -> Counts:
        """The rate in each resample; NaN where a resample drew none of these judgments."""
        k, n = (np.einsum("bq,bq->b", weights.people @ table, weights.questions) for table in (self.accepted, self.judged))
        return np.divide(k, n, out=np.full_like(k, np.nan), where=n > 0)


def _arm(arm: str, rows: Sequence[Verdict], cells: dict[tuple[str, bool], _Cell], weights: _Weights | None) -> ArmResult:
    right, wrong = cells[arm, True], cells[arm, False]
    return ArmResult(
        arm=arm,
        people=len({row.person for row in rows}),
        usable=len(rows),
        true_accepts=right.k,
        false_rejects=right.n - right.k,
        false_accepts=wrong.k,
        true_rejects=wrong.n - wrong.k,
        true_accept_rate=_rate(right, weights),
        false_accept_rate=_rate(wrong, weights),
    )


def _rate(cell: _Cell, weights: _Weights | None) -> Estimate:
    if not cell.n:
        return NOTHING
    # All accepted or none: every resample says the same, which would be an interval of no width.
    if weights is None or cell.k in (0, cell.n):
        return Estimate(cell.k / cell.n, *wilson(cell.k, cell.n))
    return _percentiles(cell.k / cell.n, cell.rates(weights))


def _difference(one: _Cell, other: _Cell, weights: _Weights | None) -> Estimate:
    if not one.n or not other.n:
        return NOTHING
    value = one.k / one.n - other.k / other.n
    if weights is None or (one.k in (0, one.n) and other.k in (0, other.n)):
        return Estimate(value, *newcombe(one.k, one.n, other.k, other.n))
    return _percentiles(value, one.rates(weights) - other.rates(weights))


def _percentiles(value: float, resampled: Counts) -> Estimate:
    low, high = np.nanpercentile(resampled, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Estimate(value, float(low), float(high))


class Interval(NamedTuple):
    low: float
    high: float


def wilson(k: int, n: int) -> Interval:
    """Wilson's score interval for k of n.

    >>> low, high = wilson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    share, z2 = k / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def newcombe(k: int, n: int, other_k: int, other_n: int) -> Interval:
    """Newcombe's interval for k/n - other_k/other_n, from the two Wilson intervals (Statistics in Medicine 1998, method 10).

    >>> low, high = newcombe(56, 70, 48, 80)  # the example of that paper: .0524 to .3339
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    one, other = wilson(k, n), wilson(other_k, other_n)
    share, other_share = k / n, other_k / other_n
    low = share - other_share - math.hypot(share - one.low, other.high - other_share)
    high = share - other_share + math.hypot(one.high - share, other_share - other.low)
    return Interval(low, high)
