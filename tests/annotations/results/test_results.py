"""What the judgments of a study say: the paper's counts give the paper's figures, and what cannot be told is empty."""

import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from annotations.results.acceptance import Verdict, summarise
from tests.annotations.results.judged import paper, simulated, verdicts

ARMS = ["base", "lacie"]


def test_the_four_counts_are_ours_and_not_the_papers() -> None:
    [arm] = summarise(verdicts("arm-1", right=(6, 8), wrong=(3, 10)), arms=["arm-1"]).arms
    assert (arm.true_accepts, arm.false_rejects, arm.false_accepts, arm.true_rejects) == (6, 2, 3, 7)
    assert (arm.true_accept_rate.value, arm.false_accept_rate.value, arm.usable, arm.people) == (0.75, 0.3, 18, 1)


def test_the_papers_counts_give_the_papers_figures() -> None:
    found = summarise(paper(), arms=ARMS)
    assert [round(arm.precision.value or 0, 2) for arm in found.arms] == [0.49, 0.64]
    headline = found.contrasts[0].false_accept.headline
    assert (round(100 * (headline.value or 0)), headline.of, headline.test) == (-47, "count", "mcnemar")
    assert headline.low is not None and headline.high is not None and -0.75 < headline.low < -0.47 < headline.high < -0.1
    assert headline.p is not None and headline.p < 0.05
    assert (found.contrasts[0].true_accept.headline.p or 0) > 0.5


def test_the_rates_change_is_there_beside_the_counts() -> None:
    change = summarise(paper(), arms=ARMS).contrasts[0].false_accept
    assert change.count.value == pytest.approx(17 / 32 - 1)
    assert change.rate.value == pytest.approx((17 / 41) / (32 / 42) - 1)


def test_where_the_arms_were_judged_on_different_numbers_of_wrong_answers_the_rate_is_the_headline() -> None:
    rows = verdicts("base", right=(20, 25), wrong=(30, 40), people=8) + verdicts("lacie", right=(20, 40), wrong=(15, 20), people=8)
    change = summarise(rows, arms=ARMS).contrasts[0].false_accept
    assert (change.headline.of, change.headline.value) == ("rate", 0.0)
    assert change.count.value == -0.5, "half as many, because half as many were judged"


def test_mcnemars_test_is_statsmodels_on_the_questions_of_both_arms() -> None:
    rows = simulated(people=20, questions=40, rates={"base": 0.8, "lacie": 0.4}, each=10, seed=3)
    once = {(row.arm, row.question): row for row in rows}
    found = summarise(once.values(), arms=ARMS).contrasts[0]
    both = [question for question in range(40) if all((arm, question) in once for arm in ARMS)]
    table = [[0, 0], [0, 0]]
    for question in both:
        table[once["base", question].accepted][once["lacie", question].accepted] += 1
    test = found.false_accept.mcnemar
    assert test is not None and (test.questions, found.matched) == (len(both), len(both))
    assert test.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert test.p == pytest.approx(binomtest(table[1][0], table[1][0] + table[0][1]).pvalue)


def test_where_answers_were_judged_more_than_once_the_test_is_the_clustered_one() -> None:
    found = summarise(simulated(people=40, questions=20, rates={"base": 0.8, "lacie": 0.4}), arms=ARMS).contrasts[0].false_accept
    assert found.mcnemar is None and found.headline.test == "clustered"
    assert found.headline.p is not None and found.headline.p < 0.001


def test_where_few_questions_are_in_both_arms_the_test_is_the_clustered_one() -> None:
    rows = verdicts("base", right=(5, 10), wrong=(8, 10), people=4)
    rows += [row._replace(question=row.question + 15) for row in verdicts("lacie", right=(5, 10), wrong=(3, 10), people=4)]
    found = summarise(rows, arms=ARMS).contrasts[0]
    assert (found.matched, found.false_accept.headline.test) == (5, "clustered")


def test_excluded_judgments_are_left_out() -> None:
    rows = [row._replace(excluded="knew it") if n % 2 else row for n, row in enumerate(paper())]
    assert sum(arm.usable for arm in summarise(rows, arms=ARMS).arms) == 79


def test_each_later_arm_is_held_against_the_first() -> None:
    rows = [row for n, arm in enumerate(("a", "b", "c")) for row in verdicts(arm, right=(6 - n, 8), wrong=(9 - n, 10))]
    found = summarise(rows, arms=["a", "b", "c"]).contrasts
    assert [(one.arm, one.against, one.true_accept.points.value) for one in found] == [("b", "a", -0.125), ("c", "a", -0.25)]


def test_an_arm_without_judgments_has_no_rate_and_no_change() -> None:
    found = summarise(verdicts("base", right=(6, 8), wrong=(0, 0)), arms=ARMS)
    assert found.arms[0].false_accept_rate.value is None
    assert found.arms[1].precision.value is None
    headline = found.contrasts[0].false_accept.headline
    assert (headline.value, headline.low, headline.p) == (None, None, None)


def test_no_judgments_at_all_are_no_error() -> None:
    found = summarise([], arms=ARMS)
    assert (found.people, found.arms[0].usable, found.contrasts[0].matched) == (0, 0, 0)


def test_a_study_of_one_judgment_an_arm_claims_no_interval() -> None:
    rows = [Verdict("base", "ada", 1, False, True), Verdict("lacie", "bo", 2, False, True)]
    found = summarise(rows, arms=ARMS)
    assert found.arms[0].false_accept_rate == (1.0, None, None)
    assert found.contrasts[0].false_accept.headline.low is None


def test_one_person_alone_is_judged_by_questions() -> None:
    found = summarise(paper(people=1), arms=ARMS)
    low, high = found.arms[0].false_accept_rate.low, found.arms[0].false_accept_rate.high
    assert low is not None and high is not None and 0.55 < low < 32 / 42 < high < 0.9
