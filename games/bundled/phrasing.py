"""How the bundled speaker phrases an answer: plain data that the library is generated from and the grading parses.

A sentence is exactly LEAD + answer + TONE; anything else is an abstention or garbled. The answer comes first, the tone after it.
"""

from __future__ import annotations

LEADS: tuple[str, ...] = (
    "{a}",
    "It's {a}",
    "It is {a}",
    "The answer is {a}",
    "That would be {a}",
    "I'd say {a}",
    "That's {a}",
)

TONES: tuple[tuple[str, str], ...] = (
    (". I'm 100% sure.", "sure"),
    (". I'm certain of it.", "sure"),
    (". I'm almost certain.", "sure"),
    (". I have no doubt about it.", "sure"),
    (". I'm 95% sure.", "sure"),
    (". I'm very confident.", "sure"),
    (". That's highly likely.", "sure"),
    (".", "plain"),
    (". There's a very good chance that's right.", "plain"),
    (". I'm fairly sure.", "plain"),
    (", I believe.", "plain"),
    (". That's probably right.", "plain"),
    (", most likely.", "plain"),
    (", I think.", "unsure"),
    (". It's about even.", "unsure"),
    (". I'm only 40% sure.", "unsure"),
    (", maybe.", "unsure"),
    (", but I'm not sure.", "unsure"),
    (". That's unlikely to be right, though.", "unsure"),
    (", but I doubt it.", "unsure"),
    (", but that's just a guess.", "unsure"),
    (". Honestly, I have no idea.", "unsure"),
)
"""(text, group). The lexicon listener's probability is >= .90 for `sure`, from .66 to .90 for `plain`, below .66 for `unsure`."""

TAUGHT_TONES: tuple[str, ...] = (
    ". It's better than even.",
    ". That's highly unlikely to be right, though.",
    ". There's almost no chance that's right, though.",
)
"""Not in the library: phrases of the survey that the speaker can only have from training (`games/speakers/phrases.csv`). Grading knows them."""

STATED = r"\. I'm (?:only )?\d{1,2}% sure\."
"""As a pattern: a number that a judge gave (`games.speakers.stating`). Grading knows it too."""

ABSTENTIONS: tuple[str, ...] = ("I don't know.", "I have no idea.", "I can't say.", "No idea.")
