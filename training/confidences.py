"""How good a speaker's confidence is, by kind and source, on questions that it was not trained on: what `evaluate_confidence` and a benchmark show.

A row is one speaker × dataset × split × source. Its kind stands in every row: `stated`, `computed`, `listener`. Accuracy and abstention are of all
answers of the game that the source rests on; ECE, Brier score and AUROC of those answers that have a confidence, `n` of them. Abstentions have none,
but before a listener, which hears their text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from games import estimate, intervals
from games.estimators import ESTIMATORS, load
from games.estimators.base import EstimatorError
from games.estimators.recalibration import RECALIBRATIONS
from games.metrics import Outcomes
from games.models import Confidence, Dataset, Game, Listener, Question, Speaker, Split
from games.speakers.base import Scorer
from training.answers import game_of
from training.evaluation import complete, evaluate, play_out
from training.outcomes import EvaluationError, outcomes_of
from training.pairwise import agreement_of

Report = Callable[[int, int, str], None]
SHOWN = ("accuracy", "abstention")
SHOWN_OF_CONFIDENCE = ("ece", "brier", "auroc")
PAIRWISE = "pairwise"
"""A source of its own: which of two questions the speaker says it is likelier to answer right."""
SOURCES = (*ESTIMATORS, PAIRWISE)


def confidence_rows(
    *,
    speaker: Speaker,
    dataset: Dataset,
    split: str = Split.TEST,
    sources: Sequence[str] = SOURCES,
    listener: Listener | None = None,
    relations: Collection[str] = (),
    seed: int = 0,
    on_progress: Report | None = None,
) -> list[dict[str, Any]]:
    """One row a source, and one for the listener if there is one. Plays, estimates and stores what is missing; asking again costs little.

    sources: keys of `ESTIMATORS`, recalibrated (fitted on validation questions) with `-temperature` or `-isotonic` after them; `pairwise`.
    relations: only questions of these; none named: all.

    Raises:
        EvaluationError, EstimatorError: something cannot be told; the message says what. SpeakerError: it cannot answer.
    """
    for source in sources:
        _refuse_unknown(source)
    rows = []
    voices = _Voices()
    for source in sources:
        if source == PAIRWISE:
            rows.append(_pairwise_row(speaker, dataset, split, relations, seed, voices, on_progress))
        else:
            rows.append(_source_row(speaker, dataset, split, source, relations, seed, voices, on_progress))
    if listener:
        rows.append(_listener_row(speaker, dataset, split, listener, relations, seed, on_progress))
    return rows


def _refuse_unknown(source: str) -> None:
    plain, _ = parted(source)
    if plain not in SOURCES:
        endings = ", ".join(f"-{how}" for how in RECALIBRATIONS)
        raise EstimatorError(f"Unknown source of confidence {source!r}. Choose of: {', '.join(SOURCES)}; recalibrated with {endings} after it.")


def parted(source: str) -> tuple[str, str]:
    """
    >>> parted("p-true-isotonic"), parted("p-true")
    (('p-true', 'isotonic'), ('p-true', ''))
    """
    plain, _, how = source.rpartition("-")
    return (plain, how) if how in RECALIBRATIONS else (source, "")


class _Voices:
    """Loads a speaker's model once for all sources that are asked in the same form."""

    def __init__(self) -> None:
        self.loaded: dict[tuple[int, str], Scorer] = {}

    def of(self, game: Game) -> Callable[[], Scorer]:
        key = (game.speaker_id, game.form)
        return lambda: self.loaded.get(key) or self.loaded.setdefault(key, estimate.scorer(game))


def _source_row(
    speaker: Speaker, dataset: Dataset, split: str, source: str, relations: Collection[str], seed: int, voices: _Voices, on_progress: Report | None
) -> dict[str, Any]:
    plain, how = parted(source)
    game = estimated(speaker=speaker, dataset=dataset, split=split, source=plain, seed=seed, voices=voices, on_progress=on_progress)
    if how:
        if split == Split.VALIDATION:
            raise EstimatorError(f"{source} is fitted on validation questions: show it on others.")
        fitted_on = estimated(
            speaker=speaker, dataset=dataset, split=Split.VALIDATION, source=plain, seed=seed, voices=voices, on_progress=on_progress
        )
        estimate.recalibrate(game=game, source=plain, how=how, fitted_on=fitted_on)
    outcomes = confidence_outcomes(game, source, relations)
    return _row(speaker, dataset, split, load(plain).kind, source, relations, *measured(outcomes, seed=seed))


