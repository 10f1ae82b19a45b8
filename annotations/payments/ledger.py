"""What each participant is owed, once, and how it reaches the recruiting platform: in batches that are handed out once and can be read again.

Nobody is paid twice: one row a person can be made (a constraint), and one counted update moves a row into a batch, so of two managers who press at
once each row goes to one. The files are written for other programs to read, so what could mean something to them does not get in: a label that is no
plain id is in no platform's list, and in the CSV it cannot start a formula.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from annotations.models import ArmUtterance, Participant, Payment, Study
from annotations.payments import payoff
from annotations.recruiting import links

PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
FORMULA = ("=", "+", "-", "@", "\t")
"""A spreadsheet takes a cell that begins so for a formula."""


class Batch(NamedTuple):
    name: str
    exported_at: dt.datetime | None
    people: int
    total: Decimal
    is_paid: bool


def owed(*, participant: Participant) -> payoff.Owed:
    """By this person's judgments and outcome as they stand."""
    rows = participant.assignments.filter(judgment__isnull=False, utterance__is_correct__isnull=False)
    judged = rows.values_list("judgment__accepted", "judgment__confidence", "utterance__is_correct")
    verdicts = [payoff.Verdict(accepted, confidence, bool(right)) for accepted, confidence, right in judged]
    return payoff.owed(payment=participant.study.rules.payment, outcome=participant.outcome, verdicts=verdicts)


def settle(*, participant: Participant) -> Payment | None:
    """Make the payment of a participant whose outcome is final; asking again changes nothing. None for bots, previews, and who is under way."""
    if not participant.outcome or participant.is_bot or participant.is_preview:
        return None
    amount = owed(participant=participant)
    waits = bool(links.mapping(participant.study).label) and participant.outcome == Participant.Outcome.FINISHED
    state = Payment.State.DUE if amount.total or waits else Payment.State.NOTHING
    defaults = {"state": state, "currency": participant.study.rules.payment.currency, "base": amount.base, "bonus": amount.bonus}
    return Payment.objects.get_or_create(participant=participant, defaults=defaults)[0]


def export(*, study: Study, now: dt.datetime) -> str:
    """Move all that is due into a batch of its own and return its name; empty if nothing was due."""
    name = f"{now:%Y%m%d}-{secrets.token_hex(4)}"
    due = Payment.objects.filter(participant__study=study, state=Payment.State.DUE)
    return name if due.update(state=Payment.State.EXPORTED, batch=name, exported_at=now) else ""


def mark_paid(*, study: Study, batch: str) -> int:
    """The platform has paid this batch; how many rows that is news for."""
    rows = Payment.objects.filter(participant__study=study, batch=batch, state=Payment.State.EXPORTED)
    return rows.update(state=Payment.State.PAID, paid_at=timezone.now())


def of_batch(*, study: Study, batch: str) -> QuerySet[Payment]:
    return Payment.objects.for_page(study).filter(batch=batch).order_by("participant__code")


def batches(study: Study) -> list[Batch]:
    """Newest first."""
    rows = Payment.objects.filter(participant__study=study).exclude(batch="").order_by("-exported_at", "batch")
    grouped = rows.values("batch", "exported_at", "state").annotate(n=Count("id"), base=Sum("base"), bonus=Sum("bonus"))
    return [
        Batch(row["batch"], row["exported_at"], row["n"], row["base"] + row["bonus"], row["state"] == Payment.State.PAID)
        for row in grouped  # a batch is paid as a whole, so it is in one state
    ]


# Files


def as_csv(rows: Iterable[Payment]) -> str:
    """All of a batch, for people and for any platform."""
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow(["code", "label", "outcome", "completion_code", "base", "bonus", "total", "currency", "batch"])
    codes: dict[str, str] = {}
    for row in rows:
        person = row.participant
        if person.outcome not in codes:
            codes[person.outcome] = links.code_of(person.study, person.outcome)
        amounts = [row.base, row.bonus, row.base + row.bonus]
        write.writerow([person.code, _harmless(label_of(row)), person.outcome, codes[person.outcome], *amounts, row.currency, row.batch])
    return out.getvalue()


def approvals(rows: Iterable[Payment]) -> str:
    """One participant id a line, of those who finished: Prolific's list for approving in bulk."""
    return "".join(f"{label_of(row)}\n" for row in rows if nameable(row) and row.participant.outcome == Participant.Outcome.FINISHED)


def bonuses(rows: Iterable[Payment]) -> str:
    """`<participant id>,<amount>` a line, as Prolific's bonus payments take it: bonuses, and all that people get who did not finish.

    The base of those who finished is in no line: approving pays it.
    """
    lines = []
    for row in rows:
        amount = row.bonus if row.participant.outcome == Participant.Outcome.FINISHED else row.base + row.bonus
        if amount and nameable(row):
            lines.append(f"{label_of(row)},{amount:.2f}\n")
    return "".join(lines)


class File(NamedTuple):
    name: str
    title: str
    mime: str
    write: Callable[[Iterable[Payment]], str]


FILES = {
    file.name: file
    for file in (
        File("all.csv", "Everything, CSV", "text/csv", as_csv),
        File("approve.txt", "Approve in bulk (Prolific)", "text/plain", approvals),
        File("bonus.csv", "Pay bonuses in bulk (Prolific)", "text/csv", bonuses),
    )
}


def label_of(row: Payment) -> str:
    """Empty with an open link, and once it has been deleted. Needs the identity loaded."""
    identity = getattr(row.participant, "identity", None)
    return identity.label if identity else ""


def nameable(row: Payment) -> bool:
    """Whether a platform's list can name this person: a label with a comma in it could write an amount of its own."""
    return PLAIN_ID.fullmatch(label_of(row)) is not None


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


# The page


def forecast(study: Study) -> payoff.Forecast:
    """Of the whole study, from the judgments wanted of what its arms show."""
    shown = ArmUtterance.objects.filter(arm__study=study, held_back="")
    wanted = list(shown.values("arm").annotate(n=Sum("wanted")).order_by("arm").values_list("n", flat=True))
    rules = study.rules
    people = payoff.people_needed(wanted=wanted, rounds=rules.rounds, design=rules.design)
    return payoff.forecast(payment=rules.payment, people=people)


class Due(NamedTuple):
    people: int
    total: Decimal
    unnamed: int
    "Of these, those whom a platform's list cannot name: an open link, a deleted or a strange label."


def due(study: Study) -> Due:
    rows = Payment.objects.for_page(study).filter(state=Payment.State.DUE)
    waiting = [(row.base + row.bonus, nameable(row)) for row in rows]
    return Due(len(waiting), sum((amount for amount, _ in waiting), Decimal(0)), sum(not named for _, named in waiting))


class Line(NamedTuple):
    """One outcome's people, by the state of their payment; `code`: with which they went back to the platform."""

    outcome: str
    code: str
    states: dict[str, int]
    total: Decimal


def by_outcome(study: Study) -> list[Line]:
    states: dict[str, dict[str, int]] = defaultdict(dict)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    rows = Payment.objects.filter(participant__study=study).values("participant__outcome", "state").order_by()
    for row in rows.annotate(n=Count("id"), base=Sum("base"), bonus=Sum("bonus")):
        states[row["participant__outcome"]][row["state"]] = row["n"]
        totals[row["participant__outcome"]] += row["base"] + row["bonus"]
    return [Line(outcome, links.code_of(study, outcome), states[outcome], totals[outcome]) for outcome in Participant.Outcome if outcome in states]
