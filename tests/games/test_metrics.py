"""Every metric against an implementation that others trust, and against cases that can be reckoned by hand."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sklearn

from games import metrics
from games.metrics import METRICS, Outcomes

SCORES = (metrics.auroc, metrics.ece, metrics.ece_lacie, metrics.brier)


def made(n: int = 400, seed: int = 0, *, levels: int = 22) -> Outcomes:
    """A speaker whose sureness says something of the truth; few distinct probabilities, so that there are ties."""
    rng = np.random.default_rng(seed)
    probability = rng.choice(np.linspace(0.03, 0.98, levels), n)
    correct = rng.random(n) < probability**1.5
    abstained = (rng.random(n) < 0.1) & ~correct
    return Outcomes(np.arange(n) // 2, correct, rng.random(n) < probability, probability, abstained, rng.random(n) < 0.02)


def few(**columns: list) -> Outcomes:
    """Four answers to four questions: right & accepted, right & rejected, wrong & accepted, an abstention that is rejected."""
    given = {
        "correct": [True, True, False, False],
        "accepted": [True, False, True, False],
        "probability": [0.9, 0.4, 0.8, 0.1],
        "abstained": [False, False, False, True],
        **columns,
    }
    return Outcomes(np.arange(len(given["correct"])), *(np.array(given[name]) for name in ("correct", "accepted", "probability", "abstained")))


# By hand


def test_the_rates_of_four_answers_are_those_reckoned_by_hand():
    found = {name: float(value) for name, value in metrics.values(few()).items()}
    assert found["accuracy"] == 0.5
    assert found["abstention"] == 0.25
    assert found["true_accept_rate"] == found["recall"] == 0.5
    assert found["false_accept_rate"] == 0.5
    assert found["precision"] == found["f1"] == 0.5
    assert found["auroc"] == 0.75
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.64 + 0.01) / 4)


def test_an_abstention_is_a_wrong_answer_and_keeps_its_probability():
    rejected, accepted = few(), few(accepted=[True, False, True, True])
    assert metrics.values(rejected)["accuracy"] == metrics.values(accepted)["accuracy"] == 0.5
    assert metrics.values(accepted)["false_accept_rate"] == 1.0
    assert metrics.values(few(probability=[0.9, 0.4, 0.8, 0.95]))["auroc"] < metrics.values(rejected)["auroc"]


def test_without_abstentions_only_answers_are_left():
    answered = few().answered()
    assert len(answered) == 3
    assert float(metrics.values(answered)["abstention"]) == 0.0


@pytest.mark.parametrize(
    ("columns", "unknown"),
    [
        ({"correct": [True] * 4, "abstained": [False] * 4}, {"false_accept_rate", "auroc"}),
        ({"correct": [False] * 4}, {"true_accept_rate", "recall", "auroc"}),
        ({"accepted": [False] * 4}, {"precision"}),
        ({"probability": [0.9, 0.4, np.nan, 0.1]}, {"auroc", "ece", "ece_lacie", "brier"}),
    ],
)
def test_what_cannot_be_told_is_not_a_number(columns, unknown):
    found = metrics.values(few(**columns))
    assert {name for name, value in found.items() if np.isnan(value)} == {*unknown, "garbled"}


def test_nobody_said_anything_so_nothing_is_known():
    nothing = few().where(np.zeros(4, bool))
    assert all(np.isnan(value) for value in metrics.values(nothing).values())


def test_garbled_is_known_only_where_a_form_is_laid_down():
    assert np.isnan(metrics.values(few())["garbled"])
    assert 0 <= float(metrics.values(made())["garbled"]) <= 0.1


def test_the_metrics_have_exactly_the_names_that_others_rely_on():
    names = "accuracy abstention true_accept_rate false_accept_rate precision recall f1 auroc ece ece_lacie brier garbled"
    assert list(METRICS) == names.split() == list(metrics.values(made()))


# Against scikit-learn


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_scikit_learn(seed):
    o = made(seed=seed)
    found = metrics.values(o)
    assert found["accuracy"] == pytest.approx(o.correct.mean())
    assert found["precision"] == pytest.approx(sklearn.precision_score(o.correct, o.accepted))
    assert found["recall"] == pytest.approx(sklearn.recall_score(o.correct, o.accepted))
    assert found["f1"] == pytest.approx(sklearn.f1_score(o.correct, o.accepted))
    assert found["false_accept_rate"] == pytest.approx(sklearn.recall_score(~o.correct, o.accepted))
    assert found["auroc"] == pytest.approx(sklearn.roc_auc_score(o.correct, o.probability))
    assert found["brier"] == pytest.approx(sklearn.brier_score_loss(o.correct, o.probability))


@pytest.mark.parametrize("seed", range(5))
def test_weighted_auroc_and_f1_are_those_of_scikit_learn(seed):
    o, weights = made(seed=seed), np.random.default_rng(seed).integers(0, 4, 400).astype(float)
    assert metrics.auroc(o.probability, o.correct, weights) == pytest.approx(sklearn.roc_auc_score(o.correct, o.probability, sample_weight=weights))
    assert metrics.f1(o.accepted, o.correct, weights) == pytest.approx(sklearn.f1_score(o.correct, o.accepted, sample_weight=weights))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_ece_is_that_of_torchmetrics(seed):
    import torch
    from torchmetrics.classification import BinaryCalibrationError

    o = made(seed=seed, levels=997)
    theirs = BinaryCalibrationError(n_bins=10, norm="l1")(torch.tensor(o.probability), torch.tensor(o.correct.astype(int)))
    assert metrics.ece(o.probability, o.correct) == pytest.approx(float(theirs), abs=1e-6)


# The two calibration errors


def test_ece_takes_the_mean_of_a_bin_and_not_its_middle():
    assert float(metrics.ece([0.91, 0.91], [True, True])) == pytest.approx(0.09)


def test_a_probability_on_the_border_lies_in_the_bin_that_begins_there():
    assert float(metrics.ece([0.3, 0.35], [True, False])) == pytest.approx(abs(0.65 / 2 - 0.5))


def test_lacies_ece_bins_what_was_observed_as_scipy_does():
    """The paper's code: `scipy.stats.binned_statistic`, nine bins, mid-points; the same where no bin is empty."""
    from scipy.stats import binned_statistic

    rng = np.random.default_rng(3)
    p = rng.uniform(0.2, 0.8, 3000)
    y = rng.random(3000) < p
    shares, edges, place = binned_statistic(p, y, bins=9)
    counts = np.bincount(place - 1, minlength=9)
    expected = (np.abs(shares - (edges[:-1] + edges[1:]) / 2) * counts).sum() / len(p)
    assert float(metrics.ece_lacie(p, y)) == pytest.approx(expected)


