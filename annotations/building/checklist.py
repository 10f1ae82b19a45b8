"""What must be done before a study opens, and what should be looked at: asked of its rows, the same by the console, the command and the API.

A `stop` holds the opening back (`setup.open_study` refuses); a `warning` may be meant so. Each question is a small function of what
`_Facts` has read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Literal, NamedTuple

from django.db.models import Count, Q

from annotations import texts
from annotations.blinding import telling_words
from annotations.models import Arm, Study
from annotations.participant import live
from annotations.payments import ledger
from annotations.protocol import Protocol, contradictions
from annotations.recruiting.links import mapping
from annotations.recruiting.links import problems as recruiting_problems


class Item(NamedTuple):
    level: Literal["stop", "warning", "done"]
    text: str
    section: str = ""
    "Where in the console it is mended."


class _Facts:
    def __init__(self, study: Study) -> None:
        self.study = study
        self.rules: Protocol = study.rules

    @cached_property
    def arms(self) -> list[Arm]:
        given, held = Count("shown", filter=Q(shown__held_back="")), Count("shown", filter=~Q(shown__held_back=""))
        return list(self.study.arms.select_related("speaker").annotate(given=given, held=held))

    @cached_property
    def questions(self) -> int:
        """That the arm with the fewest has to give."""
        return min((arm.given for arm in self.arms), default=0)  # type: ignore[attr-defined]  # annotated above


def of(study: Study) -> list[Item]:
    """Stops first, then warnings, then what is in order."""
    facts = _Facts(study)
    order = {"stop": 0, "warning": 1, "done": 2}
    return sorted((item for ask in QUESTIONS for item in ask(facts)), key=lambda item: order[item.level])


def _speakers(facts: _Facts) -> Iterator[Item]:
    if len(facts.arms) < 2:
        yield Item("stop", "A study compares two arms or more.", "arms")
    for arm in facts.arms:
        if not arm.speaker.digest:
            yield Item("warning", f"Speaker {arm.speaker} has no digest: nothing pins which model it was.", "arms")
    if len(facts.arms) > 1:
        yield Item("done", f"{len(facts.arms)} arms.", "arms")


def _material(facts: _Facts) -> Iterator[Item]:
    rules, questions = facts.rules, facts.questions
    if questions < rules.rounds:
        yield Item("stop", f"A person judges {rules.rounds} questions, but an arm has only {questions} to show.", "questions")
        return
    capacity = questions * rules.wanted
    if capacity < rules.stopping.goal:
        stop = f"The goal is {rules.stopping.goal} judgments an arm, but {questions} questions × {rules.wanted} wanted give {capacity}."
        yield Item("stop", stop, "questions")
    yield Item("done", f"{questions} questions an arm, {capacity} judgments an arm wanted.", "questions")


def _held_back(facts: _Facts) -> Iterator[Item]:
    held = sum(arm.held for arm in facts.arms)  # type: ignore[attr-defined]  # annotated above
    if held:
        names = "answer names its" if held == 1 else "answers name their"
        yield Item("stop", f"{held} {names} model: decide whether to show, replace or leave out.", "held-back")
    else:
        yield Item("done", "No answer to be shown that names its model without your knowing.", "held-back")


def _blind(facts: _Facts) -> Iterator[Item]:
    words = [word for arm in facts.arms for word in (arm.speaker.name, arm.speaker.method)]
    if telling := telling_words(facts.study.name, words):
        yield Item("stop", f"The study's link would tell what people hear ({', '.join(telling)}): choose another name.", "basics")
    if telling := telling_words(facts.study.title, words):
        yield Item("warning", f"The title has words that may tell what people hear: {', '.join(telling)}.", "basics")
    for language, own in facts.rules.texts.items():
        if telling := telling_words(" ".join(own.values()), words):
            yield Item("warning", f"Your texts ({language}) have words that may tell what people hear: {', '.join(sorted(set(telling)))}.", "texts")


def _checks(facts: _Facts) -> Iterator[Item]:
    practice = facts.study.checks.filter(is_practice=True).count()
    hidden = facts.study.checks.filter(is_practice=False).count()
    steps = facts.rules.steps
    if hidden < steps.attention:
        yield Item("stop", f"A session hides {steps.attention} attention checks, but the study has {hidden}.", "checks")
    if practice < steps.practice:
        yield Item("stop", f"Practice has {steps.practice} rounds, but {practice} of the study's checks are for practice.", "checks")
    if steps.attention and hidden >= steps.attention:
        yield Item("done", f"{hidden} attention checks, {steps.attention} a session.", "checks")


def _rules(facts: _Facts) -> Iterator[Item]:
    for sentence in contradictions(facts.rules):
        yield Item("stop", sentence, "rules")


def _texts(facts: _Facts) -> Iterator[Item]:
    rules = facts.rules
    for language in rules.languages:
        missing = set(texts.language_of("en").texts) - set(rules.texts.get(language, {}))
        if language not in texts.languages() and missing:
            yield Item("stop", f"The product has no texts in '{language}': write {', '.join(sorted(missing))}.", "texts")
        if rules.steps.comprehension:
            yield from _comprehension(rules, language)


def _comprehension(rules: Protocol, language: str) -> Iterator[Item]:
    try:
        asked = texts.comprehension(rules, language)
    except ValueError as error:
        yield Item("stop", f"Comprehension check ({language}): {error}", "texts")
    else:
        if not asked:
            yield Item("stop", f"The comprehension check asks nothing ({language}): its text has no heading with options.", "texts")


def _budget(facts: _Facts) -> Iterator[Item]:
    cost = ledger.forecast(facts.study)
    if cost.most:
        yield Item("done", f"About {cost.people} people, {facts.rules.payment.currency} {cost.most} at most.", "payment")


def _live(facts: _Facts) -> Iterator[Item]:
    for problem in live.problems(facts.study):
        yield Item("stop", problem, "session")
    spoken = [arm.speaker.name for arm in facts.arms if arm.is_live]
    if not spoken:
        return
    if live.answering() is None:
        yield Item("warning", f"{' and '.join(spoken)} answer live, and no manage.py serve_speakers runs: people hear recorded answers.", "arms")
    else:
        yield Item("done", f"{' and '.join(spoken)} answer live; serve_speakers runs, and has to go on.", "arms")


def _recruiting(facts: _Facts) -> Iterator[Item]:
    recruiting, payment = mapping(facts.study), facts.rules.payment
    for sentence in recruiting_problems(facts.study):
        yield Item("stop", sentence, "recruiting")
    if recruiting.platform == "open":
        return
    if not recruiting.return_url:
        yield Item("warning", "People come from a platform but have no link back to it: they will copy their code.", "recruiting")
    if not recruiting.completed:
        yield Item("warning", "No completion code is set: one is made at the opening, and must be given to the platform then.", "recruiting")
    if not payment.base:
        yield Item("warning", "People come from a platform, and the base payment is 0.", "payment")


QUESTIONS: list[Callable[[_Facts], Iterator[Item]]] = [_speakers, _material, _held_back, _blind, _checks, _rules, _texts, _live, _recruiting, _budget]
