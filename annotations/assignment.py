"""The assignment rule: which question one person judges next, and in which arm. Knows nothing of Django."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Pair(NamedTuple):
    """One question as one arm answers it; both are ids."""

    question: int
    arm: int


class NotEnoughMaterial(Exception):
    """The study has too few questions for one person; the message is for the one who set it up."""


def plan(*, judged: Mapping[Pair, int], rounds: int, seed: str) -> list[Pair]:
    """One person's session, in the order in which it is played.

    The arms share the rounds equally (a remainder falls to arms drawn at random), no question comes twice, and of what is left the
    least-judged pair of an arm is taken first, ties at random. `judged` names every pair there is, also those with 0 judgments.
    The same arguments give the same plan.

    Raises:
        NotEnoughMaterial: an arm has no question left. It cannot happen where every arm answers the same questions, `rounds` or more.

    >>> plan(judged={Pair(1, 7): 0, Pair(1, 8): 3, Pair(2, 7): 3, Pair(2, 8): 0}, rounds=2, seed="0")
    [Pair(question=1, arm=7), Pair(question=2, arm=8)]
    """
    rng = random.Random(seed)
    arms = sorted({pair.arm for pair in judged})
    rng.shuffle(arms)
    queues = {arm: _least_judged_first(judged, arm, rng) for arm in arms}
    taken: dict[int, Pair] = {}
    for turn in range(rounds):
        pair = _next(queues[arms[turn % len(arms)]], taken) if arms else None
        if pair is None:
            raise NotEnoughMaterial(f"{rounds} rounds need {rounds} questions that every arm has answered; only {turn} could be given out.")
        taken[pair.question] = pair
    session = list(taken.values())
    rng.shuffle(session)
    return session


def _least_judged_first(judged: Mapping[Pair, int], arm: int, rng: random.Random) -> Iterable[Pair]:
    pairs = sorted(pair for pair in judged if pair.arm == arm)
    rng.shuffle(pairs)  # the sort below is stable: ties keep this random order
    return iter(sorted(pairs, key=judged.__getitem__))


def _next(queue: Iterable[Pair], taken: Mapping[int, Pair]) -> Pair | None:
    return next((pair for pair in queue if pair.question not in taken), None)
