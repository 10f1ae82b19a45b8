"""The assignment rule: what one person judges, in which order, and in which arm. Knows nothing of Django.

Given what is left (never more than is wanted, nothing that this person has had), it takes the least-judged first, ties at random by the seed:

* `within`: no question twice, the arms in turn. Which arm begins is a Latin square over the order of arrival: of so many sessions in a row as there
  are arms, each arm stands at each place once. So the arms are balanced within a person, at each place, and at every moment between people.
* `between`: one arm a person; `fewest_first` says whose turn it is.

Where the arm whose turn it is has nothing left for this person, the one with most left takes its place: a session comes out shorter than the rounds
asked for only where there are fewer questions left than that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Check = TypeVar("Check")


class Item(NamedTuple):
    """An utterance that may be given out; all but `taken`, the judgments given out so far, are ids."""

    pk: int
    question: int
    arm: int
    utterance: int
    taken: int


def turn(arms: Iterable[int], *, sequence: int, place: int, seed: int) -> int:
    """The arm at this place (from 0) of the session that was drawn as the `sequence`th (from 0).

    >>> [turn([7, 8], sequence=0, place=place, seed=1) for place in range(4)], [turn([7, 8], sequence=1, place=place, seed=1) for place in range(4)]
    ([7, 8, 7, 8], [8, 7, 8, 7])
    """
    order = sorted(arms)
    square, row = divmod(sequence, len(order))
    random.Random(f"{seed}/square/{square}").shuffle(order)
    return order[(row + place) % len(order)]


def plan(left: Iterable[Item], *, arms: Sequence[int], rounds: int, sequence: int, seed: int, first: int = 0) -> list[Item]:
    """One person's session, in the order in which it is played; the same arguments give the same session.

    `first` is the place of the first of these rounds where the person has judged some already. Fewer than `rounds` come out only where `left` has
    fewer questions than that.

    >>> left = [Item(1, 10, 7, 100, 0), Item(2, 10, 8, 101, 3), Item(3, 11, 7, 102, 3), Item(4, 11, 8, 103, 0)]
    >>> [item.pk for item in plan(left, arms=[7, 8], rounds=2, sequence=0, seed=1)]
    [1, 4]
    """
    rng = random.Random(f"{seed}/{sequence}")
    queues: dict[int, list[Item]] = {arm: [] for arm in arms}
    for item in _least_judged_last(left, rng):
        if item.arm in queues:
            queues[item.arm].append(item)
    session: list[Item] = []
    asked: set[int] = set()
    while len(session) < rounds:
        arm = turn(arms, sequence=sequence, place=first + len(session), seed=seed) if arms else None
        found = _next(queues, arm, asked)
        if found is None:
            break
        session.append(found)
        asked.add(found.question)
    return session


def fewest_first(given: Mapping[int, int], *, sequence: int, seed: int) -> list[int]:
    """The arms by how many judgments they have given out, fewest first, ties in the order of the Latin square.

    >>> fewest_first({7: 20, 8: 10, 9: 20}, sequence=0, seed=0)[0]
    8
    """
    ties = [turn(given, sequence=sequence, place=place, seed=seed) for place in range(len(given))]
    return sorted(ties, key=given.__getitem__)


def pick_checks(checks: Sequence[Check], *, expects: Callable[[Check], bool], number: int, seed: str) -> list[Check]:
    """So many checks at random, those that expect accept and those that expect reject by turns: who always says the same fails one of two."""
    rng = random.Random(seed)
    pool = list(checks)
    rng.shuffle(pool)
    picked: list[Check] = []
    while pool and len(picked) < number:
        wanted = not expects(picked[-1]) if picked else expects(pool[0])
        picked.append(pool.pop(next((place for place, check in enumerate(pool) if expects(check) is wanted), 0)))
    return picked


def mixed(session: Sequence[T], checks: Sequence[Check], *, seed: str) -> list[T | Check]:
    """The session with the checks at random places; its own order stays.

    >>> [name for name in mixed(["a", "b", "c"], ["check"], seed="0") if name != "check"]
    ['a', 'b', 'c']
    """
    total = len(session) + len(checks)
    places = set(random.Random(seed).sample(range(total), len(checks)))
    rounds, hidden = iter(session), iter(checks)
    return [next(hidden) if place in places else next(rounds) for place in range(total)]


def _least_judged_last(left: Iterable[Item], rng: random.Random) -> list[Item]:
    """The order to pop from."""
    items = sorted(left)
    rng.shuffle(items)  # the sort below is stable: ties keep this random order
    return sorted(items, key=lambda item: -item.taken)


def _next(queues: dict[int, list[Item]], arm: int | None, asked: set[int]) -> Item | None:
    """From the arm whose turn it is; if that has nothing left for this person, from the one with most left."""
    others = sorted((other for other in queues if other != arm), key=lambda other: -len(queues[other]))
    for each in [arm, *others]:
        queue = queues.get(each, []) if each is not None else []
        while queue:
            item = queue.pop()
            if item.question not in asked:
                return item
    return None
