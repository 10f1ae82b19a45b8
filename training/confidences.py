"""How good a speaker's confidence is, by kind and source, on questions that it was not trained on: what `evaluate_confidence` and a benchmark show.

A row is one speaker × dataset × split × source. Its kind stands in every row: `stated`, `computed`, `listener`. Accuracy and abstention are of all
answers of the game that the source rests on; ECE, Brier score and AUROC of those answers that have a confidence, `n` of them. Abstentions have none,
but before a listener, which hears their text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games import estimate, intervals
from games.estimators import BY, ESTIMATORS, load
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
    game: Game | None = None,
    on_progress: Report | None = None,
) -> list[dict[str, Any]]:
    """One row a source, and one for the listener if there is one. Plays, estimates and stores what is missing; asking again costs little.

    sources: keys of `ESTIMATORS`, or `calibration-tuned-by-NAME`, recalibrated (fitted on validation questions) with `-temperature` or `-isotonic`
    after them; `pairwise`.
    relations: only questions of these; none named: all.
    game: whose answers are looked at, in place of the speaker's usual game on this split.

    Raises:
        EvaluationError, EstimatorError: something cannot be told; the message says what. SpeakerError: it cannot answer.
    """
    for source in sources:
        _refuse_unknown(source)
    asked = _Asked(speaker, dataset, str(split), relations, seed, game, _Voices(), on_progress)
    rows = [asked.pairwise() if source == PAIRWISE else asked.row_of(source) for source in sources]
    return [*rows, asked.heard_by(listener)] if listener else rows


def _refuse_unknown(source: str) -> None:
    plain, _ = parted(source)
    if plain not in SOURCES and estimate.judge_of(plain) is None:
        endings = ", ".join(f"-{how}" for how in RECALIBRATIONS)
        raise EstimatorError(
            f"Unknown source of confidence {source!r}. Choose of: {', '.join(SOURCES)}, {BY}NAME; recalibrated with {endings} after it."
        )


def parted(source: str) -> tuple[str, str]:
    """
    >>> parted("p-true-isotonic"), parted("p-true")
    (('p-true', 'isotonic'), ('p-true', ''))
    """
    plain, _, how = source.rpartition("-")
    return (plain, how) if how in RECALIBRATIONS else (source, "")


class _Voices:
    """Loads a model once for all sources that ask it in the same form."""

    def __init__(self) -> None:
        self.loaded: dict[tuple[int, str], Scorer] = {}

    def of(self, game: Game, source: str = "") -> Callable[[], Scorer]:
        judge = estimate.judge_of(source)
        key = (judge.pk, "") if judge else (game.speaker_id, game.form)
        return lambda: self.loaded.get(key) or self.loaded.setdefault(key, estimate.scorer(game, source))


@dataclass(frozen=True)
class _Asked:
    """What all rows of one table share."""

    speaker: Speaker
    dataset: Dataset
    split: str
    relations: Collection[str]
    seed: int
    game: Game | None
    voices: _Voices
    on_progress: Report | None

    def row_of(self, source: str) -> dict[str, Any]:
        plain, how = parted(source)
        game = self._estimated(plain, self.split, self.game)
        if how:
            if self.split == Split.VALIDATION:
                raise EstimatorError(f"{source} is fitted on validation questions: show it on others.")
            estimate.recalibrate(game=game, source=plain, how=how, fitted_on=self._estimated(plain, Split.VALIDATION))
        outcomes = confidence_outcomes(game, source, self.relations)
        if not len(outcomes):
            raise EvaluationError(f"{game} has no graded answers, so that nothing can be held against right and wrong. Choose another game.")
        return self._row(load(plain).kind, source, *measured(outcomes, seed=self.seed))

    def _estimated(self, source: str, split: str, game: Game | None = None) -> Game:
        asked: dict[str, Any] = {"speaker": self.speaker, "dataset": self.dataset, "split": split, "seed": self.seed}
        return estimated(**asked, source=source, game=game, voices=self.voices, on_progress=self.on_progress)

    def pairwise(self) -> dict[str, Any]:
        game = self._game(samples=10)
        play_out(game, self.on_progress)
        return self._row(Confidence.Kind.STATED, PAIRWISE, *agreement_of(game, self.voices.of(game)(), self.relations, seed=self.seed))

    def heard_by(self, listener: Listener) -> dict[str, Any]:
        game = self._game(samples=1)
        complete(game, listener, self.on_progress)
        if not self.relations:
            found = evaluate(game, listener, seed=self.seed)
            return self._row("listener", listener.name, found.n, found.metrics)
        outcomes = outcomes_of(game, listener)
        asked = set(Question.objects.filter(dataset=self.dataset, relation__in=self.relations).values_list("pk", flat=True))
        some = outcomes.where(np.isin(outcomes.question, list(asked)))
        return self._row("listener", listener.name, len(some), intervals.as_json(intervals.measure(some, seed=self.seed)))

    def _game(self, *, samples: int) -> Game:
        return self.game or game_of(speaker=self.speaker, dataset=self.dataset, split=self.split, samples=samples, seed=self.seed)

    def _row(self, kind: str, source: str, n: int, metrics: dict[str, Any]) -> dict[str, Any]:
        return {
            "method": self.speaker.method or "base",
            "speaker": self.speaker.name,
            "dataset": self.dataset.name,
            "split": self.split,
            "relations": sorted(self.relations),
            "confidence": str(kind),
            "source": source,
            "n": n,
            "metrics": metrics,
        }


def estimated(
    *,
    speaker: Speaker,
    dataset: Dataset,
    split: str,
    source: str,
    seed: int,
    hold_out: Collection[str] = (),
    game: Game | None = None,
    voices: _Voices | None = None,
    on_progress: Report | None = None,
) -> Game:
    """The finished game whose answers all have this source's confidence: this one, or the usual one with these settings."""
    estimator = load(source)
    if not dataset.questions.filter(split=split).exists():
        raise EvaluationError(f"{dataset} has no {split} questions. Load some (manage.py load_questions), or choose another split.")
    if game is None:
        asked: dict[str, Any] = {"samples": estimator.samples, "seed": seed, "form": estimator.form, "hold_out": hold_out}
        game = game_of(speaker=speaker, dataset=dataset, split=split, **asked)
        play_out(game, on_progress)
    if on_progress:
        on_progress(0, 1, f"{speaker}: {source}")
    estimate.estimate(game=game, source=source, voice=voices.of(game, source) if voices else None)
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
