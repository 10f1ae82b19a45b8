"""What every estimator of confidence gives. Nothing here knows Django or torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from games.speakers.base import Scorer


class EstimatorError(ValueError):
    """A confidence cannot be told; the message is for the user."""


@dataclass(frozen=True)
class Said:
    """An answer whose confidence is asked for. Abstentions are not among them."""

    question: str
    text: str
    "The whole response."
    answer: str
    drawn: tuple[str | None, ...] = ()
    "The answers of all samples that the speaker gave to this question, this one among them; None: that sample abstained."


class Estimator(Protocol):
    kind: str
    "`stated` or `computed`."
    form: str
    "The style in which the question has to have been asked; empty: the speaker's own."
    samples: int
    "How many answers to a question it needs."

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        """In [0, 1] for each, None where there is none (a text that states nothing). `speaker` loads the model that said it: ask only if needed.

        Raises:
            EstimatorError: it cannot be told of this speaker.
        """
        ...
