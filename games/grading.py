"""From a response to a grade: which answer it gives, whether that is right, and what a listener may see of it.

Correct means equal to an accepted answer after TriviaQA's normalisation, re-implemented from the behaviour of its published evaluation
script (mandarjoshi90/triviaqa, `evaluation/triviaqa_evaluation.py`). How the answer is found: `games.extraction`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from games.bundled.phrasing import ABSTENTIONS
from games.extraction import Extract, extract_by_pattern, parse

MASK = "[ANSWER REMOVED]"


class Grade(NamedTuple):
    answer: str | None
    "None: it abstained, or nothing in it can be taken for an answer."
    masked_text: str
    is_correct: bool
    reason: str


def grade(text: str, accepted: Sequence[str], *, extract: Extract | None = None) -> Grade:
    """Grade one response against the accepted answers. An abstention is graded wrong.

    >>> grade("It's the Seine, I think.", ["Seine"])
    Grade(answer='the Seine', masked_text="It's [ANSWER REMOVED], I think.", is_correct=True, reason="bundled phrasing; equals 'Seine'")
    """
    answer, how, span = (extract or extract_by_pattern)(text)
    if answer is None:
        return Grade(None, text, False, how[:300])
    masked = text[: span[0]] + MASK + text[span[1] :] if span else mask(text, answer)
    match = matching(answer, accepted)
    verdict = f"equals {match!r}" if match is not None else f"{answer!r} is none of the {len(accepted)} accepted answers"
    return Grade(answer, masked, match is not None, f"{how}; {verdict}"[:300])


def is_garbled(text: str) -> bool:
    """Whether a response is neither a well-formed sentence of the bundled phrasing nor one of its abstentions.

    >>> is_garbled("It's Paris. I'm fairly sure."), is_garbled("It's Paris. I'm fairly maybe."), is_garbled("")
    (False, True, True)
    """
    return text.strip().replace("’", "'") not in ABSTENTIONS and parse(text) is None


# Comparison

PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`", " "))
ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """TriviaQA's normal form: lower case, no punctuation, no articles, single spaces. Accents and typographic double quotes stay.

    >>> normalise("The Beatles' “White_Album”")
    'beatles “white album”'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def matching(answer: str, accepted: Sequence[str]) -> str | None:
    """The accepted answer that this one equals, if any. What normalises to nothing ("A", the ampere) is compared as it stands."""
    plain, bare = normalise(answer), answer.strip().casefold()
    for candidate in accepted:
        if bare == candidate.strip().casefold() or (plain and plain == normalise(candidate)):
            return candidate
    return None


# Masking


def mask(text: str, answer: str) -> str:
    """Replace every occurrence of the answer, as whole words and in any case; only where there is none, also inside words.

    >>> mask("Paris. Yes, PARIS, not Parisian.", "Paris")
    '[ANSWER REMOVED]. Yes, [ANSWER REMOVED], not Parisian.'
    """
    words = [re.sub("['’]", "['’]", re.escape(word)) for word in answer.split()]
    if not words:
        return text
    pattern = r"\s+".join(words)
    masked, count = re.subn(rf"(?<!\w){pattern}(?!\w)", MASK, text, flags=re.IGNORECASE)
    return masked if count else re.sub(pattern, MASK, text, flags=re.IGNORECASE)
