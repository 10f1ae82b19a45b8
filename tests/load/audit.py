"""What the load tests set up and check, run as a process of its own against their database: `python -m tests.load.audit open … | audit …`."""

import itertools
import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacie_platform.settings")
import django

django.setup()

from django.db.models import Count, F, Q  # noqa: E402  # needs loaded apps


def open_study(name: str, questions: int, rounds: int, wanted: int) -> dict[str, Any]:
    from tests import factories

    factories._numbers = itertools.count(time.time_ns())  # another process has made rows of the first numbers
    study = factories.make_open_study(name=name, questions=questions, rounds=rounds, wanted=wanted)
    return {"study": study.name}


def audit(name: str) -> dict[str, Any]:
    """Counts that a correct study has at 0, and how much there is in it."""
    from annotations.models import ArmUtterance, Assignment, Participant
    from games.models import Judgment

    items = ArmUtterance.objects.filter(arm__study__name=name).annotate(held=Count("assignments"))
    given = Assignment.objects.filter(participant__study__name=name)
    judgments = Judgment.objects.filter(Q(listener__study__name=name) | Q(listener__name=f"bots-{name}"))
    people = Participant.objects.filter(study__name=name)
    twice = [
        given.values("participant", field).order_by().annotate(n=Count("pk")).filter(n__gt=1).count() for field in ("question", "item", "position")
    ]
    by_arm = dict(given.values_list("arm__name").order_by().annotate(n=Count("pk")))
    return {
        "over_collected": items.filter(Q(taken__gt=F("wanted")) | Q(held__gt=F("wanted"))).count(),
        "double": sum(twice) + judgments.values("judge", "utterance").order_by().annotate(n=Count("pk")).filter(n__gt=1).count(),
        "lost": items.exclude(held=F("taken")).count() + judgments.filter(assignment__isnull=True).count(),
        "missing": sum(items.values_list(F("wanted") - F("taken"), flat=True)),
        "judgments": judgments.count(),
        "open": given.filter(answered_at__isnull=True).count(),
        "people": people.count(),
        "bots": people.filter(is_bot=True).count(),
        "outcomes": dict(people.values_list("outcome").order_by().annotate(n=Count("pk"))),
        "arms": by_arm,
    }


if __name__ == "__main__":
    what, name, *numbers = sys.argv[1:]
    found = open_study(name, *map(int, numbers)) if what == "open" else audit(name)
    print(json.dumps(found))  # noqa: T201  # read by the test
