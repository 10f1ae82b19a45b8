"""The table of phrases that answers are given, by `linguistic-sft` and by a judge that is stated: what people read them as, how a sentence has them.

A CSV file with the columns phrase, probability, post, pre, interleaved; the last three hold `{answer}` once. The shipped one takes the nine
phrases whose readings lie close together in both surveys (docs/papers.md, pooled medians). Between .20 and .50 people have no phrase on which
they agree, and neither has the table.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from games.confidence import stated

TABLE = Path(__file__).with_name("phrases.csv")
PLACES = ("post", "pre", "interleaved")
TOLERANCE = 0.051
"""A phrase's sentence has to be read by the platform's lexicon as the table says, within this: else what is taught is not what is measured."""


class PhrasesError(ValueError):
    """A table that cannot be used; the message is for the user, and names file and line."""


class Phrase(NamedTuple):
    words: str
    probability: float
    sentences: dict[str, str]
    "By place."

    def say(self, answer: str, place: str) -> str:
        return self.sentences[place].replace("{answer}", answer)


def read(path: Path = TABLE) -> list[Phrase]:
    """The phrases of a table, the likeliest first.

    Raises:
        PhrasesError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise PhrasesError(f"phrases={path}: this table cannot be read ({error}). Name a UTF-8 CSV file.") from error
    if len(rows) < 2:
        raise PhrasesError(f"phrases={path}: {len(rows)} phrases can tell nothing apart. Give rows under phrase,probability,{','.join(PLACES)}.")
    return sorted((_phrase(row, f"phrases={path}, line {line}") for line, row in enumerate(rows, start=2)), key=lambda one: -one.probability)


def _phrase(row: dict[str, str | None], where: str) -> Phrase:
    try:
        probability = float(row.get("probability") or "")
    except ValueError:
        probability = -1.0
    if not row.get("phrase") or not 0 <= probability <= 1:
        raise PhrasesError(f"{where}: give a phrase and a probability from 0 to 1, not {row.get('phrase')!r}, {row.get('probability')!r}.")
    sentences = {place: (row.get(place) or "").strip() for place in PLACES}
    for place, sentence in sentences.items():
        if sentence.count("{answer}") != 1:
            raise PhrasesError(f"{where}: the column {place} is {sentence!r}. Give a sentence with {{answer}} in it once.")
        heard = stated(sentence.replace("{answer}", "…"))
        if heard is None or abs(heard - probability) > TOLERANCE:
            raise PhrasesError(
                f"{where}: {sentence!r} is read as {heard} by games/listeners/phrases.csv, not as {probability}. Change one of the two tables."
            )
    return Phrase(str(row["phrase"]), probability, sentences)


def nearest(phrases: Sequence[Phrase], probability: float) -> Phrase:
    """
    >>> nearest(read(), 0.83).words
    'very good chance'
    """
    return min(phrases, key=lambda phrase: abs(phrase.probability - probability))
