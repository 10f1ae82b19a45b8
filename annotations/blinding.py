"""What would tell a participant which speaker they hear. Knows nothing of Django."""

from __future__ import annotations

import re
from collections.abc import Iterable

MODEL = re.compile(
    r"\b(?:as an ai\b|i am an ai\b|i'm an ai\b|(?:large |small )?language model|my training data|fine-?tuned"
    r"|chatgpt|gpt-?\d|openai|anthropic|llama ?-?\d|mistral ?-?\d+b|lacie\b)",
    re.IGNORECASE,
)
MIN_LENGTH = 3
"""Shorter speaker names than this are in too many ordinary words to be looked for."""


def names_a_model(text: str) -> bool:
    """Whether an answer speaks of the model that gave it. Such answers are held back from studies.

    >>> names_a_model("As an AI language model I would say Paris."), names_a_model("The mistral blows; Paris, I think.")
    (True, False)
    """
    return MODEL.search(text) is not None


def telling_words(name: str, words: Iterable[str]) -> list[str]:
    """Those of the words (speakers, methods) that stand in a study's public name.

    >>> telling_words("lacie-vs-base", ["lacie", "base", "", "truthful"])
    ['lacie', 'base']
    """
    parts = set(re.split(r"[^a-z0-9]+", name.lower()))
    return [word for word in words if len(word) >= MIN_LENGTH and (word.lower() in parts or ("-" in word and word.lower() in name.lower()))]
