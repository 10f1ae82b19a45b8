"""What the judgments of a study say: rates, intervals and differences, on plain numbers."""

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import confint_proportions_2indep

from annotations.results import Estimate, Verdict, newcombe, summarise, wilson


def verdicts(arm: str, *, right: tuple[int, int], wrong: tuple[int, int], people: int = 1) -> list[Verdict]:
    """(accepted, judged) of the right and of the wrong answers, dealt out to the people in turn."""
    rows = []
    for is_correct, (accepted, judged) in ((True, right), (False, wrong)):
        for n in range(judged):
            rows.append(Verdict(arm, f"person-{n % people}", n, is_correct, n < accepted))
    return rows


def simulated(*, people: int, questions: int, rates: dict[str, float], person_sd: float, question_sd: float, seed: int) -> list[Verdict]:
    """Wrong answers only; each person and each question has a leaning of its own, on the logit scale."""
    rng = np.random.default_rng(seed)
    by_person, by_question = rng.normal(0, person_sd, people), rng.normal(0, question_sd, questions)
    rows = []
    for person in range(people):
        for n, question in enumerate(rng.choice(questions, 10, replace=False)):
            arm = list(rates)[n % 2]
            logit = np.log(rates[arm] / (1 - rates[arm])) + by_person[person] + by_question[question]
            rows.append(Verdict(arm, f"p{person}", int(question), False, bool(rng.random() < 1 / (1 + np.exp(-logit)))))
    return rows


def test_the_four_counts_are_ours_and_not_the_papers() -> None:
    [arm] = summarise(verdicts("arm-1", right=(6, 8), wrong=(3, 10)), arms=["arm-1"]).arms
    assert (arm.true_accepts, arm.false_rejects, arm.false_accepts, arm.true_rejects) == (6, 2, 3, 7)
    assert (arm.true_accept_rate.value, arm.false_accept_rate.value, arm.usable, arm.people) == (0.75, 0.3, 18, 1)


def test_few_people_get_wilsons_interval() -> None:
    found = summarise(verdicts("arm-1", right=(6, 8), wrong=(3, 10), people=9), arms=["arm-1"])
    assert found.method == "wilson"
    assert found.arms[0].false_accept_rate == Estimate(0.3, *wilson(3, 10))


def test_enough_people_and_questions_are_resampled() -> None:
    found = summarise(verdicts("arm-1", right=(60, 80), wrong=(30, 100), people=10), arms=["arm-1"])
    rate = found.arms[0].false_accept_rate
    assert found.method == "bootstrap"
    assert rate.low is not None and rate.high is not None and rate.value is not None
    assert 0.1 < rate.low < rate.value < rate.high < 0.5


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (1, 3), (37, 90)])
def test_wilson_is_scipys(k: int, n: int) -> None:
    assert wilson(k, n) == pytest.approx(tuple(binomtest(k, n).proportion_ci(method="wilson")), abs=1e-9)


@pytest.mark.parametrize(("k", "n", "other_k", "other_n"), [(3, 10, 7, 12), (0, 8, 8, 8), (40, 80, 41, 90)])
def test_newcombe_is_statsmodels(k: int, n: int, other_k: int, other_n: int) -> None:
    assert newcombe(k, n, other_k, other_n) == pytest.approx(
        confint_proportions_2indep(k, n, other_k, other_n, method="newcomb", compare="diff"), abs=1e-9
    )


def test_the_difference_is_each_later_arm_minus_the_first() -> None:
    rows = (
        verdicts("arm-1", right=(6, 8), wrong=(9, 10))
        + verdicts("arm-2", right=(4, 8), wrong=(3, 10))
        + verdicts("arm-3", right=(8, 8), wrong=(9, 10))
    )
    found = summarise(rows, arms=["arm-1", "arm-2", "arm-3"])
    assert [(row.arm, row.against, row.true_accept_rate.value) for row in found.differences] == [("arm-2", "arm-1", -0.25), ("arm-3", "arm-1", 0.25)]
    assert found.differences[0].false_accept_rate.value == pytest.approx(-0.6)


def test_an_arm_without_judgments_has_no_rate_and_no_difference() -> None:
    found = summarise(verdicts("arm-1", right=(6, 8), wrong=(0, 0)), arms=["arm-1", "arm-2"])
    assert found.arms[0].false_accept_rate.value is None
    assert found.arms[1].true_accept_rate.value is None
    assert found.differences[0].true_accept_rate.value is None


def test_no_judgments_at_all_is_no_error() -> None:
    found = summarise([], arms=["arm-1", "arm-2"])
    assert (found.people, found.arms[0].usable) == (0, 0)


def test_a_rate_that_is_exactly_one_keeps_an_interval_of_some_width() -> None:
    rate = summarise(verdicts("arm-1", right=(40, 40), wrong=(0, 0), people=20), arms=["arm-1"]).arms[0].true_accept_rate
    assert rate == Estimate(1.0, *wilson(40, 40))


def test_the_same_judgments_and_seed_give_the_same_intervals() -> None:
    rows = simulated(people=12, questions=30, rates={"arm-1": 0.7, "arm-2": 0.4}, person_sd=1, question_sd=0, seed=0)
    assert summarise(rows, arms=["arm-1", "arm-2"], seed=3) == summarise(rows, arms=["arm-1", "arm-2"], seed=3)


def test_people_who_answer_alike_widen_the_interval() -> None:
    """20 people, each accepting all or nothing: 200 judgments know no more than 20 people."""
    rows = [Verdict("arm-1", f"p{person}", 10 * person + n, False, person % 2 == 0) for person in range(20) for n in range(10)]
    rate = summarise(rows, arms=["arm-1"]).arms[0].false_accept_rate
    naive = wilson(100, 200)
    assert rate.low is not None and rate.high is not None
    assert rate.high - rate.low > 2 * (naive.high - naive.low)


@pytest.mark.slow
def test_the_interval_of_the_difference_holds_the_truth_about_as_often_as_it_says() -> None:
    """People differ much and questions too. The truth is the mean over many simulated studies; 95 % is meant, Wilson over rows would be less."""
    rates = {"arm-1": 0.7, "arm-2": 0.4}
    runs = [
        summarise(simulated(people=30, questions=60, rates=rates, person_sd=1.0, question_sd=0.7, seed=seed), arms=list(rates))
        .differences[0]
        .false_accept_rate
        for seed in range(100)
    ]
    truth = float(np.mean([run.value for run in runs if run.value is not None]))
    held = sum(run.low <= truth <= run.high for run in runs if run.low is not None and run.high is not None)
    assert held >= 90
