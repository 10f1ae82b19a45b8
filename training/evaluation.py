"""Speakers on held-out questions before a listener: an `Evaluation` for one, a `Comparison` for several.

The evaluation game is played as the paper does it: one sample a question at T = 0.7 (LACIE, arXiv 2405.21028). Unlike its code, every speaker is
taken by the same rule: the paper's base row is the first sample with an answer, which hides most of its abstentions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.db import models, transaction

from games import intervals, play, registry, report
from games.foreground import in_foreground
from games.jobs import Busy, Lease, LeaseLost
from games.listeners import LISTENERS
from games.models import Dataset, Game, Judgment, Listener, Speaker
from games.report import as_table
from training.models import Comparison, Evaluation
from training.outcomes import EvaluationError, examples, outcomes_of

__all__ = [
    "EvaluationError",
    "as_table",
    "complete",
    "evaluate",
    "evaluation_game",
    "find",
    "find_speaker",
    "run",
    "run_in_foreground",
    "start_comparison",
]

Report = Callable[[int, int, str], None]
"""Called with (done, total, message); done and total in questions."""
TEMPERATURE = 0.7
"""LACIE's, for training and test."""
MAX_SEED = 2**31 - 1
"""What a column of PostgreSQL holds."""
Row = TypeVar("Row", bound=models.Model)


# One speaker


def evaluation_game(*, speaker: Speaker, dataset: Dataset, split: str, listener: Listener, samples: int = 1, seed: int = 0) -> Game:
    """The game that an evaluation with these settings rests on; a new one is not played yet.

    Raises:
        EvaluationError: it cannot be played or judged.
    """
    _refuse_impossible([speaker.name], dataset, split, listener, samples, seed)
    return play.start_game(speaker=speaker, dataset=dataset, split=split, listeners=[listener], samples=samples, temperature=TEMPERATURE, seed=seed)


def evaluate(game: Game, listener: Listener, *, seed: int = 0) -> Evaluation:
    """The metrics of a finished game before this listener, with 95 % intervals. Asking again replaces the row's figures.

    Raises:
        EvaluationError: the game is not done, or this listener has not judged all of it.
    """
    outcomes = outcomes_of(game, listener)
    found = {"n": len(outcomes), "metrics": intervals.as_json(intervals.measure(outcomes, seed=seed))}
    return Evaluation.objects.update_or_create(game=game, listener=listener, defaults=found)[0]


# Several speakers


def start_comparison(
    *, name: str, speakers: Sequence[Speaker], dataset: Dataset, split: str, listener: Listener, samples: int = 1, seed: int = 0
) -> Comparison:
    """The comparison with these settings, as a draft for a worker or `run_in_foreground`; the first speaker is the base.

    Asking again for the same gives the one that is there.

    Raises:
        EvaluationError: it cannot be played, or the name is taken by a comparison with other settings; nothing is written.
    """
    names = [speaker.name for speaker in speakers]
    asked = {"dataset": dataset, "split": str(split), "listener": listener, "speakers": names, "samples": samples, "seed": seed}
    found = Comparison.objects.select_related("dataset", "listener").filter(name=name).first()
    if found:
        differing = [key for key, value in asked.items() if getattr(found, key) != value]
        if differing:
            raise EvaluationError(f"There is a comparison {name!r} already, with other {' and '.join(differing)}. Choose another name.")
        return found
    _refuse_impossible(names, dataset, split, listener, samples, seed)
    return Comparison.objects.create(name=name, total=len(names) * dataset.questions.filter(split=split).count(), **asked)


