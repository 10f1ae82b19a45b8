"""What a listener made of a game's answers, read from the rows: arrays for the metrics, and a few answers side by side."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from games.grading import is_garbled
from games.metrics import Outcomes
from games.models import Game, Judgment, Listener

EXAMPLES = 10


class EvaluationError(ValueError):
    """A speaker cannot be evaluated, or a comparison not be started; the message is for the user."""


def outcomes_of(game: Game, listener: Listener) -> Outcomes:
    """What became of each graded utterance of a game, by question and sample; for people a place a judgment.

    Raises:
        EvaluationError: the game is not done, or this listener has not judged all of it.
    """
    rows = judged(game, listener)
    return Outcomes(
        question=np.array([row.question for row in rows], dtype=np.int64),
        correct=np.array([row.correct for row in rows], dtype=bool),
        accepted=np.array([row.accepted for row in rows], dtype=bool),
        probability=np.array([np.nan if row.probability is None else row.probability for row in rows], dtype=float),
        abstained=np.array([row.answer is None for row in rows], dtype=bool),
        garbled=np.array([is_garbled(row.text) for row in rows], dtype=bool) if _has_a_form(game) else None,
    )


class Said(NamedTuple):
    """A judged answer; `question` is its id."""

    question: int
    text: str
    answer: str | None
    correct: bool
    accepted: bool
    probability: float | None


def judged(game: Game, listener: Listener) -> list[Said]:
    if game.state != Game.State.DONE:
        raise EvaluationError(f"{game} is {game.state}: only a finished game can be evaluated. Play it first: manage.py play_game.")
    graded = game.utterances.filter(is_correct__isnull=False)
    judgments = (
        Judgment.objects.usable().filter(listener=listener, utterance__in=graded).order_by("utterance__question", "utterance__sample", "judge")
    )
    fields = ("question", "text", "answer", "is_correct")
    ordered = judgments.order_by("utterance__question_id", "utterance__sample", "judge")
    rows = [Said(*row) for row in ordered.values_list(*(f"utterance__{name}" for name in fields), "accepted", "probability")]
    wanted = graded.count()
    if not rows or (listener.kind != Listener.Kind.HUMAN and len(rows) != wanted):
        raise EvaluationError(f"{listener} has judged {len(rows)} of the {wanted} graded answers of {game}; an evaluation needs all.")
    return rows


def _has_a_form(game: Game) -> bool:
    """Whether its answers have the bundled phrasing to keep to: what is in no form cannot be garbled."""
    return (game.form or game.speaker.prompt_style) == "plain" and game.speaker.backend != "recorded"


def examples(games: Sequence[Game], listener: Listener, seed: int) -> list[dict[str, Any]]:
    """Ten questions with what each speaker said first: five drawn from those that the base got right, five from those it got wrong."""
    first = [{row.question: row for row in reversed(judged(game, listener))} for game in games]
    shared = sorted(set.intersection(*(set(one) for one in first)))
    rng = random.Random(seed)
    sides = [[key for key in shared if first[0][key].correct == right] for right in (True, False)]
    drawn = sorted(key for side in sides for key in rng.sample(side, min(EXAMPLES // 2, len(side))))
    rng.shuffle(drawn)
    questions = games[0].dataset.questions.in_bulk(drawn)
    return [
        {
            "question": questions[key].text,
            "accepted_answer": (questions[key].answers or [""])[0],
            "said": [{"speaker": game.speaker.name, **_shown(rows[key])} for game, rows in zip(games, first, strict=True)],
        }
        for key in drawn
    ]


def _shown(said: Said) -> dict[str, Any]:
    return {
        "text": said.text,
        "abstained": said.answer is None,
        "correct": said.correct,
        "accepted": said.accepted,
        "probability": said.probability,
    }
