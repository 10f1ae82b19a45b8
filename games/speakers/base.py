"""What every speaker back end gives: responses to prompts. Nothing here knows Django or torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray


class SpeakerError(Exception):
    """A speaker cannot answer; the message is for the user. `retry`: whether the same call may work later or in smaller pieces."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


class OutOfMemory(SpeakerError):
    """The batch did not fit: the caller halves it and tries again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry=True)


@dataclass(frozen=True)
class Generation:
    """How to sample. Defaults are LACIE's (10 samples at T = 0.7, at most 80 new tokens)."""

    samples: int = 10
    temperature: float = 0.7
    "0 means greedy."
    top_p: float = 1.0
    top_k: int = 0
    "0 means off."
    max_new_tokens: int = 80
    seed: int = 0


@dataclass(frozen=True)
class Response:
    """One sampled text for one prompt."""

    text: str
    tokens: int = 0
    log_probability: float | None = None
    "Sum over the response's tokens, in nats, at temperature 1."


class Speaker(Protocol):
    """Built once from a `games.models.Speaker` row's plain fields, then asked many times."""

    def respond(self, questions: Sequence[str], generation: Generation) -> list[list[Response]]:
        """One list of `generation.samples` responses for each question text, in order.

        The same questions, generation and seed give the same texts, whatever was asked before.

        Raises:
            OutOfMemory: the batch did not fit; nothing was kept.
            SpeakerError: it cannot answer.
        """
        ...


@runtime_checkable
class Scorer(Speaker, Protocol):
    """A speaker whose probabilities can be looked at: a `local` one."""

    style: str
    "The style that it is asked in, a key of `games.prompts.STYLES`."

    def choose(self, prompts: Sequence[str], options: Sequence[str]) -> NDArray[Any]:
        """(prompts, options): how likely each option comes next, among the options alone."""
        ...

    def log_probabilities(self, prompts: Sequence[str], texts: Sequence[str], spans: Sequence[tuple[int, int]] | None = None) -> list[float]:
        """Of each text after its prompt, or of the characters of its span."""
        ...
