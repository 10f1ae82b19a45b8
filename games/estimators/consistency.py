"""Self-consistency: which share of the samples gives this answer (10 samples, arXiv 2510.05126). Equal: after TriviaQA's normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from games.estimators.base import Said
from games.grading import normalise
from games.speakers.base import Scorer


class SelfConsistency:
    kind, form, samples = "computed", "", 10

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        return [agreement(one.answer, one.drawn) for one in said]


def agreement(answer: str, drawn: Sequence[str | None]) -> float | None:
    """An abstention agrees with nothing; without samples there is nothing to tell.

    >>> agreement("Paris", ["paris", "Lyon", None, "Paris"])
    0.5
    """
    plain = normalise(answer)
    return sum(other is not None and normalise(other) == plain for other in drawn) / len(drawn) if drawn else None
