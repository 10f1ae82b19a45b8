"""A calibration-tuned speaker that tells how sure it is: its judge's probability takes the place of the tone that the answer came with.

"It's Paris, maybe." judged .93 becomes "It's Paris. I'm 93% sure." (`state: number`) or "It's Paris. I'm almost certain." (`state: phrase`, the
nearest of `phrases.csv`). A setting of a `local` speaker; `off`, the default, keeps the probability for selection (`games.estimators.tuned`).

What the answer is, is found as grading finds it, and found again in the new sentence. Prose that an answer stands in goes with its tone: nobody
can take the one out without the other. An abstention stays as it is. A number is from 1 to 99: certainty is no judge's to claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from games.estimators.base import EstimatorError
from games.estimators.tuned import Judge
from games.extraction import Extracted, extract_by_pattern
from games.speakers.base import Response, SpeakerError
from games.speakers.phrases import nearest, read

if TYPE_CHECKING:
    from games.speakers import Spec

STATES = ("off", "number", "phrase")


def stating(spec: Spec) -> Stating | None:
    """What the speaker's settings ask for; None: it states nothing.

    Raises:
        SpeakerError: no such way of stating, or no judge to state.
    """
    state = spec.generation.get("state", "off")
    if state not in STATES:
        raise SpeakerError(f"state is {state!r}. Choose one of: {', '.join(STATES)}.")
    if state == "off":
        return None
    try:
        return Stating(state, Judge.read(Path(spec.adapter)))
    except EstimatorError as error:
        raise SpeakerError(f"state is {state!r}, and there is no judge to state. {error}") from error


class Stating:
    def __init__(self, state: str, judge: Judge) -> None:
        self.judge = judge
        self.phrases = read() if state == "phrase" else []

    def restate(self, voice: Any, questions: Sequence[str], said: Sequence[Sequence[Response]]) -> list[list[Response]]:
        """The same answers, each with the judge's probability. `voice`: the speaker's model, which the judge sits on."""
        found = [[extract_by_pattern(one.text) for one in row] for row in said]
        asked = [(question, one.answer) for question, row in zip(questions, found, strict=True) for one in row if one.answer is not None]
        distinct = list(dict.fromkeys(asked))  # samples of one question often agree
        judged = self.judge.confidence(voice, [question for question, _ in distinct], [answer for _, answer in distinct]) if distinct else ()
        sure = dict(zip(distinct, judged, strict=True))

        def again(question: str, one: Response, answer: Extracted) -> Response:
            if answer.answer is None:
                return one
            return replace(one, text=self.sentence(one.text, answer, float(sure[question, answer.answer])), log_probability=None)

        return [[again(question, *both) for both in zip(*row, strict=True)] for question, *row in zip(questions, said, found, strict=True)]

    def sentence(self, text: str, answer: Extracted, probability: float) -> str:
        """The shortest that grading reads the same answer from."""
        bare = str(answer.answer)
        for before in (text[: answer.span[1]].lstrip() if answer.span else bare, f"The answer is {bare}"):
            stated = self._told(before, probability)
            if extract_by_pattern(stated).answer == bare:
                return stated
        return f"{self._told(bare, probability)}\nFinal answer: {bare}"

    def _told(self, before: str, probability: float) -> str:
        if self.phrases:
            return nearest(self.phrases, probability).say(before, "post")
        number = min(99, max(1, round(100 * probability)))
        return f"{before}. I'm {'only ' if number < 50 else ''}{number}% sure."
