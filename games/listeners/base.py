"""What every simulated listener gives: verdicts on masked answers. Nothing here knows Django or torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class ListenerError(Exception):
    """A listener cannot judge; the message is for the user."""


@dataclass(frozen=True)
class Heard:
    """What a listener gets to see: the question, and the response with its answer masked."""

    question: str
    masked_text: str


@dataclass(frozen=True)
class Verdict:
    """`probability` of acceptance in [0, 1]; `reason` says what it rests on."""

    probability: float
    reason: str = ""


class Listener(Protocol):
    def judge(self, heard: Sequence[Heard]) -> list[Verdict]:
        """One verdict for each, in order. An empty `masked_text` is judged like any other text."""
        ...
