"""Agreement: Krippendorff's α on published examples, κ and AUROC against scikit-learn, people beside a listener."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from statsmodels.stats.inter_rater import fleiss_kappa

from annotations.results.acceptance import Verdict
from annotations.results.agreement import Heard, alpha, beside, kappa, people_agree

# Three coders, fifteen units, a star for no value: the example of https://en.wikipedia.org/wiki/Krippendorff%27s_alpha, nominal α .691.
CANONICAL = ("* * * * * 3 4 1 2 1 1 3 3 * 3", "1 * 2 1 3 3 4 3 * * * * * * *", "* * 2 1 3 4 4 * 2 1 1 3 3 * 4")
# Four observers, twelve units: data C of Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), nominal α .743.
DATA_C = ("1 2 3 3 2 1 4 1 2 * * *", "1 2 3 3 2 2 4 1 2 5 * 3", "* 3 3 3 2 3 4 2 2 5 1 *", "1 2 3 3 2 4 4 1 2 5 1 *")


def counted(*coders: str) -> list[list[int]]:
    units = zip(*(coder.split() for coder in coders), strict=True)
    return [[unit.count(str(value)) for value in range(1, 6)] for unit in units]


def said(*answers: tuple[int, str, bool]) -> list[Verdict]:
    return [Verdict("arm", person, utterance, True, accepted, utterance=utterance) for utterance, person, accepted in answers]


@pytest.mark.parametrize(("coders", "published"), [(CANONICAL, 0.691), (DATA_C, 0.743)])
def test_alpha_is_the_published_one(coders: tuple[str, ...], published: float) -> None:
    assert round(float(alpha(counted(*coders))), 3) == published


def test_alpha_nears_fleiss_kappa_where_nothing_is_missing() -> None:
    """Both correct for chance; α also for the size of the sample, so that they meet as it grows."""
    rng = np.random.default_rng(0)
    accepted = rng.binomial(5, rng.beta(2, 2, 2000))
    table = np.column_stack([5 - accepted, accepted])
    assert float(alpha(table)) == pytest.approx(fleiss_kappa(table), abs=2e-4)


def test_weights_count_a_unit_so_often() -> None:
    table = np.array([[2, 1], [0, 3], [3, 0], [1, 1]], dtype=float)
    weights = np.array([[2.0, 0.0, 1.0, 3.0]])
    assert alpha(table, weights)[0] == pytest.approx(float(alpha(table[[0, 0, 2, 3, 3, 3]])))


def test_where_all_say_the_same_there_is_no_alpha() -> None:
    assert np.isnan(alpha([[3, 0], [2, 0]]))
    assert people_agree(said((1, "ada", True), (1, "bo", True))).value.value is None


def test_people_agree_on_answers_that_two_judged_and_excluded_judgments_do_not_count() -> None:
    rows = said((1, "ada", True), (1, "bo", True), (2, "ada", False), (2, "bo", False), (3, "ada", True))
    rows += [row._replace(excluded="too fast") for row in said((1, "cy", False), (3, "bo", False))]
    found = people_agree(rows)
    assert (found.utterances, found.judgments, found.value.value) == (2, 4, 1.0)


def test_kappa_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random(300) < 0.6, rng.random(300) < 0.5
    other[:150] = one[:150]
    assert float(kappa(one, other)) == pytest.approx(cohen_kappa_score(one, other))


def test_people_beside_a_listener_are_compared_judgment_by_judgment() -> None:
    rng = np.random.default_rng(2)
    heard = {n: Heard(float(p), p >= 0.66) for n, p in enumerate(rng.random(60))}
    rows = [Verdict("arm", f"p{n % 7}", n // 2, True, bool(rng.random() < (heard[n // 2].probability or 0)), utterance=n // 2) for n in range(120)]
    [found] = beside(rows, {"lexicon": heard})
    verdicts = [row.accepted for row in rows]
    theirs = [heard[row.utterance] for row in rows]
    assert (found.utterances, found.judgments) == (60, 120)
    assert found.agreement.value == pytest.approx(np.mean([mine == its.accepted for mine, its in zip(verdicts, theirs, strict=True)]))
    assert found.kappa.value == pytest.approx(cohen_kappa_score(verdicts, [its.accepted for its in theirs]))
    assert found.auroc.value == pytest.approx(roc_auc_score(verdicts, [its.probability for its in theirs]))
    assert found.auroc.low is not None and found.auroc.high is not None and found.auroc.low < found.auroc.value < found.auroc.high


def test_where_they_part_most_comes_first() -> None:
    rows = said((1, "ada", True), (1, "bo", True), (2, "ada", False), (3, "ada", True), (3, "bo", False))
    [found] = beside(rows, {"lexicon": {1: Heard(0.05, False), 2: Heard(0.4, False), 3: Heard(0.5, False)}})
    assert [(one.utterance, one.people) for one in found.apart] == [(1, 1.0), (2, 0.0), (3, 0.5)]


def test_a_listener_without_probabilities_has_no_auroc_and_one_that_heard_nothing_is_not_there() -> None:
    found = beside(said((1, "ada", True), (2, "ada", False)), {"silent": {}, "fake": {1: Heard(None, True), 2: Heard(None, False)}})
    assert [one.listener for one in found] == ["fake"]
    assert (found[0].auroc.value, found[0].kappa.value, found[0].bins) == (None, 1.0, [])
