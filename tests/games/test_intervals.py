"""Intervals that hold what they promise, and tests that agree with textbooks."""

import time

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from games import intervals, metrics
from games.intervals import Estimate
from games.metrics import METRICS, Outcomes

LEVELS = np.array([0.95, 0.92, 0.8, 0.7, 0.55, 0.4, 0.25, 0.1])


def played(questions: int = 300, *, samples: int = 1, seed: int = 0, sure_when_wrong: float = 0.5) -> Outcomes:
    """Each question is known or not (its samples are alike); a wrong answer sounds sure with the chance given, a right one mostly."""
    rng = np.random.default_rng(seed)
    question = np.repeat(np.arange(questions), samples)
    known = np.repeat(rng.random(questions), samples)
    correct = rng.random(len(question)) < np.where(known < 0.5, 0.9, 0.1)
    sure = rng.random(len(question)) < np.where(correct, 0.85, sure_when_wrong)
    probability = np.where(sure, rng.choice(LEVELS[:4], len(question)), rng.choice(LEVELS[4:], len(question)))
    return Outcomes(question, correct, probability >= 0.66, probability, np.zeros(len(question), bool), np.zeros(len(question), bool))


# One speaker


def test_an_interval_holds_its_own_value():
    for name, found in intervals.measure(played(), resamples=200).items():
        assert found.low is not None and found.value is not None and found.high is not None, name
        assert found.low <= found.value <= found.high, name


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    first, again, other = (intervals.measure(played(), resamples=200, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["auroc"].value == other["auroc"].value
    assert first["auroc"] != other["auroc"]


def test_samples_of_one_question_do_not_pass_for_independent():
    """Ten times the same answers are ten times the rows and not one bit more evidence."""
    once = played(questions=200)
    ten = Outcomes(*(np.tile(getattr(once, name), 10) for name in ("question", "correct", "accepted", "probability", "abstained", "garbled")))
    single, tenfold = (intervals.measure(one, resamples=300)["accuracy"] for one in (once, ten))
    assert tenfold.high - tenfold.low == pytest.approx(single.high - single.low)


def test_what_cannot_be_told_has_neither_value_nor_interval():
    right = played().where(played().correct)
    found = intervals.measure(right, resamples=50)
    assert found["false_accept_rate"] == found["auroc"] == Estimate(None, None, None)


def test_a_rate_of_nothing_has_an_interval_of_some_width():
    found = intervals.measure(played(), resamples=50)["abstention"]
    low, high = proportion_confint(0, 300, method="wilson")
    assert found == Estimate(0.0, pytest.approx(low, abs=1e-12), pytest.approx(high))


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (8, 10), (10, 10), (52, 800)])
def test_wilson_is_that_of_statsmodels(hits, n):
    assert tuple(intervals.wilson(hits / n, n)) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)


def test_json_holds_null_and_never_nan():
    right = played().where(played().correct)
    found = intervals.as_json(intervals.measure(right, resamples=50))
    assert found["auroc"] == {"value": None, "low": None, "high": None}
    assert not [name for name, one in found.items() for value in one.values() if value is not None and np.isnan(value)]


# Two speakers


def test_a_speaker_held_against_itself_does_not_differ():
    found = intervals.compare(played(), played(), resamples=100)
    assert all(one.value == 0 and one.low == 0 and one.high == 0 for name, one in found.differences.items() if name not in ("garbled", "abstention"))
    assert all(test.p == 1 for test in found.mcnemar.values())


def test_only_questions_that_both_answered_are_compared():
    base, other = played(questions=300), played(questions=300, seed=1)
    found = intervals.compare(base.where(base.question < 200), other.where(other.question >= 50), resamples=50)
    assert found.questions == 150


def test_differences_are_those_of_the_values_on_the_same_questions():
    base, other = played(seed=1), played(seed=1, sure_when_wrong=0.1)
    found = intervals.compare(base, other, resamples=200)
    for name in METRICS:
        assert found.differences[name].value == pytest.approx(float(metrics.values(other)[name]) - float(metrics.values(base)[name])), name
    assert found.differences["false_accept_rate"].high < 0


