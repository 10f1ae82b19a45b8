"""The rule: the utilities, the five types, the limits; in sets the same as one by one."""

import itertools

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.preferences import LACIE_TYPES, Heard, Options, PairError, candidates, check_types, prefer, select, type_counts

HEARD = st.builds(Heard, correct=st.booleans(), accepted=st.booleans(), probability=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.56, 0.66, 0.76, 1.0]))


def table(*rows: tuple[int, bool, bool, float, str]) -> pd.DataFrame:
    """(question, correct, accepted, probability, answer); ids count from 0."""
    frame = pd.DataFrame(rows, columns=["question", "correct", "accepted", "probability", "answer"])
    return frame.assign(id=range(len(frame)))


def test_the_utilities_leave_exactly_the_papers_five_types():
    kinds = [Heard(c, a, p) for (c, a), p in zip(itertools.product([True, False], repeat=2), [0.9, 0.2, 0.7, 0.4], strict=True)]
    found = {preference.pair_type for a, b in itertools.combinations(kinds, 2) if (preference := prefer(a, b, Options()))}
    assert found == set(LACIE_TYPES)


def test_a_false_accept_is_the_worst_there_is():
    wrong = Heard(False, True, 0.9)
    for other in (Heard(True, True, 0.5), Heard(True, False, 0.5), Heard(False, False, 0.5)):
        assert prefer(wrong, other, Options()).rejected == wrong


def test_a_difference_of_the_margin_itself_makes_a_pair():
    assert prefer(Heard(True, True, 0.76), Heard(True, False, 0.66), Options()) is not None


@given(st.lists(HEARD, min_size=2, max_size=7), st.integers(0, 9))
def test_tables_give_the_same_pairs_as_one_by_one_in_whatever_order_they_were_judged(heard, order):
    frame = table(*[(1, h.correct, h.accepted, h.probability, "x") for h in heard])
    expected = set()
    for (i, a), (j, b) in itertools.combinations(enumerate(heard), 2):
        if preference := prefer(a, b, Options()):
            first_wins = preference.chosen is a
            expected.add((i if first_wins else j, j if first_wins else i, preference.pair_type))
    pairs = candidates(frame.sample(frac=1, random_state=order), "lacie", Options())
    assert set(zip(pairs["chosen"], pairs["rejected"], pairs["pair_type"], strict=True)) == expected


def test_utterances_of_different_questions_are_never_paired():
    frame = table((1, True, True, 0.9, "x"), (2, True, False, 0.1, "x"))
    assert candidates(frame, "lacie", Options()).empty


def test_matched_pairs_have_the_same_answer_and_differ_in_tone_alone():
    frame = table((1, True, True, 0.9, "rome"), (1, True, False, 0.1, "rome"), (1, False, True, 0.9, "oslo"), (1, False, False, 0.1, "oslo"))
    pairs = candidates(frame, "lacie", Options(match="answer"))
    assert list(zip(pairs["chosen"], pairs["rejected"], pairs["pair_type"], strict=True)) == [(0, 1, "CA>C~A"), (3, 2, "~C~A>~CA")]


def test_pairs_of_one_grade_are_both_right_or_both_wrong_whatever_their_answers():
    frame = table((1, True, True, 0.9, "rome"), (1, True, False, 0.1, "roma"), (1, False, True, 0.9, "oslo"), (1, False, False, 0.1, "lima"))
    pairs = candidates(frame, "lacie", Options(match="grade"))
    assert list(zip(pairs["chosen"], pairs["rejected"], pairs["pair_type"], strict=True)) == [(0, 1, "CA>C~A"), (3, 2, "~C~A>~CA")]
    assert candidates(frame, "truthful", Options(match="grade")).empty
    with pytest.raises(PairError, match="Use match=any"):
        check_types("truthful", Options(match="grade"))


def test_the_truthful_rule_does_not_listen():
    frame = table((1, True, False, 0.5, "x"), (1, False, True, 0.5, "y"))
    pairs = candidates(frame, "truthful", Options())
    assert pairs[["chosen", "rejected", "pair_type"]].to_numpy().tolist() == [[0, 1, "C>~C"]]


def test_only_the_asked_types_come_out():
    frame = table((1, True, True, 0.9, "x"), (1, True, False, 0.1, "x"), (1, False, True, 0.9, "y"))
    assert set(candidates(frame, "lacie", Options(only_types=("CA>~CA",)))["pair_type"]) <= {"CA>~CA"}


def many_pairs() -> pd.DataFrame:
    frame = pd.concat(
        [table((q, True, True, 0.9, "x"), (q, True, False, 0.1, "x"), (q, False, True, 0.8, "y"), (q, True, False, 0.2, "x")) for q in range(20)]
    )
    return candidates(frame.assign(id=range(len(frame))), "lacie", Options())


def test_balancing_cuts_every_type_to_the_smallest_that_occurs():
    pairs = many_pairs()
    assert set(pairs["pair_type"].value_counts()) == {20, 40}
    assert set(select(pairs, Options(max_per_question=0))["pair_type"].value_counts()) == {20}


def test_a_limit_of_three_a_question_gives_three_not_twelve():
    assert select(many_pairs(), Options(max_per_question=3, balance=False))["question"].value_counts().max() == 3


def test_the_cap_holds_for_each_type():
    assert set(select(many_pairs(), Options(max_per_type=5))["pair_type"].value_counts()) == {5}


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others():
    pairs = many_pairs()
    drawn = [select(pairs, Options(max_per_type=5, seed=seed)) for seed in (1, 1, 2)]
    assert drawn[0].equals(drawn[1])
    assert not drawn[0].equals(drawn[2])


def test_types_that_do_not_occur_are_counted_as_none():
    assert type_counts(many_pairs(), "lacie")["~C~A>C~A"] == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"threshold": "mean"}, "median"),
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"match": "tone"}, "answer"),
        ({"margin": -0.1}, "between 0 and 1"),
        ({"max_per_type": -1}, "negative"),
    ],
)
def test_options_that_cannot_be_are_refused_with_a_reason(wrong, words):
    with pytest.raises(PairError, match=words):
        Options(**wrong)


def test_a_type_of_the_other_rule_is_refused():
    with pytest.raises(PairError, match="C>~C"):
        check_types("truthful", Options(only_types=("CA>C~A",)))
