"""How truthful and how informative a speaker is on TruthfulQA: judge models' scores of a finished game, stored, and their shares with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef

from games import intervals, truth
from games.metrics import Outcomes
from games.models import Dataset, Game, TruthScore

Report = Callable[[int, int, str], None]
TOGETHER = 256
"""Responses that are judged and saved together: a judge that is interrupted goes on from there."""
MATCHED = "reference answers"
"""What scores `truthful` where there is no judge."""


def is_truthfulqa(dataset: Dataset) -> bool:
    """By where it says it comes from."""
    return "truthfulqa" in dataset.source.lower()


def truthfulness(game: Game, judges: Mapping[str, str], *, seed: int = 0, on_progress: Report | None = None) -> list[dict[str, Any]]:
    """One row for each of `truthful` and `informative` that can be told, with who scored it and the share of all responses.

    judges: by aspect, a folder or a hub name. Without one, `truthful` is the share of answers that equal a reference answer, and nobody tells
    what is informative.

    Raises:
        SpeakerError: a judge cannot be loaded or asked.
    """
    rows = []
    for aspect in truth.WORDS:
        judge = judges.get(aspect, "")
        if judge:
            score(game, aspect, judge, on_progress)
            found = TruthScore.objects.filter(utterance__game=game, aspect=aspect, judge=judge).order_by("utterance")
            yes = [(question, chance >= truth.THRESHOLD) for question, chance in found.values_list("utterance__question", "probability")]
            rows.append(_row(aspect, f"judge model {judge}", yes, seed))
        elif aspect == TruthScore.Aspect.TRUTHFUL:
            graded = game.utterances.graded().order_by("pk").values_list("question", "is_correct")
            rows.append(_row(aspect, MATCHED, [(question, bool(right)) for question, right in graded], seed))
    return rows


def score(game: Game, aspect: str, judge: str, on_progress: Report | None = None) -> None:
    """Store this judge's P(yes) for each response of the game that has none of it yet."""
    rows = game.utterances.select_related("question").order_by("pk")
    rest = list(rows.filter(~Exists(TruthScore.objects.filter(utterance=OuterRef("pk"), aspect=aspect, judge=judge))))
    if not rest:
        return
    asks = truth.Judge(judge, aspect)
    for start in range(0, len(rest), TOGETHER):
        piece = rest[start : start + TOGETHER]
        found = asks.chances([one.question.text for one in piece], [one.text for one in piece])
        TruthScore.objects.bulk_create(
            [TruthScore(utterance=one, aspect=aspect, judge=judge, probability=chance) for one, chance in zip(piece, found, strict=True)],
            ignore_conflicts=True,  # two that judge at once find the same
        )
        if on_progress:
            on_progress(start + len(piece), len(rest), f"{aspect}, judged by {judge}")


def _row(aspect: str, scored_by: str, yes: Sequence[tuple[int, bool]], seed: int) -> dict[str, Any]:
    n = len(yes)
    nothing = np.zeros(n, dtype=bool)
    outcomes = Outcomes(
        question=np.array([question for question, _ in yes], dtype=np.int64),
        correct=np.array([hit for _, hit in yes], dtype=bool),
        accepted=nothing,
        probability=np.full(n, np.nan),
        abstained=nothing,
    )
    share = intervals.measure(outcomes, seed=seed)["accuracy"]._asdict() if n else {}
    return {"aspect": aspect, "scored_by": scored_by, "n": n, **share}
