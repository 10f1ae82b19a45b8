"""What the judgments of a study say: counts, rates, and the contrast of two arms. Verdicts in, numbers out; knows nothing of Django.

The contrast is LACIE's (arXiv 2405.21028, Table 2): how many fewer wrong answers people accepted, and how many fewer right ones. The paper compares
counts (32 → 17, −47 %), which says nothing of tone where one arm was judged on more wrong answers than the other. So the headline is the change of
the count where the two arms were judged on about as many such answers, and the change of the rate where they were not; `of` says which.

`test` says where its p comes from: McNemar's exact test, as in the paper, where each answer was judged once and most questions in both arms;
otherwise the clustered test that belongs to the interval (`annotations.results.clustered`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotations.results.clustered import NOTHING, Clusters, Effect, Precision, Share, change, difference
from games.intervals import Estimate, McNemar, mcnemar

ABOUT_AS_MANY = 0.05
"""By which part the arms' numbers of wrong (or right) answers may differ for the counts to be compared."""
MOST = 0.5
"""Of the questions of the arm with fewer, the part that both arms must share for McNemar's test."""

Flags = NDArray[np.bool_]


class Verdict(NamedTuple):
    """One judgment of a person. `arm` is its name; the person and the question are anything that tells them apart."""

    arm: str
    person: str
    question: int
    is_correct: bool
    accepted: bool
    utterance: int = 0
    probability: float | None = None
    "Of acceptance, from the verdict and the confidence in it; None where nobody asked."
    seconds: float | None = None
    knew: float | None = None
    "As the rules look at it: normalised within the person if they say so."
    excluded: str = ""
    "Why it is not used; empty: it is."


@dataclass(frozen=True)
class ArmResult:
    """Of the usable judgments. The four counts are named as everywhere here: a false reject is a right answer that was rejected."""

    arm: str
    people: int = 0
    usable: int = 0
    true_accepts: int = 0
    false_accepts: int = 0
    true_rejects: int = 0
    false_rejects: int = 0
    true_accept_rate: Estimate = NOTHING
    "Of the right answers, the share accepted: recall."
    false_accept_rate: Estimate = NOTHING
    precision: Estimate = NOTHING
    "Of the accepted answers, the share right."


class Headline(NamedTuple):
    """The change that is reported, of the count or of the rate, with its interval and the p of `test`."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    of: Literal["count", "rate"] = "rate"
    test: Literal["mcnemar", "clustered"] = "clustered"


@dataclass(frozen=True)
class Change:
    """What became of the acceptance of wrong (or of right) answers, from the base to another arm."""

    headline: Headline
    count: Effect
    rate: Effect
    points: Effect
    "The difference of the rates."
    mcnemar: McNemar | None = None
    "None: not every answer was judged once, or too few questions in both arms."


@dataclass(frozen=True)
class Contrast:
    """`arm` against `against`."""

    arm: str
    against: str
    matched: int
    "Questions with a usable judgment in both arms."
    false_accept: Change
    true_accept: Change
    precision: Effect
    "The difference of the precisions."


@dataclass(frozen=True)
class Results:
    people: int
    questions: int
    arms: list[ArmResult] = field(default_factory=list)
    contrasts: list[Contrast] = field(default_factory=list)
    "Each later arm against the first."


def summarise(verdicts: Iterable[Verdict], *, arms: Sequence[str]) -> Results:
    """One result for each arm, in the order given, and the contrast of each later arm with the first. Excluded judgments are left out."""
    rows = [row for row in verdicts if not row.excluded]
    table = Table.of(rows)
    return Results(
        people=len({row.person for row in rows}),
        questions=len({row.question for row in rows}),
        arms=[_arm(arm, table) for arm in arms],
        contrasts=[_contrast(arm, arms[0], table) for arm in arms[1:]],
    )


@dataclass(frozen=True)
class Table:
    """Verdicts as arrays: one place a judgment."""

    arm: NDArray[np.str_]
    correct: Flags
    accepted: Flags
    clusters: Clusters

    @classmethod
    def of(cls, rows: Sequence[Verdict]) -> Table:
        people = {person: n for n, person in enumerate(dict.fromkeys(row.person for row in rows))}
        return cls(
            arm=np.array([row.arm for row in rows], dtype=np.str_),
            correct=np.array([row.is_correct for row in rows], dtype=bool),
            accepted=np.array([row.accepted for row in rows], dtype=bool),
            clusters=Clusters(
                person=np.array([people[row.person] for row in rows], dtype=np.int64),
                question=np.array([row.question for row in rows], dtype=np.int64),
            ),
        )

    def accepts(self, arm: str, right: bool) -> Share:
        """Of the arm's right (or wrong) answers, those accepted."""
        return Share(self.accepted, (self.arm == arm) & (self.correct == right), self.clusters)

    def precision(self, arm: str) -> Precision:
        return Precision.of(self.accepts(arm, True), self.accepts(arm, False))


def _arm(arm: str, table: Table) -> ArmResult:
    right, wrong = table.accepts(arm, True), table.accepts(arm, False)
    return ArmResult(
        arm=arm,
        people=len(np.unique(table.clusters.person[table.arm == arm])),
        usable=right.n + wrong.n,
        true_accepts=right.k,
        false_rejects=right.n - right.k,
        false_accepts=wrong.k,
        true_rejects=wrong.n - wrong.k,
        true_accept_rate=right.estimate(),
        false_accept_rate=wrong.estimate(),
        precision=table.precision(arm).estimate(),
    )


def _contrast(arm: str, base: str, table: Table) -> Contrast:
    asked = [Counter(table.clusters.question[table.arm == name].tolist()) for name in (arm, base)]
    shared = sorted(asked[0].keys() & asked[1].keys())
    once = all(n == 1 for counts in asked for n in counts.values())
    matched = shared if once and shared and len(shared) >= MOST * min(map(len, asked)) else None
    false, true = (_change(arm, base, right, table, matched) for right in (False, True))
    return Contrast(arm, base, len(shared), false, true, difference(table.precision(arm), table.precision(base)))


def _change(arm: str, base: str, right: bool, table: Table, matched: list[int] | None) -> Change:
    one, before = table.accepts(arm, right), table.accepts(base, right)
    count, rate = change(one, before, counts=True), change(one, before)
    test = None
    if matched is not None and one.n and before.n:
        base_hits, hits = (np.isin(matched, table.clusters.question[share.hits & share.among]) for share in (before, one))
        test = mcnemar(base_hits, hits, np.ones(len(matched), dtype=bool))
    alike = abs(one.n - before.n) <= ABOUT_AS_MANY * max(one.n, before.n)
    value, low, high, p = count if alike else rate
    if test is not None and value is not None:
        p = test.p
    headline = Headline(value, low, high, p, "count" if alike else "rate", "mcnemar" if test else "clustered")
    return Change(headline, count, rate, difference(one, before), test)