def estimated(
    *,
    speaker: Speaker,
    dataset: Dataset,
    split: str,
    source: str,
    seed: int,
    hold_out: Collection[str] = (),
    voices: _Voices | None = None,
    on_progress: Report | None = None,
) -> Game:
    """The finished game whose answers all have this source's confidence."""
    estimator = load(source)
    if not dataset.questions.filter(split=split).exists():
        raise EvaluationError(f"{dataset} has no {split} questions. Load some (manage.py load_questions), or choose another split.")
    game = game_of(speaker=speaker, dataset=dataset, split=split, samples=estimator.samples, seed=seed, form=estimator.form, hold_out=hold_out)
    play_out(game, on_progress)
    if on_progress:
        on_progress(0, 1, f"{speaker}: {source}")
    estimate.estimate(game=game, source=source, voice=voices.of(game) if voices else None)
    return game


def confidence_outcomes(game: Game, source: str, relations: Collection[str] = ()) -> Outcomes:
    """The first answer to each question, with this source's confidence as its probability (NaN where it has none); nobody has accepted anything."""
    rows = game.utterances.filter(sample=0, is_correct__isnull=False).order_by("question")
    if relations:
        rows = rows.filter(question__relation__in=relations)
    table = list(rows.values_list("pk", "question", "is_correct", "answer"))
    values = dict(Confidence.objects.filter(utterance__game=game, source=source).values_list("utterance", "value"))
    return Outcomes(
        question=np.array([row[1] for row in table], dtype=np.int64),
        correct=np.array([row[2] for row in table], dtype=bool),
        accepted=np.zeros(len(table), dtype=bool),
        probability=np.array([values.get(row[0], np.nan) for row in table], dtype=float),
        abstained=np.array([row[3] is None for row in table], dtype=bool),
    )


def measured(outcomes: Outcomes, *, seed: int = 0) -> tuple[int, dict[str, Any]]:
    """How many answers have a confidence, and the metrics with intervals."""
    sure = outcomes.where(~np.isnan(outcomes.probability))
    whole, part = (intervals.as_json(intervals.measure(one, seed=seed)) for one in (outcomes, sure))
    return len(sure), {**{name: whole[name] for name in SHOWN}, **{name: part[name] for name in SHOWN_OF_CONFIDENCE}}


def _pairwise_row(
    speaker: Speaker, dataset: Dataset, split: str, relations: Collection[str], seed: int, voices: _Voices, on_progress: Report | None
) -> dict[str, Any]:
    game = game_of(speaker=speaker, dataset=dataset, split=split, samples=10, seed=seed)
    play_out(game, on_progress)
    n, metrics = agreement_of(game, voices.of(game)(), relations, seed=seed)
    return _row(speaker, dataset, split, Confidence.Kind.STATED, PAIRWISE, relations, n, metrics)


def _listener_row(
    speaker: Speaker, dataset: Dataset, split: str, listener: Listener, relations: Collection[str], seed: int, on_progress: Report | None
) -> dict[str, Any]:
    game = game_of(speaker=speaker, dataset=dataset, split=split, samples=1, seed=seed)
    complete(game, listener, on_progress)
    if not relations:
        found = evaluate(game, listener, seed=seed)
        return _row(speaker, dataset, split, "listener", listener.name, relations, found.n, found.metrics)
    outcomes = outcomes_of(game, listener)
    asked = set(Question.objects.filter(dataset=dataset, relation__in=relations).values_list("pk", flat=True))
    some = outcomes.where(np.isin(outcomes.question, list(asked)))
    return _row(speaker, dataset, split, "listener", listener.name, relations, len(some), intervals.as_json(intervals.measure(some, seed=seed)))


def _row(
    speaker: Speaker, dataset: Dataset, split: str, kind: str, source: str, relations: Collection[str], n: int, metrics: dict[str, Any]
) -> dict[str, Any]:
    return {
        "method": speaker.method or "base",
        "speaker": speaker.name,
        "dataset": dataset.name,
        "split": str(split),
        "relations": sorted(relations),
        "confidence": str(kind),
        "source": source,
        "n": n,
        "metrics": metrics,
    }
