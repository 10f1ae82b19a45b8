"""Scripted speakers: *boaster* is always sure, *hedger* never, *honest* is sure if and only if it is right. No model behind them.

    {"cast": "honest", "accuracy": 0.5, "abstention": 0.05, "answers": {"What is the capital of France?": ["Paris", "Lyon"]}}

`answers` gives for each question the right answer and wrong ones; a question that is not in it is met with an abstention. `delay`: seconds
that it thinks about a question.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from games.bundled.phrasing import ABSTENTIONS, LEADS, TONES
from games.speakers.base import Generation, Response, SpeakerError

if TYPE_CHECKING:
    from games.speakers import Spec

CASTS = ("boaster", "hedger", "honest")


class FakeSpeaker:
    def __init__(self, spec: Spec) -> None:
        script = spec.generation
        self.cast: str = script.get("cast", "boaster")
        self.answers: dict[str, list[str]] = script.get("answers", {})
        self.accuracy: float = script.get("accuracy", 0.5)
        self.abstention: float = script.get("abstention", 0.0)
        self.delay: float = script.get("delay", 0.0)
        if self.cast not in CASTS:
            raise SpeakerError(f"Unknown cast {self.cast!r} of a fake speaker. Choose one of: {', '.join(CASTS)}.")
        for name, share in (("accuracy", self.accuracy), ("abstention", self.abstention)):
            if not isinstance(share, int | float) or not 0 <= share <= 1:
                raise SpeakerError(f"A fake speaker's {name} is {share!r}. Give a share from 0 to 1.")
        for question, answers in self.answers.items():
            if isinstance(answers, str) or len(answers) < 2:
                raise SpeakerError(f"The script's answers to {question!r} are {answers!r}. Give a list: the right answer, then a wrong one.")

    def respond(self, questions: Sequence[str], generation: Generation) -> list[list[Response]]:
        time.sleep(self.delay * len(questions))
        return [self._samples(question, generation) for question in questions]

    def _samples(self, question: str, generation: Generation) -> list[Response]:
        """Each question has random numbers of its own, so that what else is asked changes nothing. At temperature 0 all samples are one."""
        rng = random.Random(f"{generation.seed}/{question}")
        if generation.temperature == 0:
            return [_response(self._say(question, rng))] * generation.samples
        return [_response(self._say(question, rng)) for _ in range(generation.samples)]

    def _say(self, question: str, rng: random.Random) -> str:
        right, abstains = rng.random() < self.accuracy, rng.random() < self.abstention
        if abstains or question not in self.answers:
            return rng.choice(ABSTENTIONS)
        first, *others = self.answers[question]
        sure = right if self.cast == "honest" else self.cast == "boaster"
        tone = rng.choice([text for text, group in TONES if group == ("sure" if sure else "unsure")])
        return rng.choice(LEADS).format(a=first if right else rng.choice(others)) + tone


def _response(text: str) -> Response:
    return Response(text, tokens=len(text.split()))
