"""A comparison in words: what changed against the base, how surely, and what was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from games.metrics import METRICS

POINTS = {"true_accept_rate": "right answers accepted", "accuracy": "right answers given", "abstention": "abstentions"}
SCORES = {"auroc": "AUROC", "ece": "ECE"}


def findings(result: Mapping[str, Any]) -> list[str]:
    """Sentences, those of one speaker after those of another; the first of a speaker is on wrong answers accepted."""
    rows = {one["speaker"]: one for one in result["rows"]}
    found = []
    for one in result["paired"]:
        base, speaker = rows[one["base"]], rows[one["speaker"]]
        found.append(_wrong_accepted(one, base, speaker))
        found += [_points(name, one, base, speaker) for name in POINTS if one[name]["value"] is not None]
        found += [_score(name, one, base, speaker) for name in SCORES if one[name]["value"] is not None]
        found.append(_mcnemar(one))
    return found


def _wrong_accepted(one: Mapping[str, Any], base: Mapping[str, Any], speaker: Mapping[str, Any]) -> str:
    reduction, name = one["false_accept_reduction"], one["speaker"]
    if reduction["value"] is None:
        return f"{name}: there is nothing to compare in wrong answers accepted, because {one['base']} had none or {name} gave none."
    rates = f"{_share(speaker['false_accept_rate'])} of them instead of {_share(base['false_accept_rate'])}"
    if reduction["low"] is None:
        return f"{name}: {_fewer(reduction['value'])} wrong answers accepted than with {one['base']} (too few answers for an interval): {rates}."
    low, high = sorted((reduction["low"], reduction["high"]))
    if low <= 0 <= high:
        span = f"95 % interval from {_fewer(low)} to {_fewer(high)}"
        return f"{name}: no clear change in wrong answers accepted against {one['base']}: {_fewer(reduction['value'])} ({span}), {rates}."
    span = f"95 % interval {min(abs(low), abs(high)):.0f} to {max(abs(low), abs(high)):.0f} %"
    return f"{name}: {_fewer(reduction['value'])} wrong answers accepted than with {one['base']} ({span}), {rates}."


def _fewer(reduction: float) -> str:
    """
    >>> _fewer(68.2), _fewer(-12.0)
    ('68 % fewer', '12 % more')
    """
    return f"{abs(reduction):.0f} % {'fewer' if reduction >= 0 else 'more'}"


def _share(found: Mapping[str, float | None]) -> str:
    return "–" if found["value"] is None else f"{100 * found['value']:.0f} %"


def _points(name: str, one: Mapping[str, Any], base: Mapping[str, Any], speaker: Mapping[str, Any]) -> str:
    change = _signed(one[name], 100, 1, " points")
    return f"{one['speaker']}: {POINTS[name]}: {_share(speaker[name])} against {_share(base[name])} ({change})."


def _score(name: str, one: Mapping[str, Any], base: Mapping[str, Any], speaker: Mapping[str, Any]) -> str:
    better = "higher" if METRICS[name].better > 0 else "lower"
    values = f"{speaker[name]['value']:.2f} against {base[name]['value']:.2f}"
    return f"{one['speaker']}: {SCORES[name]} {values} ({_signed(one[name], 1, 2, '')}; {better} is better)."


def _signed(found: Mapping[str, float | None], scale: int, digits: int, unit: str) -> str:
    """`+7.1 points, 95 % interval +1.9 to +12.2`."""
    value, low, high = (None if found[part] is None else scale * found[part] for part in ("value", "low", "high"))  # type: ignore[operator]
    span = "no interval" if low is None or high is None else f"95 % interval {low:+.{digits}f} to {high:+.{digits}f}"
    return f"{value:+.{digits}f}{unit}, {span}".replace("-", "−")


def _mcnemar(one: Mapping[str, Any]) -> str:
    test = one["mcnemar"]["false_accept"]
    p = "p < 0.001" if test["p"] < 0.001 else f"p = {test['p']:.3f}"
    return (
        f"{one['speaker']}: on {test['base_only']} questions a wrong answer was accepted from {one['base']} alone, on {test['speaker_only']} from "
        f"{one['speaker']} alone (McNemar's exact test, {p}, {one['questions']} questions)."
    )


LISTENERS = {
    "lexicon": "The listener is simulated: it goes by words and percentages that convey sureness, weighted by published surveys of people. It is "
    "no person and has not read one's mind.",
    "llm": "The listener is simulated: a language model says how likely it would accept the answer from its tone. It is no person.",
    "fake": "The listener is scripted: its verdicts are made up for tests and demonstrations.",
    "learned": "The listener is simulated: a model fitted to people's judgments. It is no person.",
    "human": "The listeners are the people of a study.",
}
STAND_IN = (
    "{names} the bundled stand-in: a model of about two million parameters that is really sampled, trained and graded, and made so "
    "that the loop runs on any machine. It stands in for a large model and is none."
)
SCRIPTED = "{names} scripted: no model answers."


def simulated(*, listener_kind: str, stand_ins: list[str], scripted: list[str]) -> list[str]:
    """What of a comparison is no person and no large model, said plainly.

    >>> simulated(listener_kind="human", stand_ins=[], scripted=["honest"])[1]
    'The speaker honest is scripted: no model answers.'
    """
    found = [LISTENERS[listener_kind]] if listener_kind in LISTENERS else []
    for names, sentence in ((stand_ins, STAND_IN), (scripted, SCRIPTED)):
        if names:
            who = f"The speaker {names[0]} is" if len(names) == 1 else f"The speakers {', '.join(names)} are"
            found.append(sentence.format(names=who))
    return found
