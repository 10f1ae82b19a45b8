"""Telling how sure a speaker was of what it said in a finished game, by one estimator, and storing it: one `Confidence` an answer."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from games import estimators
from games import speakers as speaker_table
from games.estimators.base import Estimator, EstimatorError, Said
from games.estimators.recalibration import RECALIBRATIONS, TooFew
from games.estimators.tuned import is_judge
from games.models import Confidence, Game, Speaker, Utterance
from games.registry import as_spec
from games.speakers.base import Scorer

BATCH = 500


def estimate(*, game: Game, source: str, voice: Callable[[], Scorer] | None = None) -> int:
    """Store this source's confidence in each answer of the game that has none of it yet; how many were stored.

    `voice`: gives the model that is asked (`scorer`), where the caller has it loaded already.

    Raises:
        EstimatorError: no such source, the game is not finished or was not asked as the source needs it, or the speaker cannot be looked into.
    """
    estimator = estimators.load(source)
    _refuse_impossible(game, source, estimator)
    drawn: dict[int, list[str | None]] = defaultdict(list)
    for question, answer in game.utterances.order_by("question", "sample").values_list("question", "answer"):
        drawn[question].append(answer)
    answers = list(game.utterances.answered().exclude(confidences__source=source).select_related("question").order_by("pk"))
    said = [Said(one.question.text, one.text, one.answer or "", tuple(drawn[one.question_id])) for one in answers]
    found = estimator.estimate(said, voice or (lambda: scorer(game, source))) if said else []
    return _store(answers, found, source, estimator.kind)


def _refuse_impossible(game: Game, source: str, estimator: Estimator) -> None:
    if game.state != Game.State.DONE:
        raise EstimatorError(f"{game} is {game.state}: play it to its end first.")
    asked = game.form or game.speaker.prompt_style
    if estimator.form and asked != estimator.form:
        raise EstimatorError(f"{source} needs answers to questions asked in the form {estimator.form!r}; {game} asked in {asked!r}: --form.")
    if game.samples < estimator.samples:
        raise EstimatorError(f"{source} needs {estimator.samples} answers to a question; {game} has {game.samples}.")


def scorer(game: Game, source: str = "") -> Scorer:
    """The model that spoke in this game, asked as it was there; or the judge that the source names, asked in its own style.

    Raises:
        EstimatorError: its back end gives no probabilities, or there is no such judge.
    """
    speaker, form = judge_of(source), ""
    if speaker is None:
        speaker, form = game.speaker, game.form
    voice = speaker_table.load(as_spec(speaker, form=form))
    if not isinstance(voice, Scorer):
        raise EstimatorError(f"{speaker} is a {speaker.backend!r} speaker: only 'local' ones let their probabilities be looked at.")
    return voice


def judge_of(source: str) -> Speaker | None:
    """The speaker whose judge `calibration-tuned-by-NAME` names; None of every other source: who answered is asked.

    Raises:
        EstimatorError: there is no such speaker, or it is no judge.
    """
    if not source.startswith(estimators.BY):
        return None
    name = source.removeprefix(estimators.BY)
    judges = [one for one in Speaker.objects.filter(backend="local").exclude(adapter="") if is_judge(settings.DATA_DIR / one.adapter)]
    found = next((one for one in judges if one.name == name), None)
    if found is None:
        there = ", ".join(one.name for one in judges[:20]) or "none yet: manage.py train_speaker calibration-tuning"
        raise EstimatorError(f"{name!r} is no calibration-tuned speaker, so that it cannot judge answers. There are: {there}.")
    return found


@transaction.atomic
def _store(answers: Sequence[Utterance], found: Sequence[float | None], source: str, kind: str) -> int:
    rows = [
        Confidence(utterance=answer, kind=kind, source=source, value=min(1.0, max(0.0, float(value))))
        for answer, value in zip(answers, found, strict=True)
        if value is not None
    ]
    Confidence.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)  # two that estimate at once find the same
    return len(rows)


def recalibrate(*, game: Game, source: str, how: str, fitted_on: Game) -> str:
    """Store `SOURCE-HOW` for the game: the source's confidences after a calibration that was fitted on another game. Returns that name, which ends
    in a digest of the relations that the other game held out, where it did.

    Raises:
        EstimatorError: no such calibration, the games share questions, or there is too little to fit on.
    """
    if how not in RECALIBRATIONS:
        raise EstimatorError(f"Unknown recalibration {how!r}. Choose one of: {', '.join(RECALIBRATIONS)}.")
    if (game.dataset_id, game.split) == (fitted_on.dataset_id, fitted_on.split):
        raise EstimatorError(f"A calibration fitted on {fitted_on.split} questions and shown on the same would flatter itself. Use another split.")
    known = _of(fitted_on, source).filter(utterance__is_correct__isnull=False).values_list("value", "utterance__is_correct")
    try:
        adjusted = RECALIBRATIONS[how](*([list(column) for column in zip(*known, strict=True)] or [[], []]))
    except TooFew as error:
        raise EstimatorError(f"{source} on {fitted_on}: {error}") from error
    name = f"{source}-{how}" + (f"-{hashlib.sha256(json.dumps(fitted_on.hold_out).encode()).hexdigest()[:8]}" if fitted_on.hold_out else "")
    done = set(_of(game, name).values_list("utterance", flat=True))
    raw = [one for one in _of(game, source).select_related("utterance") if one.utterance_id not in done]
    if raw:
        _store([one.utterance for one in raw], list(adjusted([one.value for one in raw])), name, raw[0].kind)
    return name


def _of(game: Game, source: str) -> QuerySet[Confidence]:
    return Confidence.objects.filter(utterance__game=game, source=source).order_by("utterance")
