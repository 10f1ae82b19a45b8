"""Pairwise metacognition: of two questions, which does a speaker say it is likelier to answer right, and is it? (arXiv 2510.05126, AUCa and AUCc.)

Asked before it answers, in both orders; the pick is the mean of the two, so that a liking for the first place cancels out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games import intervals
from games.estimators.consistency import agreement
from games.intervals import RESAMPLES
from games.models import Game
from games.prompts import likelier
from games.speakers.base import Scorer
from training.outcomes import EvaluationError

PAIRS_PER_QUESTION = 4
OPTIONS = ("A", "B")
Floats = NDArray[np.float64]


def agreement_of(game: Game, speaker: Scorer, relations: Collection[str] = (), *, seed: int = 0) -> tuple[int, dict[str, Any]]:
    """How many pairs differ in correctness, and with intervals:

    `pairwise_agreement`: in which share of those it picks the question whose (first) answer is right. `pairwise_consistency`: among all pairs
    that differ in consistency, in which share it picks the more consistent one. `accuracy` of its first answers.

    Raises:
        EvaluationError: no two questions differ.
    """
    texts, right, share = _asked(game, relations)
    pairs = _drawn(len(texts), seed)
    both = [likelier(texts[a], texts[b]) for a, b in pairs] + [likelier(texts[b], texts[a]) for a, b in pairs]
    chosen = speaker.choose(both, OPTIONS)
    first = (chosen[: len(pairs), 0] + chosen[len(pairs) :, 1]) / 2
    found = {
        "pairwise_agreement": _agreement(pairs, first, right.astype(float), seed),
        "pairwise_consistency": _agreement(pairs, first, share, seed),
    }
    mixed = int((right[pairs[:, 0]] != right[pairs[:, 1]]).sum())
    if not mixed:
        raise EvaluationError(f"Of the questions of {game} all are answered right, or all wrong: no pair can show which it knows better.")
    accuracy = intervals.Estimate(float(right.mean()), *intervals.wilson(float(right.mean()), len(right)))
    return mixed, intervals.as_json({"accuracy": accuracy, **found})


def _asked(game: Game, relations: Collection[str]) -> tuple[list[str], NDArray[np.bool_], Floats]:
    """Of each question its text, whether the first answer is right, and the share of the most frequent answer."""
    rows = game.utterances.filter(is_correct__isnull=False).order_by("question", "sample")
    if relations:
        rows = rows.filter(question__relation__in=relations)
    answers: dict[str, list[str | None]] = defaultdict(list)
    right: dict[str, bool] = {}
    for text, answer, correct in rows.values_list("question__text", "answer", "is_correct"):
        answers[text].append(answer)
        right.setdefault(text, bool(correct))
    if len(right) < 2:
        raise EvaluationError(f"{game} has {len(right)} questions of these relations: there are no pairs.")
    shares = [max((agreement(one, said) or 0.0 for one in set(said) if one is not None), default=0.0) for said in answers.values()]
    return list(answers), np.array(list(right.values()), dtype=bool), np.array(shares)


def _drawn(questions: int, seed: int) -> NDArray[np.int64]:
    """Each question in so many pairs with others, none with itself."""
    rng = np.random.default_rng(seed)
    turns = [rng.permutation(questions) for _ in range(PAIRS_PER_QUESTION)]
    return np.concatenate([np.stack([turn, np.roll(turn, 1)], axis=1) for turn in turns])[: questions * PAIRS_PER_QUESTION // 2 * 2]


def _agreement(pairs: NDArray[np.int64], first: Floats, worth: Floats, seed: int) -> intervals.Estimate:
    """The share of pairs of unequal worth in which the pick is the worthier, a tie counting half; resampled by question."""
    a, b = pairs[:, 0], pairs[:, 1]
    unequal = worth[a] != worth[b]
    if not unequal.any():
        return intervals.Estimate(None)
    hit = np.where(first == 0.5, 0.5, (first > 0.5) == (worth[a] > worth[b]))[unequal]
    a, b = a[unequal], b[unequal]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(worth), np.full(len(worth), 1 / len(worth)), size=RESAMPLES).astype(float)
    weights = counts[:, a] * counts[:, b]
    whole = weights.sum(1)
    drawn = np.divide(weights @ hit, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return intervals.percentiles(float(hit.mean()), drawn)
