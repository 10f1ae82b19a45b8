"""What is on the page that a participant is at: the template of their step, and what it shows. No request in here, and nothing that tells the arm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.crypto import salted_hmac
from django.utils.translation import get_language_info

from annotations import texts
from annotations.models import Participant, Payment, Study
from annotations.participant import flow
from annotations.protocol import Measures
from annotations.recruiting import links

BUTTONS = {
    "confidence": ((0, ""), (25, ""), (50, ""), (75, ""), (100, "")),
    "knew_answer": ((0, "knew_no"), (50, "knew_partly"), (100, "knew_yes")),
    "convincing": ((0, ""), (25, ""), (50, ""), (75, ""), (100, "")),
}
"""Measure → what its buttons stand for, from 0 to 100, and their words; those without are numbered from 1 between two ends."""
Step, Outcome = Participant.Step, Participant.Outcome


class Measure(NamedTuple):
    """One question beside the verdict, as the page shows it."""

    name: str
    kind: str
    label: str
    low: str
    high: str
    buttons: tuple[tuple[int, str], ...]


@lru_cache(maxsize=64)
def measures(asked: Measures, language: str) -> tuple[Measure, ...]:
    words = texts.language_of(language).words
    found = []
    for name, buttons in BUTTONS.items():
        kind = getattr(asked, name)
        if kind != "off":
            labels = tuple((value, words[word] if word else str(n)) for n, (value, word) in enumerate(buttons, start=1))
            found.append(Measure(name, kind, words[name], words[f"{name}_low"], words[f"{name}_high"], labels))
    return tuple(found)


def language_name(code: str) -> str:
    """In itself, also of a language that the product does not ship and a study has its own texts in.

    >>> language_name("de"), language_name("fr"), language_name("tlh")
    ('Deutsch', 'français', 'tlh')
    """
    if code in texts.languages():
        return texts.language_of(code).name
    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code


def frame(study: Study, language: str) -> dict[str, Any]:
    """What every page of a study needs."""
    shown = language if language in texts.languages() else "en"
    offered = [(code, language_name(code)) for code in study.rules.languages]
    return {"study": study, "words": texts.language_of(language).words, "language": shown, "offered": offered if len(offered) > 1 else []}


def of(participant: Participant, *, now: dt.datetime, said: str = "") -> dict[str, Any]:
    """The page of this person as it is now. `said`: their verdict in practice, which is told back and kept nowhere."""
    if participant.outcome == Outcome.FINISHED:
        return _debrief(participant)
    if participant.outcome:
        return _page(
            participant, "ended", title=participant.outcome.replace("-", "_"), text=_text(participant, participant.outcome), **_back(participant)
        )
    if participant.study.state != Study.State.OPEN and not participant.is_preview:
        return _page(participant, "not_open", known=True)
    if participant.step == Step.ROUNDS:
        shown = flow.current(participant, now)
        return round_of(participant, shown) if shown else _page(participant, "not_open", known=True)
    return BEFORE_AND_AFTER[participant.step](participant, said)


def round_of(participant: Participant, shown: flow.Round, *, given: Mapping[str, str] | None = None, **trouble: Any) -> dict[str, Any]:
    """A round; `given` is what was sent and has to be completed, or sent once more."""
    rules = participant.study.rules
    timing = rules.timing
    return _page(
        participant,
        "round",
        round=shown,
        measures=measures(rules.measures, participant.language),
        note=rules.measures.note,
        wait=max(0.0, timing.min_seconds - shown.seconds) if timing.min_seconds else 0,
        left=max(0.0, timing.max_seconds - shown.seconds) if timing.max_seconds else 0,
        person=person(participant),
        given=given or {},
        **trouble,
    )


def person(participant: Participant) -> str:
    """Tells the browser whose round a kept answer belongs to, and the server whose page a form comes from; says nothing of the person."""
    return salted_hmac("annotations.person", participant.code).hexdigest()[:16]


def _page(participant: Participant, part: str, **context: Any) -> dict[str, Any]:
    return {**frame(participant.study, participant.language), "part": f"annotations/_{part}.html", "participant": participant, **context}


def _text(participant: Participant, name: str) -> str:
    return texts.as_html(texts.text(participant.study.rules, participant.language, name))


def _instructions(participant: Participant, said: str) -> dict[str, Any]:
    return _page(participant, "instructions", text=_text(participant, "instructions"))


def _practice(participant: Participant, said: str) -> dict[str, Any]:
    checks = flow.practice(participant.study)
    done = participant.practised
    feedback = checks[done - 1] if said in ("accept", "reject") and 0 < done <= len(checks) else None
    item = feedback or (checks[done] if done < len(checks) else None)
    position = done if feedback else done + 1
    context = {"item": item, "feedback": feedback is not None, "position": position, "total": len(checks), "is_last": done >= len(checks)}
    if feedback:
        context |= {"accepted": said == "accept", "passed": (said == "accept") == feedback.expects_accept}
    return _page(participant, "practice", text=_text(participant, "practice"), **context)


def _comprehension(participant: Participant, said: str) -> dict[str, Any]:
    asked = texts.comprehension(participant.study.rules, participant.language)
    again = participant.failed_comprehension
    instructions = _text(participant, "instructions") if again else ""
    return _page(participant, "comprehension", asked=asked, attempt=again + 1, instructions=instructions)


def _about_you(participant: Participant, said: str) -> dict[str, Any]:
    return _page(participant, "about_you", asked=texts.about_you(participant.study.rules, participant.language), text=_text(participant, "about-you"))


def _debrief(participant: Participant) -> dict[str, Any]:
    payment = Payment.objects.filter(participant=participant).exclude(state=Payment.State.NOTHING).first()
    paid = payment if payment and payment.base + payment.bonus else None
    return _page(participant, "debrief", score=flow.score(participant), text=_text(participant, "debrief"), paid=paid, **_back(participant))


def _back(participant: Participant) -> dict[str, Any]:
    """The code and the link home: there are none before the outcome, and all that goes with it, is saved."""
    return {"back": links.way_back(participant)}


BEFORE_AND_AFTER: dict[str, Callable[[Participant, str], dict[str, Any]]] = {
    Step.INSTRUCTIONS: _instructions,
    Step.PRACTICE: _practice,
    Step.COMPREHENSION: _comprehension,
    Step.ABOUT_YOU: _about_you,
}
