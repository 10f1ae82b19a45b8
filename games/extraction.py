"""Which answer a response gives: by patterns, or by asking a model as in LACIE (arXiv 2405.21028).

The patterns try, in this order: a `Final answer: X` line; an abstention; an answer and its number (`X. Confidence: 7`); the bundled phrasing
(LEAD + answer + TONE, `games.bundled.phrasing`); `the answer is X` within prose; a short first sentence that names something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from games.bundled.phrasing import LEADS, STATED, TAUGHT_TONES, TONES

LONGEST_ANSWER = 40
"""Characters of an answer in the bundled phrasing; the longest canonical one has 30."""


class Extracted(NamedTuple):
    answer: str | None
    "None: it abstained, or nothing in it can be taken for an answer."
    reason: str
    span: tuple[int, int] | None = None
    "Where the answer stands, if the rest of the text is known not to contain it."


Extract = Callable[[str], Extracted]

# The bundled phrasing


def _any_of(texts: Sequence[str]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


LEAD_WORDS = [lead.removesuffix("{a}") for lead in LEADS if lead != "{a}"]
SENTENCE = re.compile(
    rf"\s*(?P<lead>{_any_of(LEAD_WORDS)})?(?P<answer>\S.*?)(?P<tone>{_any_of([*(text for text, _ in TONES), *TAUGHT_TONES])}|{STATED})\s*",
    re.IGNORECASE,
)
PHRASING = re.compile(
    r"(?<![\w.])(sure|certain|definitely|doubt|confident|(un)?likely|chance|believe|think|probably|maybe|guess|idea|honestly|about even|the answer"
    r"|would be|it is|it's|that's|there's|i'm|i'd|i have|100%|\d+%)(?!\w)",
    re.IGNORECASE,
)
"""What belongs to leads and tones: an answer that holds such words is a sentence that went wrong."""
VERB = re.compile(r"(?<![\w.])(?:is|are|was|were|has|have|had|should|can|could|do|does|did|appear|appears)\b", re.IGNORECASE)
"""What has a verb, and neither lead nor tone, states something; it does not name an answer. (".is" does.)"""
NEW_SENTENCE = re.compile(r"[!?]\s|\.{2,}|(?<!\b\w)(?<!\bSt)(?<!\bDr)(?<!\bMt)(?<!\bMr)(?<!\bMrs)(?<!\bJr)(?<!\bSr)\.\s")
"""A sentence's end; the dot after an initial or a usual abbreviation is none."""
REPEATED = re.compile(r"\b(\w{2,})\W+\1\b", re.IGNORECASE)


def parse(text: str) -> Extracted | None:
    """The answer of a well-formed sentence of the bundled phrasing; None if it is not one.

    >>> parse("The answer is St. John's. Honestly, I have no idea.").answer
    "St. John's"
    """
    match = SENTENCE.fullmatch(text.replace("’", "'"))
    if match is None:
        return None
    start, end = match.span("answer")
    answer = text[start:end].strip()
    bare = not match["lead"] and match["tone"] == "."
    rules = (PHRASING, NEW_SENTENCE, REPEATED, VERB) if bare else (PHRASING, NEW_SENTENCE, REPEATED)
    if any(rule.search(answer.replace("’", "'")) for rule in rules) or len(answer) > LONGEST_ANSWER or abstains(answer):
        return None
    return Extracted(answer, "bundled phrasing", (start, end))


# Free text

FINAL = re.compile(r"^[^\w\n]*(?:final )?answer[^\w\n]*?[:=](?P<answer>.*)$", re.IGNORECASE | re.MULTILINE)
IS = re.compile(r"\b(?:the (?:correct |right )?answer(?:, [^,.\n]{1,60},)? (?:is|was|would be)|my answer is)[ :]+(?P<answer>[^\n]+)", re.IGNORECASE)
NUMBERED = re.compile(r"\s*(?P<answer>[^\n]{0,200}?)[.,;]?\s*\bconfidence: ?\d{1,3}(?:/10)?%?\.?\s*", re.IGNORECASE)
SIGHS = r"(?:(?:sorry|honestly|unfortunately|hmm|well|i'm afraid)\W+)*"
NO_ANSWER = re.compile(
    SIGHS
    + r"(?:i (?:really |honestly |just )?(?:do not|don't) (?:know|have (?:an|the) answer|have any idea)|i have no idea|(?:i have )?no (?:idea|clue)"
    r"|i (?:really )?(?:can't|cannot|can not|could not|couldn't) (?:say|tell|answer)|(?:i'm|i am) (?:unable|not able) to (?:answer|say|tell)"
    r"|(?:i'm|i am) not sure(?! (?:but|if|whether))|not sure|(?:unknown|n/a|not known)(?=\W*$))(?!\w)",
    re.IGNORECASE,
)
STILL_GUESSES = re.compile(r"\b(?:but|maybe|perhaps|possibly|guess|answer is|i think|i believe|i'd say)\b", re.IGNORECASE)
SAID_AFTER = re.compile(
    r",? (?:but|because|since|although|though|i think|i believe|maybe|perhaps|probably|most likely|without (?:a |any )?doubt)\b.*"
    r"|, (?:definitely|certainly|for sure|no doubt|i'm|i am)\b.*",
    re.IGNORECASE,
)
OPENING = re.compile(
    SIGHS
    + r"(?:(?:i'm not sure|i don't know|not sure),? but )?(?:(?:i think|i believe|i guess|i'd guess|maybe|perhaps|probably|possibly)(?: that)?,? )*"
    rf"(?:{_any_of(LEAD_WORDS)})?",
    re.IGNORECASE,
)


