"""The probability of the answer's own tokens, given the question and the words before it: exp of the sum of their log-probabilities.

Of the answer, not of the whole response: what is said around it (its tone) has a probability too, which says nothing of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp

from games.estimators.base import Said
from games.prompts import STYLES
from games.speakers.base import Scorer


class SequenceProbability:
    kind, form, samples = "computed", "", 1

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        voice = speaker()
        prompts = [STYLES[voice.style](one.question) for one in said]
        spans = [_span(one) for one in said]
        return [exp(min(0.0, found)) for found in voice.log_probabilities(prompts, [one.text for one in said], spans)]


def _span(said: Said) -> tuple[int, int]:
    """Where the answer stands; the whole text where it is not found literally.

    >>> _span(Said("Who?", "It's Ada, I think.", "Ada"))
    (5, 8)
    """
    start = said.text.lower().find(said.answer.lower())
    return (start, start + len(said.answer)) if start >= 0 else (0, len(said.text))
