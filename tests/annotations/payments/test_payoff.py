"""That the bonus rewards the truth about one's own belief, and nothing else; and what a study will cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.payments.payoff import EDGE, Owed, Verdict, belief, forecast, money, owed, people_needed, share
from annotations.protocol import Payment

PROBABILITIES = st.floats(0, 1)
SCORES = ["brier", "log"]


def expected(score, said: float, true: float) -> float:
    """The share that somebody expects who says `said` of what is right with probability `true`."""
    return true * share(score, said, True) + (1 - true) * share(score, said, False)


@pytest.mark.parametrize("score", SCORES)
@given(true=PROBABILITIES, said=PROBABILITIES)
def test_nobody_expects_more_by_saying_something_else_than_they_believe(score, true, said):
    assert expected(score, true, true) >= expected(score, said, true) - 1e-12


@pytest.mark.parametrize("score", SCORES)
def test_the_expected_bonus_is_highest_at_the_true_probability_alone(score):
    grid = [n / 100 for n in range(1, 100)]
    for true in grid:
        assert max(grid, key=lambda said: expected(score, said, true)) == true  # used at once


@pytest.mark.parametrize("score", SCORES)
@given(q=PROBABILITIES, right=st.booleans())
def test_a_share_is_between_nothing_and_all(score, q, right):
    assert 0 <= share(score, q, right) <= 1 + 1e-12


@pytest.mark.parametrize("score", SCORES)
def test_certainty_pays_all_when_right_and_nothing_when_wrong(score):
    assert share(score, 1.0, True) == pytest.approx(1) and share(score, 1.0, False) == pytest.approx(0)
    assert share(score, 0.0, False) == pytest.approx(1) and share(score, 0.0, True) == pytest.approx(0)


def test_the_log_score_is_flat_beyond_its_edge():
    assert share("log", 1 - EDGE / 2, True) == share("log", 1.0, True)


@given(accepted=st.booleans(), confidence=PROBABILITIES)
def test_every_verdict_tells_a_probability_and_accepting_is_never_below_rejecting(accepted, confidence):
    q = belief(Verdict(accepted, confidence, True))
    assert (0.5 <= q <= 1) if accepted else (0 <= q <= 0.5)


@given(bonus=st.floats(0, 50), verdicts=st.lists(st.tuples(st.booleans(), PROBABILITIES, st.booleans()), max_size=20), score=st.sampled_from(SCORES))
def test_a_bonus_is_never_more_than_the_protocol_says(bonus, verdicts, score):
    got = owed(payment=Payment(base=1, bonus=bonus, score=score), outcome="finished", verdicts=[Verdict(*one) for one in verdicts])
    assert got.base == 1 and 0 <= got.bonus <= money(bonus)


def test_a_finished_person_has_base_and_the_mean_share_of_the_bonus():
    verdicts = [Verdict(True, 1.0, True), Verdict(True, 1.0, False), Verdict(False, 0.0, True), Verdict(False, 1.0, False)]
    got = owed(payment=Payment(base=2.5, bonus=2.0, score="brier"), outcome="finished", verdicts=verdicts)
    assert got == Owed(Decimal("2.50"), Decimal("1.38")) and got.total == Decimal("3.88")  # (1 + 0 + .75 + 1) / 4 of 2.00, 1.375 up


@pytest.mark.parametrize(("outcome", "base"), [("screened-out", "0.40"), ("no-consent", "0"), ("timed-out", "0"), ("returned", "0"), ("full", "0")])
def test_who_did_not_finish_has_no_bonus(outcome, base):
    payment = Payment(base=2, bonus=1, score="brier", screened_out=0.4)
    assert owed(payment=payment, outcome=outcome, verdicts=[Verdict(True, 1.0, True)]) == Owed(Decimal(base), Decimal(0))


def test_without_a_score_there_is_no_bonus():
    assert owed(payment=Payment(base=2, bonus=1), outcome="finished", verdicts=[Verdict(True, 1.0, True)]).bonus == 0


def test_without_confidence_a_right_verdict_earns_all_and_a_wrong_one_nothing():
    verdicts = [Verdict(True, None, True), Verdict(False, None, True)]
    assert owed(payment=Payment(bonus=1, score="brier"), outcome="finished", verdicts=verdicts).bonus == Decimal("0.50")


def test_a_forecast_adds_up():
    told = forecast(payment=Payment(base=2, bonus=1, score="brier", fee=0.25), people=10)
    assert (told.base, told.bonus, told.fee) == (20, Decimal("7.50"), Decimal("6.88"))
    assert (told.total, told.most) == (Decimal("34.38"), Decimal("37.50"))
    assert forecast(payment=Payment(base=2, bonus=1), people=10).most == 20, "no score, no bonus"


def test_between_person_studies_need_whole_people_in_each_arm():
    assert people_needed(wanted=[11, 11], rounds=10, design="within") == 3
    assert people_needed(wanted=[11, 11], rounds=10, design="between") == 4
