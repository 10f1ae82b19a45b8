"""How well calibrated a speaker is while it is being trained: at each checkpoint it answers a few validation questions, and what is heard of its
answers is measured. The questions are those of `questions.jsonl` in the run's folder; without that file nothing is asked.

What is heard is the number that the speaker states where it is trained to be asked for one, else what the lexicon takes from its words: a plain
module that costs nothing, whoever judged the answers it learns from. A look draws no random numbers of the process's own and changes no weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from games import metrics
from games.confidence import stated
from games.grading import grade
from games.listeners.base import Heard
from games.listeners.lexicon import LexiconListener
from games.speakers.base import Generation, SpeakerError
from training.trainers import needs
from training.trainers.base import say
from training.trainers.folder import QUESTIONS, Folder

if TYPE_CHECKING:
    from games.speakers.local import LocalSpeaker

Look = Callable[[Any], dict[str, Any]]
"""The model as it stands → a line's `ece`, `auroc`, `heard` (`listener`, `stated` or `computed`) and `answers` (how many were measured); empty where
nothing can be told."""
BATCHES = 4
"""Questions asked at once, in batches of training: an answer without gradients takes less than a quarter of the room of a row with them."""


def speaking(job: dict[str, Any], folder: Folder, tokenizer: Any) -> Look | None:
    """A look at what the speaker says, asked as it will be when it is published."""
    rows = folder.rows(QUESTIONS, ("text", "answers"))
    if not rows:
        return None
    style = needs(job["method"]).prompt_style or job.get("prompt_style", "plain")

    def look(model: Any) -> dict[str, Any]:
        from games.speakers import Spec
        from games.speakers.local import LocalSpeaker

        said = _said(
            LocalSpeaker(Spec("local", job["model"], "", style, {}), loaded=(model, tokenizer)),
            rows,
            BATCHES * job["config"]["batch_size"],
            job["seed"],
        )
        graded = [grade(text, row["answers"]) for text, row in zip(said, rows, strict=True)]
        if style == "numeric":
            sure = [stated(text) if one.answer is not None else None for text, one in zip(said, graded, strict=True)]
            return measured("stated", sure, [one.is_correct for one in graded])
        verdicts = LexiconListener({}).judge([Heard(row["text"], one.masked_text) for row, one in zip(rows, graded, strict=True)])
        return measured("listener", [verdict.probability for verdict in verdicts], [one.is_correct for one in graded])

    return look


def _said(voice: LocalSpeaker, rows: Sequence[dict[str, Any]], together: int, seed: int) -> list[str]:
    how = Generation(samples=1, temperature=0.7, seed=seed)
    pieces = [rows[start : start + together] for start in range(0, len(rows), together)]
    return [said[0].text for piece in pieces for said in voice.respond([row["text"] for row in piece], how)]


def measured(heard: str, sure: Sequence[float | None], correct: Sequence[bool | None]) -> dict[str, Any]:
    """
    >>> measured("stated", [0.9, 0.2, None], [True, False, True])
    {'heard': 'stated', 'answers': 2, 'ece': 0.15, 'auroc': 1.0}
    >>> measured("stated", [None], [True])
    {}
    """
    known = [(p, right) for p, right in zip(sure, correct, strict=True) if p is not None and right is not None]
    if not known:
        return {}
    p, y = np.array([one[0] for one in known], dtype=float), np.array([one[1] for one in known], dtype=bool)
    found = {"ece": float(metrics.ece(p, y)), "auroc": float(metrics.auroc(p, y))}
    return {"heard": heard, "answers": len(known), **{name: round(value, 4) for name, value in found.items() if not np.isnan(value)}}


def guarded(look: Look, model: Any) -> dict[str, Any] | None:
    """What the look finds, with the model out of training for as long; None if it cannot be: training goes on without."""
    training = model.training
    model.eval()
    try:
        return look(model)
    except SpeakerError as error:
        say(f"Nothing is told of calibration as it goes: {error}")
        return None
    finally:
        model.train(training)