def test_the_two_calibration_errors_differ_where_the_listener_is_timid():
    """Only .5 and .6 occur: the paper's nine bins lie between them, the standard ones over [0, 1]."""
    p, y = [0.5] * 10 + [0.6] * 10, [True] * 5 + [False] * 5 + [True] * 6 + [False] * 4
    assert float(metrics.ece(p, y)) == pytest.approx(0.0, abs=1e-12)
    assert float(metrics.ece_lacie(p, y)) == pytest.approx(0.1 / 18)


# Laws


@given(arrays.arrays(float, 30, elements=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0])), arrays.arrays(bool, 30))
def test_a_weight_of_two_is_the_same_utterance_twice(probability, correct):
    doubled = [np.concatenate([column, column[:10]]) for column in (probability, correct)]
    weights = np.array([2.0] * 10 + [1.0] * 20)
    for score in SCORES:
        np.testing.assert_allclose(score(probability, correct, weights), score(*doubled), atol=1e-12)


@given(arrays.arrays(float, 20, elements=st.floats(0, 1)), arrays.arrays(bool, 20))
@example(np.array([5e-324] + [0.0] * 19), np.zeros(20, dtype=bool))
def test_scores_lie_between_nothing_and_one(probability, correct):
    for score in SCORES:
        value = float(score(probability, correct))
        assert np.isnan(value) or -1e-12 <= value <= 1 + 1e-12


def test_many_resamples_at_once_are_each_resample_alone():
    o, weights = made(n=60), np.random.default_rng(1).integers(0, 3, (7, 60)).astype(float)
    together = metrics.values(o, weights)
    for place, one in enumerate(weights):
        alone = metrics.values(o, one)
        for name in METRICS:
            np.testing.assert_allclose(together[name][place], alone[name], err_msg=name)


def test_the_order_of_utterances_changes_nothing():
    o, shuffled = made(), np.random.default_rng(9).permutation(400)
    there, here = metrics.values(o), metrics.values(o.where(shuffled))
    for name in METRICS:
        np.testing.assert_allclose(there[name], here[name], err_msg=name)
