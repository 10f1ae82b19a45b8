"""What a text states about itself, by `games.confidence`: the number that was asked for, or the words of its sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from games.confidence import stated
from games.estimators.base import Said
from games.extraction import NUMBERED
from games.speakers.base import Scorer


class VerbalisedNumber:
    """Asked for an answer and its confidence from 0 to 10: that number. A reply without one states none."""

    kind, form, samples = "stated", "numeric", 1

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        return [stated(one.text) for one in said]


class VerbalisedPhrase:
    """Asked as it always is: what the phrases of its answer stand for, by the survey of how people read them.

    A plain "Paris." states none, and a number that was asked for is no phrase.
    """

    kind, form, samples = "stated", "", 1

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        return [None if NUMBERED.fullmatch(one.text) else stated(one.text) for one in said]
