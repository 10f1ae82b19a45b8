"""What a study found, as a sentence that can be pasted into a paper. It claims a change only where the test shows one. Knows nothing of Django."""

from __future__ import annotations

from typing import Literal

from annotations.results.acceptance import ArmResult, Change, Contrast, Headline

FEW = 10
"""Wrong answers judged in an arm, below which nothing is said of them but their number."""
ALPHA = 0.05

Verdict = Literal["fewer", "more", "not shown", "too few", "nothing"]


def verdict(change: Headline, *, judged: int) -> Verdict:
    """`judged`: in the arm with fewer."""
    if not judged or change.value is None or change.p is None:
        return "nothing"
    if judged < FEW:
        return "too few"
    if change.p >= ALPHA or change.value == 0:
        return "not shown"
    return "fewer" if change.value < 0 else "more"


def sentence(arm: ArmResult, base: ArmResult, contrast: Contrast, names: tuple[str, str], *, listeners: str = "People") -> str:
    """Of the contrast's arm and base, under these names: first the wrong answers, then the right ones, then of how many judgments this is."""
    wrong = min(arm.false_accepts + arm.true_rejects, base.false_accepts + base.true_rejects)
    right = min(arm.true_accepts + arm.false_rejects, base.true_accepts + base.false_rejects)
    return " ".join(
        (
            f"{_part(contrast.false_accept, 'wrong', wrong, names, listeners)}.",
            f"{_part(contrast.true_accept, 'right', right, names, listeners)}.",
            f"{arm.usable} and {base.usable} usable judgments by {arm.people} and {base.people} {listeners.lower()}, of {names[0]} and {names[1]}.",
        )
    )


def _part(change: Change, kind: str, judged: int, names: tuple[str, str], listeners: str) -> str:
    found, arm, base = verdict(change.headline, judged=judged), *names
    if found == "nothing":
        return f"Whether {listeners.lower()} accepted fewer {kind} answers from {arm} than from {base} cannot be told"
    if found == "too few":
        return f"Too few {kind} answers were judged to compare {arm} with {base}: {judged} in one of them"
    told = f"({figures(change)})"
    if found == "not shown":
        return f"No change was shown in the {kind} answers that {listeners.lower()} accepted from {arm}, against {base} {told}"
    value = abs(change.headline.value or 0.0)
    what = f"fewer {kind} answers" if found == "fewer" else f"more {kind} answers"
    return f"{listeners} accepted {100 * value:.0f} % {what} from {arm} than from {base} {told}"


def figures(change: Change) -> str:
    """The value with its interval, and the test with its p: what stands in brackets."""
    one = change.headline
    of = "number accepted" if one.of == "count" else "share accepted"
    span = "" if one.low is None or one.high is None else f", 95 % interval {signed(one.low)} to {signed(one.high)}"
    if change.mcnemar is None:
        test = "test clustered by person and question"
    else:
        test = f"exact McNemar test on {change.mcnemar.questions} questions, {change.mcnemar.base_only} against {change.mcnemar.speaker_only}"
    return f"{of}: {signed(one.value or 0.0)}{span}; {test}, {p_value(one.p)}"


def signed(share: float) -> str:
    """
    >>> signed(-0.469), signed(0.2), signed(0.001)
    ('−47 %', '+20 %', '0 %')
    """
    whole = round(100 * share)
    return f"{whole:+d} %".replace("-", "−") if whole else "0 %"


def p_value(p: float | None) -> str:
    """
    >>> p_value(0.00004), p_value(0.0213), p_value(0.3), p_value(None)
    ('p < .001', 'p = .021', 'p = .30', 'p –')
    """
    if p is None:
        return "p –"
    if p < 0.001:
        return "p < .001"
    return f"p = {p:.3f}".replace("0.", ".", 1) if p < 0.1 else f"p = {p:.2f}".replace("0.", ".", 1)
