"""What a study's manager decides before it opens, as one frozen value: the protocol. Knows nothing of Django.

A study keeps it as JSON (`Study.protocol`) while it is a draft; opening freezes it, and `digest` names it for good. What may change while a
study is open (its state, the platform's keys, messages to people) is no part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

Design = Literal["within", "between"]
Measure = Literal["off", "slider", "buttons"]
Platform = Literal["open", "prolific", "connect", "sona", "panel"]
Score = Literal["none", "brier", "log"]


class ProtocolError(ValueError):
    """A protocol cannot be like this; the message names the setting, the value, and what it takes."""


@dataclass(frozen=True)
class Draw:
    """Which questions are asked, of those that every arm has answered."""

    how: Literal["all", "by-correctness", "stratified"] = "all"
    "`by-correctness`: so many that the first arm answered right, and so many wrong; `stratified`: so many from each fifth of a listener's range."
    limit: int = 0
    "For `all`: draw so many at random; 0: all."
    right: int = 50
    "For `by-correctness`; the paper drew 50 right and 50 wrong (arXiv 2405.21028, prep_for_hit.py)."
    wrong: int = 50
    per_stratum: int = 20
    "For `stratified`: questions from each of five strata of the simulated listener's probability for the first arm's answer."
    listener: str = "lexicon"
    "For `stratified`: whose probability."


@dataclass(frozen=True)
class Measures:
    """What a person is asked after accept or reject. The paper asked the first three by sliders from 0 to 100 (evaluate_hit.py)."""

    confidence: Measure = "off"
    "How sure of the decision: c in [0, 1]."
    knew_answer: Measure = "off"
    "Whether they knew the answer themselves."
    convincing: Measure = "off"
    note: bool = False
    "A free note, optional to write."


@dataclass(frozen=True)
class Timing:
    """In seconds, enforced by the server; 0: no limit."""

    min_seconds: float = 0.0
    "A verdict sent earlier than this after the round was shown is not taken yet."
    max_seconds: float = 0.0
    "A verdict sent later than this is stored, and excluded as `too late`."
    abandon_minutes: float = 30.0
    "What a person was given and has not answered goes back to the others after so long without a sign of them."


@dataclass(frozen=True)
class Steps:
    """What comes around the rounds."""

    instructions: bool = False
    practice: int = 0
    "Practice rounds with feedback, from the study's checks of known truth; they are no judgments."
    comprehension: bool = False
    "Questions about the instructions; failing them twice asks to return the study."
    attention: int = 0
    "Attention checks hidden among the rounds of a session; the paper had 2 among 20."
    about_you: tuple[str, ...] = ()
    "Names of the optional questions about the person (see `annotations.texts`)."


@dataclass(frozen=True)
class Exclusion:
    """Which judgments are stored but not used; frozen so that nobody can choose afterwards."""

    failed_checks: int = 0
    "All judgments of a person who fails so many attention checks, or more; 0: never."
    knew_over: float = 1.0
    "A judgment with `knew_answer` above this; the paper: 0.5. 1: never."
    knew_normalised: bool = False
    "Whether `knew_answer` is first min-max normalised within the person, as in the paper."
    faster_than: float = 0.0
    "A judgment given within so many seconds; 0: never."


@dataclass(frozen=True)
class Payment:
    """In units of `currency`. The bonus is `bonus` at most, by a proper score of accept/reject with confidence (`annotations.payments.payoff`)."""

    currency: str = "USD"
    base: float = 0.0
    bonus: float = 0.0
    score: Score = "none"
    screened_out: float = 0.0
    "For somebody who failed the comprehension check twice, where the platform wants them paid."
    fee: float = 0.0
    "The platform's share on top of all payments, such as 0.333; for the forecast alone."


@dataclass(frozen=True)
class Recruiting:
    """Where people come from, by which parameters of the link, and with which codes they go back."""

    platform: Platform = "open"
    label: str = ""
    "The parameter that names a person (Prolific: PROLIFIC_PID); empty with an open link."
    study: str = ""
    session: str = ""
    token: str = ""
    "The parameter with a signed entry token; where it is set, nobody enters without a valid one."
    issuer: str = ""
    audience: str = ""
    return_url: str = ""
    "Where a person goes at the end; `{code}`, `{label}` and `{session}` are filled in."
    completed: str = ""
    "Codes; an empty one is made when the study opens."
    no_consent: str = ""
    screened_out: str = ""
    timed_out: str = ""
    full: str = ""
    "For somebody who came when every judgment wanted had been given out."


@dataclass(frozen=True)
class Stopping:
    """The sample and the looks at it, declared beforehand (`annotations.results.sequential`)."""

    goal: int = 0
    "Usable judgments wanted in each arm; 0: not declared."
    looks: int = 1
    "Planned analyses, the last included."
    alpha: float = 0.05


@dataclass(frozen=True)
class Protocol:
    rounds: int = 10
    "Utterances for one person."
    wanted: int = 1
    "Judgments wanted of each utterance; the paper had 1."
    design: Design = "within"
    "`within`: each question once, arms alternating in balanced order; `between`: one arm a person."
    languages: tuple[str, ...] = ("en",)
    "Those that a person may choose from; the first is the default."
    pace: float = 0.0
    "For live arms: seconds in which every answer is streamed, the same for all arms, recorded ones too. 0: shown at once."
    lead: float = 4.0
    "With a pace: seconds that everybody has for the question before any answer begins; a live one that is not there by then is replaced."
    draw: Draw = field(default_factory=Draw)
    measures: Measures = field(default_factory=Measures)
    timing: Timing = field(default_factory=Timing)
    steps: Steps = field(default_factory=Steps)
    exclusion: Exclusion = field(default_factory=Exclusion)
    payment: Payment = field(default_factory=Payment)
    recruiting: Recruiting = field(default_factory=Recruiting)
    stopping: Stopping = field(default_factory=Stopping)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    "language → name of a text (consent, instructions, debrief, …) → Markdown; what is not here is the product's own text."

    def as_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Protocol:
        """From JSON; what is absent has its default.

        Raises:
            ProtocolError: a name that no setting has, or a value that its setting cannot take.

        >>> Protocol.of({"rounds": 20, "measures": {"confidence": "slider"}}).measures.confidence
        'slider'
        """
        return _built(cls, values, "")


LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
RANGES: dict[str, tuple[float, float]] = {
    "rounds": (1, 500),
    "wanted": (1, 10_000),
    "pace": (0, 60),
    "draw.per_stratum": (1, 10_000),
    "timing.abandon_minutes": (1, 24 * 60),
    "steps.practice": (0, 20),
    "steps.attention": (0, 50),
    "exclusion.knew_over": (0, 1),
    "payment.base": (0, 1000),
    "payment.bonus": (0, 1000),
    "stopping.looks": (1, 20),
    "stopping.alpha": (0.0001, 0.5),
}
"""The least and the most that these settings take; the others take every number from 0 on."""


def refuse_out_of_range(protocol: Protocol) -> None:
    """Each setting by itself; what two settings say against each other is `contradictions`.

    Raises:
        ProtocolError: a setting is out of its range.
    """
    for place, (low, high) in RANGES.items():
        value = setting(protocol, place)
        if not low <= value <= high:
            raise ProtocolError(f"{place}={value:g}: give a number from {low:g} to {high:g}.")
    if not protocol.languages or len(set(protocol.languages)) < len(protocol.languages):
        raise ProtocolError(f"languages={list(protocol.languages)}: give one language or more, each once; the first is the default.")
    for language in {*protocol.languages, *protocol.texts}:
        if not LANGUAGE.fullmatch(language):
            raise ProtocolError(f"languages={language!r}: give a language code such as 'en', 'de' or 'pt-BR'.")
    if not re.fullmatch("[A-Z]{3}", protocol.payment.currency):
        raise ProtocolError(f"payment.currency={protocol.payment.currency!r}: give a currency's three capital letters, such as 'USD' or 'EUR'.")
    url = protocol.recruiting.return_url
    if url and not re.match(r"https?://[^\s/]+", url):
        raise ProtocolError(f"recruiting.return_url={url!r}: give an address that begins with https://; {{code}} in it is filled in.")


def contradictions(protocol: Protocol) -> list[str]:
    """Settings that cannot stand together, in words; a draft may have them for a while, an open study not."""
    measures, timing, steps, exclusion = protocol.measures, protocol.timing, protocol.steps, protocol.exclusion
    payment, stopping = protocol.payment, protocol.stopping
    wrong = {
        "The time limit of a round is not above its minimum reading time.": 0 < timing.max_seconds <= timing.min_seconds,
        "Judgments faster than the rule allows are excluded, but the time limit is below that.": 0 < timing.max_seconds <= exclusion.faster_than,
        f"A person is excluded after {exclusion.failed_checks} failed attention checks, but a session has {steps.attention}.": exclusion.failed_checks
        > steps.attention,
        "“Knew the answer” excludes judgments, but nobody is asked for it.": exclusion.knew_over < 1 and measures.knew_answer == "off",
        "The bonus is a score of the confidence, but nobody is asked for it.": payment.score != "none" and measures.confidence == "off",
        "There is a bonus, but no score that it is paid by.": payment.bonus > 0 and payment.score == "none",
        "There is a score for the bonus, but the bonus is 0.": payment.score != "none" and payment.bonus == 0,
        "Several looks are planned, but no goal is declared that they divide.": stopping.looks > 1 and not stopping.goal,
        "More attention checks than rounds.": steps.attention > protocol.rounds,
    }
    return [sentence for sentence, holds in wrong.items() if holds]


def setting(protocol: Protocol, place: str) -> Any:
    """The value at `group.name`.

    >>> setting(Protocol(rounds=7), "rounds"), setting(Protocol(), "payment.currency")
    (7, 'USD')
    """
    value: Any = protocol
    for name in place.split("."):
        value = getattr(value, name)
    return value


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Protocol JSON with some settings changed, group by group.

    >>> merged({"rounds": 5, "draw": {"how": "all"}}, {"draw": {"limit": 9}})
    {'rounds': 5, 'draw': {'how': 'all', 'limit': 9}}
    """
    both = dict(values)
    for name, value in changes.items():
        inner = both.get(name, {})
        both[name] = merged(inner, value) if isinstance(value, Mapping) and isinstance(inner, Mapping) else value
    return both


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their places as protocol JSON.

    >>> nested({"rounds": 5, "measures.confidence": "slider"})
    {'rounds': 5, 'measures': {'confidence': 'slider'}}
    """
    groups: dict[str, Any] = {}
    for place, value in settings.items():
        *outer, name = place.split(".")
        groups = merged(groups, {outer[0]: nested({".".join([*outer[1:], name]): value})} if outer else {name: value})
    return groups


def digest(frozen: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON value, the same whatever the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(frozen, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _built(kind: Any, values: Mapping[str, Any], place: str) -> Any:
    hints = _hints(kind)
    for name in values:
        if name not in hints:
            raise ProtocolError(f"{place}{name}: there is no such setting. Choose from: {', '.join(hints)}.")
    return kind(**{name: _value(hints[name], value, f"{place}{name}") for name, value in values.items()})


def _value(hint: Any, value: Any, place: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ProtocolError(f"{place}={value!r}: give a group of settings.")
        return _built(hint, value, f"{place}.")
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise ProtocolError(f"{place}={value!r}: choose one of: {', '.join(map(str, typing.get_args(hint)))}.")
        return value
    if origin is tuple:
        if isinstance(value, str) or not all(isinstance(one, str) for one in value):
            raise ProtocolError(f"{place}={value!r}: give a list of names.")
        return tuple(value)
    if origin is dict or isinstance(hint, types.GenericAlias):
        return _texts(value, place)
    return _scalar(hint, value, place)


def _texts(value: Any, place: str) -> dict[str, dict[str, str]]:
    groups = value.values() if isinstance(value, Mapping) else [None]
    if not all(isinstance(group, Mapping) and all(isinstance(text, str) for text in group.values()) for group in groups):
        raise ProtocolError(f'{place}={value!r}: give for each language the names of texts with their Markdown, as {{"en": {{"consent": "…"}}}}.')
    return {language: dict(group) for language, group in value.items()}


def _scalar(hint: Any, value: Any, place: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is float and is_number and value >= 0:
        return float(value)
    if hint is int and is_number and value == int(value) and value >= 0:
        return int(value)
    if hint in (str, bool) and isinstance(value, hint):
        return value
    wants = {float: "a number from 0 on", int: "a whole number from 0 on", str: "a text", bool: "true or false"}[hint]
    raise ProtocolError(f"{place}={value!r}: give {wants}.")
