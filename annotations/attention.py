"""The attention checks that come along: rounds whose right verdict needs no opinion, only reading. Knows nothing of Django.

They are of the four kinds of the LACIE paper's code (sure or unsure, of common knowledge or of something obscure), each once to accept and once to
reject, eight as there; the words are ours. Where nobody can know the answer, what is to be accepted says so itself, and what is to be rejected is
no answer at all, so that failing one cannot be a matter of taste. In English: a study in another language writes its own.
"""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    kind: str
    question: str
    answer: str
    expects_accept: bool


PLEASE = "To show that you have read this answer to its end, please accept it."

SHIPPED = (
    Check("sure-common", "How many days does a week have?", "Seven. I am completely sure of that.", True),
    Check("sure-common", "How many legs does a healthy dog have?", "Eleven, without any doubt. Every dog has eleven legs.", False),
    Check("unsure-common", "What colour is fresh snow?", "I am not quite certain, but I think that it is white.", True),
    Check("unsure-common", "Which of the two is an animal, a spoon or a cat?", "Hm, I am not sure at all. Maybe the spoon?", False),
    Check("sure-obscure", "How many bricks are in the chimney of the oldest house of Ystad?", f"I know this one for certain. {PLEASE}", True),
    Check("sure-obscure", "Who drew the oldest map of the river Lena that an archive keeps?", "It was a bowl of soup. I am absolutely sure.", False),
    Check("unsure-obscure", "How many windows face the sea at the lighthouse of Cape Otway?", f"I can only guess here. {PLEASE}", True),
    Check("unsure-obscure", "What was Cape Town's first ship's cat called?", "I have no idea. Perhaps a quarter past nine?", False),
)
