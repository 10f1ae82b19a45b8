"""The assignment rule on counts alone."""

import itertools
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.participant.assignment import Item, fewest_first, mixed, pick_checks, plan, turn

ARMS = st.integers(1, 4)
SEED = st.integers(0, 99)


def items(questions: int, arms: int = 2, taken: Callable[[int, int], int] = lambda question, arm: 0) -> list[Item]:
    return [
        Item(pk=question * arms + arm, question=question, arm=arm, utterance=0, taken=taken(question, arm))
        for question in range(questions)
        for arm in range(arms)
    ]


@settings(max_examples=100, deadline=None)
@given(
    arms=ARMS,
    rounds=st.integers(1, 14),
    extra=st.integers(0, 10),
    sequence=st.integers(0, 50),
    seed=SEED,
    counts=st.lists(st.integers(0, 5), min_size=1),
)
def test_with_enough_material_each_question_comes_once_and_the_arms_stand_where_the_square_says(
    arms: int, rounds: int, extra: int, sequence: int, seed: int, counts: list[int]
) -> None:
    left = items(rounds + extra, arms, lambda question, arm: counts[(question + arm) % len(counts)])
    session = plan(left, arms=range(arms), rounds=rounds, sequence=sequence, seed=seed)
    assert len({item.question for item in session}) == rounds
    assert [item.arm for item in session] == [turn(range(arms), sequence=sequence, place=place, seed=seed) for place in range(rounds)]


@settings(max_examples=200, deadline=None)
@given(left=st.sets(st.tuples(st.integers(0, 12), st.integers(0, 2))), rounds=st.integers(1, 12), sequence=st.integers(0, 9), seed=SEED)
def test_a_session_is_short_only_where_there_are_too_few_questions(left: set[tuple[int, int]], rounds: int, sequence: int, seed: int) -> None:
    pool = [Item(pk, question, arm, 0, 0) for pk, (question, arm) in enumerate(left)]
    session = plan(pool, arms=range(3), rounds=rounds, sequence=sequence, seed=seed)
    assert len(session) == len({item.question for item in session}) == min(rounds, len({question for question, _ in left}))


@settings(max_examples=50, deadline=None)
@given(arms=ARMS, square=st.integers(0, 20), seed=SEED)
def test_of_as_many_sessions_as_arms_each_arm_stands_at_each_place_once(arms: int, square: int, seed: int) -> None:
    rows = [[turn(range(arms), sequence=square * arms + row, place=place, seed=seed) for place in range(arms)] for row in range(arms)]
    assert all(sorted(line) == list(range(arms)) for line in [*rows, *zip(*rows, strict=True)])


def test_two_arms_alternate() -> None:
    session = [item.arm for item in plan(items(20), arms=[0, 1], rounds=10, sequence=3, seed=0)]
    assert all(one != other for one, other in itertools.pairwise(session))


def test_no_arm_begins_more_often() -> None:
    first = Counter(plan(items(20), arms=[0, 1], rounds=10, sequence=person, seed=0)[0].arm for person in range(400))
    assert first == {0: 200, 1: 200}


def test_the_same_seed_gives_the_same_session_and_another_number_another() -> None:
    sessions = [plan(items(40), arms=[0, 1], rounds=10, sequence=sequence, seed=3) for sequence in (0, 0, 2)]
    assert sessions[0] == sessions[1] != sessions[2]


def test_the_least_judged_come_first() -> None:
    session = plan(items(60, taken=lambda question, arm: 0 if question < 10 else 5), arms=[0, 1], rounds=10, sequence=0, seed=0)
    assert {item.question for item in session} == set(range(10))


@settings(max_examples=15, deadline=None)
@given(seed=SEED)
def test_person_after_person_no_utterance_gets_ahead_and_the_arms_stay_level(seed: int) -> None:
    given_out: Counter[tuple[int, int]] = Counter({(item.question, item.arm): 0 for item in items(25)})
    for person in range(60):
        left = items(25, taken=lambda question, arm: given_out[question, arm])
        given_out.update((item.question, item.arm) for item in plan(left, arms=[0, 1], rounds=9, sequence=person, seed=seed))
        by_arm = [sum(n for (_, arm), n in given_out.items() if arm == each) for each in (0, 1)]
        assert abs(by_arm[0] - by_arm[1]) <= 1
    assert max(given_out.values()) - min(given_out.values()) <= 2


def test_who_comes_back_goes_on_at_the_place_of_the_square_where_they_were() -> None:
    whole = [item.arm for item in plan(items(40), arms=[0, 1], rounds=10, sequence=5, seed=0)]
    rest = [item.arm for item in plan(items(40), arms=[0, 1], rounds=7, sequence=5, seed=0, first=3)]
    assert rest == whole[3:]


def test_between_people_one_arm_alone_is_asked() -> None:
    assert {item.arm for item in plan(items(20), arms=[1], rounds=10, sequence=0, seed=0)} == {1}


def test_without_arms_there_is_no_session() -> None:
    assert plan(items(5), arms=[], rounds=3, sequence=0, seed=0) == []


@settings(max_examples=50, deadline=None)
@given(given_out=st.dictionaries(st.integers(1, 5), st.integers(0, 9), min_size=1), sequence=st.integers(0, 9), seed=SEED)
def test_the_arm_that_has_given_out_fewest_is_next(given_out: dict[int, int], sequence: int, seed: int) -> None:
    found = fewest_first(given_out, sequence=sequence, seed=seed)
    assert sorted(found) == sorted(given_out)
    assert [given_out[arm] for arm in found] == sorted(given_out.values())


@settings(max_examples=100, deadline=None)
@given(session=st.lists(st.integers(0, 9), max_size=12), checks=st.lists(st.just("check"), max_size=4), seed=st.text(max_size=3))
def test_checks_stand_among_the_rounds_whose_order_stays(session: list[object], checks: list[object], seed: str) -> None:
    found = mixed(session, checks, seed=seed)
    assert [each for each in found if each != "check"] == session
    assert found.count("check") == len(checks)


def test_a_check_may_stand_at_every_place() -> None:
    places = {mixed(["round"] * 4, ["check"], seed=str(seed)).index("check") for seed in range(60)}
    assert places == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("seed", range(10))
def test_of_two_checks_one_expects_accept_and_one_reject(seed: int) -> None:
    picked = pick_checks([True, True, True, False], expects=bool, number=2, seed=str(seed))
    assert sorted(picked) == [False, True]


def test_checks_that_all_expect_the_same_are_better_than_none() -> None:
    assert pick_checks([True, True, True], expects=bool, number=2, seed="0") == [True, True]
    assert pick_checks([True], expects=bool, number=2, seed="0") == [True]
    assert pick_checks([True], expects=bool, number=-1, seed="0") == []
