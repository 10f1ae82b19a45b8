"""How people listened: how well their sureness was placed, how long they took, and what hangs on the "knew it" rule. Knows nothing of Django."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotations.results.acceptance import Contrast, Results, Verdict, summarise
from annotations.results.clustered import resampled
from games import curves, metrics
from games.intervals import Estimate, percentiles
from games.metrics import Outcomes

RESAMPLES = 500
CUTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of "I knew the answer", beside the study's own threshold."""
SCORES = (metrics.ece, metrics.brier, metrics.auroc)
KNEW_IT = "knew it"
SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Calibration:
    """Of p(accept) = 0.5 + c/2 for an accepting judgment with confidence c, (1 - c)/2 for a rejecting one, against whether the answer was right."""

    arm: str
    "Empty: all arms together."
    n: int
    ece: Estimate
    brier: Estimate
    auroc: Estimate
    bins: list[dict[str, Any]]
    "As `games.curves.reliability`."


@dataclass(frozen=True)
class Time:
    """Seconds from the round being shown to the verdict: the quartiles."""

    arm: str
    is_correct: bool
    n: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Cut:
    """What the results would be had judgments with `knew` above `over` been left out. `is_declared`: the study's own rule."""

    over: float
    is_declared: bool
    found: Results

    @property
    def contrast(self) -> Contrast | None:
        return self.found.contrasts[-1] if self.found.contrasts else None


def calibrations(verdicts: Sequence[Verdict], arms: Sequence[str], seed: int = 0) -> list[Calibration]:
    """All arms together, then each, as far as people were asked how sure they were. Intervals by resampling questions."""
    told = [row for row in verdicts if not row.excluded and row.probability is not None]
    groups = {"": told} | {arm: [row for row in told if row.arm == arm] for arm in arms}
    return [_calibration(arm, outcomes(rows), seed) for arm, rows in groups.items() if rows]


def outcomes(rows: Sequence[Verdict]) -> Outcomes:
    """Of judgments with a probability."""
    return Outcomes(
        question=np.array([row.question for row in rows], dtype=np.int64),
        correct=np.array([row.is_correct for row in rows], dtype=bool),
        accepted=np.array([row.accepted for row in rows], dtype=bool),
        probability=np.array([row.probability for row in rows], dtype=float),
        abstained=np.zeros(len(rows), dtype=bool),
    )


def _calibration(arm: str, told: Outcomes, seed: int) -> Calibration:
    weights = resampled(told.question, RESAMPLES, seed)
    ece, brier, auroc = (_score(score(told.probability, told.correct), score(told.probability, told.correct, weights)) for score in SCORES)
    return Calibration(arm, len(told), ece, brier, auroc, curves.reliability(told))


def _score(value: metrics.Floats, drawn: metrics.Floats) -> Estimate:
    return Estimate(None) if np.isnan(value) else percentiles(float(value), drawn)


def times(verdicts: Sequence[Verdict], arms: Sequence[str]) -> list[Time]:
    """By arm and by whether the answer was right; usable judgments only, and no entry where there is none."""
    found = []
    for arm in arms:
        for right in (True, False):
            took = [row.seconds for row in verdicts if row.arm == arm and row.is_correct == right and row.seconds is not None and not row.excluded]
            if took:
                found.append(Time(arm, right, len(took), *(float(value) for value in np.quantile(took, SHARES))))
    return found


def cuts(verdicts: Sequence[Verdict], arms: Sequence[str], declared: float) -> list[Cut]:
    """The results at several thresholds; empty where nobody was asked. A judgment without an answer to the question is always in."""
    asked = [row for row in verdicts if row.excluded in ("", KNEW_IT)]
    if not any(row.knew is not None for row in asked):
        return []
    found = []
    for over in sorted({*CUTS, declared}):
        kept = [row._replace(excluded="") for row in asked if row.knew is None or row.knew <= over]
        found.append(Cut(over, over == declared, summarise(kept, arms=arms)))
    return found
