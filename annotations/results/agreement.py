"""Whether people agree with each other, and with a simulated listener that judged the same utterances. Knows nothing of Django.

Intervals resample what was judged (utterances for α, questions beside a listener), not people: of other people they say less than the contrast's do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotations.results.acceptance import Table, Verdict
from annotations.results.clustered import Share, resampled
from games import curves, metrics
from games.intervals import Estimate, percentiles
from games.metrics import Outcomes

RESAMPLES = 1000
APART = 10
"""Utterances that are listed where people and the listener part most."""

Floats = NDArray[np.float64]


# People among themselves


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's α of the verdicts; 1: all agree, 0: as chance would have it. Over utterances with two usable judgments or more."""

    utterances: int
    judgments: int
    value: Estimate


def people_agree(verdicts: Iterable[Verdict], seed: int = 0) -> Alpha:
    by_utterance: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in verdicts:
        if not row.excluded:
            by_utterance[row.utterance][row.accepted] += 1
    counts = np.array([pair for pair in by_utterance.values() if sum(pair) > 1], dtype=float).reshape(-1, 2)
    units = len(counts)
    value = float(alpha(counts)) if units else float("nan")
    if np.isnan(value):
        return Alpha(units, int(counts.sum()), Estimate(None))
    drawn = resampled(np.arange(units), RESAMPLES, seed)
    return Alpha(units, int(counts.sum()), percentiles(value, alpha(counts, drawn)))


def alpha(counts: ArrayLike, weights: Floats | None = None) -> Floats:
    """Krippendorff's α for nominal data (Computing Krippendorff's Alpha-Reliability, 2011), from how many judges gave a unit each category.

    `counts` has one row a unit, one column a category; a unit that fewer than two judged has no pairs and is left out. `weights`, shape
    (..., units), says how often each unit counts. NaN where nothing differs that could have agreed: all gave the same category.

    >>> round(float(alpha([[2, 0], [2, 0], [1, 1], [0, 2]])), 3)  # two judges, four units
    0.533
    """
    table = np.asarray(counts, dtype=float)
    judges = table.sum(-1)
    w = (np.ones(len(table)) if weights is None else weights) * (judges > 1)
    apart = (judges**2 - (table**2).sum(-1)) / np.maximum(judges - 1, 1)
    total = w @ judges
    expected = (total**2 - ((w @ table) ** 2).sum(-1)) / np.maximum(total - 1, 1)
    return 1 - np.divide(w @ apart, expected, out=np.full(np.shape(total), np.nan), where=expected > 0)


# People beside a listener


class Heard(NamedTuple):
    """What a simulated listener made of an utterance."""

    probability: float | None
    accepted: bool


class Parting(NamedTuple):
    """An utterance, by the share of people who accepted it beside the listener's probability (its verdict, where it gives none)."""

    utterance: int
    judgments: int
    people: float
    listener: float


@dataclass(frozen=True)
class Beside:
    """People and one simulated listener on the utterances that both judged; every usable judgment of a person counts once."""

    listener: str
    utterances: int
    judgments: int
    agreement: Estimate
    "The share of people's verdicts that are the listener's too; clustered by person and question."
    kappa: Estimate
    "Cohen's κ of the two verdicts."
    auroc: Estimate
    "How well the listener's probability tells what a person accepts."
    bins: list[dict[str, Any]]
    "Share that people accepted (`accuracy`) by the listener's probability."
    apart: list[Parting]
    "Where they part most, the widest first."


def beside(verdicts: Sequence[Verdict], heard: Mapping[str, Mapping[int, Heard]], seed: int = 0) -> list[Beside]:
    """One entry for each listener (name → utterance → what it made of it) that judged any of them."""
    usable = [row for row in verdicts if not row.excluded]
    both = {name: [row for row in usable if row.utterance in theirs] for name, theirs in heard.items()}
    return [_beside(name, rows, heard[name], seed) for name, rows in both.items() if rows]


def _beside(name: str, rows: Sequence[Verdict], heard: Mapping[int, Heard], seed: int) -> Beside:
    table = Table.of(rows)
    theirs = np.array([heard[row.utterance].accepted for row in rows], dtype=bool)
    chances = [heard[row.utterance].probability for row in rows]
    probability = np.array([np.nan if one is None else one for one in chances], dtype=float)
    told = Outcomes(table.clusters.question, table.accepted, theirs, probability, np.zeros(len(rows), dtype=bool))
    weights = resampled(told.question, RESAMPLES, seed)
    return Beside(
        listener=name,
        utterances=len({row.utterance for row in rows}),
        judgments=len(rows),
        agreement=Share(table.accepted == theirs, np.ones(len(rows), dtype=bool), table.clusters).estimate(),
        kappa=_estimate(kappa(table.accepted, theirs), kappa(table.accepted, theirs, weights)),
        auroc=_estimate(metrics.auroc(probability, table.accepted), metrics.auroc(probability, table.accepted, weights)),
        bins=curves.reliability(told),
        apart=_apart(rows, heard),
    )


def _estimate(value: Floats, drawn: Floats) -> Estimate:
    return Estimate(None) if np.isnan(value) else percentiles(float(value), drawn)


def kappa(one: ArrayLike, other: ArrayLike, weights: Floats | None = None) -> Floats:
    """Cohen's κ of two verdicts on the same things; NaN where both always say the same one thing.

    >>> round(float(kappa([True, True, False, False], [True, False, False, False])), 3)
    0.5
    """
    a, b = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    w = np.ones(len(a)) if weights is None else weights
    total = w.sum(-1)
    same, said, too = (w @ (a == b) / total, w @ a / total, w @ b / total)
    chance = said * too + (1 - said) * (1 - too)
    return np.divide(same - chance, 1 - chance, out=np.full(np.shape(total), np.nan), where=chance < 1)


def _apart(rows: Sequence[Verdict], heard: Mapping[int, Heard]) -> list[Parting]:
    accepted: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        accepted[row.utterance].append(row.accepted)
    found = []
    for utterance, verdicts in accepted.items():
        theirs = heard[utterance]
        listener = float(theirs.accepted) if theirs.probability is None else theirs.probability
        found.append(Parting(utterance, len(verdicts), sum(verdicts) / len(verdicts), listener))
    return sorted(found, key=lambda one: (-abs(one.people - one.listener), -one.judgments, one.utterance))[:APART]
