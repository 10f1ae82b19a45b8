"""Figures over several seeds: means of the seeds' own figures, intervals that hold the truth, differences taken pair by pair."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from games import metrics, over_seeds
from games.metrics import Outcomes


def turn(rng: np.random.Generator, questions: int = 200, skill: float = 0.0, drift: float = 0.0) -> Outcomes:
    """One seed of a speaker that is right in half of its answers; `skill` is how far right answers are believed more, `drift` this seed's own."""
    correct = rng.random(questions) < 0.5
    probability = np.clip(0.5 + (skill + drift) * (correct - 0.5) + rng.normal(0, 0.2, questions), 0, 1)
    return Outcomes(np.arange(questions), correct, probability >= 0.5, probability, np.zeros(questions, dtype=bool))


def test_the_mean_is_that_of_the_seeds_own_figures():
    rng = np.random.default_rng(0)
    seeds = [turn(rng, skill=0.2) for _ in range(3)]
    found = over_seeds.measure(seeds, resamples=200)
    for name in ("accuracy", "auroc", "ece", "false_accept_rate"):
        own = [float(metrics.values(one)[name]) for one in seeds]
        assert found[name].each == pytest.approx(own)
        assert found[name].mean.value == pytest.approx(np.mean(own))


def test_one_seed_has_the_interval_of_an_evaluation():
    from games import intervals

    one = turn(np.random.default_rng(1), skill=0.2)
    assert over_seeds.measure([one], seed=3)["auroc"].mean == intervals.measure(one, seed=3)["auroc"]


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(2)
    alike = [turn(rng, skill=0.2) for _ in range(3)]
    apart = [turn(rng, skill=0.2, drift=drift) for drift in (-0.15, 0.0, 0.15)]
    width = [found.high - found.low for found in (over_seeds.measure(seeds)["auroc"].mean for seeds in (alike, apart))]
    assert width[1] > 1.5 * width[0]


def test_a_difference_is_taken_seed_by_seed_on_the_same_questions():
    rng = np.random.default_rng(3)
    base = [turn(rng) for _ in range(3)]
    same = over_seeds.compare(base, base, resamples=200)["auroc"]
    assert (same.difference.value, same.p) == (0, None) or same.p == 1
    better = over_seeds.compare(base, [turn(rng, skill=0.3) for _ in range(3)])["auroc"]
    assert better.difference.low > 0 and better.p < 0.01


def test_questions_that_a_side_did_not_answer_do_not_count():
    rng = np.random.default_rng(4)
    base, other = turn(rng, questions=100), turn(rng, questions=150, skill=0.2)
    half = over_seeds.compare([base], [other], resamples=100)["accuracy"].difference.value
    assert half == pytest.approx(other.correct[:100].mean() - base.correct.mean())


def test_seeds_may_have_answered_different_questions():
    rng = np.random.default_rng(5)
    first, second = turn(rng, questions=100), turn(rng, questions=150)
    mean = over_seeds.measure([first, second], resamples=100)["accuracy"].mean
    assert mean.value == pytest.approx((first.correct.mean() + second.correct.mean()) / 2)
    assert mean.low < mean.value < mean.high


def test_holm_is_what_statsmodels_says_and_leaves_out_what_cannot_be_told():
    given = {"a": 0.001, "b": 0.02, "c": None, "d": 0.04, "e": 0.5}
    expected = multipletests([0.001, 0.02, 0.04, 0.5], method="holm")[1]
    found = over_seeds.holm(given)
    assert found.pop("c") is None
    assert list(found.values()) == pytest.approx(list(expected))


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Known truth: half of the answers right, in every seed."""
    rng = np.random.default_rng(6)
    held = sum(
        found.low <= 0.5 <= found.high
        for found in (over_seeds.measure([turn(rng) for _ in range(3)], resamples=300, seed=n)["accuracy"].mean for n in range(150))
    )
    assert held >= 0.85 * 150