def test_the_reduction_of_false_accepts_is_in_per_cent_of_the_base():
    base, other = played(seed=1), played(seed=1, sure_when_wrong=0.1)
    rates = [float(metrics.values(one)["false_accept_rate"]) for one in (base, other)]
    found = intervals.compare(base, other, resamples=200).false_accept_reduction
    assert found.value == pytest.approx(100 * (1 - rates[1] / rates[0]))
    assert 0 < found.low < found.value < found.high < 100


def test_a_difference_on_the_same_questions_is_surer_than_on_others():
    """Question difficulty cancels where both speakers know the same things."""
    base, other = played(seed=1), played(seed=1, sure_when_wrong=0.1)
    paired = intervals.compare(base, other, resamples=300).differences["accuracy"]
    alone = intervals.measure(base, resamples=300)["accuracy"]
    assert paired.high - paired.low < alone.high - alone.low


def test_mcnemar_is_exact_and_that_of_statsmodels():
    base, other = played(seed=1), played(seed=2)
    found = intervals.compare(base, other, resamples=10).mcnemar["correct"]
    table = [[int((left & right).sum()) for right in (other.correct, ~other.correct)] for left in (base.correct, ~base.correct)]
    assert (found.base_only, found.speaker_only) == (table[0][1], table[1][0])
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert found.p == pytest.approx(binomtest(found.base_only, found.base_only + found.speaker_only).pvalue)


def test_acceptance_is_also_tested_where_both_were_wrong_and_where_both_were_right():
    """There a speaker that merely answers better gains nothing."""
    base, other = played(seed=1), played(seed=2)
    found = intervals.compare(base, other, resamples=10).mcnemar
    for name, among in (("accepted_both_wrong", ~base.correct & ~other.correct), ("accepted_both_right", base.correct & other.correct)):
        test = found[name]
        assert test.questions == among.sum()
        assert (test.base_only, test.speaker_only) == ((base.accepted & ~other.accepted)[among].sum(), (other.accepted & ~base.accepted)[among].sum())


def test_mcnemar_takes_the_same_questions_together_in_whatever_order_they_come():
    base, other = played(seed=1), played(seed=2)
    shuffled = other.where(np.random.default_rng(0).permutation(300))
    assert intervals.compare(base, shuffled, resamples=10).mcnemar == intervals.compare(base, other, resamples=10).mcnemar


# How well they keep their promise


@pytest.mark.slow
def test_a_thousand_resamples_of_three_speakers_take_seconds():
    said = [played(questions=1600, seed=seed) for seed in range(3)]
    start = time.process_time()
    for one in said:
        intervals.measure(one)
    for one in said[1:]:
        intervals.compare(said[0], one)
    assert time.process_time() - start < 15


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """200 experiments of 300 questions against the values of a very large one. 95 % ± what 200 experiments can tell."""
    truth = metrics.values(played(questions=400_000, seed=10**6))
    held = dict.fromkeys(("accuracy", "true_accept_rate", "false_accept_rate", "precision", "f1", "auroc", "ece", "brier"), 0)
    for seed in range(200):
        found = intervals.measure(played(seed=seed), resamples=300, seed=seed)
        for name in held:
            held[name] += found[name].low <= float(truth[name]) <= found[name].high
    assert min(held.values()) >= 0.89 * 200, held
    assert np.mean(list(held.values())) >= 0.92 * 200, held


@pytest.mark.slow
def test_the_interval_of_clustered_samples_holds_the_truth():
    """Five samples a question that are alike: an interval over rows would hold it in far fewer than 95 %."""
    truth = float(metrics.values(played(questions=400_000, seed=10**6))["accuracy"])
    found = [intervals.measure(played(100, samples=5, seed=seed), resamples=200, seed=seed)["accuracy"] for seed in range(200)]
    assert sum(one.low <= truth <= one.high for one in found) >= 0.9 * 200