def _refuse_impossible(names: list[str], dataset: Dataset, split: str, listener: Listener, samples: int, seed: int) -> None:
    if not names:
        raise EvaluationError("A comparison of no speakers says nothing. Name the base first, then the others.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EvaluationError(f"{', '.join(twice)} is named twice: name each speaker once.")
    if listener.kind not in LISTENERS:
        raise EvaluationError(f"{listener} is a {listener.kind} listener: it cannot be asked here. Use one of kind {', '.join(LISTENERS)}.")
    if samples < 1:
        raise EvaluationError(f"{samples} samples a question are none. Give at least 1.")
    if not 0 <= seed <= MAX_SEED:
        raise EvaluationError(f"The seed {seed} cannot be stored. Give a whole number from 0 to {MAX_SEED}.")
    if not dataset.questions.filter(split=split).exists():
        raise EvaluationError(f"{dataset} has no {split} questions. Load some (manage.py load_questions), or choose another split.")


def run_in_foreground(comparison: Comparison, on_progress: Report | None = None) -> Comparison:
    """Claim, play what is missing, evaluate, finish; goes on where an interrupted one was. A finished one is returned as it is.

    Raises:
        Busy: another process is at it.
        EvaluationError, SpeakerError, ListenerError: it cannot be played or evaluated.
        Cancelled: somebody asked it to stop.
    """
    if comparison.state != Comparison.State.DONE:
        with in_foreground(comparison) as lease:
            run(comparison, lease, on_progress)
    comparison.refresh_from_db()
    return comparison


def run(job: Comparison, lease: Lease, on_progress: Report | None = None) -> None:
    """Play what is missing, evaluate, save the result. What a worker calls for a claimed comparison; the caller finishes the row."""
    speakers = [find(Speaker, name) for name in job.speakers]
    settled: dict[str, Any] = {"dataset": job.dataset, "split": job.split, "listener": job.listener, "samples": job.samples, "seed": job.seed}
    games = [evaluation_game(speaker=speaker, **settled) for speaker in speakers]
    questions = job.dataset.questions.filter(split=job.split).count()
    total = questions * len(games)
    for place, game in enumerate(games):
        tell = _Teller(lease, on_progress, place * questions, total, str(game.speaker))
        tell(0, 0, "answers")
        complete(game, job.listener, tell)
    _Teller(lease, on_progress, total, total, "all speakers")(0, 0, "metrics and intervals")
    rows = [evaluate(game, job.listener, seed=job.seed) for game in games]
    found = _result(job, games)
    with transaction.atomic():
        if not lease.holds():
            raise LeaseLost(f"{job} has been taken over; attempt {lease.attempt} stops.")
        job.evaluations.set(rows)
    lease.write(result=found, done=total, total=total, message=f"{len(games)} speakers on {questions} questions")


class _Teller:
    """Passes a game's progress on as the comparison's, and beats its lease (which raises if it was stopped or taken over)."""

    def __init__(self, lease: Lease, on_progress: Report | None, before: int, total: int, who: str) -> None:
        self.lease, self.on_progress, self.before, self.total, self.who = lease, on_progress, before, total, who

    def __call__(self, done: int, total: int, message: str) -> None:
        now, words = self.before + done, f"{self.who}: {message}" if message else self.who
        self.lease.write(done=now, total=self.total, message=words[:300])
        if self.on_progress:
            self.on_progress(now, self.total, words)


def complete(game: Game, listener: Listener, on_progress: Report | None = None) -> None:
    """Play the game to its end if it is not, and have this listener judge it if it has not."""
    play_out(game, on_progress)
    judged = Judgment.objects.filter(utterance__game=game, listener=listener).count()
    if judged < game.utterances.count():  # none, or a part: whoever was at it may have been killed
        play.judge_game(game=game, listener=listener)


def play_out(game: Game, on_progress: Report | None = None) -> None:
    """Play the game to its end if it is not. One that another process plays (for another comparison, say) is waited for."""
    while game.state != Game.State.DONE:
        try:
            play.run_in_foreground(game, on_progress=on_progress)
        except Busy:
            if on_progress:
                on_progress(game.done, game.total, "another process plays it; waiting")
            time.sleep(settings.JOB_HEARTBEAT_SECONDS)
        game.refresh_from_db()


def _result(job: Comparison, games: list[Game]) -> dict[str, Any]:
    said = {game.speaker.name: outcomes_of(game, job.listener) for game in games}
    return {
        "name": job.name,
        "dataset": job.dataset.name,
        "samples": job.samples,
        "temperature": TEMPERATURE,
        "threshold": job.listener.threshold,
        "listener_kind": job.listener.kind,
        "stand_ins": [game.speaker.name for game in games if _is_bundled(game.speaker)],
        "scripted": [game.speaker.name for game in games if game.speaker.backend == "fake"],
        "games": {game.speaker.name: game.pk for game in games},
        **report.result(said, listener=job.listener.name, split=job.split, seed=job.seed),
        "examples": examples(games, job.listener, job.seed),
    }


def _is_bundled(speaker: Speaker) -> bool:
    """It, or what it was trained from."""
    above: Speaker | None = speaker
    while above is not None:
        if above.base_model == "bundled":
            return True
        above = above.parent
    return False


# Rows by name


def find(model: type[Row], name: str) -> Row:
    """
    Raises:
        EvaluationError: no such row; the message lists those that there are.
    """
    found = model._default_manager.filter(name=name).first()
    if found is None:
        names = ", ".join(model._default_manager.order_by("name").values_list("name", flat=True)[:20]) or "none yet"
        raise EvaluationError(f"There is no {model._meta.verbose_name} {name!r}. There are: {names}.")
    return found


def find_speaker(name: str) -> Speaker:
    """The speaker of this name; the bundled one, `base`, is made where it is missing.

    Raises:
        EvaluationError: no such speaker.
    """
    missing = name == registry.BASE and not Speaker.objects.filter(name=name).exists()
    return registry.ensure_bundled_speaker() if missing else find(Speaker, name)
