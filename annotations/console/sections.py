"""The parts in which a study is built: what each is called, its form, and what it says now in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from annotations.building import setup
from annotations.console import forms, row_forms
from annotations.models import Study


class Section(NamedTuple):
    key: str
    title: str
    lead: str
    "What is decided here, in a sentence."
    summary: Callable[[Study], str]
    form: Callable[..., Any] | None = None
    "None: the section has a page of its own."


def _basics(study: Study) -> str:
    rules = study.rules
    design = "within person" if rules.design == "within" else "one arm a person"
    return f"{rules.rounds} rounds a person, {design}, {rules.wanted} judgment{'s' * (rules.wanted != 1)} of each answer"


def _arms(study: Study) -> str:
    return " against ".join(f"{arm.speaker}{' (live)' * arm.is_live}" for arm in study.arms.select_related("speaker")) or "none yet"


def _questions(study: Study) -> str:
    draw = study.rules.draw
    how = {
        "all": f"{draw.limit} at random" if draw.limit else "all that every speaker answered",
        "by-correctness": f"{draw.right} right, {draw.wrong} wrong by the first arm",
        "stratified": f"{draw.per_stratum} from each fifth of {draw.listener}'s probability",
    }[draw.how]
    first = study.arms.first()
    return f"{first.shown.count() if first else 0} questions: {how}"


def _session(study: Study) -> str:
    steps, measures = study.rules.steps, study.rules.measures
    parts = {
        "instructions": steps.instructions,
        f"{steps.practice} practice rounds": steps.practice,
        "comprehension check": steps.comprehension,
        f"{steps.attention} attention checks": steps.attention,
        "confidence": measures.confidence != "off",
        "“knew it”": measures.knew_answer != "off",
        "convincing": measures.convincing != "off",
        "note": measures.note,
        f"{len(steps.about_you)} questions about the person": steps.about_you,
    }
    return ", ".join(name for name, there in parts.items() if there) or "accept or reject, and nothing else"


def _checks(study: Study) -> str:
    practice, hidden = (study.checks.filter(is_practice=is_practice).count() for is_practice in (True, False))
    return f"{hidden} to hide among the rounds, {practice} for practice"


def _held_back(study: Study) -> str:
    held = setup.held_back(study).count()
    return f"{held} to decide" if held else "none"


def _rules(study: Study) -> str:
    exclusion, stopping = study.rules.exclusion, study.rules.stopping
    parts = {
        f"{exclusion.failed_checks} failed checks": exclusion.failed_checks,
        f"“knew it” over {exclusion.knew_over:g}": exclusion.knew_over < 1,
        f"faster than {exclusion.faster_than:g} s": exclusion.faster_than,
    }
    excluded = "excluded: " + (", ".join(name for name, there in parts.items() if there) or "nobody")
    looks = f"{stopping.looks} look{'s' * (stopping.looks != 1)}"
    return f"{excluded}; " + (f"goal {stopping.goal} an arm, {looks}" if stopping.goal else "no goal declared")


def _payment(study: Study) -> str:
    payment = study.rules.payment
    bonus = f" + up to {payment.bonus:.2f}" if payment.score != "none" else ""
    return f"{payment.currency} {payment.base:.2f}{bonus}" if payment.base or bonus else "nothing"


def _recruiting(study: Study) -> str:
    recruiting = study.rules.recruiting
    names = {"open": "an open link", "panel": "your own panel", "sona": "SONA"}
    return names.get(recruiting.platform, recruiting.platform.capitalize()) + (", signed tokens" if recruiting.token else "")


def _texts(study: Study) -> str:
    own = sum(len(texts) for texts in study.rules.texts.values())
    return f"{', '.join(study.rules.languages)}; {own} text{'s' * (own != 1)} of your own"


SECTIONS = {
    section.key: section
    for section in (
        Section("basics", "Basics", "What people are told it is, and how much of it each does.", _basics, forms.BasicsForm),
        Section("arms", "Speakers", "Who is compared. People never learn whom they hear.", _arms, row_forms.ArmsForm),
        Section("questions", "Questions", "Which of the questions are asked.", _questions, forms.QuestionsForm),
        Section("held-back", "Answers that name their model", "They would tell people what they hear.", _held_back),
        Section("session", "Session", "What people do, and what they are asked.", _session, forms.SessionForm),
        Section("checks", "Attention checks", "Rounds whose right verdict is known.", _checks),
        Section("rules", "Exclusion and stopping", "Declared now, so that nobody can choose afterwards.", _rules, forms.RulesForm),
        Section("payment", "Payment", "What people get, and what it will cost.", _payment, forms.PaymentForm),
        Section("recruiting", "Recruiting", "Where people come from, and how they go back.", _recruiting, forms.RecruitingForm),
        Section("texts", "Languages and texts", "What people read. The product has all of it in English and German.", _texts),
    )
}
