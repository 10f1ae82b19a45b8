"""Many threads, one moment, a real database: run as a process by `test_at_once.py`, prints what came of it as JSON.

DATABASE_URL=… python -m tests.annotations.participant.at_once enter
"""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacie_platform.settings")
import django

django.setup()

from django.db import connection  # noqa: E402  # needs loaded apps

from tests import factories  # noqa: E402  # needs loaded apps

PEOPLE = 12


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What each of the threads got, all of which started at the same moment, on connections of their own."""
    got: list[Any] = [None] * PEOPLE
    gate = threading.Barrier(PEOPLE)

    def one(place: int) -> None:
        connection.ensure_connection()
        gate.wait()
        try:
            got[place] = work(place)
        except Exception as error:
            got[place] = repr(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[place]) for place in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def enter() -> dict[str, Any]:
    """One label, from many tabs."""
    from django.utils import timezone

    from annotations.recruiting import links
    from tests.factories import make_listener, make_study

    study = make_study(name="enter", state="open", listener=make_listener(name="enter"), protocol={"recruiting": {"platform": "prolific"}})
    link = {"PROLIFIC_PID": "ada"}

    def tab(_: int) -> int:
        return links.participant_of(study=study, arrival=links.arrive(study=study, parameters=link, now=timezone.now())).pk

    return {"people": at_once(tab), "rows": study.participants.count(), "identities": study.identities.count()}


def settle() -> dict[str, Any]:
    """One person whose last answer was sent many times."""
    from annotations.models import Participant, Payment
    from annotations.payments import ledger
    from tests.factories import make_listener, make_participant, make_study

    person = make_participant(
        study=make_study(name="settle", listener=make_listener(name="settle"), protocol={"payment": {"base": 2}}), outcome="finished"
    )

    def last_answer(_: int) -> int:
        payment = ledger.settle(participant=Participant.objects.get(pk=person.pk))
        return payment.pk if payment else 0

    return {"payments": at_once(last_answer), "rows": Payment.objects.filter(participant=person).count()}


def export() -> dict[str, Any]:
    """Many managers who press at once; each batch with the people that are in its list."""
    from django.utils import timezone

    from annotations.payments import ledger
    from tests.factories import make_identity, make_listener, make_participant, make_payment, make_study

    study = make_study(name="export", listener=make_listener(name="export"), protocol={"recruiting": {"platform": "prolific"}})
    for n in range(100):
        make_payment(participant=make_identity(participant=make_participant(study=study, outcome="finished"), label=f"id{n}").participant, base=2)
    batches = at_once(lambda _: ledger.export(study=study, now=timezone.now()))
    offered = [ledger.approvals(ledger.of_batch(study=study, batch=batch)).split() for batch in batches if batch]
    return {"batches": batches, "offered": [label for labels in offered for label in labels]}


def live() -> dict[str, Any]:
    """Ten live answers that come at the moment in which it is decided that they are too late: for each, what the rows say."""
    from annotations.models import Assignment, LiveAnswer
    from annotations.participant import live, live_speaking
    from tests.factories import make_arm, make_listener, make_participant, make_study, make_utterance

    study = make_study(name="live", state="open", listener=make_listener(name="live"), protocol={"pace": 1})
    arm, outcomes = make_arm(study=study, is_live=True), []
    for _ in range(10):
        recorded = make_utterance(speaker=arm.speaker, text="It's Lyon.", answer="Lyon")
        given = {"arm": arm, "question": recorded.question, "utterance": recorded, "position": 1}
        row = Assignment.objects.create(participant=make_participant(study=study), **given)
        LiveAnswer.objects.create(assignment=row)

        def race(place: int, row: Assignment = row) -> str:
            if place % 2:
                return str(live.decide(row).utterance)
            live_speaking._hand_over(row, arm.speaker, "It's Paris.")
            return ""

        heard = {text for text in at_once(race) if text}
        now = Assignment.objects.select_related("live", "utterance").get(pk=row.pk)
        outcomes.append([now.source, now.live.state, str(now.utterance), sorted(heard)])
    return {"outcomes": outcomes}


def late() -> dict[str, Any]:
    """Late answers of people whose rounds were given back, while as many others are drawn those very places."""
    from datetime import timedelta

    from django.utils import timezone

    from annotations.models import ArmUtterance, Participant
    from annotations.participant import flow, material
    from tests.factories import make_open_study, make_participant

    study = make_open_study(name="late", questions=PEOPLE // 2, rounds=1, arms=1, wanted=1)

    def begun() -> Participant:
        person = make_participant(study=study, step="rounds")
        material.begin(participant=person)
        return person

    gone = [begun() for _ in range(PEOPLE // 2)]
    for person in gone:
        flow.current(person)
    study.participants.update(seen_at=timezone.now() - timedelta(hours=3))
    material.release(study=study, now=timezone.now())
    new = [make_participant(study=study, step="rounds") for _ in gone]

    def race(place: int) -> str:
        if place % 2:
            flow.answer(participant=Participant.objects.get(pk=gone[place // 2].pk), position=1, accepted=True)
            return "answered"
        try:
            material.begin(participant=new[place // 2])
        except material.Full:
            return "full"
        return "drawn"

    came = at_once(race)
    rows = [row for person in gone for row in person.assignments.select_related("judgment")]
    items = ArmUtterance.objects.filter(arm__study=study)
    return {
        "came": came,
        "late": sorted([row.item_id is not None, row.judgment.excluded] for row in rows),
        "taken": [item.taken for item in items],
        "held": [item.assignments.count() for item in items],
    }


if __name__ == "__main__":
    factories._numbers = itertools.count(time.time_ns())  # another process has made rows of the first numbers
    print(json.dumps(globals()[sys.argv[1]]()))  # noqa: T201  # this is its answer
