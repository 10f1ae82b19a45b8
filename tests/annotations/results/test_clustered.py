"""Intervals for judgments that are not independent, against statsmodels and against a known truth."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import binomtest
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.sandwich_covariance import cov_cluster, cov_cluster_2groups

from annotations.results.acceptance import Table
from annotations.results.clustered import Clusters, Precision, Share, _one_way, change, difference
from games.intervals import LEVEL, wilson
from tests.annotations.results.judged import simulated

RATES = {"arm-1": 0.7, "arm-2": 0.4}


def shares(seed: int = 0, **kwargs: float) -> tuple[Share, Share, Table]:
    """Of people and questions that differ so much that the clusters matter."""
    rows = simulated(**{"people": 30, "questions": 25, "rates": RATES, "person_sd": 1.5, "question_sd": 1.5, "seed": seed} | kwargs)  # type: ignore[arg-type]
    table = Table.of(rows)
    return table.accepts("arm-2", False), table.accepts("arm-1", False), table


def alone(hits: list[bool]) -> Share:
    """Independent judgments: each of its own person, on its own question."""
    n = len(hits)
    return Share(np.array(hits), np.ones(n, dtype=bool), Clusters(np.arange(n), np.arange(n)))


def test_the_error_of_a_rate_is_statsmodels_two_way_clustered_one() -> None:
    one, _, table = shares()
    person, question = table.clusters.person[one.among], table.clusters.question[one.among]
    fit = sm.OLS(one.hits[one.among].astype(float), np.ones(one.n)).fit()
    both = cov_cluster_2groups(fit, person, question, use_correction=True)[0]
    assert one.spread().error == pytest.approx(float(np.sqrt(both[0, 0])), rel=1e-9)


def test_the_error_of_a_difference_is_statsmodels_up_to_its_factor_for_parameters() -> None:
    one, base, table = shares()
    arms = np.column_stack([one.among, base.among]).astype(float)
    fit = sm.OLS(table.accepted.astype(float), arms).fit()
    both = cov_cluster_2groups(fit, table.clusters.person, table.clusters.question, use_correction=True)[0]
    n = len(table.accepted)
    expected = np.array([1, -1]) @ both @ np.array([1, -1]) * (n - 2) / (n - 1)
    joint = one.clusters.spread(one.influence() - base.influence(), one.among | base.among)
    assert joint.error == pytest.approx(float(np.sqrt(expected)), rel=1e-9)


def test_clustered_by_person_alone_it_is_a_gee_with_independent_working_correlation() -> None:
    one, _, table = shares()
    person = table.clusters.person[one.among]
    fit = sm.GEE(one.hits[one.among].astype(float), np.ones((one.n, 1)), groups=person, family=sm.families.Binomial()).fit()
    share = one.k / one.n
    people = len(np.unique(person))
    ours = _one_way(one.influence()[one.among], person).variance * (people - 1) / people
    assert np.sqrt(ours) / (share * (1 - share)) == pytest.approx(float(fit.bse[0]), rel=1e-4)


def test_one_way_it_is_statsmodels_too() -> None:
    one, _, table = shares()
    fit = sm.OLS(one.hits[one.among].astype(float), np.ones(one.n)).fit()
    question = table.clusters.question[one.among]
    assert _one_way(one.influence()[one.among], question).variance == pytest.approx(float(cov_cluster(fit, question)[0, 0]), rel=1e-9)


@pytest.mark.parametrize(("k", "n"), [(100, 400), (390, 1000)])
def test_independent_judgments_have_wilsons_interval(k: int, n: int) -> None:
    found = alone([place < k for place in range(n)]).estimate()
    assert (found.low, found.high) == pytest.approx(tuple(binomtest(k, n).proportion_ci(method="wilson")), abs=1e-3)


def test_two_independent_arms_have_newcombes_interval() -> None:
    n, hits = 1000, np.array([place % 500 < (200 if place < 500 else 300) for place in range(1000)])
    clusters, first = Clusters(np.arange(n), np.arange(n)), np.arange(n) < 500
    found = difference(Share(hits, ~first, clusters), Share(hits, first, clusters))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx(confint_proportions_2indep(300, 500, 200, 500, method="newcomb", compare="diff"), abs=1e-3)


def test_no_interval_is_narrower_than_for_independent_judgments() -> None:
    """Five people of whom each accepted as many as the next: by their variance alone nothing would be uncertain."""
    hits = np.array([n < 32 for n in range(42)])
    dealt = Share(hits, np.ones(42, dtype=bool), Clusters(np.arange(42) % 5, np.arange(42))).estimate()
    low, high = wilson(32 / 42, 42)
    assert dealt.low is not None and dealt.high is not None
    assert dealt.high - dealt.low >= high - low


def test_people_who_answer_alike_widen_the_interval() -> None:
    """20 people, each accepting all or nothing: 200 judgments know no more than 20 people."""
    person = np.repeat(np.arange(20), 10)
    found = Share(person % 2 == 0, np.ones(200, dtype=bool), Clusters(person, np.arange(200))).estimate()
    low, high = wilson(0.5, 200)
    assert found.low is not None and found.high is not None
    assert found.high - found.low > 2 * (high - low)


@pytest.mark.parametrize("hits", [[True] * 30, [False] * 30])
def test_a_rate_of_all_or_none_keeps_an_interval_of_some_width(hits: list[bool]) -> None:
    found = alone(hits).estimate()
    assert found.value == float(hits[0]) and found.low is not None and found.high is not None
    assert found.high - found.low > 0.05


def test_precision_is_the_share_right_of_those_accepted_and_as_sure_as_the_two_rates_are() -> None:
    """By the delta method from the two rates, whose judgments are independent here."""
    n = np.arange(200)
    right, clusters = n < 100, Clusters(n, n)
    hits = (n < 80) | ((n >= 100) & (n < 140))
    found = Precision.of(Share(hits, right, clusters), Share(hits, ~right, clusters))
    estimate = found.estimate()
    assert estimate.value == pytest.approx(80 / 120)
    r, w, p = 0.8, 0.4, 80 / 120
    error = p * (1 - p) * np.sqrt(r * (1 - r) / 100 / r**2 + w * (1 - w) / 100 / w**2)
    assert found.spread().error == pytest.approx(error, rel=0.01)
    assert estimate.low is not None and estimate.high is not None
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_nothing_judged_and_one_judgment_have_no_interval() -> None:
    assert alone([]).estimate().value is None
    assert alone([True]).estimate() == (1.0, None, None)


def test_the_change_is_that_of_the_ratio_and_counts_only_scale_it() -> None:
    one, base, _ = shares()
    rate, count = change(one, base), change(one, base, counts=True)
    assert rate.value == pytest.approx((one.k / one.n) / (base.k / base.n) - 1)
    assert count.value == pytest.approx(one.k / base.k - 1)
    assert rate.p == count.p and rate.low is not None and count.low is not None
    assert (count.low + 1) / (rate.low + 1) == pytest.approx(one.n / base.n)


def test_nothing_accepted_any_more_is_minus_all_with_an_upper_end() -> None:
    clusters, first = Clusters(np.arange(80), np.arange(80)), np.arange(80) < 40
    hits = np.arange(80) < 30
    found = change(Share(hits, ~first, clusters), Share(hits, first, clusters))
    assert (found.value, found.low) == (-1.0, -1.0)
    assert found.high is not None and -0.95 < found.high < -0.8
    assert found.p is not None and found.p < 0.001


def test_a_change_from_nothing_cannot_be_told() -> None:
    clusters, first = Clusters(np.arange(80), np.arange(80)), np.arange(80) < 40
    assert change(Share(~first, ~first, clusters), Share(~first, first, clusters)).value is None


@pytest.mark.slow
@pytest.mark.parametrize(("person_sd", "question_sd"), [(0.0, 0.0), (1.0, 0.7)])
def test_the_intervals_hold_the_truth_about_as_often_as_they_say(person_sd: float, question_sd: float) -> None:
    """The truth is the mean acceptance over all people and questions there could be. `benchmarks/study_coverage.py` has more studies and designs."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    spread = np.hypot(person_sd, question_sd)
    truth = {arm: float(weights @ (1 / (1 + np.exp(-np.log(p / (1 - p)) - spread * points))) / weights.sum()) for arm, p in RATES.items()}
    held = []
    for seed in range(200):
        one, base, _ = shares(seed, people=40, questions=60, person_sd=person_sd, question_sd=question_sd)
        found = (one.estimate(), difference(one, base), change(one, base))
        true = (truth["arm-2"], truth["arm-2"] - truth["arm-1"], truth["arm-2"] / truth["arm-1"] - 1)
        held.append([e.low <= t <= e.high for e, t in zip(found, true, strict=True) if e.low is not None and e.high is not None])
    assert np.mean(held, axis=0).min() >= LEVEL - 0.045 and np.mean(held, axis=0).max() <= 0.995