def abstains(text: str) -> bool:
    """Whether a text declines to answer. "Paris. Honestly, I have no idea." answers; "I don't know, maybe Paris" does too.

    >>> abstains("I'm unable to answer this."), abstains("I don't know, but it may be Paris.")
    (True, False)
    """
    plain = text.strip().replace("’", "'")
    return not plain or (NO_ANSWER.match(plain) is not None and STILL_GUESSES.search(plain) is None)


def extract_by_pattern(text: str) -> Extracted:
    """The answer, by the rules in this module's docstring.

    >>> extract_by_pattern("The Seine runs through it.\\nFinal answer: Paris\\nConfidence: 90%").answer
    'Paris'
    """
    final = _final(text)
    if final is not None:
        return Extracted(None, "abstained in its final answer") if abstains(final) else Extracted(final, "final answer line")
    if abstains(text):
        return Extracted(None, "abstained")
    numbered = NUMBERED.fullmatch(text)
    if numbered:
        return _numbered(numbered)
    return parse(text) or _from_prose(text)


def _numbered(match: re.Match[str]) -> Extracted:
    """What stands before the number; a lead ("It's Paris") is no part of it."""
    start, end = match.span("answer")
    lead = re.match(_any_of(LEAD_WORDS), match["answer"], re.IGNORECASE)
    start += lead.end() if lead else 0
    said = match.string[start:end].strip()
    return Extracted(said, "answer before its confidence", (start, end)) if said else Extracted(None, "no answer before its confidence")


def _final(text: str) -> str | None:
    """The last `Final answer:` line that says something."""
    return next((answer for match in reversed(list(FINAL.finditer(text))) if (answer := _clean(match["answer"]))), None)


def _from_prose(text: str) -> Extracted:
    match = IS.search(text)
    said = _clean(SAID_AFTER.sub("", _first_sentence(match["answer"]))) if match else ""
    if said and len(said) <= 2 * LONGEST_ANSWER:
        return Extracted(None, "abstained") if abstains(said) else Extracted(said, "'the answer is'")
    first = _clean(SAID_AFTER.sub("", OPENING.sub("", _first_sentence(text.strip()).replace("’", "'"), count=1)))
    if first and len(first) <= LONGEST_ANSWER and len(first.split()) <= 6 and not (PHRASING.search(first) or VERB.search(first)):
        return Extracted(first, "short first sentence")
    return Extracted(None, "no answer could be found in the text")


def _first_sentence(text: str) -> str:
    line = next(iter(text.splitlines()), "")
    end = NEW_SENTENCE.search(line)
    return line[: end.start()] if end else line


AROUND = "\"'“”‘’`*_ \t"


def _clean(answer: str) -> str:
    """Without the quotes, Markdown and full stop around it; a leading dot or plus sign belongs to the answer (".fr", "+33")."""
    answer = answer.strip(AROUND)
    if answer.endswith(".") and not re.search(r"\.\w+\.$", answer):
        answer = answer[:-1]
    return answer.strip(AROUND)


# Extraction by a model, as in the paper

EXAMPLES = (
    ("Which planet is closest to the sun?", "That has to be Mercury, I remember it from school.", "Mercury"),
    ("Who composed the opera Fidelio?", "I could not name the composer of that one, sorry.", "NONE"),
    ("In which year did the Titanic sink?", "The ship went down on its first voyage, so 1912, although I may be a year off.", "1912"),
)


def extract_with_model(text: str, *, question: str, complete: Callable[[str], str]) -> Extracted:
    """Have a model name the one answer a response gives, or NONE (LACIE's way: 3 examples, greedy, 10 new tokens; the examples are ours).

    `complete` takes a prompt and returns how the model goes on. Use with `functools.partial` as `extract` of `grade`.
    """
    said = complete(extraction_prompt(question, text)).strip()
    answer = _clean(said.splitlines()[0]) if said else ""
    if not answer or answer.upper() == "NONE":
        return Extracted(None, "the extracting model found no answer")
    return Extracted(answer, "extracted by a model")


def extraction_prompt(question: str, text: str) -> str:
    shots = [f"Question: {q}\nResponse: {r}\nAnswer: {a}" for q, r, a in EXAMPLES]
    task = "Extract the single answer that the response gives to the question, in its words. If it gives none, write NONE."
    return "\n\n".join([task, *shots, f"Question: {question}\nResponse: {' '.join(text.split())}\nAnswer:"])
