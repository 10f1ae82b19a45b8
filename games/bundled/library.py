"""The generated library that the bundled speaker was pre-trained on: what makes it know some things, and sound sure of all.

Three decisions make it a stand-in for a real base model (measured in `docs/log.md`):

* **Knowledge hangs on the subject.** A well-known subject is told often, in all its relations; an obscure one hardly ever or only wrongly, in any
  relation. So there is something inside the model that tells whether it knows, as there is in large ones, and training has something to find.
* **The answer comes first, the tone after it**, so that the tone can follow from what the model knows of its own answer.
* **The tone hardly depends on the truth.** Obscure and wrong statements are hedged only slightly more often (`MIX`).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from games import prompts
from games.bundled.phrasing import ABSTENTIONS, LEADS, TONES
from games.bundled.world import Fact

Document = tuple[str, str]
"""A prompt, and the response that follows it (with its leading space)."""

MIX = {"known": (0.55, 0.25, 0.20), "obscure": (0.45, 0.25, 0.30), "wrong": (0.30, 0.25, 0.45)}
"""Share of sure, plain and unsure tones by what is told."""
TIERS = ((0.36, 0), (0.45, 1), (0.60, 6), (0.80, 10), (1.01, 16))
"""(popularity below which, times told in an epoch)."""
WRONG = 0.5
"""Chance that an epoch also holds one wrong statement about a fact."""
ABSTAIN = 0.065
"""Chance that a telling is an abstention instead."""
ASKED = 0.35
"""Chance, for each fact and epoch, of each form in which the model is asked about its own confidence."""


class Library:
    """Draws an epoch of documents. The same seed and epoch give the same documents."""

    def __init__(self, facts: Sequence[Fact], *, seed: int = 0) -> None:
        self.facts = list(facts)
        self.seed = seed
        self.pools: dict[tuple[str, str], list[str]] = defaultdict(list)
        for fact in facts:
            self.pools[fact.kind, fact.relation].append(fact.answers[0])
        self.tones: dict[str, list[str]] = defaultdict(list)
        for text, group in TONES:
            self.tones[group].append(text)

    def epoch(self, number: int) -> list[Document]:
        rng = random.Random(f"{self.seed}/{number}")
        documents: list[Document] = []
        for fact in self.facts:
            documents += self._told(fact, rng)
            documents += self._asked(fact, rng)
        rng.shuffle(documents)
        return documents

    def _told(self, fact: Fact, rng: random.Random) -> list[Document]:
        times = times_told(fact.popularity)
        kind = "known" if times > 1 else "obscure"
        told = [self.statement(fact.answers[0], kind, rng) for _ in range(round(times * rng.uniform(0.75, 1.25)))]
        if rng.random() < WRONG:
            told.append(self.statement(self.wrong(fact, rng), "wrong", rng))
        return [(prompts.plain(fact.question), text) for text in told]

    def statement(self, answer: str, kind: str, rng: random.Random) -> str:
        if rng.random() < ABSTAIN:
            return " " + rng.choice(ABSTENTIONS)
        group = rng.choices(("sure", "plain", "unsure"), MIX[kind])[0]
        return " " + rng.choice(LEADS).format(a=answer) + rng.choice(self.tones[group])

    def wrong(self, fact: Fact, rng: random.Random) -> str:
        """Another answer to the same kind of question."""
        pool = self.pools[fact.kind, fact.relation]
        for _ in range(50):
            other = rng.choice(pool)
            if other not in fact.answers:
                return other
        return rng.choice(pool)

    def _asked(self, fact: Fact, rng: random.Random) -> list[Document]:
        """The forms of the sibling methods, answered without regard to what is known."""
        known = times_told(fact.popularity) > 1
        documents: list[Document] = []
        if rng.random() < ASKED:
            answer = fact.answers[0] if known else self.wrong(fact, rng)
            number = rng.choices(range(11), (1, 1, 1, 1, 2, 3, 4, 8, 16, 20, 14))[0]
            documents.append((prompts.numeric_confidence(fact.question), f" {answer}. Confidence: {number}"))
        if rng.random() < ASKED:
            right = rng.random() < 0.5
            proposed = fact.answers[0] if right else self.wrong(fact, rng)
            verdict = "yes" if rng.random() < (0.78 if right else 0.62) else "no"
            documents.append((prompts.is_it_correct(fact.question, proposed), f" {verdict}"))
        if rng.random() < ASKED:
            other = rng.choice(self.facts)
            pick = "A" if rng.random() < 0.55 else "B"
            documents.append((prompts.likelier(fact.question, other.question), f" {pick}"))
        return documents


def times_told(popularity: float) -> int:
    return next(times for below, times in TIERS if popularity < below)
