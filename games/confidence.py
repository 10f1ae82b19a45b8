"""One language for stated confidence: numbers and phrases in a text → probabilities in [0, 1]. Knows nothing of Django.

Phrases come from a table that can be replaced (`listeners/phrases.csv`). Its rows marked `survey` are pooled medians of two surveys of how
people read words of probability (wadefagen/datasets, "Perception of Probability Words", n = 123, and zonination/perceptions, n = 46); rows
marked `own` are this project's, with the reason. The rules:

* The longest phrase wins where two overlap; case, apostrophes and contractions make no difference ("I'm", "I’m", "I am").
* A phrase that begins with `not` also matches with up to two words after the not ("not at all sure").
* A phrase that stands negated without such a row counts as 1 - p, kept within .20 and .80: a denial says less than its opposite.
* A negated percentage ("not 100% sure") counts as half of it.
* Where several things are said, the lowest counts: a listener goes by the strongest doubt.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parent / "listeners" / "phrases.csv"


class Said(NamedTuple):
    words: str
    probability: float


def stated(text: str, *, scale: int = 10) -> float | None:
    """The confidence that a text states, None if it states none. A bare number after `Confidence:` is out of `scale`, above it a percentage.

    >>> stated("Paris. Confidence: 8"), stated("Confidence: 85"), stated("I'm 40% sure, I think."), stated("Paris.")
    (0.8, 0.85, 0.4, None)
    """
    found = Lexicon.default().find(text, scale=scale)
    return min(said.probability for said in found) if found else None


def number(text: str, *, scale: int = 10) -> float | None:
    """A lone number as a probability: "85%", "8", "8/10", "0.85"; None if the text is no such number.

    >>> number("95%"), number("8"), number("0.85"), number("7/10"), number("no idea")
    (0.95, 0.8, 0.85, 0.7, None)
    """
    match = LONE.fullmatch(text.strip().rstrip("."))
    return _value(match, scale) if match else None


def plain(text: str) -> str:
    """Lower case, straight apostrophes, contractions spelt out, single spaces, brackets and their masked answer taken out."""
    text = re.sub(r"\[[^\]]*\]", " … ", text.lower().replace("’", "'"))
    for short, long in (("can't", "can not"), ("cannot", "can not"), ("won't", "will not"), ("n't", " not"), ("'m", " am"), ("'d", " would")):
        text = text.replace(short, long)
    return " ".join(text.split())


# Numbers

DIGITS = r"(?<![\d.])(?P<n>\d{1,9}(?:\.\d{1,9})?)"
PERCENT = rf"{DIGITS} ?(?P<percent>%|percent\b|per cent\b)"
LONE = re.compile(rf"{DIGITS}(?: ?(?P<percent>%|percent|per cent)| ?(?:/|out of) ?(?P<of>\d{{1,9}}))?")
SURE = r"sure|certain|confident|positive|convinced|chance|likely|likelihood|probability|confidence|odds"
UNSURE = r"unsure|uncertain|unlikely|doubt|doubtful|wrong"
NUMBERS = [
    re.compile(rf"(?P<negated>\bnot )?(?:\b(?:only|about|around|roughly|even|at least) )?{PERCENT}(?: \w+)?? (?:{SURE}|(?P<doubt>{UNSURE}))\b"),
    re.compile(rf"\b(?:confidence|certainty|probability|likelihood)\b(?: \w+){{0,2}} ?[:=]? ?{LONE.pattern}(?![\d.]*\d)"),
    re.compile(rf"\bi (?:am|would say)(?: \w+)? {PERCENT}(?! of)"),
    re.compile(rf"\b{DIGITS} (?:in|out of) (?P<of>\d{{1,9}})(?: \w+)?? (?:{SURE})\b"),
]


def _value(match: re.Match[str], scale: int) -> float:
    groups = match.groupdict()
    found = float(groups["n"])
    if groups.get("percent"):
        found /= 100
    elif groups.get("of"):
        found /= max(1, int(groups["of"]))
    elif "." not in groups["n"]:
        found /= scale if found <= scale else 100
    found = min(1.0, found)
    if groups.get("doubt"):
        found = 1 - found
    return round(found / 2 if groups.get("negated") else found, 6)


# Phrases

NEGATED_BEFORE = re.compile(r"\b(?:not|never|hardly|no longer|nor)(?: \w+){0,2} $")


class Lexicon:
    """A table of phrases, ready to search texts with.

    Raises:
        ValueError: the table cannot be read; the message names file and line.
    """

    def __init__(self, table: Path = TABLE) -> None:
        self.probabilities = dict(read_table(table))
        nots = [phrase.removeprefix("not ") for phrase in self.probabilities if phrase.startswith("not ")]
        gap = r"not (?:\w+ ){0,2}?"
        self._phrases = re.compile(rf"(?<!\w)(?:{gap}(?P<denied>{_longest_first(nots)})|(?P<said>{_longest_first(self.probabilities)}))(?!\w)")

    @staticmethod
    @cache
    def default() -> Lexicon:
        return Lexicon()

    def find(self, text: str, *, scale: int = 10) -> list[Said]:
        """All that the text says about its own sureness, numbers first."""
        rest, found = plain(text), []
        for pattern in NUMBERS:
            while match := pattern.search(rest):
                found.append(Said(match[0].strip(), _value(match, scale)))
                rest = f"{rest[: match.start()]} … {rest[match.end() :]}"
        return found + [self._said(match, rest) for match in self._phrases.finditer(rest)]

    def _said(self, match: re.Match[str], text: str) -> Said:
        phrase = match["said"] or f"not {match['denied']}"
        probability = self.probabilities[phrase]
        if NEGATED_BEFORE.search(text[: match.start()]):
            return Said(f"not {phrase}", round(min(0.8, max(0.2, 1 - probability)), 6))
        return Said(phrase, probability)


def _longest_first(phrases: Iterable[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True)) or r"(?!)"


def read_table(path: Path) -> Iterator[tuple[str, float]]:
    """(phrase in `plain` form, probability) for each row of a CSV with the columns phrase, probability, source."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: this table of phrases cannot be read ({error}). Name a UTF-8 CSV file.") from error
    for line, row in enumerate(rows, start=2):
        phrase, value = plain(row.get("phrase") or ""), row.get("probability") or ""
        try:
            probability = float(value)
        except ValueError:
            probability = -1.0
        if not phrase or not 0 <= probability <= 1:
            raise ValueError(f"{path}, line {line}: {row.get('phrase')!r}, {value!r}. Give a phrase and a probability from 0 to 1.")
        yield phrase, probability
    if not rows:
        raise ValueError(f"{path}: no phrases in this table. Give rows under the columns phrase, probability, source.")
