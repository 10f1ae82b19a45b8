"""Bots: they walk a study's real pages over HTTP, as a browser would, to try a study out and to measure the platform.

A bot says that it is one by a header signed with this site's SECRET_KEY: its participant is marked (`is_bot`), left out of all results unless they
are asked for, and never paid. Nobody else can make that header, and no page shows the mark. Like a test, a bot may look into the database for what it
should know (the right answers of the comprehension check, what an attention check expects); how it judges an answer is its kind's own affair.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from django.core import signing
from django.db import connection
from django.http import HttpRequest

from annotations import texts
from annotations.bots.browser import Browser, Form, Page
from annotations.models import Assignment, Study
from annotations.recruiting import links
from games.listeners import load
from games.listeners.base import Heard, ListenerError
from games.models import Listener

HEADER = "X-Study-Bot"
SALT = "annotations.bots"
KINDS = ("honest", "gullible", "random", "careless", "learned")
PATIENCE = 45.0
"""Seconds for which a bot tries again while the site is away."""


class BotError(Exception):
    """Bots cannot walk this study like this; the message is for the user."""


class Share(NamedTuple):
    """Of an arm: with which probability its right and its wrong answers are accepted."""

    right: float
    wrong: float


@dataclass(frozen=True)
class Plan:
    """Who comes, and what goes wrong."""

    people: int = 40
    parallel: int = 20
    kinds: tuple[str, ...] = ("honest",)
    "Taken in turn."
    seed: int = 0
    accept: Mapping[str, Share] = field(default_factory=dict)
    "Arm → known behaviour, in place of the kind's own; for simulations of which the truth is known."
    drop_outs: float = 0.0
    double_clicks: float = 0.0
    lost_connections: float = 0.0
    pause: float = 0.0
    "Seconds between two verdicts of a person."
    spread: float = 0.0
    "Seconds over which people come, in place of all at once."


class Seen(NamedTuple):
    """What a bot sees of a round, and what it may know of it."""

    question: str
    text: str
    expects: bool | None
    "What an attention check expects; None for a round."
    share: Share | None
    is_correct: bool | None


Mind = Callable[[Seen, random.Random], float]
"""What is seen → probability of acceptance."""


@dataclass
class Walk:
    """How far one bot came. `seconds`: of each verdict, from sending to the next round."""

    judged: int = 0
    ended: str = ""
    seconds: list[float] = field(default_factory=list)


def is_bot(request: HttpRequest, study_name: str) -> bool:
    """Whether this request comes from a bot of this site, for this study."""
    signed = request.headers.get(HEADER)
    if not signed:
        return False
    try:
        return bool(signing.Signer(salt=SALT).unsign(signed) == study_name)
    except signing.BadSignature:
        return False


def run(*, study: Study, url: str, plan: Plan, report: Callable[[int, int, str], None] = lambda done, total, message: None) -> list[Walk]:
    """All people of the plan, `parallel` at a time.

    Raises:
        BotError: bots cannot enter this study, or lack what they judge with.
    """
    names = links.mapping(study)
    if names.token:
        raise BotError(
            f"Study '{study}' takes in only holders of an entry token that its recruiting platform has signed. "
            "The platform alone has the key for that; the study has the public half, which verifies and cannot sign. "
            "Try it in a new version with another way in: open, or panel."
        )
    if unknown := set(plan.accept) - set(study.arms.values_list("name", flat=True)):
        raise BotError(f"Study '{study}' has no arm {', '.join(sorted(unknown))}. Its arms: {', '.join(study.arms.values_list('name', flat=True))}.")
    minds = {kind: _mind(kind) for kind in plan.kinds}
    checks = {(row.question, row.answer): row.expects_accept for row in study.checks.all()}
    right = {asked.name: asked.right for language in study.rules.languages for asked in texts.comprehension(study.rules, language)}
    done: list[Walk] = []
    lock = threading.Lock()

    def one(number: int) -> None:
        kind = plan.kinds[number % len(plan.kinds)]
        bot = _Bot(
            study, url, _link(study, f"bot-{plan.seed}-{number}"), plan, minds[kind], random.Random(f"{plan.seed}/bot/{number}"), checks, right
        )
        walk = bot.walk()
        connection.close()
        with lock:
            done.append(walk)
            report(len(done), plan.people, f"{sum(each.judged for each in done)} judgments")

    with ThreadPoolExecutor(max_workers=max(1, plan.parallel)) as pool:
        list(pool.map(one, range(plan.people)))
    return done


def _link(study: Study, label: str) -> str:
    """By which this bot comes in: with a label where the study asks for one, signed where it is the study's own panel's."""
    names = links.mapping(study)
    if names.platform == "panel":
        return links.panel_link(study=study, label=label)
    return f"{study.get_absolute_url()}?{names.label}={label}" if names.label else study.get_absolute_url()


@dataclass
class _Bot:
    study: Study
    url: str
    link: str
    plan: Plan
    mind: Mind
    rng: random.Random
    checks: Mapping[tuple[str, str], bool]
    right: Mapping[str, str]

    def walk(self) -> Walk:
        """From the entry link to the end, or to where this one drops out."""
        self.browser = Browser(self.url, headers={HEADER: signing.Signer(salt=SALT).sign(self.study.name), "User-Agent": "study bot"})
        self.known: dict[str, tuple[Share | None, bool | None]] | None = None
        walk, leaves_after = Walk(), self._leaves_after()
        time.sleep(self.rng.random() * self.plan.spread)
        page = self._patiently(lambda: self.browser.get(self.link))
        while walk.judged < leaves_after:
            form = next((form for form in page.forms if not form.action.endswith(("/message/", "/language/"))), None)
            if form is None and not page.onward:
                walk.ended = "at the end"
                break
            if form is None:
                page = self._patiently(lambda there=page.onward: self.browser.get(there))  # type: ignore[misc]
                continue
            is_round = form.action.endswith("/answer/")
            began = time.monotonic()
            page = self._send(form, self._filled(form, page), is_round=is_round)
            if is_round and page.status == 200:
                walk.judged += 1
                walk.seconds.append(time.monotonic() - began)
                time.sleep(max(0.0, self.plan.pause - (time.monotonic() - began)))
        self.browser.close()
        walk.ended = walk.ended or "dropped out"
        return walk

    def _leaves_after(self) -> float:
        return self.rng.randrange(1, max(2, self.study.rules.rounds)) if self.rng.random() < self.plan.drop_outs else float("inf")

    def _send(self, form: Form, values: dict[str, str], *, is_round: bool) -> Page:
        if is_round and self.rng.random() < self.plan.lost_connections:
            with contextlib.suppress(OSError):
                self.browser.send_and_hang_up(form, values)
        elif is_round and self.rng.random() < self.plan.double_clicks:
            twin = self.browser.twin()
            with contextlib.suppress(OSError, http.client.HTTPException):
                twin.send_and_hang_up(form, values)
        page = self._patiently(lambda: self.browser.send(form, values))  # the same form: a consent whose answer was lost starts no second session
        if page.status == 425:  # the study's minimum reading time
            time.sleep(max(0.2, self.study.rules.timing.min_seconds))
            return self._send(form, values, is_round=False)
        if page.status == 409:
            return self._patiently(lambda: self.browser.get(self.study.get_absolute_url()))
        return page

    def _patiently(self, ask: Callable[[], Page]) -> Page:
        """What a browser that keeps an answer does: sends it again until the line is back."""
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                page = ask()
                if page.status >= 500:
                    raise http.client.HTTPException(f"The site answers with status {page.status}.")
                return page
            except (OSError, http.client.HTTPException):
                self.browser.close()
                if time.monotonic() > limit:
                    raise
                time.sleep(0.3 + self.rng.random() / 2)

    def _filled(self, form: Form, page: Page) -> dict[str, str]:
        """Every choice made and every field filled, as the page has them."""
        values = {name: self.rng.choice([value for value in options if value] or [""]) for name, options in form.choices.items()}
        values |= {name: str(self.rng.randrange(101)) if form.by_htmx and name != "note" else "" for name in form.open}
        values |= {name: right for name, right in self.right.items() if name in form.choices}
        if "decision" in form.choices:
            values["decision"] = "agree"
        if {"accept", "reject"} <= set(form.choices.get("verdict", [])):
            chance = self._chance(form, page)
            accepted = self.rng.random() < chance
            values["verdict"] = "accept" if accepted else "reject"
            if "confidence" in form.choices or "confidence" in form.open:
                values["confidence"] = self._measured(form, "confidence", abs(2 * chance - 1))
            if "knew_answer" in form.choices or "knew_answer" in form.open:
                values["knew_answer"] = self._measured(form, "knew_answer", 0.1)
        return values

    @staticmethod
    def _measured(form: Form, name: str, wanted: float) -> str:
        """On the slider, or the button that is nearest."""
        buttons = [value for value in form.choices.get(name, []) if value.isdigit()]
        return min(buttons, key=lambda value: abs(int(value) - 100 * wanted)) if buttons else str(round(100 * wanted))

    def _chance(self, form: Form, page: Page) -> float:
        expects = self.checks.get((page.heading, page.answer))
        share, is_correct = self._truth(form.fields.get("position", "")) if self.plan.accept and expects is None else (None, None)
        if share is not None and is_correct is not None:
            return share.right if is_correct else share.wrong
        return self.mind(Seen(page.heading, page.answer, expects, share, is_correct), self.rng)

    def _truth(self, position: str) -> tuple[Share | None, bool | None]:
        if self.known is None or position not in self.known:
            code = self.browser.cookies.get("participant", "").split(":")[0]
            rows = Assignment.objects.filter(participant__code=code, arm__isnull=False).values_list("position", "arm__name", "utterance__is_correct")
            self.known = {str(place): (self.plan.accept.get(arm), is_correct) for place, arm, is_correct in rows}
        return self.known.get(position, (None, None))


def _mind(kind: str) -> Mind:
    if kind not in KINDS:
        raise BotError(f"There is no bot of kind '{kind}'. Choose from: {', '.join(KINDS)}.")
    if kind == "gullible":
        return _attentive(lambda seen: 0.9)
    if kind == "random":
        return lambda seen, rng: 0.5
    if kind == "careless":
        return lambda seen, rng: 0.5 if seen.expects is None else float(not seen.expects)
    return _attentive(_by_listener(kind))


def _attentive(judge: Callable[[Seen], float]) -> Mind:
    return lambda seen, rng: judge(seen) if seen.expects is None else float(seen.expects)


def _by_listener(kind: str) -> Callable[[Seen], float]:
    """By the lexicon, or by the newest learned listener."""
    row = Listener.objects.filter(kind=Listener.Kind.LEARNED).order_by("-pk").first() if kind == "learned" else None
    if kind == "learned" and row is None:
        raise BotError("There is no learned listener yet. Fit one to a study's people first, or choose another kind of bot.")
    try:
        listener = load(row.kind, row.config) if row else load("lexicon", {})
    except ListenerError as error:
        raise BotError(str(error)) from error
    lock = threading.Lock()

    def judge(seen: Seen) -> float:
        with lock:
            return listener.judge([Heard(seen.question, seen.text)])[0].probability

    return judge


def parse_accept(given: Iterator[str] | list[str]) -> dict[str, Share]:
    """`ARM=RIGHT,WRONG` as it stands on a command line.

    >>> parse_accept(["arm-1=0.9,0.6"])
    {'arm-1': Share(right=0.9, wrong=0.6)}
    """
    found = {}
    for each in given:
        arm, _, numbers = each.partition("=")
        try:
            right, wrong = (float(number) for number in numbers.split(","))
        except ValueError:
            raise BotError(f"--accept {each}: give ARM=RIGHT,WRONG, two probabilities, such as arm-1=0.9,0.6.") from None
        if not (0 <= right <= 1 and 0 <= wrong <= 1):
            raise BotError(f"--accept {each}: probabilities lie between 0 and 1.")
        found[arm] = Share(right, wrong)
    return found
