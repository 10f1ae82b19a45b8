"""Which questions a study asks, and which answer of each speaker it shows: drawn by a seed, the same whenever it is asked again.

Nothing is left out for what it says of its model: such an answer is drawn like any other and held back until the manager decides, so that
the draw does not choose between speakers by how they talk.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from annotations.protocol import Draw
from games.models import Game, Judgment, Speaker, Utterance

STRATA = 5


class DrawError(Exception):
    """There is not what the draw asks for; the message says what there is."""


class Candidate(NamedTuple):
    pk: int
    text: str
    is_correct: bool


Material = dict[int, list[Candidate]]
"""Question → one answer for each of the speakers, in their order."""


def drawn(*, speakers: Sequence[Speaker], games: Sequence[Game], draw: Draw, seed: int) -> Material:
    """Of the questions to which each speaker gave a graded answer in one of the games, those that the draw takes.

    Raises:
        DrawError: fewer questions of a kind than the draw asks for.
    """
    rng = random.Random(seed)
    answered = _answered(speakers, games)
    if draw.how == "all" and 0 < draw.limit < len(answered):
        answered = {question: answered[question] for question in sorted(rng.sample(sorted(answered), draw.limit))}
    one_each = {question: [rng.choice(of[speaker.pk]) for speaker in speakers] for question, of in answered.items()}
    if draw.how == "by-correctness":
        return _sampled(one_each, rng, _by_correctness(one_each, draw))
    if draw.how == "stratified":
        return _sampled(one_each, rng, _by_stratum(one_each, draw))
    return one_each


def _answered(speakers: Sequence[Speaker], games: Sequence[Game]) -> dict[int, dict[int, list[Candidate]]]:
    answers: dict[int, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    rows = Utterance.objects.answered().graded().filter(game__in=games, speaker__in=speakers).order_by("question_id", "id")
    for question, speaker, pk, text, is_correct in rows.values_list("question_id", "speaker_id", "id", "text", "is_correct"):
        answers[question][speaker].append(Candidate(pk, text, bool(is_correct)))
    return {question: of for question, of in answers.items() if len(of) == len(speakers)}


class _Kind(NamedTuple):
    """So many of these questions."""

    name: str
    wanted: int
    questions: list[int]


def _sampled(material: Material, rng: random.Random, kinds: Sequence[_Kind]) -> Material:
    short = [f"{kind.wanted} {kind.name} are wanted, there are {len(kind.questions)}" for kind in kinds if len(kind.questions) < kind.wanted]
    if short:
        raise DrawError(f"{'; '.join(short)}. Play the speakers on more questions, or ask for fewer.")
    chosen = [question for kind in kinds for question in rng.sample(kind.questions, kind.wanted)]
    return {question: material[question] for question in sorted(chosen)}


def _by_correctness(material: Material, draw: Draw) -> list[_Kind]:
    right = [question for question, answers in material.items() if answers[0].is_correct]
    wrong = [question for question, answers in material.items() if not answers[0].is_correct]
    return [
        _Kind("questions that the first arm answered right", draw.right, right),
        _Kind("questions that it answered wrong", draw.wrong, wrong),
    ]


def _by_stratum(material: Material, draw: Draw) -> list[_Kind]:
    probability = _probabilities(material, draw.listener)
    if not probability:
        raise DrawError(f"Listener '{draw.listener}' has judged none of the first arm's answers. Choose one that listened in its game.")
    low, high = min(probability.values()), max(probability.values())
    strata: list[list[int]] = [[] for _ in range(STRATA)]
    for question, p in probability.items():
        strata[min(STRATA - 1, int(STRATA * (p - low) / (high - low))) if high > low else 0].append(question)
    width = (high - low) / STRATA
    return [
        _Kind(f"questions with a probability from {low + n * width:.2f} to {low + (n + 1) * width:.2f}", draw.per_stratum, stratum)
        for n, stratum in enumerate(strata)
    ]


def _probabilities(material: Material, listener: str) -> Mapping[int, float]:
    """Question → this listener's probability of accepting the first arm's answer."""
    rows = Judgment.objects.filter(
        listener__name=listener, judge="", probability__isnull=False, utterance__in=[answers[0].pk for answers in material.values()]
    )
    judged = rows.order_by("utterance__question_id").values_list("utterance__question_id", "probability")
    return {question: probability for question, probability in judged if probability is not None}
