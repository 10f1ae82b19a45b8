"""Do a study's intervals hold the truth as often as they say? Simulates studies of known acceptance probabilities, and reads each by the report.

    python benchmarks/study_coverage.py [--studies 200] [--seed 0]

Every simulated study is written as rows (bots, assignments, judgments), read by `annotations.results.report.results_of`, and rolled back. The
truth is the acceptance of a person and a question drawn at random. Ends with exit code 1 if an interval of a design with 20 people or more holds
the truth in less than 92 or more than 98 % of the studies, give or take what so many studies leave to chance, or if the mean relative reduction
is off by more than .03.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = 100
ARMS = ("base", "lacie")
ACCEPT = {"base": {True: 0.84, False: 0.76}, "lacie": {True: 0.81, False: 0.41}}
"""As in the paper's human evaluation (arXiv 2405.21028, Table 2)."""
LEAST, MOST = 0.92, 0.98
OFF = 0.03


class Design(NamedTuple):
    name: str
    people: int
    rounds: int
    within: bool = True
    person_sd: float = 0.0
    "Of a person's leaning to accept, on the logit scale."
    question_sd: float = 0.0
    right: tuple[int, int] = (50, 50)
    "Questions that each arm answers right."


DESIGNS = (
    Design("the demo's: 40 people, 10 rounds", 40, 10),
    Design("the same, people and questions lean", 40, 10, person_sd=1.0, question_sd=0.7),
    Design("the same, unequal accuracy", 40, 10, person_sd=1.0, question_sd=0.7, right=(40, 60)),
    Design("between people, who lean", 40, 10, within=False, person_sd=1.0, question_sd=0.7),
    Design("20 people, 10 rounds, one judgment each", 20, 10),
    Design("the paper's size: 5 people, 32 rounds", 5, 32),
    Design("the same, people lean", 5, 32, person_sd=0.7, question_sd=0.5),
)


class Held(NamedTuple):
    """Of one figure, over the studies."""

    truth: float
    values: list[float]
    hits: list[bool]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"], os.environ["DATABASE_URL"] = folder, f"sqlite:///{folder}/coverage.sqlite3"
        return _run(given.studies, given.seed)


def _run(studies: int, seed: int) -> int:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacie_platform.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    slack = 2 * math.sqrt(0.95 * 0.05 / studies)  # of a share near .95 over so many studies, two standard errors
    missed = False
    for number, design in enumerate(DESIGNS):
        began = time.perf_counter()
        found = _play(design, studies, np.random.default_rng([seed, number]))
        print(f"\n{design.name} ({studies} studies, {time.perf_counter() - began:.0f} s)")
        for name, held in found.items():
            share, mean = float(np.mean(held.hits)), float(np.mean(held.values))
            wrong = design.people >= 20 and not LEAST - slack <= share <= MOST + slack
            wrong |= name == "wrong accepted, change of rate" and design.people >= 20 and abs(mean - held.truth) > OFF
            missed |= wrong
            print(f"  {name:32} truth {held.truth:+.3f}  mean {mean:+.3f}  held {100 * share:5.1f} %{'  MISSED' if wrong else ''}")
    return int(missed)


def _play(design: Design, studies: int, rng: np.random.Generator) -> dict[str, Held]:
    from django.db import transaction

    world = _world(design, rng)
    truths = _truths(design)
    values: dict[str, list[float]] = defaultdict(list)
    hits: dict[str, list[bool]] = defaultdict(list)
    for _ in range(studies):
        with transaction.atomic():
            for name, found in _figures(_study(design, world, rng)):
                values[name].append(math.nan if found.value is None else found.value)
                hits[name].append(found.low is not None and found.high is not None and found.low <= truths[name] <= found.high)
            transaction.set_rollback(True)
    return {name: Held(truths[name], values[name], hits[name]) for name in values}


# The truth


def _truths(design: Design) -> dict[str, float]:
    wide = math.hypot(design.person_sd, design.question_sd)
    p = {(arm, right): _marginal(ACCEPT[arm][right], wide) for arm in ARMS for right in (True, False)}
    told = {}
    for arm, right in zip(ARMS, design.right, strict=True):
        told[f"{arm}: right accepted"], told[f"{arm}: wrong accepted"] = p[arm, True], p[arm, False]
        true, false = p[arm, True] * right, p[arm, False] * (QUESTIONS - right)
        told[f"{arm}: precision"] = true / (true + false)
    for right, name in ((False, "wrong"), (True, "right")):
        ratio = p["lacie", right] / p["base", right]
        told[f"{name} accepted, change of rate"] = ratio - 1
        told[f"{name} accepted, headline"] = ratio - 1
        told[f"{name} accepted, difference"] = p["lacie", right] - p["base", right]
    return told


