"""What a person earns by judging well, and what a study will cost. Knows nothing of Django.

A verdict with a confidence is a probability q that the answer is right (accept: 0.5 + c/2; reject: (1 - c)/2; without a confidence it is 1 or 0). The
bonus is paid by a *proper* score of q against the truth: whoever believes in a probability p expects most by saying p, so that neither bluffing nor
hedging pays. Both scores are scaled to [0, 1]; one person's bonus is the protocol's maximum times the mean over their judgments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from annotations.protocol import Design, Payment, Score

CENT = Decimal("0.01")
EDGE = 0.01
"""The log score takes q within [EDGE, 1 - EDGE]: it is unbounded beyond. Who is surer than that loses nothing by saying so."""


class Verdict(NamedTuple):
    accepted: bool
    confidence: float | None
    "In [0, 1]; None where the study does not ask."
    is_correct: bool
    "Of the answer that was judged."


class Owed(NamedTuple):
    base: Decimal
    bonus: Decimal

    @property
    def total(self) -> Decimal:
        return self.base + self.bonus


def belief(verdict: Verdict) -> float:
    """The probability that the answer is right, as this verdict tells it.

    >>> belief(Verdict(True, 0.5, True)), belief(Verdict(False, 1.0, True)), belief(Verdict(False, None, True))
    (0.75, 0.0, 0.0)
    """
    sure = 1.0 if verdict.confidence is None else verdict.confidence
    return 0.5 + sure / 2 if verdict.accepted else (1 - sure) / 2


def share(score: Score, q: float, is_correct: bool) -> float:
    """Of the bonus, in [0, 1]: 1 for the truth told with certainty, 0 for its opposite.

    >>> share("brier", 0.5, True), share("log", 0.0, True), share("log", 1.0, True), share("none", 1.0, True)
    (0.75, 0.0, 1.0, 0.0)
    """
    told = q if is_correct else 1 - q
    if score == "brier":
        return 1 - (1 - told) ** 2
    if score == "log":
        told = min(max(told, EDGE), 1 - EDGE)
        return math.log(told / EDGE) / math.log((1 - EDGE) / EDGE)
    return 0.0


def owed(*, payment: Payment, outcome: str, verdicts: Sequence[Verdict]) -> Owed:
    """By outcome: `finished` has base and bonus, `screened-out` the fixed sum of the protocol, everybody else nothing.

    Judgments that a rule excludes count here like all others: what is not used was still worked for.
    """
    if outcome == "screened-out":
        return Owed(money(payment.screened_out), money(0))
    if outcome != "finished":
        return Owed(money(0), money(0))
    shares = [share(payment.score, belief(verdict), verdict.is_correct) for verdict in verdicts]
    mean = sum(shares) / len(shares) if shares else 0.0
    return Owed(money(payment.base), min(money(payment.bonus * mean), money(payment.bonus)))


def money(amount: float) -> Decimal:
    """To the cent, half a cent up.

    >>> money(0.125), money(2)
    (Decimal('0.13'), Decimal('2.00'))
    """
    return Decimal(str(amount)).quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Forecast:
    """In the study's currency. `total` with the expected bonus, `most` with the full bonus for everybody; both with the platform's fee."""

    people: int
    base: Decimal
    bonus: Decimal
    fee: Decimal
    total: Decimal
    most: Decimal


def people_needed(*, wanted: Sequence[int], rounds: int, design: Design) -> int:
    """Of sessions of so many rounds, for the judgments wanted of each arm.

    >>> people_needed(wanted=[100, 100], rounds=20, design="within"), people_needed(wanted=[70, 70], rounds=20, design="between")
    (10, 8)
    """
    if rounds < 1:
        return 0
    return math.ceil(sum(wanted) / rounds) if design == "within" else sum(math.ceil(judgments / rounds) for judgments in wanted)


def forecast(*, payment: Payment, people: int, expected: float | None = None) -> Forecast:
    """`expected`: the mean share of the bonus; if not given, what somebody gets who always says "fifty-fifty"."""
    mean = share(payment.score, 0.5, True) if expected is None else expected
    base, bonus, full = (money(people * amount) for amount in (payment.base, payment.bonus * mean, payment.bonus if payment.score != "none" else 0))
    fee = money(float(base + bonus) * payment.fee)
    return Forecast(people=people, base=base, bonus=bonus, fee=fee, total=base + bonus + fee, most=money(float(base + full) * (1 + payment.fee)))
