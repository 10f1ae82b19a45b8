"""P(true): the speaker is asked whether its own answer is correct; P(yes) / (P(yes) + P(no)) for the next token (arXiv 2409.12180, 2406.08391)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from games.estimators.base import Said
from games.prompts import is_it_correct
from games.speakers.base import Scorer

OPTIONS = ("yes", "no")


class PTrue:
    kind, form, samples = "computed", "", 1

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        return list(p_true(speaker(), [one.question for one in said], [one.answer for one in said]))


def p_true(speaker: Scorer, questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    prompts = [is_it_correct(question, answer) for question, answer in zip(questions, answers, strict=True)]
    return [float(row[0]) for row in speaker.choose(prompts, OPTIONS)]