def _marginal(p: float, wide: float) -> float:
    """The mean of an acceptance of p that leans by a normal distribution so wide, on the logit scale."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    return float(weights @ (1 / (1 + np.exp(-math.log(p / (1 - p)) - wide * points))) / weights.sum())


def _figures(study: Any) -> Iterator[tuple[str, Any]]:
    from annotations.results.report import results_of

    found = results_of(study, bots=True)
    for row in found.arms:
        counts = row.counts
        yield f"{row.arm.name}: right accepted", counts.true_accept_rate
        yield f"{row.arm.name}: wrong accepted", counts.false_accept_rate
        yield f"{row.arm.name}: precision", counts.precision
    assert found.contrast is not None
    for change, name in ((found.contrast.rates.false_accept, "wrong"), (found.contrast.rates.true_accept, "right")):
        yield f"{name} accepted, change of rate", change.rate
        yield f"{name} accepted, headline", change.headline
        yield f"{name} accepted, difference", change.points


# The rows


def _world(design: Design, rng: np.random.Generator) -> dict[str, Any]:
    """What every simulated study of a design shares: questions, and an answer of each speaker to each."""
    from games.models import Dataset, Question, Speaker, Utterance

    dataset = Dataset.objects.create(name=f"coverage-{Dataset.objects.count()}")
    questions = Question.objects.bulk_create(Question(dataset=dataset, key=str(n), text=f"Question {n}?") for n in range(QUESTIONS))
    said = {}
    for arm, right in zip(ARMS, design.right, strict=True):
        speaker = Speaker.objects.create(name=f"{dataset.name}-{arm}", backend="fake")
        correct = rng.permutation(QUESTIONS) < right
        said[arm] = Utterance.objects.bulk_create(
            Utterance(speaker=speaker, question=question, text="An answer.", answer="An answer", is_correct=bool(is_correct))
            for question, is_correct in zip(questions, correct, strict=True)
        )
    return {"questions": questions, "said": said}


def _study(design: Design, world: dict[str, Any], rng: np.random.Generator) -> Any:
    from django.utils import timezone

    from annotations.models import Assignment, Participant, Study
    from games.models import Judgment, Listener

    study = Study.objects.create(name="coverage", title="Coverage", listener=Listener.objects.create(name="people-coverage", kind="human"))
    arms = {name: study.arms.create(name=name, speaker=world["said"][name][0].speaker, position=n) for n, name in enumerate(ARMS)}
    people = Participant.objects.bulk_create(Participant(study=study, is_bot=True, outcome="finished") for _ in range(design.people))
    by_person = rng.normal(0, design.person_sd, design.people)
    by_question = rng.normal(0, design.question_sd, QUESTIONS)
    judgments: list[Judgment] = []
    rows: list[Assignment] = []
    for person, arm, question in _assigned(design, rng):
        utterance = world["said"][arm][question]
        p = ACCEPT[arm][utterance.is_correct]
        accepts = rng.random() < 1 / (1 + math.exp(-math.log(p / (1 - p)) - by_person[person] - by_question[question]))
        judgment = Judgment(utterance=utterance, listener=study.listener, judge=people[person].code, accepted=bool(accepts))
        judgments.append(judgment)
        rows.append(
            Assignment(
                participant=people[person],
                position=len(rows),
                arm=arms[arm],
                question=world["questions"][question],
                utterance=utterance,
                judgment=judgment,
                answered_at=timezone.now(),
            )
        )
    Judgment.objects.bulk_create(judgments)
    for row, judgment in zip(rows, judgments, strict=True):
        row.judgment_id = judgment.pk  # known only now
    Assignment.objects.bulk_create(rows)
    return study


def _assigned(design: Design, rng: np.random.Generator) -> Iterator[tuple[int, str, int]]:
    """Each question once a person, the least-judged first, arms alternating within the person, or one arm a person."""
    judged = np.zeros((len(ARMS), QUESTIONS), dtype=int)
    for person in range(design.people):
        left = set(range(QUESTIONS))
        for n in range(design.rounds):
            arm = (person + n) % 2 if design.within else person % 2
            least = min(judged[arm, question] for question in left)
            question = int(rng.choice([question for question in sorted(left) if judged[arm, question] == least]))
            left.discard(question)
            judged[arm, question] += 1
            yield person, ARMS[arm], question


if __name__ == "__main__":
    sys.exit(main())
