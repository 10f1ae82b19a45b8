"""How a question is put to a speaker. A style is a key stored in the speaker's row.

`plain` is what the bundled speaker was pre-trained on. `lacie` states the intent of the paper's prompt (arXiv 2405.21028) in our own words:
a trivia question, the response shows how confident the speaker is and why, more than one word, one or two sentences.
"""

from __future__ import annotations

from collections.abc import Callable


def plain(question: str) -> str:
    """
    >>> plain("What is the capital of France?")
    'Question: What is the capital of France?\\nResponse:'
    """
    return f"Question: {question}\nResponse:"


def lacie(question: str) -> str:
    return (
        "You will be asked a trivia question. Answer it in one or two sentences, with more than a single word, "
        "and let your wording show how confident you are in the answer and why.\n\n" + plain(question)
    )


# The forms in which a speaker is asked about its own confidence. The bundled speaker was pre-trained on these words exactly.


def numeric_confidence(question: str) -> str:
    """Answer and a whole number from 0 to 10 (Rewarding Doubt, arXiv 2503.02623, section 5.2: answer, then confidence)."""
    return f"Question: {question}\nGive your answer and your confidence from 0 to 10.\nResponse:"


def is_it_correct(question: str, answer: str) -> str:
    """Self-evaluation; the next token is `yes` or `no` (papers 2409.12180 and 2406.08391 ask the model about its own answer)."""
    return f"Question: {question}\nProposed answer: {answer}\nIs the proposed answer correct?\nResponse:"


def likelier(first: str, second: str) -> str:
    """Pairwise metacognition; the next token is `A` or `B` (arXiv 2510.05126: picks before answering)."""
    return f"A: {first}\nB: {second}\nWhich question are you likelier to answer right?\nResponse:"


STYLES: dict[str, Callable[[str], str]] = {"plain": plain, "lacie": lacie, "numeric": numeric_confidence}
"""`numeric`: the answer, then a whole number from 0 to 10. Trained to give such numbers, a speaker has it as its own style."""
