"""How people listened: calibration, time, and other thresholds of the "knew it" rule."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from annotations.results.acceptance import Verdict
from annotations.results.listening import calibrations, cuts, times
from tests.annotations.results.judged import paper


def sure(n: int = 200, seed: int = 0) -> list[Verdict]:
    """People of two arms whose probability is right as often as it says."""
    rng = np.random.default_rng(seed)
    p = rng.random(n).round(2)
    return [Verdict(f"arm-{k % 2 + 1}", f"p{k % 9}", k, bool(rng.random() < p[k]), bool(p[k] > 0.5), probability=float(p[k])) for k in range(n)]


def test_calibration_is_of_all_and_of_each_arm_and_agrees_with_scikit_learn() -> None:
    rows = sure()
    found = calibrations(rows, ["arm-1", "arm-2"])
    assert [(one.arm, one.n) for one in found] == [("", 200), ("arm-1", 100), ("arm-2", 100)]
    correct, p = [row.is_correct for row in rows], [row.probability for row in rows]
    assert found[0].brier.value == pytest.approx(brier_score_loss(correct, p))
    assert found[0].auroc.value == pytest.approx(roc_auc_score(correct, p))
    assert found[0].ece.value is not None and found[0].ece.value < 0.1


def test_people_who_were_not_asked_how_sure_they_are_have_no_calibration() -> None:
    assert calibrations(paper(), ["base", "lacie"]) == []


def test_excluded_judgments_are_in_no_calibration_and_no_time() -> None:
    rows = [row._replace(excluded="too fast", seconds=1.0) for row in sure()]
    assert calibrations(rows, ["arm-1"]) == [] and times(rows, ["arm-1"]) == []


def test_time_is_by_arm_and_by_whether_the_answer_was_right() -> None:
    rows = [Verdict("arm-1", "ada", n, n % 2 == 0, True, seconds=float(n)) for n in range(10)]
    assert [(one.is_correct, one.n, one.median) for one in times(rows, ["arm-1", "arm-2"])] == [(True, 5, 4.0), (False, 5, 5.0)]


def test_other_thresholds_take_back_in_what_the_rule_left_out_and_nothing_else() -> None:
    rows = [Verdict("a", f"p{n % 4}", n, False, n % 2 == 0, knew=n / 20, excluded="knew it" if n > 10 else "") for n in range(20)]
    rows.append(rows[0]._replace(question=99, excluded="attention"))
    found = cuts(rows, ["a"], declared=0.5)
    assert [(cut.over, cut.is_declared, cut.found.arms[0].usable) for cut in found] == [
        (0.0, False, 1),
        (0.25, False, 6),
        (0.5, True, 11),
        (0.75, False, 16),
        (1.0, False, 20),
    ]


def test_where_nobody_was_asked_there_are_no_thresholds() -> None:
    assert cuts(paper(), ["base", "lacie"], declared=1.0) == []
