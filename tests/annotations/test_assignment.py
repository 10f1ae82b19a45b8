"""The assignment rule on counts alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.assignment import NotEnoughMaterial, Pair, plan


def pairs(questions: int, arms: int = 2) -> dict[Pair, int]:
    return {Pair(question, arm): 0 for question in range(questions) for arm in range(arms)}


@settings(max_examples=100, deadline=None)
@given(
    arms=st.integers(1, 4),
    rounds=st.integers(1, 14),
    extra=st.integers(0, 10),
    seed=st.text(max_size=5),
    counts=st.lists(st.integers(0, 5), min_size=1, max_size=20),
)
def test_each_question_comes_once_and_the_arms_share_the_rounds(arms: int, rounds: int, extra: int, seed: str, counts: list[int]) -> None:
    judged = {pair: counts[n % len(counts)] for n, pair in enumerate(pairs(rounds + extra, arms))}
    session = plan(judged=judged, rounds=rounds, seed=seed)
    assert len(session) == rounds
    assert len({pair.question for pair in session}) == rounds
    shares = Counter(pair.arm for pair in session)
    assert max(shares.values()) - min(shares[arm] for arm in range(arms)) <= 1


def test_the_same_seed_gives_the_same_session_and_another_seed_another() -> None:
    assert plan(judged=pairs(40), rounds=10, seed="3/0") == plan(judged=pairs(40), rounds=10, seed="3/0")
    assert plan(judged=pairs(40), rounds=10, seed="3/0") != plan(judged=pairs(40), rounds=10, seed="3/1")


def test_the_least_judged_pairs_come_first() -> None:
    judged = {pair: 0 if pair.question < 10 else 5 for pair in pairs(60)}
    assert {pair.question for pair in plan(judged=judged, rounds=10, seed="0")} == set(range(10))


def test_over_many_people_every_pair_is_judged_about_as_often() -> None:
    judged = pairs(25)
    for person in range(100):
        for pair in plan(judged=judged, rounds=10, seed=str(person)):
            judged[pair] += 1
    assert sum(judged.values()) == 1000
    assert max(judged.values()) - min(judged.values()) <= 2


def test_no_arm_has_a_place_of_its_own() -> None:
    """Over many people each arm is first about half of the time, and the order tells nothing."""
    first = Counter(plan(judged=pairs(20), rounds=10, seed=str(person))[0].arm for person in range(400))
    assert 160 < first[0] < 240


def test_too_few_questions_are_refused_with_their_number() -> None:
    with pytest.raises(NotEnoughMaterial, match="10 rounds need 10 questions that every arm has answered; only 4"):
        plan(judged=pairs(4), rounds=10, seed="0")


def test_a_study_without_arms_is_refused() -> None:
    with pytest.raises(NotEnoughMaterial, match="only 0"):
        plan(judged={}, rounds=1, seed="0")
